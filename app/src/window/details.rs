//! The panel on the right: what the selected state is, and where the time of the selected range went.

use egui::accesskit::Role;
use egui::{Align2, Button, RichText, ScrollArea, Ui, WidgetInfo, vec2};
use stratoscope_core::vocab::{Dur, RefNs, RowKind, State, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, PickedEvent, RowRef};
use crate::window::event_pages::EventPages;
use crate::window::export::{ExportCommand, Writing};
use crate::window::flow::answer::task_of;
use crate::window::frame::FrameContext;
use crate::window::help::{HelpCommand, Topic};
use crate::window::layout::PaneKind;
use crate::window::navigate;
use crate::window::own::{MarkCommand, RowCommand};
use crate::window::parts::{heading_ui, icon_button_ui, line_ui, pair_ui, share_bar_ui, swatch, swatch_ui};
use crate::window::relations;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::describe;
use crate::window::timeline::lane::Interval;
use crate::window::words;

/// The width of the panel at first.
pub const WIDTH: f32 = 264.0;

/// In narrower windows there is no such panel: rows come first.
pub const FROM: f32 = 1080.0;

/// The panel's memory between frames.
#[derive(Default)]
pub struct Details {
    /// Whether there is a waker to go to, for a version of the rows, a row and an instant: finding that out may
    /// mean to look through many wake-ups.
    waker: Option<(WakerKey, bool)>,
}

/// The room that a state's name leaves to the question mark behind it.
const HELP_ROOM: f32 = 36.0;

type WakerKey = (u64, RowRef, RefNs);

impl Details {
    fn has_waker(&mut self, cx: &FrameContext<'_>, row: RowRef, t: RefNs) -> bool {
        let scene = &cx.state.scene;
        let key = (scene.version, row, t);
        if let Some((known, has)) = self.waker
            && known == key
        {
            return has;
        }
        let wakeup = navigate::wakeup_of(scene, row, t);
        let waker = scene.machine(row.machine).zip(wakeup).and_then(|(m, w)| navigate::waker_row(m, &w));
        self.waker = Some((key, waker.is_some()));
        waker.is_some()
    }

    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, events: &EventPages) {
        details_ui(ui, cx, events, self);
    }
}

fn details_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, events: &EventPages, details: &mut Details) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let row = cx.state.view.row;
        let instant = cx.state.view.selection.map(|s| s.begin);
        match (row, instant) {
            (Some(row), Some(t)) => {
                heading_ui(ui, cx.theme, "State");
                match navigate::interval_at(&cx.state.scene, row, t) {
                    Some(interval) => interval_ui(ui, cx, row, &interval, details),
                    None => {
                        let name = words::row_place(&cx.state.scene, row);
                        ui.label(RichText::new(name).strong());
                        ui.label(RichText::new("Nothing is known of it at this instant.").color(cx.theme.secondary));
                    }
                }
            }
            (Some(row), None) => {
                heading_ui(ui, cx.theme, "Row");
                row_ui(ui, cx, row);
            }
            (None, _) => {
                heading_ui(ui, cx.theme, "Details");
                ui.label(RichText::new("Click a state to see what it is.").color(cx.theme.secondary));
                ui.add_space(Sizes::GRID);
                let text = "Drag on the time axis, or with Shift in the rows, to select a range.";
                ui.label(RichText::new(text).color(cx.theme.secondary));
            }
        }
        if let Some(event) = cx.state.event {
            event_ui(ui, cx, event, events);
        }
        if let (Some(row), Some(range)) = (row, cx.state.view.range()) {
            totals_ui(ui, cx, row, range);
        }
        ui.add_space(Sizes::GRID);
    });
}

fn row_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, row: RowRef) {
    let scene = &cx.state.scene;
    ui.label(RichText::new(words::row_name(scene, row)).size(Sizes::HEADING).strong());
    ui.add_space(Sizes::GRID / 2.0);
    relations_ui(ui, cx, row);
    ui.add_space(Sizes::GRID);
    buttons_ui(ui, |ui| flow_ui(ui, cx, row));
}

/// The room of buttons: as many stand beside each other as fit, so that what follows them is seen.
fn buttons_ui(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        add(ui);
    });
}

/// Of a task the button to its flow; beside a flow those that lead back to the other views.
fn flow_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, row: RowRef) {
    if task_of(&cx.state.scene.facts, row).is_none() {
        return;
    }
    let hint = cx.keymap.hint("flow");
    button_ui(ui, cx, "Execution flow of this task", &hint, true, Command::ShowFlow(Some(row)));
    if !cx.state.panes.contains(&PaneKind::ExecutionFlow) {
        return;
    }
    let threads = cx.state.pane_of(row).filter(|kind| matches!(kind, PaneKind::ControlFlow(_)));
    let threads = threads.unwrap_or(PaneKind::ControlFlow(None));
    button_ui(ui, cx, "Show in Control flow", "", true, Command::ShowPane(threads));
    if cx.state.scene.enters_guests {
        button_ui(ui, cx, "Show in Virtual machines", "", true, Command::ShowPane(PaneKind::VirtualMachines));
    }
}

