//! Filters asked of rows and their states. Of a row it is often known at once that none of its states can match, or
//! that all do; only where a term depends on the state is each of them asked.

use std::sync::Arc;

use stratoscope_core::query::time::TimeBase;
use stratoscope_core::query::{Expr, FieldValue, Filter, Matcher, Path, RowSubject, StateSubject, Subject};
use stratoscope_core::store::{Interval, Look};
use stratoscope_core::vocab::{Cpu, RowKind, State, StateSet, Tid};

use crate::window::command::RowRef;
use crate::window::navigate::to_ref;
use crate::window::relations;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};

/// A filter over rows and states.
#[derive(Clone, Debug)]
pub struct Rule {
    matcher: Matcher,
    cond: Cond,
    per_state: bool,
    origin_ns: i128,
}

/// The filter's terms, each to be asked by itself.
#[derive(Clone, Debug)]
enum Cond {
    /// A term about one field; without a matcher it is never true.
    Term(Option<Matcher>, Field),
    Not(Box<Cond>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
}

/// What the answer of a term depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// On the row alone.
    Row,
    /// On the thread: in rows of CPUs it differs from state to state.
    Tid,
    /// On the CPU: in rows of threads it differs from state to state.
    Cpu,
    /// On which state it is.
    Name,
    /// On the very interval.
    State,
}

impl Field {
    fn of(path: &Path) -> Self {
        match path.single() {
            Some("state") => Self::Name,
            Some("detail" | "dur" | "begin" | "end" | "t") => Self::State,
            Some("tid") => Self::Tid,
            Some("cpu") => Self::Cpu,
            _ => Self::Row,
        }
    }
}

impl Rule {
    /// The rule of a filter.
    pub fn new(filter: &Filter, base: &TimeBase) -> Self {
        let expr = filter.expr();
        let per_state = expr.paths().iter().any(|path| matches!(Field::of(path), Field::Name | Field::State));
        let cond = cond(expr, base);
        Self { matcher: filter.bind(base), cond, per_state, origin_ns: base.origin_ns }
    }

    /// Whether it speaks of states: else it finds rows.
    pub fn is_about_states(&self) -> bool {
        self.per_state
    }

    /// Whether all states of a row match, none does, or it depends.
    pub fn of_row(&self, row: &RowFacts) -> Option<bool> {
        verdict(&self.cond, row, None)
    }

    /// The states in which an interval of the row could match, whatever else it is.
    pub fn possible(&self, row: &RowFacts) -> StateSet {
        let could = |s: &&State| verdict(&self.cond, row, Some(**s)) != Some(false);
        State::ALL.iter().filter(could).fold(StateSet::default(), |set, s| set.with(*s))
    }

    /// Whether a state matches.
    pub fn of_state(&self, row: &RowFacts, at: &At<'_>, interval: &Interval) -> bool {
        let (tid, cpu) = row.thread_and_cpu(at.row, interval);
        let detail = at.scene.text(interval.look.detail);
        let on_axis = |t| self.origin_ns + i128::from(to_ref(&at.machine.map, t).0);
        let state = StateSubject {
            row: RowSubject { tid, cpu, ..row.subject() },
            state: interval.look.state.name(),
            detail: (!interval.look.detail.is_none()).then_some(&*detail),
            begin: on_axis(interval.begin),
            end: on_axis(interval.end),
        };
        self.matcher.matches(&OfVm { subject: state, vm: row.vm.as_deref() })
    }
}

/// Where a row's states come from.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// All there is.
    pub scene: &'a Scene,
    /// The row's machine.
    pub machine: &'a SceneMachine,
    /// The row.
    pub row: &'a SceneRow,
}

/// What a filter can ask of a row.
#[derive(Clone, Debug)]
pub struct RowFacts {
    key: RowRef,
    machine: Arc<str>,
    id: String,
    name: Arc<str>,
    vm: Option<String>,
}

impl RowFacts {
    /// What is known of a row. A thread goes by the name that it had last.
    pub fn of(at: &At<'_>) -> Self {
        let key = RowRef { machine: at.machine.id, key: at.row.key };
        let text = at.scene.text(at.row.name);
        let name = if text.is_empty() && at.row.key.kind == RowKind::Cpu {
            format!("CPU {}", at.row.key.id).into()
        } else {
            text
        };
        let kind = at.row.key.kind;
        let (id, vm) = match relations::vcpu_of_row(at.scene, key).filter(|_| kind == RowKind::Vcpu) {
            Some((vm, vcpu)) => (format!("{}/{}", vm.name, vcpu.number), Some(vm.name.to_string())),
            None => {
                let vm = relations::vm_of_guest(at.scene, at.machine.id).filter(|_| kind == RowKind::VmThread);
                (at.row.key.to_string(), vm.map(|vm| vm.name.to_string()))
            }
        };
        Self { key, machine: Arc::clone(&at.machine.name), id, name, vm }
    }

