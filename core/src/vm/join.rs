//! Joins of rows under clock maps: what runs on each physical CPU, what each vCPU did for whom, and what each
//! guest's thread really got.
//!
//! ```text
//!  host's CPU rows ─┐
//!  host's vCPU rows ┼─▶ physical CPUs ─▶ vCPUs, cut by who ran instead ─▶ guest threads, cut by their vCPU
//!  guests' CPU rows ┘        (host's time)          (host's time)               (the guest's time)
//! ```
//!
//! Query edges are mapped into the other machine's time and the intervals found there are mapped back once, by
//! the same floor; durations count in the time of the row's machine, so that the parts of an interval always
//! add up to it. Nothing is read again: a changed map joins again.

use std::iter::Peekable;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::store::{Extents, Intervals, Look, MachineStore, Row, StoreSnapshot, Writer};
use crate::sync::ClockMap;
use crate::vm::between::Between;
use crate::vm::model::{Vcpu, Vm, VmModel};
use crate::vm::pour::{Pour, pour};
use crate::vm::who::WhoTable;
use crate::vocab::{
    Cancel, Cancelled, Cpu, Interner, MachineId, MachineNs, Name, RowId, RowKey, RowKind, State, Tid, TimeRange,
};

const ALWAYS: TimeRange<MachineNs> = TimeRange { begin: MachineNs::MIN, end: MachineNs::MAX };

/// Intervals between two looks at the cancel flag.
const STRIDE: usize = 4096;

/// What is joined.
pub(super) struct Join<'a> {
    pub(super) model: &'a VmModel,
    pub(super) stores: &'a [(MachineId, &'a str, Arc<StoreSnapshot>)],
    pub(super) maps: &'a [ClockMap],
    pub(super) names: &'a Interner,
    pub(super) extents: &'a Extents,
    pub(super) cancel: &'a Cancel,
}

/// One piece of what a vCPU did: `[begin, end)` of the host's time.
#[derive(Clone, Copy)]
struct Piece {
    begin: MachineNs,
    end: MachineNs,
    look: Look,
    /// Where it executes guest code of a traced guest: the look of the guest's CPU.
    inside: Option<Look>,
}

/// Steps through a vCPU's row and, inside its guest stretches, through the row of the guest's CPU. Forward only.
struct Walk<'a> {
    vcpu: Peekable<Intervals<'a>>,
    inside: Option<Inside<'a>>,
}

/// The row of a guest's CPU in its host's time. Each interval is mapped once, however often it is looked at.
struct Inside<'a> {
    cpu: Intervals<'a>,
    way: Between,
    /// The interval looked at: its begin, end and look.
    current: Option<(MachineNs, MachineNs, Look)>,
    /// The last edge in the guest's time, and where it lies in the host's.
    edge: (MachineNs, MachineNs),
}

impl<'a> Inside<'a> {
    fn new(cpu: Intervals<'a>, way: Between) -> Self {
        let mut inside = Self { cpu, way, current: None, edge: (MachineNs::MIN, MachineNs::MIN) };
        inside.advance();
        inside
    }

    fn advance(&mut self) {
        self.current = self.cpu.next().map(|i| {
            // Most intervals begin where the one before ends.
            let begin = if i.begin == self.edge.0 { self.edge.1 } else { self.way.map(i.begin) };
            self.edge = (i.end, self.way.map(i.end));
            (begin, self.edge.1, i.look)
        });
    }
}

