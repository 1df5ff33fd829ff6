//! The field at the bottom that looks for something: what is typed, what may come next, what is wrong and where, how
//! much matches, and filters that are kept.

use std::sync::Arc;
use std::time::Duration;

use egui::text::{CCursor, CCursorRange, LayoutJob, TextFormat};
use egui::{Align2, Area, Button, Frame, Id, Key, Modifiers, Order, RichText, Stroke, TextEdit, Ui, vec2};
use stratoscope_core::query::{Candidate, CandidateKind, Completion, FilterError, Vocabulary, complete};

use crate::window::command::{Command, Direction};
use crate::window::event_pages::EventPages;
use crate::window::find::command::Among;
use crate::window::find::search::{Counter, Counts};
use crate::window::find::{FindCommand, What};
use crate::window::frame::FrameContext;
use crate::window::parts::{ListLine, icon_button_ui};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::scene::Scene;
use crate::window::words;
use crate::window::worker::Wake;

/// The height of the bar.
pub const HEIGHT: f32 = 34.0;

/// How many candidates are offered.
const OFFERED: usize = 8;

/// How many names of threads are offered.
const NAMES: usize = 3_000;

/// The field's memory between frames.
pub struct FindBar {
    counter: Counter,
    focus: bool,
    /// Words for completion, and of which state of the session they are.
    vocabulary: Option<(u64, Vocabulary)>,
    marked: Option<usize>,
    /// The text for which offers were sent away.
    sent_away: Option<String>,
    cursor: usize,
    name: String,
}

impl FindBar {
    /// Nothing typed yet.
    pub fn new(wake: Wake) -> Self {
        Self {
            counter: Counter::new(wake),
            focus: false,
            vocabulary: None,
            marked: None,
            sent_away: None,
            cursor: 0,
            name: String::new(),
        }
    }

    /// Gives the field the keyboard in the next frame.
    pub fn focus(&mut self) {
        self.focus = true;
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.counter.wait(longest)
    }

