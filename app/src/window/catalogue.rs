//! The one table of everything a user can name: menus, tooltips, palette, keys and the list of keys read it.

use std::sync::OnceLock;

use crate::window::command::{Command, Direction, RowStep};
use crate::window::export::{ExportCommand, FINE, Format, Table, What, Writing};
use crate::window::find::FindCommand;
use crate::window::find::command::Among;
use crate::window::help::HelpCommand;
use crate::window::keys::Chord;
use crate::window::layout::{PaneKind, Preset};
use crate::window::own::{MarkCommand, RowCommand};
use crate::window::stats::comparison::SideName;
use crate::window::timeline::rows::Sort;

/// How much one step zooms.
const ZOOM_STEP: f64 = 1.5;

/// How much of its length one step moves the window.
const PAN_STEP: f64 = 0.2;

/// How much one step changes the size of everything.
const UI_STEP: f32 = 1.1;

/// Where a command stands: its menu, and its heading in the list of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Opening and closing.
    File,
    /// Saving and copying what is shown.
    Save,
    /// The shown stretch of time.
    Time,
    /// From state to state, event to event, row to row.
    Walk,
    /// Looking for something.
    Find,
    /// Bookmarks, markers, and which rows stand where.
    Mark,
    /// Panes and how rows are drawn.
    View,
    /// Help and the program itself.
    Help,
}

impl Group {
    /// All groups in the order of menus.
    pub const ALL: [Self; 8] =
        [Self::File, Self::Save, Self::Time, Self::Walk, Self::Find, Self::Mark, Self::View, Self::Help];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "Open",
            Self::Save => "Save and copy",
            Self::Time => "Time",
            Self::Walk => "Walk",
            Self::Find => "Find",
            Self::Mark => "Mark and arrange",
            Self::View => "View",
            Self::Help => "Help",
        }
    }
}

/// A command that has a name.
pub struct Entry {
    /// Its lasting name: what the settings file calls it.
    pub id: &'static str,
    /// What the user reads.
    pub title: &'static str,
    /// Where it stands.
    pub group: Group,
    /// Its keys, unless the settings say otherwise.
    pub keys: &'static [&'static str],
    /// Whether it does something only while traces are open.
    pub needs_session: bool,
    make: fn() -> Command,
}

impl Entry {
    /// The command that it sends.
    pub fn command(&self) -> Command {
        (self.make)()
    }
}

/// Asks for a place to save something.
fn ask(what: What, format: Format) -> Command {
    Command::Export(ExportCommand::Ask(what, format))
}

macro_rules! entries {
    ($($group:ident $id:literal $title:literal [$($key:literal),*] $needs:literal $make:expr;)*) => {
        &[$(Entry {
            id: $id,
            title: $title,
            group: Group::$group,
            keys: &[$($key),*],
            needs_session: $needs,
            make: || $make,
        },)*]
    };
}

use Direction::{Back, Forward};

