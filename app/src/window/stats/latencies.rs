//! How long things took in a stretch of time, on all machines: what `stats` prints, from the same function.

use std::cmp::Ordering;

use rayon::prelude::*;
use stratoscope_core::query::usage::told;
use stratoscope_core::stats::{self, Latencies, LatencyKind, LatencyQuery, keep_latencies};
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineId, MachineNs, Name, RefNs, RowId, TimeRange};

use crate::window::command::RowRef;
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::help::pane::event_names;
use crate::window::help::record::is_recorded;
use crate::window::joint::facts::Facts;
use crate::window::joint::table::Sort;
use crate::window::stats::sheet::{Field, Sheet};

/// Columns of the grid over time: a dot of the scatter is a few points wide.
const COLUMNS: u32 = 400;

/// Which latencies are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Which {
    /// Every kind.
    #[default]
    All,
    /// System calls.
    Calls,
    /// From wake-ups to running, and from being preempted to running again.
    Waits,
    /// Interrupts and softirqs.
    Interrupts,
}

impl Which {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::All, Self::Calls, Self::Waits, Self::Interrupts];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "All latencies",
            Self::Calls => "System calls",
            Self::Waits => "Waits for a CPU",
            Self::Interrupts => "Interrupt handlers",
        }
    }

    /// Why there are none: a sentence, and what would have to be recorded, if that is the reason.
    pub fn lacks(self, cx: &FrameContext<'_>) -> (&'static str, Option<Need>) {
        let has = |event: &str| is_recorded(event, event_names(cx.info));
        match self {
            Self::Calls if !has("syscall_entry_*") => {
                ("There are no system calls: the traces have no syscall_entry events.", Some(Need::Calls))
            }
            Self::Interrupts if !has("irq_handler_entry") && !has("irq_softirq_entry") => {
                let what =
                    "There are no interrupts: the traces have neither irq_handler_entry nor softirq_entry events.";
                (what, Some(Need::Cpus))
            }
            Self::Waits if !has("sched_switch") => {
                ("There are no waits for a CPU: the traces have no sched_switch events.", Some(Need::Threads))
            }
            _ => ("Nothing of this sort ended in this stretch of time.", None),
        }
    }

    /// The kinds that are meant.
    pub fn kinds(self) -> &'static [LatencyKind] {
        match self {
            Self::All => LatencyKind::ALL,
            Self::Calls => &[LatencyKind::Syscall],
            Self::Waits => &[LatencyKind::Wakeup, LatencyKind::Preemption],
            Self::Interrupts => &[LatencyKind::Irq, LatencyKind::Softirq, LatencyKind::SoftirqDelay],
        }
    }
}

/// What is told of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// How many.
    Count,
    /// All together.
    Total,
    /// The shortest.
    Min,
    /// Their mean.
    Mean,
    /// Half of them took no longer.
    P50,
    /// 95 of 100 took no longer.
    P95,
    /// 99 of 100 took no longer.
    P99,
    /// The longest.
    Max,
}

impl Figure {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 8] =
        [Self::Count, Self::Total, Self::Min, Self::Mean, Self::P50, Self::P95, Self::P99, Self::Max];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Total => "Total",
            Self::Min => "Min",
            Self::Mean => "Mean",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "Max",
        }
    }

    /// The number: nanoseconds, but of [`Self::Count`] a count.
    pub fn of(self, histogram: &stats::Histogram) -> i64 {
        let ns = |d: Option<Dur>| d.map_or(0, |d| d.0);
        match self {
            Self::Count => i64::try_from(histogram.count()).unwrap_or(i64::MAX),
            Self::Total => histogram.total().0,
            Self::Min => ns(histogram.min()),
            Self::Mean => ns(histogram.mean()),
            Self::P50 => ns(histogram.percentile(50.0)),
            Self::P95 => ns(histogram.percentile(95.0)),
            Self::P99 => ns(histogram.percentile(99.0)),
            Self::Max => ns(histogram.max()),
        }
    }
}

/// A line of the table: one kind and name on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The machine.
    pub machine: MachineId,
    /// The system call, the interrupt, the task.
    pub name: String,
    /// In the order of [`Figure::ALL`].
    pub figures: [i64; 8],
    /// All that is known.
    pub found: Latencies,
}