    /// Draws the bar.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, pages: &EventPages) {
        let counts = self.counter.of(&cx.state.view.find, &cx.state.scene, pages.source());
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = Sizes::GRID / 2.0;
            ui.label(RichText::new("Find:").color(cx.theme.secondary));
            let wide = ui.available_width();
            let field = (wide * 0.42).clamp(160.0, 620.0).min(wide);
            self.field_ui(ui, cx, field);
            self.kept_ui(ui, cx);
            let back = cx.keymap.hint("match-previous");
            let forward = cx.keymap.hint("match-next");
            let some = cx.state.view.find.is_active();
            if icon_button_ui(ui, "⏴", "Previous match", &back, some).clicked() {
                cx.send(Command::StepMatch(Direction::Back));
            }
            if icon_button_ui(ui, "⏵", "Next match", &forward, some).clicked() {
                cx.send(Command::StepMatch(Direction::Forward));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button_ui(ui, "×", "Close find", &cx.keymap.hint("dismiss"), true).clicked() {
                    cx.send(Command::Find(FindCommand::Close));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| said_ui(ui, cx, &counts));
            });
        });
    }

    fn field_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, width: f32) {
        let id = Id::unique("find field");
        let mut text = cx.state.view.search.clone();
        let focused = ui.ctx().memory(|m| m.has_focus(id));
        let completion = if focused { self.completion(cx, &text) } else { Completion::default() };
        let offered = completion.candidates.len().min(OFFERED);
        self.marked = self.marked.filter(|n| *n < offered);
        let mut accepted = None;
        if focused {
            accepted = self.keys(ui, cx, offered);
        }
        let error = cx.state.view.find.error().cloned();
        let theme = cx.theme;
        let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, _: f32| {
            let job = job(text.as_str(), error.as_ref(), theme);
            ui.fonts_mut(|fonts| fonts.layout_job(job))
        };
        let edit = TextEdit::singleline(&mut text)
            .id(id)
            .hint_text(RichText::new("a name, or state == \"preempted\" and dur > 1ms").color(theme.secondary))
            .layouter(&mut layouter)
            .lock_focus(offered > 0)
            .desired_width(width - 12.0);
        let output = edit.show(ui);
        let response = output.response.response.accessible_name("Find");
        if std::mem::take(&mut self.focus) {
            response.request_focus();
        }
        if let Some(range) = output.cursor_range {
            self.cursor = byte_of(&text, range.primary.index.into());
        }
        let mut changed = response.changed();
        let place = response.rect;
        if focused && offered > 0 && accepted.is_none() {
            accepted = self.offers_ui(ui, cx, &completion, place);
        }
        if let Some(candidate) = accepted.and_then(|n| completion.candidates.get(n)) {
            let cursor = insert(&mut text, &completion, candidate);
            let mut state = output.state;
            let at = CCursor::new(text[..cursor].chars().count());
            state.cursor.set_char_range(Some(CCursorRange::one(at)));
            state.store(ui.ctx(), id);
            response.request_focus();
            self.cursor = cursor;
            self.marked = None;
            changed = true;
        }
        if changed {
            self.sent_away = None;
            cx.send(Command::SetRowSearch(text));
        }
    }

    /// Keys that the field has its own use for. Returns the accepted candidate.
    fn keys(&mut self, ui: &Ui, cx: &mut FrameContext<'_>, offered: usize) -> Option<usize> {
        let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        if offered > 0 {
            if pressed(Key::ArrowUp) {
                // The best one is the lowest: it stands next to the field.
                self.marked = Some(self.marked.map_or(0, |n| (n + 1).min(offered - 1)));
            }
            if pressed(Key::ArrowDown) {
                self.marked = self.marked.and_then(|n| n.checked_sub(1));
            }
            if pressed(Key::Tab) {
                return Some(self.marked.unwrap_or(0));
            }
        }
        let back = ui.input_mut(|i| i.consume_key(Modifiers::SHIFT, Key::Enter));
        if back {
            cx.send(Command::StepMatch(Direction::Back));
        } else if pressed(Key::Enter) {
            if self.marked.is_some() {
                return self.marked;
            }
            self.sent_away = Some(cx.state.view.search.clone());
            cx.send(Command::StepMatch(Direction::Forward));
        }
        None
    }

    fn completion(&mut self, cx: &FrameContext<'_>, text: &str) -> Completion {
        let scene = &cx.state.scene;
        if text.trim().is_empty() || self.sent_away.as_deref() == Some(text) {
            return Completion::default();
        }
        if self.vocabulary.as_ref().is_none_or(|(version, _)| *version != scene.version) {
            self.vocabulary = Some((scene.version, vocabulary(scene)));
        }
        let Some((_, vocabulary)) = &self.vocabulary else { return Completion::default() };
        let mut found = complete(text, self.cursor.min(text.len()), vocabulary);
        // What is typed already is no news.
        let typed = text.get(found.replace.clone()).unwrap_or_default().to_owned();
        found.candidates.retain(|c| c.text != typed);
        if typed.is_empty() && !text.ends_with(' ') {
            found.candidates.clear();
        }
        found
    }

    /// What may come next, above the field. Returns the one that is clicked.
    fn offers_ui(&self, ui: &Ui, cx: &FrameContext<'_>, completion: &Completion, field: egui::Rect) -> Option<usize> {
        let mut clicked = None;
        let area = Area::new(Id::unique("find offers"))
            .order(Order::Foreground)
            .pivot(Align2::LEFT_BOTTOM)
            .fixed_pos(field.left_top() - vec2(0.0, 6.0))
            .role(egui::accesskit::Role::ListBox)
            .accessible_name("What may come next");
        area.show(ui.ctx(), |ui| {
            Frame::popup(ui.style()).inner_margin(4.0).show(ui, |ui| {
                ui.set_width(300.0);
                ui.spacing_mut().item_spacing.y = 0.0;
                for (n, candidate) in completion.candidates.iter().take(OFFERED).enumerate().rev() {
                    let what = match candidate.kind {
                        CandidateKind::Field => "field",
                        CandidateKind::Operator => "operator",
                        CandidateKind::Value => "value",
                        CandidateKind::Word => "",
                    };
                    let right = if n == 0 && self.marked.is_none() { "Tab" } else { what };
                    let selected = self.marked == Some(n);
                    let line = ListLine { text: &candidate.text, right, indent: 0.0, selected, quiet: !selected };
                    if line.ui(ui, cx.theme, None).clicked() {
                        clicked = Some(n);
                    }
                }
            });
        });
        clicked
    }

    /// The menu of kept filters.
    fn kept_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let response = ui.menu_button("Kept ⏷", |ui| {
            ui.set_min_width(240.0);
            for (name, text) in cx.state.settings.filters.clone() {
                ui.horizontal(|ui| {
                    let wide = ui.available_width() - 28.0;
                    let button = Button::new(&name).min_size(vec2(wide.max(60.0), 0.0));
                    if ui.add(button).on_hover_text(&text).clicked() {
                        cx.send(Command::Find(FindCommand::Use(name.clone())));
                        ui.close();
                    }
                    if icon_button_ui(ui, "×", &format!("Forget {name}"), "Forget it", true).clicked() {
                        cx.send(Command::Find(FindCommand::Forget(name.clone())));
                    }
                });
            }
            if cx.state.settings.filters.is_empty() {
                ui.label(RichText::new("No filter is kept yet").weak().small());
            }
            ui.separator();
            ui.horizontal(|ui| {
                let edit = TextEdit::singleline(&mut self.name).hint_text("name").desired_width(140.0);
                let field = ui.add(edit).accessible_name("Name of the filter");
                let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
                let some = !self.name.trim().is_empty() && cx.state.view.find.is_active();
                let keep = ui.add_enabled(some, Button::new("Keep this one"));
                if keep.clicked() || (enter && some) {
                    cx.send(Command::Find(FindCommand::Keep(std::mem::take(&mut self.name))));
                    ui.close();
                }
            });
        });
        response.response.on_hover_text("Filters with a name");
    }
}

