//! Virtual machines: guests run on host threads, and only while those are in non-root mode.
//!
//! ```text
//! host thread "CPU 0/KVM"   ioctl ─ entry ┐         ┌ exit ─ … ─ entry ┐     ┌ exit
//! guest CPU 0                             └ events  ┘   (time stops)   └ ... ┘
//! ```
//!
//! The guest's simulated time stops at an exit and goes on at the next entry. Its timers are emulated by the host:
//! arming one is an exit, its end is a host timer, and the guest sees it when an interrupt is injected at an entry.

use std::collections::{BTreeMap, VecDeque};

use super::account::{Account, IntervalLog, Row, VcpuState};
use super::behaviour::Kind;
use super::kernel::{IDLE, Machine, MachineClock, Op, Sys, Timer, What};
use super::schema::Ev;
use super::tournament::Tournament;

/// Exit reasons of AMD's SVM.
pub(crate) const EXIT_INTR: u32 = 0x60;
const EXIT_VINTR: u32 = 0x64;
const EXIT_CPUID: u32 = 0x72;
const EXIT_HLT: u32 = 0x78;
const EXIT_IOIO: u32 = 0x7b;
const EXIT_MSR: u32 = 0x7c;
const EXIT_VMMCALL: u32 = 0x81;
const EXIT_NPF: u32 = 0x400;
/// The hypercall of the synchronisation events.
const SYNC_HYPERCALL: u64 = 5_655_891;
/// Registers of the local APIC: initial count, and interrupt command.
const MSR_TIMER: u32 = 0x6e0;
const MSR_ICR: u32 = 0x830;
/// Interrupt vectors of a guest.
const VECTOR_TIMER: u32 = 236;
const VECTOR_RESCHEDULE: u32 = 253;
const VECTOR_DISK: u32 = 46;
/// Phases of a vCPU thread.
const START: u32 = 0;
const ENTER: u32 = 1;
const HALT: u32 = 2;
const LATE_EXIT: u32 = 3;

/// Why a guest CPU leaves for the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitRequest {
    /// It programs its timer.
    Timer,
    /// It interrupts another of its CPUs.
    Ipi(usize),
    /// It halts.
    Halt,
    /// It talks to the emulated disk on behalf of a thread.
    Disk(usize),
    /// It makes the hypercall of the synchronisation events.
    Sync(u64),
    /// It touches memory that is not mapped yet.
    PageFault,
    /// It asks for the CPU's features.
    Cpuid,
    /// It has become ready for an interrupt that waits.
    Window,
}

/// One preemption of a vCPU.
#[derive(Clone, Debug)]
pub(crate) struct Preemption {
    /// Host time at which the thread was taken off its CPU.
    pub(crate) begin: i64,
    /// Host time at which it got one again.
    pub(crate) end: i64,
    /// Who ran there instead, and how long.
    pub(crate) ran: Vec<(i32, u32, i64)>,
}

/// A virtual CPU as the host knows it, and its account.
#[derive(Debug)]
pub(crate) struct VcpuRecord {
    /// Which guest.
    pub(crate) guest: usize,
    /// Which of its CPUs.
    pub(crate) number: usize,
    /// Its host thread.
    pub(crate) thread: usize,
    /// That thread's id.
    pub(crate) tid: i32,
    /// What `kvm_x86_entry` records instead of the number: half of a pointer.
    pub(crate) pointer: u32,
    /// Its states in host time.
    pub(crate) account: Account<VcpuState>,
    /// The state that it has when its thread runs again.
    pub(crate) back_to: VcpuState,
    /// The next sleep is that of a halted CPU.
    pub(crate) halting: bool,
    /// When the armed host timer expires.
    pub(crate) armed: i64,
    /// Host time at the begin of the current preemption.
    taken_at: Option<i64>,
    charged_until: i64,
    current: Vec<(i32, u32, i64)>,
    /// The first preemptions.
    pub(crate) preemptions: Vec<Preemption>,
    /// All of them.
    pub(crate) preemption_count: u64,
    /// Who took time from it: thread id and instance, name, time.
    pub(crate) culprits: BTreeMap<(i32, u32), ([u8; 16], i64)>,
    /// Exits by reason.
    pub(crate) exits: BTreeMap<u32, u64>,
    /// Entries.
    pub(crate) entries: u64,
    /// Guest requests that wait for the emulator.
    pub(crate) requests: VecDeque<usize>,
    /// The emulator's main thread.
    pub(crate) emulator: usize,
}

