//! A sealed block: up to 256 consecutive intervals of a row, as columns that are read in place.
//!
//! ```text
//! in its page
//!   s8       8 bytes per group of 8 intervals: its summary
//!   b8       4 bytes per group of 8: its begin, nanoseconds since the block's; 8 bytes where the block lasts
//!            over 4.29 s
//!   begins   of the other seven intervals of each group, in the same way
//!   looks    1 byte per interval: number in the dictionary
//!   dict     per look that occurs: its state, number of its detail, number of its number (1 byte each)
//!   details  4 bytes per detail that occurs
//!   auxes    4 bytes per number that occurs: a thread that changes its CPU repeats all its looks, but not these
//!   sums     per state that occurs, by number: nanoseconds (8), then counts (2)
//! in memory
//!   BlockMeta    begin, summary, place, and the lengths from which follows where columns begin
//!   Groups       summaries of the groups of 128 and 32, begins of the latter, and the longest interval
//! ```
//!
//! All numbers are little-endian. Blocks of one row lie far from each other, so touching one costs as much as
//! adding up a hundred groups: what a wide view needs is kept in memory, row by row, and what the next zoom
//! needs stands together at the block's begin.

use std::ops::Range;

use crate::vocab::{Name, State};

use super::pages::{Pages, Place};
use super::summary::{Summary, Tally, bits};
use super::writer::Look;

/// Intervals in a full block.
pub(super) const BLOCK: usize = 256;

/// An interval before it is sealed: it ends where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// In halves: a quarter of all memory for rows that are not yet sealed would be padding otherwise.
    begin: [u32; 2],
    pub(super) look: Look,
}

impl Entry {
    pub(super) fn new(begin: i64, look: Look) -> Self {
        Self { begin: [begin as u32, (begin >> 32) as u32], look }
    }

    #[inline]
    pub(super) fn begin(&self) -> i64 {
        i64::from(self.begin[0]) | i64::from(self.begin[1]) << 32
    }
}

/// What memory knows of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockMeta {
    /// Begin of its first interval, nanoseconds.
    pub(super) begin: i64,
    /// Number of that interval within the row.
    pub(super) first: u64,
    /// All of it.
    pub(super) summary: Summary,
    place: Place,
    /// Lengths, each less one so that 256 fits.
    count: u8,
    dict: u8,
    details: u8,
    auxes: u8,
    wide: bool,
}

/// What is known of a block before it has a place.
#[derive(Clone, Copy)]
pub(super) struct Unplaced(BlockMeta);

impl Unplaced {
    /// The block's bytes stand at `place`; `first` is the number of its first interval within the row.
    pub(super) fn at(self, first: u64, place: Place) -> BlockMeta {
        BlockMeta { first, place, ..self.0 }
    }
}

impl BlockMeta {
    fn count(&self) -> usize {
        self.count as usize + 1
    }

    /// Reads a byte of each cache line that a walk through group `g` of 32 will read.
    #[inline]
    pub(super) fn touch(&self, pages: &Pages, g: usize, read: u8) -> u8 {
        let bytes = pages.from(self.place);
        let (count, of_8) = (self.count(), self.count().div_ceil(8));
        let begin = if self.wide { 8 } else { 4 };
        let begins = of_8 * (8 + begin);
        let numbers = begins + (count - of_8) * begin;
        let line = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let first = begins + g * 28 * begin;
        let dict = numbers + count;
        let end = dict + 3 * (self.dict as usize + 1) + 4 * (self.details as usize + 1);
        let lines = (first..first + 28 * begin).step_by(64).chain((dict..end).step_by(64));
        lines.fold(read, |read, at| read ^ line(at))
            ^ line(g * 32)
            ^ line(of_8 * 8 + g * 4 * begin)
            ^ line(numbers + g * 32)
    }
}

