//! From pictures of rows to quads: bars, stripes, ticks, what is lost and what is not read yet.
//!
//! Neighbours of one colour are one quad, unless both are wide enough for a line between them to tell that they
//! are two things.

use egui::{Color32, Pos2, Rect, pos2, vec2};
use stratoscope_core::vocab::{MachineId, RefNs, RowKind, State, StateSet};

use crate::window::axis::Ticks;
use crate::window::theme::{Drawing, Sizes, Theme};
use crate::window::timeline::labels::Ruler;
use crate::window::timeline::mesh::Painting;
use crate::window::timeline::paint::{Subject, not_read};
use crate::window::timeline::picture::Picture;
use crate::window::timeline::rows::{NodeKind, VisibleRow};

/// From one stripe of a hatched bar to the next, in points.
const STRIPE_PERIOD: f32 = 8.0;
/// How wide a stripe is.
const STRIPE_WIDTH: f32 = 3.0;
/// From one stripe of what is not read yet to the next.
const UNREAD_PERIOD: f32 = 16.0;
/// Bars narrower than this have no pattern: it could not be seen.
const PATTERN_MIN: f32 = 4.0;
/// Intervals at least this wide, in points, are told apart by a line.
const APART_MIN: f32 = 4.0;

/// A label at its place.
pub(crate) struct Label {
    pub(crate) pos: Pos2,
    pub(crate) text: String,
    pub(crate) color: Color32,
    pub(crate) small: bool,
}

/// What states look like now: with what the legend dims, and once more for rows that the search does not find.
pub(crate) struct Colors {
    found: [Paint; State::COUNT],
    other: [Paint; State::COUNT],
}

#[derive(Clone, Copy)]
struct Paint {
    color: Color32,
    edge: Color32,
    label: Color32,
    drawing: Drawing,
    faint: bool,
}

impl Colors {
    /// The colours of a theme.
    pub(crate) fn new(theme: &Theme, dimmed: StateSet) -> Self {
        let paints = |all_faint: bool| {
            std::array::from_fn(|n| {
                let state = State::from_u8(n as u8);
                let look = theme.state(state);
                let faint = all_faint || dimmed.contains(state);
                let shade = |c: Color32| if faint { Theme::mix(theme.ground, c, 0.18) } else { c };
                let drawing = match look.drawing {
                    Drawing::Hatched(c) => Drawing::Hatched(shade(c)),
                    Drawing::Dotted(c) => Drawing::Dotted(shade(c)),
                    other => other,
                };
                Paint {
                    color: shade(look.color),
                    edge: shade(Theme::mix(look.color, theme.ground, 0.45)),
                    label: look.on_color,
                    drawing,
                    faint,
                }
            })
        };
        Self { found: paints(false), other: paints(true) }
    }

    fn of(&self, state: State, kind: RowKind, unmatched: bool) -> &Paint {
        // A handler that runs looks like what it is a handler of.
        let state = if state == State::Active && kind == RowKind::Softirq { State::Softirq } else { state };
        let paints = if unmatched { &self.other } else { &self.found };
        &paints[state as usize]
    }
}

/// Which of several alerts in a column is shown: the loudest.
fn loudest(ticks: StateSet) -> Option<State> {
    if ticks.0 == 0 {
        return None;
    }
    [State::Preempted, State::PreemptedByHost, State::Irq, State::Interrupted, State::Softirq]
        .into_iter()
        .find(|s| ticks.contains(*s))
        .or_else(|| ticks.iter().next())
}

/// A bar or a tick that may still grow to the right.
#[derive(Clone, Copy)]
struct Growing {
    begin: u32,
    end: u32,
    color: Color32,
    drawing: Drawing,
}

/// Builds the mesh of a pane.
pub(crate) struct Builder<'a> {
    subject: &'a Subject<'a>,
    ppp: f32,
    /// Width of a column in points.
    column: f32,
    /// Where the first column begins: up to a column left of what is shown.
    origin: f32,
    colors: Colors,
    /// What is painted so far.
    pub(crate) painting: Painting,
    /// Texts so far.
    pub(crate) labels: Vec<Label>,
}

/// Where the bars of a row are.
#[derive(Clone, Copy)]
struct Place {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    /// Where patterns begin: an instant, so that they move with the picture.
    origin: f32,
}

impl<'a> Builder<'a> {
    /// Begins a mesh whose columns are `column` points wide.
    pub(crate) fn new(subject: &'a Subject<'a>, ppp: f32, column: f32, origin: f32) -> Self {
        let origin = (origin * ppp).round() / ppp;
        let colors = Colors::new(subject.theme, subject.dimmed);
        Self { subject, ppp, column, origin, colors, painting: Painting::default(), labels: Vec::new() }
    }

    fn snap(&self, v: f32) -> f32 {
        (v * self.ppp).round() / self.ppp
    }

    fn x(&self, place: &Place, column: u32) -> f32 {
        (self.origin + column as f32 * self.column).clamp(place.left, place.right)
    }

