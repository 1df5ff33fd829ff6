//! Events that a filter describes, found without reading what it rules out.
//!
//! Each class of events is asked about once: a filter that is false for all events of a class (by its name, by the
//! fields it has, by its stream's CPU) never sees one of them, and stretches between checkpoints in which no other
//! class occurs are not read at all. Of the rest only the fields that the filter names are decoded. Counting needs
//! no order in time, so stretches are counted on all cores.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::index::{EventAt, EventStream, EventTable};
use crate::query::{EventSubject, Facts, Matcher};
use crate::trace::{ClassId, ClassSet, EventClass};
use crate::vocab::{Cancel, Cancelled, Cpu, MachineId, MachineNs, RefNs, TimeRange};

/// Checkpoints of a stretch that is counted at a time.
const STRETCH: usize = 64;

/// Events between two looks at whether somebody cancelled.
const STEP: u64 = 4096;

/// The instant of an event as it is printed: what `t` is in a filter.
type Printed<'a> = Box<dyn Fn(&EventAt<'_>) -> i128 + Sync + 'a>;

/// What is looked for.
enum Sought<'a> {
    /// Events that a filter describes.
    Filter(&'a Matcher, Printed<'a>),
    /// Events of these names.
    Names,
}

/// What is asked of one stream.
struct Asked<'a> {
    machine: &'a str,
    /// Classes that are not ruled out.
    possible: ClassSet,
    /// Those of them whose every event is one that is looked for.
    certain: ClassSet,
}

/// The instant of an event as it is printed on the reference's clock, whose zero is `origin_ns`.
pub fn on_reference(origin_ns: i128) -> impl Fn(&EventAt<'_>) -> i128 + Sync {
    move |event| origin_ns + i128::from(event.t.0)
}

/// A question to a table of events, made ready.
pub struct Search<'a> {
    table: &'a EventTable,
    sought: Sought<'a>,
    streams: Vec<Asked<'a>>,
    possible: Vec<ClassSet>,
    /// Top-level fields that the filter names.
    names: Vec<Box<str>>,
}

impl<'a> Search<'a> {
    /// Events that a filter describes. `machine` names machines; `printed` gives an event's instant as it is printed.
    pub fn filter<'m: 'a>(
        table: &'a EventTable,
        matcher: &'a Matcher,
        machine: impl Fn(MachineId) -> &'m str,
        printed: impl Fn(&EventAt<'_>) -> i128 + Sync + 'a,
    ) -> Self {
        let verdict = |stream: &EventStream, class: &EventClass| {
            let cpu = stream.trace.streams().get(stream.stream.0 as usize).map(|s| s.cpu);
            matcher.hint(&Facts {
                machine: Some(machine(stream.machine)),
                name: Some(&class.name),
                // Of a stream without a CPU each event may name one.
                cpu: cpu.filter(|cpu| *cpu != Cpu::UNKNOWN),
                t_ns: None,
                fields: Some(&class.fields),
                context: Some(&class.context),
            })
        };
        let names = matcher.field_names();
        Self::new(table, Sought::Filter(matcher, Box::new(printed)), names, &|id| machine(id), verdict)
    }

    /// Events whose class's name is wanted.
    pub fn names(table: &'a EventTable, wanted: impl Fn(&str) -> bool) -> Self {
        Self::new(table, Sought::Names, Vec::new(), &|_| "", |_, class| Some(wanted(&class.name)))
    }

    fn new(
        table: &'a EventTable,
        sought: Sought<'a>,
        names: Vec<Box<str>>,
        machine: &dyn Fn(MachineId) -> &'a str,
        verdict: impl Fn(&EventStream, &EventClass) -> Option<bool>,
    ) -> Self {
        let streams: Vec<Asked<'_>> = table
            .streams()
            .iter()
            .map(|stream| {
                let classes = stream.trace.classes();
                let verdicts: Vec<Option<bool>> = classes.iter().map(|class| verdict(stream, class)).collect();
                let of = |class: ClassId| verdicts.get(class.0 as usize).copied().flatten();
                Asked {
                    machine: machine(stream.machine),
                    possible: ClassSet::new(classes.len(), |class| of(class) != Some(false)),
                    certain: ClassSet::new(classes.len(), |class| of(class) == Some(true)),
                }
            })
            .collect();
        let possible = streams.iter().map(|asked| asked.possible.clone()).collect();
        Self { table, sought, streams, possible, names }
    }

    fn accepts(&self, asked: &Asked<'_>, event: &mut EventAt<'_>) -> bool {
        if asked.certain.has(event.head.class) {
            return true;
        }
        match &self.sought {
            Sought::Names => false,
            Sought::Filter(matcher, printed) => {
                let (name, cpu) = (event.name(), event.head.cpu);
                let t = printed(event);
                matcher.matches(&EventSubject::new(asked.machine, name, cpu, t, || event.selected()))
            }
        }
    }

    /// Calls `visit` for every event that is looked for, in order, until it returns false.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn visit(
        &self,
        range: TimeRange<RefNs>,
        cancel: &Cancel,
        mut visit: impl FnMut(&mut EventAt<'_>) -> bool,
    ) -> Result<(), Cancelled> {
        cancel.check()?;
        let mut until_look = STEP;
        let mut going = Ok(());
        self.table.visit_of(&self.possible, &self.names, range, cancel, |event| {
            until_look -= 1;
            if until_look == 0 {
                until_look = STEP;
                going = cancel.check();
            }
            let accepted = self.streams.get(event.number).is_some_and(|asked| self.accepts(asked, event));
            going.is_ok() && (!accepted || visit(event))
        });
        // Cancelled also where nothing was possible: then it ended early.
        going.and_then(|()| cancel.check())
    }

    /// When events of a range are looked for: by machine, on each machine's own axis and in order.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn instants(&self, range: TimeRange<RefNs>, cancel: &Cancel) -> Result<Vec<Vec<MachineNs>>, Cancelled> {
        let machines = self.table.streams().iter().map(|s| usize::from(s.machine.0) + 1).max();
        let mut found = vec![Vec::new(); machines.unwrap_or(0)];
        self.visit(range, cancel, |event| {
            if let Some(list) = found.get_mut(usize::from(event.stream.machine.0)) {
                list.push(event.head.t);
            }
            true
        })?;
        Ok(found)
    }

