//! Who is who across machines: the host's thread behind a vCPU, the vCPU under a task, who took a CPU.
//!
//! Questions about rows, without a screen. Instants cross from one machine to another through the reference's
//! axis, each under its own map; where a state is asked about, its middle stands for it, because edges that were
//! mapped are a rounding away from where they were.

use stratoscope_core::store::Look;
use stratoscope_core::vm::{Vcpu, Vm, Who};
use stratoscope_core::vocab::{Cpu, Dur, MachineId, MachineNs, RefNs, RowKey, RowKind, State, Tid};

use crate::window::command::RowRef;
use crate::window::navigate::{self, Nowhere, Place};
use crate::window::timeline::lane::Interval;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};
use crate::window::words;

/// The middle of an interval.
pub fn middle(interval: &Interval) -> MachineNs {
    interval.begin + Dur((interval.end - interval.begin).0 / 2)
}

/// The VM and the vCPU that a row is: a vCPU's own row, or the row of the host's thread that it is.
pub fn vcpu_of_row(scene: &Scene, row: RowRef) -> Option<(&Vm, &Vcpu)> {
    let model = &scene.vm.as_ref()?.model;
    matches!(row.key.kind, RowKind::Vcpu | RowKind::Thread)
        .then(|| model.vcpu_of_thread(row.machine, Tid(row.key.id)))
        .flatten()
        // A number may be used again by another thread.
        .filter(|(_, vcpu)| vcpu.key.instance == row.key.instance)
}

/// The VM that a machine is inside of.
pub fn vm_of_guest(scene: &Scene, guest: MachineId) -> Option<&Vm> {
    scene.vm.as_ref()?.model.vm_of_guest(guest).map(|(_, vm)| vm)
}

/// The host's thread of a vCPU's row.
pub fn thread_of_vcpu(scene: &Scene, row: RowRef) -> Option<RowRef> {
    let machine = scene.machine(row.machine)?;
    let key = RowKey { kind: RowKind::Thread, ..row.key };
    (row.key.kind == RowKind::Vcpu && machine.by_key.contains_key(&key)).then_some(RowRef { key, ..row })
}

/// The CPU of its own machine that a thread's row is on, be it one of a task inside a VM or a vCPU's: of joined rows
/// the machine's own row of the thread tells it.
pub fn cpu_at(machine: &SceneMachine, row: &SceneRow, t: MachineNs) -> Option<Cpu> {
    let own = match row.key.kind {
        RowKind::Vcpu | RowKind::VmThread => {
            let key = RowKey { kind: RowKind::Thread, ..row.key };
            machine.by_key.get(&key).and_then(|id| machine.row(*id))?
        }
        RowKind::Cpu | RowKind::PhysicalCpu => return Some(row.key.cpu),
        _ => row,
    };
    own.lane.at(t).and_then(|i| navigate::cpu_of(&i))
}

/// The row of the vCPU that something is on: a task or a CPU of a guest, the host's thread of a vCPU, whatever runs
/// on a physical CPU. A vCPU's row is itself.
pub fn vcpu_row(scene: &Scene, row: RowRef, t: RefNs) -> Option<RowRef> {
    let (machine, _, scene_row) = scene.row(row)?;
    let known = |row: RowRef| scene.row(row).is_some().then_some(row);
    match row.key.kind {
        RowKind::Vcpu => Some(row),
        RowKind::PhysicalCpu => {
            let who = who_at(scene, row, t)?;
            vcpu_row(scene, row_of(scene, who, t)?, t)
        }
        RowKind::Thread
            if scene.machine(row.machine)?.by_key.contains_key(&RowKey { kind: RowKind::Vcpu, ..row.key }) =>
        {
            known(RowRef { key: RowKey { kind: RowKind::Vcpu, ..row.key }, ..row })
        }
        RowKind::Thread | RowKind::VmThread | RowKind::Cpu | RowKind::Irq | RowKind::Softirq => {
            let vm = vm_of_guest(scene, row.machine)?;
            let cpu = match row.key.kind {
                RowKind::Thread | RowKind::VmThread => cpu_at(machine, scene_row, machine.map.from_ref(t))?,
                _ => row.key.cpu,
            };
            let vcpu = vm.vcpus.iter().find(|v| v.number == u32::from(cpu.0))?;
            known(RowRef { machine: vm.host, key: vcpu.key })
        }
    }
}

