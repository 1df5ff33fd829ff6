//! One SIGBUS handler for all maps of the process.
//!
//! Contract: the handler touches only atomics and calls only `mmap` and `sigaction`, which are safe in a
//! signal handler on Linux. A fault outside of our maps is given back to whoever handled SIGBUS before us,
//! by restoring that action and returning: the instruction faults again and takes its normal course.

#![allow(unsafe_code)] // sigaction and mmap have no safe form; each use states why it is sound.

use std::mem::MaybeUninit;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many maps can be registered at once: the kernel's own default limit of maps of a process.
const MAPS: usize = 65_536;

struct Entry {
    /// Address of the first byte; 0 = free.
    start: AtomicUsize,
    /// Length in bytes, up to a whole page.
    length: AtomicUsize,
    cut: AtomicBool,
}

static TABLE: [Entry; MAPS] =
    [const { Entry { start: AtomicUsize::new(0), length: AtomicUsize::new(0), cut: AtomicBool::new(false) } }; MAPS];
/// Entries at and above this were never used.
static USED: AtomicUsize = AtomicUsize::new(0);
static PAGE: AtomicUsize = AtomicUsize::new(4096);
static INSTALL: Once = Once::new();
static mut PREVIOUS: MaybeUninit<libc::sigaction> = MaybeUninit::uninit();

/// A map's place in the table; leaving it is its drop.
#[derive(Debug)]
pub(super) struct Registered(usize);

/// Enters a map, installing the handler at the first call. `None` if the table is full: such a map must not
/// be used.
pub(super) fn register(start: usize, length: usize) -> Option<Registered> {
    INSTALL.call_once(install);
    let page = PAGE.load(Ordering::Relaxed);
    for (n, entry) in TABLE.iter().enumerate() {
        if entry.start.load(Ordering::Relaxed) != 0 {
            continue;
        }
        // The length is 0 while the entry is claimed, so the handler cannot match half an entry.
        if entry.start.compare_exchange(0, start, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            entry.cut.store(false, Ordering::Relaxed);
            USED.fetch_max(n + 1, Ordering::AcqRel);
            entry.length.store(length.next_multiple_of(page), Ordering::Release);
            return Some(Registered(n));
        }
    }
    None
}

impl Registered {
    /// Whether a page of the map was replaced by zeros.
    pub(super) fn was_cut(&self) -> bool {
        TABLE[self.0].cut.load(Ordering::Acquire)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let entry = &TABLE[self.0];
        entry.length.store(0, Ordering::Release);
        entry.start.store(0, Ordering::Release);
    }
}

fn install() {
    // SAFETY: sysconf only reads; sigaction gets fully initialised structures; PREVIOUS is written here, once
    // and before the handler can run, and only read afterwards.
    unsafe {
        let page = libc::sysconf(libc::_SC_PAGESIZE);
        if let Ok(page) = usize::try_from(page) {
            PAGE.store(page.max(1), Ordering::Relaxed);
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        let previous = (&raw mut PREVIOUS).cast::<libc::sigaction>();
        previous.write(std::mem::zeroed());
        libc::sigaction(libc::SIGBUS, &raw const action, previous);
    }
}

extern "C" fn handler(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo (SA_SIGINFO). mmap with MAP_FIXED replaces one page that lies
    // inside of a live, registered map, so nothing else can be there: the map is entered after it was made
    // and leaves the table before it is unmapped. errno is kept for the interrupted code.
    unsafe {
        let address = (*info).si_addr() as usize;
        let page = PAGE.load(Ordering::Relaxed);
        for entry in &TABLE[..USED.load(Ordering::Acquire).min(MAPS)] {
            let length = entry.length.load(Ordering::Acquire);
            let start = entry.start.load(Ordering::Acquire);
            if start == 0 || address < start || address - start >= length {
                continue;
            }
            let errno = *libc::__errno_location();
            let zeros = libc::mmap(
                (address / page * page) as *mut libc::c_void,
                page,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            );
            *libc::__errno_location() = errno;
            if zeros != libc::MAP_FAILED {
                entry.cut.store(true, Ordering::Release);
                return;
            }
        }
        libc::sigaction(libc::SIGBUS, (&raw const PREVIOUS).cast::<libc::sigaction>(), std::ptr::null_mut());
    }
}
