//! Faults in words, and told once per packet however often it is read.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashSet;

use crate::vocab::{MachineNs, Problem, ProblemLog, TimeRange};

use super::machine::Fault;
use super::packet::{HeadFault, Packet};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Short => write!(f, "a field reaches beyond the packet's content"),
            Fault::NoNul => write!(f, "expected a NUL at the end of a text, found none in the packet"),
            Fault::NoOption(tag) => write!(f, "expected the tag of a variant's option, found {tag}"),
            Fault::TooMany(count) => write!(f, "expected a length that fits into the packet, found {count}"),
            Fault::UnknownId(id) => write!(f, "expected the id of a declared event, found {id}"),
            Fault::Empty => write!(f, "the event has a length of 0 bits"),
            Fault::TooLarge => write!(f, "the event's type is larger than any packet"),
        }
    }
}

/// Tells faults to the problem log: each packet once.
#[derive(Default)]
pub(crate) struct Reporter {
    log: ProblemLog,
    told: Mutex<FxHashSet<(u32, u64, u8)>>,
}

impl Reporter {
    pub(crate) fn new(log: &ProblemLog) -> Self {
        Self { log: log.clone(), told: Mutex::default() }
    }

    fn first_time(&self, packet: &Packet, kind: u8) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert((packet.file, packet.offset, kind))
    }

    /// Tells that the rest of a packet from bit `position` on cannot be read.
    pub(crate) fn fault(&self, path: &Path, packet: &Packet, position: u64, fault: Fault, range: TimeRange<MachineNs>) {
        // A packet that is cut ends inside of an event: that was told when the trace was opened.
        let expected = packet.cut && matches!(fault, Fault::Short | Fault::NoNul | Fault::TooMany(_));
        if expected || !self.first_time(packet, 0) {
            return;
        }
        let what = match fault {
            Fault::UnknownId(_) => {
                "an event has an id that the metadata does not declare; the rest of its packet is skipped"
            }
            _ => "an event cannot be read; the rest of its packet is skipped",
        };
        let at = packet.offset + position / 8;
        self.log.push(Problem::warning(path, what).at(at).found(fault.to_string()).during(range));
    }

    /// Tells that a packet's header cannot be read, though it could when the trace was opened (or an index told
    /// of it).
    pub(crate) fn head(&self, path: &Path, packet: &Packet, fault: HeadFault) {
        if self.first_time(packet, 0) {
            let what = "the packet that the index tells of cannot be read";
            self.log.push(Problem::warning(path, what).at(packet.offset).found(fault.to_string()));
        }
    }

    /// Tells that an event's time is before that of the event before it.
    pub(crate) fn step_back(&self, path: &Path, packet: &Packet, position: u64, by: i64) {
        if self.first_time(packet, 1) {
            let what = "time goes back in a stream; the event is shown at the time of the one before it";
            let detail = format!("back by {by} ns");
            self.log.push(Problem::warning(path, what).at(packet.offset + position / 8).found(detail));
        }
    }

    /// Tells that a clock value lies beyond the axis.
    pub(crate) fn clamped(&self, path: &Path, packet: &Packet, clock: u64) {
        if self.first_time(packet, 2) {
            let what = "an event's time is later than 292 years after the clock's origin; it is shown there";
            self.log.push(Problem::warning(path, what).at(packet.offset).found(format!("clock value {clock}")));
        }
    }

    /// Tells that a file became shorter.
    pub(crate) fn shrank(&self, path: &Path, packet: &Packet) {
        if self.first_time(packet, 3) {
            let problem = Problem::error(path, super::scan::SHRANK).at(packet.offset);
            self.log.push(problem.advise(super::scan::SHRANK_ADVICE));
        }
    }
}
