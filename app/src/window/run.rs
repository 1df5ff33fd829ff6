//! The window on a screen: eframe around [`Window`].

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use crate::window::asked::Asked;
use crate::window::command::Command;
use crate::window::reading;
use crate::window::samples;
use crate::window::settings::{Preferences, Sources};
use crate::window::shell::{Window, WindowOptions};

/// How the window is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The settings file; the user's own if `None`.
    pub settings: Option<PathBuf>,
    /// What the command line says of settings.
    pub set: Preferences,
    /// The tour to begin.
    pub tour: Option<String>,
    /// What to show first.
    pub asked: Option<Asked>,
}

/// Why there is no window.
#[derive(Debug)]
pub enum RunError {
    /// There is no display to open one on, or it cannot draw.
    NoDisplay(String),
    /// Something else went wrong.
    Other(anyhow::Error),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoDisplay(reason) => write!(f, "there is no display to open a window on: {reason}"),
            Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for RunError {}

struct App {
    window: Window,
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.window.frame_ui(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.window.end();
    }

    fn persist_egui_memory(&self) -> bool {
        // What is worth keeping is in the settings.
        false
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

/// Opens the window and stays in it until the user closes it.
///
/// # Errors
/// There is no display, or the window cannot be made on it.
pub fn run_window(paths: Vec<PathBuf>, options: Options) -> Result<(), RunError> {
    if let Some(reason) = no_display() {
        return Err(RunError::NoDisplay(reason));
    }
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Stratoscope")
            .with_app_id("stratoscope")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([640.0, 400.0])
            .with_drag_and_drop(true),
        persist_window: false,
        // Dithering would make neighbouring columns of one state differ.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    let window_options = WindowOptions {
        settings: Sources::of_user(options.settings, options.set),
        samples: samples::find(),
        native_dialogs: None,
        opener: reading::opener(),
        first_view: None,
        asked: options.asked,
    };
    // Made only once there is a context to make it with; the closure must not keep what is no longer needed.
    let parts = Rc::new(RefCell::new(Some((paths, options.tour, window_options))));
    let created = Rc::clone(&parts);
    let result = eframe::run_native(
        "stratoscope",
        native,
        Box::new(move |cc| {
            let taken = parts.borrow_mut().take();
            let (paths, tour, window_options) = taken.ok_or("the window is made once")?;
            let native_dialogs = Some(rfd::FileDialog::new().set_parent(cc));
            let mut window = Window::new(&cc.egui_ctx, WindowOptions { native_dialogs, ..window_options });
            if let Some(tour) = tour {
                window.send(&cc.egui_ctx, Command::StartTour(tour));
            } else if !paths.is_empty() {
                window.send(&cc.egui_ctx, Command::Open(paths));
            }
            Ok(Box::new(App { window }))
        }),
    );
    let began = created.borrow().is_none();
    match result {
        Ok(()) => Ok(()),
        // Nothing was made yet: the display, its libraries or its GL are what is missing.
        Err(error) if !began => Err(RunError::NoDisplay(error.to_string())),
        Err(error) => Err(RunError::Other(anyhow::anyhow!("the window has failed: {error}"))),
    }
}

/// Why no window can be opened, as far as that can be told without trying.
fn no_display() -> Option<String> {
    let unix = cfg!(all(unix, not(target_os = "macos"), not(target_os = "android")));
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let any = ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].into_iter().any(named);
    (unix && !any).then(|| "neither DISPLAY nor WAYLAND_DISPLAY is set".to_owned())
}
