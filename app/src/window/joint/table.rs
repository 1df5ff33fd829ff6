//! A table of numbers: titles that sort, rows that can be clicked, only what is seen is made.

use egui::accesskit::Role;
use egui::{Align2, Color32, Painter, Pos2, Rect, Response, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vocab::{MachineId, State};

use crate::window::parts::{line_ui, share_bar};
use crate::window::theme::{Sizes, Theme};

/// The height of the titles.
const HEADER: f32 = 22.0;

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// What it means, in a sentence.
    pub about: &'static str,
    /// Its width in points, where there is just room for all.
    pub width: f32,
    /// Whether it takes the room that is left; if no column does, all of them share it.
    pub grows: bool,
    /// Whether it holds numbers, which stand at the right.
    pub number: bool,
    /// Whether rows can be sorted by it.
    pub sorts: bool,
}

impl Column {
    /// A column of text.
    pub fn text(title: &'static str, width: f32, about: &'static str) -> Self {
        Self { title, about, width, grows: false, number: false, sorts: true }
    }

    /// A column of numbers.
    pub fn number(title: &'static str, width: f32, about: &'static str) -> Self {
        Self { title, about, width, grows: false, number: true, sorts: true }
    }

    /// The same, but it takes the room that is left.
    pub fn growing(mut self) -> Self {
        self.grows = true;
        self
    }

    /// The same, but rows cannot be sorted by it.
    pub fn unsorted(mut self) -> Self {
        self.sorts = false;
        self
    }
}

/// By which column rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column's position.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    /// Largest first.
    pub fn descending(column: usize) -> Self {
        Self { column, descending: true }
    }

    /// After a click on the title of `column`: once more turns the order around. Numbers begin with the largest.
    pub fn clicked(self, column: usize, number: bool) -> Self {
        let descending = if self.column == column { !self.descending } else { number };
        Self { column, descending }
    }

    /// Puts an order around, if that is wanted.
    pub fn of(self, order: std::cmp::Ordering) -> std::cmp::Ordering {
        if self.descending { order.reverse() } else { order }
    }
}

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Text.
    Text(String),
    /// Less important text.
    Quiet(String),
    /// Text about what people look for.
    Loud(String),
    /// Text, and what it means, to be told when the pointer is on it.
    Explained(String, String),
    /// Text after a square: filled with a colour, in which something is drawn of the row elsewhere, or empty.
    Marked(String, Option<Color32>),
    /// A bar of shares of a whole.
    Shares(Vec<(State, f64)>),
    /// A bar of states, each as long as its share of the cell's width; what is left stays empty.
    Stack(Vec<(State, f64)>),
}

/// A row as it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// What a screen reader says.
    pub spoken: String,
    /// The machine whose stripe it bears.
    pub machine: Option<MachineId>,
    /// How far the first cell is moved to the right.
    pub indent: f32,
    /// Whether it is selected.
    pub selected: bool,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// What the user did to a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableOutput {
    /// The new order.
    pub sort: Option<Sort>,
    /// A row was clicked.
    pub clicked: Option<usize>,
    /// A row was clicked twice, or Enter was pressed on it.
    pub opened: Option<usize>,
}

/// Draws a table over the room that is left. `line` makes a row.
pub fn table_ui(
    ui: &mut Ui,
    theme: &Theme,
    columns: &[Column],
    sort: Sort,
    rows: usize,
    mut line: impl FnMut(usize) -> Line,
) -> TableOutput {
    let mut output = TableOutput::default();
    ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        // The scroll bar floats over the right end: numbers keep clear of it.
        let widths = widths(columns, ui.available_width() - 12.0);
        output.sort = header_ui(ui, theme, columns, &widths, sort);
        ScrollArea::vertical().auto_shrink(false).show_rows(ui, Sizes::ROW, rows, |ui, shown| {
            for n in shown {
                let response = row_ui(ui, theme, columns, &widths, &line(n));
                let enter = response.has_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
                if response.clicked() {
                    output.clicked = Some(n);
                }
                if response.double_clicked() || enter {
                    output.opened = Some(n);
                }
            }
        });
    });
    output
}

