//! Where time went: time and number of intervals per state, of every row in a stretch of time or of rows of one
//! name together. Read from the summaries of rows, so that its cost does not depend on the length of the stretch.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;
use stratoscope_core::store::StateSums;
use stratoscope_core::vocab::{Cancel, MachineId, RefNs, RowKind, State, TimeRange};

use crate::window::command::RowRef;
use crate::window::relations;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};
use crate::window::words;

/// Time and number of intervals per state: of one row, or of several of the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// The row; of several the busiest.
    pub row: RowRef,
    /// What it is called.
    pub name: String,
    /// How many rows.
    pub rows: u32,
    /// By state.
    pub sums: StateSums,
}

impl Totals {
    /// Nanoseconds in a state.
    pub fn of(&self, state: State) -> i64 {
        self.sums.time(state).0
    }

    /// How long it did anything at all, in nanoseconds.
    pub fn busy(&self) -> i64 {
        State::ALL.iter().filter(|s| !s.is_quiet()).map(|s| self.of(*s)).sum()
    }
}

/// What is one line of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Group {
    /// Each row.
    #[default]
    Each,
    /// Rows of one name: a pool of workers, the CPUs of a machine, the vCPUs of a VM.
    Name,
}

/// Totals of the rows of a kind that have any time in the range; what was found so far if somebody cancels.
pub fn totals(scene: &Scene, kind: RowKind, range: TimeRange<RefNs>, group: Group, cancel: &Cancel) -> Vec<Totals> {
    let mut all = Vec::new();
    for machine in &scene.machines {
        let own = machine.to_machine(range);
        let of_row = |row: &SceneRow| {
            // What an idle task does, its CPU says better.
            if row.key.kind != kind || row.key.is_idle_task() || cancel.is_cancelled() {
                return None;
            }
            let sums = row.lane.counted(own);
            let any = State::ALL.iter().any(|s| *s != State::None && sums.time(*s).0 > 0);
            any.then(|| Totals {
                row: RowRef { machine: machine.id, key: row.key },
                name: if group == Group::Each {
                    words::row_place(scene, RowRef { machine: machine.id, key: row.key })
                } else {
                    String::new()
                },
                rows: 1,
                sums,
            })
        };
        all.par_extend(machine.rows.par_iter().with_min_len(64).filter_map(of_row));
    }
    match group {
        Group::Each => all,
        Group::Name => by_name(scene, all),
    }
}

fn by_name(scene: &Scene, rows: Vec<Totals>) -> Vec<Totals> {
    let mut groups: Vec<(Totals, i64)> = Vec::new();
    let mut known: HashMap<(MachineId, Arc<str>), usize> = HashMap::default();
    for mut row in rows {
        let Some((machine, _, scene_row)) = scene.row(row.row) else { continue };
        let name = common_name(scene, machine, scene_row);
        let busy = row.busy();
        match known.get(&(machine.id, Arc::clone(&name))).and_then(|n| groups.get_mut(*n)) {
            Some((group, most)) => {
                group.rows += 1;
                group.sums.merge(&row.sums);
                if busy > *most {
                    (group.row, *most) = (row.row, busy);
                }
            }
            None => {
                row.name = name.to_string();
                known.insert((machine.id, name), groups.len());
                groups.push((row, busy));
            }
        }
    }
    let several = scene.machines.len() > 1;
    let named = groups.into_iter().map(|(mut group, _)| {
        if group.rows > 1 {
            group.name.push_str(&format!(" × {}", group.rows));
        }
        if let Some(machine) = scene.machine(group.row.machine).filter(|_| several) {
            group.name.push_str(&format!(" of {}", machine.name));
        }
        group
    });
    named.collect()
}

fn common_name(scene: &Scene, machine: &SceneMachine, row: &SceneRow) -> Arc<str> {
    let name = || scene.text(row.name);
    match row.key.kind {
        RowKind::Cpu => "CPU".into(),
        RowKind::PhysicalCpu => "physical CPU".into(),
        RowKind::Irq => format!("irq {} {}", row.key.id, name()).trim_end().into(),
        RowKind::Softirq => format!("softirq {} {}", row.key.id, name()).trim_end().into(),
        RowKind::Vcpu => {
            let row = RowRef { machine: machine.id, key: row.key };
            match relations::vcpu_of_row(scene, row) {
                Some((vm, _)) => format!("vCPU of {}", vm.name).into(),
                None => name(),
            }
        }
        RowKind::Thread | RowKind::VmThread => match name() {
            name if name.is_empty() => "nameless".into(),
            name => name,
        },
    }
}

/// All of them together.
pub fn sum(rows: &[Totals]) -> StateSums {
    let mut all = StateSums::default();
    rows.iter().for_each(|r| all.merge(&r.sums));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint;
    use crate::window::timeline::fake;

    #[test]
    fn every_row_accounts_for_its_time_in_the_range() {
        let scene = fake::small();
        let range = TimeRange::new(RefNs(1_000_000), RefNs(7_000_000));
        let rows = totals(&scene, RowKind::Thread, range, Group::Each, &Cancel::default());
        let bash = rows.iter().find(|t| t.name == "bash 100").unwrap();
        assert_eq!(bash.of(State::RunningUser), 1_500_000);
        assert_eq!(bash.of(State::RunningSyscall), 1_000_000);
        assert_eq!(bash.sums.ns.iter().sum::<i64>(), 6_000_000);
        assert_eq!(bash.sums.count(State::RunningUser), 2);
        let cancelled = Cancel::default();
        cancelled.cancel();
        assert!(totals(&scene, RowKind::Cpu, range, Group::Each, &cancelled).is_empty());
    }

    #[test]
    fn rows_of_one_name_are_one_line_that_leads_to_the_busiest() {
        let scene = joint::fake::scene(joint::fake::fighting());
        let range = TimeRange::new(RefNs(0), RefNs(40_000_000));
        let each = totals(&scene, RowKind::Thread, range, Group::Each, &Cancel::default());
        let together = totals(&scene, RowKind::Thread, range, Group::Name, &Cancel::default());
        let kvm = together.iter().find(|t| t.name == "CPU 0/KVM × 2 of host").unwrap();
        let both: Vec<&Totals> = each.iter().filter(|t| t.name.starts_with("CPU 0/KVM")).collect();
        assert_eq!(both.len(), 2);
        for state in State::ALL.iter().copied() {
            assert_eq!(kvm.of(state), both.iter().map(|t| t.of(state)).sum::<i64>(), "{state:?}");
        }
        let most = both.iter().map(|t| t.busy()).max().unwrap();
        assert!(both.iter().any(|t| t.row == kvm.row && t.busy() == most));
        assert_eq!(sum(&each), sum(&together));
        let cpus = totals(&scene, RowKind::Cpu, range, Group::Name, &Cancel::default());
        assert!(cpus.iter().any(|t| t.name == "CPU × 2 of host"), "{cpus:?}");
    }
}
