//! What the window needs of whatever reads traces. A trait, so that the window can be tested, and its pictures
//! taken, without a trace.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stratoscope_core::session::{Session, SyncChoice};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::event_pages::EventSource;
use crate::window::info::SessionInfo;
use crate::window::timeline::scene::Scene;
use crate::window::worker::Wake;

/// What was read since the last time.
pub struct News {
    /// Rows.
    pub scene: Scene,
    /// Traces, progress, problems.
    pub info: SessionInfo,
    /// What to show first.
    pub first_view: Option<TimeRange<RefNs>>,
    /// Events.
    pub events: Option<Arc<dyn EventSource>>,
    /// The events do not continue those before: another order, other traces.
    pub events_fresh: bool,
}

/// Something that reads traces in the background. Dropping it stops it.
pub trait Engine {
    /// What is new, if anything is. Quick: called every frame.
    fn poll(&mut self) -> Option<News>;
    /// Stops reading; what was read stays.
    fn cancel(&self);
    /// Takes another choice about clocks and virtual machines; nothing is read again.
    fn choose(&self, choice: SyncChoice);
    /// The session that it reads, if there is one: what is saved is asked of it.
    fn session(&self) -> Option<Arc<Session>> {
        None
    }
    /// Waits until all is read; for pictures and tests. Returns whether it came to that in time.
    fn wait(&self, longest: Duration) -> bool;
}

/// Opens paths, or one recording below them. The last argument wakes the screen.
pub type Opener = Box<dyn Fn(Vec<PathBuf>, Option<usize>, Wake) -> Box<dyn Engine>>;
