//! Which tasks of a machine recur, so that somebody can choose one without knowing its name.
//!
//! A task recurs if the distances between its wake-ups are alike. That is judged by their *median absolute
//! deviation*: one wake-up that came late does not make a task irregular, and a task that sleeps and wakes at
//! random has distances that differ from their median by about half of it.

use crate::store::StoreSnapshot;
use crate::vm::exits::percentile;
use crate::vm::instances::Pattern;
use crate::vocab::{Cancel, Cancelled, Dur, MachineNs, Name, RowId, RowKind, TimeRange};

/// So many instances make a habit.
const ENOUGH: usize = 5;

/// From which regularity on a task is called recurring.
const REGULAR: f64 = 0.7;

/// A task that recurs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recurring {
    /// Its row.
    pub row: RowId,
    /// What it waits for in between.
    pub kind: Name,
    /// The median distance of its wake-ups.
    pub period: Dur,
    /// How many instances there are.
    pub instances: usize,
    /// 1 for a clock, 0 for distances of any length: 1 less the deviation's share of the period.
    pub regularity: f64,
    /// Time from wake-ups to sleeps, all together.
    pub active: Dur,
}

/// The tasks of a store that recur within `range`: the most regular first, to a tenth, and of those the one that
/// is active longest. Takes time in proportion to the intervals of all threads.
///
/// # Errors
/// Somebody cancelled.
pub fn recurring(
    store: &StoreSnapshot,
    range: TimeRange<MachineNs>,
    cancel: &Cancel,
) -> Result<Vec<Recurring>, Cancelled> {
    let mut found = Vec::new();
    for row in store.rows() {
        let key = row.key();
        if !matches!(key.kind, RowKind::Thread | RowKind::VmThread) || key.id == 0 || row.len() < 2 * ENOUGH as u64 {
            continue;
        }
        cancel.check()?;
        let Some(pattern) = Pattern::of(row, range, None, cancel)? else { continue };
        let Some(period) = pattern.period().filter(|p| p.0 > 0 && pattern.stretches.len() >= ENOUGH) else { continue };
        let begins = pattern.stretches.windows(2).map(|two| (two[1].begin - two[0].begin).0);
        let mut deviations: Vec<i64> = begins.map(|d| (d - period.0).abs()).collect();
        let deviation = percentile(&mut deviations, 50).unwrap_or_default();
        let regularity = (1.0 - deviation.0 as f64 / period.0 as f64).max(0.0);
        if regularity >= REGULAR {
            let active = pattern.stretches.iter().fold(Dur(0), |sum, s| sum + s.length());
            let (kind, instances) = (pattern.kind, pattern.stretches.len());
            found.push(Recurring { row: row.id(), kind, period, instances, regularity, active });
        }
    }
    let tenths = |r: &Recurring| (r.regularity * 10.0) as u32;
    found.sort_by_key(|r| (std::cmp::Reverse((tenths(r), r.active)), r.row));
    Ok(found)
}
