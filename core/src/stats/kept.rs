//! All latencies of a machine, written down in a form in which ten millions of them are counted in a blink.
//!
//! ```text
//! part     some rows that stand next to each other; parts are counted on all cores
//!   track    a row: its number, what it has latencies of (a kind and a name each, at most 256), its blocks
//!   block    up to 256 latencies in order of their ends: the first end
//!   columns  of each latency: end since the block's (4 bytes), duration (4), of what (1)
//! ```
//!
//! Rows say all this too, but of five intervals one ends a latency, and an interval is told apart by its state. A
//! duration of over 4.29 s stands in a list beside the columns.

use std::cmp::Reverse;
use std::ops::Range;

use rayon::prelude::*;

use crate::stats::histogram::Density;
use crate::stats::latency::{Counted, LatencyKind, LatencyQuery, Longest};
use crate::stats::walk::{self, Latency};
use crate::store::{Row, StoreSnapshot};
use crate::vocab::{Cancel, Cancelled, Dur, MachineNs, Name, RowId, RowKind, TimeRange};

/// Latencies in a block, and things that a track may have latencies of.
const MOST: usize = 256;

/// Rows of a part.
const ROWS: usize = 64;

/// A duration that stands in the list beside the columns.
const LONG: u32 = u32::MAX;

/// All latencies of a snapshot.
pub(super) struct Kept(Vec<Part>);

#[derive(Default)]
struct Part {
    tracks: Vec<Track>,
    of: Vec<(LatencyKind, Name)>,
    blocks: Vec<Block>,
    ends: Vec<u32>,
    durations: Vec<u32>,
    whats: Vec<u8>,
    /// Numbers and durations of the long ones, in order.
    long: Vec<(usize, Dur)>,
}

struct Track {
    row: RowId,
    kind: RowKind,
    /// What it has latencies of.
    of: Range<usize>,
    blocks: Range<usize>,
}

struct Block {
    /// When its first latency ended.
    end: MachineNs,
    /// The number of that one.
    first: usize,
}

impl Kept {
    pub(super) fn new(store: &StoreSnapshot, cancel: &Cancel) -> Result<Self, Cancelled> {
        let has_latencies = |row: &&Row| {
            matches!(row.key().kind, RowKind::Thread | RowKind::Irq | RowKind::Softirq) && !row.key().is_idle_task()
        };
        let rows: Vec<&Row> = store.rows().map(|row| &**row).filter(has_latencies).collect();
        let parts = rows.par_chunks(ROWS).map(|rows| {
            let mut part = Part::default();
            for row in rows {
                let mut track = Open::default();
                walk::each(row, TimeRange::ALWAYS, cancel, |latency| part.add(row, &mut track, latency))?;
                part.close(row, &mut track);
            }
            part.shrink();
            Ok(part)
        });
        Ok(Self(parts.collect::<Result<_, Cancelled>>()?))
    }

    /// As rows would be counted.
    pub(super) fn count(&self, query: &LatencyQuery<'_>, cancel: &Cancel) -> Result<Counted, Cancelled> {
        self.0
            .par_iter()
            .with_min_len(4)
            .try_fold(Counted::default, |mut counted, part| {
                cancel.check()?;
                part.tracks.iter().filter(|t| t.is_asked(query)).for_each(|t| part.count(t, query, &mut counted));
                Ok(counted)
            })
            .try_reduce(Counted::default, |one, other| Ok(one.merge(other)))
    }

    /// As rows would give it.
    pub(super) fn density(
        &self,
        query: &LatencyQuery<'_>,
        name: Name,
        columns: u32,
        cancel: &Cancel,
    ) -> Result<Density<(RowId, MachineNs)>, Cancelled> {
        let none = || Density::new(query.range, columns);
        self.0
            .par_iter()
            .with_min_len(4)
            .try_fold(none, |mut density, part| {
                cancel.check()?;
                for track in part.tracks.iter().filter(|t| t.is_asked(query)) {
                    let of = &part.of[track.of.clone()];
                    let asked: Vec<bool> = of.iter().map(|of| of.1 == name && query.kinds.contains(&of.0)).collect();
                    if asked.contains(&true) {
                        part.each(track, query.range, |n, end| {
                            if asked[usize::from(part.whats[n])] {
                                let duration = part.duration(n);
                                density.add(end, duration, (track.row, end - duration));
                            }
                        });
                    }
                }
                Ok(density)
            })
            .try_reduce(none, |mut one, other| {
                one.merge(&other);
                Ok(one)
            })
    }
}