/// Every command that has a name, in the order in which lists show them.
pub static ENTRIES: &[Entry] = entries! {
    File "open" "Open folder…" ["Ctrl+O"] false Command::OpenDialog;
    File "open-beside" "Open another folder beside this one…" ["Ctrl+Shift+O"] true Command::OpenBeside;
    File "reload" "Read again from disk" ["F5"] true Command::Reload;
    File "cancel" "Stop reading" ["Ctrl+."] true Command::CancelAnalysis;
    File "close" "Close" ["Ctrl+W"] true Command::Close;
    File "quit" "Quit" ["Ctrl+Q"] false Command::Quit;

    Save "save-view" "Save this view as a picture…" ["Ctrl+S"] true ask(What::View(None), FINE);
    Save "save-view-svg" "Save this view as a drawing (SVG)…" ["Ctrl+Shift+S"] true ask(What::View(None), Format::Svg);
    Save "save-window" "Save the whole window as a picture…" ["Alt+S"] true ask(What::Window, FINE);
    Save "save-window-svg" "Save the whole window as a drawing (SVG)…" ["Alt+Shift+S"] true ask(What::Window, Format::Svg);
    Save "save-table" "Save this table as CSV…" ["Ctrl+E"] true ask(What::Table(None), Format::Csv);
    Save "save-table-json" "Save this table as JSON Lines…" ["Ctrl+Shift+E"] true ask(What::Table(None), Format::JsonLines);
    Save "save-instances" "Save the flow's instances as CSV…" ["Ctrl+Alt+I"] true ask(What::Table(Some(Table::FlowInstances)), Format::Csv);
    Save "save-instances-json" "Save the flow's instances as JSON Lines…" ["Ctrl+Alt+Shift+I"] true ask(What::Table(Some(Table::FlowInstances)), Format::JsonLines);
    Save "save-problems" "Save the problems as CSV…" ["Ctrl+Alt+P"] true ask(What::Table(Some(Table::Problems)), Format::Csv);
    Save "save-problems-json" "Save the problems as JSON Lines…" ["Ctrl+Alt+Shift+P"] true ask(What::Table(Some(Table::Problems)), Format::JsonLines);
    Save "save-report" "Save a report of this experiment (HTML)…" ["Ctrl+R"] true ask(What::Report, Format::Html);
    Save "save-stop" "Stop saving" ["Ctrl+Alt+."] true Command::Export(ExportCommand::Stop);
    Save "copy" "Copy the selected state or event" ["Ctrl+C"] true Command::Export(ExportCommand::Copy(Writing::Text));
    Save "copy-json" "Copy the selected state or event as JSON" ["Ctrl+Shift+C"] true Command::Export(ExportCommand::Copy(Writing::Json));
    Save "copy-command" "Copy the command that opens what is shown" ["Ctrl+Alt+C"] true Command::Export(ExportCommand::CopyCommand);

    Time "zoom-in" "Zoom in" ["W", "+", "="] true Command::Zoom { factor: ZOOM_STEP, at: None };
    Time "zoom-out" "Zoom out" ["S", "-"] true Command::Zoom { factor: 1.0 / ZOOM_STEP, at: None };
    Time "pan-left" "Move left" ["A", "Ctrl+Left"] true Command::Pan(-PAN_STEP);
    Time "pan-right" "Move right" ["D", "Ctrl+Right"] true Command::Pan(PAN_STEP);
    Time "zoom-selection" "Zoom to the selection" ["Z"] true Command::ZoomToSelection;
    Time "zoom-all" "Show everything" ["0"] true Command::ZoomAll;
    Time "zoom-back" "Back to the window before" ["Backspace", "Alt+Left"] true Command::ZoomHistory(Back);
    Time "zoom-forward" "Forward again" ["Shift+Backspace", "Alt+Right"] true Command::ZoomHistory(Forward);
    Time "time-format" "Time of day or since the begin" ["T"] true Command::CycleTimeFormat;

    Walk "state-next" "Next state of the row" ["Right"] true Command::StepState { direction: Forward, same: false };
    Walk "state-previous" "Previous state of the row" ["Left"] true Command::StepState { direction: Back, same: false };
    Walk "same-next" "Next time in the same state" ["Shift+Right"] true Command::StepState { direction: Forward, same: true };
    Walk "same-previous" "Previous time in the same state" ["Shift+Left"] true Command::StepState { direction: Back, same: true };
    Walk "event-next" "Next event" ["."] true Command::StepEvent(Forward);
    Walk "event-previous" "Previous event" [","] true Command::StepEvent(Back);
    Walk "follow" "Follow the CPU to the row where it goes on" ["F"] true Command::FollowCpu;
    Walk "waker" "Follow the arrow to the waker" ["Enter"] true Command::FollowWaker;
    Walk "culprit" "Go to who took the CPU" ["Shift+Enter"] true Command::GoToCulprit;
    Walk "flow" "Execution flow of the selected task" ["E"] true Command::ShowFlow(None);
    Walk "piece-next" "Next piece of the execution flow" ["J"] true Command::StepPiece(Forward);
    Walk "piece-previous" "Previous piece of the execution flow" ["Shift+J"] true Command::StepPiece(Back);
    Walk "vcpu" "Go to the vCPU" ["V"] true Command::GoToVcpu;
    Walk "host-thread" "Go to the host thread" ["Shift+V"] true Command::GoToHostThread;
    Walk "row-up" "Row above" ["Up"] true Command::StepRow(RowStep::One(Back));
    Walk "row-down" "Row below" ["Down"] true Command::StepRow(RowStep::One(Forward));
    Walk "page-up" "A page of rows up" ["PageUp"] true Command::StepRow(RowStep::Page(Back));
    Walk "page-down" "A page of rows down" ["PageDown"] true Command::StepRow(RowStep::Page(Forward));
    Walk "row-first" "First row" ["Home"] true Command::StepRow(RowStep::End(Back));
    Walk "row-last" "Last row" ["End"] true Command::StepRow(RowStep::End(Forward));

    Find "search" "Find rows, states and events" ["/", "Ctrl+F"] true Command::FocusSearch;
    Find "match-next" "Next match" ["F3", "Ctrl+G"] true Command::StepMatch(Forward);
    Find "match-previous" "Previous match" ["Shift+F3", "Ctrl+Shift+G"] true Command::StepMatch(Back);
    Find "find-rows" "Next row that matches" ["Ctrl+Alt+R"] true Command::Find(FindCommand::Step(Among::Rows, Forward));
    Find "find-states" "Next state that matches" ["Ctrl+Alt+S"] true Command::Find(FindCommand::Step(Among::States, Forward));
    Find "find-events" "Next event that matches" ["Ctrl+Alt+E"] true Command::Find(FindCommand::Step(Among::Events, Forward));
    Find "find-close" "Look for nothing" ["Ctrl+Shift+F"] true Command::Find(FindCommand::Close);
    Find "palette" "Run a command…" ["Ctrl+P", "Ctrl+Shift+P"] false Command::TogglePalette;

    Walk "bookmark-next" "Next bookmark" ["Alt+."] true Command::Mark(MarkCommand::Step(Forward));
    Walk "bookmark-previous" "Previous bookmark" ["Alt+,"] true Command::Mark(MarkCommand::Step(Back));

    Mark "undo-choice" "Undo" ["Ctrl+Z"] true Command::UndoChoice(Back);
    Mark "redo-choice" "Redo" ["Ctrl+Y", "Ctrl+Shift+Z"] true Command::UndoChoice(Forward);
    Mark "bookmark" "Bookmark the selection" ["B"] true Command::Mark(MarkCommand::Add);
    Mark "marker-a" "Marker A at the cursor, or away" ["M"] true Command::Mark(MarkCommand::Marker(0));
    Mark "marker-b" "Marker B at the cursor, or away" ["Shift+M"] true Command::Mark(MarkCommand::Marker(1));
    Mark "markers-select" "Select between the markers" ["Alt+M"] true Command::Mark(MarkCommand::SelectMarkers);
    Mark "markers-clear" "Clear the markers" ["Ctrl+Shift+M"] true Command::Mark(MarkCommand::ClearMarkers);
    Mark "row-hide" "Take the row out of sight" ["X"] true Command::Rows(RowCommand::Hide(None));
    Mark "row-hide-others" "Take the other rows of its pane out of sight" ["Shift+X"] true Command::Rows(RowCommand::HideOthers(None));
    Mark "rows-show" "Show all hidden rows" ["Ctrl+Shift+X"] true Command::Rows(RowCommand::ShowAll);
    Mark "row-pin" "Pin the row on top, or unpin it" ["P"] true Command::Rows(RowCommand::Pin(None));
    Mark "row-move-up" "Move the row up" ["Alt+Up"] true Command::Rows(RowCommand::Move(Back));
    Mark "row-move-down" "Move the row down" ["Alt+Down"] true Command::Rows(RowCommand::Move(Forward));
    Mark "rows-order" "Forget how rows were moved" ["Ctrl+Alt+O"] true Command::Rows(RowCommand::ResetOrder);
    Mark "sort-next" "Next order of threads" ["O"] true Command::Rows(RowCommand::CycleSort);
    Mark "sort-cpu-time" "Sort threads by CPU time" ["Alt+Shift+T"] true Command::Rows(RowCommand::Sort(Sort::CpuTime));
    Mark "sort-name" "Sort threads by name" ["Alt+Shift+N"] true Command::Rows(RowCommand::Sort(Sort::Name));
    Mark "sort-tid" "Sort threads by tid" ["Alt+Shift+I"] true Command::Rows(RowCommand::Sort(Sort::Tid));
    Mark "sort-wake-ups" "Sort threads by wake-ups" ["Alt+Shift+U"] true Command::Rows(RowCommand::Sort(Sort::WakeUps));
    Mark "sort-first" "Sort threads by first activity" ["Alt+Shift+F"] true Command::Rows(RowCommand::Sort(Sort::FirstActivity));

    View "pane-control-flow" "Control flow" ["Ctrl+1"] true Command::TogglePane(PaneKind::ControlFlow(None));
    View "pane-resources" "Resources" ["Ctrl+2"] true Command::TogglePane(PaneKind::Resources(None));
    View "pane-events" "Events" ["Ctrl+3"] true Command::TogglePane(PaneKind::Events);
    View "pane-statistics" "Statistics" ["Ctrl+4"] true Command::TogglePane(PaneKind::Statistics);
    View "pane-cpu-usage" "CPU usage" ["Alt+6"] true Command::TogglePane(PaneKind::CpuUsage);
    View "pane-vms" "Virtual machines" ["Ctrl+5"] true Command::TogglePane(PaneKind::VirtualMachines);
    View "pane-physical-cpus" "Physical CPUs" ["Ctrl+6"] true Command::TogglePane(PaneKind::PhysicalCpus);
    View "pane-sync" "Synchronisation" ["Alt+1"] true Command::TogglePane(PaneKind::Synchronisation);
    View "pane-exits" "Exits" ["Alt+2"] true Command::TogglePane(PaneKind::Exits);
    View "pane-steal" "Steal" ["Alt+3"] true Command::TogglePane(PaneKind::Steal);
    View "pane-periodic" "Periodic task" ["Alt+4"] true Command::TogglePane(PaneKind::Periodic);
    View "pane-instant" "State at the cursor" ["Alt+5"] true Command::TogglePane(PaneKind::Instant);
    View "pane-flow" "Execution flow" ["Ctrl+7"] true Command::TogglePane(PaneKind::ExecutionFlow);
    View "pane-flow-breakdown" "Flow: where the time went" ["Alt+7"] true Command::TogglePane(PaneKind::FlowBreakdown);
    View "pane-help" "Help" ["Shift+F1"] true Command::TogglePane(PaneKind::Help);
    View "pane-bookmarks" "Bookmarks" ["Alt+B"] true Command::TogglePane(PaneKind::Bookmarks);
    View "pane-compare" "Compare" ["Alt+8"] true Command::TogglePane(PaneKind::Compare);
    View "preset-kernel" "Arrange: kernel" ["Ctrl+Alt+1"] true Command::SetPreset(Preset::Kernel);
    View "preset-vms" "Arrange: virtual machines" ["Ctrl+Alt+2"] true Command::SetPreset(Preset::VirtualMachines);
    View "preset-machines" "Arrange: machines beside each other" ["Ctrl+Alt+3"] true Command::SetPreset(Preset::Machines);
    View "preset-side-by-side" "Arrange: host and guests side by side" ["Ctrl+Alt+4"] true Command::SetPreset(Preset::SideBySide);
    View "preset-synchronisation" "Arrange: synchronisation" ["Ctrl+Alt+5"] true Command::SetPreset(Preset::Synchronisation);
    View "preset-flow" "Arrange: execution flow" ["Ctrl+Alt+6"] true Command::SetPreset(Preset::ExecutionFlow);
    View "preset-compare" "Arrange: compare two stretches of time" ["Ctrl+Alt+7"] true Command::SetPreset(Preset::Compare);
    View "compare-a" "Compare: use the selection as A" ["Alt+Shift+A"] true Command::CompareSelection(SideName::A);
    View "compare-b" "Compare: use the selection as B" ["Alt+Shift+B"] true Command::CompareSelection(SideName::B);
    View "compare-swap" "Compare: swap A and B" ["Alt+Shift+W"] true Command::SwapSides;
    View "compare-halves" "Compare: the two halves of the selection or of what is shown" ["Alt+Shift+H"] true Command::CompareHalves;
    View "compare-recordings" "Compare: two recordings or machines" ["Alt+Shift+R"] true Command::CompareRecordings;
    View "synced" "Synchronised or by the clocks' dates" ["Y"] true Command::ToggleSynced;
    View "mark-event" "Mark the picked event, to align another with it" ["Alt+E"] true Command::MarkEvent;
    View "align-events" "Align the picked event with the marked one" ["Alt+Shift+E"] true Command::AlignEvents;
    View "link-pane" "Link this pane to the others, or let it go its own way" ["L"] true Command::ToggleLink(None);
    View "full-pane" "This pane alone" ["F11"] true Command::ToggleFullPane;
    View "tree" "Experiment and views" ["Ctrl+B"] true Command::ToggleTree;
    View "details" "Details" ["Ctrl+D"] true Command::ToggleDetails;
    View "problems" "Problems" ["Ctrl+M"] true Command::ToggleProblems;
    View "hide-idle" "Hide rows that are idle in the window" ["H"] true Command::ToggleHideIdle;
    View "idle-tasks" "Show tasks of virtual machines that are idle in the window" ["Shift+H"] true Command::ToggleIdleTasks;
    View "by-machine" "Colour physical CPUs by machine" ["Shift+C"] true Command::ToggleByMachine;
    View "compact" "Compact rows" ["C"] true Command::ToggleCompact;
    View "clear-legend" "Show all states again" ["Alt+Shift+L"] true Command::ClearLegend;

    Help "help" "What does this view show?" ["F1"] false Command::Help(HelpCommand::Here);
    Help "help-contents" "Help: contents" ["Ctrl+F1"] false Command::Help(HelpCommand::Contents);
    Help "tour-reading" "Tour: reading a control flow" ["Shift+F4"] false Command::StartTour("reading".to_owned());
    Help "tour-fighting" "Tour: two VMs fighting for one CPU" ["Shift+F5"] false Command::StartTour("fighting".to_owned());
    Help "tour-periodic" "Tour: the periodic task that sometimes takes longer" ["Shift+F6"] false Command::StartTour("periodic".to_owned());
    Help "tour-culprit" "Tour: who made the task late" ["Shift+F7"] false Command::StartTour("culprit".to_owned());
    Help "tour-chain" "Tour: a chain of waits, down to the host's disk" ["Shift+F8"] false Command::StartTour("chain".to_owned());
    Help "tour-next" "Next step of the tour" ["N"] false Command::StepTour(Forward);
    Help "tour-back" "Previous step of the tour" ["Shift+N"] false Command::StepTour(Back);
    Help "tour-end" "End the tour" ["Shift+F2"] false Command::EndTour;
    Help "settings" "Settings" ["Ctrl+,"] false Command::TogglePane(PaneKind::Settings);
    Help "theme" "Dark or light" ["Ctrl+Shift+L"] false Command::CycleTheme;
    Help "ui-larger" "Everything larger" ["Ctrl++", "Ctrl+="] false Command::ZoomUi(Some(UI_STEP));
    Help "ui-smaller" "Everything smaller" ["Ctrl+-"] false Command::ZoomUi(Some(1.0 / UI_STEP));
    Help "ui-normal" "Everything in normal size" ["Ctrl+0"] false Command::ZoomUi(None);
    Help "keys" "All keys" ["?"] false Command::ToggleKeys;
    Help "dismiss" "Close what lies on top" ["Esc"] false Command::Dismiss;
};

