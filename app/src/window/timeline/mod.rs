//! The timeline: rows on the left, their states over time on the right. One widget for every view of that kind.
//!
//! ```text
//!  Snapshot ─► Scene ─► Tree ─► Visible ─┬─► names    (column of names, what screen readers see)
//!                                        ├─► paint    (one mesh of states, labels)
//!                                        ├─► arrows   (wake-ups of the selected thread)
//!                                        └─► interact (zoom, pan, select) ─► Commands
//! ```
//! A timeline changes nothing but its own scrolling: what the user does comes out as [`Command`]s. It draws
//! O(rows on the screen × columns of pixels), however many intervals there are.

pub mod lane;
pub mod rows;
pub mod scene;

mod arrange;
mod arrows;
mod bars;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod fake_vm;
mod found;
mod header;
mod idle;
pub(crate) mod interact;
mod labels;
mod links;
mod lit;
mod menu;
pub(crate) mod mesh;
mod names;
mod overlay;
mod paint;
mod picture;
mod pointer;
mod stored;
#[cfg(test)]
mod tests;
mod tint;
mod tooltip;
mod vm_facts;
mod vm_rows;

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Rect, Sense, Ui, UiBuilder, WidgetInfo, pos2};
use stratoscope_core::store::Interval;
use stratoscope_core::vocab::{MachineId, MachineNs, RefNs, TimeRange};

use crate::window::aside::Aside;
use crate::window::axis::{AxisAction, AxisMarks, Clock, TimeScale, axis_ui, snap};
use crate::window::command::{Command, Direction, RowRef, RowStep};
use crate::window::keys::Keymap;
use crate::window::own::axis_marks::marks_of;
use crate::window::own::{Own, Place};
use crate::window::relations;
use crate::window::theme::{Sizes, Theme};
use crate::window::view::{TimeFormat, View};

pub use overlay::Overlay;
pub(crate) use paint::not_read;
pub use paint::{MAX_QUADS, PaintStats};
pub use stored::StoredMachine;
pub use tooltip::{Description, describe, description_ui, swatch_ui};

use rows::{Making, NodeKind, RowSet, Tree, Visible, Wanted};
use scene::Scene;

/// What timelines draw from in a frame.
pub struct Input<'a> {
    /// What there is.
    pub scene: &'a Scene,
    /// What of it is looked at.
    pub view: &'a View,
    /// Colours and words.
    pub theme: &'a Theme,
    /// How instants are written.
    pub format: TimeFormat,
    /// Whether this pane has the keyboard.
    pub focused: bool,
    /// What the pane draws over the rows and says of them, in place of wake-ups and states in words.
    pub overlay: Option<&'a dyn Overlay>,
}

impl Input<'_> {
    /// How instants are written.
    pub fn clock(&self) -> Clock {
        Clock {
            origin_ns: self.scene.origin_ns,
            dated: self.scene.dated,
            zero: self.scene.extent.map_or(RefNs(0), |e| e.begin),
            format: self.format,
        }
    }

    /// Rows that are the selected one, seen from elsewhere, at the selected instant.
    fn related(&self) -> Vec<RowRef> {
        self.view.row.map_or_else(Vec::new, |row| relations::related(self.scene, row, self.view.instant()))
    }
}

/// How wide names may be in a pane of that width: panes beside each other are narrow, and states come first.
fn names_most(width: f32) -> f32 {
    (width * 0.42).clamp(40.0, (width - 80.0).max(40.0))
}

/// What all timelines of a window have in common, besides the view.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Width of the column of names.
    pub names_width: f32,
    /// The instant under the pointer, in whichever pane.
    pub hover: Option<RefNs>,
    /// Keys, for menus.
    pub keys: Arc<Keymap>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { names_width: Sizes::NAMES, hover: None, keys: Arc::default() }
    }
}

/// What is under the pointer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hovered {
    /// When.
    pub t: RefNs,
    /// Which row.
    pub row: Option<RowRef>,
    /// Which of its states.
    pub interval: Option<Interval>,
}

/// What came out of a frame.
#[derive(Debug, Default)]
pub struct Output {
    /// What the user did.
    pub commands: Vec<Command>,
    /// What is under the pointer.
    pub hovered: Option<Hovered>,
    /// The user clicked or dragged here: the pane should get the keyboard.
    pub touched: bool,
    /// How far the user scrolled the rows, in points.
    pub scrolled: f32,
}

