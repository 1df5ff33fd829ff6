//! The instances of a task that recurs, each with its flow: which were slow, and what took the time that they lost.
//! No screen here.

use stratoscope_core::flow::{Flow, FlowInstance, Worker};
use stratoscope_core::query::flows::Separator;
use stratoscope_core::vm::instances::SLOW_FACTOR;
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineId, RefNs, TimeRange};

use crate::window::command::RowRef;
use crate::window::flow::words::{kind_words, long_who, short_who};
use crate::window::joint::facts::Facts;

/// Fewer are no recurrence.
const FEWEST: usize = 3;

/// So many are followed: more are read by nobody, and each costs a path.
const MOST: usize = 1000;

/// An instance as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// When, on the axis that is shown.
    pub range: TimeRange<RefNs>,
    /// How long, on its machine's clock.
    pub duration: Dur,
    /// Whether it took much longer than usual.
    pub slow: bool,
    /// What took more than usual.
    pub culprit: Option<Culprit>,
    /// What determined its end.
    pub flow: Flow,
}

/// Who is to blame for an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Culprit {
    /// The name, without the machine.
    pub name: String,
    /// The machine.
    pub machine: MachineId,
    /// Name, machine and kind.
    pub words: String,
    /// How much more than usual it took.
    pub extra: Dur,
}

/// The instances of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instances {
    /// In order of time.
    pub list: Vec<Instance>,
    /// How many there are, of which the list has the first.
    pub all: usize,
}

/// The instances of a task over all time; none if it does not recur.
///
/// # Errors
/// Somebody cancelled.
pub fn instances(facts: &Facts, task: RowRef, cancel: &Cancel) -> Result<Instances, Cancelled> {
    let Some(machine) = facts.world.machine(task.machine) else { return Ok(Instances::default()) };
    let Some(id) = machine.store.find(&task.key) else { return Ok(Instances::default()) };
    let worker = Worker { machine: task.machine, row: id };
    let found = facts
        .world
        .instances(worker, TimeRange::ALWAYS, Separator::MostSlept, SLOW_FACTOR, cancel)?
        .unwrap_or_default();
    if found.period.is_none() || found.list.len() < FEWEST {
        return Ok(Instances::default());
    }
    let first = found.list.get(..MOST).unwrap_or(&found.list);
    let followed = facts.world.follow_instances(worker, first, cancel)?;
    let shown = |instance: FlowInstance| {
        let loss = instance.culprit.filter(|loss| loss.extra > Dur(0));
        let culprit = loss.map(|l| Culprit {
            name: short_who(facts, l.total.who),
            machine: l.total.who.machine,
            words: format!("{}, {}", long_who(facts, l.total.who), kind_words(l.total.kind)),
            extra: l.extra,
        });
        let at = |t| machine.to_ref(t);
        Instance {
            range: TimeRange::new(at(instance.stretch.begin), at(instance.stretch.end)),
            duration: instance.duration(),
            slow: instance.slow,
            culprit,
            flow: instance.flow,
        }
    };
    Ok(Instances { list: followed.into_iter().map(shown).collect(), all: found.list.len() })
}

impl Instances {
    /// What is compared if nobody chooses: a usual instance, which is the median of those that are not slow, and the
    /// one that is looked at, where that is slower. Else it is the slowest of all that needs an explanation.
    pub fn typical(&self, looked_at: Option<usize>) -> Option<[usize; 2]> {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|n| self.list.get(*n).map(|i| i.duration));
        let usual: Vec<usize> = order.iter().copied().filter(|n| self.list.get(*n).is_some_and(|i| !i.slow)).collect();
        let usual = *usual.get(usual.len().checked_sub(1)? / 2)?;
        let took = |n: usize| self.list.get(n).map(|i| i.duration);
        let slower = looked_at.filter(|n| took(*n) > took(usual));
        let slow = slower.or(order.last().copied())?;
        (usual != slow).then_some([usual, slow])
    }

    /// The instance that is meant by a stretch of time: more than half of each lies in the other.
    pub fn at(&self, range: TimeRange<RefNs>) -> Option<usize> {
        let common = |i: &Instance| (i.range.end.min(range.end) - i.range.begin.max(range.begin)).0;
        let longer = |i: &Instance| i.range.length().max(range.length()).0;
        self.list.iter().position(|i| common(i) > longer(i) / 2)
    }

    /// How many are slow.
    pub fn slow(&self) -> usize {
        self.list.iter().filter(|i| i.slow).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint::fake;
    use stratoscope_core::vocab::{RowKey, Tid};

    fn ms(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
    }

    #[test]
    fn the_one_that_is_looked_at_is_compared_with_a_usual_one() {
        let facts = fake::periodic();
        let task = RowRef { machine: fake::A, key: RowKey::thread(Tid(219), 0) };
        let found = instances(&facts, task, &Cancel::default()).unwrap();
        let slow: Vec<usize> = (0..found.list.len()).filter(|n| found.list[*n].slow).collect();
        assert!(!slow.is_empty() && slow.len() < found.list.len());
        let [usual, slowest] = found.typical(None).unwrap();
        assert!(!found.list[usual].slow);
        assert!(found.list.iter().all(|i| i.duration <= found.list[slowest].duration));
        for n in slow {
            assert_eq!(found.typical(Some(n)), Some([usual, n]));
        }
        // That it was as quick as usual needs no explanation.
        assert_eq!(found.typical(Some(usual)), Some([usual, slowest]));
    }

    #[test]
    fn a_selected_stretch_means_the_instance_that_it_mostly_is() {
        let facts = fake::periodic();
        let task = RowRef { machine: fake::A, key: RowKey::thread(Tid(219), 0) };
        let found = instances(&facts, task, &Cancel::default()).unwrap();
        for (n, instance) in found.list.iter().enumerate() {
            let TimeRange { begin, end } = instance.range;
            assert_eq!(found.at(instance.range), Some(n));
            assert_eq!(found.at(TimeRange::new(begin + Dur((end - begin).0 / 4), end)), Some(n));
            assert_eq!(found.at(TimeRange::new(begin, begin + Dur((end - begin).0 / 4))), None);
        }
        assert_eq!(found.at(ms(-1_000, 1_000_000)), None);
    }
}
