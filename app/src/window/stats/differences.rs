//! What differs between the two sides of a comparison: time per state by name, and latencies by percentile.
//!
//! Machines are paired first: a machine with itself, else with the one of the same name (`host` and `host#2` are one
//! host in two recordings), else the only ones that are left.

use std::collections::HashMap;

use stratoscope_core::stats::compare::{CompareSide, compare};
use stratoscope_core::stats::{LatencyKind, LatencyQuery, keep_latencies, latencies};
use stratoscope_core::store::StoreSnapshot;
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineId, MachineNs, Name, RefNs, RowKind, State, TimeRange};

use crate::window::command::RowRef;
use crate::window::joint::facts::Facts;
use crate::window::stats::comparison::{Comparison, Side, SideName};
use crate::window::stats::latencies::{Figure, Which, place, range_on};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Time per state of rows of a kind.
    Times(RowKind),
    /// Latencies.
    Latencies(Which),
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Time in a state.
    Time(State),
    /// A latency.
    Latency(LatencyKind),
}

/// Where a click on a line leads to: a row, and of a latency its time.
pub type Goal = (RowRef, Option<TimeRange<RefNs>>);

/// What one side has of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Its machine, if it has one.
    pub machine: Option<MachineId>,
    /// How long it was recorded within the side's stretch of time.
    pub length: Dur,
    /// Nanoseconds in the state.
    pub time: i64,
    /// Numbers of latencies, in the order of [`Figure::ALL`]; `None`: there is not a single one.
    pub figures: Option<[i64; 8]>,
    /// Where to find it.
    pub goal: Option<Goal>,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is about.
    pub subject: Subject,
    /// Of what: a task, a CPU, a system call.
    pub name: String,
    /// A and B.
    pub parts: [Part; 2],
}

/// How a line's numbers are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Nanoseconds in a nanosecond.
    Share,
    /// A number of things.
    Count,
    /// A number of things in a second.
    PerSecond,
}

impl Line {
    /// The unit of what is shown of it.
    pub fn unit(&self, figure: Figure, scaled: bool) -> Unit {
        match (self.subject, figure, scaled) {
            (Subject::Time(_), _, true) | (Subject::Latency(_), Figure::Total, true) => Unit::Share,
            (Subject::Latency(_), Figure::Count, true) => Unit::PerSecond,
            (Subject::Latency(_), Figure::Count, false) => Unit::Count,
            _ => Unit::Time,
        }
    }

    /// The two numbers, as far as there are any; `scaled`: what grows with the length of a side is divided by it.
    pub fn values(&self, figure: Figure, scaled: bool) -> [Option<f64>; 2] {
        let unit = self.unit(figure, scaled);
        self.parts.each_ref().map(|part| {
            let value = match self.subject {
                Subject::Time(_) => Some(part.time),
                // That there is none is a number and a total, but no duration.
                Subject::Latency(_) if matches!(figure, Figure::Count | Figure::Total) => {
                    Some(part.figures.map_or(0, |f| f[figure as usize]))
                }
                Subject::Latency(_) => part.figures.map(|f| f[figure as usize]),
            };
            let length = part.length.0.max(1) as f64;
            value.map(|value| match unit {
                Unit::Share => value as f64 / length,
                Unit::PerSecond => value as f64 * 1e9 / length,
                Unit::Time | Unit::Count => value as f64,
            })
        })
    }

    /// How much more B has than A; `None`: one of them has nothing to compare.
    pub fn difference(&self, figure: Figure, scaled: bool) -> Option<f64> {
        let [a, b] = self.values(figure, scaled);
        Some(b? - a?)
    }
}

