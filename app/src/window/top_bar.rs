//! The bar at the top: opening, history, the shown stretch of time, search, progress, problems.

use std::borrow::Cow;
use std::path::PathBuf;

use egui::{Align, Button, Layout, Rect, RichText, Sense, Ui, WidgetInfo};
use egui::{accesskit::Role, pos2, vec2};
use stratoscope_core::vocab::{Dur, Severity, TimeRange};

use crate::window::axis::duration;
use crate::window::catalogue::{self, ENTRIES, Group};
use crate::window::command::{Command, Direction};
use crate::window::frame::FrameContext;
use crate::window::info::Stage;
use crate::window::joint::clocks::chip;
use crate::window::layout::PaneKind;
use crate::window::parts::{icon_button_ui, line_ui, theme_sign};
use crate::window::samples::Sample;
use crate::window::theme::{Sizes, Theme};
use crate::window::words;

/// The height of the bar.
pub const HEIGHT: f32 = 40.0;

/// What the menu of views says at last, and the menu of help; groups have their menus as a whole.
const OPEN_MENU: &[&str] = &["open", "open-beside"];
const SIZE_MENU: &[&str] = &["ui-larger", "ui-smaller", "ui-normal"];
const TOUR_MENU: &[&str] = &["tour-next", "tour-back", "tour-end"];
const HELP_MENU: &[&str] = &["help", "help-contents", "keys", "palette", "settings", "theme", "dismiss"];

/// Width of the search field.
const SEARCH: f32 = 320.0;

/// With less room than that words are left out of it.
const SEARCH_WORDS: f32 = 90.0;

/// Its width without words.
const SEARCH_SIGN: f32 = 34.0;

/// Draws the bar.
pub fn top_bar_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, samples: &[Sample]) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = Sizes::GRID / 2.0;
        open_menu_ui(ui, cx, samples);
        let readable = cx.state.is_open() && cx.info.stage != Stage::Failed;
        if readable {
            save_menu_ui(ui, cx);
            edit_menu_ui(ui, cx);
            view_menu_ui(ui, cx);
            go_menu_ui(ui, cx);
            help_menu_ui(ui, cx);
            separator(ui, cx.theme);
            history_ui(ui, cx);
            let end = ui.max_rect().right() - ui.data(|d| d.get_temp::<f32>(right_id())).unwrap_or(0.0);
            window_text_ui(ui, cx, end);
        } else {
            help_menu_ui(ui, cx);
        }
        let left = ui.min_rect().right();
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right_ui(ui, cx);
            let taken = ui.max_rect().right() - ui.min_rect().left();
            ui.data_mut(|d| d.insert_temp(right_id(), taken));
            if readable {
                let right = ui.min_rect().left() - 2.0 * Sizes::GRID;
                search_ui(ui, cx, left + 2.0 * Sizes::GRID, right);
            }
        });
    });
}

/// Where the width of what stands at the right is kept until the next frame: what stands before it gives way.
fn right_id() -> egui::Id {
    egui::Id::unique("top bar right")
}

fn separator(ui: &mut Ui, theme: &Theme) {
    let (rect, _) = ui.allocate_exact_size(vec2(2.0 * Sizes::GRID, 22.0), Sense::hover());
    ui.painter().vline(rect.center().x, rect.y_range(), egui::Stroke::new(1.0, theme.line));
}

/// What recent paths are called: by the first, and how many more.
fn recent_name(paths: &[PathBuf]) -> String {
    let first = paths.first().map_or_else(String::new, |p| words::short_path(p));
    if paths.len() > 1 { format!("{first} and {} more", paths.len() - 1) } else { first }
}

fn open_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, samples: &[Sample]) {
    ui.menu_button("Open ⏷", |ui| {
        ui.set_min_width(220.0);
        for id in OPEN_MENU {
            cx.menu_entry_ui(ui, id);
        }
        if !cx.state.memory.recent.is_empty() {
            ui.separator();
            ui.label(RichText::new("Recent").small().weak());
            for paths in cx.state.memory.recent.clone() {
                let full = paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join("\n");
                if ui.button(recent_name(&paths)).on_hover_text(full).clicked() {
                    cx.send(Command::Open(paths));
                    ui.close();
                }
            }
        }
        if !samples.is_empty() {
            ui.separator();
            ui.label(RichText::new("Samples").small().weak());
            for sample in samples {
                if ui.button(&sample.name).on_hover_text(sample.about).clicked() {
                    cx.send(Command::Open(vec![sample.path.clone()]));
                    ui.close();
                }
            }
        }
        ui.separator();
        for entry in ENTRIES.iter().filter(|e| e.group == Group::File && !OPEN_MENU.contains(&e.id)) {
            cx.menu_entry_ui(ui, entry.id);
        }
    });
}

