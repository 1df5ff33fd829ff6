//! All events of a session as one table, merged in time, addressed by row number.

use std::sync::Arc;

use crate::index::StreamIndex;
use crate::sync::ClockMap;
use crate::trace::{CHECKPOINT_EVENTS, ClassId, ClassSet, EventHead, EventReader, Position, Trace};
use crate::vocab::{Cancel, Cpu, MachineId, RefNs, StreamId, TimeRange, TraceId, Value};

/// A stream with all that the table needs of it.
#[derive(Clone)]
pub struct EventStream {
    /// Its machine.
    pub machine: MachineId,
    /// Its trace's number.
    pub trace_id: TraceId,
    /// Its trace.
    pub trace: Arc<dyn Trace>,
    /// Its number in the trace.
    pub stream: StreamId,
    /// From its machine's axis to the reference's.
    pub map: ClockMap,
    /// Its checkpoints.
    pub index: StreamIndex,
}

/// An event of the table.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its number in the merged order.
    pub row: u64,
    /// When.
    pub t: RefNs,
    /// Its machine.
    pub machine: MachineId,
    /// Its trace.
    pub trace: TraceId,
    /// Its stream.
    pub stream: StreamId,
    /// Its CPU.
    pub cpu: Cpu,
    /// Its class in its trace.
    pub class: ClassId,
    /// Where it lies in its stream.
    pub position: Position,
    /// The tracer's name of it.
    pub name: Arc<str>,
    /// Contexts of stream and event.
    pub context: Value,
    /// Payload.
    pub fields: Value,
}

/// All events of a session up to where every stream has been read. Cheap to clone, safe to use anywhere.
#[derive(Clone, Default)]
pub struct EventTable {
    streams: Arc<[EventStream]>,
    len: u64,
}

/// A stream being merged: its next event, if any.
struct Head<'a> {
    stream: &'a EventStream,
    number: usize,
    reader: Box<dyn EventReader>,
    next: Option<(RefNs, EventHead)>,
    only: Option<Only<'a>>,
}

/// What of a stream is merged, if not everything.
struct Only<'a> {
    classes: &'a ClassSet,
    names: &'a [Box<str>],
    cancel: &'a Cancel,
    /// The stretch that is read ends before this checkpoint.
    end: usize,
}

impl Head<'_> {
    fn step(&mut self) {
        let head = match &mut self.only {
            None => self.reader.next_event(),
            Some(only) => loop {
                let until = self.stream.index.get(only.end).map(|c| c.position);
                let found = self.reader.next_of(only.classes, until, only.cancel);
                if found.is_some() || until.is_none() || only.cancel.is_cancelled() {
                    break found;
                }
                // The next stretch in which one of the classes occurs.
                let begin = only.end;
                let Some((from, end)) = self.stream.index.stretch(begin, only.classes) else { break None };
                if from > begin {
                    self.reader = self.stream.reader_at(from, only.names);
                }
                only.end = end;
            },
        };
        self.next = head.map(|head| (self.stream.map.to_ref(head.t), head));
    }
}

impl EventStream {
    /// A reader from a checkpoint on, with fields of these names selected.
    pub fn reader_at(&self, checkpoint: usize, names: &[Box<str>]) -> Box<dyn EventReader> {
        let mut reader = self.trace.reader(self.stream, self.index.get(checkpoint).map(|c| c.position));
        reader.select(names);
        reader
    }

    /// The last checkpoint before which no event of `t` or later is.
    pub fn checkpoint_before(&self, t: RefNs) -> usize {
        self.index.partition_point(|c| self.map.to_ref(c.t) < t).saturating_sub(1)
    }

    /// A packet before which no event of `t` or later is: what there is to begin at while nothing was read. One packet
    /// early, since tracers have told ends that were a little before their last events.
    fn packet_before(&self, t: RefNs) -> Option<Position> {
        let packets = &self.trace.streams().get(self.stream.0 as usize)?.packets;
        let n = packets.partition_point(|p| self.map.to_ref(p.end) < t).saturating_sub(1);
        Some(Position { packet: u32::try_from(n).ok()?, bit: 0, clock: 0 })
    }

