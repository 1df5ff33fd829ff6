//! The list of what went wrong: where, what it means, what can be done.

use egui::{Button, Label, RichText, ScrollArea, Ui};
use stratoscope_core::vocab::{Problem, Severity, TimeRange};

use crate::window::command::Command;
use crate::window::export::menu;
use crate::window::frame::FrameContext;
use crate::window::info::SessionInfo;
use crate::window::navigate;
use crate::window::parts::icon_button_ui;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::scene::Scene;
use crate::window::words;

/// The height of the list at first.
pub const HEIGHT: f32 = 180.0;

fn sign(theme: &Theme, severity: Severity) -> (&'static str, &'static str, egui::Color32) {
    match severity {
        Severity::Error => ("⊗", "error", theme.alarm),
        Severity::Warning => ("⚠", "warning", theme.paint("waiting")),
        Severity::Note => ("ℹ", "note", theme.secondary),
    }
}

/// A problem as text, for the clipboard.
pub fn as_text(problem: &Problem) -> String {
    let at = problem.offset.map_or_else(String::new, |o| format!(" at byte {o}"));
    format!("{}{at}: {}", problem.path.display(), problem.message())
}

/// What tracers had no room for, one problem a trace: the trace itself reads without a fault, but rows don't know what
/// happened meanwhile.
pub fn losses(info: &SessionInfo, scene: &Scene) -> Vec<Problem> {
    let mut found = Vec::new();
    for machine in &info.machines {
        for trace in &machine.traces {
            let lost: u64 = trace.streams.iter().map(|stream| stream.lost_events).sum();
            if lost == 0 {
                continue;
            }
            let streams = trace.streams.iter().filter(|stream| stream.lost_events > 0).count();
            let mut problem = Problem::warning(&trace.path, "the tracer lost events")
                .found(format!("{} in {}", words::grouped(lost), words::count(streams as u64, "stream")))
                .advise(
                    "rows are not certain in the stretches that are marked on the time axis: what happened there is \
                     not known. Record again with more or larger buffers, or with fewer kinds of events",
                );
            // A click leads to the longest stretch.
            let marks = scene.machine(machine.id).map_or(&[][..], |m| &m.lost);
            problem.range = marks.iter().map(|mark| mark.range).max_by_key(|range| range.length());
            found.push(problem);
        }
    }
    found
}

/// Draws the list.
pub fn problems_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let problems = std::sync::Arc::clone(&cx.info.problems);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Problems").strong());
        ui.label(RichText::new(words::grouped(problems.len() as u64)).color(cx.theme.secondary));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let hint = cx.keymap.hint("problems");
            if icon_button_ui(ui, "×", "Close problems", &hint, true).clicked() {
                cx.send(Command::ToggleProblems);
            }
            if problems.is_empty() {
                return;
            }
            ui.menu_button("Save ⏷", |ui| menu::problems_ui(ui, cx)).response.on_hover_text("Save this list");
            if ui.add(Button::new("Copy all").frame_when_inactive(false)).clicked() {
                let text: Vec<String> = problems.iter().map(as_text).collect();
                cx.send(Command::Copy(text.join("\n")));
            }
        });
    });
    if problems.is_empty() {
        ui.label(RichText::new("Everything could be read.").color(cx.theme.secondary));
        return;
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (n, problem) in problems.iter().enumerate() {
            ui.push_id(n, |ui| problem_ui(ui, cx, problem));
        }
    });
}

fn problem_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, problem: &Problem) {
    let theme = cx.theme;
    let (sign, word, color) = sign(theme, problem.severity);
    ui.horizontal_top(|ui| {
        let label = ui.label(RichText::new(sign).color(color));
        label.on_hover_text(word);
        ui.vertical(|ui| {
            let mut text = words::capital(&problem.what);
            if !problem.detail.is_empty() {
                text.push_str(": ");
                text.push_str(&problem.detail);
            }
            if problem.count > 1 {
                text.push_str(&format!(" ({} times)", words::grouped(problem.count)));
            }
            ui.add(Label::new(RichText::new(text)).wrap().selectable(true));
            if !problem.advice.is_empty() {
                ui.add(
                    Label::new(RichText::new(words::capital(&problem.advice)).color(theme.secondary))
                        .wrap()
                        .selectable(true),
                );
            }
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = 18.0;
                ui.spacing_mut().button_padding.y = 0.0;
                let at = problem.offset.map_or_else(String::new, |o| format!(", byte {}", words::grouped(o)));
                let place = format!("{word} · {}{at}", words::short_path(&problem.path));
                ui.label(RichText::new(place).size(Sizes::SMALL).color(theme.secondary))
                    .on_hover_text(problem.path.display().to_string());
                if let Some(range) = range_of(cx, problem)
                    && ui.add(Button::new("Show").small()).on_hover_text("Go to its time").clicked()
                {
                    cx.send(Command::SelectTime(Some(range)));
                    let around = stratoscope_core::vocab::Dur(range.length().0.max(1_000) * 2);
                    let window = TimeRange::new(range.begin - around, range.end + around);
                    cx.send(Command::SetWindow { window, remember: true });
                }
                if ui.add(Button::new("Copy").small()).clicked() {
                    cx.send(Command::Copy(as_text(problem)));
                }
            });
        });
    });
    ui.add_space(2.0);
}

/// Where a problem lies on the axis of the window.
fn range_of(cx: &FrameContext<'_>, problem: &Problem) -> Option<TimeRange<stratoscope_core::vocab::RefNs>> {
    let range = problem.range?;
    let path = |m: &&crate::window::info::MachineInfo| m.traces.iter().any(|t| problem.path.starts_with(&t.path));
    let machine = cx.info.machines.iter().find(path)?.id;
    let map = cx.state.scene.machine(machine)?.map;
    Some(TimeRange::new(navigate::to_ref(&map, range.begin), navigate::to_ref(&map, range.end)))
}
