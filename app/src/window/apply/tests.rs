use std::path::PathBuf;

use stratoscope_core::vocab::{Cpu, MachineId, RefNs, RowKey, State as RowState, StateSet, Tid, TimeRange};

use super::*;
use crate::window::layout::{PaneKind, Preset};
use crate::window::settings::Settings;
use crate::window::timeline::fake;

const US: i64 = 1_000;

fn open_state() -> State {
    let mut state = State::new(Settings::default());
    assert_eq!(apply(&mut state, Command::Open(vec![PathBuf::from("/traces/small")])), [Effect::Open]);
    let scene = fake::small();
    let extent = scene.extent;
    state.update(scene, extent);
    state
}

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn cpu(n: u16) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::cpu(Cpu(n)) }
}

fn at(us: i64) -> Command {
    Command::SelectTime(Some(TimeRange::new(RefNs(us * US), RefNs(us * US))))
}

fn select(state: &mut State, row: RowRef, us: i64) {
    apply(state, Command::SelectRow(Some(row)));
    apply(state, at(us));
}

fn place(state: &State) -> (i32, i64) {
    (state.view.row.unwrap().key.id, state.view.selection.unwrap().begin.0 / US)
}

#[test]
fn opening_places_the_view_and_closing_clears_it() {
    let mut state = open_state();
    assert!(state.is_open() && state.placed);
    assert!(state.view.window.begin < RefNs(0) && state.view.window.end > RefNs(10_000 * US));
    assert_eq!(state.memory.recent, [[PathBuf::from("/traces/small")]]);
    assert_eq!(apply(&mut state, Command::OpenRecording(2)), [Effect::Open]);
    assert_eq!(state.recording, Some(2));
    assert_eq!(apply(&mut state, Command::Close), [Effect::Close]);
    assert!(!state.is_open() && !state.placed);
    assert_eq!(apply(&mut state, Command::Open(Vec::new())), []);
}

#[test]
fn what_is_read_later_moves_bounds_but_not_the_window() {
    let mut state = open_state();
    apply(&mut state, Command::SetWindow { window: TimeRange::new(RefNs(1000), RefNs(9000)), remember: true });
    let mut scene = fake::small();
    scene.extent = Some(TimeRange::new(RefNs(0), RefNs(50_000_000)));
    state.update(scene, None);
    assert_eq!(state.view.window, TimeRange::new(RefNs(1000), RefNs(9000)));
    assert!(state.view.bounds.end > RefNs(50_000_000));
}

#[test]
fn windows_zoom_pan_and_come_back() {
    let mut state = open_state();
    let first = state.view.window;
    apply(&mut state, Command::Zoom { factor: 2.0, at: Some(RefNs(5_000 * US)) });
    let zoomed = state.view.window;
    assert_eq!(zoomed.length().0, first.length().0 / 2);
    apply(&mut state, Command::Pan(0.25));
    assert_eq!(state.view.window.begin.0 - zoomed.begin.0, zoomed.length().0 / 4);
    apply(&mut state, Command::ZoomHistory(Direction::Back));
    assert_eq!(state.view.window, zoomed);
    apply(&mut state, Command::ZoomHistory(Direction::Back));
    assert_eq!(state.view.window, first);
    apply(&mut state, Command::ZoomHistory(Direction::Back));
    assert!(state.notice.is_some());
    apply(&mut state, Command::ZoomHistory(Direction::Forward));
    assert_eq!(state.view.window, zoomed);
    apply(&mut state, Command::ZoomAll);
    assert_eq!(state.view.window, state.view.bounds);
}

#[test]
fn zooming_to_the_selection_takes_a_range_or_the_state_at_an_instant() {
    let mut state = open_state();
    apply(&mut state, Command::ZoomToSelection);
    assert!(state.notice.is_some());
    let range = TimeRange::new(RefNs(2_000 * US), RefNs(3_000 * US));
    apply(&mut state, Command::SelectTime(Some(TimeRange::new(range.end, range.begin))));
    apply(&mut state, Command::ZoomToSelection);
    assert_eq!(state.view.window, range);
    select(&mut state, thread(100), 6_200);
    apply(&mut state, Command::ZoomToSelection);
    assert!(state.view.window.begin < RefNs(6_000 * US) && state.view.window.end > RefNs(6_500 * US));
    assert!(state.view.window.length().0 < 1_000 * US);
}

