//! `shot`: a picture of the window, drawn without display, GPU or GL.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use stratoscope_core::query::time::parse_time;
use stratoscope_core::session::{Recordings, Session};
use stratoscope_core::vocab::{RefNs, RowKind, TimeRange};

use crate::headless::args::{ShotArgs, ThemeName, ViewName};
use crate::headless::output;
use crate::headless::time::{Window as Span, base};
use crate::headless::{Outcome, options, wait};
use crate::raster::{Headless, save_png};
use crate::window::command::{Command, RowRef};
use crate::window::layout::{PaneKind, Preset};
use crate::window::reading;
use crate::window::settings::{Preferences, Sources, ThemeChoice};
use crate::window::{Window, WindowOptions};

/// How long a picture may wait for its traces.
const LONGEST: Duration = Duration::from_secs(3600);

/// Writes the picture that the arguments describe.
///
/// # Errors
/// A wrong instant or task, or a file that cannot be written.
pub(super) fn run(args: &ShotArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let session =
        Arc::new(Session::open(common.paths.clone(), options(common, true, Recordings::First), Arc::new(|| {})));
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
        commands.push(Command::SelectRow(Some(find_task(&snapshot, task)?)));
    }
    if let Some(at) = &args.at {
        let base = base(&snapshot);
        let t = RefNs(base.to_axis(parse_time(at, &base).with_context(|| format!("cannot read --at {at}"))?));
        commands.push(Command::SelectTime(Some(TimeRange::new(t, t))));
    }
    match args.view {
        ViewName::Window => {}
        ViewName::ControlFlow => alone(&mut commands, PaneKind::ControlFlow(None)),
        ViewName::Resources => alone(&mut commands, PaneKind::Resources(None)),
        ViewName::Events => alone(&mut commands, PaneKind::Events),
        ViewName::Vms => alone(&mut commands, PaneKind::VirtualMachines),
        ViewName::PhysicalCpus => alone(&mut commands, PaneKind::PhysicalCpus),
        ViewName::SideBySide => commands.push(Command::SetPreset(Preset::SideBySide)),
        ViewName::Sync => alone(&mut commands, PaneKind::Synchronisation),
        ViewName::Exits => alone(&mut commands, PaneKind::Exits),
        ViewName::Periodic => alone(&mut commands, PaneKind::Periodic),
        ViewName::Steal => alone(&mut commands, PaneKind::Steal),
        ViewName::State => alone(&mut commands, PaneKind::Instant),
        ViewName::Flow => alone(&mut commands, PaneKind::ExecutionFlow),
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
    let look = Look { size: [args.size.0, args.size.1], scale: args.scale, set, first_view };
    picture(session, &common.paths, commands, &look, &args.out)?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

fn alone(commands: &mut Vec<Command>, pane: PaneKind) {
    commands.push(Command::ShowPane(pane.clone()));
    commands.push(Command::FocusPane(pane));
    commands.push(Command::ToggleFullPane);
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
}

impl Default for Look {
    fn default() -> Self {
        let set = Preferences { theme: Some(ThemeChoice::Dark), ..Preferences::default() };
        Self { size: [1600, 1000], scale: 1.0, set, first_view: None }
    }
}

/// Draws the window on this session of those paths, with these commands carried out.
pub(super) fn picture(
    session: Arc<Session>,
    paths: &[std::path::PathBuf],
    commands: Vec<Command>,
    look: &Look,
    out: &Path,
) -> anyhow::Result<()> {
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
    if out.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg")) {
        let drawing = screen.render_svg(|ui| window.frame_ui(ui));
        return std::fs::write(out, drawing.svg).with_context(|| format!("cannot write {}", out.display()));
    }
    let picture = screen.render(|ui| window.frame_ui(ui));
    save_png(out, &picture.image)
}

/// The row of `TID`, `NAME`, `MACHINE/TID` or `MACHINE/NAME`; the last instance of a recycled tid.
fn find_task(snapshot: &stratoscope_core::session::Snapshot, task: &str) -> anyhow::Result<RowRef> {
    let (machine, wanted) = match task.split_once('/') {
        Some((machine, rest)) if snapshot.machines.iter().any(|m| m.name == machine) => (Some(machine), rest),
        _ => (None, task),
    };
    let mut found: Vec<(RowRef, String)> = Vec::new();
    for view in snapshot.machines.iter().filter(|m| machine.is_none_or(|name| m.name == name)) {
        for row in view.store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task()) {
            let name = snapshot.names.text(row.name());
            if row.key().id.to_string() == wanted || *name == *wanted {
                let label = format!("{}/{} {name}", view.name, row.key().id);
                found.retain(|(_, known)| *known != label);
                found.push((RowRef { machine: view.id, key: row.key() }, label));
            }
        }
    }
    match found.as_slice() {
        [] => bail!("there is no task {task}"),
        [(row, _)] => Ok(*row),
        several => {
            let list: Vec<&str> = several.iter().map(|(_, label)| label.as_str()).collect();
            bail!("{task} is ambiguous, say which: {}", list.join(", "))
        }
    }
}
