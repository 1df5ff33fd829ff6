//! A small kernel: CPUs, threads, and the short scripts of events that they run.
//!
//! Host and guest are the same kind of machine. A CPU works off a queue of operations, each of which records about
//! one event; when the queue is empty, the current thread runs for the rest of its time and then says what comes
//! next (`behaviour`). Interrupts put their operations in front of the queue (`interrupt`).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::account::{Account, CpuState, IntervalLog, Row, ThreadState};
use super::behaviour::Kind;
use super::interrupt::Script;
use super::prng::Prng;
use super::schema::Ev;
use super::stream::Recorder;
use super::vm::{ExitRequest, VcpuRecord};

/// No thread: the idle task.
pub(crate) const IDLE: usize = usize::MAX;

/// The system calls that occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sys {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `futex`
    Futex,
    /// `clock_nanosleep`
    Nanosleep,
    /// `ioctl`
    Ioctl,
    /// `close`
    Close,
    /// `openat`
    Openat,
    /// `pread64`
    Pread,
    /// `fsync`
    Fsync,
    /// `ppoll`
    Ppoll,
    /// `clone`
    Clone,
    /// `execve`
    Execve,
    /// `exit_group`
    ExitGroup,
    /// `wait4`
    Wait4,
    /// `sendto`
    Sendto,
    /// `recvfrom`
    Recvfrom,
}

impl Sys {
    /// The name without a prefix.
    pub(crate) fn name(self) -> &'static str {
        const NAMES: [&str; 16] = [
            "read",
            "write",
            "futex",
            "clock_nanosleep",
            "ioctl",
            "close",
            "openat",
            "pread64",
            "fsync",
            "ppoll",
            "clone",
            "execve",
            "exit_group",
            "wait4",
            "sendto",
            "recvfrom",
        ];
        NAMES[self as usize]
    }
}

/// Text of an `lttng_logger` event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Log {
    /// Guest to host, before the hypercall.
    SyncOut(u64),
    /// Host to guest, after it.
    SyncBack(u64),
    /// A periodic task begins its work.
    CriticalBegin(u64),
    /// And ends it.
    CriticalEnd(u64),
}

/// One operation of a CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// Enter a system call.
    Enter(Sys),
    /// Leave the system call with a result.
    Leave(Sys, i64),
    /// Wake a thread, if it sleeps.
    Wake(usize),
    /// Wake the emulator's main thread, if it waits for work and not for the disk.
    Poke(usize),
    /// The second half of a wake-up: the thread gets to its run queue on a CPU.
    Woken(usize, usize),
    /// The current thread sleeps, with the given `prev_state`.
    Block(i64),
    /// The current thread makes room, with the given `prev_state`.
    Preempt(i64),
    /// The idle task begins to halt.
    IdleEnter,
    /// The idle task ends halting.
    IdleExit,
    /// Begin of a high-resolution timer's function; the number picks which.
    HrtimerEntry(u64),
    /// End of it.
    HrtimerExit(u64),
    /// A soft interrupt is raised.
    Raise(u32),
    /// A device's interrupt begins.
    IrqEntry(i32),
    /// And ends.
    IrqExit(i32),
    /// A soft interrupt begins.
    SoftEntry(u32),
    /// And ends.
    SoftExit(u32),
    /// A timer-wheel function begins.
    TimerEntry,
    /// And ends.
    TimerExit,
    /// A request goes to the disk; after the given time it is done.
    BlockIssue(u32),
    /// The disk's request of a thread is done.
    BlockDone,
    /// A packet goes out.
    NetQueue,
    /// A packet comes in.
    NetReceive,
    /// The current thread makes a child with the given kind.
    Fork,
    /// The child starts to exist on a run queue.
    WakeNew(usize),
    /// The current thread becomes another program.
    Exec,
    /// `sched_process_exit` of the current thread, then its parent is woken.
    Exit,
    /// `sched_process_wait`
    WaitChild,
    /// A dead thread's memory goes.
    Free(usize),
    /// A text from user space.
    Logger(Log),
    /// The n-th step of a state dump.
    Dump(usize),
    /// Guest only: leave for the hypervisor after this.
    Exits(ExitRequest),
    /// Host only: a vCPU thread enters its guest.
    VmEnter,
    /// Host only: a vCPU's exit is recorded.
    VmExit(u32),
    /// Host only: an interrupt is injected.
    Inject(u32),
    /// Host only: an access to a model-specific register was handled.
    Msr(u32),
    /// Host only: port access.
    Pio,
    /// Host only: KVM returns to user space.
    UserspaceExit,
    /// Host only: hypercall with its counter.
    Hypercall(u64),
    /// Host only: nested page fault.
    PageFault,
    /// Host only: CPUID.
    Cpuid,
    /// Host only: the emulator raises the disk interrupt of a guest's CPU for a guest's thread.
    SetIrq(usize, usize),
}

