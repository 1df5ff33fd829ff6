//! What is asked for on the command line, in the window: a stretch of time and what to look for.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::Parser as _;
use egui::vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use stratoscope_core::vocab::{Dur, TimeRange};

use super::harness::{Test, harness_of, options, send, settle, state};
use crate::headless::args::Cli;
use crate::window::asked::Asked;
use crate::window::command::Command;
use crate::window::export::ExportCommand;
use crate::window::reading;
use crate::window::shell::WindowOptions;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/fighting")
}

fn opened_with(asked: Asked) -> Harness<'static, Test> {
    asked.check().unwrap();
    let options = WindowOptions { opener: reading::opener(), asked: Some(asked), ..options(None) };
    let mut h = harness_of(options, vec2(1600.0, 1000.0));
    send(&mut h, Command::Open(vec![sample()]));
    settle(&mut h);
    h
}

fn times(from: &str, to: &str) -> Asked {
    Asked { from: Some(from.to_owned()), to: Some(to.to_owned()), find: None }
}

#[test]
fn the_copied_command_opens_what_was_shown_and_looks_for_what_was_looked_for() {
    let mut h = opened_with(times("+1s", "+1.25s"));
    let (view, extent) = (&state(&mut h).view, state(&mut h).scene.extent.unwrap());
    let begin = extent.begin + Dur(1_000_000_000);
    assert_eq!(view.window, TimeRange::new(begin, begin + Dur(250_000_000)));

    let wanted = "state == \"preempted\" and name ~ '^CPU'".replace('\'', "\"");
    send(&mut h, Command::SetRowSearch(wanted.clone()));
    send(&mut h, Command::Zoom { factor: 1.7, at: None });
    send(&mut h, Command::Export(ExportCommand::CopyCommand));
    let shown = state(&mut h).view.window;
    let copied = state(&mut h).as_command();
    h.get_by_label_contains("Copied");

    // As a shell takes it apart.
    let words = Process::new("sh").arg("-c").arg(format!("printf '%s\\n' {copied}")).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    let cli = Cli::try_parse_from(words.lines()).unwrap();
    assert!(cli.paths[0].ends_with("sample-traces/fighting"), "{copied}");
    let asked = Asked { from: cli.from, to: cli.to, find: cli.find };
    let mut again = opened_with(asked);
    assert_eq!(state(&mut again).view.window, shown);
    assert_eq!(state(&mut again).view.search, wanted);
    assert!(state(&mut again).finding, "the field shows what is looked for");
    // Once there, everybody goes where they want.
    send(&mut again, Command::ZoomAll);
    settle(&mut again);
    assert_eq!(state(&mut again).view.window, state(&mut again).view.bounds);
    assert!(!state(&mut again).as_command().contains("--from"));
}

#[test]
fn where_nothing_was_recorded_it_is_told_and_shown_is_what_is_without_asking() {
    let mut h = opened_with(times("+1000s", "+2000s"));
    let mut unasked = opened_with(Asked::default());
    assert_eq!(state(&mut h).view.window, state(&mut unasked).view.window);
    h.get_by_label_contains("Nothing was recorded from");
}
