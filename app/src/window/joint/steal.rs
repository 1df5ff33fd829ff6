//! How much time was stolen from whom, exactly: per column of pixels, per vCPU, VM and task, and who took it.
//!
//! No screen here: sums of joined rows, in time proportional to what is asked. Accounts are those that `vms` prints.

use stratoscope_core::query::accounts::{self, Before, vcpu_range};
use stratoscope_core::query::{World, WorldMachine};
use stratoscope_core::vm::{VcpuTimes, Who};
use stratoscope_core::vocab::{Cancel, Dur, MachineId, MachineNs, RefNs, State, TimeRange};

use crate::window::command::RowRef;
use crate::window::joint::facts::Facts;

/// A second, over which `top` averages.
const SECOND: i64 = 1_000_000_000;

/// More steps than that would not be seen as steps.
const MOST_STEPS: i64 = 4_000;

/// Stolen time of a vCPU over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The vCPU's row.
    pub row: RowRef,
    /// What to call it.
    pub name: String,
    /// The share of each column that was stolen; `NaN` where nothing is known of the vCPU.
    pub exact: Vec<f32>,
    /// Second by second, the share that `top` would show for it.
    pub top: Vec<(TimeRange<RefNs>, f32)>,
    /// The vCPU's account of the whole range.
    pub times: VcpuTimes,
}

/// The stolen share of every column of `window`, for each vCPU.
pub fn curves(facts: &Facts, window: TimeRange<RefNs>, columns: usize, cancel: &Cancel) -> Vec<Curve> {
    let mut all = Vec::new();
    let Some(view) = &facts.world.vm else { return all };
    for (v, vm) in view.model.vms.iter().enumerate() {
        let Some(host) = facts.world.machine(vm.host) else { continue };
        for (c, vcpu) in vm.vcpus.iter().enumerate() {
            let Some(row) = facts.world.vcpu_row(vm, vcpu) else { continue };
            let known = vcpu_range(view, (v, c), TimeRange::ALWAYS, host.extent, Before::Skipped);
            let (from, end) = (known.begin, known.end);
            let share = |range: TimeRange<MachineNs>| {
                let range = TimeRange::new(range.begin.max(from), range.end.min(end));
                let length = range.length().0;
                if length <= 0 {
                    return f32::NAN;
                }
                let sums = row.sums(range);
                let stolen = sums.time(State::Preempted) + sums.time(State::WaitingCpu);
                (stolen.0 as f64 / length as f64) as f32
            };
            let length = window.length().0 as i128;
            let edge = |n: usize| {
                let ns = length * n as i128 / columns.max(1) as i128;
                host.map.from_ref(window.begin + Dur(i64::try_from(ns).unwrap_or(i64::MAX)))
            };
            let mut exact = Vec::with_capacity(columns);
            for n in 0..columns {
                if cancel.is_cancelled() {
                    return all;
                }
                exact.push(share(TimeRange::new(edge(n), edge(n + 1))));
            }
            // Whole seconds since the vCPU is known, as a top that was started then would have them.
            let own = host.to_machine(window);
            let first = (own.begin.max(from) - from).0.div_euclid(SECOND);
            let last = ((own.end.min(end) - from).0.max(0) / SECOND).min(first.saturating_add(MOST_STEPS));
            let top = (first..=last)
                .map(|n| TimeRange::new(from + Dur(n * SECOND), (from + Dur((n + 1) * SECOND)).min(end)))
                .filter(|r| r.length().0 > 0)
                .map(|r| (TimeRange::new(host.to_ref(r.begin), host.to_ref(r.end)), share(r)))
                .collect();
            all.push(Curve {
                row: RowRef { machine: vm.host, key: vcpu.key },
                name: format!("{} vCPU {}", vm.name, vcpu.number),
                exact,
                top,
                times: view.vcpu_times(vm, vcpu, vcpu_range(view, (v, c), own, host.extent, Before::Skipped)),
            });
        }
    }
    all
}

/// What an account is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A whole VM.
    Vm,
    /// A vCPU.
    Vcpu,
    /// A task of a guest.
    Task,
}

/// Time of a VM, a vCPU or a task of a guest within a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// What it is about.
    pub of: Of,
    /// Its name.
    pub name: String,
    /// The machine whose stripe it bears: the guest, else the host.
    pub machine: MachineId,
    /// Its row; none of a VM.
    pub row: Option<RowRef>,
    /// The time that it is about: the range, of a VM times its vCPUs; of a task, the time that it believed to run.
    pub whole: Dur,
    /// Executing its own code.
    pub real: Dur,
    /// In the hypervisor.
    pub hypervisor: Dur,
    /// Taken while it wanted to run.
    pub stolen: Dur,
    /// Asleep; not of tasks.
    pub halted: Dur,
    /// Nothing is known.
    pub unknown: Dur,
    /// Who had the CPU instead, the greatest first.
    pub by: Vec<(String, Dur)>,
    /// The longest time that it was taken at once.
    pub longest: Option<TimeRange<RefNs>>,
}

impl Account {
    /// The stolen share.
    pub fn share(&self) -> f64 {
        if self.whole.0 > 0 { self.stolen.0 as f64 / self.whole.0 as f64 } else { 0.0 }
    }
}

