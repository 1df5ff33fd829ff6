//! Instants of the command line: parsing `--from`, `--to`, `--at`, and printing on the wanted clock.

use stratoscope_core::query::time::{TimeBase, parse_time};
use stratoscope_core::query::world::instant_of;
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::vocab::{MachineNs, RefNs, TimeRange};

use crate::headless::args::{Common, TimeAxis};
use crate::headless::wrong_usage;
use crate::window::axis::Clock;
use crate::window::view::TimeFormat;

/// The window of time that the arguments ask for, and the clock that instants are printed on.
pub(crate) struct Window {
    axis: TimeAxis,
    origin_ns: i128,
    range: TimeRange<RefNs>,
    local: (i128, i128),
}

/// What instants in arguments and filters are relative to.
pub(crate) fn base(snapshot: &Snapshot) -> TimeBase {
    let (origin, _) = snapshot.origin();
    let begin = snapshot.extent.map_or(0, |e| e.begin.0);
    TimeBase { origin_ns: origin, begin_ns: origin + i128::from(begin), utc_offset_s: 0 }
}

impl Window {
    /// Reads `--from` and `--to`.
    pub(crate) fn new(args: &Common, snapshot: &Snapshot) -> anyhow::Result<Self> {
        let base = base(snapshot);
        let parse = |text: &Option<String>, open: i128, option: &str| -> anyhow::Result<i128> {
            let Some(text) = text else { return Ok(open) };
            parse_time(text, &base).map_err(|e| wrong_usage(format!("cannot read {option} {text}: {e}")))
        };
        let from = parse(&args.from, i128::MIN, "--from")?;
        let to = parse(&args.to, i128::MAX, "--to")?;
        let (origin_ns, _) = snapshot.origin();
        let on_axis = |ns: i128| RefNs(base.to_axis(ns));
        let range = TimeRange::new(on_axis(from), on_axis(to));
        Ok(Self { axis: args.time, origin_ns, range, local: (from, to) })
    }

    /// A window of the reference's axis; instants are printed on that axis as well.
    pub(crate) fn of(snapshot: &Snapshot, range: TimeRange<RefNs>) -> Self {
        Self { axis: TimeAxis::Synced, origin_ns: snapshot.origin().0, range, local: (i128::MIN, i128::MAX) }
    }

    /// The window on a machine's own axis.
    pub(crate) fn on(&self, machine: &MachineView) -> TimeRange<MachineNs> {
        match self.axis {
            TimeAxis::Synced => {
                TimeRange::new(machine.map.from_ref(self.range.begin), machine.map.from_ref(self.range.end))
            }
            TimeAxis::Local => {
                let own = TimeBase { origin_ns: machine.origin_ns, ..TimeBase::default() };
                let at = |ns: i128| MachineNs(own.to_axis(ns));
                TimeRange::new(at(self.local.0), at(self.local.1))
            }
        }
    }

    /// The window's begin as one instant of a machine.
    pub(crate) fn instant(&self, machine: &MachineView) -> MachineNs {
        match self.axis {
            TimeAxis::Synced => instant_of(&machine.map, self.range.begin),
            TimeAxis::Local => self.on(machine).begin,
        }
    }

    /// The window on the reference's axis: everything, if it is meant on each machine's own.
    pub(crate) fn on_reference(&self) -> TimeRange<RefNs> {
        match self.axis {
            TimeAxis::Synced => self.range,
            TimeAxis::Local => TimeRange::ALWAYS,
        }
    }

    /// Whether instants are meant and printed on each machine's own axis.
    pub(crate) fn is_local(&self) -> bool {
        self.axis == TimeAxis::Local
    }

    /// How instants of a machine are written for people, as the window does; they are those of
    /// [`Window::on_axis`].
    pub(crate) fn clock(&self, snapshot: &Snapshot, machine: &MachineView) -> Clock {
        let (origin_ns, dated) = match self.axis {
            TimeAxis::Synced => snapshot.origin(),
            TimeAxis::Local => (machine.origin_ns, machine.dated),
        };
        let zero = snapshot.extent.map_or(RefNs(0), |e| e.begin);
        Clock { origin_ns, dated, zero, format: TimeFormat::Clock }
    }

    /// An instant of a machine on the axis that is printed.
    pub(crate) fn on_axis(&self, machine: &MachineView, t: MachineNs) -> RefNs {
        match self.axis {
            TimeAxis::Synced => machine.map.to_ref(t),
            TimeAxis::Local => RefNs(t.0),
        }
    }

    /// An instant of a machine as it is printed: nanoseconds since 1970 (or since the clock's own zero).
    pub(crate) fn print(&self, machine: &MachineView, t: MachineNs) -> i128 {
        match self.axis {
            TimeAxis::Synced => self.origin_ns + i128::from(machine.map.to_ref(t).0),
            TimeAxis::Local => machine.origin_ns + i128::from(t.0),
        }
    }
}
