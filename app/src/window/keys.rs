//! Keys: how they are spelt, what they are bound to, and how a frame takes them before any widget does.

use std::collections::BTreeMap;
use std::fmt;

use egui::{Event, Key, Modifiers};

use crate::window::catalogue::{self, ENTRIES, Entry};
use crate::window::command::Command;
use crate::window::own::{MarkCommand, RowCommand};

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// Held keys; `command` stands for Ctrl (on a Mac: ⌘).
    pub modifiers: Modifiers,
    /// The key.
    pub key: Key,
}

impl Chord {
    /// Reads `Ctrl+Shift+P`, `W`, `+`, `Ctrl++`, `PageUp`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut modifiers = Modifiers::NONE;
        let mut rest = text.trim();
        loop {
            let (word, after) = match rest.find('+') {
                // A plus at the begin or at the end is the key itself.
                Some(at) if at > 0 && at + 1 < rest.len() => (&rest[..at], &rest[at + 1..]),
                _ => break,
            };
            match word {
                "Ctrl" | "Cmd" => modifiers.command = true,
                "Shift" => modifiers.shift = true,
                "Alt" => modifiers.alt = true,
                _ => return None,
            }
            rest = after;
        }
        let key = match rest {
            "+" => Key::Plus,
            "-" => Key::Minus,
            "=" => Key::Equals,
            "." => Key::Period,
            "," => Key::Comma,
            "/" => Key::Slash,
            "?" => Key::Questionmark,
            name => Key::from_name(name)?,
        };
        Some(Self { modifiers, key })
    }

    /// A key that was pressed, as it is bound: of signs Shift is no part.
    pub fn pressed(key: Key, held: Modifiers) -> Self {
        let modifiers =
            Modifiers { shift: held.shift && !is_sign(key), alt: held.alt, command: held.command, ..Modifiers::NONE };
        Self { modifiers, key }
    }

    /// As [`Chord::parse`] reads it, for files.
    pub fn spelled(&self) -> String {
        let held = [(self.modifiers.command, "Ctrl+"), (self.modifiers.alt, "Alt+"), (self.modifiers.shift, "Shift+")];
        let mut text: String = held.into_iter().filter(|h| h.0).map(|h| h.1).collect();
        let shown = Self { modifiers: Modifiers::NONE, key: self.key }.to_string();
        text.push_str(if is_sign(self.key) { &shown } else { self.key.name() });
        text
    }

    /// Whether it needs no held key but Shift, so that it would also be typed into a text field.
    fn is_plain(&self) -> bool {
        !self.modifiers.command && !self.modifiers.alt
    }

    /// Whether a text field has its own use for it.
    fn edits_text(&self) -> bool {
        let moves = matches!(
            self.key,
            Key::ArrowLeft
                | Key::ArrowRight
                | Key::ArrowUp
                | Key::ArrowDown
                | Key::Home
                | Key::End
                | Key::Backspace
                | Key::Delete
                | Key::Enter
        );
        // F1, F2, …: nobody types them.
        let name = self.key.name();
        let function = self.key == Key::Escape || (name.len() > 1 && name.starts_with('F'));
        moves || (self.is_plain() && !function)
    }

    /// Whether `key` pressed with `held` is this chord. For signs that need Shift on some keyboards and not on
    /// others, Shift does not count.
    fn matches(&self, key: Key, held: Modifiers) -> bool {
        key == self.key
            && (is_sign(key) || held.shift == self.modifiers.shift)
            && held.command == self.modifiers.command
            && held.alt == self.modifiers.alt
    }

    /// Whether holding it down shall repeat it: moving does, switching does not.
    fn repeats(command: &Command) -> bool {
        matches!(
            command,
            Command::Zoom { .. }
                | Command::Pan(_)
                | Command::StepRow(_)
                | Command::StepState { .. }
                | Command::StepEvent(_)
                | Command::StepPiece(_)
                | Command::StepMatch(_)
                | Command::ZoomHistory(_)
                | Command::ZoomUi(Some(_))
                | Command::Mark(MarkCommand::Step(_))
                | Command::Rows(RowCommand::Move(_))
        )
    }
}

