//! Generates a host's and its guests' kernel traces together with their truth.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use stratoscope_tests::generator::{Config, Header, generate};

/// Writes LTTng-shaped kernel traces from a simulation that knows the truth about them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Size of all streams together, for example 4M or 1G
    #[arg(long, value_parser = size)]
    bytes: u64,
    /// The directory to write
    #[arg(long)]
    out: PathBuf,
    /// CPUs of the host (1 to 64)
    #[arg(long, default_value_t = 2)]
    cpus: usize,
    /// Virtual machines on it
    #[arg(long, default_value_t = 0)]
    guests: usize,
    /// Threads of the host
    #[arg(long, default_value_t = 200)]
    threads: usize,
    /// Another seed gives another trace
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many stretches of events are lost
    #[arg(long, default_value_t = 0)]
    lose: u32,
    /// How many intervals per machine the truth lists
    #[arg(long, default_value_t = 5_000)]
    truth_intervals: usize,
    /// The event header
    #[arg(long, value_enum, default_value_t = HeaderArgument::Large)]
    header: HeaderArgument,
    /// Write into a directory that is not empty
    #[arg(long)]
    force: bool,
}

/// The two event headers of LTTng.
#[derive(Clone, Copy, ValueEnum)]
enum HeaderArgument {
    /// 5 bits of id and 27 bits of time
    Compact,
    /// 16 bits of id and 32 bits of time
    Large,
}

/// A number of bytes with an optional suffix.
fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is not a size such as 512K, 4M or 1G"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("{text:?} is too large"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = Config {
        bytes: arguments.bytes,
        out: arguments.out,
        cpus: arguments.cpus,
        guests: arguments.guests,
        threads: arguments.threads,
        seed: arguments.seed,
        lose: arguments.lose,
        truth_intervals: arguments.truth_intervals,
        header: match arguments.header {
            HeaderArgument::Compact => Header::Compact,
            HeaderArgument::Large => Header::Large,
        },
        force: arguments.force,
    };
    let begin = Instant::now();
    match generate(&config) {
        Ok(summary) => {
            let seconds = begin.elapsed().as_secs_f64();
            // Whether anybody reads the summary does not matter: the trace is written.
            drop(writeln!(
                std::io::stdout().lock(),
                "Wrote {} events in {} bytes to {} in {seconds:.2} s; {:.3} s were simulated.",
                summary.events,
                summary.bytes,
                config.out.display(),
                std::time::Duration::from_nanos(summary.simulated_ns.unsigned_abs()).as_secs_f64(),
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            drop(writeln!(std::io::stderr().lock(), "make-trace: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
