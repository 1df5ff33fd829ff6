//! Sessions of the engine, as the window reads them: each snapshot becomes a scene, words about it, and events.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stratoscope_core::index::EventRow;
use stratoscope_core::session::{Phase, Recordings, Session, SessionOptions, Snapshot, SyncChoice, TraceView};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{EventKind, MachineNs, RefNs, TimeRange};

use crate::window::engine::{Engine, News, Opener};
use crate::window::event_pages::{EventLine, EventSource, fields_text};
use crate::window::find::Find;
use crate::window::find::events::{EventFinder, Events};
use crate::window::info::{MachineInfo, RecordingInfo, SessionInfo, Stage, StreamInfo, TraceInfo, share_done};
use crate::window::navigate;
use crate::window::timeline::scene::Scene;
use crate::window::words;
use crate::window::worker::{Wake, Worker};

/// How often a wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(3);

/// Opens sessions of the engine.
pub fn opener() -> Opener {
    Box::new(|paths, recording, wake| Box::new(Reading::new(paths, recording, wake)))
}

/// Shows a session that is open already, whatever paths are asked for: what it read is not read again.
pub fn opener_of(session: Arc<Session>) -> Opener {
    Box::new(move |_, _, wake| Box::new(Reading::of(Arc::clone(&session), wake)))
}

/// A session and what of it the window has seen.
struct Reading {
    session: Arc<Session>,
    /// Makes news of snapshots: of ten thousand threads that takes longer than a frame may.
    maker: Worker<Arc<Snapshot>, News>,
    /// The version of the snapshot of which news were asked last.
    asked: Cell<Option<u64>>,
}

/// Versions of scenes: sessions in the upper part, snapshots in the lower.
const SNAPSHOTS: u32 = 40;

impl Reading {
    fn new(paths: Vec<PathBuf>, recording: Option<usize>, wake: Wake) -> Self {
        let recordings = recording.map_or(Recordings::First, Recordings::Only);
        let options = SessionOptions { recordings, ..SessionOptions::default() };
        Self::of(Arc::new(Session::open(paths, options, Arc::clone(&wake))), wake)
    }

    fn of(session: Arc<Session>, wake: Wake) -> Self {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        // Tells scenes of this session from those of others.
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let mut maps = Vec::new();
        let maker = Worker::new("news", wake, move |snapshot: Arc<Snapshot>, _, tell| {
            tell(news_of(&snapshot, number, &mut maps));
        });
        Self { session, maker, asked: Cell::new(None) }
    }

    /// Asks for news of what was read so far, unless that was done.
    fn ask(&self) {
        let snapshot = self.session.snapshot();
        if self.asked.replace(Some(snapshot.version)) != Some(snapshot.version) {
            self.maker.ask(snapshot);
        }
    }
}

/// What is new in a snapshot; `maps` are those of the snapshot before.
fn news_of(snapshot: &Snapshot, number: u64, maps: &mut Vec<ClockMap>) -> News {
    let own: Vec<ClockMap> = snapshot.machines.iter().map(|m| m.map).collect();
    let events_fresh = own != *maps;
    *maps = own;
    News {
        // Two sessions count from the same number: what was drawn of one must not be taken for the other.
        scene: Scene { version: (number << SNAPSHOTS) + snapshot.version, ..Scene::of(snapshot) },
        info: info_of(snapshot),
        first_view: snapshot.first_view,
        events: Some(event_source(snapshot)),
        events_fresh,
    }
}

impl Engine for Reading {
    fn poll(&mut self) -> Option<News> {
        self.ask();
        let mut all = self.maker.take();
        let events_fresh = all.iter().any(|news| news.events_fresh);
        all.pop().map(|news| News { events_fresh, ..news })
    }

    fn session(&self) -> Option<Arc<Session>> {
        Some(Arc::clone(&self.session))
    }

    fn cancel(&self) {
        self.session.cancel();
    }

    fn choose(&self, choice: SyncChoice) {
        self.session.choose(choice);
    }

    fn wait(&self, longest: Duration) -> bool {
        let end = Instant::now() + longest;
        while self.session.snapshot().phase.is_reading() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        self.ask();
        self.maker.wait(end.saturating_duration_since(Instant::now()))
    }
}

