//! Which rows there are and in which order: from a scene to a tree, and from the tree to what is visible.
//!
//! ```text
//!  scene ──► Tree (all rows of one pane: machines → processes → threads, machines → CPUs → interrupts)
//!              └── opened, searched, hidden, sorted ──► Visible (flat, with the place of every row)
//! ```
//! The tree is made when the scene or the order changes; the flat list also when a row is opened or hidden.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::{Cpu, Dur, MachineId, Name, RowId, RowKey, RowKind, Tid};

use crate::window::axis::duration;
use crate::window::command::RowRef;
use crate::window::own::Place;
use crate::window::timeline::arrange;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};
use crate::window::timeline::vm_rows;
use family::Family;

/// Which rows a timeline shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RowSet {
    /// Threads, as a tree of processes.
    ControlFlow,
    /// CPUs with their interrupts.
    Resources,
    /// VMs with their vCPUs and the tasks inside.
    VirtualMachines,
    /// CPUs of hosts with whatever runs on them.
    PhysicalCpus,
    /// The tasks of an execution flow, in the order in which they come into it.
    Flow,
}

/// The order of threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sort {
    /// Those that ran longest first.
    #[default]
    CpuTime,
    /// By name.
    Name,
    /// By thread id.
    Tid,
    /// By the first thing they did.
    FirstActivity,
    /// Those that were woken most often first.
    WakeUps,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 5] = [Self::CpuTime, Self::Name, Self::Tid, Self::FirstActivity, Self::WakeUps];

    /// The order after this one.
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|s| *s == self).map_or(0, |n| n + 1);
        Self::ALL[at % Self::ALL.len()]
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuTime => "CPU time",
            Self::Name => "name",
            Self::Tid => "tid",
            Self::FirstActivity => "first activity",
            Self::WakeUps => "wake-ups",
        }
    }
}

/// What a row of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// The header of a machine, or of a VM.
    Machine,
    /// The folder of a machine's kernel threads.
    KernelThreads,
    /// The folder of the tasks inside a VM.
    Tasks,
    /// A row of intervals.
    Row(RowId),
}

/// A row of a tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its lasting name: what commands about it say. Headers and folders borrow the key of a row that never exists.
    pub row: RowRef,
    /// Its name.
    pub name: Arc<str>,
    /// What stands at the right end of the name, if it is not what stands there for such rows.
    pub aside: Arc<str>,
    /// What a screen reader says, if it is not what it says of such rows.
    pub said: Arc<str>,
    /// Of a header: what stands beside it, over the states.
    pub note: Arc<str>,
    /// Children, in order.
    pub children: Vec<u32>,
    /// The row that it is a child of.
    pub parent: Option<u32>,
    /// Whether its children are shown as long as nobody says otherwise.
    pub open: bool,
}

impl Node {
    /// A row without children yet.
    pub fn new(kind: NodeKind, row: RowRef, name: Arc<str>, parent: Option<u32>, open: bool) -> Self {
        // One for all of them: a tree has ten thousands.
        static NOTHING: LazyLock<Arc<str>> = LazyLock::new(Arc::default);
        let nothing = || Arc::clone(&NOTHING);
        let (aside, said, note) = (nothing(), nothing(), nothing());
        Self { kind, row, name, aside, said, note, children: Vec::new(), parent, open }
    }

    /// Whether it only holds others.
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, NodeKind::KernelThreads | NodeKind::Tasks)
    }

    /// What stands at the right end of the name: the thread's id, the number of kernel threads.
    pub fn secondary(&self) -> String {
        if !self.aside.is_empty() {
            return self.aside.to_string();
        }
        match self.kind {
            NodeKind::Machine => String::new(),
            NodeKind::KernelThreads | NodeKind::Tasks => self.children.len().to_string(),
            NodeKind::Row(_) => match self.row.key.kind {
                RowKind::Thread | RowKind::Vcpu | RowKind::VmThread if self.row.key.id == 0 => {
                    format!("CPU {}", self.row.key.cpu.0)
                }
                RowKind::Thread | RowKind::Vcpu | RowKind::VmThread => self.row.key.id.to_string(),
                RowKind::Irq | RowKind::Softirq => format!("CPU {}", self.row.key.cpu.0),
                RowKind::Cpu | RowKind::PhysicalCpu => String::new(),
            },
        }
    }

    /// The name that a screen reader says and a test looks for: `thread bash 1234`, `CPU 0`, `host`.
    pub fn spoken(&self) -> String {
        if !self.said.is_empty() {
            return self.said.to_string();
        }
        match (self.kind, self.row.key.kind) {
            (NodeKind::Row(_), RowKind::Thread) => format!("thread {} {}", self.name, self.row.key.id),
            (NodeKind::Row(_), RowKind::Irq | RowKind::Softirq) => {
                format!("{} on CPU {}", self.name, self.row.key.cpu.0)
            }
            (NodeKind::Row(_), RowKind::VmThread) => format!("task {} {}", self.name, self.row.key.id),
            (NodeKind::Row(_), RowKind::PhysicalCpu) => format!("physical {}", self.name),
            (NodeKind::Machine, RowKind::Vcpu) => format!("VM {}", self.name),
            (NodeKind::Machine, _) => format!("machine {}", self.name),
            _ => self.name.to_string(),
        }
    }

    /// The name for buttons about it: `bash 1234`.
    pub fn short(&self) -> String {
        match (self.kind, self.row.key.kind) {
            (NodeKind::Row(_), RowKind::Thread | RowKind::VmThread) => format!("{} {}", self.name, self.row.key.id),
            _ => self.name.to_string(),
        }
    }

    /// Whether words (in lower case) find it.
    pub fn matches(&self, search: &str) -> bool {
        matches!(self.kind, NodeKind::Row(_))
            && (self.name.to_lowercase().contains(search) || self.secondary().to_lowercase().starts_with(search))
    }
}