/// At most that many preemptions are listed.
const PREEMPTIONS_LISTED: usize = 1_000;

impl VcpuRecord {
    /// A vCPU that has not entered yet.
    pub(crate) fn new(guest: usize, number: usize, thread: usize, tid: i32, pointer: u32, emulator: usize) -> Self {
        Self {
            guest,
            number,
            thread,
            tid,
            pointer,
            account: Account::new(VcpuState::VmmUser),
            back_to: VcpuState::VmmUser,
            halting: false,
            armed: i64::MAX,
            taken_at: None,
            charged_until: 0,
            current: Vec::new(),
            preemptions: Vec::new(),
            preemption_count: 0,
            culprits: BTreeMap::new(),
            exits: BTreeMap::new(),
            entries: 0,
            requests: VecDeque::new(),
            emulator,
        }
    }

    fn row(&self) -> Row {
        Row { kind: "vcpu", tid: self.tid, instance: 0, cpu: self.number }
    }

    /// Changes the state at a host time.
    pub(crate) fn set(&mut self, state: VcpuState, now: i64, clock: MachineClock, log: &mut IntervalLog) {
        let row = self.row();
        self.account.change(state, None, clock.cycles(now), row, log);
        if matches!(state, VcpuState::Vmm | VcpuState::VmmUser) {
            self.back_to = state;
        }
    }

    /// Closes the account for the end of the trace.
    pub(crate) fn close(&mut self, t: i64, log: &mut IntervalLog) {
        let row = self.row();
        self.account.close(t, row, log);
    }

    /// The thread was taken off its CPU.
    pub(crate) fn preempted(&mut self, now: i64) {
        self.taken_at = Some(now);
        self.charged_until = now;
        self.current.clear();
    }

    /// A thread ran on that CPU until `now`.
    pub(crate) fn charge(&mut self, tid: i32, instance: u32, name: [u8; 16], now: i64) {
        let ns = now - self.charged_until;
        self.charged_until = now;
        if self.taken_at.is_none() || ns <= 0 || self.account.known_from.is_none() {
            return;
        }
        self.culprits.entry((tid, instance)).or_insert((name, 0)).1 += ns;
        // Mostly few threads take turns: looking from the end finds them at once.
        match self.current.iter_mut().rfind(|(t, i, _)| (*t, *i) == (tid, instance)) {
            Some((_, _, sum)) => *sum += ns,
            None => self.current.push((tid, instance, ns)),
        }
    }

    /// The thread runs again.
    pub(crate) fn resumed(&mut self, now: i64) {
        let Some(begin) = self.taken_at.take() else {
            return;
        };
        if self.account.known_from.is_none() {
            return;
        }
        self.preemption_count += 1;
        if self.preemptions.len() < PREEMPTIONS_LISTED {
            let ran = std::mem::take(&mut self.current);
            self.preemptions.push(Preemption { begin, end: now, ran });
        }
    }

    /// Real, hypervisor and stolen time so far.
    pub(crate) fn times(&self) -> [i64; 3] {
        let t = &self.account.totals;
        [t[0], t[1] + t[2], t[3] + t[4]]
    }
}

