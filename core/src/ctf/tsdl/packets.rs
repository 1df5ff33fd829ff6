//! From the bytes of a `metadata` file to its text: takes the packets of a packetised metadata stream apart
//! (CTF 1.8.3 §7.1) and remembers which byte of the file every byte of the text came from.
//!
//! Nothing here looks into the text, apart from its first byte, which tells TSDL from CTF 2.

use std::borrow::Cow;

use crate::ctf::model::ByteOrder;

/// First word of every metadata packet.
const MAGIC: u32 = 0x75D1_1D57;
/// Bytes of a metadata packet's header; the fields follow each other without padding.
const HEADER: usize = 37;

/// The text of a metadata stream.
#[derive(Debug)]
pub(super) struct Text<'b> {
    /// The text itself; not necessarily UTF-8.
    pub(super) bytes: Cow<'b, [u8]>,
    /// Begin of each piece: offset in `bytes`, offset in the file; sorted by both.
    pieces: Vec<(usize, u64)>,
    /// Byte order of the packet headers, if there were any.
    pub(super) order: Option<ByteOrder>,
    /// Identity in the packet headers, if there were any.
    pub(super) uuid: Option<[u8; 16]>,
    /// Whether the file is known to end too early: what follows the last whole declaration is not an error.
    pub(super) cut: bool,
    /// What was odd about the packets: file offset, sentence, detail.
    pub(super) odd: Vec<(u64, &'static str, String)>,
}

/// Why there is no text: file offset, sentence, detail.
pub(super) type Refusal = (u64, &'static str, String);

impl Text<'_> {
    /// Offset in the file of the byte at `at` in the text.
    pub(super) fn file_offset(&self, at: usize) -> u64 {
        let piece = self.pieces.partition_point(|&(text, _)| text <= at).saturating_sub(1);
        self.pieces.get(piece).map_or(0, |&(text, file)| file + (at.saturating_sub(text)) as u64)
    }

    /// Whether the text is a CTF 2 metadata stream: a JSON text sequence (RFC 7464), or bare JSON.
    pub(super) fn is_ctf2(&self) -> bool {
        let first = self.bytes.iter().find(|b| !b.is_ascii_whitespace());
        matches!(first, Some(0x1e | b'{' | b'['))
    }
}

/// Takes the packets apart if `file` has any; otherwise the text is the file.
pub(super) fn unpack(file: &[u8]) -> Result<Text<'_>, Refusal> {
    if file.iter().all(|&b| b == 0 || b.is_ascii_whitespace()) {
        return Err((0, "the metadata is empty", String::new()));
    }
    match order_of(file) {
        Some(order) => unpack_packets(file, order),
        None => Ok(plain(file)),
    }
}

fn order_of(bytes: &[u8]) -> Option<ByteOrder> {
    let word = bytes.first_chunk::<4>()?;
    if u32::from_le_bytes(*word) == MAGIC {
        Some(ByteOrder::Little)
    } else if u32::from_be_bytes(*word) == MAGIC {
        Some(ByteOrder::Big)
    } else {
        None
    }
}

fn plain(file: &[u8]) -> Text<'_> {
    // Editors of some systems begin UTF-8 files with a byte-order mark.
    let begin = if file.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut odd = Vec::new();
    let end = file.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1).max(begin);
    if end < file.len() {
        odd.push((end as u64, "the metadata ends with zero bytes", format!("{} bytes were ignored", file.len() - end)));
    }
    Text {
        bytes: Cow::Borrowed(&file[begin..end]),
        pieces: vec![(0, begin as u64)],
        order: None,
        uuid: None,
        cut: false,
        odd,
    }
}

/// The fields of a packet header that matter.
struct Header {
    uuid: [u8; 16],
    content_bits: u32,
    packet_bits: u32,
    compression: u8,
    encryption: u8,
    checksum: u8,
}

