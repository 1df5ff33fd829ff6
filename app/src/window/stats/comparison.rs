//! What is compared with what: two stretches of time, A and B, each of all machines or of one; and the two panes
//! that show them one above the other, aligned at their begins.
//!
//! Plain data and what commands do to it. What differs between the two is counted in `differences`.

use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::{Dur, MachineId, RefNs, TimeRange};

use crate::window::layout::PaneKind;
use crate::window::own::Anchor;
use crate::window::state::State;
use crate::window::timeline::scene::{Scene, SceneMachine};
use crate::window::view::View;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SideName {
    /// What it was before.
    A,
    /// What it is now.
    B,
}

impl SideName {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// `A` or `B`.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A side of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Its stretch of time; `None`: not chosen yet.
    pub range: Option<TimeRange<RefNs>>,
    /// Its machine; `None`: each that was recorded then.
    pub machine: Option<MachineId>,
}

/// What is compared with what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// A, then B.
    pub sides: [Side; 2],
}

impl Comparison {
    /// One of its sides.
    pub fn side(&self, name: SideName) -> &Side {
        &self.sides[name as usize]
    }

    /// The same, to change it.
    pub fn side_mut(&mut self, name: SideName) -> &mut Side {
        &mut self.sides[name as usize]
    }

    /// Both stretches, if both are chosen.
    pub fn ranges(&self) -> Option<[TimeRange<RefNs>; 2]> {
        let [a, b] = self.sides;
        a.range.zip(b.range).map(|(a, b)| [a, b])
    }

    /// What the pane of a side shows at first: all of the longer side, with a little before it.
    pub fn window_of(&self, name: SideName) -> Option<TimeRange<RefNs>> {
        let begin = self.side(name).range?.begin;
        let longest = self.sides.iter().filter_map(|s| s.range).map(|r| r.length()).max()?;
        let margin = Dur((longest.0 / 50).max(1));
        Some(TimeRange::new(begin - margin, begin + longest + margin))
    }

    /// Everything put on another axis.
    pub fn rebase(&mut self, to: impl Fn(RefNs) -> RefNs) {
        for range in self.sides.iter_mut().filter_map(|s| s.range.as_mut()) {
            *range = TimeRange::new(to(range.begin), to(range.end));
        }
    }
}

/// A side as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptSide {
    range: Option<(Anchor, Anchor)>,
    machine: Option<MachineId>,
}

/// A comparison as it is remembered: instants in a machine's own time, like bookmarks, so that what is compared stays
/// the same whatever is chosen about clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptComparison {
    sides: [KeptSide; 2],
}

impl KeptComparison {
    /// What of a comparison is remembered; `None`: nothing was chosen.
    pub fn of(scene: &Scene, comparison: &Comparison) -> Option<Self> {
        let side = |side: &Side| {
            let reference = Some(scene.facts.reference).filter(|id| scene.machine(*id).is_some());
            let machine = machine_of(scene, side).or(reference).or(scene.machines.first().map(|m| m.id));
            let at = |t| Anchor::of(scene, machine?, t);
            KeptSide { range: side.range.and_then(|r| at(r.begin).zip(at(r.end))), machine: side.machine }
        };
        (*comparison != Comparison::default()).then(|| Self { sides: [0, 1].map(|n| side(&comparison.sides[n])) })
    }

    /// The comparison again; `None`: a machine of it is not there.
    pub fn comparison(&self, scene: &Scene) -> Option<Comparison> {
        let mut comparison = Comparison::default();
        for (side, kept) in comparison.sides.iter_mut().zip(&self.sides) {
            if let Some((begin, end)) = kept.range {
                side.range = Some(TimeRange::new(begin.at(scene)?, end.at(scene)?));
            }
            side.machine = kept.machine.filter(|id| scene.machine(*id).is_some());
        }
        Some(comparison)
    }
}

/// The machine whose rows the pane of a side shows, if it is only one: the chosen one, and where machines were not
/// all recorded then, as those of two recordings, the first that was.
pub fn machine_of(scene: &Scene, side: &Side) -> Option<MachineId> {
    let range = side.range?;
    let then = |m: &&SceneMachine| m.extent.is_some_and(|e| m.to_ref(e).overlaps(&range));
    let first = scene.machines.iter().find(then).filter(|_| !scene.machines.iter().all(|m| then(&m)));
    side.machine.or(first.map(|m| m.id))
}

/// The bounds of a pane's own window: a side's may reach beyond all there is, to stay aligned with the other.
pub fn bounds_of(kind: &PaneKind, comparison: &Comparison, bounds: TimeRange<RefNs>) -> TimeRange<RefNs> {
    let window = match kind {
        PaneKind::Compared(side) => comparison.window_of(*side),
        _ => None,
    };
    let room = window.map_or(Dur(0), |w| w.length());
    TimeRange::new(bounds.begin - room, bounds.end + room)
}

/// Gives the panes of sides that are chosen a window of their own; others show what all show.
pub fn settle(state: &mut State) {
    for name in SideName::ALL {
        let kind = PaneKind::Compared(name);
        match state.comparison.window_of(name).filter(|_| state.panes.contains(&kind)) {
            Some(window) => {
                let bounds = bounds_of(&kind, &state.comparison, state.view.bounds);
                state.panes.unlinked.insert(kind.clone());
                state.own_time.entry(kind).or_insert_with(|| View::new(window, bounds));
            }
            None => {
                state.panes.unlinked.remove(&kind);
                state.own_time.remove(&kind);
            }
        }
    }
}

/// The same, from the begin: the sides are others now.
pub fn place(state: &mut State) {
    for name in SideName::ALL {
        state.own_time.remove(&PaneKind::Compared(name));
    }
    settle(state);
}

/// After one side's window changed the other one shows what is as far from its own begin.
pub fn follow(state: &mut State, name: SideName) {
    let Some([a, b]) = state.comparison.ranges() else { return };
    let step = if name == SideName::A { b.begin - a.begin } else { a.begin - b.begin };
    let Some(window) = state.own_time.get(&PaneKind::Compared(name)).map(|v| v.window) else { return };
    if let Some(other) = state.own_time.get_mut(&PaneKind::Compared(name.other())) {
        other.set_window(TimeRange::new(window.begin + step, window.end + step), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a), RefNs(b))
    }

    #[test]
    fn both_sides_are_shown_equally_long_from_their_begins() {
        let mut comparison = Comparison::default();
        assert_eq!(comparison.window_of(SideName::A), None);
        comparison.side_mut(SideName::A).range = Some(range(0, 1_000));
        comparison.side_mut(SideName::B).range = Some(range(5_000, 5_500));
        assert_eq!(comparison.window_of(SideName::A), Some(range(-20, 1_020)));
        assert_eq!(comparison.window_of(SideName::B), Some(range(4_980, 6_020)));
        comparison.rebase(|t| t + Dur(7));
        assert_eq!(comparison.ranges(), Some([range(7, 1_007), range(5_007, 5_507)]));
    }
}
