//! The filter language as data: what is typed, what is understood, what it finds.

mod completion;
mod finding;
mod laws;
mod parsing;
