//! Instances of recurring tasks: bounds, slowness, blame.

use std::sync::Arc;

use stratoscope_core::store::{Look, StoreSnapshot, Writer as _};
use stratoscope_core::vm::instances::{Instances, SLOW_FACTOR, TaskRow, by_marks, by_sleeps, pair_marks};
use stratoscope_core::vm::{VmView, recurring};
use stratoscope_core::vocab::{Cancel, Dur, Interner, MachineNs, Name, RowKey, State, Tid, TimeRange};

use crate::support::{CPU0, GUEST, HOST, Piece, model, store, view, vm_thread, who, write};

const ALL: TimeRange<MachineNs> = TimeRange { begin: MachineNs(0), end: MachineNs::MAX };

struct Words {
    names: Interner,
    timer: Name,
    disk: Name,
}

impl Words {
    fn new() -> Self {
        let names = Interner::default();
        Self { timer: names.intern("timer"), disk: names.intern("disk"), names }
    }

    fn sleep(&self, ns: i64) -> Piece {
        (State::Blocked, self.timer, 0, ns)
    }
}

fn run(ns: i64) -> Piece {
    (State::RunningUser, Name::NONE, 0, ns)
}

fn one(pieces: &[Piece], key: RowKey) -> Arc<StoreSnapshot> {
    let mut out = store();
    let end = write(&mut out, key, pieces);
    out.snapshot(MachineNs(end))
}

fn find(snapshot: &StoreSnapshot, view: Option<&VmView>, range: TimeRange<MachineNs>) -> Instances {
    let row = snapshot.rows().next().unwrap();
    let task = TaskRow { machine: GUEST, row, own: snapshot, view };
    by_sleeps(&task, range, None, SLOW_FACTOR, &Cancel::default()).unwrap()
}

fn bounds(instances: &Instances) -> Vec<(i64, i64)> {
    instances.list.iter().map(|i| (i.begin.0, i.end.0)).collect()
}

#[test]
fn an_instance_lasts_from_wakeup_to_sleep_of_the_same_kind() {
    let w = Words::new();
    let disk = (State::Blocked, w.disk, 0, 6);
    let wait = (State::WaitingCpu, Name::NONE, 0, 2);
    // Bursts at 80, 180, 280; the first one's begin and the last one's end are not known.
    let round = [w.sleep(80), wait, run(5), disk, run(7)];
    let snapshot = one(
        &[&[run(20)][..], &round[..], &round[..], &round[..], &[w.sleep(80), run(3)]].concat(),
        RowKey::thread(Tid(7), 0),
    );
    let found = find(&snapshot, None, ALL);
    assert_eq!(bounds(&found), [(100, 120), (200, 220), (300, 320)], "a wait for the disk ends nothing");
    assert_eq!((found.kind, found.period), (Some(w.timer), Some(Dur(100))));
    let first = &found.list[0];
    assert_eq!(first.by_state.time(State::RunningUser), Dur(12));
    assert_eq!(first.by_state.time(State::Blocked), Dur(6));
    assert_eq!(found.list.iter().filter(|i| i.slow).count(), 0);
}

#[test]
fn bursts_closer_than_a_fifth_of_the_period_are_one() {
    let w = Words::new();
    let round = [w.sleep(60), run(10), w.sleep(4), run(10), w.sleep(4), run(12)];
    let snapshot = one(&[&round[..], &round[..], &round[..], &[w.sleep(60)]].concat(), RowKey::thread(Tid(7), 0));
    assert_eq!(bounds(&find(&snapshot, None, ALL)), [(60, 100), (160, 200), (260, 300)]);
}

#[test]
fn a_range_has_the_instances_that_begin_in_it_with_their_whole_length() {
    let w = Words::new();
    let pieces: Vec<Piece> = (0..6).flat_map(|_| [w.sleep(80), run(20)]).chain([w.sleep(80)]).collect();
    let snapshot = one(&pieces, RowKey::thread(Tid(7), 0));
    let found = |from, to| bounds(&find(&snapshot, None, TimeRange::new(MachineNs(from), MachineNs(to))));
    assert_eq!(found(80, 181), [(80, 100), (180, 200)], "begins at the edges, ends after them");
    assert_eq!(found(81, 180), []);
    assert_eq!(found(0, 10_000).len(), 6);
    assert_eq!(found(580, 590), [(580, 600)]);
}

