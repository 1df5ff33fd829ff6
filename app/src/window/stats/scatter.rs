//! Latencies over time: a dot per cell of the density, its height the logarithm of the duration. A click goes to
//! the longest of the dot.
//!
//! Its time axis is the stretch that the table is about, not the window: so the picture stays while the window goes
//! from one place to the next, and shows where the window is.

use egui::accesskit::Role;
use egui::{Align2, Painter, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vocab::{Dur, RefNs, State, TimeRange};

use crate::window::axis::{AxisAction, AxisMarks, TimeScale, axis_ui, duration};
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::stats::latencies::{Dot, Place};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Shared;
use crate::window::timeline::mesh::Painting;
use crate::window::words;

/// Room for the numbers of the grid.
const GUTTER: f32 = 64.0;

/// Height of the time axis.
const AXIS: f32 = 20.0;

/// How near the pointer must be to a dot, in points.
const REACH: f32 = 14.0;

/// A vertical scale of whole powers of ten, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decades {
    low: f64,
    high: f64,
    rect: Rect,
}

fn log(d: Dur) -> f64 {
    (d.0.max(1) as f64).log10()
}

impl Decades {
    fn new(dots: &[Dot], rect: Rect) -> Self {
        let least = dots.iter().map(|d| log(d.duration)).fold(f64::INFINITY, f64::min);
        let most = dots.iter().map(|d| log(d.duration)).fold(f64::NEG_INFINITY, f64::max);
        let low = if least.is_finite() { least.floor() } else { 0.0 };
        // The longest is what people look for: it must not lie on the upper edge.
        let high = if most.is_finite() { (most + 0.05).ceil().max(low + 1.0) } else { low + 1.0 };
        Self { low, high, rect }
    }

    fn y(&self, d: Dur) -> f32 {
        let share = (log(d) - self.low) / (self.high - self.low);
        self.rect.bottom() - (share * f64::from(self.rect.height())) as f32
    }
}

/// The dot nearest to a place on the screen, if one is near enough.
fn nearest(dots: &[Dot], scale: &TimeScale, decades: &Decades, at: egui::Pos2) -> Option<Dot> {
    let far = |dot: &Dot| pos2(scale.x(dot.t), decades.y(dot.duration)).distance(at);
    dots.iter().map(|dot| (far(dot), dot)).filter(|(d, _)| *d <= REACH).min_by(|a, b| a.0.total_cmp(&b.0)).map(|n| *n.1)
}

/// What the picture is about.
pub struct Scatter<'a> {
    /// The dots, in order of time.
    pub dots: &'a [Dot],
    /// Of what, in words.
    pub of: &'a str,
    /// The stretch of time.
    pub range: TimeRange<RefNs>,
}

