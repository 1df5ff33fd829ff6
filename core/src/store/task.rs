//! Work that its owner needs done before long, and that somebody else may do meanwhile.
//!
//! The owner gives work to rayon's pool and takes the result later. If nobody has begun by then, the owner does
//! it itself: where the pool is busy nothing is lost, and an owner that is a thread of the pool never waits for
//! one that cannot come. Who did it makes no difference to the result.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Work of type `W` on its way to a result of type `R`.
pub(super) struct Task<W, R>(Arc<Slot<W, R>>);

struct Slot<W, R> {
    stage: Mutex<Stage<W, R>>,
    done: Condvar,
    run: fn(W) -> R,
}

enum Stage<W, R> {
    Waiting(W),
    Running,
    Done(R),
}

impl<W, R> Slot<W, R> {
    fn lock(&self) -> MutexGuard<'_, Stage<W, R>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work, unless somebody has begun.
    fn run(&self) {
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, Stage::Running) {
            Stage::Waiting(work) => {
                drop(stage);
                let result = (self.run)(work);
                *self.lock() = Stage::Done(result);
                self.done.notify_one();
            }
            begun => *stage = begun,
        }
    }
}

impl<W: Send + 'static, R: Send + 'static> Task<W, R> {
    /// Offers `work` to the pool.
    pub(super) fn offer(work: W, run: fn(W) -> R) -> Self {
        let slot = Arc::new(Slot { stage: Mutex::new(Stage::Waiting(work)), done: Condvar::new(), run });
        let offered = Arc::clone(&slot);
        rayon::spawn(move || offered.run());
        Self(slot)
    }

    /// Whether the result is there.
    pub(super) fn is_done(&self) -> bool {
        matches!(*self.0.lock(), Stage::Done(_))
    }

    /// The result: does the work if nobody has begun, else waits for whoever has.
    pub(super) fn finish(self) -> R {
        self.0.run();
        let mut stage = self.0.lock();
        loop {
            match std::mem::replace(&mut *stage, Stage::Running) {
                Stage::Done(result) => return result,
                running => *stage = running,
            }
            stage = self.0.done.wait(stage).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_whoever_works() {
        // More than any pool takes at once: the last ones are done here.
        let tasks: Vec<Task<u64, u64>> = (0..1000).map(|n| Task::offer(n, |n| (0..n).sum())).collect();
        for (n, task) in tasks.into_iter().enumerate().rev() {
            assert_eq!(task.finish(), (0..n as u64).sum::<u64>());
        }
    }

    #[test]
    fn a_pool_of_one_thread_does_not_wait_for_itself() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let sum = pool.map(|pool| pool.install(|| Task::offer(7, |n| n + 1).finish()));
        assert_eq!(sum.ok(), Some(8));
    }
}
