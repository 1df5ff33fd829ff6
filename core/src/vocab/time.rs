//! Instants and durations, in exact integer nanoseconds.
//!
//! Two axes exist and must never be mixed: a machine's own clock ([`MachineNs`]) and the clock of the
//! experiment's reference machine ([`RefNs`]). Only a clock map converts one into the other, so the
//! compiler finds the place where somebody forgot. Neither is a date: a date is an axis' origin (`i128`
//! nanoseconds since 1970, kept apart because some clocks' origins pass 2^63 ns) plus an instant.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dur(pub i64);

/// What an axis consists of.
pub trait Instant: Copy {
    /// The earliest instant the axis can hold.
    const EARLIEST: Self;
    /// The latest instant the axis can hold.
    const LATEST: Self;
}

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub i64);

        impl $name {
            /// The earliest instant the axis can hold.
            pub const MIN: Self = Self(i64::MIN);
            /// The latest instant the axis can hold.
            pub const MAX: Self = Self(i64::MAX);
        }

        impl Instant for $name {
            const EARLIEST: Self = Self::MIN;
            const LATEST: Self = Self::MAX;
        }

        impl Add<Dur> for $name {
            type Output = Self;
            /// Saturates: an instant beyond the axis is its end.
            fn add(self, d: Dur) -> Self {
                Self(self.0.saturating_add(d.0))
            }
        }

        impl Sub<Dur> for $name {
            type Output = Self;
            /// Saturates: an instant beyond the axis is its end.
            fn sub(self, d: Dur) -> Self {
                Self(self.0.saturating_sub(d.0))
            }
        }

        impl Sub for $name {
            type Output = Dur;
            /// Saturates, so that the distance of the axis' ends is defined.
            fn sub(self, other: Self) -> Dur {
                Dur(self.0.saturating_sub(other.0))
            }
        }
    };
}

instant!(
    /// An instant on one machine's own clock: nanoseconds since that machine's origin.
    MachineNs
);
instant!(
    /// An instant on the reference machine's clock, the axis of the window and of the command line.
    RefNs
);

impl Add for Dur {
    type Output = Self;
    /// Saturates.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Dur {
    type Output = Self;
    /// Saturates.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// The instants `t` with `begin <= t < end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange<T> {
    /// First instant inside.
    pub begin: T,
    /// First instant after.
    pub end: T,
}

impl<T: Instant> TimeRange<T> {
    /// All instants but the latest that the axis can hold: no range holds its own end.
    pub const ALWAYS: Self = Self { begin: T::EARLIEST, end: T::LATEST };
}

impl<T: Copy + Ord + Sub<Output = Dur>> TimeRange<T> {
    /// The range from `begin` to `end`; empty if `end <= begin`.
    pub fn new(begin: T, end: T) -> Self {
        Self { begin, end }
    }

    /// How long it lasts; zero if it is empty.
    pub fn length(&self) -> Dur {
        (self.end - self.begin).max(Dur(0))
    }

    /// Whether `t` lies inside.
    pub fn contains(&self, t: T) -> bool {
        self.begin <= t && t < self.end
    }

    /// Whether the two ranges share an instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.begin < other.end && other.begin < self.end
    }
}
