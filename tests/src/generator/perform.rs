//! The operations of a CPU: what each one records and what it changes.

use std::io::Write as _;

use super::behaviour::Kind;
use super::kernel::{IDLE, Log, Machine, Sys, Timer, What};
use super::sched::{comm, cpu_i32};
use super::schema::Ev;
use super::stream::Stream;
use super::vm::ExitRequest;

/// Addresses in events; nothing depends on them.
const KERNEL_TEXT: u64 = 0xffff_ffff_9350_0000;
const KERNEL_HEAP: u64 = 0xffff_8bcb_bbc0_0000;
const USER_STACK: u64 = 140_726_091_100_000;

/// A file for `openat`.
const FILES: [&str; 6] = [
    "/etc/ld.so.cache",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/proc/self/stat",
    "/sys/class/net/eth0/statistics/rx_bytes",
    "/var/log/messages",
    "/tmp/work/part-0001.dat",
];
/// Programs that shells start.
const PROGRAMS: [&str; 4] = ["/usr/bin/ls", "/usr/bin/grep", "/bin/cut", "/usr/bin/sort"];

/// A place in one of the small tables above.
fn pick<T: Copy>(table: &[T], n: u64, default: T) -> T {
    let len = u64::try_from(table.len()).unwrap_or(1).max(1);
    usize::try_from(n % len).ok().and_then(|i| table.get(i).copied()).unwrap_or(default)
}

impl Machine {
    /// Does one operation on CPU `c` at `now`.
    pub(crate) fn perform(&mut self, c: usize, now: i64, what: What) {
        match what {
            What::Enter(sys) => {
                self.syscall_entry(c, now, sys);
                self.in_syscall(c, now, Some(sys));
            }
            What::Leave(sys, result) => {
                self.syscall_exit(c, now, sys, result);
                self.in_syscall(c, now, None);
            }
            What::Wake(th) => self.wake(c, th, now),
            What::Poke(th) => {
                if self.threads[th].phase == 1 {
                    self.wake(c, th, now);
                }
            }
            What::Woken(th, target) => self.woken(c, th, target, now),
            What::Block(state) => self.block(c, state, now),
            What::Preempt(state) => self.switch(c, now, state, false),
            What::IdleEnter => self.idle_event(c, now, 1, true),
            What::IdleExit => self.idle_event(c, now, u32::MAX, false),
            What::HrtimerEntry(function) => {
                let t = self.clock.cycles(now);
                let timer = KERNEL_HEAP + (u64::try_from(c).unwrap_or(0) << 16) + function * 0x40;
                self.rec.event(c, Ev::HrtimerEntry, t, |s| {
                    s.u64(timer);
                    s.i64(t);
                    s.u64(KERNEL_TEXT + function * 0x1230);
                });
            }
            What::HrtimerExit(function) => {
                let t = self.clock.cycles(now);
                let timer = KERNEL_HEAP + (u64::try_from(c).unwrap_or(0) << 16) + function * 0x40;
                self.rec.event(c, Ev::HrtimerExit, t, |s| s.u64(timer));
            }
            What::Raise(vec) => self.simple(c, now, Ev::SoftirqRaise, vec),
            What::SoftEntry(vec) => {
                self.simple(c, now, Ev::SoftirqEntry, vec);
                self.cpus[c].in_soft = true;
                self.account(c, now);
            }
            What::SoftExit(vec) => {
                self.simple(c, now, Ev::SoftirqExit, vec);
                self.cpus[c].in_soft = false;
                self.account(c, now);
            }
            What::IrqEntry(irq) => {
                let t = self.clock.cycles(now);
                let name = if irq == 28 { "virtio0-requests" } else { "eth0-rx-0" };
                self.rec.event(c, Ev::IrqEntry, t, |s| {
                    s.i32(irq);
                    s.text(name);
                });
                self.cpus[c].in_irq = true;
                self.account(c, now);
            }
            What::IrqExit(irq) => {
                let t = self.clock.cycles(now);
                self.rec.event(c, Ev::IrqExit, t, |s| {
                    s.i32(irq);
                    s.i32(1);
                });
                self.cpus[c].in_irq = false;
                self.account(c, now);
            }
            What::TimerEntry => {
                let t = self.clock.cycles(now);
                let jiffies = 4_294_892_296_u64.wrapping_add_signed(now / 4_000_000);
                self.rec.event(c, Ev::TimerEntry, t, |s| {
                    s.u64(KERNEL_HEAP + 0x3e38);
                    s.u64(jiffies);
                    s.u64(KERNEL_TEXT + 0x5_3510);
                    s.u64(jiffies);
                });
            }
            What::TimerExit => {
                let t = self.clock.cycles(now);
                self.rec.event(c, Ev::TimerExit, t, |s| s.u64(KERNEL_HEAP + 0x3e38));
            }
            What::BlockIssue(latency) => self.block_issue(c, now, latency),
            What::BlockDone => {
                let t = self.clock.cycles(now);
                let sector = self.rng.next_u64() & 0xf_ffff;
                self.rec.event(c, Ev::BlockComplete, t, |s| {
                    s.u32(8_388_608);
                    s.u64(sector);
                    s.u32(8);
                    s.i32(0);
                    s.u32(97);
                });
            }
            What::NetQueue => self.net_event(c, now, Ev::NetQueue, 44_000, 443),
            What::NetReceive => self.net_event(c, now, Ev::NetReceive, 443, 44_000),
            What::Fork => self.fork(c, now),
            What::WakeNew(child) => self.wake_new(c, child, now),
            What::Exec => self.exec(c, now),
            What::Exit => self.exit(c, now),
            What::WaitChild => {
                let th = self.cpus[c].current;
                if th != IDLE {
                    self.life_event(c, th, Ev::SchedWait, now);
                }
            }
            What::Free(th) => self.release(c, th, now),
            What::Logger(log) => self.logger(c, now, log),
            What::Dump(step) => self.dump(c, now, step),
            What::Exits(request) => self.exit_request(c, request),
            What::VmExit(_)
            | What::Inject(_)
            | What::Msr(_)
            | What::Pio
            | What::UserspaceExit
            | What::Hypercall(_)
            | What::PageFault
            | What::Cpuid => self.perform_vm(c, now, what),
            // These two need the guests too; `vm` does them.
            What::VmEnter | What::SetIrq(..) => {}
        }
    }

