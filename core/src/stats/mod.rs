//! Numbers about a range of time: latencies with their percentiles, CPU usage, and what differs between two ranges.
//!
//! Time per state is not here: rows answer that themselves, exactly and in no time (`Row::sums`). Latencies are
//! lengths of what rows show: nothing is recorded for them, no event is read again.

pub mod compare;
mod histogram;
mod kept;
mod latency;
pub mod usage;
mod walk;

pub use histogram::{Cell, Density, Histogram};
pub use latency::{Latencies, LatencyKind, LatencyQuery, Longest, keep_latencies, latencies, latency_density};
