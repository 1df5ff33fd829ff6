//! The pane *Synchronisation*: how the machines' clocks were put on one axis and how exactly; the matches of a
//! pair of clocks as points, the band in which the true line lies, and the difference of the clocks as it drifts.

use std::sync::Arc;

use egui::{ComboBox, RichText, ScrollArea, TextEdit, Ui, vec2};
use stratoscope_core::query::time;
use stratoscope_core::session::SyncChoice;
use stratoscope_core::sync::{MachineSync, PairSync, Solution, SyncQuality, SyncRole};
use stratoscope_core::vocab::{Dur, MachineId, SyncMethod};

use crate::window::axis::duration;
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::joint::assign;
use crate::window::joint::clocks::{self, Picture};
use crate::window::joint::clocks_plot;
use crate::window::joint::empty::{Empty, empty_ui};
use crate::window::joint::facts::Facts;
use crate::window::joint::plot::PlotMemory;
use crate::window::joint::table::{Cell, Column, Line, Sort, table_ui};
use crate::window::parts::wrapped_ui;
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::theme::Sizes;
use crate::window::timeline::Shared;
use crate::window::words;

/// The pane's memory between frames.
pub struct ClocksPane {
    /// The pair that is drawn: the machines' numbers.
    pair: Option<(MachineId, MachineId)>,
    /// Pictures of all pairs, and of which version of the session.
    pictures: Option<(u64, Vec<Picture>)>,
    /// What was typed as an offset.
    offset: String,
    wrong: Option<String>,
    sort: Sort,
    plot: PlotMemory,
}

impl Default for ClocksPane {
    fn default() -> Self {
        Self {
            pair: None,
            pictures: None,
            offset: String::new(),
            wrong: None,
            sort: Sort { column: 0, descending: false },
            plot: PlotMemory::default(),
        }
    }
}

fn columns() -> [Column; 8] {
    [
        Column::text("Machine", 100.0, "The machine whose clock it is."),
        Column::text(
            "Its clock",
            100.0,
            "The reference is the axis; others are mapped to it, or stand where their date puts them.",
        ),
        Column::text("Quality", 90.0, "How well messages determine the line."),
        Column::number(
            "At most off by",
            96.0,
            "A guaranteed bound of the error, anywhere in the overlap with the reference.",
        ),
        Column::number("Median", 82.0, "The median of that bound over the overlap."),
        Column::number("Drift", 84.0, "How much faster its clock is than the reference's."),
        Column::number(
            "Ahead by",
            112.0,
            "How much later its clock showed than the reference's in the middle of the overlap.",
        ),
        Column::text("By", 100.0, "The methods on its way to the reference.").unsorted().growing(),
    ]
}

