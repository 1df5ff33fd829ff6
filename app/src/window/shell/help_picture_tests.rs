//! Pictures of help, the start page, empty views and every step of every tour, for people to look at:
//! `STRATOSCOPE_PICTURES=folder cargo test help_pictures`, with `STRATOSCOPE_PICTURES_OF=tour` only some of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tests::options;
use super::{Window, WindowOptions};
use crate::window::command::{Command, Direction};
use crate::window::help::{HelpCommand, Topic};
use crate::window::layout::PaneKind;
use crate::window::{reading, samples, tour};

/// Small, usual and large.
const SIZES: [[u32; 2]; 2] = [[1000, 600], [1600, 1000]];

fn shot(name: &str, size: [u32; 2], commands: Vec<Command>) {
    let Some(folder) = std::env::var_os("STRATOSCOPE_PICTURES").map(PathBuf::from) else { return };
    let only = std::env::var("STRATOSCOPE_PICTURES_OF").unwrap_or_default();
    for (theme, first) in [("dark", None), ("light", Some(Command::CycleTheme))] {
        let name = format!("{name}-{}-{theme}", size[0]);
        if !only.split(',').any(|part| name.contains(part)) {
            continue;
        }
        let mut screen = crate::raster::Headless::new(size, 1.0);
        let samples = samples::find_in(Path::new("../sample-traces"));
        let made = WindowOptions { opener: reading::opener(), samples, ..options(None) };
        let mut window = Window::new(screen.ctx(), made);
        let ctx = screen.ctx().clone();
        for command in first.into_iter().chain(commands.iter().cloned()) {
            window.send(&ctx, command);
            screen.render(|ui| window.frame_ui(ui));
            window.wait(Duration::from_secs(60));
        }
        for _ in 0..3 {
            screen.render(|ui| window.frame_ui(ui));
            window.wait(Duration::from_secs(60));
        }
        let picture = screen.render(|ui| window.frame_ui(ui));
        crate::raster::save_png(&folder.join(format!("{name}.png")), &picture.image).unwrap();
    }
}

fn real(path: &str) -> Command {
    Command::Open(vec![Path::new("../sample-traces").join(path)])
}

#[test]
fn help_pictures() {
    let show = |topic| Command::Help(HelpCommand::Show(topic));
    let alone =
        |kind: PaneKind| vec![Command::ShowPane(kind.clone()), Command::FocusPane(kind), Command::ToggleFullPane];
    for size in SIZES {
        shot("help-view", size, vec![real("fighting"), show(Topic::View("virtual-machines"))]);
        shot("help-state", size, vec![real("io"), show(Topic::State(stratoscope_core::vocab::State::Preempted))]);
        shot("help-contents", size, vec![real("io"), Command::Help(HelpCommand::Contents)]);
        let search = Command::Help(HelpCommand::Search("wake-up".to_owned()));
        shot("help-search", size, vec![real("io"), Command::Help(HelpCommand::Contents), search]);
        shot("start", size, vec![]);
        shot("start-help", size, vec![show(Topic::View("execution-flow"))]);
    }
    for (name, path) in [
        ("ust", "../../shared/traces/ctf/ust-small"),
        ("guest", "fighting/guest-a"),
        ("host", "fighting/host"),
        ("nocalls", "periodic/guest-a"),
    ] {
        for (view, kind) in [
            ("flow", PaneKind::ControlFlow(None)),
            ("resources", PaneKind::Resources(None)),
            ("vms", PaneKind::VirtualMachines),
            ("pcpus", PaneKind::PhysicalCpus),
            ("sync", PaneKind::Synchronisation),
            ("exits", PaneKind::Exits),
            ("steal", PaneKind::Steal),
            ("periodic", PaneKind::Periodic),
            ("instant", PaneKind::Instant),
            ("execution", PaneKind::ExecutionFlow),
            ("breakdown", PaneKind::FlowBreakdown),
            ("statistics", PaneKind::Statistics),
            ("compare", PaneKind::Compare),
            ("events", PaneKind::Events),
        ] {
            let commands = [vec![real(path)], alone(kind)].concat();
            shot(&format!("empty-{name}-{view}"), SIZES[0], commands);
        }
        shot(&format!("empty-{name}-whole"), SIZES[1], vec![real(path)]);
    }
    for tour in tour::all() {
        for n in 0..tour.steps.len() {
            let mut commands = vec![Command::StartTour(tour.name.clone())];
            commands.extend((0..n).map(|_| Command::StepTour(Direction::Forward)));
            shot(&format!("tour-{}-{}", tour.name, n + 1), SIZES[n % 2], commands);
        }
    }
}
