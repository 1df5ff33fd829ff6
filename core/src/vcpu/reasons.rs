//! Why a virtual machine was left: names and meanings of exit reasons, as the processors number them.
//!
//! Intel's and AMD's numbers have nothing in common (12 is HLT here, a read of a debug register there), so
//! everything asks for the instruction set too, as KVM records it. Names are those of Linux' `uapi/asm/vmx.h`
//! and `uapi/asm/svm.h` without their prefix, in capitals for both. What is *done* about an exit is not here.

use std::borrow::Cow;

/// The `isa` of an exit by Intel's VMX.
pub const VMX: u8 = 1;
/// The `isa` of an exit by AMD's SVM.
pub const SVM: u8 = 2;

/// Number, name, meaning. In order of numbers.
type Reason = (u32, &'static str, &'static str);

/// The name of the command line's contract: `vmx`, `svm` or `unknown`.
pub fn isa_name(isa: u8) -> &'static str {
    match isa {
        VMX => "vmx",
        SVM => "svm",
        _ => "unknown",
    }
}

/// The reason's number without the flags that VMX keeps in the upper half of the word.
pub fn code(isa: u8, reason: u32) -> u32 {
    if is_svm(isa, reason) { reason } else { reason & 0xffff }
}

/// What the flags in a VMX reason's upper half say, in words; empty if there is none.
pub fn flags(isa: u8, reason: u32) -> Vec<&'static str> {
    const FLAGS: [(u32, &str); 3] = [(31, "the entry failed"), (27, "in an SGX enclave"), (26, "a bus lock was taken")];
    let set = |bit: u32| !is_svm(isa, reason) && reason >> bit & 1 != 0;
    FLAGS.iter().filter(|f| set(f.0)).map(|f| f.1).collect()
}

/// The reason's name: `HLT`, `EPT_VIOLATION`; `UNKNOWN (n)` for a number that none of the processors uses.
pub fn name(isa: u8, reason: u32) -> Cow<'static, str> {
    match find(isa, reason) {
        Some(known) => Cow::Borrowed(known.1),
        None => Cow::Owned(format!("UNKNOWN ({})", code(isa, reason))),
    }
}

/// What happened, in one sentence for people who do not know the name.
pub fn meaning(isa: u8, reason: u32) -> &'static str {
    find(isa, reason).map_or("The processor gave a reason that is not known here.", |known| known.2)
}

/// Whether the guest had nothing to do: a thread that sleeps after such an exit is halted, not held up.
pub fn is_halt(isa: u8, reason: u32) -> bool {
    let code = code(isa, reason);
    if is_svm(isa, reason) {
        // PAUSE, HLT, MWAIT, MWAIT_COND, IDLE_HLT; and the loop in which an encrypted guest's processor waits.
        matches!(code, 0x77 | 0x78 | 0x8b | 0x8c | 0xa6 | 0x8000_0004)
    } else {
        // HLT, MWAIT, PAUSE.
        matches!(code, 12 | 36 | 40)
    }
}

/// The name of a `KVM_EXIT_*` number: why KVM handed over to its user space.
pub fn userspace_name(reason: u32) -> Cow<'static, str> {
    match USERSPACE.get(reason as usize) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("UNKNOWN ({reason})")),
    }
}

/// Whether to read the number as AMD's. Tracers that do not tell are older than SVM's tracepoint argument, or
/// none of the two; VMX uses no number from 0x60 on.
fn is_svm(isa: u8, reason: u32) -> bool {
    match isa {
        SVM => true,
        VMX => false,
        _ => reason & 0xffff >= 0x60,
    }
}

fn find(isa: u8, reason: u32) -> Option<&'static Reason> {
    let table = if is_svm(isa, reason) { SVM_REASONS } else { VMX_REASONS };
    let code = code(isa, reason);
    table.binary_search_by_key(&code, |r| r.0).ok().and_then(|at| table.get(at))
}

