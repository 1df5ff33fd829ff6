//! What things are called in sentences: rows, states, wake-ups, lengths of traces.

use std::path::Path;

use stratoscope_core::vm::{Vcpu, Vm};
use stratoscope_core::vocab::{Cpu, RefNs, RowKey, RowKind, State};

use crate::window::axis::duration;
use crate::window::command::RowRef;
use crate::window::navigate;
use crate::window::relations;
use crate::window::theme::Theme;
use crate::window::timeline::lane::Interval;
use crate::window::timeline::scene::Scene;

/// A row's name as people say it: `bash 1234`, `CPU 0`, `irq 14 ata_piix on CPU 0`.
pub fn row_name(scene: &Scene, row: RowRef) -> String {
    if let Some((vm, vcpu)) = relations::vcpu_of_row(scene, row).filter(|_| row.key.kind == RowKind::Vcpu) {
        return vcpu_name(vm, vcpu);
    }
    let name = scene.row(row).map(|(_, _, r)| scene.text(r.name));
    short_row(name.as_deref().unwrap_or(""), row.key)
}

/// A vCPU with its VM: `vCPU 0 of guest-a`.
pub fn vcpu_name(vm: &Vm, vcpu: &Vcpu) -> String {
    let guess = if vcpu.guessed { " (a guess)" } else { "" };
    format!("vCPU {}{guess} of {}", vcpu.number, vm.name)
}

/// The same from a row's parts.
pub fn short_row(name: &str, key: RowKey) -> String {
    let with = |text: String| if name.is_empty() { text } else { format!("{text} {name}") };
    let on = |cpu: Cpu| cpu.known().map_or_else(String::new, |n| format!(" on CPU {n}"));
    match key.kind {
        RowKind::Thread if key.is_idle_task() => format!("idle task of CPU {}", key.cpu.0),
        RowKind::Thread if name.is_empty() => format!("thread {}", key.id),
        RowKind::Thread => format!("{name} {}", key.id),
        RowKind::Cpu => format!("CPU {}", key.id),
        RowKind::Irq => with(format!("irq {}", key.id)) + &on(key.cpu),
        RowKind::Softirq => with(format!("softirq {}", key.id)) + &on(key.cpu),
        RowKind::Vcpu => with(format!("vCPU, host thread {}", key.id)),
        RowKind::VmThread if name.is_empty() => format!("task {}", key.id),
        RowKind::VmThread => format!("task {name} {}", key.id),
        RowKind::PhysicalCpu => format!("physical CPU {}", key.id),
    }
}

/// A row with its machine, where there is more than one.
pub fn row_place(scene: &Scene, row: RowRef) -> String {
    let name = row_name(scene, row);
    match scene.machine(row.machine) {
        // A vCPU is known by its VM; that its thread is the host's need not be said.
        Some(_) if row.key.kind == RowKind::Vcpu && name.contains(" of ") => name,
        Some(machine) if scene.machines.len() > 1 => format!("{name} of {}", machine.name),
        _ => name,
    }
}

/// A state with what is known of it: `in a system call: read`.
pub fn state_text(scene: &Scene, theme: &Theme, state: State, detail: stratoscope_core::vocab::Name) -> String {
    let name = &theme.state(state).name;
    let detail = scene.text(detail);
    if detail.is_empty() { name.to_string() } else { format!("{name}: {detail}") }
}

/// A row's state with what is known of it; of one in which somebody else has the CPU, who that is.
pub fn state_words(scene: &Scene, theme: &Theme, row: RowRef, interval: &Interval) -> String {
    let machine = scene.machine(row.machine).filter(|_| relations::takes(interval.look.state));
    let taker = machine.and_then(|m| relations::culprit(scene, row, m.map.to_ref(relations::middle(interval))));
    match taker {
        Some(who) => {
            let name = &theme.state(interval.look.state).name;
            format!("{name}: {} ran instead", relations::who_text(scene, who))
        }
        None => state_text(scene, theme, interval.look.state, interval.look.detail),
    }
}

/// What a row does at an instant, as a sentence.
pub fn sentence(scene: &Scene, theme: &Theme, row: RowRef, t: RefNs) -> String {
    let name = row_place(scene, row);
    let Some(interval) = navigate::interval_at(scene, row, t) else {
        return format!("{name}: nothing is known then");
    };
    let state = state_words(scene, theme, row, &interval);
    let length = duration(interval.end - interval.begin);
    let place = place_text(scene, row, &interval).map_or_else(String::new, |p| format!(", {p}"));
    format!("{name}: {state} for {length}{place}")
}

/// The CPU that a thread is on, or the thread that a CPU runs.
pub fn place_text(scene: &Scene, row: RowRef, interval: &Interval) -> Option<String> {
    match row.key.kind {
        RowKind::Cpu => {
            let machine = scene.machine(row.machine)?;
            let thread = navigate::current_thread(machine, row.key.cpu, interval.begin)?;
            (!thread.key.is_idle_task()).then(|| row_name(scene, thread))
        }
        RowKind::Thread => navigate::cpu_of(interval).map(|cpu| format!("CPU {}", cpu.0)),
        RowKind::Vcpu | RowKind::VmThread => {
            let (machine, _, scene_row) = scene.row(row)?;
            let cpu = relations::cpu_at(machine, scene_row, relations::middle(interval))?;
            let word = if row.key.kind == RowKind::Vcpu { "CPU" } else { "vCPU" };
            Some(format!("{word} {}", cpu.0))
        }
        // What runs is its detail, and is said already.
        RowKind::PhysicalCpu | RowKind::Irq | RowKind::Softirq => None,
    }
}

/// `1 event`, `2 events`.
pub fn count(n: u64, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(n))
}

/// The same where the plural is no mere `s`.
pub fn count_of(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// A number with its digits in groups of three.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A sentence with a capital at its begin.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // A name in quotes or code stays as it is.
        Some(first) if first.is_alphabetic() => first.to_uppercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// Bytes in a unit that gives a short number.
pub fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.0} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

/// The last parts of a path, enough to know it by: `fighting/host`.
pub fn short_path(path: &Path) -> String {
    let parts: Vec<_> = path.components().rev().take(2).map(|c| c.as_os_str().to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{Dur, MachineId, Tid};

    use super::*;
    use crate::window::timeline::fake;

    #[test]
    fn rows_and_states_make_sentences() {
        let scene = fake::small();
        let theme = Theme::dark();
        let bash = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(100), 0) };
        assert_eq!(row_name(&scene, bash), "bash 100");
        let said = sentence(&scene, theme, bash, RefNs(2_500_000));
        assert!(
            said.starts_with("bash 100: ") && said.ends_with(&format!("read for {}, CPU 0", duration(Dur(1_000_000)))),
            "{said}"
        );
        let cpu = RowRef { machine: MachineId(0), key: RowKey::cpu(Cpu(1)) };
        assert!(sentence(&scene, theme, cpu, RefNs(0)).ends_with("CPU 0/KVM 401"));
        let irq = RowRef { machine: MachineId(0), key: RowKey::irq(14, Cpu(0)) };
        assert_eq!(row_place(&scene, irq), "irq 14 ata_piix on CPU 0");
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(count(1, "event"), "1 event");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(bytes(5 << 20), "5.0 MiB");
        assert_eq!(short_path(Path::new("/a/b/fighting/host")), "fighting/host");
    }
}
