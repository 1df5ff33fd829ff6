//! An open CTF trace.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use crate::bytes::Mapped;
use crate::trace::{ClockInfo, Counts, Cursor, EventClass, EventReader, Position, StreamInfo, Trace, TraceInfo};
use crate::vocab::{Cancel, Cancelled, EventKinds, Interner, Problem, ProblemLog, Progress, StreamId};

use super::clock::origin_ns;
use super::count;
use super::cursor::CtfCursor;
use super::discover::TraceGroup;
use super::fault::Reporter;
use super::model::{ClockClass, EnvValue, Metadata};
use super::packet::{HeadFault, Packet, Recogniser};
use super::plan::{StreamPlan, stream_clock};
use super::reader::CtfReader;
use super::scan::{DataFile, scan};
use super::stream::{Quirks, Stream, assemble, group};

/// What is needed to read the trace's events; cursors and readers keep it alive.
pub(crate) struct Data {
    pub(crate) metadata: Metadata,
    /// By stream class.
    pub(crate) plans: Vec<StreamPlan>,
    pub(crate) files: Vec<DataFile>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) class_count: usize,
    pub(crate) reporter: Reporter,
}

impl Data {
    /// Whether a packet's bytes are not all in the file any more.
    fn is_behind_end(&self, packet: &Packet) -> bool {
        let Some(file) = self.files.get(packet.file as usize) else { return true };
        fs::metadata(&file.path).map_or(0, |m| m.len()) < packet.offset + packet.bytes
    }

    /// Whether the packet's file has shrunk and the packet with it, which is told.
    pub(crate) fn has_lost(&self, packet: &Packet) -> bool {
        let Some(file) = self.files.get(packet.file as usize) else { return true };
        let lost = file.map.was_cut() && self.is_behind_end(packet);
        if lost {
            self.reporter.shrank(&file.path, packet);
        }
        lost
    }

    /// Tells why a packet cannot be entered.
    pub(crate) fn tell_head(&self, packet: &Packet, fault: HeadFault) {
        if !self.has_lost(packet)
            && let Some(file) = self.files.get(packet.file as usize)
        {
            self.reporter.head(&file.path, packet, fault);
        }
    }
}

/// An open CTF trace.
pub(crate) struct CtfTrace {
    info: TraceInfo,
    streams: Vec<StreamInfo>,
    classes: Vec<EventClass>,
    data: Arc<Data>,
}

/// Opens a trace: reads its metadata and its packets' headers, no event. `None` if there is nothing to read;
/// `problems` says why, and is told of everything that turns out later.
pub fn open(group: &TraceGroup, problems: &ProblemLog) -> Option<Arc<dyn Trace>> {
    let metadata = group.metadata.clone();
    let path = group.path();
    let main_clock = main_clock(&metadata);
    let origin = main_clock.as_ref().map_or(0, origin_ns);
    let mut plans = Vec::with_capacity(metadata.streams.len());
    let mut class_count = 0;
    for stream in &metadata.streams {
        plans.push(StreamPlan::new(&metadata, stream, class_count as u32, origin));
        class_count += stream.events.len();
    }
    let classes = event_classes(&metadata, &plans);
    tell_missing(&metadata, &plans, group, problems);
    let files = open_files(group, problems);
    let recogniser = Recogniser::new(&metadata);
    let scanned = files
        .par_iter()
        .enumerate()
        .filter_map(|(n, file)| scan(n as u32, file, &metadata, &plans, &recogniser, problems))
        .collect();
    let quirks = Quirks::of(&metadata);
    let (streams, infos) = self::group(scanned)
        .into_par_iter()
        .filter_map(|files_of| {
            let plan = plans.get(files_of.first()?.class)?;
            assemble(files_of, &files, plan, quirks, problems)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .unzip();
    let info = trace_info(&metadata, path, main_clock.as_ref(), &plans);
    let reporter = Reporter::new(problems);
    let data = Data { metadata, plans, files, streams, class_count, reporter };
    Some(Arc::new(CtfTrace { info, streams: infos, classes, data: Arc::new(data) }))
}

/// The clock of the trace's axis: that of the first stream class that has one.
fn main_clock(metadata: &Metadata) -> Option<ClockClass> {
    metadata.streams.iter().find_map(|s| stream_clock(metadata, s)).or(metadata.clocks.first()).cloned()
}

fn open_files(group: &TraceGroup, problems: &ProblemLog) -> Vec<DataFile> {
    let mut paths = Vec::new();
    for dir in &group.dirs {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(Problem::error(dir, "the folder cannot be read").found(error.to_string()));
                continue;
            }
        };
        let mut here: Vec<PathBuf> = entries
            .flatten()
            .filter(|e| e.file_name() != "metadata" && !e.file_name().as_encoded_bytes().starts_with(b"."))
            .map(|e| e.path())
            // Pipes, devices and folders are no streams; empty files are CPUs that never recorded.
            .filter(|p| fs::metadata(p).map_or(true, |m| m.is_file() && m.len() > 0))
            .collect();
        here.sort();
        paths.extend(here);
    }
    let open = |path: PathBuf| match Mapped::open(&path) {
        Ok(map) => Some(DataFile { path, map }),
        Err(error) => {
            problems.push(Problem::error(&path, "the stream file cannot be read").found(error.to_string()));
            None
        }
    };
    paths.into_par_iter().filter_map(open).collect()
}

