//! What a pane may add to the timeline that it is made of.

use egui::{Painter, Rect, Ui};

use crate::window::axis::TimeScale;
use crate::window::command::RowRef;
use crate::window::timeline::Hovered;

/// Drawn over the states, and said of them, in place of wake-ups and of what states mean.
pub trait Overlay {
    /// Draws over the states in `area`. `place` tells top and height of a row, if it is shown.
    fn paint(&self, painter: &Painter, area: Rect, scale: &TimeScale, place: &dyn Fn(RowRef) -> Option<(f32, f32)>);

    /// What is under the pointer, in words.
    fn tooltip_ui(&self, ui: &mut Ui, at: &Hovered);
}
