//! Drawing a row: one sweep over the largest pieces of it that fit a column.
//!
//! ```text
//! columns      │       c       │      c+1      │      c+2      │
//! groups        [    g    ][ g   ][     g    ]                  ≤ a column: to the column of their middle
//! intervals                                   [─────── i ─────────   longer, or of longer groups: cut exactly
//! ```
//!
//! Pieces come in order of time, so one column is added up at a time, and when a piece passes its end it is
//! decided. Groups are about four times as long as those below them, so a handful of pieces make a column, and
//! only groups that contain something longer than a column are looked into in vain: the time is bounded by the
//! width. Groups of half a column at most would halve what counts for the wrong side of a border, and take
//! twice the time.

use crate::vocab::{MachineNs, Name, State, StateSet, TimeRange};

use super::block::{BlockView, Groups, Longest};
use super::summary::{ALERT, Summary, rank, state_of};
use super::walk::{Pos, Reader};

/// Neighbouring columns that look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First column.
    pub begin: u32,
    /// First column after it.
    pub end: u32,
    /// The state shown.
    pub state: State,
    /// Its detail, where one interval is shown.
    pub detail: Name,
    /// States of the alert set that occur in each of the columns and are not the one shown.
    pub ticks: StateSet,
    /// Whether it stands for more than one interval of its state.
    pub mixed: bool,
    /// Where it stands for one interval: the begin of that, by which [`Row::at`](super::Row::at) finds the
    /// rest of it for a label. One interval may have two runs, if only one of them has ticks.
    pub single: Option<MachineNs>,
}

/// Draws what `reader` has in `range` (not empty) into `width` columns (not 0).
pub(super) fn draw(reader: &Reader<'_>, range: TimeRange<MachineNs>, width: u32, runs: &mut Vec<Run>) {
    let length = range.end.0.wrapping_sub(range.begin.0) as u64;
    let mut sweep = Sweep::new(range, length, width, runs);
    if length <= u64::from(width) {
        let clip = sweep.clip;
        each(reader, clip, |begin, end, state, detail| sweep.instants(begin, end, state, detail));
    } else {
        walk(reader, &mut sweep);
        sweep.flush();
    }
    sweep.finish();
}

/// All intervals of the range, clipped.
fn each(reader: &Reader<'_>, clip: Clip, mut piece: impl FnMut(i64, i64, State, Name)) {
    let Some(start) = reader.last_begun_by(clip.from).or_else(|| reader.first()) else { return };
    let mut next = Some(start);
    while let Some(pos) = next {
        let Some(interval) = reader.interval(pos) else {
            next = reader.after(pos);
            continue;
        };
        if interval.begin.0 >= clip.to {
            return;
        }
        piece(interval.begin.0, interval.end.0, interval.look.state, interval.look.detail);
        next = reader.after(pos);
    }
}

/// Offers the row to the sweep in pieces as large as it takes them.
fn walk(reader: &Reader<'_>, sweep: &mut Sweep<'_>) {
    let start = reader.last_begun_by(sweep.clip.from).unwrap_or(Pos { block: 0, at: 0 });
    let sealed = &reader.content.sealed;
    let mut block = start.block;
    while block < reader.blocks() {
        let begin = reader.block_begin(block);
        if begin >= sweep.clip.to {
            return;
        }
        let end = reader.block_begin(block + 1);
        if sweep.takes(begin, end) {
            if let Some(node) = sealed.highest(block, reader.sealed_end, |end| sweep.takes(begin, end)) {
                sweep.group(begin, node.end, sealed.summary(&node));
                block = node.next_block;
                continue;
            }
            sweep.group(begin, end, sealed.meta(block).map_or_else(Summary::default, |m| m.summary));
        } else {
            walk_block(reader, block, if block == start.block { start.at } else { 0 }, sweep);
        }
        block += 1;
    }
    let first = if block == start.block { start.at } else { 0 };
    for at in first..reader.tail_len() {
        let begin = reader.tail_begin(at);
        if begin >= sweep.clip.to {
            return;
        }
        if let Some(entry) = reader.tail(at) {
            sweep.interval(begin, reader.tail_begin(at + 1), entry.look.state as u8, entry.look.detail);
        }
    }
}

