//! A file's bytes, mapped where that is possible.

#![allow(unsafe_code)] // Mapping a file is unsafe by nature: see the safety comments and the room's front page.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use memmap2::{Advice, Mmap, MmapOptions};

use super::sigbus::{self, Registered};

/// A file's bytes, read-only, with the length that it had when it was opened.
#[derive(Debug)]
pub struct Mapped {
    // Leaves the handler's table before the map goes: fields are dropped in order of declaration.
    registered: Option<Registered>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Map(Mmap),
    Memory(Vec<u8>),
}

impl Mapped {
    /// Opens a regular file. An empty one has no bytes; one that cannot be mapped is read.
    ///
    /// # Errors
    /// If it cannot be opened or read, or is a pipe, a device or a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Asked before opening: opening a pipe without a writer would block.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Self::map_range(&file, 0, length)
    }

    /// `length` bytes of an open file from `offset` on, which need not be at a page.
    ///
    /// # Errors
    /// If the range cannot be mapped and not be read either, or is longer than the file is now.
    pub fn map_range(file: &File, offset: u64, length: u64) -> io::Result<Self> {
        if length == 0 {
            return Ok(Self { registered: None, source: Source::Memory(Vec::new()) });
        }
        if offset.checked_add(length).is_none_or(|end| end > file.metadata().map_or(0, |m| m.len())) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: read-only and shared. The file may change under us: readers treat every byte as untrusted
        // and copy what they check. It may shrink: the map is registered with the SIGBUS handler before a
        // byte is handed out, or not used at all.
        if let Ok(map) = unsafe { MmapOptions::new().offset(offset).len(bytes).map(file) } {
            // The handler works on whole pages, so it gets the address of the page that the range begins in.
            let address = map.as_ptr() as usize;
            let inside = (offset % 4096) as usize;
            if let Some(registered) = sigbus::register(address - inside, bytes + inside) {
                if let Err(error) = map.advise(Advice::Sequential) {
                    // Only advice: a kernel without it reads ahead by its own judgement.
                    drop(error);
                }
                return Ok(Self { registered: Some(registered), source: Source::Map(map) });
            }
        }
        Self::read_range(file, offset, bytes)
    }

    /// The bytes as a copy in memory: for files that cannot be mapped.
    fn read_range(mut file: &File, offset: u64, bytes: usize) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        file.take(bytes as u64).read_to_end(&mut memory)?;
        Ok(Self { registered: None, source: Source::Memory(memory) })
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.source {
            Source::Map(map) => map,
            Source::Memory(memory) => memory,
        }
    }

    /// Whether the file became shorter while it was read: from some page on, the bytes are zeros that never
    /// were in the file. To be asked after each batch.
    pub fn was_cut(&self) -> bool {
        self.registered.as_ref().is_some_and(Registered::was_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_file_that_shrinks_reads_as_zeros_and_says_so() {
        let file = file_of(&[7; 5 * 4096]);
        let mapped = Mapped::open(file.path()).unwrap();
        let sum = |m: &Mapped| m.bytes().iter().map(|b| u64::from(*b)).sum::<u64>();
        assert_eq!(sum(&mapped), 7 * 5 * 4096);
        assert!(!mapped.was_cut());
        file.as_file().set_len(4096 + 100).unwrap();
        assert_eq!(sum(&mapped), 7 * (4096 + 100));
        assert!(mapped.was_cut());
        // Another map is not concerned.
        let other = file_of(&[1; 10]);
        assert!(!Mapped::open(other.path()).unwrap().was_cut());
    }

    #[test]
    fn a_range_need_not_begin_at_a_page() {
        let bytes: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
        let file = file_of(&bytes);
        let part = Mapped::map_range(file.as_file(), 4100, 5000).unwrap();
        assert_eq!(part.bytes(), &bytes[4100..9100]);
        assert!(Mapped::map_range(file.as_file(), 9000, 1001).is_err());
        file.as_file().set_len(4099).unwrap();
        assert_eq!(part.bytes().iter().map(|b| u64::from(*b)).sum::<u64>(), 0);
        assert!(part.was_cut());
    }

    #[test]
    fn empty_files_and_folders() {
        assert!(Mapped::open(file_of(&[]).path()).unwrap().bytes().is_empty());
        assert!(Mapped::open(&std::env::temp_dir()).is_err());
        let file = file_of(b"abc");
        assert_eq!(Mapped::read_range(file.as_file(), 1, 2).unwrap().bytes(), b"bc");
    }
}
