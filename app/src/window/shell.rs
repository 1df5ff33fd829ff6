//! The window itself: everything together, a frame at a time, with or without a screen.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{CentralPanel, Frame, Margin, Panel, RichText, Ui, ViewportCommand};
use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::{Problem, RefNs, Severity, TimeRange};

use crate::window::apply::{Effect, apply, keep_layout};
use crate::window::command::{Command, Direction, RowStep};
use crate::window::details::{self, Details};
use crate::window::dialog::Dialogs;
use crate::window::engine::{Engine, Opener};
use crate::window::event_pages::{EventPages, Found};
use crate::window::find::bar::FindBar;
use crate::window::find::command::Among;
use crate::window::find::seek::{Match, Seek, Seeker};
use crate::window::find::{self, FindCommand};
use crate::window::frame::FrameContext;
use crate::window::info::{SessionInfo, Stage};
use crate::window::keys::{KeyState, Keymap};
use crate::window::keys_sheet::keys_sheet_ui;
use crate::window::layout::PaneKind;
use crate::window::overview::Overview;
use crate::window::own::RowCommand;
use crate::window::own::naming::Naming;
use crate::window::palette::Palette;
use crate::window::panes::{PaneBehavior, PaneMemory};
use crate::window::problems::{self, problems_ui};
use crate::window::reading;
use crate::window::samples::Sample;
use crate::window::settings::{self, Settings, ThemeChoice};
use crate::window::sidebar::{self, Sidebar};
use crate::window::slide::{Places, Slide};
use crate::window::start::{drop_overlay_ui, start_ui};
use crate::window::state::{Overlay, State};
use crate::window::status_bar::{self, Hover, status_bar_ui};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Input;
use crate::window::top_bar::{self, top_bar_ui};
use crate::window::tour_card::tour_card_ui;
use crate::window::words;
use crate::window::worker::Wake;

/// How long settings rest before they are written: a drag changes them sixty times a second.
const SAVE_AFTER: Duration = Duration::from_secs(1);

/// Windows narrower than these show no experiment tree, or no details.
const TREE_FROM: f32 = 720.0;
const DETAILS_FROM: f32 = 1080.0;

/// How a window is made.
pub struct WindowOptions {
    /// Where settings are kept; `None`: nowhere.
    pub settings: Option<PathBuf>,
    /// Samples to offer.
    pub samples: Vec<Sample>,
    /// Whether the system's file dialog is tried.
    pub native_dialogs: bool,
    /// Opens sessions.
    pub opener: Opener,
    /// What to show first, where somebody asked for it: else what the traces suggest.
    pub first_view: Option<TimeRange<RefNs>>,
}

impl WindowOptions {
    /// For pictures: nothing is remembered, nothing is asked.
    pub fn headless() -> Self {
        Self { settings: None, samples: Vec::new(), native_dialogs: false, opener: reading::opener(), first_view: None }
    }
}

/// The window.
pub struct Window {
    state: State,
    info: SessionInfo,
    keymap: Keymap,
    /// Problems of the program itself: settings.
    own_problems: Vec<Problem>,
    engine: Option<Box<dyn Engine>>,
    opener: Opener,
    first_view: Option<TimeRange<RefNs>>,
    pages: EventPages,
    panes: PaneMemory,
    overview: Overview,
    sidebar: Sidebar,
    details: Details,
    palette: Palette,
    naming: Naming,
    find_bar: FindBar,
    seeker: Seeker,
    dialogs: Dialogs,
    /// The folder that is asked for is to be opened beside what is open.
    beside: bool,
    samples: Vec<Sample>,
    hover: Hover,
    slide: Slide,
    settings_path: Option<PathBuf>,
    saved: Settings,
    changed_at: Option<Instant>,
    /// Theme and scale that the context has.
    dressed: Option<(bool, f32)>,
    wake: Wake,
    ctx: egui::Context,
}

