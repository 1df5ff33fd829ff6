//! The joined rows of a host: what runs on each of its CPUs, also inside VMs, and what each vCPU did, cut by who
//! ran instead.
//!
//! ```text
//!            │ window           │ next window      │ …
//!  walks     │ pieces of vCPUs  │                  │    by each vCPU, through its row and its guest's CPU's
//!  CPUs      │   looks of CPUs  │                  │    by each CPU, where a vCPU is on it from its pieces
//!  vCPUs     │     rows         │                  │    by each vCPU, where it waits from the CPU's looks
//! ```
//!
//! All rows go on together, from window to window, so that each source is walked once and what several rows
//! need is in memory once; within a window the rows of one step don't need each other. A window ends where the
//! first of the sources has read so much ahead, so memory does not grow with the trace.

use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::store::{Interval, Intervals, Look, MachineStore, Row, StoreSnapshot};
use crate::vm::between::Between;
use crate::vm::join::{Join, Pen};
use crate::vm::model::{Vcpu, Vm};
use crate::vm::who::WhoTable;
use crate::vocab::{Cancelled, Cpu, Interner, MachineId, MachineNs, Name, RowKey, RowKind, State, Tid, TimeRange};

/// Pieces or intervals of one row that are read ahead; more are read when half of them are used up.
const AHEAD: usize = 8192;

/// The joined rows of `host`: physical CPUs first, then its vCPUs.
///
/// # Errors
/// [`Cancelled`].
pub(super) fn rows(join: &Join<'_>, host: MachineId) -> Result<Arc<StoreSnapshot>, Cancelled> {
    let Some(store) = join.store(host) else { return Ok(StoreSnapshot::of_rows([], MachineNs::MIN)) };
    let mut walks: Vec<Walk<'_>> = Vec::new();
    let mut by_tid: FxHashMap<Tid, Option<usize>> = FxHashMap::default();
    for vm in join.model.vms.iter().filter(|vm| vm.host == host) {
        for vcpu in &vm.vcpus {
            let known = walks.iter().any(|walk| walk.source.key() == vcpu.key);
            let walk = if known { None } else { Walk::new(join, store, vm, vcpu) };
            by_tid.entry(vcpu.tid).or_insert(walk.is_some().then_some(walks.len()));
            walks.extend(walk);
        }
    }
    let cpu_rows = || store.rows().filter(|row| row.key().kind == RowKind::Cpu);
    let mut by_cpu: FxHashMap<u32, usize> = FxHashMap::default();
    let mut cpus = Lanes::new(join, cpu_rows().count());
    for (n, row) in cpu_rows().enumerate() {
        by_cpu.insert(u32::from(row.key().cpu.0), n);
        cpus.add(|store| CpuLine::new(row, walks.len(), store));
    }
    let mut vcpus = Lanes::new(join, walks.len());
    for (n, walk) in walks.iter().enumerate() {
        vcpus.add(|store| VcpuLine { walk: n, pen: Pen::new(store, walk.source.key(), walk.source) });
    }
    let words = Words::new(join.names);
    let mut end = Ok(());
    // Within the pool, each of the many small steps is handed over without waking anybody.
    rayon::scope(|_| {
        let mut from = MachineNs::MIN;
        while from < MachineNs::MAX && end.is_ok() {
            end = join.cancel.check();
            rayon::join(
                || walks.par_iter_mut().for_each(|walk| walk.read_ahead(join, from)),
                || cpus.each(|line, _| line.read_ahead()),
            );
            let known = walks.iter().map(|walk| walk.known_until).chain(cpus.lines().map(|line| line.known_until));
            let until = known.min().unwrap_or(MachineNs::MAX);
            let window = Window { join, host, from, until, walks: &walks, by_tid: &by_tid };
            cpus.each(|line, store| line.write(&window, store));
            let ran = |cpu: u32| by_cpu.get(&cpu).map(|n| cpus.line(*n).looks.as_slice());
            vcpus.each(|line, store| line.write(&window, &words, &ran, store));
            from = until;
        }
    });
    end?;
    let watermark = store.watermark();
    let mut rows = cpus.finish(watermark, |line| &line.pen);
    rows.extend(vcpus.finish(watermark, |line| &line.pen));
    Ok(StoreSnapshot::of_rows(rows, watermark))
}

