//! How long it takes from opening a trace to the first pictures: the overview, the first rows, all of it.
//!
//! ```text
//! cargo bench -p stratoscope-core --bench first_picture -- PATH...
//! ```
//!
//! One run, no statistics: what a user waits for, once. For a fair figure the files should be in the file cache.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stratoscope_core::session::{Phase, Session, SessionOptions, Snapshot};

/// Machines with something to draw in the overview: from packet headers alone.
fn has_overview(snapshot: &Snapshot) -> bool {
    let mut columns = Vec::new();
    snapshot.machines.iter().any(|machine| {
        machine.extent.is_some_and(|extent| {
            machine.density.columns(extent, 100, &mut columns);
            columns.iter().any(|events| *events > 0.0)
        })
    })
}

fn has_intervals(snapshot: &Snapshot) -> bool {
    snapshot.machines.iter().any(|machine| machine.store.rows().any(|row| !row.is_empty()))
}

fn print(what: &str, time: Option<Duration>) {
    match time {
        Some(time) => println!("{what:<28} {:>9.1} ms", time.as_secs_f64() * 1e3),
        None => println!("{what:<28} never"),
    }
}

fn main() {
    // Cargo adds an option of its own.
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).filter(|a| a != "--bench").map(PathBuf::from).collect();
    if paths.is_empty() {
        println!("first_picture: no path given, nothing measured");
        return;
    }
    let (news, told) = channel();
    let news = Mutex::new(news);
    let begin = Instant::now();
    let wake = move || {
        if let Ok(news) = news.lock() {
            // Nobody listens any more after the last one.
            news.send(()).ok();
        }
    };
    let session = Session::open(paths, SessionOptions::default(), Arc::new(wake));
    let (mut overview, mut rows, mut snapshots) = (None, None, 0);
    let whole = loop {
        if told.recv().is_err() {
            break None;
        }
        snapshots += 1;
        let (snapshot, time) = (session.snapshot(), begin.elapsed());
        if overview.is_none() && has_overview(&snapshot) {
            overview = Some(time);
        }
        if rows.is_none() && has_intervals(&snapshot) {
            rows = Some(time);
        }
        if !matches!(snapshot.phase, Phase::Opening | Phase::Analysing) {
            break Some(time);
        }
    };
    print("overview", overview);
    print("first rows with intervals", rows);
    print("whole analysis", whole);
    println!("{:<28} {snapshots:>9}", "snapshots on the way");
}
