//! Taking back and making again: choices about clocks and virtual machines, bookmarks, markers and row tools, in the
//! order in which they were made. The window of time has a history of its own.

use std::sync::Arc;

use stratoscope_core::session::SyncChoice;

use crate::window::own::Own;
use crate::window::state::State;

/// How many changes can be taken back.
const KEPT: usize = 100;

/// What was there before a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// What was chosen about clocks and virtual machines.
    Choice(SyncChoice),
    /// What the user had made of the experiment.
    Own(Arc<Own>),
}

/// Remembers what was there before a change; what was taken back before cannot be made again any more.
pub fn remember(state: &mut State, past: Past) {
    let (back, forward) = &mut state.past;
    back.push(past);
    if back.len() > KEPT {
        back.remove(0);
    }
    forward.clear();
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
