//! What a halted vCPU waited for, as far as the host can tell.
//!
//! The rules are those of Nemati and Dagenais ("Virtual CPU state detection and execution flow analysis by
//! host tracing", 2016): the vector that is injected after the wake-up tells it, and which vector is a disk's
//! or a network's is learned from who delivered it: QEMU's main thread or a `vhost` thread. Two rules come
//! first, because they need no vector: a wake-up out of a timer's function is the emulated local timer's, and
//! one by another vCPU of the same VM is an inter-processor interrupt.

use rustc_hash::FxHashMap;

use crate::kernel::{Kernel, Task};
use crate::store::WakeContext;
use crate::vcpu::VcpuThread;
use crate::vocab::{Cpu, Interner, Name, Tid};

/// Vectors of the local timer in Linux guests: 0xef until 4.15, 0xee for a while, 0xec since.
const TIMER_VECTORS: [u32; 3] = [0xec, 0xee, 0xef];
/// Vectors of inter-processor interrupts in Linux guests: call function single, call function, reschedule.
const TASK_VECTORS: [u32; 3] = [0xfb, 0xfc, 0xfd];

/// What a vCPU waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Unknown,
    Timer,
    Disk,
    Network,
    Task,
}

/// What is learned of VMs' interrupts.
pub(super) struct Waits {
    words: [Name; 5],
    /// By process and vector.
    devices: FxHashMap<(Tid, u32), Reason>,
    names: std::sync::Arc<Interner>,
}

impl Waits {
    pub(super) fn new(names: &std::sync::Arc<Interner>) -> Self {
        let words = ["unknown", "timer", "disk", "network", "task"].map(|word| names.intern(word));
        Self { words, devices: FxHashMap::default(), names: std::sync::Arc::clone(names) }
    }

    pub(super) fn word(&self, reason: Reason) -> Name {
        self.words[reason as usize]
    }

    /// What a vector means inside the VM of `process`.
    pub(super) fn of_vector(&self, process: Option<Tid>, vector: u32) -> Reason {
        if TIMER_VECTORS.contains(&vector) {
            Reason::Timer
        } else if TASK_VECTORS.contains(&vector) {
            Reason::Task
        } else {
            process.and_then(|p| self.devices.get(&(p, vector))).copied().unwrap_or(Reason::Unknown)
        }
    }

    /// An interrupt is delivered by the thread `tid`, which is a vCPU or not: a device's thread tells the
    /// device's kind.
    pub(super) fn accepted(&mut self, tid: Tid, task: Option<Task>, by_vcpu: bool, vector: u32) {
        let Some(task) = task.filter(|_| !by_vcpu) else { return };
        let comm = self.names.text(task.comm);
        if let Some(pid) = comm.strip_prefix("vhost-").and_then(|rest| rest.parse().ok()) {
            self.devices.insert((Tid(pid), vector), Reason::Network);
        } else if task.process == Some(tid) && !TIMER_VECTORS.contains(&vector) {
            self.devices.entry((tid, vector)).or_insert(Reason::Disk);
        }
    }

    /// What the waker on `cpu` tells. `by_vcpu`: it is a vCPU, of that process.
    pub(super) fn of_waker(
        &self,
        woken: &VcpuThread,
        cpu: Cpu,
        by_vcpu: Option<Option<Tid>>,
        kernel: &Kernel,
    ) -> Reason {
        match kernel.context(cpu).0 {
            WakeContext::Hrtimer | WakeContext::Timer => Reason::Timer,
            WakeContext::Task => match by_vcpu {
                Some(process) if process.is_some() && process == woken.process => Reason::Task,
                Some(_) => Reason::Unknown,
                None => {
                    let waker = kernel.current(cpu).and_then(|(tid, _)| kernel.task(tid));
                    let vhost = waker.is_some_and(|task| self.names.text(task.comm).starts_with("vhost-"));
                    if vhost { Reason::Network } else { Reason::Unknown }
                }
            },
            _ => Reason::Unknown,
        }
    }
}
