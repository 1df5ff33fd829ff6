//! The one table of settings: what each is called, what it means, what it may be.

use std::collections::BTreeMap;

use crate::window::catalogue;
use crate::window::keys::Chord;
use crate::window::settings::layers::{Preferences, ThemeChoice};
use crate::window::view::TimeFormat;

/// The least and the greatest size of everything.
pub const SCALES: (f32, f32) = (0.5, 3.0);

/// A value of some setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// One of the words of [`Kind::Choice`], by position.
    Choice(usize),
    /// A number.
    Number(f32),
    /// Filters by name.
    Filters(BTreeMap<String, String>),
    /// Keys by command.
    Keys(BTreeMap<String, Vec<String>>),
}

impl Value {
    /// Its entries one by one, where it has any; else itself.
    pub fn entries(self) -> Vec<(Option<String>, Self)> {
        match self {
            Self::Filters(map) => {
                map.into_iter().map(|(k, v)| (Some(k.clone()), Self::Filters(BTreeMap::from([(k, v)])))).collect()
            }
            Self::Keys(map) => {
                map.into_iter().map(|(k, v)| (Some(k.clone()), Self::Keys(BTreeMap::from([(k, v)])))).collect()
            }
            other => vec![(None, other)],
        }
    }

    /// What of it `below` does not say; `None`: nothing.
    pub fn without(self, below: Option<&Self>) -> Option<Self> {
        match (self, below) {
            (Self::Filters(mut own), below) => {
                let below = if let Some(Self::Filters(below)) = below { below } else { &BTreeMap::new() };
                // To take away what nobody has needs no word.
                own.retain(|k, v| below.get(k).map_or(!v.is_empty(), |other| other != v));
                (!own.is_empty()).then_some(Self::Filters(own))
            }
            (Self::Keys(mut own), below) => {
                let below = if let Some(Self::Keys(below)) = below { below } else { &BTreeMap::new() };
                own.retain(|k, v| below.get(k) != Some(v));
                (!own.is_empty()).then_some(Self::Keys(own))
            }
            (own, below) => (Some(&own) != below).then_some(own),
        }
    }
}

/// What a setting may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// One of these: its word in files, and what the user reads.
    Choice(&'static [(&'static str, &'static str)]),
    /// A number within bounds.
    Number(f32, f32),
    /// Filters by name.
    Filters,
    /// Keys by command.
    Keys,
}

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in files and on the command line.
    pub name: &'static str,
    /// What the user reads.
    pub title: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether a file that comes with traces may set it.
    pub shared: bool,
    get: fn(&Preferences) -> Option<Value>,
    put: fn(&mut Preferences, Option<Value>),
}

/// A setting of one value: how it is got from and put into [`Preferences`].
macro_rules! one {
    ($variant:ident, $field:ident) => {
        one!($variant, $field, |value| value, |value| Some(value))
    };
    ($variant:ident, $field:ident, $out:expr, $into:expr) => {
        (
            |p: &Preferences| p.$field.map($out).map(Value::$variant),
            |p: &mut Preferences, value: Option<Value>| {
                p.$field = match value {
                    Some(Value::$variant(value)) => $into(value),
                    _ => None,
                }
            },
        )
    };
}

macro_rules! settings {
    ($($name:literal $title:literal $shared:literal $kind:expr, $access:expr, $about:literal;)*) => {
        &[$(Setting {
            name: $name,
            title: $title,
            about: $about,
            kind: $kind,
            shared: $shared,
            get: $access.0,
            put: $access.1,
        },)*]
    };
}

const THEMES: [ThemeChoice; 3] = [ThemeChoice::System, ThemeChoice::Dark, ThemeChoice::Light];
const THEME_WORDS: &[(&str, &str)] = &[("System", "As the system"), ("Dark", "Dark"), ("Light", "Light")];
const FORMATS: [TimeFormat; 2] = [TimeFormat::Clock, TimeFormat::Relative];
const FORMAT_WORDS: &[(&str, &str)] = &[("Clock", "Time of day, UTC"), ("Relative", "Since the begin")];

