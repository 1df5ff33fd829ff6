//! Interned names: a task's name, a syscall, an interrupt's action, stored once and passed as a number.

use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashMap;

/// A name in the session's [`Interner`]. Numbers depend on which thread came first: never print or order by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub u32);

impl Name {
    /// The empty name: nothing is known.
    pub const NONE: Self = Self(0);

    /// Whether this is [`Name::NONE`].
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

#[derive(Default)]
struct Table {
    by_text: FxHashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// All names of a session. Cheap to share; grows, never forgets.
pub struct Interner {
    table: RwLock<Table>,
}

impl Default for Interner {
    fn default() -> Self {
        let empty: Arc<str> = Arc::from("");
        let mut table = Table::default();
        table.by_text.insert(Arc::clone(&empty), 0);
        table.texts.push(empty);
        Self { table: RwLock::new(table) }
    }
}

impl Interner {
    /// The number of `text`, made if it is new.
    pub fn intern(&self, text: &str) -> Name {
        if let Some(&n) = self.table.read().unwrap_or_else(PoisonError::into_inner).by_text.get(text) {
            return Name(n);
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&n) = table.by_text.get(text) {
            return Name(n);
        }
        let n = u32::try_from(table.texts.len()).unwrap_or(0);
        let text: Arc<str> = Arc::from(text);
        table.by_text.insert(Arc::clone(&text), n);
        table.texts.push(text);
        Name(n)
    }

    /// The text of `name`; empty for a number that was never given out.
    pub fn text(&self, name: Name) -> Arc<str> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.texts.get(name.0 as usize).or_else(|| table.texts.first()).map_or_else(|| Arc::from(""), Arc::clone)
    }
}

const SLOTS: usize = 256;

/// A decoder's own front of an [`Interner`] for the kernel's 16-byte task names: a small direct-mapped
/// table, so that the hot path takes no lock and hashes no string.
pub struct LocalInterner {
    shared: Arc<Interner>,
    slots: Box<[([u8; 16], Name); SLOTS]>,
}

impl LocalInterner {
    /// A front of `shared` that knows no name yet.
    pub fn new(shared: Arc<Interner>) -> Self {
        Self { shared, slots: Box::new([([0; 16], Name::NONE); SLOTS]) }
    }

    /// The number of a task name, cut at its first NUL; bytes that are not UTF-8 become U+FFFD.
    pub fn comm(&mut self, mut bytes: [u8; 16]) -> Name {
        // What follows the NUL is garbage: clear it, or the same name would take many slots.
        let word = u128::from_le_bytes(bytes);
        let zero_bytes = word.wrapping_sub(0x0101_0101_0101_0101_0101_0101_0101_0101)
            & !word
            & 0x8080_8080_8080_8080_8080_8080_8080_8080;
        let len = (zero_bytes.trailing_zeros() / 8) as usize;
        let kept = if len >= 16 { word } else { word & ((1u128 << (8 * len)) - 1) };
        bytes = kept.to_le_bytes();
        let folded = (kept as u64) ^ ((kept >> 64) as u64);
        let slot = (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize % SLOTS;
        let entry = &mut self.slots[slot];
        if entry.0 != bytes {
            *entry = (bytes, self.shared.intern(&String::from_utf8_lossy(&bytes[..len.min(16)])));
        }
        entry.1
    }

    /// The shared table, for other texts.
    pub fn shared(&self) -> &Arc<Interner> {
        &self.shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comm_is_cut_at_its_first_nul_and_lossy() {
        let shared = Arc::new(Interner::default());
        let mut local = LocalInterner::new(Arc::clone(&shared));
        let plain = local.comm(*b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(local.comm(*b"bash\0garbage\0xyz"), plain);
        assert_eq!(&*shared.text(plain), "bash");
        let full = local.comm(*b"0123456789abcdef");
        assert_eq!(&*shared.text(full), "0123456789abcdef");
        assert_eq!(local.comm([0; 16]), Name::NONE);
        let odd = local.comm(*b"\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&*shared.text(odd), "\u{fffd}");
    }
}