impl<'a> Join<'a> {
    fn store(&self, machine: MachineId) -> Option<&'a Arc<StoreSnapshot>> {
        self.stores.iter().find(|s| s.0 == machine).map(|s| &s.2)
    }

    fn between(&self, from: MachineId, to: MachineId) -> Between {
        let map = |m: MachineId| self.maps.get(usize::from(m.0)).copied().unwrap_or(ClockMap::IDENTITY);
        Between::new(map(from), map(to))
    }

    fn walk(&self, vm: &Vm, vcpu: &Vcpu) -> Option<Walk<'a>> {
        let host = self.store(vm.host)?;
        let row = host.row(host.find(&vcpu.key)?)?;
        let inside = vm.guest.and_then(|guest| {
            let store = self.store(guest)?;
            let cpu = Cpu(u16::try_from(vcpu.number).ok()?);
            let cpu_row = store.row(store.find(&RowKey::cpu(cpu))?)?;
            Some(Inside::new(cpu_row.intervals(ALWAYS), self.between(guest, vm.host)))
        });
        Some(Walk { vcpu: row.intervals(ALWAYS).peekable(), inside })
    }

    /// The joined rows of a host: physical CPUs first, then its vCPUs.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub(super) fn host(&self, host: MachineId, who: &WhoTable) -> Result<Arc<StoreSnapshot>, Cancelled> {
        let mut out = MachineStore::new(self.extents);
        let Some(store) = self.store(host) else { return Ok(out.snapshot(MachineNs::MIN)) };
        let vms: Vec<&Vm> = self.model.vms.iter().filter(|vm| vm.host == host).collect();
        let cpus: Vec<(RowId, &Row)> = store
            .rows()
            .filter(|row| row.key().kind == RowKind::Cpu)
            .map(|row| (out.row(RowKey { kind: RowKind::PhysicalCpu, ..row.key() }), &**row))
            .collect();
        pour(&cpus, &mut out, |row, out| self.physical_cpu(host, row, &vms, who, out))?;
        let physical = out.snapshot(store.watermark());
        let mut vcpus: Vec<(RowId, (&Vm, &Vcpu, &Row))> = Vec::new();
        for (vm, vcpu) in vms.iter().flat_map(|vm| vm.vcpus.iter().map(move |v| (*vm, v))) {
            let Some(row) = store.find(&vcpu.key).and_then(|id| store.row(id)) else { continue };
            let target = out.row(vcpu.key);
            for (from, name) in row.names() {
                out.rename(target, *from, *name);
            }
            out.relate(target, row.process(), row.parent());
            vcpus.push((target, (vm, vcpu, &**row)));
        }
        pour(&vcpus, &mut out, |(vm, vcpu, row), out| self.vcpu(vm, vcpu, row, &physical, who, out))?;
        Ok(out.snapshot(store.watermark()))
    }

    fn physical_cpu(
        &self,
        host: MachineId,
        row: &Row,
        vms: &[&'a Vm],
        who: &WhoTable,
        out: &mut Pour,
    ) -> Result<(), Cancelled> {
        let mut interrupts = Interrupts::default();
        // By thread: its walk, begun when it is met first.
        let mut walks: Vec<(Tid, &Vm, Walk<'a>)> = Vec::new();
        for (n, interval) in row.intervals(ALWAYS).enumerate() {
            if n % STRIDE == 0 {
                self.cancel.check()?;
            }
            let tid = Tid(interval.look.aux as i32);
            let on_top = matches!(interval.look.state, State::Irq | State::Softirq | State::Idle | State::Unknown);
            let known = walks.iter().position(|w| w.0 == tid);
            let at = known.or_else(|| {
                let found = vms.iter().find_map(|vm| Some((*vm, vm.vcpus.iter().find(|v| v.tid == tid)?)));
                let (vm, vcpu) = found.filter(|_| interval.look.aux != Look::NO_AUX)?;
                walks.push((tid, vm, self.walk(vm, vcpu)?));
                Some(walks.len() - 1)
            });
            let (number, text) = match (interval.look.state, interval.look.aux) {
                (State::Idle, _) | (_, Look::NO_AUX) => (Look::NO_AUX, Name::NONE),
                // An interrupt on top of the idle task is the machine's own work.
                (_, 0) => (Look::NO_AUX, interrupts.text(self, host, interval.look.detail)),
                (_, tid) => {
                    let number = who.find(host, Tid(tid as i32), interval.begin);
                    (number, who.text(number))
                }
            };
            let Some((_, vm, walk)) = at.filter(|_| !on_top).and_then(|at| walks.get_mut(at)) else {
                let detail = if text.is_none() { interval.look.detail } else { text };
                out.set(interval.begin, Look { state: interval.look.state, detail, aux: number });
                out.set(interval.end, Look::default());
                continue;
            };
            let guest = vm.guest;
            let way = guest.map(|guest| self.between(host, guest));
            let mut last = interval.begin;
            walk.pieces(interval.begin, interval.end, &mut |piece| {
                let (state, aux, detail) = match (piece.look.state, piece.inside, guest.zip(way)) {
                    (State::Guest, Some(inside), Some((guest, way))) => {
                        let (aux, detail) = inside_task(guest, inside, way.map(piece.begin), who);
                        (inside.state, aux, detail)
                    }
                    (State::Guest | State::Vmm | State::VmmUser, ..) => (piece.look.state, number, text),
                    // The thread is on this CPU, whatever its row says.
                    _ => (State::Vmm, number, text),
                };
                out.set(piece.begin, Look { state, detail, aux });
                last = piece.end;
            });
            if last < interval.end {
                out.set(last, Look { state: interval.look.state, detail: text, aux: number });
            }
            out.set(interval.end, Look::default());
        }
        Ok(())
    }

    fn vcpu(
        &self,
        vm: &Vm,
        vcpu: &Vcpu,
        row: &Row,
        physical: &StoreSnapshot,
        who: &WhoTable,
        out: &mut Pour,
    ) -> Result<(), Cancelled> {
        let Some(mut walk) = self.walk(vm, vcpu) else { return Ok(()) };
        let way = vm.guest.map(|guest| (guest, self.between(vm.host, guest)));
        let words = Words::new(self.names);
        for (n, interval) in row.intervals(ALWAYS).enumerate() {
            if n % STRIDE == 0 {
                self.cancel.check()?;
            }
            match interval.look.state {
                State::Guest => walk.pieces(interval.begin, interval.end, &mut |piece| {
                    let look = match (piece.inside, way) {
                        (Some(inside), Some((guest, way))) => {
                            let (aux, _) = inside_task(guest, inside, way.map(piece.begin), who);
                            Look { state: State::Guest, detail: words.inside(inside.state), aux }
                        }
                        _ => Look { aux: Look::NO_AUX, ..piece.look },
                    };
                    out.set(piece.begin, look);
                }),
                State::Preempted | State::WaitingCpu => {
                    self.taken(interval.look, interval.begin, interval.end, physical, &words, |begin, look| {
                        out.set(begin, look);
                    });
                }
                _ => out.set(interval.begin, interval.look),
            }
            out.set(interval.end, Look::default());
        }
        Ok(())
    }

    /// Who ran on the CPU for which a vCPU waits: pieces of the wait.
    fn taken(
        &self,
        look: Look,
        begin: MachineNs,
        end: MachineNs,
        physical: &StoreSnapshot,
        words: &Words,
        mut put: impl FnMut(MachineNs, Look),
    ) {
        let nobody = Look { state: look.state, detail: Name::NONE, aux: Look::NO_AUX };
        put(begin, nobody);
        let cpu = u16::try_from(look.aux).ok().map(Cpu);
        let key = cpu.map(|cpu| RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(cpu) });
        let Some(row) = key.and_then(|key| physical.row(physical.find(&key)?)) else { return };
        for ran in row.intervals(TimeRange::new(begin, end)) {
            let from = ran.begin.max(begin);
            let detail = if ran.look.state == State::Idle { words.idle } else { ran.look.detail };
            put(from, Look { state: look.state, detail, aux: ran.look.aux });
            if ran.end < end {
                put(ran.end, nobody);
            }
        }
    }

    /// The joined rows of a guest: its threads, cut by what its vCPUs really did.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub(super) fn guest(
        &self,
        vm: &Vm,
        guest: MachineId,
        host_truth: &StoreSnapshot,
        who: &WhoTable,
    ) -> Result<Arc<StoreSnapshot>, Cancelled> {
        let mut out = MachineStore::new(self.extents);
        let Some(store) = self.store(guest) else { return Ok(out.snapshot(MachineNs::MIN)) };
        let (there, back) = (self.between(guest, vm.host), self.between(vm.host, guest));
        let mut rows: Vec<Option<&Arc<Row>>> = Vec::new();
        for vcpu in &vm.vcpus {
            let at = vcpu.number as usize;
            if at < usize::from(u16::MAX) && rows.len() <= at {
                rows.resize(at + 1, None);
            }
            if let (Some(slot), Some(id)) = (rows.get_mut(at), host_truth.find(&vcpu.key)) {
                *slot = host_truth.row(id);
            }
        }
        let halted = self.names.intern("its vCPU was halted");
        let mut steps = 0usize;
        // Neighbours share their edge: the last one, and where it lies in the guest's time.
        let mut edge = (MachineNs::MIN, MachineNs::MIN);
        let mut mapped = |t: MachineNs| {
            if edge.0 != t {
                edge = (t, back.map(t));
            }
            edge.1
        };
        let threads = store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task());
        for thread in threads {
            let target = out.row(RowKey { kind: RowKind::VmThread, ..thread.key() });
            for (from, name) in thread.names() {
                out.rename(target, *from, *name);
            }
            out.relate(target, thread.process(), thread.parent());
            // The vCPU's intervals of the present stay on one CPU.
            let mut at: Option<(u32, Peekable<Intervals<'_>>)> = None;
            for interval in thread.intervals(ALWAYS) {
                steps += 1;
                if steps.is_multiple_of(STRIDE) {
                    self.cancel.check()?;
                }
                let look = interval.look;
                let running = matches!(look.state, State::RunningUser | State::RunningSyscall | State::Interrupted);
                if !running {
                    at = None;
                    out.set(target, interval.begin, look);
                    out.set(target, interval.end, Look::default());
                    continue;
                }
                let range = there.range(TimeRange::new(interval.begin, interval.end));
                if at.as_ref().is_none_or(|(cpu, _)| *cpu != look.aux) {
                    let row = rows.get(look.aux as usize).copied().flatten();
                    at = row
                        .map(|row| (look.aux, row.intervals(TimeRange::new(range.begin, MachineNs::MAX)).peekable()));
                }
                let unknown = Look { state: State::Unknown, ..look };
                out.set(target, interval.begin, unknown);
                if let Some((_, vcpu)) = &mut at {
                    while let Some(piece) = vcpu.peek().copied().filter(|p| p.begin < range.end) {
                        let begin = mapped(piece.begin).max(interval.begin);
                        let end = mapped(piece.end).min(interval.end);
                        if begin < end {
                            let aux = piece.look.aux;
                            let cut = match piece.look.state {
                                State::Guest => look,
                                State::Vmm | State::VmmUser => {
                                    Look { state: State::InHypervisor, detail: piece.look.detail, aux: look.aux }
                                }
                                State::Preempted | State::WaitingCpu => {
                                    let detail = if aux == Look::NO_AUX { piece.look.detail } else { who.text(aux) };
                                    Look { state: State::PreemptedByHost, detail, aux }
                                }
                                State::Halted => Look { detail: halted, ..unknown },
                                _ => unknown,
                            };
                            out.set(target, begin, cut);
                            out.set(target, end, unknown);
                        }
                        if piece.end > range.end {
                            break;
                        }
                        vcpu.next();
                    }
                }
                out.set(target, interval.end, Look::default());
            }
        }
        Ok(out.snapshot(store.watermark()))
    }
}

