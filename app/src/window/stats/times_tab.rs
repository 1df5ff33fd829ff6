//! The table of times: per state of every row in the selected range, or in the window if none is selected; first
//! of all rows together.

use std::cmp::Reverse;
use std::sync::Arc;

use egui::{Align2, ScrollArea, Sense, Ui, WidgetInfo, accesskit::Role, vec2};
use stratoscope_core::store::StateSums;
use stratoscope_core::vocab::{Dur, RefNs, RowKind, State, StateSet, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::joint::computed::{Along, Computed};
use crate::window::joint::empty::{Empty, empty_ui};
use crate::window::parts::{line_ui, share_bar, swatch};
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::stats::times::{Group, Totals, sum, totals};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::scene::Scene;
use crate::window::words;
use crate::window::worker::Wake;

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    State(StateSet),
    Name,
    Busy,
}

/// What cells say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// How long.
    #[default]
    Time,
    /// How often.
    Count,
}

/// How lines are sorted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Order {
    sort: Sort,
    measure: Measure,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    range: TimeRange<RefNs>,
    kind: RowKind,
    group: Group,
    order: Along<Order>,
    /// Where states' names are from: those of the dark theme, or of the light one.
    dark: bool,
}

/// The table's memory between frames.
pub struct TimesTab {
    /// Rows are looked at where the scene has them: they may slide while nothing else changes.
    shown: Computed<Key, Shown, Scene>,
    /// What is one line.
    pub group: Group,
    /// What cells say.
    pub measure: Measure,
    sort: Sort,
}

/// What was counted last.
struct Shown {
    range: TimeRange<RefNs>,
    order: Order,
    rows: Vec<Totals>,
    all: StateSums,
    columns: Vec<Column>,
    /// How many events the stretch has.
    events: Option<u64>,
}

const NAME: f32 = 230.0;
const COLUMN: f32 = 104.0;
const SHARES: f32 = 150.0;
const HEADER: f32 = 22.0;

/// A column: states that are called the same.
#[derive(Clone, Debug, PartialEq)]
struct Column {
    states: Vec<State>,
    width: f32,
}

impl Column {
    /// Nanoseconds in its states.
    fn time(&self, sums: &StateSums) -> i64 {
        self.states.iter().map(|s| sums.time(*s).0).sum()
    }

    /// How often its states occurred.
    fn count(&self, sums: &StateSums) -> u64 {
        self.states.iter().map(|s| sums.count(*s)).sum()
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
    let sum = |c: &Column| rows.iter().map(|r| i128::from(c.time(&r.sums))).sum::<i128>();
    columns.sort_by_cached_key(|c| (c.first().is_quiet(), Reverse(sum(c))));
    columns
}

fn sort_rows(rows: &mut [Totals], order: Order) {
    match order.sort {
        Sort::State(column) => {
            let of = |t: &Totals| match order.measure {
                Measure::Time => column.iter().map(|s| t.of(s)).sum::<i64>(),
                Measure::Count => column.iter().map(|s| t.sums.count(s) as i64).sum::<i64>(),
            };
            rows.sort_by(|a, b| of(b).cmp(&of(a)).then_with(|| a.name.cmp(&b.name)));
        }
        Sort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        Sort::Busy => rows.sort_by(|a, b| b.busy().cmp(&a.busy()).then_with(|| a.name.cmp(&b.name))),
    }
}

/// Why there is no row of a kind, and what would have to be recorded.
fn lacks(kind: RowKind) -> (&'static str, Option<Need>) {
    match kind {
        RowKind::Irq => ("There is no interrupt: the traces have no irq_handler_entry events.", Some(Need::Cpus)),
        RowKind::Softirq => ("There is no softirq: the traces have no softirq_entry events.", Some(Need::Cpus)),
        RowKind::Vcpu => ("There is no vCPU: the traces have no kvm_entry events.", Some(Need::Host)),
        RowKind::VmThread => {
            ("There is no task inside a VM: no guest's trace is open beside its host's, or clocks differ.", None)
        }
        RowKind::Thread | RowKind::Cpu | RowKind::PhysicalCpu => {
            ("There is no row of this kind: the traces have no sched_switch events.", Some(Need::Threads))
        }
    }
}

impl TimesTab {
    /// Nothing counted yet.
    pub fn new(wake: Wake) -> Self {
        let shown = Computed::new("statistics", wake, |key: &Key, scene: &Scene, cancel| {
            let Key { range, kind, group, order: Along(order), dark } = *key;
            let theme = if dark { Theme::dark() } else { Theme::light() };
            let mut rows = totals(scene, kind, range, group, cancel);
            let events = &scene.facts.events;
            let count = || events.row_at(range.end).saturating_sub(events.row_at(range.begin));
            // What was cancelled is shown to nobody.
            let events = (!events.is_empty() && !cancel.is_cancelled()).then(count);
            sort_rows(&mut rows, order);
            Shown { range, order, all: sum(&rows), columns: columns_of(&rows, theme), rows, events }
        });
        Self { shown, group: Group::Each, measure: Measure::Time, sort: Sort::Busy }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.shown.reset();
    }

