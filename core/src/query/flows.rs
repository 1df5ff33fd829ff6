//! Execution flows, asked of all machines at one moment: what `flow` prints and the pane shows.

use crate::flow::{Flow, FlowInput, FlowInstance, FlowMachine, Follower, Worker, follow_instances};
use crate::query::world::World;
use crate::sync::ClockMap;
use crate::vm::instances::{self, Instance, Instances, TaskRow};
use crate::vocab::{Cancel, Cancelled, MachineNs, Name, RowKey, RowKind, TimeRange};

/// What separates the instances of a recurring task.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Separator {
    /// The sleep in which it is most.
    #[default]
    MostSlept,
    /// A sleep of that kind.
    Sleep(Name),
    /// Marks: the stretches between a begin and an end.
    Marks(Vec<TimeRange<MachineNs>>),
}

impl World {
    /// The maps that flows are computed under: those of the joined rows, where there are any.
    pub fn flow_maps(&self) -> Vec<ClockMap> {
        let joined = self.vm.as_ref().map(|view| &view.maps).filter(|maps| maps.len() == self.machines.len());
        joined.cloned().unwrap_or_else(|| self.machines.iter().map(|m| m.map).collect())
    }

    /// The execution flow of a task within a window of its machine's time.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn flow(&self, task: Worker, window: TimeRange<MachineNs>, cancel: &Cancel) -> Result<Flow, Cancelled> {
        self.with_follower(cancel, |follower| follower.follow(task, window))
    }

    /// The instances of a recurring task that begin in `window`, each with its flow and its culprit.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn flow_instances(
        &self,
        task: Worker,
        window: TimeRange<MachineNs>,
        separator: Separator,
        slow_factor: f64,
        cancel: &Cancel,
    ) -> Result<Vec<FlowInstance>, Cancelled> {
        let Some(instances) = self.instances(task, window, separator, slow_factor, cancel)? else {
            return Ok(Vec::new());
        };
        self.follow_instances(task, &instances.list, cancel)
    }

    /// The flows of those instances of a task, each with its culprit.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn follow_instances(
        &self,
        task: Worker,
        list: &[Instance],
        cancel: &Cancel,
    ) -> Result<Vec<FlowInstance>, Cancelled> {
        let stretches: Vec<_> = list.iter().map(|i| (TimeRange::new(i.begin, i.end), i.slow)).collect();
        self.with_follower(cancel, |follower| follow_instances(follower, task, &stretches))
    }

    /// The instances of a recurring task that begin in `window`; `None` if there is no such task.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn instances(
        &self,
        task: Worker,
        window: TimeRange<MachineNs>,
        separator: Separator,
        slow_factor: f64,
        cancel: &Cancel,
    ) -> Result<Option<Instances>, Cancelled> {
        let Some(machine) = self.machine(task.machine) else { return Ok(None) };
        let Some(own) = machine.store.row(task.row) else { return Ok(None) };
        let view = self.vm.as_deref();
        let joined = view
            .and_then(|v| v.truth(task.machine))
            .and_then(|truth| truth.row(truth.find(&RowKey { kind: RowKind::VmThread, ..own.key() })?));
        let row = &**joined.unwrap_or(own);
        let task = TaskRow { machine: task.machine, row, own: &machine.store, view };
        let found = match separator {
            Separator::MostSlept => instances::by_sleeps(&task, window, None, slow_factor, cancel)?,
            Separator::Sleep(kind) => instances::by_sleeps(&task, window, Some(kind), slow_factor, cancel)?,
            Separator::Marks(stretches) => instances::by_marks(&task, stretches, slow_factor, cancel)?,
        };
        Ok(Some(found))
    }

    /// Asks several questions about flows, looking things up once.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn with_follower<T>(
        &self,
        cancel: &Cancel,
        ask: impl FnOnce(&mut Follower<'_>) -> Result<T, Cancelled>,
    ) -> Result<T, Cancelled> {
        let machines: Vec<FlowMachine<'_>> = self
            .machines
            .iter()
            .zip(self.flow_maps())
            .map(|(m, map)| FlowMachine { id: m.id, name: &m.name, store: &m.store, map, lost: &m.lost })
            .collect();
        let input = FlowInput { machines: &machines, view: self.vm.as_deref(), names: &self.names, cancel };
        ask(&mut Follower::new(input))
    }
}
