//! The critical path: what determined when a worker came as far as it did.
//!
//! A worker's own edges are its path, except where it waits: a wait is replaced by what its waker did meanwhile,
//! found by walking back from the wake-up, never before the wait began (*bounded*), through whatever wakers the
//! waker itself waited for.
//!
//! ```text
//!  A  ───running───┐▒▒▒▒▒▒▒ blocked ▒▒▒▒▒▒▒▒┌──running──      walk back:  ◀── from the wake-up
//!  B               └──running──┐▒blocked▒┌──┘                 glue:       ──▶ from where A blocked
//!  C                           └─running─┘
//! ```
//!
//! The method is that of Giraldeau and Dagenais ("Wait analysis of distributed systems using kernel tracing",
//! 2016), as Trace Compass' `OSCriticalPathAlgorithm` bounds it, with these differences: no recursion, so that a chain of wakers of any length is walked; an
//! unexplained wait of a waker is a piece of the path instead of a hole in it; two workers that wake each other
//! at one instant end the walk instead of continuing it for ever; and a wait that the window's end cuts is
//! explained by what ended it later.

use rustc_hash::FxHashSet;

use crate::flow::graph::{ArrowKind, Edge, Graph, Link, Worker};
use crate::flow::kind::FlowKind;
use crate::vocab::{Cancelled, Cpu, Name, RefNs, TimeRange};

/// Edges that the explanation of one wait may visit; what would need more stays unexplained.
pub const MOST_VISITED: u64 = 5_000_000;

/// A piece of a path, on the worker that made progress or held it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who.
    pub worker: Worker,
    /// When.
    pub range: TimeRange<RefNs>,
    /// What.
    pub kind: FlowKind,
    /// More about it.
    pub detail: Name,
    /// On which CPU, where one matters.
    pub cpu: Cpu,
}

/// Where a path goes from one worker to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// How.
    pub kind: ArrowKind,
    /// From whom, and when.
    pub from: (Worker, RefNs),
    /// To whom, and when.
    pub to: (Worker, RefNs),
}

/// A critical path. Steps and jumps cover the window from its begin to its end: no gap, no overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// In order of time; none is empty.
    pub steps: Vec<Step>,
    /// In order of time.
    pub jumps: Vec<Jump>,
    /// How many edges were looked at.
    pub visited: u64,
    /// How many waits needed more than [`MOST_VISITED`].
    pub given_up: u32,
}

/// The critical path of `worker` within `window`. It begins with the worker's first edge in the window and ends
/// with its last.
///
/// # Errors
/// Somebody cancelled.
pub fn critical_path<G: Graph>(graph: &mut G, worker: Worker, window: TimeRange<RefNs>) -> Result<Path, Cancelled> {
    let mut walk =
        Walk { graph, path: Path::default(), found: Vec::new(), frames: Vec::new(), open: FxHashSet::default() };
    let mut at = window.begin;
    while at < window.end {
        let Some(edge) = walk.graph.after(worker, at)? else { break };
        walk.path.visited += 1;
        let begin = at.max(edge.from);
        walk.found.clear();
        if edge.wait {
            walk.resolve(worker, edge, begin)?;
        }
        if walk.found.is_empty() {
            walk.path.step(worker, begin, edge.to.min(window.end), &edge);
        } else {
            walk.glue(worker, begin, window.end);
        }
        at = edge.to;
    }
    Ok(walk.path)
}

impl Path {
    fn step(&mut self, worker: Worker, begin: RefNs, end: RefNs, like: &Edge) {
        if begin < end {
            let range = TimeRange::new(begin, end);
            self.steps.push(Step { worker, range, kind: like.kind, detail: like.detail, cpu: like.cpu });
        }
    }
}

/// A piece of an explanation, found backwards.
#[derive(Clone, Copy)]
enum Found {
    /// An edge of a worker.
    Stay(Worker, Edge),
    /// A link to a worker at an instant.
    Jump(Link, Worker, RefNs),
}

impl Found {
    fn from(&self) -> (Worker, RefNs) {
        match self {
            Self::Stay(worker, edge) => (*worker, edge.from),
            Self::Jump(link, ..) => (link.from, link.at),
        }
    }
}

/// A wait whose explanation is under way.
struct Frame {
    wait: (Worker, Edge),
    /// Where the walk stands.
    at: (Worker, RefNs),
    /// It goes no further back than this.
    bound: RefNs,
    /// Where its pieces begin in [`Walk::found`].
    base: usize,
    /// Places that a link leads to as well, should this way end where a row begins.
    others: Vec<(Worker, RefNs, Link)>,
}

struct Walk<'g, G> {
    graph: &'g mut G,
    path: Path,
    /// The pieces of the explanation, the latest first.
    found: Vec<Found>,
    frames: Vec<Frame>,
    /// Waits under way, by worker and end: one that is met again would explain itself.
    open: FxHashSet<(Worker, RefNs)>,
}

