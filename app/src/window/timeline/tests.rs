//! The widget as a user and a screen reader find it: by labels.

use egui::accesskit::Role;
use egui::{Event, Modifiers, MouseWheelUnit, Pos2, TouchPhase, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use stratoscope_core::vocab::{MachineId, RefNs, RowKey, State, Tid, TimeRange};

use super::*;
use crate::window::own::RowCommand;
use crate::window::timeline::rows::RowSet;

struct App {
    timeline: Timeline,
    scene: Scene,
    view: View,
    shared: Shared,
    hovered: Option<Hovered>,
    sent: Vec<Command>,
}

impl App {
    fn ui(&mut self, ui: &mut Ui) {
        let input = Input {
            scene: &self.scene,
            view: &self.view,
            theme: Theme::dark(),
            format: TimeFormat::Relative,
            focused: true,
            overlay: None,
        };
        let output = self.timeline.ui(ui, &input, &mut self.shared);
        self.hovered = output.hovered;
        for command in output.commands {
            carry_out(&mut self.view, &command);
            self.sent.push(command);
        }
    }
}

/// What the window does with commands, as far as a timeline sends them.
fn carry_out(view: &mut View, command: &Command) {
    match command {
        Command::SetWindow { window, remember } => view.set_window(*window, *remember),
        Command::SelectTime(selection) => view.selection = *selection,
        Command::SelectRow(row) => view.row = *row,
        Command::ToggleRow(row) => {
            if !view.collapsed.remove(row) {
                view.collapsed.insert(*row);
            }
        }
        Command::SetRowSearch(text) => {
            view.search.clone_from(text);
            view.find = Arc::new(crate::window::find::Find::new(text, &Default::default()));
        }
        Command::Rows(RowCommand::Sort(sort)) => Arc::make_mut(&mut view.own).rows.sort = *sort,
        Command::Rows(RowCommand::Put(place)) => Arc::make_mut(&mut view.own).rows.placed.push(*place),
        Command::ZoomAll => view.set_window(view.bounds, true),
        other => panic!("a timeline does not send {other:?}"),
    }
}

fn range(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a), RefNs(b))
}

/// 10 ms over 1000 points: 10 µs a point.
const NS_PER_POINT: i64 = 10_000;

fn harness(set: RowSet) -> Harness<'static, App> {
    let scene = fake::small();
    let bounds = range(-10_000_000, 20_000_000);
    let app = App {
        timeline: Timeline::new(set, None),
        scene,
        view: View::new(range(0, 10_000_000), bounds),
        shared: Shared { names_width: 200.0, ..Shared::default() },
        hovered: None,
        sent: Vec::new(),
    };
    let mut harness = Harness::builder()
        .with_size(vec2(1216.0, 300.0))
        .with_step_dt(1.0 / 60.0)
        .with_os(egui::os::OperatingSystem::Nix)
        .with_context_setup(|ctx| Theme::dark().apply(ctx))
        .build_ui_state(|ui, app: &mut App| app.ui(ui), app);
    harness.run();
    // What the harness leaves around the widget is none of ours: the states are exactly 1000 points wide.
    let width = harness.get_by_role_and_label(Role::Canvas, title(set)).rect().width();
    harness.state_mut().shared.names_width += width - 1000.0;
    harness.run();
    let width = harness.get_by_role_and_label(Role::Canvas, title(set)).rect().width();
    assert!((width - 1000.0).abs() < 0.01, "{width}");
    harness
}

fn title(set: RowSet) -> &'static str {
    match set {
        RowSet::ControlFlow => "Control flow timeline",
        RowSet::Resources => "Resources timeline",
        RowSet::VirtualMachines => "Virtual machines timeline",
        RowSet::PhysicalCpus => "Physical CPUs timeline",
        RowSet::Flow => "Execution flow timeline",
    }
}

/// The place of an instant on a row of the control flow.
fn place(h: &Harness<'_, App>, row: &str, t_us: i64) -> Pos2 {
    let canvas = h.get_by_label("Control flow timeline").rect();
    let row = h.get_by_role_and_label(Role::ListItem, row).rect();
    let begin = h.state().view.window.begin.0;
    pos2(canvas.left() + (t_us * 1000 - begin) as f32 / NS_PER_POINT as f32, row.center().y)
}

fn row(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

fn wheel(h: &mut Harness<'_, App>, delta: egui::Vec2, modifiers: Modifiers) {
    let event = Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta,
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers,
    };
    h.event_modifiers(event, modifiers);
    h.run_steps(40);
}