/// Whether words (in lower case) find a row: in any name that it ever bore, or as the begin of its number.
pub fn row_matches(scene: &Scene, row: &SceneRow, words: &str) -> bool {
    let text = scene.text(row.name);
    let named = match row.key.kind {
        RowKind::Cpu | RowKind::PhysicalCpu => format!("cpu {}", row.key.id).contains(words),
        RowKind::Softirq => softirq_name(row.key.id).to_lowercase().contains(words),
        RowKind::Irq => format!("irq {} {}", row.key.id, text.to_lowercase()).contains(words),
        RowKind::Thread | RowKind::Vcpu | RowKind::VmThread => {
            let bore = |(_, name): &(_, Name)| scene.text(*name).to_lowercase().contains(words);
            row.borne().iter().any(bore)
        }
    };
    named || row.key.id.to_string().starts_with(words)
}

/// The key that stands for a machine's header: the idle task, or the CPU, of no CPU.
fn machine_key(set: RowSet) -> RowKey {
    match set {
        RowSet::ControlFlow => RowKey::idle(Cpu::UNKNOWN),
        // Closing a machine there does not close it here.
        RowSet::Flow => RowKey { kind: RowKind::VmThread, ..RowKey::idle(Cpu::UNKNOWN) },
        RowSet::Resources | RowSet::PhysicalCpus | RowSet::VirtualMachines => RowKey::cpu(Cpu::UNKNOWN),
    }
}

/// The thread that all kernel threads are children of; its key stands for their folder.
const KTHREADD: Tid = Tid(2);

/// The first process. Its children stand on the top level: one common root would only cost room.
const INIT: Tid = Tid(1);

/// All rows of a pane.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Rows; parents before their children.
    pub nodes: Vec<Node>,
    /// Rows of the top level.
    pub roots: Vec<u32>,
    by_row: FxHashMap<RowRef, u32>,
    /// Nodes whose children have an order by hand.
    arranged: BTreeSet<u32>,
}

impl Tree {
    /// The tree of `set`, of one machine or of all.
    pub fn new(scene: &Scene, set: RowSet, only: Option<MachineId>, sort: Sort) -> Self {
        let mut tree = Self::default();
        if set == RowSet::VirtualMachines {
            tree.add_vms(scene, only);
            return tree;
        }
        let mut machines: Vec<&SceneMachine> =
            scene.machines.iter().filter(|m| only.is_none_or(|id| id == m.id)).collect();
        if set == RowSet::PhysicalCpus && machines.iter().any(|m| vm_rows::is_host(m)) {
            // A guest's CPUs are no physical ones, unless it is a host itself.
            machines.retain(|m| vm_rows::is_host(m));
        }
        let place = |m: &SceneMachine| scene.order.iter().position(|id| *id == m.id).unwrap_or(usize::MAX);
        machines.sort_by_key(|m| place(m));
        // A single machine needs no header: the pane's title says it.
        let headers = machines.len() > 1;
        for machine in machines {
            let parent = headers.then(|| {
                let row = RowRef { machine: machine.id, key: machine_key(set) };
                let name = Arc::clone(&machine.name);
                tree.add(Node::new(NodeKind::Machine, row, name, None, true))
            });
            match set {
                RowSet::ControlFlow => tree.add_threads(scene, machine, parent, sort),
                RowSet::Resources => tree.add_cpus(scene, machine, parent),
                RowSet::Flow => tree.add_flow(scene, machine, parent),
                RowSet::PhysicalCpus | RowSet::VirtualMachines => tree.add_physical(scene, machine, parent),
            }
            tree.drop_childless_header();
        }
        tree
    }

    /// Moves rows among their neighbours, as was done by hand.
    pub fn arrange(&mut self, placed: &[Place]) {
        self.arranged = arrange::put(self, placed);
    }

    /// The node of a row.
    pub fn find(&self, row: RowRef) -> Option<u32> {
        self.by_row.get(&row).copied()
    }

    /// The node of that number.
    pub fn node(&self, n: u32) -> &Node {
        &self.nodes[n as usize]
    }

