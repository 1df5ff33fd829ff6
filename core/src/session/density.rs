//! How many events there are over time, for the overview: from packet headers at once, exact as the pass goes.

use crate::trace::{Checkpoint, PacketInfo};
use crate::vocab::{MachineNs, TimeRange};

/// Bins over a machine's whole extent; twice the pixels of a wide screen.
const BINS: usize = 4096;

/// Events of a machine over time.
#[derive(Clone, Debug)]
pub struct Density {
    extent: TimeRange<MachineNs>,
    bins: Vec<f32>,
}

impl Density {
    /// No events in `extent`.
    pub fn new(extent: TimeRange<MachineNs>) -> Self {
        Self { extent, bins: vec![0.0; BINS] }
    }

    /// The stretch of time that it covers.
    pub fn extent(&self) -> TimeRange<MachineNs> {
        self.extent
    }

    /// Spreads `amount` evenly over `range`.
    pub fn add(&mut self, range: TimeRange<MachineNs>, amount: f64) {
        let (a, b) = (self.position(range.begin), self.position(range.end));
        let (first, last) = (a as usize, (b as usize).min(BINS - 1));
        if first >= last || b - a < 1e-9 {
            self.bins[first.min(BINS - 1)] += amount as f32;
            return;
        }
        let per_bin = amount / (b - a);
        for (bin, value) in self.bins.iter_mut().enumerate().take(last + 1).skip(first) {
            let overlap = (b.min(bin as f64 + 1.0) - a.max(bin as f64)).max(0.0);
            *value += (per_bin * overlap) as f32;
        }
    }

    fn position(&self, t: MachineNs) -> f64 {
        let length = self.extent.length().0.max(1) as f64;
        ((t - self.extent.begin).0 as f64 / length * BINS as f64).clamp(0.0, BINS as f64)
    }

    /// What is known before any event is decoded: packets' bytes, spread over the time that they cover.
    pub fn add_packets(&mut self, packets: &[PacketInfo]) {
        for packet in packets {
            self.add(TimeRange::new(packet.begin, packet.end), packet.bytes as f64);
        }
    }

    /// Exact counts between neighbouring checkpoints of one stream; `previous` is the last one added before.
    pub fn add_checkpoints(&mut self, previous: &mut Option<Checkpoint>, checkpoints: &[Checkpoint]) {
        for checkpoint in checkpoints {
            if let Some(before) = previous {
                let events = checkpoint.ordinal.saturating_sub(before.ordinal);
                self.add(TimeRange::new(before.t, checkpoint.t), events as f64);
            }
            *previous = Some(*checkpoint);
        }
    }

    /// The part before `until` from `self`, the rest from `estimate`, scaled so that both speak of the same
    /// unit (the estimate is in bytes).
    pub fn with_estimate(&self, until: MachineNs, estimate: &Self) -> Self {
        let split = (self.position(until) as usize).min(BINS);
        let known: f32 = self.bins[..split].iter().sum();
        let estimated: f32 = estimate.bins[..split].iter().sum();
        let scale = if known > 0.0 && estimated > 0.0 { known / estimated } else { 1.0 / 40.0 };
        let mut bins = self.bins.clone();
        for (bin, value) in bins.iter_mut().enumerate().skip(split) {
            *value = value.max(estimate.bins[bin] * scale);
        }
        Self { extent: self.extent, bins }
    }

    /// Events in each of `n` equal parts of `range`.
    pub fn columns(&self, range: TimeRange<MachineNs>, n: usize, out: &mut Vec<f32>) {
        out.clear();
        let (a, b) = {
            // Unclamped: parts outside of the extent are empty.
            let length = self.extent.length().0.max(1) as f64;
            let at = |t: MachineNs| (t - self.extent.begin).0 as f64 / length * BINS as f64;
            (at(range.begin), at(range.end))
        };
        let step = (b - a) / n.max(1) as f64;
        for column in 0..n {
            let (from, to) = (a + step * column as f64, a + step * (column + 1) as f64);
            let (from, to) = (from.max(0.0), to.min(BINS as f64));
            let mut sum = 0.0;
            let mut at = from;
            while at < to {
                let bin = at as usize;
                let end = (bin as f64 + 1.0).min(to);
                sum += f64::from(self.bins.get(bin).copied().unwrap_or(0.0)) * (end - at);
                if end <= at {
                    break;
                }
                at = end;
            }
            out.push(sum as f32);
        }
    }

    /// The shortest stretch of time that holds all but a fortieth of the events at either end.
    pub fn main_part(&self) -> TimeRange<MachineNs> {
        let total: f64 = self.bins.iter().map(|b| f64::from(*b)).sum();
        let mut sum = 0.0;
        let (mut first, mut last) = (0, BINS);
        for (bin, value) in self.bins.iter().enumerate() {
            if sum <= total * 0.025 {
                first = bin;
            }
            sum += f64::from(*value);
            if sum >= total * 0.975 {
                last = bin + 1;
                break;
            }
        }
        let at = |bin: usize| {
            let ns = i128::from(self.extent.length().0) * bin as i128 / BINS as i128;
            MachineNs(self.extent.begin.0.saturating_add(ns as i64))
        };
        TimeRange::new(at(first), at(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(begin: i64, end: i64) -> TimeRange<MachineNs> {
        TimeRange::new(MachineNs(begin), MachineNs(end))
    }

    #[test]
    fn amounts_are_kept_wherever_they_fall() {
        let mut density = Density::new(range(0, 4_096_000));
        density.add(range(0, 4_096_000), 1000.0);
        density.add(range(500, 700), 50.0);
        density.add(range(4_096_000, 4_096_000), 7.0);
        let mut columns = Vec::new();
        density.columns(range(0, 4_096_000), 100, &mut columns);
        let sum: f32 = columns.iter().sum();
        assert!((sum - 1057.0).abs() < 0.1, "{sum}");
        density.columns(range(-1000, 0), 10, &mut columns);
        assert!(columns.iter().all(|c| *c == 0.0));
    }

    #[test]
    fn the_main_part_leaves_out_a_long_quiet_beginning() {
        let mut density = Density::new(range(0, 1_000_000));
        density.add(range(0, 900_000), 1.0);
        density.add(range(900_000, 1_000_000), 1000.0);
        let main = density.main_part();
        assert!(main.begin.0 > 890_000 && main.end.0 > 990_000, "{main:?}");
    }
}
