//! What the window says about a session besides its rows: traces, progress, problems. Plain data, made once for
//! each snapshot.

use std::path::PathBuf;
use std::sync::Arc;

use stratoscope_core::vocab::{Dur, MachineId, MachineNs, Problem, RefNs, TimeRange};

/// How far reading has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is open.
    #[default]
    Nothing,
    /// Traces are looked for.
    Opening,
    /// Analyses run.
    Reading,
    /// All is read.
    Done,
    /// Somebody stopped it.
    Cancelled,
    /// Nothing could be opened.
    Failed,
}

/// A stream of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamInfo {
    /// Channel and CPU.
    pub label: String,
    /// Packets.
    pub packets: usize,
    /// Events that the tracer had no room for.
    pub lost_events: u64,
}

/// A trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceInfo {
    /// The last parts of its path.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// `kernel`, `ust` …
    pub domain: String,
    /// Who wrote it.
    pub tracer: String,
    /// Its format.
    pub format: String,
    /// First and last instant.
    pub extent: Option<TimeRange<RefNs>>,
    /// Its streams.
    pub streams: Vec<StreamInfo>,
    /// Names of the kinds of events in it that analyses know.
    pub classes: usize,
    /// Names of all its kinds of events.
    pub events: Arc<[Arc<str>]>,
    /// It is a kernel trace without scheduler events: rows of threads stay empty.
    pub lacks_switches: bool,
}

/// A machine.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineInfo {
    /// Its number.
    pub id: MachineId,
    /// Its name.
    pub name: String,
    /// Its kernel.
    pub kernel: Option<String>,
    /// How many CPUs recorded something.
    pub cpus: usize,
    /// First and last instant.
    pub extent: Option<TimeRange<RefNs>>,
    /// The share of its time that is analysed.
    pub done: f32,
    /// How many ranges something was lost in.
    pub lost_ranges: usize,
    /// Its traces.
    pub traces: Vec<TraceInfo>,
}

/// A recording: traces that overlap in time.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingInfo {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Names of its machines.
    pub machines: Vec<String>,
    /// How long it is.
    pub length: Option<Dur>,
}

/// All that is said about a session.
#[derive(Clone, Debug, Default)]
pub struct SessionInfo {
    /// How far it has come.
    pub stage: Stage,
    /// Bytes read and to read.
    pub progress: (u64, u64),
    /// How long it takes already.
    pub elapsed: Dur,
    /// All recordings below the open paths.
    pub recordings: Vec<RecordingInfo>,
    /// The one that is shown; `None`: all.
    pub recording: Option<usize>,
    /// Machines of the shown recording.
    pub machines: Vec<MachineInfo>,
    /// What went wrong, worst first.
    pub problems: Arc<[Problem]>,
}

impl SessionInfo {
    /// Whether anything is still being read.
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Opening | Stage::Reading)
    }

    /// The share of the bytes that is read.
    pub fn share(&self) -> f32 {
        let (done, total) = self.progress;
        if total == 0 { 0.0 } else { (done as f64 / total as f64).clamp(0.0, 1.0) as f32 }
    }

    /// How long the rest will take at the pace so far; `None` while that would be a guess.
    pub fn remaining(&self) -> Option<Dur> {
        let (done, total) = self.progress;
        let share = done as f64 / total.max(1) as f64;
        if self.elapsed < Dur(300_000_000) || share < 0.02 || !self.is_busy() {
            return None;
        }
        Some(Dur((self.elapsed.0 as f64 * (1.0 - share) / share) as i64))
    }
}

/// The share of a machine's time that lies before its watermark.
pub fn share_done(extent: Option<TimeRange<MachineNs>>, watermark: MachineNs) -> f32 {
    let Some(extent) = extent else { return 1.0 };
    let length = extent.length().0.max(1) as f64;
    (((watermark - extent.begin).0 as f64) / length).clamp(0.0, 1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated_only_when_it_is_no_guess() {
        let mut info = SessionInfo { stage: Stage::Reading, progress: (25, 100), ..SessionInfo::default() };
        assert_eq!(info.remaining(), None);
        info.elapsed = Dur(1_000_000_000);
        assert_eq!(info.remaining(), Some(Dur(3_000_000_000)));
        info.stage = Stage::Done;
        assert_eq!(info.remaining(), None);
        assert!((info.share() - 0.25).abs() < 1e-6);
        assert_eq!(SessionInfo::default().share(), 0.0);
    }
}
