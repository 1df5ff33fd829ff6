//! What is fuzzed: functions from bytes to nothing, that panic if something promised does not hold.
//!
//! The fuzzers (`tests/fuzz`) call them with inputs that they make up; the test `corpus` calls them with every input
//! that is kept. Neither panic nor hang nor allocate without bound is promised for any bytes at all, so the functions
//! check what else must be true of whatever came out.

mod filter;
mod metadata;
mod packets;
mod reading;

pub use filter::filter;
pub use metadata::metadata;
pub use packets::{packets, trace};

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets. The name is also that of the folders below `tests/fuzz/corpus` and `tests/fuzz/finds`.
pub const TARGETS: [(&str, Target); 4] =
    [("metadata", metadata), ("packets", packets), ("trace", trace), ("filter", filter)];
