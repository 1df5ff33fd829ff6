//! `shot`: a picture of the window, drawn without display, GPU or GL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use stratoscope_core::query::time::parse_time;
use stratoscope_core::session::{Recordings, Session, Snapshot};
use stratoscope_core::vocab::{MachineId, RefNs, TimeRange};

use crate::headless::args::{ShotArgs, ThemeName, ViewName};
use crate::headless::output;
use crate::headless::task::find_tasks;
use crate::headless::time::{Window as Span, base};
use crate::headless::{Outcome, options, wait, wrong_usage};
use crate::raster::{self, Headless, save_png};
use crate::window::command::{Command, RowRef};
use crate::window::layout::{PaneKind, Preset};
use crate::window::own::Own;
use crate::window::reading;
use crate::window::settings::{Preferences, Sources, ThemeChoice, remembered};
use crate::window::stats::comparison::{Side, SideName};
use crate::window::{Window, WindowOptions};

/// How long a picture may wait for its traces.
const LONGEST: Duration = Duration::from_secs(3600);

/// Writes the picture that the arguments describe.
///
/// # Errors
/// A wrong instant, machine or task, or a file that cannot be written.
pub(super) fn run(args: &ShotArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let sides = [&args.a, &args.b].map(Option::as_ref);
    if args.view != ViewName::Compare && sides.iter().any(Option::is_some) {
        return Err(wrong_usage("--a and --b are for --view compare"));
    }
    // What is compared without being told which stretches: recordings, where several are named.
    let all = args.view == ViewName::Compare && common.paths.len() > 1;
    let recordings = if all { Recordings::All } else { Recordings::First };
    let session = Arc::new(Session::open(common.paths.clone(), options(common, true, recordings), Arc::new(|| {})));
    wait(&session, common.quiet);
    let snapshot = session.wait();
    let mut commands = Vec::new();
    let mut first_view = None;
    if common.from.is_some() || common.to.is_some() {
        let asked = Span::new(common, &snapshot)?.on_reference();
        let whole = snapshot.extent.unwrap_or(asked);
        let window = TimeRange::new(asked.begin.max(whole.begin), asked.end.min(whole.end));
        if window.length().0 <= 0 {
            bail!("nothing was recorded between --from and --to");
        }
        first_view = Some(window);
    }
    if let Some(task) = &args.task {
        commands.push(Command::SelectRow(Some(row_of(&snapshot, task)?)));
    }
    if let Some(at) = &args.at {
        let t = instant(&snapshot, at, "--at")?;
        commands.push(Command::SelectTime(Some(TimeRange::new(t, t))));
    }
    let machine = args.machine.as_deref().map(|name| machine_of(&snapshot, name)).transpose()?;
    if machine.is_some() && !matches!(args.view, ViewName::ControlFlow | ViewName::Resources | ViewName::Compare) {
        return Err(wrong_usage("--machine is for --view control-flow, resources and compare"));
    }
    match args.view {
        ViewName::Window => {}
        ViewName::SideBySide => commands.push(Command::SetPreset(Preset::SideBySide)),
        ViewName::Compare => {
            commands.push(Command::SetPreset(Preset::Compare));
            commands.extend(compared(&snapshot, sides, machine, all)?);
        }
        ViewName::Problems => commands.push(Command::ToggleProblems),
        view => commands.extend(pane_of(view, machine).into_iter().flat_map(alone)),
    }
    let mut set = Preferences { theme: Some(ThemeChoice::Dark), ..Preferences::default() };
    args.set.iter().for_each(|says| set.overlay(says));
    set.theme = args.theme.map_or(set.theme, |theme| match theme {
        ThemeName::Dark => Some(ThemeChoice::Dark),
        ThemeName::Light => Some(ThemeChoice::Light),
    });
    let problems = session.problems().all();
    for problem in problems.iter().filter(|_| !common.quiet) {
        output::complain(problem);
    }
    let own = if args.view == ViewName::Bookmarks { kept(&common.paths) } else { Own::default() };
    let look = Look { size: [args.size.0, args.size.1], scale: args.scale, set, first_view, own };
    picture(session, &common.paths, commands, &look, &args.out)?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

/// The pane that a view is, if it is one.
fn pane_of(view: ViewName, machine: Option<MachineId>) -> Option<PaneKind> {
    Some(match view {
        ViewName::ControlFlow => PaneKind::ControlFlow(machine),
        ViewName::Resources => PaneKind::Resources(machine),
        ViewName::Events => PaneKind::Events,
        ViewName::Statistics => PaneKind::Statistics,
        ViewName::Vms => PaneKind::VirtualMachines,
        ViewName::PhysicalCpus => PaneKind::PhysicalCpus,
        ViewName::Sync => PaneKind::Synchronisation,
        ViewName::Exits => PaneKind::Exits,
        ViewName::Periodic => PaneKind::Periodic,
        ViewName::Steal => PaneKind::Steal,
        ViewName::CpuUsage => PaneKind::CpuUsage,
        ViewName::State => PaneKind::Instant,
        ViewName::Flow => PaneKind::ExecutionFlow,
        ViewName::FlowBreakdown => PaneKind::FlowBreakdown,
        ViewName::Bookmarks => PaneKind::Bookmarks,
        ViewName::Window | ViewName::SideBySide | ViewName::Compare | ViewName::Problems => return None,
    })
}

/// Shows one pane and nothing else.
pub(super) fn alone(pane: PaneKind) -> [Command; 3] {
    [Command::ShowPane(pane.clone()), Command::FocusPane(pane), Command::ToggleFullPane]
}

/// An instant of the experiment.
fn instant(snapshot: &Snapshot, text: &str, option: &str) -> anyhow::Result<RefNs> {
    let base = base(snapshot);
    let t = parse_time(text, &base).map_err(|e| wrong_usage(format!("cannot read {option} {text}: {e}")))?;
    Ok(RefNs(base.to_axis(t)))
}

fn machine_of(snapshot: &Snapshot, name: &str) -> anyhow::Result<MachineId> {
    let found = snapshot.machines.iter().find(|m| m.name == name).map(|m| m.id);
    found.ok_or_else(|| {
        let names: Vec<&str> = snapshot.machines.iter().map(|m| m.name.as_str()).collect();
        wrong_usage(format!("there is no machine {name}, only {}", names.join(", ")))
    })
}

/// What stands opposite each other: the sides that were named, else recordings, else the halves of what is shown.
fn compared(
    snapshot: &Snapshot,
    sides: [Option<&String>; 2],
    machine: Option<MachineId>,
    recordings: bool,
) -> anyhow::Result<Vec<Command>> {
    Ok(match sides {
        [None, None] if recordings => vec![Command::CompareRecordings],
        [None, None] => vec![Command::CompareHalves],
        [Some(a), Some(b)] => {
            let named = [(SideName::A, a, "--a"), (SideName::B, b, "--b")];
            let set = |(side, text, option): (SideName, &String, &str)| {
                Ok(Command::SetSide { side, to: side_of(snapshot, text, machine, option)? })
            };
            named.into_iter().map(set).collect::<anyhow::Result<_>>()?
        }
        _ => return Err(wrong_usage("--a and --b go together: two sides are compared")),
    })
}

/// A side as `FROM..TO`, `MACHINE` or `MACHINE/FROM..TO` describes it.
fn side_of(snapshot: &Snapshot, text: &str, machine: Option<MachineId>, option: &str) -> anyhow::Result<Side> {
    let view = |name: &str| snapshot.machines.iter().find(|m| m.name == name);
    if let Some(machine) = view(text) {
        let extent = machine.extent.ok_or_else(|| wrong_usage(format!("{text} recorded nothing")))?;
        let at = |t| machine.map.to_ref(t);
        let range = TimeRange::new(at(extent.begin), at(extent.end));
        return Ok(Side { range: Some(range), machine: Some(machine.id) });
    }
    let (machine, text) = match text.split_once('/').and_then(|(name, rest)| Some((view(name)?.id, rest))) {
        Some((machine, rest)) => (Some(machine), rest),
        None => (machine, text),
    };
    let wrong = || wrong_usage(format!("{option} wants FROM..TO, MACHINE or MACHINE/FROM..TO, not {text}"));
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let (from, to) = (instant(snapshot, from, option)?, instant(snapshot, to, option)?);
    if from >= to {
        return Err(wrong_usage(format!("{option} {text} is no stretch of time: it ends where it begins or before")));
    }
    Ok(Side { range: Some(TimeRange::new(from, to)), machine })
}

/// The bookmarks that the user keeps of those paths.
fn kept(paths: &[PathBuf]) -> Own {
    let own = remembered().own(paths);
    Own { bookmarks: own.bookmarks, markers: own.markers, ..Own::default() }
}

/// The row of `TID`, `NAME`, `MACHINE/TID` or `MACHINE/NAME`; the last one of a tid that was used again.
fn row_of(snapshot: &Snapshot, task: &str) -> anyhow::Result<RowRef> {
    let worker = find_tasks(snapshot, task)?.pop();
    let row = worker.and_then(|w| {
        let key = snapshot.machine(w.machine)?.store.row(w.row)?.key();
        Some(RowRef { machine: w.machine, key })
    });
    row.with_context(|| format!("there is no task {task}"))
}

/// How a picture of the window is made.
pub(super) struct Look {
    /// In pixels.
    pub(super) size: [u32; 2],
    /// Pixels a point.
    pub(super) scale: f32,
    /// Settings, such as colours.
    pub(super) set: Preferences,
    /// Which stretch of time is shown, if somebody asked for one.
    pub(super) first_view: Option<TimeRange<RefNs>>,
    /// Bookmarks and markers to show.
    pub(super) own: Own,
}

impl Default for Look {
    fn default() -> Self {
        let set = Preferences { theme: Some(ThemeChoice::Dark), ..Preferences::default() };
        Self { size: [1600, 1000], scale: 1.0, set, first_view: None, own: Own::default() }
    }
}

/// Draws the window on this session of those paths, with these commands carried out.
pub(super) fn picture(
    session: Arc<Session>,
    paths: &[PathBuf],
    commands: Vec<Command>,
    look: &Look,
    out: &Path,
) -> anyhow::Result<()> {
    let (mut screen, mut window) = placed(session, paths, commands, look);
    if out.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg")) {
        let drawing = screen.render_svg(|ui| window.frame_ui(ui));
        return std::fs::write(out, drawing.svg).with_context(|| format!("cannot write {}", out.display()));
    }
    let picture = screen.render(|ui| window.frame_ui(ui));
    save_png(out, &picture.image)
}

