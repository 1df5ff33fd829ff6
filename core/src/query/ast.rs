//! What a filter says, as a tree; printed, it reads the same again.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::number::UNITS;

/// The name of a field, split at its dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    segments: Vec<Box<str>>,
}

/// Where an event's field is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Among its own fields, then in its context: `prev_tid`.
    Any,
    /// Among its own fields: `fields.prev_tid`.
    Fields,
    /// In its context: `context.tid`.
    Context,
}

impl Path {
    /// The path of those segments; `None` if there are none.
    pub fn new(segments: Vec<Box<str>>) -> Option<Self> {
        (!segments.is_empty()).then_some(Self { segments })
    }

    /// The names from the outermost to the innermost, never empty.
    pub fn segments(&self) -> &[Box<str>] {
        &self.segments
    }

    /// The name if it has only one.
    pub fn single(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Where an event's field of that path is looked for, and its names there.
    pub fn scoped(&self) -> (Scope, &[Box<str>]) {
        match self.segments.as_slice() {
            [first, rest @ ..] if !rest.is_empty() && &**first == "fields" => (Scope::Fields, rest),
            [first, rest @ ..] if !rest.is_empty() && &**first == "context" => (Scope::Context, rest),
            all => (Scope::Any, all),
        }
    }

    /// Whether it names an instant, which alone can be compared with `+1.5s` and `12:34:56`.
    pub fn is_instant(&self) -> bool {
        matches!(self.single(), Some("t" | "begin" | "end"))
    }

    /// Whether it is known of an event without decoding its fields: `name`, `t`, `cpu`, `machine`.
    pub fn is_event_head(&self) -> bool {
        matches!(self.single(), Some("name" | "t" | "cpu" | "machine"))
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl CompareOp {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            CompareOp::Equal => "==",
            CompareOp::NotEqual => "!=",
            CompareOp::Below => "<",
            CompareOp::AtMost => "<=",
            CompareOp::Above => ">",
            CompareOp::AtLeast => ">=",
        }
    }
}

/// A value that was typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A number with a decimal point or an exponent; always finite.
    Float(f64),
    /// Text.
    Text(Box<str>),
    /// A length of time in nanoseconds: `1.5ms`.
    Length(i128),
    /// Nanoseconds after the experiment's begin: `+1.5s`.
    Offset(i128),
    /// Nanoseconds after midnight of the experiment's first day: `12:34:56`.
    TimeOfDay(i128),
}

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// The pattern of that text; what is wrong with it, in one sentence.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        // A pattern is matched against every event's text: memory is bounded here, and the engine takes
        // time linear in the text whatever the pattern is.
        const SIZE_LIMIT: usize = 1 << 20;
        let built = RegexBuilder::new(text).size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build();
        built.map(|regex| Self { regex }).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                last.strip_prefix("error: ").unwrap_or(last).to_owned()
            }
        })
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it is found somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// A filter's tree. `And` and `Or` have at least two parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// The field is known and not false, zero or empty.
    Truthy(Path),
    /// The field compares so with the value.
    Compare(Path, CompareOp, Literal),
    /// The pattern is found in the field's text.
    Matches(Path, Pattern),
    /// The field's text contains the text, or the array an element of that value.
    Contains(Path, Literal),
    /// The field equals one of the values.
    In(Path, Vec<Literal>),
    /// The part is false.
    Not(Box<Expr>),
    /// All parts are true.
    And(Vec<Expr>),
    /// Some part is true.
    Or(Vec<Expr>),
}

impl Expr {
    /// Every field it asks for, in order of the text.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.collect_paths(&mut paths);
        paths
    }

    fn collect_paths<'a>(&'a self, out: &mut Vec<&'a Path>) {
        match self {
            Expr::Truthy(path)
            | Expr::Compare(path, ..)
            | Expr::Matches(path, _)
            | Expr::Contains(path, _)
            | Expr::In(path, _) => out.push(path),
            Expr::Not(part) => part.collect_paths(out),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.collect_paths(out)),
        }
    }
}

