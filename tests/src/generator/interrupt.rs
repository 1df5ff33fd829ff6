//! Interrupts: expired timers and devices put their scripts in front of what a CPU was doing.

use std::cmp::Reverse;

use super::kernel::{IDLE, Machine, Op, Timer, What};
use super::sched::next_tick;

/// Soft interrupt numbers of Linux.
const SOFT_TIMER: u32 = 1;
const SOFT_NET_RX: u32 = 3;
const SOFT_BLOCK: u32 = 4;
const SOFT_SCHED: u32 = 7;
const SOFT_RCU: u32 = 9;
/// Which function a high-resolution timer calls; only addresses in the events differ.
const FUNCTION_TICK: u64 = 0;
const FUNCTION_WAKE: u64 = 1;
const FUNCTION_APIC: u64 = 2;

/// Operations of one interrupt: the hard part, and the soft part that follows when no other soft interrupt runs.
#[derive(Debug, Default)]
pub(crate) struct Script {
    hard: Vec<Op>,
    soft: Vec<Op>,
}

impl Script {
    fn hard(&mut self, delay: u32, what: What) {
        // The very first event is the proof of the interrupt: it happens at the interrupt's own time.
        let delay = if self.hard.is_empty() { 0 } else { delay };
        self.hard.push(Op { delay: i64::from(delay), open: false, what });
    }
    fn soft(&mut self, delay: u32, open: bool, what: What) {
        self.soft.push(Op { delay: i64::from(delay), open, what });
    }
    fn hrtimer(&mut self, function: u64, work: Option<What>) {
        self.hard(1_200, What::HrtimerEntry(function));
        if let Some(work) = work {
            self.hard(900, work);
        }
        self.hard(1_100, What::HrtimerExit(function));
    }
}

impl Machine {
    /// Takes the interrupts of all timers that expired by `now` on CPU `c`, whose queue must be open for them.
    /// Says whether their first operation is to be done at `now`.
    pub(crate) fn interrupt(&mut self, c: usize, now: i64) -> bool {
        // The lists are kept for the next interrupt: nothing is allocated.
        let mut script = std::mem::take(&mut self.script);
        while self.cpus[c].timer() <= now {
            let Some(Reverse((_, timer))) = self.cpus[c].timers.pop() else {
                break;
            };
            self.handle(c, now, timer, &mut script);
        }
        let cpu = &mut self.cpus[c];
        cpu.last = now;
        // What was going on continues afterwards with the time that it had left.
        if let Some(front) = cpu.ops.front_mut() {
            front.delay = (cpu.step_at - now).max(0);
        } else if cpu.current != IDLE {
            cpu.left = (cpu.step_at - now).max(0);
        }
        if script.hard.is_empty() {
            self.script = script;
            return false;
        }
        if cpu.current == IDLE {
            cpu.disturbed = true;
        }
        // A soft interrupt is never nested in another one: its turn comes after that one's end.
        let after = if cpu.in_soft {
            cpu.ops.iter().position(|op| matches!(op.what, What::SoftExit(_))).map_or(0, |place| place + 1)
        } else {
            0
        };
        for op in script.soft.drain(..).rev() {
            cpu.ops.insert(after, op);
        }
        for op in script.hard.drain(..).rev() {
            cpu.ops.push_front(op);
        }
        self.script = script;
        true
    }

    /// Adds one timer's operations to the script.
    fn handle(&mut self, c: usize, now: i64, timer: Timer, script: &mut Script) {
        match timer {
            Timer::Tick => self.tick(c, now, script),
            Timer::Sleep(th) => script.hrtimer(FUNCTION_WAKE, Some(What::Wake(th))),
            Timer::Disk(th) => {
                script.hard(0, What::IrqEntry(28));
                script.hard(3_000, What::Raise(SOFT_BLOCK));
                script.hard(1_500, What::IrqExit(28));
                script.soft(1_000, false, What::SoftEntry(SOFT_BLOCK));
                script.soft(1_500, true, What::BlockDone);
                script.soft(1_800, false, What::Wake(th));
                script.soft(1_500, true, What::SoftExit(SOFT_BLOCK));
            }
            Timer::Net(th) => {
                script.hard(0, What::IrqEntry(29));
                script.hard(1_200, What::Raise(SOFT_NET_RX));
                script.hard(900, What::IrqExit(29));
                script.soft(1_000, false, What::SoftEntry(SOFT_NET_RX));
                script.soft(4_000, true, What::NetReceive);
                script.soft(2_500, true, What::Wake(th));
                script.soft(9_000, true, What::SoftExit(SOFT_NET_RX));
            }
            Timer::Ipi => {}
            Timer::Free(th) => {
                script.hard(1_200, What::HrtimerEntry(FUNCTION_TICK));
                script.hard(900, What::Raise(SOFT_RCU));
                script.hard(900, What::HrtimerExit(FUNCTION_TICK));
                script.soft(1_000, false, What::SoftEntry(SOFT_RCU));
                script.soft(2_000, true, What::Free(th));
                script.soft(1_500, true, What::SoftExit(SOFT_RCU));
            }
            Timer::Guest(vcpu) => {
                // A timer that the guest has replaced meanwhile was cancelled: nothing happens.
                if self.vcpus[vcpu].armed <= now {
                    self.vcpus[vcpu].armed = i64::MAX;
                    script.hrtimer(FUNCTION_APIC, Some(What::Wake(self.vcpus[vcpu].thread)));
                }
            }
        }
    }

    /// The scheduler's tick.
    fn tick(&mut self, c: usize, now: i64, script: &mut Script) {
        let cpu = &mut self.cpus[c];
        if cpu.current == IDLE && cpu.queue.is_empty() {
            // Nothing to do: the tick stops until somebody runs again.
            cpu.ticking = false;
        } else {
            if now >= cpu.slice_end && !cpu.queue.is_empty() {
                cpu.resched = true;
            }
            // A virtual CPU that was away has missed some ticks; they are not caught up.
            self.arm(c, next_tick(c, now), Timer::Tick);
        }
        script.hard(1_200, What::HrtimerEntry(FUNCTION_TICK));
        match self.rng.below(6) {
            0 | 1 => {
                script.hard(1_500, What::Raise(SOFT_TIMER));
                script.soft(1_000, false, What::SoftEntry(SOFT_TIMER));
                script.soft(1_500, true, What::TimerEntry);
                script.soft(5_000, true, What::TimerExit);
                script.soft(1_200, true, What::SoftExit(SOFT_TIMER));
            }
            2 => {
                let vec = if self.rng.one_in(2) { SOFT_SCHED } else { SOFT_RCU };
                script.hard(1_500, What::Raise(vec));
                script.soft(1_000, false, What::SoftEntry(vec));
                script.soft(6_000, true, What::SoftExit(vec));
            }
            _ => {}
        }
        script.hard(1_900, What::HrtimerExit(FUNCTION_TICK));
    }
}
