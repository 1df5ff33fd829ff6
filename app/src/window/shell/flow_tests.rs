//! The execution flow as a user and a screen reader find it: by labels.

use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use stratoscope_core::vocab::{MachineId, RefNs, RowKey, Tid, TimeRange};

use super::camera::{Camera, sample, wanted};
use super::tests::{Test, opened, opened_sample, send, settle, state};
use crate::window::command::{Command, RowRef};
use crate::window::layout::{PaneKind, Preset};
use crate::window::tour::{RowName, RowSort, Span};

fn has(h: &Harness<'_, Test>, text: &str) -> bool {
    h.query_all_by_label_contains(text).next().is_some()
}

fn click(h: &mut Harness<'_, Test>, text: &str) {
    h.query_all_by_label_contains(text).next().unwrap_or_else(|| panic!("there is no {text}")).click();
    settle(h);
}

fn press(h: &mut Harness<'_, Test>, key: Key) {
    h.key_press(key);
    settle(h);
}

fn critical() -> RowRef {
    RowRef { machine: MachineId(1), key: RowKey::thread(Tid(219), 0) }
}

fn ms(a: i64, b: i64) -> Command {
    Command::SelectTime(Some(TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))))
}

/// The flow of `critical` from 5 to 30 ms of two fighting guests.
fn fighting() -> Harness<'static, Test> {
    let mut h = opened("joint");
    send(&mut h, Command::SelectRow(Some(critical())));
    send(&mut h, ms(5, 30));
    press(&mut h, Key::E);
    h
}

#[test]
fn a_slow_execution_of_the_sample_names_the_burner_and_its_time() {
    let mut h = opened_sample("periodic");
    let scene = state(&mut h).scene;
    let row = RowName { machine: "guest-a".to_owned(), kind: RowSort::Thread, name: "critical".to_owned() };
    send(&mut h, Command::SelectRow(row.find(&scene)));
    let range = Span::At(1_795_447_703_405_250_909, 1_795_447_703_438_068_777).on(&scene);
    send(&mut h, Command::SelectTime(range));
    press(&mut h, Key::E);
    assert!(state(&mut h).panes.contains(&PaneKind::ExecutionFlow));
    assert!(h.query_by_label("Execution flow timeline").is_some());
    assert!(h.query_by_label("flow of burner-b 216 in guest-b: 14.01 ms").is_some());
    assert!(h.query_by_label("burner-b 216 in guest-b took its vCPU's processor: 14.01 ms (42.7 %)").is_some());
    assert!(has(&h, "burner-b 216, preempted by the host in guest-b: 14.01 ms, 42.7 %"));
    assert!(has(&h, "32.82 ms"));
    assert!(has(&h, "89 INSTANCES, 43 SLOW"));
    h.get_by_label("Why did this take longer?").click();
    settle(&mut h);
    assert!(has(&h, "Flow of instance "));
    assert!(has(&h, "longer than instance"));
    h.get_by_label("Back to one flow").click();
    settle(&mut h);
    // Another instance is one click away.
    let slow = "instance 10 of the flow: 36.56 ms, slow, burner-b 216 in guest-b, preempted by the host";
    h.get_by_label(slow).click();
    settle(&mut h);
    let after = state(&mut h);
    let length = after.view.selection.unwrap().length().0;
    assert!((36_550_000..36_560_000).contains(&length), "{length}");
    assert!(has(&h, "burner-b 216 in guest-b took its vCPU's processor: "));
    assert!(!has(&h, "32.82 ms"), "the flow is that of the instance");
}

#[test]
fn without_a_task_the_pane_says_what_to_do() {
    let mut h = opened("joint");
    press(&mut h, Key::E);
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("Select a task")));
    send(&mut h, Command::ShowPane(PaneKind::ExecutionFlow));
    assert!(has(&h, "Select a task: here stands what determined its progress"));
    send(
        &mut h,
        Command::SelectRow(Some(RowRef { machine: MachineId(0), key: RowKey::cpu(stratoscope_core::vocab::Cpu(0)) })),
    );
    press(&mut h, Key::E);
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("Only a task")));
    press(&mut h, Key::J);
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("No execution flow is shown")));
}

