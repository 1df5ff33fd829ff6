//! How long system calls took, threads waited for a CPU, and interrupts ran.
//!
//! All of it is read from rows, or from what was [kept](keep_latencies) of them:
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
use crate::stats::kept::Kept;
use crate::stats::walk::{self, Latency};
use crate::store::{Row, StoreSnapshot};
use crate::vocab::{Cancel, Cancelled, Dur, MachineNs, Name, RowId, RowKind, TimeRange};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// What.
    pub kind: LatencyKind,
    /// The system call, the interrupt's name, the task's name.
    pub name: Name,
    /// Their durations.
    pub histogram: Histogram,
    /// The longest, to jump to.
    pub longest: Longest,
}

/// Counts latencies of a machine: by kind, then the one with most time first. Takes time in proportion to the
/// intervals in the range, divided by the cores; after [`keep_latencies`] a tenth of it.
///
/// # Errors
/// Somebody cancelled.
pub fn latencies(
    store: &StoreSnapshot,
    query: &LatencyQuery<'_>,
    cancel: &Cancel,
) -> Result<Vec<Latencies>, Cancelled> {
    let counted = match store.derived::<Kept>() {
        Some(kept) => kept.count(query, cancel)?,
        None => count(store, query, cancel)?,
    };
    let mut all = counted.all;
    all.retain(|of| of.histogram.count() > 0);
    all.par_sort_by_cached_key(|l| (l.kind, Reverse(l.histogram.total()), l.name));
    Ok(all)
}

/// Where the latencies of one kind and name lie over time, on a grid that is so many columns wide; each cell knows
/// the row and the begin of its longest.
///
/// # Errors
/// Somebody cancelled.
pub fn latency_density(
    store: &StoreSnapshot,
    query: &LatencyQuery<'_>,
    name: Name,
    columns: u32,
    cancel: &Cancel,
) -> Result<Density<(RowId, MachineNs)>, Cancelled> {
    if let Some(kept) = store.derived::<Kept>() {
        return kept.density(query, name, columns, cancel);
    }
    let none = || Density::new(query.range, columns);
    asked_rows(store, query)
        .into_par_iter()
        .with_min_len(8)
        .try_fold(none, |mut density, row| {
            walk::each(row, query.range, cancel, |l| {
                if l.name == name && query.kinds.contains(&l.kind) {
                    density.add(l.end, l.end - l.begin, (row.id(), l.begin));
                }
            })?;
            Ok(density)
        })
        .try_reduce(none, |mut one, other| {
            one.merge(&other);
            Ok(one)
        })
}

/// Writes down all latencies of a machine, so that every later question to this snapshot is answered from them: worth
/// it where many questions come, of a trace that is read to its end. Takes as long as [`latencies`] of everything
/// and nine bytes for each of them, as long as the snapshot lives. Does nothing where it was done.
///
/// # Errors
/// Somebody cancelled; nothing is kept.
pub fn keep_latencies(store: &StoreSnapshot, cancel: &Cancel) -> Result<(), Cancelled> {
    store.derive(|| Kept::new(store, cancel))
}

/// Rows on which there may be something of what is asked for.
fn asked_rows<'a>(store: &'a StoreSnapshot, query: &LatencyQuery<'_>) -> Vec<&'a Row> {
    let rows = store.rows().map(|row| &**row);
    rows.filter(|row| is_asked(row, query)).collect()
}

fn is_asked(row: &Row, query: &LatencyQuery<'_>) -> bool {
    let wanted = |kinds: &[LatencyKind]| query.kinds.iter().any(|k| kinds.contains(k));
    match row.key().kind {
        RowKind::Thread => {
            !row.key().is_idle_task()
                && query.thread.is_none_or(|id| id == row.id())
                && wanted(&[LatencyKind::Syscall, LatencyKind::Wakeup, LatencyKind::Preemption])
        }
        RowKind::Irq => query.thread.is_none() && wanted(&[LatencyKind::Irq]),
        RowKind::Softirq => query.thread.is_none() && wanted(&[LatencyKind::Softirq, LatencyKind::SoftirqDelay]),
        _ => false,
    }
}

/// What is being counted: a list, and where each kind and name stands in it.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) all: Vec<Latencies>,
    places: FxHashMap<(LatencyKind, Name), usize>,
}

impl Counted {
    /// Where a kind and name stands in the list.
    pub(super) fn place(&mut self, kind: LatencyKind, name: Name) -> usize {
        *self.places.entry((kind, name)).or_insert_with(|| {
            let longest = Longest { duration: Dur(-1), begin: Reverse(MachineNs::MAX), row: RowId(0) };
            self.all.push(Latencies { kind, name, histogram: Histogram::default(), longest });
            self.all.len() - 1
        })
    }

    fn add(&mut self, row: RowId, latency: Latency) {
        let at = self.place(latency.kind, latency.name);
        let duration = latency.end - latency.begin;
        self.all[at].histogram.add(duration);
        self.all[at].longest = self.all[at].longest.max(Longest { duration, begin: Reverse(latency.begin), row });
    }

    /// Adds what was counted elsewhere.
    pub(super) fn merge(mut self, other: Self) -> Self {
        if self.all.len() < other.all.len() {
            return other.merge(self);
        }
        for theirs in other.all {
            let key = (theirs.kind, theirs.name);
            match self.places.get(&key).and_then(|at| self.all.get_mut(*at)) {
                Some(mine) => {
                    mine.histogram.merge(&theirs.histogram);
                    mine.longest = mine.longest.max(theirs.longest);
                }
                None => {
                    self.places.insert(key, self.all.len());
                    self.all.push(theirs);
                }
            }
        }
        self
    }
}

/// Counts what rows show.
fn count(store: &StoreSnapshot, query: &LatencyQuery<'_>, cancel: &Cancel) -> Result<Counted, Cancelled> {
    asked_rows(store, query)
        .into_par_iter()
        .with_min_len(8)
        .try_fold(Counted::default, |mut counted, row| {
            walk::each(row, query.range, cancel, |latency| {
                if query.kinds.contains(&latency.kind) {
                    counted.add(row.id(), latency);
                }
            })?;
            Ok(counted)
        })
        .try_reduce(Counted::default, |one, other| Ok(one.merge(other)))
}