#[test]
fn rows_are_read_out_with_their_states() {
    let mut h = harness(RowSet::ControlFlow);
    h.state_mut().view.selection = Some(range(2_500_000, 2_500_000));
    h.run();
    let said: Vec<(String, Option<String>)> = h
        .query_all_by_role(Role::ListItem)
        .map(|n| (egui_kittest::kittest::NodeT::accesskit_node(&n).label().unwrap_or_default(), n.value()))
        .collect();
    let value = |label: &str| said.iter().find(|(l, _)| l == label).and_then(|(_, v)| v.clone());
    assert_eq!(value("thread bash 100").as_deref(), Some("Running in a system call, read"), "{said:?}");
    assert_eq!(value("thread CPU 0/KVM 401").as_deref(), Some("Running in user mode"));
    assert_eq!(value("thread qemu 400").as_deref(), Some("Blocked"));
    assert_eq!(h.get_by_label("Control flow timeline").value().as_deref(), Some("0.000 000 000 s to 0.010 000 000 s"));
}

#[test]
fn a_click_selects_row_and_instant() {
    let mut h = harness(RowSet::ControlFlow);
    let at = place(&h, "thread bash 100", 6_200);
    h.hover_at(at);
    h.drag_at(at);
    h.drop_at(at);
    h.run();
    assert_eq!(h.state().view.row, Some(row(100)));
    let selection = h.state().view.selection.unwrap();
    assert_eq!(selection.begin, selection.end);
    assert!((selection.begin.0 - 6_200_000).abs() <= NS_PER_POINT, "{selection:?}");
    assert_eq!(h.get_by_label("thread bash 100").value().as_deref(), Some("Waiting for a CPU"));
}

#[test]
fn a_double_click_zooms_to_the_state() {
    let mut h = harness(RowSet::ControlFlow);
    let at = place(&h, "thread bash 100", 2_500);
    for _ in 0..2 {
        h.drag_at(at);
        h.drop_at(at);
        h.step();
    }
    h.run();
    assert_eq!(h.state().view.window, range(1_800_000, 3_200_000));
}

#[test]
fn names_select_and_triangles_open() {
    let mut h = harness(RowSet::ControlFlow);
    h.get_by_label("thread cc1 300").click();
    h.run();
    assert_eq!(h.state().view.row, Some(row(300)));
    assert!(h.query_by_label("thread kworker/0:1 20").is_none());
    h.get_by_role_and_label(Role::Button, "Expand kernel threads").click();
    h.run();
    assert!(h.query_by_label("thread kworker/0:1 20").is_some());
    h.get_by_role_and_label(Role::Button, "Collapse make 200").click();
    h.run();
    assert!(h.query_by_label("thread cc1 300").is_none());
    assert!(h.query_by_label("Expand make 200").is_some());
}

#[test]
fn cpus_open_to_their_interrupts() {
    let mut h = harness(RowSet::Resources);
    h.get_by_role_and_label(Role::Button, "Expand CPU 0").click();
    h.run();
    assert!(h.query_by_label("IRQ 14 ata_piix on CPU 0").is_some());
    assert!(h.query_by_label("softirq network receive on CPU 0").is_some());
}

#[test]
fn the_wheel_zooms_at_the_pointer() {
    let mut h = harness(RowSet::ControlFlow);
    let at = place(&h, "thread bash 100", 3_000);
    h.hover_at(at);
    h.run();
    let before = h.state().hovered.unwrap().t;
    wheel(&mut h, vec2(0.0, 120.0), Modifiers::COMMAND);
    let window = h.state().view.window;
    assert!(window.length().0 < 9_000_000, "{window:?}");
    let after = h.state().hovered.unwrap().t;
    assert!((after - before).0.abs() < 1_000, "{before:?} {after:?}");
    // One gesture is one step of the history.
    let remembered = h.state().sent.iter().filter(|c| matches!(c, Command::SetWindow { remember: true, .. }));
    assert_eq!(remembered.count(), 1);
}

#[test]
fn the_wheel_moves_sideways_with_shift() {
    let mut h = harness(RowSet::ControlFlow);
    h.hover_at(place(&h, "thread bash 100", 3_000));
    h.run();
    wheel(&mut h, vec2(0.0, -50.0), Modifiers::SHIFT);
    let window = h.state().view.window;
    assert_eq!(window.length().0, 10_000_000);
    assert!(window.begin.0 > 0, "{window:?}");
}

