//! Identities: machines, traces, streams, CPUs, threads, rows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A machine of the session, by its position in the session's list of machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MachineId(pub u16);

/// A trace of the session, by its position in the session's list of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceId(pub u16);

/// A stream of one trace, by its position in that trace's list of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId(pub u32);

/// A thread id as the kernel prints it (`task_struct.pid`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tid(pub i32);

/// A logical CPU of one machine, or [`Cpu::UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cpu(pub u16);

impl Cpu {
    /// The trace does not say which CPU.
    pub const UNKNOWN: Self = Self(u16::MAX);

    /// The number, unless it is unknown.
    pub fn known(self) -> Option<u16> {
        (self != Self::UNKNOWN).then_some(self.0)
    }
}

/// A row of one session's store: dense, in order of creation, and valid only within one machine's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(pub u32);

/// What a row of intervals is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowKind {
    /// A thread of the machine; `id` is its tid. The idle task of CPU n is tid 0 with `cpu` n.
    Thread,
    /// A logical CPU; `id` and `cpu` are its number.
    Cpu,
    /// A hardware interrupt line or vector on one CPU; `id` is its number.
    Irq,
    /// A softirq vector on one CPU; `id` is its number.
    Softirq,
    /// A virtual CPU, seen from the host: `id` is the host thread's tid.
    Vcpu,
    /// A thread of a guest as it really was: what the guest believed, cut by what the host knows; `id` is the
    /// guest's tid.
    VmThread,
    /// A physical CPU with whatever runs on it, be it a task inside a VM; `id` and `cpu` are its number.
    PhysicalCpu,
}

impl RowKind {
    /// The name of the command line's contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Cpu => "cpu",
            Self::Irq => "irq",
            Self::Softirq => "softirq",
            Self::Vcpu => "vcpu",
            Self::VmThread => "vm-thread",
            Self::PhysicalCpu => "physical-cpu",
        }
    }
}

/// The lasting name of a row. Session-wide it goes together with a [`MachineId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKey {
    /// What the row is about.
    pub kind: RowKind,
    /// Thread id, CPU number, IRQ line or softirq vector, as [`RowKind`] says.
    pub id: i32,
    /// The CPU it belongs to: CPU, IRQ and softirq rows and idle tasks; unknown for other threads.
    pub cpu: Cpu,
    /// Which use of a recycled tid this is, counted from 0 within the trace.
    pub instance: u32,
}

impl RowKey {
    /// The row of a thread that is not an idle task.
    pub fn thread(tid: Tid, instance: u32) -> Self {
        Self { kind: RowKind::Thread, id: tid.0, cpu: Cpu::UNKNOWN, instance }
    }

    /// The row of the idle task of `cpu`.
    pub fn idle(cpu: Cpu) -> Self {
        Self { kind: RowKind::Thread, id: 0, cpu, instance: 0 }
    }

    /// The row of a CPU.
    pub fn cpu(cpu: Cpu) -> Self {
        Self { kind: RowKind::Cpu, id: i32::from(cpu.0), cpu, instance: 0 }
    }

    /// The row of a vCPU: of the host thread `tid`.
    pub fn vcpu(tid: Tid, instance: u32) -> Self {
        Self { kind: RowKind::Vcpu, id: tid.0, cpu: Cpu::UNKNOWN, instance }
    }

    /// The row of an interrupt on one CPU.
    pub fn irq(irq: i32, cpu: Cpu) -> Self {
        Self { kind: RowKind::Irq, id: irq, cpu, instance: 0 }
    }

    /// The row of a softirq vector on one CPU.
    pub fn softirq(vec: i32, cpu: Cpu) -> Self {
        Self { kind: RowKind::Softirq, id: vec, cpu, instance: 0 }
    }

    /// Whether this is the idle task of some CPU.
    pub fn is_idle_task(&self) -> bool {
        self.kind == RowKind::Thread && self.id == 0
    }
}

impl fmt::Display for RowKey {
    /// The `id` of the command line's contract: `1234`, `0/3`, `cpu0`, `14@cpu0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RowKind::Thread | RowKind::VmThread if self.id == 0 => write!(f, "0/{}", self.cpu.0),
            RowKind::Thread | RowKind::Vcpu | RowKind::VmThread => write!(f, "{}", self.id),
            RowKind::Cpu | RowKind::PhysicalCpu => write!(f, "cpu{}", self.id),
            RowKind::Irq | RowKind::Softirq => write!(f, "{}@cpu{}", self.id, self.cpu.0),
        }
    }
}
