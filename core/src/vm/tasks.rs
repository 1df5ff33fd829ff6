//! What a guest's tasks believe that they ran, and what became of that time.
//!
//! A guest charges a task for all time between its switches in and out. The joined rows say what of it was
//! real, what the hypervisor needed, what the host gave to others, and what nobody knows; the four add up to
//! what the guest perceived, exactly. Rates and pictures over time are not here: rows answer those themselves.

use rustc_hash::FxHashMap;

use crate::store::{Interval, Row, StoreSnapshot};
use crate::vm::view::{VmView, Who};
use crate::vocab::{
    Cancel, Cancelled, Dur, Interner, MachineId, MachineNs, Name, RowId, RowKey, RowKind, State, Tid, TimeRange,
};

/// What became of a task's time within a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTimes {
    /// Its joined row, in the guest's truth.
    pub row: RowId,
    /// That row's key.
    pub key: RowKey,
    /// Its last name.
    pub name: Name,
    /// It ran, interrupts on top of it included.
    pub real: Dur,
    /// It believed so, while the hypervisor worked.
    pub hypervisor: Dur,
    /// It believed so, while the host had given its vCPU's processor to somebody else.
    pub stolen: Dur,
    /// It believed so, and the host's trace does not tell.
    pub unknown: Dur,
    /// Who ran in the stolen time, the one who had most of it first; `None`: nobody knows. Adds up to `stolen`.
    pub stolen_by: Vec<(Option<Who>, Dur)>,
}

impl TaskTimes {
    /// What the guest's own trace says it ran.
    pub fn perceived(&self) -> Dur {
        self.real + self.hypervisor + self.stolen + self.unknown
    }

    /// Its tid in the guest.
    pub fn tid(&self) -> Tid {
        Tid(self.key.id)
    }
}

/// States of a thread in which its kernel charges it.
pub(super) fn charges(state: State) -> bool {
    matches!(state, State::RunningUser | State::RunningSyscall | State::Interrupted)
}

/// The tasks of a guest that believe to have run within `range` of its own time, idle tasks left out: those
/// from which most was stolen first. `own` are the guest's rows without any host.
///
/// Takes time in proportion to the intervals in which somebody had to do without, and none for other rows.
///
/// # Errors
/// Somebody cancelled.
pub fn tasks(
    view: &VmView,
    guest: MachineId,
    own: &StoreSnapshot,
    range: TimeRange<MachineNs>,
    names: &Interner,
    cancel: &Cancel,
) -> Result<Vec<TaskTimes>, Cancelled> {
    let Some(truth) = view.truth(guest) else { return Ok(Vec::new()) };
    // The kernel's word for a thread that has a CPU in a mode that nobody knows.
    let running = names.intern("running");
    let mut tasks = Vec::new();
    for row in truth.rows().filter(|r| r.key().kind == RowKind::VmThread && r.key().id != 0) {
        cancel.check()?;
        let task = Account { view, own, range, running }.of(row);
        if task.perceived() > Dur(0) {
            tasks.push(task);
        }
    }
    tasks.sort_by_key(|t| std::cmp::Reverse((t.stolen, t.perceived(), std::cmp::Reverse(t.key))));
    Ok(tasks)
}

struct Account<'a> {
    view: &'a VmView,
    own: &'a StoreSnapshot,
    range: TimeRange<MachineNs>,
    running: Name,
}

impl Account<'_> {
    fn of(&self, row: &Row) -> TaskTimes {
        let sums = row.sums(self.range);
        let mut task = TaskTimes {
            row: row.id(),
            key: row.key(),
            name: row.name(),
            real: sums.time(State::RunningUser) + sums.time(State::RunningSyscall) + sums.time(State::Interrupted),
            hypervisor: sums.time(State::InHypervisor),
            stolen: sums.time(State::PreemptedByHost),
            unknown: Dur(0),
            stolen_by: Vec::new(),
        };
        if task.stolen == Dur(0) && sums.time(State::Unknown) == Dur(0) {
            return task;
        }
        let mut shares: Shares = Shares::default();
        for interval in row.intervals(self.range) {
            match interval.look.state {
                State::PreemptedByHost => {
                    shares.add(self.view.who(interval.look.aux), clipped(&interval, self.range).length());
                }
                State::Unknown => task.unknown = task.unknown + self.believed(row.key(), &interval),
                _ => {}
            }
        }
        task.stolen_by = shares.sorted();
        task
    }

    /// How much of an unknown interval the guest itself believed that its thread ran.
    fn believed(&self, key: RowKey, interval: &Interval) -> Dur {
        let stretch = clipped(interval, self.range);
        let own = self.own.find(&RowKey { kind: RowKind::Thread, ..key }).and_then(|id| self.own.row(id));
        let Some(own) = own else { return Dur(0) };
        own.intervals(stretch)
            .filter(|i| charges(i.look.state) || i.look.state == State::Unknown && i.look.detail == self.running)
            .fold(Dur(0), |sum, i| sum + clipped(&i, stretch).length())
    }
}

/// The part of an interval that lies in `range`.
pub(super) fn clipped(interval: &Interval, range: TimeRange<MachineNs>) -> TimeRange<MachineNs> {
    TimeRange::new(interval.begin.max(range.begin), interval.end.min(range.end))
}

/// Time by who had it.
#[derive(Default)]
struct Shares {
    list: Vec<(Option<Who>, Dur)>,
    numbers: FxHashMap<Option<Who>, usize>,
}

impl Shares {
    fn add(&mut self, who: Option<Who>, time: Dur) {
        let number = *self.numbers.entry(who).or_insert_with(|| {
            self.list.push((who, Dur(0)));
            self.list.len() - 1
        });
        self.list[number].1 = self.list[number].1 + time;
    }

    /// Most time first; among equals by machine and tid, since names' numbers differ from run to run. A task that
    /// changed its name is one task, under the name that it bore longest.
    fn sorted(mut self) -> Vec<(Option<Who>, Dur)> {
        let task = |who: &Option<Who>| who.map(|w| (w.machine, w.tid));
        let order = |list: &mut Vec<(Option<Who>, Dur)>| {
            list.sort_by_key(|(who, time)| (std::cmp::Reverse(*time), task(who)));
        };
        order(&mut self.list);
        let mut merged: Vec<(Option<Who>, Dur)> = Vec::with_capacity(self.list.len());
        for (who, time) in self.list {
            match merged.iter_mut().find(|m| task(&m.0) == task(&who)) {
                Some(known) => known.1 = known.1 + time,
                None => merged.push((who, time)),
            }
        }
        order(&mut merged);
        merged
    }
}
