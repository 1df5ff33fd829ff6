//! Opening paths, and the life of a session.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::ctf;
use crate::index::{EventStream, EventTable, StreamIndex};
use crate::session::analyse::{self, MachineJob};
use crate::session::density::Density;
use crate::session::early;
use crate::session::machines::{self, MachinePlan, Opened, RecordingPlan};
use crate::session::snapshot::{LostView, MachineView, Phase, RecordingView, Snapshot, TraceView};
use crate::session::together::{self, SyncChoice};
use crate::store::{Extents, MachineStore, StoreOptions, StoreSnapshot};
use crate::sync::{ClockMap, Solution};
use crate::vcpu::VcpuThread;
use crate::vocab::record::Need;
use crate::vocab::{
    Cancel, Dur, EventKind, Interner, MachineId, MachineNs, Problem, ProblemLog, Progress, RefNs, StreamId, TimeRange,
    TraceId,
};

/// Which recordings a session shows at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recordings {
    /// The first one.
    #[default]
    First,
    /// All of them, on one axis.
    All,
    /// The one of that number.
    Only(usize),
}

/// How a session works.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// How many bytes of interval blocks are kept in memory; what passes that goes to a cache file.
    pub memory_limit: usize,
    /// Where that file is made; the system's folder for temporary files if `None`.
    pub cache_dir: Option<PathBuf>,
    /// Which recordings are shown.
    pub recordings: Recordings,
    /// Whether to analyse at all, or only to open.
    pub analyse: bool,
    /// What to assume about clocks and virtual machines.
    pub choice: SyncChoice,
    /// How often a machine's rows are published while it is read; less often where that costs too much.
    pub publish_every: Duration,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            memory_limit: 128 << 20,
            cache_dir: None,
            recordings: Recordings::First,
            analyse: true,
            choice: SyncChoice::default(),
            publish_every: Duration::from_millis(50),
        }
    }
}

/// What wakes the screen when there is something new.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// An open session. Dropping it stops its work.
pub struct Session {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) names: Arc<Interner>,
    pub(super) problems: ProblemLog,
    pub(super) cancel: Cancel,
    pub(super) progress: Progress,
    pub(super) extents: Extents,
    pub(super) options: SessionOptions,
    wake: Waker,
    state: Mutex<State>,
    finished: Condvar,
}

/// What a machine's analysis publishes.
pub(super) struct MachinePart {
    pub(super) store: Arc<StoreSnapshot>,
    pub(super) watermark: MachineNs,
    pub(super) density: Arc<Density>,
    pub(super) indexes: Vec<StreamIndex>,
    pub(super) damaged: Vec<LostView>,
    pub(super) vcpus: Vec<VcpuThread>,
}

pub(super) struct State {
    snapshot: Arc<Snapshot>,
    /// Stops what works machines out together for the present choice.
    together: Cancel,
    started: Instant,
    /// Streams of each machine, in the order of its [`MachinePart::indexes`].
    streams: Vec<Vec<(TraceId, StreamId)>>,
    indexes: Vec<Vec<StreamIndex>>,
    running: usize,
    /// Whether the machines were looked at together.
    begun: bool,
}

impl Session {
    /// Opens what lies below `paths`. Returns at once; `wake` is called whenever [`Session::snapshot`] has news.
    pub fn open(paths: Vec<PathBuf>, options: SessionOptions, wake: Waker) -> Self {
        let problems = ProblemLog::default();
        let names = Arc::new(Interner::default());
        let store = StoreOptions { memory_limit: options.memory_limit, cache_dir: options.cache_dir.clone() };
        let snapshot = Snapshot {
            version: 0,
            phase: Phase::Opening,
            progress: (0, 0),
            elapsed: Dur(0),
            recordings: Arc::from([]),
            recording: None,
            machines: Vec::new(),
            traces: Arc::from([]),
            problems: Arc::from([]),
            names: Arc::clone(&names),
            events: EventTable::default(),
            reference: MachineId(0),
            choice: options.choice.clone(),
            sync: None,
            vm: None,
            extent: None,
            first_view: None,
        };
        let state = State {
            snapshot: Arc::new(snapshot),
            together: Cancel::default(),
            started: Instant::now(),
            streams: Vec::new(),
            indexes: Vec::new(),
            running: 0,
            begun: false,
        };
        let shared = Arc::new(Shared {
            names,
            extents: Extents::new(&store, problems.clone()),
            problems,
            cancel: Cancel::default(),
            progress: Progress::default(),
            options,
            wake,
            state: Mutex::new(state),
            finished: Condvar::new(),
        });
        let opener = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("open".to_owned()).spawn(move || open_all(&opener, &paths));
        if let Err(error) = spawned {
            shared.problems.push(Problem::error("", "cannot start a thread").found(error.to_string()));
            shared.finish(Phase::Failed);
        }
        Self { shared }
    }