#[rustfmt::skip]
const VMX_REASONS: &[Reason] = &[
    (0, "EXCEPTION_NMI", "The guest raised an exception that KVM handles, or a non-maskable interrupt came."),
    (1, "EXTERNAL_INTERRUPT", "A device or timer of the host interrupted the processor."),
    (2, "TRIPLE_FAULT", "The guest failed while handling a failure: it resets."),
    (3, "INIT_SIGNAL", "The processor got an INIT signal."),
    (4, "SIPI_SIGNAL", "The processor was told to start up by another one."),
    (7, "INTERRUPT_WINDOW", "The guest can take interrupts again, and one waits for it."),
    (8, "NMI_WINDOW", "The guest can take non-maskable interrupts again, and one waits for it."),
    (9, "TASK_SWITCH", "The guest switched tasks by hardware."),
    (10, "CPUID", "The guest asked what the processor can do."),
    (12, "HLT", "The guest has nothing to do and waits for an interrupt."),
    (13, "INVD", "The guest emptied the caches without writing them back."),
    (14, "INVLPG", "The guest dropped a translation of a page."),
    (15, "RDPMC", "The guest read a performance counter."),
    (16, "RDTSC", "The guest read the time stamp counter."),
    (18, "VMCALL", "The guest called the hypervisor."),
    (19, "VMCLEAR", "The guest, a hypervisor itself, cleared the control structure of its own guest."),
    (20, "VMLAUNCH", "The guest, a hypervisor itself, starts its own guest."),
    (21, "VMPTRLD", "The guest, a hypervisor itself, chose the control structure of its own guest."),
    (22, "VMPTRST", "The guest, a hypervisor itself, asked which control structure is in use."),
    (23, "VMREAD", "The guest, a hypervisor itself, read a control structure."),
    (24, "VMRESUME", "The guest, a hypervisor itself, goes on with its own guest."),
    (25, "VMWRITE", "The guest, a hypervisor itself, wrote a control structure."),
    (26, "VMOFF", "The guest, a hypervisor itself, stops virtualising."),
    (27, "VMON", "The guest, a hypervisor itself, begins to virtualise."),
    (28, "CR_ACCESS", "The guest used a control register, such as the root of its page tables."),
    (29, "DR_ACCESS", "The guest used a debug register."),
    (30, "IO_INSTRUCTION", "The guest read or wrote a device's port."),
    (31, "MSR_READ", "The guest read a model-specific register."),
    (32, "MSR_WRITE", "The guest wrote a model-specific register, most often to set its timer."),
    (33, "INVALID_STATE", "The entry failed: the guest's state is not valid."),
    (34, "MSR_LOAD_FAIL", "The entry failed: a model-specific register could not be loaded."),
    (36, "MWAIT_INSTRUCTION", "The guest has nothing to do and waits for a write to memory."),
    (37, "MONITOR_TRAP_FLAG", "The guest is stepped one instruction at a time."),
    (39, "MONITOR_INSTRUCTION", "The guest named the memory that it will wait for."),
    (40, "PAUSE_INSTRUCTION", "The guest spins, most often for a lock."),
    (41, "MCE_DURING_VMENTRY", "A machine check came during the entry."),
    (43, "TPR_BELOW_THRESHOLD", "The guest lowered its interrupt priority, and an interrupt waits for it."),
    (44, "APIC_ACCESS", "The guest used its interrupt controller's page."),
    (45, "EOI_INDUCED", "The guest finished an interrupt that the hypervisor must know of."),
    (46, "GDTR_IDTR", "The guest used a descriptor table register (GDTR, IDTR)."),
    (47, "LDTR_TR", "The guest used a descriptor table register (LDTR, TR)."),
    (48, "EPT_VIOLATION", "The guest touched memory that the host has not mapped for it."),
    (49, "EPT_MISCONFIG", "The guest touched an emulated device's memory."),
    (50, "INVEPT", "The guest, a hypervisor itself, dropped translations of its own guest's memory."),
    (51, "RDTSCP", "The guest read the time stamp counter and the processor's number."),
    (52, "PREEMPTION_TIMER", "The guest's own timer, kept in hardware, expired."),
    (53, "INVVPID", "The guest, a hypervisor itself, dropped translations of its own guest."),
    (54, "WBINVD", "The guest wrote back and emptied the caches."),
    (55, "XSETBV", "The guest chose which extended registers it uses."),
    (56, "APIC_WRITE", "The guest wrote to its virtual interrupt controller."),
    (57, "RDRAND", "The guest asked for a random number."),
    (58, "INVPCID", "The guest dropped translations of an address space."),
    (59, "VMFUNC", "The guest called a function of the virtualisation hardware."),
    (60, "ENCLS", "The guest's kernel used an SGX instruction."),
    (61, "RDSEED", "The guest asked for a random seed."),
    (62, "PML_FULL", "The log of pages that the guest wrote to is full, as during a live migration."),
    (63, "XSAVES", "The guest saved extended state."),
    (64, "XRSTORS", "The guest restored extended state."),
    (67, "UMWAIT", "A program in the guest waits for a write to memory."),
    (68, "TPAUSE", "A program in the guest waits for an instant."),
    (74, "BUS_LOCK", "The guest locked the memory bus."),
    (75, "NOTIFY", "The guest took no interrupt for too long."),
];

