//! Graphs written down: vertices, edges and links as they are, without any trace behind them.

use std::collections::BTreeMap;

use stratoscope_core::flow::{Edge, FlowKind, Graph, Link, Worker};
use stratoscope_core::vocab::{Cancelled, RefNs};

/// A graph of lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListGraph {
    /// By worker, in order of time; holes are allowed.
    pub(crate) edges: BTreeMap<Worker, Vec<Edge>>,
    /// By the worker and instant that a link leads to.
    pub(crate) links: BTreeMap<(Worker, RefNs), Link>,
}

impl ListGraph {
    /// Adds an edge behind the worker's last.
    pub(crate) fn edge(&mut self, worker: Worker, from: i64, to: i64, kind: FlowKind, wait: bool) {
        let edge = Edge { kind, wait, cut: false, ..Edge::unknown(RefNs(from), RefNs(to)) };
        self.edges.entry(worker).or_default().push(edge);
    }
}

impl Graph for ListGraph {
    fn before(&mut self, worker: Worker, t: RefNs, _: RefNs) -> Result<Option<Edge>, Cancelled> {
        let edge = self.edges.get(&worker).and_then(|edges| edges.iter().find(|e| e.from < t && t <= e.to));
        Ok(edge.map(|e| Edge { to: t, ..*e }))
    }

    fn after(&mut self, worker: Worker, t: RefNs) -> Result<Option<Edge>, Cancelled> {
        let edges = self.edges.get(&worker);
        Ok(edges.and_then(|edges| edges.iter().find(|e| e.from <= t && t < e.to)).copied())
    }

    fn link(&mut self, worker: Worker, t: RefNs, _: Option<&Edge>) -> Option<Link> {
        self.links.get(&(worker, t)).copied()
    }
}