/// A block that is too long for a column, by its groups of 128 and 32, from the one of interval `first` on.
fn walk_block(reader: &Reader<'_>, block: usize, first: usize, sweep: &mut Sweep<'_>) {
    let Some(groups) = reader.content.sealed.groups(block) else { return };
    let (block_begin, block_end) = (reader.block_begin(block), reader.block_begin(block + 1));
    let mut view = None;
    let mut g = first / 32;
    while g < groups.len() {
        let begin = groups.begin_of_32(g, block_begin);
        if begin >= sweep.clip.to {
            return;
        }
        if g.is_multiple_of(4) {
            let next = (g + 4).min(groups.len());
            let end = groups.end_of_32(next - 1, block_begin, block_end);
            if sweep.takes(begin, end) {
                sweep.group(begin, end, groups.summary_of_128(g / 4));
                g = next;
                continue;
            }
        }
        let end = groups.end_of_32(g, block_begin, block_end);
        if sweep.takes(begin, end) {
            sweep.group(begin, end, groups.summary_of_32(g));
        } else if let Some(longest) = sweep.takes_around(groups, g, begin, end) {
            sweep.group(begin, longest.begin, longest.before);
            sweep.interval(longest.begin, longest.end, longest.state, longest.detail);
            sweep.group(longest.end, end, longest.after);
        } else {
            if view.is_none() {
                if block >= sweep.touched {
                    sweep.touched = reader.touch(block, sweep.clip.to, |groups, g, begin, end| {
                        let (begin, end) = (groups.begin_of_32(g, begin), groups.end_of_32(g, begin, end));
                        !sweep.takes(begin, end) && sweep.takes_around(groups, g, begin, end).is_none()
                    });
                }
                view = reader.view(block);
            }
            let Some(view) = &view else { return };
            walk_32(view, g, first, sweep);
        }
        g += 1;
    }
}

fn walk_32(view: &BlockView<'_>, g: usize, first: usize, sweep: &mut Sweep<'_>) {
    let until = (g * 32 + 32).min(view.len());
    let mut at = g * 32;
    let mut begin = view.begin_of_8(at / 8);
    while at < until && begin < sweep.clip.to {
        let next = (at + 8).min(until);
        let end = view.begin_of_8(next.div_ceil(8));
        if sweep.takes(begin, end) {
            sweep.group(begin, end, view.summary_of_8(at / 8));
        } else if next > first {
            let mut begin = begin;
            for i in at.max(first)..next {
                if i == first {
                    begin = view.begin(i);
                }
                let end = if i + 1 == next { end } else { view.begin(i + 1) };
                let number = view.number(i);
                sweep.interval(begin, end, view.state_of(number), view.detail_of(number));
                begin = end;
            }
        }
        (at, begin) = (next, end);
    }
}

/// What of the row is asked for.
#[derive(Clone, Copy)]
struct Clip {
    from: i64,
    to: i64,
}

/// One column after the other. Instants are offsets from the range's begin.
struct Sweep<'a> {
    clip: Clip,
    length: u64,
    width: u64,
    /// A column's length: this, or one more so that `rest` is spread over all of them.
    step: u64,
    rest: u64,
    columns_per_ns: f64,
    /// The column that is being added up, its begin and end, and what remains of `rest` there (in 1/width ns).
    column: u64,
    begin: u64,
    end: u64,
    carry: u64,
    mask: u32,
    /// States that came in groups: their intervals are not known.
    grouped: u32,
    /// The largest rank so far: times only grow, so the state that wins has been looked at when it grew last.
    best: u64,
    /// How much times are shortened to fit a rank: not at all below two years per column.
    shift: u32,
    ns: [u64; 32],
    /// Of states that came as intervals: how many, and the last of them.
    seen: [u8; 32],
    begins: [i64; 32],
    details: [Name; 32],
    /// Blocks before this one have been asked for already.
    touched: usize,
    /// The run that may still grow; empty at first.
    run: Run,
    runs: &'a mut Vec<Run>,
}

impl<'a> Sweep<'a> {
    fn new(range: TimeRange<MachineNs>, length: u64, width: u32, runs: &'a mut Vec<Run>) -> Self {
        let width = u64::from(width);
        let (step, rest) = (length / width, length % width);
        Self {
            clip: Clip { from: range.begin.0, to: range.end.0 },
            length,
            width,
            step,
            rest,
            columns_per_ns: width as f64 / length as f64,
            column: 0,
            begin: 0,
            end: step,
            carry: rest,
            mask: 0,
            grouped: 0,
            best: 0,
            shift: 8u32.saturating_sub(step.leading_zeros()),
            ns: [0; 32],
            seen: [0; 32],
            begins: [0; 32],
            details: [Name::NONE; 32],
            touched: 0,
            run: Run {
                begin: 0,
                end: 0,
                state: State::None,
                detail: Name::NONE,
                ticks: StateSet(0),
                mixed: false,
                single: None,
            },
            runs,
        }
    }

    /// Where a column begins: `floor(column × length / width)`, without leaving 64 bits.
    fn edge(&self, column: u64) -> u64 {
        column * self.step + column * self.rest / self.width
    }

    /// Goes to the column that contains the offset `x`, which lies behind the current one.
    #[inline]
    fn go_to(&mut self, x: u64) {
        self.flush();
        // Mostly it is the next one.
        self.carry += self.rest;
        let more = u64::from(self.carry >= self.width);
        self.carry -= more * self.width;
        self.column += 1;
        self.begin = self.end;
        self.end += self.step + more;
        if x >= self.end {
            self.jump_to(x);
        }
    }

    fn jump_to(&mut self, x: u64) {
        let mut column = ((x as f64 * self.columns_per_ns) as u64).min(self.width - 1);
        // The estimate may be one off.
        while self.edge(column) > x {
            column -= 1;
        }
        while column + 1 < self.width && self.edge(column + 1) <= x {
            column += 1;
        }
        self.column = column;
        self.begin = self.edge(column);
        self.end = self.edge(column + 1);
        self.carry = (column + 1) * self.rest % self.width;
    }