impl Line {
    /// Its lasting name.
    pub fn name(&self) -> LineName {
        LineName { machine: self.machine, kind: self.found.kind, name: self.found.name }
    }

    /// One of its numbers.
    pub fn figure(&self, figure: Figure) -> i64 {
        self.figures[figure as usize]
    }
}

/// A latency, to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The row.
    pub row: RowRef,
    /// From begin to end.
    pub span: TimeRange<RefNs>,
}

/// The part of a stretch of time in which a machine was recorded, in its own time.
pub fn range_on(facts: &Facts, machine: MachineId, range: TimeRange<RefNs>) -> Option<TimeRange<MachineNs>> {
    let machine = facts.world.machine(machine)?;
    let part = told(machine, machine.to_machine(range));
    (part.length() > Dur(0)).then_some(part)
}

/// Latencies of all machines that end in the range, those with most time first; `thread`: only of that thread. Of
/// traces that are read to their end the first answer takes longer, and all others next to nothing.
///
/// # Errors
/// Somebody cancelled.
pub fn lines(
    facts: &Facts,
    range: TimeRange<RefNs>,
    kinds: &[LatencyKind],
    thread: Option<RowRef>,
    cancel: &Cancel,
) -> Result<Vec<Line>, Cancelled> {
    let mut all = Vec::new();
    for machine in &facts.world.machines {
        let Some(query) = query(facts, machine.id, range, kinds, thread) else { continue };
        if facts.complete {
            keep_latencies(&machine.store, cancel)?;
        }
        let found = stats::latencies(&machine.store, &query, cancel)?;
        let lines = found.into_par_iter().map(|found| {
            let name = facts.world.names.text(found.name).to_string();
            let figures = Figure::ALL.map(|figure| figure.of(&found.histogram));
            Line { machine: machine.id, name, figures, found }
        });
        all.par_extend(lines);
    }
    Ok(all)
}

/// What is asked of a machine's rows; `None` if nothing can be found there.
fn query<'a>(
    facts: &Facts,
    machine: MachineId,
    range: TimeRange<RefNs>,
    kinds: &'a [LatencyKind],
    thread: Option<RowRef>,
) -> Option<LatencyQuery<'a>> {
    let range = range_on(facts, machine, range)?;
    let thread = match thread {
        Some(row) if row.machine == machine => Some(facts.world.machine(machine)?.store.find(&row.key)?),
        Some(_) => return None,
        None => None,
    };
    Some(LatencyQuery { range, kinds, thread })
}

/// A line of the table by its lasting name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineName {
    /// The machine.
    pub machine: MachineId,
    /// What.
    pub kind: LatencyKind,
    /// Of what.
    pub name: Name,
}

/// A cell of a line's latencies over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// When the longest of them ended.
    pub t: RefNs,
    /// How long it was.
    pub duration: Dur,
    /// How many there are.
    pub count: u64,
    /// Where the longest is.
    pub place: Place,
}

/// A line's latencies over time, in order of time.
///
/// # Errors
/// Somebody cancelled.
pub fn dots(
    facts: &Facts,
    range: TimeRange<RefNs>,
    line: LineName,
    thread: Option<RowRef>,
    cancel: &Cancel,
) -> Result<Vec<Dot>, Cancelled> {
    let kinds = [line.kind];
    let asked = query(facts, line.machine, range, &kinds, thread).zip(facts.world.machine(line.machine));
    let Some((query, machine)) = asked else { return Ok(Vec::new()) };
    let density = stats::latency_density(&machine.store, &query, line.name, COLUMNS, cancel)?;
    let dot = |cell: stats::Cell<(RowId, MachineNs)>| {
        let (row, begin) = cell.what;
        let place = place(facts, line.machine, row, begin, cell.longest)?;
        Some(Dot { t: place.span.end, duration: cell.longest, count: cell.count, place })
    };
    Ok(density.cells().into_iter().filter_map(dot).collect())
}

/// Where a latency is.
pub fn place(facts: &Facts, machine: MachineId, row: RowId, begin: MachineNs, duration: Dur) -> Option<Place> {
    let machine = facts.world.machine(machine)?;
    let row = RowRef { machine: machine.id, key: machine.store.row(row)?.key() };
    Some(Place { row, span: TimeRange::new(machine.to_ref(begin), machine.to_ref(begin + duration)) })
}