impl<G: Graph> Walk<'_, G> {
    /// Explains a wait; leaves its pieces in `found`, none if nothing explains it.
    fn resolve(&mut self, worker: Worker, wait: Edge, bound: RefNs) -> Result<(), Cancelled> {
        self.open.clear();
        self.frames.clear();
        let limit = self.path.visited + MOST_VISITED;
        self.enter(worker, wait, bound);
        while let Some(mut frame) = self.frames.pop() {
            if self.path.visited > limit {
                self.path.given_up += 1;
                self.found.clear();
                break;
            }
            let (worker, t) = frame.at;
            if t <= frame.bound {
                self.leave(&frame);
                continue;
            }
            self.path.visited += 1;
            let edge = self.graph.before(worker, t, frame.bound)?.filter(|edge| !edge.cut);
            let link = self.graph.link(worker, t, edge.as_ref());
            if let Some(link) = link.filter(|link| link.at <= frame.bound) {
                self.found.push(Found::Jump(link, worker, t));
                self.leave(&frame);
                continue;
            }
            match edge {
                Some(wait) if wait.wait => {
                    frame.at = (worker, wait.from);
                    let bound = frame.bound;
                    self.frames.push(frame);
                    if !self.enter(worker, wait, bound) {
                        self.found.push(Found::Stay(worker, wait));
                    }
                }
                Some(edge) => {
                    if let Some(link) = link {
                        frame.others.push((worker, t, link));
                    }
                    self.found.push(Found::Stay(worker, edge));
                    frame.at = (worker, edge.from);
                    self.frames.push(frame);
                }
                None => {
                    let other = link.map(|link| (worker, t, link)).or_else(|| frame.others.pop());
                    let Some((worker, t, link)) = other else {
                        self.leave(&frame);
                        continue;
                    };
                    while self.found.len() > frame.base && self.found.last().is_some_and(|f| f.from() != (worker, t)) {
                        self.found.pop();
                    }
                    self.found.push(Found::Jump(link, worker, t));
                    frame.at = (link.from, link.at);
                    self.frames.push(frame);
                }
            }
        }
        Ok(())
    }

    /// Begins to explain a wait. `false`: nothing is known of what ended it.
    fn enter(&mut self, worker: Worker, wait: Edge, bound: RefNs) -> bool {
        let Some(link) = self.graph.link(worker, wait.to, Some(&wait)) else { return false };
        if !self.open.insert((worker, wait.to)) {
            return false;
        }
        let (at, bound) = ((link.from, link.at), bound.max(wait.from));
        self.frames.push(Frame { wait: (worker, wait), at, bound, base: self.found.len(), others: Vec::new() });
        self.found.push(Found::Jump(link, worker, wait.to));
        true
    }

    /// A wait is explained as far as it can be.
    fn leave(&mut self, frame: &Frame) {
        let (worker, wait) = frame.wait;
        self.open.remove(&(worker, wait.to));
        if self.found.len() == frame.base && !self.frames.is_empty() {
            self.found.push(Found::Stay(worker, wait));
        }
    }

    /// Puts the pieces of `found` on the path, from where `worker` began to wait until `end` at most.
    fn glue(&mut self, worker: Worker, begin: RefNs, end: RefNs) {
        let Self { path, found, .. } = self;
        let mut at = (worker, begin);
        // How it came back to the waiting worker is how it went.
        let way = found.first().map_or(ArrowKind::Wakeup, |last| match last {
            Found::Jump(link, ..) => link.kind,
            Found::Stay(..) => ArrowKind::Wakeup,
        });
        for piece in found.iter().rev() {
            if at.1 >= end {
                return;
            }
            let from = piece.from();
            if from.0 != at.0 {
                path.jumps.push(Jump { kind: way, from: at, to: (from.0, at.1) });
                at.0 = from.0;
            }
            if from.1 > at.1 {
                // Of what was before, nothing is known.
                path.step(at.0, at.1, from.1.min(end), &Edge::unknown(at.1, from.1));
                at.1 = from.1;
                if at.1 >= end {
                    return;
                }
            }
            match piece {
                Found::Stay(worker, edge) => {
                    path.step(*worker, at.1, edge.to.min(end), edge);
                    at.1 = at.1.max(edge.to);
                }
                // A link of a worker to itself is what it did meanwhile.
                Found::Jump(link, to, t) if *to == at.0 => {
                    let kind = if link.kind == ArrowKind::Network { FlowKind::Network } else { FlowKind::Blocked };
                    path.step(*to, at.1, (*t).min(end), &Edge { kind, ..Edge::unknown(at.1, *t) });
                    at.1 = at.1.max(*t);
                }
                Found::Jump(link, to, t) => {
                    let until = at.1.max((*t).min(end));
                    path.jumps.push(Jump { kind: link.kind, from: at, to: (*to, until) });
                    at = (*to, until);
                }
            }
        }
    }
}
