//! From files to streams: which files are parts of one stream, its packets in order, what was lost between
//! them, and the tracers' known slips about packet times.

use rustc_hash::FxHashMap;

use crate::trace::{Lost, LostKind, PacketInfo, StreamInfo};
use crate::vocab::{Cpu, MachineNs, Problem, ProblemLog, TimeRange};

use super::machine::Machine;
use super::model::{EnvValue, Metadata};
use super::packet::{Packet, PacketHead, read_head};
use super::plan::StreamPlan;
use super::scan::{DataFile, Scanned};
use super::walk::{Extent, walk};

/// A stream, ready to be read.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Stream class, by position in the metadata.
    pub(crate) class: usize,
    pub(crate) packets: Vec<Packet>,
    /// What was lost, by the packet whose header tells.
    pub(crate) lost: Vec<LostAt>,
}

/// A loss and where in the stream it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostAt {
    pub(crate) packet: u32,
    /// Behind the packet's events, or in front of them.
    pub(crate) behind: bool,
    pub(crate) lost: Lost,
}

/// Slips of tracers about packet times, by the version that the environment tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// LTTng: discarded events were lost after the packet's last event.
    pub(crate) lost_behind: bool,
    /// A packet that was open in a crash has the end 0.
    end_zero: bool,
    /// Events may come after the packet's end.
    end_early: bool,
}

impl Quirks {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let number = |name: &str| {
            let value = metadata.env.iter().find(|(n, _)| n == name).map(|(_, v)| v);
            match value {
                Some(EnvValue::Integer(i)) => *i,
                Some(EnvValue::Text(t)) => t.parse().unwrap_or(0),
                None => 0,
            }
        };
        let version = (number("tracer_major"), number("tracer_minor"), number("tracer_patchlevel"));
        let lttng = |end_early| Self { lost_behind: true, end_zero: true, end_early };
        match metadata.env_text("tracer_name") {
            Some("lttng-modules") => lttng(version < (2, 9, 13) || ((2, 10, 0)..(2, 10, 10)).contains(&version)),
            Some("lttng-ust") => lttng(version < (2, 11, 0)),
            _ => Self::default(),
        }
    }
}

