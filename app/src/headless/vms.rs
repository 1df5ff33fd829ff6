//! `vms`: which virtual machines there are, what each vCPU's time went to, and what of their tasks' time was
//! taken by whom.

use serde_json::{Value, json};
use stratoscope_core::query::Matcher;
use stratoscope_core::query::time::duration;
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::vm::{self, TaskTimes, VcpuTimes, Vm, VmView};
use stratoscope_core::vocab::{Cancel, MachineNs, TimeRange};

use crate::headless::args::Common;
use crate::headless::output::{Output, integer};
use crate::headless::time::{Window, base};
use crate::headless::virt::{Table, notes, percent, wanted, who_json, who_text};
use crate::headless::{Outcome, open, parse_filter, wait};

/// Prints one object (or paragraph) a VM, vCPU and task.
///
/// # Errors
/// A wrong instant or expression, or what the output says.
pub(super) fn run(args: &Common) -> anyhow::Result<Outcome> {
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let session = open(args, true)?;
    wait(&session, args.quiet);
    let snapshot = session.wait();
    let window = Window::new(args, &snapshot)?;
    let filter = filter.map(|f| f.bind(&base(&snapshot)));
    let mut out = Output::new(args.json, args.limit);
    if let Some(view) = &snapshot.vm {
        let printer = Printer { snapshot: &snapshot, view, window: &window, filter };
        for number in 0..view.model.vms.len() {
            if !printer.vm(number, &mut out)? {
                break;
            }
        }
    }
    let mut problems = session.problems().all();
    problems.extend(notes(&snapshot));
    out.problems(&problems, args.quiet)?;
    out.finish()?;
    Ok(Outcome::of(&problems, !snapshot.traces.is_empty()))
}

struct Printer<'a> {
    snapshot: &'a Snapshot,
    view: &'a VmView,
    window: &'a Window,
    filter: Option<Matcher>,
}

