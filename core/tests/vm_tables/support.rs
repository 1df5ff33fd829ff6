//! Rows and models written by hand.

use std::sync::Arc;

use stratoscope_core::store::{Extents, Look, MachineStore, StoreOptions, StoreSnapshot, Writer as _};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vm::{LinkBy, Role, Vcpu, Vm, VmModel, VmView, Who};
use stratoscope_core::vocab::{
    Cpu, Interner, MachineId, MachineNs, Name, ProblemLog, RowId, RowKey, RowKind, State, Tid,
};

pub(crate) const HOST: MachineId = MachineId(0);
pub(crate) const GUEST: MachineId = MachineId(1);

pub(crate) fn store() -> MachineStore {
    let options = StoreOptions { memory_limit: 64 << 20, cache_dir: None };
    MachineStore::new(&Extents::new(&options, ProblemLog::default()))
}

/// A piece of a row: state, detail, aux, length.
pub(crate) type Piece = (State, Name, u32, i64);

/// Writes a row from 0 on; returns where it ends.
pub(crate) fn write(store: &mut MachineStore, key: RowKey, pieces: &[Piece]) -> i64 {
    let row = store.row(key);
    let mut t = 0;
    for (state, detail, aux, length) in pieces {
        store.set(row, MachineNs(t), Look { state: *state, detail: *detail, aux: *aux });
        t += length;
    }
    store.set(row, MachineNs(t), Look::default());
    t
}

/// The key of a joined row.
pub(crate) fn vm_thread(tid: i32) -> RowKey {
    RowKey { kind: RowKind::VmThread, ..RowKey::thread(Tid(tid), 0) }
}

pub(crate) fn vcpu(number: u32, tid: i32) -> Vcpu {
    Vcpu { number, guessed: false, tid: Tid(tid), key: RowKey::vcpu(Tid(tid), 0), thread: RowId(0) }
}

/// One VM of the host with the guest in it.
pub(crate) fn model(vcpus: Vec<Vcpu>) -> VmModel {
    let vm = Vm {
        name: "guest".to_owned(),
        host: HOST,
        host_pid: Some(Tid(90)),
        guest: Some(GUEST),
        link: Some(LinkBy::Messages),
        vcpus,
    };
    let roles = vec![Role { host: true, guest_of: None }, Role { host: false, guest_of: Some(HOST) }];
    VmModel { vms: vec![vm], roles }
}

pub(crate) fn view(
    model: VmModel,
    host: Option<Arc<StoreSnapshot>>,
    guest: Option<Arc<StoreSnapshot>>,
    who: &[Who],
) -> VmView {
    VmView {
        model,
        maps: vec![ClockMap::IDENTITY; 2],
        truth: vec![host, guest],
        who: who.into(),
        known_from: vec![vec![MachineNs(0)]],
        notes: Vec::new(),
    }
}

pub(crate) fn who(names: &Interner, machine: MachineId, tid: i32, name: &str) -> Who {
    Who { machine, tid: Tid(tid), name: names.intern(name) }
}

pub(crate) const CPU0: Cpu = Cpu(0);