/// Every setting, in the order in which the pane and files have them.
pub static TABLE: &[Setting] = settings! {
    "theme" "Theme" false Kind::Choice(THEME_WORDS),
        one!(Choice, theme, |t| t as usize, |n: usize| THEMES.get(n).copied()),
        "Dark or light colours, or what the desktop says.";
    "ui_scale" "Size of everything" false Kind::Number(SCALES.0, SCALES.1), one!(Number, ui_scale),
        "How large text, rows and buttons are; 1 is normal.";
    "time_format" "Times" true Kind::Choice(FORMAT_WORDS),
        one!(Choice, time_format, |t| t as usize, |n: usize| FORMATS.get(n).copied()),
        "Instants as time of day, or counted from the experiment's begin.";
    "compact" "Compact rows" true Kind::Switch, one!(Switch, compact),
        "Small rows: more of them fit, their states carry no text.";
    "hide_idle" "Hide idle rows" true Kind::Switch, one!(Switch, hide_idle),
        "Only rows that do something in the stretch of time that is shown.";
    "by_machine" "Physical CPUs by machine" true Kind::Switch, one!(Switch, by_machine),
        "Colours physical CPUs by the machine for which they work, not by state.";
    "tree" "Experiment and views" true Kind::Switch, one!(Switch, tree),
        "The panel on the left with machines, traces and views.";
    "details" "Details" true Kind::Switch, one!(Switch, details),
        "The panel on the right about what is selected.";
    "filters" "Kept filters" true Kind::Filters,
        (
            |p: &Preferences| (!p.filters.is_empty()).then(|| Value::Filters(p.filters.clone())),
            |p: &mut Preferences, value: Option<Value>| {
                p.filters = match value { Some(Value::Filters(map)) => map, _ => BTreeMap::new() };
            },
        ),
        "Filters by name, for the search field. They are kept from there.";
    "keys" "Keys" false Kind::Keys,
        (
            |p: &Preferences| (!p.keys.is_empty()).then(|| Value::Keys(p.keys.clone())),
            |p: &mut Preferences, value: Option<Value>| {
                p.keys = match value { Some(Value::Keys(map)) => map, _ => BTreeMap::new() };
            },
        ),
        "Keys of commands, where they are not as built in.";
};

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|s| s.name == name)
}

/// All names, for messages.
pub fn names() -> String {
    TABLE.iter().map(|s| s.name).collect::<Vec<_>>().join(", ")
}

impl Setting {
    /// What a layer says of it.
    pub fn get(&self, of: &Preferences) -> Option<Value> {
        (self.get)(of)
    }

    /// Makes a layer say this, and nothing else, of it.
    pub fn put(&self, to: &mut Preferences, value: Option<Value>) {
        (self.put)(to, value);
    }

    /// Makes a layer say this of it; other entries of filters and keys stay.
    pub fn merge(&self, to: &mut Preferences, value: Value) {
        match value {
            Value::Filters(map) => to.filters.extend(map),
            Value::Keys(map) => to.keys.extend(map),
            other => self.put(to, Some(other)),
        }
    }

    /// Makes a layer say nothing of it, or of one of its entries.
    pub fn remove(&self, from: &mut Preferences, entry: Option<&str>) {
        match (self.kind, entry) {
            (Kind::Filters, Some(entry)) => {
                from.filters.remove(entry);
            }
            (Kind::Keys, Some(entry)) => {
                from.keys.remove(entry);
            }
            _ => self.put(from, None),
        }
    }

    /// Whether a layer says something of it, or of one of its entries.
    pub fn says(&self, of: &Preferences, entry: Option<&str>) -> bool {
        match (self.get(of), entry) {
            (Some(Value::Filters(map)), Some(entry)) => map.contains_key(entry),
            (Some(Value::Keys(map)), Some(entry)) => map.contains_key(entry),
            (value, _) => value.is_some(),
        }
    }