    /// Whether a group from `begin` to `end` need not be looked into.
    #[inline]
    fn takes(&self, begin: i64, end: i64) -> bool {
        (end.wrapping_sub(begin) as u64) <= self.step && begin >= self.clip.from && end <= self.clip.to
    }

    /// The longest interval of group `g` of 32, if there is nothing else in the group that need be looked into.
    #[inline]
    fn takes_around<'g>(&self, groups: &'g Groups, g: usize, begin: i64, end: i64) -> Option<&'g Longest> {
        groups.longest_of_32(g).filter(|l| self.takes(begin, l.begin) && self.takes(l.end, end))
    }

    /// Takes a group that lies within the range.
    #[inline]
    fn group(&mut self, begin: i64, end: i64, summary: Summary) {
        let mask = summary.mask();
        if mask == 0 {
            return;
        }
        let begin = begin.wrapping_sub(self.clip.from) as u64;
        let middle = begin + (end.wrapping_sub(self.clip.from) as u64 - begin) / 2;
        if middle >= self.end {
            self.go_to(middle);
        }
        self.mask |= mask;
        self.grouped |= mask;
        for (state, ns) in [summary.first(), summary.second()] {
            self.add(state, ns);
        }
    }

    /// Takes an interval, cut to the range here. A gap is as good as any, but never shown.
    #[inline]
    fn interval(&mut self, begin: i64, end: i64, state: u8, detail: Name) {
        let from = begin.max(self.clip.from).wrapping_sub(self.clip.from) as u64;
        let to = end.min(self.clip.to).wrapping_sub(self.clip.from) as u64;
        if end <= self.clip.from || from >= to {
            return;
        }
        if from >= self.end {
            self.go_to(from);
        }
        let s = state as usize & 31;
        self.meet(s, begin, detail);
        if to <= self.end {
            self.add(s, to - from);
            return;
        }
        // From here on it has columns for itself, but for the last, of which others may have a part.
        self.add(s, self.end - from);
        let own = self.column + 1;
        self.go_to(to - 1);
        if self.column > own && state != 0 {
            self.emit(own, self.column, s, detail, StateSet(0), Some(MachineNs(begin)));
        }
        self.meet(s, begin, detail);
        self.add(s, to - self.begin);
    }

    #[inline]
    fn meet(&mut self, s: usize, begin: i64, detail: Name) {
        self.mask |= 1 << s;
        self.begins[s] = begin;
        self.details[s] = detail;
        self.seen[s] = self.seen[s].saturating_add(1);
    }

    #[inline]
    fn add(&mut self, s: usize, ns: u64) {
        self.ns[s] = self.ns[s].wrapping_add(ns);
        self.best = self.best.max(rank(s, self.ns[s] >> self.shift));
    }

    /// Decides the current column. Without a branch that depends on what is in it: no two columns are alike.
    #[inline]
    fn flush(&mut self) {
        let mask = std::mem::take(&mut self.mask) & !1;
        if mask == 0 {
            self.clear();
            return;
        }
        let s = state_of(self.best);
        let alone = self.seen[s] == 1 && self.grouped >> s & 1 == 0;
        let (single, detail) =
            if alone { (Some(MachineNs(self.begins[s])), self.details[s]) } else { (None, Name::NONE) };
        self.clear();
        self.emit(self.column, self.column + 1, s, detail, StateSet(mask & ALERT & !(1 << s)), single);
    }

    #[inline]
    fn clear(&mut self) {
        self.grouped = 0;
        self.best = 0;
        self.ns = [0; 32];
        self.seen = [0; 32];
    }

    #[inline]
    fn emit(&mut self, begin: u64, end: u64, s: usize, detail: Name, ticks: StateSet, single: Option<MachineNs>) {
        let (begin, end, state) = (begin as u32, end as u32, State::from_u8(s as u8));
        let run = &mut self.run;
        if run.end == begin && run.state == state && run.single == single && run.ticks == ticks && run.begin < run.end {
            run.end = end;
            return;
        }
        let new = Run { begin, end, state, detail, ticks, mixed: single.is_none(), single };
        let old = std::mem::replace(run, new);
        if old.begin < old.end {
            self.runs.push(old);
        }
    }

    fn finish(self) {
        if self.run.begin < self.run.end {
            self.runs.push(self.run);
        }
    }

    /// For columns that are not longer than a nanosecond: those whose begin lies in the interval.
    fn instants(&mut self, begin: i64, end: i64, state: State, detail: Name) {
        let first_at = |t: i64| {
            let x = t.clamp(self.clip.from, self.clip.to).wrapping_sub(self.clip.from) as u64;
            (x * self.width).div_ceil(self.length)
        };
        let (first, last) = (first_at(begin), first_at(end));
        if first < last {
            self.emit(first, last, state as usize, detail, StateSet(0), Some(MachineNs(begin)));
        }
    }
}