impl Walk<'_> {
    /// What the vCPU did in `[from, to)`, in order. `from` never decreases from call to call.
    fn pieces(&mut self, from: MachineNs, to: MachineNs, put: &mut dyn FnMut(Piece)) {
        while let Some(interval) = self.vcpu.peek().copied().filter(|i| i.begin < to) {
            let (begin, end) = (interval.begin.max(from), interval.end.min(to));
            if begin < end {
                match &mut self.inside {
                    Some(inside) if interval.look.state == State::Guest => {
                        inside_pieces(inside, begin, end, interval.look, put);
                    }
                    _ => put(Piece { begin, end, look: interval.look, inside: None }),
                }
            }
            if interval.end > to {
                break;
            }
            self.vcpu.next();
        }
    }
}

/// Cuts a guest stretch by the row of the guest's CPU.
fn inside_pieces(inside: &mut Inside<'_>, begin: MachineNs, end: MachineNs, look: Look, put: &mut dyn FnMut(Piece)) {
    let mut at = begin;
    while let Some((from, to, shown)) = inside.current {
        if from >= end {
            break;
        }
        if to > at {
            let from = from.max(at);
            if from > at {
                put(Piece { begin: at, end: from, look, inside: None });
            }
            put(Piece { begin: from, end: to.min(end), look, inside: Some(shown) });
            at = to.min(end);
        }
        if to > end {
            break;
        }
        inside.advance();
    }
    if at < end {
        put(Piece { begin: at, end, look, inside: None });
    }
}

