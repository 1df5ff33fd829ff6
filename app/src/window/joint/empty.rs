//! What a pane says while it has nothing to show: what is missing, and the command that records it.

use egui::{RichText, Ui};

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::theme::Sizes;

/// How to record what tells about vCPUs, on the host.
pub const RECORD_HOST: &str = "lttng enable-event --kernel 'kvm_*,sched_*,irq_*,timer_*,lttng_statedump_*'";

/// Why a pane is empty.
pub struct Empty<'a> {
    /// What is missing.
    pub what: &'a str,
    /// More about it.
    pub more: &'a [String],
    /// What would help.
    pub line: &'a str,
}

/// Draws it in the middle of the room that is left.
pub fn empty_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, empty: &Empty<'_>) {
    let rect = ui.available_rect_before_wrap();
    ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
    ui.vertical_centered(|ui| {
        ui.set_max_width((rect.width() - 40.0).clamp(120.0, 640.0));
        ui.add_space((rect.height() / 2.0 - 40.0).max(4.0));
        ui.label(RichText::new(empty.what).color(cx.theme.secondary));
        for more in empty.more {
            ui.label(RichText::new(more).size(Sizes::SMALL).color(cx.theme.secondary));
        }
        if !empty.line.is_empty() {
            ui.add_space(Sizes::GRID / 2.0);
            let text = RichText::new(empty.line).font(egui::FontId::monospace(Sizes::TEXT - 1.0));
            if ui.add(egui::Button::new(text).wrap()).on_hover_text("Click to copy").clicked() {
                cx.send(Command::Copy(empty.line.to_owned()));
            }
        }
    });
}

/// Whether a pane about virtual machines has nothing to draw from; then it says why.
pub fn no_vms_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, without: &str) -> bool {
    let facts = std::sync::Arc::clone(&cx.state.scene.facts);
    if !facts.world.vms().is_empty() {
        return false;
    }
    if cx.info.is_busy() {
        empty_ui(ui, cx, &Empty { what: "Virtual machines are looked for once all is read…", more: &[], line: "" });
        return true;
    }
    let notes = facts.world.vm.as_ref().map_or_else(Vec::new, |view| view.notes.clone());
    let what = format!("No virtual machine is known, so {without}. Record on the host, with the events of KVM:");
    empty_ui(ui, cx, &Empty { what: &what, more: &notes, line: RECORD_HOST });
    true
}
