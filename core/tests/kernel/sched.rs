//! Switches, migrations and system calls: KERNEL-STATE's table of transitions.

use expect_test::expect;

use super::{check, check_both, check_cpus, run, run_with};

#[test]
fn a_switch_moves_two_threads() {
    check_both(
        "
        0 10 switch 1:a/1 2:b
        0 20 switch 2:b/0 1:a
        ",
        expect![[r#"
            1 a: 10..20 blocked | 20.. running-user @0
            2 b: 10..20 running-user @0 | 20.. waiting-cpu @0
            cpu0: 10..20 user @2 | 20.. user @1
        "#]],
    );
}

#[test]
fn the_idle_task_is_one_row_a_cpu() {
    check_both(
        "
        0 10 switch 1:a/1 0:swapper/0
        1 12 switch 0:swapper/1 2:b
        0 20 switch 0:swapper/0 1:a
        ",
        expect![[r#"
            0/0 swapper/0, from 20 swapper: 10..20 running-user @0 | 20.. waiting-cpu @0
            0/1 swapper: 12.. waiting-cpu @1
            1 a: 10..20 blocked | 20.. running-user @0
            2 b: 12.. running-user @1
            cpu0: 10..20 idle @0 | 20.. user @1
            cpu1: 12.. user @2
        "#]],
    );
}

#[test]
fn the_first_switch_reveals_the_past_since_the_first_event() {
    check_both(
        "
        0 10 raise 1
        0 30 switch 1:a/1 2:b
        ",
        expect![[r#"
            1 a: 10..30 unknown running @0 | 30.. blocked
            2 b: 30.. running-user @0
            cpu0: 10..30 unknown @1 | 30.. user @2
        "#]],
    );
}

#[test]
fn the_first_switch_reveals_an_idle_past() {
    check_both(
        "
        0 10 raise 1
        0 30 switch 0 2:b
        ",
        expect![[r#"
            0/0: 10..30 unknown running @0 | 30.. waiting-cpu @0
            2 b: 30.. running-user @0
            cpu0: 10..30 unknown @0 | 30.. user @2
        "#]],
    );
}

#[test]
fn each_cpu_has_its_own_past() {
    check_both(
        "
        0 10 raise 1
        1 20 raise 1
        1 30 switch 1:a/1 0
        0 40 switch 2:b/0 0
        ",
        expect![[r#"
            0/0: 40.. running-user @0
            0/1: 30.. running-user @1
            1 a: 20..30 unknown running @1 | 30.. blocked
            2 b: 10..40 unknown running @0 | 40.. waiting-cpu @0
            cpu0: 10..40 unknown @2 | 40.. idle @0
            cpu1: 20..30 unknown @1 | 30.. idle @0
        "#]],
    );
}

#[test]
fn the_past_takes_back_what_a_wake_up_of_the_running_thread_claimed() {
    check(
        "
        0 10 raise 1
        1 20 wakeup 1:a 0
        0 30 switch 1:a/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            1 a: 20..30 unknown running @0 | 30.. blocked
        "#]],
    );
}

#[test]
fn the_past_of_a_thread_that_ran_elsewhere_is_cut() {
    check(
        "
        1 5 switch 1:a/0 0
        0 10 raise 1
        0 30 switch 1:a/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            0/1: 5.. running-user @1
            1 a: 5..10 waiting-cpu @1 | 10..30 unknown running @0 | 30.. blocked
        "#]],
    );
}

#[test]
fn a_system_call_before_the_first_switch_goes_to_who_ran() {
    check_both(
        "
        0 10 enter read
        0 30 switch 1:a/1 2:b
        0 40 switch 2:b/1 1:a
        0 50 leave
        ",
        expect![[r#"
            1 a: 10..30 unknown running @0 | 30..40 blocked | 40..50 running-syscall read @0 | 50.. running-user @0
            2 b: 30..40 running-user @0 | 40.. blocked
            cpu0: 10..30 syscall read @1 | 30..40 user @2 | 40..50 syscall read @1 | 50.. user @1
        "#]],
    );
}

#[test]
fn the_end_of_a_system_call_before_the_first_switch() {
    check_both(
        "
        0 10 leave
        0 30 switch 1:a/1 2:b
        ",
        expect![[r#"
            1 a: 10..30 unknown running @0 | 30.. blocked
            2 b: 30.. running-user @0
            cpu0: 10..30 user @1 | 30.. user @2
        "#]],
    );
}

#[test]
fn runnable_by_prev_state_0() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. waiting-cpu @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn preempted_by_prev_state_0x100() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x100 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. waiting-cpu @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn asleep_by_prev_state_1() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/1 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. blocked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn asleep_by_prev_state_2() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/2 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. blocked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn asleep_in_an_idle_sleep_0x80() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x80 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. blocked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn stopped_by_prev_state_4() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/4 9
        0 30 wakeup 1 0
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 blocked stopped | 30.. waiting-cpu @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn traced_by_prev_state_8() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/8 9
        0 30 wakeup 1 0
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 blocked traced | 30.. waiting-cpu @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn parked_by_prev_state_0x40() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x40 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. blocked parked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn dead_by_prev_state_0x10() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x10 9
        ",
        expect![[r#"
            1: 10..20 running-user @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn dead_by_prev_state_0x20() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x20 9
        ",
        expect![[r#"
            1: 10..20 running-user @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn a_prev_state_of_no_kernel_tells_nothing() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x200 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. waiting-unknown
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn the_prev_state_of_an_idle_task_does_not_count() {
    check(
        "
        0 10 switch 9/1 0
        0 20 switch 0/0x10 9
        0 30 switch 9/1 0
        ",
        expect![[r#"
            0/0: 10..20 running-user @0 | 20..30 waiting-cpu @0 | 30.. running-user @0
            9: 10..20 blocked | 20..30 running-user @0 | 30.. blocked
        "#]],
    );
}

#[test]
fn a_switch_without_a_tid_is_ignored() {
    check(
        "
        0 10 switch 9/1 -1
        0 20 switch -1/1 9
        ",
        expect![[""]],
    );
}

#[test]
fn a_switch_of_an_unknown_cpu_is_ignored() {
    check_both(
        "
        - 10 switch 9/1 1
        ",
        expect![[""]],
    );
}

#[test]
fn migration_of_a_waiting_thread() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0 9
        0 25 migrate 1 0 1
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..25 waiting-cpu @0 | 25.. waiting-cpu @1
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn migration_does_not_wake_a_sleeper() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/1 9
        0 25 migrate 1 0 1
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. blocked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn migration_of_an_unknown_thread_tells_that_it_waits() {
    check(
        "
        0 10 migrate 1 0 1
        ",
        expect![[r#"
            1: 10.. waiting-cpu @1
        "#]],
    );
}

#[test]
fn migration_of_a_running_thread_changes_nothing() {
    check(
        "
        0 10 switch 9/1 1
        1 20 migrate 1 0 1
        ",
        expect![[r#"
            1: 10.. running-user @0
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn migration_of_a_dead_thread_changes_nothing() {
    check(
        "
        0 10 switch 9/1 1
        0 20 switch 1/0x10 9
        0 30 migrate 1 0 1
        ",
        expect![[r#"
            1: 10..20 running-user @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn idle_tasks_do_not_migrate() {
    check(
        "
        0 10 migrate 0 0 1
        ",
        expect![[""]],
    );
}

#[test]
fn a_system_call() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 enter read
        0 30 leave
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 running-syscall read @0 | 30.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 syscall read @1 | 30.. user @1
        "#]],
    );
}

#[test]
fn a_thread_that_slept_in_a_system_call_is_still_in_it() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 enter read
        0 30 switch 1/1 0
        0 40 wakeup 1 0
        0 50 switch 0 1
        0 60 leave
        ",
        expect![[r#"
            0/0: 30..50 running-user @0 | 50.. waiting-cpu @0
            1: 10..20 running-user @0 | 20..30 running-syscall read @0 | 30..40 blocked | 40..50 waiting-cpu @0 | 50..60 running-syscall read @0 | 60.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 syscall read @1 | 30..50 idle @0 | 50..60 syscall read @1 | 60.. user @1
        "#]],
    );
}

#[test]
fn a_system_call_that_ends_without_a_begin() {
    check_both(
        "
        0 10 switch 9/1 1
        0 30 leave
        ",
        expect![[r#"
            1: 10.. running-user @0
            9: 10.. blocked
            cpu0: 10.. user @1
        "#]],
    );
}

#[test]
fn a_system_call_after_another_without_an_end() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 enter rt_sigreturn
        0 30 enter read
        0 40 leave
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 running-syscall rt_sigreturn @0 | 30..40 running-syscall read @0 | 40.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 syscall rt_sigreturn @1 | 30..40 syscall read @1 | 40.. user @1
        "#]],
    );
}

#[test]
fn a_system_call_of_an_unknown_cpu_is_ignored() {
    check_both(
        "
        0 10 switch 9/1 1
        - 20 enter read
        ",
        expect![[r#"
            1: 10.. running-user @0
            9: 10.. blocked
            cpu0: 10.. user @1
        "#]],
    );
}

#[test]
fn a_switch_from_a_thread_that_was_not_current() {
    check_both(
        "
        0 10 switch 9/1 1
        0 20 switch 2/1 3
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. waiting-unknown
            2: 20.. blocked
            3: 20.. running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20.. user @3
        "#]],
    );
}

#[test]
fn a_thread_that_runs_elsewhere_runs_here_no_more() {
    check_both(
        "
        0 10 switch 9/1 1
        1 20 switch 8/1 1
        0 30 switch 1/0 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. running-user @1
            8: 20.. blocked
            9: 10..30 blocked | 30.. running-user @0
            cpu0: 10..20 user @1 | 20..30 unknown | 30.. user @9
            cpu1: 20.. user @1
        "#]],
    );
}

#[test]
fn a_missed_switch_is_made_good_by_the_next() {
    check_both(
        "
        0 10 switch 9/1 1
        1 20 switch 8/1 1
        0 30 switch 2/0 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. running-user @1
            2: 30.. waiting-cpu @0
            8: 20.. blocked
            9: 10..30 blocked | 30.. running-user @0
            cpu0: 10..20 user @1 | 20..30 unknown | 30.. user @9
            cpu1: 20.. user @1
        "#]],
    );
}

#[test]
fn two_cpus_switch_at_one_instant() {
    check(
        "
        0 10 switch 9/1 1
        1 10 switch 8/1 2
        0 20 switch 1/0 2
        1 20 switch 2/0 1
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. running-user @1
            2: 10..20 running-user @1 | 20.. running-user @0
            8: 10.. blocked
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn names_change_at_switches_and_wake_ups() {
    check(
        "
        0 10 switch 9:z/1 1:a
        0 20 switch 1:b/1 9:z
        0 30 wakeup 1:c 0
        0 40 switch 9:z/1 1:c
        ",
        expect![[r#"
            1 a, from 20 b, from 30 c: 10..20 running-user @0 | 20..30 blocked task | 30..40 waiting-cpu @0 | 40.. running-user @0
            9 z: 10..20 blocked | 20..40 running-user @0 | 40.. blocked
        "#]],
    );
}

#[test]
fn an_empty_name_is_no_name() {
    check(
        "
        0 10 switch 9/1 1:a
        0 20 switch 1/1 9
        ",
        expect![[r#"
            1 a: 10..20 running-user @0 | 20.. blocked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn a_cpu_of_which_nothing_is_known() {
    check_cpus(
        "
        0 10 raise 1
        ",
        expect![[r#"
            cpu0: 10.. unknown
        "#]],
    );
}

#[test]
fn a_tid_that_no_kernel_gives_out_is_a_thread_too() {
    check_both(
        "
        0 10 switch 9/1 2000000000
        0 20 switch 2000000000/1 9
        ",
        expect![[r#"
            9: 10..20 blocked | 20.. running-user @0
            2000000000: 10..20 running-user @0 | 20.. blocked
            cpu0: 10..20 user @2000000000 | 20.. user @9
        "#]],
    );
}

#[test]
fn a_context_tells_who_runs_before_the_first_switch() {
    check(
        "
        0 10 raise 1
        0 20 @5 raise 2
        0 30 switch 5:a/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            5 a: 10..30 unknown running @0 | 30.. blocked
        "#]],
    );
}

#[test]
fn a_context_and_a_system_call_tell_it_all() {
    check_both(
        "
        0 10 @5 enter read
        0 20 @5 leave
        0 30 @5 switch 5:a/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            5 a: 10..20 running-syscall read @0 | 20..30 running-user @0 | 30.. blocked
            cpu0: 10..20 syscall read @5 | 20..30 user @5 | 30.. idle @0
        "#]],
    );
}

#[test]
fn a_context_that_differs_wins() {
    check_both(
        "
        0 10 @9 switch 9/1 1
        0 20 @2 enter read
        0 30 @2 switch 2/1 0
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            1: 10..20 running-user @0 | 20.. waiting-unknown
            2: 20..30 running-syscall read @0 | 30.. blocked
            9: 10.. blocked
            cpu0: 10..20 user @1 | 20..30 syscall read @2 | 30.. idle @0
        "#]],
    );
}

#[test]
fn a_context_tells_that_a_cpu_is_idle() {
    check_both(
        "
        0 10 @0 raise 1
        0 20 @0 switch 0 1:a
        ",
        expect![[r#"
            0/0: 10..20 running-user @0 | 20.. waiting-cpu @0
            1 a: 20.. running-user @0
            cpu0: 10..20 idle @0 | 20.. user @1
        "#]],
    );
}

#[test]
fn a_context_equal_to_the_current_thread_changes_nothing() {
    check(
        "
        0 10 @9 switch 9/1 1
        0 20 @1 enter read
        0 30 @1 leave
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20..30 running-syscall read @0 | 30.. running-user @0
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn a_switch_is_not_corrected_by_its_context() {
    check(
        "
        0 10 switch 9/1 1
        0 20 @9 switch 1/1 9
        ",
        expect![[r#"
            1: 10..20 running-user @0 | 20.. blocked
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn events_that_nobody_asked_for_change_nothing() {
    check(
        "
        0 10 @5 idle
        0 20 switch 1/1 0
        ",
        expect![[r#"
            0/0: 20.. running-user @0
            1: 20.. blocked
        "#]],
    );
}

#[test]
fn an_old_kernel_says_preempted_and_dead_otherwise() {
    let events = "
        0 10 switch 9/1 1
        0 20 switch 1/2048 2
        0 30 switch 2/0x40 3
        0 40 switch 3/0x82 9
        ";
    let text = run_with(Some("4.4.0-21-generic"), events).1.text(&[stratoscope_core::vocab::RowKind::Thread]);
    expect![[r#"
        1: 10..20 running-user @0 | 20.. waiting-cpu @0
        2: 20..30 running-user @0
        3: 30..40 running-user @0 | 40.. blocked
        9: 10..40 blocked | 40.. running-user @0
    "#]]
    .assert_eq(&text);
}

#[test]
fn without_a_release_the_values_tell() {
    let events = "
        0 10 switch 9/1 1
        0 20 switch 1/0x40 2
        0 25 exit 2
        0 30 switch 2/0x40 3
        0 40 switch 3/2048 4
        0 50 switch 4/0x40 9
        ";
    let text = run_with(None, events).1.text(&[stratoscope_core::vocab::RowKind::Thread]);
    expect![[r#"
        1: 10..20 running-user @0 | 20.. blocked parked
        2: 20..30 running-user @0
        3: 30..40 running-user @0 | 40.. waiting-cpu @0
        4: 40..50 running-user @0
        9: 10..50 blocked | 50.. running-user @0
    "#]]
    .assert_eq(&text);
}

#[test]
fn priorities_are_kept() {
    use stratoscope_core::vocab::Tid;
    let (kernel, _) = run("
        0 10 switch 9!100/1 1!120:a
        0 20 waking 7!119 0
        0 30 prio 9 99
        0 40 prio 1000 99
        ");
    let prio = |tid| kernel.priority(Tid(tid));
    assert_eq!((prio(1), prio(7), prio(9), prio(1000)), (Some(120), Some(119), Some(99), None));
}

#[test]
fn the_current_thread_can_be_asked_for() {
    use stratoscope_core::vocab::{Cpu, Tid};
    let (kernel, _) = run("
        0 10 switch 9/1 1:a
        1 12 switch 9/1 0
        2 14 raise 1
        ");
    assert_eq!(kernel.current(Cpu(0)).map(|c| c.0), Some(Tid(1)));
    assert_eq!(kernel.current(Cpu(0)).map(|c| c.1), kernel.thread_row(Tid(1)));
    assert_eq!(kernel.current(Cpu(1)).map(|c| c.0), Some(Tid(0)));
    assert_eq!(kernel.current(Cpu(1)).map(|c| c.1), kernel.idle_row(Cpu(1)));
    assert_eq!(kernel.current(Cpu(2)), None);
    assert_eq!(kernel.current(Cpu(3)), None);
    assert_eq!(kernel.current(Cpu::UNKNOWN), None);
    assert_eq!(kernel.thread_row(Tid(5)), None);
    assert_eq!(kernel.thread_row(Tid(-1)), None);
}

#[test]
fn at_the_end_every_interval_ends() {
    use stratoscope_core::vocab::{MachineNs, RowKind};
    let (mut kernel, mut recorder) = run("
        0 10 switch 9:z/1 1:a
        0 20 irq 14:ata
        0 22 raise 1
        0 24 softirq 3
        ");
    kernel.finish(MachineNs(30), &mut recorder);
    expect![[r#"
        1 a: 10..20 running-user @0 | 20..30 interrupted @0
        9 z: 10..30 blocked
        cpu0: 10..20 user @1 | 20..30 irq ata @1
        14@cpu0 ata: 20..30 active
        1@cpu0 TIMER: 22..30 raised
        3@cpu0 NET_RX: 24..30 active
    "#]]
    .assert_eq(&recorder.text(&[RowKind::Thread, RowKind::Cpu, RowKind::Irq, RowKind::Softirq]));
    assert_eq!(recorder.redundant, 0);
}

#[test]
fn switches_that_are_not_recorded_yet_reveal_nothing() {
    check_both(
        "
        0 10 raise 1
        0 20 exec 5 /bin/a
        0 30 exit 6
        0 40 switch 7:c/1 0
        ",
        expect![[r#"
            0/0: 40.. running-user @0
            5 a: 
            7 c: 40.. blocked
            cpu0: 10..40 unknown | 40.. idle @0
        "#]],
    );
}

#[test]
fn who_was_named_last_has_run_since_then() {
    check_both(
        "
        0 10 raise 1
        0 20 exec 5 /bin/a
        0 30 fork 7/7 8/8:d
        0 35 enter read
        0 40 switch 7:c/1 0
        ",
        expect![[r#"
            0/0: 40.. running-user @0
            5 a: 
            7 c: 30..40 unknown running @0 | 40.. blocked
            8 d: 30.. unknown @0
            cpu0: 10..35 unknown | 35..40 syscall read @7 | 40.. idle @0
        "#]],
    );
}

#[test]
fn who_was_named_once_has_run_all_the_time() {
    check_both(
        "
        0 10 raise 1
        0 20 fork 7/7 8/8:d
        0 40 switch 7:c/1 0
        ",
        expect![[r#"
            0/0: 40.. running-user @0
            7 c: 10..40 unknown running @0 | 40.. blocked
            8 d: 20.. unknown @0
            cpu0: 10..40 unknown @7 | 40.. idle @0
        "#]],
    );
}
