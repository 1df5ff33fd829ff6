//! The store against a model that is too simple to be wrong: lists, walked from the begin each time.

#![allow(clippy::unwrap_used, reason = "a test that fails may as well panic")]

mod model;

use std::sync::Arc;

use model::{Model, Op, Random, apply, naive_columns, script};
use proptest::prelude::*;
use stratoscope_core::store::{
    Extents, Interval, Look, MachineStore, PointRecord as _, Row, Run, StoreOptions, StoreSnapshot, WakeContext,
    Wakeup, Writer as _,
};
use stratoscope_core::vocab::{Cpu, MachineNs, Name, ProblemLog, RowId, RowKey, State, StateSet, Tid, TimeRange};

fn range(from: i64, to: i64) -> TimeRange<MachineNs> {
    TimeRange::new(MachineNs(from), MachineNs(to))
}

fn store() -> MachineStore {
    MachineStore::new(&Extents::new(&StoreOptions::default(), ProblemLog::default()))
}

fn key(n: i32) -> RowKey {
    RowKey::thread(Tid(n), 0)
}

/// One row from `ops`, with a snapshot after every `every` of them, and the model of the last snapshot.
fn build(ops: &[Op], watermark: i64, every: usize) -> (Arc<StoreSnapshot>, Model) {
    let (mut store, mut model) = (store(), Model::default());
    let row = store.row(key(1));
    for (n, op) in ops.iter().enumerate() {
        apply(&mut store, row, op);
        model.apply(op);
        assert_eq!(store.look(row), model.look());
        if n % every == every - 1 {
            store.snapshot(MachineNs(op.t()));
        }
    }
    let snapshot = store.snapshot(MachineNs(watermark));
    model.finish(watermark);
    (snapshot, model)
}

fn simple(i: Interval) -> (i64, i64, Look) {
    (i.begin.0, i.end.0, i.look)
}

/// Asks `row` about an instant and a range whatever can be asked.
fn check_exact(row: &Row, model: &Model, t: i64, u: i64) {
    let all = &model.intervals;
    let at = MachineNs(t);
    assert_eq!(row.at(at).map(simple), all.iter().find(|i| i.0 <= t && t < i.1).copied(), "at {t}");
    assert_eq!(row.next_after(at).map(simple), all.iter().find(|i| i.0 > t).copied(), "after {t}");
    assert_eq!(row.prev_before(at).map(simple), all.iter().rev().find(|i| i.0 < t).copied(), "before {t}");

    let inside: Vec<_> = all.iter().filter(|i| t < u && i.0 < u && i.1 > t).copied().collect();
    let found: Vec<_> = row.intervals(range(t, u)).collect();
    assert!(found.is_sorted_by_key(|i| i.index) && found.windows(2).all(|w| w[0].index < w[1].index));
    assert_eq!(found.into_iter().map(simple).collect::<Vec<_>>(), inside);

    let sums = row.sums(range(t, u));
    for &state in State::ALL {
        let of_state = || inside.iter().filter(|i| i.2.state == state);
        let ns: i64 = of_state().map(|i| i.1.min(u) - i.0.max(t)).sum();
        assert_eq!((sums.time(state).0, sums.count(state)), (ns, of_state().count() as u64), "{state:?} in {t}..{u}");
    }
}

fn check_whole(row: &Row, model: &Model) {
    let all = &model.intervals;
    assert_eq!(row.len(), all.len() as u64);
    assert_eq!(row.is_empty(), all.is_empty());
    let extent = all.first().zip(all.last()).map(|(first, last)| range(first.0, last.1));
    assert_eq!(row.extent(), extent);
    let running = [State::RunningUser, State::RunningSyscall, State::Interrupted];
    let busy: i64 = all.iter().filter(|i| running.contains(&i.2.state)).map(|i| i.1 - i.0).sum();
    assert_eq!(row.busy_ns(), busy);
}

/// By column: the run that covers it. Checks that runs are in order and within the width.
fn by_column(runs: &[Run], width: u32) -> Vec<Option<Run>> {
    let mut columns = vec![None; width as usize];
    let mut end = 0;
    for run in runs {
        assert!(run.begin >= end && run.begin < run.end && run.end <= width, "{runs:?}");
        assert!(run.state != State::None && run.mixed == run.single.is_none());
        assert!(!run.ticks.contains(run.state));
        end = run.end;
        columns[run.begin as usize..run.end as usize].fill(Some(*run));
    }
    columns
}

