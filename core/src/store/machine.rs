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

use crate::vocab::{MachineNs, Name, RowId, RowKey, State, SyncPoint, Tid};

use super::block::{BLOCK, Entry};
use super::extent::Extents;
use super::pages::PageWriter;
use super::points::PointTable;
use super::row::{About, Content, Row};
use super::sealed::{Growing, Sealed};
use super::sealing::{Bench, Filled, Sealing};
use super::snapshot::{CHUNK, Chunk, Derived, KeyIndex, StoreSnapshot};
use super::summary::{RUNNING, bits};
use super::writer::{Look, Raise, VmExit, Wakeup, Writer};

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
    /// How often each row's thread was woken; rows after the last one that was are not in it.
    woken: Vec<u64>,
    sync_points: PointTable<SyncPoint>,
    raises: PointTable<Raise>,
    exits: PointTable<VmExit>,
    sealing: Sealing,
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
    /// How many wake-ups there were, and how many of each row's thread.
    woken: (u64, Arc<[u64]>),
    rows: usize,
    watermark: Option<MachineNs>,
    version: u64,
}

/// What every change of a row touches comes first and fills one line of the processor's cache.
#[repr(C, align(64))]
struct RowWriter {
    fresh: Vec<Entry>,
    /// Instants before this one count as this one: the open interval's begin, or later where the open
    /// interval took over from one without length.
    since: i64,
    open: Entry,
    /// In which epoch an interval was closed last.
    epoch: u32,
    /// How many of `frozen` still count.
    frozen_len: u16,
    /// The open interval, unless nothing was ever set.
    opened: bool,
    /// Whether something was written since the last snapshot.
    changed: bool,
    /// Whether a block of it is sealed or being sealed.
    has_blocks: bool,
    frozen: Arc<[Entry]>,
    /// Closed intervals in its blocks, gaps not counted.
    closed: u64,
    /// Nanoseconds of running states in its blocks.
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
            has_blocks: false,
            closed: 0,
            busy: 0,
            sealed,
            growing: Growing::default(),
            about: Arc::new(about),
        }
    }

    #[inline]
    fn tail_len(&self) -> usize {
        usize::from(self.frozen_len) + self.fresh.len()
    }

    /// What still counts of the last snapshot's tail.
    fn old(&self) -> &[Entry] {
        &self.frozen[..usize::from(self.frozen_len)]
    }

    fn last_closed(&self) -> Option<Entry> {
        self.fresh.last().or_else(|| self.old().last()).copied()
    }

    /// Takes back the last closed interval, which ends where the open one begins.
    fn reopen(&mut self, last: Entry) {
        if self.fresh.pop().is_none() {
            self.frozen_len -= 1;
        }
        self.open = last;
    }

    /// Copies the tail into one piece that snapshots can share.
    fn freeze(&mut self, sealing: &mut Sealing) {
        if !self.fresh.is_empty() || self.old().len() < self.frozen.len() {
            self.frozen = self.old().iter().chain(&self.fresh).copied().collect();
            self.frozen_len = self.frozen.len() as u16;
            // Not cleared: of ten thousand rows the room that was left would be most of the memory.
            sealing.give_room(std::mem::take(&mut self.fresh));
        }
    }

    /// Closed intervals and nanoseconds in running states, of blocks and tail, once it is frozen and all of its
    /// blocks are in place.
    fn sums(&self) -> (u64, u64) {
        let ends = self.frozen.iter().skip(1).map(Entry::begin).chain([self.open.begin()]);
        self.frozen.iter().zip(ends).fold((self.closed, self.busy), |(closed, busy), (entry, end)| {
            let bit = entry.look.state.bit();
            let ns = if bit & RUNNING != 0 { end.wrapping_sub(entry.begin()) as u64 } else { 0 };
            (closed + u64::from(bit != State::None.bit()), busy + ns)
        })
    }
}

