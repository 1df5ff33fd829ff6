//! Tours: a sample trace told in steps, each a few sentences and what to look at while reading them.
//!
//! Tours are data, RON files under `assets/tours` that are part of the program. A step changes nothing itself: it
//! becomes the commands that a user would send to see the same. What they arrange otherwise is taken back all at once,
//! however many steps were gone.

use std::path::PathBuf;
use std::sync::LazyLock;

use serde::Deserialize;
use stratoscope_core::vocab::{Cpu, RefNs, RowKey, RowKind, TimeRange};

use crate::window::command::{Command, RowRef};
use crate::window::layout::{PaneKind, Preset};
use crate::window::state::State;
use crate::window::timeline::scene::Scene;

/// A tour.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tour {
    /// Its lasting name: what the command line calls it.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// The same in a sentence.
    pub about: String,
    /// The sample trace that it is told on.
    pub sample: String,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step: what is told, and what is shown meanwhile. What is not said stays as it is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it is about.
    pub title: String,
    /// One to three sentences.
    pub text: String,
    /// How panes are arranged.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// A pane that must be seen.
    #[serde(default)]
    pub pane: Option<PaneKind>,
    /// Which stretch of time is shown.
    #[serde(default)]
    pub window: Option<Span>,
    /// Which row is selected.
    #[serde(default)]
    pub row: Option<RowName>,
    /// Which instant or range is selected.
    #[serde(default)]
    pub select: Option<Span>,
    /// Whether physical CPUs are coloured by machine.
    #[serde(default)]
    pub by_machine: Option<bool>,
    /// Whether all machines are put on one clock.
    #[serde(default)]
    pub synced: Option<bool>,
    /// Where the card stands: not over what the step speaks of.
    #[serde(default)]
    pub card: Corner,
}

/// A corner at the bottom of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum Corner {
    /// The left one.
    Left,
    /// The right one, beside the details.
    #[default]
    Right,
}

/// A stretch of time of the reference's clock; of an instant both ends are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Span {
    /// Everything.
    Whole,
    /// Nanoseconds since 1970.
    At(i64, i64),
    /// Nanoseconds since the first event of all machines.
    After(i64, i64),
}

/// A row by what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowName {
    /// The machine; of a vCPU, the VM.
    pub machine: String,
    /// What sort of row.
    pub kind: RowSort,
    /// The name of a thread or task; the number of a CPU or vCPU.
    pub name: String,
}

/// Sorts of rows that steps speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RowSort {
    /// A vCPU.
    Vcpu,
    /// A task inside a VM, as it really was.
    Task,
    /// A thread, as its own machine sees it.
    Thread,
    /// A CPU, as its own machine sees it.
    Cpu,
    /// A host's CPU with whatever runs on it.
    PhysicalCpu,
}

/// Where a tour is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The tour's name.
    pub name: String,
    /// The step, counted from 0.
    pub step: usize,
    /// Where its sample lies; `None`: nobody looked yet.
    pub path: Option<PathBuf>,
    /// What the step shows is not there yet: the sample is being read.
    pub waiting: bool,
    /// What was arranged before the tour can be taken back to: it is remembered.
    pub remembered: bool,
}

const SOURCES: [&str; 5] = [
    include_str!("../../../assets/tours/reading.ron"),
    include_str!("../../../assets/tours/fighting.ron"),
    include_str!("../../../assets/tours/periodic.ron"),
    include_str!("../../../assets/tours/culprit.ron"),
    include_str!("../../../assets/tours/chain.ron"),
];

/// Every tour, in the order in which menus show them.
pub fn all() -> &'static [Tour] {
    static TOURS: LazyLock<Vec<Tour>> = LazyLock::new(|| {
        // Those that come with the program are tested; one that is broken nevertheless is not offered.
        SOURCES.iter().filter_map(|text| ron::from_str(text).ok()).collect()
    });
    &TOURS
}

/// The tour of that name.
pub fn find(name: &str) -> Option<&'static Tour> {
    all().iter().find(|tour| tour.name == name)
}

impl Progress {
    /// The tour and its present step.
    pub fn at(&self) -> Option<(&'static Tour, &'static Step)> {
        let tour = find(&self.name)?;
        Some((tour, tour.steps.get(self.step)?))
    }
}

impl Span {
    /// The stretch on the axis of a scene.
    pub fn on(self, scene: &Scene) -> Option<TimeRange<RefNs>> {
        let extent = scene.extent?;
        let since_1970 = |ns: i64| i64::try_from(i128::from(ns) - scene.origin_ns).ok().map(RefNs);
        Some(match self {
            Self::Whole => extent,
            Self::At(begin, end) => TimeRange::new(since_1970(begin)?, since_1970(end)?),
            Self::After(begin, end) => {
                let after = |ns: i64| RefNs(extent.begin.0.saturating_add(ns));
                TimeRange::new(after(begin), after(end))
            }
        })
    }
}

impl RowName {
    /// The row in a scene; of several of that name the one that did most.
    pub fn find(&self, scene: &Scene) -> Option<RowRef> {
        if self.kind == RowSort::Vcpu {
            let vms = scene.vm.as_ref()?.model.vms.iter().filter(|vm| vm.name == self.machine);
            let mut vcpus = vms.flat_map(|vm| vm.vcpus.iter().map(move |vcpu| (vm, vcpu)));
            let (vm, vcpu) = vcpus.find(|(_, vcpu)| vcpu.number.to_string() == self.name)?;
            return Some(RowRef { machine: vm.host, key: vcpu.key });
        }
        let machine = scene.machines.iter().find(|m| *m.name == *self.machine)?;
        let known = |key: RowKey| machine.by_key.contains_key(&key).then_some(RowRef { machine: machine.id, key });
        let cpu = || self.name.parse().ok().map(Cpu);
        let named = |kind: RowKind| {
            let rows = machine.rows.iter().filter(|r| r.key.kind == kind && *scene.text(r.name) == *self.name);
            rows.max_by_key(|r| r.busy_ns).and_then(|r| known(r.key))
        };
        match self.kind {
            RowSort::Vcpu => None,
            RowSort::Task => named(RowKind::VmThread),
            RowSort::Thread => named(RowKind::Thread),
            RowSort::Cpu => known(RowKey::cpu(cpu()?)),
            RowSort::PhysicalCpu => known(RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(cpu()?) }),
        }
    }
}

impl Step {
    /// What a user would do to see it. The second value: whether all that it speaks of is there.
    pub fn commands(&self, state: &State) -> (Vec<Command>, bool) {
        let scene = &state.scene;
        let mut commands = Vec::new();
        let mut complete = true;
        commands.extend(self.preset.map(Command::SetPreset));
        commands.extend(self.pane.clone().map(Command::ShowPane));
        if self.by_machine.is_some_and(|wanted| wanted != state.view.by_machine) {
            commands.push(Command::ToggleByMachine);
        }
        if let Some(synced) = self.synced.filter(|wanted| *wanted != state.choice.enabled) {
            commands.push(Command::SetSynced(synced));
        }
        if let Some(window) = self.window {
            let window = window.on(scene);
            complete &= window.is_some();
            commands.extend(window.map(|window| Command::SetWindow { window, remember: true }));
        }
        if let Some(name) = &self.row {
            let row = name.find(scene);
            complete &= row.is_some();
            commands.push(Command::SelectRow(row));
        }
        if let Some(select) = self.select {
            commands.push(Command::SelectTime(select.on(scene)));
        }
        (commands, complete)
    }
}

#[cfg(test)]
mod tests;
