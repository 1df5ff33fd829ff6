//! Who sent the packet that a wake-up waited for.

use rustc_hash::FxHashMap;

use crate::flow::graph::Worker;
use crate::flow::rows::FlowMachine;
use crate::store::Wakeup;
use crate::vocab::{MachineId, MachineNs, RefNs, SyncMethod, SyncStep, TimeRange};

/// Packets between two receipts on one CPU: so many points are looked back for the last one.
const MOST_BACK: u64 = 256;

/// Sends by the key of their packet, found when the first network wait is met.
#[derive(Default)]
pub(super) struct Packets {
    sends: Option<FxHashMap<u128, Vec<Sent>>>,
}

/// A packet was given to a device: when, and by which thread, if a thread did it itself.
type Sent = (RefNs, MachineId, Option<Worker>);

impl Packets {
    /// The sender of the packet whose receipt caused that wake-up, and when it was sent. The outer `None`: no
    /// event tells; the inner one: an interrupt or softirq sent it.
    pub(super) fn sender(
        &mut self,
        machines: &[FlowMachine<'_>],
        machine: &FlowMachine<'_>,
        wake: &Wakeup,
    ) -> Option<(RefNs, Option<Worker>)> {
        let points = machine.store.sync_points();
        let end = points.rank(MachineNs(wake.t.0.saturating_add(1)));
        let back = (end.saturating_sub(MOST_BACK)..end).rev();
        let received = back
            .filter_map(|n| points.get(n))
            .find(|p| p.method == SyncMethod::Tcp && p.step == SyncStep::PacketReceived && p.cpu == wake.cpu)?;
        let at = machine.map.to_ref(received.t);
        let sends = self.sends.get_or_insert_with(|| collect(machines)).get(&received.key)?;
        // The last of those who passed it on, among equals a thread.
        let earlier = sends.iter().filter(|s| s.0 <= at);
        earlier.max_by_key(|s| (s.0, s.2.is_some(), std::cmp::Reverse(s.1))).map(|s| (s.0, s.2))
    }
}

fn collect(machines: &[FlowMachine<'_>]) -> FxHashMap<u128, Vec<Sent>> {
    let mut sends: FxHashMap<u128, Vec<Sent>> = FxHashMap::default();
    for machine in machines {
        for point in machine.store.sync_points().range(TimeRange::ALWAYS) {
            if point.method == SyncMethod::Tcp && point.step == SyncStep::PacketSent {
                let worker = point.thread.map(|row| Worker { machine: machine.id, row });
                sends.entry(point.key).or_default().push((machine.map.to_ref(point.t), machine.id, worker));
            }
        }
    }
    sends
}
