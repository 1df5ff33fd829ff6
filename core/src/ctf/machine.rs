//! The small machine that steps over fields whose place is not known beforehand.
//!
//! Metadata is compiled once into lists of [`Op`] (see `plan`); a field list without strings, sequences and
//! variants becomes one [`Op::Skip`]. The machine never allocates and checks every length against what is
//! left of the packet, so hostile lengths end in a [`Fault`] at once.

use super::bits::{self, align_up};
use super::clock;
use super::model::ByteOrder;

/// How many fields of an event a typed event may need.
pub(crate) const REGISTERS: usize = 12;
/// A register or a role that has no value.
pub(crate) const NOWHERE: u64 = u64::MAX;
/// A length in a register that means: up to the NUL.
pub(crate) const UNTIL_NUL: u64 = u64::MAX;
/// Elements that may be of zero size take no room that could bound their number: so many in one packet.
const MAX_EMPTY_ELEMENTS: u64 = 1_000_000;

/// Fields with a meaning of their own (CTF 1.8.3 §5.2, §5.3, §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Role {
    EventId,
    Magic,
    StreamId,
    StreamInstance,
    ContentSize,
    PacketSize,
    Begin,
    End,
    Discarded,
    Sequence,
    CpuId,
}

const ROLES: usize = Role::CpuId as usize + 1;

/// An integer that somebody needs: a length, a tag, a timestamp, an id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct IntOp {
    pub(crate) bits: u8,
    pub(crate) signed: bool,
    pub(crate) order: ByteOrder,
    pub(crate) slot: Option<u16>,
    pub(crate) role: Option<Role>,
    pub(crate) clock: bool,
}

/// One step over fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// So many bits that nobody needs.
    Skip(u64),
    /// To the next multiple.
    Align(u64),
    /// NUL-terminated text.
    Text,
    /// An integer that is needed.
    Int(IntOp),
    /// Remembers the place of the field that follows, and its length in bytes if it is text.
    Mark { register: u8, length: MarkLength },
    /// A sequence of elements of one size: all but the last take `stride` bits.
    Sequence { slot: u16, stride: u64, last: u64 },
    /// `count` elements that must be stepped over one by one.
    Loop { count: Count, min_bits: u64, body: Box<[Op]> },
    /// One of several field lists.
    Variant(Box<VariantOp>),
    /// A static size beyond any packet.
    TooLarge,
}

/// Length of a marked text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MarkLength {
    None,
    UntilNul,
    Bytes(u64),
    Slot(u16),
}

/// How many elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Count {
    Fixed(u64),
    Slot(u16),
}

/// A variant's options.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VariantOp {
    pub(crate) slot: u16,
    pub(crate) signed: bool,
    /// First tag, last tag, option.
    pub(crate) choices: Box<[(i128, i128, usize)]>,
    pub(crate) options: Box<[Box<[Op]>]>,
}

/// Why an event could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A field does not end before the packet's content does.
    Short,
    /// Text without its NUL.
    NoNul,
    /// A tag that selects nothing.
    NoOption(i128),
    /// A number of elements that cannot be in the packet.
    TooMany(u64),
    /// An id that no event class has.
    UnknownId(u64),
    /// An event of zero bits: reading on would never end.
    Empty,
    /// A type larger than any packet.
    TooLarge,
}

/// What a stream's fields leave behind for the fields after them.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) slots: Vec<u64>,
    /// Bit positions of marked fields, [`NOWHERE`] if the field is not there.
    pub(crate) at: [u64; REGISTERS],
    /// Lengths of marked texts.
    pub(crate) length: [u64; REGISTERS],
    pub(crate) clock: u64,
    roles: [u64; ROLES],
    present: u16,
    /// How many elements that may be of zero size are still believed.
    empty_elements: u64,
}

impl Machine {
    pub(crate) fn new(slots: u16) -> Self {
        Self {
            slots: vec![0; usize::from(slots)],
            at: [NOWHERE; REGISTERS],
            length: [0; REGISTERS],
            clock: 0,
            roles: [0; ROLES],
            present: 0,
            empty_elements: MAX_EMPTY_ELEMENTS,
        }
    }

    /// Prepares for another packet.
    pub(crate) fn begin_packet(&mut self, clock: u64) {
        self.forget_roles();
        self.clock = clock;
        self.empty_elements = MAX_EMPTY_ELEMENTS;
    }

    pub(crate) fn forget_roles(&mut self) {
        self.present = 0;
    }

    pub(crate) fn role(&self, role: Role) -> Option<u64> {
        (self.present & 1 << role as u8 != 0).then_some(self.roles[role as usize])
    }

    fn slot(&self, slot: u16) -> u64 {
        self.slots.get(usize::from(slot)).copied().unwrap_or(0)
    }

