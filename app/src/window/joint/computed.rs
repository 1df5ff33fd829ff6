//! An answer that is worked out beside the frames: asked for when its key changes, shown until a newer one is
//! there, so that nothing blinks while the user moves on.

use std::sync::Arc;
use std::time::Duration;

use stratoscope_core::vocab::Cancel;

use crate::window::aside::free;
use crate::window::joint::facts::Facts;
use crate::window::worker::{Wake, Worker};

/// What is asked: the key says which question, the facts hold what to answer from.
struct Question<K> {
    key: K,
    facts: Arc<Facts>,
}

/// An answer, and which question it answers.
pub struct Computed<K, A> {
    worker: Worker<Question<K>, (K, A)>,
    asked: Option<K>,
    shown: Option<(K, A)>,
}

impl<K: Clone + PartialEq + Send + 'static, A: Send + 'static> Computed<K, A> {
    /// Nothing asked yet. `work` may stop early when it is cancelled: what it then returns is not shown.
    pub fn new(name: &str, wake: Wake, work: impl Fn(&K, &Facts, &Cancel) -> A + Send + 'static) -> Self {
        let worker = Worker::new(name, wake, move |question: Question<K>, cancel, tell| {
            let answer = work(&question.key, &question.facts, cancel);
            if !cancel.is_cancelled() {
                tell((question.key, answer));
            }
        });
        Self { worker, asked: None, shown: None }
    }

    /// Asks, unless just that was asked last. Returns the latest answer, be it to an older question, and whether
    /// it is one that came only now.
    pub fn ask(&mut self, key: K, facts: &Arc<Facts>) -> bool {
        if self.asked.as_ref() != Some(&key) {
            self.asked = Some(key.clone());
            self.worker.ask(Question { key, facts: Arc::clone(facts) });
        }
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
        self.asked.as_ref() == self.shown.as_ref().map(|(key, _)| key)
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
        self.asked = None;
        self.shown = None;
        let _old = self.worker.take();
    }

    /// Whether nothing is worked on.
    pub fn is_idle(&self) -> bool {
        self.worker.is_idle()
    }

    /// The question that was asked last.
    pub fn asked(&self) -> Option<&K> {
        self.asked.as_ref()
    }

    /// Waits until nothing is worked on any more; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.worker.wait(longest)
    }
}

#[cfg(test)]
mod tests {
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
}
