//! Commands about comparisons: which stretches of time stand opposite each other.

use stratoscope_core::vocab::{Dur, RefNs, TimeRange};

use crate::window::apply::keep_layout;
use crate::window::axis::duration;
use crate::window::layout::PaneKind;
use crate::window::state::State;
use crate::window::stats::comparison::{self, Comparison, KeptComparison, Side, SideName};

/// The selected range, else what the pane with the keyboard shows.
fn meant(state: &State) -> TimeRange<RefNs> {
    let shown = || match state.panes.focused.as_ref() {
        Some(kind) => state.view_of(kind).window,
        None => state.view.window,
    };
    state.view.range().unwrap_or_else(shown)
}

/// Takes the selection as a side.
pub(super) fn selection(state: &mut State, name: SideName) {
    let range = meant(state);
    let of = if state.view.range().is_some() { "the selection" } else { "what is shown" };
    let side = Side { range: Some(range), ..*state.comparison.side(name) };
    set(state, name, side);
    let missing = SideName::ALL.into_iter().find(|n| state.comparison.side(*n).range.is_none());
    let more = missing.map_or_else(String::new, |n| format!(". Now choose {}", n.name()));
    state.notice = Some(format!("{}: {of}, {}{more}", name.name(), duration(range.length())));
}

/// Makes a side what it is to be.
pub(super) fn set(state: &mut State, name: SideName, side: Side) {
    *state.comparison.side_mut(name) = side;
    chosen(state);
}

/// Puts A in the place of B.
pub(super) fn swap(state: &mut State) {
    state.comparison.sides.swap(0, 1);
    chosen(state);
}

/// Compares the first with the second half.
pub(super) fn halves(state: &mut State) {
    let TimeRange { begin, end } = meant(state);
    let middle = begin + Dur((end - begin).0 / 2);
    let side = |range| Side { range: Some(range), machine: None };
    state.comparison = Comparison { sides: [side(TimeRange::new(begin, middle)), side(TimeRange::new(middle, end))] };
    chosen(state);
}

/// Compares two recordings that are open together; of one recording its first two machines.
pub(super) fn recordings(state: &mut State) {
    let mut extents: Vec<_> =
        state.scene.machines.iter().filter_map(|m| m.extent.map(|e| (m.to_ref(e), m.id))).collect();
    extents.sort_by_key(|(extent, id)| (extent.begin, *id));
    // Machines that were recorded at the same time.
    let mut groups: Vec<TimeRange<RefNs>> = Vec::new();
    for (extent, _) in &extents {
        match groups.last_mut() {
            Some(group) if extent.begin <= group.end => group.end = group.end.max(extent.end),
            _ => groups.push(*extent),
        }
    }
    let side = |range, machine| Side { range: Some(range), machine };
    let sides = match (groups.as_slice(), extents.as_slice()) {
        ([first, second, ..], _) => [side(*first, None), side(*second, None)],
        (_, [(a, one), (b, other), ..]) => [side(*a, Some(*one)), side(*b, Some(*other))],
        _ => {
            let what = "There is one machine: open another recording beside this one, or compare two stretches of time";
            state.notice = Some(what.to_owned());
            return;
        }
    };
    state.comparison = Comparison { sides };
    chosen(state);
}

/// The sides are others now: panes show them, and the table is shown once there is something to compare.
fn chosen(state: &mut State) {
    if state.comparison.ranges().is_some() && !state.panes.contains(&PaneKind::Compare) {
        state.own_layout = false;
        let focused = state.panes.focused.clone();
        state.panes.show(&PaneKind::Compare);
        // Whoever was looking at rows goes on doing so.
        state.panes.focused = focused.filter(|kind| state.panes.contains(kind)).or(state.panes.focused.take());
        keep_layout(state);
    }
    comparison::place(state);
    state.kept_comparison = None;
    state.memory.set_comparison(&state.paths, KeptComparison::of(&state.scene, &state.comparison));
}
