//! Panes and how they are arranged.

use std::collections::BTreeSet;

use egui_tiles::{Container, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::MachineId;

use crate::window::stats::comparison::SideName;

/// What a pane shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PaneKind {
    /// Threads of a machine, as a process tree (`None`: of all machines).
    ControlFlow(Option<MachineId>),
    /// CPUs, interrupts and softirqs of a machine (`None`: of all machines).
    Resources(Option<MachineId>),
    /// The table of events.
    Events,
    /// Time per state in the selected range.
    Statistics,
    /// VMs with their vCPUs and the tasks inside.
    VirtualMachines,
    /// CPUs of hosts with whatever runs on them, also inside VMs.
    PhysicalCpus,
    /// How clocks were put on one axis, and how exactly.
    Synchronisation,
    /// Exits by VM, vCPU and reason.
    Exits,
    /// Stolen time per vCPU, VM and task.
    Steal,
    /// How much of its CPUs each machine used, and which threads did.
    CpuUsage,
    /// The instances of a recurring task.
    Periodic,
    /// What everything does at one instant.
    Instant,
    /// What determined when the selected task came as far as it did.
    ExecutionFlow,
    /// Where the time of that flow went.
    FlowBreakdown,
    /// The list of bookmarks.
    Bookmarks,
    /// What differs between two stretches of time.
    Compare,
    /// Threads during one side of the comparison.
    Compared(SideName),
    /// How the user wants the program to be, and who says so.
    Settings,
    /// What views show and states mean.
    Help,
}

impl PaneKind {
    /// The machine that it is limited to.
    pub fn machine(&self) -> Option<MachineId> {
        match self {
            Self::ControlFlow(machine) | Self::Resources(machine) => *machine,
            _ => None,
        }
    }

    /// Whether it shows rows of states over time.
    pub fn is_timeline(&self) -> bool {
        matches!(
            self,
            Self::ControlFlow(_)
                | Self::Resources(_)
                | Self::VirtualMachines
                | Self::PhysicalCpus
                | Self::ExecutionFlow
                | Self::Compared(_)
        )
    }

    /// What it shows, without the machine.
    pub fn title(&self) -> &'static str {
        match self {
            Self::ControlFlow(_) => "Control flow",
            Self::Resources(_) => "Resources",
            Self::Events => "Events",
            Self::Statistics => "Statistics",
            Self::VirtualMachines => "Virtual machines",
            Self::PhysicalCpus => "Physical CPUs",
            Self::Synchronisation => "Synchronisation",
            Self::Exits => "Exits",
            Self::Steal => "Steal",
            Self::CpuUsage => "CPU usage",
            Self::Periodic => "Periodic task",
            Self::Instant => "State at the cursor",
            Self::ExecutionFlow => "Execution flow",
            Self::FlowBreakdown => "Flow: where the time went",
            Self::Bookmarks => "Bookmarks",
            Self::Compare => "Compare",
            Self::Settings => "Settings",
            Self::Compared(SideName::A) => "A · Control flow",
            Self::Compared(SideName::B) => "B · Control flow",
            Self::Help => "Help",
        }
    }
}

/// An arrangement of panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preset {
    /// Control flow, resources and events of everything that is open.
    Kernel,
    /// The machines beside each other.
    Machines,
    /// Two stretches of time one above the other, and what differs.
    Compare,
    /// Virtual machines and physical CPUs, and below them what host and guests did.
    VirtualMachines,
    /// The threads of host and guests beside each other.
    SideBySide,
    /// The clocks above, host and guests beside each other below.
    Synchronisation,
    /// The selected task's flow above all threads, and beside them where its time went.
    ExecutionFlow,
}

/// The panes of the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panes {
    /// How they are arranged.
    pub tree: Tree<PaneKind>,
    /// The pane that is shown alone.
    pub full: Option<PaneKind>,
    /// The pane that rows are stepped in.
    pub focused: Option<PaneKind>,
    /// Panes of rows that go their own ways: they have their own window of time and are scrolled by themselves.
    #[serde(default)]
    pub unlinked: BTreeSet<PaneKind>,
}

/// The widget id of the arrangement: one window has one.
fn tree_id() -> egui::Id {
    egui::Id::unique("stratoscope panes")
}

