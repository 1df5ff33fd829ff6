//! What `prev_state` of a `sched_switch` says of the thread that leaves.
//!
//! The number's meaning changed with Linux 4.14: until then it was the raw `task->state` bit mask, with one
//! bit above all states for "preempted"; since then it is a single bit made for reporting, and "preempted" is
//! `TASK_REPORT_MAX` = 0x100 (`include/linux/sched.h`, `include/trace/events/sched.h`; LTTng's `sched.h` has
//! both forms of `__trace_sched_switch_state`). Trace Compass reads every kernel by the old table, and so
//! takes a preempted thread of a modern kernel for one of which nothing is known, and a parked one for dead.

/// What a thread does after it was switched out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It wants to run on.
    Runnable,
    /// It sleeps.
    Asleep,
    /// It was stopped by a signal.
    Stopped,
    /// It was stopped by its tracer.
    Traced,
    /// A kernel thread that was parked.
    Parked,
    /// It will never run again.
    Dead,
    /// The number says nothing that any kernel says.
    Unknown,
}

/// Which table applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    /// Linux 4.14 and later.
    Reported,
    /// Earlier kernels; the value that says "preempted".
    Raw { preempted: i32 },
    /// The release is not known and no value has betrayed an old kernel yet.
    GuessReported,
    /// The release is not known, and a value was seen that only old kernels have; the highest such bit.
    GuessRaw { highest: i32 },
}

/// A decoder of `prev_state` for one kernel.
#[derive(Clone, Debug)]
pub(super) struct PrevStates {
    table: Table,
}

impl PrevStates {
    /// The decoder for a kernel's release (`uname -r`); without one, values tell which table applies.
    pub(super) fn new(release: Option<&str>) -> Self {
        let table = match release.and_then(version) {
            None => Table::GuessReported,
            Some(v) if v >= (4, 14, 0) => Table::Reported,
            // The bit moved up whenever a state was added.
            Some(v) if v >= (4, 8, 0) => Table::Raw { preempted: 4096 },
            Some(v) if v >= (4, 2, 0) => Table::Raw { preempted: 2048 },
            Some(v) if v >= (3, 9, 0) => Table::Raw { preempted: 1024 },
            Some(_) => Table::Raw { preempted: 512 },
        };
        Self { table }
    }

    /// What `state` says. `exiting`: whether the thread was seen in `sched_process_exit`, which tells a dead
    /// thread from a parked one where the kernel's release is not known.
    pub(super) fn decode(&mut self, state: i32, exiting: bool) -> Leaves {
        match self.table {
            Table::Reported => reported(state),
            Table::Raw { preempted } => raw(state, |s| s & preempted != 0),
            Table::GuessReported if state > 0x100 || state.count_ones() > 1 => {
                self.table = Table::GuessRaw { highest: 0 };
                self.decode(state, exiting)
            }
            Table::GuessReported if state == 0x40 && exiting => Leaves::Dead,
            Table::GuessReported => reported(state),
            Table::GuessRaw { highest } => {
                if state.count_ones() == 1 && (512..=4096).contains(&state) && state > highest {
                    self.table = Table::GuessRaw { highest: state };
                }
                // 512 was "preempted" until 3.8 and "parked" after: it is the first unless a higher one was seen.
                raw(state, |s| matches!(s, 1024 | 2048 | 4096) || (s == 512 && highest <= 512))
            }
        }
    }
}

/// `(major, minor, patch)` of a release such as `6.1.0-56-amd64` or `3.8.13+`.
fn version(release: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    let patch = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Some((major, minor, patch))
}

/// The table since 4.14: one bit.
fn reported(state: i32) -> Leaves {
    match state {
        0 | 0x100 => Leaves::Runnable,
        1 | 2 | 0x80 => Leaves::Asleep,
        4 => Leaves::Stopped,
        8 => Leaves::Traced,
        0x40 => Leaves::Parked,
        0x10 | 0x20 => Leaves::Dead,
        // No kernel reports these, but a tracer that was built for another one may give raw masks.
        s if s & 3 != 0 => Leaves::Asleep,
        _ => Leaves::Unknown,
    }
}

