//! Interrupts, softirqs and timers on top of threads.

use expect_test::expect;

use super::{check, check_both, check_irqs};

#[test]
fn an_interrupt_interrupts() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 irq 14:ata
        0 30 irq_end 14
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 interrupted @0 | 30.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 irq ata @1 | 30.. user @1
        "#]],
    );
}

#[test]
fn an_interrupt_is_active_on_its_cpu() {
    check_irqs(
        "
        0 20 irq 14:ata
        0 30 irq_end 14
        1 40 irq 14:ata
        1 50 irq_end 14
        ",
        expect![[r#"
            14@cpu0 ata: 20..30 active
            14@cpu1 ata: 40..50 active
        "#]],
    );
}

#[test]
fn an_interrupt_in_a_system_call() {
    check_both(
        "
        0 10 switch 9/1 1
        0 15 enter read
        0 20 irq 14:ata
        0 30 irq_end 14
        0 40 leave
        ",
        expect![[r#"
            1: 10..15 running-user @0 | 15..20 running-syscall read @0 | 20..30 interrupted @0 | 30..40 running-syscall read @0 | 40.. running-user @0
            9: 10.. blocked
            cpu0: 10..15 user @1 | 15..20 syscall read @1 | 20..30 irq ata @1 | 30..40 syscall read @1 | 40.. user @1
        "#]],
    );
}

#[test]
fn an_interrupt_of_the_idle_task() {
    check_both(
        "
        0 10 switch 9/1 0
        0 20 irq 14:ata
        0 30 irq_end 14
        ",
        expect![[r#"
            0/0: 10..20 running-user @0 | 20..30 interrupted @0 | 30.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 idle @0 | 20..30 irq ata @0 | 30.. idle @0
        "#]],
    );
}

#[test]
fn an_interrupt_while_nobody_is_known_to_run() {
    check_both(
        "
        0 10 irq 14:ata
        0 20 irq_end 14
        0 30 switch 1/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            1: 10..30 unknown running @0 | 30.. blocked
            cpu0: 10..20 irq ata | 20..30 unknown @1 | 30.. idle @0
        "#]],
    );
}

#[test]
fn an_exit_without_an_entry_is_ignored() {
    check_both(
        "
        0 10 switch 9/1 1
        0 30 irq_end 14
        0 40 softirq_end 3
        0 50 vector_end 236
        0 60 hrtimer_end 1
        ",
        expect![[r#"
            1: 10.. running-user @0
            9: 10.. blocked
            cpu0: 10.. user @1
        "#]],
    );
}

#[test]
fn interrupts_nest() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 irq 14:ata
        0 22 irq 1:i8042
        0 24 irq_end 1
        0 30 irq_end 14
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 interrupted @0 | 30.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..22 irq ata @1 | 22..24 irq i8042 @1 | 24..30 irq ata @1 | 30.. user @1
        "#]],
    );
}

#[test]
fn nested_interrupts_are_active_both() {
    check_irqs(
        "
        0 20 irq 14:ata
        0 22 irq 1:i8042
        0 24 irq_end 1
        0 30 irq_end 14
        ",
        expect![[r#"
            1@cpu0 i8042: 22..24 active
            14@cpu0 ata: 20..30 active
        "#]],
    );
}

#[test]
fn an_exit_also_ends_what_lies_above() {
    check_irqs(
        "
        0 20 irq 14:ata
        0 22 softirq 1
        0 30 irq_end 14
        ",
        expect![[r#"
            14@cpu0 ata: 20..30 active
            1@cpu0 TIMER: 22..30 active
        "#]],
    );
}

#[test]
fn an_entry_again_ends_the_one_before() {
    check_irqs(
        "
        0 20 irq 14:ata
        0 30 irq 14:ata
        0 40 irq_end 14
        ",
        expect![[r#"
            14@cpu0 ata: 20..40 active
        "#]],
    );
}

#[test]
fn a_shared_line_bears_the_name_of_its_action() {
    check_irqs(
        "
        0 20 irq 16:usb
        0 21 irq_end 16
        0 22 irq 16:eth0
        0 23 irq_end 16
        ",
        expect![[r#"
            16@cpu0 usb, from 22 eth0: 20..21 active | 22..23 active
        "#]],
    );
}

#[test]
fn a_state_dump_names_a_line() {
    check_irqs(
        "
        0 5 dump_irq 14:ata
        0 20 irq 14
        0 30 irq_end 14
        ",
        expect![[r#"
            14@cpu0 ata: 20..30 active
        "#]],
    );
}

#[test]
fn a_vector_is_an_interrupt() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 vector 236:local_timer
        0 30 vector_end 236
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 interrupted @0 | 30.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 irq local_timer @1 | 30.. user @1
        "#]],
    );
}

#[test]
fn a_vector_has_a_row() {
    check_irqs(
        "
        0 20 vector 236:local_timer
        0 30 vector_end 236
        ",
        expect![[r#"
            236@cpu0 local_timer: 20..30 active
        "#]],
    );
}

#[test]
fn a_line_and_a_vector_of_one_number_share_a_row() {
    check_irqs(
        "
        0 20 irq 236:dev
        0 22 vector 236:local_timer
        0 24 vector_end 236
        0 30 irq_end 236
        ",
        expect![[r#"
            236@cpu0 dev, from 22 local_timer: 20..30 active
        "#]],
    );
}

#[test]
fn a_softirq_interrupts() {
    check_both(
        "
        0 10 switch 9/1 1
        0 15 raise 3
        0 20 softirq 3
        0 30 softirq_end 3
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 interrupted @0 | 30.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 softirq NET_RX @1 | 30.. user @1
        "#]],
    );
}

#[test]
fn a_softirq_is_raised_then_active() {
    check_irqs(
        "
        0 15 raise 3
        0 20 softirq 3
        0 30 softirq_end 3
        ",
        expect![[r#"
            3@cpu0 NET_RX: 15..20 raised | 20..30 active
        "#]],
    );
}

#[test]
fn a_softirq_raised_while_it_runs_stays_raised() {
    check_irqs(
        "
        0 15 raise 3
        0 20 softirq 3
        0 25 raise 3
        0 30 softirq_end 3
        0 40 softirq 3
        0 50 softirq_end 3
        ",
        expect![[r#"
            3@cpu0 NET_RX: 15..20 raised | 20..30 active | 30..40 raised | 40..50 active
        "#]],
    );
}

#[test]
fn raising_twice_is_raising_once() {
    check_irqs(
        "
        0 15 raise 3
        0 17 raise 3
        0 20 softirq 3
        ",
        expect![[r#"
            3@cpu0 NET_RX: 15..20 raised | 20.. active
        "#]],
    );
}

#[test]
fn a_softirq_that_is_only_raised_interrupts_nobody() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 softirq 1
        0 25 raise 7
        0 30 softirq_end 1
        0 40 softirq 7
        0 50 softirq_end 7
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 interrupted @0 | 30..40 running-user @0 | 40..50 interrupted @0 | 50.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 softirq TIMER @1 | 30..40 user @1 | 40..50 softirq SCHED @1 | 50.. user @1
        "#]],
    );
}

#[test]
fn a_thread_stays_interrupted_while_a_softirq_lies_below() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 softirq 1
        0 25 irq 14:ata
        0 30 irq_end 14
        0 40 softirq_end 1
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..40 interrupted @0 | 40.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..25 softirq TIMER @1 | 25..30 irq ata @1 | 30..40 softirq TIMER @1 | 40.. user @1
        "#]],
    );
}

#[test]
fn softirqs_one_after_the_other() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 softirq 1
        0 30 softirq_end 1
        0 30 softirq 9
        0 40 softirq_end 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..40 interrupted @0 | 40.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 softirq TIMER @1 | 30..40 softirq RCU @1 | 40.. user @1
        "#]],
    );
}

#[test]
fn every_softirq_has_its_name() {
    check_irqs(
        "
        0 0 softirq 0
        0 1 softirq 1
        0 2 softirq 2
        0 3 softirq 3
        0 4 softirq 4
        0 5 softirq 5
        0 6 softirq 6
        0 7 softirq 7
        0 8 softirq 8
        0 9 softirq 9
        0 10 softirq 10
        0 11 switch 1/1 0
        ",
        expect![[r#"
            0@cpu0 HI: 0..11 active
            1@cpu0 TIMER: 1..11 active
            2@cpu0 NET_TX: 2..11 active
            3@cpu0 NET_RX: 3..11 active
            4@cpu0 BLOCK: 4..11 active
            5@cpu0 IRQ_POLL: 5..11 active
            6@cpu0 TASKLET: 6..11 active
            7@cpu0 SCHED: 7..11 active
            8@cpu0 HRTIMER: 8..11 active
            9@cpu0 RCU: 9..11 active
            10@cpu0 softirq 10: 10..11 active
        "#]],
    );
}

#[test]
fn a_softirq_vector_of_no_kernel_is_ignored() {
    check_irqs(
        "
        0 10 softirq 32
        0 20 raise -1
        0 30 softirq_end 1000
        ",
        expect![[""]],
    );
}

#[test]
fn a_switch_ends_a_stale_stack() {
    check_irqs(
        "
        0 10 irq 14:ata
        0 12 softirq 1
        0 20 switch 1/1 2
        ",
        expect![[r#"
            14@cpu0 ata: 10..20 active
            1@cpu0 TIMER: 12..20 active
        "#]],
    );
}

#[test]
fn after_a_stale_stack_the_next_thread_runs() {
    check_both(
        "
        0 5 switch 9/1 1
        0 10 irq 14:ata
        0 20 switch 1/1 2
        ",
        expect![[r#"
            1: 5..10 running-user @0 | 10..20 interrupted @0 | 20.. blocked
            2: 20.. running-user @0
            9: 5.. blocked
            cpu0: 5..10 user @1 | 10..20 irq ata @1 | 20.. user @2
        "#]],
    );
}

#[test]
fn a_system_call_ends_a_stale_stack() {
    check_both(
        "
        0 5 switch 9/1 1
        0 10 irq 14:ata
        0 20 enter read
        ",
        expect![[r#"
            1: 5..10 running-user @0 | 10..20 interrupted @0 | 20.. running-syscall read @0
            9: 5.. blocked
            cpu0: 5..10 user @1 | 10..20 irq ata @1 | 20.. syscall read @1
        "#]],
    );
}

#[test]
fn timers_do_not_interrupt() {
    check_both(
        "
        0 5 switch 9/1 1
        0 10 hrtimer 7
        0 20 hrtimer_end 7
        0 30 timer 8
        0 40 timer_end 8
        ",
        expect![[r#"
            1: 5.. running-user @0
            9: 5.. blocked
            cpu0: 5.. user @1
        "#]],
    );
}

#[test]
fn a_stack_too_deep_is_stale() {
    check_irqs(
        "
        0 1 irq 1
        0 2 irq 2
        0 3 irq 3
        0 4 irq 4
        0 5 irq 5
        0 6 irq 6
        0 7 irq 7
        0 8 irq 8
        0 9 irq 9
        0 10 irq 10
        0 11 irq 11
        0 12 irq 12
        0 13 irq 13
        0 14 irq_end 13
        ",
        expect![[r#"
            1@cpu0: 1..13 active
            2@cpu0: 2..13 active
            3@cpu0: 3..13 active
            4@cpu0: 4..13 active
            5@cpu0: 5..13 active
            6@cpu0: 6..13 active
            7@cpu0: 7..13 active
            8@cpu0: 8..13 active
            9@cpu0: 9..13 active
            10@cpu0: 10..13 active
            11@cpu0: 11..13 active
            12@cpu0: 12..13 active
            13@cpu0: 13..14 active
        "#]],
    );
}

#[test]
fn cpus_have_their_own_softirqs() {
    check_irqs(
        "
        0 10 raise 1
        1 12 raise 1
        1 14 softirq 1
        0 16 softirq 1
        1 18 softirq_end 1
        ",
        expect![[r#"
            1@cpu0 TIMER: 10..16 raised | 16.. active
            1@cpu1 TIMER: 12..14 raised | 14..18 active
        "#]],
    );
}

#[test]
fn interrupts_of_an_unknown_cpu_are_ignored() {
    check_both(
        "
        0 10 switch 9/1 1
        - 20 irq 14:ata
        - 30 softirq 1
        - 40 raise 1
        ",
        expect![[r#"
            1: 10.. running-user @0
            9: 10.. blocked
            cpu0: 10.. user @1
        "#]],
    );
}

#[test]
fn an_unknown_running_thread_is_interrupted_and_unknown_again() {
    check(
        "
        0 10 @5 irq 14:ata
        0 20 @5 irq_end 14
        0 30 switch 5:a/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            5 a: 10..20 interrupted @0 | 20..30 unknown running @0 | 30.. blocked
        "#]],
    );
}
