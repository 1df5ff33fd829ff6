//! What one row looks like at a width: its runs of columns and the texts that may stand on them.

use std::sync::Arc;

use stratoscope_core::store::{Interval, Look, Run};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Dur, MachineId, Name, RefNs, RowKind, State, Tid, TimeRange};

use crate::window::find::rule::{At, Rule};
use crate::window::relations;
use crate::window::theme::{Drawing, Sizes, Theme};
use crate::window::timeline::lane::Settled;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};
use crate::window::timeline::{lit, tint};

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

    /// The last column that ends before `t`, plus one.
    fn ended_by(&self, t: RefNs) -> i64 {
        let columns = t.0.saturating_sub(self.anchor.0) as f64 / self.column_ns;
        // Edges are rounded: one more or less does not matter here.
        (columns.floor() as i64).saturating_sub(1)
    }
}

/// What a picture depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PictureKey {
    pub(crate) version: u64,
    /// What of it is the same in later versions.
    pub(crate) settled: Option<Settled>,
    pub(crate) map: ClockMap,
    pub(crate) grid: Grid,
    /// Whether its runs are cut by machine, as [`crate::window::timeline::tint`] does.
    pub(crate) by_machine: bool,
    /// What is looked for.
    pub(crate) find: u64,
}

impl PictureKey {
    /// The columns that look the same in a picture of `self` and in one of `old`: those that both have in view, and of
    /// a later version those that had been settled before.
    fn kept_of(&self, old: &Self) -> Option<(i64, i64)> {
        let Self { grid, version, settled, find, .. } = *self;
        if (Self { grid, version, settled, find, ..*old }) != *self {
            return None;
        }
        let (first, end) = grid.shared(&old.grid)?;
        let end = match (old.settled, settled) {
            _ if old.version == version => end,
            (Some(before), Some(now)) if before.lane == now.lane => {
                end.min(grid.ended_by(self.map.to_ref(before.before)))
            }
            _ => return None,
        };
        (first < end).then_some((first, end))
    }

    /// How many columns of it are not in a picture of `old`.
    pub(crate) fn missing_in(&self, old: Option<&Self>) -> i64 {
        let kept = old.and_then(|old| self.kept_of(old)).map_or(0, |(first, end)| end - first);
        i64::from(self.grid.columns) - kept
    }
}

/// What one row looks like.
#[derive(Default)]
pub(crate) struct Picture {
    pub(crate) key: Option<PictureKey>,
    /// Runs of columns, counted from the first one in view.
    pub(crate) runs: Vec<Run>,
    pub(crate) labels: Vec<Span>,
    /// Which runs hold what is looked for; empty: nothing is looked for among states.
    pub(crate) lit: Vec<bool>,
}

/// A text and the columns that it may use.
pub(crate) struct Span {
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) state: State,
    /// Whose colour it stands on, if bars are coloured by machine.
    pub(crate) machine: Option<MachineId>,
    pub(crate) text: Arc<str>,
}

impl Picture {
    /// In whose colour a run is painted, if it is not painted in its state's.
    pub(crate) fn machine_of(&self, run: &Run) -> Option<MachineId> {
        self.key.filter(|key| key.by_machine).and_then(|_| tint::machine_of(run))
    }

    /// Whether a run holds what is looked for.
    pub(crate) fn is_lit(&self, run: usize) -> bool {
        self.lit.get(run).copied().unwrap_or(true)
    }

    /// Whether the run of a column holds what is looked for.
    pub(crate) fn is_lit_at(&self, column: u32) -> bool {
        self.lit.is_empty() || self.is_lit(self.runs.partition_point(|r| r.end <= column))
    }

    /// Finds which runs hold what is looked for.
    pub(crate) fn light(&mut self, rule: Option<&Rule>, scene: &Scene, machine: &SceneMachine, row: &SceneRow) {
        self.lit = match (rule, self.key) {
            (Some(rule), Some(key)) => {
                let begin_of = |column: u32| machine.map.from_ref(key.grid.edge(key.grid.first + i64::from(column)));
                lit::lit(rule, &At { scene, machine, row }, &self.runs, begin_of)
            }
            _ => Vec::new(),
        };
    }