    /// Waits until nothing is counted any more; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.shown.wait(longest)
    }

    /// Draws the table over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, kind: RowKind, range: TimeRange<RefNs>) {
        self.ask(cx, kind, range);
        let Some(Shown { range, rows, all, columns, .. }) = self.shown.get() else { return };
        if rows.is_empty() && !cx.info.is_busy() {
            let (what, need) = lacks(kind);
            empty_ui(ui, cx, &Empty { what, more: &[], need, about: "statistics" });
            return;
        }
        let measure = self.measure;
        let mut sort = None;
        ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            sort = header_ui(ui, cx.theme, columns, self.sort);
            let line = |row: Option<RowRef>, name: &str, sums: &StateSums, rows: u32| LineOf {
                row,
                name: name.to_owned(),
                sums: *sums,
                rows,
                range: *range,
                measure,
            };
            if rows.len() > 1 {
                let number = rows.iter().map(|r| r.rows).sum::<u32>();
                let name = format!("All {}", words::count(u64::from(number), "row"));
                line(None, &name, all, number).ui(ui, cx, columns);
            }
            ScrollArea::vertical().auto_shrink(false).show_rows(ui, Sizes::ROW, rows.len(), |ui, shown| {
                for of in &rows[shown] {
                    line(Some(of.row), &of.name, &of.sums, of.rows).ui(ui, cx, columns);
                }
            });
        });
        if let Some(sort) = sort {
            self.sort = sort;
            self.order();
        }
    }

    /// Sorts anew, as after another measure was chosen.
    pub fn order(&mut self) {
        let order = self.wanted();
        if let Some(shown) = self.shown.get_mut().filter(|shown| shown.order != order) {
            sort_rows(&mut shown.rows, order);
            shown.order = order;
        }
    }

    fn wanted(&self) -> Order {
        Order { sort: self.sort, measure: self.measure }
    }

    fn ask(&mut self, cx: &FrameContext<'_>, kind: RowKind, range: TimeRange<RefNs>) {
        let scene = &cx.state.scene;
        let key = Key { range, kind, group: self.group, order: Along(self.wanted()), dark: cx.state.dark };
        if self.shown.ask_of(key, scene.version, || Arc::new(scene.clone())) {
            self.order();
        }
    }

    /// How many events the stretch has that was counted last, if that is known.
    pub fn events(&self) -> Option<u64> {
        self.shown.get()?.events
    }

    /// The table as text: times and numbers of all states.
    pub fn sheet(&self, theme: &Theme) -> Sheet {
        let Some(shown) = self.shown.get() else { return Sheet::default() };
        let mut sheet = Sheet::new(&[("Row", "row"), ("Rows", "rows"), ("Busy", "busy_ns")]);
        let states: Vec<State> = shown.columns.iter().flat_map(|c| c.states.iter().copied()).collect();
        for state in &states {
            let name = &theme.state(*state).name;
            sheet.titles.push((name.to_string(), format!("{}_ns", state.name())));
            sheet.titles.push((format!("{name}, count"), format!("{}_count", state.name())));
        }
        for of in &shown.rows {
            let mut row = vec![Field::Text(of.name.clone()), Field::Count(of.rows.into()), Field::Time(Dur(of.busy()))];
            for state in &states {
                row.push(Field::Time(of.sums.time(*state)));
                row.push(Field::Count(of.sums.count(*state)));
            }
            sheet.rows.push(row);
        }
        sheet
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

/// A line as it is drawn.
struct LineOf {
    row: Option<RowRef>,
    name: String,
    sums: StateSums,
    rows: u32,
    range: TimeRange<RefNs>,
    measure: Measure,
}

impl LineOf {
    fn busy(&self) -> i64 {
        State::ALL.iter().filter(|s| !s.is_quiet()).map(|s| self.sums.time(*s).0).sum()
    }

    fn ui(&self, ui: &mut Ui, cx: &mut FrameContext<'_>, columns: &[Column]) {
        let width = width_of(columns).max(ui.available_width());
        let sense = if self.row.is_some() { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(vec2(width, Sizes::ROW), sense);
        let selected = self.row.is_some() && cx.state.view.row == self.row;
        response.widget_info(|| {
            let mut info = WidgetInfo::selected(Role::ListItem, true, selected, format!("totals {}", self.name));
            info.current_text_value = Some(format!("busy {}", duration(Dur(self.busy()))));
            info
        });
        let painter = ui.painter();
        let theme = cx.theme;
        if selected {
            painter.rect_filled(rect, 0.0, ui.visuals().selection.bg_fill);
        } else if response.hovered() && self.row.is_some() {
            painter.rect_filled(rect, 0.0, theme.raised);
        }
        if let Some(row) = self.row {
            let stripe = egui::Rect::from_min_size(rect.min + vec2(2.0, 4.0), vec2(Sizes::STRIPE, Sizes::ROW - 8.0));
            painter.rect_filled(stripe, 1.0, theme.machine(row.machine));
        } else {
            painter.hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, theme.line));
        }
        let mut x = rect.left();
        let mut cell = |width: f32| {
            let cell = egui::Rect::from_min_size(egui::pos2(x, rect.top()), vec2(width, Sizes::ROW));
            x += width;
            cell
        };
        let inner = |cell: egui::Rect| cell.shrink2(vec2(8.0, 0.0));
        let left = Align2::LEFT_CENTER;
        let pointer = response.hover_pos();
        let place = cell(NAME);
        let cut = line_ui(painter, inner(place), left, &self.name, Theme::small_font(), theme.text);
        let mut told = (cut && pointer.is_some_and(|p| place.contains(p))).then(|| self.name.clone());
        // Of several rows the mean, so that bars of all lines mean the same.
        let whole = self.range.length().0.max(1) as f64 * f64::from(self.rows.max(1));
        let share = |c: &Column| (c.first(), c.time(&self.sums) as f64 / whole);
        let mut shares: Vec<(State, f64)> = columns.iter().map(share).filter(|(_, share)| *share > 0.0).collect();
        // Loud states first, so that they stand at the same end in every row.
        shares.sort_by_key(|(state, _)| state.is_quiet());
        share_bar(painter, inner(cell(SHARES)).shrink2(vec2(0.0, 6.0)), theme, &shares);
        let busy = self.busy();
        if busy > 0 {
            line_ui(painter, inner(cell(COLUMN)), left, &duration(Dur(busy)), Theme::small_font(), theme.text);
        } else {
            cell(COLUMN);
        }
        for column in columns {
            let place = cell(column.width);
            let (time, count) = (column.time(&self.sums), column.count(&self.sums));
            if time == 0 {
                continue;
            }
            let loud = matches!(column.first(), State::Preempted | State::PreemptedByHost);
            let color = if loud { theme.alarm } else { theme.secondary };
            let text = match self.measure {
                Measure::Time => duration(Dur(time)),
                Measure::Count => words::grouped(count),
            };
            line_ui(painter, inner(place), left, &text, Theme::small_font(), color);
            if pointer.is_some_and(|p| place.contains(p)) {
                let (name, times) = (&theme.state(column.first()).name, words::count(count, "time"));
                let part = time as f64 * 100.0 / whole;
                told = Some(format!("{name}: {times}, {} altogether, {part:.1} % of the time", duration(Dur(time))));
            }
        }
        let response = match told {
            Some(words) => response.on_hover_text(words),
            None => response,
        };
        if response.clicked() {
            cx.send(Command::SelectRow(self.row));
        }
    }
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::Cancel;

    use super::*;
    use crate::window::timeline::fake;

    #[test]
    fn rows_are_sorted_by_time_or_number_and_quiet_states_come_last() {
        let scene = fake::small();
        let range = TimeRange::new(RefNs(1_000_000), RefNs(7_000_000));
        let mut rows = totals(&scene, RowKind::Thread, range, Group::Each, &Cancel::default());
        sort_rows(
            &mut rows,
            Order { sort: Sort::State(StateSet::default().with(State::Preempted)), measure: Measure::Time },
        );
        assert_eq!(rows[0].name, "CPU 0/KVM 401");
        sort_rows(
            &mut rows,
            Order { sort: Sort::State(StateSet::default().with(State::RunningUser)), measure: Measure::Count },
        );
        assert_eq!((rows[0].name.as_str(), rows[0].sums.count(State::RunningUser)), ("CPU 0/KVM 401", 3));
        sort_rows(&mut rows, Order { sort: Sort::Busy, measure: Measure::Time });
        assert!(rows.windows(2).all(|w| w[0].busy() >= w[1].busy()));
        let columns = columns_of(&rows, Theme::dark());
        assert_eq!(columns.last().map(Column::first), Some(State::Blocked), "quiet states come last: {columns:?}");
    }
}
