//! What is known of two guests that fight for one CPU, made by hand with the engine's own stores, for tests.

use std::sync::Arc;

use stratoscope_core::query::{World, WorldMachine};
use stratoscope_core::store::{Extents, Look, MachineStore, StoreOptions, StoreSnapshot, VmExit, Writer as _};
use stratoscope_core::sync::{
    BoundPoint, ClockMap, MachineSync, MatchPoint, MethodSync, PairSync, Solution, SyncQuality, SyncRole,
};
use stratoscope_core::vm::{LinkBy, Role, Vcpu, Vm, VmModel, VmView, Who};
use stratoscope_core::vocab::{
    Cpu, Dur, Interner, MachineId, MachineNs, Name, ProblemLog, RefNs, RowKey, RowKind, State, SyncMethod, Tid,
    TimeRange,
};

use crate::window::joint::facts::Facts;
use crate::window::timeline::StoredMachine;
use crate::window::timeline::fake::{Bursts, scene_of};
use crate::window::timeline::scene::Scene;

pub(crate) const HOST: MachineId = MachineId(0);
pub(crate) const A: MachineId = MachineId(1);
pub(crate) const B: MachineId = MachineId(2);

fn ms(t: i64) -> MachineNs {
    MachineNs(t * 1_000_000)
}

/// Rows written as states from instants in milliseconds on.
struct Maker {
    store: MachineStore,
    names: Arc<Interner>,
}

impl Maker {
    fn new(names: &Arc<Interner>) -> Self {
        Self {
            store: MachineStore::new(&Extents::new(&StoreOptions::default(), ProblemLog::default())),
            names: Arc::clone(names),
        }
    }

    fn row(&mut self, key: RowKey, name: &str, states: &[(i64, State, u32)]) {
        let row = self.store.row(key);
        if !name.is_empty() {
            self.store.rename(row, MachineNs(0), self.names.intern(name));
        }
        for (t, state, aux) in states {
            self.store.set(row, ms(*t), Look { state: *state, detail: Name::NONE, aux: *aux });
        }
    }

    fn done(mut self) -> Arc<StoreSnapshot> {
        self.store.snapshot(ms(40))
    }
}

