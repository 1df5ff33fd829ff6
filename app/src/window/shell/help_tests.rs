//! Help as a user and a screen reader find it: by key, from legend, tab and details, with links and search; and what
//! can be taken back.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use stratoscope_core::vocab::{MachineId, RefNs, RowKey, State as RowState, StateSet, Tid, TimeRange};

use super::tests::{Test, harness, harness_of, opened, options, send, settle, state};
use crate::window::command::{Command, Direction, RowRef};
use crate::window::engine::News;
use crate::window::help::{HelpCommand, Tool, Topic};
use crate::window::layout::{PaneKind, Preset};
use crate::window::own::MarkCommand;
use crate::window::theme::Theme;

type Window = egui_kittest::Harness<'static, Test>;

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn press(h: &mut Window, key: Key) {
    h.key_press(key);
    settle(h);
}

fn heading(h: &Window, text: &str) -> bool {
    h.query_by_role_and_label(Role::Heading, text).is_some()
}

#[test]
fn f1_explains_the_view_that_has_the_keyboard() {
    let mut h = opened("small");
    send(&mut h, Command::FocusPane(PaneKind::ControlFlow(None)));
    press(&mut h, Key::F1);
    assert!(heading(&h, "Control flow"));
    assert_eq!(state(&mut h).panes.focused, Some(PaneKind::ControlFlow(None)), "the keyboard stays where it is");
    assert!(h.query_by_label("sched_switch: recorded").is_some());
    assert!(h.query_by_label("irq_handler_entry: not in these traces").is_some());
    send(&mut h, Command::FocusPane(PaneKind::Events));
    press(&mut h, Key::F1);
    assert!(heading(&h, "Events"));
    press(&mut h, Key::F1);
    assert!(!state(&mut h).panes.contains(&PaneKind::Help), "once more closes it");
}

#[test]
fn links_lead_between_views_and_states_and_back() {
    let mut h = opened("small");
    send(&mut h, Command::Help(HelpCommand::Show(Topic::View("control-flow"))));
    let name = Theme::dark().state(RowState::Blocked).name.to_string();
    h.get_by_role_and_label(Role::Link, &name).click();
    settle(&mut h);
    assert!(heading(&h, &name));
    h.get_by_role_and_label(Role::Link, "Execution flow").click();
    settle(&mut h);
    assert!(heading(&h, "Execution flow"));
    h.get_by_label("Back in help").click();
    settle(&mut h);
    assert!(heading(&h, &name));
    h.get_by_role_and_label(Role::Link, "Dim everything else").click();
    settle(&mut h);
    let dimmed = state(&mut h).view.dimmed;
    assert!(!dimmed.contains(RowState::Blocked) && dimmed.contains(RowState::RunningUser));
    h.get_by_label("Contents").click();
    settle(&mut h);
    assert_eq!(state(&mut h).help.topic, None);
}

#[test]
fn help_is_searched() {
    let mut h = opened("small");
    send(&mut h, Command::Help(HelpCommand::Contents));
    let field = h.get_by_role_and_label(Role::TextInput, "Search help");
    field.focus();
    field.type_text("stolen");
    settle(&mut h);
    assert!(h.query_all_by_role_and_label(Role::ListItem, "Steal").count() > 0);
    assert!(h.query_all_by_role_and_label(Role::ListItem, "Bookmarks").count() <= 1, "only under Views");
    h.query_all_by_role_and_label(Role::ListItem, "Steal").last().unwrap().click();
    settle(&mut h);
    assert_eq!(state(&mut h).help.topic, Some(Topic::View("steal")));
}

