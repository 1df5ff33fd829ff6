//! CPU usage: of each machine how much of its CPUs was used over the window, which threads did, and what of a guest's
//! the host took; below a table of threads for the selected stretch.
//!
//! A line of the table that is clicked is drawn in its machine's chart, or no longer.

use std::collections::HashMap;
use std::time::Duration;

use egui::{Color32, RichText, Ui};
use stratoscope_core::vocab::{RefNs, RowKind, TimeRange};

use crate::headless::usage::cpus_words;
use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::joint::computed::Computed;
use crate::window::joint::empty::{Empty, empty_ui};
use crate::window::joint::plot::{self, Lane, PlotMemory, YAxis, lane_ui, time_axis_ui};
use crate::window::joint::table::{Cell, Column, Line, Sort, percent, table_ui};
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::stats::usage::{self, Ask, By, Chart, Chosen, Table, sum};
use crate::window::stats::usage_paint as paint;
use crate::window::theme::Sizes;
use crate::window::timeline::Shared;
use crate::window::worker::Wake;

/// The width of a column in points: single pixels of threads that take turns would only flicker.
const COLUMN: f32 = 2.0;

#[derive(Clone, Debug, PartialEq)]
struct ChartKey {
    window: TimeRange<RefNs>,
    columns: usize,
    chosen: Chosen,
}

type Counted = Computed<Ask, (Ask, Table)>;

/// The pane's memory between frames.
pub struct UsagePane {
    charts: Computed<ChartKey, (TimeRange<RefNs>, Vec<Chart>)>,
    /// Without and with where threads ran: the one is there sooner.
    tables: [Counted; 2],
    plot: PlotMemory,
    chosen: Chosen,
    by: By,
    descending: bool,
}

impl By {
    /// The column of the table that is sorted so.
    fn column(self) -> Column {
        match self {
            Self::Thread => Column::text(
                "Thread",
                170.0,
                "A click draws it in the chart, or no longer; a double click, or Enter, selects its row in all panes.",
            ),
            Self::Tid => Column::number("Tid", 62.0, ""),
            Self::Machine => Column::text("Machine", 90.0, ""),
            Self::Process => Column::text("Process", 130.0, "Whose thread it is, if it is not the process's first."),
            Self::Share => Column::number(
                "of a CPU",
                74.0,
                "Its CPU time as a share of the stretch: two threads can \
                 have 100 % each, on two CPUs.",
            ),
            Self::Time => Column::number(
                "CPU time",
                82.0,
                "How long it had a CPU of its machine, with interrupts that \
                 came meanwhile.",
            ),
            Self::Stolen => Column::number(
                "Stolen",
                74.0,
                "The part of it that it only believed to have: the host had \
                 given the CPU to somebody else.",
            ),
            Self::Cpu => {
                Column::text("Ran on", 150.0, "The CPUs that it had, with their shares of its time.").growing()
            }
            Self::Moves => Column::number("Moves", 62.0, "How often it ran on another CPU than before."),
        }
    }
}

impl UsagePane {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        let charts = Computed::new("usage", Wake::clone(wake), |key: &ChartKey, facts, cancel| {
            (key.window, usage::charts(facts, key.window, key.columns, &key.chosen, cancel))
        });
        let counted = |name: &str| -> Counted {
            Computed::new(name, Wake::clone(wake), |ask: &Ask, facts, cancel| (*ask, usage::table(facts, ask, cancel)))
        };
        Self {
            charts,
            tables: [counted("usage of threads"), counted("places of threads")],
            plot: PlotMemory::default(),
            chosen: Chosen::default(),
            by: By::Time,
            descending: true,
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.chosen = Chosen::default();
        self.charts.reset();
        self.tables.iter_mut().for_each(Computed::reset);
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.charts.wait(longest) && self.tables.iter().all(|table| table.wait(longest))
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared) {
        let scene = &cx.state.scene;
        if !scene.machines.iter().any(|m| m.rows.iter().any(|r| r.key.kind == RowKind::Cpu)) && !cx.info.is_busy() {
            let what = "No CPU's usage can be told: the traces have no sched_switch events.";
            let need = Some(Need::Cpus);
            empty_ui(ui, cx, &Empty { what, more: &[], need, about: "cpu-usage" });
            return;
        }
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        ui.spacing_mut().item_spacing.y = 0.0;
        let range = self.ask(cx, plot::gutter_width(shared, rect.width()), rect.width());
        self.legend_ui(ui, cx);
        time_axis_ui(ui, cx, shared, &mut self.plot);
        // In a low pane the chart goes before the table: the statistics tell sums as well.
        let room = if rect.height() < 190.0 { rect.height() - 44.0 } else { (rect.height() * 0.5).max(100.0) };
        egui::ScrollArea::vertical().id_salt("lanes").max_height(room.max(40.0)).auto_shrink([false, true]).show(
            ui,
            |ui| {
                if let Some((of, charts)) = self.charts.get() {
                    let height = plot::lane_height(room - 4.0, charts.len());
                    for chart in charts {
                        chart_ui(ui, cx, shared, &mut self.plot, chart, *of, height);
                    }
                }
            },
        );
        ui.add_space(Sizes::GRID / 2.0);
        self.table_ui(ui, cx, range);
    }