#[test]
fn walking_goes_from_state_to_state_and_reveals_it() {
    let mut state = open_state();
    apply(&mut state, Command::StepState { direction: Direction::Forward, same: false });
    assert!(state.notice.as_deref().is_some_and(|n| n.contains("row")));
    select(&mut state, thread(100), 100);
    let forward = Command::StepState { direction: Direction::Forward, same: false };
    let back = Command::StepState { direction: Direction::Back, same: false };
    for us in [2_000, 3_000, 6_000, 6_500] {
        apply(&mut state, forward.clone());
        assert_eq!(place(&state), (100, us));
    }
    apply(&mut state, forward);
    assert_eq!(state.notice.as_deref(), Some("No later state in this row"));
    apply(&mut state, back.clone());
    assert_eq!(place(&state), (100, 6_000));
    apply(&mut state, at(6_300));
    apply(&mut state, back);
    assert_eq!(place(&state), (100, 6_000), "from inside of a state, back is to its begin");
    apply(&mut state, at(100));
    apply(&mut state, Command::StepState { direction: Direction::Forward, same: true });
    assert_eq!(place(&state), (100, 6_500));
    apply(&mut state, Command::StepState { direction: Direction::Back, same: true });
    assert_eq!(place(&state), (100, 0));

    let window = TimeRange::new(RefNs(0), RefNs(500 * US));
    apply(&mut state, Command::SetWindow { window, remember: true });
    apply(&mut state, Command::StepState { direction: Direction::Forward, same: false });
    apply(&mut state, Command::StepState { direction: Direction::Forward, same: false });
    assert!(state.view.window.contains(RefNs(3_000 * US)));
    apply(&mut state, Command::ZoomHistory(Direction::Back));
    assert_eq!(state.view.window, window, "a walk is one entry of the history");
}

#[test]
fn following_a_cpu_goes_to_the_thread_that_comes_next() {
    let mut state = open_state();
    select(&mut state, cpu(0), 1_000);
    apply(&mut state, Command::FollowCpu);
    assert_eq!(place(&state), (100, 1_000));
    select(&mut state, thread(401), 1_000);
    apply(&mut state, Command::FollowCpu);
    assert_eq!(place(&state), (400, 3_000));
    select(&mut state, thread(400), 200);
    apply(&mut state, Command::FollowCpu);
    assert_eq!(place(&state), (400, 1_000), "a thread that sleeps is followed to where it runs");
    select(&mut state, thread(1), 200);
    apply(&mut state, Command::FollowCpu);
    assert_eq!(state.notice.as_deref(), Some("The thread does not run again"));
}

#[test]
fn the_waker_is_found_from_the_wait_and_from_what_follows_it() {
    let mut state = open_state();
    for us in [4_000, 6_100] {
        select(&mut state, thread(100), us);
        apply(&mut state, Command::FollowWaker);
        assert_eq!(place(&state), (401, 5_990), "from {us}");
    }
    select(&mut state, thread(1), 4_000);
    apply(&mut state, Command::FollowWaker);
    assert!(state.notice.is_some());
}

#[test]
fn events_select_their_time_and_who_ran() {
    let mut state = open_state();
    let event = PickedEvent { row: 7, t: RefNs(2_500 * US), machine: MachineId(0), cpu: Cpu(0) };
    apply(&mut state, Command::SelectEvent(event));
    assert_eq!(place(&state), (100, 2_500));
    assert_eq!(state.event, Some(event));
    apply(&mut state, Command::SelectRow(Some(cpu(1))));
    apply(&mut state, Command::SelectEvent(event));
    assert_eq!(state.view.row, Some(cpu(0)), "who looks at CPUs goes on looking at CPUs");
    let effects = apply(&mut state, Command::StepEvent(Direction::Forward));
    assert_eq!(
        effects,
        [Effect::SeekEvent(EventSeek {
            from: Some(event),
            t: event.t,
            direction: Direction::Forward,
            machine: Some(MachineId(0)),
            cpu: Some(Cpu(0)),
        })]
    );
    apply(&mut state, at(3_000));
    assert_eq!(state.event, None, "another instant is another event");
}

#[test]
fn the_legend_shows_one_state_then_more_then_all() {
    let mut state = open_state();
    apply(&mut state, Command::ToggleLegendState(RowState::Preempted));
    assert!(!state.view.dimmed.contains(RowState::Preempted));
    assert!(state.view.dimmed.contains(RowState::Blocked));
    apply(&mut state, Command::ToggleLegendState(RowState::Blocked));
    assert!(!state.view.dimmed.contains(RowState::Blocked));
    apply(&mut state, Command::ToggleLegendState(RowState::Blocked));
    apply(&mut state, Command::ToggleLegendState(RowState::Preempted));
    assert_eq!(state.view.dimmed, StateSet::default());
    apply(&mut state, Command::ToggleLegendState(RowState::Idle));
    apply(&mut state, Command::ClearLegend);
    assert_eq!(state.view.dimmed, StateSet::default());
}

