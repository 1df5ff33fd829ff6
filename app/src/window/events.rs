//! The table of events: any number of rows, of which only those on the screen are read and drawn.
//!
//! egui scrolls in single floats, which cannot tell neighbours apart among a hundred million rows. So the table
//! keeps the number of its first row, and maps wheel and scroll bar to row numbers itself.

use egui::{Align2, CursorIcon, Rect, Sense, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2};
use stratoscope_core::vocab::RefNs;

use crate::window::axis::Clock;
use crate::window::command::{Command, Direction, RowStep};
use crate::window::event_pages::{EventLine, EventPages};
use crate::window::export::{ExportCommand, Writing, menu};
use crate::window::frame::FrameContext;
use crate::window::layout::PaneKind;
use crate::window::parts::line_ui;
use crate::window::theme::{Sizes, Theme};
use crate::window::words;

/// The events pane's memory between frames.
pub struct EventsPane {
    /// Number of the topmost row.
    first: u64,
    /// How much of it is scrolled away, in points.
    offset: f32,
    /// How many rows fit.
    fit: u64,
    /// The selected instant that the table went to last.
    followed: Option<RefNs>,
    /// The row of the selected instant.
    marked: Option<u64>,
    /// The begin of the window to which the table has gone, as it does for those that nobody chose.
    placed: Option<RefNs>,
    /// A row that shall be selected as soon as it is read.
    select: Option<u64>,
    /// Where the scroll bar was taken: the pointer's height in its thumb.
    grip: Option<f32>,
    columns: [f32; 4],
    /// A column border that is moved, and where its column begins.
    moved: Option<(usize, f32)>,
}

/// Titles of columns; the last one takes the room that is left.
const TITLES: [&str; 5] = ["Time", "Machine", "CPU", "Event", "Fields"];
/// Their widths at first.
const WIDTHS: [f32; 4] = [158.0, 88.0, 44.0, 210.0];
const MIN_COLUMN: f32 = 32.0;
const HEADER: f32 = 22.0;
const BAR: f32 = 10.0;
const MIN_THUMB: f32 = 24.0;
/// How many rows stay in sight on the other side when the table moves to a row.
const CONTEXT: u64 = 3;

impl Default for EventsPane {
    fn default() -> Self {
        Self {
            first: 0,
            offset: 0.0,
            fit: 1,
            followed: None,
            marked: None,
            placed: None,
            select: None,
            grip: None,
            columns: WIDTHS,
            moved: None,
        }
    }
}

/// The first row after scrolling by `points`, and how much of it is scrolled away.
fn scrolled(first: u64, offset: f32, points: f32, last_first: u64) -> (u64, f32) {
    let total = offset + points;
    let rows = (total / Sizes::ROW).floor();
    let rest = total - rows * Sizes::ROW;
    // At most some thousand rows a frame: exact in any float.
    let first = if rows < 0.0 { first.checked_sub(-rows as u64) } else { first.checked_add(rows as u64) };
    match first {
        None => (0, 0.0),
        Some(first) if first >= last_first => (last_first, 0.0),
        Some(first) => (first, rest),
    }
}

/// Where the thumb of the scroll bar begins, as a share of its way, and back.
fn share_of(first: u64, last_first: u64) -> f64 {
    if last_first == 0 { 0.0 } else { first.min(last_first) as f64 / last_first as f64 }
}

fn first_at(share: f64, last_first: u64) -> u64 {
    ((share.clamp(0.0, 1.0) * last_first as f64).round() as u64).min(last_first)
}

impl EventsPane {
    /// Other traces are open.
    pub fn reset(&mut self) {
        *self = Self { columns: self.columns, ..Self::default() };
    }

    /// The row of the instant that was asked for is known; it is marked if that instant is selected.
    pub fn located(&mut self, row: u64, len: u64, selected: bool) {
        self.marked = Some(row).filter(|_| selected);
        self.show_row(row, len);
    }

    /// Goes to a row, unless it is on the screen already.
    pub fn show_row(&mut self, row: u64, len: u64) {
        let inside = row >= self.first + u64::from(self.offset > 0.0) && row + 1 < self.first + self.fit;
        if !inside {
            let above = if row < self.first { CONTEXT } else { self.fit.saturating_sub(CONTEXT + 1) };
            // From far away the row comes to the middle: both sides are equally new.
            let far = row.abs_diff(self.first) > 4 * self.fit;
            let above = if far { self.fit / 2 } else { above };
            self.first = row.saturating_sub(above).min(len.saturating_sub(self.fit));
            self.offset = 0.0;
        }
    }

