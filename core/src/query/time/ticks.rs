//! Where a time axis has its marks, and what stands beside them.

use super::format::{clock, date, fraction, group_digits, wall};
use super::{NS_PER_DAY, NS_PER_S};

/// What the labels of an axis say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisLabels {
    /// The distance from an instant: the experiment's begin.
    Offset {
        /// That instant, as it is printed.
        zero_ns: i128,
    },
    /// The time of day, with the date where more than one day is in view.
    TimeOfDay {
        /// How far the clock on the wall is ahead of UTC, in seconds.
        utc_offset_s: i32,
    },
}

/// A mark of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where, as it is printed.
    pub at_ns: i128,
    /// The whole text, with as many digits as tell it from its neighbours: `12.419 842 120 s`.
    pub label: String,
    /// What is enough beside the other marks: the distance from the axis' anchor (`+120 ns`), or the time of
    /// day without the date that an earlier mark already told. Else the whole text.
    pub short: String,
}

/// The marks of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    /// Distance of two marks.
    pub step_ns: i128,
    /// The instant from which the short labels count, to be written once at the axis' begin. Axes with marks of
    /// a millisecond and more need none.
    pub anchor: Option<String>,
    /// The marks in order of time.
    pub ticks: Vec<Tick>,
}

/// The smallest step of at least that length that people can count in: 1, 2 or 5 times a power of ten up to
/// seconds and from days on, and the usual parts of minutes, hours and days between.
pub fn nice_step(at_least_ns: i128) -> i128 {
    const MIN: i128 = 60 * NS_PER_S;
    const HOUR: i128 = 60 * MIN;
    const BETWEEN: &[i128] = &[
        10 * NS_PER_S,
        20 * NS_PER_S,
        30 * NS_PER_S,
        MIN,
        2 * MIN,
        5 * MIN,
        10 * MIN,
        20 * MIN,
        30 * MIN,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        NS_PER_DAY,
    ];
    let decimal = |unit: i128| {
        let mut power = unit;
        loop {
            for factor in [1, 2, 5] {
                let step = power.saturating_mul(factor);
                if step >= at_least_ns {
                    return step;
                }
            }
            power = power.saturating_mul(10);
        }
    };
    if at_least_ns <= 5 * NS_PER_S {
        return decimal(1);
    }
    BETWEEN.iter().copied().find(|step| *step >= at_least_ns).unwrap_or_else(|| decimal(NS_PER_DAY))
}

/// The axis of the instants from `begin_ns` to `end_ns`, both included, with at most `most` marks.
pub fn axis(begin_ns: i128, end_ns: i128, most: usize, labels: AxisLabels) -> Axis {
    // Nobody can read more marks, and a mistake of a caller must not fill the memory.
    const MOST: usize = 1_000;
    let most = i128::try_from(most.min(MOST)).unwrap_or_default();
    if end_ns < begin_ns || most == 0 {
        return Axis::default();
    }
    let span = end_ns.saturating_sub(begin_ns);
    // Steps of at least span / most, rounded up, hit a stretch at most `most + 1` times; of a little more, `most`.
    let step = nice_step(span / most + 1);
    let zero = match labels {
        AxisLabels::Offset { zero_ns } => zero_ns,
        AxisLabels::TimeOfDay { utc_offset_s } => -wall(0, utc_offset_s),
    };
    let first = begin_ns.saturating_add(zero.saturating_sub(begin_ns).rem_euclid(step));
    let mut at = Vec::new();
    let mut next = first;
    while next <= end_ns {
        at.push(next);
        match next.checked_add(step) {
            Some(after) => next = after,
            None => break,
        }
    }
    let writer = Writer { labels, zero, has_days: has_days(begin_ns, end_ns, step, labels) };
    let anchor = at.first().and_then(|first| Anchor::before(*first, zero, step));
    let mut last_day = None;
    let ticks = at.into_iter().map(|at_ns| {
        let label = writer.label(at_ns, step);
        let short = match &anchor {
            Some(anchor) => anchor.distance(at_ns),
            None => match writer.day(at_ns) {
                Some(day) if last_day.replace(day) == Some(day) && step % NS_PER_DAY != 0 => {
                    Writer { has_days: false, ..writer }.label(at_ns, step)
                }
                _ => label.clone(),
            },
        };
        Tick { at_ns, label, short }
    });
    let ticks = ticks.collect();
    Axis { step_ns: step, anchor: anchor.map(|a| writer.label(a.at_ns, a.unit_ns)), ticks }
}

