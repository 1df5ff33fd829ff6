//! Critical paths against Trace Compass': its tests' graphs and tiny traces, with the paths that it expects.
//!
//! They lie outside the repository (`../shared`, or `STRATOSCOPE_SHARED`): without that folder the tests say so
//! and pass. What those tests teach is in `tests/flow` as cases of our own.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on must fail loudly")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::flow::{ArrowKind, FlowInput, FlowKind, Follower, Link, Path, Worker, critical_path};
use stratoscope_core::store::{Extents, StoreOptions};
use stratoscope_core::vocab::{
    Cancel, Cpu, Event, Interner, KernelEvent, MachineNs, Name, PacketKey, ProblemLog, RefNs, Tid, TimeRange,
};
use support::flows::{Machine, check, flow_machines, machine, numbered, worker};
use support::graphs::ListGraph;
use support::notation::Line;
use support::reference::shared;

/// A worker's name, its pieces (begin, end, kind) in order, those of one kind that touch joined.
type Pieces = BTreeMap<String, Vec<(i64, i64, String)>>;

fn kind_of(theirs: &str) -> &'static str {
    match theirs {
        "RUNNING" => "running",
        "PREEMPTED" => "preempted",
        "INTERRUPTED" => "interrupted",
        "TIMER" => "timer",
        "BLOCK_DEVICE" => "disk",
        "USER_INPUT" => "user-input",
        "IPI" => "ipi",
        "UNKNOWN" => "unknown",
        "BLOCKED" => "blocked",
        "NETWORK" => "network",
        other => panic!("they have no kind {other}"),
    }
}

fn join(pieces: &mut Vec<(i64, i64, String)>) {
    pieces.sort();
    let mut joined: Vec<(i64, i64, String)> = Vec::new();
    for piece in pieces.drain(..) {
        match joined.last_mut() {
            Some(last) if last.1 == piece.0 && last.2 == piece.2 => last.1 = piece.1,
            _ => joined.push(piece),
        }
    }
    *pieces = joined;
}

fn theirs(graph: &Value, who: impl Fn(&Value) -> String) -> (Pieces, Vec<(String, i64, String, i64)>) {
    let mut pieces = Pieces::new();
    for edge in graph["horizontal"].as_array().unwrap() {
        let (begin, end) = (edge["start"].as_i64().unwrap(), edge["end"].as_i64().unwrap());
        let kind = kind_of(edge["type"].as_str().unwrap()).to_owned();
        pieces.entry(who(&edge["worker"])).or_default().push((begin, end, kind));
    }
    pieces.values_mut().for_each(join);
    let arrow = |edge: &Value| {
        let time = |key: &str| edge[key].as_i64().unwrap();
        (who(&edge["from"]), time("start"), who(&edge["to"]), time("end"))
    };
    let mut arrows: Vec<_> = graph["vertical"].as_array().unwrap().iter().map(arrow).collect();
    arrows.sort();
    (pieces, arrows)
}

fn ours(path: &Path, who: impl Fn(Worker) -> String) -> (Pieces, Vec<(String, i64, String, i64)>) {
    let mut pieces = Pieces::new();
    for step in &path.steps {
        let piece = (step.range.begin.0, step.range.end.0, step.kind.name().to_owned());
        pieces.entry(who(step.worker)).or_default().push(piece);
    }
    pieces.values_mut().for_each(join);
    let mut arrows: Vec<_> = path.jumps.iter().map(|j| (who(j.from.0), j.from.1.0, who(j.to.0), j.to.1.0)).collect();
    arrows.sort();
    (pieces, arrows)
}

#[test]
fn the_graphs_of_their_tests_have_their_paths() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let file = shared.join("traces/reference/critical-path/graph_factory.json");
    let all: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let graphs = all["graphs"].as_array().unwrap();
    for case in graphs {
        let name = |worker: &Value| worker.as_str().unwrap().to_owned();
        let number = |worker: &Value| numbered(name(worker).rsplit(' ').next().unwrap().parse().unwrap());
        let mut graph = ListGraph::default();
        let input = &case["input"];
        let mut self_links = BTreeMap::new();
        for edge in input["vertical"].as_array().unwrap() {
            let (from, to) = (number(&edge["from"]), number(&edge["to"]));
            let kind = edge["type"].as_str().unwrap();
            let arrow = if kind == "NETWORK" { ArrowKind::Network } else { ArrowKind::Wakeup };
            let at = |key: &str| RefNs(edge[key].as_i64().unwrap());
            if from == to {
                // What a worker's link to itself says is what it waited for.
                self_links.insert((to, at("end")), kind_of(kind));
            } else {
                graph.links.insert((to, at("end")), Link { from, at: at("start"), kind: arrow });
            }
        }
        let mut edges: Vec<&Value> = input["horizontal"].as_array().unwrap().iter().collect();
        edges.sort_by_key(|e| e["start"].as_i64());
        for edge in edges {
            let who = number(&edge["worker"]);
            let (from, to) = (edge["start"].as_i64().unwrap(), edge["end"].as_i64().unwrap());
            let own = self_links.get(&(who, RefNs(to))).copied();
            let kind = FlowKind::from_name(own.unwrap_or(kind_of(edge["type"].as_str().unwrap()))).unwrap();
            graph.edge(who, from, to, kind, matches!(kind, FlowKind::Blocked | FlowKind::Network));
        }
        let start = number(&case["start_worker"]);
        let edges = &graph.edges[&start];
        let window = TimeRange::new(edges[0].from, edges[edges.len() - 1].to);
        let path = critical_path(&mut graph, start, window).unwrap();
        check(&path, window);
        let who = |w: Worker| format!("workerValue: {}", w.row.0);
        let expected = theirs(&case["expected_bounded_critical_path"], name);
        assert_eq!(ours(&path, who), expected, "{}", case["name"]);
    }
    assert!(graphs.len() >= 12);
}

