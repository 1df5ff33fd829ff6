//! CPU usage of the samples, judged by a sum that knows nothing of rows or states: it reads events one by one, and
//! takes a CPU for used while its last switch went to anybody but the idle task, or while an interrupt is being
//! handled on it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratoscope_core::query::usage::{places, rows_of, usage};
use stratoscope_core::session::{Session, SessionOptions, Snapshot};
use stratoscope_core::stats::usage::{CPU_USED, columns, edges, machine_columns, time_in};
use stratoscope_core::store::Row;
use stratoscope_core::vocab::{Cancel, Cpu, Dur, MachineNs, RefNs, RowKind, State, TimeRange, Value};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces")
}

fn opened(path: &Path) -> Arc<Snapshot> {
    let session = Session::open(vec![path.to_path_buf()], SessionOptions::default(), Arc::new(|| {}));
    session.wait()
}

/// What was seen of a CPU.
#[derive(Default)]
struct Seen {
    /// When it was switched first, and to whom last.
    first: Option<i64>,
    current: i64,
    /// What is being handled, innermost last.
    handled: Vec<(String, i64)>,
    since: i64,
    used: i64,
    /// CPU time by tid, without idle tasks.
    by_tid: BTreeMap<i64, i64>,
}

impl Seen {
    fn pass(&mut self, t: i64) {
        if self.first.is_some() {
            let time = t - self.since;
            if self.current != 0 || !self.handled.is_empty() {
                self.used += time;
            }
            if self.current != 0 {
                *self.by_tid.entry(self.current).or_default() += time;
            }
        }
        self.since = t;
    }

    /// A handler that is entered again had ended: its end was not recorded yet, as at the begin of a recording.
    fn begin(&mut self, what: &str, number: i64) {
        self.end(what, number);
        self.handled.push((what.to_owned(), number));
    }

    fn end(&mut self, what: &str, number: i64) {
        if let Some(at) = self.handled.iter().rposition(|h| h.0 == what && h.1 == number) {
            self.handled.truncate(at);
        }
    }
}

fn integer(fields: &Value, name: &str) -> i64 {
    let Value::Struct(members) = fields else { panic!("{fields:?}") };
    match members.iter().find(|m| &*m.0 == name).map(|m| &m.1) {
        Some(Value::Signed(n)) => *n,
        Some(Value::Unsigned { value, .. }) => i64::try_from(*value).unwrap(),
        Some(Value::Enum { value, .. }) => i64::try_from(*value).unwrap(),
        other => panic!("{name}: {other:?}"),
    }
}

/// Sums of every CPU from its first switch to the last event of all, and that instant.
fn summed(snapshot: &Snapshot) -> (BTreeMap<Cpu, Seen>, i64) {
    let mut cpus: BTreeMap<Cpu, Seen> = BTreeMap::new();
    let mut last = i64::MIN;
    snapshot.events.visit(RefNs::MIN, RefNs::MAX, |event| {
        let (name, t) = (event.name().to_owned(), event.t.0);
        last = last.max(t);
        let seen = cpus.entry(event.head.cpu).or_default();
        let handler = |prefix: &str, kind: &str| name.strip_prefix(prefix).is_some_and(|rest| rest == kind);
        if name == "sched_switch" {
            let next = integer(&event.fields().1, "next_tid");
            seen.pass(t);
            seen.first.get_or_insert(t);
            seen.current = next;
            // No handler outlasts a switch.
            seen.handled.clear();
        } else if handler("irq_handler_", "entry") || handler("irq_handler_", "exit") {
            let irq = integer(&event.fields().1, "irq");
            seen.pass(t);
            if name.ends_with("entry") { seen.begin("irq", irq) } else { seen.end("irq", irq) }
        } else if handler("irq_softirq_", "entry") || handler("irq_softirq_", "exit") {
            let vec = integer(&event.fields().1, "vec");
            seen.pass(t);
            if name.ends_with("entry") { seen.begin("softirq", vec) } else { seen.end("softirq", vec) }
        } else if let Some(vector) = name.strip_prefix("x86_irq_vectors_") {
            seen.pass(t);
            if let Some(vector) = vector.strip_suffix("_entry") {
                seen.begin(vector, 0);
            } else if let Some(vector) = vector.strip_suffix("_exit") {
                seen.end(vector, 0);
            }
        }
        true
    });
    cpus.values_mut().for_each(|seen| seen.pass(last));
    (cpus, last)
}

