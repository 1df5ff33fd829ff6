//! What holds for all filters.

use std::sync::Arc;

use proptest::prelude::*;

use crate::query::time::TimeBase;
use crate::query::{
    CompareOp, EventSubject, Expr, Facts, FieldValue, Filter, Literal, Path, Subject, Vocabulary, complete,
};
use crate::vocab::{Cpu, Value};

/// A subject of one integer.
struct One(i128);

impl Subject for One {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        (path.single() == Some("x")).then_some(FieldValue::Int(self.0))
    }
}

fn finds(text: &str, subject: &impl Subject) -> bool {
    let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{}", e.with_caret()));
    filter.bind(&TimeBase::default()).matches(subject)
}

fn path() -> impl Strategy<Value = String> {
    let plain = proptest::sample::select(vec![
        "x",
        "y",
        "t",
        "begin",
        "name",
        "cpu",
        "machine",
        "fields.x",
        "context.x",
        "`in`",
        "`a b`.0",
        "dur",
    ]);
    let odd = "[^`]{1,6}".prop_map(|name| format!("`{name}`"));
    prop_oneof![4 => plain.prop_map(str::to_owned), 1 => odd]
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| format!("{n:#x}")),
        (-3..3_i64).prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| format!("{x:?}")),
        "\\PC{0,6}|[\n\t\0\u{7f}\"']{0,3}".prop_map(|text| Literal::Text(text.into()).to_string()),
        proptest::sample::select(vec!["true", "false", "'x'", "'sched_switch'"]).prop_map(str::to_owned),
    ]
}

fn term() -> impl Strategy<Value = String> {
    let op = proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "contains"]);
    let length = (any::<u32>(), proptest::sample::select(vec!["ns", "us", "ms", "s", "min", "h", "d"]));
    let instant = prop_oneof![
        (any::<u32>(), 0..1_000_000_000_u32).prop_map(|(s, ns)| format!("+{s}.{ns:09}s")),
        (0..100_u8, 0..60_u8, 0..60_u8, any::<u16>()).prop_map(|(h, m, s, f)| format!("{h:02}:{m:02}:{s:02}.{f}")),
    ];
    prop_oneof![
        path(),
        (path(), op, literal()).prop_map(|(path, op, value)| format!("{path} {op} {value}")),
        (path(), proptest::collection::vec(literal(), 1..4))
            .prop_map(|(path, values)| format!("{path} in ({})", values.join(", "))),
        (path(), proptest::sample::select(vec!["'a'", r#""\d+\"""#, r#"'"'"#, "'^s.*h$'"]))
            .prop_map(|(path, pattern)| format!("{path} ~ {pattern}")),
        length.prop_map(|(n, unit)| format!("dur >= {n}{unit}")),
        instant.prop_map(|instant| format!("t < {instant}")),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    term().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.clone().prop_map(|a| format!("!{a}")),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(") and ("))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" && ")),
            proptest::collection::vec(inner, 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(|value| Value::Unsigned { value, base: 10 }),
        (-3..3_i64).prop_map(Value::Signed),
        any::<f64>().prop_map(Value::Float),
        "[ax1]{0,3}".prop_map(Value::Text),
        Just(Value::Enum { value: 1, labels: vec!["x".into()] }),
        Just(Value::Array(vec![Value::Signed(1), Value::Text("x".to_owned())])),
        Just(Value::Null),
    ]
}

