//! LTTng's two event headers, recognised by their shape and read by hand: most traces of kernels are these.
//!
//! *compact*: 5 bits of id and 27 of time in one word; id 31 announces the extended form. *large*: 16 bits of
//! id, 32 of time; id 65535 announces it. The extended form has a 32-bit id and a 64-bit time and is aligned
//! as a structure of its own, in front of the id.

use super::bits::align_up;
use super::clock::advance;
use super::model::{ByteOrder, FieldType, IntegerType, Slot, StructType, VariantType};

/// Bytes that must be readable behind a header's begin: an extended header with all its alignments.
pub(crate) const READ_AHEAD: usize = 48;

/// Alignments of an LTTng event header, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LttngHeader {
    pub(crate) large: bool,
    pub(crate) order: ByteOrder,
    align: u64,
    /// Of the 32-bit time of the large form.
    time_align: u64,
    /// Of the extended form.
    extended_align: u64,
    extended_time_align: u64,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: u64,
    pub(crate) clock: u64,
    pub(crate) after: u64,
}

fn plain(ty: &FieldType, bits: u8, order: ByteOrder) -> Option<&IntegerType> {
    match ty {
        FieldType::Integer(i) if i.bits == bits && !i.signed && i.order == order && i.slot.is_none() => Some(i),
        _ => None,
    }
}

fn members<'t>(ty: &'t FieldType, names: &[&str]) -> Option<(&'t StructType, Vec<&'t FieldType>)> {
    let FieldType::Struct(s) = ty else { return None };
    let same = s.members.len() == names.len() && s.members.iter().zip(names).all(|(m, n)| *m.name == **n);
    same.then(|| (s, s.members.iter().map(|m| &m.ty).collect()))
}

impl LttngHeader {
    /// The header, if it has exactly one of the two shapes. `used` are the slots that other fields refer to:
    /// the hand-written code does not keep the id's.
    pub(crate) fn recognise(header: &StructType, used: &[Slot]) -> Option<Self> {
        let [id, v] = header.members.as_slice() else { return None };
        let (FieldType::Enum(id_type), FieldType::Variant(variant)) = (&id.ty, &v.ty) else { return None };
        let int = &id_type.container;
        let large = match int.bits {
            5 => false,
            16 => true,
            _ => return None,
        };
        let slot = int.slot?;
        if &*id.name != "id" || int.signed || int.clock.is_some() || variant.tag != slot || used.contains(&slot) {
            return None;
        }
        let order = int.order;
        let (normal, extended) = Self::options(variant, (1i128 << int.bits) - 1)?;
        let (_, time) = members(normal, &["timestamp"])?;
        let time = plain(time[0], if large { 32 } else { 27 }, order)?;
        let (extended_struct, parts) = members(extended, &["id", "timestamp"])?;
        let extended_id = plain(parts[0], 32, order)?;
        let extended_time = plain(parts[1], 64, order)?;
        time.clock.as_ref()?;
        extended_time.clock.as_ref()?;
        let aligns = [header.align, extended_struct.align, extended_time.align, extended_id.align];
        let time_fits = if large { time.align >= 8 } else { time.align == 1 };
        if !time_fits
            || time.align > 64
            || int.align > header.align
            || extended_id.align > extended_struct.align
            || aligns.iter().any(|a| !(8..=64).contains(a))
        {
            return None;
        }
        Some(Self {
            large,
            order,
            align: u64::from(header.align),
            time_align: u64::from(time.align),
            extended_align: u64::from(extended_struct.align),
            extended_time_align: u64::from(extended_time.align),
        })
    }

    /// The option for ids below `escape` and the one for `escape`.
    fn options(variant: &VariantType, escape: i128) -> Option<(&FieldType, &FieldType)> {
        let [a, b] = variant.choices.as_slice() else { return None };
        let (a, b) = if a.low == 0 { (a, b) } else { (b, a) };
        if (a.low, a.high, b.low, b.high) != (0, escape - 1, escape, escape) || a.option == b.option {
            return None;
        }
        Some((&variant.options.get(a.option)?.ty, &variant.options.get(b.option)?.ty))
    }

