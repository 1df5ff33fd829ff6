//! Counting what matches: rows and their states over the whole time, and events. In a thread of its own; what it
//! counted so far is told while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rayon::prelude::*;
use stratoscope_core::vocab::{Cancel, TimeRange};

use crate::window::event_pages::EventSource;
use crate::window::find::rule::{At, RowFacts};
use crate::window::find::{Find, What};
use crate::window::timeline::rows::row_matches;
use crate::window::timeline::scene::Scene;
use crate::window::worker::{Wake, Worker};

/// How much matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows, or rows with such a state.
    pub rows: Option<u64>,
    /// States; `None`: the filter does not speak of states, or they are not counted yet.
    pub states: Option<u64>,
    /// Events so far; `None`: they cannot be asked.
    pub events: Option<u64>,
    /// Whether all is counted.
    pub done: bool,
}

struct Question {
    find: Arc<Find>,
    scene: Scene,
    events: Option<Arc<dyn EventSource>>,
}

/// Counts in the background.
pub struct Counter {
    worker: Worker<Question, (u64, Counts)>,
    asked: Option<(u64, u64)>,
    counts: Counts,
}

impl Counter {
    /// Nothing counted yet.
    pub fn new(wake: Wake) -> Self {
        Self { worker: Worker::new("find", wake, answer), asked: None, counts: Counts::default() }
    }

    /// How much matches now, as far as it is counted; asks for it where something changed.
    pub fn of(&mut self, find: &Arc<Find>, scene: &Scene, events: Option<&Arc<dyn EventSource>>) -> Counts {
        if !find.is_active() {
            self.asked = None;
            self.counts = Counts::default();
            return self.counts;
        }
        // While traces are read, once is enough: counting again and again would only keep them from being read.
        let key = Some((find.version, if scene.complete { scene.version } else { 0 }));
        if self.asked != key {
            self.asked = key;
            self.counts = Counts::default();
            self.worker.ask(Question { find: Arc::clone(find), scene: scene.clone(), events: events.map(Arc::clone) });
        }
        for (version, counts) in self.worker.take() {
            if version == find.version {
                self.counts = counts;
            }
        }
        self.counts
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.worker.wait(longest)
    }
}

fn answer(question: Question, cancel: &Cancel, tell: &mut dyn FnMut((u64, Counts))) {
    let Question { find, scene, events } = question;
    let (rows, states) = count_rows(&find, &scene, cancel);
    if cancel.is_cancelled() {
        return;
    }
    let mut counts = Counts { rows: Some(rows), states, events: None, done: false };
    tell((find.version, counts));
    if let Some(finder) = events.as_ref().and_then(|events| events.finder()) {
        counts.events = Some(0);
        let so_far = |n| Counts { events: Some(n), ..counts };
        let all = finder.count(&find, cancel, &mut |n| tell((find.version, so_far(n))));
        counts.events = Some(all);
    }
    if !cancel.is_cancelled() {
        tell((find.version, Counts { done: true, ..counts }));
    }
}

/// How many rows match, and how many states where the filter speaks of those.
pub fn count_rows(find: &Find, scene: &Scene, cancel: &Cancel) -> (u64, Option<u64>) {
    let rows = || scene.machines.par_iter().flat_map(|m| m.rows.par_iter().map(move |row| (m, row)));
    match &find.what {
        What::Words(words) => {
            let fits = |row| row_matches(scene, row, words);
            (rows().filter(|(_, row)| fits(row)).count() as u64, None)
        }
        What::Filter(sought) => {
            let rule = &sought.rule;
            let states = AtomicU64::new(0);
            let found = rows().filter(|(machine, row)| {
                let at = At { scene, machine, row };
                let facts = RowFacts::of(&at);
                let verdict = rule.of_row(&facts);
                if verdict == Some(false) || cancel.is_cancelled() {
                    return false;
                }
                if verdict == Some(true) && !rule.is_about_states() {
                    return true;
                }
                let mut n = 0;
                row.lane.each(TimeRange::ALWAYS, &mut |interval| {
                    n += u64::from(rule.of_state(&facts, &at, interval));
                    !cancel.is_cancelled()
                });
                states.fetch_add(n, Ordering::Relaxed);
                n > 0
            });
            let rows = found.count() as u64;
            (rows, rule.is_about_states().then(|| states.into_inner()))
        }
        What::Nothing | What::Wrong(_) => (0, None),
    }
}
