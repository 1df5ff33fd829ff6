//! The line at the bottom: where the pointer is, what is selected, what it means in words.

use egui::{Align, Layout, RichText, Ui};
use stratoscope_core::vocab::RefNs;

use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::export::ExportCommand;
use crate::window::frame::FrameContext;
use crate::window::info::Stage;
use crate::window::own::axis_marks::between_words;
use crate::window::theme::Sizes;
use crate::window::words;

/// The height of the line.
pub const HEIGHT: f32 = 28.0;

/// What the pointer is on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hover {
    /// The instant.
    pub t: Option<RefNs>,
    /// The row.
    pub row: Option<RowRef>,
}

/// Draws the line.
pub fn status_bar_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, hover: Hover) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * Sizes::GRID;
        let theme = cx.theme;
        if !cx.state.placed {
            let text = match cx.info.stage {
                Stage::Opening => "Opening…",
                Stage::Failed => "Nothing could be opened",
                _ => "",
            };
            ui.label(RichText::new(text).color(theme.secondary));
            return;
        }
        let clock = cx.state.clock();
        let selection = cx.state.view.selection;
        // Of a fixed width: what follows shall not dance with the pointer.
        let time = hover.t.or(selection.map(|s| s.begin)).map_or_else(String::new, |t| clock.instant(t));
        fixed_ui(ui, 158.0, RichText::new(time).color(theme.text));
        if let Some(selection) = selection {
            let text = if selection.begin == selection.end {
                format!("T {}", clock.instant(selection.begin))
            } else {
                format!(
                    "T1 {}   T2 {}   Δ {}",
                    clock.instant(selection.begin),
                    clock.instant(selection.end),
                    duration(selection.length())
                )
            };
            ui.label(RichText::new(text).color(theme.secondary));
        }
        if let Some(words) = between_words(&cx.state.view.own, &cx.state.scene) {
            ui.label(RichText::new(words).color(theme.text));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right_ui(ui, cx);
            saving_ui(ui, cx);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let words = match (&cx.state.notice, hover.row, hover.t) {
                    (Some(notice), ..) => RichText::new(notice).color(theme.paint("waiting")),
                    (None, Some(row), Some(t)) => {
                        RichText::new(words::sentence(&cx.state.scene, theme, row, t)).color(theme.text)
                    }
                    _ => match (cx.state.view.row, selection) {
                        (Some(row), Some(s)) => {
                            RichText::new(words::sentence(&cx.state.scene, theme, row, s.begin)).color(theme.secondary)
                        }
                        (Some(row), None) => {
                            RichText::new(words::row_place(&cx.state.scene, row)).color(theme.secondary)
                        }
                        (None, _) => RichText::new(""),
                    },
                };
                ui.add(egui::Label::new(words).truncate());
            });
        });
    });
}

/// What is being saved, how far it is, and how to stop it.
fn saving_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let Some(saving) = &cx.state.saving else { return };
    let small = |text: &str| RichText::new(text).size(Sizes::SMALL).color(cx.theme.text);
    let stop = ui.button(small("Stop saving")).clicked();
    let share = saving.share.map_or_else(|| "…".to_owned(), |share| format!(" {:.0} %", share * 100.0));
    ui.label(small(&format!("Saving {}{share}", saving.what)));
    if stop {
        cx.send(Command::Export(ExportCommand::Stop));
    }
}

fn fixed_ui(ui: &mut Ui, width: f32, text: RichText) {
    let size = egui::vec2(width, ui.available_height());
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_width(width);
        ui.label(text);
    });
}

fn right_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let hint = cx.keymap.hint("details");
    let text = if cx.state.settings.details { "Details ⏵" } else { "⏴ Details" };
    let button = egui::Button::new(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
    if ui.add(button.frame_when_inactive(false)).on_hover_text(hint).clicked() {
        cx.send(Command::ToggleDetails);
    }
    let events: String = match cx.info.machines.len() {
        0 => String::new(),
        n => words::count(n as u64, "machine"),
    };
    ui.label(RichText::new(events).size(Sizes::SMALL).color(cx.theme.secondary));
}
