//! The analysis of one machine: one pass over its streams, one consumer, all sinks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::index::StreamIndex;
use crate::kernel::{Kernel, KernelOptions};
use crate::links::{Links, LinksOptions, Messages};
use crate::pass::{self, Consumer, StreamSource};
use crate::session::density::Density;
use crate::session::open::{MachinePart, Shared};
use crate::session::snapshot::LostView;
use crate::store::MachineStore;
use crate::trace::{Batch, Checkpoint, Lost, LostKind, Trace};
use crate::vcpu::Vcpus;
use crate::vocab::{Cpu, Event, EventKind, MachineNs, StreamId, TimeRange, TraceId};

/// Publishing may take this part of an analysis' time at most: with many rows it copies many tails.
const PUBLISHING_SHARE: u32 = 16;

/// A stream of the machine.
pub(super) struct JobStream {
    pub(super) trace_id: TraceId,
    pub(super) trace: Arc<dyn Trace>,
    pub(super) stream: StreamId,
    pub(super) cpu: Cpu,
    pub(super) label: Arc<str>,
}

/// What there is to do for one machine.
pub(super) struct MachineJob {
    pub(super) name: String,
    pub(super) kernel_release: Option<String>,
    /// Density by packet headers, for what is not read yet.
    pub(super) estimate: Arc<Density>,
    pub(super) streams: Vec<JobStream>,
}

struct Analysis<'a> {
    shared: &'a Shared,
    machine: usize,
    job: &'a MachineJob,
    kernel: Kernel,
    links: Links,
    /// Of a machine whose trace has ends of messages.
    messages: Option<Messages>,
    /// Of a machine that enters guests.
    vcpus: Option<Vcpus>,
    store: MachineStore,
    indexes: Vec<StreamIndex>,
    last_checkpoint: Vec<Option<Checkpoint>>,
    density: Density,
    damaged: Vec<LostView>,
    published: Instant,
    /// How long to wait before publishing again.
    pause: Duration,
    watermark: MachineNs,
}

/// Analyses a machine and publishes what it finds; returns at the end or when cancelled.
pub(super) fn run(shared: &Shared, machine: usize, job: MachineJob) {
    let kernel =
        Kernel::new(KernelOptions { kernel_release: job.kernel_release.clone(), names: Arc::clone(&shared.names) });
    let kinds = || job.streams.iter().flat_map(|s| s.trace.classes()).filter_map(|c| c.kind);
    let has_waking = Some(kinds().any(|k| k == EventKind::SchedWaking));
    let links = Links::new(LinksOptions { has_waking });
    // An entry alone is no message: it only answers a hypercall.
    let has_messages = kinds().any(|k| k != EventKind::KvmEntry && Messages::demand().contains(k));
    let messages = has_messages.then(|| Messages::new(Arc::clone(&shared.names)));
    let enters_guests = kinds().any(|k| k == EventKind::KvmEntry);
    let vcpus = enters_guests.then(|| Vcpus::new(Arc::clone(&shared.names)));
    let mut demand = Kernel::demand().union(Links::demand()).union(Messages::demand());
    if enters_guests {
        demand = demand.union(Vcpus::demand());
    }
    let sources = job
        .streams
        .iter()
        .map(|s| StreamSource { cpu: s.cpu, cursor: s.trace.cursor(s.stream, demand, &shared.names) })
        .collect();
    let mut analysis = Analysis {
        shared,
        machine,
        job: &job,
        kernel,
        links,
        messages,
        vcpus,
        store: MachineStore::new(&shared.extents),
        indexes: vec![StreamIndex::default(); job.streams.len()],
        last_checkpoint: vec![None; job.streams.len()],
        density: Density::new(job.estimate.extent()),
        damaged: Vec::new(),
        published: Instant::now(),
        pause: shared.options.publish_every,
        watermark: job.estimate.extent().begin,
    };
    let end = pass::run(sources, &shared.cancel, &mut analysis);
    match end {
        Ok(end) => analysis.finish(end.end.max(analysis.density.extent().begin)),
        // What was published last stays; only the count of running machines changes.
        Err(_) => {
            let watermark = analysis.watermark;
            analysis.publish(watermark, true);
        }
    }
}

impl Analysis<'_> {
    fn finish(&mut self, end: MachineNs) {
        if let Some(vcpus) = &mut self.vcpus {
            vcpus.finish(end, &mut self.store);
        }
        self.kernel.finish(end, &mut self.store);
        self.publish(end, true);
    }

    fn publish(&mut self, watermark: MachineNs, done: bool) {
        let begin = Instant::now();
        let density =
            if done { self.density.clone() } else { self.density.with_estimate(watermark, &self.job.estimate) };
        let part = MachinePart {
            store: self.store.snapshot(watermark),
            watermark,
            density: Arc::new(density),
            indexes: self.indexes.clone(),
            damaged: std::mem::take(&mut self.damaged),
            vcpus: self.vcpus.as_ref().map(Vcpus::threads).unwrap_or_default(),
        };
        self.shared.update(self.machine, part, done);
        self.published = Instant::now();
        self.pause = self.shared.options.publish_every.max(begin.elapsed() * PUBLISHING_SHARE);
    }
}

impl Consumer for Analysis<'_> {
    fn arrived(&mut self, stream: usize, batch: &Batch) {
        self.indexes[stream].add(batch);
        self.density.add_checkpoints(&mut self.last_checkpoint[stream], &batch.checkpoints);
        if batch.ended
            && let Some(last) = self.last_checkpoint[stream]
        {
            // The stretch after the last checkpoint.
            let rest = self.indexes[stream].events().saturating_sub(last.ordinal);
            let until = batch.last.max(last.t);
            self.density.add(TimeRange::new(last.t, until), rest as f64);
        }
        self.shared.progress.add_done(batch.read_bytes);
        for (_, lost) in batch.lost.iter().filter(|(_, l)| l.kind == LostKind::Damaged) {
            let source = &self.job.streams[stream];
            self.damaged.push(LostView {
                trace: source.trace_id,
                stream: Arc::clone(&source.label),
                cpu: source.cpu,
                lost: *lost,
            });
        }
    }

    fn event(&mut self, event: &Event) {
        self.kernel.event(event, &mut self.store);
        self.links.event(event, &self.kernel, &mut self.store);
        if let Some(messages) = &mut self.messages {
            messages.event(event, &self.kernel, &mut self.store);
        }
        if let Some(vcpus) = &mut self.vcpus {
            vcpus.event(event, &self.kernel, &mut self.store);
        }
    }

    fn lost(&mut self, cpu: Cpu, lost: &Lost) {
        self.kernel.lost(cpu, lost, &mut self.store);
        if let Some(messages) = &mut self.messages {
            messages.lost(cpu);
        }
        if let Some(vcpus) = &mut self.vcpus {
            vcpus.lost(cpu, lost, &mut self.store);
        }
    }

    fn pause(&mut self, watermark: MachineNs) {
        self.watermark = watermark;
        if self.published.elapsed() >= self.pause {
            self.publish(watermark, false);
        }
    }
}
