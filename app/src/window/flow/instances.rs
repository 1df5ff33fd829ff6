//! The instances of a task that recurs, each with its flow: which were slow, and what took the time that they lost.
//! No screen here.

use stratoscope_core::flow::{Flow, FlowInstance, Worker};
use stratoscope_core::query::flows::Separator;
use stratoscope_core::vm::instances::SLOW_FACTOR;
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineId, MachineNs, RefNs, TimeRange};

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
    let whole = TimeRange::new(MachineNs::MIN, MachineNs::MAX);
    let worker = Worker { machine: task.machine, row: id };
    let found = facts.world.instances(worker, whole, Separator::MostSlept, SLOW_FACTOR, cancel)?.unwrap_or_default();
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
    /// The median instance and the slowest one: what is compared if nobody chooses.
    pub fn typical(&self) -> Option<[usize; 2]> {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|n| self.list.get(*n).map(|i| i.duration));
        let (median, slowest) = (*order.get(order.len().checked_sub(1)? / 2)?, *order.last()?);
        (median != slowest).then_some([median, slowest])
    }

    /// How many are slow.
    pub fn slow(&self) -> usize {
        self.list.iter().filter(|i| i.slow).count()
    }
}
