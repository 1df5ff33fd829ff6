//! Bookmarks, markers and row tools as a user and a screen reader find them: by keys and by labels.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{MachineId, RefNs, RowKey, Tid, TimeRange};

use super::tests::{Test, harness_of, opened, options, send, settle, state};
use crate::window::command::{Command, Direction, RowRef};
use crate::window::own::RowCommand;
use crate::window::shell::WindowOptions;

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn select(h: &mut egui_kittest::Harness<'static, Test>, a: i64, b: i64) {
    send(h, Command::SelectTime(Some(TimeRange::new(RefNs(a), RefNs(b)))));
}

/// Names of rows from top to bottom.
fn rows(h: &egui_kittest::Harness<'static, Test>) -> Vec<String> {
    let mut rows: Vec<(i32, String)> = h
        .query_all_by_role(Role::ListItem)
        .filter_map(|n| Some((n.rect().top() as i32, n.accesskit_node().label()?)))
        .filter(|(_, label)| label.starts_with("thread "))
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, label)| label).collect()
}

#[test]
fn a_bookmark_is_made_by_key_named_and_listed() {
    let mut h = opened("small");
    send(&mut h, Command::SelectRow(Some(thread(100))));
    select(&mut h, 2_500_000, 2_500_000);
    h.key_press(Key::B);
    h.run_steps(4);
    let field = h.get_by_role_and_label(Role::TextInput, "Bookmark text");
    assert!(field.is_focused(), "it can be named at once");
    field.type_text("slow read");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(4);
    let own = state(&mut h).view.own;
    assert_eq!(own.bookmarks[0].text, "slow read", "typing replaces what was proposed");
    assert!(h.query_by_label("Bookmark text").is_none());

    select(&mut h, 9_000_000, 9_000_000);
    h.key_press_modifiers(Modifiers::ALT, Key::B);
    settle(&mut h);
    h.get_by_label("Go to slow read").click();
    settle(&mut h);
    assert_eq!(state(&mut h).view.selection.map(|s| s.begin), Some(RefNs(2_500_000)));
    h.get_by_label("Remove slow read").click();
    settle(&mut h);
    assert!(state(&mut h).view.own.bookmarks.is_empty());
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut h);
    assert_eq!(state(&mut h).view.own.bookmarks.len(), 1);
    h.key_press_modifiers(Modifiers::ALT, Key::Comma);
    settle(&mut h);
    assert!(state(&mut h).notice.is_some(), "there is none before the one that is selected");
}

#[test]
fn markers_tell_their_distance() {
    let mut h = opened("small");
    select(&mut h, 1_000_000, 1_000_000);
    h.key_press(Key::M);
    settle(&mut h);
    select(&mut h, 3_500_000, 3_500_000);
    h.key_press_modifiers(Modifiers::SHIFT, Key::M);
    settle(&mut h);
    assert!(h.query_by_label("A–B 2.5 ms").is_some());
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::M);
    settle(&mut h);
    assert!(h.query_by_label("A–B 2.5 ms").is_none());
}

#[test]
fn rows_are_hidden_pinned_sorted_and_moved_by_key() {
    let mut h = opened("small");
    send(&mut h, Command::Rows(RowCommand::Sort(crate::window::timeline::rows::Sort::Tid)));
    let before = rows(&h);
    assert_eq!(before.first().map(String::as_str), Some("thread systemd 1"));
    let top = |h: &egui_kittest::Harness<'static, Test>| rows(h).first().cloned().unwrap_or_default();

    send(&mut h, Command::SelectRow(Some(thread(400))));
    h.key_press(Key::P);
    settle(&mut h);
    assert_eq!(top(&h), "thread qemu 400");
    h.key_press(Key::P);
    settle(&mut h);
    assert_eq!(rows(&h), before);

    h.key_press_modifiers(Modifiers::ALT, Key::ArrowUp);
    settle(&mut h);
    let at = |h: &egui_kittest::Harness<'static, Test>, name: &str| rows(h).iter().position(|r| r == name);
    assert!(at(&h, "thread qemu 400") < at(&h, "thread bash 100"));
    h.key_press_modifiers(Modifiers::ALT, Key::ArrowDown);
    settle(&mut h);
    assert_eq!(rows(&h), before);

    h.key_press(Key::X);
    settle(&mut h);
    assert!(at(&h, "thread qemu 400").is_none() && at(&h, "thread CPU 0/KVM 401").is_none());
    h.get_by_label("2 rows are hidden by hand: click to show them").click();
    settle(&mut h);
    assert_eq!(rows(&h), before);

    send(&mut h, Command::SelectRow(Some(thread(200))));
    h.key_press_modifiers(Modifiers::SHIFT, Key::X);
    settle(&mut h);
    // Its parent and its child stay.
    assert_eq!(rows(&h), ["thread bash 100", "thread make 200", "thread cc1 300"]);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::X);
    settle(&mut h);
    assert_eq!(rows(&h), before);
    h.key_press(Key::O);
    settle(&mut h);
    assert_ne!(state(&mut h).view.own.rows.sort, crate::window::timeline::rows::Sort::Tid);
}

