//! What synchronisation found: per machine its map and how sure it is, per pair of machines what their matches
//! say and the points that a picture of them needs. Plain data; `explain` (in `words`) puts it into a sentence.

use super::ClockMap;
use crate::vocab::{Dur, MachineId, MachineNs, RowId, SyncMethod, TimeRange};

/// How well messages determine a clock's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncQuality {
    /// Bounded on both sides.
    Accurate,
    /// The slope is bounded on one side only; it was taken as near to 1 as the messages allow.
    Approximate,
    /// No line satisfies all messages; the last that satisfied those before it is kept.
    Contradictory,
    /// Messages leave the line open: all in one direction, or all at one instant.
    Incomplete,
    /// No match at all.
    Absent,
}

impl SyncQuality {
    /// The name of the command line's contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accurate => "accurate",
            Self::Approximate => "approximate",
            Self::Contradictory => "contradictory",
            Self::Incomplete => "incomplete",
            Self::Absent => "absent",
        }
    }
}

/// What a machine's clock is in the experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncRole {
    /// All others are mapped to it.
    Reference,
    /// Mapped by a line that was found or given.
    Synced,
    /// Placed by the date that its clock shows.
    Unsynced,
}

impl SyncRole {
    /// The name of the command line's contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Synced => "synced",
            Self::Unsynced => "unsynced",
        }
    }
}

/// What the solver must know of a machine.
#[derive(Clone, Debug)]
pub struct SyncMachine {
    /// Which.
    pub id: MachineId,
    /// What names it beyond this session: its clock's uuid, or its host name. Of two machines, the clock of the
    /// one with the smaller identity is the x axis of their fit, so that no choice of a reference and no order
    /// of paths changes the line.
    pub identity: String,
    /// Nanoseconds since 1970 of its axis' origin.
    pub origin_ns: i128,
    /// Its first and last event.
    pub extent: Option<TimeRange<MachineNs>>,
    /// If its instants are cycles of its time stamp counter, counted from the axis' origin: cycles a second.
    pub tsc_hz: Option<u64>,
}

/// What the user may choose.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// The machine whose clock is the experiment's.
    pub reference: MachineId,
    /// Methods that may be used.
    pub methods: Vec<SyncMethod>,
    /// Machines that the user placed: nanoseconds to add to what their clock's date says.
    pub manual: Vec<(MachineId, i128)>,
    /// Whether to use lines of quality [`SyncQuality::Approximate`].
    pub use_approximate: bool,
    /// About how many matches of a pair to return for drawing; those on a hull are always there.
    pub max_points: usize,
}

impl SyncOptions {
    /// Every method, nothing manual, no approximate line.
    pub fn new(reference: MachineId) -> Self {
        Self {
            reference,
            methods: SyncMethod::ALL.to_vec(),
            manual: Vec::new(),
            use_approximate: false,
            max_points: 4096,
        }
    }
}

/// The outcome.
#[derive(Clone, Debug)]
pub struct Solution {
    /// One for each machine asked about, in that order.
    pub machines: Vec<MachineSync>,
    /// Every pair of machines with matches, and the reference with each machine that has none.
    pub pairs: Vec<PairSync>,
}

/// One machine's place on the reference's axis.
#[derive(Clone, Debug)]
pub struct MachineSync {
    /// Which.
    pub id: MachineId,
    /// What its clock is.
    pub role: SyncRole,
    /// The worst quality on its way to the reference; of an unsynced machine, the best that it was offered.
    pub quality: SyncQuality,
    /// From its own axis to the reference's.
    pub map: ClockMap,
    /// In `t = slope · t_reference + offset`, both in nanoseconds since 1970: decimal, 34 significant digits.
    pub slope: String,
    /// The offset, decimal, in nanoseconds.
    pub offset_ns: String,
    /// The true instant is at most this far from the mapped one, anywhere in the overlap with the reference's
    /// trace: a bound, not an estimate. `None` where there is none.
    pub half_width_ns: Option<u64>,
    /// The median of that bound over the overlap.
    pub half_width_median_ns: Option<u64>,
    /// The middle of the overlap on the reference's clock, nanoseconds since 1970.
    pub at_ns: Option<i128>,
    /// How much later the machine's clock showed there than the reference's.
    pub delta_ns: Option<i128>,
    /// How much faster its clock is than the reference's, parts in a million.
    pub drift_ppm: f64,
    /// Methods on its way to the reference.
    pub methods: Vec<SyncMethod>,
    /// Machines on its way, itself first, the reference last. Empty if there is none.
    pub path: Vec<MachineId>,
}