impl Window {
    /// A window on the start page.
    pub fn new(ctx: &egui::Context, options: WindowOptions) -> Self {
        let waking = ctx.clone();
        let wake: Wake = Arc::new(move || waking.request_repaint());
        let (settings, problem) = options.settings.as_deref().map_or_else(Default::default, settings::load);
        let (keymap, wrong) = Keymap::new(&settings.keys);
        let mut own_problems: Vec<Problem> = problem.into_iter().collect();
        let path = options.settings.clone().unwrap_or_default();
        own_problems.extend(wrong.into_iter().map(|what| Problem::warning(path.clone(), what)));
        // What egui does by itself with these keys, the catalogue does for everything.
        ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let info = SessionInfo { problems: own_problems.clone().into(), ..SessionInfo::default() };
        let mut window = Self {
            saved: settings.clone(),
            state: State::new(settings),
            info,
            keymap,
            own_problems,
            engine: None,
            opener: options.opener,
            first_view: options.first_view,
            pages: EventPages::new(Arc::clone(&wake)),
            panes: PaneMemory::new(Arc::clone(&wake)),
            overview: Overview::default(),
            sidebar: Sidebar::default(),
            details: Details::default(),
            palette: Palette::default(),
            naming: Naming::default(),
            find_bar: FindBar::new(Arc::clone(&wake)),
            seeker: Seeker::new(Arc::clone(&wake)),
            dialogs: Dialogs::new(options.native_dialogs),
            beside: false,
            samples: options.samples,
            hover: Hover::default(),
            slide: Slide::default(),
            settings_path: options.settings,
            changed_at: None,
            dressed: None,
            wake,
            ctx: ctx.clone(),
        };
        window.panes.shared.keys = Arc::new(window.keymap.clone());
        window.dress(ctx);
        window
    }

    /// The window's state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is said about the session.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// Does what a command says, as if the user had sent it.
    pub fn send(&mut self, ctx: &egui::Context, command: Command) {
        for effect in apply(&mut self.state, command) {
            self.perform(ctx, effect);
        }
    }

    /// Chooses the theme, whatever the settings say.
    pub fn set_theme(&mut self, theme: ThemeChoice) {
        self.state.settings.theme = theme;
    }

    /// Waits until nothing is read or counted any more; for pictures and tests, between frames.
    pub fn wait(&mut self, longest: Duration) -> bool {
        let end = Instant::now() + longest;
        let left = || end.saturating_duration_since(Instant::now());
        let read = self.engine.as_ref().is_none_or(|e| e.wait(left()));
        let ctx = self.ctx.clone();
        self.take_news(&ctx);
        self.slide.finish(&mut self.state.scene);
        self.poll_events();
        let events = self.pages.wait(left());
        self.poll_events();
        let found = self.seeker.wait(left()) && self.find_bar.wait(left());
        self.poll_found();
        read && events && found && self.pages.wait(left()) && self.panes.wait(left())
    }

    /// One frame of the whole window.
    pub fn frame_ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.take_news(&ctx);
        if self.slide.step(&mut self.state.scene, ctx.input(|i| i.time)) {
            ctx.request_repaint();
        }
        self.poll_events();
        self.dress(&ctx);
        let mut commands = self.input(&ctx);
        let theme = if self.state.dark { Theme::dark() } else { Theme::light() };

