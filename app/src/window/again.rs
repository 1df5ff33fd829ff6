//! Coming back to what was looked at: the shown stretch of time, the selected one and the selected row, after
//! everything was read again and after a restart.
//!
//! Instants are remembered in a machine's own time, like bookmarks: of what is shown in that of the reference, of what
//! is selected in that of the selected row's machine. While traces are read clocks are related anew, and the place
//! follows them as long as nobody goes anywhere else. Not here: what somebody made of an experiment (`own`).

use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::{MachineId, RefNs, TimeRange};

use crate::window::command::RowRef;
use crate::window::layout::PaneKind;
use crate::window::own::Anchor;
use crate::window::state::State;
use crate::window::timeline::scene::Scene;

/// A stretch of a machine's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    begin: Anchor,
    end: Anchor,
}

impl Span {
    fn of(scene: &Scene, machine: MachineId, range: TimeRange<RefNs>) -> Option<Self> {
        let at = |t| Anchor::of(scene, machine, t);
        Some(Self { begin: at(range.begin)?, end: at(range.end)? })
    }

    fn at(&self, scene: &Scene) -> Option<TimeRange<RefNs>> {
        let (begin, end) = (self.begin.at(scene)?, self.end.at(scene)?);
        Some(TimeRange::new(begin.min(end), begin.max(end)))
    }
}

/// What was looked at, as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptView {
    /// Which recording of what was open.
    recording: usize,
    /// What was shown; `None`: everything.
    window: Option<Span>,
    /// What unlinked panes showed.
    panes: Vec<(PaneKind, Span)>,
    /// What was selected.
    selection: Option<Span>,
    /// The selected row.
    row: Option<RowRef>,
}

/// The same on the axis, as far as it is there.
#[derive(Debug, PartialEq)]
struct Place {
    window: TimeRange<RefNs>,
    panes: Vec<(PaneKind, TimeRange<RefNs>)>,
    selection: Option<TimeRange<RefNs>>,
    row: Option<RowRef>,
}

/// Panes that go their own way. Those of a comparison follow what is compared, which is remembered by itself.
fn unlinked(state: &State) -> impl Iterator<Item = (&PaneKind, TimeRange<RefNs>)> {
    let own = state.own_time.iter().filter(|(kind, _)| !matches!(kind, PaneKind::Compared(_)));
    own.map(|(kind, view)| (kind, view.window))
}

impl KeptView {
    /// What is looked at now; `None`: nothing is known of time yet.
    fn of(state: &State) -> Option<Self> {
        let (view, scene) = (&state.view, &state.scene);
        let reference = scene.facts.reference;
        let span = |range| Span::of(scene, reference, range);
        let window = if view.window == view.bounds { None } else { Some(span(view.window)?) };
        let owner = view.row.map_or(reference, |row| row.machine);
        Some(Self {
            recording: state.recording.unwrap_or(0),
            window,
            panes: unlinked(state).filter_map(|(kind, window)| Some((kind.clone(), span(window)?))).collect(),
            selection: view.selection.and_then(|range| Span::of(scene, owner, range)),
            row: view.row,
        })
    }

    /// Where that is now, cut to what there is; `None`: it is nowhere in what is open.
    fn place(&self, state: &State) -> Option<Place> {
        let (view, scene) = (&state.view, &state.scene);
        let within = |range: &TimeRange<RefNs>| range.begin < view.bounds.end && range.end > view.bounds.begin;
        if self.recording != state.recording.unwrap_or(0) {
            return None;
        }
        let window = match &self.window {
            Some(span) => view.fit(span.at(scene).filter(within)?),
            None => view.bounds,
        };
        let pane = |(kind, now): (&PaneKind, TimeRange<RefNs>)| {
            let kept = self.panes.iter().find(|(of, _)| of == kind).and_then(|(_, span)| span.at(scene));
            (kind.clone(), kept.filter(within).map_or(now, |range| view.fit(range)))
        };
        let selection = self.selection.and_then(|span| span.at(scene)).filter(within);
        let cut = |t: RefNs| t.clamp(view.bounds.begin, view.bounds.end);
        Some(Place {
            window,
            panes: unlinked(state).map(pane).collect(),
            selection: selection.map(|range| TimeRange::new(cut(range.begin), cut(range.end))),
            // A row may be known only when all is read.
            row: self.row.filter(|row| !scene.complete || scene.row(*row).is_some()),
        })
    }

    /// Whether that is what is looked at.
    fn is_shown(&self, state: &State) -> bool {
        let view = &state.view;
        let now = Place {
            window: view.window,
            panes: unlinked(state).map(|(kind, window)| (kind.clone(), window)).collect(),
            selection: view.selection,
            row: view.row,
        };
        self.place(state) == Some(now)
    }
}

impl State {
    /// Remembers what is looked at, if that is not what is remembered.
    pub fn keep_view(&mut self) {
        let kept = self.memory.view(&self.paths);
        if !self.placed || kept.is_some_and(|kept| kept.is_shown(self)) {
            return;
        }
        if let Some(view) = KeptView::of(self) {
            self.memory.set_view(&self.paths, view);
        }
    }

    /// Whether somebody has gone anywhere else since what was looked at before was shown again.
    pub(super) fn went_elsewhere(&self) -> bool {
        self.placed && !self.returning.as_ref().is_some_and(|kept| kept.is_shown(self))
    }

    /// Shows what was looked at before, as far as that is known by now.
    pub(super) fn come_back(&mut self) {
        let Some(kept) = self.returning.take() else { return };
        let Some(place) = kept.place(self) else { return };
        self.view.set_window(place.window, false);
        (self.view.selection, self.view.row) = (place.selection, place.row);
        for (kind, window) in place.panes {
            if let Some(own) = self.own_time.get_mut(&kind) {
                own.set_window(window, false);
            }
        }
        // When all is read clocks stay as they are, and so does what is shown.
        self.returning = Some(kept).filter(|_| !self.scene.complete);
    }
}

#[cfg(test)]
mod tests;
