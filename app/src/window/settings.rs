//! What the program remembers from one start to the next: a RON file in the user's folder for settings.
//!
//! Saved soon after a change and when the window closes, never by egui's own storage: that saves only on a clean
//! exit, and also keeps the window's size, which would make pictures in tests depend on the last run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::Problem;

use crate::window::joint::clocks::KeptChoice;
use crate::window::layout::Panes;
use crate::window::own::Own;
use crate::window::view::TimeFormat;

/// How many folders the list of recent ones keeps, and of how many experiments the arrangement is remembered.
const RECENT: usize = 12;

/// Of how many experiments bookmarks and row tools are remembered: they are somebody's work.
const EXPERIMENTS: usize = 200;

/// Dark, light, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// What the system says; dark if it says nothing.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Dark or light.
    pub theme: ThemeChoice,
    /// Size of everything; 1 is normal.
    pub ui_scale: f32,
    /// Paths that were opened together, the latest first.
    pub recent: Vec<Vec<PathBuf>>,
    /// Keys of commands, where they differ from the default: `{"zoom-in": ["I", "Ctrl+Up"]}`.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Small rows.
    pub compact: bool,
    /// Hide rows that are idle in the window.
    pub hide_idle: bool,
    /// Colour physical CPUs by whose work they do instead of by state.
    pub by_machine: bool,
    /// How times are written.
    pub time_format: TimeFormat,
    /// Whether the experiment tree is shown.
    pub tree: bool,
    /// Whether the details are shown.
    pub details: bool,
    /// How panes were arranged, by what was open.
    pub layouts: Vec<(Vec<PathBuf>, Panes)>,
    /// What was chosen about clocks, by what was open.
    pub clocks: Vec<(Vec<PathBuf>, KeptChoice)>,
    /// Bookmarks, markers and row tools, by what was open.
    pub own: Vec<(Vec<PathBuf>, Own)>,
    /// Filters that are kept, by name: the name and the text.
    pub filters: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            ui_scale: 1.0,
            recent: Vec::new(),
            keys: BTreeMap::new(),
            compact: false,
            hide_idle: false,
            by_machine: false,
            time_format: TimeFormat::default(),
            tree: true,
            details: true,
            layouts: Vec::new(),
            clocks: Vec::new(),
            own: Vec::new(),
            filters: Vec::new(),
        }
    }
}

/// The sizes that the user can choose.
const SCALES: std::ops::RangeInclusive<f32> = 0.5..=3.0;

impl Settings {
    /// Puts paths on top of the recent ones.
    pub fn add_recent(&mut self, paths: &[PathBuf]) {
        if paths.is_empty() {
            return;
        }
        self.recent.retain(|r| r != paths);
        self.recent.insert(0, paths.to_vec());
        self.recent.truncate(RECENT);
    }

    /// Takes paths off the recent ones: they are not there any more.
    pub fn remove_recent(&mut self, paths: &[PathBuf]) {
        self.recent.retain(|r| r != paths);
    }

    /// How panes were arranged when these paths were open.
    pub fn layout(&self, paths: &[PathBuf]) -> Option<&Panes> {
        self.layouts.iter().find(|(p, _)| p == paths).map(|(_, panes)| panes)
    }

    /// Remembers how panes are arranged for these paths.
    pub fn set_layout(&mut self, paths: &[PathBuf], panes: &Panes) {
        if paths.is_empty() || self.layouts.first().is_some_and(|(p, l)| p == paths && l == panes) {
            return;
        }
        self.layouts.retain(|(p, _)| p != paths);
        self.layouts.insert(0, (paths.to_vec(), panes.clone()));
        self.layouts.truncate(RECENT);
    }

    /// What was chosen about clocks when these paths were open.
    pub fn clocks(&self, paths: &[PathBuf]) -> SyncChoice {
        self.clocks.iter().find(|(p, _)| p == paths).map_or_else(SyncChoice::default, |(_, kept)| kept.choice())
    }

    /// Remembers what was chosen about clocks for these paths.
    pub fn set_clocks(&mut self, paths: &[PathBuf], choice: &SyncChoice) {
        self.clocks.retain(|(p, _)| p != paths);
        // What needs no choice needs no memory.
        if *choice != SyncChoice::default() && !paths.is_empty() {
            self.clocks.insert(0, (paths.to_vec(), KeptChoice::of(choice)));
            self.clocks.truncate(RECENT);
        }
    }

    /// What the user made of these paths.
    pub fn own(&self, paths: &[PathBuf]) -> Own {
        self.own.iter().find(|(p, _)| p == paths).map_or_else(Own::default, |(_, own)| own.clone())
    }

