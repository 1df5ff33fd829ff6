//! A writer that keeps everything, checks the contract, and prints rows as text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use stratoscope_core::store::{Look, Raise, VmExit, WakeContext, Wakeup, Writer};
use stratoscope_core::vocab::{Cpu, Interner, MachineNs, Name, RowId, RowKey, RowKind, State, SyncPoint, Tid};

/// An interval; `end` is `None` while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) begin: MachineNs,
    pub(crate) end: Option<MachineNs>,
    pub(crate) look: Look,
}

/// All that was written about one row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: RowKey,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) names: Vec<(MachineNs, Name)>,
    pub(crate) process: Option<Tid>,
    pub(crate) parent: Option<Tid>,
}

/// The writer.
pub(crate) struct Recorder {
    pub(crate) names: Arc<Interner>,
    pub(crate) rows: Vec<Row>,
    pub(crate) wakeups: Vec<Wakeup>,
    pub(crate) sync_points: Vec<SyncPoint>,
    pub(crate) raises: Vec<Raise>,
    pub(crate) exits: Vec<VmExit>,
    /// Calls that said nothing new.
    pub(crate) redundant: usize,
    ids: HashMap<RowKey, RowId>,
}

impl Recorder {
    pub(crate) fn new(names: Arc<Interner>) -> Self {
        Self {
            names,
            rows: Vec::new(),
            wakeups: Vec::new(),
            sync_points: Vec::new(),
            raises: Vec::new(),
            exits: Vec::new(),
            redundant: 0,
            ids: HashMap::new(),
        }
    }

    pub(crate) fn find(&self, key: RowKey) -> Option<&Row> {
        self.ids.get(&key).map(|id| &self.rows[id.0 as usize])
    }

    /// All rows of those kinds, a row a line, in order of kind and key.
    pub(crate) fn text(&self, kinds: &[RowKind]) -> String {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|r| kinds.contains(&r.key.kind)).collect();
        rows.sort_by_key(|r| r.key);
        let mut text = String::new();
        for row in rows {
            writeln!(text, "{}: {}", self.label(row), self.intervals(row)).unwrap();
        }
        text
    }

    fn label(&self, row: &Row) -> String {
        let mut label = row.key.to_string();
        if row.key.instance > 0 {
            write!(label, "#{}", row.key.instance).unwrap();
        }
        for (n, (t, name)) in row.names.iter().enumerate() {
            let name = self.names.text(*name);
            if n == 0 {
                write!(label, " {name}").unwrap();
            } else {
                write!(label, ", from {} {name}", t.0).unwrap();
            }
        }
        label
    }

    fn intervals(&self, row: &Row) -> String {
        let one = |i: &Interval| {
            let mut text = match i.end {
                Some(end) => format!("{}..{} {}", i.begin.0, end.0, i.look.state.name()),
                None => format!("{}.. {}", i.begin.0, i.look.state.name()),
            };
            if !i.look.detail.is_none() {
                write!(text, " {}", self.names.text(i.look.detail)).unwrap();
            }
            if i.look.aux != Look::NO_AUX && row.key.kind != RowKind::Irq && row.key.kind != RowKind::Softirq {
                write!(text, " @{}", i.look.aux).unwrap();
            }
            text
        };
        row.intervals.iter().map(one).collect::<Vec<_>>().join(" | ")
    }

    /// Who belongs to whom, a thread a line.
    pub(crate) fn families(&self) -> String {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|r| r.key.kind == RowKind::Thread).collect();
        rows.sort_by_key(|r| r.key);
        let mut text = String::new();
        for row in rows {
            let id = |tid: Option<Tid>| tid.map_or("?".into(), |tid| tid.0.to_string());
            writeln!(text, "{}: of {}, child of {}", self.label(row), id(row.process), id(row.parent)).unwrap();
        }
        text
    }

    /// The wake-ups, one a line.
    pub(crate) fn wakeup_text(&self) -> String {
        let mut text = String::new();
        for w in &self.wakeups {
            let label = |row: RowId| self.rows[row.0 as usize].key.to_string();
            let waker = w.waker.map_or("?".to_owned(), label);
            let context = match w.context {
                WakeContext::Task => String::new(),
                context => format!(" in {context:?}").to_lowercase(),
            };
            let number = if w.number < 0 { String::new() } else { format!(" {}", w.number) };
            let (t, cpu, target) = (w.t.0, w.cpu.0, w.target_cpu.0);
            writeln!(text, "{t} cpu{cpu}: {waker}{context}{number} wakes {} on cpu{target}", label(w.woken)).unwrap();
        }
        text
    }
}

