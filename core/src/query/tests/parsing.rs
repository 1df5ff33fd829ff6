//! What texts are understood as, and what is said about those that are not.

use expect_test::{Expect, expect};

use crate::query::{Expr, Filter};

fn tree(expr: &Expr) -> String {
    let all = |parts: &[Expr]| parts.iter().map(tree).collect::<Vec<_>>().join(" ");
    match expr {
        Expr::Not(part) => format!("(not {})", tree(part)),
        Expr::And(parts) => format!("(and {})", all(parts)),
        Expr::Or(parts) => format!("(or {})", all(parts)),
        term => format!("[{term}]"),
    }
}

fn understood(texts: &[&str], expected: Expect) {
    let lines = texts.iter().map(|text| match Filter::parse(text) {
        Ok(filter) => format!("{text}\n  {}\n", tree(filter.expr())),
        Err(error) => format!("{text}\n  {error}\n"),
    });
    expected.assert_eq(&lines.collect::<String>());
}

fn refused(texts: &[&str], expected: Expect) {
    let lines = texts.iter().map(|text| match Filter::parse(text) {
        Ok(filter) => format!("{text}\nunderstood: {filter}\n"),
        // A margin, since whitespace at the begin of expected lines is taken off.
        Err(error) => error.with_caret().lines().map(|line| format!("|{line}|\n")).collect(),
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn the_contracts_examples() {
    understood(
        &[
            r#"name == "sched_switch" and next_tid == 42"#,
            r#"name ~ "^kvm_""#,
            r#"comm contains "qemu""#,
            "cpu in (0, 1)",
            "t >= +1.5s",
            "dur > 1ms",
            r#"state == "preempted""#,
            r#"machine == "host""#,
            r#"not (cpu == 0 or cpu == 1)"#,
            "context.tid == 1",
            "a.b < 3",
        ],
        expect![[r#"
            name == "sched_switch" and next_tid == 42
              (and [name == "sched_switch"] [next_tid == 42])
            name ~ "^kvm_"
              [name ~ "^kvm_"]
            comm contains "qemu"
              [comm contains "qemu"]
            cpu in (0, 1)
              [cpu in (0, 1)]
            t >= +1.5s
              [t >= +1.5s]
            dur > 1ms
              [dur > 1ms]
            state == "preempted"
              [state == "preempted"]
            machine == "host"
              [machine == "host"]
            not (cpu == 0 or cpu == 1)
              (not (or [cpu == 0] [cpu == 1]))
            context.tid == 1
              [context.tid == 1]
            a.b < 3
              [a.b < 3]
        "#]],
    );
}

#[test]
fn what_binds_tighter() {
    understood(
        &[
            "a or b and not c == 1",
            "(a or b) and c",
            "a and (b and c) and d",
            "! a && b || c",
            "NOT a AND b OR c",
            "not not a",
            "((a))",
        ],
        expect![[r#"
            a or b and not c == 1
              (or [a] (and [b] (not [c == 1])))
            (a or b) and c
              (and (or [a] [b]) [c])
            a and (b and c) and d
              (and [a] (and [b] [c]) [d])
            ! a && b || c
              (or (and (not [a]) [b]) [c])
            NOT a AND b OR c
              (or (and (not [a]) [b]) [c])
            not not a
              (not (not [a]))
            ((a))
              [a]
        "#]],
    );
}

#[test]
fn values() {
    understood(
        &[
            "a == 0xffff_ffff_ffff_ffff",
            "a == -9223372036854775808",
            "a == 1_000_000",
            "a == 1.50",
            "a == 1e3",
            "a == -2.5e-3",
            "a == TRUE",
            r#"a == 'it''"#,
            r#"a == 'say "hi"'"#,
            r#"a == "\x41\u{1F600}\n\\\"\'\t\r\0""#,
            r#"a ~ "\d+\.\"x\"""#,
            r#"a ~ '"quoted"'"#,
            "a > 1500us",
            "a > 1.5min",
            "a > 0ns",
            "a > 20µs",
            "a > 3h",
            "t < 12:34:56",
            "t < 25:00:00.000000001",
            "t < -1ms",
            "t < 1500000000000000000",
            "args.0 == 1",
            "`odd name`.x == 1",
            "`and`",
            "fields.in",
            "größe == 1",
        ],
        expect![[r#"
            a == 0xffff_ffff_ffff_ffff
              [a == 18446744073709551615]
            a == -9223372036854775808
              [a == -9223372036854775808]
            a == 1_000_000
              [a == 1000000]
            a == 1.50
              [a == 1.5]
            a == 1e3
              [a == 1000.0]
            a == -2.5e-3
              [a == -0.0025]
            a == TRUE
              [a == true]
            a == 'it''
              column 10: expected a closing ', found '
            a == 'say "hi"'
              [a == "say \"hi\""]
            a == "\x41\u{1F600}\n\\\"\'\t\r\0"
              [a == "A😀\n\\\"'\t\r\u{0}"]
            a ~ "\d+\.\"x\""
              [a ~ "\d+\.\"x\""]
            a ~ '"quoted"'
              [a ~ '"quoted"']
            a > 1500us
              [a > 1.5ms]
            a > 1.5min
              [a > 90s]
            a > 0ns
              [a > 0ns]
            a > 20µs
              [a > 20us]
            a > 3h
              [a > 10800s]
            t < 12:34:56
              [t < 12:34:56]
            t < 25:00:00.000000001
              [t < 25:00:00.000000001]
            t < -1ms
              [t < -1ms]
            t < 1500000000000000000
              [t < 1500000000000000000]
            args.0 == 1
              [args.0 == 1]
            `odd name`.x == 1
              [`odd name`.x == 1]
            `and`
              [`and`]
            fields.in
              [fields.in]
            größe == 1
              [größe == 1]
        "#]],
    );
}

#[test]
fn where_it_stops_making_sense() {
    refused(
        &[
            "",
            "   ",
            "name ==",
            "name = \"x\"",
            "name == sched_switch",
            "name == 'sched",
            "name \"x\"",
            "name not in (1)",
            "name !~ 'x'",
            "42 == tid",
            "cpu in (0, ",
            "cpu in ()",
            "cpu in 0",
            "cpu in (0 1)",
            "(a or b",
            "a)",
            "a b",
            "a and",
            "a and and b",
            "a & b",
            "a. == 1",
            "a == 12q",
            "a == 0x",
            "a == 0xfg",
            "a == 1e999",
            "a == 999999999999999999999999999999999999999999",
            "a == 0.1ns",
            "a == 12:34",
            "t > 12:60:00",
            "t > 12:00:00.0000000001",
            "t > 1ms",
            "dur > +1ms",
            "t > +5",
            "a ~ 5",
            "a ~ '('",
            "a ~ 'x{100000}{100}'",
            r#"a == "\d""#,
            r#"a == "\x4""#,
            r#"a == "\u{d800}""#,
            "größe == # ",
            "a and\n\tb == ] and c",
            "``",
            "`a",
            "true",
        ],
        expect![[r#"
            ||
            |^ expected a field, 'not' or '(', found the end|
            |   |
            |   ^ expected a field, 'not' or '(', found the end|
            |name ==|
            |       ^ expected a value: a number, a text in quotes, true or false, found the end|
            |name = "x"|
            |     ^ expected an operator, a field or a value, found '=' (equality is ==)|
            |name == sched_switch|
            |        ^^^^^^^^^^^^ expected a value, found 'sched_switch' (text stands in quotes: "sched_switch")|
            |name == 'sched|
            |        ^^^^^^ expected a closing ', found 'sched|
            |name "x"|
            |     ^^^ expected an operator: == != < <= > >= ~ contains in, found "x"|
            |name not in (1)|
            |     ^^^ expected an operator: == != < <= > >= ~ contains in, found 'not' ('not' stands before the field: not (name …))|
            |name !~ 'x'|
            |     ^^ expected an operator, a field or a value, found '!~' (write: not (field ~ "pattern"))|
            |42 == tid|
            |^^ expected a field, 'not' or '(', found '42' (the field stands before the operator, the value after it)|
            |cpu in (0, |
            |           ^ expected a value: a number, a text in quotes, true or false, found the end|
            |cpu in ()|
            |        ^ expected a value: a number, a text in quotes, true or false, found ')'|
            |cpu in 0|
            |       ^ expected a list in parentheses: (value, value), found '0'|
            |cpu in (0 1)|
            |          ^ expected a comma or a closing ')', found '1'|
            |(a or b|
            |       ^ expected 'and', 'or' or a closing ')', found the end|
            |a)|
            | ^ expected 'and', 'or' or the end, found ')'|
            |a b|
            |  ^ expected an operator: == != < <= > >= ~ contains in, found 'b'|
            |a and|
            |     ^ expected a field, 'not' or '(', found the end|
            |a and and b|
            |      ^^^ expected a field, 'not' or '(', found 'and'|
            |a & b|
            |  ^ expected an operator, a field or a value, found '&' (write and, or &&)|
            |a. == 1|
            |  ^ expected a field's name after the dot, found ' '|
            |a == 12q|
            |       ^ expected a unit: ns, us, ms, s, min, h, d, found 'q'|
            |a == 0x|
            |       ^ expected a hexadecimal digit, found the end|
            |a == 0xfg|
            |        ^ expected a hexadecimal digit, found 'g'|
            |a == 1e999|
            |     ^^^^^ expected a smaller number, found '1e999'|
            |a == 999999999999999999999999999999999999999999|
            |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a smaller number, found '999999999999999999999999999999…'|
            |a == 0.1ns|
            |     ^^^^^ expected a length of whole nanoseconds, found '0.1ns'|
            |a == 12:34|
            |     ^^^^^ expected a time of day: HH:MM:SS or HH:MM:SS.nnnnnnnnn, found '12:34'|
            |t > 12:60:00|
            |    ^^^^^^^^ expected minutes and seconds below 60, found '12:60:00'|
            |t > 12:00:00.0000000001|
            |    ^^^^^^^^^^^^^^^^^^^ expected a length of whole nanoseconds, found '12:00:00.0000000001'|
            |t > 1ms|
            |    ^^^ expected an instant: +1.5s, 12:34:56 or integer nanoseconds, found '1ms' (after the begin: +1ms)|
            |dur > +1ms|
            |      ^^^^ expected a number, or a length such as 1ms, found '+1ms' (dur is no instant of this time axis: only t, begin and end are)|
            |t > +5|
            |      ^ expected a unit after a time from the begin: ns, us, ms, s, min, h, d, found the end|
            |a ~ 5|
            |    ^ expected a pattern in quotes, found '5'|
            |a ~ '('|
            |    ^^^ expected a regular expression, found '(' (unclosed group)|
            |a ~ 'x{100000}{100}'|
            |    ^^^^^^^^^^^^^^^^ expected a regular expression, found 'x{100000}{100}' (it is too large)|
            |a == "\d"|
            |      ^^ expected an escape: \\ \" \' \n \r \t \0 \xHH \u{…}, found '\d'|
            |a == "\x4"|
            |      ^^ expected a character's number: \xHH or \u{…}, found '\x'|
            |a == "\u{d800}"|
            |      ^^ expected a character's number: \xHH or \u{…}, found '\u'|
            |größe == # |
            |         ^ expected an operator, a field or a value, found '#'|
            | b == ] and c|
            |      ^ expected an operator, a field or a value, found ']'|
            |``|
            |^^ expected a name between the backticks, found ``|
            |`a|
            |^^ expected a closing `, found `a|
            |true|
            |^^^^ expected a field, 'not' or '(', found 'true'|
        "#]],
    );
    let deep = "(".repeat(100_000);
    let error = Filter::parse(&deep).expect_err("nothing closes");
    expect!["column 65: expected at most 64 nested parentheses and 'not's, found '('"].assert_eq(&error.to_string());
    let error = Filter::parse(&"not ".repeat(100_000)).expect_err("nothing follows");
    expect!["column 257: expected at most 64 nested parentheses and 'not's, found 'not'"].assert_eq(&error.to_string());
}
