//! Saving and copying, as a user finds it: by labels, through the dialog, into files that are read again.

use std::path::Path;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use serde_json::Value;
use stratoscope_core::vocab::{MachineId, RefNs, RowKey, Tid, TimeRange};

use super::tests::{Test, opened, opened_sample, send, settle, state};
use crate::window::command::{Command, RowRef};
use crate::window::export::{ExportCommand, FINE, Format, Table, What, Writing};
use crate::window::layout::{PaneKind, Preset};
use crate::window::own::MarkCommand;

type Window = Harness<'static, Test>;

fn save(h: &mut Window, what: What, format: Format, path: &Path) -> String {
    send(h, Command::Export(ExportCommand::Save(what, format, path.to_path_buf())));
    // The frame after the file is there tells of it.
    settle(h);
    state(h).notice.unwrap_or_default()
}

fn table(kind: PaneKind) -> What {
    What::Table(Some(Table::Of(kind)))
}

fn objects(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Rows of a CSV file (RFC 4180), the titles first.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut rows, mut row, mut cell, mut inside) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, inside) {
            ('"', true) if chars.peek() == Some(&'"') => cell.extend(chars.next()),
            ('"', _) => inside = !inside,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    assert!(!inside && cell.is_empty() && row.is_empty(), "the file ends in the middle of a row");
    rows
}

/// A table in both ways: as many rows, each as long as the titles, the same keys and values.
fn both(h: &mut Window, folder: &Path, what: &What) -> Vec<Value> {
    let (csv, json) = (folder.join("t.csv"), folder.join("t.jsonl"));
    for (format, path) in [(Format::Csv, &csv), (Format::JsonLines, &json)] {
        let notice = save(h, what.clone(), format, path);
        assert!(notice.starts_with("Saved "), "{what:?}: {notice}");
    }
    let (rows, objects) = (rows(&csv), objects(&json));
    let (titles, lines) = rows.split_first().unwrap();
    assert_eq!(lines.len(), objects.len(), "{what:?}");
    assert!(!lines.is_empty(), "{what:?} is empty");
    for (line, object) in lines.iter().zip(&objects) {
        assert_eq!(line.len(), titles.len(), "{what:?}: {line:?}");
        for (title, cell) in titles.iter().zip(line) {
            match object.get(title) {
                Some(Value::String(text)) => assert_eq!(cell, text, "{what:?} {title}"),
                Some(Value::Number(n)) if n.is_f64() => {
                    // Reading a fraction back may change its last digit.
                    let (a, b) = (cell.parse::<f64>().unwrap(), n.as_f64().unwrap());
                    assert!((a - b).abs() <= 1e-12 * b.abs(), "{what:?} {title}: {a} {b}");
                }
                Some(Value::Number(n)) => assert_eq!(cell, &n.to_string(), "{what:?} {title}"),
                _ => {}
            }
        }
    }
    objects
}

fn size_of_png(path: &Path) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// Where a pane was drawn.
fn room(h: &mut Window, kind: &PaneKind) -> egui::Rect {
    let drawn = &h.state_mut().window().panes.drawn;
    drawn.iter().find(|(k, _)| k == kind).map(|(_, rect)| *rect).unwrap()
}

/// Whether a picture is as large as a pane, at two pixels a point. The harness leaves a margin of some points around
/// the window, so that what it draws is a little smaller.
fn is_near(size: (u32, u32), rect: egui::Rect) -> bool {
    let near = |pixels: u32, points: f32| (0.0..=17.0).contains(&(pixels as f32 / 2.0 - points + 0.5));
    near(size.0, rect.width()) && near(size.1, rect.height())
}

/// Whether every element of an XML text that begins ends again, in order; as far as our drawings use XML.
fn is_xml(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let Some(end) = rest[at..].find('>').map(|n| at + n) else { return false };
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap_or_default());
        }
    }
    open.is_empty() && !rest.contains('&')
}

