//! The pane *Periodic task*: the instances of a task that recurs, how long each took, which were slow, and what
//! took the extra time of each.

use std::cmp::Ordering;
use std::sync::Arc;

use egui::{ComboBox, DragValue, RichText, Stroke, TextEdit, Ui, pos2, vec2};
use stratoscope_core::vm::instances::SLOW_FACTOR;
use stratoscope_core::vocab::{Dur, RefNs, State, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::joint::computed::Computed;
use crate::window::joint::empty::{Empty, empty_ui, lacks_threads};
use crate::window::joint::facts::Facts;
use crate::window::joint::periodic::{self, Answer, Candidate, Marks, Shown, Wanted};
use crate::window::joint::plot::{Lane, PlotMemory, YAxis, gutter_text, lane_ui, time_axis_ui};
use crate::window::joint::table::{Cell, Column, Line, Sort, table_ui};
use crate::window::parts::wrapped_ui;
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::theme::Sizes;
use crate::window::timeline::Shared;
use crate::window::timeline::interact::around;
use crate::window::words;
use crate::window::worker::Wake;

/// The pane's memory between frames.
pub struct PeriodicPane {
    candidates: Computed<(), Vec<Candidate>>,
    instances: Computed<Wanted, Answer>,
    plot: PlotMemory,
    chosen: Option<RowRef>,
    /// The selected row was taken over once: from then on only by the button.
    slow_factor: f64,
    marks: Marks,
    by_marks: bool,
    sort: Sort,
}

fn columns() -> [Column; 8] {
    [
        Column::number("No.", 44.0, "In order of time."),
        Column::text("Start", 122.0, "When it was woken, or the first mark."),
        Column::number("Duration", 70.0, "Until it slept again, or the last mark."),
        Column::text("Where its time went", 136.0, "As long as the instance, in colours of its states.").unsorted(),
        Column::text("", 98.0, "Slow: longer than the factor times the lower quartile of all."),
        Column::number("Extra", 76.0, "How much longer than usual the worst of it took."),
        Column::text("Who", 152.0, "Who had the CPU meanwhile."),
        Column::text("What took longer", 120.0, "What took the most time more than it usually does.").growing(),
    ]
}

impl PeriodicPane {
    /// Nothing looked for yet.
    pub fn new(wake: &Wake) -> Self {
        let candidates = Computed::new("recurring", Wake::clone(wake), |(): &(), facts: &Facts, cancel| {
            periodic::candidates(facts, cancel).unwrap_or_default()
        });
        let instances = Computed::new("instances", Wake::clone(wake), |wanted: &Wanted, facts: &Facts, cancel| {
            periodic::instances(facts, wanted, cancel).unwrap_or_default()
        });
        Self {
            candidates,
            instances,
            plot: PlotMemory::default(),
            chosen: None,
            slow_factor: SLOW_FACTOR,
            marks: Marks::default(),
            by_marks: false,
            sort: Sort { column: 0, descending: false },
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.candidates.reset();
        self.instances.reset();
        self.chosen = None;
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.candidates.wait(longest) && self.instances.wait(longest)
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared) {
        let facts = Arc::clone(&cx.state.scene.facts);
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        // Not anew for every snapshot while a trace is read: what recurs is told at the end.
        if cx.info.is_busy() {
            empty_ui(ui, cx, &Empty::words("Recurring tasks are looked for once all is read…"));
            return;
        }
        self.candidates.ask((), &facts);
        let Some(candidates) = self.candidates.get() else {
            empty_ui(ui, cx, &Empty::words("Looking for tasks that recur…"));
            return;
        };
        if self.chosen.is_none() {
            self.chosen = candidates.first().map(|c| c.row);
        }
        let meant = cx.state.view.row.and_then(|row| periodic::row_meant(&facts, row));
        let Some(chosen) = self.chosen else {
            let what = "No task recurs: none sleeps and wakes at regular distances.";
            if let Some(row) = meant {
                let name = periodic::task_words(&facts, row);
                if ui.button(format!("Show the instances of {name}")).clicked() {
                    self.chosen = Some(row);
                }
            }
            let (more, need) = if !lacks_threads(cx) {
                (["Select a thread to see its instances anyway.".to_owned()], None)
            } else {
                (["The traces have no sched_switch events.".to_owned()], Some(Need::Threads))
            };
            empty_ui(ui, cx, &Empty { what, more: &more, need, about: "periodic" });
            return;
        };
        self.choices_ui(ui, cx, &facts, chosen, meant);
        let marks = (self.by_marks && !self.marks.begin.trim().is_empty() && !self.marks.end.trim().is_empty())
            .then(|| self.marks.clone());
        let wanted = Wanted { row: chosen, slow_factor: self.slow_factor, marks };
        if self.instances.ask(wanted, &facts)
            && let Some(answer) = self.instances.get_mut()
        {
            sort_instances(&mut answer.list, self.sort);
        }
        self.answer_ui(ui, cx, shared, chosen, rect.height());
    }

    fn choices_ui(&mut self, ui: &mut Ui, cx: &FrameContext<'_>, facts: &Facts, chosen: RowRef, meant: Option<RowRef>) {
        let small = |text: &str| RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary);
        wrapped_ui(ui, Sizes::GRID, |ui| {
            let label = ui.label(small("Task"));
            let selected = periodic::task_words(facts, chosen);
            let combo =
                ComboBox::from_id_salt("recurring task").width(250.0).selected_text(&selected).show_ui(ui, |ui| {
                    for candidate in self.candidates.get().into_iter().flatten() {
                        let text = format!(
                            "{} · every {} · {}",
                            periodic::task_words(facts, candidate.row),
                            duration(candidate.how.period),
                            words::count(candidate.how.instances as u64, "time")
                        );
                        ui.selectable_value(&mut self.chosen, Some(candidate.row), text);
                    }
                });
            combo.response.labelled_by(label.id);
            if let Some(row) = meant.filter(|row| *row != chosen) {
                let text = format!("Take {}", periodic::task_words(facts, row));
                if ui.button(RichText::new(text).size(Sizes::SMALL)).on_hover_text("The selected thread").clicked() {
                    self.chosen = Some(row);
                }
            }
            ui.add_space(Sizes::GRID);
            let label = ui.label(small("slow from"));
            let drag = DragValue::new(&mut self.slow_factor).speed(0.05).range(1.01..=100.0).fixed_decimals(2);
            ui.add(drag.suffix(" ×"))
                .labelled_by(label.id)
                .on_hover_text("An instance is slow if it takes longer than so many times the lower quartile of all");
            ui.add_space(Sizes::GRID);
            ui.checkbox(&mut self.by_marks, RichText::new("between marks").size(Sizes::SMALL)).on_hover_text(
                "Instances begin and end at events that two filter expressions find, instead of at wake-ups and sleeps",
            );
            if self.by_marks {
                for (text, name, hint) in [
                    (&mut self.marks.begin, "from", "name == \"sched_switch\" and next_tid == 42"),
                    (&mut self.marks.end, "to", "name == \"sched_switch\" and prev_tid == 42"),
                ] {
                    let label = ui.label(small(name));
                    let edit = TextEdit::singleline(text).hint_text(hint).desired_width(230.0);
                    ui.add(edit.font(egui::TextStyle::Small)).labelled_by(label.id);
                }
            }
        });
    }

    /// The instances as they stand, with the time of each of their states.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let list = &self.instances.get()?.list;
        let mut sheet = Sheet::new(&[
            ("No.", "n"),
            ("Start", "begin_ns"),
            ("End", "end_ns"),
            ("Duration", "duration_ns"),
            ("Slow", "slow"),
            ("More than usual", "extra_ns"),
            ("Who", "culprit"),
            ("What", "what"),
        ]);
        let mut states: Vec<State> = list.iter().flat_map(|i| i.parts.iter().map(|(state, _)| *state)).collect();
        states.sort();
        states.dedup();
        for state in &states {
            sheet.titles.push((cx.theme.state(*state).name.to_string(), format!("{}_ns", state.name())));
        }
        let clock = cx.state.clock();
        for instance in list {
            let mut row = vec![
                Field::Count(instance.number as u64),
                Field::instant(&clock, instance.range.begin),
                Field::instant(&clock, instance.range.end),
                Field::Time(instance.duration),
                Field::Flag(instance.slow, if instance.slow { "slow" } else { "" }),
                if instance.extra.0 > 0 { Field::Time(instance.extra) } else { Field::Empty },
                Field::text(&instance.who),
                Field::text(&instance.what),
            ];
            row.extend(
                states.iter().map(|state| {
                    Field::Time(Dur(instance.parts.iter().filter(|p| p.0 == *state).map(|p| p.1.0).sum()))
                }),
            );
            sheet.rows.push(row);
        }
        Some(sheet)
    }

    fn answer_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared, chosen: RowRef, room: f32) {
        let Some(answer) = self.instances.get() else { return };
        if let Some(wrong) = &answer.wrong {
            ui.add_space(Sizes::GRID);
            ui.label(RichText::new(format!("   {wrong}.")).color(cx.theme.alarm));
            return;
        }
        if answer.list.is_empty() {
            let what = "It has no instance that is seen to begin and to end.";
            empty_ui(ui, cx, &Empty::words(what));
            return;
        }
        let slow = answer.list.iter().filter(|i| i.slow).count();
        wrapped_ui(ui, Sizes::GRID, |ui| {
            let count = words::count(answer.list.len() as u64, "instance");
            let mut text = format!("{count}, {slow} slow; a quarter take {} at most", duration(answer.lower_quartile));
            if let Some(period) = answer.period {
                text.push_str(&format!("; one every {}", duration(period)));
            }
            if !answer.sleep.is_empty() {
                text.push_str(&format!("; between them it waits ({})", answer.sleep));
            }
            ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
        });
        ui.spacing_mut().item_spacing.y = 0.0;
        let longest = answer.list.iter().map(|i| i.duration).max().unwrap_or_default();
        if room > 300.0 {
            time_axis_ui(ui, cx, shared, &mut self.plot);
            points_ui(ui, cx, shared, &mut self.plot, answer, longest);
            ui.add_space(Sizes::GRID / 2.0);
        }
        let clock = cx.state.clock();
        let selected = cx.state.view.selection;
        let list = &answer.list;
        let output = table_ui(ui, cx.theme, &columns(), self.sort, list.len(), |n| {
            line_of(&list[n], longest, answer.lower_quartile, clock.instant_to(list[n].range.begin, 1000), selected)
        });
        if let Some(instance) = output.clicked.and_then(|n| list.get(n)) {
            cx.send(Command::SelectRow(Some(chosen)));
            cx.send(Command::SelectTime(Some(instance.range)));
            cx.send(Command::SetWindow { window: around(instance.range), remember: true });
        }
        if let Some(sort) = output.sort {
            self.sort = sort;
            if let Some(answer) = self.instances.get_mut() {
                sort_instances(&mut answer.list, sort);
            }
        }
    }
}

