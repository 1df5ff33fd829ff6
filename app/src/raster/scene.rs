//! A frame as a flat list of clipped things to paint, in order: what remains of egui's meshes once clip rectangles,
//! textures and shapes have been looked at.

use egui::epaint::{Primitive, Vertex};
use egui::{ClippedPrimitive, Mesh};

use super::blend::{Pixel, modulate, over_run};
use super::clip::{Corner, PixelRect, snap, within_guard};
use super::paint::PaintStats;
use super::quad::{Quad, Ramp, TexturedQuad};
use super::texture::{Texture, Textures};
use super::triangle::{Surface, Triangle};

/// Everything to paint, first things first.
#[derive(Default)]
pub(super) struct Scene<'a> {
    items: Vec<Item>,
    quads: Vec<TexturedQuad<'a>>,
    triangles: Vec<Triangle<'a>>,
    pub(super) stats: PaintStats,
}

/// One thing to paint, and the pixels it may touch (never none, always within the picture).
pub(super) struct Item {
    pub(super) bounds: PixelRect,
    kind: Kind,
}

/// The rare and large kinds live in lists of their own, so that the many plain rectangles stay small.
enum Kind {
    Plain(Pixel),
    Quad(usize),
    Triangle(usize),
}

impl<'a> Scene<'a> {
    /// Looks at all meshes of a frame.
    pub(super) fn new(
        primitives: &[ClippedPrimitive],
        size: [u32; 2],
        pixels_per_point: f32,
        textures: &'a Textures,
    ) -> Self {
        let mut scene = Self::default();
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            let mesh = match primitive {
                Primitive::Mesh(mesh) => mesh,
                Primitive::Callback(_) => {
                    scene.stats.callbacks_skipped += 1;
                    continue;
                }
            };
            let clip = PixelRect::scissor(*clip_rect, pixels_per_point, size);
            if clip.is_empty() || mesh.indices.is_empty() {
                continue;
            }
            match textures.get(mesh.texture_id) {
                Some(texture) => {
                    MeshReader { scene: &mut scene, clip, scale: f64::from(pixels_per_point), texture }.read(mesh)
                }
                None => scene.stats.meshes_without_texture += 1,
            }
        }
        scene
    }

    /// The things to paint, in order.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Paints the rows `top..bottom` of one item into `pixels`, whose first row is `top`.
    pub(super) fn paint_item(&self, item: &Item, pixels: &mut [Pixel], width: usize, top: i32, bottom: i32) {
        let bounds = item.bounds;
        let first = bounds.top.max(top);
        let rows = pixels.chunks_exact_mut(width).skip((first - top) as usize).zip(first..bounds.bottom.min(bottom));
        match item.kind {
            Kind::Plain(color) => {
                for (row, _) in rows {
                    over_run(&mut row[bounds.left as usize..bounds.right as usize], color);
                }
            }
            Kind::Quad(index) => {
                for (row, y) in rows {
                    self.quads[index].paint_row(row, y, bounds);
                }
            }
            Kind::Triangle(index) => {
                for (row, y) in rows {
                    self.triangles[index].paint_row(row, y, bounds);
                }
            }
        }
    }
}

/// What is the same for all triangles of one mesh.
struct MeshReader<'s, 'a> {
    scene: &'s mut Scene<'a>,
    clip: PixelRect,
    scale: f64,
    texture: &'a Texture,
}

impl MeshReader<'_, '_> {
    fn read(&mut self, mesh: &Mesh) {
        let mut rest = mesh.indices.as_slice();
        while rest.len() >= 3 {
            if let Some(quad) = quad_at(mesh, rest) {
                self.add_quad(&quad);
                rest = &rest[6..];
            } else {
                match corners(mesh, rest) {
                    Some(corners) => self.add_triangle(corners),
                    None => self.scene.stats.malformed_triangles += 1,
                }
                rest = &rest[3..];
            }
        }
    }

    fn add_quad(&mut self, quad: &Quad) {
        self.scene.stats.quads += 1;
        let pixels = |points: [f32; 2]| points.map(|p| f64::from(p) * self.scale);
        let (x, y) = (pixels(quad.x), pixels(quad.y));
        let covered = PixelRect::covered([snap(x[0]), snap(y[0])], [snap(x[1]), snap(y[1])]);
        let bounds = covered.intersect(self.clip);
        if bounds.is_empty() {
            return;
        }
        let [width, height] = self.texture.size();
        let u = quad.u.map(|u| f64::from(u) * width);
        let v = quad.v.map(|v| f64::from(v) * height);
        let color = quad.color.to_array();
        let kind = if u[0] == u[1] && v[0] == v[1] {
            let texel = self.texture.sampler(0.0).sample(u[0], v[0]);
            Kind::Plain(modulate(texel, color))
        } else {
            let column = Ramp::new(x, u);
            let row = Ramp::new(y, v);
            self.scene.quads.push(TexturedQuad {
                sampler: self.texture.sampler(column.step.abs().max(row.step.abs())),
                color,
                column,
                row,
            });
            Kind::Quad(self.scene.quads.len() - 1)
        };
        self.scene.items.push(Item { bounds, kind });
    }

    fn add_triangle(&mut self, vertices: [&Vertex; 3]) {
        self.scene.stats.triangles += 1;
        if !vertices.iter().all(|vertex| vertex.pos.is_finite() && vertex.uv.is_finite()) {
            self.scene.stats.malformed_triangles += 1;
            return;
        }
        let [width, height] = self.texture.size();
        let uv = vertices[0].uv;
        let surface = if vertices.iter().all(|vertex| vertex.uv == uv) {
            let position = [f64::from(uv.x) * width, f64::from(uv.y) * height];
            Surface::Texel(self.texture.sampler(0.0).sample(position[0], position[1]))
        } else {
            Surface::Texture(self.texture)
        };
        let corners = vertices.map(|vertex| Corner {
            position: [vertex.pos.x, vertex.pos.y].map(|p| f64::from(p) * self.scale),
            texel: [f64::from(vertex.uv.x) * width, f64::from(vertex.uv.y) * height],
            color: vertex.color.to_array().map(f64::from),
        });
        let (scene, clip) = (&mut *self.scene, self.clip);
        within_guard(corners, |piece| {
            if let Some((triangle, bounds)) = Triangle::new(piece, surface, clip) {
                scene.triangles.push(triangle);
                let kind = Kind::Triangle(scene.triangles.len() - 1);
                scene.items.push(Item { bounds, kind });
            }
        });
    }
}

/// The rectangle that the next two triangles make up, if they do.
fn quad_at(mesh: &Mesh, indices: &[u32]) -> Option<Quad> {
    let [a, b, c] = corners(mesh, indices)?;
    let [d, e, f] = corners(mesh, indices.get(3..)?)?;
    Quad::recognise([a, b, c, d, e, f])
}

/// The corners of the next triangle; `None` if indices are missing or point nowhere.
fn corners<'m>(mesh: &'m Mesh, indices: &[u32]) -> Option<[&'m Vertex; 3]> {
    let corner = |i: usize| mesh.vertices.get(*indices.get(i)? as usize);
    Some([corner(0)?, corner(1)?, corner(2)?])
}
