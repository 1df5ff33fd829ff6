//! What synchronisation costs: hulls, joins by key, answers, applying maps.
//! `cargo bench -p stratoscope-core --bench sync`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stratoscope_core::sync::{Hull, Point, SyncEngine, SyncMachine, SyncOptions};
use stratoscope_core::vocab::{Cpu, MachineId, MachineNs, RefNs, RowId, SyncMethod, SyncPoint, SyncStep};

const MATCHES: usize = 1_000_000;
const HOST: MachineId = MachineId(0);

fn clock(x: i64) -> i64 {
    x + x / 16_667 - 3_000_000_000
}

/// Round trips every millisecond, latencies as a queue makes them.
fn matches() -> Vec<(Point, bool)> {
    let mut random = 1u64;
    let mut latency = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let r = (random >> 40) as i64;
        800 + (r % 5_000) + if r % 97 == 0 { 200_000 } else { 0 }
    };
    (0..MATCHES as i64 / 2)
        .flat_map(|i| {
            let x = i * 1_000_000;
            let (to_host, to_guest) = (latency(), latency());
            [
                (Point { x: x + to_host, y: clock(x) }, false),
                (Point { x: x + to_host + 3_000, y: clock(x + to_host + 3_000) + to_guest }, true),
            ]
        })
        .collect()
}

/// The ends of the same messages, as `guests` machines and their host record them.
fn ends(guests: u16) -> Vec<(MachineId, SyncPoint)> {
    let point = |t: i64, step, uid: u64, count: usize, thread: Option<u32>| SyncPoint {
        t: MachineNs(t),
        cpu: Cpu(0),
        thread: thread.map(RowId),
        method: SyncMethod::Hypercall,
        step,
        key: SyncPoint::vmsync_key(uid, count as u32),
    };
    let mut ends = Vec::new();
    for (i, (at, above)) in matches().into_iter().enumerate() {
        let guest = MachineId(1 + (i / 2 % usize::from(guests)) as u16);
        let uid = u64::from(guest.0);
        let (on_guest, on_host) = if above {
            (SyncStep::GuestReceives, SyncStep::HostSends)
        } else {
            (SyncStep::GuestSends, SyncStep::HostReceives)
        };
        ends.push((guest, point(at.y, on_guest, uid, i, None)));
        ends.push((HOST, point(at.x, on_host, uid, i, Some(u32::from(guest.0)))));
    }
    ends
}

fn machines(guests: u16) -> Vec<SyncMachine> {
    (0..=guests)
        .map(|id| SyncMachine {
            id: MachineId(id),
            identity: id.to_string(),
            origin_ns: 1_795_447_365_015_002_309,
            extent: None,
            tsc_hz: None,
        })
        .collect()
}

fn hull(c: &mut Criterion) {
    let matches = matches();
    let mut group = c.benchmark_group("sync");
    group.sample_size(20);
    group.throughput(Throughput::Elements(MATCHES as u64));
    group.bench_function("hull, matches", |b| {
        b.iter(|| {
            let mut hull = Hull::default();
            for &(p, above) in &matches {
                hull.add(p, above);
            }
            black_box(hull.tangents())
        });
    });
    // Neighbours exchanged: events of different CPUs arrive a little out of order.
    let mut disordered = matches.clone();
    for pair in disordered.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    group.bench_function("hull, disordered matches", |b| {
        b.iter(|| {
            let mut hull = Hull::default();
            for &(p, above) in &disordered {
                hull.add(p, above);
            }
            black_box(hull.tangents())
        });
    });
    let mut hull = Hull::default();
    matches.iter().for_each(|&(p, above)| {
        hull.add(p, above);
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("tangents of final hulls", |b| b.iter(|| black_box(hull.tangents())));
    group.finish();
}

fn join(c: &mut Criterion) {
    let ends = ends(4);
    let filled = || {
        let mut engine = SyncEngine::new();
        for (machine, point) in &ends {
            engine.add(*machine, point);
        }
        engine
    };
    let mut group = c.benchmark_group("sync");
    group.sample_size(10);
    group.throughput(Throughput::Elements(MATCHES as u64));
    group.bench_function("join and hull, matches of 4 guests", |b| b.iter(|| black_box(filled())));
    let engine = filled();
    let machines = machines(4);
    let options = SyncOptions::new(HOST);
    group.throughput(Throughput::Elements(1));
    group.bench_function("solve, 1 M matches, 4 guests", |b| b.iter(|| black_box(engine.solve(&machines, &options))));

    let map = engine.solve(&machines, &options).machines[1].map;
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("to_ref", |b| {
        b.iter(|| (0..1_000_000i64).fold(0, |sum, t| sum ^ map.to_ref(MachineNs(black_box(t * 977_123))).0));
    });
    group.bench_function("from_ref", |b| {
        b.iter(|| (0..1_000_000i64).fold(0, |sum, t| sum ^ map.from_ref(RefNs(black_box(t * 977_123))).0));
    });
    group.finish();
}

criterion_group!(benches, hull, join);
criterion_main!(benches);