fn sort_instances(list: &mut [Shown], sort: Sort) {
    let by = |a: &Shown, b: &Shown| -> Ordering {
        match sort.column {
            2 => a.duration.cmp(&b.duration),
            4 => (a.slow, a.duration).cmp(&(b.slow, b.duration)),
            5 => a.extra.cmp(&b.extra),
            6 => a.who.cmp(&b.who),
            7 => a.what.cmp(&b.what),
            _ => a.number.cmp(&b.number),
        }
    };
    list.sort_by(|a, b| sort.of(by(a, b)).then(a.number.cmp(&b.number)));
}

fn line_of(of: &Shown, longest: Dur, usual: Dur, start: String, selected: Option<TimeRange<RefNs>>) -> Line {
    let parts = of.parts.iter().map(|(s, d)| (*s, d.0 as f64 / longest.0.max(1) as f64)).collect();
    let times = of.duration.0 as f64 / usual.0.max(1) as f64;
    let spoken = format!(
        "instance {}: {}{}{}{}",
        of.number,
        duration(of.duration),
        if of.slow { ", slow" } else { "" },
        if of.what.is_empty() { String::new() } else { format!(", {}", of.what) },
        if of.who.is_empty() { String::new() } else { format!(", {}", of.who) }
    );
    let cell = |text: &str| if text.is_empty() { Cell::Empty } else { Cell::Quiet(text.to_owned()) };
    Line {
        spoken,
        machine: None,
        indent: 0.0,
        selected: selected == Some(of.range),
        cells: vec![
            Cell::Quiet(of.number.to_string()),
            Cell::Text(start),
            if of.slow { Cell::Loud(duration(of.duration)) } else { Cell::Text(duration(of.duration)) },
            Cell::Stack(parts),
            if of.slow { Cell::Loud(format!("▲ slow {times:.1} ×")) } else { Cell::Empty },
            if of.extra.0 > 0 { Cell::Quiet(format!("+{}", duration(of.extra))) } else { Cell::Empty },
            if of.slow && !of.who.is_empty() { Cell::Text(of.who.clone()) } else { cell(&of.who) },
            cell(&of.what),
        ],
    }
}