#[test]
fn every_cpu_and_thread_of_the_samples_used_what_its_events_add_up_to() {
    let mut compared = 0;
    for (recording, machine) in [
        ("fighting", "host"),
        ("fighting", "guest-a"),
        ("fighting", "guest-b"),
        ("io", "host"),
        ("io", "guest-a"),
        ("periodic", "host"),
        ("periodic", "guest-a"),
        ("periodic", "guest-b"),
    ] {
        // A machine alone is the reference: its own time is that of the axis.
        let snapshot = opened(&samples().join(recording).join(machine));
        let (cpus, last) = summed(&snapshot);
        let machine = &snapshot.machines[0];
        let mut by_tid: BTreeMap<i64, i64> = BTreeMap::new();
        let mut ours: BTreeMap<i64, i64> = BTreeMap::new();
        for (cpu, seen) in &cpus {
            let Some(first) = seen.first else { continue };
            let row = machine.store.rows().find(|r| r.key().kind == RowKind::Cpu && r.key().cpu == *cpu).unwrap();
            let range = TimeRange::new(MachineNs(first), MachineNs(last));
            let sums = row.sums(range);
            assert_eq!(sums.time(State::Unknown), Dur(0), "{recording} {}: CPU {}", machine.name, cpu.0);
            assert_eq!(time_in(&sums, CPU_USED).0, seen.used, "{recording} {}: CPU {}", machine.name, cpu.0);
            for (tid, time) in &seen.by_tid {
                *by_tid.entry(*tid).or_default() += time;
            }
            compared += 1;
        }
        // Threads are known to run from the first switch of all on; before that on some CPU only.
        let first = cpus.values().filter_map(|s| s.first).max().unwrap();
        let begun = cpus.values().filter_map(|s| s.first).min().unwrap();
        let world = snapshot.world();
        let whole = TimeRange::new(MachineNs(begun), MachineNs(last));
        let all = usage(&world, &|_| whole, &Cancel::default()).unwrap();
        for thread in &all[0].threads {
            *ours.entry(i64::from(thread.key.id)).or_default() += thread.used.0;
        }
        for (tid, time) in &by_tid {
            // What was current on a CPU before its first switch ran there, too, as far as is known.
            let found = ours.get(tid).copied().unwrap_or(0);
            assert!((*time..=*time + (first - begun)).contains(&found), "{recording} {}: {tid}", machine.name);
        }
        assert!(ours.keys().all(|tid| by_tid.contains_key(tid)) || first > begun);
        let ran = places(&world, &all, &Cancel::default()).unwrap();
        for thread in &all[0].threads {
            let places = &ran[&(all[0].machine, thread.row)];
            assert_eq!(places.cpus.iter().fold(Dur(0), |s, (_, t)| s + *t), thread.used);
        }
    }
    assert!(compared >= 10, "{compared} CPUs");
}

#[test]
fn columns_of_guests_and_host_add_up_and_no_more_is_stolen_than_used() {
    let snapshot = opened(&samples().join("fighting"));
    let world = snapshot.world();
    let window = snapshot.extent.unwrap();
    let mut guests = 0;
    for machine in &world.machines {
        let rows = rows_of(&world, machine);
        let edges = edges(&machine.map, window, 777);
        let found = machine_columns(rows, &edges, &Cancel::default()).unwrap();
        let cpus: Vec<&Row> =
            machine.store.rows().map(|row| &**row).filter(|row| row.key().kind == RowKind::Cpu).collect();
        let whole = TimeRange::new(edges[0], edges[777]);
        let sum = |columns: &[Dur]| columns.iter().fold(Dur(0), |s, t| s + *t);
        let used = cpus.iter().fold(Dur(0), |s, row| s + time_in(&row.sums(whole), CPU_USED));
        assert_eq!(sum(&found.used), used, "{}", machine.name);
        let one = columns(&cpus, &[edges[0], edges[777]], &[CPU_USED], &Cancel::default()).unwrap();
        assert_eq!(one, [[used]]);
        let Some(stolen) = &found.stolen else { continue };
        guests += 1;
        assert!(sum(stolen) > Dur(1_000_000), "{}", machine.name);
        assert!(stolen.iter().zip(&found.used).all(|(stolen, used)| stolen <= used), "{}", machine.name);
        let all = usage(&world, &|m| m.to_machine(window), &Cancel::default()).unwrap();
        let of = all.iter().find(|of| of.machine == machine.id).unwrap();
        let by_threads = of.threads.iter().filter_map(|t| t.stolen).fold(Dur(0), |s, t| s + t);
        assert_eq!(sum(stolen), by_threads, "{}", machine.name);
    }
    assert_eq!(guests, 2);
}
