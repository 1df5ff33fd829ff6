//! Where sub-commands print: buffered, silent when the pipe closes, problems in words on stderr.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

use serde_json::json;
use stratoscope_core::vocab::{Problem, Severity};

/// Standard output for lines of text or JSON.
pub(super) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    left: Option<u64>,
}

impl Output {
    /// Prints JSON lines or text, `limit` lines at most (problems are not counted).
    pub(super) fn new(json: bool, limit: Option<u64>) -> Self {
        Self { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), json, left: limit }
    }

    /// Whether lines are JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line. Returns whether there is room for another.
    ///
    /// # Errors
    /// What the pipe or file says; a closed pipe is not told to the user (see [`is_closed_pipe`]).
    pub(super) fn line(&mut self, line: &str) -> io::Result<bool> {
        if self.left == Some(0) {
            return Ok(false);
        }
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Ok(self.left != Some(0))
    }

    /// Prints problems: as objects between the lines with JSON, and in words on stderr without.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(super) fn problems(&mut self, problems: &[Problem], quiet: bool) -> io::Result<()> {
        for problem in problems {
            if self.json {
                let path = problem.path.display().to_string();
                let message = problem.message();
                let line = json!({"type": "problem", "path": path, "offset": problem.offset, "message": message});
                writeln!(self.out, "{line}")?;
            }
            if !quiet {
                complain(problem);
            }
        }
        Ok(())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Says a problem on stderr.
pub(super) fn complain(problem: &Problem) {
    let word = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let at = problem.offset.map_or_else(String::new, |o| format!(" at byte {o}"));
    let place =
        if problem.path.as_os_str().is_empty() { String::new() } else { format!("{}{at}: ", problem.path.display()) };
    say(&format!("{word}: {place}{}", problem.message()));
}

/// Prints a line to stderr; nobody can be told if that fails.
pub fn say(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Shows progress on a terminal, as one line that is written over.
pub(super) fn progress(done: u64, total: u64, quiet: bool) {
    if quiet || !io::stderr().is_terminal() || total == 0 {
        return;
    }
    drop(write!(io::stderr().lock(), "\r{:3} %", (u128::from(done) * 100 / u128::from(total)).min(100)));
}

/// Removes the line of [`progress`].
pub(super) fn progress_end(quiet: bool) {
    if !quiet && io::stderr().is_terminal() {
        drop(write!(io::stderr().lock(), "\r     \r"));
    }
}

/// Whether an error only means that the reader of our output has gone.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// An exact integer for JSON, whatever its size.
pub(crate) fn integer(n: i128) -> serde_json::Value {
    match (i64::try_from(n), u64::try_from(n)) {
        (Ok(n), _) => n.into(),
        (_, Ok(n)) => n.into(),
        // Beyond 64 bits serde_json's numbers end; a string loses nothing.
        _ => n.to_string().into(),
    }
}
