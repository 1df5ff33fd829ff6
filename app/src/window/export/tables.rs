//! The tables that panes have counted, as sheets: what is on the screen, all of its rows, in the order in which they
//! stand there.

use stratoscope_core::vocab::{Problem, Severity};

use crate::window::export::Table;
use crate::window::frame::FrameContext;
use crate::window::layout::PaneKind;
use crate::window::panes::PaneMemory;
use crate::window::stats::sheet::{Field, Sheet};

/// Why a table cannot be had.
const NOTHING: &str = "Nothing is counted there yet";

impl PaneMemory {
    /// A table as it stands on the screen.
    ///
    /// # Errors
    /// It is not a table of this sort, or nothing is counted yet: in words.
    pub fn sheet(&self, table: &Table, cx: &FrameContext<'_>) -> Result<Sheet, String> {
        let sheet = match table {
            Table::Problems => Some(problems(&cx.info.problems)),
            Table::FlowInstances => self.flow.instances_sheet(cx),
            Table::Of(kind) => match kind {
                PaneKind::Statistics => Some(self.statistics.sheet(cx)),
                PaneKind::CpuUsage => self.usage.sheet(cx),
                PaneKind::Compare => Some(self.compare.sheet(cx)),
                PaneKind::Bookmarks => Some(bookmarks(cx)),
                PaneKind::FlowBreakdown => self.flow.sheet(cx),
                PaneKind::Synchronisation
                | PaneKind::Exits
                | PaneKind::Steal
                | PaneKind::Periodic
                | PaneKind::Instant => self.joint.sheet(kind, cx),
                _ => return Err(format!("{} has no table of this sort", kind.title())),
            },
        };
        sheet.filter(|sheet| !sheet.titles.is_empty()).ok_or_else(|| NOTHING.to_owned())
    }
}

fn problems(problems: &[Problem]) -> Sheet {
    let mut sheet = Sheet::new(&[
        ("Severity", "severity"),
        ("Path", "path"),
        ("Byte", "offset"),
        ("Problem", "message"),
        ("Times", "count"),
        ("Advice", "advice"),
    ]);
    for problem in problems {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        sheet.rows.push(vec![
            Field::Text(severity.to_owned()),
            Field::Text(problem.path.display().to_string()),
            problem.offset.map_or(Field::Empty, Field::Count),
            Field::Text(problem.message()),
            Field::Count(problem.count),
            Field::Text(problem.advice.clone()),
        ]);
    }
    sheet
}

fn bookmarks(cx: &FrameContext<'_>) -> Sheet {
    let scene = &cx.state.scene;
    let mut sheet = Sheet::new(&[("Begin", "begin_ns"), ("End", "end_ns"), ("Length", "length_ns"), ("Text", "text")]);
    let mut bookmarks = cx.state.view.own.bookmarks.clone();
    bookmarks.sort_by_key(|b| (b.begin.at(scene), b.end.at(scene), b.id));
    for bookmark in &bookmarks {
        let range = bookmark.range(scene);
        sheet.rows.push(vec![
            range.map_or(Field::Empty, |r| Field::instant(&cx.state.clock(), r.begin)),
            range.map_or(Field::Empty, |r| Field::instant(&cx.state.clock(), r.end)),
            range.map_or(Field::Empty, |r| Field::Time(r.length())),
            Field::Text(bookmark.text.clone()),
        ]);
    }
    sheet
}