/// Columns that must be exact, because no group is short enough to be taken whole.
fn check_raw_columns(row: &Row, model: &Model, range: TimeRange<MachineNs>, width: u32) {
    let mut runs = Vec::new();
    row.columns(range, width, &mut runs);
    for (c, (ours, naive)) in by_column(&runs, width).into_iter().zip(naive_columns(model, range, width)).enumerate() {
        let shown = ours.map(|r| (r.state, r.ticks));
        assert_eq!(shown, naive.shown().map(|s| (s, naive.ticks(s))), "column {c} of {range:?}");
        let Some(run) = ours else { continue };
        let of_state: Vec<_> = naive.parts.iter().filter(|p| p.2.state == run.state).collect();
        assert_eq!(run.single.map(|b| b.0), (of_state.len() == 1).then(|| of_state[0].0));
        assert_eq!(run.detail, if of_state.len() == 1 { of_state[0].2.detail } else { Name::NONE });
    }
}

/// Columns that may be made of groups: what the neighbours have may count for a column.
fn check_columns(row: &Row, model: &Model, range: TimeRange<MachineNs>, width: u32) {
    let mut runs = Vec::new();
    row.columns(range, width, &mut runs);
    let ours = by_column(&runs, width);
    let naive = naive_columns(model, range, width);
    let around = |c: usize| c.saturating_sub(1)..(c + 2).min(width as usize);
    let shown = |c: usize| ours[c].map_or(StateSet(0), |r| r.ticks.with(r.state));
    for c in 0..width as usize {
        let near = around(c).fold(0, |set, n| set | naive[n].present().0);
        assert_eq!(shown(c).0 & !near, 0, "column {c} shows what is not there");
        let shown_near = around(c).fold(0, |set, n| set | shown(n).0);
        let alerts = naive[c].present().0 & StateSet::alerts().0;
        assert_eq!(alerts & !shown_near, 0, "an alert of column {c} is lost");
        if naive[c].present().iter().any(|s| !s.is_quiet()) {
            assert!(StateSet(shown_near).iter().any(|s| !s.is_quiet()), "column {c} hides something");
        }
        // Where three columns agree, whatever is moved between them does not matter, if only something is left: the
        // little that stands beside a gap may count for a neighbour.
        let unanimous = |n: usize| naive[n].clear().filter(|s| naive[c].clear() == Some(*s));
        if naive[c].is_whole() && around(c).all(|n| unanimous(n).is_some()) {
            assert_eq!(ours[c].map(|r| r.state), naive[c].clear(), "column {c}");
        }
    }
    let union = |set: &dyn Fn(usize) -> u32| (0..width as usize).fold(0, |all, c| all | set(c)) & StateSet::alerts().0;
    assert_eq!(union(&|c| shown(c).0), union(&|c| naive[c].present().0), "alerts of the whole range");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_question_has_the_models_answer(
        ops in script(0..1200),
        scale in prop_oneof![Just(1i64), Just(1 << 24)],
        every in 1usize..900,
        asked in prop::collection::vec((0.0..1.0f64, 0.0..1.1f64), 30),
        ahead in 0i64..500,
    ) {
        let ops: Vec<Op> = ops.iter().map(|op| op.scaled(scale)).collect();
        let last = ops.iter().map(Op::t).max().unwrap_or(0);
        let (snapshot, model) = build(&ops, last + (ahead - 50) * scale, every);
        let row = snapshot.row(RowId(0)).unwrap();
        check_whole(row, &model);
        for (a, b) in asked {
            let place = |f: f64| (f * (last + 100) as f64) as i64 - 20;
            check_exact(row, &model, place(a), place(b));
        }
        // At borders it is easiest to be wrong.
        for i in model.intervals.iter().step_by(7) {
            check_exact(row, &model, i.0, i.1);
            check_exact(row, &model, i.1 - 1, i.1 + 1);
        }
    }

    #[test]
    fn columns_of_intervals_are_exact(ops in script(0..250), width in 1u32..300, view in (0.0..1.0f64, 0.0..1.0f64)) {
        // So few that they are all in the tail, where there are no groups.
        let last = ops.iter().map(Op::t).max().unwrap_or(0);
        let (snapshot, model) = build(&ops, last + 10, 100);
        let row = snapshot.row(RowId(0)).unwrap();
        let place = |f: f64| (f * (last + 100) as f64) as i64 - 20;
        let (a, b) = (place(view.0).min(place(view.1)), place(view.0).max(place(view.1)));
        for range in [range(a, b + 1), range(a, a + 40), range(-50, last + 50)] {
            check_raw_columns(row, &model, range, width);
        }
    }

    #[test]
    fn columns_of_groups_lose_nothing(
        ops in script(500..6000),
        width in 1u32..300,
        view in (0.0..1.0f64, 0.0..1.0f64),
        scale in prop_oneof![Just(1i64), Just(1 << 24)],
    ) {
        let ops: Vec<Op> = ops.iter().map(|op| op.scaled(scale)).collect();
        let last = ops.iter().map(Op::t).max().unwrap_or(0);
        let (snapshot, model) = build(&ops, last + 10, 1000);
        let row = snapshot.row(RowId(0)).unwrap();
        let place = |f: f64| (f * (last + 100) as f64) as i64 - 20;
        let (a, b) = (place(view.0).min(place(view.1)), place(view.0).max(place(view.1)));
        for range in [range(a, b + 1), range(-50, last + 50), range(a, a + 40), range(a, a + 100 * scale)] {
            check_columns(row, &model, range, width);
            let column = (range.end.0 - range.begin.0) / i64::from(width);
            if model.intervals.iter().all(|i| i.1 - i.0 > column) {
                check_raw_columns(row, &model, range, width);
            }
        }
    }

    #[test]
    fn points_are_found(gaps in prop::collection::vec(prop_oneof![3 => -2i64..3, 1 => 0i64..1000], 0..700), every in 1usize..300) {
        let mut store = store();
        let mut model: Vec<Wakeup> = Vec::new();
        let mut t = -100;
        for (n, gap) in gaps.iter().enumerate() {
            t += gap;
            let wakeup = wakeup(t, n);
            store.wakeup(wakeup);
            let t = model.last().map_or(wakeup.t, |last| last.t.max(wakeup.t));
            model.push(Wakeup { t, ..wakeup });
            if n % every == 0 {
                assert_eq!(store.snapshot(MachineNs(t.0)).wakeups().len(), n as u64 + 1);
            }
        }
        let snapshot = store.snapshot(MachineNs(t));
        let points = snapshot.wakeups();
        assert_eq!(points.len(), model.len() as u64);
        for (n, point) in model.iter().enumerate().step_by(3) {
            assert_eq!(points.get(n as u64).as_ref(), Some(point));
            for t in [point.t().0 - 1, point.t().0, point.t().0 + 1] {
                let at = MachineNs(t);
                assert_eq!(points.first_after(at), model.iter().find(|p| p.t > at).copied());
                assert_eq!(points.last_before(at), model.iter().rev().find(|p| p.t < at).copied());
                for length in [-1, 0, 1, 50, 100_000] {
                    let range = range(t, t + length);
                    let inside: Vec<_> = model.iter().filter(|p| range.contains(p.t)).copied().collect();
                    assert_eq!(points.count(range), inside.len() as u64);
                    assert_eq!(points.range(range).collect::<Vec<_>>(), inside);
                }
            }
        }
    }
}

