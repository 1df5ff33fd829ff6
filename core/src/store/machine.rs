//! The writing end of one machine's rows and points.
//!
//! ```text
//!            fresh: closed since the last snapshot
//! ┌ sealed ┬ frozen ┬ fresh ┬ open
//! │ blocks │ in the last snapshot too
//! ```
//!
//! The hot path is [`Writer::set`]: it touches the row's open interval and appends the closed one to `fresh`.
//! Every 256 closed intervals become a block. One closed interval always stays behind in the tail: an
//! interval that turns out to have no length must be able to give way to the one before it.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::vocab::{MachineNs, Name, RowId, RowKey, State, Tid};

use super::block::{BLOCK, Encoder, Entry};
use super::extent::Extents;
use super::pages::PageWriter;
use super::points::PointTable;
use super::row::{About, Content, Row};
use super::sealed::{Growing, Sealed};
use super::snapshot::{CHUNK, Chunk, KeyIndex, StoreSnapshot};
use super::summary::{RUNNING, Tally};
use super::writer::{Look, Wakeup, Writer};

/// Intervals that are written until rows that lie idle are looked for.
const EPOCH: u64 = 1 << 20;

/// A row that lies idle is sealed before its block is full if that saves memory: from so many intervals on.
const WORTH_SEALING: usize = 16;

/// Rows and points of one machine while they are written.
pub struct MachineStore {
    rows: Vec<RowWriter>,
    by_key: FxHashMap<RowKey, RowId>,
    pages: PageWriter,
    wakeups: PointTable<Wakeup>,
    encoder: Encoder,
    tally: Tally,
    whole: Vec<Entry>,
    /// Closed intervals without gaps, in all rows.
    closed: u64,
    /// Closed intervals and gaps, in all rows; decides when idle rows are looked for, so that what is sealed
    /// follows from what was written and from nothing else.
    appended: u64,
    epoch: u32,
    published: Published,
    /// What all rows share until their first block.
    nothing: Arc<Sealed>,
}

/// What the last snapshot had.
#[derive(Default)]
struct Published {
    chunks: Vec<Chunk>,
    /// By chunk: whether something was written to one of its rows since.
    changed: Vec<bool>,
    /// By chunk: whether one of its rows ends at the watermark.
    open: Vec<bool>,
    keys: KeyIndex,
    rows: usize,
    watermark: Option<MachineNs>,
    version: u64,
}

struct RowWriter {
    /// The open interval, unless nothing was ever set.
    opened: bool,
    /// Whether something was written since the last snapshot.
    changed: bool,
    /// In which epoch an interval was closed last.
    epoch: u32,
    open: Entry,
    /// Instants before this one count as this one: the open interval's begin, or later where the open
    /// interval took over from one without length.
    since: i64,
    fresh: Vec<Entry>,
    frozen: Arc<[Entry]>,
    /// How many of `frozen` still count.
    frozen_len: usize,
    closed: u64,
    busy: u64,
    sealed: Arc<Sealed>,
    growing: Growing,
    about: Arc<About>,
}

impl RowWriter {
    fn new(about: About, sealed: Arc<Sealed>) -> Self {
        Self {
            opened: false,
            changed: true,
            epoch: 0,
            open: Entry::new(i64::MIN, Look::default()),
            since: i64::MIN,
            fresh: Vec::new(),
            frozen: Arc::default(),
            frozen_len: 0,
            closed: 0,
            busy: 0,
            sealed,
            growing: Growing::default(),
            about: Arc::new(about),
        }
    }

    fn tail_len(&self) -> usize {
        self.frozen_len + self.fresh.len()
    }

    fn last_closed(&self) -> Option<Entry> {
        self.fresh.last().or_else(|| self.frozen[..self.frozen_len].last()).copied()
    }

