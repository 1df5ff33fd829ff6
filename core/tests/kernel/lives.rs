//! How threads come, change their names, and go; what a tid means.

use expect_test::expect;

use super::{check, check_both, run};

#[test]
fn a_forked_thread_waits_for_its_first_cpu() {
    check(
        "
        0 10 switch 9/1 5:sh
        0 20 fork 5/5 6/6:sh
        0 22 wakeup_new 6:sh 1
        1 30 switch 0 6:sh
        ",
        expect![[r#"
            0/1: 30.. waiting-cpu @1
            5 sh: 10.. running-user @0
            6 sh: 20..22 waiting-cpu @0 | 22..30 waiting-cpu @1 | 30.. running-user @1
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn a_child_begins_inside_its_parents_system_call() {
    check(
        "
        0 10 switch 9/1 5:sh
        0 15 enter clone
        0 20 fork 5/5 6/6:sh
        1 30 switch 0 6:sh
        1 40 leave
        ",
        expect![[r#"
            0/1: 30.. waiting-cpu @1
            5 sh: 10..15 running-user @0 | 15.. running-syscall clone @0
            6 sh: 20..30 waiting-cpu @0 | 30..40 running-syscall clone @1 | 40.. running-user @1
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn exec_gives_the_programs_name() {
    check(
        "
        0 10 switch 9/1 5:sh
        0 20 exec 5 /usr/bin/a-program-with-a-long-name
        0 30 switch 5:a-program-with-/1 9
        ",
        expect![[r#"
            5 sh, from 20 a-program-with-: 10..30 running-user @0 | 30.. blocked
            9: 10..30 blocked | 30.. running-user @0
        "#]],
    );
}

#[test]
fn a_thread_that_executes_takes_over_its_leader() {
    check_both(
        "
        0 10 switch 9/1 7:worker
        0 15 enter execve
        1 16 switch 5:main/0x20 0
        0 20 exec 5 /bin/ls 7
        0 25 leave
        0 30 free 5
        0 40 switch 5:ls/1 9
        ",
        expect![[r#"
            0/1: 16.. running-user @1
            5 main, from 20 ls: 20..25 running-syscall execve @0 | 25..40 running-user @0 | 40.. blocked
            7 worker: 10..15 running-user @0 | 15..20 running-syscall execve @0
            9: 10..40 blocked | 40.. running-user @0
            cpu0: 10..15 user @7 | 15..20 syscall execve @7 | 20..25 syscall execve @5 | 25..40 user @5 | 40.. user @9
            cpu1: 16.. idle @0
        "#]],
    );
}

#[test]
fn a_takeover_of_a_leader_that_was_not_seen() {
    check_both(
        "
        0 10 switch 9/1 7:worker
        0 20 exec 5 /bin/ls 7
        ",
        expect![[r#"
            5 ls: 20.. running-user @0
            7 worker: 10..20 running-user @0
            9: 10.. blocked
            cpu0: 10..20 user @7 | 20.. user @5
        "#]],
    );
}

#[test]
fn exec_of_a_thread_that_was_not_seen() {
    check(
        "
        0 20 exec 5 /bin/ls
        ",
        expect![[r#"
            5 ls: 
        "#]],
    );
}

#[test]
fn a_thread_that_exits_runs_on() {
    check(
        "
        0 10 switch 9/1 5
        0 20 exit 5
        0 30 switch 5/0x10 9
        0 40 free 5
        ",
        expect![[r#"
            5: 10..30 running-user @0
            9: 10..30 blocked | 30.. running-user @0
        "#]],
    );
}

#[test]
fn a_zombie_has_no_state() {
    check(
        "
        0 10 switch 9/1 5
        0 20 exit 5
        0 30 switch 5/0x20 9
        ",
        expect![[r#"
            5: 10..30 running-user @0
            9: 10..30 blocked | 30.. running-user @0
        "#]],
    );
}

#[test]
fn free_ends_a_waiting_thread() {
    check(
        "
        0 10 switch 9/1 5
        0 30 switch 5/1 9
        0 40 free 5
        ",
        expect![[r#"
            5: 10..30 running-user @0 | 30..40 blocked
            9: 10..30 blocked | 30.. running-user @0
        "#]],
    );
}

#[test]
fn free_does_not_end_a_running_thread() {
    check(
        "
        0 10 switch 9/1 5
        0 40 free 5
        ",
        expect![[r#"
            5: 10.. running-user @0
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn free_of_a_thread_that_was_not_seen() {
    check(
        "
        0 40 free 5
        ",
        expect![[""]],
    );
}

#[test]
fn a_tid_used_again_after_free_is_another_thread() {
    check(
        "
        0 10 switch 9/1 5:a
        0 20 switch 5:a/0x10 9
        0 30 free 5
        0 40 fork 9/9 5/5:b
        0 50 switch 9/0 5:b
        ",
        expect![[r#"
            5 a: 10..20 running-user @0
            5#1 b: 40..50 waiting-cpu @0 | 50.. running-user @0
            9: 10..20 blocked | 20..50 running-user @0 | 50.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_tid_used_again_after_death_is_another_thread() {
    check(
        "
        0 10 switch 9/1 5:a
        0 20 switch 5:a/0x10 9
        0 40 wakeup 5:b 0
        0 50 switch 9/0 5:b
        ",
        expect![[r#"
            5 a: 10..20 running-user @0
            5#1 b: 40..50 waiting-cpu @0 | 50.. running-user @0
            9: 10..20 blocked | 20..50 running-user @0 | 50.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn the_late_free_of_a_dead_bearer_spares_the_new_one() {
    check(
        "
        0 10 switch 9/1 5:a
        0 20 switch 5:a/0x10 9
        0 40 fork 9/9 5/5:b
        0 50 free 5
        0 60 free 5
        ",
        expect![[r#"
            5 a: 10..20 running-user @0
            5#1 b: 40..60 waiting-cpu @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn a_fork_for_a_living_tid_splits_it() {
    check(
        "
        0 10 switch 9/1 5:a
        0 20 switch 5:a/1 9
        0 40 fork 9/9 5/5:b
        ",
        expect![[r#"
            5 a: 10..20 running-user @0 | 20..40 blocked
            5#1 b: 40.. waiting-cpu @0
            9: 10..20 blocked | 20.. running-user @0
        "#]],
    );
}

#[test]
fn a_fork_for_a_running_tid_splits_it() {
    check_both(
        "
        0 10 switch 9/1 5:a
        1 40 fork 8/8 5/5:b
        ",
        expect![[r#"
            5 a: 10..40 running-user @0
            5#1 b: 40.. waiting-cpu @1
            9: 10.. blocked
            cpu0: 10..40 user @5 | 40.. unknown
            cpu1: 40.. unknown
        "#]],
    );
}

#[test]
fn instances_are_counted() {
    check(
        "
        0 10 fork 1/1 5/5:a
        0 20 free 5
        0 30 fork 1/1 5/5:b
        0 40 free 5
        0 50 fork 1/1 5/5:c
        ",
        expect![[r#"
            5 a: 10..20 unknown @0
            5#1 b: 30..40 unknown @0
            5#2 c: 50.. unknown @0
        "#]],
    );
}

#[test]
fn who_exits_before_scheduling_is_recorded_is_gone() {
    check(
        "
        0 10 fork 1/1 5/5:a
        0 20 exit 5
        0 25 fork 1/1 6/6:b
        0 30 switch 1/0 0
        0 40 fork 1/1 7/7:c
        ",
        expect![[r#"
            0/0: 30.. running-user @0
            1: 25..30 unknown running @0 | 30.. waiting-cpu @0
            5 a: 10..20 unknown @0
            6 b: 25.. unknown @0
            7 c: 40.. waiting-cpu @0
        "#]],
    );
}

#[test]
fn a_fork_of_no_tid_is_ignored() {
    check(
        "
        0 10 fork 1/1 -1/-1:a
        0 20 fork 1/1 0/0:a
        ",
        expect![[""]],
    );
}

#[test]
fn an_exit_forgets_the_system_call() {
    check(
        "
        0 10 switch 9/1 5
        0 15 enter exit_group
        0 20 switch 5/0x10 9
        0 30 fork 9/9 5/5
        0 40 switch 9/1 5
        ",
        expect![[r#"
            5: 10..15 running-user @0 | 15..20 running-syscall exit_group @0
            5#1: 30..40 waiting-cpu @0 | 40.. running-user @0
            9: 10..20 blocked | 20..40 running-user @0 | 40.. blocked
        "#]],
    );
}

#[test]
fn families() {
    let (_, recorder) = run("
        0 10 fork 5/5 6/6:process
        0 20 fork 6/6 7/6:thread
        0 30 fork 7/6 8/8:grandchild
        0 40 fork 9/-1 10/-1:ftrace
        0 50 dump 11:dumped pid=11 ppid=1
        0 60 dump 6:again pid=1 ppid=1
        0 70 dump 9:late pid=9 ppid=2
        ");
    expect![[r#"
        6 process: of 6, child of 5
        7 thread: of 6, child of 5
        8 grandchild: of 8, child of 6
        9 late: of 9, child of 2
        10 ftrace: of ?, child of 9
        11 dumped: of 11, child of 1
    "#]]
    .assert_eq(&recorder.families());
}

#[test]
fn a_late_parent_is_told_once() {
    let (_, recorder) = run("
        0 10 switch 9/1 5:a
        0 20 dump 5:a pid=4 ppid=1
        0 30 dump 5:a pid=3 ppid=2
        ");
    expect![[r#"
        5 a: of 4, child of 1
        9: of ?, child of ?
    "#]]
    .assert_eq(&recorder.families());
}
