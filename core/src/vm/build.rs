//! From the threads that enter guests, and what links them to machines, to the model.

use std::collections::BTreeMap;

use crate::store::StoreSnapshot;
use crate::sync::VmLink;
use crate::vcpu::VcpuThread;
use crate::vm::model::{LinkBy, Role, Vcpu, Vm, VmModel};
use crate::vocab::{Interner, MachineId, RowKey, Tid};

/// What is known of one machine.
pub struct MachineFacts<'a> {
    /// Its number.
    pub id: MachineId,
    /// Its name.
    pub name: &'a str,
    /// Its rows.
    pub store: &'a StoreSnapshot,
    /// Its threads that enter guests.
    pub vcpus: &'a [VcpuThread],
}

/// A VM that the user has said to be a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The host.
    pub host: MachineId,
    /// The VM's process there.
    pub pid: Tid,
    /// The machine inside; `None`: none of those that are open.
    pub guest: Option<MachineId>,
}

/// A guess: the position of a VM, its guest, and why.
pub type Guessed = (usize, MachineId, LinkBy);

/// Who is asked for a guess about VMs and guests that nothing links.
pub type Guess<'a> = &'a dyn Fn(&[&Vm], &[MachineId]) -> Vec<Guessed>;

/// Builds the model. `guess` is asked for the guest of a VM that nothing links: it gets the VMs and the guests
/// that are left and says which belong together and why.
pub fn build(
    machines: &[MachineFacts<'_>],
    links: &[VmLink],
    assigned: &[Assignment],
    names: &Interner,
    guess: Guess<'_>,
) -> VmModel {
    let mut model = VmModel { vms: Vec::new(), roles: vec![Role::default(); machines.len()] };
    for machine in machines {
        model.vms.extend(vms_of(machine, names));
    }
    let name_of = |id: MachineId| machines.get(usize::from(id.0)).map_or("", |m| m.name);
    let mut taken: Vec<MachineId> = Vec::new();
    for vm in &mut model.vms {
        let said = assigned.iter().find(|a| a.host == vm.host && Some(a.pid) == vm.host_pid);
        let by_message = || {
            let of_vm = |l: &&VmLink| l.host == vm.host && vm.vcpus.iter().any(|v| v.thread == l.thread);
            // Most of the links win: a machine that was rebooted is two guests of one process.
            let mut votes: BTreeMap<MachineId, u64> = BTreeMap::new();
            links.iter().filter(of_vm).for_each(|l| *votes.entry(l.guest).or_default() += l.matches);
            votes.into_iter().max_by_key(|(guest, n)| (*n, std::cmp::Reverse(*guest))).map(|(guest, _)| guest)
        };
        (vm.guest, vm.link) = match said {
            Some(said) => (said.guest, Some(LinkBy::User)),
            None => match by_message() {
                Some(guest) => (Some(guest), Some(LinkBy::Messages)),
                None => (None, None),
            },
        };
        taken.extend(vm.guest);
    }
    find_homes(&mut model.vms, &|host, vcpu| {
        let row = machines.get(usize::from(host.0)).and_then(|host| host.store.row(vcpu.thread));
        row.is_some_and(|row| row.process().is_some())
    });
    let is_free = |taken: &[MachineId], id: MachineId, host: MachineId| id != host && !taken.contains(&id);
    for vm in model.vms.iter_mut().filter(|vm| vm.link.is_none()) {
        let named = machines.iter().find(|m| {
            is_free(&taken, m.id, vm.host)
                && m.name.len() > 2
                && vm.name.split([' ', ':', '/', ',']).any(|w| w == m.name)
        });
        if let Some(named) = named {
            (vm.guest, vm.link) = (Some(named.id), Some(LinkBy::Name));
            taken.push(named.id);
        }
    }
    let left: Vec<usize> = (0..model.vms.len()).filter(|v| model.vms[*v].link.is_none()).collect();
    let guests: Vec<MachineId> = machines
        .iter()
        .filter(|m| !taken.contains(&m.id) && m.vcpus.is_empty() && m.store.row_count() > 0)
        .map(|m| m.id)
        .collect();
    if !left.is_empty() && !guests.is_empty() {
        let vms: Vec<&Vm> = left.iter().map(|v| &model.vms[*v]).collect();
        for (at, guest, by) in guess(&vms, &guests) {
            if let Some(vm) = left.get(at).and_then(|v| model.vms.get_mut(*v)).filter(|_| !taken.contains(&guest)) {
                (vm.guest, vm.link) = (Some(guest), Some(by));
                taken.push(guest);
            }
        }
    }
    for vm in &mut model.vms {
        if let Some(guest) = vm.guest {
            name_of(guest).clone_into(&mut vm.name);
            if let Some(role) = model.roles.get_mut(usize::from(guest.0)) {
                role.guest_of = Some(vm.host);
            }
        }
        if let Some(role) = model.roles.get_mut(usize::from(vm.host.0)) {
            role.host = true;
        }
    }
    model.vms.sort_by_key(|vm| (vm.host, vm.guest.is_none(), vm.guest, vm.host_pid));
    model
}

/// The guest that is left for the VM that is left, if there is one of each.
pub fn guess_by_elimination(vms: &[&Vm], guests: &[MachineId]) -> Vec<Guessed> {
    match (vms, guests) {
        ([_], [guest]) => vec![(0, *guest, LinkBy::OnlyOne)],
        _ => Vec::new(),
    }
}

/// The VMs of a host: its vCPU threads by process.
fn vms_of(machine: &MachineFacts<'_>, names: &Interner) -> Vec<Vm> {
    let mut by_process: BTreeMap<Tid, Vec<&VcpuThread>> = BTreeMap::new();
    for thread in machine.vcpus {
        // A thread whose process nobody told stands for itself, at first.
        let process = thread.process.or_else(|| machine.store.row(thread.thread)?.process());
        by_process.entry(process.unwrap_or(thread.tid)).or_default().push(thread);
    }
    by_process.into_iter().map(|(pid, threads)| vm(machine, pid, threads, names)).collect()
}

/// Puts vCPUs of which no event told the process into the VM that each must be of: the one of the guest that
/// messages name, else by elimination the only one that has a higher number and not this one. `is_told`: whether
/// the process of a vCPU's thread is known.
fn find_homes(vms: &mut Vec<Vm>, is_told: &dyn Fn(MachineId, &Vcpu) -> bool) {
    let stray = |vm: &Vm| match vm.vcpus.as_slice() {
        [only] if !only.guessed && !is_told(vm.host, only) => Some(only.number),
        _ => None,
    };
    move_in(vms, |vms, n| {
        let same = |other: &Vm| other.host == vms[n].host && other.guest == vms[n].guest;
        // Of several such strays the first one stays.
        let known = vms.iter().position(|other| same(other) && stray(other).is_none());
        let first = vms[..n].iter().position(same);
        known.or(first).filter(|_| vms[n].guest.is_some() && stray(&vms[n]).is_some())
    });
    move_in(vms, |vms, n| {
        let number = stray(&vms[n]).filter(|_| vms[n].guest.is_none())?;
        let others = || vms.iter().enumerate().filter(|(m, other)| *m != n && other.host == vms[n].host);
        let is_only_one = others().all(|(_, other)| other.guest.is_some() || stray(other) != Some(number));
        let mut with_gap = others().filter(|(_, other)| has_gap(&other.vcpus, number)).map(|(m, _)| m);
        with_gap.next().filter(|_| is_only_one && with_gap.next().is_none())
    });
}

/// Moves the vCPUs of each VM that has a home into that, or into the home's own.
fn move_in(vms: &mut Vec<Vm>, home_of: impl Fn(&[Vm], usize) -> Option<usize>) {
    let homes: Vec<Option<usize>> = (0..vms.len()).map(|n| home_of(vms, n)).collect();
    for n in 0..vms.len() {
        let Some(mut home) = homes[n] else { continue };
        // It ends: a home has a higher number, or none of its own.
        while let Some(next) = homes[home] {
            home = next;
        }
        let vcpus = std::mem::take(&mut vms[n].vcpus);
        vms[home].vcpus.extend(vcpus);
        vms[home].vcpus.sort_by_key(|v| (v.number, v.tid));
    }
    vms.retain(|vm| !vm.vcpus.is_empty());
}

/// Whether there must be a vCPU of that number that is not among those.
fn has_gap(vcpus: &[Vcpu], number: u32) -> bool {
    vcpus.iter().all(|v| !v.guessed && v.number != number) && vcpus.iter().any(|v| v.number > number)
}

fn vm(machine: &MachineFacts<'_>, pid: Tid, mut threads: Vec<&VcpuThread>, names: &Interner) -> Vm {
    threads.sort_by_key(|t| (t.tid, t.key.instance));
    let thread_name = |t: &VcpuThread| machine.store.row(t.thread).map(|row| names.text(row.name()));
    let told = |t: &VcpuThread| t.number.or_else(|| number_in(&thread_name(t)?)).or(t.entry_number);
    let mut numbers: Vec<Option<u32>> = threads.iter().map(|t| told(t)).collect();
    // Two threads of one number: of a thread that ended and its successor both are right, else none is.
    let twice = |n: usize, numbers: &[Option<u32>]| {
        numbers
            .iter()
            .enumerate()
            .any(|(m, other)| m != n && *other == numbers[n] && overlap(machine, threads[n], threads[m]))
    };
    let doubtful: Vec<bool> = (0..numbers.len()).map(|n| numbers[n].is_none() || twice(n, &numbers)).collect();
    let guessed = doubtful.iter().any(|d| *d);
    if guessed {
        numbers = (0..threads.len()).map(|n| u32::try_from(n).ok()).collect();
    }
    let mut vcpus: Vec<Vcpu> = threads
        .iter()
        .zip(numbers)
        .map(|(t, number)| Vcpu { number: number.unwrap_or(0), guessed, tid: t.tid, key: t.key, thread: t.thread })
        .collect();
    vcpus.sort_by_key(|v| (v.number, v.tid));
    let leader = machine.store.find(&RowKey::thread(pid, 0)).and_then(|id| machine.store.row(id));
    let comm = leader.map(|row| names.text(row.name())).filter(|name| !name.is_empty());
    let name = match comm {
        Some(comm) => format!("{comm} {}", pid.0),
        None => format!("VM {}", pid.0),
    };
    Vm { name, host: machine.id, host_pid: Some(pid), guest: None, link: None, vcpus }
}

fn overlap(machine: &MachineFacts<'_>, a: &VcpuThread, b: &VcpuThread) -> bool {
    let extent = |t: &VcpuThread| machine.store.row(t.row).and_then(|row| row.extent());
    match (extent(a), extent(b)) {
        (Some(a), Some(b)) => a.overlaps(&b),
        _ => false,
    }
}

/// The number that QEMU gives a vCPU's thread, if it names its threads: `CPU 3/KVM`.
fn number_in(name: &str) -> Option<u32> {
    name.strip_prefix("CPU ")?.strip_suffix("/KVM")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::RowId;

    #[test]
    fn qemu_numbers_its_threads() {
        assert_eq!(number_in("CPU 3/KVM"), Some(3));
        assert_eq!(number_in("CPU 12/KVM"), Some(12));
        assert_eq!(number_in("CPU x/KVM"), None);
        assert_eq!(number_in("qemu-system-x86"), None);
    }

    /// A VM of vCPUs (number, tid), and of the guest of that number.
    fn made_of(pid: i32, guest: Option<u16>, vcpus: &[(u32, i32)]) -> Vm {
        let vcpu = |(number, tid): &(u32, i32)| Vcpu {
            number: *number,
            guessed: false,
            tid: Tid(*tid),
            key: RowKey::vcpu(Tid(*tid), 0),
            thread: RowId(0),
        };
        let vcpus = vcpus.iter().map(vcpu).collect();
        let (host, guest) = (MachineId(0), guest.map(MachineId));
        Vm { name: String::new(), host, host_pid: Some(Tid(pid)), guest, link: None, vcpus }
    }

    /// Processes with the tids of their vCPUs, once those of which the process is not told (below 100) are home.
    fn homes(mut vms: Vec<Vm>) -> Vec<(i32, Vec<i32>)> {
        find_homes(&mut vms, &|_, vcpu| vcpu.tid.0 >= 100);
        let tids = |vm: &Vm| vm.vcpus.iter().map(|v| v.tid.0).collect();
        vms.iter().map(|vm| (vm.host_pid.map_or(0, |pid| pid.0), tids(vm))).collect()
    }

    #[test]
    fn a_vcpu_without_a_process_fills_the_only_gap() {
        let gap = || made_of(1000, Some(1), &[(1, 101)]);
        let full = || made_of(2000, Some(2), &[(0, 200), (1, 201)]);
        assert_eq!(
            homes(vec![made_of(7, None, &[(0, 7)]), gap(), full()]),
            [(1000, vec![7, 101]), (2000, vec![200, 201])]
        );
        // Nothing says that a VM has a third.
        assert_eq!(homes(vec![made_of(7, None, &[(2, 7)]), gap(), full()]).len(), 3);
        // Two vCPUs for one gap; two gaps for one vCPU.
        assert_eq!(homes(vec![made_of(7, None, &[(0, 7)]), made_of(8, None, &[(0, 8)]), gap()]).len(), 3);
        assert_eq!(homes(vec![made_of(7, None, &[(0, 7)]), gap(), made_of(3000, None, &[(2, 301)])]).len(), 3);
        // The process of this one is told: it is a VM.
        assert_eq!(homes(vec![made_of(4000, None, &[(0, 400)]), gap()]).len(), 2);
    }

    #[test]
    fn vcpus_of_one_guest_are_one_vm() {
        let (a, b, c) =
            (made_of(7, Some(1), &[(1, 7)]), made_of(8, Some(2), &[(0, 8)]), made_of(9, Some(1), &[(0, 9)]));
        assert_eq!(homes(vec![a.clone(), b.clone(), c]), [(7, vec![9, 7]), (8, vec![8])]);
        // And what nothing names fills the gap that this leaves.
        let (c, d) = (made_of(9, Some(1), &[(2, 9)]), made_of(10, None, &[(0, 10)]));
        assert_eq!(homes(vec![d, a, b, c]), [(7, vec![10, 7, 9]), (8, vec![8])]);
    }
}
