//! A session's snapshot as a scene, rows of its stores as lanes: the step from what is published to what is drawn.

use std::sync::Arc;

use stratoscope_core::query::time::TimeBase;
use stratoscope_core::session::{Density, LostView, MachineView, Phase, Snapshot, TraceView};
use stratoscope_core::store::{Interval, Row, Run, StateSums, StoreSnapshot, Wakeup};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::trace::LostKind;
use stratoscope_core::vm::VmView;
use stratoscope_core::vocab::{EventKind, MachineId, MachineNs, Name, State, TimeRange};

use crate::window::aside::Aside;
use crate::window::joint::facts::Facts;
use crate::window::timeline::lane::{EventDensity, Lane, Settled, Wakeups};
use crate::window::timeline::scene::{LostMark, Scene, SceneMachine, SceneRow};

impl Lane for Row {
    fn version(&self) -> u64 {
        self.version()
    }

    fn settled(&self) -> Option<Settled> {
        // A row keeps its place in its store, and a scene asks for lanes by that.
        Some(Settled { lane: self.store(), before: self.settled() })
    }

    fn runs(&self, range: TimeRange<MachineNs>, width_px: u32, out: &mut Vec<Run>) {
        self.columns(range, width_px, out);
    }

    fn at(&self, t: MachineNs) -> Option<Interval> {
        self.at(t)
    }

    fn next_after(&self, t: MachineNs) -> Option<Interval> {
        self.next_after(t)
    }

    fn prev_before(&self, t: MachineNs) -> Option<Interval> {
        self.prev_before(t)
    }

    fn each(&self, range: TimeRange<MachineNs>, each: &mut dyn FnMut(&Interval) -> bool) {
        for interval in self.intervals(range) {
            if !each(&interval) {
                return;
            }
        }
    }

    fn names(&self) -> &[(MachineNs, Name)] {
        self.names()
    }

    fn sums(&self, range: TimeRange<MachineNs>, out: &mut [i64; State::COUNT]) {
        for (sum, ns) in out.iter_mut().zip(self.sums(range).ns) {
            *sum += ns;
        }
    }

    fn counted(&self, range: TimeRange<MachineNs>) -> StateSums {
        self.sums(range)
    }
}

impl Wakeups for StoreSnapshot {
    fn version(&self) -> u64 {
        self.wakeups().len()
    }

    fn count(&self, range: TimeRange<MachineNs>) -> usize {
        usize::try_from(self.wakeups().count(range)).unwrap_or(usize::MAX)
    }

    fn each(&self, range: TimeRange<MachineNs>, each: &mut dyn FnMut(&Wakeup) -> bool) {
        for wakeup in self.wakeups().range(range) {
            if !each(&wakeup) {
                return;
            }
        }
    }
}

impl EventDensity for Density {
    fn columns(&self, range: TimeRange<MachineNs>, n: usize, out: &mut Vec<f32>) {
        self.columns(range, n, out);
    }
}

impl Scene {
    /// What there is to draw of a session at one moment.
    pub fn of(snapshot: &Snapshot) -> Self {
        let (origin_ns, dated) = snapshot.origin();
        let mut machines: Vec<SceneMachine> =
            snapshot.machines.iter().map(|m| machine(m, snapshot.phase == Phase::Done)).collect();
        if let Some(vm) = &snapshot.vm {
            machines.iter_mut().for_each(|machine| machine.join(vm));
        }
        let enters = |t: &TraceView| t.trace.classes().iter().any(|c| c.kind == Some(EventKind::KvmEntry));
        Self {
            version: snapshot.version,
            complete: !snapshot.phase.is_reading(),
            machines,
            facts: Arc::new(facts(snapshot)),
            names: Arc::clone(&snapshot.names),
            origin_ns,
            dated,
            extent: snapshot.extent,
            vm: snapshot.vm.clone(),
            enters_guests: snapshot.traces.iter().any(enters),
            order: Vec::new(),
        }
    }
}

fn facts(snapshot: &Snapshot) -> Facts {
    Facts {
        version: snapshot.version,
        complete: !snapshot.phase.is_reading(),
        world: snapshot.world().into(),
        reference: snapshot.reference,
        sync: snapshot.sync.clone(),
        events: snapshot.events.clone(),
        base: TimeBase {
            origin_ns: snapshot.origin().0,
            begin_ns: snapshot.extent.map_or(0, |e| i128::from(e.begin.0)) + snapshot.origin().0,
            utc_offset_s: 0,
        },
        extent: snapshot.extent,
    }
}

