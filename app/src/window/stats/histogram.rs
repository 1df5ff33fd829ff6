//! A histogram of durations: bins of a quarter of a power of two, heights in powers of ten, percentiles marked.

use egui::accesskit::Role;
use egui::{Align2, Painter, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::stats::Histogram;
use stratoscope_core::vocab::{Dur, State};

use crate::window::axis::duration;
use crate::window::parts::line_ui;
use crate::window::theme::Theme;
use crate::window::timeline::mesh::Painting;
use crate::window::words;

/// Bars per power of two.
const PARTS: i64 = 4;

/// A bar: durations from `begin` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The least.
    pub begin: Dur,
    /// The first that is too long.
    pub end: Dur,
    /// How many.
    pub count: u64,
}

/// The number of the bar of a duration: a power of two and its quarter.
fn number(d: Dur) -> i64 {
    let ns = d.0.max(1);
    let power = i64::from(ns.ilog2());
    let part = if power >= 2 { (ns >> (power - 2)) & (PARTS - 1) } else { 0 };
    power * PARTS + part
}

/// The least duration of a bar.
fn begin(number: i64) -> Dur {
    let (power, part) = (number / PARTS, number % PARTS);
    let whole = 1_i64.checked_shl(u32::try_from(power).unwrap_or(0)).unwrap_or(i64::MAX);
    Dur(whole.saturating_add(if power >= 2 { part * (whole / PARTS) } else { 0 }))
}

/// The bars of a histogram, in order; empty ones are left out.
pub fn bars(of: &Histogram) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for (from, _, count) in of.bins() {
        let n = number(from);
        match bars.last_mut() {
            Some(bar) if bar.begin == begin(n) => bar.count += count,
            _ => bars.push(Bar { begin: begin(n), end: begin(n + 1), count }),
        }
    }
    bars
}

/// From durations and numbers to places.
struct Places {
    area: Rect,
    low: f64,
    high: f64,
    digits: f64,
}

impl Places {
    fn x(&self, d: Dur) -> f32 {
        let share = ((d.0.max(1) as f64).log2() - self.low) / (self.high - self.low);
        self.area.left() + (share.clamp(0.0, 1.0) * f64::from(self.area.width())) as f32
    }

    fn y(&self, count: f64) -> f32 {
        let share = (count.max(1.0).log10() + 0.3) / (self.digits + 0.3);
        self.area.bottom() - (share * f64::from(self.area.height())) as f32
    }
}

/// Draws a histogram of latencies called `of` over `room`.
pub fn histogram_ui(ui: &Ui, theme: &Theme, room: Rect, histogram: &Histogram, of: &str) {
    let bars = bars(histogram);
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return };
    let area = Rect::from_min_max(room.min + vec2(44.0, 34.0), room.max - vec2(10.0, 20.0));
    if area.height() < 16.0 || area.width() < 60.0 {
        return;
    }
    let painter = ui.painter_at(room);
    let title = Rect::from_min_max(room.min + vec2(10.0, 0.0), pos2(room.right(), room.top() + 18.0));
    let text = format!("How long · {of}");
    line_ui(&painter, title, Align2::LEFT_CENTER, &text, Theme::small_font(), theme.text);
    let most = bars.iter().map(|b| b.count).max().unwrap_or(1);
    let places = Places {
        area,
        // A bar more on each side, so that a single one is no wall.
        low: (first.begin.0.max(1) as f64).log2() - 0.5,
        high: (last.end.0.max(2) as f64).log2() + 0.5,
        digits: (most as f64).log10().ceil().max(1.0) + 0.05,
    };
    let response = ui.interact(area, ui.scope_id().with("latency histogram"), Sense::hover());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(format!("{of}: {}", words::count(histogram.count(), "time"))),
        ..WidgetInfo::labeled(Role::Canvas, true, "Histogram of latencies")
    });
    heights(&painter, &places, theme);
    let pointer = response.hover_pos();
    let mut told = None;
    let mut painting = Painting::default();
    let color = theme.state(State::RunningSyscall).color;
    for bar in &bars {
        let (x0, x1) = (places.x(bar.begin), places.x(bar.end));
        let here = pointer.is_some_and(|p| p.x >= x0 && p.x < x1);
        let rect =
            Rect::from_min_max(pos2(x0, places.y(bar.count as f64)), pos2((x1 - 1.0).max(x0 + 1.0), area.bottom()));
        painting.rect(rect, if here { Theme::mix(color, theme.text, 0.35) } else { color });
        if here {
            let times = words::count(bar.count, "time");
            told = Some(format!("{} to {}: {times}", duration(bar.begin), duration(bar.end)));
        }
    }
    painter.add(egui::Shape::mesh(painting.mesh));
    lengths(&painter, &places, theme, room);
    percentiles(&painter, &places, theme, histogram);
    if let Some(told) = told {
        response.on_hover_text(told);
    }
}

