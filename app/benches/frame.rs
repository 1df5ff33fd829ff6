//! What a frame of the timeline costs: 60 rows of ten million intervals on 1600 × 1000 points, at several zooms.
//!
//! `still`: nothing changes. `moved`: every frame shows a window a few pixels further on, so the mesh is made anew
//! and rows are asked for what came into view. `zoomed`: every frame shows a window of another length, so rows are
//! asked for everything. All with tessellation; the number of quads stands in the name.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use egui::{RawInput, UiBuilder};
use stratoscope_app::raster::Headless;
use stratoscope_app::window::own::{Own, RowTools};
use stratoscope_app::window::theme::Theme;
use stratoscope_app::window::timeline::lane::EventDensity;
use stratoscope_app::window::timeline::rows::{RowSet, Sort};
use stratoscope_app::window::timeline::scene::Scene;
use stratoscope_app::window::timeline::{Input, MAX_QUADS, Shared, StoredMachine, Timeline};
use stratoscope_app::window::view::{TimeFormat, View};
use stratoscope_core::store::{Extents, Look, MachineStore, StoreOptions, Writer as _};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Interner, MachineId, MachineNs, ProblemLog, RefNs, RowKey, State, Tid, TimeRange};

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

criterion_group!(benches, frames);
criterion_main!(benches);
