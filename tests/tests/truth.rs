//! The generator's truth judges our states: what its simulation did is what a session shows, to the nanosecond.
//!
//! Every thread row and every CPU row of every machine is compared from the instant on at which the truth says
//! that a reader can know the state, to the machine's last event. Details are compared where they are system
//! calls: the truth does not tell why a thread waits. Where nothing was lost, nothing may differ.
//!
//! Where events were lost, the truth goes on and nobody who reads the trace can follow. So there are legitimate
//! differences in the *shadow* of a loss, which begins with the last event before it:
//!
//! * a CPU is `unknown` until its next switch, and nothing else is shown instead of the truth;
//! * a thread has a stale or unknown state until its next switch: what it did, and who woke it, may be lost;
//! * from that switch to the thread's next entry into a system call or exit of one, the call that it is in may
//!   be missing or be an older one, as its entry or its exit may be lost; and the CPU that it runs on shows the
//!   same, `user` or `syscall`, be it another one than that which lost something.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::session::{MachineView, Recordings, Session, SessionOptions, Snapshot};
use stratoscope_core::vocab::{Cpu, MachineNs, RowKey, State, Tid, TimeRange};
use stratoscope_tests::generator::{Config, Header, generate};

/// A stretch of a row: nanoseconds since 1970, state, system call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    begin: i64,
    end: i64,
    state: String,
    call: Option<String>,
}

/// What the truth tells of a row.
struct Told {
    key: RowKey,
    /// From when on a reader can know.
    from: i64,
    stretches: Vec<Stretch>,
}

/// Events of a CPU that were not recorded, nanoseconds since 1970: from the last recorded one before them to the
/// first one after them.
struct Loss {
    cpu: u16,
    begin: i64,
    end: i64,
}

/// Where a row differs from the truth: from when to when, what happened and what we show.
#[derive(Debug)]
struct Difference {
    begin: i64,
    end: i64,
    truth: Option<String>,
    ours: Option<String>,
}

fn label(stretch: &Stretch) -> String {
    match &stretch.call {
        Some(call) => format!("{} {call}", stretch.state),
        None => stretch.state.clone(),
    }
}

/// All stretches of time in which two rows differ; both lists are sorted and disjoint.
fn differences(truth: &[Stretch], ours: &[Stretch]) -> Vec<Difference> {
    let mut edges: Vec<i64> = truth.iter().chain(ours).flat_map(|s| [s.begin, s.end]).collect();
    edges.sort_unstable();
    edges.dedup();
    let at = |list: &[Stretch], t: i64| {
        let n = list.partition_point(|s| s.begin <= t);
        n.checked_sub(1).map(|n| &list[n]).filter(|s| t < s.end).map(label)
    };
    let pairs = edges.windows(2).map(|pair| Difference {
        begin: pair[0],
        end: pair[1],
        truth: at(truth, pair[0]),
        ours: at(ours, pair[0]),
    });
    pairs.filter(|d| d.truth != d.ours).collect()
}

