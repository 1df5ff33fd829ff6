//! Tables of points: what happens at an instant, in order of time, such as wake-ups.
//!
//! ```text
//! index   first instant and place of each block         in memory, 16 bytes per 128 points
//! block   128 instants (8 bytes each) │ 128 records     in the store's pages, as blocks of intervals
//! tail    the points after the last block               copied per snapshot
//! ```

use std::marker::PhantomData;
use std::sync::Arc;

use crate::vocab::{Cpu, Dur, MachineNs, RowId, SyncMethod, SyncPoint, SyncStep, TimeRange};

use super::pages::{PageSource, PageWriter, Pages, Place};
use super::persistent::PersistentList;
use super::writer::{Raise, VmExit, WakeContext, Wakeup};

/// Points in a block.
const BLOCK: usize = 128;

/// A point: an instant, and a record of fixed size.
pub trait PointRecord: Copy + Send + Sync + 'static {
    /// Bytes of the record, without its instant; at most 256.
    const SIZE: usize;

    /// When.
    fn t(&self) -> MachineNs;

    /// Writes all but the instant into `bytes`, which are [`PointRecord::SIZE`] and zero.
    fn encode(&self, bytes: &mut [u8]);

    /// The point of that instant and record.
    fn decode(t: MachineNs, bytes: &[u8]) -> Self;
}

impl PointRecord for Wakeup {
    const SIZE: usize = 15;

    fn t(&self) -> MachineNs {
        self.t
    }

    fn encode(&self, bytes: &mut [u8]) {
        bytes[0..4].copy_from_slice(&self.woken.0.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.waker.map_or(u32::MAX, |w| w.0).to_le_bytes());
        bytes[8..10].copy_from_slice(&self.cpu.0.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.target_cpu.0.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.number.to_le_bytes());
        bytes[14] = self.context as u8;
    }

    fn decode(t: MachineNs, bytes: &[u8]) -> Self {
        const CONTEXTS: [WakeContext; 9] = [
            WakeContext::Unknown,
            WakeContext::Task,
            WakeContext::Irq,
            WakeContext::Softirq,
            WakeContext::Hrtimer,
            WakeContext::Timer,
            WakeContext::Vector,
            WakeContext::Network,
            WakeContext::Block,
        ];
        let two = |at: usize| [bytes[at], bytes[at + 1]];
        let four = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            t,
            cpu: Cpu(u16::from_le_bytes(two(8))),
            target_cpu: Cpu(u16::from_le_bytes(two(10))),
            woken: RowId(four(0)),
            waker: Some(four(4)).filter(|w| *w != u32::MAX).map(RowId),
            context: CONTEXTS.get(bytes[14] as usize).copied().unwrap_or_default(),
            number: i16::from_le_bytes(two(12)),
        }
    }
}

impl PointRecord for SyncPoint {
    const SIZE: usize = 24;

    fn t(&self) -> MachineNs {
        self.t
    }

    fn encode(&self, bytes: &mut [u8]) {
        bytes[0..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.thread.map_or(u32::MAX, |r| r.0).to_le_bytes());
        bytes[20..22].copy_from_slice(&self.cpu.0.to_le_bytes());
        bytes[22] = SyncMethod::ALL.iter().position(|m| *m == self.method).unwrap_or(0) as u8;
        bytes[23] = self.step as u8;
    }

    fn decode(t: MachineNs, bytes: &[u8]) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&bytes[0..16]);
        let thread = u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
        Self {
            t,
            cpu: Cpu(u16::from_le_bytes([bytes[20], bytes[21]])),
            thread: (thread != u32::MAX).then_some(RowId(thread)),
            method: SyncMethod::ALL.get(usize::from(bytes[22])).copied().unwrap_or(SyncMethod::Vmsync),
            step: SyncStep::from_u8(bytes[23]).unwrap_or(SyncStep::GuestSends),
            key: u128::from_le_bytes(key),
        }
    }
}

impl PointRecord for Raise {
    const SIZE: usize = 8;

    fn t(&self) -> MachineNs {
        self.t
    }

    fn encode(&self, bytes: &mut [u8]) {
        bytes[0..4].copy_from_slice(&self.thread.0.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.line.to_le_bytes());
    }

    fn decode(t: MachineNs, bytes: &[u8]) -> Self {
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        Self { t, thread: RowId(u32::from_le_bytes(four(0))), line: i32::from_le_bytes(four(4)) }
    }
}

impl PointRecord for VmExit {
    const SIZE: usize = 26;

    fn t(&self) -> MachineNs {
        self.t
    }

