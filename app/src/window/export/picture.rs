//! Pictures of what the window shows, drawn off the screen by the same code as `shot`: a frame of the whole window
//! at its present size, of which a pane is a part. So a picture has what the screen has, but no pointer, and as many
//! pixels as are wanted; nothing is read back from the screen.

use egui::Rect;
use image::imageops::crop_imm;

use crate::raster::{self, Frame, Headless};
use crate::window::export::Format;
use crate::window::export::saver::Work;

/// A frame that was drawn off the screen, still as shapes.
pub struct Shot {
    /// The screen that it was drawn on.
    pub screen: Headless,
    /// Its shapes.
    pub frame: Frame,
    /// The part that is wanted, in points; `None`: all.
    pub part: Option<Rect>,
}

/// Makes the file: to paint and to pack takes too long for a frame.
pub fn work(shot: Shot, format: Format) -> Work {
    Box::new(move |out, task| {
        let Shot { screen, frame, part } = shot;
        if format == Format::Svg {
            let drawing = match part {
                Some(part) => screen.draw_part(&frame, part),
                None => screen.draw(&frame),
            };
            task.cancel.check()?;
            out.write_all(drawing.svg.as_bytes())?;
            return Ok(String::new());
        }
        let scale = frame.pixels_per_point;
        let (image, _) = screen.paint(frame);
        task.cancel.check()?;
        let image = match part {
            Some(part) => {
                let pixel = |points: f32| (points * scale).round().max(0.0) as u32;
                let (x, y) = (pixel(part.left()), pixel(part.top()));
                let (width, height) = (pixel(part.right()) - x, pixel(part.bottom()) - y);
                crop_imm(&image, x, y, width.max(1), height.max(1)).to_image()
            }
            None => image,
        };
        let words = format!("{} × {} pixels", image.width(), image.height());
        let png = raster::png(&image)?;
        task.cancel.check()?;
        out.write_all(&png)?;
        Ok(words)
    })
}
