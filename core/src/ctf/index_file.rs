//! LTTng's packet index `index/NAME.idx`: a hint that saves touching every packet of a file when it opens.
//!
//! All integers are big-endian. Header: magic `0xC1F1DCC1`, major, minor, length of an entry (u32 each).
//! Entry: offset in bytes, packet size and content size in bits, begin, end, discarded events, stream id;
//! since 1.1 also stream instance id and packet sequence number (u64 each).

const MAGIC: u32 = 0xC1F1_DCC1;
const HEADER: usize = 16;
const ENTRY: usize = 56;
const ENTRY_1_1: usize = 72;

/// A packet as the index tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    /// Bits.
    pub(crate) size: u64,
    /// Bits.
    pub(crate) content: u64,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) discarded: u64,
    pub(crate) stream_id: u64,
    /// Since 1.1.
    pub(crate) sequence: Option<u64>,
}

/// The packets of a stream file of `file_size` bytes, if the index is sane: it must cover the file without a
/// gap. Otherwise the packets' own headers are read, and nothing is lost.
pub(crate) fn parse(index: &[u8], file_size: u64) -> Option<Vec<Entry>> {
    let word = |at: usize| index.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b));
    let length = usize::try_from(word(12)?).ok()?;
    if word(0)? != MAGIC || word(4)? != 1 || !(ENTRY..=4096).contains(&length) {
        return None;
    }
    let body = index.get(HEADER..)?;
    if body.len() % length != 0 {
        return None;
    }
    let mut entries = Vec::with_capacity(body.len() / length);
    let mut next = 0;
    for entry in body.chunks_exact(length) {
        let long = |n: usize| entry.get(8 * n..)?.first_chunk::<8>().map(|b| u64::from_be_bytes(*b));
        let sequence = if length >= ENTRY_1_1 { Some(long(8)?) } else { None };
        let entry = Entry {
            offset: long(0)?,
            size: long(1)?,
            content: long(2)?,
            begin: long(3)?,
            end: long(4)?,
            discarded: long(5)?,
            stream_id: long(6)?,
            sequence,
        };
        let sane = entry.offset == next
            && entry.size > 0
            && entry.size.is_multiple_of(8)
            && entry.content <= entry.size
            && entry.begin <= entry.end;
        if !sane {
            return None;
        }
        next = next.checked_add(entry.size / 8)?;
        entries.push(entry);
    }
    (next == file_size && !entries.is_empty()).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(entries: &[[u64; 9]]) -> Vec<u8> {
        let mut bytes: Vec<u8> = [MAGIC, 1, 1, 72].iter().flat_map(|w| w.to_be_bytes()).collect();
        bytes.extend(entries.iter().flatten().flat_map(|w| w.to_be_bytes()));
        bytes
    }

    #[test]
    fn only_a_sane_index_is_believed() {
        let good = [[0, 32768, 30000, 5, 9, 0, 0, 1, 0], [4096, 32768, 800, 9, 12, 3, 0, 1, 1]];
        let entries = parse(&index(&good), 8192).unwrap();
        assert_eq!(entries[1].offset, 4096);
        assert_eq!(entries[1].sequence, Some(1));
        assert_eq!(parse(&index(&good), 8191), None);
        assert_eq!(parse(&index(&[]), 0), None);
        assert_eq!(parse(&[], 0), None);
        for (n, wrong) in [(0, 100), (1, 32767), (1, 0), (2, 32769), (4, 4)] {
            let mut bad = good;
            bad[0][n] = wrong;
            assert_eq!(parse(&index(&bad), 8192), None, "{n}");
        }
        let mut bytes = index(&good);
        bytes.push(0);
        assert_eq!(parse(&bytes, 8192), None);
        bytes[0] = 0;
        assert_eq!(parse(&bytes, 8192), None);
    }
}
