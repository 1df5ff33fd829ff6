//! What a session knows of its virtual machines at one moment: immutable, shared by all panes of a frame.

use std::ops::Add;
use std::sync::Arc;

use crate::store::{StateSums, StoreSnapshot};
use crate::sync::ClockMap;
use crate::vm::model::{Vcpu, Vm, VmModel};
use crate::vocab::{Dur, MachineId, MachineNs, Name, RowId, State, Tid, TimeRange};

/// A task, or the lack of one, that had a CPU: who is to blame when somebody else had to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    /// On which machine: of a task inside a VM, the guest.
    pub machine: MachineId,
    /// Its thread there; 0 is the idle task.
    pub tid: Tid,
    /// Its name.
    pub name: Name,
}

/// The virtual machines of a session: the model, and the rows that only several machines together tell.
///
/// `truth` holds, by machine, a store of joined rows in that machine's own time:
/// * of a host, a row [`crate::vocab::RowKind::Vcpu`] a vCPU ([`State::Guest`] with what the guest did as its detail, and
///   [`State::Preempted`]/[`State::WaitingCpu`] cut by who ran instead) and a row
///   [`crate::vocab::RowKind::PhysicalCpu`] a CPU with whatever runs on it, also inside VMs;
/// * of a guest, a row [`crate::vocab::RowKind::VmThread`] a thread: its own states, cut where the host had
///   taken the vCPU ([`State::PreemptedByHost`]) or worked for it ([`State::InHypervisor`]).
///
/// In joined rows `Look::aux` is a position in [`VmView::who`] for `Guest`, `Preempted`, `WaitingCpu`,
/// `PreemptedByHost` and all states of physical CPUs (`Look::NO_AUX`: nobody knows), else the CPU.
#[derive(Clone, Default)]
pub struct VmView {
    /// Who is whose guest.
    pub model: VmModel,
    /// The maps with which the rows were joined, by machine.
    pub maps: Vec<ClockMap>,
    /// Joined rows, by machine; `None` for one that takes no part.
    pub truth: Vec<Option<Arc<StoreSnapshot>>>,
    /// Whom joined rows speak of.
    pub who: Arc<[Who]>,
    /// From when on a vCPU's state is known: the default begin of its account. By VM, then vCPU.
    pub known_from: Vec<Vec<MachineNs>>,
    /// What cannot be shown, why, and what to record instead: one sentence or two each.
    pub notes: Vec<String>,
}

/// How long a vCPU was in each state. The seven add up to the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VcpuTimes {
    /// In non-root mode.
    pub guest: Dur,
    /// In the hypervisor, in the host's kernel.
    pub vmm: Dur,
    /// In the hypervisor's user space.
    pub vmm_user: Dur,
    /// Taken off its CPU while it wanted to run.
    pub preempted: Dur,
    /// Woken, and not on a CPU yet.
    pub waiting_cpu: Dur,
    /// Asleep after HLT.
    pub halted: Dur,
    /// Nothing is known.
    pub unknown: Dur,
}

impl Add for VcpuTimes {
    type Output = Self;
    /// Two accounts together: of the vCPUs of one VM, say.
    fn add(self, other: Self) -> Self {
        Self {
            guest: self.guest + other.guest,
            vmm: self.vmm + other.vmm,
            vmm_user: self.vmm_user + other.vmm_user,
            preempted: self.preempted + other.preempted,
            waiting_cpu: self.waiting_cpu + other.waiting_cpu,
            halted: self.halted + other.halted,
            unknown: self.unknown + other.unknown,
        }
    }
}

impl VcpuTimes {
    /// The times of a row within a range; what no interval covers is unknown.
    pub fn of(sums: &StateSums, range: Dur) -> Self {
        let mut times = Self {
            guest: sums.time(State::Guest),
            vmm: sums.time(State::Vmm),
            vmm_user: sums.time(State::VmmUser),
            preempted: sums.time(State::Preempted),
            waiting_cpu: sums.time(State::WaitingCpu),
            halted: sums.time(State::Halted),
            unknown: Dur(0),
        };
        times.unknown = range - times.total();
        times
    }

    /// All seven.
    pub fn total(&self) -> Dur {
        self.guest + self.vmm + self.vmm_user + self.preempted + self.waiting_cpu + self.halted + self.unknown
    }

    /// Time in which it wanted to run and did not get a CPU.
    pub fn stolen(&self) -> Dur {
        self.preempted + self.waiting_cpu
    }

    /// Stolen time as a share of all.
    pub fn steal(&self) -> f64 {
        let total = self.total().0;
        if total > 0 { self.stolen().0 as f64 / total as f64 } else { 0.0 }
    }

    /// Time in the hypervisor as a share of the time in which the vCPU had a CPU.
    pub fn overhead(&self) -> f64 {
        let vmm = (self.vmm + self.vmm_user).0;
        let run = vmm + self.guest.0;
        if run > 0 { vmm as f64 / run as f64 } else { 0.0 }
    }
}

impl VmView {
    /// The joined rows of a machine.
    pub fn truth(&self, machine: MachineId) -> Option<&Arc<StoreSnapshot>> {
        self.truth.get(usize::from(machine.0))?.as_ref()
    }

    /// Who is meant by the `aux` of a joined row.
    pub fn who(&self, aux: u32) -> Option<Who> {
        self.who.get(aux as usize).copied()
    }

    /// The joined row of a vCPU, in its host's truth.
    pub fn vcpu_row(&self, vm: &Vm, vcpu: &Vcpu) -> Option<RowId> {
        self.truth(vm.host)?.find(&vcpu.key)
    }

    /// The account of a vCPU within a range of its host's time.
    pub fn vcpu_times(&self, vm: &Vm, vcpu: &Vcpu, range: TimeRange<MachineNs>) -> VcpuTimes {
        let row = self.vcpu_row(vm, vcpu).and_then(|id| self.truth(vm.host)?.row(id));
        VcpuTimes::of(&row.map(|r| r.sums(range)).unwrap_or_default(), range.length())
    }
}
