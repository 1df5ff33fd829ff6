//! The settings pane: each setting with what it means, what it is now, who says so, and the files that say it.

use std::collections::BTreeMap;

use egui::{Button, ComboBox, Frame, Label, RichText, ScrollArea, Slider, TextEdit, Ui, WidgetInfo};
use egui::{accesskit::Role, vec2};

use crate::window::command::Command;
use crate::window::find::Find;
use crate::window::frame::FrameContext;
use crate::window::parts::{heading_ui, icon_button_ui};
use crate::window::settings::command::{OwnFile, SettingsCommand};
use crate::window::settings::keys_part::KeysPart;
use crate::window::settings::layers::{FileInfo, Layer, Preferences};
use crate::window::settings::table::{self, Kind, Setting, TABLE, Value};
use crate::window::theme::Sizes;
use crate::window::words;

/// Widths of the columns for names, for values, and of the column on the right that says where a value comes from.
const NAMES: f32 = 190.0;
const VALUES: f32 = 210.0;

/// Lines of text are no wider than can be read.
const WIDEST: f32 = 860.0;

/// The pane's memory between frames: what is being typed, dragged or asked for.
#[derive(Debug, Default)]
pub struct SettingsPane {
    /// A number under the pointer: it is taken when it is let go, or the slider would run away under it.
    number: Option<f32>,
    filters: BTreeMap<String, String>,
    keys: KeysPart,
}

impl SettingsPane {
    /// Whether the next key that is pressed is to be bound to a command.
    pub fn is_asking(&mut self) -> bool {
        self.keys.is_asking()
    }

    /// Takes that key.
    pub fn take_key(&mut self, ctx: &egui::Context) {
        self.keys.take_key(ctx);
    }