    /// Asks for all that is shown; returns the stretch that the table is about.
    fn ask(&mut self, cx: &FrameContext<'_>, gutter: f32, width: f32) -> TimeRange<RefNs> {
        let view = &cx.state.view;
        let facts = &cx.state.scene.facts;
        let is_thread = |row: &RowRef| row.key.kind == RowKind::Thread && !row.key.is_idle_task();
        self.chosen.selected = view.row.filter(is_thread);
        let columns = ((width - gutter) / COLUMN).max(1.0) as usize;
        let fresh = self.charts.ask(ChartKey { window: view.window, columns, chosen: self.chosen.clone() }, facts);
        if fresh && cx.state.scene.complete && self.charts.is_current() {
            self.chosen.keep(&self.drawn());
        }
        let range = view.range().unwrap_or(view.window);
        for (table, places) in self.tables.iter_mut().zip([false, true]) {
            table.ask(Ask { range, by: self.by, descending: self.descending, places }, facts);
        }
        range
    }

    /// The threads in the charts.
    fn drawn(&self) -> Vec<RowRef> {
        let charts = self.charts.get().map_or(&[][..], |(_, charts)| charts);
        charts.iter().flat_map(|c| c.bands.iter().map(|b| b.row)).collect()
    }

    /// The latest table, with where threads ran if that is known already.
    fn table(&self) -> Option<&Table> {
        let [without, with] = &self.tables;
        let (asked, table) = without.get()?;
        let full = with.get().filter(|(full, _)| Ask { places: false, ..*full } == *asked);
        Some(full.map_or(table, |(_, full)| full))
    }

