//! Carries out commands: the only place where the window's state changes by the user's will.
//!
//! No egui, no threads, no files here. What needs those comes back as [`Effect`]s, which the window performs.

mod compare;

use std::path::PathBuf;

use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::{Cpu, Dur, MachineId, RefNs, RowKey, RowKind, State as RowState, StateSet, TimeRange};

use crate::window::command::{Command, Direction, PickedEvent, RowRef, RowStep};
use crate::window::export::ExportCommand;
use crate::window::find;
use crate::window::flow::answer as flow;
use crate::window::help;
use crate::window::joint::clocks::aligned;
use crate::window::layout::{PaneKind, Panes, Preset};
use crate::window::navigate::{self, Place};
use crate::window::own::{self, Past};
use crate::window::relations;
use crate::window::settings::{self, Preferences, ThemeChoice};
use crate::window::state::{Again, Overlay, State};
use crate::window::tour;
use crate::window::view::{TimeFormat, View};

/// What a command asks of the world outside of the window's state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the user for a folder.
    AskForFolder,
    /// Ask the user for a folder to open beside what is open.
    AskForFolderBeside,
    /// Open a session of [`State::paths`].
    Open,
    /// Drop the session.
    Close,
    /// Stop reading.
    CancelAnalysis,
    /// Close the window.
    Quit,
    /// Begin a new file in the place of one that is not understood.
    StartAnew(settings::command::OwnFile),
    /// Put a text into the clipboard.
    Copy(String),
    /// Take another choice about clocks.
    ChooseSync(SyncChoice),
    /// Find the next or previous event and select it.
    SeekEvent(EventSeek),
    /// Open the sample of the tour that begins, unless it is open.
    OpenTour,
    /// Show what the tour's step speaks of.
    ShowTourStep,
    /// Select another row of the focused pane: only it knows what it shows, and in which order.
    StepRow(RowStep),
    /// Move the selected row up or down: only its pane knows what stands beside it.
    MoveRow(Direction),
    /// Select the next or previous row that the search finds.
    StepMatch(Direction),
    /// Follow this task: its execution flow is shown.
    FollowTask(RowRef),
    /// Select another piece of the execution flow.
    StepPiece(Direction),
    /// Go along the arrow of the selected piece of the execution flow.
    FollowArrow,
    /// Put the keyboard into the search field.
    FocusSearch,
    /// Take the keyboard out of any field.
    ReleaseFocus,
    /// Save or copy something.
    Export(ExportCommand),
}

/// Which event is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSeek {
    /// From here: the picked event, if it is there.
    pub from: Option<PickedEvent>,
    /// Else from this instant.
    pub t: RefNs,
    /// Which way.
    pub direction: Direction,
    /// Only of this machine.
    pub machine: Option<MachineId>,
    /// Only of this CPU.
    pub cpu: Option<Cpu>,
}

/// Carries out a command, so that what it changes for good can be taken back.
pub fn apply(state: &mut State, command: Command) -> Vec<Effect> {
    let before = own::history::Before::of(state, &command);
    let effects = carry_out(state, command);
    before.settle(state);
    effects
}

/// Carries out a command of a tour: the tour as a whole is what can be taken back.
pub fn apply_of_tour(state: &mut State, command: Command) -> Vec<Effect> {
    carry_out(state, command)
}