/// Whether a name is a word of the language unless it stands between backticks. Capitals are understood.
pub(super) fn is_keyword(name: &str) -> bool {
    const KEYWORDS: &[&str] = &["and", "or", "not", "in", "contains", "true", "false"];
    KEYWORDS.iter().any(|k| name == *k || (name.eq_ignore_ascii_case(k) && !name.contains(char::is_lowercase)))
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(super) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alone = self.segments.len() == 1;
        for (n, segment) in self.segments.iter().enumerate() {
            if n > 0 {
                f.write_str(".")?;
            }
            let starts = n > 0 || segment.starts_with(is_name_start);
            if starts && !segment.is_empty() && segment.chars().all(is_name_char) && !(alone && is_keyword(segment)) {
                f.write_str(segment)?;
            } else {
                write!(f, "`{segment}`")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Bool(b) => write!(f, "{b}"),
            Literal::Int(n) => write!(f, "{n}"),
            Literal::Float(x) => write!(f, "{x:?}"),
            Literal::Text(text) => write_text(f, text),
            Literal::Length(ns) => write_length(f, *ns),
            Literal::Offset(ns) => {
                if *ns >= 0 {
                    f.write_str("+")?;
                }
                write_length(f, *ns)
            }
            Literal::TimeOfDay(ns) => {
                let (s, part) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
                write!(f, "{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)?;
                if part != 0 {
                    write!(f, ".{}", format!("{part:09}").trim_end_matches('0'))?;
                }
                Ok(())
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

fn write_length(f: &mut fmt::Formatter<'_>, ns: i128) -> fmt::Result {
    const SECOND: usize = 3;
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    // Minutes and more are no decimal fractions of each other, so the second is the largest unit written.
    let unit = UNITS.iter().take(SECOND + 1).rev().find(|(_, unit)| ns >= unit.unsigned_abs()).or(UNITS.first());
    let (name, unit) = unit.map_or(("ns", 1), |(name, unit)| (*name, unit.unsigned_abs()));
    write!(f, "{sign}{}", ns / unit)?;
    if !ns.is_multiple_of(unit) {
        let places = unit.ilog10() as usize;
        write!(f, ".{}", format!("{:0places$}", ns % unit).trim_end_matches('0'))?;
    }
    f.write_str(name)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A pattern is written as it was typed, between the quotes that it doesn't contain by themselves.
        let mut escaped = false;
        let mut quote = '"';
        for c in self.text().chars() {
            if c == '"' && !escaped {
                quote = '\'';
            }
            escaped = c == '\\' && !escaped;
        }
        write!(f, "{quote}{}{quote}", self.text())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Truthy(path) => write!(f, "{path}"),
            Expr::Compare(path, op, value) => write!(f, "{path} {} {value}", op.symbol()),
            Expr::Matches(path, pattern) => write!(f, "{path} ~ {pattern}"),
            Expr::Contains(path, value) => write!(f, "{path} contains {value}"),
            Expr::In(path, values) => {
                write!(f, "{path} in (")?;
                for (n, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Expr::Not(part) => {
                f.write_str("not ")?;
                write_part(f, part, matches!(**part, Expr::And(_) | Expr::Or(_)))
            }
            Expr::And(parts) => write_joined(f, parts, " and ", |p| matches!(p, Expr::And(_) | Expr::Or(_))),
            Expr::Or(parts) => write_joined(f, parts, " or ", |p| matches!(p, Expr::Or(_))),
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str, nests: fn(&Expr) -> bool) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(word)?;
        }
        write_part(f, part, nests(part))?;
    }
    Ok(())
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &Expr, in_parentheses: bool) -> fmt::Result {
    if in_parentheses { write!(f, "({part})") } else { write!(f, "{part}") }
}
