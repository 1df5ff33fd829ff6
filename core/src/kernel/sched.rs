//! Switches, wake-ups, and the lives of threads.

use crate::store::{Look, Writer};
use crate::vocab::{Cpu, MachineNs, Name, State, Tid};

use super::cpu::Mode;
use super::prev_state::Leaves;
use super::threads::{Life, ThreadIx};
use super::{Kernel, number};

/// How much of a program's name a task bears (`TASK_COMM_LEN` − 1).
const COMM_BYTES: usize = 15;

impl Kernel {
    /// The first half of a switch: who leaves the CPU, and what becomes of it.
    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    pub(super) fn switch_out<W: Writer>(
        &mut self,
        c: usize,
        t: MachineNs,
        tid: Tid,
        comm: Name,
        prio: i16,
        prev_state: i32,
        out: &mut W,
    ) {
        // No interrupt or softirq ends with another thread on the CPU: exits were lost.
        self.cut_stack(c, t, 0, out);
        let known = self.cpus[c].as_ref().filter(|state| state.current_tid == tid).and_then(|state| state.current);
        let ix = match known {
            Some(ix) => ix,
            None => self.bearer_on(c, tid, out),
        };
        let Some(state) = self.cpus[c].as_mut() else { return };
        let was_taken = state.taken.take() == Some(ix);
        if state.current != Some(ix) {
            let (since, mode) = (state.ran_since(tid), state.mode);
            self.dismiss_current(c, t, out);
            if was_taken && self.threads[ix].on != Cpu::UNKNOWN {
                // Another CPU has switched to it a moment ago, by clocks that differ a little: that is later.
                return;
            }
            self.take_from_other(c, t, ix, out);
            if let Some(since) = since {
                self.reveal(c, since, ix, comm, mode, out);
            }
        }
        self.threads.name(ix, t, comm, out);
        let thread = &mut self.threads[ix];
        thread.on = Cpu::UNKNOWN;
        thread.mode_unknown = false;
        thread.prio = prio;
        let waiting = Look { state: State::WaitingCpu, detail: Name::NONE, aux: c as u32 };
        let blocked = |detail| Look { state: State::Blocked, detail, aux: Look::NO_AUX };
        let look = if thread.is_idle() {
            waiting
        } else {
            match self.prev_states.decode(prev_state, thread.life == Life::Exiting) {
                Leaves::Runnable => waiting,
                Leaves::Asleep => blocked(Name::NONE),
                Leaves::Stopped => blocked(self.words.stopped),
                Leaves::Traced => blocked(self.words.traced),
                Leaves::Parked => blocked(self.words.parked),
                Leaves::Dead => {
                    thread.life = Life::Dead;
                    Look::new(State::None)
                }
                Leaves::Unknown => Look::new(State::WaitingUnknown),
            }
        };
        self.threads.set(ix, t, look, out);
    }

    /// A switch tells who had run since `since`, without telling how.
    #[cold]
    fn reveal<W: Writer>(&mut self, c: usize, since: MachineNs, ix: ThreadIx, comm: Name, mode: Mode, out: &mut W) {
        let past = Look { state: State::Unknown, detail: self.words.running, aux: c as u32 };
        self.threads.set(ix, since, past, out);
        if self.threads[ix].comm.is_none() {
            self.threads.name(ix, since, comm, out);
        }
        let thread = &mut self.threads[ix];
        match mode {
            Mode::Unknown => {}
            Mode::User => thread.syscall = Name::NONE,
            Mode::Syscall(name) => thread.syscall = name,
        }
        let (tid, since) = (thread.tid.0 as u32, thread.since);
        if let Some(state) = self.cpus[c].as_mut()
            && state.look.aux == Look::NO_AUX
        {
            state.look.aux = tid;
            out.set(state.row, since, state.look);
        }
    }

    /// The second half of a switch: who comes.
    pub(super) fn switch_in<W: Writer>(
        &mut self,
        c: usize,
        t: MachineNs,
        tid: Tid,
        comm: Name,
        prio: i16,
        out: &mut W,
    ) {
        let ix = self.bearer_on(c, tid, out);
        self.take_from_other(c, t, ix, out);
        self.threads.name(ix, t, comm, out);
        let thread = &mut self.threads[ix];
        thread.on = number(c);
        thread.mode_unknown = false;
        thread.prio = prio;
        if let Some(state) = self.cpus[c].as_mut() {
            state.current = Some(ix);
            state.current_tid = tid;
            state.same_since = None;
            state.mode = Mode::Unknown;
        }
        self.refresh(c, t, out);
    }

