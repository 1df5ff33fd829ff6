//! State dumps fill in what is not known, and nothing else.

use expect_test::expect;

use super::check;

#[test]
fn status_0_is_unknown() {
    check(
        "
        0 10 dump 5:a status=0
        ",
        expect![[r#"
            5 a: 10.. unknown
        "#]],
    );
}

#[test]
fn status_1_waits_for_a_cpu() {
    check(
        "
        0 10 dump 5:a status=1 cpu=2
        ",
        expect![[r#"
            5 a: 10.. waiting-cpu @2
        "#]],
    );
}

#[test]
fn status_2_waits_for_a_cpu() {
    check(
        "
        0 10 dump 5:a status=2 cpu=2
        ",
        expect![[r#"
            5 a: 10.. waiting-cpu @2
        "#]],
    );
}

#[test]
fn status_3_is_unknown() {
    check(
        "
        0 10 dump 5:a status=3
        ",
        expect![[r#"
            5 a: 10.. unknown
        "#]],
    );
}

#[test]
fn status_4_is_unknown() {
    check(
        "
        0 10 dump 5:a status=4
        ",
        expect![[r#"
            5 a: 10.. unknown
        "#]],
    );
}

#[test]
fn status_5_waits_for_something() {
    check(
        "
        0 10 dump 5:a status=5 cpu=2
        ",
        expect![[r#"
            5 a: 10.. waiting-unknown
        "#]],
    );
}

#[test]
fn status_6_runs() {
    check(
        "
        0 10 dump 5:a status=6 cpu=2
        ",
        expect![[r#"
            5 a: 10.. running-user @2
        "#]],
    );
}

#[test]
fn status_7_does_not_exist() {
    check(
        "
        0 10 dump 5:a status=7
        ",
        expect![[""]],
    );
}

#[test]
fn another_status_is_unknown() {
    check(
        "
        0 10 dump 5:a status=99
        ",
        expect![[r#"
            5 a: 10.. unknown
        "#]],
    );
}

#[test]
fn a_dump_does_not_overwrite_a_state() {
    check(
        "
        0 10 switch 9/1 5:a
        0 20 dump 5:b status=5
        ",
        expect![[r#"
            5 a: 10.. running-user @0
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn a_dump_names_a_thread_without_a_name() {
    check(
        "
        0 10 switch 9/1 5
        0 20 dump 5:b status=5
        ",
        expect![[r#"
            5 b: 10.. running-user @0
            9: 10.. blocked
        "#]],
    );
}

#[test]
fn a_dump_does_not_revive_the_dead() {
    check(
        "
        0 10 switch 9/1 5:a
        0 15 switch 5:a/0x20 9
        0 20 dump 5:b status=4
        ",
        expect![[r#"
            5 a: 10..15 running-user @0
            9: 10..15 blocked | 15.. running-user @0
        "#]],
    );
}

#[test]
fn a_dump_does_not_dump_idle_tasks() {
    check(
        "
        0 10 dump 0:swapper status=5
        ",
        expect![[""]],
    );
}

#[test]
fn the_first_switch_knows_better_than_a_dump() {
    check(
        "
        0 5 raise 1
        0 10 dump 5:a status=1 cpu=0
        0 20 switch 5:a/1 9
        ",
        expect![[r#"
            5 a: 10..20 unknown running @0 | 20.. blocked
            9: 20.. running-user @0
        "#]],
    );
}

#[test]
fn a_switch_goes_on_from_a_dump() {
    check(
        "
        0 5 switch 9/1 8
        0 10 dump 5:a status=5
        0 15 wakeup 5:a 0
        0 20 switch 8/0 5:a
        ",
        expect![[r#"
            5 a: 10..15 waiting-unknown | 15..20 waiting-cpu @0 | 20.. running-user @0
            8: 5..20 running-user @0 | 20.. waiting-cpu @0
            9: 5.. blocked
        "#]],
    );
}

#[test]
fn a_dump_after_free_is_another_thread() {
    check(
        "
        0 10 switch 9/1 5:a
        0 12 switch 5:a/0x10 9
        0 15 free 5
        0 20 dump 5:b status=5
        ",
        expect![[r#"
            5 a: 10..12 running-user @0
            5#1 b: 20.. waiting-unknown
            9: 10..12 blocked | 12.. running-user @0
        "#]],
    );
}
