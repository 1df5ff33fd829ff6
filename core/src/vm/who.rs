//! Who is meant by a thread id at an instant: tasks get numbers and texts, each once.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::store::{Look, StoreSnapshot};
use crate::vm::model::VmModel;
use crate::vm::view::Who;
use crate::vocab::{Interner, MachineId, MachineNs, Name, RowKind, Tid};

/// A use of a thread id: until when, and who it was.
type Use = (MachineNs, u32);

/// Every task of every machine, numbered in the order of machines and rows.
pub(super) struct WhoTable {
    who: Vec<Who>,
    texts: Vec<Name>,
    /// By machine.
    uses: Vec<FxHashMap<Tid, Uses>>,
}

/// Who bore a thread id, one after the other.
enum Uses {
    /// Mostly only one did, under one name.
    One(u32),
    Several(Vec<Use>),
}

impl Uses {
    fn new(uses: Vec<Use>) -> Self {
        match *uses.as_slice() {
            [(_, who)] => Self::One(who),
            _ => Self::Several(uses),
        }
    }
}

impl WhoTable {
    /// The table of those machines' threads.
    pub(super) fn new(names: &Interner, stores: &[(MachineId, &str, Arc<StoreSnapshot>)], model: &VmModel) -> Self {
        let (unnamed, idle) = (names.intern("(no name)"), names.intern("idle"));
        // QEMU gives the threads of all VMs the same names: vCPUs are called by their VM.
        let mut vcpus = FxHashMap::default();
        for vm in &model.vms {
            for vcpu in &vm.vcpus {
                vcpus.insert((vm.host, vcpu.tid), names.intern(&format!("{}: vCPU {}", vm.name, vcpu.number)));
            }
        }
        let mut table = Self { who: Vec::new(), texts: Vec::new(), uses: Vec::new() };
        let mut known: FxHashMap<Who, u32> = FxHashMap::default();
        for (machine, on, store) in stores {
            let mut number = |table: &mut Self, tid: Tid, name: Name| {
                *known.entry(Who { machine: *machine, tid, name }).or_insert_with(|| {
                    let text = match vcpus.get(&(*machine, tid)) {
                        Some(vcpu) => *vcpu,
                        None => names.intern(&format!("{on}: {}", names.text(name))),
                    };
                    table.who.push(Who { machine: *machine, tid, name });
                    table.texts.push(text);
                    u32::try_from(table.who.len() - 1).unwrap_or(Look::NO_AUX)
                })
            };
            let own = number(&mut table, Tid(0), idle);
            let mut of_machine: FxHashMap<Tid, Vec<Use>> = FxHashMap::default();
            of_machine.insert(Tid(0), vec![(MachineNs::MAX, own)]);
            for row in store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task()) {
                let tid = Tid(row.key().id);
                let end = row.extent().map_or(MachineNs::MIN, |e| e.end);
                let mut uses = Vec::new();
                if row.names().is_empty() {
                    uses.push((end, number(&mut table, tid, unnamed)));
                }
                for (n, (_, name)) in row.names().iter().enumerate() {
                    let until = row.names().get(n + 1).map_or(end, |next| next.0);
                    uses.push((until, number(&mut table, tid, *name)));
                }
                // Rows of one tid come in the order of its uses.
                of_machine.entry(tid).or_default().extend(uses);
            }
            let at = usize::from(machine.0);
            if table.uses.len() <= at {
                table.uses.resize_with(at + 1, FxHashMap::default);
            }
            table.uses[at] = of_machine.into_iter().map(|(tid, uses)| (tid, Uses::new(uses))).collect();
        }
        table
    }

    /// The number of the task of `tid` on a machine at an instant of that machine; [`Look::NO_AUX`] if no event
    /// ever told of it.
    #[inline]
    pub(super) fn find(&self, machine: MachineId, tid: Tid, t: MachineNs) -> u32 {
        self.find_at(machine, tid, || t)
    }

    /// [`WhoTable::find`] for an instant that is only worked out where it matters.
    #[inline]
    pub(super) fn find_at(&self, machine: MachineId, tid: Tid, t: impl FnOnce() -> MachineNs) -> u32 {
        match self.uses.get(usize::from(machine.0)).and_then(|uses| uses.get(&tid)) {
            Some(Uses::One(who)) => *who,
            Some(Uses::Several(uses)) => {
                let t = t();
                // The use that contains `t`, else the last one.
                let n = uses.partition_point(|(until, _)| *until <= t).min(uses.len().saturating_sub(1));
                uses.get(n).map_or(Look::NO_AUX, |u| u.1)
            }
            None => Look::NO_AUX,
        }
    }

    /// The number of the task of `tid` if it is the same at all instants.
    #[inline]
    pub(super) fn always(&self, machine: MachineId, tid: Tid) -> Option<u32> {
        match self.uses.get(usize::from(machine.0)).and_then(|uses| uses.get(&tid)) {
            Some(Uses::One(who)) => Some(*who),
            Some(Uses::Several(_)) => None,
            None => Some(Look::NO_AUX),
        }
    }

    /// All tasks, by number.
    pub(super) fn into_all(self) -> Arc<[Who]> {
        self.who.into()
    }

    /// What to call the task of that number: `guest-b: burner-b`, `host: sshd`; a vCPU's thread `guest-b: vCPU 0`.
    #[inline]
    pub(super) fn text(&self, who: u32) -> Name {
        self.texts.get(who as usize).copied().unwrap_or(Name::NONE)
    }
}
