//! Everything at one instant: what each vCPU does and since when, who is on it, who waits, and what the CPUs of
//! every machine do. What `states --at` prints and the pane *State at the cursor* shows.
//!
//! Not here: how instants and states are written.

use std::fmt::Write as _;

use crate::query::world::{World, WorldMachine};
use crate::store::{Interval, Look, Row};
use crate::vm::{Vcpu, Vm};
use crate::vocab::{Cancel, Cpu, Dur, MachineId, MachineNs, RowKey, RowKind, State, Tid};

/// What one row does.
#[derive(Clone, Debug, PartialEq)]
pub struct Doing {
    /// What it is: `vCPU 0`, `CPU 1`.
    pub label: String,
    /// Its state.
    pub state: State,
    /// More in words: who is on it, who took it, what for.
    pub words: String,
    /// Since when on its machine's axis, and how long it was until the instant. `None` of those about which
    /// nothing is known.
    pub since: Option<(MachineNs, Dur)>,
    /// The machine whose row tells.
    pub of: MachineId,
    /// That row.
    pub row: RowKey,
    /// It explains the line above.
    pub below: bool,
}

/// A VM, or a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its name, and what it is.
    pub title: String,
    /// Whose stripe it bears.
    pub machine: MachineId,
    /// What it does.
    pub lines: Vec<Doing>,
}

/// How many waiting threads are named of a machine.
const MOST_WAITING: usize = 12;

/// An instant as one of a machine's own: [`WorldMachine::instant`], where one of the common axis is meant.
pub type When<'a> = &'a dyn Fn(&WorldMachine) -> MachineNs;

/// What everything does at an instant: VMs first, then machines. What was told until it was cancelled, else all.
pub fn at(world: &World, t: When<'_>, cancel: &Cancel) -> Vec<Section> {
    let mut sections = Vec::new();
    for vm in world.vms() {
        sections.extend(vm_section(world, vm, t));
    }
    for machine in &world.machines {
        if cancel.is_cancelled() {
            break;
        }
        sections.push(machine_section(world, machine, t, cancel));
    }
    sections
}

fn vm_section(world: &World, vm: &Vm, t: When<'_>) -> Option<Section> {
    let host = world.machine(vm.host)?;
    let own = t(host);
    let mut lines = Vec::new();
    for vcpu in &vm.vcpus {
        let Some(row) = world.vcpu_row(vm, vcpu) else { continue };
        let row_ref = (vm.host, vcpu.key);
        let label = format!("vCPU {}", vcpu.number);
        let Some(interval) = row.at(own) else {
            lines.push(unknown(label, row_ref));
            continue;
        };
        let words = vcpu_words(world, vm, vcpu, host, &interval, t);
        lines.push(doing(label, &interval, words, row_ref, own));
    }
    if let Some(pid) = vm.host_pid {
        let title = format!("{}, a VM of {} (process {})", vm.name, host.name, pid.0);
        return Some(Section { title, machine: vm.guest.unwrap_or(vm.host), lines });
    }
    Some(Section { title: format!("{}, a VM of {}", vm.name, host.name), machine: vm.guest.unwrap_or(vm.host), lines })
}

/// Who is on a vCPU or who took it, and on which CPU of the host.
fn vcpu_words(world: &World, vm: &Vm, vcpu: &Vcpu, host: &WorldMachine, interval: &Interval, t: When<'_>) -> String {
    let own = t(host);
    let mut parts = Vec::new();
    let who = world.who_of(interval.look).map(|who| world.who_words(who, vm.guest.unwrap_or(vm.host)));
    match interval.look.state {
        State::Guest => {
            let task = who.or_else(|| guest_task(world, vm, vcpu, t));
            parts.extend(task.map(|task| format!("runs {task}")));
        }
        State::Preempted | State::WaitingCpu => {
            parts.push(
                who.map_or_else(|| "nobody knows who has the CPU".to_owned(), |who| format!("{who} has the CPU")),
            );
            parts.extend(guest_task(world, vm, vcpu, t).map(|task| format!("{task} believes to run")));
        }
        _ => {}
    }
    let detail = world.names.text(interval.look.detail);
    if !detail.is_empty() && who_is_not(&parts, &detail) {
        parts.push(detail.to_string());
    }
    let cpu = host.store.row(vcpu.thread).and_then(|row| row.at(own)).map(|i| i.look.aux);
    if let Some(cpu) = cpu.filter(|cpu| *cpu != Look::NO_AUX)
        && interval.look.state != State::Halted
    {
        parts.push(format!("CPU {cpu}"));
    }
    parts.join(", ")
}

fn who_is_not(parts: &[String], detail: &str) -> bool {
    parts.iter().all(|p| !p.contains(detail))
}

/// The task that the guest's own trace has on a vCPU.
fn guest_task(world: &World, vm: &Vm, vcpu: &Vcpu, t: When<'_>) -> Option<String> {
    let guest = world.machine(vm.guest?)?;
    let cpu = Cpu(u16::try_from(vcpu.number).ok()?);
    let own = t(guest);
    let row = guest.store.find(&RowKey::cpu(cpu)).and_then(|id| guest.store.row(id))?;
    let tid = Tid(i32::try_from(row.at(own)?.look.aux).ok()?);
    if tid.0 == 0 { Some("the idle task".to_owned()) } else { Some(world.thread_words(guest.id, tid, own)) }
}

