//! Trees of made-up scenes, as lists of what a screen reader says.

use super::*;
use crate::window::timeline::{fake, fake_vm};

fn names(tree: &Tree, toggled: &BTreeSet<RowRef>) -> Vec<String> {
    let visible = Visible::new(tree, toggled, &[], false);
    visible.rows.iter().map(|r| format!("{}{}", "  ".repeat(r.depth as usize), tree.node(r.node).spoken())).collect()
}

#[test]
fn processes_hold_their_threads_and_children_and_kernel_threads_are_folded() {
    let scene = fake::small();
    let tree = Tree::new(&scene, RowSet::ControlFlow, None, Sort::Tid);
    assert_eq!(
        names(&tree, &BTreeSet::new()),
        [
            "thread systemd 1",
            "thread bash 100",
            "  thread make 200",
            "    thread cc1 300",
            "thread qemu 400",
            "  thread CPU 0/KVM 401",
            "kernel threads",
        ]
    );
    let folder = RowRef { machine: MachineId(0), key: RowKey::thread(KTHREADD, 0) };
    let make = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(200), 0) };
    let toggled = names(&tree, &[folder, make].into());
    assert!(toggled.contains(&"  thread kworker/0:1 20".to_owned()), "{toggled:?}");
    assert!(!toggled.iter().any(|n| n.contains("cc1")), "{toggled:?}");
}

#[test]
fn sorting_by_cpu_time_counts_children() {
    let scene = fake::small();
    let tree = Tree::new(&scene, RowSet::ControlFlow, None, Sort::CpuTime);
    let shown = names(&tree, &BTreeSet::new());
    let place = |name: &str| shown.iter().position(|n| n.contains(name)).unwrap();
    assert!(place("bash") < place("systemd"), "{shown:?}");
}

#[test]
fn sorting_by_wake_ups_counts_children() {
    let mut scene = fake::small();
    let place = |scene: &Scene, name: &str| {
        let tree = Tree::new(scene, RowSet::ControlFlow, None, Sort::WakeUps);
        let shown = names(&tree, &BTreeSet::new());
        shown.iter().position(|n| n.contains(name)).unwrap_or_else(|| panic!("{name} in {shown:?}"))
    };
    let woken = |scene: &mut Scene, tid: i32, times: u64| {
        let id = scene.machines[0].by_key[&RowKey::thread(Tid(tid), 0)];
        Arc::make_mut(&mut scene.machines[0].rows)[id.0 as usize].woken = times;
    };
    woken(&mut scene, 1, 5);
    woken(&mut scene, 401, 9);
    assert!(place(&scene, "qemu") < place(&scene, "systemd") && place(&scene, "systemd") < place(&scene, "bash"));
    woken(&mut scene, 300, 100);
    assert!(place(&scene, "bash") < place(&scene, "qemu"), "the compiler is the shell's grandchild");
    // While traces are read only a doubling moves a row.
    scene.complete = false;
    woken(&mut scene, 401, 127);
    assert!(place(&scene, "bash") < place(&scene, "qemu"));
    woken(&mut scene, 401, 128);
    assert!(place(&scene, "qemu") < place(&scene, "bash"));
}

#[test]
fn cpus_hold_their_interrupts() {
    let scene = fake::small();
    let tree = Tree::new(&scene, RowSet::Resources, None, Sort::Tid);
    assert_eq!(names(&tree, &BTreeSet::new()), ["CPU 0", "CPU 1"]);
    let cpu = RowRef { machine: MachineId(0), key: RowKey::cpu(Cpu(0)) };
    assert_eq!(
        names(&tree, &[cpu].into()),
        ["CPU 0", "  IRQ 14 ata_piix on CPU 0", "  softirq network receive on CPU 0", "CPU 1"]
    );
}

#[test]
fn virtual_machines_hold_vcpus_and_these_the_tasks() {
    let scene = fake_vm::joined();
    let tree = Tree::new(&scene, RowSet::VirtualMachines, None, Sort::CpuTime);
    assert_eq!(
        names(&tree, &BTreeSet::new()),
        [
            "VM guest-a",
            "vCPU 0 of guest-a",
            "  task critical 219",
            "  task lttng-consumerd 165",
            "VM guest-b",
            "vCPU 0 of guest-b",
            "  task burner-b 300",
            "  task sleepy-b 301",
        ]
    );
    let tree = Tree::new(&scene, RowSet::PhysicalCpus, None, Sort::CpuTime);
    assert_eq!(names(&tree, &BTreeSet::new()), ["physical CPU 0", "physical CPU 1"]);
}

#[test]
fn vcpus_that_are_not_joined_yet_stand_below_their_processes() {
    let mut scene = fake::fighting();
    let row = scene.machines[0].rows[scene.machines[0].by_key[&RowKey::thread(Tid(184), 0)].0 as usize].clone();
    let key = RowKey::vcpu(Tid(184), 0);
    scene.machines[0].add(SceneRow { key, ..row });
    let tree = Tree::new(&scene, RowSet::VirtualMachines, None, Sort::CpuTime);
    assert_eq!(names(&tree, &BTreeSet::new()), ["VM qemu guest-a 181", "vCPU thread CPU 0/KVM 184"]);
}

#[test]
fn rings_of_parents_end() {
    let scene = fake::ring();
    let tree = Tree::new(&scene, RowSet::ControlFlow, None, Sort::CpuTime);
    assert_eq!(names(&tree, &BTreeSet::new()).len(), 2);
}

#[test]
fn places_are_found_by_height() {
    let scene = fake::small();
    let tree = Tree::new(&scene, RowSet::ControlFlow, None, Sort::Tid);
    let visible = Visible::new(&tree, &BTreeSet::new(), &[], false);
    assert_eq!(visible.at(0.0), visible.rows.first());
    assert_eq!(visible.at(20.0), visible.rows.get(1));
    assert_eq!(visible.at(-1.0), None);
    assert_eq!(visible.at(1e6), None);
    assert_eq!(visible.between(19.0, 41.0).len(), 3);
}

#[test]
fn pinned_rows_stay_where_they_are_and_hide_what_scrolls_under_them() {
    let scene = fake::small();
    let tree = Tree::new(&scene, RowSet::ControlFlow, None, Sort::Tid);
    let plain = Visible::new(&tree, &BTreeSet::new(), &[], false);
    let last = plain.rows.last().unwrap().node;
    let visible = Visible::ordered(&tree, &BTreeSet::new(), &[], &[last], &[], false);
    let edge = visible.pinned_height();
    let first = visible.rows[visible.pinned + 1].node;
    let middle = visible.of(first).map(|r| r.y + r.height / 2.0).unwrap();
    assert_eq!(visible.middle(first, 0.0), Some(middle));
    assert_eq!(visible.middle(first, 5.0), Some(middle - 5.0));
    assert_eq!(visible.middle(first, 500.0), Some(edge));
    assert_eq!(visible.middle(last, 500.0), Some(edge / 2.0));
}