    /// Counts a closed interval in or out; says whether it is one and not a gap.
    #[inline]
    fn account(&mut self, entry: Entry, end: i64, closing: bool) -> bool {
        let ns = if entry.look.state.bit() & RUNNING != 0 { end.wrapping_sub(entry.begin()) as u64 } else { 0 };
        let one = u64::from(entry.look.state != State::None);
        if closing {
            (self.busy, self.closed) = (self.busy + ns, self.closed + one);
        } else {
            (self.busy, self.closed) = (self.busy - ns, self.closed - one);
        }
        one == 1
    }

    #[inline]
    fn close(&mut self, t: i64) -> bool {
        if self.fresh.len() == self.fresh.capacity() {
            // As Vec grows, but not beyond what is ever needed.
            let len = self.fresh.len();
            self.fresh.reserve_exact(len.clamp(4, (BLOCK + 1).saturating_sub(len).max(4)));
        }
        self.fresh.push(self.open);
        self.account(self.open, t, true)
    }

    /// Takes back the last closed interval, which ends where the open one begins.
    fn reopen(&mut self, last: Entry) -> bool {
        if self.fresh.pop().is_none() {
            self.frozen_len -= 1;
        }
        let end = self.open.begin();
        self.open = last;
        self.account(last, end, false)
    }

    /// Copies the tail into one piece that snapshots can share.
    fn freeze(&mut self) {
        if !self.fresh.is_empty() || self.frozen_len < self.frozen.len() {
            self.frozen = self.frozen[..self.frozen_len].iter().chain(&self.fresh).copied().collect();
            self.frozen_len = self.frozen.len();
            // Not cleared: of ten thousand rows the room that was left would be most of the memory.
            self.fresh = Vec::new();
        }
    }
}

