//! Honest progress of long work, and the way to stop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The work was cancelled; what was computed so far is discarded by whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Tells long work to stop. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if somebody asked, for use with `?`.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

/// How much of a piece of work is done, in a unit that is proportional to time (bytes read). Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<[AtomicU64; 2]>);

impl Progress {
    /// Adds to the whole amount of work.
    pub fn add_total(&self, amount: u64) {
        self.0[1].fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds to what is done.
    pub fn add_done(&self, amount: u64) {
        self.0[0].fetch_add(amount, Ordering::Relaxed);
    }

    /// `(done, total)`, in the same unit.
    pub fn get(&self) -> (u64, u64) {
        let total = self.0[1].load(Ordering::Relaxed);
        (self.0[0].load(Ordering::Relaxed).min(total), total)
    }
}
