//! A session: opens what lies below some paths, analyses it in the background, publishes snapshots.

mod analyse;
mod density;
mod machines;
mod open;
mod snapshot;

pub use density::Density;
pub use open::{Recordings, Session, SessionOptions, Waker};
pub use snapshot::{LostView, MachineView, Phase, RecordingView, Snapshot, TraceView};
