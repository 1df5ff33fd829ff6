//! A refinement of the synchronisation for nothing: a guest's events can only happen while its vCPU executes
//! guest code.
//!
//! Under a first accurate map, an event of a guest's CPU that certainly lies in one stretch of guest code (it
//! is further than the map's error from every other stretch) was no earlier than the entry that began it and
//! no later than the first proof of root mode that ended it: two more inequalities for the hull.

use crate::session::snapshot::Snapshot;
use crate::store::Row;
use crate::sync::{Match, Solution, SyncEngine, SyncQuality, SyncRole};
use crate::vm::{Between, Vm};
use crate::vocab::{Cpu, Dur, MachineNs, RowKey, State, SyncMethod, TimeRange};

/// Stretches looked at per vCPU: more would not narrow the bound, only take time.
const MOST: usize = 20_000;

/// Adds what the stretches of `vm` say about its guest's clock.
pub(super) fn add(snapshot: &Snapshot, vm: &Vm, solution: &Solution, engine: &mut SyncEngine) {
    let Some(guest) = vm.guest else { return };
    let find = |id| solution.machines.iter().find(|m| m.id == id);
    let (Some(inner), Some(outer)) = (find(guest), find(vm.host)) else { return };
    // Both bounds count: either machine may be the one that was mapped.
    let bound = |m: &crate::sync::MachineSync| match m.role {
        SyncRole::Reference => Some(0),
        SyncRole::Synced if m.quality == SyncQuality::Accurate => m.half_width_ns,
        _ => None,
    };
    let Some(error) = bound(inner).zip(bound(outer)).map(|(a, b)| a.saturating_add(b)) else { return };
    let error = Dur(i64::try_from(error).unwrap_or(i64::MAX).saturating_add(1));
    let (Some(host), Some(inside)) = (snapshot.machine(vm.host), snapshot.machine(guest)) else { return };
    let to_host = Between::new(inner.map, outer.map);
    for vcpu in &vm.vcpus {
        let row = host.store.find(&vcpu.key).and_then(|id| host.store.row(id));
        let Some(cpu) = u16::try_from(vcpu.number).ok().map(Cpu) else { continue };
        let events = inside.store.find(&RowKey::cpu(cpu)).and_then(|id| inside.store.row(id));
        if let (Some(row), Some(events)) = (row, events) {
            for found in stretches(row, events, to_host, error) {
                let (first, last) = found.events;
                let at_host = |t| (vm.host, t);
                let method = SyncMethod::Containment;
                engine.add_match(Match { from: at_host(found.entry), to: (guest, first), method });
                engine.add_match(Match { from: (guest, last), to: at_host(found.exit), method });
            }
        }
    }
}

struct Found {
    entry: MachineNs,
    exit: MachineNs,
    events: (MachineNs, MachineNs),
}

/// Stretches of guest code with the first and the last event that certainly lies in each.
fn stretches(vcpu: &Row, events: &Row, to_host: Between, error: Dur) -> Vec<Found> {
    let all = || vcpu.intervals(TimeRange::ALWAYS).filter(|i| i.look.state == State::Guest);
    let long = |i: &crate::store::Interval| (i.end - i.begin).0 > error.0.saturating_mul(2);
    let step = all().filter(long).count().div_ceil(MOST).max(1);
    let mut found = Vec::new();
    let mut marks = events.intervals(TimeRange::ALWAYS).map(|i| i.begin).peekable();
    let mut before = MachineNs::MIN;
    let mut guests = all().peekable();
    let mut n = 0usize;
    while let Some(stretch) = guests.next() {
        let after = guests.peek().map_or(MachineNs::MAX, |next| next.begin);
        let previous = std::mem::replace(&mut before, stretch.end);
        if !long(&stretch) {
            continue;
        }
        n += 1;
        if !n.is_multiple_of(step) {
            continue;
        }
        let certain = |t: MachineNs| {
            let at = to_host.map(t);
            at - error > previous && at + error < after
        };
        let mut events: Option<(MachineNs, MachineNs)> = None;
        while let Some(t) = marks.peek().copied() {
            let at = to_host.map(t);
            if at > stretch.end + error {
                break;
            }
            if at + error > stretch.begin && certain(t) {
                events = Some((events.map_or(t, |e| e.0), t));
            }
            marks.next();
        }
        found.extend(events.map(|events| Found { entry: stretch.begin, exit: stretch.end, events }));
    }
    found
}
