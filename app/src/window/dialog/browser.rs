//! A folder that is typed or clicked, and the folders in it: what our dialogs for opening and saving share.

use std::path::{Path, PathBuf};

use egui::{Id, Response, RichText, ScrollArea, TextEdit, Ui};

use crate::window::parts::{ListLine, triangle};
use crate::window::theme::Theme;

/// How many folders are listed.
const MAX_LISTED: usize = 2_000;

/// Where somebody is among the folders.
pub(super) struct Browser {
    /// What stands in the field.
    pub(super) text: String,
    folder: PathBuf,
    /// Names of the folders in it.
    pub(super) folders: Vec<String>,
    /// Why it cannot be listed.
    pub(super) problem: Option<String>,
}

impl Browser {
    pub(super) fn at(folder: PathBuf) -> Self {
        let (folders, problem) = match list(&folder) {
            Ok(folders) => (folders, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Self { text: folder.display().to_string(), folder, folders, problem }
    }

    /// What was typed, as a path.
    pub(super) fn typed(&self) -> PathBuf {
        PathBuf::from(self.text.trim())
    }

    pub(super) fn go(&mut self, folder: PathBuf) {
        let typed = std::mem::take(&mut self.text);
        let by_typing = Path::new(typed.trim()) == folder;
        *self = Self::at(folder);
        if by_typing {
            // What somebody is typing stays as it is: the list follows it, not the other way round.
            self.text = typed;
        }
    }

    /// Draws the field. Returns it, and where to go.
    pub(super) fn field_ui(&mut self, ui: &mut Ui, id: Id, label: &str) -> (Response, Option<PathBuf>) {
        let edit = TextEdit::singleline(&mut self.text).id(id).margin(egui::Margin::symmetric(8, 6));
        let response = ui.add(edit.desired_width(f32::INFINITY));
        ui.ctx().accesskit_node_builder(id, |node| node.set_label(label));
        let path = self.typed();
        let go = response.changed() && path.is_dir() && path != self.folder;
        (response, go.then_some(path))
    }

    /// Draws the folders. Returns where to go.
    pub(super) fn list_ui(&self, ui: &mut Ui, theme: &Theme, height: f32) -> Option<PathBuf> {
        let mut go = None;
        ScrollArea::vertical().auto_shrink(false).max_height(height).show(ui, |ui| {
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
        go
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
