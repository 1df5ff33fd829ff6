//! Panes beside each other on a real recording: time and rows go together, unless a pane goes its own way; and
//! which VM is which machine, by the user's word.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, MouseWheelUnit, TouchPhase, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vm::{LinkBy, Vm};
use stratoscope_core::vocab::MachineId;

use super::tests::{Test, harness_of, options, send, settle, state};
use crate::window::command::Command;
use crate::window::joint::assign::{Said, assigned};
use crate::window::layout::{PaneKind, Preset};
use crate::window::{WindowOptions, reading};

/// Low, so that no pane shows all of its rows.
fn fighting() -> Harness<'static, Test> {
    let real = WindowOptions { opener: reading::opener(), ..options(None) };
    let mut h = harness_of(real, vec2(1300.0, 460.0));
    send(&mut h, Command::Open(vec![PathBuf::from("../sample-traces/fighting")]));
    h
}

fn side_by_side() -> Harness<'static, Test> {
    let mut h = fighting();
    send(&mut h, Command::SetPreset(Preset::SideBySide));
    send(&mut h, Command::TogglePane(PaneKind::Events));
    send(&mut h, Command::TogglePane(PaneKind::Statistics));
    h
}

/// The panes from left to right: where they are and which time they say they show.
fn canvases(h: &Harness<'_, Test>) -> Vec<(egui::Rect, String)> {
    let nodes = h.query_all_by_label("Control flow timeline");
    let mut all: Vec<_> = nodes.map(|n| (n.rect(), n.value().unwrap_or_default())).collect();
    all.sort_by(|a, b| a.0.left().total_cmp(&b.0.left()));
    assert_eq!(all.len(), 3, "host, guest-a, guest-b");
    all
}

fn windows(h: &Harness<'_, Test>) -> Vec<String> {
    canvases(h).into_iter().map(|c| c.1).collect()
}

/// Tops of the rows of each pane, by their labels.
fn rows(h: &Harness<'_, Test>) -> [Vec<(String, f32)>; 3] {
    let edges: Vec<f32> = canvases(h).iter().map(|c| c.0.right()).collect();
    let mut all: [Vec<(String, f32)>; 3] = Default::default();
    for node in h.query_all_by_role(Role::ListItem) {
        let Some(pane) = edges.iter().position(|right| node.rect().left() < *right) else { continue };
        let label = node.accesskit_node().label().unwrap_or_default();
        if label.starts_with("thread ") {
            all[pane].push((label, node.rect().top()));
        }
    }
    all
}

/// How far the rows of each pane moved.
fn moved(before: &[Vec<(String, f32)>; 3], after: &[Vec<(String, f32)>; 3]) -> Vec<f32> {
    let of = |before: &[(String, f32)], after: &[(String, f32)]| {
        let same = after.iter().find_map(|(label, y)| Some(y - before.iter().find(|b| b.0 == *label)?.1));
        same.expect("a row that is still there")
    };
    before.iter().zip(after).map(|(before, after)| of(before, after)).collect()
}

fn wheel(h: &mut Harness<'_, Test>, pane: usize, points: f32, modifiers: Modifiers) {
    let at = canvases(h)[pane].0.center();
    h.event(Event::PointerMoved(at));
    h.run_steps(2);
    let event = Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, points),
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers,
    };
    h.event_modifiers(event, modifiers);
    h.run_steps(40);
    settle(h);
}

#[test]
fn panes_beside_each_other_go_together() {
    let mut h = side_by_side();
    let first = windows(&h);
    assert!(first.iter().all(|w| *w == first[0]), "{first:?}");
    let before = rows(&h);
    wheel(&mut h, 0, -45.0, Modifiers::NONE);
    let after = rows(&h);
    let steps = moved(&before, &after);
    assert!(steps.iter().all(|step| *step == steps[0] && *step < -30.0), "{steps:?}");
    // And back by another pane, but for what smooth scrolling rounds to whole pixels.
    wheel(&mut h, 1, 45.0, Modifiers::NONE);
    let back = moved(&before, &rows(&h));
    assert!(back.iter().all(|step| *step == back[0] && step.abs() <= 2.0), "{back:?}");

    wheel(&mut h, 2, 120.0, Modifiers::CTRL);
    let zoomed = windows(&h);
    assert_ne!(zoomed[0], first[0]);
    assert!(zoomed.iter().all(|w| *w == zoomed[0]), "{zoomed:?}");
}

