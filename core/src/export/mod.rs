//! Writing what was read for other programs.

pub mod json;