/// Signs that need Shift on some keyboards and not on others.
fn is_sign(key: Key) -> bool {
    matches!(key, Key::Plus | Key::Minus | Key::Equals | Key::Period | Key::Comma | Key::Slash | Key::Questionmark)
}

impl fmt::Display for Chord {
    /// As menus show it: `Ctrl+←`, `W`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.command {
            f.write_str("Ctrl+")?;
        }
        if self.modifiers.alt {
            f.write_str("Alt+")?;
        }
        if self.modifiers.shift {
            f.write_str("Shift+")?;
        }
        f.write_str(match self.key {
            Key::ArrowLeft => "←",
            Key::ArrowRight => "→",
            Key::ArrowUp => "↑",
            Key::ArrowDown => "↓",
            Key::PageUp => "PgUp",
            Key::PageDown => "PgDn",
            Key::Escape => "Esc",
            Key::Plus => "+",
            Key::Minus => "-",
            Key::Equals => "=",
            Key::Period => ".",
            Key::Comma => ",",
            Key::Slash => "/",
            Key::Questionmark => "?",
            key => key.name(),
        })
    }
}

/// What every key is bound to: the catalogue's keys, changed by the user's.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    /// Keys of each entry of the catalogue, by position.
    chords: Vec<Vec<Chord>>,
}

impl Keymap {
    /// The default keys with the user's changes, and what of those changes is wrong. An entry that a change names
    /// has only the named keys; a key that a change takes is taken from whoever had it by default.
    pub fn new(changes: &BTreeMap<String, Vec<String>>) -> (Self, Vec<String>) {
        let mut chords = catalogue::default_keys().to_vec();
        let mut wrong = Vec::new();
        for (id, keys) in changes {
            let Some(position) = ENTRIES.iter().position(|e| e.id == id) else {
                wrong.push(format!("`{id}` is no command that a key can be bound to"));
                continue;
            };
            let mut own = Vec::new();
            for key in keys {
                match Chord::parse(key) {
                    Some(chord) => own.push(chord),
                    None => wrong.push(format!("`{key}` (for `{id}`) is no key")),
                }
            }
            for (other, keys) in chords.iter_mut().enumerate() {
                if other != position && !changes.contains_key(ENTRIES[other].id) {
                    keys.retain(|k| !own.contains(k));
                }
            }
            chords[position] = own;
        }
        (Self { chords }, wrong)
    }

    /// The keys of an entry.
    pub fn chords(&self, entry: &Entry) -> &[Chord] {
        let position = ENTRIES.iter().position(|e| e.id == entry.id);
        position.and_then(|p| self.chords.get(p)).map_or(&[], Vec::as_slice)
    }

