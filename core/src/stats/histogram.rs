//! Durations counted in bins of a few percent, and over time.
//!
//! A bin is as wide as a 32nd of a power of two: a percentile read from it is exact to 3 %, whatever the range,
//! and two histograms add up. (The layout is that of HdrHistogram, by Gil Tene.) Least, most, sum and number are
//! exact.

use crate::vocab::{Dur, MachineNs, TimeRange};

/// Bins per power of two.
const PARTS: u32 = 32;
const PART_BITS: u32 = PARTS.trailing_zeros();

/// Durations, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// By bin; as long as the largest that occurs.
    bins: Vec<u64>,
    count: u64,
    total: i64,
    min: Option<i64>,
    max: Option<i64>,
}

fn bin(ns: i64) -> usize {
    let ns = ns.max(0) as u64;
    if ns < u64::from(PARTS) {
        return ns as usize;
    }
    let power = 63 - ns.leading_zeros() - PART_BITS;
    ((power + 1) * PARTS) as usize + ((ns >> power) as usize & (PARTS as usize - 1))
}

/// The least duration of a bin.
fn floor(bin: usize) -> i64 {
    let (power, part) = (bin as u32 / PARTS, bin as u32 % PARTS);
    match power.checked_sub(1) {
        None => i64::from(part),
        Some(power) => i64::try_from(u64::from(part + PARTS) << power).unwrap_or(i64::MAX),
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&mut self, duration: Dur) {
        let at = bin(duration.0);
        if self.bins.len() <= at {
            self.bins.resize(at + 1, 0);
        }
        self.bins[at] += 1;
        self.count += 1;
        self.total = self.total.saturating_add(duration.0);
        self.min = Some(self.min.map_or(duration.0, |m| m.min(duration.0)));
        self.max = Some(self.max.map_or(duration.0, |m| m.max(duration.0)));
    }

    /// Counts what another one has counted as well.
    pub fn merge(&mut self, other: &Self) {
        if self.bins.len() < other.bins.len() {
            self.bins.resize(other.bins.len(), 0);
        }
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            *mine += theirs;
        }
        self.count += other.count;
        self.total = self.total.saturating_add(other.total);
        self.min = self.min.into_iter().chain(other.min).min();
        self.max = self.max.into_iter().chain(other.max).max();
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All together.
    pub fn total(&self) -> Dur {
        Dur(self.total)
    }

    /// The shortest.
    pub fn min(&self) -> Option<Dur> {
        self.min.map(Dur)
    }

    /// The longest.
    pub fn max(&self) -> Option<Dur> {
        self.max.map(Dur)
    }

    /// Their mean, rounded down.
    pub fn mean(&self) -> Option<Dur> {
        let count = i64::try_from(self.count).ok().filter(|n| *n > 0)?;
        Some(Dur(self.total / count))
    }

    /// The percentile (0 to 100), by the nearest rank and exact to 3 %; never beyond the shortest or longest.
    pub fn percentile(&self, percent: f64) -> Option<Dur> {
        let (min, max) = self.min.zip(self.max)?;
        let rank = ((self.count as f64 * percent / 100.0).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(Dur(max));
        }
        let mut seen = 0;
        for (at, n) in self.bins.iter().enumerate() {
            seen += n;
            if seen >= rank {
                // The middle of the bin is off by half of its width at most.
                let middle = floor(at).midpoint(floor(at + 1));
                return Some(Dur(middle.clamp(min, max)));
            }
        }
        Some(Dur(max))
    }

    /// Bins that are not empty: begin, end and number of each, in order.
    pub fn bins(&self) -> impl Iterator<Item = (Dur, Dur, u64)> + '_ {
        let filled = self.bins.iter().enumerate().filter(|(_, n)| **n > 0);
        filled.map(|(at, n)| (Dur(floor(at)), Dur(floor(at + 1)), *n))
    }
}

