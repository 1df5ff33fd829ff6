//! The threads of a machine: which row a thread id means at this moment.
//!
//! A tid is used again after its thread is gone, so a thread is (tid, instance). Every event names a tid, so
//! the way from tid to thread is a table of pages, not a hash: the kernel gives out at most 2^22 tids
//! (`PID_MAX_LIMIT` in `include/linux/threads.h`), and mostly small ones.

use rustc_hash::FxHashMap;

use crate::store::{Look, Writer};
use crate::vocab::{Cpu, MachineNs, Name, RowId, RowKey, State, Tid};

/// A thread's position in [`Threads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThreadIx(u32);

/// How far a thread's life has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// As far as known.
    Alive,
    /// It called `exit` and still runs.
    Exiting,
    /// It was switched out for the last time: a zombie, until its parent has asked for it.
    Dead,
    /// Nothing of it is left: whoever bears its tid from now on is another thread.
    Gone,
}

/// What is known of a thread now.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub(super) tid: Tid,
    pub(super) row: RowId,
    /// As written last: what is equal need not be written again.
    pub(super) look: Look,
    /// Since when.
    pub(super) since: MachineNs,
    pub(super) comm: Name,
    /// The system call it is in, also while it sleeps in it.
    pub(super) syscall: Name,
    /// The CPU whose current thread it is.
    pub(super) on: Cpu,
    pub(super) prio: i16,
    pub(super) life: Life,
    /// It runs, but nobody has told yet whether in user mode or in a system call.
    pub(super) mode_unknown: bool,
    /// Another bearer of its tid is still to be freed: that event does not mean this one.
    pub(super) outlives_free: bool,
    pub(super) process: Option<Tid>,
    pub(super) parent: Option<Tid>,
    pub(super) instance: u32,
}

impl Thread {
    /// Whether it never runs again.
    pub(super) fn ended(&self) -> bool {
        matches!(self.life, Life::Dead | Life::Gone)
    }

    /// Whether it is the idle task of some CPU.
    pub(super) fn is_idle(&self) -> bool {
        self.tid.0 == 0
    }
}

const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;
const PAGES: usize = 1 << (22 - PAGE_BITS);

/// Every thread that was ever seen, and the way to the present bearer of a tid.
pub(super) struct Threads {
    all: Vec<Thread>,
    /// Position + 1 by tid; 0 is nobody.
    pages: Box<[Option<Box<[u32; PAGE]>>]>,
    /// The same for tids that no kernel gives out: a damaged trace has them.
    beyond: FxHashMap<i32, u32>,
}

impl std::ops::Index<ThreadIx> for Threads {
    type Output = Thread;
    fn index(&self, ix: ThreadIx) -> &Thread {
        &self.all[ix.0 as usize]
    }
}

impl std::ops::IndexMut<ThreadIx> for Threads {
    fn index_mut(&mut self, ix: ThreadIx) -> &mut Thread {
        &mut self.all[ix.0 as usize]
    }
}

impl Threads {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), pages: vec![None; PAGES].into_boxed_slice(), beyond: FxHashMap::default() }
    }

    /// The thread that bears or bore `tid` last.
    #[inline]
    pub(super) fn find(&self, tid: Tid) -> Option<ThreadIx> {
        let n = tid.0 as usize;
        let found = match self.pages.get(n >> PAGE_BITS) {
            Some(page) => page.as_ref()?[n % PAGE],
            None => self.beyond.get(&tid.0).copied().unwrap_or(0),
        };
        found.checked_sub(1).map(ThreadIx)
    }

    /// The thread that bears `tid` now: an ended one is followed by the next instance.
    #[inline]
    pub(super) fn bearer<W: Writer>(&mut self, tid: Tid, out: &mut W) -> ThreadIx {
        match self.find(tid) {
            Some(ix) if !self[ix].ended() => ix,
            found => self.add(tid, found, out),
        }
    }

    /// The next instance of `tid`, whatever became of the one before.
    #[cold]
    pub(super) fn add<W: Writer>(&mut self, tid: Tid, before: Option<ThreadIx>, out: &mut W) -> ThreadIx {
        let instance = before.map_or(0, |ix| self[ix].instance + 1);
        let ix = self.push(tid, instance, out.row(RowKey::thread(tid, instance)));
        // The kernel gives a tid away before it tells that its last bearer is freed.
        self[ix].outlives_free = before.is_some_and(|old| self[old].life == Life::Dead);
        let n = tid.0 as usize;
        match self.pages.get_mut(n >> PAGE_BITS) {
            Some(page) => page.get_or_insert_with(|| Box::new([0; PAGE]))[n % PAGE] = ix.0 + 1,
            None => {
                self.beyond.insert(tid.0, ix.0 + 1);
            }
        }
        ix
    }

    /// The idle task of `cpu`: each CPU has its own, and no tid leads to it.
    #[cold]
    pub(super) fn add_idle<W: Writer>(&mut self, cpu: Cpu, out: &mut W) -> ThreadIx {
        let row = out.row(RowKey::idle(cpu));
        self.push(Tid(0), 0, row)
    }

    fn push(&mut self, tid: Tid, instance: u32, row: RowId) -> ThreadIx {
        let ix = ThreadIx(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Thread {
            tid,
            row,
            look: Look::new(State::None),
            since: MachineNs::MIN,
            comm: Name::NONE,
            syscall: Name::NONE,
            on: Cpu::UNKNOWN,
            prio: UNKNOWN_PRIO,
            life: Life::Alive,
            mode_unknown: false,
            outlives_free: false,
            process: None,
            parent: None,
            instance,
        });
        ix
    }

    /// From `t` on the thread looks like `look`.
    #[inline]
    pub(super) fn set<W: Writer>(&mut self, ix: ThreadIx, t: MachineNs, look: Look, out: &mut W) {
        let thread = &mut self[ix];
        if thread.look != look {
            thread.look = look;
            thread.since = thread.since.max(t);
            out.set(thread.row, t, look);
        }
    }

    /// From `t` on the thread is called `comm`, if the event told a name at all.
    #[inline]
    pub(super) fn name<W: Writer>(&mut self, ix: ThreadIx, t: MachineNs, comm: Name, out: &mut W) {
        let thread = &mut self[ix];
        if thread.comm != comm && !comm.is_none() {
            thread.comm = comm;
            out.rename(thread.row, t, comm);
        }
    }

    /// Tells the family of a thread; what is `None` stays as it was.
    pub(super) fn relate<W: Writer>(&mut self, ix: ThreadIx, process: Option<Tid>, parent: Option<Tid>, out: &mut W) {
        let thread = &mut self[ix];
        let (process, parent) = (process.or(thread.process), parent.or(thread.parent));
        if (process, parent) != (thread.process, thread.parent) {
            (thread.process, thread.parent) = (process, parent);
            out.relate(thread.row, process, parent);
        }
    }

    /// Every thread, in order of appearance.
    pub(super) fn ids(&self) -> impl Iterator<Item = ThreadIx> + use<> {
        (0..self.all.len() as u32).map(ThreadIx)
    }
}

/// No event has told a priority.
pub(super) const UNKNOWN_PRIO: i16 = i16::MIN;
