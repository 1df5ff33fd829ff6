//! Where time went: time per state of every row in the selected range, or in the window if none is selected.

use std::cmp::Reverse;

use egui::{Align2, RichText, ScrollArea, Sense, Ui, WidgetInfo, accesskit::Role, vec2};
use stratoscope_core::vocab::{Cancel, Dur, RefNs, RowKind, State, StateSet, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::parts::{line_ui, share_bar, swatch};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::scene::Scene;
use crate::window::words;
use crate::window::worker::{Wake, Worker};

/// Time per state of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// The row.
    pub row: RowRef,
    /// Its name.
    pub name: String,
    /// Nanoseconds of each state, by its number.
    pub sums: [i64; State::COUNT],
}

impl Totals {
    fn of(&self, state: State) -> i64 {
        self.sums[state as usize]
    }

    /// How long it did anything at all.
    fn busy(&self) -> i64 {
        State::ALL.iter().filter(|s| !s.is_quiet()).map(|s| self.of(*s)).sum()
    }
}

/// What the table counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    State(StateSet),
    Name,
    Busy,
}

struct Question {
    key: Key,
    scene: Scene,
}

#[derive(Clone, PartialEq)]
struct Key {
    version: u64,
    range: TimeRange<RefNs>,
    kind: RowKind,
}

/// The statistics pane's memory between frames.
pub struct Statistics {
    worker: Worker<Question, Vec<Totals>>,
    kind: RowKind,
    asked: Option<Key>,
    shown: Option<Shown>,
    sort: Sort,
}

/// What was counted last.
struct Shown {
    rows: Vec<Totals>,
    columns: Vec<Column>,
}

const NAME: f32 = 230.0;
const COLUMN: f32 = 104.0;
const SHARES: f32 = 150.0;
const HEADER: f32 = 22.0;

/// The totals of all rows of a kind that have any time in the range.
pub fn totals(scene: &Scene, kind: RowKind, range: TimeRange<RefNs>, cancel: &Cancel) -> Vec<Totals> {
    let mut all = Vec::new();
    for machine in &scene.machines {
        let own = machine.to_machine(range);
        for row in machine.rows.iter().filter(|r| r.key.kind == kind) {
            if cancel.is_cancelled() {
                return all;
            }
            let mut sums = [0; State::COUNT];
            row.lane.sums(own, &mut sums);
            if sums.iter().any(|ns| *ns > 0) {
                let row = RowRef { machine: machine.id, key: row.key };
                all.push(Totals { row, name: words::row_place(scene, row), sums });
            }
        }
    }
    all
}

/// A column: states that are called the same.
#[derive(Clone, Debug, PartialEq)]
struct Column {
    states: Vec<State>,
    width: f32,
}

impl Column {
    fn of(&self, totals: &Totals) -> i64 {
        self.states.iter().map(|s| totals.of(*s)).sum()
    }

    fn first(&self) -> State {
        self.states.first().copied().unwrap_or_default()
    }
}

/// States that occur, the quiet ones last, else by time.
fn columns_of(rows: &[Totals], theme: &Theme) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for state in State::ALL.iter().copied().filter(|s| *s != State::None) {
        if rows.iter().all(|r| r.of(state) == 0) {
            continue;
        }
        let name = &theme.state(state).name;
        match columns.iter_mut().find(|c| theme.state(c.first()).name == *name) {
            Some(column) => column.states.push(state),
            // Wide enough for most names; the rest is cut and told when asked.
            None => {
                let width = (name.chars().count() as f32 * 6.2 + 36.0).clamp(COLUMN, 170.0);
                columns.push(Column { states: vec![state], width });
            }
        }
    }
    let sum = |c: &Column| rows.iter().map(|r| i128::from(c.of(r))).sum::<i128>();
    columns.sort_by_cached_key(|c| (c.first().is_quiet(), Reverse(sum(c))));
    columns
}

fn sort_rows(rows: &mut [Totals], sort: Sort) {
    match sort {
        Sort::State(column) => {
            let of = |t: &Totals| column.iter().map(|s| t.of(s)).sum::<i64>();
            rows.sort_by(|a, b| of(b).cmp(&of(a)).then_with(|| a.name.cmp(&b.name)));
        }
        Sort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        Sort::Busy => rows.sort_by(|a, b| b.busy().cmp(&a.busy()).then_with(|| a.name.cmp(&b.name))),
    }
}

