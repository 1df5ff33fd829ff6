//! Layers of settings, and what is in effect of them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::window::settings::table::{Setting, TABLE, Value};
use crate::window::view::TimeFormat;

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

/// Who says something about settings, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The program.
    BuiltIn,
    /// Whoever administers the machine.
    System,
    /// The user.
    User,
    /// A file in the folder that is open.
    Experiment,
    /// `--set` at the start.
    CommandLine,
    /// The user, of a value that the experiment or the command line fixes: until the window closes.
    Window,
}

impl Layer {
    /// All of them, the weakest first.
    pub const ALL: [Self; 6] =
        [Self::BuiltIn, Self::System, Self::User, Self::Experiment, Self::CommandLine, Self::Window];

    /// As the pane calls where a value comes from.
    pub fn title(self) -> &'static str {
        match self {
            Self::BuiltIn => "built in",
            Self::System => "system-wide",
            Self::User => "your settings",
            Self::Experiment => "this experiment",
            Self::CommandLine => "command line",
            Self::Window => "this window only",
        }
    }
}

/// What one layer says: only what it wants otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preferences {
    /// Dark or light.
    pub theme: Option<ThemeChoice>,
    /// Size of everything; 1 is normal.
    pub ui_scale: Option<f32>,
    /// Small rows.
    pub compact: Option<bool>,
    /// Colour physical CPUs by whose work they do instead of by state.
    pub by_machine: Option<bool>,
    /// How times are written.
    pub time_format: Option<TimeFormat>,
    /// Hide rows that are idle in the window.
    pub hide_idle: Option<bool>,
    /// Whether the experiment tree is shown.
    pub tree: Option<bool>,
    /// Whether the details are shown.
    pub details: Option<bool>,
    /// Kept filters by name; an empty text takes one away that a weaker layer has.
    pub filters: BTreeMap<String, String>,
    /// Keys of commands, where they differ from the default: `{"zoom-in": ["I", "Ctrl+Up"]}`.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Preferences {
    /// What the program says of each setting.
    pub fn built_in() -> Self {
        Self {
            theme: Some(ThemeChoice::System),
            ui_scale: Some(1.0),
            compact: Some(false),
            by_machine: Some(false),
            time_format: Some(TimeFormat::Clock),
            hide_idle: Some(false),
            tree: Some(true),
            details: Some(true),
            filters: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Puts what a stronger layer says on top.
    pub fn overlay(&mut self, stronger: &Self) {
        for setting in TABLE {
            if let Some(value) = setting.get(stronger) {
                setting.merge(self, value);
            }
        }
    }

    /// Takes away what `below` says anyhow.
    pub fn without(&self, below: &Self) -> Self {
        let mut rest = Self::default();
        for setting in TABLE {
            let (own, other) = (setting.get(self), setting.get(below));
            if let Some(own) = own.and_then(|own| own.without(other.as_ref())) {
                setting.put(&mut rest, Some(own));
            }
        }
        rest
    }

    /// What is said otherwise here than `before`, and what is no longer said: settings, or entries of theirs.
    pub fn changed_since(&self, before: &Self) -> (Self, Vec<(&'static Setting, Option<String>)>) {
        let (mut changed, mut gone) = (Self::default(), Vec::new());
        for setting in TABLE {
            let entries = |of: &Self| setting.get(of).map(Value::entries).unwrap_or_default();
            let (now, then) = (entries(self), entries(before));
            gone.extend(then.iter().filter(|t| !now.iter().any(|n| n.0 == t.0)).map(|t| (setting, t.0.clone())));
            for entry in now.into_iter().filter(|n| !then.contains(n)) {
                setting.merge(&mut changed, entry.1);
            }
        }
        (changed, gone)
    }
}

/// What is in effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Dark or light.
    pub theme: ThemeChoice,
    /// Size of everything; 1 is normal.
    pub ui_scale: f32,
    /// Small rows.
    pub compact: bool,
    /// Colour physical CPUs by whose work they do instead of by state.
    pub by_machine: bool,
    /// How times are written.
    pub time_format: TimeFormat,
    /// Hide rows that are idle in the window.
    pub hide_idle: bool,
    /// Whether the experiment tree is shown.
    pub tree: bool,
    /// Whether the details are shown.
    pub details: bool,
    /// Kept filters: the name and the text.
    pub filters: Vec<(String, String)>,
    /// Keys of commands, where they differ from the default.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Values {
    fn of(said: Preferences) -> Self {
        Self {
            theme: said.theme.unwrap_or_default(),
            ui_scale: said.ui_scale.unwrap_or(1.0),
            compact: said.compact.unwrap_or_default(),
            by_machine: said.by_machine.unwrap_or_default(),
            time_format: said.time_format.unwrap_or_default(),
            hide_idle: said.hide_idle.unwrap_or_default(),
            tree: said.tree.unwrap_or(true),
            details: said.details.unwrap_or(true),
            filters: said.filters.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            keys: said.keys,
        }
    }
}

/// A file that settings or the memory come from, as the pane shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The layer; `None`: the memory.
    pub layer: Option<Layer>,
    /// Where it lies or would lie.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// Why nothing is saved over it, if something in it is not understood.
    pub broken: Option<String>,
}

