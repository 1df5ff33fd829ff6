//! Rows of intervals and tables of points: what analyses write and everybody else reads.
//!
//! One [`MachineStore`] per machine takes what the analyses of that machine write (it is their [`Writer`]) and
//! gives out immutable [`StoreSnapshot`]s as often as somebody wants to look. It knows neither events nor
//! screens: what a state means is the business of whoever writes, what it looks like of whoever draws.
//!
//! ```text
//!  a row    ├ block ┼ block ┼ block ┼ … ┤ tail, ≤ 256 closed ├ open ▷ watermark
//!            sealed: never touched again   copied per snapshot
//!
//!  index    upper nodes: 4, 16, 64, … blocks: exact sums, summary      in memory, always: about 0.8 bytes
//!           blocks: begin, number of the first interval, summary        per interval, row by row
//!           groups of 128 and 32 within them: summaries, begins
//!
//!  a block  ┌ groups of 8: summaries, begins ┬ begins ┬ looks ┬ dictionary ┬ sums ┐   5 to 7 bytes
//!           └ fixed columns, read in place: searches and sweeps decode nothing ───┘   per interval
//!
//!  pages    64 KiB of blocks and points; an extent is a group of pages, on the heap until the session's
//!           limit is passed, in a private cache file mapped read-only from then on
//! ```
//!
//! A row's intervals follow each other without holes: a stretch in which a row has none is an entry with
//! [`State::None`](crate::vocab::State::None), so an interval ends where the next begins. A *summary* tells of
//! a stretch which states occur in it (exactly) and how long the two that a pixel could show last (to 1.6 %).
//! With them [`Row::columns`] draws a row in time proportional to the width, however much is in it.
//!
//! *What is sealed never changes* and places never move, so a snapshot shares all of it with the writer: it
//! costs what changed since the last one, and readers take no part in the writer's work. For the same reason
//! blocks are laid out by whoever has time (`sealing`), and the cache file is written beside the analysis.

mod block;
mod columns;
mod extent;
mod machine;
mod pages;
mod persistent;
mod points;
mod row;
mod sealed;
mod sealing;
mod snapshot;
mod summary;
mod task;
mod walk;
mod writer;

pub use columns::Run;
pub use extent::{Extents, StoreOptions, Usage};
pub use machine::MachineStore;
pub use points::{PointIter, PointRecord, PointTable, Points};
pub use row::{Interval, Row};
pub use snapshot::StoreSnapshot;
pub use summary::StateSums;
pub use walk::{Backward, Intervals};
pub use writer::{Look, Raise, VmExit, WakeContext, Wakeup, Writer};