#[test]
fn a_view_is_saved_through_the_menu_and_the_dialog() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened("fighting");
    send(&mut h, Command::SetPreset(Preset::Machines));
    h.get_by_label("Save or copy: Control flow · host").click();
    h.run_steps(4);
    h.get_by_label_contains("Save as picture (PNG)").click();
    h.run_steps(4);
    let type_into = |h: &mut Window, label: &str, text: &str| {
        let field = h.get_by_role_and_label(Role::TextInput, label);
        field.focus();
        h.run_steps(2);
        h.key_press_modifiers(Modifiers::COMMAND, Key::A);
        h.get_by_role_and_label(Role::TextInput, label).type_text(text);
        h.run_steps(3);
    };
    assert!(h.query_by_label("Save Control flow of host as PNG").is_some());
    let suggested = h.get_by_role_and_label(Role::TextInput, "File name").value();
    assert_eq!(suggested.as_deref(), Some("fighting-control-flow-host.png"));
    type_into(&mut h, "Folder", &folder.path().display().to_string());
    type_into(&mut h, "File name", "mine");
    h.get_by_label("Save").click();
    h.run_steps(3);
    settle(&mut h);
    let file = folder.path().join("mine.png");
    let notice = state(&mut h).notice.unwrap_or_default();
    assert!(notice.starts_with(&format!("Saved {} (", file.display())), "{notice}");
    let pane = room(&mut h, &PaneKind::ControlFlow(Some(MachineId(0))));
    assert!(is_near(size_of_png(&file), pane), "{:?} {pane:?}", size_of_png(&file));

    // Once more to the same place: it asks.
    let before = std::fs::read(&file).unwrap();
    send(&mut h, Command::FocusPane(PaneKind::Resources(Some(MachineId(0)))));
    h.key_press_modifiers(Modifiers::COMMAND, Key::S);
    h.run_steps(4);
    // Nothing else can be asked meanwhile: the answer would be taken for that.
    for other in [Command::OpenDialog, Command::Export(ExportCommand::Ask(table(PaneKind::Events), Format::Csv))] {
        send(&mut h, other);
        assert_eq!(state(&mut h).notice.as_deref(), Some("A dialog is open already: answer or close it first"));
    }
    type_into(&mut h, "File name", "mine.png");
    h.get_by_label("Save").click();
    h.run_steps(3);
    assert!(h.query_by_label("mine.png is there already. Replace it?").is_some());
    h.get_by_label("Keep it").click();
    h.run_steps(3);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    h.get_by_label("Save").click();
    h.run_steps(3);
    h.get_by_label("Replace").click();
    h.run_steps(3);
    settle(&mut h);
    assert_ne!(std::fs::read(&file).unwrap(), before);
    assert!(size_of_png(&file) > (0, 0), "what was asked first");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn pictures_and_drawings_of_every_pane_are_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened("joint");
    for kind in [
        PaneKind::ControlFlow(None),
        PaneKind::Resources(None),
        PaneKind::Events,
        PaneKind::Statistics,
        PaneKind::VirtualMachines,
        PaneKind::PhysicalCpus,
        PaneKind::Synchronisation,
        PaneKind::Exits,
        PaneKind::Steal,
        PaneKind::CpuUsage,
        PaneKind::Periodic,
        PaneKind::Instant,
        PaneKind::ExecutionFlow,
        PaneKind::FlowBreakdown,
        PaneKind::Bookmarks,
        PaneKind::Compare,
    ] {
        send(&mut h, Command::ShowPane(kind.clone()));
        let rect = room(&mut h, &kind);
        let png = folder.path().join("a.png");
        assert!(save(&mut h, What::View(Some(kind.clone())), FINE, &png).starts_with("Saved "), "{kind:?}");
        assert!(is_near(size_of_png(&png), rect), "{kind:?} {:?} {rect:?}", size_of_png(&png));
        let svg = folder.path().join("a.svg");
        assert!(save(&mut h, What::View(Some(kind.clone())), Format::Svg, &svg).starts_with("Saved "), "{kind:?}");
        let text = std::fs::read_to_string(&svg).unwrap();
        assert!(text.starts_with("<svg ") && is_xml(&text) && text.contains("</text>"), "{kind:?}");
    }
    // A pane in a hidden tab is brought forth for its picture, and stays hidden.
    send(&mut h, Command::ShowPane(PaneKind::Events));
    let shown = state(&mut h).panes;
    let hidden = folder.path().join("hidden.svg");
    assert!(save(&mut h, What::View(Some(PaneKind::Exits)), Format::Svg, &hidden).starts_with("Saved "));
    assert!(std::fs::read_to_string(&hidden).unwrap().contains("IO_INSTRUCTION"));
    assert_eq!(state(&mut h).panes, shown);
}