    /// Makes it anew, or only what came into view or was not settled; `column` is the width of a column in points.
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
        match old.and_then(|old| Some((old.grid, key.kept_of(&old)?))) {
            Some((old, kept)) => self.shift(&old, &key, kept, scene, machine, row),
            None => {
                let whole = (key.grid.first, key.grid.end());
                ask(scene, machine, row, &key, whole, &mut self.runs);
            }
        }
        self.find_labels(scene, machine, row, theme, column, key.by_machine);
    }

    /// Keeps the columns `kept` of the `old` ones and asks for the others.
    fn shift(
        &mut self,
        old: &Grid,
        key: &PictureKey,
        kept: (i64, i64),
        scene: &Scene,
        machine: &SceneMachine,
        row: &SceneRow,
    ) {
        let new = &key.grid;
        let mut runs = Vec::with_capacity(self.runs.len() + 16);
        let mut fresh = Vec::new();
        let mut more = |first: i64, end: i64, runs: &mut Vec<Run>| {
            if first < end {
                ask(scene, machine, row, key, (first, end), &mut fresh);
                append(runs, &fresh, first - new.first, 0, new.columns);
            }
        };
        more(new.first, kept.0, &mut runs);
        let (from, to) = ((kept.0 - new.first) as u32, (kept.1 - new.first) as u32);
        append(&mut runs, &self.runs, old.first - new.first, from, to);
        more(kept.1, new.end(), &mut runs);
        self.runs = runs;
    }

    /// Finds texts for intervals that are wide enough.
    fn find_labels(
        &mut self,
        scene: &Scene,
        machine: &SceneMachine,
        row: &SceneRow,
        theme: &Theme,
        column: f32,
        by_machine: bool,
    ) {
        let mut labels = std::mem::take(&mut self.labels);
        labels.clear();
        let least = (Sizes::LABEL_MIN / column).ceil() as u32;
        let mut rest = self.runs.as_slice();
        while let Some(first) = rest.first() {
            if relations::takes(first.state) && !by_machine && row.joined {
                rest = label_of_taken(scene, rest, least, &mut labels);
                continue;
            }
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
                let machine = if by_machine { tint::machine_of(first) } else { None };
                labels.push(Span { begin: first.begin, end: last.end, state: first.state, machine, text });
            }
        }
        self.labels = labels;
    }
}

/// One text for a stretch in which others had the CPU, be it cut by who: whoever had most of it, as far as columns
/// tell. Returns what comes after it.
fn label_of_taken<'a>(scene: &Scene, runs: &'a [Run], least: u32, labels: &mut Vec<Span>) -> &'a [Run] {
    let state = runs[0].state;
    let more = runs.windows(2).take_while(|w| w[0].end == w[1].begin && w[1].state == state).count();
    let (stretch, rest) = runs.split_at(more + 1);
    let (begin, end) = (stretch[0].begin, stretch[more].end);
    if end - begin >= least {
        let mut shares: Vec<(Name, u32)> = Vec::new();
        for run in stretch.iter().filter(|run| !run.detail.is_none()) {
            match shares.iter_mut().find(|(name, _)| *name == run.detail) {
                Some((_, width)) => *width += run.end - run.begin,
                None => shares.push((run.detail, run.end - run.begin)),
            }
        }
        if let Some((name, _)) = shares.into_iter().max_by_key(|(_, width)| *width) {
            labels.push(Span { begin, end, state, machine: None, text: scene.text(name) });
        }
    }
    rest
}