/// The longest of a line.
pub fn longest(facts: &Facts, line: &Line) -> Option<Place> {
    let longest = line.found.longest;
    place(facts, line.machine, longest.row, longest.begin.0, longest.duration)
}

/// Columns before those of figures: kind and name.
pub const FIRST_FIGURE: usize = 2;

/// Sorts as the table's titles say.
pub fn sort(lines: &mut [Line], sort: Sort) {
    let by = |a: &Line, b: &Line| -> Ordering {
        match sort.column.checked_sub(FIRST_FIGURE) {
            Some(n) => a.figures.get(n).cmp(&b.figures.get(n)),
            None if sort.column == 0 => a.found.kind.cmp(&b.found.kind),
            None => a.name.cmp(&b.name),
        }
    };
    lines.sort_by(|a, b| {
        let name = |l: &Line| (l.machine, l.found.kind);
        sort.of(by(a, b)).then_with(|| name(a).cmp(&name(b))).then_with(|| a.name.cmp(&b.name))
    });
}

/// The table as text.
pub fn sheet(facts: &Facts, lines: &[Line]) -> Sheet {
    let mut sheet = Sheet::new(&[
        ("Machine", "machine"),
        ("Latency", "kind"),
        ("Name", "name"),
        ("Count", "count"),
        ("Total", "total_ns"),
        ("Min", "min_ns"),
        ("Mean", "mean_ns"),
        ("p50", "p50_ns"),
        ("p95", "p95_ns"),
        ("p99", "p99_ns"),
        ("Max", "max_ns"),
        ("Longest on", "longest_id"),
    ]);
    for line in lines {
        let machine = facts.world.machine(line.machine).map_or("", |m| &m.name);
        let text = |text: &str| Field::Text(text.to_owned());
        let mut row = vec![text(machine), text(line.found.kind.name()), text(&line.name)];
        row.extend(Figure::ALL.iter().zip(line.figures).map(|(figure, n)| match figure {
            Figure::Count => Field::Count(n.unsigned_abs()),
            _ => Field::Time(Dur(n)),
        }));
        row.push(longest(facts, line).map_or(Field::Empty, |p| Field::Text(p.row.key.to_string())));
        sheet.rows.push(row);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{RowKey, Tid};

    use super::*;
    use crate::window::joint::fake;

    const ALL: TimeRange<RefNs> = TimeRange { begin: RefNs(0), end: RefNs(40_000_000) };

    #[test]
    fn waits_are_found_with_their_longest_and_of_one_thread_alone() {
        let facts = fake::fighting();
        let mut all = lines(&facts, ALL, LatencyKind::ALL, None, &Cancel::default()).unwrap();
        sort(&mut all, Sort::descending(FIRST_FIGURE + Figure::Total as usize));
        let names: Vec<(LatencyKind, &str, i64, i64)> = all
            .iter()
            .map(|l| (l.found.kind, l.name.as_str(), l.figure(Figure::Count), l.figure(Figure::Max)))
            .collect();
        assert_eq!(names[0], (LatencyKind::Preemption, "CPU 0/KVM", 3, 8_000_000));
        assert!(names.contains(&(LatencyKind::Wakeup, "consumerd", 1, 1_000_000)), "{names:?}");
        let first = longest(&facts, &all[0]).unwrap();
        assert_eq!(first.span, TimeRange::new(RefNs(10_000_000), RefNs(18_000_000)), "the first of equals");
        let thread = RowRef { machine: fake::HOST, key: RowKey::thread(Tid(194), 0) };
        let one = lines(&facts, ALL, Which::Waits.kinds(), Some(thread), &Cancel::default()).unwrap();
        assert_eq!(one.iter().map(|l| l.figure(Figure::Count)).collect::<Vec<_>>(), [1]);
        let cancelled = Cancel::default();
        cancelled.cancel();
        assert!(lines(&facts, ALL, LatencyKind::ALL, None, &cancelled).is_err());
    }

    #[test]
    fn programs_get_what_the_sub_command_prints() {
        let facts = fake::fighting();
        let all = lines(&facts, ALL, &[LatencyKind::Wakeup], None, &Cancel::default()).unwrap();
        let text = sheet(&facts, &all).csv();
        assert!(text.contains("\nhost,wakeup,consumerd,1,1000000,1000000,1000000,"), "{text}");
    }
}