impl Machine {
    /// The host's side of the events of virtualisation.
    pub(crate) fn perform_vm(&mut self, c: usize, now: i64, what: What) {
        let t = self.clock.cycles(now);
        let th = self.cpus[c].current;
        let vcpu = self.threads.get(th).map_or(IDLE, |thread| thread.vcpu);
        let Some(record) = self.vcpus.get_mut(vcpu) else {
            return;
        };
        match what {
            What::VmExit(reason) => {
                record.set(VcpuState::Vmm, now, self.clock, &mut self.log);
                if record.account.known_from.is_some() {
                    *record.exits.entry(reason).or_insert(0) += 1;
                }
                let number = u32::try_from(record.number).unwrap_or(0);
                let (info1, info2) = match reason {
                    EXIT_NPF => (0x1_0000_000c, 0xfed0_00f0),
                    EXIT_MSR => (1, 0),
                    EXIT_IOIO => (0x01f7_0210, 0xffff_ffff_9572_5000),
                    _ => (0, 0),
                };
                self.rec.event(c, Ev::KvmExit, t, |s| {
                    s.u32(reason);
                    s.u64(0xffff_ffff_9572_5014);
                    s.u32(2);
                    s.u64(info1);
                    s.u64(info2);
                    s.u32(0);
                    s.u32(0);
                    s.u32(number);
                });
            }
            What::Inject(vector) => self.rec.event(c, Ev::KvmInjVirq, t, |s| s.u32(vector)),
            What::Msr(register) => self.rec.event(c, Ev::KvmMsr, t, |s| {
                s.u32(1);
                s.u32(register);
                s.u64(0x3_fcac);
                s.u8(0);
            }),
            What::Pio => self.rec.event(c, Ev::KvmPio, t, |s| {
                s.u32(1);
                s.u32(0x1f7);
                s.u32(1);
                s.u32(1);
            }),
            What::UserspaceExit => {
                record.set(VcpuState::VmmUser, now, self.clock, &mut self.log);
                self.rec.event(c, Ev::KvmUserspaceExit, t, |s| {
                    s.u32(2);
                    s.i32(0);
                });
            }
            What::Hypercall(n) => {
                let uid = 101 * (u64::try_from(record.guest).unwrap_or(0) + 1);
                self.rec.event(c, Ev::KvmHypercall, t, |s| {
                    s.u64(SYNC_HYPERCALL);
                    s.u64(n);
                    s.u64(uid);
                    s.u64(0);
                    s.u64(0);
                });
            }
            What::PageFault => {
                // As recorded: the pointer where the address should be, the address where the code should be.
                let pointer = 0xffff_8bcb_0000_0000 | u64::from(record.pointer);
                self.rec.event(c, Ev::KvmPageFault, t, |s| {
                    s.u64(pointer);
                    s.u32(0xfed0_00f0);
                });
            }
            What::Cpuid => self.rec.event(c, Ev::KvmCpuid, t, |s| {
                s.u32(1);
                s.u64(0x00a2_0f12);
                s.u64(0x0001_0800);
                s.u64(0xfed8_3203);
                s.u64(0x178b_fbff);
            }),
            _ => {}
        }
    }
}

/// The host and its guests.
#[derive(Debug)]
pub(crate) struct World {
    /// The host.
    pub(crate) host: Machine,
    /// The guests.
    pub(crate) guests: Vec<Machine>,
}

impl World {
    /// When a host CPU, or the guest on it, does something next.
    fn due(&self, c: usize) -> i64 {
        let cpu = &self.host.cpus[c];
        match cpu.guest {
            Some(vcpu) => self.guest_due(vcpu).min(cpu.timer().max(cpu.last)),
            None => self.host.due(c),
        }
    }

    fn guest_due(&self, vcpu: usize) -> i64 {
        let record = &self.host.vcpus[vcpu];
        let cpu = &self.guests[record.guest].cpus[record.number];
        if !cpu.exits.is_empty() {
            cpu.exit_at
        } else if cpu.virq && cpu.open() {
            cpu.last + 400
        } else {
            cpu.step_at
        }
    }

    /// Runs the simulation until `enough` says so, which is asked every few thousand steps. Returns the time.
    pub(crate) fn run(&mut self, mut enough: impl FnMut(&Self) -> bool) -> i64 {
        let cpus = self.host.cpus.len();
        let mut due = Tournament::new(cpus);
        let mut now = 0;
        // Multiplying by the drift must not overflow; nobody generates a day.
        let horizon = 80_000_000_000_000;
        while now < horizon && !enough(self) {
            for _ in 0..256 {
                let mut dirty = std::mem::take(&mut self.host.dirty);
                while dirty != 0 {
                    let c = usize::try_from(dirty.trailing_zeros()).unwrap_or(0);
                    dirty &= dirty - 1;
                    if c < cpus {
                        due.set(c, self.due(c));
                    }
                }
                let (c, at) = due.first();
                if at == i64::MAX {
                    return now;
                }
                now = at.max(now);
                self.step(c, now);
                self.host.dirty |= 1 << c;
            }
        }
        now
    }

