//! Clock values and the instants that they mean: exact integers, floor-rounded.

use crate::vocab::{MachineNs, NS_PER_S};

use super::model::ClockClass;

/// The clock after a timestamp of `bits` bits: the nearest value that is not before `clock` (CTF 1.8.3 §8).
/// Exactly one wrap is assumed; 64 bits replace the clock.
#[inline(always)]
pub(crate) fn advance(clock: u64, value: u64, bits: u32) -> u64 {
    if bits >= 64 {
        return value;
    }
    let mask = super::bits::mask(bits);
    let wrap = if value < clock & mask { mask + 1 } else { 0 };
    (clock & !mask).wrapping_add(wrap) | value
}

/// Turns ticks of one clock into instants on the trace's axis.
///
/// The definition, in whole numbers of any size: ns(clk) = floor((offset + clk)·10⁹ / freq) − floor(offset·10⁹ / freq),
/// plus the distance of this clock's origin from the trace's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversion {
    frequency: u64,
    /// offset mod frequency: whole seconds of the offset cancel out.
    phase: u64,
    /// What is added at last: minus floor(phase·10⁹ / freq), plus the distance of the origins.
    shift: i128,
    /// Ticks are nanoseconds and nothing is added.
    identity: bool,
}

/// The origin of a clock in nanoseconds since its epoch: offset_s·10⁹ + floor(offset·10⁹ / freq).
pub(crate) fn origin_ns(clock: &ClockClass) -> i128 {
    let frequency = i128::from(clock.frequency.max(1));
    // Split, or an offset near 2^127 would overflow.
    let seconds = clock.offset.div_euclid(frequency);
    let rest = clock.offset.rem_euclid(frequency);
    i128::from(clock.offset_s)
        .saturating_add(seconds)
        .saturating_mul(i128::from(NS_PER_S))
        .saturating_add(rest * i128::from(NS_PER_S) / frequency)
}

impl Conversion {
    /// For a clock whose trace has its axis' zero at `trace_origin_ns`.
    pub(crate) fn new(clock: &ClockClass, trace_origin_ns: i128) -> Self {
        let frequency = clock.frequency.max(1);
        let phase = clock.offset.rem_euclid(i128::from(frequency));
        let shift = origin_ns(clock)
            .saturating_sub(trace_origin_ns)
            .saturating_sub(phase * i128::from(NS_PER_S) / i128::from(frequency));
        // At 1 GHz floor() has nothing to round: the phase cancels out too.
        let plain = frequency == NS_PER_S as u64 && shift == -phase;
        Self { frequency, phase: phase as u64, shift, identity: plain }
    }

    /// For a trace without a clock: ticks are its axis.
    pub(crate) fn identity() -> Self {
        Self { frequency: NS_PER_S as u64, phase: 0, shift: 0, identity: true }
    }

    /// The instant of a clock value; beyond the axis, its end.
    #[inline(always)]
    pub(crate) fn instant(&self, clock: u64) -> MachineNs {
        if self.identity {
            MachineNs(i64::try_from(clock).unwrap_or(i64::MAX))
        } else {
            self.instant_by_division(clock)
        }
    }

    /// Whether [`Conversion::instant`] had to clamp that value.
    pub(crate) fn clamps(&self, clock: u64) -> bool {
        i64::try_from(self.exact(clock)).is_err()
    }

    fn instant_by_division(&self, clock: u64) -> MachineNs {
        // The usual case needs only 64-bit divisions, several times as fast as 128-bit ones.
        if let Some(ticks) = clock.checked_add(self.phase)
            && self.frequency <= 10_000_000_000
            && let Ok(shift) = i64::try_from(self.shift)
        {
            let ns = (ticks / self.frequency)
                .checked_mul(NS_PER_S as u64)
                .and_then(|s| s.checked_add(ticks % self.frequency * NS_PER_S as u64 / self.frequency))
                .and_then(|ns| i64::try_from(ns).ok())
                .and_then(|ns| ns.checked_add(shift));
            if let Some(ns) = ns {
                return MachineNs(ns);
            }
        }
        let exact = self.exact(clock);
        MachineNs(i64::try_from(exact).unwrap_or(if exact < 0 { i64::MIN } else { i64::MAX }))
    }