/// Rows that are written at once: each lane has a store, and writes some of them.
struct Lanes<T> {
    lanes: Vec<(MachineStore, Vec<T>)>,
    len: usize,
}

impl<T: Send> Lanes<T> {
    /// Lanes for `rows` rows: some more than there are workers, since rows differ.
    fn new(join: &Join<'_>, rows: usize) -> Self {
        let count = rows.clamp(1, 2 * rayon::current_num_threads());
        let lanes = (0..count).map(|_| (MachineStore::for_some_rows(join.extents), Vec::new())).collect();
        Self { lanes, len: 0 }
    }

    fn add(&mut self, row: impl FnOnce(&mut MachineStore) -> T) {
        let count = self.lanes.len();
        let (store, rows) = &mut self.lanes[self.len % count];
        rows.push(row(store));
        self.len += 1;
    }

    fn line(&self, n: usize) -> &T {
        &self.lanes[n % self.lanes.len()].1[n / self.lanes.len()]
    }

    fn lines(&self) -> impl Iterator<Item = &T> {
        (0..self.len).map(|n| self.line(n))
    }

    fn each(&mut self, work: impl Fn(&mut T, &mut MachineStore) + Sync) {
        self.lanes.par_iter_mut().for_each(|(store, rows)| rows.iter_mut().for_each(|row| work(row, store)));
    }

    /// All rows, in the order in which they were added.
    fn finish(mut self, watermark: MachineNs, pen: impl Fn(&T) -> &Pen) -> Vec<Arc<Row>> {
        let stores: Vec<_> = self.lanes.iter_mut().map(|(store, _)| store.snapshot(watermark)).collect();
        let row = |n: usize| stores[n % stores.len()].row(pen(self.line(n)).row()).cloned();
        (0..self.len).filter_map(row).collect()
    }
}

/// What all rows of a window share.
struct Window<'a> {
    join: &'a Join<'a>,
    host: MachineId,
    from: MachineNs,
    until: MachineNs,
    walks: &'a [Walk<'a>],
    /// Which walk is that of a thread; `None` for a vCPU that has no row.
    by_tid: &'a FxHashMap<Tid, Option<usize>>,
}

/// One piece of what a vCPU did: `[begin, end)` of the host's time.
struct Piece {
    begin: MachineNs,
    end: MachineNs,
    look: Look,
    /// Where it executes guest code of a traced guest: what the guest's CPU shows.
    inside: Option<Shown>,
}

/// What a guest's CPU shows.
#[derive(Clone, Copy)]
struct Shown {
    guest: MachineId,
    state: State,
    tid: Tid,
    /// The number of its task; `None` if that depends on when.
    task: Option<u32>,
}

impl Shown {
    /// The number of the task at an instant of the host's time.
    fn task(&self, join: &Join<'_>, back: Option<Between>, t: MachineNs) -> u32 {
        self.task.unwrap_or_else(|| {
            let there = || back.map_or(t, |back| back.map(t));
            join.who.find_at(self.guest, self.tid, there)
        })
    }
}

/// Steps through a vCPU's row and, inside its guest stretches, through the row of the guest's CPU. Forward only.
struct Walk<'a> {
    source: &'a Row,
    row: Intervals<'a>,
    /// The interval of the row that is not yet in pieces, and from where on it is not.
    current: Option<Interval>,
    at: MachineNs,
    inside: Option<Inside<'a>>,
    /// From the host's time to the guest's.
    back: Option<Between>,
    pieces: Vec<Piece>,
    /// How many of them are over.
    over: usize,
    /// No further piece begins before that.
    known_until: MachineNs,
}

impl<'a> Walk<'a> {
    fn new(join: &Join<'a>, host: &'a StoreSnapshot, vm: &Vm, vcpu: &Vcpu) -> Option<Self> {
        let source: &'a Row = host.row(host.find(&vcpu.key)?)?;
        let inside = vm.guest.and_then(|guest| {
            let store = join.store(guest)?;
            let cpu = Cpu(u16::try_from(vcpu.number).ok()?);
            let row = store.row(store.find(&RowKey::cpu(cpu))?)?;
            Some(Inside::new(row.intervals(TimeRange::ALWAYS), guest, join.between(guest, vm.host), join.who))
        });
        let mut row = source.intervals(TimeRange::ALWAYS);
        Some(Self {
            source,
            current: row.next(),
            row,
            at: MachineNs::MIN,
            inside,
            back: vm.guest.map(|guest| join.between(vm.host, guest)),
            pieces: Vec::with_capacity(AHEAD),
            over: 0,
            known_until: MachineNs::MIN,
        })
    }

