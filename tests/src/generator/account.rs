//! What really happened: states of threads, CPUs and vCPUs, added up while the simulation runs.
//!
//! All instants here are clock values of the machine that owns the row. An account starts at the first instant from
//! which a reader of the trace can know the state, and every change of state lies at the time of an event.

/// State of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// Asleep.
    Blocked,
    /// Runnable.
    WaitingCpu,
    /// On a CPU outside of system calls.
    User,
    /// On a CPU in a system call.
    Syscall,
    /// On a CPU, with an interrupt handler on top.
    Interrupted,
    /// Not there any more.
    Gone,
}

impl ThreadState {
    /// The states that have a total, in its order.
    pub(crate) const NAMES: [&'static str; 5] =
        ["blocked", "waiting-cpu", "running-user", "running-syscall", "interrupted"];

    /// The name in `truth.json`.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or("gone")
    }
}

/// State of a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CpuState {
    /// The idle task.
    Idle,
    /// A thread outside of system calls.
    User,
    /// A thread in a system call.
    Syscall,
    /// An interrupt handler.
    Irq,
    /// A soft interrupt handler.
    Softirq,
}

impl CpuState {
    /// The names of the states in the order of the totals.
    pub(crate) const NAMES: [&'static str; 5] = ["idle", "user", "syscall", "irq", "softirq"];

    /// The name in `truth.json`.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// State of a virtual CPU, as its host thread shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VcpuState {
    /// In non-root mode.
    Guest,
    /// In the hypervisor.
    Vmm,
    /// In the emulator's user space.
    VmmUser,
    /// Runnable, taken off the CPU.
    Preempted,
    /// Woken, not running yet.
    WaitingCpu,
    /// Asleep after HLT.
    Halted,
}

impl VcpuState {
    /// The names of the states in the order of the totals.
    pub(crate) const NAMES: [&'static str; 6] = ["guest", "vmm", "vmm-user", "preempted", "waiting-cpu", "halted"];

    /// The name in `truth.json`.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// The states that an account can be kept of.
pub(crate) trait State: Copy + PartialEq {
    /// Where the state's total is; none for states without time.
    fn slot(self) -> Option<usize>;
    /// Its name in the list of intervals.
    fn label(self) -> &'static str;
}

impl State for ThreadState {
    fn slot(self) -> Option<usize> {
        (self != Self::Gone).then_some(self as usize)
    }
    fn label(self) -> &'static str {
        self.name()
    }
}
impl State for CpuState {
    fn slot(self) -> Option<usize> {
        Some(self as usize)
    }
    fn label(self) -> &'static str {
        self.name()
    }
}
impl State for VcpuState {
    fn slot(self) -> Option<usize> {
        Some(self as usize)
    }
    fn label(self) -> &'static str {
        self.name()
    }
}

/// Whose intervals a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// `thread`, `cpu` or `vcpu`.
    pub(crate) kind: &'static str,
    /// Thread id, or the vCPU's host thread; 0 on a CPU row.
    pub(crate) tid: i32,
    /// Which use of that thread id.
    pub(crate) instance: u32,
    /// The CPU of a CPU row, the number of a vCPU row.
    pub(crate) cpu: usize,
}

/// One closed interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    /// Whose.
    pub(crate) row: Row,
    /// The state's name.
    pub(crate) state: &'static str,
    /// The system call, where the state is one.
    pub(crate) detail: Option<&'static str>,
    /// First instant.
    pub(crate) begin: i64,
    /// First instant after it.
    pub(crate) end: i64,
}

/// The first intervals of a machine, in the order in which they closed.
#[derive(Clone, Debug)]
pub(crate) struct IntervalLog {
    /// The list.
    pub(crate) list: Vec<Interval>,
    /// No interval is listed beyond that many.
    pub(crate) cap: usize,
    /// Set when one was left out: everything that closed before this instant is listed.
    pub(crate) complete_until: Option<i64>,
}

impl IntervalLog {
    /// A list for `cap` intervals.
    pub(crate) fn new(cap: usize) -> Self {
        Self { list: Vec::new(), cap, complete_until: None }
    }

    fn push(&mut self, interval: Interval) {
        if self.list.len() < self.cap {
            self.list.push(interval);
        } else if self.complete_until.is_none() {
            self.complete_until = Some(interval.end);
        }
    }
}

/// The running account of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<S> {
    /// The state now.
    pub(crate) state: S,
    /// The system call now.
    pub(crate) detail: Option<&'static str>,
    /// Since when.
    pub(crate) since: i64,
    /// The first instant that counts; none while a reader cannot know the state.
    pub(crate) known_from: Option<i64>,
    /// Time in each state.
    pub(crate) totals: [i64; 6],
}

impl<S: State> Account<S> {
    /// An account that does not count yet.
    pub(crate) fn new(state: S) -> Self {
        Self { state, detail: None, since: 0, known_from: None, totals: [0; 6] }
    }

    /// From now on a reader knows the state.
    #[inline]
    pub(crate) fn reveal(&mut self, now: i64) {
        if self.known_from.is_none() {
            self.known_from = Some(now);
            self.since = now;
        }
    }

    /// Changes the state.
    #[inline]
    pub(crate) fn change(&mut self, state: S, detail: Option<&'static str>, now: i64, row: Row, log: &mut IntervalLog) {
        if self.state == state && self.detail.is_some() == detail.is_some() {
            return;
        }
        self.close(now, row, log);
        self.state = state;
        self.detail = detail;
    }

    /// Adds up to `now` without a change of state.
    #[inline]
    pub(crate) fn close(&mut self, now: i64, row: Row, log: &mut IntervalLog) {
        if self.known_from.is_some()
            && let Some(slot) = self.state.slot()
        {
            self.totals[slot] += now - self.since;
            if now > self.since && log.complete_until.is_none() {
                let (state, detail, begin) = (self.state.label(), self.detail, self.since);
                log.push(Interval { row, state, detail, begin, end: now });
            }
        }
        self.since = now;
    }
}
