//! Bookmarks, markers and row tools as commands change them, and what comes back after a restart.

use std::path::PathBuf;

use stratoscope_core::vocab::{MachineId, RefNs, RowKey, Tid, TimeRange};

use super::*;
use crate::window::apply::apply;
use crate::window::command::{Command, Direction, RowRef};
use crate::window::settings::{Layer, Memory, Preferences, Settings, file};
use crate::window::state::State;
use crate::window::timeline::fake;
use crate::window::timeline::rows::Sort;

fn opened(memory: Memory) -> State {
    let mut state = State::new(Settings::default());
    state.memory = memory;
    apply(&mut state, Command::Open(vec![PathBuf::from("/traces/small")]));
    let scene = fake::small();
    let extent = scene.extent;
    state.update(scene, extent);
    state
}

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn select(state: &mut State, a: i64, b: i64) {
    apply(state, Command::SelectTime(Some(TimeRange::new(RefNs(a), RefNs(b)))));
}

fn mark(command: MarkCommand) -> Command {
    Command::Mark(command)
}

#[test]
fn bookmarks_are_made_named_walked_and_removed() {
    let mut state = opened(Memory::default());
    apply(&mut state, mark(MarkCommand::Add));
    assert!(state.view.own.bookmarks.is_empty() && state.notice.is_some());
    apply(&mut state, Command::SelectRow(Some(thread(100))));
    select(&mut state, 2_500_000, 2_500_000);
    apply(&mut state, mark(MarkCommand::Add));
    assert_eq!(state.view.own.bookmarks[0].text, "bash 100: running-syscall");
    assert_eq!(state.naming, Some(1));
    apply(&mut state, mark(MarkCommand::Rename { id: 1, text: "  the slow read ".to_owned() }));
    assert_eq!(state.view.own.bookmarks[0].text, "the slow read");
    select(&mut state, 6_000_000, 8_000_000);
    apply(&mut state, mark(MarkCommand::Add));
    apply(&mut state, mark(MarkCommand::Rename { id: 2, text: String::new() }));
    assert_eq!(state.view.own.bookmarks[1].text, "bash 100", "an empty text leaves the old one");

    select(&mut state, 0, 0);
    apply(&mut state, mark(MarkCommand::Step(Direction::Forward)));
    assert_eq!(state.view.selection, Some(TimeRange::new(RefNs(2_500_000), RefNs(2_500_000))));
    apply(&mut state, mark(MarkCommand::Step(Direction::Forward)));
    assert_eq!(state.view.range(), Some(TimeRange::new(RefNs(6_000_000), RefNs(8_000_000))));
    apply(&mut state, mark(MarkCommand::Step(Direction::Forward)));
    assert!(state.notice.is_some());
    apply(&mut state, mark(MarkCommand::Remove(1)));
    assert_eq!(state.view.own.bookmarks.len(), 1);
}

#[test]
fn markers_have_a_distance_and_come_off_where_they_stand() {
    let mut state = opened(Memory::default());
    select(&mut state, 1_000_000, 5_000_000);
    apply(&mut state, mark(MarkCommand::Marker(0)));
    apply(&mut state, mark(MarkCommand::Marker(1)));
    assert_eq!(axis_marks::between_words(&state.view.own, &state.scene).as_deref(), Some("A–B 4 ms"));
    apply(&mut state, Command::SelectTime(None));
    apply(&mut state, mark(MarkCommand::SelectMarkers));
    assert_eq!(state.view.range(), Some(TimeRange::new(RefNs(1_000_000), RefNs(5_000_000))));
    apply(&mut state, mark(MarkCommand::Marker(1)));
    assert_eq!(state.view.own.markers(&state.scene), [Some(RefNs(1_000_000)), None]);
}

#[test]
fn everything_is_taken_back_made_again_and_remembered() {
    let mut state = opened(Memory::default());
    apply(&mut state, Command::SelectRow(Some(thread(100))));
    select(&mut state, 2_500_000, 2_500_000);
    apply(&mut state, mark(MarkCommand::Add));
    apply(&mut state, Command::Rows(RowCommand::Hide(Some(thread(300)))));
    apply(&mut state, Command::Rows(RowCommand::Pin(None)));
    apply(&mut state, Command::Rows(RowCommand::Sort(Sort::Name)));
    let made = state.view.own.clone();
    for _ in 0..4 {
        apply(&mut state, Command::UndoChoice(Direction::Back));
    }
    assert_eq!(*state.view.own, Own::default());
    assert!(state.memory.own.is_empty(), "what is as it was needs no memory");
    for _ in 0..4 {
        apply(&mut state, Command::UndoChoice(Direction::Forward));
    }
    assert_eq!(state.view.own, made);

    let text = file::write_memory(&state.memory, &[]).unwrap();
    let again = opened(file::read_memory(std::path::Path::new("memory.ron"), &text).says);
    assert_eq!(again.view.own, made);
    let mut elsewhere = again;
    apply(&mut elsewhere, Command::Open(vec![PathBuf::from("/traces/other")]));
    assert_eq!(*elsewhere.view.own, Own::default());
}

#[test]
fn a_row_that_is_put_after_itself_stays() {
    let mut state = opened(Memory::default());
    apply(&mut state, Command::Rows(RowCommand::Put(Place { row: thread(100), after: Some(thread(100)) })));
    assert!(state.view.own.rows.placed.is_empty());
    apply(&mut state, Command::Rows(RowCommand::Pin(Some(thread(100)))));
    apply(&mut state, Command::Rows(RowCommand::Pin(Some(thread(400)))));
    apply(&mut state, Command::Rows(RowCommand::Put(Place { row: thread(400), after: None })));
    assert_eq!(state.view.own.rows.pinned, [thread(400), thread(100)]);
}

#[test]
fn what_comes_from_a_layer_below_comes_from_there_again_when_a_change_is_taken_back() {
    let mut state = opened(Memory::default());
    state.settings.set_layer(Layer::System, Preferences { hide_idle: Some(true), ..Preferences::default() });
    state.take_settings();
    apply(&mut state, Command::ToggleCompact);
    apply(&mut state, Command::ToggleHideIdle);
    let own = |state: &State| {
        let user = state.settings.layer(Layer::User);
        (user.compact, user.hide_idle)
    };
    assert_eq!((own(&state), state.view.compact, state.view.hide_idle), ((Some(true), Some(false)), true, false));
    apply(&mut state, Command::UndoChoice(Direction::Back));
    assert_eq!((own(&state), state.view.hide_idle), ((Some(true), None), true), "the system's file says so");
    apply(&mut state, Command::UndoChoice(Direction::Back));
    assert_eq!((own(&state), state.view.compact), ((None, None), false));
    apply(&mut state, Command::UndoChoice(Direction::Forward));
    apply(&mut state, Command::UndoChoice(Direction::Forward));
    assert_eq!((own(&state), state.view.compact, state.view.hide_idle), ((Some(true), Some(false)), true, false));
    // What the command line fixes was changed in this window only, and is fixed again.
    state.settings.set_layer(Layer::CommandLine, Preferences { compact: Some(false), ..Preferences::default() });
    state.take_settings();
    apply(&mut state, Command::ToggleCompact);
    assert_eq!(state.settings.layer(Layer::Window).compact, Some(true));
    apply(&mut state, Command::UndoChoice(Direction::Back));
    assert_eq!((state.settings.layer(Layer::Window).compact, own(&state).0), (None, Some(true)));
}
