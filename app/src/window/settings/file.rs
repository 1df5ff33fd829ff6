//! Files of settings and of the memory as text: read name by name, so that one that is not understood costs nothing
//! else; and written.
//!
//! No files are opened here: texts come in and go out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use ron::value::RawValue;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::Problem;

use crate::window::catalogue;
use crate::window::keys::Chord;
use crate::window::settings::layers::{Layer, Preferences};
use crate::window::settings::memory::Memory;
use crate::window::settings::table::{self, Kind, Setting, TABLE, Value};

/// Files that are longer are not settings.
pub const LONGEST: u64 = 16 << 20;

/// `name: value` of a file.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What stands before the colon.
    pub name: &'a str,
    /// What stands after it, as text.
    pub raw: &'a str,
    /// Where the name begins, in bytes.
    name_at: usize,
    /// Where the value begins, in bytes.
    raw_at: usize,
}

/// Something in a text that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Line and column, from 1.
    pub at: (usize, usize),
    /// What was expected and what was found.
    pub detail: String,
}

/// What a file said.
#[derive(Clone, Debug, Default)]
pub struct Read<T> {
    /// As far as it is understood.
    pub says: T,
    /// Names that nobody knows, with their values: written again as they were.
    pub unknown: Vec<(String, String)>,
    /// What is to be told.
    pub problems: Vec<Problem>,
    /// Why nothing may be saved over it: something in it would be lost.
    pub broken: Option<String>,
}

/// Line and column of a byte, from 1, in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}

/// A little of what stands at a line and a column, for messages.
fn found_at(text: &str, (line, column): (usize, usize)) -> String {
    let rest: String = text
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or("")
        .chars()
        .skip(column.saturating_sub(1))
        .take(24)
        .collect();
    let rest = rest.trim();
    if rest.is_empty() { "the end of the line".to_owned() } else { format!("`{rest}`") }
}

/// An error of RON's parser, at its place in the whole text, of which the parsed part begins at `offset`.
fn wrong_of(text: &str, offset: usize, error: &ron::error::SpannedError) -> Wrong {
    let (line, column) = place(text, offset);
    // Where the parser stood when it could not go on.
    let start = error.span.end;
    let at =
        if start.line <= 1 { (line, column + start.col.saturating_sub(1)) } else { (line + start.line - 1, start.col) };
    Wrong { at, detail: format!("{}, found {}", error.code, found_at(text, at)) }
}

/// The text of a file as names and values.
///
/// # Errors
/// Where it is no list of names and values, and what was expected there.
pub fn fields(text: &str) -> Result<Vec<Field<'_>>, Wrong> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let Fields(raw) = ron::from_str(text).map_err(|error| wrong_of(text, 0, &error))?;
    let begin = text.as_ptr() as usize;
    let mut fields: Vec<Field<'_>> = Vec::new();
    for (name, raw) in raw {
        let raw = raw.trim().get_ron();
        let raw_at = (raw.as_ptr() as usize).saturating_sub(begin);
        let name_at = text.get(..raw_at).and_then(|before| before.rfind(name)).unwrap_or(raw_at);
        if fields.iter().any(|f| f.name == name) {
            let detail = format!("expected each name once, found `{name}` again");
            return Err(Wrong { at: place(text, name_at), detail });
        }
        fields.push(Field { name, raw, name_at, raw_at });
    }
    Ok(fields)
}

/// Names with unparsed values.
struct Fields<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("(name: value, …)")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_struct("Settings", &[], All)
    }
}

/// A name, whatever it is.
struct Name<'a>(&'a str);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(name))
            }
        }
        deserializer.deserialize_identifier(Any)
    }
}

/// Reads a value of any sort.
fn typed<'a, T: Deserialize<'a>>(text: &str, field: &Field<'a>) -> Result<T, Wrong> {
    ron::from_str(field.raw).map_err(|error| wrong_of(text, field.raw_at, &error))
}

fn value_of(text: &str, field: &Field<'_>, setting: &Setting) -> Result<Value, Wrong> {
    match setting.kind {
        Kind::Filters => {
            // Until settings had layers filters were a list of pairs.
            let pairs = typed::<BTreeMap<String, String>>(text, field);
            let pairs =
                pairs.or_else(|e| typed::<Vec<(String, String)>>(text, field).map(BTreeMap::from_iter).map_err(|_| e));
            pairs.map(Value::Filters)
        }
        Kind::Keys => typed(text, field).map(Value::Keys),
        _ => setting.parse(None, field.raw).map_err(|detail| Wrong { at: place(text, field.raw_at), detail }),
    }
}

/// What goes on with a file that is not understood.
const LEFT: &str = "The file is left as it is, and changes are not saved until it is correct; the settings pane can begin \
                    a new one that keeps this one beside it";

fn told(path: &Path, layer: Option<Layer>, what: &str, wrong: &Wrong, rest: &str) -> Problem {
    let (line, column) = wrong.at;
    let advice = match layer {
        None | Some(Layer::User) => format!("{rest}. {LEFT}"),
        _ => rest.to_owned(),
    };
    Problem::warning(path, format!("line {line}, column {column}: {what}")).found(wrong.detail.clone()).advise(advice)
}

/// A sentence of a problem, as the pane shows why nothing is saved.
fn because(problem: &Problem) -> String {
    format!("{}: {}", problem.what, problem.detail)
}

