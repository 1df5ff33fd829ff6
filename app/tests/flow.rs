//! The sub-commands about tasks and time: `flow`, `stats`, `report`, by their contract.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("sample-traces").join(name)
}

fn run(name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratoscope"));
    command.args(args).arg(recording(name)).output().unwrap()
}

fn objects(name: &str, args: &[&str]) -> Vec<Value> {
    let output = run(name, &[args, &["--json", "--quiet"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

fn ns(object: &Value, key: &str) -> i64 {
    object[key].as_i64().unwrap_or_else(|| panic!("{key} of {object}"))
}

const KEYS: [&str; 9] = ["machine", "tid", "name", "kind", "detail", "cpu", "begin_ns", "end_ns", "victim"];

/// Pieces and the arrows that take time cover the window, in order; totals are their sums.
#[test]
fn a_flow_covers_its_window_and_its_totals_are_its_pieces() {
    for (name, task) in [("periodic", "critical"), ("fighting", "burner-a"), ("io", "guest-a/241")] {
        let all = objects(name, &["flow", "--task", task]);
        let of = |kind: &str| all.iter().filter(|o| o["type"] == kind).collect::<Vec<_>>();
        let pieces = of("piece");
        assert!(pieces.len() > 100, "{name}: {}", pieces.len());
        let takes_time = |a: &&Value| ns(&a["to"], "t_ns") > ns(&a["from"], "t_ns");
        let mut flights = of("arrow").into_iter().filter(takes_time).peekable();
        let mut at = ns(pieces[0], "begin_ns");
        for piece in &pieces {
            assert!(KEYS.iter().all(|key| piece.get(key).is_some()), "{piece}");
            while let Some(arrow) = flights.next_if(|a| ns(&a["from"], "t_ns") == at) {
                at = ns(&arrow["to"], "t_ns");
            }
            assert_eq!(ns(piece, "begin_ns"), at, "{name}: {piece}");
            at = ns(piece, "end_ns");
            assert_ne!(piece["tid"], 0, "an idle task causes nothing: {piece}");
        }
        let lengths: i64 = pieces.iter().map(|p| ns(p, "end_ns") - ns(p, "begin_ns")).sum();
        let totals: i64 = of("total").iter().map(|t| ns(t, "ns")).sum();
        assert_eq!(lengths, totals, "{name}");
        assert!(of("arrow").iter().all(|a| ["wakeup", "network", "vm"].contains(&a["kind"].as_str().unwrap())));
    }
}

/// By marks, an execution is what the program itself says; the slow ones name the other VM's burner.
#[test]
fn instances_by_marks_name_the_culprit() {
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(recording("periodic").join("truth.json")).unwrap()).unwrap();
    let marks = "msg contains \"critical_begin\"..msg contains \"critical_end\"";
    let found = objects("periodic", &["flow", "--task", "critical", "--instances", "--mark", marks]);
    let list = truth["critical"]["list"].as_array().unwrap();
    assert_eq!(found.len(), list.len());
    let mut by_burner = 0;
    for (instance, execution) in found.iter().zip(list) {
        assert_eq!(instance["type"], "instance");
        assert_eq!(instance["slow"], execution["long"], "{instance}");
        assert_eq!(ns(instance, "duration_ns"), ns(execution, "duration_ns"));
        let stolen = instance["by_kind"].get("vcpu-preempted").and_then(Value::as_i64).unwrap_or(0);
        assert_eq!(stolen, ns(execution, "preempted_ns"), "{instance}");
        let culprit = &instance["culprit"];
        by_burner += usize::from(instance["slow"] == true && culprit["name"] == "burner-b");
    }
    assert!(by_burner > 35, "{by_burner}");
    let strict = objects("periodic", &["flow", "--task", "critical", "--instances", "--slow-factor", "100"]);
    assert!(strict.iter().all(|i| i["slow"] == false));
}

#[test]
fn wrong_questions_are_told_and_have_their_status() {
    for (args, words) in [
        (&["flow", "--task", "nobody"][..], "there is no task nobody"),
        (&["flow", "--task", "vmsync"], "guest-a/218 vmsync, guest-b/214 vmsync"),
        (&["flow", "--task", "critical", "--mark", "cpu == 1"], "'BEGIN..END'"),
        (&["flow", "--task", "critical", "--from", "yesterday"], "--from yesterday"),
        (&["stats", "--filter", "kind =="], "in a filter"),
    ] {
        let output = run("periodic", args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
}

#[test]
fn statistics_are_told_with_percentiles_in_order() {
    let all = objects("periodic", &["stats"]);
    let latencies: Vec<_> = all.iter().filter(|o| o["type"] == "latency").collect();
    assert!(latencies.len() > 20);
    for latency in latencies {
        let keys = ["min_ns", "p50_ns", "p95_ns", "p99_ns", "max_ns"];
        let times = keys.map(|key| ns(latency, key));
        assert!(times.is_sorted(), "{latency}");
        assert!(ns(latency, "count") > 0 && ns(latency, "total_ns") >= times[4], "{latency}");
    }
    let events: u64 = all.iter().filter(|o| o["type"] == "events").map(|o| o["count"].as_u64().unwrap()).sum();
    let recorded: u64 = objects("periodic", &["info"]).iter().filter_map(|o| o["events"].as_u64()).sum();
    assert_eq!(events, recorded);
    let of_one = objects("periodic", &["stats", "--task", "critical"]);
    let times: Vec<_> = of_one.iter().filter(|o| o["type"] == "time").collect();
    assert_eq!(times.len(), 1);
    assert_eq!(times[0]["name"], "critical");
    assert!(of_one.iter().any(|o| o["kind"] == "wakeup" && o["name"] == "critical"));
}

#[test]
fn a_report_is_one_page_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let output = run("periodic", &["report", "--out", page.to_str().unwrap(), "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&page).unwrap();
    for wanted in ["What was recorded", "How exactly the clocks agree", "Exits", "burner-b", "data:image/png;base64,"] {
        assert!(text.contains(wanted), "{wanted}");
    }
    // It needs nothing but itself.
    for foreign in ["http:", "https:", "<script", "src=\"/"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    let drawing = folder.path().join("vms.svg");
    let output = run("periodic", &["shot", "--view", "vms", "--out", drawing.to_str().unwrap(), "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&drawing).unwrap();
    assert!(text.starts_with("<svg ") && text.contains(">critical</text>"));
}