fn carry_out(state: &mut State, command: Command) -> Vec<Effect> {
    state.notice = None;
    match command {
        Command::OpenDialog => return vec![Effect::AskForFolder],
        Command::OpenBeside => return vec![Effect::AskForFolderBeside],
        Command::Open(paths) => return open(state, paths, None),
        Command::OpenRecording(n) => {
            let paths = state.paths.clone();
            return open(state, paths, Some(n));
        }
        Command::Reload => {
            let again = state.placed.then(|| Again::of(state));
            let (paths, recording) = (state.paths.clone(), state.recording);
            let effects = open(state, paths, recording);
            state.again = again;
            return effects;
        }
        Command::Close => {
            keep_layout(state);
            state.end();
            return vec![Effect::Close];
        }
        Command::CancelAnalysis => return vec![Effect::CancelAnalysis],
        Command::Quit => {
            keep_layout(state);
            return vec![Effect::Quit];
        }
        Command::Copy(text) => return vec![Effect::Copy(text)],
        Command::Export(command) => return vec![Effect::Export(command)],

        Command::SetWindow { window, remember } => state.view.set_window(window, remember),
        Command::SetPaneWindow { pane, window, remember } => {
            state.change_time(Some(&pane), |view| view.set_window(window, remember));
        }
        Command::Zoom { factor, at } => here(state, |view| view.zoom(factor, at)),
        Command::Pan(fraction) => here(state, |view| view.pan(fraction)),
        Command::ZoomToSelection => zoom_to_selection(state),
        Command::ZoomAll => here(state, |view| view.set_window(view.bounds, true)),
        Command::ZoomHistory(direction) => {
            if !here(state, |view| view.history(direction)) {
                state.notice = Some("There is no other window to go to".to_owned());
            }
        }

        Command::SelectTime(selection) => {
            state.view.selection = selection.map(|s| TimeRange::new(s.begin.min(s.end), s.begin.max(s.end)));
            let instant = state.view.selection.filter(|s| s.begin == s.end).map(|s| s.begin);
            state.event = state.event.filter(|e| Some(e.t) == instant);
        }
        Command::SelectRow(row) => state.view.row = row,
        Command::SelectEvent(event) => select_event(state, event),
        Command::StepRow(step) => return vec![Effect::StepRow(step)],
        Command::StepState { direction, same } => {
            let goal = with_row(state, |s, row| navigate::step_state(&s.scene, row, s.view.instant(), direction, same));
            go(state, goal);
        }
        Command::StepEvent(direction) => return vec![Effect::SeekEvent(seek(state, direction))],
        Command::FollowCpu => {
            let goal = with_row(state, |s, row| navigate::follow(&s.scene, row, s.view.instant()));
            go(state, goal);
        }
        Command::FollowWaker if state.panes.focused == Some(PaneKind::ExecutionFlow) => {
            return vec![Effect::FollowArrow];
        }
        Command::FollowWaker => {
            let goal = with_row(state, |s, row| navigate::follow_waker(&s.scene, row, s.view.instant()));
            go(state, goal);
        }
        Command::GoToHostThread => {
            let goal = with_row(state, |s, row| relations::go_to_thread(&s.scene, row, s.view.instant()));
            go_shown(state, goal);
        }
        Command::GoToVcpu => {
            let goal = with_row(state, |s, row| relations::go_to_vcpu(&s.scene, row, s.view.instant()));
            go_shown(state, goal);
        }
        Command::GoToCulprit => {
            let goal = with_row(state, |s, row| relations::go_to_culprit(&s.scene, row, s.view.instant()));
            go_shown(state, goal);
        }

        Command::ShowFlow(row) => return show_flow(state, row),
        Command::StepPiece(direction) => return vec![Effect::StepPiece(direction)],

        Command::ToggleRow(row) => {
            if !state.view.collapsed.remove(&row) {
                state.view.collapsed.insert(row);
            }
        }
        Command::ToggleHideIdle => {
            state.prefer(&Preferences { hide_idle: Some(!state.view.hide_idle), ..Preferences::default() });
        }
        Command::ToggleIdleTasks => state.view.idle_tasks = !state.view.idle_tasks,
        Command::ToggleByMachine => {
            state.prefer(&Preferences { by_machine: Some(!state.view.by_machine), ..Preferences::default() });
        }
        Command::ToggleCompact => {
            state.prefer(&Preferences { compact: Some(!state.view.compact), ..Preferences::default() });
        }
        Command::ToggleLegendState(of) => state.view.dimmed = toggle_legend(state.view.dimmed, of),
        Command::ToggleLegendStates(all) => {
            state.view.dimmed = all.iter().fold(state.view.dimmed, toggle_legend);
        }
        Command::ClearLegend => state.view.dimmed = StateSet::default(),
        Command::FocusSearch => {
            state.overlay = Overlay::None;
            state.finding = true;
            return vec![Effect::FocusSearch];
        }
        Command::SetRowSearch(text) => state.look_for(text),
        Command::Find(command) => return find::command::apply(state, command),
        Command::StepMatch(direction) => {
            if let Some(error) = state.view.find.error() {
                state.notice = Some(format!("The filter is not understood: {error}"));
            } else if state.view.find.is_active() {
                return vec![Effect::StepMatch(direction)];
            } else {
                state.notice = Some("Nothing is looked for: / begins".to_owned());
            }
        }

        Command::Mark(command) => return own::marks::apply(state, command),
        Command::Rows(command) => return own::rows::apply(state, command),
        Command::Help(command) => return help::command::apply(state, command),

        Command::SetSynced(on) => return choose(state, SyncChoice { enabled: on, ..state.choice.clone() }),
        Command::ToggleSynced => {
            return choose(state, SyncChoice { enabled: !state.choice.enabled, ..state.choice.clone() });
        }
        Command::ChooseSync(choice) => return choose_anew(state, choice),
        Command::UndoChoice(direction) => return undo_choice(state, direction),
        Command::MarkEvent => mark_event(state),
        Command::AlignEvents => match (state.align, state.event) {
            (Some(first), Some(second)) => match aligned(&state.scene.facts, &state.choice, first, second) {
                Ok(choice) => {
                    state.align = None;
                    return choose_anew(state, choice);
                }
                Err(why) => state.notice = Some(why),
            },
            (None, _) => state.notice = Some("Mark an event first, then pick the other one".to_owned()),
            (_, None) => state.notice = Some("Pick an event of the other machine in the table".to_owned()),
        },

        Command::CompareSelection(side) => compare::selection(state, side),
        Command::SetSide { side, to } => compare::set(state, side, to),
        Command::SwapSides => compare::swap(state),
        Command::CompareHalves => compare::halves(state),
        Command::CompareRecordings => compare::recordings(state),

        Command::TogglePane(kind) => {
            state.own_layout = false;
            state.panes.toggle(&kind);
            state.panes.forget_closed();
            state.settle_links();
            keep_layout(state);
        }
        Command::ShowPane(kind) => {
            state.own_layout = false;
            state.panes.show(&kind);
            state.settle_links();
            keep_layout(state);
        }
        Command::FocusPane(kind) => {
            if state.panes.contains(&kind) {
                state.panes.focused = Some(kind);
            }
        }
        Command::SetPreset(preset) => {
            state.own_layout = false;
            state.panes = Panes::preset(preset, state.scene.machines.len());
            state.settle_links();
            keep_layout(state);
        }
        Command::ToggleLink(pane) => toggle_link(state, pane),
        Command::ToggleFullPane => {
            state.panes.full = match state.panes.full.take() {
                Some(_) => None,
                None => state.panes.focused.clone(),
            };
        }
        Command::ToggleTree => {
            state.prefer(&Preferences { tree: Some(!state.settings.tree), ..Preferences::default() });
        }
        Command::ToggleDetails => {
            state.prefer(&Preferences { details: Some(!state.settings.details), ..Preferences::default() });
        }
        Command::CycleTheme => {
            let theme = if state.dark { ThemeChoice::Light } else { ThemeChoice::Dark };
            state.prefer(&Preferences { theme: Some(theme), ..Preferences::default() });
        }
        Command::CycleTimeFormat => {
            let format = match state.settings.time_format {
                TimeFormat::Clock => TimeFormat::Relative,
                TimeFormat::Relative => TimeFormat::Clock,
            };
            state.prefer(&Preferences { time_format: Some(format), ..Preferences::default() });
        }
        Command::ZoomUi(factor) => {
            let wish = state.settings.scaled(factor);
            state.prefer(&wish);
        }
        Command::Settings(command) => return settings::command::apply(state, command),
        Command::StartTour(name) => return start_tour(state, &name),
        Command::StepTour(direction) => return step_tour(state, direction),
        Command::EndTour => state.tour = None,
        Command::ToggleKeys => state.overlay = toggled(state.overlay, Overlay::Keys),
        Command::TogglePalette => state.overlay = toggled(state.overlay, Overlay::Palette),
        Command::ToggleProblems => state.problems = !state.problems,
        Command::Dismiss => return dismiss(state),
    }
    Vec::new()
}