fn relations_ui(ui: &mut Ui, cx: &FrameContext<'_>, row: RowRef) {
    let scene = &cx.state.scene;
    let Some((machine, _, scene_row)) = scene.row(row) else { return };
    if scene.machines.len() > 1 {
        pair_ui(ui, cx.theme, "machine", &machine.name);
    }
    let at = machine.map.from_ref(cx.state.view.instant());
    let named = |tid: stratoscope_core::vocab::Tid| match machine.thread(tid, at) {
        Some((_, found)) => words::row_name(scene, RowRef { machine: machine.id, key: found.key }),
        None => format!("process {}", tid.0),
    };
    if let Some(process) = scene_row.process.filter(|p| p.0 != row.key.id) {
        pair_ui(ui, cx.theme, "process", &named(process));
    }
    if let Some(parent) = scene_row.parent.filter(|p| p.0 > 0) {
        pair_ui(ui, cx.theme, "parent", &named(parent));
    }
}

fn interval_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, row: RowRef, interval: &Interval, details: &mut Details) {
    let scene = &cx.state.scene;
    let theme = cx.theme;
    let look = theme.state(interval.look.state);
    let clock = cx.state.clock();
    let Some(span) = navigate::span(scene, row, interval) else { return };
    ui.add_space(2.0);
    let mut asked = false;
    ui.horizontal(|ui| {
        swatch_ui(ui, theme, interval.look.state);
        let name = RichText::new(&*look.name).size(Sizes::HEADING).strong();
        // A long name is broken: one that is wider than the panel would push all panes aside.
        let room = ui.available_width() - HELP_ROOM;
        ui.vertical(|ui| {
            ui.set_max_width(room);
            ui.add(egui::Label::new(name).wrap());
        });
        if icon_button_ui(ui, "?", "What is this state?", "What this state means, in Help", true).clicked() {
            asked = true;
        }
    });
    if asked {
        cx.send(Command::Help(HelpCommand::Show(Topic::State(interval.look.state))));
    }
    let scene = &cx.state.scene;
    ui.label(RichText::new(&*look.about).size(Sizes::SMALL).color(theme.secondary));
    ui.add_space(Sizes::GRID / 2.0);

    let name = words::row_name(scene, row);
    pair_ui(ui, theme, row_word(row.key.kind), &name);
    let description = describe(scene, row, interval, &clock, theme);
    for (word, text) in description.iter().flat_map(|d| &d.facts) {
        pair_ui(ui, theme, word, text);
    }
    relations_ui(ui, cx, row);
    let can_follow = details.has_waker(cx, row, span.begin);

    ui.add_space(Sizes::GRID);
    let margin = Dur((span.length().0 / 8).max(1));
    let window = TimeRange::new(span.begin - margin, span.end + margin);
    buttons_ui(ui, |ui| {
        button_ui(ui, cx, "Zoom to it", "", true, Command::SetWindow { window, remember: true });
        button_ui(ui, cx, "Select its time", "", true, Command::SelectTime(Some(span)));
        let hint = cx.keymap.hint("bookmark");
        button_ui(ui, cx, "Bookmark", &hint, true, Command::Mark(MarkCommand::Add));
        let hint = cx.keymap.hint("row-hide-others");
        button_ui(ui, cx, "Hide others", &hint, true, Command::Rows(RowCommand::HideOthers(Some(row))));
        button_ui(ui, cx, "Events here", "", true, Command::ShowPane(PaneKind::Events));
        if row.key.kind == RowKind::Thread {
            let hint = cx.keymap.hint("waker");
            button_ui(ui, cx, "Go to waker", &hint, can_follow, Command::FollowWaker);
        }
        flow_ui(ui, cx, row);
        across_ui(ui, cx, row, span.begin);
        let hint = cx.keymap.hint("follow");
        button_ui(ui, cx, "Follow the CPU", &hint, true, Command::FollowCpu);
        let t = cx.state.view.selection.map_or(span.begin, |s| s.begin);
        let copy = |writing| Command::Export(ExportCommand::CopyState(row, t, writing));
        button_ui(ui, cx, "Copy", &cx.keymap.hint("copy"), true, copy(Writing::Text));
        button_ui(ui, cx, "Copy as JSON", &cx.keymap.hint("copy-json"), true, copy(Writing::Json));
    });
}

/// What a row of that kind is called before its name.
fn row_word(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Thread => "thread",
        RowKind::VmThread => "inside a VM",
        _ => "row",
    }
}

