//! Packets: their headers, and where they lie in a file (CTF 1.8.3 §5).

use crate::ctf::model::Metadata;

use super::bits;
use super::machine::{Fault, Machine, Role};
use super::model::ByteOrder;
use super::plan::{StreamPlan, packet_header, uuid_place};
use super::walk::{Content, Place};

/// First word of every packet whose header has one.
pub(crate) const MAGIC: u32 = 0xC1FC_1FC1;
/// Packets begin at multiples of a page in every tracer that can be damaged by a crash.
const PAGE: usize = 4096;

/// What a packet says of itself. Sizes in bits from the packet's begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PacketHead {
    /// Where the first event is.
    pub(crate) first: Place,
    pub(crate) content: Option<u64>,
    pub(crate) size: Option<u64>,
    pub(crate) begin: Option<u64>,
    pub(crate) end: Option<u64>,
    pub(crate) discarded: Option<u64>,
    pub(crate) sequence: Option<u64>,
    pub(crate) cpu: Option<u64>,
    pub(crate) instance: Option<u64>,
    pub(crate) stream_id: Option<u64>,
}

/// Why a packet's header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    Magic(u64),
    Fields(Fault),
}

/// Where a packet lies, and what is needed to enter it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Number of the file in the trace.
    pub(crate) file: u32,
    /// Byte offset in it.
    pub(crate) offset: u64,
    /// Bytes that are there, at most the packet's size.
    pub(crate) bytes: u64,
    /// Bits of content that are there.
    pub(crate) content: u64,
    /// The stream's clock before the packet.
    pub(crate) clock: u64,
    /// The file ends, or another packet begins, before this one should end.
    pub(crate) cut: bool,
}

impl PacketHead {
    /// The packet's content. An index is only a hint: what the packet says of its size counts, if it is possible.
    pub(crate) fn trim<'a>(&self, packet: &Packet, mut content: Content<'a>) -> Content<'a> {
        if let Some(bits) = self.content
            && (self.first.position..=8 * packet.bytes).contains(&bits)
        {
            content.end = bits.min(8 * content.bytes.len() as u64);
        }
        content
    }
}

impl Packet {
    /// The packet's bytes in its file's. They reach to the file's end, so that the walk can read ahead.
    pub(crate) fn content<'a>(&self, file: &'a [u8]) -> Content<'a> {
        let bytes = usize::try_from(self.offset).ok().and_then(|o| file.get(o..)).unwrap_or(&[]);
        Content { bytes, end: self.content.min(8 * bytes.len() as u64) }
    }
}

/// Reads header and context of the packet at the begin of `bytes`. The machine keeps their slots.
pub(crate) fn read_head(
    plan: &StreamPlan,
    machine: &mut Machine,
    bytes: &[u8],
    clock: u64,
) -> Result<PacketHead, HeadFault> {
    machine.begin_packet(clock);
    let end = 8 * bytes.len() as u64;
    let position = machine.run(bytes, end, 0, &plan.packet.header).map_err(HeadFault::Fields)?;
    if let Some(magic) = machine.role(Role::Magic)
        && magic != u64::from(MAGIC)
    {
        return Err(HeadFault::Magic(magic));
    }
    let position = machine.run(bytes, end, position, &plan.packet.context).map_err(HeadFault::Fields)?;
    Ok(PacketHead {
        first: Place { position, clock: machine.clock },
        content: machine.role(Role::ContentSize),
        size: machine.role(Role::PacketSize),
        begin: machine.role(Role::Begin),
        end: machine.role(Role::End),
        discarded: machine.role(Role::Discarded),
        sequence: machine.role(Role::Sequence),
        cpu: machine.role(Role::CpuId),
        instance: machine.role(Role::StreamInstance),
        stream_id: machine.role(Role::StreamId),
    })
}

/// What is known of packets before their stream class is: enough to tell a packet from anything else.
pub(crate) struct Recogniser {
    header: Box<[super::machine::Op]>,
    pub(crate) has_magic: bool,
    order: ByteOrder,
    /// The trace's uuid and its place in bits.
    uuid: Option<(u64, [u8; 16])>,
}

impl Recogniser {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        let mut has_magic = false;
        let header = metadata.packet_header.as_ref();
        Self {
            header: header.map(|h| packet_header(h, &mut has_magic).0).unwrap_or_default(),
            has_magic,
            order: metadata.byte_order,
            uuid: header.and_then(uuid_place).zip(metadata.uuid),
        }
    }

    /// The stream id of the packet at the begin of `bytes` (`None` where headers have none), or why there is
    /// no packet.
    pub(crate) fn stream_id(&self, bytes: &[u8]) -> Result<Option<u64>, HeadFault> {
        // The header's fields need at most the trace's slots for lengths, of which it has none in practice.
        let mut machine = Machine::new(64);
        machine.run(bytes, 8 * bytes.len() as u64, 0, &self.header).map_err(HeadFault::Fields)?;
        match machine.role(Role::Magic) {
            Some(magic) if magic != u64::from(MAGIC) => Err(HeadFault::Magic(magic)),
            _ => Ok(machine.role(Role::StreamId)),
        }
    }

    /// Whether the packet's uuid is the trace's, as far as both have one.
    pub(crate) fn uuid_fits(&self, bytes: &[u8]) -> bool {
        let Some((place, uuid)) = &self.uuid else { return true };
        let from = (place / 8) as usize;
        bytes.get(from..from + 16).is_none_or(|found| found == uuid)
    }

    /// The next packet behind `from` at a page, by its magic and uuid.
    pub(crate) fn resynchronise(&self, file: &[u8], from: usize) -> Option<usize> {
        if !self.has_magic {
            return None;
        }
        let mut at = from.checked_next_multiple_of(PAGE)?;
        while at < file.len() {
            if self.is_packet(&file[at..]) {
                return Some(at);
            }
            at += PAGE;
        }
        None
    }

    fn is_packet(&self, bytes: &[u8]) -> bool {
        bits::read(bytes, 0, 32, self.order) == Some(u64::from(MAGIC)) && self.uuid_fits(bytes)
    }
}
