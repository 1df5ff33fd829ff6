//! Ends of messages between machines: what synchronisation matches, as points.
//!
//! Messages between a guest and its host are those of the vmsync protocol (Jabbarifar, Gebai and others; the
//! events *a* to *d*). Either kernel modules on both sides record them, or none is needed: the guest writes a
//! text before and after a hypercall that carries its number and a counter, and the host's own events play the
//! other two parts: the hypercall is *b*, the next entry of the same thread is *c*.
//!
//! ```text
//! guest   a: text "vmsync_gh_guest cnt=N vm_uid=U"              d: text "vmsync_hg_guest cnt=N+1 vm_uid=U"
//!            └──── hypercall(N, U) ────┐                           ▲
//! host                                 b: kvm_hypercall … c: next kvm_entry of that thread
//! ```

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::kernel::Kernel;
use crate::store::{WakeContext, Writer};
use crate::vocab::{
    Cpu, Event, EventKind, EventKinds, Interner, KernelEvent, RowId, SyncMethod, SyncPoint, SyncStep, VmsyncStep,
};

/// Collects one machine's ends of messages. Feed it each event *after* the [`Kernel`] of that machine.
pub struct Messages {
    names: Arc<Interner>,
    /// Hypercalls whose thread has not entered its guest since, with the CPU of the hypercall.
    pending: FxHashMap<RowId, (u128, Cpu)>,
}

impl Messages {
    /// No message yet.
    pub fn new(names: Arc<Interner>) -> Self {
        Self { names, pending: FxHashMap::default() }
    }

    /// The kinds of events that it wants to see, beside [`Kernel::demand`].
    pub fn demand() -> EventKinds {
        use EventKind::*;
        EventKinds::of(&[KvmHypercall, KvmEntry, KvmWriteTscOffset, Vmsync, Text, NetSend, NetReceive])
    }

    /// The next event of the machine; `kernel` has seen it already.
    #[inline]
    pub fn event<W: Writer>(&mut self, event: &Event, kernel: &Kernel, out: &mut W) {
        let (method, step, key) = match event.body {
            KernelEvent::KvmEntry { .. } => {
                if self.pending.is_empty() {
                    return;
                }
                let Some(thread) = kernel.current(event.cpu).map(|(_, row)| row) else { return };
                let Some((key, _)) = self.pending.remove(&thread) else { return };
                let (uid, count) = SyncPoint::vmsync_parts(key);
                let key = SyncPoint::vmsync_key(uid, count.wrapping_add(1));
                (SyncMethod::Hypercall, SyncStep::HostSends, key)
            }
            KernelEvent::KvmHypercall { a0, a1, .. } => {
                // Any number may carry the message; a counter that is none finds no partner.
                let Ok(count) = u32::try_from(a0) else { return };
                let key = SyncPoint::vmsync_key(a1, count);
                if let Some((_, thread)) = kernel.current(event.cpu) {
                    self.pending.insert(thread, (key, event.cpu));
                }
                (SyncMethod::Hypercall, SyncStep::HostReceives, key)
            }
            KernelEvent::Vmsync { count, vm_uid, step } => {
                let step = match step {
                    VmsyncStep::GuestToHostGuest => SyncStep::GuestSends,
                    VmsyncStep::GuestToHostHost => SyncStep::HostReceives,
                    VmsyncStep::HostToGuestHost => SyncStep::HostSends,
                    VmsyncStep::HostToGuestGuest => SyncStep::GuestReceives,
                };
                (SyncMethod::Vmsync, step, SyncPoint::vmsync_key(vm_uid, count))
            }
            KernelEvent::Text { text } => {
                let Some((step, key)) = beacon(&self.names.text(text)) else { return };
                (SyncMethod::Hypercall, step, key)
            }
            KernelEvent::NetSend { packet } => (SyncMethod::Tcp, SyncStep::PacketSent, SyncPoint::packet_key(packet)),
            KernelEvent::NetReceive { packet } => {
                (SyncMethod::Tcp, SyncStep::PacketReceived, SyncPoint::packet_key(packet))
            }
            KernelEvent::KvmWriteTscOffset { next, .. } => {
                (SyncMethod::TscOffset, SyncStep::TscOffset, u128::from(next))
            }
            _ => return,
        };
        let current = kernel.current(event.cpu).map(|(_, row)| row);
        // What an interrupt or softirq sends is not the doing of the thread below it.
        let own = method != SyncMethod::Tcp || kernel.context(event.cpu).0 == WakeContext::Task;
        let thread = current.filter(|_| own);
        out.sync_point(SyncPoint { t: event.t, cpu: event.cpu, thread, method, step, key });
    }

    /// Events of `cpu` were lost: an entry that answers a hypercall may have been among them.
    pub fn lost(&mut self, cpu: Cpu) {
        self.pending.retain(|_, (_, on)| cpu != Cpu::UNKNOWN && *on != cpu);
    }
}

/// A guest's text around a hypercall: `vmsync_gh_guest cnt=N vm_uid=U`.
fn beacon(text: &str) -> Option<(SyncStep, u128)> {
    let mut words = text.split_ascii_whitespace();
    let step = match words.next()?.trim_end_matches(':') {
        "vmsync_gh_guest" => SyncStep::GuestSends,
        "vmsync_hg_guest" => SyncStep::GuestReceives,
        _ => return None,
    };
    let (mut count, mut uid) = (None, None);
    for word in words {
        match word.trim_end_matches(',').split_once('=') {
            Some(("cnt", n)) => count = n.parse().ok(),
            Some(("vm_uid", n)) => uid = n.parse().ok(),
            _ => {}
        }
    }
    Some((step, SyncPoint::vmsync_key(uid?, count?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beacons_are_texts_of_one_form() {
        let sends = |text| beacon(text).map(|(step, key)| (step, SyncPoint::vmsync_parts(key)));
        assert_eq!(sends("vmsync_gh_guest cnt=7 vm_uid=101"), Some((SyncStep::GuestSends, (101, 7))));
        assert_eq!(sends("vmsync_hg_guest: vm_uid=101, cnt=8\n"), Some((SyncStep::GuestReceives, (101, 8))));
        for text in
            ["", "critical_begin 3", "vmsync_gh_guest", "vmsync_gh_guest cnt=x vm_uid=1", "vmsync_gh_guest cnt=1"]
        {
            assert_eq!(sends(text), None, "{text:?}");
        }
    }
}
