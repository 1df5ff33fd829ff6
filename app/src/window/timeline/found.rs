//! Which rows of a tree hold nothing that is looked for: they are dimmed, and left out when going from match to match.

use rayon::prelude::*;

use crate::window::find::rule::{At, RowFacts};
use crate::window::find::{Find, What};
use crate::window::timeline::rows::{Node, NodeKind, Tree, row_matches};
use crate::window::timeline::scene::Scene;

/// For each node whether it is dimmed; empty: nothing is looked for. A row whose states must be asked is not: its states
/// are dimmed one by one.
pub(crate) fn unmatched(scene: &Scene, tree: &Tree, find: &Find) -> Vec<bool> {
    match &find.what {
        What::Nothing | What::Wrong(_) => Vec::new(),
        What::Words(words) => {
            let bore = |row| scene.row(row).is_some_and(|(_, _, row)| row_matches(scene, row, words));
            let is_row = |n: &Node| matches!(n.kind, NodeKind::Row(_));
            tree.nodes.par_iter().map(|n| is_row(n) && !n.matches(words) && !bore(n.row)).collect()
        }
        What::Filter(sought) => tree
            .nodes
            .par_iter()
            .map(|node| {
                let NodeKind::Row(id) = node.kind else { return false };
                let Some(machine) = scene.machine(node.row.machine) else { return false };
                let Some(row) = machine.row(id) else { return false };
                sought.rule.of_row(&RowFacts::of(&At { scene, machine, row })) == Some(false)
            })
            .collect(),
    }
}
