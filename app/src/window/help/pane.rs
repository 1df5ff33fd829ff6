//! The pane *Help*: the contents, what a search finds, or an article, with links between views and states.

use egui::{Frame, Label, Link, RichText, ScrollArea, TextEdit, Ui, accesskit::Role};
use stratoscope_core::vocab::{State as RowState, StateSet};

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::help::{
    Article, HelpCommand, Meaning, Topic, article, articles, meaning, prose, record::is_recorded, record_ui, search,
    states, title, view_of,
};
use crate::window::info::SessionInfo;
use crate::window::parts::{ListLine, heading_ui, icon_button_ui, swatch, swatch_ui};
use crate::window::theme::{Drawing, Sizes};

/// From this width on the contents stand beside the article.
const TWO_COLUMNS: f32 = 680.0;
const CONTENTS: f32 = 220.0;
/// No line is longer than this: long lines are hard to read.
const LINE: f32 = 620.0;

/// The pane's memory between frames.
#[derive(Clone, Debug, Default)]
pub struct HelpPane {
    /// The article whose commands are shown.
    recording: Option<Topic>,
    /// The article that was drawn last: another one begins at its top.
    shown: Option<Topic>,
}

impl HelpPane {
    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        Frame::new().inner_margin(Sizes::GRID).show(ui, |ui| {
            bar_ui(ui, cx);
            ui.add_space(Sizes::GRID / 2.0);
            let topic = cx.state.help.topic;
            let searching = !cx.state.help.search.trim().is_empty();
            if rect.width() >= TWO_COLUMNS && topic.is_some() && !searching {
                ui.horizontal_top(|ui| {
                    ui.allocate_ui(egui::vec2(CONTENTS, ui.available_height()), |ui| {
                        ui.vertical(|ui| {
                            ui.set_width(CONTENTS);
                            ScrollArea::vertical().id_salt("contents").auto_shrink(false).show(ui, |ui| {
                                contents_ui(ui, cx);
                            });
                        });
                    });
                    ui.add_space(2.0 * Sizes::GRID);
                    ui.vertical(|ui| self.body_ui(ui, cx));
                });
            } else {
                self.body_ui(ui, cx);
            }
        });
    }

    fn body_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let topic = cx.state.help.topic;
        let mut area = ScrollArea::vertical().id_salt("article").auto_shrink(false);
        if self.shown != topic {
            self.shown = topic;
            area = area.vertical_scroll_offset(0.0);
        }
        area.show(ui, |ui| {
            ui.set_max_width(ui.available_width().min(LINE));
            ui.spacing_mut().item_spacing.y = 4.0;
            ui.spacing_mut().interact_size.y = 18.0;
            if !cx.state.help.search.trim().is_empty() {
                found_ui(ui, cx);
                return;
            }
            match topic {
                None => contents_ui(ui, cx),
                Some(Topic::View(id)) => {
                    if let Some(article) = article(id) {
                        self.article_ui(ui, cx, article);
                    }
                }
                Some(Topic::State(state)) => {
                    if let Some(meaning) = meaning(state) {
                        state_ui(ui, cx, state, meaning);
                    }
                }
            }
            ui.add_space(2.0 * Sizes::GRID);
        });
    }

    fn article_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, article: &'static Article) {
        title_ui(ui, &article.title);
        if let Some(kind) = view_of(article).filter(|kind| cx.state.is_open() && !cx.state.panes.contains_sort(kind))
            && ui.button("Show this view").clicked()
        {
            cx.send(Command::ShowPane(kind));
        }
        for paragraph in &article.about {
            prose::prose_ui(ui, cx.theme, paragraph);
        }
        if !article.parts.is_empty() {
            heading_ui(ui, cx.theme, "What is what");
            for (name, what) in &article.parts {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.label(RichText::new(name).strong());
                    ui.label(RichText::new(what).color(cx.theme.secondary));
                });
            }
        }
        if !article.states.is_empty() {
            heading_ui(ui, cx.theme, "States");
            for state in article.states.iter().filter_map(|name| RowState::from_name(name)) {
                state_link_ui(ui, cx, state);
            }
        }
        if !article.events.is_empty() {
            heading_ui(ui, cx.theme, "Made from these events");
            for (name, what) in &article.events {
                event_ui(ui, cx, name, what);
            }
        }
        if let Some(need) = article.need {
            let topic = Topic::View(&article.id);
            let open = self.recording == Some(topic);
            let text = if open { "Hide the commands" } else { "How to record them" };
            if link_ui(ui, text) {
                self.recording = (!open).then_some(topic);
            }
            if self.recording == Some(topic) {
                record_ui::record_ui(ui, cx, need);
            }
        }
        let others: Vec<&'static Article> =
            article.see.iter().filter_map(|id| crate::window::help::article(id)).collect();
        if !others.is_empty() {
            heading_ui(ui, cx.theme, "See also");
            for other in others {
                topic_link_ui(ui, cx, Topic::View(&other.id));
            }
        }
    }
}

