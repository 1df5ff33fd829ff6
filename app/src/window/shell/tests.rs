//! The window as a user and a screen reader find it: by labels.

use std::sync::atomic::{AtomicUsize, Ordering};

use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{Cpu, MachineId, RowKind, State as RowState, StateSet};

use super::camera::{Camera, sample, wanted};
pub(super) use super::harness::*;
use super::*;
use crate::window::catalogue::ENTRIES;
use crate::window::command::PickedEvent;
use crate::window::layout::Preset;

#[test]
fn the_start_page_says_how_to_open_and_offers_samples() {
    let mut h = harness();
    assert!(h.query_by_label("Open folder…").is_some());
    assert!(h.query_by_label_contains("drop folders").is_some());
    h.get_by_label("Open sample fighting").click();
    settle(&mut h);
    assert!(state(&mut h).is_open());
    assert!(h.query_by_label("Control flow timeline").is_some());
    assert!(h.query_by_label("Overview").is_some());
    assert!(h.query_all_by_label_contains("guest-a").count() > 0);
}

#[test]
fn the_theme_changes_and_comes_back() {
    let mut h = harness();
    assert!(state(&mut h).dark);
    h.get_by_label("Theme").click();
    h.run_steps(3);
    assert!(!state(&mut h).dark);
    assert_eq!(h.ctx.theme(), egui::Theme::Light);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    h.run_steps(3);
    assert!(state(&mut h).dark);
}

#[test]
fn the_palette_runs_commands_and_finds_rows() {
    let mut h = opened("small");
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(3);
    let field = h.get_by_role_and_label(Role::TextInput, "Command");
    field.focus();
    field.type_text("compact");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(3);
    let after = state(&mut h);
    assert!(after.view.compact);
    assert_eq!(after.overlay, Overlay::None);

    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(3);
    let field = h.get_by_role_and_label(Role::TextInput, "Command");
    field.focus();
    field.type_text("bash");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert_eq!(state(&mut h).view.row.map(|r| r.key.id), Some(100));
}

#[test]
fn the_list_of_keys_has_every_command() {
    let mut h = harness();
    h.key_press(Key::Questionmark);
    h.run_steps(4);
    for entry in ENTRIES {
        assert!(h.query_all_by_label(entry.title).count() > 0, "{} is not listed", entry.title);
    }
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert_eq!(state(&mut h).overlay, Overlay::None);
}

#[test]
fn letters_act_unless_somebody_types() {
    let mut h = opened("small");
    let before = state(&mut h).view.window;
    h.key_press(Key::W);
    h.run_steps(2);
    let zoomed = state(&mut h).view.window;
    assert!(zoomed.length() < before.length());
    h.key_press(Key::Slash);
    h.run_steps(3);
    h.key_press(Key::W);
    h.event(egui::Event::Text("w".to_owned()));
    h.run_steps(3);
    let typed = state(&mut h);
    assert_eq!(typed.view.window, zoomed, "W is typed, not carried out");
    assert_eq!(typed.view.search, "w");
    h.key_press(Key::Escape);
    h.run_steps(3);
    h.key_press(Key::Backspace);
    h.run_steps(2);
    assert_eq!(state(&mut h).view.window, before);
}

#[test]
fn settings_come_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.ron");
    let mut h = harness_with(Some(&path));
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/fighting")]));
    send(&mut h, Command::SetPreset(Preset::Machines));
    send(&mut h, Command::CycleTheme);
    send(&mut h, Command::ToggleDetails);
    h.state_mut().window().end();
    drop(h);

    let mut h = harness_with(Some(&path));
    let fresh = state(&mut h);
    assert!(!fresh.dark && !fresh.settings.details);
    assert_eq!(fresh.memory.recent, [[PathBuf::from("/traces/fighting")]]);
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/fighting")]));
    assert!(state(&mut h).panes.contains(&PaneKind::ControlFlow(Some(MachineId(1)))));
}

