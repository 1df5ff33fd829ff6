//! The execution flow of a task, asked of the engine with what a pane knows: which task, which stretch of time. No
//! screen here.

use stratoscope_core::flow::{Flow, Piece, Worker};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Cancel, Cancelled, MachineId, RefNs, RowKey, RowKind, TimeRange};

use crate::window::command::RowRef;
use crate::window::flow::picture::Picture;
use crate::window::joint::facts::Facts;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The task: the row of a thread.
    pub task: RowRef,
    /// The stretch of time; `None`: its whole life.
    pub window: Option<TimeRange<RefNs>>,
}

/// A flow, and how it is drawn.
#[derive(Clone)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// What determined the end of the stretch.
    pub flow: Flow,
    /// Its rows.
    pub picture: Picture,
    /// The maps that it was made under; what is shown may lie elsewhere, while the synchronisation is off.
    pub maps: Vec<ClockMap>,
}

/// The task that a row is: of a task inside a VM and of a vCPU, the thread. Idle tasks are none.
pub fn task_of(facts: &Facts, row: RowRef) -> Option<RowRef> {
    if !matches!(row.key.kind, RowKind::Thread | RowKind::VmThread | RowKind::Vcpu) || row.key.id <= 0 {
        return None;
    }
    let task = RowRef { key: RowKey { kind: RowKind::Thread, ..row.key }, ..row };
    worker_of(facts, task).map(|_| task)
}

fn worker_of(facts: &Facts, task: RowRef) -> Option<Worker> {
    let row = facts.world.machine(task.machine)?.store.find(&task.key)?;
    Some(Worker { machine: task.machine, row })
}

/// The flow that is asked for; `None` if there is no such task.
///
/// # Errors
/// Somebody cancelled.
pub fn answer(facts: &Facts, question: &Question, cancel: &Cancel) -> Result<Option<Answer>, Cancelled> {
    let Some(worker) = worker_of(facts, question.task) else { return Ok(None) };
    let Some(machine) = facts.world.machine(question.task.machine) else { return Ok(None) };
    let window = question.window.map_or(TimeRange::ALWAYS, |range| machine.to_machine(range));
    let flow = facts.world.flow(worker, window, cancel)?;
    cancel.check()?;
    let maps = facts.world.flow_maps();
    let picture = Picture::new(facts, &maps, question.task, &flow);
    Ok(Some(Answer { question: question.clone(), flow, picture, maps }))
}

impl Answer {
    /// An instant of the flow, seen from a machine, on the axis that is shown.
    pub fn shown(&self, facts: &Facts, machine: MachineId, t: RefNs) -> RefNs {
        let map = self.maps.get(usize::from(machine.0));
        match facts.world.machine(machine).zip(map) {
            Some((machine, map)) if machine.map != *map => machine.to_ref(map.from_ref(t)),
            _ => t,
        }
    }

    /// When a piece is on the axis that is shown.
    pub fn range(&self, facts: &Facts, piece: &Piece) -> TimeRange<RefNs> {
        let at = |t| self.shown(facts, piece.who.machine, t);
        TimeRange::new(at(piece.range.begin), at(piece.range.end))
    }

    /// When the whole flow is, seen from the task.
    pub fn window(&self, facts: &Facts) -> TimeRange<RefNs> {
        let at = |t| self.shown(facts, self.question.task.machine, t);
        TimeRange::new(at(self.flow.window.begin), at(self.flow.window.end))
    }

    /// The piece at an instant of the flow's own axis.
    pub fn piece_at(&self, t: RefNs) -> Option<usize> {
        let n = self.flow.pieces.partition_point(|p| p.range.end <= t);
        self.flow.pieces.get(n).filter(|p| p.range.begin <= t).map(|_| n)
    }
}