/// Reads a file of settings for a layer. Names of the memory are passed over in the user's file: until settings had
/// layers both were one file.
pub fn read_preferences(path: &Path, text: &str, layer: Layer) -> Read<Preferences> {
    let mut read = Read::<Preferences>::default();
    let fields = match fields(text) {
        Ok(fields) => fields,
        Err(wrong) => {
            let problem = told(path, Some(layer), "the settings are damaged", &wrong, "Nothing in this file is used");
            read.broken = Some(because(&problem));
            read.problems.push(problem);
            return read;
        }
    };
    let old = layer == Layer::User && fields.iter().any(|f| Memory::NAMES.contains(&f.name));
    for field in &fields {
        let (line, column) = place(text, field.name_at);
        let at = format!("line {line}, column {column}");
        let Some(setting) = table::find(field.name) else {
            if !(old && Memory::NAMES.contains(&field.name)) {
                let problem = Problem::warning(path, format!("{at}: `{}` is no setting", field.name));
                read.problems.push(problem.found(format!("there are {}", table::names())));
                read.unknown.push((field.name.to_owned(), field.raw.to_owned()));
            }
            continue;
        };
        if layer == Layer::Experiment && !setting.shared {
            let problem =
                Problem::note(path, format!("{at}: `{}` is not taken from an experiment's file", setting.name));
            read.problems.push(problem.advise("It belongs to whoever sits in front of the screen"));
            continue;
        }
        match value_of(text, field, setting) {
            Ok(value) => {
                check_keys(path, text, field, &value, &mut read.problems);
                // Such a file said everything, chosen or not.
                if !old || setting.get(&Preferences::built_in()).as_ref() != Some(&value) {
                    setting.put(&mut read.says, Some(value));
                }
            }
            Err(wrong) => {
                let what = format!("`{}` has a value that it cannot have", setting.name);
                let problem = told(path, Some(layer), &what, &wrong, "This value is not used, the others are");
                read.broken.get_or_insert_with(|| because(&problem));
                read.problems.push(problem);
            }
        }
    }
    read
}

/// Tells what keys nobody can press and commands nobody can name. They stay in the file.
fn check_keys(path: &Path, text: &str, field: &Field<'_>, value: &Value, problems: &mut Vec<Problem>) {
    let Value::Keys(keys) = value else { return };
    let mut tell = |word: &str, what: String| {
        let within = field.raw.find(&format!("\"{word}\"")).unwrap_or(0);
        let (line, column) = place(text, field.raw_at + within);
        problems.push(Problem::warning(path, format!("line {line}, column {column}: {what}")));
    };
    for (command, keys) in keys {
        if catalogue::entry(command).is_none() {
            tell(command, format!("`{command}` is no command that a key can be bound to"));
        }
        for key in keys.iter().filter(|k| Chord::parse(k).is_none()) {
            tell(key, format!("`{key}` (for `{command}`) is no key"));
        }
    }
}

/// Reads the memory, from its own file or from the user's file of before there were layers.
pub fn read_memory(path: &Path, text: &str) -> Read<Memory> {
    let mut read = Read::<Memory>::default();
    let fields = match fields(text) {
        Ok(fields) => fields,
        Err(wrong) => {
            let what = "what the program remembers is damaged";
            let problem = told(path, None, what, &wrong, "Nothing in this file is used");
            read.broken = Some(because(&problem));
            read.problems.push(problem);
            return read;
        }
    };
    for field in &fields {
        if table::find(field.name).is_some() {
            continue;
        }
        if !Memory::NAMES.contains(&field.name) {
            read.unknown.push((field.name.to_owned(), field.raw.to_owned()));
            continue;
        }
        let memory = &mut read.says;
        let taken = match field.name {
            "recent" => typed(text, field).map(|v| memory.recent = v),
            "layouts" => typed(text, field).map(|v| memory.layouts = v),
            "clocks" => typed(text, field).map(|v| memory.clocks = v),
            "own" => typed(text, field).map(|v| memory.own = v),
            "comparisons" => typed(text, field).map(|v| memory.comparisons = v),
            _ => typed(text, field).map(|v| memory.views = v),
        };
        if let Err(wrong) = taken {
            let what = format!("what is remembered as `{}` is damaged", field.name);
            let problem = told(path, None, &what, &wrong, "The rest is used");
            read.broken.get_or_insert_with(|| because(&problem));
            read.problems.push(problem);
        }
    }
    read.says.limit();
    read
}

/// The text of a file of settings.
pub fn write_preferences(says: &Preferences, unknown: &[(String, String)]) -> String {
    let known = TABLE.iter().filter_map(|s| Some((s.name, s.write(&s.get(says)?))));
    let mut text = String::from("(\n");
    for (name, value) in known.chain(unknown.iter().map(|(n, v)| (n.as_str(), v.clone()))) {
        text.push_str(&format!("    {name}: {value},\n"));
    }
    text.push_str(")\n");
    text
}

/// The text of the memory's file.
///
/// # Errors
/// What the serialiser says; nothing that the memory holds makes it fail.
pub fn write_memory(memory: &Memory, unknown: &[(String, String)]) -> ron::Result<String> {
    fn line(text: &mut String, name: &str, value: &impl Serialize) -> ron::Result<()> {
        let value = ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default())?;
        text.push_str(&format!("{name}: {value},\n"));
        Ok(())
    }
    let mut text = String::from("(\n");
    line(&mut text, "recent", &memory.recent)?;
    line(&mut text, "layouts", &memory.layouts)?;
    line(&mut text, "clocks", &memory.clocks)?;
    line(&mut text, "own", &memory.own)?;
    line(&mut text, "comparisons", &memory.comparisons)?;
    line(&mut text, "views", &memory.views)?;
    for (name, value) in unknown {
        text.push_str(&format!("{name}: {value},\n"));
    }
    text.push_str(")\n");
    Ok(text)
}