    fn encode(&self, bytes: &mut [u8]) {
        bytes[0..8].copy_from_slice(&self.total.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.off_cpu.0.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.vcpu.0.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.reason.to_le_bytes());
        bytes[24] = self.isa;
        bytes[25] = u8::from(self.complete);
    }

    fn decode(t: MachineNs, bytes: &[u8]) -> Self {
        let eight = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            i64::from_le_bytes(word)
        };
        let four = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            t,
            total: Dur(eight(0)),
            off_cpu: Dur(eight(8)),
            vcpu: RowId(four(16)),
            reason: four(20),
            isa: bytes[24],
            complete: bytes[25] != 0,
        }
    }
}

#[derive(Clone, Copy)]
struct Block {
    begin: i64,
    place: Place,
}

/// The writing end of a table of points.
pub struct PointTable<P> {
    index: PersistentList<Block>,
    tail: Vec<P>,
    last: MachineNs,
    published: Option<Points<P>>,
}

impl<P: PointRecord> Default for PointTable<P> {
    fn default() -> Self {
        Self { index: PersistentList::default(), tail: Vec::new(), last: MachineNs::MIN, published: None }
    }
}

impl<P: PointRecord> PointTable<P> {
    /// Adds a point. One that is earlier than the last counts as of the last one's instant.
    pub(super) fn push(&mut self, point: P, pages: &mut PageWriter) {
        let point = if point.t() < self.last {
            let mut record = [0; 256];
            point.encode(&mut record[..P::SIZE]);
            P::decode(self.last, &record[..P::SIZE])
        } else {
            point
        };
        self.last = point.t();
        self.published = None;
        self.tail.push(point);
        if self.tail.len() == BLOCK {
            let mut bytes = vec![0; BLOCK * (8 + P::SIZE)];
            let (instants, records) = bytes.split_at_mut(BLOCK * 8);
            let slots = instants.chunks_exact_mut(8).zip(records.chunks_exact_mut(P::SIZE.max(1)));
            for (point, (instant, record)) in self.tail.iter().zip(slots) {
                instant.copy_from_slice(&point.t().0.to_le_bytes());
                point.encode(record);
            }
            let begin = self.tail.first().map_or(0, |p| p.t().0);
            self.index.push(Block { begin, place: pages.append(&bytes) });
            self.tail.clear();
        }
    }

    /// All points so far.
    pub(super) fn snapshot(&mut self, pages: &PageWriter) -> Points<P> {
        self.published
            .get_or_insert_with(|| {
                let (index, tail) = (self.index.clone(), self.tail.as_slice().into());
                Points(Arc::new(Content { index, tail, pages: Arc::clone(pages.source()) }))
            })
            .clone()
    }

    /// How many points there are.
    pub fn len(&self) -> u64 {
        (self.index.len() * BLOCK + self.tail.len()) as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.bytes() + self.tail.capacity() * size_of::<P>()
    }
}

/// A table of points at the moment of a snapshot: immutable, cheap to clone.
pub struct Points<P>(Arc<Content<P>>);

impl<P> Clone for Points<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Content<P> {
    index: PersistentList<Block>,
    tail: Arc<[P]>,
    pages: Arc<PageSource>,
}

impl<P: PointRecord> Points<P> {
    /// A table without points.
    pub(super) fn none() -> Self {
        Self(Arc::new(Content { index: PersistentList::default(), tail: Arc::default(), pages: Arc::default() }))
    }

    /// How many points there are.
    pub fn len(&self) -> u64 {
        (self.0.index.len() * BLOCK + self.0.tail.len()) as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Point number `i`, in order of time; equal instants in the order of writing.
    pub fn get(&self, i: u64) -> Option<P> {
        let mut points = self.numbered(i, i.checked_add(1)?);
        points.next()
    }

    /// How many points are earlier than `t`: the number of the first that is not.
    pub fn rank(&self, t: MachineNs) -> u64 {
        let in_tail = self.0.tail.partition_point(|p| p.t() < t);
        if in_tail > 0 {
            return (self.0.index.len() * BLOCK + in_tail) as u64;
        }
        // The block in which the first that is not earlier may be: the last that begins earlier.
        let Some(block) = self.0.index.partition_point(|b| b.begin < t.0).checked_sub(1) else { return 0 };
        let inside = self.0.index.get(block).map_or(0, |b| {
            let pages = self.0.pages.current();
            let instants = pages.from(b.place)[..BLOCK * 8].as_chunks::<8>().0;
            instants.partition_point(|bytes| i64::from_le_bytes(*bytes) < t.0)
        });
        (block * BLOCK + inside) as u64
    }

    /// The points in `range`, in order of time, for somebody who asks for ranges that lie near each other: `finger`
    /// remembers where the last one was (begin with any number).
    pub fn range_near(&self, range: TimeRange<MachineNs>, finger: &mut usize) -> PointIter<'_, P> {
        let blocks = self.0.index.len();
        let begins = |block: usize| self.0.index.get(block).map_or(i64::MAX, |b| b.begin);
        // The last block that begins earlier than the range: between `low` and `high`, found by doubling steps.
        let (t, mut low, mut high) = (range.begin.0, (*finger).min(blocks), (*finger).min(blocks));
        let mut step = 1;
        while low > 0 && begins(low) >= t {
            high = low;
            low = low.saturating_sub(step);
            step *= 2;
        }
        step = 1;
        while high < blocks && begins(high) < t {
            low = high;
            high = (high + step).min(blocks);
            step *= 2;
        }
        while low + 1 < high {
            let middle = low.midpoint(high);
            if begins(middle) < t { low = middle } else { high = middle }
        }
        *finger = low;
        let mut points = self.numbered((low * BLOCK) as u64, self.len());
        points.skip_before(range.begin);
        points.until = range.end;
        points
    }

