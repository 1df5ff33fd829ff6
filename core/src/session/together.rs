//! What several machines tell only together: one clock, who is whose guest, and joined rows.
//!
//! It runs when all machines are read, and again, without reading anything, whenever the user chooses another
//! synchronisation. Results appear in steps: maps first (rows slide to their places), joined rows later. A new
//! choice cancels what runs for the old one.
//!
//! ```text
//!  points ─▶ engine ─▶ solution ─▶ model ─▶ containment ─▶ solution ─▶ maps published ─▶ joins ─▶ published
//! ```

use std::sync::Arc;

use crate::session::containment;
use crate::session::open::{Shared, State, event_table, first_view, whole_extent};
use crate::session::snapshot::{MachineView, Phase, Snapshot};
use crate::sync::{ClockMap, Solution, SyncEngine, SyncMachine, SyncOptions, SyncQuality, VmLink};
use crate::vm::{
    self, Assignment, Between, Guessed, LinkBy, MachineFacts, TruthInput, Vcpu, Vm, VmModel, VmView, schedules,
};
use crate::vocab::{Cancel, MachineId, SyncMethod, TimeRange};

/// What the user may choose about clocks and virtual machines.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncChoice {
    /// Whether machines are mapped at all; if not, each stands where its clock's date puts it.
    pub enabled: bool,
    /// Whose clock is the axis; `None`: the outermost host's, else the first machine's.
    pub reference: Option<MachineId>,
    /// Methods that may be used.
    pub methods: Vec<SyncMethod>,
    /// Machines placed by hand: nanoseconds to add to what their clock's date says.
    pub manual: Vec<(MachineId, i128)>,
    /// Whether to use results that are bounded on one side only.
    pub use_approximate: bool,
    /// VMs that the user has said to be machines.
    pub assigned: Vec<Assignment>,
}

impl Default for SyncChoice {
    fn default() -> Self {
        Self {
            enabled: true,
            reference: None,
            methods: SyncMethod::ALL.to_vec(),
            manual: Vec::new(),
            use_approximate: false,
            assigned: Vec::new(),
        }
    }
}

/// Whether several machines, or the vCPUs of one, make it worth while.
pub(super) fn is_needed(snapshot: &Snapshot) -> bool {
    snapshot.machines.len() > 1 || snapshot.machines.iter().any(|m| !m.vcpus.is_empty())
}

/// Works out all of it for the present choice and publishes it. `cancel` stops it; then nothing more of it is
/// published.
pub(super) fn run(shared: &Arc<Shared>, cancel: &Cancel) {
    let snapshot = shared.snapshot();
    let choice = snapshot.choice.clone();
    let mut engine = SyncEngine::new();
    for machine in &snapshot.machines {
        let points = machine.store.sync_points();
        for point in points.range(TimeRange::ALWAYS) {
            engine.add(machine.id, &point);
        }
        if cancel.is_cancelled() {
            return;
        }
    }
    let (model, machines, options) = question(&snapshot, &mut engine);
    let reference = options.reference;
    let mut solution = engine.solve(&machines, &options);
    if choice.methods.contains(&SyncMethod::Containment) {
        for vm in &model.vms {
            containment::add(&snapshot, vm, &solution, &mut engine);
        }
        solution = engine.solve(&machines, &options);
    }
    let solution = Arc::new(solution);
    if !publish_maps(shared, cancel, reference, Some(Arc::clone(&solution))) {
        return;
    }
    let mut view = VmView::default();
    if !model.vms.is_empty() {
        let stores: Vec<_> = snapshot.machines.iter().map(|m| (m.id, m.name.as_str(), Arc::clone(&m.store))).collect();
        let vcpus: Vec<_> = snapshot.machines.iter().map(|m| Arc::clone(&m.vcpus)).collect();
        let maps = maps_of(&snapshot, reference, Some(&solution));
        let input = TruthInput {
            machines: &stores,
            vcpus: &vcpus,
            maps: &maps,
            names: &snapshot.names,
            extents: &shared.extents,
            cancel,
        };
        match vm::join(model, &input) {
            Ok(joined) => view = joined,
            Err(_) => return,
        }
    }
    view.notes = notes(&snapshot, &view.model, &solution);
    shared.publish_unless(cancel, |snapshot, _| {
        snapshot.vm = Some(Arc::new(view));
        snapshot.phase = Phase::Done;
    });
    shared.notify();
}

