//! One event a line: `CPU TIME [@CONTEXT_TID] EVENT ARGUMENTS`, `-` for an unknown CPU. A task is written
//! `TID:comm`; what follows a colon is a name.
//!
//! ```text
//! 0 100 switch 1:bash/2 0          prev task / prev_state, next task
//! 0 110 waking 7:cat 1             task, target CPU (also wakeup, wakeup_new)
//! 0 120 migrate 7 0 1              task, from, to
//! 0 130 fork 5/5 6/5:bash          parent tid/pid, child tid/pid:comm
//! 0 140 exec 6 /bin/ls [old]       task, path, tid before
//! 0 150 exit 6 | free 6 | prio 6 100
//! 0 160 enter read | leave
//! 0 170 irq 14:ata | irq_end 14 | vector 236:local_timer | vector_end 236
//! 0 180 raise 1 | softirq 1 | softirq_end 1 | hrtimer 7 | hrtimer_end 7 | timer 7 | timer_end 7
//! 0 190 dump 9:sshd pid=9 ppid=1 status=5 cpu=0 | dump_irq 14:ata
//! 0 200 net [7] | send [7] | block    a packet (of that number) arrives or leaves, a block request is complete
//! 0 205 handle | handle_end           a packet is handed upwards
//! 0 210 lost 250                   events of the CPU from 210 to 250 were lost
//! ```

use stratoscope_core::trace::{Lost, LostKind};
use stratoscope_core::vocab::{
    Cpu, Event, Interner, KernelEvent, MachineNs, Name, PacketKey, SyscallAbi, Tid, TimeRange,
};

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    Event(Event),
    Lost(Cpu, Lost),
}

/// All lines of a text; empty ones and those that begin with `#` say nothing.
pub(crate) fn parse(text: &str, names: &Interner) -> Vec<Line> {
    text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(|l| line(l, names)).collect()
}

struct Task {
    tid: Tid,
    comm: Name,
    extra: i32,
    prio: i16,
}

/// `TID[/EXTRA][!PRIO][:comm]`
fn task(text: &str, names: &Interner) -> Task {
    let (numbers, comm) = text.split_once(':').unwrap_or((text, ""));
    let (numbers, prio) = numbers.split_once('!').unwrap_or((numbers, "120"));
    let (tid, extra) = numbers.split_once('/').unwrap_or((numbers, "-1"));
    Task { tid: Tid(number(tid)), comm: names.intern(comm), extra: number(extra), prio: number(prio) as i16 }
}

fn number(text: &str) -> i32 {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("not a number: {text}"))
}

fn cpu(text: &str) -> Cpu {
    if text == "-" { Cpu::UNKNOWN } else { Cpu(number(text) as u16) }
}

