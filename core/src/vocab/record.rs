//! How to record what a view is made from: complete commands, for LTTng and for trace-cmd. Messages about what is
//! missing and the window's help give the same ones.
//!
//! Names of events are those of lttng-modules 2.13 and of the kernel's own tracepoints, as trace-cmd 3 takes them.
//! Nothing is run here: the lines are shown, and copied by whoever wants to run them.

use serde::Deserialize;

/// What somebody wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Need {
    /// States of threads.
    Threads,
    /// States of CPUs, interrupts and softirqs.
    Cpus,
    /// System calls.
    Calls,
    /// Virtual CPUs and what became of guests' time: of the host, and of the guests' threads.
    Host,
    /// Waits and who ended them.
    Flow,
    /// Messages between machines, to compare their clocks.
    Clocks,
}

/// A tracer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    /// LTTng's kernel tracer.
    #[default]
    Lttng,
    /// trace-cmd, over the kernel's own tracer.
    TraceCmd,
}

/// Events of one purpose, by both tracers' names.
struct Set {
    lttng: &'static [&'static str],
    /// With their systems, as `trace-cmd list -e` prints them.
    kernel: &'static [&'static str],
}

const SCHED: Set = Set {
    lttng: &[
        "sched_switch",
        "sched_waking",
        "sched_wakeup",
        "sched_wakeup_new",
        "sched_migrate_task",
        "sched_process_fork",
        "sched_process_exec",
        "sched_process_exit",
        "sched_process_free",
        "lttng_statedump_start",
        "lttng_statedump_end",
        "lttng_statedump_process_state",
        "lttng_statedump_interrupt",
    ],
    kernel: &[
        "sched:sched_switch",
        "sched:sched_waking",
        "sched:sched_wakeup",
        "sched:sched_wakeup_new",
        "sched:sched_migrate_task",
        "sched:sched_process_fork",
        "sched:sched_process_exec",
        "sched:sched_process_exit",
        "sched:sched_process_free",
    ],
};

const IRQ: Set = Set {
    lttng: &[
        "irq_handler_entry",
        "irq_handler_exit",
        "irq_softirq_raise",
        "irq_softirq_entry",
        "irq_softirq_exit",
        "x86_irq_vectors_*",
    ],
    kernel: &[
        "irq:irq_handler_entry",
        "irq:irq_handler_exit",
        "irq:softirq_raise",
        "irq:softirq_entry",
        "irq:softirq_exit",
        "irq_vectors",
    ],
};

const TIMER: Set = Set {
    lttng: &["timer_hrtimer_expire_entry", "timer_hrtimer_expire_exit", "timer_expire_entry", "timer_expire_exit"],
    kernel: &[
        "timer:hrtimer_expire_entry",
        "timer:hrtimer_expire_exit",
        "timer:timer_expire_entry",
        "timer:timer_expire_exit",
    ],
};

const KVM: Set = Set {
    lttng: &[
        "kvm_x86_entry",
        "kvm_x86_exit",
        "kvm_x86_hypercall",
        "kvm_x86_inj_virq",
        "kvm_x86_apic_accept_irq",
        "kvm_x86_write_tsc_offset",
        "kvm_userspace_exit",
        "kvm_set_irq",
        "kvm_msi_set_irq",
    ],
    kernel: &[
        "kvm:kvm_entry",
        "kvm:kvm_exit",
        "kvm:kvm_hypercall",
        "kvm:kvm_inj_virq",
        "kvm:kvm_apic_accept_irq",
        "kvm:kvm_write_tsc_offset",
        "kvm:kvm_userspace_exit",
        "kvm:kvm_set_irq",
        "kvm:kvm_msi_set_irq",
    ],
};

const NET: Set =
    Set { lttng: &["net_dev_queue", "net_if_receive_skb"], kernel: &["net:net_dev_queue", "net:netif_receive_skb"] };

impl Need {
    /// Everything that can be needed.
    pub const ALL: [Self; 6] = [Self::Threads, Self::Cpus, Self::Calls, Self::Host, Self::Flow, Self::Clocks];

    fn sets(self) -> &'static [Set] {
        match self {
            Self::Threads | Self::Calls | Self::Cpus => &[SCHED, IRQ, TIMER],
            Self::Host => &[SCHED, IRQ, TIMER, KVM],
            Self::Flow => &[SCHED, IRQ, TIMER, NET],
            Self::Clocks => &[SCHED, KVM, NET],
        }
    }

    /// Whether system calls belong to it.
    fn calls(self) -> bool {
        !matches!(self, Self::Host | Self::Clocks)
    }

    /// A sentence on where and how to run the commands, apart from as root.
    pub fn note(self) -> &'static str {
        match self {
            Self::Threads | Self::Cpus | Self::Calls => "As root, on the machine that you want to see:",
            Self::Host => {
                "As root, on the host. Run the commands for Control flow inside each guest at the same time, and put \
                 all folders into one:"
            }
            Self::Flow => "As root, on each machine that takes part, at the same time:",
            Self::Clocks => "As root, on each machine, at the same time; the events of KVM only on the host:",
        }
    }

    /// All of it as messages say it: where to run what, by each tracer.
    pub fn advice(self) -> String {
        let mut text = self.note().to_owned();
        for tool in Tool::ALL {
            if tool != Tool::Lttng {
                text.push_str(&format!("\nOr with {}. {}", tool.name(), tool.caveat()));
            }
            for line in self.lines(tool).lines() {
                text.push_str("\n    ");
                text.push_str(line);
            }
        }
        text
    }

    /// The commands, a line each: complete, from making a session to closing it.
    pub fn lines(self, tool: Tool) -> String {
        match tool {
            Tool::Lttng => self.lttng(),
            Tool::TraceCmd => self.trace_cmd(),
        }
    }

    fn lttng(self) -> String {
        let mut lines = vec![
            "lttng create stratoscope --output=$PWD/trace".to_owned(),
            "lttng enable-channel --kernel --subbuf-size=4M --num-subbuf=8 chan".to_owned(),
        ];
        for set in self.sets() {
            lines.push(format!("lttng enable-event --kernel --channel=chan '{}'", set.lttng.join(",")));
        }
        if self.calls() {
            lines.push("lttng enable-event --kernel --channel=chan --syscall --all".to_owned());
        }
        lines.push("lttng add-context --kernel --channel=chan --type=pid --type=tid --type=procname".to_owned());
        lines.extend(["lttng start", "sleep 10", "lttng stop", "lttng destroy"].map(str::to_owned));
        lines.join("\n")
    }

    fn trace_cmd(self) -> String {
        let mut words = vec!["trace-cmd record -C mono -b 20000 -o trace.dat".to_owned()];
        for set in self.sets() {
            words.push(set.kernel.iter().map(|event| format!("-e {event}")).collect::<Vec<_>>().join(" "));
        }
        if self.calls() {
            words.push("-e raw_syscalls".to_owned());
        }
        words.push("sleep 10".to_owned());
        words.join(" \\\n    ")
    }
}

