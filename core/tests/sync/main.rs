//! Synchronisation, judged by vectors, by closed forms over big rationals, and by real recordings.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

mod clocks;
mod closed_form;
mod contradictions;
mod keys;
mod machines;
mod random;
mod recordings;
mod reference;
mod vectors;
