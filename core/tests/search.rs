//! Searches of events that read as little as they can find what asking every event finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratoscope_core::query::search::{count_by_name, on_reference};
use stratoscope_core::query::time::TimeBase;
use stratoscope_core::query::{EventSubject, Filter, Matcher, Search};
use stratoscope_core::session::{Session, SessionOptions, Snapshot};
use stratoscope_core::trace::{ClassSet, Position};
use stratoscope_core::vocab::{Cancel, Dur, MachineId, RefNs, TimeRange};

/// What is asked of every recording: names, fields of every kind, contexts, instants, nothing and everything.
const FILTERS: &[&str] = &[
    r#"name == "sched_switch" and next_tid == 0"#,
    r#"name == "sched_switch" and next_comm contains "e" and prev_state != 0"#,
    r#"name ~ "^irq_" or name ~ "^timer_hrtimer""#,
    r#"comm contains "e" and tid > 100"#,
    r#"context.tid == 0 and not (name == "sched_switch")"#,
    r#"fields.ret < 0"#,
    r#"ret < 0 or vec == 1"#,
    r#"cpu == 1 and name contains "sched""#,
    r#"cpu in (0, 7)"#,
    r#"t >= +0.2s and t < +0.25s and name contains "wake""#,
    r#"exit_reason == 12 or reason == 12"#,
    r#"filename"#,
    r#"no_such_field == 1"#,
    r#"not (no_such_field == 1)"#,
    r#"machine == "host" and name contains "kvm""#,
    r#"procname == "swapper/0""#,
];

/// A class that never occurs is looked for to the end of each stream; soon after somebody cancels, no further.
fn nothing(snapshot: &Snapshot, cancelled: &Cancel) {
    let all = |n: usize, any: bool| ClassSet::new(n, |_| any);
    for stream in snapshot.events.streams() {
        let classes = stream.trace.classes().len();
        let reader = || stream.trace.reader(stream.stream, None);
        let Some(first) = reader().next_event() else { continue };
        let mut going = reader();
        assert!(going.next_of(&all(classes, false), None, &Cancel::default()).is_none());
        assert!(going.next_event().is_none(), "it went to the end");
        let mut stopped = reader();
        assert!(stopped.next_of(&all(classes, false), None, cancelled).is_none());
        assert_eq!(stopped.next_event(), Some(first), "it stopped before it stepped over anything");
    }
}

type Found = (RefNs, usize, Position);

fn opened(path: &Path) -> Session {
    let options = SessionOptions { analyse: true, ..SessionOptions::default() };
    Session::open(vec![path.to_path_buf()], options, Arc::new(|| ()))
}

fn matcher(text: &str, base: &TimeBase) -> Matcher {
    Filter::parse(text).unwrap().bind(base)
}

fn name(snapshot: &Snapshot, id: MachineId) -> &str {
    snapshot.machine(id).map_or("", |m| &m.name)
}

/// Asking every event of the table.
fn one_by_one(snapshot: &Snapshot, filter: &Matcher, range: TimeRange<RefNs>) -> Vec<Found> {
    let (origin_ns, _) = snapshot.origin();
    let mut found = Vec::new();
    snapshot.events.visit(range.begin, range.end, |event| {
        let (t, cpu, place) = (event.t, event.head.cpu, (event.t, event.number, event.head.position));
        let (machine, class) = (name(snapshot, event.stream.machine).to_owned(), event.name().to_owned());
        let subject = EventSubject::new(&machine, &class, cpu, origin_ns + i128::from(t.0), || event.fields());
        if filter.matches(&subject) {
            found.push(place);
        }
        true
    });
    found
}

fn ranges(snapshot: &Snapshot) -> Vec<TimeRange<RefNs>> {
    let events = &snapshot.events;
    let at = |row: u64| events.page(row, 1).first().map_or(RefNs(0), |row| row.t);
    let (first, third, half) = (at(0), at(events.len() / 3), at(events.len() / 2));
    vec![
        TimeRange::ALWAYS,
        // From the instant of an event until before that of another.
        TimeRange::new(third, half),
        TimeRange::new(third + Dur(1), half + Dur(1)),
        TimeRange::new(first - Dur(5), first),
        TimeRange::new(half, half),
    ]
}