#[test]
fn the_whole_window_is_saved_without_what_lies_on_top() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened("joint");
    let (png, svg) = (folder.path().join("w.png"), folder.path().join("w.svg"));
    save(&mut h, What::Window, FINE, &png);
    assert_eq!(size_of_png(&png), (3200, 2000));
    send(&mut h, Command::TogglePalette);
    save(&mut h, What::Window, Format::Svg, &svg);
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.contains("width=\"1600\" height=\"1000\"") && is_xml(&text));
    assert!(text.contains(">Virtual machines<"), "its tabs");
    assert!(!text.contains("Run a command"), "but not the palette");
    // The other theme has another ground.
    send(&mut h, Command::CycleTheme);
    let dark = std::fs::read(&png).unwrap();
    save(&mut h, What::Window, FINE, &png);
    assert_ne!(std::fs::read(&png).unwrap(), dark);
}

#[test]
fn every_table_of_a_real_experiment_is_saved_in_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened_sample("periodic");
    let bounds = state(&mut h).view.bounds;
    let middle = RefNs(bounds.begin.0 + bounds.length().0 / 2);
    for kind in [
        PaneKind::Statistics,
        PaneKind::CpuUsage,
        PaneKind::Synchronisation,
        PaneKind::Exits,
        PaneKind::Steal,
        PaneKind::Periodic,
    ] {
        send(&mut h, Command::ShowPane(kind.clone()));
        let objects = both(&mut h, folder.path(), &table(kind.clone()));
        let keys: Vec<&str> = match kind {
            PaneKind::Statistics => vec!["row", "busy_ns"],
            PaneKind::CpuUsage => vec!["machine", "tid", "used_ns", "share", "ran_on", "migrations"],
            PaneKind::Synchronisation => vec!["machine", "role", "quality"],
            PaneKind::Exits => vec!["vm", "reason", "count", "total_ns"],
            PaneKind::Steal => vec!["name", "stolen_ns", "share"],
            _ => vec!["n", "begin_ns", "duration_ns", "slow"],
        };
        for key in keys {
            assert!(objects.iter().all(|o| o.get(key).is_some()), "{kind:?} {key}");
        }
    }
    send(&mut h, Command::SelectTime(Some(TimeRange::new(middle, middle))));
    send(&mut h, Command::ShowPane(PaneKind::Instant));
    let now = both(&mut h, folder.path(), &table(PaneKind::Instant));
    let origin = state(&mut h).scene.origin_ns;
    let ns = i64::try_from(origin + i128::from(middle.0)).unwrap();
    assert!(now.iter().all(|o| o["at_ns"] == ns), "{:?} {ns}", now[0]);

    send(&mut h, Command::Mark(MarkCommand::Add));
    let marks = both(&mut h, folder.path(), &table(PaneKind::Bookmarks));
    assert_eq!(marks.len(), 1);
    assert_eq!(marks[0]["begin_ns"], ns);

    send(&mut h, Command::CompareHalves);
    send(&mut h, Command::ShowPane(PaneKind::Compare));
    let differences = both(&mut h, folder.path(), &table(PaneKind::Compare));
    assert!(differences.iter().any(|o| o["difference"].is_number()));
}

#[test]
fn the_flow_its_breakdown_and_its_instances_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened_sample("periodic");
    let scene = state(&mut h).scene;
    let task = scene.machines.iter().flat_map(|m| m.rows.iter().map(move |r| (m, r)));
    let mut task = task.filter(|(m, r)| r.key == RowKey::thread(Tid(r.key.id), 0) && m.name.starts_with("guest"));
    let named = task.find(|(_, r)| scene.names.text(r.name).starts_with("critical"));
    let row = named.map(|(m, r)| RowRef { machine: m.id, key: r.key }).unwrap();
    send(&mut h, Command::ShowFlow(Some(row)));
    let pieces = both(&mut h, folder.path(), &table(PaneKind::ExecutionFlow));
    let kinds: Vec<&str> = pieces.iter().filter_map(|o| o["type"].as_str()).collect();
    assert!(kinds.contains(&"piece") && kinds.contains(&"total"), "{kinds:?}");
    send(&mut h, Command::ShowPane(PaneKind::FlowBreakdown));
    let parts = both(&mut h, folder.path(), &table(PaneKind::FlowBreakdown));
    let totals = |table: &str| -> i64 {
        parts.iter().filter(|o| o["table"] == table).filter_map(|o| o["time_ns"].as_i64()).sum()
    };
    let packets: i64 = parts
        .iter()
        .filter(|o| o["table"] == "What it was" && o["name"] == "Packets on their way")
        .filter_map(|o| o["time_ns"].as_i64())
        .sum();
    let [who, what, machines] = ["Who held it up", "What it was", "On which machine"].map(totals);
    // Packets on their way are on no machine.
    assert!(who > 0 && who == what && who == machines + packets, "{who} {what} {machines} {packets}");
    let instances = both(&mut h, folder.path(), &What::Table(Some(Table::FlowInstances)));
    assert!(instances.len() > 3 && instances.iter().any(|o| o["slow"] == true));
}