    /// How many events of a range are looked for; `tell` gets what was counted so far.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn count(&self, range: TimeRange<RefNs>, cancel: &Cancel, tell: &mut dyn FnMut(u64)) -> Result<u64, Cancelled> {
        let found = AtomicU64::new(0);
        let stretches = self.stretches(range);
        // Some at a time, so that the count can be told while it goes on.
        for some in stretches.chunks(4 * rayon::current_num_threads().max(1)) {
            some.par_iter().try_for_each(|stretch| {
                cancel.check()?;
                found.fetch_add(self.count_stretch(stretch, range, cancel), Ordering::Relaxed);
                cancel.check()
            })?;
            tell(found.load(Ordering::Relaxed));
        }
        Ok(found.into_inner())
    }

    /// Where possible classes occur in a range, in pieces for one core each, earlier ones first.
    fn stretches(&self, range: TimeRange<RefNs>) -> Vec<Stretch<'_>> {
        let streams = self.table.streams().iter().zip(&self.streams).enumerate();
        let streams = streams.filter(|(_, (_, asked))| !asked.possible.is_empty());
        let pieces = streams.flat_map(|(number, (stream, asked))| {
            pieces(stream, range, Some(&asked.possible)).map(move |(begin, end)| Stretch { number, stream, begin, end })
        });
        in_order(pieces.collect())
    }

    fn count_stretch(&self, stretch: &Stretch<'_>, range: TimeRange<RefNs>, cancel: &Cancel) -> u64 {
        let Stretch { number, stream, begin, end } = *stretch;
        let Some(asked) = self.streams.get(number) else { return 0 };
        let mut reader = stream.reader_at(begin, &self.names);
        let until = stream.index.get(end).map(|c| c.position);
        let mut found = 0;
        while let Some(head) = reader.next_of(&asked.possible, until, cancel) {
            let t = stream.map.to_ref(head.t);
            if t >= range.end {
                break;
            }
            if t >= range.begin {
                let mut event = EventAt::new(t, head, (number, stream), &mut *reader);
                found += u64::from(self.accepts(asked, &mut event));
            }
        }
        found
    }
}

/// A piece of a stream between two checkpoints.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    number: usize,
    stream: &'a EventStream,
    begin: usize,
    end: usize,
}

/// Cuts what a stream has of a range into pieces of some checkpoints each; only where some classes may occur, if
/// they are given.
fn pieces(
    stream: &EventStream,
    range: TimeRange<RefNs>,
    classes: Option<&ClassSet>,
) -> impl Iterator<Item = (usize, usize)> {
    let mut from = Some(stream.checkpoint_before(range.begin));
    std::iter::from_fn(move || {
        let (begin, end) = match classes {
            Some(classes) => stream.index.stretch(from?, classes)?,
            None => (from?, usize::MAX),
        };
        let is_late = |n: usize| stream.index.get(n).is_some_and(|c| stream.map.to_ref(c.t) >= range.end);
        if is_late(begin) {
            return None;
        }
        let end = end.min(begin.saturating_add(STRETCH));
        // What no checkpoint tells of belongs to the last piece.
        from = (end < stream.index.len()).then_some(end);
        Some((begin, end))
    })
}

