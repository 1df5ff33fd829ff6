//! From the places of fields to a typed event.

use crate::vocab::{Cpu, EventKind, KernelEvent, LocalInterner, Name, PacketKey, SyscallAbi, Tid, VmsyncStep};

use super::bits;
use super::machine::{NOWHERE, REGISTERS, UNTIL_NUL};
use super::model::ByteOrder;

/// How a register's field is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Register {
    /// Bits of an integer; 0 = text, or no field at all.
    pub(crate) bits: u8,
    pub(crate) signed: bool,
    pub(crate) big: bool,
}

/// An event's fields: where they are, and the bytes.
pub(crate) struct Fields<'a> {
    pub(crate) bytes: &'a [u8],
    /// End of the packet's content, in bytes.
    pub(crate) end: usize,
    /// What is added to each place.
    pub(crate) base: u64,
    pub(crate) at: &'a [u64; REGISTERS],
    pub(crate) length: &'a [u64; REGISTERS],
    pub(crate) registers: &'a [Register; REGISTERS],
}

impl Fields<'_> {
    /// Bit position of a register's field, if the event has it.
    #[inline(always)]
    fn place(&self, n: usize) -> Option<u64> {
        let at = self.at[n];
        (at != NOWHERE).then(|| self.base.wrapping_add(at))
    }

    /// The integer of a register.
    #[inline(always)]
    pub(crate) fn get(&self, n: usize) -> Option<i64> {
        let at = self.place(n)?;
        let register = self.registers[n];
        if register.bits == 0 {
            return None;
        }
        let bits = u32::from(register.bits);
        let skip = (at & 7) as u32;
        // One load and two shifts for every size, order and sign, where eight bytes can be read.
        if skip + bits <= 64
            && let Some(word) = self.bytes.get((at >> 3) as usize..).and_then(<[u8]>::first_chunk::<8>)
        {
            let top = if register.big {
                u64::from_be_bytes(*word) << skip
            } else {
                u64::from_le_bytes(*word) << (64 - bits - skip)
            };
            let shift = 64 - bits;
            return Some(if register.signed { (top as i64) >> shift } else { (top >> shift) as i64 });
        }
        let order = if register.big { ByteOrder::Big } else { ByteOrder::Little };
        let value = bits::read(self.bytes, at, bits, order)?;
        Some(if register.signed { bits::sign_extend(value, bits) } else { value as i64 })
    }

    #[inline(always)]
    fn int(&self, n: usize) -> i32 {
        self.get(n).map_or(-1, |v| v as i32)
    }

    #[inline(always)]
    fn prio(&self, n: usize, c: &Constants) -> i16 {
        self.int(n).saturating_add(i32::from(c.prio_shift)).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    #[inline(always)]
    fn tid(&self, n: usize) -> Tid {
        Tid(self.int(n))
    }

    #[inline(always)]
    fn cpu(&self, n: usize) -> Cpu {
        self.get(n).and_then(|v| u16::try_from(v).ok()).map_or(Cpu::UNKNOWN, Cpu)
    }

    /// The bytes of a text, without its NUL and what follows it.
    fn text(&self, n: usize) -> Option<&[u8]> {
        let from = (self.place(n)? >> 3) as usize;
        let bytes = if self.length[n] == UNTIL_NUL {
            self.bytes.get(from..from.checked_add(bits::find_nul(self.bytes, from, self.end)?)?)?
        } else {
            self.bytes.get(from..from.checked_add(usize::try_from(self.length[n]).ok()?)?)?
        };
        Some(bits::find_nul(bytes, 0, bytes.len()).map_or(bytes, |nul| &bytes[..nul]))
    }

    /// A name of a task, an interrupt or a file.
    #[inline(always)]
    fn name(&self, n: usize, names: &mut LocalInterner) -> Name {
        if self.length[n] == 16
            && let Some(at) = self.place(n)
            && let Some(comm) = self.bytes.get((at >> 3) as usize..).and_then(<[u8]>::first_chunk::<16>)
        {
            return names.comm(*comm);
        }
        self.long_name(n, names)
    }

    fn long_name(&self, n: usize, names: &mut LocalInterner) -> Name {
        let Some(text) = self.text(n) else { return Name::NONE };
        let mut short = [0; 16];
        match short.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text);
                names.comm(short)
            }
            None => names.shared().intern(&String::from_utf8_lossy(text)),
        }
    }
}