#[test]
fn stepping_through_rows_is_left_to_the_pane() {
    let mut state = open_state();
    let down = RowStep::One(Direction::Forward);
    assert_eq!(apply(&mut state, Command::StepRow(down)), [Effect::StepRow(down)]);
    assert_eq!(apply(&mut state, Command::FocusSearch), [Effect::FocusSearch]);
    assert_eq!(apply(&mut state, Command::StepMatch(Direction::Back)), []);
    assert!(state.notice.is_some());
    apply(&mut state, Command::SetRowSearch("bash".to_owned()));
    assert_eq!(apply(&mut state, Command::StepMatch(Direction::Back)), [Effect::StepMatch(Direction::Back)]);
}

#[test]
fn panes_presets_and_the_full_pane() {
    let mut state = open_state();
    apply(&mut state, Command::TogglePane(PaneKind::Events));
    assert!(!state.panes.contains(&PaneKind::Events));
    assert!(!state.memory.layout(&state.paths).unwrap().contains(&PaneKind::Events), "remembered");
    apply(&mut state, Command::ShowPane(PaneKind::Events));
    assert_eq!(state.panes.focused, Some(PaneKind::Events));
    apply(&mut state, Command::ToggleFullPane);
    assert_eq!(state.panes.full, Some(PaneKind::Events));
    apply(&mut state, Command::ToggleFullPane);
    assert_eq!(state.panes.full, None);
    apply(&mut state, Command::SetPreset(Preset::Machines));
    assert!(state.panes.contains(&PaneKind::ControlFlow(None)), "one machine has nothing to compare with");
    apply(&mut state, Command::FocusPane(PaneKind::ControlFlow(Some(MachineId(9)))));
    assert_ne!(state.panes.focused, Some(PaneKind::ControlFlow(Some(MachineId(9)))));
}

#[test]
fn switches_switch_and_settings_remember() {
    let mut state = open_state();
    apply(&mut state, Command::ToggleHideIdle);
    apply(&mut state, Command::ToggleCompact);
    assert!(state.view.hide_idle && state.settings.hide_idle && state.view.compact && state.settings.compact);
    apply(&mut state, Command::ToggleTree);
    apply(&mut state, Command::ToggleDetails);
    assert!(!state.settings.tree && !state.settings.details);
    apply(&mut state, Command::CycleTheme);
    assert_eq!(state.settings.theme, ThemeChoice::Light);
    state.dark = false;
    apply(&mut state, Command::CycleTheme);
    assert_eq!(state.settings.theme, ThemeChoice::Dark);
    apply(&mut state, Command::CycleTimeFormat);
    assert_eq!(state.clock().format, TimeFormat::Relative);
    apply(&mut state, Command::ZoomUi(Some(1.1)));
    assert!((state.settings.ui_scale - 1.1).abs() < 1e-3);
    apply(&mut state, Command::ZoomUi(None));
    assert!((state.settings.ui_scale - 1.0).abs() < 1e-6);
    apply(&mut state, Command::ToggleProblems);
    assert!(state.problems);
    apply(&mut state, Command::ToggleRow(thread(100)));
    assert!(state.view.collapsed.contains(&thread(100)));
    apply(&mut state, Command::ToggleRow(thread(100)));
    assert!(state.view.collapsed.is_empty());
}

#[test]
fn escape_closes_one_thing_after_the_other() {
    let mut state = open_state();
    select(&mut state, thread(100), 100);
    apply(&mut state, Command::SetRowSearch("x".to_owned()));
    apply(&mut state, Command::ToggleFullPane);
    apply(&mut state, Command::ToggleLegendState(RowState::Idle));
    apply(&mut state, Command::ToggleKeys);
    apply(&mut state, Command::TogglePalette);
    assert_eq!(state.overlay, Overlay::Palette);
    apply(&mut state, Command::Dismiss);
    assert_eq!(state.overlay, Overlay::None);
    apply(&mut state, Command::Dismiss);
    assert!(state.view.search.is_empty() && state.panes.full.is_some());
    apply(&mut state, Command::Dismiss);
    assert!(state.panes.full.is_none() && state.view.dimmed != StateSet::default());
    apply(&mut state, Command::Dismiss);
    assert!(state.view.dimmed == StateSet::default() && state.view.selection.is_some());
    assert_eq!(apply(&mut state, Command::Dismiss), [Effect::ReleaseFocus]);
    assert_eq!(state.view.selection, None);
}

