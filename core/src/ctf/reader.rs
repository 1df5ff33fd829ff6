//! One event after the other with all its fields, for tables and filters.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::trace::{ClassId, ClassSet, EventHead, EventReader, Position};
use crate::vocab::{Cancel, Cpu, MachineNs, StreamId, TimeRange, Value};

use super::bind::CPU;
use super::entered::Reading;
use super::machine::{Machine, NOWHERE};
use super::model::{Member, StructType};
use super::trace::Data;
use super::typed::Fields;
use super::value::{Decoder, merged};
use super::walk::{Content, Ended, Place, Seen, Step, Visit, walk};

pub(crate) struct CtfReader {
    reading: Reading,
    /// The event that was read last: class within its stream class, and the begin of its body.
    last: Option<(usize, Place)>,
    t: MachineNs,
    /// Which fields were selected; `None`: all.
    selection: Option<Selection>,
}

/// Fields of some names.
struct Selection {
    names: Box<[Box<str>]>,
    /// By class within the stream class, as soon as one is asked for.
    classes: Vec<Option<Chosen>>,
}

/// Which members of an event are decoded: of the stream's context, its own context and its payload, each up to
/// the last one that must be walked over.
#[derive(Clone)]
struct Chosen([Box<[bool]>; 3]);

/// Takes one event and stops.
struct One<'a> {
    found: Option<Seen>,
    /// What is taken; `None`: everything.
    wanted: Option<&'a ClassSet>,
    first_class: u32,
    /// The latest clock of what was stepped over.
    latest: Option<u64>,
    /// How many more events are stepped over before it stops as well.
    left: u32,
}

/// How many events are stepped over between two looks at whether somebody cancelled.
const SKIPPED: u32 = 8192;

impl Visit for One<'_> {
    #[inline(always)]
    fn pause(&self) -> Step {
        if self.found.is_some() || self.left == 0 { Step::Pause } else { Step::Next }
    }

    #[inline(always)]
    fn event(&mut self, seen: &Seen) {
        if self.wanted.is_none_or(|wanted| wanted.has(ClassId(self.first_class.wrapping_add(seen.hot.class)))) {
            self.found = Some(*seen);
        } else {
            self.latest = self.latest.max(Some(seen.body.clock));
            self.left -= 1;
        }
    }
}

/// Counts.
struct Counting<'a> {
    by_class: &'a mut [u64],
    first_class: u32,
}

impl Visit for Counting<'_> {
    #[inline(always)]
    fn pause(&self) -> Step {
        Step::Next
    }

    #[inline(always)]
    fn event(&mut self, seen: &Seen) {
        if let Some(count) = self.by_class.get_mut(self.first_class.wrapping_add(seen.hot.class) as usize) {
            *count += 1;
        }
    }
}

impl CtfReader {
    pub(crate) fn new(data: Arc<Data>, stream: StreamId, from: Option<Position>) -> Self {
        let mut reading = Reading::new(data, stream);
        if let Some(position) = from {
            reading.seek(position);
        }
        Self { reading, last: None, t: MachineNs::MIN, selection: None }
    }

    /// Where the content of the current packet ends for somebody who reads to `until`; `None`: before it begins.
    fn limit(&self, content: Content<'_>, until: Option<Position>) -> Option<u64> {
        let Some(until) = until else { return Some(content.end) };
        match self.reading.packet.cmp(&(until.packet as usize)) {
            Ordering::Less => Some(content.end),
            Ordering::Equal => Some(content.end.min(until.bit)),
            Ordering::Greater => None,
        }
    }