/// How much of their width columns of text give away where there is too little room; beyond that a table is
/// scrolled sideways.
const SHRINK: f32 = 0.5;

/// The widths of columns in so much room.
fn widths(columns: &[Column], room: f32) -> Vec<f32> {
    let sum = |of: &dyn Fn(&Column) -> bool| columns.iter().filter(|c| of(c)).map(|c| c.width).sum::<f32>();
    let extra = room - sum(&|_| true);
    let any = columns.iter().any(|c| c.grows);
    // Numbers that are cut say something else; text that is cut has an ellipsis.
    let changes = |c: &Column| if extra < 0.0 { !c.number } else { c.grows || !any };
    let share = (extra / sum(&changes).max(1.0)).max(-SHRINK);
    columns.iter().map(|c| if changes(c) { c.width * (1.0 + share) } else { c.width }).collect()
}

fn header_ui(ui: &mut Ui, theme: &Theme, columns: &[Column], widths: &[f32], sort: Sort) -> Option<Sort> {
    let width = widths.iter().sum::<f32>().max(ui.available_width());
    let (rect, _) = ui.allocate_exact_size(vec2(width, HEADER), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, theme.line));
    let mut x = rect.left();
    let mut wanted = None;
    for (n, (column, width)) in columns.iter().zip(widths).enumerate() {
        let cell = Rect::from_min_size(pos2(x, rect.top()), vec2(*width, HEADER));
        x += width;
        let inner = cell.shrink2(vec2(8.0, 0.0));
        let active = sort.column == n && column.sorts;
        let color = if active { theme.text } else { theme.secondary };
        let align = if column.number { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
        line_ui(ui.painter(), inner, align, column.title, Theme::small_font(), color);
        if active {
            ui.painter().hline(inner.x_range(), cell.bottom() - 1.0, egui::Stroke::new(1.5, theme.accent));
        }
        let sense = if column.sorts { Sense::click() } else { Sense::hover() };
        let response = ui.interact(cell, ui.scope_id().with(("title", n)), sense);
        let spoken = if column.sorts { format!("Sort by {}", column.title) } else { column.title.to_owned() };
        response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, true, active, &spoken));
        let response = if column.about.is_empty() { response } else { response.on_hover_text(column.about) };
        if response.clicked() {
            wanted = Some(sort.clicked(n, column.number));
        }
    }
    wanted
}