    /// Draws the pane.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        Frame::new().inner_margin(2.0 * Sizes::GRID).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.set_max_width(ui.available_width().min(WIDEST));
                ui.spacing_mut().item_spacing.y = 3.0;
                for file in cx.state.settings.files.clone() {
                    broken_ui(ui, cx, &file);
                }
                heading_ui(ui, cx.theme, "Look and behaviour");
                ui.add_space(Sizes::GRID / 2.0);
                for setting in TABLE.iter().filter(|s| !matches!(s.kind, Kind::Filters | Kind::Keys)) {
                    self.setting_ui(ui, cx, setting);
                }
                heading_ui(ui, cx.theme, "Kept filters");
                ui.add_space(Sizes::GRID / 2.0);
                self.filters_ui(ui, cx);
                heading_ui(ui, cx.theme, "Files");
                ui.add_space(Sizes::GRID / 2.0);
                files_ui(ui, cx);
                heading_ui(ui, cx.theme, "Keys");
                ui.add_space(Sizes::GRID / 2.0);
                self.keys.ui(ui, cx);
            });
        });
    }

    fn setting_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, setting: &'static Setting) {
        ui.horizontal(|ui| {
            cell_ui(ui, NAMES, |ui| {
                ui.add(Label::new(RichText::new(setting.title)).truncate()).on_hover_text(setting.about);
            });
            cell_ui(ui, VALUES, |ui| self.value_ui(ui, cx, setting));
            source_ui(ui, cx, setting, None, setting.title);
        });
        let about = RichText::new(setting.about).size(Sizes::SMALL).color(cx.theme.secondary);
        ui.add(Label::new(about).wrap());
        fixed_ui(ui, cx, setting);
        ui.add_space(Sizes::GRID);
    }

    fn value_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, setting: &'static Setting) {
        let values = cx.state.settings.up_to(Layer::Window);
        let mut wish = None;
        match (setting.kind, setting.get(&values)) {
            (Kind::Switch, Some(Value::Switch(mut on))) => {
                let word = if on { "on" } else { "off" };
                let response = ui.checkbox(&mut on, word);
                response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, setting.title));
                wish = response.changed().then_some(Value::Switch(on));
            }
            (Kind::Choice(words), Some(Value::Choice(now))) => {
                let mut chosen = now;
                let text = words.get(now).map_or("", |w| w.1);
                let combo = ComboBox::from_id_salt(setting.name).selected_text(text).width(VALUES - 24.0);
                let shown = combo.show_ui(ui, |ui| {
                    for (n, (_, title)) in words.iter().enumerate() {
                        ui.selectable_value(&mut chosen, n, *title);
                    }
                });
                let name = setting.title;
                shown.response.widget_info(|| {
                    let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
                    info.current_text_value = Some(text.to_owned());
                    info
                });
                wish = (chosen != now).then_some(Value::Choice(chosen));
            }
            (Kind::Number(least, most), Some(Value::Number(now))) => {
                let mut number = self.number.unwrap_or(now);
                ui.spacing_mut().slider_width = VALUES - 80.0;
                let slider = Slider::new(&mut number, least..=most).step_by(0.05).fixed_decimals(2);
                let response = ui.add(slider).accessible_name(setting.title);
                if response.dragged() {
                    self.number = Some(number);
                } else {
                    let let_go = self.number.take().is_some();
                    wish = ((let_go || response.changed()) && number != now).then_some(Value::Number(number));
                }
            }
            _ => {}
        }
        if let Some(value) = wish {
            let mut says = Preferences::default();
            setting.put(&mut says, Some(value));
            cx.send(Command::Settings(SettingsCommand::Put(says)));
        }
    }

    fn filters_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let Some(setting) = table::find("filters") else { return };
        let all = cx.state.settings.up_to(Layer::Window).filters;
        self.filters.retain(|name, _| all.contains_key(name));
        if all.is_empty() {
            let text = "None is kept. Look for something (/) and keep it under a name.";
            ui.label(RichText::new(text).color(cx.theme.secondary));
        }
        for (name, kept) in &all {
            let put = |text: &str| {
                let filters = BTreeMap::from([(name.clone(), text.to_owned())]);
                Command::Settings(SettingsCommand::Put(Preferences { filters, ..Preferences::default() }))
            };
            let mut error = None;
            ui.horizontal(|ui| {
                cell_ui(ui, NAMES, |ui| {
                    ui.add(Label::new(name).truncate());
                });
                if kept.is_empty() {
                    cell_ui(ui, VALUES, |ui| {
                        ui.label(RichText::new("taken away by you").color(cx.theme.secondary));
                    });
                } else {
                    let text = self.filters.entry(name.clone()).or_insert_with(|| kept.clone());
                    // What is left is for the button and for where it comes from.
                    let width = (ui.available_width() - 260.0).max(VALUES - 40.0);
                    let edit = TextEdit::singleline(text).font(egui::TextStyle::Monospace).desired_width(width);
                    let edit = edit.background_color(cx.theme.raised);
                    let response = ui.add(edit).accessible_name(format!("Filter {name}"));
                    if text != kept {
                        let found = Find::new(text, &cx.state.scene.facts.base);
                        error = found.error().map(ToString::to_string);
                    }
                    // What is not understood, or empty, is no filter: the old one stays.
                    if response.lost_focus() && text.trim() != kept && !text.trim().is_empty() && error.is_none() {
                        cx.send(put(text.trim()));
                    } else if !response.has_focus() {
                        text.clone_from(kept);
                    }
                    if icon_button_ui(ui, "×", &format!("Forget {name}"), "Forget this filter", true).clicked() {
                        cx.send(put(""));
                    }
                }
                source_ui(ui, cx, setting, Some(name), name);
            });
            if let Some(error) = error {
                ui.label(RichText::new(error).size(Sizes::SMALL).color(cx.theme.alarm));
            }
        }
    }
}

/// A part of a line that is as wide as the same part of other lines.
pub(super) fn cell_ui(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    let height = ui.spacing().interact_size.y;
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(vec2(width, height), layout, |ui| {
        ui.set_min_width(width);
        ui.set_max_width(width);
        add(ui);
    });
}

/// Where a value comes from, and the button that drops the user's own. `what` is what it belongs to.
pub(super) fn source_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    setting: &'static Setting,
    entry: Option<&str>,
    what: &str,
) {
    let settings = &cx.state.settings;
    let layer = settings.source(setting, entry);
    let file = settings.files.iter().find(|f| f.layer == Some(layer) && f.exists).map(|f| f.path.display().to_string());
    let text = match (&file, layer) {
        (Some(path), Layer::System) => path.clone(),
        _ => layer.title().to_owned(),
    };
    let own = settings.is_own(setting, entry);
    let color = if layer == Layer::BuiltIn { cx.theme.secondary } else { cx.theme.text };
    let label = ui.add(Label::new(RichText::new(&text).size(Sizes::SMALL).color(color)));
    label.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{what}: from {text}")));
    if let Some(path) = file {
        label.on_hover_text(path);
    }
    if own {
        let reset = ui.add(Button::new(RichText::new("Reset").size(Sizes::SMALL)).small());
        reset.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Reset {what}")));
        if reset.on_hover_text("Drop your own value").clicked() {
            let entry = entry.map(str::to_owned);
            cx.send(Command::Settings(SettingsCommand::Reset { name: setting.name, entry }));
        }
    }
}

