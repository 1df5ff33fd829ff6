//! What is asked of the session while it is written: events, states of rows, the pieces of a flow, the report. The
//! objects are those of `events`, `states`, `flow` and `report`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use stratoscope_core::export::json::value_json;
use stratoscope_core::index::{EventAt, EventTable};
use stratoscope_core::session::{Session, Snapshot};
use stratoscope_core::trace::CHECKPOINT_EVENTS;
use stratoscope_core::vocab::{MachineNs, RefNs, TimeRange};

use crate::headless::time::Window;
use crate::headless::{events, flow, report, states};
use crate::window::command::RowRef;
use crate::window::export::lines::{Lines, Shape};
use crate::window::export::saver::Work;
use crate::window::find::Find;
use crate::window::find::events::Events;
use crate::window::flow::answer::Answer;
use crate::window::stats::sheet::quoted;
use crate::window::words;

/// After how many events or intervals the progress is told, and somebody may stop it.
const STEP: u64 = 1024;

/// About how many events are looked through between two words about the progress.
const PART: u64 = 1 << 15;

/// The columns of events.
const EVENTS: &[&str] = &["t", "machine", "cpu", "name", "context", "fields"];

/// The columns of states.
const STATES: &[&str] = &[
    "machine",
    "row",
    "id",
    "instance",
    "tid",
    "cpu",
    "name",
    "state",
    "detail",
    "begin_ns",
    "end_ns",
    "vm",
    "who.machine",
    "who.tid",
    "who.name",
];

/// The columns of a flow: of its pieces, its arrows and its totals.
const FLOW: &[&str] = &[
    "type",
    "machine",
    "tid",
    "name",
    "kind",
    "detail",
    "cpu",
    "begin_ns",
    "end_ns",
    "victim.machine",
    "victim.tid",
    "from.machine",
    "from.tid",
    "from.t_ns",
    "to.machine",
    "to.tid",
    "to.t_ns",
    "ns",
    "share",
];

/// Events in order of time: of a stretch of it, else all; those that match, where something is looked for.
pub fn events(snapshot: Arc<Snapshot>, find: Arc<Find>, range: Option<TimeRange<RefNs>>, shape: Shape) -> Work {
    Box::new(move |out, task| {
        let table = &snapshot.events;
        let known = Events {
            table: table.clone(),
            machines: snapshot.machines.iter().map(|m| m.name.clone()).collect(),
            extent: snapshot.extent.map(|e| (e.begin, e.end)),
        };
        let range = range.unwrap_or(TimeRange::ALWAYS);
        let window = Window::of(&snapshot, range);
        let mut lines = Lines::new(out, shape, EVENTS)?;
        let mut line = String::new();
        let (mut seen, failed) = (0_u64, Cell::new(None));
        let mut write = |event: &mut EventAt<'_>| {
            seen += 1;
            if seen % STEP == 0 && task.cancel.is_cancelled() {
                return false;
            }
            let Some(machine) = snapshot.machine(event.stream.machine) else { return true };
            line.clear();
            match shape {
                Shape::JsonLines => events::print(&mut line, true, event, machine, &window),
                Shape::Csv => {
                    let (context, fields) = event.fields();
                    let [context, fields] = [context, fields].map(|value| {
                        let mut text = String::new();
                        value_json(&value, &mut text);
                        text
                    });
                    let cpu = event.head.cpu.known().map_or_else(String::new, |n| n.to_string());
                    let t = window.print(machine, event.head.t);
                    let (of, name) = (quoted(&machine.name), event.name());
                    let (name, context, fields) = (quoted(name), quoted(&context), quoted(&fields));
                    // Writing to a string cannot fail.
                    write!(line, "{t},{of},{cpu},{name},{context},{fields}").unwrap_or_default();
                }
            }
            match lines.raw(&line) {
                Ok(()) => true,
                Err(error) => {
                    failed.set(Some(error));
                    false
                }
            }
        };
        let search = known.search(&find);
        // Where few events match, what was looked through tells how far it is, not what was found.
        let parts = parts_of(table, range);
        for (n, part) in parts.iter().enumerate() {
            task.tell(n as u64, parts.len() as u64);
            match &search {
                Some(search) => search.visit(*part, &task.cancel, &mut write)?,
                None if find.is_active() => {}
                None => table.visit(part.begin, part.end, &mut write),
            }
            task.cancel.check()?;
            if let Some(error) = failed.take() {
                return Err(error.into());
            }
        }
        task.tell(parts.len() as u64, parts.len() as u64);
        Ok(words::count(lines.written(), "event"))
    })
}

/// A range in parts that take about equally long. Beginning a part costs some events of each stream.
fn parts_of(table: &EventTable, range: TimeRange<RefNs>) -> Vec<TimeRange<RefNs>> {
    table.parts(range, PART.max(table.streams().len() as u64 * 8 * CHECKPOINT_EVENTS))
}

