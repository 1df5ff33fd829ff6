//! What a trace is, whatever format it has: the contract between the formats and the rest of the house.
//!
//! A format opens files as a [`Trace`]: a clock, streams of packets, classes of events. There are three ways
//! to read one, each for its own purpose:
//!
//! * [`Trace::count`] decodes every event, in any order, and only counts: all packets in parallel.
//! * [`Trace::cursor`] delivers one stream's typed events in order, in batches, for analyses: only what was
//!   demanded is decoded, the rest is stepped over. On the way it leaves checkpoints for random access.
//! * [`Trace::reader`] delivers one stream's events one by one with all their fields, for tables and filters.
//!
//! Instants are on the machine's own clock ([`MachineNs`]): exact, floor-rounded nanoseconds from
//! [`ClockInfo::origin_ns`]. Within a stream they never decrease: a step back is clamped and reported.

use std::path::PathBuf;
use std::sync::Arc;

use crate::vocab::{
    Cancel, Cancelled, Cpu, Event, EventKind, EventKinds, Interner, MachineNs, Progress, StreamId, TimeRange, Value,
};

/// The clock of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockInfo {
    /// The tracer's name of it, such as `monotonic`.
    pub name: String,
    /// What tells that two traces share a clock: the clock's uuid (for LTTng, the machine's boot id).
    pub uuid: Option<String>,
    /// Ticks a second.
    pub frequency: u64,
    /// Nanoseconds since 1970 of the axis' zero; since an unknown epoch if `absolute` is false.
    pub origin_ns: i128,
    /// Whether the origin is a date.
    pub absolute: bool,
}

/// What is known of a trace before an event is decoded.
#[derive(Clone, Debug)]
pub struct TraceInfo {
    /// The folder or file.
    pub path: PathBuf,
    /// Format of the command line's contract: `ctf-1.8`, `ctf-2`, `trace.dat-7`, `perf.data` …
    pub format: String,
    /// Who wrote it, such as `lttng-modules 2.13.23`.
    pub tracer: Option<String>,
    /// `kernel`, `ust`, or what the tracer says.
    pub domain: Option<String>,
    /// The machine's host name.
    pub hostname: Option<String>,
    /// The kernel's release (`6.1.0-56-amd64`): decides how `prev_state` is read.
    pub kernel_release: Option<String>,
    /// The clock; `None` for a trace without any: its events have no time and are shown by order alone.
    pub clock: Option<ClockInfo>,
    /// All that the tracer says of itself and its environment.
    pub environment: Vec<(String, String)>,
}

/// Events or packets that a tracer could not keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lost {
    /// The last instant before which all is known, and the first after which all is known again.
    pub range: TimeRange<MachineNs>,
    /// How many; `None` if only that some were lost.
    pub count: Option<u64>,
    /// What was lost.
    pub kind: LostKind,
}

/// What was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostKind {
    /// Single events: the tracer had no room.
    Events,
    /// Whole packets: overwritten or never transported.
    Packets,
    /// A stretch of the file that could not be decoded.
    Damaged,
}

/// A packet of a stream, from its header alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacketInfo {
    /// Declared begin, never after the end.
    pub begin: MachineNs,
    /// Declared end, or the next packet's begin where the tracer does not say.
    pub end: MachineNs,
    /// Bytes of content, headers included.
    pub bytes: u64,
}

/// A stream of a trace: events of one CPU (or of none in particular), in order of time.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// What the user knows it by: channel and CPU, or the file's name.
    pub label: String,
    /// The file, or the first of its files.
    pub path: PathBuf,
    /// The CPU that recorded it, where the packets say.
    pub cpu: Cpu,
    /// Its packets in order of time.
    pub packets: Vec<PacketInfo>,
    /// What was lost, as far as packet headers tell, in order of time.
    pub lost: Vec<Lost>,
    /// Sum of the known counts of discarded events.
    pub discarded_events: u64,
    /// Sum of the packets that are missing.
    pub lost_packets: u64,
}

/// A class of events, by its position in [`Trace::classes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// What all events of one class have in common.
#[derive(Clone, Debug)]
pub struct EventClass {
    /// The tracer's name. Several classes of a trace may share one.
    pub name: Arc<str>,
    /// The typed event that it is bound to, if analyses know it.
    pub kind: Option<EventKind>,
    /// Names of its payload's top-level fields.
    pub fields: Vec<Arc<str>>,
    /// Names of its context's top-level fields, the stream's and its own.
    pub context: Vec<Arc<str>>,
}

/// Some of a trace's classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassSet {
    has: Box<[bool]>,
    /// As in [`Checkpoint::classes`].
    bits: u64,
}

impl ClassSet {
    /// Those of so many classes that `wanted` names.
    pub fn new(classes: usize, mut wanted: impl FnMut(ClassId) -> bool) -> Self {
        let has: Box<[bool]> = (0..classes).map(|n| wanted(ClassId(n as u32))).collect();
        let bits = has.iter().enumerate().filter(|(_, has)| **has).fold(0, |bits, (n, _)| bits | 1 << (n % 64));
        Self { has, bits }
    }