/// Groups files into streams, in the order of their first files.
pub(crate) fn group(scanned: Vec<Scanned>) -> Vec<Vec<Scanned>> {
    let mut groups: Vec<Vec<Scanned>> = Vec::new();
    let mut by_key = FxHashMap::default();
    for one in scanned {
        let timed = one.packets.first().is_some_and(|(_, head)| head.begin.is_some());
        let key = one.instance.filter(|_| timed).map(|instance| (one.class, instance));
        let next = groups.len();
        let n = key.map_or(next, |key| *by_key.entry(key).or_insert(next));
        match groups.get_mut(n) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Makes a stream of its files' packets.
pub(crate) fn assemble(
    group: Vec<Scanned>,
    files: &[DataFile],
    plan: &StreamPlan,
    quirks: Quirks,
    problems: &ProblemLog,
) -> Option<(Stream, StreamInfo)> {
    let first = group.first()?;
    let path = files.get(first.file as usize)?.path.clone();
    let (class, cpu, many) = (first.class, first.cpu, group.len() > 1);
    let mut label = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if many
        && let Some((name, number)) = label.rsplit_once('_')
        && number.bytes().all(|b| b.is_ascii_digit())
        && name.contains('_')
    {
        // `channel0_3_7` is the eighth file of `channel0_3`.
        label = name.to_owned();
    }
    let mut packets = Vec::new();
    for scanned in group {
        let mut damaged = scanned.damaged.iter().peekable();
        for (n, (packet, head)) in scanned.packets.into_iter().enumerate() {
            let mut after_damage = false;
            while damaged.next_if(|d| **d <= n).is_some() {
                after_damage = true;
            }
            packets.push(Entry { packet, head, after_damage });
        }
    }
    if packets.iter().all(|e| e.head.begin.is_some()) {
        // Stable: packets of equal begin stay in the order of the files.
        packets.sort_by_key(|e| e.head.begin);
        packets.dedup_by(|b, a| same_packet(a, b));
    }
    let mut machine = Machine::new(plan.slots);
    let measured = measure(&mut packets, files, plan, quirks, &mut machine);
    let infos = packet_infos(&packets, plan, quirks, &measured, files, problems);
    let lost = losses(&packets, &infos, plan, quirks);
    let sum = |kind: LostKind| lost.iter().filter(|l| l.lost.kind == kind).filter_map(|l| l.lost.count).sum();
    let cpu = cpu.and_then(|c| u16::try_from(c).ok()).map_or(Cpu::UNKNOWN, Cpu);
    let info = StreamInfo {
        label,
        path,
        cpu,
        discarded_events: sum(LostKind::Events),
        lost_packets: sum(LostKind::Packets),
        lost: lost.iter().map(|l| l.lost).collect(),
        packets: infos,
    };
    let stream = Stream { class, packets: packets.into_iter().map(|e| e.packet).collect(), lost };
    Some((stream, info))
}

struct Entry {
    packet: Packet,
    head: PacketHead,
    /// Something in front of it could not be read.
    after_damage: bool,
}

/// Snapshots of one session repeat packets.
fn same_packet(a: &Entry, b: &Entry) -> bool {
    let key = |e: &Entry| (e.head.size, e.head.content, e.head.begin, e.head.end, e.head.sequence);
    a.packet.file != b.packet.file && key(a) == key(b) && a.head.size.is_some()
}

/// Walks over packets whose headers do not tell the time: all of a stream without 64-bit begins (the clock is
/// then carried from packet to packet), and packets that a crash left open. Gives first and last clock values.
fn measure(
    packets: &mut [Entry],
    files: &[DataFile],
    plan: &StreamPlan,
    quirks: Quirks,
    machine: &mut Machine,
) -> Vec<Option<Extent>> {
    let carried = plan.packet.begin_bits != Some(64);
    let mut clock = 0;
    let count = packets.len();
    packets
        .iter_mut()
        .enumerate()
        .map(|(n, entry)| {
            let open = quirks.end_zero && entry.head.end == Some(0) && entry.head.begin != Some(0);
            let unknown_end = n + 1 == count && (open || entry.head.end.is_none());
            if !carried && !unknown_end {
                return None;
            }
            let file = files.get(entry.packet.file as usize)?;
            entry.packet.clock = clock;
            let content = entry.packet.content(file.map.bytes());
            let head = read_head(plan, machine, content.bytes, clock).ok()?;
            let content = head.trim(&entry.packet, content);
            let mut place = head.first;
            let mut extent = Extent::default();
            walk(plan, machine, &content, &mut place, &mut extent);
            clock = place.clock;
            Some(extent)
        })
        .collect()
}

fn packet_infos(
    packets: &[Entry],
    plan: &StreamPlan,
    quirks: Quirks,
    measured: &[Option<Extent>],
    files: &[DataFile],
    problems: &ProblemLog,
) -> Vec<PacketInfo> {
    let instant = |clock: u64| plan.conversion.instant(clock);
    let carried = plan.packet.begin_bits != Some(64);
    let begin_of = |n: usize| {
        let declared = packets[n].head.begin.filter(|_| !carried);
        let first = measured[n].and_then(|e| e.first);
        instant(declared.or(first).unwrap_or(packets[n].packet.clock))
    };
    let mut infos: Vec<PacketInfo> = Vec::with_capacity(packets.len());
    for (n, entry) in packets.iter().enumerate() {
        let begin = begin_of(n);
        let next = (n + 1 < packets.len()).then(|| begin_of(n + 1));
        let last = measured[n].filter(|e| e.first.is_some()).map(|e| instant(e.last));
        let open = quirks.end_zero && entry.head.end == Some(0) && entry.head.begin != Some(0);
        let declared = entry.head.end.filter(|_| !open && (!carried || plan.packet.begin_bits.is_none()));
        let end = match (declared.map(instant), next) {
            (Some(end), Some(next)) if quirks.end_early => end.max(next),
            (Some(end), _) => end,
            (None, Some(next)) => next,
            (None, None) => last.unwrap_or(begin),
        };
        if end < begin {
            let path = files.get(entry.packet.file as usize).map(|f| f.path.clone()).unwrap_or_default();
            let what = "the packet ends before it begins";
            let detail = format!("begin {}, end {} ticks", entry.head.begin.unwrap_or(0), entry.head.end.unwrap_or(0));
            problems.push(Problem::warning(path, what).at(entry.packet.offset).found(detail));
        }
        let end = end.max(begin).max(last.unwrap_or(begin));
        infos.push(PacketInfo { begin, end, bytes: entry.packet.content.div_ceil(8) });
    }
    infos
}

/// What the headers tell of lost events and packets (counters of any width, compared modulo it).
fn losses(packets: &[Entry], infos: &[PacketInfo], plan: &StreamPlan, quirks: Quirks) -> Vec<LostAt> {
    let mask = super::bits::mask(plan.packet.discarded_bits);
    let mut lost = Vec::new();
    for n in 0..packets.len() {
        let head = &packets[n].head;
        let previous = n.checked_sub(1).map(|p| (&packets[p].head, infos[p].end));
        let mut tell = |begin: MachineNs, end: MachineNs, count, kind| {
            let behind = quirks.lost_behind && kind == LostKind::Events;
            let range = TimeRange::new(begin.min(end), end);
            lost.push(LostAt { packet: n as u32, behind, lost: Lost { range, count, kind } });
        };
        let (begin, end) = (infos[n].begin, infos[n].end);
        if packets[n].after_damage {
            tell(previous.map_or(begin, |p| p.1), begin, None, LostKind::Damaged);
        }
        if let Some((before, before_end)) = previous
            && let (Some(was), Some(is)) = (before.sequence, head.sequence)
            && is > was.saturating_add(1)
        {
            tell(before_end, begin, Some(is - was - 1), LostKind::Packets);
        }
        let Some(is) = head.discarded else { continue };
        match previous.map(|(before, before_end)| (before.discarded.unwrap_or(0), before_end)) {
            None if is > 0 => tell(begin, end, None, LostKind::Events),
            Some((was, before_end)) if is != was => {
                let more = is.wrapping_sub(was) & mask;
                // A counter that goes back is another session's; one that wraps has moved a little.
                let count = (more <= mask / 2).then_some(more);
                tell(before_end, end, count, LostKind::Events);
            }
            _ => {}
        }
    }
    lost
}
