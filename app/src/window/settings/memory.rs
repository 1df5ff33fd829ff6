//! What the program remembers from one start to the next, by what was open: no setting, nothing that anybody chose for
//! all experiments.

use std::path::PathBuf;

use stratoscope_core::session::SyncChoice;

use crate::window::again::KeptView;
use crate::window::joint::clocks::KeptChoice;
use crate::window::layout::Panes;
use crate::window::own::Own;
use crate::window::stats::comparison::KeptComparison;

/// How many folders the list of recent ones keeps, and of how many experiments the arrangement is remembered.
const RECENT: usize = 12;

/// Of how many experiments bookmarks, row tools and comparisons are remembered: they are somebody's work; and what was
/// looked at, which is short.
const EXPERIMENTS: usize = 200;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Paths that were opened together, the latest first.
    pub recent: Vec<Vec<PathBuf>>,
    /// How panes were arranged, by what was open.
    pub layouts: Vec<(Vec<PathBuf>, Panes)>,
    /// What was chosen about clocks, by what was open.
    pub clocks: Vec<(Vec<PathBuf>, KeptChoice)>,
    /// Bookmarks, markers and row tools, by what was open.
    pub own: Vec<(Vec<PathBuf>, Own)>,
    /// What was compared with what, by what was open.
    pub comparisons: Vec<(Vec<PathBuf>, KeptComparison)>,
    /// What was looked at, by what was open.
    pub views: Vec<(Vec<PathBuf>, KeptView)>,
}

/// What was remembered of these paths.
fn of<'a, T>(list: &'a [(Vec<PathBuf>, T)], paths: &[PathBuf]) -> Option<&'a T> {
    list.iter().find(|(p, _)| p == paths).map(|(_, what)| what)
}

/// Remembers this of these paths (`None`: nothing), and drops the oldest beyond `limit`.
fn keep<T>(list: &mut Vec<(Vec<PathBuf>, T)>, paths: &[PathBuf], what: Option<T>, limit: usize) {
    list.retain(|(p, _)| p != paths);
    if let Some(what) = what.filter(|_| !paths.is_empty()) {
        list.insert(0, (paths.to_vec(), what));
        list.truncate(limit);
    }
}

impl Memory {
    /// What its parts are called in files.
    pub const NAMES: [&str; 6] = ["recent", "layouts", "clocks", "own", "comparisons", "views"];

    /// Puts paths on top of the recent ones.
    pub fn add_recent(&mut self, paths: &[PathBuf]) {
        if paths.is_empty() {
            return;
        }
        self.recent.retain(|r| r != paths);
        self.recent.insert(0, paths.to_vec());
        self.recent.truncate(RECENT);
    }

    /// Takes paths off the recent ones: they are not there any more.
    pub fn remove_recent(&mut self, paths: &[PathBuf]) {
        self.recent.retain(|r| r != paths);
    }

    /// How panes were arranged when these paths were open.
    pub fn layout(&self, paths: &[PathBuf]) -> Option<&Panes> {
        of(&self.layouts, paths)
    }

    /// Remembers how panes are arranged for these paths.
    pub fn set_layout(&mut self, paths: &[PathBuf], panes: &Panes) {
        if !self.layouts.first().is_some_and(|(p, l)| p == paths && l == panes) && !paths.is_empty() {
            keep(&mut self.layouts, paths, Some(panes.clone()), RECENT);
        }
    }

    /// What was chosen about clocks when these paths were open.
    pub fn clocks(&self, paths: &[PathBuf]) -> SyncChoice {
        of(&self.clocks, paths).map_or_else(SyncChoice::default, KeptChoice::choice)
    }

    /// Remembers what was chosen about clocks for these paths.
    pub fn set_clocks(&mut self, paths: &[PathBuf], choice: &SyncChoice) {
        // What needs no choice needs no memory.
        let kept = (*choice != SyncChoice::default()).then(|| KeptChoice::of(choice));
        keep(&mut self.clocks, paths, kept, RECENT);
    }

    /// What the user made of these paths.
    pub fn own(&self, paths: &[PathBuf]) -> Own {
        of(&self.own, paths).cloned().unwrap_or_default()
    }

    /// Remembers what the user made of these paths.
    pub fn set_own(&mut self, paths: &[PathBuf], own: &Own) {
        let kept = (*own != Own::default()).then(|| own.clone());
        keep(&mut self.own, paths, kept, EXPERIMENTS);
    }

    /// What was compared when these paths were open.
    pub fn comparison(&self, paths: &[PathBuf]) -> Option<KeptComparison> {
        of(&self.comparisons, paths).cloned()
    }

    /// Remembers what is compared for these paths.
    pub fn set_comparison(&mut self, paths: &[PathBuf], comparison: Option<KeptComparison>) {
        keep(&mut self.comparisons, paths, comparison, EXPERIMENTS);
    }

    /// What was looked at when these paths were open.
    pub fn view(&self, paths: &[PathBuf]) -> Option<&KeptView> {
        of(&self.views, paths)
    }

    /// Remembers what is looked at of these paths.
    pub fn set_view(&mut self, paths: &[PathBuf], view: KeptView) {
        keep(&mut self.views, paths, Some(view), EXPERIMENTS);
    }

    /// What another window wrote, and on top of it what this one says of what it has open. `all`: and the rest of what
    /// this one remembers, since the other could not know of it.
    pub fn with_mine(mut self, mine: &Self, open: &[PathBuf], all: bool) -> Self {
        fn merge<T: Clone + PartialEq>(
            theirs: &mut Vec<(Vec<PathBuf>, T)>,
            mine: &[(Vec<PathBuf>, T)],
            open: &[PathBuf],
            all: bool,
        ) {
            if of(theirs, open) != of(mine, open) {
                keep(theirs, open, of(mine, open).cloned(), EXPERIMENTS);
            }
            for (paths, what) in mine.iter().rev().filter(|_| all) {
                keep(theirs, paths, Some(what.clone()), EXPERIMENTS);
            }
        }
        merge(&mut self.layouts, &mine.layouts, open, all);
        merge(&mut self.clocks, &mine.clocks, open, all);
        merge(&mut self.own, &mine.own, open, all);
        merge(&mut self.comparisons, &mine.comparisons, open, all);
        merge(&mut self.views, &mine.views, open, all);
        for paths in mine.recent.iter().rev() {
            if all || (paths == open && !self.recent.contains(paths)) {
                self.add_recent(paths);
            }
        }
        self.limit();
        self
    }

    /// Drops what is more than is kept: somebody typed into the file.
    pub fn limit(&mut self) {
        self.recent.truncate(RECENT);
        self.layouts.truncate(RECENT);
        self.clocks.truncate(RECENT);
        self.own.truncate(EXPERIMENTS);
        self.comparisons.truncate(EXPERIMENTS);
        self.views.truncate(EXPERIMENTS);
    }
}