/// What the columns from `first` to `end` show.
fn ask(
    scene: &Scene,
    machine: &SceneMachine,
    row: &SceneRow,
    key: &PictureKey,
    (first, end): (i64, i64),
    out: &mut Vec<Run>,
) {
    let range = machine.to_machine(key.grid.range(first, end));
    let columns = (end - first) as u32;
    row.lane.runs(range, columns, out);
    if key.by_machine {
        tint::by_machine(scene, machine.id, row, range, columns, out);
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
    use std::sync::atomic::{AtomicU32, Ordering};

    use stratoscope_core::store::{Extents, MachineStore, Row, StateSums, StoreOptions, Writer as _};
    use stratoscope_core::vocab::{MachineNs, ProblemLog, RowKey};

    use super::*;
    use crate::window::command::RowRef;
    use crate::window::timeline::fake;
    use crate::window::timeline::lane::Lane;

    /// A row of a store that says how many columns it was asked for.
    struct Asked(Arc<Row>, AtomicU32);

    impl Lane for Asked {
        fn version(&self) -> u64 {
            self.0.version()
        }

        fn settled(&self) -> Option<Settled> {
            Lane::settled(&*self.0)
        }

        fn runs(&self, range: TimeRange<MachineNs>, width_px: u32, out: &mut Vec<Run>) {
            self.1.fetch_add(width_px, Ordering::Relaxed);
            self.0.columns(range, width_px, out);
        }

        fn at(&self, t: MachineNs) -> Option<Interval> {
            self.0.at(t)
        }

        fn next_after(&self, t: MachineNs) -> Option<Interval> {
            self.0.next_after(t)
        }

        fn prev_before(&self, t: MachineNs) -> Option<Interval> {
            self.0.prev_before(t)
        }

        fn sums(&self, range: TimeRange<MachineNs>, out: &mut [i64; State::COUNT]) {
            Lane::sums(&*self.0, range, out);
        }

        fn counted(&self, range: TimeRange<MachineNs>) -> StateSums {
            self.0.sums(range)
        }
    }

    #[test]
    fn a_picture_of_a_row_that_grows_asks_for_what_is_new_and_is_the_one_made_anew() {
        const COLUMNS: u32 = 500;
        const STEPS: i64 = 10;
        let scene = fake::fighting();
        let machine = &scene.machines[0];
        let mut store = MachineStore::new(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
        let key = RowKey::thread(Tid(1), 0);
        let id = store.row(key);
        // A column is 1 µs; states of 3 to 40 of them, so that columns are exact in all versions.
        let grid = Grid { anchor: RefNs(0), column_ns: 1000.0, first: 0, columns: COLUMNS };
        let end = i64::from(COLUMNS) * 1000;
        let (mut t, mut n) = (0, 0);
        let mut growing = Picture::default();
        let mut asked = Vec::new();
        for step in 1..=STEPS {
            while t < end / STEPS * step {
                let state = [State::RunningUser, State::Blocked, State::Preempted][n % 3];
                store.set(id, MachineNs(t), Look { detail: Name(n as u32), ..Look::new(state) });
                t += 3000 + (n as i64 * 7919) % 37_000;
                n += 1;
            }
            let row = store.snapshot(MachineNs(end / STEPS * step)).row(id).cloned().unwrap();
            let settled = row.settled();
            let (version, lane) = (row.version(), Arc::new(Asked(row, AtomicU32::new(0))));
            let row = SceneRow {
                key,
                name: Name::NONE,
                process: None,
                parent: None,
                busy_ns: 0,
                woken: 0,
                begin: None,
                lane: Arc::clone(&lane) as Arc<dyn Lane>,
                joined: false,
            };
            let settled = Some(Settled { lane: lane.0.store(), before: settled });
            let key = PictureKey { version, settled, map: ClockMap::IDENTITY, grid, by_machine: false, find: 0 };
            growing.make(key, &scene, machine, &row, Theme::dark(), 1.0);
            asked.push(lane.1.load(Ordering::Relaxed));
            let mut fresh = Picture::default();
            fresh.make(key, &scene, machine, &row, Theme::dark(), 1.0);
            assert_eq!(growing.runs, fresh.runs, "after step {step}");
            // Another store's row of the same number has nothing in common with it.
            let other = PictureKey { version: version + 1, settled: settled.map(|s| Settled { lane: 0, ..s }), ..key };
            assert_eq!(other.kept_of(&key), None);
        }
        assert_eq!(asked[0], COLUMNS);
        // Each time those from the last settled state on: fewer and fewer.
        assert!(asked.windows(2).all(|w| w[1] < w[0]), "{asked:?}");
        assert!(asked[STEPS as usize - 1] < COLUMNS / 5, "{asked:?}");
    }

    #[test]
    fn a_picture_that_moved_is_the_one_made_anew() {
        let scene = fake::fighting();
        let row = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(184), 0) };
        let (machine, _, scene_row) = scene.row(row).unwrap();
        let mut moving = Picture::default();
        for first in [0, 7, 300, 250, -40, 2000, 1990] {
            // 40 µs a column; the states are multiples of 10 µs.
            let grid = Grid { anchor: RefNs(0), column_ns: 40_000.0, first, columns: 400 };
            let key = PictureKey { version: 1, settled: None, map: machine.map, grid, by_machine: false, find: 0 };
            moving.make(key, &scene, machine, scene_row, Theme::dark(), 1.0);
            let mut fresh = Picture::default();
            fresh.make(key, &scene, machine, scene_row, Theme::dark(), 1.0);
            assert_eq!(moving.runs, fresh.runs, "from column {first}");
            assert_eq!(moving.labels.len(), fresh.labels.len());
        }
    }
}