#[test]
fn a_broken_settings_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.ron");
    std::fs::write(&path, "(((").unwrap();
    let mut h = harness_with(Some(&path));
    assert!(h.state_mut().window().info().problems.iter().any(|p| p.what.contains("damaged")));
}

#[test]
fn presets_and_views_change_the_panes() {
    let mut h = opened("fighting");
    assert!(h.query_by_label("Control flow · host").is_none());
    send(&mut h, Command::SetPreset(Preset::Machines));
    assert!(h.query_by_label("Control flow · host").is_some());
    assert!(h.query_by_label("Resources · guest-a").is_some());
    send(&mut h, Command::SetPreset(Preset::Kernel));
    h.get_by_role_and_label(Role::ListItem, "Events").click();
    settle(&mut h);
    assert!(!state(&mut h).panes.contains(&PaneKind::Events));
    h.get_by_role_and_label(Role::ListItem, "Events").click();
    settle(&mut h);
    assert!(state(&mut h).panes.contains(&PaneKind::Events));
    h.key_press(Key::F11);
    h.run_steps(3);
    assert!(h.query_by_label("Show all panes").is_some());
}

#[test]
fn the_legend_dims_what_was_not_clicked() {
    let mut h = opened("fighting");
    let name = Theme::dark().state(RowState::WaitingCpu).name.to_string();
    h.get_by_role_and_label(Role::ListItem, &name).click();
    h.run_steps(3);
    let dimmed = state(&mut h).view.dimmed;
    assert!(!dimmed.contains(RowState::WaitingCpu) && dimmed.contains(RowState::Blocked));
    h.get_by_role_and_label(Role::ListItem, &name).click();
    h.run_steps(3);
    assert_eq!(state(&mut h).view.dimmed, StateSet::default());
}

#[test]
fn events_are_selected_stepped_and_followed() {
    let mut h = opened("small");
    send(&mut h, Command::ShowPane(PaneKind::Events));
    assert!(h.query_all_by_label_contains("event sched_switch").count() > 3);
    let first = h.query_all_by_label_contains("event sched_switch").nth(2).map(|n| n.rect().center()).unwrap();
    h.drag_at(first);
    h.run_steps(1);
    h.drop_at(first);
    settle(&mut h);
    let picked = state(&mut h).event;
    assert_eq!(picked.map(|e| e.row), Some(4));
    assert_eq!(state(&mut h).view.selection.map(|s| s.begin), Some(RefNs(40_000)));
    h.key_press(Key::ArrowDown);
    settle(&mut h);
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(5));
    h.key_press(Key::End);
    settle(&mut h);
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(99_999_999));
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(7_000_000), RefNs(7_000_000)))));
    assert!(h.query_all_by_label_contains("event sched_switch").count() > 3);
    let marked = h.query_all_by_role(Role::ListItem).filter(|n| {
        n.accesskit_node().label().is_some_and(|l| l.starts_with("event "))
            && n.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
    });
    assert_eq!(marked.count(), 1, "the row of the selected instant is marked");
    send(&mut h, Command::SelectRow(None));
    send(&mut h, Command::StepEvent(crate::window::command::Direction::Forward));
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(700));
    let _: Option<PickedEvent> = picked;
    assert_eq!(picked.map(|p| p.cpu), Some(Cpu(0)));
}

#[test]
fn clicking_a_state_tells_what_it_is() {
    let mut h = opened("fighting");
    let row = h
        .query_all_by_role(Role::ListItem)
        .find(|n| n.accesskit_node().label().is_some_and(|l| l.contains("critical")));
    let y = row.unwrap().rect().center().y;
    let canvas = h.get_by_label("Control flow timeline").rect();
    h.drag_at(egui::pos2(canvas.center().x, y));
    h.run_steps(1);
    h.drop_at(egui::pos2(canvas.center().x, y));
    settle(&mut h);
    assert_eq!(state(&mut h).view.row.map(|r| r.key.id), Some(219));
    assert!(h.query_by_label("Zoom to it").is_some());
    let before = state(&mut h).view.window;
    h.get_by_label("Zoom to it").click();
    settle(&mut h);
    assert!(state(&mut h).view.window.length() < before.length());
}