/// Buttons to the same thing on other machines, and to who is to blame.
fn across_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, row: RowRef, begin: RefNs) {
    let scene = &cx.state.scene;
    let t = cx.state.view.selection.map_or(begin, |s| s.begin);
    let (taken, thread, vcpu) = (
        relations::go_to_culprit(scene, row, t).is_ok(),
        relations::go_to_thread(scene, row, t).is_ok_and(|place| place.row != row),
        relations::go_to_vcpu(scene, row, t).is_ok_and(|place| place.row != row),
    );
    let physical = row.key.kind == RowKind::PhysicalCpu;
    for (wanted, text, id, command) in [
        (taken && !physical, "Go to who took it", "culprit", Command::GoToCulprit),
        (taken && physical, "Go to what runs", "culprit", Command::GoToCulprit),
        (vcpu, "Go to the vCPU", "vcpu", Command::GoToVcpu),
        (thread, "Go to the host thread", "host-thread", Command::GoToHostThread),
    ] {
        if wanted {
            let hint = cx.keymap.hint(id);
            button_ui(ui, cx, text, &hint, true, command);
        }
    }
}

fn button_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, text: &str, hint: &str, enabled: bool, command: Command) {
    let button = ui.add_enabled(enabled, Button::new(text).min_size(vec2(0.0, 26.0)));
    let button = if hint.is_empty() { button } else { button.on_hover_text(hint).on_disabled_hover_text(hint) };
    if button.clicked() {
        cx.send(command);
    }
}

fn event_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, event: PickedEvent, events: &EventPages) {
    let Some(line) = events.line(event.row) else { return };
    heading_ui(ui, cx.theme, "Event");
    ui.label(RichText::new(&*line.name).strong());
    let clock = cx.state.clock();
    pair_ui(ui, cx.theme, "time", &clock.instant(line.t));
    pair_ui(ui, cx.theme, "CPU", &line.cpu.known().map_or_else(String::new, |n| n.to_string()));
    for part in line.text.split("  ").filter(|p| !p.trim().is_empty()) {
        match part.split_once('=') {
            Some((name, value)) => pair_ui(ui, cx.theme, name.trim_start_matches([' ', '[']), value),
            None => pair_ui(ui, cx.theme, "", part.trim_matches([' ', '[', ']'])),
        }
    }
    ui.add_space(Sizes::GRID / 2.0);
    let copy = |writing| Command::Export(ExportCommand::CopyEvent(event.row, writing));
    buttons_ui(ui, |ui| {
        button_ui(ui, cx, "Copy event", "", true, copy(Writing::Text));
        button_ui(ui, cx, "Copy event as JSON", "", true, copy(Writing::Json));
    });
}

/// A state, how long, and how much of the whole: in columns.
fn total_ui(ui: &mut Ui, theme: &Theme, state: State, ns: i64, share: f64) {
    let name = &theme.state(state).name;
    let (time, percent) = (duration(Dur(ns)), format!("{:.1} %", share * 100.0));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), Sizes::ROW), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name} {time} {percent}")));
    let (words, numbers) = rect.split_left_right_at_x(rect.right() - 130.0);
    let square = egui::Rect::from_center_size(words.left_center() + vec2(7.0, 0.0), vec2(14.0, 12.0));
    let painter = ui.painter();
    swatch(painter, square, theme, state);
    let mut words = words;
    words.min.x = square.right() + Sizes::GRID;
    let cut = line_ui(painter, words, Align2::LEFT_CENTER, name, Theme::body_font(), theme.text);
    let (times, shares) = numbers.split_left_right_at_x(numbers.right() - 54.0);
    line_ui(painter, times, Align2::RIGHT_CENTER, &time, Theme::body_font(), theme.text);
    let loud = matches!(state, State::Preempted | State::PreemptedByHost);
    let color = if loud { theme.alarm } else { theme.secondary };
    line_ui(painter, shares, Align2::RIGHT_CENTER, &percent, Theme::body_font(), color);
    if cut {
        response.on_hover_text(&**name);
    }
}

fn totals_ui(ui: &mut Ui, cx: &FrameContext<'_>, row: RowRef, range: TimeRange<RefNs>) {
    let scene = &cx.state.scene;
    let Some((machine, _, scene_row)) = scene.row(row) else { return };
    let mut sums = [0_i64; State::COUNT];
    scene_row.lane.sums(machine.to_machine(range), &mut sums);
    let mut parts: Vec<(State, i64)> = State::ALL
        .iter()
        .filter(|s| **s != State::None)
        .map(|s| (*s, sums[*s as usize]))
        .filter(|(_, ns)| *ns > 0)
        .collect();
    parts.sort_by_key(|(state, ns)| (std::cmp::Reverse(*ns), *state));
    let whole = range.length().0.max(1) as f64;

    heading_ui(ui, cx.theme, "Selection");
    ui.horizontal(|ui| {
        ui.label(RichText::new(duration(range.length())).strong());
        let name = RichText::new(words::row_place(scene, row)).color(cx.theme.secondary);
        ui.add(egui::Label::new(name).truncate());
    });
    ui.add_space(2.0);
    let shares: Vec<(State, f64)> = parts.iter().map(|(s, ns)| (*s, *ns as f64 / whole)).collect();
    share_bar_ui(ui, cx.theme, &shares, 10.0);
    ui.add_space(Sizes::GRID / 2.0);
    for (state, ns) in parts {
        total_ui(ui, cx.theme, state, ns, ns as f64 / whole);
    }
}
