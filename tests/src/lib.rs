//! Tools of the tests: the generator of traces whose truth is known, and what the fuzzers run.

pub mod fuzzing;
pub mod generator;