fn machine_section(world: &World, machine: &WorldMachine, t: When<'_>, cancel: &Cancel) -> Section {
    let own = t(machine);
    let truth = world.vm.as_ref().and_then(|view| view.truth(machine.id));
    let mut lines = Vec::new();
    let mut cpus: Vec<&Row> = machine.store.rows().map(|r| &**r).filter(|r| r.key().kind == RowKind::Cpu).collect();
    cpus.sort_by_key(|row| row.key());
    for row in cpus {
        let cpu = row.key().cpu;
        let physical = RowKey { kind: RowKind::PhysicalCpu, ..row.key() };
        let fused = truth.and_then(|truth| truth.find(&physical).and_then(|id| truth.row(id)));
        let label = format!("CPU {}", cpu.0);
        let row_ref = (machine.id, row.key());
        let Some(interval) = row.at(own) else {
            lines.push(unknown(label, row_ref));
            continue;
        };
        let mut words = fused
            .and_then(|row| row.at(own))
            .and_then(|i| world.who_of(i.look))
            .filter(|who| who.tid.0 != 0 || who.machine != machine.id)
            .map(|who| world.who_words(who, machine.id));
        if words.is_none() && interval.look.state != State::Idle {
            let tid = i32::try_from(interval.look.aux).unwrap_or(0);
            words = (tid > 0).then(|| world.thread_words(machine.id, Tid(tid), own));
        }
        let detail = world.names.text(interval.look.detail);
        let mut words = words.unwrap_or_default();
        if !detail.is_empty() {
            words = if words.is_empty() { detail.to_string() } else { format!("{words}, {detail}") };
        }
        lines.push(doing(label, &interval, words, row_ref, own));
    }
    lines.extend(waiting(world, machine, own, cancel));
    let inside = world.vms().iter().any(|vm| vm.guest == Some(machine.id));
    let vms: Vec<&str> = world.vms().iter().filter(|vm| vm.host == machine.id).map(|vm| vm.name.as_str()).collect();
    let role = match (inside, vms.as_slice()) {
        (true, []) => ", as it sees itself".to_owned(),
        (true, _) => ", as it sees itself, with VMs of its own".to_owned(),
        (false, []) => String::new(),
        (false, [one]) => format!(", which runs {one}"),
        (false, [some @ .., last]) => format!(", which runs {} and {last}", some.join(", ")),
    };
    Section { title: format!("{}{role}", machine.name), machine: machine.id, lines }
}

/// Threads that could run and have no CPU, those that wait longest first.
fn waiting(world: &World, machine: &WorldMachine, own: MachineNs, cancel: &Cancel) -> Vec<Doing> {
    let mut found: Vec<(&Row, Interval)> = Vec::new();
    for (n, row) in machine.store.rows().enumerate() {
        if n % 1024 == 0 && cancel.is_cancelled() {
            break;
        }
        if row.key().kind != RowKind::Thread || row.key().is_idle_task() {
            continue;
        }
        let interval = row.at(own).filter(|i| matches!(i.look.state, State::WaitingCpu | State::WaitingFork));
        found.extend(interval.map(|i| (&**row, i)));
    }
    found.sort_by_key(|(row, i)| (i.begin, row.key()));
    let more = found.len().saturating_sub(MOST_WAITING);
    let mut lines: Vec<Doing> = found
        .iter()
        .take(MOST_WAITING)
        .map(|(row, interval)| {
            let name = world.names.text(row.name_at(own));
            let vcpu = world.vms().iter().filter(|vm| vm.host == machine.id).find_map(|vm| {
                let vcpu = vm.vcpus.iter().find(|v| v.tid.0 == row.key().id)?;
                Some(format!("vCPU {} of {}", vcpu.number, vm.name))
            });
            let on = if interval.look.aux == Look::NO_AUX {
                String::new()
            } else {
                format!("in the queue of CPU {}", interval.look.aux)
            };
            let words =
                [vcpu.unwrap_or_default(), on].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", ");
            let row_ref = (machine.id, row.key());
            let label = format!("{name} {}", row.key().id).trim().to_owned();
            Doing { below: true, ..doing(label, interval, words, row_ref, own) }
        })
        .collect();
    if let Some(last) = lines.last_mut().filter(|_| more > 0) {
        write!(last.words, " (and {more} more wait)").unwrap_or_default();
    }
    lines
}

fn doing(label: String, interval: &Interval, words: String, (of, row): (MachineId, RowKey), own: MachineNs) -> Doing {
    let since = Some((interval.begin, own - interval.begin));
    Doing { label, state: interval.look.state, words, since, of, row, below: false }
}

fn unknown(label: String, (of, row): (MachineId, RowKey)) -> Doing {
    Doing { label, state: State::Unknown, words: String::new(), since: None, of, row, below: false }
}
