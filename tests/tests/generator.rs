//! Judges the generator: its traces are read by another program, and its truth agrees with that and with itself.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says on stderr what it skips"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use stratoscope_tests::generator::{Config, Header, generate};

fn config(out: PathBuf) -> Config {
    Config {
        bytes: 4 << 20,
        out,
        cpus: 2,
        guests: 2,
        threads: 120,
        seed: 7,
        lose: 0,
        truth_intervals: 2_000,
        header: Header::Large,
        force: false,
    }
}

fn truth(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("truth.json")).unwrap()).unwrap()
}

fn ns(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All files below a directory with their contents, by relative path.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What babeltrace2 finds in a trace: events by name, the first and the last instant. None if it is not installed.
struct Read {
    by_name: BTreeMap<String, i64>,
    begin: i64,
    end: i64,
    complaints: String,
}

fn babeltrace(dir: &Path) -> Option<Read> {
    let child = Command::new("babeltrace2")
        .args(["--clock-seconds", "--no-delta"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: babeltrace2 not installed");
        return None;
    };
    let mut read = Read { by_name: BTreeMap::new(), begin: i64::MAX, end: i64::MIN, complaints: String::new() };
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // [1795445192.829823038] host sched_switch: { cpu_id = 0 }, …
        let line = line.unwrap();
        let (time, rest) = line.strip_prefix('[').and_then(|line| line.split_once("] ")).unwrap();
        let time: i64 = time.replace('.', "").parse().unwrap();
        read.begin = read.begin.min(time);
        read.end = read.end.max(time);
        let name = rest.split_once(": {").unwrap().0.split_once(' ').unwrap().1;
        *read.by_name.entry(name.to_owned()).or_insert(0) += 1;
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "babeltrace2 failed: {}", String::from_utf8_lossy(&output.stderr));
    read.complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(read)
}

/// Compares every machine's counts and bounds with what babeltrace2 reads.
fn agrees_with_babeltrace(dir: &Path) {
    for machine in list(&truth(dir)["machines"]) {
        let name = machine["machine"].as_str().unwrap();
        let Some(read) = babeltrace(&dir.join(name)) else {
            return;
        };
        let told: BTreeMap<String, i64> =
            machine["by_name"].as_object().unwrap().iter().map(|(name, n)| (name.clone(), ns(n))).collect();
        assert_eq!(read.by_name, told, "{name}");
        assert_eq!(read.by_name.values().sum::<i64>(), ns(&machine["events"]), "{name}");
        assert_eq!((read.begin, read.end), (ns(&machine["begin_ns"]), ns(&machine["end_ns"])), "{name}");
        let lost = ns(&machine["discarded_events"]) > 0;
        assert_eq!(read.complaints.contains("discarded"), lost, "{name}: {}", read.complaints);
        if !lost {
            assert!(read.complaints.is_empty(), "{name}: {}", read.complaints);
        }
    }
}

#[test]
fn another_reader_finds_what_the_truth_tells() {
    let dir = tempfile::tempdir().unwrap();
    for (name, cpus, guests, header) in [
        ("plain", 1, 0, Header::Large),
        ("one", 2, 1, Header::Compact),
        ("two", 4, 2, Header::Large),
        ("wide", 64, 1, Header::Large),
    ] {
        let out = dir.path().join(name);
        generate(&Config { cpus, guests, header, ..config(out.clone()) }).unwrap();
        agrees_with_babeltrace(&out);
    }
}

#[test]
fn lost_events_are_told_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { lose: 3, ..config(dir.path().to_path_buf()) };
    generate(&config).unwrap();
    let truth = truth(dir.path());
    let host = &truth["machines"][0];
    let ranges = list(&host["lost_ranges"]);
    assert_eq!(ranges.len(), 3);
    assert_eq!(ranges.iter().map(|range| ns(&range["count"])).sum::<i64>(), ns(&host["discarded_events"]));
    agrees_with_babeltrace(dir.path());
}

#[test]
fn equal_arguments_give_equal_bytes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    generate(&config(first.path().to_path_buf())).unwrap();
    generate(&config(second.path().to_path_buf())).unwrap();
    let (first, second) = (files(first.path()), files(second.path()));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (path, bytes) in &first {
        assert!(bytes == &second[path], "{} differs", path.display());
    }
    let third = tempfile::tempdir().unwrap();
    generate(&Config { seed: 8, ..config(third.path().to_path_buf()) }).unwrap();
    let chan = Path::new("host/kernel/chan_0");
    assert!(files(third.path())[chan] != first[chan], "the seed has no effect");
}

#[test]
fn states_are_sorted_disjoint_and_add_up() {
    let dir = tempfile::tempdir().unwrap();
    generate(&config(dir.path().to_path_buf())).unwrap();
    let truth = truth(dir.path());

    let mut ends: BTreeMap<String, i64> = BTreeMap::new();
    for interval in list(&truth["intervals"]) {
        let row = ["machine", "row", "tid", "instance", "cpu"].map(|key| interval[key].to_string()).join("/");
        let (begin, end) = (ns(&interval["begin_ns"]), ns(&interval["end_ns"]));
        assert!(begin < end, "{interval}");
        assert!(ends.insert(row, end).is_none_or(|before| before <= begin), "{interval} overlaps");
    }

    let sum = |totals: &Value| totals.as_object().unwrap().values().map(ns).sum::<i64>();
    for vcpu in list(&truth["vcpus"]) {
        assert_eq!(sum(&vcpu["totals"]), ns(&vcpu["end_ns"]) - ns(&vcpu["begin_ns"]), "{vcpu}");
        let stolen: i64 = list(&vcpu["culprits"]).iter().map(|culprit| ns(&culprit["ns"])).sum();
        let preempted = ns(&vcpu["totals"]["preempted_ns"]);
        assert!(stolen <= preempted && stolen * 100 >= preempted * 95, "{stolen} of {preempted} explained");
    }
    for machine in list(&truth["machines"]) {
        let mut running = 0;
        for thread in list(&machine["threads"]) {
            let states = ["blocked", "waiting_cpu", "running_user", "running_syscall", "interrupted"];
            let known: i64 = states.iter().map(|state| ns(&thread[format!("{state}_ns")])).sum();
            running += states[2..].iter().map(|state| ns(&thread[format!("{state}_ns")])).sum::<i64>();
            match thread["known_from_ns"].as_i64() {
                Some(from) if thread["ended"] == false => {
                    assert_eq!(known, ns(&machine["end_ns"]) - from, "{thread}");
                }
                Some(_) => {}
                None => assert_eq!(known, 0, "{thread}"),
            }
        }
        let mut busy = 0;
        for cpu in list(&machine["cpus"]) {
            if let Some(from) = cpu["known_from_ns"].as_i64() {
                assert_eq!(sum(&cpu["totals"]), ns(&machine["end_ns"]) - from, "{cpu}");
                busy += sum(&cpu["totals"]) - ns(&cpu["totals"]["idle_ns"]);
            }
        }
        // Interrupts of an idle CPU belong to no thread.
        assert!(running <= busy && running * 10 >= busy * 8, "threads ran {running}, CPUs were busy {busy}");
    }
}

#[test]
fn a_directory_with_content_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
    let config = config(dir.path().to_path_buf());
    assert!(generate(&config).unwrap_err().to_string().contains("not empty"));
    assert_eq!(files(dir.path()).len(), 1);
    generate(&Config { force: true, ..config }).unwrap();
    assert!(dir.path().join("thesis.txt").exists());
}
