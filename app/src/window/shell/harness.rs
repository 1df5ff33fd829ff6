//! A window in a test: on engines that have everything at once, or on the real one; driven by commands and labels.

use std::path::Path;

use egui::vec2;
use egui_kittest::Harness;

use super::*;
use crate::window::engine::News;
use crate::window::event_pages::tests::Many;
use crate::window::info::{MachineInfo, RecordingInfo, StreamInfo, TraceInfo};
use crate::window::joint;
use crate::window::timeline::scene::Scene;
use crate::window::timeline::{fake, fake_vm};

/// Reads nothing: has everything at once.
pub(super) struct FakeEngine {
    pub(super) news: Option<News>,
}

impl Engine for FakeEngine {
    fn poll(&mut self) -> Option<News> {
        self.news.take()
    }

    fn cancel(&self) {}

    fn choose(&self, _choice: stratoscope_core::session::SyncChoice) {}

    fn wait(&self, _longest: Duration) -> bool {
        true
    }
}

pub(super) fn info_of(scene: &Scene, stage: Stage) -> SessionInfo {
    let machines = scene.machines.iter().map(|m| {
        let extent = m.extent.map(|e| m.to_ref(e));
        MachineInfo {
            id: m.id,
            name: m.name.to_string(),
            kernel: Some("6.1.0-56-amd64".to_owned()),
            cpus: 2,
            extent,
            done: 1.0,
            lost_ranges: m.lost.len(),
            traces: vec![TraceInfo {
                name: format!("{}/kernel", m.name),
                path: PathBuf::from(format!("/traces/{}/kernel", m.name)),
                domain: "kernel".to_owned(),
                tracer: "lttng-modules 2.13".to_owned(),
                format: "ctf-1.8".to_owned(),
                extent,
                streams: vec![StreamInfo { label: "chan, CPU 0".to_owned(), packets: 12, lost_events: 512 }],
                classes: 20,
                events: ["sched_switch", "sched_waking", "syscall_entry_read"].map(Arc::from).into(),
                lacks_switches: false,
            }],
        }
    });
    let problem = |n: usize| {
        Problem::warning(format!("/traces/host/kernel/chan_{n}"), "the packet ends in the middle of an event")
            .at(4096)
            .found("expected 12 more bytes, found the end of the file")
            .advise("The recording was cut; what comes before is shown")
    };
    SessionInfo {
        stage,
        progress: if stage == Stage::Reading { (40, 100) } else { (100, 100) },
        elapsed: stratoscope_core::vocab::Dur(4_000_000_000),
        recordings: vec![RecordingInfo {
            name: "small".to_owned(),
            path: PathBuf::from("/traces"),
            machines: vec!["host".to_owned()],
            length: scene.extent.map(|e| e.length()),
        }],
        recording: Some(0),
        machines: machines.collect(),
        problems: vec![problem(0), problem(1)].into(),
    }
}

/// What the path's name says: the small scene, the one with guests, one that fails, one that is still read.
pub(super) fn opener() -> Opener {
    Box::new(|paths, _, _| {
        let name = paths.first().and_then(|p| p.file_name()).map(|n| n.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let scene = match name.as_str() {
            "fighting" | "reading" => fake::fighting(),
            "joined" => fake_vm::joined(),
            "broken" => Scene::default(),
            "joint" => joint::fake::scene(joint::fake::synced()),
            "recurring" => joint::fake::scene(joint::fake::periodic()),
            _ => fake::small(),
        };
        let stage = match name.as_str() {
            "broken" => Stage::Failed,
            "reading" => Stage::Reading,
            _ => Stage::Done,
        };
        let info = info_of(&scene, stage);
        let first_view = scene.extent;
        let events = Some(Arc::new(Many(100_000_000)) as Arc<dyn crate::window::event_pages::EventSource>);
        Box::new(FakeEngine { news: Some(News { scene, info, first_view, events, events_fresh: true }) })
    })
}

pub(super) fn samples() -> Vec<Sample> {
    ["fighting", "small"]
        .map(|name| Sample { name: name.to_owned(), path: PathBuf::from("/samples").join(name), about: "A sample" })
        .to_vec()
}

pub(super) fn options(settings: Option<&Path>) -> WindowOptions {
    WindowOptions {
        settings: Sources { user: settings.map(Path::to_path_buf), ..Sources::default() },
        samples: samples(),
        native_dialogs: None,
        opener: opener(),
        first_view: None,
        asked: None,
    }
}

pub(super) struct Test {
    window: Option<Window>,
}

impl Test {
    pub(super) fn window(&mut self) -> &mut Window {
        self.window.as_mut().unwrap()
    }
}

pub(super) fn harness_with(settings: Option<&Path>) -> Harness<'static, Test> {
    harness_of(options(settings), vec2(1600.0, 1000.0))
}

/// A window of that size, made that way.
pub(super) fn harness_of(options: WindowOptions, size: egui::Vec2) -> Harness<'static, Test> {
    let mut options = Some(options);
    let mut harness = Harness::builder().with_size(size).with_os(egui::os::OperatingSystem::Nix).build_ui_state(
        move |ui, test: &mut Test| {
            if test.window.is_none() {
                test.window = options.take().map(|o| Window::new(ui.ctx(), o));
            }
            test.window().frame_ui(ui);
        },
        Test { window: None },
    );
    harness.run();
    harness
}

pub(super) fn harness() -> Harness<'static, Test> {
    harness_with(None)
}

pub(super) fn opened(name: &str) -> Harness<'static, Test> {
    let mut h = harness();
    let ctx = h.ctx.clone();
    h.state_mut().window().send(&ctx, Command::Open(vec![PathBuf::from("/traces").join(name)]));
    settle(&mut h);
    h
}

/// A sample that comes with the program, read in truth.
pub(super) fn opened_sample(name: &str) -> Harness<'static, Test> {
    let mut h = harness_of(WindowOptions { opener: reading::opener(), ..options(None) }, vec2(1600.0, 1000.0));
    let ctx = h.ctx.clone();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces").join(name);
    h.state_mut().window().send(&ctx, Command::Open(vec![path]));
    settle(&mut h);
    h
}

pub(super) fn settle(h: &mut Harness<'_, Test>) {
    for _ in 0..3 {
        h.run_steps(3);
        assert!(h.state_mut().window().wait(Duration::from_secs(30)));
    }
    h.run_steps(3);
}

pub(super) fn send(h: &mut Harness<'_, Test>, command: Command) {
    let ctx = h.ctx.clone();
    h.state_mut().window().send(&ctx, command);
    settle(h);
}

pub(super) fn state(h: &mut Harness<'_, Test>) -> State {
    h.state_mut().window().state().clone()
}
