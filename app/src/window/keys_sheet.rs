//! The list of all keys, and of what the mouse does.

use egui::{Align2, Area, Frame, Id, Order, RichText, ScrollArea, Ui, vec2};

use crate::window::catalogue::{ENTRIES, Group};
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::parts::{self, heading_ui, icon_button_ui};
use crate::window::theme::{Sizes, Theme};

/// What the mouse does in rows.
const MOUSE: &[(&str, &str)] = &[
    ("Click", "Select a state: its row and its time"),
    ("Drag", "Move the window"),
    ("Shift+drag, or drag on the axis", "Select a range; its ends snap to states"),
    ("Ctrl+wheel, pinch", "Zoom at the pointer"),
    ("Wheel", "Scroll rows"),
    ("Shift+wheel, wheel sideways", "Move the window"),
    ("Double click on the axis", "Show everything"),
];

/// Draws the list.
pub fn keys_sheet_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let screen = ui.ctx().content_rect();
    let area = Area::new(Id::unique("keys"))
        .order(Order::Foreground)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .role(egui::accesskit::Role::Dialog)
        .accessible_name("All keys");
    area.show(ui.ctx(), |ui| {
        Frame::popup(ui.style()).inner_margin(2.0 * Sizes::GRID).show(ui, |ui| {
            ui.set_width((screen.width() - 120.0).clamp(300.0, 1040.0));
            ui.horizontal(|ui| {
                ui.label(RichText::new("Keys").size(Sizes::HEADING).strong());
                let settings = cx.keymap.hint("settings");
                let hint = format!("Letters act when no text field has the keyboard. To change keys: {settings}.");
                ui.label(RichText::new(hint).color(cx.theme.secondary));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if icon_button_ui(ui, "×", "Close keys", "Close (Esc)", true).clicked() {
                        cx.send(Command::ToggleKeys);
                    }
                });
            });
            let height = screen.height() - 140.0;
            let list = ScrollArea::vertical().max_height(height).min_scrolled_height(height);
            list.auto_shrink([false, true]).show(ui, |ui| {
                // The bar that scrolls lies over the right edge, not over keys.
                ui.set_max_width(ui.available_width() - 2.0 * Sizes::GRID);
                ui.spacing_mut().item_spacing.x = 4.0 * Sizes::GRID;
                ui.columns(3, |columns| {
                    group_ui(&mut columns[0], cx, Group::Time);
                    group_ui(&mut columns[0], cx, Group::File);
                    group_ui(&mut columns[0], cx, Group::Mark);
                    mouse_ui(&mut columns[0], cx);
                    group_ui(&mut columns[1], cx, Group::Walk);
                    group_ui(&mut columns[1], cx, Group::Find);
                    group_ui(&mut columns[1], cx, Group::Save);
                    group_ui(&mut columns[2], cx, Group::View);
                    group_ui(&mut columns[2], cx, Group::Help);
                });
            });
        });
    });
}

fn line_ui(ui: &mut Ui, cx: &FrameContext<'_>, keys: &str, text: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), Sizes::ROW), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, text));
    let painter = ui.painter();
    let galley = painter.layout_no_wrap(keys.to_owned(), Theme::small_font(), cx.theme.secondary);
    let at = egui::pos2(rect.right() - galley.size().x, rect.center().y - galley.size().y / 2.0);
    let words = egui::Rect::from_min_max(rect.min, egui::pos2(at.x - Sizes::GRID, rect.bottom()));
    painter.galley(at, galley, cx.theme.secondary);
    if parts::line_ui(painter, words, Align2::LEFT_CENTER, text, Theme::body_font(), cx.theme.text) {
        response.on_hover_text(text);
    }
}

fn group_ui(ui: &mut Ui, cx: &FrameContext<'_>, group: Group) {
    ui.spacing_mut().item_spacing.y = 2.0;
    heading_ui(ui, cx.theme, group.title());
    for entry in ENTRIES.iter().filter(|e| e.group == group) {
        line_ui(ui, cx, &cx.keymap.text(entry), entry.title);
    }
}

fn mouse_ui(ui: &mut Ui, cx: &FrameContext<'_>) {
    heading_ui(ui, cx.theme, "Mouse");
    for (what, does) in MOUSE {
        line_ui(ui, cx, what, does);
    }
}
