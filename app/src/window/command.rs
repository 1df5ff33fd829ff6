//! Everything a user can do, as data. Menus, keys, palette, panes, tours and tests all send these.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::{Cpu, MachineId, RefNs, RowKey, State, StateSet, TimeRange};

use crate::window::export::ExportCommand;
use crate::window::find::FindCommand;
use crate::window::help::HelpCommand;
use crate::window::layout::{PaneKind, Preset};
use crate::window::own::{MarkCommand, RowCommand};
use crate::window::settings::SettingsCommand;
use crate::window::stats::comparison::{Side, SideName};

/// A row of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowRef {
    /// Its machine.
    pub machine: MachineId,
    /// Its key in that machine.
    pub key: RowKey,
}

/// Forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To earlier instants or upper rows.
    Back,
    /// To later instants or lower rows.
    Forward,
}

/// An event of the table that somebody picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PickedEvent {
    /// Its number in the merged order.
    pub row: u64,
    /// When.
    pub t: RefNs,
    /// Its machine.
    pub machine: MachineId,
    /// Its CPU, or unknown.
    pub cpu: Cpu,
}

/// Where to go in the list of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStep {
    /// One row.
    One(Direction),
    /// A page of rows.
    Page(Direction),
    /// To the first or last row.
    End(Direction),
}

