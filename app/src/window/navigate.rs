//! Walking: from state to state, along a CPU, from the woken to the waker. Questions to rows, without a screen.

pub use stratoscope_core::query::world::to_ref;
use stratoscope_core::store::{WakeContext, Wakeup};
use stratoscope_core::vocab::{Cpu, Dur, MachineNs, RefNs, RowKey, RowKind, State, Tid, TimeRange};

use crate::window::command::{Direction, RowRef};
use crate::window::relations;
use crate::window::timeline::lane::Interval;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};

/// Where a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The row.
    pub row: RowRef,
    /// The instant.
    pub t: RefNs,
}

/// Why a step leads nowhere, in words.
pub type Nowhere = String;

/// How many intervals one step looks at. A row may have millions, and a key must answer within a frame.
const MAX_STEPS: usize = 50_000;

fn find(scene: &Scene, row: RowRef) -> Result<(&SceneMachine, &SceneRow), Nowhere> {
    match scene.row(row) {
        Some((machine, _, row)) => Ok((machine, row)),
        None => Err("The row is not there any more".to_owned()),
    }
}

/// The state of a row at an instant.
pub fn interval_at(scene: &Scene, row: RowRef, t: RefNs) -> Option<Interval> {
    let (machine, _, row) = scene.row(row)?;
    machine.at(row, t)
}

/// An interval on the reference axis.
pub fn span(scene: &Scene, row: RowRef, interval: &Interval) -> Option<TimeRange<RefNs>> {
    let machine = scene.machine(row.machine)?;
    Some(TimeRange::new(to_ref(&machine.map, interval.begin), to_ref(&machine.map, interval.end)))
}

/// The begin of the next or previous state of a row; `same`: of one equal to the present.
///
/// # Errors
/// There is none.
pub fn step_state(scene: &Scene, row: RowRef, t: RefNs, direction: Direction, same: bool) -> Result<Place, Nowhere> {
    let (machine, scene_row) = find(scene, row)?;
    let lane = &scene_row.lane;
    let at = machine.map.from_ref(t);
    let present = lane.at(at);
    let wanted = present.filter(|_| same).map(|i| i.look.state);
    let mut candidate = match (direction, present) {
        (Direction::Forward, _) => lane.next_after(at),
        // From inside of a state, back is to its begin first.
        (Direction::Back, Some(i)) if !same && i.begin < at => Some(i),
        (Direction::Back, Some(i)) => lane.prev_before(i.begin),
        (Direction::Back, None) => lane.prev_before(at),
    };
    for _ in 0..MAX_STEPS {
        let Some(interval) = candidate else {
            return Err(match (direction, same) {
                (Direction::Forward, false) => "No later state in this row",
                (Direction::Forward, true) => "The row is in this state for the last time",
                (Direction::Back, false) => "No earlier state in this row",
                (Direction::Back, true) => "The row is in this state for the first time",
            }
            .to_owned());
        };
        if wanted.is_none_or(|state| state == interval.look.state) {
            return Ok(Place { row, t: to_ref(&machine.map, interval.begin) });
        }
        candidate = match direction {
            Direction::Forward => lane.next_after(interval.begin),
            Direction::Back => lane.prev_before(interval.begin),
        };
    }
    Err(format!("Not in this state within {MAX_STEPS} changes"))
}

/// Whether a thread is on a CPU.
pub fn is_running(state: State) -> bool {
    matches!(
        state,
        State::RunningUser
            | State::RunningSyscall
            | State::Interrupted
            | State::Guest
            | State::Vmm
            | State::PreemptedByHost
            | State::InHypervisor
    )
}

/// The thread that is current on a CPU at an instant.
pub fn current_thread(machine: &SceneMachine, cpu: Cpu, t: MachineNs) -> Option<RowRef> {
    let cpu_row = machine.row(*machine.by_key.get(&RowKey::cpu(cpu))?)?;
    let tid = i32::try_from(cpu_row.lane.at(t)?.look.aux).ok()?;
    let key = if tid == 0 { RowKey::idle(cpu) } else { machine.thread(Tid(tid), t)?.1.key };
    machine.by_key.contains_key(&key).then_some(RowRef { machine: machine.id, key })
}

/// Where things go on: from a CPU to the thread that it runs; from a running thread to the one that comes after
/// it on its CPU; from a thread that does not run to where it runs next.
///
/// # Errors
/// The trace does not tell.
pub fn follow(scene: &Scene, row: RowRef, t: RefNs) -> Result<Place, Nowhere> {
    let (machine, scene_row) = find(scene, row)?;
    let at = machine.map.from_ref(t);
    let place = |row: RowRef, at: MachineNs| Place { row, t: to_ref(&machine.map, at) };
    match row.key.kind {
        RowKind::Cpu | RowKind::Irq | RowKind::Softirq => current_thread(machine, row.key.cpu, at)
            .map(|row| Place { row, t })
            .ok_or_else(|| "It is not known what runs on this CPU then".to_owned()),
        RowKind::Vcpu | RowKind::VmThread => {
            // The thread leads on; whoever looks at vCPUs and their tasks goes on looking at such rows.
            let twin = |row: RowRef, kind| RowRef { key: RowKey { kind, ..row.key }, ..row };
            let place = follow(scene, twin(row, RowKind::Thread), t)?;
            let same = twin(place.row, row.key.kind);
            Ok(if scene.row(same).is_some() { Place { row: same, ..place } } else { place })
        }
        RowKind::PhysicalCpu => match relations::go_to_culprit(scene, row, t) {
            Ok(place) => Ok(place),
            Err(_) => follow(scene, RowRef { key: RowKey::cpu(row.key.cpu), ..row }, t),
        },
        RowKind::Thread => {
            let present = scene_row.lane.at(at);
            let on_cpu = if row.key.is_idle_task() {
                Some(row.key.cpu)
            } else {
                present.filter(|i| is_running(i.look.state)).and_then(|i| cpu_of(&i))
            };
            match (present, on_cpu) {
                (Some(interval), Some(cpu)) => {
                    let end = end_of_run(scene_row, interval, cpu, row.key.is_idle_task());
                    let next = current_thread(machine, cpu, end)
                        .filter(|next| *next != row)
                        .ok_or_else(|| format!("It is not known what runs on CPU {} afterwards", cpu.0))?;
                    Ok(place(next, end))
                }
                _ => {
                    let mut next = scene_row.lane.next_after(at);
                    for _ in 0..MAX_STEPS {
                        match next {
                            Some(i) if is_running(i.look.state) => return Ok(place(row, i.begin)),
                            Some(i) => next = scene_row.lane.next_after(i.begin),
                            None => return Err("The thread does not run again".to_owned()),
                        }
                    }
                    Err("The thread does not run for long".to_owned())
                }
            }
        }
    }
}

