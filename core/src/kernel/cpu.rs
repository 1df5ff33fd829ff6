//! What is known of one CPU: who runs on it, and what runs on top.
//!
//! On top of the current thread there is a stack: hardware interrupts, vectors, softirqs, and inside those
//! the functions of timers. The kernel nests them strictly (a softirq may be interrupted, not the other way
//! round), so an exit also ends whatever is above its entry: those exits were lost.

use super::causes::Cause;
use super::threads::ThreadIx;
use crate::store::Look;
use crate::vocab::{MachineNs, Name, RowId, Tid};

/// What can run on top of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// The handler of a hardware interrupt; the number is its line.
    Irq,
    /// An interrupt that is no line; the number is its vector.
    Vector,
    /// A softirq; the number is its vector.
    Softirq,
    /// The function of a high-resolution timer; the number is of its address.
    Hrtimer,
    /// The function of a low-resolution timer; the number is of its address.
    Timer,
    /// A packet is handed upwards, in a softirq or in a thread; no number.
    Packet,
}

/// One thing that runs on top.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// What was done in it: a packet received, a block request completed.
    pub(super) did: Cause,
    pub(super) number: i32,
    /// Interrupts: the position of their line in [`CpuState::lines`].
    pub(super) line: u16,
}

const DEPTH: usize = 12;

/// What runs on top of the current thread, innermost last.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    frames: [Frame; DEPTH],
    len: u8,
    irqs: u8,
    softirqs: u8,
}

impl Stack {
    fn new() -> Self {
        let none = Frame { kind: FrameKind::Timer, did: Cause::Unknown, number: 0, line: 0 };
        Self { frames: [none; DEPTH], len: 0, irqs: 0, softirqs: 0 }
    }

    /// All of it, innermost last.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames[..usize::from(self.len)]
    }

    /// The innermost.
    #[inline]
    pub(super) fn top(&self) -> Option<&Frame> {
        self.frames().last()
    }

    /// The innermost, to note what is done in it.
    pub(super) fn top_mut(&mut self) -> Option<&mut Frame> {
        self.frames[..usize::from(self.len)].last_mut()
    }

    /// Whether nothing can be put on top.
    pub(super) fn is_full(&self) -> bool {
        usize::from(self.len) == DEPTH
    }

    /// Whether a hardware interrupt or vector is in it.
    #[inline]
    pub(super) fn in_irq(&self) -> bool {
        self.irqs > 0
    }

    /// Whether a softirq is in it.
    #[inline]
    pub(super) fn in_softirq(&self) -> bool {
        self.softirqs > 0
    }

    /// The innermost hardware interrupt or vector.
    pub(super) fn irq(&self) -> Option<&Frame> {
        self.frames().iter().rev().find(|f| f.is_irq())
    }

    /// The innermost softirq.
    pub(super) fn softirq(&self) -> Option<&Frame> {
        self.frames().iter().rev().find(|f| f.kind == FrameKind::Softirq)
    }

    /// How deep the innermost frame of that kind and number lies.
    #[inline]
    pub(super) fn find(&self, kind: FrameKind, number: i32) -> Option<usize> {
        self.frames().iter().rposition(|f| f.kind == kind && f.number == number)
    }

    /// Puts one on top. The stack must not be full.
    #[inline]
    pub(super) fn push(&mut self, frame: Frame) {
        self.irqs += u8::from(frame.is_irq());
        self.softirqs += u8::from(frame.kind == FrameKind::Softirq);
        self.frames[usize::from(self.len)] = frame;
        self.len += 1;
    }

    /// Takes the innermost off.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = *self.top()?;
        self.len -= 1;
        self.irqs -= u8::from(frame.is_irq());
        self.softirqs -= u8::from(frame.kind == FrameKind::Softirq);
        Some(frame)
    }
}

impl Frame {
    /// Whether it is a hardware interrupt or vector.
    pub(super) fn is_irq(&self) -> bool {
        matches!(self.kind, FrameKind::Irq | FrameKind::Vector)
    }
}

/// An interrupt line or vector of one CPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) number: i32,
    pub(super) row: RowId,
    /// The action that was last seen on it: lines may be shared.
    pub(super) name: Name,
    /// What waits it ends, by that name.
    pub(super) cause: Cause,
}

/// What the current thread does while it is not known who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Unknown,
    User,
    Syscall(Name),
}

/// How many softirq vectors a trace may have (Linux: 10).
pub(super) const SOFTIRQS: usize = 32;

/// What is known of one CPU now.
#[derive(Clone, Debug)]
pub(super) struct CpuState {
    pub(super) row: RowId,
    /// As written last.
    pub(super) look: Look,
    pub(super) current: Option<ThreadIx>,
    /// The current thread's id, −1 while it is unknown.
    pub(super) current_tid: Tid,
    /// While nobody is known to be current: since when it has been the same thread, so that the next switch
    /// tells who it was. `None` if it may have changed.
    pub(super) same_since: Option<MachineNs>,
    /// While nobody is known to be current: who was the last time that an event named it by the way.
    pub(super) told: Option<Tid>,
    /// While nobody is known to be current: what it does.
    pub(super) mode: Mode,
    /// The thread that another CPU took from here without a switch here.
    pub(super) taken: Option<ThreadIx>,
    pub(super) idle: Option<ThreadIx>,
    pub(super) stack: Stack,
    /// Softirqs that were asked for and did not begin since.
    pub(super) raised: u32,
    pub(super) softirq_rows: [Option<RowId>; SOFTIRQS],
    pub(super) lines: Vec<Line>,
}

impl CpuState {
    /// A CPU of which the first event is at `t`.
    pub(super) fn new(row: RowId, t: MachineNs) -> Self {
        Self {
            row,
            look: Look::new(Default::default()),
            current: None,
            current_tid: Tid(-1),
            same_since: Some(t),
            told: None,
            mode: Mode::Unknown,
            taken: None,
            idle: None,
            stack: Stack::new(),
            raised: 0,
            softirq_rows: [None; SOFTIRQS],
            lines: Vec::new(),
        }
    }

    /// Nobody knows any more who is current; `same_since` as the field says.
    pub(super) fn forget_current(&mut self, same_since: Option<MachineNs>) {
        self.current = None;
        self.current_tid = Tid(-1);
        self.same_since = same_since;
        self.told = None;
        self.mode = Mode::Unknown;
    }

    /// An event names the current thread by the way: forks, executions and exits happen in their thread. Where
    /// it is another than the time before, switches are not recorded yet (tracers are told to record one kind
    /// of event after the other), so the last one counts only since now.
    pub(super) fn tell_current(&mut self, t: MachineNs, tid: Tid) {
        if self.current.is_none() && self.told != Some(tid) {
            if self.told.is_some() {
                self.same_since = Some(t);
                self.mode = Mode::Unknown;
            }
            self.told = Some(tid);
        }
    }

    /// Since when `tid`, which is seen to leave the CPU, has run on it: known only of an unbroken stretch.
    pub(super) fn ran_since(&self, tid: Tid) -> Option<MachineNs> {
        self.same_since.filter(|_| self.current.is_none() && self.told.is_none_or(|told| told == tid))
    }
}
