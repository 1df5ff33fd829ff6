//! Which task the user means: `TID`, `NAME`, `MACHINE/TID` or `MACHINE/NAME`.

use stratoscope_core::flow::Worker;
use stratoscope_core::session::Snapshot;
use stratoscope_core::vocab::RowKind;

use crate::headless::wrong_usage;

/// The threads of that tid or name, on one machine: more than one only where a tid was used again, in the order of
/// its uses. Idle tasks are none.
///
/// # Errors
/// There is none, or several tids bear that name.
pub(super) fn find_tasks(snapshot: &Snapshot, task: &str) -> anyhow::Result<Vec<Worker>> {
    let (machine, wanted) = match task.split_once('/') {
        Some((machine, rest)) if snapshot.machines.iter().any(|m| m.name == machine) => (Some(machine), rest),
        _ => (None, task),
    };
    // By machine and tid: a label for people, and the uses of the tid.
    let mut found: Vec<(String, Vec<Worker>)> = Vec::new();
    let mut last = None;
    for view in snapshot.machines.iter().filter(|m| machine.is_none_or(|name| m.name == name)) {
        for row in view.store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task()) {
            let named = |name| *snapshot.names.text(name) == *wanted;
            if row.key().id.to_string() != wanted && !row.names().iter().any(|n| named(n.1)) {
                continue;
            }
            let worker = Worker { machine: view.id, row: row.id() };
            let tid = (view.id, row.key().id);
            if last == Some(tid) {
                found.last_mut().into_iter().for_each(|f| f.1.push(worker));
            } else {
                let label = format!("{}/{} {}", view.name, row.key().id, snapshot.names.text(row.name()));
                found.push((label, vec![worker]));
                last = Some(tid);
            }
        }
    }
    match found.as_slice() {
        [] => Err(wrong_usage(format!("there is no task {task}"))),
        [(_, workers)] => Ok(workers.clone()),
        several => {
            let list: Vec<&str> = several.iter().map(|(label, _)| label.as_str()).collect();
            Err(wrong_usage(format!("{task} is ambiguous, say which: {}", list.join(", "))))
        }
    }
}
