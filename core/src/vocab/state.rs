//! The states a row can be in: one enumeration and one table of names for every kind of row.

use serde::{Deserialize, Serialize};

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $look:ident;)*) => {
        /// A state of a row. The number is stored on disk within one session only.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum State {
            /// No interval: the thread does not exist, the interrupt is not active.
            #[default]
            None,
            $($(#[$doc])* $name,)*
        }

        impl State {
            /// Every state, [`State::None`] first; a state's number is its position.
            pub const ALL: &'static [State] = &[State::None, $(State::$name,)*];

            /// The name of the command line's contract.
            pub fn name(self) -> &'static str {
                match self {
                    State::None => "none",
                    $(State::$name => $text,)*
                }
            }

            fn weight(self) -> Weight {
                match self {
                    State::None => Weight::Quiet,
                    $(State::$name => Weight::$look,)*
                }
            }
        }
    };
}

#[derive(PartialEq, Eq)]
enum Weight {
    /// Nothing happens: never hides anything else in a pixel.
    Quiet,
    /// Something happens.
    Busy,
    /// What people came for: visible in a pixel even where it is not dominant.
    Alert,
}

states! {
    /// Nothing is known, or events were lost.
    Unknown = "unknown", Busy;
    /// Sleeping.
    Blocked = "blocked", Quiet;
    /// Runnable, waiting for a CPU of its own machine (or, for a vCPU, of the host).
    WaitingCpu = "waiting-cpu", Busy;
    /// On a CPU, in user mode.
    RunningUser = "running-user", Busy;
    /// On a CPU, in a system call.
    RunningSyscall = "running-syscall", Busy;
    /// On a CPU, with an interrupt handler on top.
    Interrupted = "interrupted", Alert;
    /// Forked, never ran.
    WaitingFork = "waiting-fork", Busy;
    /// Asleep or runnable, it cannot be told.
    WaitingUnknown = "waiting-unknown", Quiet;
    /// A CPU that runs its idle task.
    Idle = "idle", Quiet;
    /// A CPU in user mode.
    User = "user", Busy;
    /// A CPU in a system call.
    Syscall = "syscall", Busy;
    /// A CPU in a hardware interrupt.
    Irq = "irq", Alert;
    /// A CPU in a softirq.
    Softirq = "softirq", Alert;
    /// An interrupt or softirq whose handler runs.
    Active = "active", Busy;
    /// A softirq that was raised and did not start yet.
    Raised = "raised", Busy;
    /// A vCPU that executes guest code (non-root mode).
    Guest = "guest", Busy;
    /// A vCPU in the hypervisor, in the host's kernel (root mode).
    Vmm = "vmm", Busy;
    /// A vCPU in the hypervisor's user space (device emulation).
    VmmUser = "vmm-user", Busy;
    /// A vCPU taken off its CPU by the host while it wanted to run.
    Preempted = "preempted", Alert;
    /// A vCPU asleep after HLT.
    Halted = "halted", Quiet;
    /// A guest thread that believes it runs while the host has taken its vCPU.
    PreemptedByHost = "preempted-by-host", Alert;
    /// A guest thread that believes it runs while the hypervisor works.
    InHypervisor = "in-hypervisor", Busy;
    /// In an execution flow: its vCPU was awake and waited for a CPU of the host.
    VcpuWaiting = "vcpu-waiting-cpu", Alert;
    /// In an execution flow: asleep until a timer.
    Timer = "timer", Busy;
    /// In an execution flow: waiting for a block device.
    Disk = "disk", Busy;
    /// In an execution flow: waiting for a packet.
    Network = "network", Busy;
}

impl State {
    /// How many states there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The state with that number; [`State::None`] for a number that is none.
    pub fn from_u8(n: u8) -> Self {
        Self::ALL.get(n as usize).copied().unwrap_or_default()
    }

    /// The state with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }

    /// Whether it never hides another state in a pixel: nothing, blocked, idle, halted.
    pub fn is_quiet(self) -> bool {
        self.weight() == Weight::Quiet
    }

    /// Whether it is of the alert set: shown by a tick wherever it is present but not dominant.
    pub fn is_alert(self) -> bool {
        self.weight() == Weight::Alert
    }

    /// Its bit in a [`StateSet`].
    pub fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// A set of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StateSet(pub u32);

impl StateSet {
    /// All states of the alert set.
    pub fn alerts() -> Self {
        Self(State::ALL.iter().filter(|s| s.is_alert()).fold(0, |bits, s| bits | s.bit()))
    }

    /// Whether `state` is in the set.
    pub fn contains(self, state: State) -> bool {
        self.0 & state.bit() != 0
    }

    /// The set with `state` in it.
    pub fn with(self, state: State) -> Self {
        Self(self.0 | state.bit())
    }

    /// The states in the set, by number.
    pub fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.iter().copied().filter(move |s| self.contains(*s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_round_trip() {
        const { assert!(State::COUNT <= 32, "a state set is 32 bits") };
        for (n, state) in State::ALL.iter().enumerate() {
            assert_eq!(State::from_u8(n as u8), *state);
            assert_eq!(State::from_name(state.name()), Some(*state));
        }
    }
}