fn machine(m: &MachineView, done: bool) -> SceneMachine {
    let machine = StoredMachine {
        id: m.id,
        name: &m.name,
        map: m.map,
        extent: m.extent,
        watermark: (!done).then_some(m.watermark),
        store: &m.store,
        lost: m.lost.iter().map(lost).collect(),
        density: Arc::clone(&m.density) as Arc<dyn EventDensity>,
    };
    machine.into_scene()
}

fn lost(view: &LostView) -> LostMark {
    let what = match (view.lost.kind, view.lost.count) {
        (LostKind::Events, Some(1)) => "one event lost".to_owned(),
        (LostKind::Events, Some(n)) => format!("{n} events lost"),
        (LostKind::Events, None) => "events lost".to_owned(),
        (LostKind::Packets, Some(1)) => "one packet of events lost".to_owned(),
        (LostKind::Packets, Some(n)) => format!("{n} packets of events lost"),
        (LostKind::Packets, None) => "packets of events lost".to_owned(),
        (LostKind::Damaged, _) => "damaged: could not be read".to_owned(),
    };
    let text = match view.cpu.known() {
        Some(cpu) => format!("{what} on CPU {cpu}"),
        None => format!("{what} in {}", view.stream),
    };
    LostMark { range: view.lost.range, text: text.into() }
}

/// A row as its machine alone tells it.
fn scene_row(row: &Arc<Row>) -> SceneRow {
    SceneRow {
        key: row.key(),
        name: row.name(),
        process: row.process(),
        parent: row.parent(),
        busy_ns: row.busy_ns(),
        woken: 0,
        begin: row.extent().map(|extent| extent.begin),
        lane: Arc::clone(row) as Arc<dyn Lane>,
        joined: false,
    }
}

impl SceneMachine {
    /// Takes in the machine's joined rows: each stands in the place of the row of the same key that the machine
    /// alone could tell, or after all others.
    pub(crate) fn join(&mut self, vm: &VmView) {
        let Some(truth) = vm.truth(self.id) else { return };
        for row in truth.rows() {
            let joined = SceneRow { joined: true, ..scene_row(row) };
            let place = self.by_key.get(&row.key()).and_then(|id| Arc::make_mut(&mut self.rows).get_mut(id.0 as usize));
            match place {
                // What it is called, and whose it is, the machine itself knows best.
                Some(alone) => {
                    *alone = SceneRow {
                        name: alone.name,
                        woken: alone.woken,
                        process: alone.process.or(joined.process),
                        parent: alone.parent.or(joined.parent),
                        ..joined
                    };
                }
                None => {
                    self.add(joined);
                }
            }
        }
    }
}

/// A machine's parts, wherever they come from.
pub struct StoredMachine<'a> {
    /// Its number.
    pub id: MachineId,
    /// Its name.
    pub name: &'a str,
    /// From its axis to the reference's.
    pub map: ClockMap,
    /// First and last instant.
    pub extent: Option<TimeRange<MachineNs>>,
    /// All before it is in the rows; `None`: all is read.
    pub watermark: Option<MachineNs>,
    /// Rows and points.
    pub store: &'a Arc<StoreSnapshot>,
    /// What was lost.
    pub lost: Vec<LostMark>,
    /// Events over time.
    pub density: Arc<dyn EventDensity>,
}

impl StoredMachine<'_> {
    /// The machine as timelines draw it.
    pub fn into_scene(self) -> SceneMachine {
        let woken = |row: &Arc<Row>| SceneRow { woken: self.store.woken(row.id()), ..scene_row(row) };
        let rows = Arc::new(Aside::from(self.store.rows().map(woken).collect::<Vec<_>>()));
        SceneMachine {
            id: self.id,
            name: self.name.into(),
            map: self.map,
            extent: self.extent,
            watermark: self.watermark,
            rows,
            by_key: Arc::new(self.store.rows().map(|row| (row.key(), row.id())).collect()),
            lost: self.lost,
            wakeups: Arc::clone(self.store) as Arc<dyn Wakeups>,
            density: self.density,
        }
    }
}