/// How much matches, or what is wrong.
fn said_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, counts: &Counts) {
    let theme = cx.theme;
    match &cx.state.view.find.what {
        What::Wrong(error) => {
            let text = RichText::new(error.to_string()).color(theme.alarm).size(Sizes::SMALL);
            ui.add(egui::Label::new(text).truncate()).on_hover_text(error.to_string());
        }
        What::Nothing => {
            let text = "Fields, and, or, not, ==, ~, contains, in ( … ); Tab completes";
            ui.add(egui::Label::new(RichText::new(text).color(theme.secondary).size(Sizes::SMALL)).truncate());
        }
        What::Words(_) | What::Filter(_) => {
            let parts = [
                (Among::Rows, counts.rows, "row", "rows"),
                (Among::States, counts.states, "state", "states"),
                (Among::Events, counts.events, "event", "events"),
            ];
            for (among, n, one, many) in parts {
                let Some(n) = n else { continue };
                let text = words::count_of(n, one, many);
                let chosen = cx.state.among == Some(among);
                let color = if n > 0 { theme.text } else { theme.secondary };
                let button = Button::selectable(chosen, RichText::new(&text).color(color).size(Sizes::SMALL));
                if ui.add(button).on_hover_text(format!("Next and previous go through {many}")).clicked() {
                    cx.send(Command::Find(FindCommand::Step(among, Direction::Forward)));
                }
            }
            if !counts.done {
                ui.label(RichText::new("counting…").color(theme.secondary).size(Sizes::SMALL));
            }
        }
    }
}

/// The text with what is wrong underlined.
fn job(text: &str, error: Option<&FilterError>, theme: &Theme) -> LayoutJob {
    let plain = TextFormat::simple(Theme::body_font(), theme.text);
    let Some(error) = error else { return LayoutJob::single_section(text.to_owned(), plain) };
    let wrong = TextFormat { color: theme.alarm, underline: Stroke::new(1.5, theme.alarm), ..plain.clone() };
    // The error is about the text without blanks around it.
    let before = text.len() - text.trim_start().len();
    let begin = (error.span.start + before).min(text.len());
    let mut end = (error.span.end + before).clamp(begin, text.len());
    // What is missing at the end is shown at the last sign there.
    let mut begin = begin;
    if begin == end {
        begin = text.get(..begin).and_then(|t| t.char_indices().last()).map_or(0, |(at, _)| at);
        end = end.max(begin);
    }
    let mut job = LayoutJob::default();
    for (part, format) in [(0..begin, &plain), (begin..end, &wrong), (end..text.len(), &plain)] {
        if let Some(part) = text.get(part).filter(|p| !p.is_empty()) {
            job.append(part, 0.0, format.clone());
        }
    }
    job
}

/// Puts a candidate in the place of what was typed of it. Returns where the cursor is then, in bytes.
fn insert(text: &mut String, completion: &Completion, candidate: &Candidate) -> usize {
    let range = completion.replace.clone();
    let mut new = candidate.text.clone();
    let rest = text.get(range.end..).unwrap_or_default();
    if !rest.starts_with([' ', ')', ',']) {
        new.push(' ');
    }
    let cursor = range.start + new.len();
    if text.get(range.clone()).is_some() {
        text.replace_range(range, &new);
        cursor
    } else {
        text.len()
    }
}

/// Where the character of that number begins.
fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

/// The words that the session knows.
fn vocabulary(scene: &Scene) -> Vocabulary {
    let mut vocabulary = Vocabulary::builtin();
    vocabulary.fields.push("vm".to_owned());
    let mut events = std::collections::BTreeSet::new();
    let mut fields = std::collections::BTreeSet::new();
    for stream in scene.facts.events.streams() {
        for class in stream.trace.classes() {
            events.insert(Arc::clone(&class.name));
            fields.extend(class.fields.iter().map(Arc::clone));
        }
    }
    vocabulary.events = events.iter().map(ToString::to_string).collect();
    let known: std::collections::BTreeSet<String> = vocabulary.fields.iter().cloned().collect();
    vocabulary.fields.extend(fields.iter().map(ToString::to_string).filter(|f| !known.contains(f)));
    let mut rows: Vec<(i64, stratoscope_core::vocab::Name)> =
        scene.machines.iter().flat_map(|m| m.rows.iter()).map(|row| (-row.busy_ns, row.name)).collect();
    rows.sort_unstable_by_key(|r| r.0);
    let mut seen = std::collections::HashSet::new();
    let names = rows.into_iter().filter(|(_, name)| !name.is_none() && seen.insert(*name)).take(NAMES);
    vocabulary.names = names.map(|(_, name)| scene.text(name).to_string()).collect();
    vocabulary.machines = scene.machines.iter().map(|m| m.name.to_string()).collect();
    vocabulary
}