/// An operation in a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    /// Time between the operation before and this one.
    pub(crate) delay: i64,
    /// Whether interrupts are handled in that time.
    pub(crate) open: bool,
    /// What happens.
    pub(crate) what: What,
}

/// What a timer does. The order has no meaning beyond making equal times deterministic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The scheduler's tick.
    Tick,
    /// A sleeping thread's time is over.
    Sleep(usize),
    /// A disk request is done.
    Disk(usize),
    /// A packet for a thread arrives.
    Net(usize),
    /// Another CPU asks for attention.
    Ipi,
    /// A grace period is over: the dead thread is freed.
    Free(usize),
    /// A guest's timer, emulated by the host.
    Guest(usize),
}

/// A CPU.
#[derive(Debug)]
pub(crate) struct Cpu {
    /// The thread on it, or [`IDLE`].
    pub(crate) current: usize,
    /// What happens next, from the front.
    pub(crate) ops: VecDeque<Op>,
    /// When the front operation happens, or, without any, when the thread's time is over.
    pub(crate) step_at: i64,
    /// The thread's time left while operations are in the queue.
    pub(crate) left: i64,
    /// When the last operation happened.
    pub(crate) last: i64,
    /// Threads that wait for this CPU.
    pub(crate) queue: VecDeque<usize>,
    /// Timers of this CPU.
    pub(crate) timers: BinaryHeap<Reverse<(i64, Timer)>>,
    /// The current thread is to make room.
    pub(crate) resched: bool,
    /// End of the current time slice.
    pub(crate) slice_end: i64,
    /// The tick is running.
    pub(crate) ticking: bool,
    /// `power_cpu_idle` says that it is halted.
    pub(crate) halting: bool,
    /// An interrupt came while halted.
    pub(crate) disturbed: bool,
    /// A device interrupt is being handled.
    pub(crate) in_irq: bool,
    /// A soft interrupt is being handled.
    pub(crate) in_soft: bool,
    /// Guest CPU: an interrupt was injected and waits to be taken.
    pub(crate) virq: bool,
    /// Guest CPU: why it leaves for the hypervisor.
    pub(crate) exits: VecDeque<ExitRequest>,
    /// Guest CPU: when it leaves.
    pub(crate) exit_at: i64,
    /// Guest CPU: when its time stopped.
    pub(crate) paused_at: i64,
    /// Guest CPU: the hypervisor waits for a moment to inject an interrupt.
    pub(crate) window: bool,
    /// Host CPU: the vCPU that runs in non-root mode here.
    pub(crate) guest: Option<usize>,
    /// What it does.
    pub(crate) account: Account<CpuState>,
    /// Host CPU: vCPUs that were preempted here and wait: who runs meanwhile took their time.
    pub(crate) victims: Vec<usize>,
}

