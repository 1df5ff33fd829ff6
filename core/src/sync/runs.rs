//! Keys that were used more than once: tells runs of a counter apart by what is possible.
//!
//! A beacon program that was started twice counts from 1 twice. Its trace then has two *runs*: within each the
//! counter rises (32 bits, so it may wrap). Which run of the guest belongs to which run of the host is not
//! written anywhere, and either trace may lack some. So every combination is tried: messages of the wrong runs
//! contradict each other, as their distances in time differ. A combination counts if it alone is possible, else
//! all its keys stay unmatched.

use std::collections::BTreeMap;

use num_traits::Signed as _;
use rustc_hash::{FxHashMap, FxHashSet};

use super::exact::whole;
use super::hull::{Hull, Point};
use super::matching::{End, Found, KEPT, Table, class_of};
use crate::vocab::{MachineId, RowId, SyncPoint};

/// Runs of one side that are looked at; more are left alone.
const MOST_RUNS: usize = 64;
/// Messages that a combination needs in each direction before its possibility says anything.
const LEAST_MESSAGES: usize = 4;
/// A counter that falls by less than this is one whose events were read slightly out of order.
const DISORDER: i64 = 64;

/// Points of one machine that one counter made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stream {
    vm_uid: u64,
    module: bool,
    guest: bool,
    machine: MachineId,
    /// On hosts where two guests use one number.
    thread: Option<RowId>,
}

type Run = FxHashMap<(Table, u32), End>;

/// What could be decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    /// With the VM's number.
    pub(super) found: Vec<(Found, u64)>,
    /// Keys that remain unmatched, by guest's and host's machine.
    pub(super) ambiguous: BTreeMap<(MachineId, MachineId), u64>,
}

/// Decides ambiguous keys.
pub(super) fn resolve(ambiguous: &[(Table, u128, Vec<End>)]) -> Resolved {
    let mut guests: BTreeMap<u64, Vec<MachineId>> = BTreeMap::new();
    for (table, key, ends) in ambiguous {
        let of = guests.entry(SyncPoint::vmsync_parts(*key).0).or_default();
        for e in ends.iter().filter(|e| is_guest(*table, e)) {
            if !of.contains(&e.machine) {
                of.push(e.machine);
            }
        }
    }
    let mut streams: BTreeMap<Stream, Vec<(End, Table, u32)>> = BTreeMap::new();
    for (table, key, ends) in ambiguous {
        let (vm_uid, count) = SyncPoint::vmsync_parts(*key);
        let shared = guests.get(&vm_uid).is_some_and(|g| g.len() > 1);
        for end in ends {
            let guest = is_guest(*table, end);
            let thread = if shared && !guest { end.thread() } else { None };
            let stream = Stream { vm_uid, module: end.module, guest, machine: end.machine, thread };
            if ends.iter().filter(|e| e.sends == end.sends && e.module == end.module).count() < KEPT {
                streams.entry(stream).or_default().push((*end, *table, count));
            }
        }
    }
    let runs: Vec<(Stream, Run)> =
        streams.into_iter().flat_map(|(stream, points)| split(points).into_iter().map(move |r| (stream, r))).collect();

    let mut candidates: Vec<(usize, usize, Vec<Found>)> = Vec::new();
    for (g, (guest, of_guest)) in runs.iter().enumerate().filter(|(_, (s, _))| s.guest) {
        for (h, (host, of_host)) in runs.iter().enumerate().filter(|(_, (s, _))| !s.guest) {
            let fits = guest.vm_uid == host.vm_uid && guest.module == host.module && guest.machine != host.machine;
            if fits && let Some(found) = combine(of_guest, of_host) {
                candidates.push((g, h, found));
            }
        }
    }
    let mut resolved = Resolved::default();
    for (i, (g, h, found)) in candidates.iter().enumerate() {
        let ends: FxHashSet<(MachineId, i64)> = found.iter().flat_map(ends_of).collect();
        let rival = candidates.iter().enumerate().any(|(j, (other_g, other_h, other))| {
            j != i && (other_g == g || other_h == h) && other.iter().flat_map(ends_of).any(|e| ends.contains(&e))
        });
        if !rival {
            resolved.found.extend(found.iter().map(|f| (*f, runs[*g].0.vm_uid)));
        }
    }
    count_rest(ambiguous, &resolved.found, &mut resolved.ambiguous);
    resolved
}

