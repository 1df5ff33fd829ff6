//! Execution flows of recordings against the truth that an independent program computed from the same events
//! (`truth.json` beside each recording), and what must hold of the flow of every task.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on must fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::flow::{Flow, FlowKind, Worker};
use stratoscope_core::query::flows::Separator;
use stratoscope_core::session::{MachineView, Session, SessionOptions, Snapshot};
use stratoscope_core::sync::SyncRole;
use stratoscope_core::vm::instances::SLOW_FACTOR;
use stratoscope_core::vm::{Who, tasks};
use stratoscope_core::vocab::{Cancel, Dur, MachineNs, RefNs, RowKey, RowKind, Tid, TimeRange};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces").join(name)
}

/// The samples, and recordings beside the checkout where they are there.
fn recordings() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let beside = std::env::var_os("STRATOSCOPE_SHARED").map_or(beside, PathBuf::from).join("traces");
    let mut paths: Vec<PathBuf> = ["fighting", "periodic", "io"].map(sample).to_vec();
    let more = ["vm/vmsync-modules", "vm/lost", "ctf/many-threads", "ctf/bug446190"].map(|p| beside.join(p));
    for path in more {
        if path.exists() {
            paths.push(path);
        } else {
            eprintln!("skipped: no {}", path.display());
        }
    }
    paths
}

fn open(path: &Path) -> Arc<Snapshot> {
    Session::open(vec![path.to_path_buf()], SessionOptions::default(), Arc::new(|| {})).wait()
}

fn machine<'a>(snapshot: &'a Snapshot, name: &str) -> &'a MachineView {
    snapshot.machines.iter().find(|m| m.name == name).unwrap()
}

fn at(machine: &MachineView, epoch_ns: &Value) -> MachineNs {
    MachineNs(i64::try_from(i128::from(epoch_ns.as_i64().unwrap()) - machine.origin_ns).unwrap())
}

/// Pieces and what packets needed cover the window, in order, without gap or overlap.
fn check_cover(flow: &Flow, place: &str) {
    let mut flights = flow.arrows.iter().filter(|a| a.to.1 > a.from.1).peekable();
    let mut at = flow.window.begin;
    for piece in &flow.pieces {
        while let Some(flight) = flights.next_if(|a| a.from.1 == at) {
            at = flight.to.1;
        }
        assert_eq!(piece.range.begin, at, "{place}: before {piece:?}");
        assert!(piece.range.begin < piece.range.end, "{place}: {piece:?}");
        at = piece.range.end;
    }
    for flight in flights {
        assert_eq!(flight.from.1, at, "{place}: {flight:?}");
        at = flight.to.1;
    }
    assert_eq!(at, flow.window.end, "{place}");
    let sum = flow.totals().iter().fold(Dur(0), |sum, total| sum + total.time);
    assert_eq!(sum + flow.in_flight(), flow.window.length(), "{place}");
    let kinds = flow.by_kind().iter().fold(Dur(0), |sum, (_, time)| sum + *time);
    assert_eq!(kinds, sum, "{place}");
}

#[test]
fn flows_of_all_tasks_of_all_recordings_cover_their_lives() {
    for path in recordings() {
        let (one, other) = (open(&path), open(&path));
        let (mut flows, mut pieces) = (0, 0);
        for (n, view) in one.machines.iter().enumerate() {
            for row in view.store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task()) {
                let task = Worker { machine: view.id, row: row.id() };
                let place = format!("{} {} {}", path.display(), view.name, row.key());
                let flow = one.flow(task, TimeRange::ALWAYS, &Cancel::default()).unwrap();
                check_cover(&flow, &place);
                assert!(flow.pieces.iter().all(|p| p.who.tid.0 != 0), "{place}: an idle task");
                // Of two sessions, whatever their threads did when: the same.
                if row.id().0 % 16 == 0 {
                    let again = other.flow(task, TimeRange::ALWAYS, &Cancel::default()).unwrap();
                    let names = |s: &Snapshot, f: &Flow| -> Vec<String> {
                        f.pieces.iter().map(|p| s.names.text(p.who.name).to_string()).collect()
                    };
                    assert_eq!(names(&one, &flow), names(&other, &again), "{place}");
                    let bare = |f: &Flow| -> Vec<_> {
                        f.pieces.iter().map(|p| (p.kind, p.range, p.who.tid, p.who.machine, p.cpu)).collect()
                    };
                    assert_eq!(bare(&flow), bare(&again), "{place}");
                }
                flows += 1;
                pieces += flow.pieces.len();
            }
            // Nothing lies in what was lost but what is said to be unknown, or a task that ran on another CPU.
            let _ = n;
        }
        eprintln!("{}: {flows} flows, {pieces} pieces", path.display());
        assert!(flows > 0 && pieces > flows);
    }
}

