//! What stands above and over the rows: search, order, selection, cursor, tooltip.

use egui::{Align2, Rect, Response, RichText, Stroke, Ui, UiBuilder, pos2, vec2};
use stratoscope_core::query::accounts::{Before, vm_times};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::axis::{Clock, TimeScale, snap};
use crate::window::command::{Command, RowRef};
use crate::window::own::RowCommand;
use crate::window::own::axis_marks::{lines, marks_of};
use crate::window::parts::line_ui;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::labels::Ruler;
use crate::window::timeline::links;
use crate::window::timeline::menu::sort_ui;
use crate::window::timeline::names::{self, Names};
use crate::window::timeline::paint::Subject;
use crate::window::timeline::rows::{Node, NodeKind, RowSet, VisibleRow};
use crate::window::timeline::tooltip::{describe, description_ui, shares};
use crate::window::timeline::vm_rows;
use crate::window::timeline::{Hovered, Input, Output, Shared, Timeline};
use crate::window::words;

/// A pointer that rests so long wants to know what it is on.
const REST_S: f32 = 0.12;

/// A field for the search of rows that is narrower than this is left out.
const NARROW: f32 = 36.0;

/// Names narrower than this say the order only when asked.
const SORT_WORDS: f32 = 116.0;

impl Timeline {
    /// The corner above the names: search and order.
    pub(super) fn header_ui(&mut self, ui: &mut Ui, rect: Rect, input: &Input<'_>, output: &mut Output) {
        let theme = input.theme;
        let inner = rect.shrink2(vec2(4.0, 2.0));
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        ui.scope_builder(UiBuilder::new().max_rect(inner).layout(layout).id_salt("corner"), |ui| {
            ui.set_clip_rect(rect.intersect(ui.clip_rect()));
            ui.spacing_mut().item_spacing = vec2(4.0, 0.0);
            ui.spacing_mut().button_padding = vec2(6.0, 1.0);
            ui.spacing_mut().interact_size.y = Sizes::AXIS - 4.0;
            if self.set == RowSet::ControlFlow {
                let tools = &input.view.own.rows;
                // Where there is no room for the words, the sign says that there is a choice.
                let words =
                    if inner.width() < SORT_WORDS { "▾".to_owned() } else { format!("by {} ▾", tools.sort.name()) };
                let text = RichText::new(words).size(Sizes::SMALL).color(theme.secondary);
                let menu = ui.menu_button(text, |ui| sort_ui(ui, tools, &mut output.commands));
                let label = format!("Sorted by {}", tools.sort.name());
                menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &label));
                menu.response.on_hover_text(label);
            }
            self.switch_ui(ui, input, output);
            self.hidden_ui(ui, input, output);
            if ui.available_width() < NARROW && !self.focus_search {
                // A field of two letters helps nobody; the key still opens it where there is more room.
                return;
            }
            ui.visuals_mut().text_edit_bg_color = Some(theme.panel);
            let mut text = input.view.search.clone();
            let edit = egui::TextEdit::singleline(&mut text)
                .hint_text(RichText::new("Find  /").color(theme.secondary).size(Sizes::SMALL))
                .font(Theme::small_font())
                .desired_width(ui.available_width())
                .margin(vec2(6.0, 2.0));
            let response = ui.add(edit).accessible_name("Find rows");
            if std::mem::take(&mut self.focus_search) {
                response.request_focus();
            }
            if response.changed() {
                output.commands.push(Command::SetRowSearch(text));
            }
            output.touched |= response.gained_focus();
        });
    }

    /// How many rows are hidden by hand, and the way to see them again.
    fn hidden_ui(&self, ui: &mut Ui, input: &Input<'_>, output: &mut Output) {
        let rows = || self.tree.nodes.iter().zip(&self.by_hand);
        let hidden = rows().filter(|(node, hidden)| **hidden && matches!(node.kind, NodeKind::Row(_))).count();
        if hidden == 0 {
            return;
        }
        let text = RichText::new(format!("+{hidden}")).size(Sizes::SMALL).color(input.theme.accent);
        let hint =
            format!("{} hidden by hand: click to show them", words::count_of(hidden as u64, "row is", "rows are"));
        let response = ui.add(egui::Button::new(text)).on_hover_text(&hint);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &hint));
        if response.clicked() {
            output.commands.push(Command::Rows(RowCommand::ShowAll));
        }
    }

    /// What a pane of virtual machines lets choose: which tasks, which colours.
    fn switch_ui(&self, ui: &mut Ui, input: &Input<'_>, output: &mut Output) {
        let (text, hint, command) = match self.set {
            RowSet::VirtualMachines if input.view.idle_tasks => {
                ("all tasks", "Hide tasks that are idle in the window", Command::ToggleIdleTasks)
            }
            RowSet::VirtualMachines => {
                ("busy tasks", "Show tasks that are idle in the window as well", Command::ToggleIdleTasks)
            }
            RowSet::PhysicalCpus if input.view.by_machine => {
                ("by machine", "Colour by state", Command::ToggleByMachine)
            }
            RowSet::PhysicalCpus => ("by state", "Colour by whose work it is", Command::ToggleByMachine),
            RowSet::ControlFlow | RowSet::Resources | RowSet::Flow => return,
        };
        let button = egui::Button::new(RichText::new(text).size(Sizes::SMALL).color(input.theme.secondary));
        if ui.add(button).on_hover_text(hint).clicked() {
            output.commands.push(command);
        }
    }

    /// Draws rows, states and what lies over them.
    #[expect(clippy::too_many_arguments, reason = "the places of a pane, once")]
    pub(super) fn paint_ui(
        &mut self,
        ui: &mut Ui,
        names_rect: Rect,
        states: Rect,
        id: egui::Id,
        scale: &TimeScale,
        clock: &Clock,
        input: &Input<'_>,
        shared: &Shared,
        hovered: Option<RowRef>,
        output: &mut Output,
    ) {
        let pinned = self.visible.pinned_height().min(states.height());
        let below = states.top() + pinned;
        let part = |rect: Rect| Rect::from_min_max(pos2(rect.left(), below), rect.max);
        let scroll = self.scroll + pinned;
        let rows: Vec<VisibleRow> = self.visible.between(scroll, self.scroll + states.height()).to_vec();
        self.part_ui(
            ui,
            (part(names_rect), part(states)),
            (scroll, &rows),
            false,
            id,
            scale,
            clock,
            input,
            shared,
            hovered,
            output,
        );
        self.paint_sticky(ui, names_rect, states, input);
        if self.visible.pinned > 0 {
            let part = |rect: Rect| Rect::from_min_max(rect.min, pos2(rect.right(), below));
            let rows: Vec<VisibleRow> = self.visible.rows.iter().take(self.visible.pinned).copied().collect();
            let whole = names_rect.union(states);
            ui.painter_at(whole).rect_filled(part(whole), 0.0, input.theme.ground);
            self.part_ui(
                ui,
                (part(names_rect), part(states)),
                (0.0, &rows),
                true,
                id,
                scale,
                clock,
                input,
                shared,
                hovered,
                output,
            );
            ui.painter_at(whole).hline(whole.x_range(), below - 0.5, Stroke::new(1.0, input.theme.secondary));
        }
        // Also over the pinned rows: arrows may come from there and lead there.
        let painter = ui.painter_at(states);
        if input.overlay.is_none() {
            self.arrows.find(input.scene, input.view.row, input.view.window);
            let (tree, visible) = (&self.tree, &self.visible);
            self.arrows.paint(&painter, input.scene, tree, visible, self.scroll, states, scale, input.theme);
        }
        if let Some(selected) = input.view.row.zip(input.view.selection.map(|s| s.begin))
            && input.overlay.is_none()
        {
            let (tree, visible) = (&self.tree, &self.visible);
            links::paint(&painter, input.scene, tree, visible, self.scroll, states, scale, input.theme, selected);
        }
        self.paint_time(ui, states, scale, input, shared.hover);
        if let Some(overlay) = input.overlay {
            let (tree, visible) = (&self.tree, &self.visible);
            overlay.paint(&painter, states, scale, &|row| {
                let node = tree.find(row)?;
                let (middle, height) = (visible.middle(node, self.scroll)?, visible.of(node)?.height);
                Some((states.top() + middle - height / 2.0, height))
            });
        }
        self.paint_bar(ui, states, input.theme);
        if self.visible.rows.is_empty() {
            self.nothing_ui(ui, names_rect.union(states), input);
        }
    }

    /// Draws a part of the rows: those that are pinned, or those that scroll below them.
    #[expect(clippy::too_many_arguments, reason = "the places of a pane, once")]
    fn part_ui(
        &mut self,
        ui: &mut Ui,
        (names_rect, states): (Rect, Rect),
        (scroll, rows): (f32, &[VisibleRow]),
        pinned: bool,
        id: egui::Id,
        scale: &TimeScale,
        clock: &Clock,
        input: &Input<'_>,
        shared: &Shared,
        hovered: Option<RowRef>,
        output: &mut Output,
    ) {
        self.highlight_rows(ui, names_rect.union(states), scroll, rows, input, hovered);
        let canvas = if pinned { &mut self.pinned_canvas } else { &mut self.canvas };
        canvas.paint(
            ui,
            &Subject {
                scene: input.scene,
                tree: &self.tree,
                theme: input.theme,
                clock,
                scale: *scale,
                rect: states,
                rows,
                scroll,
                compact: input.view.compact,
                by_machine: self.set == RowSet::PhysicalCpus && input.view.by_machine,
                dimmed: input.view.dimmed,
                unmatched: &self.unmatched,
                find: &input.view.find,
                rows_version: self.rows_version,
            },
        );
        self.paint_selected_state(ui, states, scroll, rows, scale, input);
        self.paint_headers(ui, names_rect, states, scroll, rows, input);
        let ruler = Ruler::new(ui, egui::FontId::proportional(Sizes::TEXT - 0.5));
        let names = Names {
            scene: input.scene,
            tree: &self.tree,
            visible: &self.visible,
            view: input.view,
            theme: input.theme,
            keys: &shared.keys,
            rows,
            scroll,
            unmatched: &self.unmatched,
            stripes: input.scene.machines.len() > 1,
        };
        names.ui(ui, names_rect, id, &ruler, &mut output.commands);
    }

    /// The selected row and the one under the pointer.
    fn highlight_rows(
        &self,
        ui: &Ui,
        body: Rect,
        scroll: f32,
        rows: &[VisibleRow],
        input: &Input<'_>,
        hovered: Option<RowRef>,
    ) {
        let painter = ui.painter_at(body);
        let related = input.related();
        for row in rows {
            let node = self.tree.node(row.node);
            let place =
                Rect::from_min_size(pos2(body.left(), body.top() + row.y - scroll), vec2(body.width(), row.height));
            let theme = input.theme;
            if related.contains(&node.row) {
                // The same thing, seen from another machine.
                painter.rect_filled(place, 0.0, Theme::mix(theme.ground, theme.accent, 0.1));
            }
            if input.view.row == Some(node.row) {
                let share = if input.focused { 0.2 } else { 0.13 };
                painter.rect_filled(place, 0.0, Theme::mix(theme.ground, theme.accent, share));
            } else if hovered == Some(node.row) {
                painter.rect_filled(place, 0.0, Theme::mix(theme.ground, theme.raised, 0.7));
            }
        }
    }

    /// A frame around the state that is selected: the selected row's, at the selected instant.
    fn paint_selected_state(
        &self,
        ui: &Ui,
        states: Rect,
        scroll: f32,
        rows: &[VisibleRow],
        scale: &TimeScale,
        input: &Input<'_>,
    ) {
        let Some((row, t)) = input.view.row.zip(input.view.selection.map(|s| s.begin)) else { return };
        let Some((machine, _, scene_row)) = input.scene.row(row) else { return };
        let node = self.tree.find(row);
        let Some(place) = rows.iter().find(|r| Some(r.node) == node) else { return };
        let Some(interval) = machine.at(scene_row, t) else { return };
        let range = machine.to_ref(TimeRange::new(interval.begin, interval.end));
        let Some((x0, x1)) = scale.span(range) else { return };
        let y = states.top() + place.y - scroll;
        let frame = Rect::from_min_max(pos2(x0 - 1.0, y + 1.0), pos2(x1.max(x0 + 1.0) + 1.0, y + place.height - 1.0));
        ui.painter_at(states).rect_stroke(frame, 1.0, Stroke::new(1.5, input.theme.text), egui::StrokeKind::Inside);
    }

    /// The selection and the line under the pointer, over all rows.
    fn paint_time(&self, ui: &Ui, states: Rect, scale: &TimeScale, input: &Input<'_>, hover: Option<RefNs>) {
        let painter = ui.painter_at(states);
        let theme = input.theme;
        lines(&painter, states, scale, &marks_of(&input.view.own, input.scene), theme);
        if let Some(selection) = input.view.selection
            && let Some((x0, x1)) = scale.span(selection)
        {
            if selection.begin != selection.end {
                let shade = Rect::from_x_y_ranges(x0..=x1, states.y_range());
                painter.rect_filled(shade, 0.0, theme.accent.gamma_multiply(0.12));
            }
            for t in [selection.begin, selection.end] {
                let x = snap(&painter, scale.x(t));
                painter.vline(x, states.y_range(), Stroke::new(1.0, theme.accent));
            }
        }
        if let Some(t) = hover.filter(|_| !self.pointer.is_dragging()) {
            let x = snap(&painter, scale.x(t));
            let color = Theme::mix(theme.ground, theme.text, 0.75).gamma_multiply(0.8);
            painter.vline(x, states.y_range(), Stroke::new(1.0, color));
        }
    }

    /// Headers of machines run over the states as well.
    fn paint_headers(
        &self,
        ui: &Ui,
        names_rect: Rect,
        states: Rect,
        scroll: f32,
        rows: &[VisibleRow],
        input: &Input<'_>,
    ) {
        let painter = ui.painter_at(names_rect.union(states));
        for row in rows {
            let node = self.tree.node(row.node);
            if node.kind == super::rows::NodeKind::Machine {
                let place = Rect::from_min_size(
                    pos2(states.left(), states.top() + row.y - scroll),
                    vec2(states.width(), row.height),
                );
                painter.rect_filled(place, 0.0, input.theme.raised);
                note_ui(&painter, place, node, input);
            }
        }
    }

    /// The header of the machine whose rows are at the top, when the header itself is scrolled out.
    fn paint_sticky(&self, ui: &Ui, names_rect: Rect, states: Rect, input: &Input<'_>) {
        let ruler = Ruler::new(ui, egui::FontId::proportional(Sizes::TEXT - 0.5));
        let Some(node) = self.sticky_node() else { return };
        let node = self.tree.node(node);
        let body = names_rect.union(states);
        let top = body.min + vec2(0.0, self.visible.pinned_height());
        let place = Rect::from_min_size(top, vec2(body.width(), Sizes::GROUP));
        let painter = ui.painter_at(body);
        names::header(&painter, place, input.theme, node);
        let x = place.left() + Sizes::GRID + 16.0;
        let text = ruler.fit(&node.name, names_rect.right() - x).unwrap_or_default();
        painter.text(pos2(x, place.center().y), Align2::LEFT_CENTER, text, Theme::body_font(), input.theme.text);
        note_ui(&painter, Rect::from_x_y_ranges(states.x_range(), place.y_range()), node, input);
        painter.hline(place.x_range(), place.bottom() - 0.5, Stroke::new(1.0, input.theme.line));
    }

    /// The scroll bar's thumb.
    fn paint_bar(&self, ui: &Ui, states: Rect, theme: &Theme) {
        let all = self.visible.height;
        if all <= states.height() {
            return;
        }
        let length = (states.height() * states.height() / all).max(24.0);
        let y = states.top() + (states.height() - length) * self.scroll / (all - states.height());
        let track = Rect::from_min_max(pos2(states.right() - 8.0, states.top()), states.max);
        let near = self.bar_drag.is_some() || ui.rect_contains_pointer(track.expand2(vec2(4.0, 0.0)));
        let width = if near { 6.0 } else { 3.0 };
        let thumb = Rect::from_min_size(pos2(states.right() - width - 1.0, y), vec2(width, length));
        let color = theme.secondary.gamma_multiply(if near { 0.9 } else { 0.5 });
        ui.painter_at(states).rect_filled(thumb, 2.0, color);
    }

    /// Why there are no rows.
    fn nothing_ui(&self, ui: &mut Ui, body: Rect, input: &Input<'_>) {
        let text = if !self.tree.nodes.is_empty() {
            "All rows are idle in this window. Show idle rows, or go elsewhere."
        } else if !input.scene.complete {
            "Rows appear as soon as the first events are read."
        } else {
            match self.set {
                RowSet::ControlFlow => "This trace has no scheduling events, so there are no threads to show.",
                RowSet::Resources | RowSet::PhysicalCpus => {
                    "This trace has no scheduling or interrupt events, so there are no CPUs to show."
                }
                RowSet::VirtualMachines => "Nothing here enters a guest, so there are no virtual machines to show.",
                RowSet::Flow => "The task did not exist in this stretch of time.",
            }
        };
        ui.put(Rect::from_center_size(body.center(), vec2(body.width() - 32.0, 40.0)), |ui: &mut Ui| {
            ui.label(RichText::new(text).color(input.theme.secondary))
        });
    }

    /// What is under the pointer, in words, once it rests.
    pub(super) fn tooltip_ui(
        &mut self,
        ui: &Ui,
        response: &Response,
        hovered: &Hovered,
        scale: &TimeScale,
        clock: &Clock,
        input: &Input<'_>,
    ) {
        let Some((machine, _, scene_row)) = hovered.row.and_then(|row| input.scene.row(row)) else {
            self.tooltip_for = None;
            return;
        };
        let theme = input.theme;
        let t = machine.map.from_ref(hovered.t);
        let reach = scale.length(2.0);
        let near = TimeRange::new(t - reach, t + reach);
        let lost: Vec<_> = machine.lost.iter().filter(|l| l.range.overlaps(&near)).take(3).collect();
        let begin = hovered.interval.map(|i| i.begin).or(lost.first().map(|l| l.range.begin));
        let Some(subject) = hovered.row.zip(begin) else {
            self.tooltip_for = None;
            return;
        };
        let still = ui.input(|i| i.pointer.time_since_last_movement());
        // Within one state the words stay while the pointer moves; over others it must rest first.
        let same = self.tooltip_for == Some(subject);
        if self.pointer.is_dragging() || !response.contains_pointer() || (still < REST_S && !same) {
            self.tooltip_for = None;
            if still < REST_S {
                ui.request_repaint_after(std::time::Duration::from_secs_f32(REST_S - still));
            }
            return;
        }
        self.tooltip_for = Some(subject);
        let description = hovered.interval.and_then(|i| describe(input.scene, subject.0, &i, clock, theme));
        let pixel = 1.0 / ui.pixels_per_point();
        let mut tooltip = egui::Tooltip::for_widget(response);
        tooltip.popup = tooltip.popup.open(true);
        tooltip.at_pointer().gap(14.0).show(|ui| {
            if let Some(overlay) = input.overlay {
                overlay.tooltip_ui(ui, hovered);
            } else if let Some(description) = &description {
                let shares = shares(machine, scene_row, scale, scale.x(hovered.t), pixel);
                description_ui(ui, theme, description, &shares);
            }
            for lost in lost {
                ui.label(RichText::new(&*lost.text).color(theme.alarm).size(Sizes::SMALL));
            }
        });
    }
}

