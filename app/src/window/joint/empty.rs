//! What a pane says while it has nothing to show: what is missing, and the commands that record it.

use egui::{RichText, ScrollArea, Ui};
use stratoscope_core::vocab::RowKind;

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::help::record_ui::record_ui;
use crate::window::help::{HelpCommand, Need, Topic};
use crate::window::theme::Sizes;

/// The widest that words and commands get.
const WIDTH: f32 = 720.0;

/// Why a pane is empty.
pub struct Empty<'a> {
    /// What is missing.
    pub what: &'a str,
    /// More about it.
    pub more: &'a [String],
    /// What would have to be recorded; `None`: recording otherwise would not help.
    pub need: Option<Need>,
    /// The view's article; empty: none is offered.
    pub about: &'static str,
}

impl<'a> Empty<'a> {
    /// Nothing but a sentence: something is not there yet.
    pub fn words(what: &'a str) -> Self {
        Self { what, more: &[], need: None, about: "" }
    }
}

/// Draws it in the middle of the room that is left.
pub fn empty_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, empty: &Empty<'_>) {
    let rect = ui.available_rect_before_wrap();
    ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
    ScrollArea::vertical().id_salt("empty").auto_shrink(false).show(ui, |ui| {
        let margin = ((rect.width() - WIDTH) / 2.0).max(2.0 * Sizes::GRID);
        let lines = if empty.need.is_some() { 330.0 } else { 60.0 };
        ui.add_space(((rect.height() - lines) / 2.0).max(Sizes::GRID));
        ui.horizontal_top(|ui| {
            ui.add_space(margin);
            ui.vertical(|ui| {
                ui.set_width((rect.width() - 2.0 * margin).max(80.0));
                ui.spacing_mut().item_spacing.y = 6.0;
                words_ui(ui, cx, empty);
            });
        });
        ui.add_space(Sizes::GRID);
    });
}

fn words_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, empty: &Empty<'_>) {
    let sentence = |ui: &mut Ui, text: RichText| {
        let label = egui::Label::new(text).wrap();
        // A sentence alone stands in the middle; above commands it begins where they do.
        if empty.need.is_some() { ui.add(label) } else { ui.vertical_centered(|ui| ui.add(label)).inner }
    };
    let color = if empty.need.is_some() { cx.theme.text } else { cx.theme.secondary };
    sentence(ui, RichText::new(empty.what).color(color));
    for more in empty.more {
        sentence(ui, RichText::new(more).size(Sizes::SMALL).color(cx.theme.secondary));
    }
    if let Some(need) = empty.need {
        ui.add_space(Sizes::GRID / 2.0);
        record_ui(ui, cx, need);
    }
    if empty.about.is_empty() {
        return;
    }
    let link = |ui: &mut Ui| ui.link("What does this view show?");
    let response = if empty.need.is_some() { link(ui) } else { ui.vertical_centered(link).inner };
    if response.clicked() {
        cx.send(Command::Help(HelpCommand::Show(Topic::View(empty.about))));
    }
}

/// Whether no trace tells the state of any thread.
pub fn lacks_threads(cx: &FrameContext<'_>) -> bool {
    !cx.state.scene.machines.iter().flat_map(|m| m.rows.iter()).any(|r| r.key.kind == RowKind::Thread)
}

/// Whether a pane about threads has nothing to draw from, now that all is read; then it says why.
pub fn no_threads_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, without: &str, about: &'static str) -> bool {
    if cx.info.is_busy() || !cx.state.placed || !lacks_threads(cx) {
        return false;
    }
    let what = format!("No thread's state can be told, so {without}: the traces have no sched_switch events.");
    empty_ui(ui, cx, &Empty { what: &what, more: &[], need: Some(Need::Threads), about });
    true
}

/// Whether a pane about virtual machines has nothing to draw from; then it says why.
pub fn no_vms_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, without: &str, about: &'static str) -> bool {
    let facts = std::sync::Arc::clone(&cx.state.scene.facts);
    if !facts.world.vms().is_empty() {
        return false;
    }
    if cx.info.is_busy() {
        empty_ui(ui, cx, &Empty::words("Virtual machines are looked for once all is read…"));
        return true;
    }
    let notes = facts.world.vm.as_ref().map_or_else(Vec::new, |view| view.notes.clone());
    let what = format!("No virtual machine is known, so {without}: no trace here has a host's entries into guests.");
    empty_ui(ui, cx, &Empty { what: &what, more: &notes, need: Some(Need::Host), about });
    true
}
