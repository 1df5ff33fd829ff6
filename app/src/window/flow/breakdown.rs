//! The breakdown beside a flow: three tables of where its time went, its notes, and the instances of a task that
//! recurs. A click on a line lights up what it counts.

use egui::accesskit::Role;
use egui::{Align2, Rect, Response, RichText, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vocab::Dur;

use crate::window::axis::duration;
use crate::window::flow::instances::Instances;
use crate::window::flow::sums::{Line, Part, Table};
use crate::window::joint::table::percent;
use crate::window::parts::{heading_ui, line_ui, swatch};
use crate::window::theme::{Sizes, Theme};
use crate::window::words;

/// So many lines of a table are shown at first.
const FIRST: usize = 8;

/// The width of times, and that of shares.
const TIME: f32 = 60.0;
const SHARE: f32 = 48.0;

/// In tables narrower than this shares stand below times: names of states have no room beside both.
const NARROW: f32 = 290.0;

/// What the user did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// Light up what a line counts, or all again.
    Light(Option<Part>),
    /// Go to the longest piece of a line.
    Longest(Part),
    /// Put the tables into the clipboard.
    Copy,
    /// Make an instance the flow's stretch of time.
    Instance(usize),
    /// Choose an instance to be compared.
    Choose(usize),
    /// Compare two instances, or show the flow again.
    Compare(bool),
}

/// What the tables remember between frames.
#[derive(Default)]
pub struct Breakdown {
    all: bool,
}

/// What the instances' table shows.
pub struct InstancesView<'a> {
    /// All of them.
    pub instances: &'a Instances,
    /// The two that are compared.
    pub chosen: Option<[usize; 2]>,
    /// Whether they are.
    pub comparing: bool,
    /// The one that is the flow's stretch.
    pub current: Option<usize>,
}

impl Breakdown {
    /// Draws the tables of a flow.
    pub fn tables_ui(&mut self, ui: &mut Ui, theme: &Theme, tables: &[Table], lit: Option<Part>) -> Option<Act> {
        let mut act = None;
        for table in tables {
            heading_ui(ui, theme, table.title);
            let shown = if self.all { table.lines.len() } else { FIRST.min(table.lines.len()) };
            for line in table.lines.iter().take(shown).chain(&table.own) {
                let response = line_row_ui(ui, theme, line, lit.is_some() && line.part == lit);
                let Some(part) = line.part else { continue };
                let response = response.on_hover_text("Click: show only this. Double click: go to its longest piece");
                if response.double_clicked() {
                    act = Some(Act::Longest(part));
                } else if response.clicked() {
                    act = Some(Act::Light((lit != Some(part)).then_some(part)));
                }
            }
            let rest: i64 = table.lines.iter().skip(shown).map(|line| line.time.0).sum();
            if shown < table.lines.len() {
                let text = format!("{} more: {}", table.lines.len() - shown, duration(Dur(rest)));
                if ui.button(RichText::new(text).size(Sizes::SMALL)).clicked() {
                    self.all = true;
                }
            }
        }
        act
    }
}

/// A line: in the colour of its state as long as its share, over it who or what, how long and how much.
fn line_row_ui(ui: &mut Ui, theme: &Theme, line: &Line, selected: bool) -> Response {
    let double = !line.more.is_empty() || ui.available_width() < NARROW;
    let height = if double { 34.0 } else { Sizes::ROW + 2.0 };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, line.spoken()));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let painter = ui.painter();
    let color = line.machine.map_or(theme.state(line.state).color, |m| theme.machine(m));
    if selected {
        painter.rect_filled(rect, 2.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, 2.0, theme.raised);
    }
    let top = Rect::from_min_size(rect.min, vec2(rect.width(), 20.0));
    let mark = Rect::from_center_size(pos2(rect.left() + 10.0, top.center().y), vec2(14.0, 12.0));
    match line.machine {
        Some(_) => drop(painter.rect_filled(mark.shrink2(vec2(5.0, 0.0)), 1.0, color)),
        None => swatch(painter, mark, theme, line.state),
    }
    let (left, right) = (rect.left() + 24.0, rect.right() - Sizes::GRID);
    // The share stands below the time where there are two lines.
    let beside = if double { 0.0 } else { SHARE };
    let tone = if line.loud { theme.alarm } else { theme.text };
    let text = Rect::from_min_max(pos2(left, top.top()), pos2(right - TIME - beside - 6.0, top.bottom()));
    let cut = line_ui(painter, text, Align2::LEFT_CENTER, &line.text, Theme::body_font(), theme.text);
    let time = Rect::from_min_max(pos2(right - TIME - beside, top.top()), pos2(right - beside, top.bottom()));
    line_ui(painter, time, Align2::RIGHT_CENTER, &duration(line.time), Theme::body_font(), tone);
    let share = percent(line.share);
    let quiet = |rect: Rect, align: Align2, text: &str| {
        line_ui(painter, rect, align, text, Theme::small_font(), theme.secondary)
    };
    if double {
        let below = Rect::from_min_max(pos2(left, top.bottom() - 4.0), pos2(right, rect.bottom() - 5.0));
        let (more, number) = below.split_left_right_at_x(right - SHARE);
        quiet(more, Align2::LEFT_CENTER, &line.more);
        quiet(number, Align2::RIGHT_CENTER, &share);
    } else if beside > 0.0 {
        quiet(
            Rect::from_min_max(pos2(right - SHARE, top.top()), pos2(right, top.bottom())),
            Align2::RIGHT_CENTER,
            &share,
        );
    }
    // The bar of the share lies under the words: it is compared by length, and costs no room.
    let track = Rect::from_min_max(pos2(left, rect.bottom() - 4.0), pos2(right, rect.bottom() - 2.0));
    painter.rect_filled(track, 1.0, Theme::mix(theme.panel, theme.line, 0.6));
    let mut bar = track;
    bar.set_width((track.width() * line.share.clamp(0.0, 1.0) as f32).max(1.0));
    painter.rect_filled(bar, 1.0, color);
    if cut { response.on_hover_text(line.spoken()) } else { response }
}

