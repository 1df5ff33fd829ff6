//! Walking a row: where an instant lies, and from interval to interval, across blocks, tail and open interval.

use std::sync::Arc;

use crate::vocab::{MachineNs, State, TimeRange};

use super::block::{BlockView, Entry, Groups};
use super::pages::Pages;
use super::row::{Content, Interval, Row};
use super::summary::StateSums;
use super::writer::Look;

/// Where an interval or gap stands: its block (the one after the last is the tail, with the open interval as
/// its last) and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pos {
    pub(super) block: usize,
    pub(super) at: usize,
}

/// A row together with the pages that its blocks are in.
pub(super) struct Reader<'a> {
    pub(super) content: &'a Content,
    /// Where the row ends.
    pub(super) end: i64,
    pages: Option<Arc<Pages>>,
    /// Where the sealed blocks end.
    pub(super) sealed_end: i64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(row: &'a Row) -> Self {
        let content: &Content = row.content();
        // Most rows of most machines have no block: they need not meet at the lock.
        let pages = (content.sealed.len() > 0).then(|| content.pages.current());
        let sealed_end = content.tail.first().or(content.open.as_ref()).map_or(i64::MIN, Entry::begin);
        Self { content, end: row.end(), pages, sealed_end }
    }

    /// How many blocks are sealed: the number of the block that is the tail.
    pub(super) fn blocks(&self) -> usize {
        self.content.sealed.len()
    }

    pub(super) fn view(&self, block: usize) -> Option<BlockView<'_>> {
        self.content.sealed.view(block, self.sealed_end, self.pages.as_deref()?)
    }

    /// Reads what a walk will read of the next few blocks, of those groups of 32 of which `needs` says so, and says
    /// where it stopped. Blocks lie far from each other: a sweep that met them one by one would wait for memory each
    /// time, now it waits once.
    pub(super) fn touch(&self, block: usize, to: i64, needs: impl Fn(&Groups, usize, i64, i64) -> bool) -> usize {
        let until = (block + 8).min(self.blocks());
        let (Some(pages), sealed) = (self.pages.as_deref(), &self.content.sealed) else { return until };
        let mut read = 0;
        for b in block..until {
            let (Some(meta), Some(groups)) = (sealed.meta(b).filter(|m| m.begin < to), sealed.groups(b)) else { break };
            let end = self.block_begin(b + 1);
            for g in (0..groups.len()).filter(|g| needs(groups, *g, meta.begin, end)) {
                read = meta.touch(pages, g, read);
            }
        }
        std::hint::black_box(read);
        until
    }

    /// Begin of that block or of the tail.
    pub(super) fn block_begin(&self, block: usize) -> i64 {
        self.content.sealed.begin(block, self.sealed_end)
    }

    /// Intervals and gaps in the tail, with the open interval.
    pub(super) fn tail_len(&self) -> usize {
        self.content.tail.len() + usize::from(self.content.open.is_some())
    }

    /// Entry `at` of the tail.
    pub(super) fn tail(&self, at: usize) -> Option<Entry> {
        match self.content.tail.get(at) {
            Some(entry) => Some(*entry),
            None if at == self.content.tail.len() => self.content.open,
            None => None,
        }
    }

    /// Where entry `at` of the tail begins; the row's end for one past the last.
    pub(super) fn tail_begin(&self, at: usize) -> i64 {
        self.tail(at).map_or(self.end, |e| e.begin())
    }

    /// The last interval or gap that begins at or before `t`.
    pub(super) fn last_begun_by(&self, t: i64) -> Option<Pos> {
        let tail = self.blocks();
        if self.content.open.is_some_and(|o| o.begin() <= t) {
            return Some(Pos { block: tail, at: self.content.tail.len() });
        }
        let begun = self.content.tail.partition_point(|e| e.begin() <= t);
        if begun > 0 {
            return Some(Pos { block: tail, at: begun - 1 });
        }
        let block = self.content.sealed.begun_by(t).checked_sub(1)?;
        let at = self.view(block)?.begun_by(t).checked_sub(1)?;
        Some(Pos { block, at })
    }

    /// The first interval or gap.
    pub(super) fn first(&self) -> Option<Pos> {
        (self.blocks() > 0 || self.tail_len() > 0).then_some(Pos { block: 0, at: 0 })
    }

    fn len_of(&self, block: usize) -> usize {
        if block < self.blocks() { self.view(block).map_or(0, |v| v.len()) } else { self.tail_len() }
    }

    pub(super) fn after(&self, pos: Pos) -> Option<Pos> {
        if pos.at + 1 < self.len_of(pos.block) {
            Some(Pos { at: pos.at + 1, ..pos })
        } else if pos.block < self.blocks() && self.len_of(pos.block + 1) > 0 {
            Some(Pos { block: pos.block + 1, at: 0 })
        } else {
            None
        }
    }

    pub(super) fn before(&self, pos: Pos) -> Option<Pos> {
        match pos.at.checked_sub(1) {
            Some(at) => Some(Pos { at, ..pos }),
            None => {
                let block = pos.block.checked_sub(1)?;
                Some(Pos { block, at: self.len_of(block).checked_sub(1)? })
            }
        }
    }

    /// The interval there; `None` if it is a gap or (of the open one) still empty.
    pub(super) fn interval(&self, pos: Pos) -> Option<Interval> {
        if pos.block < self.blocks() {
            let view = self.view(pos.block)?;
            interval(view.begin(pos.at), view.begin(pos.at + 1), view.look(pos.at), view.first + pos.at as u64)
        } else {
            let entry = self.tail(pos.at)?;
            let index = self.content.sealed.entries + pos.at as u64;
            interval(entry.begin(), self.tail_begin(pos.at + 1), entry.look, index)
        }
    }

    pub(super) fn sums(&self, range: TimeRange<MachineNs>) -> StateSums {
        let mut sums = StateSums::default();
        let (from, to) = (range.begin.0, range.end.0);
        if from >= to {
            return sums;
        }
        let clipped = |sums: &mut StateSums, state: State, begin: i64, end: i64| {
            let (begin, end) = (begin.max(from), end.min(to));
            if begin < end {
                sums.add(state as usize, end.wrapping_sub(begin) as u64, 1);
            }
        };
        let start = self.last_begun_by(from).unwrap_or(Pos { block: 0, at: 0 });
        let first_of = |block: usize| if block == start.block { start.at } else { 0 };
        let sealed = &self.content.sealed;
        let mut block = start.block;
        while block < self.blocks() && self.block_begin(block) < to {
            let inside = |end: i64| end <= to;
            let whole = self.block_begin(block) >= from;
            if let Some(node) = sealed.highest(block, self.sealed_end, inside).filter(|_| whole) {
                sealed.sums(&node).for_each(|(state, ns, count)| sums.add(state, ns, count));
                block = node.next_block;
                continue;
            }
            if let Some(view) = self.view(block) {
                if whole && inside(self.block_begin(block + 1)) {
                    view.sums().for_each(|(state, ns, count)| sums.add(state, ns, count));
                } else {
                    for i in (first_of(block)..view.len()).take_while(|&i| view.begin(i) < to) {
                        clipped(&mut sums, view.state(i), view.begin(i), view.begin(i + 1));
                    }
                }
            }
            block += 1;
        }
        if block == self.blocks() {
            for i in (first_of(block)..self.tail_len()).take_while(|&i| self.tail_begin(i) < to) {
                let state = self.tail(i).map_or(State::None, |e| e.look.state);
                clipped(&mut sums, state, self.tail_begin(i), self.tail_begin(i + 1));
            }
        }
        sums
    }
}

