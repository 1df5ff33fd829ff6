//! Scheduling: who runs, who waits, who wakes whom, and how threads begin and end.

use super::account::{Account, ThreadState, VcpuState};
use super::behaviour::Kind;
use super::kernel::{Ended, IDLE, Machine, Op, Sys, Thread, Timer, What};
use super::schema::Ev;

/// How long a thread may run while others wait.
const SLICE: i64 = 4_000_000;
/// Period of the scheduler's tick.
const TICK: i64 = 4_000_000;

/// A thread's name as the kernel keeps it.
pub(crate) fn comm(name: &str) -> [u8; 16] {
    let mut comm = [0; 16];
    for (place, byte) in comm.iter_mut().take(15).zip(name.bytes()) {
        *place = byte;
    }
    comm
}

/// The idle task's name on a CPU.
fn swapper(c: usize) -> [u8; 16] {
    let mut name = comm("swapper/");
    if c >= 10 {
        name[8] = digit(c / 10);
        name[9] = digit(c % 10);
    } else {
        name[8] = digit(c);
    }
    name
}

fn digit(n: usize) -> u8 {
    b'0' + u8::try_from(n % 10).unwrap_or(0)
}

/// The first tick of a CPU after `now`; CPUs tick at different phases of the period.
pub(crate) fn next_tick(c: usize, now: i64) -> i64 {
    let phase = i64::from(cpu_i32(c)) * 37_000;
    (now - phase).div_euclid(TICK) * TICK + TICK + phase
}

/// A CPU number as fields hold it.
pub(crate) fn cpu_i32(c: usize) -> i32 {
    i32::try_from(c).unwrap_or(0)
}

impl Machine {
    /// Takes a free thread id and starts its next instance.
    fn take_tid(&mut self) -> (i32, u32) {
        loop {
            let tid = self.next_tid;
            self.next_tid = if tid >= self.max_tid { 300 } else { tid + 1 };
            if let Some((uses, taken)) = usize::try_from(tid).ok().and_then(|i| self.tids.get_mut(i))
                && !*taken
            {
                *taken = true;
                *uses += 1;
                return (tid, *uses - 1);
            }
        }
    }

    /// Makes a sleeping thread without recording anything.
    pub(crate) fn spawn(&mut self, name: &str, kind: Kind, ppid: i32, prio: i32) -> usize {
        let (tid, instance) = self.take_tid();
        let thread = Thread {
            tid,
            pid: tid,
            ppid,
            instance,
            comm: comm(name),
            prio,
            kind,
            phase: 0,
            count: 0,
            peer: IDLE,
            pin: IDLE,
            cpu: 0,
            left: 1_000,
            asleep: true,
            token: false,
            alive: true,
            sys: None,
            account: Account::new(ThreadState::Blocked),
            vm_mark: [0; 3],
            vm_total: [0; 3],
            vm_known: false,
            vcpu: IDLE,
        };
        if let Some(th) = self.free.pop() {
            self.threads[th] = thread;
            th
        } else {
            self.threads.push(thread);
            self.threads.len() - 1
        }
    }

    /// From `now` on a reader knows the thread's state, and this is it.
    fn thread_state(&mut self, th: usize, state: ThreadState, now: i64) {
        let t = self.clock.cycles(now);
        let thread = &mut self.threads[th];
        let row = thread.row();
        thread.account.reveal(t);
        thread.account.change(state, None, t, row, &mut self.log);
    }

