//! Settings and the memory between the window and their files: what is written when, what is read again, and what of it
//! the user is told.

use std::sync::Arc;

use crate::window::apply::keep_layout;
use crate::window::keys::Keymap;
use crate::window::problems;
use crate::window::settings::command::OwnFile;
use crate::window::shell::Window;
use crate::window::words;

impl Window {
    /// Takes in what happened to the files since the last frame.
    pub(super) fn poll_files(&mut self) {
        let paths = self.state.paths.clone();
        if self.keeper.poll(&mut self.state.settings, &mut self.state.memory, &paths) {
            self.state.take_settings();
            self.tell_problems();
        }
    }

    /// Looks at the files now instead of in a second or two; for tests.
    pub fn look_at_files(&mut self) {
        self.keeper.look();
        self.poll_files();
        if let Some(watch) = &mut self.watch {
            watch.look();
        }
    }

    /// Other paths are open now, or none.
    pub(super) fn open_settings(&mut self) {
        let paths = self.state.paths.clone();
        self.keeper.open(&paths, &mut self.state.settings);
        self.state.take_settings();
        self.tell_problems();
    }

    /// Problems of the program's own files and of saving before those of traces.
    pub(super) fn tell_problems(&mut self) {
        let own = self.keeper.problems();
        let lost = problems::losses(&self.info, &self.state.scene);
        let told = own.iter().chain(&self.exports.failed).chain(self.trace_problems.iter()).chain(&lost);
        self.info.problems = told.cloned().collect();
    }

    /// Binds keys as the settings say, where that changed.
    pub(super) fn bind_keys(&mut self) {
        if self.bound != self.state.settings.keys {
            self.bound.clone_from(&self.state.settings.keys);
            // What is wrong with them was told when they were read.
            self.keymap = Keymap::new(&self.bound).0;
            self.panes.shared.keys = Arc::new(self.keymap.clone());
        }
    }

    /// Begins a new file in the place of one that is not understood.
    pub(super) fn start_anew(&mut self, which: OwnFile) {
        self.state.notice = Some(match self.keeper.start_anew(which, &mut self.state.settings) {
            Ok(kept) => format!("A new file is begun; the old one is {}", words::short_path(&kept)),
            Err(error) => format!("The file cannot be kept, so it is left as it is: {error}"),
        });
        self.tell_problems();
    }

    /// Hands over what is to be written soon, whether or not another frame is drawn until then.
    pub(super) fn keep(&mut self) {
        self.state.keep_view();
        self.keeper.keep(&self.state.settings, &self.state.memory);
    }

    /// Writes settings and memory now, where they changed.
    pub fn save(&mut self) {
        self.keep();
        self.keeper.flush();
        self.poll_files();
        // Where somebody wrote a file meanwhile, it has been read again and the changes are on top of it.
        self.keep();
        self.keeper.flush();
    }

    /// Remembers what shall be remembered: the window goes.
    pub fn end(&mut self) {
        keep_layout(&mut self.state);
        self.save();
        self.engine = None;
    }
}
