//! When a tree is made anew, and by whom.
//!
//! A tree of ten thousand rows takes a frame's time. What the user asks for is there at once all the same; but while a
//! trace is read every snapshot asks for another tree, and those are made by the pool, one after the other, while the
//! one before is shown: rows are only added then, so it fits what came since.

use std::sync::{Arc, Mutex, PoisonError};

use egui::Context;
use stratoscope_core::vocab::{Interner, MachineId};

use crate::window::own::Place;
use crate::window::timeline::rows::{RowSet, Sort, Tree};
use crate::window::timeline::scene::Scene;

/// From how many rows on a frame does not make them itself.
const MANY: usize = 2_000;

/// What a tree is made of.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) set: RowSet,
    pub(crate) machine: Option<MachineId>,
    pub(crate) sort: Sort,
    pub(crate) placed: &'a [Place],
}

/// What a tree was made of.
struct Key {
    version: u64,
    /// Rows that were joined from several machines stand behind the machine's own: these move, if more come.
    joined: bool,
    /// A session's own: tells it from others.
    names: Arc<Interner>,
    machine: Option<MachineId>,
    sort: Sort,
    placed: Vec<Place>,
}

type Slot = Arc<Mutex<Option<Tree>>>;

/// The tree that is shown, and the one that is being made.
#[derive(Default)]
pub(crate) struct Making {
    shown: Option<Key>,
    next: Option<(Key, Slot)>,
}

impl Wanted<'_> {
    fn make(&self) -> Tree {
        let mut tree = Tree::new(self.scene, self.set, self.machine, self.sort);
        tree.arrange(self.placed);
        tree
    }

    fn key(&self) -> Key {
        let Self { scene, machine, sort, placed, .. } = *self;
        Key {
            version: scene.version,
            joined: scene.vm.is_some(),
            names: Arc::clone(&scene.names),
            machine,
            sort,
            placed: placed.to_vec(),
        }
    }
}

impl Key {
    /// Whether it is of another moment of the same session at most.
    fn continues(&self, wanted: &Wanted<'_>) -> bool {
        Arc::ptr_eq(&self.names, &wanted.scene.names)
            && (self.machine, self.sort) == (wanted.machine, wanted.sort)
            && self.placed == wanted.placed
    }
}

impl Making {
    /// The tree of what is wanted, where it is not the one shown, of `rows` rows; `None` too while it is being made.
    pub(crate) fn tree(&mut self, ctx: &Context, wanted: &Wanted<'_>, rows: usize) -> Option<Tree> {
        let before = self.shown.as_ref().filter(|key| key.continues(wanted));
        if before.is_some_and(|key| key.version == wanted.scene.version) {
            return None;
        }
        if rows < MANY || before.is_none_or(|key| key.joined) {
            self.next = None;
            self.shown = Some(wanted.key());
            return Some(wanted.make());
        }
        if let Some((key, slot)) = self.next.take() {
            let made = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(tree) = made {
                self.shown = Some(key);
                return Some(tree);
            }
            self.next = Some((key, slot));
            return None;
        }
        let (slot, ctx) = (Slot::default(), ctx.clone());
        self.next = Some((wanted.key(), Arc::clone(&slot)));
        let Wanted { set, machine, sort, .. } = *wanted;
        let (scene, placed) = (wanted.scene.clone(), wanted.placed.to_vec());
        rayon::spawn(move || {
            let tree = Wanted { scene: &scene, set, machine, sort, placed: &placed }.make();
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(tree);
            ctx.request_repaint();
        });
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use stratoscope_core::vocab::{RowKey, Tid};

    use super::*;
    use crate::window::timeline::fake;
    use crate::window::timeline::scene::SceneRow;

    fn grown(scene: &Scene, by: usize) -> Scene {
        let mut scene = Scene { version: scene.version + 1, ..scene.clone() };
        let row = scene.machines[0].rows.iter().find(|row| row.key.id > 2).unwrap().clone();
        for _ in 0..by {
            let tid = Tid(100_000 + scene.machines[0].rows.len() as i32);
            scene.machines[0].add(SceneRow { key: RowKey::thread(tid, 0), ..row.clone() });
        }
        scene
    }

    #[test]
    fn while_many_rows_are_read_the_tree_before_stays_until_the_next_is_made() {
        let ctx = Context::default();
        let (mut making, mut tree) = (Making::default(), Tree::default());
        let mut ask = |scene: &Scene, sort| {
            let wanted = Wanted { scene, set: RowSet::ControlFlow, machine: None, sort, placed: &[] };
            let made = making.tree(&ctx, &wanted, tree.nodes.len());
            let is_new = made.is_some();
            tree = made.unwrap_or(std::mem::take(&mut tree));
            (is_new, tree.nodes.len())
        };
        let small = Scene { complete: false, ..fake::small() };
        let few = ask(&small, Sort::Tid);
        assert!(few.0 && few.1 > 3);
        assert_eq!(ask(&small, Sort::Tid), (false, few.1));
        let large = grown(&small, MANY);
        assert_eq!(ask(&large, Sort::Tid), (true, few.1 + MANY), "few rows are replaced at once");
        let larger = grown(&large, 5);
        let end = Instant::now() + Duration::from_secs(30);
        while ask(&larger, Sort::Tid) != (true, few.1 + MANY + 5) {
            assert!(Instant::now() < end);
            std::thread::yield_now();
        }
        let last = grown(&larger, 1);
        assert_eq!(ask(&last, Sort::Name), (true, few.1 + MANY + 6), "the user does not wait");
        assert_eq!(ask(&fake::small(), Sort::Name), (true, few.1), "nor do other traces");
    }
}