impl Cpu {
    fn new() -> Self {
        Self {
            current: IDLE,
            ops: VecDeque::with_capacity(32),
            step_at: 0,
            left: 0,
            last: 0,
            queue: VecDeque::new(),
            timers: BinaryHeap::new(),
            resched: false,
            slice_end: 0,
            ticking: false,
            halting: false,
            disturbed: false,
            in_irq: false,
            in_soft: false,
            virq: false,
            exits: VecDeque::new(),
            exit_at: 0,
            paused_at: 0,
            window: false,
            guest: None,
            account: Account::new(CpuState::Idle),
            victims: Vec::new(),
        }
    }

    /// Whether an interrupt would be taken now.
    #[inline]
    pub(crate) fn open(&self) -> bool {
        self.ops.front().is_none_or(|op| op.open)
    }

    /// When the first timer expires.
    #[inline]
    pub(crate) fn timer(&self) -> i64 {
        self.timers.peek().map_or(i64::MAX, |Reverse((at, _))| *at)
    }
}

/// A thread.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// Its id.
    pub(crate) tid: i32,
    /// Its process.
    pub(crate) pid: i32,
    /// Its parent.
    pub(crate) ppid: i32,
    /// Which use of the id.
    pub(crate) instance: u32,
    /// Its name, padded with NUL.
    pub(crate) comm: [u8; 16],
    /// Priority as LTTng writes it.
    pub(crate) prio: i32,
    /// How it behaves.
    pub(crate) kind: Kind,
    /// Where in its behaviour it is.
    pub(crate) phase: u32,
    /// A counter for its behaviour.
    pub(crate) count: u64,
    /// Another thread that its behaviour needs.
    pub(crate) peer: usize,
    /// The only CPU that it may use, or [`IDLE`] for any.
    pub(crate) pin: usize,
    /// The CPU of its run queue.
    pub(crate) cpu: usize,
    /// Its time left when it is switched in again.
    pub(crate) left: i64,
    /// It sleeps.
    pub(crate) asleep: bool,
    /// It was woken before it slept.
    pub(crate) token: bool,
    /// It still exists.
    pub(crate) alive: bool,
    /// It is in this system call.
    pub(crate) sys: Option<Sys>,
    /// Its states.
    pub(crate) account: Account<ThreadState>,
    /// Guest thread: the vCPU's times when it was switched in.
    pub(crate) vm_mark: [i64; 3],
    /// Guest thread: real, hypervisor and stolen time while its kernel believed it to run, in the host's time.
    pub(crate) vm_total: [i64; 3],
    /// Guest thread: it was switched in while its vCPU's times were known.
    pub(crate) vm_known: bool,
    /// Host thread: the vCPU that it is, or [`IDLE`].
    pub(crate) vcpu: usize,
}

impl Thread {
    /// The row of its intervals.
    pub(crate) fn row(&self) -> Row {
        Row { kind: "thread", tid: self.tid, instance: self.instance, cpu: 0 }
    }
}

/// The end of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// As it was.
    pub(crate) thread: Thread,
}

/// The map from simulated time to a machine's clock: exact and linear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineClock {
    /// Clock value at simulated time 0.
    pub(crate) base: i64,
    /// Cycles to add for nanoseconds since 1970.
    pub(crate) offset: i64,
    /// Parts in 10⁹ by which the clock is faster than the host's.
    pub(crate) drift_ppb: i64,
}

impl MachineClock {
    /// The clock value at a simulated time.
    #[inline]
    pub(crate) fn cycles(&self, now: i64) -> i64 {
        self.base + now + (now * self.drift_ppb).div_euclid(1_000_000_000)
    }
}