    /// One step of a host CPU.
    fn step(&mut self, c: usize, now: i64) {
        if let Some(vcpu) = self.host.cpus[c].guest {
            if self.host.cpus[c].timer() <= now {
                self.interrupt_guest(c, vcpu, now);
            } else {
                self.step_guest(c, vcpu, now);
            }
            return;
        }
        let cpu = &self.host.cpus[c];
        if cpu.open() && cpu.timer() <= now {
            if self.host.interrupt(c, now) {
                self.run_host(c, now);
            }
        } else if !cpu.ops.is_empty() {
            self.run_host(c, now);
        } else if cpu.current != IDLE {
            match self.host.threads[cpu.current].kind {
                Kind::Vcpu => self.vcpu_thread(c, now),
                Kind::Qemu => self.emulator_thread(c),
                _ => self.host.behave(c, now),
            }
        }
        if self.host.cpus[c].guest.is_none() {
            self.host.settle(c, now);
        }
    }

    /// Does the front operation of a host CPU, also if it concerns a guest.
    fn run_host(&mut self, c: usize, now: i64) {
        let current = self.host.cpus[c].current;
        let vcpu = self.host.threads.get(current).map_or(IDLE, |thread| thread.vcpu);
        match self.host.cpus[c].ops.front().map(|op| op.what) {
            Some(What::VmEnter) => {
                self.host.cpus[c].ops.pop_front();
                self.enter(c, vcpu, now);
            }
            Some(What::SetIrq(vcpu, th)) => {
                self.host.cpus[c].ops.pop_front();
                let t = self.host.clock.cycles(now);
                self.host.rec.event(c, Ev::KvmSetIrq, t, |s| {
                    s.u32(14);
                    s.i32(1);
                    s.i32(0);
                });
                let (guest, number) = (self.host.vcpus[vcpu].guest, self.host.vcpus[vcpu].number);
                let timers = &mut self.guests[guest].cpus[number].timers;
                timers.push(std::cmp::Reverse((now, Timer::Disk(th))));
                self.kick(c, vcpu, now);
            }
            // An interrupt that came on the way to sleep keeps a halted CPU awake.
            Some(What::Block(1)) if vcpu != IDLE && self.pending(vcpu, now) => {
                self.host.cpus[c].ops.pop_front();
                self.host.vcpus[vcpu].halting = false;
            }
            _ => self.host.run_front(c, now),
        }
    }

    /// Whether a guest CPU has an interrupt to take.
    fn pending(&self, vcpu: usize, now: i64) -> bool {
        let record = &self.host.vcpus[vcpu];
        self.guests[record.guest].cpus[record.number].timer() <= now
    }

    /// The vCPU thread's time is over: what it does next.
    fn vcpu_thread(&mut self, c: usize, now: i64) {
        let th = self.host.cpus[c].current;
        let vcpu = self.host.threads[th].vcpu;
        match self.host.threads[th].phase {
            START => {
                self.host.push(c, 0, What::Enter(Sys::Ioctl));
                self.host.go_on(c, th, ENTER, 1_500, 3_000);
            }
            ENTER => {
                let record = &self.host.vcpus[vcpu];
                let (guest, number) = (record.guest, record.number);
                let cpu = &mut self.guests[guest].cpus[number];
                if cpu.timer() <= now && !cpu.virq {
                    if cpu.open() {
                        cpu.virq = true;
                        let vector = match cpu.timers.peek() {
                            Some(std::cmp::Reverse((_, Timer::Ipi))) => VECTOR_RESCHEDULE,
                            Some(std::cmp::Reverse((_, Timer::Disk(_)))) => VECTOR_DISK,
                            _ => VECTOR_TIMER,
                        };
                        self.host.push(c, 0, What::Inject(vector));
                    } else {
                        cpu.window = true;
                    }
                }
                self.host.push(c, 1_500, What::VmEnter);
                self.host.go_on(c, th, ENTER, 1_000, 1_500);
            }
            HALT => {
                if !self.pending(vcpu, now) {
                    self.arm_guest_timer(c, vcpu, now);
                    self.host.vcpus[vcpu].halting = true;
                    self.host.push(c, 900, What::Block(1));
                }
                self.host.go_on(c, th, ENTER, 1_200, 2_500);
            }
            _ => {
                self.host.push(c, 0, What::VmExit(EXIT_INTR));
                self.host.go_on(c, th, ENTER, 1_000, 2_000);
            }
        }
    }

