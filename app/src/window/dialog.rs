//! Asking for a folder to open or a file to save: the system's dialog in a thread of its own, or one of ours where the system has none.
//!
//! The window goes on living behind the system's dialog, which is told whose it is so that it stays before it. (Under
//! Wayland it is not told: that would take a pointer that must not outlive the window.)
//!
//! Without a desktop portal the system's dialog answers "nothing chosen" at once, the same as when the user
//! cancels. Nobody cancels within a tenth of a second, so an answer as quick as that opens our own.

mod browser;
mod save;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use egui::{Id, Key, RichText, Ui, vec2};

use crate::window::theme::{Sizes, Theme};
use crate::window::worker::Wake;

use browser::Browser;
pub use save::SaveQuestion;
use save::{SaveChoice, SaveDialog};

/// Quicker than any person.
const TOO_QUICK: Duration = Duration::from_millis(100);

/// What somebody chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// A folder to open.
    Folder(PathBuf),
    /// A file to write, in place of what is there.
    File(PathBuf),
}

/// Only one thing is asked at a time: an answer must not be taken for that to another question.
const BUSY: &str = "A dialog is open already: answer or close it first";

/// One of ours.
enum Own {
    Folder(FolderDialog),
    Save(SaveDialog),
}

/// Asking for a folder or a file.
pub struct Dialogs {
    /// What the system's dialogs are made from.
    native: Option<rfd::FileDialog>,
    asked: Option<(Instant, Receiver<Option<PathBuf>>)>,
    own: Option<Own>,
    /// What is asked for a file; else a folder is asked for.
    saving: Option<SaveQuestion>,
    last: Option<PathBuf>,
}

impl Dialogs {
    /// `native`: the system's dialog, which knows its window, and is tried first.
    pub fn new(native: Option<rfd::FileDialog>) -> Self {
        Self { native, asked: None, own: None, saving: None, last: None }
    }

    /// Whether our own dialog is open.
    pub fn is_open(&self) -> bool {
        self.own.is_some()
    }

    /// Closes our own dialog.
    pub fn close(&mut self) {
        self.own = None;
    }

    /// Asks for a folder, beginning in `folder`.
    ///
    /// # Errors
    /// Something is being asked already.
    pub fn ask(&mut self, folder: Option<PathBuf>, wake: &Wake) -> Result<(), &'static str> {
        self.begin(None, folder, wake)
    }

    /// Asks where to save a file. Whether one that is there may be replaced is part of the question: of the
    /// system's dialog as of ours.
    ///
    /// # Errors
    /// Something is being asked already.
    pub fn ask_file(&mut self, question: SaveQuestion, wake: &Wake) -> Result<(), &'static str> {
        let folder = question.folder.clone();
        self.begin(Some(question), folder, wake)
    }

    fn begin(
        &mut self,
        saving: Option<SaveQuestion>,
        folder: Option<PathBuf>,
        wake: &Wake,
    ) -> Result<(), &'static str> {
        if self.asked.is_some() || self.own.is_some() {
            return Err(BUSY);
        }
        self.saving = saving;
        self.open(folder, wake);
        Ok(())
    }

    fn open(&mut self, folder: Option<PathBuf>, wake: &Wake) {
        self.last = folder.or_else(|| std::env::current_dir().ok());
        let Some(mut dialog) = self.native.clone() else {
            self.open_own();
            return;
        };
        let (answer, asked) = channel();
        let (wake, folder, saving) = (wake.clone(), self.last.clone(), self.saving.clone());
        let spawned = std::thread::Builder::new().name("dialog".to_owned()).spawn(move || {
            if let Some(folder) = folder {
                dialog = dialog.set_directory(folder);
            }
            let chosen = match saving {
                Some(question) => dialog
                    .set_title(&question.title)
                    .set_file_name(&question.name)
                    .add_filter(question.sort, &[question.ending])
                    .save_file(),
                None => dialog.set_title("Open a folder of traces").pick_folder(),
            };
            // If nobody waits for the answer any more, it is not needed.
            answer.send(chosen).ok();
            wake();
        });
        match spawned {
            Ok(_) => self.asked = Some((Instant::now(), asked)),
            Err(_) => self.open_own(),
        }
    }

    fn open_own(&mut self) {
        let folder = self.last.clone().unwrap_or_else(|| PathBuf::from("/"));
        self.own = Some(match self.saving.clone() {
            Some(question) => Own::Save(SaveDialog::new(question, folder)),
            None => Own::Folder(FolderDialog::new(folder)),
        });
    }

    /// What the system's dialog was asked for. It asks about replacing a file by itself, but only about the name
    /// that was typed: one that is made complete here must not replace anything.
    fn chosen(&self, path: PathBuf) -> Result<Chosen, PathBuf> {
        let Some(question) = &self.saving else { return Ok(Chosen::Folder(path)) };
        let complete = question.complete(path.clone());
        if complete != path && complete.exists() { Err(complete) } else { Ok(Chosen::File(complete)) }
    }

    /// Draws our own dialog, if it is open, and returns what was chosen in either.
    pub fn ui(&mut self, ui: &mut Ui, theme: &Theme) -> Option<Chosen> {
        if let Some((since, asked)) = &self.asked {
            match asked.try_recv() {
                Ok(Some(path)) => {
                    self.asked = None;
                    match self.chosen(path) {
                        Ok(chosen) => return Some(chosen),
                        Err(there) => {
                            self.last = there.parent().map(PathBuf::from);
                            if let (Some(question), Some(name)) = (&mut self.saving, there.file_name()) {
                                question.name = name.to_string_lossy().into_owned();
                            }
                            self.open_own();
                            if let Some(Own::Save(dialog)) = &mut self.own {
                                dialog.ask_to_replace(there);
                            }
                        }
                    }
                }
                Ok(None) => {
                    let quick = since.elapsed() < TOO_QUICK;
                    self.asked = None;
                    if quick {
                        // It will not be there the next time either.
                        self.native = None;
                        self.open_own();
                    }
                }
                Err(TryRecvError::Disconnected) => {
                    self.asked = None;
                    self.open_own();
                }
                Err(TryRecvError::Empty) => {}
            }
        }
        let own = self.own.as_mut()?;
        let chosen = match own {
            Own::Folder(dialog) => match dialog.ui(ui, theme) {
                Choice::Open => return None,
                Choice::Cancel => None,
                Choice::Folder(path) => Some(Chosen::Folder(path)),
            },
            Own::Save(dialog) => match dialog.ui(ui, theme) {
                SaveChoice::Open => return None,
                SaveChoice::Cancel => None,
                SaveChoice::File(path) => Some(Chosen::File(path)),
            },
        };
        self.own = None;
        chosen
    }
}