    /// What there is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.lock().snapshot)
    }

    /// Stops reading; what was read stays.
    pub fn cancel(&self) {
        self.shared.cancel.cancel();
        let state = self.shared.lock();
        state.together.cancel();
        let was_read = state.running == 0 && state.snapshot.phase == Phase::Analysing;
        drop(state);
        if was_read {
            self.shared.finish(Phase::Cancelled);
        }
    }

    /// Takes another choice about clocks and virtual machines. Maps follow at once where they are known, else
    /// as soon as they are; joined rows later. Nothing is read again.
    pub fn choose(&self, choice: SyncChoice) {
        let mut state = self.shared.lock();
        let before = state.snapshot.choice.clone();
        let again = SyncChoice { enabled: choice.enabled, ..before.clone() } != choice;
        let ready = !matches!(state.snapshot.phase, Phase::Opening | Phase::Failed) && state.running == 0;
        let cancel = state.together.clone();
        if again && ready {
            cancel.cancel();
            state.together = Cancel::default();
        }
        drop(state);
        self.shared.publish(|snapshot, _| snapshot.choice = choice);
        if !ready {
            return;
        }
        let reference = self.snapshot().reference;
        if again {
            start_together(&self.shared);
        } else {
            together::publish_maps(&self.shared, &Cancel::default(), reference, None);
        }
    }

    /// Waits until all is read (or cancelled, or nothing could be opened).
    pub fn wait(&self) -> Arc<Snapshot> {
        let mut state = self.shared.lock();
        while state.snapshot.phase.is_reading() {
            state = self.shared.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Arc::clone(&state.snapshot)
    }

    /// Where problems go that are found later, by whoever reads events of this session.
    pub fn problems(&self) -> &ProblemLog {
        &self.shared.problems
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Shared {
    /// What there is now.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.lock().snapshot)
    }

    /// As [`Shared::publish`], unless `cancel` has been asked for; says whether it was done.
    pub(super) fn publish_unless(&self, cancel: &Cancel, change: impl FnOnce(&mut Snapshot, &mut State)) -> bool {
        let mut done = false;
        self.publish(|snapshot, state| {
            // Under the lock, so that a newer choice's results are never overwritten.
            if !cancel.is_cancelled() {
                change(snapshot, state);
                done = true;
            }
        });
        done
    }

    /// What stops looking at the machines together.
    pub(super) fn together(&self) -> Cancel {
        self.lock().together.clone()
    }

    /// Puts maps in place that were found before the end of reading, unless that end has come.
    pub(super) fn publish_early(&self, cancel: &Cancel, reference: MachineId, solution: Arc<Solution>) {
        self.publish_unless(cancel, |snapshot, state| {
            if state.running > 0 {
                together::place(snapshot, state, reference, Some(solution));
            }
        });
    }

    /// Tells whoever waits for the end.
    pub(super) fn notify(&self) {
        self.finished.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a new snapshot in place of the present one and wakes the screen.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Snapshot, &mut State)) {
        let mut state = self.lock();
        let mut next = (*state.snapshot).clone();
        change(&mut next, &mut state);
        next.version += 1;
        next.progress = self.progress.get();
        if next.phase.is_reading() {
            next.elapsed = Dur(i64::try_from(state.started.elapsed().as_nanos()).unwrap_or(i64::MAX));
        }
        next.problems = self.problems.all().into();
        state.snapshot = Arc::new(next);
        drop(state);
        (self.wake)();
    }

    fn finish(&self, phase: Phase) {
        self.publish(|snapshot, _| snapshot.phase = phase);
        self.finished.notify_all();
    }

    /// A machine was read to its end: if it was the last, they are looked at together.
    fn read_all(self: &Arc<Self>) {
        let begin = {
            let mut state = self.lock();
            let begin = state.running == 0 && !state.begun && state.snapshot.phase == Phase::Analysing;
            state.begun |= begin;
            begin
        };
        if begin {
            let cancel = self.lock().together.clone();
            together::run(self, &cancel);
        }
    }

    /// Takes what a machine's analysis has so far.
    pub(super) fn update(&self, machine: usize, part: MachinePart, done: bool) {
        self.publish(|snapshot, state| {
            if let Some(view) = snapshot.machines.get_mut(machine) {
                let mut next = MachineView::clone(view);
                next.store = part.store;
                next.watermark = part.watermark;
                next.density = part.density;
                next.vcpus = part.vcpus.into();
                if !part.damaged.is_empty() {
                    let mut lost = next.lost.to_vec();
                    lost.extend(part.damaged);
                    lost.sort_by_key(|l| l.lost.range.begin);
                    next.lost = lost.into();
                }
                *view = Arc::new(next);
            }
            if let Some(indexes) = state.indexes.get_mut(machine) {
                *indexes = part.indexes;
            }
            snapshot.events = event_table(snapshot, state);
            if done {
                state.running -= 1;
                if state.running == 0 {
                    if self.cancel.is_cancelled() {
                        snapshot.phase = Phase::Cancelled;
                    } else if !together::is_needed(snapshot) {
                        snapshot.phase = Phase::Done;
                    }
                }
            }
        });
        if done {
            self.finished.notify_all();
        }
    }
}

