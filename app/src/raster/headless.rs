//! An egui application without a window: runs frames, and takes pictures of them.

use std::time::Duration;

use egui::epaint::ClippedShape;
use egui::os::OperatingSystem;
use egui::{Color32, Context, PlatformOutput, Pos2, RawInput, Rect, TexturesDelta, Ui, ViewportCommand, ViewportId};
use image::{Rgba, RgbaImage};

use super::paint::{PaintStats, paint};
use super::texture::Textures;

/// The longest side of a picture, in pixels.
const MAX_SIDE: u32 = 16_384;

/// How many frames a picture may take to settle, unless told otherwise: one second, longer than egui's animations.
const MAX_FRAMES: usize = 60;

/// egui's clock advances by this much from frame to frame, whatever the frames cost: animations are reproducible.
const FRAME_SECONDS: f64 = 1.0 / 60.0;

/// An egui context with a virtual screen of a fixed size.
///
/// ```
/// use stratoscope_app::raster::Headless;
///
/// let mut screen = Headless::new([320, 200], 1.0);
/// let picture = screen.render(|ui| {
///     ui.label("Hello");
/// });
/// assert_eq!(picture.image.dimensions(), (320, 200));
/// assert!(picture.settled);
/// ```
pub struct Headless {
    ctx: Context,
    textures: Textures,
    /// What egui no longer needs after the latest frame. That frame may still be painted, so it waits for the next.
    outdated: TexturesDelta,
    size_px: [u32; 2],
    native_pixels_per_point: f32,
    background: Color32,
    max_frames: usize,
    frames_run: u64,
}

/// What one egui frame has produced.
#[derive(Default)]
pub struct Frame {
    /// What to paint.
    pub shapes: Vec<ClippedShape>,
    /// The scale at which it was laid out.
    pub pixels_per_point: f32,
    /// Cursor, copied text, accessibility tree and the like.
    pub platform_output: PlatformOutput,
    /// What the application asked of its window.
    pub viewport_commands: Vec<ViewportCommand>,
    /// When egui wants the next frame; zero as long as it is animating or still finding sizes.
    pub repaint_delay: Duration,
}

/// A picture of a window's content, and how it came about.
pub struct Picture {
    /// The pixels; always opaque.
    pub image: RgbaImage,
    /// How many frames were run for it.
    pub frames: usize,
    /// Whether egui had come to rest. If not, something kept asking for repaints until the limit was reached.
    pub settled: bool,
    /// What was painted, and what could not be.
    pub stats: PaintStats,
}

impl Headless {
    /// A virtual screen of `size_px` physical pixels, `pixels_per_point` of them to one point (2 on a HiDPI screen).
    ///
    /// Sizes are brought into 1–16384, scales into 0.1–16: a picture of a nonsensical size is never what was meant.
    pub fn new(size_px: [u32; 2], pixels_per_point: f32) -> Self {
        let ctx = Context::default();
        // Shortcuts in menus are spelled as on Linux, wherever the picture is taken.
        ctx.set_os(OperatingSystem::Nix);
        let mut headless = Self {
            ctx,
            textures: Textures::new(),
            outdated: TexturesDelta::default(),
            size_px: [1, 1],
            native_pixels_per_point: 1.0,
            // What eframe clears a window to.
            background: Color32::from_rgb(12, 12, 12),
            max_frames: MAX_FRAMES,
            frames_run: 0,
        };
        headless.resize(size_px, pixels_per_point);
        headless
    }

    /// The colour where nothing is painted; taken as opaque.
    pub fn with_background(mut self, background: Color32) -> Self {
        self.background = background.to_opaque();
        self
    }

    /// The largest number of frames that [`Headless::render`] runs; at least one.
    pub fn with_max_frames(mut self, max_frames: usize) -> Self {
        self.max_frames = max_frames.max(1);
        self
    }

    /// Changes the size and scale of the screen, from the next frame on.
    pub fn resize(&mut self, size_px: [u32; 2], pixels_per_point: f32) {
        self.size_px = size_px.map(|side| side.clamp(1, MAX_SIDE));
        self.native_pixels_per_point =
            if pixels_per_point.is_finite() { pixels_per_point.clamp(0.1, 16.0) } else { 1.0 };
    }

