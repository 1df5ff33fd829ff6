//! Sealed bytes as their writer and their readers see them: appended once, found by place for ever.
//!
//! ```text
//! writer   extent │ extent │ … │ page page page │ partial page
//!                                                └ copied when it is published
//! readers  the same, as it was published last
//! ```
//!
//! A reader takes the pages published last, not those of its own snapshot: bytes at a place never change, so
//! it reads the same, and an old snapshot keeps no copy on the heap of what has gone to the file since. While
//! an extent is being written to the file, its pages are read where they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::extent::{Extent, Extents, HeapPage, PAGE};
use super::task::Task;

/// By how much the extents of a writer that is one of many are smaller. Each extent in the file is a map of its
/// own, of which the system gives some ten thousands.
const MANY: usize = 4;

/// Where sealed bytes begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    page: u32,
    offset: u32,
}

/// The pages of one store at one moment.
#[derive(Clone, Default)]
pub(super) struct Pages {
    pages_per_extent: usize,
    extents: Vec<Arc<Extent>>,
    /// Pages after the last extent; the last of them may be a copy of what is there so far.
    open: Vec<Arc<HeapPage>>,
}

impl Pages {
    /// What stands from `place` to the end of its page.
    pub(super) fn from(&self, place: Place) -> &[u8] {
        let (page, offset) = (place.page as usize, place.offset as usize);
        let in_extents = self.extents.len() * self.pages_per_extent;
        if page < in_extents {
            &self.extents[page / self.pages_per_extent].page(page % self.pages_per_extent)[offset..]
        } else {
            &self.open[page - in_extents].bytes()[offset..]
        }
    }
}

/// Where readers find the pages of one store.
pub(super) struct PageSource {
    number: u64,
    pages: RwLock<Arc<Pages>>,
}

impl Default for PageSource {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { number: LAST.fetch_add(1, Ordering::Relaxed) + 1, pages: RwLock::default() }
    }
}

impl PageSource {
    /// Which of all stores it is that this process ever had, from 1 on.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// All pages that were ever published.
    pub(super) fn current(&self) -> Arc<Pages> {
        Arc::clone(&self.pages.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The writing end of one store's pages.
pub(super) struct PageWriter {
    room: Extents,
    source: Arc<PageSource>,
    full: Pages,
    partial: Vec<u8>,
    changed: bool,
    /// The extent that is being copied to the cache file, and its number.
    filing: Option<(usize, Task<Filing, Option<Extent>>)>,
}

/// An extent that shall leave the heap, and the room that it is in.
type Filing = (Extents, Vec<Arc<HeapPage>>);

impl PageWriter {
    pub(super) fn new(room: &Extents) -> Self {
        Self::with_extents_of(room.pages_per_extent(), room)
    }

    /// One of many that write at once: what each may keep on the heap beyond the limit is a part of the usual.
    pub(super) fn one_of_many(room: &Extents) -> Self {
        Self::with_extents_of(room.pages_per_extent().div_ceil(MANY), room)
    }

    fn with_extents_of(pages_per_extent: usize, room: &Extents) -> Self {
        let full = Pages { pages_per_extent, ..Pages::default() };
        Self { room: room.clone(), source: Arc::default(), full, partial: Vec::new(), changed: false, filing: None }
    }

    pub(super) fn source(&self) -> &Arc<PageSource> {
        &self.source
    }

    /// Stores `bytes` (not more than a page) for good.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Place {
        if self.partial.len() + bytes.len() > PAGE {
            self.finish_page();
        }
        if self.partial.capacity() == 0 {
            self.partial = self.room.empty_page();
        }
        let page = self.full.extents.len() * self.full.pages_per_extent + self.full.open.len();
        let place = Place { page: page as u32, offset: self.partial.len() as u32 };
        self.partial.extend_from_slice(bytes);
        self.changed = true;
        place
    }

    fn finish_page(&mut self) {
        let mut bytes = std::mem::take(&mut self.partial);
        // Pages have one size, so that a place in the file follows from its number.
        bytes.resize(PAGE, 0);
        self.full.open.push(self.room.page(bytes.into_boxed_slice()));
        if self.full.open.len() == self.full.pages_per_extent {
            let pages = std::mem::take(&mut self.full.open);
            if self.room.is_over_limit() {
                self.finish_filing();
                let file = |(room, pages): Filing| room.file_extent(&pages);
                self.filing = Some((self.full.extents.len(), Task::offer((self.room.clone(), pages.clone()), file)));
            }
            self.full.extents.push(Arc::new(Extent::Heap(pages)));
        }
    }

    /// Waits until the extent under way is in the cache file, and lets its pages go.
    fn finish_filing(&mut self) {
        if let Some((number, task)) = self.filing.take()
            && let Some(filed) = task.finish()
        {
            self.full.extents[number] = Arc::new(filed);
            self.changed = true;
        }
    }

    /// Lets readers see all that was appended.
    pub(super) fn publish(&mut self) {
        self.finish_filing();
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let mut pages = self.full.clone();
        if !self.partial.is_empty() {
            pages.open.push(self.room.page(self.partial.as_slice().into()));
        }
        *self.source.pages.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pages);
    }
}