impl Writer for Recorder {
    fn row(&mut self, key: RowKey) -> RowId {
        match key.kind {
            RowKind::Thread if key.id != 0 => assert_eq!(key.cpu, Cpu::UNKNOWN),
            _ => assert_ne!(key.cpu, Cpu::UNKNOWN),
        }
        let rows = &mut self.rows;
        *self.ids.entry(key).or_insert_with(|| {
            rows.push(Row { key, intervals: Vec::new(), names: Vec::new(), process: None, parent: None });
            RowId(rows.len() as u32 - 1)
        })
    }

    fn set(&mut self, row: RowId, t: MachineNs, look: Look) {
        let key = self.rows[row.0 as usize].key;
        let intervals = &mut self.rows[row.0 as usize].intervals;
        let mut begin = t;
        if let Some(open) = intervals.last_mut() {
            // What is written already may not be taken back, except for the open interval.
            let last = open.end.unwrap_or(open.begin);
            begin = t.max(last);
            if open.end.is_none() {
                if open.look == look {
                    self.redundant += 1;
                    return;
                }
                if begin == open.begin {
                    intervals.pop();
                } else {
                    open.end = Some(begin);
                }
            } else if look.state == State::None {
                self.redundant += 1;
                return;
            }
        } else if look.state == State::None {
            self.redundant += 1;
            return;
        }
        if look.state == State::None {
            return;
        }
        assert!(allowed(key.kind, look.state), "a {:?} row cannot be {:?}", key.kind, look.state);
        // What was cut to nothing may have left an equal neighbour.
        if let Some(before) = intervals.last_mut()
            && before.end == Some(begin)
            && before.look == look
        {
            before.end = None;
            return;
        }
        intervals.push(Interval { begin, end: None, look });
    }

    fn amend(&mut self, row: RowId, detail: Name) {
        let open = self.rows[row.0 as usize].intervals.last_mut().filter(|i| i.end.is_none());
        open.expect("an open interval").look.detail = detail;
    }

    fn look(&self, row: RowId) -> Look {
        match self.rows[row.0 as usize].intervals.last() {
            Some(Interval { end: None, look, .. }) => *look,
            _ => Look::default(),
        }
    }

    fn rename(&mut self, row: RowId, t: MachineNs, name: Name) {
        assert!(!name.is_none());
        let names = &mut self.rows[row.0 as usize].names;
        if names.last().is_some_and(|(_, last)| *last == name) {
            self.redundant += 1;
        } else {
            names.push((t, name));
        }
    }

    fn relate(&mut self, row: RowId, process: Option<Tid>, parent: Option<Tid>) {
        let row = &mut self.rows[row.0 as usize];
        row.process = process;
        row.parent = parent;
    }

    fn wakeup(&mut self, wakeup: Wakeup) {
        assert!(self.wakeups.last().is_none_or(|w| w.t <= wakeup.t), "wake-ups in order of time");
        self.wakeups.push(wakeup);
    }

    fn sync_point(&mut self, point: SyncPoint) {
        assert!(self.sync_points.last().is_none_or(|p| p.t <= point.t), "points in order of time");
        self.sync_points.push(point);
    }

    fn raise(&mut self, raise: Raise) {
        assert!(self.raises.last().is_none_or(|r| r.t <= raise.t), "raises in order of time");
        self.raises.push(raise);
    }

    fn exit(&mut self, exit: VmExit) {
        assert!(self.exits.last().is_none_or(|e| e.t <= exit.t), "exits in order of their ends");
        self.exits.push(exit);
    }
}

/// Which states a row of that kind can have (the command line's contract).
fn allowed(kind: RowKind, state: State) -> bool {
    use State::*;
    match kind {
        RowKind::Thread => matches!(
            state,
            Unknown | Blocked | WaitingCpu | RunningUser | RunningSyscall | Interrupted | WaitingFork | WaitingUnknown
        ),
        RowKind::Cpu => matches!(state, Unknown | Idle | User | Syscall | Irq | Softirq),
        RowKind::Irq => state == Active,
        RowKind::Softirq => matches!(state, Active | Raised),
        RowKind::Vcpu => matches!(state, Unknown | Guest | Vmm | VmmUser | Preempted | WaitingCpu | Halted),
        RowKind::VmThread | RowKind::PhysicalCpu => false,
    }
}
