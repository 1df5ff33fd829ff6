//! The kernel's state machine: from the merged events of one machine to the states of its threads, CPUs,
//! interrupt lines and softirqs.
//!
//! The states and most transitions are those of Trace Compass' kernel analysis (`KernelStateProvider` and its
//! handlers in `org.eclipse.tracecompass.analysis.os.linux.core`), so that numbers can be compared. It
//! differs where that analysis is known to be wrong or silent:
//!
//! * `prev_state` is read by the kernel's version: a preempted thread of a modern kernel waits for a CPU;
//! * a thread is interrupted as long as *any* interrupt or softirq runs on its CPU, and no longer;
//! * where events were lost, nothing is known of what that CPU did;
//! * the first switch on a CPU tells who had run there from its first event on;
//! * a thread that died has no state, and a tid that is used again is another thread;
//! * a wait that a wake-up ends is told its reason by the context of the waker.
//!
//! ```text
//!              switch in                      syscall entry
//!  waiting-cpu ─────────▶ running-user ⇄ running-syscall
//!    ▲   ▲ └──────────────────┤ ▲  any interrupt │ ▲
//!    │   │      preempted     ▼ │                ▼ │
//!    │   └─── wake-up ──── blocked │           interrupted
//!   fork                      └──▶ (dead: no state)
//! ```
//!
//! *Invariant:* a pure function of the events: no clock, no randomness, no iteration over hashed tables, so
//! the same trace gives the same rows in the same order whatever else runs beside it.

mod causes;
mod cpu;
mod interrupts;
mod prev_state;
mod sched;
mod statedump;
mod threads;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::store::{Look, WakeContext, Writer};
use crate::trace::Lost;
use crate::vocab::{
    Cpu, Event, EventKind, EventKinds, Interner, KernelEvent, MachineNs, Name, RowId, RowKey, State, Tid,
};

use self::causes::{Cause, Words};
use self::cpu::{CpuState, FrameKind, Mode};
use self::prev_state::PrevStates;
use self::threads::{ThreadIx, Threads, UNKNOWN_PRIO};

/// What the state machine must be told before the first event.
#[derive(Clone)]
pub struct KernelOptions {
    /// The kernel's release as `uname -r` prints it: it decides how `prev_state` is read. Without one, the
    /// values themselves tell an old kernel from a new one.
    pub kernel_release: Option<String>,
    /// The session's names: those of the events, and the words of the details.
    pub names: Arc<Interner>,
}

/// What is known of a thread at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its row.
    pub row: RowId,
    /// Which use of its tid it is.
    pub instance: u32,
    /// Its name.
    pub comm: Name,
    /// Its thread group leader, as far as an event told.
    pub process: Option<Tid>,
}

/// The state machine of one machine. Feed it that machine's events in order of time.
pub struct Kernel {
    demand: EventKinds,
    names: Arc<Interner>,
    words: Words,
    prev_states: PrevStates,
    threads: Threads,
    /// By number; `None` before a CPU's first event.
    cpus: Vec<Option<CpuState>>,
    /// Names of interrupt lines by a state dump.
    line_names: FxHashMap<i32, Name>,
    /// Whether scheduling is recorded yet. Sessions may record forks long before they enable switches and
    /// wake-ups; until then nobody can say whether a new thread waits, runs or sleeps.
    scheduling_seen: bool,
}

impl Kernel {
    /// A machine of which nothing is known yet.
    pub fn new(options: KernelOptions) -> Self {
        Self {
            demand: Self::demand(),
            words: Words::new(&options.names),
            prev_states: PrevStates::new(options.kernel_release.as_deref()),
            names: options.names,
            threads: Threads::new(),
            cpus: Vec::new(),
            line_names: FxHashMap::default(),
            scheduling_seen: false,
        }
    }

    /// The kinds of events that it wants to see. Others do not disturb it.
    pub fn demand() -> EventKinds {
        use EventKind::*;
        EventKinds::of(&[
            SchedSwitch,
            SchedWaking,
            SchedWakeup,
            SchedWakeupNew,
            SchedMigrate,
            Fork,
            Exec,
            Exit,
            Free,
            PiSetprio,
            SyscallEntry,
            SyscallExit,
            IrqEntry,
            IrqExit,
            VectorEntry,
            VectorExit,
            SoftirqRaise,
            SoftirqEntry,
            SoftirqExit,
            HrtimerExpireEntry,
            HrtimerExpireExit,
            TimerExpireEntry,
            TimerExpireExit,
            StatedumpProcess,
            StatedumpInterrupt,
            BlockComplete,
            NetReceive,
            NetHandleEntry,
            NetHandleExit,
        ])
    }

