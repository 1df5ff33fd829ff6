//! The rows of panes about virtual machines: VM → vCPUs → the guest's tasks; the host's CPUs with all that runs on
//! them.
//!
//! Until host and guests are joined, vCPUs stand below the processes that they belong to, and CPUs show what the host
//! knows of them.

use std::sync::Arc;

use stratoscope_core::vm::{LinkBy, Vm};
use stratoscope_core::vocab::{Cpu, MachineId, RowId, RowKey, RowKind, Tid};

use crate::window::command::RowRef;
use crate::window::timeline::rows::{Node, NodeKind, Tree};
use crate::window::timeline::scene::{Scene, SceneMachine};
use crate::window::words;

/// The key that stands for a VM's header: a vCPU that never exists.
fn vm_key(n: usize) -> RowKey {
    RowKey { kind: RowKind::Vcpu, id: -1 - n as i32, cpu: Cpu::UNKNOWN, instance: 0 }
}

/// The key that stands for the folder of a guest's tasks.
fn tasks_key() -> RowKey {
    RowKey { kind: RowKind::VmThread, id: -1, cpu: Cpu::UNKNOWN, instance: 0 }
}

/// Which of a tree's VMs a header stands for: its position in the model.
pub(crate) fn vm_of(node: &Node) -> Option<usize> {
    let vm = node.kind == NodeKind::Machine && node.row.key.kind == RowKind::Vcpu;
    vm.then(|| usize::try_from(-1 - i64::from(node.row.key.id)).ok()).flatten()
}

/// What a VM's header says besides its name.
fn note(scene: &Scene, vm: &Vm) -> String {
    let host = scene.machine(vm.host).map_or("", |m| &m.name);
    match (vm.guest, vm.link) {
        (None, _) => format!("on {host} · only its vCPUs: no trace was recorded inside"),
        (Some(_), Some(link)) if link.is_guess() => format!("on {host} · its trace is known {}", link.words()),
        (
            Some(_),
            Some(LinkBy::Messages | LinkBy::Name | LinkBy::User | LinkBy::Schedules | LinkBy::OnlyOne) | None,
        ) => {
            format!("on {host}")
        }
    }
}

impl Tree {
    /// Every VM of a host, or of all.
    pub(super) fn add_vms(&mut self, scene: &Scene, only: Option<MachineId>) {
        let Some(vm) = &scene.vm else {
            for machine in scene.machines.iter().filter(|m| only.is_none_or(|id| id == m.id)) {
                self.add_processes(scene, machine);
            }
            return;
        };
        let vms = vm.model.vms.iter().enumerate();
        for (n, vm) in vms.filter(|(_, vm)| only.is_none_or(|id| id == vm.host)) {
            let Some(host) = scene.machine(vm.host) else { continue };
            // Its stripe is that of the machine inside, where there is one: so it looks as in other panes.
            let row = RowRef { machine: vm.guest.unwrap_or(vm.host), key: vm_key(n) };
            let header = self.add_header(row, vm.name.as_str().into(), note(scene, vm).into());
            let mut last = None;
            for vcpu in &vm.vcpus {
                let Some(id) = host.by_key.get(&vcpu.key) else { continue };
                let guess = if vcpu.guessed { "?" } else { "" };
                let name = Arc::from(format!("vCPU {}{guess}", vcpu.number));
                let thread = host.row(vcpu.thread).map_or_else(String::new, |r| scene.text(r.name).to_string());
                let row = RowRef { machine: vm.host, key: vcpu.key };
                let aside = format!("{thread} {}", vcpu.tid.0).trim().into();
                let said = words::vcpu_name(vm, vcpu).into();
                let node = Node { aside, said, ..Node::new(NodeKind::Row(*id), row, name, Some(header), true) };
                last = Some(self.add(node));
            }
            if let Some(guest) = vm.guest.and_then(|id| scene.machine(id)) {
                // Tasks move from vCPU to vCPU: with several of them they belong to none.
                let one = last.filter(|_| vm.vcpus.len() == 1);
                self.add_tasks(scene, guest, header, one);
            }
        }
    }

