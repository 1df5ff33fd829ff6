//! Saving and copying: what the window does for [`ExportCommand`]s. It asks for a place, takes pictures off the
//! screen, hands work to the saver, and tells how it ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::{RawInput, Rect};
use stratoscope_core::session::{Session, Snapshot};
use stratoscope_core::vocab::{Problem, RefNs, Severity};

use super::{Parts, Window, window_ui};
use crate::raster::Headless;
use crate::window::command::{Command, RowRef};
use crate::window::dialog::SaveQuestion;
use crate::window::export::copy::{event_text, state_text};
use crate::window::export::lines::Shape;
use crate::window::export::picture::{self, Shot};
use crate::window::export::saver::{Ended, Saver, Work};
use crate::window::export::work;
use crate::window::export::{ExportCommand, Format, Table, What, Writing};
use crate::window::frame::FrameContext;
use crate::window::layout::PaneKind;
use crate::window::own::Own;
use crate::window::state::Overlay;
use crate::window::stats::sheet::Sheet;
use crate::window::status_bar::Hover;
use crate::window::theme::Theme;
use crate::window::worker::Wake;

/// How many frames a picture may take to come to rest.
const MOST_FRAMES: usize = 12;

/// How long a pane that was hidden may count before its picture is taken.
const COUNTING: Duration = Duration::from_secs(2);

/// Where the session cannot be asked.
const NOT_READ: &str = "There is nothing to save: no traces are read";

/// What is being saved, and where the last file went.
pub(super) struct Exports {
    pub(super) saver: Saver,
    /// What the file is for that is asked for.
    asked: Option<(What, Format)>,
    folder: Option<PathBuf>,
    /// What could not be saved.
    pub(super) failed: Vec<Problem>,
}

impl Exports {
    pub(super) fn new(wake: Wake) -> Self {
        Self { saver: Saver::new(wake), asked: None, folder: None, failed: Vec::new() }
    }
}

impl Window {
    /// Carries out such a command.
    pub(super) fn export(&mut self, ctx: &egui::Context, command: ExportCommand) {
        let result = match command {
            ExportCommand::Ask(what, format) => self.ask_where(what, format),
            ExportCommand::Save(what, format, path) => self.save_to(what, format, path),
            ExportCommand::Stop => {
                self.exports.saver.stop();
                Ok(())
            }
            ExportCommand::Copy(writing) => self.selected_text(writing).map(|text| self.copy(ctx, text)),
            ExportCommand::CopyEvent(row, writing) => self.event_text(row, writing).map(|text| self.copy(ctx, text)),
            ExportCommand::CopyState(row, t, writing) => {
                self.state_text(row, t, writing).map(|text| self.copy(ctx, text))
            }
            ExportCommand::CopyCommand => {
                self.copy(ctx, self.state.as_command());
                Ok(())
            }
            ExportCommand::CopyTable(table, writing) => self.sheet(&table).map(|sheet| {
                let text = match writing {
                    Writing::Text => sheet.text(),
                    Writing::Csv => sheet.csv(),
                    Writing::Json => sheet.json_lines(),
                };
                self.copy(ctx, text);
            }),
        };
        if let Err(why) = result {
            self.state.notice = Some(why);
        }
    }

    fn copy(&mut self, ctx: &egui::Context, text: String) {
        self.state.notice = Some("Copied".to_owned());
        ctx.copy_text(text);
    }

    fn ask_where(&mut self, what: What, format: Format) -> Result<(), String> {
        let what = what.settled(&self.state)?;
        let question = SaveQuestion {
            title: format!("Save {} as {}", what.words(&self.state), format.name()),
            folder: self.exports.folder.clone(),
            name: what.file_name(&self.state, format),
            ending: format.ending(),
            sort: format.name(),
        };
        self.dialogs.ask_file(question, &self.wake).map_err(str::to_owned)?;
        self.exports.asked = Some((what, format));
        Ok(())
    }

    /// A file was chosen.
    pub(super) fn save_chosen(&mut self, ctx: &egui::Context, path: PathBuf) {
        if let Some((what, format)) = self.exports.asked.take() {
            self.exports.folder = path.parent().map(PathBuf::from);
            let format = format.of(&path);
            self.send(ctx, Command::Export(ExportCommand::Save(what, format, path)));
        }
    }