/// What memory knows of a block's insides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups {
    s128: [Summary; 2],
    s32: [Summary; 8],
    /// Begins of the groups of 32 since the block's, shifted right by `shift` so that they fit.
    b32: [u32; 8],
    shift: u32,
    len: u32,
    longest: Longest,
}

/// The longest interval of a block, and what of its group of 32 is before and after it: mostly it is the only one
/// for which a wide view would have to look into the block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Longest {
    /// Begin and end, exact.
    pub(super) begin: i64,
    pub(super) end: i64,
    pub(super) before: Summary,
    pub(super) after: Summary,
    pub(super) detail: Name,
    pub(super) state: u8,
    /// Number of its group of 32.
    group: u8,
}

impl Groups {
    /// The longest interval, if group `i` of 32 has it.
    #[inline]
    pub(super) fn longest_of_32(&self, i: usize) -> Option<&Longest> {
        (usize::from(self.longest.group) == i).then_some(&self.longest)
    }

    /// How many groups of 32 there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn summary_of_128(&self, i: usize) -> Summary {
        self.s128[i & 1]
    }

    #[inline]
    pub(super) fn summary_of_32(&self, i: usize) -> Summary {
        self.s32[i & 7]
    }

    /// Begin of group `i` of 32 of a block that begins at `begin`; not later than it is, and earlier by less
    /// than [`Groups::slack`].
    #[inline]
    pub(super) fn begin_of_32(&self, i: usize, begin: i64) -> i64 {
        begin.wrapping_add((u64::from(self.b32[i & 7]) << self.shift) as i64)
    }

    /// End of group `i` of 32 of a block from `begin` to `end`; not earlier than it is, and later by less than
    /// [`Groups::slack`]: who asks whether it reaches out of a range must not be told too little.
    #[inline]
    pub(super) fn end_of_32(&self, i: usize, begin: i64, end: i64) -> i64 {
        if i + 1 < self.len() { self.begin_of_32(i + 1, begin).wrapping_add(self.slack() as i64 - 1) } else { end }
    }

    /// How much earlier than it is a begin may be given, plus one: 1 where it is exact.
    #[inline]
    pub(super) fn slack(&self) -> u64 {
        1 << self.shift
    }
}

/// Makes blocks; keeps its buffers from one to the next.
pub(super) struct Encoder {
    dict: Vec<Look>,
    /// By hash of a look: 1 + its number in `dict`, 0 for none.
    slots: [u16; SLOTS],
    /// What stands in the dictionary's columns: state, detail and aux of each look, then the distinct ones.
    columns: [Vec<u8>; 3],
    details: Vec<u32>,
    auxes: Vec<u32>,
    numbers: Vec<u8>,
    /// Begins since the block's, and its end.
    offsets: Vec<u64>,
    s8: Vec<Summary>,
    groups: Groups,
}

const SLOTS: usize = 1024;

impl Default for Encoder {
    fn default() -> Self {
        Self {
            dict: Vec::new(),
            slots: [0; SLOTS],
            columns: Default::default(),
            details: Vec::new(),
            auxes: Vec::new(),
            numbers: Vec::new(),
            offsets: Vec::new(),
            s8: Vec::new(),
            groups: Groups::default(),
        }
    }
}

fn slot_of(look: Look) -> usize {
    let bits = u64::from(look.aux) | u64::from(look.detail.0) << 32;
    let mixed = (bits ^ (look.state as u64) << 24).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 54) as usize
}

/// Where `word` stands among `words`, at their end if it is new. Mostly it is one of the last.
fn number_in(words: &mut Vec<u32>, word: u32) -> u8 {
    let at = words.iter().rposition(|w| *w == word).unwrap_or_else(|| {
        words.push(word);
        words.len() - 1
    });
    at as u8
}

/// Adds a column of `count` words, which `fill` writes.
fn put<const N: usize>(bytes: &mut Vec<u8>, count: usize, fill: impl FnOnce(&mut [[u8; N]])) {
    let begin = bytes.len();
    bytes.resize(begin + count * N, 0);
    fill(bytes[begin..].as_chunks_mut().0);
}

