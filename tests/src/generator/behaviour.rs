//! What threads do: each kind is a small program that says, whenever its time is over, what comes next.

use super::kernel::{IDLE, Log, Machine, Sys, Timer, What};
use super::vm::ExitRequest;

/// The kinds of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Computes, with a system call now and then.
    Burner,
    /// Opens, reads and closes files in bursts, then sleeps.
    Filer,
    /// Sleeps, and does little else.
    Sleeper,
    /// Writes to a pipe and waits for the answer.
    Asker,
    /// Waits on a pipe and answers.
    Answerer,
    /// Waits for the disk.
    Disk,
    /// Sends a packet and waits for another.
    Net,
    /// Starts programs and waits for their end.
    Shell,
    /// A started program.
    Child,
    /// A kernel thread.
    Worker,
    /// Dumps the state of the machine at the begin, then rests.
    Dumper,
    /// Works for 20 ms every 100 ms and marks it in the trace.
    Critical,
    /// Makes the synchronisation events of a guest.
    Sync,
    /// A virtual CPU (driven by `vm`).
    Vcpu,
    /// The emulator's main thread (driven by `vm`).
    Qemu,
}

/// The phase of every thread that was woken from `clock_nanosleep`.
const SLEPT: u32 = 1_000;

impl Machine {
    /// The current thread of CPU `c` has used up its time: decides what it does next.
    pub(crate) fn behave(&mut self, c: usize, now: i64) {
        let th = self.cpus[c].current;
        if th == IDLE {
            return;
        }
        let (kind, phase, count) = (self.threads[th].kind, self.threads[th].phase, self.threads[th].count);
        if phase == SLEPT {
            self.push(c, 0, What::Leave(Sys::Nanosleep, 0));
            self.go_on(c, th, 0, 1_500, 6_000);
            return;
        }
        if self.is_guest && self.rng.one_in(400) {
            let request = if self.rng.one_in(4) { ExitRequest::Cpuid } else { ExitRequest::PageFault };
            self.exit_request(c, request);
        }
        match kind {
            Kind::Burner => match phase {
                0 => self.go_on(c, th, 1, 150_000, 1_500_000),
                1 => {
                    self.call(c, Sys::Futex, 0, 4_000);
                    self.threads[th].count = count + 1;
                    self.go_on(c, th, if count % 512 == 511 { 2 } else { 0 }, 3_000, 20_000);
                }
                _ => self.sleep(c, th, now, now + 400_000_000),
            },
            Kind::Filer => self.filer(c, th, phase, now),
            Kind::Sleeper => match phase {
                0 => {
                    self.call(c, Sys::Write, 24, 3_000);
                    self.go_on(c, th, 1, 4_000, 60_000);
                }
                _ => self.sleep(c, th, now, 0),
            },
            Kind::Asker => self.asker(c, th, phase, count, now),
            Kind::Answerer => match phase {
                0 => {
                    self.push(c, 0, What::Enter(Sys::Read));
                    self.push(c, 1_300, What::Block(1));
                    self.go_on(c, th, 1, 700, 900);
                }
                1 => {
                    self.push(c, 0, What::Leave(Sys::Read, 1));
                    self.go_on(c, th, 2, 1_500, 9_000);
                }
                _ => {
                    let peer = self.threads[th].peer;
                    self.push(c, 0, What::Enter(Sys::Write));
                    self.push(c, 900, What::Wake(peer));
                    self.push(c, 800, What::Leave(Sys::Write, 1));
                    self.go_on(c, th, 0, 900, 2_500);
                }
            },
            Kind::Disk => self.disk(c, th, phase, count, now),
            Kind::Net => self.net(c, th, phase, count, now),
            Kind::Shell => self.shell(c, th, phase, count, now),
            Kind::Child => self.child(c, th, phase),
            Kind::Worker => {
                if phase == 0 {
                    let pause = i64::from(self.rng.between(self.pace / 2, self.pace));
                    self.arm(c, now + pause, Timer::Sleep(th));
                    self.push(c, 0, What::Block(128));
                }
                self.go_on(c, th, 1 - phase.min(1), 6_000, 30_000);
            }
            Kind::Dumper => self.dumper(c, th, phase),
            Kind::Critical => self.critical(c, th, phase, count, now),
            Kind::Sync => self.sync(c, th, phase, count, now),
            Kind::Vcpu | Kind::Qemu => self.cpus[c].left = 1_000_000,
        }
    }

