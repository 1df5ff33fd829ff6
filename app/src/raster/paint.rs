//! Painting a frame's meshes into a picture, in horizontal bands that do not depend on each other.

use egui::ClippedPrimitive;
use image::RgbaImage;
use rayon::prelude::*;

use super::scene::Scene;
use super::texture::Textures;

/// Rows per band: a band of a wide picture stays in the second-level cache, and a usual window has some 30 bands to
/// share among threads.
const BAND_ROWS: usize = 32;

/// What a frame consisted of, and what could not be painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaintStats {
    /// Axis-aligned rectangles of one colour, plain or textured.
    pub quads: usize,
    /// All other triangles.
    pub triangles: usize,
    /// Paint callbacks, which only a GPU can run: their place in the picture stays empty.
    pub callbacks_skipped: usize,
    /// Meshes with a texture that was never set; not painted.
    pub meshes_without_texture: usize,
    /// Triangles with indices that point nowhere or with positions that are not finite; not painted.
    pub malformed_triangles: usize,
}

/// Paints the meshes of one frame over `image`, at `pixels_per_point`.
///
/// Uses the rayon pool it is called in; the result is the same with any number of threads. Never panics on strange
/// meshes: what cannot be painted is counted in the result.
pub fn paint(
    image: &mut RgbaImage,
    primitives: &[ClippedPrimitive],
    pixels_per_point: f32,
    textures: &Textures,
) -> PaintStats {
    let (width, height) = image.dimensions();
    let scene = Scene::new(primitives, [width, height], pixels_per_point, textures);
    let width = width as usize;
    if width == 0 || height == 0 {
        return scene.stats;
    }

    let mut bands = vec![Vec::new(); (height as usize).div_ceil(BAND_ROWS)];
    for (index, item) in scene.items().iter().enumerate() {
        let first = item.bounds.top as usize / BAND_ROWS;
        let last = (item.bounds.bottom as usize - 1) / BAND_ROWS;
        for band in &mut bands[first..=last] {
            band.push(index);
        }
    }

    let (pixels, _) = image.as_chunks_mut::<4>();
    pixels.par_chunks_mut(width * BAND_ROWS).zip(bands).enumerate().for_each(|(band, (pixels, indices))| {
        let top = (band * BAND_ROWS) as i32;
        let bottom = top + (pixels.len() / width) as i32;
        for index in indices {
            scene.paint_item(&scene.items()[index], pixels, width, top, bottom);
        }
    });
    scene.stats
}
