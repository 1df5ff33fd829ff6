//! The window as a user and a screen reader find it: by labels.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{Cpu, MachineId, RefNs, State as RowState, StateSet, TimeRange};

use super::*;
use crate::window::catalogue::ENTRIES;
use crate::window::command::PickedEvent;
use crate::window::engine::News;
use crate::window::event_pages::tests::Many;
use crate::window::info::{MachineInfo, RecordingInfo, StreamInfo, TraceInfo};
use crate::window::layout::Preset;
use crate::window::timeline::fake;
use crate::window::timeline::scene::Scene;

/// Reads nothing: has everything at once.
struct FakeEngine {
    news: Option<News>,
}

impl Engine for FakeEngine {
    fn poll(&mut self) -> Option<News> {
        self.news.take()
    }

    fn cancel(&self) {}

    fn wait(&self, _longest: Duration) -> bool {
        true
    }
}

fn info_of(scene: &Scene, stage: Stage) -> SessionInfo {
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
fn opener() -> Opener {
    Box::new(|paths, _, _| {
        let name = paths.first().and_then(|p| p.file_name()).map(|n| n.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let scene = match name.as_str() {
            "fighting" | "reading" => fake::fighting(),
            "broken" => Scene::default(),
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

fn samples() -> Vec<Sample> {
    ["fighting", "small"]
        .map(|name| Sample { name: name.to_owned(), path: PathBuf::from("/samples").join(name), about: "A sample" })
        .to_vec()
}

fn options(settings: Option<&Path>) -> WindowOptions {
    WindowOptions {
        settings: settings.map(Path::to_path_buf),
        samples: samples(),
        native_dialogs: false,
        opener: opener(),
    }
}

struct Test {
    window: Option<Window>,
}

impl Test {
    fn window(&mut self) -> &mut Window {
        self.window.as_mut().unwrap()
    }
}

fn harness_with(settings: Option<&Path>) -> Harness<'static, Test> {
    let options = options(settings);
    let mut options = Some(options);
    let mut harness =
        Harness::builder().with_size(vec2(1600.0, 1000.0)).with_os(egui::os::OperatingSystem::Nix).build_ui_state(
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

fn harness() -> Harness<'static, Test> {
    harness_with(None)
}

fn opened(name: &str) -> Harness<'static, Test> {
    let mut h = harness();
    let ctx = h.ctx.clone();
    h.state_mut().window().send(&ctx, Command::Open(vec![PathBuf::from("/traces").join(name)]));
    settle(&mut h);
    h
}

fn settle(h: &mut Harness<'_, Test>) {
    for _ in 0..3 {
        h.run_steps(3);
        assert!(h.state_mut().window().wait(Duration::from_secs(30)));
    }
    h.run_steps(3);
}

fn send(h: &mut Harness<'_, Test>, command: Command) {
    let ctx = h.ctx.clone();
    h.state_mut().window().send(&ctx, command);
    settle(h);
}

fn state(h: &mut Harness<'_, Test>) -> State {
    h.state_mut().window().state().clone()
}

#[test]
fn the_start_page_says_how_to_open_and_offers_samples() {
    let mut h = harness();
    assert!(h.query_by_label("Open folder…").is_some());
    assert!(h.query_by_label_contains("drop folders").is_some());
    h.get_by_label("Open sample fighting").click();
    settle(&mut h);
    assert!(state(&mut h).is_open());
    assert!(h.query_by_label("Control flow timeline").is_some());
    assert!(h.query_by_label("Overview").is_some());
    assert!(h.query_all_by_label_contains("guest-a").count() > 0);
}

#[test]
fn the_theme_changes_and_comes_back() {
    let mut h = harness();
    assert!(state(&mut h).dark);
    h.get_by_label("Theme").click();
    h.run_steps(3);
    assert!(!state(&mut h).dark);
    assert_eq!(h.ctx.theme(), egui::Theme::Light);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    h.run_steps(3);
    assert!(state(&mut h).dark);
}

#[test]
fn the_palette_runs_commands_and_finds_rows() {
    let mut h = opened("small");
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(3);
    let field = h.get_by_role_and_label(Role::TextInput, "Command");
    field.focus();
    field.type_text("compact");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(3);
    let after = state(&mut h);
    assert!(after.view.compact);
    assert_eq!(after.overlay, Overlay::None);

    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(3);
    let field = h.get_by_role_and_label(Role::TextInput, "Command");
    field.focus();
    field.type_text("bash");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert_eq!(state(&mut h).view.row.map(|r| r.key.id), Some(100));
}

#[test]
fn the_list_of_keys_has_every_command() {
    let mut h = harness();
    h.key_press(Key::Questionmark);
    h.run_steps(4);
    for entry in ENTRIES {
        assert!(h.query_all_by_label(entry.title).count() > 0, "{} is not listed", entry.title);
    }
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert_eq!(state(&mut h).overlay, Overlay::None);
}

#[test]
fn letters_act_unless_somebody_types() {
    let mut h = opened("small");
    let before = state(&mut h).view.window;
    h.key_press(Key::W);
    h.run_steps(2);
    let zoomed = state(&mut h).view.window;
    assert!(zoomed.length() < before.length());
    h.key_press(Key::Slash);
    h.run_steps(3);
    h.key_press(Key::W);
    h.event(egui::Event::Text("w".to_owned()));
    h.run_steps(3);
    let typed = state(&mut h);
    assert_eq!(typed.view.window, zoomed, "W is typed, not carried out");
    assert_eq!(typed.view.search, "w");
    h.key_press(Key::Escape);
    h.run_steps(3);
    h.key_press(Key::Backspace);
    h.run_steps(2);
    assert_eq!(state(&mut h).view.window, before);
}

#[test]
fn settings_come_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.ron");
    let mut h = harness_with(Some(&path));
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/fighting")]));
    send(&mut h, Command::SetPreset(Preset::Compare));
    send(&mut h, Command::CycleTheme);
    send(&mut h, Command::ToggleDetails);
    h.state_mut().window().end();
    drop(h);

    let mut h = harness_with(Some(&path));
    let fresh = state(&mut h);
    assert!(!fresh.dark && !fresh.settings.details);
    assert_eq!(fresh.settings.recent, [[PathBuf::from("/traces/fighting")]]);
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/fighting")]));
    assert!(state(&mut h).panes.contains(&PaneKind::ControlFlow(Some(MachineId(1)))));
}

#[test]
fn a_broken_settings_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.ron");
    std::fs::write(&path, "(((").unwrap();
    let mut h = harness_with(Some(&path));
    assert!(h.state_mut().window().info().problems.iter().any(|p| p.what.contains("damaged")));
}

#[test]
fn presets_and_views_change_the_panes() {
    let mut h = opened("fighting");
    assert!(h.query_by_label("Control flow · host").is_none());
    send(&mut h, Command::SetPreset(Preset::Compare));
    assert!(h.query_by_label("Control flow · host").is_some());
    assert!(h.query_by_label("Resources · guest-a").is_some());
    send(&mut h, Command::SetPreset(Preset::Kernel));
    h.get_by_role_and_label(Role::ListItem, "Events").click();
    settle(&mut h);
    assert!(!state(&mut h).panes.contains(&PaneKind::Events));
    h.get_by_role_and_label(Role::ListItem, "Events").click();
    settle(&mut h);
    assert!(state(&mut h).panes.contains(&PaneKind::Events));
    h.key_press(Key::F11);
    h.run_steps(3);
    assert!(h.query_by_label("Show all panes").is_some());
}

#[test]
fn the_legend_dims_what_was_not_clicked() {
    let mut h = opened("fighting");
    let name = Theme::dark().state(RowState::WaitingCpu).name.to_string();
    h.get_by_role_and_label(Role::ListItem, &name).click();
    h.run_steps(3);
    let dimmed = state(&mut h).view.dimmed;
    assert!(!dimmed.contains(RowState::WaitingCpu) && dimmed.contains(RowState::Blocked));
    h.get_by_role_and_label(Role::ListItem, &name).click();
    h.run_steps(3);
    assert_eq!(state(&mut h).view.dimmed, StateSet::default());
}

#[test]
fn events_are_selected_stepped_and_followed() {
    let mut h = opened("small");
    send(&mut h, Command::ShowPane(PaneKind::Events));
    assert!(h.query_all_by_label_contains("event sched_switch").count() > 3);
    let first = h.query_all_by_label_contains("event sched_switch").nth(2).map(|n| n.rect().center()).unwrap();
    h.drag_at(first);
    h.run_steps(1);
    h.drop_at(first);
    settle(&mut h);
    let picked = state(&mut h).event;
    assert_eq!(picked.map(|e| e.row), Some(4));
    assert_eq!(state(&mut h).view.selection.map(|s| s.begin), Some(RefNs(40_000)));
    h.key_press(Key::ArrowDown);
    settle(&mut h);
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(5));
    h.key_press(Key::End);
    settle(&mut h);
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(99_999_999));
    send(&mut h, Command::SelectTime(Some(TimeRange::new(RefNs(7_000_000), RefNs(7_000_000)))));
    assert!(h.query_all_by_label_contains("event sched_switch").count() > 3);
    let marked = h.query_all_by_role(Role::ListItem).filter(|n| {
        n.accesskit_node().label().is_some_and(|l| l.starts_with("event "))
            && n.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
    });
    assert_eq!(marked.count(), 1, "the row of the selected instant is marked");
    send(&mut h, Command::SelectRow(None));
    send(&mut h, Command::StepEvent(crate::window::command::Direction::Forward));
    assert_eq!(state(&mut h).event.map(|e| e.row), Some(700));
    let _: Option<PickedEvent> = picked;
    assert_eq!(picked.map(|p| p.cpu), Some(Cpu(0)));
}

#[test]
fn clicking_a_state_tells_what_it_is() {
    let mut h = opened("fighting");
    let row = h
        .query_all_by_role(Role::ListItem)
        .find(|n| n.accesskit_node().label().is_some_and(|l| l.contains("critical")));
    let y = row.unwrap().rect().center().y;
    let canvas = h.get_by_label("Control flow timeline").rect();
    h.drag_at(egui::pos2(canvas.center().x, y));
    h.run_steps(1);
    h.drop_at(egui::pos2(canvas.center().x, y));
    settle(&mut h);
    assert_eq!(state(&mut h).view.row.map(|r| r.key.id), Some(219));
    assert!(h.query_by_label("Zoom to it").is_some());
    let before = state(&mut h).view.window;
    h.get_by_label("Zoom to it").click();
    settle(&mut h);
    assert!(state(&mut h).view.window.length() < before.length());
}

#[test]
fn problems_are_listed_and_copied() {
    let mut h = opened("small");
    h.get_by_label("2 problems").click();
    h.run_steps(3);
    assert!(h.query_all_by_label_contains("ends in the middle of an event").count() >= 2);
    h.get_by_label("Close problems").click();
    h.run_steps(3);
    assert!(!state(&mut h).problems);
}

#[test]
fn what_cannot_be_opened_is_told_and_leads_back() {
    let mut h = opened("broken");
    assert!(h.query_by_label("Nothing could be opened").is_some());
    h.get_by_label("Back to the start").click();
    h.run_steps(3);
    assert!(h.query_by_label("Open sample small").is_some());
}

#[test]
fn our_own_dialog_opens_a_folder() {
    let mut h = harness();
    h.key_press_modifiers(Modifiers::COMMAND, Key::O);
    h.run_steps(4);
    assert!(h.query_by_label("Open this folder").is_some());
    h.get_by_label("Open this folder").click();
    settle(&mut h);
    assert!(state(&mut h).is_open());
}

/// Pictures for people to look at: `STRATOSCOPE_PICTURES=folder cargo test pictures`.
#[test]
fn pictures() {
    static SHOWN: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = std::env::var_os("STRATOSCOPE_PICTURES").map(PathBuf::from) else { return };
    let shot = |name: &str, size: [u32; 2], commands: Vec<Command>| {
        let mut screen = crate::raster::Headless::new(size, 1.0);
        let real = commands.iter().any(|c| matches!(c, Command::Open(paths) if paths.iter().any(|p| p.exists())));
        let made = WindowOptions { opener: if real { reading::opener() } else { opener() }, ..options(None) };
        let mut window = Window::new(screen.ctx(), made);
        let ctx = screen.ctx().clone();
        for command in commands {
            window.send(&ctx, command);
            screen.render(|ui| window.frame_ui(ui));
            window.wait(Duration::from_secs(10));
        }
        for _ in 0..2 {
            screen.render(|ui| window.frame_ui(ui));
            window.wait(Duration::from_secs(10));
        }
        let picture = screen.render(|ui| window.frame_ui(ui));
        crate::raster::save_png(&folder.join(format!("{name}.png")), &picture.image).unwrap();
        SHOWN.fetch_add(1, Ordering::Relaxed);
    };
    let open = |name: &str| Command::Open(vec![PathBuf::from("/traces").join(name)]);
    let vcpu = crate::window::command::RowRef {
        machine: MachineId(0),
        key: stratoscope_core::vocab::RowKey::thread(stratoscope_core::vocab::Tid(184), 0),
    };
    let t = |us: i64| RefNs(us * 1000);
    let range = Command::SelectTime(Some(TimeRange::new(t(9_800), t(25_800))));
    let big = [1600, 1000];
    for (theme, first) in [("dark", vec![]), ("light", vec![Command::CycleTheme])] {
        let with = |more: Vec<Command>| first.iter().cloned().chain(more).collect::<Vec<_>>();
        shot(&format!("start-{theme}"), big, with(vec![]));
        shot(
            &format!("fighting-{theme}"),
            big,
            with(vec![open("fighting"), Command::SelectRow(Some(vcpu)), range.clone()]),
        );
    }
    shot("compare", big, vec![open("fighting"), Command::SetPreset(Preset::Compare)]);
    shot("reading", big, vec![open("reading"), Command::ToggleProblems]);
    shot("keys", big, vec![open("small"), Command::ToggleKeys]);
    shot("palette", big, vec![open("small"), Command::TogglePalette]);
    shot("statistics", big, vec![open("fighting"), range, Command::ShowPane(PaneKind::Statistics)]);
    shot("small-window", [900, 560], vec![open("fighting")]);
    shot("broken", big, vec![open("broken")]);
    shot("dialog", big, vec![Command::OpenDialog]);
    let real = |name: &str| Command::Open(vec![PathBuf::from("../sample-traces").join(name)]);
    for name in ["fighting", "periodic", "io"] {
        shot(&format!("real-{name}"), big, vec![real(name)]);
    }
    shot("real-all", big, vec![real("")]);
    let zoom = Command::Zoom { factor: 60.0, at: None };
    shot("real-zoom", big, vec![real("periodic"), zoom.clone(), Command::CycleTheme]);
    shot("real-compare", big, vec![real("io"), Command::SetPreset(Preset::Compare), zoom]);
    assert!(SHOWN.load(Ordering::Relaxed) > 8);
}
