//! What a frame of the whole window costs in each arrangement, while a recording is read and once it is there, and what
//! the statistics of it cost beside the frames.
//!
//! ```text
//! cargo bench -p stratoscope --bench window -- [ARRANGEMENT] PATH...
//! ```
//!
//! An argument that is no path is a part of the names of arrangements that are wanted. Frames are 1600 × 1000 points,
//! from input to triangles. Each figure is the time that the frame's own thread had a CPU, so that readers and counters
//! beside it do not count: the median, the one of a hundred frames that took longest, and the longest of all.
//!
//! `reading`: the window is moved in every frame while traces are read, sixty times a second. `still`: nothing changes.
//! `moved`: every frame shows a window a little further on; of all, a tenth, a thousandth and a millionth of the
//! recording.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use egui::{Event, PointerButton, Pos2, RawInput, accesskit};
use rustix::time::{ClockId, clock_gettime};
use stratoscope_app::raster::Headless;
use stratoscope_app::window::command::Command;
use stratoscope_app::window::layout::{PaneKind, Preset};
use stratoscope_app::window::stats::latencies::lines;
use stratoscope_app::window::stats::times::{Group, totals};
use stratoscope_app::window::{Window, WindowOptions};
use stratoscope_core::stats::LatencyKind;
use stratoscope_core::vocab::{Cancel, Dur, RefNs, RowKind, TimeRange};

/// Frames of each sort.
const FRAMES: usize = 200;

/// How often statistics are asked for.
const TIMES: usize = 5;

/// How long reading may take.
const LONGEST: Duration = Duration::from_secs(120);

/// How long the thread that asks had a CPU.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What the window shows: a name for it, commands that lead there, and the name of a tab to click.
type Arrangement = (&'static str, Vec<Command>, Option<&'static str>);

fn arrangements() -> Vec<Arrangement> {
    let alone = |pane: PaneKind| vec![Command::ShowPane(pane), Command::ToggleFullPane];
    let preset = |preset: Preset| vec![Command::SetPreset(preset)];
    vec![
        ("as it opens", Vec::new(), None),
        ("preset kernel", preset(Preset::Kernel), None),
        ("preset machines", preset(Preset::Machines), None),
        ("preset virtual machines", preset(Preset::VirtualMachines), None),
        ("preset side by side", preset(Preset::SideBySide), None),
        ("preset execution flow", preset(Preset::ExecutionFlow), None),
        ("preset synchronisation", preset(Preset::Synchronisation), None),
        ("preset compare", vec![Command::SetPreset(Preset::Compare), Command::CompareHalves], None),
        ("control flow", alone(PaneKind::ControlFlow(None)), None),
        ("resources", alone(PaneKind::Resources(None)), None),
        ("CPU usage", alone(PaneKind::CpuUsage), None),
        ("events", alone(PaneKind::Events), None),
        ("virtual machines", alone(PaneKind::VirtualMachines), None),
        ("physical CPUs", alone(PaneKind::PhysicalCpus), None),
        ("exits", alone(PaneKind::Exits), None),
        ("steal", alone(PaneKind::Steal), None),
        ("periodic task", alone(PaneKind::Periodic), None),
        ("state at the cursor", alone(PaneKind::Instant), None),
        ("statistics", alone(PaneKind::Statistics), None),
        ("latencies", alone(PaneKind::Statistics), Some("Latencies")),
    ]
}

/// A window with a screen of its own.
struct Whole {
    screen: Headless,
    window: Window,
}

impl Whole {
    fn open(paths: &[PathBuf]) -> Self {
        let screen = Headless::new([1600, 1000], 1.0);
        let window = Window::new(screen.ctx(), WindowOptions::headless());
        let mut whole = Self { screen, window };
        whole.send(Command::Open(paths.to_vec()));
        whole
    }

    fn send(&mut self, command: Command) {
        let ctx = self.screen.ctx().clone();
        self.window.send(&ctx, command);
    }

    fn settle(&mut self) {
        for _ in 0..5 {
            self.window.wait(Duration::from_secs(600));
            self.frame(RawInput::default());
        }
    }

    /// Runs a frame, and says how long it took of its thread.
    fn frame(&mut self, input: RawInput) -> Duration {
        let begin = own_time();
        let Self { screen, window } = self;
        let frame = screen.frame(input, |ui| window.frame_ui(ui));
        black_box(screen.ctx().tessellate(frame.shapes, frame.pixels_per_point).len());
        own_time().saturating_sub(begin)
    }

    /// Shows a window a little further on than the last time.
    fn moved(&mut self, part: i64, n: usize) -> Duration {
        if let Some(all) = self.window.state().scene.extent {
            let length = (all.length().0 / part).max(1);
            let begin = all.begin + Dur((all.length().0 - length) / 3 + (n % 64) as i64 * (length / 400));
            self.send(Command::SetWindow { window: TimeRange::new(begin, begin + Dur(length)), remember: false });
        }
        self.frame(RawInput::default())
    }

