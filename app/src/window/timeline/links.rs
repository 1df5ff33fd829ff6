//! Lines between rows that belong together at the selected instant: from a vCPU to the host's thread that it is, and
//! from whoever lost a CPU to whoever took it.
//!
//! They say what is the same thing, or who is to blame; wake-ups have arrows of their own.

use egui::{Painter, Rect, Stroke, pos2};
use stratoscope_core::vocab::RefNs;

use crate::window::axis::{TimeScale, snap};
use crate::window::command::RowRef;
use crate::window::relations;
use crate::window::theme::Theme;
use crate::window::timeline::mesh::Painting;
use crate::window::timeline::rows::{Tree, Visible};
use crate::window::timeline::scene::Scene;

/// The row of whoever took the CPU from `row`, if somebody did.
fn taker(scene: &Scene, row: RowRef, t: RefNs) -> Option<RowRef> {
    relations::row_of(scene, relations::culprit(scene, row, t)?, t)
}

/// Draws the lines of the selected row at the selected instant.
#[expect(clippy::too_many_arguments, reason = "where rows are takes all of these")]
pub(crate) fn paint(
    painter: &Painter,
    scene: &Scene,
    tree: &Tree,
    visible: &Visible,
    scroll: f32,
    rect: Rect,
    scale: &TimeScale,
    theme: &Theme,
    selected: (RowRef, RefNs),
) {
    let (row, t) = selected;
    if !scale.window.contains(t) {
        return;
    }
    let place = |row: RowRef| visible.middle(tree.find(row)?, scroll).map(|y| rect.top() + y);
    let x = snap(painter, scale.x(t));
    let width = 1.0 / painter.pixels_per_point();
    if let (Some(from), Some(to)) = (taker(scene, row, t).and_then(place), place(row)) {
        arrow(
            painter,
            x,
            from,
            to,
            rect,
            2.0 * width,
            theme.state(stratoscope_core::vocab::State::Preempted).color,
            theme,
        );
    }
    let Some(own) = place(row) else { return };
    let stroke = Stroke::new(width, theme.accent);
    for other in relations::related(scene, row, t) {
        let Some(y) = place(other) else { continue };
        let (y0, y1) = (own.min(y).max(rect.top()), own.max(y).min(rect.bottom()));
        let mut at = y0;
        // Dashes: it is no motion from one to the other.
        while at < y1 {
            painter.vline(x, at..=(at + 4.0).min(y1), stroke);
            at += 7.0;
        }
    }
}

/// An arrow from the row of who took the CPU to the row of who lost it.
#[expect(clippy::too_many_arguments, reason = "two places and how they are drawn")]
fn arrow(painter: &Painter, x: f32, from: f32, to: f32, rect: Rect, width: f32, color: egui::Color32, theme: &Theme) {
    let (y0, y1) = (from.clamp(rect.top(), rect.bottom()), to.clamp(rect.top(), rect.bottom()));
    if y0 == y1 {
        return;
    }
    let down = y1 > y0;
    let tip = if y1 == to { y1 + if down { -7.0 } else { 7.0 } } else { y1 };
    let back = tip + if down { -7.0 } else { 7.0 };
    let mut painting = Painting::default();
    let shaft = |w: f32| Rect::from_x_y_ranges(x - w / 2.0..=x + w / 2.0, y0.min(back)..=y0.max(back));
    painting.rect(shaft(width + 3.0), theme.ground.gamma_multiply(0.8));
    painting.rect(shaft(width), color);
    painting.rect(Rect::from_center_size(pos2(x, y0), egui::vec2(5.0, 5.0)), color);
    painting.triangle([pos2(x, tip), pos2(x - 5.0, back), pos2(x + 5.0, back)], color);
    painter.add(painting.mesh);
}
