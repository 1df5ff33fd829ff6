//! What was looked at comes back: in the same place of a machine's time, cut to what there is, and not against the
//! user's will.

use std::path::{Path, PathBuf};

use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Dur, MachineNs, RowKey, Tid};

use super::*;
use crate::window::apply::apply;
use crate::window::command::Command;
use crate::window::settings::{Memory, Settings, file};
use crate::window::timeline::{fake, fake_vm};

fn range(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a), RefNs(b))
}

/// Something of that name open, of which nothing is known yet.
fn begun(memory: Memory, name: &str) -> State {
    let mut state = State::new(Settings::default());
    state.memory = memory;
    apply(&mut state, Command::Open(vec![PathBuf::from("/traces").join(name)]));
    state
}

/// What is in its memory when the program is started again.
fn restarted(mut state: State) -> Memory {
    state.keep_view();
    let text = file::write_memory(&state.memory, &[]).unwrap();
    let read = file::read_memory(Path::new("memory.ron"), &text);
    assert_eq!((read.problems.len(), &read.says), (0, &state.memory));
    read.says
}

fn read(state: &mut State, scene: &Scene, complete: bool) {
    let extent = scene.extent;
    state.update(Scene { complete, ..scene.clone() }, extent);
}

fn bash() -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(100), 0) }
}

#[test]
fn window_selection_and_row_come_back_and_stay_while_all_is_read() {
    let scene = fake::small();
    let mut state = begun(Memory::default(), "small");
    read(&mut state, &scene, true);
    let (window, selection) = (range(2_000_000, 6_000_000), range(3_000_000, 3_500_000));
    apply(&mut state, Command::SetWindow { window, remember: true });
    apply(&mut state, Command::SelectTime(Some(selection)));
    apply(&mut state, Command::SelectRow(Some(bash())));
    let memory = restarted(state);

    let mut state = begun(memory.clone(), "small");
    for complete in [false, false, true, true] {
        read(&mut state, &scene, complete);
        let view = &state.view;
        assert_eq!((view.window, view.selection, view.row), (window, Some(selection), Some(bash())));
    }
    state.keep_view();
    assert_eq!(state.memory, Memory { recent: state.memory.recent.clone(), ..memory.clone() }, "nothing has changed");

    // Of something else nothing is known.
    let mut state = begun(memory, "other");
    read(&mut state, &scene, true);
    assert_eq!((state.view.window, state.view.selection), (state.view.bounds, None));
}

#[test]
fn whoever_goes_elsewhere_meanwhile_stays_there() {
    let scene = fake::small();
    let mut state = begun(Memory::default(), "small");
    read(&mut state, &scene, true);
    apply(&mut state, Command::SetWindow { window: range(2_000_000, 6_000_000), remember: true });
    let mut state = begun(restarted(state), "small");
    read(&mut state, &scene, false);
    let own = range(7_000_000, 8_000_000);
    apply(&mut state, Command::SetWindow { window: own, remember: true });
    read(&mut state, &scene, false);
    read(&mut state, &scene, true);
    assert_eq!(state.view.window, own);
    let mut state = begun(restarted(state), "small");
    read(&mut state, &scene, true);
    assert_eq!(state.view.window, own);
}

#[test]
fn what_is_everything_is_everything_also_when_there_is_more() {
    let scene = fake::small();
    let mut state = begun(Memory::default(), "small");
    state.update(scene.clone(), Some(range(1_000_000, 2_000_000)));
    apply(&mut state, Command::ZoomAll);
    let mut state = begun(restarted(state), "small");
    let whole = scene.extent.unwrap();
    let more = Scene { extent: Some(TimeRange::new(whole.begin, whole.end + Dur(90_000_000))), ..scene };
    state.update(more, Some(range(1_000_000, 2_000_000)));
    assert_eq!(state.view.window, state.view.bounds);
    assert!(state.view.bounds.end > RefNs(90_000_000));
}