impl Scatter<'_> {
    /// Draws the picture over `room`. Returns where the user wants to go.
    pub fn ui(
        &self,
        ui: &Ui,
        cx: &mut FrameContext<'_>,
        room: Rect,
        shared: &mut Shared,
        axis_from: &mut Option<RefNs>,
    ) -> Option<Place> {
        let theme = cx.theme;
        let area = Rect::from_min_max(room.min + vec2(GUTTER, 26.0), room.max - vec2(8.0, AXIS));
        if area.height() < 24.0 || area.width() < 40.0 {
            return None;
        }
        let painter = ui.painter_at(room);
        let title = Rect::from_min_max(room.min + vec2(10.0, 0.0), pos2(room.right(), room.top() + 18.0));
        let text = format!("Over time · {}", self.of);
        crate::window::parts::line_ui(&painter, title, Align2::LEFT_CENTER, &text, Theme::small_font(), theme.text);
        let scale = TimeScale::new(self.range, area);
        let decades = Decades::new(self.dots, area);
        grid(&painter, &decades, theme);
        self.marks(&painter, cx, &scale, area);
        let response = ui.interact(area, ui.scope_id().with("latency scatter"), Sense::click());
        let total: u64 = self.dots.iter().map(|d| d.count).sum();
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(format!("{}: {}", self.of, words::count(total, "time"))),
            ..WidgetInfo::labeled(Role::Canvas, true, "Latency over time")
        });
        let pointed = response.hover_pos().and_then(|at| nearest(self.dots, &scale, &decades, at));
        self.paint(&painter, theme, &scale, &decades, pointed.as_ref());
        let strip = Rect::from_min_max(pos2(area.left(), area.bottom()), pos2(area.right(), room.bottom()));
        let marks = AxisMarks { selection: cx.state.view.selection, hover: shared.hover, lost: &[], marks: &[] };
        let id = ui.scope_id().with("latency axis");
        match axis_ui(ui, strip, id, &scale, &cx.state.clock(), theme, &marks, axis_from) {
            Some(AxisAction::Select(range) | AxisAction::Go(range)) => cx.send(Command::SelectTime(Some(range))),
            Some(AxisAction::ShowAll) => {
                cx.send(Command::SetWindow { window: self.range, remember: true });
            }
            None => {}
        }
        if let Some(at) = response.hover_pos() {
            shared.hover = Some(scale.t(at.x));
        }
        let clicked = response.clicked().then(|| response.interact_pointer_pos()).flatten();
        if let Some(dot) = pointed {
            let row = words::row_place(&cx.state.scene, dot.place.row);
            let more = match dot.count {
                1 => String::new(),
                n => format!("\nthe longest of {}", words::grouped(n)),
            };
            let when = cx.state.clock().instant(dot.place.span.begin);
            response
                .on_hover_cursor(egui::CursorIcon::PointingHand)
                .on_hover_text(format!("{} from {when}\n{row}{more}\nClick to go there", duration(dot.duration)));
        }
        let at = clicked?;
        let dot = nearest(self.dots, &scale, &decades, at);
        if dot.is_none() {
            let t = scale.t(at.x);
            cx.send(Command::SelectTime(Some(TimeRange::new(t, t))));
        }
        dot.map(|d| d.place)
    }

    /// Where window and selection are.
    fn marks(&self, painter: &Painter, cx: &FrameContext<'_>, scale: &TimeScale, area: Rect) {
        let theme = cx.theme;
        let band = |range: TimeRange<RefNs>, color| {
            if let Some((x0, x1)) = scale.span(range) {
                painter.rect_filled(Rect::from_x_y_ranges(x0..=x1.max(x0 + 1.0), area.y_range()), 0.0, color);
            }
        };
        if cx.state.view.window != self.range {
            band(cx.state.view.window, Theme::mix(theme.ground, theme.line, 0.5));
        }
        if let Some(range) = cx.state.view.range().filter(|r| *r != self.range) {
            band(range, theme.accent.gamma_multiply(0.25));
        }
    }

    fn paint(&self, painter: &Painter, theme: &Theme, scale: &TimeScale, decades: &Decades, pointed: Option<&Dot>) {
        let mut painting = Painting::default();
        let color = theme.state(State::RunningSyscall).color;
        for dot in self.dots {
            // More of them: larger, in powers of ten.
            let size = 3.0 + (dot.count as f32).log10().min(4.0);
            let at = pos2(scale.x(dot.t), decades.y(dot.duration));
            painting.rect(Rect::from_center_size(at, vec2(size, size)), color);
        }
        painter.add(egui::Shape::mesh(painting.mesh));
        if let Some(dot) = pointed {
            let at = pos2(scale.x(dot.t), decades.y(dot.duration));
            painter.circle_stroke(at, 6.0, Stroke::new(1.5, theme.text));
        }
    }
}

fn grid(painter: &Painter, decades: &Decades, theme: &Theme) {
    let gap = f64::from(decades.rect.height()) / (decades.high - decades.low);
    // Where decades are close, only every second one is written.
    let every = (f64::from(Sizes::ROW) * 0.8 / gap).ceil().max(1.0) as i64;
    for power in decades.low as i64..=decades.high as i64 {
        let d = Dur(10_i64.saturating_pow(u32::try_from(power).unwrap_or(0)));
        let y = decades.y(d);
        painter.hline(decades.rect.x_range(), y, Stroke::new(1.0, Theme::mix(theme.ground, theme.line, 0.7)));
        if (power - decades.low as i64) % every == 0 {
            let at = pos2(decades.rect.left() - 6.0, y);
            painter.text(at, Align2::RIGHT_CENTER, duration(d), Theme::small_font(), theme.secondary);
        }
    }
}

#[cfg(test)]
mod tests {
    use stratoscope_core::stats::LatencyKind;
    use stratoscope_core::vocab::Cancel;

    use super::*;
    use crate::window::joint::fake;
    use crate::window::stats::latencies::{dots, lines};

    #[test]
    fn dots_are_where_their_latencies_ended_and_the_nearest_is_found() {
        let facts = fake::fighting();
        let range = TimeRange::new(RefNs(0), RefNs(40_000_000));
        let lines = lines(&facts, range, &[LatencyKind::Preemption], None, &Cancel::default()).unwrap();
        let dots = dots(&facts, range, lines[0].name(), None, &Cancel::default()).unwrap();
        let at: Vec<(i64, i64)> = dots.iter().map(|d| (d.t.0, d.duration.0)).collect();
        assert_eq!(at, [(18_000_000, 8_000_000), (26_000_000, 8_000_000), (34_000_000, 8_000_000)]);
        let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(400.0, 100.0));
        let (scale, decades) = (TimeScale::new(range, rect), Decades::new(&dots, rect));
        assert_eq!((decades.low, decades.high), (6.0, 7.0));
        let y = decades.y(Dur(8_000_000));
        assert!(y > 0.0 && y < 20.0, "{y}");
        assert_eq!(nearest(&dots, &scale, &decades, pos2(258.0, y)).map(|d| d.t), Some(RefNs(26_000_000)));
        assert_eq!(nearest(&dots, &scale, &decades, pos2(258.0, 90.0)), None);
    }
}
