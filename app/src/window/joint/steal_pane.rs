//! The pane *Steal*: how much of each vCPU's time was taken, exactly, beside what `top` would say; and from whom,
//! by whom.

use std::cmp::Ordering;

use egui::{Painter, Rect, RichText, Stroke, Ui, pos2};
use stratoscope_core::vocab::{Dur, RefNs, State, TimeRange};

use crate::window::axis::duration;
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::joint::computed::Computed;
use crate::window::joint::empty::no_vms_ui;
use crate::window::joint::hold::Hold;
use crate::window::joint::plot::{self, Area, Lane, PlotMemory, YAxis, gutter_text, lane_ui, time_axis_ui};
use crate::window::joint::steal::{self, Account, Curve, Of};
use crate::window::joint::table::{Cell, Column, Line, Sort, percent, table_ui};
use crate::window::stats::sheet::{Field, Sheet};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Shared;
use crate::window::timeline::interact::around;
use crate::window::timeline::mesh::Painting;
use crate::window::worker::Wake;

#[derive(Clone, Copy, Debug, PartialEq)]
struct CurveKey {
    window: TimeRange<RefNs>,
    columns: usize,
}

/// The pane's memory between frames.
pub struct StealPane {
    curves: Computed<CurveKey, (TimeRange<RefNs>, Vec<Curve>)>,
    accounts: Computed<TimeRange<RefNs>, Vec<Account>>,
    plot: PlotMemory,
    hold: Hold,
    sort: Sort,
    /// Which accounts the table shows: VMs, vCPUs, tasks.
    shown: [bool; 3],
}

const COLUMNS: usize = 8;

fn columns() -> [Column; COLUMNS] {
    [
        Column::text("Who", 186.0, "A VM, one of its vCPUs, or a task of its guest."),
        Column::number("Steal", 58.0, "Stolen time as a share of all; of a task, of the time that it believed to run."),
        Column::number("Stolen", 66.0, "Wanted to run, and the host had given the CPU to somebody else."),
        Column::number("Own code", 70.0, "The guest executed."),
        Column::number("Hypervisor", 76.0, "The hypervisor worked for it."),
        Column::number("Halted", 66.0, "The guest had nothing to do."),
        Column::number("Longest", 66.0, "The longest time that it was taken at once; a click goes there."),
        Column::text("Taken by", 216.0, "Who had the CPU instead, the greatest first.").unsorted().growing(),
    ]
}

impl StealPane {
    /// Nothing counted yet.
    pub fn new(wake: Wake) -> Self {
        let curves = Computed::new("steal", Wake::clone(&wake), |key: &CurveKey, facts, cancel| {
            (key.window, steal::curves(facts, key.window, key.columns, cancel))
        });
        let accounts = Computed::new("stolen", wake, |range: &TimeRange<RefNs>, facts, cancel| {
            let mut all = steal::accounts(facts, *range, cancel);
            sort_accounts(&mut all, Sort::descending(2));
            all
        });
        Self {
            curves,
            accounts,
            plot: PlotMemory::default(),
            hold: Hold::default(),
            sort: Sort::descending(2),
            shown: [true; 3],
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.hold = Hold::default();
        self.curves.reset();
        self.accounts.reset();
    }

    /// Waits until all is counted; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.curves.wait(longest) && self.accounts.wait(longest)
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared) {
        if no_vms_ui(ui, cx, "nothing can be stolen", "steal") {
            return;
        }
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        ui.spacing_mut().item_spacing.y = 0.0;
        let window = cx.state.view.window;
        let range = self.hold.range(&cx.state.view);
        let columns = (rect.width() - plot::gutter_width(shared, rect.width())).max(1.0) as usize;
        self.curves.ask(CurveKey { window, columns }, &cx.state.scene.facts);
        if self.accounts.ask(range, &cx.state.scene.facts)
            && let Some(accounts) = self.accounts.get_mut()
        {
            sort_accounts(accounts, self.sort);
        }
        self.legend_ui(ui, cx);
        time_axis_ui(ui, cx, shared, &mut self.plot);
        let room = (rect.height() * 0.55).max(90.0);
        egui::ScrollArea::vertical().id_salt("lanes").max_height(room).auto_shrink([false, true]).show(ui, |ui| {
            if let Some((of, curves)) = self.curves.get() {
                let height = plot::lane_height(room - 4.0, curves.len());
                for curve in curves {
                    curve_ui(ui, cx, shared, &mut self.plot, curve, *of, height);
                }
            }
        });
        ui.add_space(Sizes::GRID / 2.0);
        self.table_ui(ui, cx, range);
    }

