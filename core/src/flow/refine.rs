//! What a path's steps were in truth: who ran while somebody waited for a CPU, and what the host did to a vCPU
//! while its guest believed to run.
//!
//! | step | becomes |
//! |---|---|
//! | running inside a VM | running, hypervisor, vcpu-preempted and vcpu-waiting-cpu by whoever ran there |
//! | runnable | preempted, by whoever ran on that CPU; of a guest's task each part refined as above |
//! | running, of a vCPU's thread | the guest's task that ran, or hypervisor |
//! | a wait that an interrupt in a guest ended | the wait, and what its vCPU needed from its waking to the interrupt |
//!
//! Each step is cut, and its parts cover it exactly: host's intervals are mapped onto the path's axis by the map
//! of their machine, once, and clipped. Who ran on a host's CPU is read from joined rows, which look into guests
//! already, so a culprit is named down to the task in the other guest.

use crate::flow::graph::{ArrowKind, Worker};
use crate::flow::kind::FlowKind;
use crate::flow::path::{Jump, Path, Step};
use crate::flow::rows::FlowMachine;
use crate::flow::words::Words;
use crate::store::{Look, Row};
use crate::vm::instances::bearer;
use crate::vm::{Vcpu, Vm, VmView, Who};
use crate::vocab::{Cancel, Cancelled, Cpu, MachineId, MachineNs, Name, RefNs, RowKey, RowKind, State, Tid, TimeRange};

/// A piece of a flow: who held up progress, or made it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Who.
    pub who: Who,
    /// What.
    pub kind: FlowKind,
    /// More about it: an exit's reason, an interrupt's name.
    pub detail: Name,
    /// On which CPU of its machine, [`Cpu::UNKNOWN`] where none matters.
    pub cpu: Cpu,
    /// When, on the reference's axis.
    pub range: TimeRange<RefNs>,
    /// The task whose wait it explains, where that is another one.
    pub victim: Option<Who>,
}

/// Where a flow goes from one task to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// How.
    pub kind: ArrowKind,
    /// From whom, and when.
    pub from: (Who, RefNs),
    /// To whom, and when: later only of a packet.
    pub to: (Who, RefNs),
}

/// Refines a path.
pub(super) struct Refine<'a> {
    pub(super) machines: &'a [FlowMachine<'a>],
    pub(super) view: Option<&'a VmView>,
    pub(super) words: Words,
    pub(super) cancel: &'a Cancel,
    pub(super) pieces: Vec<Piece>,
}

