//! From egui's points to pixels: clip rectangles, the subpixel grid, and triangles too large for it.

use egui::Rect;

/// Vertices lie on a grid of 1/256 pixel, as on GPUs: edges are then integers, and a shared edge is the same edge
/// for both triangles, to the last bit.
pub(super) const SUBPIXELS: f64 = 256.0;

/// Coordinates beyond this many pixels are cut off. Far outside any picture, and small enough that products of two
/// differences on the subpixel grid fit into 64 bits with room to spare.
pub(super) const GUARD: f64 = (1 << 20) as f64;

/// A rectangle of whole pixels; the ends are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelRect {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

impl PixelRect {
    /// The clip rectangle of a mesh, rounded and clamped to the picture exactly as `egui_glow` does it.
    pub(super) fn scissor(clip_rect: Rect, pixels_per_point: f32, size: [u32; 2]) -> Self {
        let [width, height] = size.map(|side| i32::try_from(side).unwrap_or(i32::MAX));
        let round = |points: f32| (pixels_per_point * points).round() as i32;
        let left = round(clip_rect.min.x).clamp(0, width);
        let top = round(clip_rect.min.y).clamp(0, height);
        Self {
            left,
            top,
            right: round(clip_rect.max.x).clamp(left, width),
            bottom: round(clip_rect.max.y).clamp(top, height),
        }
    }

    /// The pixels whose centres lie between two corners on the subpixel grid.
    pub(super) fn covered(min: [i64; 2], max: [i64; 2]) -> Self {
        Self {
            left: first_pixel(min[0]),
            top: first_pixel(min[1]),
            right: first_pixel(max[0]),
            bottom: first_pixel(max[1]),
        }
    }

    pub(super) fn intersect(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }
}

/// The first pixel whose centre is not before a position on the subpixel grid.
///
/// A centre exactly on a left or top edge is inside, one on a right or bottom edge outside: neighbours that share an
/// edge share no pixel and leave none out.
fn first_pixel(subpixels: i64) -> i32 {
    ((subpixels + 127) >> 8) as i32
}

/// The nearest point of the subpixel grid; beyond [`GUARD`], the guard's edge.
pub(super) fn snap(pixels: f64) -> i64 {
    (pixels.clamp(-GUARD, GUARD) * SUBPIXELS + 0.5).floor() as i64
}

/// A corner of a triangle: position in pixels, position in the texture in texels, colour as 0–255 floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Corner {
    pub(super) position: [f64; 2],
    pub(super) texel: [f64; 2],
    pub(super) color: [f64; 4],
}

impl Corner {
    /// The point a fraction `t` of the way to `other`.
    fn towards(&self, other: &Self, t: f64) -> Self {
        let mix = |a: f64, b: f64| a * (1.0 - t) + b * t;
        Self {
            position: std::array::from_fn(|i| mix(self.position[i], other.position[i])),
            texel: std::array::from_fn(|i| mix(self.texel[i], other.texel[i])),
            color: std::array::from_fn(|i| mix(self.color[i], other.color[i])),
        }
    }
}

/// Cuts a triangle to the square within [`GUARD`] of the origin and passes on the triangles that remain: itself,
/// nearly always.
///
/// Cuts are exact to a pixel for coordinates up to some 10¹⁵, where single-precision input has long lost its pixels.
pub(super) fn within_guard(triangle: [Corner; 3], mut emit: impl FnMut([Corner; 3])) {
    let fits = |corner: &Corner| corner.position.iter().all(|p| p.abs() <= GUARD);
    if triangle.iter().all(fits) {
        return emit(triangle);
    }
    let mut polygon = triangle.to_vec();
    for axis in [0, 1] {
        for sign in [1.0, -1.0] {
            polygon = cut(&polygon, axis, sign);
        }
    }
    for index in 2..polygon.len() {
        emit([polygon[0], polygon[index - 1], polygon[index]]);
    }
}