        let mut tree = self.state.panes.tree.clone();
        let mut cx = FrameContext {
            state: &self.state,
            info: &self.info,
            keymap: &self.keymap,
            theme,
            commands: std::mem::take(&mut commands),
        };
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
            hover: self.hover,
        };
        let (hover, edited) = window_ui(ui, &mut cx, parts, &mut tree);
        let commands = cx.commands;

        self.hover = hover;
        self.state.panes.tree = tree;
        if edited {
            self.state.panes.forget_closed();
            keep_layout(&mut self.state);
        }
        let held = ctx.input(|i| i.raw.hovered_files.len());
        if held > 0 {
            drop_overlay_ui(ui, theme, held);
        }
        if let Some(path) = self.dialogs.ui(ui, theme) {
            let mut paths = if self.beside { self.state.paths.clone() } else { Vec::new() };
            if !paths.contains(&path) {
                paths.push(path);
            }
            self.send(&ctx, Command::Open(paths));
        }
        let any = !commands.is_empty();
        for command in commands {
            self.send(&ctx, command);
        }
        if any {
            // What changed is drawn in the next frame.
            ctx.request_repaint();
        }
        self.save_when_due(&ctx);
    }

    /// Keys and dropped files.
    fn input(&mut self, ctx: &egui::Context) -> Vec<Command> {
        let dialog = self.dialogs.is_open();
        let overlay = self.state.overlay == Overlay::Palette || dialog;
        let mut commands = Vec::new();
        // A dialog takes all keys, and closes by itself.
        if !dialog {
            commands = self.keymap.take(ctx, KeyState { session: self.state.is_open(), overlay });
        }
        let dropped: Vec<PathBuf> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect());
        if !dropped.is_empty() {
            commands.push(Command::Open(dropped));
        }
        commands
    }

    /// Puts on theme and size, where they changed.
    fn dress(&mut self, ctx: &egui::Context) {
        self.state.dark = match self.state.settings.theme {
            ThemeChoice::Dark => true,
            ThemeChoice::Light => false,
            ThemeChoice::System => ctx.input(|i| i.raw.system_theme) != Some(egui::Theme::Light),
        };
        let wanted = (self.state.dark, self.state.settings.ui_scale);
        if self.dressed == Some(wanted) {
            return;
        }
        if self.dressed.map(|d| d.0) != Some(wanted.0) {
            let theme = if wanted.0 { Theme::dark() } else { Theme::light() };
            theme.apply(ctx);
        }
        ctx.set_zoom_factor(wanted.1);
        self.dressed = Some(wanted);
    }

    fn take_news(&mut self, ctx: &egui::Context) {
        let Some(news) = self.engine.as_mut().and_then(|e| e.poll()) else { return };
        let (middle, now) = (self.state.view.instant(), ctx.input(|i| i.time));
        let before = Places::of(&self.state.scene);
        self.state.update(news.scene, self.first_view.or(news.first_view));
        self.slide.changed(&before, &self.state.scene, middle, now);
        self.pages.set_source(news.events, news.events_fresh);
        self.info = news.info;
        if !self.own_problems.is_empty() {
            self.info.problems = self.own_problems.iter().chain(self.info.problems.iter()).cloned().collect();
        }
        if self.info.stage == Stage::Failed {
            // What does not open is not offered again.
            let paths = self.state.paths.clone();
            self.state.settings.remove_recent(&paths);
        }
        if self.state.tour.as_ref().is_some_and(|tour| tour.waiting) {
            self.show_tour_step(ctx);
        }
    }

    fn poll_events(&mut self) {
        self.poll_found();
        let len = self.pages.len();
        for found in self.pages.poll() {
            match found {
                Found::Row(row) => {
                    let selected = self.state.view.selection.is_some();
                    self.panes.events.located(row, len, selected);
                }
                Found::Event(Some(event)) => {
                    // Finding an event has no effects outside of the state.
                    let effects = apply(&mut self.state, Command::SelectEvent(event));
                    debug_assert!(effects.is_empty());
                }
                Found::Event(None) => self.state.notice = Some("No further event there".to_owned()),
            }
        }
        let theme = if self.state.dark { Theme::dark() } else { Theme::light() };
        let cx =
            FrameContext { state: &self.state, info: &self.info, keymap: &self.keymap, theme, commands: Vec::new() };
        self.panes.events.follow(&cx, &mut self.pages);
    }

    fn perform(&mut self, ctx: &egui::Context, effect: Effect) {
        match effect {
            Effect::AskForFolder | Effect::AskForFolderBeside => {
                self.beside = effect == Effect::AskForFolderBeside;
                let folder = self.state.settings.recent.first().and_then(|p| p.first()).and_then(|p| p.parent());
                self.dialogs.ask(folder.map(PathBuf::from), &self.wake);
            }
            Effect::Open => {
                self.forget_session();
                let paths = self.state.paths.clone();
                self.info.stage = Stage::Opening;
                let engine = (self.opener)(paths, self.state.recording, Arc::clone(&self.wake));
                if self.state.choice != SyncChoice::default() {
                    engine.choose(self.state.choice.clone());
                }
                self.engine = Some(engine);
            }
            Effect::Close => self.forget_session(),
            Effect::CancelAnalysis => {
                if let Some(engine) = &self.engine {
                    engine.cancel();
                }
            }
            Effect::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Effect::Copy(text) => {
                self.state.notice = Some("Copied".to_owned());
                ctx.copy_text(text);
            }
            Effect::OpenTour => self.open_tour(ctx),
            Effect::ShowTourStep => self.show_tour_step(ctx),
            Effect::ChooseSync(choice) => {
                self.slide.arm();
                if let Some(engine) = &self.engine {
                    engine.choose(choice);
                }
            }
            Effect::SeekEvent(seek) => self.pages.seek(seek),
            Effect::StepRow(step) => self.step_row(step),
            Effect::FollowTask(task) => self.panes.flow.follow(task),
            Effect::StepPiece(direction) => {
                let picked = self.panes.flow.step(direction);
                self.pick(ctx, picked);
            }
            Effect::FollowArrow => {
                let picked = self.panes.flow.along_arrow();
                self.pick(ctx, picked);
            }
            Effect::MoveRow(direction) => {
                let row = self.state.view.row;
                let pane = row.and_then(|row| self.state.pane_of(row));
                let place = pane.zip(row).and_then(|(pane, row)| self.panes.move_row(&pane, row, direction));
                match place {
                    Some(place) => {
                        apply(&mut self.state, Command::Rows(RowCommand::Put(place)));
                    }
                    None => self.state.notice = Some("There is no row beside it to move it past".to_owned()),
                }
            }
            Effect::StepMatch(direction) => self.step_found(direction),
            Effect::FocusSearch => self.find_bar.focus(),
            Effect::ReleaseFocus => {
                if let Some(id) = ctx.memory(|m| m.focused()) {
                    ctx.memory_mut(|m| m.surrender_focus(id));
                }
            }
        }
    }

    /// Selects a piece of the execution flow, or says why not.
    fn pick(&mut self, ctx: &egui::Context, picked: Result<Vec<Command>, String>) {
        match picked {
            Ok(commands) => commands.into_iter().for_each(|command| self.send(ctx, command)),
            Err(why) => self.state.notice = Some(why),
        }
    }

    /// Opens the sample of the tour that begins.
    fn open_tour(&mut self, ctx: &egui::Context) {
        let wanted = self.state.tour.as_ref().and_then(|p| p.at()).map(|(tour, _)| tour.sample.as_str());
        let Some(sample) = self.samples.iter().find(|s| Some(s.name.as_str()) == wanted) else {
            self.state.tour = None;
            self.state.notice = Some("The sample traces of this tour are not there".to_owned());
            return;
        };
        let paths = vec![sample.path.clone()];
        if let Some(tour) = &mut self.state.tour {
            tour.path = Some(sample.path.clone());
        }
        if self.state.paths != paths {
            self.send(ctx, Command::Open(paths));
        }
        self.show_tour_step(ctx);
    }

    /// Shows what the tour's step speaks of, as far as it is there.
    fn show_tour_step(&mut self, ctx: &egui::Context) {
        let Some((_, step)) = self.state.tour.as_ref().and_then(|p| p.at()) else { return };
        let read = self.state.placed && !self.info.is_busy();
        let mut there = false;
        if read {
            let (commands, all) = step.commands(&self.state);
            there = all;
            for command in commands {
                self.send(ctx, command);
            }
        }
        if let Some(progress) = &mut self.state.tour {
            progress.waiting = !there;
        }
    }

    fn step_row(&mut self, step: RowStep) {
        match self.state.panes.focused.clone() {
            Some(PaneKind::Events) => {
                let selected = self.state.event.map(|e| e.row);
                self.panes.events.step(step, selected, self.pages.len());
            }
            Some(pane) => {
                if let Some(row) = self.panes.step_row(&pane, self.state.view.row, step) {
                    self.state.view.row = Some(row);
                }
            }
            None => {}
        }
    }

    /// Goes to the next match among what is looked through: events where the table has the keyboard, else states if
    /// the filter speaks of them, else rows; unless somebody chose.
    fn step_found(&mut self, direction: Direction) {
        let find = Arc::clone(&self.state.view.find);
        let states = find.filter().is_some_and(|sought| sought.rule.is_about_states());
        let own = match self.state.panes.focused {
            Some(PaneKind::Events) => Among::Events,
            _ if states => Among::States,
            _ => Among::Rows,
        };
        let among = self.state.among.filter(|among| *among != Among::States || states).unwrap_or(own);
        let (pane, from, t) = (self.search_pane(), self.state.view.row, self.state.view.instant());
        match among {
            Among::Rows => match pane.and_then(|p| self.panes.step_match(&p, from, direction)) {
                Some(row) => self.state.view.row = Some(row),
                None => {
                    let text = self.state.view.search.trim();
                    self.state.notice = Some(format!("No row here matches “{text}”"));
                }
            },
            Among::States => {
                let rows = pane.map_or_else(Vec::new, |p| self.panes.all_rows(&p));
                let t = if self.state.view.selection.is_some() { t } else { self.state.view.window.begin };
                self.seeker.ask(find, direction, Seek::State { scene: self.state.scene.clone(), rows, row: from, t });
            }
            Among::Events => match self.pages.source() {
                Some(events) => {
                    let events = Arc::clone(events);
                    let from = self.state.event.map(|e| e.row);
                    self.seeker.ask(find, direction, Seek::Event { events, from, t });
                }
                None => self.state.notice = Some("There are no events".to_owned()),
            },
        }
    }

    /// Goes to what was found since the last frame.
    fn poll_found(&mut self) {
        self.pages.set_find(&self.state.view.find);
        for found in self.seeker.take() {
            // Neither has effects outside of the state.
            let effects = match found {
                Match::State(place) => apply(&mut self.state, Command::Find(FindCommand::Found(place))),
                Match::Event(event) => apply(&mut self.state, Command::SelectEvent(event)),
                Match::None(direction) => {
                    let word = if direction == Direction::Forward { "No further match" } else { "No earlier match" };
                    self.state.notice = Some(word.to_owned());
                    Vec::new()
                }
            };
            debug_assert!(effects.is_empty());
        }
    }

    /// The pane whose rows are searched: the focused one, else the first that has rows.
    fn search_pane(&self) -> Option<PaneKind> {
        let panes = &self.state.panes;
        let focused = panes.focused.clone().filter(PaneKind::is_timeline);
        focused.or_else(|| panes.kinds().into_iter().find(PaneKind::is_timeline))
    }

    fn forget_session(&mut self) {
        self.engine = None;
        self.info = SessionInfo { problems: self.own_problems.clone().into(), ..SessionInfo::default() };
        self.pages.set_source(None, true);
        self.panes.reset();
        self.overview = Overview::default();
        self.hover = Hover::default();
    }

    fn save_when_due(&mut self, ctx: &egui::Context) {
        if self.state.settings == self.saved {
            self.changed_at = None;
            return;
        }
        let since = *self.changed_at.get_or_insert_with(Instant::now);
        let rested = since.elapsed();
        if rested >= SAVE_AFTER {
            self.save();
        } else {
            ctx.request_repaint_after(SAVE_AFTER - rested);
        }
    }

    /// Writes the settings, if they changed.
    pub fn save(&mut self) {
        self.changed_at = None;
        if self.state.settings == self.saved {
            return;
        }
        // Also after a failure: once a second would be no better than once.
        self.saved = self.state.settings.clone();
        let Some(path) = &self.settings_path else { return };
        if let Err(error) = settings::save(path, &self.saved) {
            let problem = Problem::new(Severity::Warning, path, "the settings cannot be saved");
            self.own_problems.push(problem.found(error.to_string()));
            self.info.problems = self.own_problems.iter().chain(self.info.problems.iter()).cloned().collect();
        }
    }

    /// Remembers what shall be remembered: the window goes.
    pub fn end(&mut self) {
        keep_layout(&mut self.state);
        self.save();
        self.engine = None;
    }
}

