//! Panes about what several machines tell only together: clocks, exits, stolen time, recurring tasks, and all of
//! it at one instant. What is shown is computed without a screen, beside the frames.

pub mod assign;
pub mod clocks;
pub mod clocks_pane;
pub mod clocks_plot;
pub mod computed;
pub mod empty;
pub mod exits;
pub mod exits_pane;
pub mod facts;
pub mod hold;
pub mod instant;
pub mod instant_pane;
pub mod periodic;
pub mod periodic_pane;
pub mod plot;
pub mod steal;
pub mod steal_pane;
pub mod table;

#[cfg(test)]
pub(crate) mod fake;

use std::time::Duration;

use egui::Ui;

use crate::window::frame::FrameContext;
use crate::window::joint::clocks_pane::ClocksPane;
use crate::window::joint::exits_pane::ExitsPane;
use crate::window::joint::instant_pane::InstantPane;
use crate::window::joint::periodic_pane::PeriodicPane;
use crate::window::joint::steal_pane::StealPane;
use crate::window::layout::PaneKind;
use crate::window::stats::sheet::Sheet;
use crate::window::timeline::Shared;
use crate::window::worker::Wake;

/// The panes' memory between frames.
pub struct JointPanes {
    clocks: ClocksPane,
    exits: ExitsPane,
    steal: StealPane,
    periodic: PeriodicPane,
    instant: InstantPane,
}

impl JointPanes {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        Self {
            clocks: ClocksPane::default(),
            exits: ExitsPane::new(wake),
            steal: StealPane::new(Wake::clone(wake)),
            periodic: PeriodicPane::new(wake),
            instant: InstantPane::new(Wake::clone(wake)),
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.clocks.reset();
        self.exits.reset();
        self.steal.reset();
        self.periodic.reset();
        self.instant.reset();
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.exits.wait(longest)
            && self.steal.wait(longest)
            && self.periodic.wait(longest)
            && self.instant.wait(longest)
    }

    /// The table of the pane of that kind; `None` if it is none of these, or nothing is counted yet.
    pub fn sheet(&self, kind: &PaneKind, cx: &FrameContext<'_>) -> Option<Sheet> {
        match kind {
            PaneKind::Synchronisation => self.clocks.sheet(cx),
            PaneKind::Exits => self.exits.sheet(cx),
            PaneKind::Steal => self.steal.sheet(cx),
            PaneKind::Periodic => self.periodic.sheet(cx),
            PaneKind::Instant => self.instant.sheet(cx),
            _ => None,
        }
    }

    /// Draws the pane of that kind, if it is one of these.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, kind: &PaneKind, shared: &mut Shared) {
        match kind {
            PaneKind::Synchronisation => self.clocks.ui(ui, cx, shared),
            PaneKind::Exits => self.exits.ui(ui, cx, shared),
            PaneKind::Steal => self.steal.ui(ui, cx, shared),
            PaneKind::Periodic => self.periodic.ui(ui, cx, shared),
            PaneKind::Instant => self.instant.ui(ui, cx, shared.hover),
            _ => {}
        }
    }
}
