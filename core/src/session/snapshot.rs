//! What a session shows at one moment: immutable, cheap to clone, the same for all panes of a frame.

use std::path::PathBuf;
use std::sync::Arc;

use crate::index::EventTable;
use crate::query::{World, WorldMachine};
use crate::session::density::Density;
use crate::session::together::SyncChoice;
use crate::store::StoreSnapshot;
use crate::sync::{ClockMap, Solution};
use crate::trace::{Lost, Trace};
use crate::vcpu::VcpuThread;
use crate::vm::VmView;
use crate::vocab::{Cpu, Dur, Interner, MachineId, MachineNs, Problem, RefNs, TimeRange, TraceId};

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Traces are looked for and opened.
    Opening,
    /// Analyses run; what stands before a machine's watermark is complete.
    Analysing,
    /// All is read.
    Done,
    /// Somebody cancelled; what was read is shown.
    Cancelled,
    /// Nothing could be opened: the problems say why.
    Failed,
}

impl Phase {
    /// Whether more may come.
    pub fn is_reading(self) -> bool {
        matches!(self, Self::Opening | Self::Analysing)
    }
}

/// Recordings below the given paths that do not overlap in time are kept apart; one is shown at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingView {
    /// The folder that its traces have in common.
    pub path: PathBuf,
    /// What to call it: the last part of the path.
    pub name: String,
    /// Names of its machines.
    pub machines: Vec<String>,
    /// Begin and end, nanoseconds since 1970.
    pub extent_ns: Option<(i128, i128)>,
}

/// A trace of the session.
#[derive(Clone)]
pub struct TraceView {
    /// Its number.
    pub id: TraceId,
    /// Its machine.
    pub machine: MachineId,
    /// The open trace.
    pub trace: Arc<dyn Trace>,
    /// First and last instant by packet headers, on the machine's axis.
    pub extent: Option<TimeRange<MachineNs>>,
}

/// A lost range of a machine, with the stream that lost it.
#[derive(Clone, Debug, PartialEq)]
pub struct LostView {
    /// The trace.
    pub trace: TraceId,
    /// The stream's label.
    pub stream: Arc<str>,
    /// Its CPU.
    pub cpu: Cpu,
    /// What and when.
    pub lost: Lost,
}

/// A machine of the session.
#[derive(Clone)]
pub struct MachineView {
    /// Its number: the position in [`Snapshot::machines`].
    pub id: MachineId,
    /// What to call it, unique in the session.
    pub name: String,
    /// Its lasting identity (LTTng: the boot id), where the traces tell.
    pub key: Option<String>,
    /// Nanoseconds since 1970 of its axis' zero.
    pub origin_ns: i128,
    /// Whether that origin is a date.
    pub dated: bool,
    /// The kernel's release.
    pub kernel_release: Option<String>,
    /// Numbers of the CPUs that recorded something.
    pub cpus: Vec<Cpu>,
    /// First and last instant by packet headers.
    pub extent: Option<TimeRange<MachineNs>>,
    /// From its axis to the reference's.
    pub map: ClockMap,
    /// Rows and points.
    pub store: Arc<StoreSnapshot>,
    /// All before this instant is in the rows; what follows is not reached yet.
    pub watermark: MachineNs,
    /// Events over time.
    pub density: Arc<Density>,
    /// What was lost, in order of time.
    pub lost: Arc<[LostView]>,
    /// Threads that enter guests.
    pub vcpus: Arc<[VcpuThread]>,
}

/// A session at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// Grows with every change.
    pub version: u64,
    /// How far it has come.
    pub phase: Phase,
    /// Bytes read and to read.
    pub progress: (u64, u64),
    /// How long it has been analysing.
    pub elapsed: Dur,
    /// All recordings below the paths.
    pub recordings: Arc<[RecordingView]>,
    /// Which of them is shown; `None`: all.
    pub recording: Option<usize>,
    /// Machines, hosts first.
    pub machines: Vec<Arc<MachineView>>,
    /// Traces.
    pub traces: Arc<[TraceView]>,
    /// What went wrong, worst first.
    pub problems: Arc<[Problem]>,
    /// All events, as far as they are known to stay where they are.
    pub events: EventTable,
    /// All names.
    pub names: Arc<Interner>,
    /// The machine whose clock is the axis.
    pub reference: MachineId,
    /// What the user has chosen about clocks and virtual machines.
    pub choice: SyncChoice,
    /// How the machines' clocks relate: by the messages read so far, in the end by all there is; used where
    /// [`SyncChoice::enabled`].
    pub sync: Option<Arc<Solution>>,
    /// Virtual machines, once all machines were read; `None` before, and where nothing enters guests.
    pub vm: Option<Arc<VmView>>,
    /// First and last instant of all machines.
    pub extent: Option<TimeRange<RefNs>>,
    /// What to show first: where all machines overlap, else where nearly all events are.
    pub first_view: Option<TimeRange<RefNs>>,
}

impl Snapshot {
    /// The machine of that number.
    pub fn machine(&self, id: MachineId) -> Option<&Arc<MachineView>> {
        self.machines.get(id.0 as usize)
    }

    /// What questions about all machines together are asked of.
    pub fn world(&self) -> World {
        let machine = |m: &Arc<MachineView>| WorldMachine {
            id: m.id,
            name: m.name.as_str().into(),
            map: m.map,
            origin_ns: m.origin_ns,
            extent: m.extent.unwrap_or_else(|| TimeRange::new(MachineNs(0), m.watermark)),
            store: Arc::clone(&m.store),
            lost: m.lost.iter().map(|l| l.lost.range).collect(),
        };
        World {
            machines: self.machines.iter().map(machine).collect(),
            names: Arc::clone(&self.names),
            vm: self.vm.clone(),
        }
    }

    /// Nanoseconds since 1970 of the reference axis' zero, and whether that is a date.
    pub fn origin(&self) -> (i128, bool) {
        self.machine(self.reference).map_or((0, false), |m| (m.origin_ns, m.dated))
    }
}
