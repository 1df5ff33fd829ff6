//! The textures of egui's frames: the font atlas and pictures, and how they are sampled.

use std::collections::HashMap;

use egui::epaint::{ImageData, ImageDelta};
use egui::{TextureFilter, TextureId, TextureOptions, TextureWrapMode, TexturesDelta};

use super::blend::Pixel;

/// All textures that egui has allocated and not yet freed.
///
/// egui sends changes, never the whole, so one store has to live as long as the `egui::Context` it belongs to.
#[derive(Default)]
pub struct Textures {
    textures: HashMap<TextureId, Texture>,
}

impl Textures {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the new and changed textures out of `delta`; to be called before painting.
    ///
    /// What is to be freed stays in `delta`: the frame it came with may still use it. See [`Textures::free`].
    pub fn set(&mut self, delta: &mut TexturesDelta) {
        let mut changes: Vec<_> = delta.set.drain().collect();
        changes.sort_by_key(|(id, _)| *id);
        for (id, deltas) in changes {
            for change in deltas {
                self.set_one(id, &change);
            }
        }
    }

    /// Drops the textures that `delta` says are no longer needed; to be called after painting.
    pub fn free(&mut self, delta: &mut TexturesDelta) {
        for id in delta.free.drain().collect::<Vec<_>>() {
            self.textures.remove(&id);
        }
    }

    /// How many textures are allocated.
    pub fn len(&self) -> usize {
        self.textures.len()
    }

    /// Whether no texture is allocated.
    pub fn is_empty(&self) -> bool {
        self.textures.is_empty()
    }

    pub(super) fn get(&self, id: TextureId) -> Option<&Texture> {
        self.textures.get(&id)
    }

    fn set_one(&mut self, id: TextureId, change: &ImageDelta) {
        let ImageData::Color(image) = &change.image;
        let [width, height] = image.size;
        // A wrong size would shift every row: rather leave the texture as it was.
        if width == 0 || height == 0 || image.pixels.len() != width * height {
            return;
        }
        let texels = image.pixels.iter().map(|color| color.to_array());
        match change.pos {
            None => {
                let texture = Texture { width, height, texels: texels.collect(), options: change.options };
                self.textures.insert(id, texture);
            }
            Some([left, top]) => {
                if let Some(texture) = self.textures.get_mut(&id) {
                    texture.options = change.options;
                    texture.patch(left, top, width, &texels.collect::<Vec<_>>());
                }
            }
        }
    }
}

/// One texture, in memory as egui sent it.
pub(super) struct Texture {
    width: usize,
    height: usize,
    texels: Vec<Pixel>,
    options: TextureOptions,
}

impl Texture {
    /// Width and height in texels; neither is zero.
    pub(super) fn size(&self) -> [f64; 2] {
        [self.width as f64, self.height as f64]
    }

    /// Overwrites a rectangle; what lies outside the texture is ignored.
    fn patch(&mut self, left: usize, top: usize, patch_width: usize, patch: &[Pixel]) {
        if left >= self.width || top >= self.height {
            return;
        }
        let width = patch_width.min(self.width - left);
        let rows = self.texels.chunks_exact_mut(self.width).skip(top);
        for (row, source) in rows.zip(patch.chunks_exact(patch_width)) {
            row[left..left + width].copy_from_slice(&source[..width]);
        }
    }

    /// The sampler for a surface on which one pixel step is at most `texels_per_pixel` texels long.
    pub(super) fn sampler(&self, texels_per_pixel: f64) -> Sampler<'_> {
        // Text is drawn one texel to one pixel, where the two filters meet; rounding must not decide between them.
        let filter = if texels_per_pixel <= 1.001 { self.options.magnification } else { self.options.minification };
        Sampler { texture: self, linear: filter == TextureFilter::Linear }
    }
}

/// A texture together with the filter that a surface uses.
#[derive(Clone, Copy)]
pub(super) struct Sampler<'a> {
    texture: &'a Texture,
    linear: bool,
}

/// Positions within a texel are kept in 1/256, as GPUs do. It also swallows rounding errors of texture coordinates
/// that are meant to hit a texel's centre, so that text comes out as it lies in the atlas.
const SUBTEXELS: f64 = 256.0;

