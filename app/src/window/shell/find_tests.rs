//! Looking for something as a user does it: what is typed, what is offered, where it leads.

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{RefNs, TimeRange};

use super::tests::{Test, opened, send, settle, state};
use crate::window::command::Command;
use crate::window::find::FindCommand;

fn typed(h: &mut Harness<'static, Test>, text: &str) {
    h.key_press(Key::Slash);
    h.run_steps(3);
    h.get_by_label("Find").type_text(text);
    settle(h);
}

#[test]
fn a_filter_finds_states_and_walks_them() {
    let mut h = opened("small");
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(0), RefNs(0)))));
    typed(&mut h, "state == \"preempted\" and dur > 1ms");
    assert!(state(&mut h).view.find.filter().is_some());
    assert!(h.query_by_label("1 state").is_some() && h.query_by_label("1 row").is_some());
    h.key_press(Key::Enter);
    settle(&mut h);
    let view = state(&mut h).view;
    assert_eq!(view.row.map(|r| r.key.id), Some(401));
    assert_eq!(view.selection.map(|s| s.begin), Some(RefNs(3_000_000)));
    h.key_press(Key::F3);
    settle(&mut h);
    assert_eq!(state(&mut h).notice.as_deref(), Some("No further match"));
    h.key_press(Key::Escape);
    settle(&mut h);
    assert!(state(&mut h).view.search.is_empty() && h.query_by_label("Close find").is_none());
}

#[test]
fn words_walk_rows() {
    let mut h = opened("small");
    typed(&mut h, "k");
    let mut seen = Vec::new();
    for _ in 0..2 {
        h.key_press(Key::Enter);
        settle(&mut h);
        seen.extend(state(&mut h).view.row.map(|r| r.key.id));
    }
    h.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    settle(&mut h);
    seen.extend(state(&mut h).view.row.map(|r| r.key.id));
    assert_eq!(seen.len(), 3);
    assert!(seen[0] != seen[1] && seen[2] == seen[0], "there and back: {seen:?}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let mut h = opened("small");
    typed(&mut h, "tid == and");
    assert!(h.query_by_label_contains("column 8").is_some());
    send(&mut h, Command::Find(FindCommand::Keep("broken".to_owned())));
    assert!(state(&mut h).settings.filters.is_empty());
}

#[test]
fn fields_and_values_are_completed() {
    let mut h = opened("small");
    typed(&mut h, "mach");
    assert!(
        h.query_all_by_label_contains("machine field").count() > 0
            || h.query_all_by_label_contains("machine Tab").count() > 0
    );
    h.key_press(Key::Tab);
    settle(&mut h);
    assert_eq!(state(&mut h).view.search, "machine ");
    h.get_by_label("Find").type_text("== h");
    settle(&mut h);
    h.key_press(Key::Tab);
    settle(&mut h);
    assert_eq!(state(&mut h).view.search, "machine == \"host\" ");
    assert!(state(&mut h).view.find.filter().is_some());
}

#[test]
fn a_filter_is_kept_with_a_name_and_used_again() {
    let mut h = opened("small");
    typed(&mut h, "tid == 100");
    h.get_by_label("Kept ⏷").click();
    settle(&mut h);
    let field = h.get_by_label("Name of the filter");
    field.focus();
    field.type_text("the shell");
    settle(&mut h);
    h.get_by_label("Keep this one").click();
    settle(&mut h);
    assert_eq!(state(&mut h).settings.filters, [("the shell".to_owned(), "tid == 100".to_owned())]);
    send(&mut h, Command::Find(FindCommand::Close));
    assert!(state(&mut h).view.search.is_empty());
    send(&mut h, Command::Find(FindCommand::Use("the shell".to_owned())));
    assert!(state(&mut h).finding && state(&mut h).view.find.filter().is_some());
    assert!(h.get_by_label("Find").accesskit_node().value().is_some_and(|v| v.contains("tid == 100")));
}