    /// Reads the header at `position`, which need not be aligned yet. `bytes` must reach [`READ_AHEAD`] bytes
    /// further; `None` if it does not.
    #[inline(always)]
    pub(crate) fn read<const LARGE: bool, const BIG: bool>(
        &self,
        bytes: &[u8],
        position: u64,
        clock: u64,
    ) -> Option<Head> {
        let begin = align_up(position, self.align);
        let window = bytes.get((begin >> 3) as usize..)?.first_chunk::<READ_AHEAD>()?;
        if LARGE {
            let id = u16_at::<BIG>(window, 0);
            if id == u16::MAX {
                return self.extended::<BIG>(window, begin, 16);
            }
            let time_at = align_up(begin + 16, self.time_align);
            let time = u32_at::<BIG>(window, ((time_at - begin) >> 3) as usize)?;
            Some(Head { id: u64::from(id), clock: advance(clock, u64::from(time), 32), after: time_at + 32 })
        } else {
            let word = u32_at::<BIG>(window, 0)?;
            let (id, time) = if BIG { (word >> 27, word & 0x07FF_FFFF) } else { (word & 31, word >> 5) };
            if id == 31 {
                return self.extended::<BIG>(window, begin, 5);
            }
            Some(Head { id: u64::from(id), clock: advance(clock, u64::from(time), 27), after: begin + 32 })
        }
    }

    #[cold]
    fn extended<const BIG: bool>(&self, window: &[u8; READ_AHEAD], begin: u64, id_bits: u64) -> Option<Head> {
        let id_at = align_up(begin + id_bits, self.extended_align);
        let time_at = align_up(id_at + 32, self.extended_time_align);
        let id = u32_at::<BIG>(window, ((id_at - begin) >> 3) as usize)?;
        let time = *window.get(((time_at - begin) >> 3) as usize..)?.first_chunk::<8>()?;
        let clock = if BIG { u64::from_be_bytes(time) } else { u64::from_le_bytes(time) };
        Some(Head { id: u64::from(id), clock, after: time_at + 64 })
    }
}

