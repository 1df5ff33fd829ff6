//! Critical paths of every task against Trace Compass' on real recordings, piece by piece.
//!
//! The recordings and that tool's paths lie outside the repository (`../shared`, or `STRATOSCOPE_SHARED`): without
//! that folder the test says so and passes. What its paths put on an idle task or a kernel worker, and what it
//! calls unknown, is left out: idle tasks cause nothing, and we have no kernel workers.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on must fail loudly")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path as FilePath;
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde_json::Value;
use stratoscope_core::flow::{Path, Worker};
use stratoscope_core::session::{Session, SessionOptions, Snapshot};
use stratoscope_core::vocab::{Cancel, MachineId, RefNs, RowKind, TimeRange};
use support::flows::check;
use support::reference::shared;

const RECORDINGS: &[(&str, &str)] = &[
    ("fighting.host", "vm/fighting/host"),
    ("fighting.guest-a", "vm/fighting/guest-a"),
    ("fighting.guest-b", "vm/fighting/guest-b"),
    ("periodic.host", "vm/periodic/host"),
    ("periodic.guest-a", "vm/periodic/guest-a"),
    ("periodic.guest-b", "vm/periodic/guest-b"),
    ("bug446190", "ctf/bug446190"),
    ("scp_src", "ctf/scp_src"),
    ("scp_dest", "ctf/scp_dest"),
];

/// Why we may say something else than they do: their kind, ours at the first instant of difference, and whether
/// that is of the same task.
const NAMED: &[(&str, &str, bool, &str)] = &[
    ("blocked", "disk", true, "an interrupt of a disk controller: its driver's name tells what it is"),
    ("blocked", "unknown", true, "the idle task wakes nobody: the interrupt that did was not recorded"),
    (
        "preempted",
        "blocked",
        true,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "disk",
        true,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "timer",
        true,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "unknown",
        true,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "preempted",
        false,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "timer",
        false,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "unknown",
        false,
        "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps, which they take for runnable",
    ),
    (
        "preempted",
        "running",
        true,
        "a state dump tells the status of whoever runs: they take a running thread for runnable",
    ),
    (
        "timer",
        "blocked",
        false,
        "their stack of interrupts was never emptied: entries were recorded before exits were, and a timer's stays on top",
    ),
    (
        "timer",
        "preempted",
        false,
        "their stack of interrupts was never emptied: entries were recorded before exits were, and a timer's stays on top",
    ),
    (
        "timer",
        "running",
        false,
        "their stack of interrupts was never emptied: entries were recorded before exits were, and a timer's stays on top",
    ),
    (
        "timer",
        "unknown",
        false,
        "their stack of interrupts was never emptied: entries were recorded before exits were, and a timer's stays on top",
    ),
];

/// A piece: tid, begin, end, kind.
type Piece = (i32, i64, i64, String);

struct Theirs {
    tid: i32,
    pieces: Vec<Piece>,
}

#[test]
fn recordings_have_trace_compass_paths() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let mut classes: BTreeMap<(String, String, bool), (usize, i64, String)> = BTreeMap::new();
    let (mut agreed, mut all, mut agreed_ns, mut all_ns) = (0, 0, 0, 0);
    for (name, path) in RECORDINGS {
        let session = Session::open(vec![shared.join("traces").join(path)], SessionOptions::default(), Arc::new(|| {}));
        let snapshot = session.wait();
        let dump = shared.join("traces/reference/dumps").join(format!("{name}.critpath.jsonl.gz"));
        let (mut of_this, mut same) = (0, 0);
        for theirs in read_dump(&dump, snapshot.origin().0) {
            let Some(ours) = ours(&snapshot, &theirs) else { continue };
            for piece in theirs.pieces.iter().filter(|p| p.0 > 0 && p.3 != "unknown") {
                of_this += 1;
                all_ns += piece.2 - piece.1;
                if ours.contains(piece) {
                    same += 1;
                    agreed_ns += piece.2 - piece.1;
                    continue;
                }
                let (kind, own) = first_difference(piece, &ours);
                let class = classes.entry((piece.3.clone(), kind, own)).or_default();
                class.0 += 1;
                class.1 += piece.2 - piece.1;
                if class.2.is_empty() {
                    let origin = snapshot.origin().0;
                    class.2 = format!(
                        "{name}, path of {}: {} {} + {}",
                        theirs.tid,
                        piece.0,
                        piece.1 as i128 + origin,
                        piece.2 - piece.1
                    );
                }
            }
        }
        eprintln!("{name}: {same} of {of_this} pieces agree");
        agreed += same;
        all += of_this;
    }
    eprintln!(
        "all: {agreed} of {all} pieces agree ({:.2} %), {:.2} % of the time",
        agreed as f64 * 100.0 / all as f64,
        agreed_ns as f64 * 100.0 / all_ns as f64
    );
    let mut unnamed = String::new();
    for ((theirs, ours, own), (count, ns, example)) in &classes {
        let why = NAMED.iter().find(|n| (n.0, n.1, n.2) == (&**theirs, &**ours, *own));
        let line = format!(
            "theirs {theirs}, ours {ours}{}: {count} pieces, {ns} ns ({example})",
            if *own { "" } else { " of another task" }
        );
        eprintln!("  {line}: {}", why.map_or("NOT EXPLAINED", |w| w.3));
        if why.is_none() {
            unnamed += &line;
            unnamed.push('\n');
        }
    }
    assert_eq!(unnamed, "");
    let unused = NAMED.iter().filter(|n| !classes.contains_key(&(n.0.to_owned(), n.1.to_owned(), n.2)));
    assert_eq!(unused.collect::<Vec<_>>(), [&("", "", false, ""); 0], "a table that claims more than is true");
    assert!(agreed * 100 >= all * 94, "{agreed} of {all}");
}

