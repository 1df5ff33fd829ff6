//! Our own dialog for saving a file: a folder, a name, and a question before anything is replaced.

use std::path::{Path, PathBuf};

use egui::{Id, Key, RichText, TextEdit, Ui, vec2};

use super::browser::Browser;
use crate::window::theme::{Sizes, Theme};

/// What is asked for a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveQuestion {
    /// What is saved: the dialog's title.
    pub title: String,
    /// The folder that is shown first.
    pub folder: Option<PathBuf>,
    /// The name that is suggested.
    pub name: String,
    /// What the name ends with where nobody says otherwise.
    pub ending: &'static str,
    /// What files of that sort are called.
    pub sort: &'static str,
}

impl SaveQuestion {
    /// A file with an ending, whatever was typed.
    pub(super) fn complete(&self, path: PathBuf) -> PathBuf {
        if path.extension().is_some() {
            return path;
        }
        let mut name = path.into_os_string();
        name.push(".");
        name.push(self.ending);
        PathBuf::from(name)
    }
}

pub(super) enum SaveChoice {
    Open,
    Cancel,
    File(PathBuf),
}

/// The dialog while it is open.
pub(super) struct SaveDialog {
    question: SaveQuestion,
    browser: Browser,
    name: String,
    /// A file that is there already: whether to replace it is asked.
    replace: Option<PathBuf>,
    fresh: bool,
}

impl SaveDialog {
    pub(super) fn new(question: SaveQuestion, folder: PathBuf) -> Self {
        let name = question.name.clone();
        Self { name, question, browser: Browser::at(folder), replace: None, fresh: true }
    }

    /// Asks at once whether a file may be replaced: its place was chosen elsewhere.
    pub(super) fn ask_to_replace(&mut self, file: PathBuf) {
        self.replace = Some(file);
        self.fresh = false;
    }

    /// What was typed, as a place.
    fn place(&self) -> Option<PathBuf> {
        let name = self.name.trim();
        let folder = self.browser.typed();
        let inside = Path::new(name).file_name().is_some() && !name.ends_with(['/', '\\']);
        (inside && folder.is_dir()).then(|| self.question.complete(folder.join(name)))
    }

    pub(super) fn ui(&mut self, ui: &Ui, theme: &Theme) -> SaveChoice {
        let mut choice = SaveChoice::Open;
        let mut go = None;
        let frame = egui::Frame::popup(&ui.ctx().global_style()).inner_margin(2.0 * Sizes::GRID);
        let modal = egui::Modal::new(Id::unique("save dialog")).frame(frame).show(ui.ctx(), |ui| {
            ui.set_width(520.0);
            ui.add(egui::Label::new(RichText::new(&self.question.title).size(Sizes::HEADING).strong()).truncate());
            ui.add_space(Sizes::GRID / 2.0);
            let entered = self.name_ui(ui);
            ui.add_space(Sizes::GRID / 2.0);
            go = self.folder_ui(ui, theme);
            ui.add_space(Sizes::GRID);
            match self.replace.clone() {
                Some(file) => choice = self.replace_ui(ui, theme, file),
                None => choice = self.buttons_ui(ui, entered),
            }
        });
        if modal.should_close() && matches!(choice, SaveChoice::Open) {
            choice = SaveChoice::Cancel;
        }
        if let Some(folder) = go {
            self.browser.go(folder);
        }
        choice
    }

    /// The name. Returns whether Enter was pressed in it.
    fn name_ui(&mut self, ui: &mut Ui) -> bool {
        let id = Id::unique("save dialog name");
        let edit = TextEdit::singleline(&mut self.name).id(id).margin(egui::Margin::symmetric(8, 6));
        let response = ui.add(edit.desired_width(f32::INFINITY));
        ui.ctx().accesskit_node_builder(id, |node| node.set_label("File name"));
        if self.fresh {
            response.request_focus();
            self.fresh = false;
        }
        if response.changed() {
            self.replace = None;
        }
        response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter))
    }

    /// The folder and those in it. Returns where to go.
    fn folder_ui(&mut self, ui: &mut Ui, theme: &Theme) -> Option<PathBuf> {
        let (response, typed) = self.browser.field_ui(ui, Id::unique("save dialog folder"), "Folder");
        if response.changed() {
            self.replace = None;
        }
        ui.add_space(Sizes::GRID / 2.0);
        let go = self.browser.list_ui(ui, theme, 240.0).or(typed);
        if go.is_some() {
            self.replace = None;
        }
        go
    }

    fn buttons_ui(&mut self, ui: &mut Ui, entered: bool) -> SaveChoice {
        let mut choice = SaveChoice::Open;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let place = self.place();
            let button = egui::Button::new("Save").min_size(vec2(110.0, 28.0));
            let wanted = ui.add_enabled(place.is_some(), button).clicked() || entered;
            if ui.add(egui::Button::new("Cancel").min_size(vec2(80.0, 28.0))).clicked() {
                choice = SaveChoice::Cancel;
            } else if let Some(place) = place.filter(|_| wanted) {
                if place.exists() {
                    self.replace = Some(place);
                } else {
                    choice = SaveChoice::File(place);
                }
            }
        });
        choice
    }

    fn replace_ui(&mut self, ui: &mut Ui, theme: &Theme, file: PathBuf) -> SaveChoice {
        let mut choice = SaveChoice::Open;
        let name = file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let is_file = file.is_file();
        let text = if is_file {
            format!("{name} is there already. Replace it?")
        } else {
            format!("{name} is there already, and is no file that could be replaced.")
        };
        ui.add(egui::Label::new(RichText::new(text).color(theme.paint("waiting"))).truncate());
        ui.add_space(Sizes::GRID / 2.0);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let button = egui::Button::new("Replace").min_size(vec2(110.0, 28.0));
            if ui.add_enabled(is_file, button).clicked() {
                choice = SaveChoice::File(file);
            }
            if ui.add(egui::Button::new("Keep it").min_size(vec2(80.0, 28.0))).clicked() {
                self.replace = None;
            }
        });
        choice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> SaveQuestion {
        SaveQuestion { title: "Save".to_owned(), folder: None, name: "view.png".to_owned(), ending: "png", sort: "PNG" }
    }

    #[test]
    fn a_place_is_a_name_in_a_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut dialog = SaveDialog::new(question(), folder.path().to_path_buf());
        assert_eq!(dialog.place(), Some(folder.path().join("view.png")));
        for (name, place) in [("a", Some("a.png")), ("b.svg", Some("b.svg")), (" ", None), ("..", None), ("x/", None)] {
            dialog.name = name.to_owned();
            assert_eq!(dialog.place(), place.map(|p| folder.path().join(p)), "{name}");
        }
        dialog.name = "a.png".to_owned();
        dialog.browser.text = folder.path().join("none").display().to_string();
        assert_eq!(dialog.place(), None);
    }
}