#[rustfmt::skip]
const SVM_REASONS: &[Reason] = &[
    (0x000, "READ_CR0", "The guest read control register 0."),
    (0x002, "READ_CR2", "The guest read control register 2."),
    (0x003, "READ_CR3", "The guest read the root of its page tables."),
    (0x004, "READ_CR4", "The guest read control register 4."),
    (0x008, "READ_CR8", "The guest read its interrupt priority."),
    (0x010, "WRITE_CR0", "The guest wrote control register 0."),
    (0x012, "WRITE_CR2", "The guest wrote control register 2."),
    (0x013, "WRITE_CR3", "The guest changed the root of its page tables."),
    (0x014, "WRITE_CR4", "The guest wrote control register 4."),
    (0x018, "WRITE_CR8", "The guest changed its interrupt priority."),
    (0x020, "READ_DR0", READ_DR), (0x021, "READ_DR1", READ_DR), (0x022, "READ_DR2", READ_DR),
    (0x023, "READ_DR3", READ_DR), (0x024, "READ_DR4", READ_DR), (0x025, "READ_DR5", READ_DR),
    (0x026, "READ_DR6", READ_DR), (0x027, "READ_DR7", READ_DR),
    (0x030, "WRITE_DR0", WRITE_DR), (0x031, "WRITE_DR1", WRITE_DR), (0x032, "WRITE_DR2", WRITE_DR),
    (0x033, "WRITE_DR3", WRITE_DR), (0x034, "WRITE_DR4", WRITE_DR), (0x035, "WRITE_DR5", WRITE_DR),
    (0x036, "WRITE_DR6", WRITE_DR), (0x037, "WRITE_DR7", WRITE_DR),
    (0x040, "EXCP_DE", "The guest divided by zero."),
    (0x041, "EXCP_DB", "The guest raised a debug exception."),
    (0x042, "EXCP_NMI", "A non-maskable interrupt came as an exception."),
    (0x043, "EXCP_BP", "The guest met a breakpoint."),
    (0x044, "EXCP_OF", "The guest raised an overflow exception."),
    (0x045, "EXCP_BR", "The guest raised a bound-range exception."),
    (0x046, "EXCP_UD", "The guest executed an instruction that does not exist."),
    (0x047, "EXCP_NM", "The guest used floating-point registers that were not loaded."),
    (0x048, "EXCP_DF", "The guest raised a double fault."),
    (0x04a, "EXCP_TS", "The guest used an invalid task state segment."),
    (0x04b, "EXCP_NP", "The guest used a segment that is not present."),
    (0x04c, "EXCP_SS", "The guest raised a stack exception."),
    (0x04d, "EXCP_GP", "The guest raised a general protection fault."),
    (0x04e, "EXCP_PF", "The guest raised a page fault."),
    (0x050, "EXCP_MF", "The guest raised a floating-point exception."),
    (0x051, "EXCP_AC", "The guest made an unaligned access that is checked."),
    (0x052, "EXCP_MC", "A machine check came."),
    (0x053, "EXCP_XF", "The guest raised a SIMD floating-point exception."),
    (0x060, "INTR", "A device or timer of the host interrupted the processor."),
    (0x061, "NMI", "A non-maskable interrupt came."),
    (0x062, "SMI", "A system management interrupt came."),
    (0x063, "INIT", "The processor got an INIT signal."),
    (0x064, "VINTR", "The guest can take interrupts again, and one waits for it."),
    (0x065, "CR0_SEL_WRITE", "The guest changed selected bits of control register 0."),
    (0x066, "READ_IDTR", "The guest read the register of its interrupt table."),
    (0x067, "READ_GDTR", "The guest read the register of its global descriptors."),
    (0x068, "READ_LDTR", "The guest read the register of its local descriptors."),
    (0x069, "READ_TR", "The guest read its task register."),
    (0x06a, "WRITE_IDTR", "The guest wrote the register of its interrupt table."),
    (0x06b, "WRITE_GDTR", "The guest wrote the register of its global descriptors."),
    (0x06c, "WRITE_LDTR", "The guest wrote the register of its local descriptors."),
    (0x06d, "WRITE_TR", "The guest wrote its task register."),
    (0x06e, "RDTSC", "The guest read the time stamp counter."),
    (0x06f, "RDPMC", "The guest read a performance counter."),
    (0x070, "PUSHF", "The guest pushed its flags."),
    (0x071, "POPF", "The guest popped its flags."),
    (0x072, "CPUID", "The guest asked what the processor can do."),
    (0x073, "RSM", "The guest returned from system management mode."),
    (0x074, "IRET", "The guest returned from an interrupt."),
    (0x075, "SWINT", "The guest raised a software interrupt."),
    (0x076, "INVD", "The guest emptied the caches without writing them back."),
    (0x077, "PAUSE", "The guest spins, most often for a lock."),
    (0x078, "HLT", "The guest has nothing to do and waits for an interrupt."),
    (0x079, "INVLPG", "The guest dropped a translation of a page."),
    (0x07a, "INVLPGA", "The guest dropped a translation of a page in an address space."),
    (0x07b, "IOIO", "The guest read or wrote a device's port."),
    (0x07c, "MSR", "The guest used a model-specific register, most often to set its timer."),
    (0x07d, "TASK_SWITCH", "The guest switched tasks by hardware."),
    (0x07e, "FERR_FREEZE", "A floating-point error froze the processor."),
    (0x07f, "SHUTDOWN", "The guest failed while handling a failure: it resets."),
    (0x080, "VMRUN", "The guest, a hypervisor itself, enters its own guest."),
    (0x081, "VMMCALL", "The guest called the hypervisor."),
    (0x082, "VMLOAD", "The guest, a hypervisor itself, loaded state of its own guest."),
    (0x083, "VMSAVE", "The guest, a hypervisor itself, saved state of its own guest."),
    (0x084, "STGI", "The guest, a hypervisor itself, lets interrupts in."),
    (0x085, "CLGI", "The guest, a hypervisor itself, keeps interrupts out."),
    (0x086, "SKINIT", "The guest starts a measured launch."),
    (0x087, "RDTSCP", "The guest read the time stamp counter and the processor's number."),
    (0x088, "ICEBP", "The guest executed the debugging instruction of in-circuit emulators."),
    (0x089, "WBINVD", "The guest wrote back and emptied the caches."),
    (0x08a, "MONITOR", "The guest named the memory that it will wait for."),
    (0x08b, "MWAIT", "The guest has nothing to do and waits for a write to memory."),
    (0x08c, "MWAIT_COND", "The guest has nothing to do and waits for a write to memory that it named before."),
    (0x08d, "XSETBV", "The guest chose which extended registers it uses."),
    (0x08e, "RDPRU", "The guest read a register of the processor's performance."),
    (0x08f, "EFER_WRITE_TRAP", "The guest wrote its extended features' register."),
    (0x090, "CR0_WRITE_TRAP", "The guest wrote control register 0."),
    (0x094, "CR4_WRITE_TRAP", "The guest wrote control register 4."),
    (0x098, "CR8_WRITE_TRAP", "The guest wrote its interrupt priority."),
    (0x0a2, "INVPCID", "The guest dropped translations of an address space."),
    (0x0a5, "BUS_LOCK", "The guest locked the memory bus."),
    (0x0a6, "IDLE_HLT", "The guest has nothing to do, and no interrupt waits for it."),
    (0x400, "NPF", "The guest touched memory that the host has not mapped for it, or an emulated device's."),
    (0x401, "AVIC_INCOMPLETE_IPI", "An interrupt to another vCPU needs the hypervisor's help."),
    (0x402, "AVIC_UNACCELERATED_ACCESS", "The guest used a part of its interrupt controller that is not in hardware."),
    (0x403, "VMGEXIT", "The guest, encrypted, asks the hypervisor for a service."),
    (0x8000_0001, "VMGEXIT_MMIO_READ", "The guest, encrypted, reads an emulated device's memory."),
    (0x8000_0002, "VMGEXIT_MMIO_WRITE", "The guest, encrypted, writes an emulated device's memory."),
    (0x8000_0003, "VMGEXIT_NMI_COMPLETE", "The guest, encrypted, has handled a non-maskable interrupt."),
    (0x8000_0004, "VMGEXIT_AP_HLT_LOOP", "A processor of the guest, encrypted, waits to be started."),
    (0x8000_0005, "VMGEXIT_AP_JUMP_TABLE", "The guest, encrypted, asks where its processors start."),
    (0x8000_ffff, "VMGEXIT_UNSUPPORTED", "The guest, encrypted, asked for something that does not exist."),
    (0xffff_ffff, "INVALID_GUEST_STATE", "The entry failed: the guest's state is not valid."),
];