    /// Switches the CPU to whoever is next. `prev_state` is what the event says of the one who leaves.
    pub(crate) fn switch(&mut self, c: usize, now: i64, prev_state: i64, asleep: bool) {
        let prev = self.cpus[c].current;
        self.cpus[c].resched = false;
        let next = match self.cpus[c].queue.pop_front() {
            Some(th) => {
                self.note_queue(c);
                th
            }
            None if prev != IDLE && !asleep => return,
            None => self.steal(c, now),
        };
        if prev == IDLE && next == IDLE {
            self.idle |= 1 << c;
            return;
        }
        let t = self.clock.cycles(now);
        let of = |threads: &[Thread], th: usize| {
            threads.get(th).map_or((swapper(c), 0, 20), |thread| (thread.comm, thread.tid, thread.prio))
        };
        let (prev_comm, prev_tid, prev_prio) = of(&self.threads, prev);
        let (next_comm, next_tid, next_prio) = of(&self.threads, next);
        self.rec.event(c, Ev::SchedSwitch, t, |s| {
            s.bytes(&prev_comm);
            s.i32(prev_tid);
            s.i32(prev_prio);
            s.i64(prev_state);
            s.bytes(&next_comm);
            s.i32(next_tid);
            s.i32(next_prio);
        });
        self.charge_victims(c, prev, now);
        if prev != IDLE {
            let state = match (asleep, self.threads[prev].alive) {
                (_, false) => ThreadState::Gone,
                (true, _) => ThreadState::Blocked,
                (false, _) => ThreadState::WaitingCpu,
            };
            self.thread_state(prev, state, now);
            self.leave_vm_times(c, prev, now);
            let left = self.cpus[c].left;
            let thread = &mut self.threads[prev];
            thread.left = left.max(500);
            thread.asleep = asleep;
            if !asleep {
                self.cpus[c].queue.push_back(prev);
                self.note_queue(c);
            }
            let vcpu = self.threads[prev].vcpu;
            if vcpu != IDLE {
                self.vcpu_off(c, vcpu, asleep, now);
            }
        }
        let cpu = &mut self.cpus[c];
        cpu.current = next;
        cpu.halting = false;
        cpu.account.reveal(t);
        if next == IDLE {
            self.idle |= 1 << c;
        } else {
            cpu.left = self.threads[next].left;
            cpu.slice_end = now + SLICE;
            self.idle &= !(1 << c);
            self.threads[next].cpu = c;
            let running = if self.threads[next].sys.is_some() { ThreadState::Syscall } else { ThreadState::User };
            let detail = self.threads[next].sys.map(Sys::name);
            let thread = &mut self.threads[next];
            let row = thread.row();
            thread.account.reveal(t);
            thread.account.change(running, detail, t, row, &mut self.log);
            self.enter_vm_times(c, next, now);
            let vcpu = self.threads[next].vcpu;
            if vcpu != IDLE {
                self.vcpu_on(vcpu, now);
            }
            if !self.cpus[c].ticking {
                self.cpus[c].ticking = true;
                self.arm(c, next_tick(c, now), Timer::Tick);
            }
        }
        self.account(c, now);
    }

    /// Keeps the mask of CPUs with waiting threads right after a change of one queue.
    fn note_queue(&mut self, c: usize) {
        if self.cpus[c].queue.is_empty() {
            self.crowded &= !(1 << c);
        } else {
            self.crowded |= 1 << c;
        }
    }

    /// Where an idle CPU finds a waiting thread that may move to it: the CPU and the place in its queue.
    fn find_waiting(&self, c: usize) -> Option<(usize, usize)> {
        let mut crowded = self.crowded;
        while crowded != 0 {
            let from = usize::try_from(crowded.trailing_zeros()).ok()?;
            crowded &= crowded - 1;
            let queue = self.cpus[from].queue.iter().take(4);
            if let Some(place) = queue.into_iter().position(|&th| self.may_steal(th, c)) {
                return Some((from, place));
            }
        }
        None
    }

    /// Whether an idle CPU finds a waiting thread elsewhere.
    pub(crate) fn can_steal(&self, c: usize) -> bool {
        self.find_waiting(c).is_some()
    }

    fn may_steal(&self, th: usize, c: usize) -> bool {
        let thread = &self.threads[th];
        thread.pin == IDLE && thread.cpu != c
    }

