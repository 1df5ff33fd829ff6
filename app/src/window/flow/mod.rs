//! The panes *Execution flow* and *Flow: where the time went*: the selected task's flow, its rows and arrows, what
//! its time went to, and why one instance of a recurring task took longer than another.
//!
//! ```text
//!  selected row, selection, window ─► follow ─► Question ─► answer (in the background) ─┬─► picture ─► a timeline
//!                                                                                       ├─► overlay: arrows, veil
//!                                                                                       └─► sums ─► breakdown
//! ```
//! The panes select what is clicked in them everywhere else, and stay with the task that they follow.

pub mod answer;
pub mod breakdown;
pub mod compare;
pub mod follow;
pub mod instances;
pub mod overlay;
pub mod pane;
pub mod picture;
mod sheets;
pub mod sums;
#[cfg(test)]
mod tests;
pub mod words;

pub use pane::FlowPanes;