#[test]
fn a_drag_pans_exactly() {
    let mut h = harness(RowSet::ControlFlow);
    let at = place(&h, "thread bash 100", 5_000);
    h.hover_at(at);
    h.run();
    h.drag_at(at);
    h.step();
    for x in [-20.0, -50.0, -100.0] {
        h.hover_at(at + vec2(x, 3.0));
        h.step();
    }
    h.drop_at(at + vec2(-100.0, 3.0));
    h.run();
    assert_eq!(h.state().view.window, range(1_000_000, 11_000_000));
    assert_eq!(h.state().view.row, None, "a drag is no click");
    // The last motion arrives together with the release: it counts.
    let at = place(&h, "thread bash 100", 5_000);
    h.drag_at(at);
    h.step();
    h.hover_at(at + vec2(30.0, 0.0));
    h.step();
    h.input_mut().events.push(Event::PointerMoved(at + vec2(200.0, 0.0)));
    h.drop_at(at + vec2(200.0, 0.0));
    h.run();
    assert_eq!(h.state().view.window, range(-1_000_000, 9_000_000));
}

#[test]
fn a_press_and_motions_in_one_frame_lose_nothing() {
    let mut h = harness(RowSet::ControlFlow);
    let at = place(&h, "thread bash 100", 5_000);
    h.hover_at(at);
    h.run();
    let events = &mut h.input_mut().events;
    events.push(Event::PointerButton {
        pos: at,
        button: egui::PointerButton::Primary,
        pressed: true,
        modifiers: Modifiers::NONE,
    });
    events.push(Event::PointerMoved(at + vec2(-40.0, 0.0)));
    events.push(Event::PointerMoved(at + vec2(-70.0, 0.0)));
    h.step();
    h.hover_at(at + vec2(-100.0, 0.0));
    h.step();
    h.drop_at(at + vec2(-100.0, 0.0));
    h.run();
    assert_eq!(h.state().view.window, range(1_000_000, 11_000_000));
}

#[test]
fn a_drag_with_shift_selects_from_edge_to_edge() {
    let mut h = harness(RowSet::ControlFlow);
    // bash calls read from 2000 to 3000 µs; both ends are missed by a few points.
    let (from, to) = (place(&h, "thread bash 100", 2_040), place(&h, "thread bash 100", 2_960));
    h.hover_at(from);
    h.run();
    h.key_down_modifiers(Modifiers::SHIFT, egui::Key::F20);
    let press = |h: &Harness<'_, App>, pos, pressed| {
        h.event_modifiers(
            Event::PointerButton { pos, button: egui::PointerButton::Primary, pressed, modifiers: Modifiers::SHIFT },
            Modifiers::SHIFT,
        );
    };
    press(&h, from, true);
    h.step();
    for pos in [from + vec2(20.0, 0.0), to] {
        h.event_modifiers(Event::PointerMoved(pos), Modifiers::SHIFT);
        h.step();
    }
    press(&h, to, false);
    h.run();
    assert_eq!(h.state().view.selection, Some(range(2_000_000, 3_000_000)));
    assert_eq!(h.state().view.window, range(0, 10_000_000));
}

#[test]
fn a_drag_on_the_axis_selects_and_a_double_click_shows_all() {
    let mut h = harness(RowSet::ControlFlow);
    let axis = h.get_by_label("Time axis").rect();
    let at = |x: f32| pos2(axis.left() + x, axis.center().y);
    h.hover_at(at(100.0));
    h.run();
    h.drag_at(at(100.0));
    h.step();
    h.hover_at(at(300.0));
    h.step();
    h.drop_at(at(400.0));
    h.run();
    assert_eq!(h.state().view.selection, Some(range(1_000_000, 4_000_000)));
    for _ in 0..2 {
        h.drag_at(at(500.0));
        h.drop_at(at(500.0));
        h.step();
    }
    h.run();
    assert_eq!(h.state().view.window, h.state().view.bounds);
}

#[test]
fn a_resting_pointer_is_told_what_it_is_on() {
    let mut h = harness(RowSet::ControlFlow);
    h.hover_at(place(&h, "thread bash 100", 6_200));
    h.run_steps(30);
    for text in ["Waiting for a CPU", "bash 100", "500 µs", "CPU 0/KVM 401 on CPU 1", "0.006 000 000 s"] {
        assert!(h.query_by_label(text).is_some(), "the tooltip lacks {text:?}");
    }
    assert_eq!(h.state().hovered.unwrap().interval.unwrap().look.state, State::WaitingCpu);
    h.hover_at(place(&h, "thread bash 100", 2_500));
    h.run_steps(30);
    assert!(h.query_by_label("read").is_some());
}

