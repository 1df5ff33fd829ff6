//! The tab *Latencies*: a table by kind and name with percentiles; below it the chosen line over time and by length.

use std::sync::Arc;

use egui::{Rect, RichText, Stroke, Ui, UiBuilder, pos2};
use stratoscope_core::vocab::{Dur, RefNs, RowKind, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::joint::computed::{Along, Computed};
use crate::window::joint::empty::{Empty, empty_ui};
use crate::window::joint::facts::Facts;
use crate::window::joint::table::{self, Cell, Column, Sort, table_ui};
use crate::window::stats::histogram::histogram_ui;
use crate::window::stats::latencies::{self, Dot, FIRST_FIGURE, Figure, Line, LineName, Place, Which};
use crate::window::stats::scatter::Scatter;
use crate::window::stats::sheet::Sheet;
use crate::window::theme::Sizes;
use crate::window::timeline::Shared;
use crate::window::words;
use crate::window::worker::Wake;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    range: TimeRange<RefNs>,
    which: Which,
    thread: Option<RowRef>,
    sort: Along<Sort>,
}

/// What was counted, of what.
struct Answer {
    asked: Key,
    lines: Vec<Line>,
}

/// Which line's dots are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
struct DotsKey {
    range: TimeRange<RefNs>,
    thread: Option<RowRef>,
    line: LineName,
}

/// The tab's memory between frames.
pub struct LatenciesTab {
    lines: Computed<Key, Answer>,
    which: Which,
    /// Only latencies of the thread that was selected when this was switched on.
    thread: Option<RowRef>,
    sort: Sort,
    chosen: Option<LineName>,
    dots: Computed<DotsKey, (LineName, Vec<Dot>)>,
    axis_from: Option<RefNs>,
}

fn columns() -> [Column; 10] {
    let number = |figure: Figure, width, about| Column::number(figure.name(), width, about);
    [
        Column::text("Latency", 190.0, "What took time."),
        Column::text("Name", 130.0, "The system call, the interrupt, or the name of the tasks that waited.").growing(),
        number(Figure::Count, 66.0, "How many ended in this stretch of time."),
        number(Figure::Total, 68.0, "All together."),
        number(Figure::Min, 66.0, "The shortest."),
        number(Figure::Mean, 66.0, "The mean."),
        number(Figure::P50, 66.0, "Half of them took no longer."),
        number(Figure::P95, 66.0, "95 of 100 took no longer."),
        number(Figure::P99, 66.0, "99 of 100 took no longer."),
        number(Figure::Max, 66.0, "The longest; a click on the line goes there."),
    ]
}

impl LatenciesTab {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        let lines = Computed::new("latencies", Wake::clone(wake), |key: &Key, facts: &Facts, cancel| {
            let found = latencies::lines(facts, key.range, key.which.kinds(), key.thread, cancel);
            let mut lines = found.unwrap_or_default();
            latencies::sort(&mut lines, key.sort.0);
            Answer { asked: *key, lines }
        });
        let dots = Computed::new("latencies over time", Wake::clone(wake), |key: &DotsKey, facts: &Facts, cancel| {
            let dots = latencies::dots(facts, key.range, key.line, key.thread, cancel);
            (key.line, dots.unwrap_or_default())
        });
        Self {
            lines,
            dots,
            which: Which::All,
            thread: None,
            sort: Sort::descending(FIRST_FIGURE + Figure::Total as usize),
            chosen: None,
            axis_from: None,
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.lines.reset();
        self.dots.reset();
        self.thread = None;
        self.chosen = None;
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.lines.wait(longest) && self.dots.wait(longest)
    }

    /// The switches of this tab.
    pub fn choices_ui(&mut self, ui: &mut Ui, cx: &FrameContext<'_>) {
        let choice = |ui: &mut Ui, on: bool, name: &str, about: &str| {
            ui.selectable_label(on, RichText::new(name).size(Sizes::SMALL)).on_hover_text(about).clicked()
        };
        for which in Which::ALL {
            if choice(ui, self.which == which, which.name(), "Show these.") {
                self.which = which;
            }
        }
        let selected = cx.state.view.row.filter(|row| row.key.kind == RowKind::Thread);
        if let Some(row) = self.thread.or(selected) {
            let name = format!("Only {}", words::row_place(&cx.state.scene, row));
            if choice(ui, self.thread.is_some(), &name, "Only what this thread did and waited for.") {
                self.thread = if self.thread.is_some() { None } else { Some(row) };
            }
        }
    }

