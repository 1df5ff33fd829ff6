//! Curves over time: lanes with a scale of their own, on the time axis that all panes share.
//!
//! The pointer does here what it does in timelines; names stand where timelines have theirs, so that the same
//! instant is at the same place in both.

use egui::accesskit::Role;
use egui::{Align2, Painter, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::axis::{AxisAction, AxisMarks, TimeScale, axis_ui, snap};
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::parts::line_ui;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Shared;
use crate::window::timeline::interact::{Pointer, extended};

/// The height of the time axis above lanes.
const AXIS: f32 = 22.0;

/// Points between two lines of the grid at least.
const GRID_GAP: f64 = 26.0;

/// What a pane with curves remembers between frames.
#[derive(Default)]
pub struct PlotMemory {
    pointer: Pointer,
    axis_from: Option<RefNs>,
}

/// The vertical scale of a lane.
#[derive(Clone, Copy, Debug)]
pub struct YAxis {
    /// The value at the bottom.
    pub low: f64,
    /// The value at the top.
    pub high: f64,
    /// How values are written.
    pub text: fn(f64) -> String,
}

/// Where a lane is on the screen.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Left of it: names.
    pub gutter: Rect,
    /// The curves.
    pub rect: Rect,
    /// From instants to places.
    pub scale: TimeScale,
    /// From values to places.
    pub y: YAxis,
}

impl Area {
    /// Where a value is; values outside are put at the edge.
    pub fn at(&self, value: f64) -> f32 {
        let height = f64::from(self.rect.height());
        let share = (value - self.y.low) / (self.y.high - self.y.low).max(f64::MIN_POSITIVE);
        self.rect.bottom() - (share * height).clamp(-2.0, height + 2.0) as f32
    }

    /// How many columns of pixels it has.
    pub fn columns(&self) -> usize {
        self.rect.width().max(1.0) as usize
    }
}

/// The room for names beside lanes: as timelines have it, but never most of a narrow pane.
pub fn gutter_width(shared: &Shared, width: f32) -> f32 {
    shared.names_width.min(width * 0.4)
}

/// The steps of a grid: 1, 2 or 5 times a power of ten.
pub fn grid_step(low: f64, high: f64, height: f64) -> f64 {
    let least = (high - low) * GRID_GAP / height.max(1.0);
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// Draws the time axis over the width that is left.
pub fn time_axis_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &Shared, memory: &mut PlotMemory) {
    let (strip, _) = ui.allocate_exact_size(vec2(ui.available_width(), AXIS), Sense::hover());
    let mut rect = strip;
    rect.min.x += gutter_width(shared, strip.width());
    ui.painter().rect_filled(strip, 0.0, cx.theme.panel);
    let scale = TimeScale::new(cx.state.view.window, rect);
    let marks = AxisMarks { selection: cx.state.view.selection, hover: shared.hover, lost: &[], marks: &[] };
    let id = ui.scope_id().with("plot axis");
    match axis_ui(ui, rect, id, &scale, &cx.state.clock(), cx.theme, &marks, &mut memory.axis_from) {
        Some(AxisAction::Select(range) | AxisAction::Go(range)) => cx.send(Command::SelectTime(Some(range))),
        Some(AxisAction::ShowAll) => cx.send(Command::ZoomAll),
        None => {}
    }
}

/// How a lane is called, and how high it is.
pub struct Lane<'a> {
    /// What a screen reader calls it.
    pub label: &'a str,
    /// What it shows, in words.
    pub value: String,
    /// Its height in points.
    pub height: f32,
    /// Its vertical scale.
    pub y: YAxis,
}

