//! The execution graph of a session: rows and points, read as edges and links.
//!
//! Nothing is stored for it. An edge is a run of neighbouring intervals of one kind (a system call and the
//! interrupts within are all *running*), a link is the wake-up point at a wait's end. What the kind of a wait is
//! follows from the context of that wake-up, as in Trace Compass' execution graph, with these differences: the
//! local timer's vector is a timer; names of disk and network controllers tell what their interrupts are; a
//! wake-up "by the idle task" was one by an interrupt that was not recorded, so its cause is unknown.
//!
//! All instants are on the reference's axis: edges are mapped as they are met, and queries are mapped back by
//! the exact adjoint, so the graph of mapped rows is walked, not an approximation of it.
//!
//! **Losses** cut: while a thread did not run, events of any CPU of its machine that were lost may have been its
//! own, so that stretch is unknown, what was before it is not explained by what came after it, and no path goes
//! back across it.

use rustc_hash::FxHashMap;

use crate::flow::graph::{ArrowKind, Edge, Graph, Link, Worker};
use crate::flow::kind::FlowKind;
use crate::flow::packets::Packets;
use crate::flow::words::Words;
use crate::store::{Interval, Intervals, Row, StoreSnapshot, WakeContext, Wakeup};
use crate::sync::ClockMap;
use crate::vm::VmView;
use crate::vocab::{
    Cancel, Cancelled, Cpu, Interner, MachineId, MachineNs, Name, RefNs, RowId, RowKey, RowKind, State, TimeRange,
};

/// Edges between two looks at the cancel flag.
const STRIDE: u32 = 1024;

/// Wake-ups that are looked at to find who made a thread.
const MOST_BIRTHS: usize = 4096;

/// Raised interrupts that are looked at to find the one that ended a wait.
const MOST_RAISES: u64 = 512;

/// A machine, as flows need it.
#[derive(Clone, Copy)]
pub struct FlowMachine<'a> {
    /// Its number: the position in [`super::FlowInput::machines`].
    pub id: MachineId,
    /// What to call it.
    pub name: &'a str,
    /// Its rows and points.
    pub store: &'a StoreSnapshot,
    /// From its axis to the reference's.
    pub map: ClockMap,
    /// Where events were lost, on any CPU, in any order.
    pub lost: &'a [TimeRange<MachineNs>],
}

/// Rows and points as a graph.
pub(super) struct RowGraph<'a> {
    machines: &'a [FlowMachine<'a>],
    view: Option<&'a VmView>,
    /// By machine, mapped, merged, in order.
    lost: Vec<Vec<TimeRange<RefNs>>>,
    names: &'a Interner,
    pub(super) words: Words,
    packets: Packets,
    /// Rows of interrupts by machine and CPU, of those that were asked for.
    lines: FxHashMap<(MachineId, Cpu), Vec<RowId>>,
    /// By machine: where wake-ups were looked up last.
    fingers: Vec<usize>,
    /// Where [`Graph::after`] stands.
    forward: Option<Forward<'a>>,
    cancel: &'a Cancel,
    until_look: u32,
}

/// A worker's intervals from some instant on, and the first of them that was not used.
struct Forward<'a> {
    worker: Worker,
    /// What was asked for last: nothing earlier can be answered.
    asked: RefNs,
    intervals: Intervals<'a>,
    next: Option<Interval>,
}

/// What an interval counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Runs(u32),
    Queues,
    Waits,
    Unknown,
}

