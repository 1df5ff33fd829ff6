//! Fields as values, for tables and filters: every type of the model, straight from the types.

use std::sync::Arc;

use crate::vocab::Value;

use super::bits::{self, align_up};
use super::compile::min_bits;
use super::machine::{Fault, check_count};
use super::model::{ByteOrder, EnumType, FieldType, IntegerType, Slot, StructType, VariantType};
use super::walk::Content;

/// Values of one event, nested ones included: more are nothing for people, and would take too much memory.
const MAX_VALUES: u64 = 1 << 22;
/// Values of one event that take no bits may be so many more than it has bits: every event of a packet can have them.
const MAX_EMPTY_VALUES: u64 = 256;
/// Nested types are refused by the parser beyond 128 levels; this only bounds the stack.
const MAX_DEPTH: u32 = 300;

/// Decodes fields one after the other.
pub(crate) struct Decoder<'a> {
    content: Content<'a>,
    pub(crate) position: u64,
    slots: &'a mut [u64],
    depth: u32,
    /// Where the event's fields begin.
    begin: u64,
    /// How many values there may still be.
    values: u64,
    /// How many took no bits.
    empty: u64,
}

impl<'a> Decoder<'a> {
    /// From `position` on; `slots` are those of the packet and of the event's header.
    pub(crate) fn new(content: Content<'a>, position: u64, slots: &'a mut [u64]) -> Self {
        Self { content, position, slots, depth: 0, begin: position, values: MAX_VALUES, empty: 0 }
    }

    /// Appends a structure's members to `members`. A name that is there already is replaced.
    pub(crate) fn members(
        &mut self,
        structure: &StructType,
        members: &mut Vec<(Arc<str>, Value)>,
    ) -> Result<(), Fault> {
        self.position = align_up(self.position, u64::from(structure.align));
        for member in &structure.members {
            let value = self.value(&member.ty)?;
            members.push((Arc::clone(&member.name), value));
        }
        Ok(())
    }

    /// As [`Decoder::members`], but only of those that are `chosen`, by position; none behind the last of these is
    /// looked at.
    pub(crate) fn chosen(
        &mut self,
        structure: &StructType,
        chosen: &[bool],
        members: &mut Vec<(Arc<str>, Value)>,
    ) -> Result<(), Fault> {
        self.position = align_up(self.position, u64::from(structure.align));
        for (member, wanted) in structure.members.iter().zip(chosen) {
            if *wanted {
                let value = self.value(&member.ty)?;
                members.push((Arc::clone(&member.name), value));
            } else {
                self.skip(&member.ty)?;
            }
        }
        Ok(())
    }

    /// Steps over a value, and makes none where that is easy.
    fn skip(&mut self, ty: &FieldType) -> Result<(), Fault> {
        match ty {
            FieldType::Integer(int) | FieldType::Enum(EnumType { container: int, .. }) => {
                self.position = align_up(self.position, u64::from(ty.align()));
                self.integer(int).map(drop)
            }
            FieldType::String(_) => {
                self.position = align_up(self.position, u64::from(ty.align()));
                self.text_length().map(|length| self.position += 8 * (length as u64 + 1))
            }
            FieldType::Array { .. } | FieldType::Sequence { .. } if ty.text_encoding().is_some() => {
                self.position = align_up(self.position, u64::from(ty.align()));
                let count = match ty {
                    FieldType::Array { length, .. } => *length,
                    FieldType::Sequence { length, .. } => self.count_of(*length),
                    _ => 0,
                };
                check_count(count, 8, self.content.end.saturating_sub(self.position))?;
                self.position += 8 * count;
                Ok(())
            }
            _ => self.value(ty).map(drop),
        }
    }

    fn text_length(&self) -> Result<usize, Fault> {
        let from = (self.position >> 3) as usize;
        bits::find_nul(self.content.bytes, from, (self.content.end >> 3) as usize).ok_or(Fault::NoNul)
    }

    /// How many elements a sequence has.
    fn count_of(&self, length: Slot) -> u64 {
        self.slots.get(usize::from(length.0)).copied().unwrap_or(0)
    }