#[test]
fn problems_are_listed_and_copied() {
    let mut h = opened("small");
    h.get_by_label("3 problems").click();
    h.run_steps(3);
    assert!(h.query_all_by_label_contains("ends in the middle of an event").count() >= 2);
    // What the tracer lost is among them, though all that it wrote could be read.
    assert!(h.query_by_label("The tracer lost events: 512 in 1 stream").is_some());
    h.get_by_label("Close problems").click();
    h.run_steps(3);
    assert!(!state(&mut h).problems);
}

#[test]
fn what_cannot_be_opened_is_told_and_leads_back() {
    let mut h = opened("broken");
    assert!(h.query_by_label("Nothing could be opened").is_some());
    h.get_by_label("Back to the start").click();
    h.run_steps(3);
    assert!(h.query_by_label("Open sample small").is_some());
}

#[test]
fn our_own_dialog_opens_a_folder() {
    let mut h = harness();
    h.key_press_modifiers(Modifiers::COMMAND, Key::O);
    h.run_steps(4);
    assert!(h.query_by_label("Open this folder").is_some());
    h.get_by_label("Open this folder").click();
    settle(&mut h);
    assert!(state(&mut h).is_open());
}

#[test]
fn a_host_with_guests_opens_with_its_virtual_machines() {
    let mut h = opened("joined");
    assert!(h.query_by_label("Virtual machines timeline").is_some());
    assert!(h.query_by_label("Physical CPUs timeline").is_some());
    assert!(h.query_by_label("Control flow · guest-b").is_some());
    for label in ["VM guest-a", "vCPU 0 of guest-a", "task critical 219", "task burner-b 300", "physical CPU 1"] {
        assert!(h.query_by_label(label).is_some(), "{label}");
    }
    // What slept all the time is shown when it is asked for.
    assert!(h.query_by_label("task sleepy-b 301").is_none());
    h.get_by_label("busy tasks").click();
    settle(&mut h);
    assert!(h.query_by_label("task sleepy-b 301").is_some());
    // An arrangement that somebody chose stays.
    send(&mut h, Command::SetPreset(Preset::Kernel));
    assert!(h.query_by_label("Virtual machines timeline").is_none());
}

#[test]
fn the_culprit_of_a_preempted_state_is_read_and_reached() {
    let mut h = opened("joined");
    let canvas = h.get_by_label("Virtual machines timeline").rect();
    let row = h.get_by_role_and_label(Role::ListItem, "vCPU 0 of guest-a").rect();
    // At 12 ms of 46 guest-b has the CPU.
    let window = state(&mut h).view.window;
    let share = (RefNs(12_000_000) - window.begin).0 as f32 / window.length().0 as f32;
    let at = egui::pos2(canvas.left() + canvas.width() * share, row.center().y);
    h.drag_at(at);
    h.run_steps(1);
    h.drop_at(at);
    settle(&mut h);
    let row = h.get_by_role_and_label(Role::ListItem, "vCPU 0 of guest-a");
    let value = row.accesskit_node().value().unwrap_or_default();
    assert_eq!(value, "Preempted by the host, burner-b 300 on guest-b ran instead");
    // The details say the same, with the thread behind the vCPU and the CPU that it waits for.
    for label in ["burner-b 300 on guest-b", "0 of guest-a", "CPU 0/KVM 184", "8 ms"] {
        assert!(h.query_all_by_label(label).count() > 0, "{label}");
    }
    assert!(h.query_by_label_contains("burner-b 300 on guest-b ran instead").is_some(), "the line at the bottom");
    h.get_by_label("Go to who took it").click();
    settle(&mut h);
    let row = state(&mut h).view.row.unwrap();
    assert_eq!((row.machine, row.key.kind, row.key.id), (MachineId(2), RowKind::VmThread, 300));
    h.get_by_label("Go to the vCPU").click();
    settle(&mut h);
    assert_eq!(state(&mut h).view.row.map(|r| (r.key.kind, r.key.id)), Some((RowKind::Vcpu, 194)));
    h.key_press_modifiers(Modifiers::SHIFT, Key::V);
    settle(&mut h);
    let row = state(&mut h).view.row.unwrap();
    assert_eq!((row.machine, row.key.kind, row.key.id), (MachineId(0), RowKind::Thread, 194));
    assert_eq!(state(&mut h).panes.focused, Some(PaneKind::ControlFlow(Some(MachineId(0)))));
    // And back by key: from the thread to its vCPU, and from there to who took the CPU at another instant.
    h.key_press(Key::V);
    settle(&mut h);
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(20_000_000), RefNs(20_000_000)))));
    h.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    settle(&mut h);
    assert_eq!(state(&mut h).view.row.map(|r| (r.key.kind, r.key.id)), Some((RowKind::VmThread, 219)));
}

