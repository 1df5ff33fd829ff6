//! Panes about what several machines tell together, as a user and a screen reader find them: by labels.

use egui::{Key, accesskit::Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::{Cpu, MachineId, RefNs, RowKey, SyncMethod, Tid, TimeRange};

use super::camera::{Camera, sample, wanted};
use super::tests::{Test, opened, send, settle, state};
use crate::window::catalogue::ENTRIES;
use crate::window::command::{Command, Direction, PickedEvent, RowRef};
use crate::window::joint::fake;
use crate::window::layout::PaneKind;

fn alone(name: &str, pane: PaneKind) -> Harness<'static, Test> {
    let mut h = opened(name);
    send(&mut h, Command::ShowPane(pane));
    send(&mut h, Command::ToggleFullPane);
    h
}

fn has(h: &Harness<'_, Test>, text: &str) -> bool {
    h.query_all_by_label_contains(text).next().is_some()
}

fn ms(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
}

#[test]
fn every_pane_has_an_entry_and_opens() {
    for (id, kind) in [
        ("pane-sync", PaneKind::Synchronisation),
        ("pane-exits", PaneKind::Exits),
        ("pane-steal", PaneKind::Steal),
        ("pane-cpu-usage", PaneKind::CpuUsage),
        ("pane-periodic", PaneKind::Periodic),
        ("pane-instant", PaneKind::Instant),
    ] {
        let entry = ENTRIES.iter().find(|e| e.id == id).unwrap();
        assert_eq!(entry.command(), Command::TogglePane(kind.clone()));
        let h = alone("joint", kind.clone());
        assert!(has(&h, kind.title()), "{kind:?}");
    }
}

#[test]
fn panes_without_virtual_machines_say_what_to_record() {
    for kind in [PaneKind::Exits, PaneKind::Steal] {
        let h = alone("small", kind);
        assert!(has(&h, "No virtual machine is known"));
        assert!(has(&h, "kvm_x86_exit"));
    }
    let h = alone("small", PaneKind::Synchronisation);
    assert!(has(&h, "There is one machine, so there is nothing to synchronise."));
    let h = alone("small", PaneKind::Periodic);
    assert!(has(&h, "No task recurs"));
}

#[test]
fn the_instant_is_told_and_copied() {
    let mut h = alone("joint", PaneKind::Instant);
    send(&mut h, Command::SelectTime(Some(ms(12, 12))));
    let line = "vCPU 0: preempted by the host for 2 ms";
    assert!(has(&h, line));
    assert!(has(&h, "burner-b 300 in guest-b has the CPU"));
    assert!(h.query_by_role_and_label(Role::Heading, "guest-a, a VM of host (process 181)").is_some());
    h.query_all_by_label_contains(line).next().unwrap().click();
    settle(&mut h);
    let after = state(&mut h);
    assert_eq!(after.view.row, Some(RowRef { machine: MachineId(0), key: RowKey::vcpu(Tid(184), 0) }));
    assert_eq!(after.view.selection, Some(ms(10, 10)), "where the state began");
    h.get_by_label("Copy as text").click();
    settle(&mut h);
    assert_eq!(state(&mut h).notice.as_deref(), Some("Copied"));
}

#[test]
fn stolen_time_is_told_per_task_and_leads_to_the_longest() {
    let mut h = alone("joint", PaneKind::Steal);
    let before = state(&mut h).view.window;
    assert!(h.query_by_label("Steal of guest-a vCPU 0").is_some());
    assert!(has(&h, "vCPU guest-a vCPU 0: 16 ms stolen, by burner-b 300 in guest-b 16 ms"));
    h.query_all_by_label_contains("task critical 219 in guest-a: 16 ms stolen").next().unwrap().click();
    settle(&mut h);
    let after = state(&mut h);
    assert_eq!(after.view.selection.map(|s| s.length().0), Some(8_000_000));
    assert!(after.view.window.length() < before.length());
    assert!(has(&h, "task critical 219 in guest-a: 16 ms stolen"), "the table stays what it was");
    send(&mut h, Command::ZoomHistory(Direction::Back));
    assert_eq!(state(&mut h).view.window, before);
    h.get_by_label("Tasks").click();
    settle(&mut h);
    assert!(!has(&h, "task critical 219 in guest-a: "));
    // A range is what the table is about, as soon as the user selects one.
    send(&mut h, Command::SelectTime(Some(ms(10, 14))));
    assert!(has(&h, "VM guest-a: 4 ms stolen"));
}