/// 40 ms: guest-a's and guest-b's one vCPU take turns on the host's CPU 1. In guest-a, `critical` 219 runs.
pub(crate) fn fighting() -> Facts {
    use State::{Blocked, Guest, Idle, Preempted, PreemptedByHost, RunningUser, User, Vmm, WaitingCpu};
    let names = Arc::new(Interner::default());
    let n = |text: &str| names.intern(text);
    // 0: critical in a, 1: burner-b in b.
    let who = [
        Who { machine: A, tid: Tid(219), name: n("critical") },
        Who { machine: B, tid: Tid(300), name: n("burner-b") },
    ];
    const NO: u32 = Look::NO_AUX;
    let (vcpu_a, vcpu_b) = (RowKey::vcpu(Tid(184), 0), RowKey::vcpu(Tid(194), 0));
    let own = |key: RowKey, kind: RowKind| RowKey { kind, ..key };
    let turns_a =
        [(0, Guest, 0), (10, Preempted, 1), (18, Guest, 0), (26, Preempted, 1), (34, Guest, 0), (38, Vmm, NO)];
    let turns_b = [(0, WaitingCpu, 0), (10, Guest, 1), (18, Preempted, 0), (26, Guest, 1), (34, Preempted, 0)];

    let mut host = Maker::new(&names);
    let on = |states: &[(i64, State, u32)]| states.iter().map(|(t, s, _)| (*t, *s, 1)).collect::<Vec<_>>();
    host.row(
        RowKey::thread(Tid(184), 0),
        "CPU 0/KVM",
        &[(0, RunningUser, 1), (10, WaitingCpu, 1), (18, RunningUser, 1), (26, WaitingCpu, 1), (34, RunningUser, 1)],
    );
    host.row(
        RowKey::thread(Tid(194), 0),
        "CPU 0/KVM",
        &[(0, WaitingCpu, 1), (10, RunningUser, 1), (18, WaitingCpu, 1), (26, RunningUser, 1), (34, WaitingCpu, 1)],
    );
    host.row(
        RowKey::thread(Tid(900), 0),
        "consumerd",
        &[(0, Blocked, 0), (12, WaitingCpu, 0), (13, RunningUser, 0), (14, Blocked, 0)],
    );
    host.row(RowKey::cpu(Cpu(0)), "", &[(0, Idle, 0), (13, User, 900), (14, Idle, 0)]);
    host.row(
        RowKey::cpu(Cpu(1)),
        "",
        &[(0, User, 184), (10, User, 194), (18, User, 184), (26, User, 194), (34, User, 184)],
    );
    host.row(vcpu_a, "CPU 0/KVM", &on(&turns_a));
    host.row(vcpu_b, "CPU 0/KVM", &on(&turns_b));
    let vcpu_rows = [vcpu_a, vcpu_b].map(|key| host.store.row(key));
    for (t, vcpu, reason, us, off) in [
        (2, 0, 120, 40, 30),
        (4, 0, 30, 5, 0),
        (6, 0, 30, 7, 0),
        (10, 0, 64, 8_000, 7_990),
        (20, 1, 64, 3, 0),
        (39, 0, 30, 900, 0),
    ] {
        let exit = VmExit {
            t: ms(t) + Dur(us * 1000),
            total: Dur(us * 1000),
            off_cpu: Dur(off * 1000),
            vcpu: vcpu_rows[vcpu],
            reason,
            isa: 1,
            complete: true,
        };
        host.store.exit(exit);
    }
    let mut host_truth = Maker::new(&names);
    host_truth.row(vcpu_a, "CPU 0/KVM", &turns_a);
    host_truth.row(vcpu_b, "CPU 0/KVM", &turns_b);

    let mut a = Maker::new(&names);
    let critical = RowKey::thread(Tid(219), 0);
    a.row(critical, "critical", &[(0, RunningUser, 0)]);
    a.row(RowKey::thread(Tid(220), 0), "patient", &[(0, WaitingCpu, 0)]);
    a.row(RowKey::cpu(Cpu(0)), "", &[(0, User, 219)]);
    let mut a_truth = Maker::new(&names);
    a_truth.row(
        own(critical, RowKind::VmThread),
        "critical",
        &[
            (0, RunningUser, 0),
            (10, PreemptedByHost, 1),
            (18, RunningUser, 0),
            (26, PreemptedByHost, 1),
            (34, RunningUser, 0),
        ],
    );
    let mut b = Maker::new(&names);
    b.row(RowKey::thread(Tid(300), 0), "burner-b", &[(0, RunningUser, 0)]);
    b.row(RowKey::cpu(Cpu(0)), "", &[(0, User, 300)]);

    let vm = |name: &str, pid: i32, guest: MachineId, key: RowKey| Vm {
        name: name.to_owned(),
        host: HOST,
        host_pid: Some(Tid(pid)),
        guest: Some(guest),
        link: Some(LinkBy::Messages),
        vcpus: vec![Vcpu {
            number: 0,
            guessed: false,
            tid: Tid(key.id),
            key,
            thread: stratoscope_core::vocab::RowId(u32::from(key.id == 194)),
        }],
    };
    let model = VmModel {
        vms: vec![vm("guest-a", 181, A, vcpu_a), vm("guest-b", 191, B, vcpu_b)],
        roles: vec![
            Role { host: true, guest_of: None },
            Role { host: false, guest_of: Some(HOST) },
            Role { host: false, guest_of: Some(HOST) },
        ],
    };
    let view = VmView {
        model,
        maps: vec![ClockMap::IDENTITY; 3],
        truth: vec![Some(host_truth.done()), Some(a_truth.done()), None],
        who: who.into(),
        known_from: vec![vec![MachineNs(0)], vec![MachineNs(0)]],
        notes: Vec::new(),
    };
    let machine = |id: MachineId, name: &str, store: Arc<StoreSnapshot>| WorldMachine {
        id,
        name: name.into(),
        map: ClockMap::IDENTITY,
        origin_ns: 0,
        extent: TimeRange::new(ms(0), ms(40)),
        store,
        lost: Vec::new().into(),
    };
    let machines =
        vec![machine(HOST, "host", host.done()), machine(A, "guest-a", a.done()), machine(B, "guest-b", b.done())];
    Facts {
        world: World { machines, names, vm: Some(Arc::new(view)) }.into(),
        extent: Some(TimeRange::new(RefNs(0), RefNs(40_000_000))),
        ..Facts::default()
    }
}

/// The same machines, but in guest-a `critical` 219 is woken every 10 ms for 2 ms of work, of which two instances
/// are interrupted for 3 ms by guest-b's burner.
pub(crate) fn periodic() -> Facts {
    let mut facts = fighting();
    let mut a = Maker::new(&facts.world.names);
    let mut truth = Maker::new(&facts.world.names);
    let key = RowKey::thread(Tid(219), 0);
    let (mut own, mut joined) = (vec![(0, State::Blocked, 0)], vec![(0, State::Blocked, 0)]);
    for n in 0..20 {
        let t = 5 + 10 * n;
        let slow = n == 7 || n == 13;
        own.extend([(t, State::RunningUser, 0), (if slow { t + 5 } else { t + 2 }, State::Blocked, 0)]);
        joined.push((t, State::RunningUser, 0));
        if slow {
            joined.extend([
                (t + 1, State::PreemptedByHost, 1),
                (t + 4, State::RunningUser, 0),
                (t + 5, State::Blocked, 0),
            ]);
        } else {
            joined.push((t + 2, State::Blocked, 0));
        }
    }
    a.row(key, "critical", &own);
    a.row(RowKey::cpu(Cpu(0)), "", &[(0, State::User, 219)]);
    truth.row(RowKey { kind: RowKind::VmThread, ..key }, "critical", &joined);
    facts.world.machines[1].store = a.store.snapshot(ms(210));
    let mut view = facts.world.vm.as_deref().cloned().unwrap_or_default();
    view.truth[1] = Some(truth.store.snapshot(ms(210)));
    facts.world.vm = Some(Arc::new(view));
    facts
}

