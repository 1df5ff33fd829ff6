//! Saving and copying what the window shows: a view or the whole window as a picture or a drawing, tables and the
//! states of rows as CSV and JSON Lines, a report; a state or an event as text.
//!
//! ```text
//!  menu, key, palette ─► Ask ─► dialog ─► Save ─┬─► picture: a frame off the screen ─┐
//!                                               ├─► tables: what panes counted      ─┼─► Saver: a thread, a file
//!                                               └─► work: asked of the session       ─┘
//! ```
//!
//! What programs read is written by the same functions as the sub-commands print (`headless`), so that both say the
//! same. Where files lie and what they are called is decided here and in the dialog; nothing here draws a view.

pub mod copy;
pub mod lines;
pub mod menu;
pub mod picture;
pub mod saver;
pub mod tables;
pub mod work;

use std::path::Path;

use crate::window::command::RowRef;
use crate::window::layout::PaneKind;
use crate::window::state::State;
use stratoscope_core::vocab::RefNs;

/// What can be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A pane as it is drawn; the one that has the keyboard if `None`.
    View(Option<PaneKind>),
    /// All of the window.
    Window,
    /// A table; that of the pane that has the keyboard if `None`.
    Table(Option<Table>),
    /// One page about the experiment.
    Report,
}

/// A table that can be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// What a pane lists; of rows over time, their states in what is shown.
    Of(PaneKind),
    /// The instances of the task that is followed.
    FlowInstances,
    /// What went wrong.
    Problems,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture of so many pixels a point.
    Png(u8),
    /// A scalable drawing.
    Svg,
    /// Comma-separated values.
    Csv,
    /// An object a line.
    JsonLines,
    /// A page.
    Html,
}

/// Pixels a point of pictures, unless somebody wants more: sharp in print and on fine screens.
pub const FINE: Format = Format::Png(2);

/// Pictures for posters, and to be cut.
pub const LARGE: Format = Format::Png(4);

impl Format {
    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png(_) => "png",
            Self::Svg => "svg",
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Html => "html",
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png(_) => "PNG",
            Self::Svg => "SVG",
            Self::Csv => "CSV",
            Self::JsonLines => "JSON Lines",
            Self::Html => "HTML",
        }
    }

    /// The format that a file's name asks for, if it is one of the same sort: a picture never becomes a table.
    pub fn of(self, path: &Path) -> Self {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match (self, ending.as_deref()) {
            (Self::Svg, Some("png")) => FINE,
            (Self::Png(_), Some("svg")) => Self::Svg,
            (Self::Csv, Some("jsonl" | "json" | "ndjson")) => Self::JsonLines,
            (Self::JsonLines, Some("csv")) => Self::Csv,
            _ => self,
        }
    }
}

/// How a copied thing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// For people.
    Text,
    /// Comma-separated values.
    Csv,
    /// As the sub-commands print it with `--json`.
    Json,
}

/// What can be done about saving and copying.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportCommand {
    /// Ask where to save something.
    Ask(What, Format),
    /// Save it to this file, in place of what is there.
    Save(What, Format, std::path::PathBuf),
    /// Stop all saving; what is not finished leaves no file.
    Stop,
    /// Copy the picked event, else the selected state.
    Copy(Writing),
    /// Copy an event of the table.
    CopyEvent(u64, Writing),
    /// Copy the state of a row at an instant.
    CopyState(RowRef, RefNs, Writing),
    /// Copy the command that opens what is shown.
    CopyCommand,
    /// Copy a table.
    CopyTable(Table, Writing),
}

impl What {
    /// What of this window is meant: the pane with the keyboard, where none is named.
    ///
    /// # Errors
    /// There is none.
    pub fn settled(self, state: &State) -> Result<Self, String> {
        let focused = || state.panes.focused.clone().ok_or_else(|| "Click into a pane first".to_owned());
        Ok(match self {
            Self::View(None) => Self::View(Some(focused()?)),
            Self::Table(None) => Self::Table(Some(Table::Of(focused()?))),
            other => other,
        })
    }

