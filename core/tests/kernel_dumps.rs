//! The kernel's states against Trace Compass' on real recordings.
//!
//! The recordings and the dumps of that tool's state system lie outside the repository (`../shared`, or
//! `STRATOSCOPE_SHARED`): without that folder the test says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on must fail loudly")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use flate2::read::GzDecoder;
use serde_json::Value;
use stratoscope_core::ctf;
use stratoscope_core::kernel::{Kernel, KernelOptions};
use stratoscope_core::links::{Links, LinksOptions};
use stratoscope_core::store::Look;
use stratoscope_core::trace::Batch;
use stratoscope_core::vocab::{Interner, MachineNs, ProblemLog, RowKind, State, StreamId};
use support::Recorder;
use support::notation::Line;
use support::recorder::Row;
use support::reference::{Difference, Tally, Theirs, row_of, shared};

/// The dump's name, and where the trace lies.
const RECORDINGS: &[(&str, &str)] = &[
    ("fighting.host", "vm/fighting/host"),
    ("fighting.guest-a", "vm/fighting/guest-a"),
    ("fighting.guest-b", "vm/fighting/guest-b"),
    ("periodic.host", "vm/periodic/host"),
    ("periodic.guest-a", "vm/periodic/guest-a"),
    ("periodic.guest-b", "vm/periodic/guest-b"),
    ("bug446190", "ctf/bug446190"),
    ("scp_src", "ctf/scp_src"),
    ("scp_dest", "ctf/scp_dest"),
];

/// Recordings without a dump: losses, many CPUs and threads, block requests.
const OTHERS: &[(&str, &str)] = &[
    ("lost.host", "vm/lost/host"),
    ("lost.guest-a", "vm/lost/guest-a"),
    ("io.host", "vm/io/host"),
    ("io.guest-a", "vm/io/guest-a"),
    ("many-threads", "ctf/many-threads"),
    ("flipping-endianness", "ctf/flipping-endianness"),
];

/// Why we may say something else than they do.
const NAMED: &[Difference] = &[
    Difference {
        kind: RowKind::Thread,
        theirs: "null",
        ours: "unknown running",
        why: "the first switch on a CPU reveals who had run there since its first event",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-fork",
        ours: "waiting-cpu",
        why: "a state dump says \"forked\" of every runnable thread",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-unknown",
        ours: "blocked",
        why: "prev_state 0x80 since Linux 4.14: a kernel thread that sleeps without being counted as load",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-unknown",
        ours: "null",
        why: "prev_state 0x10 and 0x20 since Linux 4.14: dead",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-unknown",
        ours: "waiting-cpu",
        why: "prev_state 0x100 since Linux 4.14: preempted",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "interrupted",
        ours: "running-user",
        why: "a softirq that is only raised interrupts nobody",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "interrupted",
        ours: "running-syscall",
        why: "a softirq that is only raised interrupts nobody",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "running-user",
        ours: "interrupted",
        why: "an interrupt ended, but it had interrupted a softirq, which goes on",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "blocked",
        why: "a sleeping thread is moved before its wake-up: moving does not wake it",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "running-user",
        why: "a running thread cannot wait for a CPU: it was woken or moved while it was interrupted or ran",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "running-syscall",
        why: "a running thread cannot wait for a CPU: it was woken or moved while it was interrupted or ran",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "interrupted",
        why: "a running thread cannot wait for a CPU: it was woken or moved while it was interrupted or ran",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "null",
        why: "an exit recorded before any scheduling: no switch will tell that the thread is gone",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "unknown",
        why: "forked before scheduling was recorded: whether it waited, ran or slept was never told",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "waiting-cpu",
        ours: "waiting-unknown",
        why: "forked before scheduling was recorded: the state dump is the first to tell",
    },
];

#[test]
fn recordings_have_trace_compass_states() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let mut unnamed = String::new();
    let mut all = Tally::default();
    for (name, path) in RECORDINGS {
        let recording = Recording::read(&shared.join("traces").join(path));
        let (recorder, ns_per_event) = recording.run();
        let dump = shared.join("traces/reference/dumps").join(format!("{name}.kernel.jsonl.gz"));
        let mut tally = Tally::default();
        for (path, theirs) in read_dump(&dump) {
            if let Some(key) = row_of(&path) {
                tally.add_row(key, &theirs, &recorder, recording.origin);
                all.add_row(key, &theirs, &recorder, recording.origin);
            }
        }
        eprintln!("{name}: {} events, {ns_per_event:.0} ns/event with the recorder", recording.lines.len());
        eprint!("{}{}", tally.report(RowKind::Thread, NAMED), tally.report(RowKind::Cpu, NAMED));
        unnamed += &tally.unnamed(NAMED);
    }
    assert_eq!(unnamed, "");
    assert_eq!(all.unused(NAMED), [""; 0]);
    let states = all.by_class.keys().filter(|(kind, theirs, _)| *kind == RowKind::Cpu && theirs != "null").count();
    assert_eq!(states, 5, "every state of a CPU is compared, and they differ nowhere");
}

