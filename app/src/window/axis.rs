//! The time axis: from instants to pixels and back, ticks at round instants, and how instants are written.
//!
//! Labels below a second are relative to a base that is written at the axis' left end: the base is a round
//! instant before the window, so that labels move with the picture and do not change while it moves.

use egui::{Color32, CursorIcon, Painter, Pos2, Rect, Sense, Stroke, Ui, WidgetInfo, accesskit::Role, pos2, vec2};
use stratoscope_core::query::time;
use stratoscope_core::vocab::{Dur, RefNs, TimeRange};

use crate::window::own::axis_marks::{Mark, mark_at, sign};
use crate::window::theme::{Sizes, Theme};
use crate::window::view::TimeFormat;

/// From instants to pixels and back, over one stretch of the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeScale {
    /// What is shown.
    pub window: TimeRange<RefNs>,
    /// Left end in points.
    pub left: f32,
    /// Width in points.
    pub width: f32,
}

impl TimeScale {
    /// `window`, shown over the width of `rect`.
    pub fn new(window: TimeRange<RefNs>, rect: Rect) -> Self {
        Self { window, left: rect.left(), width: rect.width().max(1.0) }
    }

    /// Nanoseconds in a point.
    pub fn ns_per_point(&self) -> f64 {
        self.window.length().0.max(1) as f64 / f64::from(self.width)
    }

    /// Where an instant is. Instants far outside are put just outside.
    pub fn x(&self, t: RefNs) -> f32 {
        let points = (t - self.window.begin).0 as f64 / self.ns_per_point();
        self.left + points.clamp(-1e5, 1e5) as f32
    }

    /// The instant at a place.
    pub fn t(&self, x: f32) -> RefNs {
        self.window.begin + self.length(x - self.left)
    }

    /// How long `points` are.
    pub fn length(&self, points: f32) -> Dur {
        Dur((f64::from(points) * self.ns_per_point()).round() as i64)
    }

    /// The part of `range` that is shown, in points; `None` if it lies outside.
    pub fn span(&self, range: TimeRange<RefNs>) -> Option<(f32, f32)> {
        if range.end < self.window.begin || range.begin > self.window.end {
            return None;
        }
        Some((self.x(range.begin).max(self.left), self.x(range.end).min(self.left + self.width)))
    }
}

/// How instants are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Nanoseconds since 1970 of the reference axis' zero.
    pub origin_ns: i128,
    /// Whether that is a date.
    pub dated: bool,
    /// The begin of the experiment.
    pub zero: RefNs,
    /// What the user wants.
    pub format: TimeFormat,
}

const NS_PER_DAY: i128 = 86_400 * 1_000_000_000;

impl Clock {
    /// Nanoseconds since that which is counted from: midnight, the origin of a clock without dates, the begin.
    fn since_base(&self, t: RefNs) -> i128 {
        match self.format {
            TimeFormat::Relative => i128::from(t.0) - i128::from(self.zero.0),
            TimeFormat::Clock if self.dated => (i128::from(t.0) + self.origin_ns).rem_euclid(NS_PER_DAY),
            TimeFormat::Clock => i128::from(t.0) + self.origin_ns,
        }
    }

    fn by_hours(&self) -> bool {
        self.dated && self.format == TimeFormat::Clock
    }

    /// An instant to the nanosecond: `22:08:21.201 439 117`, or `12.201 439 117 s`.
    pub fn instant(&self, t: RefNs) -> String {
        self.instant_to(t, 1)
    }

    /// An instant to that many nanoseconds (a power of ten), digits in groups of three.
    pub fn instant_to(&self, t: RefNs, unit_ns: i64) -> String {
        let ns = self.since_base(t);
        let (sign, ns) = (if ns < 0 { "−" } else { "" }, ns.unsigned_abs());
        let seconds = ns / 1_000_000_000;
        let mut text = if self.by_hours() {
            format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        } else {
            format!("{sign}{seconds}")
        };
        let fraction = format!("{:09}", ns % 1_000_000_000);
        for (group, unit) in [(0, 1_000_000), (1, 1_000), (2, 1)] {
            // A group is written if the unit is finer than what stands before it.
            if unit_ns < unit * 1000 {
                text.push(if group == 0 { '.' } else { ' ' });
                text.push_str(&fraction[3 * group..3 * group + 3]);
            }
        }
        if !self.by_hours() {
            text.push_str(" s");
        }
        text
    }

    /// The last multiple of `unit_ns` (of what instants are counted from) at or before `t`.
    fn floor(&self, t: RefNs, unit_ns: i64) -> RefNs {
        let over = self.since_base(t).rem_euclid(i128::from(unit_ns.max(1)));
        t - Dur(i64::try_from(over).unwrap_or(0))
    }
}

