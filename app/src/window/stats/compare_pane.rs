//! The pane *Compare*: the two sides, and a table of what differs between them, what changed most first.

use std::cmp::Ordering;
use std::sync::Arc;

use egui::{RichText, Ui};
use stratoscope_core::vocab::{Dur, MachineId, RowKind};

use crate::window::axis::duration;
use crate::window::catalogue;
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::joint::computed::{Along, Computed};
use crate::window::joint::empty::no_threads_ui;
use crate::window::joint::facts::Facts;
use crate::window::joint::table::{self, Cell, Column, Sort, percent, table_ui};
use crate::window::parts::wrapped_ui;
use crate::window::stats::comparison::{Comparison, Side, SideName};
use crate::window::stats::differences::{Line, Subject, Unit, What, differences};
use crate::window::stats::latencies::{Figure, Which};
use crate::window::stats::sheet::{Field, Sheet, copy_ui};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::scene::Scene;
use crate::window::words;
use crate::window::worker::Wake;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    comparison: Comparison,
    what: What,
    order: Along<Order>,
}

/// Which lines are shown, in which order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Order {
    figure: Figure,
    quiet: bool,
    scaled: bool,
    sort: Sort,
}

/// All lines, and the numbers of those that are shown.
#[derive(Default)]
struct Answer {
    lines: Vec<Line>,
    shown: Vec<usize>,
    order: Option<Order>,
}

/// The column of differences.
const DIFFERENCE: usize = 4;

/// The pane's memory between frames.
pub struct ComparePane {
    answer: Computed<Key, Answer>,
    what: What,
    figure: Figure,
    /// Whether states in which nothing happens are shown as well.
    quiet: bool,
    /// Whether what grows with the length of a side is divided by it; `None`: if the sides are not equally long.
    scaled: Option<bool>,
    sort: Sort,
    chosen: Option<Line>,
}

fn columns() -> [Column; 6] {
    [
        Column::text("Name", 190.0, "Tasks, CPUs, system calls of one name. A click selects the busiest row.")
            .growing(),
        Column::text("What", 170.0, "The state, or what took time."),
        Column::number("A", 86.0, "On side A."),
        Column::number("B", 86.0, "On side B."),
        Column::number("Difference", 96.0, "How much more it is on side B. Sorted by its size, whichever way it goes."),
        Column::number("Change", 78.0, "The difference as a part of A."),
    ]
}

/// Sides that differ in length by more than a hundredth are compared by shares of their lengths.
fn unequal(comparison: &Comparison) -> bool {
    comparison.ranges().is_some_and(|[a, b]| {
        let (a, b) = (a.length().0, b.length().0);
        (a - b).abs() > a.max(b) / 100
    })
}

impl ComparePane {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        let answer = Computed::new("differences", Wake::clone(wake), |key: &Key, facts: &Facts, cancel| {
            let lines = differences(facts, &key.comparison, key.what, cancel).unwrap_or_default();
            let mut answer = Answer { lines, ..Answer::default() };
            answer.put(key.order.0);
            answer
        });
        Self {
            answer,
            what: What::Times(RowKind::Thread),
            figure: Figure::P95,
            quiet: false,
            scaled: None,
            sort: Sort::descending(DIFFERENCE),
            chosen: None,
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.answer.reset();
        self.chosen = None;
        self.scaled = None;
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.answer.wait(longest)
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        if no_threads_ui(ui, cx, "there is nothing to compare", "compare") {
            return;
        }
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        ui.add_space(2.0);
        for name in SideName::ALL {
            side_ui(ui, cx, name);
        }
        let comparison = cx.state.comparison;
        if comparison.ranges().is_none() {
            hint_ui(ui, cx);
            return;
        }
        let facts = Arc::clone(&cx.state.scene.facts);
        self.choices_ui(ui, cx, &comparison);
        let order = self.order(&comparison);
        self.answer.ask(Key { comparison, what: self.what, order: Along(order) }, &facts);
        if let Some(answer) = self.answer.get_mut() {
            answer.put(order);
        }
        self.table_ui(ui, cx, &comparison);
    }

