//! What the pointer is on in a timeline and what a click there means, and which part of the rows is on the screen.

use egui::accesskit::Role;
use egui::{CursorIcon, Pos2, Rect, Sense, Ui, WidgetInfo, vec2};
use stratoscope_core::vocab::{RefNs, TimeRange};

use super::*;

impl Timeline {
    /// Says to the other panes where the pointer is. Only the pane that knows it may say that it is nowhere.
    pub(super) fn share_hover(&mut self, ui: &Ui, shared: &mut Shared, t: Option<RefNs>) {
        let nowhere = ui.input(|i| i.pointer.hover_pos()).is_none();
        if t.is_some() || nowhere {
            if shared.hover != t {
                // Panes that were drawn before this one still show the old place.
                ui.request_repaint();
            }
            shared.hover = t;
        }
    }

    /// What a screen reader calls it.
    pub(super) fn title(&self) -> String {
        match self.set {
            RowSet::ControlFlow => "Control flow timeline".to_owned(),
            RowSet::Resources => "Resources timeline".to_owned(),
            RowSet::VirtualMachines => "Virtual machines timeline".to_owned(),
            RowSet::PhysicalCpus => "Physical CPUs timeline".to_owned(),
            RowSet::Flow => "Execution flow timeline".to_owned(),
        }
    }

    pub(super) fn hovered(&self, pos: Pos2, states: Rect, scale: &TimeScale, input: &Input<'_>) -> Hovered {
        let t = scale.t(pos.x);
        let under_header = self.sticky(states).is_some_and(|r| pos.y < r.bottom());
        let row = (!under_header && states.y_range().contains(pos.y))
            .then(|| self.visible.at(self.list_y(pos.y - states.top())))
            .flatten()
            .map(|row| self.tree.node(row.node))
            .filter(|node| matches!(node.kind, NodeKind::Row(_)))
            .map(|node| node.row);
        let interval =
            row.and_then(|row| input.scene.row(row)).and_then(|(machine, _, scene_row)| machine.at(scene_row, t));
        Hovered { t, row, interval }
    }

    pub(super) fn click(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        states: Rect,
        scale: &TimeScale,
        input: &Input<'_>,
        output: &mut Output,
    ) {
        let Some(pos) = response.interact_pointer_pos().filter(|_| response.clicked()) else { return };
        let at = self.hovered(pos, states, scale, input);
        if ui.input(|i| i.modifiers.shift) {
            let free = ui.input(|i| i.modifiers.alt);
            let t = if free { at.t } else { interact::snapped(input.scene, at.row, scale, at.t) };
            output.commands.push(Command::SelectTime(Some(interact::extended(input.view.selection, t))));
            return;
        }
        if at.row.is_some() {
            output.commands.push(Command::SelectRow(at.row));
        }
        output.commands.push(Command::SelectTime(Some(TimeRange::new(at.t, at.t))));
        if response.double_clicked()
            && let (Some(row), Some(interval)) = (at.row, at.interval)
            && let Some(machine) = input.scene.machine(row.machine)
        {
            let range = machine.to_ref(TimeRange::new(interval.begin, interval.end));
            output.commands.push(Command::SetWindow { window: interact::around(range), remember: true });
        }
    }

    /// Brings a row that was just selected onto the screen; opens what hides it.
    pub(super) fn reveal_row(&mut self, height: f32, input: &Input<'_>, output: &mut Output) {
        if !std::mem::take(&mut self.reveal) {
            return;
        }
        // A row of another pane: what is the same here comes into view beside it.
        let own = input.view.row.and_then(|row| self.tree.find(row));
        let kin = || input.related().into_iter().rev().find_map(|row| self.tree.find(row));
        let Some(node) = own.or_else(kin) else { return };
        if own.is_none() && self.visible.of(node).is_none() {
            return;
        }
        let Some(place) = self.visible.of(node).copied() else {
            let mut parent = self.tree.node(node).parent;
            while let Some(n) = parent {
                let above = self.tree.node(n);
                if above.open == input.view.collapsed.contains(&above.row) {
                    output.commands.push(Command::ToggleRow(above.row));
                    self.reveal = true;
                }
                parent = above.parent;
            }
            return;
        };
        if self.visible.is_pinned(node) {
            return;
        }
        let header = if self.tree.node(node).parent.is_some() { Sizes::GROUP } else { 0.0 };
        let header = header + self.visible.pinned_height();
        self.beyond = 0.0;
        // A row that can be seen stays where it is, be it cut a little: nothing jumps under the pointer.
        if place.y + place.height / 2.0 < self.scroll + header {
            self.scroll = place.y - header;
        } else if place.y + place.height / 2.0 > self.scroll + height {
            self.scroll = place.y + place.height - height;
        }
    }

    /// Where the header of the machine is kept that the topmost row belongs to.
    pub(super) fn sticky(&self, states: Rect) -> Option<Rect> {
        self.sticky_node()?;
        let top = states.min + vec2(0.0, self.visible.pinned_height());
        Some(Rect::from_min_size(top, vec2(states.width(), Sizes::GROUP)))
    }

    pub(super) fn sticky_node(&self) -> Option<u32> {
        let first = self.scroll + self.visible.pinned_height();
        let top = self.visible.at(first)?;
        let mut node = top.node;
        if self.tree.node(node).kind == NodeKind::Machine && top.y >= first {
            return None;
        }
        while let Some(parent) = self.tree.node(node).parent {
            node = parent;
        }
        (self.tree.node(node).kind == NodeKind::Machine).then_some(node)
    }

    /// The line between names and states; it can be moved.
    pub(super) fn split_ui(&self, ui: &Ui, rect: Rect, x: f32, id: egui::Id, theme: &Theme, shared: &mut Shared) {
        let handle = Rect::from_x_y_ranges(x - 3.0..=x + 3.0, rect.y_range());
        let response = ui.interact(handle, id.with("split"), Sense::click_and_drag());
        let response = response.on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
        response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, "Width of names"));
        if let Some(pos) = response.interact_pointer_pos().filter(|_| response.dragged()) {
            shared.names_width = (pos.x - rect.left()).clamp(40.0, names_most(rect.width()));
        }
        if response.double_clicked() {
            shared.names_width = Sizes::NAMES;
        }
        let color = if response.hovered() || response.dragged() { theme.accent } else { theme.line };
        let painter = ui.painter_at(rect);
        painter.vline(snap(&painter, x), rect.y_range(), egui::Stroke::new(1.0, color));
    }
}