    /// The points in `range`, in order of time.
    pub fn range(&self, range: TimeRange<MachineNs>) -> PointIter<'_, P> {
        let from = self.rank(range.begin);
        self.numbered(from, self.rank(range.end).max(from))
    }

    /// All points from number `i` on.
    pub fn from(&self, i: u64) -> PointIter<'_, P> {
        self.numbered(i, self.len())
    }

    /// How many points are in `range`.
    pub fn count(&self, range: TimeRange<MachineNs>) -> u64 {
        self.rank(range.end).saturating_sub(self.rank(range.begin))
    }

    /// The first point later than `t`.
    pub fn first_after(&self, t: MachineNs) -> Option<P> {
        self.get(self.rank(MachineNs(t.0.checked_add(1)?)))
    }

    /// The last point earlier than `t`.
    pub fn last_before(&self, t: MachineNs) -> Option<P> {
        self.get(self.rank(t).checked_sub(1)?)
    }

    fn numbered(&self, from: u64, to: u64) -> PointIter<'_, P> {
        let to = to.min(self.len());
        let pages = (from < to && from < (self.0.index.len() * BLOCK) as u64).then(|| self.0.pages.current());
        PointIter {
            content: &self.0,
            pages,
            next: from as usize,
            to: to as usize,
            until: MachineNs::MAX,
            point: PhantomData,
        }
    }
}

/// Points in order of time: what [`Points::range`] gives.
pub struct PointIter<'a, P> {
    content: &'a Content<P>,
    pages: Option<Arc<Pages>>,
    next: usize,
    to: usize,
    /// Points at or after this instant are not given (of [`Points::range_near`], which does not count).
    until: MachineNs,
    point: PhantomData<P>,
}

impl<P: PointRecord> PointIter<'_, P> {
    fn instant(&self, n: usize) -> Option<i64> {
        let (block, at) = (n / BLOCK, n % BLOCK);
        match self.content.index.get(block) {
            Some(found) => {
                let instants = &self.pages.as_ref()?.from(found.place)[..BLOCK * 8];
                Some(i64::from_le_bytes(*instants.as_chunks().0.get(at)?))
            }
            None => self.content.tail.get(at).map(|p| p.t().0),
        }
    }

    /// Goes on to the first point that is not earlier than `t`, within two blocks.
    fn skip_before(&mut self, t: MachineNs) {
        let (mut from, mut to) = (self.next, self.to.min(self.next + 2 * BLOCK));
        while from < to {
            let middle = from.midpoint(to);
            if self.instant(middle).is_some_and(|at| at < t.0) { from = middle + 1 } else { to = middle }
        }
        self.next = from;
    }
}

impl<P: PointRecord> Iterator for PointIter<'_, P> {
    type Item = P;

    fn next(&mut self) -> Option<P> {
        if self.next >= self.to {
            return None;
        }
        let (block, at) = (self.next / BLOCK, self.next % BLOCK);
        if self.until != MachineNs::MAX && self.instant(self.next).is_none_or(|t| t >= self.until.0) {
            self.to = self.next;
            return None;
        }
        self.next += 1;
        let Some(found) = self.content.index.get(block) else { return self.content.tail.get(at).copied() };
        let (instants, records) = self.pages.as_ref()?.from(found.place).split_at(BLOCK * 8);
        let t = i64::from_le_bytes(*instants.as_chunks().0.get(at)?);
        Some(P::decode(MachineNs(t), records.get(at * P::SIZE..(at + 1) * P::SIZE)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.to.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl<P: PointRecord> ExactSizeIterator for PointIter<'_, P> {}
