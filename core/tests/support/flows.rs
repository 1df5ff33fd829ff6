//! Flows as data: machines made of events in the notation, and paths as lines of text.

use std::fmt::Write as _;
use std::sync::Arc;

use stratoscope_core::flow::{ArrowKind, FlowInput, FlowMachine, Follower, Path, Worker};
use stratoscope_core::kernel::{Kernel, KernelOptions};
use stratoscope_core::links::{Links, LinksOptions, Messages};
use stratoscope_core::store::{Extents, MachineStore, StoreOptions, StoreSnapshot};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{
    Cancel, Event, Interner, MachineId, MachineNs, ProblemLog, RefNs, RowId, RowKey, Tid, TimeRange,
};

use super::notation::{Line, parse};

/// A machine after its last event.
pub(crate) struct Machine {
    pub(crate) store: Arc<StoreSnapshot>,
    pub(crate) lost: Vec<TimeRange<MachineNs>>,
}

/// Runs events through all that flows need; the trace ends a nanosecond after the last of them.
pub(crate) fn machine(lines: &[Line], names: &Arc<Interner>, extents: &Extents) -> Machine {
    let mut store = MachineStore::new(extents);
    let mut kernel = Kernel::new(KernelOptions { kernel_release: Some("6.1.0".to_owned()), names: Arc::clone(names) });
    let (mut links, mut messages) = (Links::new(LinksOptions::default()), Messages::new(Arc::clone(names)));
    let (mut lost, mut end) = (Vec::new(), MachineNs::MIN);
    for line in lines {
        match line {
            Line::Event(event) => {
                end = MachineNs(event.t.0 + 1);
                feed(event, &mut kernel, &mut links, &mut messages, &mut store);
            }
            Line::Lost(cpu, loss) => {
                lost.push(loss.range);
                kernel.lost(*cpu, loss, &mut store);
            }
        }
    }
    kernel.finish(end, &mut store);
    Machine { store: store.snapshot(end), lost }
}

fn feed(event: &Event, kernel: &mut Kernel, links: &mut Links, messages: &mut Messages, store: &mut MachineStore) {
    kernel.event(event, store);
    links.event(event, kernel, store);
    messages.event(event, kernel, store);
}

/// The same of a text.
pub(crate) fn machine_of(text: &str, names: &Arc<Interner>, extents: &Extents) -> Machine {
    let mut lines = parse(text, names);
    // Cases tell one CPU after the other.
    lines.sort_by_key(|line| match line {
        Line::Event(event) => event.t,
        Line::Lost(_, loss) => loss.range.begin,
    });
    machine(&lines, names, extents)
}

/// Machines as flows need them, all on one clock.
pub(crate) fn flow_machines<'a>(machines: &'a [(&'a str, Machine)]) -> Vec<FlowMachine<'a>> {
    let number = |n: usize| MachineId(u16::try_from(n).unwrap());
    let each = machines.iter().enumerate();
    each.map(|(n, (name, m))| FlowMachine {
        id: number(n),
        name,
        store: &m.store,
        map: ClockMap::IDENTITY,
        lost: &m.lost,
    })
    .collect()
}

/// The worker of that tid (its first use).
pub(crate) fn worker(machines: &[FlowMachine<'_>], machine: usize, tid: i32) -> Worker {
    let row = machines[machine].store.find(&RowKey::thread(Tid(tid), 0)).unwrap();
    Worker { machine: machines[machine].id, row }
}

/// The path of a thread of the first machine, as text.
pub(crate) fn path_text(texts: &[&str], tid: i32) -> String {
    let (names, extents) =
        (Arc::new(Interner::default()), Extents::new(&StoreOptions::default(), ProblemLog::default()));
    let machines: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| (["a", "b", "c"][n], machine_of(text, &names, &extents))).collect();
    let machines = flow_machines(&machines);
    let cancel = Cancel::default();
    let input = FlowInput { machines: &machines, view: None, names: &names, cancel: &cancel };
    let mut follower = Follower::new(input);
    let task = worker(&machines, 0, tid);
    let window = follower.existing(task, TimeRange::ALWAYS);
    let path = follower.path(task, window).unwrap();
    check(&path, window);
    let who = |w: Worker| {
        let machine = &machines[usize::from(w.machine.0)];
        let tid = machine.store.row(w.row).unwrap().key().id;
        if texts.len() > 1 { format!("{}/{tid}", machine.name) } else { tid.to_string() }
    };
    text(&path, who, &|name| names.text(name).to_string())
}

/// Steps and jumps, one a line, in order of time.
pub(crate) fn text(
    path: &Path,
    who: impl Fn(Worker) -> String,
    name: &dyn Fn(stratoscope_core::vocab::Name) -> String,
) -> String {
    let mut lines: Vec<(RefNs, RefNs, String)> = Vec::new();
    for step in &path.steps {
        let mut line =
            format!("{} {}..{} {}", who(step.worker), step.range.begin.0, step.range.end.0, step.kind.name());
        if !step.detail.is_none() {
            write!(line, " ({})", name(step.detail)).unwrap();
        }
        lines.push((step.range.end, step.range.begin, line));
    }
    for jump in &path.jumps {
        let (from, to) = (jump.from, jump.to);
        let word = if jump.kind == ArrowKind::Wakeup { String::new() } else { format!(" {}", jump.kind.name()) };
        lines.push((to.1, to.1, format!("{} @{} -> {} @{}{word}", who(from.0), from.1.0, who(to.0), to.1.0)));
    }
    lines.sort_by_key(|l| (l.0, l.1));
    lines.into_iter().map(|l| l.2 + "\n").collect()
}

/// Steps and jumps cover the window: no gap, no overlap, and each jump leads from one to the next.
pub(crate) fn check(path: &Path, window: TimeRange<RefNs>) {
    let mut at = window.begin;
    let mut jumps = path.jumps.iter().peekable();
    let mut on: Option<Worker> = None;
    for step in &path.steps {
        while let Some(jump) = jumps.next_if(|j| j.from.1 == at) {
            assert!(on.is_none_or(|w| w == jump.from.0), "{jump:?} leads from somebody else");
            assert!(jump.to.1 >= jump.from.1, "{jump:?} goes back in time");
            (on, at) = (Some(jump.to.0), jump.to.1);
        }
        assert_eq!(step.range.begin, at, "a gap or an overlap before {step:?} in {path:#?}");
        assert!(step.range.begin < step.range.end);
        assert!(on.is_none_or(|w| w == step.worker), "no jump leads to {step:?}");
        (on, at) = (Some(step.worker), step.range.end);
    }
    for jump in jumps {
        assert_eq!(jump.from.1, at, "{jump:?}");
        at = jump.to.1;
    }
    assert!(at == window.end || path.steps.is_empty(), "it ends at {} instead of {}", at.0, window.end.0);
}

/// A worker of a graph that no machine is behind.
pub(crate) fn numbered(n: u32) -> Worker {
    Worker { machine: MachineId(0), row: RowId(n) }
}
