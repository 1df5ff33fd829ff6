//! A flow in words: who, what, and the sentence that says what held the task up most.

use stratoscope_core::flow::{Flow, FlowKind, Total};
use stratoscope_core::vm::Who;
use stratoscope_core::vocab::Dur;

use crate::window::axis::duration;
use crate::window::command::RowRef;
use crate::window::joint::facts::Facts;
use crate::window::joint::table::percent;
use crate::window::words;

/// Somebody without the machine: `burner-b 216`, `vCPU 0 of guest-a`.
pub fn short_who(facts: &Facts, who: Who) -> String {
    let vcpu = facts.world.vm.as_ref().and_then(|view| view.model.vcpu_of_thread(who.machine, who.tid));
    if let Some((vm, vcpu)) = vcpu {
        return words::vcpu_name(vm, vcpu);
    }
    match (who.tid.0, &*facts.world.names.text(who.name)) {
        (tid, _) if tid <= 0 => "nobody that is known".to_owned(),
        (tid, "") => format!("thread {tid}"),
        (tid, name) => format!("{name} {tid}"),
    }
}

/// Somebody, with the machine where there are several: `burner-b 216 in guest-b`.
pub fn long_who(facts: &Facts, who: Who) -> String {
    let name = short_who(facts, who);
    match facts.world.machine(who.machine) {
        Some(machine) if facts.world.machines.len() > 1 && !name.contains(" of ") => {
            format!("{name} in {}", machine.name)
        }
        _ => name,
    }
}

/// A row of a flow: what its task was called at last, so that it is called the same as elsewhere.
pub fn row_who(facts: &Facts, row: RowRef, who: Who) -> String {
    let stored = facts.world.machine(row.machine).and_then(|m| m.store.find(&row.key).and_then(|id| m.store.row(id)));
    short_who(facts, Who { name: stored.map_or(who.name, |row| row.name()), ..who })
}

/// What stands on a bar while somebody has what another one needs.
pub fn who_took(facts: &Facts, who: Who) -> String {
    let name = facts.world.names.text(who.name);
    // Where there is no room for all of it, what comes after the colon stands alone.
    if name.is_empty() { "took the CPU".to_owned() } else { format!("took the CPU: {name}") }
}

/// A kind as people call it.
pub fn kind_words(kind: FlowKind) -> &'static str {
    match kind {
        FlowKind::Running => "running",
        FlowKind::Hypervisor => "in the hypervisor",
        FlowKind::VcpuPreempted => "preempted by the host",
        FlowKind::VcpuWaitingCpu => "vCPU waits for a CPU",
        FlowKind::Preempted => "waiting for a CPU",
        FlowKind::Interrupted => "woken by an interrupt",
        FlowKind::Timer => "timer",
        FlowKind::Disk => "disk",
        FlowKind::Network => "network",
        FlowKind::Ipi => "woken by another CPU",
        FlowKind::UserInput => "user input",
        FlowKind::Blocked => "blocked",
        FlowKind::Unknown => "unknown",
    }
}

/// The sentence of whoever but the task's own work took most time; `None` if nobody did.
pub fn blame(facts: &Facts, flow: &Flow) -> Option<(Total, String)> {
    let total = flow.culprit().filter(|total| total.time > Dur(0))?;
    let own = total.who.machine == flow.who.machine && total.who.tid == flow.who.tid;
    let who = long_who(facts, total.who);
    let share = total.time.0 as f64 / flow.window.length().0.max(1) as f64;
    let time = format!("{} ({})", duration(total.time), percent(share));
    let text = match (total.kind, own) {
        (FlowKind::VcpuPreempted, false) => format!("{who} took its vCPU's processor: {time}"),
        (FlowKind::VcpuPreempted, true) => format!("The host took its vCPU off the processor: {time}"),
        (FlowKind::VcpuWaitingCpu, false) => format!("{who} kept its woken vCPU off the processor: {time}"),
        (FlowKind::VcpuWaitingCpu, true) => format!("Its woken vCPU waited for a processor: {time}"),
        (FlowKind::Hypervisor, true) => format!("The hypervisor worked for its vCPU: {time}"),
        (FlowKind::Hypervisor, false) => format!("The hypervisor worked for {who}: {time}"),
        (FlowKind::Preempted, false) => format!("{who} took its CPU: {time}"),
        (FlowKind::Preempted, true) => format!("It waited for a CPU: {time}"),
        (FlowKind::Running, _) => format!("It waited for {who}, which ran: {time}"),
        (FlowKind::Timer, true) => format!("It slept until a timer: {time}"),
        (FlowKind::Timer, false) => format!("It waited for {who}, which slept until a timer: {time}"),
        (FlowKind::Disk, true) => format!("It waited for the disk: {time}"),
        (FlowKind::Disk, false) => format!("It waited for {who}, which waited for the disk: {time}"),
        (FlowKind::Network, true) => format!("It waited for the network: {time}"),
        (FlowKind::Network, false) => format!("It waited for {who}, which waited for the network: {time}"),
        (FlowKind::UserInput, _) => format!("It waited for somebody at the keyboard: {time}"),
        (FlowKind::Interrupted | FlowKind::Ipi, true) => format!("It slept until an interrupt: {time}"),
        (FlowKind::Interrupted | FlowKind::Ipi, false) => {
            format!("It waited for {who}, which slept until an interrupt: {time}")
        }
        (FlowKind::Blocked, true) => format!("It slept, and nothing tells for what: {time}"),
        (FlowKind::Blocked, false) => format!("It waited for {who}, which slept: {time}"),
        (FlowKind::Unknown, _) => format!("Nothing is known: {time}"),
    };
    Some((total, text))
}

/// A kind at the begin of a line.
pub fn kind_title(kind: FlowKind) -> String {
    match kind {
        FlowKind::VcpuWaitingCpu => kind_words(kind).to_owned(),
        FlowKind::VcpuPreempted => "Preempted by host".to_owned(),
        _ => words::capital(kind_words(kind)),
    }
}

/// Whether time of that kind is what people look for.
pub fn is_loud(kind: FlowKind) -> bool {
    matches!(kind, FlowKind::VcpuPreempted | FlowKind::VcpuWaitingCpu)
}
