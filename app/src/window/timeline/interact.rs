//! What the pointer does to time: zoom, pan, ranges, snapping.
//!
//! A drag is computed from where it began and what was shown then, never by adding up motions: slow frames lose
//! motions, but they cannot lose the pointer's place.

use egui::{PointerButton, Pos2, Rect, Response, Ui};
use stratoscope_core::store::Interval;
use stratoscope_core::vocab::{Dur, RefNs, TimeRange};

use crate::window::axis::TimeScale;
use crate::window::command::{Command, RowRef};
use crate::window::theme::Sizes;
use crate::window::timeline::scene::Scene;
use crate::window::view::{MIN_WINDOW, View};

/// What a drag does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum DragKind {
    /// Moves the window.
    Pan,
    /// Selects a range from this instant on.
    Select(RefNs),
}

/// A drag, as it began.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Drag {
    kind: DragKind,
    press: Pos2,
    scale: TimeScale,
    /// The window is changed for the first time: going back returns to the one before the drag.
    fresh: bool,
}

/// The pointer's memory between frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pointer {
    drag: Option<Drag>,
    last_change: Option<f64>,
}

/// Changes of the window that follow each other so fast are one step of the history.
const ONE_GESTURE_S: f64 = 0.7;

impl Pointer {
    /// Whether something is dragged.
    pub(crate) fn is_dragging(&self) -> bool {
        self.drag.is_some()
    }

    /// Drags on the states. `snap` moves an instant to a near edge.
    pub(crate) fn drag(
        &mut self,
        ui: &Ui,
        response: &Response,
        scale: &TimeScale,
        snap: impl Fn(RefNs) -> RefNs,
        out: &mut Vec<Command>,
    ) {
        if response.drag_started() {
            let (press, shift) = ui.input(|i| (i.pointer.press_origin(), i.modifiers.shift));
            // The scale of this frame is that of the press: the window changes after a frame only.
            self.drag = press.map(|press| {
                let select = shift && response.drag_started_by(PointerButton::Primary);
                let kind = if select { DragKind::Select(snap(scale.t(press.x))) } else { DragKind::Pan };
                Drag { kind, press, scale: *scale, fresh: true }
            });
        }
        let Some(mut drag) = self.drag else { return };
        let stopped = response.drag_stopped();
        if !(stopped || response.dragged()) {
            // The drag was taken away, for instance by Escape.
            self.drag = None;
            return;
        }
        if let Some(pos) = response.interact_pointer_pos() {
            match drag.kind {
                DragKind::Pan => {
                    let d = drag.scale.length(pos.x - drag.press.x);
                    let window = TimeRange::new(drag.scale.window.begin - d, drag.scale.window.end - d);
                    if window != scale.window {
                        out.push(Command::SetWindow { window, remember: drag.fresh });
                        drag.fresh = false;
                    }
                }
                DragKind::Select(t0) => {
                    let x = pos.x.clamp(scale.left, scale.left + scale.width);
                    let t1 = snap(scale.t(x));
                    out.push(Command::SelectTime(Some(TimeRange::new(t0.min(t1), t0.max(t1)))));
                }
            }
        }
        self.drag = (!stopped).then_some(drag);
    }

    /// The wheel over a pane: zoom at the pointer, sideways motion. Returns how far rows are to be scrolled.
    pub(crate) fn wheel(
        &mut self,
        ui: &Ui,
        pointer: Pos2,
        states: Rect,
        scale: &TimeScale,
        view: &View,
        out: &mut Vec<Command>,
    ) -> f32 {
        let (zoom, scroll, now) = ui.input(|i| (i.zoom_delta(), i.smooth_scroll_delta(), i.time));
        let mut window = None;
        if states.x_range().contains(pointer.x) && zoom != 1.0 {
            window = Some(zoomed(view, f64::from(zoom), scale.t(pointer.x)));
        } else if scroll.x != 0.0 {
            let d = scale.length(scroll.x);
            window = Some(TimeRange::new(view.window.begin - d, view.window.end - d));
        }
        if let Some(window) = window.filter(|w| *w != view.window) {
            let remember = self.last_change.is_none_or(|last| now - last > ONE_GESTURE_S);
            out.push(Command::SetWindow { window, remember });
            self.last_change = Some(now);
        }
        if zoom == 1.0 { -scroll.y } else { 0.0 }
    }
}

