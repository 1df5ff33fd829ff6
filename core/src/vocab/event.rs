//! Typed kernel events: what analyses see of a trace, whatever tracer wrote it.
//!
//! A format's `bind` file translates names and fields of its event classes into these, once per trace; from
//! there on nobody sees a field's name or a byte. Fields hold the tracer's value in the kernel's own
//! vocabulary: tids (never "pids"), priorities on the kernel's scale (100 + what LTTng prints), unknown = −1.

use crate::vocab::{Cpu, MachineNs, Name, Tid};

/// One event of one CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When, on its machine's clock.
    pub t: MachineNs,
    /// The CPU that recorded it.
    pub cpu: Cpu,
    /// The thread that ran, where the trace carries it as a context of every event (−1: it does not).
    pub context_tid: Tid,
    /// What happened.
    pub body: KernelEvent,
}

/// Which table of system calls a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallAbi {
    /// The machine's own.
    Native,
    /// 32-bit calls on a 64-bit machine.
    Compat,
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* })?;)*) => {
        /// What happened. Fields are what analyses need, not all that was recorded.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum KernelEvent {
            $($(#[$doc])* $name $({ $($(#[$fdoc])* $field: $ty,)* })?,)*
        }

        /// The kinds of [`KernelEvent`]: what an analysis can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$name,)*];

            /// The name of the variant.
            pub fn name(self) -> &'static str {
                match self { $(EventKind::$name => stringify!($name),)* }
            }
        }

        impl KernelEvent {
            /// Its kind.
            pub fn kind(&self) -> EventKind {
                match self { $(KernelEvent::$name { .. } => EventKind::$name,)* }
            }
        }
    };
}

