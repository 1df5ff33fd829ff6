//! Pictures of a whole window in a test: for people to look at, and to test what is seen.
//!
//! `STRATOSCOPE_PICTURES=folder cargo test pictures` leaves them in a folder; with `STRATOSCOPE_PICTURES_OF=tour,help`
//! only those whose names contain one of that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tests::options;
use super::{Window, WindowOptions};
use crate::raster::{self, Headless};
use crate::window::command::Command;
use crate::window::{reading, samples};

/// Where samples lie for a test.
const SAMPLES: &str = "../sample-traces";

/// Longer than anything takes on a loaded machine.
const LONGEST: Duration = Duration::from_secs(120);

/// Where somebody wants a picture of that name; `None`: nobody wants it.
pub(super) fn wanted(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("STRATOSCOPE_PICTURES")?);
    let only = std::env::var("STRATOSCOPE_PICTURES_OF").unwrap_or_default();
    only.split(',').any(|part| name.contains(part)).then(|| folder.join(format!("{name}.png")))
}

/// Opens a sample, or what lies beside the samples.
pub(super) fn sample(name: &str) -> Command {
    Command::Open(vec![Path::new(SAMPLES).join(name)])
}

/// A window off the screen.
pub(super) struct Camera {
    screen: Headless,
    pub(super) window: Window,
}

impl Camera {
    /// A window made that way.
    pub(super) fn new(size: [u32; 2], options: WindowOptions) -> Self {
        let screen = Headless::new(size, 1.0);
        let window = Window::new(screen.ctx(), options);
        Self { screen, window }
    }

    /// A window that reads traces in truth.
    pub(super) fn real(size: [u32; 2]) -> Self {
        let samples = samples::find_in(Path::new(SAMPLES));
        Self::new(size, WindowOptions { opener: reading::opener(), samples, ..options(None) })
    }

    /// Does what a command says, and waits until it is seen.
    pub(super) fn send(&mut self, command: Command) {
        let ctx = self.screen.ctx().clone();
        self.window.send(&ctx, command);
        self.frame();
    }

    /// Draws a frame, and waits for what it asks.
    pub(super) fn frame(&mut self) {
        self.screen.render(|ui| self.window.frame_ui(ui));
        assert!(self.window.wait(LONGEST), "it takes too long");
    }

    /// What is seen when all that is shown is counted.
    pub(super) fn picture(&mut self) -> image::RgbaImage {
        for _ in 0..3 {
            self.frame();
        }
        self.screen.render(|ui| self.window.frame_ui(ui)).image
    }

    /// Leaves that in a file.
    pub(super) fn save(&mut self, file: &Path) {
        let picture = self.picture();
        raster::save_png(file, &picture).unwrap();
    }
}
