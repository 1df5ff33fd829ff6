//! All events of a session as one table, merged in time, addressed by row number.

use std::sync::Arc;

use crate::index::StreamIndex;
use crate::sync::ClockMap;
use crate::trace::{ClassId, EventHead, EventReader, Position, Trace};
use crate::vocab::{Cpu, MachineId, RefNs, StreamId, TraceId, Value};

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
    reader: Box<dyn EventReader>,
    next: Option<(RefNs, EventHead)>,
}

impl Head<'_> {
    fn step(&mut self) {
        self.next = self.reader.next_event().map(|head| (self.stream.map.to_ref(head.t), head));
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
        for stream in self.streams.iter() {
            let n = stream.index.partition_point(|c| stream.map.to_ref(c.t) < t);
            let from = n.checked_sub(1).and_then(|n| stream.index.get(n));
            before += from.map_or(0, |c| c.ordinal);
            let reader = stream.trace.reader(stream.stream, from.map(|c| c.position));
            let mut head = Head { stream, reader, next: None };
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
        while row < end {
            let Some(head) = heads.iter_mut().filter(|h| h.next.is_some()).min_by_key(|h| h.next.map(|n| n.0)) else {
                break;
            };
            if row >= first
                && let Some((t, event)) = head.next
            {
                let (context, fields) = head.reader.fields();
                let name = head.stream.trace.classes().get(event.class.0 as usize).map(|c| Arc::clone(&c.name));
                rows.push(EventRow {
                    row,
                    t,
                    machine: head.stream.machine,
                    trace: head.stream.trace_id,
                    stream: head.stream.stream,
                    cpu: event.cpu,
                    class: event.class,
                    position: event.position,
                    name: name.unwrap_or_else(|| Arc::from("")),
                    context,
                    fields,
                });
            }
            row += 1;
            head.step();
        }
        rows
    }

    /// Calls `visit` for every event of `[from, to)` in merged order until it returns false.
    pub fn visit(&self, from: RefNs, to: RefNs, mut visit: impl FnMut(&mut EventAt<'_>) -> bool) {
        let (mut heads, mut row) = self.seek(from);
        while let Some(head) = heads.iter_mut().filter(|h| h.next.is_some()).min_by_key(|h| h.next.map(|n| n.0)) {
            let Some((t, event)) = head.next else { return };
            if t >= to {
                return;
            }
            let mut at = EventAt { row, t, head: event, stream: head.stream, reader: &mut *head.reader };
            if !visit(&mut at) {
                return;
            }
            row += 1;
            head.step();
        }
    }

    /// The streams, in the order that decides between equal instants.
    pub fn streams(&self) -> &[EventStream] {
        &self.streams
    }
}

/// An event that [`EventTable::visit`] is at; its fields are decoded only if somebody asks.
pub struct EventAt<'a> {
    /// Its number in the merged order.
    pub row: u64,
    /// When.
    pub t: RefNs,
    /// Its head.
    pub head: EventHead,
    /// Its stream.
    pub stream: &'a EventStream,
    reader: &'a mut dyn EventReader,
}

impl EventAt<'_> {
    /// Context and payload.
    pub fn fields(&mut self) -> (Value, Value) {
        self.reader.fields()
    }

    /// The tracer's name of it.
    pub fn name(&self) -> Arc<str> {
        let class = self.stream.trace.classes().get(self.head.class.0 as usize);
        class.map_or_else(|| Arc::from(""), |c| Arc::clone(&c.name))
    }
}
