//! `truth.json`: what the simulation knows, for those who judge a reader of the trace.
//!
//! Instants are nanoseconds since 1970 in the clock of the machine that the entry belongs to; vCPUs belong to the host.
//! States change at the instants of events, so that a reader without mistakes finds them to the nanosecond. Where
//! events were lost the truth goes on: it tells what happened, not what can be read.
//!
//! * `machines[]`: counts of recorded events (`events`, `by_name`, `by_cpu`), first and last one (`begin_ns`,
//!   `end_ns`), `discarded_events` and `lost_ranges`, the `clock` and its exact line against the host's, and
//!   - `threads[]`: time in each state from `known_from_ns`, the first scheduling event that names the thread (null:
//!     none did), to its end or the machine's last event. A thread woken is `waiting-cpu` from `sched_waking` on, a
//!     new one from its fork on, inside its parent's `clone`. Kernel threads run in `running-user`: outside of system
//!     calls. Threads of guests also have `vm`: while their kernel believed that they ran, how much of the host's
//!     time was real, hypervisor's, and stolen.
//!   - `cpus[]`: the same from the first `sched_switch` on.
//! * `vcpus[]`: from the thread's first entry to the host's last event. `guest` ends with the first event that only
//!   root mode can record, `vmm-user` lasts from `kvm_userspace_exit` to the next entry, `halted` is asleep after HLT.
//!   `culprits` ran on the CPU from which the vCPU was taken while it waited; `preemptions` lists the first ones.
//! * `intervals[]`: the first ones of every machine, in the order of their ends; all that ended before
//!   `intervals_complete_until_ns` are there (null: all there are). Rows of kind `vcpu` have the vCPU's number in
//!   `cpu`; rows of kind `cpu` do not tell who ran.

use serde_json::{Map, Value, json};

use super::Config;
use super::account::{Account, CpuState, Interval, State, ThreadState, VcpuState};
use super::kernel::{Machine, MachineClock, Thread};
use super::metadata::uuid_text;
use super::schema::EVENTS;
use super::vm::World;

/// The names of a comm array as text.
fn name(comm: &[u8; 16]) -> String {
    comm.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
}

/// Totals under their states' names.
fn totals<S: State>(account: &Account<S>, names: &[&str]) -> Value {
    let mut map = Map::new();
    for (name, ns) in names.iter().zip(account.totals) {
        map.insert(format!("{}_ns", name.replace('-', "_")), json!(ns));
    }
    Value::Object(map)
}

/// Closes all accounts: every machine at its last event, the vCPUs at the host's.
pub(crate) fn close(world: &mut World, end: i64) {
    let host_last = world.host.rec.last;
    for record in &mut world.host.vcpus {
        record.close(host_last, &mut world.host.log);
    }
    for (guest, machine) in world.guests.iter_mut().enumerate() {
        // Simulated time at the guest's last event does not matter: the vCPU's own account is closed already.
        for record in world.host.vcpus.iter().filter(|record| record.guest == guest) {
            let (_, _, known) = machine.vm_times[record.number];
            machine.vm_times[record.number] = (record.times(), end, known);
            let current = machine.cpus[record.number].current;
            if current < machine.threads.len() {
                machine.leave_vm_times(record.number, current, end);
            }
        }
    }
    for machine in std::iter::once(&mut world.host).chain(&mut world.guests) {
        close_machine(machine);
    }
}

fn close_machine(machine: &mut Machine) {
    let last = machine.rec.last;
    let Machine { threads, cpus, log, free, .. } = machine;
    let mut gone = vec![false; threads.len()];
    for &th in free.iter() {
        gone[th] = true;
    }
    for (thread, _) in threads.iter_mut().zip(&gone).filter(|(_, gone)| !**gone) {
        let row = thread.row();
        thread.account.close(last, row, log);
    }
    for (c, cpu) in cpus.iter_mut().enumerate() {
        let row = super::account::Row { kind: "cpu", tid: 0, instance: 0, cpu: c };
        cpu.account.close(last, row, log);
    }
}

fn thread_value(thread: &Thread, clock: &MachineClock, is_guest: bool) -> Value {
    let mut value = json!({
        "tid": thread.tid, "instance": thread.instance, "name": name(&thread.comm), "pid": thread.pid,
        "known_from_ns": thread.account.known_from.map(|t| t + clock.offset),
        "ended": !thread.alive,
    });
    if let (Some(map), Value::Object(states)) = (value.as_object_mut(), totals(&thread.account, &ThreadState::NAMES)) {
        map.extend(states);
        if is_guest {
            let [real, hypervisor, stolen] = thread.vm_total;
            map.insert("vm".to_owned(), json!({"real_ns": real, "hypervisor_ns": hypervisor, "stolen_ns": stolen}));
        }
    }
    value
}

fn interval_value(machine: &str, interval: &Interval, offset: i64) -> Value {
    json!({
        "machine": machine, "row": interval.row.kind, "tid": interval.row.tid, "instance": interval.row.instance,
        "cpu": interval.row.cpu, "state": interval.state, "detail": interval.detail,
        "begin_ns": interval.begin + offset, "end_ns": interval.end + offset,
    })
}