    /// The next event of the machine.
    pub fn event<W: Writer>(&mut self, event: &Event, out: &mut W) {
        if !self.demand.contains(event.body.kind()) {
            // Somebody else's: what it tells by the way must not make results depend on who else listens.
            return;
        }
        let t = event.t;
        // Events of an unknown CPU tell of threads, but not of what a CPU does.
        let cpu = self.enter(event, out);
        match event.body {
            KernelEvent::SchedSwitch { prev_tid, prev_comm, prev_prio, prev_state, next_tid, next_comm, next_prio } => {
                self.scheduling_seen = true;
                let Some(c) = cpu.filter(|_| prev_tid.0 >= 0 && next_tid.0 >= 0) else { return };
                self.switch_out(c, t, prev_tid, prev_comm, prev_prio, prev_state, out);
                self.switch_in(c, t, next_tid, next_comm, next_prio, out);
            }
            KernelEvent::SchedWaking { tid, comm, prio, target_cpu }
            | KernelEvent::SchedWakeup { tid, comm, prio, target_cpu }
            | KernelEvent::SchedWakeupNew { tid, comm, prio, target_cpu } => {
                self.scheduling_seen = true;
                self.wake(cpu, t, tid, comm, prio, target_cpu, out);
            }
            KernelEvent::SyscallEntry { name, .. } => self.syscall(cpu, t, Mode::Syscall(name), out),
            KernelEvent::SyscallExit { .. } => self.syscall(cpu, t, Mode::User, out),
            KernelEvent::IrqEntry { irq, name } => self.interrupt_entry(cpu, t, FrameKind::Irq, irq, name, out),
            KernelEvent::IrqExit { irq } => self.exit_frame(cpu, t, FrameKind::Irq, irq, out),
            KernelEvent::VectorEntry { vector, name } => {
                self.interrupt_entry(cpu, t, FrameKind::Vector, vector, name, out);
            }
            KernelEvent::VectorExit { vector } => self.exit_frame(cpu, t, FrameKind::Vector, vector, out),
            KernelEvent::SoftirqRaise { vec } => self.softirq_raise(cpu, t, vec, out),
            KernelEvent::SoftirqEntry { vec } => self.softirq_entry(cpu, t, vec, out),
            KernelEvent::SoftirqExit { vec } => self.exit_frame(cpu, t, FrameKind::Softirq, vec, out),
            KernelEvent::HrtimerExpireEntry { hrtimer } => self.timer_entry(cpu, t, FrameKind::Hrtimer, hrtimer, out),
            KernelEvent::HrtimerExpireExit { hrtimer } => {
                self.exit_frame(cpu, t, FrameKind::Hrtimer, short_address(hrtimer), out);
            }
            KernelEvent::TimerExpireEntry { timer } => self.timer_entry(cpu, t, FrameKind::Timer, timer, out),
            KernelEvent::TimerExpireExit { timer } => {
                self.exit_frame(cpu, t, FrameKind::Timer, short_address(timer), out);
            }
            KernelEvent::BlockComplete { .. } => self.note(cpu, Cause::Disk),
            KernelEvent::NetReceive { .. } => self.note(cpu, Cause::Network),
            KernelEvent::NetHandleEntry => self.packet_entry(cpu, t, out),
            KernelEvent::NetHandleExit => self.exit_frame(cpu, t, FrameKind::Packet, 0, out),
            KernelEvent::SchedMigrate { tid, dest_cpu, .. } => self.migrate(t, tid, dest_cpu, out),
            KernelEvent::Fork { parent_tid, parent_pid, child_tid, child_pid, child_comm } => {
                self.tell_current(cpu, t, parent_tid);
                self.fork(cpu, t, parent_tid, parent_pid, child_tid, child_pid, child_comm, out);
            }
            KernelEvent::Exec { tid, old_tid, filename } => {
                self.tell_current(cpu, t, tid);
                self.exec(cpu, t, tid, old_tid, filename, out);
            }
            KernelEvent::Exit { tid } => {
                self.tell_current(cpu, t, tid);
                self.exit(t, tid, out);
            }
            KernelEvent::Free { tid } => self.free(t, tid, out),
            KernelEvent::PiSetprio { tid, prio } => self.set_prio(tid, prio),
            KernelEvent::StatedumpProcess { tid, pid, ppid, comm, status, cpu, .. } => {
                self.statedump_process(t, tid, pid, ppid, comm, status, cpu, out);
            }
            KernelEvent::StatedumpInterrupt { irq, name } => {
                self.line_names.insert(irq, name);
            }
            _ => {}
        }
    }