const READ_DR: &str = "The guest read a debug register.";
const WRITE_DR: &str = "The guest wrote a debug register.";

/// By number: `linux/kvm.h`.
#[rustfmt::skip]
const USERSPACE: &[&str] = &[
    "UNKNOWN", "EXCEPTION", "IO", "HYPERCALL", "DEBUG", "HLT", "MMIO", "IRQ_WINDOW_OPEN", "SHUTDOWN", "FAIL_ENTRY",
    "INTR", "SET_TPR", "TPR_ACCESS", "S390_SIEIC", "S390_RESET", "DCR", "NMI", "INTERNAL_ERROR", "OSI", "PAPR_HCALL",
    "S390_UCONTROL", "WATCHDOG", "S390_TSCH", "EPR", "SYSTEM_EVENT", "S390_STSI", "IOAPIC_EOI", "HYPERV", "ARM_NISV",
    "X86_RDMSR", "X86_WRMSR", "DIRTY_RING_FULL", "AP_RESET_HOLD", "X86_BUS_LOCK", "XEN", "RISCV_SBI", "RISCV_CSR",
    "NOTIFY", "LOONGARCH_IOCSR", "MEMORY_FAULT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_can_be_searched_and_say_something() {
        for table in [VMX_REASONS, SVM_REASONS] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0), "numbers must ascend");
            for (code, name, meaning) in table {
                assert_eq!(*name, name.to_uppercase(), "{code}");
                assert!(meaning.ends_with('.') && meaning.len() > 15, "{name}");
            }
        }
    }

    #[test]
    fn names_are_those_that_the_recordings_truth_uses() {
        let truth = ["0x60 INTR", "0x78 HLT", "0x7b IOIO", "0x7c MSR", "0x81 VMMCALL", "0x400 NPF", "0x64 VINTR"];
        for text in truth.into_iter().chain(["0x72 CPUID"]) {
            let (code, expected) = text.split_once(' ').unwrap_or_default();
            let code = u32::from_str_radix(&code[2..], 16).unwrap_or(u32::MAX);
            assert_eq!(name(SVM, code), expected);
        }
    }

    #[test]
    fn a_number_means_what_its_instruction_set_says() {
        assert_eq!(name(VMX, 12), "HLT");
        assert_eq!(name(SVM, 12), "UNKNOWN (12)");
        assert_eq!(name(VMX, 0x78), "UNKNOWN (120)");
        assert_eq!(name(VMX, 65), "UNKNOWN (65)");
        assert_eq!(name(SVM, u32::MAX), "INVALID_GUEST_STATE");
        // Nobody said which: the numbers of one end where those of the other that matter begin.
        assert_eq!(name(0, 32), "MSR_WRITE");
        assert_eq!(name(0, 0x78), "HLT");
        assert!(is_halt(0, 12) && is_halt(0, 0x78));
    }

    #[test]
    fn flags_of_vmx_are_no_part_of_the_reason() {
        let failed = 1 << 31 | 33;
        assert_eq!((code(VMX, failed), &*name(VMX, failed)), (33, "INVALID_STATE"));
        assert_eq!(flags(VMX, failed), ["the entry failed"]);
        assert_eq!(flags(VMX, 1 << 27 | 1 << 26 | 1).len(), 2);
        assert_eq!(code(SVM, 0x8000_0004), 0x8000_0004, "SVM keeps no flags there");
        assert!(flags(SVM, 0x8000_0004).is_empty());
        assert!(is_halt(VMX, 1 << 26 | 12));
    }

    #[test]
    fn only_waiting_for_nothing_is_a_halt() {
        let halts =
            |isa, table: &[Reason]| -> Vec<&str> { table.iter().filter(|r| is_halt(isa, r.0)).map(|r| r.1).collect() };
        assert_eq!(halts(VMX, VMX_REASONS), ["HLT", "MWAIT_INSTRUCTION", "PAUSE_INSTRUCTION"]);
        let svm = ["PAUSE", "HLT", "MWAIT", "MWAIT_COND", "IDLE_HLT", "VMGEXIT_AP_HLT_LOOP"];
        assert_eq!(halts(SVM, SVM_REASONS), svm);
    }

    #[test]
    fn user_space_has_numbers_of_its_own() {
        assert_eq!(userspace_name(2), "IO");
        assert_eq!(userspace_name(5), "HLT");
        assert_eq!(userspace_name(6), "MMIO");
        assert_eq!(userspace_name(24), "SYSTEM_EVENT");
        assert_eq!(userspace_name(37), "NOTIFY");
        assert_eq!(userspace_name(4000), "UNKNOWN (4000)");
    }
}