    /// In order, those of the present window first.
    fn pieces(&self) -> &[Piece] {
        &self.pieces[self.over..]
    }

    /// What ended by `done` is over; makes new pieces if few are left.
    fn read_ahead(&mut self, join: &Join<'_>, done: MachineNs) {
        self.over += self.pieces().partition_point(|piece| piece.end <= done);
        if self.pieces().len() > AHEAD / 2 {
            return;
        }
        self.pieces.drain(..self.over);
        self.over = 0;
        while let Some(interval) = self.current.filter(|_| self.pieces.len() < AHEAD) {
            let begin = self.at.max(interval.begin);
            let (end, inside) = match &mut self.inside {
                Some(cpu) if interval.look.state == State::Guest => cpu.piece(begin, interval.end, join.who),
                _ => (interval.end, None),
            };
            self.pieces.push(Piece { begin, end, look: interval.look, inside });
            self.at = end;
            if end >= interval.end {
                self.current = self.row.next();
            }
        }
        self.known_until = self.current.map_or(MachineNs::MAX, |i| i.begin.max(self.at));
    }
}

/// The row of a guest's CPU in its host's time. Each interval is mapped once, however often it is looked at.
struct Inside<'a> {
    cpu: Intervals<'a>,
    guest: MachineId,
    way: Between,
    /// The interval looked at: its begin, end and look.
    current: Option<(MachineNs, MachineNs, Shown)>,
    /// The last edge in the guest's time, and where it lies in the host's.
    edge: (MachineNs, MachineNs),
}

impl<'a> Inside<'a> {
    fn new(cpu: Intervals<'a>, guest: MachineId, way: Between, who: &WhoTable) -> Self {
        let mut inside = Self { cpu, guest, way, current: None, edge: (MachineNs::MIN, MachineNs::MIN) };
        inside.advance(who);
        inside
    }

    fn advance(&mut self, who: &WhoTable) {
        self.current = self.cpu.next().map(|i| {
            // Most intervals begin where the one before ends.
            let begin = if i.begin == self.edge.0 { self.edge.1 } else { self.way.map(i.begin) };
            self.edge = (i.end, self.way.map(i.end));
            let (guest, tid) = (self.guest, Tid(i.look.aux as i32));
            let task = if i.look.aux == Look::NO_AUX { Some(Look::NO_AUX) } else { who.always(guest, tid) };
            (begin, self.edge.1, Shown { guest, state: i.look.state, tid, task })
        });
    }

    /// What the guest's CPU shows at `at`, and until when, at most until `end`.
    fn piece(&mut self, at: MachineNs, end: MachineNs, who: &WhoTable) -> (MachineNs, Option<Shown>) {
        while let Some((from, to, shown)) = self.current.filter(|current| current.0 < end) {
            if to <= at {
                self.advance(who);
            } else if from > at {
                return (from, None);
            } else {
                return (to.min(end), Some(shown));
            }
        }
        (end, None)
    }
}

/// The row of a physical CPU while it is written.
struct CpuLine<'a> {
    row: Intervals<'a>,
    /// Intervals that were read, and how many of them were written.
    ahead: Vec<Interval>,
    at: usize,
    /// All intervals that begin before that are among them.
    known_until: MachineNs,
    pen: Pen,
    /// About the interval that was begun to be written.
    begun: Option<Begun>,
    /// What who waits for it now has to say of it.
    shown: Look,
    /// What it had to say in this window, from when on; the first entry is of the window's begin.
    looks: Vec<(MachineNs, Look)>,
    /// By walk: its first piece that is not over.
    cursors: Vec<usize>,
    /// Texts of interrupts that had a CPU of their own: `host: interrupt TIMER`.
    interrupts: FxHashMap<Name, Name>,
}

/// What is known of an interval of a CPU.
#[derive(Clone, Copy)]
struct Begun {
    /// The number and text of its task.
    task: u32,
    text: Name,
    /// Whose pieces it shows.
    walk: Option<usize>,
    /// Where the last piece ends.
    last: MachineNs,
}