/// The part of a convex polygon where `sign · position[axis] <= GUARD`.
fn cut(polygon: &[Corner], axis: usize, sign: f64) -> Vec<Corner> {
    let excess = |corner: &Corner| sign * corner.position[axis] - GUARD;
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    for (index, corner) in polygon.iter().enumerate() {
        let next = &polygon[(index + 1) % polygon.len()];
        let (here, there) = (excess(corner), excess(next));
        if here <= 0.0 {
            kept.push(*corner);
        }
        if (here <= 0.0) != (there <= 0.0) {
            // Always from inside to outside: the neighbour across this edge walks it the other way round, and must
            // find the same point.
            let mut crossing = if here <= 0.0 {
                corner.towards(next, here / (here - there))
            } else {
                next.towards(corner, there / (there - here))
            };
            crossing.position[axis] = sign * GUARD;
            kept.push(crossing);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{pos2, vec2};

    fn corner(x: f64, y: f64) -> Corner {
        Corner { position: [x, y], texel: [x, y], color: [255.0; 4] }
    }

    #[test]
    fn scissors_round_and_clamp() {
        let clip = |x0, y0, x1, y1| {
            let rect = Rect::from_min_max(pos2(x0, y0), pos2(x1, y1));
            let PixelRect { left, top, right, bottom } = PixelRect::scissor(rect, 2.0, [100, 50]);
            [left, top, right, bottom]
        };
        assert_eq!(clip(1.0, 2.0, 3.0, 4.0), [2, 4, 6, 8]);
        assert_eq!(clip(1.2, 1.25, 3.3, 3.1), [2, 3, 7, 6]);
        assert_eq!(clip(-9.0, -9.0, 900.0, f32::INFINITY), [0, 0, 100, 50]);
        assert_eq!(clip(30.0, 20.0, 10.0, 10.0), [60, 40, 60, 40], "inverted is empty");
        assert_eq!(clip(f32::NAN, f32::NAN, f32::NAN, f32::NAN), [0; 4]);
        let everything = PixelRect::scissor(Rect::EVERYTHING, 1.0, [7, 8]);
        assert_eq!((everything.right, everything.bottom), (7, 8));
        let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(1.0, 1.0));
        assert!(PixelRect::scissor(rect, 1.0, [0, 0]).is_empty());
    }

    #[test]
    fn pixels_belong_to_the_rectangle_that_has_their_centre() {
        let pixels = |from: f64, to: f64| {
            let rect = PixelRect::covered([snap(from); 2], [snap(to); 2]);
            rect.left..rect.right
        };
        assert_eq!(pixels(1.0, 3.0), 1..3);
        assert_eq!(pixels(0.5, 2.5), 0..2, "the left edge owns the centre, the right edge does not");
        assert_eq!(pixels(0.51, 2.51), 1..3);
        assert_eq!(pixels(-2.0, 1.0), -2..1);
    }

    #[test]
    fn large_triangles_are_cut_to_the_guard() {
        let mut pieces = Vec::new();
        let far = 1e12;
        let triangle = [corner(-far, -far), corner(far, -far), corner(-far, far)];
        within_guard(triangle, |piece| pieces.push(piece));
        assert!(!pieces.is_empty() && pieces.len() <= 5);
        let mut doubled_area = 0.0;
        for [a, b, c] in &pieces {
            for corner in [a, b, c] {
                assert!(corner.position.iter().all(|p| p.abs() <= GUARD));
            }
            let side = |p: &Corner| [p.position[0] - a.position[0], p.position[1] - a.position[1]];
            doubled_area += side(b)[0] * side(c)[1] - side(b)[1] * side(c)[0];
        }
        // The triangle's long side runs through the centre: half of the square is left.
        assert!((doubled_area / (4.0 * GUARD * GUARD) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn triangles_beyond_the_guard_vanish() {
        let triangle = [corner(2e6, 0.0), corner(3e6, 0.0), corner(2e6, 9.0)];
        within_guard(triangle, |_| panic!("nothing is left of it"));
    }
}