/// The same as the bytes of a PNG file.
pub(super) fn png(
    session: Arc<Session>,
    paths: &[PathBuf],
    commands: Vec<Command>,
    look: &Look,
) -> anyhow::Result<Vec<u8>> {
    let (mut screen, mut window) = placed(session, paths, commands, look);
    raster::png(&screen.render(|ui| window.frame_ui(ui)).image)
}

/// A window that has carried out the commands and counted all that it shows.
fn placed(session: Arc<Session>, paths: &[PathBuf], commands: Vec<Command>, look: &Look) -> (Headless, Window) {
    let mut screen = Headless::new(look.size, look.scale);
    let ctx = screen.ctx().clone();
    let options = WindowOptions {
        settings: Sources { command_line: look.set.clone(), ..Sources::default() },
        opener: reading::opener_of(session),
        first_view: look.first_view,
        ..WindowOptions::headless()
    };
    let mut window = Window::new(&ctx, options);
    window.send(&ctx, Command::Open(paths.to_vec()));
    window.wait(LONGEST);
    if look.own != Own::default() {
        window.set_own(look.own.clone());
    }
    // Panes know their rows only once they were drawn.
    screen.render(|ui| window.frame_ui(ui));
    for command in commands {
        window.send(&ctx, command);
    }
    // Tables and totals of what is shown now are computed beside the frames; what they say may scroll a table.
    for _ in 0..3 {
        screen.render(|ui| window.frame_ui(ui));
        window.wait(LONGEST);
    }
    (screen, window)
}
