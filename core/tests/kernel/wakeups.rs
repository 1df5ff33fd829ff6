//! Wake-ups: what becomes of the woken, who woke it, and why it had waited.

use expect_test::expect;

use super::{check, check_wakeups};

#[test]
fn a_wake_up_makes_runnable() {
    check(
        "
        0 1 switch 7:s/1 1:a
        1 20 wakeup 7:s 1
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1..20 blocked | 20.. waiting-cpu @1
        "#]],
    );
}

#[test]
fn waking_makes_runnable() {
    check(
        "
        0 1 switch 7:s/1 1:a
        1 20 waking 7:s 1
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1..20 blocked | 20.. waiting-cpu @1
        "#]],
    );
}

#[test]
fn wakeup_new_makes_runnable() {
    check(
        "
        0 20 wakeup_new 7:s 1
        ",
        expect![[r#"
            7 s: 20.. waiting-cpu @1
        "#]],
    );
}

#[test]
fn a_wake_up_of_the_running_thread_changes_nothing() {
    check(
        "
        0 1 switch 7:s/1 1:a
        1 20 waking 1:a 0
        1 21 wakeup 1:a 0
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1.. blocked
        "#]],
    );
}

#[test]
fn a_wake_up_of_an_interrupted_thread_changes_nothing() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 14:ata
        0 12 waking 1:a 0
        0 20 irq_end 14
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10..20 interrupted @0 | 20.. running-user @0
            7 s: 1.. blocked
        "#]],
    );
}

#[test]
fn a_wake_up_without_a_target_is_ignored() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 20 wakeup 7:s -
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1.. blocked
        "#]],
    );
}

#[test]
fn a_wake_up_of_an_idle_task_changes_nothing() {
    check(
        "
        0 20 wakeup 0 0
        ",
        expect![[""]],
    );
}

#[test]
fn a_second_wake_up_tells_another_queue() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 20 waking 7:s 0
        0 22 wakeup 7:s 1
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1..20 blocked task | 20..22 waiting-cpu @0 | 22.. waiting-cpu @1
        "#]],
    );
}

