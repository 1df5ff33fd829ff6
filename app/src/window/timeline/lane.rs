//! What a timeline reads of a row, and how much of it: never more than a pixel can show.
//!
//! A trait, because not every row is stored: rows that are joined from two machines answer the same questions.

use stratoscope_core::store::{StateSums, Wakeup};
use stratoscope_core::vocab::{MachineNs, Name, State, TimeRange};

pub use stratoscope_core::store::{Interval, Run};

/// What different versions of a lane have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which lane it is: the same in all its versions, and no other's.
    pub lane: u64,
    /// No later version differs from this one before that instant.
    pub before: MachineNs,
}

/// The states of one row over time, in its machine's time.
pub trait Lane: Send + Sync {
    /// Changes whenever an answer could.
    fn version(&self) -> u64;

    /// What later versions have in common with this one; `None`: nothing that is known.
    fn settled(&self) -> Option<Settled> {
        None
    }

    /// Replaces `out` by what `width_px` columns of pixels over `range` show, from left to right.
    fn runs(&self, range: TimeRange<MachineNs>, width_px: u32, out: &mut Vec<Run>);

    /// The interval that contains `t`.
    fn at(&self, t: MachineNs) -> Option<Interval>;

    /// The first interval that begins after `t`.
    fn next_after(&self, t: MachineNs) -> Option<Interval>;

    /// The last interval that ends at or before `t`.
    fn prev_before(&self, t: MachineNs) -> Option<Interval>;

    /// Hands out the intervals that touch `range` from left to right, until `each` says `false`.
    fn each(&self, range: TimeRange<MachineNs>, each: &mut dyn FnMut(&Interval) -> bool) {
        let mut next = self.at(range.begin).or_else(|| self.next_after(range.begin));
        while let Some(interval) = next.filter(|i| i.begin < range.end) {
            if !each(&interval) {
                return;
            }
            next = self.next_after(interval.begin);
        }
    }

    /// The names that it bore, each with the instant from which on, in order of time; empty: it always had the same.
    fn names(&self) -> &[(MachineNs, Name)] {
        &[]
    }

    /// Adds the nanoseconds of every state within `range` to `out`, by the state's number.
    fn sums(&self, range: TimeRange<MachineNs>, out: &mut [i64; State::COUNT]);

    /// Nanoseconds and number of intervals of every state within `range`.
    fn counted(&self, range: TimeRange<MachineNs>) -> StateSums;
}

/// The wake-ups of one machine, in order of time.
pub trait Wakeups: Send + Sync {
    /// Changes whenever an answer could.
    fn version(&self) -> u64;

    /// How many lie in `range`.
    fn count(&self, range: TimeRange<MachineNs>) -> usize;

    /// Hands out those in `range`, until `each` says `false`.
    fn each(&self, range: TimeRange<MachineNs>, each: &mut dyn FnMut(&Wakeup) -> bool);
}

/// How many events a machine has over time.
pub trait EventDensity: Send + Sync {
    /// Replaces `out` by the events in each of `n` equal parts of `range`.
    fn columns(&self, range: TimeRange<MachineNs>, n: usize, out: &mut Vec<f32>);
}