    /// Events of `cpu` were lost: from the last one before the gap on, nobody knows what that CPU does.
    /// An unknown CPU stands for all of them.
    pub fn lost<W: Writer>(&mut self, cpu: Cpu, lost: &Lost, out: &mut W) {
        match cpu.known() {
            Some(n) => {
                self.make_cpu(usize::from(n), lost.range.begin, out);
                self.lost_on(usize::from(n), lost.range.begin, lost.range.end, out);
            }
            None => {
                for c in 0..self.cpus.len() {
                    if self.cpus[c].is_some() {
                        self.lost_on(c, lost.range.begin, lost.range.end, out);
                    }
                }
            }
        }
    }

    /// The trace ends: `end` is the first instant of which it says nothing. Every interval ends there.
    pub fn finish<W: Writer>(&mut self, end: MachineNs, out: &mut W) {
        let none = Look::new(State::None);
        for ix in self.threads.ids() {
            self.threads.set(ix, end, none, out);
        }
        for state in self.cpus.iter_mut().flatten() {
            for line in &state.lines {
                out.set(line.row, end, none);
            }
            for row in state.softirq_rows.iter().flatten() {
                out.set(*row, end, none);
            }
            out.set(state.row, end, none);
            state.look = none;
        }
    }

    /// Who runs on `cpu` now, after the event that was fed last: the idle task is tid 0.
    #[inline]
    pub fn current(&self, cpu: Cpu) -> Option<(Tid, RowId)> {
        let ix = self.cpu(cpu)?.current?;
        Some((self.threads[ix].tid, self.threads[ix].row))
    }

    /// What runs on top of the current thread of `cpu`, innermost, and its number (line, vector or softirq;
    /// −1 if it has none). [`WakeContext::Task`] is the current thread itself; the idle task wakes nobody, so
    /// with nothing on top of it the context is unknown: an interrupt that was not traced.
    pub fn context(&self, cpu: Cpu) -> (WakeContext, i16) {
        let Some(state) = self.cpu(cpu) else { return (WakeContext::Unknown, -1) };
        let Some(top) = state.stack.top() else {
            return match state.current {
                Some(ix) if !self.threads[ix].is_idle() => (WakeContext::Task, -1),
                _ => (WakeContext::Unknown, -1),
            };
        };
        let number = i16::try_from(top.number).unwrap_or(-1);
        match (top.did, top.kind) {
            (Cause::Network, FrameKind::Irq | FrameKind::Vector | FrameKind::Softirq) => (WakeContext::Network, number),
            (Cause::Disk, FrameKind::Irq | FrameKind::Vector | FrameKind::Softirq) => (WakeContext::Block, number),
            (_, FrameKind::Irq) => (WakeContext::Irq, number),
            (_, FrameKind::Vector) => (WakeContext::Vector, number),
            (_, FrameKind::Softirq) => (WakeContext::Softirq, number),
            (_, FrameKind::Hrtimer) => (WakeContext::Hrtimer, -1),
            (_, FrameKind::Timer) => (WakeContext::Timer, -1),
            (_, FrameKind::Packet) => (WakeContext::Network, -1),
        }
    }

    /// The row of the thread that bears `tid` now, or bore it last. Idle tasks have [`Kernel::idle_row`].
    #[inline]
    pub fn thread_row(&self, tid: Tid) -> Option<RowId> {
        self.threads.find(tid).map(|ix| self.threads[ix].row)
    }

    /// Who bears `tid` now, or bore it last.
    pub fn task(&self, tid: Tid) -> Option<Task> {
        let thread = &self.threads[self.threads.find(tid)?];
        Some(Task { row: thread.row, instance: thread.instance, comm: thread.comm, process: thread.process })
    }