/// Who a joined row speaks of at an instant: whoever runs on a physical CPU, or took the CPU from a vCPU or a task.
pub fn who_at(scene: &Scene, row: RowRef, t: RefNs) -> Option<Who> {
    let (machine, _, scene_row) = scene.row(row)?;
    let interval = machine.at(scene_row, t)?;
    who_of(scene, scene_row, &interval)
}

/// The same for an interval.
pub fn who_of(scene: &Scene, row: &SceneRow, interval: &Interval) -> Option<Who> {
    let state = interval.look.state;
    let speaks = match row.key.kind {
        RowKind::PhysicalCpu => true,
        RowKind::Vcpu => matches!(state, State::Guest | State::Preempted | State::WaitingCpu),
        // Where it waits for its own machine, its `aux` is the CPU whose queue it is in.
        RowKind::VmThread => state == State::PreemptedByHost,
        RowKind::Thread | RowKind::Cpu | RowKind::Irq | RowKind::Softirq => false,
    };
    if !row.joined || !speaks || interval.look.aux == Look::NO_AUX {
        return None;
    }
    scene.vm.as_ref()?.who(interval.look.aux)
}

/// Whether somebody else has the CPU in this state.
pub fn takes(state: State) -> bool {
    matches!(state, State::Preempted | State::PreemptedByHost | State::WaitingCpu)
}

/// Who had the CPU instead, of a vCPU or a task that did not get it. Nobody is who is idle.
pub fn culprit(scene: &Scene, row: RowRef, t: RefNs) -> Option<Who> {
    let (machine, _, scene_row) = scene.row(row)?;
    let interval = machine.at(scene_row, t).filter(|i| takes(i.look.state))?;
    let who = match row.key.kind {
        RowKind::Vcpu if scene_row.joined => who_of(scene, scene_row, &interval),
        RowKind::VmThread if interval.look.state == State::PreemptedByHost => who_of(scene, scene_row, &interval),
        // A queue of its own machine's: whoever is on that CPU.
        RowKind::Vcpu | RowKind::VmThread | RowKind::Thread => {
            let at = machine.map.from_ref(t);
            let runs = navigate::current_thread(machine, cpu_at(machine, scene_row, at)?, at)?;
            let (_, _, other) = scene.row(runs).filter(|_| runs.key != row.key)?;
            Some(Who { machine: row.machine, tid: Tid(runs.key.id), name: other.name })
        }
        RowKind::Cpu | RowKind::Irq | RowKind::Softirq | RowKind::PhysicalCpu => None,
    };
    who.filter(|who| who.tid != Tid(0))
}

/// The row that somebody is seen in best: as a vCPU, as a task inside its VM, else as a thread.
pub fn row_of(scene: &Scene, who: Who, t: RefNs) -> Option<RowRef> {
    let machine = scene.machine(who.machine)?;
    if who.tid == Tid(0) {
        return None;
    }
    let (_, row) = machine.thread(who.tid, machine.map.from_ref(t))?;
    let kinds = [RowKind::Vcpu, RowKind::VmThread, RowKind::Thread];
    let keys = kinds.map(|kind| RowKey { kind, ..row.key });
    let key = keys.into_iter().find(|key| machine.by_key.contains_key(key))?;
    Some(RowRef { machine: who.machine, key })
}

