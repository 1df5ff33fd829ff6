//! The commands that record what is missing, to read and to copy.

use egui::{Button, Frame, Label, Margin, RichText, Ui};

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::help::record::{Need, Tool};
use crate::window::help::{HelpCommand, prose};
use crate::window::theme::Sizes;

/// Draws them over the width that is left.
pub fn record_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, need: Need) {
    let tool = cx.state.help.tool;
    prose::quiet_ui(ui, cx.theme, need.note());
    ui.horizontal(|ui| {
        for other in Tool::ALL {
            let text = RichText::new(other.name()).size(Sizes::SMALL);
            let name = format!("Commands of {}", other.name());
            let response = ui.selectable_label(tool == other, text);
            response
                .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, tool == other, &name));
            if response.clicked() {
                cx.send(Command::Help(HelpCommand::Tool(other)));
            }
        }
        ui.add_space(Sizes::GRID);
        let button = Button::new(RichText::new("Copy the commands").size(Sizes::SMALL));
        if ui.add(button).clicked() {
            cx.send(Command::Copy(need.lines(tool)));
        }
    });
    Frame::new().fill(cx.theme.raised).corner_radius(Sizes::CORNER).inner_margin(Margin::symmetric(10, 6)).show(
        ui,
        |ui| {
            ui.set_width(ui.available_width());
            let text = RichText::new(need.lines(tool)).font(egui::FontId::monospace(Sizes::TEXT - 1.5));
            ui.add(Label::new(text.color(cx.theme.text)).selectable(true).wrap());
        },
    );
    if !tool.caveat().is_empty() {
        prose::quiet_ui(ui, cx.theme, tool.caveat());
    }
}
