//! The strip above everything: how many events each machine has over the whole time, and which part is shown.
//!
//! It is the map. Dragging the frame moves the window, dragging its edges resizes it, dragging elsewhere makes a
//! new one, a click centres it.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{CursorIcon, Pos2, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vocab::{Dur, RefNs, TimeRange};

use crate::window::axis::{TimeScale, duration, snap};
use crate::window::command::Command;
use crate::window::own::MarkCommand;
use crate::window::own::axis_marks::{Mark, mark_at, marks_of, sign};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::mesh::Painting;
use crate::window::timeline::scene::{Scene, SceneMachine};
use crate::window::timeline::{Input, Shared, not_read};
use crate::window::view::MIN_WINDOW;

/// Width of a bar in points.
const BAR: f32 = 3.0;
/// Room around the strip's content.
const MARGIN: f32 = 4.0;

/// What a drag does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Grip {
    /// Moves the window.
    Move,
    /// Moves its begin.
    Begin,
    /// Moves its end.
    End,
    /// Makes a new one.
    New,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Drag {
    grip: Grip,
    press: RefNs,
    window: TimeRange<RefNs>,
    fresh: bool,
}

#[derive(Clone, PartialEq)]
struct Key {
    scene: u64,
    rect: Rect,
    range: TimeRange<RefNs>,
    theme: String,
}

/// The strip's memory between frames.
#[derive(Default)]
pub struct Overview {
    drag: Option<Drag>,
    key: Option<Key>,
    mesh: Arc<egui::Mesh>,
}

