//! The window: panes over snapshots of a session.
//!
//! A frame reads one snapshot and the view, draws, and collects [`command::Command`]s; they are carried out
//! after the frame. Nothing here knows a byte layout or the name of an event.
//!
//! ```text
//!  keys, menus, palette, panes ──► Command ──► apply ──► State ──► next frame
//!                                                │
//!                                                └─► Effect: dialogs, sessions, clipboard (shell)
//!  session ──► snapshot ──► Scene + SessionInfo ──┘
//! ```

pub mod again;
pub mod apply;
pub mod aside;
pub mod asked;
pub mod axis;
pub mod catalogue;
pub mod command;
pub mod details;
pub mod dialog;
pub mod engine;
pub mod event_pages;
pub mod events;
pub mod export;
pub mod find;
pub mod flow;
pub mod frame;
pub mod help;
pub mod info;
pub mod joint;
pub mod keys;
pub mod keys_sheet;
pub mod layout;
pub mod navigate;
pub mod overview;
pub mod own;
pub mod palette;
pub mod panes;
pub mod parts;
pub mod problems;
pub mod reading;
pub mod relations;
pub mod run;
pub mod samples;
pub mod settings;
pub mod shell;
pub mod sidebar;
pub mod slide;
pub mod start;
pub mod state;
pub mod stats;
pub mod status_bar;
pub mod theme;
pub mod timeline;
pub mod top_bar;
pub mod tour;
pub mod tour_card;
pub mod view;
pub mod watch;
pub mod words;
pub mod worker;

pub use run::{Options, RunError, run_window};
pub use shell::{Window, WindowOptions};
