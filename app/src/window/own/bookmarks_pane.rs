//! The list of bookmarks: where they are, what they say; click to go there, write into them, remove them.

use std::collections::BTreeMap;

use egui::{Button, Label, RichText, ScrollArea, Sense, TextEdit, Ui, vec2};

use crate::window::axis::duration;
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::own::marks::MAX_TEXT;
use crate::window::own::{Bookmark, MarkCommand, axis_marks};
use crate::window::parts::icon_button_ui;
use crate::window::theme::Sizes;

/// The pane's memory between frames: texts while they are typed.
#[derive(Clone, Debug, Default)]
pub struct BookmarksPane {
    typed: BTreeMap<u32, String>,
}

impl BookmarksPane {
    /// Draws the pane.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        egui::Frame::new().inner_margin(Sizes::GRID).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                markers_ui(ui, cx);
                let scene = &cx.state.scene;
                let mut bookmarks: Vec<Bookmark> = cx.state.view.own.bookmarks.clone();
                bookmarks.sort_by_key(|b| (b.begin.at(scene), b.end.at(scene), b.id));
                self.typed.retain(|id, _| bookmarks.iter().any(|b| b.id == *id));
                if bookmarks.is_empty() {
                    let text = "No bookmarks. Select an instant or a range and press B.";
                    ui.label(RichText::new(text).color(cx.theme.secondary));
                }
                for bookmark in &bookmarks {
                    self.line_ui(ui, cx, bookmark);
                }
            });
        });
    }

    fn line_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, bookmark: &Bookmark) {
        let clock = cx.state.clock();
        let range = bookmark.range(&cx.state.scene);
        let (place, length) = range.map_or_else(
            || ("its machine is not there".to_owned(), String::new()),
            |r| {
                let length = if r.begin == r.end { String::new() } else { duration(r.length()) };
                (clock.instant(r.begin), length)
            },
        );
        ui.horizontal(|ui| {
            let id = bookmark.id;
            let size = vec2(150.0, Sizes::ROW + 2.0);
            let go =
                ui.add_sized(size, Button::new(RichText::new(&place).size(Sizes::SMALL)).frame_when_inactive(false));
            go.widget_info(|| {
                egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Go to {}", bookmark.text))
            });
            if go.on_hover_text("Go there").clicked() {
                cx.send(Command::Mark(MarkCommand::Go(id)));
            }
            let length = RichText::new(length).size(Sizes::SMALL).color(cx.theme.secondary);
            ui.add_sized(vec2(72.0, Sizes::ROW), Label::new(length));
            let text = self.typed.entry(id).or_insert_with(|| bookmark.text.clone());
            let width = (ui.available_width() - 32.0).max(60.0);
            let edit = TextEdit::singleline(text).char_limit(MAX_TEXT).desired_width(width);
            let response = ui.add(edit).accessible_name(format!("Text of bookmark {id}"));
            if response.lost_focus() && *text != bookmark.text {
                cx.send(Command::Mark(MarkCommand::Rename { id, text: text.clone() }));
            }
            if !response.has_focus() {
                text.clone_from(&bookmark.text);
            }
            let name = format!("Remove {}", bookmark.text);
            if icon_button_ui(ui, "×", &name, "Remove this bookmark", true).clicked() {
                cx.send(Command::Mark(MarkCommand::Remove(id)));
            }
        });
    }
}

/// Where the markers are and how far apart.
fn markers_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let own = &cx.state.view.own;
    let markers = own.markers(&cx.state.scene);
    if markers == [None, None] {
        return;
    }
    let clock = cx.state.clock();
    let words = axis_marks::between_words(own, &cx.state.scene);
    ui.horizontal(|ui| {
        for (t, name) in markers.into_iter().zip(["A", "B"]) {
            if let Some(t) = t {
                ui.add(Label::new(format!("{name} {}", clock.instant(t))).sense(Sense::hover()));
            }
        }
        if let Some(words) = words {
            ui.label(RichText::new(words).strong());
            if ui.button("Select it").clicked() {
                cx.send(Command::Mark(MarkCommand::SelectMarkers));
            }
        }
        if ui.button("Clear markers").clicked() {
            cx.send(Command::Mark(MarkCommand::ClearMarkers));
        }
    });
    ui.separator();
}