/// A task's own work in its flow is what the joined rows call real.
#[test]
fn work_in_flows_is_what_tasks_really_ran() {
    for name in ["fighting", "periodic", "io"] {
        let snapshot = open(&sample(name));
        let view = snapshot.vm.clone().unwrap();
        let mut compared = 0;
        for guest in view.model.vms.iter().filter_map(|vm| vm.guest) {
            let machine = snapshot.machine(guest).unwrap();
            for task in
                tasks(&view, guest, &machine.store, TimeRange::ALWAYS, &snapshot.names, &Cancel::default()).unwrap()
            {
                let own = machine.store.find(&RowKey { kind: RowKind::Thread, ..task.key }).unwrap();
                let flow =
                    snapshot.flow(Worker { machine: guest, row: own }, TimeRange::ALWAYS, &Cancel::default()).unwrap();
                let me = |who: &Who| who.machine == guest && who.tid == task.tid();
                let time = |kind| -> i64 {
                    flow.pieces.iter().filter(|p| p.kind == kind && me(&p.who)).map(|p| p.range.length().0).sum()
                };
                // Each of its edges is mapped and rounded once, so a piece may differ by a nanosecond.
                let pieces = i64::try_from(flow.pieces.len()).unwrap();
                let (ran, real) = (time(FlowKind::Running), task.real.0);
                let drift = real / 10_000 + pieces;
                assert!(
                    ran >= real - drift && ran <= real + task.unknown.0 + drift,
                    "{name} {}: {ran} {real} {}",
                    task.key,
                    task.unknown.0
                );
                compared += 1;
            }
        }
        assert!(compared > 10, "{name}: {compared}");
    }
}

/// Every execution of `critical`: how long it was preempted, by whom, and the slow ones name the burner.
#[test]
fn slow_executions_name_the_true_culprit_and_its_time() {
    let path = sample("periodic");
    let snapshot = open(&path);
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(path.join("truth.json")).unwrap()).unwrap();
    let critical = &truth["critical"];
    let guest = machine(&snapshot, "guest-a");
    let (host, guest_b) = (machine(&snapshot, "host"), machine(&snapshot, "guest-b"));
    let tid = Tid(critical["tid_in_guest"].as_i64().unwrap() as i32);
    let task = Worker { machine: guest.id, row: guest.store.find(&RowKey::thread(tid, 0)).unwrap() };
    let list = critical["list"].as_array().unwrap();
    let marks = list.iter().map(|e| TimeRange::new(at(guest, &e["begin"]), at(guest, &e["end"]))).collect();
    let found = snapshot
        .flow_instances(task, TimeRange::ALWAYS, Separator::Marks(marks), SLOW_FACTOR, &Cancel::default())
        .unwrap();
    assert_eq!(found.len(), list.len());
    let sync = snapshot.sync.clone().unwrap();
    let half_width = sync
        .machines
        .iter()
        .filter(|m| m.role != SyncRole::Reference)
        .filter_map(|m| m.half_width_ns)
        .max()
        .map(|ns| ns as i64)
        .unwrap();
    let vcpu_of_b = truth["vcpus"][1]["tid"].as_i64().unwrap() as i32;
    let (mut slow, mut exact, mut burner) = (0, 0, 0);
    for (execution, ours) in list.iter().zip(&found) {
        let n = &execution["n"];
        let place = format!("execution {n}");
        check_cover(&ours.flow, &place);
        assert_eq!(ours.slow, execution["long"].as_bool().unwrap(), "{place}");
        let by = |test: &dyn Fn(&stratoscope_core::flow::Piece) -> bool| -> i64 {
            ours.flow.pieces.iter().filter(|p| test(p)).map(|p| p.range.length().0).sum()
        };
        // Truth clips at its own mapped ends, which lie within the bound of ours.
        let preempted = by(&|p| p.kind == FlowKind::VcpuPreempted);
        let theirs = execution["preempted_ns"].as_i64().unwrap();
        assert!((preempted - theirs).abs() <= 2 * half_width, "{place}: {preempted} for {theirs}");
        exact += usize::from(preempted == theirs);
        let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
        let ran =
            execution["preemptions"].as_array().unwrap().iter().flat_map(|p| p["ran_instead"].as_array().unwrap());
        for ran in ran {
            *wanted.entry(ran["tid"].as_i64().unwrap()).or_default() += ran["ns"].as_i64().unwrap();
        }
        // Whatever ran on the other VM's thread: its tasks, or the thread itself.
        let of_b = by(&|p| {
            let there = p.who.machine == guest_b.id || (p.who.machine == host.id && p.who.tid.0 == vcpu_of_b);
            p.kind == FlowKind::VcpuPreempted && there
        });
        let theirs = wanted.get(&i64::from(vcpu_of_b)).copied().unwrap_or(0);
        assert!((of_b - theirs).abs() <= 2 * half_width, "{place}: the other VM {of_b} for {theirs}");
        if ours.slow {
            slow += 1;
            let culprit = ours.culprit.unwrap();
            let name = snapshot.names.text(culprit.total.who.name).to_string();
            let is_burner = culprit.total.who.machine == guest_b.id && name.starts_with("burner");
            // Where the other VM took most of what it took longer than usual, somebody of that VM is to blame: its
            // tasks, or its thread, by truth.
            let excess = ours.duration().0 - critical["reference_ns_lower_quartile"].as_i64().unwrap();
            let who = culprit.total.who;
            let other_vm = who.machine == guest_b.id || (who.machine == host.id && who.tid.0 == vcpu_of_b);
            assert!(theirs * 2 < excess || other_vm, "{place}: {name} for {theirs} of {excess} ns");
            burner += usize::from(is_burner && culprit.total.kind == FlowKind::VcpuPreempted);
        }
    }
    eprintln!(
        "{exact} of {} executions preempted exactly as long, {burner} of {slow} slow ones by the burner",
        list.len()
    );
    assert_eq!(slow, critical["long"].as_i64().unwrap());
    assert!(exact * 10 >= list.len() * 9, "{exact}");
    // Its thread, and the recorder's own programs at both ends, have the others.
    assert!(burner >= 40, "{burner} of {slow}");
}

