//! The sub-commands about several machines, judged by what must hold of every recording and by the truth that
//! came with them.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const RECORDINGS: [&str; 3] = ["fighting", "periodic", "io"];

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("sample-traces").join(name)
}

fn truth(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(recording(name).join("truth.json")).unwrap()).unwrap()
}

fn stratoscope(name: &str, args: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratoscope"));
    let output = command.args(args).arg("--json").arg(recording(name)).output().unwrap();
    assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let objects = text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")));
    objects.filter(|o: &Value| o["type"] != "problem").collect()
}

fn of<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|o| o["type"] == kind).collect()
}

fn ns(object: &Value, key: &str) -> i64 {
    object[key].as_i64().unwrap_or_else(|| panic!("{key} of {object}"))
}

fn sum(object: &Value, keys: &[&str]) -> i64 {
    keys.iter().map(|key| ns(object, key)).sum()
}

#[test]
fn accounts_of_vcpus_and_tasks_add_up() {
    for name in RECORDINGS {
        let objects = stratoscope(name, &["vms"]);
        let vcpus = of(&objects, "vcpu");
        assert_eq!(vcpus.len(), truth(name)["vcpus"].as_array().unwrap().len(), "{name}");
        assert_eq!(of(&objects, "vm").len(), 2, "{name}");
        for vcpu in vcpus {
            let seven =
                ["guest_ns", "vmm_ns", "vmm_user_ns", "preempted_ns", "waiting_cpu_ns", "halted_ns", "unknown_ns"];
            let length = ns(vcpu, "end_ns") - ns(vcpu, "begin_ns");
            assert_eq!(sum(vcpu, &seven), length, "{name} {vcpu}");
            let steal = sum(vcpu, &["preempted_ns", "waiting_cpu_ns"]) as f64 / length as f64;
            assert!((vcpu["steal"].as_f64().unwrap() - steal).abs() < 1e-9, "{name} {vcpu}");
        }
        let tasks = of(&objects, "task");
        assert!(tasks.len() > 5, "{name}");
        for task in tasks {
            let four = ["real_ns", "hypervisor_ns", "stolen_ns", "unknown_ns"];
            assert_eq!(sum(task, &four), ns(task, "perceived_ns"), "{name} {task}");
            let by: i64 = task["stolen_by"].as_array().unwrap().iter().map(|who| ns(who, "ns")).sum();
            assert_eq!(by, ns(task, "stolen_ns"), "{name} {task}");
        }
    }
}

#[test]
fn exits_within_the_window_are_those_of_the_truth() {
    for name in RECORDINGS {
        let truth = truth(name);
        let edge = |n: usize| truth["host_full_window"][n].to_string();
        let objects = stratoscope(name, &["exits", "--from", &edge(0), "--to", &edge(1)]);
        for vcpu in truth["vcpus"].as_array().unwrap() {
            let exits = of(&objects, "exit").into_iter().filter(|e| e["host_tid"] == vcpu["tid"]);
            let ours: Vec<(String, i64)> = exits
                .map(|e| (format!("{:#x} {}", ns(e, "code"), e["reason"].as_str().unwrap()), ns(e, "count")))
                .collect();
            for (reason, count) in vcpu["exits_by_reason"].as_object().unwrap() {
                let found = ours.iter().find(|(ours, _)| ours == reason).map(|o| o.1);
                assert_eq!(found, count.as_i64(), "{name} {reason}");
            }
            assert_eq!(ours.iter().map(|o| o.1).sum::<i64>(), ns(vcpu, "exits"), "{name}");
        }
        for exit in of(&objects, "exit").into_iter().filter(|e| !e["total_ns"].is_null()) {
            let ordered = ["min_ns", "p50_ns", "p99_ns", "max_ns"].map(|key| ns(exit, key));
            assert!(ordered.is_sorted(), "{name} {exit}");
            assert_eq!(exit["isa"], "svm", "{name}");
        }
    }
}

#[test]
fn clocks_are_related_to_the_host_or_to_whom_the_user_names() {
    for name in RECORDINGS {
        let objects = stratoscope(name, &["sync"]);
        for machine in of(&objects, "machine") {
            let is_host = machine["machine"] == "host";
            assert_eq!(machine["role"], if is_host { "reference" } else { "synced" }, "{name} {machine}");
            assert_eq!(machine["quality"], "accurate", "{name} {machine}");
            if !is_host {
                assert!(machine["slope"].as_str().unwrap().len() > 25, "{name} {machine}");
                assert!(ns(machine, "half_width_median_ns") <= ns(machine, "half_width_ns"), "{name} {machine}");
            }
        }
        assert!(of(&objects, "pair").iter().any(|p| p["method"] == "hypercall" && p["used"] == true), "{name}");
        let objects = stratoscope(name, &["sync", "--reference", "guest-a"]);
        let reference = of(&objects, "machine").into_iter().find(|m| m["role"] == "reference").unwrap();
        assert_eq!(reference["machine"], "guest-a", "{name}");
    }
}

#[test]
fn joined_rows_are_sorted_disjoint_and_answer_for_one_instant() {
    for name in RECORDINGS {
        let rows = stratoscope(name, &["states", "--rows", "vcpus,vm-threads"]);
        assert!(rows.iter().any(|r| r["row"] == "vcpu" && r["id"] == "guest-a/0" && r["vm"] == "guest-a"), "{name}");
        assert!(rows.iter().any(|r| r["row"] == "vm-thread" && r["state"] == "in-hypervisor"), "{name}");
        let key = |r: &Value| (r["machine"].clone(), r["row"].clone(), r["id"].clone(), r["instance"].clone());
        for two in rows.windows(2).filter(|two| key(&two[0]) == key(&two[1])) {
            assert!(ns(&two[0], "end_ns") <= ns(&two[1], "begin_ns"), "{name} {two:?}");
        }
        // One in the middle, where all machines were recorded.
        let mut begins = std::collections::BTreeMap::new();
        for row in rows.iter().filter(|r| r["row"] == "vm-thread") {
            let begin = begins.entry(row["machine"].to_string()).or_insert(i64::MAX);
            *begin = ns(row, "begin_ns").min(*begin);
        }
        let all_recorded = *begins.values().max().unwrap();
        let is_preempted = |r: &&Value| r["row"] == "vcpu" && r["state"] == "preempted";
        let preempted: Vec<&Value> =
            rows.iter().filter(is_preempted).filter(|r| ns(r, "begin_ns") > all_recorded).collect();
        let vcpu = preempted[preempted.len() / 2];
        assert!(vcpu["detail"].is_string() && vcpu["who"]["name"].is_string(), "{name} {vcpu}");
        let t = ns(vcpu, "begin_ns").to_string();
        let there = stratoscope(name, &["states", "--at", &t]);
        assert!(there.contains(vcpu), "{name}: {vcpu} at its begin");
        let kinds = ["thread", "cpu", "vcpu", "vm-thread"];
        assert!(kinds.iter().all(|kind| there.iter().any(|r| r["row"] == *kind)), "{name}");
        let at = ns(vcpu, "begin_ns");
        assert!(there.iter().all(|r| ns(r, "begin_ns") <= at && at < ns(r, "end_ns")), "{name}");
    }
}

#[test]
fn a_guest_alone_is_told_what_to_record() {
    let output = Command::new(env!("CARGO_BIN_EXE_stratoscope"))
        .args(["vms"])
        .arg(recording("fighting").join("guest-a"))
        .output()
        .unwrap();
    assert!(output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("kvm_x86_entry"), "{words}");
}