    /// The table as it stands.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let mut sheet = Sheet::new(&[
            ("Machine", "machine"),
            ("Thread", "name"),
            ("Tid", "tid"),
            ("Process", "process"),
            ("Of a CPU", "share"),
            ("CPU time", "used_ns"),
            ("Stolen", "stolen_ns"),
            ("Ran on", "ran_on"),
            ("Moves", "migrations"),
        ]);
        let table = self.table()?;
        for line in &table.lines {
            let machine = cx.state.scene.machine(line.row.machine);
            sheet.rows.push(vec![
                machine.map_or(Field::Empty, |m| Field::text(&m.name)),
                Field::text(&line.name),
                Field::Count(u64::try_from(line.row.key.id).unwrap_or(0)),
                Field::text(&line.process),
                Field::share(line.share),
                Field::Time(line.used),
                line.stolen.map_or(Field::Empty, Field::Time),
                line.places.as_ref().map_or(Field::Empty, |p| Field::text(&cpus_words(p, line.used))),
                line.places.as_ref().map_or(Field::Empty, |p| Field::Count(p.migrations)),
            ]);
        }
        Some(sheet)
    }

    fn legend_ui(&self, ui: &mut Ui, cx: &FrameContext<'_>) {
        let theme = cx.theme;
        let charts = self.charts.get().map_or(&[][..], |(_, charts)| charts);
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID);
            let mut entry = |color, text: &str| {
                let (rect, _) = ui.allocate_exact_size(egui::vec2(12.0, 18.0), egui::Sense::hover());
                paint::swatch(ui.painter(), rect.center(), color);
                ui.label(RichText::new(text).size(Sizes::SMALL).color(theme.secondary));
                ui.add_space(Sizes::GRID);
            };
            entry(paint::others(theme), "other threads and interrupts");
            if charts.iter().any(|c| c.all.stolen.is_some()) {
                entry(paint::stolen(theme), "stolen by the host");
            }
            if charts.iter().any(|c| c.all.unknown.iter().any(|t| t.0 > 0)) {
                let (rect, _) = ui.allocate_exact_size(egui::vec2(12.0, 18.0), egui::Sense::hover());
                paint::unknown_swatch(ui.painter(), rect.center(), theme);
                ui.label(RichText::new("not known").size(Sizes::SMALL).color(theme.secondary));
            }
        });
    }

    fn table_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, range: TimeRange<RefNs>) {
        if ui.available_height() < 30.0 {
            return;
        }
        let drawn = self.drawn();
        let charts = self.charts.get().map_or(&[][..], |(_, charts)| charts);
        let numbered = charts.iter().flat_map(|c| c.bands.iter().enumerate().map(|(n, band)| (band.row, n)));
        let place: HashMap<RowRef, usize> = numbered.collect();
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID);
            let stretch = if cx.state.view.range().is_some() { "in the selection" } else { "in the window" };
            let text = format!("threads {stretch}, {}", duration(range.length()));
            ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
            ui.add_space(Sizes::GRID);
            let button = egui::Button::new(RichText::new("Draw the busiest").size(Sizes::SMALL));
            let about = "Draws those threads of each machine that use most of what is shown now.";
            if ui.add(button).on_hover_text(about).clicked() {
                self.chosen.by_hand = None;
            }
            let button = egui::Button::new(RichText::new("Draw none").size(Sizes::SMALL));
            let any = self.chosen.by_hand.as_ref().is_none_or(|rows| !rows.is_empty());
            if ui.add_enabled(any, button).on_hover_text("Draws only the usage of all threads together.").clicked() {
                self.chosen.by_hand = Some(Vec::new());
            }
        });
        let Some(table) = self.table() else { return };
        let what = what(cx, table);
        let columns: Vec<Column> = what.iter().map(|w| w.column()).collect();
        let selected = cx.state.view.row;
        let theme = cx.theme;
        let scene = &cx.state.scene;
        let column = what.iter().position(|by| *by == self.by).unwrap_or(usize::MAX);
        let sort = Sort { column, descending: self.descending };
        let output = table_ui(ui, theme, &columns, sort, table.lines.len(), |n| {
            let line = &table.lines[n];
            let machine = scene.machine(line.row.machine).map_or("", |m| &m.name);
            let mark = place.get(&line.row).map(|n| paint::band(theme, *n));
            line_of(line, &what, machine, mark, selected == Some(line.row))
        });
        let row_of = |n: usize| table.lines.get(n).map(|line| line.row);
        let (clicked, opened) = (output.clicked.and_then(row_of), output.opened.and_then(row_of));
        if let Some(row) = opened {
            cx.send(Command::SelectRow(Some(row)));
        }
        // The second click of a double click takes back what the first did; Enter is no click at all.
        let entered = opened.is_some() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        if let Some(row) = clicked.filter(|_| !entered) {
            self.chosen.toggle(row, &drawn);
        }
        if let Some(sort) = output.sort {
            self.by = what.get(sort.column).copied().unwrap_or(By::Time);
            self.descending = sort.descending;
        }
    }
}

/// The columns of the table.
fn what(cx: &FrameContext<'_>, table: &Table) -> Vec<By> {
    let all = [By::Thread, By::Tid, By::Machine, By::Process, By::Share, By::Time, By::Stolen, By::Cpu, By::Moves];
    let several = cx.state.scene.machines.len() > 1;
    let shown = |what: &By| match what {
        By::Machine => several,
        By::Stolen => table.tells_stolen,
        _ => true,
    };
    all.into_iter().filter(shown).collect()
}