/// The CPU of a thread's interval.
pub fn cpu_of(interval: &Interval) -> Option<Cpu> {
    u16::try_from(interval.look.aux).ok().map(Cpu).filter(|c| *c != Cpu::UNKNOWN)
}

/// The instant at which a thread leaves the CPU: system calls and interrupts do not end its run.
fn end_of_run(row: &SceneRow, mut interval: Interval, cpu: Cpu, idle: bool) -> MachineNs {
    for _ in 0..MAX_STEPS {
        match row.lane.at(interval.end) {
            Some(next) if idle || (is_running(next.look.state) && cpu_of(&next) == Some(cpu)) => {
                if next.end <= interval.end {
                    break;
                }
                interval = next;
            }
            _ => break,
        }
    }
    interval.end
}

/// The wake-up that a state goes back to: the one that ends a wait, or the last one before anything else.
pub fn wakeup_of(scene: &Scene, row: RowRef, t: RefNs) -> Option<Wakeup> {
    let (machine, id, scene_row) = scene.row(row)?;
    let at = machine.map.from_ref(t);
    let interval = scene_row.lane.at(at);
    let asleep = interval.filter(|i| matches!(i.look.state, State::Blocked | State::WaitingUnknown | State::Halted));
    if let Some(interval) = asleep {
        let mut found = None;
        // It may be recorded a moment before the thread is seen to be runnable.
        let range = TimeRange::new(interval.begin, interval.end + Dur(1));
        machine.wakeups.each(range, &mut |w| {
            if w.woken == id {
                found = Some(*w);
            }
            true
        });
        if found.is_some() {
            return found;
        }
    }
    last_wakeup(machine, id, at)
}

/// The last wake-up of a row at or before an instant, looking back further and further, but not for ever.
fn last_wakeup(machine: &SceneMachine, id: stratoscope_core::vocab::RowId, at: MachineNs) -> Option<Wakeup> {
    let begin = machine.extent.map_or(at - Dur(1), |e| e.begin);
    let mut reach = Dur(1_000_000);
    loop {
        let from = (at - reach).max(begin);
        let range = TimeRange::new(from, at + Dur(1));
        if machine.wakeups.count(range) > 40 * MAX_STEPS {
            return None;
        }
        let mut found = None;
        machine.wakeups.each(range, &mut |w| {
            if w.woken == id {
                found = Some(*w);
            }
            true
        });
        if found.is_some() || from <= begin {
            return found;
        }
        reach = Dur(reach.0.saturating_mul(8));
    }
}

/// The row that a wake-up came from: the waker, or the interrupt whose handler did it.
pub fn waker_row(machine: &SceneMachine, wakeup: &Wakeup) -> Option<RowRef> {
    let known = |key: RowKey| machine.by_key.contains_key(&key).then_some(RowRef { machine: machine.id, key });
    let number = i32::from(wakeup.number);
    let interrupt = match wakeup.context {
        WakeContext::Task => {
            let row = wakeup.waker.and_then(|w| machine.row(w)).map(|r| r.key)?;
            return known(row);
        }
        WakeContext::Irq | WakeContext::Vector => known(RowKey::irq(number, wakeup.cpu)),
        WakeContext::Softirq => known(RowKey::softirq(number, wakeup.cpu)),
        // What an interrupt does is not the doing of the thread that it interrupted.
        WakeContext::Hrtimer
        | WakeContext::Timer
        | WakeContext::Network
        | WakeContext::Block
        | WakeContext::Unknown => None,
    };
    interrupt.or_else(|| known(RowKey::cpu(wakeup.cpu)))
}

/// From a state to whoever woke the thread.
///
/// # Errors
/// No wake-up was recorded, or its origin is not known.
pub fn follow_waker(scene: &Scene, row: RowRef, t: RefNs) -> Result<Place, Nowhere> {
    let (machine, _) = find(scene, row)?;
    let wakeup = wakeup_of(scene, row, t).ok_or_else(|| "No wake-up of this row is recorded before".to_owned())?;
    let waker = waker_row(machine, &wakeup).ok_or_else(|| "It is not known who woke this thread".to_owned())?;
    Ok(Place { row: waker, t: to_ref(&machine.map, wakeup.t) })
}
