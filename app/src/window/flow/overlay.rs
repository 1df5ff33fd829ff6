//! What stands over the rows of a flow: where it begins and ends, how it goes from row to row, the veil over all
//! but what a table's line counts, and what a piece is, in words.

use std::collections::HashMap;

use egui::{Align2, Color32, Painter, Rect, RichText, Stroke, Ui, pos2, vec2};
use stratoscope_core::flow::{Arrow, ArrowKind, FlowKind, Piece};
use stratoscope_core::vocab::{RefNs, State};

use crate::window::axis::{Clock, TimeScale, duration, snap};
use crate::window::command::RowRef;
use crate::window::flow::answer::Answer;
use crate::window::flow::picture::Picture;
use crate::window::flow::sums::Part;
use crate::window::flow::words::{kind_title, long_who};
use crate::window::joint::facts::Facts;
use crate::window::joint::table::percent;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::mesh::Painting;
use crate::window::timeline::{Hovered, Overlay, swatch_ui};

/// More arrows than these are a thicket: none is drawn then, and a line says so.
const MOST_ARROWS: usize = 140;

/// The same of the thin lines from row to row.
const MOST_WAYS: usize = 300;

/// How far apart, in points, two ways or two arrows between the same rows are at least.
const WAYS_APART: f32 = 4.0;
const ARROWS_APART: f32 = 9.0;

/// Where something was drawn last between two rows.
#[derive(Default)]
struct Drawn {
    last: HashMap<(u32, u32), f32>,
}

impl Drawn {
    /// Whether there is room at `x`; then it is taken.
    fn room(&mut self, from: u32, to: u32, x: f32, apart: f32) -> bool {
        let last = self.last.entry((from.min(to), from.max(to))).or_insert(f32::NEG_INFINITY);
        let room = x - *last >= apart;
        if room {
            *last = x;
        }
        room
    }
}

/// How many pieces and arrows are looked at in a frame.
const MAX_LOOKED_AT: usize = 100_000;

/// The overlay of a flow.
pub struct FlowOverlay<'a> {
    /// The flow.
    pub answer: &'a Answer,
    /// Names and machines.
    pub facts: &'a Facts,
    /// Colours.
    pub theme: &'a Theme,
    /// How instants are written.
    pub clock: &'a Clock,
    /// What of it is not veiled; `None`: all of it.
    pub lit: Option<Part>,
}

type Places<'a> = &'a dyn Fn(RowRef) -> Option<(f32, f32)>;

