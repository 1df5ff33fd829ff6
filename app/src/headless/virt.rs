//! What the sub-commands about virtual machines share: filters over objects, aligned tables, words where
//! there is nothing to show.

use serde_json::Value;
use stratoscope_core::query::{FieldValue, Matcher, Path, Subject};
use stratoscope_core::session::Snapshot;
use stratoscope_core::vm::Who;
use stratoscope_core::vocab::Problem;

use crate::headless::output::Output;

/// What to record so that there are virtual machines to speak of.
const RECORD_A_HOST: &str = "No machine here enters guests: either the host was not traced, or without its KVM events. \
     On the host, as root: lttng create; lttng enable-event --kernel \
     sched_switch,sched_waking,sched_wakeup,sched_process_fork,sched_process_exit,irq_handler_entry,\
     irq_softirq_entry,timer_hrtimer_expire_entry,kvm_x86_entry,kvm_x86_exit,kvm_userspace_exit,\
     kvm_x86_hypercall,kvm_x86_inj_virq,kvm_x86_apic_accept_irq; \
     lttng add-context --kernel --type pid --type tid --type procname; lttng start";

/// What cannot be shown, and what to record instead, as notes.
pub(super) fn notes(snapshot: &Snapshot) -> Vec<Problem> {
    match &snapshot.vm {
        Some(view) => view.notes.iter().map(|note| Problem::note("", note.as_str())).collect(),
        None => vec![Problem::note("", RECORD_A_HOST)],
    }
}

/// A task that is to blame, as an object: all fields null if nobody knows.
pub(super) fn who_json(snapshot: &Snapshot, who: Option<Who>) -> serde_json::Map<String, Value> {
    let machine = who.and_then(|w| snapshot.machine(w.machine)).map(|m| m.name.clone());
    let name = who.map(|w| snapshot.names.text(w.name).to_string());
    let mut object = serde_json::Map::new();
    object.insert("machine".to_owned(), machine.into());
    object.insert("tid".to_owned(), who.map(|w| w.tid.0).into());
    object.insert("name".to_owned(), name.into());
    object
}

/// The same in words.
pub(super) fn who_text(snapshot: &Snapshot, who: Option<Who>) -> String {
    let Some(who) = who else { return "unknown".to_owned() };
    let machine = snapshot.machine(who.machine).map_or("?", |m| m.name.as_str());
    format!("{machine}/{} {}", who.tid.0, snapshot.names.text(who.name))
}

/// An object that is to be printed, for filters: its keys are the fields.
struct Object<'a>(&'a Value);

impl Subject for Object<'_> {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        match self.0.get(path.single()?)? {
            Value::Bool(b) => Some(FieldValue::Bool(*b)),
            Value::String(text) => Some(FieldValue::Text(text)),
            Value::Number(n) => match n.as_i64() {
                Some(n) => Some(FieldValue::Int(i128::from(n))),
                None => {
                    n.as_u64().map(|n| FieldValue::Int(i128::from(n))).or_else(|| n.as_f64().map(FieldValue::Float))
                }
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Whether the filter wants an object; without a filter, always.
pub(super) fn wanted(filter: Option<&Matcher>, object: &Value) -> bool {
    filter.is_none_or(|f| f.matches(&Object(object)))
}

/// A table for people: the first row is its head. Columns of numbers and lengths are set right.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    left: Vec<bool>,
}

impl Table {
    /// A table with these heads; those that begin with `<` are of columns set left.
    pub(super) fn new(heads: &[&str]) -> Self {
        let left = heads.iter().map(|h| h.starts_with('<')).collect();
        Self { rows: vec![heads.iter().map(|h| h.trim_start_matches('<').to_owned()).collect()], left }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints it, unless it has nothing but its head. Returns whether there is room for more.
    ///
    /// # Errors
    /// What the output says.
    pub(super) fn print(&self, out: &mut Output) -> std::io::Result<bool> {
        if self.rows.len() < 2 {
            return Ok(true);
        }
        let width = |column: usize| self.rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
        let widths: Vec<usize> = (0..self.left.len()).map(|c| width(c).unwrap_or(0)).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&self.left).map(|((cell, width), left)| {
                let pad = " ".repeat(width - cell.chars().count());
                if *left { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            if !out.line(line.trim_end())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