/// What must hold of any recording.
#[test]
fn recordings_keep_the_rules_of_the_model() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    for (name, path) in RECORDINGS.iter().chain(OTHERS) {
        let (recorder, _) = Recording::read(&shared.join("traces").join(path)).run();
        let mut looked = 0;
        for row in &recorder.rows {
            for pair in row.intervals.windows(2) {
                assert!(pair[0].end.unwrap() <= pair[1].begin, "{name} {}: {pair:?}", row.key);
                assert!(
                    pair[0].end.unwrap() < pair[1].begin || pair[0].look != pair[1].look,
                    "{name} {}: {pair:?}",
                    row.key
                );
            }
            if row.key.kind == RowKind::Cpu {
                looked += check_cpu(name, row, &recorder);
            }
        }
        assert!(looked > 1000, "{name}: {looked}");
        let intervals: usize = recorder.rows.iter().map(|r| r.intervals.len()).sum();
        assert!(recorder.redundant * 100 <= intervals, "{name}: {} of {intervals}", recorder.redundant);
    }
}

/// A CPU and its current thread do the same at every instant; nobody else claims to run on it.
fn check_cpu(name: &str, cpu: &Row, recorder: &Recorder) -> usize {
    let mut own: Vec<(MachineNs, MachineNs, i32, State)> = Vec::new();
    for thread in recorder.rows.iter().filter(|r| r.key.kind == RowKind::Thread) {
        for i in thread.intervals.iter().filter(|i| i.look.aux == cpu.key.id as u32 && is_running(recorder, i.look)) {
            own.push((i.begin, i.end.unwrap(), thread.key.id, i.look.state));
        }
    }
    own.sort();
    for pair in own.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{name} {}: {pair:?}", cpu.key);
    }
    let mut at = 0;
    let mut looked = 0;
    for i in cpu.intervals.iter().filter(|i| i.look.aux != Look::NO_AUX) {
        while own.get(at).is_some_and(|o| o.1 <= i.begin) {
            at += 1;
        }
        let (begin, end, tid, state) = own[at];
        let place = format!("{name} {} at {:?}: {:?}, {:?}", cpu.key, i.begin, i.look, own[at]);
        assert!(begin <= i.begin && tid == i.look.aux as i32, "{place}");
        if state == State::Unknown {
            // What the first switch revealed: who ran is known, not how.
            continue;
        }
        assert!(i.end.unwrap() <= end || state == State::Interrupted, "{place}");
        let expected = match i.look.state {
            State::Idle | State::User => State::RunningUser,
            State::Syscall => State::RunningSyscall,
            State::Irq | State::Softirq => State::Interrupted,
            other => other,
        };
        assert_eq!(state, expected, "{place}");
        looked += 1;
    }
    looked
}

fn is_running(recorder: &Recorder, look: Look) -> bool {
    match look.state {
        State::RunningUser | State::RunningSyscall | State::Interrupted => true,
        State::Unknown => &*recorder.names.text(look.detail) == "running",
        _ => false,
    }
}

/// All demanded events of a trace, merged.
struct Recording {
    lines: Vec<Line>,
    names: Arc<Interner>,
    release: Option<String>,
    origin: i64,
    end: MachineNs,
}

impl Recording {
    fn read(path: &Path) -> Self {
        let problems = ProblemLog::default();
        let group = ctf::discover(path, &problems).remove(0);
        let trace = ctf::open(&group, &problems).unwrap();
        let names = Arc::new(Interner::default());
        let mut keyed: Vec<(MachineNs, Line)> = Vec::new();
        let mut end = MachineNs::MIN;
        for n in 0..trace.streams().len() {
            let cpu = trace.streams()[n].cpu;
            let mut cursor = trace.cursor(StreamId(n as u32), Kernel::demand().union(Links::demand()), &names);
            let mut batch = Batch::default();
            while !batch.ended {
                cursor.fill(&mut batch, 1 << 14);
                let mut lost = batch.lost.iter().peekable();
                for (at, event) in batch.events.iter().enumerate() {
                    while let Some((_, gap)) = lost.next_if(|(before, _)| *before <= at) {
                        keyed.push((event.t, Line::Lost(cpu, *gap)));
                    }
                    keyed.push((event.t, Line::Event(*event)));
                    end = end.max(MachineNs(event.t.0 + 1));
                }
            }
        }
        // Stable: events of one instant stay in the order of their streams.
        keyed.sort_by_key(|(t, _)| *t);
        let clock = trace.info().clock.clone().unwrap();
        Self {
            lines: keyed.into_iter().map(|(_, line)| line).collect(),
            names,
            release: trace.info().kernel_release.clone(),
            origin: i64::try_from(clock.origin_ns).unwrap(),
            end,
        }
    }

    fn run(&self) -> (Recorder, f64) {
        let mut recorder = Recorder::new(Arc::clone(&self.names));
        let mut kernel =
            Kernel::new(KernelOptions { kernel_release: self.release.clone(), names: Arc::clone(&self.names) });
        let mut links = Links::new(LinksOptions::default());
        let begin = Instant::now();
        for line in &self.lines {
            match line {
                Line::Event(event) => {
                    kernel.event(event, &mut recorder);
                    links.event(event, &kernel, &mut recorder);
                }
                Line::Lost(cpu, lost) => kernel.lost(*cpu, lost, &mut recorder),
            }
        }
        kernel.finish(self.end, &mut recorder);
        let ns = begin.elapsed().as_nanos() as f64 / self.lines.len().max(1) as f64;
        (recorder, ns)
    }
}

/// `path` and intervals of every node of a dumped state system.
fn read_dump(path: &Path) -> BTreeMap<String, Theirs> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut states: BTreeMap<String, Theirs> = BTreeMap::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let interval = (line["start"].as_i64().unwrap(), line["end"].as_i64().unwrap(), line["value"].as_i64());
        states.entry(line["path"].as_str().unwrap().to_owned()).or_default().push(interval);
    }
    states
}
