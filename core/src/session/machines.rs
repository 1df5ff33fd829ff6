//! Which machine a trace belongs to, what to call it, and which traces were recorded together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::trace::Trace;
use crate::vocab::{EventKind, MachineNs, StreamId, TimeRange};

/// An open trace before it has a machine.
pub(super) struct Opened {
    pub(super) trace: Arc<dyn Trace>,
    /// Which of the given paths it was found below.
    pub(super) argument: usize,
    extent: Option<TimeRange<MachineNs>>,
}

impl Opened {
    /// Makes an opened trace and looks at the first event of each stream: tracers open packets long before
    /// anything happens, so the packets' begin says little of when a recording began.
    pub(super) fn new(trace: Arc<dyn Trace>, argument: usize) -> Self {
        let streams = trace.streams().iter().enumerate().filter(|(_, s)| !s.packets.is_empty());
        let first_event = |n: usize| {
            let stream = StreamId(u32::try_from(n).unwrap_or(u32::MAX));
            trace.reader(stream, None).next_event().map(|e| e.t)
        };
        let begin = streams.filter_map(|(n, s)| first_event(n).or_else(|| s.packets.first().map(|p| p.begin))).min();
        let end = trace.streams().iter().flat_map(|s| &s.packets).map(|p| p.end).max();
        let extent = begin.zip(end).map(|(begin, end)| TimeRange::new(begin, end.max(begin)));
        Self { trace, argument, extent }
    }

    /// First event and last packet's end, on the trace's own axis.
    pub(super) fn extent(&self) -> Option<TimeRange<MachineNs>> {
        self.extent
    }

    /// The same in nanoseconds since 1970.
    pub(super) fn extent_ns(&self) -> Option<(i128, i128)> {
        let extent = self.extent()?;
        let origin = self.trace.info().clock.as_ref().map_or(0, |c| c.origin_ns);
        Some((origin + i128::from(extent.begin.0), origin + i128::from(extent.end.0)))
    }