fn line_of(line: &usage::Line, what: &[By], machine: &str, mark: Option<Color32>, selected: bool) -> Line {
    let name = if line.name.is_empty() { "(no name)" } else { &line.name };
    let drawn = if mark.is_some() { ", in the chart" } else { "" };
    let cell = |what: &By| match what {
        By::Thread => Cell::Marked(name.to_owned(), mark),
        By::Tid => Cell::Quiet(line.row.key.id.to_string()),
        By::Machine => Cell::Quiet(machine.to_owned()),
        By::Process => Cell::Quiet(line.process.clone()),
        By::Share => Cell::Text(percent(line.share)),
        By::Time => Cell::Text(duration(line.used)),
        By::Stolen => match line.stolen {
            Some(stolen) if stolen.0 > 0 => Cell::Loud(duration(stolen)),
            _ => Cell::Empty,
        },
        By::Cpu => line.places.as_ref().map_or(Cell::Empty, |p| Cell::Quiet(cpus_words(p, line.used))),
        By::Moves => match &line.places {
            Some(places) if places.migrations > 0 => Cell::Quiet(places.migrations.to_string()),
            _ => Cell::Empty,
        },
    };
    let share = percent(line.share);
    let used = duration(line.used);
    let stolen = match line.stolen {
        Some(stolen) if stolen.0 > 0 => format!(", {} stolen", duration(stolen)),
        _ => String::new(),
    };
    Line {
        spoken: format!("usage of {name} {} in {machine}: {share} of a CPU, {used}{stolen}{drawn}", line.row.key.id),
        machine: Some(line.row.machine),
        indent: 0.0,
        selected,
        cells: what.iter().map(cell).collect(),
    }
}

fn chart_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    chart: &Chart,
    of: TimeRange<RefNs>,
    height: f32,
) {
    let text: fn(f64) -> String = if chart.cpus > 1 { cpus_text } else { percent_text };
    let lane = Lane {
        label: &format!("CPU usage of {}", chart.name),
        value: said(chart),
        height,
        y: YAxis { low: 0.0, high: chart.cpus as f64, text },
    };
    let theme = cx.theme;
    let hovered = lane_ui(ui, cx, shared, memory, &lane, |painter, area| {
        paint::gutter(painter, area, theme, chart);
        let clipped = painter.with_clip_rect(area.rect.expand(1.0));
        paint::paint(&clipped, area, theme, chart, of);
    });
    let Some(n) = hovered.and_then(|t| column_at(chart, of, t)) else { return };
    let mut words = paint::words_at(chart, n);
    if let Some(t) = hovered {
        words.insert(0, cx.state.clock().instant(t));
    }
    egui::Tooltip::always_open(
        ui.ctx().clone(),
        ui.layer_id(),
        ui.scope_id().with("usage tip"),
        egui::PopupAnchor::Pointer,
    )
    .gap(12.0)
    .show(|ui| ui.label(words.join("\n")));
}

/// What a screen reader says of a chart.
fn said(chart: &Chart) -> String {
    let mut words = format!("{} used in the window", paint::share_words(chart, sum(&chart.all.used), None));
    if let Some(stolen) = chart.all.stolen.as_deref().map(sum).filter(|t| t.0 > 0) {
        words.push_str(&format!(", {} of it stolen by the host", duration(stolen)));
    }
    for band in &chart.bands {
        let share = chart.cpus_in(sum(&band.columns.used), None);
        words.push_str(&format!("; {}: {} of a CPU", band.name, percent(share)));
    }
    words
}

/// Numbers of the grid. Nothing stands at the bottom: what begins there is nothing.
fn percent_text(share: f64) -> String {
    if share > 0.0 { format!("{:.0} %", share * 100.0) } else { String::new() }
}

fn cpus_text(cpus: f64) -> String {
    match cpus {
        0.0 => String::new(),
        1.0 => "1 CPU".to_owned(),
        n => format!("{n} CPUs"),
    }
}

fn column_at(chart: &Chart, of: TimeRange<RefNs>, t: RefNs) -> Option<usize> {
    let columns = chart.lengths.len();
    let place = i128::from((t - of.begin).0) * columns as i128 / i128::from(of.length().0.max(1));
    usize::try_from(place).ok().filter(|n| *n < columns)
}
