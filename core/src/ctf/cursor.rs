//! One stream's typed events in order: the way of analyses through a trace.

use std::sync::Arc;

use crate::trace::{Batch, CHECKPOINT_EVENTS, Checkpoint, Cursor, Lost, LostKind, PacketInfo, Position};
use crate::vocab::{Cpu, Event, EventKinds, Interner, LocalInterner, MachineNs, Name, StreamId, Tid, TimeRange};

use super::bind::{CPU, TID};
use super::clock::Conversion;
use super::entered::Reading;
use super::machine::{Fault, Machine, NOWHERE, REGISTERS};
use super::plan::{Binding, StreamPlan, VARIABLE};
use super::trace::Data;
use super::typed::{Constants, Fields, build};
use super::walk::{Content, Ended, Seen, Step, Visit, walk};

/// A batch also ends after so many times its events were read and not demanded.
const READ_FACTOR: u64 = 16;

pub(crate) struct CtfCursor {
    reading: Reading,
    infos: Vec<PacketInfo>,
    /// By class of the stream class: what its events become, if they are demanded.
    demanded: Vec<Option<Constants>>,
    names: LocalInterner,
    progress: Progressed,
    /// Which loss of the stream is told next.
    next_lost: usize,
    ended: bool,
}

/// What is carried from event to event.
struct Progressed {
    /// The last event's instant.
    t: MachineNs,
    clock: u64,
    ordinal: u64,
    /// Passed, but not yet known which classes follow it.
    checkpoint: Option<Checkpoint>,
    classes: u64,
}

impl CtfCursor {
    pub(crate) fn new(
        data: Arc<Data>,
        stream: StreamId,
        infos: Vec<PacketInfo>,
        demand: EventKinds,
        names: &Arc<Interner>,
    ) -> Self {
        let reading = Reading::new(data, stream);
        let demanded = Reading::parts(&reading.data, reading.stream())
            .map(|(_, plan)| plan.classes.iter().map(|c| constants(c.binding.as_ref()?, demand, names)).collect())
            .unwrap_or_default();
        Self {
            reading,
            infos,
            demanded,
            names: LocalInterner::new(Arc::clone(names)),
            progress: Progressed { t: MachineNs::MIN, clock: 0, ordinal: 0, checkpoint: None, classes: 0 },
            next_lost: 0,
            ended: false,
        }
    }

    /// Tells the losses of the current packet that belong in front of (or behind) its events.
    fn tell_lost(&mut self, batch: &mut Batch, behind: bool) {
        let data = Arc::clone(&self.reading.data);
        let Some((stream, _)) = Reading::parts(&data, self.reading.stream()) else { return };
        while let Some(at) = stream.lost.get(self.next_lost) {
            if at.packet as usize > self.reading.packet
                || at.packet as usize == self.reading.packet && at.behind && !behind
            {
                break;
            }
            let mut lost = at.lost;
            if at.behind && self.progress.t > lost.range.begin {
                // The buffer was full from its last event on.
                lost.range.begin = self.progress.t.min(lost.range.end);
            }
            batch.lost.push((batch.events.len(), lost));
            self.next_lost += 1;
        }
    }

    /// Tells that the rest of the current packet is missing.
    fn tell_damaged(&mut self, batch: &mut Batch) -> TimeRange<MachineNs> {
        let begin = self.progress.t;
        let end = self.infos.get(self.reading.packet).map_or(begin, |p| p.end).max(begin);
        let range = TimeRange::new(begin, end);
        batch.lost.push((batch.events.len(), Lost { range, count: None, kind: LostKind::Damaged }));
        range
    }

    fn read_packet(&mut self, batch: &mut Batch, max_events: usize) -> Ended {
        let data = Arc::clone(&self.reading.data);
        let parts = Reading::parts(&data, self.reading.stream());
        let Some((stream, plan)) = parts else { return Ended::Packet };
        let number = self.reading.packet;
        let Some((packet, content, path)) = Reading::current(&data, stream, number) else { return Ended::Packet };
        let content = self.reading.trimmed(content);
        let (events, checkpoints) = (batch.events.len(), batch.checkpoints.len());
        let (from, read) = (self.reading.place.position, batch.read_events);
        let mut taking = Taking {
            plan,
            demanded: &self.demanded,
            names: &mut self.names,
            progress: &mut self.progress,
            max_read: READ_FACTOR.saturating_mul(max_events as u64),
            max_events,
            packet: number as u32,
            cpu: self.reading.cpu,
            conversion: &plan.conversion,
            first_class: plan.first_class,
            step_back: None,
            batch,
        };
        let ended = walk(plan, &mut self.reading.machine, &content, &mut self.reading.place, &mut taking);
        if let Some((position, by)) = taking.step_back {
            data.reporter.step_back(path, &packet, position, by);
        }
        batch.read_bytes += self.reading.place.position.saturating_sub(from) / 8;
        if self.progress.t == MachineNs::MAX && plan.conversion.clamps(self.progress.clock) {
            data.reporter.clamped(path, &packet, self.progress.clock);
        }
        if data.has_lost(&packet) {
            // Zeros were read that never were in the file.
            batch.events.truncate(events);
            batch.checkpoints.truncate(checkpoints);
            self.tell_damaged(batch);
            return Ended::Packet;
        }
        if batch.read_events > read {
            // The last event may be one that nobody asked for.
            self.progress.t = self.progress.t.max(plan.conversion.instant(self.progress.clock));
        }
        if let Ended::Fault(fault) = ended {
            let range = self.tell_damaged(batch);
            data.reporter.fault(path, &packet, self.reading.place.position, fault, range);
        }
        ended
    }
}

