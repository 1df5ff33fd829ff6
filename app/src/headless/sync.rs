//! `sync`: how the machines' clocks relate, by which messages, and how exactly that is known.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use stratoscope_core::query::Matcher;
use stratoscope_core::query::time::duration;
use stratoscope_core::session::{Phase, Session, Snapshot, SyncChoice};
use stratoscope_core::sync::{MachineSync, MethodSync, PairSync, Solution, SyncRole};
use stratoscope_core::vocab::{MachineId, Problem};

use crate::headless::args::SyncArgs;
use crate::headless::output::{Output, integer};
use crate::headless::table::tell;
use crate::headless::time::base;
use crate::headless::{Outcome, open, parse_filter, wait};

/// Prints one object (or sentence) a machine, then those of each pair of machines and method.
///
/// # Errors
/// A machine that does not exist, a wrong expression, or what the output says.
pub(super) fn run(args: &SyncArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let filter = common.filter.as_deref().map(parse_filter).transpose()?;
    let session = open(common, true)?;
    wait(&session, common.quiet);
    let mut snapshot = session.wait();
    if let Some(name) = &args.reference {
        snapshot = with_reference(&session, &snapshot, name)?;
    }
    let filter = filter.map(|f| f.bind(&base(&snapshot)));
    let mut out = Output::new(common.json, common.limit);
    let mut problems = session.problems().all();
    match &snapshot.sync {
        Some(solution) => print(&snapshot, solution, filter.as_ref(), &mut out)?,
        None if !snapshot.machines.is_empty() => problems.push(Problem::note(
            "",
            "There is one machine only, so there is nothing to synchronise. Name the folder that holds the traces of \
             the host and of its guests",
        )),
        None => {}
    }
    out.problems(&problems, common.quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

/// The same on another machine's clock.
fn with_reference(session: &Session, snapshot: &Snapshot, name: &str) -> anyhow::Result<Arc<Snapshot>> {
    let Some(machine) = snapshot.machines.iter().find(|m| m.name == name) else {
        let names: Vec<&str> = snapshot.machines.iter().map(|m| m.name.as_str()).collect();
        anyhow::bail!("no machine is called {name}; there are: {}", names.join(", "));
    };
    let id = machine.id;
    session.choose(SyncChoice { reference: Some(id), ..snapshot.choice.clone() });
    loop {
        let now = session.snapshot();
        let follows = |s: &Arc<Solution>| s.machines.iter().any(|m| m.id == id && m.role == SyncRole::Reference);
        let settled = now.sync.as_ref().is_none_or(follows);
        if settled || matches!(now.phase, Phase::Cancelled | Phase::Failed) {
            return Ok(now);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn print(snapshot: &Snapshot, solution: &Solution, filter: Option<&Matcher>, out: &mut Output) -> anyhow::Result<()> {
    for machine in &solution.machines {
        let object = machine_json(snapshot, machine);
        if !tell(out, filter, &object, || machine_text(snapshot, machine))? {
            return Ok(());
        }
    }
    for pair in &solution.pairs {
        let (a, b) = (name(snapshot, pair.a), name(snapshot, pair.b));
        if !out.is_json() && !out.line(&format!("\n{}", pair.explain(a, b)))? {
            return Ok(());
        }
        for method in &pair.methods {
            let object = pair_json(a, b, pair, method);
            if !tell(out, filter, &object, || method_text(method))? {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn name(snapshot: &Snapshot, id: MachineId) -> &str {
    snapshot.machine(id).map_or("?", |m| m.name.as_str())
}

fn machine_json(snapshot: &Snapshot, machine: &MachineSync) -> Value {
    json!({
        "type": "machine",
        "machine": name(snapshot, machine.id),
        "machine_id": snapshot.machine(machine.id).and_then(|m| m.key.clone()),
        "role": machine.role.name(),
        "slope": machine.slope,
        "offset_ns": machine.offset_ns,
        "quality": machine.quality.name(),
        "half_width_ns": machine.half_width_ns,
        "half_width_median_ns": machine.half_width_median_ns,
        "at_ns": machine.at_ns.map(integer),
        "delta_ns": machine.delta_ns.map(integer),
        "drift_ppm": machine.drift_ppm,
        "methods": machine.methods.iter().map(|m| m.name()).collect::<Vec<_>>(),
        "path": machine.path.iter().map(|id| name(snapshot, *id)).collect::<Vec<_>>(),
    })
}

fn machine_text(snapshot: &Snapshot, machine: &MachineSync) -> String {
    let mut line = format!("{}: {}", name(snapshot, machine.id), machine.role.name());
    if machine.role == SyncRole::Reference {
        return line;
    }
    line.push_str(&format!(", {}", machine.quality.name()));
    if let Some(delta) = machine.delta_ns.and_then(|ns| i64::try_from(ns).ok()) {
        let side = if delta < 0 { "behind" } else { "ahead" };
        line.push_str(&format!("; its clock is {} {side}", duration(delta.saturating_abs())));
        line.push_str(&format!(" and gains {:+.3} ppm", machine.drift_ppm));
    }
    let width = |ns: Option<u64>| ns.and_then(|ns| i64::try_from(ns).ok()).map(duration);
    if let Some(half) = width(machine.half_width_ns) {
        let median = width(machine.half_width_median_ns).unwrap_or_else(|| half.clone());
        line.push_str(&format!("; right to ± {half} (median ± {median})"));
    }
    if !machine.methods.is_empty() {
        let methods: Vec<&str> = machine.methods.iter().map(|m| m.name()).collect();
        line.push_str(&format!("; by {}", methods.join(", ")));
    }
    line
}

fn pair_json(a: &str, b: &str, pair: &PairSync, method: &MethodSync) -> Value {
    json!({
        "type": "pair",
        "a": a,
        "b": b,
        "method": method.method.name(),
        "quality": method.quality.name(),
        "matches": method.matches,
        "on_hull": method.on_hull,
        "rejected": method.rejected,
        "used": method.used && pair.used,
        "slope_min": method.slope_min,
        "slope_max": method.slope_max,
        "explanation": pair.explain(a, b),
    })
}

fn method_text(method: &MethodSync) -> String {
    let mut line = format!(
        "  {}: {}, {} matches, {} on the hull, {} rejected",
        method.method.name(),
        method.quality.name(),
        method.matches,
        method.on_hull,
        method.rejected
    );
    if let (Some(min), Some(max)) = (&method.slope_min, &method.slope_max) {
        line.push_str(&format!(", slope {min} to {max}"));
    }
    if !method.used {
        line.push_str(" (left out)");
    }
    line
}