/// Which machines stand opposite each other; one that has no partner stands alone.
pub fn pairs(facts: &Facts, comparison: &Comparison) -> Vec<[Option<MachineId>; 2]> {
    let recorded = |side: &Side| -> Vec<MachineId> {
        let Some(range) = side.range else { return Vec::new() };
        let all = facts.world.machines.iter().map(|m| m.id);
        all.filter(|id| side.machine.is_none_or(|m| m == *id) && range_on(facts, *id, range).is_some()).collect()
    };
    let [mut a, mut b] = comparison.sides.each_ref().map(recorded);
    let mut found = Vec::new();
    let name = |id: MachineId| {
        let name = facts.world.machine(id).map_or("", |m| &m.name);
        match name.rsplit_once('#') {
            Some((base, number)) if number.parse::<u32>().is_ok() => base.to_owned(),
            _ => name.to_owned(),
        }
    };
    let mut pair = |a: &mut Vec<MachineId>, b: &mut Vec<MachineId>, fits: &dyn Fn(MachineId, MachineId) -> bool| {
        a.retain(|one| {
            let partner = b.iter().position(|other| fits(*one, *other));
            if let Some(n) = partner {
                found.push([Some(*one), Some(b.remove(n))]);
            }
            partner.is_none()
        });
    };
    if comparison.sides.iter().all(|s| s.machine.is_some()) {
        pair(&mut a, &mut b, &|_, _| true);
    }
    pair(&mut a, &mut b, &|one, other| one == other);
    pair(&mut a, &mut b, &|one, other| name(one) == name(other));
    if a.len() == 1 && b.len() == 1 {
        pair(&mut a, &mut b, &|_, _| true);
    }
    found.extend(a.into_iter().map(|m| [Some(m), None]));
    found.extend(b.into_iter().map(|m| [None, Some(m)]));
    // Where one side's machine was chosen, only what stands opposite it is meant.
    let chosen = comparison.sides.map(|s| s.machine.is_some());
    found.retain(|pair| (0..2).all(|n| !chosen[n] || pair[n].is_some()));
    found.sort();
    found
}

/// What differs; unsorted.
///
/// # Errors
/// Somebody cancelled.
pub fn differences(
    facts: &Facts,
    comparison: &Comparison,
    what: What,
    cancel: &Cancel,
) -> Result<Vec<Line>, Cancelled> {
    let mut lines = Vec::new();
    for machines in pairs(facts, comparison) {
        match what {
            What::Times(kind) => times(facts, comparison, machines, kind, cancel, &mut lines)?,
            What::Latencies(which) => waits(facts, comparison, machines, which, cancel, &mut lines)?,
        }
    }
    Ok(lines)
}

/// The part of a side in which its machine was recorded, in the machine's time; of no machine an empty one.
fn range_of(facts: &Facts, side: &Side, machine: Option<MachineId>) -> TimeRange<MachineNs> {
    let range = side.range.zip(machine).and_then(|(range, machine)| range_on(facts, machine, range));
    range.unwrap_or(TimeRange::new(MachineNs(0), MachineNs(0)))
}

/// The rows of a kind: joined ones where there are any, as in timelines.
fn store_of<'a>(
    facts: &'a Facts,
    machine: Option<MachineId>,
    kind: RowKind,
    empty: &'a StoreSnapshot,
) -> &'a StoreSnapshot {
    let Some(machine) = machine.and_then(|m| facts.world.machine(m)) else { return empty };
    let truth = facts.world.vm.as_ref().and_then(|vm| vm.truth(machine.id));
    match truth {
        Some(truth) if truth.rows().any(|r| r.key().kind == kind) => truth,
        _ => &machine.store,
    }
}

fn times(
    facts: &Facts,
    comparison: &Comparison,
    machines: [Option<MachineId>; 2],
    kind: RowKind,
    cancel: &Cancel,
    lines: &mut Vec<Line>,
) -> Result<(), Cancelled> {
    let empty = StoreSnapshot::of_rows([], MachineNs(0));
    let side = |name: SideName| {
        let machine = machines[name as usize];
        CompareSide {
            store: store_of(facts, machine, kind, &empty),
            names: &facts.world.names,
            range: range_of(facts, comparison.side(name), machine),
        }
    };
    let sides = SideName::ALL.map(side);
    for pair in compare(sides, &[kind], cancel)? {
        for state in State::ALL.iter().copied().filter(|s| *s != State::None) {
            if pair.sides.iter().all(|s| s.sums.time(state) == Dur(0)) {
                continue;
            }
            let part = |n: usize| {
                let (side, of) = (&pair.sides[n], sides[n]);
                let row = side.busiest.and_then(|id| of.store.row(id)).zip(machines[n]);
                Part {
                    machine: machines[n],
                    length: of.range.length(),
                    time: side.sums.time(state).0,
                    figures: None,
                    goal: row.map(|(row, machine)| (RowRef { machine, key: row.key() }, None)),
                }
            };
            let rows = pair.sides.iter().map(|s| s.rows).max().unwrap_or(1);
            let name = if pair.name.is_empty() { "nameless" } else { &pair.name };
            let name = if rows > 1 { format!("{name} × {rows}") } else { name.to_owned() };
            lines.push(Line { subject: Subject::Time(state), name, parts: [part(0), part(1)] });
        }
    }
    Ok(())
}

