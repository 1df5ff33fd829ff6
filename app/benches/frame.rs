//! What a frame of the timeline costs: 60 rows of ten million intervals on 1600 × 1000 points, at several zooms.
//!
//! `still`: nothing changes. `moved`: every frame shows a window a few pixels further on, so the mesh is made anew
//! and rows are asked for what came into view. `zoomed`: every frame shows a window of another length, so rows are
//! asked for everything. All with tessellation; the number of quads stands in the name.
//!
//! `window`: the whole window on a real recording, in each arrangement: `sample-traces/fighting`, or the paths in
//! `STRATOSCOPE_BENCH_TRACE`, separated by colons.
//!
//! `statistics`: what the statistics pane counts of the same recording, beside the frames.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use egui::{RawInput, UiBuilder};
use stratoscope_app::raster::Headless;
use stratoscope_app::window::command::Command;
use stratoscope_app::window::layout::{PaneKind, Preset};
use stratoscope_app::window::own::{Own, RowTools};
use stratoscope_app::window::stats::latencies::lines;
use stratoscope_app::window::stats::times::{Group, totals};
use stratoscope_app::window::theme::Theme;
use stratoscope_app::window::timeline::lane::EventDensity;
use stratoscope_app::window::timeline::rows::{RowSet, Sort};
use stratoscope_app::window::timeline::scene::Scene;
use stratoscope_app::window::timeline::{Input, MAX_QUADS, Shared, StoredMachine, Timeline};
use stratoscope_app::window::view::{TimeFormat, View};
use stratoscope_app::window::{Window, WindowOptions};
use stratoscope_core::stats::LatencyKind;
use stratoscope_core::store::{Extents, Look, MachineStore, StoreOptions, Writer as _};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{
    Cancel, Dur, Interner, MachineId, MachineNs, ProblemLog, RefNs, RowKey, RowKind, State, Tid, TimeRange,
};

const ROWS: i32 = 60;
const INTERVALS: u64 = 10_000_000;
const LENGTH_NS: i64 = 100_000_000_000;

struct Flat;

impl EventDensity for Flat {
    fn columns(&self, _: TimeRange<MachineNs>, n: usize, out: &mut Vec<f32>) {
        out.clear();
        out.resize(n, 1.0);
    }
}

/// A generator that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Sixty threads that sleep, wait, run, call the kernel and are preempted, in lengths from 100 ns to 2 ms.
fn scene() -> Scene {
    let names = Arc::new(Interner::default());
    let calls = ["read", "write", "futex", "epoll_wait", "ioctl", "nanosleep"].map(|name| names.intern(name));
    let mut store = MachineStore::new(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
    let mut dice = Dice(7);
    let states = [
        State::Blocked,
        State::WaitingCpu,
        State::RunningUser,
        State::RunningSyscall,
        State::RunningUser,
        State::Interrupted,
        State::RunningUser,
        State::Preempted,
    ];
    for row in 0..ROWS {
        let id = store.row(RowKey::thread(Tid(1000 + row), 0));
        store.rename(id, MachineNs(0), names.intern(&format!("worker-{row}")));
        let each = INTERVALS / ROWS as u64;
        let mean = LENGTH_NS as u64 / each;
        let mut t = 0;
        for n in 0..each {
            let mut look = Look::new(states[(n + dice.below(2)) as usize % states.len()]);
            if look.state == State::RunningSyscall {
                look.detail = calls[dice.below(6) as usize];
            }
            look.aux = dice.below(4) as u32;
            store.set(id, MachineNs(t), look);
            t += (dice.below(mean / 50) + 100 + if dice.below(10) == 0 { dice.below(mean * 19) } else { 0 }) as i64;
        }
        store.set(id, MachineNs(t), Look::new(State::None));
    }
    let end = MachineNs(LENGTH_NS);
    let machine = StoredMachine {
        id: MachineId(0),
        name: "host",
        map: ClockMap::IDENTITY,
        extent: Some(TimeRange::new(MachineNs(0), end)),
        watermark: None,
        store: &store.snapshot(end),
        lost: Vec::new(),
        density: Arc::new(Flat),
    };
    Scene {
        version: 1,
        complete: true,
        facts: Arc::default(),
        machines: vec![machine.into_scene()],
        names,
        origin_ns: 0,
        dated: false,
        extent: Some(TimeRange::new(RefNs(0), RefNs(LENGTH_NS))),
        vm: None,
        order: Vec::new(),
        enters_guests: false,
    }
}

struct Bench {
    headless: Headless,
    timeline: Timeline,
    shared: Shared,
}

impl Bench {
    fn new() -> Self {
        let headless = Headless::new([1600, 1000], 1.0);
        Theme::dark().apply(headless.ctx());
        let timeline = Timeline::new(RowSet::ControlFlow, None);
        Self { headless, timeline, shared: Shared::default() }
    }

    /// One frame, from input to triangles.
    fn frame(&mut self, scene: &Scene, view: &View) -> usize {
        let Self { headless, timeline, shared } = self;
        let frame = headless.frame(RawInput::default(), |ui| {
            let input =
                Input { scene, view, theme: Theme::dark(), format: TimeFormat::Relative, focused: true, overlay: None };
            let rect = ui.max_rect();
            ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| timeline.ui(ui, &input, shared));
        });
        let primitives = headless.ctx().tessellate(frame.shapes, frame.pixels_per_point);
        black_box(primitives.len())
    }
}