fn event_classes(metadata: &Metadata, plans: &[StreamPlan]) -> Vec<EventClass> {
    let mut classes = Vec::new();
    for (stream, plan) in metadata.streams.iter().zip(plans) {
        for (event, class) in stream.events.iter().zip(&plan.classes) {
            classes.push(EventClass {
                name: Arc::clone(&event.name),
                kind: class.binding.as_ref().map(|b| b.bound.rule.kind),
                fields: event.fields.iter().flat_map(|f| &f.members).map(|m| Arc::clone(&m.name)).collect(),
                context: [&stream.event_context, &event.context]
                    .into_iter()
                    .flatten()
                    .flat_map(|c| &c.members)
                    .map(|m| Arc::clone(&m.name))
                    .collect(),
            });
        }
    }
    classes
}

/// Tells of classes that analyses would know but for a field that is not there.
fn tell_missing(metadata: &Metadata, plans: &[StreamPlan], group: &TraceGroup, problems: &ProblemLog) {
    let path = group.dirs.first().map(|d| d.join("metadata")).unwrap_or_default();
    for (stream, plan) in metadata.streams.iter().zip(plans) {
        for (event, class) in stream.events.iter().zip(&plan.classes) {
            // Old tracers have network events without the packets' headers: nothing is wrong with them.
            if class.missing.is_empty() || class.missing.iter().any(|m| m.contains("tcp")) {
                continue;
            }
            let what = format!("analyses cannot use the event `{}`", event.name);
            let detail = format!("expected the field {}, which it does not have", class.missing.join(" and "));
            problems.push(Problem::warning(&path, what).found(detail));
        }
    }
}

fn trace_info(metadata: &Metadata, path: PathBuf, clock: Option<&ClockClass>, plans: &[StreamPlan]) -> TraceInfo {
    let text = |name: &str| metadata.env_text(name).map(str::to_owned);
    let number = |name: &str| metadata.env_integer(name).map(|n| n.to_string()).or_else(|| text(name));
    let mut tracer = text("tracer_name");
    if let Some(tracer) = &mut tracer {
        let version = [number("tracer_major"), number("tracer_minor")];
        let patch = number("tracer_patchlevel").or_else(|| number("tracer_patch"));
        let version: Vec<String> = version.into_iter().chain([patch]).flatten().collect();
        if !version.is_empty() {
            tracer.push(' ');
            tracer.push_str(&version.join("."));
        }
    }
    let timed = plans.iter().any(|p| p.timed);
    let clock = match clock {
        _ if !timed => None,
        Some(clock) => Some(ClockInfo {
            name: clock.name.to_string(),
            uuid: clock.uuid.clone(),
            frequency: clock.frequency,
            origin_ns: origin_ns(clock),
            // LTTng measures the offset from 1970 itself, whatever its metadata says.
            absolute: clock.absolute || &*clock.name == "monotonic",
        }),
        None => Some(ClockInfo {
            name: "timestamp".to_owned(),
            uuid: None,
            frequency: 1_000_000_000,
            origin_ns: 0,
            absolute: false,
        }),
    };
    let environment = metadata.env.iter().map(|(name, value)| {
        let value = match value {
            EnvValue::Integer(i) => i.to_string(),
            EnvValue::Text(t) => t.clone(),
        };
        (name.clone(), value)
    });
    TraceInfo {
        path,
        format: "ctf-1.8".to_owned(),
        tracer,
        domain: text("domain"),
        hostname: text("hostname").or_else(|| text("host")),
        kernel_release: text("kernel_release").or_else(|| text("release")),
        clock,
        environment: environment.collect(),
    }
}

impl Trace for CtfTrace {
    fn info(&self) -> &TraceInfo {
        &self.info
    }

    fn streams(&self) -> &[StreamInfo] {
        &self.streams
    }

    fn classes(&self) -> &[EventClass] {
        &self.classes
    }

    fn count(&self, progress: &Progress, cancel: &Cancel) -> Result<Counts, Cancelled> {
        count::count(&self.data, progress, cancel)
    }

    fn cursor(&self, stream: StreamId, demand: EventKinds, names: &Arc<Interner>) -> Box<dyn Cursor> {
        let packets = self.streams.get(stream.0 as usize).map_or_else(Vec::new, |s| s.packets.clone());
        Box::new(CtfCursor::new(Arc::clone(&self.data), stream, packets, demand, names))
    }

    fn reader(&self, stream: StreamId, from: Option<Position>) -> Box<dyn EventReader> {
        Box::new(CtfReader::new(Arc::clone(&self.data), stream, from))
    }
}
