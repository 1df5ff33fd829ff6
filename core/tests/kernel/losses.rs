//! Lost events: nothing is known of what that CPU did.

use expect_test::expect;

use super::{check, check_both, check_cpus, check_irqs, check_wakeups};

#[test]
fn the_current_thread_and_the_cpu_are_unknown() {
    check_both(
        "
        0 10 switch 9/1 5:a
        0 20 enter read
        0 30 lost 50
        0 60 leave
        ",
        expect![[r#"
            5 a: 10..20 running-user @0 | 20..30 running-syscall read @0 | 30.. unknown
            9: 10.. blocked
            cpu0: 10..20 user @5 | 20..30 syscall read @5 | 30..60 unknown | 60.. user
        "#]],
    );
}

#[test]
fn the_first_switch_after_a_loss_reveals_from_its_end() {
    check_both(
        "
        0 10 switch 9/1 5:a
        0 30 lost 50
        0 60 switch 6:b/1 7:c
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30.. unknown
            6 b: 50..60 unknown running @0 | 60.. blocked
            7 c: 60.. running-user @0
            9: 10.. blocked
            cpu0: 10..30 user @5 | 30..50 unknown | 50..60 unknown @6 | 60.. user @7
        "#]],
    );
}

#[test]
fn the_same_thread_may_still_run() {
    check_both(
        "
        0 10 switch 9/1 5:a
        0 30 lost 50
        0 60 switch 5:a/1 7:c
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30..50 unknown | 50..60 unknown running @0 | 60.. blocked
            7 c: 60.. running-user @0
            9: 10.. blocked
            cpu0: 10..30 user @5 | 30..50 unknown | 50..60 unknown @5 | 60.. user @7
        "#]],
    );
}

#[test]
fn a_sleeper_that_ran_in_the_gap() {
    check_both(
        "
        0 5 switch 6:b/1 9
        0 10 switch 9/1 5:a
        0 30 lost 50
        0 60 switch 6:b/1 7:c
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30.. unknown
            6 b: 5..50 blocked | 50..60 unknown running @0 | 60.. blocked
            7 c: 60.. running-user @0
            9: 5..10 running-user @0 | 10.. blocked
            cpu0: 5..10 user @9 | 10..30 user @5 | 30..50 unknown | 50..60 unknown @6 | 60.. user @7
        "#]],
    );
}

#[test]
fn interrupts_and_softirqs_end() {
    check_irqs(
        "
        0 10 irq 14:ata
        0 12 raise 1
        0 14 softirq 3
        0 30 lost 50
        0 60 raise 1
        ",
        expect![[r#"
            14@cpu0 ata: 10..30 active
            1@cpu0 TIMER: 12..30 raised | 60.. raised
            3@cpu0 NET_RX: 14..30 active
        "#]],
    );
}

#[test]
fn other_cpus_go_on() {
    check_both(
        "
        0 10 switch 9/1 5:a
        1 12 switch 8/1 6:b
        0 30 lost 50
        1 40 enter read
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30.. unknown
            6 b: 12..40 running-user @1 | 40.. running-syscall read @1
            8: 12.. blocked
            9: 10.. blocked
            cpu0: 10..30 user @5 | 30.. unknown
            cpu1: 12..40 user @6 | 40.. syscall read @6
        "#]],
    );
}

#[test]
fn the_system_call_is_forgotten() {
    check_both(
        "
        0 10 switch 9/1 5:a
        0 20 enter read
        0 30 lost 50
        0 60 switch 5:a/1 9
        0 70 switch 9/1 5:a
        ",
        expect![[r#"
            5 a: 10..20 running-user @0 | 20..30 running-syscall read @0 | 30..50 unknown | 50..60 unknown running @0 | 60..70 blocked | 70.. running-user @0
            9: 10..60 blocked | 60..70 running-user @0 | 70.. blocked
            cpu0: 10..20 user @5 | 20..30 syscall read @5 | 30..50 unknown | 50..60 unknown @5 | 60..70 user @9 | 70.. user @5
        "#]],
    );
}

#[test]
fn a_context_says_at_once_who_runs() {
    check_both(
        "
        0 10 @9 switch 9/1 5:a
        0 30 lost 50
        0 50 @6 raise 1
        0 60 @6 enter read
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30.. unknown
            6: 50..60 unknown running @0 | 60.. running-syscall read @0
            9: 10.. blocked
            cpu0: 10..30 user @5 | 30..50 unknown | 50..60 unknown @6 | 60.. syscall read @6
        "#]],
    );
}

#[test]
fn a_system_call_after_a_loss_goes_to_who_ran() {
    check_both(
        "
        0 10 switch 9/1 5:a
        0 30 lost 50
        0 55 enter read
        0 60 switch 6:b/1 9
        0 70 switch 9/1 6:b
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30.. unknown
            6 b: 50..60 unknown running @0 | 60..70 blocked | 70.. running-syscall read @0
            9: 10..60 blocked | 60..70 running-user @0 | 70.. blocked
            cpu0: 10..30 user @5 | 30..55 unknown | 55..60 syscall read @6 | 60..70 user @9 | 70.. syscall read @6
        "#]],
    );
}

#[test]
fn a_loss_before_the_first_event() {
    check_cpus(
        "
        0 10 lost 20
        0 30 switch 1:a/1 0
        ",
        expect![[r#"
            cpu0: 10..20 unknown | 20..30 unknown @1 | 30.. idle @0
        "#]],
    );
}

#[test]
fn a_loss_of_an_unknown_cpu_is_a_loss_of_all() {
    check_both(
        "
        0 10 switch 9/1 5:a
        1 12 switch 8/1 6:b
        - 30 lost 50
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30.. unknown
            6 b: 12..30 running-user @1 | 30.. unknown
            8: 12.. blocked
            9: 10.. blocked
            cpu0: 10..30 user @5 | 30.. unknown
            cpu1: 12..30 user @6 | 30.. unknown
        "#]],
    );
}

#[test]
fn a_loss_on_an_idle_cpu() {
    check_both(
        "
        0 10 switch 9/1 0
        0 30 lost 50
        0 60 switch 0 5:a
        ",
        expect![[r#"
            0/0: 10..30 running-user @0 | 30..50 unknown | 50..60 unknown running @0 | 60.. waiting-cpu @0
            5 a: 60.. running-user @0
            9: 10.. blocked
            cpu0: 10..30 idle @0 | 30..50 unknown | 50..60 unknown @0 | 60.. user @5
        "#]],
    );
}

#[test]
fn a_thread_that_went_elsewhere_during_the_gap() {
    check_both(
        "
        0 10 switch 9/1 5:a
        1 40 switch 0 5:a
        0 30 lost 50
        0 60 switch 9/1 0
        ",
        expect![[r#"
            0/0: 60.. running-user @0
            0/1: 40.. waiting-cpu @1
            5 a: 10..40 running-user @0 | 40.. running-user @1
            9: 10..50 blocked | 50..60 unknown running @0 | 60.. blocked
            cpu0: 10..40 user @5 | 40..50 unknown | 50..60 unknown @9 | 60.. idle @0
            cpu1: 40.. user @5
        "#]],
    );
}

#[test]
fn losses_in_a_row() {
    check_both(
        "
        0 10 switch 9/1 5:a
        0 30 lost 50
        0 50 lost 60
        0 70 switch 5:a/1 0
        ",
        expect![[r#"
            0/0: 70.. running-user @0
            5 a: 10..30 running-user @0 | 30..60 unknown | 60..70 unknown running @0 | 70.. blocked
            9: 10.. blocked
            cpu0: 10..30 user @5 | 30..60 unknown | 60..70 unknown @5 | 70.. idle @0
        "#]],
    );
}

#[test]
fn a_wake_up_from_an_unknown_thread() {
    check_wakeups(
        "
        0 10 switch 9/1 5:a
        0 30 lost 50
        0 60 waking 7 0
        ",
        expect![[r#"
            60 cpu0: ? in unknown wakes 7 on cpu0
        "#]],
    );
}

#[test]
fn a_wake_up_after_a_loss_ends_the_unknown() {
    check(
        "
        0 10 switch 9/1 5:a
        0 30 lost 50
        1 60 waking 5 0
        ",
        expect![[r#"
            5 a: 10..30 running-user @0 | 30..60 unknown | 60.. waiting-cpu @0
            9: 10.. blocked
        "#]],
    );
}