fn line(text: &str, names: &Interner) -> Line {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let on = cpu(words.remove(0));
    let t = MachineNs(i64::from(number(words.remove(0))));
    let mut context_tid = Tid(-1);
    if let Some(tid) = words[0].strip_prefix('@') {
        context_tid = Tid(number(tid));
        words.remove(0);
    }
    let what = words.remove(0);
    let arg = |n: usize| words.get(n).copied().unwrap_or_else(|| panic!("too short: {text}"));
    let tid = |n: usize| Tid(number(arg(n)));
    let named = |n: usize| {
        let (id, name) = arg(n).split_once(':').unwrap_or((arg(n), ""));
        (number(id), names.intern(name))
    };
    let key = |key: &str, default: i32| {
        words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix('=')).map_or(default, number)
    };
    let body = match what {
        "switch" => {
            // `1:bash/2`: the state may follow the name.
            let (prev, state) = arg(0).split_once('/').unwrap_or((arg(0), "0"));
            let (prev, next) = (task(prev, names), task(arg(1), names));
            KernelEvent::SchedSwitch {
                prev_tid: prev.tid,
                prev_comm: prev.comm,
                prev_prio: prev.prio,
                prev_state: number(state),
                next_tid: next.tid,
                next_comm: next.comm,
                next_prio: next.prio,
            }
        }
        "waking" | "wakeup" | "wakeup_new" => {
            let Task { tid, comm, prio, .. } = task(arg(0), names);
            let target_cpu = cpu(arg(1));
            match what {
                "waking" => KernelEvent::SchedWaking { tid, comm, prio, target_cpu },
                "wakeup" => KernelEvent::SchedWakeup { tid, comm, prio, target_cpu },
                _ => KernelEvent::SchedWakeupNew { tid, comm, prio, target_cpu },
            }
        }
        "migrate" => KernelEvent::SchedMigrate { tid: tid(0), orig_cpu: cpu(arg(1)), dest_cpu: cpu(arg(2)) },
        "fork" => {
            let (parent, child) = (task(arg(0), names), task(arg(1), names));
            KernelEvent::Fork {
                parent_tid: parent.tid,
                parent_pid: Tid(parent.extra),
                child_tid: child.tid,
                child_pid: Tid(child.extra),
                child_comm: child.comm,
            }
        }
        "exec" => KernelEvent::Exec {
            tid: tid(0),
            filename: names.intern(arg(1)),
            old_tid: words.get(2).map_or(tid(0), |old| Tid(number(old))),
        },
        "exit" => KernelEvent::Exit { tid: tid(0) },
        "free" => KernelEvent::Free { tid: tid(0) },
        "prio" => KernelEvent::PiSetprio { tid: tid(0), prio: number(arg(1)) as i16 },
        "enter" => KernelEvent::SyscallEntry { name: names.intern(arg(0)), abi: SyscallAbi::Native },
        "leave" => KernelEvent::SyscallExit { name: Name::NONE, ret: 0 },
        "irq" => KernelEvent::IrqEntry { irq: named(0).0, name: named(0).1 },
        "irq_end" => KernelEvent::IrqExit { irq: number(arg(0)) },
        "vector" => KernelEvent::VectorEntry { vector: named(0).0, name: named(0).1 },
        "vector_end" => KernelEvent::VectorExit { vector: number(arg(0)) },
        "raise" => KernelEvent::SoftirqRaise { vec: number(arg(0)) },
        "softirq" => KernelEvent::SoftirqEntry { vec: number(arg(0)) },
        "softirq_end" => KernelEvent::SoftirqExit { vec: number(arg(0)) },
        "hrtimer" => KernelEvent::HrtimerExpireEntry { hrtimer: number(arg(0)) as u64 },
        "hrtimer_end" => KernelEvent::HrtimerExpireExit { hrtimer: number(arg(0)) as u64 },
        "timer" => KernelEvent::TimerExpireEntry { timer: number(arg(0)) as u64 },
        "timer_end" => KernelEvent::TimerExpireExit { timer: number(arg(0)) as u64 },
        "dump" => KernelEvent::StatedumpProcess {
            tid: task(arg(0), names).tid,
            pid: Tid(key("pid", -1)),
            ppid: Tid(key("ppid", -1)),
            comm: task(arg(0), names).comm,
            status: key("status", 5) as u8,
            kernel_thread: false,
            cpu: Cpu(key("cpu", 0xffff) as u16),
        },
        "dump_irq" => KernelEvent::StatedumpInterrupt { irq: named(0).0, name: named(0).1 },
        "net" | "send" => {
            let seq = words.first().map_or(0, |n| number(n)) as u32;
            let packet = PacketKey { seq, ack: 0, check: 0, source: 0, dest: 0, flags: 0 };
            if what == "net" { KernelEvent::NetReceive { packet } } else { KernelEvent::NetSend { packet } }
        }
        "handle" => KernelEvent::NetHandleEntry,
        "handle_end" => KernelEvent::NetHandleExit,
        "block" => KernelEvent::BlockComplete { dev: 0, sector: 0, sectors: 0 },
        "idle" => KernelEvent::CpuIdle { cpu: on, state: 1 },
        "lost" => {
            let range = TimeRange::new(t, MachineNs(i64::from(number(arg(0)))));
            return Line::Lost(on, Lost { range, count: None, kind: LostKind::Events });
        }
        _ => panic!("no such event: {text}"),
    };
    Line::Event(Event { t, cpu: on, context_tid, body })
}