impl<'a> CpuLine<'a> {
    fn new(row: &'a Row, walks: usize, store: &mut MachineStore) -> Self {
        Self {
            row: row.intervals(TimeRange::ALWAYS),
            ahead: Vec::with_capacity(AHEAD),
            at: 0,
            known_until: MachineNs::MIN,
            pen: Pen::unnamed(store, RowKey { kind: RowKind::PhysicalCpu, ..row.key() }),
            begun: None,
            shown: Look::default(),
            looks: Vec::new(),
            cursors: vec![0; walks],
            interrupts: FxHashMap::default(),
        }
    }

    fn read_ahead(&mut self) {
        let left = self.ahead.len() - self.at;
        if left > AHEAD / 2 {
            return;
        }
        self.ahead.drain(..self.at);
        self.at = 0;
        self.ahead.extend(self.row.by_ref().take(AHEAD - left));
        let last = self.ahead.last().map(|last| last.end);
        self.known_until = last.filter(|_| self.row.peek().is_some()).unwrap_or(MachineNs::MAX);
    }

    fn write(&mut self, window: &Window<'_>, store: &mut MachineStore) {
        self.cursors.fill(0);
        self.looks.clear();
        self.looks.push((window.from, self.shown));
        while let Some(interval) = self.ahead.get(self.at).copied().filter(|i| i.begin < window.until) {
            let mut begun = self.begun.take().unwrap_or_else(|| self.begin(window, &interval));
            match begun.walk {
                Some(n) => begun.last = self.pieces(window, n, &begun, &interval, store),
                None => {
                    let detail = if begun.text.is_none() { interval.look.detail } else { begun.text };
                    let look = Look { state: interval.look.state, detail, aux: begun.task };
                    self.put(store, interval.begin.max(window.from), look);
                }
            }
            if interval.end > window.until {
                self.begun = Some(begun);
                break;
            }
            self.pen.ends(interval.end);
            self.at += 1;
        }
        // What comes then comes later.
        self.close(store, window.until);
    }

    fn begin(&mut self, window: &Window<'_>, interval: &Interval) -> Begun {
        let (join, host) = (window.join, window.host);
        let (task, text) = match (interval.look.state, interval.look.aux) {
            (State::Idle, _) | (_, Look::NO_AUX) => (Look::NO_AUX, Name::NONE),
            // An interrupt on top of the idle task is the machine's own work.
            (_, 0) => {
                let detail = interval.look.detail;
                let text = self.interrupts.entry(detail).or_insert_with(|| {
                    let on = join.stores.iter().find(|s| s.0 == host).map_or("", |s| s.1);
                    join.names.intern(&format!("{on}: interrupt {}", join.names.text(detail)))
                });
                (Look::NO_AUX, *text)
            }
            (_, tid) => {
                let number = join.who.find(host, Tid(tid as i32), interval.begin);
                (number, join.who.text(number))
            }
        };
        let on_top = matches!(interval.look.state, State::Irq | State::Softirq | State::Idle | State::Unknown);
        let walk = if on_top || interval.look.aux == Look::NO_AUX {
            None
        } else {
            window.by_tid.get(&Tid(interval.look.aux as i32)).copied().flatten()
        };
        Begun { task, text, walk, last: interval.begin }
    }

    /// Writes the pieces of a vCPU whose thread is on the CPU, and says where the last one ends.
    fn pieces(
        &mut self,
        window: &Window<'_>,
        n: usize,
        begun: &Begun,
        interval: &Interval,
        store: &mut MachineStore,
    ) -> MachineNs {
        let walk = &window.walks[n];
        let (from, end) = (interval.begin.max(window.from), interval.end.min(window.until));
        let (mut cursor, mut last) = (self.cursors[n], begun.last);
        while let Some(piece) = walk.pieces().get(cursor).filter(|piece| piece.begin < end) {
            if piece.end > from {
                let (state, aux, detail) = match (piece.look.state, &piece.inside) {
                    (State::Guest, Some(shown)) => {
                        let task = shown.task(window.join, walk.back, piece.begin.max(interval.begin));
                        (shown.state, task, window.join.who.text(task))
                    }
                    (State::Guest | State::Vmm | State::VmmUser, _) => (piece.look.state, begun.task, begun.text),
                    // The thread is on this CPU, whatever its row says.
                    _ => (State::Vmm, begun.task, begun.text),
                };
                let look = Look { state, detail, aux };
                // A guest that idles without a halt is nobody who could be blamed: its vCPU's thread is.
                let idles = piece.inside.is_some_and(|shown| shown.tid == Tid(0));
                let blamed =
                    if idles { Look { state: State::Guest, detail: begun.text, aux: begun.task } } else { look };
                self.put_for(store, piece.begin.max(from), look, blamed);
                last = piece.end.min(end);
            }
            if piece.end > end {
                break;
            }
            cursor += 1;
        }
        self.cursors[n] = cursor;
        let next = walk.pieces().get(cursor).map_or(walk.known_until, |piece| piece.begin);
        if last < end && next >= interval.end {
            self.put(store, last.max(from), Look { state: interval.look.state, detail: begun.text, aux: begun.task });
            last = end;
        }
        last
    }