#[test]
fn what_took_more_than_usual_is_to_blame() {
    let w = Words::new();
    let burner = who(&w.names, HOST, 5, "burner");
    let host = who(&w.names, HOST, 6, "kworker");
    let stolen = |culprit, ns| (State::PreemptedByHost, Name::NONE, culprit, ns);
    let exits = (State::InHypervisor, Name::NONE, 0, 8);
    let quick = [w.sleep(80), run(10), exits, stolen(1, 1)];
    let slow = [w.sleep(80), run(5), stolen(0, 3), stolen(1, 1), exits, stolen(0, 4), run(15)];
    let pieces = [&quick[..], &quick, &quick, &slow, &[w.sleep(80)]].concat();
    let snapshot = one(&pieces, vm_thread(7));
    let view = view(model(vec![]), None, Some(Arc::clone(&snapshot)), &[burner, host]);
    let found = find(&snapshot, Some(&view), ALL);
    assert_eq!(found.lower_quartile, Dur(19));
    assert_eq!(found.list.iter().map(|i| i.slow).collect::<Vec<_>>(), [false, false, false, true]);
    let culprit = found.list[3].culprit.unwrap();
    assert_eq!((culprit.state, culprit.who), (State::PreemptedByHost, Some(burner)));
    assert_eq!((culprit.time, culprit.extra), (Dur(7), Dur(7)), "the hypervisor took 8, but it always does");
}

#[test]
fn a_full_run_queue_blames_who_ran() {
    let w = Words::new();
    let mut out = store();
    let wait = (State::WaitingCpu, Name::NONE, 0, 10);
    let end = write(&mut out, RowKey::thread(Tid(7), 0), &[w.sleep(80), wait, run(10), w.sleep(80)]);
    let other = out.row(RowKey::thread(Tid(8), 0));
    let (old, new) = (w.names.intern("bash"), w.names.intern("make"));
    out.rename(other, MachineNs(0), old);
    out.rename(other, MachineNs(50), new);
    let running = |tid: u32, ns| (State::User, Name::NONE, tid, ns);
    write(&mut out, RowKey::cpu(CPU0), &[running(8, 84), running(9, 2), running(8, 4), running(7, 10)]);
    let snapshot = out.snapshot(MachineNs(end));
    let found = find(&snapshot, None, ALL);
    let culprit = found.list[0].culprit.unwrap();
    assert_eq!(culprit.state, State::WaitingCpu);
    assert_eq!(culprit.who, Some(who(&w.names, GUEST, 8, "make")));
    assert_eq!(culprit.time, Dur(8), "4 and 4, with 2 of another between them");
}

/// The thread in front waits too, for a vCPU that the host has taken: then the host is to blame.
#[test]
fn a_run_queue_behind_a_preempted_thread_blames_the_host() {
    let w = Words::new();
    let burner = who(&w.names, HOST, 5, "burner");
    let (mut own, mut truth) = (store(), store());
    let wait = (State::WaitingCpu, Name::NONE, 0, 10);
    let pieces = [w.sleep(80), wait, run(10), w.sleep(80)];
    let end = write(&mut own, RowKey::thread(Tid(7), 0), &pieces);
    write(&mut own, RowKey::thread(Tid(8), 0), &[w.sleep(80), run(10), w.sleep(90)]);
    let user = |tid, ns| (State::User, Name::NONE, tid, ns);
    write(&mut own, RowKey::cpu(CPU0), &[(State::Idle, Name::NONE, 0, 80), user(8, 10), user(7, 10)]);
    write(&mut truth, vm_thread(7), &pieces);
    let taken = (State::PreemptedByHost, Name::NONE, 0, 7);
    write(&mut truth, vm_thread(8), &[w.sleep(80), run(2), taken, run(1), w.sleep(90)]);
    let (own, truth) = (own.snapshot(MachineNs(end)), truth.snapshot(MachineNs(end)));
    let view = view(model(vec![]), None, Some(Arc::clone(&truth)), &[burner]);
    let row = truth.row(truth.find(&vm_thread(7)).unwrap()).unwrap();
    let task = TaskRow { machine: GUEST, row, own: &own, view: Some(&view) };
    let found = by_sleeps(&task, ALL, None, SLOW_FACTOR, &Cancel::default()).unwrap();
    let culprit = found.list[0].culprit.unwrap();
    assert_eq!((culprit.state, culprit.who, culprit.time), (State::PreemptedByHost, Some(burner), Dur(7)));
}