/// A host's task, a vCPU's thread and a guest's task, followed: each finds its way into the other machine.
#[test]
fn flows_lead_from_the_host_into_guests_and_back() {
    let snapshot = open(&sample("fighting"));
    let view = snapshot.vm.clone().unwrap();
    let vm = &view.model.vms[0];
    let thread = Worker { machine: vm.host, row: vm.vcpus[0].thread };
    let flow = snapshot.flow(thread, TimeRange::ALWAYS, &Cancel::default()).unwrap();
    let guest = vm.guest.unwrap();
    assert!(flow.pieces.iter().any(|p| p.who.machine == guest && p.kind == FlowKind::Running));
    assert!(flow.pieces.iter().any(|p| p.who.machine == vm.host && p.kind == FlowKind::Hypervisor));
    let other = view.model.vms[1].guest.unwrap();
    assert!(flow.pieces.iter().any(|p| p.who.machine == other && p.kind == FlowKind::Preempted && p.victim.is_some()));
}

#[test]
fn poor_questions_have_poor_answers() {
    let snapshot = open(&sample("io"));
    let machine = &snapshot.machines[0];
    let row = machine.store.rows().find(|r| r.key().kind == RowKind::Thread && r.len() > 10).unwrap();
    let task = Worker { machine: machine.id, row: row.id() };
    let outside = TimeRange::new(MachineNs(i64::MAX - 10), MachineNs::MAX);
    let flow = snapshot.flow(task, outside, &Cancel::default()).unwrap();
    assert!(flow.pieces.is_empty() && flow.window.length() == Dur(0));
    let empty = TimeRange::new(MachineNs(5), MachineNs(5));
    assert!(snapshot.flow(task, empty, &Cancel::default()).unwrap().pieces.is_empty());
    let cancel = Cancel::default();
    cancel.cancel();
    let all = snapshot.machines.iter().flat_map(|m| {
        m.store.rows().filter(|r| r.key().kind == RowKind::Thread).map(|r| Worker { machine: m.id, row: r.id() })
    });
    let stopped = { all }.filter(|t| snapshot.flow(*t, TimeRange::ALWAYS, &cancel).is_err()).count();
    assert!(stopped > 0, "long questions can be cancelled");
    assert!(
        snapshot
            .flow(
                Worker { machine: task.machine, row: stratoscope_core::vocab::RowId(u32::MAX) },
                TimeRange::ALWAYS,
                &Cancel::default()
            )
            .unwrap()
            .pieces
            .is_empty()
    );
    let _ = RefNs(0);
}