/// Changes the window of time that the pane with the keyboard shows.
fn here<R>(state: &mut State, change: impl FnOnce(&mut View) -> R) -> R {
    let focused = state.panes.focused.clone();
    state.change_time(focused.as_ref(), change)
}

fn toggle_link(state: &mut State, pane: Option<PaneKind>) {
    let pane = pane.or_else(|| state.panes.focused.clone());
    let Some(pane) = pane.filter(|p| p.is_timeline() && state.panes.contains(p)) else {
        state.notice = Some("Only panes of rows can go their own way: click into one first".to_owned());
        return;
    };
    if !state.panes.unlinked.remove(&pane) {
        state.panes.unlinked.insert(pane);
    }
    state.settle_links();
    keep_layout(state);
}

/// A choice that can be taken back.
fn choose_anew(state: &mut State, choice: SyncChoice) -> Vec<Effect> {
    if choice != state.choice {
        own::history::remember(state, Past::Choice(state.choice.clone()));
    }
    choose(state, choice)
}

fn undo_choice(state: &mut State, direction: Direction) -> Vec<Effect> {
    match own::history::step(state, direction) {
        Some((name, choice)) => {
            keep_layout(state);
            let word = if direction == Direction::Back { "Taken back" } else { "Made again" };
            // Switching the synchronisation off and on is no choice to be taken back.
            let enabled = state.choice.enabled;
            let effects = choice.map_or_else(Vec::new, |choice| choose(state, SyncChoice { enabled, ..choice }));
            state.notice = Some(format!("{word}: {name}"));
            effects
        }
        None => {
            state.notice = Some(match direction {
                Direction::Back => "There is nothing to take back; Backspace goes back in time".to_owned(),
                Direction::Forward => "There is nothing to make again".to_owned(),
            });
            Vec::new()
        }
    }
}

