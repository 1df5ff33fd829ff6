//! Why one instance took longer than another: both flows above each other, begun at the same place, and a table of
//! what differs.

use egui::accesskit::Role;
use egui::{Align2, Painter, Rect, RichText, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use std::collections::HashMap;
use stratoscope_core::flow::{Difference, Flow, FlowKind, compare};
use stratoscope_core::vm::Who;
use stratoscope_core::vocab::{Dur, MachineId, RefNs, Tid};

use crate::window::axis::duration;
use crate::window::flow::instances::Instance;
use crate::window::flow::sums::by_kind;
use crate::window::flow::words::{is_loud, kind_title, kind_words, long_who, short_who};
use crate::window::joint::facts::Facts;
use crate::window::parts::{heading_ui, line_ui, share_bar, swatch};
use crate::window::theme::{Drawing, Sizes, Theme};
use crate::window::timeline::mesh::Painting;
use crate::window::words::capital;

/// So many rows of a flow are drawn; those with the least time are left out.
const MOST_ROWS: usize = 10;

/// The room above a flow for its name.
const TITLE: f32 = 26.0;

/// The column of names is this wide at most.
const NAMES: f32 = 190.0;

/// The width of a difference, and that of the two times below it.
const NUMBER: f32 = 68.0;
const TIMES: f32 = 118.0;

/// In tables narrower than this there is no room for the two times.
const NARROW: f32 = 270.0;

/// Two instances.
pub struct Pair<'a> {
    /// Their numbers, counted from 0.
    pub numbers: [usize; 2],
    /// Themselves.
    pub instances: [&'a Instance; 2],
}

/// Draws both flows over the room that is left.
pub fn flows_ui(ui: &mut Ui, theme: &Theme, facts: &Facts, pair: &Pair<'_>) {
    let rect = ui.available_rect_before_wrap();
    ui.painter().rect_filled(rect, 0.0, theme.ground);
    let longest = pair.instances.iter().map(|i| i.flow.window.length()).max().unwrap_or(Dur(1));
    ui.spacing_mut().item_spacing.y = 0.0;
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (number, instance) in pair.numbers.iter().zip(&pair.instances) {
            flow_ui(ui, theme, facts, *number, instance, longest);
            ui.add_space(2.0 * Sizes::GRID);
        }
    });
}

struct Row {
    who: Who,
    total: Dur,
    /// Which pieces stand in it.
    pieces: Vec<usize>,
}

/// The rows of a flow, the task first, the others in order of appearance.
fn rows(flow: &Flow) -> Vec<Row> {
    let mut rows = vec![Row { who: flow.who, total: Dur(0), pieces: Vec::new() }];
    let mut known: HashMap<(MachineId, Tid), usize> = HashMap::from_iter([((flow.who.machine, flow.who.tid), 0)]);
    for (n, piece) in flow.pieces.iter().enumerate() {
        let at = *known.entry((piece.who.machine, piece.who.tid)).or_insert_with(|| {
            rows.push(Row { who: piece.who, total: Dur(0), pieces: Vec::new() });
            rows.len() - 1
        });
        if let Some(row) = rows.get_mut(at) {
            row.total = row.total + piece.range.length();
            row.pieces.push(n);
        }
    }
    if rows.len() > MOST_ROWS {
        let mut totals: Vec<Dur> = rows.iter().skip(1).map(|row| row.total).collect();
        totals.sort_unstable_by(|a, b| b.cmp(a));
        let least = totals.get(MOST_ROWS - 2).copied().unwrap_or_default();
        let mut first = true;
        rows.retain(|row| std::mem::take(&mut first) || row.total >= least);
    }
    rows
}