/// The view's window, `factor` times shorter, with `at` where it is.
fn zoomed(view: &View, factor: f64, at: RefNs) -> TimeRange<RefNs> {
    let length = view.window.length().0.max(1) as f64;
    let longest = view.bounds.length().0.max(MIN_WINDOW.0) as f64;
    let new = (length / factor).clamp(MIN_WINDOW.0 as f64, longest).round();
    let left = (at - view.window.begin).0 as f64 * new / length;
    let begin = at - Dur(left.round() as i64);
    TimeRange::new(begin, begin + Dur(new as i64))
}

/// The window that shows an interval with some room around it.
pub(crate) fn around(range: TimeRange<RefNs>) -> TimeRange<RefNs> {
    let room = Dur((range.length().0 / 5).max(MIN_WINDOW.0 / 2));
    TimeRange::new(range.begin - room, range.end + room)
}

/// The edge of a state of `row` nearest to `t`, if one is near enough on the screen.
pub(crate) fn snapped(scene: &Scene, row: Option<RowRef>, scale: &TimeScale, t: RefNs) -> RefNs {
    let Some((machine, _, scene_row)) = row.and_then(|row| scene.row(row)) else { return t };
    let at = machine.map.from_ref(t);
    let lane = &scene_row.lane;
    let edges = |i: Interval| [i.begin, i.end];
    let candidates = [lane.at(at), lane.next_after(at), lane.prev_before(at)].into_iter().flatten().flat_map(edges);
    let reach = scale.length(Sizes::SNAP);
    candidates
        .map(|edge| machine.map.to_ref(edge))
        .map(|edge| ((edge - t).0.unsigned_abs(), edge))
        .filter(|(distance, _)| *distance <= reach.0.unsigned_abs())
        .min()
        .map_or(t, |(_, edge)| edge)
}

/// The selection after a click at `t` with Shift: from its far end to there.
pub(crate) fn extended(selection: Option<TimeRange<RefNs>>, t: RefNs) -> TimeRange<RefNs> {
    match selection {
        None => TimeRange::new(t, t),
        Some(s) if (t - s.begin).0.abs() < (s.end - t).0.abs() => TimeRange::new(t.min(s.end), t.max(s.end)),
        Some(s) => TimeRange::new(t.min(s.begin), t.max(s.begin)),
    }
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{MachineId, RowKey, Tid};

    use super::*;
    use crate::window::timeline::fake;

    fn range(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a), RefNs(b))
    }

    #[test]
    fn zooming_keeps_the_instant_also_at_the_shortest_window() {
        let mut view = View::new(range(1000, 2000), range(0, 10_000));
        assert_eq!(zoomed(&view, 2.0, RefNs(1250)), range(1125, 1625));
        view.window = range(1000, 1000 + MIN_WINDOW.0);
        assert_eq!(zoomed(&view, 4.0, RefNs(1007)), view.window);
    }

    #[test]
    fn ends_snap_to_edges_that_are_near_on_the_screen() {
        let scene = fake::small();
        let row = Some(RowRef { machine: MachineId(0), key: RowKey::thread(Tid(100), 0) });
        // 1000 points over 10 ms: 6 points are 60 µs.
        let scale = TimeScale { window: range(0, 10_000_000), left: 0.0, width: 1000.0 };
        assert_eq!(snapped(&scene, row, &scale, RefNs(2_050_000)), RefNs(2_000_000));
        assert_eq!(snapped(&scene, row, &scale, RefNs(1_950_000)), RefNs(2_000_000));
        assert_eq!(snapped(&scene, row, &scale, RefNs(2_070_000)), RefNs(2_070_000));
        assert_eq!(snapped(&scene, None, &scale, RefNs(2_050_000)), RefNs(2_050_000));
    }

    #[test]
    fn shift_moves_the_near_end() {
        assert_eq!(extended(Some(range(100, 200)), RefNs(190)), range(100, 190));
        assert_eq!(extended(Some(range(100, 200)), RefNs(110)), range(110, 200));
        assert_eq!(extended(Some(range(100, 200)), RefNs(400)), range(100, 400));
        assert_eq!(extended(Some(range(100, 100)), RefNs(50)), range(50, 100));
    }
}
