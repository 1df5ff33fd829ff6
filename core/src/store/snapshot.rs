//! All of a store at one moment.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::vocab::{MachineNs, RowId, RowKey, SyncPoint};

use super::points::Points;
use super::row::Row;
use super::writer::{Raise, VmExit, Wakeup};

/// Rows per chunk: what a snapshot shares or makes anew as a whole.
pub(super) const CHUNK: usize = 64;

/// Up to [`CHUNK`] neighbouring rows.
pub(super) type Chunk = Arc<[Arc<Row>]>;

/// Rows and points of one machine, as far as its watermark. Immutable, to be shared between threads.
pub struct StoreSnapshot {
    pub(super) chunks: Vec<Chunk>,
    pub(super) keys: KeyIndex,
    pub(super) wakeups: Points<Wakeup>,
    pub(super) woken: Arc<[u64]>,
    pub(super) sync_points: Points<SyncPoint>,
    pub(super) raises: Points<Raise>,
    pub(super) exits: Points<VmExit>,
    pub(super) watermark: MachineNs,
    pub(super) derived: Derived,
}

/// What somebody worked out of a whole snapshot.
#[derive(Default)]
pub(super) struct Derived {
    all: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    /// Held while something is worked out.
    making: Mutex<()>,
}

impl Derived {
    fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find_map(|one| Arc::clone(one).downcast().ok())
    }
}

impl StoreSnapshot {
    /// Rows that were written by several stores at once as those of one, numbered in that order and complete up
    /// to `watermark`. Of two rows of one key the last one is found by it. There are no points.
    pub fn of_rows(rows: impl IntoIterator<Item = Arc<Row>>, watermark: MachineNs) -> Arc<Self> {
        let numbered = |(n, row): (usize, Arc<Row>)| {
            let id = RowId(u32::try_from(n).unwrap_or(u32::MAX));
            if row.id() == id { row } else { Arc::new(row.renumbered(id)) }
        };
        let rows: Vec<Arc<Row>> = rows.into_iter().enumerate().map(numbered).collect();
        let mut keys = KeyIndex::default();
        keys.add(rows.iter().map(|row| (row.key(), row.id())));
        Arc::new(Self {
            chunks: rows.chunks(CHUNK).map(Chunk::from).collect(),
            keys,
            wakeups: Points::none(),
            woken: Arc::default(),
            sync_points: Points::none(),
            raises: Points::none(),
            exits: Points::none(),
            watermark,
            derived: Derived::default(),
        })
    }

    /// What [`StoreSnapshot::derive`] has put by, of that type.
    pub fn derived<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.derived.get()
    }

    /// Works something out of the whole snapshot and puts it by, one of a type, for as long as the snapshot lives: it
    /// never changes, so what follows from it does not either. Who asks while it is being made waits.
    ///
    /// # Errors
    /// What `make` returns; nothing is put by.
    pub fn derive<T: Send + Sync + 'static, E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<(), E> {
        let _making = self.derived.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.derived.get::<T>().is_none() {
            let made = Arc::new(make()?);
            self.derived.all.lock().unwrap_or_else(PoisonError::into_inner).push(made);
        }
        Ok(())
    }

    /// All before this instant is complete; open intervals end here.
    pub fn watermark(&self) -> MachineNs {
        self.watermark
    }

    /// All rows, in order of their numbers.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// The row of that number.
    pub fn row(&self, id: RowId) -> Option<&Arc<Row>> {
        let id = id.0 as usize;
        self.chunks.get(id / CHUNK)?.get(id % CHUNK)
    }

    /// The number of the row of that key.
    pub fn find(&self, key: &RowKey) -> Option<RowId> {
        self.keys.get(key)
    }

    /// All wake-ups.
    pub fn wakeups(&self) -> &Points<Wakeup> {
        &self.wakeups
    }

    /// How often the thread of a row was woken. Counted while wake-ups are written, so this costs nothing.
    pub fn woken(&self, id: RowId) -> u64 {
        self.woken.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// All ends of messages between machines.
    pub fn sync_points(&self) -> &Points<SyncPoint> {
        &self.sync_points
    }

    /// All interrupts that devices of VMs asked for.
    pub fn raises(&self) -> &Points<Raise> {
        &self.raises
    }

    /// All stays of vCPUs in the hypervisor, in order of their ends.
    pub fn exits(&self) -> &Points<VmExit> {
        &self.exits
    }
}

/// Row numbers by key, in layers of which each is at most half as large as the one below: a snapshot adds a
/// layer of the new rows and shares those below it.
#[derive(Clone, Default)]
pub(super) struct KeyIndex(Vec<Arc<FxHashMap<RowKey, RowId>>>);

impl KeyIndex {
    pub(super) fn get(&self, key: &RowKey) -> Option<RowId> {
        self.0.iter().find_map(|layer| layer.get(key)).copied()
    }