impl Track {
    fn is_asked(&self, query: &LatencyQuery<'_>) -> bool {
        query.thread.is_none_or(|row| self.kind == RowKind::Thread && self.row == row)
    }
}

/// A track while it is written.
#[derive(Default)]
struct Open {
    of: usize,
    blocks: usize,
    /// What the last latency was of.
    last: usize,
    is_open: bool,
}

impl Part {
    fn add(&mut self, row: &Row, track: &mut Open, latency: Latency) {
        let what = (latency.kind, latency.name);
        if track.is_open && self.of.len() - track.of == MOST && !self.of[track.of..].contains(&what) {
            self.close(row, track);
        }
        if !track.is_open {
            *track = Open { of: self.of.len(), blocks: self.blocks.len(), last: self.of.len(), is_open: true };
        }
        if self.of.get(track.last) != Some(&what) {
            let known = self.of[track.of..].iter().position(|of| *of == what);
            track.last = track.of + known.unwrap_or(self.of.len() - track.of);
            if known.is_none() {
                self.of.push(what);
            }
        }
        let n = self.ends.len();
        let since = self.blocks[track.blocks..].last().and_then(|block| {
            let since = u32::try_from((latency.end - block.end).0).ok()?;
            (n - block.first < MOST).then_some(since)
        });
        let since = since.unwrap_or_else(|| {
            self.blocks.push(Block { end: latency.end, first: n });
            0
        });
        let duration = latency.end - latency.begin;
        let short = u32::try_from(duration.0).ok().filter(|d| *d != LONG);
        if short.is_none() {
            self.long.push((n, duration));
        }
        self.ends.push(since);
        self.durations.push(short.unwrap_or(LONG));
        self.whats.push((track.last - track.of) as u8);
    }

    fn close(&mut self, row: &Row, track: &mut Open) {
        if std::mem::take(&mut track.is_open) {
            let (of, blocks) = (track.of..self.of.len(), track.blocks..self.blocks.len());
            self.tracks.push(Track { row: row.id(), kind: row.key().kind, of, blocks });
        }
    }

    fn shrink(&mut self) {
        self.ends.shrink_to_fit();
        self.durations.shrink_to_fit();
        self.whats.shrink_to_fit();
        self.blocks.shrink_to_fit();
    }

    fn duration(&self, n: usize) -> Dur {
        match self.durations[n] {
            LONG => self.long.binary_search_by_key(&n, |long| long.0).map_or(Dur(0), |at| self.long[at].1),
            short => Dur(i64::from(short)),
        }
    }

    /// All latencies of a track that end in the range: the number and the end of each.
    fn each(&self, track: &Track, range: TimeRange<MachineNs>, mut found: impl FnMut(usize, MachineNs)) {
        let blocks = &self.blocks[track.blocks.clone()];
        let first = blocks.partition_point(|block| block.end < range.begin).saturating_sub(1);
        for (at, block) in blocks.iter().enumerate().skip(first) {
            if block.end >= range.end {
                break;
            }
            let next = self.blocks.get(track.blocks.start + at + 1).map_or(self.ends.len(), |next| next.first);
            let ends = &self.ends[block.first..next];
            let before = |t: MachineNs| ends.partition_point(|end| block.end + Dur(i64::from(*end)) < t);
            let from = if block.end < range.begin { before(range.begin) } else { 0 };
            let last = ends.last().map_or(block.end, |end| block.end + Dur(i64::from(*end)));
            let to = if last < range.end { ends.len() } else { before(range.end) };
            for (n, since) in ends.iter().enumerate().take(to).skip(from) {
                found(block.first + n, block.end + Dur(i64::from(*since)));
            }
        }
    }

    fn count(&self, track: &Track, query: &LatencyQuery<'_>, counted: &mut Counted) {
        let of = &self.of[track.of.clone()];
        // Where each thing of the track stands in the list, if it is asked for.
        let places: Vec<Option<usize>> =
            of.iter().map(|(kind, name)| query.kinds.contains(kind).then(|| counted.place(*kind, *name))).collect();
        if places.iter().all(Option::is_none) {
            return;
        }
        self.each(track, query.range, |n, end| {
            let Some(at) = places[usize::from(self.whats[n])] else { return };
            let duration = self.duration(n);
            let of = &mut counted.all[at];
            of.histogram.add(duration);
            if duration >= of.longest.duration {
                let longest = Longest { duration, begin: Reverse(end - duration), row: track.row };
                of.longest = of.longest.max(longest);
            }
        });
    }
}