fn save_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.menu_button("Save ⏷", |ui| {
        ui.set_min_width(320.0);
        for entry in ENTRIES.iter().filter(|e| e.group == Group::Save) {
            if matches!(entry.id, "save-table" | "save-report" | "copy") {
                ui.separator();
            }
            cx.menu_entry_ui(ui, entry.id);
        }
    });
}

fn view_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.menu_button("View ⏷", |ui| {
        ui.set_min_width(260.0);
        scrolled_ui(ui, |ui| {
            for entry in ENTRIES.iter().filter(|e| e.group == Group::View) {
                let focused = cx.state.panes.focused.as_ref().filter(|kind| kind.is_timeline());
                let command = entry.command();
                let on = match &command {
                    Command::TogglePane(kind) => cx.state.panes.contains_sort(kind),
                    Command::ToggleLink(_) => focused.is_some_and(|kind| cx.state.panes.is_linked(kind)),
                    Command::ToggleFullPane => cx.state.panes.full.is_some(),
                    Command::ToggleTree => cx.state.settings.tree,
                    Command::ToggleDetails => cx.state.settings.details,
                    Command::ToggleProblems => cx.state.problems,
                    Command::ToggleHideIdle => cx.state.view.hide_idle,
                    Command::ToggleSynced => cx.state.choice.enabled,
                    Command::ToggleCompact => cx.state.view.compact,
                    Command::ToggleIdleTasks => cx.state.view.idle_tasks,
                    Command::ToggleByMachine => cx.state.view.by_machine,
                    _ => false,
                };
                if matches!(entry.id, "preset-kernel" | "compare-a" | "synced" | "link-pane" | "hide-idle") {
                    ui.separator();
                }
                cx.menu_switch_ui(ui, entry.id, on);
            }
            ui.separator();
            for id in SIZE_MENU {
                cx.menu_entry_ui(ui, id);
            }
        });
    });
}

fn go_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.menu_button("Go ⏷", |ui| {
        ui.set_min_width(300.0);
        scrolled_ui(ui, |ui| {
            for (n, group) in [Group::Time, Group::Walk, Group::Find].into_iter().enumerate() {
                if n > 0 {
                    ui.separator();
                }
                for entry in ENTRIES.iter().filter(|e| e.group == group) {
                    cx.menu_entry_ui(ui, entry.id);
                }
            }
        });
    });
}

/// What was done, and what can be done to rows and marks.
fn edit_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.menu_button("Edit ⏷", |ui| {
        ui.set_min_width(300.0);
        scrolled_ui(ui, |ui| {
            for entry in ENTRIES.iter().filter(|e| e.group == Group::Mark) {
                match entry.command() {
                    Command::UndoChoice(_) => cx.menu_undo_ui(ui, entry.id),
                    _ => cx.menu_entry_ui(ui, entry.id),
                }
                if entry.id == "redo-choice" {
                    ui.separator();
                }
            }
        });
    });
}

/// What is higher than the window is scrolled.
fn scrolled_ui(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let room = (ui.ctx().content_rect().height() - HEIGHT - 3.0 * Sizes::GRID).max(120.0);
    // A menu has the height of an area otherwise, which is less than that of most windows.
    ui.set_max_height(room);
    egui::ScrollArea::vertical().max_height(room).show(ui, contents);
}

fn help_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.menu_button("Help ⏷", |ui| {
        ui.set_min_width(300.0);
        ui.label(RichText::new("Tours").small().weak());
        for entry in ENTRIES.iter().filter(|e| matches!(e.command(), Command::StartTour(_))) {
            cx.menu_entry_ui(ui, entry.id);
        }
        if cx.state.tour.is_some() {
            for id in TOUR_MENU {
                cx.menu_entry_ui(ui, id);
            }
        }
        ui.separator();
        for id in HELP_MENU {
            cx.menu_entry_ui(ui, id);
        }
    });
}

fn history_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let focused = cx.state.panes.focused.clone();
    let view = focused.map_or(Cow::Borrowed(&cx.state.view), |kind| cx.state.view_of(&kind)).into_owned();
    for (sign, id, direction) in [("⏴", "zoom-back", Direction::Back), ("⏵", "zoom-forward", Direction::Forward)] {
        let enabled = view.has_history(direction);
        let hint = cx.keymap.hint(id);
        let name = if direction == Direction::Back { "Window before" } else { "Window after" };
        if icon_button_ui(ui, sign, name, &hint, enabled).clicked() {
            cx.send(Command::ZoomHistory(direction));
        }
    }
}

/// The unit to which an instant is worth writing in a window of that length.
fn unit_for(length: Dur) -> i64 {
    match length.0 {
        0..20_000 => 1,
        20_000..20_000_000 => 1_000,
        20_000_000..60_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    }
}

