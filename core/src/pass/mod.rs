//! One pass over a machine's streams: cursors fill batches in parallel, one consumer merges them in time.
//!
//! ```text
//!   stream 0 ──cursor──▶ [batch]─┐
//!   stream 1 ──cursor──▶ [batch]─┼─ merge by (time, stream) ─▶ consumer ─▶ sinks ─▶ store
//!   stream 2 ──cursor──▶ [batch]─┘        one thread a machine
//!            rayon's pool
//! ```
//!
//! While the consumer works on a stream's batch the next one of that stream is being filled, so decoding runs
//! beside the analysis and memory is bounded by two batches a stream. What the consumer sees does not depend on
//! the number of threads: equal instants are ordered by the stream's position in the list.

mod feed;
mod merge;

pub use merge::{Consumer, PassEnd, StreamSource, run};
