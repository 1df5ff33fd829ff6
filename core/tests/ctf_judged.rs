//! The CTF decoder against other readers, on real recordings: the counts that stand beside each recording, and
//! every event with all its fields as babeltrace2 prints it.
//!
//! The recordings are not part of the repository. They are looked for in `$STRATOSCOPE_SHARED`, else in
//! `shared` beside it; without them, or without babeltrace2's Python bindings, the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)] // A test: it may stop, and it talks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Value as Json, json};
use stratoscope_core::ctf;
use stratoscope_core::export::json::value_json;
use stratoscope_core::trace::{Batch, Position, Trace};
use stratoscope_core::vocab::{
    Cancel, EventKind, EventKinds, Interner, KernelEvent, MachineNs, ProblemLog, Progress, StreamId,
};

fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let found = std::env::var_os("STRATOSCOPE_SHARED").map_or_else(beside, PathBuf::from);
    if found.join("traces").is_dir() {
        return Some(found);
    }
    eprintln!("skipped: no recordings in {}", found.display());
    None
}

/// Folders with an `expected.json` that are CTF, with its content.
fn recordings(shared: &Path) -> Vec<(PathBuf, Json)> {
    let mut found = Vec::new();
    for part in ["ctf", "vm"] {
        let mut dirs: Vec<PathBuf> =
            std::fs::read_dir(shared.join("traces").join(part)).unwrap().map(|e| e.unwrap().path()).collect();
        dirs.sort();
        for dir in dirs {
            let Ok(text) = std::fs::read_to_string(dir.join("expected.json")) else { continue };
            if !dir.ends_with("fighting-tracecmd") {
                found.push((dir, serde_json::from_str(&text).unwrap()));
            }
        }
    }
    assert!(found.len() > 15, "{} recordings", found.len());
    found
}

fn open(dir: &Path) -> (Vec<Arc<dyn Trace>>, ProblemLog) {
    let problems = ProblemLog::default();
    let groups = ctf::discover(dir, &problems);
    let traces = groups.iter().filter_map(|g| ctf::open(g, &problems)).collect();
    (traces, problems)
}

fn date(trace: &dyn Trace, t: MachineNs) -> i128 {
    trace.info().clock.as_ref().map_or(0, |c| c.origin_ns) + i128::from(t.0)
}

