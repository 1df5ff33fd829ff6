//! Numbers about stretches of time: the statistics of the selection, CPU usage, and two stretches compared.
//!
//! What is counted without a screen (`times`, `latencies`, `usage`, `differences`) lies beside what draws it.

pub mod compare_pane;
pub mod comparison;
pub mod differences;
pub mod events_tab;
pub mod histogram;
pub mod latencies;
pub mod latencies_tab;
pub mod pane;
pub mod scatter;
pub mod sheet;
pub mod times;
pub mod times_tab;
pub mod usage;
pub mod usage_paint;
pub mod usage_pane;