fn flow_ui(ui: &mut Ui, theme: &Theme, facts: &Facts, number: usize, instance: &Instance, longest: Dur) {
    let rows = rows(&instance.flow);
    let height = TITLE + rows.len() as f32 * Sizes::ROW;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let title = format!("instance {}: {}", number + 1, duration(instance.duration));
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, format!("Flow of {title}")));
    let painter = ui.painter_at(rect);
    let split = rect.left() + NAMES.min(rect.width() * 0.35);
    let states = Rect::from_min_max(pos2(split, rect.top() + TITLE), rect.max - vec2(Sizes::GRID, 0.0));
    let header = Rect::from_min_max(rect.min, pos2(rect.right(), rect.top() + TITLE - 2.0));
    painter.rect_filled(header, 0.0, theme.raised);
    let color = if instance.slow { theme.alarm } else { theme.text };
    let slow = if instance.slow { "  ▲ slow" } else { "" };
    let text = Rect::from_min_max(header.min + vec2(Sizes::GRID, 0.0), header.max);
    line_ui(&painter, text, Align2::LEFT_CENTER, &capital(&format!("{title}{slow}")), Theme::body_font(), color);
    let begin = instance.flow.window.begin;
    let per_ns = f64::from(states.width()) / longest.0.max(1) as f64;
    let x = |t: RefNs| states.left() + ((t - begin).0 as f64 * per_ns) as f32;
    for (n, row) in rows.iter().enumerate() {
        let top = states.top() + n as f32 * Sizes::ROW;
        let place = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + Sizes::ROW));
        let stripe = Rect::from_min_size(place.min, vec2(Sizes::STRIPE, Sizes::ROW));
        painter.rect_filled(stripe, 0.0, theme.machine(row.who.machine));
        let name = Rect::from_min_max(place.min + vec2(Sizes::GRID, 0.0), pos2(split - 62.0, place.bottom()));
        let time = Rect::from_min_max(pos2(split - 62.0, top), pos2(split - 6.0, place.bottom()));
        line_ui(&painter, name, Align2::LEFT_CENTER, &short_who(facts, row.who), Theme::small_font(), theme.text);
        line_ui(&painter, time, Align2::RIGHT_CENTER, &duration(row.total), Theme::small_font(), theme.secondary);
        bars(&painter, theme, &instance.flow, row, (top, n == 0), x);
    }
    for edge in [states.left(), x(instance.flow.window.end)] {
        painter.vline(edge, states.y_range(), Stroke::new(1.0, theme.secondary));
    }
    if let Some(pos) = response.hover_pos().filter(|pos| states.contains(*pos)) {
        let t = begin + Dur(((pos.x - states.left()) as f64 / per_ns) as i64);
        let at = instance.flow.pieces.partition_point(|p| p.range.end <= t);
        if let Some(piece) = instance.flow.pieces.get(at) {
            let what = kind_title(piece.kind);
            let who = long_who(facts, piece.who);
            response.on_hover_text_at_pointer(format!("{what}\n{who}\n{}", duration(piece.range.length())));
        }
    }
}

fn bars(painter: &Painter, theme: &Theme, flow: &Flow, row: &Row, (top, own): (f32, bool), x: impl Fn(RefNs) -> f32) {
    let mut painting = Painting::default();
    let middle = top + Sizes::ROW / 2.0;
    let line = |from: f32, to: f32, height: f32| {
        Rect::from_min_max(pos2(from, middle - height / 2.0), pos2(to.max(from + 1.0), middle + height / 2.0))
    };
    if own {
        let waits = Theme::mix(theme.ground, theme.secondary, 0.6);
        painting.rect(line(x(flow.window.begin), x(flow.window.end), 2.0), waits);
    }
    // Pieces that share a pixel are drawn over each other: what is loud comes last.
    for loud in [false, true] {
        let mut end = f32::NEG_INFINITY;
        let pieces = row.pieces.iter().filter_map(|n| flow.pieces.get(*n)).filter(|p| is_loud(p.kind) == loud);
        for piece in pieces {
            let (from, to) = (x(piece.range.begin), x(piece.range.end));
            if to < end + 0.5 && to - from < 0.5 {
                continue;
            }
            end = to;
            let look = theme.state(piece.kind.state());
            match look.drawing {
                Drawing::Nothing => {}
                Drawing::Thin(height) => painting.rect(line(from, to, height), look.color),
                Drawing::Full | Drawing::Dotted(_) => painting.rect(line(from, to, Sizes::BAR), look.color),
                Drawing::Hatched(second) => {
                    let bar = line(from, to, Sizes::BAR);
                    painting.rect(bar, look.color);
                    painting.stripes(bar, bar.left(), 8.0, 3.0, second);
                }
            }
        }
    }
    painter.add(painting.mesh);
}

/// The sentence of what made the one longer than the other.
pub fn blame(facts: &Facts, pair: &Pair<'_>) -> Option<(FlowKind, String)> {
    let (slow, fast) = pair.slower();
    let (one, other) = (pair.instances[fast], pair.instances[slow]);
    let line = compare(&one.flow, &other.flow).into_iter().max_by_key(Difference::more)?;
    let text = format!(
        "Instance {} took {} longer: {} of it {}, {}",
        pair.numbers[slow] + 1,
        duration(other.duration - one.duration),
        duration(line.more()),
        long_who(facts, line.who),
        kind_words(line.kind)
    );
    Some((line.kind, text))
}

impl Pair<'_> {
    /// Which of the two took longer, and which did not.
    fn slower(&self) -> (usize, usize) {
        if self.instances[1].duration >= self.instances[0].duration { (1, 0) } else { (0, 1) }
    }
}