/// What a class's name says, ready for its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constants {
    pub(crate) kind: EventKind,
    pub(crate) name: Name,
    pub(crate) compat: bool,
    pub(crate) step: Option<VmsyncStep>,
    /// What makes the tracer's priorities the kernel's.
    pub(crate) prio_shift: i16,
}

/// The typed event, or `None` if this event is none (a packet that is not TCP, a wake-up that failed).
/// Fields are numbered as in the rules of `bind`.
#[inline(always)]
pub(crate) fn build(c: &Constants, f: &Fields<'_>, names: &mut LocalInterner) -> Option<KernelEvent> {
    use KernelEvent as K;
    let prio = |n: usize| f.prio(n, c);
    Some(match c.kind {
        EventKind::SchedSwitch => K::SchedSwitch {
            prev_comm: f.name(0, names),
            prev_tid: f.tid(1),
            prev_prio: prio(2),
            prev_state: f.int(3),
            next_comm: f.name(4, names),
            next_tid: f.tid(5),
            next_prio: prio(6),
        },
        EventKind::SchedWaking | EventKind::SchedWakeup | EventKind::SchedWakeupNew => {
            if f.get(4) == Some(0) {
                return None;
            }
            let (comm, tid, prio, target_cpu) = (f.name(0, names), f.tid(1), prio(2), f.cpu(3));
            match c.kind {
                EventKind::SchedWaking => K::SchedWaking { tid, comm, prio, target_cpu },
                EventKind::SchedWakeup => K::SchedWakeup { tid, comm, prio, target_cpu },
                _ => K::SchedWakeupNew { tid, comm, prio, target_cpu },
            }
        }
        EventKind::SyscallEntry => K::SyscallEntry {
            name: syscall(c, f, 0, names),
            abi: if c.compat { SyscallAbi::Compat } else { SyscallAbi::Native },
        },
        EventKind::SyscallExit => K::SyscallExit { name: syscall(c, f, 1, names), ret: f.get(0)? },
        EventKind::IrqEntry => K::IrqEntry { irq: f.int(0), name: f.name(1, names) },
        EventKind::IrqExit => K::IrqExit { irq: f.int(0) },
        EventKind::SoftirqRaise => K::SoftirqRaise { vec: f.int(0) },
        EventKind::SoftirqEntry => K::SoftirqEntry { vec: f.int(0) },
        EventKind::SoftirqExit => K::SoftirqExit { vec: f.int(0) },
        EventKind::HrtimerStart => K::HrtimerStart { hrtimer: f.get(0)? as u64, expires: f.get(1).unwrap_or(0) },
        EventKind::HrtimerCancel => K::HrtimerCancel { hrtimer: f.get(0)? as u64 },
        EventKind::HrtimerExpireEntry => K::HrtimerExpireEntry { hrtimer: f.get(0)? as u64 },
        EventKind::HrtimerExpireExit => K::HrtimerExpireExit { hrtimer: f.get(0)? as u64 },
        EventKind::KvmEntry => K::KvmEntry { vcpu: f.int(0) as u32 },
        EventKind::KvmExit => {
            K::KvmExit { reason: f.get(0)? as u32, isa: f.get(1).map_or(0, |v| v as u8), vcpu: f.int(2) }
        }
        _ => return build_rare(c, f, names),
    })
}