/// Works out in the background what the machines tell together.
fn start_together(shared: &Arc<Shared>) {
    let cancel = shared.lock().together.clone();
    let worker = Arc::clone(shared);
    let spawned = thread::Builder::new().name("together".to_owned()).spawn(move || together::run(&worker, &cancel));
    if let Err(error) = spawned {
        shared.problems.push(Problem::error("", "cannot start a thread").found(error.to_string()));
        shared.finish(Phase::Done);
    }
}

pub(super) fn event_table(snapshot: &Snapshot, state: &State) -> EventTable {
    let mut streams = Vec::new();
    for (machine, (ids, indexes)) in snapshot.machines.iter().zip(state.streams.iter().zip(&state.indexes)) {
        for ((trace_id, stream), index) in ids.iter().zip(indexes) {
            if let Some(trace) = snapshot.traces.get(trace_id.0 as usize) {
                streams.push(EventStream {
                    machine: machine.id,
                    trace_id: *trace_id,
                    trace: Arc::clone(&trace.trace),
                    stream: *stream,
                    map: machine.map,
                    index: index.clone(),
                });
            }
        }
    }
    streams.sort_by_key(|s| (s.trace_id, s.stream));
    EventTable::new(streams)
}

/// Opens every trace below the paths, in parallel, in the order in which they were found.
fn open_traces(shared: &Shared, paths: &[PathBuf]) -> Vec<Opened> {
    let mut groups = Vec::new();
    for (argument, path) in paths.iter().enumerate() {
        let found = ctf::discover(path, &shared.problems);
        groups.extend(found.into_iter().map(|group| (argument, group)));
    }
    groups
        .par_iter()
        .filter_map(|(argument, group)| {
            if shared.cancel.is_cancelled() {
                return None;
            }
            ctf::open(group, &shared.problems).map(|trace| Opened::new(trace, *argument))
        })
        .collect()
}