    pub(super) fn add(&mut self, keys: impl Iterator<Item = (RowKey, RowId)>) {
        let mut layer: FxHashMap<RowKey, RowId> = keys.collect();
        if layer.is_empty() {
            return;
        }
        while let Some(below) = self.0.pop_if(|below| below.len() < layer.len() * 2) {
            // The smaller goes into the larger, in whatever order.
            layer.extend(below.iter().map(|(key, id)| (*key, *id)));
        }
        self.0.push(Arc::new(layer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WakeContext;
    use crate::store::{Extents, Look, MachineStore, StoreOptions, Writer};
    use crate::vocab::{Cpu, ProblemLog, State, Tid, TimeRange};

    /// Two rows, of `a` and `b` intervals of 2 ns with a gap of 1 ns after each.
    fn rows(keys: [u16; 2], len: [i64; 2]) -> Vec<Arc<Row>> {
        let mut store = MachineStore::for_some_rows(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
        for (key, len) in keys.into_iter().zip(len) {
            let row = store.row(RowKey::cpu(Cpu(key)));
            for n in 0..len {
                store.set(row, MachineNs(3 * n), Look { aux: u32::from(key), ..Look::new(State::User) });
                store.set(row, MachineNs(3 * n + 2), Look::default());
            }
        }
        store.snapshot(MachineNs(1 << 40)).rows().cloned().collect()
    }

    #[test]
    fn rows_of_several_stores_are_found_as_those_of_one() {
        let gathered =
            StoreSnapshot::of_rows([rows([1, 2], [5, 900]), rows([3, 4], [70, 2000])].concat(), MachineNs(7));
        for (n, (key, len)) in [(1, 5), (2, 900), (3, 70), (4, 2000)].into_iter().enumerate() {
            let id = gathered.find(&RowKey::cpu(Cpu(key)));
            assert_eq!(id, Some(RowId(n as u32)));
            let row = id.and_then(|id| gathered.row(id)).unwrap();
            assert_eq!((row.id(), row.len()), (RowId(n as u32), len));
            assert!(row.intervals(TimeRange::ALWAYS).all(|i| i.look.aux == u32::from(key)));
        }
        assert_eq!((gathered.row_count(), gathered.wakeups().len()), (4, 0));
    }

    #[test]
    fn wakeups_are_counted_by_the_thread_that_is_woken() {
        let mut store = MachineStore::for_some_rows(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
        let wakeup = |t: i64, woken: u32| Wakeup {
            t: MachineNs(t),
            cpu: Cpu(0),
            target_cpu: Cpu(0),
            woken: RowId(woken),
            waker: None,
            context: WakeContext::Unknown,
            number: -1,
        };
        let rows: Vec<RowId> = (0..5).map(|tid| store.row(RowKey::thread(Tid(tid + 1), 0))).collect();
        for n in 0..1000 {
            store.wakeup(wakeup(i64::from(n), n * n % 5));
        }
        let before = store.snapshot(MachineNs(1000));
        // Of no row: told by the points, counted for nobody.
        store.wakeup(wakeup(1000, u32::MAX));
        store.wakeup(wakeup(1001, 4));
        let late = store.row(RowKey::thread(Tid(99), 0));
        store.wakeup(wakeup(1002, late.0));
        let after = store.snapshot(MachineNs(2000));
        for snapshot in [&before, &after] {
            for row in rows.iter().chain([&late]) {
                let points = snapshot.wakeups().range(TimeRange::ALWAYS).filter(|w| w.woken == *row).count();
                assert_eq!(snapshot.woken(*row), points as u64, "{row:?}");
            }
        }
        assert_eq!(before.woken(RowId(4)) + 1, after.woken(RowId(4)));
        assert_eq!((before.woken(late), after.woken(late)), (0, 1));
        let again = store.snapshot(MachineNs(3000));
        assert!(Arc::ptr_eq(&after.woken, &again.woken), "nothing new is nothing to copy");
    }

    #[test]
    fn seeking_is_asking_anew() {
        let row = &rows([1, 2], [1, 1500])[1];
        let mut seeking = row.intervals(TimeRange::ALWAYS);
        for n in 0..3000i64 {
            // Small steps forwards, large ones in both directions.
            let t = MachineNs(if n % 7 == 0 { n * 1_000_003 % 4600 } else { n * 3 / 2 });
            seeking.seek(t);
            let anew: Vec<_> = row.intervals(TimeRange::new(t, MachineNs::MAX)).take(20).collect();
            assert_eq!(seeking.peek(), anew.first());
            let count = (n % 20) as usize;
            assert!(seeking.by_ref().take(count).eq(anew.iter().take(count).copied()));
        }
    }
}
