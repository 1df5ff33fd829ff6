//! What one machine's trace says that can be matched with another's: the raw material of synchronisation.

use serde::{Deserialize, Serialize};

use crate::vocab::{Cpu, MachineNs, PacketKey, RowId};

/// How instants of two machines are related to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SyncMethod {
    /// Events of the vmsync kernel modules in guest and host.
    Vmsync,
    /// A guest's beacons around a hypercall, and the hypercall and the next entry as the host saw them.
    Hypercall,
    /// TCP packets that one machine sent and the other received.
    Tcp,
    /// Guest events lie inside the intervals in which their vCPU executed guest code.
    Containment,
    /// The difference of the time stamp counters, as the hypervisor set it.
    TscOffset,
    /// A correction that the recording tool itself stored.
    Recorded,
    /// What the user said.
    Manual,
}

impl SyncMethod {
    /// Every method, the most trusted measured one first.
    pub const ALL: &'static [Self] =
        &[Self::Vmsync, Self::Hypercall, Self::Tcp, Self::Containment, Self::TscOffset, Self::Recorded, Self::Manual];

    /// The name of the command line's contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vmsync => "vmsync",
            Self::Hypercall => "hypercall",
            Self::Tcp => "tcp",
            Self::Containment => "containment",
            Self::TscOffset => "tsc-offset",
            Self::Recorded => "recorded",
            Self::Manual => "manual",
        }
    }
}

/// Which end of which message a point is. A message is received no earlier than it was sent; that is all that
/// synchronisation knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SyncStep {
    /// Guest to host: recorded by the guest, which sends (event *a*).
    GuestSends,
    /// Guest to host: recorded by the host, which receives (event *b*).
    HostReceives,
    /// Host to guest: recorded by the host, which sends (event *c*).
    HostSends,
    /// Host to guest: recorded by the guest, which receives (event *d*).
    GuestReceives,
    /// A packet leaves.
    PacketSent,
    /// A packet arrives.
    PacketReceived,
    /// The host sets the difference of a vCPU's time stamp counter.
    TscOffset,
}

impl SyncStep {
    const ALL: [Self; 7] = [
        Self::GuestSends,
        Self::HostReceives,
        Self::HostSends,
        Self::GuestReceives,
        Self::PacketSent,
        Self::PacketReceived,
        Self::TscOffset,
    ];

    /// The step of that number, as `step as u8` gave it.
    pub fn from_u8(n: u8) -> Option<Self> {
        Self::ALL.get(usize::from(n)).copied()
    }
}

/// One end of a message between machines. A point, stored beside the rows in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncPoint {
    /// When.
    pub t: MachineNs,
    /// Where.
    pub cpu: Cpu,
    /// The row of the thread that was current there: on a host, of the vCPU's thread. None of a packet that an
    /// interrupt or softirq sent or received.
    pub thread: Option<RowId>,
    /// [`SyncMethod::Vmsync`], [`SyncMethod::Hypercall`], [`SyncMethod::Tcp`] or [`SyncMethod::TscOffset`].
    pub method: SyncMethod,
    /// Which end of the message.
    pub step: SyncStep,
    /// What both ends have in common: [`SyncPoint::vmsync_key`] or [`SyncPoint::packet_key`]; of a time stamp
    /// counter's difference, the new one (two's complement, 64 bits).
    pub key: u128,
}

impl SyncPoint {
    /// The key of a message of the vmsync protocol: the VM's number and the counter.
    pub fn vmsync_key(vm_uid: u64, count: u32) -> u128 {
        u128::from(vm_uid) << 64 | u128::from(count)
    }

    /// The VM's number and the counter of a [`SyncPoint::vmsync_key`].
    pub fn vmsync_parts(key: u128) -> (u64, u32) {
        ((key >> 64) as u64, key as u32)
    }

    /// The key of a TCP packet. Without the checksum: a sender whose device computes it has not done so yet.
    pub fn packet_key(packet: PacketKey) -> u128 {
        u128::from(packet.seq) << 96
            | u128::from(packet.ack) << 64
            | u128::from(packet.source) << 32
            | u128::from(packet.dest) << 16
            | u128::from(packet.flags)
    }
}