/// The table before 4.14: a mask.
fn raw(state: i32, preempted: impl Fn(i32) -> bool) -> Leaves {
    match state {
        s if s == 0 || preempted(s) => Leaves::Runnable,
        s if s & 3 != 0 => Leaves::Asleep,
        s if s & 0x70 != 0 => Leaves::Dead,
        s if s & 4 != 0 => Leaves::Stopped,
        s if s & 8 != 0 => Leaves::Traced,
        s if s & 0x200 != 0 => Leaves::Parked,
        // TASK_WAKING: on its way to a run queue.
        s if s & 0x100 != 0 => Leaves::Runnable,
        _ => Leaves::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(release: Option<&str>, expected: &[(i32, Leaves)]) {
        for &(state, leaves) in expected {
            assert_eq!(PrevStates::new(release).decode(state, false), leaves, "{release:?} {state:#x}");
        }
    }

    #[test]
    fn modern_kernels_report_one_bit() {
        use Leaves::*;
        for release in ["4.14.0", "5.10.0-8-amd64", "6.1.0-56-amd64", "10.0"] {
            check(
                Some(release),
                &[
                    (0, Runnable),
                    (0x100, Runnable),
                    (1, Asleep),
                    (2, Asleep),
                    (0x80, Asleep),
                    (4, Stopped),
                    (8, Traced),
                    (0x10, Dead),
                    (0x20, Dead),
                    (0x40, Parked),
                    (0x402, Asleep),
                    (0x200, Unknown),
                    (-1, Asleep),
                ],
            );
        }
    }

    #[test]
    fn old_kernels_report_a_mask() {
        use Leaves::*;
        check(
            Some("4.13.9"),
            &[
                (0, Runnable),
                (4096, Runnable),
                (1, Asleep),
                (2, Asleep),
                (0x82, Asleep),
                (0x402, Asleep),
                (4, Stopped),
                (8, Traced),
                (0x10, Dead),
                (0x20, Dead),
                (0x40, Dead),
                (0x100, Runnable),
                (0x200, Parked),
                (0x400, Unknown),
            ],
        );
    }

    #[test]
    fn the_bit_of_preemption_moved_up() {
        use Leaves::*;
        check(Some("2.6.38"), &[(512, Runnable), (1024, Unknown)]);
        check(Some("3.8.13+"), &[(512, Runnable)]);
        check(Some("3.9.0"), &[(512, Parked), (1024, Runnable)]);
        check(Some("4.2.0-rc1"), &[(512, Parked), (2048, Runnable)]);
        check(Some("4.8"), &[(512, Parked), (2048, Unknown), (4096, Runnable)]);
    }

    #[test]
    fn an_unknown_release_is_modern_until_a_value_says_otherwise() {
        let mut states = PrevStates::new(None);
        assert_eq!(states.decode(0x100, false), Leaves::Runnable);
        assert_eq!(states.decode(0x40, false), Leaves::Parked);
        assert_eq!(states.decode(0x40, true), Leaves::Dead);
        assert_eq!(states.decode(0x82, false), Leaves::Asleep);
        assert_eq!(states.decode(0x40, false), Leaves::Dead);
        assert_eq!(states.decode(512, false), Leaves::Runnable);
        assert_eq!(states.decode(1024, false), Leaves::Runnable);
        assert_eq!(states.decode(512, false), Leaves::Parked);
    }

    #[test]
    fn a_release_that_is_none_is_unknown() {
        for release in ["", "linux", "6", "x.y"] {
            assert_eq!(PrevStates::new(Some(release)).decode(0x100, false), Leaves::Runnable, "{release}");
            assert_eq!(PrevStates::new(Some(release)).decode(2048, false), Leaves::Runnable, "{release}");
        }
    }
}
