//! The pane *Exits*: what the guests' exits cost, by VM, vCPU and reason; how long those of the selected row took,
//! and when they happened.

use std::cmp::Ordering;

use egui::accesskit::Role;
use egui::{Align2, Painter, Rect, RichText, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::exits::Distribution;
use stratoscope_core::vocab::{Dur, RefNs, State, TimeRange};

use crate::headless::exits::{FIGURES, Figure};
use crate::window::axis::duration;
use crate::window::command::{Command, RowRef};
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::joint::computed::Computed;
use crate::window::joint::empty::{Empty, empty_ui, no_vms_ui};
use crate::window::joint::exits::{self, By, Exits, Group, Which};
use crate::window::joint::facts::Facts;
use crate::window::joint::hold::Hold;
use crate::window::joint::plot::{self, Lane, PlotMemory, YAxis, gutter_text, lane_ui, time_axis_ui};
use crate::window::joint::table::{Cell, Column, Line, Sort, percent, table_ui};
use crate::window::parts::{line_ui, wrapped_ui};
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Shared;
use crate::window::timeline::interact::around;
use crate::window::timeline::mesh::Painting;
use crate::window::words;
use crate::window::worker::Wake;

#[derive(Clone, Copy, Debug, PartialEq)]
struct TableKey {
    range: TimeRange<RefNs>,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct PictureKey {
    range: TimeRange<RefNs>,
    which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct RateKey {
    window: TimeRange<RefNs>,
    which: Which,
    columns: usize,
}

/// Points of a bar of the rate.
const BAR: f32 = 2.0;

/// The pane's memory between frames.
pub struct ExitsPane {
    table: Computed<TableKey, Exits>,
    distribution: Computed<PictureKey, Distribution>,
    rate: Computed<RateKey, (TimeRange<RefNs>, Vec<u64>)>,
    plot: PlotMemory,
    hold: Hold,
    by: By,
    sort: Sort,
    selected: Option<Which>,
}

fn columns() -> [Column; 11] {
    [
        Column::text("VM", 84.0, "The virtual machine."),
        Column::text("vCPU", 54.0, "Its virtual CPU."),
        Column::text("Reason", 116.0, "Why the processor left the guest."),
        Column::number("Count", 60.0, "How many exits there were."),
        Column::number(
            "Total",
            68.0,
            "The time from exit to entry of all together, without what the thread was on no CPU.",
        ),
        Column::number("Min", 66.0, "The shortest."),
        Column::number("Mean", 66.0, "The mean."),
        Column::number("p50", 66.0, "Half of them took no longer."),
        Column::number("p99", 66.0, "99 of 100 took no longer."),
        Column::number("Max", 66.0, "The longest; a click goes there."),
        Column::number(
            "Off CPU",
            68.0,
            "Time in which the thread was on no CPU before it entered again: asleep or preempted.",
        ),
    ]
}

impl ExitsPane {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        let table = Computed::new("exits", Wake::clone(wake), |key: &TableKey, facts: &Facts, cancel| {
            exits::table(facts, key.range, key.by, cancel).unwrap_or_default()
        });
        let distribution = Computed::new("exit times", Wake::clone(wake), |key: &PictureKey, facts: &Facts, cancel| {
            exits::distribution(facts, key.range, key.which, cancel).unwrap_or_default()
        });
        let rate = Computed::new("exit rate", Wake::clone(wake), |key: &RateKey, facts: &Facts, cancel| {
            (key.window, exits::rate(facts, key.window, key.which, key.columns, cancel).unwrap_or_default())
        });
        Self {
            table,
            distribution,
            rate,
            plot: PlotMemory::default(),
            hold: Hold::default(),
            by: By { vm: true, vcpu: false, reason: true },
            sort: Sort::descending(4),
            selected: None,
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.table.reset();
        self.distribution.reset();
        self.rate.reset();
        self.selected = None;
        self.hold = Hold::default();
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.table.wait(longest) && self.distribution.wait(longest) && self.rate.wait(longest)
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared) {
        if no_vms_ui(ui, cx, "there are no exits to count", "exits") {
            return;
        }
        let facts = std::sync::Arc::clone(&cx.state.scene.facts);
        let any = facts.world.machines.iter().any(|m| !m.store.exits().is_empty());
        if !any && !cx.info.is_busy() {
            let what = "The host's trace has no exits of virtual machines: no kvm_exit events.";
            empty_ui(ui, cx, &Empty { what, more: &[], need: Some(Need::Host), about: "exits" });
            return;
        }
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        let range = self.hold.range(&cx.state.view);
        let window = cx.state.view.window;
        let which = self.selected.unwrap_or_default();
        if self.table.ask(TableKey { range, by: self.by }, &facts)
            && let Some(table) = self.table.get_mut()
        {
            sort_groups(&facts, &mut table.groups, self.sort);
        }
        self.distribution.ask(PictureKey { range, which }, &facts);
        let columns = ((rect.width() - plot::gutter_width(shared, rect.width())) / BAR).max(1.0) as usize;
        self.rate.ask(RateKey { window, which, columns }, &facts);

        self.choices_ui(ui, cx, range);
        self.overheads_ui(ui, cx);
        // The rate needs the whole width, to stand below the timelines; the distribution goes where there is room.
        let below = if rect.height() > 300.0 { 128.0 } else { 0.0 };
        let aside = if rect.width() > 1340.0 { 360.0 } else { 0.0 };
        let between = if aside == 0.0 && rect.height() > 480.0 { 170.0 } else { 0.0 };
        let room = ui.available_rect_before_wrap();
        let table = Rect::from_min_max(room.min, pos2(room.right() - aside, room.bottom() - below - between));
        ui.scope_builder(egui::UiBuilder::new().max_rect(table), |ui| self.table_ui(ui, cx, &facts));
        if aside > 0.0 {
            let place = Rect::from_min_max(pos2(table.right(), room.top()), table.max + vec2(aside, 0.0));
            ui.painter().vline(place.left(), place.y_range(), Stroke::new(1.0, cx.theme.line));
            let place = place.shrink2(vec2(14.0, 8.0));
            ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| self.distribution_ui(ui, cx, &facts));
        }
        if between > 0.0 {
            let place = Rect::from_min_size(pos2(room.left(), table.bottom()), vec2(room.width(), between));
            ui.painter().hline(place.x_range(), place.top(), Stroke::new(1.0, cx.theme.line));
            let mut place = place.shrink2(vec2(14.0, 6.0));
            place.set_width(place.width().min(640.0));
            ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| self.distribution_ui(ui, cx, &facts));
        }
        if below > 0.0 {
            let place = Rect::from_min_max(pos2(room.left(), room.bottom() - below), room.max);
            ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| self.rate_ui(ui, cx, &facts, shared));
        }
        ui.advance_cursor_after_rect(room);
    }

    /// The table as it stands.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let facts = &cx.state.scene.facts;
        let mut sheet = Sheet::new(&[("VM", "vm"), ("vCPU", "vcpu"), ("Reason", "reason"), ("Count", "count")]);
        sheet.titles.extend(FIGURES.map(|(title, key, _)| (title.to_owned(), key.to_owned())));
        for group in &self.table.get()?.groups {
            let vm = group.which.vm.and_then(|n| facts.world.vms().get(n));
            let vcpu = vm.zip(group.which.vcpu).and_then(|(vm, n)| vm.vcpus.get(n));
            let reason = group.which.reason.map(|(isa, code)| reasons::name(isa, code));
            let mut row = vec![
                vm.map_or(Field::Empty, |vm| Field::text(&vm.name)),
                vcpu.map_or(Field::Empty, |vcpu| Field::Count(u64::from(vcpu.number))),
                reason.map_or(Field::Empty, |reason| Field::text(&reason)),
                Field::Count(group.count),
            ];
            let times = group.times.as_ref();
            row.extend(FIGURES.map(|(_, _, get)| times.map_or(Field::Empty, |times| Field::Time(get(times)))));
            sheet.rows.push(row);
        }
        Some(sheet)
    }

    fn choices_ui(&mut self, ui: &mut Ui, cx: &FrameContext<'_>, range: TimeRange<RefNs>) {
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID / 2.0);
            ui.label(RichText::new("by").size(Sizes::SMALL).color(cx.theme.secondary));
            let by = &mut self.by;
            for (on, name) in [(&mut by.vm, "VM"), (&mut by.vcpu, "vCPU"), (&mut by.reason, "Reason")] {
                if ui.selectable_label(*on, RichText::new(name).size(Sizes::SMALL)).clicked() {
                    *on = !*on;
                    self.selected = None;
                }
            }
            let text = format!("{}, {}", self.hold.words(&cx.state.view), duration(range.length()));
            ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
        });
    }

    fn overheads_ui(&self, ui: &mut Ui, cx: &FrameContext<'_>) {
        let Some(table) = self.table.get() else { return };
        wrapped_ui(ui, Sizes::GRID, |ui| {
            for overhead in &table.overheads {
                let (stripe, _) = ui.allocate_exact_size(vec2(Sizes::STRIPE, 14.0), Sense::hover());
                ui.painter().rect_filled(stripe, 1.0, cx.theme.machine(overhead.machine));
                let times = &overhead.times;
                let vmm = times.vmm + times.vmm_user;
                let text = format!("{}: virtualisation adds {}", overhead.name, percent(times.overhead()));
                let hint = format!(
                    "{} in the hypervisor of {} on a CPU ({} of it in the guest). Besides, {} were stolen.",
                    duration(vmm),
                    duration(vmm + times.guest),
                    duration(times.guest),
                    duration(times.stolen())
                );
                ui.label(RichText::new(text).size(Sizes::SMALL + 0.5)).on_hover_text(hint);
                ui.add_space(Sizes::GRID);
            }
        });
    }

    fn table_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts) {
        let Some(table) = self.table.get() else { return };
        if table.groups.is_empty() {
            ui.add_space(Sizes::GRID);
            ui.label(RichText::new("   No exit in this stretch of time.").color(cx.theme.secondary));
            return;
        }
        let groups = &table.groups;
        let output = table_ui(ui, cx.theme, &columns(), self.sort, groups.len(), |n| {
            line_of(facts, &groups[n], self.selected == Some(groups[n].which))
        });
        let clicked = output.clicked.and_then(|n| groups.get(n)).cloned();
        if let Some(group) = clicked {
            self.selected = Some(group.which);
            self.go_to_longest(cx, facts, &group);
        }
        if let Some(sort) = output.sort {
            self.sort = sort;
            if let Some(table) = self.table.get_mut() {
                sort_groups(facts, &mut table.groups, sort);
            }
        }
    }

    fn go_to_longest(&mut self, cx: &mut FrameContext<'_>, facts: &Facts, group: &Group) {
        let Some((host, times)) = facts.world.machine(group.host).zip(group.times.as_ref()) else { return };
        let exit = times.longest;
        let span = TimeRange::new(host.to_ref(exit.begin()), host.to_ref(exit.t));
        self.hold.jump(&cx.state.view);
        if let Some(row) = host.store.row(exit.vcpu) {
            cx.send(Command::SelectRow(Some(RowRef { machine: host.id, key: row.key() })));
        }
        cx.send(Command::SelectTime(Some(span)));
        cx.send(Command::SetWindow { window: around(span), remember: true });
    }

    /// What the pictures are about.
    fn of(&self, facts: &Facts) -> String {
        match &self.selected {
            None => "all exits".to_owned(),
            Some(which) => {
                let ([vm, vcpu, reason], _) = exits::names(facts, which);
                let mut words = Vec::new();
                words.extend(which.reason.map(|_| reason));
                words.extend(which.vm.map(|_| vm));
                words.extend(which.vcpu.map(|_| format!("vCPU {vcpu}")));
                if words.is_empty() { "all exits".to_owned() } else { words.join(" · ") }
            }
        }
    }

    fn distribution_ui(&self, ui: &mut Ui, cx: &FrameContext<'_>, facts: &Facts) {
        let Some(distribution) = self.distribution.get() else { return };
        let count: u64 = distribution.counts.iter().sum();
        ui.label(RichText::new(format!("How long they took · {}", self.of(facts))).size(Sizes::SMALL));
        if count == 0 {
            ui.label(RichText::new("None was seen to end.").size(Sizes::SMALL).color(cx.theme.secondary));
            return;
        }
        let text = format!("{}, heights in powers of ten", words::count(count, "exit"));
        ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
        let size = vec2(ui.available_width(), (ui.available_height() - 4.0).clamp(60.0, 260.0));
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(words::count(count, "exit")),
            ..WidgetInfo::labeled(Role::Canvas, true, "Distribution of exit times")
        });
        let told = histogram(ui.painter(), rect, cx.theme, distribution, response.hover_pos().map(|p| p.x));
        if let Some(told) = told {
            response.on_hover_text(told);
        }
    }

    fn rate_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts, shared: &mut Shared) {
        ui.spacing_mut().item_spacing.y = 0.0;
        let of = self.of(facts);
        time_axis_ui(ui, cx, shared, &mut self.plot);
        let Some((window, counts)) = self.rate.get() else { return };
        let total: u64 = counts.iter().sum();
        let column = window.length().0 as f64 / counts.len().max(1) as f64 / 1e9;
        let per_second = |n: u64| n as f64 / column.max(1e-12);
        let most = counts.iter().copied().max().unwrap_or(0);
        let high = per_second(most).max(1.0) * 1.08;
        let lane = Lane {
            label: "Rate of exits",
            value: format!("{} in the window", words::count(total, "exit")),
            height: ui.available_height().max(60.0),
            y: YAxis { low: 0.0, high, text: rate_text },
        };
        let mean = total as f64 / (window.length().0.max(1) as f64 / 1e9);
        let about = [of, format!("{} a second on average", rate_text(mean))];
        let theme = cx.theme;
        lane_ui(ui, cx, shared, &mut self.plot, &lane, |painter, area| {
            gutter_text(painter, area, theme, "Exits a second", &[&about[0], &about[1]]);
            let mut painting = Painting::default();
            let color = theme.state(State::Vmm).color;
            for (n, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let edge = |n: usize| {
                    let ns = i128::from(window.length().0) * n as i128 / counts.len() as i128;
                    area.scale.x(window.begin + Dur(i64::try_from(ns).unwrap_or(i64::MAX)))
                };
                let top = area.at(per_second(*count)).min(area.rect.bottom() - 1.0);
                let bar =
                    Rect::from_min_max(pos2(edge(n), top), pos2(edge(n + 1).max(edge(n) + 1.0), area.rect.bottom()));
                painting.rect(bar.intersect(area.rect), color);
            }
            painter.add(egui::Shape::mesh(painting.mesh));
        });
    }
}

