//! Exits for the table and its pictures, over all hosts: grouped as the user wants, how long they took and when
//! they happened. What counts them is the engine's; here it is asked host by host.

use std::collections::BTreeMap;

use stratoscope_core::query::accounts::{Before, vm_times};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::VcpuTimes;
use stratoscope_core::vm::exits::{self, Distribution, ExitKey, ExitSums, ExitTimes, Host};
use stratoscope_core::vocab::{Cancel, Cancelled, MachineId, RefNs, TimeRange};

use crate::window::joint::facts::Facts;

/// By what exits are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// By VM.
    pub vm: bool,
    /// By vCPU.
    pub vcpu: bool,
    /// By reason.
    pub reason: bool,
}

/// Which exits are meant: those of a row of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Which {
    /// Of this VM.
    pub vm: Option<usize>,
    /// Of this vCPU, by its position in its VM.
    pub vcpu: Option<usize>,
    /// For this reason: instruction set and code.
    pub reason: Option<(u8, u32)>,
}

impl Which {
    fn of(key: &ExitKey, by: By) -> Self {
        Self {
            vm: (by.vm || by.vcpu).then_some(key.vm),
            vcpu: by.vcpu.then_some(key.vcpu),
            reason: by.reason.then_some((key.isa, key.code)),
        }
    }

    /// Whether an exit is one of them.
    pub fn holds(&self, key: &ExitKey) -> bool {
        self.vm.is_none_or(|vm| vm == key.vm)
            && self.vcpu.is_none_or(|vcpu| vcpu == key.vcpu)
            && self.reason.is_none_or(|reason| reason == (key.isa, key.code))
    }
}

/// The exits of a row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Which.
    pub which: Which,
    /// How many.
    pub count: u64,
    /// How many of them were not seen to end.
    pub incomplete: u64,
    /// What they took.
    pub times: Option<ExitTimes>,
    /// The host of the longest.
    pub host: MachineId,
}

/// A VM's account.
#[derive(Clone, Debug, PartialEq)]
pub struct Overhead {
    /// Its name.
    pub name: String,
    /// Its stripe.
    pub machine: MachineId,
    /// What it is computed from.
    pub times: VcpuTimes,
}

/// What the table shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exits {
    /// Rows.
    pub groups: Vec<Group>,
    /// What virtualisation adds, by VM.
    pub overheads: Vec<Overhead>,
}

#[derive(Default)]
struct Sum {
    sums: ExitSums,
    /// The host of the longest.
    host: Option<MachineId>,
}

