//! Comparison with what Trace Compass' kernel analysis says of the same events.
//!
//! Its state system has an integer on each of the nodes `Threads/TID`, `Threads/0_CPU` and `CPUs/N`
//! (`StateValues` in `org.eclipse.tracecompass.analysis.os.linux.core`), over intervals whose ends are
//! inclusive. Every instant of those rows is compared with ours and counted by (theirs, ours).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use stratoscope_core::store::Look;
use stratoscope_core::vocab::{Cpu, MachineNs, RowKey, RowKind, State, Tid};

use super::recorder::{Interval, Recorder};

/// The folder of recordings and references, which is not part of the repository.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("STRATOSCOPE_SHARED").map_or(beside, PathBuf::from);
    folder.join("traces/reference").is_dir().then_some(folder)
}

/// Their intervals of one row: begin, inclusive end, value.
pub(crate) type Theirs = Vec<(i64, i64, Option<i64>)>;

/// What a row of theirs is for us: thread, idle task or CPU.
pub(crate) fn row_of(path: &str) -> Option<RowKey> {
    let mut parts = path.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    match kind {
        "CPUs" => Some(RowKey::cpu(Cpu(id.parse().ok()?))),
        "Threads" => match id.split_once('_') {
            Some(("0", cpu)) => Some(RowKey::idle(Cpu(cpu.parse().ok()?))),
            Some(_) => None,
            // −1 is whoever runs while nobody is known to.
            None => Some(id.parse().ok()).flatten().filter(|tid| *tid > 0).map(|tid| RowKey::thread(Tid(tid), 0)),
        },
        _ => None,
    }
}

fn their_name(kind: RowKind, value: Option<i64>) -> &'static str {
    match (kind, value) {
        (_, None) => "null",
        (RowKind::Cpu, Some(0)) => "idle",
        (RowKind::Cpu, Some(2)) => "user",
        (RowKind::Cpu, Some(4)) => "syscall",
        (RowKind::Cpu, Some(8)) => "softirq",
        (RowKind::Cpu, Some(16)) => "irq",
        (_, Some(0)) => "unknown",
        (_, Some(1)) => "blocked",
        (_, Some(2)) => "running-user",
        (_, Some(3)) => "running-syscall",
        (_, Some(4)) => "interrupted",
        (_, Some(5)) => "waiting-cpu",
        (_, Some(6)) => "waiting-unknown",
        (_, Some(7)) => "waiting-fork",
        (_, Some(other)) => panic!("they have no state {other}"),
    }
}

fn our_name(recorder: &Recorder, look: Look) -> String {
    match look.state {
        State::None => "null".to_owned(),
        // Details that make a state comparable: who ran is known, how is not; why a thread does not run.
        State::Unknown | State::Blocked if !look.detail.is_none() => {
            let detail = recorder.names.text(look.detail);
            match &*detail {
                "running" | "stopped" | "traced" | "parked" => format!("{} {detail}", look.state.name()),
                _ => look.state.name().to_owned(),
            }
        }
        state => state.name().to_owned(),
    }
}

/// How much time each pair of (theirs, ours) takes.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) by_class: BTreeMap<(RowKind, String, String), Class>,
}

/// One kind of pair.
#[derive(Default)]
pub(crate) struct Class {
    pub(crate) ns: i128,
    pub(crate) places: usize,
    /// The first place, for whoever wants to look.
    pub(crate) example: String,
}

