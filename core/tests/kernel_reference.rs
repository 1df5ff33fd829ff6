//! The kernel's states against Trace Compass' on its own tiny traces.
//!
//! They and their whole state systems lie outside the repository (`../shared`, or `STRATOSCOPE_SHARED`):
//! without that folder the test says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on must fail loudly")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::kernel::{Kernel, KernelOptions};
use stratoscope_core::vocab::{Cpu, Event, Interner, KernelEvent, MachineNs, Name, RowKind, SyscallAbi, Tid};
use support::Recorder;
use support::reference::{Difference, Tally, Theirs, row_of, shared};

/// The trace, and the file with its state system.
const PAIRS: &[(&str, &str)] = &[
    ("analysis__org.eclipse.tracecompass.analysis.os.linux.core.tests__testfiles__cpu_analysis", "cpu_analysis"),
    (
        "analysis__org.eclipse.tracecompass.analysis.os.linux.core.tests__testfiles__io_analysis__io_full_kernel",
        "io_full_kernel",
    ),
    (
        "analysis__org.eclipse.tracecompass.analysis.os.linux.core.tests__testfiles__kernel_analysis__lttng_kernel_analysis",
        "lttng_kernel_analysis",
    ),
    ("analysis__org.eclipse.tracecompass.analysis.os.linux.core.tests__testfiles__sws_analysis", "sws_analysis"),
    ("lttng__org.eclipse.tracecompass.lttng2.kernel.core.tests__testfiles__partialSS_2d", "partialSS_2d"),
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
        theirs: "waiting-unknown",
        ours: "blocked stopped",
        why: "a stopped thread (prev_state 4) sleeps, it is not unknown what it does",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "running-user",
        ours: "waiting-unknown",
        why: "the next switch on its CPU names another thread as the one that leaves: it had left before",
    },
    Difference {
        kind: RowKind::Thread,
        theirs: "running-user",
        ours: "running-syscall",
        why: "for traces of no known tracer they take `sys_*` only for system calls, not `syscall_entry_*`",
    },
    Difference {
        kind: RowKind::Cpu,
        theirs: "user",
        ours: "syscall",
        why: "for traces of no known tracer they take `sys_*` only for system calls, not `syscall_entry_*`",
    },
];

#[test]
fn tiny_traces_have_trace_compass_states() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let folder = shared.join("traces/reference/kernel");
    let mut all = Tally::default();
    let mut rows = 0;
    for (trace, states) in PAIRS {
        let recorder = run(&folder.join("traces").join(format!("{trace}.jsonl")));
        for (path, theirs) in full_states(&folder.join("tracecompass_full").join(format!("{states}.jsonl"))) {
            if let Some(key) = row_of(&path) {
                all.add_row(key, &theirs, &recorder, 0);
                rows += 1;
            }
        }
    }
    eprint!("{rows} rows\n{}{}", all.report(RowKind::Thread, NAMED), all.report(RowKind::Cpu, NAMED));
    assert!(rows >= 28, "only {rows} rows to compare");
    assert_eq!(all.unnamed(NAMED), "");
    assert_eq!(all.unused(NAMED), [""; 0]);
}

/// Who a query of theirs says ran on a CPU (`KernelThreadInformationProvider.getThreadOnCpu`).
#[test]
fn the_current_thread_is_theirs_at_every_instant_they_ask_for() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let folder = shared.join("traces/reference/kernel");
    let facts: Value =
        serde_json::from_slice(&fs::read(folder.join("lttng_kernel_analysis_facts.json")).unwrap()).unwrap();
    let recorder = run(&folder.join("traces").join(format!("{}.jsonl", PAIRS[2].0)));
    let mut asked = 0;
    for fact in facts["thread_on_cpu"].as_array().unwrap() {
        let (cpu, t) = (fact["cpu"].as_i64().unwrap(), MachineNs(fact["time"].as_i64().unwrap()));
        let row = recorder.rows.iter().find(|r| r.key.kind == RowKind::Cpu && i64::from(r.key.id) == cpu);
        let at = row.and_then(|r| r.intervals.iter().find(|i| i.begin <= t && i.end.is_none_or(|e| t < e)));
        // What the first switch tells of the past is more than they know.
        let current = at.filter(|i| i.look.state.name() != "unknown").map(|i| i64::from(i.look.aux));
        assert_eq!(current, fact["tid"].as_i64(), "{fact}");
        asked += 1;
    }
    assert!(asked > 10);
}