#[test]
fn exits_are_grouped_and_lead_to_the_longest() {
    let mut h = alone("joint", PaneKind::Exits);
    assert!(has(&h, "virtualisation adds"));
    assert!(h.query_by_label("Rate of exits").is_some());
    assert!(h.query_by_label("Distribution of exit times").is_some());
    let row = "exits guest-a vCPU all IO_INSTRUCTION: 3, 912 µs";
    assert!(has(&h, row));
    h.get_by_label(row).click();
    settle(&mut h);
    let after = state(&mut h);
    assert_eq!(after.view.selection.map(|s| s.length().0), Some(900_000));
    assert_eq!(after.view.row.map(|r| r.key.id), Some(184));
    assert!(has(&h, row), "the table stays what it was");
    assert!(has(&h, "IO_INSTRUCTION · guest-a"), "the pictures are about the row");
    h.get_by_label("Reason").click();
    settle(&mut h);
    assert!(has(&h, "exits guest-a vCPU all all: 5"));
}

#[test]
fn slow_instances_say_who_and_lead_there() {
    let mut h = alone("recurring", PaneKind::Periodic);
    assert!(has(&h, "20 instances, 2 slow"));
    let slow = "instance 8: 5 ms, slow, the host took the vCPU, burner-b 300 in guest-b";
    assert!(has(&h, slow));
    assert_eq!(
        h.query_by_label("Durations of instances").and_then(|n| n.value()).as_deref(),
        Some("20 instances, 2 slow")
    );
    h.get_by_label(slow).click();
    settle(&mut h);
    assert_eq!(state(&mut h).view.selection, Some(ms(75, 80)));
    h.get_by_label("Sort by Duration").click();
    settle(&mut h);
    let tops: Vec<f32> = [slow, "instance 1: 2 ms"].map(|l| h.get_by_label(l).rect().top()).to_vec();
    assert!(tops[0] < tops[1], "the longest comes first");
}

#[test]
fn synchronisation_is_told_switched_and_chosen() {
    let mut h = alone("joint", PaneKind::Synchronisation);
    assert!(h.query_by_label("synced ±57 ns").is_some());
    assert!(has(&h, "clock of guest-a: synced, accurate, off by 57 ns at most, drift +20.2 ppm"));
    assert!(has(&h, "400 messages between host and guest-a"));
    assert!(h.query_by_label("Matches against the fitted line").is_some());
    assert!(h.query_by_label("Difference of the clocks").is_some());
    h.key_press(Key::Y);
    settle(&mut h);
    assert!(!state(&mut h).choice.enabled);
    assert!(h.query_by_label("not synchronised").is_some());
    h.get_by_label("After synchronisation").click();
    settle(&mut h);
    assert!(state(&mut h).choice.enabled);
    send(&mut h, Command::ChooseSync(SyncChoice { methods: vec![SyncMethod::Tcp], ..SyncChoice::default() }));
    assert_eq!(state(&mut h).choice.methods, [SyncMethod::Tcp]);
}

#[test]
fn two_picked_events_are_aligned() {
    let mut h = alone("joint", PaneKind::Synchronisation);
    let event = |row, machine, t| PickedEvent { row, t: RefNs(t), machine, cpu: Cpu::UNKNOWN };
    send(&mut h, Command::MarkEvent);
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("Pick an event")));
    send(&mut h, Command::SelectEvent(event(1, fake::HOST, 5_000_000)));
    send(&mut h, Command::MarkEvent);
    send(&mut h, Command::SelectEvent(event(2, fake::A, 7_000_000)));
    h.get_by_label("Align with the marked event of host").click();
    settle(&mut h);
    let after = state(&mut h);
    assert_eq!(after.choice.manual, [(fake::A, -3_000_000)]);
    assert_eq!(after.align, None);
}

/// Pictures for people to look at.
#[test]
fn joint_pictures() {
    let panes = [
        ("sync", "periodic", PaneKind::Synchronisation),
        ("exits", "fighting", PaneKind::Exits),
        ("steal", "fighting", PaneKind::Steal),
        ("usage", "fighting", PaneKind::CpuUsage),
        ("periodic", "periodic", PaneKind::Periodic),
        ("instant", "fighting", PaneKind::Instant),
    ];
    for (size, tag) in [([1280, 800], "small"), ([1920, 1080], "large")] {
        for (theme, first) in [("dark", None), ("light", Some(Command::CycleTheme))] {
            for (name, of, pane) in &panes {
                // Once within the arrangement, once alone.
                for (way, last) in [("tiled", None), ("alone", Some(Command::ToggleFullPane))] {
                    let Some(file) = wanted(&format!("{name}-{theme}-{tag}-{way}")) else { continue };
                    let mut camera = Camera::real(size);
                    let shown = [sample(of), Command::ShowPane(pane.clone())];
                    first.clone().into_iter().chain(shown).chain(last).for_each(|command| camera.send(command));
                    camera.save(&file);
                }
            }
        }
    }
}
