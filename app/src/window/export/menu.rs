//! The menu of a pane: what of it can be saved and copied. It hangs at the pane's tab and at a button beside it.

use egui::Ui;

use crate::window::command::Command;
use crate::window::export::{ExportCommand, FINE, Format, LARGE, Table, What, Writing};
use crate::window::frame::FrameContext;
use crate::window::layout::PaneKind;

/// What a pane's table is called in its menu.
fn table_words(kind: &PaneKind) -> &'static str {
    match kind {
        PaneKind::Events => "Save events",
        PaneKind::ExecutionFlow => "Save pieces",
        kind if kind.is_timeline() => "Save states",
        _ => "Save table",
    }
}

/// Draws the entries.
pub fn entries_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, kind: &PaneKind) {
    ui.set_min_width(250.0);
    let focused = cx.state.panes.focused.as_ref() == Some(kind);
    let mut entry = |ui: &mut Ui, text: &str, id: &str, command: ExportCommand| {
        // The key of the same thing acts on the pane with the keyboard: it is shown where that is this one.
        let key = crate::window::catalogue::entry(id).filter(|_| focused);
        let key = key.and_then(|entry| cx.keymap.chords(entry).first()).map(ToString::to_string);
        if ui.add(egui::Button::new(text).shortcut_text(key.unwrap_or_default())).clicked() {
            cx.commands.push(Command::Export(command));
            ui.close();
        }
    };
    let view = || What::View(Some(kind.clone()));
    entry(ui, "Save as picture (PNG)…", "save-view", ExportCommand::Ask(view(), FINE));
    entry(ui, "Save as large picture (PNG)…", "", ExportCommand::Ask(view(), LARGE));
    entry(ui, "Save as drawing (SVG)…", "save-view-svg", ExportCommand::Ask(view(), Format::Svg));
    ui.separator();
    let table = || Table::Of(kind.clone());
    for (format, id) in [(Format::Csv, "save-table"), (Format::JsonLines, "save-table-json")] {
        let text = format!("{} as {}…", table_words(kind), format.name());
        entry(ui, &text, id, ExportCommand::Ask(What::Table(Some(table())), format));
    }
    if matches!(kind, PaneKind::ExecutionFlow | PaneKind::FlowBreakdown) {
        for (format, id) in [(Format::Csv, "save-instances"), (Format::JsonLines, "save-instances-json")] {
            let text = format!("Save instances as {}…", format.name());
            entry(ui, &text, id, ExportCommand::Ask(What::Table(Some(Table::FlowInstances)), format));
        }
    }
    if kind.is_timeline() || *kind == PaneKind::Events {
        ui.separator();
        entry(ui, "Copy the selected state or event", "copy", ExportCommand::Copy(Writing::Text));
        entry(ui, "Copy it as JSON", "copy-json", ExportCommand::Copy(Writing::Json));
        return;
    }
    ui.separator();
    for (writing, name) in [(Writing::Text, "text"), (Writing::Csv, "CSV"), (Writing::Json, "JSON Lines")] {
        entry(ui, &format!("Copy table as {name}"), "", ExportCommand::CopyTable(table(), writing));
    }
}

/// The button beside a pane's tabs; `title` is the pane's.
pub fn button_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, kind: &PaneKind, title: &str) {
    let button = egui::Button::new("").frame_when_inactive(false).min_size(egui::vec2(22.0, 22.0));
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| entries_ui(ui, cx, kind));
    let label = format!("Save or copy: {title}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &label));
    // Three dots, which no font of ours has.
    for n in [-1.0, 0.0, 1.0] {
        let at = response.rect.center() + egui::vec2(0.0, n * 4.5);
        ui.painter().circle_filled(at, 1.4, cx.theme.secondary);
    }
    response.on_hover_text("Save or copy this view");
}

/// The two entries that save a table which is no pane.
pub fn problems_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    for format in [Format::Csv, Format::JsonLines] {
        if ui.button(format!("Save as {}…", format.name())).clicked() {
            cx.send(Command::Export(ExportCommand::Ask(What::Table(Some(Table::Problems)), format)));
            ui.close();
        }
    }
}