fn check(path: &Path) {
    let session = opened(path);
    let snapshot = session.wait();
    assert!(!snapshot.events.is_empty(), "{}", path.display());
    let (origin_ns, _) = snapshot.origin();
    let begin = snapshot.events.page(0, 1).first().map_or(0, |row| i128::from(row.t.0));
    let base = TimeBase { origin_ns, begin_ns: origin_ns + begin, ..TimeBase::default() };
    let mut ever = 0;
    for text in FILTERS {
        let filter = matcher(text, &base);
        let search = Search::filter(&snapshot.events, &filter, |id| name(&snapshot, id), on_reference(origin_ns));
        for range in ranges(&snapshot) {
            let expected = one_by_one(&snapshot, &filter, range);
            let what = || format!("{text} in {range:?} of {}", path.display());
            let mut found = Vec::new();
            search
                .visit(range, &Cancel::default(), |event| {
                    found.push((event.t, event.number, event.head.position));
                    true
                })
                .unwrap();
            assert_eq!(found, expected, "{}", what());
            let mut told = Vec::new();
            let count = search.count(range, &Cancel::default(), &mut |n| told.push(n)).unwrap();
            assert_eq!(count, expected.len() as u64, "{}", what());
            assert!(told.is_sorted() && told.last().is_none_or(|last| *last == count), "{}", what());
            let by_machine = search.instants(range, &Cancel::default()).unwrap();
            assert_eq!(by_machine.iter().map(Vec::len).sum::<usize>(), expected.len(), "{}", what());
            ever += expected.len();
        }
    }
    assert!(ever > 1000, "the filters find too little in {} to say anything", path.display());
    counts(&snapshot, path);
    numbers(&snapshot);
    let cancelled = Cancel::default();
    cancelled.cancel();
    nothing(&snapshot, &cancelled);
    let filter = matcher(FILTERS[0], &base);
    let search = Search::filter(&snapshot.events, &filter, |_| "", on_reference(0));
    assert!(search.count(TimeRange::ALWAYS, &cancelled, &mut |_| ()).is_err());
    assert!(search.visit(TimeRange::ALWAYS, &cancelled, |_| true).is_err());
    assert!(count_by_name(&snapshot.events, TimeRange::ALWAYS, &cancelled).is_err());
}

/// Counts by name are those of every event asked one by one.
fn counts(snapshot: &Snapshot, path: &Path) {
    for range in ranges(snapshot) {
        let mut expected: BTreeMap<(MachineId, String), u64> = BTreeMap::new();
        snapshot.events.visit(range.begin, range.end, |event| {
            *expected.entry((event.stream.machine, event.name().to_owned())).or_default() += 1;
            true
        });
        let counted = count_by_name(&snapshot.events, range, &Cancel::default()).unwrap();
        assert!(counted.is_sorted_by(|a, b| a.machine < b.machine || a.machine == b.machine && a.count >= b.count));
        let counted: BTreeMap<_, _> = counted.iter().map(|c| ((c.machine, c.name.to_string()), c.count)).collect();
        assert_eq!(counted, expected, "{range:?} of {}", path.display());
    }
}

/// An event's number is that of its row.
fn numbers(snapshot: &Snapshot) {
    let events = &snapshot.events;
    for row in (0..events.len()).step_by(events.len() as usize / 20 + 1) {
        let page = events.page(row, 1);
        let row = page.first().unwrap();
        let number = events.streams().iter().position(|s| (s.trace_id, s.stream) == (row.trace, row.stream)).unwrap();
        assert_eq!(events.row_of(row.t, number, row.position), row.row);
    }
}

fn below(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
}

#[test]
fn samples_are_searched_like_one_by_one() {
    for sample in ["fighting", "io", "periodic"] {
        check(&below("sample-traces").join(sample));
    }
}

#[test]
fn traces_with_losses_and_of_user_space_are_searched_like_one_by_one() {
    for name in ["ust-lost", "ust-ring"] {
        let path = below("tests/traces").join(name);
        let session = opened(&path);
        counts(&session.wait(), &path);
        numbers(&session.wait());
    }
}

#[test]
fn names_alone_are_searched() {
    let session = opened(&below("sample-traces/fighting"));
    let snapshot = session.wait();
    let search = Search::names(&snapshot.events, |name| name.contains("kvm"));
    let mut expected = 0;
    snapshot.events.visit(RefNs::MIN, RefNs::MAX, |event| {
        expected += u64::from(event.name().contains("kvm"));
        true
    });
    assert_eq!(search.count(TimeRange::ALWAYS, &Cancel::default(), &mut |_| ()).unwrap(), expected);
    assert!(expected > 0);
    let nothing = Search::names(&snapshot.events, |_| false);
    assert_eq!(nothing.count(TimeRange::ALWAYS, &Cancel::default(), &mut |_| ()).unwrap(), 0);
}