    fn order(&self, comparison: &Comparison) -> Order {
        let scaled = self.scaled.unwrap_or(unequal(comparison));
        Order { figure: self.figure, quiet: self.quiet, scaled, sort: self.sort }
    }

    fn choices_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, comparison: &Comparison) {
        let choice = |ui: &mut Ui, on: bool, name: &str, about: &str| {
            ui.selectable_label(on, RichText::new(name).size(Sizes::SMALL)).on_hover_text(about).clicked()
        };
        let auto = unequal(comparison);
        wrapped_ui(ui, Sizes::GRID / 2.0, |ui| {
            let vms = cx.state.scene.enters_guests;
            for (what, name) in [
                (What::Times(RowKind::Thread), "Tasks"),
                (What::Times(RowKind::Cpu), "CPUs"),
                (What::Times(RowKind::Vcpu), "vCPUs"),
                (What::Times(RowKind::VmThread), "Tasks in VMs"),
                (What::Latencies(Which::All), "Latencies"),
                (What::Latencies(Which::Calls), "System calls"),
                (What::Latencies(Which::Waits), "Waits for a CPU"),
                (What::Latencies(Which::Interrupts), "Interrupt handlers"),
            ] {
                if !vms && matches!(what, What::Times(RowKind::Vcpu | RowKind::VmThread)) {
                    continue;
                }
                let about = match what {
                    What::Times(_) => "Time per state, by name.",
                    What::Latencies(_) => "How long they took.",
                };
                if choice(ui, self.what == what, name, about) {
                    self.what = what;
                    self.chosen = None;
                }
            }
            ui.add_space(Sizes::GRID);
            match self.what {
                What::Latencies(_) => {
                    for figure in Figure::ALL {
                        if choice(ui, self.figure == figure, figure.name(), "Compare by this.") {
                            self.figure = figure;
                        }
                    }
                }
                What::Times(_) => {
                    let about = "Also states in which nothing happens: sleeping, idle.";
                    if choice(ui, self.quiet, "Quiet states", about) {
                        self.quiet = !self.quiet;
                    }
                }
            }
            ui.add_space(Sizes::GRID);
            let scaled = self.scaled.unwrap_or(auto);
            let about = "Times as parts of their side's length, numbers per second: for sides of different lengths.";
            if choice(ui, scaled, "Per length", about) {
                self.scaled = Some(!scaled);
            }
            let facts = Arc::clone(&cx.state.scene.facts);
            copy_ui(ui, cx, || self.sheet_of(&facts, self.scaled.unwrap_or(auto)));
        });
    }
}

impl Answer {
    /// Chooses and sorts the lines that are shown, if that is not done.
    fn put(&mut self, order: Order) {
        if self.order == Some(order) {
            return;
        }
        self.order = Some(order);
        let (lines, Order { figure, quiet, scaled, sort }) = (&self.lines, order);
        let loud = |line: &Line| matches!(line.subject, Subject::Time(s) if s.is_quiet());
        let mut order: Vec<usize> = (0..lines.len()).filter(|n| quiet || !loud(&lines[*n])).collect();
        let number = |n: Option<f64>| n.unwrap_or(f64::NEG_INFINITY);
        let by = |a: &Line, b: &Line| -> Ordering {
            match sort.column {
                0 => a.name.cmp(&b.name),
                1 => what_order(a.subject).cmp(&what_order(b.subject)),
                2 | 3 => {
                    let of = |l: &Line| number(l.values(figure, scaled)[sort.column - 2]);
                    of(a).total_cmp(&of(b))
                }
                DIFFERENCE => {
                    let of = |l: &Line| number(l.difference(figure, scaled).map(f64::abs));
                    of(a).total_cmp(&of(b))
                }
                _ => {
                    let of = |l: &Line| number(relative(l.values(figure, scaled)));
                    of(a).total_cmp(&of(b))
                }
            }
        };
        // What stands in both comes by its size; among equals by name, so that the order does not depend on chance.
        let key = |n: usize| (&lines[n].name, what_order(lines[n].subject), lines[n].parts[0].machine);
        order.sort_by(|a, b| sort.of(by(&lines[*a], &lines[*b])).then_with(|| key(*a).cmp(&key(*b))));
        self.shown = order;
    }

