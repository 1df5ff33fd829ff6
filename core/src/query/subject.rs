//! What a filter can be asked about: events, rows, states.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use super::ast::{Path, Scope};
use crate::vocab::{Cpu, Tid, Value};

/// The value of a field, borrowed from its subject.
#[derive(Clone, Copy, Debug)]
pub enum FieldValue<'a> {
    /// A boolean.
    Bool(bool),
    /// An integer of any width, an instant as it is printed, or a length in nanoseconds.
    Int(i128),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// An enumeration.
    Enum {
        /// Its number.
        value: i128,
        /// Its names.
        labels: &'a [Arc<str>],
    },
    /// A structure, an array or bytes.
    Compound(&'a Value),
}

impl<'a> FieldValue<'a> {
    /// The value as filters see it; `None` for an option that is not there.
    pub fn of(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Bool(b) => FieldValue::Bool(*b),
            Value::Unsigned { value, .. } => FieldValue::Int(i128::from(*value)),
            Value::Signed(n) => FieldValue::Int(i128::from(*n)),
            Value::Float(x) => FieldValue::Float(*x),
            Value::Text(text) => FieldValue::Text(text),
            Value::Enum { value, labels } => FieldValue::Enum { value: *value, labels },
            Value::Struct(_) | Value::Array(_) | Value::Bytes(_) => FieldValue::Compound(value),
            Value::Null => return None,
        })
    }
}

/// Anything whose fields have names.
pub trait Subject {
    /// The field's value; `None` if the subject doesn't have it.
    fn get(&self, path: &Path) -> Option<FieldValue<'_>>;
}

/// The value inside `value` that the names lead to. An array's elements are numbered from 0.
fn find<'a>(value: &'a Value, names: &[Box<str>]) -> Option<&'a Value> {
    names.iter().try_fold(value, |value, name| match value {
        Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        value => member(value, name),
    })
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Struct(members) = value else { return None };
    members.iter().find(|(member, _)| **member == *name).map(|(_, value)| value)
}

/// An event. Its fields are decoded when they are first asked for.
pub struct EventSubject<'a, F> {
    machine: &'a str,
    name: &'a str,
    cpu: Cpu,
    t_ns: i128,
    decode: Cell<Option<F>>,
    fields: OnceCell<(Value, Value)>,
}

impl<'a, F: FnOnce() -> (Value, Value)> EventSubject<'a, F> {
    /// An event of that machine, name, CPU and instant as it is printed. `decode` gives its context and its
    /// own fields, as [`EventReader::fields`](crate::trace::EventReader::fields) does.
    pub fn new(machine: &'a str, name: &'a str, cpu: Cpu, t_ns: i128, decode: F) -> Self {
        Self { machine, name, cpu, t_ns, decode: Cell::new(Some(decode)), fields: OnceCell::new() }
    }

    /// Its context and its own fields, decoded now if they were not before.
    pub fn fields(&self) -> &(Value, Value) {
        self.fields.get_or_init(|| match self.decode.take() {
            Some(decode) => decode(),
            None => (Value::Null, Value::Null),
        })
    }

    /// Its context and its own fields, if they have been decoded.
    pub fn into_decoded(self) -> Option<(Value, Value)> {
        self.fields.into_inner()
    }
}

impl<F: FnOnce() -> (Value, Value)> Subject for EventSubject<'_, F> {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        match path.single() {
            Some("name") => return Some(FieldValue::Text(self.name)),
            Some("machine") => return Some(FieldValue::Text(self.machine)),
            Some("t") => return Some(FieldValue::Int(self.t_ns)),
            Some("cpu") => return cpu_value(self.cpu),
            _ => {}
        }
        let (context, own) = self.fields();
        let (scope, names) = path.scoped();
        let found = match scope {
            Scope::Fields => find(own, names),
            Scope::Context => find(context, names),
            Scope::Any => find(own, names).or_else(|| find(context, names)).or_else(|| {
                // LTTng names the context "procname"; people ask for "comm" everywhere.
                (path.single() == Some("comm")).then(|| member(context, "procname")).flatten()
            }),
        };
        found.and_then(FieldValue::of)
    }
}

/// A row of the window and of `stratoscope states`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSubject<'a> {
    /// The machine's name: field `machine`.
    pub machine: &'a str,
    /// `thread`, `cpu`, `irq`, `softirq`, `vcpu`, `vm-thread`: field `row`.
    pub row: &'a str,
    /// The row's id of the command line's contract, a text: field `id`.
    pub id: &'a str,
    /// The thread that the row or the state is about: field `tid`.
    pub tid: Option<Tid>,
    /// Its CPU: field `cpu`.
    pub cpu: Cpu,
    /// The thread's or the row's name ([`rows::name_at`](super::rows::name_at)): fields `name` and `comm`.
    pub name: Option<&'a str>,
    /// Which use of a recycled tid: field `instance`.
    pub instance: u32,
    /// The VM that a vCPU or a guest's thread belongs to: field `vm`.
    pub vm: Option<&'a str>,
}

impl Default for RowSubject<'_> {
    fn default() -> Self {
        Self { machine: "", row: "", id: "", tid: None, cpu: Cpu::UNKNOWN, name: None, instance: 0, vm: None }
    }
}

impl Subject for RowSubject<'_> {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        match path.single()? {
            "machine" => Some(FieldValue::Text(self.machine)),
            "row" => Some(FieldValue::Text(self.row)),
            "id" => Some(FieldValue::Text(self.id)),
            "tid" => self.tid.map(|tid| FieldValue::Int(i128::from(tid.0))),
            "cpu" => cpu_value(self.cpu),
            "name" | "comm" => self.name.map(FieldValue::Text),
            "instance" => Some(FieldValue::Int(i128::from(self.instance))),
            "vm" => self.vm.map(FieldValue::Text),
            _ => None,
        }
    }
}

/// One state of a row, from `begin` until before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSubject<'a> {
    /// Its row, with the tid, CPU and name that hold during the state.
    pub row: RowSubject<'a>,
    /// The state's name of the command line's contract: field `state`.
    pub state: &'a str,
    /// Field `detail`.
    pub detail: Option<&'a str>,
    /// First instant as it is printed: fields `begin` and `t`.
    pub begin: i128,
    /// First instant after it: field `end`. Field `dur` is the distance.
    pub end: i128,
}

impl Subject for StateSubject<'_> {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        match path.single()? {
            "state" => Some(FieldValue::Text(self.state)),
            "detail" => self.detail.map(FieldValue::Text),
            "begin" | "t" => Some(FieldValue::Int(self.begin)),
            "end" => Some(FieldValue::Int(self.end)),
            "dur" => Some(FieldValue::Int(self.end.saturating_sub(self.begin))),
            _ => self.row.get(path),
        }
    }
}

fn cpu_value<'a>(cpu: Cpu) -> Option<FieldValue<'a>> {
    cpu.known().map(|n| FieldValue::Int(i128::from(n)))
}
