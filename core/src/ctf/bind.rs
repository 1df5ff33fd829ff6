//! Which event class of which tracer is which typed event, and which of its fields are needed: data.
//!
//! Names and fields per tracer are those of docs on LTTng 2.0 to 2.13 and of the kernel's own tracepoints,
//! as perf's converter writes them. Nothing here decodes: `plan` turns a [`Rule`] into places of fields, and
//! `typed` makes the event from them.

use crate::vocab::{EventKind, VmsyncStep};

use super::machine::REGISTERS;
use super::model::Metadata;

/// Register of the thread that a context names.
pub(crate) const TID: usize = REGISTERS - 2;
/// Register of the CPU that an event itself names.
pub(crate) const CPU: usize = REGISTERS - 1;
/// Registers below this one belong to the rule's fields, in their order.
pub(crate) const FIELDS: usize = TID;

/// Whose names an event class uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracer {
    /// lttng-modules.
    Lttng,
    /// The kernel's own names and priorities (perf, ftrace), prefixed `subsystem:`.
    Kernel,
    /// Programs: lttng-ust.
    User,
    /// Anything else: its events have no kernel meaning.
    Other,
}

impl Tracer {
    /// From the environment that the metadata tells.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        match (metadata.env_text("tracer_name").unwrap_or(""), metadata.env_text("domain").unwrap_or("")) {
            ("perf", _) => Tracer::Kernel,
            ("lttng-modules", _) => Tracer::Lttng,
            (name, domain) if name.starts_with("lttng-ust") || domain == "ust" => Tracer::User,
            // Kernel traces that were copied by a tool which changed the tracer's name.
            (_, "kernel") => Tracer::Lttng,
            _ => Tracer::Other,
        }
    }
}

/// A field of a rule: its name in LTTng and in the kernel's tracepoints (`a|b`: either; `.`: inside of;
/// `*`: any name). Empty: the tracer does not have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) lttng: &'static str,
    pub(crate) kernel: &'static str,
    pub(crate) required: bool,
}

impl Want {
    /// The tracer's name of the field.
    pub(crate) fn names(&self, tracer: Tracer) -> &'static str {
        if tracer == Tracer::Kernel { self.kernel } else { self.lttng }
    }

    /// Whether `path` is the field.
    pub(crate) fn matches(&self, tracer: Tracer, path: &[&str]) -> bool {
        self.names(tracer).split('|').filter(|n| !n.is_empty()).any(|name| {
            let mut parts = name.split('.');
            path.iter().all(|p| parts.next().is_some_and(|part| part == "*" || part == *p)) && parts.next().is_none()
        })
    }
}

const fn need(lttng: &'static str, kernel: &'static str) -> Want {
    Want { lttng, kernel, required: true }
}

const fn may(lttng: &'static str, kernel: &'static str) -> Want {
    Want { lttng, kernel, required: false }
}

const fn same(name: &'static str) -> Want {
    need(name, name)
}

/// What makes an event class a kind of event.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) kind: EventKind,
    /// Names of the class, without the kernel's `subsystem:`.
    pub(crate) names: &'static [&'static str],
    /// Its fields; `typed` knows them by position.
    pub(crate) fields: &'static [Want],
}

const WAKE: &[Want] = &[
    may("comm", "comm"),
    need("tid", "pid"),
    may("prio", "prio"),
    may("target_cpu", "target_cpu"),
    may("success", "success"),
];
const TCP: &[Want] = &[
    tcp("seq|transport_fields.thtype_tcp.seq|network_header.*.transport_header.tcp.seq"),
    tcp("ack_seq|transport_fields.thtype_tcp.ack_seq|network_header.*.transport_header.tcp.ack_seq"),
    tcp("flags|transport_fields.thtype_tcp.flags|network_header.*.transport_header.tcp.flags"),
    may("check|transport_fields.thtype_tcp.check|network_header.*.transport_header.tcp.checksum", ""),
    may("transport_fields.thtype_tcp.source_port|network_header.*.transport_header.tcp.source_port", ""),
    may("transport_fields.thtype_tcp.dest_port|network_header.*.transport_header.tcp.dest_port", ""),
    may("transport_fields.thtype_tcp.data_offset|network_header.*.transport_header.tcp.data_offset", ""),
    may("transport_fields.thtype_tcp.reserved|network_header.*.transport_header.tcp.reserved", ""),
];
const BLOCK: &[Want] = &[same("dev"), same("sector"), need("nr_sector", "nr_sector")];
const VMSYNC: &[Want] = &[same("cnt"), may("vm_uid", "vm_uid")];

const fn tcp(lttng: &'static str) -> Want {
    need(lttng, "")
}

