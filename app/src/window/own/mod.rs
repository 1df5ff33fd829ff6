//! What a user makes of an experiment: bookmarks, two markers, and which rows stand where. Plain data, remembered
//! by what is open, and taken back and made again as one.
//!
//! Instants are kept in the time of the machine that they belong to, not on the common axis: so a bookmark at a
//! guest's state stays at that state whatever is chosen about clocks.

pub mod axis_marks;
pub mod bookmarks_pane;
pub mod history;
pub mod marks;
pub mod naming;
pub mod rows;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use stratoscope_core::vocab::{MachineId, MachineNs, RefNs, TimeRange};

use crate::window::navigate::to_ref;
use crate::window::timeline::scene::Scene;

pub use history::{Change, Past};
pub use marks::MarkCommand;
pub use rows::{Place, RowCommand, RowTools};

/// An instant of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Whose time it is.
    pub machine: MachineId,
    /// The instant.
    pub t: MachineNs,
}

impl Anchor {
    /// The instant of the axis as one of a machine; `None`: there is no such machine.
    pub fn of(scene: &Scene, machine: MachineId, t: RefNs) -> Option<Self> {
        scene.machine(machine).map(|m| Self { machine, t: m.map.from_ref(t) })
    }

    /// Where it is on the axis now; `None`: the machine is not there.
    pub fn at(&self, scene: &Scene) -> Option<RefNs> {
        scene.machine(self.machine).map(|m| to_ref(&m.map, self.t))
    }
}

/// An instant or a range with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// Its lasting number among the experiment's bookmarks.
    pub id: u32,
    /// Where it begins.
    pub begin: Anchor,
    /// Where it ends: where it begins, if it is an instant.
    pub end: Anchor,
    /// What somebody wrote.
    pub text: String,
}

impl Bookmark {
    /// Where it is on the axis now.
    pub fn range(&self, scene: &Scene) -> Option<TimeRange<RefNs>> {
        let (a, b) = (self.begin.at(scene)?, self.end.at(scene)?);
        Some(TimeRange::new(a.min(b), a.max(b)))
    }
}

/// What a user made of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// Bookmarks, as they were made.
    pub bookmarks: Vec<Bookmark>,
    /// The markers A and B.
    pub markers: [Option<Anchor>; 2],
    /// Which rows stand where.
    pub rows: RowTools,
}

impl Own {
    /// Where the markers are on the axis now.
    pub fn markers(&self, scene: &Scene) -> [Option<RefNs>; 2] {
        self.markers.map(|marker| marker.and_then(|m| m.at(scene)))
    }

    /// The stretch between the markers, if both are set.
    pub fn between(&self, scene: &Scene) -> Option<TimeRange<RefNs>> {
        let [a, b] = self.markers(scene);
        let (a, b) = (a?, b?);
        Some(TimeRange::new(a.min(b), a.max(b)))
    }

    /// A number that no bookmark has.
    fn free_id(&self) -> u32 {
        self.bookmarks.iter().map(|b| b.id).max().map_or(1, |id| id.saturating_add(1))
    }

    /// The bookmark of that number.
    pub fn bookmark(&self, id: u32) -> Option<&Bookmark> {
        self.bookmarks.iter().find(|b| b.id == id)
    }
}
