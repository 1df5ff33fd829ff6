//! Poor input: losses, nobody's wake-ups, wakers that wake each other at one instant.

use expect_test::{Expect, expect};

use crate::support::flows::path_text;

fn check(events: &str, tid: i32, expected: Expect) {
    expected.assert_eq(&path_text(&[events], tid));
}

#[test]
fn without_wakeups_waits_stay_unexplained() {
    check(
        "0 0 switch 0:swapper 1:a
         0 10 switch 1:a/1 2:b
         0 20 switch 2:b/1 1:a",
        1,
        expect![[r#"
            1 0..10 running
            1 10..20 blocked (no wake-up was recorded)
            1 20..21 running
        "#]],
    );
}

/// B, which wakes A, may have done anything while events were lost: it is not walked across that.
#[test]
fn nobody_is_walked_across_a_loss() {
    check(
        "1 0 switch 0:swapper 2:b
         0 0 switch 0:swapper 1:a
         0 10 switch 1:a/1 0:swapper
         1 20 lost 30
         1 40 switch 2:b/0 3:c
         1 50 switch 3:c/1 2:b
         1 60 waking 1:a 0
         0 65 switch 0:swapper 1:a",
        1,
        expect![[r#"
            1 0..10 running
            1 10..20 blocked (events were lost)
            1 20..30 unknown (events were lost)
            1 @30 -> 2 @30
            2 30..40 running
            2 40..50 preempted
            2 50..60 running
            2 @60 -> 1 @60
            1 60..65 preempted
            1 65..66 running
        "#]],
    );
}

/// While A slept, events of another CPU were lost: A may have run there unseen.
#[test]
fn a_sleep_with_a_loss_in_it_is_three() {
    check(
        "0 0 switch 0:swapper 1:a
         1 5 switch 0:swapper 3:c
         0 10 switch 1:a/1 0:swapper
         1 20 lost 30
         0 50 irq 14:ata_piix
         0 50 waking 1:a 0
         0 51 irq_end 14
         0 52 switch 0:swapper 1:a",
        1,
        expect![[r#"
            1 0..10 running
            1 10..20 blocked (events were lost)
            1 20..30 unknown (events were lost)
            1 30..50 disk (ata_piix)
            1 50..52 preempted
            1 52..53 running
        "#]],
    );
}

/// A and B wake each other at one instant: the walk ends.
#[test]
fn mutual_wakeups_in_a_nanosecond() {
    check(
        "0 0 switch 1:a/1 0:swapper
         1 0 switch 2:b/1 0:swapper
         0 50 switch 0:swapper 2:b
         0 50 waking 1:a 1
         1 50 switch 0:swapper 1:a
         1 50 waking 2:b 0
         1 60 switch 1:a/1 0:swapper",
        1,
        expect![[r#"
            1 0..50 blocked
            1 @50 -> 2 @50
            2 @50 -> 1 @50
            1 50..60 running
            1 60..61 blocked (until the end of the trace)
        "#]],
    );
}

/// A task of which only a wake-up is known.
#[test]
fn a_task_that_never_ran() {
    check(
        "0 0 switch 0:swapper 1:a
         0 10 waking 5:sleeper 0
         0 30 switch 1:a/0 0:swapper",
        5,
        expect![[r#"
            5 10..31 preempted
        "#]],
    );
}
