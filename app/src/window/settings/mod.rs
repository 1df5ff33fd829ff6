//! Settings: how the user wants the program to be, in layers; and, apart from them, what the program remembers.
//!
//! ```text
//!  built in ◄ system-wide ◄ yours ◄ this experiment ◄ command line ◄ this window
//!             /etc/…        XDG     stratoscope.ron   --set          changed while fixed by one of the two before
//! ```
//!
//! A layer says only what it wants otherwise ([`Preferences`]); what is in effect ([`Values`]) comes from the
//! strongest layer that says anything. One table ([`table::TABLE`]) names each setting, what it means and what it may
//! be: the pane, the command line, its help and the messages about files read it.
//!
//! * The user's file holds what differs from the layers below it, so that a later change of the system-wide file takes
//!   effect. What stronger layers say is never written into it. Changing a value that such a layer fixes changes it for
//!   this window only, so that no key is dead.
//! * An experiment's layer is a file in its folder that is only read: it can be shipped with a trace, and everybody who
//!   opens the trace sees why a value is so. There are no remembered settings of an experiment besides: a value that
//!   differs here and nowhere can be found would be a riddle. It may set how traces are shown, but neither colours nor
//!   sizes nor keys: those belong to whoever sits in front of the screen, not to who recorded.
//! * What the program remembers ([`Memory`]: recent folders, arrangements, bookmarks, what was shown, …) is no setting: it has no
//!   layers and a file of its own, beside the user's. So a file that somebody edits by hand is not written to every few
//!   seconds, and a typing error in it costs no bookmark.
//! * A file that is not understood is told with line and column and left as it is: nothing is saved over it until it is
//!   correct, or until somebody chooses to begin a new one, which keeps the old one beside it.
//!
//! Not here: what a command does with a value (`apply`), nor what it looks like (`theme`).

pub mod command;
pub mod disk;
pub mod file;
pub mod keeper;
pub mod keys_part;
pub mod layers;
pub mod memory;
pub mod pane;
pub mod table;

#[cfg(test)]
mod tests;

pub use command::SettingsCommand;
pub use keeper::{Keeper, Sources, remembered};
pub use layers::{Layer, Preferences, Said, Settings, ThemeChoice, Values};
pub use memory::Memory;
