//! What panes compute from besides rows: the machines' world, and how clocks were put on one axis. Shared pointers
//! only, so that a question to a background thread carries all it needs.

use std::sync::Arc;

use stratoscope_core::index::EventTable;
use stratoscope_core::query::World;
use stratoscope_core::query::time::TimeBase;
use stratoscope_core::sync::Solution;
use stratoscope_core::vocab::{MachineId, RefNs, TimeRange};

use crate::window::aside::Aside;

/// All that is known of a session at one moment.
#[derive(Clone)]
pub struct Facts {
    /// Changes with every change of the rest; a scene may change more often, while rows slide.
    pub version: u64,
    /// Whether nothing more is being read.
    pub complete: bool,
    /// Machines, names, virtual machines.
    pub world: Aside<World>,
    /// The machine whose clock is the axis.
    pub reference: MachineId,
    /// How the machines' clocks relate.
    pub sync: Option<Arc<Solution>>,
    /// All events.
    pub events: EventTable,
    /// What instants in filters mean.
    pub base: TimeBase,
    /// First and last instant of all machines.
    pub extent: Option<TimeRange<RefNs>>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            version: 0,
            complete: false,
            world: Aside::default(),
            reference: MachineId(0),
            sync: None,
            events: EventTable::default(),
            base: TimeBase::default(),
            extent: None,
        }
    }
}
