//! Which matches cannot belong to the others: a wrong one (two packets with one key, say) would make every line
//! impossible for ever.
//!
//! Only asked where matches contradict each other. A robust line (least median of residuals over pairs of
//! matches) says where most of them lie; the typical band is the distance between the middles of both
//! directions, about a typical round trip. A match on its wrong side of that line by more than ten bands is an
//! outlier. Smaller violations are not: clocks that bend look like that, and must not be argued away.
//!
//! Residuals are differences of instants, so `f64` is exact enough here; what is decided is only who is left
//! out, and exact hulls judge the rest.

use super::hull::Point;

/// One match between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sample {
    pub(super) at: Point,
    /// From the first clock to the second.
    pub(super) above: bool,
}

impl Sample {
    /// With the clocks exchanged, if asked.
    pub(super) fn turned(self, turned: bool) -> Self {
        if turned { Self { at: self.at.transposed(), above: !self.above } } else { self }
    }
}

/// A match must be on its wrong side by this many typical bands.
const FACTOR: f64 = 10.0;
/// Matches that the search for the robust line looks at.
const LOOKED_AT: usize = 512;
/// Lines that it tries; with a third of wrong matches, all of them miss once in 10^57 times.
const TRIALS: usize = 300;

/// The outliers among `samples` (which must be sorted), in order. Empty if there is no line that most of them
/// agree on, or if a half of all would have to go.
pub(super) fn outliers(samples: &[Sample]) -> Vec<Sample> {
    let Some(residuals) = robust_residuals(samples) else { return Vec::new() };
    let middle = |above: bool| {
        let side = samples.iter().zip(&residuals).filter(|(s, _)| s.above == above).map(|(_, r)| *r);
        median(side.collect())
    };
    let (Some(above), Some(below)) = (middle(true), middle(false)) else { return Vec::new() };
    let band = above - below;
    if band <= 0.0 {
        return Vec::new();
    }
    let centre = (above + below) / 2.0;
    let found: Vec<Sample> = samples
        .iter()
        .zip(&residuals)
        .filter(|(s, r)| if s.above { **r < centre - FACTOR * band } else { **r > centre + FACTOR * band })
        .map(|(s, _)| *s)
        .collect();
    if found.len() * 2 < samples.len() { found } else { Vec::new() }
}

/// Every sample's distance from the robust line.
fn robust_residuals(samples: &[Sample]) -> Option<Vec<f64>> {
    let origin = samples.first()?.at;
    // The difference of the clocks is taken in integers, so that a line's slope is only the small rest.
    let relative: Vec<(f64, f64)> = samples
        .iter()
        .map(|s| {
            let dx = i128::from(s.at.x) - i128::from(origin.x);
            let dy = i128::from(s.at.y) - i128::from(origin.y);
            (dx as f64, (dy - dx) as f64)
        })
        .collect();
    let step = relative.len().div_ceil(LOOKED_AT);
    let some: Vec<(f64, f64)> = relative.iter().copied().step_by(step).collect();
    let mut random = 1u64;
    let mut pick = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((random >> 33) as usize) * n) >> 31
    };
    let mut best: Option<(f64, f64, f64)> = None;
    for _ in 0..TRIALS {
        let (a, b) = (some[pick(some.len())], some[pick(some.len())]);
        if a.0 == b.0 {
            continue;
        }
        let slope = (b.1 - a.1) / (b.0 - a.0);
        let offset = a.1 - slope * a.0;
        let spread = median(some.iter().map(|s| (s.1 - slope * s.0 - offset).abs()).collect())?;
        if best.is_none_or(|(least, ..)| spread < least) {
            best = Some((spread, slope, offset));
        }
    }
    let (_, slope, offset) = best?;
    Some(relative.iter().map(|s| s.1 - slope * s.0 - offset).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Round trips every 10 ms with a drift of 60 ppm, and whatever is added.
    fn round_trips(n: i64, wrong: &[(i64, i64, bool)]) -> Vec<Sample> {
        let clock = |x: i64| x + x / 16_667 - 3_000_000_000;
        let mut samples = Vec::new();
        for i in 0..n {
            let x = i * 10_000_000;
            let latency = 20_000 + (i * 7_919) % 30_000;
            samples.push(Sample { at: Point { x: x + latency, y: clock(x) }, above: false });
            samples.push(Sample { at: Point { x: x + 100_000, y: clock(x + 100_000) + latency }, above: true });
        }
        samples.extend(wrong.iter().map(|&(x, off, above)| Sample { at: Point { x, y: clock(x) + off }, above }));
        samples.sort_unstable();
        samples
    }

    #[test]
    fn finds_what_is_far_on_the_wrong_side_only() {
        let wrong = [(77_000_000, -5_000_000, true), (310_000_000, 900_000_000, false)];
        let found = outliers(&round_trips(50, &wrong));
        assert_eq!(found.len(), 2);
        assert!(found[0].above && !found[1].above);
        // Late is not wrong; and a little wrong is not an outlier.
        assert_eq!(outliers(&round_trips(50, &[(77_000_000, 5_000_000, true), (1, -60_000, true)])), []);
    }

    #[test]
    fn says_nothing_without_a_majority_or_a_second_direction() {
        let samples = round_trips(20, &[]);
        let one_way: Vec<Sample> = samples.iter().copied().filter(|s| s.above).collect();
        assert_eq!(outliers(&one_way), []);
        assert_eq!(outliers(&[]), []);
        let turned: Vec<Sample> = samples.iter().map(|s| Sample { above: !s.above, ..*s }).collect();
        assert_eq!(outliers(&turned), []);
    }
}