    /// The emulator's main thread: it serves the guests' disk requests.
    fn emulator_thread(&mut self, c: usize) {
        let th = self.host.cpus[c].current;
        let waiting = self.host.vcpus.iter().position(|record| record.emulator == th && !record.requests.is_empty());
        let host = &mut self.host;
        match (host.threads[th].phase, waiting) {
            (0, None) => {
                host.push(c, 0, What::Enter(Sys::Ppoll));
                host.push(c, 2_000, What::Block(1));
                host.go_on(c, th, 1, 1_000, 1_500);
            }
            (1, _) => {
                host.push(c, 0, What::Leave(Sys::Ppoll, 1));
                host.go_on(c, th, 0, 3_000, 9_000);
            }
            (2, Some(vcpu)) => {
                host.push(c, 0, What::Leave(Sys::Pread, 4_096));
                host.push(c, 6_000, What::Enter(Sys::Ioctl));
                if let Some(request) = host.vcpus[vcpu].requests.pop_front() {
                    host.push(c, 1_500, What::SetIrq(vcpu, request));
                }
                host.push(c, 2_500, What::Leave(Sys::Ioctl, 0));
                host.go_on(c, th, 0, 4_000, 8_000);
            }
            _ => {
                // A request waits: the emulator reads the disk's image.
                let latency = host.rng.between(50_000, 400_000);
                host.push(c, 0, What::Enter(Sys::Pread));
                host.push_open(c, 5_000, What::BlockIssue(latency));
                host.push(c, 1_500, What::Block(2));
                host.go_on(c, th, 2, 1_000, 2_000);
            }
        }
    }

    /// The vCPU goes to non-root mode.
    fn enter(&mut self, c: usize, vcpu: usize, now: i64) {
        let t = self.host.clock.cycles(now);
        let record = &mut self.host.vcpus[vcpu];
        let pointer = record.pointer;
        record.entries += 1;
        record.account.reveal(t);
        record.set(VcpuState::Guest, now, self.host.clock, &mut self.host.log);
        let times = record.times();
        let (guest, number) = (record.guest, record.number);
        self.host.rec.event(c, Ev::KvmEntry, t, |s| s.u32(pointer));
        self.host.cpus[c].guest = Some(vcpu);
        self.host.cpus[c].last = now;
        let machine = &mut self.guests[guest];
        machine.vm_times[number] = (times, now, true);
        let cpu = &mut machine.cpus[number];
        let away = now - cpu.paused_at;
        if cpu.step_at != i64::MAX {
            cpu.step_at += away;
        }
        cpu.exit_at += away;
        cpu.last = now;
        if cpu.step_at == i64::MAX && !cpu.virq && cpu.exits.is_empty() {
            machine.settle(number, now);
            self.after_guest_step(vcpu, now);
        }
    }

    /// The guest's time stops.
    fn pause(&mut self, c: usize, vcpu: usize, now: i64) {
        let record = &self.host.vcpus[vcpu];
        self.guests[record.guest].cpus[record.number].paused_at = now;
        self.host.cpus[c].guest = None;
        self.host.cpus[c].last = now;
    }

    /// A host interrupt ends non-root mode. On AMD the exit is recorded only after the interrupt was handled.
    fn interrupt_guest(&mut self, c: usize, vcpu: usize, now: i64) {
        self.pause(c, vcpu, now);
        let th = self.host.cpus[c].current;
        self.host.vcpus[vcpu].set(VcpuState::Vmm, now, self.host.clock, &mut self.host.log);
        self.host.cpus[c].step_at = now + 1_500;
        let preempt_first = self.host.rng.one_in(8);
        if self.host.interrupt(c, now) {
            if preempt_first {
                // A fully preemptible kernel may even switch before the exit is recorded.
                self.host.threads[th].phase = LATE_EXIT;
            } else {
                self.host.push(c, 1_800, What::VmExit(EXIT_INTR));
            }
            self.run_host(c, now);
        } else {
            self.host.cpus[c].left = 1_500;
            self.host.perform(c, now, What::VmExit(EXIT_INTR));
        }
        self.host.settle(c, now);
    }

    /// One step of a guest CPU.
    fn step_guest(&mut self, c: usize, vcpu: usize, now: i64) {
        let (guest, number) = (self.host.vcpus[vcpu].guest, self.host.vcpus[vcpu].number);
        let machine = &mut self.guests[guest];
        let cpu = &mut machine.cpus[number];
        if let Some(request) = cpu.exits.pop_front() {
            self.guest_exit(c, vcpu, request, now);
            return;
        }
        if cpu.virq && cpu.open() {
            cpu.virq = false;
            if machine.interrupt(number, now) {
                machine.run_front(number, now);
            }
            if machine.cpus[number].timer() != i64::MAX {
                // The timer that expired is used up: the next one is to be programmed.
                machine.exit_request(number, ExitRequest::Timer);
            }
        } else if !cpu.ops.is_empty() {
            machine.run_front(number, now);
        } else if cpu.current != IDLE {
            machine.behave(number, now);
        }
        machine.settle(number, now);
        self.after_guest_step(vcpu, now);
    }