    /// The table as it stands. A line for each taker would say one thing several times: they are one text.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let mut sheet = Sheet::new(&[
            ("What", "what"),
            ("Machine", "machine"),
            ("Who", "name"),
            ("Steal", "share"),
            ("Stolen", "stolen_ns"),
            ("Own code", "real_ns"),
            ("Hypervisor", "hypervisor_ns"),
            ("Halted", "halted_ns"),
            ("Unknown", "unknown_ns"),
            ("Of", "whole_ns"),
            ("Longest", "longest_ns"),
            ("Longest at", "longest_at_ns"),
            ("Taken by", "taken_by"),
        ]);
        let clock = cx.state.clock();
        for account in self.accounts.get()?.iter().filter(|a| self.shown[a.of as usize]) {
            let by = account.by.iter().map(|(name, time)| format!("{name}: {}", duration(*time)));
            let machine = cx.state.scene.machine(account.machine);
            sheet.rows.push(vec![
                Field::text(kind_words(account.of)),
                machine.map_or(Field::Empty, |m| Field::text(&m.name)),
                Field::text(&account.name),
                Field::share(account.share()),
                Field::Time(account.stolen),
                Field::Time(account.real),
                Field::Time(account.hypervisor),
                if matches!(account.of, Of::Task) { Field::Empty } else { Field::Time(account.halted) },
                Field::Time(account.unknown),
                Field::Time(account.whole),
                account.longest.map_or(Field::Empty, |l| Field::Time(l.length())),
                account.longest.map_or(Field::Empty, |l| Field::instant(&clock, l.begin)),
                Field::text(&by.collect::<Vec<_>>().join(", ")),
            ]);
        }
        Some(sheet)
    }

    fn legend_ui(&self, ui: &mut Ui, cx: &FrameContext<'_>) {
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID);
            let (rect, _) = ui.allocate_exact_size(egui::vec2(14.0, 12.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, 1.0, cx.theme.state(State::Preempted).color);
            ui.label(RichText::new("stolen, exactly, per pixel").size(Sizes::SMALL).color(cx.theme.secondary));
            ui.add_space(Sizes::GRID);
            let (rect, _) = ui.allocate_exact_size(egui::vec2(18.0, 12.0), egui::Sense::hover());
            ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(2.0, cx.theme.text));
            let text = "what top shows: the average of a whole second";
            ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
        });
    }

    fn table_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, range: TimeRange<RefNs>) {
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID / 2.0);
            for (n, name) in ["VMs", "vCPUs", "Tasks"].into_iter().enumerate() {
                if ui.selectable_label(self.shown[n], RichText::new(name).size(Sizes::SMALL)).clicked() {
                    self.shown[n] = !self.shown[n];
                }
            }
            let text = format!("{}, {}", self.hold.words(&cx.state.view), duration(range.length()));
            ui.label(RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary));
        });
        let Some(accounts) = self.accounts.get() else { return };
        let shown: Vec<&Account> = accounts.iter().filter(|a| self.shown[a.of as usize]).collect();
        let selected = cx.state.view.row;
        let output = table_ui(ui, cx.theme, &columns(), self.sort, shown.len(), |n| {
            let account = shown[n];
            let guest = cx.state.scene.machine(account.machine).map_or("", |m| &*m.name);
            line_of(account, guest, account.row.is_some() && account.row == selected)
        });
        if let Some(account) = output.clicked.and_then(|n| shown.get(n)) {
            if let Some(row) = account.row {
                cx.send(Command::SelectRow(Some(row)));
            }
            if let Some(longest) = account.longest {
                self.hold.jump(&cx.state.view);
                cx.send(Command::SelectTime(Some(longest)));
                cx.send(Command::SetWindow { window: around(longest), remember: true });
            }
        }
        if let Some(sort) = output.sort {
            self.sort = sort;
            if let Some(accounts) = self.accounts.get_mut() {
                sort_accounts(accounts, sort);
            }
        }
    }
}

fn sort_accounts(accounts: &mut [Account], sort: Sort) {
    let by = |a: &Account, b: &Account| -> Ordering {
        match sort.column {
            0 => a.name.cmp(&b.name),
            1 => a.share().total_cmp(&b.share()),
            2 => a.stolen.cmp(&b.stolen),
            3 => a.real.cmp(&b.real),
            4 => a.hypervisor.cmp(&b.hypervisor),
            5 => a.halted.cmp(&b.halted),
            _ => a.longest.map(|l| l.length()).cmp(&b.longest.map(|l| l.length())),
        }
    };
    accounts.sort_by(|a, b| sort.of(by(a, b)).then_with(|| (a.of as u8, &a.name).cmp(&(b.of as u8, &b.name))));
}

fn kind_words(of: Of) -> &'static str {
    match of {
        Of::Vm => "VM",
        Of::Vcpu => "vCPU",
        Of::Task => "task",
    }
}