/// A duration with four digits at most and a unit: `8.03 ms`.
pub fn duration(d: Dur) -> String {
    time::duration(d.0)
}

/// The smallest nice step of at least `ns`.
fn nice_step(ns: f64) -> i64 {
    i64::try_from(time::nice_step(ns.ceil() as i128)).unwrap_or(i64::MAX)
}

/// Where the ticks of a window are, and what they say.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticks {
    /// Nanoseconds from one to the next.
    pub step: i64,
    /// What labels are relative to; `None`: they are absolute.
    pub base: Option<RefNs>,
    /// Instants.
    pub at: Vec<RefNs>,
}

/// Points between two ticks at least.
const TICK_GAP: f32 = 84.0;

impl Ticks {
    /// The ticks of a scale.
    pub fn of(scale: &TimeScale, clock: &Clock) -> Self {
        let step = nice_step(scale.ns_per_point() * f64::from(TICK_GAP));
        // A round instant before the window, ten ticks apart at least, so that labels stay short.
        let base = (step < 1_000_000_000).then(|| {
            let mut unit = 1_000;
            while unit < step * 10 || unit < scale.window.length().0 {
                unit *= 10;
            }
            clock.floor(scale.window.begin, unit.min(1_000_000_000))
        });
        let first = clock.floor(scale.window.begin, step);
        let mut at = Vec::new();
        let mut t = first;
        while t <= scale.window.end && at.len() < 1000 {
            if t >= scale.window.begin {
                at.push(t);
            }
            t = t + Dur(step);
        }
        Self { step, base, at }
    }

    /// What the tick at `t` says.
    pub fn label(&self, t: RefNs, clock: &Clock) -> String {
        let Some(base) = self.base else { return clock.instant_to(t, 1_000_000_000) };
        let d = (t - base).0;
        if self.step >= 100_000_000 {
            return format!("+{}.{} s", d / 1_000_000_000, d / 100_000_000 % 10);
        }
        let (scale, unit) = match self.step {
            ..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        format!("+{} {unit}", d / scale)
    }
}

/// What the axis was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AxisAction {
    /// Select this range; its ends are not snapped yet.
    Select(TimeRange<RefNs>),
    /// Show everything.
    ShowAll,
    /// Select a bookmark's time, as it is.
    Go(TimeRange<RefNs>),
}

/// What an axis shows besides ticks.
pub struct AxisMarks<'a> {
    /// Selected instant or range.
    pub selection: Option<TimeRange<RefNs>>,
    /// The instant under the pointer, in whichever pane.
    pub hover: Option<RefNs>,
    /// Ranges of which something is missing.
    pub lost: &'a [TimeRange<RefNs>],
    /// Bookmarks and markers.
    pub marks: &'a [Mark],
}

/// Draws an axis over `rect` and takes drags (a range) and double clicks (the whole).
/// `from` remembers where a drag began, between frames.
#[expect(clippy::too_many_arguments, reason = "an axis is drawn from all of these, once")]
pub fn axis_ui(
    ui: &Ui,
    rect: Rect,
    id: egui::Id,
    scale: &TimeScale,
    clock: &Clock,
    theme: &Theme,
    marks: &AxisMarks<'_>,
    from: &mut Option<RefNs>,
) -> Option<AxisAction> {
    let response = ui.interact(rect, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::ResizeHorizontal);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Canvas, true, "Time axis");
        info.current_text_value =
            Some(format!("{} to {}", clock.instant(scale.window.begin), clock.instant(scale.window.end)));
        info
    });
    let near = response.hover_pos().and_then(|pos| mark_at(marks.marks, scale, pos.x));
    let response = match near {
        Some(mark) => response.on_hover_text_at_pointer(&mark.hint),
        None => response,
    };
    let painter = ui.painter_at(rect);
    paint(&painter, rect, scale, clock, theme, marks);

    if response.double_clicked() {
        return Some(AxisAction::ShowAll);
    }
    if response.clicked()
        && let Some(mark) = near
    {
        return Some(AxisAction::Go(mark.range));
    }
    if response.drag_started() {
        *from = ui.input(|i| i.pointer.press_origin()).map(|p| scale.t(p.x));
    }
    if let (Some(t0), Some(pos), true) =
        (*from, response.interact_pointer_pos(), response.dragged() || response.drag_stopped())
    {
        let t1 = scale.t(pos.x.clamp(rect.left(), rect.right()));
        if response.drag_stopped() {
            *from = None;
        }
        return Some(AxisAction::Select(TimeRange::new(t0.min(t1), t0.max(t1))));
    }
    None
}