    /// The lines that are shown, in their order.
    fn shown(&self) -> impl Iterator<Item = &Line> {
        self.shown.iter().filter_map(|n| self.lines.get(*n))
    }
}

impl ComparePane {
    fn table_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, comparison: &Comparison) {
        let scaled = self.scaled.unwrap_or(unequal(comparison));
        let Some(answer) = self.answer.get() else {
            ui.label(RichText::new("   Counting…").color(cx.theme.secondary));
            return;
        };
        let shown: Vec<&Line> = answer.shown().collect();
        if shown.is_empty() {
            ui.add_space(Sizes::GRID);
            ui.label(RichText::new("   Nothing of this sort on either side.").color(cx.theme.secondary));
            return;
        }
        let (theme, scene) = (cx.theme, &cx.state.scene);
        let (figure, chosen) = (self.figure, self.chosen.as_ref());
        let output = table_ui(ui, theme, &columns(), self.sort, shown.len(), |n| {
            line_of(theme, scene, shown[n], figure, scaled, chosen == Some(shown[n]))
        });
        let clicked = output.clicked.and_then(|n| shown.get(n)).map(|line| (*line).clone());
        if let Some(line) = clicked {
            go(cx, &line, figure, scaled);
            self.chosen = Some(line);
        }
        if let Some(sort) = output.sort {
            self.sort = sort;
        }
    }

    /// The table as it stands.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Sheet {
        let scaled = self.scaled.unwrap_or(unequal(&cx.state.comparison));
        self.sheet_of(&cx.state.scene.facts, scaled)
    }

    fn sheet_of(&self, facts: &Facts, scaled: bool) -> Sheet {
        let mut sheet = Sheet::new(&[
            ("Machine A", "machine_a"),
            ("Machine B", "machine_b"),
            ("Name", "name"),
            ("What", "what"),
            ("By", "by"),
            ("A", "a"),
            ("B", "b"),
            ("Difference", "difference"),
            ("Change", "change"),
        ]);
        let Some(answer) = self.answer.get() else { return sheet };
        let text = |text: &str| Field::Text(text.to_owned());
        for line in answer.shown() {
            let unit = line.unit(self.figure, scaled);
            let number = |v: Option<f64>, shown: String| match v {
                None => Field::Empty,
                Some(v) if unit == Unit::Time => Field::Number(v.round(), shown),
                Some(v) => Field::Number(v, shown),
            };
            let machine = |n: usize| {
                let machine = line.parts[n].machine.and_then(|m| facts.world.machine(m));
                machine.map_or(Field::Empty, |m| text(&m.name))
            };
            let [a, b] = line.values(self.figure, scaled);
            let difference = line.difference(self.figure, scaled);
            let (what, by) = match line.subject {
                Subject::Time(state) => (state.name(), "time"),
                Subject::Latency(kind) => (kind.name(), self.figure.name()),
            };
            sheet.rows.push(vec![
                machine(0),
                machine(1),
                text(&line.name),
                text(what),
                text(by),
                number(a, a.map_or_else(String::new, |v| value_text(v, unit))),
                number(b, b.map_or_else(String::new, |v| value_text(v, unit))),
                number(difference, difference.map_or_else(String::new, |v| difference_text(v, unit))),
                relative([a, b])
                    .filter(|r| r.is_finite())
                    .map_or(Field::Empty, |r| Field::Number(r, change_text([a, b]))),
            ]);
        }
        sheet
    }
}

fn what_order(subject: Subject) -> (u8, usize) {
    match subject {
        Subject::Time(state) => (0, state as usize),
        Subject::Latency(kind) => (1, kind as usize),
    }
}

/// The difference as a part of A; infinite for what is new.
fn relative([a, b]: [Option<f64>; 2]) -> Option<f64> {
    match (a, b) {
        (None | Some(0.0), Some(b)) if b > 0.0 => Some(f64::INFINITY),
        (Some(a), None) if a > 0.0 => Some(-1.0),
        (Some(a), Some(b)) if a > 0.0 => Some(b / a - 1.0),
        _ => None,
    }
}

