//! Virtual CPUs as their host sees them: from the host's events to the states of the threads that enter guests.
//!
//! A vCPU is one host thread. It executes guest code from an entry until the first event on its CPU that only
//! the host can emit: on AMD the exit's own event comes late (`svm_handle_exit`), after the interrupt that
//! caused it and even after a switch. From there on the hypervisor works for it, in the kernel or, after
//! `kvm_userspace_exit`, in user space, until the next entry.
//!
//! ```text
//!              entry                  root event, exit            userspace exit
//!   vmm ──────────────────▶ guest ──────────────────────▶ vmm ───────────────────▶ vmm-user ─▶ entry …
//!                                                          │ switch out, runnable
//!   waiting-cpu ◀─ wake-up ─ halted (last exit HLT)  ◀─────┼─▶ preempted
//!        └── switch in ─▶ vmm                              └─▶ vmm, detail "EXIT: asleep" (any other exit)
//! ```
//!
//! The states are those of Gebai, Giraldeau and Dagenais ("Fine-grained preemption analysis for latency
//! investigation across virtual machines", 2014), with halted told from preempted and the two halves of the
//! hypervisor apart. What a halted vCPU waited for is often known only when an interrupt is injected after it
//! woke: until then its row is not written on, so that an interval is written once, with what is known then.

pub mod reasons;
mod wait;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::kernel::Kernel;
use crate::store::{Look, VmExit, Writer};
use crate::trace::Lost;
use crate::vocab::{
    Cpu, Dur, Event, EventKind, EventKinds, Interner, KernelEvent, MachineNs, Name, RowId, RowKey, State, Tid,
};

use self::wait::{Reason, Waits};

/// `vcpu_id` of the entry event is a number only below this; on kernels since 5.10 LTTng records the low half
/// of a pointer there.
const MOST_VCPUS: u32 = 4096;

/// A thread that enters guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcpuThread {
    /// Its row of vCPU states.
    pub row: RowId,
    /// That row's key.
    pub key: RowKey,
    /// The thread's own row.
    pub thread: RowId,
    /// The thread.
    pub tid: Tid,
    /// Its process, as far as an event told.
    pub process: Option<Tid>,
    /// Its number by exits.
    pub number: Option<u32>,
    /// Its number by entries, if they agree and it can be one.
    pub entry_number: Option<u32>,
    /// From when on its state is known.
    pub known_from: MachineNs,
}

/// What the thread does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Unknown,
    Guest,
    Vmm,
    VmmUser,
    Preempted,
    Asleep,
    Woken,
    Gone,
}

/// The stay in the hypervisor that the last exit began.
#[derive(Clone, Copy, Debug)]
struct Stay {
    begin: MachineNs,
    off_cpu: i64,
    reason: u32,
    isa: u8,
}

struct Vcpu {
    about: VcpuThread,
    mode: Mode,
    /// In user space by its last exit, also while it is off its CPU.
    in_user: bool,
    /// Reason of the last exit, unless the guest runs or the exit is not recorded yet.
    stay: Option<Stay>,
    reason_name: Name,
    off_since: MachineNs,
    /// When it was woken out of a sleep, as far as that was not written yet.
    waking: Option<MachineNs>,
    /// Asleep after HLT, and what for is not known yet: nothing that follows is written.
    held: Option<Held>,
    entry_seen: Option<u32>,
    entry_differs: bool,
}

/// What a halted vCPU did since, kept back until the reason of the halt is known.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    woken: Option<(MachineNs, Cpu)>,
    on_cpu: Option<(MachineNs, Cpu)>,
}

/// The state machine of one host's vCPUs. Feed it each event *after* the [`Kernel`] of that machine.
pub struct Vcpus {
    names: Arc<Interner>,
    vcpus: Vec<Vcpu>,
    by_thread: FxHashMap<RowId, usize>,
    on_cpu: Vec<Option<usize>>,
    waits: Waits,
    /// First switch, entry and exit: from when on all that is needed is recorded.
    first: [Option<MachineNs>; 3],
    last: MachineNs,
    /// Kinds of events that prove root mode: fixed, so that results do not depend on who else listens.
    proofs: EventKinds,
}