impl<'a> Refine<'a> {
    /// All pieces and arrows of a path, in order of time.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub(super) fn path(mut self, path: &Path) -> Result<(Vec<Piece>, Vec<Arrow>), Cancelled> {
        for (n, step) in path.steps.iter().enumerate() {
            if n % 256 == 0 {
                self.cancel.check()?;
            }
            self.step(step);
        }
        let arrows = self.arrows(&path.jumps);
        Ok((self.pieces, arrows))
    }

    fn arrows(&self, jumps: &[Jump]) -> Vec<Arrow> {
        let who = |(worker, t): (Worker, RefNs)| (self.who(worker, t), t);
        let mut arrows: Vec<Arrow> =
            jumps.iter().map(|j| Arrow { kind: j.kind, from: who(j.from), to: who(j.to) }).collect();
        // Where pieces go on inside another machine without anybody's wake-up, the host has put it there.
        for two in self.pieces.windows(2) {
            let (a, b) = (&two[0], &two[1]);
            let t = b.range.begin;
            let told = |t: RefNs| {
                let at = jumps.partition_point(|j| j.to.1 < t);
                jumps.get(at).is_some_and(|j| j.to.1 == t)
            };
            if a.who.machine != b.who.machine && a.range.end == t && !told(t) {
                arrows.push(Arrow { kind: ArrowKind::Vm, from: (a.who, t), to: (b.who, t) });
            }
        }
        arrows.sort_by_key(|a| (a.to.1, a.from.1));
        arrows
    }

    fn machine(&self, id: MachineId) -> Option<&'a FlowMachine<'a>> {
        self.machines.get(usize::from(id.0))
    }

    /// Who that worker is at an instant.
    pub(super) fn who(&self, worker: Worker, t: RefNs) -> Who {
        let row = self.machine(worker.machine).and_then(|m| Some((m, m.store.row(worker.row)?)));
        let (tid, name) = row
            .map_or((Tid(-1), Name::NONE), |(machine, row)| (Tid(row.key().id), row.name_at(machine.map.from_ref(t))));
        Who { machine: worker.machine, tid, name }
    }

    fn push(&mut self, piece: Piece) {
        if piece.range.begin >= piece.range.end {
            return;
        }
        if let Some(last) = self.pieces.last_mut()
            && last.range.end == piece.range.begin
            && (last.who, last.kind, last.detail, last.cpu, last.victim)
                == (piece.who, piece.kind, piece.detail, piece.cpu, piece.victim)
        {
            last.range.end = piece.range.end;
            return;
        }
        self.pieces.push(piece);
    }

    fn step(&mut self, step: &Step) {
        let who = self.who(step.worker, step.range.begin);
        let piece = Piece { who, kind: step.kind, detail: step.detail, cpu: step.cpu, range: step.range, victim: None };
        match step.kind {
            FlowKind::Running => self.runs(piece),
            FlowKind::Preempted => self.queues(step.worker, piece),
            FlowKind::Timer
            | FlowKind::Disk
            | FlowKind::Network
            | FlowKind::Interrupted
            | FlowKind::Ipi
            | FlowKind::Blocked
            | FlowKind::Unknown => match self.vcpu_of(who.machine, step.cpu) {
                Some((vm, vcpu)) => self.interrupted_sleep(vm, vcpu, piece),
                None => self.push(piece),
            },
            _ => self.push(piece),
        }
    }

    /// The vCPU that is a guest's CPU.
    fn vcpu_of(&self, guest: MachineId, cpu: Cpu) -> Option<(&'a Vm, &'a Vcpu)> {
        let (_, vm) = self.view?.model.vm_of_guest(guest)?;
        let number = u32::from(cpu.known()?);
        Some((vm, vm.vcpus.iter().find(|v| v.number == number)?))
    }

    /// A vCPU's joined row, with its host.
    fn vcpu_row(&self, vm: &Vm, vcpu: &Vcpu) -> Option<(&'a FlowMachine<'a>, &'a Row)> {
        let store = self.view?.truth(vm.host)?;
        Some((self.machine(vm.host)?, &**store.row(store.find(&vcpu.key)?)?))
    }

    /// Somebody believes to run.
    fn runs(&mut self, piece: Piece) {
        if let Some((vm, vcpu)) = self.vcpu_of(piece.who.machine, piece.cpu) {
            self.in_guest(vm, vcpu, piece);
        } else if let Some((vm, vcpu)) =
            self.view.and_then(|v| v.model.vcpu_of_thread(piece.who.machine, piece.who.tid))
        {
            self.as_vcpu(vm, vcpu, piece);
        } else {
            self.push(piece);
        }
    }

    /// The intervals of a row within a range of the path, mapped and clipped; holes come as [`State::None`].
    fn parts(
        machine: &FlowMachine<'_>,
        row: &Row,
        range: TimeRange<RefNs>,
        mut each: impl FnMut(TimeRange<RefNs>, Look),
    ) {
        let there = TimeRange::new(machine.map.from_ref(range.begin), machine.map.from_ref(range.end));
        let mut at = range.begin;
        let mut put = |until: RefNs, look: Look| {
            if until > at {
                each(TimeRange::new(at, until), look);
                at = until;
            }
        };
        for interval in row.intervals(there) {
            put(machine.map.to_ref(interval.begin).min(range.end), Look::default());
            put(machine.map.to_ref(interval.end).min(range.end), interval.look);
        }
        put(range.end, Look::default());
    }

    /// A guest's task that believes to run: what its vCPU did. The part in guest code keeps the piece's kind.
    fn in_guest(&mut self, vm: &Vm, vcpu: &Vcpu, piece: Piece) {
        let Some((host, row)) = self.vcpu_row(vm, vcpu) else { return self.push(piece) };
        let mut parts = Vec::new();
        Self::parts(host, row, piece.range, |range, look| parts.push((range, look)));
        for (range, look) in parts {
            let part = self.on_vcpu(Piece { range, ..piece }, look);
            self.push(part);
        }
    }

    /// A part of a piece, during which the vCPU looked like this.
    fn on_vcpu(&self, piece: Piece, look: Look) -> Piece {
        match look.state {
            State::Guest => piece,
            State::Vmm | State::VmmUser => Piece { kind: FlowKind::Hypervisor, detail: look.detail, ..piece },
            State::Preempted => self.taken(piece, FlowKind::VcpuPreempted, look),
            State::WaitingCpu => self.taken(piece, FlowKind::VcpuWaitingCpu, look),
            State::Halted => Piece { kind: FlowKind::Unknown, detail: self.words.halted, ..piece },
            // What the guest's own trace tells stands.
            _ if piece.detail.is_none() => Piece { detail: self.words.no_host, ..piece },
            _ => piece,
        }
    }

    /// The host let somebody else run.
    fn taken(&self, piece: Piece, kind: FlowKind, look: Look) -> Piece {
        match self.view.and_then(|v| v.who(look.aux)).filter(|who| who.tid.0 != 0) {
            // Its text is its own name; on which of its CPUs is not known here.
            Some(who) => Piece {
                who,
                kind,
                detail: Name::NONE,
                cpu: Cpu::UNKNOWN,
                victim: Some(piece.victim.unwrap_or(piece.who)),
                range: piece.range,
            },
            None => Piece { kind, detail: look.detail, ..piece },
        }
    }

    /// A vCPU's thread that runs: the guest's task, or the hypervisor.
    fn as_vcpu(&mut self, vm: &Vm, vcpu: &Vcpu, piece: Piece) {
        let Some((host, row)) = self.vcpu_row(vm, vcpu) else { return self.push(piece) };
        let mut parts = Vec::new();
        Self::parts(host, row, piece.range, |range, look| parts.push((range, look)));
        for (range, look) in parts {
            let piece = Piece { range, ..piece };
            let part = match look.state {
                State::Guest => {
                    let inside = self.view.and_then(|v| v.who(look.aux)).filter(|who| who.tid.0 != 0);
                    let cpu = u16::try_from(vcpu.number).map_or(Cpu::UNKNOWN, Cpu);
                    match inside {
                        Some(who) => Piece { who, cpu, ..piece },
                        None => Piece { detail: look.detail, ..piece },
                    }
                }
                State::None | State::Unknown => piece,
                _ => Piece { kind: FlowKind::Hypervisor, detail: look.detail, ..piece },
            };
            self.push(part);
        }
    }

    /// A runnable thread: who ran on the CPU for which it waited.
    fn queues(&mut self, worker: Worker, piece: Piece) {
        let Some(machine) = self.machine(worker.machine) else { return self.push(piece) };
        let Some(row) = machine.store.row(worker.row) else { return self.push(piece) };
        let mut queues = Vec::new();
        Self::parts(machine, row, piece.range, |range, look| queues.push((range, look.aux)));
        for (range, cpu) in queues {
            let cpu = u16::try_from(cpu).map_or(Cpu::UNKNOWN, Cpu);
            self.queue(machine, Piece { range, cpu, ..piece });
        }
    }

    fn queue(&mut self, machine: &'a FlowMachine<'a>, piece: Piece) {
        // A host's joined row looks into its guests.
        let joined = self.view.and_then(|v| v.truth(machine.id)).and_then(|truth| {
            let key = RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(piece.cpu) };
            truth.row(truth.find(&key)?)
        });
        let own = || machine.store.find(&RowKey::cpu(piece.cpu)).and_then(|id| machine.store.row(id));
        let Some(row) = joined.or_else(own) else { return self.push(piece) };
        let mut parts = Vec::new();
        Self::parts(machine, row, piece.range, |range, look| parts.push((range, look)));
        for (range, look) in parts {
            let part = Piece { range, ..piece };
            let ran = match joined {
                Some(_) => self.view.and_then(|v| v.who(look.aux)),
                None => (look.aux != Look::NO_AUX).then(|| {
                    bearer(machine.id, machine.store, Tid(look.aux as i32), machine.map.from_ref(range.begin)).0
                }),
            };
            match ran.filter(|who| who.tid.0 > 0 && *who != piece.who) {
                Some(who) if joined.is_some() => {
                    self.push(Piece { who, victim: Some(piece.who), cpu: Cpu::UNKNOWN, ..part });
                }
                Some(who) => self.runs_instead(Piece { who, victim: Some(piece.who), ..part }),
                None => self.queue_of_nobody(part, look),
            }
        }
    }

    /// In its own kernel somebody else runs: inside a guest it may in truth be held up itself.
    fn runs_instead(&mut self, piece: Piece) {
        match self.vcpu_of(piece.who.machine, piece.cpu) {
            Some((vm, vcpu)) => self.in_guest(vm, vcpu, piece),
            None => self.push(piece),
        }
    }

    /// Nobody ran, and yet it had to wait: an interrupt had the CPU, or it slept and had to be woken.
    fn queue_of_nobody(&mut self, piece: Piece, look: Look) {
        let detail = match look.state {
            State::Idle => self.words.nobody,
            State::Irq | State::Softirq => look.detail,
            _ => Name::NONE,
        };
        let piece = Piece { detail, ..piece };
        let Some((vm, vcpu)) = self.vcpu_of(piece.who.machine, piece.cpu) else { return self.push(piece) };
        let Some((host, row)) = self.vcpu_row(vm, vcpu) else { return self.push(piece) };
        let mut parts = Vec::new();
        Self::parts(host, row, piece.range, |range, look| parts.push((range, look)));
        for (range, look) in parts {
            let part = Piece { range, ..piece };
            let part = match look.state {
                // It had work, so it was on its way out of its sleep.
                State::Halted => Piece { kind: FlowKind::Hypervisor, detail: self.words.halted, ..part },
                _ => self.on_vcpu(part, look),
            };
            self.push(part);
        }
    }

    /// A sleep that an interrupt in a guest ended: from the waking of the vCPU on it could have been over.
    fn interrupted_sleep(&mut self, vm: &Vm, vcpu: &Vcpu, piece: Piece) {
        let Some((host, row)) = self.vcpu_row(vm, vcpu) else { return self.push(piece) };
        let woken = if piece.detail == self.words.delivery {
            Some(piece.range.begin)
        } else {
            woken_since(host, row, piece.range)
        };
        let Some(woken) = woken else { return self.push(piece) };
        self.push(Piece { range: TimeRange::new(piece.range.begin, woken), ..piece });
        let mut parts = Vec::new();
        Self::parts(host, row, TimeRange::new(woken, piece.range.end), |range, look| parts.push((range, look)));
        for (range, look) in parts {
            let part = Piece { range, ..piece };
            let part = match look.state {
                State::Halted => Piece { kind: FlowKind::Hypervisor, detail: self.words.halted, ..part },
                State::None | State::Unknown => part,
                _ => self.on_vcpu(part, look),
            };
            self.push(part);
        }
    }
}

/// Since when a vCPU that took an interrupt at the end of `range` was awake, if it had slept until then and the
/// guest did nothing else in between.
fn woken_since(host: &FlowMachine<'_>, row: &Row, range: TimeRange<RefNs>) -> Option<RefNs> {
    let end: MachineNs = host.map.from_ref(range.end);
    let mut entered = false;
    let mut since = None;
    for interval in row.backward(end) {
        match interval.look.state {
            State::Halted => return since.map(|t| host.map.to_ref(t)).filter(|t| *t > range.begin && *t < range.end),
            State::Guest if !entered => {}
            State::Vmm | State::VmmUser | State::Preempted | State::WaitingCpu => entered = true,
            _ => return None,
        }
        since = Some(interval.begin);
        if host.map.to_ref(interval.begin) <= range.begin {
            return None;
        }
    }
    None
}