    fn value(&mut self, ty: &FieldType) -> Result<Value, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::TooLarge);
        }
        self.values = self.values.checked_sub(1).ok_or(Fault::TooLarge)?;
        self.position = align_up(self.position, u64::from(ty.align()));
        let begin = self.position;
        let value = match ty {
            FieldType::Integer(int) => {
                let raw = self.integer(int)?;
                if int.signed { Value::Signed(raw as i64) } else { Value::Unsigned { value: raw, base: int.base } }
            }
            FieldType::Enum(e) => self.enumeration(e)?,
            FieldType::Float { bits, order, .. } => self.float(*bits, *order)?,
            FieldType::String(_) => {
                let length = self.text_length()?;
                let from = (self.position >> 3) as usize;
                let text = text(self.content.bytes.get(from..from + length).unwrap_or(&[]));
                self.position += 8 * (length as u64 + 1);
                text
            }
            FieldType::Struct(structure) => {
                let mut members = Vec::with_capacity(structure.members.len());
                self.members(structure, &mut members)?;
                Value::Struct(members)
            }
            FieldType::Array { element, length } => self.elements(ty, element, *length)?,
            FieldType::Sequence { element, length } => self.elements(ty, element, self.count_of(*length))?,
            FieldType::Variant(variant) => self.variant(variant)?,
        };
        if self.position == begin {
            self.empty += 1;
            if self.empty > (self.position - self.begin).saturating_add(MAX_EMPTY_VALUES) {
                return Err(Fault::TooLarge);
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn raw(&mut self, bits: u8, order: ByteOrder) -> Result<u64, Fault> {
        let after = self.position.saturating_add(u64::from(bits));
        if after > self.content.end {
            return Err(Fault::Short);
        }
        let value = bits::read(self.content.bytes, self.position, u32::from(bits), order).ok_or(Fault::Short)?;
        self.position = after;
        Ok(value)
    }

    /// The integer, sign-extended to 64 bits if it is signed.
    fn integer(&mut self, int: &IntegerType) -> Result<u64, Fault> {
        let raw = self.raw(int.bits, int.order)?;
        let value = if int.signed { bits::sign_extend(raw, u32::from(int.bits)) as u64 } else { raw };
        if let Some(slot) = int.slot
            && let Some(slot) = self.slots.get_mut(usize::from(slot.0))
        {
            *slot = value;
        }
        Ok(value)
    }

    fn enumeration(&mut self, e: &EnumType) -> Result<Value, Fault> {
        let raw = self.integer(&e.container)?;
        let value = if e.container.signed { i128::from(raw as i64) } else { i128::from(raw) };
        let fits = e.ranges.iter().filter(|r| (r.low..=r.high).contains(&value));
        let mut labels: Vec<Arc<str>> = fits.map(|r| Arc::clone(&r.label)).collect();
        labels.sort();
        labels.dedup();
        Ok(Value::Enum { value, labels })
    }

    fn float(&mut self, bits: u8, order: ByteOrder) -> Result<Value, Fault> {
        let raw = self.raw(bits, order)?;
        Ok(Value::Float(if bits == 32 { f64::from(f32::from_bits(raw as u32)) } else { f64::from_bits(raw) }))
    }

    fn elements(&mut self, ty: &FieldType, element: &FieldType, count: u64) -> Result<Value, Fault> {
        check_count(count, min_bits(element), self.content.end.saturating_sub(self.position))?;
        if ty.text_encoding().is_some() {
            let from = (self.position >> 3) as usize;
            let bytes = self.content.bytes.get(from..from + count as usize).ok_or(Fault::Short)?;
            self.position += 8 * count;
            let nul = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            return Ok(text(&bytes[..nul]));
        }
        if count > self.values {
            return Err(Fault::TooMany(count));
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(element)?);
        }
        Ok(Value::Array(values))
    }

    fn variant(&mut self, variant: &VariantType) -> Result<Value, Fault> {
        let raw = self.slots.get(usize::from(variant.tag.0)).copied().unwrap_or(0);
        let tag = if variant.tag_signed { i128::from(raw as i64) } else { i128::from(raw) };
        let choice = variant.choices.iter().find(|c| (c.low..=c.high).contains(&tag));
        let option = choice.and_then(|c| variant.options.get(c.option)).ok_or(Fault::NoOption(tag))?;
        self.value(&option.ty)
    }
}

fn text(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

/// Members by name, the last of equal names in the place of the first: the stream's and the event's own
/// context as one.
pub(crate) fn merged(members: Vec<(Arc<str>, Value)>) -> Value {
    let mut kept: Vec<(Arc<str>, Value)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        match kept.iter_mut().find(|(n, _)| *n == name) {
            Some(same) => same.1 = value,
            None => kept.push((name, value)),
        }
    }
    Value::Struct(kept)
}
