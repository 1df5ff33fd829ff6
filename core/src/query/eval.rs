//! Filters at work: asked of one subject, or of all events of a class at once.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::ast::{CompareOp, Expr, Literal, Path, Scope};
use super::error::FilterError;
use super::parser;
use super::subject::{FieldValue, Subject};
use super::time::TimeBase;
use crate::vocab::{Cpu, Value};

/// A filter as it was typed. Printed, it is a text that parses to the same filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    expr: Expr,
}

impl Filter {
    /// Understands a text.
    ///
    /// # Errors
    /// Where the text stops making sense, what was expected there and what was found. An empty text is an
    /// error: only the caller knows whether no filter means everything.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parser::parse(text).map(|expr| Self { expr })
    }

    /// What it says.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Settles what `+1.5s` and `12:34:56` mean.
    pub fn bind(&self, base: &TimeBase) -> Matcher {
        Matcher { expr: bind(&self.expr, base) }
    }

    /// Whether it can ask for more of an event than name, instant, CPU and machine.
    pub fn needs_fields(&self) -> bool {
        self.expr.paths().iter().any(|path| !path.is_event_head())
    }

    /// What it says of every event of that name: `Some(false)` if it matches none, `Some(true)` if it matches
    /// all, `None` if that depends on the event. [`Matcher::hint`] knows more if it is told more.
    pub fn class_hint(&self, name: &str) -> Option<bool> {
        hint(&self.expr, &Facts { name: Some(name), ..Facts::default() })
    }
}

impl FromStr for Filter {
    type Err = FilterError;
    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// A filter bound to an experiment's times.
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher {
    expr: Expr,
}

impl Matcher {
    /// Whether the subject is one of those that the filter describes.
    pub fn matches<S: Subject + ?Sized>(&self, subject: &S) -> bool {
        matches(&self.expr, subject)
    }

    /// Names of the top-level fields of an event, its own and its context's, that it can ask for.
    pub fn field_names(&self) -> Vec<Box<str>> {
        let asked = self.expr.paths().into_iter().filter(|path| !path.is_event_head());
        let mut names: Vec<Box<str>> = asked.filter_map(|path| path.scoped().1.first().cloned()).collect();
        // LTTng's name for the context that people ask for as "comm".
        if names.iter().any(|name| &**name == "comm") {
            names.push("procname".into());
        }
        names
    }

    /// What it says of every event of which the facts hold: `Some(false)` if it matches none, `Some(true)` if
    /// it matches all, `None` if that depends on the event.
    ///
    /// Asked once for each class it spares decoding; asked with the bounds of a stretch of a stream it spares
    /// reading it.
    pub fn hint(&self, facts: &Facts<'_>) -> Option<bool> {
        hint(&self.expr, facts)
    }
}

/// What is known of a group of events. What is `None` is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Their machine.
    pub machine: Option<&'a str>,
    /// Their name.
    pub name: Option<&'a str>,
    /// Their CPU; [`Cpu::UNKNOWN`] says that they have none.
    pub cpu: Option<Cpu>,
    /// First and last instant, as they are printed, between which they all lie.
    pub t_ns: Option<(i128, i128)>,
    /// Names of all their own top-level fields.
    pub fields: Option<&'a [Arc<str>]>,
    /// Names of all fields of their context.
    pub context: Option<&'a [Arc<str>]>,
}

enum Fact<'a> {
    Is(FieldValue<'a>),
    /// An integer, both ends included.
    Between(i128, i128),
    Absent,
    Open,
}

impl<'a> Facts<'a> {
    fn of(&self, path: &Path) -> Fact<'a> {
        match path.single() {
            Some("name") => return self.name.map_or(Fact::Open, |name| Fact::Is(FieldValue::Text(name))),
            Some("machine") => return self.machine.map_or(Fact::Open, |name| Fact::Is(FieldValue::Text(name))),
            Some("t") => return self.t_ns.map_or(Fact::Open, |(first, last)| Fact::Between(first, last)),
            Some("cpu") => {
                return self.cpu.map_or(Fact::Open, |cpu| match cpu.known() {
                    Some(n) => Fact::Is(FieldValue::Int(i128::from(n))),
                    None => Fact::Absent,
                });
            }
            _ => {}
        }
        let (scope, names) = path.scoped();
        // Of a single "comm" there is an alias in the context.
        let alias = if path.single() == Some("comm") { "procname" } else { "" };
        let lacks = |known: Option<&[Arc<str>]>| {
            let is_wanted = |k: &Arc<str>| names.first().is_some_and(|n| **k == **n) || **k == *alias;
            known.is_some_and(|known| !known.iter().any(is_wanted))
        };
        let is_absent = match scope {
            Scope::Fields => lacks(self.fields),
            Scope::Context => lacks(self.context),
            Scope::Any => lacks(self.fields) && lacks(self.context),
        };
        if is_absent { Fact::Absent } else { Fact::Open }
    }
}