/// Draws a lane over the width that is left; `paint` draws the curves. Returns the instant under the pointer.
pub fn lane_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    lane: &Lane<'_>,
    paint: impl FnOnce(&Painter, &Area),
) -> Option<RefNs> {
    let (whole, _) = ui.allocate_exact_size(vec2(ui.available_width(), lane.height), Sense::hover());
    let gutter =
        Rect::from_min_max(whole.min, pos2(whole.left() + gutter_width(shared, whole.width()), whole.bottom()));
    let rect = Rect::from_min_max(pos2(gutter.right(), whole.top() + 6.0), whole.max - vec2(0.0, 6.0));
    let response = ui.interact(rect, ui.scope_id().with(("lane", lane.label)), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(lane.value.clone()),
        ..WidgetInfo::labeled(Role::Canvas, true, lane.label)
    });
    let scale = TimeScale::new(cx.state.view.window, rect);
    let area = Area { gutter, rect, scale, y: lane.y };
    let painter = ui.painter_at(whole);
    grid(&painter, &area, cx.theme);
    let inner = ui.painter_at(rect.expand2(vec2(0.0, 3.0)));
    over_before(&inner, &area, cx);
    paint(&painter, &area);
    over_after(&inner, &area, cx, shared);
    ui.painter().hline(whole.x_range(), whole.bottom() - 0.5, Stroke::new(1.0, cx.theme.line));
    pointer(ui, cx, shared, memory, &response, &area)
}

fn grid(painter: &Painter, area: &Area, theme: &Theme) {
    let YAxis { low, high, text } = area.y;
    let step = grid_step(low, high, f64::from(area.rect.height()));
    let mut n = (low / step).ceil();
    let line = Theme::mix(theme.ground, theme.line, 0.7);
    let mut lines = 0;
    while n * step <= high && lines < 64 {
        let y = snap_y(painter, area.at(n * step));
        painter.hline(area.rect.x_range(), y, Stroke::new(1.0, line));
        // Minus zero is no number that anybody wants to read.
        let value = if n == 0.0 { 0.0 } else { n * step };
        let at = pos2(area.gutter.right() - 6.0, y);
        painter.text(at, Align2::RIGHT_CENTER, text(value), Theme::small_font(), theme.secondary);
        n += 1.0;
        lines += 1;
    }
}

fn snap_y(painter: &Painter, y: f32) -> f32 {
    let scale = painter.pixels_per_point();
    ((y * scale).floor() + 0.5) / scale
}

fn over_before(painter: &Painter, area: &Area, cx: &FrameContext<'_>) {
    let range = cx.state.view.range();
    if let Some((x0, x1)) = range.and_then(|r| area.scale.span(r)) {
        let band = Rect::from_x_y_ranges(x0..=x1.max(x0 + 1.0), area.rect.y_range());
        painter.rect_filled(band, 0.0, cx.theme.accent.gamma_multiply(0.16));
    }
}

fn over_after(painter: &Painter, area: &Area, cx: &FrameContext<'_>, shared: &Shared) {
    let inside = |t: RefNs| cx.state.view.window.contains(t);
    if let Some(t) = cx.state.view.selection.map(|s| s.begin).filter(|t| inside(*t)) {
        let x = snap(painter, area.scale.x(t));
        painter.vline(x, area.rect.y_range(), Stroke::new(1.0, cx.theme.accent));
    }
    if let Some(t) = shared.hover.filter(|t| inside(*t)) {
        let x = snap(painter, area.scale.x(t));
        painter.vline(x, area.rect.y_range(), Stroke::new(1.0, Theme::mix(cx.theme.ground, cx.theme.text, 0.45)));
    }
}

