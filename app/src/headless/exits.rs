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
use crate::headless::time::Window;
use crate::headless::virt::{Asked, Table, wanted};

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
            if !wanted(asked.filter.as_ref(), &object) {
                continue;
            }
            if !out.is_json() {
                table.row(cells(view, &stats));
            } else if !out.line(&object.to_string())? {
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
    let ns = |get: fn(&ExitTimes) -> Dur| times.map(|t| get(t).0);
    json!({
        "type": "exit",
        "vm": vm.map(|vm| vm.name.as_str()),
        "vcpu": vcpu.map(|v| v.number),
        "host_tid": vcpu.map(|v| v.tid.0),
        "isa": reasons::isa_name(key.isa),
        "reason": reasons::name(key.isa, key.code),
        "code": key.code,
        "count": stats.count,
        "incomplete": stats.incomplete,
        "total_ns": ns(|t| t.total),
        "min_ns": ns(|t| t.min),
        "mean_ns": ns(|t| t.mean),
        "p50_ns": ns(|t| t.p50),
        "p99_ns": ns(|t| t.p99),
        "max_ns": ns(|t| t.max),
        "off_cpu_ns": ns(|t| t.off_cpu),
        "longest_at_ns": times.map(|t| integer(window.print(host, t.longest.begin()))),
    })
}

fn cells(view: &VmView, stats: &ExitStats) -> Vec<String> {
    let key = stats.key;
    let vm = view.model.vms.get(key.vm);
    let vcpu = vm.and_then(|vm| vm.vcpus.get(key.vcpu));
    let times = stats.times.as_ref();
    let length = |get: fn(&ExitTimes) -> Dur| times.map_or_else(|| "-".to_owned(), |t| duration(get(t).0));
    vec![
        vm.map_or_else(String::new, |vm| vm.name.clone()),
        vcpu.map_or_else(String::new, |v| v.number.to_string()),
        reasons::name(key.isa, key.code).into_owned(),
        stats.count.to_string(),
        length(|t| t.total),
        length(|t| t.min),
        length(|t| t.mean),
        length(|t| t.p50),
        length(|t| t.p99),
        length(|t| t.max),
        length(|t| t.off_cpu),
    ]
}
