//! Every entry of the handbook's table of actions, once, by its key: what the key does is seen in the window's state.

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use stratoscope_core::vocab::{Dur, MachineId, RefNs, RowKey, Tid, TimeRange};

use super::tests::{Test, opened, send, settle, state};
use crate::window::command::{Command, RowRef};
use crate::window::layout::PaneKind;
use crate::window::state::Overlay;

type Window = Harness<'static, Test>;

fn range(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a), RefNs(b))
}

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn press(h: &mut Window, key: Key) {
    press_with(h, Modifiers::NONE, key);
}

fn press_with(h: &mut Window, modifiers: Modifiers, key: Key) {
    h.key_press_modifiers(modifiers, key);
    settle(h);
}

fn shown(h: &mut Window) -> TimeRange<RefNs> {
    state(h).view.window
}

/// The small scene, from 2 to 6 ms of its 10.
fn inside() -> Window {
    let mut h = opened("small");
    send(&mut h, Command::FocusPane(PaneKind::ControlFlow(None)));
    send(&mut h, Command::SetWindow { window: range(2_000_000, 6_000_000), remember: true });
    h
}

fn select(h: &mut Window, tid: i32, t: i64) {
    send(h, Command::SelectRow(Some(thread(tid))));
    send(h, Command::SelectTime(Some(range(t, t))));
}

fn cursor(h: &mut Window) -> (Option<i32>, Option<i64>) {
    let view = state(h).view;
    (view.row.map(|r| r.key.id), view.selection.map(|s| s.begin.0))
}

#[test]
fn zoom() {
    for (modifiers, inward, outward) in [
        (Modifiers::NONE, Key::W, Key::S),
        (Modifiers::NONE, Key::Plus, Key::Minus),
        (Modifiers::NONE, Key::Equals, Key::Minus),
    ] {
        let mut h = inside();
        let before = shown(&mut h);
        press_with(&mut h, modifiers, inward);
        let near = shown(&mut h);
        assert!(near.length() < before.length(), "{inward:?}");
        press_with(&mut h, modifiers, outward);
        assert!(shown(&mut h).length() > near.length(), "{outward:?}");
    }
    let mut h = inside();
    send(&mut h, Command::SelectTime(Some(range(3_000_000, 4_000_000))));
    press(&mut h, Key::Z);
    assert_eq!(shown(&mut h), range(3_000_000, 4_000_000));
    press(&mut h, Key::Backspace);
    assert_eq!(shown(&mut h), range(2_000_000, 6_000_000));
    press_with(&mut h, Modifiers::SHIFT, Key::Backspace);
    assert_eq!(shown(&mut h), range(3_000_000, 4_000_000));
    press(&mut h, Key::Num0);
    assert_eq!(shown(&mut h), state(&mut h).view.bounds);
}

#[test]
fn zoom_and_pan_by_wheel() {
    let mut h = inside();
    let before = shown(&mut h);
    let canvas = h.get_by_label("Control flow timeline").rect().center();
    h.hover_at(canvas);
    h.run_steps(2);
    let wheel = |h: &mut Window, delta: egui::Vec2, modifiers: Modifiers| {
        h.event_modifiers(
            egui::Event::MouseWheel {
                unit: egui::MouseWheelUnit::Point,
                delta,
                phase: egui::TouchPhase::Move,
                source: egui::MouseWheelSource::Wheel,
                modifiers,
            },
            modifiers,
        );
        h.run_steps(12);
    };
    wheel(&mut h, egui::vec2(0.0, 40.0), Modifiers::COMMAND);
    let near = shown(&mut h);
    assert!(near.length() < before.length(), "Ctrl+wheel zooms");
    wheel(&mut h, egui::vec2(0.0, -40.0), Modifiers::SHIFT);
    let moved = shown(&mut h);
    assert_eq!(moved.length(), near.length());
    assert_ne!(moved, near, "Shift+wheel moves");
    wheel(&mut h, egui::vec2(40.0, 0.0), Modifiers::NONE);
    assert_ne!(shown(&mut h), moved, "the wheel sideways moves");
    let before = shown(&mut h);
    h.event(egui::Event::Zoom(1.5));
    h.run_steps(4);
    assert!(shown(&mut h).length() < before.length(), "pinching zooms");
}

#[test]
fn pan() {
    for (modifiers, left, right) in
        [(Modifiers::NONE, Key::A, Key::D), (Modifiers::COMMAND, Key::ArrowLeft, Key::ArrowRight)]
    {
        let mut h = inside();
        let before = shown(&mut h);
        press_with(&mut h, modifiers, left);
        let there = shown(&mut h);
        assert!(there.begin < before.begin && there.length() == before.length(), "{left:?}");
        press_with(&mut h, modifiers, right);
        assert_eq!(shown(&mut h), before, "{right:?}");
    }
}

#[test]
fn rows_are_selected() {
    let mut h = inside();
    press(&mut h, Key::Home);
    let first = cursor(&mut h).0;
    assert!(first.is_some());
    press(&mut h, Key::ArrowDown);
    let second = cursor(&mut h).0;
    assert_ne!(second, first);
    press(&mut h, Key::ArrowUp);
    assert_eq!(cursor(&mut h).0, first);
    press(&mut h, Key::End);
    let last = cursor(&mut h).0;
    assert_ne!(last, first);
    press(&mut h, Key::PageUp);
    assert_ne!(cursor(&mut h).0, last);
    press(&mut h, Key::PageDown);
    assert_eq!(cursor(&mut h).0, last);
}

