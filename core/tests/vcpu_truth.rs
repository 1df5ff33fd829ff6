//! vCPU states against the truth that an independent program computed from the same recordings.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test ends where something is not as it must be")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::session::{MachineView, Session, SessionOptions, Snapshot};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vocab::{MachineNs, State, TimeRange};

/// Recordings that lie in the project, and beside it where they are there.
fn recordings() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found: Vec<PathBuf> = ["fighting", "periodic", "io"].map(|n| root.join("sample-traces").join(n)).to_vec();
    let beside = root.join("../shared/traces/vm/vmsync-modules");
    if beside.exists() {
        found.push(beside);
    } else {
        eprintln!("skipped: vmsync-modules is not beside this checkout");
    }
    found
}

fn open(path: &Path) -> (Arc<Snapshot>, Value) {
    let session = Session::open(vec![path.to_path_buf()], SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    let text = std::fs::read_to_string(path.join("truth.json")).unwrap();
    (snapshot, serde_json::from_str(&text).unwrap())
}

fn instant(machine: &MachineView, epoch_ns: &Value) -> MachineNs {
    MachineNs((i128::from(epoch_ns.as_i64().unwrap()) - machine.origin_ns) as i64)
}

#[test]
fn times_and_exits_are_those_of_the_truth() {
    let mut differences = Vec::new();
    for path in recordings() {
        let (snapshot, truth) = open(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let host = snapshot.machines.iter().find(|m| m.name == "host").unwrap();
        let window = &truth["host_full_window"];
        let range = TimeRange::new(instant(host, &window[0]), instant(host, &window[1]));
        let vcpus = truth["vcpus"].as_array().unwrap();
        assert_eq!(host.vcpus.len(), vcpus.len(), "{name}");
        for vcpu in vcpus {
            let tid = vcpu["tid"].as_i64().unwrap() as i32;
            let ours = host.vcpus.iter().find(|v| v.tid.0 == tid).unwrap();
            assert_eq!(ours.number.map(u64::from), vcpu["vcpu_id"][0].as_u64(), "{name} {tid}");
            let row = host.store.row(ours.row).unwrap();
            let sums = row.sums(range);
            let ns = |state| sums.time(state).0;
            let truth = |key: &str| vcpu[key].as_i64().unwrap();
            let late = truth("guest_ns") - truth("guest_cut_ns");
            let pairs = [
                ("guest", ns(State::Guest), truth("guest_cut_ns")),
                ("preempted", ns(State::Preempted), truth("preempted_ns")),
                ("waiting for a CPU", ns(State::WaitingCpu), truth("wakeup_wait_ns")),
                (
                    "in the hypervisor or asleep",
                    ns(State::Vmm) + ns(State::VmmUser) + ns(State::Halted),
                    truth("root_running_ns") + late + truth("blocked_ns"),
                ),
            ];
            // Two differences are settled. We know a vCPU by its first entry or exit; the truth, which knows it
            // from the end, counts some time before that. And what the end of the trace cuts short is guest
            // time as long as nothing proves root mode, while the truth asks for that proof.
            let extent = row.extent().unwrap();
            let first = extent.begin.max(range.begin);
            let before = (first - range.begin).0;
            let last = row.prev_before(range.end).filter(|i| i.end >= range.end && i.look.state == State::Guest);
            let after = last.map_or(0, |i| (range.end - i.begin).0);
            let mut differ: Vec<_> = pairs.iter().map(|(what, ours, truth)| (*what, truth - ours)).collect();
            (differ[0].1, differ[3].1) = (differ[0].1 + after, differ[3].1 - after);
            differ.retain(|(_, ns)| *ns != 0);
            let total: i64 = differ.iter().map(|d| d.1).sum();
            if !(0..=before).contains(&total) || differ.len() > 1 || differ.iter().any(|d| d.0 == "guest") {
                differences.push(format!("{name} thread {tid}: {differ:?} (what, truth − ours), {before} ns before"));
            }
            let list = vcpu["preemption_list"].as_array().unwrap();
            let truths: Vec<(MachineNs, MachineNs)> =
                list.iter().map(|p| (instant(host, &p[0]), instant(host, &p[1]))).collect();
            let preempted = row.intervals(range).filter(|i| i.look.state == State::Preempted);
            // The truth lists those that also end inside its window.
            let listed: Vec<_> =
                preempted.map(|i| (i.begin, i.end)).filter(|i| i.1 < range.end.min(extent.end)).collect();
            let missing: Vec<_> = truths.iter().filter(|t| !listed.contains(t)).collect();
            let added: Vec<_> = listed.iter().filter(|o| !truths.contains(o)).collect();
            if !missing.iter().all(|(begin, _)| *begin < first) || !added.is_empty() {
                differences.push(format!("{name} thread {tid} preemptions: missing {missing:?}, added {added:?}"));
            }
            let mut exits: BTreeMap<String, u64> = BTreeMap::new();
            for exit in host.store.exits().range(TimeRange::ALWAYS) {
                if exit.vcpu == ours.row && range.contains(exit.begin()) {
                    *exits
                        .entry(format!("{:#x} {}", exit.reason, reasons::name(exit.isa, exit.reason)))
                        .or_default() += 1;
                }
            }
            let truths: BTreeMap<String, u64> = serde_json::from_value(vcpu["exits_by_reason"].clone()).unwrap();
            if exits != truths {
                differences.push(format!("{name} vCPU thread {tid} exits: {exits:?}, truth {truths:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}