fn pointer(
    ui: &Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    response: &egui::Response,
    area: &Area,
) -> Option<RefNs> {
    let mut commands = Vec::new();
    if response.drag_started() || response.dragged() || response.drag_stopped() {
        memory.pointer.drag(ui, response, &area.scale, |t| t, &mut commands);
    }
    let hovered = response.hover_pos().map(|pos| (pos, area.scale.t(pos.x)));
    if let Some((pos, t)) = hovered {
        memory.pointer.wheel(ui, pos, area.rect, &area.scale, &cx.state.view, &mut commands);
        if shared.hover != Some(t) {
            shared.hover = Some(t);
            ui.request_repaint();
        }
    }
    if response.clicked()
        && let Some(pos) = response.interact_pointer_pos()
    {
        let t = area.scale.t(pos.x);
        let shift = ui.input(|i| i.modifiers.shift);
        let selection = if shift { extended(cx.state.view.selection, t) } else { TimeRange::new(t, t) };
        commands.push(Command::SelectTime(Some(selection)));
    }
    if response.double_clicked() {
        commands.push(Command::ZoomToSelection);
    }
    cx.commands.extend(commands);
    hovered.map(|(_, t)| t)
}

/// A value and its position.
type Extreme = (f64, usize);

/// Sets of points by the column of pixels that they fall into: the lowest and the highest of each, so that what
/// is drawn is bounded by the width and no outlier is lost. Keeps their positions in `points`.
pub fn thinned(points: impl Iterator<Item = (usize, f32, f64)>, left: f32, columns: usize) -> Vec<usize> {
    let mut of: Vec<Option<(Extreme, Extreme)>> = vec![None; columns + 1];
    for (n, x, value) in points {
        let Some(slot) = of.get_mut((x - left).max(0.0) as usize) else { continue };
        match slot {
            None => *slot = Some(((value, n), (value, n))),
            Some((low, high)) => {
                if value < low.0 {
                    *low = (value, n);
                }
                if value > high.0 {
                    *high = (value, n);
                }
            }
        }
    }
    let mut kept = Vec::new();
    for (low, high) in of.into_iter().flatten() {
        kept.push(low.1);
        if high.1 != low.1 {
            kept.push(high.1);
        }
    }
    kept.sort_unstable();
    kept
}

/// The lines of text that a lane's gutter has room for, from above: the first bears its name.
pub fn gutter_lines(area: &Area) -> impl Iterator<Item = Rect> + use<> {
    const HEIGHT: f32 = 16.0;
    let gutter = area.gutter;
    // The right of the gutter bears the numbers of the grid.
    let first = Rect::from_min_size(gutter.min + vec2(12.0, 6.0), vec2(gutter.width() - 74.0, HEIGHT));
    let lines = (0_u16..).map(move |n| first.translate(vec2(0.0, HEIGHT * f32::from(n))));
    lines.take_while(move |line| line.top() == first.top() || line.bottom() <= gutter.bottom())
}

/// The name of a lane in its gutter, and quieter lines below it.
pub fn gutter_text(painter: &Painter, area: &Area, theme: &Theme, name: &str, about: &[&str]) {
    let mut lines = gutter_lines(area);
    if let Some(line) = lines.next() {
        line_ui(painter, line, Align2::LEFT_CENTER, name, Theme::body_font(), theme.text);
    }
    for (text, line) in about.iter().zip(lines) {
        line_ui(painter, line, Align2::LEFT_CENTER, text, Theme::small_font(), theme.secondary);
    }
}

/// The height of a lane, if `count` of them share `room`.
pub fn lane_height(room: f32, count: usize) -> f32 {
    (room / count.max(1) as f32).clamp(3.0 * Sizes::ROW, 8.0 * Sizes::ROW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_have_round_steps() {
        assert_eq!(grid_step(0.0, 1.0, 100.0), 0.5);
        assert_eq!(grid_step(-70.0, 70.0, 200.0), 20.0);
        assert_eq!(grid_step(0.0, 0.0, 100.0), 1.0);
    }

    #[test]
    fn a_column_keeps_its_outliers_and_nothing_else() {
        let points = (0..10_000).map(|n| (n, n as f32 / 100.0, if n == 4242 { 99.0 } else { (n % 7) as f64 }));
        let kept = thinned(points, 0.0, 100);
        assert!(kept.len() <= 200, "{}", kept.len());
        assert!(kept.contains(&4242));
        assert!(kept.is_sorted());
    }
}