fn interval(begin: i64, end: i64, look: Look, index: u64) -> Option<Interval> {
    (look.state != State::None && begin < end).then_some(Interval {
        begin: MachineNs(begin),
        end: MachineNs(end),
        look,
        index,
    })
}

/// The intervals of a row that share an instant with a range: what [`Row::intervals`] gives.
pub struct Intervals<'a> {
    reader: Reader<'a>,
    range: TimeRange<MachineNs>,
    /// What has not been read yet.
    pos: Option<Pos>,
    /// Read ahead; more each time, so that asking for one interval reads few.
    ahead: Vec<Interval>,
    /// How many of these were given.
    given: usize,
    batch: usize,
}

/// Intervals that are read ahead at first, and at most.
const FEW: usize = 4;
const MANY: usize = 128;

impl<'a> Intervals<'a> {
    pub(super) fn new(reader: Reader<'a>, range: TimeRange<MachineNs>) -> Self {
        let mut intervals = Self { reader, range, pos: None, ahead: Vec::new(), given: 0, batch: FEW };
        intervals.seek(range.begin);
        intervals
    }

    /// Goes on with the intervals from `from` to the end of the range, backwards or forwards: as asking the row
    /// anew, and cheaper.
    pub fn seek(&mut self, from: MachineNs) {
        self.range.begin = from;
        let reader = &self.reader;
        let inside = from < self.range.end;
        // Often it is near, among those that were read already. They have no holes but gaps of the row.
        if let (Some(first), Some(last)) = (self.ahead.first(), self.ahead.last())
            && inside
            && first.begin <= from
            && from < last.end
        {
            self.given = self.ahead.partition_point(|i| i.end <= from);
            return;
        }
        self.ahead.clear();
        self.given = 0;
        self.batch = FEW;
        self.pos = inside.then(|| reader.last_begun_by(from.0).or_else(|| reader.first())).flatten();
    }

