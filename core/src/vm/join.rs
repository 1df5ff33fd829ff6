//! Joins of rows under clock maps: what runs on each physical CPU, what each vCPU did for whom, and what each
//! guest's thread really got. Here is what all of them share; `host` and `guest` do the work.
//!
//! ```text
//!  host's CPU rows ─┐
//!  host's vCPU rows ┼─▶ physical CPUs ─▶ vCPUs, cut by who ran instead ─▶ guest threads, cut by their vCPU
//!  guests' CPU rows ┘        (host's time)          (host's time)               (the guest's time)
//! ```
//!
//! Query edges are mapped into the other machine's time and the intervals found there are mapped back once, by
//! the same floor; durations count in the time of the row's machine, so that the parts of an interval always
//! add up to it. Nothing is read again: a changed map joins again.

use std::sync::Arc;

use crate::store::{Extents, Look, MachineStore, Row, StoreSnapshot, Writer};
use crate::sync::ClockMap;
use crate::vm::between::Between;
use crate::vm::model::VmModel;
use crate::vm::who::WhoTable;
use crate::vocab::{Cancel, Interner, MachineId, MachineNs, RowId, RowKey};

/// What is joined.
pub(super) struct Join<'a> {
    pub(super) model: &'a VmModel,
    pub(super) stores: &'a [(MachineId, &'a str, Arc<StoreSnapshot>)],
    pub(super) maps: &'a [ClockMap],
    pub(super) names: &'a Interner,
    pub(super) extents: &'a Extents,
    pub(super) cancel: &'a Cancel,
    pub(super) who: &'a WhoTable,
}

impl<'a> Join<'a> {
    pub(super) fn store(&self, machine: MachineId) -> Option<&'a Arc<StoreSnapshot>> {
        self.stores.iter().find(|s| s.0 == machine).map(|s| &s.2)
    }

    pub(super) fn between(&self, from: MachineId, to: MachineId) -> Between {
        let map = |m: MachineId| self.maps.get(usize::from(m.0)).copied().unwrap_or(ClockMap::IDENTITY);
        Between::new(map(from), map(to))
    }
}

/// Where a joined row's looks go: its row in a store, and where what was put last ends. Whether a gap follows
/// is only known when the next look comes; mostly there is none.
pub(super) struct Pen {
    row: RowId,
    /// The end of time if that is not known yet.
    end: MachineNs,
}

impl Pen {
    /// A new row of that key.
    pub(super) fn unnamed(store: &mut MachineStore, key: RowKey) -> Self {
        Self { row: store.row(key), end: MachineNs::MAX }
    }

    /// A new row of that key, with the names and relations of the row that it is made from.
    pub(super) fn new(store: &mut MachineStore, key: RowKey, like: &Row) -> Self {
        let pen = Self::unnamed(store, key);
        for (from, name) in like.names() {
            store.rename(pen.row, *from, *name);
        }
        store.relate(pen.row, like.process(), like.parent());
        pen
    }

    /// Its row in the store.
    pub(super) fn row(&self) -> RowId {
        self.row
    }

    /// The row looks like `look` from `begin` on, until something else is put or [`Pen::ends`].
    #[inline]
    pub(super) fn put(&mut self, store: &mut MachineStore, begin: MachineNs, look: Look) {
        self.close(store, begin);
        store.set(self.row, begin, look);
        self.end = MachineNs::MAX;
    }

    /// What was put last ends there.
    #[inline]
    pub(super) fn ends(&mut self, end: MachineNs) {
        self.end = end;
    }

    /// Nothing comes before `next`. Says where the gap begins, if that makes one.
    #[inline]
    pub(super) fn close(&mut self, store: &mut MachineStore, next: MachineNs) -> Option<MachineNs> {
        if self.end >= next {
            return None;
        }
        store.set(self.row, self.end, Look::default());
        Some(std::mem::replace(&mut self.end, MachineNs::MAX))
    }
}
