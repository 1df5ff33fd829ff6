//! `states`: what every row did, as intervals: threads, CPUs, interrupts, and what host and guests together tell
//! of vCPUs and guests' threads.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::ValueEnum as _;
use serde_json::json;
use stratoscope_core::query::{Matcher, RowSubject, StateSubject, WorldMachine, instant, rows};
use stratoscope_core::session::{MachineView, Session, Snapshot};
use stratoscope_core::store::{Interval, Row};
use stratoscope_core::vm::{VmView, Who};
use stratoscope_core::vocab::{Cancel, Cpu, MachineId, MachineNs, RowKey, RowKind, State, Tid};

use crate::headless::args::{RowsKind, StatesArgs};
use crate::headless::output::{Output, integer};
use crate::headless::time::{Window, base};
use crate::headless::virt::{notes, who_json, who_text};
use crate::headless::{Outcome, open, parse_filter, wait};
use crate::window::joint::instant as words;

/// Prints one line an interval, row by row.
///
/// # Errors
/// A wrong instant or expression, or what the output says.
pub(super) fn run(args: &StatesArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let filter = common.filter.as_deref().map(parse_filter).transpose()?;
    let session = open(common, true)?;
    wait(&session, common.quiet);
    let snapshot = session.wait();
    let window = match &args.at {
        None => Window::new(common, &snapshot)?,
        Some(at) => Window::at(common, at, &snapshot)?,
    };
    let mut out = Output::new(common.json, common.limit);
    if args.at.is_some() && args.rows.is_empty() && filter.is_none() && !common.json {
        out.line(instant_text(args, &snapshot, &window).trim_end())?;
        return finish(&session, &snapshot, out, common.quiet, false);
    }
    let printer = Printer {
        snapshot: &snapshot,
        window: &window,
        filter: filter.map(|f| f.bind(&base(&snapshot))),
        at: args.at.is_some(),
    };
    let kinds = match (args.rows.as_slice(), args.at.is_some()) {
        ([], false) => &[RowsKind::Threads, RowsKind::Cpus],
        ([], true) => RowsKind::value_variants(),
        (asked, _) => asked,
    };
    for machine in &snapshot.machines {
        if !printer.machine(machine, kinds, &mut out)? {
            break;
        }
    }
    let of_vms = args.rows.iter().any(|kind| matches!(kind, RowsKind::Vcpus | RowsKind::VmThreads));
    finish(&session, &snapshot, out, common.quiet, of_vms)
}

/// Ends the output with what went wrong, and with what is missing of virtual machines where they were asked for.
fn finish(
    session: &Session,
    snapshot: &Snapshot,
    mut out: Output,
    quiet: bool,
    of_vms: bool,
) -> anyhow::Result<Outcome> {
    let mut problems = session.problems().all();
    if of_vms {
        problems.extend(notes(snapshot));
    }
    out.problems(&problems, quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

/// Everything at one instant in words, as the pane *State at the cursor* has it.
fn instant_text(args: &StatesArgs, snapshot: &Snapshot, window: &Window) -> String {
    let world = snapshot.world();
    let own = |machine: &WorldMachine| match snapshot.machine(machine.id) {
        Some(view) => window.instant(view),
        None => machine.extent.begin,
    };
    let sections = instant::at(&world, &own, &Cancel::default());
    let written = |of: MachineId, t: MachineNs| match snapshot.machine(of) {
        Some(machine) => window.clock(snapshot, machine).instant(window.on_axis(machine, t)),
        None => String::new(),
    };
    let title = match (snapshot.machine(snapshot.reference), window.is_local()) {
        (Some(reference), false) => window.clock(snapshot, reference).instant(window.on_reference().begin),
        _ => format!("{} of each machine", args.at.as_deref().unwrap_or_default()),
    };
    words::text(&sections, &title, &written)
}

struct Printer<'a> {
    snapshot: &'a Snapshot,
    window: &'a Window,
    filter: Option<Matcher>,
    /// Whether one instant is asked for: the interval that contains it.
    at: bool,
}

/// A row to print.
pub(crate) struct Shown<'a> {
    /// Its intervals.
    pub(crate) row: &'a Row,
    /// Of a joined row, the row that its machine has of the same thread: it knows the CPU.
    own: Option<&'a Row>,
    id: String,
    /// The VM that a vCPU or a guest's thread belongs to.
    vm: Option<&'a str>,
}

