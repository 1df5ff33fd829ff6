//! Text with names in it: what stands between back quotes is written in letters of one width.

use egui::text::{LayoutJob, TextFormat};
use egui::{FontId, Label, Ui};

use crate::window::theme::{Sizes, Theme};

/// The text as one paragraph.
pub(crate) fn job(text: &str, theme: &Theme, color: egui::Color32) -> LayoutJob {
    let mut job = LayoutJob::default();
    for (n, part) in text.split('`').enumerate() {
        let format = if n % 2 == 1 {
            let font = FontId::monospace(Sizes::TEXT - 1.5);
            TextFormat {
                background: Theme::mix(theme.ground, theme.raised, 0.8),
                ..TextFormat::simple(font, theme.text)
            }
        } else {
            TextFormat::simple(FontId::proportional(Sizes::TEXT), color)
        };
        job.append(part, 0.0, TextFormat { line_height: Some(Sizes::TEXT * 1.4), ..format });
    }
    job
}

/// Draws a paragraph over the width that is left.
pub(crate) fn prose_ui(ui: &mut Ui, theme: &Theme, text: &str) {
    ui.add(Label::new(job(text, theme, theme.text)).wrap());
}

/// The same, more quietly.
pub(crate) fn quiet_ui(ui: &mut Ui, theme: &Theme, text: &str) {
    ui.add(Label::new(job(text, theme, theme.secondary)).wrap());
}