    #[inline]
    fn put(&mut self, store: &mut MachineStore, t: MachineNs, look: Look) {
        self.put_for(store, t, look, look);
    }

    /// `blamed` is what who waits for the CPU has to say of it.
    #[inline]
    fn put_for(&mut self, store: &mut MachineStore, t: MachineNs, look: Look, blamed: Look) {
        self.close(store, t);
        self.pen.put(store, t, look);
        self.looks.push((t, blamed));
        self.shown = blamed;
    }

    #[inline]
    fn close(&mut self, store: &mut MachineStore, next: MachineNs) {
        if let Some(end) = self.pen.close(store, next) {
            self.looks.push((end, Look::default()));
            self.shown = Look::default();
        }
    }
}

/// The row of a vCPU while it is written.
struct VcpuLine {
    walk: usize,
    pen: Pen,
}

impl VcpuLine {
    /// `ran`: what a CPU looks like in this window.
    fn write<'a>(
        &mut self,
        window: &Window<'_>,
        words: &Words,
        ran: &impl Fn(u32) -> Option<&'a [(MachineNs, Look)]>,
        store: &mut MachineStore,
    ) {
        let walk = &window.walks[self.walk];
        for piece in walk.pieces().iter().take_while(|piece| piece.begin < window.until) {
            let (begin, end) = (piece.begin.max(window.from), piece.end.min(window.until));
            match (piece.look.state, &piece.inside) {
                (State::Guest, Some(shown)) => {
                    let aux = shown.task(window.join, walk.back, piece.begin);
                    let look = Look { state: State::Guest, detail: words.inside(shown.state), aux };
                    self.pen.put(store, begin, look);
                }
                (State::Guest, None) => self.pen.put(store, begin, Look { aux: Look::NO_AUX, ..piece.look }),
                (State::Preempted | State::WaitingCpu, _) => {
                    let nobody = Look { state: piece.look.state, detail: Name::NONE, aux: Look::NO_AUX };
                    let looks = ran(piece.look.aux).unwrap_or_default();
                    let first = looks.partition_point(|(t, _)| *t <= begin).saturating_sub(1);
                    self.pen.put(store, begin, nobody);
                    for (t, ran) in looks[first..].iter().take_while(|(t, _)| *t < end) {
                        let look = match ran.state {
                            State::None => nobody,
                            State::Idle => Look { detail: words.idle, aux: ran.aux, ..nobody },
                            _ => Look { detail: ran.detail, aux: ran.aux, ..nobody },
                        };
                        self.pen.put(store, begin.max(*t), look);
                    }
                }
                _ => self.pen.put(store, begin, piece.look),
            }
            if piece.end <= window.until {
                self.pen.ends(piece.end);
            }
        }
        self.pen.close(store, window.until);
    }
}

/// The few words that the rows of vCPUs bear as details.
struct Words {
    idle: Name,
    user: Name,
    kernel: Name,
    irq: Name,
    softirq: Name,
    guest_idle: Name,
}

impl Words {
    fn new(names: &Interner) -> Self {
        let word = |text| names.intern(text);
        Self {
            idle: word("nobody: the CPU was idle"),
            user: word("user"),
            kernel: word("kernel"),
            irq: word("irq"),
            softirq: word("softirq"),
            guest_idle: word("idle"),
        }
    }

    fn inside(&self, state: State) -> Name {
        match state {
            State::User => self.user,
            State::Syscall => self.kernel,
            State::Irq => self.irq,
            State::Softirq => self.softirq,
            State::Idle => self.guest_idle,
            _ => Name::NONE,
        }
    }
}
