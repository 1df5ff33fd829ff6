//! A row as a snapshot shows it, and the questions it answers.

use std::sync::Arc;

use crate::vocab::{MachineNs, Name, RowId, RowKey, State, Tid, TimeRange};

use super::block::Entry;
use super::columns::{self, Run};
use super::pages::PageSource;
use super::sealed::Sealed;
use super::summary::{RUNNING, StateSums};
use super::walk::{Backward, Intervals, Reader};
use super::writer::Look;

/// An interval of a row: `[begin, end)`, never empty, never [`State::None`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First instant.
    pub begin: MachineNs,
    /// First instant after it; of the open interval, the snapshot's watermark.
    pub end: MachineNs,
    /// What it looks like.
    pub look: Look,
    /// Its number within the row: grows with time and stays the same in later snapshots. Gaps have numbers too.
    pub index: u64,
}

/// What is known of a row besides its intervals.
#[derive(Clone)]
pub(super) struct About {
    pub(super) id: RowId,
    pub(super) key: RowKey,
    pub(super) names: Vec<(MachineNs, Name)>,
    pub(super) process: Option<Tid>,
    pub(super) parent: Option<Tid>,
}

/// What a row shares from snapshot to snapshot until something is written to it.
pub(super) struct Content {
    pub(super) about: Arc<About>,
    pub(super) sealed: Arc<Sealed>,
    /// Closed intervals after the last block.
    pub(super) tail: Arc<[Entry]>,
    pub(super) open: Option<Entry>,
    pub(super) pages: Arc<PageSource>,
    /// Closed intervals, gaps not counted.
    pub(super) closed: u64,
    /// Nanoseconds of closed intervals in running states.
    pub(super) busy: u64,
}

/// A row of intervals at the moment of a snapshot. Immutable; all questions are in its machine's time.
pub struct Row {
    content: Arc<Content>,
    /// Where its last interval ends.
    end: i64,
    version: u64,
}

impl Row {
    pub(super) fn new(content: Arc<Content>, watermark: MachineNs, version: u64) -> Self {
        let end = match content.open {
            Some(open) if open.look.state == State::None => open.begin(),
            Some(open) => watermark.0.max(open.begin()),
            None => i64::MIN,
        };
        Self { content, end, version }
    }

    /// The same row under another number.
    pub(super) fn renumbered(&self, id: RowId) -> Self {
        let content = &self.content;
        let content = Content {
            about: Arc::new(About { id, ..About::clone(&content.about) }),
            sealed: Arc::clone(&content.sealed),
            tail: Arc::clone(&content.tail),
            pages: Arc::clone(&content.pages),
            ..**content
        };
        Self { content: Arc::new(content), ..*self }
    }

