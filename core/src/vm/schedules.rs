//! Which VM a guest is, by its schedule alone: a guess for recordings without any message between guest and host.
//!
//! A guest's events can only happen while its vCPUs execute guest code. Their clocks are known to agree to some
//! seconds only, so the right offset is searched: for each VM, the offset under which most of a sample of the
//! guest's events fall into stretches of guest code. The right VM under the right offset takes nearly all of
//! them; a wrong one takes about as many as its share of guest time. Clocks drift, so the sample comes from a
//! short stretch of the guest's time.

use crate::store::StoreSnapshot;
use crate::vm::between::Between;
use crate::vm::model::Vm;
use crate::vocab::{Cpu, MachineNs, RowKey, State, TimeRange};

/// How far dates may be off, either way.
const REACH_NS: i64 = 3_000_000_000;
/// The stretch of the guest's time that the sample comes from.
const STRETCH_NS: i64 = 1_000_000_000;
/// Resolution of the search.
const BIN_NS: i64 = 20_000;
/// Events in the sample, and how few are too few to tell anything.
const SAMPLE: usize = 600;
const TOO_FEW: usize = 60;
/// The share of events that must fit, and by how much more than any other VM's must.
const FITS: f64 = 0.98;
const CLEARLY: f64 = 0.03;

/// A guest's events for the search: on which vCPU, and when.
struct Sample {
    events: Vec<(usize, MachineNs)>,
    begin: MachineNs,
}

/// How well a guest fits into a VM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The share of the sampled events that fall into guest code under the best offset.
    pub share: f64,
    /// That share over all other offsets, on average: what chance gives.
    pub chance: f64,
}

impl Fit {
    /// Whether it says anything: nearly all events fit, and not just anyhow.
    pub fn is_convincing(self) -> bool {
        self.share >= FITS && self.share - self.chance >= CLEARLY
    }
}

/// How well `guest` fits into `vm`; `None` where too little is recorded to tell. `way` leads from the guest's
/// time to the host's by the dates of their clocks.
pub fn fit(vm: &Vm, host: &StoreSnapshot, guest: &StoreSnapshot, way: Between) -> Option<Fit> {
    let sample = sample(vm, guest)?;
    let from = way.map(sample.begin).0.saturating_sub(REACH_NS);
    let bins = usize::try_from((2 * REACH_NS + STRETCH_NS) / BIN_NS).ok()? + 1;
    let guests: Vec<Vec<u64>> = vm.vcpus.iter().map(|vcpu| guest_bins(host, &vcpu.key, from, bins)).collect();
    let events: Vec<(usize, usize)> = sample
        .events
        .iter()
        .filter_map(|(vcpu, t)| Some((*vcpu, usize::try_from((way.map(*t).0 - REACH_NS - from) / BIN_NS).ok()?)))
        .collect();
    let offsets = usize::try_from(2 * REACH_NS / BIN_NS).ok()?;
    let (mut best, mut sum) = (0usize, 0usize);
    for offset in 0..offsets {
        let hits = events
            .iter()
            .filter(|(vcpu, bin)| {
                let at = bin + offset;
                guests.get(*vcpu).and_then(|bits| bits.get(at / 64)).is_some_and(|word| word >> (at % 64) & 1 != 0)
            })
            .count();
        best = best.max(hits);
        sum += hits;
    }
    let of = |hits: f64| hits / events.len().max(1) as f64;
    Some(Fit { share: of(best as f64), chance: of(sum as f64 / offsets.max(1) as f64) })
}

/// The guest's busiest stretch, thinned. Events are the instants at which a CPU's row changes.
fn sample(vm: &Vm, guest: &StoreSnapshot) -> Option<Sample> {
    let mut all: Vec<(MachineNs, usize)> = Vec::new();
    for (n, vcpu) in vm.vcpus.iter().enumerate() {
        let cpu = Cpu(u16::try_from(vcpu.number).ok()?);
        // A guest that has not all of the VM's CPUs is another machine.
        let row = guest.row(guest.find(&RowKey::cpu(cpu))?)?;
        all.extend(row.intervals(TimeRange::ALWAYS).map(|i| (i.begin, n)));
    }
    all.sort_unstable();
    let mut best = 0..0;
    let mut end = 0;
    for begin in 0..all.len() {
        while all.get(end).is_some_and(|e| (e.0 - all[begin].0).0 < STRETCH_NS) {
            end += 1;
        }
        if end - begin > best.len() {
            best = begin..end;
        }
    }
    let chosen = all.get(best)?;
    if chosen.len() < TOO_FEW {
        return None;
    }
    let step = chosen.len().div_ceil(SAMPLE);
    let events = chosen.iter().step_by(step).map(|(t, n)| (*n, *t)).collect();
    Some(Sample { events, begin: chosen.first()?.0 })
}

/// A bit a bin: whether the vCPU executed guest code in it.
fn guest_bins(host: &StoreSnapshot, key: &RowKey, from: i64, bins: usize) -> Vec<u64> {
    let mut bits = vec![0u64; bins.div_ceil(64)];
    let Some(row) = host.find(key).and_then(|id| host.row(id)) else { return bits };
    let range = TimeRange::new(MachineNs(from), MachineNs(from.saturating_add(bins as i64 * BIN_NS)));
    for interval in row.intervals(range).filter(|i| i.look.state == State::Guest) {
        let bin = |t: MachineNs| ((t.0 - from) / BIN_NS).clamp(0, bins as i64 - 1) as usize;
        for at in bin(interval.begin)..=bin(interval.end) {
            bits[at / 64] |= 1 << (at % 64);
        }
    }
    bits
}
