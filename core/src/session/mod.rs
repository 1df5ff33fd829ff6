//! A session: opens what lies below some paths, analyses it in the background, publishes snapshots.

mod analyse;
mod containment;
mod density;
mod early;
mod find;
mod flow;
mod machines;
mod open;
mod snapshot;
mod together;

pub use density::Density;
pub use find::instants;
pub use open::{Recordings, Session, SessionOptions, Waker};
pub use snapshot::{LostView, MachineView, Phase, RecordingView, Snapshot, TraceView};
pub use together::SyncChoice;
