//! The joined rows of a guest: its threads, cut by what its vCPUs really did.
//!
//! Threads don't need each other: they are dealt out in portions, each of which is written by whoever has time.

use std::sync::Arc;

use crate::store::{Intervals, Look, MachineStore, Row, StoreSnapshot};
use crate::vm::between::Between;
use crate::vm::join::{Join, Pen};
use crate::vm::model::Vm;
use crate::vocab::{Cancelled, MachineId, MachineNs, Name, RowKey, RowKind, State, TimeRange};

/// Intervals between two looks at the cancel flag.
const STRIDE: usize = 4096;

/// Some threads of a guest.
pub(super) struct Portion<'a> {
    pub(super) guest: MachineId,
    threads: Vec<&'a Row>,
    /// The joined rows of its vCPUs, by number.
    vcpus: Arc<[Option<Arc<Row>>]>,
    there: Between,
    back: Between,
    watermark: MachineNs,
}

/// The guest's threads in up to `count` portions of about as many intervals, in order of their rows.
pub(super) fn portions<'a>(
    join: &Join<'a>,
    vm: &Vm,
    guest: MachineId,
    host_truth: &StoreSnapshot,
    count: usize,
) -> Vec<Portion<'a>> {
    let Some(store) = join.store(guest) else { return Vec::new() };
    let mut vcpus: Vec<Option<Arc<Row>>> = Vec::new();
    for vcpu in &vm.vcpus {
        let at = vcpu.number as usize;
        if at < usize::from(u16::MAX) && vcpus.len() <= at {
            vcpus.resize(at + 1, None);
        }
        if let (Some(slot), Some(id)) = (vcpus.get_mut(at), host_truth.find(&vcpu.key)) {
            *slot = host_truth.row(id).cloned();
        }
    }
    let vcpus: Arc<[_]> = vcpus.into();
    let threads = || store.rows().filter(|r| r.key().kind == RowKind::Thread && !r.key().is_idle_task());
    let each = threads().map(|row| row.len()).sum::<u64>() / count.max(1) as u64;
    let mut portions = Vec::new();
    let (mut some, mut intervals) = (Vec::new(), 0);
    let mut threads = threads().peekable();
    while let Some(thread) = threads.next() {
        some.push(&**thread);
        intervals += thread.len();
        if intervals > each || threads.peek().is_none() {
            intervals = 0;
            portions.push(Portion {
                guest,
                threads: std::mem::take(&mut some),
                vcpus: Arc::clone(&vcpus),
                there: join.between(guest, vm.host),
                back: join.between(vm.host, guest),
                watermark: store.watermark(),
            });
        }
    }
    portions
}

impl Portion<'_> {
    /// The joined rows of these threads.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub(super) fn rows(&self, join: &Join<'_>) -> Result<Vec<Arc<Row>>, Cancelled> {
        let mut store = MachineStore::for_some_rows(join.extents);
        let mut cut = Cut {
            portion: self,
            join,
            halted: join.names.intern("its vCPU was halted"),
            vcpus: self.vcpus.iter().map(|row| Some(row.as_ref()?.intervals(TimeRange::ALWAYS))).collect(),
            edges: [(MachineNs::MIN, self.there.map(MachineNs::MIN)), (MachineNs::MIN, self.back.map(MachineNs::MIN))],
        };
        let mut steps = 0usize;
        for thread in &self.threads {
            let key = RowKey { kind: RowKind::VmThread, ..thread.key() };
            let mut pen = Pen::new(&mut store, key, thread);
            for interval in thread.intervals(TimeRange::ALWAYS) {
                steps += 1;
                if steps.is_multiple_of(STRIDE) {
                    join.cancel.check()?;
                }
                match interval.look.state {
                    State::RunningUser | State::RunningSyscall | State::Interrupted => {
                        let range = TimeRange::new(interval.begin, interval.end);
                        cut.running(range, interval.look, &mut pen, &mut store);
                    }
                    _ => pen.put(&mut store, interval.begin, interval.look),
                }
                pen.ends(interval.end);
            }
            pen.close(&mut store, MachineNs::MAX);
        }
        let rows = store.snapshot(self.watermark);
        Ok(rows.rows().cloned().collect())
    }
}

/// Cuts what a thread believes that it ran by what its vCPU did.
struct Cut<'a> {
    portion: &'a Portion<'a>,
    join: &'a Join<'a>,
    halted: Name,
    vcpus: Vec<Option<Intervals<'a>>>,
    /// The last instants that were mapped to the host's time and back: neighbours share them.
    edges: [(MachineNs, MachineNs); 2],
}

impl Cut<'_> {
    fn there(&mut self, t: MachineNs) -> MachineNs {
        if self.edges[0].0 != t {
            self.edges[0] = (t, self.portion.there.map(t));
        }
        self.edges[0].1
    }

    fn running(&mut self, range: TimeRange<MachineNs>, look: Look, pen: &mut Pen, store: &mut MachineStore) {
        let (from, until) = (self.there(range.begin), self.there(range.end));
        let unknown = Look { state: State::Unknown, ..look };
        // Until where it is known what became of the time.
        let mut known = range.begin;
        let (back, mut edge) = (self.portion.back, self.edges[1]);
        if let Some(vcpu) = self.vcpus.get_mut(look.aux as usize).and_then(Option::as_mut) {
            vcpu.seek(from);
            while let Some(piece) = vcpu.peek().copied().filter(|p| p.begin < until) {
                let mut mapped = |t: MachineNs| {
                    if edge.0 != t {
                        edge = (t, back.map(t));
                    }
                    edge.1
                };
                let begin = mapped(piece.begin).max(range.begin);
                let end = mapped(piece.end).min(range.end);
                if begin < end {
                    if known < begin {
                        pen.put(store, known, unknown);
                    }
                    pen.put(store, begin, cut(self.join, self.halted, &piece.look, look));
                    known = end;
                }
                if piece.end > until {
                    break;
                }
                vcpu.next();
            }
        }
        self.edges[1] = edge;
        if known < range.end {
            pen.put(store, known, unknown);
        }
    }
}

/// What a thread really looks like that believes to look like `look`, while its vCPU looks like `real`.
fn cut(join: &Join<'_>, halted: Name, real: &Look, look: Look) -> Look {
    let unknown = Look { state: State::Unknown, ..look };
    match real.state {
        State::Guest => look,
        State::Vmm | State::VmmUser => Look { state: State::InHypervisor, detail: real.detail, aux: look.aux },
        State::Preempted | State::WaitingCpu => {
            let detail = if real.aux == Look::NO_AUX { real.detail } else { join.who.text(real.aux) };
            Look { state: State::PreemptedByHost, detail, aux: real.aux }
        }
        State::Halted => Look { detail: halted, ..unknown },
        _ => unknown,
    }
}
