//! How long system calls took, threads waited for a CPU, and interrupts ran.
//!
//! All of it is read from rows:
//!
//! | kind | from | to |
//! |---|---|---|
//! | system call | entering it | returning to user mode, sleeps and preemptions in between included |
//! | wake-up | the wake-up of a sleeping thread | its first instruction |
//! | preemption | being taken off the CPU while runnable | getting one again |
//! | interrupt, softirq | the handler's begin | its end |
//! | softirq delay | being raised | its handler's begin |
//!
//! What ends in the range counts, with its whole length, also if it began before. What begins unseen or is cut by
//! a loss or by the trace's end does not count: its length is not known.

use std::cmp::Reverse;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::stats::histogram::{Density, Histogram};
use crate::store::{Look, Row, StoreSnapshot};
use crate::vocab::{Cancel, Cancelled, Dur, MachineNs, Name, RowId, RowKind, State, TimeRange};

/// Intervals between two looks at the cancel flag.
const STRIDE: usize = 4096;

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LatencyKind {
    /// A system call.
    Syscall,
    /// From a wake-up to running.
    Wakeup,
    /// Runnable after being preempted.
    Preemption,
    /// A hardware interrupt's handler.
    Irq,
    /// A softirq's handler.
    Softirq,
    /// From raising a softirq to its handler.
    SoftirqDelay,
}

impl LatencyKind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Syscall, Self::Wakeup, Self::Preemption, Self::Irq, Self::Softirq, Self::SoftirqDelay];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::Wakeup => "wakeup",
            Self::Preemption => "preemption",
            Self::Irq => "irq",
            Self::Softirq => "softirq",
            Self::SoftirqDelay => "softirq-delay",
        }
    }

    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Syscall => "System calls",
            Self::Wakeup => "From wake-up to running",
            Self::Preemption => "Preempted, until running again",
            Self::Irq => "Interrupt handlers",
            Self::Softirq => "Softirq handlers",
            Self::SoftirqDelay => "From raised softirq to handler",
        }
    }
}

/// Which latencies are asked for.
#[derive(Clone, Debug)]
pub struct LatencyQuery<'a> {
    /// Those that end in it.
    pub range: TimeRange<MachineNs>,
    /// Of these kinds.
    pub kinds: &'a [LatencyKind],
    /// Only of this thread.
    pub thread: Option<RowId>,
    /// Columns of the density over time.
    pub columns: u32,
}

/// The longest of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Longest {
    /// How long.
    pub duration: Dur,
    /// When it began; the earlier is the greater, so that the first of equals is the longest.
    pub begin: Reverse<MachineNs>,
    /// The row on which it is seen.
    pub row: RowId,
}

/// Latencies of one kind and name: one system call, one interrupt line; of threads' waits, one thread name.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    /// What.
    pub kind: LatencyKind,
    /// The system call, the interrupt's name, the task's name.
    pub name: Name,
    /// Their durations.
    pub histogram: Histogram,
    /// The longest, to jump to.
    pub longest: Longest,
    /// Over time; each cell knows the row and begin of its longest.
    pub density: Density<(RowId, MachineNs)>,
}

type Found = FxHashMap<(LatencyKind, Name), Latencies>;

/// Counts latencies of a machine: by kind, then the one with most time first. Takes time in proportion to the
/// intervals in the range, divided by the cores.
///
/// # Errors
/// Somebody cancelled.
pub fn latencies(
    store: &StoreSnapshot,
    query: &LatencyQuery<'_>,
    cancel: &Cancel,
) -> Result<Vec<Latencies>, Cancelled> {
    let wanted = |kinds: &[LatencyKind]| query.kinds.iter().any(|k| kinds.contains(k));
    let rows: Vec<&Row> = store
        .rows()
        .map(|row| &**row)
        .filter(|row| match row.key().kind {
            RowKind::Thread => {
                !row.key().is_idle_task()
                    && query.thread.is_none_or(|id| id == row.id())
                    && wanted(&[LatencyKind::Syscall, LatencyKind::Wakeup, LatencyKind::Preemption])
            }
            RowKind::Irq => query.thread.is_none() && wanted(&[LatencyKind::Irq]),
            RowKind::Softirq => query.thread.is_none() && wanted(&[LatencyKind::Softirq, LatencyKind::SoftirqDelay]),
            _ => false,
        })
        .collect();
    let found = rows
        .into_par_iter()
        .with_min_len(8)
        .try_fold(Found::default, |mut found, row| {
            let mut count = Count { query, row, found: &mut found };
            match row.key().kind {
                RowKind::Thread => count.thread(cancel)?,
                _ => count.handler(cancel)?,
            }
            Ok(found)
        })
        .try_reduce(Found::default, |mut one, other| {
            #[expect(clippy::iter_over_hash_type, reason = "into another one: the order has no effect")]
            for (key, latencies) in other {
                match one.entry(key) {
                    std::collections::hash_map::Entry::Occupied(mut mine) => mine.get_mut().merge(&latencies),
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert(latencies);
                    }
                }
            }
            Ok(one)
        })?;
    let mut all: Vec<Latencies> = found.into_values().collect();
    all.sort_by_key(|l| (l.kind, Reverse(l.histogram.total()), l.name));
    Ok(all)
}

