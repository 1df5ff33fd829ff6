//! Asking for a folder to open or a file to save: the system's dialog in a thread of its own, or one of ours where the system has none.
//!
//! Without a desktop portal the system's dialog answers "nothing chosen" at once, the same as when the user
//! cancels. Nobody cancels within a tenth of a second, so an answer as quick as that opens our own.

mod save;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use egui::{Id, Key, RichText, ScrollArea, TextEdit, Ui, vec2};

use crate::window::parts::{ListLine, triangle};
use crate::window::theme::{Sizes, Theme};
use crate::window::worker::Wake;

pub use save::SaveQuestion;
use save::{SaveChoice, SaveDialog};

/// Quicker than any person.
const TOO_QUICK: Duration = Duration::from_millis(100);

/// How many folders are listed.
const MAX_LISTED: usize = 2_000;

/// What somebody chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// A folder to open.
    Folder(PathBuf),
    /// A file to write, in place of what is there.
    File(PathBuf),
}

/// One of ours.
enum Own {
    Folder(FolderDialog),
    Save(SaveDialog),
}

/// Asking for a folder or a file.
pub struct Dialogs {
    native: bool,
    asked: Option<(Instant, Receiver<Option<PathBuf>>)>,
    own: Option<Own>,
    /// What is asked for a file; else a folder is asked for.
    saving: Option<SaveQuestion>,
    last: Option<PathBuf>,
}

impl Dialogs {
    /// `native`: the system's dialog is tried first.
    pub fn new(native: bool) -> Self {
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
    pub fn ask(&mut self, folder: Option<PathBuf>, wake: &Wake) {
        if self.asked.is_some() || self.own.is_some() {
            return;
        }
        self.saving = None;
        self.open(folder, wake);
    }

    /// Asks where to save a file. Whether one that is there may be replaced is part of the question: of the
    /// system's dialog as of ours.
    pub fn ask_file(&mut self, question: SaveQuestion, wake: &Wake) {
        if self.asked.is_some() || self.own.is_some() {
            return;
        }
        let folder = question.folder.clone();
        self.saving = Some(question);
        self.open(folder, wake);
    }

    fn open(&mut self, folder: Option<PathBuf>, wake: &Wake) {
        self.last = folder.or_else(|| std::env::current_dir().ok());
        if !self.native {
            self.open_own();
            return;
        }
        let (answer, asked) = channel();
        let (wake, folder, saving) = (wake.clone(), self.last.clone(), self.saving.clone());
        let spawned = std::thread::Builder::new().name("dialog".to_owned()).spawn(move || {
            let mut dialog = rfd::FileDialog::new();
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
                        }
                    }
                }
                Ok(None) => {
                    let quick = since.elapsed() < TOO_QUICK;
                    self.asked = None;
                    if quick {
                        // It will not be there the next time either.
                        self.native = false;
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
    folder: PathBuf,
    text: String,
    folders: Vec<String>,
    problem: Option<String>,
    fresh: bool,
}

impl FolderDialog {
    fn new(folder: PathBuf) -> Self {
        let mut dialog =
            Self { folder: PathBuf::new(), text: String::new(), folders: Vec::new(), problem: None, fresh: true };
        dialog.go(folder);
        dialog
    }

    fn go(&mut self, folder: PathBuf) {
        self.text = folder.display().to_string();
        (self.folders, self.problem) = match list(&folder) {
            Ok(folders) => (folders, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        self.folder = folder;
    }

    fn ui(&mut self, ui: &mut Ui, theme: &Theme) -> Choice {
        let mut choice = Choice::Open;
        let mut go = None;
        let frame = egui::Frame::popup(&ui.ctx().global_style()).inner_margin(2.0 * Sizes::GRID);
        let modal = egui::Modal::new(Id::unique("folder dialog")).frame(frame).show(ui.ctx(), |ui| {
            ui.set_width(520.0);
            ui.label(RichText::new("Open a folder of traces").size(Sizes::HEADING).strong());
            ui.add_space(Sizes::GRID / 2.0);
            let id = Id::unique("folder dialog path");
            let edit = TextEdit::singleline(&mut self.text)
                .id(id)
                .margin(egui::Margin::symmetric(8, 6))
                .desired_width(f32::INFINITY);
            let response = ui.add(edit);
            ui.ctx().accesskit_node_builder(id, |node| node.set_label("Path"));
            if self.fresh {
                response.request_focus();
                self.fresh = false;
            }
            let path = PathBuf::from(self.text.trim());
            let entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            if response.changed() && path.is_dir() && path != self.folder {
                go = Some(path.clone());
            }
            ui.add_space(Sizes::GRID / 2.0);
            ScrollArea::vertical().auto_shrink(false).max_height(300.0).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                if let Some(parent) = self.folder.parent() {
                    let line = ListLine { text: "..", right: "one up", indent: 0.0, selected: false, quiet: true };
                    if line.ui(ui, theme, None).clicked() {
                        go = Some(parent.to_path_buf());
                    }
                }
                for name in &self.folders {
                    let arrow = |painter: &egui::Painter, rect| triangle(painter, rect, false, theme.secondary);
                    let line = ListLine { text: name, right: "", indent: 0.0, selected: false, quiet: false };
                    if line.ui(ui, theme, Some(&arrow)).clicked() {
                        go = Some(self.folder.join(name));
                    }
                }
                if let Some(problem) = &self.problem {
                    ui.label(RichText::new(problem).color(theme.alarm));
                }
            });
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
            let typed = self.text.clone();
            let by_typing = Path::new(typed.trim()) == folder;
            self.go(folder);
            if by_typing {
                // What somebody is typing stays as it is: the list follows it, not the other way round.
                self.text = typed;
            }
        }
        choice
    }
}

/// Names of the folders in a folder, without hidden ones.
fn list(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .take(MAX_LISTED)
        .collect();
    names.sort_by_key(|n| n.to_lowercase());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_listed_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "A", ".hidden"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("file"), "").unwrap();
        let dialog = FolderDialog::new(folder.path().to_path_buf());
        assert_eq!(dialog.folders, ["A", "b"]);
        assert!(FolderDialog::new(folder.path().join("none")).problem.is_some());
    }
}