impl Tool {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Lttng, Self::TraceCmd];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lttng => "LTTng",
            Self::TraceCmd => "trace-cmd",
        }
    }

    /// What must be known of it beside its commands; empty: nothing.
    pub fn caveat(self) -> &'static str {
        match self {
            Self::Lttng => "",
            Self::TraceCmd => "trace-cmd writes trace.dat, which this version does not open yet: it reads CTF only.",
        }
    }
}

/// Whether traces with event classes of these names have an event; `wanted` as LTTng calls it, with `*` for any rest.
/// Other tracers' names of the same event count.
pub fn is_recorded<'a>(wanted: &str, mut names: impl Iterator<Item = &'a str>) -> bool {
    let same = |name: &str, wanted: &str| match wanted.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == wanted,
    };
    names.any(|full| {
        let name = full.split_once(':').map_or(full, |(_, rest)| rest);
        same(full, wanted) || same(name, wanted) || others(wanted).iter().any(|other| same(name, other))
    })
}

/// What other tracers, and older versions of LTTng, call an event.
fn others(wanted: &str) -> Vec<String> {
    match wanted {
        "sched_waking" => return vec!["sched_wakeup".to_owned()],
        "syscall_entry_*" => return ["sys_*", "compat_sys_*", "compat_syscall_entry_*"].map(str::to_owned).to_vec(),
        "syscall_exit_*" => {
            return ["exit_syscall", "sys_exit*", "compat_syscall_exit_*"].map(str::to_owned).to_vec();
        }
        "net_if_receive_skb" => return vec!["netif_receive_skb".to_owned()],
        "x86_irq_vectors_*" => {
            return ["local_timer_*", "reschedule_*", "call_function_*"].map(str::to_owned).to_vec();
        }
        _ => {}
    }
    [("kvm_x86_", "kvm_"), ("irq_softirq_", "softirq_"), ("timer_hrtimer_", "hrtimer_"), ("power_cpu_", "cpu_")]
        .into_iter()
        .filter_map(|(lttng, kernel)| wanted.strip_prefix(lttng).map(|rest| format!("{kernel}{rest}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_complete() {
        for need in Need::ALL {
            let lttng = need.lines(Tool::Lttng);
            let order = ["lttng create ", "lttng enable-channel ", "lttng enable-event ", "lttng add-context "];
            let rest = ["lttng start", "lttng stop", "lttng destroy"];
            let places: Vec<usize> =
                order.iter().chain(&rest).map(|word| lttng.find(word).unwrap_or_else(|| panic!("{word}"))).collect();
            assert!(places.is_sorted(), "{lttng}");
            assert!(lttng.contains("sched_switch"), "{need:?}");
            let other = need.lines(Tool::TraceCmd);
            assert!(other.starts_with("trace-cmd record ") && other.ends_with("sleep 10"), "{other}");
            assert_eq!(lttng.contains("--syscall"), other.contains("raw_syscalls"));
            assert_eq!(lttng.contains("kvm_x86_entry"), other.contains("kvm:kvm_entry"));
            // The shell would take a star for files.
            assert!(lttng.lines().all(|line| !line.contains('*') || line.contains('\'')), "{lttng}");
            let advice = need.advice();
            let said = |commands: &str| commands.lines().all(|line| advice.contains(&format!("\n    {line}")));
            assert!(advice.starts_with("As root, ") && said(&lttng) && said(&other), "{advice}");
        }
    }

    #[test]
    fn other_tracers_names_count() {
        let is = |wanted: &str, name: &str| is_recorded(wanted, std::iter::once(name));
        assert!(is("sched_switch", "sched:sched_switch"));
        assert!(is("irq_softirq_entry", "irq:softirq_entry"));
        assert!(is("kvm_x86_entry", "kvm_entry") && is("kvm_x86_entry", "kvm_x86_entry"));
        assert!(is("syscall_entry_*", "syscall_entry_read") && is("syscall_entry_*", "raw_syscalls:sys_enter"));
        assert!(is("timer_hrtimer_expire_entry", "timer:hrtimer_expire_entry"));
        assert!(!is("sched_switch", "sched_waking") && !is("kvm_x86_exit", "kvm_x86_entry"));
        assert!(is("*", "ust_app:anything"));
        assert!(!is_recorded("sched_switch", std::iter::empty()));
    }
}