#[test]
fn events_are_saved_whole_of_the_selection_and_as_they_are_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened_sample("fighting");
    let all = both(&mut h, folder.path(), &table(PaneKind::Events));
    assert_eq!(all.len() as u64, h.state_mut().window().pages.len());
    assert!(all.windows(2).all(|w| w[0]["t"].as_i64() <= w[1]["t"].as_i64()), "in order of time");
    assert!(all[0]["fields"].is_object() && all[0]["context"].is_object());
    let origin = state(&mut h).scene.origin_ns;
    let at = |o: &Value| RefNs(i64::try_from(i128::from(o["t"].as_i64().unwrap()) - origin).unwrap());
    let third = |n: usize| at(&all[all.len() / 3 * n]);
    send(&mut h, Command::SelectTime(Some(TimeRange::new(third(1), third(2)))));
    send(&mut h, Command::SetRowSearch("name == \"sched_switch\"".to_owned()));
    let some = both(&mut h, folder.path(), &table(PaneKind::Events));
    let wanted = |o: &&Value| o["name"] == "sched_switch" && third(1) <= at(o) && at(o) < third(2);
    let expected: Vec<&Value> = all.iter().filter(wanted).collect();
    assert!(!expected.is_empty());
    assert_eq!(some.iter().collect::<Vec<_>>(), expected);
    // The menu's words say which events these are.
    let what = table(PaneKind::Events).words(&state(&mut h));
    assert_eq!(what, "the events that match “name == \"sched_switch\"”, of the selection");
}

#[test]
fn states_of_the_rows_of_a_timeline_are_saved_as_the_sub_command_prints_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened_sample("fighting");
    for kind in [PaneKind::Resources(None), PaneKind::VirtualMachines, PaneKind::PhysicalCpus] {
        send(&mut h, Command::ShowPane(kind.clone()));
        let states = both(&mut h, folder.path(), &table(kind.clone()));
        let rows: std::collections::BTreeSet<&str> = states.iter().filter_map(|o| o["row"].as_str()).collect();
        let expected: &[&str] = match kind {
            PaneKind::Resources(_) => &["cpu"],
            PaneKind::VirtualMachines => &["vcpu", "vm-thread"],
            _ => &["physical-cpu"],
        };
        for row in expected {
            assert!(rows.contains(row), "{kind:?}: {rows:?}");
        }
        assert!(states.iter().all(|o| o["begin_ns"].as_i64() < o["end_ns"].as_i64()));
    }
    // A hidden row is not in the file.
    send(&mut h, Command::ShowPane(PaneKind::ControlFlow(None)));
    let before = both(&mut h, folder.path(), &table(PaneKind::ControlFlow(None)));
    let row = h.state_mut().window().panes.all_rows(&PaneKind::ControlFlow(None))[3];
    send(&mut h, Command::Rows(crate::window::own::RowCommand::Hide(Some(row))));
    let after = both(&mut h, folder.path(), &table(PaneKind::ControlFlow(None)));
    assert!(after.len() < before.len());
}

#[test]
fn problems_and_the_report_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened("small");
    let problems = both(&mut h, folder.path(), &What::Table(Some(Table::Problems)));
    assert_eq!(problems.len(), 3);
    assert_eq!(problems[0]["offset"], 4096);
    let mut h = opened_sample("fighting");
    let page = folder.path().join("report.html");
    let notice = save(&mut h, What::Report, Format::Html, &page);
    assert_eq!(notice, format!("Saved {}", page.display()));
    let text = std::fs::read_to_string(&page).unwrap();
    for wanted in ["<!DOCTYPE html>", "Where virtual machines lost time", "data:image/png;base64,", "</html>"] {
        assert!(text.contains(wanted), "{wanted}");
    }
}

