//! `stats --cpu`: how much of each CPU was used, and which threads did, and where.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use stratoscope_core::flow::Worker;
use stratoscope_core::query::time::duration;
use stratoscope_core::query::usage::{MachineUsage, places, usage};
use stratoscope_core::query::{Matcher, WorldMachine};
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::stats::usage::{CpuUsage, Places, ThreadUsage};
use stratoscope_core::vocab::{Cancel, Dur, MachineNs, TimeRange};

use crate::headless::output::Output;
use crate::headless::table::{Table, percent};
use crate::headless::time::Window;

/// What is asked.
pub(super) struct Question<'a> {
    /// What was read.
    pub(super) snapshot: &'a Snapshot,
    /// Which time is meant.
    pub(super) window: &'a Window,
    /// Which objects are wanted.
    pub(super) filter: Option<Matcher>,
    /// Only of these threads.
    pub(super) tasks: Option<Vec<Worker>>,
}

impl Question<'_> {
    /// Prints an object (or row) a CPU and thread, threads with most time first.
    ///
    /// # Errors
    /// What the output says.
    pub(super) fn print(&self, out: &mut Output) -> anyhow::Result<()> {
        let world = self.snapshot.world();
        let asked = |machine: &WorldMachine| match self.snapshot.machine(machine.id) {
            Some(view) => self.window.on(view),
            None => TimeRange::new(MachineNs(0), MachineNs(0)),
        };
        let mut all = usage(&world, &asked, &Cancel::default())?;
        if let Some(tasks) = &self.tasks {
            let tasks: HashSet<_> = tasks.iter().map(|t| (t.machine, t.row)).collect();
            for of in &mut all {
                of.cpus.clear();
                of.threads.retain(|thread| tasks.contains(&(of.machine, thread.row)));
            }
        }
        let places = places(&world, &all, &Cancel::default())?;
        for of in &all {
            let Some(machine) = self.snapshot.machine(of.machine) else { continue };
            let ran = |thread: &ThreadUsage| places.get(&(of.machine, thread.row)).cloned().unwrap_or_default();
            if !self.machine(machine, of, &ran, out)? {
                break;
            }
        }
        Ok(())
    }

    fn machine(
        &self,
        machine: &MachineView,
        of: &MachineUsage,
        ran: &dyn Fn(&ThreadUsage) -> Places,
        out: &mut Output,
    ) -> anyhow::Result<bool> {
        let whole = of.range.length();
        let share = |time: Dur| time.0 as f64 / whole.0.max(1) as f64;
        if !out.is_json() {
            let head = match of.cpus.len() {
                0 => format!("{}: {}", machine.name, duration(whole.0)),
                n => {
                    let used = of.cpus.iter().fold(Dur(0), |sum, cpu| sum + cpu.used);
                    let cpus = if n == 1 { "1 CPU".to_owned() } else { format!("{n} CPUs") };
                    let unknown = of.cpus.iter().fold(Dur(0), |sum, cpu| sum + cpu.unknown);
                    let used = percent(share(used) / n as f64);
                    let not = match unknown {
                        Dur(0) => String::new(),
                        time => format!(", {} unknown", percent(share(time) / n as f64)),
                    };
                    format!("{}: {}, {used} of {cpus} used{not}", machine.name, duration(whole.0))
                }
            };
            if !out.line(&head)? {
                return Ok(false);
            }
        }
        let mut table = Table::new(&["  CPU", "used", "time", "interrupts", "unknown"]);
        for cpu in &of.cpus {
            let object = cpu_object(machine, cpu, share(cpu.used), whole);
            let cells = || {
                let [used, interrupts, unknown] = [cpu.used, cpu.interrupts, cpu.unknown].map(|time| duration(time.0));
                vec![cpu.cpu.0.to_string(), percent(share(cpu.used)), used, interrupts, unknown]
            };
            if !table.tell(out, self.filter.as_ref(), &object, cells)? {
                return Ok(false);
            }
        }
        if !table.print(out)? {
            return Ok(false);
        }
        let mut table = Table::new(&["  used", "time", "stolen", "tid", "process", "<name", "migrations", "<CPUs"]);
        for thread in &of.threads {
            let places = ran(thread);
            let row = machine.store.row(thread.row);
            let name = row.map_or_else(String::new, |r| self.snapshot.names.text(r.name_at(of.range.end)).to_string());
            let process = row.and_then(|r| r.process());
            let object = json!({
                "type": "cpu-usage",
                "machine": machine.name,
                "row": "thread",
                "id": thread.key.to_string(),
                "tid": thread.key.id,
                "process": process.map(|p| p.0),
                "name": name,
                "used_ns": thread.used.0,
                "share": share(thread.used),
                "stolen_ns": thread.stolen.map(|t| t.0),
                "cpus": cpus_object(&places),
                "migrations": places.migrations,
                "range_ns": whole.0,
            });
            let cells = || {
                vec![
                    percent(share(thread.used)),
                    duration(thread.used.0),
                    thread.stolen.map_or_else(|| "–".to_owned(), |t| duration(t.0)),
                    thread.key.id.to_string(),
                    process.map_or_else(String::new, |p| p.0.to_string()),
                    name,
                    places.migrations.to_string(),
                    cpus_words(&places, thread.used),
                ]
            };
            if !table.tell(out, self.filter.as_ref(), &object, cells)? {
                return Ok(false);
            }
        }
        Ok(table.print(out)? && (out.is_json() || out.line("")?))
    }
}

fn cpu_object(machine: &MachineView, cpu: &CpuUsage, share: f64, whole: Dur) -> Value {
    json!({
        "type": "cpu-usage",
        "machine": machine.name,
        "row": "cpu",
        "id": format!("cpu{}", cpu.cpu.0),
        "cpu": cpu.cpu.0,
        "used_ns": cpu.used.0,
        "share": share,
        "interrupts_ns": cpu.interrupts.0,
        "unknown_ns": cpu.unknown.0,
        "range_ns": whole.0,
    })
}

/// Nanoseconds by the number of the CPU.
fn cpus_object(places: &Places) -> Value {
    let each = places.cpus.iter().map(|(cpu, time)| (cpu.0.to_string(), time.0.into()));
    Value::Object(each.collect::<Map<String, Value>>())
}

/// The CPUs that a thread ran on, the most used first, with the share of its own time: `0 75 %, 2 25 %`.
pub(crate) fn cpus_words(places: &Places, used: Dur) -> String {
    const MOST: usize = 4;
    if let [(cpu, _)] = places.cpus.as_slice() {
        return cpu.0.to_string();
    }
    let share = |time: Dur| time.0 as f64 / used.0.max(1) as f64 * 100.0;
    let mut words: Vec<String> =
        places.cpus.iter().take(MOST).map(|(cpu, time)| format!("{} {:.0} %", cpu.0, share(*time))).collect();
    if places.cpus.len() > MOST {
        words.push(format!("{} more", places.cpus.len() - MOST));
    }
    words.join(", ")
}
