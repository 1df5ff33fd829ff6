//! What the program answers where there is no display to open a window on: words, and a picture.

use std::path::PathBuf;
use std::sync::Arc;

use stratoscope_core::query::time::duration;
use stratoscope_core::session::{Session, SessionOptions, Snapshot};
use stratoscope_core::vocab::{RowKind, State};

use crate::headless::output::{Output, complain, say};
use crate::headless::shot::Look;
use crate::headless::time::base;
use crate::headless::{Outcome, shot, wait};
use crate::window::asked::Asked;
use crate::window::command::Command;

/// How many tasks a machine's report names.
const TASKS: usize = 8;

/// Says that there is no display, prints what the traces hold and the path of a picture of the window.
///
/// # Errors
/// The picture or the report cannot be written.
pub fn without_display(paths: &[PathBuf], asked: &Asked, reason: &str) -> anyhow::Result<u8> {
    say(&format!("There is no display to open a window on ({reason}). Here is a report instead."));
    if paths.is_empty() {
        say("Name a folder of traces to report on: stratoscope sample-traces/fighting");
        return Ok(1);
    }
    let session = Arc::new(Session::open(paths.to_vec(), SessionOptions::default(), Arc::new(|| {})));
    wait(&session, false);
    let snapshot = session.wait();
    for problem in session.problems().all() {
        complain(&problem);
    }
    if snapshot.traces.is_empty() {
        return Ok(1);
    }
    let mut out = Output::new(false, None);
    for line in report(&snapshot) {
        out.line(&line)?;
    }
    let path = std::env::temp_dir().join(format!("stratoscope-{}.png", std::process::id()));
    let first_view = snapshot.extent.and_then(|extent| asked.range(&base(&snapshot), extent));
    let find = asked.find.iter().map(|text| Command::SetRowSearch(text.clone())).collect();
    shot::picture(session, paths, find, &Look { first_view, ..Look::default() }, &path)?;
    out.line("")?;
    out.line(&format!("A picture of the window: {}", path.display()))?;
    out.line("More without a display: stratoscope help")?;
    out.finish()?;
    Ok(Outcome { read: true, skipped: false }.status(false))
}

/// Per machine: what it is, what its CPUs did, and which tasks ran longest.
fn report(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for machine in &snapshot.machines {
        let Some(extent) = machine.extent else { continue };
        lines.push(String::new());
        lines.push(format!("{}: {} CPUs, {}", machine.name, machine.cpus.len(), duration(extent.length().0)));
        for row in machine.store.rows().filter(|r| r.key().kind == RowKind::Cpu) {
            let sums = row.sums(extent);
            let busy: Vec<String> = State::ALL
                .iter()
                .filter(|s| **s != State::None)
                .map(|s| (s, sums.time(*s).0))
                .filter(|(_, ns)| *ns > 0)
                .map(|(s, ns)| format!("{} {:.1} %", s.name(), ns as f64 * 100.0 / extent.length().0.max(1) as f64))
                .collect();
            lines.push(format!("  CPU {:<3} {}", row.key().id, busy.join(", ")));
        }
        let mut tasks: Vec<_> = machine
            .store
            .rows()
            .filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task())
            .map(|r| (r.busy_ns(), r))
            .collect();
        tasks.sort_by_key(|(ns, r)| (std::cmp::Reverse(*ns), r.key()));
        for (ns, row) in tasks.iter().take(TASKS) {
            lines.push(format!("  {:>10}  {} {}", duration(*ns), snapshot.names.text(row.name()), row.key().id));
        }
    }
    lines
}