fn machine_value(machine: &Machine, host: &MachineClock, uuid: &[u8; 16]) -> Value {
    let offset = machine.clock.offset;
    let by_name: Map<String, Value> = EVENTS
        .iter()
        .zip(&machine.rec.by_event)
        .filter(|(_, count)| **count > 0)
        .map(|((_, name, _), count)| ((*name).to_owned(), json!(count)))
        .collect();
    let mut gone = vec![false; machine.threads.len()];
    for &th in &machine.free {
        gone[th] = true;
    }
    let alive = machine.threads.iter().zip(&gone).filter(|(_, gone)| !**gone).map(|(thread, _)| thread);
    let threads: Vec<Value> = machine
        .ended
        .iter()
        .map(|ended| &ended.thread)
        .chain(alive)
        .map(|thread| thread_value(thread, &machine.clock, machine.is_guest))
        .collect();
    let cpus: Vec<Value> = machine
        .cpus
        .iter()
        .enumerate()
        .map(|(c, cpu)| {
            let known = cpu.account.known_from.map(|t| t + offset);
            json!({"cpu": c, "known_from_ns": known, "totals": totals(&cpu.account, &CpuState::NAMES)})
        })
        .collect();
    let lost: Vec<Value> = machine
        .rec
        .lost
        .iter()
        .map(|l| json!({"cpu": l.cpu, "count": l.count, "first_ns": l.first + offset, "last_ns": l.last + offset}))
        .collect();
    let drift = machine.clock.drift_ppb;
    json!({
        "machine": machine.name,
        "events": machine.rec.by_event.iter().sum::<u64>(),
        "by_name": by_name,
        "by_cpu": machine.rec.by_cpu,
        "begin_ns": machine.rec.first.map(|t| t + offset),
        "end_ns": machine.rec.last + offset,
        "discarded_events": machine.rec.discarded(),
        "lost_ranges": lost,
        "clock": {
            "uuid": uuid_text(uuid), "offset": offset, "freq": 1_000_000_000,
            // t = origin_ns + floor((t_host - host_origin_ns) * slope_numerator / slope_denominator), exactly.
            "against_host": {
                "slope_numerator": 1_000_000_000 + drift, "slope_denominator": 1_000_000_000,
                "drift_ppb": drift,
                "host_origin_ns": host.base + host.offset, "origin_ns": machine.clock.base + offset,
            },
        },
        "intervals_complete_until_ns": machine.log.complete_until.map(|t| t + offset),
        "threads": threads,
        "cpus": cpus,
    })
}

/// The whole truth. `uuids` are the machines' clock identities, the host's first.
pub(crate) fn value(world: &World, config: &Config, uuids: &[[u8; 16]]) -> Value {
    let host = &world.host;
    let machines: Vec<Value> = std::iter::once(host)
        .chain(&world.guests)
        .zip(uuids)
        .map(|(machine, uuid)| machine_value(machine, &host.clock, uuid))
        .collect();
    let offset = host.clock.offset;
    let vcpus: Vec<Value> = host
        .vcpus
        .iter()
        .map(|record| {
            let culprits: Vec<Value> = record
                .culprits
                .iter()
                .map(|((tid, instance), (comm, ns))| {
                    json!({"tid": tid, "instance": instance, "name": name(comm), "ns": ns})
                })
                .collect();
            let preemptions: Vec<Value> = record
                .preemptions
                .iter()
                .map(|p| {
                    let ran: Vec<Value> = p
                        .ran
                        .iter()
                        .map(|(tid, instance, ns)| json!({"tid": tid, "instance": instance, "ns": ns}))
                        .collect();
                    let (begin, end) = (host.clock.cycles(p.begin) + offset, host.clock.cycles(p.end) + offset);
                    json!({"begin_ns": begin, "end_ns": end, "ran_instead": ran})
                })
                .collect();
            let exits: Map<String, Value> =
                record.exits.iter().map(|(reason, count)| (format!("{reason:#x}"), json!(count))).collect();
            json!({
                "guest": world.guests.get(record.guest).map(|guest| guest.name.clone()),
                "vcpu": record.number, "host_tid": record.tid,
                "begin_ns": record.account.known_from.map(|t| t + offset), "end_ns": host.rec.last + offset,
                "totals": totals(&record.account, &VcpuState::NAMES),
                "entries": record.entries, "exits_by_reason": exits,
                "preemption_count": record.preemption_count, "preemptions": preemptions, "culprits": culprits,
            })
        })
        .collect();
    let intervals: Vec<Value> = std::iter::once(host)
        .chain(&world.guests)
        .flat_map(|m| m.log.list.iter().map(|i| interval_value(&m.name, i, m.clock.offset)))
        .collect();
    json!({
        "arguments": {
            "bytes": config.bytes, "cpus": config.cpus, "guests": config.guests, "threads": config.threads,
            "seed": config.seed, "lose": config.lose, "truth_intervals": config.truth_intervals,
        },
        "machines": machines,
        "vcpus": vcpus,
        "intervals": intervals,
    })
}
