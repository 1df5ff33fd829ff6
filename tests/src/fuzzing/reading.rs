//! Reading whole traces in every way there is, and comparing.

use std::sync::Arc;

use stratoscope_core::ctf::{TraceGroup, open};
use stratoscope_core::trace::{Batch, CHECKPOINT_EVENTS, EventHead, Trace};
use stratoscope_core::vocab::{
    Cancel, EventKinds, Interner, MachineNs, Problem, ProblemLog, Progress, Severity, StreamId, Value,
};

/// More than a log ever lists.
const MAX_PROBLEMS: usize = 1100;
/// Of so many events is one looked up again by its position.
const SAMPLE: usize = 13;

/// Opens a trace and reads it by counting, by cursors and by readers. `sane` says that no event has so many fields that
/// only the first are told.
///
/// # Panics
/// If they do not find the same.
pub(super) fn read(group: &TraceGroup, sane: bool) {
    let log = ProblemLog::default();
    if let Some(trace) = open(group, &log) {
        let counts = match trace.count(&Progress::default(), &Cancel::default()) {
            Ok(counts) => counts,
            Err(cancelled) => panic!("nobody cancelled, and it is {cancelled}"),
        };
        assert_eq!(counts.by_class.len(), trace.classes().len());
        let mut by_class = vec![0; trace.classes().len()];
        let mut extent = None;
        for stream in 0..trace.streams().len() {
            let stream = StreamId(stream as u32);
            let heads = by_reader(&*trace, stream, sane);
            for demand in [EventKinds::ALL, EventKinds::of(&[])] {
                by_cursor(&*trace, stream, demand, &heads);
            }
            for head in &heads {
                by_class[head.class.0 as usize] += 1;
                let (first, last) = extent.unwrap_or((head.t, head.t));
                extent = Some((head.t.min(first), head.t.max(last)));
            }
        }
        assert_eq!(by_class, counts.by_class, "counting finds other events than reading");
        assert_eq!(extent.is_some(), counts.extent.is_some());
        for stream in trace.streams() {
            assert!(stream.packets.iter().all(|p| p.begin <= p.end), "a packet that ends before it begins");
            assert!(stream.lost.iter().all(|l| l.range.begin <= l.range.end));
        }
    }
    check_problems(&log.all());
}

/// Checks what users are told.
pub(super) fn check_problems(problems: &[Problem]) {
    assert!(problems.len() <= MAX_PROBLEMS, "{} problems", problems.len());
    for problem in problems {
        assert!(problem.count > 0 && problem.message().len() <= 4096, "{problem:?}");
        assert!(problem.severity <= Severity::Error);
    }
}

fn by_reader(trace: &dyn Trace, stream: StreamId, sane: bool) -> Vec<EventHead> {
    let mut heads: Vec<EventHead> = Vec::new();
    let mut reader = trace.reader(stream, None);
    while let Some(head) = reader.next_event() {
        if let Some(before) = heads.last() {
            assert!(before.t <= head.t, "time goes back from {:?} to {:?}", before.t, head.t);
        }
        let class = &trace.classes()[head.class.0 as usize];
        let (context, payload) = reader.fields();
        let (Value::Struct(_), Value::Struct(members)) = (&context, &payload) else { panic!("fields are structures") };
        // What was stepped over as a whole can be decoded.
        let names: Vec<_> = members.iter().map(|(name, _)| Arc::clone(name)).collect();
        let is_cut = !sane && class.fields.starts_with(&names);
        assert!(is_cut || names == class.fields, "{names:?} are not the fields of an event of {}", class.name);
        heads.push(head);
    }
    assert!(reader.next_event().is_none(), "an event after the end");
    for (n, expected) in heads.iter().enumerate().step_by(SAMPLE) {
        let mut reader = trace.reader(stream, Some(expected.position));
        let Some(found) = reader.next_event() else { panic!("event {n} is not found again") };
        assert_eq!((found.class, found.position), (expected.class, expected.position), "event {n} is another one now");
        // Times that went back are lifted to those before, which a reader from here on has not seen.
        assert!(found.t <= expected.t);
    }
    heads
}

fn by_cursor(trace: &dyn Trace, stream: StreamId, demand: EventKinds, heads: &[EventHead]) {
    let names = Arc::new(Interner::default());
    let mut cursor = trace.cursor(stream, demand, &names);
    let mut batch = Batch::default();
    let (mut read, mut until, mut fills) = (0, MachineNs::MIN, 0);
    loop {
        cursor.fill(&mut batch, 32);
        for event in &batch.events {
            assert!(event.t >= until, "an event at {:?} after all up to {until:?} were told", event.t);
        }
        assert!(batch.events.is_sorted_by_key(|e| e.t));
        assert!(batch.lost.iter().all(|(before, _)| *before <= batch.events.len()));
        for checkpoint in &batch.checkpoints {
            assert_eq!(checkpoint.ordinal % CHECKPOINT_EVENTS, 0);
            let Some(head) = heads.get(checkpoint.ordinal as usize) else { panic!("a checkpoint behind the end") };
            assert_eq!((head.position, head.t), (checkpoint.position, checkpoint.t));
        }
        read += batch.read_events;
        until = batch.complete_until;
        fills += 1;
        assert!(fills <= heads.len() + 2, "the stream does not end");
        if batch.ended {
            break;
        }
    }
    assert_eq!(read, heads.len() as u64, "a cursor finds other events than a reader");
}