    pub(super) fn content(&self) -> &Arc<Content> {
        &self.content
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Its number in its machine's store.
    pub fn id(&self) -> RowId {
        self.content.about.id
    }

    /// What it is about.
    pub fn key(&self) -> RowKey {
        self.content.about.key
    }

    /// Changes whenever something that this row answers changes, be it only that the watermark moved the end
    /// of its open interval. What lies before [`Row::settled`] stays valid nevertheless.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// No later snapshot differs from this one before that instant: the begin of the open interval.
    pub fn settled(&self) -> MachineNs {
        MachineNs(self.content.open.map_or(i64::MIN, |o| o.begin()))
    }

    /// Which of all stores it stands in that this process ever had, from 1 on. Rows of one store and one number are
    /// one row at different moments: what lies before [`Row::settled`] of the one is the same in all later ones.
    pub fn store(&self) -> u64 {
        self.content.pages.number()
    }

    /// Its names, each with the instant from which it bore it.
    pub fn names(&self) -> &[(MachineNs, Name)] {
        &self.content.about.names
    }

    /// Its name at `t`: the last one given until then, or the first one for an earlier `t`.
    pub fn name_at(&self, t: MachineNs) -> Name {
        let names = self.names();
        let until = names.partition_point(|(from, _)| *from <= t);
        names.get(until.saturating_sub(1)).map_or(Name::NONE, |n| n.1)
    }

    /// Its last name.
    pub fn name(&self) -> Name {
        self.names().last().map_or(Name::NONE, |n| n.1)
    }

    /// A thread's process (thread group leader), as far as known.
    pub fn process(&self) -> Option<Tid> {
        self.content.about.process
    }

    /// The parent process of a thread's process, as far as known.
    pub fn parent(&self) -> Option<Tid> {
        self.content.about.parent
    }

    /// How many intervals it has.
    pub fn len(&self) -> u64 {
        self.content.closed + u64::from(self.open_ns() > 0)
    }

    /// Whether it has no interval.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From the begin of its first interval to the end of its last; `None` if it has none.
    pub fn extent(&self) -> Option<TimeRange<MachineNs>> {
        let first = match self.content.sealed.meta(0) {
            Some(block) => block.begin,
            None => self.content.tail.first().or(self.content.open.as_ref())?.begin(),
        };
        let open = self.content.open?;
        let end = if open.look.state != State::None && self.open_ns() == 0 {
            // It begins at the watermark or later, so it is not there yet; what is before it may be a gap.
            self.prev_before(MachineNs::MAX)?.end
        } else {
            MachineNs(self.end)
        };
        (MachineNs(first) < end).then(|| TimeRange::new(MachineNs(first), end))
    }

    /// Nanoseconds in which its subject had a CPU: a thread that runs, a CPU that is not idle, a handler that
    /// is active, a vCPU whose thread works for it. Kept while writing, so this costs nothing.
    pub fn busy_ns(&self) -> i64 {
        let open = match self.content.open {
            Some(open) if open.look.state.bit() & RUNNING != 0 => self.open_ns(),
            _ => 0,
        };
        i64::try_from(self.content.busy.saturating_add(open)).unwrap_or(i64::MAX)
    }

    fn open_ns(&self) -> u64 {
        self.content.open.map_or(0, |o| self.end.wrapping_sub(o.begin()) as u64)
    }

    /// The interval that contains `t`.
    pub fn at(&self, t: MachineNs) -> Option<Interval> {
        let reader = Reader::new(self);
        let interval = reader.interval(reader.last_begun_by(t.0)?);
        interval.filter(|i| t < i.end)
    }

    /// The first interval that begins after `t`.
    pub fn next_after(&self, t: MachineNs) -> Option<Interval> {
        let reader = Reader::new(self);
        let mut pos = match reader.last_begun_by(t.0) {
            Some(before) => reader.after(before)?,
            None => reader.first()?,
        };
        loop {
            match reader.interval(pos) {
                Some(interval) => return Some(interval),
                None => pos = reader.after(pos)?,
            }
        }
    }

    /// The last interval that begins before `t`.
    pub fn prev_before(&self, t: MachineNs) -> Option<Interval> {
        let reader = Reader::new(self);
        let mut pos = reader.last_begun_by(t.0.checked_sub(1)?)?;
        loop {
            match reader.interval(pos) {
                Some(interval) => return Some(interval),
                None => pos = reader.before(pos)?,
            }
        }
    }

    /// The intervals that share an instant with `range`, in order, not clipped.
    pub fn intervals(&self, range: TimeRange<MachineNs>) -> Intervals<'_> {
        Intervals::new(Reader::new(self), range)
    }

    /// The intervals that begin before `t`, the latest first.
    pub fn backward(&self, t: MachineNs) -> Backward<'_> {
        Backward::new(Reader::new(self), t)
    }

    /// Time and number of intervals per state within `range`: exact, and in time that does not depend on how
    /// many intervals the range contains.
    pub fn sums(&self, range: TimeRange<MachineNs>) -> StateSums {
        Reader::new(self).sums(range)
    }

    /// What `width_px` columns show that divide `range` evenly, into `runs` (whose content is replaced).
    ///
    /// [`Run`]s are in order and don't overlap; columns in which the row has no interval are in none of them.
    /// Takes time proportional to the width, however many intervals the range contains. A column shows the
    /// state with most time in it, among equals the louder; quiet states only where nothing else is (see
    /// [`State::is_quiet`]), and a state of the alert set that is not the one shown is in [`Run::ticks`].
    ///
    /// What is exact: where intervals are longer than a column, all of it. Where they are shorter, they are
    /// read in groups that last up to a column, of which a summary is kept and which counts for the column of
    /// its middle. So what happens at the border of two columns may count for the one beside it, half a column
    /// off at most; and of a group only the two longest states (that are not quiet, if there are any) count
    /// with their time, to one part in 64. No state that is not quiet, and no alert, is ever lost by that, be
    /// it 1 ns long.
    ///
    /// Where columns are shorter than a nanosecond, each shows the instant at its begin.
    pub fn columns(&self, range: TimeRange<MachineNs>, width_px: u32, runs: &mut Vec<Run>) {
        runs.clear();
        if width_px > 0 && range.begin < range.end {
            columns::draw(&Reader::new(self), range, width_px, runs);
        }
    }
}