impl ClocksPane {
    /// Other traces are open.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared) {
        let facts = Arc::clone(&cx.state.scene.facts);
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        if facts.world.machines.len() < 2 {
            let what = if cx.info.is_busy() {
                "Reading…"
            } else {
                "There is one machine, so there is nothing to synchronise."
            };
            let more = ["Open a folder that holds the traces of host and guests, or of several hosts.".to_owned()];
            let more: &[String] = if cx.info.is_busy() { &[] } else { &more };
            empty_ui(ui, cx, &Empty { what, more, need: None, about: "synchronisation" });
            return;
        }
        let Some(solution) = facts.sync.clone() else {
            let what = "Clocks are compared once all machines are read…";
            empty_ui(ui, cx, &Empty::words(what));
            return;
        };
        let version = cx.state.scene.facts.version;
        if self.pictures.as_ref().is_none_or(|(v, _)| *v != version) {
            self.pictures = Some((version, solution.pairs.iter().map(|p| clocks::picture(&facts, p)).collect()));
        }
        let known = |pair: &(MachineId, MachineId)| solution.pairs.iter().any(|p| (p.a, p.b) == *pair);
        if !self.pair.as_ref().is_some_and(known) {
            let best = solution.pairs.iter().find(|p| p.used).or(solution.pairs.first());
            self.pair = best.map(|p| (p.a, p.b));
        }
        self.choices_ui(ui, cx, &facts, &solution);
        assign::ui(ui, cx, &facts);
        self.machines_ui(ui, cx, &facts, &solution);
        ui.add_space(2.0);
        let chosen = solution.pairs.iter().position(|p| Some((p.a, p.b)) == self.pair);
        let Some(n) = chosen else { return };
        self.pairs_ui(ui, cx, &facts, &solution);
        pair_words_ui(ui, cx, &facts, &solution.pairs[n]);
        let Some((_, pictures)) = &self.pictures else { return };
        if solution.pairs[n].points.is_empty() {
            let what = "No event of one machine could be matched with one of the other.";
            let need = Some(Need::Clocks);
            empty_ui(ui, cx, &Empty { what, more: &[], need, about: "synchronisation" });
            return;
        }
        clocks_plot::ui(ui, cx, shared, &mut self.plot, &facts, &solution, pictures, n);
    }

    /// The table of machines as it stands.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let facts = &cx.state.scene.facts;
        let mut machines: Vec<&MachineSync> = facts.sync.as_ref()?.machines.iter().collect();
        sort_machines(facts, &mut machines, self.sort);
        let mut sheet = Sheet::new(&[
            ("Machine", "machine"),
            ("Role", "role"),
            ("Quality", "quality"),
            ("At most off by", "half_width_ns"),
            ("Median", "half_width_median_ns"),
            ("Drift", "drift_ppm"),
            ("Ahead by", "delta_ns"),
            ("By", "methods"),
        ]);
        let width =
            |ns: Option<u64>| ns.and_then(|ns| i64::try_from(ns).ok()).map_or(Field::Empty, |ns| Field::Time(Dur(ns)));
        for machine in machines {
            let reference = machine.role == SyncRole::Reference;
            let by: Vec<&str> = machine.methods.iter().map(|m| m.name()).collect();
            let drift = Field::Number(machine.drift_ppm, clocks::ppm(machine.drift_ppm));
            sheet.rows.push(vec![
                Field::Text(clocks::name(facts, machine.id)),
                Field::text(machine.role.name()),
                Field::text(machine.quality.name()),
                width(machine.half_width_ns),
                width(machine.half_width_median_ns),
                if reference { Field::Empty } else { drift },
                machine.delta_ns.map_or(Field::Empty, |ns| Field::Instant(ns, time::offset(ns))),
                Field::text(&by.join(" ")),
            ]);
        }
        Some(sheet)
    }

    /// Before and after, reference, methods, and placing by hand.
    fn choices_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts, solution: &Solution) {
        let choice = cx.state.choice.clone();
        let small = |text: &str| RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary);
        let mut next = choice.clone();
        let mut commands = Vec::new();
        wrapped_ui(ui, Sizes::GRID / 2.0, |ui| {
            let hint = cx.keymap.hint("synced");
            for (on, text) in [(false, "Before"), (true, "After synchronisation")] {
                let response = ui.selectable_label(choice.enabled == on, RichText::new(text).size(Sizes::SMALL));
                if response.on_hover_text(&hint).clicked() {
                    commands.push(Command::SetSynced(on));
                }
            }
            ui.add_space(Sizes::GRID);
            let label = ui.label(small("Reference"));
            let combo = ComboBox::from_id_salt("reference").width(80.0);
            let combo = combo.selected_text(clocks::name(facts, facts.reference)).show_ui(ui, |ui| {
                ui.selectable_value(&mut next.reference, None, "The outermost host");
                for machine in &facts.world.machines {
                    ui.selectable_value(&mut next.reference, Some(machine.id), &*machine.name);
                }
            });
            combo.response.labelled_by(label.id);
            ui.menu_button(RichText::new("Methods ⏷").size(Sizes::SMALL), |ui| {
                ui.set_min_width(200.0);
                for method in SyncMethod::ALL.iter().copied().filter(|m| *m != SyncMethod::Manual) {
                    let mut on = next.methods.contains(&method);
                    let text = clocks::method_words(method);
                    if ui.checkbox(&mut on, words::capital(text)).on_hover_text(clocks::method_about(method)).changed()
                    {
                        next.methods = SyncMethod::ALL
                            .iter()
                            .copied()
                            .filter(|m| if *m == method { on } else { choice.methods.contains(m) })
                            .collect();
                    }
                }
                ui.separator();
                ui.checkbox(&mut next.use_approximate, "Use lines that are bounded on one side only");
            });
            self.by_hand_ui(ui, cx, facts, solution, &mut next, &mut commands);
        });
        if next != choice {
            commands.push(Command::ChooseSync(next));
        }
        cx.commands.extend(commands);
    }

    fn by_hand_ui(
        &mut self,
        ui: &mut Ui,
        cx: &FrameContext<'_>,
        facts: &Facts,
        solution: &Solution,
        next: &mut SyncChoice,
        commands: &mut Vec<Command>,
    ) {
        // By hand, the machine of the drawn pair is moved that is not the reference.
        let moved = self.pair.map(|(a, b)| if b == facts.reference { a } else { b });
        let Some(moved) = moved.or_else(|| solution.machines.iter().map(|m| m.id).find(|m| *m != facts.reference))
        else {
            return;
        };
        let small = |text: String| RichText::new(text).size(Sizes::SMALL);
        let name = clocks::name(facts, moved);
        let label = ui.label(small(format!("Move {name} by")).color(cx.theme.secondary));
        let edit = TextEdit::singleline(&mut self.offset).hint_text("-1.5ms").desired_width(60.0);
        let response = ui.add(edit.font(egui::TextStyle::Small)).labelled_by(label.id);
        let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let about = "Against where its clock's date puts it";
        if ui.button(small("Apply".to_owned())).on_hover_text(about).clicked() || entered {
            match clocks::parse_offset(&self.offset) {
                Ok(ns) => {
                    next.manual.retain(|(id, _)| *id != moved);
                    next.manual.push((moved, ns));
                    next.enabled = true;
                    self.wrong = None;
                }
                Err(wrong) => self.wrong = Some(wrong),
            }
        }
        if next.manual.iter().any(|(id, _)| *id == moved)
            && ui.button(small("Forget".to_owned())).on_hover_text("Let messages decide again").clicked()
        {
            next.manual.retain(|(id, _)| *id != moved);
        }
        if let Some(wrong) = &self.wrong {
            ui.label(small(wrong.clone()).color(cx.theme.alarm));
        }
        let (text, about, command) = match (cx.state.align, cx.state.event) {
            (None, _) => (
                "Align events".to_owned(),
                "Pick an event in the table, then this, then an event of the other machine: both are said to be at the same instant",
                Command::MarkEvent,
            ),
            (Some(first), Some(second)) if first != second => (
                format!("Align with the marked event of {}", clocks::name(facts, first.machine)),
                "Moves one machine so that both events are at the same instant",
                Command::AlignEvents,
            ),
            (Some(_), _) => (
                "Now pick the other event".to_owned(),
                "Pick an event of the other machine in the table, then click here; now: forget the marked one",
                Command::MarkEvent,
            ),
        };
        if ui.button(small(text)).on_hover_text(about).clicked() {
            commands.push(command);
        }
    }

    fn machines_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts, solution: &Solution) {
        let mut machines: Vec<&MachineSync> = solution.machines.iter().collect();
        sort_machines(facts, &mut machines, self.sort);
        let rows = machines.len().min(5);
        let height = 24.0 + rows as f32 * Sizes::ROW;
        let mut clicked = None;
        ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
            let output = table_ui(ui, cx.theme, &columns(), self.sort, machines.len(), |n| {
                machine_line(facts, machines[n], &cx.state.choice, self.pair)
            });
            clicked = output.clicked.and_then(|n| machines.get(n)).map(|m| m.id);
            if let Some(sort) = output.sort {
                self.sort = sort;
            }
        });
        if let Some(id) = clicked {
            let pair = solution.pairs.iter().filter(|p| p.a == id || p.b == id).max_by_key(|p| (p.used, p.b == id));
            self.pair = pair.map(|p| (p.a, p.b)).or(self.pair);
        }
    }

    fn pairs_ui(&mut self, ui: &mut Ui, cx: &FrameContext<'_>, facts: &Facts, solution: &Solution) {
        if solution.pairs.len() < 2 {
            return;
        }
        ScrollArea::horizontal().id_salt("pairs").auto_shrink([false, true]).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.add_space(Sizes::GRID / 2.0);
                for pair in &solution.pairs {
                    let name = pair_name(facts, pair);
                    let on = self.pair == Some((pair.a, pair.b));
                    let mut text = RichText::new(&name).size(Sizes::SMALL);
                    if !pair.used {
                        text = text.color(cx.theme.secondary);
                    }
                    let hint = if pair.used { "Used to synchronise" } else { "Not needed: another way is more exact" };
                    if ui.selectable_label(on, text).on_hover_text(hint).clicked() {
                        self.pair = Some((pair.a, pair.b));
                    }
                }
            });
        });
    }
}