    /// What it is, as a part of a sentence: `the events of the selection`.
    pub fn words(&self, state: &State) -> String {
        let pane = |kind: &PaneKind| match kind.machine().and_then(|id| state.scene.machine(id)) {
            Some(machine) => format!("{} of {}", kind.title(), machine.name),
            None => kind.title().to_owned(),
        };
        let range = if state.view.range().is_some() { "selection" } else { "window" };
        match self {
            Self::View(Some(kind)) => pane(kind),
            Self::View(None) => "this view".to_owned(),
            Self::Window => "the whole window".to_owned(),
            Self::Report => "a report of this experiment".to_owned(),
            Self::Table(None) => "this table".to_owned(),
            Self::Table(Some(table)) => match table {
                Table::Of(PaneKind::Events) => {
                    let which = if state.view.find.is_active() {
                        format!("the events that match “{}”", state.view.search.trim())
                    } else {
                        "the events".to_owned()
                    };
                    if state.view.range().is_some() { format!("{which}, of the selection") } else { which }
                }
                Table::Of(PaneKind::ExecutionFlow) => "the pieces of the execution flow".to_owned(),
                Table::Of(kind) if kind.is_timeline() => format!("the states in {}, of the {range}", pane(kind)),
                Table::Of(kind) => format!("the table {}", pane(kind)),
                Table::FlowInstances => "the instances of the followed task".to_owned(),
                Table::Problems => "the problems".to_owned(),
            },
        }
    }

    /// What its file could be called.
    pub fn file_name(&self, state: &State, format: Format) -> String {
        let experiment = state.paths.first().and_then(|path| path.file_name());
        let experiment = experiment.map_or_else(|| "stratoscope".into(), |name| name.to_string_lossy());
        let of = |kind: &PaneKind| {
            let machine = kind.machine().and_then(|id| state.scene.machine(id));
            machine.map_or_else(|| kind.title().to_owned(), |m| format!("{} {}", kind.title(), m.name))
        };
        let view = match self {
            Self::View(Some(kind)) => of(kind),
            Self::Table(Some(Table::Of(kind))) if kind.is_timeline() && *kind != PaneKind::ExecutionFlow => {
                format!("{} states", of(kind))
            }
            Self::Table(Some(Table::Of(kind))) => of(kind),
            Self::Table(Some(Table::FlowInstances)) => "flow instances".to_owned(),
            Self::Table(Some(Table::Problems)) => "problems".to_owned(),
            Self::View(None) | Self::Table(None) => "view".to_owned(),
            Self::Window => "window".to_owned(),
            Self::Report => "report".to_owned(),
        };
        format!("{}-{}.{}", slug(&experiment), slug(&view), format.ending())
    }
}

/// A text as a part of a file's name, on any system.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '_' | '.') {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let cut: String = out.trim_matches(['-', '.']).chars().take(60).collect();
    if cut.is_empty() { "view".to_owned() } else { cut }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::window::settings::Settings;

    #[test]
    fn files_are_called_by_experiment_and_view() {
        let mut state = State::new(Settings::default());
        state.paths = vec![PathBuf::from("/traces/My trace: 1")];
        let name = |what: What, format| what.file_name(&state, format);
        assert_eq!(name(What::View(Some(PaneKind::VirtualMachines)), FINE), "my-trace-1-virtual-machines.png");
        assert_eq!(
            name(What::Table(Some(Table::Of(PaneKind::FlowBreakdown))), Format::Csv),
            "my-trace-1-flow-where-the-time-went.csv"
        );
        assert_eq!(name(What::Report, Format::Html), "my-trace-1-report.html");
    }

    #[test]
    fn a_files_ending_chooses_among_formats_of_its_sort() {
        assert_eq!(FINE.of(Path::new("a.SVG")), Format::Svg);
        assert_eq!(FINE.of(Path::new("a.csv")), FINE);
        assert_eq!(Format::Csv.of(Path::new("a.json")), Format::JsonLines);
        assert_eq!(LARGE.of(Path::new("a.png")), LARGE);
    }
}