/// A pane of rows over time.
pub struct Timeline {
    set: RowSet,
    machine: Option<MachineId>,
    scroll: f32,
    /// How far others scrolled beyond the ends of this one's rows, so that it stays in step on the way back.
    beyond: f32,
    longest: f32,
    tree: Aside<Tree>,
    making: Making,
    /// Nodes that are hidden by hand.
    by_hand: Vec<bool>,
    /// What they were made of.
    own: Option<(u64, Arc<Own>)>,
    own_version: u64,
    /// What stands in the pinned rows.
    pinned_canvas: paint::Canvas,
    /// The row whose menu is open, and the instant that was clicked.
    menu_row: Option<(RowRef, RefNs)>,
    visible: Visible,
    visible_key: Option<VisibleKey>,
    rows_version: u64,
    unmatched: Vec<bool>,
    /// What was looked for when `unmatched` was made.
    found: u64,
    idle: idle::Idle,
    canvas: paint::Canvas,
    arrows: arrows::Arrows,
    pointer: interact::Pointer,
    axis_from: Option<RefNs>,
    last_row: Option<RowRef>,
    reveal: bool,
    page: f32,
    bar_drag: Option<(f32, f32)>,
    focus_search: bool,
    tooltip_for: Option<(RowRef, MachineNs)>,
}

#[derive(Clone, PartialEq)]
struct VisibleKey {
    rows_version: u64,
    own: u64,
    toggled: BTreeSet<RowRef>,
    compact: bool,
    idle: u64,
}

impl Timeline {
    /// A timeline of `set`, of one machine or of all.
    pub fn new(set: RowSet, machine: Option<MachineId>) -> Self {
        Self {
            set,
            machine,
            scroll: 0.0,
            beyond: 0.0,
            longest: 0.0,
            tree: Aside::default(),
            making: Making::default(),
            by_hand: Vec::new(),
            own: None,
            own_version: 0,
            pinned_canvas: paint::Canvas::default(),
            menu_row: None,
            visible: Visible::default(),
            visible_key: None,
            rows_version: 0,
            unmatched: Vec::new(),
            found: 0,
            idle: idle::Idle::default(),
            canvas: paint::Canvas::default(),
            arrows: arrows::Arrows::default(),
            pointer: interact::Pointer::default(),
            axis_from: None,
            last_row: None,
            reveal: false,
            page: 0.0,
            bar_drag: None,
            focus_search: false,
            tooltip_for: None,
        }
    }

    /// Shows rows of another machine, or of all.
    pub fn limit_to(&mut self, machine: Option<MachineId>) {
        self.machine = machine;
    }

    /// Puts the keyboard into the search of rows in the next frame.
    pub fn focus_search(&mut self) {
        self.focus_search = true;
    }

    /// Scrolls rows as far as those of another pane were scrolled.
    pub fn scroll_along(&mut self, points: f32) {
        let wanted = self.scroll + self.beyond + points;
        self.scroll = wanted.clamp(0.0, self.longest);
        self.beyond = wanted - self.scroll;
    }

    /// How far rows are scrolled, in points.
    pub fn scrolled(&self) -> f32 {
        self.scroll
    }

    /// The user scrolls.
    fn scroll_to(&mut self, wanted: f32, output: &mut Output) {
        let to = wanted.clamp(0.0, self.longest);
        output.scrolled += to - self.scroll;
        self.scroll = to;
        self.beyond = 0.0;
    }

    /// How much the last frame took.
    pub fn stats(&self) -> PaintStats {
        self.canvas.stats
    }

    /// The row that a step from `from` leads to, among those that are shown.
    pub fn step_row(&self, from: Option<RowRef>, step: RowStep) -> Option<RowRef> {
        let rows: Vec<RowRef> = self.shown_rows().collect();
        let page = ((self.page / Sizes::ROW) as usize).max(2) - 1;
        let last = rows.len().checked_sub(1)?;
        let at = from.and_then(|row| rows.iter().position(|r| *r == row));
        let to = match (step, at) {
            (RowStep::End(Direction::Back), _) | (RowStep::One(_) | RowStep::Page(_), None) => 0,
            (RowStep::End(Direction::Forward), _) => last,
            (RowStep::One(Direction::Back), Some(at)) => at.saturating_sub(1),
            (RowStep::One(Direction::Forward), Some(at)) => at + 1,
            (RowStep::Page(Direction::Back), Some(at)) => at.saturating_sub(page),
            (RowStep::Page(Direction::Forward), Some(at)) => at + page,
        };
        rows.get(to.min(last)).copied()
    }