/// Somebody in words: `burner-b 218 on guest-b`; the machine only where there are several.
pub fn who_text(scene: &Scene, who: Who) -> String {
    let vcpu = scene.vm.as_ref().and_then(|vm| vm.model.vcpu_of_thread(who.machine, who.tid));
    if let Some((vm, vcpu)) = vcpu {
        // QEMU gives the threads of all its VMs the same names.
        return words::vcpu_name(vm, vcpu);
    }
    let name = scene.text(who.name);
    let text = match (who.tid, &*name) {
        (Tid(0), _) => "idle".to_owned(),
        (tid, "") => format!("thread {}", tid.0),
        (tid, name) => format!("{name} {}", tid.0),
    };
    match scene.machine(who.machine) {
        Some(machine) if scene.machines.len() > 1 => format!("{text} on {}", machine.name),
        _ => text,
    }
}

/// The task that a vCPU's guest runs at an instant, if the guest was traced.
pub fn task_inside(scene: &Scene, vm: &Vm, vcpu: &Vcpu, t: RefNs) -> Option<Who> {
    let guest = scene.machine(vm.guest?)?;
    let cpu = u16::try_from(vcpu.number).ok().map(Cpu)?;
    let thread = navigate::current_thread(guest, cpu, guest.map.from_ref(t))?;
    let (_, _, row) = scene.row(thread)?;
    Some(Who { machine: guest.id, tid: Tid(thread.key.id), name: row.name })
}

/// Rows that are the same thing seen from elsewhere, at an instant: of a vCPU its host's thread; of a task inside a VM
/// its vCPU, that vCPU's thread, and the task as its own machine sees it.
pub fn related(scene: &Scene, row: RowRef, t: RefNs) -> Vec<RowRef> {
    let mut rows = Vec::new();
    let twins = [RowKind::Thread, RowKind::VmThread, RowKind::Vcpu];
    if twins.contains(&row.key.kind) {
        rows.extend(twins.map(|kind| RowRef { key: RowKey { kind, ..row.key }, ..row }));
    }
    if let Some(vcpu) = vcpu_row(scene, row, t) {
        rows.push(vcpu);
        rows.extend(thread_of_vcpu(scene, vcpu));
    }
    rows.retain(|r| *r != row && scene.row(*r).is_some());
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// From a vCPU, or from what it runs, to the host's thread.
///
/// # Errors
/// Nothing says which thread that is.
pub fn go_to_thread(scene: &Scene, row: RowRef, t: RefNs) -> Result<Place, Nowhere> {
    let vcpu = vcpu_row(scene, row, t).ok_or_else(|| "No vCPU is known of this row at this instant".to_owned())?;
    let row = thread_of_vcpu(scene, vcpu).ok_or_else(|| "The host's trace has no row of that thread".to_owned())?;
    Ok(Place { row, t })
}

/// From a task, a guest's CPU or a host's thread to the vCPU.
///
/// # Errors
/// Nothing says which vCPU that is.
pub fn go_to_vcpu(scene: &Scene, row: RowRef, t: RefNs) -> Result<Place, Nowhere> {
    let vcpu = vcpu_row(scene, row, t).ok_or_else(|| "No vCPU is known of this row at this instant".to_owned())?;
    Ok(Place { row: vcpu, t })
}

/// To whoever had the CPU instead; from a physical CPU to whoever is on it.
///
/// # Errors
/// Nobody took it, or nothing says who did.
pub fn go_to_culprit(scene: &Scene, row: RowRef, t: RefNs) -> Result<Place, Nowhere> {
    let on_cpu = (row.key.kind == RowKind::PhysicalCpu).then(|| who_at(scene, row, t)).flatten();
    let who = match on_cpu.or_else(|| culprit(scene, row, t)) {
        Some(who) => who,
        None => {
            let state = navigate::interval_at(scene, row, t).map(|i| i.look.state);
            let waits = state.is_some_and(takes);
            let why =
                if waits { "Nothing recorded says who had the CPU" } else { "Nobody took the CPU at this instant" };
            return Err(why.to_owned());
        }
    };
    let row = row_of(scene, who, t).ok_or_else(|| format!("There is no row of {}", who_text(scene, who)))?;
    Ok(Place { row, t })
}
