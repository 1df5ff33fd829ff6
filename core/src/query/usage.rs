//! How much of its CPUs each machine used, and which threads did: what `stats --cpu` prints and the pane of CPU usage
//! shows.
//!
//! Which stretch is meant and which rows tell it; the sums themselves are made in [`crate::stats::usage`].

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::query::world::{World, WorldMachine};
use crate::stats::usage::{self, CpuUsage, Places, ThreadUsage, UsageOf};
use crate::vocab::{Cancel, Cancelled, Dur, MachineId, MachineNs, RowId, TimeRange};

/// What a machine used within a stretch of its own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineUsage {
    /// Which machine.
    pub machine: MachineId,
    /// The part of what was asked for of which its traces tell; never empty.
    pub range: TimeRange<MachineNs>,
    /// Its CPUs, by number.
    pub cpus: Vec<CpuUsage>,
    /// Its threads that had a CPU, those with most time first.
    pub threads: Vec<ThreadUsage>,
}

/// The rows that tell a machine's usage.
pub fn rows_of<'a>(world: &'a World, machine: &'a WorldMachine) -> UsageOf<'a> {
    let truth = world.vm.as_ref().and_then(|view| view.truth(machine.id));
    UsageOf { store: &machine.store, truth: truth.map(|store| &**store) }
}

/// The part of a stretch of a machine's time of which its traces tell.
pub fn told(machine: &WorldMachine, asked: TimeRange<MachineNs>) -> TimeRange<MachineNs> {
    let end = machine.store.watermark().max(machine.extent.end).min(asked.end);
    let begin = asked.begin.max(machine.extent.begin);
    TimeRange::new(begin.min(end), end)
}

/// What every machine used. `asked` says which stretch of a machine's own time is meant; a machine of which nothing is
/// told in it is left out.
///
/// # Errors
/// Somebody cancelled.
pub fn usage(
    world: &World,
    asked: &dyn Fn(&WorldMachine) -> TimeRange<MachineNs>,
    cancel: &Cancel,
) -> Result<Vec<MachineUsage>, Cancelled> {
    let mut all = Vec::new();
    for machine in &world.machines {
        let range = told(machine, asked(machine));
        if range.length() <= Dur(0) {
            continue;
        }
        let rows = rows_of(world, machine);
        let threads = usage::threads(rows, range, cancel)?;
        all.push(MachineUsage { machine: machine.id, range, cpus: usage::cpus(rows, range), threads });
    }
    Ok(all)
}

/// Where each of those threads ran. Takes time in proportion to their intervals, divided by the cores.
///
/// # Errors
/// Somebody cancelled.
pub fn places(
    world: &World,
    all: &[MachineUsage],
    cancel: &Cancel,
) -> Result<FxHashMap<(MachineId, RowId), Places>, Cancelled> {
    let mut places = FxHashMap::default();
    for of in all {
        let Some(machine) = world.machine(of.machine) else { continue };
        let each = of.threads.par_iter().filter_map(|thread| {
            let row = machine.store.row(thread.row)?;
            let found = usage::places(row, of.range, cancel);
            Some(found.map(|places| ((of.machine, thread.row), places)))
        });
        places.extend(each.collect::<Result<Vec<_>, Cancelled>>()?);
    }
    Ok(places)
}