impl FlowOverlay<'_> {
    fn at(&self, row: u32, t: RefNs) -> Option<(RowRef, RefNs)> {
        let row = self.answer.picture.rows.get(row as usize)?.row;
        Some((row, self.answer.shown(self.facts, row.machine, t)))
    }

    /// Whether machines are not where the flow was computed.
    fn moved(&self) -> bool {
        self.facts.world.machines.iter().zip(&self.answer.maps).any(|(m, map)| m.map != *map)
    }

    /// Of a wake-up that of text, of a packet the network's; between guest and host that of stolen time if it is.
    fn color(&self, arrow: &Arrow) -> Color32 {
        let theme = self.theme;
        match arrow.kind {
            ArrowKind::Wakeup => Theme::mix(theme.ground, theme.text, 0.85),
            ArrowKind::Network => theme.paint("network"),
            ArrowKind::Vm => {
                let at = self.answer.piece_at(arrow.to.1).unwrap_or_default();
                let touching = [at.saturating_sub(1), at].map(|n| self.answer.flow.pieces.get(n));
                if touching.into_iter().flatten().any(|p| p.kind.is_stolen()) {
                    theme.state(State::PreemptedByHost).color
                } else {
                    Theme::mix(theme.state(State::Vmm).color, theme.text, 0.35)
                }
            }
        }
    }

    /// The pieces that may be in view: a little more while machines are not where the flow was computed.
    fn seen(&self, scale: &TimeScale) -> std::ops::Range<usize> {
        let pieces = &self.answer.flow.pieces;
        if self.moved() {
            return 0..pieces.len().min(MAX_LOOKED_AT);
        }
        let first = pieces.partition_point(|p| p.range.end < scale.window.begin);
        let end = pieces.partition_point(|p| p.range.begin <= scale.window.end);
        first..end.min(first + MAX_LOOKED_AT).max(first)
    }

    /// Thin lines where the flow goes on in another row without anybody's doing: so its way can be followed.
    fn ways(&self, painter: &Painter, area: Rect, scale: &TimeScale, place: Places<'_>) {
        let color = Theme::mix(self.theme.ground, self.theme.secondary, 0.75);
        let width = 1.0 / painter.pixels_per_point();
        let mut painting = Painting::default();
        let mut count = 0;
        let mut drawn = Drawn::default();
        let seen = self.seen(scale);
        let begin = seen.start.saturating_sub(1);
        let pieces = self.answer.flow.pieces.get(begin..seen.end).unwrap_or_default();
        for (n, two) in pieces.windows(2).enumerate() {
            let row = |n: usize| self.answer.picture.row_of_piece.get(n).copied();
            let (Some(from), Some(to)) = (row(begin + n), row(begin + n + 1)) else { continue };
            let (Some((a, t0)), Some((b, t1))) = (self.at(from, two[0].range.end), self.at(to, two[1].range.begin))
            else {
                continue;
            };
            let (x0, x1) = (snap(painter, scale.x(t0)), snap(painter, scale.x(t1)));
            if from == to || (x0 - x1).abs() > 1.0 || !area.x_range().contains(x0) {
                continue;
            }
            let (Some(a), Some(b)) = (place(a), place(b)) else { continue };
            if !drawn.room(from, to, x0, WAYS_APART) {
                continue;
            }
            count += 1;
            if count > MOST_WAYS {
                return;
            }
            let (y0, y1) = (a.0 + a.1 / 2.0, b.0 + b.1 / 2.0);
            painting.rect(Rect::from_x_y_ranges(x0..=x0 + width, y0.min(y1)..=y0.max(y1)), color);
        }
        painter.add(painting.mesh);
    }

    /// Arrows: of a wake-up a line, of a packet one that takes its time, between a guest and its host a dashed one.
    fn arrows(&self, painter: &Painter, area: Rect, scale: &TimeScale, place: Places<'_>) {
        let mut drawn = Drawn::default();
        let mut found = Vec::new();
        let all = &self.answer.flow.arrows;
        let seen = if self.moved() {
            0..all.len()
        } else {
            let first = all.partition_point(|a| a.to.1 < scale.window.begin);
            // Packets that are on their way when the window ends.
            first..(all.partition_point(|a| a.to.1 <= scale.window.end) + 64).min(all.len())
        };
        let arrows = all.iter().zip(&self.answer.picture.row_of_arrow).skip(seen.start).take(seen.len());
        for (arrow, rows) in arrows.take(MAX_LOOKED_AT) {
            let Some((from, to)) = rows.filter(|(from, to)| from != to) else { continue };
            let (Some((a, t0)), Some((b, t1))) = (self.at(from, arrow.from.1), self.at(to, arrow.to.1)) else {
                continue;
            };
            let (x0, x1) = (snap(painter, scale.x(t0)), snap(painter, scale.x(t1)));
            if x1 < area.left() - 4.0 || x0 > area.right() + 4.0 {
                continue;
            }
            let (Some(a), Some(b)) = (place(a), place(b)) else { continue };
            // There and back again are two.
            let one_way = if from < to { (from, to) } else { (from + self.answer.picture.rows.len() as u32, to) };
            if !drawn.room(one_way.0, one_way.1, x0, ARROWS_APART) {
                continue;
            }
            found.push((self.color(arrow), arrow.kind, (x0, a), (x1, b)));
        }
        if found.len() <= MOST_ARROWS {
            for (color, kind, from, to) in found {
                arrow_ui(painter, self.theme, (kind, color), from, to);
            }
            return;
        }
        let pos = area.left_bottom() + vec2(8.0, -6.0);
        let text = "many arrows: zoom in to see them".to_owned();
        let galley = painter.layout_no_wrap(text, Theme::small_font(), self.theme.text);
        let ground = Align2::LEFT_BOTTOM.anchor_size(pos, galley.size());
        painter.rect_filled(ground.expand(4.0), 4.0, self.theme.raised);
        painter.galley(ground.min, galley, self.theme.text);
    }

    /// All but the pieces that a line counts steps back.
    fn veil(&self, painter: &Painter, area: Rect, scale: &TimeScale, place: Places<'_>, lit: Part) {
        let color = self.theme.ground.gamma_multiply(0.82);
        let mut painting = Painting::default();
        // By row: up to where it is veiled already.
        let mut ends: Vec<f32> = vec![area.left(); self.answer.picture.rows.len()];
        let places: Vec<Option<(f32, f32)>> = self.answer.picture.rows.iter().map(|row| place(row.row)).collect();
        let mut veil = |row: usize, from: f32, to: f32| {
            if let Some(Some((top, height))) = places.get(row) {
                painting.rect(Rect::from_x_y_ranges(from..=to, *top..=top + height), color);
            }
        };
        for n in self.seen(scale) {
            let Some(piece) = self.answer.flow.pieces.get(n).filter(|p| lit.holds(p)) else { continue };
            let Some(row) = self.answer.picture.row_of_piece.get(n).map(|row| *row as usize) else { continue };
            let Some((x0, x1)) = scale.span(self.answer.range(self.facts, piece)) else { continue };
            let Some(end) = ends.get_mut(row) else { continue };
            veil(row, *end, x0);
            *end = x1.max(x0 + 1.0).max(*end);
        }
        for (row, end) in ends.into_iter().enumerate() {
            veil(row, end, area.right());
        }
        painter.add(painting.mesh);
    }

    /// What lies before and after the flow.
    fn outside(&self, painter: &Painter, area: Rect, scale: &TimeScale) {
        let window = self.answer.window(self.facts);
        let (x0, x1) = (snap(painter, scale.x(window.begin)), snap(painter, scale.x(window.end)));
        let color = Theme::mix(self.theme.ground, self.theme.panel, 0.9).gamma_multiply(0.7);
        let stroke = Stroke::new(1.0, self.theme.line);
        for (from, to, edge) in [(area.left(), x0, x0), (x1, area.right(), x1)] {
            if to > from {
                painter.rect_filled(Rect::from_x_y_ranges(from..=to.min(area.right()), area.y_range()), 0.0, color);
                painter.vline(edge, area.y_range(), stroke);
            }
        }
    }
}

