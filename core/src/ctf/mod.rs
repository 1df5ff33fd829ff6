//! The Common Trace Format, version 1.8: what LTTng, barectf and perf's converter write.
//!
//! ```text
//! metadata ─ tsdl → model ─ compile, bind → plans
//! files ─ scan → packets ─ stream → streams
//! plans + packets ─ walk → count (all cores, any order), cursor (typed events), reader (all fields)
//! ```
//!
//! Everything that depends on the metadata is computed once, when the trace opens. After that an event costs a
//! load for its header, a look at a table for its size, and nothing more unless somebody wants its fields.
//!
//! Bad input is told and stepped over: an event that cannot be read costs the rest of its packet, a packet
//! that cannot be read costs the way to the next one.

mod bind;
mod bits;
mod clock;
mod compile;
mod count;
mod cursor;
mod discover;
mod entered;
mod fault;
mod header;
mod index_file;
mod machine;
pub mod model;
mod other;
mod packet;
mod plan;
mod reader;
mod scan;
mod stream;
mod trace;
pub mod tsdl;
mod typed;
mod value;
mod walk;

pub use discover::{TraceGroup, discover};
pub use trace::open;