fn frames(c: &mut Criterion) {
    let scene = scene();
    let mut group = c.benchmark_group("frame");
    group.sample_size(30);
    for (name, length) in [
        ("100 s", LENGTH_NS),
        ("5 s", 5_000_000_000),
        ("200 ms", 200_000_000),
        ("10 ms", 10_000_000),
        ("200 us", 200_000),
    ] {
        let bounds = TimeRange::new(RefNs(-LENGTH_NS), RefNs(2 * LENGTH_NS));
        let middle = if length == LENGTH_NS { 0 } else { LENGTH_NS / 3 };
        let mut view = View::new(TimeRange::new(RefNs(middle), RefNs(middle + length)), bounds);
        let mut bench = Bench::new();
        let rows = RowTools { sort: Sort::Tid, ..RowTools::default() };
        view.own = Arc::new(Own { rows, ..Own::default() });
        // Small rows: all sixty are on the screen.
        view.compact = true;
        for _ in 0..4 {
            bench.frame(&scene, &view);
        }
        let stats = bench.timeline.stats();
        assert!(stats.quads <= MAX_QUADS + MAX_QUADS / 10, "{stats:?}");
        let what = format!("{name}, {} quads, columns of {} px", stats.quads, stats.coarse);
        group.bench_function(BenchmarkId::new("still", &what), |b| b.iter(|| bench.frame(&scene, &view)));
        let mut n = 0;
        group.bench_function(BenchmarkId::new("moved", &what), |b| {
            b.iter(|| {
                n += 1;
                let begin = middle + (n % 64) * (length / 400);
                view.window = TimeRange::new(RefNs(begin), RefNs(begin + length));
                bench.frame(&scene, &view)
            });
        });
        group.bench_function(BenchmarkId::new("zoomed", &what), |b| {
            b.iter(|| {
                n += 1;
                let length = length - (n % 64) * (length / 1000);
                view.window = TimeRange::new(RefNs(middle), RefNs(middle + length));
                bench.frame(&scene, &view)
            });
        });
    }
    group.finish();
}

/// What the window shows, and a name for it.
fn arrangements() -> Vec<(&'static str, Vec<Command>)> {
    let alone = |pane: PaneKind| vec![Command::ShowPane(pane), Command::ToggleFullPane];
    vec![
        ("as it opens", Vec::new()),
        ("kernel", vec![Command::SetPreset(Preset::Kernel)]),
        ("side by side", vec![Command::SetPreset(Preset::SideBySide)]),
        ("virtual machines", alone(PaneKind::VirtualMachines)),
        ("physical CPUs", alone(PaneKind::PhysicalCpus)),
        ("synchronisation", alone(PaneKind::Synchronisation)),
        ("exits", alone(PaneKind::Exits)),
        ("steal", alone(PaneKind::Steal)),
        ("periodic task", alone(PaneKind::Periodic)),
        ("state at the cursor", alone(PaneKind::Instant)),
        ("statistics", alone(PaneKind::Statistics)),
        ("compare", vec![Command::SetPreset(Preset::Compare), Command::CompareHalves]),
    ]
}

