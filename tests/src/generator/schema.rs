//! Which events the traces contain and how their fields are laid out.
//!
//! The layouts are those that LTTng-modules 2.13 declares on a 6.1 kernel. They are written in a short notation and
//! spelled out as TSDL when the metadata is made; the order of the table gives the event ids. The most frequent
//! events come first, because the compact header has room for 31 ids only.

/// Declares the events: one enum whose discriminants are the ids, and the table of names and fields beside it.
macro_rules! events {
    ($($(#[$doc:meta])* $id:ident $name:literal $fields:literal;)*) => {
        /// An event class; its discriminant is the id in the stream.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub(crate) enum Ev { $(#[doc = concat!("`", $name, "`")] $id,)* }

        /// Every event class with its name and its fields, in the order of the ids.
        pub(crate) const EVENTS: &[(Ev, &str, &str)] = &[$((Ev::$id, $name, $fields),)*];
    };
}

events! {
    SchedSwitch "sched_switch" "prev_comm:c prev_tid:i32 prev_prio:i32 prev_state:i64 next_comm:c next_tid:i32 next_prio:i32";
    SchedWakeup "sched_wakeup" "comm:c tid:i32 prio:i32 target_cpu:i32";
    SchedWaking "sched_waking" "comm:c tid:i32 prio:i32 target_cpu:i32";
    HrtimerEntry "timer_hrtimer_expire_entry" "hrtimer:x64 now:i64 function:x64";
    HrtimerExit "timer_hrtimer_expire_exit" "hrtimer:x64";
    SoftirqEntry "irq_softirq_entry" "vec:u32";
    SoftirqExit "irq_softirq_exit" "vec:u32";
    SoftirqRaise "irq_softirq_raise" "vec:u32";
    IrqEntry "irq_handler_entry" "irq:i32 name:s";
    IrqExit "irq_handler_exit" "irq:i32 ret:i32";
    CpuIdle "power_cpu_idle" "state:u32 cpu_id:u32";
    KvmEntry "kvm_x86_entry" "vcpu_id:u32";
    KvmExit "kvm_x86_exit" "exit_reason:u32 guest_rip:u64 isa:u32 info1:u64 info2:u64 intr_info:u32 error_code:u32 vcpu_id:u32";
    KvmMsr "kvm_x86_msr" "write:u32 ecx:u32 data:u64 exception:u8";
    KvmInjVirq "kvm_x86_inj_virq" "irq:u32";
    EntryRead "syscall_entry_read" "fd:u32 count:u64";
    ExitRead "syscall_exit_read" "ret:i64 buf:u64";
    EntryWrite "syscall_entry_write" "fd:u32 buf:u64 count:u64";
    ExitWrite "syscall_exit_write" "ret:i64";
    EntryFutex "syscall_entry_futex" "uaddr:u64 op:i32 val:u32 utime:u64 uaddr2:u64 val3:u32";
    ExitFutex "syscall_exit_futex" "ret:i64 uaddr:u64 uaddr2:u64";
    EntryNanosleep "syscall_entry_clock_nanosleep" "which_clock:i32 flags:i32 rqtp:u64";
    ExitNanosleep "syscall_exit_clock_nanosleep" "ret:i64 rmtp:u64";
    EntryIoctl "syscall_entry_ioctl" "fd:u32 cmd:u32 arg:u64";
    ExitIoctl "syscall_exit_ioctl" "ret:i64 arg:u64";
    SchedMigrate "sched_migrate_task" "comm:c tid:i32 prio:i32 orig_cpu:i32 dest_cpu:i32";
    Logger "lttng_logger" "msg:t";
    EntryOpenat "syscall_entry_openat" "dfd:i32 filename:s flags:i32 mode:u16";
    ExitOpenat "syscall_exit_openat" "ret:i64";
    EntryClose "syscall_entry_close" "fd:u32";
    ExitClose "syscall_exit_close" "ret:i64";
    // From here on the compact header needs its extended form.
    EntryPread "syscall_entry_pread64" "fd:u32 count:u64 pos:i64";
    ExitPread "syscall_exit_pread64" "ret:i64 buf:u64";
    EntryFsync "syscall_entry_fsync" "fd:u32";
    ExitFsync "syscall_exit_fsync" "ret:i64";
    EntryPpoll "syscall_entry_ppoll" "tsp:u64 sigmask:u64 sigsetsize:u64 nfds:u32 fds_length:u32 overflow:u8 fds:p";
    ExitPpoll "syscall_exit_ppoll" "ret:i64 nfds:u32 fds_length:u32 overflow:u8 fds:p";
    EntryClone "syscall_entry_clone" "flags:x64 newsp:x64 parent_tid:x64 child_tid:x64";
    ExitClone "syscall_exit_clone" "ret:i64";
    EntryExecve "syscall_entry_execve" "filename:s argv:x64 envp:x64";
    ExitExecve "syscall_exit_execve" "ret:i64";
    EntryExitGroup "syscall_entry_exit_group" "error_code:i32";
    ExitExitGroup "syscall_exit_exit_group" "ret:i64";
    EntryWait4 "syscall_entry_wait4" "upid:i32 options:i32";
    ExitWait4 "syscall_exit_wait4" "ret:i64 stat_addr:u64 ru:u64";
    EntrySendto "syscall_entry_sendto" "fd:i32 buff:u64 len:u64 flags:u32 addr:u64 addr_len:i32";
    ExitSendto "syscall_exit_sendto" "ret:i64";
    EntryRecvfrom "syscall_entry_recvfrom" "fd:i32 size:u64 flags:u32 addr_len:u64";
    ExitRecvfrom "syscall_exit_recvfrom" "ret:i64 ubuf:u64 addr:u64 addr_len:u64";
    SchedWakeupNew "sched_wakeup_new" "comm:c tid:i32 prio:i32 target_cpu:i32";
    SchedFork "sched_process_fork" "parent_comm:c parent_tid:i32 parent_pid:i32 parent_ns_inum:u32 child_comm:c child_tid:i32 vtids:v child_pid:i32 child_ns_inum:u32";
    SchedExec "sched_process_exec" "filename:s tid:i32 old_tid:i32";
    SchedExit "sched_process_exit" "comm:c tid:i32 prio:i32";
    SchedFree "sched_process_free" "comm:c tid:i32 prio:i32";
    SchedWait "sched_process_wait" "comm:c tid:i32 prio:i32";
    TimerEntry "timer_expire_entry" "timer:x64 now:u64 function:x64 baseclk:u64";
    TimerExit "timer_expire_exit" "timer:x64";
    BlockIssue "block_rq_issue" "dev:u32 sector:u64 nr_sector:u32 bytes:u32 tid:i32 rwbs:u32 comm:c";
    BlockComplete "block_rq_complete" "dev:u32 sector:u64 nr_sector:u32 error:i32 rwbs:u32";
    NetQueue "net_dev_queue" "skbaddr:x64 len:u32 name:s header:n";
    NetReceive "net_if_receive_skb" "skbaddr:x64 len:u32 name:s header:n";
    KvmHypercall "kvm_x86_hypercall" "nr:u64 a0:u64 a1:u64 a2:u64 a3:u64";
    KvmPio "kvm_x86_pio" "rw:u32 port:u32 size:u32 count:u32";
    KvmUserspaceExit "kvm_userspace_exit" "reason:u32 errno:i32";
    KvmPageFault "kvm_x86_page_fault" "fault_address:x64 error_code:u32";
    KvmCpuid "kvm_x86_cpuid" "function:u32 rax:u64 rbx:u64 rcx:u64 rdx:u64";
    KvmSetIrq "kvm_set_irq" "gsi:u32 level:i32 irq_source_id:i32";
    DumpStart "lttng_statedump_start" "";
    DumpEnd "lttng_statedump_end" "";
    DumpProcess "lttng_statedump_process_state" "tid:i32 pid:i32 ppid:i32 name:c type:i32 mode:i32 submode:i32 status:i32 cpu:u32 file_table_address:x64";
    DumpPidNs "lttng_statedump_process_pid_ns" "tid:i32 vtid:i32 vpid:i32 vppid:i32 ns_level:i32 ns_inum:u32";
    DumpInterrupt "lttng_statedump_interrupt" "irq:u32 name:s action:s tid:i32";
    DumpBlock "lttng_statedump_block_device" "dev:u32 diskname:s";
    DumpNet "lttng_statedump_network_interface" "name:s address_ipv4:b32";
}

/// How many event classes there are.
pub(crate) const EVENT_COUNT: usize = EVENTS.len();

impl Ev {
    /// The id in the stream.
    pub(crate) fn id(self) -> u16 {
        self as u16
    }

    /// The place in [`EVENTS`].
    pub(crate) fn index(self) -> usize {
        usize::from(self as u16)
    }
}

/// Spells the fields of one event class out as TSDL.
pub(crate) fn fields_tsdl(fields: &str) -> String {
    let mut text = String::new();
    for field in fields.split_whitespace() {
        let (name, kind) = field.split_once(':').unwrap_or((field, "u32"));
        let line = match kind {
            "c" => format!("{} _{name}[16];", integer(8, true, "UTF8", 10, "")),
            "s" => format!("string _{name};"),
            "t" => format!(
                "{} __{name}_length;\n\t\t{} _{name}[ __{name}_length ];",
                integer(64, false, "none", 10, ""),
                integer(8, true, "UTF8", 10, "")
            ),
            "v" => format!(
                "{} __{name}_length;\n\t\t{} _{name}[ __{name}_length ];",
                integer(8, false, "none", 10, ""),
                integer(32, true, "none", 10, "")
            ),
            "b32" => format!("{} _{name};", integer(32, false, "none", 16, " byte_order = be;")),
            "p" => poll_tsdl(name),
            "n" => network_tsdl(),
            scalar => {
                let (sign, size) = scalar.split_at(1);
                let base = if sign == "x" { 16 } else { 10 };
                format!("{} _{name};", integer(size.parse().unwrap_or(32), sign == "i", "none", base, ""))
            }
        };
        text.push_str("\t\t");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// One integer type as LTTng prints it.
fn integer(size: u32, signed: bool, encoding: &str, base: u32, order: &str) -> String {
    format!(
        "integer {{ size = {size}; align = 8; signed = {}; encoding = {encoding}; base = {base};{order} }}",
        u8::from(signed)
    )
}

/// The sequence of polled descriptors: structures with bit fields inside.
fn poll_tsdl(name: &str) -> String {
    let mut text = String::from("struct {\n");
    text.push_str(&format!("\t\t\t{} _fd;\n", integer(32, true, "none", 10, "")));
    text.push_str(&format!("\t\t\t{} _raw_events;\n\t\t\tstruct {{\n", integer(16, false, "none", 16, "")));
    for (bit, size) in [("POLLIN", 1), ("POLLPRI", 1), ("POLLOUT", 1), ("POLLERR", 1), ("POLLHUP", 1), ("padding", 3)] {
        text.push_str(&format!(
            "\t\t\t\tinteger {{ size = {size}; align = 1; signed = 0; encoding = none; base = 10; }} _{bit};\n"
        ));
    }
    text.push_str(&format!("\t\t\t}} _events;\n\t\t}} _{name}[ _{name}_length ];"));
    text
}

/// The headers of a packet: a variant inside a variant, selected by enumerations, with integers in network order.
fn network_tsdl() -> String {
    let u8h = integer(8, false, "none", 16, "");
    let u8d = integer(8, false, "none", 10, "");
    let u16n = integer(16, false, "none", 10, " byte_order = be;");
    let u32n = integer(32, false, "none", 10, " byte_order = be;");
    let nibble = "integer { size = 4; align = 4; signed = 0; encoding = none; base = 10; }";
    let tag = |labels: &str, name: &str| format!("enum : {u8d} {{ {labels} }} {name};");
    format!(
        "{network_tag}
		variant <_network_header_type> {{
			struct {{ }} __unknown;
			struct {{
				{nibble} _version;
				{nibble} _ihl;
				{u8d} _tos;
				{u16n} _tot_len;
				{u16n} _id;
				{u16n} _frag_off;
				{u8d} _ttl;
				{protocol_tag}
				{u16n} _checksum;
				{u8d} _saddr[4];
				{u8d} _daddr[4];
				{transport_tag}
				variant <_transport_header_type> {{
					struct {{ }} __unknown;
					struct {{
						{u16n} _source_port;
						{u16n} _dest_port;
						{u32n} _seq;
						{u32n} _ack_seq;
						{nibble} _data_offset;
						{nibble} _reserved;
						{u8h} _flags;
						{u16n} _window_size;
						{u16n} _checksum;
						{u16n} _urg_ptr;
					}} __tcp;
				}} _transport_header;
			}} __ipv4;
		}} _network_header;",
        network_tag = tag("\"__unknown\" = 0, \"__ipv4\" = 1", "_network_header_type"),
        protocol_tag = tag("\"__unknown\" = 0, \"_tcp\" = 6, \"_udp\" = 17", "_protocol"),
        transport_tag = tag("\"__unknown\" = 0, \"__tcp\" = 1", "_transport_header_type"),
    )
}