/// What a pair is called.
pub fn pair_name(facts: &Facts, pair: &PairSync) -> String {
    format!("{} ↔ {}", clocks::name(facts, pair.a), clocks::name(facts, pair.b))
}

fn sort_machines(facts: &Facts, machines: &mut [&MachineSync], sort: Sort) {
    machines.sort_by(|a, b| {
        let order = match sort.column {
            1 => (a.role as u8).cmp(&(b.role as u8)),
            2 => a.quality.cmp(&b.quality),
            3 => a.half_width_ns.cmp(&b.half_width_ns),
            4 => a.half_width_median_ns.cmp(&b.half_width_median_ns),
            5 => a.drift_ppm.total_cmp(&b.drift_ppm),
            6 => a.delta_ns.cmp(&b.delta_ns),
            // The reference first, the others by name.
            _ => (a.id != facts.reference, clocks::name(facts, a.id))
                .cmp(&(b.id != facts.reference, clocks::name(facts, b.id))),
        };
        sort.of(order).then(a.id.cmp(&b.id))
    });
}

fn machine_line(facts: &Facts, m: &MachineSync, choice: &SyncChoice, pair: Option<(MachineId, MachineId)>) -> Line {
    let bound = |ns: Option<u64>| {
        ns.map_or(Cell::Empty, |ns| Cell::Text(format!("± {}", duration(Dur(i64::try_from(ns).unwrap_or(i64::MAX))))))
    };
    let reference = m.role == SyncRole::Reference;
    let name = clocks::name(facts, m.id);
    let quality = words::capital(m.quality.name());
    let loud = matches!(m.quality, SyncQuality::Contradictory) || m.role == SyncRole::Unsynced;
    let by: Vec<&str> = m.methods.iter().map(|m| clocks::method_words(*m)).collect();
    let manual = choice.manual.iter().find(|(id, _)| *id == m.id).map(|(_, ns)| time::offset(*ns));
    let mut by = by.join(", ");
    if let Some(manual) = manual {
        by = format!("by hand, {manual}");
    }
    let drift = clocks::ppm(m.drift_ppm);
    let half = m.half_width_ns.map_or_else(|| "no bound".to_owned(), |ns| format!("off by {ns} ns at most"));
    Line {
        spoken: format!("clock of {name}: {}, {}, {half}, drift {drift}", m.role.name(), m.quality.name()),
        machine: Some(m.id),
        indent: 0.0,
        selected: pair.is_some_and(|(_, b)| b == m.id),
        cells: vec![
            Cell::Text(name),
            Cell::Quiet(match m.role {
                SyncRole::Reference => "the reference".to_owned(),
                SyncRole::Synced => "synchronised".to_owned(),
                SyncRole::Unsynced => "by its date".to_owned(),
            }),
            match (reference, loud) {
                (true, _) => Cell::Empty,
                (_, true) => Cell::Loud(quality),
                (_, false) => Cell::Text(quality),
            },
            if reference { Cell::Empty } else { bound(m.half_width_ns) },
            if reference { Cell::Empty } else { bound(m.half_width_median_ns) },
            if reference || m.role == SyncRole::Unsynced { Cell::Empty } else { Cell::Quiet(drift) },
            m.delta_ns.filter(|_| !reference).map_or(Cell::Empty, |ns| Cell::Quiet(time::offset(ns))),
            Cell::Quiet(by),
        ],
    }
}

