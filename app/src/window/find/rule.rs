//! Filters asked of rows and their states. Of a row it is often known at once that none of its states can match, or
//! that all do; only where a term depends on the state is each of them asked.

use std::sync::Arc;

use stratoscope_core::query::time::TimeBase;
use stratoscope_core::query::{Expr, Filter, Matcher, Path, RowSubject, StateSubject, rows};
use stratoscope_core::store::{Interval, Row};
use stratoscope_core::vocab::{RowKey, RowKind, State, StateSet, Tid};

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
    /// Whether it asks on which CPU a state was: that may have to be looked up.
    asks_cpu: bool,
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
    /// On the thread's name: where it had several they differ from state to state.
    Name,
    /// On which state it is.
    Kind,
    /// On the very interval.
    State,
}

impl Field {
    fn of(path: &Path) -> Self {
        match path.single() {
            Some("state") => Self::Kind,
            Some("name" | "comm") => Self::Name,
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
        let asks = |of: &[Field]| expr.paths().iter().any(|path| of.contains(&Field::of(path)));
        Self {
            matcher: filter.bind(base),
            cond: cond(expr, base),
            per_state: asks(&[Field::Kind, Field::State]),
            asks_cpu: asks(&[Field::Cpu]),
            origin_ns: base.origin_ns,
        }
    }

    /// Whether it speaks of states: else it finds rows. A row is found if one of its states is, so by any name that its
    /// thread ever bore.
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
        let own = row.own.as_deref().filter(|_| self.asks_cpu);
        let (tid, cpu) = rows::thread_and_cpu(&at.row.key, interval, at.row.joined, own);
        let name = row.name_at(at, interval);
        let detail = at.scene.text(interval.look.detail);
        let on_axis = |t| self.origin_ns + i128::from(to_ref(&at.machine.map, t).0);
        let state = StateSubject {
            row: RowSubject { tid, cpu, ..row.subject(&name) },
            state: interval.look.state.name(),
            detail: (!interval.look.detail.is_none()).then_some(&*detail),
            begin: on_axis(interval.begin),
            end: on_axis(interval.end),
        };
        self.matcher.matches(&state)
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
#[derive(Clone)]
pub struct RowFacts {
    key: RowRef,
    machine: Arc<str>,
    id: String,
    /// All that its thread was ever called, the last one first; never empty.
    names: Vec<Arc<str>>,
    vm: Option<String>,
    /// Of a joined row, the row that its machine has of the same thread: it knows the CPU.
    own: Option<Arc<Row>>,
}

impl RowFacts {
    /// What is known of a row.
    pub fn of(at: &At<'_>) -> Self {
        let key = RowRef { machine: at.machine.id, key: at.row.key };
        let kind = at.row.key.kind;
        let (id, vm) = match relations::vcpu_of_row(at.scene, key).filter(|_| kind == RowKind::Vcpu) {
            Some((vm, vcpu)) => (format!("{}/{}", vm.name, vcpu.number), Some(vm.name.to_string())),
            None => {
                let vm = relations::vm_of_guest(at.scene, at.machine.id).filter(|_| kind == RowKind::VmThread);
                (at.row.key.to_string(), vm.map(|vm| vm.name.to_string()))
            }
        };
        let own = at.row.joined.then(|| at.scene.facts.world.machine(at.machine.id)).flatten().and_then(|machine| {
            let kind = if kind == RowKind::VmThread { RowKind::Thread } else { kind };
            machine.store.row(machine.store.find(&RowKey { kind, ..at.row.key })?)
        });
        let names = rows::all_names(&at.scene.names, &at.row.key, &at.row.borne());
        Self { key, machine: Arc::clone(&at.machine.name), id, names, vm, own: own.cloned() }
    }

    /// What its thread was called when a state began.
    fn name_at(&self, at: &At<'_>, interval: &Interval) -> Arc<str> {
        match self.names.as_slice() {
            [only] => Arc::clone(only),
            _ => rows::name_at(&at.scene.names, &at.row.key, &at.row.borne(), interval.begin),
        }
    }

    /// Whether a term holds of a row by each of its names, or by none; `None`: that differs.
    fn by_names(&self, holds: impl Fn(&str) -> bool) -> Option<bool> {
        let first = self.names.first().is_some_and(|name| holds(name));
        self.names.iter().skip(1).all(|name| holds(name) == first).then_some(first)
    }

    fn subject<'a>(&'a self, name: &'a str) -> RowSubject<'a> {
        let key = self.key.key;
        let of_thread = matches!(key.kind, RowKind::Thread | RowKind::Vcpu | RowKind::VmThread);
        RowSubject {
            machine: &self.machine,
            row: key.kind.name(),
            id: &self.id,
            tid: of_thread.then_some(Tid(key.id)),
            cpu: key.cpu,
            name: Some(name),
            instance: key.instance,
            vm: self.vm.as_deref(),
        }
    }

    /// Whether every state has the row's own value of such a field.
    fn settles(&self, field: Field) -> bool {
        let of_thread = matches!(self.key.key.kind, RowKind::Thread | RowKind::Vcpu | RowKind::VmThread);
        let of_cpu = matches!(self.key.key.kind, RowKind::Cpu | RowKind::PhysicalCpu);
        match field {
            Field::Row | Field::Name => true,
            Field::Tid => !of_cpu,
            Field::Cpu => !of_thread,
            Field::Kind | Field::State => false,
        }
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
        Cond::Term(Some(matcher), field) => match (field, state) {
            (Field::Kind, Some(state)) => {
                let row = row.subject("");
                Some(matcher.matches(&StateSubject { row, state: state.name(), detail: None, begin: 0, end: 0 }))
            }
            _ if row.settles(*field) => row.by_names(|name| matcher.matches(&row.subject(name))),
            _ => None,
        },
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
