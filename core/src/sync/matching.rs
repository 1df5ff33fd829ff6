//! Joins the ends of messages by their keys: any number of machines, in any order, as they arrive.
//!
//! * Messages of the vmsync protocol: a key may be used once by its sender and once by its receiver. A key
//!   that appears again (a counter that restarted, two guests with one number) says nothing by itself: its
//!   matches are taken back, and `runs` looks whether sequences of such keys can be told apart.
//! * TCP packets: a segment that was sent again has the key of the first one. The earliest time of departure
//!   and the earliest of arrival always satisfy "sent before received", whichever copy arrived; later copies
//!   are ignored. A forwarded packet is seen by more than two machines; every sender matches every receiver.
//!
//! The result is a function of the set of ends, not of their order, up to [`KEPT`] repetitions of a key.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::pair::Class;
use super::solution::Match;
use crate::vocab::{MachineId, MachineNs, RowId, SyncMethod, SyncPoint, SyncStep};

/// Ends of one kind that are kept of a vmsync key. With more, the key can never be used.
pub(super) const KEPT: usize = 32;

/// Which table of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    GuestToHost,
    HostToGuest,
    Tcp,
}

/// One end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) t: MachineNs,
    thread: u32,
    pub(super) machine: MachineId,
    pub(super) sends: bool,
    /// The modules' own event.
    pub(super) module: bool,
}

impl End {
    const NO_THREAD: u32 = u32::MAX;

    pub(super) fn thread(&self) -> Option<RowId> {
        (self.thread != Self::NO_THREAD).then_some(RowId(self.thread))
    }

    /// Whether two ends play one part, so that a key that has both is ambiguous.
    fn same_kind(&self, other: &Self) -> bool {
        self.sends == other.sends && self.module == other.module
    }
}

/// A match with all that is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) from: End,
    pub(super) to: End,
    pub(super) table: Table,
}

impl Found {
    pub(super) fn as_match(&self) -> Match {
        Match { from: (self.from.machine, self.from.t), to: (self.to.machine, self.to.t), method: self.class.method() }
    }

    /// The host's end and the guest's.
    pub(super) fn host_and_guest(&self) -> Option<(End, End)> {
        match self.table {
            Table::GuestToHost => Some((self.to, self.from)),
            Table::HostToGuest => Some((self.from, self.to)),
            Table::Tcp => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    end: End,
    next: u32,
}

const NO_NODE: u32 = u32::MAX;

/// The tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    /// From a key to the first node of its list.
    tables: [FxHashMap<u128, u32>; 3],
    nodes: Vec<Node>,
    ambiguous: BTreeSet<(Table, u128)>,
    /// Scratch.
    ends: Vec<End>,
}

impl Matcher {
    /// Adds one end and tells which matches begin (`true`) and cease (`false`) to be.
    pub(super) fn add(&mut self, machine: MachineId, point: &SyncPoint, mut tell: impl FnMut(Found, bool)) {
        let (table, sends) = match point.step {
            SyncStep::GuestSends => (Table::GuestToHost, true),
            SyncStep::HostReceives => (Table::GuestToHost, false),
            SyncStep::HostSends => (Table::HostToGuest, true),
            SyncStep::GuestReceives => (Table::HostToGuest, false),
            SyncStep::PacketSent => (Table::Tcp, true),
            SyncStep::PacketReceived => (Table::Tcp, false),
            SyncStep::TscOffset => return,
        };
        let end = End {
            t: point.t,
            thread: point.thread.map_or(End::NO_THREAD, |row| row.0),
            machine,
            sends,
            module: point.method == SyncMethod::Vmsync,
        };
        let new = self.nodes.len() as u32;
        let head = *self.tables[table as usize].entry(point.key).or_insert(new);
        if head == new {
            self.nodes.push(Node { end, next: NO_NODE });
            return;
        }
        // Nearly always: the second end of a message that has two.
        let first = self.nodes[head as usize];
        if table != Table::Tcp && first.next == NO_NODE && first.end.sends != sends && first.end.machine != machine {
            self.append(head, end);
            let (from, to) = if sends { (end, first.end) } else { (first.end, end) };
            tell(Found { class: class_of(from, to), from, to, table }, true);
            return;
        }
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        let mut last = head;
        let mut at = head;
        let mut same = NO_NODE;
        while at != NO_NODE {
            let node = self.nodes[at as usize];
            if table == Table::Tcp && node.end.machine == machine && node.end.sends == sends {
                same = at;
            }
            ends.push(node.end);
            (last, at) = (at, node.next);
        }
        if table == Table::Tcp {
            if same == NO_NODE {
                self.append(last, end);
            } else if self.nodes[same as usize].end.t > end.t {
                self.nodes[same as usize].end = end;
            } else {
                self.ends = ends;
                return;
            }
            let old = found_packets(&ends);
            match ends.iter_mut().find(|e| e.machine == machine && e.sends == sends) {
                Some(e) => *e = end,
                None => ends.push(end),
            }
            changes(&old, &found_packets(&ends), &mut tell);
        } else if !ends.contains(&end) && ends.iter().filter(|e| e.same_kind(&end)).count() < KEPT {
            self.append(last, end);
            let old = found_messages(&ends, table);
            ends.push(end);
            changes(&old, &found_messages(&ends, table), &mut tell);
            if is_ambiguous(&ends) {
                self.ambiguous.insert((table, point.key));
            }
        }
        self.ends = ends;
    }