impl Default for Panes {
    fn default() -> Self {
        Self::preset(Preset::Kernel, 1)
    }
}

impl Panes {
    /// An arrangement for so many machines.
    pub fn preset(preset: Preset, machines: usize) -> Self {
        let mut tiles = Tiles::default();
        if preset == Preset::ExecutionFlow {
            return Self::of_flow(tiles);
        }
        let mut machine_ids = (0..machines).filter_map(|n| u16::try_from(n).ok()).map(MachineId);
        let (above, focused) = match preset {
            Preset::Machines if machines > 1 => {
                // More than four columns would be too narrow to read; the rest is one click away.
                let columns: Vec<TileId> = machine_ids
                    .by_ref()
                    .take(4)
                    .map(|m| {
                        let flow = tabs(&mut tiles, vec![PaneKind::ControlFlow(Some(m))]);
                        let resources = tabs(&mut tiles, vec![PaneKind::Resources(Some(m))]);
                        column(&mut tiles, &[(flow, 3.0), (resources, 2.0)])
                    })
                    .collect();
                (vec![(tiles.insert_horizontal_tile(columns), 4.0)], PaneKind::ControlFlow(Some(MachineId(0))))
            }
            Preset::VirtualMachines => {
                let vms = tabs(&mut tiles, vec![PaneKind::VirtualMachines]);
                let cpus = tabs(&mut tiles, vec![PaneKind::PhysicalCpus]);
                let flows = flows(&mut tiles, machines);
                (vec![(vms, 2.3), (cpus, 1.2), (flows, 1.8)], PaneKind::VirtualMachines)
            }
            Preset::SideBySide if machines > 1 => {
                let flows = flows(&mut tiles, machines);
                (vec![(flows, 4.0)], PaneKind::ControlFlow(Some(MachineId(0))))
            }
            Preset::Synchronisation => {
                let clocks = tabs(&mut tiles, vec![PaneKind::Synchronisation]);
                let flows = flows(&mut tiles, machines);
                (vec![(clocks, 3.2), (flows, 1.6)], PaneKind::Synchronisation)
            }
            Preset::Compare => {
                let [a, b] = SideName::ALL.map(|side| tabs(&mut tiles, vec![PaneKind::Compared(side)]));
                (vec![(a, 1.5), (b, 1.5)], PaneKind::Compared(SideName::A))
            }
            Preset::Kernel | Preset::Machines | Preset::SideBySide | Preset::ExecutionFlow => {
                let flow = tabs(&mut tiles, vec![PaneKind::ControlFlow(None)]);
                let resources = tabs(&mut tiles, vec![PaneKind::Resources(None), PaneKind::CpuUsage]);
                (vec![(flow, 3.0), (resources, 1.6)], PaneKind::ControlFlow(None))
            }
        };
        let mut below = vec![PaneKind::Events, PaneKind::Statistics];
        if preset == Preset::VirtualMachines {
            below.extend([PaneKind::Exits, PaneKind::Steal, PaneKind::Periodic, PaneKind::Instant]);
        }
        if preset == Preset::Compare {
            below.insert(0, PaneKind::Compare);
        }
        let tables = tabs(&mut tiles, below);
        let mut parts = above;
        parts.push((tables, if preset == Preset::Compare { 3.2 } else { 1.4 }));
        let root = column(&mut tiles, &parts);
        Self { tree: Tree::new(tree_id(), root, tiles), full: None, focused: Some(focused), unlinked: BTreeSet::new() }
    }

    /// The flow and the threads have one width: the same instant is at the same place in both.
    fn of_flow(mut tiles: Tiles<PaneKind>) -> Self {
        let flow = tabs(&mut tiles, vec![PaneKind::ExecutionFlow]);
        let threads = tabs(&mut tiles, vec![PaneKind::ControlFlow(None), PaneKind::VirtualMachines]);
        let tables = tabs(&mut tiles, vec![PaneKind::Events, PaneKind::Statistics]);
        let left = column(&mut tiles, &[(flow, 2.4), (threads, 1.7), (tables, 1.0)]);
        let breakdown = tabs(&mut tiles, vec![PaneKind::FlowBreakdown]);
        let root = tiles.insert_horizontal_tile(vec![left, breakdown]);
        if let Some(Tile::Container(Container::Linear(linear))) = tiles.get_mut(root) {
            linear.shares.set_share(left, 2.6);
            linear.shares.set_share(breakdown, 1.0);
        }
        Self {
            tree: Tree::new(tree_id(), root, tiles),
            full: None,
            focused: Some(PaneKind::ExecutionFlow),
            unlinked: BTreeSet::new(),
        }
    }