/// Who is whose guest by what the engine has taken in, and what to ask it then.
fn question(snapshot: &Snapshot, engine: &mut SyncEngine) -> (VmModel, Vec<SyncMachine>, SyncOptions) {
    let choice = &snapshot.choice;
    let model = model_of(snapshot, &engine.links(), choice);
    for vm in &model.vms {
        let Some(guest) = vm.guest else { continue };
        for vcpu in &vm.vcpus {
            engine.assign_thread(vm.host, vcpu.thread, guest);
        }
    }
    let machines = snapshot.machines.iter().map(|m| sync_machine(m, snapshot)).collect();
    let mut options = SyncOptions::new(choice.reference.unwrap_or_else(|| outermost_host(&model)));
    options.methods.clone_from(&choice.methods);
    options.manual.clone_from(&choice.manual);
    options.use_approximate = choice.use_approximate;
    (model, machines, options)
}

/// How the clocks relate by what the engine has taken in, without what guest events tell by when they happen.
pub(super) fn solve(snapshot: &Snapshot, engine: &mut SyncEngine) -> (MachineId, Solution) {
    let (_, machines, options) = question(snapshot, engine);
    (options.reference, engine.solve(&machines, &options))
}

/// Puts maps in place at once: what they place was read already. `false` if cancelled.
pub(super) fn publish_maps(
    shared: &Shared,
    cancel: &Cancel,
    reference: MachineId,
    solution: Option<Arc<Solution>>,
) -> bool {
    shared.publish_unless(cancel, |snapshot, state| place(snapshot, state, reference, solution))
}

/// Places every machine on the reference's axis, by a new solution or the one that there is.
pub(super) fn place(snapshot: &mut Snapshot, state: &State, reference: MachineId, solution: Option<Arc<Solution>>) {
    if let Some(solution) = solution {
        snapshot.sync = Some(solution);
    }
    snapshot.reference = reference;
    let used = snapshot.sync.clone().filter(|_| snapshot.choice.enabled);
    let maps = maps_of(snapshot, reference, used.as_deref());
    for (machine, map) in snapshot.machines.iter_mut().zip(maps) {
        if machine.map != map {
            let mut next = MachineView::clone(machine);
            next.map = map;
            *machine = Arc::new(next);
        }
    }
    snapshot.extent = whole_extent(&snapshot.machines);
    snapshot.first_view = first_view(&snapshot.machines);
    snapshot.events = event_table(snapshot, state);
}

/// The map of each machine: as solved, else by its clock's date.
fn maps_of(snapshot: &Snapshot, reference: MachineId, solution: Option<&Solution>) -> Vec<ClockMap> {
    let origin = snapshot.machine(reference).map_or(0, |m| m.origin_ns);
    let solved = |id: MachineId| solution?.machines.iter().find(|m| m.id == id).map(|m| m.map);
    snapshot.machines.iter().map(|m| solved(m.id).unwrap_or(ClockMap::by_origins(m.origin_ns, origin))).collect()
}

fn sync_machine(machine: &MachineView, snapshot: &Snapshot) -> SyncMachine {
    let clock = snapshot.traces.iter().find(|t| t.machine == machine.id).and_then(|t| t.trace.info().clock.as_ref());
    SyncMachine {
        id: machine.id,
        identity: machine.key.clone().unwrap_or_else(|| machine.name.clone()),
        origin_ns: machine.origin_ns,
        extent: machine.extent,
        tsc_hz: clock.filter(|c| c.name.contains("tsc")).map(|c| c.frequency),
    }
}

fn model_of(snapshot: &Snapshot, links: &[VmLink], choice: &SyncChoice) -> VmModel {
    let facts: Vec<MachineFacts<'_>> = snapshot
        .machines
        .iter()
        .map(|m| MachineFacts { id: m.id, name: &m.name, store: &m.store, vcpus: &m.vcpus })
        .collect();
    vm::build(&facts, links, &choice.assigned, &snapshot.names, &|vms, guests| guess(snapshot, vms, guests))
}

