//! Questions and how their answers are written: the filter language, instants and durations as text, and what
//! window and sub-commands ask of all machines together.
//!
//! A [`Filter`] is parsed once from what a person typed. It knows nothing of what it is asked about: anything
//! that can be asked for a field's value is a [`Subject`], so one text works on events, rows and states.
//!
//! ```
//! use stratoscope_core::query::{Filter, RowSubject, StateSubject, time::TimeBase};
//!
//! let filter = Filter::parse(r#"state == "preempted" and dur > 1ms"#)?;
//! // What "+1.5s" and "12:00:00" mean depends on the experiment, so a filter is bound to its times first.
//! let matcher = filter.bind(&TimeBase::default());
//! let row = RowSubject { machine: "host", row: "vcpu", id: "fighting/0", ..RowSubject::default() };
//! let state = StateSubject { row, state: "preempted", detail: Some("burner"), begin: 0, end: 2_000_000 };
//! assert!(matcher.matches(&state));
//! # Ok::<(), stratoscope_core::query::FilterError>(())
//! ```
//!
//! # The language
//!
//! | Term | true if |
//! |---|---|
//! | `field == value`, `!=`, `<`, `<=`, `>`, `>=` | the field is known and compares so |
//! | `field in (value, value)` | the field equals one of the values |
//! | `field ~ "pattern"` | the regular expression is found in the text (anchor it with `^` and `$`) |
//! | `field contains "text"` | the text occurs in it; of an array: one of its elements equals the value |
//! | `field` | the field is known, and not false, zero or empty |
//!
//! Terms are joined by `not` (`!`), `and` (`&&`), `or` (`||`) and parentheses; `not` binds tightest, then
//! `and`. A field is a name, or names joined by dots; `` `odd name` `` writes any other name.
//! `fields.x` is an event's own field, `context.x` one of its context; plain `x` is the first of these that
//! is there. `name`, `t`, `cpu` and `machine` are always the event's own head, whatever its fields are called.
//!
//! **Unknown fields.** There are two truth values. Every term about a field that the subject doesn't have is
//! false, `!=` included; so `not (x == 1)` finds the subjects without `x`, and `x != 1` doesn't.
//!
//! **Names.** The `name` of a state is the one that its thread bore when the state began; a row is found if one of its
//! states is, so by any name that it ever bore.
//!
//! **Values.** `42`, `-7`, `0x2a`, `1_000_000`, `1.5`, `"text"` or `'text'`, `true`, `false`. Integers are
//! exact over the whole range of signed and unsigned 64-bit fields, also against floats. Text and numbers are
//! never equal. `true` and `false` are 1 and 0, since many formats have no booleans. An enumeration equals its
//! number and each of its labels. `1ms`, `1.5s`, `20us`, `7ns`, `2min`, `1h` are lengths: nanoseconds.
//!
//! **Times.** `t`, `begin` and `end` compare with an integer (nanoseconds as they are printed), `+1.5s` (after
//! the experiment's begin) and `12:34:56.789` (of the experiment's first day; `25:00:00` is on the second).
//!
//! **Text** knows the escapes `\\ \" \' \n \r \t \0 \xHH \u{…}`. In a pattern after `~` they are the pattern's.

pub mod accounts;
mod ast;
mod complete;
mod error;
mod eval;
pub mod flows;
pub mod instant;
mod lexer;
mod number;
mod parser;
pub mod rows;
pub mod search;
mod subject;
#[cfg(test)]
mod tests;
pub mod time;
pub mod usage;
pub mod world;

pub use ast::{CompareOp, Expr, Literal, Path, Pattern, Scope};
pub use complete::{Candidate, CandidateKind, Completion, Vocabulary, complete};
pub use error::FilterError;
pub use eval::{Facts, Filter, Matcher};
pub use search::Search;
pub use subject::{EventSubject, FieldValue, RowSubject, StateSubject, Subject};
pub use world::{World, WorldMachine};
