//! The picture of a machine's CPU usage: threads in their colours, above them all others, on top what the host took.
//!
//! ```text
//!   stolen     what threads of a guest believed to have, and the host had given to others
//!   others     all other threads, and interrupts
//!   thread 2   what it really had
//!   thread 1
//! ```
//! Bands add up: nothing is drawn over anything else, and their heights are CPUs.

use egui::{Align2, Color32, Painter, Pos2, Rect, pos2, vec2};
use stratoscope_core::vocab::{Dur, RefNs, State, TimeRange};

use crate::window::joint::plot::{Area, gutter_lines, gutter_text};
use crate::window::joint::table::percent;
use crate::window::parts::line_ui;
use crate::window::stats::usage::{Chart, sum};
use crate::window::theme::Theme;
use crate::window::timeline::mesh::Painting;

/// The colour of all threads that are not drawn by themselves, and of interrupts.
pub fn others(theme: &Theme) -> Color32 {
    theme.others
}

/// The colour of the n-th thread of a machine.
pub fn band(theme: &Theme, n: usize) -> Color32 {
    let colors = &theme.bands;
    colors.get(n % colors.len().max(1)).copied().unwrap_or(theme.accent)
}

/// The colour of what the host took.
pub fn stolen(theme: &Theme) -> Color32 {
    theme.state(State::PreemptedByHost).color
}

/// Time of which nobody knows is no band but stripes: it may be any of the others.
fn unknown(painting: &mut Painting, rect: Rect, theme: &Theme) {
    const PERIOD: f32 = 6.0;
    let color = Theme::mix(theme.ground, theme.state(State::Unknown).color, 0.4);
    if rect.width() < PERIOD {
        // Stripes cut so short would only be noise.
        painting.rect(rect, Theme::mix(theme.ground, color, 0.4));
    } else {
        painting.stripes(rect, 0.0, PERIOD, 1.0, color);
    }
}

/// A square of that look.
pub fn unknown_swatch(painter: &Painter, center: Pos2, theme: &Theme) {
    let square = Rect::from_center_size(center, vec2(10.0, 10.0));
    let mut painting = Painting::default();
    unknown(&mut painting, square, theme);
    painting.frame(square, 1.0, Theme::mix(theme.ground, theme.secondary, 0.5));
    painter.add(egui::Shape::mesh(painting.mesh));
}

/// How high each band of a column is, in CPUs, from the bottom up: threads, others, stolen, unknown.
pub fn heights(chart: &Chart, n: usize, out: &mut Vec<f32>) {
    out.clear();
    let Some(length) = chart.lengths.get(n).filter(|l| l.0 > 0) else { return };
    let at = |columns: &[Dur]| columns.get(n).map_or(0, |t| t.0);
    let taken = |stolen: &Option<Vec<Dur>>| stolen.as_deref().map_or(0, at);
    let all = at(&chart.all.used);
    // Clocks are mapped between machines to the nanosecond: parts never exceed the whole.
    let stolen = taken(&chart.all.stolen).min(all);
    let mut left = all - stolen;
    let height = |ns: i64| (ns as f64 / length.0 as f64) as f32;
    for band in &chart.bands {
        let real = (at(&band.columns.used) - taken(&band.columns.stolen)).clamp(0, left);
        left -= real;
        out.push(height(real));
    }
    out.extend([left, stolen, at(&chart.all.unknown)].map(height));
}

/// Paints the bands of a chart that was counted over `of`: where they belong, also while those of a newer window are
/// still being counted.
pub fn paint(painter: &Painter, area: &Area, theme: &Theme, chart: &Chart, of: TimeRange<RefNs>) {
    let columns = chart.lengths.len();
    let edge = |n: usize| {
        let ns = of.length().0 as i128 * n as i128 / columns.max(1) as i128;
        area.scale.x(of.begin + Dur(i64::try_from(ns).unwrap_or(i64::MAX)))
    };
    let mut colors: Vec<Color32> = (0..chart.bands.len()).map(|n| band(theme, n)).collect();
    colors.extend([others(theme), stolen(theme), Color32::TRANSPARENT]);
    let loud = chart.bands.len() + 1;
    let pixel = 1.0 / painter.pixels_per_point();
    let mut painting = Painting::default();
    let (mut now, mut next) = (Vec::new(), Vec::new());
    let mut n = 0;
    heights(chart, 0, &mut now);
    while n < columns {
        let first = n;
        // Neighbours of one height are one rectangle.
        loop {
            n += 1;
            if n >= columns {
                next.clear();
                break;
            }
            heights(chart, n, &mut next);
            if next != now {
                break;
            }
        }
        let (x0, x1) = (edge(first), edge(n).max(edge(first) + pixel));
        let mut below = 0.0;
        for (k, (height, color)) in now.iter().zip(&colors).enumerate() {
            if *height <= 0.0 {
                continue;
            }
            let (bottom, mut top) = (area.at(below), area.at(below + f64::from(*height)));
            if k == loud || (below == 0.0 && k < loud) {
                // Something is never drawn as nothing.
                top = top.min(bottom - pixel);
            }
            let rect = Rect::from_min_max(pos2(x0, top), pos2(x1, bottom));
            if k > loud {
                unknown(&mut painting, rect, theme);
            } else {
                painting.rect(rect, *color);
            }
            below += f64::from(*height);
        }
        std::mem::swap(&mut now, &mut next);
    }
    painter.add(egui::Shape::mesh(painting.mesh));
}

