//! What of a session is looked at: window, selection, rows. Plain data, changed by commands alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::{Dur, RefNs, StateSet, TimeRange};

use crate::window::command::{Direction, RowRef};
use crate::window::find::Find;
use crate::window::own::Own;

/// The shortest window that can be shown.
pub const MIN_WINDOW: Dur = Dur(20);

/// What is looked at.
#[derive(Clone, Debug)]
pub struct View {
    /// Shown stretch of time.
    pub window: TimeRange<RefNs>,
    /// Everything there is, with a margin: the window never leaves it.
    pub bounds: TimeRange<RefNs>,
    /// Selected instant (`begin == end`) or range.
    pub selection: Option<TimeRange<RefNs>>,
    /// Selected row.
    pub row: Option<RowRef>,
    /// Rows that were opened or closed: what is open at first is closed, what is closed at first is open.
    pub collapsed: BTreeSet<RowRef>,
    /// Hide rows that are idle in the window.
    pub hide_idle: bool,
    /// Show tasks inside VMs also while they are idle in the window.
    pub idle_tasks: bool,
    /// Colour physical CPUs by whose work they do instead of by state.
    pub by_machine: bool,
    /// Small rows.
    pub compact: bool,
    /// States that the legend dims.
    pub dimmed: StateSet,
    /// Text of the row search.
    pub search: String,
    /// What that text looks for.
    pub find: Arc<Find>,
    /// Bookmarks, markers, and which rows stand where.
    pub own: Arc<Own>,
    back: Vec<TimeRange<RefNs>>,
    forward: Vec<TimeRange<RefNs>>,
    /// The window was last changed by walking: the next step need not be remembered as well.
    walking: bool,
}

/// How many windows the zoom history keeps.
const HISTORY: usize = 200;

impl View {
    /// A view of `window` within `bounds`.
    pub fn new(window: TimeRange<RefNs>, bounds: TimeRange<RefNs>) -> Self {
        Self {
            window,
            bounds,
            selection: None,
            row: None,
            collapsed: BTreeSet::new(),
            hide_idle: false,
            idle_tasks: false,
            by_machine: false,
            compact: false,
            dimmed: StateSet::default(),
            search: String::new(),
            find: Arc::default(),
            own: Arc::default(),
            back: Vec::new(),
            forward: Vec::new(),
            walking: false,
        }
    }

    /// Shows `window`, moved and cut so that it lies within the bounds and is at least [`MIN_WINDOW`] long.
    pub fn set_window(&mut self, window: TimeRange<RefNs>, remember: bool) {
        let window = self.fit(window);
        if window == self.window {
            return;
        }
        self.walking = false;
        if remember {
            self.back.push(self.window);
            if self.back.len() > HISTORY {
                self.back.remove(0);
            }
            self.forward.clear();
        }
        self.window = window;
    }

    /// Remembers the present window, so that the changes that follow can be undone at once: the begin of a drag.
    pub fn remember(&mut self) {
        if self.back.last() != Some(&self.window) {
            self.back.push(self.window);
            self.forward.clear();
        }
    }

    /// Zooms by `factor` (> 1: in) so that `at` stays where it is.
    pub fn zoom(&mut self, factor: f64, at: Option<RefNs>) {
        let at = at.unwrap_or_else(|| self.focus());
        if !(factor.is_finite() && factor > 0.0) {
            return;
        }
        let left = (at - self.window.begin).0 as f64 / factor;
        let length = self.window.length().0 as f64 / factor;
        let begin = at - Dur(left.round() as i64);
        self.set_window(TimeRange::new(begin, begin + Dur((length.round() as i64).max(MIN_WINDOW.0))), true);
    }

    /// Moves the window by a fraction of its length.
    pub fn pan(&mut self, fraction: f64) {
        let d = Dur((self.window.length().0 as f64 * fraction).round() as i64);
        self.set_window(TimeRange::new(self.window.begin + d, self.window.end + d), true);
    }

    /// Goes back or forward in the zoom history. Returns whether there was anything.
    pub fn history(&mut self, direction: Direction) -> bool {
        let (from, to) = match direction {
            Direction::Back => (&mut self.back, &mut self.forward),
            Direction::Forward => (&mut self.forward, &mut self.back),
        };
        match from.pop() {
            Some(window) => {
                to.push(self.window);
                self.window = window;
                true
            }
            None => false,
        }
    }

    /// Whether there is a window to go back or forward to.
    pub fn has_history(&self, direction: Direction) -> bool {
        match direction {
            Direction::Back => !self.back.is_empty(),
            Direction::Forward => !self.forward.is_empty(),
        }
    }

    /// Makes an instant visible: moves the window if it lies outside. Many steps in a row are one entry of the
    /// history, so that going back returns to where the walk began.
    pub fn reveal(&mut self, t: RefNs) {
        if !self.window.contains(t) {
            let half = Dur(self.window.length().0 / 2);
            self.set_window(TimeRange::new(t - half, t - half + self.window.length()), !self.walking);
            self.walking = true;
        }
    }

    /// Everything that is looked at, put on another axis.
    pub fn rebase(&mut self, to: impl Fn(RefNs) -> RefNs) {
        let range = |r: &mut TimeRange<RefNs>| *r = TimeRange::new(to(r.begin), to(r.end));
        range(&mut self.window);
        self.selection.iter_mut().chain(&mut self.back).chain(&mut self.forward).for_each(range);
    }

    /// Takes another view's window of time and its history, and nothing else.
    pub fn take_time(&mut self, other: &Self) {
        self.window = other.window;
        self.back.clone_from(&other.back);
        self.forward.clone_from(&other.forward);
        self.walking = other.walking;
    }

    /// Takes new bounds: more was read. The window stays where it is, as far as it lies within them.
    pub fn set_bounds(&mut self, bounds: TimeRange<RefNs>) {
        self.bounds = bounds;
        self.window = self.fit(self.window);
    }

    /// The selected instant or the begin of the selected range, else the middle of the window.
    pub fn instant(&self) -> RefNs {
        self.selection.map_or_else(|| self.window.begin + Dur(self.window.length().0 / 2), |s| s.begin)
    }

    /// The selected range, if it is one and no instant.
    pub fn range(&self) -> Option<TimeRange<RefNs>> {
        self.selection.filter(|s| s.begin < s.end)
    }

    fn focus(&self) -> RefNs {
        let middle = |r: TimeRange<RefNs>| r.begin + Dur(r.length().0 / 2);
        match self.selection {
            Some(s) if self.window.contains(middle(s)) => middle(s),
            _ => middle(self.window),
        }
    }

    /// The window moved and cut so that it lies within the bounds and is at least [`MIN_WINDOW`] long.
    pub fn fit(&self, window: TimeRange<RefNs>) -> TimeRange<RefNs> {
        let length = window.length().max(MIN_WINDOW).min(self.bounds.length().max(MIN_WINDOW));
        let latest = (self.bounds.end - length).max(self.bounds.begin);
        let begin = window.begin.min(latest).max(self.bounds.begin);
        TimeRange::new(begin, begin + length)
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeFormat {
    /// Time of day, UTC.
    #[default]
    Clock,
    /// Since the begin of the experiment.
    Relative,
}
