//! A flow as rows of a timeline: the task on top, below it those that it depended on, each machine's together, in
//! the order in which they come into the flow.
//!
//! Each machine's pieces are written into a store of their own, in that machine's own time, so that they are drawn
//! by what draws every row, and slide as every row does. A piece's number stands where other rows have the CPU.

use std::sync::Arc;

use std::collections::HashMap;
use stratoscope_core::flow::{Flow, FlowKind, Piece};
use stratoscope_core::store::{
    Extents, Interval, Look, MachineStore, Row, Run, StateSums, StoreOptions, StoreSnapshot, Writer as _,
};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vm::Who;
use stratoscope_core::vocab::{Dur, MachineId, MachineNs, Name, ProblemLog, RefNs, RowId, RowKey, State, TimeRange};

use crate::window::command::RowRef;
use crate::window::flow::words::{kind_words, row_who, who_took};
use crate::window::joint::facts::Facts;
use crate::window::timeline::StoredMachine;
use crate::window::timeline::lane::{EventDensity, Lane};
use crate::window::timeline::scene::Scene;

/// A row of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRow {
    /// Where it is among all rows of the session.
    pub row: RowRef,
    /// Who.
    pub who: Who,
    /// How long it had the flow.
    pub total: Dur,
}

/// The rows of a flow.
#[derive(Clone)]
pub struct Picture {
    /// The task first.
    pub rows: Vec<FlowRow>,
    /// The row of each piece.
    pub row_of_piece: Vec<u32>,
    /// From which row to which each arrow leads; `None` if one of them has no piece.
    pub row_of_arrow: Vec<Option<(u32, u32)>>,
    order: Vec<MachineId>,
    stores: Vec<Option<Arc<StoreSnapshot>>>,
}

/// Writes the pieces of one machine.
struct Pen<'a> {
    store: MachineStore,
    map: &'a ClockMap,
    end: MachineNs,
}

impl Pen<'_> {
    fn set(&mut self, row: RowId, t: RefNs, look: Look) {
        let t = self.map.from_ref(t);
        self.end = self.end.max(t);
        self.store.set(row, t, look);
    }
}

impl Picture {
    /// The rows of a flow that was made under these maps.
    pub fn new(facts: &Facts, maps: &[ClockMap], task: RowRef, flow: &Flow) -> Self {
        let mut rows = vec![FlowRow { row: task, who: flow.who, total: Dur(0) }];
        let mut known: HashMap<RowRef, u32> = HashMap::from_iter([(task, 0)]);
        let place = |who: &Who, t: RefNs| {
            let machine = facts.world.machine(who.machine).zip(maps.get(usize::from(who.machine.0)));
            let key = machine.and_then(|(m, map)| m.thread(who.tid, map.from_ref(t))).map(|row| row.key());
            RowRef { machine: who.machine, key: key.unwrap_or_else(|| RowKey::thread(who.tid, 0)) }
        };
        let mut row_of_piece = Vec::with_capacity(flow.pieces.len());
        for piece in &flow.pieces {
            let row = place(&piece.who, piece.range.begin);
            let n = *known.entry(row).or_insert_with(|| {
                rows.push(FlowRow { row, who: piece.who, total: Dur(0) });
                rows.len() as u32 - 1
            });
            if let Some(row) = rows.get_mut(n as usize) {
                row.total = row.total + piece.range.length();
            }
            row_of_piece.push(n);
        }
        let end = |(who, t): &(Who, RefNs)| known.get(&place(who, *t)).copied();
        let row_of_arrow = flow.arrows.iter().map(|a| end(&a.from).zip(end(&a.to))).collect();
        let mut order: Vec<MachineId> = Vec::new();
        for row in &rows {
            if !order.contains(&row.row.machine) {
                order.push(row.row.machine);
            }
        }
        let stores = stores(facts, maps, flow, &rows, &row_of_piece);
        Self { rows, row_of_piece, row_of_arrow, order, stores }
    }

    /// The picture as a timeline draws it, among the machines of `scene`. `version` is no other picture's.
    pub fn scene(&self, scene: &Scene, version: u64) -> Scene {
        let machines = scene.machines.iter().map(|m| {
            let Some(store) = self.stores.get(usize::from(m.id.0)).and_then(Option::as_ref) else {
                let mut nothing = m.clone();
                nothing.clear();
                return nothing;
            };
            let stored = StoredMachine {
                id: m.id,
                name: &m.name,
                map: m.map,
                extent: m.extent,
                watermark: None,
                store,
                lost: m.lost.clone(),
                density: Arc::clone(&m.density) as Arc<dyn EventDensity>,
            };
            let mut machine = stored.into_scene();
            let own = self.rows.iter().filter(|row| row.row.machine == m.id);
            for ((row, stored), told) in Arc::make_mut(&mut machine.rows).iter_mut().zip(store.rows()).zip(own) {
                row.busy_ns = told.total.0;
                // One text for a stretch of several pieces in which somebody has the CPU.
                row.joined = true;
                row.lane = Arc::new(FlowLane { row: Arc::clone(stored), version });
            }
            machine
        });
        Scene {
            version,
            complete: true,
            machines: machines.collect(),
            facts: Arc::clone(&scene.facts),
            names: Arc::clone(&scene.names),
            origin_ns: scene.origin_ns,
            dated: scene.dated,
            extent: scene.extent,
            vm: None,
            order: self.order.clone(),
            enters_guests: scene.enters_guests,
        }
    }

