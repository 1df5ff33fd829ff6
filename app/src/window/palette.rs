//! The palette: every command and every row by name, found by a few letters.

use std::cmp::Reverse;

use egui::{Align2, Area, Frame, Id, Key, Order, RichText, ScrollArea, TextEdit, Ui, vec2};

use crate::window::catalogue::{ENTRIES, Entry};
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::parts::ListLine;
use crate::window::theme::Sizes;
use crate::window::timeline::scene::Scene;
use crate::window::words;

const WIDTH: f32 = 460.0;
const LIST_HEIGHT: f32 = 330.0;

/// What is typed and which line is marked.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    text: String,
    marked: usize,
    was_open: bool,
}

/// How well a title fits what is typed: all letters in order; `None` if one is missing. Begins of words count
/// most, neighbours more than scattered letters, short titles more than long ones.
pub fn score(title: &str, typed: &str) -> Option<i32> {
    let title: Vec<char> = title.to_lowercase().chars().collect();
    let mut at = 0;
    let mut score = 0;
    let mut before = None;
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let starts_word = |n: usize| n == 0 || !title[n - 1].is_alphanumeric();
        let rest = || (at..title.len()).filter(|n| title[*n] == wanted);
        // The neighbour if it fits, else the begin of a word, else whatever comes next.
        let place = rest()
            .find(|n| before == n.checked_sub(1) && before.is_some())
            .or_else(|| rest().find(|n| starts_word(*n)))
            .or_else(|| rest().next())?;
        score += if before.is_some() && before == place.checked_sub(1) { 6 } else { 1 };
        score += if starts_word(place) { 8 } else { 0 };
        before = Some(place);
        at = place + 1;
    }
    Some(score * 8 - i32::try_from(title.len()).unwrap_or(i32::MAX / 16))
}

/// The entries that fit, best first; all in their own order if nothing is typed.
pub fn matches(typed: &str, session: bool) -> Vec<&'static Entry> {
    let usable = ENTRIES.iter().filter(|e| e.id != "palette" && e.id != "dismiss" && (session || !e.needs_session));
    let mut found: Vec<(i32, &Entry)> = usable.filter_map(|e| Some((score(e.title, typed)?, e))).collect();
    if !typed.trim().is_empty() {
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    }
    found.into_iter().map(|(_, e)| e).collect()
}

/// How many rows are offered.
const MAX_ROWS: usize = 40;

/// Something that can be chosen.
struct Offer {
    title: String,
    right: String,
    commands: Vec<Command>,
}

/// Rows whose names fit, the best first.
fn rows(typed: &str, scene: &Scene) -> Vec<(String, RowRef)> {
    let wanted = typed.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for machine in &scene.machines {
        for row in machine.rows.iter() {
            let name = scene.text(row.name);
            let number = row.key.id.to_string();
            let place = if number == wanted { Some(0) } else { name.to_lowercase().find(&wanted) };
            let place = place.or_else(|| words::short_row(&name, row.key).to_lowercase().find(&wanted));
            if let Some(place) = place {
                found.push((place, Reverse(row.busy_ns), RowRef { machine: machine.id, key: row.key }));
            }
        }
    }
    // Names that begin so, then those that did most.
    found.sort_by_key(|f| (f.0, f.1));
    found.truncate(MAX_ROWS);
    found.into_iter().map(|(_, _, row)| (words::row_place(scene, row), row)).collect()
}

fn offers(typed: &str, cx: &FrameContext<'_>) -> Vec<Offer> {
    let commands = matches(typed, cx.state.is_open()).into_iter().map(|entry| Offer {
        title: entry.title.to_owned(),
        right: cx.keymap.text(entry),
        commands: vec![entry.command()],
    });
    let rows = rows(typed, &cx.state.scene).into_iter().map(|(title, row)| {
        let pane = cx.state.pane_of(row);
        let mut commands = vec![Command::SelectRow(Some(row))];
        commands.extend(pane.map(Command::ShowPane));
        Offer { title, right: "row".to_owned(), commands }
    });
    // Whoever types a whole name means the row; a command is found by the begins of its words.
    let mut all: Vec<Offer> = rows.collect();
    let first: Vec<Offer> = commands.collect();
    let strong = matches(typed, cx.state.is_open()).first().and_then(|e| score(e.title, typed)).unwrap_or(0);
    if all.is_empty() || strong > 12 * 8 {
        first.into_iter().chain(all).collect()
    } else {
        all.extend(first);
        all
    }
}

