//! What the store costs: appending, memory, drawing, snapshots. `cargo bench -p stratoscope-core --bench store`.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stratoscope_core::store::{Extents, Look, MachineStore, StoreOptions, StoreSnapshot, Writer as _};
use stratoscope_core::vocab::{MachineNs, Name, ProblemLog, RowId, RowKey, State, Tid, TimeRange};

const INTERVALS: usize = 10_000_000;

type Change = (RowId, MachineNs, Look);

struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 33) * u64::from(n)) >> 31) as u32
    }
}

/// What threads do, roughly: they run in bursts of system calls with interrupts in between, wait, sleep. Row,
/// instant and look of each change, in order of time.
fn changes(rows: u32, count: usize) -> Vec<Change> {
    let mut random = Random(1);
    let mut t = 0;
    let mut states = vec![State::None; rows as usize];
    let mut cpus = vec![0; rows as usize];
    (0..count)
        .map(|_| {
            // Some rows are busier than others.
            let row = random.below(rows).min(random.below(rows));
            let longest = if random.below(50) == 0 { 20_000 } else { 400 };
            t += i64::from(random.below(longest) + 1);
            let old = states[row as usize];
            let state = match (old, random.below(16)) {
                (State::RunningUser, 0..=9) => State::RunningSyscall,
                (State::RunningUser, 10) => State::Interrupted,
                (State::RunningUser, _) => State::WaitingCpu,
                (State::RunningSyscall, 0..=8) => State::RunningUser,
                (State::RunningSyscall, 9) => State::Interrupted,
                (State::RunningSyscall, _) => State::Blocked,
                (State::Interrupted, _) => State::RunningUser,
                (State::Blocked, _) => State::WaitingCpu,
                (State::WaitingCpu, _) => State::RunningUser,
                _ => State::Blocked,
            };
            states[row as usize] = state;
            let detail = if state == State::RunningSyscall { Name(1 + random.below(12)) } else { Name::NONE };
            // Threads stay on a CPU for a while.
            let cpu = if random.below(64) == 0 { random.below(8) } else { cpus[row as usize] };
            cpus[row as usize] = cpu;
            (RowId(row), MachineNs(t), Look { state, detail, aux: cpu })
        })
        .collect()
}

fn end_of(changes: &[Change]) -> i64 {
    changes.last().map_or(0, |c| c.1.0)
}

fn extents() -> Extents {
    Extents::new(&StoreOptions { memory_limit: 1 << 30, cache_dir: None }, ProblemLog::default())
}

fn empty(rows: u32, extents: &Extents) -> MachineStore {
    let mut store = MachineStore::new(extents);
    for n in 0..rows {
        store.row(RowKey::thread(Tid(n as i32), 0));
    }
    store
}

fn write(store: &mut MachineStore, changes: &[Change]) {
    changes.iter().for_each(|&(row, t, look)| store.set(row, t, look));
}

/// A store of all `changes` with its first snapshot; tells what it takes in memory.
fn filled(changes: &[Change], rows: u32) -> (MachineStore, Arc<StoreSnapshot>) {
    let extents = extents();
    let mut store = empty(rows, &extents);
    write(&mut store, changes);
    let snapshot = store.snapshot(MachineNs(end_of(changes)));
    let (sealed, rest) = (extents.usage().heap as f64, store.heap_bytes() as f64);
    let n = store.interval_count() as f64;
    let text = format!(
        "memory of {n:.1e} intervals in {rows} rows: {:.2} bytes each ({:.2} sealed, {:.2} index, tails, rows)\n",
        (sealed + rest) / n,
        sealed / n,
        rest / n
    );
    std::io::stderr().write_all(text.as_bytes()).ok();
    (store, snapshot)
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    let count = 2_000_000;
    group.sample_size(10).throughput(Throughput::Elements(count));
    for rows in [60, 1000, 10_000] {
        let changes = changes(rows, count as usize);
        group.bench_function(BenchmarkId::new("rows", rows), |b| {
            b.iter_custom(|times| {
                let mut whole = Duration::ZERO;
                for _ in 0..times {
                    let mut store = empty(rows, &extents());
                    let begin = Instant::now();
                    write(&mut store, &changes);
                    whole += begin.elapsed();
                    black_box(&store);
                }
                whole
            });
        });
    }
    group.finish();
}

fn columns(c: &mut Criterion) {
    let changes = changes(60, INTERVALS);
    let (_store, snapshot) = filled(&changes, 60);
    let mut group = c.benchmark_group("columns of 60 rows, 1600 px, range in µs");
    group.sample_size(20);
    let end = end_of(&changes);
    let mut length = end;
    let mut runs = Vec::new();
    loop {
        let begin = (end - length) / 2;
        let range = TimeRange::new(MachineNs(begin), MachineNs(begin + length));
        group.bench_function(BenchmarkId::from_parameter(length / 1000), |b| {
            b.iter(|| {
                for row in snapshot.rows() {
                    row.columns(range, 1600, &mut runs);
                    black_box(&runs);
                }
            });
        });
        if length <= 1000 {
            break;
        }
        length = (length / 4).max(1000);
    }
    group.finish();
    c.bench_function("sums of 60 rows", |b| {
        let range = TimeRange::new(MachineNs(end / 7), MachineNs(end / 7 * 6));
        b.iter(|| snapshot.rows().for_each(|row| assert!(black_box(row.sums(range)).ns[1] >= 0)));
    });
}

fn snapshots(c: &mut Criterion) {
    let rows = 10_000;
    let mut changes = changes(rows, INTERVALS);
    let (mut store, _) = filled(&changes, rows);
    let mut now = end_of(&changes);
    changes.truncate(1_000_000);
    let lap = end_of(&changes);
    let mut group = c.benchmark_group("snapshot of 10 000 rows, 10^7 intervals, changes since the last");
    group.sample_size(20);
    for between in [0, 1000, 100_000, 1_000_000] {
        group.bench_function(BenchmarkId::from_parameter(between), |b| {
            let mut kept = None;
            b.iter_custom(|times| {
                let mut whole = Duration::ZERO;
                for _ in 0..times {
                    for &(row, t, look) in &changes[..between] {
                        store.set(row, MachineNs(now + t.0), look);
                    }
                    now += lap;
                    let begin = Instant::now();
                    // The one before is let go here, as a window does that shows the newest.
                    kept = Some(store.snapshot(MachineNs(now)));
                    whole += begin.elapsed();
                }
                whole
            });
            black_box(kept);
        });
    }
    group.finish();
}

criterion_group!(benches, append, columns, snapshots);
criterion_main!(benches);
