//! What an event costs the kernel's state machine, with a writer that only counts.
//!
//! The events are those of a small busy machine: four CPUs, a few hundred threads, system calls, interrupts
//! with softirqs, wake-ups and switches, in about the shares that real traces have.

#![allow(missing_docs, reason = "the macros of criterion write public items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stratoscope_core::kernel::{Kernel, KernelOptions};
use stratoscope_core::links::{Links, LinksOptions};
use stratoscope_core::store::{Look, Raise, VmExit, Wakeup, Writer};
use stratoscope_core::vocab::{
    Cpu, Event, Interner, KernelEvent, MachineNs, Name, RowId, RowKey, State, SyncPoint, SyscallAbi, Tid,
};

const CPUS: usize = 4;
const THREADS: u64 = 400;
const EVENTS: usize = 1 << 18;

/// Counts what it is told, and keeps each row's look, as every writer must.
#[derive(Default)]
struct Counter {
    looks: Vec<Look>,
    sets: u64,
    wakeups: u64,
}

impl Writer for Counter {
    fn row(&mut self, _: RowKey) -> RowId {
        self.looks.push(Look::new(State::None));
        RowId(self.looks.len() as u32 - 1)
    }
    fn set(&mut self, row: RowId, _: MachineNs, look: Look) {
        self.looks[row.0 as usize] = look;
        self.sets += 1;
    }
    fn amend(&mut self, row: RowId, detail: Name) {
        self.looks[row.0 as usize].detail = detail;
    }
    fn look(&self, row: RowId) -> Look {
        self.looks[row.0 as usize]
    }
    fn rename(&mut self, _: RowId, _: MachineNs, _: Name) {}
    fn relate(&mut self, _: RowId, _: Option<Tid>, _: Option<Tid>) {}
    fn wakeup(&mut self, _: Wakeup) {
        self.wakeups += 1;
    }
    fn sync_point(&mut self, _: SyncPoint) {}
    fn raise(&mut self, _: Raise) {}
    fn exit(&mut self, _: VmExit) {}
}

/// The same events every time: a multiplicative generator, no randomness of the machine.
fn events(names: &Interner) -> Vec<Event> {
    let mut seed = 1u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let comms: Vec<Name> = (0..THREADS).map(|n| names.intern(&format!("task-{n}"))).collect();
    let calls: Vec<Name> = ["read", "write", "futex", "epoll_wait", "openat"].map(|n| names.intern(n)).to_vec();
    let disk = names.intern("nvme0q1");
    let tid = |n: u64| Tid(if n == 0 { 0 } else { 1000 + n as i32 * 7 });
    let mut current = [0u64; CPUS];
    let mut events = Vec::new();
    let mut t = 0;
    while events.len() < EVENTS {
        let c = random(CPUS as u64) as usize;
        let mut push = |body| {
            t += 500;
            events.push(Event { t: MachineNs(t), cpu: Cpu(c as u16), context_tid: Tid(-1), body });
        };
        match random(10) {
            0..=4 => {
                let name = calls[random(5) as usize];
                push(KernelEvent::SyscallEntry { name, abi: SyscallAbi::Native });
                push(KernelEvent::SyscallExit { name, ret: 0 });
            }
            5 => {
                push(KernelEvent::IrqEntry { irq: 25, name: disk });
                push(KernelEvent::SoftirqRaise { vec: 4 });
                push(KernelEvent::IrqExit { irq: 25 });
                push(KernelEvent::SoftirqEntry { vec: 4 });
                push(KernelEvent::SoftirqExit { vec: 4 });
            }
            _ => {
                let next =
                    if random(3) == 0 { 0 } else { 1 + (random(THREADS / 4 - 1) * 4 + c as u64) % (THREADS - 1) };
                if next == current[c] {
                    continue;
                }
                let (comm, prio, target_cpu) = (comms[next as usize], 120, Cpu(c as u16));
                if next != 0 {
                    push(KernelEvent::SchedWaking { tid: tid(next), comm, prio, target_cpu });
                    push(KernelEvent::SchedWakeup { tid: tid(next), comm, prio, target_cpu });
                }
                push(KernelEvent::SchedSwitch {
                    prev_tid: tid(current[c]),
                    prev_comm: comms[current[c] as usize],
                    prev_prio: 120,
                    prev_state: random(2) as i32,
                    next_tid: tid(next),
                    next_comm: comm,
                    next_prio: prio,
                });
                current[c] = next;
            }
        }
    }
    events
}

fn bench(criterion: &mut Criterion) {
    let names = Arc::new(Interner::default());
    let events = events(&names);
    let mut group = criterion.benchmark_group("kernel");
    group.throughput(Throughput::Elements(events.len() as u64));
    let options = KernelOptions { kernel_release: Some("6.1.0".to_owned()), names };
    group.bench_function("states", |b| {
        b.iter(|| {
            let (mut kernel, mut out) = (Kernel::new(options.clone()), Counter::default());
            for event in black_box(&events) {
                kernel.event(event, &mut out);
            }
            out.sets
        });
    });
    group.bench_function("states and wake-ups", |b| {
        b.iter(|| {
            let (mut kernel, mut out) = (Kernel::new(options.clone()), Counter::default());
            let mut links = Links::new(LinksOptions::default());
            for event in black_box(&events) {
                kernel.event(event, &mut out);
                links.event(event, &kernel, &mut out);
            }
            (out.sets, out.wakeups)
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