fn choose(state: &mut State, choice: SyncChoice) -> Vec<Effect> {
    if choice == state.choice {
        return Vec::new();
    }
    state.choice = choice.clone();
    state.memory.set_clocks(&state.paths, &choice);
    vec![Effect::ChooseSync(choice)]
}

fn show_flow(state: &mut State, row: Option<RowRef>) -> Vec<Effect> {
    let Some(row) = row.or(state.view.row) else {
        state.notice = Some("Select a task first: click its row, or use ↑ and ↓".to_owned());
        return Vec::new();
    };
    let Some(task) = flow::task_of(&state.scene.facts, row) else {
        state.notice =
            Some("Only a task has an execution flow: select a thread, a task inside a VM, or a vCPU".to_owned());
        return Vec::new();
    };
    state.view.row = Some(row);
    if state.own_layout && !state.panes.contains(&PaneKind::ExecutionFlow) {
        // Nobody arranged these panes: the flow takes the room that it needs.
        state.panes = Panes::preset(Preset::ExecutionFlow, state.scene.machines.len());
    }
    state.panes.show(&PaneKind::ExecutionFlow);
    state.own_layout = false;
    keep_layout(state);
    vec![Effect::FollowTask(task)]
}

fn mark_event(state: &mut State) {
    match (state.align, state.event) {
        (Some(_), _) => state.align = None,
        (None, Some(event)) => {
            state.align = Some(event);
            state.notice = Some("Marked. Now pick an event of the other machine, and align it".to_owned());
        }
        (None, None) => state.notice = Some("Pick an event in the table first".to_owned()),
    }
}

fn open(state: &mut State, paths: Vec<PathBuf>, recording: Option<usize>) -> Vec<Effect> {
    if paths.is_empty() {
        return Vec::new();
    }
    keep_layout(state);
    state.begin(paths, recording);
    vec![Effect::Open]
}

fn start_tour(state: &mut State, name: &str) -> Vec<Effect> {
    if tour::find(name).is_none() {
        state.notice = Some(format!("There is no tour called {name}"));
        return Vec::new();
    }
    state.tour = Some(tour::Progress { name: name.to_owned(), step: 0, path: None, waiting: true, remembered: false });
    vec![Effect::OpenTour]
}

fn step_tour(state: &mut State, direction: Direction) -> Vec<Effect> {
    let Some((progress, steps)) = state.tour.as_mut().and_then(|p| p.at().map(|(t, _)| t.steps.len()).map(|n| (p, n)))
    else {
        state.notice = Some("No tour is under way: Help offers them".to_owned());
        return Vec::new();
    };
    match direction {
        Direction::Forward if progress.step + 1 == steps => {
            state.tour = None;
            return Vec::new();
        }
        Direction::Forward => progress.step += 1,
        Direction::Back => progress.step = progress.step.saturating_sub(1),
    }
    vec![Effect::ShowTourStep]
}

/// Remembers how panes are arranged for what is open.
pub(crate) fn keep_layout(state: &mut State) {
    if state.placed {
        let panes = Panes { full: None, ..state.panes.clone() };
        state.memory.set_layout(&state.paths, &panes);
    }
}

/// All but this state are dimmed; once more, and all are shown again. With others shown already it joins or
/// leaves them.
fn toggle_legend(dimmed: StateSet, of: RowState) -> StateSet {
    let all = State::all_states();
    if dimmed == StateSet::default() {
        return StateSet(all.0 & !of.bit());
    }
    let next = StateSet(dimmed.0 ^ of.bit());
    // When the last shown one leaves, nothing would be left to look at.
    if next == all { StateSet::default() } else { next }
}

impl State {
    /// Every state that a legend can dim.
    fn all_states() -> StateSet {
        StateSet(RowState::ALL.iter().filter(|s| **s != RowState::None).fold(0, |bits, s| bits | s.bit()))
    }
}

fn toggled(now: Overlay, wanted: Overlay) -> Overlay {
    if now == wanted { Overlay::None } else { wanted }
}