/// A round instant shortly before the first mark.
struct Anchor {
    at_ns: i128,
    /// What it is a multiple of.
    unit_ns: i128,
}

impl Anchor {
    fn before(first_ns: i128, zero_ns: i128, step_ns: i128) -> Option<Self> {
        let unit_ns = match step_ns {
            ..1_000 => 1_000,
            1_000..1_000_000 => 1_000_000,
            _ => return None,
        };
        let past = first_ns.saturating_sub(zero_ns).rem_euclid(unit_ns);
        Some(Self { at_ns: first_ns - past, unit_ns })
    }

    fn distance(&self, at_ns: i128) -> String {
        let (unit, name) = if self.unit_ns == 1_000 { (1, "ns") } else { (1_000, "µs") };
        format!("+{} {name}", group_digits((at_ns - self.at_ns).unsigned_abs() / unit))
    }
}

fn has_days(begin_ns: i128, end_ns: i128, step_ns: i128, labels: AxisLabels) -> bool {
    match labels {
        AxisLabels::Offset { .. } => false,
        AxisLabels::TimeOfDay { utc_offset_s } => {
            let day = |t: i128| wall(t, utc_offset_s).div_euclid(NS_PER_DAY);
            step_ns >= NS_PER_DAY || day(begin_ns) != day(end_ns)
        }
    }
}

#[derive(Clone, Copy)]
struct Writer {
    labels: AxisLabels,
    zero: i128,
    has_days: bool,
}

impl Writer {
    /// The label of an instant among those that are so far apart.
    fn label(&self, t_ns: i128, apart_ns: i128) -> String {
        match self.labels {
            AxisLabels::Offset { .. } => offset_label(t_ns.saturating_sub(self.zero), apart_ns),
            AxisLabels::TimeOfDay { utc_offset_s } => day_label(t_ns, utc_offset_s, apart_ns, self.has_days),
        }
    }

    fn day(&self, t_ns: i128) -> Option<i128> {
        match self.labels {
            AxisLabels::TimeOfDay { utc_offset_s } if self.has_days => {
                Some(wall(t_ns, utc_offset_s).div_euclid(NS_PER_DAY))
            }
            _ => None,
        }
    }
}

/// How many digits after the second tell marks of that distance apart.
fn decimals(step_ns: i128) -> usize {
    let mut digits = 9;
    let mut place = 10;
    while digits > 0 && step_ns % place == 0 {
        digits -= 1;
        place *= 10;
    }
    digits
}

fn offset_label(ns: i128, step_ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = i128::try_from(ns.unsigned_abs()).unwrap_or(i128::MAX);
    let s = ns / NS_PER_S;
    if step_ns % (60 * NS_PER_S) != 0 {
        let whole = group_digits(s.unsigned_abs());
        return format!("{sign}{whole}{} s", fraction(ns % NS_PER_S, decimals(step_ns)));
    }
    let parts = [(s / 86_400, "d"), (s / 3_600 % 24, "h"), (s / 60 % 60, "min")];
    let texts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if texts.is_empty() { "0".to_owned() } else { format!("{sign}{}", texts.join(" ")) }
}

fn day_label(t_ns: i128, utc_offset_s: i32, step_ns: i128, has_days: bool) -> String {
    let day = if has_days { date(t_ns, utc_offset_s) } else { String::new() };
    if step_ns % NS_PER_DAY == 0 {
        return day;
    }
    let text = clock(t_ns, utc_offset_s, decimals(step_ns));
    // Seconds say nothing if marks are whole minutes apart.
    let text = if step_ns % (60 * NS_PER_S) == 0 { text.get(..5).unwrap_or(&text) } else { &text };
    if has_days { format!("{day} {text}") } else { text.to_owned() }
}