#[test]
fn walking() {
    let mut h = inside();
    select(&mut h, 100, 2_500_000);
    press(&mut h, Key::ArrowRight);
    assert_eq!(cursor(&mut h), (Some(100), Some(3_000_000)));
    press(&mut h, Key::ArrowLeft);
    assert_eq!(cursor(&mut h), (Some(100), Some(2_000_000)));
    select(&mut h, 100, 1_000_000);
    press_with(&mut h, Modifiers::SHIFT, Key::ArrowRight);
    assert_eq!(cursor(&mut h), (Some(100), Some(6_500_000)), "the same state again");
    press_with(&mut h, Modifiers::SHIFT, Key::ArrowLeft);
    assert_eq!(cursor(&mut h), (Some(100), Some(0)));

    send(&mut h, Command::SelectRow(None));
    send(&mut h, Command::SelectTime(Some(range(25_000, 25_000))));
    press(&mut h, Key::Period);
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(3));
    press(&mut h, Key::Comma);
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(2));

    select(&mut h, 401, 1_000_000);
    press(&mut h, Key::F);
    assert_eq!(cursor(&mut h), (Some(400), Some(3_000_000)), "the CPU goes on with another thread");
    select(&mut h, 100, 6_100_000);
    press(&mut h, Key::Enter);
    assert_eq!(cursor(&mut h), (Some(401), Some(5_990_000)), "to the waker");
}

#[test]
fn find_and_commands() {
    for (modifiers, key) in [(Modifiers::NONE, Key::Slash), (Modifiers::COMMAND, Key::F)] {
        let mut h = inside();
        press_with(&mut h, modifiers, key);
        assert!(h.get_by_label("Find").is_focused(), "{key:?}");
        press(&mut h, Key::Escape);
        assert!(!state(&mut h).finding);
    }
    for modifiers in [Modifiers::COMMAND, Modifiers::COMMAND | Modifiers::SHIFT] {
        let mut h = inside();
        press_with(&mut h, modifiers, Key::P);
        assert_eq!(state(&mut h).overlay, Overlay::Palette);
    }
    let mut h = inside();
    press(&mut h, Key::Questionmark);
    assert_eq!(state(&mut h).overlay, Overlay::Keys);
}

#[test]
fn alt_leaves_the_ends_of_a_range_where_they_are() {
    let mut h = inside();
    send(&mut h, Command::SelectRow(Some(thread(100))));
    let axis = h.get_all_by_label("Time axis").next().unwrap().rect();
    // bash leaves its system call at 3 ms: a quarter of the way, and a little more.
    let at = |share: f32| egui::pos2(axis.left() + axis.width() * share, axis.center().y);
    let mut drag = |modifiers: Modifiers| {
        h.event(egui::Event::PointerMoved(at(0.6)));
        h.event(egui::Event::PointerButton {
            pos: at(0.6),
            button: egui::PointerButton::Primary,
            pressed: true,
            modifiers,
        });
        h.run_steps(1);
        for share in [0.4, 0.2525] {
            h.event_modifiers(egui::Event::PointerMoved(at(share)), modifiers);
            h.run_steps(1);
        }
        h.event_modifiers(
            egui::Event::PointerButton {
                pos: at(0.2525),
                button: egui::PointerButton::Primary,
                pressed: false,
                modifiers,
            },
            modifiers,
        );
        settle(&mut h);
        state(&mut h).view.range().unwrap()
    };
    assert_eq!(drag(Modifiers::NONE).begin, RefNs(3_000_000), "it snaps to the edge");
    let free = drag(Modifiers::ALT).begin;
    assert!(free != RefNs(3_000_000) && (free - RefNs(3_000_000)).0.abs() < Dur(40_000).0, "{free:?}");
}

#[test]
fn escape_closes_a_menu_and_nothing_below_it() {
    let mut h = inside();
    select(&mut h, 100, 3_000_000);
    let before = cursor(&mut h);
    assert!(before.1.is_some());
    h.get_by_label("Edit ⏷").click();
    h.run_steps(3);
    assert!(h.query_by_label_contains("Clear the markers").is_some());
    press(&mut h, Key::Escape);
    assert!(h.query_by_label_contains("Clear the markers").is_none());
    assert_eq!(cursor(&mut h), before);
    // What a key does is done in place of what a menu offers.
    h.get_by_label("Edit ⏷").click();
    h.run_steps(3);
    press_with(&mut h, Modifiers::COMMAND, Key::P);
    assert_eq!(state(&mut h).overlay, Overlay::Palette);
    assert!(!egui::Popup::is_any_open(&h.ctx));
}

#[test]
fn menus_name_each_command_once_and_have_the_height_of_the_window() {
    let mut h = inside();
    h.get_by_label("Open ⏷").click();
    h.run_steps(3);
    assert_eq!(h.query_all_by_label_contains("Open another folder beside this one").count(), 1);
    press(&mut h, Key::Escape);
    h.get_by_label("View ⏷").click();
    h.run_steps(3);
    // A long one reaches as far down as the window does.
    let below = h.get_by_label("View ⏷").rect().center_bottom() + egui::vec2(40.0, 900.0);
    assert_eq!(h.ctx.layer_id_at(below).map(|layer| layer.order), Some(egui::Order::Foreground));
}