    /// Sets the next phase and the time until then.
    pub(crate) fn go_on(&mut self, c: usize, th: usize, phase: u32, low: u32, high: u32) {
        self.threads[th].phase = phase;
        self.cpus[c].left = i64::from(self.rng.between(low, high));
    }

    /// A system call that does not sleep. Interrupts are handled while it works.
    fn call(&mut self, c: usize, sys: Sys, result: i64, work: u32) {
        let work = self.rng.between(work / 3, work);
        self.push(c, 0, What::Enter(sys));
        self.push_open(c, work, What::Leave(sys, result));
    }

    /// Sleeps in `clock_nanosleep`: until `at`, or, if that is past, for the usual pause.
    fn sleep(&mut self, c: usize, th: usize, now: i64, at: i64) {
        let at =
            if at > now { at } else { now + i64::from(self.rng.between(self.pace / 2, self.pace + self.pace / 2)) };
        self.push(c, 0, What::Enter(Sys::Nanosleep));
        self.push(c, 1_500, What::Block(1));
        self.arm(c, at.max(now + 10_000), Timer::Sleep(th));
        self.go_on(c, th, SLEPT, 700, 1_100);
    }

    fn filer(&mut self, c: usize, th: usize, phase: u32, now: i64) {
        if phase > 12 && self.rng.one_in(4) {
            self.sleep(c, th, now, 0);
            return;
        }
        self.call(c, Sys::Openat, 5, 6_000);
        for _ in 0..self.rng.between(1, 4) {
            self.cpus[c].ops.back_mut().into_iter().for_each(|op| op.open = true);
            self.push(c, 1_300, What::Enter(Sys::Read));
            self.push_open(c, 1_900, What::Leave(Sys::Read, 832));
        }
        self.push(c, 1_000, What::Enter(Sys::Close));
        self.push(c, 600, What::Leave(Sys::Close, 0));
        self.go_on(c, th, phase + 1, 3_000, 25_000);
    }

    fn asker(&mut self, c: usize, th: usize, phase: u32, count: u64, now: i64) {
        match phase {
            0 => {
                let peer = self.threads[th].peer;
                self.push(c, 0, What::Enter(Sys::Write));
                self.push(c, 900, What::Wake(peer));
                self.push(c, 800, What::Leave(Sys::Write, 1));
                self.push(c, 1_400, What::Enter(Sys::Read));
                self.push(c, 1_300, What::Block(1));
                self.go_on(c, th, 1, 700, 900);
            }
            1 => {
                self.push(c, 0, What::Leave(Sys::Read, 1));
                self.threads[th].count = count + 1;
                self.go_on(c, th, if count % 60 == 59 { 2 } else { 0 }, 1_500, 12_000);
            }
            _ => self.sleep(c, th, now, 0),
        }
    }

    fn disk(&mut self, c: usize, th: usize, phase: u32, count: u64, now: i64) {
        let sys = if count.is_multiple_of(5) { Sys::Fsync } else { Sys::Pread };
        match phase {
            0 => {
                let latency = self.rng.between(60_000, 900_000);
                self.push(c, 0, What::Enter(sys));
                self.push_open(c, 5_000, What::BlockIssue(latency));
                self.push(c, 1_800, What::Block(2));
                self.go_on(c, th, 1, 1_200, 1_900);
            }
            1 => {
                self.push(c, 0, What::Leave(sys, if sys == Sys::Fsync { 0 } else { 4_096 }));
                self.threads[th].count = count + 1;
                self.go_on(c, th, if count % 8 == 7 { 2 } else { 0 }, 8_000, 50_000);
            }
            _ => self.sleep(c, th, now, 0),
        }
    }

    fn net(&mut self, c: usize, th: usize, phase: u32, count: u64, now: i64) {
        match phase {
            0 => {
                self.push(c, 0, What::Enter(Sys::Sendto));
                self.push_open(c, 4_000, What::NetQueue);
                self.push(c, 1_500, What::Leave(Sys::Sendto, 117));
                self.push(c, 1_200, What::Enter(Sys::Recvfrom));
                self.push(c, 1_600, What::Block(1));
                let latency = i64::from(self.rng.between(40_000, 400_000));
                // Network interrupts go to the first CPU, as with one queue.
                self.arm(0, now + 12_000 + latency, Timer::Net(th));
                self.go_on(c, th, 1, 900, 1_200);
            }
            1 => {
                self.push(c, 0, What::Leave(Sys::Recvfrom, 117));
                self.threads[th].count = count + 1;
                self.go_on(c, th, if count % 10 == 9 { 2 } else { 0 }, 4_000, 20_000);
            }
            _ => self.sleep(c, th, now, 0),
        }
    }

