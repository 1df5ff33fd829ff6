//! Latencies, case by case: events in, a table out; and against the rows of the samples.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail loudly")]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use expect_test::{Expect, expect};
use stratoscope_core::session::{Session, SessionOptions};
use stratoscope_core::stats::compare::{CompareSide, compare};
use stratoscope_core::stats::{
    Density, Latencies, LatencyKind, LatencyQuery, keep_latencies, latencies, latency_density,
};
use stratoscope_core::store::{Extents, Look, MachineStore, StoreOptions, StoreSnapshot, Writer as _};
use stratoscope_core::vocab::{
    Cancel, Dur, Interner, MachineNs, Name, ProblemLog, RowId, RowKey, RowKind, State, Tid, TimeRange,
};
use support::flows::machine_of;

fn density(store: &StoreSnapshot, query: &LatencyQuery<'_>, of: &Latencies) -> Density<(RowId, MachineNs)> {
    let query = LatencyQuery { kinds: &[of.kind], ..*query };
    latency_density(store, &query, of.name, 10, &Cancel::default()).unwrap()
}

fn table(events: &str, from: i64, to: i64) -> String {
    let (names, extents) =
        (Arc::new(Interner::default()), Extents::new(&StoreOptions::default(), ProblemLog::default()));
    let machine = machine_of(events, &names, &extents);
    let range = TimeRange::new(MachineNs(from), MachineNs(to));
    let query = LatencyQuery { range, kinds: LatencyKind::ALL, thread: None };
    let found = latencies(&machine.store, &query, &Cancel::default()).unwrap();
    let grids = |found: &[Latencies]| found.iter().map(|l| density(&machine.store, &query, l)).collect::<Vec<_>>();
    let over_time = grids(&found);
    keep_latencies(&machine.store, &Cancel::default()).unwrap();
    assert_eq!(latencies(&machine.store, &query, &Cancel::default()).unwrap(), found, "what was kept says the same");
    assert_eq!(grids(&found), over_time);
    let mut text = String::new();
    for (found, over_time) in found.iter().zip(over_time) {
        let (h, name) = (&found.histogram, names.text(found.name));
        let (count, total, max) = (h.count(), h.total().0, h.max().unwrap().0);
        assert_eq!(over_time.cells().iter().map(|c| c.count).sum::<u64>(), count);
        assert_eq!(found.longest.duration.0, max);
        let at = found.longest.begin.0.0;
        writeln!(text, "{} {name}: {count} x, {total} ns, longest {max} from {at}", found.kind.name()).unwrap();
    }
    text
}

fn check(events: &str, expected: Expect) {
    expected.assert_eq(&table(events, i64::MIN + 1, i64::MAX));
}

const CALLS: &str = "0 0 switch 0:swapper 1:a
     0 10 enter read
     0 15 leave
     0 20 enter read
     0 22 irq 14:ata_piix
     0 24 irq_end 14
     0 25 switch 1:a/1 2:b
     0 40 softirq 4
     0 41 waking 1:a 0
     0 44 softirq_end 4
     0 50 switch 2:b/0 1:a
     0 60 leave
     0 61 enter futex
     0 70 switch 1:a/0 2:b
     0 78 switch 2:b/0 1:a
     0 80 leave
     0 90 raise 1
     0 95 softirq 1
     0 99 softirq_end 1";

