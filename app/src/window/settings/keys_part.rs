//! The part of the settings pane that binds keys: press one, be told whose it is, take it or leave it.

use std::collections::BTreeMap;

use egui::{Button, Event, Key, Label, RichText, TextEdit, Ui, WidgetInfo, accesskit::Role};

use crate::window::catalogue::{ENTRIES, Entry, Group};
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::keys::Chord;
use crate::window::parts::icon_button_ui;
use crate::window::settings::command::SettingsCommand;
use crate::window::settings::layers::{Layer, Preferences};
use crate::window::settings::pane::{cell_ui, source_ui};
use crate::window::settings::table;
use crate::window::theme::Sizes;

/// Width of the commands' names.
const NAMES: f32 = 330.0;

/// The part's memory between frames.
#[derive(Debug, Default)]
pub struct KeysPart {
    search: String,
    /// The command for which a key is to be pressed.
    asking: Option<&'static str>,
    pressed: Option<Chord>,
    /// A key that was pressed and that another command has.
    conflict: Option<(&'static str, Chord, &'static str)>,
    /// Whether it was drawn since it was last asked.
    drawn: bool,
}

impl KeysPart {
    /// Whether the next key is to be bound. A pane that is out of sight asks for nothing.
    pub(super) fn is_asking(&mut self) -> bool {
        if !std::mem::take(&mut self.drawn) {
            self.asking = None;
        }
        self.asking.is_some()
    }

    /// Takes the key that was pressed; Esc and Tab leave.
    pub(super) fn take_key(&mut self, ctx: &egui::Context) {
        let mut pressed = None;
        ctx.input_mut(|input| {
            input.events.retain(|event| match event {
                Event::Key { key, pressed: true, modifiers, repeat: false, .. } if !is_held(*key) => {
                    pressed = pressed.or(Some(Chord::pressed(*key, *modifiers)));
                    false
                }
                Event::Key { .. } | Event::Text(_) => false,
                _ => true,
            });
        });
        match pressed {
            Some(chord) if matches!(chord.key, Key::Escape | Key::Tab) => self.asking = None,
            Some(chord) => self.pressed = Some(chord),
            None => {}
        }
    }