    fn subject(&self) -> RowSubject<'_> {
        let key = self.key.key;
        let of_thread = matches!(key.kind, RowKind::Thread | RowKind::Vcpu | RowKind::VmThread);
        RowSubject {
            machine: &self.machine,
            row: key.kind.name(),
            id: &self.id,
            tid: of_thread.then_some(Tid(key.id)),
            cpu: key.cpu,
            name: Some(&self.name),
            instance: key.instance,
        }
    }

    /// The thread and the CPU of one of its states.
    fn thread_and_cpu(&self, row: &SceneRow, interval: &Interval) -> (Option<Tid>, Cpu) {
        let key = self.key.key;
        let number = (interval.look.aux != Look::NO_AUX && !row.joined).then_some(interval.look.aux);
        match key.kind {
            RowKind::Thread | RowKind::Vcpu | RowKind::VmThread => {
                let cpu = number.and_then(|n| u16::try_from(n).ok()).map_or(key.cpu, Cpu);
                (Some(Tid(key.id)), cpu)
            }
            RowKind::Cpu | RowKind::PhysicalCpu => (number.map(|n| Tid(n as i32)), key.cpu),
            RowKind::Irq | RowKind::Softirq => (None, key.cpu),
        }
    }

    /// Whether every state has the row's own value of such a field.
    fn settles(&self, field: Field) -> bool {
        let of_thread = matches!(self.key.key.kind, RowKind::Thread | RowKind::Vcpu | RowKind::VmThread);
        let of_cpu = matches!(self.key.key.kind, RowKind::Cpu | RowKind::PhysicalCpu);
        match field {
            Field::Row => true,
            Field::Tid => !of_cpu,
            Field::Cpu => !of_thread,
            Field::Name | Field::State => false,
        }
    }
}

/// Something that may belong to a VM: field `vm`.
struct OfVm<'a, S> {
    subject: S,
    vm: Option<&'a str>,
}

impl<S: Subject> Subject for OfVm<'_, S> {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        if path.single() == Some("vm") { self.vm.map(FieldValue::Text) } else { self.subject.get(path) }
    }
}

fn cond(expr: &Expr, base: &TimeBase) -> Cond {
    match expr {
        Expr::Not(part) => Cond::Not(Box::new(cond(part, base))),
        Expr::And(parts) => Cond::All(parts.iter().map(|p| cond(p, base)).collect()),
        Expr::Or(parts) => Cond::Any(parts.iter().map(|p| cond(p, base)).collect()),
        Expr::Truthy(path)
        | Expr::Compare(path, ..)
        | Expr::Matches(path, _)
        | Expr::Contains(path, _)
        | Expr::In(path, _) => {
            // An expression is printed as what parses to it.
            let term = Filter::parse(&expr.to_string()).ok().map(|filter| filter.bind(base));
            Cond::Term(term, Field::of(path))
        }
    }
}

/// What is known of a condition: of a row, or of those of its intervals that are in a state.
fn verdict(cond: &Cond, row: &RowFacts, state: Option<State>) -> Option<bool> {
    match cond {
        Cond::Term(None, _) => Some(false),
        Cond::Term(Some(matcher), field) => {
            let vm = row.vm.as_deref();
            match (field, state) {
                (Field::Name, Some(state)) => {
                    let subject =
                        StateSubject { row: row.subject(), state: state.name(), detail: None, begin: 0, end: 0 };
                    Some(matcher.matches(&OfVm { subject, vm }))
                }
                _ if row.settles(*field) => Some(matcher.matches(&OfVm { subject: row.subject(), vm })),
                _ => None,
            }
        }
        Cond::Not(part) => verdict(part, row, state).map(|v| !v),
        Cond::All(parts) => decided(parts, row, state, false),
        Cond::Any(parts) => decided(parts, row, state, true),
    }
}

/// One part that is `decisive` decides; else all must be known.
fn decided(parts: &[Cond], row: &RowFacts, state: Option<State>, decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for part in parts {
        match verdict(part, row, state) {
            Some(known) if known == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}