impl MachineStore {
    /// An empty store whose sealed data goes to `extents`.
    pub fn new(extents: &Extents) -> Self {
        Self::with_pages(PageWriter::new(extents))
    }

    /// An empty store for some rows of a machine, beside others for its other rows: see [`StoreSnapshot::of_rows`].
    pub fn for_some_rows(extents: &Extents) -> Self {
        Self::with_pages(PageWriter::one_of_many(extents))
    }

    fn with_pages(pages: PageWriter) -> Self {
        Self {
            rows: Vec::new(),
            by_key: FxHashMap::default(),
            pages,
            wakeups: PointTable::default(),
            woken: Vec::new(),
            sync_points: PointTable::default(),
            raises: PointTable::default(),
            exits: PointTable::default(),
            sealing: Sealing::default(),
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
    pub fn interval_count(&mut self) -> u64 {
        self.finish_sealing();
        let shown = |entry: &&Entry| entry.look.state != State::None;
        let tail = |r: &RowWriter| r.old().iter().chain(&r.fresh).filter(shown).count() as u64;
        let open = |r: &RowWriter| u64::from(r.opened && r.open.look.state != State::None);
        self.rows.iter().map(|r| r.closed + tail(r) + open(r)).sum()
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
        rows + self.rows.capacity() * size_of::<RowWriter>()
            + keys
            + self.wakeups.bytes()
            + self.woken.capacity() * size_of::<u64>()
            + self.sync_points.bytes()
            + self.raises.bytes()
            + self.exits.bytes()
    }

    /// All that was written so far; open intervals end at `watermark` (or are empty, if they begin later).
    ///
    /// Costs what changed since the last one: a copy of the tail of each row that was written to, a few words
    /// for each other row that ends at the watermark, a pointer per 64 rows for the rest.
    pub fn snapshot(&mut self, watermark: MachineNs) -> Arc<StoreSnapshot> {
        self.finish_sealing();
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
                            let content = content_of(row, &mut self.sealing, &self.pages);
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
        let woken = match &published.woken {
            (count, woken) if *count == self.wakeups.len() => Arc::clone(woken),
            _ => Arc::from(self.woken.as_slice()),
        };
        published.woken = (self.wakeups.len(), Arc::clone(&woken));
        let wakeups = self.wakeups.snapshot(&self.pages);
        let sync_points = self.sync_points.snapshot(&self.pages);
        let raises = self.raises.snapshot(&self.pages);
        let exits = self.exits.snapshot(&self.pages);
        // Before anybody can get hold of a place in them.
        self.pages.publish();
        let (chunks, keys) = (published.chunks.clone(), published.keys.clone());
        let derived = Derived::default();
        Arc::new(StoreSnapshot { chunks, keys, wakeups, woken, sync_points, raises, exits, watermark, derived })
    }

    fn mark(&mut self, row: RowId) {
        let at = row.0 as usize;
        if let Some(writer) = self.rows.get_mut(at) {
            writer.changed = true;
            self.published.changed[at / CHUNK] = true;
        }
    }

    /// [`Writer::set`].
    fn set_parts(&mut self, row: RowId, t: MachineNs, state: State, detail: Name, aux: u32) {
        let at = row.0 as usize;
        let Some(writer) = self.rows.get_mut(at) else { return };
        let (begin, old) = (writer.open.begin(), writer.open.look);
        // A gap has no details: two gaps are one.
        let look = if state == State::None { Look::default() } else { Look { state, detail, aux } };
        if old == look {
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
        if t > begin {
            if writer.fresh.len() == writer.fresh.capacity() {
                grow(writer, &mut self.sealing);
            }
            writer.fresh.push(Entry::new(begin, old));
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
            Some(last) if last.look == look => writer.reopen(last),
            None if look.state == State::None && !writer.has_blocks => {
                writer.opened = false;
                writer.open.look = Look::default();
            }
            _ => writer.open.look = look,
        }
    }

    /// Hands all closed intervals of the row but the last over to become a block.
    fn seal(&mut self, row: usize) {
        let writer = &mut self.rows[row];
        let Some(kept) = writer.last_closed().filter(|_| writer.tail_len() > 1) else { return };
        let mut entries = self.sealing.room();
        if writer.frozen_len == 0 {
            std::mem::swap(&mut entries, &mut writer.fresh);
        } else {
            entries.extend_from_slice(writer.old());
            entries.append(&mut writer.fresh);
            writer.frozen_len = 0;
            writer.frozen = Arc::default();
        }
        entries.pop();
        writer.fresh.push(kept);
        writer.has_blocks = true;
        self.sealing.put(Filled { row: row as u32, entries, end: kept.begin() });
        while let Some(bench) = self.sealing.next_ready() {
            self.put_in_place(bench);
        }
    }

    /// Gives blocks their places in pages and rows.
    fn put_in_place(&mut self, mut bench: Box<Bench>) {
        for (filled, laid) in bench.filled.iter().zip(&mut bench.laid) {
            let row = &mut self.rows[filled.row as usize];
            for s in bits(laid.tally.mask & !State::None.bit()) {
                row.closed += u64::from(laid.tally.count[s]);
                row.busy += if RUNNING >> s & 1 == 1 { laid.tally.ns[s] } else { 0 };
            }
            let sealed = Arc::make_mut(&mut row.sealed);
            let meta = laid.meta.at(sealed.entries, self.pages.append(&bench.bytes[laid.bytes.clone()]));
            sealed.push((meta, laid.groups), filled.entries.len(), &mut row.growing, &mut laid.tally);
        }
        self.sealing.give_bench(bench);
    }

    /// Waits until every block has its place.
    fn finish_sealing(&mut self) {
        while let Some(bench) = self.sealing.next() {
            self.put_in_place(bench);
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
                let tail = &mut self.rows[row].fresh;
                let short = tail.as_slice().to_vec();
                self.sealing.give_room(std::mem::replace(tail, short));
                self.mark(RowId(row as u32));
            }
        }
    }
}

/// Makes room in the tail: little in a row that has little, all that is ever needed in one that had it before.
#[cold]
fn grow(writer: &mut RowWriter, sealing: &mut Sealing) {
    let len = writer.fresh.len();
    if writer.has_blocks && len == 0 {
        writer.fresh = sealing.room();
    } else {
        let more = (3 * len).clamp(8, (BLOCK + 1).saturating_sub(len).max(8));
        writer.fresh.reserve_exact(more);
    }
}

fn content_of(row: &mut RowWriter, sealing: &mut Sealing, pages: &PageWriter) -> Content {
    row.freeze(sealing);
    row.changed = false;
    let (closed, busy) = row.sums();
    Content {
        about: Arc::clone(&row.about),
        sealed: Arc::clone(&row.sealed),
        tail: Arc::clone(&row.frozen),
        open: row.opened.then_some(row.open),
        pages: Arc::clone(pages.source()),
        closed,
        busy,
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

    #[inline]
    fn set(&mut self, row: RowId, t: MachineNs, look: Look) {
        // In registers: a look that goes through memory costs as much as the rest.
        self.set_parts(row, t, look.state, look.detail, look.aux);
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
        let at = wakeup.woken.0 as usize;
        if at >= self.woken.len() {
            // A number of no row, which nothing forbids, must not cost room.
            self.woken.resize(self.rows.len().max(self.woken.len()), 0);
        }
        if let Some(count) = self.woken.get_mut(at) {
            *count += 1;
        }
        self.wakeups.push(wakeup, &mut self.pages);
    }

    fn sync_point(&mut self, point: SyncPoint) {
        self.sync_points.push(point, &mut self.pages);
    }

    fn raise(&mut self, raise: Raise) {
        self.raises.push(raise, &mut self.pages);
    }

    fn exit(&mut self, exit: VmExit) {
        self.exits.push(exit, &mut self.pages);
    }
}
