//! The vectors of Trace Compass' virtual machine analyses (`OneQemuKvm`): one host, one guest, one vCPU, and
//! what they say of it, in our terms. Where we differ on purpose the test says so.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::fmt::Write as _;
use std::sync::Arc;

use stratoscope_core::kernel::{Kernel, KernelOptions};
use stratoscope_core::store::{Extents, Look, MachineStore, Row, StoreOptions, StoreSnapshot};
use stratoscope_core::sync::{ClockMap, VmLink};
use stratoscope_core::vcpu::{VcpuThread, Vcpus};
use stratoscope_core::vm::{self, LinkBy, MachineFacts, TruthInput, VmView};
use stratoscope_core::vocab::{
    Cancel, Cpu, Event, Interner, KernelEvent, MachineId, MachineNs, Name, ProblemLog, RowKey, RowKind, Tid, TimeRange,
};

/// Thread 31 is the vCPU's, thread 30 somebody else.
const HOST: &str = "1 switch 30 31; 5 entry; 45 exit 32; 60 entry; 95 exit 32; 100 switch 31 30; 150 switch 30 31; \
    155 entry; 195 exit 32; 210 entry; 245 exit 32; 260 entry; 295 exit 32; 300 switch 31 30; 350 switch 30 31; \
    355 entry";
const GUEST: &str = "10 switch 130 131; 35 switch 131 130; 75 switch 130 131; 175 switch 131 130; 225 switch 130 131; \
    275 switch 131 130; 375 switch 130 131";

fn analysed(text: &str, names: &Arc<Interner>, extents: &Extents) -> (Arc<StoreSnapshot>, Vec<VcpuThread>) {
    let mut kernel = Kernel::new(KernelOptions { kernel_release: None, names: Arc::clone(names) });
    let mut vcpus = Vcpus::new(Arc::clone(names));
    let mut out = MachineStore::new(extents);
    for line in text.split(';') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |n: usize| words[n].parse::<i32>().unwrap();
        let body = match words[1] {
            "switch" => KernelEvent::SchedSwitch {
                prev_tid: Tid(number(2)),
                prev_comm: names.intern(&format!("t{}", words[2])),
                prev_prio: 120,
                prev_state: 0,
                next_tid: Tid(number(3)),
                next_comm: names.intern(&format!("t{}", words[3])),
                next_prio: 120,
            },
            "entry" => KernelEvent::KvmEntry { vcpu: 0 },
            "exit" => KernelEvent::KvmExit { reason: number(2) as u32, isa: 1, vcpu: -1 },
            other => panic!("{other}"),
        };
        let event = Event { t: MachineNs(i64::from(number(0))), cpu: Cpu(0), context_tid: Tid(-1), body };
        kernel.event(&event, &mut out);
        vcpus.event(&event, &kernel, &mut out);
    }
    let end = MachineNs(376);
    let threads = vcpus.threads();
    vcpus.finish(end, &mut out);
    kernel.finish(end, &mut out);
    (out.snapshot(end), threads)
}

struct Joined {
    names: Arc<Interner>,
    view: VmView,
}

fn joined(guest_ahead_ns: i64) -> Joined {
    let names = Arc::new(Interner::default());
    let extents = Extents::new(&StoreOptions::default(), ProblemLog::default());
    let (host, threads) = analysed(HOST, &names, &extents);
    let (guest, _) = analysed(GUEST, &names, &extents);
    let facts = |id, name, store, vcpus| MachineFacts { id: MachineId(id), name, store, vcpus };
    let machines = [facts(0, "host", &*host, &threads[..]), facts(1, "guest", &*guest, &[])];
    let links = [VmLink { host: MachineId(0), thread: threads[0].thread, guest: MachineId(1), vm_uid: 1, matches: 6 }];
    let model = vm::build(&machines, &links, &[], &names, &vm::guess_by_elimination);
    assert_eq!(model.vms.len(), 1);
    assert_eq!((model.vms[0].guest, model.vms[0].link), (Some(MachineId(1)), Some(LinkBy::Messages)));
    let stores = [(MachineId(0), "host", host), (MachineId(1), "guest", guest)];
    let maps = [ClockMap::IDENTITY, ClockMap::by_origins(0, i128::from(guest_ahead_ns))];
    let vcpus = [Arc::from(threads), Arc::from([])];
    let cancel = Cancel::default();
    let input =
        TruthInput { machines: &stores, vcpus: &vcpus, maps: &maps, names: &names, extents: &extents, cancel: &cancel };
    Joined { view: vm::join(model, &input).unwrap(), names }
}

impl Joined {
    fn row(&self, machine: u16, key: RowKey) -> Arc<Row> {
        let store = self.view.truth(MachineId(machine)).unwrap();
        Arc::clone(store.row(store.find(&key).unwrap()).unwrap())
    }