    /// Selects another row, as soon as it is read.
    pub fn step(&mut self, step: RowStep, selected: Option<u64>, len: u64) {
        let Some(last) = len.checked_sub(1) else { return };
        let at = self.select.or(selected).or(self.marked).unwrap_or(self.first);
        let page = self.fit.saturating_sub(2).max(1);
        let row = match step {
            RowStep::One(Direction::Back) => at.saturating_sub(1),
            RowStep::One(Direction::Forward) => at + 1,
            RowStep::Page(Direction::Back) => at.saturating_sub(page),
            RowStep::Page(Direction::Forward) => at + page,
            RowStep::End(Direction::Back) => 0,
            RowStep::End(Direction::Forward) => last,
        };
        self.select = Some(row.min(last));
        self.show_row(row.min(last), len);
    }

    /// Asks for the row of the selected instant, if somebody else selected it.
    pub fn follow(&mut self, cx: &FrameContext<'_>, pages: &mut EventPages) {
        if let Some(event) = cx.state.event {
            if self.followed != Some(event.t) || self.marked != Some(event.row) {
                self.followed = Some(event.t);
                self.marked = Some(event.row);
                self.show_row(event.row, pages.len());
            }
            return;
        }
        let begin = cx.state.view.window.begin;
        let given = self.placed.is_none() || cx.state.given == Some(cx.state.view.window);
        if given && self.placed != Some(begin) && cx.state.placed && !pages.is_empty() {
            self.placed = Some(begin);
            if cx.state.view.selection.is_none() {
                pages.locate(begin);
            }
        }
        let wanted = cx.state.view.selection.map(|s| s.begin);
        if wanted != self.followed && !pages.is_empty() {
            self.followed = wanted;
            match wanted {
                Some(t) => pages.locate(t),
                None => self.marked = None,
            }
        }
    }

