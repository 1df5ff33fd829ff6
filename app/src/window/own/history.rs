//! Taking back and making again: choices about clocks and virtual machines, bookmarks, markers and row tools, how rows
//! are looked at, and how panes are arranged, in the order in which they were made, each with a name. The window of
//! time has a history of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::StateSet;

use crate::window::command::{Command, Direction, RowRef};
use crate::window::layout::Panes;
use crate::window::own::{MarkCommand, Own, RowCommand};
use crate::window::settings::Said;
use crate::window::state::State;

/// How many changes can be taken back.
const KEPT: usize = 100;

/// A change that can be taken back, or made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What it did, as a menu says it after “Undo”.
    pub name: &'static str,
    /// What was there before it.
    pub past: Past,
}

/// What was there before a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// What was chosen about clocks and virtual machines.
    Choice(SyncChoice),
    /// What the user had made of the experiment.
    Own(Arc<Own>),
    /// How rows were looked at.
    Look(Look),
    /// How panes were arranged.
    Panes(Box<Panes>),
    /// Both, as they were before a tour: all of its steps are taken back as one.
    BeforeTour(Look, Box<Panes>),
}

/// How rows are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    dimmed: StateSet,
    collapsed: BTreeSet<RowRef>,
    idle_tasks: bool,
    /// What the user had said of the settings that are part of it.
    said: Said,
}

/// Settings of how rows are looked at.
const SETTINGS: [&str; 3] = ["compact", "hide_idle", "by_machine"];

impl Look {
    fn of(state: &State) -> Self {
        let view = &state.view;
        Self {
            dimmed: view.dimmed,
            collapsed: view.collapsed.clone(),
            idle_tasks: view.idle_tasks,
            said: state.settings.said(&SETTINGS),
        }
    }

    fn put(self, state: &mut State) {
        state.settings.say(&self.said);
        state.take_settings();
        let view = &mut state.view;
        (view.dimmed, view.collapsed) = (self.dimmed, self.collapsed);
        view.idle_tasks = self.idle_tasks;
    }
}

/// What a command may be about to change, to be compared with what it left.
pub struct Before {
    name: &'static str,
    past: Option<Past>,
}

impl Before {
    /// Looks at the state before a command is carried out.
    pub fn of(state: &State, command: &Command) -> Self {
        let past = match command {
            Command::ToggleLegendState(_)
            | Command::ToggleLegendStates(_)
            | Command::ClearLegend
            | Command::ToggleRow(_)
            | Command::ToggleCompact
            | Command::ToggleHideIdle
            | Command::ToggleIdleTasks
            | Command::ToggleByMachine
            | Command::Dismiss => Some(Past::Look(Look::of(state))),
            Command::SetPreset(_) | Command::TogglePane(_) if state.placed => {
                Some(Past::Panes(Box::new(arrangement(state))))
            }
            _ => None,
        };
        Self { name: name_of(command), past }
    }

    /// The same before a step of a tour, whatever commands it sends.
    pub fn of_tour(state: &State) -> Self {
        let past = state.placed.then(|| Past::BeforeTour(Look::of(state), Box::new(arrangement(state))));
        Self { name: "what the tour arranged", past }
    }

    /// Remembers what was there, if the command changed it, and gives its name to what the command remembered itself.
    /// Returns whether it changed.
    pub fn settle(self, state: &mut State) -> bool {
        let changed = match &self.past {
            Some(Past::Look(look)) => Look::of(state) != *look,
            Some(Past::Panes(panes)) => arrangement(state) != **panes,
            Some(Past::BeforeTour(look, panes)) => Look::of(state) != *look || arrangement(state) != **panes,
            Some(Past::Choice(_) | Past::Own(_)) | None => false,
        };
        if let Some(past) = self.past.filter(|_| changed) {
            remember(state, past);
        }
        if let Some(last) = state.past.0.last_mut().filter(|change| change.name.is_empty()) {
            last.name = self.name;
        }
        changed
    }
}

/// The panes without what is no arrangement: which one has the keyboard, and whether one is shown alone.
fn arrangement(state: &State) -> Panes {
    Panes { full: None, focused: None, ..state.panes.clone() }
}

