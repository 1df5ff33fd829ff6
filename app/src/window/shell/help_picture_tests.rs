//! Pictures of help, the start page, empty views and every step of every tour, for people to look at.

use super::camera::{Camera, sample, wanted};
use crate::window::command::{Command, Direction};
use crate::window::help::{HelpCommand, Topic};
use crate::window::layout::PaneKind;
use crate::window::tour;

/// Small, usual and large.
const SIZES: [[u32; 2]; 2] = [[1000, 600], [1600, 1000]];

fn shot(name: &str, size: [u32; 2], commands: Vec<Command>) {
    for (theme, first) in [("dark", None), ("light", Some(Command::CycleTheme))] {
        let Some(file) = wanted(&format!("{name}-{}-{theme}", size[0])) else { continue };
        let mut camera = Camera::real(size);
        first.into_iter().chain(commands.iter().cloned()).for_each(|command| camera.send(command));
        camera.save(&file);
    }
}

#[test]
fn help_pictures() {
    let show = |topic| Command::Help(HelpCommand::Show(topic));
    let alone =
        |kind: PaneKind| vec![Command::ShowPane(kind.clone()), Command::FocusPane(kind), Command::ToggleFullPane];
    for size in SIZES {
        shot("help-view", size, vec![sample("fighting"), show(Topic::View("virtual-machines"))]);
        shot("help-state", size, vec![sample("io"), show(Topic::State(stratoscope_core::vocab::State::Preempted))]);
        shot("help-contents", size, vec![sample("io"), Command::Help(HelpCommand::Contents)]);
        let search = Command::Help(HelpCommand::Search("wake-up".to_owned()));
        shot("help-search", size, vec![sample("io"), Command::Help(HelpCommand::Contents), search]);
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
            ("usage", PaneKind::CpuUsage),
            ("periodic", PaneKind::Periodic),
            ("instant", PaneKind::Instant),
            ("execution", PaneKind::ExecutionFlow),
            ("breakdown", PaneKind::FlowBreakdown),
            ("statistics", PaneKind::Statistics),
            ("compare", PaneKind::Compare),
            ("events", PaneKind::Events),
        ] {
            let commands = [vec![sample(path)], alone(kind)].concat();
            shot(&format!("empty-{name}-{view}"), SIZES[0], commands);
        }
        shot(&format!("empty-{name}-whole"), SIZES[1], vec![sample(path)]);
    }
    for tour in tour::all() {
        for n in 0..tour.steps.len() {
            let mut commands = vec![Command::StartTour(tour.name.clone())];
            commands.extend((0..n).map(|_| Command::StepTour(Direction::Forward)));
            shot(&format!("tour-{}-{}", tour.name, n + 1), SIZES[n % 2], commands);
        }
    }
}
