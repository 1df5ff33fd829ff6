//! How long joins of hosts' and guests' rows take: the first ones, and again after another synchronisation.
//!
//! ```text
//! cargo bench -p stratoscope-core --bench rejoin -- [--digest] PATH...
//! ```
//!
//! One session, no statistics but the best of some re-joins. `--digest` also prints one number for all joined
//! rows, by their texts: two builds that join alike print the same.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::collections::HashMap;
use std::hash::Hasher;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustc_hash::FxHasher;
use stratoscope_core::session::{Phase, Session, SessionOptions, Snapshot, SyncChoice};
use stratoscope_core::sync::Solution;
use stratoscope_core::vm::VmView;
use stratoscope_core::vocab::{MachineId, Name, SyncMethod, TimeRange};

/// How often each choice is measured.
const TIMES: usize = 3;

/// Intervals of all joined rows.
fn intervals(view: &VmView) -> u64 {
    view.truth.iter().flatten().flat_map(|store| store.rows()).map(|row| row.len()).sum()
}

/// A number that differs where two joins do, whatever numbers names got.
fn digest(snapshot: &Snapshot, view: &VmView) -> u64 {
    let mut hasher = FxHasher::default();
    let mut texts: HashMap<Name, u64> = HashMap::new();
    let mut text = |name: Name| {
        *texts.entry(name).or_insert_with(|| {
            let mut hasher = FxHasher::default();
            hasher.write(snapshot.names.text(name).as_bytes());
            hasher.finish()
        })
    };
    for (machine, store) in view.truth.iter().enumerate().filter_map(|(n, s)| Some((n, s.as_ref()?))) {
        hasher.write_usize(machine);
        for row in store.rows() {
            hasher.write(format!("{:?} {:?} {:?}", row.key(), row.process(), row.parent()).as_bytes());
            for (from, name) in row.names() {
                hasher.write_i64(from.0);
                hasher.write_u64(text(*name));
            }
            for interval in row.intervals(TimeRange::ALWAYS) {
                hasher.write_i64(interval.begin.0);
                hasher.write_i64(interval.end.0);
                hasher.write_u8(interval.look.state as u8);
                hasher.write_u64(text(interval.look.detail));
                hasher.write_u32(interval.look.aux);
                hasher.write_u64(interval.index);
            }
            let sums = row.sums(TimeRange::ALWAYS);
            hasher.write(format!("{sums:?} {} {:?}", row.busy_ns(), row.extent()).as_bytes());
        }
    }
    for who in view.who.iter() {
        hasher.write(format!("{:?} {:?}", who.machine, who.tid).as_bytes());
        hasher.write_u64(text(who.name));
    }
    hasher.finish()
}

fn is_over(phase: Phase) -> bool {
    !matches!(phase, Phase::Opening | Phase::Analysing)
}

/// Waits until `found` finds something in a snapshot; `None` if there will be no more of them.
fn wait<T>(session: &Session, told: &Receiver<()>, found: impl Fn(&Snapshot) -> Option<T>) -> Option<T> {
    loop {
        if let Some(found) = found(&session.snapshot()) {
            return Some(found);
        }
        told.recv().ok()?;
    }
}

fn main() {
    // Cargo adds an option of its own.
    let arguments = std::env::args_os().skip(1).filter(|a| a != "--bench");
    let (options, paths): (Vec<_>, Vec<_>) = arguments.partition(|a| a == "--digest");
    let with_digest = !options.is_empty();
    let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
    if paths.is_empty() {
        println!("rejoin: no path given, nothing measured");
        return;
    }
    let (news, told) = channel();
    let news = Mutex::new(news);
    let wake = move || {
        if let Ok(news) = news.lock() {
            // Nobody listens any more after the last one.
            news.send(()).ok();
        }
    };
    let begin = Instant::now();
    let session = Session::open(paths, SessionOptions::default(), Arc::new(wake));
    // Clocks are related while machines are being read as well; what guest events tell is used at the end only.
    let last = |s: &Solution| s.pairs.iter().flat_map(|p| &p.methods).any(|m| m.method == SyncMethod::Containment);
    let is_read = |s: &Snapshot| is_over(s.phase) || s.sync.as_ref().is_some_and(|s| last(s));
    let read = wait(&session, &told, |s| is_read(s).then(|| begin.elapsed()));
    let first = wait(&session, &told, |s| is_over(s.phase).then(|| (begin.elapsed(), s.vm.clone())));
    let (Some(read), Some((whole, Some(view)))) = (read, first) else {
        println!("rejoin: the machines tell nothing together");
        return;
    };
    let count = intervals(&view);
    let per_million = |time: Duration| time.as_secs_f64() * 1e3 / (count.max(1) as f64 / 1e6);
    let print = |what: &str, time: Duration, note: String| {
        println!("{what:<44} {:>8.2} s {:>9.1} ms per M intervals{note}", time.as_secs_f64(), per_million(time));
    };
    println!("{count} intervals in joined rows");
    println!("{:<44} {:>8.2} s", "read, and clocks synchronised", read.as_secs_f64());
    print(
        "first joins after that",
        whole - read,
        format!(", whole: {:.2} x reading", whole.as_secs_f64() / read.as_secs_f64()),
    );
    if with_digest {
        println!("digest {:016x}", digest(&session.snapshot(), &view));
    }
    let mut present = view;
    let other = u16::try_from(session.snapshot().machines.len().saturating_sub(1)).map(MachineId).ok();
    let usual = session.snapshot().choice.clone();
    let choices = [("again, a guest's clock the reference", other), ("again, the host's clock the reference", None)];
    for (what, reference) in choices {
        let mut best: Option<Duration> = None;
        for n in 0..TIMES {
            // What differs only so little is another choice, too: everything is worked out again.
            let manual = vec![(MachineId(u16::MAX), n as i128)];
            session.choose(SyncChoice { reference, manual, ..usual.clone() });
            let begin = Instant::now();
            let next = wait(&session, &told, |s| s.vm.clone().filter(|vm| !Arc::ptr_eq(vm, &present)));
            let Some(next) = next else { return };
            best = Some(best.map_or(begin.elapsed(), |b| b.min(begin.elapsed())));
            present = next;
        }
        let Some(best) = best else { continue };
        print(what, best, format!(", {:.2} x reading", best.as_secs_f64() / read.as_secs_f64()));
        if with_digest {
            println!("digest {:016x}", digest(&session.snapshot(), &present));
        }
    }
}
