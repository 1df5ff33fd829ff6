//! Where the time of vCPUs, VMs and guests' tasks went, and who took it: what `vms` prints and the steal pane
//! shows.
//!
//! Sums of joined rows; not here: how rows are joined (`vm`), and how times are written.

use std::collections::BTreeMap;

use crate::query::world::{World, WorldMachine};
use crate::store::Row;
use crate::vm::{self, TaskTimes, VcpuTimes, VmView, Who};
use crate::vocab::{Cancel, Cancelled, Dur, MachineNs, State, TimeRange};

/// How a range is meant that begins before anything is known of a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The time before counts, as unknown: somebody asked for just that range.
    Counts,
    /// The account begins where its state is known: somebody only looks at that range.
    Skipped,
}

/// Who took time, and when longest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Who had the CPU instead (`None`: nobody knows), the greatest first.
    pub by: Vec<(Option<Who>, Dur)>,
    /// The longest time that it was taken at once.
    pub longest: Option<TimeRange<MachineNs>>,
}

/// The account of a vCPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcpuAccount {
    /// Its position in the VM.
    pub vcpu: usize,
    /// What the account is about, on its host's axis.
    pub range: TimeRange<MachineNs>,
    /// Time by state; the seven add up to the range.
    pub times: VcpuTimes,
    /// Who took the stolen part.
    pub taken: Taken,
    /// How often it came to another of its host's CPUs.
    pub migrations: u64,
}

/// The account of a task inside a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskAccount {
    /// Where the time went that the guest charged to it.
    pub times: TaskTimes,
    /// The longest time that it was taken at once, on the guest's axis.
    pub longest: Option<TimeRange<MachineNs>>,
}

/// The account of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmAccount {
    /// Its position in the model.
    pub vm: usize,
    /// All its vCPUs together.
    pub times: VcpuTimes,
    /// Who took the stolen part of all its vCPUs.
    pub taken: Taken,
    /// Its vCPUs, by number.
    pub vcpus: Vec<VcpuAccount>,
    /// The tasks of its guest that believed to run.
    pub tasks: Vec<TaskAccount>,
}

/// The range that a vCPU's account is about: what was asked for on its host's axis, within the host's trace
/// (`extent`) and the vCPU's last interval.
pub fn vcpu_range(
    view: &VmView,
    (vm, vcpu): (usize, usize),
    asked: TimeRange<MachineNs>,
    extent: TimeRange<MachineNs>,
    before: Before,
) -> TimeRange<MachineNs> {
    if before == Before::Counts {
        return vm::account_range(view, (vm, vcpu), asked, extent);
    }
    let all = vm::account_range(view, (vm, vcpu), TimeRange::ALWAYS, extent);
    let end = asked.end.min(all.end);
    TimeRange::new(asked.begin.max(all.begin).min(end), end)
}

/// The account of all vCPUs of a VM together, each within its [`vcpu_range`].
pub fn vm_times(
    view: &VmView,
    vm: usize,
    asked: TimeRange<MachineNs>,
    extent: TimeRange<MachineNs>,
    before: Before,
) -> VcpuTimes {
    let Some(of) = view.model.vms.get(vm) else { return VcpuTimes::default() };
    let each = of.vcpus.iter().enumerate();
    let times = each.map(|(c, vcpu)| view.vcpu_times(of, vcpu, vcpu_range(view, (vm, c), asked, extent, before)));
    times.fold(VcpuTimes::default(), |sum, times| sum + times)
}

/// The accounts of all VMs, in the model's order. `asked` says which range of a machine's own time is meant.
///
/// # Errors
/// Somebody cancelled.
pub fn accounts(
    world: &World,
    asked: &dyn Fn(&WorldMachine) -> TimeRange<MachineNs>,
    before: Before,
    cancel: &Cancel,
) -> Result<Vec<VmAccount>, Cancelled> {
    let mut all = Vec::new();
    let Some(view) = &world.vm else { return Ok(all) };
    for (v, vm) in view.model.vms.iter().enumerate() {
        let Some(host) = world.machine(vm.host) else { continue };
        let mut account = VmAccount {
            vm: v,
            times: VcpuTimes::default(),
            taken: Taken::default(),
            vcpus: Vec::new(),
            tasks: Vec::new(),
        };
        let mut together = Sum::default();
        for (c, vcpu) in vm.vcpus.iter().enumerate() {
            let range = vcpu_range(view, (v, c), asked(host), host.extent, before);
            let times = view.vcpu_times(vm, vcpu, range);
            let mut sum = Sum::default();
            if let Some(row) = world.vcpu_row(vm, vcpu) {
                sum.add_row(world, row, range, &[State::Preempted, State::WaitingCpu], cancel)?;
            }
            together.add(&sum);
            account.times = account.times + times;
            let migrations = vm::migrations(&host.store, vcpu, range);
            account.vcpus.push(VcpuAccount { vcpu: c, range, times, taken: sum.finish(), migrations });
        }
        account.taken = together.finish();
        if let Some(guest) = vm.guest.and_then(|id| world.machine(id)) {
            let range = asked(guest);
            for times in vm::tasks(view, guest.id, &guest.store, range, &world.names, cancel)? {
                let mut sum = Sum::default();
                let row = view.truth(guest.id).and_then(|truth| truth.row(times.row));
                if let Some(row) = row.filter(|_| times.stolen.0 > 0) {
                    sum.add_row(world, row, range, &[State::PreemptedByHost], cancel)?;
                }
                account.tasks.push(TaskAccount { times, longest: sum.longest });
            }
        }
        all.push(account);
    }
    Ok(all)
}

/// Who took time, while it is added up.
#[derive(Default)]
struct Sum {
    by: BTreeMap<Option<Who>, Dur>,
    longest: Option<TimeRange<MachineNs>>,
}

impl Sum {
    fn add_row(
        &mut self,
        world: &World,
        row: &Row,
        range: TimeRange<MachineNs>,
        states: &[State],
        cancel: &Cancel,
    ) -> Result<(), Cancelled> {
        for (n, interval) in row.intervals(range).enumerate() {
            if n % 4096 == 0 {
                cancel.check()?;
            }
            if !states.contains(&interval.look.state) {
                continue;
            }
            let part = TimeRange::new(interval.begin.max(range.begin), interval.end.min(range.end));
            let time = self.by.entry(world.who_of(interval.look)).or_default();
            *time = *time + part.length();
            self.take_longer(Some(part));
        }
        Ok(())
    }

    fn add(&mut self, other: &Self) {
        for (who, time) in &other.by {
            let sum = self.by.entry(*who).or_default();
            *sum = *sum + *time;
        }
        self.take_longer(other.longest);
    }

    fn take_longer(&mut self, part: Option<TimeRange<MachineNs>>) {
        let longest = |part: &TimeRange<MachineNs>| self.longest.is_none_or(|l| l.length() < part.length());
        if let Some(part) = part.filter(longest) {
            self.longest = Some(part);
        }
    }

    fn finish(self) -> Taken {
        let mut by: Vec<(Option<Who>, Dur)> = self.by.into_iter().collect();
        by.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Taken { by, longest: self.longest }
    }
}
