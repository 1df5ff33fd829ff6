//! What commands do to what is looked for, and to filters that are kept.

use std::collections::BTreeMap;

use stratoscope_core::query::Filter;

use crate::window::apply::Effect;
use crate::window::command::Direction;
use crate::window::navigate::Place;
use crate::window::settings::Preferences;
use crate::window::state::State;

/// Among what the next match is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Rows of the focused pane.
    Rows,
    /// States of its rows.
    States,
    /// The table of events.
    Events,
}

/// What can be done in looking for something.
#[derive(Clone, Debug, PartialEq)]
pub enum FindCommand {
    /// Close the field; nothing is looked for any more.
    Close,
    /// Go to the next or previous match among these, also from now on.
    Step(Among, Direction),
    /// Keep the present filter under a name; one of that name is replaced.
    Keep(String),
    /// Look for a kept filter.
    Use(String),
    /// Forget a kept filter.
    Forget(String),
    /// A state was found: go there.
    Found(Place),
}

/// Carries out such a command.
pub fn apply(state: &mut State, command: FindCommand) -> Vec<Effect> {
    match command {
        FindCommand::Close => {
            state.finding = false;
            state.look_for(String::new());
            return vec![Effect::ReleaseFocus];
        }
        FindCommand::Step(among, direction) => {
            state.among = Some(among);
            return vec![Effect::StepMatch(direction)];
        }
        FindCommand::Keep(name) => keep(state, name.trim()),
        FindCommand::Use(name) => {
            if let Some((_, text)) = state.settings.filters.iter().find(|(n, _)| *n == name) {
                let text = text.clone();
                state.finding = true;
                state.look_for(text);
            }
        }
        FindCommand::Forget(name) => state.prefer(&one(name, String::new())),
        FindCommand::Found(place) => crate::window::apply::go(state, Ok(place)),
    }
    Vec::new()
}

/// A filter of that name; without a text: none.
fn one(name: String, text: String) -> Preferences {
    Preferences { filters: BTreeMap::from([(name, text)]), ..Preferences::default() }
}

fn keep(state: &mut State, name: &str) {
    let text = state.view.search.trim().to_owned();
    if name.is_empty() || text.is_empty() {
        state.notice = Some("A filter needs a text and a name to be kept".to_owned());
    } else if state.view.find.error().is_some() && Filter::parse(&text).is_err() {
        state.notice = Some("This filter is not understood: it is not kept".to_owned());
    } else {
        state.prefer(&one(name.to_owned(), text));
        state.notice = Some(format!("Kept as {name}"));
    }
}