#[test]
fn where_nobody_took_the_cpu_that_is_said() {
    let mut h = opened("joined");
    let vcpu = crate::window::command::RowRef {
        machine: MachineId(0),
        key: stratoscope_core::vocab::RowKey::vcpu(stratoscope_core::vocab::Tid(184), 0),
    };
    send(&mut h, Command::SelectRow(Some(vcpu)));
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(5_000_000), RefNs(5_000_000)))));
    assert!(h.query_by_label("Go to who took it").is_none());
    assert!(h.query_all_by_label("critical 219 on guest-a").count() > 0, "the task inside");
    send(&mut h, Command::GoToCulprit);
    assert_eq!(state(&mut h).notice.as_deref(), Some("Nobody took the CPU at this instant"));
}

#[test]
fn physical_cpus_say_what_runs_even_inside_a_vm() {
    let mut h = opened("joined");
    let cpu = crate::window::command::RowRef {
        machine: MachineId(0),
        key: stratoscope_core::vocab::RowKey {
            kind: RowKind::PhysicalCpu,
            ..stratoscope_core::vocab::RowKey::cpu(Cpu(1))
        },
    };
    send(&mut h, Command::SelectRow(Some(cpu)));
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(12_000_000), RefNs(12_000_000)))));
    assert!(h.query_all_by_label("burner-b 300 on guest-b").count() > 0);
    h.get_by_label("Go to what runs").click();
    settle(&mut h);
    assert_eq!(state(&mut h).view.row.map(|r| (r.machine, r.key.id)), Some((MachineId(2), 300)));
    h.get_by_label("by state").click();
    settle(&mut h);
    assert!(state(&mut h).view.by_machine);
    assert!(h.query_by_label("by machine").is_some());
}

#[test]
fn tours_open_their_sample_and_lead_through_it() {
    let mut h = harness();
    h.get_by_role_and_label(Role::ListItem, "Two VMs fighting for one CPU 5 steps").click();
    settle(&mut h);
    assert_eq!(state(&mut h).paths, [PathBuf::from("/samples/fighting")]);
    assert!(h.query_by_label("Step 1 of 5").is_some());
    h.key_press(Key::N);
    settle(&mut h);
    assert!(h.query_by_label("Step 2 of 5").is_some());
    h.get_by_label("Back").click();
    settle(&mut h);
    assert!(h.query_by_label("Step 1 of 5").is_some());
    h.get_by_label("End the tour").click();
    settle(&mut h);
    assert!(state(&mut h).tour.is_none() && state(&mut h).is_open());
    // Somebody who opens other traces has left the tour.
    send(&mut h, Command::StartTour("fighting".to_owned()));
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/small")]));
    assert!(state(&mut h).tour.is_none());
}