    pub(super) fn add(&mut self, node: Node) -> u32 {
        let n = self.nodes.len() as u32;
        match node.parent {
            Some(parent) => self.nodes[parent as usize].children.push(n),
            None => self.roots.push(n),
        }
        self.by_row.insert(node.row, n);
        self.nodes.push(node);
        n
    }

    /// A header without rows says nothing: the machine appears with its first row.
    fn drop_childless_header(&mut self) {
        if self.nodes.last().is_some_and(|n| n.kind == NodeKind::Machine)
            && let Some(node) = self.nodes.pop()
        {
            self.by_row.remove(&node.row);
            self.roots.pop();
        }
    }

    fn add_threads(&mut self, scene: &Scene, machine: &SceneMachine, parent: Option<u32>, sort: Sort) {
        let family = Family::new(scene, machine, sort);
        self.nodes.reserve(machine.rows.len());
        self.by_row.reserve(machine.rows.len());
        // A list instead of a recursion: a chain of processes can be as deep as its author likes.
        let mut todo: Vec<(Option<u32>, RowId)> = family.roots.iter().rev().map(|id| (parent, *id)).collect();
        while let Some((parent, id)) = todo.pop() {
            let node = self.add_row(scene, machine, parent, id, true);
            let children = family.children(id);
            self.nodes[node as usize].children.reserve(children.len());
            todo.extend(children.iter().rev().map(|child| (Some(node), *child)));
        }
        if !family.kernel.is_empty() {
            let row = RowRef { machine: machine.id, key: RowKey::thread(KTHREADD, 0) };
            let name = Arc::from("kernel threads");
            let folder = self.add(Node::new(NodeKind::KernelThreads, row, name, parent, false));
            for id in family.kernel {
                self.add_row(scene, machine, Some(folder), id, true);
            }
        }
    }

    pub(super) fn add_row(
        &mut self,
        scene: &Scene,
        machine: &SceneMachine,
        parent: Option<u32>,
        id: RowId,
        open: bool,
    ) -> u32 {
        let row = &machine.rows[id.0 as usize];
        let text = scene.text(row.name);
        let name: Arc<str> = match row.key.kind {
            RowKind::Cpu | RowKind::PhysicalCpu => format!("CPU {}", row.key.id).into(),
            RowKind::Irq if text.is_empty() => format!("IRQ {}", row.key.id).into(),
            RowKind::Irq => format!("IRQ {} {text}", row.key.id).into(),
            RowKind::Softirq => softirq_name(row.key.id).into(),
            RowKind::Thread | RowKind::Vcpu | RowKind::VmThread if text.is_empty() => Arc::from("(no name)"),
            RowKind::Thread | RowKind::Vcpu | RowKind::VmThread => text,
        };
        let reference = RowRef { machine: machine.id, key: row.key };
        self.add(Node::new(NodeKind::Row(id), reference, name, parent, open))
    }

    /// Rows as they come into the flow; at each name's end stands how long it had the flow.
    fn add_flow(&mut self, scene: &Scene, machine: &SceneMachine, parent: Option<u32>) {
        for n in 0..machine.rows.len() {
            let node = self.add_row(scene, machine, parent, RowId(n as u32), true);
            let (node, row) = (&mut self.nodes[node as usize], &machine.rows[n]);
            node.aside = if row.busy_ns > 0 { duration(Dur(row.busy_ns)).into() } else { Arc::from("–") };
            node.said = format!("flow of {} in {}: {}", node.name, machine.name, node.aside).into();
        }
    }

    fn add_cpus(&mut self, scene: &Scene, machine: &SceneMachine, parent: Option<u32>) {
        let mut cpus: Vec<(RowKey, RowId)> = Vec::new();
        let mut handlers: Vec<(RowKey, RowId)> = Vec::new();
        for (n, row) in machine.rows.iter().enumerate() {
            let entry = (row.key, RowId(n as u32));
            match row.key.kind {
                RowKind::Cpu => cpus.push(entry),
                RowKind::Irq | RowKind::Softirq => handlers.push(entry),
                RowKind::Thread | RowKind::Vcpu | RowKind::VmThread | RowKind::PhysicalCpu => {}
            }
        }
        cpus.sort_unstable();
        handlers.sort_unstable();
        for (key, id) in cpus {
            let cpu = self.add_row(scene, machine, parent, id, false);
            for (_, handler) in handlers.iter().filter(|(handler, _)| handler.cpu == key.cpu) {
                self.add_row(scene, machine, Some(cpu), *handler, false);
            }
        }
    }
}

/// The kernel's names of softirq vectors.
fn softirq_name(vec: i32) -> String {
    let name = match vec {
        0 => "high-priority tasklet",
        1 => "timer",
        2 => "network send",
        3 => "network receive",
        4 => "block device",
        5 => "block device polling",
        6 => "tasklet",
        7 => "scheduler",
        8 => "high-resolution timer",
        9 => "RCU",
        _ => return format!("softirq {vec}"),
    };
    format!("softirq {name}")
}

mod family;
mod making;
#[cfg(test)]
mod tests;
mod visible;

pub(crate) use making::{Making, Wanted};
pub use visible::{Visible, VisibleRow};
