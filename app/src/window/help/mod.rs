//! Help: what each view shows and is made from, what each state means, and how to record what is missing.
//!
//! Texts are data, RON files under `assets/help` that are part of the program. Here they are read and looked up; `pane`
//! draws them, `command` is what a user can do with them, `record_ui` shows the commands that record what
//! a view needs, which the engine makes (`vocab/record.rs`), since its messages give the same; `sketch` draws the
//! samples' little pictures.

pub mod command;
pub mod pane;
mod prose;
pub mod record_ui;
pub mod sketch;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use stratoscope_core::vocab::State as RowState;

use crate::window::catalogue::ENTRIES;
use crate::window::command::Command;
use crate::window::layout::PaneKind;
use crate::window::theme::Theme;

pub use command::HelpCommand;
pub use stratoscope_core::vocab::record::{self, Need, Tool};

/// Something that is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A view, or a part of the window, by its lasting name.
    View(&'static str),
    /// A state.
    State(RowState),
}

/// What a view shows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Article {
    /// Its lasting name.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Paragraphs.
    pub about: Vec<String>,
    /// What it consists of: a name, and what that is.
    pub parts: Vec<(String, String)>,
    /// Events that it is made from, as LTTng calls them, and what they are needed for.
    pub events: Vec<(String, String)>,
    /// Names of the states that it shows.
    pub states: Vec<String>,
    /// What must be recorded for it.
    pub need: Option<Need>,
    /// Other articles.
    pub see: Vec<String>,
}

/// What a state means.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// What can be in it.
    pub of: String,
    /// What happens.
    pub does: String,
    /// Which events begin it.
    pub begins: String,
    /// Which events end it.
    pub ends: String,
    /// What that tells the reader.
    pub so: String,
}

/// What is read, and how. Not kept from one start to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The article; `None`: the contents.
    pub topic: Option<Topic>,
    /// Articles before it.
    pub back: Vec<Topic>,
    /// What is looked for in all texts.
    pub search: String,
    /// Whose commands are shown.
    pub tool: Tool,
    /// Shown in place of the start page.
    pub on_start: bool,
}

macro_rules! views {
    ($($kind:pat => $id:literal,)*) => {
        /// The lasting name of the article about a view.
        pub fn id_of(kind: &PaneKind) -> &'static str {
            match kind {
                $($kind => $id,)*
            }
        }

        /// Articles that views have.
        #[cfg(test)]
        const VIEWS: &[&str] = &[$($id,)*];
    };
}

views! {
    PaneKind::ControlFlow(_) => "control-flow",
    PaneKind::Resources(_) => "resources",
    PaneKind::Events => "events",
    PaneKind::Statistics => "statistics",
    PaneKind::VirtualMachines => "virtual-machines",
    PaneKind::PhysicalCpus => "physical-cpus",
    PaneKind::Synchronisation => "synchronisation",
    PaneKind::Exits => "exits",
    PaneKind::Steal => "steal",
    PaneKind::CpuUsage => "cpu-usage",
    PaneKind::Periodic => "periodic",
    PaneKind::Instant => "instant",
    PaneKind::ExecutionFlow => "execution-flow",
    PaneKind::FlowBreakdown => "flow-breakdown",
    PaneKind::Bookmarks => "bookmarks",
    PaneKind::Compare => "compare",
    PaneKind::Compared(_) => "compared",
    PaneKind::Settings => "settings",
    PaneKind::Help => "help",
}

const ARTICLES: &str = include_str!("../../../../assets/help/views.ron");
const MEANINGS: &str = include_str!("../../../../assets/help/states.ron");

/// Every article, in the order of the contents. Those that come with the program are tested.
pub fn articles() -> &'static [Article] {
    static ALL: LazyLock<Vec<Article>> = LazyLock::new(|| ron::from_str(ARTICLES).unwrap_or_default());
    &ALL
}

/// The article of that name.
pub fn article(id: &str) -> Option<&'static Article> {
    articles().iter().find(|a| a.id == id)
}

/// What a state means.
pub fn meaning(state: RowState) -> Option<&'static Meaning> {
    static ALL: LazyLock<BTreeMap<String, Meaning>> = LazyLock::new(|| ron::from_str(MEANINGS).unwrap_or_default());
    ALL.get(state.name())
}

/// States that have a meaning, in the order of their numbers.
pub fn states() -> impl Iterator<Item = (RowState, &'static Meaning)> {
    RowState::ALL.iter().filter_map(|s| meaning(*s).map(|m| (*s, m)))
}

/// The topic of the view's article.
pub fn topic_of(kind: &PaneKind) -> Topic {
    Topic::View(id_of(kind))
}

/// The view that an article is about, if it can be shown by a command.
pub fn view_of(article: &Article) -> Option<PaneKind> {
    ENTRIES.iter().find_map(|entry| match entry.command() {
        Command::TogglePane(kind) if id_of(&kind) == article.id => Some(kind),
        _ => None,
    })
}

/// What a topic is called.
pub fn title(topic: Topic, theme: &Theme) -> String {
    match topic {
        Topic::View(id) => article(id).map_or_else(|| id.to_owned(), |a| a.title.clone()),
        Topic::State(state) => theme.state(state).name.to_string(),
    }
}

/// Topics in which all words of a text occur: those with a word in their title first.
pub fn search(text: &str, theme: &Theme) -> Vec<Topic> {
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(usize, Topic)> = Vec::new();
    let mut look = |topic: Topic, title: &str, body: String| {
        let (title, body) = (title.to_lowercase(), body.to_lowercase());
        if words.iter().all(|w| title.contains(w) || body.contains(w)) {
            found.push((words.iter().filter(|w| !title.contains(*w)).count(), topic));
        }
    };
    for a in articles() {
        let pairs = a.parts.iter().chain(&a.events).map(|(name, what)| format!("{name} {what}"));
        let body: Vec<String> = a.about.iter().cloned().chain(pairs).collect();
        look(Topic::View(&a.id), &a.title, body.join("\n"));
    }
    for (state, m) in states() {
        let body = [state.name(), &m.of, &m.does, &m.begins, &m.ends, &m.so].join("\n");
        look(Topic::State(state), &theme.state(state).name, body);
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, topic)| topic).collect()
}

#[cfg(test)]
mod tests;