/// Begins: of groups of 8 first, then of the other seven of each.
fn put_begins<const N: usize>(words: &mut [[u8; N]], offsets: &[u64], word: impl Fn(u64) -> [u8; N]) {
    let (heads, rest) = words.split_at_mut(offsets.len().div_ceil(8));
    for ((group, head), rest) in offsets.chunks(8).zip(heads).zip(rest.chunks_mut(7).chain([&mut [][..]])) {
        *head = word(group[0]);
        rest.iter_mut().zip(&group[1..]).for_each(|(place, offset)| *place = word(*offset));
    }
}

impl Encoder {
    /// Lays out `entries` (1 to 256 of them), the last of which ends at `end`, behind what is in `bytes`, adds
    /// them up in `tally` (which is empty), and says what memory must know of them.
    pub(super) fn encode(
        &mut self,
        entries: &[Entry],
        end: i64,
        tally: &mut Tally,
        bytes: &mut Vec<u8>,
    ) -> (Unplaced, Groups) {
        let base = entries.first().map_or(end, Entry::begin);
        let wide = end.wrapping_sub(base) as u64 > u64::from(u32::MAX);
        self.offsets.clear();
        self.offsets.extend(entries.iter().map(|entry| entry.begin().wrapping_sub(base) as u64));
        self.offsets.push(end.wrapping_sub(base) as u64);
        self.number_looks(entries);
        self.summarise(entries, tally);

        let offsets = &self.offsets[..entries.len()];
        put(bytes, self.s8.len(), |words| {
            words.iter_mut().zip(&self.s8).for_each(|(word, summary)| *word = summary.0.to_le_bytes());
        });
        if wide {
            put(bytes, offsets.len(), |words| put_begins(words, offsets, u64::to_le_bytes));
        } else {
            put(bytes, offsets.len(), |words| put_begins(words, offsets, |offset| (offset as u32).to_le_bytes()));
        }
        bytes.extend_from_slice(&self.numbers);
        self.columns.iter().for_each(|column| bytes.extend_from_slice(column));
        for word in self.details.iter().chain(&self.auxes) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let summary = tally.summary();
        for s in bits(summary.mask()) {
            bytes.extend_from_slice(&tally.ns[s].to_le_bytes());
        }
        for s in bits(summary.mask()) {
            bytes.extend_from_slice(&(tally.count[s] as u16).to_le_bytes());
        }
        let less_one = |len: usize| len.saturating_sub(1) as u8;
        let (count, dict) = (less_one(entries.len()), less_one(self.dict.len()));
        let (details, auxes) = (less_one(self.details.len()), less_one(self.auxes.len()));
        let place = Place::default();
        let meta = BlockMeta { begin: base, first: 0, summary, place, count, dict, details, auxes, wide };
        (Unplaced(meta), self.groups)
    }

    fn number_looks(&mut self, entries: &[Entry]) {
        for look in self.dict.drain(..) {
            // Clearing those that were set is cheaper than all; probing moved some to later slots.
            let mut slot = slot_of(look);
            while self.slots[slot] != 0 {
                self.slots[slot] = 0;
                slot = (slot + 1) % SLOTS;
            }
        }
        self.numbers.clear();
        for entry in entries {
            let mut slot = slot_of(entry.look);
            let number = loop {
                match self.slots[slot] {
                    0 => {
                        self.dict.push(entry.look);
                        self.slots[slot] = self.dict.len() as u16;
                        break self.dict.len() - 1;
                    }
                    n if self.dict[n as usize - 1] == entry.look => break n as usize - 1,
                    _ => slot = (slot + 1) % SLOTS,
                }
            };
            self.numbers.push(number as u8);
        }
        self.columns.iter_mut().for_each(Vec::clear);
        self.details.clear();
        self.auxes.clear();
        for look in &self.dict {
            self.columns[0].push(look.state as u8);
            self.columns[1].push(number_in(&mut self.details, look.detail.0));
            self.columns[2].push(number_in(&mut self.auxes, look.aux));
        }
    }

