//! Tables over virtual machines: exits, tasks, instances. Judged by naive counts over the same data.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod exits;
mod instances;
mod support;
mod tasks;