#[test]
fn legend_tab_and_details_lead_to_help() {
    let mut h = opened("small");
    let name = Theme::dark().state(RowState::WaitingCpu).name.to_string();
    h.get_by_role_and_label(Role::ListItem, &name).click_secondary();
    settle(&mut h);
    h.get_by_label("What is this state? (thread, vCPU)").click();
    settle(&mut h);
    assert_eq!(state(&mut h).help.topic, Some(Topic::State(RowState::WaitingCpu)));

    let tab = h.query_all_by_label("Statistics").map(|n| n.rect()).max_by(|a, b| a.left().total_cmp(&b.left()));
    let tab = tab.unwrap().center();
    h.hover_at(tab);
    h.run_steps(2);
    for pressed in [true, false] {
        h.event(egui::Event::PointerButton {
            pos: tab,
            button: egui::PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        h.run_steps(1);
    }
    settle(&mut h);
    h.get_by_label("What does this show?").click();
    settle(&mut h);
    assert_eq!(state(&mut h).help.topic, Some(Topic::View("statistics")));

    send(&mut h, Command::SelectRow(Some(thread(100))));
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(2_500_000), RefNs(2_500_000)))));
    h.get_by_label("What is this state?").click();
    settle(&mut h);
    assert_eq!(state(&mut h).help.topic, Some(Topic::State(RowState::RunningSyscall)));
}

#[test]
fn the_start_page_has_help_as_well() {
    let mut h = harness();
    press(&mut h, Key::F1);
    assert!(h.query_by_label("Search help").is_some() && h.query_by_label("Open folder…").is_none());
    h.get_by_label("Back to the start").click();
    settle(&mut h);
    assert!(h.query_by_label("Open folder…").is_some());
    press(&mut h, Key::F1);
    press(&mut h, Key::Escape);
    assert!(h.query_by_label("Open folder…").is_some());
}

/// A session of traces that tell nothing about threads: programs' own events.
fn without_rows() -> Window {
    let mut made = options(None);
    made.opener = Box::new(|_, _, _| {
        let mut scene = crate::window::timeline::fake::small();
        scene.machines.iter_mut().for_each(|m| m.clear());
        let (first_view, info) = (
            scene.extent,
            crate::window::info::SessionInfo { stage: crate::window::info::Stage::Done, ..Default::default() },
        );
        Box::new(super::tests::FakeEngine {
            news: Some(News { scene, info, first_view, events: None, events_fresh: true }),
        })
    });
    let mut h = harness_of(made, egui::vec2(1600.0, 1000.0));
    send(&mut h, Command::Open(vec![std::path::PathBuf::from("/traces/ust")]));
    h
}

#[test]
fn views_without_their_events_say_which_and_give_the_commands() {
    let mut h = without_rows();
    for (kind, event) in [
        (PaneKind::ControlFlow(None), "sched_switch"),
        (PaneKind::Resources(None), "sched_switch"),
        (PaneKind::VirtualMachines, "kvm_exit"),
        (PaneKind::PhysicalCpus, "kvm_entry"),
        (PaneKind::Exits, "entries into guests"),
        (PaneKind::Steal, "entries into guests"),
        (PaneKind::Statistics, "sched_switch"),
        (PaneKind::CpuUsage, "sched_switch"),
        (PaneKind::Instant, "sched_switch"),
        (PaneKind::Compare, "sched_switch"),
        (PaneKind::ExecutionFlow, "sched_switch"),
        (PaneKind::Periodic, "sched_switch"),
    ] {
        send(&mut h, Command::ShowPane(kind.clone()));
        send(&mut h, Command::FocusPane(kind.clone()));
        send(&mut h, Command::ToggleFullPane);
        send(&mut h, Command::Help(HelpCommand::Tool(Tool::Lttng)));
        assert!(h.query_all_by_label_contains(event).count() > 0, "{kind:?} does not say {event}");
        assert!(h.query_by_label_contains("lttng create stratoscope").is_some(), "{kind:?}");
        h.get_by_label("Commands of trace-cmd").click();
        settle(&mut h);
        assert!(h.query_by_label_contains("trace-cmd record").is_some(), "{kind:?}");
        h.get_by_label("Copy the commands").click();
        settle(&mut h);
        assert_eq!(state(&mut h).notice.as_deref(), Some("Copied"), "{kind:?}");
    }
}