    fn summarise(&mut self, entries: &[Entry], total: &mut Tally) {
        let offsets = self.offsets.as_slice();
        let span = offsets.last().copied().unwrap_or(0);
        let groups = &mut self.groups;
        *groups = Groups { shift: 32u32.saturating_sub(span.leading_zeros()), ..Groups::default() };
        self.s8.clear();
        let (mut of_8, mut of_32, mut of_128) = (Tally::default(), Tally::default(), Tally::default());
        for (i, group) in entries.chunks(8).enumerate() {
            let edges = &offsets[i * 8..=i * 8 + group.len()];
            if i % 4 == 0 {
                groups.b32[i / 4] = (edges[0] >> groups.shift) as u32;
            }
            for (entry, edge) in group.iter().zip(edges.windows(2)) {
                of_8.add(entry.look.state, edge[1].wrapping_sub(edge[0]));
                total.count(entry.look.state);
            }
            let last = (i + 1) * 8 >= entries.len();
            self.s8.push(of_8.summary());
            of_32.take_times(&mut of_8);
            if i % 4 == 3 || last {
                groups.s32[i / 4] = of_32.summary();
                groups.len += 1;
                of_128.take_times(&mut of_32);
            }
            if i % 16 == 15 || last {
                groups.s128[i / 16] = of_128.summary();
                total.take_times(&mut of_128);
            }
        }
        self.find_longest(entries);
    }

    fn find_longest(&mut self, entries: &[Entry]) {
        let lengths = self.offsets.windows(2).map(|edges| edges[1].wrapping_sub(edges[0])).enumerate();
        let Some((at, length)) = lengths.max_by_key(|(_, length)| *length) else { return };
        let mut tally = Tally::default();
        let mut sum = |range: Range<usize>| {
            for (entry, edges) in entries[range.clone()].iter().zip(self.offsets[range.start..].windows(2)) {
                tally.add(entry.look.state, edges[1].wrapping_sub(edges[0]));
            }
            let summary = tally.summary();
            tally = Tally::default();
            summary
        };
        let group = at / 32;
        let (before, after) = (sum(group * 32..at), sum(at + 1..(group * 32 + 32).min(entries.len())));
        let (begin, look) = (entries[at].begin(), entries[at].look);
        let (detail, state, end) = (look.detail, look.state as u8, begin.wrapping_add(length as i64));
        self.groups.longest = Longest { begin, end, before, after, detail, state, group: group as u8 };
    }
}

/// A column of begins, relative to the block's.
#[derive(Clone, Copy)]
pub(super) enum Offsets<'a> {
    Narrow(&'a [[u8; 4]]),
    Wide(&'a [[u8; 8]]),
}

impl Offsets<'_> {
    #[inline]
    pub(super) fn get(self, i: usize) -> u64 {
        match self {
            Offsets::Narrow(column) => u64::from(u32::from_le_bytes(column[i])),
            Offsets::Wide(column) => u64::from_le_bytes(column[i]),
        }
    }

    /// How many of those in `range` are not greater than `offset`.
    fn begun_by(self, offset: u64, range: Range<usize>) -> usize {
        match self {
            Offsets::Narrow(column) => column[range].partition_point(|b| u64::from(u32::from_le_bytes(*b)) <= offset),
            Offsets::Wide(column) => column[range].partition_point(|b| u64::from_le_bytes(*b) <= offset),
        }
    }
}

/// A block in place.
#[derive(Clone, Copy)]
pub(super) struct BlockView<'a> {
    begin: i64,
    end: i64,
    pub(super) first: u64,
    count: usize,
    s8: &'a [[u8; 8]],
    b8: Offsets<'a>,
    begins: Offsets<'a>,
    numbers: &'a [u8],
    states: &'a [u8],
    detail_numbers: &'a [u8],
    aux_numbers: &'a [u8],
    details: &'a [[u8; 4]],
    auxes: &'a [[u8; 4]],
    sums: &'a [u8],
    mask: u32,
}