/// Pictures for people to look at.
#[test]
fn pictures() {
    static SHOWN: AtomicUsize = AtomicUsize::new(0);
    if std::env::var_os("STRATOSCOPE_PICTURES").is_none() {
        return;
    }
    let shot = |name: &str, size: [u32; 2], commands: Vec<Command>| {
        let Some(file) = wanted(name) else { return };
        let real = commands.iter().any(|c| matches!(c, Command::Open(paths) if paths.iter().any(|p| p.exists())));
        let tour = commands.iter().any(|c| matches!(c, Command::StartTour(_)));
        let mut camera = if real || tour { Camera::real(size) } else { Camera::new(size, options(None)) };
        commands.into_iter().for_each(|command| camera.send(command));
        camera.save(&file);
        SHOWN.fetch_add(1, Ordering::Relaxed);
    };
    let open = |name: &str| Command::Open(vec![PathBuf::from("/traces").join(name)]);
    let vcpu = crate::window::command::RowRef {
        machine: MachineId(0),
        key: stratoscope_core::vocab::RowKey::thread(stratoscope_core::vocab::Tid(184), 0),
    };
    let t = |us: i64| RefNs(us * 1000);
    let range = Command::SelectTime(Some(TimeRange::new(t(9_800), t(25_800))));
    let big = [1600, 1000];
    for (theme, first) in [("dark", vec![]), ("light", vec![Command::CycleTheme])] {
        let with = |more: Vec<Command>| first.iter().cloned().chain(more).collect::<Vec<_>>();
        shot(&format!("start-{theme}"), big, with(vec![]));
        shot(
            &format!("fighting-{theme}"),
            big,
            with(vec![open("fighting"), Command::SelectRow(Some(vcpu)), range.clone()]),
        );
    }
    shot("vms", big, vec![open("joined")]);
    shot("vms-light", [1280, 800], vec![open("joined"), Command::CycleTheme]);
    shot("side-by-side", big, vec![open("joined"), Command::SetPreset(Preset::SideBySide)]);
    let next = || Command::StepTour(crate::window::command::Direction::Forward);
    for name in ["fighting", "periodic"] {
        for step in 0..5 {
            let size = if step % 2 == 0 { [1280, 800] } else { [1920, 1080] };
            let mut commands = vec![Command::StartTour(name.to_owned())];
            commands.extend((0..step).map(|_| next()));
            if name == "periodic" {
                commands.insert(0, Command::CycleTheme);
            }
            shot(&format!("tour-{name}-{}", step + 1), size, commands);
        }
    }
    shot("compare", big, vec![open("fighting"), Command::SetPreset(Preset::Machines)]);
    shot("reading", big, vec![open("reading"), Command::ToggleProblems]);
    shot("keys", big, vec![open("small"), Command::ToggleKeys]);
    shot("palette", big, vec![open("small"), Command::TogglePalette]);
    shot("statistics", big, vec![open("fighting"), range, Command::ShowPane(PaneKind::Statistics)]);
    shot("small-window", [900, 560], vec![open("fighting")]);
    shot("broken", big, vec![open("broken")]);
    shot("dialog", big, vec![Command::OpenDialog]);
    let real = sample;
    for name in ["fighting", "periodic", "io"] {
        shot(&format!("real-{name}"), big, vec![real(name)]);
        shot(&format!("real-{name}-small"), [1280, 800], vec![Command::CycleTheme, real(name)]);
    }
    shot("real-all", big, vec![real("")]);
    let zoom = Command::Zoom { factor: 60.0, at: None };
    shot("real-zoom", big, vec![real("periodic"), zoom.clone(), Command::CycleTheme]);
    shot("real-compare", big, vec![real("io"), Command::SetPreset(Preset::Machines), zoom]);
    assert!(SHOWN.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_picture_of_a_part_begins_there_in_rows_and_events() {
    let part = TimeRange::new(RefNs(5_000_000), RefNs(7_000_000));
    let mut h = harness_of(WindowOptions { first_view: Some(part), ..options(None) }, vec2(1600.0, 1000.0));
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/small")]));
    assert_eq!(state(&mut h).view.window, part);
    // The row at 5 ms is the 500th.
    let rows: Vec<String> = h
        .query_all_by_role(Role::ListItem)
        .filter_map(|n| n.value().or(n.accesskit_node().label()))
        .filter(|text| text.contains("n=5"))
        .collect();
    assert!(rows.iter().any(|text| text.contains("n=500 ")), "{rows:?}");
}
