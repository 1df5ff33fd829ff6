//! Rows computed beside each other and written by one, in order.
//!
//! Joining is mostly looking things up; writing is one thread's business. So workers compute rows ahead, into
//! bounded channels, and the writer empties them row by row: what is in a store never depends on who was
//! faster.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::store::{Look, MachineStore, Writer};
use crate::vocab::{Cancelled, MachineNs, RowId};

/// Looks handed over at a time, and how many such pieces may wait per row.
const PIECE: usize = 4096;
const WAITING: usize = 8;

type Piece = Vec<(MachineNs, Look)>;
/// A row's channel until somebody computes the row.
type Slot = Mutex<Option<SyncSender<Piece>>>;

/// Where a worker puts what a row looks like.
pub(super) struct Pour {
    piece: Piece,
    to: SyncSender<Piece>,
}

impl Pour {
    /// From `t` on the row looks like `look`.
    #[inline]
    pub(super) fn set(&mut self, t: MachineNs, look: Look) {
        self.piece.push((t, look));
        if self.piece.len() == PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        // Whoever writes is gone only if all of it was cancelled.
        drop(self.to.send(piece));
    }
}

/// Closes the channels of all rows that nobody has begun, should a worker stop early: whoever writes would wait
/// for them for ever.
struct GiveUp<'a> {
    to: &'a [Slot],
    armed: bool,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        for slot in self.to.iter().filter(|_| self.armed) {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

/// Computes each of `jobs` by `work` on as many threads as there are cores, and writes it to its row.
///
/// # Errors
/// [`Cancelled`], as soon as one of them says so.
pub(super) fn pour<J: Sync>(
    jobs: &[(RowId, J)],
    out: &mut MachineStore,
    work: impl Fn(&J, &mut Pour) -> Result<(), Cancelled> + Sync,
) -> Result<(), Cancelled> {
    type End = (SyncSender<Piece>, Receiver<Piece>);
    let ends: Vec<End> = jobs.iter().map(|_| sync_channel(WAITING)).collect();
    let (to, from): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
    let to: Vec<Slot> = to.into_iter().map(|sender| Mutex::new(Some(sender))).collect();
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    thread::scope(|scope| {
        let worker = || -> Result<(), Cancelled> {
            let mut give_up = GiveUp { to: &to, armed: true };
            loop {
                // Lower rows are begun first, so the one that is being written always goes on.
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some((_, job)) = jobs.get(n) else {
                    give_up.armed = false;
                    return Ok(());
                };
                let taken = to[n].lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(to) = taken else { return Ok(()) };
                let mut pour = Pour { piece: Vec::with_capacity(PIECE), to };
                work(job, &mut pour)?;
                pour.flush();
            }
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for ((row, _), from) in jobs.iter().zip(from) {
            for (t, look) in from.iter().flatten() {
                out.set(*row, t, look);
            }
        }
        running.into_iter().try_for_each(|handle| handle.join().unwrap_or(Err(Cancelled)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Extents, StoreOptions};
    use crate::vocab::{Cpu, ProblemLog, RowKey, State, TimeRange};

    fn store() -> MachineStore {
        MachineStore::new(&Extents::new(&StoreOptions::default(), ProblemLog::default()))
    }

    #[test]
    fn rows_are_what_was_poured_into_them() {
        let mut out = store();
        let jobs: Vec<(RowId, i64)> = (0..20u16).map(|n| (out.row(RowKey::cpu(Cpu(n))), i64::from(n))).collect();
        let states = [State::Idle, State::User];
        pour(&jobs, &mut out, |n, pour| {
            for t in 0..*n * 5000 {
                pour.set(MachineNs(t), Look::new(states[t as usize % 2]));
            }
            Ok(())
        })
        .unwrap();
        let snapshot = out.snapshot(MachineNs(1_000_000));
        for (row, n) in jobs {
            let count = snapshot.row(row).unwrap().intervals(TimeRange::new(MachineNs::MIN, MachineNs::MAX)).count();
            assert_eq!(count as i64, n * 5000);
        }
    }

    #[test]
    fn one_that_stops_stops_all() {
        let mut out = store();
        let jobs: Vec<(RowId, u16)> = (0..50u16).map(|n| (out.row(RowKey::cpu(Cpu(n))), n)).collect();
        let end = pour(&jobs, &mut out, |n, _| if *n >= 3 { Err(Cancelled) } else { Ok(()) });
        assert_eq!(end, Err(Cancelled));
    }
}