impl Statistics {
    /// Nothing counted yet.
    pub fn new(wake: Wake) -> Self {
        let worker = Worker::new("statistics", wake, |question: Question, cancel, tell| {
            let Question { key, scene } = question;
            let rows = totals(&scene, key.kind, key.range, cancel);
            if !cancel.is_cancelled() {
                tell(rows);
            }
        });
        Self { worker, kind: RowKind::Thread, asked: None, shown: None, sort: Sort::Busy }
    }

    /// Whether nothing is being counted.
    pub fn is_idle(&self) -> bool {
        self.worker.is_idle()
    }

    /// Waits until nothing is counted any more; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.worker.wait(longest)
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let range = cx.state.view.range().unwrap_or(cx.state.view.window);
        let key = Key { version: cx.state.scene.version, range, kind: self.kind };
        if self.asked.as_ref() != Some(&key) {
            self.asked = Some(key.clone());
            self.worker.ask(Question { key, scene: cx.state.scene.clone() });
        }
        if let Some(mut rows) = self.worker.take().pop() {
            sort_rows(&mut rows, self.sort);
            let columns = columns_of(&rows, cx.theme);
            self.shown = Some(Shown { rows, columns });
        }
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        self.choices_ui(ui, cx, range);
        if cx.state.scene.machines.is_empty() {
            ui.label(RichText::new("Reading…").color(cx.theme.secondary));
            return;
        }
        let Some(Shown { rows, columns }) = &self.shown else { return };
        let mut sort = None;
        ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
            sort = header_ui(ui, cx.theme, columns, self.sort);
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical().auto_shrink(false).show_rows(ui, Sizes::ROW, rows.len(), |ui, shown| {
                for totals in &rows[shown] {
                    row_ui(ui, cx, totals, columns, range);
                }
            });
        });
        if let Some(sort) = sort {
            self.sort = sort;
            if let Some(shown) = &mut self.shown {
                sort_rows(&mut shown.rows, sort);
            }
        }
    }

    fn choices_ui(&mut self, ui: &mut Ui, cx: &FrameContext<'_>, range: TimeRange<RefNs>) {
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID / 2.0);
            let vms = cx.state.scene.enters_guests;
            for (kind, name) in [
                (RowKind::Thread, "Threads"),
                (RowKind::Cpu, "CPUs"),
                (RowKind::Irq, "Interrupts"),
                (RowKind::Vcpu, "vCPUs"),
                (RowKind::VmThread, "Tasks in VMs"),
            ] {
                if !vms && matches!(kind, RowKind::Vcpu | RowKind::VmThread) {
                    continue;
                }
                if ui.selectable_label(self.kind == kind, RichText::new(name).size(Sizes::SMALL)).clicked() {
                    self.kind = kind;
                }
            }
            ui.add_space(Sizes::GRID);
            let of = if cx.state.view.range().is_some() { "the selection" } else { "the window" };
            let text = format!("time per state in {of}, {}", duration(range.length()));
            ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
        });
    }
}

/// Draws the titles; returns what somebody wants to sort by.
fn header_ui(ui: &mut Ui, theme: &Theme, columns: &[Column], sort: Sort) -> Option<Sort> {
    let width = width_of(columns);
    let (rect, _) = ui.allocate_exact_size(vec2(width.max(ui.available_width()), HEADER), Sense::hover());
    let mut x = rect.left();
    let mut wanted = None;
    let mut title = |width: f32, text: &str, by: Option<Sort>, state: Option<State>| {
        let cell = egui::Rect::from_min_size(egui::pos2(x, rect.top()), vec2(width, HEADER));
        x += width;
        let painter = ui.painter();
        let mut inner = cell.shrink2(vec2(8.0, 0.0));
        if let Some(state) = state {
            let square =
                egui::Rect::from_center_size(egui::pos2(inner.left() + 5.0, inner.center().y), vec2(10.0, 9.0));
            swatch(painter, square, theme, state);
            inner.min.x += 15.0;
        }
        let active = by == Some(sort);
        let color = if active { theme.text } else { theme.secondary };
        let cut = line_ui(painter, inner, Align2::LEFT_CENTER, text, Theme::small_font(), color);
        let Some(by) = by else { return };
        if active {
            painter.hline(inner.x_range(), cell.bottom() - 1.0, egui::Stroke::new(1.5, theme.accent));
        }
        let response = ui.interact(cell, ui.scope_id().with(("title", text)), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, true, active, format!("Sort by {text}")));
        let response = if cut { response.on_hover_text(text) } else { response };
        if response.clicked() {
            wanted = Some(by);
        }
    };
    title(NAME, "Row", Some(Sort::Name), None);
    title(SHARES, "Shares", None, None);
    title(COLUMN, "Busy", Some(Sort::Busy), None);
    for column in columns {
        let states = column.states.iter().fold(StateSet::default(), |set, s| set.with(*s));
        let name = &theme.state(column.first()).name;
        title(column.width, name, Some(Sort::State(states)), Some(column.first()));
    }
    wanted
}