    fn save_to(&mut self, what: What, format: Format, path: PathBuf) -> Result<(), String> {
        let what = what.settled(&self.state)?;
        let words = what.words(&self.state);
        let work: Work = match (&what, format) {
            (What::View(Some(kind)), Format::Png(_) | Format::Svg) => {
                picture::work(self.shot(Some(kind), format)?, format)
            }
            (What::Window, Format::Png(_) | Format::Svg) => picture::work(self.shot(None, format)?, format),
            (What::Report, Format::Html) => work::report(self.session()?, self.state.paths.clone()),
            (What::Table(Some(table)), Format::Csv) => self.table_work(table, Shape::Csv)?,
            (What::Table(Some(table)), Format::JsonLines) => self.table_work(table, Shape::JsonLines)?,
            _ => return Err(format!("{words} cannot be saved as {}", format.name())),
        };
        let failed = |error: std::io::Error| error.to_string();
        self.exports.saver.save(words, path, work).map_err(failed)?;
        self.poll_saved();
        Ok(())
    }

    fn table_work(&mut self, table: &Table, shape: Shape) -> Result<Work, String> {
        if let Table::Of(kind) = table {
            match kind {
                PaneKind::Events => {
                    let find = Arc::clone(&self.state.view.find);
                    return Ok(work::events(self.snapshot()?, find, self.state.view.range(), shape));
                }
                PaneKind::ExecutionFlow => {
                    let answer = self.panes.flow.answer().cloned().ok_or("No execution flow is shown")?;
                    return Ok(work::flow(self.snapshot()?, answer, shape));
                }
                kind if kind.is_timeline() => {
                    let rows = self.panes.all_rows(kind);
                    let view = self.state.view_of(kind);
                    let range = self.state.view.range().unwrap_or(view.window);
                    return Ok(work::states(self.snapshot()?, rows, range, shape));
                }
                _ => {}
            }
        }
        let sheet = self.sheet(table)?;
        Ok(Box::new(move |out, _| {
            let text = match shape {
                Shape::Csv => sheet.csv(),
                Shape::JsonLines => sheet.json_lines(),
            };
            out.write_all(text.as_bytes())?;
            Ok(crate::window::words::count(sheet.rows.len() as u64, "line"))
        }))
    }

    fn sheet(&self, table: &Table) -> Result<Sheet, String> {
        self.panes.sheet(table, &self.context())
    }