    fn shell(&mut self, c: usize, th: usize, phase: u32, count: u64, now: i64) {
        match phase {
            0 => {
                self.push(c, 0, What::Enter(Sys::Clone));
                self.push_open(c, 30_000, What::Fork);
                self.go_on(c, th, 1, 9_000, 15_000);
            }
            1 => {
                self.push(c, 0, What::Enter(Sys::Wait4));
                self.push(c, 900, What::WaitChild);
                self.push(c, 1_500, What::Block(1));
                self.go_on(c, th, 2, 1_100, 1_800);
            }
            2 => {
                let child = i64::try_from(count).unwrap_or(0);
                self.push(c, 0, What::Leave(Sys::Wait4, child));
                self.go_on(c, th, 3, 9_000, 40_000);
            }
            _ => self.sleep(c, th, now, 0),
        }
    }

    fn child(&mut self, c: usize, th: usize, phase: u32) {
        match phase {
            0 => {
                self.push(c, 0, What::Leave(Sys::Clone, 0));
                self.go_on(c, th, 1, 20_000, 60_000);
            }
            1 => {
                self.push(c, 0, What::Enter(Sys::Execve));
                self.push_open(c, 90_000, What::Exec);
                self.push_open(c, 40_000, What::Leave(Sys::Execve, 0));
                self.go_on(c, th, 2, 9_000, 30_000);
            }
            2..=6 => {
                self.call(c, Sys::Openat, 3, 7_000);
                self.push_open(c, 2_000, What::Enter(Sys::Read));
                self.push_open(c, 3_000, What::Leave(Sys::Read, 832));
                self.push(c, 900, What::Enter(Sys::Close));
                self.push(c, 700, What::Leave(Sys::Close, 0));
                self.go_on(c, th, phase + 1, 20_000, 300_000);
            }
            _ => {
                self.push(c, 0, What::Enter(Sys::ExitGroup));
                self.push_open(c, 50_000, What::Exit);
                self.go_on(c, th, phase, 1_000, 1_000);
            }
        }
    }

    fn dumper(&mut self, c: usize, th: usize, phase: u32) {
        let steps = self.dump_steps();
        let begin = usize::try_from(phase).unwrap_or(0) * 16;
        if begin >= steps {
            self.push(c, 0, What::Block(128));
            self.cpus[c].left = 10_000;
            return;
        }
        for step in begin..(begin + 16).min(steps) {
            self.push_open(c, 1_400, What::Dump(step));
        }
        self.go_on(c, th, phase + 1, 2_000, 4_000);
    }

    fn critical(&mut self, c: usize, th: usize, phase: u32, count: u64, now: i64) {
        const PERIOD: i64 = 100_000_000;
        match phase {
            0 => {
                self.log_text(c, Log::CriticalBegin(count));
                self.go_on(c, th, 1, 20_000_000, 20_000_000);
            }
            1 => {
                self.log_text(c, Log::CriticalEnd(count));
                self.threads[th].count = count + 1;
                self.go_on(c, th, 2, 5_000, 9_000);
            }
            _ => self.sleep(c, th, now, now.div_euclid(PERIOD) * PERIOD + PERIOD),
        }
    }

    fn sync(&mut self, c: usize, th: usize, phase: u32, count: u64, now: i64) {
        let n = count * 2 + 1;
        match phase {
            0 => {
                self.log_text(c, Log::SyncOut(n));
                self.push(c, 600, What::Exits(ExitRequest::Sync(n)));
                self.go_on(c, th, 1, 2_000, 2_500);
            }
            1 => {
                self.log_text(c, Log::SyncBack(n + 1));
                self.threads[th].count = count + 1;
                self.go_on(c, th, 2, 3_000, 5_000);
            }
            _ => {
                let pause = i64::from(self.rng.between(7_000_000, 13_000_000));
                self.sleep(c, th, now, now + pause);
            }
        }
    }

    /// A text written from user space.
    fn log_text(&mut self, c: usize, log: Log) {
        self.push(c, 0, What::Enter(Sys::Write));
        self.push(c, 1_100, What::Logger(log));
        self.push(c, 900, What::Leave(Sys::Write, 33));
    }
}
