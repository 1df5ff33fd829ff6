//! Rows where the user wants them: what is hidden by hand, pinned on top, moved among its neighbours. Questions to a
//! tree, without a screen.

use std::collections::BTreeSet;

use crate::window::command::{Direction, RowRef};
use crate::window::own::{Place, RowTools};
use crate::window::timeline::rows::{NodeKind, Tree, Visible};

/// Which nodes are hidden by hand; empty: none is.
pub(crate) fn by_hand(tree: &Tree, tools: &RowTools) -> Vec<bool> {
    let limited = tools.only.iter().any(|row| tree.find(*row).is_some());
    if tools.hidden.is_empty() && !limited {
        return Vec::new();
    }
    let n = tree.nodes.len();
    let mut hidden = vec![false; n];
    let mut kept = vec![!limited; n];
    // Parents stand before their children.
    for (at, node) in tree.nodes.iter().enumerate() {
        let above = node.parent.map(|p| p as usize);
        let is_row = matches!(node.kind, NodeKind::Row(_));
        hidden[at] = above.is_some_and(|p| hidden[p]) || (is_row && tools.hidden.contains(&node.row));
        kept[at] |= above.is_some_and(|p| kept[p]) || (is_row && tools.only.contains(&node.row));
    }
    if limited {
        for at in (0..n).rev() {
            if let Some(parent) = tree.nodes[at].parent.filter(|_| kept[at]) {
                kept[parent as usize] = true;
            }
        }
    }
    hidden.iter().zip(kept).map(|(hidden, kept)| *hidden || !kept).collect()
}

/// What is hidden for either reason.
pub(crate) fn either(idle: &[bool], by_hand: &[bool]) -> Vec<bool> {
    if by_hand.is_empty() {
        return idle.to_vec();
    }
    let is_idle = |n: usize| idle.get(n).copied().unwrap_or(false);
    by_hand.iter().enumerate().map(|(n, hidden)| *hidden || is_idle(n)).collect()
}

/// The nodes that are pinned in this pane, from top to bottom.
pub(crate) fn pinned(tree: &Tree, tools: &RowTools) -> Vec<u32> {
    tools.pinned.iter().filter_map(|row| tree.find(*row)).collect()
}

/// Moves rows among their neighbours, as was done by hand. Returns the nodes whose children have an order by hand.
pub(crate) fn put(tree: &mut Tree, placed: &[Place]) -> BTreeSet<u32> {
    let mut arranged = BTreeSet::new();
    for place in placed {
        let Some(node) = tree.find(place.row) else { continue };
        let parent = tree.node(node).parent;
        let after = match place.after {
            None => None,
            Some(row) => match tree.find(row).filter(|n| tree.node(*n).parent == parent) {
                Some(n) => Some(n),
                // What it was put after is gone: it stays where it is.
                None => continue,
            },
        };
        let list = match parent {
            Some(parent) => &mut tree.nodes[parent as usize].children,
            None => &mut tree.roots,
        };
        list.retain(|n| *n != node);
        let to = after.and_then(|after| list.iter().position(|n| *n == after)).map_or(0, |at| at + 1);
        list.insert(to, node);
        arranged.extend(parent);
    }
    arranged
}

/// The rows beside a node that are shown, in the order of the screen: pinned ones are beside each other.
pub(crate) fn beside(tree: &Tree, visible: &Visible, node: u32) -> Vec<u32> {
    if visible.is_pinned(node) {
        return visible.rows[..visible.pinned].iter().map(|r| r.node).collect();
    }
    let list = match tree.node(node).parent {
        Some(parent) => &tree.node(parent).children,
        None => &tree.roots,
    };
    let shown = |n: &u32| matches!(tree.node(*n).kind, NodeKind::Row(_)) && !visible.is_pinned(*n);
    let mut places: Vec<(usize, u32)> =
        list.iter().copied().filter(shown).filter_map(|n| Some((visible.position(n)?, n))).collect();
    places.sort_unstable();
    places.into_iter().map(|(_, n)| n).collect()
}

/// Where a row goes when it is moved one place up or down; `None`: it is the first or last.
pub(crate) fn moved(tree: &Tree, visible: &Visible, row: RowRef, direction: Direction) -> Option<Place> {
    let node = tree.find(row)?;
    let beside = beside(tree, visible, node);
    let at = beside.iter().position(|n| *n == node)?;
    let after = match direction {
        Direction::Back => match at {
            0 => return None,
            1 => None,
            at => Some(beside[at - 2]),
        },
        Direction::Forward => Some(*beside.get(at + 1)?),
    };
    Some(Place { row, after: after.map(|n| tree.node(n).row) })
}

/// Where a row goes when it is dropped at a height of the list of rows, and the height of the line that shows it.
pub(crate) fn dropped(tree: &Tree, visible: &Visible, node: u32, y: f32) -> Option<(Place, f32)> {
    let beside = beside(tree, visible, node);
    let mut after = None;
    let mut line = beside.first().and_then(|n| visible.of(*n)).map(|r| r.y)?;
    for n in &beside {
        let Some(place) = visible.of(*n) else { continue };
        if place.y + place.height / 2.0 > y {
            break;
        }
        // Below the whole family of the row that it is put after.
        let next = visible.rows.iter().skip(visible.position(*n).map_or(0, |p| p + 1)).find(|r| r.depth <= place.depth);
        line = next.map_or(visible.height, |r| r.y);
        after = Some(*n);
    }
    let row = tree.node(node).row;
    let after = after.map(|n| tree.node(n).row);
    let at = beside.iter().position(|n| *n == node)?;
    let before = at.checked_sub(1).map(|n| tree.node(beside[n]).row);
    // Dropped where it was, nothing moves.
    if after == Some(row) || after == before {
        return None;
    }
    Some((Place { row, after }, line))
}

#[cfg(test)]
mod tests;