#[test]
fn tiny_traces_of_one_and_two_machines_have_their_paths() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let folder = shared.join("traces/reference/critical-path");
    let all: Value = serde_json::from_slice(&fs::read(folder.join("distributed_critical_path.json")).unwrap()).unwrap();
    let mut compared = 0;
    for test in all["tests"].as_array().unwrap() {
        let (names, extents) =
            (Arc::new(Interner::default()), Extents::new(&StoreOptions::default(), ProblemLog::default()));
        let files: Vec<String> = test["traces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t.as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect();
        let machines: Vec<(&str, Machine)> = files
            .iter()
            .map(|file| {
                let trace = format!("traces/graph__{}.jsonl", file.trim_end_matches(".xml"));
                (file.as_str(), machine(&read(&folder.join(trace), &names), &names, &extents))
            })
            .collect();
        let machines = flow_machines(&machines);
        let cancel = Cancel::default();
        let mut follower = Follower::new(FlowInput { machines: &machines, view: None, names: &names, cancel: &cancel });
        for wanted in test["critical_paths"].as_array().unwrap() {
            let of = &wanted["of"];
            let on = files.iter().position(|f| *f == of["host"]).unwrap();
            let task = worker(&machines, on, of["tid"].as_i64().unwrap() as i32);
            let who = |worker: &Value| format!("{}/{}", worker["host"].as_str().unwrap(), worker["tid"]);
            let (pieces, arrows) = theirs(&wanted["expected"], who);
            // Theirs begins at the first switch and ends at the last vertex; ours may know more at both ends.
            let times = || {
                let own = pieces.get(&who(of)).unwrap();
                let arrows = arrows.iter().filter(|a| a.0 == who(of) || a.2 == who(of));
                let ends = own.iter().flat_map(|p| [p.0, p.1]);
                ends.chain(arrows.flat_map(|a| [a.1, a.3])).collect::<Vec<_>>()
            };
            let window = TimeRange::new(RefNs(*times().iter().min().unwrap()), RefNs(*times().iter().max().unwrap()));
            let path = follower.path(task, window).unwrap();
            check(&path, window);
            let name = |w: Worker| {
                let machine = &machines[usize::from(w.machine.0)];
                format!("{}/{}", machine.name, machine.store.row(w.row).unwrap().key().id)
            };
            assert_eq!(ours(&path, name), (pieces, arrows), "{} {of}", test["test"]);
            compared += 1;
        }
    }
    assert!(compared >= 5, "only {compared} paths");
}

/// The events of a tiny trace, one a line.
fn read(path: &FilePath, names: &Interner) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = &line["fields"];
        let number = |key: &str| fields[key].as_i64().map_or(-1, |n| n as i32);
        let text = |key: &str| names.intern(fields[key].as_str().unwrap_or(""));
        let packet = PacketKey { seq: number("msgid") as u32, ack: 0, check: 0, source: 0, dest: 0, flags: 0 };
        let body = match line["name"].as_str().unwrap() {
            "sched_switch" => KernelEvent::SchedSwitch {
                prev_tid: Tid(number("prev_tid")),
                prev_comm: text("prev_comm"),
                prev_prio: 120,
                prev_state: number("prev_state"),
                next_tid: Tid(number("next_tid")),
                next_comm: text("next_comm"),
                next_prio: 120,
            },
            "sched_wakeup" => KernelEvent::SchedWakeup {
                tid: Tid(number("tid")),
                comm: text("comm"),
                prio: 120,
                target_cpu: Cpu(number("target_cpu") as u16),
            },
            "irq_handler_entry" => KernelEvent::IrqEntry { irq: number("irq"), name: text("name") },
            "irq_handler_exit" => KernelEvent::IrqExit { irq: number("irq") },
            "softirq_raise" => KernelEvent::SoftirqRaise { vec: number("vec") },
            "softirq_entry" => KernelEvent::SoftirqEntry { vec: number("vec") },
            "softirq_exit" => KernelEvent::SoftirqExit { vec: number("vec") },
            "packet_sent" => KernelEvent::NetSend { packet },
            "packet_received" => KernelEvent::NetReceive { packet },
            "netif_receive_skb_internal_entry" => KernelEvent::NetHandleEntry,
            "netif_receive_skb_internal_return" => KernelEvent::NetHandleExit,
            "statedump_interrupt" => KernelEvent::StatedumpInterrupt { irq: number("irq"), name: Name::NONE },
            name if name.starts_with("syscall_") || name.starts_with("do_IRQ") => continue,
            other => panic!("{other} in {}", path.display()),
        };
        let (t, cpu) = (MachineNs(line["ts"].as_i64().unwrap()), Cpu(line["cpu"].as_u64().unwrap() as u16));
        lines.push(Line::Event(Event { t, cpu, context_tid: Tid(-1), body }));
    }
    lines
}