/// What is shown, as far as there is room before `limit`.
fn window_text_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, limit: f32) {
    if !cx.state.placed {
        return;
    }
    let clock = cx.state.clock();
    let TimeRange { begin, end } = cx.state.view.window;
    let unit = unit_for(end - begin);
    let text = format!("{} … {}", clock.instant_to(begin, unit), clock.instant_to(end, unit));
    let length = duration(end - begin);
    let width = |text: &str| ui.painter().layout_no_wrap(text.to_owned(), Theme::body_font(), cx.theme.text).size().x;
    let room = limit - ui.min_rect().right() - width(&text) - 4.0 * Sizes::GRID;
    let for_length = width(&length);
    if room < 0.0 {
        return;
    }
    ui.add_space(Sizes::GRID / 2.0);
    let hint = cx.keymap.hint("time-format");
    let label = ui.add(Button::new(RichText::new(&text)).frame_when_inactive(false));
    label.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Window {text}, {length}")));
    if label.on_hover_text(hint).clicked() {
        cx.send(Command::CycleTimeFormat);
    }
    if room > for_length + Sizes::GRID {
        ui.label(RichText::new(length).color(cx.theme.secondary));
    }
}

/// Looks like a text field and opens the palette, which finds commands and rows.
fn search_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, left: f32, right: f32) {
    let bar = ui.max_rect();
    let middle = ui.ctx().content_rect().center().x;
    let room = right - left;
    // Without room for words a magnifying glass says the same.
    let words = room >= SEARCH_WORDS;
    let width = if words { SEARCH.min(room) } else { SEARCH_SIGN };
    if room < width {
        return;
    }
    // In the middle of the window, as long as nothing else stands there.
    let x = (middle - width / 2.0).clamp(left, right - width);
    let rect = Rect::from_min_size(pos2(x, bar.center().y - 14.0), vec2(width, 28.0));
    let hint = cx.keymap.hint("palette");
    let response = ui.interact(rect, ui.scope_id().with("search"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Find a row or run a command"));
    let line = if response.hovered() || response.has_focus() { cx.theme.accent } else { cx.theme.line };
    let painter = ui.painter();
    let corner = f32::from(Sizes::CORNER);
    painter.rect(rect, corner, cx.theme.ground, egui::Stroke::new(1.0, line), egui::StrokeKind::Inside);
    if words {
        let inner = rect.shrink2(vec2(12.0, 0.0));
        let key = catalogue::entry("palette").and_then(|e| cx.keymap.chords(e).first()).map(|c| c.to_string());
        let text = format!("Find a row or run a command   {}", key.unwrap_or_default());
        line_ui(painter, inner, egui::Align2::LEFT_CENTER, &text, Theme::body_font(), cx.theme.secondary);
    } else {
        let stroke = egui::Stroke::new(1.5, cx.theme.secondary);
        let glass = rect.center() - vec2(1.5, 1.5);
        painter.circle_stroke(glass, 5.0, stroke);
        painter.line_segment([glass + vec2(3.7, 3.7), glass + vec2(8.0, 8.0)], stroke);
    }
    let cursor = if words { egui::CursorIcon::Text } else { egui::CursorIcon::Default };
    if response.on_hover_text(hint).on_hover_cursor(cursor).clicked() {
        cx.send(Command::TogglePalette);
    }
}

fn right_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let hint = cx.keymap.hint("keys");
    if icon_button_ui(ui, "?", "Keys", &hint, true).clicked() {
        cx.send(Command::ToggleKeys);
    }
    let hint = cx.keymap.hint("theme");
    let response = icon_button_ui(ui, "    ", "Theme", &hint, true);
    theme_sign(ui.painter(), response.rect.center(), cx.theme);
    if response.clicked() {
        cx.send(Command::CycleTheme);
    }
    if !cx.state.is_open() {
        return;
    }
    problems_chip_ui(ui, cx);
    disk_chip_ui(ui, cx);
    progress_chip_ui(ui, cx);
    synced_chip_ui(ui, cx);
}

/// How exactly machines are on one clock, or that they are not; a click shows the other.
fn synced_chip_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let Some((text, good)) = chip(&cx.state.scene.facts, &cx.state.choice) else { return };
    let on = cx.state.choice.enabled;
    let color = if on && good { cx.theme.text } else { cx.theme.paint("waiting") };
    let sign = if on { "●" } else { "○" };
    let button = Button::new(RichText::new(format!("{sign} {text}")).color(color)).frame_when_inactive(false);
    let response = ui.add(button);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, &text));
    let hint = format!("{}\nDetails: {}", cx.keymap.hint("synced"), cx.keymap.hint("pane-sync"));
    let response = response.on_hover_text(hint);
    if response.clicked() {
        cx.send(Command::ToggleSynced);
    }
    if response.secondary_clicked() {
        cx.send(Command::ShowPane(PaneKind::Synchronisation));
    }
}