/// What we say at the first instant of their piece at which we say something else, and of the same task?
fn first_difference(piece: &Piece, ours: &[Piece]) -> (String, bool) {
    let mut at = piece.1;
    while at < piece.2 {
        let Some(here) = ours.iter().find(|p| p.1 <= at && at < p.2) else { return ("nothing".to_owned(), true) };
        if here.0 != piece.0 || here.3 != piece.3 {
            return (here.3.clone(), here.0 == piece.0);
        }
        at = here.2;
    }
    ("the same, longer".to_owned(), true)
}

/// Our path over the time of theirs.
fn ours(snapshot: &Snapshot, theirs: &Theirs) -> Option<Vec<Piece>> {
    let store = &snapshot.machines[0].store;
    let begin = theirs.pieces.iter().map(|p| p.1).min()?;
    let end = theirs.pieces.iter().map(|p| p.2).max()?;
    let row = store.rows().find(|row| {
        row.key().kind == RowKind::Thread
            && row.key().id == theirs.tid
            && row.extent().is_some_and(|e| e.begin.0 < end && e.end.0 > begin)
    })?;
    let task = Worker { machine: MachineId(0), row: row.id() };
    let window = TimeRange::new(RefNs(begin), RefNs(end));
    let path: Path = snapshot.with_follower(&Cancel::default(), |follower| follower.path(task, window)).unwrap();
    if let Some(first) = path.steps.first() {
        check(&path, TimeRange::new(first.range.begin.min(window.begin), path.steps.last().unwrap().range.end));
    }
    let tid = |worker: Worker| store.row(worker.row).unwrap().key().id;
    let mut pieces: Vec<Piece> =
        path.steps.iter().map(|s| (tid(s.worker), s.range.begin.0, s.range.end.0, s.kind.name().to_owned())).collect();
    join(&mut pieces);
    Some(pieces)
}

fn join(pieces: &mut Vec<Piece>) {
    pieces.sort_by_key(|p| p.1);
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces.drain(..) {
        match joined.last_mut() {
            Some(last) if last.2 == piece.1 && (last.0, &last.3) == (piece.0, &piece.3) => last.2 = piece.2,
            _ => joined.push(piece),
        }
    }
    *pieces = joined;
}

fn kind_of(theirs: &str) -> &'static str {
    match theirs {
        "RUNNING" => "running",
        "PREEMPTED" => "preempted",
        "INTERRUPTED" => "interrupted",
        "TIMER" => "timer",
        "BLOCK_DEVICE" => "disk",
        "IPI" => "ipi",
        // A horizontal edge "default" is how it stitches a hole.
        "UNKNOWN" | "DEFAULT" => "unknown",
        "BLOCKED" => "blocked",
        "NETWORK" => "network",
        other => panic!("they have no kind {other}"),
    }
}

/// Their paths; instants on our axis.
fn read_dump(path: &FilePath, origin: i128) -> Vec<Theirs> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut paths: Vec<Theirs> = Vec::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let tid = |who: &Value| who["tid"].as_i64().unwrap() as i32;
        match line["k"].as_str().unwrap() {
            "path" => paths.push(Theirs { tid: tid(&line["worker"]), pieces: Vec::new() }),
            "h" => {
                let at = |key: &str| i64::try_from(i128::from(line[key].as_i64().unwrap()) - origin).unwrap();
                let piece =
                    (tid(&line["worker"]), at("start"), at("end"), kind_of(line["type"].as_str().unwrap()).to_owned());
                paths.last_mut().unwrap().pieces.push(piece);
            }
            _ => {}
        }
    }
    paths.iter_mut().for_each(|p| join(&mut p.pieces));
    paths
}