    fn exact(&self, clock: u64) -> i128 {
        let ticks = i128::from(clock) + i128::from(self.phase);
        // At most 2^65 · 10⁹ < 2^127.
        (ticks * i128::from(NS_PER_S) / i128::from(self.frequency)).saturating_add(self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock(frequency: u64, offset_s: i64, offset: i128) -> ClockClass {
        ClockClass {
            name: "test".into(),
            uuid: None,
            description: String::new(),
            frequency,
            offset_s,
            offset,
            absolute: true,
        }
    }

    #[test]
    fn timestamps_wrap_once() {
        for (before, bits, value, after) in [
            (0x123456789ABu64, 27, 0x56789ABu64, 0x123456789ABu64),
            (0x123456789AB, 27, 0x5678900, 0x12345678900 + (1 << 27)),
            (0x123456789AB, 27, 0x0000001, 0x12348000001),
            (0x123456789AB, 32, 0x45670000, 0x12445670000),
            (0x123456789AB, 64, 7, 7),
            (u64::MAX, 27, 0, 0),
        ] {
            assert_eq!(advance(before, value, bits), after, "{before:x} {bits} {value:x}");
        }
    }

    #[test]
    fn nanoseconds_are_exact() {
        for (clk, frequency, offset_s, offset, ns) in [
            (123456789012345678u64, 2400000000u64, 1500000000i64, 7i128, 1551440328755144035i128),
            (9007199254740993, 2400000000, 1600000000, 999, 1603752999689475830),
            ((1 << 63) + 5, 2999999999, 0, 0, 3074457346643077719),
            (5, 1000000000, 3, -7, 2999999998),
            (1, 3, 0, 1, 666666666),
        ] {
            let clock = clock(frequency, offset_s, offset);
            let origin = origin_ns(&clock);
            let t = Conversion::new(&clock, origin).instant(clk);
            assert_eq!(origin + i128::from(t.0), ns);
        }
    }

    #[test]
    fn beyond_the_axis_is_its_end() {
        let slow = Conversion::new(&clock(1, 0, 0), 0);
        assert_eq!(slow.instant(u64::MAX), MachineNs::MAX);
        assert!(slow.clamps(u64::MAX) && !slow.clamps(9));
        let plain = Conversion::new(&clock(1_000_000_000, 5, 3), 5_000_000_003);
        assert_eq!(plain.instant(u64::MAX), MachineNs::MAX);
        assert_eq!(plain.instant(12), MachineNs(12));
        let far = clock(1123456789, 1351530929945824323, 1234567);
        assert_eq!(Conversion::new(&far, origin_ns(&far)).instant(0), MachineNs(0));
        assert_eq!(Conversion::new(&far, 0).instant(0), MachineNs::MAX);
    }

    proptest! {
        #[test]
        fn the_fast_way_is_the_definition(clk: u64, frequency in 1u64.., offset: i64, offset_s: i32) {
            let offset = i128::from(offset);
            let clock = clock(frequency, i64::from(offset_s), offset);
            let origin = origin_ns(&clock);
            let f = i128::from(frequency);
            prop_assert_eq!(origin, i128::from(offset_s) * 1_000_000_000 + (offset * 1_000_000_000).div_euclid(f));
            let exact = ((offset + i128::from(clk)) * 1_000_000_000).div_euclid(f) - (offset * 1_000_000_000).div_euclid(f);
            let clamped = exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            prop_assert_eq!(i128::from(Conversion::new(&clock, origin).instant(clk).0), clamped);
        }
    }
}