macro_rules! rules {
    ($($kind:ident: [$($name:literal),*] $fields:expr;)*) => {
        &[$(Rule { kind: EventKind::$kind, names: &[$($name),*], fields: $fields },)*]
    };
}

/// All rules for kernels, system calls apart.
const KERNEL_RULES: &[Rule] = rules! {
    SchedSwitch: ["sched_switch"] &[
        may("prev_comm", "prev_comm"), need("prev_tid", "prev_pid"), may("prev_prio", "prev_prio"),
        same("prev_state"), may("next_comm", "next_comm"), need("next_tid", "next_pid"), may("next_prio", "next_prio"),
    ];
    SchedWaking: ["sched_waking"] WAKE;
    SchedWakeup: ["sched_wakeup"] WAKE;
    SchedWakeupNew: ["sched_wakeup_new"] WAKE;
    SchedMigrate: ["sched_migrate_task"] &[need("tid", "pid"), same("orig_cpu"), same("dest_cpu")];
    Fork: ["sched_process_fork"] &[
        need("parent_tid", "parent_pid"), may("parent_pid", ""), need("child_tid", "child_pid"),
        may("child_pid", ""), may("child_comm", "child_comm"),
    ];
    Exec: ["sched_process_exec"] &[need("tid", "pid"), may("old_tid", "old_pid"), may("filename", "filename")];
    Exit: ["sched_process_exit"] &[need("tid", "pid")];
    Free: ["sched_process_free"] &[need("tid", "pid")];
    PiSetprio: ["sched_pi_setprio"] &[need("tid", "pid"), same("newprio")];
    IrqEntry: ["irq_handler_entry"] &[same("irq"), may("name", "name")];
    IrqExit: ["irq_handler_exit"] &[same("irq")];
    SoftirqRaise: ["irq_softirq_raise", "softirq_raise"] &[same("vec")];
    SoftirqEntry: ["irq_softirq_entry", "softirq_entry"] &[same("vec")];
    SoftirqExit: ["irq_softirq_exit", "softirq_exit"] &[same("vec")];
    HrtimerStart: ["timer_hrtimer_start", "hrtimer_start"] &[same("hrtimer"), may("expires", "expires")];
    HrtimerCancel: ["timer_hrtimer_cancel", "hrtimer_cancel"] &[same("hrtimer")];
    HrtimerExpireEntry: ["timer_hrtimer_expire_entry", "hrtimer_expire_entry"] &[same("hrtimer")];
    HrtimerExpireExit: ["timer_hrtimer_expire_exit", "hrtimer_expire_exit"] &[same("hrtimer")];
    TimerExpireEntry: ["timer_expire_entry"] &[same("timer")];
    TimerExpireExit: ["timer_expire_exit"] &[same("timer")];
    CpuIdle: ["power_cpu_idle", "cpu_idle"] &[same("cpu_id"), same("state")];
    CpuFrequency: ["power_cpu_frequency", "cpu_frequency"] &[same("cpu_id"), same("state")];
    StatedumpProcess: ["lttng_statedump_process_state"] &[
        same("tid"), same("pid"), same("ppid"), same("name"), same("status"), may("type", "type"), may("cpu", "cpu"),
    ];
    StatedumpInterrupt: ["lttng_statedump_interrupt"] &[same("irq"), may("action", "action")];
    StatedumpStart: ["lttng_statedump_start"] &[];
    StatedumpEnd: ["lttng_statedump_end"] &[];
    BlockIssue: ["block_rq_issue"] BLOCK;
    BlockComplete: ["block_rq_complete"] BLOCK;
    NetSend: ["net_dev_queue", "inet_sock_local_out"] TCP;
    NetReceive: ["net_if_receive_skb", "netif_receive_skb", "inet_sock_local_in"] TCP;
    NetHandleEntry: [
        "netif_receive_skb_internal_entry", "net_netif_receive_skb_entry", "netif_receive_skb_entry",
        "net_netif_receive_skb_list_entry", "netif_receive_skb_list_entry", "net_napi_gro_receive_entry",
        "napi_gro_receive_entry", "net_napi_gro_frags_entry", "napi_gro_frags_entry"
    ] &[];
    NetHandleExit: [
        "netif_receive_skb_internal_return", "net_netif_receive_skb_exit", "netif_receive_skb_exit",
        "net_netif_receive_skb_list_exit", "netif_receive_skb_list_exit", "net_napi_gro_receive_exit",
        "napi_gro_receive_exit", "net_napi_gro_frags_exit", "napi_gro_frags_exit"
    ] &[];
    KvmEntry: ["kvm_x86_entry", "kvm_entry"] &[may("vcpu_id", "vcpu_id")];
    KvmExit: ["kvm_x86_exit", "kvm_exit"] &[same("exit_reason"), may("isa", "isa"), may("vcpu_id", "vcpu_id")];
    KvmUserspaceExit: ["kvm_userspace_exit", "kvm_x86_userspace_exit"] &[same("reason")];
    KvmHypercall: ["kvm_x86_hypercall", "kvm_hypercall"] &[same("nr"), same("a0"), same("a1")];
    KvmRaiseIrq: ["kvm_set_irq", "kvm_msi_set_irq"] &[may("gsi", "gsi"), may("level", "level")];
    KvmInjectVirq: ["kvm_x86_inj_virq", "kvm_inj_virq"] &[need("irq", "irq|vector")];
    KvmApicAccept: ["kvm_x86_apic_accept_irq", "kvm_apic_accept_irq"] &[same("apicid"), same("vec")];
    KvmWriteTscOffset: ["kvm_x86_write_tsc_offset", "kvm_write_tsc_offset"] &[
        same("vcpu_id"), same("previous_tsc_offset"), same("next_tsc_offset"),
    ];
    Vmsync: ["vmsync_gh_guest", "vmsync_gh_host", "vmsync_hg_host", "vmsync_hg_guest"] VMSYNC;
    Text: ["lttng_logger", "print"] &[need("msg", "buf")];
};