impl Tally {
    /// Compares one row. `origin` is what their instants have more than ours.
    pub(crate) fn add_row(&mut self, key: RowKey, theirs: &Theirs, recorder: &Recorder, origin: i64) {
        // A tid that was used again is one row for them.
        let mut ours: Vec<Interval> = Vec::new();
        for row in &recorder.rows {
            if (row.key.kind, row.key.id, row.key.cpu) == (key.kind, key.id, key.cpu) {
                ours.extend(&row.intervals);
            }
        }
        ours.sort_by_key(|i| i.begin);
        let mut at = 0;
        for &(start, end, value) in theirs {
            let theirs = their_name(key.kind, value);
            let (mut t, end) = (MachineNs(start - origin), MachineNs(end + 1 - origin));
            while t < end {
                while ours.get(at).is_some_and(|i| i.end.is_some_and(|e| e <= t)) {
                    at += 1;
                }
                let (look, until) = match ours.get(at) {
                    Some(i) if i.begin <= t => (i.look, i.end.unwrap_or(end)),
                    Some(i) => (Look::default(), i.begin),
                    None => (Look::default(), end),
                };
                let until = until.min(end);
                let class = self.by_class.entry((key.kind, theirs.to_owned(), our_name(recorder, look))).or_default();
                class.ns += i128::from(until.0 - t.0);
                class.places += 1;
                if class.example.is_empty() {
                    class.example = format!("{key} from {}", t.0 + origin);
                }
                t = until;
            }
        }
    }

    /// Every pair that is not the same on both sides and not in `named`.
    pub(crate) fn unnamed(&self, named: &[Difference]) -> String {
        let mut text = String::new();
        for ((kind, theirs, ours), class) in &self.by_class {
            let known = named.iter().any(|d| (d.kind, d.theirs, d.ours) == (*kind, &**theirs, &**ours));
            if !same(*kind, theirs, ours) && !known {
                let Class { ns, places, example } = class;
                writeln!(text, "{kind:?}: theirs {theirs}, ours {ours}: {ns} ns, {places} places, {example}").unwrap();
            }
        }
        text
    }

    /// Every named pair that does not occur: a table that claims more than is true.
    pub(crate) fn unused<'a>(&self, named: &'a [Difference]) -> Vec<&'a str> {
        let occurs = |d: &&Difference| self.by_class.contains_key(&(d.kind, d.theirs.to_owned(), d.ours.to_owned()));
        named.iter().filter(|d| !occurs(d)).map(|d| d.why).collect()
    }

    /// Agreement in percent of the time in which they say anything, by state of theirs and in all.
    pub(crate) fn report(&self, kind: RowKind, named: &[Difference]) -> String {
        let mut text = String::new();
        let mut sums: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
        for ((k, theirs, ours), class) in &self.by_class {
            if *k == kind {
                let (agreed, all) = sums.entry(theirs).or_default();
                *all += class.ns;
                *agreed += if same(kind, theirs, ours) { class.ns } else { 0 };
            }
        }
        let percent = |(part, all): (i128, i128)| part as f64 * 100.0 / (all as f64).max(1.0);
        let known = sums.iter().filter(|(s, _)| **s != "null").fold((0, 0), |a, (_, s)| (a.0 + s.0, a.1 + s.1));
        write!(text, "  {kind:?}: {:.4} % agree", percent(known)).unwrap();
        for (state, sum) in &sums {
            write!(text, "; {state} {:.3} %", percent(*sum)).unwrap();
        }
        text.push('\n');
        for ((k, theirs, ours), class) in &self.by_class {
            if *k == kind && !same(kind, theirs, ours) {
                let why = named
                    .iter()
                    .find(|d| (d.kind, d.theirs, d.ours) == (*k, &**theirs, &**ours))
                    .map_or("NOT EXPLAINED", |d| d.why);
                let share = percent((class.ns, known.1));
                writeln!(
                    text,
                    "    {theirs} -> {ours}: {share:.4} %, {} places ({}): {why}",
                    class.places, class.example
                )
                .unwrap();
            }
        }
        text
    }
}

/// Whether they and we say the same. Of a CPU of which nothing is known they say nothing, and we say so.
fn same(kind: RowKind, theirs: &str, ours: &str) -> bool {
    theirs == ours || (kind == RowKind::Cpu && theirs == "null" && ours == "unknown")
}

/// A class of differences that has a reason.
pub(crate) struct Difference {
    pub(crate) kind: RowKind,
    pub(crate) theirs: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) why: &'static str,
}
