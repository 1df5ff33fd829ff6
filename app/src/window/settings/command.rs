//! What commands do to settings.

use crate::window::apply::Effect;
use crate::window::settings::layers::Preferences;
use crate::window::settings::table;
use crate::window::state::State;

/// One of the two files that the program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnFile {
    /// The user's settings.
    Settings,
    /// What the program remembers.
    Memory,
}

/// What can be done with settings.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingsCommand {
    /// The user wants these values.
    Put(Preferences),
    /// Drop the user's own value of a setting, or of one of its entries.
    Reset {
        /// The setting's name.
        name: &'static str,
        /// The entry: a filter's name, a command.
        entry: Option<String>,
    },
    /// Begin a new file in the place of one that is not understood, and keep that one beside it.
    StartAnew(OwnFile),
}

/// Carries out such a command.
pub fn apply(state: &mut State, command: SettingsCommand) -> Vec<Effect> {
    match command {
        SettingsCommand::Put(wish) => state.prefer(&wish),
        SettingsCommand::Reset { name, entry } => {
            if let Some(setting) = table::find(name) {
                state.settings.reset(setting, entry.as_deref());
                state.take_settings();
            }
        }
        SettingsCommand::StartAnew(file) => return vec![Effect::StartAnew(file)],
    }
    Vec::new()
}
