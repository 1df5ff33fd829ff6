//! Two ranges of time side by side: what rows did in the one and in the other, by name.
//!
//! Rows are paired by machine, kind and name: tids differ from run to run, and a pool of workers is one thing.
//! What has no partner stands alone. The largest difference comes first.

use rustc_hash::FxHashMap;

use crate::store::{StateSums, StoreSnapshot};
use crate::vocab::{Cancel, Cancelled, Dur, Interner, MachineNs, RowId, RowKind, State, TimeRange};

/// Rows of one kind and name on one side of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// How many rows.
    pub rows: u32,
    /// Time and number per state.
    pub sums: StateSums,
    /// The row that did most: to go to.
    pub busiest: Option<RowId>,
}

/// A pair of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Kind of its rows.
    pub kind: RowKind,
    /// Their name.
    pub name: String,
    /// What they did before and after.
    pub sides: [Side; 2],
}

impl Pair {
    /// How much more time the second side has in a state.
    pub fn more(&self, state: State) -> Dur {
        self.sides[1].sums.time(state) - self.sides[0].sums.time(state)
    }

    /// The state whose time differs most, quiet states apart, and by how much.
    pub fn largest(&self) -> (State, Dur) {
        let loud = State::ALL.iter().copied().filter(|s| *s != State::None && !s.is_quiet());
        let each = loud.map(|state| (state, self.more(state)));
        // Among equals the first.
        each.fold((State::None, Dur(0)), |best, each| if each.1.0.abs() > best.1.0.abs() { each } else { best })
    }
}

/// One side's rows and range.
#[derive(Clone, Copy)]
pub struct CompareSide<'a> {
    /// The rows.
    pub store: &'a StoreSnapshot,
    /// The names of that session.
    pub names: &'a Interner,
    /// The range, of that machine's time.
    pub range: TimeRange<MachineNs>,
}

/// Compares rows of those kinds: the pair whose loud states differ most first. Takes time in proportion to the
/// number of rows, not of intervals.
///
/// # Errors
/// Somebody cancelled.
pub fn compare(sides: [CompareSide<'_>; 2], kinds: &[RowKind], cancel: &Cancel) -> Result<Vec<Pair>, Cancelled> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut known: FxHashMap<(RowKind, String), usize> = FxHashMap::default();
    // How much the busiest row of each pair's sides did.
    let mut most: Vec<[i64; 2]> = Vec::new();
    for (n, side) in sides.iter().enumerate() {
        // What an idle task does, its CPU says better.
        for row in side.store.rows().filter(|r| kinds.contains(&r.key().kind) && !r.key().is_idle_task()) {
            cancel.check()?;
            let sums = row.sums(side.range);
            if State::ALL.iter().skip(1).all(|s| sums.time(*s) == Dur(0)) {
                continue;
            }
            let key = row.key();
            let name = match key.kind {
                RowKind::Cpu | RowKind::PhysicalCpu => format!("CPU {}", key.id),
                _ => side.names.text(row.name_at(side.range.end)).to_string(),
            };
            let at = *known.entry((key.kind, name)).or_insert_with_key(|(kind, name)| {
                pairs.push(Pair { kind: *kind, name: name.clone(), sides: Default::default() });
                pairs.len() - 1
            });
            most.resize(pairs.len(), [-1; 2]);
            if let Some((mine, most)) = pairs.get_mut(at).and_then(|p| p.sides.get_mut(n)).zip(most[at].get_mut(n)) {
                mine.rows += 1;
                mine.sums.merge(&sums);
                let did: i64 = State::ALL.iter().skip(1).filter(|s| !s.is_quiet()).map(|s| sums.time(*s).0).sum();
                if did > *most {
                    (mine.busiest, *most) = (Some(row.id()), did);
                }
            }
        }
    }
    pairs.sort_by_cached_key(|pair| (std::cmp::Reverse(pair.largest().1.0.abs()), pair.kind, pair.name.clone()));
    Ok(pairs)
}