fn open_all(shared: &Arc<Shared>, paths: &[PathBuf]) {
    let opened = open_traces(shared, paths);
    if opened.is_empty() {
        let path = paths.first().cloned().unwrap_or_default();
        shared.problems.push(
            Problem::error(path, "no trace could be opened")
                .advise("Name a folder that LTTng recorded (it has a file metadata somewhere below)"),
        );
        shared.finish(Phase::Failed);
        return;
    }
    let plans = machines::plan(&opened);
    let recording = match shared.options.recordings {
        Recordings::First => Some(0),
        Recordings::Only(n) => Some(n.min(plans.len() - 1)),
        Recordings::All => None,
    };
    let views: Vec<RecordingView> = plans.iter().map(recording_view).collect();
    let shown: Vec<MachinePlan> = plans
        .into_iter()
        .enumerate()
        .filter(|(n, _)| recording.is_none_or(|r| r == *n))
        .flat_map(|p| p.1.machines)
        .collect();
    let (machines, traces) = build(&opened, &shown, &shared.extents);
    let jobs: Vec<MachineJob> = machines.iter().map(|m| job(m, &traces)).collect();
    for trace in &traces {
        note_missing_events(shared, trace);
    }
    let total: u64 = traces.iter().flat_map(|t| t.trace.streams()).flat_map(|s| &s.packets).map(|p| p.bytes).sum();
    shared.progress.add_total(total);
    shared.publish(|snapshot, state| {
        snapshot.recordings = views.into();
        snapshot.recording = recording;
        snapshot.extent = whole_extent(&machines);
        snapshot.first_view = first_view(&machines);
        snapshot.machines = machines;
        snapshot.traces = traces.into();
        snapshot.phase = Phase::Analysing;
        state.streams = jobs.iter().map(|j| j.streams.iter().map(|s| (s.trace_id, s.stream)).collect()).collect();
        state.indexes = jobs.iter().map(|j| vec![StreamIndex::default(); j.streams.len()]).collect();
        state.running = jobs.len();
        snapshot.events = event_table(snapshot, state);
    });
    if !shared.options.analyse {
        shared.finish(Phase::Done);
        return;
    }
    early::start(shared);
    for (number, job) in jobs.into_iter().enumerate() {
        let worker = Arc::clone(shared);
        let name = format!("analyse {}", job.name);
        let spawned = thread::Builder::new().name(name).spawn(move || {
            analyse::run(&worker, number, job);
            worker.read_all();
        });
        if let Err(error) = spawned {
            shared.problems.push(Problem::error("", "cannot start a thread").found(error.to_string()));
            shared.finish(Phase::Failed);
            return;
        }
    }
}

fn recording_view(plan: &RecordingPlan) -> RecordingView {
    RecordingView {
        path: plan.path.clone(),
        name: plan.name.clone(),
        machines: plan.machines.iter().map(|m| m.name.clone()).collect(),
        extent_ns: plan.extent_ns,
    }
}

/// The machines and traces of the shown recordings. The first machine is the reference.
fn build(opened: &[Opened], plans: &[MachinePlan], extents: &Extents) -> (Vec<Arc<MachineView>>, Vec<TraceView>) {
    let mut traces = Vec::new();
    let mut machines: Vec<Arc<MachineView>> = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let id = MachineId(u16::try_from(number).unwrap_or(u16::MAX));
        let clock = plan.traces.first().and_then(|t| opened[*t].trace.info().clock.clone());
        let origin_ns = clock.as_ref().map_or(0, |c| c.origin_ns);
        let mut extent: Option<TimeRange<MachineNs>> = None;
        let mut cpus = Vec::new();
        let mut lost = Vec::new();
        let mut kernel_release = None;
        for trace in plan.traces.iter().map(|t| &opened[*t]) {
            let trace_id = TraceId(u16::try_from(traces.len()).unwrap_or(u16::MAX));
            let own = trace.extent();
            extent = match (extent, own) {
                (Some(a), Some(b)) => Some(TimeRange::new(a.begin.min(b.begin), a.end.max(b.end))),
                (a, b) => a.or(b),
            };
            for stream in trace.trace.streams() {
                cpus.extend(stream.cpu.known().map(|_| stream.cpu));
                let label: Arc<str> = Arc::from(stream.label.as_str());
                lost.extend(stream.lost.iter().map(|l| LostView {
                    trace: trace_id,
                    stream: Arc::clone(&label),
                    cpu: stream.cpu,
                    lost: *l,
                }));
            }
            kernel_release = kernel_release.or_else(|| trace.trace.info().kernel_release.clone());
            traces.push(TraceView { id: trace_id, machine: id, trace: Arc::clone(&trace.trace), extent: own });
        }
        cpus.sort_unstable();
        cpus.dedup();
        lost.sort_by_key(|l: &LostView| l.lost.range.begin);
        let reference_origin = machines.first().map_or(origin_ns, |m| m.origin_ns);
        let mut density = Density::new(extent.unwrap_or(TimeRange::new(MachineNs(0), MachineNs(1))));
        for stream in plan.traces.iter().flat_map(|t| opened[*t].trace.streams()) {
            density.add_packets(&stream.packets);
        }
        machines.push(Arc::new(MachineView {
            id,
            name: plan.name.clone(),
            key: plan.key.clone(),
            origin_ns,
            dated: clock.is_some_and(|c| c.absolute),
            kernel_release,
            cpus,
            extent,
            map: ClockMap::by_origins(origin_ns, reference_origin),
            store: MachineStore::new(extents).snapshot(MachineNs::MIN),
            watermark: extent.map_or(MachineNs::MIN, |e| e.begin),
            density: Arc::new(density),
            lost: lost.into(),
            vcpus: Arc::from([]),
        }));
    }
    (machines, traces)
}

