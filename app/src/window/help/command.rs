//! What can be done with help, and what that changes.

use crate::window::apply::{Effect, keep_layout};
use crate::window::help::{Tool, Topic, topic_of};
use crate::window::layout::PaneKind;
use crate::window::state::State;

/// How many articles one can go back.
const KEPT: usize = 50;

/// Something to do with help.
#[derive(Clone, Debug, PartialEq)]
pub enum HelpCommand {
    /// Explain the view that has the keyboard; if that is what is read already, close help.
    Here,
    /// Explain this.
    Show(Topic),
    /// Show the contents.
    Contents,
    /// Look for words.
    Search(String),
    /// Go back to the article before.
    Back,
    /// Show the commands of this tracer.
    Tool(Tool),
}

/// Carries it out.
pub fn apply(state: &mut State, command: HelpCommand) -> Vec<Effect> {
    match command {
        HelpCommand::Here => here(state),
        HelpCommand::Show(topic) => {
            turn_to(state, Some(topic));
            open(state);
        }
        HelpCommand::Contents => {
            turn_to(state, None);
            open(state);
        }
        HelpCommand::Search(text) => state.help.search = text,
        HelpCommand::Back => {
            let before = state.help.back.pop();
            state.help.topic = before;
            state.help.search.clear();
        }
        HelpCommand::Tool(tool) => state.help.tool = tool,
    }
    Vec::new()
}

fn here(state: &mut State) {
    if !state.is_open() {
        let shown = state.help.on_start;
        turn_to(state, None);
        state.help.on_start = !shown;
        return;
    }
    let focused = state.panes.focused.clone();
    let shown = state.panes.contains(&PaneKind::Help);
    let topic = focused.as_ref().filter(|kind| **kind != PaneKind::Help).map(topic_of);
    if shown && (topic.is_none() || topic == state.help.topic) {
        state.panes.close(&PaneKind::Help);
        state.settle_links();
        keep_layout(state);
        return;
    }
    turn_to(state, topic);
    open(state);
}

fn turn_to(state: &mut State, topic: Option<Topic>) {
    let help = &mut state.help;
    help.search.clear();
    if help.topic == topic {
        return;
    }
    if let Some(before) = help.topic {
        help.back.push(before);
        if help.back.len() > KEPT {
            help.back.remove(0);
        }
    }
    help.topic = topic;
}

/// Makes help visible, and leaves the keyboard where it is: whoever reads goes on walking.
fn open(state: &mut State) {
    if !state.is_open() {
        state.help.on_start = true;
        return;
    }
    let focused = state.panes.focused.clone();
    state.own_layout = false;
    state.panes.show(&PaneKind::Help);
    state.panes.focused = focused.or(state.panes.focused.take());
    state.settle_links();
    keep_layout(state);
}