fn constants(binding: &Binding, demand: EventKinds, names: &Arc<Interner>) -> Option<Constants> {
    let kind = binding.bound.rule.kind;
    demand.contains(kind).then(|| Constants {
        kind,
        name: if binding.bound.text.is_empty() { Name::NONE } else { names.intern(&binding.bound.text) },
        compat: binding.bound.compat,
        step: binding.bound.step,
        prio_shift: binding.prio_shift,
    })
}

impl Cursor for CtfCursor {
    fn fill(&mut self, batch: &mut Batch, max_events: usize) {
        batch.clear();
        let max_events = max_events.max(1);
        batch.events.reserve(max_events.min(1 << 16));
        let packets = self.infos.len();
        while !self.ended {
            if self.reading.packet >= packets {
                self.ended = true;
                batch.checkpoints.extend(self.progress.end_checkpoint());
                break;
            }
            if !self.reading.entered {
                self.tell_lost(batch, false);
                if !self.reading.enter() {
                    self.tell_damaged(batch);
                    self.reading.leave();
                    continue;
                }
            }
            if self.read_packet(batch, max_events) == Ended::Paused {
                break;
            }
            self.tell_lost(batch, true);
            self.reading.leave();
        }
        batch.ended = self.ended;
        batch.last = self.progress.t;
        batch.complete_until = if self.ended { MachineNs::MAX } else { self.progress.t };
    }
}

impl Progressed {
    fn end_checkpoint(&mut self) -> Option<Checkpoint> {
        let mut checkpoint = self.checkpoint.take()?;
        checkpoint.classes = self.classes;
        self.classes = 0;
        Some(checkpoint)
    }
}

/// The visit of a cursor.
struct Taking<'a> {
    plan: &'a StreamPlan,
    demanded: &'a [Option<Constants>],
    names: &'a mut LocalInterner,
    progress: &'a mut Progressed,
    batch: &'a mut Batch,
    max_events: usize,
    max_read: u64,
    packet: u32,
    cpu: Cpu,
    conversion: &'a Conversion,
    first_class: u32,
    /// Position of an event that is before the one before it, and by how much.
    step_back: Option<(u64, i64)>,
}

impl Taking<'_> {
    #[inline(always)]
    fn instant(&mut self, seen: &Seen) -> MachineNs {
        let t = self.conversion.instant(seen.body.clock);
        if t < self.progress.t {
            self.went_back(seen, t);
        }
        self.progress.t = self.progress.t.max(t);
        self.progress.t
    }

    #[cold]
    fn went_back(&mut self, seen: &Seen, t: MachineNs) {
        self.step_back.get_or_insert((seen.start.position, self.progress.t.0.saturating_sub(t.0)));
    }

    #[inline(always)]
    fn take(&mut self, constants: &Constants, fields: &Fields<'_>, seen: &Seen) {
        if let Some(body) = build(constants, fields, self.names) {
            let t = self.instant(seen);
            let context_tid = Tid(fields.get(TID).map_or(-1, |v| v as i32));
            let mut cpu = self.cpu;
            if cpu == Cpu::UNKNOWN {
                cpu = fields.get(CPU).and_then(|c| u16::try_from(c).ok()).map_or(Cpu::UNKNOWN, Cpu);
            }
            self.batch.events.push(Event { t, cpu, context_tid, body });
        }
    }

    #[cold]
    fn checkpoint(&mut self, seen: &Seen) {
        let t = self.instant(seen);
        let done = self.progress.end_checkpoint();
        self.batch.checkpoints.extend(done);
        let Seen { start, .. } = *seen;
        let position = Position { packet: self.packet, bit: start.position, clock: start.clock };
        self.progress.checkpoint = Some(Checkpoint { position, t, ordinal: self.progress.ordinal, classes: 0 });
    }
}

impl Visit for Taking<'_> {
    #[inline(always)]
    fn pause(&self) -> Step {
        if self.batch.events.len() >= self.max_events || self.batch.read_events >= self.max_read {
            Step::Pause
        } else {
            Step::Next
        }
    }

    #[inline(always)]
    fn event(&mut self, seen: &Seen) {
        if self.progress.ordinal.is_multiple_of(CHECKPOINT_EVENTS) {
            self.checkpoint(seen);
        }
        self.progress.ordinal += 1;
        self.progress.clock = seen.body.clock;
        self.progress.classes |= 1 << ((self.first_class.wrapping_add(seen.hot.class)) % 64);
        self.batch.read_events += 1;
    }

    #[inline(always)]
    fn look(&mut self, machine: &mut Machine, content: &Content<'_>, seen: &Seen) -> Option<Result<u64, Fault>> {
        let class = seen.hot.class as usize;
        let constants = (*self.demanded.get(class)?)?;
        let binding = self.plan.classes.get(class)?.binding.as_ref()?;
        let end = (content.end >> 3) as usize;
        if seen.hot.bits != VARIABLE
            && let Some(at) = &binding.fixed
        {
            let mask = u64::from(seen.hot.align_mask);
            let base = (seen.body.position + mask) & !mask;
            let (length, registers) = (&binding.length, &binding.registers);
            let fields = Fields { bytes: content.bytes, end, base, at, length, registers };
            self.take(&constants, &fields, seen);
            return None;
        }
        machine.at = [NOWHERE; REGISTERS];
        let next = match machine.run(content.bytes, content.end, seen.body.position, &binding.ops) {
            Ok(next) => next,
            Err(fault) => return Some(Err(fault)),
        };
        let (at, length) = (&machine.at, &machine.length);
        let fields = Fields { bytes: content.bytes, end, base: 0, at, length, registers: &binding.registers };
        self.take(&constants, &fields, seen);
        Some(Ok(next))
    }
}