    /// Clicks what bears that name.
    fn click(&mut self, name: &str) -> bool {
        self.screen.ctx().enable_accesskit();
        let Self { screen, window } = self;
        screen.frame(RawInput::default(), |ui| window.frame_ui(ui));
        let frame = screen.frame(RawInput::default(), |ui| window.frame_ui(ui));
        screen.ctx().disable_accesskit();
        let update = frame.platform_output.accesskit_update;
        let is_meant = |node: &accesskit::Node| node.label() == Some(name) && node.role() != accesskit::Role::Label;
        let found = update.iter().flat_map(|u| &u.nodes).find(|(_, node)| is_meant(node));
        let Some(bounds) = found.and_then(|(_, node)| node.bounds()) else { return false };
        let pos = Pos2::new((bounds.x0 + bounds.x1) as f32 / 2.0, (bounds.y0 + bounds.y1) as f32 / 2.0);
        for pressed in [true, false] {
            let button =
                Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: Default::default() };
            self.frame(RawInput { events: vec![Event::PointerMoved(pos), button], ..RawInput::default() });
        }
        self.frame(RawInput { events: vec![Event::PointerGone], ..RawInput::default() });
        true
    }
}

/// Median, 99th of a hundred, longest.
fn told(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last());
    let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1e3);
    format!("{:5.2} {:5.2} {:5.2}", ms(at(0.5)), ms(at(0.99)), ms(times.last()))
}

fn frames(paths: &[PathBuf], wanted: &[String]) {
    println!("ms of a frame, each: median, one of a hundred, longest");
    let heads = ["reading", "still", "moved: all", "moved: 1/10", "moved: 1/1000", "moved: 1/1000000"];
    println!("{:24}  {}", "", heads.map(|head| format!("{head:17}")).join("  "));
    for (name, commands, tab) in arrangements() {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let mut whole = Whole::open(paths);
        let begun = Instant::now();
        while !whole.window.state().placed && begun.elapsed() < LONGEST {
            whole.frame(RawInput::default());
            std::thread::sleep(Duration::from_millis(1));
        }
        // Before anything is known of the traces, panes are not there yet.
        commands.into_iter().for_each(|command| whole.send(command));
        let mut reading = Vec::new();
        while !whole.window.state().scene.complete && begun.elapsed() < LONGEST {
            let begin = Instant::now();
            reading.push(whole.moved(2, reading.len()));
            std::thread::sleep(Duration::from_micros(16_667).saturating_sub(begin.elapsed()));
        }
        whole.settle();
        if tab.is_some_and(|tab| !whole.click(tab)) {
            println!("{name:24}  has no such tab");
            continue;
        }
        whole.settle();
        let still = (0..FRAMES).map(|_| whole.frame(RawInput::default())).collect();
        let moved = [1, 10, 1000, 1_000_000].map(|part| told((0..FRAMES).map(|n| whole.moved(part, n)).collect()));
        println!("{name:24}  {}  {}  {}", told(reading), told(still), moved.join("  "));
    }
}

/// The best of some.
fn best(mut work: impl FnMut()) -> Duration {
    let mut timed = || {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    (1..TIMES).fold(timed(), |best, _| best.min(timed()))
}

fn statistics(paths: &[PathBuf]) {
    let mut whole = Whole::open(paths);
    whole.settle();
    let scene = whole.window.state().scene.clone();
    let bounds = scene.extent.unwrap_or(TimeRange::new(RefNs(0), RefNs(1)));
    let cancel = Cancel::default();
    for (name, part) in [("all", 1), ("a third", 3), ("a hundredth", 100)] {
        let length = bounds.length().0 / part;
        let begin = bounds.begin + Dur((bounds.length().0 - length) / 2);
        let range = TimeRange::new(begin, begin + Dur(length));
        for (kind, group) in
            [(RowKind::Thread, Group::Each), (RowKind::Thread, Group::Name), (RowKind::Cpu, Group::Each)]
        {
            let mut rows = 0;
            let took = best(|| rows = totals(&scene, kind, range, group, &cancel).len());
            println!("times of {name}, {kind:?}, {group:?}, {rows} lines: {took:.1?}");
        }
        let mut found = 0;
        let mut count = || found = lines(&scene.facts, range, LatencyKind::ALL, None, &cancel).map_or(0, |l| l.len());
        let begin = Instant::now();
        count();
        let first = begin.elapsed();
        let took = best(count);
        println!("latencies of {name}, {found} lines: {took:.1?}, the first time {first:.1?}");
    }
}

fn main() {
    let arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let (paths, wanted): (Vec<String>, Vec<String>) = arguments.partition(|a| std::path::Path::new(a).exists());
    let mut paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
    if paths.is_empty() {
        paths.push(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../sample-traces/fighting")));
    }
    if wanted.is_empty() || wanted.iter().any(|w| "statistics".contains(w.as_str())) {
        statistics(&paths);
    }
    frames(&paths, &wanted);
}
