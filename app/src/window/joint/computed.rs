//! An answer that is worked out beside the frames: asked for when its key changes or what is known of the traces,
//! shown until a newer one is there, so that nothing blinks while the user moves on.

use std::sync::Arc;
use std::time::Duration;

use stratoscope_core::vocab::Cancel;

use crate::window::aside::free;
use crate::window::joint::facts::Facts;
use crate::window::worker::{Wake, Worker};

/// What goes along with a key and alone makes no question: the order of lines, which is right again sooner than they
/// are counted again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Along<T>(pub T);

impl<T> PartialEq for Along<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A key, and the version of what is answered from.
#[derive(Clone, PartialEq)]
struct Of<K> {
    key: K,
    version: u64,
}

struct Question<K, S> {
    of: Of<K>,
    source: Arc<S>,
}

/// An answer, and which question it answers: the key says what is asked, the source holds what to answer from.
pub struct Computed<K, A, S = Facts> {
    worker: Worker<Question<K, S>, (Of<K>, A)>,
    wanted: Option<Of<K>>,
    asked: Option<Of<K>>,
    shown: Option<(Of<K>, A)>,
}

impl<K: Clone + PartialEq + Send + 'static, A: Send + 'static> Computed<K, A> {
    /// As [`Computed::ask_of`], of facts.
    pub fn ask(&mut self, key: K, facts: &Arc<Facts>) -> bool {
        self.ask_of(key, facts.version, || Arc::clone(facts))
    }
}

impl<K, A, S> Computed<K, A, S>
where
    K: Clone + PartialEq + Send + 'static,
    A: Send + 'static,
    S: Send + Sync + 'static,
{
    /// Nothing asked yet. `work` may stop early when it is cancelled: what it then returns is not shown.
    pub fn new(name: &str, wake: Wake, work: impl Fn(&K, &S, &Cancel) -> A + Send + 'static) -> Self {
        let worker = Worker::new(name, wake, move |Question { of, source }: Question<K, S>, cancel, tell| {
            let answer = work(&of.key, &source, cancel);
            if !cancel.is_cancelled() {
                tell((of, answer));
            }
        });
        Self { worker, wanted: None, asked: None, shown: None }
    }

    /// Asks, unless just that was asked last. Returns whether the latest answer, be it to an older question, is one
    /// that came only now.
    ///
    /// While traces are read their version changes all the time: a newer version of the question that is worked on is
    /// asked when that is done, or nothing would ever be. Another question is asked at once.
    pub fn ask_of(&mut self, key: K, version: u64, source: impl FnOnce() -> Arc<S>) -> bool {
        let wanted = Of { key, version };
        let asks = match &self.asked {
            Some(asked) if *asked == wanted => false,
            Some(asked) => asked.key != wanted.key || self.worker.is_idle(),
            None => true,
        };
        if asks {
            self.asked = Some(wanted.clone());
            self.worker.ask(Question { of: wanted.clone(), source: source() });
        }
        self.wanted = Some(wanted);
        match self.worker.take().pop() {
            Some(answer) => {
                if let Some(old) = self.shown.replace(answer) {
                    // Some answers are ten thousand lines.
                    free(old);
                }
                true
            }
            None => false,
        }
    }

    /// Whether the latest answer is that to the latest question.
    pub fn is_current(&self) -> bool {
        self.wanted.as_ref() == self.shown.as_ref().map(|(of, _)| of)
    }

    /// The latest answer.
    pub fn get(&self) -> Option<&A> {
        self.shown.as_ref().map(|(_, answer)| answer)
    }

    /// The latest answer, to put it into another order.
    pub fn get_mut(&mut self) -> Option<&mut A> {
        self.shown.as_mut().map(|(_, answer)| answer)
    }

    /// Forgets everything: other traces are open.
    pub fn reset(&mut self) {
        self.wanted = None;
        self.asked = None;
        self.shown = None;
        let _old = self.worker.take();
    }

    /// Waits until nothing is worked on any more; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.worker.wait(longest)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn a_question_is_asked_once_and_old_answers_stay_until_new_ones_come() {
        let mut computed = Computed::new("test", Arc::new(|| ()), |n: &u32, _, _| n * 2);
        let facts = Arc::new(Facts::default());
        assert!(!computed.ask(4, &facts));
        assert!(computed.wait(Duration::from_secs(20)));
        assert!(computed.ask(4, &facts));
        assert_eq!(computed.get(), Some(&8));
        assert!(!computed.ask(4, &facts), "nothing new");
        let _ = computed.ask(5, &facts);
        assert!(computed.get().is_some());
        assert!(computed.wait(Duration::from_secs(20)));
        computed.ask(5, &facts);
        assert_eq!(computed.get(), Some(&10));
        computed.reset();
        assert_eq!(computed.get(), None);
    }

    #[test]
    fn a_newer_version_waits_until_the_older_is_done_and_another_question_does_not() {
        let open = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&open);
        let mut computed = Computed::new("test", Arc::new(|| ()), move |key: &u32, facts: &Facts, cancel: &Cancel| {
            while *key == 7 && !gate.load(Relaxed) && !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            (*key, facts.version)
        });
        let version = |version| Arc::new(Facts { version, ..Facts::default() });
        for n in 0..5 {
            assert!(!computed.ask(7, &version(n)));
        }
        assert!(!computed.is_current());
        open.store(true, Relaxed);
        assert!(computed.wait(Duration::from_secs(20)));
        open.store(false, Relaxed);
        assert!(computed.ask(7, &version(5)));
        assert_eq!(computed.get(), Some(&(7, 0)), "what was begun was done to its end");
        assert!(!computed.is_current());
        // By now the newest version is worked on, and would be for ever.
        computed.ask(8, &version(6));
        assert!(computed.wait(Duration::from_secs(20)));
        assert!(computed.ask(8, &version(6)));
        assert_eq!(computed.get(), Some(&(8, 6)));
        assert!(computed.is_current());
    }

    #[test]
    fn what_goes_along_with_a_key_alone_is_not_asked() {
        let mut computed = Computed::new("test", Arc::new(|| ()), |key: &(u32, Along<char>), _: &Facts, _| key.1.0);
        let facts = Arc::new(Facts::default());
        for order in ['a', 'b'] {
            computed.ask((1, Along(order)), &facts);
            assert!(computed.wait(Duration::from_secs(20)));
        }
        computed.ask((1, Along('b')), &facts);
        assert_eq!(computed.get(), Some(&'a'));
        computed.ask((2, Along('b')), &facts);
        assert!(computed.wait(Duration::from_secs(20)));
        computed.ask((2, Along('b')), &facts);
        assert_eq!(computed.get(), Some(&'b'));
    }
}