impl Printer<'_> {
    fn machine(&self, machine: &MachineView, kinds: &[RowsKind], out: &mut Output) -> anyhow::Result<bool> {
        let range = self.window.on(machine);
        for shown in self.rows(machine, kinds) {
            if self.at {
                let there = shown.row.at(self.window.instant(machine));
                if let Some(interval) = there
                    && !self.interval(machine, &shown, &interval, out)?
                {
                    return Ok(false);
                }
                continue;
            }
            for interval in shown.row.intervals(range) {
                if !self.interval(machine, &shown, &interval, out)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The machine's rows of those kinds: its own by their keys, vCPUs by VM and number, joined threads.
    fn rows<'a>(&'a self, machine: &'a MachineView, kinds: &[RowsKind]) -> Vec<Shown<'a>> {
        let wanted = |row: &&Row| kinds.iter().any(|k| is_of(row.key().kind, *k));
        let mut own: Vec<&Row> = machine.store.rows().map(|r| &**r).filter(wanted).collect();
        own.sort_by_key(|r| r.key());
        let mut all: Vec<Shown<'a>> =
            own.into_iter().map(|row| Shown { row, own: None, id: row.key().to_string(), vm: None }).collect();
        let Some(view) = self.snapshot.vm.as_deref() else { return all };
        if kinds.contains(&RowsKind::Vcpus) {
            all.extend(vcpu_rows(view, machine));
        }
        if kinds.contains(&RowsKind::VmThreads) {
            all.extend(thread_rows(view, machine));
        }
        all
    }

    fn interval(
        &self,
        machine: &MachineView,
        shown: &Shown<'_>,
        it: &Interval,
        out: &mut Output,
    ) -> anyhow::Result<bool> {
        let row = shown.row;
        let name = row_name(self.snapshot, row, it.begin);
        let detail = self.snapshot.names.text(it.look.detail);
        let detail = (!it.look.detail.is_none()).then_some(&*detail);
        let (tid, cpu) = tid_and_cpu(shown, it);
        let key = row.key();
        let (begin, end) = (self.window.print(machine, it.begin), self.window.print(machine, it.end));
        if let Some(filter) = &self.filter {
            let state = StateSubject {
                row: RowSubject {
                    machine: &machine.name,
                    row: key.kind.name(),
                    id: &shown.id,
                    tid,
                    cpu,
                    name: Some(&name),
                    instance: key.instance,
                    vm: shown.vm,
                },
                state: it.look.state.name(),
                detail,
                begin,
                end,
            };
            if !filter.matches(&state) {
                return Ok(true);
            }
        }
        let line = if out.is_json() {
            object(self.snapshot, self.window, machine, shown, it).to_string()
        } else {
            let who = who(self.snapshot, row, it);
            let mut line = format!("{begin} {end} {:>12} ns  ", end - begin);
            // Writing to a string cannot fail.
            write!(
                line,
                "{:<10} {:<9} {:>10}  {:<16} {}",
                machine.name,
                key.kind.name(),
                shown.id,
                name,
                it.look.state.name()
            )
            .unwrap_or_default();
            match (detail, who) {
                (_, Some(who)) if blames(it.look.state) => {
                    write!(line, " ({})", who_text(self.snapshot, Some(who))).unwrap_or_default();
                }
                (Some(detail), _) => write!(line, " ({detail})").unwrap_or_default(),
                (None, _) => {}
            }
            if let Some(tid) = tid.filter(|_| key.kind == RowKind::Cpu) {
                write!(line, " tid {}", tid.0).unwrap_or_default();
            }
            line
        };
        Ok(out.line(&line)?)
    }
}

/// A state as an object.
pub(crate) fn object(
    snapshot: &Snapshot,
    window: &Window,
    machine: &MachineView,
    shown: &Shown<'_>,
    it: &Interval,
) -> serde_json::Value {
    let key = shown.row.key();
    let detail = snapshot.names.text(it.look.detail);
    let (tid, cpu) = tid_and_cpu(shown, it);
    let mut object = json!({
        "machine": machine.name,
        "row": key.kind.name(),
        "id": shown.id,
        "instance": key.instance,
        "tid": tid.map(|tid| tid.0),
        "cpu": cpu.known(),
        "name": &*row_name(snapshot, shown.row, it.begin),
        "state": it.look.state.name(),
        "detail": (!it.look.detail.is_none()).then_some(&*detail),
        "begin_ns": integer(window.print(machine, it.begin)),
        "end_ns": integer(window.print(machine, it.end)),
    });
    if is_of_vm(key.kind) {
        object["vm"] = shown.vm.into();
        object["who"] = who(snapshot, shown.row, it).map(|who| who_json(snapshot, Some(who))).into();
    }
    object
}

/// A row of a machine by its key, also a joined one.
pub(crate) fn row<'a>(snapshot: &'a Snapshot, machine: &'a MachineView, key: &RowKey) -> Option<Shown<'a>> {
    let view = snapshot.vm.as_deref();
    match key.kind {
        RowKind::Vcpu => view.and_then(|view| vcpu_rows(view, machine).find(|shown| shown.row.key() == *key)),
        RowKind::VmThread => view.and_then(|view| {
            let row = view.truth(machine.id)?;
            Some(thread_row(view, machine, row.row(row.find(key)?)?))
        }),
        RowKind::PhysicalCpu => {
            let store = view?.truth(machine.id)?;
            let row = store.row(store.find(key)?)?;
            Some(Shown { row, own: None, id: row.key().to_string(), vm: None })
        }
        RowKind::Thread | RowKind::Cpu | RowKind::Irq | RowKind::Softirq => {
            let row = machine.store.row(machine.store.find(key)?)?;
            Some(Shown { row, own: None, id: row.key().to_string(), vm: None })
        }
    }
}

/// Whom an interval of a joined row speaks of.
fn who(snapshot: &Snapshot, row: &Row, it: &Interval) -> Option<Who> {
    let speaks = blames(it.look.state) || it.look.state == State::Guest;
    snapshot.vm.as_ref()?.who(it.look.aux).filter(|_| speaks && is_of_vm(row.key().kind))
}

/// The thread's name at that instant; for other rows what their number stands for.
fn row_name(snapshot: &Snapshot, row: &Row, t: MachineNs) -> Arc<str> {
    rows::name_at(&snapshot.names, &row.key(), row.names(), t)
}

fn is_of(kind: RowKind, wanted: RowsKind) -> bool {
    match wanted {
        RowsKind::Threads => kind == RowKind::Thread,
        RowsKind::Cpus => kind == RowKind::Cpu,
        RowsKind::Irqs => matches!(kind, RowKind::Irq | RowKind::Softirq),
        // Those are not rows of a machine alone.
        RowsKind::Vcpus | RowsKind::VmThreads => false,
    }
}

fn is_of_vm(kind: RowKind) -> bool {
    matches!(kind, RowKind::Vcpu | RowKind::VmThread)
}

/// States of joined rows in which somebody else had the CPU.
fn blames(state: State) -> bool {
    matches!(state, State::Preempted | State::WaitingCpu | State::PreemptedByHost)
}

/// The vCPUs of a host, joined with what their guests tell where that is known.
fn vcpu_rows<'a>(view: &'a VmView, host: &'a MachineView) -> impl Iterator<Item = Shown<'a>> {
    let of_host = view.model.vms.iter().filter(|vm| vm.host == host.id);
    of_host.flat_map(|vm| vm.vcpus.iter().map(move |vcpu| (vm, vcpu))).filter_map(|(vm, vcpu)| {
        let own = host.store.find(&vcpu.key).and_then(|id| host.store.row(id)).map(|r| &**r);
        let joined = view.vcpu_row(vm, vcpu).and_then(|id| view.truth(vm.host)?.row(id)).map(|r| &**r);
        Some(Shown { row: joined.or(own)?, own, id: format!("{}/{}", vm.name, vcpu.number), vm: Some(&vm.name) })
    })
}

/// The threads of a guest as they really were.
fn thread_rows<'a>(view: &'a VmView, guest: &'a MachineView) -> Vec<Shown<'a>> {
    let Some(truth) = view.truth(guest.id) else { return Vec::new() };
    let mut rows: Vec<&Row> = truth.rows().map(|r| &**r).filter(|r| r.key().kind == RowKind::VmThread).collect();
    rows.sort_by_key(|r| r.key());
    rows.into_iter().map(|row| thread_row(view, guest, row)).collect()
}

fn thread_row<'a>(view: &'a VmView, guest: &'a MachineView, row: &'a Row) -> Shown<'a> {
    let vm = view.model.vm_of_guest(guest.id).map(|(_, vm)| vm.name.as_str());
    let own = guest.store.find(&RowKey { kind: RowKind::Thread, ..row.key() });
    let own = own.and_then(|id| guest.store.row(id)).map(|r| &**r);
    Shown { row, own, id: row.key().to_string(), vm }
}

/// Thread and CPU of an interval, as far as the row and its look say.
fn tid_and_cpu(shown: &Shown<'_>, it: &Interval) -> (Option<Tid>, Cpu) {
    let key = shown.row.key();
    rows::thread_and_cpu(&key, it, is_of_vm(key.kind) || key.kind == RowKind::PhysicalCpu, shown.own)
}

impl Window {
    /// The instant of `--at`, as an empty window.
    fn at(args: &crate::headless::args::Common, at: &str, snapshot: &Snapshot) -> anyhow::Result<Self> {
        let mut args = args.clone();
        args.from = Some(at.to_owned());
        args.to = Some(at.to_owned());
        Self::new(&args, snapshot)
    }
}