impl Overview {
    /// Draws the strip over the width that is left, [`Sizes::OVERVIEW`] high.
    pub fn ui(&mut self, ui: &mut Ui, input: &Input<'_>, shared: &mut Shared) -> Vec<Command> {
        let size = vec2(ui.available_width(), Sizes::OVERVIEW);
        let (outer, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        let rect = outer.shrink(MARGIN);
        let scale = TimeScale::new(input.view.bounds, rect);
        let clock = input.clock();
        response.widget_info(|| {
            let window = input.view.window;
            let mut info = WidgetInfo::labeled(Role::Canvas, true, "Overview");
            info.current_text_value = Some(format!(
                "{} to {} of {}",
                clock.instant(window.begin),
                clock.instant(window.end),
                duration(input.view.bounds.length())
            ));
            info
        });
        let mut commands = Vec::new();
        self.pointer(ui, &response, &scale, input, &mut commands);
        self.paint(ui, outer, rect, &scale, input);
        self.paint_over(ui, outer, rect, &scale, input, shared);
        let marks = marks_of(&input.view.own, input.scene);
        flags_ui(ui, &marks, &scale, rect, &mut commands);
        if let Some(mark) = response.hover_pos().and_then(|pos| mark_at(&marks, &scale, pos.x)) {
            response.clone().on_hover_text_at_pointer(&mark.hint);
        }
        if let Some(pos) = response.hover_pos() {
            let t = scale.t(pos.x);
            if shared.hover != Some(t) {
                ui.request_repaint();
            }
            shared.hover = Some(t);
        }
        if !commands.is_empty() {
            ui.request_repaint();
        }
        commands
    }

    fn pointer(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        scale: &TimeScale,
        input: &Input<'_>,
        out: &mut Vec<Command>,
    ) {
        let window = input.view.window;
        if let Some(pos) = response.hover_pos().filter(|_| self.drag.is_none()) {
            ui.set_cursor_icon(match grip_at(pos, scale, window) {
                Grip::Move => CursorIcon::Grab,
                Grip::Begin | Grip::End => CursorIcon::ResizeHorizontal,
                Grip::New => CursorIcon::Crosshair,
            });
        }
        if response.drag_started() {
            self.drag = ui.input(|i| i.pointer.press_origin()).map(|press| Drag {
                grip: grip_at(press, scale, window),
                press: scale.t(press.x),
                window,
                fresh: true,
            });
        }
        if let (Some(mut drag), Some(pos)) = (self.drag, response.interact_pointer_pos()) {
            let to = drag.to(scale.t(pos.x.clamp(scale.left, scale.left + scale.width)));
            if to != window {
                out.push(Command::SetWindow { window: to, remember: drag.fresh });
                drag.fresh = false;
            }
            self.drag = (!response.drag_stopped()).then_some(drag);
        }
        if !(response.dragged() || response.drag_stopped()) {
            self.drag = None;
        }
        if response.clicked()
            && let Some(pos) = response.interact_pointer_pos()
        {
            let half = Dur(window.length().0 / 2);
            let begin = scale.t(pos.x) - half;
            let window = TimeRange::new(begin, begin + window.length());
            out.push(Command::SetWindow { window, remember: true });
        }
        if response.hovered() {
            let (zoom, pos) = ui.input(|i| (i.zoom_delta(), i.pointer.hover_pos()));
            if zoom != 1.0 && pos.is_some() {
                out.push(Command::Zoom { factor: f64::from(zoom), at: None });
            }
        }
    }

    /// What changes only with the scene.
    fn paint(&mut self, ui: &Ui, outer: Rect, rect: Rect, scale: &TimeScale, input: &Input<'_>) {
        let theme = input.theme;
        let painter = ui.painter_at(outer);
        painter.rect_filled(outer, f32::from(Sizes::CORNER), theme.panel);
        let key = Key { scene: input.scene.version, rect, range: input.view.bounds, theme: theme.name.clone() };
        if self.key.as_ref() != Some(&key) {
            self.key = Some(key);
            self.mesh = Arc::new(bars(rect, scale, input.scene, theme).mesh);
        }
        painter.add(egui::Shape::mesh(Arc::clone(&self.mesh)));
    }

    /// Window, selection and cursor.
    fn paint_over(&self, ui: &Ui, outer: Rect, rect: Rect, scale: &TimeScale, input: &Input<'_>, shared: &Shared) {
        let theme = input.theme;
        let painter = ui.painter_at(outer);
        if let Some((x0, x1)) = input.view.selection.and_then(|s| scale.span(s)) {
            let band = Rect::from_x_y_ranges(x0..=x1.max(x0 + 1.0), rect.y_range());
            painter.rect_filled(band, 0.0, theme.accent.gamma_multiply(0.5));
        }
        if let Some(t) = shared.hover {
            let x = snap(&painter, scale.x(t));
            painter.vline(x, rect.y_range(), Stroke::new(1.0, theme.secondary.gamma_multiply(0.7)));
        }
        for mark in marks_of(&input.view.own, input.scene) {
            sign(&painter, rect, scale, &mark, theme);
        }
        let frame = frame_of(scale, input.view.window, outer);
        if input.view.window != input.view.bounds {
            let veil = theme.ground.gamma_multiply(0.55);
            painter.rect_filled(Rect::from_min_max(outer.min, pos2(frame.left(), outer.bottom())), 0.0, veil);
            painter.rect_filled(Rect::from_min_max(pos2(frame.right(), outer.top()), outer.max), 0.0, veil);
        }
        let color = if self.drag.is_some() { theme.accent } else { theme.text };
        painter.rect_stroke(frame, 2.0, Stroke::new(1.0, color), egui::StrokeKind::Inside);
        if frame.width() > 18.0 {
            // Two short handles tell that edges can be moved.
            for x in [frame.left() + 1.0, frame.right() - 1.0] {
                let handle = Rect::from_center_size(pos2(x, frame.center().y), vec2(3.0, 14.0));
                painter.rect_filled(handle, 1.5, color);
            }
        }
    }
}

/// Flags of bookmarks as buttons that go there.
fn flags_ui(ui: &Ui, marks: &[Mark], scale: &TimeScale, rect: Rect, out: &mut Vec<Command>) {
    for mark in marks {
        let Some(id) = mark.bookmark else { continue };
        let x = scale.x(mark.range.begin);
        if !rect.x_range().contains(x) {
            continue;
        }
        let flag = Rect::from_min_max(pos2(x - 3.0, rect.top() - MARGIN), pos2(x + 9.0, rect.top() + 12.0));
        let response = ui.interact(flag, ui.scope_id().with(("bookmark", id)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Bookmark {}", mark.text)));
        if response.has_focus() {
            let stroke = ui.visuals().selection.stroke;
            ui.painter().rect_stroke(flag, 2.0, stroke, egui::StrokeKind::Inside);
        }
        let response = response.on_hover_text(format!("{}\nClick to go there", mark.hint));
        if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
            out.push(Command::Mark(MarkCommand::Go(id)));
        }
    }
}

impl Drag {
    fn to(&self, t: RefNs) -> TimeRange<RefNs> {
        let TimeRange { begin, end } = self.window;
        match self.grip {
            Grip::Move => {
                let d = t - self.press;
                TimeRange::new(begin + d, end + d)
            }
            Grip::Begin => TimeRange::new(t.min(end - MIN_WINDOW), end),
            Grip::End => TimeRange::new(begin, t.max(begin + MIN_WINDOW)),
            Grip::New => TimeRange::new(t.min(self.press), t.max(self.press)),
        }
    }
}

/// The window's frame: wide enough to be seen and taken, however short the window is.
fn frame_of(scale: &TimeScale, window: TimeRange<RefNs>, outer: Rect) -> Rect {
    let (mut x0, mut x1) = (scale.x(window.begin), scale.x(window.end));
    if x1 - x0 < 5.0 {
        let middle = (x0 + x1) / 2.0;
        (x0, x1) = (middle - 2.5, middle + 2.5);
    }
    Rect::from_x_y_ranges(x0.round()..=x1.round(), outer.y_range())
}

fn grip_at(pos: Pos2, scale: &TimeScale, window: TimeRange<RefNs>) -> Grip {
    let (x0, x1) = (scale.x(window.begin), scale.x(window.end));
    // Of a narrow frame the whole is for moving, and its edges lie outside of it.
    let inside = if x1 - x0 < 3.0 * Sizes::SNAP { 0.0 } else { Sizes::SNAP };
    let (near, x) = (Sizes::SNAP, pos.x);
    if x > x0 + inside - 1.0 && x < x1 - inside + 1.0 {
        Grip::Move
    } else if (x - x0).abs() <= near && x < x1 {
        Grip::Begin
    } else if (x - x1).abs() <= near {
        Grip::End
    } else {
        Grip::New
    }
}

/// Bars of all machines, one below the other.
fn bars(rect: Rect, scale: &TimeScale, scene: &Scene, theme: &Theme) -> Painting {
    let mut painting = Painting::default();
    let n = (rect.width() / BAR).floor().max(1.0) as usize;
    let height = rect.height() / scene.machines.len().max(1) as f32;
    let mut counts = Vec::new();
    for (place, machine) in scene.machines.iter().enumerate() {
        let top = rect.top() + place as f32 * height;
        let band = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), height - 2.0));
        let range = TimeRange::new(scale.t(rect.left()), scale.t(rect.left() + n as f32 * BAR));
        machine.density.columns(machine.to_machine(range), n, &mut counts);
        let most = counts.iter().copied().fold(0.0_f32, f32::max);
        for (c, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            // The root keeps quiet times visible beside bursts.
            let share = (count / most).sqrt();
            let x = band.left() + c as f32 * BAR;
            let bar = Rect::from_min_max(
                pos2(x, (band.bottom() - (band.height() * share).max(1.0)).round()),
                pos2(x + BAR - 1.0, band.bottom().round()),
            );
            painting.rect(bar, theme.machine(machine.id).gamma_multiply(0.9));
        }
        marks(&mut painting, band, scale, machine, theme);
    }
    painting
}

