//! The rows of a tree that are shown, one below the other: where each one is, and which one is at a height.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use stratoscope_core::vocab::RowKind;

use super::{NodeKind, Tree};
use crate::window::command::RowRef;
use crate::window::theme::Sizes;

/// A row that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VisibleRow {
    /// Its node.
    pub node: u32,
    /// How deep it stands.
    pub depth: u16,
    /// Top, in points from the first row's.
    pub y: f32,
    /// Height in points.
    pub height: f32,
    /// Whether its children are shown.
    pub open: bool,
}

/// The rows that are shown, one below the other.
#[derive(Clone, Debug, Default)]
pub struct Visible {
    /// From top to bottom.
    pub rows: Vec<VisibleRow>,
    /// Height of all.
    pub height: f32,
    /// How many of them, the first ones, are pinned: they stay while the others scroll.
    pub pinned: usize,
    /// Where each node is in `rows`; [`u32::MAX`]: it is not shown.
    places: Vec<u32>,
}

impl Visible {
    /// What of `tree` is shown. `toggled`: rows that are not as they are at first; `hidden`: nodes to leave out.
    pub fn new(tree: &Tree, toggled: &BTreeSet<RowRef>, hidden: &[bool], compact: bool) -> Self {
        Self::ordered(tree, toggled, hidden, &[], &[], compact)
    }

    /// The same, with `pinned` nodes on top, and tasks inside VMs in the order of `busy`: what each node did, the most
    /// first.
    pub fn ordered(
        tree: &Tree,
        toggled: &BTreeSet<RowRef>,
        hidden: &[bool],
        pinned: &[u32],
        busy: &[i64],
        compact: bool,
    ) -> Self {
        let mut visible = Self { places: vec![u32::MAX; tree.nodes.len()], ..Self::default() };
        let row_height = if compact { Sizes::ROW_COMPACT } else { Sizes::ROW };
        for n in pinned.iter().copied().filter(|n| (*n as usize) < tree.nodes.len()) {
            let y = visible.height;
            visible.places[n as usize] = visible.rows.len() as u32;
            visible.rows.push(VisibleRow { node: n, depth: 0, y, height: row_height, open: false });
            visible.height += row_height;
        }
        visible.pinned = visible.rows.len();
        let mut todo: Vec<(u32, u16)> = tree.roots.iter().rev().map(|n| (*n, 0)).collect();
        while let Some((n, depth)) = todo.pop() {
            let node = tree.node(n);
            let open = node.open != toggled.contains(&node.row);
            let height = match node.kind {
                NodeKind::Machine => Sizes::GROUP,
                _ => row_height,
            };
            if !visible.is_pinned(n) && !hidden.get(n as usize).copied().unwrap_or(false) {
                let y = visible.height;
                visible.places[n as usize] = visible.rows.len() as u32;
                visible.rows.push(VisibleRow { node: n, depth, y, height, open });
                visible.height += height;
            }
            if open {
                let deeper = if node.kind == NodeKind::Machine { depth } else { depth + 1 };
                let mut children = node.children.clone();
                let did = |n: &u32| busy.get(*n as usize).copied().unwrap_or(0);
                let by_hand = tree.arranged.contains(&n);
                if !busy.is_empty()
                    && !by_hand
                    && children.iter().all(|n| tree.node(*n).row.key.kind == RowKind::VmThread)
                {
                    children.sort_by_key(|n| Reverse(did(n)));
                }
                todo.extend(children.iter().rev().map(|child| (*child, deeper)));
            }
        }
        visible
    }

    /// Whether a node stands among the pinned ones.
    pub fn is_pinned(&self, node: u32) -> bool {
        self.position(node).is_some_and(|place| place < self.pinned)
    }

    /// Height of the pinned rows.
    pub fn pinned_height(&self) -> f32 {
        self.pinned.checked_sub(1).and_then(|n| self.rows.get(n)).map_or(0.0, |r| r.y + r.height)
    }

    /// The rows that touch the stretch from `top` to `bottom`.
    pub fn between(&self, top: f32, bottom: f32) -> &[VisibleRow] {
        let first = self.rows.partition_point(|r| r.y + r.height <= top);
        let last = self.rows.partition_point(|r| r.y < bottom);
        &self.rows[first.min(last)..last]
    }

    /// The row at a height.
    pub fn at(&self, y: f32) -> Option<&VisibleRow> {
        self.between(y, y + 0.01).first()
    }

    /// The place of a node among the rows.
    pub fn position(&self, node: u32) -> Option<usize> {
        self.places.get(node as usize).filter(|place| **place != u32::MAX).map(|place| *place as usize)
    }

    /// Middle of a node's row in points below the pane's top, when the list is scrolled so far. What is scrolled under
    /// the pinned rows is at their edge.
    pub fn middle(&self, node: u32, scroll: f32) -> Option<f32> {
        let place = self.of(node)?;
        let middle = place.y + place.height / 2.0;
        Some(if self.is_pinned(node) { middle } else { (middle - scroll).max(self.pinned_height()) })
    }

    /// Where a node is shown.
    pub fn of(&self, node: u32) -> Option<&VisibleRow> {
        self.position(node).and_then(|n| self.rows.get(n))
    }
}