#[test]
fn a_row_is_dragged_and_its_menu_hides_it() {
    let mut h = opened("small");
    send(&mut h, Command::Rows(RowCommand::Sort(crate::window::timeline::rows::Sort::Tid)));
    let name =
        |h: &egui_kittest::Harness<'static, Test>, label: &str| h.get_by_role_and_label(Role::ListItem, label).rect();
    let (from, to) = (name(&h, "thread qemu 400"), name(&h, "thread systemd 1"));
    h.drag_at(from.center());
    h.run_steps(1);
    h.hover_at(from.center() - egui::vec2(0.0, 20.0));
    h.run_steps(1);
    h.hover_at(to.center_top() + egui::vec2(0.0, 2.0));
    h.run_steps(1);
    h.drop_at(to.center_top() + egui::vec2(0.0, 2.0));
    settle(&mut h);
    assert_eq!(rows(&h).first().map(String::as_str), Some("thread qemu 400"));

    h.get_by_role_and_label(Role::ListItem, "thread bash 100").click_secondary();
    settle(&mut h);
    h.get_by_label_contains("Hide others").click();
    settle(&mut h);
    assert_eq!(state(&mut h).view.row, Some(thread(100)));
    assert!(rows(&h).iter().all(|r| !r.contains("qemu")));
}

#[test]
fn what_was_made_comes_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.ron");
    let size = egui::vec2(1600.0, 1000.0);
    let open = || Command::Open(vec![std::path::PathBuf::from("/traces/small")]);
    let mut h = harness_of(options(Some(&path)), size);
    send(&mut h, open());
    send(&mut h, Command::SelectRow(Some(thread(400))));
    select(&mut h, 1_000_000, 2_000_000);
    h.key_press(Key::M);
    h.key_press(Key::P);
    h.run_steps(3);
    h.key_press(Key::B);
    h.run_steps(3);
    let window = TimeRange::new(RefNs(500_000), RefNs(4_500_000));
    send(&mut h, Command::SetWindow { window, remember: true });
    h.state_mut().window().end();
    drop(h);

    let mut h = harness_of(options(Some(&path)), size);
    send(&mut h, open());
    let view = state(&mut h).view;
    let own = view.own;
    assert_eq!(own.bookmarks.len(), 1);
    assert!(own.markers[0].is_some());
    let selection = TimeRange::new(RefNs(1_000_000), RefNs(2_000_000));
    assert_eq!((view.window, view.selection, view.row), (window, Some(selection), Some(thread(400))));
    assert_eq!(rows(&h).first().map(String::as_str), Some("thread qemu 400"));
    send(&mut h, Command::UndoChoice(Direction::Back));
    assert_eq!(state(&mut h).view.own.bookmarks.len(), 1, "what was done before cannot be undone any more");
    drop(h);

    // Whoever says what to show is shown that.
    let part = TimeRange::new(RefNs(5_000_000), RefNs(7_000_000));
    let mut h = harness_of(WindowOptions { first_view: Some(part), ..options(Some(&path)) }, size);
    send(&mut h, open());
    assert_eq!(state(&mut h).view.window, part);
}