fn pair_words_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts, pair: &PairSync) {
    let (a, b) = (clocks::name(facts, pair.a), clocks::name(facts, pair.b));
    wrapped_ui(ui, Sizes::GRID, |ui| {
        let tone = match pair.quality {
            SyncQuality::Accurate => cx.theme.text,
            SyncQuality::Contradictory => cx.theme.alarm,
            _ => cx.theme.paint("waiting"),
        };
        ui.label(RichText::new(pair.explain(&a, &b)).color(tone));
    });
    wrapped_ui(ui, Sizes::GRID, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * Sizes::GRID;
        let quiet = |text: String| RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary);
        for method in &pair.methods {
            let mut text = format!(
                "{}: {}, {} on the hull",
                words::capital(clocks::method_words(method.method)),
                words::count_of(method.matches, "match", "matches"),
                words::grouped(method.on_hull)
            );
            if method.rejected > 0 {
                text.push_str(&format!(", {} left out", words::grouped(method.rejected)));
            }
            if !method.used {
                text.push_str(", not used");
            }
            ui.label(quiet(text)).on_hover_text(format!(
                "{} {} by itself",
                clocks::method_about(method.method),
                words::capital(method.quality.name())
            ));
        }
        if let Some((slope, offset)) = &pair.line {
            let formula = format!("t({b}) = {slope} · t({a}) + {offset} ns");
            let button = egui::Button::new(quiet("The line".to_owned())).frame_when_inactive(false);
            let hint = format!("{formula}\nNanoseconds since 1970. Click to copy.");
            if ui.add(button).on_hover_text(hint).clicked() {
                cx.send(Command::Copy(formula));
            }
        }
    });
}