impl Vcpus {
    /// A host that has not entered any guest yet.
    pub fn new(names: Arc<Interner>) -> Self {
        Self {
            waits: Waits::new(&names),
            names,
            vcpus: Vec::new(),
            by_thread: FxHashMap::default(),
            on_cpu: Vec::new(),
            first: [None; 3],
            last: MachineNs::MIN,
            proofs: Kernel::demand().union(Self::demand()),
        }
    }

    /// The kinds of events that it wants to see, beside [`Kernel::demand`].
    pub fn demand() -> EventKinds {
        use EventKind::*;
        EventKinds::of(&[KvmEntry, KvmExit, KvmUserspaceExit, KvmInjectVirq, KvmApicAccept, Exit])
    }

    /// The threads that entered guests so far, in order of appearance.
    pub fn threads(&self) -> Vec<VcpuThread> {
        let all = self.first.iter().copied().try_fold(MachineNs::MIN, |latest, t| Some(latest.max(t?)));
        let known = |about: &VcpuThread| about.known_from.max(all.unwrap_or(MachineNs::MAX));
        self.vcpus.iter().map(|v| VcpuThread { known_from: known(&v.about), ..v.about }).collect()
    }

    /// The next event of the machine; `kernel` has seen it already.
    pub fn event<W: Writer>(&mut self, event: &Event, kernel: &Kernel, out: &mut W) {
        let t = event.t;
        match event.body {
            KernelEvent::KvmEntry { vcpu } => self.entry(event, vcpu, kernel, out),
            KernelEvent::KvmExit { reason, isa, vcpu } => self.vm_exit(event, (reason, isa, vcpu), kernel, out),
            KernelEvent::SchedSwitch { prev_tid, next_tid, next_comm, .. } => {
                self.first[0].get_or_insert(t);
                if !self.vcpus.is_empty() {
                    self.switch(event, prev_tid, (next_tid, next_comm), kernel, out);
                }
            }
            _ if self.vcpus.is_empty() => {}
            KernelEvent::KvmUserspaceExit { .. } => {
                if let Some(v) = self.current(event.cpu) {
                    self.root(v, t, event.cpu, out);
                    self.vcpus[v].in_user = true;
                    self.show_root(v, t, event.cpu, out);
                }
            }
            KernelEvent::KvmInjectVirq { vector } => {
                if let Some(v) = self.current(event.cpu) {
                    self.root(v, t, event.cpu, out);
                    if self.vcpus[v].held.is_some() {
                        let process = self.vcpus[v].about.process;
                        let reason = self.waits.of_vector(process, vector);
                        self.release(v, reason, out);
                    }
                }
            }
            KernelEvent::KvmApicAccept { vector, .. } => {
                self.root_event(event, out);
                if let Some((tid, _)) = kernel.current(event.cpu) {
                    self.waits.accepted(tid, kernel.task(tid), self.current(event.cpu).is_some(), vector);
                }
            }
            KernelEvent::SchedWaking { tid, .. } => {
                self.root_event(event, out);
                self.waking(event, tid, kernel, out);
            }
            KernelEvent::SchedWakeup { tid, target_cpu, .. } => {
                self.root_event(event, out);
                if let Some(v) = self.of(tid, kernel) {
                    if self.vcpus[v].waking.is_none() {
                        self.waking(event, tid, kernel, out);
                    }
                    self.wake(v, t, target_cpu, out);
                }
            }
            // Whatever else the machine tells, only root mode can tell it.
            _ if self.proofs.contains(event.body.kind()) => self.root_event(event, out),
            _ => {}
        }
    }

    /// Events of `cpu` were lost; an unknown CPU stands for all of them. The kernel's machine has been told.
    pub fn lost<W: Writer>(&mut self, cpu: Cpu, lost: &Lost, out: &mut W) {
        let cpus = match cpu.known() {
            Some(c) => usize::from(c)..usize::from(c) + 1,
            None => 0..self.on_cpu.len(),
        };
        for c in cpus {
            let Some(v) = self.on_cpu.get_mut(c).and_then(Option::take) else { continue };
            self.release(v, Reason::Unknown, out);
            let vcpu = &mut self.vcpus[v];
            (vcpu.mode, vcpu.stay, vcpu.in_user, vcpu.reason_name) = (Mode::Unknown, None, false, Name::NONE);
            out.set(vcpu.about.row, lost.range.begin, Look::new(State::Unknown));
        }
    }

