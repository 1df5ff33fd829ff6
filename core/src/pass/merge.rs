//! The merge of a machine's streams and its hand-over to a consumer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::pass::feed::{Feed, batch_events};
use crate::trace::{Batch, Cursor, Lost};
use crate::vocab::{Cancel, Cancelled, Cpu, Event, MachineNs};

/// A stream to be read in a pass.
pub struct StreamSource {
    /// The stream's CPU: whom a loss concerns.
    pub cpu: Cpu,
    /// Delivers its events.
    pub cursor: Box<dyn Cursor>,
}

/// What a pass tells of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassEnd {
    /// Instant of the last event of any stream.
    pub end: MachineNs,
    /// How many events were read, demanded or not.
    pub events: u64,
}

/// Takes a machine's events in order of time.
pub trait Consumer {
    /// A batch of stream `stream` arrived: its checkpoints, its size. Its events follow later, merged.
    fn arrived(&mut self, stream: usize, batch: &Batch);

    /// The next event.
    fn event(&mut self, event: &Event);

    /// Something was lost before the next event of `cpu`. Told as soon as everything before it was.
    fn lost(&mut self, cpu: Cpu, lost: &Lost);

    /// All events before `watermark` were delivered. Called now and then, between events.
    fn pause(&mut self, watermark: MachineNs);
}

/// How many events are consumed between two looks at the cancel flag and the clock.
const EVENTS_BETWEEN_PAUSES: usize = 8192;

/// Reads all streams to their ends.
///
/// # Errors
/// [`Cancelled`] if somebody asked to stop; the consumer has seen everything up to its last `pause`.
pub fn run<C: Consumer>(sources: Vec<StreamSource>, cancel: &Cancel, consumer: &mut C) -> Result<PassEnd, Cancelled> {
    let cpus: Vec<Cpu> = sources.iter().map(|s| s.cpu).collect();
    let batch = batch_events(sources.len());
    let mut feeds: Vec<Feed> = sources.into_iter().map(|s| Feed::start(s.cursor, batch)).collect();
    let mut end = PassEnd { end: MachineNs::MIN, events: 0 };
    // The instant of each stream's next event or loss; equal instants go by the stream's number.
    let mut heads: BinaryHeap<Reverse<(MachineNs, usize)>> = BinaryHeap::with_capacity(feeds.len());
    for (stream, feed) in feeds.iter_mut().enumerate() {
        cancel.check()?;
        if let Some(t) = next_head(feed, stream, cancel, consumer, &mut end)? {
            heads.push(Reverse((t, stream)));
        }
    }
    let mut since_pause = 0;
    while let Some(Reverse((_, stream))) = heads.pop() {
        // This stream goes on alone until another's next event is due.
        let limit = heads.peek().map(|Reverse(head)| *head);
        let feed = &mut feeds[stream];
        let (batch, mut at, mut lost_at) = feed.current();
        let mut lost_before = batch.lost.get(lost_at).map_or(usize::MAX, |(before, _)| *before);
        let mut head = None;
        loop {
            if lost_before <= at {
                // Others must hear of it before they hear of what came after its begin: rows cannot be changed
                // afterwards.
                let (_, lost) = &batch.lost[lost_at];
                if limit.is_some_and(|limit| (lost.range.begin, stream) > limit) {
                    head = Some(lost.range.begin);
                    break;
                }
                consumer.lost(cpus[stream], lost);
                lost_at += 1;
                lost_before = batch.lost.get(lost_at).map_or(usize::MAX, |(before, _)| *before);
                continue;
            }
            let Some(event) = batch.events.get(at) else { break };
            if limit.is_some_and(|limit| (event.t, stream) > limit) || since_pause >= EVENTS_BETWEEN_PAUSES {
                head = Some(event.t);
                break;
            }
            consumer.event(event);
            at += 1;
            since_pause += 1;
        }
        feed.set_position(at, lost_at);
        let head = match head {
            Some(t) => Some(t),
            None => next_head(feed, stream, cancel, consumer, &mut end)?,
        };
        if let Some(t) = head {
            heads.push(Reverse((t, stream)));
        }
        if since_pause >= EVENTS_BETWEEN_PAUSES {
            since_pause = 0;
            cancel.check()?;
            if let Some(Reverse((watermark, _))) = heads.peek() {
                consumer.pause(*watermark);
            }
        }
    }
    Ok(end)
}