    fn append(&mut self, last: u32, end: End) {
        self.nodes[last as usize].next = self.nodes.len() as u32;
        self.nodes.push(Node { end, next: NO_NODE });
    }

    /// Every ambiguous key with its ends, in order of the keys.
    pub(super) fn ambiguous(&self) -> Vec<(Table, u128, Vec<End>)> {
        self.ambiguous
            .iter()
            .map(|&(table, key)| {
                let mut ends = Vec::new();
                let mut at = self.tables[table as usize].get(&key).copied().unwrap_or(NO_NODE);
                while at != NO_NODE {
                    let node = self.nodes[at as usize];
                    ends.push(node.end);
                    at = node.next;
                }
                (table, key, ends)
            })
            .collect()
    }
}

fn changes(old: &[Found], new: &[Found], tell: &mut impl FnMut(Found, bool)) {
    for f in old.iter().filter(|f| !new.contains(f)) {
        tell(*f, false);
    }
    for f in new.iter().filter(|f| !old.contains(f)) {
        tell(*f, true);
    }
}

/// The matches of one vmsync key: of each kind of sender with each kind of receiver, where each is the only one.
fn found_messages(ends: &[End], table: Table) -> Vec<Found> {
    let only = |sends: bool, module: bool| {
        let mut found = ends.iter().filter(|e| e.sends == sends && e.module == module);
        let first = found.next().copied();
        first.filter(|_| found.next().is_none())
    };
    let mut all = Vec::new();
    for sender in [true, false] {
        for receiver in [true, false] {
            if let (Some(from), Some(to)) = (only(true, sender), only(false, receiver))
                && from.machine != to.machine
            {
                all.push(Found { class: class_of(from, to), from, to, table });
            }
        }
    }
    all
}

pub(super) fn class_of(from: End, to: End) -> Class {
    match (from.module, to.module) {
        (true, true) => Class::Vmsync,
        (false, false) => Class::Hypercall,
        _ => Class::Mixed,
    }
}

/// Whether two ends of one kind exist, and an end for them to match.
fn is_ambiguous(ends: &[End]) -> bool {
    let count = |sends: bool, module: bool| ends.iter().filter(|e| e.sends == sends && e.module == module).count();
    [true, false].iter().any(|&module| {
        let (senders, receivers) = (count(true, module), count(false, module));
        senders > 0 && receivers > 0 && senders + receivers > 2
    })
}

fn found_packets(ends: &[End]) -> Vec<Found> {
    let mut all = Vec::new();
    for &from in ends.iter().filter(|e| e.sends) {
        for &to in ends.iter().filter(|e| !e.sends && e.machine != from.machine) {
            all.push(Found { class: Class::Tcp, from, to, table: Table::Tcp });
        }
    }
    all
}