#[test]
fn what_needs_the_world_comes_back_as_effects() {
    let mut state = open_state();
    assert_eq!(apply(&mut state, Command::OpenDialog), [Effect::AskForFolder]);
    assert_eq!(apply(&mut state, Command::CancelAnalysis), [Effect::CancelAnalysis]);
    assert_eq!(apply(&mut state, Command::Copy("x".to_owned())), [Effect::Copy("x".to_owned())]);
    assert_eq!(apply(&mut state, Command::Quit), [Effect::Quit]);
}

#[test]
fn choices_are_taken_back_and_made_again() {
    let mut state = open_state();
    let tcp = SyncChoice { methods: vec![stratoscope_core::vocab::SyncMethod::Tcp], ..SyncChoice::default() };
    let back = || Command::UndoChoice(Direction::Back);
    assert_eq!(apply(&mut state, back()), []);
    assert!(state.notice.is_some());
    apply(&mut state, Command::ChooseSync(tcp.clone()));
    apply(&mut state, Command::SetSynced(false));
    let undone = SyncChoice { enabled: false, ..SyncChoice::default() };
    assert_eq!(apply(&mut state, back()), [Effect::ChooseSync(undone)]);
    apply(&mut state, Command::UndoChoice(Direction::Forward));
    assert_eq!(state.choice, SyncChoice { enabled: false, ..tcp });
    // Other traces: what was chosen for these means nothing there.
    apply(&mut state, Command::Open(vec![PathBuf::from("/traces/other")]));
    assert_eq!(apply(&mut state, back()), []);
}

#[test]
fn only_panes_of_rows_are_unlinked() {
    let mut state = open_state();
    let flow = PaneKind::ControlFlow(None);
    apply(&mut state, Command::FocusPane(PaneKind::Events));
    apply(&mut state, Command::ToggleLink(None));
    assert!(state.notice.is_some() && state.panes.unlinked.is_empty());
    apply(&mut state, Command::ToggleLink(Some(flow.clone())));
    let common = state.view.window;
    let window = TimeRange::new(RefNs(1000), RefNs(9000));
    apply(&mut state, Command::SetPaneWindow { pane: flow.clone(), window, remember: true });
    assert_eq!((state.view_of(&flow).window, state.view.window), (window, common));
    // A walk shows its goal where the row is seen.
    apply(&mut state, Command::FocusPane(flow.clone()));
    select(&mut state, thread(100), 5_000);
    apply(&mut state, Command::StepState { direction: Direction::Forward, same: false });
    assert!(state.view_of(&flow).window.contains(state.view.instant()));
    assert_eq!(state.view.window, common);
    apply(&mut state, Command::SetPreset(Preset::Kernel));
    assert!(state.panes.is_linked(&flow) && state.view_of(&flow).window == common);
}

#[test]
fn a_window_that_nobody_chose_goes_with_the_rows_when_clocks_become_known() {
    let window = |a, b| TimeRange::new(RefNs(a * US), RefNs(b * US));
    let shifted = |by: i64| {
        let mut scene = fake::small();
        scene.complete = false;
        scene.machines.iter_mut().for_each(|m| m.map = m.map.shifted(stratoscope_core::vocab::Dur(by)));
        scene
    };
    let mut state = State::new(Settings::default());
    apply(&mut state, Command::Open(vec![PathBuf::from("/traces/small")]));
    state.update(shifted(0), Some(window(1_000, 3_000)));
    assert_eq!(state.view.window, window(1_000, 3_000));
    // What is merely read later moves nothing.
    state.update(shifted(0), Some(window(2_000, 4_000)));
    assert_eq!(state.view.window, window(1_000, 3_000));
    state.update(shifted(1_000), Some(window(2_000, 4_000)));
    assert_eq!(state.view.window, window(2_000, 4_000));
    assert!(!state.view.has_history(Direction::Back), "it is no window to go back to");
    // Whoever looks elsewhere stays there.
    apply(&mut state, Command::SetWindow { window: window(2_500, 3_000), remember: true });
    state.update(shifted(2_000), Some(window(5_000, 6_000)));
    assert_eq!(state.view.window, window(2_500, 3_000));
}