/// What two machines' matches say.
#[derive(Clone, Debug)]
pub struct PairSync {
    /// The machine nearer to the reference: the x axis.
    pub a: MachineId,
    /// The other: the y axis.
    pub b: MachineId,
    /// All methods together.
    pub quality: SyncQuality,
    /// The most trusted method that the line was found with.
    pub method: Option<SyncMethod>,
    /// Each method by itself.
    pub methods: Vec<MethodSync>,
    /// Matches from `a` to `b`.
    pub a_to_b: u64,
    /// Matches from `b` to `a`.
    pub b_to_a: u64,
    /// Keys that could have matched but belong to several events.
    pub ambiguous: u64,
    /// Matches that lie on the hulls: all others say nothing more.
    pub on_hull: u64,
    /// Matches that no line can satisfy together with the others, and that were left out.
    pub rejected: u64,
    /// `t_b = slope · t_a + offset`, nanoseconds since 1970, decimal.
    pub line: Option<(String, String)>,
    /// Least possible slope.
    pub slope_min: Option<String>,
    /// Greatest possible slope.
    pub slope_max: Option<String>,
    /// Bound of the error of an instant of `b` on the clock of `a`, anywhere in the overlap of both.
    pub half_width_ns: Option<u64>,
    /// Whether machines are synchronised over this pair.
    pub used: bool,
    /// Whether equal dates on both clocks satisfy all messages: the clocks were synchronised already.
    pub dates_agree: bool,
    /// Matches to draw, by `x`.
    pub points: Vec<MatchPoint>,
    /// Where lines can be, relative to the fitted one, by `x`; straight between two of them.
    pub bounds: Vec<BoundPoint>,
}

impl PairSync {
    /// All matches.
    pub fn matches(&self) -> u64 {
        self.a_to_b + self.b_to_a
    }
}

/// One method's matches of a pair.
#[derive(Clone, Debug)]
pub struct MethodSync {
    /// Which.
    pub method: SyncMethod,
    /// What they say without the others.
    pub quality: SyncQuality,
    /// How many.
    pub matches: u64,
    /// How many lie on the pair's hulls.
    pub on_hull: u64,
    /// How many were left out.
    pub rejected: u64,
    /// Whether they take part; the least trusted method is left out where methods contradict each other.
    pub used: bool,
    /// Least possible slope by this method alone, decimal.
    pub slope_min: Option<String>,
    /// Greatest possible slope by this method alone, decimal.
    pub slope_max: Option<String>,
}

/// One match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatchPoint {
    /// On the clock of `a`.
    pub x: MachineNs,
    /// On the clock of `b`.
    pub y: MachineNs,
    /// `y` minus the fitted line at `x`, in nanoseconds; minus equal dates where no line was found.
    pub residual_ns: f64,
    /// From `a` to `b`: such matches lie above the true line, the others below.
    pub from_a: bool,
    /// How it was matched.
    pub method: SyncMethod,
    /// Whether it lies on a hull.
    pub on_hull: bool,
    /// Whether it was left out.
    pub rejected: bool,
}

/// Bounds at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundPoint {
    /// On the clock of `a`.
    pub x: MachineNs,
    /// The lowest possible line minus the fitted one, in nanoseconds of `b`.
    pub lower_ns: f64,
    /// The highest possible line minus the fitted one.
    pub upper_ns: f64,
}

/// A message between machines that came from elsewhere than [`crate::vocab::SyncPoint`]s: `from` was not after
/// `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The earlier instant and its machine.
    pub from: (MachineId, MachineNs),
    /// The later instant and its machine.
    pub to: (MachineId, MachineNs),
    /// How it is known.
    pub method: SyncMethod,
}

/// Matches that show which thread of a host executes which guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VmLink {
    /// The host.
    pub host: MachineId,
    /// The row of a vCPU's thread on it.
    pub thread: RowId,
    /// The guest's machine.
    pub guest: MachineId,
    /// The number of the VM in the messages.
    pub vm_uid: u64,
    /// How many messages say so.
    pub matches: u64,
}

/// The part of `a` that lies in `b`; `None` if it is empty.
pub(super) fn overlap(a: TimeRange<MachineNs>, b: TimeRange<MachineNs>) -> Option<TimeRange<MachineNs>> {
    let range = TimeRange::new(a.begin.max(b.begin), a.end.min(b.end));
    (range.length() > Dur(0)).then_some(range)
}
