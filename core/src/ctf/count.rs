//! Counting every event of a trace: packets in any order, on all cores.

use rayon::prelude::*;

use crate::trace::Counts;
use crate::vocab::{Cancel, Cancelled, MachineNs, Progress, TimeRange};

use super::machine::Machine;
use super::packet::{Packet, read_head};
use super::plan::StreamPlan;
use super::stream::Stream;
use super::trace::Data;
use super::walk::{Ended, Seen, Step, Visit, walk};

/// Packets are handed out in pieces of about so many bytes: large enough that handing out costs nothing.
const PIECE: u64 = 4 << 20;

struct Counter {
    by_class: Vec<u64>,
    first: Option<u64>,
    last: u64,
}

impl Visit for Counter {
    #[inline(always)]
    fn pause(&self) -> Step {
        Step::Next
    }

    #[inline(always)]
    fn event(&mut self, seen: &Seen) {
        if let Some(count) = self.by_class.get_mut(seen.hot.class as usize) {
            *count += 1;
        }
        if self.first.is_none() {
            self.first = Some(seen.body.clock);
        }
        self.last = seen.body.clock;
    }
}

struct Uncounter<'a>(&'a mut Vec<u64>);

impl Visit for Uncounter<'_> {
    fn pause(&self) -> Step {
        Step::Next
    }

    fn event(&mut self, seen: &Seen) {
        if let Some(count) = self.0.get_mut(seen.hot.class as usize) {
            *count = count.saturating_sub(1);
        }
    }
}

/// Counts all events of a trace.
pub(crate) fn count(data: &Data, progress: &Progress, cancel: &Cancel) -> Result<Counts, Cancelled> {
    let pieces: Vec<(&Stream, &[Packet])> =
        data.streams.iter().flat_map(|s| pieces(&s.packets).into_iter().map(move |p| (s, p))).collect();
    progress.add_total(pieces.iter().flat_map(|(_, p)| *p).map(|p| p.bytes).sum());
    let whole = pieces
        .into_par_iter()
        .map(|(stream, packets)| piece(data, stream, packets, progress, cancel))
        .try_reduce(|| empty(data), |a, b| Ok(sum(a, b)))?;
    Ok(whole)
}

fn empty(data: &Data) -> Counts {
    Counts { by_class: vec![0; data.class_count], extent: None }
}

fn pieces(packets: &[Packet]) -> Vec<&[Packet]> {
    let mut pieces = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (n, packet) in packets.iter().enumerate() {
        bytes += packet.bytes;
        if bytes >= PIECE {
            pieces.push(&packets[start..=n]);
            (start, bytes) = (n + 1, 0);
        }
    }
    if start < packets.len() {
        pieces.push(&packets[start..]);
    }
    pieces
}

fn sum(mut a: Counts, b: Counts) -> Counts {
    for (a, b) in a.by_class.iter_mut().zip(b.by_class) {
        *a += b;
    }
    a.extent = match (a.extent, b.extent) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    };
    a
}

fn piece(
    data: &Data,
    stream: &Stream,
    packets: &[Packet],
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Counts, Cancelled> {
    let mut counts = empty(data);
    let Some(plan) = data.plans.get(stream.class) else { return Ok(counts) };
    let mut machine = Machine::new(plan.slots);
    let mut counter = Counter { by_class: vec![0; plan.classes.len()], first: None, last: 0 };
    for packet in packets {
        cancel.check()?;
        if let Some((first, last)) = one(data, plan, packet, &mut machine, &mut counter) {
            let extent = (first.min(last), first.max(last));
            counts.extent = Some(counts.extent.map_or(extent, |e| (e.0.min(extent.0), e.1.max(extent.1))));
        }
        progress.add_done(packet.bytes);
    }
    for (sum, count) in counts.by_class.iter_mut().skip(plan.first_class as usize).zip(&counter.by_class) {
        *sum += count;
    }
    Ok(counts)
}

/// Counts one packet; returns its first and last event.
fn one(
    data: &Data,
    plan: &StreamPlan,
    packet: &Packet,
    machine: &mut Machine,
    counter: &mut Counter,
) -> Option<(MachineNs, MachineNs)> {
    let file = data.files.get(packet.file as usize)?;
    let content = packet.content(file.map.bytes());
    let head = match read_head(plan, machine, content.bytes, packet.clock) {
        Ok(head) => head,
        Err(fault) => {
            data.tell_head(packet, fault);
            return None;
        }
    };
    let content = head.trim(packet, content);
    counter.first = None;
    let mut place = head.first;
    let ended = walk(plan, machine, &content, &mut place, counter);
    if data.has_lost(packet) {
        // Zeros were read that never were in the file. They stay zeros: the same walk takes them back.
        let mut place = head.first;
        walk(plan, machine, &content, &mut place, &mut Uncounter(&mut counter.by_class));
        return None;
    }
    let extent = counter.first.map(|first| (plan.conversion.instant(first), plan.conversion.instant(counter.last)));
    if let Ended::Fault(fault) = ended {
        let t = plan.conversion.instant(place.clock);
        data.reporter.fault(&file.path, packet, place.position, fault, TimeRange::new(t, t));
    }
    if counter.first.is_some() && plan.conversion.clamps(counter.last) {
        data.reporter.clamped(&file.path, packet, counter.last);
    }
    extent
}