    /// Sees whether the guest CPU wants to leave.
    fn after_guest_step(&mut self, vcpu: usize, now: i64) {
        let (guest, number) = (self.host.vcpus[vcpu].guest, self.host.vcpus[vcpu].number);
        let machine = &mut self.guests[guest];
        if machine.cpus[number].window && machine.cpus[number].open() {
            machine.cpus[number].window = false;
            machine.exit_request(number, ExitRequest::Window);
        }
        machine.cpus[number].exit_at = now + 800;
    }

    /// The guest leaves on its own.
    fn guest_exit(&mut self, c: usize, vcpu: usize, request: ExitRequest, now: i64) {
        self.pause(c, vcpu, now);
        let th = self.host.cpus[c].current;
        let reason = match request {
            ExitRequest::Timer | ExitRequest::Ipi(_) => EXIT_MSR,
            ExitRequest::Halt => EXIT_HLT,
            ExitRequest::Disk(_) => EXIT_IOIO,
            ExitRequest::Sync(_) => EXIT_VMMCALL,
            ExitRequest::PageFault => EXIT_NPF,
            ExitRequest::Cpuid => EXIT_CPUID,
            ExitRequest::Window => EXIT_VINTR,
        };
        self.host.perform(c, now, What::VmExit(reason));
        self.host.go_on(c, th, ENTER, 900, 2_200);
        match request {
            ExitRequest::Timer => {
                self.host.push(c, 700, What::Msr(MSR_TIMER));
                self.arm_guest_timer(c, vcpu, now);
            }
            ExitRequest::Ipi(target) => {
                self.host.push(c, 700, What::Msr(MSR_ICR));
                let guest = self.host.vcpus[vcpu].guest;
                let other = self.host.vcpus.iter().position(|r| r.guest == guest && r.number == target);
                if let Some(other) = other {
                    self.kick(c, other, now);
                }
            }
            ExitRequest::Halt => self.host.threads[th].phase = HALT,
            ExitRequest::Disk(waiter) => {
                self.host.vcpus[vcpu].requests.push_back(waiter);
                let emulator = self.host.vcpus[vcpu].emulator;
                self.host.push(c, 800, What::Pio);
                self.host.push(c, 900, What::UserspaceExit);
                self.host.push(c, 700, What::Leave(Sys::Ioctl, 0));
                self.host.push_open(c, 4_000, What::Enter(Sys::Futex));
                self.host.push(c, 900, What::Poke(emulator));
                self.host.push(c, 900, What::Leave(Sys::Futex, 0));
                self.host.go_on(c, th, START, 3_000, 9_000);
            }
            ExitRequest::Sync(n) => self.host.push(c, 1_400, What::Hypercall(n)),
            ExitRequest::PageFault => self.host.push(c, 700, What::PageFault),
            ExitRequest::Cpuid => self.host.push(c, 700, What::Cpuid),
            ExitRequest::Window => {}
        }
        self.host.settle(c, now);
    }

    /// Arms the host timer that stands for the guest's next one.
    fn arm_guest_timer(&mut self, c: usize, vcpu: usize, now: i64) {
        let record = &self.host.vcpus[vcpu];
        let at = self.guests[record.guest].cpus[record.number].timer();
        if at == i64::MAX || self.host.vcpus[vcpu].armed == at {
            return;
        }
        let at = at.max(now + 1_000);
        self.host.vcpus[vcpu].armed = at;
        self.host.arm(c, at, Timer::Guest(vcpu));
    }

    /// A guest CPU has an interrupt: wakes its thread, or makes it leave non-root mode.
    fn kick(&mut self, c: usize, vcpu: usize, now: i64) {
        let th = self.host.vcpus[vcpu].thread;
        if self.host.threads[th].asleep {
            self.host.cpus[c].ops.push_front(Op { delay: 900, open: false, what: What::Wake(th) });
        } else if let Some(p) = self.host.cpus.iter().position(|cpu| cpu.guest == Some(vcpu))
            && p != c
        {
            self.host.arm(p, now + 1_500, Timer::Ipi);
        }
    }
}