    /// The trace ends: every interval ends at `end`.
    pub fn finish<W: Writer>(&mut self, end: MachineNs, out: &mut W) {
        for v in 0..self.vcpus.len() {
            self.release(v, Reason::Unknown, out);
            self.close_stay(v, end, false, out);
            out.set(self.vcpus[v].about.row, end, Look::new(State::None));
        }
    }

    fn of(&self, tid: Tid, kernel: &Kernel) -> Option<usize> {
        self.by_thread.get(&kernel.thread_row(tid)?).copied()
    }

    fn current(&self, cpu: Cpu) -> Option<usize> {
        *self.on_cpu.get(usize::from(cpu.known()?))?
    }

    /// The vCPU that is current on the event's CPU, made known and put there if it was not.
    fn subject<W: Writer>(&mut self, event: &Event, kernel: &Kernel, out: &mut W) -> Option<usize> {
        let c = usize::from(event.cpu.known()?);
        let (tid, thread) = kernel.current(event.cpu)?;
        if tid.0 == 0 {
            return None;
        }
        let v = match self.by_thread.get(&thread) {
            Some(v) => *v,
            None => self.add(tid, thread, kernel, event.t, out)?,
        };
        if self.current(event.cpu) != Some(v) {
            // Its switch was not recorded: what it did until now is not known.
            self.put_on(c, v);
            self.release(v, Reason::Unknown, out);
            if self.vcpus[v].mode != Mode::Unknown {
                self.vcpus[v].stay = None;
            }
            self.vcpus[v].mode = Mode::Unknown;
        }
        Some(v)
    }

    fn put_on(&mut self, c: usize, v: usize) {
        if self.on_cpu.len() <= c {
            self.on_cpu.resize(c + 1, None);
        }
        for other in &mut self.on_cpu {
            if *other == Some(v) {
                *other = None;
            }
        }
        self.on_cpu[c] = Some(v);
    }

    #[cold]
    fn add<W: Writer>(&mut self, tid: Tid, thread: RowId, kernel: &Kernel, t: MachineNs, out: &mut W) -> Option<usize> {
        let task = kernel.task(tid)?;
        let key = RowKey::vcpu(tid, task.instance);
        let row = out.row(key);
        let v = self.vcpus.len();
        self.vcpus.push(Vcpu {
            about: VcpuThread {
                row,
                key,
                thread,
                tid,
                process: task.process,
                number: None,
                entry_number: None,
                known_from: t,
            },
            mode: Mode::Unknown,
            in_user: false,
            stay: None,
            reason_name: Name::NONE,
            off_since: t,
            waking: None,
            held: None,
            entry_seen: None,
            entry_differs: false,
        });
        self.by_thread.insert(thread, v);
        out.rename(row, t, task.comm);
        out.relate(row, task.process, None);
        Some(v)
    }

    fn entry<W: Writer>(&mut self, event: &Event, number: u32, kernel: &Kernel, out: &mut W) {
        self.first[1].get_or_insert(event.t);
        let Some(v) = self.subject(event, kernel, out) else { return };
        self.release(v, Reason::Unknown, out);
        self.close_stay(v, event.t, true, out);
        let task = kernel.task(self.vcpus[v].about.tid);
        let vcpu = &mut self.vcpus[v];
        if vcpu.about.process.is_none() {
            vcpu.about.process = task.and_then(|task| task.process);
            out.relate(vcpu.about.row, vcpu.about.process, None);
        }
        match vcpu.entry_seen {
            None => vcpu.entry_seen = Some(number),
            Some(seen) => vcpu.entry_differs |= seen != number,
        }
        vcpu.about.entry_number = vcpu.entry_seen.filter(|n| *n < MOST_VCPUS && !vcpu.entry_differs);
        vcpu.mode = Mode::Guest;
        (vcpu.in_user, vcpu.reason_name) = (false, Name::NONE);
        let look = Look { state: State::Guest, detail: Name::NONE, aux: u32::from(event.cpu.0) };
        out.set(vcpu.about.row, event.t, look);
    }