    /// The next event, or the next one that is `wanted` unless somebody cancels before.
    fn next(&mut self, wanted: Option<(&ClassSet, &Cancel)>, until: Option<Position>) -> Option<EventHead> {
        self.last = None;
        let data = Arc::clone(&self.reading.data);
        let (stream, plan) = Reading::parts(&data, self.reading.stream())?;
        loop {
            if wanted.is_some_and(|(_, cancel)| cancel.is_cancelled()) {
                return None;
            }
            let number = self.reading.packet;
            let (packet, content, path) = Reading::current(&data, stream, number)?;
            if until.is_some_and(|until| number > until.packet as usize) {
                return None;
            }
            if !self.reading.entered && !self.reading.enter() {
                self.reading.leave();
                continue;
            }
            let content = self.reading.trimmed(content);
            let end = self.limit(content, until)?;
            let classes = wanted.map(|(classes, _)| classes);
            let mut one =
                One { found: None, wanted: classes, first_class: plan.first_class, latest: None, left: SKIPPED };
            let part = Content { end, ..content };
            let ended = walk(plan, &mut self.reading.machine, &part, &mut self.reading.place, &mut one);
            if data.has_lost(&packet) {
                self.reading.leave();
                continue;
            }
            if let Some(latest) = one.latest {
                self.t = self.t.max(plan.conversion.instant(latest));
            }
            let Some(seen) = one.found else {
                if ended == Ended::Paused {
                    continue;
                }
                if end < content.end && ended == Ended::Packet {
                    return None;
                }
                if let Ended::Fault(fault) = ended {
                    let t = plan.conversion.instant(self.reading.place.clock);
                    data.reporter.fault(path, &packet, self.reading.place.position, fault, TimeRange::new(t, t));
                }
                self.reading.leave();
                continue;
            };
            let t = plan.conversion.instant(seen.body.clock);
            if t < self.t && wanted.is_none() {
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
}

impl EventReader for CtfReader {
    fn next_event(&mut self) -> Option<EventHead> {
        self.next(None, None)
    }

    fn next_of(&mut self, classes: &ClassSet, until: Option<Position>, cancel: &Cancel) -> Option<EventHead> {
        self.next(Some((classes, cancel)), until)
    }

    fn count(&mut self, until: Option<Position>, by_class: &mut [u64]) {
        self.last = None;
        let data = Arc::clone(&self.reading.data);
        let Some((stream, plan)) = Reading::parts(&data, self.reading.stream()) else { return };
        while let Some((packet, content, _)) = Reading::current(&data, stream, self.reading.packet) {
            if until.is_some_and(|until| self.reading.packet > until.packet as usize) {
                return;
            }
            if self.reading.entered || self.reading.enter() {
                let content = self.reading.trimmed(content);
                let Some(end) = self.limit(content, until) else { return };
                let begin = self.reading.place;
                let part = Content { end, ..content };
                let mut counting = Counting { by_class: &mut *by_class, first_class: plan.first_class };
                walk(plan, &mut self.reading.machine, &part, &mut self.reading.place, &mut counting);
                if data.has_lost(&packet) {
                    // As in counting the whole trace: what was never in the file is taken back.
                    let mut never = vec![0; by_class.len()];
                    let mut place = begin;
                    let mut counting = Counting { by_class: &mut never, first_class: plan.first_class };
                    walk(plan, &mut self.reading.machine, &part, &mut place, &mut counting);
                    by_class.iter_mut().zip(never).for_each(|(count, n)| *count = count.saturating_sub(n));
                } else if end < content.end {
                    return;
                }
            }
            self.reading.leave();
        }
    }

    fn select(&mut self, names: &[Box<str>]) {
        self.selection = Some(Selection { names: names.into(), classes: Vec::new() });
    }

    fn selected(&mut self) -> (Value, Value) {
        self.decode(true).unwrap_or_else(nothing)
    }

    fn fields(&mut self) -> (Value, Value) {
        self.decode(false).unwrap_or_else(nothing)
    }
}

fn nothing() -> (Value, Value) {
    (Value::Struct(Vec::new()), Value::Struct(Vec::new()))
}

impl Selection {
    fn of(&mut self, class: usize, parts: [Option<&StructType>; 3]) -> Option<&Chosen> {
        if self.classes.len() <= class {
            self.classes.resize(class + 1, None);
        }
        let names = &self.names;
        self.classes.get_mut(class).map(|known| {
            &*known.get_or_insert_with(|| {
                let wanted = |member: &Member| names.iter().any(|name| **name == *member.name);
                let mut chosen = parts.map(|part| {
                    part.map_or_else(Box::default, |part| part.members.iter().map(wanted).collect::<Box<[bool]>>())
                });
                // Behind the last wanted one nothing need be walked over.
                let last = chosen.iter().rposition(|part| part.contains(&true));
                for (n, part) in chosen.iter_mut().enumerate() {
                    if last.is_none_or(|last| n > last) {
                        *part = Box::default();
                    } else if last == Some(n) {
                        let end = part.iter().rposition(|wanted| *wanted).map_or(0, |at| at + 1);
                        *part = part.iter().copied().take(end).collect();
                    }
                }
                Chosen(chosen)
            })
        })
    }
}

impl CtfReader {
    fn decode(&mut self, selected: bool) -> Option<(Value, Value)> {
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
        if let Some(selection) = self.selection.as_mut().filter(|_| selected) {
            let parts = [types.event_context.as_ref(), event.context.as_ref(), event.fields.as_ref()];
            let chosen = selection.of(class, parts)?;
            let read = parts.into_iter().zip(&chosen.0).enumerate().try_for_each(|(n, (part, chosen))| match part {
                Some(part) => decoder.chosen(part, chosen, if n < 2 { &mut context } else { &mut payload }),
                None => Ok(()),
            });
            read.ok();
            return Some((merged(context), Value::Struct(payload)));
        }
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