    /// Instants on its way with the number of events up to the next one; as far as it was not read, packets' begins
    /// with a guess.
    fn waypoints(&self) -> Vec<(RefNs, u64)> {
        /// Bytes of an event, roughly.
        const EVENT: u64 = 28;
        if !self.index.is_empty() {
            let checkpoints = (0..self.index.len()).filter_map(|n| self.index.get(n));
            return checkpoints.map(|c| (self.map.to_ref(c.t), CHECKPOINT_EVENTS)).collect();
        }
        let packets = self.trace.streams().get(self.stream.0 as usize).map_or(&[][..], |s| &s.packets);
        packets.iter().map(|p| (self.map.to_ref(p.begin), p.bytes / EVENT)).collect()
    }
}

impl EventTable {
    /// A table of these streams; equal instants are ordered as the streams are.
    pub fn new(streams: Vec<EventStream>) -> Self {
        let mut table = Self { streams: streams.into(), len: 0 };
        table.len = table.known();
        table
    }

    /// How many events it has; while the session is read, those that no later one can push away.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn known(&self) -> u64 {
        let unread = self.streams.iter().filter(|s| !s.index.ended());
        match unread.map(|s| s.index.complete_until().map_or(RefNs::MIN, |t| s.map.to_ref(t))).min() {
            None => self.streams.iter().map(|s| s.index.events()).sum(),
            Some(until) => self.bound(until, false),
        }
    }

    /// How many events lie before `t`, at least or at most, by checkpoints alone.
    fn bound(&self, t: RefNs, at_most: bool) -> u64 {
        let of = |s: &EventStream| {
            let n = s.index.partition_point(|c| s.map.to_ref(c.t) < t);
            if at_most {
                s.index.get(n).map_or(s.index.events(), |c| c.ordinal)
            } else {
                n.checked_sub(1).and_then(|n| s.index.get(n)).map_or(0, |c| c.ordinal)
            }
        };
        self.streams.iter().map(of).sum()
    }

    /// Every stream at its first event that is not before `t`, and how many events of all streams lie before.
    fn seek(&self, t: RefNs) -> (Vec<Head<'_>>, u64) {
        let mut before = 0;
        let mut heads = Vec::with_capacity(self.streams.len());
        for (number, stream) in self.streams.iter().enumerate() {
            let from = stream.index.get(stream.checkpoint_before(t));
            before += from.map_or(0, |c| c.ordinal);
            let reader = stream.trace.reader(stream.stream, from.map(|c| c.position));
            let mut head = Head { stream, number, reader, next: None, only: None };
            head.step();
            while head.next.is_some_and(|(at, _)| at < t) {
                before += 1;
                head.step();
            }
            heads.push(head);
        }
        (heads, before)
    }

    /// The number of the first event that is not before `t` (the table's length if there is none).
    pub fn row_at(&self, t: RefNs) -> u64 {
        self.seek(t).1.min(self.len)
    }

    /// `count` rows from row `first` on; fewer at the table's end. Decodes up to some thousand events more
    /// than it returns: call it off the frame's thread.
    pub fn page(&self, first: u64, count: usize) -> Vec<EventRow> {
        let end = self.len.min(first.saturating_add(count as u64));
        let mut rows = Vec::new();
        if first >= end {
            return rows;
        }
        // The latest instant before which at most `first` events can lie: the wanted row is not before it.
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        while low < high {
            let middle = ((i128::from(low) + i128::from(high) + 1) >> 1) as i64;
            if self.bound(RefNs(middle), true) <= first {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let (mut heads, mut row) = self.seek(RefNs(low));
        merge(&mut heads, None, |event| {
            if row >= first {
                rows.push(event.row(row));
            }
            row += 1;
            row < end
        });
        rows
    }

    /// Calls `visit` for every event of `[from, to)` in merged order until it returns false.
    pub fn visit(&self, from: RefNs, to: RefNs, visit: impl FnMut(&mut EventAt<'_>) -> bool) {
        let all = |s: &EventStream| ClassSet::new(s.trace.classes().len(), |_| true);
        let classes: Vec<ClassSet> = self.streams.iter().map(all).collect();
        self.visit_of(&classes, &[], TimeRange::new(from, to), &Cancel::default(), visit);
    }

    /// Cuts a range into parts of about so many events each, in order: for whoever reads on several cores.
    pub fn parts(&self, range: TimeRange<RefNs>, events: u64) -> Vec<TimeRange<RefNs>> {
        let mut points: Vec<(RefNs, u64)> = self.streams.iter().flat_map(EventStream::waypoints).collect();
        points.retain(|(t, _)| *t > range.begin && *t < range.end);
        points.sort_unstable();
        let (mut parts, mut begin, mut sum) = (Vec::new(), range.begin, 0);
        for (t, n) in points {
            if sum >= events && t > begin {
                parts.push(TimeRange::new(begin, t));
                (begin, sum) = (t, 0);
            }
            sum += n;
        }
        parts.push(TimeRange::new(begin, range.end));
        parts
    }

    /// The same of events of some classes alone (for each stream a set of them), with fields of these names selected;
    /// ends early when somebody cancels, also where no such event is.
    pub fn visit_of(
        &self,
        classes: &[ClassSet],
        names: &[Box<str>],
        range: TimeRange<RefNs>,
        cancel: &Cancel,
        visit: impl FnMut(&mut EventAt<'_>) -> bool,
    ) {
        let mut heads = Vec::with_capacity(self.streams.len());
        for (number, (stream, classes)) in self.streams.iter().zip(classes).enumerate() {
            if classes.is_empty() {
                continue;
            }
            let first = stream.checkpoint_before(range.begin);
            let Some((from, end)) = stream.index.stretch(first, classes) else { continue };
            let only = Some(Only { classes, names, cancel, end });
            let mut reader = stream.reader_at(from, names);
            if stream.index.is_empty() {
                reader = stream.trace.reader(stream.stream, stream.packet_before(range.begin));
                reader.select(names);
            }
            let mut head = Head { stream, number, reader, next: None, only };
            head.step();
            while head.next.is_some_and(|(at, _)| at < range.begin) {
                head.step();
            }
            heads.push(head);
        }
        merge(&mut heads, Some(range.end), visit);
    }

    /// The number in the merged order of an event that [`EventTable::visit`] came by.
    pub fn row_of(&self, t: RefNs, number: usize, position: Position) -> u64 {
        let (mut heads, mut row) = self.seek(t);
        merge(&mut heads, None, |event| {
            let found = event.number == number && event.head.position == position;
            row += u64::from(!found);
            !found && event.t <= t
        });
        row
    }

    /// The streams, in the order that decides between equal instants.
    pub fn streams(&self) -> &[EventStream] {
        &self.streams
    }
}

/// Merges streams, up to an instant if one is given, until `visit` returns false. Of equal instants the first
/// stream's comes first.
fn merge(heads: &mut [Head<'_>], to: Option<RefNs>, mut visit: impl FnMut(&mut EventAt<'_>) -> bool) {
    while let Some(head) = heads.iter_mut().filter(|h| h.next.is_some()).min_by_key(|h| h.next.map(|n| n.0)) {
        let Some((t, event)) = head.next.filter(|(t, _)| to.is_none_or(|to| *t < to)) else { return };
        if !visit(&mut EventAt::new(t, event, (head.number, head.stream), &mut *head.reader)) {
            return;
        }
        head.step();
    }
}

/// An event that [`EventTable::visit`] is at; its fields are decoded only if somebody asks.
pub struct EventAt<'a> {
    /// When.
    pub t: RefNs,
    /// Its head.
    pub head: EventHead,
    /// Its stream.
    pub stream: &'a EventStream,
    /// The stream's place in [`EventTable::streams`].
    pub number: usize,
    reader: &'a mut dyn EventReader,
}

impl<'a> EventAt<'a> {
    /// An event that a reader of this stream (with its place in the table) has just read.
    pub fn new(
        t: RefNs,
        head: EventHead,
        (number, stream): (usize, &'a EventStream),
        reader: &'a mut dyn EventReader,
    ) -> Self {
        Self { t, head, stream, number, reader }
    }

    /// Context and payload.
    pub fn fields(&mut self) -> (Value, Value) {
        self.reader.fields()
    }

    /// Of both only the fields that were selected.
    pub fn selected(&mut self) -> (Value, Value) {
        self.reader.selected()
    }

    fn row(&mut self, row: u64) -> EventRow {
        let (context, fields) = self.fields();
        let EventStream { machine, trace_id, stream, ref trace, .. } = *self.stream;
        let EventHead { cpu, class, position, .. } = self.head;
        let name = trace.classes().get(class.0 as usize).map_or_else(|| Arc::from(""), |c| Arc::clone(&c.name));
        EventRow { row, t: self.t, machine, trace: trace_id, stream, cpu, class, position, name, context, fields }
    }

    /// The tracer's name of it.
    pub fn name(&self) -> &'a str {
        self.stream.trace.classes().get(self.head.class.0 as usize).map_or("", |class| &class.name)
    }
}