    fn vm_exit<W: Writer>(
        &mut self,
        event: &Event,
        (reason, isa, number): (u32, u8, i32),
        kernel: &Kernel,
        out: &mut W,
    ) {
        self.first[2].get_or_insert(event.t);
        let Some(v) = self.subject(event, kernel, out) else { return };
        if self.vcpus[v].stay.is_some() {
            // Two exits without an entry between them.
            self.close_stay(v, event.t, false, out);
        }
        let name = self.names.intern(&reasons::name(isa, reason));
        let vcpu = &mut self.vcpus[v];
        if let Ok(number) = u32::try_from(number) {
            vcpu.about.number = Some(number);
        }
        vcpu.stay = Some(Stay { begin: event.t, off_cpu: 0, reason, isa });
        vcpu.reason_name = name;
        vcpu.in_user = false;
        if vcpu.mode == Mode::Vmm {
            // The hypervisor was at work before its event came: the reason is that of the whole stretch.
            out.amend(vcpu.about.row, name);
        }
        vcpu.mode = Mode::Vmm;
        self.show_root(v, event.t, event.cpu, out);
    }

    /// Something that only the host can emit happened on the event's CPU.
    #[inline]
    fn root_event<W: Writer>(&mut self, event: &Event, out: &mut W) {
        if let Some(v) = self.current(event.cpu) {
            self.root(v, event.t, event.cpu, out);
        }
    }

    #[inline]
    fn root<W: Writer>(&mut self, v: usize, t: MachineNs, cpu: Cpu, out: &mut W) {
        if self.vcpus[v].mode == Mode::Guest {
            self.vcpus[v].mode = Mode::Vmm;
            self.show_root(v, t, cpu, out);
        }
    }

    /// Writes that the hypervisor works for it, in kernel or user space.
    fn show_root<W: Writer>(&mut self, v: usize, t: MachineNs, cpu: Cpu, out: &mut W) {
        let vcpu = &mut self.vcpus[v];
        if vcpu.held.is_some() {
            return;
        }
        let (mode, state) = if vcpu.in_user { (Mode::VmmUser, State::VmmUser) } else { (Mode::Vmm, State::Vmm) };
        vcpu.mode = mode;
        out.set(vcpu.about.row, t, Look { state, detail: vcpu.reason_name, aux: u32::from(cpu.0) });
    }

    fn close_stay<W: Writer>(&mut self, v: usize, t: MachineNs, complete: bool, out: &mut W) {
        let vcpu = &mut self.vcpus[v];
        let Some(stay) = vcpu.stay.take() else { return };
        let mut off_cpu = stay.off_cpu;
        if matches!(vcpu.mode, Mode::Preempted | Mode::Asleep | Mode::Woken) {
            off_cpu += (t - vcpu.off_since.max(stay.begin)).0;
        }
        self.last = self.last.max(t);
        out.exit(VmExit {
            t: self.last,
            total: self.last - stay.begin,
            off_cpu: Dur(off_cpu),
            vcpu: vcpu.about.row,
            reason: stay.reason,
            isa: stay.isa,
            complete,
        });
    }

    fn switch<W: Writer>(
        &mut self,
        event: &Event,
        prev_tid: Tid,
        (next_tid, next_comm): (Tid, Name),
        kernel: &Kernel,
        out: &mut W,
    ) {
        let Some(c) = event.cpu.known().map(usize::from) else { return };
        let t = event.t;
        let leaves = self.current(event.cpu).or_else(|| self.of(prev_tid, kernel));
        if let Some(v) = leaves {
            if let Some(on) = self.on_cpu.get_mut(c) {
                *on = None;
            }
            if self.vcpus[v].about.tid == prev_tid {
                self.leave(v, t, event.cpu, next_comm, out);
            }
        }
        if next_tid.0 == 0 {
            return;
        }
        if let Some(v) = self.of(next_tid, kernel) {
            self.put_on(c, v);
            self.come(v, t, event.cpu, out);
        }
    }

