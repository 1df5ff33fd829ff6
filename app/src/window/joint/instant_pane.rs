//! The pane *State at the cursor*: everything at the selected instant, else at the pointer, as lines of text.

use egui::accesskit::Role;
use egui::{Align2, Button, Rect, RichText, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::query::instant::{Doing, Section, at};
use stratoscope_core::vocab::{MachineId, MachineNs, RefNs, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::joint::computed::Computed;
use crate::window::joint::empty::no_threads_ui;
use crate::window::joint::facts::Facts;
use crate::window::joint::instant;
use crate::window::parts::{line_ui, swatch};
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::theme::{Sizes, Theme};
use crate::window::worker::Wake;

/// Columns: what it is, its state, since when.
const LABEL: f32 = 130.0;
const STATE: f32 = 160.0;
const SINCE: f32 = 86.0;

/// The pane's memory between frames.
pub struct InstantPane {
    computed: Computed<RefNs, (RefNs, Vec<Section>)>,
}

impl InstantPane {
    /// Nothing looked at yet.
    pub fn new(wake: Wake) -> Self {
        let computed = Computed::new("instant", wake, |t: &RefNs, facts: &Facts, cancel| {
            (*t, at(&facts.world, &|machine| machine.instant(*t), cancel))
        });
        Self { computed }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.computed.reset();
    }

    /// Waits until all is known; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.computed.wait(longest)
    }

    /// The lines as they stand, each with the machine whose row tells.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let (t, sections) = self.computed.get()?;
        let facts = &cx.state.scene.facts;
        let clock = cx.state.clock();
        let mut sheet = Sheet::new(&[
            ("At", "at_ns"),
            ("Of", "section"),
            ("Machine", "machine"),
            ("What", "what"),
            ("State", "state"),
            ("Since", "since_ns"),
            ("For", "for_ns"),
            ("More", "more"),
        ]);
        for (section, line) in sections.iter().flat_map(|s| s.lines.iter().map(move |line| (s, line))) {
            let machine = facts.world.machine(line.of);
            let since = line.since.zip(machine).map(|((since, _), machine)| machine.to_ref(since));
            sheet.rows.push(vec![
                Field::instant(&clock, *t),
                Field::text(&section.title),
                machine.map_or(Field::Empty, |m| Field::text(&m.name)),
                Field::text(&line.label),
                Field::text(line.state.name()),
                since.map_or(Field::Empty, |since| Field::instant(&clock, since)),
                line.since.map_or(Field::Empty, |(_, length)| Field::Time(length)),
                Field::text(&line.words),
            ]);
        }
        Some(sheet)
    }

    /// Draws the pane over the room that is left. `hover` is the instant under the pointer, in whichever pane.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, hover: Option<RefNs>) {
        if no_threads_ui(ui, cx, "nothing is known at any instant", "instant") {
            return;
        }
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        let selected = cx.state.view.selection.map(|s| s.begin);
        let t = selected.or(hover).unwrap_or_else(|| cx.state.view.instant());
        self.computed.ask(t, &cx.state.scene.facts);
        let Some((t, sections)) = self.computed.get() else {
            ui.label(RichText::new("Reading…").color(cx.theme.secondary));
            return;
        };
        let clock = cx.state.clock();
        let facts = std::sync::Arc::clone(&cx.state.scene.facts);
        let written = |of: MachineId, t: MachineNs| {
            clock.instant(facts.world.machine(of).map_or(RefNs(t.0), |machine| machine.map.to_ref(t)))
        };
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID);
            ui.label(RichText::new(clock.instant(*t)).strong());
            let from = match (selected, hover) {
                (Some(_), _) => "the selected instant",
                (None, Some(_)) => "under the pointer; a click in a timeline holds it",
                (None, None) => "the middle of the window; point at an instant or select one",
            };
            ui.label(RichText::new(from).size(Sizes::SMALL).color(cx.theme.secondary));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.add_space(Sizes::GRID);
                let button = Button::new(RichText::new("Copy as text").size(Sizes::SMALL));
                if ui.add(button).clicked() {
                    cx.send(Command::Copy(instant::text(sections, &clock.instant(*t), &written)));
                }
            });
        });
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for section in sections {
                title_ui(ui, cx.theme, section);
                for line in &section.lines {
                    let said = instant::sentence(line, &written);
                    if line_row_ui(ui, cx, line, &said) {
                        cx.send(Command::SelectRow(Some(RowRef { machine: line.of, key: line.row })));
                        if let Some((since, machine)) = line.since.map(|s| s.0).zip(facts.world.machine(line.of)) {
                            let since = machine.to_ref(since);
                            cx.send(Command::SelectTime(Some(TimeRange::new(since, since))));
                        }
                    }
                }
                if section.lines.is_empty() {
                    ui.label(RichText::new(instant::NOTHING).size(Sizes::SMALL).color(cx.theme.secondary));
                }
            }
        });
    }
}

fn title_ui(ui: &mut Ui, theme: &Theme, section: &Section) {
    ui.add_space(Sizes::GRID);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), Sizes::ROW), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, &section.title));
    let stripe = Rect::from_min_size(rect.min + vec2(8.0, 3.0), vec2(Sizes::STRIPE, Sizes::ROW - 6.0));
    ui.painter().rect_filled(stripe, 1.0, theme.machine(section.machine));
    let mut inner = rect;
    inner.min.x += 18.0;
    line_ui(ui.painter(), inner, Align2::LEFT_CENTER, &section.title, Theme::body_font(), theme.text);
}

fn line_row_ui(ui: &mut Ui, cx: &FrameContext<'_>, line: &Doing, said: &str) -> bool {
    let theme = cx.theme;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), Sizes::ROW), Sense::click());
    let selected = cx.state.view.row == Some(RowRef { machine: line.of, key: line.row });
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, said));
    let painter = ui.painter();
    if selected {
        painter.rect_filled(rect, 0.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, 0.0, theme.raised);
    }
    let mut x = rect.left() + if line.below { 34.0 } else { 18.0 };
    let end = rect.right() - 12.0;
    let mut cell = |width: f32| {
        let cell = Rect::from_min_max(pos2(x, rect.top()), pos2((x + width - 8.0).min(end), rect.bottom()));
        x += width;
        cell
    };
    let (left, font) = (Align2::LEFT_CENTER, Theme::small_font());
    let label = if line.below { LABEL - 16.0 } else { LABEL };
    let mut cut = line_ui(painter, cell(label), left, &line.label, font.clone(), theme.text);
    let sign = cell(22.0);
    swatch(painter, Rect::from_center_size(sign.left_center() + vec2(7.0, 0.0), vec2(14.0, 11.0)), theme, line.state);
    let loud = line.state.is_alert();
    let color = if loud { theme.alarm } else { theme.text };
    cut |= line_ui(painter, cell(STATE), left, &theme.state(line.state).name, font.clone(), color);
    let since = line.since.map_or_else(String::new, |(_, length)| duration(length));
    line_ui(painter, cell(SINCE), Align2::RIGHT_CENTER, &since, font.clone(), theme.secondary);
    let rest = cell(f32::INFINITY);
    cut |= line_ui(painter, rest.translate(vec2(8.0, 0.0)), left, &line.words, font, theme.secondary);
    let response = if cut { response.on_hover_text(said) } else { response };
    response.clicked()
}