    /// The next or previous row that the search finds, also among those in closed ones; it begins again at the end.
    pub fn step_match(&self, from: Option<RowRef>, direction: Direction) -> Option<RowRef> {
        if self.unmatched.is_empty() {
            return None;
        }
        let order = Visible::new(&self.tree, &self.all_open(), &[], false);
        let found: Vec<usize> = (0..order.rows.len()).filter(|n| self.is_found(order.rows[*n].node)).collect();
        let at = from.and_then(|row| self.tree.find(row)).and_then(|node| order.position(node));
        let to = match (direction, at) {
            (Direction::Forward, None) => found.first(),
            (Direction::Forward, Some(at)) => found.iter().find(|n| **n > at).or(found.first()),
            (Direction::Back, None) => found.last(),
            (Direction::Back, Some(at)) => found.iter().rev().find(|n| **n < at).or(found.last()),
        };
        to.map(|n| self.tree.node(order.rows[*n].node).row)
    }

    fn is_found(&self, node: u32) -> bool {
        let unmatched = self.unmatched.get(node as usize).copied().unwrap_or(true);
        matches!(self.tree.node(node).kind, NodeKind::Row(_)) && !unmatched
    }

    /// All rows of the pane that are not hidden by hand, from top to bottom, be they shown or not.
    pub fn all_rows(&self) -> Vec<RowRef> {
        let order = Visible::new(&self.tree, &self.all_open(), &self.by_hand, false);
        let nodes = order.rows.iter().map(|r| self.tree.node(r.node));
        nodes.filter(|n| matches!(n.kind, NodeKind::Row(_))).map(|n| n.row).collect()
    }

    /// How many rows the search finds, and how many there are.
    pub fn matches(&self) -> (usize, usize) {
        let all = self.tree.nodes.iter().filter(|n| matches!(n.kind, NodeKind::Row(_))).count();
        (all - self.unmatched.iter().filter(|u| **u).count().min(all), all)
    }

    /// What must be toggled for every row to be open.
    fn all_open(&self) -> BTreeSet<RowRef> {
        self.tree.nodes.iter().filter(|n| !n.open && !n.children.is_empty()).map(|n| n.row).collect()
    }

    fn shown_rows(&self) -> impl Iterator<Item = RowRef> {
        let nodes = self.visible.rows.iter().map(|r| self.tree.node(r.node));
        nodes.filter(|n| matches!(n.kind, NodeKind::Row(_))).map(|n| n.row)
    }

