//! Laws that joined rows obey on every recording that ships with the program.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test ends where something is not as it must be")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratoscope_core::session::{Phase, Session, SessionOptions, Snapshot, SyncChoice};
use stratoscope_core::store::StateSums;
use stratoscope_core::sync::{ClockMap, SyncQuality, SyncRole};
use stratoscope_core::vm::{Between, schedules};
use stratoscope_core::vocab::{Cpu, MachineNs, RowKey, RowKind, State, TimeRange};

fn open(name: &str) -> (Session, Arc<Snapshot>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces").join(name);
    let session = Session::open(vec![path], SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    assert_eq!(snapshot.phase, Phase::Done);
    (session, snapshot)
}

fn time(sums: &StateSums, states: &[State]) -> i64 {
    states.iter().map(|s| sums.time(*s).0).sum()
}

#[test]
fn what_a_guest_charged_is_what_it_got_and_what_was_taken() {
    const RUNNING: [State; 3] = [State::RunningUser, State::RunningSyscall, State::Interrupted];
    for name in ["fighting", "periodic", "io"] {
        let (_session, snapshot) = open(name);
        let view = snapshot.vm.clone().unwrap();
        let mut stolen = 0;
        for guest in view.model.vms.iter().filter_map(|vm| vm.guest) {
            let raw = &snapshot.machine(guest).unwrap().store;
            let truth = view.truth(guest).unwrap();
            for row in raw.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task()) {
                let joined = truth.find(&RowKey { kind: RowKind::VmThread, ..row.key() }).unwrap();
                let (before, after) = (row.sums(TimeRange::ALWAYS), truth.row(joined).unwrap().sums(TimeRange::ALWAYS));
                for state in [State::Blocked, State::WaitingCpu, State::WaitingFork, State::WaitingUnknown] {
                    assert_eq!(before.time(state), after.time(state), "{name} {} {state:?}", row.key());
                }
                let perceived = time(&before, &RUNNING) + time(&before, &[State::Unknown]);
                let taken = [State::PreemptedByHost, State::InHypervisor, State::Unknown];
                assert_eq!(perceived, time(&after, &RUNNING) + time(&after, &taken), "{name} {}", row.key());
                stolen += time(&after, &[State::PreemptedByHost]);
            }
        }
        assert!(stolen > 0, "{name}: these guests were robbed");
    }
}

#[test]
fn seven_times_add_up_and_joined_vcpus_keep_their_states() {
    for name in ["fighting", "periodic", "io"] {
        let (_session, snapshot) = open(name);
        let view = snapshot.vm.clone().unwrap();
        for vm in &view.model.vms {
            let host = snapshot.machine(vm.host).unwrap();
            for vcpu in &vm.vcpus {
                let raw = host.store.row(host.store.find(&vcpu.key).unwrap()).unwrap();
                let range = raw.extent().unwrap();
                let third = (range.end - range.begin).0 / 3;
                let middle = TimeRange::new(MachineNs(range.begin.0 + third), MachineNs(range.end.0 - third));
                for range in [range, middle, TimeRange::ALWAYS] {
                    let times = view.vcpu_times(vm, vcpu, range);
                    assert_eq!(times.total(), range.length());
                    let before = raw.sums(range);
                    for (state, ours) in [
                        (State::Guest, times.guest),
                        (State::Vmm, times.vmm),
                        (State::VmmUser, times.vmm_user),
                        (State::Preempted, times.preempted),
                        (State::WaitingCpu, times.waiting_cpu),
                        (State::Halted, times.halted),
                    ] {
                        assert_eq!(before.time(state), ours, "{name} {} {state:?}", vcpu.key);
                    }
                }
            }
        }
    }
}

/// The recording lost the events that tell whose threads these are. Two are known by messages; the third is a
/// vCPU 0, which only guest-a's VM lacks.
#[test]
fn a_vcpu_whose_process_was_lost_belongs_to_the_vm_that_lacks_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = std::env::var_os("STRATOSCOPE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let path = shared.join("traces/vm/lost");
    if !path.is_dir() {
        eprintln!("{} is not there: nothing tested", path.display());
        return;
    }
    let session = Session::open(vec![path], SessionOptions::default(), Arc::new(|| {}));
    let snapshot = session.wait();
    let view = snapshot.vm.clone().unwrap();
    let name = |id| snapshot.machine(id).map_or("?", |m| m.name.as_str());
    let vms: Vec<(&str, Vec<(u32, i32)>)> = view
        .model
        .vms
        .iter()
        .map(|vm| (vm.guest.map_or("?", name), vm.vcpus.iter().map(|v| (v.number, v.tid.0)).collect()))
        .collect();
    assert_eq!(vms, [("guest-a", vec![(0, 1429), (1, 1430)]), ("guest-b", vec![(0, 1441)])]);
    assert!(view.notes.iter().any(|note| note.contains("thread 1429")), "{:?}", view.notes);
}