    /// Takes a waiting thread from another CPU, or none.
    fn steal(&mut self, c: usize, now: i64) -> usize {
        let Some((from, place)) = self.find_waiting(c) else {
            return IDLE;
        };
        let Some(th) = self.cpus[from].queue.remove(place) else {
            return IDLE;
        };
        self.note_queue(from);
        self.migrate(c, th, c, now);
        th
    }

    /// Records that a runnable thread moves to another CPU's queue.
    fn migrate(&mut self, c: usize, th: usize, to: usize, now: i64) {
        let t = self.clock.cycles(now);
        let thread = &mut self.threads[th];
        let from = thread.cpu;
        thread.cpu = to;
        self.rec.event(c, Ev::SchedMigrate, t, |s| {
            s.bytes(&thread.comm);
            s.i32(thread.tid);
            s.i32(thread.prio);
            s.i32(cpu_i32(from));
            s.i32(cpu_i32(to));
        });
    }

    /// One of the three wake-up events.
    fn wake_event(&mut self, c: usize, th: usize, ev: Ev, target: usize, now: i64) {
        let t = self.clock.cycles(now);
        let thread = &self.threads[th];
        self.rec.event(c, ev, t, |s| {
            s.bytes(&thread.comm);
            s.i32(thread.tid);
            s.i32(thread.prio);
            s.i32(cpu_i32(target));
        });
    }

    /// Starts to wake a thread; one that does not sleep yet will not.
    pub(crate) fn wake(&mut self, c: usize, th: usize, now: i64) {
        if !self.threads[th].asleep {
            // A vCPU looks for interrupts itself before it sleeps, and the dead need no waking.
            self.threads[th].token = self.threads[th].vcpu == IDLE && self.threads[th].alive;
            return;
        }
        self.threads[th].asleep = false;
        let cpu = self.threads[th].cpu;
        self.wake_event(c, th, Ev::SchedWaking, cpu, now);
        self.thread_state(th, ThreadState::WaitingCpu, now);
        let vcpu = self.threads[th].vcpu;
        if vcpu != IDLE {
            self.vcpu_woken(vcpu, now);
        }
        let target = self.choose_cpu(th);
        self.cpus[c].ops.push_front(Op { delay: 1_300, open: false, what: What::Woken(th, target) });
    }

    /// Ends a wake-up: the thread is on the run queue of `target`.
    pub(crate) fn woken(&mut self, c: usize, th: usize, target: usize, now: i64) {
        if self.threads[th].cpu != target {
            self.migrate(c, th, target, now);
        }
        self.wake_event(c, th, Ev::SchedWakeup, target, now);
        self.enqueue(c, th, target, now);
    }

    /// Puts a runnable thread into a queue and tells that CPU.
    fn enqueue(&mut self, c: usize, th: usize, target: usize, now: i64) {
        self.threads[th].cpu = target;
        let urgent = self.threads[th].prio < 0;
        if urgent {
            self.cpus[target].queue.push_front(th);
        } else {
            self.cpus[target].queue.push_back(th);
        }
        self.note_queue(target);
        let current = self.cpus[target].current;
        if current == IDLE {
            // Taken already, so that the next wake-up looks elsewhere.
            self.idle &= !(1 << target);
        } else {
            let long = matches!(self.threads[current].kind, Kind::Burner | Kind::Vcpu | Kind::Critical);
            if !(urgent || (long && self.rng.one_in(3))) {
                return;
            }
            self.cpus[target].resched = true;
        }
        if target != c {
            if self.is_guest {
                self.arm(target, now, Timer::Ipi);
                self.exit_request(c, super::vm::ExitRequest::Ipi(target));
            } else {
                self.arm(target, now + 1_700, Timer::Ipi);
            }
        }
    }

