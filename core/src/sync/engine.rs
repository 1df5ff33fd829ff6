//! Takes in ends of messages and finished matches as they come, and answers at any time how clocks relate.
//!
//! Adding is cheap (a look-up in a hash table, and O(1) amortised on a hull); solving looks at hulls, not at
//! matches, unless they contradict each other. What was found is a function of what was added, not of the order.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::hull::Point;
use super::matching::{End, Found, Matcher};
use super::pair::{Class, PairMatches};
use super::reject::Sample;
use super::runs::{Resolved, resolve};
use super::solution::{Match, Solution, SyncMachine, SyncOptions, VmLink};
use super::solve::Solver;
use crate::vocab::{MachineId, MachineNs, RowId, SyncMethod, SyncPoint, SyncStep};

/// Two machines, the one with the smaller id first.
pub(super) type PairId = (MachineId, MachineId);

type LinkKey = (MachineId, RowId, MachineId, u64);

/// The difference between a guest's and its host's time stamp counter, as the host set it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TscWrite {
    pub(super) t: MachineNs,
    pub(super) host: MachineId,
    pub(super) thread: RowId,
    pub(super) offset: i64,
}

/// The synchroniser.
#[derive(Clone, Debug, Default)]
pub struct SyncEngine {
    matcher: Matcher,
    pub(super) pairs: BTreeMap<PairId, PairMatches>,
    links: FxHashMap<LinkKey, u64>,
    assigned: BTreeMap<(MachineId, RowId), MachineId>,
    pub(super) tsc: Vec<TscWrite>,
}

impl SyncEngine {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one end of a message that `machine` recorded. Any order of machines and instants.
    pub fn add(&mut self, machine: MachineId, point: &SyncPoint) {
        if point.step == SyncStep::TscOffset {
            if let Some(thread) = point.thread {
                self.tsc.push(TscWrite { t: point.t, host: machine, thread, offset: point.key as u64 as i64 });
            }
            return;
        }
        let (pairs, links) = (&mut self.pairs, &mut self.links);
        self.matcher.add(machine, point, |found, begins| {
            let (pair, sample) = sample_of(&found.as_match());
            let matches = pairs.entry(pair).or_default();
            if begins {
                matches.add(found.class, sample);
            } else {
                matches.retire(found.class, sample);
            }
            if let Some(key) = link_of(&found, vm_uid(point)) {
                let count = links.entry(key).or_default();
                *count = if begins { *count + 1 } else { count.saturating_sub(1) };
            }
        });
    }

    /// Adds a finished match, such as an inequality of containment. Of methods that are no messages (an offset
    /// of counters, a recorded or manual one) nothing is taken.
    pub fn add_match(&mut self, m: Match) {
        let class = match m.method {
            SyncMethod::Vmsync => Class::Vmsync,
            SyncMethod::Hypercall => Class::Hypercall,
            SyncMethod::Tcp => Class::Tcp,
            SyncMethod::Containment => Class::Containment,
            SyncMethod::TscOffset | SyncMethod::Recorded | SyncMethod::Manual => return,
        };
        if m.from.0 != m.to.0 {
            let (pair, sample) = sample_of(&m);
            self.pairs.entry(pair).or_default().add(class, sample);
        }
    }

    /// Forgets all matches of containment between two machines: they hold only under the map that they were made
    /// with.
    pub fn clear_containment(&mut self, a: MachineId, b: MachineId) {
        if let Some(matches) = self.pairs.get_mut(&(a.min(b), a.max(b))) {
            matches.clear(Class::Containment);
        }
    }

    /// Says that a host's thread executes a guest, where no message tells it: offsets of time stamp counters
    /// belong to threads.
    pub fn assign_thread(&mut self, host: MachineId, thread: RowId, guest: MachineId) {
        self.assigned.insert((host, thread), guest);
    }

    /// Which threads of hosts execute which guests, as messages show it; sorted.
    pub fn links(&self) -> Vec<VmLink> {
        let mut counts = self.links.clone();
        let ambiguous = self.matcher.ambiguous();
        for (found, uid) in resolve(&ambiguous).found {
            if let Some(key) = link_of(&found, uid) {
                *counts.entry(key).or_default() += 1;
            }
        }
        let mut links: Vec<VmLink> = counts
            .into_iter()
            .filter(|(_, matches)| *matches > 0)
            .map(|((host, thread, guest, vm_uid), matches)| VmLink { host, thread, guest, vm_uid, matches })
            .collect();
        links.sort_unstable();
        links
    }

    /// How all these machines' clocks relate, under the user's choices.
    pub fn solve(&self, machines: &[SyncMachine], options: &SyncOptions) -> Solution {
        Solver::new(self, machines, options).solve()
    }

    /// Decides keys that were used more than once.
    pub(super) fn resolve_ambiguous(&self) -> Resolved {
        resolve(&self.matcher.ambiguous())
    }

    /// The guest that a host's thread executes: as assigned, else as most messages say.
    pub(super) fn guests(&self) -> BTreeMap<(MachineId, RowId), MachineId> {
        let mut guests = BTreeMap::new();
        let mut links = self.links();
        links.sort_by_key(|l| l.matches);
        guests.extend(links.iter().map(|l| ((l.host, l.thread), l.guest)));
        guests.extend(self.assigned.iter().map(|(&k, &v)| (k, v)));
        guests
    }
}

fn vm_uid(point: &SyncPoint) -> u64 {
    SyncPoint::vmsync_parts(point.key).0
}

/// A match as a point of its pair.
pub(super) fn sample_of(m: &Match) -> (PairId, Sample) {
    let ((from, sent), (to, received)) = (m.from, m.to);
    if from < to {
        ((from, to), Sample { at: Point { x: sent.0, y: received.0 }, above: true })
    } else {
        ((to, from), Sample { at: Point { x: received.0, y: sent.0 }, above: false })
    }
}

fn link_of(found: &Found, vm_uid: u64) -> Option<LinkKey> {
    let (host, guest): (End, End) = found.host_and_guest()?;
    Some((host.machine, host.thread()?, guest.machine, vm_uid))
}
