//! The tab *Events*: how many events of each name the selected range has, or the window if none is selected. A click on
//! a line looks for them.

use std::sync::Arc;

use egui::{RichText, Ui};
use stratoscope_core::query::search::{NameCount, count_by_name};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::joint::computed::Computed;
use crate::window::joint::facts::Facts;
use crate::window::joint::table::{self, Cell, Column, Sort, table_ui};
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::theme::Sizes;
use crate::window::timeline::scene::Scene;
use crate::window::words;
use crate::window::worker::Wake;

/// What was counted.
struct Answer {
    range: TimeRange<RefNs>,
    all: u64,
    counts: Vec<NameCount>,
}

impl Answer {
    fn share(&self, count: u64) -> f64 {
        count as f64 / self.all.max(1) as f64
    }

    /// Events a second; `None` of an instant.
    fn rate(&self, count: u64) -> Option<f64> {
        let length = self.range.length().0;
        (length > 0).then(|| count as f64 * 1e9 / length as f64)
    }

    fn order(&mut self, sort: Sort, scene: &Scene) {
        let machine = |c: &NameCount| scene.machine(c.machine).map(|m| m.name.clone());
        self.counts.sort_by(|a, b| {
            let order = match sort.column {
                NAME => a.name.cmp(&b.name),
                MACHINE => machine(a).cmp(&machine(b)),
                _ => a.count.cmp(&b.count),
            };
            sort.of(order).then_with(|| a.name.cmp(&b.name))
        });
    }
}

const NAME: usize = 0;
const MACHINE: usize = 1;
const COUNT: usize = 2;

fn columns() -> [Column; 5] {
    [
        Column::text("Event", 230.0, "The tracer's name; a click on the line looks for these events.").growing(),
        Column::text("Machine", 110.0, "Whose trace has them."),
        Column::number("Count", 90.0, "How many there are in this stretch of time."),
        Column::number("A second", 90.0, "How many there are in a second, on average over the stretch."),
        Column::number("Share", 70.0, "Their part of all events of the stretch."),
    ]
}

/// The tab's memory between frames.
pub struct EventsTab {
    counts: Computed<TimeRange<RefNs>, Answer>,
    sort: Sort,
}

impl EventsTab {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        let counts =
            Computed::new("event counts", Wake::clone(wake), |range: &TimeRange<RefNs>, facts: &Facts, cancel| {
                let counts = count_by_name(&facts.events, *range, cancel).unwrap_or_default();
                Answer { range: *range, all: counts.iter().map(|c| c.count).sum(), counts }
            });
        Self { counts, sort: Sort::descending(COUNT) }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.counts.reset();
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.counts.wait(longest)
    }

    /// Draws the table over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, range: TimeRange<RefNs>) {
        let facts = Arc::clone(&cx.state.scene.facts);
        let sort = self.sort;
        if self.counts.ask(range, &facts)
            && let Some(answer) = self.counts.get_mut()
        {
            answer.order(sort, &cx.state.scene);
        }
        let Some(answer) = self.counts.get() else {
            ui.label(RichText::new("   Counting…").color(cx.theme.secondary));
            return;
        };
        if answer.counts.is_empty() {
            ui.add_space(Sizes::GRID);
            ui.label(RichText::new("   There is no event in this stretch of time.").color(cx.theme.secondary));
            return;
        }
        let scene = cx.state.scene.clone();
        let output = table_ui(ui, cx.theme, &columns(), sort, answer.counts.len(), |n| line(&scene, answer, n));
        let clicked = output.clicked.and_then(|n| answer.counts.get(n)).map(|c| filter(&scene, c));
        if let Some(text) = clicked {
            cx.send(Command::SetRowSearch(text));
            cx.send(Command::FocusSearch);
        }
        if let Some(sort) = output.sort {
            self.sort = sort;
            if let Some(answer) = self.counts.get_mut() {
                answer.order(sort, &scene);
            }
        }
    }

    /// How many events the stretch has that was counted last.
    pub fn all(&self) -> Option<u64> {
        self.counts.get().map(|answer| answer.all)
    }

    /// The table as text.
    pub fn sheet(&self, scene: &Scene) -> Sheet {
        let titles = [
            ("Event", "name"),
            ("Machine", "machine"),
            ("Count", "count"),
            ("A second", "per_second"),
            ("Share", "share"),
        ];
        let mut sheet = Sheet::new(&titles);
        let Some(answer) = self.counts.get() else { return sheet };
        sheet.rows.extend(answer.counts.iter().map(|c| {
            let machine = scene.machine(c.machine).map_or_else(String::new, |m| m.name.to_string());
            let rate = answer.rate(c.count).map_or(Field::Empty, |rate| Field::Number(rate, rate_words(rate)));
            let share = answer.share(c.count);
            vec![
                Field::Text(c.name.to_string()),
                Field::Text(machine),
                Field::Count(c.count),
                rate,
                Field::Number(share, share_words(share)),
            ]
        }));
        sheet
    }
}

fn rate_words(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { words::grouped(rate.round() as u64) }
}

fn share_words(share: f64) -> String {
    if share > 0.0 && share < 0.0005 { "< 0.1 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}

/// The filter that finds these events.
fn filter(scene: &Scene, of: &NameCount) -> String {
    let name = format!("name == {:?}", &*of.name);
    match scene.machine(of.machine).filter(|_| scene.machines.len() > 1) {
        Some(machine) => format!("{name} and machine == {:?}", &*machine.name),
        None => name,
    }
}

fn line(scene: &Scene, answer: &Answer, n: usize) -> table::Line {
    let Some(of) = answer.counts.get(n) else { return table::Line::default() };
    let machine = scene.machine(of.machine).map_or_else(String::new, |m| m.name.to_string());
    let count = words::grouped(of.count);
    table::Line {
        spoken: format!("events {} of {machine}: {count}", of.name),
        machine: (scene.machines.len() > 1).then_some(of.machine),
        indent: 0.0,
        selected: false,
        cells: vec![
            Cell::Text(of.name.to_string()),
            Cell::Quiet(machine),
            Cell::Text(count),
            Cell::Quiet(answer.rate(of.count).map_or_else(String::new, rate_words)),
            Cell::Quiet(share_words(answer.share(of.count))),
        ],
    }
}