/// The accounts of all VMs, vCPUs and guests' tasks that believed to run in the range; none if cancelled.
pub fn accounts(facts: &Facts, range: TimeRange<RefNs>, cancel: &Cancel) -> Vec<Account> {
    let world = &facts.world;
    let asked = |machine: &WorldMachine| machine.to_machine(range);
    let Ok(all) = accounts::accounts(world, &asked, Before::Skipped, cancel) else { return Vec::new() };
    let mut rows = Vec::new();
    for account in all {
        let Some(vm) = world.vms().get(account.vm) else { continue };
        let Some(host) = world.machine(vm.host) else { continue };
        let stripe = vm.guest.unwrap_or(vm.host);
        let named =
            |by: &[(Option<Who>, Dur)], from| by.iter().map(|(w, d)| (who_words(world, *w, from), *d)).collect();
        let on_axis = |of: &WorldMachine, longest: Option<TimeRange<MachineNs>>| {
            longest.map(|l| TimeRange::new(of.to_ref(l.begin), of.to_ref(l.end)))
        };
        rows.push(Account {
            name: vm.name.clone(),
            by: named(&account.taken.by, vm.host),
            longest: on_axis(host, account.taken.longest),
            ..of_vcpu(Of::Vm, stripe, &account.times)
        });
        for one in &account.vcpus {
            let Some(vcpu) = vm.vcpus.get(one.vcpu) else { continue };
            rows.push(Account {
                name: format!("{} vCPU {}", vm.name, vcpu.number),
                row: Some(RowRef { machine: vm.host, key: vcpu.key }),
                by: named(&one.taken.by, vm.host),
                longest: on_axis(host, one.taken.longest),
                ..of_vcpu(Of::Vcpu, stripe, &one.times)
            });
        }
        let Some(guest) = vm.guest.and_then(|id| world.machine(id)) else { continue };
        for task in &account.tasks {
            let times = &task.times;
            let name = world.names.text(times.name);
            rows.push(Account {
                of: Of::Task,
                name: if name.is_empty() {
                    format!("thread {}", times.tid().0)
                } else {
                    format!("{name} {}", times.tid().0)
                },
                machine: guest.id,
                row: Some(RowRef { machine: guest.id, key: times.key }),
                whole: times.perceived(),
                real: times.real,
                hypervisor: times.hypervisor,
                stolen: times.stolen,
                halted: Dur(0),
                unknown: times.unknown,
                by: named(&times.stolen_by, guest.id),
                longest: on_axis(guest, task.longest),
            });
        }
    }
    rows
}

fn who_words(world: &World, who: Option<Who>, from: MachineId) -> String {
    who.map_or_else(|| "nobody knows who".to_owned(), |who| world.who_words(who, from))
}

fn of_vcpu(of: Of, machine: MachineId, times: &VcpuTimes) -> Account {
    Account {
        of,
        name: String::new(),
        machine,
        row: None,
        whole: times.total(),
        real: times.guest,
        hypervisor: times.vmm + times.vmm_user,
        stolen: times.stolen(),
        halted: times.halted,
        unknown: times.unknown,
        by: Vec::new(),
        longest: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint::fake;

    fn range(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
    }

    #[test]
    fn columns_are_exact_and_top_averages() {
        let facts = fake::fighting();
        let curves = curves(&facts, range(0, 40), 20, &Cancel::default());
        let a = curves.iter().find(|c| c.name == "guest-a vCPU 0").unwrap();
        // Columns of 2 ms; preempted from 10 to 18 ms and from 26 to 34.
        assert_eq!(a.exact[4], 0.0);
        assert_eq!(a.exact[5], 1.0);
        assert_eq!(a.exact[8], 1.0);
        assert_eq!(a.exact[9], 0.0);
        assert_eq!(a.times.stolen(), Dur(16_000_000));
        // One step: the trace is shorter than a second.
        assert_eq!(a.top.len(), 1);
        assert!((a.top[0].1 - 16.0 / 40.0).abs() < 1e-6, "{:?}", a.top);
    }

    #[test]
    fn accounts_name_who_took_the_time() {
        let facts = fake::fighting();
        let all = accounts(&facts, range(0, 40), &Cancel::default());
        let find = |name: &str| all.iter().find(|a| a.name == name).unwrap();
        let vm = find("guest-a");
        assert_eq!(vm.of, Of::Vm);
        assert_eq!(vm.stolen, Dur(16_000_000));
        assert_eq!(vm.real + vm.hypervisor + vm.stolen + vm.halted + vm.unknown, vm.whole);
        let task = find("critical 219");
        assert_eq!(task.stolen, Dur(16_000_000));
        assert_eq!(task.by, [("burner-b 300 in guest-b".to_owned(), Dur(16_000_000))]);
        assert_eq!(task.longest.map(|l| l.length()), Some(Dur(8_000_000)));
        // Half of one preemption.
        let part = accounts(&facts, range(14, 20), &Cancel::default());
        assert_eq!(part.iter().find(|a| a.of == Of::Task).map(|a| a.stolen), Some(Dur(4_000_000)));
        let cancelled = Cancel::default();
        cancelled.cancel();
        assert!(accounts(&facts, range(0, 40), &cancelled).iter().all(|a| a.of != Of::Task));
    }
}