fn waits(
    facts: &Facts,
    comparison: &Comparison,
    machines: [Option<MachineId>; 2],
    which: Which,
    cancel: &Cancel,
    lines: &mut Vec<Line>,
) -> Result<(), Cancelled> {
    let part = |n: usize| Part {
        machine: machines[n],
        length: range_of(facts, &comparison.sides[n], machines[n]).length(),
        ..Part::default()
    };
    let first = lines.len();
    let mut known: HashMap<(LatencyKind, Name), usize> = HashMap::default();
    for (n, machine) in machines.iter().enumerate() {
        let Some(machine) = machine.and_then(|m| facts.world.machine(m)) else { continue };
        let range = range_of(facts, &comparison.sides[n], machines[n]);
        let query = LatencyQuery { range, kinds: which.kinds(), thread: None };
        if facts.complete {
            keep_latencies(&machine.store, cancel)?;
        }
        for found in latencies(&machine.store, &query, cancel)? {
            let at = *known.entry((found.kind, found.name)).or_insert_with(|| {
                lines.push(Line {
                    subject: Subject::Latency(found.kind),
                    name: facts.world.names.text(found.name).to_string(),
                    parts: [part(0), part(1)],
                });
                lines.len() - 1 - first
            });
            if let Some(mine) = lines.get_mut(first + at).and_then(|l| l.parts.get_mut(n)) {
                mine.figures = Some(Figure::ALL.map(|figure| figure.of(&found.histogram)));
                let longest = found.longest;
                let goal = place(facts, machine.id, longest.row, longest.begin.0, longest.duration);
                mine.goal = goal.map(|p| (p.row, Some(p.span)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint::fake::{self, A, B, HOST};

    fn ms(a: i64, b: i64) -> Option<TimeRange<RefNs>> {
        Some(TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000)))
    }

    fn sides(a: Side, b: Side) -> Comparison {
        Comparison { sides: [a, b] }
    }

    #[test]
    fn machines_are_paired_by_themselves_by_name_or_by_word() {
        let mut facts = fake::fighting();
        let side = |range, machine| Side { range, machine };
        let all = sides(side(ms(0, 10), None), side(ms(10, 20), None));
        assert_eq!(pairs(&facts, &all), [HOST, A, B].map(|m| [Some(m), Some(m)]));
        let chosen = sides(side(ms(0, 10), Some(A)), side(ms(0, 10), Some(B)));
        assert_eq!(pairs(&facts, &chosen), [[Some(A), Some(B)]]);
        let half = sides(side(ms(0, 10), Some(A)), side(ms(10, 20), None));
        assert_eq!(pairs(&facts, &half), [[Some(A), Some(A)]]);
        // Two recordings: the machines of the second are called as those of the first.
        facts.world.machines[1].name = "host#2".into();
        facts.world.machines[1].extent = TimeRange::new(MachineNs(50_000_000), MachineNs(60_000_000));
        facts.world.machines.truncate(2);
        let two = sides(side(ms(0, 40), None), side(ms(50, 60), None));
        assert_eq!(pairs(&facts, &two), [[Some(HOST), Some(A)]]);
        assert!(pairs(&facts, &Comparison::default()).is_empty());
    }

    #[test]
    fn times_and_latencies_differ_as_rows_say() {
        let facts = fake::fighting();
        let side = |range| Side { range, machine: Some(HOST) };
        let comparison = sides(side(ms(0, 10)), side(ms(10, 30)));
        let lines = differences(&facts, &comparison, What::Times(RowKind::Thread), &Cancel::default()).unwrap();
        let ran =
            lines.iter().find(|l| l.name == "CPU 0/KVM × 2" && l.subject == Subject::Time(State::RunningUser)).unwrap();
        assert_eq!(ran.values(Figure::Total, false), [Some(10e6), Some(20e6)]);
        assert_eq!(ran.difference(Figure::Total, true), Some(0.0), "one of the two runs all the time");
        let busiest = ran.parts.each_ref().map(|p| p.goal.map(|g| g.0.key.id));
        assert_eq!(busiest[0], Some(184));
        let lines = differences(&facts, &comparison, What::Latencies(Which::Waits), &Cancel::default()).unwrap();
        let woken = lines.iter().find(|l| l.subject == Subject::Latency(LatencyKind::Wakeup)).unwrap();
        assert_eq!(woken.name, "consumerd");
        assert_eq!(woken.values(Figure::Max, false), [None, Some(1e6)]);
        assert_eq!(woken.values(Figure::Count, true), [Some(0.0), Some(50.0)]);
        assert_eq!(woken.difference(Figure::P95, false), None);
        assert_eq!(woken.parts[1].goal.and_then(|g| g.1), ms(12, 13));
    }
}