const USER_RULES: &[Rule] = rules! {
    Text: ["lttng_ust_tracef:event"] &[same("msg")];
};

const SYSCALL_ENTRY: Rule = Rule { kind: EventKind::SyscallEntry, names: &[], fields: &[] };
const SYSCALL_ENTRY_NR: Rule = Rule { kind: EventKind::SyscallEntry, names: &[], fields: &[same("id")] };
const SYSCALL_EXIT: Rule = Rule { kind: EventKind::SyscallExit, names: &[], fields: &[same("ret")] };
const SYSCALL_EXIT_NR: Rule = Rule { kind: EventKind::SyscallExit, names: &[], fields: &[same("ret"), same("id")] };
const VECTOR_ENTRY: Rule = Rule { kind: EventKind::VectorEntry, names: &[], fields: &[may("vector", "vector")] };
const VECTOR_EXIT: Rule = Rule { kind: EventKind::VectorExit, names: &[], fields: &[may("vector", "vector")] };

/// A rule that fits an event class, with what its name says.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) rule: &'static Rule,
    /// What the class's name says: the system call, or the kind of vector.
    pub(crate) text: String,
    /// 32-bit system call on a 64-bit machine.
    pub(crate) compat: bool,
    pub(crate) step: Option<VmsyncStep>,
}

fn bound(rule: &'static Rule, text: &str) -> Bound {
    Bound { rule, text: text.to_owned(), compat: false, step: None }
}

/// The rule for an event class of that name.
pub(crate) fn find(tracer: Tracer, name: &str) -> Option<Bound> {
    let (subsystem, short) = match tracer {
        Tracer::Kernel => name.split_once(':').unwrap_or(("", name)),
        _ => ("", name),
    };
    match tracer {
        Tracer::Other => return None,
        Tracer::User => {
            return USER_RULES.iter().find(|r| r.names.contains(&name)).map(|r| bound(r, ""));
        }
        Tracer::Lttng | Tracer::Kernel => {}
    }
    if let Some(rule) = KERNEL_RULES.iter().find(|r| r.names.contains(&short)) {
        let step = match short {
            "vmsync_gh_guest" => Some(VmsyncStep::GuestToHostGuest),
            "vmsync_gh_host" => Some(VmsyncStep::GuestToHostHost),
            "vmsync_hg_host" => Some(VmsyncStep::HostToGuestHost),
            "vmsync_hg_guest" => Some(VmsyncStep::HostToGuestGuest),
            _ => None,
        };
        return Some(Bound { step, ..bound(rule, "") });
    }
    if tracer == Tracer::Lttng { lttng_by_prefix(short) } else { kernel_by_prefix(subsystem, short) }
}

fn lttng_by_prefix(name: &str) -> Option<Bound> {
    let (name, compat) = name.strip_prefix("compat_").map_or((name, false), |n| (n, true));
    // Up to LTTng 2.5 all system calls return by one class, and their entries are `sys_…`.
    if name == "exit_syscall" {
        return Some(bound(&SYSCALL_EXIT, ""));
    }
    if let Some(call) = name.strip_prefix("syscall_entry_").or_else(|| name.strip_prefix("sys_")) {
        return Some(Bound { compat, ..bound(&SYSCALL_ENTRY, call) });
    }
    if let Some(call) = name.strip_prefix("syscall_exit_") {
        return Some(Bound { compat, ..bound(&SYSCALL_EXIT, call) });
    }
    vector(name.strip_prefix("x86_irq_vectors_")?)
}