fn paint(painter: &Painter, rect: Rect, scale: &TimeScale, clock: &Clock, theme: &Theme, marks: &AxisMarks<'_>) {
    let ticks = Ticks::of(scale, clock);
    let font = Theme::small_font();
    let y = rect.center().y;
    // What stands where: labels that would overlap others move aside or are left out.
    let mut places = Places { left: rect.left() + 4.0, right: rect.right() - 2.0, taken: Vec::new() };
    let base = ticks.base.and_then(|base| {
        // The base is as exact as it is round: what follows it is zeros.
        let text = clock.instant_to(base, base_unit(base, clock));
        let galley = painter.layout_no_wrap(text, font.clone(), theme.text);
        let x = places.put(places.left, galley.size().x)?;
        Some((Rect::from_min_size(pos2(x, y - galley.size().y / 2.0), galley.size()), galley))
    });
    if let Some(selection) = marks.selection {
        let after = base.as_ref().map_or(rect.left(), |(place, _)| place.right() + Places::GAP + 1.0);
        paint_selection(painter, rect, scale, theme, selection, after, &mut places);
    }
    if let Some((place, galley)) = base {
        // The line at a selection's end must not strike it out.
        if marks.selection.is_some_and(|s| [s.begin, s.end].iter().any(|t| place.x_range().contains(scale.x(*t)))) {
            painter.rect_filled(place.expand2(vec2(2.0, 0.0)), 2.0, theme.ground);
        }
        painter.galley(place.min, galley, theme.text);
    }
    paint_marks(painter, rect, scale, theme, marks.marks, &mut places);
    let mut labels = 0;
    for t in &ticks.at {
        let x = snap(painter, scale.x(*t));
        painter.vline(x, (rect.bottom() - 4.0)..=rect.bottom(), Stroke::new(1.0, theme.line));
        let galley = painter.layout_no_wrap(ticks.label(*t, clock), font.clone(), theme.secondary);
        if let Some(left) = places.put(x - galley.size().x / 2.0, galley.size().x) {
            labels += 1;
            painter.galley(pos2(left, y - galley.size().y / 2.0), galley, theme.secondary);
        }
    }
    if labels == 0 && ticks.base.is_none() {
        // So narrow that no label fits below its tick: one moves to where it fits, else nobody knows when this is.
        let label = |t: RefNs| (scale.x(t), ticks.label(t, clock));
        let middle = rect.center().x;
        let nearest = ticks.at.iter().min_by_key(|t| (scale.x(**t) - middle).abs() as i64);
        let (x, text) = nearest.map_or((rect.left(), clock.instant_to(scale.window.begin, 1_000_000)), |t| label(*t));
        let galley = painter.layout_no_wrap(text, font, theme.secondary);
        let most = (places.right - galley.size().x).max(places.left);
        if let Some(left) = places.put((x - galley.size().x / 2.0).clamp(places.left, most), galley.size().x) {
            painter.galley(pos2(left, y - galley.size().y / 2.0), galley, theme.secondary);
        }
    }
    for lost in marks.lost {
        if let Some((x0, x1)) = scale.span(*lost) {
            let bar = Rect::from_min_max(pos2(x0, rect.bottom() - 3.0), pos2(x1.max(x0 + 2.0), rect.bottom()));
            painter.rect_filled(bar, 0.0, theme.alarm);
        }
    }
    if let Some(t) = marks.hover {
        let x = snap(painter, scale.x(t));
        painter.vline(x, rect.y_range(), Stroke::new(1.0, Theme::mix(theme.ground, theme.text, 0.7)));
    }
}

