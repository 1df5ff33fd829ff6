//! Chains of waits: pipes, disks, timers, clients and servers, forks.

use expect_test::{Expect, expect};

use crate::support::flows::path_text;

fn check(events: &str, tid: i32, expected: Expect) {
    expected.assert_eq(&path_text(&[events], tid));
}

#[test]
fn a_task_that_never_sleeps_is_its_own_path() {
    check(
        "0 0 switch 0:swapper 1:a
         0 10 switch 1:a/0 2:b
         0 20 switch 2:b/1 1:a
         0 30 switch 1:a/1 0:swapper",
        1,
        expect![[r#"
            1 0..10 running
            1 10..20 preempted
            1 20..30 running
            1 30..31 blocked (until the end of the trace)
        "#]],
    );
}

/// A reads from a pipe that B fills after it has read from a disk.
#[test]
fn a_pipe_and_a_disk() {
    check(
        "1 0 switch 2:b/1 0:swapper
         0 0 switch 0:swapper 1:a
         0 10 waking 2:b 1
         1 12 switch 0:swapper 2:b
         0 20 switch 1:a/1 0:swapper
         1 25 switch 2:b/1 0:swapper
         1 50 softirq 4
         1 50 block
         1 50 waking 2:b 1
         1 51 softirq_end 4
         1 52 switch 0:swapper 2:b
         1 60 waking 1:a 0
         0 63 switch 0:swapper 1:a
         1 65 switch 2:b/1 0:swapper
         0 80 switch 1:a/1 0:swapper",
        1,
        expect![[r#"
            1 0..20 running
            1 @20 -> 2 @20
            2 20..25 running
            2 25..50 disk
            2 50..52 preempted
            2 52..60 running
            2 @60 -> 1 @60
            1 60..63 preempted
            1 63..80 running
            1 80..81 blocked (until the end of the trace)
        "#]],
    );
}

/// What the specification's worked example calls client and server, on two machines.
#[test]
fn a_client_and_a_server() {
    let client = "0 0 switch 0:swapper 1:client
         0 10 send 1
         0 12 switch 1:client/1 0:swapper
         0 69 softirq 3
         0 69 net 2
         0 70 waking 1:client 0
         0 71 softirq_end 3
         0 72 switch 0:swapper 1:client
         0 90 switch 1:client/1 0:swapper";
    let server = "0 0 switch 2:server/1 0:swapper
         0 19 softirq 3
         0 19 net 1
         0 20 waking 2:server 0
         0 21 softirq_end 3
         0 23 switch 0:swapper 2:server
         0 60 send 2
         0 62 switch 2:server/1 0:swapper";
    expect![[r#"
        a/1 0..12 running
        a/1 @12 -> b/2 @20 network
        b/2 20..23 preempted
        b/2 23..60 running
        b/2 @60 -> a/1 @70 network
        a/1 70..72 preempted
        a/1 72..90 running
        a/1 90..91 blocked (until the end of the trace)
    "#]]
    .assert_eq(&path_text(&[client, server], 1));
}

/// The same without the server's trace: who sends the answer is not known, and the wait says so.
#[test]
fn a_client_alone() {
    check(
        "0 0 switch 0:swapper 1:client
         0 12 switch 1:client/1 0:swapper
         0 69 softirq 3
         0 69 net 2
         0 70 waking 1:client 0
         0 71 softirq_end 3
         0 72 switch 0:swapper 1:client",
        1,
        expect![[r#"
            1 0..12 running
            1 12..70 network (its sender is not known)
            1 70..72 preempted
            1 72..73 running
        "#]],
    );
}

/// A thread that handles interrupts hands the packet upwards itself.
#[test]
fn a_packet_that_a_thread_receives() {
    check(
        "0 0 switch 0:swapper 1:client
         0 5 send 7
         0 10 switch 1:client/1 0:swapper
         1 0 switch 0:swapper 3:peer
         1 20 send 8
         0 30 switch 0:swapper 9:irq-30-wifi
         0 31 handle
         0 32 net 8
         0 33 waking 1:client 0
         0 34 handle_end
         0 35 switch 9:irq-30-wifi/1 1:client",
        1,
        expect![[r#"
            1 0..10 running
            1 @10 -> 3 @10 network
            3 10..20 running
            3 @20 -> 1 @33 network
            1 33..35 preempted
            1 35..36 running
        "#]],
    );
}

#[test]
fn timers_are_what_the_task_asked_for() {
    check(
        "0 0 switch 0:swapper 1:a
         0 5 switch 1:a/1 0:swapper
         0 14 hrtimer 77
         0 15 waking 1:a 0
         0 15 hrtimer_end 77
         0 16 switch 0:swapper 1:a
         0 20 switch 1:a/1 0:swapper
         0 30 vector 236:local_timer
         0 31 waking 1:a 0
         0 32 vector_end 236
         0 33 switch 0:swapper 1:a",
        1,
        expect![[r#"
            1 0..5 running
            1 5..15 timer
            1 15..16 preempted
            1 16..20 running
            1 20..31 timer (local_timer)
            1 31..33 preempted
            1 33..34 running
        "#]],
    );
}

/// Interrupts of disks and network cards are told by their drivers' names; others by their own name.
#[test]
fn interrupts_by_name() {
    check(
        "0 0 switch 1:a/1 0:swapper
         0 10 irq 14:ata_piix
         0 11 waking 1:a 0
         0 12 irq_end 14
         0 13 switch 0:swapper 1:a
         0 20 switch 1:a/1 0:swapper
         0 30 irq 1:i8042
         0 31 waking 1:a 0
         0 32 irq_end 1
         0 33 switch 0:swapper 1:a
         0 40 switch 1:a/1 0:swapper
         0 50 vector 253:reschedule
         0 51 waking 1:a 0
         0 52 vector_end 253
         0 53 switch 0:swapper 1:a",
        1,
        expect![[r#"
            1 0..11 disk (ata_piix)
            1 11..13 preempted
            1 13..20 running
            1 20..31 blocked (i8042)
            1 31..33 preempted
            1 33..40 running
            1 40..51 ipi (reschedule)
            1 51..53 preempted
            1 53..54 running
        "#]],
    );
}

/// A waits for its child; the child did not exist when A began to wait for something else.
#[test]
fn a_child_leads_back_to_its_parent() {
    check(
        "1 0 switch 0:swapper 2:parent
         0 0 switch 0:swapper 1:a
         0 10 switch 1:a/1 0:swapper
         1 20 fork 2/2 3/3:child
         1 21 wakeup_new 3:child 0
         0 25 switch 0:swapper 3:child
         0 40 waking 1:a 0
         0 45 switch 3:child/1 1:a",
        1,
        expect![[r#"
            1 0..10 running
            1 @10 -> 2 @10
            2 10..21 running
            2 @21 -> 3 @21
            3 21..25 preempted
            3 25..40 running
            3 @40 -> 1 @40
            1 40..45 preempted
            1 45..46 running
        "#]],
    );
}

/// The idle task wakes nobody: an interrupt did that was not recorded.
#[test]
fn idle_is_never_a_cause() {
    check(
        "0 0 switch 0:swapper 1:a
         0 10 switch 1:a/1 0:swapper
         0 30 waking 1:a 0
         0 31 switch 0:swapper 1:a",
        1,
        expect![[r#"
            1 0..10 running
            1 10..30 unknown (interrupt on CPU 0 (not traced))
            1 30..31 preempted
            1 31..32 running
        "#]],
    );
}