    /// A thread becomes runnable, woken from what runs on `cpu`.
    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    pub(super) fn wake<W: Writer>(
        &mut self,
        cpu: Option<usize>,
        t: MachineNs,
        tid: Tid,
        comm: Name,
        prio: i16,
        target: Cpu,
        out: &mut W,
    ) {
        // Idle tasks are woken at hot-plug only, and never wait.
        if tid.0 <= 0 || target == Cpu::UNKNOWN {
            return;
        }
        let ix = self.threads.bearer(tid, out);
        self.threads.name(ix, t, comm, out);
        let thread = &mut self.threads[ix];
        thread.prio = prio;
        if thread.on != Cpu::UNKNOWN {
            return;
        }
        if thread.look.state == State::Blocked && thread.look.detail.is_none() {
            let row = thread.row;
            let detail = self.words.cause(self.wake_cause(cpu));
            if !detail.is_none() {
                out.amend(row, detail);
            }
        }
        let look = Look { state: State::WaitingCpu, detail: Name::NONE, aux: u32::from(target.0) };
        self.threads.set(ix, t, look, out);
    }

    /// A thread moves to another run queue.
    pub(super) fn migrate<W: Writer>(&mut self, t: MachineNs, tid: Tid, dest: Cpu, out: &mut W) {
        if tid.0 <= 0 || dest == Cpu::UNKNOWN {
            return;
        }
        if self.threads.find(tid).is_some_and(|ix| self.threads[ix].ended()) {
            return;
        }
        let ix = self.threads.bearer(tid, out);
        let thread = &self.threads[ix];
        // A sleeping thread moves when its wake-up begins; a running one cannot.
        if thread.on == Cpu::UNKNOWN && thread.look.state != State::Blocked {
            let look = Look { state: State::WaitingCpu, detail: Name::NONE, aux: u32::from(dest.0) };
            self.threads.set(ix, t, look, out);
        }
    }

    /// A thread is created.
    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    pub(super) fn fork<W: Writer>(
        &mut self,
        cpu: Option<usize>,
        t: MachineNs,
        parent_tid: Tid,
        parent_pid: Tid,
        child_tid: Tid,
        child_pid: Tid,
        child_comm: Name,
        out: &mut W,
    ) {
        if child_tid.0 <= 0 {
            return;
        }
        let before = self.threads.find(child_tid);
        if let Some(old) = before.filter(|&ix| !self.threads[ix].ended()) {
            // Its end was lost: the tid is used again, so that thread is gone.
            self.bury(old, t, out);
        }
        let parent = self.threads.find(parent_tid).filter(|&ix| !self.threads[ix].ended());
        let (syscall, grandparent) = match parent {
            Some(ix) => (self.threads[ix].syscall, self.threads[ix].parent),
            None => (Name::NONE, None),
        };
        let leader = if parent_pid.0 > 0 { parent_pid } else { parent_tid };
        let process = (child_pid.0 > 0).then_some(child_pid);
        // A new thread of the same process has that process' parent.
        let same_process = process.is_some() && process == Some(leader);
        let parent_process = if same_process { grandparent.or(Some(leader)) } else { Some(leader) };
        let ix = self.threads.add(child_tid, before, out);
        self.threads[ix].syscall = syscall;
        self.threads.name(ix, t, child_comm, out);
        self.threads.relate(ix, process, parent_process.filter(|p| p.0 >= 0), out);
        let aux = cpu.map_or(Look::NO_AUX, |c| c as u32);
        let state = if self.scheduling_seen { State::WaitingCpu } else { State::Unknown };
        self.threads.set(ix, t, Look { state, detail: Name::NONE, aux }, out);
    }

    /// A thread executes another program.
    pub(super) fn exec<W: Writer>(
        &mut self,
        cpu: Option<usize>,
        t: MachineNs,
        tid: Tid,
        old_tid: Tid,
        filename: Name,
        out: &mut W,
    ) {
        if tid.0 <= 0 {
            return;
        }
        if old_tid.0 > 0 && old_tid != tid {
            self.take_over(cpu, t, tid, old_tid, out);
        }
        let path = self.names.text(filename);
        let comm = self.names.intern(comm_of(&path));
        let ix = self.threads.bearer(tid, out);
        self.threads.name(ix, t, comm, out);
    }