    fn text(&self, machine: u16, key: RowKey, show: impl Fn(&Look) -> String) -> String {
        let mut text = String::new();
        let mut last: Option<(MachineNs, String)> = None;
        for i in self.row(machine, key).intervals(TimeRange::ALWAYS) {
            let shown = show(&i.look);
            // Neighbours that look the same are one.
            match &mut last {
                Some((end, before)) if *end == i.begin && *before == shown => *end = i.end,
                _ => {
                    write!(text, "{} {shown}; ", i.begin.0).unwrap();
                    last = Some((i.end, shown));
                }
            }
        }
        text + &last.map_or(String::new(), |(end, _)| end.0.to_string())
    }

    fn with_detail(&self, look: &Look) -> String {
        let detail = if look.detail == Name::NONE { Arc::from("") } else { self.names.text(look.detail) };
        format!("{} {detail}", look.state.name()).trim_end().to_owned()
    }
}

#[test]
fn a_vcpu_runs_is_in_the_hypervisor_and_is_preempted() {
    let joined = joined(0);
    // Theirs, from 10 on: RUN·45 VMM·60 RUN·95 VMM·100 PREEMPT·150 VMM·155 RUN·195 VMM·210 RUN·245 VMM·260
    // RUN·295 VMM·300 PREEMPT·350 VMM·355 RUN. We know guest mode from its first entry on, and say who preempted.
    let text = joined.text(0, RowKey::vcpu(Tid(31), 0), |look| match look.state.name() {
        "guest" => "guest".to_owned(),
        _ => joined.with_detail(look),
    });
    assert_eq!(
        text,
        "5 guest; 45 vmm MSR_WRITE; 60 guest; 95 vmm MSR_WRITE; 100 preempted host: t30; 150 vmm MSR_WRITE; \
         155 guest; 195 vmm MSR_WRITE; 210 guest; 245 vmm MSR_WRITE; 260 guest; 295 vmm MSR_WRITE; \
         300 preempted host: t30; 350 vmm MSR_WRITE; 355 guest; 376"
    );
}

#[test]
fn guest_threads_lose_what_their_vcpu_lost() {
    let joined = joined(0);
    // Their overlays on thread 130: [45,59] [195,209] [295,299] [300,349] [350,354]; we tell hypervisor and
    // preemption apart.
    let text = |tid| {
        joined.text(1, RowKey { kind: RowKind::VmThread, ..RowKey::thread(Tid(tid), 0) }, |look| {
            let shown = joined.with_detail(look);
            shown.replace("running-user", "run").replace(" MSR_WRITE", "").replace("unknown running", "run")
        })
    };
    assert_eq!(
        text(130),
        "10 waiting-cpu; 35 run; 45 in-hypervisor; 60 run; 75 waiting-cpu; 175 run; 195 in-hypervisor; 210 run; \
         225 waiting-cpu; 275 run; 295 in-hypervisor; 300 preempted-by-host host: t30; 350 in-hypervisor; 355 run; \
         375 waiting-cpu; 376"
    );
    // Theirs on thread 131: [95,99] [100,149] [150,154] [245,259].
    assert_eq!(
        text(131),
        "10 run; 35 waiting-cpu; 75 run; 95 in-hypervisor; 100 preempted-by-host host: t30; 150 in-hypervisor; \
         155 run; 175 waiting-cpu; 225 run; 245 in-hypervisor; 260 run; 275 waiting-cpu; 375 run; 376"
    );
}

#[test]
fn a_physical_cpu_shows_who_runs_on_it_even_inside_the_vm() {
    let joined = joined(0);
    let text = joined.text(0, RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(Cpu(0)) }, |look| {
        joined.view.who(look.aux).map_or_else(|| "?".to_owned(), |who| who.tid.0.to_string())
    });
    // As their `CPUs/0/Current_thread` from 100 on: 30·150 31·155 131·175 130·195 31·210 130·225 131·245 31·260
    // 131·275 130·295 31·300 30·350 31·355 130·375 131. They only begin once all machines are known.
    let (_, from) = text.split_once("95 ").unwrap();
    assert_eq!(
        from,
        "31; 100 30; 150 31; 155 131; 175 130; 195 31; 210 130; 225 131; 245 31; 260 131; 275 130; 295 31; 300 30; \
         350 31; 355 130; 375 131; 376"
    );
}

#[test]
fn another_map_joins_elsewhere_and_adds_up_all_the_same() {
    for ahead in [-40, -7, 3, 25] {
        let joined = joined(ahead);
        for tid in [130, 131] {
            let row = joined.row(1, RowKey { kind: RowKind::VmThread, ..RowKey::thread(Tid(tid), 0) });
            let plain = self::joined(0).row(1, RowKey { kind: RowKind::VmThread, ..RowKey::thread(Tid(tid), 0) });
            let total = |row: &Row| -> i64 {
                let all = row.intervals(TimeRange::ALWAYS);
                all.filter(|i| !i.look.state.name().starts_with("waiting")).map(|i| (i.end - i.begin).0).sum()
            };
            assert_eq!(total(&row), total(&plain), "thread {tid}, {ahead} ns ahead");
        }
    }
}