impl Latencies {
    fn merge(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        self.density.merge(&other.density);
        self.longest = self.longest.max(other.longest);
    }
}

/// One row's share of the counting.
struct Count<'a> {
    query: &'a LatencyQuery<'a>,
    row: &'a Row,
    found: &'a mut Found,
}

impl Count<'_> {
    fn add(&mut self, kind: LatencyKind, name: Name, begin: MachineNs, end: MachineNs) {
        if !self.query.range.contains(end) || !self.query.kinds.contains(&kind) {
            return;
        }
        let duration = end - begin;
        let longest = Longest { duration, begin: Reverse(begin), row: self.row.id() };
        let query = self.query;
        let entry = self.found.entry((kind, name)).or_insert_with(|| Latencies {
            kind,
            name,
            histogram: Histogram::default(),
            longest,
            density: Density::new(query.range, query.columns),
        });
        entry.histogram.add(duration);
        entry.longest = entry.longest.max(longest);
        entry.density.add(end, duration, (self.row.id(), begin));
    }

    /// Where to begin to read: a call or wait that ends in the range may have begun long before.
    fn begin(&self) -> MachineNs {
        let mut begin = self.query.range.begin;
        for earlier in self.row.backward(begin) {
            // In user mode no call is open; nothing is known across a hole.
            if earlier.end < begin || matches!(earlier.look.state, State::RunningUser | State::Unknown) {
                return earlier.begin;
            }
            begin = earlier.begin;
        }
        begin
    }

    fn thread(&mut self, cancel: &Cancel) -> Result<(), Cancelled> {
        // The open system call, its begin known.
        let mut call: Option<(Name, MachineNs)> = None;
        // The open wait for a CPU: its kind and begin.
        let mut wait: Option<(LatencyKind, MachineNs)> = None;
        let (mut last_end, mut last) = (MachineNs::MIN, State::None);
        let range = TimeRange::new(self.begin(), self.query.range.end + Dur(1));
        let row = self.row;
        for (n, interval) in row.intervals(range).enumerate() {
            if n % STRIDE == 0 {
                cancel.check()?;
            }
            let look = interval.look;
            if interval.begin != last_end {
                (call, wait, last) = (None, None, State::None);
            }
            match look.state {
                State::RunningUser | State::RunningSyscall | State::Interrupted => {
                    if let Some((kind, begin)) = wait.take() {
                        self.add(kind, row.name_at(interval.begin), begin, interval.begin);
                    }
                }
                State::WaitingCpu if wait.is_none() => {
                    let kind = match last {
                        State::Blocked => Some(LatencyKind::Wakeup),
                        State::RunningUser | State::RunningSyscall | State::Interrupted => {
                            Some(LatencyKind::Preemption)
                        }
                        _ => None,
                    };
                    wait = kind.map(|kind| (kind, interval.begin));
                }
                State::WaitingCpu => {}
                _ => wait = None,
            }
            match look.state {
                State::RunningSyscall => match call {
                    Some((name, _)) if name == look.detail => {}
                    _ => {
                        // Seen to begin only if it was in user mode before, be it for an interrupt in between.
                        if let Some((name, begin)) = call.take() {
                            self.add(LatencyKind::Syscall, name, begin, interval.begin);
                        }
                        call = (last != State::None).then_some((look.detail, interval.begin));
                    }
                },
                State::RunningUser => {
                    if let Some((name, begin)) = call.take() {
                        self.add(LatencyKind::Syscall, name, begin, interval.begin);
                    }
                }
                State::Unknown | State::WaitingUnknown => call = None,
                _ => {}
            }
            // Who ran, without being known how, ran.
            let ran = look.state == State::Unknown && look.aux != Look::NO_AUX;
            (last_end, last) = (interval.end, if ran { State::RunningUser } else { look.state });
        }
        Ok(())
    }

    /// A row of an interrupt or softirq.
    fn handler(&mut self, cancel: &Cancel) -> Result<(), Cancelled> {
        let (kind, row) = (self.row.key().kind, self.row);
        let active = if kind == RowKind::Irq { LatencyKind::Irq } else { LatencyKind::Softirq };
        // The trace's end cuts what is open.
        let end = row.settled();
        let range = TimeRange::new(self.query.range.begin - Dur(1), self.query.range.end + Dur(1));
        for (n, interval) in row.intervals(range).enumerate() {
            if n % STRIDE == 0 {
                cancel.check()?;
            }
            if interval.begin >= end {
                break;
            }
            let what = if interval.look.state == State::Raised { LatencyKind::SoftirqDelay } else { active };
            self.add(what, row.name_at(interval.begin), interval.begin, interval.end);
        }
        Ok(())
    }
}