    /// The row of the idle task of `cpu`, once it was seen.
    pub fn idle_row(&self, cpu: Cpu) -> Option<RowId> {
        Some(self.threads[self.cpu(cpu)?.idle?].row)
    }

    /// The priority that the thread of `tid` has now, on the kernel's scale (100 + what LTTng prints).
    pub fn priority(&self, tid: Tid) -> Option<i16> {
        let prio = self.threads[self.threads.find(tid)?].prio;
        (prio != UNKNOWN_PRIO).then_some(prio)
    }

    fn cpu(&self, cpu: Cpu) -> Option<&CpuState> {
        self.cpus.get(usize::from(cpu.0))?.as_ref()
    }

    /// The CPU of an event, made known and with its current thread corrected; `None` if the trace does not
    /// say which.
    #[inline]
    fn enter<W: Writer>(&mut self, event: &Event, out: &mut W) -> Option<usize> {
        let c = usize::from(event.cpu.known()?);
        if !matches!(self.cpus.get(c), Some(Some(_))) {
            self.make_cpu(c, event.t, out);
        }
        if event.context_tid.0 >= 0 {
            self.correct_current(c, event, out);
        }
        Some(c)
    }

    fn tell_current(&mut self, cpu: Option<usize>, t: MachineNs, tid: Tid) {
        if let Some(state) = cpu.and_then(|c| self.cpus[c].as_mut()).filter(|_| tid.0 > 0) {
            state.tell_current(t, tid);
        }
    }

    #[cold]
    fn make_cpu<W: Writer>(&mut self, c: usize, t: MachineNs, out: &mut W) {
        if self.cpus.len() <= c {
            self.cpus.resize_with(c + 1, || None);
        }
        if self.cpus[c].is_none() {
            let row = out.row(RowKey::cpu(number(c)));
            self.cpus[c] = Some(CpuState::new(row, t));
            self.refresh(c, t, out);
        }
    }

    /// Writes what the CPU and its current thread look like now, if that has changed.
    fn refresh<W: Writer>(&mut self, c: usize, t: MachineNs, out: &mut W) {
        let Some(state) = self.cpus[c].as_mut() else { return };
        let mut look = Look { state: State::Unknown, detail: Name::NONE, aux: Look::NO_AUX };
        if let Some(ix) = state.current {
            let thread = &self.threads[ix];
            let mut own = Look { state: State::RunningUser, detail: Name::NONE, aux: c as u32 };
            look.aux = thread.tid.0 as u32;
            if thread.is_idle() {
                look.state = State::Idle;
            } else if thread.mode_unknown {
                own.state = State::Unknown;
                own.detail = self.words.running;
            } else if !thread.syscall.is_none() {
                own.state = State::RunningSyscall;
                own.detail = thread.syscall;
                look.state = State::Syscall;
                look.detail = thread.syscall;
            } else {
                look.state = State::User;
            }
            if state.stack.in_irq() || state.stack.in_softirq() {
                own.state = State::Interrupted;
                own.detail = Name::NONE;
            }
            self.threads.set(ix, t, own, out);
        } else {
            match state.mode {
                Mode::Unknown => {}
                Mode::User => look.state = State::User,
                Mode::Syscall(name) => {
                    look.state = State::Syscall;
                    look.detail = name;
                }
            }
        }
        // A hardware interrupt outshines a softirq, wherever in the stack it lies.
        if let Some(frame) = state.stack.in_irq().then(|| state.stack.irq()).flatten() {
            look.state = State::Irq;
            look.detail = state.lines.get(usize::from(frame.line)).map_or(Name::NONE, |line| line.name);
        } else if let Some(frame) = state.stack.in_softirq().then(|| state.stack.softirq()).flatten() {
            look.state = State::Softirq;
            look.detail = self.words.softirqs.get(frame.number as usize).copied().unwrap_or(Name::NONE);
        }
        if state.look != look {
            state.look = look;
            out.set(state.row, t, look);
        }
    }

    /// A context field says who runs: right the model where losses made it wrong.
    #[inline]
    fn correct_current<W: Writer>(&mut self, c: usize, event: &Event, out: &mut W) {
        let known = self.cpus[c].as_ref().map(|state| state.current_tid);
        // A switch says itself who runs; and a program may be executed under another tid than before.
        let tells = !matches!(event.body, KernelEvent::SchedSwitch { .. } | KernelEvent::Exec { .. });
        if known != Some(event.context_tid) && tells {
            self.replace_current(c, event.t, event.context_tid, out);
        }
    }

