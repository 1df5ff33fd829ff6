//! Why a wait ended, as far as the place tells from which the wake-up came, and the few words for it.
//!
//! The rules are those of Trace Compass' execution graph (`TraceEventHandlerExecutionGraph`: the context on
//! top of the waker's stack decides), with two additions: a local timer's vector is a timer, and interrupts
//! of well-known disk and network controllers are told by the names that their drivers give them.

use crate::vocab::{Interner, Name};

use super::cpu::SOFTIRQS;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Unknown,
    Timer,
    Disk,
    Network,
    Task,
}

/// What a softirq's vector means for those whom it wakes.
pub(super) fn softirq_cause(vec: i32) -> Cause {
    match vec {
        1 | 8 => Cause::Timer,
        2 | 3 => Cause::Network,
        4 | 5 => Cause::Disk,
        _ => Cause::Unknown,
    }
}

/// What the name of an interrupt's action means for those whom it wakes.
pub(super) fn irq_cause(name: &str) -> Cause {
    // Drivers add numbers and queues behind: `nvme0q1`, `virtio1-req.0`, `eth0-rx-3`.
    const TIMERS: &[&str] = &["timer", "arch_timer", "local_timer", "hpet", "rtc", "twd"];
    const DISKS: &[&str] = &["nvme", "ahci", "ata_", "pata", "libata", "mmc", "sdhci", "megasas", "mpt", "virtscsi"];
    const NETS: &[&str] = &["eth", "enp", "eno", "ens", "wlan", "wlp", "mlx"];
    let begins = |table: &[&str]| table.iter().any(|word| name.starts_with(word));
    let numbered =
        |word: &&str| name.strip_prefix(*word).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if TIMERS.contains(&name) {
        Cause::Timer
    } else if begins(DISKS) || (name.starts_with("virtio") && name.contains("-req")) {
        Cause::Disk
    } else if NETS.iter().any(numbered)
        || (name.starts_with("virtio") && (name.contains("-input") || name.contains("-output")))
    {
        Cause::Network
    } else {
        Cause::Unknown
    }
}

/// The words that the state machine writes as details, interned once.
pub(super) struct Words {
    pub(super) running: Name,
    pub(super) stopped: Name,
    pub(super) traced: Name,
    pub(super) parked: Name,
    timer: Name,
    disk: Name,
    network: Name,
    task: Name,
    pub(super) softirqs: [Name; SOFTIRQS],
}

/// Linux' softirq vectors (`include/linux/interrupt.h`).
const SOFTIRQ_NAMES: [&str; 10] =
    ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"];

impl Words {
    pub(super) fn new(names: &Interner) -> Self {
        let softirq = |vec: usize| match SOFTIRQ_NAMES.get(vec) {
            Some(name) => names.intern(name),
            None => names.intern(&format!("softirq {vec}")),
        };
        Self {
            running: names.intern("running"),
            stopped: names.intern("stopped"),
            traced: names.intern("traced"),
            parked: names.intern("parked"),
            timer: names.intern("timer"),
            disk: names.intern("disk"),
            network: names.intern("network"),
            task: names.intern("task"),
            softirqs: std::array::from_fn(softirq),
        }
    }

    /// The detail of a wait that ended so.
    pub(super) fn cause(&self, cause: Cause) -> Name {
        match cause {
            Cause::Unknown => Name::NONE,
            Cause::Timer => self.timer,
            Cause::Disk => self.disk,
            Cause::Network => self.network,
            Cause::Task => self.task,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_name_their_interrupts() {
        for (name, cause) in [
            ("timer", Cause::Timer),
            ("arch_timer", Cause::Timer),
            ("nvme0q1", Cause::Disk),
            ("ata_piix", Cause::Disk),
            ("ahci[0000:00:1f.2]", Cause::Disk),
            ("virtio1-requests", Cause::Disk),
            ("virtio1-req.0", Cause::Disk),
            ("virtio0-input.0", Cause::Network),
            ("virtio2-output.1", Cause::Network),
            ("eth0-rx-3", Cause::Network),
            ("i8042", Cause::Unknown),
            ("ensoniq", Cause::Unknown),
            ("virtio3-config", Cause::Unknown),
            ("reschedule", Cause::Unknown),
            ("", Cause::Unknown),
        ] {
            assert_eq!(irq_cause(name), cause, "{name}");
        }
    }
}
