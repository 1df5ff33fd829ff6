//! The scene of two fighting guests with what only host and guests together tell: a model made by hand, and joined
//! rows in stores, as the engine hands them out.

use std::sync::Arc;

use stratoscope_core::store::{Extents, Interval, MachineStore, StoreOptions, StoreSnapshot, Writer as _};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vm::{LinkBy, Role, Vcpu, Vm, VmModel, VmView, Who};
use stratoscope_core::vocab::{Cpu, MachineId, MachineNs, ProblemLog, RowKey, RowKind, Tid, TimeRange};

use crate::window::timeline::fake::{Maker, fighting};
use crate::window::timeline::scene::Scene;

/// Everybody whom the joined rows speak of, by position.
const CRITICAL: usize = 0;
const BURNER: usize = 1;
const QEMU_A: usize = 2;
const CONSUMER: usize = 3;

fn key(kind: RowKind, id: i32) -> RowKey {
    RowKey { kind, id, cpu: Cpu::UNKNOWN, instance: 0 }
}

fn pcpu(n: u16) -> RowKey {
    RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(Cpu(n)) }
}

/// A store of rows.
fn store(maker: &Maker, rows: &[(RowKey, &str, Vec<Interval>)], end: MachineNs) -> Arc<StoreSnapshot> {
    let mut store = MachineStore::new(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
    for (key, name, intervals) in rows {
        let id = store.row(*key);
        store.rename(id, MachineNs(0), maker.names.intern(name));
        for interval in intervals {
            store.set(id, interval.begin, interval.look);
        }
        if let Some(last) = intervals.last() {
            store.set(id, last.end, stratoscope_core::store::Look::new(stratoscope_core::vocab::State::None));
        }
    }
    store.snapshot(end)
}

/// Host, guest-a with `critical`, guest-b with `burner-b`, joined. On the host's CPU 1 the vCPUs take turns at
/// 3.0, 9.8, 17.8, 25.8, 33.8 and 39.9 ms, guest-a's first.
pub(crate) fn joined() -> Scene {
    let mut scene = fighting();
    let names = Arc::clone(&scene.names);
    let end = MachineNs(46_000_000);
    let whole = TimeRange::new(MachineNs(0), end);
    let mut guest_b = Maker::new(&names, 2, "guest-b", whole);
    guest_b.thread(300, "burner-b", 300, 1, guest_b.states("running-user//0@0 blocked@42500 none@46000"));
    guest_b.thread(301, "sleepy-b", 301, 1, guest_b.states("blocked@0 none@46000"));
    guest_b.row(RowKey::cpu(Cpu(0)), "", 0, 0, guest_b.states("user//300@0 idle//0@42500 none@46000"));
    scene.machines.push(guest_b.machine.clone());
    scene.enters_guests = true;
    let guest_a = scene.machines[1].clone();
    assert_eq!(guest_a.id, MachineId(1));

    let m = Maker::new(&names, 0, "", whole);
    let host_rows = [
        (
            key(RowKind::Vcpu, 184),
            "CPU 0/KVM",
            m.states(&format!(
                "unknown@0 guest/user/{CRITICAL}@3000 vmm/HLT@9000 guest/user/{CRITICAL}@9100 preempted/burner-b/{BURNER}@9800 \
                 guest/user/{CRITICAL}@17800 preempted/burner-b/{BURNER}@25800 guest/user/{CRITICAL}@33800 halted@39900 none@46000"
            )),
        ),
        (
            key(RowKind::Vcpu, 194),
            "CPU 0/KVM",
            m.states(&format!(
                "unknown@0 preempted/critical/{CRITICAL}@3000 guest/user/{BURNER}@9800 preempted/critical/{CRITICAL}@17800 \
                 guest/user/{BURNER}@25800 vmm-user/IOIO@30000 guest/user/{BURNER}@30500 preempted/critical/{CRITICAL}@33800 \
                 guest/user/{BURNER}@39900 halted@42500 none@46000"
            )),
        ),
        (
            pcpu(0),
            "",
            m.states(&format!(
                "idle@0 syscall/lttng-consumerd/{CONSUMER}@13000 idle@17000 user/qemu-a/{QEMU_A}@30000 idle@31000 none@46000"
            )),
        ),
        (
            pcpu(1),
            "",
            m.states(&format!(
                "idle@0 guest/critical/{CRITICAL}@3000 guest/burner-b/{BURNER}@9800 guest/critical/{CRITICAL}@17800 \
                 guest/burner-b/{BURNER}@25800 guest/critical/{CRITICAL}@33800 guest/burner-b/{BURNER}@39900 idle@42500 none@46000"
            )),
        ),
    ];
    let tasks_a = [
        (
            key(RowKind::VmThread, 219),
            "critical",
            m.states(&format!(
                "blocked@3000 running-user//0@4000 preempted-by-host/burner-b/{BURNER}@9800 running-user//0@17800 \
                 in-hypervisor/HLT@19000 running-user//0@19100 preempted-by-host/burner-b/{BURNER}@25800 running-user//0@33800 \
                 blocked@34200 running-user//0@35200 blocked@39600 none@43000"
            )),
        ),
        (key(RowKind::VmThread, 165), "lttng-consumerd", m.states("blocked@3000 none@43000")),
    ];
    let tasks_b = [
        (key(RowKind::VmThread, 301), "sleepy-b", m.states("blocked@0 none@46000")),
        (
            key(RowKind::VmThread, 300),
            "burner-b",
            m.states(&format!(
                "preempted-by-host/critical/{CRITICAL}@3000 running-user//0@9800 preempted-by-host/critical/{CRITICAL}@17800 \
                 running-user//0@25800 preempted-by-host/critical/{CRITICAL}@33800 running-user//0@39900 blocked@42500 none@46000"
            )),
        ),
    ];
    let thread = |machine: usize, tid: i32| {
        let machine = &scene.machines[machine];
        machine.by_key[&RowKey::thread(Tid(tid), 0)]
    };
    let vm = |name: &str, pid: i32, guest: u16, tid: i32| Vm {
        name: name.to_owned(),
        host: MachineId(0),
        host_pid: Some(Tid(pid)),
        guest: Some(MachineId(guest)),
        link: Some(LinkBy::Messages),
        vcpus: vec![Vcpu {
            number: 0,
            guessed: false,
            tid: Tid(tid),
            key: key(RowKind::Vcpu, tid),
            thread: thread(0, tid),
        }],
    };
    let role = |host: bool, of: Option<u16>| Role { host, guest_of: of.map(MachineId) };
    let who = |machine: u16, tid: i32, name: &str| Who {
        machine: MachineId(machine),
        tid: Tid(tid),
        name: names.intern(name),
    };
    let view = VmView {
        model: VmModel {
            vms: vec![vm("guest-a", 181, 1, 184), vm("guest-b", 191, 2, 194)],
            roles: vec![role(true, None), role(false, Some(0)), role(false, Some(0))],
        },
        maps: vec![ClockMap::IDENTITY; 3],
        truth: vec![Some(store(&m, &host_rows, end)), Some(store(&m, &tasks_a, end)), Some(store(&m, &tasks_b, end))],
        who: vec![
            who(1, 219, "critical"),
            who(2, 300, "burner-b"),
            who(0, 181, "qemu guest-a"),
            who(0, 900, "lttng-consumerd"),
        ]
        .into(),
        known_from: vec![vec![MachineNs(3_000_000)], vec![MachineNs(3_000_000)]],
        notes: Vec::new(),
    };
    for machine in &mut scene.machines {
        machine.join(&view);
    }
    scene.vm = Some(Arc::new(view));
    scene
}
