//! What only host and guest together tell of a state, as facts for tooltips and details: who had the CPU instead,
//! which vCPU of which VM, which host thread, on which of the host's CPUs.

use std::collections::HashMap;
use std::sync::LazyLock;

use stratoscope_core::store::Interval;
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::{Vcpu, Vm};
use stratoscope_core::vocab::{Dur, RowKind, State};

use crate::window::axis::duration;
use crate::window::command::RowRef;
use crate::window::relations;
use crate::window::timeline::scene::{Scene, SceneRow};
use crate::window::words;

/// The word before the one who had the CPU instead.
pub(crate) const INSTEAD: &str = "ran instead";
/// The word before whoever is on a physical CPU.
pub(crate) const RUNS: &str = "runs";

/// The facts of an interval of a vCPU, a task inside a VM, a physical CPU, or a host's thread that is a vCPU.
pub(crate) fn of(scene: &Scene, row: RowRef, interval: &Interval) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let Some((machine, _, scene_row)) = scene.row(row) else { return facts };
    let t = machine.map.to_ref(relations::middle(interval));
    match row.key.kind {
        RowKind::Vcpu | RowKind::VmThread | RowKind::Thread => {
            if let Some(who) = relations::culprit(scene, row, t) {
                facts.push((INSTEAD, relations::who_text(scene, who)));
            }
            if let Some(whole) = wait_around(scene_row, interval) {
                facts.push(("waits in all", duration(whole)));
            }
        }
        RowKind::PhysicalCpu => {
            if let Some(who) = relations::who_of(scene, scene_row, interval) {
                facts.push((RUNS, relations::who_text(scene, who)));
            }
        }
        RowKind::Cpu | RowKind::Irq | RowKind::Softirq => {}
    }
    let inside = row.key.kind == RowKind::PhysicalCpu && interval.look.state != State::Guest;
    let Some(vcpu_row) = relations::vcpu_row(scene, row, t).filter(|_| !inside) else { return facts };
    let known = relations::vcpu_of_row(scene, vcpu_row);
    if row.key.kind == RowKind::Vcpu
        && interval.look.state == State::Guest
        && let Some(who) = relations::who_of(scene, scene_row, interval)
            .or_else(|| known.and_then(|(vm, vcpu)| relations::task_inside(scene, vm, vcpu, t)))
    {
        facts.push(("task inside", relations::who_text(scene, who)));
    }
    if let Some((vm, vcpu)) = known {
        facts.push(("vCPU", place(vm, vcpu)));
    }
    if row.key.kind != RowKind::Thread
        && let Some(thread) = relations::thread_of_vcpu(scene, vcpu_row)
    {
        facts.push(("host thread", words::row_name(scene, thread)));
    }
    // On which of the host's CPUs; of a host's own thread that is said already.
    if matches!(row.key.kind, RowKind::Vcpu | RowKind::VmThread)
        && let Some((host, _, vcpu)) = scene.row(vcpu_row)
        && let Some(cpu) = relations::cpu_at(host, vcpu, host.map.from_ref(t))
    {
        let whose = if row.key.kind == RowKind::VmThread { format!(" of {}", host.name) } else { String::new() };
        let off = relations::takes(interval.look.state);
        facts.push((if off { "waits for" } else { "on" }, format!("CPU {}{whose}", cpu.0)));
    }
    facts
}

/// How many pieces of a wait are counted.
const MAX_PIECES: usize = 1000;

/// The length of a wait that is cut by who had the CPU, if this is only a part of it.
fn wait_around(row: &SceneRow, interval: &Interval) -> Option<Dur> {
    if !row.joined || !relations::takes(interval.look.state) {
        return None;
    }
    let (mut begin, mut end) = (interval.begin, interval.end);
    let waits = |i: &Interval| relations::takes(i.look.state);
    for _ in 0..MAX_PIECES {
        let before = row.lane.prev_before(begin).filter(|i| i.end == begin && waits(i));
        let after = row.lane.at(end).filter(|i| i.begin == end && waits(i));
        if before.is_none() && after.is_none() {
            break;
        }
        begin = before.map_or(begin, |i| i.begin);
        end = after.map_or(end, |i| i.end);
    }
    ((begin, end) != (interval.begin, interval.end)).then(|| end - begin)
}

fn place(vm: &Vm, vcpu: &Vcpu) -> String {
    let guess = if vcpu.guessed { " (a guess)" } else { "" };
    format!("{}{guess} of {}", vcpu.number, vm.name)
}

/// An exit's reason with its meaning: `HLT: the guest had nothing to do.` What stands after the reason stays.
pub(crate) fn explained(reason: &str) -> String {
    let name = reason.split_once(':').map_or(reason, |(name, _)| name);
    match meanings().get(name) {
        Some(meaning) => format!("{reason}. {meaning}"),
        None => reason.to_owned(),
    }
}

/// What reasons mean, by name. The processors' numbers differ, and so do a few names; where a name is known to both,
/// it means the same.
fn meanings() -> &'static HashMap<String, &'static str> {
    static MEANINGS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
        let all = [reasons::SVM, reasons::VMX].into_iter().flat_map(|isa| (0..=HIGHEST).map(move |n| (isa, n)));
        all.filter(|(isa, n)| !reasons::name(*isa, *n).starts_with("UNKNOWN"))
            .map(|(isa, n)| (reasons::name(isa, n).into_owned(), reasons::meaning(isa, n)))
            .collect()
    });
    &MEANINGS
}

/// The highest number that a processor gives a reason, but for those of encrypted guests.
const HIGHEST: u32 = 0x1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_explained_by_name() {
        assert!(explained("HLT").starts_with("HLT. "));
        assert!(explained("EPT_VIOLATION").len() > "EPT_VIOLATION. ".len());
        assert!(explained("NPF: asleep").starts_with("NPF: asleep. "));
        assert_eq!(explained("UNKNOWN (999)"), "UNKNOWN (999)");
    }
}
