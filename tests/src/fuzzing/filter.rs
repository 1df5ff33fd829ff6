//! The filter language and times: any text, as somebody types it.

use stratoscope_core::query::time::{TimeBase, parse_time};
use stratoscope_core::query::{EventSubject, Facts, Filter, Vocabulary, complete};
use stratoscope_core::vocab::{Cpu, Value};

/// Parses `input` as a filter, as a time and as something to complete.
///
/// # Panics
/// If what was understood, printed and read again is something else, or an answer known beforehand is wrong.
pub fn filter(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let base = TimeBase::default();
    match Filter::parse(text) {
        Ok(filter) => check(&filter, &base),
        Err(error) => {
            let is_place = |at: usize| text.is_char_boundary(at);
            assert!(error.span.start <= error.span.end && is_place(error.span.start) && is_place(error.span.end));
            assert!(!error.with_caret().is_empty() && error.column() > 0);
        }
    }
    if let Err(error) = parse_time(text, &base) {
        assert!(!error.to_string().is_empty());
        assert!(error.span.start <= error.span.end && error.span.end <= text.len());
    }
    let completion = complete(text, text.len() / 2, &Vocabulary::builtin());
    assert!(text.get(completion.replace.clone()).is_some(), "what is replaced is no part of the text");
}

fn check(filter: &Filter, base: &TimeBase) {
    let printed = filter.to_string();
    match Filter::parse(&printed) {
        Ok(again) => assert_eq!(*filter, again, "printed as {printed}"),
        Err(error) => panic!("printed as {printed}, which cannot be read: {error}"),
    }
    let matcher = filter.bind(base);
    let fields = || (Value::Struct(vec![("tid".into(), Value::Signed(-3))]), Value::Struct(Vec::new()));
    let event = EventSubject::new("host", "sched_switch", Cpu(1), 1_500_000_000, fields);
    let matches = matcher.matches(&event);
    let facts = Facts {
        machine: Some("host"),
        name: Some("sched_switch"),
        cpu: Some(Cpu(1)),
        t_ns: Some((1_000_000_000, 2_000_000_000)),
        ..Facts::default()
    };
    for hint in [matcher.hint(&facts), filter.class_hint("sched_switch")] {
        assert!(hint.is_none_or(|hint| hint == matches), "{printed}: {matches}, but the hint is {hint:?}");
    }
}
