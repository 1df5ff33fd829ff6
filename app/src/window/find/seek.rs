//! Going from match to match: the next state among a pane's rows, the next event of the table. In a thread of its
//! own, since the next one may be far away.

use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;
use stratoscope_core::vocab::{Cancel, MachineNs, RefNs, TimeRange};

use crate::window::command::{Direction, PickedEvent, RowRef};
use crate::window::event_pages::EventSource;
use crate::window::find::Find;
use crate::window::find::rule::{At, RowFacts};
use crate::window::navigate::{Place, to_ref};
use crate::window::timeline::scene::Scene;
use crate::window::worker::{Wake, Worker};

/// What is looked for, from where.
pub enum Seek {
    /// A state of these rows.
    State {
        /// All there is.
        scene: Scene,
        /// Rows, from top to bottom: it decides between equal instants.
        rows: Vec<RowRef>,
        /// The row that it starts from.
        row: Option<RowRef>,
        /// The instant that it starts from.
        t: RefNs,
    },
    /// An event.
    Event {
        /// The table.
        events: Arc<dyn EventSource>,
        /// The picked event, if it starts from one.
        from: Option<u64>,
        /// The instant that it starts from.
        t: RefNs,
    },
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Match {
    /// A state.
    State(Place),
    /// An event.
    Event(PickedEvent),
    /// There is none in that direction.
    None(Direction),
}

struct Question {
    find: Arc<Find>,
    direction: Direction,
    seek: Seek,
}

/// Looks for the next match in the background.
pub struct Seeker {
    worker: Worker<Question, Match>,
}

impl Seeker {
    /// Nothing is looked for yet.
    pub fn new(wake: Wake) -> Self {
        Self { worker: Worker::new("find next", wake, answer) }
    }

    /// Looks for the next match, in place of what was looked for before.
    pub fn ask(&self, find: Arc<Find>, direction: Direction, seek: Seek) {
        self.worker.ask(Question { find, direction, seek });
    }

    /// What was found since the last time.
    pub fn take(&self) -> Vec<Match> {
        self.worker.take()
    }

    /// Waits until it is found; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.worker.wait(longest)
    }
}

fn answer(question: Question, cancel: &Cancel, tell: &mut dyn FnMut(Match)) {
    let Question { find, direction, seek } = question;
    let found = match seek {
        Seek::State { scene, rows, row, t } => {
            next_state(&find, &scene, &rows, row, t, direction, cancel).map(Match::State)
        }
        Seek::Event { events, from, t } => {
            events.finder().and_then(|finder| finder.next(&find, from, t, direction, cancel)).map(Match::Event)
        }
    };
    if !cancel.is_cancelled() {
        tell(found.unwrap_or(Match::None(direction)));
    }
}

/// The first matching state after the row and instant, or the last one before them.
pub fn next_state(
    find: &Find,
    scene: &Scene,
    rows: &[RowRef],
    from: Option<RowRef>,
    t: RefNs,
    direction: Direction,
    cancel: &Cancel,
) -> Option<Place> {
    let rule = &find.filter()?.rule;
    let start = from.and_then(|row| rows.iter().position(|r| *r == row));
    let back = direction == Direction::Back;
    let of_row = |(n, row): (usize, &RowRef)| {
        let (machine, _, scene_row) = scene.row(*row)?;
        let at = At { scene, machine, row: scene_row };
        let facts = RowFacts::of(&at);
        if rule.of_row(&facts) == Some(false) {
            return None;
        }
        // At the very instant only rows further on count, and the row itself does not.
        let counts_now = start.is_some_and(|start| if back { n < start } else { n > start });
        let own = machine.map.from_ref(t);
        let beyond = |begin: MachineNs| {
            let begin = to_ref(&machine.map, begin);
            match (back, counts_now) {
                (false, true) => begin >= t,
                (false, false) => begin > t,
                (true, true) => begin <= t,
                (true, false) => begin < t,
            }
        };
        let mut found = None;
        if back {
            let mut next = scene_row.lane.at(own).or_else(|| scene_row.lane.prev_before(own));
            while let Some(interval) = next.filter(|_| !cancel.is_cancelled()) {
                if beyond(interval.begin) && rule.of_state(&facts, &at, &interval) {
                    found = Some(interval.begin);
                    break;
                }
                next = scene_row.lane.prev_before(interval.begin);
            }
        } else {
            let range = TimeRange::new(own, MachineNs(i64::MAX));
            scene_row.lane.each(range, &mut |interval| {
                if beyond(interval.begin) && rule.of_state(&facts, &at, interval) {
                    found = Some(interval.begin);
                }
                found.is_none() && !cancel.is_cancelled()
            });
        }
        found.map(|begin| (to_ref(&machine.map, begin), n))
    };
    let places = rows.par_iter().enumerate().filter_map(of_row);
    let (t, n) = if back { places.max() } else { places.min() }?;
    Some(Place { row: rows[n], t })
}
