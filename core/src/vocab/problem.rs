//! What went wrong with an input, in words that a user can act on, bounded however bad the input is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::vocab::{MachineNs, TimeRange, TraceId};

/// How much a problem costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is missing.
    Note,
    /// Something was skipped or guessed; the rest is shown.
    Warning,
    /// A whole trace or stream could not be read.
    Error,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// How much it costs.
    pub severity: Severity,
    /// The file it was found in.
    pub path: PathBuf,
    /// Byte offset in that file, where one applies.
    pub offset: Option<u64>,
    /// The trace it belongs to, once the session knows.
    pub trace: Option<TraceId>,
    /// The stretch of time that it touches, on the trace's machine's clock.
    pub range: Option<TimeRange<MachineNs>>,
    /// What happened, as a sentence without a full stop. Problems with equal `what` and `path` are counted as one.
    pub what: String,
    /// What was expected and what was found; empty where the sentence says it all.
    pub detail: String,
    /// What it means for the user and what can be done; empty where nothing can.
    pub advice: String,
    /// How often it happened.
    pub count: u64,
}

impl Problem {
    /// A problem of that severity with a file and a sentence.
    pub fn new(severity: Severity, path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self {
            severity,
            path: path.into(),
            offset: None,
            trace: None,
            range: None,
            what: what.into(),
            detail: String::new(),
            advice: String::new(),
            count: 1,
        }
    }

    /// A warning: something was skipped or guessed.
    pub fn warning(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, what)
    }

    /// An error: a whole trace or stream could not be read.
    pub fn error(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::new(Severity::Error, path, what)
    }

    /// A note: nothing is missing.
    pub fn note(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, path, what)
    }

    /// Adds the byte offset.
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Adds the stretch of time that it touches.
    pub fn during(mut self, range: TimeRange<MachineNs>) -> Self {
        self.range = Some(range);
        self
    }

    /// Adds what was expected and found.
    pub fn found(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds what the user can do.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// The whole message in one line, without path and offset.
    pub fn message(&self) -> String {
        let mut text = self.what.clone();
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        if self.count > 1 {
            text.push_str(&format!(" ({} times)", self.count));
        }
        if !self.advice.is_empty() {
            text.push_str(". ");
            text.push_str(&self.advice);
        }
        text
    }
}

/// How many different problems a log keeps; the rest is counted in a last entry.
const MAX_DIFFERENT: usize = 1000;

/// Collects problems from many threads. Equal ones are counted, different ones are bounded.
#[derive(Clone, Default)]
pub struct ProblemLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    problems: Vec<Problem>,
    overflow: u64,
    version: u64,
}

impl ProblemLog {
    /// Adds a problem, or counts it if the same sentence about the same file is there already.
    pub fn push(&self, problem: Problem) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.version += 1;
        if let Some(same) = inner.problems.iter_mut().find(|p| p.what == problem.what && p.path == problem.path) {
            same.count += problem.count;
            same.offset = match (same.offset, problem.offset) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            return;
        }
        if inner.problems.len() >= MAX_DIFFERENT {
            inner.overflow += 1;
            return;
        }
        inner.problems.push(problem);
    }

    /// Changes whenever something was added.
    pub fn version(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).version
    }

    /// All problems so far, worst first, then by file and offset (so that threads do not decide the order).
    pub fn all(&self) -> Vec<Problem> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = inner.problems.clone();
        all.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then_with(|| a.path.cmp(&b.path)).then_with(|| a.offset.cmp(&b.offset))
        });
        if inner.overflow > 0 {
            let mut more = Problem::note("", "more problems than can be listed");
            more.count = inner.overflow;
            all.push(more);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_problems_are_counted_and_different_ones_bounded() {
        let log = ProblemLog::default();
        for i in 0..5000u64 {
            log.push(Problem::warning("chan_0", "event lies outside of its packet").at(9000 - i));
            log.push(Problem::warning("chan_0", format!("different {i}")));
        }
        let all = log.all();
        assert_eq!(all.len(), MAX_DIFFERENT + 1);
        let same = all.iter().find(|p| p.count == 5000);
        assert_eq!(same.and_then(|p| p.offset), Some(4001));
    }
}