    /// Draws the table over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, pages: &mut EventPages) {
        let rect = ui.available_rect_before_wrap();
        ui.allocate_rect(rect, Sense::hover());
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        let len = pages.len();
        if len == 0 {
            let text = if cx.info.is_busy() { "Reading events…" } else { "There are no events." };
            let font = Theme::body_font();
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, cx.theme.secondary);
            return;
        }
        let header = Rect::from_min_max(rect.min, pos2(rect.right(), rect.top() + HEADER));
        let body = Rect::from_min_max(pos2(rect.left(), header.bottom()), pos2(rect.right() - BAR, rect.bottom()));
        let bar = Rect::from_min_max(pos2(body.right(), body.top()), rect.max);

        self.fit = ((body.height() / Sizes::ROW).floor() as u64).max(1);
        let last_first = len.saturating_sub(self.fit);
        self.first = self.first.min(last_first);
        if ui.rect_contains_pointer(body) {
            let wheel = ui.input(|i| i.smooth_scroll_delta().y);
            (self.first, self.offset) = scrolled(self.first, self.offset, -wheel, last_first);
        }
        self.bar_ui(ui, cx.theme, bar, len, last_first);
        pages.want(self.first, self.fit + 2);
        self.take_selected(cx, pages);

        let columns = self.column_rects(rect);
        self.header_ui(ui, cx.theme, header, &columns);
        let builder = UiBuilder::new().max_rect(body).accessibility_role(Role::List).id_salt("event rows");
        ui.scope_builder(builder, |ui| {
            ui.set_clip_rect(body.intersect(ui.clip_rect()));
            self.rows_ui(ui, cx, pages, body, &columns, len);
        });
    }

    /// A row that was stepped to is read now: select it.
    fn take_selected(&mut self, cx: &mut FrameContext<'_>, pages: &EventPages) {
        if let Some(line) = self.select.and_then(|row| pages.line(row)) {
            self.select = None;
            cx.send(Command::SelectEvent(line.picked()));
        }
    }

    fn column_rects(&self, rect: Rect) -> [Rect; 5] {
        let mut x = rect.left();
        let mut at = 0;
        [0; 5].map(|_: i32| {
            let end = self.columns.get(at).map_or(rect.right() - BAR, |w| (x + w).min(rect.right() - BAR));
            let column = Rect::from_x_y_ranges(x..=end.max(x), rect.y_range());
            x = end.max(x);
            at += 1;
            column
        })
    }

    fn header_ui(&mut self, ui: &Ui, theme: &Theme, rect: Rect, columns: &[Rect; 5]) {
        ui.painter().rect_filled(rect, 0.0, theme.panel);
        for (n, (title, column)) in TITLES.iter().zip(columns).enumerate() {
            let cell = Rect::from_x_y_ranges(column.left() + 8.0..=column.right() - 4.0, rect.y_range());
            line_ui(ui.painter(), cell, Align2::LEFT_CENTER, title, Theme::small_font(), theme.secondary);
            if n + 1 == columns.len() {
                break;
            }
            let x = column.right();
            let handle = Rect::from_x_y_ranges(x - 4.0..=x + 4.0, rect.y_range());
            let id = ui.scope_id().with(("column", n));
            let response = ui.interact(handle, id, Sense::drag()).on_hover_and_drag_cursor(CursorIcon::ResizeColumn);
            response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, format!("Width of {title}")));
            ui.painter().vline(x, rect.shrink(5.0).y_range(), egui::Stroke::new(1.0, theme.line));
            if response.drag_started() {
                self.moved = Some((n, column.left()));
            }
            if let (Some((moved, left)), Some(pos)) = (self.moved, response.interact_pointer_pos())
                && moved == n
            {
                self.columns[n] = (pos.x - left).max(MIN_COLUMN);
            }
            if response.drag_stopped() {
                self.moved = None;
            }
        }
    }

    fn bar_ui(&mut self, ui: &Ui, theme: &Theme, bar: Rect, len: u64, last_first: u64) {
        if last_first == 0 {
            return;
        }
        let shown = (self.fit as f64 / len as f64) as f32;
        let length = (bar.height() * shown).max(MIN_THUMB).min(bar.height());
        let way = (bar.height() - length).max(1.0);
        let response = ui.interact(bar, ui.scope_id().with("events bar"), Sense::click_and_drag());
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ScrollBar, true, "Events");
            info.value = Some(self.first as f64);
            info
        });
        let top = |first: u64| bar.top() + way * share_of(first, last_first) as f32;
        if let Some(pos) = response.interact_pointer_pos() {
            let thumb = top(self.first);
            let grip = *self.grip.get_or_insert_with(|| {
                // Beside the thumb, it comes to the pointer.
                if (thumb..=thumb + length).contains(&pos.y) { pos.y - thumb } else { length / 2.0 }
            });
            let share = f64::from((pos.y - grip - bar.top()) / way);
            self.first = first_at(share, last_first);
            self.offset = 0.0;
        }
        if !response.dragged() && !response.is_pointer_button_down_on() {
            self.grip = None;
        }
        let thumb = Rect::from_min_size(pos2(bar.left() + 2.0, top(self.first)), vec2(BAR - 4.0, length));
        let strong = response.hovered() || self.grip.is_some();
        let color = Theme::mix(theme.ground, theme.text, if strong { 0.45 } else { 0.25 });
        ui.painter().rect_filled(thumb, 3.0, color);
    }

    fn rows_ui(
        &self,
        ui: &Ui,
        cx: &mut FrameContext<'_>,
        pages: &EventPages,
        body: Rect,
        columns: &[Rect; 5],
        len: u64,
    ) {
        let clock = cx.state.clock();
        let selected = cx.state.event.map(|e| e.row);
        for n in 0..=self.fit + 1 {
            let row = self.first + n;
            let top = body.top() + n as f32 * Sizes::ROW - self.offset;
            if row >= len || top > body.bottom() {
                break;
            }
            let rect = Rect::from_min_size(pos2(body.left(), top), vec2(body.width(), Sizes::ROW));
            match pages.line(row) {
                Some(line) => {
                    let marked = selected == Some(row) || (selected.is_none() && self.marked == Some(row));
                    row_ui(ui, cx, line, rect, columns, &clock, marked);
                }
                None => {
                    let text = words::grouped(row + 1);
                    let cell = Rect::from_x_y_ranges(columns[0].x_range().shrink(8.0), rect.y_range());
                    let color = Theme::mix(cx.theme.ground, cx.theme.secondary, 0.5);
                    line_ui(ui.painter(), cell, Align2::LEFT_CENTER, &text, Theme::small_font(), color);
                }
            }
        }
    }
}