#[test]
fn an_unlinked_pane_goes_its_own_way_and_comes_back() {
    let mut h = side_by_side();
    let common = windows(&h)[0].clone();
    let guest_b = PaneKind::ControlFlow(Some(MachineId(2)));
    h.get_by_role_and_label(Role::CheckBox, "Linked: Control flow · guest-b").click();
    settle(&mut h);
    assert!(!state(&mut h).panes.is_linked(&guest_b));
    assert_eq!(windows(&h)[2], common, "nothing jumps");

    let before = rows(&h);
    wheel(&mut h, 0, -45.0, Modifiers::NONE);
    let steps = moved(&before, &rows(&h));
    assert!(steps[0] < -30.0 && steps[1] == steps[0] && steps[2] == 0.0, "{steps:?}");

    wheel(&mut h, 0, 120.0, Modifiers::CTRL);
    let host_zoomed = windows(&h);
    assert!(host_zoomed[0] != common && host_zoomed[1] == host_zoomed[0], "{host_zoomed:?}");
    assert_eq!(host_zoomed[2], common);

    // Keys are for the pane that has them: unlinking gave them to guest-b's.
    assert_eq!(state(&mut h).panes.focused, Some(guest_b.clone()));
    h.key_press(Key::W);
    settle(&mut h);
    let own = windows(&h);
    assert_eq!(own[..2], host_zoomed[..2]);
    assert!(own[2] != common && own[2] != own[0], "{own:?}");
    h.key_press(Key::Backspace);
    settle(&mut h);
    assert_eq!(windows(&h)[2], common, "it has its own history");

    h.key_press(Key::L);
    settle(&mut h);
    assert!(state(&mut h).panes.is_linked(&guest_b));
    assert!(windows(&h).iter().all(|w| *w == host_zoomed[0]));
    let kept = state(&mut h);
    let layout = kept.memory.layout(&kept.paths).unwrap();
    assert!(layout.unlinked.is_empty() && layout.contains(&guest_b));
}

#[test]
fn a_vm_is_said_to_be_another_machine_and_that_is_undone() {
    let mut h = fighting();
    send(&mut h, Command::ShowPane(PaneKind::Synchronisation));
    send(&mut h, Command::ToggleFullPane);
    let found = state(&mut h).scene.facts.world.vms().to_vec();
    let vm = found.iter().find(|vm| vm.name == "guest-a").unwrap().clone();
    let label = format!("process {} of host", vm.host_pid.unwrap().0);
    // Rows are joined anew beside the frames.
    let becomes = |h: &mut Harness<'_, Test>, guest: Option<u16>, link: LinkBy| {
        let wanted = (guest.map(MachineId), Some(link));
        let mut is = (None, None);
        for _ in 0..500 {
            let state = state(h);
            let now = state.scene.facts.world.vms().iter().find(|v| v.host_pid == vm.host_pid).cloned();
            is = now.map_or(is, |vm| (vm.guest, vm.link));
            if is == wanted {
                return settle(h);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            settle(h);
        }
        panic!("{is:?} and not {wanted:?}");
    };
    becomes(&mut h, Some(1), LinkBy::Messages);
    h.get_by_role_and_label(Role::ComboBox, &label).click();
    settle(&mut h);
    assert!(h.query_by_label("Found: guest-a, by messages between guest and host").is_some());
    h.get_by_label("None of these machines").click();
    settle(&mut h);
    becomes(&mut h, None, LinkBy::User);
    let kept = state(&mut h);
    assert_eq!(kept.memory.clocks(&kept.paths).assigned, kept.choice.assigned, "it is remembered");

    // The other VM's machine: that one is nobody's then.
    let (facts, n) = (&kept.scene.facts, |v: &Vm| v.host_pid == vm.host_pid);
    let n = facts.world.vms().iter().position(n).unwrap();
    send(&mut h, Command::ChooseSync(assigned(facts, &kept.choice, n, Said::Guest(MachineId(2)))));
    becomes(&mut h, Some(2), LinkBy::User);
    let guests: Vec<_> = state(&mut h).scene.facts.world.vms().iter().filter_map(|v| v.guest).collect();
    assert_eq!(guests, [MachineId(2)]);

    h.get_by_label("Undo").click();
    settle(&mut h);
    becomes(&mut h, None, LinkBy::User);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut h);
    becomes(&mut h, Some(1), LinkBy::Messages);
    assert_eq!(state(&mut h).scene.facts.world.vms(), found);
    h.get_by_label("Redo").click();
    settle(&mut h);
    becomes(&mut h, None, LinkBy::User);
}