    fn context(&self) -> FrameContext<'_> {
        let theme = if self.state.dark { Theme::dark() } else { Theme::light() };
        FrameContext { state: &self.state, info: &self.info, keymap: &self.keymap, theme, commands: Vec::new() }
    }

    fn session(&self) -> Result<Arc<Session>, String> {
        self.engine.as_ref().and_then(|engine| engine.session()).ok_or_else(|| NOT_READ.to_owned())
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, String> {
        self.session().map(|session| session.snapshot())
    }

    /// The picked event, if the events have the keyboard or no state is selected; else the selected state.
    fn selected_text(&self, writing: Writing) -> Result<String, String> {
        let event = self.state.event.map(|e| e.row);
        let on_events = self.state.panes.focused == Some(PaneKind::Events);
        let state = self.state.view.row.zip(self.state.view.selection.map(|s| s.begin));
        match (event, state) {
            (Some(row), state) if on_events || state.is_none() => self.event_text(row, writing),
            (_, Some((row, t))) => self.state_text(row, t, writing),
            _ => Err("Click a state or an event first".to_owned()),
        }
    }

    fn state_text(&self, row: RowRef, t: RefNs, writing: Writing) -> Result<String, String> {
        let text = match writing {
            Writing::Text | Writing::Csv => state_text(&self.context(), row, t),
            Writing::Json => work::state(&*self.snapshot()?, row, t).map(|object| object.to_string()),
        };
        text.ok_or_else(|| "Nothing is known of this row at this instant".to_owned())
    }

    fn event_text(&self, row: u64, writing: Writing) -> Result<String, String> {
        if writing == Writing::Json {
            let snapshot = self.snapshot()?;
            return work::event(&snapshot, row, true).ok_or_else(|| "The event is not there any more".to_owned());
        }
        let line = self.pages.line(row).ok_or("The event is not read yet")?;
        Ok(event_text(&self.context(), line))
    }

    /// Tells what was saved since the last frame, and what could not be.
    pub(super) fn poll_saved(&mut self) {
        for ended in self.exports.saver.poll() {
            self.state.notice = Some(match ended {
                Ended::Saved(path, words) if words.is_empty() => format!("Saved {}", path.display()),
                Ended::Saved(path, words) => format!("Saved {} ({words})", path.display()),
                Ended::Stopped(path) => format!("Stopped: {} was not written", path.display()),
                Ended::Failed(path, why) => {
                    let notice = format!("Not saved: {why}");
                    let problem = Problem::new(Severity::Warning, path, "the file cannot be saved").found(why);
                    self.exports.failed.push(problem);
                    self.tell_problems();
                    notice
                }
            });
        }
        self.state.saving = self.exports.saver.saving();
        if let Some(after) = self.exports.saver.look_again() {
            self.ctx.request_repaint_after(after);
        }
    }

    /// Shows these bookmarks and markers, whatever the settings say; for pictures.
    pub fn set_own(&mut self, own: Own) {
        self.state.view.own = Arc::new(own);
    }

    /// Runs frames of the whole window off the screen, with the size and the look that it has, until they rest.
    fn shot(&mut self, part: Option<&PaneKind>, format: Format) -> Result<Shot, String> {
        let size = self.ctx.content_rect().size();
        let zoom = self.ctx.zoom_factor();
        let scale = match format {
            Format::Png(scale) => f32::from(scale),
            // A drawing has no pixels: lines are as thin as on the screen.
            _ => self.ctx.pixels_per_point(),
        };
        let mut state = self.state.clone();
        state.overlay = Overlay::None;
        state.naming = None;
        state.notice = None;
        state.saving = None;
        let hidden = part.filter(|kind| !self.panes.drawn.iter().any(|(k, _)| k == *kind));
        if let Some(kind) = hidden {
            state.panes.show(kind);
        }
        let pixels = [size.x, size.y].map(|side| (side * scale).round() as u32);
        let theme = if state.dark { Theme::dark() } else { Theme::light() };
        let mut screen = Headless::new(pixels, scale / zoom).with_background(theme.ground);
        let off = screen.ctx().clone();
        off.options_mut(|options| options.zoom_with_keyboard = false);
        off.set_zoom_factor(zoom);
        theme.apply(&off);
        // Where things are scrolled to and how wide panels are.
        let data = self.ctx.data(Clone::clone);
        off.data_mut(|d| *d = data);

        let shared = self.panes.shared.clone();
        self.panes.shared.hover = None;
        let mut frame = screen.frame(RawInput::default(), |ui| self.frame_of(ui, &state));
        if hidden.is_some() {
            self.panes.wait(COUNTING);
        }
        for n in 1..MOST_FRAMES {
            frame = screen.frame(RawInput::default(), |ui| self.frame_of(ui, &state));
            if n >= 2 && !frame.repaint_delay.is_zero() {
                break;
            }
        }
        self.panes.shared = shared;
        let place = |kind: &PaneKind| self.panes.drawn.iter().find(|(k, _)| k == kind).map(|(_, rect)| *rect);
        let part: Option<Rect> = match part {
            Some(kind) => Some(place(kind).ok_or("This view is not shown, so there is no picture of it")?),
            None => None,
        };
        // What is drawn next on the screen is that again.
        self.ctx.request_repaint();
        Ok(Shot { screen, frame, part })
    }

    /// A frame that changes nothing.
    fn frame_of(&mut self, ui: &mut egui::Ui, state: &crate::window::state::State) {
        let theme = if state.dark { Theme::dark() } else { Theme::light() };
        let mut tree = state.panes.tree.clone();
        let mut cx = FrameContext { state, info: &self.info, keymap: &self.keymap, theme, commands: Vec::new() };
        let parts = Parts {
            pages: &mut self.pages,
            panes: &mut self.panes,
            overview: &mut self.overview,
            sidebar: &mut self.sidebar,
            details: &mut self.details,
            palette: &mut self.palette,
            naming: &mut self.naming,
            find_bar: &mut self.find_bar,
            samples: &self.samples,
            hover: Hover::default(),
        };
        window_ui(ui, &mut cx, parts, &mut tree);
    }
}
