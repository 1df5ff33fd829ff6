//! Tests as data: events in a tiny notation, and a writer that keeps what it is told in plain vectors.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail loudly")]

pub(crate) mod flows;
pub(crate) mod graphs;
pub(crate) mod notation;
pub(crate) mod recorder;
pub(crate) mod reference;

#[allow(unused_imports, reason = "each test binary uses its part")]
pub(crate) use recorder::Recorder;
