//! `info`: which traces there are, counted by decoding every event.

use std::collections::BTreeMap;

use serde_json::json;
use stratoscope_core::session::{Snapshot, TraceView};
use stratoscope_core::trace::Counts;
use stratoscope_core::vocab::{Cancel, Progress};

use crate::headless::args::Common;
use crate::headless::output::{Output, integer};
use crate::headless::{Outcome, open};

/// Prints one object (or paragraph) a trace.
///
/// # Errors
/// If nothing could be opened or printed.
pub(super) fn run(args: &Common) -> anyhow::Result<Outcome> {
    let session = open(args, false)?;
    let snapshot = session.wait();
    let mut out = Output::new(args.json, args.limit);
    for trace in snapshot.traces.iter() {
        let counts = trace.trace.count(&Progress::default(), &Cancel::default())?;
        let line =
            if out.is_json() { object(&snapshot, trace, &counts).to_string() } else { text(&snapshot, trace, &counts) };
        if !out.line(&line)? {
            break;
        }
    }
    let problems = session.problems().all();
    out.problems(&problems, args.quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

fn by_name(trace: &TraceView, counts: &Counts) -> BTreeMap<String, u64> {
    let mut names = BTreeMap::new();
    for (class, count) in trace.trace.classes().iter().zip(&counts.by_class).filter(|(_, n)| **n > 0) {
        *names.entry(class.name.as_ref().to_owned()).or_insert(0) += count;
    }
    names
}

/// First and last event on the trace's own clock, in nanoseconds since its epoch.
fn extent(trace: &TraceView, counts: &Counts) -> Option<(i128, i128)> {
    let origin = trace.trace.info().clock.as_ref()?.origin_ns;
    counts.extent.map(|(a, b)| (origin + i128::from(a.0), origin + i128::from(b.0)))
}

fn object(snapshot: &Snapshot, trace: &TraceView, counts: &Counts) -> serde_json::Value {
    let info = trace.trace.info();
    let streams = trace.trace.streams();
    let machine = snapshot.machine(trace.machine);
    let mut cpus: Vec<u16> = streams.iter().filter_map(|s| s.cpu.known()).collect();
    cpus.sort_unstable();
    cpus.dedup();
    let extent = extent(trace, counts);
    json!({
        "type": "trace",
        "path": info.path.display().to_string(),
        "format": info.format,
        "tracer": info.tracer,
        "domain": info.domain,
        "machine": machine.map(|m| m.name.clone()),
        "machine_id": machine.and_then(|m| m.key.clone()),
        "cpus": if cpus.is_empty() { None } else { Some(cpus.len()) },
        "streams": streams.len(),
        "packets": streams.iter().map(|s| s.packets.len()).sum::<usize>(),
        "begin_ns": extent.map(|e| integer(e.0)),
        "end_ns": extent.map(|e| integer(e.1)),
        "events": counts.by_class.iter().sum::<u64>(),
        "discarded_events": streams.iter().map(|s| s.discarded_events).sum::<u64>(),
        "lost_packets": streams.iter().map(|s| s.lost_packets).sum::<u64>(),
        "by_name": by_name(trace, counts),
    })
}

fn text(snapshot: &Snapshot, trace: &TraceView, counts: &Counts) -> String {
    let info = trace.trace.info();
    let streams = trace.trace.streams();
    let events: u64 = counts.by_class.iter().sum();
    let machine = snapshot.machine(trace.machine).map_or("?", |m| m.name.as_str());
    let mut lines = vec![
        info.path.display().to_string(),
        format!("  format     {}", info.format),
        format!("  tracer     {}", info.tracer.as_deref().unwrap_or("unknown")),
        format!("  machine    {machine}"),
        format!("  streams    {} ({} packets)", streams.len(), streams.iter().map(|s| s.packets.len()).sum::<usize>()),
        format!("  events     {events}"),
    ];
    if let Some((begin, end)) = extent(trace, counts) {
        lines.push(format!("  begin      {begin} ns"));
        lines.push(format!("  end        {end} ns"));
        lines.push(format!("  length     {}.{:09} s", (end - begin) / 1_000_000_000, (end - begin) % 1_000_000_000));
    }
    let discarded: u64 = streams.iter().map(|s| s.discarded_events).sum();
    let lost: u64 = streams.iter().map(|s| s.lost_packets).sum();
    if discarded > 0 || lost > 0 {
        lines.push(format!("  lost       {discarded} events, {lost} packets"));
    }
    let mut names: Vec<(String, u64)> = by_name(trace, counts).into_iter().collect();
    names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let width = names.iter().map(|(_, n)| n.to_string().len()).max().unwrap_or(0);
    lines.extend(names.iter().map(|(name, n)| format!("  {n:>width$}  {name}")));
    lines.join("\n")
}
