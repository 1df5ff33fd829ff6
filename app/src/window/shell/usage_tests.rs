//! The pane of CPU usage, as a user and a screen reader find it: by labels.

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{MachineId, RefNs, RowKey, Tid, TimeRange};

use super::tests::{Test, opened, send, settle, state};
use crate::window::command::{Command, RowRef};
use crate::window::layout::{PaneKind, Panes, Preset};

fn alone() -> Harness<'static, Test> {
    let mut h = opened("joint");
    send(&mut h, Command::ShowPane(PaneKind::CpuUsage));
    send(&mut h, Command::ToggleFullPane);
    h
}

fn has(h: &Harness<'_, Test>, text: &str) -> bool {
    h.query_all_by_label_contains(text).next().is_some()
}

fn said(h: &Harness<'_, Test>, machine: &str) -> String {
    h.get_by_label(&format!("CPU usage of {machine}")).value().unwrap()
}

fn ms(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
}

#[test]
fn charts_say_what_was_used_and_stolen() {
    let mut h = alone();
    let host = said(&h, "host");
    assert!(host.starts_with("51.2 % of 2 CPUs used in the window; CPU 0/KVM 184: 60.0 % of a CPU"), "{host}");
    let guest = said(&h, "guest-a");
    assert!(guest.starts_with("100.0 % of 1 CPU used in the window, 16 ms of it stolen by the host"), "{guest}");
    assert!(has(&h, "stolen by the host"), "the legend");
    let critical = "usage of critical 219 in guest-a: 100.0 % of a CPU, 40 ms, 16 ms stolen, in the chart";
    assert!(has(&h, critical));
    // The table is about the selection, the chart about the window.
    send(&mut h, Command::SelectTime(Some(ms(10, 14))));
    assert!(has(&h, "usage of critical 219 in guest-a: 100.0 % of a CPU, 4 ms, 4 ms stolen, in the chart"));
    assert!(has(&h, "threads in the selection, 4 ms"));
    assert_eq!(said(&h, "guest-a"), guest);
    assert!(has(&h, "usage of consumerd 900 in host: 25.0 % of a CPU, 1 ms"));
}

#[test]
fn lines_are_drawn_and_left_by_clicks_and_a_double_click_selects() {
    let mut h = alone();
    let line = |h: &Harness<'_, Test>| {
        let found = h.query_all_by_label_contains("usage of consumerd 900").next().unwrap();
        found.accesskit_node().label().unwrap()
    };
    assert!(line(&h).ends_with(", in the chart"), "it is among the busiest");
    let click = |h: &mut Harness<'_, Test>| {
        h.query_all_by_label_contains("usage of consumerd 900").next().unwrap().click();
        settle(h);
    };
    click(&mut h);
    assert!(!line(&h).ends_with(", in the chart"));
    assert!(!said(&h, "host").contains("consumerd"));
    assert!(said(&h, "host").contains("CPU 0/KVM 194"), "the others stay");
    click(&mut h);
    assert!(said(&h, "host").contains("consumerd 900: 2.50 % of a CPU"));
    h.get_by_label("Draw none").click();
    settle(&mut h);
    assert!(!has(&h, ", in the chart"));
    h.get_by_label("Draw the busiest").click();
    settle(&mut h);
    assert!(line(&h).ends_with(", in the chart"));
    assert_eq!(state(&mut h).view.row, None, "a click draws, and selects nothing");

    h.get_by_label("Draw none").click();
    settle(&mut h);
    h.query_all_by_label_contains("usage of consumerd 900").next().unwrap().focus();
    h.run_steps(2);
    h.key_press(Key::Enter);
    settle(&mut h);
    let consumerd = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(900), 0) };
    assert_eq!(state(&mut h).view.row, Some(consumerd));
    assert!(said(&h, "host").contains("consumerd 900"), "the selected thread is drawn as well");
    send(&mut h, Command::SelectRow(None));
    assert!(!said(&h, "host").contains("consumerd 900"), "Enter selects only");
}

#[test]
fn lines_are_sorted_by_every_column() {
    let mut h = alone();
    let place = |h: &Harness<'_, Test>, name: &str| {
        let label = format!("usage of {name}");
        h.query_all_by_label_contains(&label).next().unwrap().rect().top()
    };
    assert!(place(&h, "critical 219") < place(&h, "CPU 0/KVM 184"), "most time first");
    assert!(place(&h, "CPU 0/KVM 184") < place(&h, "consumerd 900"));
    for (title, first, then) in [
        ("Thread", "burner-b 300", "consumerd 900"),
        ("Tid", "consumerd 900", "CPU 0/KVM 184"),
        ("Machine", "consumerd 900", "critical 219"),
        ("Stolen", "critical 219", "burner-b 300"),
        ("Ran on", "consumerd 900", "CPU 0/KVM 184"),
        ("of a CPU", "burner-b 300", "CPU 0/KVM 194"),
    ] {
        h.get_by_role_and_label(Role::ColumnHeader, &format!("Sort by {title}")).click();
        settle(&mut h);
        assert!(place(&h, first) < place(&h, then), "by {title}");
    }
    for title in ["Moves", "Process", "CPU time"] {
        h.get_by_role_and_label(Role::ColumnHeader, &format!("Sort by {title}")).click();
        settle(&mut h);
    }
    assert!(place(&h, "critical 219") < place(&h, "consumerd 900"));
}

#[test]
fn it_is_a_tab_beside_resources_and_comes_back_there() {
    let mut panes = Panes::preset(Preset::Kernel, 1);
    let together = |panes: &Panes| {
        let tiles = &panes.tree.tiles;
        let of = |kind: &PaneKind| tiles.find_pane(kind).and_then(|tile| tiles.parent_of(tile));
        of(&PaneKind::CpuUsage).is_some() && of(&PaneKind::CpuUsage) == of(&PaneKind::Resources(None))
    };
    assert!(together(&panes));
    panes.toggle(&PaneKind::CpuUsage);
    assert!(!panes.contains(&PaneKind::CpuUsage));
    panes.toggle(&PaneKind::CpuUsage);
    assert!(together(&panes));
    let mut h = opened("joint");
    assert!(h.query_by_label("CPU usage of host").is_none(), "resources are seen at first");
    let named = |h: &Harness<'_, Test>| h.query_all_by_label_contains("CPU usage").count();
    let before = named(&h);
    h.get_by_label("View ⏷").click();
    settle(&mut h);
    assert_eq!(named(&h), before + 1, "the menu has it");
}
