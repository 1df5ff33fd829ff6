//! The few words that flows write as details, interned once.

use crate::vocab::{Interner, Name};

macro_rules! words {
    ($($name:ident = $text:literal;)*) => {
        /// Details of flows.
        #[derive(Clone, Copy)]
        pub(super) struct Words {
            $(pub(super) $name: Name,)*
        }

        impl Words {
            pub(super) fn new(names: &Interner) -> Self {
                Self { $($name: names.intern($text),)* }
            }
        }
    };
}

words! {
    // The kernel's own words for why a wait ended, and for a thread that runs in a mode that nobody knows.
    timer = "timer";
    disk = "disk";
    network = "network";
    task = "task";
    running = "running";
    // Why nothing explains a piece.
    lost = "events were lost";
    no_wakeup = "no wake-up was recorded";
    waker_lost = "the event of its waker was lost";
    to_the_end = "until the end of the trace";
    sender_unknown = "its sender is not known";
    from_softirq = "sent by the kernel itself";
    nobody = "nobody: the CPU was idle";
    halted = "its vCPU was halted";
    no_host = "the host does not tell";
    delivery = "its interrupt was on the way";
}