fn kernel_by_prefix(subsystem: &str, name: &str) -> Option<Bound> {
    match (subsystem, name) {
        (_, "sys_enter") => Some(bound(&SYSCALL_ENTRY_NR, "")),
        (_, "sys_exit") => Some(bound(&SYSCALL_EXIT_NR, "")),
        ("irq_vectors", _) => vector(name),
        _ => match (name.strip_prefix("sys_enter_"), name.strip_prefix("sys_exit_")) {
            (Some(call), _) => Some(bound(&SYSCALL_ENTRY, call)),
            (_, Some(call)) => Some(bound(&SYSCALL_EXIT, call)),
            _ => None,
        },
    }
}

fn vector(name: &str) -> Option<Bound> {
    match (name.strip_suffix("_entry"), name.strip_suffix("_exit")) {
        (Some(kind), _) => Some(bound(&VECTOR_ENTRY, kind)),
        (_, Some(kind)) => Some(bound(&VECTOR_EXIT, kind)),
        _ => None,
    }
}

/// Whether a field of a context (or of the payload, for perf) names the running thread.
pub(crate) fn is_context_tid(tracer: Tracer, in_payload: bool, path: &[&str]) -> bool {
    match tracer {
        Tracer::Lttng => !in_payload && path == ["tid"],
        Tracer::Kernel => in_payload && path == ["perf_tid"],
        Tracer::User | Tracer::Other => false,
    }
}

/// Whether a field of an event names its CPU.
pub(crate) fn is_event_cpu(tracer: Tracer, in_payload: bool, path: &[&str]) -> bool {
    match tracer {
        Tracer::Kernel => in_payload && path == ["perf_cpu"],
        _ => !in_payload && path == ["cpu_id"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_tracers() {
        use EventKind::*;
        use Tracer::{Kernel, Lttng, Other, User};
        #[rustfmt::skip]
        let names = [
            (Lttng, "sched_switch", Some((SchedSwitch, "", false))),
            (Kernel, "sched:sched_switch", Some((SchedSwitch, "", false))),
            (User, "sched_switch", None),
            (Other, "sched_switch", None),
            (Lttng, "syscall_entry_read", Some((SyscallEntry, "read", false))),
            (Lttng, "compat_syscall_entry_read", Some((SyscallEntry, "read", true))),
            (Lttng, "syscall_exit_read", Some((SyscallExit, "read", false))),
            (Lttng, "sys_read", Some((SyscallEntry, "read", false))),
            (Lttng, "compat_sys_read", Some((SyscallEntry, "read", true))),
            (Lttng, "exit_syscall", Some((SyscallExit, "", false))),
            (Kernel, "raw_syscalls:sys_enter", Some((SyscallEntry, "", false))),
            (Kernel, "syscalls:sys_exit_read", Some((SyscallExit, "read", false))),
            (Lttng, "x86_irq_vectors_local_timer_entry", Some((VectorEntry, "local_timer", false))),
            (Kernel, "irq_vectors:reschedule_exit", Some((VectorExit, "reschedule", false))),
            (Lttng, "softirq_entry", Some((SoftirqEntry, "", false))),
            (Lttng, "irq_softirq_entry", Some((SoftirqEntry, "", false))),
            (Lttng, "kvm_x86_exit", Some((KvmExit, "", false))),
            (Lttng, "kvm_mmio", None),
            (User, "lttng_ust_tracef:event", Some((Text, "", false))),
        ];
        for (tracer, name, expected) in names {
            let found = find(tracer, name);
            assert_eq!(found.as_ref().map(|b| (b.rule.kind, b.text.as_str(), b.compat)), expected, "{name}");
        }
    }

    #[test]
    fn every_rule_fits_the_registers() {
        for rule in KERNEL_RULES.iter().chain(USER_RULES) {
            assert!(rule.fields.len() <= FIELDS, "{:?}", rule.kind);
        }
    }

    #[test]
    fn a_path_is_its_names() {
        let seq = &TCP[0];
        for (path, fits) in [
            (&["seq"][..], true),
            (&["transport_fields", "thtype_tcp", "seq"], true),
            (&["network_header", "ipv6", "transport_header", "tcp", "seq"], true),
            (&["network_header", "ipv4", "transport_header", "udp", "seq"], false),
            (&["network_header", "ipv4"], false),
            (&["ack_seq"], false),
            (&[], false),
        ] {
            assert_eq!(seq.matches(Tracer::Lttng, path), fits, "{path:?}");
        }
    }
}
