//! The map from one machine's axis to the reference's: an exact line, rounded down once.
//!
//! A line is kept in fixed point around a local origin, because `f64` cannot hold an instant and a fraction of
//! big integers costs a division each time. Forwards it costs one wide multiplication. Rounding down a rising
//! line is monotone, so a map never turns two events of a machine around.
//!
//! Not here: how a line is found (`hull`, `pair`, `network`).

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, ToPrimitive as _};

use super::exact::{Line, round};
use crate::vocab::{Dur, MachineNs, RefNs};

/// Converts a machine's instants to the reference axis and back. Monotone in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockMap {
    forward: Linear,
    /// Only a first guess for [`ClockMap::from_ref`], which then looks at `forward`.
    backward: Linear,
}

impl ClockMap {
    /// The reference machine's own map.
    pub const IDENTITY: Self = Self::shift(0);

    const fn shift(ns: i128) -> Self {
        Self { forward: Linear::shift(ns), backward: Linear::shift(-ns) }
    }

    /// Places a machine by the dates of both clocks' origins (nanoseconds since 1970).
    pub fn by_origins(machine_origin_ns: i128, reference_origin_ns: i128) -> Self {
        // Dates that far apart end at the axis' end anyway; the limit keeps sums from overflowing.
        const FAR: i128 = 1 << 100;
        Self::shift(machine_origin_ns.saturating_sub(reference_origin_ns).clamp(-FAR, FAR))
    }

    /// The map `reference = slope · machine + offset`, most exact around `around`: off by less than 10⁻⁴ ns
    /// within 11 days of it. `None` if the slope is not between 10⁻⁹ and 10⁹.
    pub(super) fn from_line(line: &Line, around: MachineNs) -> Option<Self> {
        let forward = Linear::new(line, around.0)?;
        let backward = Linear::new(&line.inverse()?, clamp(forward.at(around.0)))?;
        Some(Self { forward, backward })
    }

    /// The same map, with everything `by` later on the reference axis: of a machine that is on its way from one
    /// place to another.
    pub fn shifted(&self, by: Dur) -> Self {
        let mut map = *self;
        map.forward.to += i128::from(by.0);
        map.backward.from = map.backward.from.saturating_add(by.0);
        map
    }

    /// The instant on the reference axis, rounded down; clamped to what the axis can hold.
    #[inline]
    pub fn to_ref(&self, t: MachineNs) -> RefNs {
        RefNs(clamp(self.forward.at(t.0)))
    }

    /// The first instant of the machine that [`ClockMap::to_ref`] does not put before `t`; the axis' end if
    /// there is none. So half-open ranges map exactly: `to_ref(t)` lies in `[a, b)` if and only if `t` lies in
    /// `[from_ref(a), from_ref(b))`.
    #[inline]
    pub fn from_ref(&self, t: RefNs) -> MachineNs {
        if t.0 == i64::MIN {
            return MachineNs::MIN;
        }
        if let Some(ns) = self.forward.as_shift()
            && let Ok(exact) = i64::try_from(i128::from(t.0) - ns)
        {
            return MachineNs(exact);
        }
        let guess = clamp(self.backward.at(t.0));
        // The guess was rounded down: it is right or the one before.
        MachineNs(self.forward.first_of_two(guess, t.0).unwrap_or_else(|| self.first_near(guess, t).0))
    }

    /// The first instant that is not mapped before `t`, looked for from `guess` on: at the axis' ends it may be far.
    #[cold]
    fn first_near(&self, guess: i64, t: RefNs) -> MachineNs {
        let reached = |m: i64| self.forward.at(m) >= i128::from(t.0);
        // Doubling steps find a bracket.
        let (mut before, mut from);
        if reached(guess) {
            from = guess;
            let mut step: i64 = 1;
            loop {
                before = guess.saturating_sub(step);
                if !reached(before) {
                    break;
                }
                from = before;
                if before == i64::MIN {
                    return MachineNs::MIN;
                }
                step = step.saturating_mul(2);
            }
        } else {
            before = guess;
            let mut step: i64 = 1;
            loop {
                from = guess.saturating_add(step);
                if reached(from) {
                    break;
                }
                before = from;
                if from == i64::MAX {
                    return MachineNs::MAX;
                }
                step = step.saturating_mul(2);
            }
        }
        while i128::from(from) - i128::from(before) > 1 {
            let middle = ((i128::from(from) + i128::from(before)) >> 1) as i64;
            if reached(middle) {
                from = middle;
            } else {
                before = middle;
            }
        }
        MachineNs(from)
    }
}

