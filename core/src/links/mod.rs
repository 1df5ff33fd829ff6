//! Points that link one row to another: who woke whom, and from where; and which thread of a host emulated the
//! device that interrupts its VM.
//!
//! A wake-up has up to two events. `sched_waking` is recorded by the waker, in its own context; `sched_wakeup`
//! follows when the thread is on a run queue, and with remote wake-up queues it is recorded on the *woken*
//! thread's CPU, inside an inter-processor interrupt, where the real waker cannot be seen any more
//! (`ttwu_queue_wakelist` in `kernel/sched/core.c`). So, as in Trace Compass' execution graph, `sched_waking`
//! counts where a trace has it, and `sched_wakeup` of the same wake-up does not.

mod messages;

pub use messages::Messages;

use crate::kernel::Kernel;
use crate::store::{Raise, WakeContext, Wakeup, Writer};
use crate::vocab::{Cpu, Event, EventKind, EventKinds, KernelEvent, MachineNs, RowId, Tid};

/// What must be told before the first event.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinksOptions {
    /// Whether the trace has `sched_waking`; if it is not known beforehand, the first one tells.
    pub has_waking: Option<bool>,
}

/// Collects the wake-ups and raised interrupts of one machine. Feed it each event *after* the [`Kernel`] of that machine.
pub struct Links {
    has_waking: bool,
    /// Threads by row: a `sched_waking` was seen, its `sched_wakeup` not yet.
    begun: Vec<u64>,
    last: MachineNs,
}

impl Links {
    /// No wake-up yet.
    pub fn new(options: LinksOptions) -> Self {
        Self { has_waking: options.has_waking.unwrap_or(false), begun: Vec::new(), last: MachineNs::MIN }
    }

    /// The kinds of events that it wants to see, beside [`Kernel::demand`].
    pub fn demand() -> EventKinds {
        use EventKind::*;
        EventKinds::of(&[SchedSwitch, SchedWaking, SchedWakeup, SchedWakeupNew, KvmRaiseIrq])
    }

    /// The next event of the machine; `kernel` has seen it already.
    pub fn event<W: Writer>(&mut self, event: &Event, kernel: &Kernel, out: &mut W) {
        match event.body {
            KernelEvent::SchedWaking { tid, target_cpu, .. } => {
                self.has_waking = true;
                if let Some(woken) = woken_row(kernel, tid, target_cpu) {
                    self.set_begun(woken, true);
                    self.add(event, target_cpu, woken, kernel, true, out);
                }
            }
            KernelEvent::SchedWakeup { tid, target_cpu, .. } => {
                if let Some(woken) = woken_row(kernel, tid, target_cpu)
                    && !self.set_begun(woken, false)
                {
                    // Every wake-up begins with `sched_waking`: where traces have it, this one was lost, and
                    // with it the waker.
                    self.add(event, target_cpu, woken, kernel, !self.has_waking, out);
                }
            }
            KernelEvent::SchedWakeupNew { tid, target_cpu, .. } => {
                if let Some(woken) = woken_row(kernel, tid, target_cpu) {
                    self.set_begun(woken, false);
                    self.add(event, target_cpu, woken, kernel, true, out);
                }
            }
            // Of what an interrupt's handler raises (a passed-through device), nobody is the cause.
            KernelEvent::KvmRaiseIrq { line, level } if level != 0 => {
                if let (WakeContext::Task, Some((_, thread))) = (kernel.context(event.cpu).0, kernel.current(event.cpu))
                {
                    self.last = self.last.max(event.t);
                    out.raise(Raise { t: self.last, thread, line });
                }
            }
            // It runs, so its wake-up is over, whether its second event was recorded or not.
            KernelEvent::SchedSwitch { .. } => {
                if let Some((_, row)) = kernel.current(event.cpu) {
                    self.set_begun(row, false);
                }
            }
            _ => {}
        }
    }

    fn add<W: Writer>(
        &mut self,
        event: &Event,
        target_cpu: Cpu,
        woken: RowId,
        kernel: &Kernel,
        waker_seen: bool,
        out: &mut W,
    ) {
        self.last = self.last.max(event.t);
        let (context, number) = if waker_seen { kernel.context(event.cpu) } else { (WakeContext::Unknown, -1) };
        let waker = kernel.current(event.cpu).filter(|_| waker_seen).map(|(_, row)| row);
        out.wakeup(Wakeup { t: self.last, cpu: event.cpu, target_cpu, woken, waker, context, number });
    }

    /// Notes whether a wake-up of that thread has begun, and tells whether one had.
    #[inline]
    fn set_begun(&mut self, row: RowId, begun: bool) -> bool {
        let (word, bit) = (row.0 as usize / 64, 1u64 << (row.0 % 64));
        if word >= self.begun.len() {
            if !begun {
                return false;
            }
            self.begun.resize(word + 1, 0);
        }
        let was = self.begun[word] & bit != 0;
        if begun {
            self.begun[word] |= bit;
        } else {
            self.begun[word] &= !bit;
        }
        was
    }
}

/// The row of the woken thread: an idle task is that of the CPU it is woken on.
fn woken_row(kernel: &Kernel, tid: Tid, target_cpu: Cpu) -> Option<RowId> {
    if tid.0 == 0 { kernel.idle_row(target_cpu) } else { kernel.thread_row(tid) }
}
