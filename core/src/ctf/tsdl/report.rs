//! Problems of one metadata stream: bounded, equal warnings counted, each with line and column.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::packets::Text;
use crate::vocab::{Problem, Severity};

/// How many errors are listed; a broken file can have one a line.
const MAX_ERRORS: usize = 32;
/// How many different warnings are listed.
const MAX_WARNINGS: usize = 64;
/// How many characters of the text a message quotes.
const MAX_QUOTE: usize = 60;

/// A declaration that cannot be used, and why.
#[derive(Debug)]
pub(super) struct Fail {
    /// Offset in the text.
    pub(super) at: usize,
    /// The sentence.
    pub(super) what: String,
    /// What was found instead; may be empty.
    pub(super) found: String,
    /// Whether the reason is that the text ends.
    pub(super) end: bool,
}

/// What most functions here return. Boxed: failures are rare, results are many.
pub(super) type Res<T> = Result<T, Box<Fail>>;

/// A failure at an offset of the text.
pub(super) fn fail<T>(at: usize, what: impl Into<String>) -> Res<T> {
    Err(Box::new(Fail { at, what: what.into(), found: String::new(), end: false }))
}

/// A piece of the text for a message: short, printable, between back-quotes.
pub(super) fn quote(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(MAX_QUOTE) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(MAX_QUOTE).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Collects problems of one file.
pub(super) struct Report<'t> {
    path: &'t Path,
    text: &'t Text<'t>,
    problems: Vec<Problem>,
    /// Where the warning with that sentence is in `problems`.
    warned: FxHashMap<String, usize>,
    errors: usize,
    unlisted: u64,
}

impl<'t> Report<'t> {
    /// An empty report about the file `path`.
    pub(super) fn new(path: &'t Path, text: &'t Text<'t>) -> Self {
        Self { path, text, problems: Vec::new(), warned: FxHashMap::default(), errors: 0, unlisted: 0 }
    }

    /// Something was skipped or guessed. Warnings with the same sentence count as one; the first one's
    /// details are kept.
    pub(super) fn warn(&mut self, at: usize, what: &str, detail: impl FnOnce() -> String) {
        if let Some(&same) = self.warned.get(what) {
            self.problems[same].count += 1;
        } else if self.warned.len() >= MAX_WARNINGS {
            self.unlisted += 1;
        } else {
            self.warned.insert(what.to_owned(), self.problems.len());
            let problem = self.problem(Severity::Warning, at, what, &detail());
            self.problems.push(problem);
        }
    }

    /// A declaration could not be used: `cost` says what is missing now.
    pub(super) fn error(&mut self, failure: &Fail, cost: &str) {
        if self.errors >= MAX_ERRORS {
            self.unlisted += 1;
            return;
        }
        self.errors += 1;
        let problem = self.problem(Severity::Error, failure.at, &failure.what, &failure.found).advise(cost);
        self.problems.push(problem);
    }

    fn problem(&self, severity: Severity, at: usize, what: &str, detail: &str) -> Problem {
        let before = &self.text.bytes[..at.min(self.text.bytes.len())];
        let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|&&b| b != b'\n').count();
        let place = format!("line {line}, column {column}");
        let detail = if detail.is_empty() { place } else { format!("{detail} at {place}") };
        Problem::new(severity, self.path, what).at(self.text.file_offset(at)).found(detail)
    }

    /// All problems, in the order in which they were found.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        if self.unlisted > 0 {
            let mut more = Problem::note(self.path, "the metadata has more problems than can be listed");
            more.count = self.unlisted;
            self.problems.push(more);
        }
        self.problems
    }
}
