//! `flow`: what determined when a task came as far as it did, across guests and host, down to the culprit.

use anyhow::bail;
use serde_json::{Map, Value, json};
use stratoscope_core::flow::{Arrow, Flow, FlowInstance, FlowKind, Piece, Worker};
use stratoscope_core::query::flows::Separator;
use stratoscope_core::query::time::duration;
use stratoscope_core::query::{Filter, Matcher};
use stratoscope_core::session::{MachineView, Snapshot, instants};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vm::Who;
use stratoscope_core::vm::instances::{SLOW_FACTOR, pair_marks};
use stratoscope_core::vocab::{Cancel, MachineNs, Name, Problem, RefNs, TimeRange};

use crate::headless::args::{FlowArgs, TimeAxis};
use crate::headless::output::{Output, integer};
use crate::headless::table::{Table, percent, wanted};
use crate::headless::task::find_tasks;
use crate::headless::time::{Window, base};
use crate::headless::virt::{who_json, who_text};
use crate::headless::{Outcome, open, parse_filter, wait, wrong_usage};

/// Prints pieces, arrows and totals of a task's flow, or one line an instance.
///
/// # Errors
/// A wrong instant, expression or task, or what the output says.
pub(super) fn run(args: &FlowArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let filter = common.filter.as_deref().map(parse_filter).transpose()?;
    let marks = args.mark.as_deref().map(parse_marks).transpose()?;
    let session = open(common, true)?;
    wait(&session, common.quiet);
    let snapshot = session.wait();
    let window = Window::new(common, &snapshot)?;
    let mut out = Output::new(common.json, common.limit);
    let filter = filter.map(|f| f.bind(&base(&snapshot)));
    let printer =
        Printer { snapshot: &snapshot, window: &window, axis: common.time, filter, maps: snapshot.world().flow_maps() };
    let mut problems = session.problems().all();
    if !snapshot.traces.is_empty() {
        for task in find_tasks(&snapshot, &args.task)? {
            let Some(machine) = snapshot.machine(task.machine) else { continue };
            let range = window.on(machine);
            let notes = if args.instances || marks.is_some() {
                let separator = match &marks {
                    Some(marks) => Separator::Marks(stretches(&snapshot, marks, &window, task)?),
                    None => Separator::MostSlept,
                };
                let factor = args.slow_factor.unwrap_or(SLOW_FACTOR);
                let found = snapshot.flow_instances(task, range, separator, factor, &Cancel::default())?;
                printer.instances(&found, machine, &mut out)?
            } else {
                let flow = snapshot.flow(task, range, &Cancel::default())?;
                if !printer.flow(&flow, &mut out)? {
                    break;
                }
                flow.notes
            };
            problems.extend(notes.iter().map(|note| Problem::note("", note.as_str())));
        }
    }
    out.problems(&problems, common.quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

/// The two filters of `BEGIN..END`.
fn parse_marks(text: &str) -> anyhow::Result<[Filter; 2]> {
    let (begin, end) =
        text.split_once("..").ok_or_else(|| wrong_usage("--mark wants two expressions: 'BEGIN..END'"))?;
    Ok([parse_filter(begin)?, parse_filter(end)?])
}

/// What lies between the marks, on the task's machine.
fn stretches(
    snapshot: &Snapshot,
    marks: &[Filter; 2],
    window: &Window,
    task: Worker,
) -> anyhow::Result<Vec<TimeRange<MachineNs>>> {
    let mut found = Vec::new();
    for mark in marks {
        let matcher = mark.clone().bind(&base(snapshot));
        let mut all = instants(snapshot, &matcher, window.on_reference(), &Cancel::default())?;
        found.push(all.get_mut(usize::from(task.machine.0)).map(std::mem::take).unwrap_or_default());
    }
    let [begins, ends] = found.as_slice() else { bail!("two marks make a stretch") };
    Ok(pair_marks(begins, ends))
}

/// Writes flows as the arguments want them.
pub(crate) struct Printer<'a> {
    snapshot: &'a Snapshot,
    window: &'a Window,
    axis: TimeAxis,
    filter: Option<Matcher>,
    /// What flows were computed under.
    maps: Vec<ClockMap>,
}

impl<'a> Printer<'a> {
    /// Writes flows that were computed under those maps, on the reference's clock.
    pub(crate) fn new(snapshot: &'a Snapshot, window: &'a Window, maps: Vec<ClockMap>) -> Self {
        Self { snapshot, window, axis: TimeAxis::Synced, filter: None, maps }
    }
}

impl Printer<'_> {
    /// An instant of a flow as it is printed: on the reference's clock, or that machine's own.
    fn instant(&self, who: &Who, t: RefNs) -> i128 {
        let (origin, _) = self.snapshot.origin();
        let own = self.snapshot.machine(who.machine).filter(|_| self.axis == TimeAxis::Local);
        match own.zip(self.maps.get(usize::from(who.machine.0))) {
            Some((machine, map)) => machine.origin_ns + i128::from(map.from_ref(t).0),
            None => origin + i128::from(t.0),
        }
    }

    fn text(&self, name: Name) -> String {
        self.snapshot.names.text(name).to_string()
    }

    fn who(&self, who: &Who) -> Map<String, Value> {
        who_json(self.snapshot, Some(*who))
    }

    fn flow(&self, flow: &Flow, out: &mut Output) -> anyhow::Result<bool> {
        if out.is_json() { self.objects(flow, out) } else { self.tables(flow, out) }
    }

    fn objects(&self, flow: &Flow, out: &mut Output) -> anyhow::Result<bool> {
        for object in self.lines(flow) {
            if wanted(self.filter.as_ref(), &object) && !out.line(&object.to_string())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A flow as objects: pieces and arrows in order of time, then totals.
    pub(crate) fn lines(&self, flow: &Flow) -> Vec<Value> {
        let pieces = flow.pieces.iter().map(|p| (p.range.begin, 1, self.piece(p)));
        let arrows = flow.arrows.iter().map(|a| (a.from.1, 0, self.arrow(a)));
        let mut lines: Vec<_> = pieces.chain(arrows).collect();
        lines.sort_by_key(|line| (line.0, line.1));
        let length = flow.window.length().0.max(1) as f64;
        let totals = flow.totals().into_iter().map(|total| {
            let mut object = self.who(&total.who);
            object.insert("type".to_owned(), "total".into());
            object.insert("kind".to_owned(), total.kind.name().into());
            object.insert("ns".to_owned(), total.time.0.into());
            object.insert("share".to_owned(), (total.time.0 as f64 / length).into());
            Value::Object(object)
        });
        lines.into_iter().map(|line| line.2).chain(totals).collect()
    }

    fn piece(&self, piece: &Piece) -> Value {
        let mut object = self.who(&piece.who);
        let victim = piece.victim.map(|v| {
            let mut victim = self.who(&v);
            victim.remove("name");
            victim
        });
        object.insert("type".to_owned(), "piece".into());
        object.insert("kind".to_owned(), piece.kind.name().into());
        object.insert("detail".to_owned(), Some(self.text(piece.detail)).filter(|d| !d.is_empty()).into());
        object.insert("cpu".to_owned(), piece.cpu.known().into());
        object.insert("begin_ns".to_owned(), integer(self.instant(&piece.who, piece.range.begin)));
        object.insert("end_ns".to_owned(), integer(self.instant(&piece.who, piece.range.end)));
        object.insert("victim".to_owned(), victim.map_or(Value::Null, Value::Object));
        Value::Object(object)
    }

    fn arrow(&self, arrow: &Arrow) -> Value {
        let end = |(who, t): (Who, RefNs)| {
            let mut object = self.who(&who);
            object.remove("name");
            object.insert("t_ns".to_owned(), integer(self.instant(&who, t)));
            object
        };
        json!({"type": "arrow", "kind": arrow.kind.name(), "from": end(arrow.from), "to": end(arrow.to)})
    }

    fn tables(&self, flow: &Flow, out: &mut Output) -> anyhow::Result<bool> {
        let head = format!("{}: {}", who_text(self.snapshot, Some(flow.who)), duration(flow.window.length().0));
        if !out.line(&head)? {
            return Ok(false);
        }
        let mut table = Table::new(&["      at", "for", "<what", "<who", "<detail"]);
        for piece in &flow.pieces {
            if !wanted(self.filter.as_ref(), &self.piece(piece)) {
                continue;
            }
            table.row(vec![
                format!("+{}", duration((piece.range.begin - flow.window.begin).0)),
                duration(piece.range.length().0),
                piece.kind.name().to_owned(),
                who_text(self.snapshot, Some(piece.who)),
                self.text(piece.detail),
            ]);
        }
        if !table.print(out)? || !out.line("")? {
            return Ok(false);
        }
        let length = flow.window.length().0.max(1) as f64;
        let mut table = Table::new(&["   total", "share", "<what", "<who"]);
        for total in flow.totals() {
            table.row(vec![
                duration(total.time.0),
                percent(total.time.0 as f64 / length),
                total.kind.name().to_owned(),
                who_text(self.snapshot, Some(total.who)),
            ]);
        }
        if flow.in_flight().0 > 0 {
            let time = flow.in_flight();
            table.row(vec![
                duration(time.0),
                percent(time.0 as f64 / length),
                "packets on their way".to_owned(),
                String::new(),
            ]);
        }
        Ok(table.print(out)? && out.line("")?)
    }

    /// One line an instance; returns what must be said about all of them.
    fn instances(
        &self,
        found: &[FlowInstance],
        machine: &MachineView,
        out: &mut Output,
    ) -> anyhow::Result<Vec<String>> {
        let mut table = Table::new(&["   n", "duration", "<", "<culprit", "<how", "for", "more than usual"]);
        let mut notes: Vec<String> = Vec::new();
        for (n, instance) in found.iter().enumerate() {
            let object = self.instance(n, instance, machine);
            if !wanted(self.filter.as_ref(), &object) {
                continue;
            }
            for note in &instance.flow.notes {
                if !notes.contains(note) && !note.starts_with("Of ") {
                    notes.push(note.clone());
                }
            }
            if out.is_json() {
                if !out.line(&object.to_string())? {
                    return Ok(notes);
                }
                continue;
            }
            let mut cells = vec![
                n.to_string(),
                duration(instance.duration().0),
                if instance.slow { "slow".to_owned() } else { String::new() },
            ];
            match &instance.culprit {
                Some(loss) => cells.extend([
                    who_text(self.snapshot, Some(loss.total.who)),
                    loss.total.kind.name().to_owned(),
                    duration(loss.total.time.0),
                    duration(loss.extra.0),
                ]),
                None => cells.resize(7, String::new()),
            }
            table.row(cells);
        }
        table.print(out)?;
        Ok(notes)
    }

    fn instance(&self, n: usize, instance: &FlowInstance, machine: &MachineView) -> Value {
        let by_kind: Map<String, Value> =
            instance.flow.by_kind().into_iter().map(|(kind, time)| (kind.name().to_owned(), time.0.into())).collect();
        let culprit = instance.culprit.map(|loss| {
            let mut object = self.who(&loss.total.who);
            object.insert("kind".to_owned(), loss.total.kind.name().into());
            object.insert("ns".to_owned(), loss.total.time.0.into());
            object.insert("extra_ns".to_owned(), loss.extra.0.into());
            object
        });
        let mut object = self.who(&instance.flow.who);
        let stolen: i64 = instance.flow.by_kind().iter().filter(|(kind, _)| kind.is_stolen()).map(|(_, t)| t.0).sum();
        object.insert("type".to_owned(), "instance".into());
        object.insert("n".to_owned(), n.into());
        object.insert("begin_ns".to_owned(), integer(self.window.print(machine, instance.stretch.begin)));
        object.insert("end_ns".to_owned(), integer(self.window.print(machine, instance.stretch.end)));
        object.insert("duration_ns".to_owned(), instance.duration().0.into());
        object.insert("slow".to_owned(), instance.slow.into());
        object.insert("stolen_ns".to_owned(), stolen.into());
        object.insert("by_kind".to_owned(), Value::Object(by_kind));
        object.insert("culprit".to_owned(), culprit.map_or(Value::Null, Value::Object));
        Value::Object(object)
    }
}

/// What the kinds mean, for `--help`.
pub(super) fn kinds_help() -> String {
    let lines = FlowKind::ALL.iter().map(|kind| format!("  {:<17} {}", kind.name(), kind.meaning()));
    format!("Kinds of pieces:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