/// A machine: a host or a guest.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: String,
    /// Its clock.
    pub(crate) clock: MachineClock,
    /// Its trace.
    pub(crate) rec: Recorder,
    /// Its CPUs.
    pub(crate) cpus: Vec<Cpu>,
    /// Its threads; places of dead ones are used again.
    pub(crate) threads: Vec<Thread>,
    /// Places of freed threads.
    pub(crate) free: Vec<usize>,
    /// Threads that are gone.
    pub(crate) ended: Vec<Ended>,
    /// Next thread id to try.
    pub(crate) next_tid: i32,
    /// Thread ids wrap around here.
    pub(crate) max_tid: i32,
    /// How often each thread id was used, and whether it is in use.
    pub(crate) tids: Vec<(u32, bool)>,
    /// Idle CPUs, a bit each.
    pub(crate) idle: u64,
    /// CPUs for which threads wait, a bit each.
    pub(crate) crowded: u64,
    /// CPUs whose next event may have changed.
    pub(crate) dirty: u64,
    /// Randomness.
    pub(crate) rng: Prng,
    /// It runs inside a virtual machine.
    pub(crate) is_guest: bool,
    /// Usual pause between two activities of a thread.
    pub(crate) pace: u32,
    /// The first intervals.
    pub(crate) log: IntervalLog,
    /// Number in the guests' sync texts.
    pub(crate) vm_uid: u64,
    /// Room for the operations of an interrupt.
    pub(crate) script: Script,
    /// How many threads the state dump tells of.
    pub(crate) dumped: usize,
    /// Host: the virtual CPUs.
    pub(crate) vcpus: Vec<VcpuRecord>,
    /// Guest CPUs: their vCPU's real, hypervisor and stolen time up to the last entry, and that entry.
    pub(crate) vm_times: Vec<([i64; 3], i64, bool)>,
}

impl Machine {
    /// A machine without threads.
    pub(crate) fn new(
        name: &str,
        clock: MachineClock,
        rec: Recorder,
        cpus: usize,
        max_tid: i32,
        seed: u64,
        cap: usize,
    ) -> Self {
        let tids = usize::try_from(max_tid).unwrap_or(0) + 1;
        Self {
            name: name.to_owned(),
            clock,
            rec,
            cpus: (0..cpus).map(|_| Cpu::new()).collect(),
            threads: Vec::new(),
            free: Vec::new(),
            ended: Vec::new(),
            next_tid: 1,
            max_tid,
            tids: vec![(0, false); tids],
            idle: if cpus >= 64 { u64::MAX } else { (1 << cpus) - 1 },
            crowded: 0,
            dirty: u64::MAX,
            rng: Prng::new(seed),
            is_guest: false,
            pace: 10_000_000,
            log: IntervalLog::new(cap),
            vm_uid: 0,
            script: Script::default(),
            dumped: 0,
            vcpus: Vec::new(),
            vm_times: vec![([0; 3], 0, false); cpus],
        }
    }

    /// Appends an operation that no interrupt may delay.
    #[inline]
    pub(crate) fn push(&mut self, c: usize, delay: u32, what: What) {
        self.cpus[c].ops.push_back(Op { delay: i64::from(delay), open: false, what });
    }

    /// Appends an operation with work before it in which interrupts are handled.
    #[inline]
    pub(crate) fn push_open(&mut self, c: usize, delay: u32, what: What) {
        self.cpus[c].ops.push_back(Op { delay: i64::from(delay), open: true, what });
    }

    /// When this (host) CPU does something next.
    #[inline]
    pub(crate) fn due(&self, c: usize) -> i64 {
        let cpu = &self.cpus[c];
        let timer = cpu.timer().max(cpu.last);
        if let Some(op) = cpu.ops.front() {
            if op.open { cpu.step_at.min(timer) } else { cpu.step_at }
        } else if cpu.current == IDLE {
            timer
        } else {
            cpu.step_at.min(timer)
        }
    }

    /// Arms a timer on a CPU.
    pub(crate) fn arm(&mut self, c: usize, at: i64, timer: Timer) {
        // In a guest a new earliest timer must be given to the hypervisor: that is an exit.
        if self.is_guest && at < self.cpus[c].timer() && timer != Timer::Ipi {
            self.exit_request(c, ExitRequest::Timer);
        }
        self.cpus[c].timers.push(Reverse((at, timer)));
        self.dirty |= 1 << c;
    }