    /// Runs `ops` from bit `position` on; the content ends at bit `end`, which lies within `bytes`. Returns
    /// the position behind the last field.
    pub(crate) fn run(&mut self, bytes: &[u8], end: u64, mut position: u64, ops: &[Op]) -> Result<u64, Fault> {
        for op in ops {
            match op {
                Op::Skip(bits) => position = position.saturating_add(*bits),
                Op::Align(align) => position = align_up(position, *align),
                Op::Text => {
                    let from = (position >> 3) as usize;
                    let length = bits::find_nul(bytes, from, (end >> 3) as usize).ok_or(Fault::NoNul)?;
                    position += 8 * (length as u64 + 1);
                }
                Op::Int(int) => {
                    position = self.int(bytes, end, position, int)?;
                }
                Op::Mark { register, length } => {
                    let n = usize::from(*register) % REGISTERS;
                    self.at[n] = position;
                    self.length[n] = match length {
                        MarkLength::None => 0,
                        MarkLength::UntilNul => UNTIL_NUL,
                        MarkLength::Bytes(bytes) => *bytes,
                        MarkLength::Slot(slot) => self.slot(*slot).min(end >> 3),
                    };
                }
                Op::Sequence { slot, stride, last } => {
                    let count = self.slot(*slot);
                    if count > 0 {
                        let left = end.saturating_sub(position);
                        let bits = (count - 1).checked_mul(*stride).and_then(|b| b.checked_add(*last));
                        match bits {
                            Some(bits) if bits <= left => position += bits,
                            _ => return Err(Fault::TooMany(count)),
                        }
                    }
                }
                Op::Loop { count, min_bits, body } => {
                    position = self.repeat(bytes, end, position, *count, *min_bits, body)?;
                }
                Op::Variant(variant) => {
                    let raw = self.slot(variant.slot);
                    let tag = if variant.signed { i128::from(raw as i64) } else { i128::from(raw) };
                    let option = variant.choices.iter().find(|(low, high, _)| (*low..=*high).contains(&tag));
                    let ops = option.and_then(|(_, _, n)| variant.options.get(*n)).ok_or(Fault::NoOption(tag))?;
                    position = self.run(bytes, end, position, ops)?;
                }
                Op::TooLarge => return Err(Fault::TooLarge),
            }
            if position > end {
                return Err(Fault::Short);
            }
        }
        Ok(position)
    }

    #[inline]
    fn int(&mut self, bytes: &[u8], end: u64, position: u64, int: &IntOp) -> Result<u64, Fault> {
        let bits = u32::from(int.bits);
        let after = position.saturating_add(u64::from(bits));
        if after > end {
            return Err(Fault::Short);
        }
        let mut value = bits::read(bytes, position, bits, int.order).ok_or(Fault::Short)?;
        if int.clock {
            self.clock = clock::advance(self.clock, value, bits);
        }
        if int.signed {
            value = bits::sign_extend(value, bits) as u64;
        }
        if let Some(role) = int.role {
            self.roles[role as usize] = value;
            self.present |= 1 << role as u8;
        }
        if let Some(slot) = int.slot
            && let Some(slot) = self.slots.get_mut(usize::from(slot))
        {
            *slot = value;
        }
        Ok(after)
    }

    fn repeat(
        &mut self,
        bytes: &[u8],
        end: u64,
        mut position: u64,
        count: Count,
        min_bits: u64,
        body: &[Op],
    ) -> Result<u64, Fault> {
        let count = match count {
            Count::Fixed(n) => n,
            Count::Slot(slot) => self.slot(slot),
        };
        check_count(count, min_bits, end.saturating_sub(position))?;
        if min_bits == 0 {
            // Such loops may be nested: what they do in all is bounded, not each alone.
            self.empty_elements = self.empty_elements.checked_sub(count).ok_or(Fault::TooMany(count))?;
        }
        for _ in 0..count {
            position = self.run(bytes, end, position, body)?;
        }
        Ok(position)
    }
}

/// Refuses a number of elements that cannot lie in the `left` bits of the packet.
pub(crate) fn check_count(count: u64, min_bits: u64, left: u64) -> Result<(), Fault> {
    let most = left.checked_div(min_bits).unwrap_or(MAX_EMPTY_ELEMENTS);
    if count > most { Err(Fault::TooMany(count)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ops: &[Op], bytes: &[u8]) -> Result<u64, Fault> {
        let mut machine = Machine::new(2);
        machine.run(bytes, 8 * bytes.len() as u64, 0, ops)
    }

    fn length(bits: u8) -> Op {
        let order = ByteOrder::Little;
        Op::Int(IntOp { bits, signed: false, order, slot: Some(0), role: None, clock: false })
    }

    #[test]
    fn lengths_are_checked_before_they_are_believed() {
        let words = |n| [length(32), Op::Sequence { slot: 0, stride: 32, last: n }];
        assert_eq!(run(&words(32), &[2, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]), Ok(96));
        assert_eq!(run(&words(32), &[3, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]), Err(Fault::TooMany(3)));
        assert_eq!(run(&words(32), &[0xFF; 12]), Err(Fault::TooMany(u64::from(u32::MAX))));
        let texts = [length(8), Op::Loop { count: Count::Slot(0), min_bits: 8, body: Box::new([Op::Text]) }];
        assert_eq!(run(&texts, b"\x02ab\0\0"), Ok(40));
        assert_eq!(run(&texts, b"\x02ab\0c"), Err(Fault::NoNul));
        assert_eq!(run(&texts, b"\x09ab\0c"), Err(Fault::TooMany(9)));
        let nothing = [length(64), Op::Loop { count: Count::Slot(0), min_bits: 0, body: Box::new([]) }];
        assert_eq!(run(&nothing, &[0xFF; 8]), Err(Fault::TooMany(u64::MAX)));
        assert_eq!(run(&[Op::Skip(9)], &[0]), Err(Fault::Short));
        assert_eq!(run(&[Op::Skip(u64::MAX), Op::Skip(u64::MAX)], &[0]), Err(Fault::Short));
    }

    #[test]
    fn a_variant_takes_its_tags_option() {
        let variant = VariantOp {
            slot: 0,
            signed: false,
            choices: Box::new([(0, 3, 0), (4, 4, 1)]),
            options: Box::new([Box::new([Op::Skip(8)]), Box::new([Op::Text])]),
        };
        let ops = [length(8), Op::Variant(Box::new(variant))];
        assert_eq!(run(&ops, &[3, 1, 1]), Ok(16));
        assert_eq!(run(&ops, &[4, 1, 0]), Ok(24));
        assert_eq!(run(&ops, &[5, 1, 0]), Err(Fault::NoOption(5)));
    }
}