/// Runs a tiny trace, which has one event a line.
fn run(path: &Path) -> Recorder {
    let names = Arc::new(Interner::default());
    let mut recorder = Recorder::new(Arc::clone(&names));
    let mut kernel = Kernel::new(KernelOptions { kernel_release: None, names: Arc::clone(&names) });
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut end = MachineNs::MIN;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let t = MachineNs(line["ts"].as_i64().unwrap());
        end = MachineNs(t.0 + 1);
        let cpu = line["cpu"].as_u64().map_or(Cpu::UNKNOWN, |cpu| Cpu(cpu as u16));
        if let Some(body) = typed(line["name"].as_str().unwrap(), &line["fields"], &names) {
            kernel.event(&Event { t, cpu, context_tid: Tid(-1), body }, &mut recorder);
        }
    }
    kernel.finish(end, &mut recorder);
    recorder
}

/// The events of the tiny traces, which mix the names of several versions of LTTng.
fn typed(name: &str, fields: &Value, names: &Interner) -> Option<KernelEvent> {
    let number = |key: &str| fields[key].as_i64().map_or(-1, |n| n as i32);
    let tid = |key: &str| Tid(number(key));
    let text = |key: &str| names.intern(fields[key].as_str().unwrap_or(""));
    let prio = |key: &str| 100 + number(key) as i16;
    let cpu = |key: &str| fields[key].as_u64().map_or(Cpu::UNKNOWN, |n| Cpu(n as u16));
    let entry = |name: &str| Some(KernelEvent::SyscallEntry { name: names.intern(name), abi: SyscallAbi::Native });
    match name {
        "sched_switch" => Some(KernelEvent::SchedSwitch {
            prev_tid: tid("prev_tid"),
            prev_comm: text("prev_comm"),
            prev_prio: prio("prev_prio"),
            prev_state: number("prev_state"),
            next_tid: tid("next_tid"),
            next_comm: text("next_comm"),
            next_prio: prio("next_prio"),
        }),
        "sched_wakeup" => Some(KernelEvent::SchedWakeup {
            tid: tid("tid"),
            comm: text("comm"),
            prio: prio("prio"),
            target_cpu: cpu("target_cpu"),
        }),
        "sched_process_fork" => Some(KernelEvent::Fork {
            parent_tid: tid("parent_tid"),
            parent_pid: tid("parent_pid"),
            child_tid: tid("child_tid"),
            child_pid: tid("child_pid"),
            child_comm: text("child_comm"),
        }),
        "sched_process_exit" => Some(KernelEvent::Exit { tid: tid("tid") }),
        "lttng_statedump_process_state" => Some(KernelEvent::StatedumpProcess {
            tid: tid("tid"),
            pid: tid("pid"),
            ppid: tid("ppid"),
            comm: text("name"),
            status: number("status") as u8,
            kernel_thread: number("type") == 1,
            cpu: cpu("cpu"),
        }),
        "exit_syscall" => Some(KernelEvent::SyscallExit { name: Name::NONE, ret: 0 }),
        _ => match name.strip_prefix("syscall_entry_").or_else(|| name.strip_prefix("sys_")) {
            Some(call) => entry(call),
            None if name.starts_with("syscall_exit_") => Some(KernelEvent::SyscallExit { name: Name::NONE, ret: 0 }),
            None => None,
        },
    }
}

/// `path` and intervals of every node of a state system.
fn full_states(path: &Path) -> Vec<(String, Theirs)> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut states = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let analysis = line["analysis"].as_str().unwrap_or("");
        if line["kind"] != "full" || !analysis.starts_with("kernel of") {
            continue;
        }
        let parts: Vec<&str> = line["path"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        let interval = |i: &Value| (i[0].as_i64().unwrap(), i[1].as_i64().unwrap(), i[2].as_i64());
        // Names have texts where states have numbers; rows are recognised by their path alone.
        states.push((parts.join("/"), line["intervals"].as_array().unwrap().iter().map(interval).collect()));
    }
    states
}
