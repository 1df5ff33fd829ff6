//! Row tools: which rows are hidden, pinned on top, and in which order the others stand. Data and what commands do
//! to it; the timeline's `arrange` makes lists of rows of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::RowKind;

use crate::window::apply::Effect;
use crate::window::command::{Direction, RowRef};
use crate::window::own::history::change;
use crate::window::state::State;
use crate::window::timeline::rows::Sort;

/// A row that was moved among those beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The row.
    pub row: RowRef,
    /// The row that it stands after; `None`: it is the first.
    pub after: Option<RowRef>,
}

/// Which rows stand where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowTools {
    /// The order of threads.
    pub sort: Sort,
    /// Hidden rows, with what is below them.
    pub hidden: BTreeSet<RowRef>,
    /// Rows to which their pane is limited, with what is above and below them; a pane of none of these shows all.
    pub only: BTreeSet<RowRef>,
    /// Rows that stand on top of their pane, from top to bottom.
    pub pinned: Vec<RowRef>,
    /// Rows that were moved, in the order in which that was done.
    pub placed: Vec<Place>,
}

impl RowTools {
    /// Whether any row is hidden by hand.
    pub fn hides(&self) -> bool {
        !self.hidden.is_empty() || !self.only.is_empty()
    }
}

/// What can be done to rows. `None` means the selected one.
#[derive(Clone, Debug, PartialEq)]
pub enum RowCommand {
    /// Hide a row and what is below it.
    Hide(Option<RowRef>),
    /// Hide all rows of its pane but this one.
    HideOthers(Option<RowRef>),
    /// Show all rows that were hidden by hand.
    ShowAll,
    /// Pin a row on top of its pane, or put it back to its place.
    Pin(Option<RowRef>),
    /// Sort threads.
    Sort(Sort),
    /// The next order of threads.
    CycleSort,
    /// Move the selected row up or down among those beside it.
    Move(Direction),
    /// Put a row after another one beside it, or first.
    Put(Place),
    /// Forget how rows were moved.
    ResetOrder,
}

/// Carries out such a command.
pub fn apply(state: &mut State, command: RowCommand) -> Vec<Effect> {
    match command {
        RowCommand::Hide(row) => with_row(state, row, |tools, row| {
            tools.hidden.insert(row);
            tools.only.remove(&row);
            tools.pinned.retain(|r| *r != row);
        }),
        RowCommand::HideOthers(row) => {
            let pane = row.or(state.view.row).and_then(|row| state.pane_of(row));
            let one_machine = pane.is_some_and(|p| p.machine().is_some());
            with_row(state, row, |tools, row| {
                // What other panes are limited to stays.
                tools.only.retain(|r| sort_of(r) != sort_of(&row) || (one_machine && r.machine != row.machine));
                tools.only.insert(row);
                tools.hidden.remove(&row);
            });
        }
        RowCommand::ShowAll => {
            let some = tools(state, |tools| {
                tools.hidden.clear();
                tools.only.clear();
            });
            if !some {
                state.notice = Some("No row is hidden by hand".to_owned());
            }
        }
        RowCommand::Pin(row) => with_row(state, row, |tools, row| match tools.pinned.iter().position(|r| *r == row) {
            Some(at) => {
                tools.pinned.remove(at);
            }
            None => tools.pinned.push(row),
        }),
        RowCommand::Sort(sort) => {
            tools(state, |tools| tools.sort = sort);
        }
        RowCommand::CycleSort => {
            tools(state, |tools| tools.sort = tools.sort.next());
            state.notice = Some(format!("Threads are sorted by {}", state.view.own.rows.sort.name()));
        }
        RowCommand::Move(direction) => match state.view.row {
            Some(_) => return vec![Effect::MoveRow(direction)],
            None => state.notice = Some(NO_ROW.to_owned()),
        },
        RowCommand::Put(place) => {
            tools(state, |tools| put(tools, place));
        }
        RowCommand::ResetOrder => {
            if !tools(state, |tools| tools.placed.clear()) {
                state.notice = Some("No row was moved".to_owned());
            }
        }
    }
    Vec::new()
}

const NO_ROW: &str = "Select a row first: click it, or use ↑ and ↓";

/// Rows of one sort stand in the same panes.
fn sort_of(row: &RowRef) -> u8 {
    match row.key.kind {
        RowKind::Thread => 0,
        RowKind::Cpu | RowKind::Irq | RowKind::Softirq => 1,
        RowKind::Vcpu | RowKind::VmThread => 2,
        RowKind::PhysicalCpu => 3,
    }
}

/// Among pinned rows it changes their order, else it is remembered as a move.
fn put(tools: &mut RowTools, place: Place) {
    if place.after == Some(place.row) {
        return;
    }
    if let Some(at) = tools.pinned.iter().position(|r| *r == place.row) {
        tools.pinned.remove(at);
        let to = place.after.and_then(|after| tools.pinned.iter().position(|r| *r == after)).map_or(0, |n| n + 1);
        tools.pinned.insert(to, place.row);
        return;
    }
    tools.placed.retain(|p| p.row != place.row);
    tools.placed.push(place);
}

fn tools(state: &mut State, with: impl FnOnce(&mut RowTools)) -> bool {
    change(state, |own| with(&mut own.rows))
}

fn with_row(state: &mut State, row: Option<RowRef>, with: impl FnOnce(&mut RowTools, RowRef)) {
    match row.or(state.view.row) {
        Some(row) => {
            tools(state, |tools| with(tools, row));
        }
        None => state.notice = Some(NO_ROW.to_owned()),
    }
}
