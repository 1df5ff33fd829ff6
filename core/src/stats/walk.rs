//! The latencies of one row, one after the other: what [`latency`](super::latency) says they are, read from its
//! intervals.

use crate::store::{Look, Row};
use crate::vocab::{Cancel, Cancelled, Dur, MachineNs, Name, RowKind, State, TimeRange};

use super::latency::LatencyKind;

/// Intervals between two looks at the cancel flag.
const STRIDE: usize = 4096;

/// A latency on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) kind: LatencyKind,
    pub(super) name: Name,
    pub(super) begin: MachineNs,
    pub(super) end: MachineNs,
}

/// Gives all latencies of a row that end in `range` to `found`, in order of their ends.
///
/// # Errors
/// Somebody cancelled.
pub(super) fn each(
    row: &Row,
    range: TimeRange<MachineNs>,
    cancel: &Cancel,
    found: impl FnMut(Latency),
) -> Result<(), Cancelled> {
    let walk = Walk { row, range, cancel, found };
    match row.key().kind {
        RowKind::Thread => walk.thread(),
        RowKind::Irq | RowKind::Softirq => walk.handler(),
        _ => Ok(()),
    }
}

struct Walk<'a, F> {
    row: &'a Row,
    range: TimeRange<MachineNs>,
    cancel: &'a Cancel,
    found: F,
}

impl<F: FnMut(Latency)> Walk<'_, F> {
    fn add(&mut self, kind: LatencyKind, name: Name, begin: MachineNs, end: MachineNs) {
        if self.range.contains(end) {
            (self.found)(Latency { kind, name, begin, end });
        }
    }

    /// Where to begin to read: a call or wait that ends in the range may have begun long before.
    fn begin(&self) -> MachineNs {
        let mut begin = self.range.begin;
        for earlier in self.row.backward(begin) {
            // In user mode no call is open; nothing is known across a hole.
            if earlier.end < begin || matches!(earlier.look.state, State::RunningUser | State::Unknown) {
                return earlier.begin;
            }
            begin = earlier.begin;
        }
        begin
    }

    fn thread(mut self) -> Result<(), Cancelled> {
        // The open system call, its begin known.
        let mut call: Option<(Name, MachineNs)> = None;
        // The open wait for a CPU: its kind and begin.
        let mut wait: Option<(LatencyKind, MachineNs)> = None;
        let (mut last_end, mut last) = (MachineNs::MIN, State::None);
        let range = TimeRange::new(self.begin(), self.range.end + Dur(1));
        let row = self.row;
        for (n, interval) in row.intervals(range).enumerate() {
            if n % STRIDE == 0 {
                self.cancel.check()?;
            }
            let look = interval.look;
            if interval.begin != last_end {
                (call, wait, last) = (None, None, State::None);
            }
            match look.state {
                State::RunningUser | State::RunningSyscall | State::Interrupted => {
                    if let Some((kind, begin)) = wait.take() {
                        self.add(kind, row.name_at(interval.begin), begin, interval.begin);
                    }
                }
                State::WaitingCpu if wait.is_none() => {
                    let kind = match last {
                        State::Blocked => Some(LatencyKind::Wakeup),
                        State::RunningUser | State::RunningSyscall | State::Interrupted => {
                            Some(LatencyKind::Preemption)
                        }
                        _ => None,
                    };
                    wait = kind.map(|kind| (kind, interval.begin));
                }
                State::WaitingCpu => {}
                _ => wait = None,
            }
            match look.state {
                State::RunningSyscall => match call {
                    Some((name, _)) if name == look.detail => {}
                    _ => {
                        // Seen to begin only if it was in user mode before, be it for an interrupt in between.
                        if let Some((name, begin)) = call.take() {
                            self.add(LatencyKind::Syscall, name, begin, interval.begin);
                        }
                        call = (last != State::None).then_some((look.detail, interval.begin));
                    }
                },
                State::RunningUser => {
                    if let Some((name, begin)) = call.take() {
                        self.add(LatencyKind::Syscall, name, begin, interval.begin);
                    }
                }
                State::Unknown | State::WaitingUnknown => call = None,
                _ => {}
            }
            // Who ran, without being known how, ran.
            let ran = look.state == State::Unknown && look.aux != Look::NO_AUX;
            (last_end, last) = (interval.end, if ran { State::RunningUser } else { look.state });
        }
        Ok(())
    }

    /// A row of an interrupt or softirq.
    fn handler(mut self) -> Result<(), Cancelled> {
        let (kind, row) = (self.row.key().kind, self.row);
        let active = if kind == RowKind::Irq { LatencyKind::Irq } else { LatencyKind::Softirq };
        // The trace's end cuts what is open.
        let end = row.settled();
        let range = TimeRange::new(self.range.begin - Dur(1), self.range.end + Dur(1));
        for (n, interval) in row.intervals(range).enumerate() {
            if n % STRIDE == 0 {
                self.cancel.check()?;
            }
            if interval.begin >= end {
                break;
            }
            let what = if interval.look.state == State::Raised { LatencyKind::SoftirqDelay } else { active };
            self.add(what, row.name_at(interval.begin), interval.begin, interval.end);
        }
        Ok(())
    }
}
