//! Graphs written down, and random ones: what every critical path must be.

use proptest::prelude::*;
use stratoscope_core::flow::{ArrowKind, Edge, FlowKind, Link, Path, Worker, critical_path};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::support::flows::{check, numbered, text};
use crate::support::graphs::ListGraph;

fn follow(graph: &mut ListGraph, worker: Worker, end: i64) -> Path {
    let window = TimeRange::new(RefNs(graph.edges[&worker][0].from.0), RefNs(end));
    let path = critical_path(graph, worker, window).unwrap();
    check(&path, window);
    path
}

fn lines(path: &Path) -> Vec<String> {
    let who = |w: Worker| char::from(b'A' + w.row.0 as u8).to_string();
    text(path, who, &|_| String::new()).lines().map(str::to_owned).collect()
}

/// `A 0..3 running`; `wait` for a wait that its waker explains.
fn graph(edges: &[(u32, i64, i64, &str)], links: &[(u32, i64, u32, i64)]) -> ListGraph {
    let mut graph = ListGraph::default();
    for (worker, from, to, kind) in edges {
        match FlowKind::from_name(kind) {
            Some(kind) => graph.edge(numbered(*worker), *from, *to, kind, false),
            None => graph.edge(numbered(*worker), *from, *to, FlowKind::Blocked, true),
        }
    }
    for (from, at, to, t) in links {
        let link = Link { from: numbered(*from), at: RefNs(*at), kind: ArrowKind::Wakeup };
        graph.links.insert((numbered(*to), RefNs(*t)), link);
    }
    graph
}

#[test]
fn the_wakers_piece_begins_where_the_wait_does() {
    let edges = [(0, 0, 3, "running"), (0, 3, 6, "wait"), (0, 6, 9, "running"), (1, 0, 6, "running")];
    let path = follow(&mut graph(&edges, &[(1, 6, 0, 6)]), numbered(0), 9);
    assert_eq!(lines(&path), ["A 0..3 running", "A @3 -> B @3", "B 3..6 running", "B @6 -> A @6", "A 6..9 running"]);
}

#[test]
fn a_cause_before_the_wait_leaves_only_an_arrow() {
    let edges = [(0, 0, 3, "running"), (0, 3, 6, "wait"), (0, 6, 9, "running"), (1, 0, 5, "running")];
    let path = follow(&mut graph(&edges, &[(1, 2, 0, 6)]), numbered(0), 9);
    assert_eq!(lines(&path), ["A 0..3 running", "A @3 -> B @3", "B @3 -> A @6", "A 6..9 running"]);
}

/// C waits for B, which waits for A's first waker: nested as deep as the chain is long, without recursion.
#[test]
fn a_chain_of_any_length() {
    const LONG: u32 = 200_000;
    let mut graph = ListGraph::default();
    let end = i64::from(LONG) + 2;
    for n in 0..LONG {
        let (begin, woken) = (i64::from(n) + 1, end + i64::from(LONG - n));
        graph.edge(numbered(n), 0, begin, FlowKind::Running, false);
        graph.edge(numbered(n), begin, woken, FlowKind::Blocked, true);
        graph.edge(numbered(n), woken, woken + 10, FlowKind::Running, false);
        let link = Link { from: numbered(n + 1), at: RefNs(woken), kind: ArrowKind::Wakeup };
        graph.links.insert((numbered(n), RefNs(woken)), link);
    }
    graph.edge(numbered(LONG), 0, 2 * end, FlowKind::Running, false);
    let path = follow(&mut graph, numbered(0), end + i64::from(LONG));
    assert_eq!(path.steps.len(), 2 * LONG as usize);
}

#[test]
fn who_wakes_each_other_at_once_explains_nothing() {
    let edges = [(0, 0, 5, "wait"), (1, 0, 5, "wait"), (0, 5, 8, "running"), (1, 5, 8, "running")];
    let path = follow(&mut graph(&edges, &[(1, 5, 0, 5), (0, 5, 1, 5)]), numbered(0), 8);
    assert_eq!(lines(&path).last().unwrap(), "A 5..8 running");
    assert!(path.steps.iter().any(|s| s.kind == FlowKind::Blocked));
}

/// Random lives with random causes that lie before or at what they cause.
fn random_graph(seed: &[(u8, u8, u8, u8)], workers: u32) -> ListGraph {
    let mut graph = ListGraph::default();
    let mut at = vec![0i64; workers as usize];
    for (who, length, kind, cause) in seed {
        let worker = u32::from(*who) % workers;
        let from = at[worker as usize];
        let to = from + i64::from(*length % 16) + 1;
        match kind % 6 {
            0 | 1 => graph.edge(numbered(worker), from, to, FlowKind::Running, false),
            2 => graph.edge(numbered(worker), from, to, FlowKind::Preempted, false),
            3 => {
                let last = graph.edges.entry(numbered(worker)).or_default();
                last.push(Edge::unknown(RefNs(from), RefNs(to)));
            }
            _ => {
                graph.edge(numbered(worker), from, to, FlowKind::Blocked, true);
                let cause_worker = u32::from(*cause) % workers;
                let early = i64::from(cause / 64);
                let link = Link {
                    from: numbered(cause_worker),
                    at: RefNs((to - early).max(0)),
                    kind: if early > 0 { ArrowKind::Network } else { ArrowKind::Wakeup },
                };
                if cause_worker != worker {
                    graph.links.insert((numbered(worker), RefNs(to)), link);
                }
            }
        }
        at[worker as usize] = to;
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn paths_cover_the_window_and_never_cross_a_hole(
        seed in prop::collection::vec(any::<(u8, u8, u8, u8)>(), 1..200), workers in 1u32..6, cut in 0i64..400,
    ) {
        let mut graph = random_graph(&seed, workers);
        let workers: Vec<Worker> = graph.edges.keys().copied().collect();
        for worker in workers {
            let end = graph.edges[&worker].last().unwrap().to.0;
            let path = follow(&mut graph, worker, end);
            // Cut anywhere, it is the same path up to there.
            let begin = graph.edges[&worker][0].from;
            let cut = (begin.0 + cut).min(end);
            let part = critical_path(&mut graph, worker, TimeRange::new(begin, RefNs(cut))).unwrap();
            check(&part, TimeRange::new(begin, RefNs(cut)));
            let known: i64 = path.steps.iter().filter(|s| s.range.end.0 <= cut).map(|s| s.range.length().0).sum();
            let kept: i64 = part.steps.iter().map(|s| s.range.length().0).sum();
            prop_assert!(kept >= known);
            // Where nothing is known of somebody, nobody's path shows anything else.
            for step in &path.steps {
                for hole in graph.edges.get(&step.worker).into_iter().flatten().filter(|e| e.cut) {
                    let inside = step.range.begin < hole.to && step.range.end > hole.from;
                    prop_assert!(!inside || step.kind == FlowKind::Unknown, "{step:?} lies in {hole:?}");
                }
            }
        }
    }
}
