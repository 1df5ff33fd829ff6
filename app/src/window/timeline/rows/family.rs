//! Who is whose child among the threads of a machine, and in which order they stand.
//!
//! Made anew with each snapshot while a trace is read, by the thread that draws: so it is all lists by number, filled
//! in a few passes, of which the slowest sorts.

use std::cmp::Reverse;

use stratoscope_core::vocab::{RowId, RowKind, Tid};

use crate::window::timeline::rows::{INIT, KTHREADD, Sort};
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};

/// No row.
const NONE: u32 = u32::MAX;

/// The threads of a machine, in their order among those of the same parent.
pub(super) struct Family {
    /// Those without a parent.
    pub(super) roots: Vec<RowId>,
    /// Those of the kernel.
    pub(super) kernel: Vec<RowId>,
    /// All others, those of one parent next to each other.
    children: Vec<RowId>,
    /// Where those of each row begin, by its number; one more at the end.
    begins: Vec<u32>,
}

impl Family {
    /// Gathers and sorts.
    pub(super) fn new(scene: &Scene, machine: &SceneMachine, sort: Sort) -> Self {
        let rows = &machine.rows;
        let is_thread = |row: &SceneRow| row.key.kind == RowKind::Thread && !row.key.is_idle_task();
        let mut threads: Vec<u32> = (0..rows.len() as u32).filter(|n| is_thread(&rows[*n as usize])).collect();
        let parents = parents(machine, &threads);
        order(&mut threads, scene, machine, sort, &parents);

        let mut begins = vec![0; rows.len() + 1];
        for n in &threads {
            if let Some(count) = begins.get_mut(parents[*n as usize].wrapping_add(1) as usize) {
                *count += u32::from(parents[*n as usize] != NONE);
            }
        }
        for n in 1..begins.len() {
            begins[n] += begins[n - 1];
        }
        let total = begins.last().copied().unwrap_or(0);
        let (mut children, mut next) = (vec![RowId(NONE); total as usize], begins.clone());
        let (mut roots, mut kernel) = (Vec::new(), Vec::new());
        for n in threads {
            match parents[n as usize] {
                NONE if is_kernel(&rows[n as usize]) => kernel.push(RowId(n)),
                NONE => roots.push(RowId(n)),
                parent => {
                    children[next[parent as usize] as usize] = RowId(n);
                    next[parent as usize] += 1;
                }
            }
        }
        Self { roots, kernel, children, begins }
    }

    /// The children of a row.
    pub(super) fn children(&self, of: RowId) -> &[RowId] {
        let n = of.0 as usize;
        let range = self.begins.get(n).zip(self.begins.get(n + 1));
        range.and_then(|(begin, end)| self.children.get(*begin as usize..*end as usize)).unwrap_or(&[])
    }
}

fn is_kernel(row: &SceneRow) -> bool {
    row.parent == Some(KTHREADD) || Tid(row.key.id) == KTHREADD
}

/// The row below which each row stands, by number.
fn parents(machine: &SceneMachine, threads: &[u32]) -> Vec<u32> {
    let mut parents = vec![NONE; machine.rows.len()];
    for n in threads {
        let row = &machine.rows[*n as usize];
        if is_kernel(row) {
            continue;
        }
        // A thread belongs to its leader, a leader to the process that made it.
        let tid = Tid(row.key.id);
        let above = match row.process {
            Some(leader) if leader != tid => Some(leader),
            _ => row.parent.filter(|parent| *parent != INIT && parent.0 > 0),
        };
        let above = above.and_then(|tid| machine.thread(tid, row.begin.unwrap_or_default()));
        // What stands below a thread of the kernel would be out of sight with it.
        let above = above.filter(|(id, row)| id.0 != *n && !is_kernel(row));
        parents[*n as usize] = above.map_or(NONE, |(id, _)| id.0);
    }
    cut_rings(&mut parents);
    parents
}