/// The instances: how long each took, who was to blame; the chosen ones can be compared.
pub fn instances_ui(ui: &mut Ui, theme: &Theme, view: &InstancesView<'_>) -> Option<Act> {
    let list = &view.instances.list;
    let mut act = None;
    let heading = format!("{}, {} slow", words::count(view.instances.all as u64, "instance"), view.instances.slow());
    heading_ui(ui, theme, &heading);
    let longest = list.iter().map(|i| i.duration.0).max().unwrap_or(1).max(1);
    for (n, instance) in list.iter().enumerate() {
        let chosen = view.comparing && view.chosen.is_some_and(|c| c.contains(&n));
        let selected = chosen || (!view.comparing && view.current == Some(n));
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), Sizes::ROW), Sense::click());
        response.widget_info(|| {
            let slow = if instance.slow { ", slow" } else { "" };
            let who = instance.culprit.as_ref().map_or_else(String::new, |c| format!(", {}", c.words));
            let text = format!("instance {} of the flow: {}{slow}{who}", n + 1, duration(instance.duration));
            WidgetInfo::selected(Role::ListItem, true, selected, text)
        });
        if response.clicked() {
            let choose = ui.input(|i| i.modifiers.command || i.modifiers.shift) || view.comparing;
            act = Some(if choose { Act::Choose(n) } else { Act::Instance(n) });
        }
        if !ui.is_rect_visible(rect) {
            continue;
        }
        let painter = ui.painter();
        if selected {
            painter.rect_filled(rect, 2.0, ui.visuals().selection.bg_fill);
        } else if response.hovered() || response.has_focus() {
            painter.rect_filled(rect, 2.0, theme.raised);
        }
        let color = if instance.slow { theme.alarm } else { theme.secondary };
        let cell = |from: f32, to: f32| {
            Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
        };
        let font = Theme::small_font;
        line_ui(painter, cell(0.0, 30.0), Align2::RIGHT_CENTER, &(n + 1).to_string(), font(), theme.secondary);
        let tone = if instance.slow { theme.alarm } else { theme.text };
        line_ui(painter, cell(30.0, 96.0), Align2::RIGHT_CENTER, &duration(instance.duration), font(), tone);
        let mut bar = cell(104.0, 150.0).shrink2(vec2(0.0, 7.0));
        bar.set_width((bar.width() * instance.duration.0 as f32 / longest as f32).max(1.0));
        painter.rect_filled(bar, 1.0, color);
        let who = Rect::from_min_max(pos2(rect.left() + 158.0, rect.top()), rect.max - vec2(Sizes::GRID, 0.0));
        let Some(culprit) = &instance.culprit else { continue };
        let stripe = Rect::from_min_size(who.min + vec2(0.0, 5.0), vec2(Sizes::STRIPE, Sizes::ROW - 10.0));
        painter.rect_filled(stripe, 0.0, theme.machine(culprit.machine));
        let name = Rect::from_min_max(who.min + vec2(8.0, 0.0), who.max);
        let tone = if instance.slow { theme.text } else { theme.secondary };
        line_ui(painter, name, Align2::LEFT_CENTER, &culprit.name, font(), tone);
        response.on_hover_text(format!("{}: {} more than usual", culprit.words, duration(culprit.extra)));
    }
    if list.len() < view.instances.all {
        let text = format!("The first {} are shown.", list.len());
        ui.label(RichText::new(text).size(Sizes::SMALL).color(theme.secondary));
    }
    act
}

/// The room of the breakdown, which scrolls.
pub fn scrolled_ui<R>(ui: &mut Ui, theme: &Theme, add: impl FnOnce(&mut Ui) -> R) -> R {
    let rect = ui.available_rect_before_wrap();
    ui.painter().rect_filled(rect, 0.0, theme.panel);
    ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            egui::Frame::new()
                .inner_margin(egui::Margin { left: 8, right: 10, top: 0, bottom: 8 })
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 1.0;
                    add(ui)
                })
                .inner
        })
        .inner
}