#[test]
fn keys_go_from_piece_to_piece_and_the_flow_stays() {
    let mut h = fighting();
    let burner = "flow of burner-b 300 in guest-b: 12 ms";
    assert!(has(&h, burner));
    let place = |h: &mut Harness<'_, Test>| {
        let view = state(h).view;
        (
            view.row.unwrap().key.id,
            view.selection.unwrap().begin.0 / 1_000_000,
            view.selection.unwrap().end.0 / 1_000_000,
        )
    };
    press(&mut h, Key::J);
    assert_eq!(place(&mut h), (219, 5, 10));
    press(&mut h, Key::J);
    assert_eq!(place(&mut h), (300, 10, 18));
    assert!(has(&h, burner), "the flow is still that of the task");
    h.key_press_modifiers(egui::Modifiers::SHIFT, Key::J);
    settle(&mut h);
    assert_eq!(place(&mut h), (219, 5, 10));
    press(&mut h, Key::J);
    // Along the arrow that the host's choice made, back to who was held up.
    send(&mut h, Command::FocusPane(PaneKind::ExecutionFlow));
    press(&mut h, Key::Enter);
    assert_eq!(place(&mut h), (219, 5, 10));
    // What the user selects elsewhere is followed.
    send(&mut h, ms(20, 30));
    assert!(has(&h, "flow of burner-b 300 in guest-b: 4 ms"));
    send(&mut h, Command::SelectRow(Some(RowRef { machine: MachineId(2), key: RowKey::thread(Tid(300), 0) })));
    assert!(has(&h, "flow of critical 219 in guest-a: "), "now it is the other's flow, which critical holds up");
    assert!(has(&h, "critical 219 in guest-a took its vCPU's processor"));
}

#[test]
fn lines_light_up_their_pieces_and_lead_to_the_longest() {
    let mut h = fighting();
    let line = "burner-b 300, preempted by the host in guest-b: 12 ms, 48.0 %";
    h.get_by_label(line).click();
    settle(&mut h);
    h.get_by_label("Zoom to the longest").click();
    settle(&mut h);
    let after = state(&mut h).view;
    assert_eq!(after.selection, Some(TimeRange::new(RefNs(10_000_000), RefNs(18_000_000))));
    assert!(after.window.length().0 < 20_000_000);
    assert!(has(&h, line), "the flow is what it was");
    press(&mut h, Key::J);
    assert_eq!(state(&mut h).view.selection.map(|s| s.begin), Some(RefNs(26_000_000)), "only lit pieces");
    h.get_by_label(line).click();
    settle(&mut h);
    assert!(h.query_by_label("Zoom to the longest").is_none());
    h.get_by_label("Copy as text").click();
    settle(&mut h);
    assert_eq!(state(&mut h).notice.as_deref(), Some("Copied"));
}

#[test]
fn details_lead_to_the_flow_and_back() {
    let mut h = opened("joint");
    send(&mut h, Command::SelectRow(Some(critical())));
    send(&mut h, ms(12, 12));
    click(&mut h, "Execution flow of this task");
    assert!(has(&h, "flow of burner-b 300 in guest-b: 16 ms"), "over what is visible");
    assert_eq!(state(&mut h).panes.focused, Some(PaneKind::ExecutionFlow));
    click(&mut h, "whole life");
    assert!(has(&h, "flow of burner-b 300 in guest-b: 16 ms"));
    click(&mut h, "Show in Control flow");
    assert!(matches!(state(&mut h).panes.focused, Some(PaneKind::ControlFlow(_))));
    send(&mut h, Command::SetPreset(Preset::ExecutionFlow));
    assert!(has(&h, "flow of burner-b 300 in guest-b: 16 ms"));
    assert!(has(&h, "WHO HELD IT UP"));
}

#[test]
fn a_task_that_is_kept_stays() {
    let mut h = fighting();
    click(&mut h, "keep this task");
    send(&mut h, Command::SelectRow(Some(RowRef { machine: MachineId(2), key: RowKey::thread(Tid(300), 0) })));
    assert!(has(&h, "flow of burner-b 300 in guest-b: 12 ms"));
    press(&mut h, Key::E);
    assert!(has(&h, "critical 219 in guest-a took its vCPU's processor"), "the key says whose flow is wanted");
}

/// Pictures for people to look at.
#[test]
fn flow_pictures() {
    let pictures: [(&str, &str, usize, bool, &str); 7] = [
        ("slow", "culprit", 0, false, "dark"),
        ("slow", "culprit", 0, false, "light"),
        ("who", "culprit", 1, false, "dark"),
        ("compare", "culprit", 0, true, "dark"),
        ("compare", "culprit", 0, true, "light"),
        ("disk", "chain", 3, false, "dark"),
        ("chain", "chain", 0, false, "light"),
    ];
    for (size, tag) in [([1600, 1000], "large"), ([1000, 600], "small")] {
        for (name, tour, step, compare, theme) in pictures {
            let Some(file) = wanted(&format!("{name}-{theme}-{tag}")) else { continue };
            let tour = crate::window::tour::find(tour).unwrap();
            let mut camera = Camera::real(size);
            camera.send(sample(&tour.sample));
            (theme == "light").then_some(Command::CycleTheme).into_iter().for_each(|command| camera.send(command));
            // As the tour leads there: from its first step on.
            for step in tour.steps.iter().take(step + 1) {
                for command in step.commands(camera.window.state()).0 {
                    camera.send(command);
                }
            }
            if compare {
                camera.picture();
                camera.window.panes.flow.compare(true);
            }
            camera.save(&file);
        }
    }
}
