//! Why one instance of a recurring task took longer than the others: their flows, compared.

use crate::flow::answer::{Flow, Follower, Total};
use crate::flow::graph::Worker;
use crate::flow::kind::FlowKind;
use crate::vm::Who;
use crate::vm::instances::usual;
use crate::vocab::{Cancelled, Dur, MachineNs, TimeRange};

/// An instance with what its time went to.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowInstance {
    /// Begin and end in its machine's time.
    pub stretch: TimeRange<MachineNs>,
    /// Whether it lasted longer than the factor times the lower quartile of all.
    pub slow: bool,
    /// What determined its end.
    pub flow: Flow,
    /// What took the most time more than in the lower quartile of all instances: never the task's own running.
    pub culprit: Option<Loss>,
}

/// Time that something took from an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What, and how long.
    pub total: Total,
    /// How much longer than usual.
    pub extra: Dur,
}

impl FlowInstance {
    /// How long it lasted, in its machine's time.
    pub fn duration(&self) -> Dur {
        self.stretch.length()
    }
}

/// One line of a comparison of two flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose time.
    pub who: Who,
    /// Of what kind.
    pub kind: FlowKind,
    /// How long in the one and in the other.
    pub times: [Dur; 2],
}

impl Difference {
    /// How much more the second has.
    pub fn more(&self) -> Dur {
        self.times[1] - self.times[0]
    }
}

/// The flows of all those stretches of a task (see [`crate::vm::instances`]), each with its culprit. `stretches`
/// say as well whether each is slow.
///
/// # Errors
/// Somebody cancelled.
pub fn follow_instances(
    follower: &mut Follower<'_>,
    task: Worker,
    stretches: &[(TimeRange<MachineNs>, bool)],
) -> Result<Vec<FlowInstance>, Cancelled> {
    let mut all = Vec::with_capacity(stretches.len());
    for (stretch, slow) in stretches {
        let flow = follower.follow(task, *stretch)?;
        all.push(FlowInstance { stretch: *stretch, slow: *slow, flow, culprit: None });
    }
    let totals: Vec<Vec<Total>> = all.iter().map(|i| losses(&i.flow)).collect();
    let keyed = |totals: &Vec<Total>| totals.iter().map(|t| ((t.who, t.kind), t.time)).collect();
    let usual = usual(&totals.iter().map(keyed).collect::<Vec<_>>());
    for (instance, totals) in all.iter_mut().zip(&totals) {
        let loss = |total: &Total| {
            let usual = usual.get(&(total.who, total.kind)).copied().unwrap_or_default();
            Loss { total: *total, extra: total.time - usual }
        };
        // Among equals the first: `max_by_key` alone would take the last.
        instance.culprit = totals.iter().map(loss).rev().max_by_key(|l| (l.extra, l.total.time));
    }
    Ok(all)
}

/// What differs between two flows, the largest difference first.
pub fn compare(one: &Flow, other: &Flow) -> Vec<Difference> {
    let mut lines: Vec<Difference> = Vec::new();
    for (side, flow) in [one, other].into_iter().enumerate() {
        for total in flow.totals() {
            let known = lines.iter().position(|l| l.who == total.who && l.kind == total.kind);
            let at = known.unwrap_or_else(|| {
                lines.push(Difference { who: total.who, kind: total.kind, times: [Dur(0); 2] });
                lines.len() - 1
            });
            if let Some(time) = lines.get_mut(at).and_then(|line| line.times.get_mut(side)) {
                *time = total.time;
            }
        }
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.more().0.abs()));
    lines
}

/// What a flow's time went to besides the task's own running.
fn losses(flow: &Flow) -> Vec<Total> {
    let mut totals = flow.totals();
    totals.retain(|total| !flow.is_own_work(total));
    totals
}