fn wakeup(t: i64, n: usize) -> Wakeup {
    Wakeup {
        t: MachineNs(t),
        cpu: Cpu(n as u16 % 5),
        target_cpu: if n.is_multiple_of(3) { Cpu::UNKNOWN } else { Cpu(1) },
        woken: RowId(n as u32),
        waker: n.is_multiple_of(2).then_some(RowId(7)),
        context: [WakeContext::Task, WakeContext::Block, WakeContext::Unknown, WakeContext::Vector][n % 4],
        number: (n % 1000) as i16 - 3,
    }
}

/// Many rows at random, the same for the same seed; `snapshots` decides only when it is looked at.
fn many_rows(extents: &Extents, sets: usize, snapshots: impl Fn(usize) -> bool) -> Arc<StoreSnapshot> {
    let mut store = MachineStore::new(extents);
    let rows: Vec<RowId> = (0..24).map(|n| store.row(key(n))).collect();
    let mut random = Random(42);
    let mut t = 0;
    for n in 0..sets {
        t += random.below(40) as i64;
        let row = rows[(random.below(24) * random.below(24) / 24) as usize];
        apply(&mut store, row, &Op::random(&mut random, t));
        if n % 5 == 0 {
            store.wakeup(wakeup(t, n));
        }
        if snapshots(n) {
            store.snapshot(MachineNs(t));
        }
    }
    store.snapshot(MachineNs(t + 1000))
}

