//! One event after the other with all its fields, for tables and filters.

use std::sync::Arc;

use crate::trace::{ClassId, EventHead, EventReader, Position};
use crate::vocab::{Cpu, MachineNs, StreamId, TimeRange, Value};

use super::bind::CPU;
use super::entered::Reading;
use super::machine::{Machine, NOWHERE};
use super::trace::Data;
use super::typed::Fields;
use super::value::{Decoder, merged};
use super::walk::{Ended, Place, Seen, Step, Visit, walk};

pub(crate) struct CtfReader {
    reading: Reading,
    /// The event that was read last: class within its stream class, and the begin of its body.
    last: Option<(usize, Place)>,
    t: MachineNs,
}

/// Takes one event and stops.
struct One(Option<Seen>);

impl Visit for One {
    fn pause(&self) -> Step {
        if self.0.is_some() { Step::Pause } else { Step::Next }
    }

    fn event(&mut self, seen: &Seen) {
        self.0 = Some(*seen);
    }
}

impl CtfReader {
    pub(crate) fn new(data: Arc<Data>, stream: StreamId, from: Option<Position>) -> Self {
        let mut reading = Reading::new(data, stream);
        if let Some(position) = from {
            reading.seek(position);
        }
        Self { reading, last: None, t: MachineNs::MIN }
    }
}

impl EventReader for CtfReader {
    fn next_event(&mut self) -> Option<EventHead> {
        self.last = None;
        let data = Arc::clone(&self.reading.data);
        let (stream, plan) = Reading::parts(&data, self.reading.stream())?;
        loop {
            let number = self.reading.packet;
            let (packet, content, path) = Reading::current(&data, stream, number)?;
            if !self.reading.entered && !self.reading.enter() {
                self.reading.leave();
                continue;
            }
            let content = self.reading.trimmed(content);
            let mut one = One(None);
            let ended = walk(plan, &mut self.reading.machine, &content, &mut self.reading.place, &mut one);
            if data.has_lost(&packet) {
                self.reading.leave();
                continue;
            }
            let Some(seen) = one.0 else {
                if let Ended::Fault(fault) = ended {
                    let t = plan.conversion.instant(self.reading.place.clock);
                    data.reporter.fault(path, &packet, self.reading.place.position, fault, TimeRange::new(t, t));
                }
                self.reading.leave();
                continue;
            };
            let t = plan.conversion.instant(seen.body.clock);
            if t < self.t {
                data.reporter.step_back(path, &packet, seen.start.position, self.t.0.saturating_sub(t.0));
            }
            if t == MachineNs::MAX && plan.conversion.clamps(seen.body.clock) {
                data.reporter.clamped(path, &packet, seen.body.clock);
            }
            self.t = self.t.max(t);
            let class = seen.hot.class as usize;
            self.last = Some((class, seen.body));
            let cpu = self.own_cpu(class, seen.body).unwrap_or(self.reading.cpu);
            return Some(EventHead {
                t: self.t,
                cpu,
                class: ClassId(plan.first_class + seen.hot.class),
                position: Position { packet: number as u32, bit: seen.start.position, clock: seen.start.clock },
            });
        }
    }

    fn fields(&mut self) -> (Value, Value) {
        self.decode().unwrap_or((Value::Struct(Vec::new()), Value::Struct(Vec::new())))
    }
}

impl CtfReader {
    fn decode(&mut self) -> Option<(Value, Value)> {
        let (class, body) = self.last?;
        let data = Arc::clone(&self.reading.data);
        let (stream, _) = Reading::parts(&data, self.reading.stream())?;
        let (_, content, _) = Reading::current(&data, stream, self.reading.packet)?;
        let types = data.metadata.streams.get(stream.class)?;
        let event = types.events.get(class)?;
        let content = self.reading.trimmed(content);
        // The walk has left the event's own values in the slots; decoding fills them again in order.
        let mut decoder = Decoder::new(content, body.position, &mut self.reading.machine.slots);
        let (mut context, mut payload) = (Vec::new(), Vec::new());
        let mut contexts = [&types.event_context, &event.context].into_iter().flatten();
        let read = contexts
            .try_for_each(|structure| decoder.members(structure, &mut context))
            .and_then(|()| event.fields.iter().try_for_each(|fields| decoder.members(fields, &mut payload)));
        // The walk has found the event whole. Only arrays beyond all use are refused here: what comes before them
        // is still of use.
        read.ok();
        Some((merged(context), Value::Struct(payload)))
    }

    /// The CPU that the event itself names.
    fn own_cpu(&mut self, class: usize, body: Place) -> Option<Cpu> {
        let data = Arc::clone(&self.reading.data);
        let (stream, plan) = Reading::parts(&data, self.reading.stream())?;
        let (register, ops) = plan.classes.get(class)?.cpu.as_ref()?;
        if self.reading.cpu != Cpu::UNKNOWN {
            return None;
        }
        let (_, content, _) = Reading::current(&data, stream, self.reading.packet)?;
        let content = self.reading.trimmed(content);
        let machine: &mut Machine = &mut self.reading.machine;
        machine.at[CPU] = NOWHERE;
        machine.run(content.bytes, content.end, body.position, ops).ok()?;
        let mut registers = [super::typed::Register::default(); super::machine::REGISTERS];
        registers[CPU] = *register;
        let fields = Fields {
            bytes: content.bytes,
            end: (content.end >> 3) as usize,
            base: 0,
            at: &machine.at,
            length: &machine.length,
            registers: &registers,
        };
        fields.get(CPU).and_then(|cpu| u16::try_from(cpu).ok()).map(Cpu)
    }
}