/// What is lost and what is not read yet.
fn marks(painting: &mut Painting, band: Rect, scale: &TimeScale, machine: &SceneMachine, theme: &Theme) {
    for lost in &machine.lost {
        if let Some((x0, x1)) = scale.span(machine.to_ref(lost.range)) {
            painting
                .rect(Rect::from_x_y_ranges(x0..=x1.max(x0 + 2.0), band.y_range()), theme.alarm.gamma_multiply(0.6));
        }
    }
    if let Some((x0, x1)) = not_read(machine).and_then(|rest| scale.span(rest)) {
        let rest = Rect::from_x_y_ranges(x0..=x1, band.y_range());
        painting.rect(rest, theme.panel.gamma_multiply(0.6));
        painting.stripes(rest, scale.left, 8.0, 1.5, Theme::mix(theme.panel, theme.text, 0.18));
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::window::timeline::fake;
    use crate::window::view::{TimeFormat, View};

    struct App {
        overview: Overview,
        scene: Scene,
        view: View,
        shared: Shared,
    }

    fn range(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a), RefNs(b))
    }

    /// 10 ms over some 800 points; the window is 2 to 4 ms.
    fn harness() -> Harness<'static, App> {
        let app = App {
            overview: Overview::default(),
            scene: fake::small(),
            view: View::new(range(2_000_000, 4_000_000), range(0, 10_000_000)),
            shared: Shared::default(),
        };
        let mut h = Harness::builder().with_size(vec2(824.0, 80.0)).with_step_dt(1.0 / 60.0).build_ui_state(
            |ui, app: &mut App| {
                let input = Input {
                    scene: &app.scene,
                    view: &app.view,
                    theme: Theme::light(),
                    format: TimeFormat::Relative,
                    focused: false,
                    overlay: None,
                };
                for command in app.overview.ui(ui, &input, &mut app.shared) {
                    match command {
                        Command::SetWindow { window, remember } => app.view.set_window(window, remember),
                        other => panic!("{other:?}"),
                    }
                }
            },
            app,
        );
        h.run();
        h
    }

    fn at(h: &Harness<'_, App>, ms: f32) -> Pos2 {
        let rect = h.get_by_label("Overview").rect().shrink(MARGIN);
        pos2(rect.left() + rect.width() * ms / 10.0, rect.center().y)
    }

    fn drag(h: &mut Harness<'_, App>, from: f32, to: f32) -> (f32, f32) {
        let (from, to) = (at(h, from), at(h, to));
        h.hover_at(from);
        h.step();
        h.drag_at(from);
        h.step();
        h.hover_at(from + (to - from) * 0.4);
        h.step();
        h.drop_at(to);
        h.run();
        let w = h.state().view.window;
        (w.begin.0 as f32 / 1e6, w.end.0 as f32 / 1e6)
    }

    fn near(a: (f32, f32), b: (f32, f32)) {
        assert!((a.0 - b.0).abs() < 0.02 && (a.1 - b.1).abs() < 0.02, "{a:?} is not {b:?}");
    }

    #[test]
    fn the_frame_is_moved_resized_and_made_anew() {
        near(drag(&mut harness(), 3.0, 5.0), (4.0, 6.0));
        near(drag(&mut harness(), 2.0, 1.0), (1.0, 4.0));
        near(drag(&mut harness(), 4.0, 8.0), (2.0, 8.0));
        near(drag(&mut harness(), 6.0, 9.0), (6.0, 9.0));
        near(drag(&mut harness(), 9.0, 6.0), (6.0, 9.0));
    }

    #[test]
    fn a_click_centres_and_the_window_is_read_out() {
        let mut h = harness();
        let pos = at(&h, 7.0);
        h.hover_at(pos);
        h.drag_at(pos);
        h.drop_at(pos);
        h.run();
        let w = h.state().view.window;
        near((w.begin.0 as f32 / 1e6, w.end.0 as f32 / 1e6), (6.0, 8.0));
        let said = h.get_by_label("Overview").value().unwrap_or_default();
        assert!(said.ends_with("of 10 ms"), "{said}");
    }
}
