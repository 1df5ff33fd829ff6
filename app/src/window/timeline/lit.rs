//! Which runs of columns hold what is looked for; the others are dimmed.
//!
//! Where one interval fills a run it is asked exactly. Where many share one, as many of them are asked as a frame has
//! time for; beyond that a run counts as found where the states that are seen in it could be
//! meant: zooming in tells.

use stratoscope_core::store::{Interval, Run};
use stratoscope_core::vocab::MachineNs;

use crate::window::find::rule::{At, RowFacts, Rule};
use crate::window::timeline::lane::Lane;

/// How many intervals of a row are asked for a picture of it.
const ASKED: usize = 400;

/// For each run whether it holds what is looked for. `begin_of`: where a column begins, in the machine's time.
pub(crate) fn lit(rule: &Rule, at: &At<'_>, runs: &[Run], begin_of: impl Fn(u32) -> MachineNs) -> Vec<bool> {
    let facts = RowFacts::of(at);
    match rule.of_row(&facts) {
        Some(known) if !known || !rule.is_about_states() => return vec![known; runs.len()],
        _ => {}
    }
    let lane: &dyn Lane = &*at.row.lane;
    let possible = rule.possible(&facts);
    let asks = |interval: &Interval| possible.contains(interval.look.state) && rule.of_state(&facts, at, interval);
    let mut left = ASKED;
    let mut of_run = |run: &Run| {
        if let Some(begin) = run.single {
            return lane.at(begin).is_some_and(|interval| asks(&interval));
        }
        let (begin, end) = (begin_of(run.begin), begin_of(run.end));
        let mut next = lane.at(begin).or_else(|| lane.next_after(begin));
        while let Some(interval) = next.filter(|i| i.begin < end) {
            if asks(&interval) {
                return true;
            }
            if left == 0 {
                return possible.contains(run.state) || run.ticks.0 & possible.0 != 0;
            }
            left -= 1;
            next = lane.next_after(interval.begin);
        }
        false
    };
    runs.iter().map(&mut of_run).collect()
}