/// Which of the guests that nothing names belongs to which VM: by their schedules, else by elimination.
fn guess(snapshot: &Snapshot, vms: &[&Vm], guests: &[MachineId]) -> Vec<Guessed> {
    let mut fits = Vec::new();
    for (at, vm) in vms.iter().enumerate() {
        let Some(host) = snapshot.machine(vm.host) else { continue };
        for guest in guests.iter().filter_map(|id| snapshot.machine(*id)) {
            let by_date = |m: &MachineView| ClockMap::by_origins(m.origin_ns, 0);
            let way = Between::new(by_date(guest), by_date(host));
            if let Some(fit) = schedules::fit(vm, &host.store, &guest.store, way) {
                fits.push((at, guest.id, fit));
            }
        }
    }
    // Best first; each VM and each guest once.
    fits.sort_by(|a, b| b.2.share.total_cmp(&a.2.share).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))));
    let mut found: Vec<Guessed> = Vec::new();
    for (at, guest, _) in fits.iter().filter(|f| f.2.is_convincing()) {
        if found.iter().all(|f| f.0 != *at && f.1 != *guest) {
            found.push((*at, *guest, LinkBy::Schedules));
        }
    }
    let contradicted = !fits.is_empty();
    if found.is_empty() && !contradicted { vm::guess_by_elimination(vms, guests) } else { found }
}

/// The host that is nobody's guest; among several the one with most guests, then the first.
fn outermost_host(model: &VmModel) -> MachineId {
    let guests_of = |host: MachineId| model.vms.iter().filter(|vm| vm.host == host).count();
    let hosts = (0..model.roles.len()).filter(|n| model.roles[*n].host && model.roles[*n].guest_of.is_none());
    let ids = hosts.filter_map(|n| u16::try_from(n).ok()).map(MachineId);
    ids.max_by_key(|id| (guests_of(*id), std::cmp::Reverse(*id))).unwrap_or(MachineId(0))
}

/// What cannot be told and why, in words, with what to record instead.
fn notes(snapshot: &Snapshot, model: &VmModel, solution: &Solution) -> Vec<String> {
    let mut notes = Vec::new();
    let name = |id: MachineId| snapshot.machine(id).map_or("?", |m| m.name.as_str());
    if model.vms.is_empty() && snapshot.machines.len() > 1 {
        notes.push(
            "No trace of a host is open: none of the machines enters guests. Record on the host at the same time, with \
             the events of KVM, to see vCPUs and who takes their time."
                .to_owned(),
        );
    }
    for vm in &model.vms {
        match (vm.guest, vm.link) {
            (None, _) => notes.push(format!(
                "{} on {} has no trace of its own: its vCPUs are shown, the tasks inside cannot be told. Record \
                 its threads inside it at the same time.",
                vm.name,
                name(vm.host)
            )),
            (Some(guest), Some(link)) if link.is_guess() => notes.push(format!(
                "That {} is the VM of process {} on {} is known {}.",
                name(guest),
                vm.host_pid.map_or_else(|| "?".to_owned(), |pid| pid.0.to_string()),
                name(vm.host),
                link.words()
            )),
            _ => {}
        }
        if vm.vcpus.iter().any(|v| v.guessed) {
            notes.push(format!(
                "The numbers of the vCPUs of {} are guessed by the order of their threads: neither exits nor thread \
                 names tell them.",
                vm.name
            ));
        }
        let store = snapshot.machine(vm.host).map(|host| &host.store);
        let is_told = |v: &Vcpu| store.and_then(|s| s.row(v.thread)).is_some_and(|row| row.process().is_some());
        for vcpu in vm.vcpus.iter().filter(|v| Some(v.tid) != vm.host_pid && !is_told(v)) {
            notes.push(format!(
                "No event told the process of thread {} on {}: it is taken for vCPU {} of {}, the only VM that lacks \
                 one (a guess). LTTng's statedump, `lttng_statedump_*`, would tell it.",
                vcpu.tid.0,
                name(vm.host),
                vcpu.number,
                vm.name
            ));
        }
        if let Some(guest) = vm.guest.and_then(|id| snapshot.machine(id)) {
            let host = snapshot.machine(vm.host);
            let place = |m: &MachineView| m.extent.map(|e| TimeRange::new(m.map.to_ref(e.begin), m.map.to_ref(e.end)));
            if let (Some(a), Some(b)) = (place(guest), host.and_then(|h| place(h)))
                && !a.overlaps(&b)
            {
                notes.push(format!(
                    "{} and {} were not recorded at the same time: nothing of either explains the other.",
                    guest.name,
                    name(vm.host)
                ));
            }
        }
    }
    for pair in solution.pairs.iter().filter(|p| p.quality != SyncQuality::Accurate || p.rejected > 0) {
        notes.push(pair.explain(name(pair.a), name(pair.b)));
    }
    notes
}