    /// The thread leaves its CPU; its own row tells how.
    fn leave<W: Writer>(&mut self, v: usize, t: MachineNs, cpu: Cpu, next: Name, out: &mut W) {
        self.root(v, t, cpu, out);
        self.release(v, Reason::Unknown, out);
        let halted_by = self.vcpus[v].stay.map(|s| (s.isa, s.reason));
        let vcpu = &mut self.vcpus[v];
        vcpu.off_since = t;
        vcpu.waking = None;
        let aux = u32::from(cpu.0);
        let (mode, look) = match out.look(vcpu.about.thread).state {
            State::WaitingCpu => (Mode::Preempted, Look { state: State::Preempted, detail: next, aux }),
            State::Blocked => {
                let halted = !vcpu.in_user && halted_by.is_some_and(|(isa, reason)| reasons::is_halt(isa, reason));
                let (state, detail) = if halted {
                    vcpu.held = Some(Held::default());
                    (State::Halted, Name::NONE)
                } else if vcpu.mode == Mode::Unknown && vcpu.reason_name.is_none() {
                    (State::Unknown, Name::NONE)
                } else {
                    let state = if vcpu.in_user { State::VmmUser } else { State::Vmm };
                    let text = self.names.text(vcpu.reason_name);
                    let reason = if text.is_empty() { "hypervisor" } else { &*text };
                    (state, self.names.intern(&format!("{reason}: asleep")))
                };
                (Mode::Asleep, Look { state, detail, aux })
            }
            State::None => (Mode::Gone, Look::new(State::None)),
            _ => (Mode::Unknown, Look::new(State::Unknown)),
        };
        vcpu.mode = mode;
        out.set(vcpu.about.row, t, look);
        if mode == Mode::Gone {
            self.close_stay(v, t, false, out);
        }
    }

    /// The thread comes onto a CPU: it goes on in the hypervisor.
    fn come<W: Writer>(&mut self, v: usize, t: MachineNs, cpu: Cpu, out: &mut W) {
        if self.vcpus[v].mode == Mode::Asleep {
            // Its wake-up's second event was not recorded.
            if let Some(waking) = self.vcpus[v].waking {
                self.wake(v, waking, cpu, out);
            }
        }
        let vcpu = &mut self.vcpus[v];
        if let Some(stay) = &mut vcpu.stay {
            stay.off_cpu += (t - vcpu.off_since.max(stay.begin)).0;
        }
        vcpu.mode = if vcpu.in_user { Mode::VmmUser } else { Mode::Vmm };
        if let Some(held) = &mut vcpu.held {
            held.on_cpu = Some((t, cpu));
        } else {
            self.show_root(v, t, cpu, out);
        }
    }

    /// A wake-up begins: its context tells what the vCPU waited for.
    fn waking<W: Writer>(&mut self, event: &Event, tid: Tid, kernel: &Kernel, out: &mut W) {
        let Some(v) = self.of(tid, kernel) else { return };
        let vcpu = &mut self.vcpus[v];
        if vcpu.mode != Mode::Asleep {
            return;
        }
        vcpu.waking.get_or_insert(event.t);
        if vcpu.held.is_none() {
            return;
        }
        let by_vcpu = self.current(event.cpu).map(|w| self.vcpus[w].about.process);
        let about = self.vcpus[v].about;
        let reason = self.waits.of_waker(&about, event.cpu, by_vcpu, kernel);
        if reason != Reason::Unknown {
            self.release(v, reason, out);
        }
    }

    /// The sleeping thread is on a run queue.
    fn wake<W: Writer>(&mut self, v: usize, t: MachineNs, cpu: Cpu, out: &mut W) {
        let vcpu = &mut self.vcpus[v];
        if vcpu.mode != Mode::Asleep {
            return;
        }
        vcpu.mode = Mode::Woken;
        if let Some(held) = &mut vcpu.held {
            held.woken = Some((t, cpu));
        } else {
            let look = Look { state: State::WaitingCpu, detail: Name::NONE, aux: u32::from(cpu.0) };
            out.set(vcpu.about.row, t, look);
        }
    }

    /// What a halted vCPU waited for is known now, or never: writes what was kept back.
    fn release<W: Writer>(&mut self, v: usize, reason: Reason, out: &mut W) {
        let vcpu = &mut self.vcpus[v];
        let Some(held) = vcpu.held.take() else { return };
        out.amend(vcpu.about.row, self.waits.word(reason));
        if let Some((t, cpu)) = held.woken {
            let look = Look { state: State::WaitingCpu, detail: Name::NONE, aux: u32::from(cpu.0) };
            out.set(vcpu.about.row, t, look);
        }
        if let Some((t, cpu)) = held.on_cpu {
            out.set(vcpu.about.row, t, Look { state: State::Vmm, detail: vcpu.reason_name, aux: u32::from(cpu.0) });
        }
    }
}
