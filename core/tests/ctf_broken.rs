//! Broken streams: cut at every byte, changed at random, damaged on purpose. Whatever is in a file, what can be
//! read is shown, what cannot is told with its place, and nothing panics, hangs or takes memory without bound.
#![allow(clippy::unwrap_used, missing_docs)] // Tests may stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use stratoscope_core::ctf::{self, TraceGroup};
use stratoscope_core::trace::{Batch, LostKind, Trace};
use stratoscope_core::vocab::{Cancel, EventKinds, Interner, Problem, ProblemLog, Progress, StreamId};

/// Packets of 4 KiB. The header ends with the stream instance (byte 32); then begin, end, content size (48),
/// packet size (56), sequence number (64), discarded events (72), CPU (80), and the first event at 84.
const PACKET: usize = 4096;
const STREAM_ID: usize = 20;
const CONTENT_SIZE: usize = 48;
const PACKET_SIZE: usize = 56;
const SEQUENCE: usize = 64;
const FIRST_EVENT: usize = 84;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ust-ring")
}

/// Four packets of a real stream.
fn stream() -> Vec<u8> {
    let bytes = fs::read(data().join("ch_0_1")).unwrap();
    assert_eq!(bytes.len(), 4 * PACKET);
    bytes
}

/// The metadata, parsed once, for a folder.
fn group(dir: &Path) -> TraceGroup {
    static GROUP: OnceLock<TraceGroup> = OnceLock::new();
    let whole = GROUP.get_or_init(|| ctf::discover(&data(), &ProblemLog::default()).remove(0));
    TraceGroup { dirs: vec![dir.to_path_buf()], ..whole.clone() }
}

/// What is read of a stream: position of each event, damaged stretches, problems.
struct Read {
    events: Vec<(u32, u64)>,
    damaged: usize,
    problems: Vec<Problem>,
}

/// Reads a stream file in all three ways, which must agree.
fn read(bytes: &[u8]) -> Read {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ch_0"), bytes).unwrap();
    read_dir(dir.path())
}

fn read_dir(dir: &Path) -> Read {
    let problems = ProblemLog::default();
    let trace = ctf::open(&group(dir), &problems).unwrap();
    let counted: u64 = trace.count(&Progress::default(), &Cancel::default()).unwrap().by_class.iter().sum();
    let (mut events, mut damaged) = (Vec::new(), 0);
    for n in 0..trace.streams().len() {
        events.extend(read_stream(&*trace, StreamId(n as u32)));
        damaged += cursor(&trace, StreamId(n as u32));
    }
    assert_eq!(counted, events.len() as u64);
    let all = problems.all();
    assert!(all.iter().all(|p| p.count < 100), "each packet is told of once");
    Read { events, damaged, problems: all }
}

fn read_stream(trace: &dyn Trace, stream: StreamId) -> Vec<(u32, u64)> {
    let mut reader = trace.reader(stream, None);
    let mut events = Vec::new();
    while let Some(head) = reader.next_event() {
        reader.fields();
        events.push((head.position.packet, head.position.bit));
    }
    events
}

fn cursor(trace: &Arc<dyn Trace>, stream: StreamId) -> usize {
    let mut cursor = trace.cursor(stream, EventKinds::ALL, &Arc::new(Interner::default()));
    let (mut batch, mut damaged, mut read) = (Batch::default(), 0, 0);
    while !batch.ended {
        cursor.fill(&mut batch, 1000);
        damaged += batch.lost.iter().filter(|(_, l)| l.kind == LostKind::Damaged).count();
        read += batch.read_events;
    }
    assert_eq!(read, read_stream(&**trace, stream).len() as u64);
    damaged
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn cut_at_every_byte_of_two_packets() {
    let bytes = stream();
    let whole = read(&bytes[..2 * PACKET]);
    assert!(whole.problems.is_empty() && whole.events.len() > 100);
    let mut before = 0;
    for length in 0..2 * PACKET {
        let cut = read(&bytes[..length]);
        // What is read is what was read of the whole, and more bytes never give fewer events.
        assert_eq!(cut.events[..], whole.events[..cut.events.len()]);
        assert!(cut.events.len() >= before, "{length}");
        before = cut.events.len();
        assert_eq!(cut.problems.is_empty(), length % PACKET == 0, "{length}: {:?}", cut.problems);
        assert!(cut.problems.len() <= 2);
    }
    assert!(before >= whole.events.len() - 1);
}

#[test]
fn damage_is_local_and_told() {
    let whole = read(&stream());
    let of = |n: u32| whole.events.iter().filter(|(packet, _)| *packet == n).count();
    let total = whole.events.len();
    let second = PACKET;
    // What is changed; what is said, and at which byte; how many events are left.
    type Case<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>), &'a str, u64, usize);
    let cases: &[Case<'_>] = &[
        ("magic", &|b| b[second] ^= 1, "no packet begins here", 4096, total - of(1)),
        ("first magic", &|b| b[0] ^= 1, "the file does not begin with a packet", 0, total - of(0)),
        ("size 0", &|b| put(b, second + PACKET_SIZE, 0), "the packet's size is impossible", 4096, total - of(1)),
        (
            "odd size",
            &|b| put(b, second + PACKET_SIZE, 8 * 4096 - 1),
            "the packet's size is impossible",
            4096,
            total - of(1),
        ),
        // Read as far as the next packet, which is where it ends.
        (
            "size beyond the file",
            &|b| put(b, second + PACKET_SIZE, 1 << 40),
            "the file ends inside of a packet",
            4096,
            total,
        ),
        ("another stream", &|b| b[second + STREAM_ID] = 1, "a packet of another stream class", 4096, total - of(1)),
        ("another uuid", &|b| b[second + 4] ^= 1, "the packet's uuid is not the trace's", 4096, total),
        (
            "unknown id",
            &|b| b[second + FIRST_EVENT] = 99,
            "has an id that the metadata does not declare",
            4096 + 84,
            total - of(1),
        ),
        ("header only", &|b| b.truncate(second + 40), "the packet's header is cut or damaged", 4096, of(0)),
    ];
    for (name, change, what, offset, left) in cases {
        let mut bytes = stream();
        change(&mut bytes);
        let read = read(&bytes);
        let told: Vec<_> = read.problems.iter().map(|p| (p.what.clone(), p.offset)).collect();
        assert!(told.iter().any(|(w, o)| w.contains(what) && *o == Some(*offset)), "{name}: {told:?}");
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert_eq!(read.events.len(), *left, "{name}");
    }
}