#[test]
fn of_a_shorter_trace_what_is_left_is_shown() {
    let scene = fake::small();
    let mut state = begun(Memory::default(), "small");
    read(&mut state, &scene, true);
    apply(&mut state, Command::SetWindow { window: range(4_000_000, 9_000_000), remember: true });
    apply(&mut state, Command::SelectTime(Some(range(5_000_000, 8_000_000))));
    let gone = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(100), 7) };
    apply(&mut state, Command::SelectRow(Some(gone)));
    let memory = restarted(state);

    let shorter = Scene { extent: Some(range(0, 6_000_000)), ..fake::small() };
    let mut state = begun(memory.clone(), "small");
    read(&mut state, &shorter, false);
    read(&mut state, &shorter, true);
    let bounds = state.view.bounds;
    assert_eq!(state.view.window, TimeRange::new(bounds.end - Dur(5_000_000), bounds.end));
    assert_eq!(state.view.selection, Some(TimeRange::new(RefNs(5_000_000), bounds.end)));
    assert_eq!(state.view.row, None, "such a row is not there");

    // Nothing of it is left.
    let begin = Scene { extent: Some(range(0, 2_000_000)), ..fake::small() };
    let mut state = begun(memory, "small");
    read(&mut state, &begin, true);
    assert_eq!((state.view.window, state.view.selection), (state.view.bounds, None));
}

#[test]
fn a_place_in_a_guest_stays_there_when_clocks_are_related_anew() {
    let scene = fake_vm::joined();
    let guest = scene.machines.iter().find(|m| m.id != scene.facts.reference).unwrap().id;
    let row = scene.machine(guest).and_then(|m| Some(RowRef { machine: guest, key: m.rows.first()?.key })).unwrap();
    let mut state = begun(Memory::default(), "joined");
    read(&mut state, &scene, true);
    let shown = TimeRange::new(state.view.bounds.begin + Dur(100), state.view.bounds.end - Dur(100));
    apply(&mut state, Command::SetWindow { window: shown, remember: true });
    apply(&mut state, Command::SelectRow(Some(row)));
    let t = shown.begin + Dur(shown.length().0 / 2);
    apply(&mut state, Command::SelectTime(Some(TimeRange::new(t, t))));
    let own: MachineNs = scene.machine(guest).unwrap().map.from_ref(t);
    let memory = restarted(state);

    // At first nobody knows how far the guest's clock is ahead.
    let moved = |by: i64| {
        let mut scene = scene.clone();
        scene.machines[guest.0 as usize].map = ClockMap::IDENTITY.shifted(Dur(by));
        scene
    };
    let mut state = begun(memory, "joined");
    for (by, complete) in [(0, false), (700, false), (650, true)] {
        let scene = moved(by);
        read(&mut state, &scene, complete);
        let map = scene.machine(guest).unwrap().map;
        assert_eq!(state.view.selection.map(|s| map.from_ref(s.begin)), Some(own), "{by}");
        assert_eq!(state.view.window, shown, "what is shown is the reference's time");
    }
    // From now on what is looked at stays on the axis.
    let selection = state.view.selection;
    read(&mut state, &moved(600), true);
    assert_eq!(state.view.selection, selection);
}

#[test]
fn another_recording_of_the_folder_is_another_place() {
    let scene = fake::small();
    let mut state = begun(Memory::default(), "small");
    apply(&mut state, Command::OpenRecording(1));
    read(&mut state, &scene, true);
    apply(&mut state, Command::SetWindow { window: range(4_000_000, 9_000_000), remember: true });
    let memory = restarted(state);
    let mut state = begun(memory.clone(), "small");
    read(&mut state, &scene, true);
    assert_eq!(state.view.window, state.view.bounds);
    let mut state = begun(memory, "small");
    apply(&mut state, Command::OpenRecording(1));
    read(&mut state, &scene, true);
    assert_eq!(state.view.window, range(4_000_000, 9_000_000));
}

#[test]
fn panes_that_go_their_own_way_come_back_to_where_they_were() {
    let scene = fake::small();
    let mut state = begun(Memory::default(), "small");
    read(&mut state, &scene, true);
    let pane = state.panes.kinds().into_iter().find(PaneKind::is_timeline).unwrap();
    apply(&mut state, Command::ToggleLink(Some(pane.clone())));
    let own = range(1_000_000, 2_000_000);
    apply(&mut state, Command::SetPaneWindow { pane: pane.clone(), window: own, remember: true });
    let mut state = begun(restarted(state), "small");
    read(&mut state, &scene, true);
    assert_eq!(state.view_of(&pane).window, own);
    assert_eq!(state.view.window, state.view.bounds);
}