    /// The current thread is now in that system call, or in none.
    fn in_syscall(&mut self, c: usize, now: i64, sys: Option<Sys>) {
        let th = self.cpus[c].current;
        if th != IDLE {
            self.threads[th].sys = sys;
            self.account(c, now);
        }
    }

    fn idle_event(&mut self, c: usize, now: i64, state: u32, halting: bool) {
        let t = self.clock.cycles(now);
        let number = u32::try_from(c).unwrap_or(0);
        self.rec.event(c, Ev::CpuIdle, t, |s| {
            s.u32(state);
            s.u32(number);
        });
        self.cpus[c].halting = halting;
        self.cpus[c].disturbed = false;
    }

    fn block_issue(&mut self, c: usize, now: i64, latency: u32) {
        let th = self.cpus[c].current;
        if th == IDLE {
            return;
        }
        let t = self.clock.cycles(now);
        let sector = self.rng.next_u64() & 0xf_ffff;
        let thread = &self.threads[th];
        self.rec.event(c, Ev::BlockIssue, t, |s| {
            s.u32(8_388_608);
            s.u64(sector);
            s.u32(8);
            s.u32(4_096);
            s.i32(thread.tid);
            s.u32(97);
            s.bytes(&thread.comm);
        });
        if self.is_guest {
            self.exit_request(c, ExitRequest::Disk(th));
        } else {
            // The disk's interrupts go to the last CPU, wherever the request came from.
            let target = self.cpus.len() - 1;
            self.arm(target, now + i64::from(latency), Timer::Disk(th));
        }
    }

    fn exec(&mut self, c: usize, now: i64) {
        let th = self.cpus[c].current;
        if th == IDLE {
            return;
        }
        let t = self.clock.cycles(now);
        let thread = &mut self.threads[th];
        let tid = thread.tid;
        let path = pick(&PROGRAMS, thread.count, "/bin/true");
        thread.comm = comm(path.rsplit('/').next().unwrap_or(path));
        self.rec.event(c, Ev::SchedExec, t, |s| {
            s.text(path);
            s.i32(tid);
            s.i32(tid);
        });
    }

    fn logger(&mut self, c: usize, now: i64, log: Log) {
        let t = self.clock.cycles(now);
        let uid = self.vm_uid;
        let mut text = [0_u8; 64];
        let room = text.len();
        let mut rest = &mut text[..];
        // Longer texts would be cut; none is.
        let written = match log {
            Log::SyncOut(n) => write!(rest, "vmsync_gh_guest cnt={n} vm_uid={uid}"),
            Log::SyncBack(n) => write!(rest, "vmsync_hg_guest cnt={n} vm_uid={uid}"),
            Log::CriticalBegin(n) => write!(rest, "critical_begin {n}"),
            Log::CriticalEnd(n) => write!(rest, "critical_end {n}"),
        };
        let len = if written.is_ok() { room - rest.len() } else { room };
        self.rec.event(c, Ev::Logger, t, |s| {
            s.u64(u64::try_from(len).unwrap_or(0));
            s.bytes(&text[..len]);
        });
    }

