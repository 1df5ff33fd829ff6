//! What is known of a stretch of a row without looking into it: exact sums, and the eight bytes for a pixel.
//!
//! ```text
//! summary   mask: states that occur 32 │ first: ns 11, state 5 │ second: ns 11, state 5
//! ```
//!
//! A pixel shows a quiet state (blocked, idle) only where nothing else happens, so the two states that a
//! summary names are the longest of those that are *not* quiet, where there are any. Their times are kept to
//! one part in 64, as a small floating-point number: a share of the stretch in eight bits would round a
//! microsecond in a second to nothing, and those are the ones that decide a pixel.

use crate::vocab::{Dur, State};

const fn set(states: &[State]) -> u32 {
    let mut bits = 0;
    let mut i = 0;
    while i < states.len() {
        bits |= 1 << (states[i] as u32);
        i += 1;
    }
    bits
}

/// As [`State::is_quiet`], without [`State::None`], which is no state that a pixel could show.
pub(super) const QUIET: u32 = set(&[State::Blocked, State::WaitingUnknown, State::Idle, State::Halted]);

/// As [`State::is_alert`].
pub(super) const ALERT: u32 = set(&[
    State::Interrupted,
    State::Irq,
    State::Softirq,
    State::Preempted,
    State::PreemptedByHost,
    State::VcpuWaiting,
]);

/// States in which the row's subject has a CPU: a thread that runs, a CPU that is not idle, a handler that is
/// active, a vCPU whose thread works for it.
pub(super) const RUNNING: u32 = set(&[
    State::RunningUser,
    State::RunningSyscall,
    State::Interrupted,
    State::User,
    State::Syscall,
    State::Irq,
    State::Softirq,
    State::Active,
    State::Guest,
    State::Vmm,
    State::VmmUser,
]);

/// The rank of each state that has no time at all: what [`rank`] adds to.
const RANKS: [u64; 32] = {
    let mut ranks = [0; 32];
    let mut s = 1;
    while s < 32 {
        let (quiet, alert) = (QUIET >> s & 1, ALERT >> s & 1);
        ranks[s] = (2 - quiet as u64) << 62 | (alert as u64) << 5 | (31 - s as u64);
        s += 1;
    }
    // Below all others whatever its time.
    ranks[0] = 31;
    ranks
};

/// The order in which states are shown in a pixel, the largest first: any state rather than none, one that is
/// not quiet rather than one that is; then the one with most time (below 2^56); among equals the louder, then
/// the first by number.
#[inline]
pub(super) fn rank(state: usize, time: u64) -> u64 {
    RANKS[state & 31] | time << 6
}

/// The state of a rank.
#[inline]
pub(super) fn state_of(rank: u64) -> usize {
    31 - (rank & 31) as usize
}

/// The positions of the bits of `mask`.
pub(super) fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (bit < 32).then_some(bit)
    })
}

/// Eight bytes about a stretch of a row: see the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary(pub(super) u64);

impl Summary {
    /// States that occur, without [`State::None`].
    #[inline]
    pub(super) fn mask(self) -> u32 {
        self.0 as u32
    }

    /// The longest state that a pixel may show, and how long; state 0 if there is none.
    #[inline]
    pub(super) fn first(self) -> (usize, u64) {
        unpack((self.0 >> 32) as u32 & 0xffff)
    }

    /// The second longest.
    #[inline]
    pub(super) fn second(self) -> (usize, u64) {
        unpack((self.0 >> 48) as u32)
    }
}

#[inline]
fn unpack(bits: u32) -> (usize, u64) {
    let float = bits >> 5;
    let (exponent, mantissa) = (float >> 5, u64::from(float & 31));
    // Selected without a branch: sweeps do this for every node they meet.
    let shift = exponent.saturating_sub(1);
    ((bits & 31) as usize, (mantissa | u64::from(exponent != 0) << 5) << shift)
}

fn pack(state: u32, ns: u64) -> u64 {
    // Beyond the axis of instants, and rounding up must not leave 64 bits.
    let ns = ns.min(i64::MAX as u64);
    let float = if ns < 32 {
        ns
    } else {
        let shift = 58 - ns.leading_zeros();
        let rounded = (ns >> shift) + if shift > 0 { ns >> (shift - 1) & 1 } else { 0 };
        // 64 after rounding up is 32 of the next exponent.
        let (shift, rounded) = if rounded == 64 { (shift + 1, 32) } else { (shift, rounded) };
        u64::from(shift + 1) << 5 | (rounded & 31)
    };
    float << 5 | u64::from(state)
}

/// Time per state while it is added up.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) ns: [u64; 32],
    pub(super) count: [u32; 32],
    pub(super) mask: u32,
}