/// Pieces of all streams, earlier ones first.
fn in_order(mut pieces: Vec<Stretch<'_>>) -> Vec<Stretch<'_>> {
    pieces.sort_by_key(|s| s.stream.index.get(s.begin).map_or(RefNs::MIN, |c| s.stream.map.to_ref(c.t)));
    pieces
}

/// How many events of a name a machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCount {
    /// The machine.
    pub machine: MachineId,
    /// The tracer's name of them.
    pub name: Arc<str>,
    /// How many.
    pub count: u64,
}

/// How many events of each name a range has: by machine, the most frequent first. Nothing is decoded but what tells
/// one event from the next.
///
/// # Errors
/// Somebody cancelled.
pub fn count_by_name(
    table: &EventTable,
    range: TimeRange<RefNs>,
    cancel: &Cancel,
) -> Result<Vec<NameCount>, Cancelled> {
    let streams = table.streams().iter().enumerate();
    let pieces = streams.flat_map(|(number, stream)| {
        pieces(stream, range, None).map(move |(begin, end)| Stretch { number, stream, begin, end })
    });
    let sums = in_order(pieces.collect())
        .into_par_iter()
        .map(|piece| {
            cancel.check()?;
            let counted = count_classes(piece, range, cancel);
            cancel.check()?;
            Ok((piece.number, counted))
        })
        .try_fold(FxHashMap::default, |mut sums: FxHashMap<usize, Vec<u64>>, counted| {
            let (number, by_class) = counted?;
            add(sums.entry(number).or_default(), &by_class);
            Ok(sums)
        })
        .try_reduce(FxHashMap::default, |mut one, other| {
            #[expect(clippy::iter_over_hash_type, reason = "into another one: the order has no effect")]
            for (number, by_class) in other {
                add(one.entry(number).or_default(), &by_class);
            }
            Ok(one)
        })?;
    let mut by_name: FxHashMap<(MachineId, &Arc<str>), u64> = FxHashMap::default();
    for (number, stream) in table.streams().iter().enumerate() {
        let counts = sums.get(&number).into_iter().flatten();
        for (class, count) in stream.trace.classes().iter().zip(counts).filter(|(_, count)| **count > 0) {
            *by_name.entry((stream.machine, &class.name)).or_default() += count;
        }
    }
    let counts =
        by_name.into_iter().map(|((machine, name), count)| NameCount { machine, name: Arc::clone(name), count });
    let mut counts: Vec<NameCount> = counts.collect();
    counts.sort_by(|a, b| (a.machine, Reverse(a.count), &a.name).cmp(&(b.machine, Reverse(b.count), &b.name)));
    Ok(counts)
}

fn add(sums: &mut Vec<u64>, more: &[u64]) {
    sums.resize(sums.len().max(more.len()), 0);
    sums.iter_mut().zip(more).for_each(|(sum, n)| *sum += n);
}

fn count_classes(piece: Stretch<'_>, range: TimeRange<RefNs>, cancel: &Cancel) -> Vec<u64> {
    let Stretch { stream, begin, end, .. } = piece;
    let mut counts = vec![0; stream.trace.classes().len()];
    let at = |n: usize| stream.index.get(n).map(|c| stream.map.to_ref(c.t));
    let mut from = begin;
    while from < end {
        let mut reader = stream.reader_at(from, &[]);
        let is_inside = |n: usize| at(n).is_some_and(|t| t >= range.begin);
        // As far as checkpoints say that all is in the range, no instant is looked at.
        let last = (from..end).take_while(|n| at(n + 1).is_some_and(|t| t < range.end)).last();
        if let Some(last) = last.filter(|_| is_inside(from)) {
            reader.count(stream.index.get(last + 1).map(|c| c.position), &mut counts);
            from = last + 1;
            continue;
        }
        let until = stream.index.get(from + 1).map(|c| c.position);
        let all = ClassSet::new(counts.len(), |_| true);
        while let Some(head) = reader.next_of(&all, until, cancel) {
            let t = stream.map.to_ref(head.t);
            if t >= range.end {
                return counts;
            }
            if let Some(count) = counts.get_mut(head.class.0 as usize).filter(|_| t >= range.begin) {
                *count += 1;
            }
        }
        if until.is_none() {
            break;
        }
        from += 1;
    }
    counts
}
