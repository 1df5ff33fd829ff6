//! An execution flow: the question, and the answer with its sums and how far it can be trusted.

use rustc_hash::FxHashMap;

use crate::flow::graph::Worker;
use crate::flow::kind::FlowKind;
use crate::flow::path::{MOST_VISITED, Path, critical_path};
use crate::flow::refine::{Arrow, Piece, Refine};
use crate::flow::rows::{FlowMachine, RowGraph};
use crate::vm::{VmView, Who};
use crate::vocab::{Cancel, Cancelled, Dur, Interner, MachineNs, RefNs, RowKind, TimeRange};

/// What flows need of a session.
#[derive(Clone, Copy)]
pub struct FlowInput<'a> {
    /// Its machines, by number.
    pub machines: &'a [FlowMachine<'a>],
    /// Who is whose guest, and joined rows under the machines' maps; without it guests are not refined.
    pub view: Option<&'a VmView>,
    /// The session's names.
    pub names: &'a Interner,
    /// Stops the work.
    pub cancel: &'a Cancel,
}

/// The execution flow of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The task.
    pub task: Worker,
    /// Its name and number, where the flow begins.
    pub who: Who,
    /// What the flow covers, on the reference's axis: the part of the asked window in which the task existed.
    pub window: TimeRange<RefNs>,
    /// In order of time. Together with the arrows that take time they cover the window exactly.
    pub pieces: Vec<Piece>,
    /// In order of time.
    pub arrows: Vec<Arrow>,
    /// Edges of the execution graph that were looked at.
    pub visited: u64,
    /// How far it can be trusted, in sentences; none if nothing is to be said.
    pub notes: Vec<String>,
}

/// Time of one kind that goes to one task's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// Whose.
    pub who: Who,
    /// What.
    pub kind: FlowKind,
    /// How long.
    pub time: Dur,
}

/// Answers questions about one state of a session; what it looks up once it keeps.
pub struct Follower<'a> {
    input: FlowInput<'a>,
    graph: RowGraph<'a>,
}

impl<'a> Follower<'a> {
    /// Nothing is looked up yet.
    pub fn new(input: FlowInput<'a>) -> Self {
        Self { graph: RowGraph::new(input.machines, input.view, input.names, input.cancel), input }
    }

    /// Follows a task through a window of its machine's time.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn follow(&mut self, task: Worker, window: TimeRange<MachineNs>) -> Result<Flow, Cancelled> {
        let asked = self.existing(task, window);
        let path = self.path(task, asked)?;
        let refine = Refine {
            machines: self.input.machines,
            view: self.input.view,
            words: self.graph.words,
            cancel: self.input.cancel,
            pieces: Vec::new(),
        };
        let who = refine.who(task, asked.begin);
        let (pieces, arrows) = refine.path(&path)?;
        let mut flow = Flow { task, who, window: asked, pieces, arrows, visited: path.visited, notes: Vec::new() };
        flow.notes = notes(&self.input, &flow, path.given_up);
        Ok(flow)
    }

    /// The critical path alone, by wake-ups and packets: nothing of what the host did.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn path(&mut self, task: Worker, window: TimeRange<RefNs>) -> Result<Path, Cancelled> {
        critical_path(&mut self.graph, task, window)
    }

    /// The part of a window in which the task existed, on the reference's axis; empty if there is none.
    pub fn existing(&self, task: Worker, window: TimeRange<MachineNs>) -> TimeRange<RefNs> {
        let machine = self.input.machines.get(usize::from(task.machine.0));
        let extent = machine.and_then(|m| Some((m.map, m.store.row(task.row)?.extent()?)));
        let Some((map, extent)) = extent else { return TimeRange::new(RefNs(0), RefNs(0)) };
        let begin = window.begin.max(extent.begin);
        TimeRange::new(map.to_ref(begin), map.to_ref(window.end.min(extent.end).max(begin)))
    }
}

impl Flow {
    /// Time per task and kind, the longest first; equal ones in the order in which they appear.
    pub fn totals(&self) -> Vec<Total> {
        let mut totals: Vec<Total> = Vec::new();
        let mut known: FxHashMap<(Who, FlowKind), usize> = FxHashMap::default();
        for piece in &self.pieces {
            let at = *known.entry((piece.who, piece.kind)).or_insert_with(|| {
                totals.push(Total { who: piece.who, kind: piece.kind, time: Dur(0) });
                totals.len() - 1
            });
            if let Some(total) = totals.get_mut(at) {
                total.time = total.time + piece.range.length();
            }
        }
        totals.sort_by_key(|t| std::cmp::Reverse(t.time));
        totals
    }

    /// Time per kind, in the order of [`FlowKind::ALL`], without those that do not occur.
    pub fn by_kind(&self) -> Vec<(FlowKind, Dur)> {
        let mut times = vec![Dur(0); FlowKind::ALL.len()];
        for piece in &self.pieces {
            let time = times.get_mut(piece.kind as usize);
            if let Some(time) = time {
                *time = *time + piece.range.length();
            }
        }
        FlowKind::ALL.iter().copied().zip(times).filter(|(_, time)| *time > Dur(0)).collect()
    }

    /// Time in which packets were on their way: what pieces leave of the window.
    pub fn in_flight(&self) -> Dur {
        self.arrows.iter().fold(Dur(0), |sum, arrow| sum + (arrow.to.1 - arrow.from.1))
    }

    /// Whoever but the task's own work took most time: never the task's own running.
    pub fn culprit(&self) -> Option<Total> {
        self.totals().into_iter().find(|total| !self.is_own_work(total))
    }

    /// Whether a total is the time in which the task itself ran.
    pub fn is_own_work(&self, total: &Total) -> bool {
        let own = total.who.machine == self.who.machine && total.who.tid == self.who.tid;
        own && total.kind == FlowKind::Running
    }
}

/// What must be said about a flow.
fn notes(input: &FlowInput<'_>, flow: &Flow, given_up: u32) -> Vec<String> {
    let mut notes = Vec::new();
    let mut machines: Vec<_> = flow.pieces.iter().map(|p| p.who.machine).collect();
    machines.push(flow.task.machine);
    machines.sort_unstable();
    machines.dedup();
    for machine in machines.iter().filter_map(|id| input.machines.get(usize::from(id.0))) {
        if machine.store.wakeups().is_empty() {
            notes.push(format!(
                "{}: no wake-up was recorded, so nobody can say what sleeping tasks waited for. Record \
                 `sched_waking`, `sched_wakeup` and `sched_wakeup_new` as well.",
                machine.name
            ));
        } else if !has_interrupts(machine) {
            notes.push(format!(
                "{}: no interrupts were recorded, so a wake-up by one looks like a wake-up by the task that it \
                 interrupted. Record `irq_*`, `timer_*` and `x86_irq_vectors_*` as well.",
                machine.name
            ));
        }
    }
    let unknown: i64 = flow.pieces.iter().filter(|p| p.kind == FlowKind::Unknown).map(|p| p.range.length().0).sum();
    let length = flow.window.length().0;
    if unknown > 0 && length > 0 {
        let share = 100.0 * unknown as f64 / length as f64;
        notes.push(format!("Of {share:.1} % of the time the traces do not tell what it was waited for."));
    }
    if given_up > 0 {
        notes.push(format!(
            "{given_up} waits are not explained: each would have needed more than {MOST_VISITED} steps back."
        ));
    }
    notes
}

/// Whether any interrupt or softirq of that machine was recorded.
fn has_interrupts(machine: &FlowMachine<'_>) -> bool {
    machine.store.rows().any(|row| matches!(row.key().kind, RowKind::Irq | RowKind::Softirq))
}
