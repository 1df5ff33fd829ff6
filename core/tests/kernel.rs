//! The kernel's state machine and the wake-ups, case by case.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail loudly")]

mod support;

#[path = "kernel/interrupts.rs"]
mod interrupts;
#[path = "kernel/lives.rs"]
mod lives;
#[path = "kernel/losses.rs"]
mod losses;
#[path = "kernel/sched.rs"]
mod sched;
#[path = "kernel/statedump.rs"]
mod statedump;
#[path = "kernel/wakeups.rs"]
mod wakeups;

use std::sync::Arc;

use expect_test::Expect;
use stratoscope_core::kernel::{Kernel, KernelOptions};
use stratoscope_core::links::{Links, LinksOptions};
use stratoscope_core::vocab::{Interner, RowKind};
use support::Recorder;
use support::notation::{Line, parse};

/// Runs the events through the state machine and the links of one machine.
fn run_with(release: Option<&str>, text: &str) -> (Kernel, Recorder) {
    let names = Arc::new(Interner::default());
    let mut recorder = Recorder::new(Arc::clone(&names));
    let kernel_release = release.map(str::to_owned);
    let mut kernel = Kernel::new(KernelOptions { kernel_release, names: Arc::clone(&names) });
    let mut links = Links::new(LinksOptions::default());
    for line in parse(text, &names) {
        match line {
            Line::Event(event) => {
                kernel.event(&event, &mut recorder);
                links.event(&event, &kernel, &mut recorder);
            }
            Line::Lost(cpu, lost) => kernel.lost(cpu, &lost, &mut recorder),
        }
    }
    (kernel, recorder)
}

fn run(text: &str) -> (Kernel, Recorder) {
    run_with(Some("6.1.0"), text)
}

/// What becomes of the threads.
fn check(events: &str, expected: Expect) {
    expected.assert_eq(&run(events).1.text(&[RowKind::Thread]));
}

/// What becomes of the CPUs.
fn check_cpus(events: &str, expected: Expect) {
    expected.assert_eq(&run(events).1.text(&[RowKind::Cpu]));
}

/// What becomes of threads and CPUs.
fn check_both(events: &str, expected: Expect) {
    expected.assert_eq(&run(events).1.text(&[RowKind::Thread, RowKind::Cpu]));
}

/// What becomes of interrupt lines and softirqs.
fn check_irqs(events: &str, expected: Expect) {
    expected.assert_eq(&run(events).1.text(&[RowKind::Irq, RowKind::Softirq]));
}

/// Who woke whom.
fn check_wakeups(events: &str, expected: Expect) {
    expected.assert_eq(&run(events).1.wakeup_text());
}