/// `floor(to + (v − from)·slope + fraction)` with `slope = whole + part / 2^shift` and
/// `fraction = rest / 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Linear {
    from: i64,
    to: i128,
    whole: i64,
    part: i64,
    shift: u32,
    rest: i128,
}

impl Linear {
    /// |part| ≤ 2^62 and |v − from| < 2^64: their product leaves room for `rest` within 127 bits.
    const PART_BITS: u64 = 62;
    const MAX_SHIFT: u32 = 100;
    /// 2⁻¹⁵ ns is added before rounding down, more than what the fixed point loses in five days from `from`: an
    /// instant whose exact image is whole (as those of messages that fix the line often are) must not fall below.
    const BIAS: u32 = 15;

    const fn shift(ns: i128) -> Self {
        Self { from: 0, to: ns, whole: 1, part: 0, shift: 0, rest: 0 }
    }

    /// The line around `around`; `None` if its slope is not between 10⁻⁹ and 10⁹ or it leaves any clock.
    pub(super) fn new(line: &Line, around: i64) -> Option<Self> {
        let limit = BigRational::from(BigInt::from(1_000_000_000));
        if line.slope > limit || line.slope < limit.recip() {
            return None;
        }
        let whole = round(&line.slope);
        let part = &line.slope - BigRational::from(whole.clone());
        let mut shift = Self::MAX_SHIFT;
        let part = loop {
            let scaled = round(&(&part * BigRational::from(BigInt::one() << shift)));
            if scaled.abs() <= BigInt::one() << Self::PART_BITS {
                break scaled;
            }
            shift -= 1;
        };
        let image = line.at(&BigRational::from(BigInt::from(around)));
        let (to, rest) = image.numer().div_mod_floor(image.denom());
        let rest = (rest << shift) / image.denom() + (BigInt::one() << (shift - Self::BIAS));
        Some(Self {
            from: around,
            to: to.to_i128().filter(|t| t.unsigned_abs() < 1 << 110)?,
            whole: whole.to_i64()?,
            part: part.to_i64()?,
            shift,
            rest: rest.to_i128()?,
        })
    }

    #[inline]
    pub(super) fn at(&self, v: i64) -> i128 {
        let (whole, scaled) = self.parts(v);
        whole + (scaled >> self.shift)
    }

    /// Whole nanoseconds at `v`, and what comes on top in units of `2^-shift` before it is rounded down.
    #[inline]
    fn parts(&self, v: i64) -> (i128, i128) {
        match v.checked_sub(self.from) {
            // Two words times one each: much cheaper than numbers of two words, and nearly always enough.
            Some(d) => {
                (self.to + i128::from(self.whole) * i128::from(d), i128::from(d) * i128::from(self.part) + self.rest)
            }
            None => {
                let d = i128::from(v) - i128::from(self.from);
                (self.to + i128::from(self.whole) * d, d * i128::from(self.part) + self.rest)
            }
        }
    }

    /// The first instant whose image is not before `t`, if it is `v` or the one after it. What lies beside `v` is
    /// one slope away from its image: that takes no further multiplication.
    #[inline]
    fn first_of_two(&self, v: i64, t: i64) -> Option<i64> {
        let (whole, scaled) = self.parts(v);
        let (slope, part, t) = (i128::from(self.whole), i128::from(self.part), i128::from(t));
        if whole + (scaled >> self.shift) < t {
            let after = whole + slope + ((scaled + part) >> self.shift);
            v.checked_add(1).filter(|_| after >= t)
        } else {
            let before = whole - slope + ((scaled - part) >> self.shift);
            Some(v).filter(|_| v > i64::MIN && before < t)
        }
    }

    /// What it adds, if it adds the same everywhere.
    #[inline]
    fn as_shift(&self) -> Option<i128> {
        (self.whole == 1 && self.part == 0 && self.rest == 0).then(|| self.to - i128::from(self.from))
    }

    /// `y` minus the line at `x`, with its fraction.
    pub(super) fn residual(&self, x: i64, y: i64) -> f64 {
        let d = i128::from(x) - i128::from(self.from);
        let scaled = d * i128::from(self.part) + self.rest;
        let floor = scaled >> self.shift;
        let fraction = (scaled - (floor << self.shift)) as f64 / 2f64.powi(self.shift as i32);
        (i128::from(y) - self.to - i128::from(self.whole) * d - floor) as f64 - fraction
    }
}

