//! `exits`: why and how often each vCPU left its guest, and what that took.

use serde_json::{Value, json};
use stratoscope_core::query::time::duration;
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::VmView;
use stratoscope_core::vm::exits::{self, ExitStats, ExitTimes, Host};
use stratoscope_core::vocab::{Cancel, Dur};

use crate::headless::Outcome;
use crate::headless::args::Common;
use crate::headless::output::{Output, integer};
use crate::headless::table::Table;
use crate::headless::time::Window;
use crate::headless::virt::Asked;

/// A time that is told of exits: how its column is called, its key for programs, and which it is.
pub(crate) type Figure = (&'static str, &'static str, fn(&ExitTimes) -> Dur);

/// All of them, in the order of the columns of every table of exits.
pub(crate) const FIGURES: [Figure; 7] = [
    ("Total", "total_ns", |t| t.total),
    ("Min", "min_ns", |t| t.min),
    ("Mean", "mean_ns", |t| t.mean),
    ("p50", "p50_ns", |t| t.p50),
    ("p99", "p99_ns", |t| t.p99),
    ("Max", "max_ns", |t| t.max),
    ("Off CPU", "off_cpu_ns", |t| t.off_cpu),
];

/// Prints one object (or row) a VM, vCPU and reason.
///
/// # Errors
/// A wrong instant or expression, or what the output says.
pub(super) fn run(args: &Common) -> anyhow::Result<Outcome> {
    let asked = Asked::new(args)?;
    let (snapshot, window) = (&asked.snapshot, &asked.window);
    let mut out = Output::new(args.json, args.limit);
    let mut table =
        Table::new(&["<VM", "vCPU", "<reason", "count", "total", "min", "mean", "p50", "p99", "max", "off CPU"]);
    'all: for (view, host) in hosts(snapshot) {
        let of = Host { machine: host.id, store: &host.store, range: window.on(host) };
        for stats in exits::statistics(&view.model, &of, &Cancel::default())? {
            let object = object(view, host, window, &stats);
            if !table.tell(&mut out, asked.filter.as_ref(), &object, || cells(view, &stats))? {
                break 'all;
            }
        }
    }
    table.print(&mut out)?;
    asked.finish(out, args.quiet)
}

fn hosts(snapshot: &Snapshot) -> Vec<(&VmView, &MachineView)> {
    let Some(view) = snapshot.vm.as_deref() else { return Vec::new() };
    exits::hosts(&view.model).into_iter().filter_map(|id| Some((view, &**snapshot.machine(id)?))).collect()
}

fn object(view: &VmView, host: &MachineView, window: &Window, stats: &ExitStats) -> Value {
    let key = stats.key;
    let vm = view.model.vms.get(key.vm);
    let vcpu = vm.and_then(|vm| vm.vcpus.get(key.vcpu));
    let times = stats.times.as_ref();
    let mut object = json!({
        "type": "exit",
        "vm": vm.map(|vm| vm.name.as_str()),
        "vcpu": vcpu.map(|v| v.number),
        "host_tid": vcpu.map(|v| v.tid.0),
        "isa": reasons::isa_name(key.isa),
        "reason": reasons::name(key.isa, key.code),
        "code": key.code,
        "count": stats.count,
        "incomplete": stats.incomplete,
        "longest_at_ns": times.map(|t| integer(window.print(host, t.longest.begin()))),
    });
    for (_, key, get) in FIGURES {
        object[key] = times.map(|t| get(t).0).into();
    }
    object
}

fn cells(view: &VmView, stats: &ExitStats) -> Vec<String> {
    let key = stats.key;
    let vm = view.model.vms.get(key.vm);
    let vcpu = vm.and_then(|vm| vm.vcpus.get(key.vcpu));
    let times = stats.times.as_ref();
    let mut cells = vec![
        vm.map_or_else(String::new, |vm| vm.name.clone()),
        vcpu.map_or_else(String::new, |v| v.number.to_string()),
        reasons::name(key.isa, key.code).into_owned(),
        stats.count.to_string(),
    ];
    let length = |(_, _, get): Figure| times.map_or_else(|| "-".to_owned(), |t| duration(get(t).0));
    cells.extend(FIGURES.map(length));
    cells
}
