//! The sealed part of a row: its blocks, and the nodes above them.
//!
//! ```text
//! level 1   ┌───────────────┐ ┌──…    16 blocks
//! level 0   ┌───┐┌───┐┌───┐┌───┐      4 blocks: exact sums and their summary
//! blocks    ▪▪▪▪ ▪▪▪▪ ▪▪▪▪ ▪▪▪▪       exact sums stand in the block itself
//! ```
//!
//! A node is made when its last block is sealed, so that nothing here ever changes either.

use super::block::{BlockMeta, BlockView, Groups};
use super::pages::Pages;
use super::persistent::PersistentList;
use super::summary::{Summary, Tally, bits};

const FAN: usize = 4;

/// Blocks of a row and what stands above them.
#[derive(Clone, Default)]
pub(super) struct Sealed {
    blocks: PersistentList<BlockMeta>,
    groups: PersistentList<Groups>,
    levels: Vec<PersistentList<Node>>,
    sums: PersistentList<Sum>,
    /// Intervals in all blocks, gaps included.
    pub(super) entries: u64,
}

#[derive(Clone, Copy)]
struct Node {
    summary: Summary,
    /// Where its sums begin: one per state of the summary's mask, by number.
    sums: u64,
}

#[derive(Clone, Copy)]
struct Sum {
    ns: u64,
    count: u64,
}

/// Sums of nodes that are not complete yet; the writer's, not the readers'.
#[derive(Default)]
pub(super) struct Growing(Vec<Tally>);

impl Growing {
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Tally>()
    }
}

impl Sealed {
    /// Adds a block of `entries` intervals whose sums are in `tally`, which is emptied.
    pub(super) fn push(
        &mut self,
        (block, groups): (BlockMeta, Groups),
        entries: usize,
        growing: &mut Growing,
        tally: &mut Tally,
    ) {
        self.blocks.push(block);
        self.groups.push(groups);
        self.entries += entries as u64;
        let mut level = 0;
        let mut nodes = self.blocks.len();
        while nodes > 0 {
            if growing.0.len() == level {
                growing.0.push(Tally::default());
            }
            let sum = &mut growing.0[level];
            sum.take(tally);
            if !nodes.is_multiple_of(FAN) {
                return;
            }
            let summary = sum.summary();
            if self.levels.len() == level {
                self.levels.push(PersistentList::default());
            }
            self.levels[level].push(Node { summary, sums: self.sums.len() as u64 });
            for s in bits(summary.mask()) {
                self.sums.push(Sum { ns: sum.ns[s], count: u64::from(sum.count[s]) });
            }
            *tally = std::mem::take(sum);
            nodes = self.levels[level].len();
            level += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    #[inline]
    pub(super) fn meta(&self, block: usize) -> Option<&BlockMeta> {
        self.blocks.get(block)
    }

    #[inline]
    pub(super) fn groups(&self, block: usize) -> Option<&Groups> {
        self.groups.get(block)
    }

    /// Begin of that block; `end` (of all of them) for one past the last.
    #[inline]
    pub(super) fn begin(&self, block: usize, end: i64) -> i64 {
        self.blocks.get(block).map_or(end, |b| b.begin)
    }

    /// That block in place; `end` is where all of them end.
    #[inline]
    pub(super) fn view<'a>(&self, block: usize, end: i64, pages: &'a Pages) -> Option<BlockView<'a>> {
        let meta = self.blocks.get(block)?;
        Some(BlockView::new(meta, self.begin(block + 1, end), |place| pages.from(place)))
    }

    /// How many blocks begin at or before `t`.
    pub(super) fn begun_by(&self, t: i64) -> usize {
        self.blocks.partition_point(|b| b.begin <= t)
    }

    /// The highest node that begins with `block` and of whose end `fits` approves: the block after it and its
    /// node, `None` where not even the lowest does.
    #[inline]
    pub(super) fn highest(&self, block: usize, end: i64, mut fits: impl FnMut(i64) -> bool) -> Option<NodeRef> {
        let mut found = None;
        let (mut span, mut at) = (FAN, block);
        for (level, nodes) in self.levels.iter().enumerate() {
            if !at.is_multiple_of(FAN) || at / FAN >= nodes.len() {
                break;
            }
            at /= FAN;
            let node_end = self.begin(block + span, end);
            if !fits(node_end) {
                break;
            }
            found = Some(NodeRef { level, at, next_block: block + span, end: node_end });
            span *= FAN;
        }
        found
    }

    #[inline]
    pub(super) fn summary(&self, node: &NodeRef) -> Summary {
        self.node(node).map_or_else(Summary::default, |n| n.summary)
    }

    /// State, nanoseconds and count of all states that occur in the node.
    pub(super) fn sums(&self, node: &NodeRef) -> impl Iterator<Item = (usize, u64, u64)> {
        let (mask, at) = self.node(node).map_or((0, 0), |n| (n.summary.mask(), n.sums as usize));
        bits(mask).enumerate().filter_map(move |(i, s)| self.sums.get(at + i).map(|sum| (s, sum.ns, sum.count)))
    }

    fn node(&self, node: &NodeRef) -> Option<&Node> {
        self.levels.get(node.level)?.get(node.at)
    }

    pub(super) fn bytes(&self) -> usize {
        let levels: usize = self.levels.iter().map(PersistentList::bytes).sum();
        self.blocks.bytes() + self.groups.bytes() + self.sums.bytes() + levels + size_of::<Self>()
    }
}

/// A node, and where it ends.
pub(super) struct NodeRef {
    level: usize,
    at: usize,
    pub(super) next_block: usize,
    pub(super) end: i64,
}