/// Bookmarks with as much of their texts as there is room for, markers, and how far those are apart.
fn paint_marks(painter: &Painter, rect: Rect, scale: &TimeScale, theme: &Theme, marks: &[Mark], places: &mut Places) {
    let markers: Vec<&Mark> = marks.iter().filter(|m| m.bookmark.is_none()).collect();
    if let [a, b] = markers.as_slice() {
        let between = TimeRange::new(a.range.begin, b.range.begin);
        if let Some((x0, x1)) = scale.span(between).filter(|_| between.begin < between.end) {
            let y = rect.top() + 2.5;
            painter.hline(x0..=x1, y, Stroke::new(1.0, theme.text));
            let text = format!("A–B {}", duration(between.length()));
            let galley = painter.layout_no_wrap(text, Theme::small_font(), theme.text);
            let width = galley.size().x;
            let lefts = [(x0 + x1 - width) / 2.0, x1 + 8.0, x0 - 8.0 - width];
            if let Some(x) = places.put_one_of(&lefts, width) {
                painter.galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, theme.text);
            }
        }
    }
    for mark in marks {
        sign(painter, rect, scale, mark, theme);
        let x = scale.x(mark.range.begin);
        if mark.bookmark.is_none() || !rect.x_range().contains(x) {
            places.taken.push((x - 5.0, x + 6.0));
            continue;
        }
        places.taken.push((x, x));
        let mut text: String = mark.text.chars().take(MARK_TEXT).collect();
        if text.len() < mark.text.len() {
            text.push('…');
        }
        let galley = painter.layout_no_wrap(text, Theme::small_font(), theme.good);
        if let Some(left) = places.put(x + Places::GAP + 4.0, galley.size().x) {
            painter.galley(pos2(left, rect.center().y - galley.size().y / 2.0), galley, theme.good);
        }
    }
}

/// As many characters of a bookmark's text stand on the axis; all of it is told to the pointer.
const MARK_TEXT: usize = 24;

/// The finest group of digits of an instant that is not zero.
fn base_unit(t: RefNs, clock: &Clock) -> i64 {
    let ns = clock.since_base(t);
    [1_000_000_000, 1_000_000, 1_000].into_iter().find(|unit| ns.rem_euclid(i128::from(*unit)) == 0).unwrap_or(1)
}

/// Where labels stand on an axis.
#[derive(Clone, Debug, PartialEq)]
struct Places {
    /// The room that there is.
    left: f32,
    right: f32,
    /// What is taken of it.
    taken: Vec<(f32, f32)>,
}

impl Places {
    /// Points between two labels at least.
    const GAP: f32 = 6.0;

    fn is_free(&self, left: f32, width: f32) -> bool {
        let right = left + width;
        let clear = |(a, b): &(f32, f32)| right + Self::GAP <= *a || left >= *b + Self::GAP;
        left >= self.left && right <= self.right && self.taken.iter().all(clear)
    }

    /// Takes the room from `left` on, if it is free.
    fn put(&mut self, left: f32, width: f32) -> Option<f32> {
        self.put_one_of(&[left], width)
    }

    /// Takes the first of some places that is free.
    fn put_one_of(&mut self, lefts: &[f32], width: f32) -> Option<f32> {
        let left = lefts.iter().copied().find(|left| self.is_free(*left, width))?;
        self.taken.push((left, left + width));
        Some(left)
    }
}

/// T1, T2 and Δ, where there is room; `after`: where what stands at the left ends.
fn paint_selection(
    painter: &Painter,
    rect: Rect,
    scale: &TimeScale,
    theme: &Theme,
    selection: TimeRange<RefNs>,
    after: f32,
    places: &mut Places,
) {
    let Some((x0, x1)) = scale.span(selection) else { return };
    let range = selection.begin != selection.end;
    if range {
        painter.rect_filled(
            Rect::from_min_max(pos2(x0, rect.top()), pos2(x1, rect.bottom())),
            0.0,
            theme.accent.gamma_multiply(0.22),
        );
    }
    let mut write = |lefts: &dyn Fn(f32) -> Vec<f32>, text: String, color: Color32| {
        let galley = painter.layout_no_wrap(text, Theme::small_font(), color);
        let lefts = lefts(galley.size().x);
        if let Some(x) = places.put_one_of(&lefts, galley.size().x) {
            painter.galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, color);
        }
    };
    let inside = |x: f32| rect.x_range().contains(x);
    if range {
        // Within the range if it fits there with its ends, else beside it, else where the axis has room.
        let delta = format!("Δ {}", duration(selection.length()));
        let wide = x1 - x0 > 130.0;
        let (left, right) = (rect.left() + 4.0, rect.right() - 4.0);
        write(
            &|width| {
                let beside = [x1 + 6.0, x0 - 6.0 - width, right - width, left];
                let middle = ((x0 + x1 - width) / 2.0).max(x0 + 4.0);
                let within = [middle, x1 - width - 24.0, x0 + 24.0];
                if wide { within.into_iter().chain(beside).collect() } else { beside.to_vec() }
            },
            delta,
            theme.text,
        );
        if wide && inside(scale.x(selection.begin)) {
            // What stands at the axis' left may reach into the range.
            let beside = Some(after).filter(|after| *after < x0 + 80.0);
            write(&|_| std::iter::once(x0 + 4.0).chain(beside).collect(), "T1".to_owned(), theme.accent);
        }
        if wide && inside(scale.x(selection.end)) {
            write(&|width| vec![x1 - 4.0 - width], "T2".to_owned(), theme.accent);
        }
    }
    for t in [selection.begin, selection.end] {
        let x = scale.x(t);
        if inside(x) {
            let x = snap(painter, x);
            places.taken.push((x, x));
            painter.vline(x, rect.y_range(), Stroke::new(1.0, theme.accent));
            flag(painter, pos2(x, rect.bottom()), theme.accent);
        }
    }
}