impl Header {
    fn read(bytes: &[u8; HEADER], order: ByteOrder) -> Self {
        let word = |at: usize| {
            let raw = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            match order {
                ByteOrder::Little => u32::from_le_bytes(raw),
                ByteOrder::Big => u32::from_be_bytes(raw),
            }
        };
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[4..20]);
        Self {
            uuid,
            content_bits: word(24),
            packet_bits: word(28),
            compression: bytes[32],
            encryption: bytes[33],
            checksum: bytes[34],
        }
    }
}

fn unpack_packets(file: &[u8], order: ByteOrder) -> Result<Text<'_>, Refusal> {
    let mut text = Text {
        bytes: Cow::Borrowed(&[]),
        pieces: Vec::new(),
        order: Some(order),
        uuid: None,
        cut: false,
        odd: Vec::new(),
    };
    let mut bytes = Vec::with_capacity(file.len());
    let mut at = 0;
    while at < file.len() {
        let rest = &file[at..];
        if at > 0 && rest.iter().all(|&b| b == 0) {
            break; // Padding that no packet owns.
        }
        let Some(raw) = rest.first_chunk::<HEADER>() else {
            text.cut = true;
            text.odd.push((
                at as u64,
                "the metadata ends inside a packet header",
                format!("{} of 37 bytes", rest.len()),
            ));
            break;
        };
        if order_of(rest) != Some(order) {
            text.cut = true;
            let found =
                format!("expected 0x75d11d57, found 0x{:02x}{:02x}{:02x}{:02x}", raw[0], raw[1], raw[2], raw[3]);
            text.odd.push((at as u64, "the rest of the metadata is not a packet", found));
            break;
        }
        let header = Header::read(raw, order);
        for (value, what) in
            [(header.compression, "compressed"), (header.encryption, "encrypted"), (header.checksum, "checksummed")]
        {
            if value != 0 {
                let detail = format!("the packet at byte {at} is {what} (scheme {value})");
                return Err((
                    at as u64,
                    "metadata packets with compression, encryption or checksums are not read",
                    detail,
                ));
            }
        }
        match text.uuid {
            None => text.uuid = Some(header.uuid),
            Some(uuid) if uuid != header.uuid => {
                text.odd.push((at as u64, "metadata packets have different UUIDs", String::new()));
            }
            Some(_) => {}
        }
        let content = header.content_bits as usize / 8;
        if header.content_bits == u32::MAX {
            // LTTng writes all ones when it opens a packet: its recorder never came to close this one.
            let body = &rest[HEADER..];
            let end = body.iter().position(|&b| b == 0).unwrap_or(body.len());
            text.pieces.push((bytes.len(), (at + HEADER) as u64));
            bytes.extend_from_slice(&body[..end]);
            text.cut = true;
            text.odd.push((at as u64, "the last metadata packet was never closed", format!("took {end} bytes of it")));
            break;
        }
        if content < HEADER {
            let detail = format!("expected at least 37 bytes, found {content}");
            if at == 0 {
                return Err((0, "a metadata packet is smaller than its header", detail));
            }
            text.cut = true;
            text.odd.push((at as u64, "a metadata packet is smaller than its header", detail));
            break;
        }
        let end = content.min(rest.len());
        text.pieces.push((bytes.len(), (at + HEADER) as u64));
        bytes.extend_from_slice(&rest[HEADER..end]);
        if end < content {
            text.cut = true;
            let detail = format!("expected {content} bytes, found {end}");
            text.odd.push((at as u64, "the metadata ends inside a packet", detail));
            break;
        }
        let packet = header.packet_bits as usize / 8;
        if packet < content {
            let detail = format!("packet {packet} bytes, content {content}");
            text.odd.push((at as u64, "a metadata packet is smaller than its content", detail));
        }
        at += packet.max(content);
    }
    text.odd.truncate(64);
    text.bytes = Cow::Owned(bytes);
    if text.bytes.is_empty() {
        return Err((0, "the metadata is empty", "its packets hold no text".to_owned()));
    }
    Ok(text)
}