impl<'a> RowGraph<'a> {
    pub(super) fn new(
        machines: &'a [FlowMachine<'a>],
        view: Option<&'a VmView>,
        names: &'a Interner,
        cancel: &'a Cancel,
    ) -> Self {
        let lost = machines.iter().map(|m| merged(m.lost, &m.map)).collect();
        Self {
            machines,
            view,
            lost,
            names,
            words: Words::new(names),
            packets: Packets::default(),
            lines: FxHashMap::default(),
            fingers: vec![0; machines.len()],
            forward: None,
            cancel,
            until_look: STRIDE,
        }
    }

    fn machine(&self, id: MachineId) -> Option<&'a FlowMachine<'a>> {
        self.machines.get(usize::from(id.0))
    }

    fn row(&self, worker: Worker) -> Option<(&'a FlowMachine<'a>, &'a Row)> {
        let machine = self.machine(worker.machine)?;
        machine.store.row(worker.row).map(|row| (machine, &**row))
    }

    fn look_at_cancel(&mut self) -> Result<(), Cancelled> {
        self.until_look -= 1;
        if self.until_look == 0 {
            self.until_look = STRIDE;
            self.cancel.check()?;
        }
        Ok(())
    }

    fn sort(&self, interval: &Interval) -> Sort {
        match interval.look.state {
            State::RunningUser | State::RunningSyscall | State::Interrupted => Sort::Runs(interval.look.aux),
            State::Unknown if interval.look.detail == self.words.running => Sort::Runs(interval.look.aux),
            State::WaitingCpu | State::WaitingFork => Sort::Queues,
            State::Blocked => Sort::Waits,
            _ => Sort::Unknown,
        }
    }

    /// The edge that those intervals are: `last` is the last of them, `begin` is where the first begins.
    fn edge(&mut self, worker: Worker, map: &ClockMap, sort: Sort, begin: MachineNs, last: &Interval) -> Edge {
        let (from, to) = (map.to_ref(begin), map.to_ref(last.end));
        let cpu = u16::try_from(last.look.aux).map_or(Cpu::UNKNOWN, Cpu);
        let edge = Edge { kind: FlowKind::Unknown, cut: false, cpu, ..Edge::unknown(from, to) };
        match sort {
            Sort::Runs(_) => Edge { kind: FlowKind::Running, ..edge },
            Sort::Queues => Edge { kind: FlowKind::Preempted, ..edge },
            Sort::Waits => self.wait(worker, last, Edge { cpu: Cpu::UNKNOWN, ..edge }),
            Sort::Unknown => Edge { cut: true, cpu: Cpu::UNKNOWN, ..edge },
        }
    }

    /// What a wait was for, by what ended it.
    fn wait(&mut self, worker: Worker, last: &Interval, edge: Edge) -> Edge {
        let blocked = Edge { kind: FlowKind::Blocked, wait: true, ..edge };
        let Some(machine) = self.machine(worker.machine) else { return blocked };
        let Some(wake) = self.wakeup(machine, worker, last.end) else {
            let open = last.end >= machine.store.watermark();
            let detail = match last.look.detail {
                Name::NONE if open => self.words.to_the_end,
                Name::NONE => self.words.no_wakeup,
                told => told,
            };
            return Edge { detail, ..blocked };
        };
        let edge = self.woken(machine, last, &wake, edge, blocked);
        if edge.link.is_some() || !matches!(edge.kind, FlowKind::Disk | FlowKind::Network | FlowKind::Blocked) {
            return edge;
        }
        match self.device(machine, &wake, &edge) {
            Some(link) => Edge { wait: true, link: Some(link), ..edge },
            None => edge,
        }
    }

    /// What a wait was for that this wake-up ended.
    fn woken(&mut self, machine: &FlowMachine<'a>, last: &Interval, wake: &Wakeup, edge: Edge, blocked: Edge) -> Edge {
        let at = edge.to;
        // Where the interrupt came: a host may know why it came late.
        let edge = Edge { cpu: if wake.context == WakeContext::Task { Cpu::UNKNOWN } else { wake.cpu }, ..edge };
        let blocked = Edge { cpu: edge.cpu, ..blocked };
        let explained = |kind, detail| Edge { kind, detail, wait: false, ..edge };
        match wake.context {
            WakeContext::Task => match wake.waker {
                Some(row) => {
                    let from = Worker { machine: machine.id, row };
                    // The reason that the kernel's row tells is only that a task ended it.
                    let detail = if last.look.detail == self.words.task { Name::NONE } else { last.look.detail };
                    Edge { link: Some(Link { from, at, kind: ArrowKind::Wakeup }), detail, ..blocked }
                }
                None => Edge { detail: self.words.waker_lost, ..blocked },
            },
            WakeContext::Hrtimer | WakeContext::Timer => explained(FlowKind::Timer, Name::NONE),
            WakeContext::Block => explained(FlowKind::Disk, Name::NONE),
            WakeContext::Network => self.packet(machine, wake, blocked),
            WakeContext::Softirq => match wake.number {
                1 | 8 => explained(FlowKind::Timer, Name::NONE),
                2 | 3 => self.packet(machine, wake, blocked),
                4 | 5 => explained(FlowKind::Disk, Name::NONE),
                7 => explained(FlowKind::Interrupted, self.names.intern("SCHED")),
                number => {
                    let key = RowKey::softirq(i32::from(number), wake.cpu);
                    Edge { detail: row_name(machine, &key), ..blocked }
                }
            },
            WakeContext::Irq | WakeContext::Vector => {
                let detail = row_name(machine, &RowKey::irq(i32::from(wake.number), wake.cpu));
                let told = last.look.detail;
                if wake.context == WakeContext::Irq && wake.number == 0 {
                    explained(FlowKind::Interrupted, detail)
                } else if told == self.words.timer {
                    explained(FlowKind::Timer, detail)
                } else if told == self.words.disk {
                    explained(FlowKind::Disk, detail)
                } else if told == self.words.network {
                    Edge { kind: FlowKind::Network, detail, ..blocked }
                } else if wake.context == WakeContext::Vector {
                    explained(FlowKind::Ipi, detail)
                } else {
                    Edge { detail, ..blocked }
                }
            }
            WakeContext::Unknown => {
                let idle = wake.waker.and_then(|row| machine.store.row(row)).is_some_and(|r| r.key().is_idle_task());
                let detail = if idle {
                    self.names.intern(&format!("interrupt on CPU {} (not traced)", wake.cpu.0))
                } else {
                    self.words.waker_lost
                };
                explained(FlowKind::Unknown, detail)
            }
        }
    }

    /// A wait for a packet, linked to whoever sent it.
    fn packet(&mut self, machine: &FlowMachine<'a>, wake: &Wakeup, blocked: Edge) -> Edge {
        let network = Edge { kind: FlowKind::Network, ..blocked };
        match self.packets.sender(self.machines, machine, wake) {
            None => Edge { detail: self.words.sender_unknown, ..network },
            Some((_, None)) => Edge { detail: self.words.from_softirq, ..network },
            Some((at, Some(from))) => Edge { link: Some(Link { from, at, kind: ArrowKind::Network }), ..network },
        }
    }

    /// The thread of the host that emulated the device whose interrupt ended a guest's wait: the last one of that
    /// VM that asked for an interrupt before the wake-up, for the same line where the line is known.
    fn device(&mut self, guest: &FlowMachine<'_>, wake: &Wakeup, edge: &Edge) -> Option<Link> {
        if matches!(wake.context, WakeContext::Task | WakeContext::Unknown) {
            return None;
        }
        let (_, vm) = self.view?.model.vm_of_guest(guest.id)?;
        let (host, pid) = (self.machine(vm.host)?, vm.host_pid?);
        let (begin, end) = (host.map.from_ref(edge.from), host.map.from_ref(edge.to));
        let raises = host.store.raises();
        let (first, last) = (raises.rank(begin), raises.rank(end));
        let vhost = format!("vhost-{}", pid.0);
        let line = self.interrupt_line(guest, wake);
        let found =
            (first.max(last.saturating_sub(MOST_RAISES))..last).rev().filter_map(|n| raises.get(n)).find(|r| {
                let of_line = r.line < 0 || line.is_none_or(|line| r.line == line);
                let thread = host.store.row(r.thread);
                of_line
                    && thread
                        .is_some_and(|row| row.process() == Some(pid) || *self.names.text(row.name_at(r.t)) == *vhost)
            })?;
        let from = Worker { machine: host.id, row: found.thread };
        Some(Link { from, at: host.map.to_ref(found.t), kind: ArrowKind::Vm })
    }

    /// The line of the hardware interrupt that led to a wake-up: its own, or (of a softirq) the last one on that
    /// CPU.
    fn interrupt_line(&mut self, machine: &FlowMachine<'_>, wake: &Wakeup) -> Option<i32> {
        if wake.context == WakeContext::Irq {
            return Some(i32::from(wake.number));
        }
        let store = machine.store;
        let lines = self.lines.entry((machine.id, wake.cpu)).or_insert_with(|| {
            let of_cpu = store.rows().filter(|r| r.key().kind == RowKind::Irq && r.key().cpu == wake.cpu);
            of_cpu.map(|row| row.id()).collect()
        });
        let until = MachineNs(wake.t.0.saturating_add(1));
        let rows = lines.iter().filter_map(|id| store.row(*id));
        rows.filter_map(|row| Some((row.prev_before(until)?.begin, row.key().id))).max().map(|last| last.1)
    }

    /// A wait for a device ends in two parts: until the device was done, and until the interrupt arrived. The
    /// part that contains the instant before `t`, or (`forward`) the instant `t`.
    fn part(&self, edge: Edge, t: RefNs, forward: bool) -> Edge {
        let Some(link) = edge.link.filter(|l| l.kind == ArrowKind::Vm && l.at < edge.to) else { return edge };
        let done = link.at.max(edge.from);
        if t < done || (t == done && !forward) {
            return Edge { to: done, ..edge };
        }
        Edge { from: done, wait: false, link: None, detail: self.words.delivery, ..edge }
    }

    /// The wake-up of that worker at exactly that instant; of several the first.
    fn wakeup(&mut self, machine: &FlowMachine<'a>, worker: Worker, t: MachineNs) -> Option<Wakeup> {
        let finger = self.fingers.get_mut(usize::from(machine.id.0))?;
        let range = TimeRange::new(t, MachineNs(t.0.checked_add(1)?));
        machine.store.wakeups().range_near(range, finger).find(|w| w.woken == worker.row)
    }

    /// Cuts an edge that is no running at what was lost in it: the part of it that contains the instant before
    /// `t`, or (`forward`) the instant `t`.
    fn cut(&self, worker: Worker, edge: Edge, t: RefNs, forward: bool) -> Edge {
        let Some(lost) = self.lost.get(usize::from(worker.machine.0)).filter(|l| !l.is_empty()) else { return edge };
        if edge.kind == FlowKind::Running || edge.cut {
            return edge;
        }
        // The losses are in order and apart: the first that ends after the place that is asked for.
        let inside = |range: &TimeRange<RefNs>| if forward { range.end <= t } else { range.end < t };
        let next = lost.partition_point(inside);
        let before = next.checked_sub(1).and_then(|n| lost.get(n)).filter(|l| l.end > edge.from);
        let from = before.map_or(edge.from, |l| l.end);
        let Some(here) = lost.get(next).filter(|l| l.begin < edge.to) else { return Edge { from, ..edge } };
        let within = if forward { here.begin <= t } else { here.begin < t };
        if within {
            let (from, to) = (here.begin.max(edge.from), here.end.min(edge.to));
            return Edge { detail: self.words.lost, ..Edge::unknown(from, to) };
        }
        // What ended it lies behind the loss, so what it was for is not known.
        let kind = if edge.kind == FlowKind::Preempted { edge.kind } else { FlowKind::Blocked };
        Edge { from, to: here.begin, kind, link: None, detail: self.words.lost, ..edge }
    }
}