fn each_host(
    facts: &Facts,
    range: TimeRange<RefNs>,
    mut each: impl FnMut(&Host<'_>) -> Result<(), Cancelled>,
) -> Result<(), Cancelled> {
    let Some(view) = &facts.world.vm else { return Ok(()) };
    for id in exits::hosts(&view.model) {
        let Some(machine) = facts.world.machine(id) else { continue };
        each(&Host { machine: id, store: &machine.store, range: machine.to_machine(range) })?;
    }
    Ok(())
}

/// The table.
///
/// # Errors
/// Somebody cancelled.
pub fn table(facts: &Facts, range: TimeRange<RefNs>, by: By, cancel: &Cancel) -> Result<Exits, Cancelled> {
    let Some(view) = &facts.world.vm else { return Ok(Exits::default()) };
    let mut sums: BTreeMap<Which, Sum> = BTreeMap::new();
    each_host(facts, range, |host| {
        exits::visit(&view.model, host, cancel, |key, exit| {
            let sum = sums.entry(Which::of(&key, by)).or_default();
            if sum.sums.add(exit) {
                sum.host = Some(host.machine);
            }
        })
    })?;
    let groups = sums.into_iter().map(|(which, sum)| sum.finish(which)).collect();
    let overheads = view
        .model
        .vms
        .iter()
        .enumerate()
        .filter_map(|(v, vm)| {
            let host = facts.world.machine(vm.host)?;
            let times = vm_times(view, v, host.to_machine(range), host.extent, Before::Skipped);
            Some(Overhead { name: vm.name.clone(), machine: vm.guest.unwrap_or(vm.host), times })
        })
        .collect();
    Ok(Exits { groups, overheads })
}

impl Sum {
    fn finish(self, which: Which) -> Group {
        let (count, incomplete) = self.sums.counts();
        Group { which, count, incomplete, times: self.sums.times(), host: self.host.unwrap_or(MachineId(0)) }
    }
}

/// How long those exits took.
///
/// # Errors
/// Somebody cancelled.
pub fn distribution(
    facts: &Facts,
    range: TimeRange<RefNs>,
    which: Which,
    cancel: &Cancel,
) -> Result<Distribution, Cancelled> {
    let mut all = Distribution::default();
    let Some(view) = &facts.world.vm else { return Ok(all) };
    each_host(facts, range, |host| {
        let one = exits::distribution(&view.model, host, |key| which.holds(key), cancel)?;
        if all.counts.len() < one.counts.len() {
            all.counts.resize(one.counts.len(), 0);
        }
        for (sum, n) in all.counts.iter_mut().zip(one.counts) {
            *sum += n;
        }
        Ok(())
    })?;
    Ok(all)
}

/// How many of those exits happened in each of so many equal parts of the range.
///
/// # Errors
/// Somebody cancelled.
pub fn rate(
    facts: &Facts,
    range: TimeRange<RefNs>,
    which: Which,
    columns: usize,
    cancel: &Cancel,
) -> Result<Vec<u64>, Cancelled> {
    let mut all = vec![0; columns];
    let Some(view) = &facts.world.vm else { return Ok(all) };
    each_host(facts, range, |host| {
        let one = exits::rate(&view.model, host, |key| which.holds(key), columns, cancel)?;
        for (sum, n) in all.iter_mut().zip(one) {
            *sum += n;
        }
        Ok(())
    })?;
    Ok(all)
}

/// The names of VM, vCPU and reason of a row, and what the reason means.
pub fn names(facts: &Facts, which: &Which) -> ([String; 3], String) {
    let vm = which.vm.and_then(|vm| facts.world.vms().get(vm));
    let vcpu = vm.zip(which.vcpu).and_then(|(vm, vcpu)| vm.vcpus.get(vcpu)).map(|v| v.number.to_string());
    let reason = which.reason.map(|(isa, code)| reasons::name(isa, code).into_owned());
    let about = which.reason.map_or_else(String::new, |(isa, code)| {
        format!("{} ({} {code})", reasons::meaning(isa, code), reasons::isa_name(isa).to_uppercase())
    });
    let all = || "all".to_owned();
    ([vm.map_or_else(all, |vm| vm.name.clone()), vcpu.unwrap_or_else(all), reason.unwrap_or_else(all)], about)
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::Dur;

    use super::*;
    use crate::window::joint::fake;

    fn range(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
    }

    const FINE: By = By { vm: true, vcpu: true, reason: true };

    #[test]
    fn the_finest_table_is_the_engines() {
        let facts = fake::fighting();
        let never = Cancel::default();
        let table = table(&facts, range(0, 40), FINE, &never).unwrap();
        let view = facts.world.vm.as_ref().unwrap();
        let host = facts.world.machine(fake::HOST).unwrap();
        let host = Host { machine: host.id, store: &host.store, range: host.to_machine(range(0, 40)) };
        let engine = exits::statistics(&view.model, &host, &never).unwrap();
        assert_eq!(engine.len(), table.groups.len());
        for stats in engine {
            let which = Which::of(&stats.key, FINE);
            let own = table.groups.iter().find(|g| g.which == which).unwrap();
            assert_eq!((own.count, own.incomplete, &own.times), (stats.count, stats.incomplete, &stats.times));
        }
    }

    #[test]
    fn coarser_tables_pictures_and_names_agree_with_it() {
        let facts = fake::fighting();
        let never = Cancel::default();
        let by = By { vm: false, vcpu: false, reason: true };
        let by_reason = table(&facts, range(0, 40), by, &never).unwrap();
        let counts: Vec<u64> = by_reason.groups.iter().map(|g| g.count).collect();
        assert_eq!(counts.iter().sum::<u64>(), 6);
        let all = table(&facts, range(0, 40), By { reason: false, ..by }, &never).unwrap();
        assert_eq!(all.groups.len(), 1);
        let longest = all.groups[0].times.as_ref().unwrap();
        // The preemption of 8 ms does not count: its thread had no CPU.
        assert_eq!(longest.max, Dur(900_000));
        assert_eq!(longest.off_cpu, Dur(8_020_000));
        let rate = rate(&facts, range(0, 40), Which::default(), 40, &never).unwrap();
        assert_eq!(rate.iter().sum::<u64>(), 6);
        assert_eq!(rate[2], 1);
        let distribution = distribution(&facts, range(0, 40), by_reason.groups[0].which, &never).unwrap();
        assert_eq!(distribution.counts.iter().sum::<u64>(), by_reason.groups[0].count);
        let (words, about) = names(&facts, &by_reason.groups[0].which);
        assert_eq!(words[0], "all");
        assert!(about.contains("VMX"), "{about}");
        assert!(!all.overheads.is_empty());
        let cancelled = Cancel::default();
        cancelled.cancel();
        assert!(table(&facts, range(0, 40), FINE, &cancelled).is_err());
    }
}