fn value_text(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time => duration(Dur(value.round() as i64)),
        Unit::Share => percent(value),
        Unit::Count => words::grouped(value.round() as u64),
        Unit::PerSecond if value >= 100.0 => format!("{}/s", words::grouped(value.round() as u64)),
        Unit::PerSecond => format!("{value:.1}/s"),
    }
}

fn difference_text(value: f64, unit: Unit) -> String {
    let sign = match value {
        v if v > 0.0 => "+",
        v if v < 0.0 => "−",
        _ => "",
    };
    format!("{sign}{}", value_text(value.abs(), unit))
}

fn change_text(values: [Option<f64>; 2]) -> String {
    match relative(values) {
        None => String::new(),
        Some(r) if r.is_infinite() => "new".to_owned(),
        Some(-1.0) => "gone".to_owned(),
        Some(r) if r >= 9.0 => format!("× {:.0}", r + 1.0),
        Some(r) if r.abs() < 0.0005 => "0 %".to_owned(),
        Some(r) => format!("{}{:.1} %", if r > 0.0 { "+" } else { "−" }, r.abs() * 100.0),
    }
}

/// What a line is about, and where several machines are compared of which it is: many have tasks of one name.
fn name_of(line: &Line, scene: &Scene) -> String {
    let machine = line.parts.iter().find_map(|p| p.machine).and_then(|id| scene.machine(id));
    match machine.filter(|_| scene.machines.len() > 1) {
        Some(machine) => format!("{} of {}", line.name, machine.name),
        None => line.name.clone(),
    }
}

fn line_of(theme: &Theme, scene: &Scene, line: &Line, figure: Figure, scaled: bool, selected: bool) -> table::Line {
    let several = scene.machines.len() > 1;
    let name = name_of(line, scene);
    let unit = line.unit(figure, scaled);
    let values = line.values(figure, scaled);
    let what = match line.subject {
        Subject::Time(state) => theme.state(state).name.to_string(),
        Subject::Latency(kind) => kind.words().to_owned(),
    };
    let value = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| value_text(v, unit));
    let difference = line.difference(figure, scaled);
    let change = change_text(values);
    let difference_text = difference.map_or_else(String::new, |v| difference_text(v, unit));
    let spoken =
        format!("difference {name} {what}: A {}, B {}, {difference_text} {change}", value(values[0]), value(values[1]));
    let loud = difference.is_some_and(|d| d > 0.0) || change == "new";
    let cell = |text: String| if loud { Cell::Loud(text) } else { Cell::Text(text) };
    table::Line {
        spoken: spoken.trim_end().to_owned(),
        machine: line.parts.iter().find_map(|p| p.machine).filter(|_| several),
        indent: 0.0,
        selected,
        cells: vec![
            Cell::Text(name),
            Cell::Quiet(what),
            Cell::Quiet(value(values[0])),
            Cell::Quiet(value(values[1])),
            cell(difference_text),
            cell(change),
        ],
    }
}

/// Selects the row of the side that has more; of a latency its longest as well.
fn go(cx: &mut FrameContext<'_>, line: &Line, figure: Figure, scaled: bool) {
    let [a, b] = line.values(figure, scaled);
    let [of_a, of_b] = line.parts.each_ref().map(|p| p.goal);
    let (first, second) = if a > b { (of_a, of_b) } else { (of_b, of_a) };
    let Some((row, span)) = first.or(second) else { return };
    cx.send(Command::SelectRow(Some(row)));
    if let Some(span) = span {
        cx.send(Command::SelectTime(Some(span)));
        let window = crate::window::timeline::interact::around(span);
        cx.send(Command::SetWindow { window, remember: true });
    }
}

