//! What all timelines of a frame draw from: machines with their lanes, made anew when a session's snapshot changes.
//!
//! A scene holds only shared pointers and a few words per row. Making one for ten thousand rows takes some frames all
//! the same, so that is done beside them; a clone costs nothing.
//! It is not the order on the screen: that is the tree's.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use stratoscope_core::store::Interval;
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vm::VmView;
use stratoscope_core::vocab::{Interner, MachineId, MachineNs, Name, RefNs, RowId, RowKey, Tid, TimeRange};

use crate::window::aside::Aside;
use crate::window::command::RowRef;
use crate::window::joint::facts::Facts;
use crate::window::timeline::lane::{EventDensity, Lane, Wakeups};

/// All that timelines show.
#[derive(Clone, Default)]
pub struct Scene {
    /// Changes with every change of the rest.
    pub version: u64,
    /// Whether all is read: the order of rows may then follow exact sums.
    pub complete: bool,
    /// Machines, the reference first; a machine's number is its place.
    pub machines: Vec<SceneMachine>,
    /// What panes compute from besides rows.
    pub facts: Arc<Facts>,
    /// All names.
    pub names: Arc<Interner>,
    /// Nanoseconds since 1970 of the reference axis' zero.
    pub origin_ns: i128,
    /// Whether that is a date.
    pub dated: bool,
    /// First and last instant of all machines.
    pub extent: Option<TimeRange<RefNs>>,
    /// What is known of virtual machines; `None` before all is read, and where nothing enters guests.
    pub vm: Option<Arc<VmView>>,
    /// In which order machines stand, where it is not that of their numbers.
    pub order: Vec<MachineId>,
    /// Some trace has the events by which entries into guests are known, or there are such rows already.
    pub enters_guests: bool,
}

/// A machine.
#[derive(Clone)]
pub struct SceneMachine {
    /// Its number.
    pub id: MachineId,
    /// Its name.
    pub name: Arc<str>,
    /// From its axis to the reference's.
    pub map: ClockMap,
    /// First and last instant.
    pub extent: Option<TimeRange<MachineNs>>,
    /// All before it is known; `None`: all is.
    pub watermark: Option<MachineNs>,
    /// Rows by their [`RowId`].
    pub rows: Arc<Aside<Vec<SceneRow>>>,
    /// Where each row is.
    pub by_key: Arc<FxHashMap<RowKey, RowId>>,
    /// What was lost, in order of time.
    pub lost: Vec<LostMark>,
    /// Wake-ups.
    pub wakeups: Arc<dyn Wakeups>,
    /// Events over time.
    pub density: Arc<dyn EventDensity>,
}

/// A row of a machine.
#[derive(Clone)]
pub struct SceneRow {
    /// Its lasting name.
    pub key: RowKey,
    /// What it is called at last.
    pub name: Name,
    /// Its process.
    pub process: Option<Tid>,
    /// Its process's parent.
    pub parent: Option<Tid>,
    /// How long it did something.
    pub busy_ns: i64,
    /// How often it was woken.
    pub woken: u64,
    /// The begin of its first interval.
    pub begin: Option<MachineNs>,
    /// Its states.
    pub lane: Arc<dyn Lane>,
    /// Whether it was joined from several machines: its intervals' `aux` then says who is meant, as
    /// [`VmView`] tells, and not on which CPU.
    pub joined: bool,
}

impl SceneRow {
    /// The names that it bore, each with the instant from which on, in order of time; never empty.
    pub fn borne(&self) -> Cow<'_, [(MachineNs, Name)]> {
        match self.lane.names() {
            [] => Cow::Owned(vec![(MachineNs::MIN, self.name)]),
            names => Cow::Borrowed(names),
        }
    }
}

/// A range of which something is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct LostMark {
    /// When.
    pub range: TimeRange<MachineNs>,
    /// What, in words.
    pub text: Arc<str>,
}

impl Scene {
    /// The machine of that number.
    pub fn machine(&self, id: MachineId) -> Option<&SceneMachine> {
        self.machines.get(id.0 as usize)
    }

    /// A row of the session.
    pub fn row(&self, row: RowRef) -> Option<(&SceneMachine, RowId, &SceneRow)> {
        let machine = self.machine(row.machine)?;
        let id = *machine.by_key.get(&row.key)?;
        Some((machine, id, machine.row(id)?))
    }

    /// The text of a name.
    pub fn text(&self, name: Name) -> Arc<str> {
        self.names.text(name)
    }
}

impl SceneMachine {
    /// Adds a row.
    pub fn add(&mut self, row: SceneRow) -> RowId {
        let id = RowId(self.rows.len() as u32);
        Arc::make_mut(&mut self.by_key).insert(row.key, id);
        Arc::make_mut(&mut self.rows).push(row);
        id
    }

    /// Takes all rows away.
    pub fn clear(&mut self) {
        (self.rows, self.by_key) = Default::default();
    }

    /// The row of that number.
    pub fn row(&self, id: RowId) -> Option<&SceneRow> {
        self.rows.get(id.0 as usize)
    }

    /// A stretch of the reference axis on the machine's own.
    pub fn to_machine(&self, range: TimeRange<RefNs>) -> TimeRange<MachineNs> {
        TimeRange::new(self.map.from_ref(range.begin), self.map.from_ref(range.end))
    }

    /// A stretch of the machine's axis on the reference's.
    pub fn to_ref(&self, range: TimeRange<MachineNs>) -> TimeRange<RefNs> {
        TimeRange::new(self.map.to_ref(range.begin), self.map.to_ref(range.end))
    }

    /// The row of a thread at an instant: the use of its id that is alive then.
    pub fn thread(&self, tid: Tid, t: MachineNs) -> Option<(RowId, &SceneRow)> {
        let mut found = None;
        for instance in 0.. {
            let Some(id) = self.by_key.get(&RowKey::thread(tid, instance)) else { break };
            let Some(row) = self.row(*id) else { break };
            if found.is_some() && row.begin.is_none_or(|begin| begin > t) {
                break;
            }
            found = Some((*id, row));
        }
        found
    }

    /// The interval of a row at an instant of the reference axis.
    pub fn at(&self, row: &SceneRow, t: RefNs) -> Option<Interval> {
        row.lane.at(self.map.from_ref(t))
    }
}
