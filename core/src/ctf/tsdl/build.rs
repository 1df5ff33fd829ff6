//! Unfolds linked types into the model, and counts what decoding them can cost: an array's size is known
//! here, so one that is absurd is refused before anybody decodes it.

use std::sync::Arc;

use super::paths::{EVENT_HEADER, Link, Links, Numbered, OF_EVENT, PACKET_CONTEXT, Source};
use super::report::{Res, fail};
use super::types::{Fields, Kind, Names, Type};
use crate::ctf::model::{EnumType, FieldType, IntegerType, Member, Slot, StructType, VariantType};

/// How many bits the parts of an array may have that do not depend on what is decoded.
const MAX_STATIC_BITS: u64 = 1 << 34;
/// How many elements without bits an array may have.
const MAX_EMPTY_ELEMENTS: u64 = 1_000_000;

/// Unfolds the types of one scope.
pub(super) struct Builder<'a> {
    pub(super) names: &'a Names,
    /// The dynamic scope.
    pub(super) scope: usize,
    pub(super) links: &'a Links,
    /// Slots of the stream class.
    pub(super) stream: &'a Numbered,
    /// Slots of the event class.
    pub(super) event: &'a Numbered,
    /// The trace's clock if it has exactly one: times without a map are on it.
    pub(super) clock: Option<&'a Arc<str>>,
    /// Where the declaration begins, for problems that concern it as a whole.
    pub(super) at: usize,
    /// Nodes that may still be made.
    pub(super) nodes: &'a mut u64,
}

/// What decoding a field costs.
#[derive(Clone, Copy)]
struct Cost {
    /// Most bits, without sequences.
    bits: u64,
    /// Values, without sequences.
    values: u64,
    /// Whether it may have no bits at all.
    empty: bool,
}

impl Builder<'_> {
    /// The structure of a scope. Errors: it is too large.
    pub(super) fn structure(&mut self, root: &Type) -> Res<Option<StructType>> {
        let spent = self.nodes.checked_sub(u64::from(root.weight));
        let Some(left) = spent else { return fail(self.at, "the metadata has more fields than can be kept") };
        *self.nodes = left;
        let Kind::Struct(fields) = &root.kind else { return Ok(None) };
        let (members, _) = self.members(fields, 0, true)?;
        Ok(Some(StructType { align: root.align, members }))
    }

    fn members(&mut self, fields: &Fields, node: u32, outermost: bool) -> Res<(Vec<Member>, Cost)> {
        let mut cost = Cost { bits: 0, values: 1, empty: true };
        let mut members = Vec::with_capacity(fields.list.len());
        for (field, start) in fields.list.iter().zip(&fields.starts) {
            let name = Arc::clone(self.names.text(self.names.bare(field.name)));
            let (mut ty, part) = self.field(&field.ty, node + start)?;
            if let FieldType::Integer(int) = &mut ty
                && int.clock.is_none()
                && self.is_time(&name, outermost)
            {
                int.clock = self.clock.cloned();
            }
            cost.bits = cost.bits.saturating_add(part.bits);
            cost.values = cost.values.saturating_add(part.values);
            cost.empty &= part.empty;
            members.push(Member { name, ty });
        }
        Ok((members, cost))
    }

    /// Whether a field of that name is a time by its name alone (CTF 1.8.3 §5.2, §6.1).
    fn is_time(&self, name: &str, outermost: bool) -> bool {
        match self.scope {
            PACKET_CONTEXT => outermost && matches!(name, "timestamp_begin" | "timestamp_end"),
            EVENT_HEADER => name == "timestamp",
            _ => false,
        }
    }

    fn integer(&self, int: &IntegerType, node: u32) -> Res<IntegerType> {
        let slots = if self.scope < OF_EVENT { self.stream } else { self.event };
        let slot = slots.of_node(self.scope, node).map(|slot| self.slot(slot)).transpose()?;
        Ok(IntegerType { slot, ..int.clone() })
    }

    fn slot(&self, number: usize) -> Res<Slot> {
        match u16::try_from(number) {
            // The count of slots must fit as well.
            Ok(number) if number < u16::MAX => Ok(Slot(number)),
            _ => fail(self.at, "a stream class has more than 65 535 lengths and tags"),
        }
    }

    fn source(&self, source: Source) -> Res<Slot> {
        match source {
            Source::Stream(group) => self.slot(self.stream.of_group(group)),
            Source::Event(group) => self.slot(self.event.of_group(group)),
        }
    }

    fn field(&mut self, ty: &Type, node: u32) -> Res<(FieldType, Cost)> {
        let bits = |bits: u64| Cost { bits, values: 1, empty: false };
        Ok(match &ty.kind {
            Kind::Integer(int) => (FieldType::Integer(self.integer(int, node)?), bits(int.bits.into())),
            Kind::Float { bits: size, align, order } => {
                (FieldType::Float { bits: *size, align: *align, order: *order }, bits((*size).into()))
            }
            Kind::Enum { container, ranges, .. } => {
                let container = self.integer(container, node)?;
                let cost = bits(container.bits.into());
                (FieldType::Enum(EnumType { container, ranges: Arc::clone(ranges) }), cost)
            }
            Kind::String(encoding) => (FieldType::String(*encoding), bits(8)),
            Kind::Struct(fields) => {
                let (members, cost) = self.members(fields, node, false)?;
                (FieldType::Struct(StructType { align: ty.align, members }), cost)
            }
            Kind::Array { element, length, at } => self.array(element, node, *length, *at)?,
            Kind::Sequence { element, length: path } => match self.links.get(&node) {
                Some(Link::Fixed(length)) => self.array(element, node, *length, path.at)?,
                Some(Link::Length(source)) => {
                    let length = self.source(*source)?;
                    let (element, _) = self.field(element, node + 1)?;
                    let cost = Cost { bits: 0, values: 1, empty: true };
                    (FieldType::Sequence { element: Box::new(element), length }, cost)
                }
                _ => return fail(path.at, "a length was not resolved"),
            },
            Kind::Variant { options, at, .. } => {
                let Some(Link::Tag { source, signed, choices }) = self.links.get(&node) else {
                    return fail(*at, "a tag was not resolved");
                };
                let tag = self.source(*source)?;
                let mut cost = Cost { bits: 0, values: 1, empty: false };
                let mut members = Vec::with_capacity(options.list.len());
                for (option, start) in options.list.iter().zip(&options.starts) {
                    let name = Arc::clone(self.names.text(self.names.bare(option.name)));
                    let (ty, part) = self.field(&option.ty, node + start)?;
                    cost.bits = cost.bits.max(part.bits);
                    cost.values = cost.values.max(part.values.saturating_add(1));
                    cost.empty |= part.empty;
                    members.push(Member { name, ty });
                }
                let variant = VariantType { tag, tag_signed: *signed, options: members, choices: choices.clone() };
                (FieldType::Variant(variant), cost)
            }
        })
    }

    fn array(&mut self, element: &Type, node: u32, length: u64, at: usize) -> Res<(FieldType, Cost)> {
        let (element, one) = self.field(element, node + 1)?;
        let cost = Cost {
            bits: one.bits.saturating_mul(length),
            values: one.values.saturating_mul(length).saturating_add(1),
            empty: one.empty || length == 0,
        };
        if cost.bits > MAX_STATIC_BITS {
            return fail(at, format!("an array of {length} elements has more than 2^34 bits"));
        }
        if one.empty && cost.values > MAX_EMPTY_ELEMENTS {
            return fail(at, format!("an array has {length} elements that may have no bits"));
        }
        Ok((FieldType::Array { element: Box::new(element), length }, cost))
    }
}
