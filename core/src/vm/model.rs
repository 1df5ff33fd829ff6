//! Who is whose guest: machines and their roles, VMs, and which host thread is which vCPU.

use crate::vocab::{MachineId, RowId, RowKey, Tid};

/// How it is known that a VM of a host is a machine of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkBy {
    /// Messages between guest and host that name the VM (modules' events or hypercalls).
    Messages,
    /// The name that QEMU was given is the guest's host name.
    Name,
    /// All of the guest's events fit into the intervals in which the VM executed guest code. A guess.
    Schedules,
    /// It is the only guest and the only VM. A guess.
    OnlyOne,
    /// The user said so.
    User,
}

impl LinkBy {
    /// Whether nothing recorded proves it.
    pub fn is_guess(self) -> bool {
        matches!(self, Self::Schedules | Self::OnlyOne)
    }

    /// In words, to follow "known ".
    pub fn words(self) -> &'static str {
        match self {
            Self::Messages => "by messages between guest and host",
            Self::Name => "by its name",
            Self::Schedules => "by its schedule (a guess)",
            Self::OnlyOne => "as the only guest of the only VM (a guess)",
            Self::User => "by your choice",
        }
    }
}

/// What a machine is to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// It enters guests.
    pub host: bool,
    /// The machine whose guest it is.
    pub guest_of: Option<MachineId>,
}

/// A virtual CPU: one thread of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcpu {
    /// Its number in the VM.
    pub number: u32,
    /// Whether that number is a guess, by the order of the threads.
    pub guessed: bool,
    /// The host's thread.
    pub tid: Tid,
    /// The key of its row of vCPU states, in the host's store as in the joined rows.
    pub key: RowKey,
    /// The thread's own row in the host's store.
    pub thread: RowId,
}

/// A virtual machine: a process of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// What to call it: its guest's name, else what QEMU calls it, else the process.
    pub name: String,
    /// The machine that runs it.
    pub host: MachineId,
    /// Its process there; of a thread whose process no event told and that fits no other VM, the thread itself.
    pub host_pid: Option<Tid>,
    /// The machine that is inside, if that was traced.
    pub guest: Option<MachineId>,
    /// How that is known.
    pub link: Option<LinkBy>,
    /// Its vCPUs, by number.
    pub vcpus: Vec<Vcpu>,
}

/// The virtual machines of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmModel {
    /// In order of host, guest, process.
    pub vms: Vec<Vm>,
    /// By machine.
    pub roles: Vec<Role>,
}

impl VmModel {
    /// The VM that `guest` is inside of, with its position.
    pub fn vm_of_guest(&self, guest: MachineId) -> Option<(usize, &Vm)> {
        self.vms.iter().enumerate().find(|(_, vm)| vm.guest == Some(guest))
    }

    /// The VM and the vCPU that a host's thread is.
    pub fn vcpu_of_thread(&self, host: MachineId, tid: Tid) -> Option<(&Vm, &Vcpu)> {
        let of_host = self.vms.iter().filter(|vm| vm.host == host);
        of_host.flat_map(|vm| vm.vcpus.iter().map(move |vcpu| (vm, vcpu))).find(|(_, vcpu)| vcpu.tid == tid)
    }
}
