//! What is looked for: one text for rows, states and events. Plain words look for names; a text of the filter
//! language (see `core/src/query`) is asked of everything.
//!
//! ```text
//!  text ─► Find ─┬─► rule: which rows, which of their states (dimming, next, count)
//!                └─► matcher: which events
//! ```

pub mod bar;
pub mod command;
pub mod events;
pub mod rule;
pub mod search;
pub mod seek;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use stratoscope_core::query::time::TimeBase;
use stratoscope_core::query::{Expr, Filter, FilterError, Matcher};

pub use command::FindCommand;
use rule::Rule;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Find {
    /// Differs from that of any other; 0: nothing is looked for.
    pub version: u64,
    /// What it is.
    pub what: What,
}

/// What a text means.
#[derive(Clone, Debug, Default)]
pub enum What {
    /// Nothing is looked for.
    #[default]
    Nothing,
    /// Names that contain these words, in lower case.
    Words(String),
    /// What a filter describes.
    Filter(Box<Sought>),
    /// A filter that could not be understood.
    Wrong(FilterError),
}

/// A filter, ready to be asked.
#[derive(Clone, Debug)]
pub struct Sought {
    /// Of rows and states.
    pub rule: Rule,
    /// Of events.
    pub matcher: Matcher,
    /// What instants in it mean.
    pub base: TimeBase,
}

impl Find {
    /// What a text looks for.
    pub fn new(text: &str, base: &TimeBase) -> Self {
        static VERSIONS: AtomicU64 = AtomicU64::new(1);
        let what = meaning(text.trim(), base);
        let version = match &what {
            What::Nothing => 0,
            _ => VERSIONS.fetch_add(1, Ordering::Relaxed),
        };
        Self { version, what }
    }

    /// The filter, if it is one.
    pub fn filter(&self) -> Option<&Sought> {
        match &self.what {
            What::Filter(sought) => Some(sought),
            _ => None,
        }
    }

    /// What is wrong with the text.
    pub fn error(&self) -> Option<&FilterError> {
        match &self.what {
            What::Wrong(error) => Some(error),
            _ => None,
        }
    }

    /// Whether anything is looked for.
    pub fn is_active(&self) -> bool {
        matches!(self.what, What::Words(_) | What::Filter(_))
    }
}

fn meaning(text: &str, base: &TimeBase) -> What {
    if text.is_empty() {
        return What::Nothing;
    }
    match Filter::parse(text) {
        // A single name is more likely a task's than a field's.
        Ok(filter) if matches!(filter.expr(), Expr::Truthy(_)) => What::Words(text.to_lowercase()),
        Ok(filter) => {
            let rule = Rule::new(&filter, base);
            What::Filter(Box::new(Sought { rule, matcher: filter.bind(base), base: *base }))
        }
        Err(error) if is_meant_as_filter(text) => What::Wrong(error),
        Err(_) => What::Words(text.to_lowercase()),
    }
}

/// Whether somebody who typed this meant a filter: names hold no such signs.
fn is_meant_as_filter(text: &str) -> bool {
    let words = [" contains ", " in ", " and ", " or "];
    text.contains(['=', '<', '>', '~', '"', '&', '|', '!'])
        || text.starts_with("not ")
        || words.iter().any(|word| format!("{text} ").contains(word))
}