impl Graph for RowGraph<'_> {
    fn before(&mut self, worker: Worker, t: RefNs, bound: RefNs) -> Result<Option<Edge>, Cancelled> {
        self.look_at_cancel()?;
        let Some((machine, row)) = self.row(worker) else { return Ok(None) };
        let bound = machine.map.from_ref(bound);
        let mut intervals = row.backward(machine.map.from_ref(t));
        let Some(last) = intervals.next() else { return Ok(None) };
        if machine.map.to_ref(last.end) < t {
            // It did not exist.
            return Ok(None);
        }
        let sort = self.sort(&last);
        let mut begin = last.begin;
        while begin > bound {
            let Some(earlier) = intervals.next() else { break };
            if earlier.end != begin || self.sort(&earlier) != sort {
                break;
            }
            begin = earlier.begin;
        }
        let mut edge = self.edge(worker, &machine.map, sort, begin, &last);
        if sort == Sort::Queues
            && row.extent().is_some_and(|e| e.begin == begin)
            && let Some((born, _)) = self.birth(worker)
        {
            // Before its maker let it go it did nothing that anybody could have waited for.
            if t <= born {
                return Ok(None);
            }
            edge.from = born;
        }
        let edge = self.cut(worker, self.part(edge, t, false), t, false);
        if edge.to > t {
            // It went on beyond `t`, so nothing ended it there.
            return Ok(Some(Edge { to: t, link: None, ..edge }));
        }
        Ok(Some(edge))
    }

    fn after(&mut self, worker: Worker, t: RefNs) -> Result<Option<Edge>, Cancelled> {
        self.look_at_cancel()?;
        let Some((machine, row)) = self.row(worker) else { return Ok(None) };
        let from = machine.map.from_ref(t);
        let standing = self
            .forward
            .take()
            .filter(|f| f.worker == worker && f.asked <= t && f.next.is_none_or(|next| next.begin <= from));
        let (mut intervals, mut next) = match standing {
            Some(Forward { intervals, next, .. }) => (intervals, next),
            None => {
                // From the begin of the run that contains the instant on, so that an edge has its whole length.
                let begin = self.run_begin(row, from);
                let mut intervals = row.intervals(TimeRange::new(begin, MachineNs::MAX));
                let next = intervals.next();
                (intervals, next)
            }
        };
        let edge = loop {
            let Some(first) = next else { break None };
            let (sort, mut last) = (self.sort(&first), first);
            next = intervals.next();
            while let Some(later) = next.filter(|n| n.begin == last.end && self.sort(n) == sort) {
                last = later;
                next = intervals.next();
                self.look_at_cancel()?;
            }
            let end = machine.map.to_ref(last.end);
            if end <= t {
                continue;
            }
            let begin = machine.map.to_ref(first.begin);
            if begin > t {
                // A hole in the row: it did not exist.
                next = Some(first);
                intervals = row.intervals(TimeRange::new(first.begin, MachineNs::MAX));
                intervals.next();
                break Some(Edge::unknown(t, begin));
            }
            let edge = self.edge(worker, &machine.map, sort, first.begin, &last);
            let part = self.cut(worker, self.part(edge, t, true), t, true);
            if part.to < edge.to {
                // The rest of it is asked for next.
                intervals = row.intervals(TimeRange::new(first.begin, MachineNs::MAX));
                next = intervals.next();
            }
            break Some(part);
        };
        self.forward = Some(Forward { worker, asked: t, intervals, next });
        Ok(edge)
    }

    fn link(&mut self, worker: Worker, t: RefNs, ended: Option<&Edge>) -> Option<Link> {
        match ended {
            Some(edge) if edge.to == t => edge.link,
            Some(_) => None,
            None => {
                let (at, from) = self.birth(worker)?;
                (at == t).then_some(Link { from, at, kind: ArrowKind::Wakeup })
            }
        }
    }
}