    /// Lines at the ticks of the axis.
    pub(crate) fn grid(&mut self) {
        let s = self.subject;
        let color = Theme::mix(s.theme.ground, s.theme.line, 0.8);
        for t in Ticks::of(&s.scale, s.clock).at {
            let x = self.snap(s.scale.x(t));
            let line = Rect::from_min_max(pos2(x, s.rect.top()), pos2(x + 1.0 / self.ppp, s.rect.bottom()));
            self.painting.rect(line, color);
        }
    }

    /// How a state of a row is painted; `machine`: in whose colour instead of the state's.
    fn paint_of(&self, state: State, machine: Option<MachineId>, kind: RowKind, unmatched: bool) -> Paint {
        let paint = *self.colors.of(state, kind, unmatched);
        let Some(machine) = machine else { return paint };
        let theme = self.subject.theme;
        let own = theme.machine(machine);
        let shade = |c: Color32| if paint.faint { Theme::mix(theme.ground, c, 0.18) } else { c };
        Paint {
            color: shade(own),
            edge: shade(Theme::mix(own, theme.ground, 0.45)),
            label: theme.text_on(own),
            drawing: Drawing::Full,
            faint: paint.faint,
        }
    }

    /// The states of a row.
    pub(crate) fn row(&mut self, row: &VisibleRow, kind: RowKind, picture: &Picture, ruler: &Ruler) {
        let s = self.subject;
        let full = if s.compact { Sizes::BAR_COMPACT } else { Sizes::BAR };
        let top = self.snap(s.rect.top() + row.y - s.scroll + (row.height - full) / 2.0);
        let left = self.snap(s.rect.left());
        let origin = s.scale.x(RefNs(0)).rem_euclid(STRIPE_PERIOD);
        let place = Place { left, right: s.rect.right(), top, bottom: self.snap(top + full), origin };
        let unmatched = s.unmatched.get(row.node as usize).copied().unwrap_or(false);
        let apart = (APART_MIN / self.column).ceil() as u32;
        let mut bar: Option<Growing> = None;
        let mut last_width = 0;
        let mut last_single = None;
        for (n, run) in picture.runs.iter().enumerate() {
            let unmatched = unmatched || !picture.is_lit(n);
            let paint = self.paint_of(run.state, picture.machine_of(run), kind, unmatched);
            let width = run.end - run.begin;
            let next = Growing { begin: run.begin, end: run.end, color: paint.color, drawing: paint.drawing };
            match &mut bar {
                Some(b) if b.end == run.begin && b.color == paint.color && b.drawing == paint.drawing => {
                    b.end = run.end;
                    // Two intervals, both with room: a line says so. It lies over the bar, which ends later.
                    let two = last_single != run.single && matches!(paint.drawing, Drawing::Full);
                    if two && width >= apart && last_width >= apart {
                        let before = Growing { end: run.begin, ..*b };
                        self.bar(&place, before);
                        self.bar(&place, next);
                        self.edge(&place, run.begin, paint.edge);
                        bar = Some(Growing { begin: run.end, ..next });
                    }
                }
                _ => {
                    if let Some(done) = bar.take() {
                        self.bar(&place, done);
                    }
                    bar = Some(next);
                }
            }
            last_width = width;
            last_single = run.single;
        }
        if let Some(done) = bar {
            self.bar(&place, done);
        }
        self.ticks(&place, kind, unmatched, picture);
        self.labels_of(&place, kind, unmatched, picture, ruler);
    }

    fn bar(&mut self, place: &Place, bar: Growing) {
        let (x0, x1) = (self.x(place, bar.begin), self.x(place, bar.end));
        let rect = Rect::from_min_max(pos2(x0, place.top), pos2(x1, place.bottom));
        match bar.drawing {
            Drawing::Nothing => {}
            Drawing::Thin(height) => {
                let height = height.min(rect.height());
                let y = self.snap(rect.center().y - height / 2.0);
                self.painting.rect(Rect::from_min_max(pos2(x0, y), pos2(x1, y + height)), bar.color);
            }
            Drawing::Full => self.painting.rect(rect, bar.color),
            Drawing::Hatched(second) => {
                self.painting.rect(rect, bar.color);
                if rect.width() >= PATTERN_MIN {
                    self.painting.stripes(rect, place.origin, STRIPE_PERIOD, STRIPE_WIDTH, second);
                }
            }
            Drawing::Dotted(second) => {
                // Lower than what is known: a row of which nothing is known must not be the loudest.
                let low = (rect.height() / 4.0).floor();
                let rect = Rect::from_min_max(rect.min + vec2(0.0, low), rect.max - vec2(0.0, low));
                self.painting.rect(rect, bar.color);
                if rect.width() >= PATTERN_MIN {
                    self.painting.dots(rect, place.origin, STRIPE_PERIOD, 2.0, second);
                }
            }
        }
    }

    fn edge(&mut self, place: &Place, column: u32, color: Color32) {
        let x = self.x(place, column);
        self.painting.rect(Rect::from_min_max(pos2(x, place.top), pos2(x + 1.0 / self.ppp, place.bottom)), color);
    }

