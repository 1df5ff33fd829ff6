//! Finding the packets of one stream file: from its index where that is sane, else by hopping from header to
//! header, and past what is damaged.

use std::path::{Path, PathBuf};

use crate::bytes::Mapped;
use crate::vocab::{Problem, ProblemLog};

use super::index_file;
use super::machine::Machine;
use super::model::Metadata;
use super::packet::{HeadFault, MAGIC, Packet, PacketHead, Recogniser, read_head};
use super::plan::StreamPlan;

/// Content size of a packet that LTTng has begun and not ended.
const OPEN: u64 = u64::MAX;

/// A stream file.
#[derive(Debug)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    pub(crate) map: Mapped,
}

/// The packets of a file, in its order.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) file: u32,
    /// Stream class, by position in the metadata.
    pub(crate) class: usize,
    pub(crate) instance: Option<u64>,
    pub(crate) cpu: Option<u64>,
    pub(crate) packets: Vec<(Packet, PacketHead)>,
    /// Byte ranges of the file that are no packets: offset, and the number of packets before it.
    pub(crate) damaged: Vec<usize>,
}

struct Scan<'a> {
    file: &'a DataFile,
    number: u32,
    recogniser: &'a Recogniser,
    problems: &'a ProblemLog,
    plan: &'a StreamPlan,
    class_id: u64,
    found: Scanned,
}

/// Finds the packets of a file; `None` if it is no stream of this trace (the problem log says why).
pub(crate) fn scan(
    number: u32,
    file: &DataFile,
    metadata: &Metadata,
    plans: &[StreamPlan],
    recogniser: &Recogniser,
    problems: &ProblemLog,
) -> Option<Scanned> {
    let bytes = file.map.bytes();
    if bytes.is_empty() {
        return None;
    }
    let (start, stream_id) = first_packet(file, recogniser, problems)?;
    let class = match stream_id {
        Some(id) => metadata.streams.iter().position(|s| s.id == id),
        None if metadata.streams.len() == 1 => Some(0),
        None => None,
    };
    let (Some(class), Some(id)) = (class, stream_id.or(metadata.streams.first().map(|s| s.id))) else {
        let known: Vec<String> = metadata.streams.iter().take(8).map(|s| s.id.to_string()).collect();
        let found = stream_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        problems.push(
            Problem::error(&file.path, "the file belongs to a stream class that the metadata does not declare")
                .at(start as u64)
                .found(format!("expected stream id {}, found {found}", known.join(" or "))),
        );
        return None;
    };
    let plan = plans.get(class)?;
    let mut scan = Scan {
        file,
        number,
        recogniser,
        problems,
        plan,
        class_id: id,
        found: Scanned { file: number, class, instance: None, cpu: None, packets: Vec::new(), damaged: Vec::new() },
    };
    if start > 0 {
        scan.found.damaged.push(0);
    }
    if start > 0 || !scan.by_index() {
        scan.by_hopping(start);
    }
    let head = scan.found.packets.first().map(|(_, head)| *head);
    scan.found.instance = head.and_then(|h| h.instance);
    scan.found.cpu = head.and_then(|h| h.cpu);
    Some(scan.found)
}

/// Offset and stream id of the first packet.
fn first_packet(file: &DataFile, recogniser: &Recogniser, problems: &ProblemLog) -> Option<(usize, Option<u64>)> {
    let bytes = file.map.bytes();
    let fault = match recogniser.stream_id(bytes) {
        Ok(id) => return Some((0, id)),
        Err(fault) => fault,
    };
    // A damaged begin is worth a search only if a packet follows; otherwise the file is something else.
    let next = recogniser.resynchronise(bytes, 1);
    if let Some(next) = next
        && let Ok(id) = recogniser.stream_id(&bytes[next..])
    {
        let what = "the file does not begin with a packet; what comes before its first packet is skipped";
        problems.push(Problem::warning(&file.path, what).at(0).found(fault.to_string()));
        return Some((next, id));
    }
    let what = match fault {
        HeadFault::Magic(_) => "the file beside the metadata is no stream of the trace",
        HeadFault::Fields(_) => "the file is too short for a packet header",
    };
    problems.push(Problem::warning(&file.path, what).at(0).found(fault.to_string()));
    None
}

impl std::fmt::Display for HeadFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HeadFault::Magic(found) => write!(f, "expected the packet magic {MAGIC:#010x}, found {found:#010x}"),
            HeadFault::Fields(fault) => write!(f, "the packet header cannot be read: {fault}"),
        }
    }
}