    /// What it may be, in words that follow "expected".
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::Switch => "true or false".to_owned(),
            Kind::Choice(words) => {
                let words: Vec<&str> = words.iter().map(|w| w.0).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                    _ => words.join(""),
                }
            }
            Kind::Number(least, most) => format!("a number from {least} to {most}"),
            Kind::Filters => "filters by name, such as {\"shell\": \"tid == 100\"}".to_owned(),
            Kind::Keys => "keys by command, such as {\"zoom-in\": [\"I\", \"Ctrl+Up\"]}".to_owned(),
        }
    }

    /// How its name and value are written on the command line, for the help.
    pub fn spelling(&self) -> String {
        match self.kind {
            Kind::Switch => format!("{}=true|false", self.name),
            Kind::Choice(words) => {
                let words: Vec<String> = words.iter().map(|w| w.0.to_lowercase()).collect();
                format!("{}={}", self.name, words.join("|"))
            }
            Kind::Number(least, most) => format!("{}={least}..{most}", self.name),
            Kind::Filters => format!("{}.NAME=FILTER", self.name),
            Kind::Keys => format!("{}.COMMAND=KEY[,KEY]", self.name),
        }
    }

    /// A value as somebody types it on the command line or into a field.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(&self, entry: Option<&str>, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let wrong = || format!("expected {}, found `{text}`", self.allowed());
        match (self.kind, entry) {
            (Kind::Switch, None) => match text.to_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => Ok(Value::Switch(true)),
                "false" | "off" | "no" | "0" => Ok(Value::Switch(false)),
                _ => Err(wrong()),
            },
            (Kind::Choice(words), None) => {
                let found = words.iter().position(|w| w.0.eq_ignore_ascii_case(text));
                found.map(Value::Choice).ok_or_else(wrong)
            }
            (Kind::Number(least, most), None) => {
                let number = text.parse::<f32>().ok().filter(|n| (least..=most).contains(n));
                number.map(Value::Number).ok_or_else(wrong)
            }
            (Kind::Filters, Some(entry)) => Ok(Value::Filters(BTreeMap::from([(entry.to_owned(), text.to_owned())]))),
            (Kind::Keys, Some(entry)) => {
                if catalogue::entry(entry).is_none() {
                    return Err(format!("`{entry}` is no command that a key can be bound to"));
                }
                let keys: Vec<String> = split_keys(text);
                match keys.iter().find(|k| Chord::parse(k).is_none()) {
                    Some(wrong) => Err(format!("`{wrong}` is no key")),
                    None => Ok(Value::Keys(BTreeMap::from([(entry.to_owned(), keys)]))),
                }
            }
            (Kind::Filters | Kind::Keys, None) => Err(format!("write {}", self.spelling())),
            (_, Some(entry)) => Err(format!("`{}` has no part `{entry}`: write {}", self.name, self.spelling())),
        }
    }

    /// A value of which files and the pane say `text`; the words are those of RON.
    pub fn write(&self, value: &Value) -> String {
        match value {
            Value::Switch(on) => on.to_string(),
            Value::Choice(n) => match self.kind {
                Kind::Choice(words) => words.get(*n).map_or("", |w| w.0).to_owned(),
                _ => String::new(),
            },
            Value::Number(number) => format!("{number:?}"),
            Value::Filters(map) => written(map),
            Value::Keys(map) => written(map),
        }
    }
}

/// Keys between commas; a comma alone, or with held keys, is itself a key.
fn split_keys(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let mut key = String::new();
    for c in text.chars() {
        let whole = key.trim();
        if c == ',' && !whole.is_empty() && (!whole.ends_with('+') || whole == "+" || whole.ends_with("++")) {
            keys.push(whole.to_owned());
            key.clear();
        } else {
            key.push(c);
        }
    }
    if !key.trim().is_empty() {
        keys.push(key.trim().to_owned());
    }
    keys
}

fn written(map: &impl serde::Serialize) -> String {
    let config = ron::ser::PrettyConfig::default().depth_limit(1);
    // Maps of texts always can be written.
    ron::ser::to_string_pretty(map, config).unwrap_or_default().replace('\n', "\n    ")
}

/// Reads `NAME=VALUE`, or `NAME.ENTRY=VALUE` of filters and keys.
///
/// # Errors
/// Which names there are, or what the value may be.
pub fn assignment(text: &str) -> Result<Preferences, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let (name, entry) = name.split_once('.').map_or((name, None), |(name, entry)| (name, Some(entry)));
    let setting = find(name.trim()).ok_or_else(|| format!("`{name}` is no setting; there are {}", names()))?;
    let mut says = Preferences::default();
    setting.put(&mut says, Some(setting.parse(entry.map(str::trim), value)?));
    Ok(says)
}

/// The settings as the help and the man page list them.
pub fn help() -> String {
    let mut text = String::from("Settings for --set, also in files and in the settings pane:\n");
    for setting in TABLE {
        text.push_str(&format!("  {}\n      {}\n", setting.spelling(), setting.about));
    }
    text.pop();
    text
}