impl Printer<'_> {
    fn vm(&self, number: usize, out: &mut Output) -> anyhow::Result<bool> {
        let Some(vm) = self.view.model.vms.get(number) else { return Ok(true) };
        let Some(host) = self.snapshot.machine(vm.host) else { return Ok(true) };
        let guest = vm.guest.and_then(|id| self.snapshot.machine(id));
        let object = json!({
            "type": "vm",
            "vm": vm.name,
            "host": host.name,
            "host_pid": vm.host_pid.map(|pid| pid.0),
            "guest": guest.map(|g| g.name.clone()),
            "known_by": vm.link.map(|link| link.words()),
            "guess": vm.link.is_some_and(|link| link.is_guess()),
            "vcpus": vm.vcpus.len(),
        });
        if wanted(self.filter.as_ref(), &object) {
            let line = if out.is_json() { object.to_string() } else { headline(vm, host, guest.map(|g| &**g)) };
            if !out.line(&line)? {
                return Ok(false);
            }
        }
        if !self.vcpus(number, vm, host, out)? || !self.tasks(vm, out)? {
            return Ok(false);
        }
        Ok(out.is_json() || out.line("")?)
    }

    fn vcpus(&self, number: usize, vm: &Vm, host: &MachineView, out: &mut Output) -> anyhow::Result<bool> {
        let mut table = Table::new(&[
            "  vCPU",
            "thread",
            "of",
            "guest",
            "vmm",
            "vmm-user",
            "preempted",
            "waiting",
            "halted",
            "unknown",
            "steal",
            "overhead",
            "moves",
        ]);
        let extent = host.extent.unwrap_or_else(|| TimeRange::new(MachineNs(0), host.watermark));
        for (position, vcpu) in vm.vcpus.iter().enumerate() {
            let range = vm::account_range(self.view, (number, position), self.window.on(host), extent);
            let times = self.view.vcpu_times(vm, vcpu, range);
            let migrations = vm::migrations(&host.store, vcpu, range);
            let object = json!({
                "type": "vcpu",
                "vm": vm.name,
                "vcpu": vcpu.number,
                "guessed": vcpu.guessed,
                "host_tid": vcpu.tid.0,
                "begin_ns": integer(self.window.print(host, range.begin)),
                "end_ns": integer(self.window.print(host, range.begin) + i128::from(range.length().0)),
                "guest_ns": times.guest.0,
                "vmm_ns": times.vmm.0,
                "vmm_user_ns": times.vmm_user.0,
                "preempted_ns": times.preempted.0,
                "waiting_cpu_ns": times.waiting_cpu.0,
                "halted_ns": times.halted.0,
                "unknown_ns": times.unknown.0,
                "steal": times.steal(),
                "overhead": times.overhead(),
                "migrations": migrations,
            });
            if !wanted(self.filter.as_ref(), &object) {
                continue;
            }
            if out.is_json() {
                if !out.line(&object.to_string())? {
                    return Ok(false);
                }
            } else {
                let of = duration(range.length().0);
                table.row(vcpu_cells([vcpu.number.to_string(), vcpu.tid.0.to_string(), of], &times, migrations));
            }
        }
        Ok(table.print(out)?)
    }

    fn tasks(&self, vm: &Vm, out: &mut Output) -> anyhow::Result<bool> {
        let Some(guest) = vm.guest.and_then(|id| self.snapshot.machine(id)) else { return Ok(true) };
        let mut table =
            Table::new(&["   task", "<name", "perceived", "real", "hypervisor", "stolen", "unknown", "<stolen by"]);
        let range = self.window.on(guest);
        let names = &self.snapshot.names;
        for task in vm::tasks(self.view, guest.id, &guest.store, range, names, &Cancel::default())? {
            let object = self.task_json(vm, guest, &task);
            if !wanted(self.filter.as_ref(), &object) {
                continue;
            }
            if out.is_json() {
                if !out.line(&object.to_string())? {
                    return Ok(false);
                }
            } else {
                table.row(self.task_cells(&task));
            }
        }
        Ok(table.print(out)?)
    }

    fn task_json(&self, vm: &Vm, guest: &MachineView, task: &TaskTimes) -> Value {
        let by = task.stolen_by.iter().map(|(who, time)| {
            let mut object = who_json(self.snapshot, *who);
            object.insert("ns".to_owned(), time.0.into());
            Value::Object(object)
        });
        json!({
            "type": "task",
            "vm": vm.name,
            "machine": guest.name,
            "tid": task.tid().0,
            "instance": task.key.instance,
            "name": self.snapshot.names.text(task.name).to_string(),
            "perceived_ns": task.perceived().0,
            "real_ns": task.real.0,
            "hypervisor_ns": task.hypervisor.0,
            "stolen_ns": task.stolen.0,
            "unknown_ns": task.unknown.0,
            "stolen_by": by.collect::<Vec<_>>(),
        })
    }

    fn task_cells(&self, task: &TaskTimes) -> Vec<String> {
        // Three names say who it was; the rest is in the objects.
        let by = task.stolen_by.iter().take(3);
        let by = by.map(|(who, time)| format!("{} {}", who_text(self.snapshot, *who), duration(time.0)));
        vec![
            task.tid().0.to_string(),
            self.snapshot.names.text(task.name).to_string(),
            duration(task.perceived().0),
            duration(task.real.0),
            duration(task.hypervisor.0),
            duration(task.stolen.0),
            duration(task.unknown.0),
            by.collect::<Vec<_>>().join(", "),
        ]
    }
}

fn headline(vm: &Vm, host: &MachineView, guest: Option<&MachineView>) -> String {
    let process = vm.host_pid.map_or_else(String::new, |pid| format!(", process {}", pid.0));
    let inside = match (guest, vm.link) {
        (Some(guest), Some(link)) => format!("guest {}, known {}", guest.name, link.words()),
        (Some(guest), None) => format!("guest {}", guest.name),
        (None, _) => "no trace of the guest".to_owned(),
    };
    format!("{} on {}{process}; {inside}", vm.name, host.name)
}

fn vcpu_cells(head: [String; 3], times: &VcpuTimes, migrations: u64) -> Vec<String> {
    let total = times.total().0.max(1) as f64;
    let seven =
        [times.guest, times.vmm, times.vmm_user, times.preempted, times.waiting_cpu, times.halted, times.unknown];
    let shares = seven.into_iter().map(|time| percent(time.0 as f64 / total));
    let tail = [percent(times.steal()), percent(times.overhead()), migrations.to_string()];
    head.into_iter().chain(shares).chain(tail).collect()
}