/// A trace that says of two threads that each is the other's child must not make a ring: the last of a ring has no
/// parent.
fn cut_rings(parents: &mut [u32]) {
    // By which walk each row was come by first.
    let mut walk = vec![NONE; parents.len()];
    for begin in 0..parents.len() as u32 {
        let mut at = begin;
        while at != NONE && walk[at as usize] == NONE {
            walk[at as usize] = begin;
            at = parents[at as usize];
        }
        if at == NONE || walk[at as usize] != begin {
            continue;
        }
        // Once around, from where the walk met itself.
        let (mut last, mut next) = (at, parents[at as usize]);
        while next != at {
            last = last.max(next);
            next = parents[next as usize];
        }
        parents[last as usize] = NONE;
    }
}

fn order(threads: &mut [u32], scene: &Scene, machine: &SceneMachine, sort: Sort, parents: &[u32]) {
    let row = |n: &u32| -> &SceneRow { &machine.rows[*n as usize] };
    match sort {
        Sort::Tid => threads.sort_unstable_by_key(|n| (row(n).key.id, row(n).key.instance)),
        Sort::Name => threads.sort_by_cached_key(|n| (scene.text(row(n).name).to_lowercase(), row(n).key.id)),
        Sort::FirstActivity => threads.sort_by_key(|n| {
            let begin = row(n).begin;
            (begin.is_none(), begin.unwrap_or_default(), row(n).key.id)
        }),
        Sort::CpuTime => by_most(threads, scene, machine, parents, |row| row.busy_ns),
        Sort::WakeUps => by_most(threads, scene, machine, parents, |row| i64::try_from(row.woken).unwrap_or(i64::MAX)),
    }
}

/// Those first of which, with all below them, `value` is the largest.
fn by_most(
    threads: &mut [u32],
    scene: &Scene,
    machine: &SceneMachine,
    parents: &[u32],
    value: impl Fn(&SceneRow) -> i64,
) {
    let mut sums = vec![0; parents.len()];
    let mut waited_for = vec![0_u32; parents.len()];
    for n in threads.iter() {
        sums[*n as usize] = value(&machine.rows[*n as usize]);
        if let Some(count) = waited_for.get_mut(parents[*n as usize] as usize) {
            *count += 1;
        }
    }
    // From the leaves up: a row is added to its parent when all below it have been added to it.
    for leaf in threads.iter().filter(|n| waited_for[**n as usize] == 0).copied().collect::<Vec<_>>() {
        let mut at = leaf;
        while let Some(waiting) = waited_for.get_mut(parents[at as usize] as usize) {
            let parent = parents[at as usize];
            *waiting -= 1;
            sums[parent as usize] += sums[at as usize];
            if waited_for[parent as usize] > 0 {
                break;
            }
            at = parent;
        }
    }
    threads.sort_by_cached_key(|n| {
        let (key, sum) = (machine.rows[*n as usize].key, sums[*n as usize]);
        // While rows grow, only a doubling moves them: nothing shall jump under the pointer.
        let rank = if scene.complete { sum } else { i64::from(64 - sum.leading_zeros()) };
        (Reverse(rank), key.id, key.instance)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_lose_their_last_row_and_what_hangs_on_them_stays() {
        let ring = |list: &[u32]| {
            let mut parents = list.to_vec();
            cut_rings(&mut parents);
            parents
        };
        assert_eq!(ring(&[1, 0]), [1, NONE]);
        assert_eq!(ring(&[1, 2, 0, 0]), [1, 2, NONE, 0]);
        assert_eq!(ring(&[NONE, 2, 1, 1, 3]), [NONE, 2, NONE, 1, 3]);
        assert_eq!(ring(&[3, 0, 1, 2, 2]), [3, 0, 1, NONE, 2]);
        assert_eq!(ring(&[1, NONE, 0]), [1, NONE, 0]);
        // As deep as anybody likes.
        let chain: Vec<u32> = (1..=1_000_000).collect();
        let mut closed = chain.clone();
        closed[999_999] = 0;
        let cut = ring(&closed);
        assert_eq!((&cut[..999_999], cut[999_999]), (&chain[..999_999], NONE));
    }
}