    #[cold]
    fn replace_current<W: Writer>(&mut self, c: usize, t: MachineNs, tid: Tid, out: &mut W) {
        let since = self.cpus[c].as_ref().and_then(|state| state.ran_since(tid));
        self.dismiss_current(c, t, out);
        let mode = self.cpus[c].as_ref().map_or(Mode::Unknown, |state| state.mode);
        let ix = self.bearer_on(c, tid, out);
        self.take_from_other(c, t, ix, out);
        let thread = &mut self.threads[ix];
        thread.on = number(c);
        match mode {
            Mode::Unknown => thread.mode_unknown = true,
            Mode::User => thread.syscall = Name::NONE,
            Mode::Syscall(name) => thread.syscall = name,
        }
        if let Some(since) = since {
            let look = Look { state: State::Unknown, detail: self.words.running, aux: c as u32 };
            self.threads.set(ix, since, look, out);
        }
        if let Some(state) = self.cpus[c].as_mut() {
            state.current = Some(ix);
            state.current_tid = tid;
            state.same_since = None;
        }
        self.refresh(c, t, out);
    }

    /// The current thread of the CPU turns out not to run there: nobody knows what it does.
    fn dismiss_current<W: Writer>(&mut self, c: usize, t: MachineNs, out: &mut W) {
        let Some(state) = self.cpus[c].as_mut() else { return };
        let Some(ix) = state.current else { return };
        state.forget_current(None);
        let idle = self.threads[ix].is_idle();
        let thread = &mut self.threads[ix];
        thread.on = Cpu::UNKNOWN;
        let state = if idle { State::WaitingCpu } else { State::WaitingUnknown };
        self.threads.set(ix, t, Look::new(state), out);
    }

    /// If another CPU believes that it runs this thread, that CPU is wrong from now on.
    #[inline]
    fn take_from_other<W: Writer>(&mut self, c: usize, t: MachineNs, ix: ThreadIx, out: &mut W) {
        let on = self.threads[ix].on;
        if on == Cpu::UNKNOWN || usize::from(on.0) == c {
            return;
        }
        self.threads[ix].on = Cpu::UNKNOWN;
        if let Some(Some(other)) = self.cpus.get_mut(usize::from(on.0)) {
            other.forget_current(None);
            other.taken = Some(ix);
        }
        self.refresh(usize::from(on.0), t, out);
    }

    /// The thread of a tid as this CPU means it: tid 0 is its own idle task.
    #[inline]
    fn bearer_on<W: Writer>(&mut self, c: usize, tid: Tid, out: &mut W) -> ThreadIx {
        if tid.0 != 0 {
            return self.threads.bearer(tid, out);
        }
        if let Some(ix) = self.cpus[c].as_ref().and_then(|state| state.idle) {
            return ix;
        }
        let ix = self.threads.add_idle(number(c), out);
        if let Some(state) = self.cpus[c].as_mut() {
            state.idle = Some(ix);
        }
        ix
    }

    #[cold]
    fn lost_on<W: Writer>(&mut self, c: usize, begin: MachineNs, end: MachineNs, out: &mut W) {
        self.cut_stack(c, begin, 0, out);
        let Some(state) = self.cpus[c].as_mut() else { return };
        state.raised = 0;
        state.taken = None;
        for row in state.softirq_rows.iter().flatten() {
            out.set(*row, begin, Look::new(State::None));
        }
        let current = state.current;
        state.forget_current(Some(end));
        if let Some(ix) = current {
            let thread = &mut self.threads[ix];
            thread.on = Cpu::UNKNOWN;
            thread.syscall = Name::NONE;
            thread.mode_unknown = false;
            self.threads.set(ix, begin, Look::new(State::Unknown), out);
        }
        self.refresh(c, begin, out);
    }
}

fn number(c: usize) -> Cpu {
    Cpu(u16::try_from(c).unwrap_or(u16::MAX))
}

/// Enough of a timer's address to tell it from the few others that can be active on one CPU.
fn short_address(address: u64) -> i32 {
    (address ^ (address >> 32)) as i32
}
