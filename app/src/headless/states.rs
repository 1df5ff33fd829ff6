//! `states`: what every row did, as intervals.

use std::fmt::Write as _;

use serde_json::json;
use stratoscope_core::query::{Matcher, RowSubject, StateSubject};
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::store::{Interval, Look, Row};
use stratoscope_core::vocab::{Cpu, MachineNs, RowKind, Tid};

use crate::headless::args::{RowsKind, StatesArgs};
use crate::headless::output::{Output, integer};
use crate::headless::time::{Window, base};
use crate::headless::{Outcome, open, parse_filter, wait};

/// Prints one line an interval, row by row.
///
/// # Errors
/// A wrong instant or expression, or what the output says.
pub(super) fn run(args: &StatesArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let filter = common.filter.as_deref().map(parse_filter).transpose()?;
    let session = open(common, true)?;
    wait(&session, common.quiet);
    let snapshot = session.wait();
    let window = match &args.at {
        None => Window::new(common, &snapshot)?,
        Some(at) => Window::at(common, at, &snapshot)?,
    };
    let mut out = Output::new(common.json, common.limit);
    let printer = Printer {
        snapshot: &snapshot,
        window: &window,
        filter: filter.map(|f| f.bind(&base(&snapshot))),
        at: args.at.is_some(),
    };
    for machine in &snapshot.machines {
        if !printer.machine(machine, &args.rows, &mut out)? {
            break;
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
    /// Whether one instant is asked for: the interval that contains it.
    at: bool,
}

impl Printer<'_> {
    fn machine(&self, machine: &MachineView, kinds: &[RowsKind], out: &mut Output) -> anyhow::Result<bool> {
        let range = self.window.on(machine);
        let mut rows: Vec<&Row> =
            machine.store.rows().map(|r| &**r).filter(|r| kinds.iter().any(|k| is_of(r.key().kind, *k))).collect();
        rows.sort_by_key(|r| r.key());
        for row in rows {
            if self.at {
                let there = row.at(range.begin);
                if let Some(interval) = there
                    && !self.interval(machine, row, &interval, out)?
                {
                    return Ok(false);
                }
                continue;
            }
            for interval in row.intervals(range) {
                if !self.interval(machine, row, &interval, out)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn interval(&self, machine: &MachineView, row: &Row, it: &Interval, out: &mut Output) -> anyhow::Result<bool> {
        let name = self.row_name(row, it.begin);
        let detail = self.snapshot.names.text(it.look.detail);
        let detail = (!it.look.detail.is_none()).then_some(&*detail);
        let (tid, cpu) = tid_and_cpu(row, it.look);
        let key = row.key();
        if let Some(filter) = &self.filter {
            let subject = StateSubject {
                row: RowSubject {
                    machine: &machine.name,
                    row: kind_name(key.kind),
                    id: &key.to_string(),
                    tid: tid.and_then(|t| i32::try_from(t).ok()).map(Tid),
                    cpu: cpu.map_or(Cpu::UNKNOWN, Cpu),
                    name: Some(&name),
                    instance: key.instance,
                },
                state: it.look.state.name(),
                detail,
                begin: self.window.print(machine, it.begin),
                end: self.window.print(machine, it.end),
            };
            if !filter.matches(&subject) {
                return Ok(true);
            }
        }
        let (begin, end) = (self.window.print(machine, it.begin), self.window.print(machine, it.end));
        let line = if out.is_json() {
            json!({
                "machine": machine.name,
                "row": kind_name(key.kind),
                "id": key.to_string(),
                "instance": key.instance,
                "tid": tid,
                "cpu": cpu,
                "name": name,
                "state": it.look.state.name(),
                "detail": detail,
                "begin_ns": integer(begin),
                "end_ns": integer(end),
            })
            .to_string()
        } else {
            let mut line = format!("{begin} {end} {:>12} ns  ", end - begin);
            // Writing to a string cannot fail.
            write!(
                line,
                "{:<10} {:<8} {:>10}  {:<16} {}",
                machine.name,
                kind_name(key.kind),
                key.to_string(),
                name,
                it.look.state.name()
            )
            .unwrap_or_default();
            if let Some(detail) = detail {
                write!(line, " ({detail})").unwrap_or_default();
            }
            if let Some(tid) = tid.filter(|_| key.kind == RowKind::Cpu) {
                write!(line, " tid {tid}").unwrap_or_default();
            }
            line
        };
        Ok(out.line(&line)?)
    }

    /// The thread's name at that instant; for other rows what their number stands for.
    fn row_name(&self, row: &Row, t: MachineNs) -> String {
        let at = row.name_at(t);
        let name = if at.is_none() { row.name() } else { at };
        let text = self.snapshot.names.text(name);
        if text.is_empty() && row.key().kind == RowKind::Cpu {
            format!("CPU {}", row.key().id)
        } else {
            text.to_string()
        }
    }
}

fn is_of(kind: RowKind, wanted: RowsKind) -> bool {
    match wanted {
        RowsKind::Threads => kind == RowKind::Thread,
        RowsKind::Cpus => kind == RowKind::Cpu,
        RowsKind::Irqs => matches!(kind, RowKind::Irq | RowKind::Softirq),
    }
}

fn kind_name(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Thread => "thread",
        RowKind::Cpu => "cpu",
        RowKind::Irq => "irq",
        RowKind::Softirq => "softirq",
        RowKind::Vcpu => "vcpu",
    }
}

/// Thread and CPU of an interval, as far as the row and its look say.
fn tid_and_cpu(row: &Row, look: Look) -> (Option<i64>, Option<u16>) {
    let key = row.key();
    let aux = (look.aux != Look::NO_AUX).then_some(look.aux);
    match key.kind {
        RowKind::Thread | RowKind::Vcpu => {
            (Some(i64::from(key.id)), aux.and_then(|a| u16::try_from(a).ok()).or(key.cpu.known()))
        }
        RowKind::Cpu => (aux.map(|a| i64::from(a as i32)), key.cpu.known()),
        RowKind::Irq | RowKind::Softirq => (None, key.cpu.known()),
    }
}

impl Window {
    /// The instant of `--at`, as an empty window.
    fn at(args: &crate::headless::args::Common, at: &str, snapshot: &Snapshot) -> anyhow::Result<Self> {
        let mut args = args.clone();
        args.from = Some(at.to_owned());
        args.to = Some(at.to_owned());
        Self::new(&args, snapshot)
    }
}
