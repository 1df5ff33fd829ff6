//! What every part of the window gets to draw itself: state to read, theme, keys, and where commands go.

use crate::window::catalogue;
use crate::window::command::{Command, Direction};
use crate::window::info::SessionInfo;
use crate::window::keys::Keymap;
use crate::window::state::State;
use crate::window::theme::Theme;

/// One frame's view of everything. Parts read it and push commands; nothing changes before the frame has ended.
pub struct FrameContext<'a> {
    /// The window's state.
    pub state: &'a State,
    /// What is said about the session.
    pub info: &'a SessionInfo,
    /// Keys, for tooltips and menus.
    pub keymap: &'a Keymap,
    /// Colours and words.
    pub theme: &'a Theme,
    /// What the user did in this frame.
    pub commands: Vec<Command>,
}

impl FrameContext<'_> {
    /// Sends a command.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// A menu entry for a command of the catalogue, with its key.
    pub fn menu_entry_ui(&mut self, ui: &mut egui::Ui, id: &str) {
        let Some(entry) = catalogue::entry(id) else { return };
        let mut button = egui::Button::new(entry.title);
        if let Some(chord) = self.keymap.chords(entry).first() {
            button = button.shortcut_text(chord.to_string());
        }
        let enabled = !entry.needs_session || self.state.is_open();
        if ui.add_enabled(enabled, button).clicked() {
            self.send(entry.command());
            ui.close();
        }
    }

    /// The menu entry that takes back or makes again, which says what.
    pub fn menu_undo_ui(&mut self, ui: &mut egui::Ui, id: &str) {
        let Some(entry) = catalogue::entry(id) else { return };
        let (back, forward) = &self.state.past;
        let history = if entry.command() == Command::UndoChoice(Direction::Back) { back } else { forward };
        let name = history.last().map(|change| format!("{}: {}", entry.title, change.name));
        let mut button = egui::Button::new(name.clone().unwrap_or_else(|| entry.title.to_owned()));
        if let Some(chord) = self.keymap.chords(entry).first() {
            button = button.shortcut_text(chord.to_string());
        }
        if ui.add_enabled(name.is_some(), button).clicked() {
            self.send(entry.command());
            ui.close();
        }
    }

    /// A menu entry that shows whether something is on.
    pub fn menu_switch_ui(&mut self, ui: &mut egui::Ui, id: &str, on: bool) {
        let Some(entry) = catalogue::entry(id) else { return };
        let mut button = egui::Button::selectable(on, entry.title);
        if let Some(chord) = self.keymap.chords(entry).first() {
            button = button.shortcut_text(chord.to_string());
        }
        let enabled = !entry.needs_session || self.state.is_open();
        if ui.add_enabled(enabled, button).clicked() {
            self.send(entry.command());
            ui.close();
        }
    }
}