    /// The context, to set fonts, theme and style before the first frame.
    pub fn ctx(&self) -> &Context {
        &self.ctx
    }

    /// How many textures egui has allocated, the font atlas among them: for tests that look for leaks.
    pub fn texture_count(&self) -> usize {
        self.textures.len()
    }

    /// Runs one frame with the given input, for instance clicks and keys.
    ///
    /// What `input` leaves open (screen size, scale, time) is filled in.
    pub fn frame(&mut self, mut input: RawInput, ui: impl FnMut(&mut Ui)) -> Frame {
        self.textures.free(&mut self.outdated);

        let scale = self.ctx.zoom_factor() * self.native_pixels_per_point;
        let size = self.size_px.map(|side| side as f32 / scale);
        input.screen_rect.get_or_insert(Rect::from_min_size(Pos2::ZERO, size.into()));
        input.max_texture_side.get_or_insert(8192);
        input.time.get_or_insert(self.frames_run as f64 * FRAME_SECONDS);
        let viewport = input.viewports.entry(input.viewport_id).or_default();
        viewport.native_pixels_per_point = Some(self.native_pixels_per_point);
        self.frames_run += 1;

        let mut output = self.ctx.run_ui(input, ui);
        self.textures.set(&mut output.textures_delta);
        self.outdated.free.extend(output.textures_delta.free.drain());
        let viewport = output.viewport_output.get_mut(&ViewportId::ROOT);
        let (viewport_commands, repaint_delay) = viewport
            .map_or_else(Default::default, |viewport| (std::mem::take(&mut viewport.commands), viewport.repaint_delay));
        Frame {
            shapes: std::mem::take(&mut output.shapes),
            pixels_per_point: output.pixels_per_point,
            platform_output: std::mem::take(&mut output.platform_output),
            viewport_commands,
            repaint_delay,
        }
    }

    /// Paints the frame that was run last.
    pub fn paint(&self, frame: Frame) -> (RgbaImage, PaintStats) {
        let [width, height] = self.size_px;
        let mut image = RgbaImage::from_pixel(width, height, Rgba(self.background.to_array()));
        let primitives = self.ctx.tessellate(frame.shapes, frame.pixels_per_point);
        let stats = paint(&mut image, &primitives, frame.pixels_per_point, &self.textures);
        (image, stats)
    }

    /// The frame as a scalable drawing.
    pub fn draw(&self, frame: &Frame) -> super::svg::Drawing {
        let size = self.size_px.map(|side| side as f32 / frame.pixels_per_point);
        self.draw_part(frame, Rect::from_min_size(Pos2::ZERO, size.into()))
    }

    /// A part of the frame, given in points, as a scalable drawing.
    pub fn draw_part(&self, frame: &Frame, part: Rect) -> super::svg::Drawing {
        super::svg::draw(&self.ctx, &frame.shapes, part, self.background, frame.pixels_per_point)
    }

    /// Runs frames until egui is at rest, and draws the last one as a scalable drawing.
    pub fn render_svg(&mut self, mut ui: impl FnMut(&mut Ui)) -> super::svg::Drawing {
        let mut frames = 0;
        loop {
            let frame = self.frame(RawInput::default(), &mut ui);
            frames += 1;
            if (frames >= 2 && !frame.repaint_delay.is_zero()) || frames >= self.max_frames {
                return self.draw(&frame);
            }
        }
    }

    /// Runs frames until egui is at rest, and takes a picture.
    ///
    /// `ui` is what a window calls each frame. It is called at least twice: many widgets find their sizes in the
    /// first frame only. egui's clock runs ahead of the real one, so work on other threads has to be waited for
    /// before, not by asking for repaints.
    pub fn render(&mut self, mut ui: impl FnMut(&mut Ui)) -> Picture {
        let mut frames = 0;
        loop {
            let frame = self.frame(RawInput::default(), &mut ui);
            frames += 1;
            let settled = frames >= 2 && !frame.repaint_delay.is_zero();
            if settled || frames >= self.max_frames {
                let (image, stats) = self.paint(frame);
                return Picture { image, frames, settled, stats };
            }
        }
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        // egui asserts that no change to textures gets lost; these only free what goes away anyhow.
        self.outdated.clear();
    }
}