fn heights(painter: &Painter, places: &Places, theme: &Theme) {
    let digits = places.digits as i32;
    let every = (16.0 * f64::from(digits) / f64::from(places.area.height())).ceil().max(1.0) as usize;
    for power in (0..=digits).step_by(every) {
        let n = 10_f64.powi(power);
        let y = places.y(n);
        painter.hline(places.area.x_range(), y, Stroke::new(1.0, Theme::mix(theme.ground, theme.line, 0.7)));
        let text = match power {
            0..=3 => format!("{n:.0}"),
            4..=5 => format!("{:.0} k", n / 1e3),
            _ => format!("{:.0} M", n / 1e6),
        };
        let at = pos2(places.area.left() - 6.0, y);
        painter.text(at, Align2::RIGHT_CENTER, text, Theme::small_font(), theme.secondary);
    }
}

/// Room for a duration.
const LABEL: f32 = 62.0;

/// The axis below: powers of ten, and 2 and 5 times them where there is room.
fn lengths(painter: &Painter, places: &Places, theme: &Theme, room: Rect) {
    let area = places.area;
    let mut free = area.left() - 20.0;
    let decade = f64::from(area.width()) * 10_f64.log2() / (places.high - places.low);
    let steps: &[i64] = if decade > 4.0 * f64::from(LABEL) { &[1, 2, 5] } else { &[1] };
    for power in 0..18_u32 {
        for step in steps {
            let d = Dur(step * 10_i64.pow(power));
            let at = (d.0 as f64).log2();
            if at < places.low || at > places.high {
                continue;
            }
            let x = places.x(d);
            painter.vline(x, area.bottom()..=area.bottom() + 3.0, Stroke::new(1.0, theme.secondary));
            let galley = painter.layout_no_wrap(duration(d), Theme::small_font(), theme.secondary);
            let left = x - galley.size().x / 2.0;
            if left >= free && left + galley.size().x <= room.right() {
                free = left + galley.size().x + 8.0;
                painter.galley(pos2(left, area.bottom() + 3.0), galley, theme.secondary);
            }
        }
    }
}

fn percentiles(painter: &Painter, places: &Places, theme: &Theme, histogram: &Histogram) {
    let mut free = places.area.left();
    for percent in [50.0, 95.0, 99.0] {
        let Some(d) = histogram.percentile(percent) else { continue };
        let x = places.x(d);
        painter.vline(x, places.area.y_range(), Stroke::new(1.0, theme.accent));
        let galley = painter.layout_no_wrap(format!("p{percent}"), Theme::small_font(), theme.secondary);
        let left = (x - galley.size().x / 2.0).max(free).min(places.area.right() - galley.size().x);
        if left >= free {
            free = left + galley.size().x + 4.0;
            painter.galley(pos2(left, places.area.top() - 15.0), galley, theme.secondary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_each_other_and_hold_every_duration() {
        for n in 8..200 {
            assert!(begin(n) < begin(n + 1), "{n}");
            assert_eq!(number(begin(n)), n);
            assert_eq!(number(begin(n + 1) - Dur(1)), n);
        }
        let mut histogram = Histogram::default();
        for ns in [0, 1, 3, 5, 1000, 1001, 1_000_000_000] {
            histogram.add(Dur(ns));
        }
        let bars = bars(&histogram);
        assert_eq!(bars.iter().map(|b| b.count).sum::<u64>(), 7);
        assert!(bars.windows(2).all(|b| b[0].end <= b[1].begin), "{bars:?}");
        let thousand = bars.iter().find(|b| b.begin <= Dur(1000) && Dur(1000) < b.end).unwrap();
        assert_eq!((thousand.begin, thousand.end, thousand.count), (Dur(896), Dur(1024), 2));
    }
}