fn width_of(columns: &[Column]) -> f32 {
    NAME + SHARES + COLUMN + columns.iter().map(|c| c.width).sum::<f32>()
}

fn row_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, totals: &Totals, columns: &[Column], range: TimeRange<RefNs>) {
    let width = width_of(columns).max(ui.available_width());
    let (rect, response) = ui.allocate_exact_size(vec2(width, Sizes::ROW), Sense::click());
    let selected = cx.state.view.row == Some(totals.row);
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(Role::ListItem, true, selected, format!("totals {}", totals.name));
        info.current_text_value = Some(format!("busy {}", duration(Dur(totals.busy()))));
        info
    });
    let painter = ui.painter();
    let theme = cx.theme;
    if selected {
        painter.rect_filled(rect, 0.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        painter.rect_filled(rect, 0.0, theme.raised);
    }
    let stripe = egui::Rect::from_min_size(rect.min + vec2(2.0, 4.0), vec2(Sizes::STRIPE, Sizes::ROW - 8.0));
    painter.rect_filled(stripe, 1.0, theme.machine(totals.row.machine));
    let mut x = rect.left();
    let mut cell = |width: f32| {
        let cell = egui::Rect::from_min_size(egui::pos2(x, rect.top()), vec2(width, Sizes::ROW));
        x += width;
        cell.shrink2(vec2(8.0, 0.0))
    };
    let left = Align2::LEFT_CENTER;
    let cut = line_ui(painter, cell(NAME), left, &totals.name, Theme::small_font(), theme.text);
    let whole = range.length().0.max(1) as f64;
    let mut shares: Vec<(State, f64)> =
        columns.iter().map(|c| (c.first(), c.of(totals) as f64 / whole)).filter(|(_, share)| *share > 0.0).collect();
    // Loud states first, so that they stand at the same end in every row.
    shares.sort_by_key(|(state, _)| state.is_quiet());
    share_bar(painter, cell(SHARES).shrink2(vec2(0.0, 6.0)), theme, &shares);
    let number = |rect: egui::Rect, ns: i64, color| {
        if ns > 0 {
            line_ui(painter, rect, left, &duration(Dur(ns)), Theme::small_font(), color);
        }
    };
    number(cell(COLUMN), totals.busy(), theme.text);
    for column in columns {
        let loud = matches!(column.first(), State::Preempted | State::PreemptedByHost);
        let color = if loud { theme.alarm } else { theme.secondary };
        number(cell(column.width), column.of(totals), color);
    }
    let response = if cut { response.on_hover_text(&totals.name) } else { response };
    if response.clicked() {
        cx.send(Command::SelectRow(Some(totals.row)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::timeline::fake;

    #[test]
    fn every_row_accounts_for_its_time_in_the_range() {
        let scene = fake::small();
        let range = TimeRange::new(RefNs(1_000_000), RefNs(7_000_000));
        let mut rows = totals(&scene, RowKind::Thread, range, &Cancel::default());
        let bash = rows.iter().find(|t| t.name == "bash 100").unwrap();
        assert_eq!(bash.of(State::RunningUser), 1_500_000);
        assert_eq!(bash.of(State::RunningSyscall), 1_000_000);
        assert_eq!(bash.sums.iter().sum::<i64>(), 6_000_000);
        sort_rows(&mut rows, Sort::State(StateSet::default().with(State::Preempted)));
        assert_eq!(rows[0].name, "CPU 0/KVM 401");
        sort_rows(&mut rows, Sort::Busy);
        assert!(rows.windows(2).all(|w| w[0].busy() >= w[1].busy()));
        let columns = columns_of(&rows, Theme::dark());
        assert_eq!(columns.last().map(Column::first), Some(State::Blocked), "quiet states come last: {columns:?}");
        let cancelled = Cancel::default();
        cancelled.cancel();
        assert!(totals(&scene, RowKind::Cpu, range, &cancelled).is_empty());
    }
}