#[test]
fn a_wait_for_a_task() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1..20 blocked task | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_ended_by_idle_is_not_explained() {
    check(
        "
        0 1 switch 7:s/1 0
        0 20 waking 7:s 0
        ",
        expect![[r#"
            0/0: 1.. running-user @0
            7 s: 1..20 blocked | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_ended_by_nobody_known_is_not_explained() {
    check(
        "
        0 1 switch 7:s/1 1:a
        1 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1..20 blocked | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_an_hrtimer() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 hrtimer 1
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1.. running-user @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_a_timer() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 1
        0 11 timer 1
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_the_timer_softirq() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 1
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_the_hrtimer_softirq() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 8
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_a_local_timer() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 vector 236:local_timer
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_the_timer_interrupt() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 0:timer
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_the_block_softirq() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 4
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked disk | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_the_poll_softirq() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 5
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked disk | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_a_completed_request() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 14:x
        0 15 block
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked disk | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_a_disk_by_its_interrupts_name() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 25:virtio1-requests
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked disk | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_a_received_packet() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 3
        0 15 net
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked network | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_the_send_softirq() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 2
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked network | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_for_a_network_card_by_its_interrupts_name() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 19:eth0
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked network | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_ended_by_another_interrupt_is_not_explained() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 1:i8042
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_wait_ended_by_another_softirq_is_not_explained() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 9
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn what_was_done_in_a_frame_is_forgotten_with_it() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 14:x
        0 15 block
        0 16 irq_end 14
        0 17 irq 14:x
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10..16 interrupted @0 | 16..17 running-user @0 | 17.. interrupted @0
            7 s: 1..20 blocked | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn what_was_done_below_does_not_explain_what_is_above() {
    check(
        "
        0 1 switch 7:s/1 1:a
        0 10 softirq 3
        0 15 net
        0 16 hrtimer 1
        0 20 waking 7:s 0
        ",
        expect![[r#"
            1 a: 1..10 running-user @0 | 10.. interrupted @0
            7 s: 1..20 blocked timer | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_sleep_that_cannot_be_told_keeps_its_state() {
    check(
        "
        0 1 dump 7:s status=5
        0 5 switch 0 1:a
        0 20 waking 7:s 0
        ",
        expect![[r#"
            0/0: 1..5 unknown running @0 | 5.. waiting-cpu @0
            1 a: 5.. running-user @0
            7 s: 1..20 waiting-unknown | 20.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_task_wakes() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 20 waking 7:s 1
        ",
        expect![[r#"
            20 cpu0: 1 wakes 7 on cpu1
        "#]],
    );
}

#[test]
fn wakeup_follows_waking_silently() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 20 waking 7:s 1
        1 25 wakeup 7:s 1
        ",
        expect![[r#"
            20 cpu0: 1 wakes 7 on cpu1
        "#]],
    );
}

#[test]
fn wakeup_counts_where_there_is_no_waking() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 20 wakeup 7:s 1
        0 30 switch 1/0 7
        0 40 switch 7/1 1
        0 50 wakeup 7 0
        ",
        expect![[r#"
            20 cpu0: 1 wakes 7 on cpu1
            50 cpu0: 1 wakes 7 on cpu0
        "#]],
    );
}

#[test]
fn a_wakeup_whose_waking_was_lost_has_no_waker() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 10 waking 8 0
        0 11 wakeup 8 0
        0 20 wakeup 7:s 1
        ",
        expect![[r#"
            10 cpu0: 1 wakes 8 on cpu0
            20 cpu0: ? in unknown wakes 7 on cpu1
        "#]],
    );
}

#[test]
fn a_new_thread_is_woken_by_its_parent() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 20 fork 1/1 2/2:a
        0 21 wakeup_new 2:a 1
        ",
        expect![[r#"
            21 cpu0: 1 wakes 2 on cpu1
        "#]],
    );
}

#[test]
fn two_wakings_are_two_wake_ups() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 20 waking 7:s 1
        0 22 waking 7:s 1
        0 25 wakeup 7:s 1
        ",
        expect![[r#"
            20 cpu0: 1 wakes 7 on cpu1
            22 cpu0: 1 wakes 7 on cpu1
        "#]],
    );
}

#[test]
fn a_switch_ends_a_wake_up_that_had_begun() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 20 waking 7:s 0
        0 30 switch 1/0 7
        0 40 switch 7/1 1
        0 50 wakeup 7:s 0
        ",
        expect![[r#"
            20 cpu0: 1 wakes 7 on cpu0
            50 cpu0: ? in unknown wakes 7 on cpu0
        "#]],
    );
}

#[test]
fn idle_with_nothing_on_top_is_an_unknown_context() {
    check_wakeups(
        "
        0 1 switch 7:s/1 0
        0 20 waking 7:s 0
        ",
        expect![[r#"
            20 cpu0: 0/0 in unknown wakes 7 on cpu0
        "#]],
    );
}

#[test]
fn wake_ups_from_every_context() {
    check_wakeups(
        "
        0 1 switch 7:s/1 1:a
        0 10 irq 14:x
        0 11 waking 8 0
        0 12 block
        0 13 waking 9 0
        0 14 irq_end 14
        0 20 softirq 3
        0 21 waking 10 0
        0 22 net
        0 23 waking 11 0
        0 24 irq 1:kbd
        0 25 waking 12 0
        0 26 irq_end 1
        0 27 waking 13 0
        0 28 softirq_end 3
        0 30 vector 236:local_timer
        0 31 waking 14 0
        0 32 hrtimer 7
        0 33 waking 15 0
        0 34 hrtimer_end 7
        0 35 vector_end 236
        0 40 softirq 1
        0 41 timer 9
        0 42 waking 16 0
        0 43 timer_end 9
        0 44 softirq_end 1
        0 50 waking 17 0
        ",
        expect![[r#"
            11 cpu0: 1 in irq 14 wakes 8 on cpu0
            13 cpu0: 1 in block 14 wakes 9 on cpu0
            21 cpu0: 1 in softirq 3 wakes 10 on cpu0
            23 cpu0: 1 in network 3 wakes 11 on cpu0
            25 cpu0: 1 in irq 1 wakes 12 on cpu0
            27 cpu0: 1 in network 3 wakes 13 on cpu0
            31 cpu0: 1 in vector 236 wakes 14 on cpu0
            33 cpu0: 1 in hrtimer wakes 15 on cpu0
            42 cpu0: 1 in timer wakes 16 on cpu0
            50 cpu0: 1 wakes 17 on cpu0
        "#]],
    );
}

#[test]
fn an_unknown_cpu_is_an_unknown_waker() {
    check_wakeups(
        "
        - 20 waking 7:s 1
        ",
        expect![[r#"
            20 cpu65535: ? in unknown wakes 7 on cpu1
        "#]],
    );
}

#[test]
fn an_idle_task_is_woken_on_its_cpu() {
    check_wakeups(
        "
        1 1 switch 7:s/1 0
        0 5 switch 8/1 1:a
        0 20 waking 0 1
        0 30 waking 0 2
        ",
        expect![[r#"
            20 cpu0: 1 wakes 0/1 on cpu1
        "#]],
    );
}

#[test]
fn a_reused_tid_is_woken_as_who_it_is_now() {
    check_wakeups(
        "
        0 1 switch 7:s/0x10 1:a
        0 10 free 7
        0 20 wakeup_new 7:t 0
        ",
        expect![[r#"
            20 cpu0: 1 wakes 7 on cpu0
        "#]],
    );
}
