//! Events that match: counted over all of them, and found from one to the next. Slow: never called from a frame.

use stratoscope_core::index::{EventAt, EventRow, EventTable};
use stratoscope_core::query::search::on_reference;
use stratoscope_core::query::{EventSubject, Search};
use stratoscope_core::vocab::{Cancel, Dur, MachineId, RefNs, TimeRange};

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

/// The first stretch that a search backwards looks at; each one after it is twice as long.
const FIRST_BACK: Dur = Dur(1_000_000);

impl Events {
    /// The name of a machine.
    pub fn machine(&self, id: MachineId) -> &str {
        self.machines.get(usize::from(id.0)).map_or("", String::as_str)
    }

    /// What is looked for, made ready; `None`: nothing that events have.
    pub(crate) fn search<'a>(&'a self, find: &'a Find) -> Option<Search<'a>> {
        match &find.what {
            What::Words(words) => Some(Search::names(&self.table, |name| name.to_lowercase().contains(words))),
            What::Filter(sought) => {
                let printed = on_reference(sought.base.origin_ns);
                Some(Search::filter(&self.table, &sought.matcher, |id| self.machine(id), printed))
            }
            What::Nothing | What::Wrong(_) => None,
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

    fn picked(&self, event: &EventAt<'_>) -> PickedEvent {
        let row = self.table.row_of(event.t, event.number, event.head.position);
        PickedEvent { row, t: event.t, machine: event.stream.machine, cpu: event.head.cpu }
    }
}

impl EventFinder for Events {
    fn count(&self, find: &Find, cancel: &Cancel, tell: &mut dyn FnMut(u64)) -> u64 {
        let mut so_far = 0;
        let count = self.search(find).map(|search| {
            search.count(TimeRange::ALWAYS, cancel, &mut |n| {
                so_far = n;
                tell(n);
            })
        });
        count.map_or(0, |counted| counted.unwrap_or(so_far))
    }

    fn next(
        &self,
        find: &Find,
        from: Option<u64>,
        t: RefNs,
        direction: Direction,
        cancel: &Cancel,
    ) -> Option<PickedEvent> {
        let search = self.search(find)?;
        let mut found: Option<PickedEvent> = None;
        match direction {
            Direction::Forward => {
                let visited = search.visit(TimeRange::new(t, RefNs::MAX), cancel, |event| {
                    // Which of the events at the same instant is meant, only their numbers tell.
                    let picked = self.picked(event);
                    if from.is_none_or(|row| picked.row > row) {
                        found = Some(picked);
                    }
                    found.is_none()
                });
                visited.ok()?;
            }
            Direction::Back => {
                let (begin, _) = self.extent?;
                // Events at the instant itself count if the one that it starts from is among them.
                let mut end = if from.is_some() { t + Dur(1) } else { t };
                let mut reach = FIRST_BACK;
                while found.is_none() && end > begin {
                    let start = (end - reach).max(begin);
                    let mut last = None;
                    let visited = search.visit(TimeRange::new(start, end), cancel, |event| {
                        if event.t < t || from.is_none_or(|row| self.picked(event).row < row) {
                            last = Some((event.t, event.number, event.head, event.stream.machine));
                        }
                        true
                    });
                    visited.ok()?;
                    found = last.map(|(t, number, head, machine)| {
                        let row = self.table.row_of(t, number, head.position);
                        PickedEvent { row, t, machine, cpu: head.cpu }
                    });
                    end = start;
                    reach = Dur(reach.0.saturating_mul(2));
                }
            }
        }
        found
    }
}