fn everything(snapshot: &StoreSnapshot) -> Vec<(Vec<Interval>, Vec<Run>)> {
    let all = range(0, snapshot.watermark().0);
    let tenth = all.end.0 / 10;
    snapshot
        .rows()
        .map(|row| {
            let (mut runs, mut some) = (Vec::new(), Vec::new());
            for range in
                [all, range(3 * tenth, 4 * tenth), range(tenth, tenth + tenth / 100), range(tenth, tenth + 500)]
            {
                row.columns(range, 700, &mut some);
                runs.extend_from_slice(&some);
            }
            (row.intervals(all).collect(), runs)
        })
        .collect()
}

#[test]
fn neither_the_limit_nor_the_moments_of_looking_matter() {
    let problems = ProblemLog::default();
    let roomy = Extents::new(&StoreOptions::default(), problems.clone());
    let plain = many_rows(&roomy, 400_000, |_| false);
    assert_eq!(roomy.usage().file, 0);

    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { memory_limit: 0, cache_dir: Some(folder.path().to_path_buf()) };
    let tight = Extents::new(&options, problems.clone());
    let filed = many_rows(&tight, 400_000, |n| n % 7919 == 0);
    assert!(tight.usage().file > 1 << 20 && tight.usage().heap < 1 << 19, "{:?}", tight.usage());
    assert!(everything(&plain) == everything(&filed));
    let points = |s: &StoreSnapshot| s.wakeups().range(range(0, i64::MAX)).collect::<Vec<_>>();
    assert!(points(&plain) == points(&filed) && points(&plain).len() == 80_000);
    assert!(problems.all().is_empty(), "{:?}", problems.all());
    if cfg!(unix) {
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the cache file has no name");
    }
}

#[test]
fn without_a_cache_file_all_stays_in_memory_and_is_told() {
    let problems = ProblemLog::default();
    let folder = tempfile::tempdir().unwrap();
    let nowhere = StoreOptions { memory_limit: 0, cache_dir: Some(folder.path().join("missing")) };
    let extents = Extents::new(&nowhere, problems.clone());
    let kept = many_rows(&extents, 200_000, |_| false);
    assert_eq!(extents.usage().file, 0);
    assert_eq!(problems.all().len(), 1);
    assert_eq!(problems.all()[0].count, 1, "told once: {}", problems.all()[0].message());
    let roomy = Extents::new(&StoreOptions::default(), problems);
    assert!(everything(&kept) == everything(&many_rows(&roomy, 200_000, |_| false)));
    drop(kept);
    assert_eq!(extents.usage().heap, 0, "pages are given back");
}

#[test]
fn snapshots_stay_as_they_are_while_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { memory_limit: 1 << 19, cache_dir: Some(folder.path().to_path_buf()) };
    let extents = Extents::new(&options, ProblemLog::default());
    let mut store = MachineStore::new(&extents);
    let rows: Vec<RowId> = (0..10).map(|n| store.row(key(n))).collect();
    let mut random = Random(7);
    let (sender, receiver) = std::sync::mpsc::channel::<Arc<StoreSnapshot>>();
    let reader = std::thread::spawn(move || {
        let mut first: Vec<(Arc<StoreSnapshot>, Vec<_>)> = Vec::new();
        for snapshot in receiver {
            let content = everything(&snapshot);
            first.push((snapshot, content));
            let (oldest, content) = &first[first.len() / 2];
            assert!(everything(oldest) == *content);
        }
        assert!(first.iter().all(|(snapshot, content)| everything(snapshot) == *content));
        for pair in first.windows(2) {
            for (before, after) in pair[0].0.rows().zip(pair[1].0.rows()) {
                let settled = range(0, before.settled().0);
                assert!(before.intervals(settled).eq(after.intervals(settled)));
                assert!(before.version() <= after.version());
            }
        }
        first.len()
    });
    let mut t = 0;
    for n in 0..200_000 {
        t += random.below(30) as i64;
        let row = rows[random.below(10) as usize];
        apply(&mut store, row, &Op::random(&mut random, t));
        if n % 10_000 == 0 {
            sender.send(store.snapshot(MachineNs(t))).unwrap();
        }
    }
    drop(sender);
    assert_eq!(reader.join().unwrap(), 20);
}