fn zoom_to_selection(state: &mut State) {
    if let Some(range) = state.view.range() {
        here(state, |view| view.set_window(range, true));
        return;
    }
    // An instant: the state of the selected row at it, with a little of what is around.
    let interval = state.view.row.zip(state.view.selection).and_then(|(row, s)| {
        let interval = navigate::interval_at(&state.scene, row, s.begin)?;
        navigate::span(&state.scene, row, &interval)
    });
    match interval {
        Some(span) => {
            let margin = Dur(span.length().0 / 8);
            here(state, |view| view.set_window(TimeRange::new(span.begin - margin, span.end + margin), true));
        }
        None => state.notice = Some("Select a range first: drag on the axis, or with Shift in the rows".to_owned()),
    }
}

fn with_row(
    state: &State,
    find: impl FnOnce(&State, RowRef) -> Result<Place, navigate::Nowhere>,
) -> Result<Place, navigate::Nowhere> {
    match state.view.row {
        Some(row) => find(state, row),
        None => Err("Select a row first: click it, or use ↑ and ↓".to_owned()),
    }
}

/// Selects a place and shows it, or says why not.
pub(crate) fn go(state: &mut State, goal: Result<Place, navigate::Nowhere>) {
    match goal {
        Ok(place) => {
            state.view.row = Some(place.row);
            state.view.selection = Some(TimeRange::new(place.t, place.t));
            state.event = None;
            if let Some(kind) = state.pane_of(place.row) {
                state.panes.focused = Some(kind);
            }
            here(state, |view| view.reveal(place.t));
        }
        Err(why) => state.notice = Some(why),
    }
}

/// Goes to a row of another machine, and opens a pane for it if none shows it.
fn go_shown(state: &mut State, goal: Result<Place, navigate::Nowhere>) {
    if let Ok(place) = &goal
        && state.pane_of(place.row).is_none()
    {
        let kind = match place.row.key.kind {
            RowKind::Vcpu | RowKind::VmThread => PaneKind::VirtualMachines,
            RowKind::PhysicalCpu => PaneKind::PhysicalCpus,
            RowKind::Thread => PaneKind::ControlFlow(None),
            RowKind::Cpu | RowKind::Irq | RowKind::Softirq => PaneKind::Resources(None),
        };
        state.panes.show(&kind);
        keep_layout(state);
    }
    go(state, goal);
}

fn select_event(state: &mut State, event: PickedEvent) {
    state.event = Some(event);
    state.view.selection = Some(TimeRange::new(event.t, event.t));
    state.view.reveal(event.t);
    let Some(machine) = state.scene.machine(event.machine) else { return };
    if event.cpu == Cpu::UNKNOWN {
        return;
    }
    let cpu_row = RowRef { machine: event.machine, key: RowKey::cpu(event.cpu) };
    let on_cpu_row = state.view.row.is_some_and(|r| r.key.kind == RowKind::Cpu);
    let thread = navigate::current_thread(machine, event.cpu, machine.map.from_ref(event.t));
    let cpu_known = machine.by_key.contains_key(&cpu_row.key);
    // Whoever looks at CPUs goes on looking at CPUs.
    let row = if on_cpu_row && cpu_known { Some(cpu_row) } else { thread.or(cpu_known.then_some(cpu_row)) };
    if row.is_some() {
        state.view.row = row;
    }
}

/// Of the selected row's CPU if it is one, of its machine if it is a thread, else of all.
fn seek(state: &State, direction: Direction) -> EventSeek {
    let row = state.view.row;
    let cpu = row.filter(|r| r.key.kind != RowKind::Thread && r.key.cpu != Cpu::UNKNOWN).map(|r| r.key.cpu);
    EventSeek { from: state.event, t: state.view.instant(), direction, machine: row.map(|r| r.machine), cpu }
}

fn dismiss(state: &mut State) -> Vec<Effect> {
    if state.naming.take().is_some() {
        // Its field goes, and the bookmark stays as it is called.
    } else if state.overlay != Overlay::None {
        state.overlay = Overlay::None;
    } else if !state.view.search.is_empty() || state.finding {
        state.finding = false;
        state.look_for(String::new());
    } else if state.help.on_start {
        state.help.on_start = false;
    } else if state.panes.full.is_some() {
        state.panes.full = None;
    } else if state.view.dimmed != StateSet::default() {
        state.view.dimmed = StateSet::default();
    } else if state.view.selection.is_some() {
        state.view.selection = None;
        state.event = None;
    } else {
        state.tour = None;
    }
    vec![Effect::ReleaseFocus]
}

#[cfg(test)]
mod tests;