    /// Draws the timeline over all the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, input: &Input<'_>, shared: &mut Shared) -> Output {
        let rect = ui.available_rect_before_wrap();
        ui.allocate_rect(rect, Sense::hover());
        let mut output = Output::default();
        let builder = UiBuilder::new().max_rect(rect).accessibility_role(Role::List);
        ui.scope_builder(builder, |ui| self.inside_ui(ui, rect, input, shared, &mut output));
        if !output.commands.is_empty() {
            // They are carried out after this frame: the next one shows it.
            ui.request_repaint();
        }
        output
    }

    fn inside_ui(&mut self, ui: &mut Ui, rect: Rect, input: &Input<'_>, shared: &mut Shared, output: &mut Output) {
        self.update_rows(ui, input);
        let ppp = ui.pixels_per_point();
        let snapped = |v: f32| (v * ppp).round() / ppp;
        let most = names_most(rect.width());
        let split = snapped(rect.left() + shared.names_width.clamp(40.0, most));
        let top = snapped(rect.top() + Sizes::AXIS);
        let right = snapped(rect.right());
        let bottom = snapped(rect.bottom());
        let states = Rect::from_min_max(pos2(split, top), pos2(right, bottom));
        let names = Rect::from_min_max(pos2(rect.left(), top), pos2(split, bottom));
        let axis = Rect::from_min_max(pos2(split, rect.top()), pos2(right, top));
        let corner = Rect::from_min_max(rect.min, pos2(split, top));
        let scale = TimeScale::new(input.view.window, states);
        let id = ui.scope_id().with((self.set, self.machine));
        self.page = states.height();

        ui.painter_at(rect).rect_filled(rect, 0.0, input.theme.ground);
        self.header_ui(ui, corner, input, output);
        self.axis_ui(ui, axis, id, &scale, input, shared, output);
        self.scroll_ui(ui, names.union(states), id, input, output);
        self.body_ui(ui, names, states, id, &scale, input, shared, output);
        self.split_ui(ui, rect, split, id, input.theme, shared);
    }

    /// Makes the tree and the list of visible rows anew where something changed.
    fn update_rows(&mut self, ui: &Ui, input: &Input<'_>) {
        let tools = &input.view.own.rows;
        let wanted = Wanted {
            scene: input.scene,
            set: self.set,
            machine: self.machine,
            sort: tools.sort,
            placed: &tools.placed,
        };
        let mut changed = false;
        if let Some(tree) = self.making.tree(ui, &wanted, self.tree.nodes.len()) {
            self.tree = tree.into();
            changed = true;
        }
        if changed || self.found != input.view.find.version {
            self.found = input.view.find.version;
            self.unmatched = found::unmatched(input.scene, &self.tree, &input.view.find);
            changed = true;
        }
        if changed {
            self.rows_version += 1;
        }
        self.idle.update(ui, input, &self.tree, self.rows_version, self.set);
        let same =
            |(version, own): &(u64, Arc<Own>)| *version == self.rows_version && Arc::ptr_eq(own, &input.view.own);
        if !self.own.as_ref().is_some_and(same) {
            self.by_hand = arrange::by_hand(&self.tree, tools);
            self.own = Some((self.rows_version, Arc::clone(&input.view.own)));
            self.own_version += 1;
        }
        let visible_key = VisibleKey {
            rows_version: self.rows_version,
            own: self.own_version,
            toggled: input.view.collapsed.clone(),
            compact: input.view.compact,
            idle: self.idle.version(),
        };
        if self.visible_key.as_ref() != Some(&visible_key) {
            self.visible = Visible::ordered(
                &self.tree,
                &visible_key.toggled,
                &arrange::either(self.idle.hidden(), &self.by_hand),
                &arrange::pinned(&self.tree, tools),
                self.idle.busy(),
                visible_key.compact,
            );
            self.visible_key = Some(visible_key);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the places of a pane, once")]
    fn axis_ui(
        &mut self,
        ui: &Ui,
        rect: Rect,
        id: egui::Id,
        scale: &TimeScale,
        input: &Input<'_>,
        shared: &Shared,
        output: &mut Output,
    ) {
        let machines = input.scene.machines.iter().filter(|m| self.machine.is_none_or(|id| id == m.id));
        let lost: Vec<TimeRange<RefNs>> = machines.flat_map(|m| m.lost.iter().map(|l| m.to_ref(l.range))).collect();
        let own = marks_of(&input.view.own, input.scene);
        let marks = AxisMarks { selection: input.view.selection, hover: shared.hover, lost: &lost, marks: &own };
        let action =
            axis_ui(ui, rect, id.with("axis"), scale, &input.clock(), input.theme, &marks, &mut self.axis_from);
        match action {
            Some(AxisAction::ShowAll) => output.commands.push(Command::ZoomAll),
            Some(AxisAction::Select(range)) => {
                // Alt: exactly there.
                let free = ui.input(|i| i.modifiers.alt);
                let snap = |t| if free { t } else { interact::snapped(input.scene, input.view.row, scale, t) };
                let (a, b) = (snap(range.begin), snap(range.end));
                output.commands.push(Command::SelectTime(Some(TimeRange::new(a.min(b), a.max(b)))));
            }
            Some(AxisAction::Go(range)) => output.commands.push(Command::SelectTime(Some(range))),
            None => {}
        }
        output.touched |= action.is_some();
        if ui.rect_contains_pointer(rect)
            && let Some(pos) = ui.input(|i| i.pointer.hover_pos())
        {
            output.hovered = Some(Hovered { t: scale.t(pos.x), row: None, interval: None });
            let mut commands = Vec::new();
            self.pointer.wheel(ui, pos, rect, scale, input.view, &mut commands);
            output.commands.append(&mut commands);
        }
    }

    /// Keeps the scroll position within the rows, shows a row that was just selected, and draws the bar.
    fn scroll_ui(&mut self, ui: &Ui, rect: Rect, id: egui::Id, input: &Input<'_>, output: &mut Output) {
        if self.last_row != input.view.row {
            self.last_row = input.view.row;
            self.reveal = true;
        }
        let longest = (self.visible.height - rect.height()).max(0.0);
        self.longest = longest;
        let thumb_length = (rect.height() * rect.height() / self.visible.height.max(1.0)).max(24.0);
        if longest > 0.0 {
            let track = Rect::from_min_max(pos2(rect.right() - 8.0, rect.top()), rect.max);
            let response = ui.interact(track, id.with("scroll"), Sense::click_and_drag());
            response.widget_info(|| WidgetInfo::labeled(Role::ScrollBar, true, "Rows"));
            let per_point = longest / (track.height() - thumb_length).max(1.0);
            if response.drag_started()
                && let Some(press) = ui.input(|i| i.pointer.press_origin())
            {
                let thumb = track.top() + self.scroll / per_point;
                if !(thumb..=thumb + thumb_length).contains(&press.y) {
                    self.scroll_to((press.y - track.top() - thumb_length / 2.0) * per_point, output);
                }
                self.bar_drag = Some((press.y, self.scroll));
            }
            if let (Some((y0, scroll)), Some(pos)) = (self.bar_drag, response.interact_pointer_pos()) {
                self.scroll_to(scroll + (pos.y - y0) * per_point, output);
            }
            if !response.dragged() {
                self.bar_drag = None;
            }
        }
        self.scroll = self.scroll.clamp(0.0, longest);
    }

    #[expect(clippy::too_many_arguments, reason = "the places of a pane, once")]
    fn body_ui(
        &mut self,
        ui: &mut Ui,
        names: Rect,
        states: Rect,
        id: egui::Id,
        scale: &TimeScale,
        input: &Input<'_>,
        shared: &mut Shared,
        output: &mut Output,
    ) {
        let body = names.union(states);
        let response = ui.interact(states, id.with("states"), Sense::click_and_drag());
        let clock = input.clock();
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Canvas, true, self.title());
            let window = input.view.window;
            info.current_text_value = Some(format!("{} to {}", clock.instant(window.begin), clock.instant(window.end)));
            info
        });
        let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|_| ui.rect_contains_pointer(body));
        if let Some(pos) = pointer {
            let points = self.pointer.wheel(ui, pos, states, scale, input.view, &mut output.commands);
            if points != 0.0 {
                self.scroll_to(self.scroll + points, output);
            }
        }
        self.reveal_row(states.height(), input, output);
        let ppp = ui.pixels_per_point();
        let longest = (self.visible.height - states.height()).max(0.0);
        self.scroll = (self.scroll.clamp(0.0, longest) * ppp).round() / ppp;

        let hovered = pointer.map(|pos| self.hovered(pos, states, scale, input));
        let snap_row = hovered.and_then(|h| h.row).or(input.view.row);
        let free = ui.input(|i| i.modifiers.alt);
        let snap = |t| if free { t } else { interact::snapped(input.scene, snap_row, scale, t) };
        self.pointer.drag(ui, &response, scale, snap, &mut output.commands);
        self.click(ui, &response, states, scale, input, output);
        let menu_row = hovered.and_then(|h| h.row.map(|row| (row, h.t)));
        self.menu_ui(&response, menu_row, input, shared, output);
        output.touched |= response.clicked() || response.dragged();

        self.paint_ui(ui, names, states, id, scale, &clock, input, shared, hovered.and_then(|h| h.row), output);
        if let Some(hovered) = hovered {
            if states.x_range().contains(pointer.map_or(f32::NAN, |p| p.x)) {
                output.hovered = Some(hovered);
                self.tooltip_ui(ui, &response, &hovered, scale, &clock, input);
            }
        } else {
            self.tooltip_for = None;
        }
        self.share_hover(ui, shared, output.hovered.map(|h| h.t));
    }

    /// The menu of the row that was clicked with the other button.
    fn menu_ui(
        &mut self,
        response: &egui::Response,
        hovered: Option<(RowRef, RefNs)>,
        input: &Input<'_>,
        shared: &Shared,
        output: &mut Output,
    ) {
        if response.secondary_clicked() {
            self.menu_row = hovered;
            output.touched = true;
            // It is seen which row the menu is about.
            output.commands.extend(hovered.map(|(row, _)| Command::SelectRow(Some(row))));
        }
        if let Some((row, t)) = self.menu_row {
            let tools = &input.view.own.rows;
            response.context_menu(|ui| {
                menu::state_menu_ui(ui, row, t, &shared.keys, &mut output.commands);
                menu::row_menu_ui(ui, row, tools, &shared.keys, &mut output.commands);
            });
        }
    }

    /// Where a row goes when it is moved up or down.
    pub fn move_row(&self, row: RowRef, direction: Direction) -> Option<Place> {
        arrange::moved(&self.tree, &self.visible, row, direction)
    }

    /// The height in the list of rows that lies `y` points below its top on the screen: pinned rows don't scroll.
    fn list_y(&self, y: f32) -> f32 {
        if y < self.visible.pinned_height() { y } else { y + self.scroll }
    }
}