    /// Alerts that are present but not dominant.
    fn ticks(&mut self, place: &Place, kind: RowKind, unmatched: bool, picture: &Picture) {
        let height = Sizes::ALERT_TICK.min((place.bottom - place.top) / 3.0);
        let mut tick: Option<(u32, u32, Color32)> = None;
        let mut done = Vec::new();
        for run in &picture.runs {
            let Some(alert) = loudest(run.ticks) else { continue };
            let color = self.colors.of(alert, kind, unmatched).color;
            match &mut tick {
                Some((_, end, c)) if *end == run.begin && *c == color => *end = run.end,
                _ => done.extend(tick.replace((run.begin, run.end, color))),
            }
        }
        for (begin, end, color) in done.into_iter().chain(tick) {
            let (x0, x1) = (self.x(place, begin), self.x(place, end));
            self.painting.rect(Rect::from_min_max(pos2(x0, place.bottom - height), pos2(x1, place.bottom)), color);
        }
    }

    fn labels_of(&mut self, place: &Place, kind: RowKind, unmatched: bool, picture: &Picture, ruler: &Ruler) {
        let y = (place.top + place.bottom) / 2.0;
        for span in &picture.labels {
            let paint = self.paint_of(span.state, span.machine, kind, unmatched || !picture.is_lit_at(span.begin));
            if paint.faint {
                continue;
            }
            let begin = self.x(place, span.begin);
            let room = self.x(place, span.end) - begin;
            // Where both do not fit, the task's name says more than its machine's; of a whole vCPU, its VM's.
            let parts = span.text.split_once(": ");
            let short = parts.map_or(&*span.text, |(vm, task)| if task.starts_with("vCPU ") { vm } else { task });
            let whole = ruler.width(&span.text) <= room - 8.0;
            let Some(text) = ruler.fit(if whole { &span.text } else { short }, room - 8.0) else { continue };
            let width = ruler.width(&text);
            let pos = pos2(self.snap(begin + (room - width) / 2.0), y.round());
            // Stripes are restless: a plain ground under the text keeps it readable.
            if matches!(paint.drawing, Drawing::Hatched(_)) {
                let ground = Rect::from_min_max(
                    pos2(pos.x - 4.0, place.top),
                    pos2(self.snap(pos.x + width) + 4.0, place.bottom),
                );
                self.painting.rect(ground, paint.color);
            }
            let text = text.into_owned();
            self.labels.push(Label { pos, text, color: paint.label, small: self.subject.compact });
        }
    }

    /// What concerns all rows of a machine: what is lost and what is not read yet.
    pub(crate) fn machines(&mut self) {
        let s = self.subject;
        let mut block: Option<(MachineId, f32, f32)> = None;
        for row in s.rows {
            let node = s.tree.node(row.node);
            let top = s.rect.top() + row.y - s.scroll;
            let bottom = top + row.height;
            match &mut block {
                Some((machine, _, end)) if *machine == node.row.machine && node.kind != NodeKind::Machine => {
                    *end = bottom;
                }
                _ => {
                    let begin = if node.kind == NodeKind::Machine { bottom } else { top };
                    if let Some(done) = block.replace((node.row.machine, begin, bottom)) {
                        self.machine(done);
                    }
                }
            }
        }
        if let Some(done) = block {
            self.machine(done);
        }
    }

    fn machine(&mut self, (id, top, bottom): (MachineId, f32, f32)) {
        let s = self.subject;
        let Some(machine) = s.scene.machine(id).filter(|_| bottom > top) else { return };
        for lost in &machine.lost {
            if let Some((x0, x1)) = s.scale.span(machine.to_ref(lost.range)) {
                let x0 = self.snap(x0);
                let band = Rect::from_min_max(pos2(x0, top), pos2(self.snap(x1).max(x0 + 2.0), bottom));
                self.painting.rect(band, s.theme.alarm.gamma_multiply(0.14));
                self.painting.frame(band, 1.0 / self.ppp, s.theme.alarm.gamma_multiply(0.8));
            }
        }
        if let Some((x0, x1)) = not_read(machine).and_then(|rest| s.scale.span(rest)) {
            let band = Rect::from_min_max(pos2(self.snap(x0), top), pos2(x1, bottom));
            self.painting.rect(band, Theme::mix(s.theme.ground, s.theme.line, 0.35));
            let origin = s.scale.x(RefNs(0)).rem_euclid(UNREAD_PERIOD);
            self.painting.stripes(band, origin, UNREAD_PERIOD, 1.5, s.theme.line);
            if band.width() > 90.0 && band.height() >= Sizes::ROW_COMPACT {
                let pos = pos2(band.left() + 8.0, band.center().y.round());
                let text = if s.scene.complete { "not read" } else { "not read yet" }.to_owned();
                self.labels.push(Label { pos, text, color: s.theme.secondary, small: false });
            }
        }
    }
}
