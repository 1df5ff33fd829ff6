//! What an execution graph must answer, whatever it is made of.
//!
//! A *worker* is a row: a thread. Its life is a chain of horizontal *edges*, each a stretch of time of one
//! [`FlowKind`]; *links* lead from one worker to another: who woke it, who sent the packet. (Vertices of the
//! literature, Yaghmour and Dagenais, and Giraldeau and Dagenais' "Wait analysis of distributed systems using
//! kernel tracing", are where edges meet and links begin or end.)
//!
//! The graph of a session is not stored: rows and points are all of it, see [`super::rows`]. Tests have graphs
//! of their own.

use crate::flow::kind::FlowKind;
use crate::vocab::{Cancelled, Cpu, MachineId, Name, RefNs, RowId};

/// A thread: its row on its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    /// The machine.
    pub machine: MachineId,
    /// The row in that machine's store.
    pub row: RowId,
}

/// A stretch of a worker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// First instant.
    pub from: RefNs,
    /// First instant after it.
    pub to: RefNs,
    /// What the worker did.
    pub kind: FlowKind,
    /// Whether it is a wait to be explained by whoever ended it.
    pub wait: bool,
    /// Nothing is known of the worker in it, so no path goes back across it.
    pub cut: bool,
    /// More about it.
    pub detail: Name,
    /// On which CPU it ran, or for which it waited.
    pub cpu: Cpu,
    /// What ended it, where that is known already.
    pub link: Option<Link>,
}

impl Edge {
    /// A stretch of which nothing is known.
    pub fn unknown(from: RefNs, to: RefNs) -> Self {
        Self {
            from,
            to,
            kind: FlowKind::Unknown,
            wait: false,
            cut: true,
            detail: Name::NONE,
            cpu: Cpu::UNKNOWN,
            link: None,
        }
    }
}

/// What leads from one worker to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who caused it.
    pub from: Worker,
    /// When.
    pub at: RefNs,
    /// How.
    pub kind: ArrowKind,
}

/// How one worker's progress led to another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArrowKind {
    /// A wake-up.
    Wakeup,
    /// A packet; it takes time.
    Network,
    /// Between a guest and its host.
    Vm,
}

impl ArrowKind {
    /// The name of the command line's contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wakeup => "wakeup",
            Self::Network => "network",
            Self::Vm => "vm",
        }
    }
}

/// An execution graph. All instants are on one axis.
pub trait Graph {
    /// The edge of the worker that begins before `t` and contains the instant before it, cut at `t`. `None`
    /// before its first. Whatever lies before `bound` may be left out of it.
    ///
    /// # Errors
    /// Somebody cancelled.
    fn before(&mut self, worker: Worker, t: RefNs, bound: RefNs) -> Result<Option<Edge>, Cancelled>;

    /// The edge of the worker that contains `t`, with its whole length; `None` after its last.
    ///
    /// # Errors
    /// Somebody cancelled.
    fn after(&mut self, worker: Worker, t: RefNs) -> Result<Option<Edge>, Cancelled>;

    /// What leads to the worker at `t`, where `ended` ends (`None`: where it begins to exist).
    fn link(&mut self, worker: Worker, t: RefNs, ended: Option<&Edge>) -> Option<Link>;
}
