//! Events that match: counted over all of them, and found from one to the next. Slow: never called from a frame.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use stratoscope_core::index::{EventAt, EventRow, EventTable};
use stratoscope_core::query::EventSubject;
use stratoscope_core::vocab::{Cancel, Dur, MachineId, RefNs};

use crate::window::command::{Direction, PickedEvent};
use crate::window::find::{Find, What};

/// Events that can be asked.
pub trait EventFinder {
    /// How many match; `tell` gets what was counted so far.
    fn count(&self, find: &Find, cancel: &Cancel, tell: &mut dyn FnMut(u64)) -> u64;

    /// The next or previous one that matches: from an event of the table, else from an instant.
    fn next(
        &self,
        find: &Find,
        from: Option<u64>,
        t: RefNs,
        direction: Direction,
        cancel: &Cancel,
    ) -> Option<PickedEvent>;
}

/// The engine's table with the names of its machines.
pub struct Events {
    /// The table.
    pub table: EventTable,
    /// Names of machines, by number.
    pub machines: Vec<String>,
    /// First and last instant.
    pub extent: Option<(RefNs, RefNs)>,
}

/// Into how many stretches of time the table is cut to be counted.
const PARTS: i64 = 64;

/// The first stretch that a search backwards looks at; each one after it is twice as long.
const FIRST_BACK: Dur = Dur(1_000_000);

impl Events {
    /// The name of a machine.
    pub fn machine(&self, id: MachineId) -> &str {
        self.machines.get(usize::from(id.0)).map_or("", String::as_str)
    }

    fn matches(&self, find: &Find, event: &mut EventAt<'_>) -> bool {
        match &find.what {
            What::Words(words) => event.name().to_lowercase().contains(words),
            What::Filter(sought) => {
                let (name, cpu) = (event.name(), event.head.cpu);
                let t = sought.base.origin_ns + i128::from(event.t.0);
                let machine = self.machine(event.stream.machine);
                sought.matcher.matches(&EventSubject::new(machine, &name, cpu, t, || event.fields()))
            }
            What::Nothing | What::Wrong(_) => false,
        }
    }

    /// Whether a row of the table, decoded already, matches.
    pub fn row_matches(&self, find: &Find, row: &EventRow) -> bool {
        match &find.what {
            What::Words(words) => row.name.to_lowercase().contains(words),
            What::Filter(sought) => {
                let t = sought.base.origin_ns + i128::from(row.t.0);
                let decode = || (row.context.clone(), row.fields.clone());
                let machine = self.machine(row.machine);
                sought.matcher.matches(&EventSubject::new(machine, &row.name, row.cpu, t, decode))
            }
            What::Nothing | What::Wrong(_) => false,
        }
    }

    fn picked(event: &EventAt<'_>) -> PickedEvent {
        PickedEvent { row: event.row, t: event.t, machine: event.stream.machine, cpu: event.head.cpu }
    }
}

impl EventFinder for Events {
    fn count(&self, find: &Find, cancel: &Cancel, tell: &mut dyn FnMut(u64)) -> u64 {
        let Some((begin, end)) = self.extent else { return 0 };
        let length = (end - begin).0.max(1);
        let edge = |n: i64| if n == PARTS { RefNs(i64::MAX) } else { begin + Dur(length / PARTS * n) };
        let first = |n: i64| if n == 0 { RefNs(i64::MIN) } else { edge(n) };
        let found = AtomicU64::new(0);
        // Some stretches at a time, so that the count can be told while it goes on.
        let step = (rayon::current_num_threads() as i64).max(1);
        let mut at = 0;
        while at < PARTS && !cancel.is_cancelled() {
            let to = (at + step).min(PARTS);
            (at..to).into_par_iter().for_each(|n| {
                let mut own = 0;
                self.table.visit(first(n), edge(n + 1), |event| {
                    own += u64::from(self.matches(find, event));
                    !cancel.is_cancelled()
                });
                found.fetch_add(own, Ordering::Relaxed);
            });
            at = to;
            tell(found.load(Ordering::Relaxed));
        }
        found.into_inner()
    }

    fn next(
        &self,
        find: &Find,
        from: Option<u64>,
        t: RefNs,
        direction: Direction,
        cancel: &Cancel,
    ) -> Option<PickedEvent> {
        let mut found = None;
        match direction {
            Direction::Forward => {
                self.table.visit(t, RefNs(i64::MAX), |event| {
                    if from.is_none_or(|row| event.row > row) && self.matches(find, event) {
                        found = Some(Self::picked(event));
                    }
                    found.is_none() && !cancel.is_cancelled()
                });
            }
            Direction::Back => {
                let (begin, _) = self.extent?;
                // Events at the instant itself count if the one that it starts from is among them.
                let mut end = if from.is_some() { t + Dur(1) } else { t };
                let mut reach = FIRST_BACK;
                while found.is_none() && end > begin && !cancel.is_cancelled() {
                    let start = (end - reach).max(begin);
                    self.table.visit(start, end, |event| {
                        if from.is_none_or(|row| event.row < row) && self.matches(find, event) {
                            found = Some(Self::picked(event));
                        }
                        !cancel.is_cancelled()
                    });
                    end = start;
                    reach = Dur(reach.0.saturating_mul(2));
                }
            }
        }
        found
    }
}
