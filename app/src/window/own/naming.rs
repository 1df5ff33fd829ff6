//! The field that asks for a new bookmark's text: it lies over the panes, takes the keyboard, and goes with Enter.

use egui::{Align2, Area, Frame, Id, Key, Order, RichText, TextEdit, Ui, vec2};

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::own::MarkCommand;
use crate::window::own::marks::MAX_TEXT;
use crate::window::theme::Sizes;

/// What is typed, and for which bookmark.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    asked: Option<u32>,
    text: String,
}

impl Naming {
    /// Draws the field while a text is asked for.
    pub fn ui(&mut self, ui: &Ui, cx: &mut FrameContext<'_>) {
        let asked = cx.state.naming;
        let opened = asked.is_some() && asked != self.asked;
        self.asked = asked;
        let Some(id) = asked else { return };
        if opened {
            self.text = cx.state.view.own.bookmark(id).map_or_else(String::new, |b| b.text.clone());
        }
        let area = Area::new(Id::unique("bookmark text"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 56.0))
            .role(egui::accesskit::Role::Dialog)
            .accessible_name("Bookmark");
        area.show(ui.ctx(), |ui| {
            Frame::popup(ui.style()).inner_margin(Sizes::GRID).show(ui, |ui| {
                ui.set_width(340.0);
                self.contents_ui(ui, cx, id, opened);
            });
        });
    }

    fn contents_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, id: u32, opened: bool) {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Bookmark").strong());
            ui.label(RichText::new("Enter keeps it, Esc leaves it as it is").size(Sizes::SMALL).weak());
        });
        let edit = TextEdit::singleline(&mut self.text).char_limit(MAX_TEXT).desired_width(f32::INFINITY);
        let output = edit.show(ui);
        let response = output.response.response.accessible_name("Bookmark text");
        if opened {
            response.request_focus();
            // All of it is selected: typing replaces what the program proposed.
            let mut state = output.state;
            let all = egui::text::CCursorRange::two(
                egui::text::CCursor::default(),
                egui::text::CCursor::new(self.text.chars().count()),
            );
            state.cursor.set_char_range(Some(all));
            state.store(ui.ctx(), response.id);
        }
        let enter = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        if enter {
            cx.send(Command::Mark(MarkCommand::Rename { id, text: self.text.clone() }));
            cx.send(Command::Mark(MarkCommand::Name(None)));
        } else if response.lost_focus() {
            cx.send(Command::Mark(MarkCommand::Name(None)));
        }
    }
}
