//! State dumps: what LTTng tells of the threads that existed before the trace.
//!
//! A dump takes seconds, and events of the same threads come in between: it fills in only what is not known.

use crate::store::{Look, Writer};
use crate::vocab::{Cpu, MachineNs, Name, State, Tid};

use super::Kernel;
use super::threads::Life;

impl Kernel {
    /// One thread of a state dump.
    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    pub(super) fn statedump_process<W: Writer>(
        &mut self,
        t: MachineNs,
        tid: Tid,
        pid: Tid,
        ppid: Tid,
        comm: Name,
        status: u8,
        cpu: Cpu,
        out: &mut W,
    ) {
        let look = dumped(status, cpu);
        let found = self.threads.find(tid);
        // A dead thread that was not freed is still in the kernel's list, but that tells nothing new.
        let dead = found.is_some_and(|ix| self.threads[ix].life == Life::Dead);
        let unheard = found.is_none() && look.state == State::None;
        if tid.0 <= 0 || dead || unheard {
            return;
        }
        let ix = self.threads.bearer(tid, out);
        let thread = &self.threads[ix];
        let process = (pid.0 > 0 && thread.process.is_none()).then_some(pid);
        let parent = (ppid.0 >= 0 && thread.parent.is_none()).then_some(ppid);
        let nameless = thread.comm.is_none();
        let unknown = thread.look.state == State::Unknown && thread.look.detail.is_none();
        let stateless = unknown || thread.look.state == State::None;
        self.threads.relate(ix, process, parent, out);
        if nameless {
            self.threads.name(ix, t, comm, out);
        }
        if stateless {
            self.threads.set(ix, t, look, out);
        }
    }
}

/// The state of a thread by LTTng's number (`lttng_statedump_process_state` in `lttng-statedump-impl.c`).
fn dumped(status: u8, cpu: Cpu) -> Look {
    let aux = if cpu == Cpu::UNKNOWN { Look::NO_AUX } else { u32::from(cpu.0) };
    let with_cpu = |state| Look { state, detail: Name::NONE, aux };
    match status {
        // 1 means "forked, never ran" for LTTng, but it says so of every runnable task that is not in a
        // real-time class: its test, an empty `rt.run_list`, is true for all of them.
        1 | 2 => with_cpu(State::WaitingCpu),
        5 => Look::new(State::WaitingUnknown),
        6 => with_cpu(State::RunningUser),
        7 => Look::new(State::None),
        // Unnamed, and the two kinds of zombie.
        _ => Look::new(State::Unknown),
    }
}
