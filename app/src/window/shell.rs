//! The window itself: everything together, a frame at a time, with or without a screen.

mod draw;
mod export;
mod finding;
mod keeping;
mod perform;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::Ui;
use egui::text_selection::LabelSelectionState;
use stratoscope_core::vocab::{Problem, RefNs, TimeRange};

use crate::window::apply::{apply, keep_layout};
use crate::window::asked::Asked;
use crate::window::command::Command;
use crate::window::details::Details;
use crate::window::dialog::{Chosen, Dialogs};
use crate::window::engine::{Engine, Opener};
use crate::window::event_pages::EventPages;
use crate::window::find::bar::FindBar;
use crate::window::find::seek::Seeker;
use crate::window::frame::FrameContext;
use crate::window::info::{SessionInfo, Stage};
use crate::window::keys::{KeyState, Keymap};
use crate::window::layout::PaneKind;
use crate::window::overview::Overview;
use crate::window::own::naming::Naming;
use crate::window::palette::Palette;
use crate::window::panes::PaneMemory;
use crate::window::reading;
use crate::window::samples::Sample;
use crate::window::settings::{Keeper, Sources, ThemeChoice};
use crate::window::sidebar::Sidebar;
use crate::window::slide::{Places, Slide};
use crate::window::start::drop_overlay_ui;
use crate::window::state::{Overlay, State};
use crate::window::status_bar::Hover;
use crate::window::theme::Theme;
use crate::window::watch::Watch;
use crate::window::worker::Wake;

use draw::{Parts, window_ui};
use export::Exports;

/// How a window is made.
pub struct WindowOptions {
    /// Where settings come from and are kept.
    pub settings: Sources,
    /// Samples to offer.
    pub samples: Vec<Sample>,
    /// The system's file dialog, of this window, where that is tried.
    pub native_dialogs: Option<rfd::FileDialog>,
    /// Opens sessions.
    pub opener: Opener,
    /// What to show first, where somebody asked for it: else what the traces suggest.
    pub first_view: Option<TimeRange<RefNs>>,
    /// The same in words, for what is opened first.
    pub asked: Option<Asked>,
}

impl WindowOptions {
    /// For pictures: nothing is remembered, nothing is asked.
    pub fn headless() -> Self {
        Self {
            settings: Sources::default(),
            samples: Vec::new(),
            native_dialogs: None,
            opener: reading::opener(),
            first_view: None,
            asked: None,
        }
    }
}

/// The window.
pub struct Window {
    state: State,
    info: SessionInfo,
    keymap: Keymap,
    /// The user's keys that the keymap was made with.
    bound: BTreeMap<String, Vec<String>>,
    /// Problems of what is open; those of the program's own files come before them.
    trace_problems: Arc<[Problem]>,
    engine: Option<Box<dyn Engine>>,
    opener: Opener,
    first_view: Option<TimeRange<RefNs>>,
    asked: Option<Asked>,
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
    exports: Exports,
    /// The folder that is asked for is to be opened beside what is open.
    beside: bool,
    samples: Vec<Sample>,
    hover: Hover,
    slide: Slide,
    keeper: Keeper,
    watch: Option<Watch>,
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
        let (keeper, settings, memory) = Keeper::load(options.settings, &wake);
        let bound = settings.keys.clone();
        // What is wrong with them was told when they were read.
        let (keymap, _) = Keymap::new(&bound);
        // What egui does by itself with these keys, the catalogue does for everything.
        ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let info = SessionInfo { problems: keeper.problems().into(), ..SessionInfo::default() };
        let mut state = State::new(settings);
        state.memory = memory;
        let mut window = Self {
            state,
            info,
            keymap,
            bound,
            trace_problems: Arc::default(),
            engine: None,
            opener: options.opener,
            first_view: options.first_view,
            asked: options.asked,
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
            exports: Exports::new(Arc::clone(&wake)),
            beside: false,
            samples: options.samples,
            hover: Hover::default(),
            slide: Slide::default(),
            keeper,
            watch: None,
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
        read && events && found && self.pages.wait(left()) && self.panes.wait(left()) && self.exports.saver.wait(left())
    }

    /// One frame of the whole window.
    pub fn frame_ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.poll_files();
        self.state.disk = self.watch.as_mut().and_then(Watch::change);
        self.take_news(&ctx);
        if self.slide.step(&mut self.state.scene, ctx.input(|i| i.time)) {
            ctx.request_repaint();
        }
        self.poll_events();
        self.poll_saved();
        self.bind_keys();
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
        let chosen = self.dialogs.ui(ui, theme);
        if let Some(Chosen::File(path)) = chosen {
            self.save_chosen(&ctx, path);
        } else if let Some(Chosen::Folder(path)) = chosen {
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
        self.keep();
    }

    /// Keys and dropped files.
    fn input(&mut self, ctx: &egui::Context) -> Vec<Command> {
        let dialog = self.dialogs.is_open();
        let overlay = self.state.overlay == Overlay::Palette || dialog;
        let form = self.state.panes.focused == Some(PaneKind::Settings);
        let mut commands = Vec::new();
        // A dialog takes all keys, and closes by itself.
        if self.panes.settings.is_asking() {
            // The next key is to be bound, not to be obeyed.
            self.panes.settings.take_key(ctx);
        } else if !dialog {
            let text_selected = ctx.plugin::<LabelSelectionState>().lock().has_selection();
            let menu = egui::Popup::is_any_open(ctx);
            let session = self.state.is_open();
            commands = self.keymap.take(ctx, KeyState { session, form, overlay, menu, text_selected });
            if menu && !commands.is_empty() {
                // What a key does is done instead of what the menu offers.
                egui::Popup::close_all(ctx);
            }
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
        if self.first_view.is_some() {
            // Somebody said what to show.
            self.state.returning = None;
        }
        self.state.update(news.scene, self.first_view.or(news.first_view));
        self.slide.changed(&before, &self.state.scene, middle, now);
        self.pages.set_source(news.events, news.events_fresh);
        self.info = news.info;
        self.trace_problems = Arc::clone(&self.info.problems);
        self.tell_problems();
        if self.info.stage == Stage::Failed {
            // What does not open is not offered again.
            let paths = self.state.paths.clone();
            self.state.memory.remove_recent(&paths);
        }
        if self.state.tour.as_ref().is_some_and(|tour| tour.waiting) {
            self.show_tour_step(ctx);
        }
    }
}

#[cfg(test)]
mod asked_tests;
#[cfg(test)]
mod camera;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod export_tests;
#[cfg(test)]
mod find_picture_tests;
#[cfg(test)]
mod find_tests;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod help_picture_tests;
#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod joint_tests;
#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod stats_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod usage_tests;