    /// Every pane that is part of the arrangement, in no particular but a stable order.
    pub fn kinds(&self) -> Vec<PaneKind> {
        let mut kinds: Vec<PaneKind> = self
            .tree
            .tiles
            .tiles()
            .filter_map(|tile| match tile {
                Tile::Pane(kind) => Some(kind.clone()),
                Tile::Container(_) => None,
            })
            .collect();
        kinds.sort();
        kinds
    }

    /// Whether a pane is part of the arrangement.
    pub fn contains(&self, kind: &PaneKind) -> bool {
        self.tree.tiles.find_pane(kind).is_some()
    }

    /// Whether any pane of that sort is part of the arrangement, of whatever machine.
    pub fn contains_sort(&self, kind: &PaneKind) -> bool {
        self.kinds().iter().any(|k| std::mem::discriminant(k) == std::mem::discriminant(kind))
    }

    /// Makes a pane part of the arrangement and the visible one of its tabs.
    pub fn show(&mut self, kind: &PaneKind) {
        if !self.contains(kind) {
            self.add(kind.clone());
        }
        self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(k) if k == kind));
        self.full = self.full.take().filter(|full| full == kind);
        if *kind == PaneKind::Settings {
            // There is much to read: it begins with all the room there is.
            self.full = Some(PaneKind::Settings);
        }
        self.focused = Some(kind.clone());
    }

    /// Takes a pane out of the arrangement.
    pub fn close(&mut self, kind: &PaneKind) {
        if let Some(tile) = self.tree.tiles.find_pane(kind) {
            self.tree.remove_recursively(tile);
            self.tree.simplify(&simplification());
        }
        self.forget_closed();
    }

    /// Shows a pane, or closes it and, if it is of all machines, its siblings of single machines.
    pub fn toggle(&mut self, kind: &PaneKind) {
        let same = |k: &PaneKind| {
            k == kind || (kind.machine().is_none() && std::mem::discriminant(k) == std::mem::discriminant(kind))
        };
        let open: Vec<PaneKind> = self.kinds().into_iter().filter(same).collect();
        if open.is_empty() {
            self.show(kind);
        }
        for kind in open {
            self.close(&kind);
        }
    }

    /// Drops what refers to panes that are gone, and panes of machines that there are not.
    pub fn limit_to(&mut self, machines: usize) {
        let gone = |k: &PaneKind| k.machine().is_some_and(|m| usize::from(m.0) >= machines);
        for kind in self.kinds().into_iter().filter(gone) {
            self.close(&kind);
        }
        if self.kinds().is_empty() {
            *self = Self::preset(Preset::Kernel, machines);
        }
    }

    /// Forgets a focus or a full view of a pane that is not there any more.
    pub fn forget_closed(&mut self) {
        self.full = self.full.take().filter(|k| self.tree.tiles.find_pane(k).is_some());
        self.focused = self.focused.take().filter(|k| self.tree.tiles.find_pane(k).is_some());
        let tiles = &self.tree.tiles;
        self.unlinked.retain(|k| tiles.find_pane(k).is_some());
        if self.focused.is_none() {
            self.focused = self.kinds().into_iter().next();
        }
    }

    /// Whether a pane shows the window of time that all linked ones share.
    pub fn is_linked(&self, kind: &PaneKind) -> bool {
        !self.unlinked.contains(kind)
    }

    /// Whether two panes scroll their rows together: linked ones of the same sort, of two machines; and the two
    /// sides of a comparison.
    pub fn scroll_together(&self, a: &PaneKind, b: &PaneKind) -> bool {
        if let (PaneKind::Compared(a), PaneKind::Compared(b)) = (a, b) {
            return a != b;
        }
        a != b
            && std::mem::discriminant(a) == std::mem::discriminant(b)
            && a.machine().is_some()
            && b.machine().is_some()
            && self.is_linked(a)
            && self.is_linked(b)
    }

    /// Puts a pane beside all others, as high as the window: what is read needs lines, not columns.
    fn add_beside(&mut self, kind: PaneKind) {
        let pane = self.tree.tiles.insert_pane(kind);
        let new = self.tree.tiles.insert_tab_tile(vec![pane]);
        let Some(root) = self.tree.root else {
            self.tree.root = Some(new);
            return;
        };
        let both = self.tree.tiles.insert_horizontal_tile(vec![root, new]);
        if let Some(Tile::Container(Container::Linear(linear))) = self.tree.tiles.get_mut(both) {
            linear.shares.set_share(root, 2.6);
            linear.shares.set_share(new, 1.0);
        }
        self.tree.root = Some(both);
    }

    fn add(&mut self, kind: PaneKind) {
        if kind == PaneKind::Help {
            return self.add_beside(kind);
        }
        // Settings need more room than a table: they join whatever was used last.
        let used = self.focused.as_ref().filter(|_| kind == PaneKind::Settings);
        let used = used.and_then(|k| self.tree.tiles.find_pane(k)).and_then(|tile| self.tree.tiles.parent_of(tile));
        let beside = |k: &PaneKind| match kind {
            // Both are about CPUs over time: they take turns, at one width.
            PaneKind::CpuUsage => matches!(k, PaneKind::Resources(None)),
            _ => k.is_timeline() == kind.is_timeline() && !kind.is_timeline() && *k != PaneKind::Help,
        };
        let neighbour = self
            .kinds()
            .into_iter()
            .find(beside)
            .and_then(|k| self.tree.tiles.find_pane(&k))
            .and_then(|tile| self.tree.tiles.parent_of(tile));
        let neighbour = used.or(neighbour);
        let pane = self.tree.tiles.insert_pane(kind.clone());
        // A table joins the tabs of the other table; a timeline gets a place of its own.
        if let Some(Tile::Container(Container::Tabs(tabs))) = neighbour.and_then(|t| self.tree.tiles.get_mut(t)) {
            tabs.add_child(pane);
            tabs.set_active(pane);
            return;
        }
        let new = self.tree.tiles.insert_tab_tile(vec![pane]);
        match self.tree.root {
            Some(root) => {
                if let Some(Tile::Container(Container::Linear(linear))) = self.tree.tiles.get_mut(root)
                    && linear.dir == egui_tiles::LinearDir::Vertical
                {
                    let place = if kind.is_timeline() { 0 } else { linear.children.len() };
                    linear.children.insert(place, new);
                } else {
                    let order = if kind.is_timeline() { vec![new, root] } else { vec![root, new] };
                    self.tree.root = Some(self.tree.tiles.insert_vertical_tile(order));
                }
            }
            None => self.tree.root = Some(new),
        }
    }
}