/// Search, back, and the contents.
fn bar_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.horizontal(|ui| {
        let back = !cx.state.help.back.is_empty();
        if icon_button_ui(ui, "⏴", "Back in help", "The article before", back).clicked() {
            cx.send(Command::Help(HelpCommand::Back));
        }
        let some = cx.state.help.topic.is_some() || !cx.state.help.search.is_empty();
        if ui.add_enabled(some, egui::Button::new("Contents").frame_when_inactive(false)).clicked() {
            cx.send(Command::Help(HelpCommand::Contents));
        }
        let close = cx.state.help.on_start;
        let width = (ui.available_width() - if close { 150.0 } else { 12.0 }).clamp(80.0, 320.0);
        let mut text = cx.state.help.search.clone();
        let edit = TextEdit::singleline(&mut text).hint_text("Search help").desired_width(width);
        let edit = edit.background_color(cx.theme.raised);
        let response = ui.add(edit).accessible_name("Search help");
        if response.changed() {
            cx.send(Command::Help(HelpCommand::Search(text)));
        }
        if close && ui.button("Back to the start").clicked() {
            cx.send(Command::Help(HelpCommand::Here));
        }
    });
}

fn title_ui(ui: &mut Ui, text: &str) {
    let response = ui.label(RichText::new(text).size(Sizes::HEADING + 3.0).strong());
    response.widget_info(|| egui::WidgetInfo::labeled(Role::Heading, true, text));
}

fn link_ui(ui: &mut Ui, text: &str) -> bool {
    ui.add(Link::new(text)).on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

fn topic_link_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, topic: Topic) {
    if link_ui(ui, &title(topic, cx.theme)) {
        cx.send(Command::Help(HelpCommand::Show(topic)));
    }
}

fn state_link_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, state: RowState) {
    ui.horizontal(|ui| {
        if cx.theme.state(state).drawing == Drawing::Nothing {
            ui.add_space(14.0 + ui.spacing().item_spacing.x);
        } else {
            swatch_ui(ui, cx.theme, state);
        }
        topic_link_ui(ui, cx, Topic::State(state));
        if let Some(meaning) = meaning(state) {
            let text = RichText::new(&meaning.of).size(Sizes::SMALL).color(cx.theme.secondary);
            ui.add(Label::new(text).truncate());
        }
    });
}

/// An event, whether the open traces have it, and what it is needed for.
fn event_ui(ui: &mut Ui, cx: &FrameContext<'_>, name: &str, what: &str) {
    let known = cx.state.is_open() && cx.info.machines.iter().any(|m| !m.traces.is_empty());
    let here = known && is_recorded(name, event_names(cx.info));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        if known {
            let spoken = if here { "recorded" } else { "not in these traces" };
            let (rect, mark) = ui.allocate_exact_size(egui::vec2(10.0, 14.0), egui::Sense::hover());
            let stroke = egui::Stroke::new(1.2, cx.theme.secondary);
            if here {
                ui.painter().circle_filled(rect.center(), 3.5, cx.theme.accent);
            } else {
                ui.painter().circle_stroke(rect.center(), 3.5, stroke);
            }
            mark.widget_info(|| egui::WidgetInfo::labeled(Role::Label, true, format!("{name}: {spoken}")));
            mark.on_hover_text(spoken);
        }
        ui.label(RichText::new(name).font(egui::FontId::monospace(Sizes::TEXT - 1.5)));
        ui.label(RichText::new(what).color(cx.theme.secondary));
    });
}

