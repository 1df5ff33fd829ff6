//! What is offered at the cursor, written as `|`.

use expect_test::{Expect, expect};

use crate::query::{Vocabulary, complete};

fn offered(texts: &[&str], expected: Expect) {
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let vocabulary = Vocabulary {
        fields: words(&["name", "t", "cpu", "next_tid", "prev_tid", "tid", "context.tid", "comm", "`odd name`"]),
        events: words(&["sched_switch", "sched_waking", "irq_handler_entry", "say \"hi\""]),
        names: words(&["bash", "switcher"]),
        states: words(&["blocked", "preempted", "running-user"]),
        machines: words(&["host", "guest-a"]),
        values: vec![("reason".to_owned(), words(&["HLT"]))],
    };
    let lines = texts.iter().map(|text| {
        let cursor = text.find('|').expect("a cursor");
        let typed = text.replacen('|', "", 1);
        let completion = complete(&typed, cursor, &vocabulary);
        let replaced = typed.get(completion.replace).expect("a part of the text");
        let candidates: Vec<String> = completion.candidates.into_iter().map(|c| c.text).collect();
        format!("{text}\n  <{replaced}> {}\n", candidates.join("  "))
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn fields() {
    offered(
        &["|", "ti|", "n|", "TID|", "context.|", "a == 1 and ne|", "not (p|", "ne|xt == 1", "no|", "zzz|", "odd|"],
        expect![[r#"
            |
              <> name  t  cpu  next_tid  prev_tid  tid  context.tid  comm  `odd name`  not  (
            ti|
              <ti> tid  next_tid  prev_tid  context.tid
            n|
              <n> name  next_tid  not  `odd name`  context.tid
            TID|
              <TID> tid  next_tid  prev_tid  context.tid
            context.|
              <context.> context.tid
            a == 1 and ne|
              <ne> next_tid
            not (p|
              <p> prev_tid  cpu
            ne|xt == 1
              <next> next_tid
            no|
              <no> not
            zzz|
              <zzz> 
            odd|
              <odd> `odd name`
        "#]],
    );
}

#[test]
fn operators_and_joints() {
    offered(
        &[
            "name |",
            "name =|",
            "name <|",
            "name co|",
            "(name |",
            "name == 'x' |",
            "(a == 1 |",
            "a == 1 a|",
            "cpu in |",
            "cpu in (1 |",
            "cpu in (1) |",
            "a or |",
        ],
        expect![[r#"
            name |
              <> ==  !=  <  <=  >  >=  ~  contains  in  and  or
            name =|
              <=> ==  !=  <=  >=
            name <|
              <<> <  <=
            name co|
              <co> contains
            (name |
              <> ==  !=  <  <=  >  >=  ~  contains  in  and  or  )
            name == 'x' |
              <> and  or
            (a == 1 |
              <> and  or  )
            a == 1 a|
              <a> and
            cpu in |
              <> (
            cpu in (1 |
              <> ,  )
            cpu in (1) |
              <> and  or
            a or |
              <> name  t  cpu  next_tid  prev_tid  tid  context.tid  comm  `odd name`  not  (
        "#]],
    );
}

#[test]
fn values() {
    offered(
        &[
            "name == |",
            "name == sw|",
            "name == \"sched_|",
            "name == \"sched_|\" and a",
            "name == \"sched_|switch\"",
            "name == 'hand|",
            "state == \"pre|empted\" or x",
            "state in ('blocked', 'run|",
            "machine != |",
            "comm contains \"|",
            "reason == \"|",
            "cpu == |",
            "cpu == 1|",
            "name ~ \"sch|",
            "name ~ |",
            "other == \"x|",
        ],
        expect![[r#"
            name == |
              <> "sched_switch"  "sched_waking"  "irq_handler_entry"  "say \"hi\""  "bash"  "switcher"
            name == sw|
              <sw> "switcher"  "sched_switch"
            name == "sched_|
              <"sched_> "sched_switch"  "sched_waking"
            name == "sched_|" and a
              <"sched_"> "sched_switch"  "sched_waking"
            name == "sched_|switch"
              <"sched_switch"> "sched_switch"  "sched_waking"
            name == 'hand|
              <'hand> "irq_handler_entry"
            state == "pre|empted" or x
              <"preempted"> "preempted"
            state in ('blocked', 'run|
              <'run> "running-user"
            machine != |
              <> "host"  "guest-a"
            comm contains "|
              <"> "bash"  "switcher"
            reason == "|
              <"> "HLT"
            cpu == |
              <> true  false
            cpu == 1|
              <1> 
            name ~ "sch|
              <"sch> 
            name ~ |
              <> 
            other == "x|
              <"x> 
        "#]],
    );
}

#[test]
fn nothing_where_nothing_makes_sense() {
    offered(
        &["a = 1 |", "a b |", "a) |", "name == 'x' \"|", "a == \"x\" y == |"],
        expect![[r#"
        a = 1 |
          <> 
        a b |
          <> 
        a) |
          <> 
        name == 'x' "|
          <"> 
        a == "x" y == |
          <> 
    "#]],
    );
}

#[test]
fn positions_beyond_the_text_and_inside_letters_are_harmless() {
    let vocabulary = Vocabulary::builtin();
    assert!(!complete("", 99, &vocabulary).candidates.is_empty());
    assert_eq!(complete("é", 1, &vocabulary).replace, 0..0);
}
