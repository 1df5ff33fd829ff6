//! Axis-aligned rectangles: most of a timeline (one colour each) and all of its text (one glyph each).
//!
//! egui emits them as two triangles. Recognising the pair saves the work on edges and gradients; coverage and colours
//! are those that the two triangles would give.

use egui::Color32;
use egui::epaint::Vertex;

use super::blend::{Pixel, modulate, over};
use super::clip::PixelRect;
use super::texture::Sampler;

/// Two triangles that make up an axis-aligned rectangle of one vertex colour, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quad {
    /// Left and right.
    pub(super) x: [f32; 2],
    /// Top and bottom.
    pub(super) y: [f32; 2],
    /// Texture coordinate at the left and at the right.
    pub(super) u: [f32; 2],
    /// Texture coordinate at the top and at the bottom.
    pub(super) v: [f32; 2],
    pub(super) color: Color32,
}

impl Quad {
    /// Recognises a rectangle in the corners of two consecutive triangles, whatever their order and winding.
    pub(super) fn recognise(corners: [&Vertex; 6]) -> Option<Self> {
        let color = corners[0].color;
        if corners.iter().any(|corner| corner.color != color) {
            return None;
        }
        let [a, b, c, ..] = corners.map(|corner| corner.pos);
        let x = [a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x)];
        let y = [a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y)];
        // Not `>=`: NaN has to fail as well.
        let proper = x[0] < x[1] && y[0] < y[1];
        if !proper || !(x[1] - x[0]).is_finite() || !(y[1] - y[0]).is_finite() {
            return None;
        }

        // Corners are numbered in two bits, right and bottom; each triangle leaves one number out, and the two
        // missing ones must lie on a diagonal.
        let mut u = [None; 2];
        let mut v = [None; 2];
        let mut numbers = [0_usize; 6];
        for (number, corner) in numbers.iter_mut().zip(corners) {
            let right = side_of(x, corner.pos.x)?;
            let bottom = side_of(y, corner.pos.y)?;
            if *u[right].get_or_insert(corner.uv.x) != corner.uv.x
                || *v[bottom].get_or_insert(corner.uv.y) != corner.uv.y
            {
                return None;
            }
            *number = right | bottom << 1;
        }
        let missing = |triangle: &[usize]| {
            let [a, b, c] = [triangle[0], triangle[1], triangle[2]];
            (a != b && b != c && c != a).then_some(a ^ b ^ c)
        };
        let (first, second) = numbers.split_at(3);
        if missing(first)? ^ missing(second)? != 3 {
            return None;
        }
        Some(Self { x, y, u: [u[0]?, u[1]?], v: [v[0]?, v[1]?], color })
    }
}

fn side_of(sides: [f32; 2], position: f32) -> Option<usize> {
    sides.iter().position(|side| *side == position)
}

/// A textured rectangle, ready to be painted.
pub(super) struct TexturedQuad<'a> {
    pub(super) sampler: Sampler<'a>,
    pub(super) color: Pixel,
    /// Texel column as a function of the pixel column.
    pub(super) column: Ramp,
    /// Texel row as a function of the pixel row.
    pub(super) row: Ramp,
}

/// A linear function of a pixel's index, by its value at the centre of pixel 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    start: f64,
    pub(super) step: f64,
}

impl Ramp {
    /// The ramp that has `values` at the two `positions` (in pixels, not at their centres).
    pub(super) fn new(positions: [f64; 2], values: [f64; 2]) -> Self {
        let step = (values[1] - values[0]) / (positions[1] - positions[0]);
        Self { start: values[0] + (0.5 - positions[0]) * step, step }
    }

    fn at(self, pixel: i32) -> f64 {
        self.start + f64::from(pixel) * self.step
    }
}

impl TexturedQuad<'_> {
    /// Paints the row `y` of `bounds`; `row` holds the whole row of the picture.
    pub(super) fn paint_row(&self, row: &mut [Pixel], y: i32, bounds: PixelRect) {
        let texel_row = self.row.at(y);
        let columns = bounds.left..bounds.right;
        for (pixel, x) in row[bounds.left as usize..].iter_mut().zip(columns) {
            let texel = self.sampler.sample(self.column.at(x), texel_row);
            // Most of a glyph's rectangle is empty.
            if texel != [0; 4] {
                *pixel = over(*pixel, modulate(texel, self.color));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Mesh, Rect, pos2};

    fn corners(mesh: &Mesh) -> [&Vertex; 6] {
        std::array::from_fn(|i| &mesh.vertices[mesh.indices[i] as usize])
    }

    fn sample_mesh() -> Mesh {
        let mut mesh = Mesh::default();
        let rect = Rect::from_min_max(pos2(1.0, 2.0), pos2(4.0, 8.0));
        let uv = Rect::from_min_max(pos2(0.25, 0.5), pos2(0.75, 1.0));
        mesh.add_rect_with_uv(rect, uv, Color32::RED);
        mesh
    }

    #[test]
    fn rectangles_are_recognised_in_any_order() {
        let mut mesh = sample_mesh();
        let expect = Quad { x: [1.0, 4.0], y: [2.0, 8.0], u: [0.25, 0.75], v: [0.5, 1.0], color: Color32::RED };
        let orders: [[u32; 6]; 4] = [[0, 1, 2, 2, 1, 3], [0, 1, 3, 0, 3, 2], [2, 1, 0, 3, 1, 2], [3, 2, 0, 1, 0, 3]];
        for order in orders {
            mesh.indices = order.to_vec();
            assert_eq!(Quad::recognise(corners(&mesh)), Some(expect), "{order:?}");
        }
    }

    #[test]
    fn other_pairs_are_not() {
        let mut mesh = sample_mesh();
        let orders: [[u32; 6]; 4] = [[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 3], [0, 1, 2, 2, 2, 3], [0, 0, 3, 0, 3, 2]];
        for order in orders {
            mesh.indices = order.to_vec();
            assert_eq!(Quad::recognise(corners(&mesh)), None, "{order:?}");
        }
    }

    #[test]
    fn gradients_slants_and_nonsense_are_not() {
        let damages: [fn(&mut Vertex); 5] = [
            |vertex| vertex.color = Color32::BLUE,
            |vertex| vertex.pos.x += 0.5,
            |vertex| vertex.uv.y += 0.5,
            |vertex| vertex.pos.y = f32::NAN,
            |vertex| vertex.pos.x = f32::INFINITY,
        ];
        for damage in damages {
            for index in 0..4 {
                let mut mesh = sample_mesh();
                damage(&mut mesh.vertices[index]);
                assert_eq!(Quad::recognise(corners(&mesh)), None);
            }
        }
    }

    #[test]
    fn ramps_are_evaluated_at_centres() {
        let ramp = Ramp::new([10.0, 12.0], [0.0, 1.0]);
        assert_eq!([ramp.at(10), ramp.at(11)], [0.25, 0.75]);
    }
}
