//! How long latencies of a range take to be counted: from rows, and from what was kept of them.
//!
//! ```text
//! cargo bench -p stratoscope-core --bench latency -- PATH...
//! ```
//!
//! Best of some; each range in the middle of the trace.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stratoscope_core::session::{Session, SessionOptions};
use stratoscope_core::stats::{LatencyKind, LatencyQuery, keep_latencies, latencies, latency_density};
use stratoscope_core::store::StoreSnapshot;
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineNs, TimeRange};

/// How often each question is asked.
const TIMES: usize = 5;

/// Columns of a density.
const COLUMNS: u32 = 400;

/// The best time, and the last answer.
fn best<T>(mut ask: impl FnMut() -> T) -> (Duration, T) {
    let timed = |ask: &mut dyn FnMut() -> T| {
        let begin = Instant::now();
        let answer = ask();
        (begin.elapsed(), answer)
    };
    let first = timed(&mut ask);
    (1..TIMES).map(|_| timed(&mut ask)).fold(first, |best, each| (best.0.min(each.0), each.1))
}

fn ask(store: &StoreSnapshot, all: TimeRange<MachineNs>, from: &str) -> Result<(), Cancelled> {
    let cancel = Cancel::default();
    for (part, words) in [(1, "all"), (3, "a third"), (10, "a tenth"), (100, "a hundredth")] {
        let length = all.length().0 / part;
        let begin = all.begin + Dur((all.length().0 - length) / 2);
        let query =
            LatencyQuery { range: TimeRange::new(begin, begin + Dur(length)), kinds: LatencyKind::ALL, thread: None };
        let (took, answer) = best(|| latencies(store, &query, &cancel));
        let answer = answer?;
        let count: u64 = answer.iter().map(|of| of.histogram.count()).sum();
        println!("{words} from {from}: {count} latencies in {} lines: {took:.1?}", answer.len());
        let Some(most) = answer.iter().max_by_key(|of| of.histogram.count()) else { continue };
        let query = LatencyQuery { kinds: &[most.kind], ..query };
        let (took, density) = best(|| latency_density(store, &query, most.name, COLUMNS, &cancel));
        let cells = density?.cells().len();
        println!(
            "{words} from {from}: the {} of one line over time, {cells} cells: {took:.1?}",
            most.histogram.count()
        );
    }
    Ok(())
}

fn main() -> Result<(), Cancelled> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).filter(|a| a != "--bench").map(PathBuf::from).collect();
    let session = Session::open(paths, SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    for machine in &snapshot.machines {
        let Some(extent) = machine.extent else { continue };
        let intervals: u64 = machine.store.rows().map(|row| row.len()).sum();
        println!("{}: {intervals} intervals on {} rows", machine.name, machine.store.row_count());
        ask(&machine.store, extent, "rows")?;
        let begin = Instant::now();
        keep_latencies(&machine.store, &Cancel::default())?;
        println!("keeping them: {:.1?}", begin.elapsed());
        ask(&machine.store, extent, "what was kept")?;
    }
    Ok(())
}