#[test]
fn legend_rows_and_panes_are_taken_back_and_made_again() {
    let mut h = opened("small");
    let undo = |h: &mut Window| {
        h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        settle(h);
    };
    let name = Theme::dark().state(RowState::WaitingCpu).name.to_string();
    h.get_by_role_and_label(Role::ListItem, &name).click();
    settle(&mut h);
    assert_ne!(state(&mut h).view.dimmed, StateSet::default());
    undo(&mut h);
    assert_eq!(state(&mut h).view.dimmed, StateSet::default(), "a line of the legend is one change");
    assert_eq!(state(&mut h).notice.as_deref(), Some("Taken back: states dimmed"));
    h.key_press_modifiers(Modifiers::COMMAND, Key::Y);
    settle(&mut h);
    assert_ne!(state(&mut h).view.dimmed, StateSet::default());
    undo(&mut h);

    press(&mut h, Key::C);
    press(&mut h, Key::H);
    send(&mut h, Command::ToggleRow(thread(100)));
    let before = state(&mut h).panes.kinds();
    send(&mut h, Command::SetPreset(Preset::Compare));
    h.get_by_label("Edit ⏷").click();
    settle(&mut h);
    h.get_by_label_contains("Undo: arrangement of panes").click();
    settle(&mut h);
    assert_eq!(state(&mut h).panes.kinds(), before);
    undo(&mut h);
    assert!(state(&mut h).view.collapsed.is_empty());
    undo(&mut h);
    let after = state(&mut h);
    assert!(!after.view.hide_idle && !after.settings.hide_idle && after.view.compact);
    undo(&mut h);
    assert!(!state(&mut h).view.compact && !state(&mut h).settings.compact);
    send(&mut h, Command::UndoChoice(Direction::Back));
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("nothing to take back")));
}

#[test]
fn a_flag_on_the_strip_goes_to_its_bookmark() {
    let mut h = opened("small");
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(2_500_000), RefNs(2_500_000)))));
    send(&mut h, Command::Mark(MarkCommand::Add));
    send(&mut h, Command::Mark(MarkCommand::Rename { id: 1, text: "here".to_owned() }));
    send(&mut h, Command::SelectTime(None));
    let window = TimeRange::new(RefNs(6_000_000), RefNs(8_000_000));
    send(&mut h, Command::SetWindow { window, remember: true });
    let flag = h.get_by_role_and_label(Role::Button, "Bookmark here").rect().center();
    h.hover_at(flag);
    h.run_steps(1);
    h.drag_at(flag);
    h.run_steps(1);
    h.drop_at(flag);
    settle(&mut h);
    let view = state(&mut h).view;
    assert_eq!(view.selection.map(|s| s.begin), Some(RefNs(2_500_000)));
    assert!(view.window.contains(RefNs(2_500_000)), "{:?}", view.window);
}

#[test]
fn a_tour_is_taken_back_as_one_change() {
    let mut h = harness();
    send(&mut h, Command::Open(vec![std::path::PathBuf::from("/samples/fighting")]));
    send(&mut h, Command::TogglePane(PaneKind::Statistics));
    let panes = |h: &mut Window| state(h).panes.kinds();
    let names = |h: &mut Window| state(h).past.0.iter().map(|c| c.name).collect::<Vec<_>>();
    let own = panes(&mut h);
    send(&mut h, Command::StartTour("fighting".to_owned()));
    for direction in [Direction::Forward, Direction::Forward, Direction::Back, Direction::Forward] {
        send(&mut h, Command::StepTour(direction));
    }
    let of_tour = panes(&mut h);
    assert_ne!(of_tour, own, "its steps arrange panes");
    assert_eq!(names(&mut h), ["pane shown or closed", "what the tour arranged"]);
    send(&mut h, Command::UndoChoice(Direction::Back));
    assert_eq!((panes(&mut h), names(&mut h)), (own, vec!["pane shown or closed"]));
    send(&mut h, Command::UndoChoice(Direction::Forward));
    assert_eq!(panes(&mut h), of_tour);
}