fn build_rare(c: &Constants, f: &Fields<'_>, names: &mut LocalInterner) -> Option<KernelEvent> {
    use KernelEvent as K;
    let prio = |n: usize| f.prio(n, c);
    Some(match c.kind {
        EventKind::SchedMigrate => K::SchedMigrate { tid: f.tid(0), orig_cpu: f.cpu(1), dest_cpu: f.cpu(2) },
        EventKind::Fork => K::Fork {
            parent_tid: f.tid(0),
            parent_pid: f.tid(1),
            child_tid: f.tid(2),
            child_pid: f.tid(3),
            child_comm: f.name(4, names),
        },
        EventKind::Exec => K::Exec {
            tid: f.tid(0),
            old_tid: if f.at[1] == NOWHERE { f.tid(0) } else { f.tid(1) },
            filename: f.name(2, names),
        },
        EventKind::Exit => K::Exit { tid: f.tid(0) },
        EventKind::Free => K::Free { tid: f.tid(0) },
        EventKind::PiSetprio => K::PiSetprio { tid: f.tid(0), prio: prio(1) },
        EventKind::VectorEntry => K::VectorEntry { vector: f.int(0), name: c.name },
        EventKind::VectorExit => K::VectorExit { vector: f.int(0) },
        EventKind::TimerExpireEntry => K::TimerExpireEntry { timer: f.get(0)? as u64 },
        EventKind::TimerExpireExit => K::TimerExpireExit { timer: f.get(0)? as u64 },
        EventKind::CpuIdle => K::CpuIdle { cpu: f.cpu(0), state: f.int(1) },
        EventKind::CpuFrequency => K::CpuFrequency { cpu: f.cpu(0), khz: f.get(1)? as u32 },
        EventKind::StatedumpProcess => K::StatedumpProcess {
            tid: f.tid(0),
            pid: f.tid(1),
            ppid: f.tid(2),
            comm: f.name(3, names),
            status: f.get(4)? as u8,
            kernel_thread: f.get(5) == Some(1),
            cpu: f.cpu(6),
        },
        EventKind::StatedumpInterrupt => K::StatedumpInterrupt { irq: f.int(0), name: f.name(1, names) },
        EventKind::StatedumpStart => K::StatedumpStart,
        EventKind::StatedumpEnd => K::StatedumpEnd,
        EventKind::BlockIssue => {
            K::BlockIssue { dev: f.get(0)? as u32, sector: f.get(1)? as u64, sectors: f.get(2)? as u32 }
        }
        EventKind::BlockComplete => {
            K::BlockComplete { dev: f.get(0)? as u32, sector: f.get(1)? as u64, sectors: f.get(2)? as u32 }
        }
        EventKind::NetSend => K::NetSend { packet: packet_key(f)? },
        EventKind::NetReceive => K::NetReceive { packet: packet_key(f)? },
        EventKind::KvmUserspaceExit => K::KvmUserspaceExit { reason: f.get(0)? as u32 },
        EventKind::KvmHypercall => K::KvmHypercall { nr: f.get(0)? as u64, a0: f.get(1)? as u64, a1: f.get(2)? as u64 },
        EventKind::NetHandleEntry => K::NetHandleEntry,
        EventKind::NetHandleExit => K::NetHandleExit,
        EventKind::KvmRaiseIrq => {
            K::KvmRaiseIrq { line: f.get(0).map_or(-1, |n| n as i32), level: f.get(1).map_or(1, |n| n as u32) }
        }
        EventKind::KvmInjectVirq => K::KvmInjectVirq { vector: f.get(0)? as u32 },
        EventKind::KvmApicAccept => K::KvmApicAccept { apic_id: f.get(0)? as u32, vector: f.get(1)? as u32 },
        EventKind::KvmWriteTscOffset => {
            K::KvmWriteTscOffset { vcpu: f.get(0)? as u32, previous: f.get(1)? as u64, next: f.get(2)? as u64 }
        }
        EventKind::Vmsync => K::Vmsync { count: f.get(0)? as u32, vm_uid: f.get(1).unwrap_or(0) as u64, step: c.step? },
        EventKind::Text => K::Text { text: f.name(0, names) },
        _ => return None,
    })
}

/// The system call's name: of the class, or its number where the tracer records only that.
#[inline(always)]
fn syscall(c: &Constants, f: &Fields<'_>, number: usize, names: &mut LocalInterner) -> Name {
    if f.at[number] == NOWHERE || !c.name.is_none() { c.name } else { syscall_by_number(f, number, names) }
}

fn syscall_by_number(f: &Fields<'_>, number: usize, names: &mut LocalInterner) -> Name {
    match f.get(number) {
        Some(nr) if nr >= 0 => names.shared().intern(&format!("syscall {nr}")),
        _ => Name::NONE,
    }
}

/// A TCP packet's key. Data offset, reserved bits and flags together are 16 bits of the header; old tracers
/// give them as one field, newer ones split them.
fn packet_key(f: &Fields<'_>) -> Option<PacketKey> {
    let half = |n: usize| f.get(n).unwrap_or(0) as u16;
    let (flags, offset, reserved) = (f.get(2)? as u16, half(6), half(7));
    Some(PacketKey {
        seq: f.get(0)? as u32,
        ack: f.get(1)? as u32,
        check: half(3),
        source: half(4),
        dest: half(5),
        flags: flags | (reserved & 7) << 9 | (offset & 15) << 12,
    })
}
