//! A state as text for the clipboard: a heading and what is known of it, line by line, as the details have it.

use std::fmt::Write as _;

use stratoscope_core::vocab::RefNs;

use crate::window::command::RowRef;
use crate::window::event_pages::EventLine;
use crate::window::frame::FrameContext;
use crate::window::navigate;
use crate::window::timeline::describe;
use crate::window::words;

/// The state of a row at an instant.
pub fn state_text(cx: &FrameContext<'_>, row: RowRef, t: RefNs) -> Option<String> {
    let scene = &cx.state.scene;
    let interval = navigate::interval_at(scene, row, t)?;
    let description = describe(scene, row, &interval, &cx.state.clock(), cx.theme)?;
    let mut text = format!("{}: {}\n", words::row_place(scene, row), cx.theme.state(interval.look.state).name);
    for (word, what) in &description.facts {
        // Writing to a string cannot fail.
        writeln!(text, "{word}\t{what}").unwrap_or_default();
    }
    Some(text)
}

/// A line of the events table.
pub fn event_text(cx: &FrameContext<'_>, line: &EventLine) -> String {
    let machine = cx.state.scene.machine(line.machine).map_or("", |m| &*m.name);
    let cpu = line.cpu.known().map_or_else(|| "-".to_owned(), |n| n.to_string());
    format!("{}\t{machine}\t{cpu}\t{}\t{}", cx.state.clock().instant(line.t), line.name, line.text)
}
