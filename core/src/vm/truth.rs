//! From the model and the maps to a [`VmView`]: all joins, hosts before their guests.

use std::sync::Arc;

use rayon::prelude::*;

use crate::store::{Extents, Row, StoreSnapshot};
use crate::sync::ClockMap;
use crate::vcpu::VcpuThread;
use crate::vm::join::Join;
use crate::vm::model::VmModel;
use crate::vm::view::VmView;
use crate::vm::who::WhoTable;
use crate::vm::{guest, host};
use crate::vocab::{Cancel, Cancelled, Interner, MachineId, MachineNs};

/// What joins need of a session.
pub struct TruthInput<'a> {
    /// Machines with their names and rows, by number.
    pub machines: &'a [(MachineId, &'a str, Arc<StoreSnapshot>)],
    /// Threads that enter guests, by machine.
    pub vcpus: &'a [Arc<[VcpuThread]>],
    /// The maps to the reference, by machine.
    pub maps: &'a [ClockMap],
    /// The session's names.
    pub names: &'a Interner,
    /// Where sealed blocks go.
    pub extents: &'a Extents,
    /// Stops the work.
    pub cancel: &'a Cancel,
}

/// Joins everything.
///
/// # Errors
/// [`Cancelled`].
pub fn join(model: VmModel, input: &TruthInput<'_>) -> Result<VmView, Cancelled> {
    let who = WhoTable::new(input.names, input.machines, &model);
    let join = Join {
        model: &model,
        stores: input.machines,
        maps: input.maps,
        names: input.names,
        extents: input.extents,
        cancel: input.cancel,
        who: &who,
    };
    let mut truth: Vec<Option<Arc<StoreSnapshot>>> = vec![None; input.machines.len()];
    for (n, _) in model.roles.iter().enumerate().filter(|(_, role)| role.host) {
        let id = MachineId(u16::try_from(n).unwrap_or(u16::MAX));
        if let Some(slot) = truth.get_mut(n) {
            *slot = Some(host::rows(&join, id)?);
        }
    }
    // Guests don't need each other. Of a machine that is guest and host, the host's rows stay: they answer more.
    let guests: Vec<_> = model
        .vms
        .iter()
        .filter_map(|vm| {
            let guest = vm.guest.filter(|g| truth.get(usize::from(g.0)).is_some_and(Option::is_none))?;
            Some((vm, guest, truth.get(usize::from(vm.host.0)).cloned().flatten()?))
        })
        .collect();
    // Enough portions that nobody is idle long before the last one is done.
    let count = (3 * rayon::current_num_threads()).div_ceil(guests.len().max(1));
    let portions: Vec<_> =
        guests.iter().flat_map(|(vm, id, host)| guest::portions(&join, vm, *id, host, count)).collect();
    let joined: Vec<_> = portions.par_iter().map(|portion| portion.rows(&join)).collect::<Result<_, Cancelled>>()?;
    let mut rows: Vec<Vec<Arc<Row>>> = vec![Vec::new(); truth.len()];
    for (portion, joined) in portions.iter().zip(joined) {
        rows[usize::from(portion.guest.0)].extend(joined);
    }
    for (_, id, _) in &guests {
        let Some(store) = join.store(*id) else { continue };
        let at = usize::from(id.0);
        truth[at] = Some(StoreSnapshot::of_rows(std::mem::take(&mut rows[at]), store.watermark()));
    }
    let known_from = model
        .vms
        .iter()
        .map(|vm| {
            let threads = input.vcpus.get(usize::from(vm.host.0));
            let known = |key| threads?.iter().find(|t| t.key == key).map(|t| t.known_from);
            vm.vcpus.iter().map(|vcpu| known(vcpu.key).unwrap_or(MachineNs::MIN)).collect()
        })
        .collect();
    let who = who.into_all();
    Ok(VmView { maps: input.maps.to_vec(), truth, who, known_from, notes: Vec::new(), model })
}