    /// Draws the part.
    pub(super) fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        self.drawn = true;
        if let Some((id, chord)) = self.asking.zip(self.pressed.take()) {
            self.asking = None;
            match cx.keymap.owner(chord).filter(|owner| owner.id != id) {
                Some(owner) => self.conflict = Some((id, chord, owner.id)),
                None => bind(cx, id, chord, None),
            }
        }
        let edit =
            TextEdit::singleline(&mut self.search).hint_text("Find a command or a key").desired_width(NAMES - 20.0);
        let edit = edit.background_color(cx.theme.raised);
        ui.add(edit).accessible_name("Find a command or a key");
        let sought = self.search.trim().to_lowercase();
        for group in Group::ALL {
            let fits = |e: &&Entry| {
                let keys = cx.keymap.text(e).to_lowercase();
                e.title.to_lowercase().contains(&sought) || keys.split(", ").any(|k| k == sought)
            };
            let entries: Vec<&'static Entry> = ENTRIES.iter().filter(|e| e.group == group).filter(fits).collect();
            if entries.is_empty() {
                continue;
            }
            ui.add_space(Sizes::GRID / 2.0);
            ui.label(RichText::new(group.title()).color(cx.theme.secondary));
            for entry in entries {
                self.entry_ui(ui, cx, entry);
            }
        }
    }

    fn entry_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, entry: &'static Entry) {
        ui.horizontal(|ui| {
            cell_ui(ui, NAMES, |ui| {
                ui.add(Label::new(entry.title).truncate());
            });
            for chord in cx.keymap.chords(entry).to_vec() {
                ui.spacing_mut().item_spacing.x = 2.0;
                ui.label(RichText::new(chord.to_string()).strong());
                let name = format!("Take {chord} from {}", entry.title);
                if icon_button_ui(ui, "×", &name, "Take this key away", true).clicked() {
                    unbind(cx, entry, chord);
                }
                ui.add_space(Sizes::GRID);
            }
            if self.asking == Some(entry.id) {
                ui.label(RichText::new("Press a key…").color(cx.theme.accent).strong());
                ui.label(RichText::new("Esc leaves").size(Sizes::SMALL).color(cx.theme.secondary));
            } else {
                let add = ui.add(Button::new(RichText::new("+ key").size(Sizes::SMALL)).small());
                add.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Add a key to {}", entry.title)));
                if add.on_hover_text("Then press the key").clicked() {
                    self.asking = Some(entry.id);
                    self.conflict = None;
                    ui.ctx().request_repaint();
                }
            }
            if let Some(setting) = table::find("keys")
                && cx.state.settings.source(setting, Some(entry.id)) > Layer::BuiltIn
            {
                ui.add_space(Sizes::GRID);
                source_ui(ui, cx, setting, Some(entry.id), entry.title);
            }
        });
        if let Some((id, chord, owner)) = self.conflict.filter(|c| c.0 == entry.id) {
            self.conflict_ui(ui, cx, id, chord, owner);
        }
    }

    fn conflict_ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut FrameContext<'_>,
        id: &'static str,
        chord: Chord,
        owner: &'static str,
    ) {
        let title = crate::window::catalogue::entry(owner).map_or("", |e| e.title);
        ui.horizontal(|ui| {
            let text = format!("{chord} belongs to “{title}”.");
            ui.label(RichText::new(text).color(cx.theme.paint("waiting")));
            if ui.button("Take it from there").clicked() {
                bind(cx, id, chord, Some(owner));
                self.conflict = None;
            }
            if ui.button("Leave it there").clicked() {
                self.conflict = None;
            }
        });
    }
}

/// Keys that are only held.
fn is_held(key: Key) -> bool {
    let name = key.name();
    ["Shift", "Control", "Alt", "Super"].iter().any(|held| name.starts_with(held))
}

fn spelled(chords: &[Chord]) -> Vec<String> {
    chords.iter().map(Chord::spelled).collect()
}

/// Gives a command these keys; those that it has anyhow are no change.
fn give(cx: &mut FrameContext<'_>, changes: Vec<(&'static Entry, Vec<Chord>)>) {
    let mut keys = BTreeMap::new();
    for (entry, chords) in changes {
        let default: Vec<Chord> = entry.keys.iter().filter_map(|k| Chord::parse(k)).collect();
        let below = cx.state.settings.up_to(Layer::System).keys.contains_key(entry.id);
        if chords == default && !below {
            let entry = Some(entry.id.to_owned());
            cx.send(Command::Settings(SettingsCommand::Reset { name: "keys", entry }));
        } else {
            keys.insert(entry.id.to_owned(), spelled(&chords));
        }
    }
    if !keys.is_empty() {
        cx.send(Command::Settings(SettingsCommand::Put(Preferences { keys, ..Preferences::default() })));
    }
}

fn bind(cx: &mut FrameContext<'_>, id: &str, chord: Chord, from: Option<&str>) {
    let Some(entry) = crate::window::catalogue::entry(id) else { return };
    let mut chords = cx.keymap.chords(entry).to_vec();
    if !chords.contains(&chord) {
        chords.push(chord);
    }
    let mut changes = vec![(entry, chords)];
    if let Some(owner) = from.and_then(crate::window::catalogue::entry) {
        let rest = cx.keymap.chords(owner).iter().copied().filter(|c| *c != chord).collect();
        changes.push((owner, rest));
    }
    give(cx, changes);
}

fn unbind(cx: &mut FrameContext<'_>, entry: &'static Entry, chord: Chord) {
    let rest = cx.keymap.chords(entry).iter().copied().filter(|c| *c != chord).collect();
    give(cx, vec![(entry, rest)]);
}