impl Overlay for FlowOverlay<'_> {
    fn paint(&self, painter: &Painter, area: Rect, scale: &TimeScale, place: Places<'_>) {
        self.outside(painter, area, scale);
        self.ways(painter, area, scale, place);
        self.arrows(painter, area, scale, place);
        if let Some(lit) = self.lit {
            self.veil(painter, area, scale, place, lit);
        }
    }

    fn tooltip_ui(&self, ui: &mut Ui, at: &Hovered) {
        let own = at.interval.as_ref().and_then(Picture::piece_of);
        // The task's row while it waits: whatever it waits for.
        let piece = own.or_else(|| self.answer.piece_at(at.t));
        if let Some(piece) = piece.and_then(|n| self.answer.flow.pieces.get(n)) {
            piece_ui(ui, self, piece);
        }
    }
}

/// An arrow from the middle of one row to the edge of another's bar.
fn arrow_ui(
    painter: &Painter,
    theme: &Theme,
    (kind, color): (ArrowKind, Color32),
    (x0, a): (f32, (f32, f32)),
    (x1, b): (f32, (f32, f32)),
) {
    let (y0, y1) = (a.0 + a.1 / 2.0, b.0 + b.1 / 2.0);
    let down = if y1 > y0 { 1.0 } else { -1.0 };
    let tip = pos2(x1, y1 - down * 7.0);
    let back = pos2(x1, tip.y - down * 6.0);
    let width = if kind == ArrowKind::Network { 1.5 } else { 1.0 };
    let (begin, end) = (pos2(x0, y0), back);
    painter.line_segment([begin, end], Stroke::new(width + 2.0, theme.ground.gamma_multiply(0.7)));
    let stroke = Stroke::new(width, color);
    if kind == ArrowKind::Vm {
        painter.extend(egui::Shape::dashed_line(&[begin, end], stroke, 4.0, 3.0));
    } else {
        painter.line_segment([begin, end], stroke);
    }
    let mut painting = Painting::default();
    painting.rect(Rect::from_center_size(begin, vec2(4.0, 4.0)), color);
    painting.triangle([tip, back - vec2(4.0, 0.0), back + vec2(4.0, 0.0)], color);
    painter.add(painting.mesh);
}

/// What is said of a piece: a word and what it says.
pub fn facts_of(answer: &Answer, facts: &Facts, clock: &Clock, piece: &Piece) -> Vec<(&'static str, String)> {
    let range = answer.range(facts, piece);
    let time = piece.range.length();
    let share = time.0 as f64 / answer.flow.window.length().0.max(1) as f64;
    let mut list = vec![("who", long_who(facts, piece.who))];
    if let Some(victim) = piece.victim {
        list.push(("holds up", long_who(facts, victim)));
    }
    let detail = facts.world.names.text(piece.detail);
    if !detail.is_empty() {
        let word = if piece.kind == FlowKind::Hypervisor { "because of" } else { "detail" };
        list.push((word, detail.to_string()));
    }
    if let Some(cpu) = piece.cpu.known() {
        list.push(("CPU", cpu.to_string()));
    }
    list.push(("from", clock.instant(range.begin)));
    list.push(("lasts", format!("{}, {} of the flow", duration(time), percent(share))));
    list
}

fn piece_ui(ui: &mut Ui, overlay: &FlowOverlay<'_>, piece: &Piece) {
    let theme = overlay.theme;
    ui.spacing_mut().item_spacing = vec2(8.0, 3.0);
    ui.horizontal(|ui| {
        swatch_ui(ui, theme, piece.kind.state());
        ui.label(RichText::new(kind_title(piece.kind)).color(theme.text).size(Sizes::TEXT + 1.0));
    });
    let small = |text: &str, color: Color32| RichText::new(text).color(color).size(Sizes::SMALL);
    ui.label(small(piece.kind.meaning(), theme.secondary));
    ui.add_space(2.0);
    egui::Grid::new("piece").num_columns(2).spacing(vec2(12.0, 2.0)).show(ui, |ui| {
        for (word, text) in facts_of(overlay.answer, overlay.facts, overlay.clock, piece) {
            ui.label(small(word, theme.secondary));
            ui.label(small(&text, theme.text));
            ui.end_row();
        }
    });
}
