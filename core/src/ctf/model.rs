//! What CTF metadata says, resolved: the meeting point of the TSDL parser (which makes it) and the decoder
//! (which compiles it into plans). No text, no paths and no aliases are left in it: lengths and tags are
//! numbered [`Slot`]s that the referenced integer fills when it is decoded.

use std::sync::Arc;

/// Byte order of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Where a decoded integer is kept for the lengths and tags that refer to it. Numbered per stream class, from
/// 0; slots of packet header and packet context keep their values for all events of the packet. Several
/// fields may fill the same slot (the same member of several options of a variant). The event classes of a
/// stream class share the numbers after its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// Text encoding of a string, or of an integer that is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// ASCII.
    Ascii,
}

/// An integer of 1 to 64 bits.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerType {
    /// Size in bits, 1 to 64.
    pub bits: u8,
    /// Alignment in bits, a power of two.
    pub align: u32,
    /// Whether it is two's complement.
    pub signed: bool,
    /// Byte order.
    pub order: ByteOrder,
    /// Preferred base for display: 2, 8, 10 or 16.
    pub base: u8,
    /// Set if the integer is a character.
    pub encoding: Option<Encoding>,
    /// Name of the clock that it updates.
    pub clock: Option<Arc<str>>,
    /// Slot that it fills, if a length or a tag refers to it.
    pub slot: Option<Slot>,
}

/// A range of an enumeration with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumRange {
    /// The label as written.
    pub label: Arc<str>,
    /// First value.
    pub low: i128,
    /// Last value (inclusive).
    pub high: i128,
}

/// An enumeration: an integer with labels. Ranges may overlap; a value may have several labels or none.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumType {
    /// The integer (its slot is the enumeration's).
    pub container: IntegerType,
    /// Labels in order of declaration.
    pub ranges: Arc<[EnumRange]>,
}

/// A member of a structure or an option of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Name with one leading `_` removed.
    pub name: Arc<str>,
    /// Type.
    pub ty: FieldType,
}

/// A structure.
#[derive(Clone, Debug, PartialEq)]
pub struct StructType {
    /// Alignment in bits: the largest of the declared minimum and of the members' alignments.
    pub align: u32,
    /// Members in order.
    pub members: Vec<Member>,
}

/// Which option a tag's value selects.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// First value of the tag.
    pub low: i128,
    /// Last value of the tag (inclusive).
    pub high: i128,
    /// Index of the option.
    pub option: usize,
}

/// A variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantType {
    /// Slot of the tag.
    pub tag: Slot,
    /// Whether the tag is signed (how to read the slot's 64 bits).
    pub tag_signed: bool,
    /// Options in order of declaration.
    pub options: Vec<Member>,
    /// Ranges of the tag's values; the first that matches counts.
    pub choices: Vec<Choice>,
}

/// A type of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldType {
    /// An integer.
    Integer(IntegerType),
    /// An IEEE-754 number of 32 or 64 bits (`bits`), laid out as an unsigned integer of that size.
    Float {
        /// 32 or 64.
        bits: u8,
        /// Alignment in bits.
        align: u32,
        /// Byte order.
        order: ByteOrder,
    },
    /// An enumeration.
    Enum(EnumType),
    /// NUL-terminated text, byte-aligned.
    String(Encoding),
    /// A structure.
    Struct(StructType),
    /// A fixed number of elements.
    Array {
        /// Element.
        element: Box<FieldType>,
        /// How many.
        length: u64,
    },
    /// As many elements as an integer decoded before says.
    Sequence {
        /// Element.
        element: Box<FieldType>,
        /// Slot of the length.
        length: Slot,
    },
    /// One of several types, by a tag decoded before.
    Variant(VariantType),
}

impl FieldType {
    /// Alignment in bits that is applied before the field: a variant's is 1, its option aligns itself.
    pub fn align(&self) -> u32 {
        match self {
            FieldType::Integer(i) => i.align,
            FieldType::Float { align, .. } => *align,
            FieldType::Enum(e) => e.container.align,
            FieldType::String(_) => 8,
            FieldType::Struct(s) => s.align,
            FieldType::Array { element, .. } | FieldType::Sequence { element, .. } => element.align(),
            FieldType::Variant(_) => 1,
        }
    }

    /// The element's encoding if this is an array or sequence of 8-bit, byte-aligned characters: text, cut
    /// at its first NUL (CTF 1.8.3 §4.2.5).
    pub fn text_encoding(&self) -> Option<Encoding> {
        match self {
            FieldType::Array { element, .. } | FieldType::Sequence { element, .. } => match &**element {
                FieldType::Integer(i) if i.bits == 8 && i.align == 8 => i.encoding,
                _ => None,
            },
            _ => None,
        }
    }
}

/// A clock of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockClass {
    /// Name that `map = clock.NAME.value` refers to.
    pub name: Arc<str>,
    /// Identity: the boot id for LTTng.
    pub uuid: Option<String>,
    /// Description.
    pub description: String,
    /// Ticks a second, never 0.
    pub frequency: u64,
    /// Offset from the epoch, seconds part.
    pub offset_s: i64,
    /// Offset from the epoch, ticks part (may be negative, may exceed a second).
    pub offset: i128,
    /// Whether the epoch is 1970 for all.
    pub absolute: bool,
}

/// A value of the environment block.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvValue {
    /// A number.
    Integer(i128),
    /// Text.
    Text(String),
}

/// A class of events.
#[derive(Clone, Debug, PartialEq)]
pub struct EventType {
    /// Id in its stream class.
    pub id: u64,
    /// Name.
    pub name: Arc<str>,
    /// Log level, if any.
    pub log_level: Option<i64>,
    /// The event's own context.
    pub context: Option<StructType>,
    /// Payload.
    pub fields: Option<StructType>,
}

/// A class of streams.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamType {
    /// Id in the trace.
    pub id: u64,
    /// The trace's packet header, with the slots that this stream class needs.
    pub packet_header: Option<StructType>,
    /// Packet context.
    pub packet_context: Option<StructType>,
    /// Event header.
    pub event_header: Option<StructType>,
    /// Context of every event.
    pub event_context: Option<StructType>,
    /// Classes of events, ids unique.
    pub events: Vec<EventType>,
    /// How many slots its fields use.
    pub slots: u16,
}

/// A whole metadata stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Declared version, normally (1, 8).
    pub version: (u64, u64),
    /// Identity of the trace: packets repeat it.
    pub uuid: Option<[u8; 16]>,
    /// The trace's byte order.
    pub byte_order: ByteOrder,
    /// Packet header as declared, with slots numbered for itself alone (0 if nothing refers to its members):
    /// enough to find a packet's stream class.
    pub packet_header: Option<StructType>,
    /// Environment in order.
    pub env: Vec<(String, EnvValue)>,
    /// Clocks.
    pub clocks: Vec<ClockClass>,
    /// Stream classes, ids unique.
    pub streams: Vec<StreamType>,
}

impl Metadata {
    /// The environment's text of that name.
    pub fn env_text(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(n, _)| n == name).and_then(|(_, v)| match v {
            EnvValue::Text(t) => Some(t.as_str()),
            EnvValue::Integer(_) => None,
        })
    }

    /// The environment's number of that name.
    pub fn env_integer(&self, name: &str) -> Option<i128> {
        self.env.iter().find(|(n, _)| n == name).and_then(|(_, v)| match v {
            EnvValue::Integer(i) => Some(*i),
            EnvValue::Text(_) => None,
        })
    }
}