    fn add_header(&mut self, row: RowRef, name: Arc<str>, note: Arc<str>) -> u32 {
        self.add(Node { note, ..Node::new(NodeKind::Machine, row, name, None, true) })
    }

    /// The tasks of a guest below its only vCPU, or in a folder of their own.
    fn add_tasks(&mut self, scene: &Scene, guest: &SceneMachine, header: u32, vcpu: Option<u32>) {
        let mut tasks: Vec<(i64, RowKey, RowId)> = guest
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.key.kind == RowKind::VmThread && row.key.id != 0)
            .map(|(n, row)| (row.busy_ns, row.key, RowId(n as u32)))
            .collect();
        if tasks.is_empty() {
            return;
        }
        tasks.sort_by_key(|(busy, key, _)| (std::cmp::Reverse(*busy), *key));
        let parent = vcpu.unwrap_or_else(|| {
            let row = RowRef { machine: guest.id, key: tasks_key() };
            let said = format!("tasks of {}", guest.name).into();
            self.add(Node { said, ..Node::new(NodeKind::Tasks, row, Arc::from("tasks"), Some(header), true) })
        });
        for (_, _, id) in tasks {
            self.add_row(scene, guest, Some(parent), id, true);
        }
    }

    /// Before anything is joined: vCPUs by their processes.
    fn add_processes(&mut self, scene: &Scene, machine: &SceneMachine) {
        let vcpus = machine.rows.iter().enumerate().filter(|(_, row)| row.key.kind == RowKind::Vcpu);
        let mut by_process: Vec<(Option<Tid>, RowKey, RowId)> =
            vcpus.map(|(n, row)| (row.process, row.key, RowId(n as u32))).collect();
        by_process.sort_unstable();
        let mut header: Option<(Option<Tid>, u32)> = None;
        for (n, (process, key, id)) in by_process.into_iter().enumerate() {
            let parent = match header {
                Some((known, parent)) if known == process => parent,
                _ => {
                    let begin = machine.extent.map(|e| e.begin).unwrap_or_default();
                    let leader = process.and_then(|tid| machine.thread(tid, begin));
                    let name = match (process, leader) {
                        (Some(tid), Some((_, row))) => format!("{} {}", scene.text(row.name), tid.0),
                        (Some(tid), None) => format!("process {}", tid.0),
                        (None, _) => "VM of an unknown process".to_owned(),
                    };
                    let row = RowRef { machine: machine.id, key: vm_key(n) };
                    let parent = self.add_header(row, name.into(), Arc::from(format!("on {}", machine.name)));
                    header = Some((process, parent));
                    parent
                }
            };
            let Some(row) = machine.row(id) else { continue };
            let text = scene.text(row.name);
            let name = if text.is_empty() { Arc::from(format!("vCPU thread {}", key.id)) } else { text };
            let reference = RowRef { machine: machine.id, key };
            let said = format!("vCPU thread {name} {}", key.id).into();
            self.add(Node { said, ..Node::new(NodeKind::Row(id), reference, name, Some(parent), true) });
        }
    }

    /// The CPUs of a host with what runs on them, or, without joined rows, as the host itself knows them.
    pub(super) fn add_physical(&mut self, scene: &Scene, machine: &SceneMachine, parent: Option<u32>) {
        let of_kind = |kind: RowKind| {
            let rows = machine.rows.iter().enumerate().filter(move |(_, row)| row.key.kind == kind);
            let mut rows: Vec<(RowKey, RowId)> = rows.map(|(n, row)| (row.key, RowId(n as u32))).collect();
            rows.sort_unstable();
            rows
        };
        let mut rows = of_kind(RowKind::PhysicalCpu);
        if rows.is_empty() {
            rows = of_kind(RowKind::Cpu);
        }
        for (_, id) in rows {
            self.add_row(scene, machine, parent, id, false);
        }
    }
}

/// Whether a machine enters guests, as far as its rows tell.
pub(crate) fn is_host(machine: &SceneMachine) -> bool {
    machine.rows.iter().any(|row| matches!(row.key.kind, RowKind::Vcpu | RowKind::PhysicalCpu))
}
