//! Events found by a filter, as instants: marks that a program wrote into the trace, or anything else that
//! somebody can describe by an expression.

use crate::index::EventAt;
use crate::query::{EventSubject, Facts, Matcher};
use crate::session::snapshot::{MachineView, Snapshot};
use crate::vocab::{Cancel, Cancelled, MachineNs, RefNs, TimeRange};

/// Events between two looks at whether somebody cancelled.
const STEP: u64 = 4096;

/// When events in `range` match the filter, by machine, on each machine's own axis and in order. `t` in the
/// filter is what is printed for an event on the reference's clock: nanoseconds since 1970.
///
/// Reads the events of the range, and the fields of those that their names alone do not rule out.
///
/// # Errors
/// Somebody cancelled.
pub fn instants(
    snapshot: &Snapshot,
    filter: &Matcher,
    range: TimeRange<RefNs>,
    cancel: &Cancel,
) -> Result<Vec<Vec<MachineNs>>, Cancelled> {
    cancel.check()?;
    let (origin_ns, _) = snapshot.origin();
    let hints: Vec<Vec<Option<bool>>> = snapshot
        .traces
        .iter()
        .map(|trace| trace.trace.classes().iter().map(|class| hint(filter, &class.name)).collect())
        .collect();
    let mut found = vec![Vec::new(); snapshot.machines.len()];
    let mut cancelled = false;
    let mut until_look = STEP;
    snapshot.events.visit(range.begin, range.end, |event| {
        until_look -= 1;
        if until_look == 0 {
            until_look = STEP;
            cancelled = cancel.is_cancelled();
        }
        let class = event.head.class.0 as usize;
        let known = hints.get(usize::from(event.stream.trace_id.0)).and_then(|h| h.get(class)).copied().flatten();
        let number = usize::from(event.stream.machine.0);
        if let (Some(machine), Some(list)) = (snapshot.machines.get(number), found.get_mut(number))
            && known.unwrap_or_else(|| matches(filter, event, machine, origin_ns))
        {
            list.push(event.head.t);
        }
        !cancelled
    });
    if cancelled { Err(Cancelled) } else { Ok(found) }
}

fn hint(filter: &Matcher, name: &str) -> Option<bool> {
    filter.hint(&Facts { name: Some(name), ..Facts::default() })
}

fn matches(filter: &Matcher, event: &mut EventAt<'_>, machine: &MachineView, origin_ns: i128) -> bool {
    let (name, cpu) = (event.name(), event.head.cpu);
    let t = origin_ns + i128::from(event.t.0);
    filter.matches(&EventSubject::new(&machine.name, &name, cpu, t, || event.fields()))
}