/// How the arrangement tidies itself up: every pane keeps its tab, which carries its title and close button.
pub fn simplification() -> egui_tiles::SimplificationOptions {
    egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
}

/// The threads of each machine beside each other, all columns of one width: so a stretch of time is equally long in
/// each. More than four would be too narrow to read.
fn flows(tiles: &mut Tiles<PaneKind>, machines: usize) -> TileId {
    let ids = (0..machines.clamp(1, 4)).filter_map(|n| u16::try_from(n).ok()).map(MachineId);
    let columns: Vec<TileId> = ids.map(|m| tabs(tiles, vec![PaneKind::ControlFlow(Some(m))])).collect();
    tiles.insert_horizontal_tile(columns)
}

fn tabs(tiles: &mut Tiles<PaneKind>, kinds: Vec<PaneKind>) -> TileId {
    let children = kinds.into_iter().map(|k| tiles.insert_pane(k)).collect();
    tiles.insert_tab_tile(children)
}

fn column(tiles: &mut Tiles<PaneKind>, parts: &[(TileId, f32)]) -> TileId {
    let root = tiles.insert_vertical_tile(parts.iter().map(|p| p.0).collect());
    if let Some(Tile::Container(Container::Linear(linear))) = tiles.get_mut(root) {
        for (tile, share) in parts {
            linear.shares.set_share(*tile, *share);
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_hold_what_they_promise() {
        let kernel = Panes::preset(Preset::Kernel, 3);
        assert_eq!(
            kernel.kinds(),
            [
                PaneKind::ControlFlow(None),
                PaneKind::Resources(None),
                PaneKind::Events,
                PaneKind::Statistics,
                PaneKind::CpuUsage,
            ]
        );
        let compare = Panes::preset(Preset::Machines, 2);
        assert!(compare.contains(&PaneKind::ControlFlow(Some(MachineId(1)))));
        assert!(!compare.contains(&PaneKind::ControlFlow(None)));
        let vms = Panes::preset(Preset::VirtualMachines, 3);
        for kind in [PaneKind::VirtualMachines, PaneKind::PhysicalCpus, PaneKind::ControlFlow(Some(MachineId(2)))] {
            assert!(vms.contains(&kind), "{kind:?}");
        }
        let beside = Panes::preset(Preset::SideBySide, 2);
        assert!(beside.contains(&PaneKind::ControlFlow(Some(MachineId(0)))));
        assert!(!beside.contains(&PaneKind::Resources(Some(MachineId(0)))));
        let flow = Panes::preset(Preset::ExecutionFlow, 3);
        for kind in [PaneKind::ExecutionFlow, PaneKind::FlowBreakdown, PaneKind::ControlFlow(None)] {
            assert!(flow.contains(&kind), "{kind:?}");
        }
        assert_eq!(Panes::preset(Preset::SideBySide, 1).kinds(), Panes::preset(Preset::Kernel, 1).kinds());
        assert_eq!(Panes::preset(Preset::Machines, 1).kinds(), Panes::preset(Preset::Kernel, 1).kinds());
    }

    #[test]
    fn panes_close_and_come_back() {
        let mut panes = Panes::preset(Preset::Kernel, 1);
        for kind in panes.kinds() {
            panes.toggle(&kind);
            assert!(!panes.contains(&kind));
            panes.toggle(&kind);
            assert!(panes.contains(&kind), "{kind:?}");
            assert_eq!(panes.focused.as_ref(), Some(&kind));
        }
        for kind in panes.kinds() {
            panes.close(&kind);
        }
        assert!(panes.kinds().is_empty());
        assert_eq!(panes.focused, None);
        panes.show(&PaneKind::Events);
        panes.show(&PaneKind::Resources(None));
        assert_eq!(panes.kinds().len(), 2);
    }

    #[test]
    fn an_arrangement_of_more_machines_is_cut_to_those_that_are_there() {
        let mut panes = Panes::preset(Preset::Machines, 3);
        panes.limit_to(1);
        assert!(panes.kinds().iter().all(|k| k.machine().is_none_or(|m| m.0 == 0)));
        assert!(panes.contains(&PaneKind::ControlFlow(Some(MachineId(0)))));
    }

    #[test]
    fn linked_panes_of_two_machines_scroll_together() {
        let mut panes = Panes::preset(Preset::Machines, 2);
        let [a, b] = [0, 1].map(|m| PaneKind::ControlFlow(Some(MachineId(m))));
        assert!(panes.scroll_together(&a, &b));
        assert!(!panes.scroll_together(&a, &a));
        assert!(!panes.scroll_together(&a, &PaneKind::Resources(Some(MachineId(1)))));
        panes.unlinked.insert(b.clone());
        assert!(!panes.scroll_together(&a, &b));
        panes.close(&b);
        assert!(panes.unlinked.is_empty(), "a pane that comes back is linked");
    }

    #[test]
    fn arrangements_survive_ron() {
        let panes = Panes::preset(Preset::Machines, 2);
        let text = ron::to_string(&panes).unwrap();
        assert_eq!(ron::from_str::<Panes>(&text).unwrap(), panes);
        // Files from before panes could be unlinked.
        let old = text.replace(",unlinked:[]", "");
        assert_ne!(old, text);
        assert_eq!(ron::from_str::<Panes>(&old).unwrap(), panes);
    }
}