    /// The CPU on which a woken thread will run.
    fn choose_cpu(&self, th: usize) -> usize {
        let thread = &self.threads[th];
        if thread.pin != IDLE {
            return thread.pin;
        }
        if self.idle >> thread.cpu & 1 == 1 || self.idle == 0 {
            return thread.cpu;
        }
        let at = u32::try_from(thread.cpu).unwrap_or(0);
        let ahead = self.idle.rotate_right(at).trailing_zeros() + at;
        usize::try_from(ahead % 64).unwrap_or(0)
    }

    /// The current thread goes to sleep, unless it was woken meanwhile.
    pub(crate) fn block(&mut self, c: usize, prev_state: i64, now: i64) {
        let th = self.cpus[c].current;
        if th == IDLE {
            return;
        }
        if self.threads[th].token {
            self.threads[th].token = false;
            return;
        }
        self.switch(c, now, prev_state, true);
    }

    /// The current thread makes a child, which starts inside its parent's system call.
    pub(crate) fn fork(&mut self, c: usize, now: i64) {
        let parent = self.cpus[c].current;
        if parent == IDLE {
            return;
        }
        let (tid, prio, cpu, name) = {
            let p = &self.threads[parent];
            (p.tid, p.prio, p.cpu, p.comm)
        };
        let child = self.spawn("", Kind::Child, tid, prio);
        let t = self.clock.cycles(now);
        let thread = &mut self.threads[child];
        thread.comm = name;
        thread.cpu = cpu;
        thread.asleep = false;
        thread.peer = parent;
        thread.sys = Some(Sys::Clone);
        thread.count = u64::try_from(tid).unwrap_or(0);
        let child_tid = thread.tid;
        self.rec.event(c, Ev::SchedFork, t, |s| {
            s.bytes(&name);
            s.i32(tid);
            s.i32(tid);
            s.u32(4_026_531_836);
            s.bytes(&name);
            s.i32(child_tid);
            s.u8(1);
            s.i32(child_tid);
            s.i32(child_tid);
            s.u32(4_026_531_836);
        });
        self.thread_state(child, ThreadState::WaitingCpu, now);
        self.threads[parent].count = u64::try_from(child_tid).unwrap_or(0);
        let (front_a, front_b) = (What::WakeNew(child), What::Leave(Sys::Clone, i64::from(child_tid)));
        let ops = &mut self.cpus[c].ops;
        ops.push_front(Op { delay: 4_000, open: false, what: front_b });
        ops.push_front(Op { delay: 9_000, open: false, what: front_a });
    }

    /// The child gets to a run queue for the first time.
    pub(crate) fn wake_new(&mut self, c: usize, child: usize, now: i64) {
        let target = self.choose_cpu(child);
        self.wake_event(c, child, Ev::SchedWakeupNew, target, now);
        self.enqueue(c, child, target, now);
    }

    /// The current thread ends: it only switches away after this. Its parent is woken.
    pub(crate) fn exit(&mut self, c: usize, now: i64) {
        let th = self.cpus[c].current;
        if th == IDLE {
            return;
        }
        self.life_event(c, th, Ev::SchedExit, now);
        self.threads[th].alive = false;
        self.threads[th].token = false;
        let parent = self.threads[th].peer;
        let free_at = now + 3_000_000 + i64::from(self.rng.below(2_000_000));
        self.arm(c, free_at, Timer::Free(th));
        let ops = &mut self.cpus[c].ops;
        ops.push_front(Op { delay: 2_000, open: false, what: What::Block(32) });
        if parent != IDLE {
            ops.push_front(Op { delay: 6_000, open: false, what: What::Wake(parent) });
        }
    }

    /// `sched_process_exit`, `_free` or `_wait`.
    pub(crate) fn life_event(&mut self, c: usize, th: usize, ev: Ev, now: i64) {
        let t = self.clock.cycles(now);
        let thread = &self.threads[th];
        let tid = if ev == Ev::SchedWait { 0 } else { thread.tid };
        self.rec.event(c, ev, t, |s| {
            s.bytes(&thread.comm);
            s.i32(tid);
            s.i32(thread.prio);
        });
    }