fn is_guest(table: Table, end: &End) -> bool {
    (table == Table::GuestToHost) == end.sends
}

/// What tells the events of a match apart.
fn ends_of(found: &Found) -> [(MachineId, i64); 2] {
    [(found.from.machine, found.from.t.0), (found.to.machine, found.to.t.0)]
}

/// Keys of which an end stayed without a partner.
fn count_rest(
    ambiguous: &[(Table, u128, Vec<End>)],
    found: &[(Found, u64)],
    rest: &mut BTreeMap<(MachineId, MachineId), u64>,
) {
    let taken: FxHashSet<(MachineId, i64)> = found.iter().flat_map(|(f, _)| ends_of(f)).collect();
    for (table, _, ends) in ambiguous {
        if ends.iter().all(|e| taken.contains(&(e.machine, e.t.0))) {
            continue;
        }
        let mut pairs: Vec<(MachineId, MachineId)> = Vec::new();
        for guest in ends.iter().filter(|e| is_guest(*table, e)) {
            for host in ends.iter().filter(|e| !is_guest(*table, e) && e.machine != guest.machine) {
                pairs.push((guest.machine, host.machine));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        for pair in pairs {
            *rest.entry(pair).or_default() += 1;
        }
    }
}

/// Cuts a machine's points where the counter starts again.
fn split(mut points: Vec<(End, Table, u32)>) -> Vec<Run> {
    points.sort_unstable_by_key(|(end, table, count)| (end.t, *count, *table));
    let mut runs: Vec<Run> = vec![Run::default()];
    let mut highest: Option<u32> = None;
    for (end, table, count) in points {
        // The difference on the circle of 32 bits: positive across a wrap.
        let step = highest.map_or(0, |h| i64::from(count.wrapping_sub(h) as i32));
        let seen = runs.last().is_some_and(|r| r.contains_key(&(table, count)));
        if seen || step < -DISORDER {
            runs.push(Run::default());
            highest = None;
        }
        if step > 0 || highest.is_none() {
            highest = Some(count);
        }
        if let Some(run) = runs.last_mut() {
            run.insert((table, count), end);
        }
    }
    if runs.len() > MOST_RUNS { Vec::new() } else { runs }
}

/// The matches of two runs, if a pair of clocks exists that could have made them.
fn combine(guest: &Run, host: &Run) -> Option<Vec<Found>> {
    let mut found: Vec<Found> = guest
        .iter()
        .filter_map(|(&(table, count), &g)| {
            let h = *host.get(&(table, count))?;
            let (from, to) = if g.sends { (g, h) } else { (h, g) };
            Some(Found { class: class_of(from, to), from, to, table })
        })
        .collect();
    found.sort_unstable_by_key(|f| (f.from.t, f.to.t, f.table));
    let to_host = found.iter().filter(|f| f.table == Table::GuestToHost).count();
    if to_host < LEAST_MESSAGES || found.len() - to_host < LEAST_MESSAGES {
        return None;
    }
    let mut hull = Hull::default();
    for f in &found {
        let above = f.table == Table::GuestToHost;
        let (g, h) = if above { (f.from.t.0, f.to.t.0) } else { (f.to.t.0, f.from.t.0) };
        hull.add(Point { x: g, y: h }, above);
    }
    let line = hull.tangents().ok()?.mean()?;
    // No clock is wrong by a percent.
    ((line.slope - whole(1)).abs() * whole(100) <= whole(1)).then_some(found)
}