impl<'a> RowGraph<'a> {
    /// Where the run of intervals of one sort begins that contains `t`.
    fn run_begin(&self, row: &Row, t: MachineNs) -> MachineNs {
        let mut intervals = row.backward(MachineNs(t.0.saturating_add(1)));
        let Some(last) = intervals.next() else { return t };
        if last.end <= t {
            return t;
        }
        let (sort, mut begin) = (self.sort(&last), last.begin);
        for earlier in intervals {
            if earlier.end != begin || self.sort(&earlier) != sort {
                break;
            }
            begin = earlier.begin;
        }
        begin
    }

    /// Who made a thread, and when it let it go: whoever woke it before it ran for the first time.
    fn birth(&mut self, worker: Worker) -> Option<(RefNs, Worker)> {
        let (machine, row) = self.row(worker)?;
        let extent = row.extent()?;
        let first_ran = row.intervals(extent).find(|i| self.sort(i) != Sort::Queues).map_or(extent.end, |i| i.begin);
        let finger = self.fingers.get_mut(usize::from(machine.id.0))?;
        let range = TimeRange::new(extent.begin, MachineNs(first_ran.0.saturating_add(1)));
        let wakeups = machine.store.wakeups().range_near(range, finger).take(MOST_BIRTHS);
        let wake = { wakeups }.find(|w| w.woken == worker.row && w.context == WakeContext::Task)?;
        let maker = Worker { machine: worker.machine, row: wake.waker.filter(|row| *row != worker.row)? };
        Some((machine.map.to_ref(wake.t), maker))
    }
}

/// The name of an interrupt's row.
fn row_name(machine: &FlowMachine<'_>, key: &RowKey) -> Name {
    machine.store.find(key).and_then(|id| machine.store.row(id)).map_or(Name::NONE, |row| row.name())
}

/// Losses on the reference's axis, in order, without those that touch or overlap.
fn merged(lost: &[TimeRange<MachineNs>], map: &ClockMap) -> Vec<TimeRange<RefNs>> {
    let mut all: Vec<_> = lost.iter().map(|l| TimeRange::new(map.to_ref(l.begin), map.to_ref(l.end))).collect();
    all.sort_unstable_by_key(|l| (l.begin, l.end));
    let mut merged: Vec<TimeRange<RefNs>> = Vec::new();
    for range in all {
        match merged.last_mut() {
            Some(last) if range.begin <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
