//! Which tasks recur, and the instances of one of them: asked of the engine for whatever row is known best. No
//! screen here.

use stratoscope_core::query::search::on_reference;
use stratoscope_core::query::{Filter, Matcher, Search, WorldMachine};
use stratoscope_core::store::{Row, StoreSnapshot};
use stratoscope_core::vm::instances::{self, Instances, TaskRow};
use stratoscope_core::vm::{Recurring, recurring};
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineId, MachineNs, RefNs, RowKey, RowKind, State, TimeRange};

use crate::window::command::RowRef;
use crate::window::joint::facts::Facts;

/// A task that recurs.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its row.
    pub row: RowRef,
    /// Its name.
    pub name: String,
    /// How regularly, and how often.
    pub how: Recurring,
}

/// More would be no choice but a search.
const MOST_OF_A_MACHINE: usize = 24;

/// The store that knows most of a machine's threads, and the kind of their rows in it: joined ones where the
/// machine is a guest.
fn best(facts: &Facts, machine: &WorldMachine) -> (std::sync::Arc<StoreSnapshot>, RowKind) {
    let truth = facts.world.vm.as_ref().and_then(|view| view.truth(machine.id));
    match truth.filter(|truth| truth.rows().any(|r| r.key().kind == RowKind::VmThread)) {
        Some(truth) => (std::sync::Arc::clone(truth), RowKind::VmThread),
        None => (std::sync::Arc::clone(&machine.store), RowKind::Thread),
    }
}

/// Tasks of all machines that recur, guests' first: that is where slow instances have hidden reasons.
///
/// # Errors
/// Somebody cancelled.
pub fn candidates(facts: &Facts, cancel: &Cancel) -> Result<Vec<Candidate>, Cancelled> {
    let mut all = Vec::new();
    for machine in &facts.world.machines {
        let (store, kind) = best(facts, machine);
        let found = recurring(&store, TimeRange::ALWAYS, cancel)?;
        let rows = found.into_iter().filter_map(|how| Some((how, store.row(how.row)?)));
        let own = rows.filter(|(_, row)| row.key().kind == kind).take(MOST_OF_A_MACHINE);
        all.extend(own.map(|(how, row)| Candidate {
            row: RowRef { machine: machine.id, key: row.key() },
            name: row_words(facts, row),
            how,
        }));
    }
    let is_guest = |c: &Candidate| c.row.key.kind == RowKind::VmThread;
    // Stable: within each group the engine's order, the most regular first.
    all.sort_by_key(|c| !is_guest(c));
    Ok(all)
}

fn row_words(facts: &Facts, row: &Row) -> String {
    let name = facts.world.names.text(row.name());
    if name.is_empty() { format!("thread {}", row.key().id) } else { format!("{name} {}", row.key().id) }
}

/// Instances are bounded by these, instead of by wake-ups and sleeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Filter expression of events that begin one.
    pub begin: String,
    /// Filter expression of events that end one.
    pub end: String,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The task.
    pub row: RowRef,
    /// Longer than so many times the lower quartile is slow.
    pub slow_factor: f64,
    /// What bounds instances, if it is not the task's sleep.
    pub marks: Option<Marks>,
}

/// An instance with all that is shown of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its number, from 1 on, in order of time.
    pub number: usize,
    /// When.
    pub range: TimeRange<RefNs>,
    /// How long, on its machine's clock.
    pub duration: Dur,
    /// Whether it was slow.
    pub slow: bool,
    /// Time per state that occurs, the task's own work first.
    pub parts: Vec<(State, Dur)>,
    /// What took longer than usual, and how much longer; empty if nothing did.
    pub what: String,
    /// Who was to blame.
    pub who: String,
    /// How much longer than usual that took.
    pub extra: Dur,
}

/// The instances of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// In order of time.
    pub list: Vec<Shown>,
    /// The distance of begins, where there is one.
    pub period: Option<Dur>,
    /// The lower quartile of durations.
    pub lower_quartile: Dur,
    /// The sleep that separates them.
    pub sleep: String,
    /// What is wrong with the question.
    pub wrong: Option<String>,
}