impl Sampler<'_> {
    /// The colour at a position in texels (not in fractions of the texture's size).
    #[inline]
    pub(super) fn sample(&self, x: f64, y: f64) -> Pixel {
        // Casts from float saturate and take NaN for zero, so that no position is out of the question.
        const FAR: f64 = 1e12;
        let x = (x.clamp(-FAR, FAR) * SUBTEXELS + 0.5).floor() as i64;
        let y = (y.clamp(-FAR, FAR) * SUBTEXELS + 0.5).floor() as i64;
        if self.linear { self.bilinear(x - 128, y - 128) } else { self.texel(x >> 8, y >> 8) }
    }

    #[inline]
    fn bilinear(&self, x: i64, y: i64) -> Pixel {
        let (column, row) = (x >> 8, y >> 8);
        let (right, down) = ((x & 255) as u32, (y & 255) as u32);
        if right == 0 && down == 0 {
            return self.texel(column, row);
        }
        let corners = [
            (self.texel(column, row), (256 - right) * (256 - down)),
            (self.texel(column + 1, row), right * (256 - down)),
            (self.texel(column, row + 1), (256 - right) * down),
            (self.texel(column + 1, row + 1), right * down),
        ];
        std::array::from_fn(|channel| {
            let sum: u32 = corners.iter().map(|(texel, weight)| u32::from(texel[channel]) * weight).sum();
            ((sum + 0x8000) >> 16) as u8
        })
    }

    #[inline]
    fn texel(&self, column: i64, row: i64) -> Pixel {
        let texture = self.texture;
        let wrap = texture.options.wrap_mode;
        let column = wrapped(column, texture.width, wrap);
        let row = wrapped(row, texture.height, wrap);
        texture.texels[row * texture.width + column]
    }
}

/// Brings a texel's index into `0..length`.
#[inline]
fn wrapped(index: i64, length: usize, mode: TextureWrapMode) -> usize {
    let length = length as i64;
    let inside = match mode {
        TextureWrapMode::ClampToEdge => index.clamp(0, length - 1),
        TextureWrapMode::Repeat => index.rem_euclid(length),
        TextureWrapMode::MirroredRepeat => {
            let there_and_back = index.rem_euclid(2 * length);
            there_and_back.min(2 * length - 1 - there_and_back)
        }
    };
    inside as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Color32, ColorImage};

    fn store(options: TextureOptions) -> (Textures, TextureId) {
        let id = TextureId::User(1);
        let image = ColorImage::new([2, 1], vec![Color32::BLACK, Color32::WHITE]);
        let mut textures = Textures::new();
        textures.set_one(id, &ImageDelta::full(image, options));
        (textures, id)
    }

    fn red_along(options: TextureOptions, positions: &[f64]) -> Vec<u8> {
        let (textures, id) = store(options);
        let texture = textures.get(id).expect("was just set");
        let sampler = texture.sampler(0.5);
        positions.iter().map(|x| sampler.sample(*x, 0.5)[0]).collect()
    }

    #[test]
    fn nearest_has_sharp_edges() {
        let reds = red_along(TextureOptions::NEAREST, &[-1.0, 0.0, 0.9, 1.1, 1.9, 3.0]);
        assert_eq!(reds, [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn linear_meets_texels_in_their_centres() {
        let reds = red_along(TextureOptions::LINEAR, &[0.0, 0.5, 1.0, 1.25, 1.5, 9.0]);
        assert_eq!(reds, [0, 0, 128, 191, 255, 255]);
    }

    #[test]
    fn wrapping() {
        let repeat = red_along(TextureOptions::NEAREST_REPEAT, &[-0.5, 2.5, 3.5]);
        assert_eq!(repeat, [255, 0, 255]);
        let mirrored = red_along(TextureOptions::NEAREST_MIRRORED_REPEAT, &[-0.5, 2.5, 3.5]);
        assert_eq!(mirrored, [0, 255, 0]);
    }

    #[test]
    fn the_filter_depends_on_the_scale() {
        let options = TextureOptions {
            magnification: TextureFilter::Nearest,
            minification: TextureFilter::Linear,
            ..TextureOptions::LINEAR
        };
        let (textures, id) = store(options);
        let texture = textures.get(id).expect("was just set");
        assert!(!texture.sampler(1.0).linear);
        assert!(texture.sampler(2.0).linear);
    }

    #[test]
    fn wild_positions_hit_something() {
        for options in [TextureOptions::LINEAR, TextureOptions::LINEAR_REPEAT, TextureOptions::NEAREST_MIRRORED_REPEAT]
        {
            let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
            assert_eq!(red_along(options, &wild).len(), wild.len());
        }
    }

    #[test]
    fn partial_updates_stay_inside() {
        let (mut textures, id) = store(TextureOptions::NEAREST);
        let red = ColorImage::new([3, 3], vec![Color32::RED; 9]);
        for pos in [[1, 0], [2, 0], [0, 1]] {
            let change = ImageDelta::partial(pos, red.clone(), TextureOptions::NEAREST);
            textures.set_one(id, &change);
        }
        let texels = &textures.get(id).expect("was just set").texels;
        assert_eq!(texels, &[[0, 0, 0, 255], [255, 0, 0, 255]]);
    }

    #[test]
    fn setting_and_freeing() {
        let (mut textures, id) = store(TextureOptions::NEAREST);
        let other = TextureId::Managed(7);
        let mut delta = TexturesDelta::default();
        let image = ColorImage::filled([1, 1], Color32::WHITE);
        delta.push(other, ImageDelta::full(image, TextureOptions::NEAREST));
        delta.free(id);
        textures.set(&mut delta);
        assert_eq!(textures.len(), 2, "the frame may still use what will be freed");
        textures.free(&mut delta);
        assert!(textures.get(id).is_none() && textures.get(other).is_some());
    }
}