/// A vCPU that executes its guest's idle loop has the CPU: to blame is its thread, not the guest's idle task.
#[test]
fn nobody_blames_an_idle_task() {
    let mut blamed = 0;
    for name in ["fighting", "periodic", "io"] {
        let (_session, snapshot) = open(name);
        let view = snapshot.vm.clone().unwrap();
        for row in view.truth.iter().flatten().flat_map(|store| store.rows()) {
            if !matches!(row.key().kind, RowKind::Vcpu | RowKind::VmThread) {
                continue;
            }
            let waits = |state| {
                matches!(state, State::Preempted | State::PreemptedByHost)
                    || state == State::WaitingCpu && row.key().kind == RowKind::Vcpu
            };
            for who in
                row.intervals(TimeRange::ALWAYS).filter(|i| waits(i.look.state)).filter_map(|i| view.who(i.look.aux))
            {
                assert_ne!(who.tid.0, 0, "{name} {}", row.key());
                blamed += 1;
            }
        }
    }
    assert!(blamed > 1000, "{blamed}");
}

/// Guests act only while their vCPU executes guest code: no event lies outside by more than the map's bound.
#[test]
fn guest_events_lie_inside_guest_code() {
    for name in ["fighting", "periodic", "io"] {
        let (_session, snapshot) = open(name);
        let (view, sync) = (snapshot.vm.clone().unwrap(), snapshot.sync.clone().unwrap());
        for vm in &view.model.vms {
            let Some(guest) = vm.guest else { continue };
            let machine = sync.machines.iter().find(|m| m.id == guest).unwrap();
            assert_eq!((machine.role, machine.quality), (SyncRole::Synced, SyncQuality::Accurate), "{name}");
            let bound = i64::try_from(machine.half_width_ns.unwrap()).unwrap() + 1;
            let (host, inner) = (snapshot.machine(vm.host).unwrap(), snapshot.machine(guest).unwrap());
            let way = Between::new(inner.map, host.map);
            for vcpu in &vm.vcpus {
                let row = host.store.row(host.store.find(&vcpu.key).unwrap()).unwrap();
                let known = row.extent().unwrap();
                let cpu = RowKey::cpu(Cpu(u16::try_from(vcpu.number).unwrap()));
                let events = inner.store.row(inner.store.find(&cpu).unwrap()).unwrap();
                let (mut inside, mut near) = (0, 0);
                for t in events.intervals(TimeRange::ALWAYS).map(|i| way.map(i.begin)).filter(|t| known.contains(*t)) {
                    let around = TimeRange::new(MachineNs(t.0 - bound), MachineNs(t.0 + bound));
                    let in_guest = row.at(t).is_some_and(|i| i.look.state == State::Guest);
                    let guest_near = row.intervals(around).any(|i| i.look.state == State::Guest);
                    assert!(guest_near, "{name} {}: an event at {} is far from guest code", vm.name, t.0);
                    if in_guest {
                        inside += 1;
                    } else {
                        near += 1;
                    }
                }
                assert!(inside > 20 * near, "{name} {}: {inside} inside, {near} near", vm.name);
            }
        }
    }
}

#[test]
fn another_choice_moves_guests_and_joins_again_without_reading() {
    let (session, before) = open("periodic");
    session.choose(SyncChoice { enabled: false, ..SyncChoice::default() });
    let off = session.snapshot();
    assert_ne!(off.machines[1].map, before.machines[1].map);
    assert_eq!(off.machines[0].map, before.machines[0].map);
    session.choose(SyncChoice::default());
    assert_eq!(session.snapshot().machines[1].map, before.machines[1].map);
    // Placed by hand one millisecond later than the date says, and joined there.
    let manual = vec![(before.machines[1].id, 1_000_000)];
    session.choose(SyncChoice { manual, ..SyncChoice::default() });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let now = session.snapshot();
        let joined = now.vm.as_ref().is_some_and(|vm| vm.maps.get(1) == Some(&now.machines[1].map));
        if joined && now.machines[1].map != before.machines[1].map {
            let (a, b) = (now.machines[1].map, off.machines[1].map);
            let t = before.machines[1].extent.unwrap().begin;
            assert_eq!(a.to_ref(t).0 - b.to_ref(t).0, 1_000_000);
            break;
        }
        assert!(std::time::Instant::now() < deadline, "never joined again");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Without messages the schedules tell which guest is which VM, though the dates are up to a second off.
#[test]
fn schedules_tell_guests_apart() {
    for name in ["fighting", "periodic"] {
        let (_session, snapshot) = open(name);
        let view = snapshot.vm.clone().unwrap();
        for vm in view.model.vms.iter().filter(|vm| vm.guest.is_some()) {
            let host = snapshot.machine(vm.host).unwrap();
            let by_date = |origin| ClockMap::by_origins(origin, 0);
            for guest in snapshot.machines.iter().filter(|m| m.vcpus.is_empty()) {
                let way = Between::new(by_date(guest.origin_ns), by_date(host.origin_ns));
                let fit = schedules::fit(vm, &host.store, &guest.store, way).unwrap();
                assert_eq!(fit.is_convincing(), vm.guest == Some(guest.id), "{name}: {} as {}", guest.name, vm.name);
            }
        }
    }
}