fn bind(expr: &Expr, base: &TimeBase) -> Expr {
    let bound = |value: &Literal| match value {
        Literal::Length(ns) => Literal::Int(*ns),
        Literal::Offset(ns) => Literal::Int(base.after_begin(*ns)),
        Literal::TimeOfDay(ns) => Literal::Int(base.at_time_of_day(*ns)),
        other => other.clone(),
    };
    match expr {
        Expr::Truthy(_) | Expr::Matches(..) => expr.clone(),
        Expr::Compare(path, op, value) => Expr::Compare(path.clone(), *op, bound(value)),
        Expr::Contains(path, value) => Expr::Contains(path.clone(), bound(value)),
        Expr::In(path, values) => Expr::In(path.clone(), values.iter().map(bound).collect()),
        Expr::Not(part) => Expr::Not(Box::new(bind(part, base))),
        Expr::And(parts) => Expr::And(parts.iter().map(|part| bind(part, base)).collect()),
        Expr::Or(parts) => Expr::Or(parts.iter().map(|part| bind(part, base)).collect()),
    }
}

fn matches<S: Subject + ?Sized>(expr: &Expr, subject: &S) -> bool {
    match expr {
        Expr::Not(part) => !matches(part, subject),
        Expr::And(parts) => parts.iter().all(|part| matches(part, subject)),
        Expr::Or(parts) => parts.iter().any(|part| matches(part, subject)),
        Expr::Truthy(path)
        | Expr::Compare(path, ..)
        | Expr::Matches(path, _)
        | Expr::Contains(path, _)
        | Expr::In(path, _) => subject.get(path).is_some_and(|value| holds(expr, value)),
    }
}

fn hint(expr: &Expr, facts: &Facts<'_>) -> Option<bool> {
    match expr {
        Expr::Not(part) => hint(part, facts).map(|h| !h),
        Expr::And(parts) => parts_hint(parts, facts, false),
        Expr::Or(parts) => parts_hint(parts, facts, true),
        Expr::Truthy(path)
        | Expr::Compare(path, ..)
        | Expr::Matches(path, _)
        | Expr::Contains(path, _)
        | Expr::In(path, _) => match facts.of(path) {
            Fact::Is(value) => Some(holds(expr, value)),
            Fact::Absent => Some(false),
            Fact::Between(first, last) => holds_between(expr, first, last),
            Fact::Open => None,
        },
    }
}

