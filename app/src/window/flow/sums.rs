//! Where the time of a flow went: by who and kind, by kind, by machine. What a click on a line means, and the same
//! as text. No screen here.

use stratoscope_core::flow::{Difference, Flow, FlowKind, Piece};
use stratoscope_core::vm::Who;
use stratoscope_core::vocab::{Dur, MachineId, State};

use crate::window::axis::duration;
use crate::window::flow::words::{is_loud, kind_title, kind_words, long_who, short_who};
use crate::window::joint::facts::Facts;
use crate::window::joint::table::percent;

/// Some of a flow's pieces: those that a line counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// All of a kind.
    Kind(FlowKind),
    /// Those of a kind that one task is to blame for.
    Culprit(Who, FlowKind),
    /// Those of a machine's tasks.
    Machine(MachineId),
}

impl Part {
    /// Whether a piece is one of them.
    pub fn holds(&self, piece: &Piece) -> bool {
        match self {
            Self::Kind(kind) => piece.kind == *kind,
            Self::Culprit(who, kind) => piece.kind == *kind && piece.who == *who,
            Self::Machine(machine) => piece.who.machine == *machine,
        }
    }

    /// The longest of them.
    pub fn longest(&self, flow: &Flow) -> Option<usize> {
        let pieces = flow.pieces.iter().enumerate().filter(|(_, p)| self.holds(p));
        // Among equals the first: `max_by_key` alone would take the last.
        pieces.rev().max_by_key(|(_, p)| p.range.length()).map(|(n, _)| n)
    }
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which pieces it counts; `None`: time between pieces.
    pub part: Option<Part>,
    /// Who or what.
    pub text: String,
    /// More about it, quietly.
    pub more: String,
    /// The state in whose colour it stands, if it is not a machine's.
    pub state: State,
    /// The machine in whose colour it stands.
    pub machine: Option<MachineId>,
    /// How long.
    pub time: Dur,
    /// Of the whole.
    pub share: f64,
    /// Whether it is what people look for.
    pub loud: bool,
}

impl Line {
    fn whole(&self) -> String {
        let more =
            if self.more.is_empty() { String::new() } else { format!(", {}", self.more.replace(" · ", " in ")) };
        format!("{}{more}", self.text)
    }

    /// What a screen reader says.
    pub fn spoken(&self) -> String {
        format!("{}: {}, {}", self.whole(), duration(self.time), percent(self.share))
    }
}

/// A table with its heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it is sorted by.
    pub title: &'static str,
    /// The longest first.
    pub lines: Vec<Line>,
    /// What stands below them, however long it is: the task's own work is nobody's fault. A line for each name that
    /// the task bore.
    pub own: Vec<Line>,
}

/// What is said of the task's own running.
const OWN: &str = "its own work";

/// The three tables of a flow.
pub fn tables(facts: &Facts, flow: &Flow) -> [Table; 3] {
    let whole = flow.window.length().0.max(1) as f64;
    let share = |time: Dur| time.0 as f64 / whole;
    let totals = flow.totals();
    let several = facts.world.machines.len() > 1;
    let told = |what: &str, who: Who| match facts.world.machine(who.machine).filter(|_| several) {
        Some(machine) => format!("{what} · {}", machine.name),
        None => what.to_owned(),
    };
    let culprits = totals.iter().map(|total| {
        let own = flow.is_own_work(total);
        Line {
            part: Some(Part::Culprit(total.who, total.kind)),
            text: short_who(facts, total.who),
            more: told(if own { OWN } else { kind_words(total.kind) }, total.who),
            state: total.kind.state(),
            machine: None,
            time: total.time,
            share: share(total.time),
            loud: is_loud(total.kind),
        }
    });
    let in_flight = || {
        let time = flow.in_flight();
        (time > Dur(0)).then(|| Line {
            part: None,
            text: "Packets on their way".to_owned(),
            more: String::new(),
            state: State::Network,
            machine: None,
            time,
            share: share(time),
            loud: false,
        })
    };
    let (own, mut culprits): (Vec<Line>, Vec<Line>) =
        culprits.chain(in_flight()).partition(|line| line.more.starts_with(OWN));
    culprits.sort_by_key(|line| std::cmp::Reverse(line.time));
    let mut kinds: Vec<Line> = flow
        .by_kind()
        .into_iter()
        .map(|(kind, time)| Line {
            part: Some(Part::Kind(kind)),
            text: kind_title(kind),
            more: String::new(),
            state: kind.state(),
            machine: None,
            time,
            share: share(time),
            loud: is_loud(kind),
        })
        .chain(in_flight())
        .collect();
    kinds.sort_by_key(|line| std::cmp::Reverse(line.time));
    let mut machines: Vec<Line> = Vec::new();
    for total in &totals {
        let id = total.who.machine;
        match machines.iter_mut().find(|line| line.machine == Some(id)) {
            Some(line) => line.time = line.time + total.time,
            None => machines.push(Line {
                part: Some(Part::Machine(id)),
                text: facts.world.machine(id).map_or_else(String::new, |m| m.name.to_string()),
                more: String::new(),
                state: State::None,
                machine: Some(id),
                time: total.time,
                share: 0.0,
                loud: false,
            }),
        }
    }
    machines.iter_mut().for_each(|line| line.share = share(line.time));
    machines.sort_by_key(|line| std::cmp::Reverse(line.time));
    [
        Table { title: "Who held it up", lines: culprits, own },
        Table { title: "What it was", lines: kinds, own: Vec::new() },
        Table { title: "On which machine", lines: machines, own: Vec::new() },
    ]
}

/// The tables as text, for the clipboard.
pub fn text(facts: &Facts, flow: &Flow) -> String {
    let mut text = format!("Execution flow of {}: {}\n", long_who(facts, flow.who), duration(flow.window.length()));
    for table in tables(facts, flow) {
        text.push_str(&format!("\n{}\n", table.title));
        for line in table.lines.iter().chain(&table.own) {
            text.push_str(&format!("{:>12}  {:>8}  {}\n", duration(line.time), percent(line.share), line.whole()));
        }
    }
    for note in &flow.notes {
        text.push_str(&format!("\n{note}\n"));
    }
    text
}

/// Differences of two flows added up by kind, the largest first.
pub fn by_kind(differences: &[Difference]) -> Vec<(FlowKind, [Dur; 2])> {
    let mut kinds: Vec<(FlowKind, [Dur; 2])> = Vec::new();
    for line in differences {
        match kinds.iter_mut().find(|(kind, _)| *kind == line.kind) {
            Some((_, times)) => *times = [times[0] + line.times[0], times[1] + line.times[1]],
            None => kinds.push((line.kind, line.times)),
        }
    }
    kinds.sort_by_key(|(_, times)| std::cmp::Reverse((times[1] - times[0]).0.abs()));
    kinds
}
