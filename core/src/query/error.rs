//! What is wrong with a filter's text, and where.

use std::fmt;
use std::ops::Range;

/// A filter that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The filter's text.
    pub source: String,
    /// Bytes of the text that are wrong; empty at the end of the text.
    pub span: Range<usize>,
    /// What could have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// What the writer may have meant.
    pub hint: Option<String>,
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column(), self.message())
    }
}

impl FilterError {
    pub(super) fn new(source: &str, span: Range<usize>, expected: impl Into<String>) -> Self {
        let found = found(source, &span);
        Self { source: source.to_owned(), span, expected: expected.into(), found, hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> String {
        match &self.hint {
            Some(hint) => format!("expected {}, found {} ({hint})", self.expected, self.found),
            None => format!("expected {}, found {}", self.expected, self.found),
        }
    }

    /// In which line and column of the text it lies, the column in characters, both counted from 1.
    fn place(&self) -> (Range<usize>, usize) {
        let before = self.source.get(..self.span.start).unwrap_or(&self.source);
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.source.get(begin..).unwrap_or_default();
        let line = begin..begin + rest.find('\n').unwrap_or(rest.len());
        let column = before.get(begin..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The column in characters, counted from 1 at the begin of its line.
    pub fn column(&self) -> usize {
        self.place().1
    }

    /// For people: the line of the text, and below it carets under what is wrong, with the message.
    pub fn with_caret(&self) -> String {
        let (line, column) = self.place();
        // A tab is one column wide here, else the carets would point somewhere else.
        let shown: String = self
            .source
            .get(line.clone())
            .unwrap_or_default()
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .collect();
        let end = self.span.end.min(line.end);
        let width = self.source.get(self.span.start..end).map_or(0, |s| s.chars().count()).max(1);
        format!("{shown}\n{}{} {}", " ".repeat(column - 1), "^".repeat(width), self.message())
    }
}

fn found(source: &str, span: &Range<usize>) -> String {
    const SHOWN: usize = 30;
    let text = source.get(span.clone()).unwrap_or_default();
    if text.is_empty() {
        return "the end".to_owned();
    }
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    // Quotes around quotes are hard to read.
    if text.starts_with(['"', '\'', '`']) { shown } else { format!("'{shown}'") }
}