    /// A packet with its headers; one in eight is of a protocol that the tracer does not know.
    fn net_event(&mut self, c: usize, now: i64, ev: Ev, from: u16, to: u16) {
        let t = self.clock.cycles(now);
        let seq = self.rng.next_u32();
        self.rec.event(c, ev, t, |s| {
            s.u64(KERNEL_HEAP + 0x9100);
            s.u32(117);
            s.text("eth0");
            if seq & 7 == 0 {
                s.u8(0);
                return;
            }
            s.u8(1);
            s.u8(4 | 5 << 4);
            s.u8(0);
            s.be16(117);
            s.be16(0x1c46);
            s.be16(0x4000);
            s.u8(64);
            s.u8(6);
            s.be16(0xb1e6);
            s.bytes(&[192, 168, 0, 7]);
            s.bytes(&[192, 168, 0, 8]);
            s.u8(1);
            s.be16(from);
            s.be16(to);
            s.be32(seq);
            s.be32(seq.wrapping_add(117));
            s.u8(8);
            s.u8(0x18);
            s.be16(502);
            s.be16(0xfe30);
            s.be16(0);
        });
    }

    fn syscall_entry(&mut self, c: usize, now: i64, sys: Sys) {
        let t = self.clock.cycles(now);
        let th = self.cpus[c].current;
        let n = self.threads.get(th).map_or(0, |thread| u64::from(thread.phase) + thread.count);
        let vcpu = self.threads.get(th).is_some_and(|thread| matches!(thread.kind, Kind::Vcpu));
        let program = pick(&PROGRAMS, self.threads.get(th).map_or(0, |thread| thread.count), "/bin/true");
        let ev = match sys {
            Sys::Read => Ev::EntryRead,
            Sys::Write => Ev::EntryWrite,
            Sys::Futex => Ev::EntryFutex,
            Sys::Nanosleep => Ev::EntryNanosleep,
            Sys::Ioctl => Ev::EntryIoctl,
            Sys::Close => Ev::EntryClose,
            Sys::Openat => Ev::EntryOpenat,
            Sys::Pread => Ev::EntryPread,
            Sys::Fsync => Ev::EntryFsync,
            Sys::Ppoll => Ev::EntryPpoll,
            Sys::Clone => Ev::EntryClone,
            Sys::Execve => Ev::EntryExecve,
            Sys::ExitGroup => Ev::EntryExitGroup,
            Sys::Wait4 => Ev::EntryWait4,
            Sys::Sendto => Ev::EntrySendto,
            Sys::Recvfrom => Ev::EntryRecvfrom,
        };
        self.rec.event(c, ev, t, |s| match sys {
            Sys::Read => {
                s.u32(5);
                s.u64(832);
            }
            Sys::Write => {
                s.u32(3);
                s.u64(USER_STACK);
                s.u64(33);
            }
            Sys::Futex => {
                s.u64(USER_STACK + 0x40);
                s.i32(129);
                s.u32(1);
                s.u64(0);
                s.u64(0);
                s.u32(0);
            }
            Sys::Nanosleep => {
                s.i32(1);
                s.i32(1);
                s.u64(USER_STACK + 0x88);
            }
            Sys::Ioctl => {
                s.u32(15);
                // KVM_RUN of a vCPU, KVM_IRQ_LINE_STATUS of the emulator.
                s.u32(if vcpu { 44_672 } else { 0xc008_ae67 });
                s.u64(0);
            }
            Sys::Close | Sys::Fsync => s.u32(5),
            Sys::Openat => {
                s.i32(-100);
                s.text(pick(&FILES, n, "/dev/null"));
                s.i32(524_288);
                s.u16(0);
            }
            Sys::Pread => {
                s.u32(4);
                s.u64(4_096);
                s.i64(65_536);
            }
            Sys::Ppoll => {
                s.u64(0);
                s.u64(0);
                s.u64(8);
                s.u32(2);
                poll_fds(s, 2);
            }
            Sys::Clone => {
                s.u64(0x0120_0011);
                s.u64(0);
                s.u64(0);
                s.u64(USER_STACK);
            }
            Sys::Execve => {
                s.text(program);
                s.u64(USER_STACK);
                s.u64(USER_STACK + 0x20);
            }
            Sys::ExitGroup => s.i32(0),
            Sys::Wait4 => {
                s.i32(-1);
                s.i32(0);
            }
            Sys::Sendto => {
                s.i32(6);
                s.u64(USER_STACK);
                s.u64(117);
                s.u32(0x4000);
                s.u64(0);
                s.i32(0);
            }
            Sys::Recvfrom => {
                s.i32(6);
                s.u64(2_048);
                s.u32(0);
                s.u64(0);
            }
        });
    }

