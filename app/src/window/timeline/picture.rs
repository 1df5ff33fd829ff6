//! What one row looks like at a width: its runs of columns and the texts that may stand on them.

use std::sync::Arc;

use stratoscope_core::store::{Interval, Look, Run};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Dur, RefNs, RowKind, State, Tid, TimeRange};

use crate::window::theme::{Drawing, Sizes, Theme};
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};

/// Which columns of pixels a pane has: of equal length, counted from an anchor. While the window moves the grid
/// stays, so that columns keep what they show and only those that come into view are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    /// Where column 0 begins.
    pub(crate) anchor: RefNs,
    /// Length of a column.
    pub(crate) column_ns: f64,
    /// The first column in view.
    pub(crate) first: i64,
    /// How many are in view.
    pub(crate) columns: u32,
}

impl Grid {
    fn edge(&self, column: i64) -> RefNs {
        self.anchor + Dur((column as f64 * self.column_ns).round() as i64)
    }

    /// The time of columns `first` to `end`.
    fn range(&self, first: i64, end: i64) -> TimeRange<RefNs> {
        TimeRange::new(self.edge(first), self.edge(end))
    }

    fn end(&self) -> i64 {
        self.first + i64::from(self.columns)
    }

    /// The columns that two grids share, if they are the same but for what is in view.
    fn shared(&self, other: &Self) -> Option<(i64, i64)> {
        let same = self.anchor == other.anchor && self.column_ns == other.column_ns;
        let (first, end) = (self.first.max(other.first), self.end().min(other.end()));
        (same && first < end).then_some((first, end))
    }
}

/// What a picture depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PictureKey {
    pub(crate) version: u64,
    pub(crate) map: ClockMap,
    pub(crate) grid: Grid,
}

/// What one row looks like.
#[derive(Default)]
pub(crate) struct Picture {
    pub(crate) key: Option<PictureKey>,
    /// Runs of columns, counted from the first one in view.
    pub(crate) runs: Vec<Run>,
    pub(crate) labels: Vec<Span>,
}

/// A text and the columns that it may use.
pub(crate) struct Span {
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) state: State,
    pub(crate) text: Arc<str>,
}

impl Picture {
    /// Makes it anew, or only what came into view; `column` is the width of a column in points.
    pub(crate) fn make(
        &mut self,
        key: PictureKey,
        scene: &Scene,
        machine: &SceneMachine,
        row: &SceneRow,
        theme: &Theme,
        column: f32,
    ) {
        let old = self.key.replace(key);
        let kept = old.filter(|old| old.version == key.version && old.map == key.map);
        match kept.and_then(|old| Some((old.grid, old.grid.shared(&key.grid)?))) {
            Some((old, shared)) => self.shift(&old, &key.grid, shared, machine, row),
            None => {
                let range = key.grid.range(key.grid.first, key.grid.end());
                row.lane.runs(machine.to_machine(range), key.grid.columns, &mut self.runs);
            }
        }
        self.find_labels(scene, machine, row, theme, column);
    }

    /// Keeps the columns that stay in view and asks for the others.
    fn shift(&mut self, old: &Grid, new: &Grid, shared: (i64, i64), machine: &SceneMachine, row: &SceneRow) {
        let mut runs = Vec::with_capacity(self.runs.len() + 16);
        let mut fresh = Vec::new();
        let mut ask = |first: i64, end: i64, runs: &mut Vec<Run>| {
            if first < end {
                let range = machine.to_machine(new.range(first, end));
                row.lane.runs(range, (end - first) as u32, &mut fresh);
                append(runs, &fresh, first - new.first, 0, new.columns);
            }
        };
        ask(new.first, shared.0, &mut runs);
        let (from, to) = ((shared.0 - new.first) as u32, (shared.1 - new.first) as u32);
        append(&mut runs, &self.runs, old.first - new.first, from, to);
        ask(shared.1, new.end(), &mut runs);
        self.runs = runs;
    }

    /// Finds texts for intervals that are wide enough.
    fn find_labels(&mut self, scene: &Scene, machine: &SceneMachine, row: &SceneRow, theme: &Theme, column: f32) {
        self.labels.clear();
        let least = (Sizes::LABEL_MIN / column).ceil() as u32;
        let mut rest = self.runs.as_slice();
        while let Some(first) = rest.first() {
            // One interval has several runs where only some of its columns have ticks.
            let parts = rest
                .windows(2)
                .take_while(|w| w[0].end == w[1].begin && w[1].single.is_some() && w[0].single == w[1].single)
                .count();
            let last = rest[parts];
            rest = &rest[parts + 1..];
            let wide = last.end - first.begin >= least;
            if !wide || !matches!(theme.state(first.state).drawing, Drawing::Full | Drawing::Hatched(_)) {
                continue;
            }
            if let Some(interval) = first.single.and_then(|begin| row.lane.at(begin))
                && let Some(text) = label_of(scene, machine, row, &interval)
            {
                self.labels.push(Span { begin: first.begin, end: last.end, state: first.state, text });
            }
        }
    }
}

/// Appends runs, moved by `offset` columns and cut to those from `from` to `to`; joins what is alike.
fn append(out: &mut Vec<Run>, runs: &[Run], offset: i64, from: u32, to: u32) {
    let moved = |column: u32| (i64::from(column) + offset).clamp(i64::from(from), i64::from(to)) as u32;
    for run in runs {
        let run = Run { begin: moved(run.begin), end: moved(run.end), ..*run };
        match out.last_mut() {
            _ if run.begin >= run.end => {}
            Some(last) if *last == (Run { begin: last.begin, end: run.begin, ..run }) => last.end = run.end,
            _ => out.push(run),
        }
    }
}

/// What stands on an interval: the task on a CPU, else what is known of the state.
fn label_of(scene: &Scene, machine: &SceneMachine, row: &SceneRow, interval: &Interval) -> Option<Arc<str>> {
    let detail = (!interval.look.detail.is_none()).then(|| scene.text(interval.look.detail));
    if row.key.kind != RowKind::Cpu || interval.look.aux == Look::NO_AUX {
        return detail;
    }
    let task = machine
        .thread(Tid(interval.look.aux as i32), interval.begin)
        .map(|(_, thread)| scene.text(thread.name))
        .filter(|name| !name.is_empty());
    match (task, detail) {
        (Some(task), Some(detail)) => Some(format!("{task} · {detail}").into()),
        (task, detail) => task.or(detail),
    }
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{MachineId, RowKey};

    use super::*;
    use crate::window::command::RowRef;
    use crate::window::timeline::fake;

    #[test]
    fn a_picture_that_moved_is_the_one_made_anew() {
        let scene = fake::fighting();
        let row = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(184), 0) };
        let (machine, _, scene_row) = scene.row(row).unwrap();
        let mut moving = Picture::default();
        for first in [0, 7, 300, 250, -40, 2000, 1990] {
            // 40 µs a column; the states are multiples of 10 µs.
            let grid = Grid { anchor: RefNs(0), column_ns: 40_000.0, first, columns: 400 };
            let key = PictureKey { version: 1, map: machine.map, grid };
            moving.make(key, &scene, machine, scene_row, Theme::dark(), 1.0);
            let mut fresh = Picture::default();
            fresh.make(key, &scene, machine, scene_row, Theme::dark(), 1.0);
            assert_eq!(moving.runs, fresh.runs, "from column {first}");
            assert_eq!(moving.labels.len(), fresh.labels.len());
        }
    }
}
