//! k

use std::time::Instant;

use stratoscope_core::vocab::{Problem, Severity};

use crate::window::apply::keep_layout;
use crate::window::settings;
use crate::window::shell::{SAVE_AFTER, Window};

impl Window {
    pub(super) fn save_when_due(&mut self, ctx: &egui::Context) {
        if self.state.settings == self.saved {
            self.changed_at = None;
            return;
        }
        let since = *self.changed_at.get_or_insert_with(Instant::now);
        let rested = since.elapsed();
        if rested >= SAVE_AFTER {
            self.save();
        } else {
            ctx.request_repaint_after(SAVE_AFTER - rested);
        }
    }

    /// Writes the settings, if they changed.
    pub fn save(&mut self) {
        self.changed_at = None;
        if self.state.settings == self.saved {
            return;
        }
        // Also after a failure: once a second would be no better than once.
        self.saved = self.state.settings.clone();
        let Some(path) = &self.settings_path else { return };
        if let Err(error) = settings::save(path, &self.saved) {
            let problem = Problem::new(Severity::Warning, path, "the settings cannot be saved");
            self.own_problems.push(problem.found(error.to_string()));
            self.info.problems = self.own_problems.iter().chain(self.info.problems.iter()).cloned().collect();
        }
    }

    /// Remembers what shall be remembered: the window goes.
    pub fn end(&mut self) {
        keep_layout(&mut self.state);
        self.save();
        self.engine = None;
    }
}
