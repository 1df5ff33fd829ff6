//! How many events a second: counting, cursors, readers, and how long opening takes.
//!
//! On the trace that `STRATOSCOPE_BENCH_TRACE` names (a folder; traces below it are read one after the other),
//! else on the small one of the tests, which fits into the processor's cache. On one core, unless named `all`.
#![allow(clippy::unwrap_used, missing_docs)] // A bench may stop, and criterion's macros have no documents.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stratoscope_core::ctf;
use stratoscope_core::trace::{Batch, Trace};
use stratoscope_core::vocab::EventKind as Kind;
use stratoscope_core::vocab::{Cancel, EventKinds, Interner, ProblemLog, Progress, StreamId};

fn path() -> PathBuf {
    let small = || concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ust-ring").into();
    std::env::var_os("STRATOSCOPE_BENCH_TRACE").map_or_else(small, PathBuf::from)
}

fn open() -> Vec<Arc<dyn Trace>> {
    let problems = ProblemLog::default();
    ctf::discover(&path(), &problems).iter().filter_map(|g| ctf::open(g, &problems)).collect()
}

fn count(traces: &[Arc<dyn Trace>]) -> u64 {
    let counts = traces.iter().map(|t| t.count(&Progress::default(), &Cancel::default()).unwrap());
    counts.map(|c| c.by_class.iter().sum::<u64>()).sum()
}

fn cursors(traces: &[Arc<dyn Trace>], demand: EventKinds) -> u64 {
    let names = Arc::new(Interner::default());
    let mut batch = Batch::default();
    let mut read = 0;
    for trace in traces {
        for n in 0..trace.streams().len() {
            let mut cursor = trace.cursor(StreamId(n as u32), demand, &names);
            batch.ended = false;
            while !batch.ended {
                cursor.fill(&mut batch, 16 * 1024);
                read += batch.read_events;
            }
        }
    }
    read
}

fn readers(traces: &[Arc<dyn Trace>], most: u64) -> u64 {
    let mut read = 0;
    for trace in traces {
        for n in 0..trace.streams().len() {
            let mut reader = trace.reader(StreamId(n as u32), None);
            while read < most && reader.next_event().is_some() {
                std::hint::black_box(reader.fields());
                read += 1;
            }
        }
    }
    read
}

fn bench(c: &mut Criterion) {
    let traces = open();
    let events = count(&traces);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let scheduling = EventKinds::of(&[
        Kind::SchedSwitch,
        Kind::SchedWaking,
        Kind::SchedWakeup,
        Kind::SchedWakeupNew,
        Kind::IrqEntry,
        Kind::IrqExit,
        Kind::SoftirqRaise,
        Kind::SoftirqEntry,
        Kind::SoftirqExit,
        Kind::SyscallEntry,
        Kind::SyscallExit,
    ]);
    let mut group = c.benchmark_group("ctf");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    group.bench_function("open", |b| b.iter(open));
    group.throughput(Throughput::Elements(events));
    group.bench_function(BenchmarkId::new("count", "one core"), |b| b.iter(|| one.install(|| count(&traces))));
    group.bench_function(BenchmarkId::new("count", "all"), |b| b.iter(|| count(&traces)));
    for (name, demand) in
        [("nothing", EventKinds(0)), ("sched+irq+syscall", scheduling), ("everything", EventKinds::ALL)]
    {
        group.bench_function(BenchmarkId::new("cursor", name), |b| b.iter(|| cursors(&traces, demand)));
    }
    let most = events.min(100_000);
    group.throughput(Throughput::Elements(most));
    group.bench_function("reader with fields", |b| b.iter(|| readers(&traces, most)));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
