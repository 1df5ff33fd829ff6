//! Going to the next match, and to what was found beside the frames.

use std::sync::Arc;

use crate::window::apply::apply;
use crate::window::command::{Command, Direction};
use crate::window::event_pages::Found;
use crate::window::find::FindCommand;
use crate::window::find::command::Among;
use crate::window::find::seek::{Match, Seek};
use crate::window::frame::FrameContext;
use crate::window::layout::PaneKind;
use crate::window::shell::Window;
use crate::window::theme::Theme;

impl Window {
    pub(super) fn poll_events(&mut self) {
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

    /// Goes to the next match among what is looked through: events where the table has the keyboard, else states if
    /// the filter speaks of them, else rows; unless somebody chose.
    pub(super) fn step_found(&mut self, direction: Direction) {
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
    pub(super) fn poll_found(&mut self) {
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
}
