//! Where sealed bytes live: on the heap up to the session's limit, beyond it in a private cache file.
//!
//! ```text
//! cache file:  magic, version, a sentence │ … 16 KiB │ extent │ extent │ …
//! ```
//!
//! The file belongs to one running session: on Unix it has no name any more once it is open, elsewhere it is
//! deleted with the session. Its format is private, versioned and nobody reads it twice: deleting a file that
//! was left behind loses nothing. When it cannot be written (no folder, full disk), everything stays on the
//! heap and the user is told once.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::bytes::Mapped;
use crate::vocab::{Problem, ProblemLog};

/// Bytes of a page: what a snapshot copies at most of bytes that are still being added to.
pub(super) const PAGE: usize = 64 * 1024;

/// An extent is 4 MiB, or less where the limit is so small that it would not be kept.
const MAX_EXTENT_PAGES: usize = 64;
const MIN_EXTENT_PAGES: usize = 4;

/// The cache file's head takes a page of any machine, so that extents begin at a page of the machine.
const HEAD: usize = 16 * 1024;
const MAGIC: &[u8; 16] = b"STRATOSCOPE\0v01\n";
const HEAD_TEXT: &[u8] = b"Intervals of a Stratoscope session that did not fit into memory. Private; delete at will.\n";

/// How a session's stores use memory.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Bytes of sealed intervals and points that stay in memory; what comes later goes to the cache file.
    pub memory_limit: usize,
    /// Where the cache file is made, when it is needed. `None`: the system's folder for temporary files.
    pub cache_dir: Option<PathBuf>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { memory_limit: 256 << 20, cache_dir: None }
    }
}

/// How many bytes of sealed data there are, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on the heap.
    pub heap: usize,
    /// Bytes in the cache file.
    pub file: u64,
}

/// The room that all stores of a session share. Clones are the same room.
#[derive(Clone)]
pub struct Extents(Arc<Shared>);

struct Shared {
    limit: usize,
    dir: PathBuf,
    heap: AtomicUsize,
    filed: AtomicU64,
    cache: Mutex<Cache>,
    /// Pages that nobody reads any more, for reuse: clean memory from the system costs as much as filling it.
    spare: Mutex<Vec<Box<[u8]>>>,
    problems: ProblemLog,
}

enum Cache {
    Unused,
    Open(CacheFile),
    Failed,
}

impl Extents {
    /// Room as `options` say; what goes wrong with the cache file is told to `problems`.
    pub fn new(options: &StoreOptions, problems: ProblemLog) -> Self {
        Self(Arc::new(Shared {
            limit: options.memory_limit,
            dir: options.cache_dir.clone().unwrap_or_else(std::env::temp_dir),
            heap: AtomicUsize::new(0),
            filed: AtomicU64::new(0),
            cache: Mutex::new(Cache::Unused),
            spare: Mutex::default(),
            problems,
        }))
    }

    /// How much is where.
    pub fn usage(&self) -> Usage {
        Usage { heap: self.0.heap.load(Ordering::Relaxed), file: self.0.filed.load(Ordering::Relaxed) }
    }

    pub(super) fn pages_per_extent(&self) -> usize {
        (self.0.limit / (8 * PAGE)).clamp(MIN_EXTENT_PAGES, MAX_EXTENT_PAGES)
    }

    /// Room for a page that is not counted yet.
    pub(super) fn empty_page(&self) -> Vec<u8> {
        let spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut page = spare.map_or_else(|| Vec::with_capacity(PAGE), <[u8]>::into_vec);
        page.clear();
        page
    }

    /// A page of the heap, counted until its last reader lets go.
    pub(super) fn page(&self, bytes: Box<[u8]>) -> Arc<HeapPage> {
        self.0.heap.fetch_add(bytes.len(), Ordering::Relaxed);
        Arc::new(HeapPage { bytes, room: Arc::clone(&self.0) })
    }

