//! One clock for all machines: maps from a machine's own axis to the reference's, applied when looking.
//!
//! What is stored is always in a machine's own time. A map converts instants on the way to the screen and
//! back, so changing it redraws but never re-reads. Without any synchronisation, machines are placed by their
//! clocks' dates.
//!
//! Maps are found from messages: what one machine sent, another received no earlier. [`SyncEngine`] takes the
//! ends of messages as traces give them (`matching`; `runs` where keys repeat), keeps what they say about each
//! pair of clocks (`hull`, `pair`, `reject`), and answers with a [`Solution`] (`network`, `solve`): a map per
//! machine, a bound of its error, and what a picture of the matches needs.

mod engine;
mod exact;
mod hull;
mod map;
mod matching;
mod network;
mod pair;
mod reject;
mod runs;
mod solution;
mod solve;
mod words;

pub use engine::SyncEngine;
pub use hull::{Contradiction, Hull, Point, Tangent, Tangents};
pub use map::ClockMap;
pub use solution::{
    BoundPoint, MachineSync, Match, MatchPoint, MethodSync, PairSync, Solution, SyncMachine, SyncOptions, SyncQuality,
    SyncRole, VmLink,
};
