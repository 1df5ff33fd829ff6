//! Clocks while machines are still being read, so that guests stand at their places long before the end.
//!
//! Ends of messages go to a synchroniser as they are found. Its maps are published when they are good news: when a
//! machine is related accurately for the first time, and whenever the bound on its error has halved since. So rows
//! move seldom, and less each time. What [`super::together`] works out at the end replaces all of it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::session::open::Shared;
use crate::session::snapshot::{Phase, Snapshot};
use crate::session::together::{self, SyncChoice};
use crate::sync::{Solution, SyncEngine, SyncQuality, SyncRole};
use crate::vocab::{Cancel, MachineId};

/// Between two looks at what was found.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts to relate the clocks of a session's machines, if there are several. Ends with the reading.
pub(super) fn start(shared: &Arc<Shared>) {
    if shared.snapshot().machines.len() < 2 {
        return;
    }
    let worker = Arc::clone(shared);
    // Without this thread the maps only come later.
    thread::Builder::new().name("clocks".to_owned()).spawn(move || run(&worker)).ok();
}

fn run(shared: &Shared) {
    let mut early = Early::default();
    loop {
        thread::sleep(PAUSE);
        let snapshot = shared.snapshot();
        let cancel = shared.together();
        if snapshot.phase != Phase::Analysing || cancel.is_cancelled() {
            return;
        }
        if early.choice.as_ref() != Some(&snapshot.choice) {
            early = Early { choice: Some(snapshot.choice.clone()), ..Early::default() };
        }
        if let Some((reference, solution)) = early.look(&snapshot, &cancel) {
            // The end may have come meanwhile, with better maps.
            shared.publish_early(&cancel, reference, solution);
        }
    }
}

/// What is known so far.
#[derive(Default)]
struct Early {
    choice: Option<SyncChoice>,
    engine: SyncEngine,
    /// Points taken, by machine.
    taken: Vec<u64>,
    /// Bounds of what was published, by machine.
    bounds: Vec<Option<u64>>,
}

impl Early {
    /// Takes in what is new; says what is worth publishing.
    fn look(&mut self, snapshot: &Snapshot, cancel: &Cancel) -> Option<(MachineId, Arc<Solution>)> {
        self.taken.resize(snapshot.machines.len(), 0);
        self.bounds.resize(snapshot.machines.len(), None);
        let mut news = 0;
        for (machine, taken) in snapshot.machines.iter().zip(&mut self.taken) {
            let points = machine.store.sync_points();
            for point in points.from(*taken) {
                self.engine.add(machine.id, &point);
            }
            news += points.len() - *taken;
            *taken = points.len();
            if cancel.is_cancelled() {
                return None;
            }
        }
        // Bounds shrink with the number of messages: a few more change little.
        if news == 0 {
            return None;
        }
        let (reference, solution) = together::solve(snapshot, &mut self.engine);
        let mut good_news = false;
        for machine in solution.machines.iter().filter(|m| m.role == SyncRole::Synced) {
            let Some(bound) = self.bounds.get_mut(usize::from(machine.id.0)) else { continue };
            let Some(now) = machine.half_width_ns.filter(|_| machine.quality == SyncQuality::Accurate) else {
                continue;
            };
            if bound.is_none_or(|before| now <= before / 2) {
                *bound = Some(now);
                good_news = true;
            }
        }
        good_news.then(|| (reference, Arc::new(solution)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, SessionOptions};

    #[test]
    fn maps_are_published_when_they_are_good_news_and_only_then() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/fighting");
        let session = Session::open(vec![path], SessionOptions::default(), Arc::new(|| {}));
        let snapshot = session.wait();
        let mut early = Early::default();
        let (reference, solution) = early.look(&snapshot, &Cancel::default()).expect("all of it is news");
        assert_eq!(reference, snapshot.reference);
        let synced = solution.machines.iter().filter(|m| m.role == SyncRole::Synced);
        assert_eq!(synced.filter(|m| m.quality == SyncQuality::Accurate).count(), 2);
        assert!(early.look(&snapshot, &Cancel::default()).is_none(), "nothing is new");
        // The bounds have not halved since: a few more messages are no news either.
        early.taken.iter_mut().for_each(|taken| *taken = taken.saturating_sub(1));
        assert!(early.look(&snapshot, &Cancel::default()).is_none());
        // And the end's maps are at least as good.
        for machine in &solution.machines {
            let last = snapshot.sync.as_ref().and_then(|s| s.machines.iter().find(|m| m.id == machine.id));
            assert!(last.is_some_and(|last| last.half_width_ns <= machine.half_width_ns));
        }
    }
}