/// The names beside a chart: the machine, what it used, and each thread with its colour.
pub fn gutter(painter: &Painter, area: &Area, theme: &Theme, chart: &Chart) {
    let stripe = Rect::from_min_max(
        area.gutter.min + vec2(3.0, 6.0),
        pos2(area.gutter.left() + 6.0, area.gutter.bottom() - 6.0),
    );
    painter.rect_filled(stripe, 1.0, theme.machine(chart.machine));
    let small = Theme::small_font;
    let used = share_words(chart, sum(&chart.all.used), None);
    let about = [&*used];
    gutter_text(painter, area, theme, &chart.name, &about);
    let threads = chart.bands.iter().enumerate().map(|(n, of)| (&*of.name, band(theme, n), sum(&of.columns.used)));
    // Of what threads used part was not theirs in truth: without that number theirs are more than the picture shows.
    let taken = chart.all.stolen.as_deref().map(sum).filter(|time| time.0 > 0);
    let taken = taken.map(|time| ("stolen of that", stolen(theme), time));
    for ((name, color, time), line) in threads.chain(taken).zip(gutter_lines(area).skip(1 + about.len())) {
        swatch(painter, pos2(line.left() + 5.0, line.center().y), color);
        let mut text = line;
        text.min.x += 16.0;
        let share = percent(chart.cpus_in(time, None));
        let galley = painter.layout_no_wrap(share, small(), theme.secondary);
        // Where both do not fit the name comes first: the table says the share as well.
        if galley.size().x < text.width() * 0.45 {
            let at = pos2(text.right() - galley.size().x, text.center().y - galley.size().y / 2.0);
            text.max.x = at.x - 6.0;
            painter.galley(at, galley, theme.secondary);
        }
        line_ui(painter, text, Align2::LEFT_CENTER, name, small(), theme.text);
    }
}

/// A square of a band's colour.
pub fn swatch(painter: &Painter, center: Pos2, color: Color32) {
    painter.rect_filled(Rect::from_center_size(center, vec2(10.0, 10.0)), 2.0, color);
}

/// What a time is of all CPUs, in words: `37.5 % of 4 CPUs`.
pub fn share_words(chart: &Chart, time: Dur, column: Option<usize>) -> String {
    let share = percent(chart.cpus_in(time, column) / chart.cpus.max(1) as f64);
    match chart.cpus {
        1 => format!("{share} of 1 CPU"),
        n => format!("{share} of {n} CPUs"),
    }
}

/// What a chart says at one of its columns: a line for all, one for what was stolen, one a thread.
pub fn words_at(chart: &Chart, n: usize) -> Vec<String> {
    let at = |columns: &[Dur]| columns.get(n).copied().unwrap_or_default();
    let mut lines = vec![format!("{}: {} used", chart.name, share_words(chart, at(&chart.all.used), Some(n)))];
    let mut part = |time: Dur, what: &str| {
        if time.0 > 0 {
            lines.push(format!("{} {what}", percent(chart.cpus_in(time, Some(n)) / chart.cpus.max(1) as f64)));
        }
    };
    part(chart.all.stolen.as_deref().map_or(Dur(0), at), "of that stolen by the host");
    part(at(&chart.all.unknown), "not known");
    for band in &chart.bands {
        let used = at(&band.columns.used);
        let stolen = band.columns.stolen.as_deref().map_or(Dur(0), at);
        let mut text = format!("{}: {} of a CPU", band.name, percent(chart.cpus_in(used, Some(n))));
        if stolen.0 > 0 {
            text.push_str(&format!(", {} of it stolen", percent(stolen.0 as f64 / used.0.max(1) as f64)));
        }
        lines.push(text);
    }
    lines
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::Cancel;

    use super::*;
    use crate::window::joint::fake;
    use crate::window::stats::usage::{Chosen, charts};

    #[test]
    fn bands_add_up_to_what_was_used() {
        let facts = fake::fighting();
        let window = TimeRange::new(RefNs(0), RefNs(40_000_000));
        let charts = charts(&facts, window, 40, &Chosen::default(), &Cancel::default());
        let mut bands = Vec::new();
        for chart in &charts {
            for n in 0..40 {
                heights(chart, n, &mut bands);
                assert_eq!(bands.len(), chart.bands.len() + 3);
                let all = bands.iter().sum::<f32>();
                let used = chart.cpus_in(chart.all.used[n] + chart.all.unknown[n], Some(n)) as f32;
                assert!((all - used).abs() < 1e-5, "{} {n}: {bands:?}", chart.name);
            }
        }
        // guest-a's task from 10 ms to 18 ms: it believes to run, and has nothing.
        heights(&charts[1], 12, &mut bands);
        assert_eq!(bands, [0.0, 0.0, 1.0, 0.0]);
        heights(&charts[1], 20, &mut bands);
        assert_eq!(bands, [1.0, 0.0, 0.0, 0.0]);
        let said = words_at(&charts[1], 12);
        assert_eq!(
            said,
            [
                "guest-a: 100.0 % of 1 CPU used",
                "100.0 % of that stolen by the host",
                "critical 219: 100.0 % of a CPU, 100.0 % of it stolen",
            ]
        );
    }
}
