//! Events found by a filter, as instants: marks that a program wrote into the trace, or anything else that
//! somebody can describe by an expression.

use crate::query::search::on_reference;
use crate::query::{Matcher, Search};
use crate::session::snapshot::Snapshot;
use crate::vocab::{Cancel, Cancelled, MachineId, MachineNs, RefNs, TimeRange};

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
    let (origin_ns, _) = snapshot.origin();
    let name = |id: MachineId| snapshot.machines.get(usize::from(id.0)).map_or("", |machine| &machine.name);
    let mut found = Search::filter(&snapshot.events, filter, name, on_reference(origin_ns)).instants(range, cancel)?;
    found.resize(snapshot.machines.len(), Vec::new());
    Ok(found)
}