fn problems_chip_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let bad = cx.info.problems.iter().filter(|p| p.severity > Severity::Note).count();
    let notes = cx.info.problems.len() - bad;
    if bad + notes == 0 {
        return;
    }
    let text = match (bad, notes) {
        (0, n) => words::count(n as u64, "note"),
        (n, _) => words::count(n as u64, "problem"),
    };
    let worst = cx.info.problems.iter().map(|p| p.severity).max().unwrap_or(Severity::Note);
    let color = match worst {
        Severity::Note => cx.theme.secondary,
        Severity::Warning => cx.theme.paint("waiting"),
        Severity::Error => cx.theme.alarm,
    };
    let hint = cx.keymap.hint("problems");
    let sign = if worst == Severity::Note { "" } else { "⚠ " };
    let button = Button::new(RichText::new(format!("{sign}{text}")).color(color)).frame_when_inactive(false);
    let response = ui.add(button);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, cx.state.problems, &text));
    if response.on_hover_text(hint).clicked() {
        cx.send(Command::ToggleProblems);
    }
}

/// That what is open is not what lies on disk any more; a click reads it again.
fn disk_chip_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let Some(change) = cx.state.disk else { return };
    let text = RichText::new("⟲ changed on disk").color(cx.theme.paint("waiting"));
    let response = ui.add(Button::new(text).frame_when_inactive(false));
    let spoken = format!("Changed on disk: {}; read again", change.words());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let hint = format!("Since this was opened, {}.\n{}", change.words(), cx.keymap.hint("reload"));
    if response.on_hover_text(hint).clicked() {
        cx.send(Command::Reload);
    }
}

fn progress_chip_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let text = match cx.info.stage {
        Stage::Opening => "opening…".to_owned(),
        Stage::Reading => {
            let percent = format!("{:.0} %", cx.info.share() * 100.0);
            match cx.info.remaining() {
                Some(rest) => format!("{percent}, {} left", duration_words(rest)),
                None => percent,
            }
        }
        Stage::Cancelled => "stopped".to_owned(),
        Stage::Nothing | Stage::Done | Stage::Failed => return,
    };
    if cx.info.stage == Stage::Cancelled {
        ui.label(RichText::new(text).color(cx.theme.secondary));
        return;
    }
    let font = Theme::small_font();
    let galley = ui.painter().layout_no_wrap(text.clone(), font, cx.theme.text);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x.max(96.0) + 24.0, 24.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Reading {text}, click to stop")));
    let painter = ui.painter();
    let corner = egui::CornerRadius::same(12);
    painter.rect_filled(rect, corner, cx.theme.raised);
    let mut done = rect;
    done.set_width(rect.width() * cx.info.share());
    let fill = Theme::mix(cx.theme.raised, cx.theme.accent, 0.4);
    painter.with_clip_rect(done).rect_filled(rect, corner, fill);
    let at = rect.center() - galley.size() / 2.0;
    painter.galley(at, galley, cx.theme.text);
    let response = response.on_hover_ui(|ui| progress_details_ui(ui, cx));
    if response.clicked() {
        cx.send(Command::CancelAnalysis);
    }
}

fn progress_details_ui(ui: &mut Ui, cx: &FrameContext<'_>) {
    let (done, total) = cx.info.progress;
    ui.label(format!("{} of {} read", words::bytes(done), words::bytes(total)));
    for machine in &cx.info.machines {
        ui.horizontal(|ui| {
            ui.label(RichText::new(format!("{:>3.0} %", machine.done * 100.0)).monospace());
            ui.label(&machine.name);
            let traces: Vec<&str> = machine.traces.iter().map(|t| t.name.as_str()).collect();
            ui.label(RichText::new(traces.join(", ")).weak().small());
        });
    }
    ui.label(RichText::new("Click to stop; what was read stays.").weak().small());
}

/// A rough length of time: nobody needs milliseconds of a wait.
fn duration_words(d: Dur) -> String {
    match d.0 / 1_000_000_000 {
        0..1 => "1 s".to_owned(),
        s @ 1..90 => format!("{} s", s + 1),
        s @ 90..5_400 => format!("{} min", (s + 30) / 60),
        s => format!("{} h", (s + 1_800) / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_place_in_a_menu() {
        for entry in ENTRIES {
            let whole = entry.group != Group::Help;
            let listed = [SIZE_MENU, TOUR_MENU, HELP_MENU].concat().contains(&entry.id);
            assert!(whole || listed || matches!(entry.command(), Command::StartTour(_)), "{}", entry.id);
        }
    }
}
