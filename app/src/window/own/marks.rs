//! Bookmarks and markers: what commands do to them.

use stratoscope_core::vocab::{MachineId, RefNs, TimeRange};

use crate::window::apply::Effect;
use crate::window::command::Direction;
use crate::window::navigate;
use crate::window::own::history::change;
use crate::window::own::{Anchor, Bookmark};
use crate::window::state::State;
use crate::window::words;

/// The longest text of a bookmark, in characters.
pub const MAX_TEXT: usize = 200;

/// What can be done to bookmarks and markers.
#[derive(Clone, Debug, PartialEq)]
pub enum MarkCommand {
    /// Bookmark the selected instant or range, and ask for its text.
    Add,
    /// Give a bookmark another text.
    Rename {
        /// Which.
        id: u32,
        /// The text; empty leaves the old one.
        text: String,
    },
    /// Remove a bookmark.
    Remove(u32),
    /// Select a bookmark's time and show it.
    Go(u32),
    /// The same of the next or previous one from the selected instant.
    Step(Direction),
    /// Ask for a bookmark's text, or stop asking.
    Name(Option<u32>),
    /// Set marker A (0) or B (1) at the selection; where it stands already it is taken away.
    Marker(usize),
    /// Take both markers away.
    ClearMarkers,
    /// Select the stretch between the markers.
    SelectMarkers,
}

/// Carries out such a command.
pub fn apply(state: &mut State, command: MarkCommand) -> Vec<Effect> {
    match command {
        MarkCommand::Add => add(state),
        MarkCommand::Rename { id, text } => {
            let text: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
            state.naming = None;
            if !text.is_empty() {
                change(state, |own| {
                    own.bookmarks.iter_mut().filter(|b| b.id == id).for_each(|b| b.text.clone_from(&text))
                });
            }
        }
        MarkCommand::Remove(id) => {
            state.naming = state.naming.filter(|n| *n != id);
            change(state, |own| own.bookmarks.retain(|b| b.id != id));
        }
        MarkCommand::Go(id) => match state.view.own.bookmark(id).and_then(|b| b.range(&state.scene)) {
            Some(range) => go(state, range),
            None => state.notice = Some("The bookmark's machine is not there".to_owned()),
        },
        MarkCommand::Step(direction) => step(state, direction),
        MarkCommand::Name(id) => state.naming = id.filter(|id| state.view.own.bookmark(*id).is_some()),
        MarkCommand::Marker(which) => marker(state, which),
        MarkCommand::ClearMarkers => {
            change(state, |own| own.markers = [None, None]);
        }
        MarkCommand::SelectMarkers => match state.view.own.between(&state.scene) {
            Some(range) => state.view.selection = Some(range),
            None => state.notice = Some("Set both markers first: M and Shift+M".to_owned()),
        },
    }
    Vec::new()
}

/// Whose time a mark is kept in: the selected row's machine, else the one whose clock is the axis.
fn owner(state: &State) -> MachineId {
    state.view.row.map_or(state.scene.facts.reference, |row| row.machine)
}

fn add(state: &mut State) {
    let Some(range) = state.view.selection else {
        state.notice = Some("Select an instant or a range first: a bookmark needs a place".to_owned());
        return;
    };
    let machine = owner(state);
    let anchor = |t| Anchor::of(&state.scene, machine, t);
    let (Some(begin), Some(end)) = (anchor(range.begin), anchor(range.end)) else {
        state.notice = Some("Nothing is known of this time yet".to_owned());
        return;
    };
    let id = state.view.own.free_id();
    let text = first_text(state, range, id);
    change(state, |own| own.bookmarks.push(Bookmark { id, begin, end, text }));
    state.naming = Some(id);
}

/// What a bookmark is called until somebody says otherwise: the selected row and what it does there.
fn first_text(state: &State, range: TimeRange<RefNs>, id: u32) -> String {
    let Some(row) = state.view.row else { return format!("Bookmark {id}") };
    let name = words::row_place(&state.scene, row);
    let interval = navigate::interval_at(&state.scene, row, range.begin).filter(|_| range.begin == range.end);
    match interval {
        Some(interval) => format!("{name}: {}", interval.look.state.name()),
        None => name,
    }
}

fn go(state: &mut State, range: TimeRange<RefNs>) {
    state.view.selection = Some(range);
    state.event = None;
    let focused = state.panes.focused.clone();
    state.change_time(focused.as_ref(), |view| {
        if range.length().0 > view.window.length().0 {
            view.set_window(crate::window::timeline::interact::around(range), true);
        } else if !(view.window.contains(range.begin) && view.window.contains(range.end)) {
            view.reveal(range.begin + stratoscope_core::vocab::Dur(range.length().0 / 2));
        }
    });
}

fn step(state: &mut State, direction: Direction) {
    let now = state.view.instant();
    let places = state.view.own.bookmarks.iter().filter_map(|b| b.range(&state.scene));
    let next = match direction {
        Direction::Forward => places.filter(|r| r.begin > now).min_by_key(|r| (r.begin, r.end)),
        Direction::Back => places.filter(|r| r.begin < now).max_by_key(|r| (r.begin, r.end)),
    };
    match next {
        Some(range) => go(state, range),
        None if state.view.own.bookmarks.is_empty() => {
            state.notice = Some("There are no bookmarks: B makes one".to_owned());
        }
        None => state.notice = Some("No further bookmark there".to_owned()),
    }
}

fn marker(state: &mut State, which: usize) {
    let Some(selection) = state.view.selection else {
        state.notice = Some("Select an instant first: click, or walk with ← and →".to_owned());
        return;
    };
    // Of a range, A is its begin and B its end.
    let t = if which == 0 { selection.begin } else { selection.end };
    let anchor = Anchor::of(&state.scene, owner(state), t);
    let same = state.view.own.markers(&state.scene).get(which).copied().flatten() == Some(t);
    change(state, |own| {
        if let Some(place) = own.markers.get_mut(which) {
            *place = if same { None } else { anchor };
        }
    });
}