enum Choice {
    Open,
    Cancel,
    Folder(PathBuf),
}

/// Our own dialog: a path and the folders in it.
struct FolderDialog {
    browser: Browser,
    fresh: bool,
}

impl FolderDialog {
    fn new(folder: PathBuf) -> Self {
        Self { browser: Browser::at(folder), fresh: true }
    }

    fn ui(&mut self, ui: &mut Ui, theme: &Theme) -> Choice {
        let mut choice = Choice::Open;
        let mut go = None;
        let frame = egui::Frame::popup(&ui.ctx().global_style()).inner_margin(2.0 * Sizes::GRID);
        let modal = egui::Modal::new(Id::unique("folder dialog")).frame(frame).show(ui.ctx(), |ui| {
            ui.set_width(520.0);
            ui.label(RichText::new("Open a folder of traces").size(Sizes::HEADING).strong());
            ui.add_space(Sizes::GRID / 2.0);
            let (response, typed) = self.browser.field_ui(ui, Id::unique("folder dialog path"), "Path");
            if self.fresh {
                response.request_focus();
                self.fresh = false;
            }
            let path = self.browser.typed();
            let entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.add_space(Sizes::GRID / 2.0);
            go = self.browser.list_ui(ui, theme, 300.0).or(typed);
            ui.add_space(Sizes::GRID);
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let exists = path.exists();
                    let button = egui::Button::new("Open this folder").min_size(vec2(130.0, 28.0));
                    if ui.add_enabled(exists, button).clicked() || (entered && exists) {
                        choice = Choice::Folder(path.clone());
                    }
                    if ui.add(egui::Button::new("Cancel").min_size(vec2(80.0, 28.0))).clicked() {
                        choice = Choice::Cancel;
                    }
                });
            });
        });
        if modal.should_close() && matches!(choice, Choice::Open) {
            choice = Choice::Cancel;
        }
        if let Some(folder) = go {
            self.browser.go(folder);
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;

    /// A dialog of the system's that was answered after a while.
    fn answered(question: &SaveQuestion, answer: Option<PathBuf>) -> Dialogs {
        let (answers, asked) = channel();
        answers.send(answer).unwrap();
        let since = Instant::now().checked_sub(10 * TOO_QUICK).unwrap();
        Dialogs { asked: Some((since, asked)), saving: Some(question.clone()), ..Dialogs::new(None) }
    }

    #[test]
    fn an_ending_that_is_added_to_the_systems_answer_replaces_nothing_unasked() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there.png"), "").unwrap();
        let question = SaveQuestion {
            title: "Save".to_owned(),
            folder: None,
            name: "view.png".to_owned(),
            ending: "png",
            sort: "PNG",
        };
        let run = |answer: Option<&str>| {
            let dialogs = answered(&question, answer.map(|name| folder.path().join(name)));
            let ui = |ui: &mut Ui, (dialogs, chosen): &mut (Dialogs, Option<Chosen>)| {
                *chosen = dialogs.ui(ui, Theme::dark()).or(chosen.take());
            };
            let mut h = Harness::new_ui_state(ui, (dialogs, None));
            h.run_steps(3);
            h
        };
        let file = |name: &str| Some(Chosen::File(folder.path().join(name)));
        assert_eq!(run(Some("new")).state().1, file("new.png"));
        assert_eq!(run(Some("there.png")).state().1, file("there.png"), "the system has asked already");
        let cancelled = run(None);
        assert!(cancelled.state().1.is_none() && !cancelled.state().0.is_open());
        let mut asks = run(Some("there"));
        assert!(asks.query_by_label("there.png is there already. Replace it?").is_some());
        asks.get_by_label("Replace").click();
        asks.run_steps(3);
        assert_eq!(asks.state().1, file("there.png"));
    }

    #[test]
    fn folders_are_listed_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "A", ".hidden"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("file"), "").unwrap();
        let dialog = FolderDialog::new(folder.path().to_path_buf());
        assert_eq!(dialog.browser.folders, ["A", "b"]);
        assert!(FolderDialog::new(folder.path().join("none")).browser.problem.is_some());
    }
}