/// A small triangle that stands on `tip`.
fn flag(painter: &Painter, tip: Pos2, color: Color32) {
    painter.add(egui::Shape::convex_polygon(
        vec![tip, tip + egui::vec2(-4.0, -6.0), tip + egui::vec2(4.0, -6.0)],
        color,
        Stroke::NONE,
    ));
}

/// The middle of the physical pixel at `x`: lines of one pixel are sharp there.
pub fn snap(painter: &Painter, x: f32) -> f32 {
    let ppp = painter.pixels_per_point();
    ((x * ppp).floor() + 0.5) / ppp
}

/// The height of an axis.
pub const HEIGHT: f32 = Sizes::AXIS;

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        // 1970-01-02 22:08:21.201 439 117
        let origin_ns = 86_400_000_000_000 + 79_701_201_439_117;
        Clock { origin_ns, dated: true, zero: RefNs(0), format: TimeFormat::Clock }
    }

    fn scale(begin: i64, length: i64) -> TimeScale {
        TimeScale { window: TimeRange::new(RefNs(begin), RefNs(begin + length)), left: 100.0, width: 1000.0 }
    }

    #[test]
    fn instants_are_written_as_finely_as_asked() {
        let c = clock();
        assert_eq!(c.instant(RefNs(0)), "22:08:21.201 439 117");
        assert_eq!(c.instant_to(RefNs(0), 1_000), "22:08:21.201 439");
        assert_eq!(c.instant_to(RefNs(0), 100_000_000), "22:08:21.201");
        assert_eq!(c.instant_to(RefNs(0), 1_000_000_000), "22:08:21");
        let relative = Clock { format: TimeFormat::Relative, ..c };
        assert_eq!(relative.instant(RefNs(1_500_000_000)), "1.500 000 000 s");
        assert_eq!(relative.instant_to(RefNs(-2_000_000), 1_000_000), "−0.002 s");
    }

    #[test]
    fn steps_are_nice_and_ticks_stand_apart() {
        for length in [20, 1_000, 46_000_000, 3_000_000_000, 3_600_000_000_000, 864_000_000_000_000] {
            let s = scale(7, length);
            let ticks = Ticks::of(&s, &clock());
            assert!((2..=14).contains(&ticks.at.len()) || length == 20, "{length}: {} ticks", ticks.at.len());
            for pair in ticks.at.windows(2) {
                assert!(s.x(pair[1]) - s.x(pair[0]) >= TICK_GAP - 0.01);
            }
        }
    }

    #[test]
    fn labels_are_relative_to_a_round_instant_and_stay_when_the_window_moves() {
        let ticks = Ticks::of(&scale(0, 46_000_000), &clock());
        let base = ticks.base.unwrap();
        assert_eq!(clock().instant_to(base, 1_000_000), "22:08:21.200");
        assert_eq!(ticks.label(ticks.at[0], &clock()), "+5 ms");
        let moved = Ticks::of(&scale(3_000_000, 46_000_000), &clock());
        assert_eq!(moved.base, ticks.base);
        assert_eq!(moved.at[0], ticks.at[0]);
    }

    #[test]
    fn labels_of_long_windows_are_in_seconds() {
        let ticks = Ticks::of(&scale(0, 4_500_000_000), &clock());
        assert_eq!(ticks.label(ticks.base.unwrap() + Dur(4_500_000_000), &clock()), "+4.5 s");
    }

    #[test]
    fn labels_never_overlap() {
        let mut places = Places { left: 0.0, right: 100.0, taken: Vec::new() };
        assert_eq!(places.put(0.0, 40.0), Some(0.0));
        assert_eq!(places.put(44.0, 10.0), None, "too near");
        assert_eq!(places.put_one_of(&[30.0, 95.0, 60.0], 20.0), Some(60.0));
        assert_eq!(places.put_one_of(&[-4.0, 82.0], 10.0), None);
    }

    #[test]
    fn places_and_instants_round_trip() {
        let s = scale(1_000_000_007, 46_000_000);
        for x in [100.0, 100.5, 317.25, 1100.0] {
            assert!((s.x(s.t(x)) - x).abs() < 1e-3);
        }
    }
}