/// Something that a user can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Ask for a folder of traces.
    OpenDialog,
    /// Ask for a folder to open beside what is open.
    OpenBeside,
    /// Open these paths in place of what is open.
    Open(Vec<PathBuf>),
    /// Show another recording of the open paths.
    OpenRecording(usize),
    /// Read what is open again, as it is on disk now.
    Reload,
    /// Close what is open and show the start page.
    Close,
    /// Stop reading; what was read stays.
    CancelAnalysis,
    /// Quit the program.
    Quit,

    /// Show this stretch of time. `remember`: the present one goes to the zoom history.
    SetWindow {
        /// What to show.
        window: TimeRange<RefNs>,
        /// Whether going back returns to the present window.
        remember: bool,
    },
    /// The same of one pane: if it is unlinked, only there.
    SetPaneWindow {
        /// Which pane.
        pane: PaneKind,
        /// What to show.
        window: TimeRange<RefNs>,
        /// Whether going back returns to the present window.
        remember: bool,
    },
    /// Zoom by a factor (> 1: in) around an instant, the middle of selection or window if `None`.
    Zoom {
        /// Factor; 2 shows half as much.
        factor: f64,
        /// Instant that stays where it is.
        at: Option<RefNs>,
    },
    /// Move the window by a fraction of its length.
    Pan(f64),
    /// Zoom to the selected range.
    ZoomToSelection,
    /// Show everything.
    ZoomAll,
    /// Undo or redo a change of the window.
    ZoomHistory(Direction),

    /// Select an instant (`begin == end`) or a range; `None` clears.
    SelectTime(Option<TimeRange<RefNs>>),
    /// Select a row; `None` clears.
    SelectRow(Option<RowRef>),
    /// Select another row of the focused pane.
    StepRow(RowStep),
    /// Go to the next or previous state of the selected row; `same`: of the same state.
    StepState {
        /// Which way.
        direction: Direction,
        /// Only states equal to the present one.
        same: bool,
    },
    /// Go to the next or previous event (of the selected row's CPU or machine, else of all).
    StepEvent(Direction),
    /// Go to the row where the CPU or the thread goes on.
    FollowCpu,
    /// Follow the wake-up arrow from the selected state to its waker.
    FollowWaker,
    /// Select the host's thread that the selected row's vCPU is.
    GoToHostThread,
    /// Select the vCPU that the selected row is on.
    GoToVcpu,
    /// Select whoever had the CPU instead of the selected row.
    GoToCulprit,
    /// Show the execution flow of a task; of the selected one if `None`.
    ShowFlow(Option<RowRef>),
    /// Select the next or previous piece of the execution flow.
    StepPiece(Direction),

    /// Expand or collapse a row's children.
    ToggleRow(RowRef),
    /// Hide rows that are idle in the window, or show all.
    ToggleHideIdle,
    /// Show or hide tasks inside VMs that are idle in the window.
    ToggleIdleTasks,
    /// Colour physical CPUs by machine or by state.
    ToggleByMachine,
    /// Small rows or large ones.
    ToggleCompact,
    /// Dim all but this state in every timeline, or show all again.
    ToggleLegendState(State),
    /// The same of all states of a line of the legend, as one change.
    ToggleLegendStates(StateSet),
    /// Open the field that looks for something, and give it the keyboard.
    FocusSearch,
    /// Look for words or a filter in rows, states and events.
    SetRowSearch(String),
    /// Go to the next or previous match.
    StepMatch(Direction),

    /// Something about what is looked for.
    Find(FindCommand),
    /// Something about bookmarks and markers.
    Mark(MarkCommand),
    /// Something about which rows stand where.
    Rows(RowCommand),
    /// Something about settings.
    Settings(SettingsCommand),
    /// Something about help.
    Help(HelpCommand),

    /// Select an event of the table, and with it its instant.
    SelectEvent(PickedEvent),

    /// Apply the synchronisation, or show every machine where its clock's date puts it.
    SetSynced(bool),
    /// The other of the two.
    ToggleSynced,
    /// Choose reference, methods, offsets by hand.
    ChooseSync(SyncChoice),
    /// Take back the last choice about clocks and virtual machines, or change of bookmarks, markers, rows, the legend
    /// or the arrangement of panes; or make it again.
    UndoChoice(Direction),
    /// Remember the picked event, to align another one with it; once more forgets it.
    MarkEvent,
    /// Move a machine so that the picked event is at the same instant as the marked one.
    AlignEvents,

    /// Take the selected range, else what is shown, as a side of the comparison.
    CompareSelection(SideName),
    /// Make a side of the comparison what it is to be.
    SetSide {
        /// Which side.
        side: SideName,
        /// Its stretch of time and machine.
        to: Side,
    },
    /// Put A in the place of B.
    SwapSides,
    /// Compare the first with the second half of the selection, else of what is shown.
    CompareHalves,
    /// Compare the recordings that are open together, else the first two machines.
    CompareRecordings,

    /// Show or hide a pane.
    TogglePane(PaneKind),
    /// Show a pane, make it the active one of its tabs, and give it the keyboard.
    ShowPane(PaneKind),
    /// Give the keyboard to a pane that is shown.
    FocusPane(PaneKind),
    /// Arrange the panes.
    SetPreset(Preset),
    /// Give a pane of rows (`None`: the one that has the keyboard) its own window of time and its own scrolling, or
    /// let it share the others' again.
    ToggleLink(Option<PaneKind>),
    /// Show a pane alone, or all again.
    ToggleFullPane,
    /// Show or hide the experiment tree.
    ToggleTree,
    /// Show or hide the details.
    ToggleDetails,
    /// Dark, light, or what the system says.
    CycleTheme,
    /// Larger or smaller text (factor), `None`: normal size.
    ZoomUi(Option<f32>),
    /// Begin the tour of that name.
    StartTour(String),
    /// Go to the next or the previous step of the tour.
    StepTour(Direction),
    /// End the tour; the sample stays open.
    EndTour,
    /// Show or hide the list of keys.
    ToggleKeys,
    /// Show or hide the command palette.
    TogglePalette,
    /// Show or hide the problems.
    ToggleProblems,
    /// Close what lies on top: palette, list of keys, search, full pane, selected range.
    Dismiss,
    /// Show all states again that the legend dims.
    ClearLegend,
    /// Write times as time of day or since the begin.
    CycleTimeFormat,
    /// Copy a text to the clipboard.
    Copy(String),
    /// Something about saving and copying what is shown.
    Export(ExportCommand),
}
