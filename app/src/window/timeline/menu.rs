//! The menu of a row: what can be done to it and to the rows around it.

use egui::{Button, Ui};
use stratoscope_core::vocab::{RefNs, RowKind};

use crate::window::catalogue;
use crate::window::command::{Command, Direction, RowRef};
use crate::window::export::{ExportCommand, Writing};
use crate::window::keys::Keymap;
use crate::window::own::{MarkCommand, RowCommand, RowTools};
use crate::window::timeline::rows::Sort;

/// Draws the menu of a row; each entry shows its key.
pub(crate) fn row_menu_ui(ui: &mut Ui, row: RowRef, tools: &RowTools, keys: &Keymap, out: &mut Vec<Command>) {
    ui.set_min_width(230.0);
    let key = |id: &str| {
        let chord = catalogue::entry(id).and_then(|entry| keys.chords(entry).first());
        chord.map_or_else(String::new, ToString::to_string)
    };
    let mut entry = |ui: &mut Ui, text: &str, id: &str, enabled: bool, command: Command| {
        if ui.add_enabled(enabled, Button::new(text).shortcut_text(key(id))).clicked() {
            // What is asked of a row is asked of the selected one: so it is seen which one it was.
            out.push(Command::SelectRow(Some(row)));
            out.push(command);
            ui.close();
        }
    };
    let rows = |command| Command::Rows(command);
    let is_task = matches!(row.key.kind, RowKind::Thread | RowKind::VmThread | RowKind::Vcpu) && row.key.id > 0;
    entry(ui, "Execution flow of this task", "flow", is_task, Command::ShowFlow(Some(row)));
    ui.separator();
    entry(ui, "Hide", "row-hide", true, rows(RowCommand::Hide(Some(row))));
    entry(ui, "Hide others", "row-hide-others", true, rows(RowCommand::HideOthers(Some(row))));
    entry(ui, "Show all hidden rows", "rows-show", tools.hides(), rows(RowCommand::ShowAll));
    ui.separator();
    let pin = if tools.pinned.contains(&row) { "Unpin" } else { "Pin on top" };
    entry(ui, pin, "row-pin", true, rows(RowCommand::Pin(Some(row))));
    entry(ui, "Move up", "row-move-up", true, rows(RowCommand::Move(Direction::Back)));
    entry(ui, "Move down", "row-move-down", true, rows(RowCommand::Move(Direction::Forward)));
    entry(ui, "Forget how rows were moved", "rows-order", !tools.placed.is_empty(), rows(RowCommand::ResetOrder));
    ui.separator();
    entry(ui, "Follow from here", "follow", true, Command::FollowCpu);
    entry(ui, "Bookmark the selection", "bookmark", true, Command::Mark(MarkCommand::Add));
    ui.separator();
    sort_ui(ui, tools, out);
}

/// What can be done to the state that was clicked, and to the view that it is in.
pub(crate) fn state_menu_ui(ui: &mut Ui, row: RowRef, t: RefNs, keys: &Keymap, out: &mut Vec<Command>) {
    ui.set_min_width(230.0);
    for (text, writing) in [("Copy this state", Writing::Text), ("Copy this state as JSON", Writing::Json)] {
        if ui.button(text).clicked() {
            out.push(Command::Export(ExportCommand::CopyState(row, t, writing)));
            ui.close();
        }
    }
    ui.menu_button("Save what is shown here", |ui| {
        ui.set_min_width(250.0);
        for id in ["save-view", "save-view-svg", "save-table", "save-table-json"] {
            let Some(entry) = catalogue::entry(id) else { continue };
            let key = keys.chords(entry).first().map_or_else(String::new, ToString::to_string);
            if ui.add(Button::new(entry.title).shortcut_text(key)).clicked() {
                out.push(entry.command());
                ui.close();
            }
        }
    });
    ui.separator();
}

/// The orders of threads.
pub(crate) fn sort_ui(ui: &mut Ui, tools: &RowTools, out: &mut Vec<Command>) {
    for sort in Sort::ALL {
        if ui.radio(tools.sort == sort, format!("Sort by {}", sort.name())).clicked() {
            out.push(Command::Rows(RowCommand::Sort(sort)));
            ui.close();
        }
    }
}