events! {
    /// A CPU changes from one thread to another.
    SchedSwitch {
        /// Thread that leaves.
        prev_tid: Tid,
        /// Its name.
        prev_comm: Name,
        /// Its priority, kernel scale.
        prev_prio: i16,
        /// Its `prev_state` as recorded; the meaning depends on the kernel's version.
        prev_state: i32,
        /// Thread that comes.
        next_tid: Tid,
        /// Its name.
        next_comm: Name,
        /// Its priority, kernel scale.
        next_prio: i16,
    };
    /// A wake-up begins, in the context of the waker (`sched_waking`).
    SchedWaking {
        /// Thread to be woken.
        tid: Tid,
        /// Its name.
        comm: Name,
        /// Its priority, kernel scale.
        prio: i16,
        /// CPU on whose run queue it will be put.
        target_cpu: Cpu,
    };
    /// A thread became runnable (`sched_wakeup`).
    SchedWakeup {
        /// Woken thread.
        tid: Tid,
        /// Its name.
        comm: Name,
        /// Its priority, kernel scale.
        prio: i16,
        /// CPU of its run queue.
        target_cpu: Cpu,
    };
    /// A new thread became runnable for the first time (`sched_wakeup_new`).
    SchedWakeupNew {
        /// The new thread.
        tid: Tid,
        /// Its name.
        comm: Name,
        /// Its priority, kernel scale.
        prio: i16,
        /// CPU of its run queue.
        target_cpu: Cpu,
    };
    /// A thread moves to another run queue.
    SchedMigrate {
        /// The thread.
        tid: Tid,
        /// From which CPU.
        orig_cpu: Cpu,
        /// To which CPU.
        dest_cpu: Cpu,
    };
    /// A thread is created.
    Fork {
        /// Creating thread.
        parent_tid: Tid,
        /// Its thread group leader, −1 if the tracer does not say.
        parent_pid: Tid,
        /// New thread.
        child_tid: Tid,
        /// Its thread group leader, −1 if the tracer does not say.
        child_pid: Tid,
        /// Its name.
        child_comm: Name,
    };
    /// A thread executes another program.
    Exec {
        /// The thread, afterwards.
        tid: Tid,
        /// Its id before: differs when a thread that is not the leader executes.
        old_tid: Tid,
        /// Path of the program.
        filename: Name,
    };
    /// A thread exits (it still runs until it is switched out for the last time).
    Exit {
        /// The thread.
        tid: Tid,
    };
    /// A thread's last trace is gone; its id may be used again.
    Free {
        /// The thread.
        tid: Tid,
    };
    /// A thread's priority is changed by priority inheritance.
    PiSetprio {
        /// The thread.
        tid: Tid,
        /// New priority, kernel scale.
        prio: i16,
    };
    /// The current thread enters a system call.
    SyscallEntry {
        /// Name without prefix, such as `read`.
        name: Name,
        /// Table.
        abi: SyscallAbi,
    };
    /// The current thread leaves a system call.
    SyscallExit {
        /// Name without prefix, empty if the tracer does not say.
        name: Name,
        /// Returned value.
        ret: i64,
    };
    /// A hardware interrupt's handler begins.
    IrqEntry {
        /// Line.
        irq: i32,
        /// Name of the action.
        name: Name,
    };
    /// A hardware interrupt's handler ends.
    IrqExit {
        /// Line.
        irq: i32,
    };
    /// An interrupt that is no line begins: local timer, reschedule, call function (`x86_irq_vectors_*`).
    VectorEntry {
        /// Vector.
        vector: i32,
        /// The tracer's name of the kind, such as `local_timer`.
        name: Name,
    };
    /// An interrupt that is no line ends.
    VectorExit {
        /// Vector.
        vector: i32,
    };
    /// A softirq is asked for.
    SoftirqRaise {
        /// Vector.
        vec: i32,
    };
    /// A softirq's handler begins.
    SoftirqEntry {
        /// Vector.
        vec: i32,
    };
    /// A softirq's handler ends.
    SoftirqExit {
        /// Vector.
        vec: i32,
    };
    /// A high-resolution timer is armed.
    HrtimerStart {
        /// Address of the timer.
        hrtimer: u64,
        /// When it shall expire, monotonic nanoseconds.
        expires: i64,
    };
    /// A high-resolution timer is disarmed.
    HrtimerCancel {
        /// Address of the timer.
        hrtimer: u64,
    };
    /// A high-resolution timer's function begins.
    HrtimerExpireEntry {
        /// Address of the timer.
        hrtimer: u64,
    };
    /// A high-resolution timer's function ends.
    HrtimerExpireExit {
        /// Address of the timer.
        hrtimer: u64,
    };
    /// A low-resolution timer's function begins.
    TimerExpireEntry {
        /// Address of the timer.
        timer: u64,
    };
    /// A low-resolution timer's function ends.
    TimerExpireExit {
        /// Address of the timer.
        timer: u64,
    };
    /// A CPU enters or leaves an idle state.
    CpuIdle {
        /// The CPU.
        cpu: Cpu,
        /// Number of the state; −1 at its end.
        state: i32,
    };
    /// A CPU's frequency changes.
    CpuFrequency {
        /// The CPU.
        cpu: Cpu,
        /// New frequency in kHz.
        khz: u32,
    };
    /// A state dump tells of a thread.
    StatedumpProcess {
        /// The thread.
        tid: Tid,
        /// Its thread group leader.
        pid: Tid,
        /// Its parent process.
        ppid: Tid,
        /// Its name.
        comm: Name,
        /// LTTng's number of its status.
        status: u8,
        /// 0 user thread, 1 kernel thread.
        kernel_thread: bool,
        /// CPU it was last on.
        cpu: Cpu,
    };
    /// A state dump tells an interrupt's action.
    StatedumpInterrupt {
        /// Line.
        irq: i32,
        /// Name of the action.
        name: Name,
    };
    /// A state dump begins.
    StatedumpStart;
    /// A state dump ends.
    StatedumpEnd;
    /// A block request is given to the device.
    BlockIssue {
        /// Device number.
        dev: u32,
        /// First sector.
        sector: u64,
        /// Number of sectors.
        sectors: u32,
    };
    /// A block request is complete.
    BlockComplete {
        /// Device number.
        dev: u32,
        /// First sector.
        sector: u64,
        /// Number of sectors.
        sectors: u32,
    };
    /// A packet is given to a network device.
    NetSend {
        /// What identifies the packet on both sides.
        packet: PacketKey,
    };
    /// A packet arrives from a network device.
    NetReceive {
        /// What identifies the packet on both sides.
        packet: PacketKey,
    };
    /// The kernel begins to hand a packet upwards, in whatever context.
    NetHandleEntry;
    /// The kernel has handed a packet upwards.
    NetHandleExit;
    /// The host enters a guest on this thread.
    KvmEntry {
        /// The recorded number; garbage in LTTng's event on kernels since 5.x.
        vcpu: u32,
    };
    /// The guest exits to the host on this thread.
    KvmExit {
        /// The recorded reason.
        reason: u32,
        /// 1 VMX, 2 SVM, 0 unknown.
        isa: u8,
        /// Number of the vCPU, −1 unknown.
        vcpu: i32,
    };
    /// The hypervisor leaves to user space.
    KvmUserspaceExit {
        /// `KVM_EXIT_*`.
        reason: u32,
    };
    /// A guest's hypercall, seen by the host.
    KvmHypercall {
        /// Number.
        nr: u64,
        /// First argument.
        a0: u64,
        /// Second argument.
        a1: u64,
    };
    /// A device of a VM, emulated by the thread that runs, asks for an interrupt or takes that back.
    KvmRaiseIrq {
        /// Line, −1 for a message-signalled interrupt.
        line: i32,
        /// 0: taken back.
        level: u32,
    };
    /// The hypervisor injects an interrupt.
    KvmInjectVirq {
        /// Vector.
        vector: u32,
    };
    /// An interrupt is delivered to a vCPU's APIC.
    KvmApicAccept {
        /// APIC id: the vCPU.
        apic_id: u32,
        /// Vector.
        vector: u32,
    };
    /// The hypervisor sets the difference of a guest's time stamp counter.
    KvmWriteTscOffset {
        /// Number of the vCPU.
        vcpu: u32,
        /// Offset before, two's complement.
        previous: u64,
        /// Offset now, two's complement.
        next: u64,
    };
    /// A synchronisation event of the vmsync protocol.
    Vmsync {
        /// Counter.
        count: u32,
        /// Identity of the VM.
        vm_uid: u64,
        /// Which of the four events it is.
        step: VmsyncStep,
    };
    /// A text that a program wrote into the trace.
    Text {
        /// The text.
        text: Name,
    };
}