fn ns(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn key_of(kind: &str, row: &Value) -> RowKey {
    match kind {
        "cpu" => RowKey::cpu(Cpu(u16::try_from(ns(&row["cpu"])).unwrap())),
        _ => RowKey::thread(Tid(i32::try_from(ns(&row["tid"])).unwrap()), u32::try_from(ns(&row["instance"])).unwrap()),
    }
}

/// The rows of a kind (`thread`, `cpu`) of a machine that a reader can know.
fn told(truth: &Value, machine: &Value, kind: &str) -> Vec<Told> {
    assert!(machine["intervals_complete_until_ns"].is_null(), "the list of intervals is cut");
    let mut rows: BTreeMap<RowKey, Told> = BTreeMap::new();
    for row in list(&machine[format!("{kind}s")]) {
        if let Some(from) = row["known_from_ns"].as_i64() {
            let key = key_of(kind, row);
            assert!(rows.insert(key, Told { key, from, stretches: Vec::new() }).is_none(), "{row} twice");
        }
    }
    for interval in list(&truth["intervals"]) {
        if interval["machine"] == machine["machine"] && interval["row"] == kind {
            rows.get_mut(&key_of(kind, interval)).unwrap().stretches.push(Stretch {
                begin: ns(&interval["begin_ns"]),
                end: ns(&interval["end_ns"]),
                state: interval["state"].as_str().unwrap().to_owned(),
                call: interval["detail"].as_str().map(str::to_owned),
            });
        }
    }
    rows.into_values().collect()
}

/// What we show of a row within `[from, to)`, nanoseconds since 1970.
fn shown(snapshot: &Snapshot, machine: &MachineView, key: &RowKey, from: i64, to: i64) -> Vec<Stretch> {
    let origin = i64::try_from(machine.origin_ns).unwrap();
    let Some(row) = machine.store.find(key).and_then(|id| machine.store.row(id)) else { return Vec::new() };
    let range = TimeRange::new(MachineNs(from - origin), MachineNs(to - origin));
    row.intervals(range)
        .map(|interval| {
            let is_call = interval.look.state == State::RunningSyscall;
            Stretch {
                begin: (interval.begin.0 + origin).max(from),
                end: (interval.end.0 + origin).min(to),
                state: interval.look.state.name().to_owned(),
                call: is_call.then(|| snapshot.names.text(interval.look.detail).to_string()),
            }
        })
        .collect()
}

/// The losses of a machine: those of the truth, each with the recorded events around it.
fn losses(machine: &Value, view: &MachineView) -> Vec<Loss> {
    let origin = i64::try_from(view.origin_ns).unwrap();
    let told = list(&machine["lost_ranges"]);
    assert_eq!(told.len(), view.lost.len(), "{:?}", view.lost);
    let of = |lost: &Value| {
        let (cpu, first, last) = (ns(&lost["cpu"]), ns(&lost["first_ns"]), ns(&lost["last_ns"]));
        let around = |begin: i64, end: i64| begin + origin <= first && last <= end + origin;
        let shown =
            view.lost.iter().find(|l| i64::from(l.cpu.0) == cpu && around(l.lost.range.begin.0, l.lost.range.end.0));
        let shown = shown.unwrap_or_else(|| panic!("{lost} is not shown: {:?}", view.lost));
        // What a stream's first packet counts may have been lost before the recording.
        let first = told.iter().find(|other| other["cpu"] == lost["cpu"]) == Some(lost);
        assert!(shown.lost.count.map_or(first, |count| Some(count) == lost["count"].as_u64()), "{lost} {shown:?}");
        Loss { cpu: shown.cpu.0, begin: shown.lost.range.begin.0 + origin, end: shown.lost.range.end.0 + origin }
    };
    told.iter().map(of).collect()
}

fn is_running(stretch: &Stretch) -> bool {
    matches!(stretch.state.as_str(), "running-user" | "running-syscall" | "interrupted")
}

/// Whether a thread comes to a CPU or leaves it where `after` begins.
fn thread_switches(before: &Stretch, after: &Stretch) -> bool {
    is_running(before) != is_running(after)
}

/// Whether a thread enters or leaves a system call there.
fn thread_calls(before: &Stretch, after: &Stretch) -> bool {
    let in_call = |stretch: &Stretch| match stretch.state.as_str() {
        "running-user" => Some(false),
        "running-syscall" => Some(true),
        _ => None,
    };
    in_call(before).zip(in_call(after)).is_some_and(|(before, after)| before != after)
}

/// Whether a CPU switches there, for certain: from its idle task to a thread or back.
fn cpu_switches(before: &Stretch, after: &Stretch) -> bool {
    let works = |stretch: &Stretch| matches!(stretch.state.as_str(), "user" | "syscall");
    before.state == "idle" && works(after) || works(before) && after.state == "idle"
}

/// The first change of that sort from `t` on that was recorded for certain.
fn next_change(row: &Told, t: i64, losses: &[Loss], is: fn(&Stretch, &Stretch) -> bool) -> i64 {
    let recorded = |t: i64| losses.iter().all(|loss| t <= loss.begin || loss.end <= t);
    let pairs = row.stretches.windows(2).filter(|pair| pair[0].end == pair[1].begin && is(&pair[0], &pair[1]));
    pairs.map(|pair| pair[1].begin).find(|change| *change >= t && recorded(*change)).unwrap_or(i64::MAX)
}

/// Whether a thread row's difference lies in the shadow of a loss.
fn thread_may_differ(d: &Difference, row: &Told, losses: &[Loss]) -> bool {
    losses.iter().any(|loss| {
        let switch = next_change(row, loss.end, losses, thread_switches);
        let until = next_change(row, switch, losses, thread_calls);
        loss.begin <= d.begin && (d.end <= switch || d.end <= until && is_about_calls(d, "running-"))
    })
}

/// Whether a CPU row's difference lies in the shadow of a loss; `calls` are legitimate differences of threads about
/// the calls that they are in.
fn cpu_may_differ(d: &Difference, row: &Told, losses: &[Loss], calls: &[(i64, i64)]) -> bool {
    let in_own_shadow = |loss: &Loss| {
        let until = next_change(row, loss.end, losses, cpu_switches);
        i32::from(loss.cpu) == row.key.id && loss.begin <= d.begin && d.end <= until
    };
    let is_unknown = d.ours.as_deref() == Some("unknown");
    is_unknown && losses.iter().any(in_own_shadow)
        || is_about_calls(d, "") && calls.iter().any(|(begin, end)| *begin <= d.begin && d.end <= *end)
}

/// Whether the truth and we disagree only about whether there is a system call, and which one.
fn is_about_calls(d: &Difference, prefix: &str) -> bool {
    let is = |label: &Option<String>| {
        let rest = label.as_deref().and_then(|label| label.strip_prefix(prefix));
        rest.is_some_and(|rest| rest == "user" || rest.starts_with("syscall"))
    };
    is(&d.truth) && is(&d.ours)
}

/// Generates a trace, opens it, and compares.
fn judge(config: Config) {
    let dir = tempfile::tempdir().unwrap();
    let (guests, lose) = (config.guests, config.lose);
    generate(&Config { out: dir.path().to_path_buf(), ..config }).unwrap();
    let truth: Value = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
    let snapshot = open(dir.path());
    let machines = list(&truth["machines"]);
    assert_eq!((machines.len(), snapshot.machines.len()), (1 + guests, 1 + guests));
    let mut lost = 0;
    for machine in machines {
        let view = snapshot.machines.iter().find(|view| machine["machine"] == view.name.as_str()).unwrap();
        let losses = losses(machine, view);
        lost += losses.len();
        let end = ns(&machine["end_ns"]);
        let mut calls = Vec::new();
        for kind in ["thread", "cpu"] {
            let (mut compared, mut excused) = (0, 0);
            let mut wrong = Vec::new();
            for row in told(&truth, machine, kind) {
                compared += row.stretches.len();
                for d in differences(&row.stretches, &shown(&snapshot, view, &row.key, row.from, end)) {
                    let legitimate = match kind {
                        "cpu" => cpu_may_differ(&d, &row, &losses, &calls),
                        _ => thread_may_differ(&d, &row, &losses),
                    };
                    if legitimate {
                        excused += 1;
                        if is_about_calls(&d, "running-") {
                            calls.push((d.begin, d.end));
                        }
                    } else {
                        wrong.push(format!("{:?} {d:?}", row.key));
                    }
                }
            }
            let name = &view.name;
            assert!(
                wrong.is_empty(),
                "{name} {kind}: {} of {compared}: {:#?}",
                wrong.len(),
                &wrong[..wrong.len().min(20)]
            );
            assert!(compared > 1000, "{name} {kind}: only {compared} stretches");
            assert!(excused * 20 < compared, "{name} {kind}: {excused} of {compared} cannot be known");
        }
    }
    assert_eq!(lost, lose as usize);
}

fn open(dir: &Path) -> Arc<Snapshot> {
    // Clocks of guests are behind, so that short recordings need not overlap.
    let options = SessionOptions { recordings: Recordings::All, ..SessionOptions::default() };
    Session::open(vec![dir.to_path_buf()], options, Arc::new(|| {})).wait()
}

fn config(seed: u64) -> Config {
    Config {
        bytes: 3 << 20,
        out: Default::default(),
        cpus: 2,
        guests: 0,
        threads: 60,
        seed,
        lose: 0,
        truth_intervals: usize::MAX,
        header: Header::Large,
        force: false,
    }
}

#[test]
fn states_of_a_host_are_the_truth() {
    judge(config(7));
    judge(Config { header: Header::Compact, cpus: 1, ..config(8) });
    judge(Config { cpus: 5, threads: 300, ..config(9) });
}

#[test]
fn states_of_a_host_and_its_guests_are_the_truth() {
    judge(Config { guests: 2, ..config(10) });
    judge(Config { guests: 1, cpus: 4, header: Header::Compact, ..config(11) });
}

#[test]
fn states_are_the_truth_but_in_the_shadow_of_losses() {
    judge(Config { lose: 3, ..config(12) });
    judge(Config { lose: 2, cpus: 4, header: Header::Compact, ..config(13) });
    judge(Config { lose: 2, guests: 1, ..config(14) });
}