/// What a command does, in a few words.
fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Mark(command) => match command {
            MarkCommand::Add => "new bookmark",
            MarkCommand::Rename { .. } => "text of a bookmark",
            MarkCommand::Remove(_) => "bookmark removed",
            MarkCommand::Marker(_) => "marker",
            MarkCommand::ClearMarkers => "markers cleared",
            _ => "bookmarks",
        },
        Command::Rows(command) => match command {
            RowCommand::Hide(_) | RowCommand::HideOthers(_) => "rows hidden",
            RowCommand::ShowAll => "hidden rows shown",
            RowCommand::Pin(_) => "row pinned or unpinned",
            RowCommand::Sort(_) | RowCommand::CycleSort => "order of threads",
            RowCommand::Move(_) | RowCommand::Put(_) => "row moved",
            RowCommand::ResetOrder => "rows put back",
        },
        Command::ToggleLegendState(_) | Command::ToggleLegendStates(_) => "states dimmed",
        Command::ClearLegend | Command::Dismiss => "all states shown",
        Command::ToggleRow(_) => "row opened or closed",
        Command::ToggleCompact => "height of rows",
        Command::ToggleHideIdle => "idle rows",
        Command::ToggleIdleTasks => "idle tasks",
        Command::ToggleByMachine => "colours of physical CPUs",
        Command::SetPreset(_) => "arrangement of panes",
        Command::TogglePane(_) => "pane shown or closed",
        Command::AlignEvents => "machine moved by hand",
        _ => "choice of clocks or virtual machines",
    }
}

/// Remembers what was there before a change; what was taken back before cannot be made again any more.
pub fn remember(state: &mut State, past: Past) {
    let (back, forward) = &mut state.past;
    // The command that is carried out gives the name when it is done.
    back.push(Change { name: "", past });
    if back.len() > KEPT {
        back.remove(0);
    }
    forward.clear();
}

/// Takes the last change back, or makes it again: what is there now changes places with what was there before.
/// `None`: there is nothing. A choice about clocks is left to the caller: it takes more than the state.
pub fn step(state: &mut State, direction: Direction) -> Option<(&'static str, Option<SyncChoice>)> {
    let (back, forward) = &mut state.past;
    let from = if direction == Direction::Back { back } else { forward };
    let Change { name, past } = from.pop()?;
    let now = match &past {
        Past::Choice(_) => Past::Choice(state.choice.clone()),
        Past::Own(_) => Past::Own(Arc::clone(&state.view.own)),
        Past::Look(_) => Past::Look(Look::of(state)),
        Past::Panes(_) => Past::Panes(Box::new(arrangement(state))),
        Past::BeforeTour(..) => Past::BeforeTour(Look::of(state), Box::new(arrangement(state))),
    };
    let (back, forward) = &mut state.past;
    let to = if direction == Direction::Back { forward } else { back };
    to.push(Change { name, past: now });
    let mut choice = None;
    match past {
        Past::Choice(before) => choice = Some(before),
        Past::Own(own) => {
            state.naming = None;
            put(state, own);
        }
        Past::Look(look) => look.put(state),
        Past::Panes(panes) => arrange(state, *panes),
        Past::BeforeTour(look, panes) => {
            look.put(state);
            arrange(state, *panes);
        }
    }
    Some((name, choice))
}

fn arrange(state: &mut State, panes: Panes) {
    let focused = state.panes.focused.take();
    state.panes = Panes { focused, ..panes };
    state.panes.limit_to(state.scene.machines.len());
    state.panes.forget_closed();
    state.own_layout = false;
    state.settle_links();
}

/// Changes what the user made of the experiment, so that it is remembered and can be taken back. Returns whether
/// anything changed.
pub fn change(state: &mut State, change: impl FnOnce(&mut Own)) -> bool {
    let before = Arc::clone(&state.view.own);
    let mut own = (*before).clone();
    change(&mut own);
    if own == *before {
        return false;
    }
    remember(state, Past::Own(before));
    put(state, Arc::new(own));
    true
}

/// Puts back what was there before, without remembering anything.
pub fn put(state: &mut State, own: Arc<Own>) {
    state.memory.set_own(&state.paths, &own);
    state.view.own = own;
}
