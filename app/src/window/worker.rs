//! Work that would block a frame: one thread, of which only the latest question matters.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use stratoscope_core::vocab::Cancel;

/// What wakes the screen.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A thread that answers questions. A new question replaces one that still waits and tells the work on the
/// present one to stop.
pub struct Worker<Q, A> {
    shared: Arc<Shared<Q, A>>,
}

struct Shared<Q, A> {
    inner: Mutex<Inner<Q, A>>,
    changed: Condvar,
}

struct Inner<Q, A> {
    question: Option<Q>,
    answers: Vec<A>,
    cancel: Cancel,
    busy: bool,
    stopped: bool,
}

impl<Q, A> Shared<Q, A> {
    fn lock(&self) -> MutexGuard<'_, Inner<Q, A>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts the thread. `work` may hand out several answers to one question, and stops early when it is
    /// cancelled.
    pub fn new(name: &str, wake: Wake, mut work: impl FnMut(Q, &Cancel, &mut dyn FnMut(A)) + Send + 'static) -> Self {
        let inner =
            Inner { question: None, answers: Vec::new(), cancel: Cancel::default(), busy: false, stopped: false };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some((question, cancel)) = next(&own) {
                work(question, &cancel, &mut |answer| {
                    own.lock().answers.push(answer);
                    wake();
                });
                own.lock().busy = false;
                own.changed.notify_all();
                wake();
            }
        });
        // Without a thread there are no answers, as for a question that is never done: panes go on saying so.
        shared.lock().stopped = spawned.is_err();
        Self { shared }
    }

    /// Asks, in place of whatever was asked before.
    pub fn ask(&self, question: Q) {
        let mut inner = self.shared.lock();
        if inner.stopped {
            return;
        }
        inner.question = Some(question);
        inner.cancel.cancel();
        self.shared.changed.notify_all();
    }

    /// The answers since the last call.
    pub fn take(&self) -> Vec<A> {
        std::mem::take(&mut self.shared.lock().answers)
    }

    /// Whether nothing is asked and nothing is worked on.
    pub fn is_idle(&self) -> bool {
        let inner = self.shared.lock();
        inner.stopped || (inner.question.is_none() && !inner.busy)
    }

    /// Waits until nothing is worked on; for pictures and tests. Returns whether it came to that in time.
    pub fn wait(&self, longest: Duration) -> bool {
        let inner = self.shared.lock();
        let busy = |i: &mut Inner<Q, A>| !i.stopped && (i.question.is_some() || i.busy);
        let (_guard, result) = match self.shared.changed.wait_timeout_while(inner, longest, busy) {
            Ok(ended) => ended,
            Err(poisoned) => poisoned.into_inner(),
        };
        !result.timed_out()
    }
}

fn next<Q, A>(shared: &Shared<Q, A>) -> Option<(Q, Cancel)> {
    let mut inner = shared.lock();
    loop {
        if inner.stopped {
            return None;
        }
        if let Some(question) = inner.question.take() {
            inner.busy = true;
            inner.cancel = Cancel::default();
            return Some((question, inner.cancel.clone()));
        }
        inner = shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.stopped = true;
        inner.cancel.cancel();
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_question_wins_and_answers_are_kept() {
        let worker = Worker::new("test", Arc::new(|| ()), |n: u32, cancel: &Cancel, tell: &mut dyn FnMut(u32)| {
            tell(n);
            while n == 0 && !cancel.is_cancelled() {
                thread::yield_now();
            }
        });
        worker.ask(0);
        while worker.take() != [0] {
            thread::yield_now();
        }
        worker.ask(1);
        assert!(worker.wait(Duration::from_secs(20)));
        assert!(worker.is_idle());
        assert_eq!(worker.take(), [1]);
    }
}
