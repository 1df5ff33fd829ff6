//! Times as people write and read them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

const S: i128 = NS_PER_S;
/// 2026-03-14 23:59:58.5 UTC.
const BEGIN: i128 = 1_773_532_798 * S + S / 2;

fn base() -> TimeBase {
    TimeBase { origin_ns: BEGIN - 7, begin_ns: BEGIN, utc_offset_s: 0 }
}

fn table<T>(rows: impl IntoIterator<Item = T>, line: impl Fn(T) -> String, expected: Expect) {
    expected.assert_eq(&rows.into_iter().map(|row| line(row) + "\n").collect::<String>());
}

#[test]
fn times_are_read() {
    table(
        [
            "0",
            "1773532798500000000",
            "1_000",
            "-5",
            "+1.5s",
            "+20us",
            "+1 s",
            "-1ms",
            "-0.000 001 500 s",
            "23:59:59",
            "23:59:59.000 000 001",
            "24:00:01",
            " 00:00:00 ",
            "",
            "   ",
            "1.5s",
            "1.5",
            "+5",
            "now",
            "12:34",
            "12:34:5x",
            "12:99:00",
            "12:34:56.0000000001",
            "+1.5x",
            "1773532798500000000 ns",
            "99999999999999999999999999999999999999999",
        ],
        |text| match parse_time(text, &base()) {
            Ok(ns) => format!("{text:?}: {ns} = {} {}", date(ns, 0), time_of_day(ns, 0)),
            Err(error) => error.to_string(),
        },
        expect![[r#"
            "0": 0 = 1970-01-01 00:00:00.000 000 000
            "1773532798500000000": 1773532798500000000 = 2026-03-14 23:59:58.500 000 000
            "1_000": 1000 = 1970-01-01 00:00:00.000 001 000
            "-5": -5 = 1969-12-31 23:59:59.999 999 995
            "+1.5s": 1773532800000000000 = 2026-03-15 00:00:00.000 000 000
            "+20us": 1773532798500020000 = 2026-03-14 23:59:58.500 020 000
            "+1 s": 1773532799500000000 = 2026-03-14 23:59:59.500 000 000
            "-1ms": 1773532798499000000 = 2026-03-14 23:59:58.499 000 000
            "-0.000 001 500 s": 1773532798499998500 = 2026-03-14 23:59:58.499 998 500
            "23:59:59": 1773532799000000000 = 2026-03-14 23:59:59.000 000 000
            "23:59:59.000 000 001": 1773532799000000001 = 2026-03-14 23:59:59.000 000 001
            "24:00:01": 1773532801000000000 = 2026-03-15 00:00:01.000 000 000
            " 00:00:00 ": 1773446400000000000 = 2026-03-14 00:00:00.000 000 000
            '' is no time: expected integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin
            '   ' is no time: expected integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin
            '1.5s' is no time: expected integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin
            '1.5' is no time: expected integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin
            '+5' is no time: expected a unit after a time from the begin: ns, us, ms, s, min, h, d
            'now' is no time: expected integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin
            '12:34' is no time: expected a time of day: HH:MM:SS or HH:MM:SS.nnnnnnnnn
            '12:34:5x' is no time: expected a time of day: HH:MM:SS or HH:MM:SS.nnnnnnnnn
            '12:99:00' is no time: expected minutes and seconds below 60
            '12:34:56.0000000001' is no time: expected a length of whole nanoseconds
            '+1.5x' is no time: expected a unit: ns, us, ms, s, min, h, d, found 'x'
            '1773532798500000000 ns' is no time: expected integer nanoseconds, HH:MM:SS.nnnnnnnnn, or +1.5s after the begin
            '99999999999999999999999999999999999999999' is no time: expected a smaller number
        "#]],
    );
}

#[test]
fn the_first_day_is_that_of_the_wall() {
    let east = TimeBase { utc_offset_s: 3_600, ..base() };
    let ns = parse_time("00:59:59", &east).expect("a time");
    assert_eq!(ns, BEGIN + S / 2);
    assert_eq!(time_of_day(ns, 3_600), "00:59:59.000 000 000");
    assert_eq!((date(BEGIN, 0), date(BEGIN, 3_600)), ("2026-03-14".to_owned(), "2026-03-15".to_owned()));
}

#[test]
fn axes_are_converted_exactly() {
    assert_eq!(base().to_axis(BEGIN), 7);
    assert_eq!(base().to_printed(7), BEGIN);
    assert_eq!(base().to_axis(i128::MAX), i64::MAX);
    assert_eq!(base().to_axis(i128::MIN), i64::MIN);
}

#[test]
fn dates() {
    table(
        [-1, 0, 951_782_400, 951_868_800, 4_107_542_400, -62_135_596_800, 253_402_300_799],
        |s: i128| format!("{s}: {}", date(s * S, 0)),
        expect![[r#"
            -1: 1969-12-31
            0: 1970-01-01
            951782400: 2000-02-29
            951868800: 2000-03-01
            4107542400: 2100-03-01
            -62135596800: 0001-01-01
            253402300799: 9999-12-31
        "#]],
    );
}

#[test]
fn offsets() {
    table(
        [0, 1, 1_500, 1_234_567_000, 1_500_000_000, -20_000, 12_345_000_000_001, i128::from(i64::MIN)],
        |ns| format!("{ns}: {}", offset(ns)),
        expect![[r#"
            0: +0.000 s
            1: +0.000 000 001 s
            1500: +0.000 001 500 s
            1234567000: +1.234 567 s
            1500000000: +1.500 s
            -20000: -0.000 020 s
            12345000000001: +12 345.000 000 001 s
            -9223372036854775808: -9 223 372 036.854 775 808 s
        "#]],
    );
}

#[test]
fn durations() {
    table(
        [
            0,
            57,
            999,
            1_000,
            1_001,
            9_999,
            12_345,
            999_949,
            999_960,
            7_981_024,
            23_104_587,
            999_950_000,
            1_000_000_000,
            12_345_678_901,
            59_994_999_999,
            59_999_000_000,
            83_400_000_000,
            3_599_960_000_000,
            7_500_000_000_000,
            86_399_999_000_000,
            273_600_000_000_000,
            -1_500,
            i64::MAX,
            i64::MIN,
        ],
        |ns| format!("{ns}: {} = {}", duration(ns), duration_exact(ns)),
        expect![[r#"
            0: 0 ns = 0 ns
            57: 57 ns = 57 ns
            999: 999 ns = 999 ns
            1000: 1 µs = 1 µs
            1001: 1.001 µs = 1.001 µs
            9999: 9.999 µs = 9.999 µs
            12345: 12.35 µs = 12.345 µs
            999949: 999.9 µs = 999.949 µs
            999960: 1 ms = 999.960 µs
            7981024: 7.981 ms = 7.981 024 ms
            23104587: 23.1 ms = 23.104 587 ms
            999950000: 1 s = 999.950 ms
            1000000000: 1 s = 1 s
            12345678901: 12.35 s = 12.345 678 901 s
            59994999999: 59.99 s = 59.994 999 999 s
            59999000000: 1 min = 59.999 s
            83400000000: 1 min 23.4 s = 83.400 s
            3599960000000: 1 h = 3 599.960 s
            7500000000000: 2 h 5 min = 7 500 s
            86399999000000: 1 d = 86 399.999 s
            273600000000000: 3 d 4 h = 273 600 s
            -1500: -1.5 µs = -1.500 µs
            9223372036854775807: 106752 d = 9 223 372 036.854 775 807 s
            -9223372036854775808: -106752 d = -9 223 372 036.854 775 808 s
        "#]],
    );
}

#[test]
fn steps() {
    table(
        [
            -5,
            0,
            1,
            3,
            1_001,
            200_000_001,
            5 * S,
            6 * S,
            21 * S,
            31 * S,
            601 * S,
            3_601 * S,
            4 * 3_600 * S,
            13 * 3_600 * S,
            25 * 3_600 * S,
            100 * 86_400 * S,
        ],
        |ns| format!("{ns}: {}", duration(i64::try_from(nice_step(ns)).expect("short"))),
        expect![[r#"
            -5: 1 ns
            0: 1 ns
            1: 1 ns
            3: 5 ns
            1001: 2 µs
            200000001: 500 ms
            5000000000: 5 s
            6000000000: 10 s
            21000000000: 30 s
            31000000000: 1 min
            601000000000: 20 min
            3601000000000: 2 h
            14400000000000: 6 h
            46800000000000: 1 d
            90000000000000: 2 d
            8640000000000000: 100 d
        "#]],
    );
}

fn shown(begin: i128, end: i128, labels: AxisLabels) -> String {
    let axis = axis(begin, end, 6, labels);
    let texts: Vec<&str> = axis.ticks.iter().map(|t| t.short.as_str()).collect();
    let whole = axis.ticks.last().map_or("none", |t| t.label.as_str());
    format!("[{}] {}  (last: {whole})", axis.anchor.unwrap_or_default(), texts.join(" | "))
}

#[test]
fn axes_from_nanoseconds_to_months() {
    let at = BEGIN + 12_419_842_113;
    table(
        [5, 57, 1_000, 30_000, 2_000_000, 700_000_000, 5 * S, 50 * S, 600 * S, 86_400 * S, 40 * 86_400 * S],
        |len| {
            let since_begin = shown(at, at + len, AxisLabels::Offset { zero_ns: BEGIN });
            let of_day = shown(at, at + len, AxisLabels::TimeOfDay { utc_offset_s: 0 });
            format!("{len} ns\n  {since_begin}\n  {of_day}")
        },
        expect![[r#"
            5 ns
              [12.419 842 s] +113 ns | +114 ns | +115 ns | +116 ns | +117 ns | +118 ns  (last: 12.419 842 118 s)
              [00:00:10.919 842] +113 ns | +114 ns | +115 ns | +116 ns | +117 ns | +118 ns  (last: 00:00:10.919 842 118)
            57 ns
              [12.419 842 s] +120 ns | +130 ns | +140 ns | +150 ns | +160 ns | +170 ns  (last: 12.419 842 17 s)
              [00:00:10.919 842] +120 ns | +130 ns | +140 ns | +150 ns | +160 ns | +170 ns  (last: 00:00:10.919 842 17)
            1000 ns
              [12.419 842 s] +200 ns | +400 ns | +600 ns | +800 ns | +1 000 ns  (last: 12.419 843 0 s)
              [00:00:10.919 842] +200 ns | +400 ns | +600 ns | +800 ns | +1 000 ns  (last: 00:00:10.919 843 0)
            30000 ns
              [12.419 s] +850 µs | +860 µs | +870 µs  (last: 12.419 87 s)
              [00:00:10.919] +850 µs | +860 µs | +870 µs  (last: 00:00:10.919 87)
            2000000 ns
              [12.420 s] +0 µs | +500 µs | +1 000 µs | +1 500 µs  (last: 12.421 5 s)
              [00:00:10.920] +0 µs | +500 µs | +1 000 µs | +1 500 µs  (last: 00:00:10.921 5)
            700000000 ns
              [] 12.6 s | 12.8 s | 13.0 s  (last: 13.0 s)
              [] 00:00:11.0 | 00:00:11.2 | 00:00:11.4 | 00:00:11.6  (last: 00:00:11.6)
            5000000000 ns
              [] 13 s | 14 s | 15 s | 16 s | 17 s  (last: 17 s)
              [] 00:00:11 | 00:00:12 | 00:00:13 | 00:00:14 | 00:00:15  (last: 00:00:15)
            50000000000 ns
              [] 20 s | 30 s | 40 s | 50 s | 60 s  (last: 60 s)
              [] 00:00:20 | 00:00:30 | 00:00:40 | 00:00:50 | 00:01:00  (last: 00:01:00)
            600000000000 ns
              [] 2 min | 4 min | 6 min | 8 min | 10 min  (last: 10 min)
              [] 00:02 | 00:04 | 00:06 | 00:08 | 00:10  (last: 00:10)
            86400000000000 ns
              [] 6 h | 12 h | 18 h | 1 d  (last: 1 d)
              [] 2026-03-15 06:00 | 12:00 | 18:00 | 2026-03-16 00:00  (last: 2026-03-16 00:00)
            3456000000000000 ns
              [] 10 d | 20 d | 30 d | 40 d  (last: 40 d)
              [] 2026-03-18 | 2026-03-28 | 2026-04-07 | 2026-04-17  (last: 2026-04-17)
        "#]],
    );
}

#[test]
fn axes_at_midnight_and_before_the_begin() {
    table(
        [
            shown(BEGIN, BEGIN + 5 * S, AxisLabels::TimeOfDay { utc_offset_s: 0 }),
            shown(BEGIN, BEGIN + 5 * S, AxisLabels::TimeOfDay { utc_offset_s: -3_600 }),
            shown(BEGIN - 2 * S, BEGIN + 2 * S, AxisLabels::Offset { zero_ns: BEGIN }),
            shown(BEGIN - 1_000, BEGIN + 1_000, AxisLabels::Offset { zero_ns: BEGIN }),
            shown(BEGIN, BEGIN - 1, AxisLabels::Offset { zero_ns: BEGIN }),
        ],
        |line| line,
        expect![[r#"
            [] 2026-03-14 23:59:59 | 2026-03-15 00:00:00 | 00:00:01 | 00:00:02 | 00:00:03  (last: 2026-03-15 00:00:03)
            [] 22:59:59 | 23:00:00 | 23:00:01 | 23:00:02 | 23:00:03  (last: 23:00:03)
            [] -2 s | -1 s | 0 s | 1 s | 2 s  (last: 2 s)
            [-0.000 001 s] +0 ns | +500 ns | +1 000 ns | +1 500 ns | +2 000 ns  (last: 0.000 001 0 s)
            []   (last: none)
        "#]],
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(ns in 0..86_400 * S, after in any::<i64>()) {
        let midnight = base().at_time_of_day(0);
        prop_assert_eq!(parse_time(&time_of_day(midnight + ns, 0), &base()), Ok(midnight + ns));
        let after = i128::from(after);
        prop_assert_eq!(parse_time(&offset(after), &base()), Ok(BEGIN + after));
        prop_assert_eq!(parse_time(&(BEGIN + after).to_string(), &base()), Ok(BEGIN + after));
    }

    #[test]
    fn nothing_typed_as_a_time_makes_it_panic(text in "[-+0-9a-zµ:._ é]{0,20}") {
        if let Err(error) = parse_time(&text, &base()) {
            error.to_string();
        }
    }

    #[test]
    fn an_axis_keeps_its_promises(
        begin in any::<i64>(), span in 0..u64::MAX, shift in 0..64_u32, most in 0..40_usize, of_day in any::<bool>(),
    ) {
        let (begin, span) = (i128::from(begin), i128::from(span >> shift));
        let labels = if of_day {
            AxisLabels::TimeOfDay { utc_offset_s: 5_400 }
        } else {
            AxisLabels::Offset { zero_ns: BEGIN }
        };
        let axis = axis(begin, begin + span, most, labels);
        prop_assert!(axis.ticks.len() <= most);
        prop_assert!(axis.ticks.iter().all(|t| begin <= t.at_ns && t.at_ns <= begin + span));
        prop_assert!(axis.ticks.windows(2).all(|w| w[1].at_ns - w[0].at_ns == axis.step_ns));
        let labels: std::collections::BTreeSet<&str> = axis.ticks.iter().map(|t| t.label.as_str()).collect();
        prop_assert_eq!(labels.len(), axis.ticks.len());
    }

    #[test]
    fn a_rounded_duration_is_near(ns in 0..60_000_000_000_i64) {
        let text = duration(ns);
        let (number, unit) = text.split_once(' ').expect("a unit");
        let unit = match unit { "ns" => 1.0, "µs" => 1e3, "ms" => 1e6, "s" => 1e9, _ => 60e9 };
        let read = number.parse::<f64>().expect("a number") * unit;
        prop_assert!((read - ns as f64).abs() <= ns as f64 * 0.0006, "{} {}", ns, text);
    }
}