#[test]
fn content_sizes_that_are_wrong() {
    let total = read(&stream()).events.len();
    // One bit less than there is: the last event of the packet reaches beyond it.
    let mut bytes = stream();
    let content = u64::from_le_bytes(bytes[CONTENT_SIZE..CONTENT_SIZE + 8].try_into().unwrap());
    put(&mut bytes, CONTENT_SIZE, content - 1);
    let short = read(&bytes);
    assert_eq!(short.events.len(), total - 1);
    assert_eq!(short.damaged, 1);
    assert!(short.problems[0].detail.contains("reaches beyond"), "{:?}", short.problems);
    // Larger than the packet, and never closed: zeros behind the last event are read as events of id 0 or not at
    // all, but all real ones are there.
    for (wrong, what) in [(u64::MAX - 7, "content size is impossible"), (u64::MAX, "was never closed")] {
        let mut bytes = stream();
        put(&mut bytes, 3 * PACKET + CONTENT_SIZE, wrong);
        let long = read(&bytes);
        assert!(long.events.len() >= total);
        assert!(long.problems.iter().any(|p| p.what.contains(what)), "{:?}", long.problems);
    }
}

#[test]
fn lost_packets_and_events_are_counted() {
    let mut bytes = stream();
    let dir = tempfile::tempdir().unwrap();
    let sequence = u64::from_le_bytes(bytes[2 * PACKET + SEQUENCE..][..8].try_into().unwrap());
    for n in 2..4 {
        put(&mut bytes, n * PACKET + SEQUENCE, sequence + 5 + n as u64);
    }
    fs::write(dir.path().join("ch_0"), &bytes).unwrap();
    let trace = ctf::open(&group(dir.path()), &ProblemLog::default()).unwrap();
    assert_eq!(trace.streams()[0].lost_packets, 7);
}

#[test]
fn other_files_beside_the_metadata() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ch_0"), stream()).unwrap();
    fs::write(dir.path().join("empty"), []).unwrap();
    fs::write(dir.path().join(".hidden"), "x").unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    let total = read(&stream()).events.len();
    let quiet = read_dir(dir.path());
    assert_eq!((quiet.events.len(), quiet.problems.len()), (total, 0));
    fs::write(dir.path().join("notes.txt"), "these are not the bytes that you are looking for").unwrap();
    let read = read_dir(dir.path());
    assert_eq!(read.events.len(), total);
    assert_eq!(read.problems.len(), 1);
    assert!(read.problems[0].what.contains("no stream of the trace"), "{:?}", read.problems);
}

#[test]
fn an_index_saves_reading_headers_and_changes_nothing() {
    let with = read_dir(&data());
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(data()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()) {
        fs::copy(&entry, dir.path().join(entry.file_name().unwrap())).unwrap();
    }
    let without = read_dir(dir.path());
    assert_eq!(with.events, without.events);
    // An index of another file is not believed.
    fs::create_dir(dir.path().join("index")).unwrap();
    fs::copy(data().join("index/ch_1_0.idx"), dir.path().join("index/ch_0_0.idx")).unwrap();
    assert_eq!(read_dir(dir.path()).events, with.events);
}

#[test]
fn a_file_that_shrinks_while_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ch_0");
    fs::write(&path, stream()).unwrap();
    let problems = ProblemLog::default();
    let trace = ctf::open(&group(dir.path()), &problems).unwrap();
    let whole = read_stream(&*trace, StreamId(0));
    let first = whole.iter().filter(|(packet, _)| *packet == 0).count();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(PACKET as u64).unwrap();
    let counts = trace.count(&Progress::default(), &Cancel::default()).unwrap();
    assert_eq!(counts.by_class.iter().sum::<u64>(), first as u64);
    assert_eq!(read_stream(&*trace, StreamId(0)), whole[..first]);
    assert!(problems.all().iter().any(|p| p.what.contains("became shorter")), "{:?}", problems.all());
}

#[test]
fn paths_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_path_buf(), dir.path().join("nothing"), data().join("ch_0_0")] {
        let problems = ProblemLog::default();
        assert!(ctf::discover(&path, &problems).is_empty());
        assert_eq!(problems.all().len(), 1, "{}", path.display());
    }
    assert_eq!(ctf::discover(&data().join("metadata"), &ProblemLog::default()).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any bytes anywhere: everything ends, and the three ways of reading agree.
    #[test]
    fn random_changes(changes in prop::collection::vec((0usize..4 * PACKET, any::<u8>()), 1..40)) {
        let mut bytes = stream();
        for (at, value) in changes {
            bytes[at] = value;
        }
        read(&bytes);
    }

    /// The same where it hurts most: in the packets' headers.
    #[test]
    fn random_headers(changes in prop::collection::vec((0usize..4, 0usize..100, any::<u8>()), 1..6)) {
        let mut bytes = stream();
        for (packet, at, value) in changes {
            bytes[packet * PACKET + at] = value;
        }
        read(&bytes);
    }
}