/// The task that a guest's CPU runs, and its text: that of the idle task is none.
fn inside_task(guest: MachineId, inside: Look, t: MachineNs, who: &WhoTable) -> (u32, Name) {
    if inside.aux == Look::NO_AUX {
        return (Look::NO_AUX, Name::NONE);
    }
    let number = who.find(guest, Tid(inside.aux as i32), t);
    (number, who.text(number))
}

/// Texts of interrupts that had a CPU of their own: `host: interrupt TIMER`.
#[derive(Default)]
struct Interrupts(FxHashMap<Name, Name>);

impl Interrupts {
    fn text(&mut self, join: &Join<'_>, machine: MachineId, detail: Name) -> Name {
        *self.0.entry(detail).or_insert_with(|| {
            let on = join.stores.iter().find(|s| s.0 == machine).map_or("", |s| s.1);
            join.names.intern(&format!("{on}: interrupt {}", join.names.text(detail)))
        })
    }
}

/// The few words that joined rows write as details.
struct Words {
    idle: Name,
    user: Name,
    kernel: Name,
    irq: Name,
    softirq: Name,
    guest_idle: Name,
}

impl Words {
    fn new(names: &Interner) -> Self {
        let word = |text| names.intern(text);
        Self {
            idle: word("nobody: the CPU was idle"),
            user: word("user"),
            kernel: word("kernel"),
            irq: word("irq"),
            softirq: word("softirq"),
            guest_idle: word("idle"),
        }
    }

    fn inside(&self, state: State) -> Name {
        match state {
            State::User => self.user,
            State::Syscall => self.kernel,
            State::Irq => self.irq,
            State::Softirq => self.softirq,
            State::Idle => self.guest_idle,
            _ => Name::NONE,
        }
    }
}