fn rate_text(v: f64) -> String {
    match v {
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 10_000.0 => format!("{:.0} k", v / 1e3),
        v if v >= 1e3 => format!("{:.1} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

fn sort_groups(facts: &Facts, groups: &mut [Group], sort: Sort) {
    let time = |g: &Group, (_, _, get): Figure| g.times.as_ref().map(get);
    let by = |a: &Group, b: &Group| -> Ordering {
        match sort.column {
            0 => exits::names(facts, &a.which).0[0].cmp(&exits::names(facts, &b.which).0[0]),
            1 => a.which.vcpu.cmp(&b.which.vcpu),
            2 => exits::names(facts, &a.which).0[2].cmp(&exits::names(facts, &b.which).0[2]),
            3 => a.count.cmp(&b.count),
            // Behind the names and the count.
            n => FIGURES.get(n - 4).map_or(Ordering::Equal, |figure| time(a, *figure).cmp(&time(b, *figure))),
        }
    };
    groups.sort_by(|a, b| sort.of(by(a, b)).then_with(|| a.which.cmp(&b.which)));
}

fn line_of(facts: &Facts, group: &Group, selected: bool) -> Line {
    let ([vm, vcpu, reason], about) = exits::names(facts, &group.which);
    let of = group.which.vm.and_then(|vm| facts.world.vms().get(vm));
    let times = group.times.as_ref();
    let time = |d: Option<Dur>| d.map_or(Cell::Empty, |d| Cell::Quiet(duration(d)));
    let total = times.map_or_else(|| "unknown".to_owned(), |t| duration(t.total));
    let count = match group.incomplete {
        0 => Cell::Text(words::grouped(group.count)),
        n => Cell::Explained(words::grouped(group.count), format!("{} not seen to end", words::grouped(n))),
    };
    Line {
        spoken: format!("exits {vm} vCPU {vcpu} {reason}: {}, {total}", words::grouped(group.count)),
        machine: of.map(|vm| vm.guest.unwrap_or(vm.host)),
        indent: 0.0,
        selected,
        cells: vec![
            if group.which.vm.is_some() { Cell::Text(vm) } else { Cell::Quiet(vm) },
            Cell::Quiet(vcpu),
            if about.is_empty() { Cell::Quiet(reason) } else { Cell::Explained(reason, about) },
            count,
            times.map_or(Cell::Empty, |t| Cell::Text(duration(t.total))),
            time(times.map(|t| t.min)),
            time(times.map(|t| t.mean)),
            time(times.map(|t| t.p50)),
            time(times.map(|t| t.p99)),
            time(times.map(|t| t.max)),
            time(times.map(|t| t.off_cpu).filter(|d| d.0 > 0)),
        ],
    }
}

/// A bar per bucket, as high as its count has digits. Returns what is to be said of the bar at `pointer`.
fn histogram(painter: &Painter, rect: Rect, theme: &Theme, of: &Distribution, pointer: Option<f32>) -> Option<String> {
    let first = of.counts.iter().position(|n| *n > 0)?;
    let last = of.counts.iter().rposition(|n| *n > 0)?;
    // Whole powers of two on both sides, and some of them even if all took the same time.
    let (first, last) = (first.saturating_sub(2), last + 3);
    let area = Rect::from_min_max(rect.min + vec2(30.0, 4.0), rect.max - vec2(0.0, 18.0));
    let most = of.counts.iter().copied().max().unwrap_or(1).max(1);
    let digits = (most as f64).log10().ceil().max(1.0) + 0.05;
    let height = |n: f64| ((n.log10() + 0.3) / (digits + 0.3)) as f32 * area.height();
    for power in 0..=digits as i32 {
        let n = 10_f64.powi(power);
        let y = area.bottom() - height(n);
        painter.hline(area.x_range(), y, Stroke::new(1.0, Theme::mix(theme.ground, theme.line, 0.7)));
        let text = rate_text(n);
        painter.text(pos2(area.left() - 6.0, y), Align2::RIGHT_CENTER, text, Theme::small_font(), theme.secondary);
    }
    let width = area.width() / (last - first) as f32;
    let mut told = None;
    let mut painting = Painting::default();
    for bucket in first..last {
        let x = area.left() + (bucket - first) as f32 * width;
        let n = of.counts.get(bucket).copied().unwrap_or(0);
        let here = pointer.is_some_and(|p| p >= x && p < x + width);
        if n > 0 {
            let bar =
                Rect::from_min_max(pos2(x, area.bottom() - height(n as f64)), pos2(x + width - 1.0, area.bottom()));
            let color = theme.state(State::Vmm).color;
            painting.rect(bar, if here { Theme::mix(color, theme.text, 0.3) } else { color });
        }
        if here {
            let (from, to) = (Distribution::begin_of(bucket), Distribution::begin_of(bucket + 1));
            told = Some(format!("{} to {}: {}", duration(from), duration(to), words::count(n, "exit")));
        }
    }
    painter.add(egui::Shape::mesh(painting.mesh));
    // A label where there is room for one, at the begin of a bucket.
    const LABEL: f32 = 62.0;
    let every = ((LABEL + 2.0) / width).ceil().max(1.0) as usize;
    for bucket in (first..last).filter(|b| (b - first) % every == 0) {
        let x = area.left() + (bucket - first) as f32 * width;
        painter.vline(x, area.bottom()..=area.bottom() + 3.0, Stroke::new(1.0, theme.secondary));
        if x + LABEL > rect.right() {
            continue;
        }
        let place = Rect::from_min_size(pos2(x, area.bottom() + 3.0), vec2(LABEL, 15.0));
        let text = duration(Distribution::begin_of(bucket));
        line_ui(painter, place, Align2::LEFT_CENTER, &text, Theme::small_font(), theme.secondary);
    }
    told
}