/// The layers in which the user says something.
const OWN: [Layer; 2] = [Layer::User, Layer::Window];

/// What the user said of some settings: nothing, where a value comes from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Said(Vec<(&'static str, [Option<Value>; OWN.len()])>);

/// All layers and what is in effect. Reads like [`Values`]; changes go through [`Settings::put`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    layers: [Preferences; Layer::ALL.len()],
    values: Values,
    /// The files that layers and the memory come from.
    pub files: Vec<FileInfo>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut layers: [Preferences; Layer::ALL.len()] = Default::default();
        layers[Layer::BuiltIn as usize] = Preferences::built_in();
        Self { values: Values::of(Preferences::built_in()), layers, files: Vec::new() }
    }
}

impl Deref for Settings {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

impl Settings {
    /// What a layer says.
    pub fn layer(&self, layer: Layer) -> &Preferences {
        &self.layers[layer as usize]
    }

    /// Puts another layer in the place of one.
    pub fn set_layer(&mut self, layer: Layer, says: Preferences) {
        self.layers[layer as usize] = says;
        self.resolve();
    }

    /// Layers up to this one, together.
    pub fn up_to(&self, layer: Layer) -> Preferences {
        let mut all = Preferences::default();
        self.layers.iter().take(layer as usize + 1).for_each(|says| all.overlay(says));
        all
    }

    fn resolve(&mut self) {
        self.values = Values::of(self.up_to(Layer::Window));
    }

    /// The user wants these values. What differs from the layers below goes to the user's layer; a value that the
    /// experiment or the command line fixes changes in this window only.
    pub fn put(&mut self, wish: &Preferences) {
        let below = self.up_to(Layer::System);
        let fixed = self.up_to(Layer::CommandLine);
        for setting in TABLE {
            for (entry, value) in setting.get(wish).map(Value::entries).unwrap_or_default() {
                let stronger = self.fixed_by(setting, entry.as_deref()).is_some();
                let (layer, under) = if stronger { (Layer::Window, &fixed) } else { (Layer::User, &below) };
                setting.remove(&mut self.layers[Layer::Window as usize], entry.as_deref());
                setting.remove(&mut self.layers[layer as usize], entry.as_deref());
                if let Some(value) = value.without(setting.get(under).as_ref()) {
                    setting.merge(&mut self.layers[layer as usize], value);
                }
            }
        }
        self.resolve();
    }

    /// What the user said of settings of these names, in all windows and in this one: to be said again.
    pub fn said(&self, names: &[&str]) -> Said {
        let settings = TABLE.iter().filter(|setting| names.contains(&setting.name));
        Said(settings.map(|s| (s.name, OWN.map(|layer| s.get(self.layer(layer))))).collect())
    }

    /// Says of these settings what was said, and no more: a value that came from a layer below comes from there again.
    pub fn say(&mut self, said: &Said) {
        for (name, values) in &said.0 {
            let Some(setting) = crate::window::settings::table::find(name) else { continue };
            for (layer, value) in OWN.into_iter().zip(values) {
                setting.put(&mut self.layers[layer as usize], value.clone());
            }
        }
        self.resolve();
    }

    /// Drops what the user said of a setting, or of one of its entries.
    pub fn reset(&mut self, setting: &Setting, entry: Option<&str>) {
        for layer in OWN {
            setting.remove(&mut self.layers[layer as usize], entry);
        }
        self.resolve();
    }

    /// Whether the user said something of a setting, or of one of its entries, that can be dropped.
    pub fn is_own(&self, setting: &Setting, entry: Option<&str>) -> bool {
        OWN.into_iter().any(|layer| setting.says(self.layer(layer), entry))
    }

    /// Where the value that is in effect comes from.
    pub fn source(&self, setting: &Setting, entry: Option<&str>) -> Layer {
        Layer::ALL.into_iter().rev().find(|l| setting.says(self.layer(*l), entry)).unwrap_or(Layer::BuiltIn)
    }

    /// The layer above the user's that fixes a value, if one does.
    pub fn fixed_by(&self, setting: &Setting, entry: Option<&str>) -> Option<Layer> {
        [Layer::CommandLine, Layer::Experiment].into_iter().find(|l| setting.says(self.layer(*l), entry))
    }

    /// Another experiment is opened: what this window changed only because the last one fixed it counts no more.
    pub fn leave_experiment(&mut self) {
        self.layers[Layer::Experiment as usize] = Preferences::default();
        let mut window = Preferences::default();
        for setting in TABLE {
            for (entry, value) in setting.get(self.layer(Layer::Window)).map(Value::entries).unwrap_or_default() {
                if self.fixed_by(setting, entry.as_deref()).is_some() {
                    setting.merge(&mut window, value);
                }
            }
        }
        self.set_layer(Layer::Window, window);
    }

    /// What the user's wish is to make everything larger or smaller by a factor, or normal.
    pub fn scaled(&self, factor: Option<f32>) -> Preferences {
        let (least, most) = crate::window::settings::table::SCALES;
        let scale = factor.map_or(1.0, |f| self.ui_scale * f).clamp(least, most);
        // Ten steps up and ten down shall end where they began.
        Preferences { ui_scale: Some((scale * 1000.0).round() / 1000.0), ..Preferences::default() }
    }
}