#[test]
fn searching_dims_and_steps_through_what_it_finds() {
    let mut h = harness(RowSet::ControlFlow);
    h.state_mut().timeline.focus_search();
    h.run();
    h.get_by_label("Find rows").type_text("k");
    h.run();
    assert_eq!(h.state().view.search, "k");
    let found = |h: &Harness<'_, App>, from| h.state().timeline.step_match(from, Direction::Forward);
    assert_eq!(h.state().timeline.matches(), (4, 8));
    let first = found(&h, None);
    assert_eq!(first, Some(row(401)));
    // The next one is in the closed folder: selecting it opens the folder.
    let mut seen = vec![first];
    for _ in 0..3 {
        seen.push(found(&h, *seen.last().unwrap()));
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.contains(&Some(row(20))), "{seen:?}");
    h.state_mut().view.row = Some(row(20));
    h.run();
    assert!(h.query_by_label("thread kworker/0:1 20").is_some());
}

#[test]
fn keys_step_through_rows_that_are_shown() {
    let h = harness(RowSet::ControlFlow);
    let step = |from, step| h.state().timeline.step_row(from, step);
    let first = step(None, RowStep::One(Direction::Forward));
    assert_eq!(first, step(None, RowStep::End(Direction::Back)));
    let second = step(first, RowStep::One(Direction::Forward));
    assert_ne!(first, second);
    assert_eq!(step(second, RowStep::One(Direction::Back)), first);
    let last = step(None, RowStep::End(Direction::Forward));
    assert_eq!(step(last, RowStep::Page(Direction::Forward)), last);
}

#[test]
fn idle_rows_can_be_hidden_but_parents_of_busy_ones_stay() {
    let mut h = harness(RowSet::ControlFlow);
    h.state_mut().view.set_window(range(5_100_000, 5_200_000), false);
    h.state_mut().view.hide_idle = true;
    h.run_steps(30);
    assert!(h.query_by_label("thread CPU 0/KVM 401").is_some());
    assert!(h.query_by_label("thread qemu 400").is_some());
    assert!(h.query_by_label("thread bash 100").is_none());
}

#[test]
fn a_frame_in_which_nothing_changed_computes_nothing() {
    let mut h = harness(RowSet::ControlFlow);
    h.run();
    h.step();
    let stats = h.state().timeline.stats();
    assert!(!stats.rebuilt && stats.rows_computed == 0 && stats.quads > 10, "{stats:?}");
    h.hover_at(place(&h, "thread bash 100", 6_200));
    h.run();
    h.step();
    assert!(!h.state().timeline.stats().rebuilt, "the pointer alone changes no states");
}

/// The picture of the story of two guests: what it must show is tested by colour; with `STRATOSCOPE_PICTURES` set
/// to a folder, the pictures are written there.
#[test]
fn the_picture_shows_who_was_preempted() {
    for (theme, ppp) in [(Theme::dark(), 1.0), (Theme::light(), 1.0), (Theme::dark(), 2.0)] {
        let scene = fake::fighting();
        let kvm = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(900), 0) };
        let mut view = View::new(range(1_000_000, 45_000_000), range(0, 46_000_000));
        view.row = Some(kvm);
        view.selection = Some(range(26_000_000, 31_000_000));
        let mut flow = Timeline::new(RowSet::ControlFlow, None);
        let mut resources = Timeline::new(RowSet::Resources, None);
        let mut overview = crate::window::overview::Overview::default();
        let mut shared = Shared { hover: Some(RefNs(12_300_000)), ..Shared::default() };
        let size = [(1100.0 * ppp) as u32, (560.0 * ppp) as u32];
        let mut headless = crate::raster::Headless::new(size, ppp).with_background(theme.panel);
        theme.apply(headless.ctx());
        let mut quads = 0;
        let picture = headless.render(|ui| {
            shared.hover = Some(RefNs(12_300_000));
            let input =
                Input { scene: &scene, view: &view, theme, format: TimeFormat::Clock, focused: true, overlay: None };
            overview.ui(ui, &input, &mut shared);
            let rest = ui.available_rect_before_wrap();
            let (above, below) = rest.split_top_bottom_at_fraction(0.66);
            ui.scope_builder(UiBuilder::new().max_rect(above), |ui| flow.ui(ui, &input, &mut shared));
            ui.scope_builder(UiBuilder::new().max_rect(below), |ui| resources.ui(ui, &input, &mut shared));
            quads = flow.stats().quads + resources.stats().quads;
        });
        assert!(quads > 100 && quads < MAX_QUADS, "{quads}");
        let red = theme.state(State::Preempted).color.to_array();
        let count = picture.image.pixels().filter(|p| p.0 == red).count();
        assert!(count > 2000, "{}: {count} pixels are red", theme.name);
        if let Some(folder) = std::env::var_os("STRATOSCOPE_PICTURES") {
            let path = std::path::Path::new(&folder).join(format!("timeline-{}-{ppp}.png", theme.name));
            crate::raster::save_png(&path, &picture.image).unwrap();
        }
    }
}
