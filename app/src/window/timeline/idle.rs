//! Which rows do nothing in the window, for those who want to hide them.
//!
//! Asking every row costs more than drawing some, and rows that come and go while the window moves are restless:
//! so it is asked once the window rests.
//!
//! A guest has many tasks, and few of them matter: panes of virtual machines hide the idle ones unless they are asked
//! for, and show those that do most in the window first.

use egui::Ui;
use rayon::prelude::*;
use stratoscope_core::vocab::{RefNs, RowKind, State, TimeRange};

use crate::window::timeline::Input;
use crate::window::timeline::rows::{Node, NodeKind, RowSet, Tree};

/// How long a window must stay.
const REST_S: f64 = 0.15;

/// The rows to hide.
#[derive(Default)]
pub(crate) struct Idle {
    hidden: Vec<bool>,
    busy: Vec<i64>,
    version: u64,
    done: Option<(TimeRange<RefNs>, u64, bool)>,
    seen: Option<TimeRange<RefNs>>,
    since: f64,
}

impl Idle {
    /// Whether each node is hidden; empty: none is.
    pub(crate) fn hidden(&self) -> &[bool] {
        &self.hidden
    }

    /// How long each node did something in the window; empty where that is of no interest.
    pub(crate) fn busy(&self) -> &[i64] {
        &self.busy
    }

    /// Changes with [`Idle::hidden`] and [`Idle::busy`].
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Finds them anew where the window rests and something changed.
    pub(crate) fn update(&mut self, ui: &Ui, input: &Input<'_>, tree: &Tree, rows_version: u64, set: RowSet) {
        let tasks = set == RowSet::VirtualMachines;
        let hide = if tasks { !input.view.idle_tasks } else { input.view.hide_idle };
        if !hide && !tasks {
            if !self.hidden.is_empty() {
                *self = Self { version: self.version + 1, ..Self::default() };
            }
            return;
        }
        let now = ui.input(|i| i.time);
        let window = input.view.window;
        if self.seen != Some(window) {
            self.seen = Some(window);
            self.since = now;
        }
        let wanted = Some((window, rows_version, hide));
        if self.done == wanted {
            return;
        }
        let stale = self.hidden.len() != tree.nodes.len() || self.done.is_none_or(|(_, _, done)| done != hide);
        if !stale && now - self.since < REST_S {
            ui.request_repaint_after(std::time::Duration::from_secs_f64(REST_S));
            return;
        }
        self.done = wanted;
        self.version += 1;
        if tasks {
            self.busy = busy(input, tree);
            let idle = |n: usize| hide && tree.nodes[n].row.key.kind == RowKind::VmThread && self.busy[n] == 0;
            self.hidden = (0..tree.nodes.len()).map(|n| idle(n) && !tree.nodes[n].is_folder()).collect();
        } else {
            self.hidden = find(input, tree);
        }
    }
}

/// How long each row did something, or wanted to, in the window.
fn busy(input: &Input<'_>, tree: &Tree) -> Vec<i64> {
    let of = |node: &Node| {
        let NodeKind::Row(id) = node.kind else { return 0 };
        let Some(machine) = input.scene.machine(node.row.machine) else { return 0 };
        let Some(row) = machine.row(id) else { return 0 };
        let mut ns = [0_i64; State::COUNT];
        row.lane.sums(machine.to_machine(input.view.window), &mut ns);
        let counts = |s: &&State| !s.is_quiet() && **s != State::Unknown;
        State::ALL.iter().filter(counts).map(|s| ns[*s as usize]).sum()
    };
    tree.nodes.par_iter().map(of).collect()
}

fn find(input: &Input<'_>, tree: &Tree) -> Vec<bool> {
    let mut hidden: Vec<bool> = tree
        .nodes
        .par_iter()
        .map(|node| {
            let NodeKind::Row(id) = node.kind else { return true };
            let Some(machine) = input.scene.machine(node.row.machine) else { return true };
            let Some(row) = machine.row(id) else { return true };
            let mut ns = [0_i64; State::COUNT];
            row.lane.sums(machine.to_machine(input.view.window), &mut ns);
            State::ALL.iter().all(|s| s.is_quiet() || ns[*s as usize] == 0)
        })
        .collect();
    // What something busy is below of stays; parents stand before their children.
    for n in (0..hidden.len()).rev() {
        if !hidden[n]
            && let Some(parent) = tree.nodes[n].parent
        {
            hidden[parent as usize] = false;
        }
    }
    hidden
}
