//! `stats`: where time went and how long things took: time per state, latencies with their percentiles, and how many
//! events there are of each name.

use serde_json::{Map, Value, json};
use stratoscope_core::query::Matcher;
use stratoscope_core::query::search::count_by_name;
use stratoscope_core::query::time::duration;
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::stats::{Latencies, LatencyKind, LatencyQuery, latencies};
use stratoscope_core::store::StateSums;
use stratoscope_core::vocab::{Cancel, Dur, MachineNs, RowId, RowKind, State, TimeRange};

use crate::headless::args::StatsArgs;
use crate::headless::output::{Output, integer};
use crate::headless::table::{Table, percent};
use crate::headless::task::find_tasks;
use crate::headless::time::{Window, base};
use crate::headless::{Outcome, open, parse_filter, usage, wait};

/// Prints one object (or row) a CPU and task, and one a system call, kind of wait and interrupt; or CPU usage alone.
///
/// # Errors
/// A wrong instant, expression or task, or what the output says.
pub(super) fn run(args: &StatsArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let filter = common.filter.as_deref().map(parse_filter).transpose()?;
    let session = open(common, true)?;
    wait(&session, common.quiet);
    let snapshot = session.wait();
    let window = Window::new(common, &snapshot)?;
    let filter = filter.map(|f| f.bind(&base(&snapshot)));
    let tasks = args.task.as_deref().map(|task| find_tasks(&snapshot, task)).transpose()?;
    let mut out = Output::new(common.json, common.limit);
    if args.cpu {
        usage::Question { snapshot: &snapshot, window: &window, filter, tasks }.print(&mut out)?;
        let problems = session.problems().all();
        out.problems(&problems, common.quiet)?;
        out.finish()?;
        return Ok(Outcome::of(&problems, !snapshot.traces.is_empty()));
    }
    let printer = Printer { snapshot: &snapshot, window: &window, filter };
    for machine in &snapshot.machines {
        let rows: Vec<Option<RowId>> = match &tasks {
            Some(tasks) => tasks.iter().filter(|t| t.machine == machine.id).map(|t| Some(t.row)).collect(),
            None => vec![None],
        };
        for row in rows {
            if !printer.machine(machine, row, &mut out)? {
                break;
            }
        }
    }
    let problems = session.problems().all();
    out.problems(&problems, common.quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

struct Printer<'a> {
    snapshot: &'a Snapshot,
    window: &'a Window,
    filter: Option<Matcher>,
}

impl Printer<'_> {
    fn machine(&self, machine: &MachineView, thread: Option<RowId>, out: &mut Output) -> anyhow::Result<bool> {
        let asked = self.window.on(machine);
        let Some(extent) = machine.extent else { return Ok(true) };
        let end = MachineNs(machine.watermark.0.max(extent.end.0));
        let range = TimeRange::new(asked.begin.max(extent.begin), asked.end.min(end));
        if range.length() <= Dur(0) {
            return Ok(true);
        }
        if !out.is_json() && !out.line(&format!("{}: {}", machine.name, duration(range.length().0)))? {
            return Ok(false);
        }
        if !self.times(machine, thread, range, out)? || !self.latencies(machine, thread, range, out)? {
            return Ok(false);
        }
        // Of a thread alone events are not counted: which are its own is not told by their names.
        if thread.is_none() && !self.events(machine, asked, out)? {
            return Ok(false);
        }
        Ok(out.is_json() || out.line("")?)
    }

    /// Time per state of CPUs and threads, of threads the busiest first.
    fn times(
        &self,
        machine: &MachineView,
        thread: Option<RowId>,
        range: TimeRange<MachineNs>,
        out: &mut Output,
    ) -> anyhow::Result<bool> {
        let wanted_row = |kind: RowKind, id: RowId| match thread {
            Some(thread) => thread == id,
            None => matches!(kind, RowKind::Cpu | RowKind::Thread),
        };
        let mut rows: Vec<_> = machine
            .store
            .rows()
            .filter(|r| wanted_row(r.key().kind, r.id()) && !r.key().is_idle_task())
            .map(|row| (row, row.sums(range)))
            .filter(|(_, sums)| State::ALL.iter().skip(1).any(|s| sums.time(*s) > Dur(0)))
            .collect();
        let busy = |sums: &StateSums| -> i64 {
            State::ALL.iter().skip(1).filter(|s| !s.is_quiet()).map(|s| sums.time(*s).0).sum()
        };
        rows.sort_by_key(|(row, sums)| (row.key().kind != RowKind::Cpu, std::cmp::Reverse(busy(sums)), row.key()));
        let mut table = Table::new(&["  busy", "<of", "<row", "<states"]);
        for (row, sums) in rows {
            let key = row.key();
            let name = self.snapshot.names.text(row.name_at(range.end)).to_string();
            let states: Map<String, Value> = State::ALL
                .iter()
                .skip(1)
                .filter(|s| sums.time(**s) > Dur(0))
                .map(|s| (s.name().to_owned(), json!({"ns": sums.time(*s).0, "count": sums.count(*s)})))
                .collect();
            let object = json!({
                "type": "time",
                "machine": machine.name,
                "row": if key.kind == RowKind::Cpu { "cpu" } else { "thread" },
                "id": key.to_string(),
                "name": name,
                "busy_ns": busy(&sums),
                "states": states,
            });
            let cells = || {
                let share = |ns: i64| percent(ns as f64 / range.length().0.max(1) as f64);
                let mut shares: Vec<(State, i64)> =
                    State::ALL.iter().skip(1).map(|s| (*s, sums.time(*s).0)).filter(|(_, ns)| *ns > 0).collect();
                shares.sort_by_key(|(_, ns)| std::cmp::Reverse(*ns));
                let text: Vec<String> = shares.iter().map(|(s, ns)| format!("{} {}", s.name(), share(*ns))).collect();
                let of = if key.kind == RowKind::Cpu { "CPU".to_owned() } else { key.to_string() };
                let name = if key.kind == RowKind::Cpu { key.id.to_string() } else { name };
                vec![share(busy(&sums)), of, name, text.join(", ")]
            };
            if !table.tell(out, self.filter.as_ref(), &object, cells)? {
                return Ok(false);
            }
        }
        Ok(table.print(out)?)
    }

    fn latencies(
        &self,
        machine: &MachineView,
        thread: Option<RowId>,
        range: TimeRange<MachineNs>,
        out: &mut Output,
    ) -> anyhow::Result<bool> {
        let query = LatencyQuery { range, kinds: LatencyKind::ALL, thread };
        let mut table = Table::new(&["<  latency", "<of", "count", "total", "min", "mean", "p50", "p95", "p99", "max"]);
        for found in latencies(&machine.store, &query, &Cancel::default())? {
            let object = self.latency(machine, &found);
            let cells = || {
                let h = &found.histogram;
                let text = |time: Option<Dur>| time.map_or_else(String::new, |t| duration(t.0));
                vec![
                    format!("  {}", found.kind.name()),
                    self.snapshot.names.text(found.name).to_string(),
                    h.count().to_string(),
                    duration(h.total().0),
                    text(h.min()),
                    text(h.mean()),
                    text(h.percentile(50.0)),
                    text(h.percentile(95.0)),
                    text(h.percentile(99.0)),
                    text(h.max()),
                ]
            };
            if !table.tell(out, self.filter.as_ref(), &object, cells)? {
                return Ok(false);
            }
        }
        Ok(table.print(out)?)
    }

    /// How many events there are, by name.
    fn events(&self, machine: &MachineView, range: TimeRange<MachineNs>, out: &mut Output) -> anyhow::Result<bool> {
        let on_reference = TimeRange::new(machine.map.to_ref(range.begin), machine.map.to_ref(range.end));
        let counts = count_by_name(&self.snapshot.events, on_reference, &Cancel::default())?;
        let mut table = Table::new(&["<  events", "count"]);
        for of in counts.iter().filter(|of| of.machine == machine.id) {
            let (name, count) = (&*of.name, of.count);
            let object = json!({"type": "events", "machine": machine.name, "name": name, "count": count});
            let cells = || vec![format!("  {name}"), count.to_string()];
            if !table.tell(out, self.filter.as_ref(), &object, cells)? {
                return Ok(false);
            }
        }
        Ok(table.print(out)?)
    }

    fn latency(&self, machine: &MachineView, found: &Latencies) -> Value {
        let h = &found.histogram;
        let row = machine.store.row(found.longest.row);
        json!({
            "type": "latency",
            "machine": machine.name,
            "kind": found.kind.name(),
            "name": self.snapshot.names.text(found.name).to_string(),
            "count": h.count(),
            "total_ns": h.total().0,
            "min_ns": h.min().map(|t| t.0),
            "mean_ns": h.mean().map(|t| t.0),
            "p50_ns": h.percentile(50.0).map(|t| t.0),
            "p95_ns": h.percentile(95.0).map(|t| t.0),
            "p99_ns": h.percentile(99.0).map(|t| t.0),
            "max_ns": h.max().map(|t| t.0),
            "longest_id": row.map(|r| r.key().to_string()),
            "longest_at_ns": integer(self.window.print(machine, found.longest.begin.0)),
        })
    }
}