    /// What tells that two traces are of one machine: its clock (LTTng: the boot), else its name and folder.
    fn machine_key(&self) -> MachineKey {
        let info = self.trace.info();
        match info.clock.as_ref().and_then(|c| c.uuid.clone()) {
            Some(uuid) => MachineKey::Clock(uuid),
            None => MachineKey::Place(info.hostname.clone(), machine_folder(&info.path)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum MachineKey {
    Clock(String),
    Place(Option<String>, PathBuf),
}

/// The folder that stands for the machine: above LTTng's `kernel` and `ust/…`.
fn machine_folder(path: &Path) -> PathBuf {
    let mut folder = path;
    for ancestor in path.ancestors() {
        let name = ancestor.file_name().and_then(|n| n.to_str());
        if matches!(name, Some("kernel" | "ust")) {
            folder = ancestor.parent().unwrap_or(ancestor);
        }
    }
    folder.to_path_buf()
}

/// A machine of one recording.
pub(super) struct MachinePlan {
    pub(super) name: String,
    pub(super) key: Option<String>,
    /// Positions in the list of opened traces; the first decides the machine's axis.
    pub(super) traces: Vec<usize>,
}

/// A recording: traces that overlap in time, or that were named together.
pub(super) struct RecordingPlan {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) machines: Vec<MachinePlan>,
    pub(super) extent_ns: Option<(i128, i128)>,
}

/// Sorts traces into recordings and machines. Order: by the traces' own order, which is the paths' order.
pub(super) fn plan(opened: &[Opened]) -> Vec<RecordingPlan> {
    recordings(opened).into_iter().map(|traces| recording(opened, traces)).collect()
}

/// Traces of a recording, and the stretch of time that they cover.
type Group = (Vec<usize>, Option<(i128, i128)>);

/// Groups of traces that overlap in time. Recordings named side by side on the command line belong together:
/// whoever names two folders wants to compare them.
fn recordings(opened: &[Opened]) -> Vec<Vec<usize>> {
    let mut order: Vec<(usize, Option<(i128, i128)>)> =
        opened.iter().enumerate().map(|(i, o)| (i, o.extent_ns())).collect();
    order.sort_by_key(|(i, extent)| (extent.map_or(i128::MAX, |e| e.0), *i));
    let mut groups: Vec<Group> = Vec::new();
    for (i, extent) in order {
        match (groups.last_mut(), extent) {
            (Some((group, Some(all))), Some(extent)) if extent.0 <= all.1 => {
                group.push(i);
                all.1 = all.1.max(extent.1);
            }
            // A trace without any packet says nothing of its time: it stays with what it was found beside.
            (Some((group, _)), None) => group.push(i),
            _ => groups.push((vec![i], extent)),
        }
    }
    let mut groups: Vec<Vec<usize>> = groups.into_iter().map(|g| g.0).collect();
    let arguments = opened.iter().map(|o| o.argument).max().map_or(0, |m| m + 1);
    if arguments > 1 {
        let mut first_of: Vec<usize> = (0..arguments)
            .filter_map(|a| groups.iter().position(|g| g.iter().any(|i| opened[*i].argument == a)))
            .collect();
        first_of.sort_unstable();
        first_of.dedup();
        for other in first_of.drain(1.min(first_of.len())..).rev().collect::<Vec<_>>() {
            let moved = groups.remove(other);
            groups[first_of[0]].extend(moved);
        }
    }
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort_by_key(|g| g.first().copied());
    groups
}

fn recording(opened: &[Opened], traces: Vec<usize>) -> RecordingPlan {
    let path = common_folder(traces.iter().map(|i| opened[*i].trace.info().path.as_path()));
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let extents = || traces.iter().filter_map(|i| opened[*i].extent_ns());
    let extent_ns = extents().map(|e| e.0).min().zip(extents().map(|e| e.1).max());
    let mut keys: Vec<MachineKey> = Vec::new();
    let mut machines: Vec<MachinePlan> = Vec::new();
    for i in traces {
        let key = opened[i].machine_key();
        if let Some(known) = keys.iter().position(|k| *k == key) {
            machines[known].traces.push(i);
            continue;
        }
        let info = opened[i].trace.info();
        let base = info.hostname.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| {
            let folder = machine_folder(&info.path);
            folder.file_name().map_or_else(|| "machine".to_owned(), |n| n.to_string_lossy().into_owned())
        });
        let taken = |name: &str| machines.iter().any(|m| m.name == name);
        let name = (1..)
            .map(|n| if n == 1 { base.clone() } else { format!("{base}#{n}") })
            .find(|n| !taken(n))
            .unwrap_or(base);
        let lasting = match &key {
            MachineKey::Clock(uuid) => Some(uuid.clone()),
            MachineKey::Place(..) => None,
        };
        keys.push(key);
        machines.push(MachinePlan { name, key: lasting, traces: vec![i] });
    }
    // Who enters guests is their host, and the host's clock is the reference.
    machines.sort_by_key(|m| !m.traces.iter().any(|i| runs_guests(&*opened[*i].trace)));
    RecordingPlan { path, name, machines, extent_ns }
}

fn runs_guests(trace: &dyn Trace) -> bool {
    trace.classes().iter().any(|c| c.kind == Some(EventKind::KvmEntry))
}

fn common_folder<'a>(paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let mut common: Option<PathBuf> = None;
    for path in paths {
        common = Some(match common {
            None => machine_folder(path),
            Some(c) => c.components().zip(path.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
        });
    }
    common.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_the_folder_above_kernel_and_ust() {
        assert_eq!(machine_folder(Path::new("/t/host/kernel")), Path::new("/t/host"));
        assert_eq!(machine_folder(Path::new("/t/a/ust/uid/0/64-bit")), Path::new("/t/a"));
        assert_eq!(machine_folder(Path::new("/t/plain")), Path::new("/t/plain"));
    }

    #[test]
    fn a_recording_is_named_by_what_its_traces_share() {
        let paths = ["/s/fighting/host/kernel", "/s/fighting/guest-a/kernel"].map(Path::new);
        assert_eq!(common_folder(paths.into_iter()), Path::new("/s/fighting"));
        assert_eq!(common_folder([Path::new("/s/host/kernel")].into_iter()), Path::new("/s/host"));
    }
}
