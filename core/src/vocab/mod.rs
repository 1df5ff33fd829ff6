//! The words every room speaks: instants, identities, states, typed events, problems, progress.
//!
//! Nothing here knows a file format, a screen or an algorithm, and this room imports no other.

mod event;
mod ids;
mod intern;
mod problem;
mod progress;
pub mod record;
mod state;
mod sync_point;
mod time;
mod value;

pub use event::{Event, EventKind, EventKinds, KernelEvent, PacketKey, SyscallAbi, VmsyncStep};
pub use ids::{Cpu, MachineId, RowId, RowKey, RowKind, StreamId, Tid, TraceId};
pub use intern::{Interner, LocalInterner, Name};
pub use problem::{Problem, ProblemLog, Severity};
pub use progress::{Cancel, Cancelled, Progress};
pub use state::{State, StateSet};
pub use sync_point::{SyncMethod, SyncPoint, SyncStep};
pub use time::{Dur, Instant, MachineNs, NS_PER_S, RefNs, TimeRange};
pub use value::Value;