/// One part that is `decisive` decides; else all must be known.
fn parts_hint(parts: &[Expr], facts: &Facts<'_>, decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for part in parts {
        match hint(part, facts) {
            Some(known) if known == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}

/// Whether a term holds for a known value.
fn holds(term: &Expr, value: FieldValue<'_>) -> bool {
    match term {
        Expr::Truthy(_) => truthy(value),
        Expr::Compare(_, op, literal) => satisfies(compare(value, literal), *op),
        Expr::Matches(_, pattern) => any_text(value, |text| pattern.is_match(text)),
        Expr::Contains(_, Literal::Text(part)) => {
            any_text(value, |text| text.contains(&**part)) || has_element(value, &Literal::Text(part.clone()))
        }
        Expr::Contains(_, literal) => has_element(value, literal),
        Expr::In(_, values) => values.iter().any(|literal| compare(value, literal) == Some(Ordering::Equal)),
        Expr::Not(_) | Expr::And(_) | Expr::Or(_) => false,
    }
}

/// Whether a term holds for all or for no integer of a range.
fn holds_between(term: &Expr, first: i128, last: i128) -> Option<bool> {
    if first == last {
        return Some(holds(term, FieldValue::Int(first)));
    }
    let at = |literal: &Literal| {
        let low = compare(FieldValue::Int(first), literal)?;
        Some((low, compare(FieldValue::Int(last), literal)?))
    };
    match term {
        Expr::Compare(_, _, Literal::Offset(_) | Literal::TimeOfDay(_)) => None,
        Expr::Compare(_, op, literal) => {
            let Some((low, high)) = at(literal) else {
                // Never comparable, whatever the integer is.
                return Some(satisfies(None, *op));
            };
            // All on one side: what holds for one end holds for all.
            (low == high && low != Ordering::Equal).then(|| satisfies(Some(low), *op)).or(match op {
                CompareOp::Below | CompareOp::AtLeast => (low != Ordering::Less).then_some(*op == CompareOp::AtLeast),
                CompareOp::AtMost | CompareOp::Above => (high != Ordering::Greater).then_some(*op == CompareOp::AtMost),
                CompareOp::Equal | CompareOp::NotEqual => None,
            })
        }
        Expr::In(_, values) => {
            let is_outside = |literal: &Literal| match literal {
                Literal::Offset(_) | Literal::TimeOfDay(_) => false,
                literal => at(literal).is_none_or(|(low, high)| low == high && low != Ordering::Equal),
            };
            values.iter().all(is_outside).then_some(false)
        }
        Expr::Matches(..) | Expr::Contains(..) => Some(false),
        _ => None,
    }
}

fn truthy(value: FieldValue<'_>) -> bool {
    match value {
        FieldValue::Bool(b) => b,
        FieldValue::Int(n) | FieldValue::Enum { value: n, .. } => n != 0,
        FieldValue::Float(x) => x != 0.0 && !x.is_nan(),
        FieldValue::Text(text) => !text.is_empty(),
        FieldValue::Compound(Value::Struct(members)) => !members.is_empty(),
        FieldValue::Compound(Value::Array(elements)) => !elements.is_empty(),
        FieldValue::Compound(Value::Bytes(bytes)) => !bytes.is_empty(),
        FieldValue::Compound(_) => false,
    }
}

fn any_text(value: FieldValue<'_>, is_wanted: impl Fn(&str) -> bool) -> bool {
    match value {
        FieldValue::Text(text) => is_wanted(text),
        FieldValue::Enum { labels, .. } => labels.iter().any(|label| is_wanted(label)),
        _ => false,
    }
}

fn has_element(value: FieldValue<'_>, literal: &Literal) -> bool {
    let FieldValue::Compound(Value::Array(elements)) = value else { return false };
    elements.iter().filter_map(FieldValue::of).any(|element| compare(element, literal) == Some(Ordering::Equal))
}

/// How a value lies to a literal; `None` if the two are of different kinds.
fn compare(value: FieldValue<'_>, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (FieldValue::Text(text), Literal::Text(other)) => Some(text.cmp(other)),
        (FieldValue::Enum { labels, .. }, Literal::Text(other)) => {
            labels.iter().any(|label| **label == **other).then_some(Ordering::Equal)
        }
        (FieldValue::Bool(b), literal) => compare_int(i128::from(b), literal),
        (FieldValue::Int(n) | FieldValue::Enum { value: n, .. }, literal) => compare_int(n, literal),
        (FieldValue::Float(x), Literal::Float(other)) => x.partial_cmp(other),
        (FieldValue::Float(x), literal) => compare_float(integer(literal)?, x).map(Ordering::reverse),
        (FieldValue::Text(_) | FieldValue::Compound(_), _) => None,
    }
}

fn compare_int(n: i128, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Float(x) => compare_float(n, *x),
        literal => Some(n.cmp(&integer(literal)?)),
    }
}

/// The integer that a literal stands for. Times stand for one only in a bound filter.
fn integer(literal: &Literal) -> Option<i128> {
    match literal {
        Literal::Bool(b) => Some(i128::from(*b)),
        Literal::Int(n) | Literal::Length(n) => Some(*n),
        Literal::Float(_) | Literal::Text(_) | Literal::Offset(_) | Literal::TimeOfDay(_) => None,
    }
}

/// How an integer lies to a float, exactly: no integer is rounded to a float.
fn compare_float(n: i128, x: f64) -> Option<Ordering> {
    /// 2^127: floats from here on are above every `i128`, and below the negative below every one.
    const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if x.is_nan() {
        return None;
    }
    if x >= BEYOND {
        return Some(Ordering::Less);
    }
    if x < -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = x.trunc();
    // In range, and an integer already: this conversion is exact.
    Some(n.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&x).unwrap_or(Ordering::Equal)))
}

fn satisfies(order: Option<Ordering>, op: CompareOp) -> bool {
    match op {
        CompareOp::Equal => order == Some(Ordering::Equal),
        CompareOp::NotEqual => order != Some(Ordering::Equal),
        CompareOp::Below => order == Some(Ordering::Less),
        CompareOp::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Above => order == Some(Ordering::Greater),
        CompareOp::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}
