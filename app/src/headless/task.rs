//! Which task the user means: `TID`, `NAME`, `MACHINE/TID` or `MACHINE/NAME`.

use stratoscope_core::flow::Worker;
use stratoscope_core::session::Snapshot;
use stratoscope_core::vocab::{MachineId, RowKind};

use crate::headless::wrong_usage;

/// A tid of a machine that is meant, perhaps.
struct Found {
    tid: (MachineId, i32),
    /// For people.
    label: String,
    /// It is that tid, or bears that name to the end.
    kept: bool,
    /// Its uses, in their order.
    uses: Vec<Worker>,
}

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
    let mut found: Vec<Found> = Vec::new();
    for view in snapshot.machines.iter().filter(|m| machine.is_none_or(|name| m.name == name)) {
        for row in view.store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task()) {
            let named = |name| *snapshot.names.text(name) == *wanted;
            if row.key().id.to_string() != wanted && !row.names().iter().any(|n| named(n.1)) {
                continue;
            }
            let worker = Worker { machine: view.id, row: row.id() };
            let tid = (view.id, row.key().id);
            let kept = row.key().id.to_string() == wanted || named(row.name());
            match found.iter_mut().find(|f| f.tid == tid) {
                Some(known) => {
                    known.kept |= kept;
                    known.uses.push(worker);
                }
                None => {
                    let label = format!("{}/{} {}", view.name, row.key().id, snapshot.names.text(row.name()));
                    found.push(Found { tid, label, kept, uses: vec![worker] });
                }
            }
        }
    }
    // A shell's children bear its name until they become what they are: who kept the name is meant.
    if found.iter().any(|f| f.kept) {
        found.retain(|f| f.kept);
    }
    match found.as_slice() {
        [] => Err(wrong_usage(format!("there is no task {task}"))),
        [one] => Ok(one.uses.clone()),
        several => {
            let list: Vec<&str> = several.iter().map(|f| f.label.as_str()).collect();
            Err(wrong_usage(format!("{task} is ambiguous, say which: {}", list.join(", "))))
        }
    }
}