/// What a frame changes besides the state.
struct Parts<'a> {
    pages: &'a mut EventPages,
    panes: &'a mut PaneMemory,
    overview: &'a mut Overview,
    sidebar: &'a mut Sidebar,
    details: &'a mut Details,
    palette: &'a mut Palette,
    naming: &'a mut Naming,
    find_bar: &'a mut FindBar,
    samples: &'a [Sample],
    hover: Hover,
}

fn bar_frame(theme: &Theme) -> Frame {
    Frame::new().fill(theme.panel).inner_margin(Margin::symmetric(8, 0))
}

/// Draws everything. Returns what the pointer is on and whether panes were rearranged.
fn window_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    parts: Parts<'_>,
    tree: &mut egui_tiles::Tree<PaneKind>,
) -> (Hover, bool) {
    let theme = cx.theme;
    let side = Frame::new().fill(theme.panel).inner_margin(Margin { left: 8, right: 8, top: 0, bottom: 4 });
    Panel::top("top bar")
        .exact_size(top_bar::HEIGHT)
        .frame(bar_frame(theme))
        .show_separator_line(false)
        .show(ui, |ui| top_bar_ui(ui, cx, parts.samples));
    let open = cx.state.is_open() && cx.info.stage != Stage::Failed;
    // Rows come first: in a narrow window the panels beside them make room.
    let width = ui.available_width();
    if open {
        Panel::bottom("status bar")
            .exact_size(status_bar::HEIGHT)
            .frame(bar_frame(theme))
            .show_separator_line(false)
            .show(ui, |ui| status_bar_ui(ui, cx, parts.hover));
    }
    if open && cx.state.finding {
        Panel::bottom("find")
            .exact_size(find::bar::HEIGHT)
            .frame(bar_frame(theme))
            .show_separator_line(false)
            .show(ui, |ui| parts.find_bar.ui(ui, cx, parts.pages));
    }
    if cx.state.problems {
        Panel::bottom("problems")
            .resizable(true)
            .default_size(problems::HEIGHT)
            .size_range(80.0..=600.0)
            .frame(Frame::new().fill(theme.panel).inner_margin(Margin::symmetric(12, 6)))
            .show(ui, |ui| problems_ui(ui, cx));
    }
    if open && cx.state.settings.tree && width >= TREE_FROM {
        Panel::left("experiment")
            .default_size(sidebar::WIDTH)
            .size_range(140.0..=480.0)
            .frame(side)
            .show_separator_line(false)
            .show(ui, |ui| parts.sidebar.ui(ui, cx));
    }
    if open && cx.state.settings.details && width >= DETAILS_FROM {
        Panel::right("details")
            .default_size(details::WIDTH)
            .size_range(180.0..=600.0)
            .frame(side)
            .show_separator_line(false)
            .show(ui, |ui| parts.details.ui(ui, cx, parts.pages));
    }
    let (mut hover, mut edited) = (Hover::default(), false);
    let middle = Frame::new().fill(if open { theme.panel } else { theme.ground });
    CentralPanel::default().frame(middle).show(ui, |ui| {
        if !cx.state.is_open() {
            start_ui(ui, cx, parts.samples);
        } else if !open {
            failed_ui(ui, cx);
        } else {
            (hover, edited) = panes_ui(ui, cx, parts.overview, parts.panes, parts.pages, tree);
        }
    });
    parts.palette.ui(ui, cx, cx.state.overlay == Overlay::Palette);
    parts.naming.ui(ui, cx);
    if cx.state.overlay == Overlay::Keys {
        keys_sheet_ui(ui, cx);
    }
    tour_card_ui(ui, cx);
    (hover, edited)
}