/// Draws the table of what differs.
pub fn differences_ui(ui: &mut Ui, theme: &Theme, facts: &Facts, pair: &Pair<'_>) {
    let (slow, fast) = pair.slower();
    let (one, other) = (pair.instances[fast], pair.instances[slow]);
    let lines = compare(&one.flow, &other.flow);
    let more = duration(other.duration - one.duration);
    ui.add_space(Sizes::GRID);
    let (a, b) = (pair.numbers[slow] + 1, pair.numbers[fast] + 1);
    let text = format!("Instance {a} took {more} longer than instance {b}");
    ui.add(egui::Label::new(RichText::new(text).strong()).wrap());
    let largest = lines.iter().map(|l| l.more().0.abs()).max().unwrap_or(1).max(1);
    heading_ui(ui, theme, "What differs, by who");
    for line in lines.iter().filter(|l| l.more().0 != 0).take(12) {
        let row = DifferenceRow {
            text: long_who(facts, line.who),
            more: kind_words(line.kind),
            kind: line.kind,
            by: line.more(),
            times: line.times,
            largest,
        };
        row.ui(ui, theme);
    }
    heading_ui(ui, theme, "What differs, by kind");
    for (kind, times) in by_kind(&lines) {
        let by = times[1] - times[0];
        let row = DifferenceRow { text: kind_title(kind), more: "", kind, by, times, largest };
        row.ui(ui, theme);
    }
}

struct DifferenceRow {
    text: String,
    more: &'static str,
    kind: FlowKind,
    by: Dur,
    times: [Dur; 2],
    largest: i64,
}

impl DifferenceRow {
    fn ui(&self, ui: &mut Ui, theme: &Theme) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::hover());
        let sign = if self.by.0 < 0 { "−" } else { "+" };
        let by = format!("{sign}{}", duration(Dur(self.by.0.abs())));
        let more_words = if self.more.is_empty() { String::new() } else { format!(", {}", self.more) };
        let times = format!("{} → {}", duration(self.times[0]), duration(self.times[1]));
        response.widget_info(|| {
            WidgetInfo::labeled(Role::ListItem, true, format!("{}{more_words}: {by} ({times})", self.text))
        });
        if !ui.is_rect_visible(rect) {
            return;
        }
        let painter = ui.painter();
        let state = self.kind.state();
        let (left, right) = (rect.left() + 24.0, rect.right() - Sizes::GRID);
        swatch(
            painter,
            Rect::from_center_size(pos2(rect.left() + 10.0, rect.top() + 10.0), vec2(14.0, 12.0)),
            theme,
            state,
        );
        let name = Rect::from_min_max(pos2(left, rect.top()), pos2(right - NUMBER, rect.top() + 20.0));
        let cut = line_ui(painter, name, Align2::LEFT_CENTER, &self.text, Theme::body_font(), theme.text);
        let number = Rect::from_min_max(pos2(right - NUMBER, rect.top()), pos2(right, rect.top() + 20.0));
        let color = if is_loud(self.kind) && self.by.0 > 0 { theme.alarm } else { theme.text };
        line_ui(painter, number, Align2::RIGHT_CENTER, &by, Theme::body_font(), color);
        let below = Rect::from_min_max(pos2(left, rect.top() + 16.0), pos2(right, rect.bottom() - 5.0));
        // Where there is no room for both times, the difference says enough.
        let room = if rect.width() < NARROW { 0.0 } else { TIMES };
        let (more, numbers) = below.split_left_right_at_x(below.right() - room);
        line_ui(painter, more, Align2::LEFT_CENTER, self.more, Theme::small_font(), theme.secondary);
        line_ui(painter, numbers, Align2::RIGHT_CENTER, &times, Theme::small_font(), theme.secondary);
        let bar = Rect::from_min_max(pos2(left, rect.bottom() - 4.0), pos2(right, rect.bottom() - 2.0));
        share_bar(painter, bar, theme, &[(state, self.by.0.abs() as f64 / self.largest as f64)]);
        if cut || room == 0.0 {
            response.on_hover_text(format!("{}{more_words}\n{times}", self.text));
        }
    }
}

/// The differences as text, for the clipboard.
pub fn text(facts: &Facts, pair: &Pair<'_>) -> String {
    let lines = compare(&pair.instances[0].flow, &pair.instances[1].flow);
    let line = |d: &Difference| {
        let times = format!("{} → {}", duration(d.times[0]), duration(d.times[1]));
        format!("{times}  {} ({})\n", long_who(facts, d.who), kind_words(d.kind))
    };
    let [a, b] = pair.numbers;
    format!("Instance {} → instance {}\n{}", a + 1, b + 1, lines.iter().map(line).collect::<String>())
}
