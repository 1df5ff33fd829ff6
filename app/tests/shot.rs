//! Pictures from the command line: every view is drawn and has what it is about, as text in a drawing.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("sample-traces").join(name)
}

fn shot(name: &str, out: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratoscope"));
    command.args(["shot", "--quiet", "--size", "1200x800", "--out"]).arg(out).args(args).arg(recording(name));
    command.env("STRATOSCOPE_SETTINGS", out.with_file_name("settings.ron")).output().unwrap()
}

fn drawn(name: &str, args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("view.svg");
    let output = shot(name, &out, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(out).unwrap()
}

#[test]
fn every_view_shows_what_it_is_about() {
    for (view, words) in [
        ("control-flow", "Control flow"),
        ("resources", "Resources"),
        ("events", "Fields"),
        ("statistics", "Summed by name"),
        ("vms", "Virtual machines"),
        ("physical-cpus", "Physical CPUs"),
        ("sync", "Reference"),
        ("exits", "Off CPU"),
        ("steal", "Taken by"),
        ("cpu-usage", "stolen by the host"),
        ("periodic", "slow from"),
        ("state", "Copy as text"),
        ("bookmarks", "No bookmarks."),
        ("problems", "Problems"),
        ("compare", "A · Control flow"),
    ] {
        let text = drawn("fighting", &["--view", view]);
        assert!(text.contains(words), "{view} lacks {words}");
    }
}

#[test]
fn a_flow_is_drawn_of_a_task_by_machine_and_name() {
    for view in ["flow", "flow-breakdown"] {
        let text = drawn("periodic", &["--view", view, "--task", "guest-a/critical"]);
        assert!(text.contains("critical"), "{view}");
    }
}

#[test]
fn what_is_compared_is_told() {
    let sides = ["--view", "compare", "--a", "guest-a", "--b", "guest-b"];
    let text = drawn("fighting", &sides);
    assert!(text.contains("A · Control flow · guest-a") && text.contains("B · Control flow · guest-b"));
    let one = drawn("fighting", &["--view", "compare", "--a", "+100ms..+200ms", "--b", "+200ms..+300ms"]);
    let other = drawn("fighting", &["--view", "compare", "--a", "host/+100ms..+200ms", "--b", "+200ms..+300ms"]);
    assert!(one.contains("100 ms") && one != other);
    let only = drawn("fighting", &["--view", "control-flow", "--machine", "guest-b"]);
    assert!(only.contains("Control flow · guest-b"));
}

#[test]
fn wrong_questions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("view.svg");
    for (args, words) in [
        (&["--view", "compare", "--a", "+1s..+2s"][..], "go together"),
        (&["--view", "compare", "--a", "+2s..+1s", "--b", "host"], "no stretch of time"),
        (&["--view", "compare", "--a", "there", "--b", "host"], "wants FROM..TO"),
        (&["--view", "events", "--a", "host"], "for --view compare"),
        (&["--view", "exits", "--machine", "host"], "--machine is for"),
        (&["--machine", "nobody", "--view", "resources"], "there is no machine nobody"),
        (&["--task", "nobody"], "there is no task nobody"),
    ] {
        let output = shot("fighting", &out, args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!out.exists());
    }
}
