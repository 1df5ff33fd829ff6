//! Bookmarks and markers as they are drawn: on the axis, over the rows, and on the overview.

use egui::{Align2, Painter, Rect, Stroke, pos2, vec2};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::axis::{TimeScale, duration, snap};
use crate::window::own::Own;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::scene::Scene;

/// A mark at its place on the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// When; an instant begins where it ends.
    pub range: TimeRange<RefNs>,
    /// What it says.
    pub text: String,
    /// What the pointer is told of it.
    pub hint: String,
    /// The bookmark's number; `None`: a marker.
    pub bookmark: Option<u32>,
}

/// How near the pointer must be to a mark, in points.
const REACH: f32 = 5.0;

/// All marks in order of time, so that later ones lie over earlier ones everywhere alike.
pub fn marks_of(own: &Own, scene: &Scene) -> Vec<Mark> {
    let bookmarks = own.bookmarks.iter().filter_map(|b| {
        let range = b.range(scene)?;
        let length = if range.begin < range.end { format!("\n{}", duration(range.length())) } else { String::new() };
        Some(Mark { range, text: b.text.clone(), hint: format!("{}{length}", b.text), bookmark: Some(b.id) })
    });
    let between = between_words(own, scene);
    let markers = own.markers(scene).into_iter().zip(["A", "B"]).filter_map(|(t, name)| {
        let hint = format!("Marker {name}{}", between.as_ref().map_or_else(String::new, |words| format!("\n{words}")));
        t.map(|t| Mark { range: TimeRange::new(t, t), text: name.to_owned(), hint, bookmark: None })
    });
    let mut marks: Vec<Mark> = bookmarks.chain(markers).collect();
    marks.sort_by_key(|m| (m.range.begin, m.range.end));
    marks
}

/// The mark under the pointer.
pub fn mark_at<'a>(marks: &'a [Mark], scale: &TimeScale, x: f32) -> Option<&'a Mark> {
    let distance = |m: &Mark| {
        let (begin, end) = (scale.x(m.range.begin), scale.x(m.range.end));
        (begin - x).abs().min((end - x).abs())
    };
    let near = marks.iter().filter(|m| distance(m) <= REACH);
    near.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The colour of a mark.
fn color(mark: &Mark, theme: &Theme) -> egui::Color32 {
    if mark.bookmark.is_some() { theme.good } else { theme.text }
}

/// A sign at the top of a strip: a little flag for a bookmark, a letter for a marker.
pub fn sign(painter: &Painter, strip: Rect, scale: &TimeScale, mark: &Mark, theme: &Theme) {
    let color = color(mark, theme);
    if mark.range.begin != mark.range.end
        && let Some((x0, x1)) = scale.span(mark.range)
    {
        let band = Rect::from_min_max(pos2(x0, strip.top()), pos2(x1.max(x0 + 1.0), strip.top() + 3.0));
        painter.rect_filled(band, 0.0, color.gamma_multiply(0.8));
    }
    let x = scale.x(mark.range.begin);
    if !strip.x_range().contains(x) {
        return;
    }
    let x = snap(painter, x);
    painter.vline(x, strip.y_range(), Stroke::new(1.0, color));
    if mark.bookmark.is_some() {
        let flag = vec![pos2(x, strip.top()), pos2(x + 7.0, strip.top() + 3.5), pos2(x, strip.top() + 7.0)];
        painter.add(egui::Shape::convex_polygon(flag, color, Stroke::NONE));
    } else {
        let plate = Rect::from_min_size(pos2(x - 5.0, strip.top()), vec2(11.0, 12.0));
        painter.rect_filled(plate, 2.0, color);
        let font = egui::FontId::proportional(Sizes::TINY);
        painter.text(plate.center(), Align2::CENTER_CENTER, &mark.text, font, theme.ground);
    }
}

/// Lines over the rows.
pub fn lines(painter: &Painter, rect: Rect, scale: &TimeScale, marks: &[Mark], theme: &Theme) {
    for mark in marks {
        let strength = if mark.bookmark.is_some() { 0.55 } else { 0.8 };
        let stroke = Stroke::new(1.0, color(mark, theme).gamma_multiply(strength));
        for t in [mark.range.begin, mark.range.end] {
            let x = scale.x(t);
            if rect.x_range().contains(x) {
                let x = snap(painter, x);
                painter.extend(egui::Shape::dashed_line(
                    &[pos2(x, rect.top()), pos2(x, rect.bottom())],
                    stroke,
                    4.0,
                    if mark.bookmark.is_some() { 4.0 } else { 2.0 },
                ));
            }
        }
    }
}

/// The distance between the markers in words.
pub fn between_words(own: &Own, scene: &Scene) -> Option<String> {
    own.between(scene).map(|range| format!("A–B {}", duration(range.length())))
}