#[test]
fn rows_that_lie_idle_are_sealed_and_answer_the_same() {
    let (mut store, mut model) = (store(), Model::default());
    let (busy, idle) = (store.row(key(1)), store.row(key(2)));
    let mut random = Random(1);
    for n in 0..60 {
        let op = Op::random(&mut random, n * 10);
        apply(&mut store, idle, &op);
        model.apply(&op);
    }
    for n in 0..5_000_000 {
        store.set(busy, MachineNs(n), Look::new(if n % 2 == 0 { State::RunningUser } else { State::Blocked }));
    }
    for n in 500_000..500_020 {
        let op = Op::random(&mut random, n * 10);
        apply(&mut store, idle, &op);
        model.apply(&op);
    }
    let snapshot = store.snapshot(MachineNs(5_010_000));
    model.finish(5_010_000);
    let row = snapshot.row(idle).unwrap();
    check_whole(row, &model);
    for t in (0..600).chain(4_999_990..5_000_210) {
        check_exact(row, &model, t, t * 2);
    }
    assert_eq!(snapshot.row(busy).unwrap().len(), 5_000_000);
    assert_eq!(store.interval_count(), row.len() + 5_000_000);
}

#[test]
fn keys_names_and_relations_are_kept() {
    let mut store = store();
    let mut versions = Vec::new();
    for n in 0..1000 {
        let row = store.row(key(n));
        assert_eq!(store.row(key(n)), row);
        store.rename(row, MachineNs(10), Name(1));
        store.rename(row, MachineNs(20), Name(1));
        store.rename(row, MachineNs(15), Name(2));
        store.relate(row, Some(Tid(n)), None);
        store.relate(row, None, Some(Tid(1)));
        if n % 13 == 0 {
            versions.push(store.snapshot(MachineNs(0)).row(RowId(0)).unwrap().version());
        }
    }
    let snapshot = store.snapshot(MachineNs(5));
    assert_eq!((snapshot.row_count(), snapshot.rows().count(), store.row_count()), (1000, 1000, 1000));
    assert!(versions.iter().all(|v| *v == versions[0]), "the first row did not change");
    for (n, row) in snapshot.rows().enumerate() {
        assert_eq!(snapshot.find(&key(n as i32)), Some(row.id()));
        assert_eq!(row.names(), [(MachineNs(10), Name(1)), (MachineNs(15), Name(2))]);
        let at = [5, 10, 14, 15].map(|t| row.name_at(MachineNs(t)).0);
        assert_eq!((at, row.name()), ([1, 1, 1, 2], Name(2)));
        assert_eq!((row.process(), row.parent()), (Some(Tid(n as i32)), Some(Tid(1))));
        assert!(row.is_empty() && row.extent().is_none() && row.at(MachineNs(3)).is_none());
    }
    assert_eq!(snapshot.find(&key(5000)), None);
}

#[test]
fn instants_at_the_ends_of_the_axis_do_no_harm() {
    let mut store = store();
    let row = store.row(key(1));
    for t in [i64::MIN, -1, 0, 5, i64::MAX - 1, i64::MAX] {
        store.set(row, MachineNs(t), Look::new(if t % 2 == 0 { State::Blocked } else { State::Interrupted }));
    }
    let snapshot = store.snapshot(MachineNs::MAX);
    let row = snapshot.row(row).unwrap();
    let mut runs = Vec::new();
    for width in [1, 7, 1600, 1 << 20] {
        row.columns(range(i64::MIN, i64::MAX), width, &mut runs);
        assert!(!runs.is_empty());
        row.columns(range(i64::MAX - 3, i64::MAX), width, &mut runs);
        assert!(!runs.is_empty());
    }
    row.columns(range(5, 5), 100, &mut runs);
    assert!(runs.is_empty());
    row.columns(range(0, 5), 0, &mut runs);
    assert!(runs.is_empty());
    assert!(row.sums(range(i64::MIN, i64::MAX)).count(State::Blocked) > 0);
    assert!(row.next_after(MachineNs::MAX).is_none() && row.prev_before(MachineNs::MIN).is_none());
}
