//! The commands that record what a view needs name events that LTTng has.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail loudly")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use stratoscope_core::session::{Recordings, Session, SessionOptions};
use stratoscope_core::vocab::record::{Need, Tool};

/// Event classes of a recording that lttng-modules 2.13.23 made.
fn classes(sample: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces").join(sample);
    let options = SessionOptions { analyse: false, recordings: Recordings::First, ..SessionOptions::default() };
    let session = Session::open(vec![path], options, Arc::new(|| {}));
    let snapshot = session.wait();
    let names = snapshot.traces.iter().flat_map(|t| t.trace.classes()).map(|c| c.name.to_string());
    names.collect()
}

#[test]
fn names_are_those_of_lttng_modules() {
    let known: BTreeSet<String> = ["io", "fighting"].into_iter().flat_map(classes).collect();
    // Not enabled when the samples were recorded; they are in the sources of lttng-modules 2.13.
    let not_there = [
        "sched_wakeup_new",
        "sched_migrate_task",
        "timer_expire_entry",
        "timer_expire_exit",
        "x86_irq_vectors_*",
        "lttng_statedump_interrupt",
        "net_dev_queue",
        "net_if_receive_skb",
        "kvm_msi_set_irq",
    ];
    for need in Need::ALL {
        let lines = need.lines(Tool::Lttng);
        let lists: Vec<&str> = lines.lines().filter_map(|line| line.split('\'').nth(1)).collect();
        assert!(lists.len() > 1, "{lines}");
        for event in lists.into_iter().flat_map(|list| list.split(',')) {
            assert!(known.contains(event) || not_there.contains(&event), "{event} is in no recording");
        }
    }
}
