//! The map from one machine's axis to the reference's.

use crate::vocab::{MachineNs, RefNs};

/// Converts a machine's instants to the reference axis and back. Monotone in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockMap {
    /// Nanoseconds to add to a machine's instant.
    shift_ns: i128,
}

impl ClockMap {
    /// The reference machine's own map.
    pub const IDENTITY: Self = Self { shift_ns: 0 };

    /// Places a machine by the dates of both clocks' origins (nanoseconds since 1970).
    pub fn by_origins(machine_origin_ns: i128, reference_origin_ns: i128) -> Self {
        Self { shift_ns: machine_origin_ns - reference_origin_ns }
    }

    /// The instant on the reference axis; clamped to what the axis can hold.
    pub fn to_ref(&self, t: MachineNs) -> RefNs {
        RefNs(clamp(i128::from(t.0) + self.shift_ns))
    }

    /// The instant on the machine's axis; clamped to what the axis can hold.
    pub fn from_ref(&self, t: RefNs) -> MachineNs {
        MachineNs(clamp(i128::from(t.0) - self.shift_ns))
    }
}

fn clamp(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_and_clamps() {
        let map = ClockMap::by_origins(1_000, 400);
        assert_eq!(map.to_ref(MachineNs(5)), RefNs(605));
        assert_eq!(map.from_ref(RefNs(605)), MachineNs(5));
        assert_eq!(ClockMap::by_origins(i128::from(i64::MAX) * 8, 0).to_ref(MachineNs(0)), RefNs::MAX);
    }
}