/// Durations over time: a dot for each instance, a triangle for a slow one, and a line where slow begins.
fn points_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    answer: &Answer,
    longest: Dur,
) {
    let slow = answer.list.iter().filter(|i| i.slow).count();
    let lane = Lane {
        label: "Durations of instances",
        value: format!("{}, {slow} slow", words::count(answer.list.len() as u64, "instance")),
        height: 96.0,
        y: YAxis { low: 0.0, high: longest.0.max(1) as f64 * 1.1, text: |v| duration(Dur(v as i64)) },
    };
    let theme = cx.theme;
    let window = cx.state.view.window;
    lane_ui(ui, cx, shared, memory, &lane, |painter, area| {
        gutter_text(painter, area, theme, "Duration", &["● usual", "▲ slow"]);
        let y = area.at(answer.lower_quartile.0 as f64);
        let line = Stroke::new(1.0, theme.secondary);
        painter.extend(egui::Shape::dashed_line(
            &[pos2(area.rect.left(), y), pos2(area.rect.right(), y)],
            line,
            4.0,
            4.0,
        ));
        let painter = painter.with_clip_rect(area.rect.expand(3.0));
        let seen = answer.list.iter().enumerate().filter(|(_, i)| window.overlaps(&i.range));
        let places = seen.map(|(n, i)| (n, area.scale.x(i.range.begin), i.duration.0 as f64));
        for n in crate::window::joint::plot::thinned(places, area.rect.left(), area.columns()) {
            let Some(instance) = answer.list.get(n) else { continue };
            let at = pos2(area.scale.x(instance.range.begin), area.at(instance.duration.0 as f64));
            if instance.slow {
                let corners = vec![at + vec2(0.0, -5.0), at + vec2(4.5, 3.5), at + vec2(-4.5, 3.5)];
                painter.add(egui::Shape::convex_polygon(corners, theme.alarm, Stroke::NONE));
            } else {
                painter.circle_filled(at, 2.5, theme.state(stratoscope_core::vocab::State::Guest).color);
            }
        }
    });
}
