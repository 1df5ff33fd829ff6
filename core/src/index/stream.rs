//! The checkpoints of one stream, growing while it is read.

use std::sync::Arc;

use crate::trace::{Batch, Checkpoint, ClassSet};
use crate::vocab::MachineNs;

/// The checkpoints of one stream. Cloning is cheap: chunks are shared and never change.
#[derive(Clone, Debug, Default)]
pub struct StreamIndex {
    chunks: Vec<Arc<[Checkpoint]>>,
    /// How many checkpoints come before each chunk.
    starts: Vec<usize>,
    pending: Vec<Checkpoint>,
    events: u64,
    complete_until: Option<MachineNs>,
    ended: bool,
}

/// Checkpoints of a chunk: small enough that the part that is copied with each snapshot costs nothing.
const CHUNK: usize = 256;

impl StreamIndex {
    /// Takes the checkpoints of a batch.
    pub fn add(&mut self, batch: &Batch) {
        self.pending.extend_from_slice(&batch.checkpoints);
        self.events += batch.read_events;
        self.complete_until = Some(batch.complete_until);
        self.ended = batch.ended;
        while self.pending.len() >= CHUNK {
            let rest = self.pending.split_off(CHUNK);
            let full = std::mem::replace(&mut self.pending, rest);
            self.starts.push(self.starts.len() * CHUNK);
            self.chunks.push(full.into());
        }
    }

    /// How many events of the stream were read so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// All events before this instant were read; `None` while nothing was.
    pub fn complete_until(&self) -> Option<MachineNs> {
        self.complete_until
    }

    /// Whether the stream was read to its end.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// How many checkpoints there are.
    pub fn len(&self) -> usize {
        self.chunks.len() * CHUNK + self.pending.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The checkpoint of that number.
    pub fn get(&self, n: usize) -> Option<&Checkpoint> {
        match self.chunks.get(n / CHUNK) {
            Some(chunk) => chunk.get(n % CHUNK),
            None => self.pending.get(n.checked_sub(self.chunks.len() * CHUNK)?),
        }
    }

    /// How many checkpoints satisfy `before`, which must hold for a beginning of them only.
    pub fn partition_point(&self, mut before: impl FnMut(&Checkpoint) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&mut before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The first run of stretches between checkpoints, from the given one on, in which one of the classes may occur:
    /// its first checkpoint and the one at which it ends. A run to the end of the stream ends where no checkpoint is;
    /// what no checkpoint tells of yet belongs to it.
    pub fn stretch(&self, from: usize, classes: &ClassSet) -> Option<(usize, usize)> {
        let told = if self.ended { self.len() } else { self.len().saturating_sub(1) };
        let has = |n: usize| self.get(n).is_some_and(|c| classes.may_occur(c.classes));
        let begin = (from..told).find(|n| has(*n)).or((!self.ended).then(|| from.max(told)))?;
        Some((begin, (begin..told).find(|n| !has(*n)).unwrap_or(usize::MAX)))
    }
}