/// The entry of that lasting name.
pub fn entry(id: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|e| e.id == id)
}

/// The entry that sends this command, if one does.
pub fn entry_of(command: &Command) -> Option<&'static Entry> {
    ENTRIES.iter().find(|e| e.command() == *command)
}

/// Default keys of every entry, parsed once; a spelling that is no key is left out (a test sees to it that there
/// is none).
pub fn default_keys() -> &'static [Vec<Chord>] {
    static KEYS: OnceLock<Vec<Vec<Chord>>> = OnceLock::new();
    KEYS.get_or_init(|| ENTRIES.iter().map(|e| e.keys.iter().filter_map(|k| Chord::parse(k)).collect()).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_keys_are_unique_and_every_key_parses() {
        let ids: BTreeSet<&str> = ENTRIES.iter().map(|e| e.id).collect();
        assert_eq!(ids.len(), ENTRIES.len());
        let mut seen = BTreeSet::new();
        for entry in ENTRIES {
            assert!(!entry.title.is_empty() && !entry.keys.is_empty(), "{} has no name or no key", entry.id);
            for key in entry.keys {
                let chord = Chord::parse(key).unwrap_or_else(|| panic!("{key} of {} is no key", entry.id));
                assert!(seen.insert(chord.to_string()), "{key} is bound twice");
            }
        }
    }

    #[test]
    fn commands_find_their_entry() {
        assert_eq!(entry_of(&Command::ZoomAll).map(|e| e.id), Some("zoom-all"));
        assert_eq!(entry("waker").map(Entry::command), Some(Command::FollowWaker));
        assert!(entry_of(&Command::Pan(0.123)).is_none());
    }

    #[test]
    fn the_keys_of_the_handbook_are_bound() {
        let bound: BTreeSet<&str> = ENTRIES.iter().flat_map(|e| e.keys.iter().copied()).collect();
        for key in [
            "W",
            "S",
            "A",
            "D",
            "+",
            "-",
            "Z",
            "0",
            "Backspace",
            "Shift+Backspace",
            "Left",
            "Right",
            "Shift+Left",
            "Shift+Right",
            "Up",
            "Down",
            ".",
            ",",
            "F",
            "Enter",
            "/",
            "Ctrl+F",
            "Ctrl+P",
            "Ctrl+Shift+P",
            "?",
            "Ctrl+O",
            "Ctrl+Left",
            "Ctrl+Right",
            "PageUp",
            "PageDown",
            "Home",
            "End",
            "F1",
            "F11",
            "Esc",
        ] {
            assert!(bound.contains(key), "{key}");
        }
    }
}
