//! The time budget of vCPUs: over which range it is told, for one of them and for a whole VM.

use std::ops::Add;

use crate::store::StoreSnapshot;
use crate::vm::model::{Vcpu, Vm};
use crate::vm::view::{VcpuTimes, VmView};
use crate::vocab::{MachineNs, State, TimeRange};

/// The range that a vCPU's account is about, where `asked` was asked for on its host's axis ([`MachineNs::MIN`]
/// and [`MachineNs::MAX`]: nothing was).
///
/// By default from the first instant at which its state is known (recordings often begin long before all events
/// are enabled, and an account that is mostly unknown helps nobody) to its end. Whatever is asked for, never
/// beyond `extent`, the host's trace, nor after the vCPU's last interval.
pub fn account_range(
    view: &VmView,
    (vm, vcpu): (usize, usize),
    asked: TimeRange<MachineNs>,
    extent: TimeRange<MachineNs>,
) -> TimeRange<MachineNs> {
    let about = view.model.vms.get(vm).and_then(|of| Some((of, of.vcpus.get(vcpu)?)));
    let row = about.and_then(|(of, vcpu)| view.truth(of.host)?.row(view.vcpu_row(of, vcpu)?));
    let end = row.and_then(|row| row.extent()).map_or(extent.end, |e| e.end).min(asked.end);
    let known = view.known_from.get(vm).and_then(|of| of.get(vcpu)).copied();
    // Of a vCPU whose state is never known for sure, all that there is.
    let known = known.filter(|t| *t < end).unwrap_or(extent.begin);
    let begin = if asked.begin == MachineNs::MIN { known } else { asked.begin };
    let begin = begin.max(extent.begin).min(end);
    TimeRange::new(begin, end)
}

/// The account of all vCPUs of a VM together within a range of its host's time: [`VcpuTimes::overhead`] of it
/// is what virtualisation adds to the VM's run time, [`VcpuTimes::steal`] what others took of it.
pub fn vm_times(view: &VmView, vm: &Vm, range: TimeRange<MachineNs>) -> VcpuTimes {
    vm.vcpus.iter().map(|vcpu| view.vcpu_times(vm, vcpu, range)).fold(VcpuTimes::default(), Add::add)
}

/// How often a vCPU came to another of its host's CPUs within a range. `host` are the host's own rows.
pub fn migrations(host: &StoreSnapshot, vcpu: &Vcpu, range: TimeRange<MachineNs>) -> u64 {
    let row = host.find(&vcpu.key).and_then(|id| host.row(id));
    let on_cpu = |state| matches!(state, State::Guest | State::Vmm | State::VmmUser);
    let intervals = row.iter().flat_map(|row| row.intervals(range));
    let mut last = None;
    let moved = |cpu: &u32| last.replace(*cpu).is_some_and(|before| before != *cpu);
    intervals.filter(|i| on_cpu(i.look.state)).map(|i| i.look.aux).filter(moved).count() as u64
}
