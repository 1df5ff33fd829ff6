//! The execution flow of a task: the chain of everything that determined when it came as far as it did, across
//! guests and their host, down to the culprit.
//!
//! ```text
//!  rows, wake-ups, packets ─▶ graph ─▶ critical path ─▶ refined: who ran instead, what the host did ─▶ Flow
//! ```

mod answer;
mod graph;
mod instances;
mod kind;
mod packets;
mod path;
mod refine;
mod rows;
mod words;

pub use answer::{Flow, FlowInput, Follower, Total};
pub use graph::{ArrowKind, Edge, Graph, Link, Worker};
pub use instances::{Difference, FlowInstance, Loss, compare, follow_instances};
pub use kind::FlowKind;
pub use path::{Jump, MOST_VISITED, Path, Step, critical_path};
pub use refine::{Arrow, Piece};
pub use rows::FlowMachine;
