//! Pictures of the window without a screen.
//!
//! egui ends every frame with a list of textured triangles. A window hands them to the GPU; this module rasterises
//! them on the CPU, for screenshots from the command line and for pictures in tests. It needs no display, GPU or GL
//! library, and gives the same bytes on every machine and with any number of threads, which drivers do not.
//!
//! ```text
//!  ui closure ──► Headless ──► shapes ──► meshes ──► Scene ──► bands of rows ──► RgbaImage ──► PNG
//!                 (egui pass,  (egui)     (egui)     (clipped   (in parallel,
//!                  settling)                          items)     items in order)
//!                     └────► Textures (font atlas, pictures) ──────┘
//! ```
//!
//! It mirrors the painter that the window uses (`egui_glow`): premultiplied colours, multiplied and blended in gamma
//! space, no multisampling, clip rectangles rounded to whole pixels. It differs in three points: no dithering, no
//! mipmaps, and paint callbacks (which are GPU code) are skipped and counted.
//!
//! It is no general renderer: what egui does not emit is correct but not fast.

mod blend;
mod clip;
mod headless;
mod paint;
mod quad;
mod scene;
pub mod svg;
mod texture;
mod triangle;

#[cfg(test)]
mod tests;

pub use headless::{Frame, Headless, Picture};
pub use paint::{PaintStats, paint};
pub use texture::Textures;

use std::path::Path;

use anyhow::Context as _;
use image::{ImageFormat, RgbaImage};

/// Writes `image` as a PNG file, replacing what was there.
///
/// The pixels are taken as they are: pictures from [`Headless`] are opaque, so that premultiplied and straight alpha
/// are the same.
pub fn save_png(path: &Path, image: &RgbaImage) -> anyhow::Result<()> {
    image
        .save_with_format(path, ImageFormat::Png)
        .with_context(|| format!("cannot write the picture {}", path.display()))
}

/// The same as bytes, for a page that has its pictures inside.
pub fn png(image: &RgbaImage) -> anyhow::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).context("cannot make a picture")?;
    Ok(bytes.into_inner())
}
