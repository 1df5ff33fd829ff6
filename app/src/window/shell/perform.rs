//! What commands ask of the world outside of the window's state: sessions, dialogs, the clipboard, panes that alone
//! know what they show.

use std::path::PathBuf;
use std::sync::Arc;

use egui::ViewportCommand;
use stratoscope_core::session::SyncChoice;

use crate::window::apply::{Effect, apply, apply_of_tour};
use crate::window::command::{Command, RowStep};
use crate::window::info::{SessionInfo, Stage};
use crate::window::layout::PaneKind;
use crate::window::overview::Overview;
use crate::window::own::RowCommand;
use crate::window::own::history::Before;
use crate::window::shell::Window;
use crate::window::status_bar::Hover;
use crate::window::watch::Watch;

impl Window {
    pub(super) fn perform(&mut self, ctx: &egui::Context, effect: Effect) {
        match effect {
            Effect::AskForFolder | Effect::AskForFolderBeside => {
                let folder = self.state.memory.recent.first().and_then(|p| p.first()).and_then(|p| p.parent());
                match self.dialogs.ask(folder.map(PathBuf::from), &self.wake) {
                    Ok(()) => self.beside = effect == Effect::AskForFolderBeside,
                    Err(why) => self.state.notice = Some(why.to_owned()),
                }
            }
            Effect::Open => {
                self.forget_session();
                self.open_settings();
                if let Some(asked) = self.asked.take() {
                    // Somebody said what to show: that goes before what was shown when this was open before.
                    self.state.returning = None;
                    self.state.asking = Some(asked.into());
                }
                let paths = self.state.paths.clone();
                self.info.stage = Stage::Opening;
                self.watch = Some(Watch::new(paths.clone(), Arc::clone(&self.wake)));
                let engine = (self.opener)(paths, self.state.recording, Arc::clone(&self.wake));
                if self.state.choice != SyncChoice::default() {
                    engine.choose(self.state.choice.clone());
                }
                self.engine = Some(engine);
            }
            Effect::Close => {
                self.forget_session();
                self.open_settings();
            }
            Effect::StartAnew(file) => self.start_anew(file),
            Effect::CancelAnalysis => {
                if let Some(engine) = &self.engine {
                    engine.cancel();
                }
            }
            Effect::Export(command) => self.export(ctx, command),
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
    pub(super) fn show_tour_step(&mut self, ctx: &egui::Context) {
        let Some((_, step)) = self.state.tour.as_ref().and_then(|p| p.at()) else { return };
        let read = self.state.placed && !self.info.is_busy();
        let mut there = false;
        if read {
            let (commands, all) = step.commands(&self.state);
            there = all;
            let before = Before::of_tour(&self.state);
            for command in commands {
                for effect in apply_of_tour(&mut self.state, command) {
                    self.perform(ctx, effect);
                }
            }
            let remembered = self.state.tour.as_ref().is_some_and(|tour| tour.remembered);
            if !remembered
                && before.settle(&mut self.state)
                && let Some(tour) = &mut self.state.tour
            {
                tour.remembered = true;
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

    pub(super) fn forget_session(&mut self) {
        self.engine = None;
        self.watch = None;
        self.info = SessionInfo::default();
        self.trace_problems = Arc::default();
        self.tell_problems();
        self.pages.set_source(None, true);
        self.panes.reset();
        self.overview = Overview::default();
        self.hover = Hover::default();
    }
}