/// The four steps of the vmsync protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmsyncStep {
    /// Guest to host, recorded by the guest.
    GuestToHostGuest,
    /// Guest to host, recorded by the host.
    GuestToHostHost,
    /// Host to guest, recorded by the host.
    HostToGuestHost,
    /// Host to guest, recorded by the guest.
    HostToGuestGuest,
}

/// What identifies a TCP packet on both sides (after Poirier et al., as Trace Compass' synchronisation uses it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketKey {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledged number.
    pub ack: u32,
    /// Checksum.
    pub check: u16,
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub dest: u16,
    /// Data offset and flags, as the header has them.
    pub flags: u16,
}

/// A set of kinds of events: what a pass must decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKinds(pub u64);

impl EventKinds {
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);

    /// Exactly these kinds.
    pub fn of(kinds: &[EventKind]) -> Self {
        Self(kinds.iter().fold(0, |bits, k| bits | 1 << (*k as u8)))
    }

    /// Whether `kind` is in the set.
    pub fn contains(self, kind: EventKind) -> bool {
        self.0 & 1 << (kind as u8) != 0
    }

    /// Kinds that are in either set.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_fit_and_events_are_small() {
        assert!(EventKind::ALL.len() <= 64);
        assert!(size_of::<Event>() <= 48, "{}", size_of::<Event>());
    }
}