#[test]
fn counts_are_those_of_other_readers() {
    let Some(shared) = shared() else { return };
    let mut wrong = Vec::new();
    for (dir, expected) in recordings(&shared) {
        let (traces, problems) = open(&dir);
        let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
        let (mut begin, mut end, mut discarded) = (None, None, 0);
        for trace in &traces {
            let counts = trace.count(&Progress::default(), &Cancel::default()).unwrap();
            for (class, n) in trace.classes().iter().zip(&counts.by_class).filter(|(_, n)| **n > 0) {
                *by_name.entry(class.name.to_string()).or_default() += n;
            }
            if let Some((first, last)) = counts.extent {
                let (first, last) = (date(&**trace, first), date(&**trace, last));
                begin = Some(begin.map_or(first, |b: i128| b.min(first)));
                end = Some(end.map_or(last, |e: i128| e.max(last)));
            }
            discarded += trace.streams().iter().map(|s| s.discarded_events).sum::<u64>();
        }
        let mut found = json!({ "events": by_name.values().sum::<u64>(), "by_name": by_name });
        for (name, value) in [("begin_ns", begin), ("end_ns", end)] {
            found[name] = value.and_then(|v| i64::try_from(v).ok()).into();
        }
        found["discarded_events"] = discarded.into();
        eprintln!("{}: {} events, {} problems", dir.display(), found["events"], problems.all().len());
        for problem in problems.all() {
            eprintln!("    {} at {:?}: {}", problem.path.display(), problem.offset, problem.message());
        }
        for key in ["events", "by_name", "begin_ns", "end_ns", "discarded_events"] {
            let wanted = &expected[key];
            if !wanted.is_null() && *wanted != found[key] {
                wrong.push(format!("{} {key}: expected {wanted}, found {}", dir.display(), found[key]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every event of every trace below a folder, as the reader gives it.
fn events(traces: &[Arc<dyn Trace>]) -> Vec<Json> {
    let mut all = Vec::new();
    for trace in traces {
        for n in 0..trace.streams().len() {
            let mut reader = trace.reader(StreamId(n as u32), None);
            let mut last = MachineNs::MIN;
            while let Some(head) = reader.next_event() {
                assert!(head.t >= last);
                last = head.t;
                let (context, fields) = reader.fields();
                let parse = |value| {
                    let mut text = String::new();
                    value_json(&value, &mut text);
                    serde_json::from_str::<Json>(&text).unwrap()
                };
                let t = i64::try_from(date(&**trace, head.t)).unwrap();
                let name = &*trace.classes()[head.class.0 as usize].name;
                let cpu = head.cpu.known();
                all.push(json!({"t": t, "cpu": cpu, "name": name, "context": parse(context), "fields": parse(fields)}));
            }
        }
    }
    all
}

/// By time; simultaneous events of different streams have no order, so theirs is the text's.
fn ordered(mut all: Vec<Json>) -> Vec<(i64, String)> {
    let mut keyed: Vec<(i64, String)> = all.drain(..).map(|e| (e["t"].as_i64().unwrap(), e.to_string())).collect();
    keyed.sort();
    keyed
}

#[test]
fn events_are_those_of_babeltrace() {
    let Some(shared) = shared() else { return };
    let python = Command::new("/usr/bin/python3").args(["-c", "import bt2"]).output();
    if !python.is_ok_and(|p| p.status.success()) {
        eprintln!("skipped: babeltrace2's Python bindings are not installed");
        return;
    }
    // Their reader takes most of the time, and one core.
    recordings(&shared).into_par_iter().for_each(|(dir, expected)| {
        if expected["no_bt2"] == true {
            eprintln!("{}: babeltrace2 stops early", dir.display());
            return;
        }
        let (traces, _) = open(&dir);
        let ours = ordered(events(&traces));
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/bt2-events");
        let output = Command::new("/usr/bin/python3").arg(tool).arg(&dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let perf = dir.ends_with("perf-taskset2");
        let theirs = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| {
                let mut event: Json = serde_json::from_str(line).unwrap();
                event.as_object_mut().unwrap().remove("machine");
                if perf {
                    // The CPU is a field there; babeltrace2 does not know.
                    event["cpu"] = event["fields"]["perf_cpu"].clone();
                }
                event
            })
            .collect();
        let theirs = ordered(theirs);
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{} event {n}", dir.display());
        }
        assert_eq!(ours.len(), theirs.len(), "{}", dir.display());
        eprintln!("{}: {} events alike", dir.display(), ours.len());
    });
}

/// Cursors give every typed event that a reader sees, checkpoints lead back, and batches of any size agree.
#[test]
fn cursors_and_checkpoints_agree_with_readers() {
    let Some(shared) = shared() else { return };
    for (dir, _) in recordings(&shared) {
        let (traces, _) = open(&dir);
        let names = Arc::new(Interner::default());
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for trace in &traces {
            for n in 0..trace.streams().len() {
                let stream = StreamId(n as u32);
                let mut heads = Vec::new();
                let mut reader = trace.reader(stream, None);
                while let Some(head) = reader.next_event() {
                    heads.push(head);
                }
                let mut whole = Vec::new();
                for max in [7, 100_000] {
                    let mut cursor = trace.cursor(stream, EventKinds::ALL, &names);
                    let (mut batch, mut read, mut events, mut checkpoints) =
                        (Batch::default(), 0, Vec::new(), Vec::new());
                    let mut complete = MachineNs::MIN;
                    while !batch.ended {
                        cursor.fill(&mut batch, max);
                        assert!(batch.events.iter().all(|e| e.t >= complete));
                        assert!(batch.complete_until >= complete);
                        complete = batch.complete_until;
                        read += batch.read_events;
                        checkpoints.append(&mut batch.checkpoints);
                        events.append(&mut batch.events);
                    }
                    assert_eq!(read as usize, heads.len());
                    assert_eq!(checkpoints.len(), heads.len().div_ceil(1024));
                    for checkpoint in &checkpoints {
                        let head = heads[checkpoint.ordinal as usize];
                        assert_eq!((checkpoint.position, checkpoint.t), (head.position, head.t));
                        let until = heads.iter().skip(checkpoint.ordinal as usize).take(1024);
                        let classes = until.fold(0u64, |mask, h| mask | 1 << (h.class.0 % 64));
                        assert_eq!(checkpoint.classes, classes);
                    }
                    if whole.is_empty() {
                        whole = events;
                    } else {
                        assert_eq!(whole, events);
                    }
                }
                for event in &whole {
                    *kinds.entry(event.body.kind().name()).or_default() += 1;
                }
                check_positions(&**trace, stream, &heads.iter().map(|h| h.position).collect::<Vec<_>>());
            }
        }
        eprintln!("{}: {kinds:?}", dir.display());
    }
}

fn check_positions(trace: &dyn Trace, stream: StreamId, positions: &[Position]) {
    for n in (0..positions.len()).step_by(positions.len() / 50 + 1) {
        let mut a = trace.reader(stream, Some(positions[n]));
        let head = a.next_event().unwrap();
        assert_eq!(head.position, positions[n]);
        assert_eq!(a.next_event().map(|h| h.position), positions.get(n + 1).copied());
    }
}

#[test]
fn typed_events_say_what_the_fields_say() {
    let Some(shared) = shared() else { return };
    let (traces, problems) = open(&shared.join("traces/vm/fighting/host"));
    assert!(problems.all().is_empty(), "{:?}", problems.all());
    let trace = &traces[0];
    let names = Arc::new(Interner::default());
    let mut checked = 0;
    for n in 0..trace.streams().len() {
        let stream = StreamId(n as u32);
        let mut cursor = trace.cursor(stream, EventKinds::of(&[EventKind::SchedSwitch]), &names);
        let mut batch = Batch::default();
        let mut reader = trace.reader(stream, None);
        loop {
            cursor.fill(&mut batch, 1000);
            for event in &batch.events {
                let head = loop {
                    let head = reader.next_event().unwrap();
                    if &*trace.classes()[head.class.0 as usize].name == "sched_switch" {
                        break head;
                    }
                };
                let mut text = String::new();
                value_json(&reader.fields().1, &mut text);
                let fields: Json = serde_json::from_str(&text).unwrap();
                let KernelEvent::SchedSwitch {
                    prev_tid,
                    prev_comm,
                    prev_prio,
                    prev_state,
                    next_tid,
                    next_comm,
                    next_prio,
                } = event.body
                else {
                    panic!("{event:?}")
                };
                assert_eq!((event.t, event.cpu), (head.t, head.cpu));
                let typed = json!({
                    "prev_tid": prev_tid.0, "prev_comm": &*names.text(prev_comm), "prev_prio": prev_prio - 100,
                    "prev_state": prev_state, "next_tid": next_tid.0, "next_comm": &*names.text(next_comm),
                    "next_prio": next_prio - 100,
                });
                assert_eq!(typed, fields);
                checked += 1;
            }
            if batch.ended {
                break;
            }
        }
    }
    assert!(checked > 1000);
}
