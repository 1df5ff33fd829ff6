//! Quads, stripes and dots in one mesh: what a pane is painted with.
//!
//! Everything is snapped to physical pixels, so that nothing shimmers while the picture moves.

use egui::{Color32, Mesh, Pos2, Rect, pos2};

/// A mesh that counts its quads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Painting {
    /// The mesh.
    pub(crate) mesh: Mesh,
}

impl Painting {
    /// How many quads' worth of triangles it holds.
    pub(crate) fn quads(&self) -> usize {
        self.mesh.indices.len().div_ceil(6)
    }

    /// A filled rectangle.
    pub(crate) fn rect(&mut self, rect: Rect, color: Color32) {
        if rect.is_positive() {
            self.mesh.add_colored_rect(rect, color);
        }
    }

    /// A frame inside of `rect`.
    pub(crate) fn frame(&mut self, rect: Rect, width: f32, color: Color32) {
        let Rect { min, max } = rect;
        self.rect(Rect::from_min_max(min, pos2(max.x, min.y + width)), color);
        self.rect(Rect::from_min_max(pos2(min.x, max.y - width), max), color);
        self.rect(Rect::from_min_max(pos2(min.x, min.y + width), pos2(min.x + width, max.y - width)), color);
        self.rect(Rect::from_min_max(pos2(max.x - width, min.y + width), pos2(max.x, max.y - width)), color);
    }

    /// Stripes that rise to the right at 45°, `width` wide and `period` apart, all over `rect`. A stripe passes
    /// through `x = origin` at the rectangle's bottom: what moves with the picture gives a moving origin.
    pub(crate) fn stripes(&mut self, rect: Rect, origin: f32, period: f32, width: f32, color: Color32) {
        if !rect.is_positive() || period <= 0.0 {
            return;
        }
        let height = rect.height();
        // A stripe's foot lies on the bottom edge; it leans right by the height of the rectangle.
        let first = ((rect.left() - height - width - origin) / period).ceil();
        let mut foot = origin + first * period;
        while foot < rect.right() {
            self.stripe(rect, foot, width, color);
            foot += period;
        }
    }

    /// One stripe with its foot from `foot` to `foot + width`, cut at the rectangle's sides.
    fn stripe(&mut self, rect: Rect, foot: f32, width: f32, color: Color32) {
        let h = rect.height();
        let corners = [
            pos2(foot, rect.bottom()),
            pos2(foot + h, rect.top()),
            pos2(foot + h + width, rect.top()),
            pos2(foot + width, rect.bottom()),
        ];
        let inside = corners.iter().all(|p| rect.left() <= p.x && p.x <= rect.right());
        if inside {
            self.polygon(&corners, color);
            return;
        }
        let left = cut(&corners, |p| p.x - rect.left());
        let both = cut(&left, |p| rect.right() - p.x);
        self.polygon(&both, color);
    }

    fn polygon(&mut self, corners: &[Pos2], color: Color32) {
        if corners.len() < 3 {
            return;
        }
        let first = self.mesh.vertices.len() as u32;
        for corner in corners {
            self.mesh.colored_vertex(*corner, color);
        }
        for n in 1..corners.len() as u32 - 1 {
            self.mesh.add_triangle(first, first + n, first + n + 1);
        }
    }

    /// Sparse dots of `size` on a line along the middle of `rect`, placed as [`Painting::stripes`] are.
    pub(crate) fn dots(&mut self, rect: Rect, origin: f32, period: f32, size: f32, color: Color32) {
        if !rect.is_positive() || period <= 0.0 {
            return;
        }
        let mut x = origin + ((rect.left() - origin) / period).ceil() * period;
        let y = rect.center().y - size / 2.0;
        while x + size <= rect.right() {
            self.rect(Rect::from_min_size(pos2(x, y), egui::vec2(size, size)), color);
            x += period;
        }
    }

    /// A filled triangle.
    pub(crate) fn triangle(&mut self, corners: [Pos2; 3], color: Color32) {
        self.polygon(&corners, color);
    }
}

/// The part of a convex polygon where `inside` is not negative; `inside` must be linear.
fn cut(corners: &[Pos2], inside: impl Fn(Pos2) -> f32) -> Vec<Pos2> {
    let mut out = Vec::with_capacity(corners.len() + 2);
    for (n, a) in corners.iter().enumerate() {
        let b = corners[(n + 1) % corners.len()];
        let (da, db) = (inside(*a), inside(b));
        if da >= 0.0 {
            out.push(*a);
        }
        if (da >= 0.0) != (db >= 0.0) {
            out.push(*a + (b - *a) * (da / (da - db)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_stay_inside_and_cover_their_share() {
        let rect = Rect::from_min_max(pos2(10.0, 5.0), pos2(110.0, 19.0));
        let mut painting = Painting::default();
        painting.stripes(rect, 3.0, 10.0, 4.0, Color32::RED);
        let mut area = 0.0;
        let v = &painting.mesh.vertices;
        for t in painting.mesh.triangles() {
            let [a, b, c] = t.map(|i| v[i as usize].pos);
            for p in [a, b, c] {
                assert!(rect.expand(0.01).contains(p), "{p:?}");
            }
            area += ((b - a).x * (c - a).y - (b - a).y * (c - a).x).abs() / 2.0;
        }
        assert!((area - 0.4 * rect.area()).abs() < 0.02 * rect.area(), "{area} of {}", rect.area());
    }
}
