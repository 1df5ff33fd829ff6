//! Instants and lengths for people.

use super::{NS_PER_DAY, NS_PER_S};

/// The time of day of an instant with all its digits: `12:34:56.789 012 345`.
pub fn time_of_day(printed_ns: i128, utc_offset_s: i32) -> String {
    clock(printed_ns, utc_offset_s, 9)
}

/// The time of day, cut to so many digits after the second: digits may be lost, but are not rounded.
pub(super) fn clock(printed_ns: i128, utc_offset_s: i32, decimals: usize) -> String {
    let ns = wall(printed_ns, utc_offset_s).rem_euclid(NS_PER_DAY);
    let (s, part) = (ns / NS_PER_S, ns % NS_PER_S);
    format!("{:02}:{:02}:{:02}{}", s / 3600, s / 60 % 60, s % 60, fraction(part, decimals))
}

/// What a clock on the wall says, in nanoseconds.
pub(super) fn wall(printed_ns: i128, utc_offset_s: i32) -> i128 {
    printed_ns.saturating_add(i128::from(utc_offset_s) * NS_PER_S)
}

/// The day of an instant: `2026-03-14`.
pub fn date(printed_ns: i128, utc_offset_s: i32) -> String {
    // Days since 0000-03-01: with the leap day last, months have the same lengths in every year.
    const DAYS_TO_1970: i128 = 719_468;
    const DAYS_IN_400_YEARS: i128 = 146_097;
    let days = wall(printed_ns, utc_offset_s).div_euclid(NS_PER_DAY) + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_IN_400_YEARS);
    let day = days.rem_euclid(DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

/// A distance from the begin, in seconds with a sign and as many groups of digits as it has, but at least
/// milliseconds: `+1.234 567 s`.
pub fn offset(ns: i128) -> String {
    let sign = if ns < 0 { '-' } else { '+' };
    let ns = ns.unsigned_abs();
    let part = i128::try_from(ns % NS_PER_S.unsigned_abs()).unwrap_or_default();
    let decimals = match part {
        part if part % 1_000_000 == 0 => 3,
        part if part % 1_000 == 0 => 6,
        _ => 9,
    };
    format!("{sign}{}{} s", group_digits(ns / NS_PER_S.unsigned_abs()), fraction(part, decimals))
}

/// The digits of `part_ns`, a part of a second, behind a point and in groups of three.
pub(super) fn fraction(part_ns: i128, decimals: usize) -> String {
    let mut out = String::new();
    for (n, digit) in format!("{part_ns:09}").chars().take(decimals).enumerate() {
        match n {
            0 => out.push('.'),
            n if n.is_multiple_of(3) => out.push(' '),
            _ => {}
        }
        out.push(digit);
    }
    out
}

/// An integer in groups of three digits: `20 000`.
pub fn group_digits(n: u128) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;
const MIN: u64 = 60 * S;

/// A length in the unit that fits, rounded to four digits: `57 ns`, `7.981 ms`, `23.1 ms`, `1 min 23.4 s`,
/// `2 h 5 min`, `3 d 4 h`.
pub fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", rounded(ns.unsigned_abs()))
}

fn rounded(ns: u64) -> String {
    if ns < US {
        return format!("{ns} ns");
    }
    for (unit, name, limit) in [(US, "µs", 1_000), (MS, "ms", 1_000), (S, "s", 60)] {
        let whole_digits = (ns / unit).checked_ilog10().map_or(1, |log| log + 1);
        let decimals = 4_u32.saturating_sub(whole_digits).min(3);
        let place = 10_u64.pow(decimals);
        let n = divide(ns, unit / place);
        // Rounding may lead to the next unit: 999.96 µs is 1 ms.
        if n < limit * place {
            return format!("{} {name}", decimal(n, place));
        }
    }
    let tenths = divide(ns, S / 10);
    if tenths < 36_000 {
        return two(tenths / 600, "min", &decimal(tenths % 600, 10), "s");
    }
    let minutes = divide(ns, MIN);
    if minutes < 24 * 60 {
        return two(minutes / 60, "h", &(minutes % 60).to_string(), "min");
    }
    let hours = divide(ns, 60 * MIN);
    two(hours / 24, "d", &(hours % 24).to_string(), "h")
}

/// Rounded to the nearest, halves up.
fn divide(ns: u64, by: u64) -> u64 {
    ns / by + u64::from(ns % by >= by.div_ceil(2))
}

/// `n / place` without zeros at its end.
fn decimal(n: u64, place: u64) -> String {
    if n.is_multiple_of(place) {
        return (n / place).to_string();
    }
    let width = place.ilog10() as usize;
    let part = format!("{:0width$}", n % place);
    format!("{}.{}", n / place, part.trim_end_matches('0'))
}

fn two(large: u64, large_unit: &str, small: &str, small_unit: &str) -> String {
    if small == "0" { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
}

/// A length with all its digits, in groups: `57 ns`, `7.981 024 ms`, `83.400 000 001 s`.
pub fn duration_exact(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let (unit, name) = match ns {
        0..US => (1, "ns"),
        US..MS => (US, "µs"),
        MS..S => (MS, "ms"),
        _ => (S, "s"),
    };
    let mut part = String::new();
    let mut rest = ns % unit;
    let mut place = unit;
    while rest > 0 {
        place /= 1_000;
        part.push(if part.is_empty() { '.' } else { ' ' });
        part.push_str(&format!("{:03}", rest / place));
        rest %= place;
    }
    format!("{sign}{}{part} {name}", group_digits(u128::from(ns / unit)))
}