#[test]
fn what_cannot_be_saved_is_a_problem_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = opened("joint");
    send(&mut h, Command::ShowPane(PaneKind::Statistics));
    let nowhere = folder.path().join("none").join("t.csv");
    let notice = save(&mut h, table(PaneKind::Statistics), Format::Csv, &nowhere);
    assert!(notice.starts_with("Not saved: cannot write into "), "{notice}");
    let problems = h.state_mut().window().info().problems.clone();
    assert!(problems.iter().any(|p| p.path == nowhere && p.what.contains("cannot be saved")));
    // What asks the session says so where there is none.
    let notice = save(&mut h, table(PaneKind::Events), Format::Csv, &folder.path().join("e.csv"));
    assert_eq!(notice, "There is nothing to save: no traces are read");
    let notice = save(&mut h, table(PaneKind::ExecutionFlow), Format::Csv, &folder.path().join("e.csv"));
    assert_eq!(notice, "No execution flow is shown");
}

/// What the last frames copied.
fn copied(h: &mut Window, command: Command) -> String {
    let ctx = h.ctx.clone();
    h.state_mut().window().send(&ctx, command);
    copied_now(h)
}

fn copied_now(h: &mut Window) -> String {
    for _ in 0..4 {
        h.run_steps(1);
        for command in &h.output().platform_output.commands {
            if let egui::OutputCommand::CopyText(text) = command {
                return text.clone();
            }
        }
    }
    panic!("nothing was copied: {:?}", state(h).notice)
}

#[test]
fn states_and_events_are_copied_as_text_and_as_objects() {
    let mut h = opened_sample("fighting");
    let kind = PaneKind::ControlFlow(None);
    send(&mut h, Command::ShowPane(kind.clone()));
    let row = h.state_mut().window().panes.all_rows(&kind).into_iter().find(|r| r.key.id > 0).unwrap();
    let middle = state(&mut h).view.instant();
    send(&mut h, Command::SelectRow(Some(row)));
    send(&mut h, Command::SelectTime(Some(TimeRange::new(middle, middle))));
    h.event(egui::Event::Copy);
    let text = copied_now(&mut h);
    assert!(text.lines().any(|l| l.starts_with("from\t")) && text.lines().any(|l| l.starts_with("lasts\t")), "{text}");
    h.get_by_label("Copy as JSON").click();
    let object: Value = serde_json::from_str(&copied_now(&mut h)).unwrap();
    assert_eq!(object["tid"], row.key.id);
    let ns = i64::try_from(state(&mut h).scene.origin_ns + i128::from(middle.0)).unwrap();
    assert!(object["begin_ns"].as_i64() <= Some(ns) && Some(ns) < object["end_ns"].as_i64(), "{object}");

    send(&mut h, Command::ShowPane(PaneKind::Events));
    h.query_all_by_label_contains("event ").next().unwrap().click();
    settle(&mut h);
    let picked = state(&mut h).event.unwrap();
    let text = copied(&mut h, Command::Export(ExportCommand::Copy(Writing::Text)));
    assert_eq!(text.split('\t').count(), 5, "{text}");
    let object: Value =
        serde_json::from_str(&copied(&mut h, Command::Export(ExportCommand::Copy(Writing::Json)))).unwrap();
    let ns = i64::try_from(state(&mut h).scene.origin_ns + i128::from(picked.t.0)).unwrap();
    assert_eq!(object["t"], ns);
    assert!(text.contains(object["name"].as_str().unwrap()));
    let table = copied(&mut h, Command::Export(ExportCommand::CopyTable(Table::Problems, Writing::Csv)));
    assert!(table.starts_with("severity,path,offset,message,count,advice\n"));
}

#[test]
fn every_pane_offers_to_save_and_every_command_asks() {
    let mut h = opened("joint");
    send(&mut h, Command::SetPreset(Preset::VirtualMachines));
    let titles: Vec<String> = {
        let drawn = h.state_mut().window().panes.drawn.clone();
        drawn.iter().map(|(kind, _)| kind.title().to_owned()).collect()
    };
    for title in titles {
        let label = format!("Save or copy: {title}");
        assert!(h.query_all_by_label_contains(&label).count() > 0, "{label}");
    }
    for id in ["save-view", "save-view-svg", "save-window", "save-table", "save-table-json", "save-report"] {
        let command = crate::window::catalogue::entry(id).unwrap().command();
        send(&mut h, command);
        assert!(h.query_by_role_and_label(Role::TextInput, "File name").is_some(), "{id}");
        h.get_by_label("Cancel").click();
        h.run_steps(3);
        assert!(h.query_by_role_and_label(Role::TextInput, "File name").is_none(), "{id}");
    }
    h.get_by_label("Save ⏷").click();
    h.run_steps(4);
    assert!(h.query_all_by_label_contains("Save a report of this experiment").count() > 0);
}
