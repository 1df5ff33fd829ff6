//! Whose work a physical CPU does, as a colour: runs of columns cut by machine.
//!
//! Where one interval fills a column its machine is known; where many share one, the one in its middle stands for
//! them: so a column costs one question, however many intervals there are.

use stratoscope_core::store::{Look, Run};
use stratoscope_core::vocab::{Dur, MachineId, MachineNs, Name, StateSet, TimeRange};

use crate::window::relations;
use crate::window::timeline::scene::{Scene, SceneRow};

/// In runs that were cut by machine, the detail is the machine: its number and one, so that none is none.
pub(crate) fn machine_of(run: &Run) -> Option<MachineId> {
    run.detail.0.checked_sub(1).and_then(|n| u16::try_from(n).ok()).map(MachineId)
}

/// Cuts runs of `columns` columns over `range` by machine.
pub(crate) fn by_machine(
    scene: &Scene,
    own: MachineId,
    row: &SceneRow,
    range: TimeRange<MachineNs>,
    columns: u32,
    runs: &mut Vec<Run>,
) {
    let at = |t: MachineNs| {
        let interval = row.lane.at(t).filter(|i| !i.look.state.is_quiet())?;
        match relations::who_of(scene, row, &interval) {
            Some(who) => Some(who.machine),
            // Of a CPU as its own machine sees it, all is its own.
            None if !row.joined && interval.look.aux != Look::NO_AUX => Some(own),
            None => None,
        }
    };
    let column_ns = range.length().0 as f64 / f64::from(columns.max(1));
    let mut out: Vec<Run> = Vec::with_capacity(runs.len());
    let mut push = |run: Run, machine: Option<MachineId>| {
        let detail = Name(machine.map_or(0, |m| u32::from(m.0) + 1));
        let run = Run { detail, ticks: StateSet::default(), ..run };
        match out.last_mut() {
            Some(last) if *last == (Run { begin: last.begin, end: run.begin, ..run }) => last.end = run.end,
            _ => out.push(run),
        }
    };
    for run in runs.iter() {
        match run.single {
            _ if run.state.is_quiet() => push(*run, None),
            Some(begin) => push(*run, at(begin)),
            None => {
                for column in run.begin..run.end {
                    let middle = range.begin + Dur(((f64::from(column) + 0.5) * column_ns) as i64);
                    push(Run { begin: column, end: column + 1, ..*run }, at(middle));
                }
            }
        }
    }
    *runs = out;
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{Cpu, RowKey, RowKind};

    use super::*;
    use crate::window::command::RowRef;
    use crate::window::timeline::fake_vm;

    #[test]
    fn columns_have_the_machine_whose_task_runs() {
        let scene = fake_vm::joined();
        let key = RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(Cpu(1)) };
        let (machine, _, row) = scene.row(RowRef { machine: MachineId(0), key }).unwrap();
        let range = TimeRange::new(MachineNs(0), MachineNs(46_000_000));
        for columns in [46, 460] {
            let mut runs = Vec::new();
            row.lane.runs(range, columns, &mut runs);
            by_machine(&scene, machine.id, row, range, columns, &mut runs);
            // Columns never overlap, and in the middle of each turn stands the guest that has it.
            assert!(runs.windows(2).all(|w| w[0].end <= w[1].begin));
            let at = |ms: u32| {
                let column = ms * columns / 46;
                runs.iter().find(|r| r.begin <= column && column < r.end).and_then(machine_of)
            };
            assert_eq!(
                [1, 6, 13, 21, 30, 36, 41, 45].map(at),
                [
                    None,
                    Some(MachineId(1)),
                    Some(MachineId(2)),
                    Some(MachineId(1)),
                    Some(MachineId(2)),
                    Some(MachineId(1)),
                    Some(MachineId(2)),
                    None,
                ]
            );
        }
    }
}
