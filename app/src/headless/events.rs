//! `events`: the events of all traces, merged in time.

use std::fmt::Write as _;
use std::sync::Arc;

use rayon::prelude::*;
use stratoscope_core::export::json::{text_json, value_json};
use stratoscope_core::index::EventAt;
use stratoscope_core::query::Search;
use stratoscope_core::session::MachineView;
use stratoscope_core::trace::CHECKPOINT_EVENTS;
use stratoscope_core::vocab::{Cancel, MachineId, RefNs, TimeRange, Value};

use crate::headless::args::{Common, TimeAxis};
use crate::headless::output::Output;
use crate::headless::time::{Window, base};
use crate::headless::{Outcome, open, parse_filter, wait};

/// Events that one core reads at a time: their lines are kept until all before them are printed.
const PART: u64 = 1 << 17;

/// Prints one line an event.
///
/// # Errors
/// A wrong instant or expression, or what the output says.
pub(super) fn run(args: &Common) -> anyhow::Result<Outcome> {
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let mut session = open(args, false)?;
    if args.time == TimeAxis::Synced && session.wait().machines.len() > 1 {
        // One clock for several machines is found in what they recorded.
        session = open(args, true)?;
        wait(&session, args.quiet);
    }
    let snapshot = session.wait();
    let window = Window::new(args, &snapshot)?;
    let filter = filter.map(|f| f.bind(&base(&snapshot)));
    let mut out = Output::new(args.json, args.limit);
    let name = |id: MachineId| snapshot.machine(id).map_or("", |machine| &machine.name);
    let printed = |event: &EventAt<'_>| {
        snapshot.machine(event.stream.machine).map_or(0, |machine| window.print(machine, event.head.t))
    };
    let search = filter.as_ref().map(|filter| Search::filter(&snapshot.events, filter, name, printed));
    let json = args.json;
    let lines = |range: TimeRange<RefNs>| {
        let (mut lines, mut left) = (String::new(), args.limit.unwrap_or(u64::MAX));
        let visit = |event: &mut EventAt<'_>| {
            let Some(machine) = snapshot.machine(event.stream.machine) else { return true };
            if args.time == TimeAxis::Local && !window.on(machine).contains(event.head.t) {
                return true;
            }
            print(&mut lines, json, event, machine, &window);
            lines.push('\n');
            left = left.saturating_sub(1);
            left > 0
        };
        match &search {
            None => snapshot.events.visit(range.begin, range.end, visit),
            // Nobody cancels what a terminal can interrupt.
            Some(search) => search.visit(range, &Cancel::default(), visit).unwrap_or_default(),
        }
        lines
    };
    // Beginning a part costs some events of each stream.
    let part = PART.max(snapshot.events.streams().len() as u64 * 8 * CHECKPOINT_EVENTS);
    // A few lines are found in the first part: no other core need look for more.
    let (cores, first) = (rayon::current_num_threads().max(1), usize::from(args.limit.is_some()));
    let parts = snapshot.events.parts(window.on_reference(), part);
    let (first, rest) = parts.split_at(first.min(parts.len()));
    'parts: for some in first.chunks(1).chain(rest.chunks(cores)) {
        let found: Vec<String> = some.par_iter().map(|range| lines(*range)).collect();
        for line in found.iter().flat_map(|lines| lines.split_terminator('\n')) {
            if !out.line(line)? {
                break 'parts;
            }
        }
    }
    let problems = session.problems().all();
    out.problems(&problems, args.quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

/// Writes an event as it is printed, without the end of the line.
pub(crate) fn print(line: &mut String, json: bool, event: &mut EventAt<'_>, machine: &MachineView, window: &Window) {
    let (context, fields) = event.fields();
    let name = event.name();
    let t = window.print(machine, event.head.t);
    let timeless = event.stream.trace.info().clock.is_none();
    // Writing to a string cannot fail.
    if json {
        if timeless {
            line.push_str("{\"t\":null");
        } else {
            write!(line, "{{\"t\":{t}").unwrap_or_default();
        }
        line.push_str(",\"machine\":");
        text_json(&machine.name, line);
        match event.head.cpu.known() {
            Some(cpu) => write!(line, ",\"cpu\":{cpu}").unwrap_or_default(),
            None => line.push_str(",\"cpu\":null"),
        }
        line.push_str(",\"name\":");
        text_json(name, line);
        line.push_str(",\"context\":");
        value_json(&context, line);
        line.push_str(",\"fields\":");
        value_json(&fields, line);
        line.push('}');
    } else {
        let cpu = event.head.cpu.known().map_or_else(|| "-".to_owned(), |c| c.to_string());
        write!(line, "{t} {} {cpu} {name}", machine.name).unwrap_or_default();
        for (name, value) in members(&context).chain(members(&fields)) {
            write!(line, " {name}=").unwrap_or_default();
            value_json(value, line);
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = &(Arc<str>, Value)> {
    match value {
        Value::Struct(members) => members.iter(),
        _ => [].iter(),
    }
}
