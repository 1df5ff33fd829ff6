//! One clock for all machines: maps from a machine's own axis to the reference's, applied when looking.
//!
//! What is stored is always in a machine's own time. A map converts instants on the way to the screen and
//! back, so changing it redraws but never re-reads. Without any synchronisation, machines are placed by their
//! clocks' dates.

mod map;

pub use map::ClockMap;
