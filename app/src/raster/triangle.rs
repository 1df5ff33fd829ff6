//! Triangles in general: rounded corners, circles, slanted lines, the soft edges of everything.
//!
//! Edges are integers on the subpixel grid, so whether a pixel is inside is decided exactly. Instead of testing every
//! pixel of the bounding box, each row solves the three edge inequalities for the run of pixels that is inside: egui's
//! soft edges are long and one pixel thin, and their bounding boxes would be mostly empty.

use std::ops::Range;

use super::blend::{Pixel, modulate, over, over_run};
use super::clip::{Corner, PixelRect, SUBPIXELS, snap};
use super::texture::Sampler;

/// A triangle, ready to be painted.
pub(super) struct Triangle<'a> {
    edges: [Edge; 3],
    shade: Shade<'a>,
}

/// What the inside looks like.
enum Shade<'a> {
    /// One colour.
    Flat(Pixel),
    /// Colours of the corners, interpolated; already multiplied with the texture's colour.
    Gradient([Plane; 4]),
    /// A texture, multiplied with one colour.
    Textured(Sampler<'a>, [Plane; 2], Pixel),
    /// A texture, multiplied with interpolated colours.
    TexturedGradient(Sampler<'a>, [Plane; 2], [Plane; 4]),
}

/// How a triangle is textured.
#[derive(Clone, Copy)]
pub(super) enum Surface<'a> {
    /// With one texel everywhere: nearly always the white one.
    Texel(Pixel),
    /// With this texture.
    Texture(&'a super::texture::Texture),
}

impl<'a> Triangle<'a> {
    /// Prepares a triangle; also returns the pixels it may touch, within `clip`. `None` if it touches none.
    pub(super) fn new(corners: [Corner; 3], surface: Surface<'a>, clip: PixelRect) -> Option<(Self, PixelRect)> {
        let [a, mut b, mut c] = corners;
        let grid = |corner: &Corner| corner.position.map(snap);
        let doubled_area = {
            let ([ax, ay], [bx, by], [cx, cy]) = (grid(&a), grid(&b), grid(&c));
            (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        };
        // Both windings are to be painted; one of them is enough to think about.
        match doubled_area {
            0 => return None,
            1.. => {}
            _ => std::mem::swap(&mut b, &mut c),
        }
        let points = [grid(&a), grid(&b), grid(&c)];
        let min = |axis: usize| points.iter().map(|p| p[axis]).min().unwrap_or(0);
        let max = |axis: usize| points.iter().map(|p| p[axis]).max().unwrap_or(0);
        let bounds = PixelRect::covered([min(0), min(1)], [max(0), max(1)]).intersect(clip);
        if bounds.is_empty() {
            return None;
        }
        let edges = [Edge::new(points[0], points[1]), Edge::new(points[1], points[2]), Edge::new(points[2], points[0])];
        let shade = Shade::new(&[a, b, c], points, surface);
        Some((Self { edges, shade }, bounds))
    }

    /// Paints the row `y` of `bounds`; `row` holds the whole row of the picture.
    pub(super) fn paint_row(&self, row: &mut [Pixel], y: i32, bounds: PixelRect) {
        let run = self.run(y, bounds);
        if !run.is_empty() {
            self.shade.paint_run(&mut row[run.start as usize..run.end as usize], run.start, y);
        }
    }

    /// The pixels of row `y` that are inside all three edges.
    fn run(&self, y: i32, bounds: PixelRect) -> Range<i32> {
        let mut run = i64::from(bounds.left)..i64::from(bounds.right);
        for edge in &self.edges {
            let offset = edge.offset + edge.per_row * i64::from(y);
            let slope = edge.per_column;
            if slope > 0 {
                run.start = run.start.max(-offset.div_euclid(slope));
            } else if slope < 0 {
                run.end = run.end.min(offset.div_euclid(-slope) + 1);
            } else if offset < 0 {
                return 0..0;
            }
        }
        if run.start < run.end { run.start as i32..run.end as i32 } else { 0..0 }
    }
}

/// The inside of an edge: the pixels where `offset + per_column · x + per_row · y >= 0`.
struct Edge {
    offset: i64,
    per_column: i64,
    per_row: i64,
}

impl Edge {
    fn new([from_x, from_y]: [i64; 2], [to_x, to_y]: [i64; 2]) -> Self {
        let (dx, dy) = (to_x - from_x, to_y - from_y);
        // Pixels centred exactly on an edge belong to the triangle of which it is a left or a top edge.
        let owns_its_centres = dy < 0 || (dy == 0 && dx > 0);
        Self {
            offset: dx * (128 - from_y) - dy * (128 - from_x) - i64::from(!owns_its_centres),
            per_column: -dy << 8,
            per_row: dx << 8,
        }
    }
}

/// A linear function over the picture.
///
/// The value is given at one corner, not at the picture's origin: extrapolating the gradient of a very thin triangle
/// that far and back would cancel all its digits.
#[derive(Clone, Copy)]
struct Plane {
    anchor: [f64; 2],
    value: f64,
    per_column: f64,
    per_row: f64,
}

impl Plane {
    /// The value at a pixel's centre.
    fn at(&self, x: i32, y: i32) -> f64 {
        self.value + self.per_column * (f64::from(x) - self.anchor[0]) + self.per_row * (f64::from(y) - self.anchor[1])
    }
}

impl<'a> Shade<'a> {
    fn new(corners: &[Corner; 3], points: [[i64; 2]; 3], surface: Surface<'a>) -> Self {
        let pixels = points.map(|point| point.map(|p| p as f64 / SUBPIXELS));
        let from_first = |i: usize| [pixels[i][0] - pixels[0][0], pixels[i][1] - pixels[0][1]];
        let ([x1, y1], [x2, y2]) = (from_first(1), from_first(2));
        let doubled_area = x1 * y2 - y1 * x2;
        let plane = |[at0, at1, at2]: [f64; 3]| Plane {
            anchor: [pixels[0][0] - 0.5, pixels[0][1] - 0.5],
            value: at0,
            per_column: ((at1 - at0) * y2 - (at2 - at0) * y1) / doubled_area,
            per_row: ((at2 - at0) * x1 - (at1 - at0) * x2) / doubled_area,
        };
        let color_planes = |texel: Pixel| {
            std::array::from_fn(|channel| {
                let factor = f64::from(texel[channel]) / 255.0;
                plane(corners.map(|corner| corner.color[channel] * factor))
            })
        };
        let uniform = (corners[0].color == corners[1].color && corners[0].color == corners[2].color)
            .then(|| corners[0].color.map(|channel| channel as u8));

        match (surface, uniform) {
            (Surface::Texel(texel), Some(color)) => Self::Flat(modulate(texel, color)),
            (Surface::Texel(texel), None) => Self::Gradient(color_planes(texel)),
            (Surface::Texture(texture), uniform) => {
                let texels = [0, 1].map(|axis| plane(corners.map(|corner| corner.texel[axis])));
                let step = |per: fn(&Plane) -> f64| per(&texels[0]).hypot(per(&texels[1]));
                let scale = step(|plane| plane.per_column).max(step(|plane| plane.per_row));
                let sampler = texture.sampler(scale);
                match uniform {
                    Some(color) => Self::Textured(sampler, texels, color),
                    None => Self::TexturedGradient(sampler, texels, color_planes([255; 4])),
                }
            }
        }
    }

    fn paint_run(&self, run: &mut [Pixel], left: i32, y: i32) {
        match self {
            Self::Flat(color) => over_run(run, *color),
            Self::Gradient(planes) => {
                let colors = ColorRun::new(planes, left, y);
                for (index, pixel) in run.iter_mut().enumerate() {
                    *pixel = over(*pixel, colors.at(index));
                }
            }
            Self::Textured(sampler, [u, v], color) => {
                for (pixel, x) in run.iter_mut().zip(left..) {
                    let texel = sampler.sample(u.at(x, y), v.at(x, y));
                    *pixel = over(*pixel, modulate(texel, *color));
                }
            }
            Self::TexturedGradient(sampler, [u, v], planes) => {
                let colors = ColorRun::new(planes, left, y);
                for ((index, pixel), x) in run.iter_mut().enumerate().zip(left..) {
                    let texel = sampler.sample(u.at(x, y), v.at(x, y));
                    *pixel = over(*pixel, modulate(texel, colors.at(index)));
                }
            }
        }
    }
}

/// Interpolated colours along a run of pixels, in single precision: within a run the values stay within 0–255.
struct ColorRun {
    start: [f32; 4],
    step: [f32; 4],
}

impl ColorRun {
    fn new(planes: &[Plane; 4], left: i32, y: i32) -> Self {
        Self {
            // The half rounds to nearest when the fraction is cut off.
            start: planes.each_ref().map(|plane| plane.at(left, y) as f32 + 0.5),
            step: planes.each_ref().map(|plane| plane.per_column as f32),
        }
    }

    #[inline(always)]
    fn at(&self, index: usize) -> Pixel {
        // The cast saturates, so that rounding at a corner cannot turn white into black.
        std::array::from_fn(|channel| (self.start[channel] + self.step[channel] * index as f32) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: PixelRect = PixelRect { left: 0, top: 0, right: 12, bottom: 12 };

    fn corners(positions: [[f64; 2]; 3], colors: [f64; 3]) -> [Corner; 3] {
        std::array::from_fn(|i| Corner { position: positions[i], texel: [0.0; 2], color: [colors[i], 0.0, 0.0, 255.0] })
    }

    /// How often each pixel is painted.
    fn coverage(triangles: &[[[f64; 2]; 3]]) -> Vec<u32> {
        let mut counts = vec![0; 144];
        for positions in triangles {
            let corners = corners(*positions, [1.0; 3]);
            let surface = Surface::Texel([255; 4]);
            let Some((triangle, bounds)) = Triangle::new(corners, surface, PICTURE) else {
                continue;
            };
            for y in bounds.top..bounds.bottom {
                for x in triangle.run(y, bounds) {
                    counts[(y * 12 + x) as usize] += 1;
                }
            }
        }
        counts
    }

    #[test]
    fn a_fan_around_a_pixel_centre_paints_each_pixel_once() {
        // All edges through a centre, several through many: every tie there is.
        let centre = [5.5, 5.5];
        let rim =
            [[0.5, 0.5], [5.5, 0.5], [10.5, 0.5], [10.5, 5.5], [10.5, 10.5], [3.5, 10.5], [0.5, 10.5], [0.5, 5.5]];
        let mut triangles = Vec::new();
        for (index, from) in rim.iter().enumerate() {
            let to = rim[(index + 1) % rim.len()];
            // Alternate the winding: it must not matter.
            triangles.push(if index % 2 == 0 { [centre, *from, to] } else { [centre, to, *from] });
        }
        let counts = coverage(&triangles);
        for (index, count) in counts.iter().enumerate() {
            let inside = index % 12 < 10 && index / 12 < 10;
            assert_eq!(*count, u32::from(inside), "pixel {} {}", index % 12, index / 12);
        }
    }

    #[test]
    fn slivers_that_meet_leave_no_gap() {
        let mut triangles = Vec::new();
        for step in 0..40 {
            let (from, to) = (f64::from(step) * 0.3, f64::from(step + 1) * 0.3);
            triangles.push([[from, 0.0], [to, 0.0], [from + 0.1, 12.0]]);
            triangles.push([[to, 0.0], [from + 0.1, 12.0], [to + 0.1, 12.0]]);
        }
        let counts = coverage(&triangles);
        assert!(counts.iter().all(|count| *count <= 1), "no overlap");
        for row in counts.chunks(12) {
            assert!(row[1..].iter().all(|count| *count == 1), "no gap");
        }
    }

    #[test]
    fn degenerate_triangles_paint_nothing() {
        let line = [[1.0, 1.0], [5.0, 5.0], [9.0, 9.0]];
        let point = [[3.0, 3.0]; 3];
        let below_the_grid = [[3.5, 3.5], [3.5001, 3.5], [3.5, 3.5001]];
        let counts = coverage(&[line, point, below_the_grid]);
        assert!(counts.iter().all(|count| *count == 0));
    }

    #[test]
    fn gradients_are_evaluated_at_centres() {
        let corners = corners([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], [0.0, 200.0, 0.0]);
        let built = Triangle::new(corners, Surface::Texel([255; 4]), PICTURE);
        let (triangle, bounds) = built.expect("it is inside the picture");
        let mut row = [[0, 0, 0, 255]; 12];
        triangle.paint_row(&mut row, 0, bounds);
        let reds: Vec<u8> = row.iter().map(|pixel| pixel[0]).collect();
        // 20 per pixel. The centre of the tenth lies on the long side, which is a right edge.
        assert_eq!(reds, [10, 30, 50, 70, 90, 110, 130, 150, 170, 0, 0, 0]);
    }

    #[test]
    fn thin_steep_gradients_stay_between_their_ends() {
        // A soft edge far from the origin, thinner than a pixel.
        let far = PixelRect { left: 4000, top: 3000, right: 4100, bottom: 3100 };
        let positions = [[4000.0, 3050.49], [4100.0, 3050.49], [4100.0, 3050.51]];
        let corners = corners(positions, [255.0, 255.0, 0.0]);
        let built = Triangle::new(corners, Surface::Texel([255; 4]), far);
        let (triangle, bounds) = built.expect("it touches centres");
        let mut row = vec![[0, 0, 0, 255]; 4100];
        triangle.paint_row(&mut row, 3050, bounds);
        let painted: Vec<u8> = row.iter().map(|p| p[0]).filter(|red| *red > 0).collect();
        assert!(!painted.is_empty());
        assert!(painted.is_sorted() || painted.iter().rev().is_sorted());
    }
}
