//! What a pair's result means, in a sentence, and what to do about it.

use super::solution::{PairSync, SyncQuality};
use crate::vocab::SyncMethod;

impl PairSync {
    /// One sentence about the outcome, and one with advice where there is something to do. `a` and `b` are the
    /// machines' names.
    pub fn explain(&self, a: &str, b: &str) -> String {
        let mut text = match self.quality {
            SyncQuality::Absent => self.explain_absent(a, b),
            SyncQuality::Incomplete => self.explain_incomplete(a, b),
            SyncQuality::Approximate => format!(
                "{} between {a} and {b} bound the rate of their clocks on one side only, so the offset is a guess \
                 and is not used unless you ask for it. Record longer, so that messages go both ways more than once.",
                messages(self.matches()),
            ),
            SyncQuality::Contradictory => format!(
                "{} of the {} between {a} and {b} cannot be true together with the others: no steady pair of clocks \
                 received {} after sending. The last line that was possible is used; a clock that was set, a \
                 suspended or migrated machine, or wrong keys look like this. Choose other methods or a shorter part \
                 of the trace.",
                self.rejected,
                messages(self.matches()),
                if self.rejected == 1 { "it" } else { "them" },
            ),
            SyncQuality::Accurate => self.explain_accurate(a, b),
        };
        if self.ambiguous > 0 && self.quality != SyncQuality::Absent {
            text.push_str(&format!(" {} were left unmatched, as several events have them.", keys(self.ambiguous)));
        }
        let left_out: Vec<&str> = self.methods.iter().filter(|m| !m.used).map(|m| name(m.method)).collect();
        if !left_out.is_empty() {
            text.push_str(&format!(" Left out, because they contradict more trusted ones: {}.", left_out.join(", ")));
        }
        text
    }

    fn explain_absent(&self, a: &str, b: &str) -> String {
        if self.ambiguous > 0 {
            return format!(
                "{} could have matched between {a} and {b}, but several events have each of them: nothing is certain. \
                 Give each VM a number of its own, and do not let its counter start again while recording.",
                keys(self.ambiguous),
            );
        }
        format!(
            "Nothing that {b} recorded could be matched with {a}; it is placed by the date of its clock. Let the guest \
             write beacons around hypercalls and record kvm_hypercall and kvm_entry on the host, or record \
             net_dev_queue and net_if_receive_skb on both while they talk over TCP, or give an offset by hand.",
        )
    }

    fn explain_incomplete(&self, a: &str, b: &str) -> String {
        let (from, to) = if self.a_to_b > 0 { (a, b) } else { (b, a) };
        if self.a_to_b > 0 && self.b_to_a > 0 {
            return format!(
                "{} went both ways between {a} and {b}, but too few or too close together to bound the rate of their \
                 clocks. Record longer.",
                messages(self.matches()),
            );
        }
        format!(
            "All {} between {a} and {b} go from {from} to {to}: they bound the offset on one side only. Enable the \
             events that the other direction needs on both machines, and look for lost events.",
            messages(self.matches()),
        )
    }

    fn explain_accurate(&self, a: &str, b: &str) -> String {
        let width = self.half_width_ns.map_or(String::from("an unknown time"), time);
        let mut text = if self.method == Some(SyncMethod::TscOffset) {
            format!("The hypervisor set the distance between the time stamp counters of {a} and {b}: it is exact.")
        } else {
            format!(
                "{} between {a} and {b} put an instant of {b} at most {width} away from where it truly was.",
                messages(self.matches())
            )
        };
        if self.rejected > 0 {
            let of = if self.rejected == 1 { "match was" } else { "matches were" };
            text.push_str(&format!(" {} {of} left out as impossible.", self.rejected));
        }
        if self.dates_agree {
            text.push_str(" Their clocks' dates agree within that bound.");
        }
        text
    }
}

fn messages(n: u64) -> String {
    if n == 1 { String::from("1 message") } else { format!("{} messages", grouped(n)) }
}

fn keys(n: u64) -> String {
    if n == 1 { String::from("1 key") } else { format!("{} keys", grouped(n)) }
}

/// Digits in groups of three, as in the tables beside these sentences.
fn grouped(n: u64) -> String {
    if n < 1_000 { n.to_string() } else { format!("{} {:03}", grouped(n / 1_000), n % 1_000) }
}

/// How far a clock may be off, in the unit that fits, with two decimals at most.
fn time(ns: u64) -> String {
    let (unit, name) = match ns {
        ..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let whole = ns / unit;
    let hundredths = (ns % unit * 100 + unit / 2) / unit;
    let text = format!("{}.{:02}", whole + hundredths / 100, hundredths % 100);
    format!("{} {name}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn name(method: SyncMethod) -> &'static str {
    match method {
        SyncMethod::Vmsync => "events of the vmsync modules",
        SyncMethod::Hypercall => "hypercalls",
        SyncMethod::Tcp => "TCP packets",
        SyncMethod::Containment => "guest events inside their vCPU's time",
        SyncMethod::TscOffset => "offsets of time stamp counters",
        SyncMethod::Recorded => "recorded offsets",
        SyncMethod::Manual => "manual offsets",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_sentences_are_read_as_in_tables() {
        for (ns, text) in [
            (57, "57 ns"),
            (1_000, "1 µs"),
            (23_923, "23.92 µs"),
            (20_500, "20.5 µs"),
            (999_999, "1000 µs"),
            (1_500_000, "1.5 ms"),
            (2_000_000_000, "2 s"),
        ] {
            assert_eq!(time(ns), text);
        }
        assert_eq!(messages(1), "1 message");
        assert_eq!(messages(3_040), "3 040 messages");
        assert_eq!(messages(1_002_003), "1 002 003 messages");
    }
}
