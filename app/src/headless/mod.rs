//! Sub-commands: one question each, answered by the same engine as the window.

pub mod args;
pub(crate) mod events;
pub(crate) mod exits;
pub(crate) mod flow;
mod info;
mod install;
mod no_display;
mod output;
pub(crate) mod report;
mod shot;

pub(crate) mod states;
mod stats;
mod sync;
mod table;
mod task;
pub(crate) mod time;
pub(crate) mod usage;
mod virt;
mod vms;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stratoscope_core::query::Filter;
use stratoscope_core::session::{Recordings, Session, SessionOptions};
use stratoscope_core::vocab::{Problem, Severity};

use crate::headless::args::{Common, Question};

pub use no_display::without_display;
pub(crate) use output::integer;
pub use output::{is_closed_pipe, say};

/// How a sub-command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether anything could be read.
    pub read: bool,
    /// Whether something was skipped or guessed.
    pub skipped: bool,
}

impl Outcome {
    fn of(problems: &[Problem], read: bool) -> Self {
        Self { read, skipped: problems.iter().any(|p| p.severity >= Severity::Warning) }
    }

    /// The exit status of the command line's contract.
    pub fn status(self, strict: bool) -> u8 {
        match self {
            Self { read: false, .. } => 1,
            Self { skipped: true, .. } if strict => 3,
            _ => 0,
        }
    }
}

/// Answers a question on standard output. Returns the exit status.
///
/// # Errors
/// What a user must be told: a wrong expression, nothing to print to.
pub fn run(question: &Question) -> anyhow::Result<u8> {
    let (outcome, strict) = match question {
        Question::Info(common) => (info::run(common)?, common.strict),
        Question::Events(args) => (events::run(&args.common)?, args.common.strict),
        Question::States(args) => (states::run(args)?, args.common.strict),
        Question::Sync(args) => (sync::run(args)?, args.common.strict),
        Question::Vms(common) => (vms::run(common)?, common.strict),
        Question::Exits(common) => (exits::run(common)?, common.strict),
        Question::Stats(args) => (stats::run(args)?, args.common.strict),
        Question::Report(args) => (report::run(args)?, args.common.strict),
        Question::Completions { shell } => (install::completions(*shell)?, false),
        Question::Install(args) => (install::install(args)?, false),
        Question::Flow(args) => (flow::run(args)?, args.common.strict),
        Question::Shot(args) => (shot::run(args)?, args.common.strict),
    };
    Ok(outcome.status(strict))
}

/// Opens what the arguments name, all recordings on one axis.
fn open(args: &Common, analyse: bool) -> anyhow::Result<Session> {
    Ok(Session::open(args.paths.clone(), options(args, analyse, Recordings::All), Arc::new(|| {})))
}

fn options(args: &Common, analyse: bool, recordings: Recordings) -> SessionOptions {
    SessionOptions {
        memory_limit: args.memory.saturating_mul(1 << 20),
        cache_dir: None,
        recordings,
        analyse,
        // Nobody looks before the end; this is for the progress.
        publish_every: Duration::from_secs(1),
        ..SessionOptions::default()
    }
}

/// Waits for a session's end and shows its progress meanwhile.
fn wait(session: &Session, quiet: bool) {
    while session.snapshot().phase.is_reading() {
        let (done, total) = session.snapshot().progress;
        output::progress(done, total, quiet);
        thread::sleep(Duration::from_millis(2));
    }
    output::progress_end(quiet);
}

/// The question itself is wrong: exit status 2 of the command line's contract, whatever was read.
#[derive(Debug)]
pub struct WrongUsage(String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// An error that says what is wrong with the question.
pub fn wrong_usage(text: impl Into<String>) -> anyhow::Error {
    WrongUsage(text.into()).into()
}

/// The exit status that goes with an error.
pub fn status_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(|e| e.is::<WrongUsage>()) { 2 } else { 1 }
}

/// Understands `--filter`, or says with a caret where it stops making sense.
fn parse_filter(text: &str) -> anyhow::Result<Filter> {
    Filter::parse(text).map_err(|e| wrong_usage(format!("in a filter:\n{}", e.with_caret())))
}