    /// Who has a key.
    pub fn owner(&self, chord: Chord) -> Option<&'static Entry> {
        self.chords.iter().position(|chords| chords.contains(&chord)).and_then(|p| ENTRIES.get(p))
    }

    /// The keys of an entry as text, such as `W, +`; empty if it has none.
    pub fn text(&self, entry: &Entry) -> String {
        self.chords(entry).iter().map(Chord::to_string).collect::<Vec<_>>().join(", ")
    }

    /// An entry's title with its first key: `Zoom in (W)`.
    pub fn hint(&self, id: &str) -> String {
        let Some(entry) = catalogue::entry(id) else { return String::new() };
        match self.chords(entry).first() {
            Some(chord) => format!("{} ({chord})", entry.title),
            None => entry.title.to_owned(),
        }
    }

    fn find(&self, key: Key, held: Modifiers, accept: impl Fn(&Chord) -> bool) -> Option<&'static Entry> {
        let hit = |chords: &Vec<Chord>| chords.iter().any(|c| accept(c) && c.matches(key, held));
        self.chords.iter().position(hit).and_then(|p| ENTRIES.get(p))
    }

    /// Takes the frame's key presses that are bound, before any widget sees them.
    pub fn take(&self, ctx: &egui::Context, state: KeyState) -> Vec<Command> {
        let typing = ctx.text_edit_focused();
        let focused = ctx.memory(|m| m.focused().is_some());
        let mut commands = Vec::new();
        ctx.input_mut(|input| {
            let held = input.modifiers;
            let mut taken_sign = false;
            input.events.retain(|event| {
                // Ctrl+C comes as this, whatever is held besides it.
                let copy = matches!(event, Event::Copy) && !state.text_selected;
                let (key, modifiers, repeat) = match event {
                    Event::Key { key, pressed: true, modifiers, repeat, .. } => (key, *modifiers, *repeat),
                    Event::Copy if copy => (&Key::C, held | Modifiers::COMMAND, false),
                    _ => return true,
                };
                let accept = |chord: &Chord| {
                    if chord.key == Key::Escape && state.menu {
                        return false;
                    }
                    if typing || state.overlay {
                        return !chord.edits_text();
                    }
                    // Enter belongs to a widget that was reached by Tab; among fields the arrows do, too.
                    let arrow = matches!(chord.key, Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown);
                    let plain = !chord.modifiers.command && !chord.modifiers.alt;
                    let taken = matches!(chord.key, Key::Enter | Key::Space) || (state.form && arrow && plain);
                    !(focused && taken)
                };
                let Some(entry) = self.find(*key, modifiers, accept) else { return true };
                if entry.needs_session && !state.session {
                    return true;
                }
                let command = entry.command();
                if !repeat || Chord::repeats(&command) {
                    commands.push(command);
                }
                taken_sign = true;
                false
            });
            if taken_sign {
                // The same press also comes as text: it must not land in a field that the command focuses.
                input.events.retain(|event| !matches!(event, Event::Text(_)));
            }
        });
        commands
    }
}

/// What decides which keys act.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyState {
    /// Traces are open.
    pub session: bool,
    /// The pane that has the keyboard consists of fields, whose own the arrows are.
    pub form: bool,
    /// Palette, list of keys or a dialog lies on top and has its own use for plain keys.
    pub overlay: bool,
    /// A menu is open: Escape closes it, and nothing below it.
    pub menu: bool,
    /// Words on the screen are selected, to be copied.
    pub text_selected: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read_and_written() {
        for (text, shown) in [
            ("W", "W"),
            ("Ctrl+Shift+P", "Ctrl+Shift+P"),
            ("Ctrl++", "Ctrl++"),
            ("+", "+"),
            ("Alt+Left", "Alt+←"),
            ("PageUp", "PgUp"),
            ("?", "?"),
            ("F11", "F11"),
            ("0", "0"),
        ] {
            assert_eq!(Chord::parse(text).map(|c| c.to_string()).as_deref(), Some(shown), "{text}");
            let spelled = Chord::parse(text).unwrap().spelled();
            assert_eq!(Chord::parse(&spelled), Chord::parse(text), "{spelled}");
        }
        for text in ["", "Hyper+X", "Ctrl+", "nonsense"] {
            assert_eq!(Chord::parse(text), None, "{text}");
        }
    }

    #[test]
    fn changes_replace_defaults_and_take_keys_away() {
        let changes = BTreeMap::from([
            ("zoom-in".to_owned(), vec!["I".to_owned()]),
            ("details".to_owned(), vec!["S".to_owned(), "Nokey".to_owned()]),
            ("fly".to_owned(), vec![]),
        ]);
        let (map, wrong) = Keymap::new(&changes);
        let text = |id: &str| catalogue::entry(id).map(|e| map.text(e)).unwrap_or_default();
        assert_eq!(text("zoom-in"), "I");
        assert_eq!(text("details"), "S");
        assert_eq!(text("zoom-out"), "-");
        assert_eq!(map.hint("zoom-all"), "Show everything (0)");
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }

    #[test]
    fn signs_do_not_mind_shift_and_letters_do() {
        let question = Chord::parse("?").unwrap();
        assert!(question.matches(Key::Questionmark, Modifiers::SHIFT));
        let f3 = Chord::parse("F3").unwrap();
        assert!(!f3.matches(Key::F3, Modifiers::SHIFT));
        assert!(Chord::parse("Ctrl+Left").unwrap().edits_text());
        assert!(!Chord::parse("Ctrl+P").unwrap().edits_text());
        assert!(Chord::parse("W").unwrap().edits_text());
    }
}