#[inline(always)]
fn u16_at<const BIG: bool>(window: &[u8; READ_AHEAD], at: usize) -> u16 {
    let bytes = [window[at], window[at + 1]];
    if BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

#[inline(always)]
fn u32_at<const BIG: bool>(window: &[u8; READ_AHEAD], at: usize) -> Option<u32> {
    let bytes = *window.get(at..)?.first_chunk::<4>()?;
    Some(if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ctf::model::{Choice, EnumType, Member};

    fn int(bits: u8, align: u32, order: ByteOrder, clock: bool) -> IntegerType {
        IntegerType {
            bits,
            align,
            signed: false,
            order,
            base: 10,
            encoding: None,
            clock: clock.then(|| "monotonic".into()),
            slot: None,
        }
    }

    /// The header as LTTng declares it; `natural` alignments are those of 32-bit ARM and the like.
    pub(crate) fn lttng(large: bool, natural: bool, order: ByteOrder) -> StructType {
        let align = |bits: u32| if natural { bits } else { 8 };
        let member = |name: &str, ty| Member { name: name.into(), ty };
        let number = |name: &str, bits: u8, clock| {
            let align = if bits == 27 { 1 } else { align(u32::from(bits)) };
            member(name, FieldType::Integer(int(bits, align, order, clock)))
        };
        let structure = |members: Vec<Member>| {
            let align = members.iter().map(|m| m.ty.align()).max().unwrap_or(1);
            FieldType::Struct(StructType { align, members })
        };
        let (bits, escape) = if large { (16, 65535) } else { (5, 31) };
        let mut container = int(bits, if large { align(16) } else { 1 }, order, false);
        container.slot = Some(Slot(0));
        StructType {
            align: if large { align(16) } else { align(32) },
            members: vec![
                member("id", FieldType::Enum(EnumType { container, ranges: [].into() })),
                member(
                    "v",
                    FieldType::Variant(VariantType {
                        tag: Slot(0),
                        tag_signed: false,
                        options: vec![
                            member("compact", structure(vec![number("timestamp", if large { 32 } else { 27 }, true)])),
                            member("extended", structure(vec![number("id", 32, false), number("timestamp", 64, true)])),
                        ],
                        choices: vec![
                            Choice { low: 0, high: escape - 1, option: 0 },
                            Choice { low: escape, high: escape, option: 1 },
                        ],
                    }),
                ),
            ],
        }
    }

    fn read(header: &LttngHeader, bytes: &[u8], position: u64, clock: u64) -> Option<Head> {
        match (header.large, header.order) {
            (false, ByteOrder::Little) => header.read::<false, false>(bytes, position, clock),
            (false, ByteOrder::Big) => header.read::<false, true>(bytes, position, clock),
            (true, ByteOrder::Little) => header.read::<true, false>(bytes, position, clock),
            (true, ByteOrder::Big) => header.read::<true, true>(bytes, position, clock),
        }
    }

    #[test]
    fn both_forms_in_both_orders_and_alignments() {
        use ByteOrder::{Big, Little};
        // large, natural, order, position, bytes from byte 0 on, id, clock, after
        type Vector<'a> = (bool, bool, ByteOrder, u64, &'a [u8], u64, u64, u64);
        #[rustfmt::skip]
        let vectors: &[Vector<'_>] = &[
            (false, false, Little, 0, &[0x85, 0x35, 0xF1, 0xAC], 5, 0x56789AC, 32),
            (false, false, Big, 0, &[0x2D, 0x67, 0x89, 0xAC], 5, 0x56789AC, 32),
            (false, false, Little, 8, &[9, 0x85, 0x35, 0xF1, 0xAC], 5, 0x56789AC, 40),
            (false, true, Big, 1, &[9, 9, 9, 9, 0x2D, 0x67, 0x89, 0xAC], 5, 0x56789AC, 64),
            (true, false, Little, 0, &[7, 1, 0x44, 0x33, 0x22, 0x11], 0x107, 0x11223344, 48),
            (true, false, Big, 0, &[1, 7, 0x11, 0x22, 0x33, 0x44], 0x107, 0x11223344, 48),
            // Natural alignment: the time is at the next multiple of four bytes, wherever the id is.
            (true, true, Little, 0, &[7, 0, 9, 9, 0x44, 0x33, 0x22, 0x11], 7, 0x11223344, 64),
            (true, true, Little, 16, &[9, 9, 7, 0, 0x44, 0x33, 0x22, 0x11], 7, 0x11223344, 64),
            // Extended, packed: the id follows the escape's byte.
            (false, false, Little, 0, &[0xFF, 1, 2, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1], 0x201, 0x0102030405060708, 104),
            (true, false, Big, 0, &[0xFF, 0xFF, 0, 0, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8], 0x201, 0x0102030405060708, 112),
            // Extended, natural: padding stands before the id, and between id and time.
            (false, true, Little, 0, &[0x1F, 9, 9, 9, 9, 9, 9, 9, 1, 2, 0, 0, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1],
                0x201, 0x0102030405060708, 192),
            (true, true, Big, 16, &[9, 9, 0xFF, 0xFF, 9, 9, 9, 9, 0, 0, 2, 1, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8],
                0x201, 0x0102030405060708, 192),
        ];
        for (large, natural, order, position, bytes, id, clock, after) in vectors {
            let header = LttngHeader::recognise(&lttng(*large, *natural, *order), &[]).unwrap();
            let mut long = bytes.to_vec();
            long.resize(80, 0xAA);
            assert_eq!(
                read(&header, &long, *position, 0),
                Some(Head { id: *id, clock: *clock, after: *after }),
                "large {large} natural {natural} {order:?}"
            );
        }
    }

    #[test]
    fn other_shapes_are_left_to_the_machine() {
        let good = lttng(false, false, ByteOrder::Little);
        assert!(LttngHeader::recognise(&good, &[]).is_some());
        assert!(LttngHeader::recognise(&good, &[Slot(0)]).is_none());
        let mut other = good.clone();
        other.members.pop();
        assert!(LttngHeader::recognise(&other, &[]).is_none());
        let FieldType::Variant(v) = &good.members[1].ty else { panic!() };
        let mut v = v.clone();
        v.choices[0].high = 29;
        other = good.clone();
        other.members[1].ty = FieldType::Variant(v);
        assert!(LttngHeader::recognise(&other, &[]).is_none());
    }
}
