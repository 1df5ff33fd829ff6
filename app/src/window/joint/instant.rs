//! Everything at one instant, in words: what each vCPU does and since when, who is on it, who waits, and what the
//! CPUs of every machine do. No screen here.

use std::fmt::Write as _;

use stratoscope_core::store::{Interval, Row};
use stratoscope_core::vm::{Vcpu, Vm};
use stratoscope_core::vocab::{Cancel, Cpu, Dur, MachineId, MachineNs, RefNs, RowKey, RowKind, State, Tid};

use crate::window::axis::{Clock, duration};
use crate::window::command::RowRef;
use crate::window::joint::facts::{FactMachine, Facts};
use crate::window::theme::Theme;

/// What one row does.
#[derive(Clone, Debug, PartialEq)]
pub struct Doing {
    /// What it is: `vCPU 0`, `CPU 1`.
    pub label: String,
    /// Its state.
    pub state: State,
    /// More in words: who is on it, who took it, what for.
    pub words: String,
    /// Since when, and how long it was until the instant. `None` of those about which nothing is known.
    pub since: Option<(RefNs, Dur)>,
    /// The row that tells.
    pub row: RowRef,
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

/// What everything does at `t`: VMs first, then machines.
pub fn at(facts: &Facts, t: RefNs, cancel: &Cancel) -> Vec<Section> {
    let mut sections = Vec::new();
    for vm in facts.vms() {
        sections.extend(vm_section(facts, vm, t));
    }
    for machine in &facts.machines {
        if cancel.is_cancelled() {
            break;
        }
        sections.push(machine_section(facts, machine, t, cancel));
    }
    sections
}

fn vm_section(facts: &Facts, vm: &Vm, t: RefNs) -> Option<Section> {
    let host = facts.machine(vm.host)?;
    let own = host.map.from_ref(t);
    let mut lines = Vec::new();
    for vcpu in &vm.vcpus {
        let Some(row) = facts.vcpu_row(vm, vcpu) else { continue };
        let row_ref = RowRef { machine: vm.host, key: vcpu.key };
        let label = format!("vCPU {}", vcpu.number);
        let Some(interval) = row.at(own) else {
            lines.push(unknown(label, row_ref));
            continue;
        };
        let words = vcpu_words(facts, vm, vcpu, host, &interval, t);
        lines.push(doing(host, label, &interval, words, row_ref, own));
    }
    if let Some(pid) = vm.host_pid {
        let title = format!("{}, a VM of {} (process {})", vm.name, host.name, pid.0);
        return Some(Section { title, machine: vm.guest.unwrap_or(vm.host), lines });
    }
    Some(Section { title: format!("{}, a VM of {}", vm.name, host.name), machine: vm.guest.unwrap_or(vm.host), lines })
}

/// Who is on a vCPU or who took it, and on which CPU of the host.
fn vcpu_words(facts: &Facts, vm: &Vm, vcpu: &Vcpu, host: &FactMachine, interval: &Interval, t: RefNs) -> String {
    let own = host.map.from_ref(t);
    let mut parts = Vec::new();
    let who = facts.who_of(interval.look).map(|who| facts.who_words(who, vm.guest.unwrap_or(vm.host)));
    match interval.look.state {
        State::Guest => {
            let task = who.or_else(|| guest_task(facts, vm, vcpu, t));
            parts.extend(task.map(|task| format!("runs {task}")));
        }
        State::Preempted | State::WaitingCpu => {
            parts.push(
                who.map_or_else(|| "nobody knows who has the CPU".to_owned(), |who| format!("{who} has the CPU")),
            );
            parts.extend(guest_task(facts, vm, vcpu, t).map(|task| format!("{task} believes to run")));
        }
        _ => {}
    }
    let detail = facts.names.text(interval.look.detail);
    if !detail.is_empty() && who_is_not(&parts, &detail) {
        parts.push(detail.to_string());
    }
    let cpu = host.store.row(vcpu.thread).and_then(|row| row.at(own)).map(|i| i.look.aux);
    if let Some(cpu) = cpu.filter(|cpu| *cpu != stratoscope_core::store::Look::NO_AUX)
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
fn guest_task(facts: &Facts, vm: &Vm, vcpu: &Vcpu, t: RefNs) -> Option<String> {
    let guest = facts.machine(vm.guest?)?;
    let cpu = Cpu(u16::try_from(vcpu.number).ok()?);
    let own = guest.map.from_ref(t);
    let row = guest.store.find(&RowKey::cpu(cpu)).and_then(|id| guest.store.row(id))?;
    let tid = Tid(i32::try_from(row.at(own)?.look.aux).ok()?);
    if tid.0 == 0 { Some("the idle task".to_owned()) } else { Some(facts.thread_words(guest.id, tid, own)) }
}

fn machine_section(facts: &Facts, machine: &FactMachine, t: RefNs, cancel: &Cancel) -> Section {
    let own = machine.map.from_ref(t);
    let truth = facts.vm.as_ref().and_then(|view| view.truth(machine.id));
    let mut lines = Vec::new();
    for row in machine.store.rows().filter(|r| r.key().kind == RowKind::Cpu) {
        let cpu = row.key().cpu;
        let physical = RowKey { kind: RowKind::PhysicalCpu, ..row.key() };
        let fused = truth.and_then(|truth| truth.find(&physical).and_then(|id| truth.row(id)));
        let label = format!("CPU {}", cpu.0);
        let row_ref = RowRef { machine: machine.id, key: row.key() };
        let Some(interval) = row.at(own) else {
            lines.push(unknown(label, row_ref));
            continue;
        };
        let mut words = fused
            .and_then(|row| row.at(own))
            .and_then(|i| facts.who_of(i.look))
            .filter(|who| who.tid.0 != 0 || who.machine != machine.id)
            .map(|who| facts.who_words(who, machine.id));
        if words.is_none() && interval.look.state != State::Idle {
            let tid = i32::try_from(interval.look.aux).unwrap_or(0);
            words = (tid > 0).then(|| facts.thread_words(machine.id, Tid(tid), own));
        }
        let detail = facts.names.text(interval.look.detail);
        let mut words = words.unwrap_or_default();
        if !detail.is_empty() {
            words = if words.is_empty() { detail.to_string() } else { format!("{words}, {detail}") };
        }
        lines.push(doing(machine, label, &interval, words, row_ref, own));
    }
    lines.extend(waiting(facts, machine, own, cancel));
    let role = match facts.vms().iter().find(|vm| vm.guest == Some(machine.id)) {
        Some(_) => ", as it sees itself",
        None if facts.vms().iter().any(|vm| vm.host == machine.id) => ", a host",
        None => "",
    };
    Section { title: format!("{}{role}", machine.name), machine: machine.id, lines }
}

/// Threads that could run and have no CPU, those that wait longest first.
fn waiting(facts: &Facts, machine: &FactMachine, own: MachineNs, cancel: &Cancel) -> Vec<Doing> {
    let mut found: Vec<(&std::sync::Arc<Row>, Interval)> = Vec::new();
    for (n, row) in machine.store.rows().enumerate() {
        if n % 1024 == 0 && cancel.is_cancelled() {
            break;
        }
        if row.key().kind != RowKind::Thread || row.key().is_idle_task() {
            continue;
        }
        let interval = row.at(own).filter(|i| matches!(i.look.state, State::WaitingCpu | State::WaitingFork));
        found.extend(interval.map(|i| (row, i)));
    }
    found.sort_by_key(|(row, i)| (i.begin, row.key()));
    let more = found.len().saturating_sub(MOST_WAITING);
    let mut lines: Vec<Doing> = found
        .iter()
        .take(MOST_WAITING)
        .map(|(row, interval)| {
            let name = facts.names.text(row.name_at(own));
            let vcpu = facts.vms().iter().filter(|vm| vm.host == machine.id).find_map(|vm| {
                let vcpu = vm.vcpus.iter().find(|v| v.tid.0 == row.key().id)?;
                Some(format!("vCPU {} of {}", vcpu.number, vm.name))
            });
            let on = if interval.look.aux == stratoscope_core::store::Look::NO_AUX {
                String::new()
            } else {
                format!("in the queue of CPU {}", interval.look.aux)
            };
            let words =
                [vcpu.unwrap_or_default(), on].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", ");
            let row_ref = RowRef { machine: machine.id, key: row.key() };
            let label = format!("{name} {}", row.key().id).trim().to_owned();
            Doing { below: true, ..doing(machine, label, interval, words, row_ref, own) }
        })
        .collect();
    if let Some(last) = lines.last_mut().filter(|_| more > 0) {
        write!(last.words, " (and {more} more wait)").unwrap_or_default();
    }
    lines
}

fn doing(
    machine: &FactMachine,
    label: String,
    interval: &Interval,
    words: String,
    row: RowRef,
    own: MachineNs,
) -> Doing {
    let since = Some((machine.to_ref(interval.begin), own - interval.begin));
    Doing { label, state: interval.look.state, words, since, row, below: false }
}

fn unknown(label: String, row: RowRef) -> Doing {
    Doing { label, state: State::Unknown, words: String::new(), since: None, row, below: false }
}

/// All of it as text to be copied.
pub fn text(sections: &[Section], t: RefNs, clock: &Clock) -> String {
    let mut out = format!("{}\n", clock.instant(t));
    for section in sections {
        writeln!(out, "\n{}", section.title).unwrap_or_default();
        for line in &section.lines {
            let indent = if line.below { "    " } else { "  " };
            writeln!(out, "{indent}{}", sentence(line, clock)).unwrap_or_default();
        }
    }
    out
}

/// A line in words, also for a screen reader: `vCPU 0: preempted by the host for 2 ms, burner-b 300 has the CPU`.
pub fn sentence(line: &Doing, clock: &Clock) -> String {
    // The names of states are the same in all themes.
    let state = Theme::dark().state(line.state).name.to_lowercase();
    let mut out = format!("{}: {state}", line.label);
    if let Some((since, length)) = line.since {
        write!(out, " for {} (since {})", duration(length), clock.instant(since)).unwrap_or_default();
    }
    if !line.words.is_empty() {
        write!(out, ", {}", line.words).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint::fake;
    use crate::window::view::TimeFormat;

    fn clock() -> Clock {
        Clock { origin_ns: 0, dated: false, zero: RefNs(0), format: TimeFormat::Relative }
    }

    #[test]
    fn an_instant_is_told_of_vms_hosts_and_guests() {
        let facts = fake::fighting();
        let sections = at(&facts, RefNs(12_000_000), &Cancel::default());
        let titles: Vec<&str> = sections.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "guest-a, a VM of host (process 181)",
                "guest-b, a VM of host (process 191)",
                "host, a host",
                "guest-a, as it sees itself",
                "guest-b, as it sees itself",
            ]
        );
        let said = sentence(&sections[0].lines[0], &clock());
        assert_eq!(
            said,
            "vCPU 0: preempted by the host for 2 ms (since 0.010 000 000 s), burner-b 300 in guest-b has the CPU, \
             critical 219 believes to run, CPU 1"
        );
        let said = sentence(&sections[1].lines[0], &clock());
        assert!(said.starts_with("vCPU 0: guest for 2 ms") && said.ends_with("runs burner-b 300, CPU 1"), "{said}");
        let host: Vec<String> = sections[2].lines.iter().map(|l| sentence(l, &clock())).collect();
        assert!(host[0].starts_with("CPU 0: idle for 12 ms"), "{host:?}");
        assert!(host[1].ends_with("CPU 0/KVM 194"), "{host:?}");
        assert!(host[2].contains("vCPU 0 of guest-a, in the queue of CPU 1"), "{host:?}");
        assert!(host[3].starts_with("consumerd 900: waiting for a cpu for 0 ns"), "{host:?}");
        let guest = &sections[3].lines;
        assert!(sentence(&guest[1], &clock()).starts_with("patient 220: waiting for a cpu for 12 ms"));
        let all = text(&sections, RefNs(12_000_000), &clock());
        assert!(all.starts_with("0.012 000 000 s\n\nguest-a, a VM of host"), "{all}");
    }

    #[test]
    fn a_kernel_alone_is_told_as_well() {
        let facts = Facts { vm: None, ..fake::fighting() };
        let sections = at(&facts, RefNs(13_500_000), &Cancel::default());
        assert_eq!(sections.len(), 3);
        assert!(sentence(&sections[0].lines[0], &clock()).ends_with("consumerd 900"));
    }
}
