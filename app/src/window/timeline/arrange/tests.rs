//! Hidden, pinned and moved rows of small trees; and what sorting and filtering ten thousand threads takes, printed.

use std::sync::Arc;
use std::time::Instant;

use stratoscope_core::query::time::TimeBase;
use stratoscope_core::vocab::{Interner, MachineId, MachineNs, RowKey, Tid, TimeRange};

use super::*;
use crate::window::find::Find;
use crate::window::timeline::fake::{self, Maker};
use crate::window::timeline::found;
use crate::window::timeline::rows::{RowSet, Sort};

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn shown(tree: &Tree, tools: &RowTools) -> Vec<i32> {
    let visible = visible(tree, tools);
    let nodes = visible.rows.iter().map(|r| tree.node(r.node));
    nodes.filter(|n| matches!(n.kind, NodeKind::Row(_))).map(|n| n.row.key.id).collect()
}

fn visible(tree: &Tree, tools: &RowTools) -> Visible {
    let hidden = either(&[], &by_hand(tree, tools));
    Visible::ordered(tree, &BTreeSet::new(), &hidden, &pinned(tree, tools), &[], false)
}

fn small(tools: &RowTools) -> Tree {
    let mut tree = Tree::new(&fake::small(), RowSet::ControlFlow, None, Sort::Tid);
    tree.arrange(&tools.placed);
    tree
}

#[test]
fn families_are_hidden_and_kept_together() {
    let plain = RowTools::default();
    assert_eq!(shown(&small(&plain), &plain), [1, 100, 200, 300, 400, 401]);
    let hidden = RowTools { hidden: [thread(100)].into(), ..RowTools::default() };
    assert_eq!(shown(&small(&hidden), &hidden), [1, 400, 401]);
    let only = RowTools { only: [thread(200)].into(), ..RowTools::default() };
    assert_eq!(shown(&small(&only), &only), [100, 200, 300]);
    let elsewhere = RowTools { only: [thread(9_999)].into(), ..RowTools::default() };
    assert_eq!(shown(&small(&elsewhere), &elsewhere).len(), 6, "a pane of none of these shows all");
}

#[test]
fn pinned_rows_stand_on_top_and_leave_their_families_in_place() {
    let tools = RowTools { pinned: vec![thread(401), thread(200)], ..RowTools::default() };
    let tree = small(&tools);
    assert_eq!(shown(&tree, &tools), [401, 200, 1, 100, 300, 400]);
    let visible = visible(&tree, &tools);
    assert_eq!(visible.pinned, 2);
    assert!(visible.rows.windows(2).all(|w| w[0].y + w[0].height == w[1].y));
}

#[test]
fn rows_are_moved_past_those_beside_them() {
    let tools = RowTools::default();
    let tree = small(&tools);
    let visible = visible(&tree, &tools);
    assert_eq!(moved(&tree, &visible, thread(1), Direction::Back), None);
    let up = moved(&tree, &visible, thread(400), Direction::Back).unwrap();
    assert_eq!(up.after, Some(thread(1)));
    let tools = RowTools { placed: vec![up], ..RowTools::default() };
    assert_eq!(shown(&small(&tools), &tools), [1, 400, 401, 100, 200, 300]);
    let gone = Place { row: thread(400), after: Some(thread(7)) };
    let tools = RowTools { placed: vec![gone], ..RowTools::default() };
    assert_eq!(shown(&small(&tools), &tools), [1, 100, 200, 300, 400, 401]);
    // Dropped above the first row; and where it is already.
    let node = tree.find(thread(400)).unwrap();
    assert_eq!(dropped(&tree, &visible, node, -5.0).map(|(p, y)| (p.after, y)), Some((None, 0.0)));
    let own = visible.of(node).unwrap().y;
    assert_eq!(dropped(&tree, &visible, node, own + 1.0), None);
}

/// Sorting and filtering ten thousand threads: the times are printed (`--nocapture`), not judged.
#[test]
#[expect(clippy::print_stderr, reason = "measured, not judged")]
fn ten_thousand_threads_are_sorted_and_filtered() {
    let names = Arc::new(Interner::default());
    let mut m = Maker::new(&names, 0, "host", TimeRange::new(MachineNs(0), MachineNs(10_000_000)));
    for tid in 1..=10_000 {
        let text = format!("running-user//{}@{} blocked@{} none@10000", tid % 64, tid % 977, 1000 + tid % 1009);
        let intervals = m.states(&text);
        m.thread(tid, &format!("worker-{:05}", tid * 7919 % 10_000), tid - tid % 8, 1, intervals);
    }
    let scene = fake::scene_of(names, vec![m.machine], MachineNs(10_000_000));
    for sort in Sort::ALL {
        let start = Instant::now();
        let mut tree = Tree::new(&scene, RowSet::ControlFlow, None, sort);
        tree.arrange(&[]);
        let tools = RowTools::default();
        let rows = visible(&tree, &tools).rows.len();
        eprintln!("sort by {:<15} {rows} rows {:?}", sort.name(), start.elapsed());
        assert!(rows >= 10_000);
    }
    let tree = Tree::new(&scene, RowSet::ControlFlow, None, Sort::Tid);
    for (text, expected) in [("worker-00", 1_000), ("comm ~ \"-00[0-9]*$\" and tid > 0", 1_000), ("tid <= 5000", 5_000)]
    {
        let find = Find::new(text, &TimeBase::default());
        let start = Instant::now();
        let unmatched = found::unmatched(&scene, &tree, &find);
        let found =
            tree.nodes.iter().zip(&unmatched).filter(|(n, u)| matches!(n.kind, NodeKind::Row(_)) && !**u).count();
        eprintln!("filter {text:<40} {found} rows {:?}", start.elapsed());
        assert_eq!(found, expected);
    }
    let tools = RowTools { only: (1..=500).map(|n| thread(n * 8)).collect(), ..RowTools::default() };
    let start = Instant::now();
    let rows = visible(&tree, &tools).rows.len();
    eprintln!("limited to 500 families: {rows} rows {:?}", start.elapsed());
    assert!((500..10_000).contains(&rows));
}
