//! The metadata parser: any bytes, as a file `metadata`.

use std::collections::BTreeSet;
use std::path::Path;

use stratoscope_core::ctf::model::{FieldType, IntegerType, Metadata, StructType};
use stratoscope_core::ctf::tsdl;
use stratoscope_core::vocab::Severity;

/// The parser lists fewer problems than that, whatever it reads.
const MAX_PROBLEMS: usize = 256;
/// A problem's text is for a line on a screen.
const MAX_TEXT: usize = 4096;
/// What the decoder may recurse into: the parser's own limit and the roots above it.
const MAX_DEPTH: usize = 140;

/// Parses `input` as metadata and checks what the decoder relies on.
///
/// # Panics
/// If the parser breaks its promise.
pub fn metadata(input: &[u8]) {
    let (metadata, problems) = tsdl::parse(Path::new("metadata"), input);
    assert!(problems.len() <= MAX_PROBLEMS, "{} problems", problems.len());
    for problem in &problems {
        assert!(problem.message().len() <= MAX_TEXT, "a message of {} bytes", problem.message().len());
        assert!(problem.offset.is_none_or(|at| at <= input.len() as u64), "offset {:?} is outside", problem.offset);
        assert!(problem.count > 0);
    }
    match metadata {
        Some(metadata) => check(&metadata),
        None => {
            assert!(problems.iter().any(|p| p.severity == Severity::Error), "nothing came out, and nobody says why")
        }
    }
}

fn check(metadata: &Metadata) {
    let clocks: BTreeSet<&str> = metadata.clocks.iter().map(|c| &*c.name).collect();
    assert_eq!(clocks.len(), metadata.clocks.len(), "clocks of one name");
    assert!(metadata.clocks.iter().all(|c| c.frequency > 0));
    let streams: BTreeSet<u64> = metadata.streams.iter().map(|s| s.id).collect();
    assert_eq!(streams.len(), metadata.streams.len(), "stream classes of one id");
    check_root(metadata.packet_header.as_ref(), None);
    for stream in &metadata.streams {
        let slots = Some(stream.slots);
        for root in [&stream.packet_header, &stream.packet_context, &stream.event_header, &stream.event_context] {
            check_root(root.as_ref(), slots);
        }
        let events: BTreeSet<u64> = stream.events.iter().map(|e| e.id).collect();
        assert_eq!(events.len(), stream.events.len(), "event classes of one id");
        for event in &stream.events {
            check_root(event.context.as_ref(), slots);
            check_root(event.fields.as_ref(), slots);
        }
    }
}

/// `slots` is how many there are; `None` where they are not told.
fn check_root(root: Option<&StructType>, slots: Option<u16>) {
    if let Some(root) = root {
        check_structure(root, slots, 0);
    }
}

fn check_structure(structure: &StructType, slots: Option<u16>, depth: usize) {
    check_align(structure.align);
    for member in &structure.members {
        assert!(structure.align >= member.ty.align(), "a member is aligned to more than its structure");
        check_field(&member.ty, slots, depth + 1);
    }
}

fn check_field(field: &FieldType, slots: Option<u16>, depth: usize) {
    assert!(depth <= MAX_DEPTH, "nested too deeply to be decoded by recursion");
    let check_slot = |slot: u16| assert!(slots.is_none_or(|n| slot < n), "slot {slot} of {slots:?}");
    match field {
        FieldType::Integer(integer) => check_integer(integer, slots),
        FieldType::Enum(e) => {
            check_integer(&e.container, slots);
            assert!(e.ranges.iter().all(|r| r.low <= r.high), "a range that ends before it begins");
        }
        FieldType::Float { bits, align, .. } => {
            assert!(matches!(bits, 32 | 64));
            check_align(*align);
        }
        FieldType::String(_) => {}
        FieldType::Struct(structure) => check_structure(structure, slots, depth),
        FieldType::Array { element, .. } => check_field(element, slots, depth + 1),
        FieldType::Sequence { element, length } => {
            check_slot(length.0);
            check_field(element, slots, depth + 1);
        }
        FieldType::Variant(variant) => {
            check_slot(variant.tag.0);
            for choice in &variant.choices {
                assert!(choice.option < variant.options.len(), "a tag's value selects what is not there");
                assert!(choice.low <= choice.high);
            }
            for option in &variant.options {
                check_field(&option.ty, slots, depth + 1);
            }
        }
    }
}

fn check_integer(integer: &IntegerType, slots: Option<u16>) {
    assert!((1..=64).contains(&integer.bits));
    assert!(matches!(integer.base, 2 | 8 | 10 | 16));
    check_align(integer.align);
    assert!(integer.slot.is_none_or(|slot| slots.is_none_or(|n| slot.0 < n)));
}

fn check_align(align: u32) {
    assert!(align.is_power_of_two() && align <= 1 << 20, "alignment {align}");
}