/// Names of all event classes of the open traces.
pub fn event_names(info: &SessionInfo) -> impl Iterator<Item = &str> {
    info.machines.iter().flat_map(|m| &m.traces).flat_map(|t| t.events.iter()).map(|name| &**name)
}

fn state_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, state: RowState, meaning: &Meaning) {
    let name = title(Topic::State(state), cx.theme);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(28.0, 16.0), egui::Sense::hover());
        swatch(ui.painter(), rect, cx.theme, state);
        title_ui(ui, &name);
    });
    prose::quiet_ui(ui, cx.theme, &format!("A state of: {} · in filters `{}`", meaning.of, state.name()));
    prose::prose_ui(ui, cx.theme, &meaning.does);
    for (heading, text) in
        [("Begins with", &meaning.begins), ("Ends with", &meaning.ends), ("What it tells you", &meaning.so)]
    {
        heading_ui(ui, cx.theme, heading);
        prose::prose_ui(ui, cx.theme, text);
    }
    let shown: Vec<&'static Article> =
        articles().iter().filter(|a| a.states.iter().any(|name| name == state.name())).collect();
    if !shown.is_empty() {
        heading_ui(ui, cx.theme, "Shown in");
        for article in shown {
            topic_link_ui(ui, cx, Topic::View(&article.id));
        }
    }
    if cx.state.is_open() && state != RowState::None {
        heading_ui(ui, cx.theme, "Here");
        let lit = cx.state.view.dimmed == StateSet(all_states() & !state.bit());
        if link_ui(ui, if lit { "Show all states again" } else { "Dim everything else" }) {
            cx.send(Command::ClearLegend);
            if !lit {
                cx.send(Command::ToggleLegendState(state));
            }
        }
    }
}

fn all_states() -> u32 {
    RowState::ALL.iter().filter(|s| **s != RowState::None).fold(0, |bits, s| bits | s.bit())
}

fn line_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, topic: Topic) {
    let name = title(topic, cx.theme);
    let selected = cx.state.help.topic == Some(topic);
    let response = match topic {
        Topic::View(_) => {
            let line = ListLine { text: &name, right: "", indent: 0.0, selected, quiet: false };
            line.ui(ui, cx.theme, None)
        }
        Topic::State(state) => {
            let of = meaning(state).map_or("", |m| m.of.as_str());
            let theme = cx.theme;
            let lead = |painter: &egui::Painter, rect: egui::Rect| swatch(painter, rect, theme, state);
            let line = ListLine { text: &name, right: of, indent: 0.0, selected, quiet: false };
            line.ui(ui, theme, Some(&lead))
        }
    };
    if response.clicked() {
        cx.send(Command::Help(HelpCommand::Show(topic)));
    }
}

fn contents_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.spacing_mut().item_spacing.y = 1.0;
    let (views, window): (Vec<&'static Article>, Vec<&'static Article>) =
        articles().iter().partition(|a| view_of(a).is_some() || a.id == "compared");
    heading_ui(ui, cx.theme, "The window");
    for article in window {
        line_ui(ui, cx, Topic::View(&article.id));
    }
    heading_ui(ui, cx.theme, "Views");
    for article in views {
        line_ui(ui, cx, Topic::View(&article.id));
    }
    heading_ui(ui, cx.theme, "States");
    for (state, _) in states() {
        line_ui(ui, cx, Topic::State(state));
    }
}

fn found_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let found = search(&cx.state.help.search, cx.theme);
    if found.is_empty() {
        prose::quiet_ui(ui, cx.theme, "No text has all of these words.");
    }
    ui.spacing_mut().item_spacing.y = 1.0;
    for topic in found {
        line_ui(ui, cx, topic);
    }
}