    /// Remembers what the user made of these paths.
    pub fn set_own(&mut self, paths: &[PathBuf], own: &Own) {
        self.own.retain(|(p, _)| p != paths);
        if *own != Own::default() && !paths.is_empty() {
            self.own.insert(0, (paths.to_vec(), own.clone()));
            self.own.truncate(EXPERIMENTS);
        }
    }

    /// Brings numbers that somebody typed into the file back into reason.
    fn checked(mut self) -> Self {
        if !self.ui_scale.is_finite() || !SCALES.contains(&self.ui_scale) {
            self.ui_scale = 1.0;
        }
        self.recent.truncate(RECENT);
        self.layouts.truncate(RECENT);
        self.clocks.truncate(RECENT);
        self
    }

    /// Makes everything larger or smaller.
    pub fn scale_ui(&mut self, factor: Option<f32>) {
        let scale = factor.map_or(1.0, |f| self.ui_scale * f).clamp(*SCALES.start(), *SCALES.end());
        // Ten steps up and ten down shall end where they began.
        self.ui_scale = (scale * 1000.0).round() / 1000.0;
    }
}

/// Where the settings lie, unless somebody says otherwise.
pub fn default_path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("STRATOSCOPE_SETTINGS") {
        return Some(PathBuf::from(path));
    }
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let config = if cfg!(target_os = "windows") {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    config.map(|c| c.join("stratoscope").join("settings.ron"))
}

/// Reads the settings. A file that is not there gives the defaults; one that cannot be read gives the defaults and
/// a problem, and is kept under another name, so that the next save does not destroy what somebody wrote by hand.
pub fn load(path: &Path) -> (Settings, Option<Problem>) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Settings::default(), None),
        Err(error) => {
            let problem =
                Problem::warning(path, "the settings cannot be read; the defaults are used").found(error.to_string());
            return (Settings::default(), Some(problem));
        }
    };
    match ron::from_str::<Settings>(&text) {
        Ok(settings) => (settings.checked(), None),
        Err(error) => {
            let backup = path.with_extension("ron.broken");
            let advice = match fs::copy(path, &backup) {
                Ok(_) => format!("What was there is kept in {}", backup.display()),
                Err(_) => "Correct or remove the file".to_owned(),
            };
            let problem = Problem::warning(path, "the settings are damaged; the defaults are used")
                .found(error.to_string())
                .advise(advice);
            (Settings::default(), Some(problem))
        }
    }
}

/// Writes the settings: beside the file first, then in its place, so that a crash leaves one or the other.
///
/// # Errors
/// The folder cannot be made or the file cannot be written.
pub fn save(path: &Path, settings: &Settings) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = ron::ser::to_string_pretty(settings, ron::ser::PrettyConfig::default())?;
    let beside = path.with_extension("ron.new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::layout::Preset;

    #[test]
    fn settings_survive_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.ron");
        let mut settings = Settings { theme: ThemeChoice::Light, hide_idle: true, ..Settings::default() };
        settings.add_recent(&[PathBuf::from("/traces/a"), PathBuf::from("/traces/b")]);
        settings.keys.insert("zoom-in".to_owned(), vec!["I".to_owned()]);
        settings.set_layout(&[PathBuf::from("/traces/a")], &Panes::preset(Preset::Machines, 2));
        settings.scale_ui(Some(1.1));
        save(&path, &settings).unwrap();
        assert_eq!(load(&path), (settings, None));
    }

    #[test]
    fn a_damaged_file_gives_defaults_a_problem_and_a_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.ron");
        fs::write(&path, "(theme: Purple").unwrap();
        let (settings, problem) = load(&path);
        assert_eq!(settings, Settings::default());
        assert!(problem.unwrap().what.contains("damaged"));
        assert_eq!(fs::read_to_string(folder.path().join("settings.ron.broken")).unwrap(), "(theme: Purple");
        assert_eq!(load(&folder.path().join("none.ron")), (Settings::default(), None));
    }

    #[test]
    fn old_files_and_nonsense_numbers_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.ron");
        fs::write(&path, "(ui_scale: 1e30, compact: true)").unwrap();
        let (settings, problem) = load(&path);
        assert_eq!((settings.ui_scale, settings.compact, problem), (1.0, true, None));
    }

    #[test]
    fn recent_paths_are_few_and_unique() {
        let mut settings = Settings::default();
        for n in 0..40 {
            settings.add_recent(&[PathBuf::from(format!("/t/{}", n % 20))]);
        }
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], [PathBuf::from("/t/19")]);
        settings.remove_recent(&[PathBuf::from("/t/19")]);
        assert_eq!(settings.recent[0], [PathBuf::from("/t/18")]);
    }
}