impl Palette {
    /// Draws it while `open`.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, open: bool) {
        let opened = open && !self.was_open;
        self.was_open = open;
        if opened {
            self.text.clear();
            self.marked = 0;
        }
        if !open {
            return;
        }
        let area = Area::new(Id::unique("command palette"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 56.0))
            .role(egui::accesskit::Role::Dialog)
            .accessible_name("Commands");
        area.show(ui.ctx(), |ui| {
            Frame::popup(ui.style()).inner_margin(Sizes::GRID).show(ui, |ui| {
                ui.set_width(WIDTH);
                self.contents_ui(ui, cx, opened);
            });
        });
    }

    fn contents_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, opened: bool) {
        let count = offers(&self.text, cx).len();
        let (down, up, run) = ui.input_mut(|i| {
            let none = egui::Modifiers::NONE;
            (i.consume_key(none, Key::ArrowDown), i.consume_key(none, Key::ArrowUp), i.consume_key(none, Key::Enter))
        });
        if down {
            self.marked = (self.marked + 1).min(count.saturating_sub(1));
        }
        if up {
            self.marked = self.marked.saturating_sub(1);
        }
        let id = Id::unique("command palette text");
        let edit = TextEdit::singleline(&mut self.text)
            .id(id)
            .hint_text("A row or a command")
            .margin(egui::Margin::symmetric(8, 6))
            .desired_width(f32::INFINITY);
        let response = ui.add(edit);
        ui.ctx().accesskit_node_builder(id, |node| node.set_label("Command"));
        if opened || !response.has_focus() {
            response.request_focus();
        }
        if response.changed() {
            self.marked = 0;
        }
        ui.add_space(Sizes::GRID / 2.0);
        let found = offers(&self.text, cx);
        let mut chosen: Option<usize> = run.then_some(self.marked);
        ScrollArea::vertical()
            .max_height(LIST_HEIGHT)
            .min_scrolled_height(LIST_HEIGHT)
            .auto_shrink([false, true])
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                for (n, offer) in found.iter().enumerate() {
                    let marked = n == self.marked;
                    let line = ListLine {
                        text: &offer.title,
                        right: &offer.right,
                        indent: 0.0,
                        selected: marked,
                        quiet: false,
                    };
                    let response = line.ui(ui, cx.theme, None);
                    if marked && (up || down) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() {
                        chosen = Some(n);
                    }
                }
                if found.is_empty() {
                    ui.label(RichText::new("No command and no row is called so.").color(cx.theme.secondary));
                }
            });
        if let Some(offer) = chosen.and_then(|n| found.into_iter().nth(n)) {
            // First the palette goes, then the command acts: it may open something itself.
            cx.send(Command::TogglePalette);
            cx.commands.extend(offer.commands);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_the_command() {
        let best = |typed: &str| matches(typed, true).first().map(|e| e.id);
        assert_eq!(best("zoom in"), Some("zoom-in"));
        assert_eq!(best("zts"), Some("zoom-selection"));
        assert_eq!(best("waker"), Some("waker"));
        assert_eq!(best("dark"), Some("theme"));
        assert_eq!(best("hide idle"), Some("hide-idle"));
        assert_eq!(best("qqq"), None);
    }

    #[test]
    fn rows_are_found_by_name_and_number() {
        let scene = crate::window::timeline::fake::small();
        let names = |typed: &str| rows(typed, &scene).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("BASH"), ["bash 100"]);
        assert_eq!(names("400"), ["qemu 400"]);
        assert_eq!(names("cpu 1"), ["CPU 1"]);
        assert!(names("").is_empty() && names("nobody").is_empty());
    }

    #[test]
    fn without_traces_only_what_needs_none_is_offered() {
        assert!(matches("", false).iter().all(|e| !e.needs_session));
        assert_eq!(matches("", true).len(), ENTRIES.len() - 2);
    }
}