    /// A dead thread's place and number become free.
    pub(crate) fn release(&mut self, c: usize, th: usize, now: i64) {
        self.life_event(c, th, Ev::SchedFree, now);
        let thread = self.threads[th].clone();
        if let Some((_, taken)) = usize::try_from(thread.tid).ok().and_then(|i| self.tids.get_mut(i)) {
            *taken = false;
        }
        self.ended.push(Ended { thread });
        self.free.push(th);
    }

    /// Guest: the vCPU's real, hypervisor and stolen time up to `now`, in the host's time.
    fn vm_times_now(&self, c: usize, now: i64) -> ([i64; 3], bool) {
        let (mut times, entered, known) = self.vm_times[c];
        times[0] += now - entered;
        (times, known)
    }

    fn enter_vm_times(&mut self, c: usize, th: usize, now: i64) {
        if self.is_guest {
            let (times, known) = self.vm_times_now(c, now);
            self.threads[th].vm_mark = times;
            self.threads[th].vm_known = known;
        }
    }

    /// Closes a guest thread's stay on its CPU.
    pub(crate) fn leave_vm_times(&mut self, c: usize, th: usize, now: i64) {
        if self.is_guest {
            let (times, _) = self.vm_times_now(c, now);
            let thread = &mut self.threads[th];
            if thread.vm_known {
                for ((total, now), mark) in thread.vm_total.iter_mut().zip(times).zip(thread.vm_mark) {
                    *total += now - mark;
                }
            }
            thread.vm_known = false;
        }
    }

    /// The state of a vCPU thread that leaves a CPU.
    fn vcpu_off(&mut self, c: usize, vcpu: usize, asleep: bool, now: i64) {
        let record = &mut self.vcpus[vcpu];
        if asleep {
            if record.halting {
                record.set(VcpuState::Halted, now, self.clock, &mut self.log);
            }
        } else {
            record.set(VcpuState::Preempted, now, self.clock, &mut self.log);
            record.preempted(now);
            self.cpus[c].victims.push(vcpu);
        }
    }

    fn vcpu_woken(&mut self, vcpu: usize, now: i64) {
        self.vcpus[vcpu].set(VcpuState::WaitingCpu, now, self.clock, &mut self.log);
    }

    /// The state of a vCPU thread that gets a CPU again.
    fn vcpu_on(&mut self, vcpu: usize, now: i64) {
        for c in 0..self.cpus.len() {
            if let Some(place) = self.cpus[c].victims.iter().position(|&v| v == vcpu) {
                self.cpus[c].victims.remove(place);
                let current = self.cpus[c].current;
                // On the CPU where it waited, the share of the last one was charged by the switch itself.
                if current != IDLE && self.threads[current].vcpu != vcpu {
                    let (tid, instance, name) = self.identity(current);
                    self.vcpus[vcpu].charge(tid, instance, name, now);
                }
            }
        }
        let record = &mut self.vcpus[vcpu];
        record.halting = false;
        record.resumed(now);
        let state = record.back_to;
        record.set(state, now, self.clock, &mut self.log);
    }

    fn identity(&self, th: usize) -> (i32, u32, [u8; 16]) {
        let thread = &self.threads[th];
        (thread.tid, thread.instance, thread.comm)
    }

    /// `ran` leaves the CPU at `now`: whoever was preempted here lost that time to it.
    fn charge_victims(&mut self, c: usize, ran: usize, now: i64) {
        if self.cpus[c].victims.is_empty() || ran == IDLE {
            return;
        }
        let (tid, instance, name) = self.identity(ran);
        let Self { cpus, vcpus, .. } = self;
        for &victim in &cpus[c].victims {
            vcpus[victim].charge(tid, instance, name, now);
        }
    }
}