/// The fighting machines, with guest-a's clock found by messages and guest-b's placed by its date.
pub(crate) fn synced() -> Facts {
    let mut facts = fighting();
    facts.world.machines[1].origin_ns = 1_000_000;
    let machine = |id, role, quality, half: Option<u64>| MachineSync {
        id,
        role,
        quality,
        map: ClockMap::IDENTITY,
        slope: "1.0000202555485787".to_owned(),
        offset_ns: "-5000004011.058672".to_owned(),
        half_width_ns: half,
        half_width_median_ns: half.map(|ns| ns / 2),
        at_ns: Some(20_000_000),
        delta_ns: Some(1_000_000),
        drift_ppm: if id == HOST { 0.0 } else { 20.25 },
        methods: if id == HOST { Vec::new() } else { vec![SyncMethod::Hypercall] },
        path: if id == HOST { vec![HOST] } else { vec![id, HOST] },
    };
    let points = (0..400_i64)
        .map(|n| {
            let from_a = n % 2 == 0;
            // Delays from 40 ns to some microseconds; a wrong match in the middle.
            let delay = 40 + (n * n * 7919 % 4001);
            let delay = if n == 200 { -90_000 } else { delay };
            let x = MachineNs(n * 100_000);
            let residual = if from_a { delay } else { -delay };
            MatchPoint {
                x,
                y: MachineNs(x.0 + x.0 * 20 / 1_000_000 + residual),
                residual_ns: residual as f64,
                from_a,
                method: SyncMethod::Hypercall,
                on_hull: n % 57 == 0,
                rejected: n == 200,
            }
        })
        .collect();
    let bounds = [(0, 220.0), (20, 57.0), (40, 240.0)];
    let pair = PairSync {
        a: HOST,
        b: A,
        quality: SyncQuality::Accurate,
        method: Some(SyncMethod::Hypercall),
        methods: vec![MethodSync {
            method: SyncMethod::Hypercall,
            quality: SyncQuality::Accurate,
            matches: 400,
            on_hull: 8,
            rejected: 1,
            used: true,
            slope_min: Some("1.0000197".to_owned()),
            slope_max: Some("1.0000202".to_owned()),
        }],
        a_to_b: 200,
        b_to_a: 200,
        ambiguous: 0,
        on_hull: 8,
        rejected: 1,
        line: Some(("1.0000202555485787".to_owned(), "-5000004011.058672".to_owned())),
        slope_min: Some("1.0000197555619212".to_owned()),
        slope_max: Some("1.0000202555485787".to_owned()),
        half_width_ns: Some(57),
        used: true,
        dates_agree: false,
        points,
        bounds: bounds.map(|(t, ns)| BoundPoint { x: ms(t), lower_ns: -ns, upper_ns: ns }).to_vec(),
    };
    facts.sync = Some(Arc::new(Solution {
        machines: vec![
            machine(HOST, SyncRole::Reference, SyncQuality::Accurate, Some(0)),
            machine(A, SyncRole::Synced, SyncQuality::Accurate, Some(57)),
            machine(B, SyncRole::Synced, SyncQuality::Accurate, Some(31)),
        ],
        pairs: vec![pair],
    }));
    facts
}

/// The same as timelines draw it.
pub(crate) fn scene(facts: Facts) -> Scene {
    let end = facts
        .world
        .machines
        .iter()
        .filter_map(|m| m.store.rows().filter_map(|r| r.extent()).map(|e| e.end).max())
        .max();
    let end = end.unwrap_or(ms(40));
    let machines = facts.world.machines.iter().map(|m| {
        let stored = StoredMachine {
            id: m.id,
            name: &m.name,
            map: m.map,
            extent: Some(TimeRange::new(MachineNs(0), end)),
            watermark: None,
            store: &m.store,
            lost: Vec::new(),
            density: Arc::new(Bursts),
        };
        let mut machine = stored.into_scene();
        if let Some(vm) = &facts.world.vm {
            machine.join(vm);
        }
        machine
    });
    let machines = machines.collect();
    let mut scene = scene_of(Arc::clone(&facts.world.names), machines, end);
    scene.vm.clone_from(&facts.world.vm);
    scene.facts = Arc::new(facts);
    scene
}