/// A line about one side: what it is, and how to choose another.
fn side_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, name: SideName) {
    let side = *cx.state.comparison.side(name);
    wrapped_ui(ui, Sizes::GRID, |ui| {
        ui.label(RichText::new(name.name()).strong().color(cx.theme.accent));
        let text = match side.range {
            Some(range) => format!("{} from {}", duration(range.length()), cx.state.clock().instant(range.begin)),
            None => "not chosen yet".to_owned(),
        };
        let color = if side.range.is_some() { cx.theme.text } else { cx.theme.secondary };
        let label = egui::Label::new(RichText::new(text).size(Sizes::SMALL).color(color));
        match side.range {
            Some(range) => {
                let response = ui.add(label.sense(egui::Sense::click()));
                if response.on_hover_text("Click to select it").clicked() {
                    cx.send(Command::SelectTime(Some(range)));
                }
            }
            None => {
                ui.add(label);
            }
        }
        machine_ui(ui, cx, name, &side);
        let small = |text: String| egui::Button::new(RichText::new(text).size(Sizes::SMALL));
        let use_it = small(format!("Use selection as {}", name.name()));
        let id = if name == SideName::A { "compare-a" } else { "compare-b" };
        let hint = format!("The selected range, else what is shown. {}", cx.keymap.hint(id));
        if ui.add(use_it).on_hover_text(hint).clicked() {
            cx.send(Command::CompareSelection(name));
        }
        let both = name == SideName::B && side.range.is_some();
        if both && ui.add(small("Swap A and B".to_owned())).clicked() {
            cx.send(Command::SwapSides);
        }
    });
}

/// The choice of a side's machine, where there are several.
fn machine_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, name: SideName, side: &Side) {
    if cx.state.scene.machines.len() < 2 {
        return;
    }
    let text = |machine: Option<MachineId>| match machine.and_then(|m| cx.state.scene.machine(m)) {
        Some(machine) => machine.name.to_string(),
        None => "all machines".to_owned(),
    };
    let mut wanted = None;
    let title = format!("{}: {} ⏷", name.name(), text(side.machine));
    ui.menu_button(RichText::new(title).size(Sizes::SMALL), |ui| {
        let choices = std::iter::once(None).chain(cx.state.scene.machines.iter().map(|m| Some(m.id)));
        for machine in choices {
            let choice = format!("{} of {}", name.name(), text(machine));
            if ui.selectable_label(side.machine == machine, choice).clicked() {
                wanted = Some(machine);
                ui.close();
            }
        }
    })
    .response
    .on_hover_text("Which machine is compared. All: each with itself, or with the one of the same name.");
    if let Some(machine) = wanted {
        cx.send(Command::SetSide { side: name, to: Side { machine, ..*side } });
    }
}

/// What to do while a side is missing.
fn hint_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.add_space(Sizes::GRID);
    let keys = |id: &str| catalogue::entry(id).map_or_else(String::new, |e| cx.keymap.text(e));
    let text = format!(
        "Select a stretch of time and use it as A ({}), then another one as B ({}). Or compare:",
        keys("compare-a"),
        keys("compare-b")
    );
    wrapped_ui(ui, Sizes::GRID, |ui| {
        ui.label(RichText::new(text).color(cx.theme.secondary));
    });
    wrapped_ui(ui, Sizes::GRID, |ui| {
        for (id, name) in [("compare-halves", "The two halves"), ("compare-recordings", "Two recordings or machines")] {
            if ui.button(name).on_hover_text(cx.keymap.hint(id)).clicked() {
                cx.send(match id {
                    "compare-halves" => Command::CompareHalves,
                    _ => Command::CompareRecordings,
                });
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_written_with_sign_unit_and_change() {
        assert_eq!(difference_text(-1.5e6, Unit::Time), format!("−{}", duration(Dur(1_500_000))));
        assert_eq!(difference_text(0.5, Unit::Share), "+50.0 %");
        assert_eq!(value_text(12_345.0, Unit::Count), "12 345");
        assert_eq!(value_text(2.25, Unit::PerSecond), "2.2/s");
        assert_eq!(change_text([Some(100.0), Some(150.0)]), "+50.0 %");
        assert_eq!(change_text([Some(100.0), Some(25.0)]), "−75.0 %");
        assert_eq!(change_text([Some(1.0), Some(12.0)]), "× 12");
        assert_eq!(change_text([Some(0.0), Some(1.0)]), "new");
        assert_eq!(change_text([None, Some(1.0)]), "new");
        assert_eq!(change_text([Some(1.0), Some(0.0)]), "gone");
        assert_eq!(change_text([Some(0.0), Some(0.0)]), "");
    }
}