fn clamp(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rational(n: i128, d: i128) -> BigRational {
        BigRational::new(n.into(), d.into())
    }

    #[test]
    fn shifts_and_clamps() {
        let map = ClockMap::by_origins(1_000, 400);
        assert_eq!(map.to_ref(MachineNs(5)), RefNs(605));
        assert_eq!(map.from_ref(RefNs(605)), MachineNs(5));
        assert_eq!(ClockMap::by_origins(i128::from(i64::MAX) * 8, 0).to_ref(MachineNs(0)), RefNs::MAX);
        assert_eq!(ClockMap::by_origins(7, 7), ClockMap::IDENTITY);
        assert_eq!(ClockMap::IDENTITY.from_ref(RefNs::MIN), MachineNs::MIN);
        assert_eq!(ClockMap::IDENTITY.from_ref(RefNs::MAX), MachineNs::MAX);
    }

    /// A clock's slope: mostly some hundred ppm from 1, sometimes anything positive.
    fn slopes() -> impl Strategy<Value = BigRational> {
        prop_oneof![
            (-500_000_000i128..500_000_000, 1i128..1_000_000)
                .prop_map(|(k, d)| rational(1, 1) + rational(k, 1_000_000_000_000 * d)),
            (1i128..1_000_000_000_000, 1i128..1_000_000_000_000)
                .prop_map(|(n, d)| rational(n, d))
                .prop_filter("a clock", |s| *s > rational(1, 100_000_000) && *s < rational(100_000_000, 1)),
        ]
    }

    fn instants() -> impl Strategy<Value = i64> {
        prop_oneof![-1_000i64..1_000, -(1i64 << 50)..1 << 50, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
    }

    #[test]
    fn a_shifted_map_is_the_same_map_elsewhere() {
        let line = Line { slope: rational(1_000_020, 1_000_000), offset: rational(7, 3) };
        let map = ClockMap::from_line(&line, MachineNs(5_000)).unwrap();
        let moved = map.shifted(Dur(-1_234_567));
        for t in [0, 17, 1_000_000_007, -5] {
            let at = map.to_ref(MachineNs(t)) - Dur(1_234_567);
            assert_eq!(moved.to_ref(MachineNs(t)), at);
            assert_eq!(moved.from_ref(at), map.from_ref(map.to_ref(MachineNs(t))));
        }
        assert_eq!(moved.shifted(Dur(1_234_567)), map);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn ranges_map_exactly(
            slope in slopes(), offset in -(1i128 << 66)..1 << 66, parts in 1i128..1 << 40,
            around in -(1i64 << 55)..1 << 55, t in instants(), near in -2_000i64..2_000,
        ) {
            let map = ClockMap::from_line(&Line { slope, offset: rational(offset, parts) }, MachineNs(around)).unwrap();
            // Whatever `t` maps to, and its neighbourhood, is where the law could break.
            for r in [t, map.to_ref(MachineNs(t)).0, map.to_ref(MachineNs(t)).0.saturating_add(near)] {
                let first = map.from_ref(RefNs(r));
                if first != MachineNs::MAX {
                    prop_assert!(map.to_ref(first).0 >= r);
                }
                if first != MachineNs::MIN {
                    prop_assert!(map.to_ref(MachineNs(first.0 - 1)).0 < r);
                }
                // In the form in which it is used (the axis' last instant is no query's end).
                if first != MachineNs::MAX {
                    prop_assert_eq!(map.to_ref(MachineNs(t)).0 >= r, MachineNs(t) >= first);
                }
            }
        }

        #[test]
        fn never_turns_back(slope in slopes(), a in instants(), b in instants(), around in -(1i64 << 55)..1 << 55) {
            let map = ClockMap::from_line(&Line { slope, offset: rational(7, 3) }, MachineNs(around)).unwrap();
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(map.to_ref(MachineNs(a)) <= map.to_ref(MachineNs(b)));
            prop_assert!(map.from_ref(RefNs(a)) <= map.from_ref(RefNs(b)));
        }

        #[test]
        fn is_exact_within_eleven_days(
            slope in slopes(), offset in any::<i64>(), parts in 1i128..1_000_000,
            around in -(1i64 << 55)..1 << 55, away in -1_000_000_000_000_000i64..=1_000_000_000_000_000,
        ) {
            let line = Line { slope, offset: rational(offset.into(), parts) };
            let linear = Linear::new(&line, around).unwrap();
            let t = around + away;
            let exact = line.at(&BigRational::from(BigInt::from(t)));
            // The residual of the line's own floor is minus the fraction, to 10⁻⁴ ns.
            let floor = linear.at(t);
            let error = BigRational::from(BigInt::from(floor)) - &exact;
            prop_assert!(error <= rational(1, 10_000) && error >= rational(-10_001, 10_000), "{}", error);
            if let Ok(y) = i64::try_from(floor) {
                let residual = BigRational::from_float(linear.residual(t, y)).unwrap();
                prop_assert!((residual - error).abs() < rational(1, 10_000));
            }
        }
    }
}
