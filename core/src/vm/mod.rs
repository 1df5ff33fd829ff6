//! Virtual machines: who is whose guest, and what only host and guest together tell.
//!
//! Each machine is analysed alone and in its own time; here their rows are *joined* under the clock maps of
//! the moment. A changed synchronisation joins again and reads nothing again.

mod between;
mod budget;
mod build;
pub mod exits;
mod guest;
mod host;
pub mod instances;
mod join;
mod model;
mod recurring;
pub mod schedules;
mod tasks;
mod truth;
mod view;
mod who;

pub use between::Between;
pub use budget::{account_range, migrations, vm_times};
pub use build::{Assignment, Guess, Guessed, MachineFacts, build, guess_by_elimination};
pub use model::{LinkBy, Role, Vcpu, Vm, VmModel};
pub use recurring::{Recurring, recurring};
pub use tasks::{TaskTimes, tasks};
pub use truth::{TruthInput, join};
pub use view::{VcpuTimes, VmView, Who};
