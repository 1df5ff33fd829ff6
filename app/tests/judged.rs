//! The sub-commands, judged by babeltrace2 and by the counts that came with each recording.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::prelude::*;
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every folder with an `expected.json`: the project's own, and those beside the checkout if they are there.
fn recordings() -> Vec<PathBuf> {
    let shared = std::env::var_os("STRATOSCOPE_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let places = [
        repository().join("sample-traces"),
        repository().join("tests/traces"),
        shared.join("traces/ctf"),
        shared.join("traces/vm"),
    ];
    let mut found = Vec::new();
    for place in places {
        let Ok(entries) = std::fs::read_dir(&place) else {
            eprintln!("skipped: no {}", place.display());
            continue;
        };
        found.extend(entries.map(|e| e.unwrap().path()).filter(|p| p.join("expected.json").exists()));
    }
    found.sort();
    assert!(found.len() >= 8, "the project's own recordings are gone");
    found
}

fn expected(recording: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(recording.join("expected.json")).unwrap()).unwrap()
}

fn stratoscope(args: &[&str], path: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_stratoscope")).args(args).arg(path).output().unwrap();
    assert!(output.status.success(), "{} {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

#[test]
fn info_gives_the_counts_and_instants_that_are_known() {
    for recording in recordings() {
        let expected = expected(&recording);
        let objects = stratoscope(&["info", "--json"], &recording);
        let traces: Vec<&Value> = objects.iter().filter(|o| o["type"] == "trace").collect();
        let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
        for trace in &traces {
            for (name, n) in trace["by_name"].as_object().unwrap() {
                *by_name.entry(name.clone()).or_default() += n.as_u64().unwrap();
            }
        }
        let wanted: BTreeMap<String, u64> =
            expected["by_name"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_u64().unwrap())).collect();
        assert_eq!(by_name, wanted, "{}", recording.display());
        let sum = |key: &str| traces.iter().map(|t| t[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("events"), expected["events"].as_u64().unwrap(), "{}", recording.display());
        if let Some(discarded) = expected["discarded_events"].as_u64() {
            assert_eq!(sum("discarded_events"), discarded, "{}", recording.display());
        }
        if let Some(begin) = expected["begin_ns"].as_i64() {
            let found = traces.iter().filter_map(|t| t["begin_ns"].as_i64()).min();
            assert_eq!(found, Some(begin), "{}", recording.display());
        }
        if let Some(end) = expected["end_ns"].as_i64() {
            let found = traces.iter().filter_map(|t| t["end_ns"].as_i64()).max();
            assert_eq!(found, Some(end), "{}", recording.display());
        }
    }
}

/// One event as text, without what readers legitimately tell differently.
fn line(event: &Value, without_cpu: bool) -> String {
    let cpu = if without_cpu { &Value::Null } else { &event["cpu"] };
    format!("{} {} {} {} {}", event["t"], cpu, event["name"], event["context"], event["fields"])
}

/// Events by CPU, in order; those of one instant sorted, because readers may order channels differently.
fn by_cpu(events: &[Value], without_cpu: bool) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for event in events {
        let key = if without_cpu { String::new() } else { event["cpu"].to_string() };
        groups.entry(key).or_default().push((event["t"].as_i64().unwrap_or(0), line(event, without_cpu)));
    }
    groups
        .into_iter()
        .map(|(key, mut events)| {
            events.sort();
            (key, events.into_iter().map(|e| e.1).collect())
        })
        .collect()
}

#[test]
fn events_equal_babeltrace2_event_for_event() {
    let reader = repository().join("tests/tools/bt2-events");
    let python = Path::new("/usr/bin/python3");
    let works = Command::new(python).args(["-c", "import bt2"]).output().is_ok_and(|o| o.status.success());
    if !works {
        eprintln!("skipped: python3-bt2 is not installed");
        return;
    }
    // Their reader takes most of the time, and one core.
    recordings().into_par_iter().for_each(|recording| {
        if expected(&recording)["no_bt2"] == true {
            return;
        }
        let theirs = Command::new(python).arg(&reader).arg(&recording).output().unwrap();
        let theirs: Vec<Value> =
            String::from_utf8_lossy(&theirs.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let ours = stratoscope(&["events", "--json", "--time", "local"], &recording);
        let ours: Vec<Value> = ours.into_iter().filter(|o| o["type"] != "problem").collect();
        let in_order = ours.windows(2).all(|w| w[0]["t"].as_i64() <= w[1]["t"].as_i64());
        let one_machine = ours.iter().all(|e| e["machine"] == ours[0]["machine"]);
        assert!(in_order || !one_machine, "{}: not in order of time", recording.display());
        let without_cpu = recording.ends_with("perf-taskset2");
        let (ours, theirs) = (by_cpu(&ours, without_cpu), by_cpu(&theirs, without_cpu));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{}", recording.display());
        for (cpu, theirs) in &theirs {
            let ours = &ours[cpu];
            if let Some(n) = (0..theirs.len().min(ours.len())).find(|n| ours[*n] != theirs[*n]) {
                panic!("{} cpu {cpu} event {n}:\n ours   {}\n theirs {}", recording.display(), ours[n], theirs[n]);
            }
            assert_eq!(ours.len(), theirs.len(), "{} cpu {cpu}", recording.display());
        }
    });
}
