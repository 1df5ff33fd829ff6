//! Who lives on a machine: the threads with which a simulation begins.

use super::behaviour::Kind;
use super::kernel::{IDLE, Machine, Timer};
use super::sched::comm;
use super::vm::VcpuRecord;

/// The share of each kind among the ordinary threads, in parts of a hundred.
const MIX: [(&str, Kind, u32); 7] = [
    ("filer", Kind::Filer, 22),
    ("sleeper", Kind::Sleeper, 24),
    ("asker", Kind::Asker, 22),
    ("db", Kind::Disk, 12),
    ("client", Kind::Net, 8),
    ("bash", Kind::Shell, 5),
    ("kworker/u", Kind::Worker, 7),
];

impl Machine {
    /// Lets a thread start at a random moment of the first `window` ns on CPU `c`: it sleeps until then.
    fn start(&mut self, th: usize, c: usize, window: u32) {
        let at = 50_000 + i64::from(self.rng.below(window));
        self.threads[th].cpu = c;
        self.cpus[c].timers.push(std::cmp::Reverse((at, Timer::Sleep(th))));
    }

    /// Fills the machine with `threads` threads, the state dump's thread running on the first CPU.
    pub(crate) fn populate(&mut self, threads: usize) {
        let cpus = self.cpus.len();
        let per_cpu = u32::try_from(threads.div_ceil(cpus)).unwrap_or(1_000);
        // So many threads share a CPU that each must rest for long, or nobody would ever be idle.
        self.pace = per_cpu.saturating_mul(1_400_000).clamp(3_000_000, 900_000_000);
        let window = self.pace.saturating_mul(2);
        let init = self.spawn("systemd", Kind::Sleeper, 0, 20);
        self.start(init, 0, window);
        self.next_tid = 15;
        for c in 0..cpus {
            let th = self.spawn(&format!("kworker/{c}:1"), Kind::Worker, 2, 20);
            self.threads[th].pin = c;
            self.start(th, c, window);
        }
        self.next_tid = 600;
        let mut made = cpus + 1;
        let mut n = 0;
        // A few threads that compute for a second at a time, so that others must wait and are preempted.
        if !self.is_guest {
            for burner in 0..cpus.div_ceil(4) {
                let th = self.spawn(&format!("burner-{burner}"), Kind::Burner, 1, 20);
                self.start(th, burner, window);
                made += 1;
            }
        }
        while made < threads {
            let slot = self.rng.below(100);
            let mut sum = 0;
            let (name, kind) = MIX
                .iter()
                .find(|(_, _, share)| {
                    sum += share;
                    slot < sum
                })
                .map_or(("sleeper", Kind::Sleeper), |(name, kind, _)| (*name, *kind));
            let kind = if kind == Kind::Net && self.is_guest { Kind::Sleeper } else { kind };
            n += 1;
            let c = n % cpus;
            let th = self.spawn(&format!("{name}-{n}"), kind, 1, 20);
            self.start(th, c, window);
            made += 1;
            if kind == Kind::Asker {
                let peer = self.spawn(&format!("answer-{n}"), Kind::Answerer, 1, 20);
                self.threads[peer].peer = th;
                self.threads[th].peer = peer;
                // It begins when it is asked for the first time, and then with the answer.
                self.threads[peer].phase = 2;
                self.threads[peer].cpu = c;
                made += 1;
            }
        }
        let dumper = self.spawn("lttng-consumerd", Kind::Dumper, 1, 20);
        self.dumped = self.threads.len();
        self.threads[dumper].asleep = false;
        self.cpus[0].current = dumper;
        self.cpus[0].left = 20_000;
        self.cpus[0].step_at = 20_000;
        self.idle &= !1;
    }

    /// The threads that a guest has besides: its synchroniser, a periodic task, and something that burns.
    pub(crate) fn populate_guest(&mut self, vm_uid: u64) {
        self.vm_uid = vm_uid;
        let sync = self.spawn("vmsync", Kind::Sync, 1, -51);
        self.start(sync, 0, 4_000_000);
        let last = self.cpus.len() - 1;
        if vm_uid == 101 {
            let critical = self.spawn("critical", Kind::Critical, 1, 20);
            self.start(critical, last, 8_000_000);
        } else {
            let burner = self.spawn("burner-vm", Kind::Burner, 1, 20);
            self.start(burner, last, 8_000_000);
        }
        self.dumped = self.threads.len();
    }

    /// A host's threads for one guest: the emulator and one thread per virtual CPU.
    pub(crate) fn populate_emulator(&mut self, guest: usize, vcpus: usize) {
        let emulator = self.spawn("qemu-system-x86", Kind::Qemu, 1, 20);
        let pid = self.threads[emulator].tid;
        self.start(emulator, 0, 300_000);
        for number in 0..vcpus {
            let th = self.spawn(&format!("CPU {number}/KVM"), Kind::Vcpu, 1, 20);
            let vcpu = self.vcpus.len();
            let cpus = self.cpus.len();
            // Half of the host's CPUs, from the last one down, carry all virtual CPUs: they compete.
            let pin = cpus - 1 - vcpu % cpus.div_ceil(2);
            let thread = &mut self.threads[th];
            thread.pid = pid;
            thread.vcpu = vcpu;
            thread.pin = pin;
            thread.comm = comm(&format!("CPU {number}/KVM"));
            let tid = thread.tid;
            let pointer = 0x8673_9c50_u32.wrapping_add(u32::try_from(vcpu).unwrap_or(0).wrapping_mul(0x4_1e80));
            self.vcpus.push(VcpuRecord::new(guest, number, th, tid, pointer, emulator));
            self.start(th, pin, 400_000);
        }
        self.dumped = self.threads.len();
        debug_assert!(self.threads.iter().all(|thread| thread.pin == IDLE || thread.pin < self.cpus.len()));
    }
}