/// Cuts columns off the front of a block's bytes.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn column<const N: usize>(&mut self, len: usize) -> &'a [[u8; N]] {
        let (column, rest) = self.0.split_at(len * N);
        self.0 = rest;
        column.as_chunks().0
    }

    fn offsets(&mut self, len: usize, wide: bool) -> Offsets<'a> {
        if wide { Offsets::Wide(self.column(len)) } else { Offsets::Narrow(self.column(len)) }
    }
}

impl<'a> BlockView<'a> {
    /// The block of `meta` that begins at the begin of `bytes` and whose last interval ends at `end`.
    #[inline]
    pub(super) fn new(meta: &BlockMeta, end: i64, bytes: impl FnOnce(Place) -> &'a [u8]) -> Self {
        let (count, dict, wide) = (meta.count(), meta.dict as usize + 1, meta.wide);
        let mut cut = Cut(bytes(meta.place));
        Self {
            begin: meta.begin,
            end,
            first: meta.first,
            count,
            s8: cut.column(count.div_ceil(8)),
            b8: cut.offsets(count.div_ceil(8), wide),
            begins: cut.offsets(count - count.div_ceil(8), wide),
            numbers: cut.column::<1>(count).as_flattened(),
            states: cut.column::<1>(dict).as_flattened(),
            detail_numbers: cut.column::<1>(dict).as_flattened(),
            aux_numbers: cut.column::<1>(dict).as_flattened(),
            details: cut.column(meta.details as usize + 1),
            auxes: cut.column(meta.auxes as usize + 1),
            sums: cut.0,
            mask: meta.summary.mask(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Begin of interval `i`; the block's end for one past the last.
    #[inline]
    pub(super) fn begin(&self, i: usize) -> i64 {
        if i >= self.count {
            return self.end;
        }
        let offset = if i.is_multiple_of(8) { self.b8.get(i / 8) } else { self.begins.get(i - i / 8 - 1) };
        self.begin.wrapping_add(offset as i64)
    }

    /// Begin of group `i` of 8; the block's end for one past the last.
    #[inline]
    pub(super) fn begin_of_8(&self, i: usize) -> i64 {
        if i < self.s8.len() { self.begin.wrapping_add(self.b8.get(i) as i64) } else { self.end }
    }

    #[inline]
    pub(super) fn summary_of_8(&self, i: usize) -> Summary {
        Summary(u64::from_le_bytes(self.s8[i]))
    }

    /// Number of its look in the dictionary.
    #[inline]
    pub(super) fn number(&self, i: usize) -> usize {
        self.numbers[i] as usize
    }

    #[inline]
    pub(super) fn state_of(&self, number: usize) -> u8 {
        self.states[number]
    }

    #[inline]
    pub(super) fn detail_of(&self, number: usize) -> Name {
        Name(u32::from_le_bytes(self.details[self.detail_numbers[number] as usize]))
    }

    pub(super) fn state(&self, i: usize) -> State {
        State::from_u8(self.state_of(self.number(i)))
    }

    pub(super) fn look(&self, i: usize) -> Look {
        let (state, detail, aux) = self.look_parts(i);
        Look { state, detail, aux }
    }

    /// State, detail and aux of interval `i`.
    #[inline]
    pub(super) fn look_parts(&self, i: usize) -> (State, Name, u32) {
        let number = self.number(i);
        let aux = u32::from_le_bytes(self.auxes[self.aux_numbers[number] as usize]);
        (State::from_u8(self.state_of(number)), self.detail_of(number), aux)
    }

    /// How many of the intervals begin at or before `t`.
    pub(super) fn begun_by(&self, t: i64) -> usize {
        if t < self.begin {
            return 0;
        }
        let offset = t.wrapping_sub(self.begin) as u64;
        let group = self.b8.begun_by(offset, 0..self.s8.len()).saturating_sub(1);
        let rest = group * 7..(group * 7 + 7).min(self.count - self.s8.len());
        group * 8 + 1 + self.begins.begun_by(offset, rest)
    }

    /// State, nanoseconds and count of all states that occur.
    pub(super) fn sums(&self) -> impl Iterator<Item = (usize, u64, u64)> {
        let mut cut = Cut(self.sums);
        let states = self.mask.count_ones() as usize;
        let (ns, counts) = (cut.column::<8>(states), cut.column::<2>(states));
        bits(self.mask)
            .zip(ns)
            .zip(counts)
            .map(|((s, ns), n)| (s, u64::from_le_bytes(*ns), u64::from(u16::from_le_bytes(*n))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::extent::{Extents, StoreOptions};
    use crate::store::pages::PageWriter;
    use crate::vocab::ProblemLog;

    #[test]
    fn columns_come_back_at_every_length_and_width() {
        let mut encoder = Encoder::default();
        let mut pages = PageWriter::new(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
        for count in [1, 7, 8, 9, 31, 32, 33, 127, 128, 129, 255, 256usize] {
            for step in [1i64, 1 << 25] {
                let entries: Vec<Entry> = (0..count)
                    .map(|i| {
                        let state = State::ALL[i % State::COUNT];
                        Entry::new(-50 + i as i64 * step, Look { state, detail: Name(i as u32 * 3), aux: 7 })
                    })
                    .collect();
                let end = -50 + count as i64 * step;
                let mut tally = Tally::default();
                let mut bytes = Vec::new();
                let (meta, groups) = encoder.encode(&entries, end, &mut tally, &mut bytes);
                let meta = meta.at(1000, pages.append(&bytes));
                pages.publish();
                let current = pages.source().current();
                let view = BlockView::new(&meta, end, |place| current.from(place));
                assert_eq!(view.len(), count);
                for (i, e) in entries.iter().enumerate() {
                    assert_eq!((view.begin(i), view.look(i)), (e.begin(), e.look));
                    assert_eq!(view.begun_by(e.begin()), i + 1);
                    assert_eq!(view.begun_by(e.begin() - 1), i);
                }
                assert_eq!(view.begin(count), end);
                let none = count.div_ceil(State::COUNT) as i64 * step;
                let ns: u64 = view.sums().map(|s| s.1).sum();
                assert_eq!(ns as i64, end + 50 - none);
                for i in 0..count.div_ceil(8) {
                    assert_eq!(view.begin_of_8(i), view.begin(i * 8));
                }
                assert_eq!(groups.len(), count.div_ceil(32));
                for i in 0..groups.len() {
                    let (given, real) = (groups.begin_of_32(i, -50), view.begin(i * 32));
                    assert!(given <= real && real < given + groups.slack() as i64);
                }
                // All last equally long: which of them is named is free, but it must be told right.
                let named: Vec<(usize, &Longest)> =
                    (0..groups.len()).filter_map(|g| Some((g, groups.longest_of_32(g)?))).collect();
                let [(g, longest)] = named.as_slice() else { panic!("one of {count}: {named:?}") };
                let at = entries.iter().position(|e| e.begin() == longest.begin).unwrap();
                assert_eq!((at / 32, longest.end), (*g, view.begin(at + 1)));
                assert_eq!((longest.state, longest.detail), (entries[at].look.state as u8, entries[at].look.detail));
                let masked = |range: Range<usize>| {
                    entries[range].iter().fold(0, |mask, e| mask | e.look.state.bit()) & !State::None.bit()
                };
                assert_eq!(longest.before.mask(), masked(g * 32..at));
                assert_eq!(longest.after.mask(), masked(at + 1..(g * 32 + 32).min(count)));
            }
        }
    }
}