    /// The number of the piece that an interval of a row of the picture is.
    pub fn piece_of(interval: &Interval) -> Option<usize> {
        (interval.look.aux != Look::NO_AUX).then_some(interval.look.aux as usize)
    }

    /// The row of a piece.
    pub fn row(&self, piece: usize) -> Option<&FlowRow> {
        self.rows.get(*self.row_of_piece.get(piece)? as usize)
    }
}

/// Each machine's pieces, in its own time.
fn stores(
    facts: &Facts,
    maps: &[ClockMap],
    flow: &Flow,
    rows: &[FlowRow],
    row_of_piece: &[u32],
) -> Vec<Option<Arc<StoreSnapshot>>> {
    let extents = Extents::new(&StoreOptions::default(), ProblemLog::default());
    let mut pens: Vec<Option<Pen<'_>>> = maps.iter().map(|_| None).collect();
    let mut ids = Vec::with_capacity(rows.len());
    for row in rows {
        let at = usize::from(row.row.machine.0);
        let Some((map, slot)) = maps.get(at).zip(pens.get_mut(at)) else {
            ids.push(RowId(0));
            continue;
        };
        let pen = slot.get_or_insert_with(|| Pen { store: MachineStore::new(&extents), map, end: MachineNs::MIN });
        let id = pen.store.row(row.row.key);
        let name = facts.world.names.intern(&row_who(facts, row.row, row.who));
        pen.store.rename(id, map.from_ref(flow.window.begin), name);
        ids.push(id);
    }
    let mut write = |row: usize, t: RefNs, look: Look| {
        let pen = rows.get(row).and_then(|r| pens.get_mut(usize::from(r.row.machine.0))?.as_mut());
        if let Some((pen, id)) = pen.zip(ids.get(row)) {
            pen.set(*id, t, look);
        }
    };
    // Where somebody else has the flow, the task waits: its row is never empty.
    let waits = Look::new(State::WaitingUnknown);
    write(0, flow.window.begin, waits);
    for ((n, piece), row) in flow.pieces.iter().enumerate().zip(row_of_piece) {
        let row = *row as usize;
        let look = Look { state: piece.kind.state(), detail: label(facts, piece), aux: n as u32 };
        write(row, piece.range.begin, look);
        write(row, piece.range.end, if row == 0 { waits } else { Look::new(State::None) });
    }
    write(0, flow.window.end, Look::new(State::None));
    pens.into_iter()
        .map(|pen| {
            pen.map(|mut pen| {
                let end = pen.end;
                pen.store.snapshot(end)
            })
        })
        .collect()
}

/// What stands on a piece: who took the CPU, else what is known of it, else what it is.
fn label(facts: &Facts, piece: &Piece) -> Name {
    match piece.kind {
        FlowKind::VcpuPreempted | FlowKind::Preempted if piece.victim.is_some() => {
            facts.world.names.intern(&who_took(facts, piece.who))
        }
        FlowKind::Running => Name::NONE,
        _ if piece.detail.is_none() => facts.world.names.intern(kind_words(piece.kind)),
        _ => piece.detail,
    }
}

/// A row of a picture: that of another picture with the same number of intervals is not the same row.
struct FlowLane {
    row: Arc<Row>,
    version: u64,
}

impl Lane for FlowLane {
    fn version(&self) -> u64 {
        self.version
    }

    fn runs(&self, range: TimeRange<MachineNs>, width_px: u32, out: &mut Vec<Run>) {
        self.row.columns(range, width_px, out);
    }

    fn at(&self, t: MachineNs) -> Option<Interval> {
        self.row.at(t)
    }

    fn next_after(&self, t: MachineNs) -> Option<Interval> {
        self.row.next_after(t)
    }

    fn prev_before(&self, t: MachineNs) -> Option<Interval> {
        self.row.prev_before(t)
    }

    fn sums(&self, range: TimeRange<MachineNs>, out: &mut [i64; State::COUNT]) {
        for (sum, ns) in out.iter_mut().zip(self.row.sums(range).ns) {
            *sum += ns;
        }
    }

    fn counted(&self, range: TimeRange<MachineNs>) -> StateSums {
        self.row.sums(range)
    }
}