/// Durations over time: cells of a grid, each with how many there are and one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Density<T> {
    range: TimeRange<MachineNs>,
    columns: u32,
    /// Nanoseconds of a column.
    step: u64,
    cells: rustc_hash::FxHashMap<(u32, u32), Cell<T>>,
}

/// A cell of a [`Density`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell<T> {
    /// How many durations are in it.
    pub count: u64,
    /// The longest of them.
    pub longest: Dur,
    /// When that one ended.
    pub t: MachineNs,
    /// What it is.
    pub what: T,
}

/// Rows of a [`Density`] per power of two.
const ROWS: u32 = 4;

impl<T: Copy + Ord> Density<T> {
    /// An empty grid over a range, so many columns wide.
    pub fn new(range: TimeRange<MachineNs>, columns: u32) -> Self {
        let columns = columns.max(1);
        let step = (range.length().0.max(1) as u64).div_ceil(u64::from(columns));
        Self { range, columns, step, cells: rustc_hash::FxHashMap::default() }
    }

    /// Counts a duration that ended at `t`; one outside of the range counts at its nearer end.
    pub fn add(&mut self, t: MachineNs, duration: Dur, what: T) {
        let along = (t - self.range.begin).0.max(0) as u64 / self.step;
        let column = along.min(u64::from(self.columns) - 1) as u32;
        let row = bin(duration.0) as u32 / (PARTS / ROWS);
        let new = Cell { count: 1, longest: duration, t, what };
        self.cells.entry((column, row)).and_modify(|cell| cell.take(&new)).or_insert(new);
    }

    /// Counts what another grid of the same range and width has counted as well.
    pub fn merge(&mut self, other: &Self) {
        #[expect(clippy::iter_over_hash_type, reason = "into another one: the order has no effect")]
        for (place, cell) in &other.cells {
            self.cells.entry(*place).and_modify(|mine| mine.take(cell)).or_insert(*cell);
        }
    }

    /// All cells, in order of time, then duration.
    pub fn cells(&self) -> Vec<Cell<T>> {
        let mut cells: Vec<_> = self.cells.iter().collect();
        cells.sort_unstable_by_key(|(place, _)| **place);
        cells.into_iter().map(|(_, cell)| *cell).collect()
    }
}

impl<T: Copy + Ord> Cell<T> {
    fn take(&mut self, other: &Self) {
        self.count += other.count;
        // Which one stands for the cell must not depend on who counted first.
        if (other.longest, std::cmp::Reverse(other.t), other.what)
            > (self.longest, std::cmp::Reverse(self.t), self.what)
        {
            (self.longest, self.t, self.what) = (other.longest, other.t, other.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_follow_each_other() {
        for at in 0..1800 {
            assert_eq!(bin(floor(at)), at);
            assert!(floor(at) < floor(at + 1), "{at}");
            assert_eq!(bin(floor(at + 1) - 1), at);
        }
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_list(
            mut list in prop::collection::vec(0i64..10_000_000_000, 1..300), percent in 0f64..100.0, cut in 0usize..300,
        ) {
            let mut histogram = Histogram::default();
            let (one, other) = list.split_at(cut.min(list.len()));
            one.iter().for_each(|ns| histogram.add(Dur(*ns)));
            let mut second = Histogram::default();
            other.iter().for_each(|ns| second.add(Dur(*ns)));
            histogram.merge(&second);
            list.sort_unstable();
            prop_assert_eq!(histogram.count(), list.len() as u64);
            prop_assert_eq!(histogram.total().0, list.iter().sum::<i64>());
            prop_assert_eq!(histogram.min(), list.first().map(|n| Dur(*n)));
            prop_assert_eq!(histogram.max(), list.last().map(|n| Dur(*n)));
            let rank = ((list.len() as f64 * percent / 100.0).ceil() as usize).clamp(1, list.len());
            let (exact, ours) = (list[rank - 1], histogram.percentile(percent).unwrap().0);
            prop_assert!((ours - exact).abs() * 32 <= exact.max(32), "{} for {}", ours, exact);
        }
    }
}