proptest! {
    #[test]
    fn nothing_typed_makes_it_panic(text in "\\PC{0,60}", cursor in 0..80_usize) {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(text.get(error.span.clone()).is_some());
            error.with_caret();
        }
        complete(&text, cursor, &Vocabulary::builtin());
    }

    #[test]
    fn nothing_made_of_its_own_words_makes_it_panic(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "name", "t", "(", ")", "in", "and", "or", "not", "==", "=", "~", "!", "'", "\"", "\\", "`", ".", "1",
            "+1s", "-", "0x", "12:", ",", " ", "\n", "é", "contains", "1e", "_", "&&", "true",
        ]), 0..24),
        cursor in 0..80_usize,
    ) {
        let text = words.concat();
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(text.get(error.span.clone()).is_some());
            error.with_caret();
        }
        let completion = complete(&text, cursor, &Vocabulary::builtin());
        prop_assert!(text.get(completion.replace).is_some());
    }

    #[test]
    fn printed_it_reads_the_same(text in filter()) {
        let filter = Filter::parse(&text);
        let filter = filter.map_err(|e| TestCaseError::fail(e.with_caret()))?;
        let again = Filter::parse(&filter.to_string());
        let again = again.map_err(|e| TestCaseError::fail(e.with_caret()))?;
        prop_assert_eq!(&filter, &again);
        prop_assert_eq!(filter.to_string(), again.to_string());
    }

    #[test]
    fn not_and_or_obey_their_laws(a in filter(), b in filter(), own in value(), cpu in 0..2_u16) {
        let own = || (Value::Struct(vec![]), Value::Struct(vec![("x".into(), own.clone())]));
        let event = EventSubject::new("host", "sched_switch", Cpu(cpu), 0, own);
        let (x, y) = (finds(&a, &event), finds(&b, &event));
        prop_assert_eq!(finds(&format!("not ({a})"), &event), !x);
        prop_assert_eq!(finds(&format!("not not ({a})"), &event), x);
        prop_assert_eq!(finds(&format!("({a}) and ({b})"), &event), x && y);
        prop_assert_eq!(finds(&format!("({a}) or ({b})"), &event), x || y);
        prop_assert_eq!(finds(&format!("not (({a}) or ({b}))"), &event), !x && !y);
        prop_assert_eq!(finds(&format!("not (({a}) and ({b}))"), &event), !x || !y);
    }

    #[test]
    fn a_hint_never_contradicts_an_event(
        text in filter(), own in value(), cpu in 0..2_u16, t in -5..5_i64, before in 0..3_i64, after in 0..3_i64,
    ) {
        let fields: Vec<Arc<str>> = vec!["x".into()];
        let filter = Filter::parse(&text);
        let filter = filter.map_err(|e| TestCaseError::fail(e.with_caret()))?;
        let matcher = filter.bind(&TimeBase::default());
        let t = i128::from(t);
        let own = || (Value::Struct(vec![]), Value::Struct(vec![("x".into(), own.clone())]));
        let event = EventSubject::new("host", "sched_switch", Cpu(cpu), t, own);
        let found = matcher.matches(&event);
        let facts = Facts {
            machine: Some("host"),
            name: Some("sched_switch"),
            cpu: Some(Cpu(cpu)),
            t_ns: Some((t - i128::from(before), t + i128::from(after))),
            fields: Some(&fields),
            context: Some(&[]),
        };
        prop_assert!(matcher.hint(&facts).is_none_or(|hint| hint == found), "{}", filter);
        prop_assert!(filter.class_hint("sched_switch").is_none_or(|hint| hint == found), "{}", filter);
        prop_assert_eq!(matcher.hint(&Facts::default()).filter(|hint| *hint != found), None);
    }

    #[test]
    fn a_range_of_instants_is_judged_like_each_of_its_instants(
        op in 0..6_usize, at in -4..4_i128, first in -4..4_i128, len in 0..4_i128, float in any::<bool>(),
    ) {
        let op = ["==", "!=", "<", "<=", ">", ">="][op];
        let text = if float { format!("t {op} {at}.5") } else { format!("t {op} {at}") };
        let filter = Filter::parse(&text).expect("a filter").bind(&TimeBase::default());
        let all: Vec<bool> = (first..=first + len)
            .map(|t| filter.matches(&EventSubject::new("", "", Cpu(0), t, || (Value::Null, Value::Null))))
            .collect();
        let facts = Facts { t_ns: Some((first, first + len)), ..Facts::default() };
        let hint = filter.hint(&facts);
        let is_same = all.iter().all(|found| *found == all[0]);
        match hint {
            Some(hint) => prop_assert!(is_same && all[0] == hint, "{}", text),
            // Only that no integer equals a fraction is not told.
            None => prop_assert!(!is_same || (float && text.contains("= ")), "{}", text),
        }
    }

    #[test]
    fn integers_compare_exactly(
        a in prop_oneof![any::<i64>().prop_map(i128::from), any::<u64>().prop_map(i128::from), edges()],
        b in prop_oneof![any::<i64>().prop_map(i128::from), any::<u64>().prop_map(i128::from), edges()],
    ) {
        let subject = One(a);
        prop_assert_eq!(finds(&format!("x == {b}"), &subject), a == b);
        prop_assert_eq!(finds(&format!("x != {b}"), &subject), a != b);
        prop_assert_eq!(finds(&format!("x < {b}"), &subject), a < b);
        prop_assert_eq!(finds(&format!("x <= {b}"), &subject), a <= b);
        prop_assert_eq!(finds(&format!("x > {b}"), &subject), a > b);
        prop_assert_eq!(finds(&format!("x >= {b}"), &subject), a >= b);
        prop_assert_eq!(finds(&format!("x in (0, {b})"), &subject), a == 0 || a == b);
    }

    #[test]
    fn integers_and_floats_compare_exactly(a in edges(), shift in -3..4_i64) {
        // Floats near the edges are whole and even: what they are exactly, an i128 can tell.
        let x = a as f64 + shift as f64 * 4096.0;
        let exact = x as i128;
        let subject = One(a);
        prop_assert_eq!(finds(&format!("x == {x:?}"), &subject), a == exact);
        prop_assert_eq!(finds(&format!("x < {x:?}"), &subject), a < exact);
        prop_assert_eq!(finds(&format!("x >= {x:?}"), &subject), a >= exact);
    }
}

fn edges() -> impl Strategy<Value = i128> {
    let edges = [0, i128::from(i64::MIN), i128::from(i64::MAX), i128::from(u64::MAX), 1 << 53, -(1 << 53), 1 << 63];
    (proptest::sample::select(edges.to_vec()), -2..3_i128).prop_map(|(edge, off)| edge + off)
}

#[test]
fn comparisons_are_written_as_they_are_read() {
    for op in [
        CompareOp::Equal,
        CompareOp::NotEqual,
        CompareOp::Below,
        CompareOp::AtMost,
        CompareOp::Above,
        CompareOp::AtLeast,
    ] {
        let filter = Filter::parse(&format!("x {} 1", op.symbol())).expect("a filter");
        assert!(matches!(filter.expr(), Expr::Compare(_, read, Literal::Int(1)) if *read == op));
    }
}
