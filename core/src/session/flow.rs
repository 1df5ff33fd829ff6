//! Execution flows of a session: [`crate::query::flows`], asked of a snapshot.

use crate::flow::{Flow, FlowInstance, Follower, Worker};
use crate::query::flows::Separator;
use crate::session::snapshot::Snapshot;
use crate::vocab::{Cancel, Cancelled, MachineNs, TimeRange};

impl Snapshot {
    /// The execution flow of a task within a window of its machine's time.
    ///
    /// # Errors
    /// Somebody cancelled.
    pub fn flow(&self, task: Worker, window: TimeRange<MachineNs>, cancel: &Cancel) -> Result<Flow, Cancelled> {
        self.world().flow(task, window, cancel)
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
        self.world().flow_instances(task, window, separator, slow_factor, cancel)
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
        self.world().with_follower(cancel, ask)
    }
}