    fn syscall_exit(&mut self, c: usize, now: i64, sys: Sys, result: i64) {
        let t = self.clock.cycles(now);
        let ev = match sys {
            Sys::Read => Ev::ExitRead,
            Sys::Write => Ev::ExitWrite,
            Sys::Futex => Ev::ExitFutex,
            Sys::Nanosleep => Ev::ExitNanosleep,
            Sys::Ioctl => Ev::ExitIoctl,
            Sys::Close => Ev::ExitClose,
            Sys::Openat => Ev::ExitOpenat,
            Sys::Pread => Ev::ExitPread,
            Sys::Fsync => Ev::ExitFsync,
            Sys::Ppoll => Ev::ExitPpoll,
            Sys::Clone => Ev::ExitClone,
            Sys::Execve => Ev::ExitExecve,
            Sys::ExitGroup => Ev::ExitExitGroup,
            Sys::Wait4 => Ev::ExitWait4,
            Sys::Sendto => Ev::ExitSendto,
            Sys::Recvfrom => Ev::ExitRecvfrom,
        };
        self.rec.event(c, ev, t, |s| {
            s.i64(result);
            match sys {
                Sys::Read | Sys::Pread => s.u64(USER_STACK),
                Sys::Futex | Sys::Wait4 => {
                    s.u64(USER_STACK + 0x40);
                    s.u64(0);
                }
                Sys::Nanosleep | Sys::Ioctl => s.u64(0),
                Sys::Ppoll => {
                    s.u32(2);
                    poll_fds(s, 1);
                }
                Sys::Recvfrom => {
                    s.u64(USER_STACK);
                    s.u64(0);
                    s.u64(0);
                }
                _ => {}
            }
        });
    }

    /// How many steps a state dump has: its frame, and one step a thread.
    pub(crate) fn dump_steps(&self) -> usize {
        6 + self.dumped
    }

    /// One step of the state dump.
    fn dump(&mut self, c: usize, now: i64, step: usize) {
        let t = self.clock.cycles(now);
        let last = self.dump_steps() - 1;
        match step {
            0 => self.rec.event(c, Ev::DumpStart, t, |_| {}),
            1 | 2 => self.rec.event(c, Ev::DumpInterrupt, t, |s| {
                s.u32(if step == 1 { 28 } else { 29 });
                s.text("PCI-MSI");
                s.text(if step == 1 { "virtio0-requests" } else { "eth0-rx-0" });
                s.i32(0);
            }),
            3 => self.rec.event(c, Ev::DumpBlock, t, |s| {
                s.u32(8_388_608);
                s.text("vda");
            }),
            4 => self.rec.event(c, Ev::DumpNet, t, |s| {
                s.text("eth0");
                s.be32(0xc0a8_0007);
            }),
            _ if step >= last => self.rec.event(c, Ev::DumpEnd, t, |_| {}),
            _ => {
                let Some(thread) = self.threads.get(step - 5).filter(|thread| thread.alive) else {
                    return;
                };
                let kernel = matches!(thread.kind, Kind::Worker | Kind::Dumper);
                // LTTng reports nearly every runnable thread as waiting for its first run.
                let status = if thread.asleep { 5 } else { 1 };
                self.rec.event(c, Ev::DumpProcess, t, |s| {
                    s.i32(thread.tid);
                    s.i32(thread.pid);
                    s.i32(thread.ppid);
                    s.bytes(&thread.comm);
                    s.i32(i32::from(kernel));
                    s.i32(5);
                    s.i32(0);
                    s.i32(status);
                    s.u32(cpu_i32(thread.cpu).unsigned_abs());
                    s.u64(KERNEL_HEAP + 0x1_b180);
                });
                let thread = &self.threads[step - 5];
                self.rec.event(c, Ev::DumpPidNs, t, |s| {
                    s.i32(thread.tid);
                    s.i32(thread.tid);
                    s.i32(thread.pid);
                    s.i32(thread.ppid);
                    s.i32(0);
                    s.u32(4_026_531_836);
                });
            }
        }
    }
}

/// The tail of a `ppoll` event: that many descriptors.
fn poll_fds(s: &mut Stream, n: u32) {
    s.u32(n);
    s.u8(0);
    for fd in 0..n {
        s.u32(fd + 4);
        s.u16(1);
        // One bit: readable.
        s.u8(1);
    }
}
