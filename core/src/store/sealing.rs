//! Blocks on their way from rows to pages: laid out by the pool, put in place by the writer, in order.
//!
//! ```text
//!  full tails ─▶ [bench: 16 of them] ─▶ pool ─▶ [bench: their blocks] ─▶ pages, rows
//!                                 at most 4 benches
//! ```
//!
//! Laying out costs a third of what writing intervals costs, and depends on nothing but the intervals. Benches
//! come back in the order in which they left, so places in pages do not depend on who worked when. A snapshot
//! waits for all of them. Buffers go round: nothing is allocated once as many are there as are needed.

use std::collections::VecDeque;
use std::ops::Range;

use super::block::{BLOCK, Encoder, Entry, Groups, Unplaced};
use super::summary::Tally;
use super::task::Task;

/// Blocks per bench: some tens of microseconds of work, so that waking somebody for it costs little beside it.
const BENCH_BLOCKS: usize = 16;

/// Benches in the pool; beyond it the writer lends a hand. With their blocks they take half a megabyte.
const BENCHES: usize = 4;

/// Empty buffers that are kept for rows.
const SPARES: usize = 2 * BENCH_BLOCKS * BENCHES;

/// Intervals that shall become a block.
pub(super) struct Filled {
    /// The row's number.
    pub(super) row: u32,
    /// 1 to 256 of them.
    pub(super) entries: Vec<Entry>,
    /// Where the last one ends.
    pub(super) end: i64,
}

/// A block that has no place yet.
pub(super) struct Laid {
    /// Where it stands in [`Bench::bytes`].
    pub(super) bytes: Range<usize>,
    pub(super) meta: Unplaced,
    pub(super) groups: Groups,
    pub(super) tally: Tally,
}

/// A handful of blocks in work, with all that is needed for it.
#[derive(Default)]
pub(super) struct Bench {
    encoder: Encoder,
    pub(super) filled: Vec<Filled>,
    pub(super) bytes: Vec<u8>,
    /// As many as `filled`, in the same order, once it was worked on.
    pub(super) laid: Vec<Laid>,
}

impl Bench {
    fn work(mut self: Box<Self>) -> Box<Self> {
        self.bytes.clear();
        self.laid.clear();
        for filled in &self.filled {
            let begin = self.bytes.len();
            let mut tally = Tally::default();
            let (meta, groups) = self.encoder.encode(&filled.entries, filled.end, &mut tally, &mut self.bytes);
            self.laid.push(Laid { bytes: begin..self.bytes.len(), meta, groups, tally });
        }
        self
    }
}

/// All benches of one store.
#[derive(Default)]
pub(super) struct Sealing {
    filling: Box<Bench>,
    away: VecDeque<Task<Box<Bench>, Box<Bench>>>,
    #[expect(clippy::vec_box, reason = "a bench is large, and moves to the pool and back")]
    benches: Vec<Box<Bench>>,
    rooms: Vec<Vec<Entry>>,
}

impl Sealing {
    /// Takes intervals to be laid out.
    pub(super) fn put(&mut self, filled: Filled) {
        self.filling.filled.push(filled);
        if self.filling.filled.len() == BENCH_BLOCKS {
            self.send();
        }
    }

    fn send(&mut self) {
        let bench = std::mem::replace(&mut self.filling, self.benches.pop().unwrap_or_default());
        self.away.push_back(Task::offer(bench, Bench::work));
    }

    /// The next bench to be emptied, if it is back or too many are away.
    pub(super) fn next_ready(&mut self) -> Option<Box<Bench>> {
        if self.away.len() <= BENCHES && !self.away.front()?.is_done() {
            return None;
        }
        self.away.pop_front().map(Task::finish)
    }

    /// The next bench to be emptied, if there is any at all.
    pub(super) fn next(&mut self) -> Option<Box<Bench>> {
        if !self.filling.filled.is_empty() {
            self.send();
        }
        self.away.pop_front().map(Task::finish)
    }

    /// Takes an emptied bench.
    pub(super) fn give_bench(&mut self, mut bench: Box<Bench>) {
        bench.filled.drain(..).for_each(|filled| self.give_room(filled.entries));
        self.benches.push(bench);
    }

    /// An empty buffer for all intervals of a row's tail.
    pub(super) fn room(&mut self) -> Vec<Entry> {
        self.rooms.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK + 1))
    }

    /// Takes a buffer back.
    pub(super) fn give_room(&mut self, mut room: Vec<Entry>) {
        if room.capacity() == BLOCK + 1 && self.rooms.len() < SPARES {
            room.clear();
            self.rooms.push(room);
        }
    }
}