fn row_ui(
    ui: &Ui,
    cx: &mut FrameContext<'_>,
    line: &EventLine,
    rect: Rect,
    columns: &[Rect; 5],
    clock: &Clock,
    marked: bool,
) {
    let id = ui.scope_id().with(("event", line.row));
    let response = ui.interact(rect.intersect(ui.clip_rect()), id, Sense::click());
    let time = clock.instant(line.t);
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(Role::ListItem, true, marked, format!("event {} {time}", line.name));
        info.current_text_value = Some(line.text.to_string());
        info
    });
    let theme = cx.theme;
    // What is not looked for steps back.
    let shade = |color| if line.found { color } else { Theme::mix(theme.ground, color, 0.4) };
    let (strong, quiet) = (shade(theme.text), shade(theme.secondary));
    let painter = ui.painter();
    if marked {
        painter.rect_filled(rect, 0.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        painter.rect_filled(rect, 0.0, theme.raised);
    }
    let machine = cx.state.scene.machine(line.machine).map_or("", |m| &*m.name);
    let cpu = line.cpu.known().map_or_else(String::new, |n| n.to_string());
    let cell = |n: usize| Rect::from_x_y_ranges(columns[n].left() + 8.0..=columns[n].right() - 4.0, rect.y_range());
    let left = Align2::LEFT_CENTER;
    let font = Theme::small_font;
    let mut cut = line_ui(painter, cell(0), left, &time, font(), strong);
    let stripe = Rect::from_x_y_ranges(
        columns[1].left() + 2.0..=columns[1].left() + 2.0 + Sizes::STRIPE,
        rect.shrink(4.0).y_range(),
    );
    painter.rect_filled(stripe, 1.0, theme.machine(line.machine));
    cut |= line_ui(painter, cell(1).translate(vec2(3.0, 0.0)), left, machine, font(), quiet);
    cut |= line_ui(painter, cell(2), left, &cpu, font(), quiet);
    cut |= line_ui(painter, cell(3), left, &line.name, font(), strong);
    cut |= line_ui(painter, cell(4), left, &line.text, font(), quiet);
    let response = if cut { response.on_hover_text(format!("{}\n{}", line.name, line.text)) } else { response };
    if response.clicked() {
        cx.send(Command::SelectEvent(line.picked()));
    }
    response.context_menu(|ui| row_menu_ui(ui, cx, line));
    if response.double_clicked() {
        let half = stratoscope_core::vocab::Dur(cx.state.view.window.length().0 / 8);
        let window = stratoscope_core::vocab::TimeRange::new(line.t - half, line.t + half);
        cx.send(Command::SetWindow { window, remember: true });
    }
}

/// The menu of an event.
fn row_menu_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, line: &EventLine) {
    ui.set_min_width(210.0);
    for (text, command) in [
        ("Copy event", Command::Export(ExportCommand::CopyEvent(line.row, Writing::Text))),
        ("Copy event as JSON", Command::Export(ExportCommand::CopyEvent(line.row, Writing::Json))),
    ] {
        if ui.button(text).clicked() {
            cx.send(Command::SelectEvent(line.picked()));
            cx.send(command);
            ui.close();
        }
    }
    ui.separator();
    menu::entries_ui(ui, cx, &PaneKind::Events);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_is_exact_among_a_hundred_million_rows() {
        let last = 100_000_000;
        let (mut first, mut offset) = (99_000_000, 0.0);
        for _ in 0..2_000 {
            (first, offset) = scrolled(first, offset, 7.0, last);
        }
        assert_eq!(first, 99_000_000 + 700);
        for _ in 0..2_000 {
            (first, offset) = scrolled(first, offset, -7.0, last);
        }
        assert_eq!((first, offset.round()), (99_000_000, 0.0));
        assert_eq!(scrolled(3, 0.0, -1e6, last), (0, 0.0));
        assert_eq!(scrolled(last - 3, 0.0, 1e6, last), (last, 0.0));
        assert_eq!(scrolled(0, 0.0, 5.0, 0), (0, 0.0));
    }

    #[test]
    fn the_bar_reaches_both_ends() {
        for last in [0, 1, 1_000, 10_u64.pow(10)] {
            assert_eq!(first_at(0.0, last), 0);
            assert_eq!(first_at(1.0, last), last);
            assert_eq!(first_at(share_of(last / 2, last), last), last / 2);
        }
    }

    #[test]
    fn a_row_on_the_screen_does_not_move_the_table() {
        let mut pane = EventsPane { first: 100, fit: 20, ..EventsPane::default() };
        pane.show_row(105, 1_000);
        assert_eq!(pane.first, 100);
        pane.show_row(125, 1_000);
        assert_eq!(pane.first, 125 - 16);
        pane.show_row(900, 1_000);
        assert_eq!(pane.first, 890);
        pane.show_row(999, 1_000);
        assert!(pane.first + pane.fit >= 1_000);
        pane.step(RowStep::End(Direction::Back), None, 1_000);
        assert_eq!((pane.select, pane.first), (Some(0), 0));
        pane.step(RowStep::One(Direction::Forward), None, 1_000);
        assert_eq!(pane.select, Some(1), "a second step goes on from the first");
    }
}