/// The instant of what comes next in the feed, event or loss, after waiting for a batch that has something;
/// `None` at its end.
fn next_head<C: Consumer>(
    feed: &mut Feed,
    stream: usize,
    cancel: &Cancel,
    consumer: &mut C,
    end: &mut PassEnd,
) -> Result<Option<MachineNs>, Cancelled> {
    loop {
        if let Some(t) = feed.next_instant() {
            return Ok(Some(t));
        }
        cancel.check()?;
        match feed.advance() {
            None => return Ok(None),
            Some(batch) => {
                end.events += batch.read_events;
                end.end = end.end.max(batch.last);
                consumer.arrived(stream, batch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::LostKind;
    use crate::vocab::{KernelEvent, Tid, TimeRange};

    struct Fake {
        events: Vec<(i64, i32)>,
        lost: Vec<(usize, i64)>,
        at: usize,
        batch: usize,
    }

    impl Cursor for Fake {
        fn fill(&mut self, batch: &mut Batch, _: usize) {
            batch.clear();
            let to = (self.at + self.batch).min(self.events.len());
            for i in self.at..to {
                for (_, t) in self.lost.iter().filter(|(before, _)| *before == i) {
                    batch.lost.push((i - self.at, lost_at(*t)));
                }
                let (t, vec) = self.events[i];
                let body = KernelEvent::SoftirqRaise { vec };
                batch.events.push(Event { t: MachineNs(t), cpu: Cpu(0), context_tid: Tid(-1), body });
            }
            self.at = to;
            batch.read_events = (batch.events.len()) as u64;
            batch.ended = self.at == self.events.len();
            if batch.ended {
                for (_, t) in self.lost.iter().filter(|(before, _)| *before == self.events.len()) {
                    batch.lost.push((batch.events.len(), lost_at(*t)));
                }
            }
            batch.complete_until = MachineNs(self.events.get(self.at).map_or(1_000_000, |e| e.0));
        }
    }

    fn lost_at(t: i64) -> Lost {
        Lost { range: TimeRange::new(MachineNs(t), MachineNs(t + 1)), count: None, kind: LostKind::Events }
    }

    #[derive(Default)]
    struct Seen(Vec<(i64, i32)>, usize);

    impl Consumer for Seen {
        fn arrived(&mut self, _: usize, _: &Batch) {}
        fn event(&mut self, event: &Event) {
            if let KernelEvent::SoftirqRaise { vec } = event.body {
                self.0.push((event.t.0, vec));
            }
        }
        fn lost(&mut self, _: Cpu, lost: &Lost) {
            self.0.push((lost.range.begin.0, -1));
        }
        fn pause(&mut self, watermark: MachineNs) {
            self.1 += 1;
            assert!(self.0.iter().all(|(t, _)| *t <= watermark.0));
        }
    }

    fn merged(streams: &[Vec<(i64, i32)>], lost: Vec<(usize, i64)>, batch: usize) -> Seen {
        let sources = streams
            .iter()
            .map(|events| StreamSource {
                cpu: Cpu(0),
                cursor: Box::new(Fake { events: events.clone(), lost: lost.clone(), at: 0, batch }),
            })
            .collect();
        let mut seen = Seen::default();
        let end = run(sources, &Cancel::default(), &mut seen);
        assert_eq!(end.map(|e| e.events), Ok(streams.iter().map(|s| s.len() as u64).sum()));
        seen
    }

    #[test]
    fn streams_merge_by_time_then_number_whatever_the_batches() {
        let streams: Vec<Vec<(i64, i32)>> =
            (0..5).map(|s| (0..20_000).map(|i| (i64::from(i / (s + 1)), s * 100_000 + i)).collect()).collect();
        let mut expected: Vec<(i64, usize, i32)> =
            streams.iter().enumerate().flat_map(|(s, e)| e.iter().map(move |(t, v)| (*t, s, *v))).collect();
        expected.sort();
        let expected: Vec<(i64, i32)> = expected.into_iter().map(|(t, _, v)| (t, v)).collect();
        for batch in [1000, 4096, 100_000] {
            let seen = merged(&streams, Vec::new(), batch);
            assert_eq!(seen.0, expected);
            assert!(seen.1 >= 10);
        }
    }

    #[test]
    fn losses_come_before_their_event_and_at_the_end() {
        let seen = merged(&[vec![(1, 1), (5, 2)]], vec![(1, 3), (2, 9)], 1);
        assert_eq!(seen.0, [(1, 1), (3, -1), (5, 2), (9, -1)]);
    }

    #[test]
    fn a_loss_is_told_before_what_others_did_meanwhile() {
        let streams = [vec![(1, 1), (9, 2)], vec![(0, 10), (3, 11), (5, 12), (20, 13)]];
        for batch in [1, 2, 10] {
            let cursors = streams.iter().zip([vec![(1, 4), (2, 10)], vec![]]);
            let sources = cursors.map(|(events, lost)| StreamSource {
                cpu: Cpu(0),
                cursor: Box::new(Fake { events: events.clone(), lost, at: 0, batch }),
            });
            let mut seen = Seen::default();
            assert!(run(sources.collect(), &Cancel::default(), &mut seen).is_ok());
            assert_eq!(seen.0, [(0, 10), (1, 1), (3, 11), (4, -1), (5, 12), (9, 2), (10, -1), (20, 13)]);
        }
    }

    #[test]
    fn a_cancelled_pass_stops() {
        let cancel = Cancel::default();
        cancel.cancel();
        let sources = vec![StreamSource {
            cpu: Cpu(0),
            cursor: Box::new(Fake { events: vec![(1, 1)], lost: Vec::new(), at: 0, batch: 1 }),
        }];
        assert_eq!(run(sources, &cancel, &mut Seen::default()), Err(Cancelled));
    }
}