#[test]
fn calls_waits_and_handlers() {
    check(
        CALLS,
        expect![[r#"
            syscall read: 2 x, 45 ns, longest 40 from 20
            syscall futex: 1 x, 19 ns, longest 19 from 61
            wakeup a: 1 x, 9 ns, longest 9 from 41
            preemption b: 1 x, 20 ns, longest 20 from 50
            preemption a: 1 x, 8 ns, longest 8 from 70
            irq ata_piix: 1 x, 2 ns, longest 2 from 22
            softirq TIMER: 1 x, 4 ns, longest 4 from 95
            softirq BLOCK: 1 x, 4 ns, longest 4 from 40
            softirq-delay TIMER: 1 x, 5 ns, longest 5 from 90
        "#]],
    );
}

/// What ends in the range counts with its whole length, what ends after it does not.
#[test]
fn ranges_take_what_ends_in_them() {
    expect![[r#"
        syscall read: 1 x, 40 ns, longest 40 from 20
        wakeup a: 1 x, 9 ns, longest 9 from 41
        softirq BLOCK: 1 x, 4 ns, longest 4 from 40
    "#]]
    .assert_eq(&table(CALLS, 44, 61));
    assert_eq!(table(CALLS, 51, 60), "");
}

/// Nobody knows how long a call lasts that was entered before the trace, or across a loss, or at its end.
#[test]
fn what_is_not_seen_whole_does_not_count() {
    check(
        "0 0 switch 0:swapper 1:a
         0 5 leave
         0 10 enter read
         0 20 lost 30
         0 40 switch 1:a/0 2:b
         0 50 switch 2:b/1 1:a
         0 60 leave
         0 70 enter poll",
        expect![[r#"
            preemption a: 1 x, 10 ns, longest 10 from 40
        "#]],
    );
}

#[test]
fn the_samples_interrupts_are_their_rows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/fighting");
    let session = Session::open(vec![path], SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    let all = TimeRange::new(MachineNs(i64::MIN + 1), MachineNs::MAX);
    for machine in &snapshot.machines {
        let query = LatencyQuery { range: all, kinds: LatencyKind::ALL, thread: None };
        let found = latencies(&machine.store, &query, &Cancel::default()).unwrap();
        let counted = |kind| -> (u64, i64) {
            let of = found.iter().filter(|l| l.kind == kind);
            of.fold((0, 0), |sum, l| (sum.0 + l.histogram.count(), sum.1 + l.histogram.total().0))
        };
        for (kind, rows, state) in [
            (LatencyKind::Irq, RowKind::Irq, State::Active),
            (LatencyKind::Softirq, RowKind::Softirq, State::Active),
            (LatencyKind::SoftirqDelay, RowKind::Softirq, State::Raised),
        ] {
            let mut sums = (0, 0);
            for row in machine.store.rows().filter(|r| r.key().kind == rows) {
                let of = row.sums(all);
                sums = (sums.0 + of.count(state), sums.1 + of.time(state).0);
            }
            let ours = counted(kind);
            // The trace's end cuts one a row at most.
            let rows = machine.store.rows().filter(|r| r.key().kind == rows).count() as u64;
            assert!(ours.0 <= sums.0 && ours.0 + rows >= sums.0, "{kind:?}: {ours:?} for {sums:?}");
        }
        // Two halves are the whole.
        let middle = MachineNs(machine.extent.unwrap().begin.0.midpoint(machine.extent.unwrap().end.0));
        let mut halves = 0;
        for range in [TimeRange::new(all.begin, middle), TimeRange::new(middle, all.end)] {
            let query = LatencyQuery { range, ..query.clone() };
            halves += latencies(&machine.store, &query, &Cancel::default())
                .unwrap()
                .iter()
                .map(|l| l.histogram.count())
                .sum::<u64>();
        }
        assert_eq!(halves, found.iter().map(|l| l.histogram.count()).sum::<u64>());
        assert!(counted(LatencyKind::Wakeup).0 > 100);
    }
}

/// Whatever is asked for, of whatever stretch of time, is answered alike from rows and from what was kept.
#[test]
fn what_was_kept_says_what_rows_say() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces");
    for sample in ["fighting", "periodic"] {
        let session = Session::open(vec![samples.join(sample)], SessionOptions::default(), Arc::new(|| {}));
        let snapshot = session.wait();
        for machine in &snapshot.machines {
            let extent = machine.extent.unwrap();
            let thread = machine.store.rows().filter(|r| r.key().kind == RowKind::Thread).max_by_key(|r| r.len());
            let part = |n: i64| extent.begin + Dur(extent.length().0 / 16 * n);
            let mut asked = Vec::new();
            for (from, to) in [(-1, 20), (0, 16), (0, 1), (3, 11), (7, 8), (15, 16), (20, 30)] {
                let range = TimeRange::new(part(from), part(to));
                let one: &[LatencyKind] = &[LatencyKind::Wakeup, LatencyKind::Irq];
                for (kinds, thread) in [(LatencyKind::ALL, None), (one, None), (LatencyKind::ALL, thread)] {
                    asked.push(LatencyQuery { range, kinds, thread: thread.map(|row| row.id()) });
                }
            }
            let answers = || -> Vec<_> {
                let answer = |query: &LatencyQuery<'_>| {
                    let found = latencies(&machine.store, query, &Cancel::default()).unwrap();
                    let grids: Vec<_> = found.iter().map(|l| density(&machine.store, query, l)).collect();
                    (found, grids)
                };
                asked.iter().map(answer).collect()
            };
            let from_rows = answers();
            let cancelled = Cancel::default();
            cancelled.cancel();
            assert!(keep_latencies(&machine.store, &cancelled).is_err());
            keep_latencies(&machine.store, &Cancel::default()).unwrap();
            assert_eq!(answers(), from_rows, "{sample}, {}", machine.name);
            assert!(from_rows.iter().filter(|(found, _)| found.len() > 3).count() > 5);
            assert!(latencies(&machine.store, &asked[0], &cancelled).is_err());
        }
    }
}

/// More system calls than a byte can number, and calls that last longer than four bytes of nanoseconds.
#[test]
fn what_was_kept_has_no_limits() {
    let (names, extents) =
        (Arc::new(Interner::default()), Extents::new(&StoreOptions::default(), ProblemLog::default()));
    let mut store = MachineStore::new(&extents);
    let row = store.row(RowKey::thread(Tid(1), 0));
    let calls: Vec<Name> = (0..300).map(|n| names.intern(&format!("call{n}"))).collect();
    let mut t = 10;
    for n in 0..900i64 {
        let lasts = if n % 7 == 0 { 5_000_000_000 + n } else { n + 1 };
        store.set(row, MachineNs(t - 1), Look::new(State::RunningUser));
        let call = Look { detail: calls[n as usize % calls.len()], ..Look::new(State::RunningSyscall) };
        store.set(row, MachineNs(t), call);
        store.set(row, MachineNs(t + lasts), Look::new(State::RunningUser));
        t += lasts + 3 + n % 2 * 4_000_000_000;
    }
    let store = store.snapshot(MachineNs(t));
    let ranges = [(0, i64::MAX), (t / 3, t / 2), (t / 2, t / 2 + 10_000_000_000), (t - 5, t)];
    let answers = || {
        ranges.map(|(from, to)| {
            let range = TimeRange::new(MachineNs(from), MachineNs(to));
            let query = LatencyQuery { range, kinds: LatencyKind::ALL, thread: None };
            latencies(&store, &query, &Cancel::default()).unwrap()
        })
    };
    let from_rows = answers();
    keep_latencies(&store, &Cancel::default()).unwrap();
    assert_eq!(answers(), from_rows);
    let calls = |answer: &[Latencies]| answer.iter().map(|l| l.histogram.count()).sum::<u64>();
    assert_eq!((calls(&from_rows[0]), from_rows[0].len()), (900, 300));
    assert!(calls(&from_rows[1]) > 50);
    assert_eq!(from_rows[0].iter().map(|l| l.longest.duration).max(), Some(Dur(5_000_000_000 + 896)));
}

#[test]
fn two_ranges_are_compared_by_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/periodic");
    let session = Session::open(vec![path], SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    let guest = snapshot.machines.iter().find(|m| m.name == "guest-b").unwrap();
    let extent = guest.extent.unwrap();
    let middle = MachineNs(extent.begin.0.midpoint(extent.end.0));
    let side = |range| CompareSide { store: &guest.store, names: &snapshot.names, range };
    let (one, other) = (TimeRange::new(extent.begin, middle), TimeRange::new(middle, extent.end));
    let pairs = compare([side(one), side(other)], &[RowKind::Thread], &Cancel::default()).unwrap();
    for row in guest.store.rows().filter(|r| r.key().kind == RowKind::Thread && r.key().id > 0) {
        let name = snapshot.names.text(row.name_at(one.end)).to_string();
        let (before, pair) = (row.sums(one), pairs.iter().find(|p| p.name == name));
        let time = |state: State| pair.map_or(Dur(0), |p| p.sides[0].sums.time(state));
        assert!(time(State::RunningUser) >= before.time(State::RunningUser), "{name}");
    }
    for pair in pairs.iter().filter(|p| p.sides[0].rows > 0) {
        let busiest = guest.store.row(pair.sides[0].busiest.unwrap()).unwrap();
        assert_eq!(pair.name, *snapshot.names.text(busiest.name_at(one.end)));
        let ran = busiest.sums(one).time(State::RunningUser);
        assert!(ran <= pair.sides[0].sums.time(State::RunningUser), "{}", pair.name);
    }
    let same = compare([side(one), side(one)], &[RowKind::Thread], &Cancel::default()).unwrap();
    assert!(!same.is_empty() && same.iter().all(|pair| pair.largest().1 == Dur(0)));
    assert!(pairs.windows(2).all(|two| two[0].largest().1.0.abs() >= two[1].largest().1.0.abs()));
    assert!(pairs[0].largest().1 != Dur(0));
}
