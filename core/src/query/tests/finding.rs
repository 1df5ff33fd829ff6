//! What filters find among events, rows and states.

use std::cell::Cell;
use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::query::time::TimeBase;
use crate::query::{EventSubject, Facts, Filter, RowSubject, StateSubject, Subject};
use crate::vocab::{Cpu, Tid, Value};

const S: i128 = 1_000_000_000;
const BASE: TimeBase = TimeBase { origin_ns: 0, begin_ns: 1_000 * 86_400 * S + 3_600 * S, utc_offset_s: 0 };

fn named(members: Vec<(&str, Value)>) -> Value {
    Value::Struct(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn unsigned(value: u64) -> Value {
    Value::Unsigned { value, base: 10 }
}

fn event() -> (Value, Value) {
    let context = named(vec![("tid", Value::Signed(7)), ("procname", Value::Text("qemu-kvm".to_owned()))]);
    let own = named(vec![
        ("next_tid", Value::Signed(42)),
        ("prev_comm", Value::Text("bash".to_owned())),
        ("reason", Value::Enum { value: 1, labels: vec!["SOFT".into(), "TIMER".into()] }),
        ("huge", unsigned(u64::MAX)),
        ("low", Value::Signed(i64::MIN)),
        ("ratio", Value::Float(0.5)),
        ("nan", Value::Float(f64::NAN)),
        ("flag", Value::Bool(true)),
        ("off", Value::Bool(false)),
        ("zero", unsigned(0)),
        ("empty", Value::Text(String::new())),
        ("absent", Value::Null),
        ("args", Value::Array(vec![unsigned(3), unsigned(5), Value::Text("x".to_owned())])),
        ("inner", named(vec![("deep", Value::Signed(-1))])),
        ("bytes", Value::Bytes(vec![1])),
        ("name", Value::Text("eth0".to_owned())),
    ]);
    (context, own)
}

fn table(subject: &impl Subject, texts: &[&str], expected: Expect) {
    let lines = texts.iter().map(|text| {
        let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{}", e.with_caret()));
        let found = if filter.bind(&BASE).matches(subject) { "+" } else { "-" };
        format!("{found} {text}\n")
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn events() {
    let subject = EventSubject::new("host", "sched_switch", Cpu(3), BASE.begin_ns + 2 * S, event);
    table(
        &subject,
        &[
            r#"name == "sched_switch" and next_tid == 42"#,
            r#"name ~ "^sched_""#,
            r#"name ~ "switch""#,
            r#"name ~ "^switch""#,
            r#"name == "eth0""#,
            r#"fields.name == "eth0""#,
            "cpu in (0, 1)",
            "cpu in (0, 3)",
            "t >= +1.5s",
            "t >= +2s and t <= +2s",
            "t > +2s",
            "t >= 01:00:02",
            "t < 01:00:02",
            "t == 86403602000000000",
            "tid == 7",
            "context.tid == 7",
            "fields.tid == 7",
            "context.next_tid == 42",
            "comm contains 'qemu'",
            "comm contains 'QEMU'",
            "comm ~ '(?i)QEMU'",
            "prev_comm < 'c'",
            "reason == 'TIMER'",
            "reason == 'SOFT'",
            "reason == 'HARD'",
            "reason != 'HARD'",
            "reason == 1",
            "reason in (2, 'TIMER')",
            "reason ~ '^TI'",
            "inner.deep == -1",
            "inner.deep.er == -1",
            "args.1 == 5",
            "args.9 == 5",
            "args contains 5",
            "args contains 'x'",
            "args contains 4",
        ],
        expect![[r#"
            + name == "sched_switch" and next_tid == 42
            + name ~ "^sched_"
            + name ~ "switch"
            - name ~ "^switch"
            - name == "eth0"
            + fields.name == "eth0"
            - cpu in (0, 1)
            + cpu in (0, 3)
            + t >= +1.5s
            + t >= +2s and t <= +2s
            - t > +2s
            + t >= 01:00:02
            - t < 01:00:02
            + t == 86403602000000000
            + tid == 7
            + context.tid == 7
            - fields.tid == 7
            - context.next_tid == 42
            + comm contains 'qemu'
            - comm contains 'QEMU'
            + comm ~ '(?i)QEMU'
            + prev_comm < 'c'
            + reason == 'TIMER'
            + reason == 'SOFT'
            - reason == 'HARD'
            + reason != 'HARD'
            + reason == 1
            + reason in (2, 'TIMER')
            + reason ~ '^TI'
            + inner.deep == -1
            - inner.deep.er == -1
            + args.1 == 5
            - args.9 == 5
            + args contains 5
            + args contains 'x'
            - args contains 4
        "#]],
    );
}

#[test]
fn the_edges_of_integers() {
    let subject = EventSubject::new("host", "e", Cpu::UNKNOWN, 0, event);
    table(
        &subject,
        &[
            "huge == 18446744073709551615",
            "huge == 0xffffffffffffffff",
            "huge == -1",
            "huge > 18446744073709551614",
            "huge >= 18446744073709551616",
            "huge == 18446744073709551615.0",
            "huge < 18446744073709551616.0",
            "huge < 1e30",
            "huge < 1e300",
            "huge > -1e300",
            "low == -9223372036854775808",
            "low > -9223372036854775809",
            "low == 9223372036854775808",
            "low <= -9223372036854775808.0",
            "next_tid == 42.0",
            "next_tid < 42.5",
            "inner.deep > -1.5",
            "inner.deep < -0.5",
            "ratio == 0.5",
            "ratio > 0",
            "ratio < 1",
        ],
        expect![[r#"
            + huge == 18446744073709551615
            + huge == 0xffffffffffffffff
            - huge == -1
            + huge > 18446744073709551614
            - huge >= 18446744073709551616
            - huge == 18446744073709551615.0
            + huge < 18446744073709551616.0
            + huge < 1e30
            + huge < 1e300
            + huge > -1e300
            + low == -9223372036854775808
            + low > -9223372036854775809
            - low == 9223372036854775808
            + low <= -9223372036854775808.0
            + next_tid == 42.0
            + next_tid < 42.5
            + inner.deep > -1.5
            + inner.deep < -0.5
            + ratio == 0.5
            + ratio > 0
            + ratio < 1
        "#]],
    );
}

#[test]
fn kinds_that_dont_mix() {
    let subject = EventSubject::new("host", "e", Cpu::UNKNOWN, 0, event);
    table(
        &subject,
        &[
            "prev_comm == 42",
            "prev_comm != 42",
            "prev_comm < 42",
            "next_tid == '42'",
            "next_tid != '42'",
            "next_tid ~ '42'",
            "next_tid contains '4'",
            "flag == true",
            "flag == 1",
            "next_tid == true",
            "off == false",
            "zero == false",
            "nan == 1.0",
            "nan != 1.0",
            "nan < 1",
            "inner == 1",
            "inner != 1",
            "bytes == 'x'",
        ],
        expect![[r#"
            - prev_comm == 42
            + prev_comm != 42
            - prev_comm < 42
            - next_tid == '42'
            + next_tid != '42'
            - next_tid ~ '42'
            - next_tid contains '4'
            + flag == true
            + flag == 1
            - next_tid == true
            + off == false
            + zero == false
            - nan == 1.0
            + nan != 1.0
            - nan < 1
            - inner == 1
            + inner != 1
            - bytes == 'x'
        "#]],
    );
}

#[test]
fn unknown_fields_make_a_term_false() {
    let subject = EventSubject::new("host", "e", Cpu::UNKNOWN, 0, event);
    table(
        &subject,
        &[
            "nowhere == 1",
            "nowhere != 1",
            "not (nowhere == 1)",
            "not nowhere",
            "nowhere in (1)",
            "nowhere ~ ''",
            "absent == 1",
            "absent != 1",
            "absent",
            "cpu == 0",
            "cpu != 0",
            "dur > 1ms",
            "flag",
            "off",
            "zero",
            "empty",
            "next_tid",
            "inner",
            "args",
            "bytes",
        ],
        expect![[r#"
            - nowhere == 1
            - nowhere != 1
            + not (nowhere == 1)
            + not nowhere
            - nowhere in (1)
            - nowhere ~ ''
            - absent == 1
            - absent != 1
            - absent
            - cpu == 0
            - cpu != 0
            - dur > 1ms
            + flag
            - off
            - zero
            - empty
            + next_tid
            + inner
            + args
            + bytes
        "#]],
    );
}

#[test]
fn rows_and_states() {
    let row = RowSubject {
        machine: "guest-a",
        row: "thread",
        id: "1234",
        tid: Some(Tid(1234)),
        cpu: Cpu(1),
        name: Some("bash"),
        instance: 2,
        vm: Some("fighting"),
    };
    let rows = &[
        "machine == 'guest-a' and row == 'thread'",
        "id == '1234' and tid == 1234",
        "name == 'bash' and comm ~ 'a'",
        "instance == 2",
        "vm == 'fighting'",
        "dur > 1ms",
        "state == 'blocked'",
    ];
    table(
        &row,
        rows,
        expect![[r#"
        + machine == 'guest-a' and row == 'thread'
        + id == '1234' and tid == 1234
        + name == 'bash' and comm ~ 'a'
        + instance == 2
        + vm == 'fighting'
        - dur > 1ms
        - state == 'blocked'
    "#]],
    );
    let state = StateSubject {
        row,
        state: "blocked",
        detail: Some("disk"),
        begin: BASE.begin_ns + S,
        end: BASE.begin_ns + S + 1_500_000,
    };
    table(
        &state,
        &[
            "state == 'blocked' and detail == 'disk' and name == 'bash'",
            "dur > 1ms",
            "dur == 1.5ms",
            "dur == 1500000",
            "begin == +1s and t == +1s",
            "end > +1.001s",
            "end > 01:00:01.0015",
        ],
        expect![[r#"
            + state == 'blocked' and detail == 'disk' and name == 'bash'
            + dur > 1ms
            + dur == 1.5ms
            + dur == 1500000
            + begin == +1s and t == +1s
            + end > +1.001s
            - end > 01:00:01.0015
        "#]],
    );
}

#[test]
fn fields_are_decoded_only_if_asked_for_and_once() {
    let decoded = Cell::new(0);
    let asked = |text: &str| {
        decoded.set(0);
        let subject = EventSubject::new("host", "sched_switch", Cpu(0), 0, || {
            decoded.set(decoded.get() + 1);
            event()
        });
        let filter = Filter::parse(text).expect("a filter");
        filter.bind(&BASE).matches(&subject);
        (decoded.get(), filter.needs_fields(), subject.into_decoded().is_some())
    };
    assert_eq!(asked("name == 'x' or cpu == 1 or t > +1s or machine == 'x'"), (0, false, false));
    assert_eq!(asked("name == 'x' and next_tid == 42"), (0, true, false));
    assert_eq!(asked("next_tid == 1 or tid == 1 or nowhere"), (1, true, true));
    assert_eq!(asked("fields.name == 'x'"), (1, true, true));
}

#[test]
fn hints() {
    let fields: Vec<Arc<str>> = vec!["next_tid".into(), "prev_comm".into()];
    let context: Vec<Arc<str>> = vec!["procname".into()];
    let named = Facts { name: Some("sched_switch"), ..Facts::default() };
    let full = Facts { machine: Some("host"), cpu: Some(Cpu(1)), fields: Some(&fields), ..named };
    let timed = Facts { t_ns: Some((BASE.begin_ns + S, BASE.begin_ns + 2 * S)), context: Some(&context), ..full };
    let texts = [
        "name == 'sched_switch'",
        "name == 'irq'",
        "name == 'irq' and next_tid == 1",
        "name == 'irq' or next_tid == 1",
        "not (name == 'irq' and next_tid == 1)",
        "name ~ '^sched' and cpu == 1",
        "name ~ '^irq'",
        "name in ('a', 'b')",
        "fields.tid == 1",
        "tid == 1",
        "not tid == 1",
        "comm == 'x'",
        "context.comm == 'x'",
        "machine == 'guest'",
        "cpu != 1",
        "t >= +1s",
        "t > +1s",
        "t > +2s",
        "t >= +2s",
        "t < +1s",
        "t <= +2s",
        "t < +2.5s",
        "t == +3s",
        "t != +3s",
        "t == +1.5s",
        "t in (+3s, +0s)",
        "t in (+3s, +1s)",
        "t == 'x'",
        "t",
    ];
    let sign = |hint: Option<bool>| match hint {
        Some(true) => '+',
        Some(false) => '-',
        None => '?',
    };
    let lines = texts.map(|text| {
        let filter = Filter::parse(text).expect("a filter");
        assert_eq!(filter.class_hint("sched_switch"), filter.bind(&BASE).hint(&named));
        let hints = [named, full, timed].map(|facts| sign(filter.bind(&BASE).hint(&facts)));
        format!("{} {text}\n", hints.iter().collect::<String>())
    });
    expect![[r#"
        +++ name == 'sched_switch'
        --- name == 'irq'
        --- name == 'irq' and next_tid == 1
        ??? name == 'irq' or next_tid == 1
        +++ not (name == 'irq' and next_tid == 1)
        ?++ name ~ '^sched' and cpu == 1
        --- name ~ '^irq'
        --- name in ('a', 'b')
        ?-- fields.tid == 1
        ??- tid == 1
        ??+ not tid == 1
        ??? comm == 'x'
        ??- context.comm == 'x'
        ?-- machine == 'guest'
        ?-- cpu != 1
        ??+ t >= +1s
        ??? t > +1s
        ??- t > +2s
        ??? t >= +2s
        ??- t < +1s
        ??+ t <= +2s
        ??+ t < +2.5s
        ??- t == +3s
        ??+ t != +3s
        ??? t == +1.5s
        ??- t in (+3s, +0s)
        ??? t in (+3s, +1s)
        ??- t == 'x'
        ??? t
    "#]]
    .assert_eq(&lines.concat());
}