/// The states of these rows, row by row, as far as they lie in a stretch of time.
pub fn states(snapshot: Arc<Snapshot>, rows: Vec<RowRef>, range: TimeRange<RefNs>, shape: Shape) -> Work {
    Box::new(move |out, task| {
        let window = Window::of(&snapshot, range);
        let mut lines = Lines::new(out, shape, STATES)?;
        for (n, row) in rows.iter().enumerate() {
            task.tell(n as u64, rows.len() as u64);
            task.cancel.check()?;
            let Some(machine) = snapshot.machine(row.machine) else { continue };
            let Some(shown) = states::row(&snapshot, machine, &row.key) else { continue };
            for interval in shown.row.intervals(window.on(machine)) {
                lines.object(&states::object(&snapshot, &window, machine, &shown, &interval))?;
                if lines.written() % STEP == 0 {
                    task.cancel.check()?;
                }
            }
        }
        Ok(words::count(lines.written(), "state"))
    })
}

/// The state of a row at an instant, as an object.
pub fn state(snapshot: &Snapshot, row: RowRef, t: RefNs) -> Option<serde_json::Value> {
    let machine = snapshot.machine(row.machine)?;
    let shown = states::row(snapshot, machine, &row.key)?;
    let at: MachineNs = machine.map.from_ref(t);
    let interval = shown.row.at(at)?;
    let window = Window::of(snapshot, TimeRange::new(t, t));
    Some(states::object(snapshot, &window, machine, &shown, &interval))
}

/// An event of the table, as an object or as `name` and fields for people.
pub fn event(snapshot: &Snapshot, row: u64, json: bool) -> Option<String> {
    let events = &snapshot.events;
    let page = events.page(row, 1);
    let wanted = page.first()?;
    let number = events.streams().iter().position(|s| (s.trace_id, s.stream) == (wanted.trace, wanted.stream))?;
    let window = Window::of(snapshot, TimeRange::new(wanted.t, wanted.t));
    let mut found = None;
    events.visit(wanted.t, RefNs::MAX, |event| {
        if (event.number, event.head.position) != (number, wanted.position) {
            return event.t <= wanted.t;
        }
        if let Some(machine) = snapshot.machine(event.stream.machine) {
            let mut line = String::new();
            events::print(&mut line, json, event, machine, &window);
            found = Some(line);
        }
        false
    });
    found
}

/// The pieces, arrows and totals of a flow.
pub fn flow(snapshot: Arc<Snapshot>, answer: Answer, shape: Shape) -> Work {
    Box::new(move |out, task| {
        let window = Window::of(&snapshot, answer.flow.window);
        let mut lines = Lines::new(out, shape, FLOW)?;
        for object in flow::Printer::new(&snapshot, &window, answer.maps.clone()).lines(&answer.flow) {
            task.cancel.check()?;
            lines.object(&object)?;
        }
        Ok(words::count(answer.flow.pieces.len() as u64, "piece"))
    })
}

/// The page about a session of those paths.
pub fn report(session: Arc<Session>, paths: Vec<PathBuf>) -> Work {
    Box::new(move |out, task| {
        let snapshot = session.snapshot();
        let window = Window::of(&snapshot, TimeRange::ALWAYS);
        let page = report::page(&session, &snapshot, &paths, &window)?;
        task.cancel.check()?;
        out.write_all(page.as_bytes())?;
        Ok(String::new())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use stratoscope_core::query::time::TimeBase;
    use stratoscope_core::session::SessionOptions;

    use super::*;
    use crate::window::export::saver::Task;

    /// Notes which share is told when something is written.
    struct Noting(Arc<Task>, Vec<f32>);

    impl std::io::Write for Noting {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1.extend(self.0.share());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn progress_goes_by_what_was_looked_through_not_by_what_was_found() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/io");
        let options = SessionOptions { analyse: true, ..SessionOptions::default() };
        let snapshot = Session::open(vec![path], options, Arc::new(|| ())).wait();
        let parts = parts_of(&snapshot.events, TimeRange::ALWAYS).len();
        assert!(parts > 2, "{parts}");
        let saved = |filter: &str| {
            let find = Arc::new(Find::new(filter, &TimeBase::default()));
            let task = Arc::new(Task::default());
            let mut out = Noting(Arc::clone(&task), Vec::new());
            let words = events(Arc::clone(&snapshot), find, None, Shape::JsonLines)(&mut out, &task).unwrap();
            assert_eq!(task.share(), Some(1.0), "{filter}");
            (words, out.1)
        };
        // About one event in five.
        let (_, shares) = saved("name == \"sched_switch\"");
        let told: Vec<f32> = (0..parts).map(|n| n as f32 / parts as f32).collect();
        let mut each = shares.clone();
        each.dedup();
        assert!(shares.is_sorted());
        assert_eq!(each, told);
        assert_eq!(saved("name == \"no such event\"").0, "0 events");
        let cancelled = Task::default();
        cancelled.cancel.cancel();
        let find = Arc::new(Find::new("name == \"no such event\"", &TimeBase::default()));
        let stopped = events(snapshot, find, None, Shape::JsonLines)(&mut std::io::sink(), &cancelled);
        assert!(stopped.is_err_and(|error| error.is::<stratoscope_core::vocab::Cancelled>()));
    }
}