/// A window with a screen of its own.
struct Whole {
    screen: Headless,
    window: Window,
}

impl Whole {
    fn new(paths: Vec<PathBuf>, commands: Vec<Command>) -> Self {
        let screen = Headless::new([1600, 1000], 1.0);
        let window = Window::new(screen.ctx(), WindowOptions::headless());
        let mut whole = Self { screen, window };
        whole.send(Command::Open(paths));
        whole.settle();
        for command in commands {
            whole.send(command);
        }
        whole.settle();
        whole
    }

    fn send(&mut self, command: Command) {
        let ctx = self.screen.ctx().clone();
        self.window.send(&ctx, command);
    }

    fn settle(&mut self) {
        for _ in 0..4 {
            self.window.wait(Duration::from_secs(600));
            self.frame();
        }
    }

    fn frame(&mut self) -> usize {
        let Self { screen, window } = self;
        let frame = screen.frame(RawInput::default(), |ui| window.frame_ui(ui));
        black_box(screen.ctx().tessellate(frame.shapes, frame.pixels_per_point).len())
    }
}

fn bench_paths() -> Vec<PathBuf> {
    match std::env::var_os("STRATOSCOPE_BENCH_TRACE") {
        Some(paths) => std::env::split_paths(&paths).collect(),
        None => vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../sample-traces/fighting"))],
    }
}

fn windows(c: &mut Criterion) {
    let paths = bench_paths();
    let mut group = c.benchmark_group("window");
    group.sample_size(30);
    for (name, commands) in arrangements() {
        let mut whole = Whole::new(paths.clone(), commands);
        group.bench_function(BenchmarkId::new("still", name), |b| b.iter(|| whole.frame()));
        let window = whole.window.state().view.window;
        let mut n = 0;
        group.bench_function(BenchmarkId::new("moved", name), |b| {
            b.iter(|| {
                n += 1;
                let length = window.length().0 / 4;
                let begin = window.begin + Dur(length + (n % 64) * (length / 400));
                whole.send(Command::SetWindow { window: TimeRange::new(begin, begin + Dur(length)), remember: false });
                whole.frame()
            });
        });
    }
    group.finish();
}

/// What the statistics of a selection cost, without the frame: time per state of all rows, and latencies.
fn statistics(c: &mut Criterion) {
    let whole = Whole::new(bench_paths(), Vec::new());
    let scene = whole.window.state().scene.clone();
    let bounds = scene.extent.unwrap_or(TimeRange::new(RefNs(0), RefNs(1)));
    let mut group = c.benchmark_group("statistics");
    group.sample_size(10);
    for (name, part) in [("all", 1), ("a third", 3), ("a hundredth", 100)] {
        let length = bounds.length().0 / part;
        let begin = bounds.begin + Dur((bounds.length().0 - length) / 2);
        let range = TimeRange::new(begin, begin + Dur(length));
        for (kind, group_by) in
            [(RowKind::Thread, Group::Each), (RowKind::Thread, Group::Name), (RowKind::Cpu, Group::Each)]
        {
            let rows = totals(&scene, kind, range, group_by, &Cancel::default()).len();
            let what = format!("times of {name}, {kind:?}, {group_by:?}, {rows} lines");
            group.bench_function(what, |b| {
                b.iter(|| black_box(totals(&scene, kind, range, group_by, &Cancel::default()).len()));
            });
        }
        let count = || lines(&scene.facts, range, LatencyKind::ALL, None, &Cancel::default()).map_or(0, |l| l.len());
        let what = format!("latencies of {name}, {} lines", count());
        group.bench_function(what, |b| b.iter(|| black_box(count())));
    }
    group.finish();
}

criterion_group!(benches, statistics, frames, windows);
criterion_main!(benches);
