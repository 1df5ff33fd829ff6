//! What the pieces of an execution flow are: one table of kinds and their names.

use crate::vocab::State;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $look:ident, $words:literal;)*) => {
        /// What held up progress, or made it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FlowKind {
            $($(#[$doc])* $name,)*
        }

        impl FlowKind {
            /// Every kind, in the order in which they are listed to people.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name of the command line's contract.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The state that looks like it: flows are painted as rows are.
            pub fn state(self) -> State {
                match self { $(Self::$name => State::$look,)* }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

kinds! {
    /// On a CPU, interrupts on top of it included.
    Running = "running", RunningUser, "It ran on a CPU.";
    /// Its vCPU was in the hypervisor while it believed to run.
    Hypervisor = "hypervisor", InHypervisor, "The hypervisor worked for its vCPU: an exit was handled, a device emulated.";
    /// The host had given its vCPU's processor to somebody else.
    VcpuPreempted = "vcpu-preempted", PreemptedByHost, "The host had taken its vCPU off the processor for somebody else.";
    /// Its vCPU was awake and waited for a processor of the host.
    VcpuWaitingCpu = "vcpu-waiting-cpu", VcpuWaiting, "Its vCPU had been woken and waited for a processor of the host.";
    /// Runnable, and its own kernel ran somebody else.
    Preempted = "preempted", WaitingCpu, "It was runnable, and its own kernel let somebody else run.";
    /// Asleep until the timer interrupt or the scheduler's softirq woke it.
    Interrupted = "interrupted", Interrupted, "It slept until the timer interrupt or the scheduler woke it.";
    /// Asleep until a timer.
    Timer = "timer", Timer, "It slept until a timer expired.";
    /// Asleep until a block device.
    Disk = "disk", Disk, "It waited for a block device.";
    /// Asleep until a packet came.
    Network = "network", Network, "It waited for the network.";
    /// Asleep until an inter-processor interrupt.
    Ipi = "ipi", Interrupted, "It slept until an interrupt from another CPU woke it.";
    /// Asleep until somebody touched a keyboard or mouse.
    UserInput = "user-input", Blocked, "It waited for somebody to touch keyboard or mouse.";
    /// Asleep, and who woke it is not known or did not run meanwhile.
    Blocked = "blocked", Blocked, "It slept, and the trace does not tell what it waited for.";
    /// Nothing is known.
    Unknown = "unknown", Unknown, "The trace does not tell.";
}

impl FlowKind {
    /// Whether it is time that the host took from a VM.
    pub fn is_stolen(self) -> bool {
        matches!(self, Self::VcpuPreempted | Self::VcpuWaitingCpu)
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }
}
