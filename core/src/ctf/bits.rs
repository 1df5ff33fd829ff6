//! Reading numbers of 1 to 64 bits at any bit of a packet (CTF 1.8.3 §4.1).
//!
//! Positions count bits from the packet's begin. Little-endian fields fill a byte from its least significant
//! bit on, big-endian ones from its most significant bit on. Every function checks the slice's end itself.

use super::model::ByteOrder;

/// `position`, moved up to the next multiple of `align` (a power of two).
#[inline(always)]
pub(crate) fn align_up(position: u64, align: u64) -> u64 {
    let mask = align.wrapping_sub(1);
    position.wrapping_add(mask) & !mask
}

/// An unsigned number of `bits` (1 to 64) bits at bit `position`; `None` if the slice ends before it does.
#[inline(always)]
pub(crate) fn read(bytes: &[u8], position: u64, bits: u32, order: ByteOrder) -> Option<u64> {
    if position & 7 == 0 {
        let at = usize::try_from(position >> 3).ok()?;
        let rest = bytes.get(at..)?;
        let big = order == ByteOrder::Big;
        match bits {
            8 => return rest.first().map(|b| u64::from(*b)),
            16 => {
                let b = *rest.first_chunk::<2>()?;
                return Some(u64::from(if big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) }));
            }
            32 => {
                let b = *rest.first_chunk::<4>()?;
                return Some(u64::from(if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) }));
            }
            64 => {
                let b = *rest.first_chunk::<8>()?;
                return Some(if big { u64::from_be_bytes(b) } else { u64::from_le_bytes(b) });
            }
            _ => {}
        }
    }
    read_odd(bytes, position, bits, order)
}

/// The same for fields that are no whole, aligned bytes: up to nine bytes are gathered and shifted.
fn read_odd(bytes: &[u8], position: u64, bits: u32, order: ByteOrder) -> Option<u64> {
    if bits == 0 || bits > 64 {
        return None;
    }
    let first = usize::try_from(position >> 3).ok()?;
    let skip = (position & 7) as u32;
    let count = (skip + bits).div_ceil(8) as usize;
    let field = bytes.get(first..first.checked_add(count)?)?;
    let mut word = 0u128;
    let shift = match order {
        ByteOrder::Little => {
            for (i, byte) in field.iter().enumerate() {
                word |= u128::from(*byte) << (8 * i);
            }
            skip
        }
        ByteOrder::Big => {
            for byte in field {
                word = word << 8 | u128::from(*byte);
            }
            8 * count as u32 - skip - bits
        }
    };
    Some((word >> shift) as u64 & mask(bits))
}

/// The lowest `bits` (1 to 64) bits.
#[inline(always)]
pub(crate) fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits.clamp(1, 64))
}

/// A two's complement number of `bits` bits as 64 bits.
#[inline(always)]
pub(crate) fn sign_extend(value: u64, bits: u32) -> i64 {
    let shift = 64 - bits.clamp(1, 64);
    ((value << shift) as i64) >> shift
}

/// How many bytes come before the NUL at or after `from`, not looking at or behind `end` (bytes): eight at a
/// time, because strings are what makes events slow to step over.
#[inline]
pub(crate) fn find_nul(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let field = bytes.get(from..end.min(bytes.len()))?;
    let mut chunks = field.chunks_exact(8);
    let mut at = 0;
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(*chunk.first_chunk::<8>()?);
        let zeros = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    chunks.remainder().iter().position(|b| *b == 0).map(|n| at + n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ByteOrder::{Big, Little};
    use proptest::prelude::*;

    /// Bytes, position, bits, order, number. The first four are the worked vectors of LTTng's compact header:
    /// id 5 and timestamp 0x56789AC.
    const VECTORS: &[(&[u8], u64, u32, ByteOrder, u64)] = &[
        (&[0x85, 0x35, 0xF1, 0xAC], 0, 5, Little, 5),
        (&[0x85, 0x35, 0xF1, 0xAC], 5, 27, Little, 0x56789AC),
        (&[0x2D, 0x67, 0x89, 0xAC], 0, 5, Big, 5),
        (&[0x2D, 0x67, 0x89, 0xAC], 5, 27, Big, 0x56789AC),
        (&[0x12, 0x34], 0, 16, Little, 0x3412),
        (&[0x12, 0x34], 0, 16, Big, 0x1234),
        (&[0x12, 0x34], 4, 8, Little, 0x41),
        (&[0x12, 0x34], 4, 8, Big, 0x23),
        (&[0, 1, 2, 3, 4, 5, 6, 7, 8], 8, 64, Big, 0x0102_0304_0506_0708),
        (&[0xFF; 9], 7, 64, Little, u64::MAX),
        (&[0xFF; 9], 1, 64, Big, u64::MAX),
        (&[0b1010_0000], 0, 1, Big, 1),
        (&[0b1010_0000], 0, 1, Little, 0),
        (&[0b1010_0000], 1, 3, Big, 0b010),
        (&[0b1010_0000], 5, 3, Little, 0b101),
    ];

    #[test]
    fn vectors() {
        for (bytes, position, bits, order, number) in VECTORS {
            assert_eq!(read(bytes, *position, *bits, *order), Some(*number), "{bytes:x?} {position} {bits} {order:?}");
        }
        assert_eq!(read(&[1, 2, 3], 0, 32, Little), None);
        assert_eq!(read(&[1, 2, 3], 17, 8, Big), None);
        assert_eq!(read(&[1], u64::MAX, 8, Big), None);
        assert_eq!(sign_extend(0b101, 3), -3);
        assert_eq!(sign_extend(0b011, 3), 3);
        assert_eq!(sign_extend(u64::MAX, 64), -1);
        assert_eq!(align_up(17, 8), 24);
        assert_eq!(align_up(16, 8), 16);
    }

    #[test]
    fn the_nul_is_found_and_not_behind_the_end() {
        for length in 0..20 {
            let mut bytes = vec![b'x'; length];
            assert_eq!(find_nul(&bytes, 0, length), None);
            bytes.push(0);
            assert_eq!(find_nul(&bytes, 0, length + 1), Some(length));
            assert_eq!(find_nul(&bytes, 0, length), None);
        }
        assert_eq!(find_nul(&[0], 5, 9), None);
        assert_eq!(find_nul(&[1, 0x80, 0x81, 1, 1, 1, 1, 0x7F, 0, 0], 0, 10), Some(8));
    }

    proptest! {
        /// One bit after the other gives the same number.
        #[test]
        fn a_number_is_its_bits(bytes in prop::collection::vec(any::<u8>(), 12), position in 0u64..30, bits in 1u32..=64) {
            let mut little = 0u64;
            let mut big = 0u64;
            for i in 0..u64::from(bits) {
                let at = position + i;
                let byte = bytes[(at / 8) as usize];
                little |= u64::from(byte >> (at % 8) & 1) << i;
                big = big << 1 | u64::from(byte >> (7 - at % 8) & 1);
            }
            prop_assert_eq!(read(&bytes, position, bits, Little), Some(little));
            prop_assert_eq!(read(&bytes, position, bits, Big), Some(big));
        }
    }
}