fn row_ui(ui: &mut Ui, theme: &Theme, columns: &[Column], widths: &[f32], line: &Line) -> Response {
    let width = widths.iter().sum::<f32>().max(ui.available_width());
    let (rect, response) = ui.allocate_exact_size(vec2(width, Sizes::ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, line.selected, &line.spoken));
    let painter = ui.painter();
    if line.selected {
        painter.rect_filled(rect, 0.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, 0.0, theme.raised);
    }
    if let Some(machine) = line.machine {
        let stripe = Rect::from_min_size(rect.min + vec2(2.0, 4.0), vec2(Sizes::STRIPE, Sizes::ROW - 8.0));
        painter.rect_filled(stripe, 1.0, theme.machine(machine));
    }
    let pointer = response.hover_pos();
    let mut told = None;
    let mut x = rect.left();
    for (n, (column, width)) in columns.iter().zip(widths).enumerate() {
        let cell = Rect::from_min_size(pos2(x, rect.top()), vec2(*width, Sizes::ROW));
        x += width;
        let mut inner = cell.shrink2(vec2(8.0, 0.0));
        if n == 0 {
            inner.min.x += line.indent;
        }
        let here = pointer.is_some_and(|p| cell.contains(p));
        let Some(content) = line.cells.get(n) else { continue };
        let align = if column.number { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
        if let Cell::Marked(_, color) = content {
            mark(painter, pos2(inner.left() + 6.0, inner.center().y), theme, *color);
            inner.min.x += 18.0;
        }
        let mut text = |text: &str, color: Color32| {
            let cut = line_ui(painter, inner, align, text, Theme::small_font(), color);
            if cut && here {
                told = Some(text.to_owned());
            }
        };
        match content {
            Cell::Empty => {}
            Cell::Text(words) | Cell::Marked(words, _) => text(words, theme.text),
            Cell::Quiet(words) => text(words, theme.secondary),
            Cell::Loud(words) => text(words, theme.alarm),
            Cell::Explained(words, about) => {
                text(words, theme.text);
                if here {
                    told = Some(format!("{words}: {about}"));
                }
            }
            Cell::Shares(parts) => share_bar(painter, inner.shrink2(vec2(0.0, 6.0)), theme, parts),
            Cell::Stack(parts) => {
                let whole: f64 = parts.iter().map(|(_, share)| share).sum::<f64>().clamp(0.0, 1.0);
                let mut bar = inner.shrink2(vec2(0.0, 6.0));
                bar.set_width((bar.width() * whole as f32).max(1.0));
                let parts: Vec<(State, f64)> = parts.iter().map(|(s, share)| (*s, share / whole.max(1e-9))).collect();
                share_bar(painter, bar, theme, &parts);
            }
        }
    }
    match told {
        Some(words) => response.on_hover_text(words),
        None => response,
    }
}

/// A square, filled or empty.
fn mark(painter: &Painter, center: Pos2, theme: &Theme, color: Option<Color32>) {
    let square = Rect::from_center_size(center, vec2(10.0, 10.0));
    match color {
        Some(color) => {
            painter.rect_filled(square, 2.0, color);
        }
        None => {
            let stroke = egui::Stroke::new(1.0, Theme::mix(theme.ground, theme.secondary, 0.6));
            painter.rect_stroke(square.shrink(0.5), 2.0, stroke, egui::StrokeKind::Inside);
        }
    }
}

/// A share in percent, never a zero for something.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        p if p < 0.01 => "< 0.01 %".to_owned(),
        p if p < 9.995 => format!("{p:.2} %"),
        p => format!("{p:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;

    #[test]
    fn titles_sort_and_rows_are_clicked() {
        let mut h = Harness::builder().with_size(vec2(600.0, 200.0)).build_ui_state(
            |ui, state: &mut (Sort, Option<usize>)| {
                let columns = [Column::text("Name", 100.0, ""), Column::number("Time", 80.0, "How long")];
                let output = table_ui(ui, Theme::dark(), &columns, state.0, 1000, |n| Line {
                    spoken: format!("row {n}"),
                    cells: vec![Cell::Text(n.to_string()), Cell::Loud("8 ms".to_owned())],
                    ..Line::default()
                });
                if let Some(sort) = output.sort {
                    state.0 = sort;
                }
                state.1 = output.clicked.or(state.1);
            },
            (Sort::descending(1), None),
        );
        h.run();
        assert!(h.query_by_label("row 900").is_none(), "only what is seen is made");
        h.get_by_label("row 2").click();
        h.run();
        assert_eq!(h.state().1, Some(2));
        h.get_by_label("Sort by Time").click();
        h.run();
        assert_eq!(h.state().0, Sort { column: 1, descending: false });
        h.get_by_label("Sort by Name").click();
        h.run();
        assert_eq!(h.state().0, Sort { column: 0, descending: false });
    }

    #[test]
    fn columns_share_the_room_that_is_left() {
        let text = Column::text("Name", 100.0, "");
        let number = Column::number("Time", 50.0, "");
        let both = [text.clone(), number.clone()];
        assert_eq!(widths(&both, 300.0), [200.0, 100.0]);
        assert_eq!(widths(&[text.clone(), number.clone().growing()], 300.0), [100.0, 200.0]);
        assert_eq!(widths(&both, 130.0), [80.0, 50.0], "text gives way");
        assert_eq!(widths(&both, 10.0), [50.0, 50.0], "but not all of it");
    }

    #[test]
    fn shares_are_short_and_never_wrongly_zero() {
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.000_01), "< 0.01 %");
        assert_eq!(percent(0.0512), "5.12 %");
        assert_eq!(percent(0.4964), "49.6 %");
    }
}
