//! What an analysis can write. A trait, so that state machines are tested without a store.

use crate::vocab::{Cpu, Dur, MachineNs, Name, RowId, RowKey, State, SyncPoint, Tid};

/// What an interval looks like: its state and what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// State.
    pub state: State,
    /// What is known of it: the system call, the reason of a wait. [`Name::NONE`] if nothing.
    pub detail: Name,
    /// A number whose meaning depends on the row: for threads, the CPU (of the run queue, or on which it
    /// runs), [`Look::NO_AUX`] if unknown; for CPUs, the current thread's tid.
    pub aux: u32,
}

impl Look {
    /// No number.
    pub const NO_AUX: u32 = u32::MAX;

    /// A state of which nothing more is known.
    pub fn new(state: State) -> Self {
        Self { state, detail: Name::NONE, aux: Self::NO_AUX }
    }
}

/// From which context a wake-up came: what ran on the waker's CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum WakeContext {
    /// Unknown: the waker's CPU ran something that the trace does not tell.
    #[default]
    Unknown,
    /// The current thread itself, in process context.
    Task,
    /// A hardware interrupt's handler; `number` is the line.
    Irq,
    /// A softirq; `number` is its vector.
    Softirq,
    /// A high-resolution timer's function.
    Hrtimer,
    /// A low-resolution timer's function.
    Timer,
    /// An inter-processor interrupt or other vector; `number` is the vector.
    Vector,
    /// The receipt of a network packet.
    Network,
    /// The completion of a block request.
    Block,
}

/// A wake-up: who was woken by whom, from which context. A point, stored beside the rows in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakeup {
    /// When (`sched_waking` where it was recorded, else `sched_wakeup`).
    pub t: MachineNs,
    /// CPU of the waker.
    pub cpu: Cpu,
    /// CPU on whose run queue the woken thread goes.
    pub target_cpu: Cpu,
    /// Woken thread's row.
    pub woken: RowId,
    /// Row of the thread that was current on the waker's CPU, `None` while that is unknown.
    pub waker: Option<RowId>,
    /// What ran on top of it.
    pub context: WakeContext,
    /// Line, vector or softirq number of the context, −1 if it has none.
    pub number: i16,
}

/// A thread of the host asks for an interrupt of a VM: a device that it emulates is done. A point, stored beside
/// the rows in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise {
    /// When.
    pub t: MachineNs,
    /// The thread's row.
    pub thread: RowId,
    /// The VM's interrupt line, −1 for a message-signalled interrupt.
    pub line: i32,
}

/// A whole stay of a vCPU in the hypervisor, from an exit to the next entry. A point, stored beside the rows in
/// order of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmExit {
    /// When the guest went on (or the trace ended).
    pub t: MachineNs,
    /// How long ago the exit was recorded.
    pub total: Dur,
    /// How much of that time its thread was on no CPU.
    pub off_cpu: Dur,
    /// The vCPU's row.
    pub vcpu: RowId,
    /// Why, as the processor says it; the meaning depends on `isa`.
    pub reason: u32,
    /// 1 VMX, 2 SVM, 0 unknown.
    pub isa: u8,
    /// Whether the next entry was seen. If not, `total` is a lower bound.
    pub complete: bool,
}

impl VmExit {
    /// When the exit was recorded.
    pub fn begin(&self) -> MachineNs {
        self.t - self.total
    }
}

/// What an analysis of one machine writes to. Instants are that machine's own and never decrease by row.
pub trait Writer {
    /// The row of that key, made if it is new.
    fn row(&mut self, key: RowKey) -> RowId;

    /// From `t` on the row looks like `look` ([`State::None`]: it has no interval). Closes the open interval
    /// at `t`; an interval of length 0 leaves no trace; a `t` before the open interval's begin counts as that
    /// begin; an equal look continues the open interval.
    fn set(&mut self, row: RowId, t: MachineNs, look: Look);

    /// Replaces the detail of the row's open interval: a reason is often known only when the wait ends.
    fn amend(&mut self, row: RowId, detail: Name);

    /// The look of the row's open interval ([`State::None`] if there is none).
    fn look(&self, row: RowId) -> Look;

    /// From `t` on the row bears that name. An equal name changes nothing.
    fn rename(&mut self, row: RowId, t: MachineNs, name: Name);

    /// A thread's process (thread group leader) and its parent process, as far as known.
    fn relate(&mut self, row: RowId, process: Option<Tid>, parent: Option<Tid>);

    /// Adds a wake-up. `t` never decreases.
    fn wakeup(&mut self, wakeup: Wakeup);

    /// Adds one end of a message between machines. `t` never decreases.
    fn sync_point(&mut self, point: SyncPoint);

    /// Adds an interrupt that a device of a VM asks for. `t` never decreases.
    fn raise(&mut self, raise: Raise);

    /// Adds a stay in the hypervisor. `t` never decreases.
    fn exit(&mut self, exit: VmExit);
}