    /// A thread that is not its process' leader executes: the kernel ends the leader and gives that thread
    /// the leader's tid (`de_thread` in `fs/exec.c`). The leader's row goes on, the other one ends.
    #[cold]
    fn take_over<W: Writer>(&mut self, cpu: Option<usize>, t: MachineNs, tid: Tid, old_tid: Tid, out: &mut W) {
        let leader = match self.threads.find(tid) {
            Some(ix) if self.threads[ix].life != Life::Gone => ix,
            _ => self.threads.bearer(tid, out),
        };
        self.threads[leader].life = Life::Alive;
        self.threads[leader].outlives_free = true;
        let mut at = cpu;
        if let Some(old) = self.threads.find(old_tid) {
            let was_on = self.threads[old].on.known().map(usize::from);
            at = was_on.or(cpu);
            self.threads[leader].syscall = self.threads[old].syscall;
            self.threads[leader].prio = self.threads[old].prio;
            self.threads[old].on = Cpu::UNKNOWN;
            self.threads[old].life = Life::Gone;
            self.threads.set(old, t, Look::new(State::None), out);
        }
        let Some(c) = at else { return };
        self.take_from_other(c, t, leader, out);
        self.threads[leader].on = number(c);
        if let Some(state) = self.cpus[c].as_mut() {
            state.current = Some(leader);
            state.current_tid = tid;
            state.same_since = None;
        }
        self.refresh(c, t, out);
    }

    /// A thread exits; it still runs.
    pub(super) fn exit<W: Writer>(&mut self, t: MachineNs, tid: Tid, out: &mut W) {
        let Some(ix) = self.threads.find(tid).filter(|&ix| !self.threads[ix].ended()) else { return };
        self.threads[ix].life = Life::Exiting;
        if !self.scheduling_seen && self.threads[ix].look.state == State::Unknown {
            // No switch will ever tell that it is gone.
            self.bury(ix, t, out);
        }
    }

    /// Nothing is left of a thread.
    pub(super) fn free<W: Writer>(&mut self, t: MachineNs, tid: Tid, out: &mut W) {
        let Some(ix) = self.threads.find(tid).filter(|_| tid.0 > 0) else { return };
        let thread = &mut self.threads[ix];
        if std::mem::take(&mut thread.outlives_free) || thread.on != Cpu::UNKNOWN {
            // That was the leader whose tid this one has taken over: a running thread is not freed.
            return;
        }
        self.bury(ix, t, out);
    }

    /// The thread does not exist from `t` on.
    fn bury<W: Writer>(&mut self, ix: ThreadIx, t: MachineNs, out: &mut W) {
        let on = self.threads[ix].on;
        self.threads[ix].on = Cpu::UNKNOWN;
        self.threads[ix].life = Life::Gone;
        self.threads.set(ix, t, Look::new(State::None), out);
        if let Some(c) = on.known().map(usize::from) {
            if let Some(Some(state)) = self.cpus.get_mut(c) {
                state.forget_current(None);
            }
            self.refresh(c, t, out);
        }
    }

    /// A priority changes without a switch.
    pub(super) fn set_prio(&mut self, tid: Tid, prio: i16) {
        if let Some(ix) = self.threads.find(tid) {
            self.threads[ix].prio = prio;
        }
    }
}

/// The name that a task bears after executing the program at `path`.
fn comm_of(path: &str) -> &str {
    let base = path.rsplit('/').next().unwrap_or(path);
    let mut end = base.len().min(COMM_BYTES);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    &base[..end]
}

#[cfg(test)]
mod tests {
    use super::comm_of;

    #[test]
    fn a_task_is_called_like_its_program() {
        assert_eq!(comm_of("/usr/bin/sleep"), "sleep");
        assert_eq!(comm_of("sleep"), "sleep");
        assert_eq!(comm_of("/opt/a-very-long-program-name"), "a-very-long-pro");
        assert_eq!(comm_of("/opt/aaaaaaaaaaaaaaé"), "aaaaaaaaaaaaaa");
        assert_eq!(comm_of(""), "");
    }
}