fn panes_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    overview: &mut Overview,
    memory: &mut PaneMemory,
    pages: &mut EventPages,
    tree: &mut egui_tiles::Tree<PaneKind>,
) -> (Hover, bool) {
    ui.spacing_mut().item_spacing.y = 0.0;
    if cx.state.placed {
        let input = Input {
            scene: &cx.state.scene,
            view: &cx.state.view,
            theme: cx.theme,
            format: cx.state.settings.time_format,
            focused: false,
            overlay: None,
        };
        let commands = overview.ui(ui, &input, &mut memory.shared);
        cx.commands.extend(commands);
    }
    let focused = cx.state.panes.focused.clone();
    let full = cx.state.panes.full.clone();
    let mut behavior = PaneBehavior { cx, memory, pages, hover: Hover::default(), focused, edited: false };
    match full {
        Some(kind) => full_ui(ui, &mut behavior, &kind),
        None if tree.is_empty() => nothing_ui(ui, behavior.cx),
        None => tree.ui(&mut behavior, ui),
    }
    (behavior.hover, behavior.edited)
}

fn full_ui(ui: &mut Ui, behavior: &mut PaneBehavior<'_, '_>, kind: &PaneKind) {
    ui.horizontal(|ui| {
        ui.set_min_height(26.0);
        ui.add_space(Sizes::GRID);
        ui.label(RichText::new(behavior.title(kind)).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let hint = behavior.cx.keymap.hint("full-pane");
            let button = egui::Button::new("Show all panes").frame_when_inactive(false);
            if ui.add(button).on_hover_text(hint).clicked() {
                behavior.cx.send(Command::ToggleFullPane);
            }
            behavior.link_ui(ui, kind);
        });
    });
    ui.push_id(("full", kind), |ui| behavior.contents_ui(ui, kind));
}

fn nothing_ui(ui: &mut Ui, cx: &FrameContext<'_>) {
    ui.centered_and_justified(|ui| {
        ui.label(RichText::new("All panes are closed. Choose one under Views.").color(cx.theme.secondary));
    });
}

fn failed_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let room = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space(room * 0.3);
        ui.label(RichText::new("Nothing could be opened").size(Sizes::HEADING + 4.0).strong());
        let paths: Vec<String> = cx.state.paths.iter().map(|p| p.display().to_string()).collect();
        ui.label(RichText::new(paths.join(", ")).color(cx.theme.secondary));
        if let Some(problem) = cx.info.problems.first() {
            ui.add_space(Sizes::GRID);
            ui.label(words::capital(&problem.message()));
        }
        ui.add_space(2.0 * Sizes::GRID);
        if ui.button("Open another folder…").clicked() {
            cx.send(Command::OpenDialog);
        }
        if ui.add(egui::Button::new("Back to the start").frame_when_inactive(false)).clicked() {
            cx.send(Command::Close);
        }
    });
}

#[cfg(test)]
mod find_picture_tests;
#[cfg(test)]
mod find_tests;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod joint_tests;
#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod stats_tests;
#[cfg(test)]
mod tests;