/// Why a change is not kept, where a stronger layer has the last word.
fn fixed_ui(ui: &mut Ui, cx: &FrameContext<'_>, setting: &Setting) {
    let settings = &cx.state.settings;
    let Some(layer) = settings.fixed_by(setting, None) else { return };
    let by = match layer {
        Layer::Experiment => "this experiment's file",
        _ => "the command line",
    };
    let mut text = format!("Fixed by {by}: what you change here counts for this window only.");
    if setting.says(settings.layer(Layer::User), None) {
        text.push_str(" Your own value counts elsewhere.");
    }
    ui.add(Label::new(RichText::new(text).size(Sizes::SMALL).color(cx.theme.paint("waiting"))).wrap());
}

/// What a file is for.
fn role_of(file: &FileInfo) -> (&'static str, &'static str) {
    match file.layer {
        Some(Layer::System) => ("For all users", "Written by whoever administers this machine"),
        Some(Layer::User) => ("Yours", "What you chose here, where it differs; you can also edit it"),
        Some(_) => ("This experiment", "Only read; it can be shipped with the traces"),
        None => {
            ("Memory", "Recent folders, arrangements, bookmarks, comparisons, what was shown: written by the program")
        }
    }
}

/// A file that is not understood: why, and what can be done.
fn broken_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, file: &FileInfo) {
    let Some(why) = &file.broken else { return };
    let (which, what, name) = match file.layer {
        Some(_) => (OwnFile::Settings, "Your settings are not saved: their file is not understood", "settings"),
        None => (OwnFile::Memory, "What is to be remembered is not saved: its file is not understood", "memory"),
    };
    let line = egui::Stroke::new(1.0, cx.theme.paint("waiting"));
    let frame = Frame::new().fill(cx.theme.panel).stroke(line).corner_radius(Sizes::CORNER).inner_margin(Sizes::GRID);
    frame.show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.label(RichText::new(format!("⚠ {what}")).color(cx.theme.paint("waiting")).strong());
        ui.add(Label::new(words::capital(why)).wrap().selectable(true));
        ui.add(Label::new(RichText::new(file.path.display().to_string()).size(Sizes::SMALL)).wrap());
        ui.add_space(Sizes::GRID / 2.0);
        ui.horizontal(|ui| {
            let button = ui.button("Begin a new file");
            button.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Begin a new file of {name}")));
            let hint = "The file that is there is kept beside it as “….broken”";
            if button.on_hover_text(hint).clicked() {
                cx.send(Command::Settings(SettingsCommand::StartAnew(which)));
            }
            let text = "or correct it in an editor: it is read again as soon as it is saved.";
            ui.label(RichText::new(text).color(cx.theme.secondary));
        });
    });
    ui.add_space(Sizes::GRID);
}

fn files_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let files = cx.state.settings.files.clone();
    if files.is_empty() {
        ui.label(RichText::new("This window reads and keeps no settings.").color(cx.theme.secondary));
    }
    for file in &files {
        let (name, about) = role_of(file);
        let path = file.path.display().to_string();
        ui.horizontal(|ui| {
            cell_ui(ui, NAMES, |ui| {
                ui.label(name).on_hover_text(about);
            });
            let copy = ui.add(Button::new(RichText::new("Copy").size(Sizes::SMALL)).small());
            copy.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Copy the path of {path}")));
            if copy.clicked() {
                cx.send(Command::Copy(path.clone()));
            }
            let color = if file.exists { cx.theme.text } else { cx.theme.secondary };
            let shown = RichText::new(&path).font(egui::FontId::monospace(Sizes::SMALL)).color(color);
            let there = if file.exists { "" } else { "   (not there)" };
            ui.add(Label::new(shown).truncate()).on_hover_text(format!("{path}{there}\n{about}"));
            if !file.exists {
                ui.label(RichText::new("not there").size(Sizes::SMALL).color(cx.theme.secondary));
            }
        });
    }
}