fn line_of(account: &Account, guest: &str, selected: bool) -> Line {
    let time = |d: Dur| if d.0 > 0 { Cell::Quiet(duration(d)) } else { Cell::Empty };
    let kind = kind_words(account.of);
    let stolen = |text: String| if account.stolen.0 > 0 { Cell::Loud(text) } else { Cell::Quiet(text) };
    let by = account.by.iter().take(4).map(|(name, d)| format!("{name} {}", duration(*d))).collect::<Vec<_>>();
    let by = by.join(", ");
    // Lines of all VMs are sorted together: what stands above a task need not be its VM, so its own name says it.
    let name = match account.of {
        Of::Vm | Of::Vcpu => account.name.clone(),
        Of::Task => format!("{} in {guest}", account.name),
    };
    Line {
        spoken: format!("{kind} {name}: {} stolen, by {by}", duration(account.stolen)),
        machine: Some(account.machine),
        indent: 0.0,
        selected,
        cells: vec![
            Cell::Text(name),
            stolen(percent(account.share())),
            stolen(duration(account.stolen)),
            time(account.real),
            time(account.hypervisor),
            time(account.halted),
            account.longest.map_or(Cell::Empty, |l| Cell::Quiet(duration(l.length()))),
            Cell::Quiet(by),
        ],
    }
}

fn curve_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    curve: &Curve,
    of: TimeRange<RefNs>,
    height: f32,
) {
    let share = curve.times.steal();
    let lane = Lane {
        label: &format!("Steal of {}", curve.name),
        value: format!("{} of the window stolen", percent(share)),
        height,
        y: YAxis { low: 0.0, high: 1.0, text: |v| format!("{:.0} %", v * 100.0) },
    };
    let theme = cx.theme;
    let hovered = lane_ui(ui, cx, shared, memory, &lane, |painter, area| {
        let about = [
            format!("{} stolen", percent(share)),
            format!("{} of {}", duration(curve.times.stolen()), duration(curve.times.total())),
        ];
        gutter_text(painter, area, theme, &curve.name, &[&about[0], &about[1]]);
        let clipped = painter.with_clip_rect(area.rect.expand(1.0));
        paint_curve(&clipped, area, theme, curve, of);
    });
    if let Some(t) = hovered {
        let top = curve.top.iter().find(|(second, _)| second.contains(t)).map(|(_, share)| f64::from(*share));
        let exact = exact_at(curve, of, t);
        let text = match (exact, top) {
            (Some(exact), Some(top)) => format!("{} stolen here; top would say {}", percent(exact), percent(top)),
            (Some(exact), None) => format!("{} stolen here", percent(exact)),
            _ => "Nothing is known of the vCPU here".to_owned(),
        };
        egui::Tooltip::always_open(
            ui.ctx().clone(),
            ui.layer_id(),
            ui.scope_id().with("steal tip"),
            egui::PopupAnchor::Pointer,
        )
        .gap(12.0)
        .show(|ui| ui.label(text));
    }
}

fn exact_at(curve: &Curve, of: TimeRange<RefNs>, t: RefNs) -> Option<f64> {
    let share = (t - of.begin).0 as f64 / of.length().0.max(1) as f64;
    let n = (share * curve.exact.len() as f64).floor();
    if n < 0.0 {
        return None;
    }
    curve.exact.get(n as usize).filter(|v| v.is_finite()).map(|v| f64::from(*v))
}

fn paint_curve(painter: &Painter, area: &Area, theme: &Theme, curve: &Curve, of: TimeRange<RefNs>) {
    let mut painting = Painting::default();
    let color = theme.state(State::Preempted).color;
    let columns = curve.exact.len().max(1);
    // Drawn where it belongs also while the curve of a newer window is still being counted.
    let edge = |n: usize| {
        let ns = of.length().0 as i128 * n as i128 / columns as i128;
        area.scale.x(of.begin + Dur(i64::try_from(ns).unwrap_or(i64::MAX)))
    };
    let mut n = 0;
    while n < columns {
        let Some(value) = curve.exact.get(n).copied() else { break };
        let first = n;
        while n < columns && curve.exact.get(n).is_some_and(|v| v.to_bits() == value.to_bits()) {
            n += 1;
        }
        if value > 0.0 {
            // Something is never drawn as nothing.
            let top = area.at(f64::from(value)).min(area.rect.bottom() - 1.0);
            let x1 = edge(n).max(edge(first) + 1.0);
            painting.rect(Rect::from_min_max(pos2(edge(first), top), pos2(x1, area.rect.bottom())), color);
        }
    }
    painter.add(egui::Shape::mesh(painting.mesh));
    let mut points = Vec::new();
    for (second, share) in curve.top.iter().filter(|(_, share)| share.is_finite()) {
        let Some((x0, x1)) = area.scale.span(*second) else { continue };
        let y = area.at(f64::from(*share));
        points.extend([pos2(x0, y), pos2(x1, y)]);
    }
    // A line on a halo: it is to be seen on the filled part as well as beside it.
    painter.line(points.clone(), Stroke::new(4.0, theme.ground));
    painter.line(points, Stroke::new(2.0, theme.text));
}