    /// Reads on within one block.
    fn read_ahead(&mut self, pos: Pos) {
        let reader = &self.reader;
        let (range, until) = (self.range, pos.at + self.batch);
        self.ahead.clear();
        self.given = 0;
        let ahead = &mut self.ahead;
        let (len, next_begin);
        if pos.block < reader.blocks() {
            let Some(view) = reader.view(pos.block) else {
                self.pos = None;
                return;
            };
            len = view.len();
            ahead.reserve(until.min(len) - pos.at);
            let mut begin = view.begin(pos.at);
            for at in pos.at..until.min(len) {
                let end = view.begin(at + 1);
                let (state, detail, aux) = view.look_parts(at);
                // Built in place: an interval that goes through memory costs as much as all the rest.
                if state != State::None && begin < end && begin < range.end.0 && end > range.begin.0 {
                    ahead.push(Interval {
                        begin: MachineNs(begin),
                        end: MachineNs(end),
                        look: Look { state, detail, aux },
                        index: view.first + at as u64,
                    });
                }
                begin = end;
            }
            next_begin = begin;
        } else {
            len = reader.tail_len();
            for at in pos.at..until.min(len) {
                let interval = reader.interval(Pos { at, ..pos });
                ahead.extend(interval.filter(|i| i.begin < range.end && i.end > range.begin));
            }
            next_begin = reader.tail_begin(until);
        }
        let next = if until < len { Some(Pos { at: until, ..pos }) } else { reader.after(Pos { at: len - 1, ..pos }) };
        self.pos = next.filter(|_| next_begin < range.end.0);
        self.batch = (self.batch * 4).min(MANY);
    }

    /// The next interval, left in place.
    #[inline]
    pub fn peek(&mut self) -> Option<&Interval> {
        while self.given == self.ahead.len() {
            self.read_ahead(self.pos?);
        }
        self.ahead.get(self.given)
    }
}

impl Iterator for Intervals<'_> {
    type Item = Interval;

    #[inline]
    fn next(&mut self) -> Option<Interval> {
        let next = self.peek().copied()?;
        self.given += 1;
        Some(next)
    }
}

/// The intervals of a row that begin before an instant, the latest first: what [`Row::backward`] gives.
pub struct Backward<'a> {
    reader: Reader<'a>,
    pos: Option<Pos>,
}

impl<'a> Backward<'a> {
    pub(super) fn new(reader: Reader<'a>, t: MachineNs) -> Self {
        let pos = t.0.checked_sub(1).and_then(|t| reader.last_begun_by(t));
        Self { reader, pos }
    }
}

impl Iterator for Backward<'_> {
    type Item = Interval;

    fn next(&mut self) -> Option<Interval> {
        loop {
            let pos = self.pos?;
            self.pos = self.reader.before(pos);
            if let Some(interval) = self.reader.interval(pos) {
                return Some(interval);
            }
        }
    }
}
