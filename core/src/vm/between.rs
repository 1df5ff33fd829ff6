//! From one machine's time to another's.

use crate::sync::ClockMap;
use crate::vocab::{MachineNs, TimeRange};

/// The way from a machine's axis over the reference's to another machine's axis. Monotone, and exact for
/// half-open ranges: an instant of the first machine lies in a range exactly if the other machine's events of
/// that range are no earlier than it.
#[derive(Clone, Copy, Debug)]
pub struct Between {
    from: ClockMap,
    to: ClockMap,
}

impl Between {
    /// From the machine of map `from` to the machine of map `to`.
    pub fn new(from: ClockMap, to: ClockMap) -> Self {
        Self { from, to }
    }

    /// The way back.
    pub fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    /// The same moment on the other machine: its first instant that is no earlier.
    #[inline]
    pub fn map(self, t: MachineNs) -> MachineNs {
        self.to.from_ref(self.from.to_ref(t))
    }

    /// The same stretch of time on the other machine.
    pub fn range(self, range: TimeRange<MachineNs>) -> TimeRange<MachineNs> {
        TimeRange::new(self.map(range.begin), self.map(range.end))
    }
}