    /// Guest: asks for an exit of that CPU.
    pub(crate) fn exit_request(&mut self, c: usize, request: ExitRequest) {
        let cpu = &mut self.cpus[c];
        if !cpu.exits.contains(&request) {
            cpu.exits.push_back(request);
        }
    }

    /// Puts the front operation in its time, or the thread's, after something happened at `now`.
    pub(crate) fn settle(&mut self, c: usize, now: i64) {
        loop {
            let may_steal = self.cpus[c].current == IDLE && self.cpus[c].queue.is_empty() && self.can_steal(c);
            let cpu = &mut self.cpus[c];
            cpu.last = now;
            if let Some(op) = cpu.ops.front() {
                cpu.step_at = now + op.delay;
                return;
            }
            if cpu.current == IDLE {
                if !cpu.queue.is_empty() || may_steal {
                    if cpu.halting {
                        self.push(c, 900, What::IdleExit);
                    }
                    self.push(c, 1_100, What::Preempt(0));
                } else if !cpu.halting {
                    self.push(c, 1_500, What::IdleEnter);
                } else if cpu.disturbed {
                    cpu.disturbed = false;
                    self.push(c, 700, What::IdleExit);
                    self.push(c, 900, What::IdleEnter);
                } else {
                    cpu.step_at = i64::MAX;
                    if self.is_guest && cpu.exits.is_empty() {
                        self.exit_request(c, ExitRequest::Halt);
                    }
                    return;
                }
            } else if cpu.resched && !cpu.queue.is_empty() {
                cpu.resched = false;
                // Mostly the kernel was preempted; sometimes it gave way on its own on the way to user space.
                let state = if self.rng.one_in(4) { 0 } else { 256 };
                self.push(c, 1_000, What::Preempt(state));
            } else {
                cpu.resched = false;
                cpu.step_at = now + cpu.left;
                return;
            }
        }
    }

    /// Does the front operation of a CPU at `now`.
    pub(crate) fn run_front(&mut self, c: usize, now: i64) {
        if let Some(op) = self.cpus[c].ops.pop_front() {
            self.perform(c, now, op.what);
        }
    }

    /// Records an event without fields worth a variable.
    #[inline]
    pub(crate) fn simple(&mut self, c: usize, now: i64, ev: Ev, value: u32) {
        let t = self.clock.cycles(now);
        self.rec.event(c, ev, t, |s| s.u32(value));
    }

    /// What the current thread does on its CPU, as far as interrupts allow.
    fn running_state(&self, th: usize) -> (ThreadState, Option<&'static str>) {
        match self.threads[th].sys {
            Some(sys) => (ThreadState::Syscall, Some(sys.name())),
            None => (ThreadState::User, None),
        }
    }

    /// Brings the accounts of a CPU and its thread up to date after a change at `now`.
    pub(crate) fn account(&mut self, c: usize, now: i64) {
        let t = self.clock.cycles(now);
        let (th, in_irq, in_soft) = (self.cpus[c].current, self.cpus[c].in_irq, self.cpus[c].in_soft);
        let mut state = CpuState::Idle;
        if th != IDLE {
            let (running, detail) = self.running_state(th);
            let (running, detail) =
                if in_irq || in_soft { (ThreadState::Interrupted, None) } else { (running, detail) };
            state = if running == ThreadState::Syscall { CpuState::Syscall } else { CpuState::User };
            let thread = &mut self.threads[th];
            let row = thread.row();
            thread.account.change(running, detail, t, row, &mut self.log);
        }
        if in_irq {
            state = CpuState::Irq;
        } else if in_soft {
            state = CpuState::Softirq;
        }
        // A CPU row does not tell who ran: neighbouring threads in one state are one interval.
        let row = Row { kind: "cpu", tid: 0, instance: 0, cpu: c };
        self.cpus[c].account.change(state, None, t, row, &mut self.log);
    }
}
