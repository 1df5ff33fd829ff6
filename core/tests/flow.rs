//! Critical paths, case by case: events in, a path out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail loudly")]

mod support;

#[path = "flow/examples.rs"]
mod examples;
#[path = "flow/graphs.rs"]
mod graphs;
#[path = "flow/poor.rs"]
mod poor;
