//! Everything at one instant, in words: how the pane *State at the cursor* and `states --at` write what
//! [`stratoscope_core::query::instant`] finds. No screen here.

use std::fmt::Write as _;

use stratoscope_core::query::instant::{Doing, Section};
use stratoscope_core::vocab::{MachineId, MachineNs};

use crate::window::axis::duration;
use crate::window::theme::Theme;

/// How an instant of a machine's own is written.
pub type Written<'a> = &'a dyn Fn(MachineId, MachineNs) -> String;

/// All of it as text to be copied or printed.
pub fn text(sections: &[Section], title: &str, written: Written<'_>) -> String {
    let mut out = format!("{title}\n");
    for section in sections {
        writeln!(out, "\n{}", section.title).unwrap_or_default();
        for line in &section.lines {
            let indent = if line.below { "    " } else { "  " };
            writeln!(out, "{indent}{}", sentence(line, written)).unwrap_or_default();
        }
        if section.lines.is_empty() {
            writeln!(out, "  {NOTHING}").unwrap_or_default();
        }
    }
    out
}

/// What is said of a machine without rows.
pub const NOTHING: &str = "Nothing is known of its CPUs: it has no scheduler events.";

/// A line in words, also for a screen reader: `vCPU 0: preempted by the host for 2 ms, burner-b 300 has the CPU`.
pub fn sentence(line: &Doing, written: Written<'_>) -> String {
    // The names of states are the same in all themes.
    let state = Theme::dark().state(line.state).name.to_lowercase();
    let mut out = format!("{}: {state}", line.label);
    if let Some((since, length)) = line.since {
        write!(out, " for {} (since {})", duration(length), written(line.of, since)).unwrap_or_default();
    }
    if !line.words.is_empty() {
        write!(out, ", {}", line.words).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use stratoscope_core::query::World;
    use stratoscope_core::query::instant::at;
    use stratoscope_core::vocab::{Cancel, RefNs};

    use super::*;
    use crate::window::axis::Clock;
    use crate::window::joint::fake;
    use crate::window::view::TimeFormat;

    fn told(world: &World, t: i64) -> Vec<Section> {
        at(world, &|machine| machine.instant(RefNs(t)), &Cancel::default())
    }

    fn said(line: &Doing) -> String {
        sentence(line, &written)
    }

    fn written(_: MachineId, t: MachineNs) -> String {
        Clock { origin_ns: 0, dated: false, zero: RefNs(0), format: TimeFormat::Relative }.instant(RefNs(t.0))
    }

    #[test]
    fn an_instant_is_told_of_vms_hosts_and_guests() {
        let sections = told(&fake::fighting().world, 12_000_000);
        let titles: Vec<&str> = sections.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "guest-a, a VM of host (process 181)",
                "guest-b, a VM of host (process 191)",
                "host, which runs guest-a and guest-b",
                "guest-a, as it sees itself",
                "guest-b, as it sees itself",
            ]
        );
        assert_eq!(
            said(&sections[0].lines[0]),
            "vCPU 0: preempted by the host for 2 ms (since 0.010 000 000 s), burner-b 300 in guest-b has the CPU, \
             critical 219 believes to run, CPU 1"
        );
        let b = said(&sections[1].lines[0]);
        assert!(b.starts_with("vCPU 0: guest for 2 ms") && b.ends_with("runs burner-b 300, CPU 1"), "{b}");
        let host: Vec<String> = sections[2].lines.iter().map(said).collect();
        assert!(host[0].starts_with("CPU 0: idle for 12 ms"), "{host:?}");
        assert!(host[1].ends_with("CPU 0/KVM 194"), "{host:?}");
        assert!(host[2].contains("vCPU 0 of guest-a, in the queue of CPU 1"), "{host:?}");
        assert!(host[3].starts_with("consumerd 900: waiting for a cpu for 0 ns"), "{host:?}");
        assert!(said(&sections[3].lines[1]).starts_with("patient 220: waiting for a cpu for 12 ms"));
        let all = text(&sections, "now", &written);
        assert!(all.starts_with("now\n\nguest-a, a VM of host"), "{all}");
    }

    #[test]
    fn a_kernel_alone_is_told_as_well() {
        let sections = told(&World { vm: None, ..World::clone(&fake::fighting().world) }, 13_500_000);
        assert_eq!(sections.len(), 3);
        assert!(said(&sections[0].lines[0]).ends_with("consumerd 900"));
    }
}