/// The instances of a task over all time.
///
/// # Errors
/// Somebody cancelled.
pub fn instances(facts: &Facts, wanted: &Wanted, cancel: &Cancel) -> Result<Answer, Cancelled> {
    let Some(machine) = facts.world.machine(wanted.row.machine) else { return Ok(Answer::default()) };
    let Some(row) = facts.world.row(machine.id, &wanted.row.key) else { return Ok(Answer::default()) };
    let task = TaskRow { machine: machine.id, row, own: &machine.store, view: facts.world.vm.as_deref() };
    let found = match &wanted.marks {
        None => instances::by_sleeps(&task, TimeRange::ALWAYS, None, wanted.slow_factor, cancel)?,
        Some(marks) => match marked(facts, machine, marks, cancel)? {
            Ok(stretches) => instances::by_marks(&task, stretches, wanted.slow_factor, cancel)?,
            Err(wrong) => return Ok(Answer { wrong: Some(wrong), ..Answer::default() }),
        },
    };
    Ok(answer(facts, machine, &found))
}

fn answer(facts: &Facts, machine: &WorldMachine, found: &Instances) -> Answer {
    let shown = |(n, instance): (usize, &instances::Instance)| {
        let mut parts: Vec<(State, Dur)> = State::ALL
            .iter()
            .map(|state| (*state, instance.by_state.time(*state)))
            .filter(|(_, time)| time.0 > 0)
            .collect();
        parts.sort_by_key(|(state, _)| order(*state));
        let loss = instance.culprit.filter(|loss| loss.extra.0 > 0);
        Shown {
            number: n + 1,
            range: TimeRange::new(machine.to_ref(instance.begin), machine.to_ref(instance.end)),
            duration: instance.duration(),
            slow: instance.slow,
            parts,
            what: loss.map_or_else(String::new, |loss| what(facts, loss.state, &facts.world.names.text(loss.detail))),
            who: loss.and_then(|l| l.who).map_or_else(String::new, |who| facts.world.who_words(who, machine.id)),
            extra: loss.map_or(Dur(0), |l| l.extra),
        }
    };
    Answer {
        list: found.list.iter().enumerate().map(shown).collect(),
        period: found.period,
        lower_quartile: found.lower_quartile,
        sleep: found.kind.map_or_else(String::new, |kind| facts.world.names.text(kind).to_string()),
        wrong: None,
    }
}

/// The task's own work first, what held it up last.
fn order(state: State) -> u8 {
    match state {
        State::RunningUser | State::RunningSyscall | State::Guest => 0,
        State::Interrupted => 1,
        State::InHypervisor | State::Vmm | State::VmmUser => 2,
        State::WaitingCpu | State::WaitingFork => 3,
        State::PreemptedByHost | State::Preempted => 4,
        _ => 5,
    }
}

/// A loss in words.
fn what(_facts: &Facts, state: State, detail: &str) -> String {
    let words = match state {
        State::PreemptedByHost | State::Preempted => "the host took the vCPU",
        State::InHypervisor | State::Vmm | State::VmmUser => "the hypervisor worked",
        State::WaitingCpu | State::WaitingFork => "waited for a CPU",
        State::Interrupted => "interrupts",
        State::Blocked | State::WaitingUnknown => "slept",
        State::Unknown => "nothing is known",
        _ => "something else",
    };
    // Of stolen time the detail repeats who took it.
    if detail.is_empty() || matches!(state, State::PreemptedByHost | State::Preempted) {
        words.to_owned()
    } else {
        format!("{words}: {detail}")
    }
}

type Stretches = Vec<TimeRange<MachineNs>>;

/// The stretches between events that two expressions find, on the task's machine; or what is wrong with them.
fn marked(
    facts: &Facts,
    machine: &WorldMachine,
    marks: &Marks,
    cancel: &Cancel,
) -> Result<Result<Stretches, String>, Cancelled> {
    let parse = |text: &str, which: &str| -> Result<Matcher, String> {
        Filter::parse(text).map(|f| f.bind(&facts.base)).map_err(|error| format!("The {which} mark: {error}"))
    };
    let (begin, end) = match (parse(&marks.begin, "first"), parse(&marks.end, "last")) {
        (Ok(begin), Ok(end)) => (begin, end),
        (Err(wrong), _) | (_, Err(wrong)) => return Ok(Err(wrong)),
    };
    let name = |id: MachineId| facts.world.machine(id).map_or("", |machine| &machine.name);
    let found = |filter: &Matcher| -> Result<Vec<MachineNs>, Cancelled> {
        let search = Search::filter(&facts.events, filter, name, on_reference(facts.base.origin_ns));
        let mut all = search.instants(TimeRange::ALWAYS, cancel)?;
        Ok(all.get_mut(usize::from(machine.id.0)).map(std::mem::take).unwrap_or_default())
    };
    let (begins, ends) = (found(&begin)?, found(&end)?);
    if begins.is_empty() || ends.is_empty() {
        let which = if begins.is_empty() { "first" } else { "last" };
        return Ok(Err(format!("The {which} mark finds no event of {}", machine.name)));
    }
    Ok(Ok(instances::pair_marks(&begins, &ends)))
}