/// What a VM's header says over the states: how much of the window was taken from it, where it runs, and what is
/// missing.
fn note_ui(painter: &egui::Painter, place: Rect, node: &Node, input: &Input<'_>) {
    let theme = input.theme;
    let mut x = place.left() + Sizes::GRID;
    let y = place.center().y;
    if let Some(steal) = steal_of(node, input) {
        let color = if steal >= LOUD_STEAL { theme.alarm } else { theme.secondary };
        let text = format!("{:.1} % stolen in this window", steal * 100.0);
        let rect = painter.text(pos2(x, y), Align2::LEFT_CENTER, text, Theme::small_font(), color);
        x = rect.right() + 2.0 * Sizes::GRID;
    }
    let rest = Rect::from_min_max(pos2(x, place.top()), pos2(place.right() - Sizes::GRID, place.bottom()));
    line_ui(painter, rest, Align2::LEFT_CENTER, &node.note, Theme::small_font(), theme.secondary);
}

/// From this share on, stolen time is written in the colour of alarms.
const LOUD_STEAL: f64 = 0.05;

/// The share of the window in which the vCPUs of a VM wanted to run and did not.
fn steal_of(node: &Node, input: &Input<'_>) -> Option<f64> {
    let view = input.scene.vm.as_ref()?;
    let number = vm_rows::vm_of(node)?;
    let host = input.scene.machine(view.model.vms.get(number)?.host)?;
    let extent = host.extent?;
    let times = vm_times(view, number, host.to_machine(input.view.window), extent, Before::Skipped);
    (times.total().0 > 0).then(|| times.steal())
}