    /// Whether it has that class.
    #[inline]
    pub fn has(&self, class: ClassId) -> bool {
        self.has.get(class.0 as usize).copied().unwrap_or(false)
    }

    /// Whether it has none at all.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Whether any of its classes may occur where `classes` of a [`Checkpoint`] do.
    pub fn may_occur(&self, classes: u64) -> bool {
        self.bits & classes != 0
    }
}

/// Where an event lies and what a decoder must know to read it. Stable as long as the trace is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Packet of the stream.
    pub packet: u32,
    /// Bit offset of the event's header from the packet's begin; 0 stands for the packet's first event.
    pub bit: u64,
    /// The stream's clock before the event, in ticks.
    pub clock: u64,
}

/// A place from which a stream can be read again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where.
    pub position: Position,
    /// Instant of the event there.
    pub t: MachineNs,
    /// How many events of the stream come before it.
    pub ordinal: u64,
    /// Which classes occur from here to the next checkpoint: bit `class % 64`.
    pub classes: u64,
}

/// Distance of checkpoints, in events.
pub const CHECKPOINT_EVENTS: u64 = 1024;

/// What a cursor delivers at a time. The consumer keeps the buffer and gives it back for the next.
#[derive(Debug, Default)]
pub struct Batch {
    /// Demanded events in order.
    pub events: Vec<Event>,
    /// What was lost, with the number of `events` that come before it in this batch.
    pub lost: Vec<(usize, Lost)>,
    /// Checkpoints passed.
    pub checkpoints: Vec<Checkpoint>,
    /// All events of the stream up to (not including) this instant have been delivered.
    pub complete_until: MachineNs,
    /// Instant of the stream's last event so far; [`MachineNs::MIN`] before the first.
    pub last: MachineNs,
    /// How many events were read, demanded or not.
    pub read_events: u64,
    /// How many bytes were read.
    pub read_bytes: u64,
    /// Whether the stream has ended.
    pub ended: bool,
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.lost.clear();
        self.checkpoints.clear();
        self.complete_until = MachineNs::MIN;
        self.last = MachineNs::MIN;
        self.read_events = 0;
        self.read_bytes = 0;
        self.ended = false;
    }
}

/// A stream on its way through an analysis.
pub trait Cursor: Send {
    /// Clears `batch` and reads on: stops after `max_events` demanded or `16 × max_events` read events, or
    /// at the stream's end. What could not be read is told to the problem log that the trace was opened with.
    fn fill(&mut self, batch: &mut Batch, max_events: usize);
}

/// The head of an event: what is known without its fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventHead {
    /// When.
    pub t: MachineNs,
    /// The CPU, or unknown.
    pub cpu: Cpu,
    /// Its class.
    pub class: ClassId,
    /// Where it lies.
    pub position: Position,
}

/// A stream read one event at a time.
pub trait EventReader: Send {
    /// The next event; `None` at the stream's end.
    fn next_event(&mut self) -> Option<EventHead>;

    /// The next event of one of these classes that lies before `until` (a position that this trace gave; `None`:
    /// the stream's end). All others are stepped over, which costs a fraction of reading them. `None` also soon after
    /// somebody cancelled, however much lies between.
    fn next_of(&mut self, classes: &ClassSet, until: Option<Position>, cancel: &Cancel) -> Option<EventHead>;

    /// Counts the events before `until` by class, and steps over them.
    fn count(&mut self, until: Option<Position>, by_class: &mut [u64]);

    /// Which top-level fields [`EventReader::selected`] gives.
    fn select(&mut self, names: &[Box<str>]);

    /// As [`EventReader::fields`], but only what [`EventReader::select`] has named: the rest is not decoded.
    fn selected(&mut self) -> (Value, Value);

    /// `(context, payload)` of the event that was read last, both [`Value::Struct`] (the stream's and the
    /// event's own context merged).
    fn fields(&mut self) -> (Value, Value);
}

/// What [`Trace::count`] finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Events of each class, by [`ClassId`].
    pub by_class: Vec<u64>,
    /// First and last event.
    pub extent: Option<(MachineNs, MachineNs)>,
}

/// An open trace.
pub trait Trace: Send + Sync {
    /// What is known before an event is decoded.
    fn info(&self) -> &TraceInfo;

    /// Its streams. Their [`StreamId`] is their position.
    fn streams(&self) -> &[StreamInfo];

    /// Its classes of events.
    fn classes(&self) -> &[EventClass];

    /// Decodes every event, packets in parallel, and counts.
    ///
    /// # Errors
    /// [`Cancelled`] if somebody asked to stop.
    fn count(&self, progress: &Progress, cancel: &Cancel) -> Result<Counts, Cancelled>;

    /// A cursor from the begin of a stream that delivers typed events of the kinds in `demand`.
    /// It keeps the trace's data alive by itself.
    fn cursor(&self, stream: StreamId, demand: EventKinds, names: &Arc<Interner>) -> Box<dyn Cursor>;

    /// A reader of all events of a stream, from its begin or from a position given by this trace.
    fn reader(&self, stream: StreamId, from: Option<Position>) -> Box<dyn EventReader>;
}
