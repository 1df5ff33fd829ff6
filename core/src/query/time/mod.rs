//! Instants and lengths of time as text, read and written the same way everywhere.
//!
//! Instants here are `i128` nanoseconds *as they are printed*: since 1970 if the clock has a date, else since
//! its unknown epoch. [`TimeBase`] leads from there to the axes of the engine and back. No floating point is
//! involved: what is printed in full is exact, and what is rounded for people is rounded once.

mod format;
#[cfg(test)]
mod tests;
mod ticks;

pub use format::{date, duration, duration_exact, group_digits, offset, time_of_day};
pub use ticks::{Axis, AxisLabels, Tick, axis, nice_step};

use std::fmt;
use std::ops::Range;

use super::number::{self, Number};

pub(super) const NS_PER_S: i128 = 1_000_000_000;
pub(super) const NS_PER_DAY: i128 = 86_400 * NS_PER_S;

/// What relative times and times of day are relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeBase {
    /// The zero of the engine's axis, as it is printed: the origin of the reference's clock.
    pub origin_ns: i128,
    /// The experiment's begin, as it is printed.
    pub begin_ns: i128,
    /// How far the clock on the wall is ahead of UTC, in seconds. Zero unless somebody asked otherwise.
    pub utc_offset_s: i32,
}

impl TimeBase {
    /// The instant so long after the experiment's begin.
    pub fn after_begin(&self, ns: i128) -> i128 {
        self.begin_ns.saturating_add(ns)
    }

    /// The instant so long after midnight of the day on which the experiment begins.
    pub fn at_time_of_day(&self, ns: i128) -> i128 {
        let ahead = i128::from(self.utc_offset_s) * NS_PER_S;
        let wall = self.begin_ns.saturating_add(ahead);
        (wall - wall.rem_euclid(NS_PER_DAY)).saturating_add(ns).saturating_sub(ahead)
    }

    /// An instant as it is printed, on the engine's axis; an instant beyond the axis is its end.
    pub fn to_axis(&self, printed_ns: i128) -> i64 {
        let ns = printed_ns.saturating_sub(self.origin_ns);
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// An instant of the engine's axis, as it is printed.
    pub fn to_printed(&self, axis_ns: i64) -> i128 {
        self.origin_ns.saturating_add(i128::from(axis_ns))
    }
}

/// A time that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeError {
    /// Bytes of the text that are wrong.
    pub span: Range<usize>,
    /// What was typed.
    pub text: String,
    /// What could have stood there.
    pub expected: String,
}

impl std::error::Error for TimeError {}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no time: expected {}", self.text, self.expected)?;
        match self.text.get(self.span.clone()) {
            Some(wrong) if !wrong.is_empty() && self.span.len() < self.text.len() => write!(f, ", found '{wrong}'"),
            _ => Ok(()),
        }
    }
}

const FORMS: &str = "integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin";

/// The instant that a text names, as it is printed: integer nanoseconds, `HH:MM:SS[.nnnnnnnnn]` of the first
/// day, or a length after the begin with a sign: `+1.5s`. What this room writes can be read again: spaces
/// between digits don't count.
///
/// # Errors
/// What of the text is wrong, and what was expected.
pub fn parse_time(text: &str, base: &TimeBase) -> Result<i128, TimeError> {
    let wrong = |span: Range<usize>, expected: &str| {
        Err(TimeError { span, text: text.to_owned(), expected: expected.to_owned() })
    };
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !number::begins(&compact) {
        return wrong(0..text.len(), FORMS);
    }
    let (number, len) = match number::scan(&compact) {
        Ok(scanned) => scanned,
        // Where in the typed text it lies is known only if nothing was taken out.
        Err(e) if compact == text => return wrong(e.span, e.expected),
        Err(e) => return wrong(0..text.len(), e.expected),
    };
    match number {
        _ if len < compact.len() => wrong(0..text.len(), FORMS),
        Number::Int(ns) => Ok(ns),
        Number::Offset(ns) => Ok(base.after_begin(ns)),
        Number::TimeOfDay(ns) => Ok(base.at_time_of_day(ns)),
        Number::Length(ns) if compact.starts_with('-') => Ok(base.after_begin(ns)),
        Number::Length(_) | Number::Float(_) => wrong(0..text.len(), FORMS),
    }
}