impl MachineStore {
    /// An empty store whose sealed data goes to `extents`.
    pub fn new(extents: &Extents) -> Self {
        Self {
            rows: Vec::new(),
            by_key: FxHashMap::default(),
            pages: PageWriter::new(extents),
            wakeups: PointTable::default(),
            encoder: Encoder::default(),
            tally: Tally::default(),
            whole: Vec::with_capacity(BLOCK + 1),
            closed: 0,
            appended: 0,
            epoch: 0,
            published: Published::default(),
            nothing: Arc::default(),
        }
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// How many intervals there are in all rows, open ones included.
    pub fn interval_count(&self) -> u64 {
        self.closed + self.rows.iter().filter(|r| r.opened && r.open.look.state != State::None).count() as u64
    }

    /// How many wake-ups there are.
    pub fn wakeup_count(&self) -> u64 {
        self.wakeups.len()
    }

    /// Bytes on the heap besides the sealed data that [`Extents::usage`] counts: indexes, tails, names. An
    /// estimate, good to some percent; what only old snapshots hold is not in it.
    pub fn heap_bytes(&self) -> usize {
        let rows: usize = self
            .rows
            .iter()
            .map(|r| {
                let tail = (r.fresh.capacity() + r.frozen.len()) * size_of::<Entry>();
                let sealed = if r.sealed.len() > 0 { r.sealed.bytes() + r.growing.bytes() } else { 0 };
                let names = size_of::<About>() + r.about.names.capacity() * size_of::<(MachineNs, Name)>();
                tail + sealed + names + size_of::<Content>() + size_of::<Row>()
            })
            .sum();
        let keys = 2 * self.by_key.capacity() * (size_of::<(RowKey, RowId)>() + 1);
        rows + self.rows.capacity() * size_of::<RowWriter>() + keys + self.wakeups.bytes()
    }

    /// All that was written so far; open intervals end at `watermark` (or are empty, if they begin later).
    ///
    /// Costs what changed since the last one: a copy of the tail of each row that was written to, a few words
    /// for each other row that ends at the watermark, a pointer per 64 rows for the rest.
    pub fn snapshot(&mut self, watermark: MachineNs) -> Arc<StoreSnapshot> {
        let published = &mut self.published;
        published.version += 1;
        let moved = published.watermark != Some(watermark);
        let chunks = self.rows.len().div_ceil(CHUNK);
        for (n, rows) in self.rows.chunks_mut(CHUNK).enumerate() {
            let old = published.chunks.get(n);
            if old.is_some() && !published.changed[n] && !(moved && published.open[n]) {
                continue;
            }
            let mut open = false;
            let chunk: Chunk = rows
                .iter_mut()
                .enumerate()
                .map(|(i, row)| {
                    open |= row.opened && row.open.look.state != State::None;
                    let before = old.and_then(|chunk| chunk.get(i));
                    match before {
                        Some(before) if !row.changed => {
                            if moved && row.open.look.state != State::None {
                                let content = Arc::clone(before.content());
                                Arc::new(Row::new(content, watermark, published.version))
                            } else {
                                Arc::clone(before)
                            }
                        }
                        _ => {
                            let content = content_of(row, &self.pages);
                            Arc::new(Row::new(Arc::new(content), watermark, published.version))
                        }
                    }
                })
                .collect();
            match published.chunks.get_mut(n) {
                Some(old) => *old = chunk,
                None => published.chunks.push(chunk),
            }
            published.open[n] = open;
            published.changed[n] = false;
        }
        published.chunks.truncate(chunks);
        published.keys.add(self.rows[published.rows..].iter().map(|r| (r.about.key, r.about.id)));
        published.rows = self.rows.len();
        published.watermark = Some(watermark);
        let wakeups = self.wakeups.snapshot(&self.pages);
        // Before anybody can get hold of a place in them.
        self.pages.publish();
        let (chunks, keys) = (published.chunks.clone(), published.keys.clone());
        Arc::new(StoreSnapshot { chunks, keys, wakeups, watermark })
    }

    fn mark(&mut self, row: RowId) {
        let at = row.0 as usize;
        if let Some(writer) = self.rows.get_mut(at) {
            writer.changed = true;
            self.published.changed[at / CHUNK] = true;
        }
    }

    /// Makes a block of all closed intervals of the row but the last.
    fn seal(&mut self, row: usize) {
        let row = &mut self.rows[row];
        let Some(kept) = row.last_closed() else { return };
        self.whole.clear();
        self.whole.extend_from_slice(&row.frozen[..row.frozen_len]);
        self.whole.extend_from_slice(&row.fresh);
        self.whole.pop();
        if self.whole.is_empty() {
            return;
        }
        let meta = self.encoder.encode(&self.whole, kept.begin(), &mut self.tally);
        let sealed = Arc::make_mut(&mut row.sealed);
        let meta = meta(sealed.entries, self.pages.append(&self.encoder.bytes));
        sealed.push((meta, self.encoder.groups), self.whole.len(), &mut row.growing, &mut self.tally);
        row.fresh.clear();
        row.fresh.push(kept);
        row.frozen_len = 0;
        if !row.frozen.is_empty() {
            row.frozen = Arc::default();
        }
    }

    /// Seals what lies in the tails of rows that were not written to for an epoch: threads that have ended or
    /// sleep for long would otherwise keep their last intervals in memory, in their largest form.
    #[cold]
    fn seal_idle_rows(&mut self) {
        self.epoch += 1;
        for row in 0..self.rows.len() {
            let writer = &mut self.rows[row];
            if writer.tail_len() > WORTH_SEALING && self.epoch - writer.epoch > 1 {
                self.seal(row);
                self.rows[row].fresh.shrink_to_fit();
                self.mark(RowId(row as u32));
            }
        }
    }
}

fn content_of(row: &mut RowWriter, pages: &PageWriter) -> Content {
    row.freeze();
    row.changed = false;
    Content {
        about: Arc::clone(&row.about),
        sealed: Arc::clone(&row.sealed),
        tail: Arc::clone(&row.frozen),
        open: row.opened.then_some(row.open),
        pages: Arc::clone(pages.source()),
        closed: row.closed,
        busy: row.busy,
    }
}

impl Writer for MachineStore {
    fn row(&mut self, key: RowKey) -> RowId {
        if let Some(&id) = self.by_key.get(&key) {
            return id;
        }
        let id = RowId(self.rows.len() as u32);
        let about = About { id, key, names: Vec::new(), process: None, parent: None };
        self.rows.push(RowWriter::new(about, Arc::clone(&self.nothing)));
        self.by_key.insert(key, id);
        if self.published.changed.len() * CHUNK < self.rows.len() {
            self.published.changed.push(true);
            self.published.open.push(false);
        }
        self.mark(id);
        id
    }

