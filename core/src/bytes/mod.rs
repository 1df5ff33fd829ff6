//! Bytes of files, and the only place with `unsafe`.
//!
//! A trace's file is mapped read-only, so that opening costs nothing and the system's cache is the only copy.
//! Two things can go wrong with a mapped file that no check beforehand can exclude; both are settled here:
//!
//! * **The file becomes shorter.** Touching a page behind its new end raises SIGBUS. One handler for the whole
//!   process maps zeros over that page and sets a flag on the map; whoever decodes asks [`Mapped::was_cut`]
//!   after each batch and throws away what it read behind the new end.
//! * **The file is rewritten.** Then bytes change while they are read. Every decoder treats bytes as
//!   untrusted anyway: it checks a value and uses the checked copy, never reads twice and trusts the first.

mod map;
mod sigbus;

pub use map::Mapped;