    /// Whether full pages should leave the heap.
    pub(super) fn is_over_limit(&self) -> bool {
        self.0.heap.load(Ordering::Relaxed) > self.0.limit
    }

    /// Copies full pages to the cache file; `None` if that cannot be written.
    pub(super) fn file_extent(&self, pages: &[Arc<HeapPage>]) -> Option<Extent> {
        match self.file_away(pages) {
            Ok(mapped) => {
                let mapped = mapped?;
                self.0.filed.fetch_add((pages.len() * PAGE) as u64, Ordering::Relaxed);
                Some(Extent::Mapped(mapped))
            }
            Err(error) => {
                let problem = Problem::warning(&self.0.dir, "cannot write the cache file").found(error.to_string());
                self.0.problems.push(problem.advise(
                    "Everything stays in memory from here on: free some space there, or choose another cache folder, \
                     and open the traces again",
                ));
                None
            }
        }
    }

    /// `None` if the cache file failed before: it is not tried again, half an extent may lie at its end.
    fn file_away(&self, pages: &[Arc<HeapPage>]) -> io::Result<Option<Mapped>> {
        let mut cache = self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever goes wrong from here on, the file is given up.
        let mut file = match std::mem::replace(&mut *cache, Cache::Failed) {
            Cache::Unused => CacheFile::create(&self.0.dir)?,
            Cache::Open(file) => file,
            Cache::Failed => return Ok(None),
        };
        let mapped = file.append(pages)?;
        *cache = Cache::Open(file);
        Ok(Some(mapped))
    }
}

/// A page that is full, or the copy of one that is not.
pub(super) struct HeapPage {
    bytes: Box<[u8]>,
    room: Arc<Shared>,
}

impl HeapPage {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HeapPage {
    fn drop(&mut self) {
        self.room.heap.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        if self.bytes.len() == PAGE {
            let mut spare = self.room.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < MAX_EXTENT_PAGES {
                spare.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

/// A group of full pages.
pub(super) enum Extent {
    Heap(Vec<Arc<HeapPage>>),
    /// A stretch of the cache file that is written and will not change: nobody else knows the file.
    Mapped(Mapped),
}

impl Extent {
    /// The bytes of its page number `page`.
    pub(super) fn page(&self, page: usize) -> &[u8] {
        match self {
            Extent::Heap(pages) => pages[page].bytes(),
            Extent::Mapped(mapped) => &mapped.bytes()[page * PAGE..(page + 1) * PAGE],
        }
    }
}

struct CacheFile {
    file: File,
    len: u64,
    /// Where it has to be deleted, if it still has a name.
    path: Option<PathBuf>,
}

impl CacheFile {
    fn create(dir: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let (mut file, path) = loop {
            let n = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = dir.join(format!("stratoscope-{}-{n}.cache", std::process::id()));
            match options.open(&path) {
                Ok(file) => break (file, path),
                // Left behind by an earlier process of that number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let path = if cfg!(unix) && std::fs::remove_file(&path).is_ok() { None } else { Some(path) };
        let mut head = vec![0; HEAD];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        head[MAGIC.len()..MAGIC.len() + HEAD_TEXT.len()].copy_from_slice(HEAD_TEXT);
        file.write_all(&head)?;
        Ok(Self { file, len: HEAD as u64, path })
    }

    fn append(&mut self, pages: &[Arc<HeapPage>]) -> io::Result<Mapped> {
        // A range that could not be mapped was read, which moved the file's position.
        self.file.seek(SeekFrom::Start(self.len))?;
        for page in pages {
            self.file.write_all(page.bytes())?;
        }
        let len = pages.iter().map(|p| p.bytes().len() as u64).sum();
        let mapped = Mapped::map_range(&self.file, self.len, len)?;
        self.len += len;
        Ok(mapped)
    }
}

impl Drop for CacheFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // A file that cannot be deleted is the user's to delete: its head says so.
            std::fs::remove_file(path).ok();
        }
    }
}