    /// Draws the table and the pictures over the room that is left. Returns where the user wants to go.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut FrameContext<'_>,
        shared: &mut Shared,
        range: TimeRange<RefNs>,
    ) -> Option<Place> {
        let facts = Arc::clone(&cx.state.scene.facts);
        self.ask(&facts, range);
        let Some(answer) = self.lines.get() else {
            ui.label(RichText::new("   Counting…").color(cx.theme.secondary));
            return None;
        };
        if answer.lines.is_empty() {
            let (what, need) = self.which.lacks(cx);
            empty_ui(ui, cx, &Empty { what, more: &[], need, about: "statistics" });
            return None;
        }
        let room = ui.available_rect_before_wrap();
        let below = if room.height() > 240.0 { (room.height() * 0.45).clamp(110.0, 300.0) } else { 0.0 };
        let top = Rect::from_min_max(room.min, pos2(room.right(), room.bottom() - below));
        let mut goal = ui.scope_builder(UiBuilder::new().max_rect(top), |ui| self.table_ui(ui, cx, &facts)).inner;
        if below > 0.0 {
            let place = Rect::from_min_max(pos2(room.left(), top.bottom()), room.max);
            ui.painter().hline(place.x_range(), place.top(), Stroke::new(1.0, cx.theme.line));
            goal = goal.or(self.pictures_ui(ui, cx, shared, &facts, place));
        }
        ui.advance_cursor_after_rect(room);
        goal
    }

    fn ask(&mut self, facts: &Arc<Facts>, range: TimeRange<RefNs>) {
        let key = Key { range, which: self.which, thread: self.thread, sort: Along(self.sort) };
        if self.lines.ask(key, facts) {
            self.order();
        }
    }

    /// Sorts the lines as the user wants, if they are not.
    fn order(&mut self) {
        let sort = self.sort;
        if let Some(answer) = self.lines.get_mut().filter(|answer| answer.asked.sort.0 != sort) {
            latencies::sort(&mut answer.lines, sort);
            answer.asked.sort = Along(sort);
        }
    }

    fn table_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts) -> Option<Place> {
        let lines = &self.lines.get()?.lines;
        let several = facts.world.machines.len() > 1;
        let output = table_ui(ui, cx.theme, &columns(), self.sort, lines.len(), |n| {
            line_of(&lines[n], self.chosen == Some(lines[n].name()), several)
        });
        let clicked = output.clicked.and_then(|n| lines.get(n));
        self.chosen = clicked.map(Line::name).or(self.chosen);
        let goal = clicked.and_then(|line| latencies::longest(facts, line));
        if let Some(sort) = output.sort {
            self.sort = sort;
            self.order();
        }
        goal
    }

    fn pictures_ui(
        &mut self,
        ui: &Ui,
        cx: &mut FrameContext<'_>,
        shared: &mut Shared,
        facts: &Arc<Facts>,
        room: Rect,
    ) -> Option<Place> {
        let answer = self.lines.get()?;
        // The chosen line, else the first.
        let chosen = answer.lines.iter().find(|l| self.chosen == Some(l.name()));
        let line = chosen.or(answer.lines.first())?;
        let Key { range, thread, .. } = answer.asked;
        self.dots.ask(DotsKey { range, thread, line: line.name() }, facts);
        // Another line's dots would be a lie; those of an earlier stretch of time are moved along.
        let dots = self.dots.get().filter(|(of, _)| *of == line.name()).map_or(&[][..], |(_, dots)| dots);
        let of = if line.name.is_empty() {
            line.found.kind.words().to_owned()
        } else {
            format!("{}: {}", line.found.kind.words(), line.name)
        };
        let room = room.shrink2(egui::vec2(0.0, 5.0));
        let beside = room.width() > 640.0;
        let split = if beside { room.left() + room.width() * 0.62 } else { room.right() };
        let left = Rect::from_min_max(room.min, pos2(split, room.bottom()));
        let goal = Scatter { dots, of: &of, range: answer.asked.range }.ui(ui, cx, left, shared, &mut self.axis_from);
        if beside {
            let right = Rect::from_min_max(pos2(split, room.top()), room.max);
            histogram_ui(ui, cx.theme, right, &line.found.histogram, &of);
        }
        goal
    }

    /// The table as text.
    pub fn sheet(&self, facts: &Facts) -> Sheet {
        self.lines.get().map_or_else(Sheet::default, |answer| latencies::sheet(facts, &answer.lines))
    }
}

fn line_of(line: &Line, selected: bool, several: bool) -> table::Line {
    let time = |figure: Figure| duration(Dur(line.figure(figure)));
    let quiet = |figure: Figure| Cell::Quiet(time(figure));
    let count = words::grouped(line.found.histogram.count());
    table::Line {
        spoken: format!(
            "latency {} {}: {count}, p99 {}, max {}",
            line.found.kind.name(),
            line.name,
            time(Figure::P99),
            time(Figure::Max)
        ),
        machine: several.then_some(line.machine),
        indent: 0.0,
        selected,
        cells: vec![
            Cell::Quiet(line.found.kind.words().to_owned()),
            Cell::Text(line.name.clone()),
            Cell::Text(count),
            Cell::Text(time(Figure::Total)),
            quiet(Figure::Min),
            quiet(Figure::Mean),
            quiet(Figure::P50),
            Cell::Text(time(Figure::P95)),
            Cell::Text(time(Figure::P99)),
            Cell::Text(time(Figure::Max)),
        ],
    }
}

/// Goes to a latency: selects its row and its time, with a little around it.
pub fn go(cx: &mut FrameContext<'_>, place: Place) {
    cx.send(Command::SelectRow(Some(place.row)));
    cx.send(Command::SelectTime(Some(place.span)));
    let window = crate::window::timeline::interact::around(place.span);
    cx.send(Command::SetWindow { window, remember: true });
}
