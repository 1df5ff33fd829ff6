//! What questions about several machines are asked of: their rows, their places on the common axis, and what is
//! known of virtual machines. Shared pointers only, so that a question to another thread carries all it needs.
//!
//! Window and sub-commands make one of the same snapshot and ask the same functions ([`super::instant`],
//! [`super::accounts`]), so that they cannot say different things.

use std::sync::Arc;

use crate::store::{Look, Row, StoreSnapshot};
use crate::sync::ClockMap;
use crate::vm::{Vcpu, Vm, VmView, Who};
use crate::vocab::{Dur, Interner, MachineId, MachineNs, RefNs, RowKey, Tid, TimeRange};

/// A machine's rows and its place on the common axis.
#[derive(Clone)]
pub struct WorldMachine {
    /// Its number.
    pub id: MachineId,
    /// Its name.
    pub name: Arc<str>,
    /// From its axis to the reference's.
    pub map: ClockMap,
    /// Nanoseconds since 1970 of its axis' zero.
    pub origin_ns: i128,
    /// First and last instant of its traces; as far as is known of one without packets.
    pub extent: TimeRange<MachineNs>,
    /// Rows and points.
    pub store: Arc<StoreSnapshot>,
    /// Where events were lost, on any CPU.
    pub lost: Arc<[TimeRange<MachineNs>]>,
}

/// All machines at one moment.
#[derive(Clone, Default)]
pub struct World {
    /// Machines, by number.
    pub machines: Vec<WorldMachine>,
    /// All names.
    pub names: Arc<Interner>,
    /// Virtual machines.
    pub vm: Option<Arc<VmView>>,
}

/// The instant on the reference axis that leads back to `t`: maps round down, and a step that lands one
/// nanosecond early would stand in the interval before.
pub fn to_ref(map: &ClockMap, t: MachineNs) -> RefNs {
    let at = map.to_ref(t);
    if map.from_ref(at) < t { at + Dur(1) } else { at }
}

/// The machine's instant that is meant by one of the common axis: the last that is not printed after `t`. (The first
/// of `from_ref` can be printed a nanosecond later, where the machine's clock is the slower one.)
pub fn instant_of(map: &ClockMap, t: RefNs) -> MachineNs {
    map.from_ref(t + Dur(1)) - Dur(1)
}

impl WorldMachine {
    /// An instant of its own on the common axis, so that going back leads to the same interval.
    pub fn to_ref(&self, t: MachineNs) -> RefNs {
        to_ref(&self.map, t)
    }

    /// A stretch of the common axis on its own.
    pub fn to_machine(&self, range: TimeRange<RefNs>) -> TimeRange<MachineNs> {
        TimeRange::new(self.map.from_ref(range.begin), self.map.from_ref(range.end))
    }

    /// An instant of the common axis as one of its own: [`instant_of`] its map.
    pub fn instant(&self, t: RefNs) -> MachineNs {
        instant_of(&self.map, t)
    }

    /// The row of a thread at an instant: the use of its id that is alive then, else the first.
    pub fn thread(&self, tid: Tid, t: MachineNs) -> Option<&Arc<Row>> {
        let mut found = None;
        for instance in 0.. {
            let Some(row) = self.store.find(&RowKey::thread(tid, instance)).and_then(|id| self.store.row(id)) else {
                break;
            };
            if found.is_some() && row.extent().is_none_or(|e| e.begin > t) {
                break;
            }
            found = Some(row);
        }
        found
    }
}

impl World {
    /// The machine of that number.
    pub fn machine(&self, id: MachineId) -> Option<&WorldMachine> {
        self.machines.get(usize::from(id.0))
    }

    /// The virtual machines, if there is at least one.
    pub fn vms(&self) -> &[Vm] {
        self.vm.as_ref().map_or(&[], |view| &view.model.vms)
    }

    /// A row of joined intervals, or of the machine's own where nothing was joined.
    pub fn row(&self, machine: MachineId, key: &RowKey) -> Option<&Arc<Row>> {
        let of = |store: &'_ Arc<StoreSnapshot>| store.find(key);
        if let Some(truth) = self.vm.as_ref().and_then(|view| view.truth(machine))
            && let Some(row) = of(truth).and_then(|id| truth.row(id))
        {
            return Some(row);
        }
        let store = &self.machine(machine)?.store;
        of(store).and_then(|id| store.row(id))
    }

    /// The row of a vCPU's states.
    pub fn vcpu_row(&self, vm: &Vm, vcpu: &Vcpu) -> Option<&Arc<Row>> {
        self.row(vm.host, &vcpu.key)
    }

    /// A thread in words: `bash 1234`.
    pub fn thread_words(&self, machine: MachineId, tid: Tid, t: MachineNs) -> String {
        if tid.0 == 0 {
            return "nobody".to_owned();
        }
        let name = self
            .machine(machine)
            .and_then(|m| m.thread(tid, t))
            .map(|row| self.names.text(row.name_at(t)))
            .filter(|name| !name.is_empty());
        name.map_or_else(|| format!("thread {}", tid.0), |name| format!("{name} {}", tid.0))
    }

    /// A task that had a CPU, in words; with its machine if that is not `from`.
    pub fn who_words(&self, who: Who, from: MachineId) -> String {
        let name = self.names.text(who.name);
        let task = match (who.tid.0, name.is_empty()) {
            (0, _) => "the idle task".to_owned(),
            (tid, true) => format!("thread {tid}"),
            (tid, false) => format!("{name} {tid}"),
        };
        match self.machine(who.machine) {
            Some(machine) if who.machine != from => format!("{task} in {}", machine.name),
            _ => task,
        }
    }

    /// Whom the number of a joined interval means.
    pub fn who_of(&self, look: Look) -> Option<Who> {
        if look.aux == Look::NO_AUX { None } else { self.vm.as_ref()?.who(look.aux) }
    }
}