impl Scan<'_> {
    /// Takes the packets from the index, if it is sane and agrees with the first packet.
    fn by_index(&mut self) -> bool {
        let Some(entries) = read_index(&self.file.path, self.file.map.bytes().len() as u64) else { return false };
        let mut machine = Machine::new(self.plan.slots);
        let Ok(head) = read_head(self.plan, &mut machine, self.file.map.bytes(), 0) else { return false };
        let Some(first) = entries.first() else { return false };
        let agrees = head.content == Some(first.content)
            && head.size == Some(first.size)
            && head.begin == Some(first.begin)
            && head.end == Some(first.end)
            && head.discarded.is_none_or(|d| d == first.discarded)
            && head.sequence.is_none_or(|s| first.sequence == Some(s))
            && self.plan.packet.begin_bits == Some(64);
        if !agrees || entries.iter().any(|e| e.stream_id != self.class_id) {
            return false;
        }
        self.check_uuid(0);
        self.found.packets = entries
            .iter()
            .map(|e| {
                let packet = Packet {
                    file: self.number,
                    offset: e.offset,
                    bytes: e.size / 8,
                    content: e.content,
                    clock: 0,
                    cut: false,
                };
                let head = PacketHead {
                    content: Some(e.content),
                    size: Some(e.size),
                    begin: Some(e.begin),
                    end: Some(e.end),
                    discarded: head.discarded.map(|_| e.discarded),
                    sequence: head.sequence.and(e.sequence),
                    ..head
                };
                (packet, head)
            })
            .collect();
        true
    }

    /// Reads one header after the other.
    fn by_hopping(&mut self, start: usize) {
        let bytes = self.file.map.bytes();
        let mut machine = Machine::new(self.plan.slots);
        let mut offset = start;
        while offset < bytes.len() {
            match self.packet_at(&mut machine, offset) {
                Ok(next) => offset = next,
                Err((what, detail)) => {
                    let next = self.recogniser.resynchronise(bytes, offset + 1);
                    let what = match next {
                        Some(_) => format!("{what}; reading goes on at the next packet"),
                        None => format!("{what}; the rest of the file is skipped"),
                    };
                    self.problems.push(Problem::warning(&self.file.path, what).at(offset as u64).found(detail));
                    self.found.damaged.push(self.found.packets.len());
                    let Some(next) = next else { break };
                    offset = next;
                }
            }
        }
        if self.file.map.was_cut() {
            self.problems.push(Problem::error(&self.file.path, SHRANK).advise(SHRANK_ADVICE));
        }
    }

    /// Takes the packet at `offset`; returns where the next begins, or what is wrong.
    fn packet_at(&mut self, machine: &mut Machine, offset: usize) -> Result<usize, (&'static str, String)> {
        let bytes = &self.file.map.bytes()[offset..];
        let left = 8 * bytes.len() as u64;
        let head = match read_head(self.plan, machine, bytes, 0) {
            Ok(head) => head,
            Err(fault @ HeadFault::Magic(_)) => return Err(("no packet begins here", fault.to_string())),
            Err(fault) => return Err(("the packet's header is cut or damaged", fault.to_string())),
        };
        self.check_uuid(offset);
        let consumed = head.first.position;
        let mut content = head.content.or(head.size).unwrap_or(left);
        let mut size = head.size.or(head.content).unwrap_or(left);
        if content == OPEN {
            // Begun and never ended: what is behind the last event shows itself by being undecodable.
            let what = "the packet was never closed by the tracer; it is read as far as possible";
            self.problems.push(Problem::warning(&self.file.path, what).at(offset as u64));
            if size == OPEN || size > left || size < consumed {
                size = left;
            }
            content = size;
        }
        if size < consumed || size % 8 != 0 {
            let detail = format!("expected a multiple of 8 of at least {consumed} bits, found {size}");
            return Err(("the packet's size is impossible", detail));
        }
        if content > size || content < consumed {
            let what = "the packet's content size is impossible; the packet is read to its end";
            let detail = format!("expected {consumed} to {size} bits, found {content}");
            self.problems.push(Problem::warning(&self.file.path, what).at(offset as u64).found(detail));
            content = size;
        }
        let mut cut = false;
        if size > left {
            cut = true;
            let what = "the file ends inside of a packet; its events are read up to there";
            let detail = format!("expected {} bytes, found {}", size / 8, left / 8);
            self.problems.push(Problem::warning(&self.file.path, what).at(offset as u64).found(detail));
            // An impossible size must not hide the packets behind it.
            size = match self.recogniser.resynchronise(self.file.map.bytes(), offset + 1) {
                Some(next) => 8 * (next - offset) as u64,
                None => left,
            };
            content = content.min(size);
        }
        let other_class = head.stream_id.is_some_and(|id| id != self.class_id);
        if other_class {
            let what = "a packet of another stream class is skipped";
            let detail = format!("expected stream id {}, found {}", self.class_id, head.stream_id.unwrap_or(0));
            self.problems.push(Problem::warning(&self.file.path, what).at(offset as u64).found(detail));
        } else {
            let packet = Packet { file: self.number, offset: offset as u64, bytes: size / 8, content, clock: 0, cut };
            self.found.packets.push((packet, head));
        }
        Ok(offset + usize::try_from(size / 8).unwrap_or(usize::MAX / 2).max(1))
    }

    fn check_uuid(&self, offset: usize) {
        if !self.recogniser.uuid_fits(&self.file.map.bytes()[offset..]) {
            let what = "the packet's uuid is not the trace's; it is read all the same";
            self.problems.push(Problem::warning(&self.file.path, what).at(offset as u64));
        }
    }
}

/// Said of a file that became shorter while it was read.
pub(crate) const SHRANK: &str = "the file became shorter while it was open; what is behind its new end is lost";
/// What can be done about it.
pub(crate) const SHRANK_ADVICE: &str = "Open the trace again when nothing writes to it";

fn read_index(stream: &Path, size: u64) -> Option<Vec<index_file::Entry>> {
    let mut name = stream.file_name()?.to_owned();
    name.push(".idx");
    let path = stream.parent()?.join("index").join(name);
    let map = Mapped::open(&path).ok()?;
    let entries = index_file::parse(map.bytes(), size)?;
    (!map.was_cut()).then_some(entries)
}