    fn set(&mut self, row: RowId, t: MachineNs, look: Look) {
        let at = row.0 as usize;
        let Some(writer) = self.rows.get_mut(at) else { return };
        // A gap has no details: two gaps are one.
        let look = if look.state == State::None { Look::default() } else { look };
        if writer.open.look == look {
            // Also: nothing was ever set, and nothing is to be.
            if writer.opened || look.state == State::None {
                return;
            }
        }
        if !writer.changed {
            writer.changed = true;
            self.published.changed[at / CHUNK] = true;
        }
        if !writer.opened {
            if look.state != State::None {
                writer.opened = true;
                writer.since = t.0.max(writer.since);
                writer.open = Entry::new(writer.since, look);
            }
            return;
        }
        let t = t.0.max(writer.since);
        if t > writer.open.begin() {
            self.closed += u64::from(writer.close(t));
            writer.open = Entry::new(t, look);
            writer.since = t;
            writer.epoch = self.epoch;
            self.appended += 1;
            if writer.tail_len() > BLOCK {
                self.seal(at);
            }
            if self.appended.is_multiple_of(EPOCH) {
                self.seal_idle_rows();
            }
            return;
        }
        // The open interval has no length: it leaves no trace.
        match writer.last_closed() {
            Some(last) if last.look == look => self.closed -= u64::from(writer.reopen(last)),
            None if look.state == State::None && writer.sealed.len() == 0 => {
                writer.opened = false;
                writer.open.look = Look::default();
            }
            _ => writer.open.look = look,
        }
    }

    fn amend(&mut self, row: RowId, detail: Name) {
        let at = row.0 as usize;
        let Some(writer) = self.rows.get_mut(at).filter(|r| r.opened && r.open.look.state != State::None) else {
            return;
        };
        if writer.open.look.detail != detail {
            writer.open.look.detail = detail;
            self.mark(row);
        }
    }

    fn look(&self, row: RowId) -> Look {
        match self.rows.get(row.0 as usize) {
            Some(writer) if writer.opened => writer.open.look,
            _ => Look::default(),
        }
    }

    fn rename(&mut self, row: RowId, t: MachineNs, name: Name) {
        let Some(writer) = self.rows.get_mut(row.0 as usize) else { return };
        let last = writer.about.names.last().copied();
        if last.is_some_and(|(_, old)| old == name) {
            return;
        }
        let t = last.map_or(t, |(from, _)| from.max(t));
        Arc::make_mut(&mut writer.about).names.push((t, name));
        self.mark(row);
    }

    fn relate(&mut self, row: RowId, process: Option<Tid>, parent: Option<Tid>) {
        let Some(writer) = self.rows.get_mut(row.0 as usize) else { return };
        let about = &writer.about;
        let (process, parent) = (process.or(about.process), parent.or(about.parent));
        if (process, parent) != (about.process, about.parent) {
            let about = Arc::make_mut(&mut writer.about);
            (about.process, about.parent) = (process, parent);
            self.mark(row);
        }
    }

    fn wakeup(&mut self, wakeup: Wakeup) {
        self.wakeups.push(wakeup, &mut self.pages);
    }
}
