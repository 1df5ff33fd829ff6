//! Random access to a session's events: by number in the merged order, and by time.
//!
//! Every stream leaves a checkpoint each 1024 events on its way through the pass. Merged row numbers are not
//! stored: a synchronisation may change the order between machines at any time. They are computed instead.
//! Checkpoints bound from below and above how many events lie before an instant, so a binary search over time
//! ends within some thousand events of the wanted row, and only those are decoded and merged.

mod events;
mod stream;

pub use events::{EventAt, EventRow, EventStream, EventTable};
pub use stream::StreamIndex;