impl Tally {
    /// Adds the time of an interval; one of [`State::None`] counts as nothing.
    #[inline]
    pub(super) fn add(&mut self, state: State, ns: u64) {
        let s = state as usize & 31;
        self.ns[s] += ns;
        self.mask |= 1 << s;
    }

    /// Counts an interval.
    #[inline]
    pub(super) fn count(&mut self, state: State) {
        self.count[state as usize & 31] += 1;
    }

    /// Adds the times of `other`, which lie in the same block, and sets them to nothing.
    #[inline]
    pub(super) fn take_times(&mut self, other: &mut Self) {
        self.mask |= other.mask;
        for s in bits(std::mem::take(&mut other.mask)) {
            self.ns[s] += std::mem::take(&mut other.ns[s]);
        }
    }

    /// Adds all of `other` and empties it.
    #[inline]
    pub(super) fn take(&mut self, other: &mut Self) {
        self.mask |= other.mask;
        for s in bits(std::mem::take(&mut other.mask)) {
            self.ns[s] = self.ns[s].saturating_add(std::mem::take(&mut other.ns[s]));
            self.count[s] = self.count[s].saturating_add(std::mem::take(&mut other.count[s]));
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let mask = self.mask & !1;
        // Times beyond two years are all equal.
        let longest = (1 << 56) - 1;
        let (mut first, mut second) = (0, 0);
        for s in bits(mask) {
            let this = rank(s, self.ns[s].min(longest));
            second = second.max(this.min(first));
            first = first.max(this);
        }
        // A quiet state after a busy one could never be shown.
        if first >> 62 != second >> 62 {
            second = 31;
        }
        let packed = |rank: u64| pack(state_of(rank) as u32, self.ns[state_of(rank)]);
        let (first, second) = (first.max(31), second.max(31));
        Summary(u64::from(mask) | packed(first) << 32 | packed(second) << 48)
    }
}

/// How long a row was in each state within a range, and how many intervals of it touch the range. Exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSums {
    /// Nanoseconds by state number, clipped to the range. Nothing is counted for [`State::None`].
    pub ns: [i64; State::COUNT],
    /// Intervals by state number that share an instant with the range.
    pub count: [u64; State::COUNT],
}

impl Default for StateSums {
    fn default() -> Self {
        Self { ns: [0; State::COUNT], count: [0; State::COUNT] }
    }
}

impl StateSums {
    /// Time in `state`.
    pub fn time(&self, state: State) -> Dur {
        Dur(self.ns[state as usize])
    }

    /// Intervals of `state`.
    pub fn count(&self, state: State) -> u64 {
        self.count[state as usize]
    }

    /// Adds another row's, or another range's.
    pub fn merge(&mut self, other: &Self) {
        for state in 1..State::COUNT {
            self.add(state, other.ns[state].max(0) as u64, other.count[state]);
        }
    }

    pub(super) fn add(&mut self, state: usize, ns: u64, count: u64) {
        if (1..State::COUNT).contains(&state) {
            self.ns[state] = self.ns[state].saturating_add_unsigned(ns);
            self.count[state] += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_agree_with_the_vocabulary() {
        for state in State::ALL.iter().copied().skip(1) {
            assert_eq!(QUIET & state.bit() != 0, state.is_quiet(), "{state:?}");
            assert_eq!(ALERT & state.bit() != 0, state.is_alert(), "{state:?}");
        }
    }

    #[test]
    fn times_are_kept_to_one_part_in_64() {
        let mut ns = 0u64;
        while ns < 1 << 63 {
            for ns in [ns, ns | 1, ns + ns / 3, ns + ns / 2, ns.wrapping_mul(2).saturating_sub(1)] {
                let (state, back) = unpack(pack(7, ns) as u32);
                assert_eq!(state, 7);
                assert!(back.abs_diff(ns) <= ns / 64, "{ns} → {back}");
            }
            ns = (ns * 2).max(1);
        }
    }

    #[test]
    fn quiet_states_are_named_only_where_they_are_alone() {
        let mut tally = Tally::default();
        tally.add(State::Blocked, 1000);
        tally.add(State::None, 1000);
        assert_eq!(tally.summary().first().0, State::Blocked as usize);
        assert_eq!(tally.summary().mask(), State::Blocked.bit());
        tally.add(State::RunningUser, 1);
        tally.add(State::Interrupted, 1);
        let summary = tally.summary();
        assert_eq!(summary.first(), (State::Interrupted as usize, 1), "among equals the louder");
        assert_eq!(summary.second(), (State::RunningUser as usize, 1));
        assert_eq!(summary.mask().count_ones(), 3);
    }
}
