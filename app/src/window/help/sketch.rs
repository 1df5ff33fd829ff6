//! Small pictures of the samples: some of their rows, drawn from states and so in the colours of either theme.

use std::sync::LazyLock;

use egui::{Painter, Rect, pos2};
use serde::Deserialize;
use stratoscope_core::vocab::State;

use crate::window::parts::swatch;
use crate::window::theme::Theme;

/// A sample's rows, a letter a state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sketch {
    sample: String,
    rows: Vec<String>,
}

const SKETCHES: &str = include_str!("../../../../assets/help/samples.ron");

/// Letters and states.
const LETTERS: &[(char, State)] = &[
    ('G', State::Guest),
    ('V', State::Vmm),
    ('P', State::Preempted),
    ('p', State::PreemptedByHost),
    ('v', State::InHypervisor),
    ('R', State::RunningUser),
    ('S', State::RunningSyscall),
    ('I', State::Interrupted),
    ('w', State::WaitingCpu),
    ('b', State::Blocked),
];

fn sketches() -> &'static [Sketch] {
    static ALL: LazyLock<Vec<Sketch>> = LazyLock::new(|| ron::from_str(SKETCHES).unwrap_or_default());
    &ALL
}

fn state_of(letter: char) -> Option<State> {
    LETTERS.iter().find(|(l, _)| *l == letter).map(|(_, state)| *state)
}

/// Neighbouring letters that are the same, with where they begin and end.
fn runs(row: &str) -> Vec<(State, usize, usize)> {
    let mut runs: Vec<(State, usize, usize)> = Vec::new();
    for (n, state) in row.chars().enumerate().filter_map(|(n, letter)| state_of(letter).map(|state| (n, state))) {
        match runs.last_mut() {
            Some((last, _, end)) if *last == state && *end == n => *end = n + 1,
            _ => runs.push((state, n, n + 1)),
        }
    }
    runs
}

/// Draws a sample's picture into a rectangle. Returns whether there is one.
pub fn paint(painter: &Painter, rect: Rect, theme: &Theme, sample: &str) -> bool {
    let Some(sketch) = sketches().iter().find(|s| s.sample == sample) else { return false };
    painter.rect_filled(rect, 2.0, theme.ground);
    let inner = rect.shrink(4.0);
    let height = inner.height() / sketch.rows.len().max(1) as f32;
    for (n, row) in sketch.rows.iter().enumerate() {
        let width = inner.width() / row.chars().count().max(1) as f32;
        let top = inner.top() + n as f32 * height;
        let bottom = top + (height - 2.0).clamp(2.0, 14.0);
        for (state, begin, end) in runs(row) {
            let x = |at: usize| inner.left() + at as f32 * width;
            swatch(painter, Rect::from_min_max(pos2(x(begin), top), pos2(x(end), bottom)), theme, state);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_a_state_and_every_row_is_as_long() {
        let all: Vec<Sketch> = ron::from_str(SKETCHES).unwrap();
        assert!(all.iter().any(|s| s.sample == "fighting"));
        for row in all.iter().flat_map(|s| &s.rows) {
            assert!(row.chars().count() == 96 && row.chars().all(|c| state_of(c).is_some()), "{row}");
            let runs = runs(row);
            assert_eq!(runs.iter().map(|(_, a, b)| b - a).sum::<usize>(), 96);
            assert!(runs.windows(2).all(|w| w[0].0 != w[1].0 && w[0].2 == w[1].1));
        }
    }
}