#[test]
fn marks_are_paired_with_the_next_one() {
    let t = |list: &[i64]| list.iter().map(|t| MachineNs(*t)).collect::<Vec<_>>();
    let pairs = |begins: &[i64], ends: &[i64]| {
        pair_marks(&t(begins), &t(ends)).iter().map(|s| (s.begin.0, s.end.0)).collect::<Vec<_>>()
    };
    assert_eq!(pairs(&[1, 5, 9], &[3, 7, 11]), [(1, 3), (5, 7), (9, 11)]);
    assert_eq!(pairs(&[1, 5, 9], &[7]), [(5, 7)], "the first was begun again, the last never ended");
    assert_eq!(pairs(&[5], &[3, 7, 8]), [(5, 7)], "an end without a begin");
    assert_eq!(pairs(&[1, 5, 9], &[1, 5, 9]), [(1, 5), (5, 9)], "one kind of mark divides time");
    assert_eq!(pairs(&[], &[1]), []);
    let w = Words::new();
    let snapshot = one(&[w.sleep(10), run(10), w.sleep(10), run(10)], RowKey::thread(Tid(7), 0));
    let row = snapshot.rows().next().unwrap();
    let task = TaskRow { machine: GUEST, row, own: &snapshot, view: None };
    let marked = by_marks(&task, pair_marks(&t(&[5]), &t(&[35])), SLOW_FACTOR, &Cancel::default()).unwrap();
    assert_eq!(marked.list[0].by_state.time(State::Blocked), Dur(15));
    assert_eq!(marked.list[0].culprit.unwrap().detail, w.timer);
}

#[test]
fn regular_tasks_are_offered_busy_ones_first() {
    let w = Words::new();
    let mut out = store();
    let mut end = 0;
    let mut task = |tid, pieces: &[Piece]| end = end.max(write(&mut out, RowKey::thread(Tid(tid), 0), pieces));
    let clock = |busy| -> Vec<Piece> { (0..20).flat_map(|_| [w.sleep(100 - busy), run(busy)]).collect() };
    task(1, &clock(2));
    task(2, &clock(30));
    // Lengths of no pattern; and one that is regular but for a few late rounds.
    let mut seed = 1u64;
    let random: Vec<Piece> = (0..40)
        .flat_map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            [w.sleep(1 + (seed >> 55) as i64), run(1 + (seed >> 58 & 7) as i64)]
        })
        .collect();
    task(3, &random);
    let late = (0..20).flat_map(|n| [w.sleep(if n % 7 == 3 { 190 } else { 90 }), run(10)]);
    task(4, &late.collect::<Vec<_>>());
    task(5, &[w.sleep(10), run(10), w.sleep(10), run(10)]);
    let snapshot = out.snapshot(MachineNs(end));
    let found = recurring(&snapshot, ALL, &Cancel::default()).unwrap();
    let tids: Vec<i32> = found.iter().map(|r| snapshot.row(r.row).unwrap().key().id).collect();
    assert_eq!(tids, [2, 4, 1], "five instances at least, and no dice");
    assert_eq!(found[0].period, Dur(100));
    assert_eq!(found[0].kind, w.timer);
}

#[test]
fn a_hole_in_a_row_is_no_sleep() {
    let w = Words::new();
    let mut out = store();
    let row = out.row(RowKey::thread(Tid(7), 0));
    let mut set = |t, state, detail| out.set(row, MachineNs(t), Look { state, detail, aux: 0 });
    set(0, State::Blocked, w.timer);
    set(80, State::RunningUser, Name::NONE);
    set(90, State::Blocked, w.timer);
    set(120, State::None, Name::NONE);
    set(150, State::Blocked, w.timer);
    set(200, State::RunningUser, Name::NONE);
    set(210, State::Blocked, w.timer);
    let snapshot = out.snapshot(MachineNs(300));
    // What follows the hole is another sleep, and what lies between them is no work of the task.
    let found = find(&snapshot, None, ALL);
    assert_eq!(bounds(&found), [(80, 90), (200, 210)]);
}