fn job(machine: &MachineView, traces: &[TraceView]) -> MachineJob {
    let mut streams = Vec::new();
    for trace in traces.iter().filter(|t| t.machine == machine.id) {
        for (n, info) in trace.trace.streams().iter().enumerate() {
            streams.push(analyse::JobStream {
                trace_id: trace.id,
                trace: Arc::clone(&trace.trace),
                stream: StreamId(u32::try_from(n).unwrap_or(u32::MAX)),
                cpu: info.cpu,
                label: Arc::from(info.label.as_str()),
            });
        }
    }
    MachineJob {
        name: machine.name.clone(),
        kernel_release: machine.kernel_release.clone(),
        estimate: Arc::clone(&machine.density),
        streams,
    }
}

/// Says which views stay empty because a kernel trace lacks what they need, and how to record it.
fn note_missing_events(shared: &Shared, trace: &TraceView) {
    let info = trace.trace.info();
    let kernel = info.domain.as_deref() == Some("kernel");
    if !kernel || trace.trace.classes().iter().any(|c| c.kind == Some(EventKind::SchedSwitch)) {
        return;
    }
    shared.problems.push(
        Problem::warning(info.path.clone(), "the trace has no `sched_switch` events: no thread's state can be told")
            .advise(Need::Threads.advice()),
    );
}

pub(super) fn whole_extent(machines: &[Arc<MachineView>]) -> Option<TimeRange<RefNs>> {
    let ranges = || machines.iter().filter_map(|m| m.extent.map(|e| (m.map.to_ref(e.begin), m.map.to_ref(e.end))));
    let begin = ranges().map(|r| r.0).min()?;
    let end = ranges().map(|r| r.1).max()?;
    Some(TimeRange::new(begin, end))
}

/// Where all machines overlap, else where nearly all events are: some sessions begin minutes before anything
/// happens, and a first picture must not be empty.
pub(super) fn first_view(machines: &[Arc<MachineView>]) -> Option<TimeRange<RefNs>> {
    let whole = whole_extent(machines)?;
    let main = |m: &MachineView| {
        let part = m.density.main_part();
        (m.map.to_ref(part.begin), m.map.to_ref(part.end))
    };
    let with_extent: Vec<&Arc<MachineView>> = machines.iter().filter(|m| m.extent.is_some()).collect();
    let overlap = if with_extent.len() > 1 {
        let begin = with_extent.iter().filter_map(|m| m.extent.map(|e| m.map.to_ref(e.begin))).max()?;
        let end = with_extent.iter().filter_map(|m| m.extent.map(|e| m.map.to_ref(e.end))).min()?;
        TimeRange::new(begin, end)
    } else {
        let (begin, end) = main(with_extent.first()?);
        TimeRange::new(begin, end)
    };
    if overlap.length().0 <= 0 {
        return Some(whole);
    }
    // Where most of it is shown anyway, show all: a cut beginning would only puzzle.
    if overlap.length().0 >= whole.length().0 / 2 { Some(whole) } else { Some(overlap) }
}
