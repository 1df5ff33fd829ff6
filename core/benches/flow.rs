//! How long execution flows take: the five busiest threads of each machine over the whole trace.
//!
//! ```text
//! cargo bench -p stratoscope-core --bench flow -- PATH...
//! ```
//!
//! The graph is rows and points, which the analysis writes anyway, so building it takes no time of its own. The
//! best of three runs counts; `edges` are those of the graph that the critical path looked at, `refined` adds
//! what the host did.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stratoscope_core::flow::Worker;
use stratoscope_core::session::{Session, SessionOptions, Snapshot};
use stratoscope_core::vocab::{Cancel, MachineNs, RowKind, TimeRange};

/// Threads of a machine.
const BUSIEST: usize = 5;

fn best<T>(mut work: impl FnMut() -> T) -> (Duration, T) {
    let mut best: Option<(Duration, T)> = None;
    for _ in 0..3 {
        let begin = Instant::now();
        let result = work();
        let time = begin.elapsed();
        if best.as_ref().is_none_or(|b| time < b.0) {
            best = Some((time, result));
        }
    }
    best.expect("it ran")
}

fn main() {
    // Cargo adds an option of its own.
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).filter(|a| a != "--bench").map(PathBuf::from).collect();
    if paths.is_empty() {
        println!("flow: no path given, nothing measured");
        return;
    }
    let session = Session::open(paths, SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    let (mut edges, mut pieces, mut times) = (0, 0, [Duration::ZERO; 2]);
    for machine in &snapshot.machines {
        let mut rows: Vec<_> =
            machine.store.rows().filter(|r| r.key().kind == RowKind::Thread && r.key().id > 0).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.len()));
        for row in rows.into_iter().take(BUSIEST) {
            let task = Worker { machine: machine.id, row: row.id() };
            let (path_time, path) = best(|| path_of(&snapshot, task, TimeRange::ALWAYS));
            let (flow_time, flow) =
                best(|| snapshot.flow(task, TimeRange::ALWAYS, &Cancel::default()).expect("nobody cancels"));
            println!(
                "{:<12} {:>7} {:>16}: {:>9} edges {:>8.1} ms, {:>9} pieces, refined {:>8.1} ms",
                machine.name,
                row.key().id,
                snapshot.names.text(row.name()),
                path,
                path_time.as_secs_f64() * 1e3,
                flow.pieces.len(),
                flow_time.as_secs_f64() * 1e3
            );
            edges += path;
            pieces += flow.pieces.len();
            times[0] += path_time;
            times[1] += flow_time;
        }
    }
    let per_million = |time: Duration| time.as_secs_f64() * 1e3 / (edges as f64 / 1e6);
    println!(
        "all: {edges} edges, {pieces} pieces: paths {:.1} ms = {:.0} ms per million edges; refined {:.1} ms = {:.0} ms",
        times[0].as_secs_f64() * 1e3,
        per_million(times[0]),
        times[1].as_secs_f64() * 1e3,
        per_million(times[1])
    );
}

fn path_of(snapshot: &Snapshot, task: Worker, window: TimeRange<MachineNs>) -> u64 {
    let path = snapshot.with_follower(&Cancel::default(), |follower| {
        let window = follower.existing(task, window);
        follower.path(task, window)
    });
    path.expect("nobody cancels").visited
}
