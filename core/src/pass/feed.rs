//! One stream's way into the merge: the batch being consumed, and the next one being filled elsewhere.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::trace::{Batch, Cursor};
use crate::vocab::MachineNs;

/// How many demanded events the batches of all streams hold together; each stream has two batches.
const ALL_EVENTS: usize = 1 << 14;

/// How many demanded events a batch holds: large enough to amortise the hand-over (somebody may have to be woken
/// for each), small enough that 64 CPUs with two batches each take some ten megabytes.
pub(super) fn batch_events(streams: usize) -> usize {
    (ALL_EVENTS / streams.max(1)).clamp(2048, 8192)
}

type Filled = (Box<dyn Cursor>, Batch);

/// A stream that is being read.
pub(super) struct Feed {
    current: Batch,
    next_event: usize,
    next_lost: usize,
    receiver: Receiver<Filled>,
    sender: SyncSender<Filled>,
    in_flight: bool,
    spare: Batch,
    batch_events: usize,
}

impl Feed {
    /// Starts to fill the first batch of at most `batch_events`.
    pub(super) fn start(cursor: Box<dyn Cursor>, batch_events: usize) -> Self {
        let (sender, receiver) = sync_channel(1);
        let mut feed = Self {
            current: Batch::default(),
            next_event: 0,
            next_lost: 0,
            receiver,
            sender,
            in_flight: false,
            spare: Batch::default(),
            batch_events,
        };
        feed.refill(cursor);
        feed
    }

    fn refill(&mut self, mut cursor: Box<dyn Cursor>) {
        let mut batch = std::mem::take(&mut self.spare);
        let sender = self.sender.clone();
        let max_events = self.batch_events;
        self.in_flight = true;
        rayon::spawn(move || {
            cursor.fill(&mut batch, max_events);
            // The receiver is gone if the pass was cancelled: then nobody wants the batch.
            drop(sender.send((cursor, batch)));
        });
    }

    /// Waits for the next batch and makes it the current one. `None`: the stream has ended.
    pub(super) fn advance(&mut self) -> Option<&Batch> {
        if !self.in_flight {
            return None;
        }
        let (cursor, batch) = self.receiver.recv().ok()?;
        self.in_flight = false;
        self.spare = std::mem::replace(&mut self.current, batch);
        self.next_event = 0;
        self.next_lost = 0;
        if !self.current.ended {
            self.refill(cursor);
        }
        Some(&self.current)
    }

    /// The current batch with the positions of its next event and next lost mark.
    pub(super) fn current(&self) -> (&Batch, usize, usize) {
        (&self.current, self.next_event, self.next_lost)
    }

    /// Moves on within the current batch.
    pub(super) fn set_position(&mut self, next_event: usize, next_lost: usize) {
        self.next_event = next_event;
        self.next_lost = next_lost;
    }

    /// The instant of what comes next in the current batch: a loss' begin or an event.
    pub(super) fn next_instant(&self) -> Option<MachineNs> {
        let lost = self.current.lost.get(self.next_lost).filter(|(before, _)| *before <= self.next_event);
        lost.map(|(_, lost)| lost.range.begin).or_else(|| self.current.events.get(self.next_event).map(|e| e.t))
    }
}