/// The recurring row that a selected row means: a guest's thread as it really was, where that is known.
pub fn row_meant(facts: &Facts, row: RowRef) -> Option<RowRef> {
    if !matches!(row.key.kind, RowKind::Thread | RowKind::VmThread) || row.key.id == 0 {
        return None;
    }
    let of = |kind: RowKind| RowRef { machine: row.machine, key: RowKey { kind, ..row.key } };
    [of(RowKind::VmThread), of(RowKind::Thread)].into_iter().find(|r| facts.world.row(r.machine, &r.key).is_some())
}

/// A row's name, with its machine where there are several.
pub fn task_words(facts: &Facts, row: RowRef) -> String {
    let name = facts
        .world
        .row(row.machine, &row.key)
        .map_or_else(|| format!("thread {}", row.key.id), |r| row_words(facts, r));
    machine_words(facts, row.machine, name)
}

fn machine_words(facts: &Facts, machine: MachineId, name: String) -> String {
    match facts.world.machine(machine) {
        Some(machine) if facts.world.machines.len() > 1 => format!("{name} in {}", machine.name),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint::fake;

    #[test]
    fn the_recurring_task_is_found_and_its_slow_instances_say_who() {
        let facts = fake::periodic();
        let never = Cancel::default();
        let found = candidates(&facts, &never).unwrap();
        assert_eq!(found[0].name, "critical 219");
        assert_eq!(found[0].row.key.kind, RowKind::VmThread);
        assert_eq!(found[0].how.period, Dur(10_000_000));
        let wanted = Wanted { row: found[0].row, slow_factor: 1.5, marks: None };
        let answer = instances(&facts, &wanted, &never).unwrap();
        assert_eq!(answer.lower_quartile, Dur(2_000_000));
        let slow: Vec<&Shown> = answer.list.iter().filter(|s| s.slow).collect();
        assert_eq!(slow.len(), 2, "{:?}", answer.list);
        assert_eq!(slow[0].duration, Dur(5_000_000));
        assert_eq!(
            (slow[0].what.as_str(), slow[0].who.as_str()),
            ("the host took the vCPU", "burner-b 300 in guest-b")
        );
        assert_eq!(slow[0].extra, Dur(3_000_000));
        assert_eq!(slow[0].parts, [(State::RunningUser, Dur(2_000_000)), (State::PreemptedByHost, Dur(3_000_000))]);
        let patient = Wanted { slow_factor: 3.0, ..wanted };
        assert_eq!(instances(&facts, &patient, &never).unwrap().list.iter().filter(|s| s.slow).count(), 0);
    }

    #[test]
    fn marks_that_are_wrong_say_so() {
        let facts = fake::periodic();
        let never = Cancel::default();
        let row = candidates(&facts, &never).unwrap()[0].row;
        let marks = |begin: &str| Some(Marks { begin: begin.to_owned(), end: "name == \"b\"".to_owned() });
        let ask =
            |begin: &str| instances(&facts, &Wanted { row, slow_factor: 1.5, marks: marks(begin) }, &never).unwrap();
        assert!(ask("name ==").wrong.is_some_and(|w| w.starts_with("The first mark: ")));
        assert_eq!(ask("name == \"a\"").wrong.as_deref(), Some("The first mark finds no event of guest-a"));
    }

    #[test]
    fn a_selected_thread_means_its_true_row() {
        let facts = fake::periodic();
        let thread = RowRef { machine: fake::A, key: RowKey::thread(stratoscope_core::vocab::Tid(219), 0) };
        assert_eq!(row_meant(&facts, thread).map(|r| r.key.kind), Some(RowKind::VmThread));
        let cpu = RowRef { machine: fake::A, key: RowKey::cpu(stratoscope_core::vocab::Cpu(0)) };
        assert_eq!(row_meant(&facts, cpu), None);
        assert_eq!(task_words(&facts, thread), "critical 219 in guest-a");
    }
}
