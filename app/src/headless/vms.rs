//! `vms`: which virtual machines there are, what each vCPU's time went to, and what of their tasks' time was
//! taken by whom.

use serde_json::{Value, json};
use stratoscope_core::query::WorldMachine;
use stratoscope_core::query::accounts::{Before, VmAccount, accounts};
use stratoscope_core::query::time::duration;
use stratoscope_core::session::{MachineView, Snapshot};
use stratoscope_core::vm::{TaskTimes, VcpuTimes, Vm, VmView};
use stratoscope_core::vocab::Cancel;

use crate::headless::Outcome;
use crate::headless::args::Common;
use crate::headless::output::{Output, integer};
use crate::headless::table::{Table, percent, tell};
use crate::headless::virt::{Asked, takers_json, takers_text};

/// Prints one object (or paragraph) a VM, vCPU and task.
///
/// # Errors
/// A wrong instant or expression, or what the output says.
pub(super) fn run(args: &Common) -> anyhow::Result<Outcome> {
    let asked = Asked::new(args)?;
    let snapshot = &*asked.snapshot;
    let mut out = Output::new(args.json, args.limit);
    if let Some(view) = &snapshot.vm {
        let printer = Printer { snapshot, view, asked: &asked };
        let range = |machine: &WorldMachine| {
            let of = snapshot.machine(machine.id).map(|m| asked.window.on(m));
            of.unwrap_or(machine.extent)
        };
        for account in accounts(&snapshot.world(), &range, Before::Counts, &Cancel::default())? {
            if !printer.vm(&account, &mut out)? {
                break;
            }
        }
    }
    asked.finish(out, args.quiet)
}

struct Printer<'a> {
    snapshot: &'a Snapshot,
    view: &'a VmView,
    asked: &'a Asked,
}

impl Printer<'_> {
    fn vm(&self, account: &VmAccount, out: &mut Output) -> anyhow::Result<bool> {
        let Some(vm) = self.view.model.vms.get(account.vm) else { return Ok(true) };
        let Some(host) = self.snapshot.machine(vm.host) else { return Ok(true) };
        let guest = vm.guest.and_then(|id| self.snapshot.machine(id));
        let times = &account.times;
        let object = json!({
            "type": "vm",
            "vm": vm.name,
            "host": host.name,
            "host_pid": vm.host_pid.map(|pid| pid.0),
            "guest": guest.map(|g| g.name.clone()),
            "known_by": vm.link.map(|link| link.words()),
            "guess": vm.link.is_some_and(|link| link.is_guess()),
            "vcpus": vm.vcpus.len(),
            "guest_ns": times.guest.0,
            "hypervisor_ns": (times.vmm + times.vmm_user).0,
            "stolen_ns": times.stolen().0,
            "halted_ns": times.halted.0,
            "unknown_ns": times.unknown.0,
            "steal": times.steal(),
            "overhead": times.overhead(),
            "stolen_by": takers_json(self.snapshot, &account.taken.by),
        });
        let words = || headline(vm, host, guest.map(|g| &**g), times);
        if !tell(out, self.asked.filter.as_ref(), &object, words)? {
            return Ok(false);
        }
        if !self.vcpus(account, vm, host, out)? || !self.tasks(account, vm, out)? {
            return Ok(false);
        }
        Ok(out.is_json() || out.line("")?)
    }

    fn vcpus(&self, account: &VmAccount, vm: &Vm, host: &MachineView, out: &mut Output) -> anyhow::Result<bool> {
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
            "<stolen by",
        ]);
        for one in &account.vcpus {
            let Some(vcpu) = vm.vcpus.get(one.vcpu) else { continue };
            let (range, times) = (one.range, &one.times);
            let begin = self.asked.window.print(host, range.begin);
            let object = json!({
                "type": "vcpu",
                "vm": vm.name,
                "vcpu": vcpu.number,
                "guessed": vcpu.guessed,
                "host_tid": vcpu.tid.0,
                "begin_ns": integer(begin),
                "end_ns": integer(begin + i128::from(range.length().0)),
                "guest_ns": times.guest.0,
                "vmm_ns": times.vmm.0,
                "vmm_user_ns": times.vmm_user.0,
                "preempted_ns": times.preempted.0,
                "waiting_cpu_ns": times.waiting_cpu.0,
                "halted_ns": times.halted.0,
                "unknown_ns": times.unknown.0,
                "steal": times.steal(),
                "overhead": times.overhead(),
                "migrations": one.migrations,
                "stolen_by": takers_json(self.snapshot, &one.taken.by),
            });
            let cells = || {
                let of = duration(range.length().0);
                let mut cells =
                    vcpu_cells([vcpu.number.to_string(), vcpu.tid.0.to_string(), of], times, one.migrations);
                cells.push(takers_text(self.snapshot, &one.taken.by));
                cells
            };
            if !table.tell(out, self.asked.filter.as_ref(), &object, cells)? {
                return Ok(false);
            }
        }
        Ok(table.print(out)?)
    }

    fn tasks(&self, account: &VmAccount, vm: &Vm, out: &mut Output) -> anyhow::Result<bool> {
        let Some(guest) = vm.guest.and_then(|id| self.snapshot.machine(id)) else { return Ok(true) };
        let mut table =
            Table::new(&["   task", "<name", "perceived", "real", "hypervisor", "stolen", "unknown", "<stolen by"]);
        for task in account.tasks.iter().map(|task| &task.times) {
            let object = self.task_json(vm, guest, task);
            if !table.tell(out, self.asked.filter.as_ref(), &object, || self.task_cells(task))? {
                return Ok(false);
            }
        }
        Ok(table.print(out)?)
    }

    fn task_json(&self, vm: &Vm, guest: &MachineView, task: &TaskTimes) -> Value {
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
            "stolen_by": takers_json(self.snapshot, &task.stolen_by),
        })
    }

    fn task_cells(&self, task: &TaskTimes) -> Vec<String> {
        vec![
            task.tid().0.to_string(),
            self.snapshot.names.text(task.name).to_string(),
            duration(task.perceived().0),
            duration(task.real.0),
            duration(task.hypervisor.0),
            duration(task.stolen.0),
            duration(task.unknown.0),
            takers_text(self.snapshot, &task.stolen_by),
        ]
    }
}

fn headline(vm: &Vm, host: &MachineView, guest: Option<&MachineView>, times: &VcpuTimes) -> String {
    let process = vm.host_pid.map_or_else(String::new, |pid| format!(", process {}", pid.0));
    let inside = match (guest, vm.link) {
        (Some(guest), Some(link)) => format!("guest {}, known {}", guest.name, link.words()),
        (Some(guest), None) => format!("guest {}", guest.name),
        (None, _) => "no trace of the guest".to_owned(),
    };
    let stolen = format!("{} ({}) stolen", duration(times.stolen().0), percent(times.steal()));
    format!("{} on {}{process}; {inside}; {stolen}", vm.name, host.name)
}

fn vcpu_cells(head: [String; 3], times: &VcpuTimes, migrations: u64) -> Vec<String> {
    let total = times.total().0.max(1) as f64;
    let seven =
        [times.guest, times.vmm, times.vmm_user, times.preempted, times.waiting_cpu, times.halted, times.unknown];
    let shares = seven.into_iter().map(|time| percent(time.0 as f64 / total));
    let tail = [percent(times.steal()), percent(times.overhead()), migrations.to_string()];
    head.into_iter().chain(shares).chain(tail).collect()
}