/// What the window says of a snapshot.
fn info_of(snapshot: &Snapshot) -> SessionInfo {
    let stage = match snapshot.phase {
        Phase::Opening => Stage::Opening,
        Phase::Analysing => Stage::Reading,
        Phase::Done => Stage::Done,
        Phase::Cancelled => Stage::Cancelled,
        Phase::Failed => Stage::Failed,
    };
    let recordings = snapshot.recordings.iter().map(|r| RecordingInfo {
        name: r.name.clone(),
        path: r.path.clone(),
        machines: r.machines.clone(),
        length: r.extent_ns.map(|(begin, end)| {
            stratoscope_core::vocab::Dur(i64::try_from(end.saturating_sub(begin)).unwrap_or(i64::MAX))
        }),
    });
    let machines = snapshot.machines.iter().map(|m| MachineInfo {
        id: m.id,
        name: m.name.clone(),
        kernel: m.kernel_release.clone(),
        cpus: m.cpus.len(),
        extent: m.extent.map(|e| on_axis(&m.map, e)),
        done: if snapshot.phase == Phase::Done { 1.0 } else { share_done(m.extent, m.watermark) },
        lost_ranges: m.lost.len(),
        traces: snapshot.traces.iter().filter(|t| t.machine == m.id).map(|t| trace_info(t, &m.map)).collect(),
    });
    SessionInfo {
        stage,
        progress: snapshot.progress,
        elapsed: snapshot.elapsed,
        recordings: recordings.collect(),
        recording: snapshot.recording,
        machines: machines.collect(),
        problems: Arc::clone(&snapshot.problems),
    }
}

fn on_axis(map: &ClockMap, range: TimeRange<MachineNs>) -> TimeRange<RefNs> {
    TimeRange::new(navigate::to_ref(map, range.begin), navigate::to_ref(map, range.end))
}

fn trace_info(view: &TraceView, map: &ClockMap) -> TraceInfo {
    let info = view.trace.info();
    let domain = info.domain.clone().unwrap_or_else(|| "trace".to_owned());
    let classes = view.trace.classes();
    TraceInfo {
        name: words::short_path(&info.path),
        path: info.path.clone(),
        tracer: info.tracer.clone().unwrap_or_default(),
        format: info.format.clone(),
        extent: view.extent.map(|e| on_axis(map, e)),
        streams: view
            .trace
            .streams()
            .iter()
            .map(|s| StreamInfo { label: s.label.clone(), packets: s.packets.len(), lost_events: s.discarded_events })
            .collect(),
        classes: classes.len(),
        events: classes.iter().map(|c| c.name.clone()).collect(),
        lacks_switches: domain == "kernel" && classes.iter().all(|c| c.kind != Some(EventKind::SchedSwitch)),
        domain,
    }
}

/// The engine's table of events, with its fields as text.
struct Table(Events);

/// The events of a snapshot as the window reads them.
pub fn event_source(snapshot: &Snapshot) -> Arc<dyn EventSource> {
    Arc::new(Table(Events {
        table: snapshot.events.clone(),
        machines: snapshot.machines.iter().map(|m| m.name.clone()).collect(),
        extent: snapshot.extent.map(|e| (e.begin, e.end)),
    }))
}

impl Table {
    fn lines(&self, first: u64, count: usize, find: Option<&Find>) -> Vec<EventLine> {
        let rows = self.0.table.page(first, count);
        let line = |row: EventRow| EventLine {
            row: row.row,
            t: row.t,
            machine: row.machine,
            cpu: row.cpu,
            found: find.is_none_or(|find| self.0.row_matches(find, &row)),
            text: fields_text(&row.fields, &row.context).into(),
            name: row.name,
        };
        rows.into_iter().map(line).collect()
    }
}

impl EventSource for Table {
    fn count(&self) -> u64 {
        self.0.table.len()
    }

    fn page(&self, first: u64, count: usize) -> Vec<EventLine> {
        self.lines(first, count, None)
    }

    fn row_at(&self, t: RefNs) -> u64 {
        self.0.table.row_at(t)
    }

    fn page_found(&self, first: u64, count: usize, find: &Find) -> Vec<EventLine> {
        self.lines(first, count, find.is_active().then_some(find))
    }

    fn finder(&self) -> Option<&dyn EventFinder> {
        Some(&self.0)
    }
}
