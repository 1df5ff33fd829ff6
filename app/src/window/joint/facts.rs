//! What panes compute from besides rows: the machines' stores, what is known of virtual machines, and how
//! clocks were put on one axis. Shared pointers only, so that a question to a background thread carries all it
//! needs.

use std::sync::Arc;

use stratoscope_core::index::EventTable;
use stratoscope_core::query::time::TimeBase;
use stratoscope_core::store::{Look, Row, StoreSnapshot};
use stratoscope_core::sync::{ClockMap, Solution};
use stratoscope_core::vm::{Vcpu, Vm, VmView, Who};
use stratoscope_core::vocab::{Interner, MachineId, MachineNs, RefNs, RowKey, Tid, TimeRange};

use crate::window::navigate;

/// A machine's store and its place on the common axis.
#[derive(Clone)]
pub struct FactMachine {
    /// Its number.
    pub id: MachineId,
    /// Its name.
    pub name: Arc<str>,
    /// From its axis to the reference's.
    pub map: ClockMap,
    /// Nanoseconds since 1970 of its axis' zero.
    pub origin_ns: i128,
    /// Rows and points.
    pub store: Arc<StoreSnapshot>,
}

/// All that is known of a session at one moment.
#[derive(Clone)]
pub struct Facts {
    /// Changes with every change of the rest; a scene may change more often, while rows slide.
    pub version: u64,
    /// Machines, by number.
    pub machines: Vec<FactMachine>,
    /// All names.
    pub names: Arc<Interner>,
    /// Virtual machines.
    pub vm: Option<Arc<VmView>>,
    /// The machine whose clock is the axis.
    pub reference: MachineId,
    /// How the machines' clocks relate.
    pub sync: Option<Arc<Solution>>,
    /// All events.
    pub events: EventTable,
    /// What instants in filters mean.
    pub base: TimeBase,
    /// First and last instant of all machines.
    pub extent: Option<TimeRange<RefNs>>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            version: 0,
            machines: Vec::new(),
            names: Arc::default(),
            vm: None,
            reference: MachineId(0),
            sync: None,
            events: EventTable::default(),
            base: TimeBase::default(),
            extent: None,
        }
    }
}

impl FactMachine {
    /// An instant of its own on the common axis, so that going back leads to the same interval.
    pub fn to_ref(&self, t: MachineNs) -> RefNs {
        navigate::to_ref(&self.map, t)
    }

    /// A stretch of the common axis on its own.
    pub fn to_machine(&self, range: TimeRange<RefNs>) -> TimeRange<MachineNs> {
        TimeRange::new(self.map.from_ref(range.begin), self.map.from_ref(range.end))
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

impl Facts {
    /// The machine of that number.
    pub fn machine(&self, id: MachineId) -> Option<&FactMachine> {
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
