//! The column of names: triangles, machines' stripes, names and ids; what a screen reader reads of a timeline.

use egui::accesskit::Role;
use egui::{Align2, Color32, CursorIcon, Painter, Pos2, Rect, Sense, Ui, WidgetInfo, pos2, vec2};
use stratoscope_core::vocab::{RefNs, RowId, State};

use crate::window::command::{Command, RowRef};
use crate::window::keys::Keymap;
use crate::window::own::RowCommand;
use crate::window::relations;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::labels::Ruler;
use crate::window::timeline::rows::{Node, NodeKind, Tree, Visible, VisibleRow};
use crate::window::timeline::scene::Scene;
use crate::window::timeline::{arrange, menu};
use crate::window::view::View;

/// The room that a name has in any column, with the triangle before it and what stands beside it.
const NAME_ROOM: f32 = 108.0;

/// With less room for the name the number beside it goes: a number alone says nothing.
const LEAST: f32 = 30.0;

/// What the column shows.
pub(crate) struct Names<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) tree: &'a Tree,
    pub(crate) visible: &'a Visible,
    pub(crate) view: &'a View,
    pub(crate) theme: &'a Theme,
    /// For menus.
    pub(crate) keys: &'a Keymap,
    /// Rows on the screen.
    pub(crate) rows: &'a [VisibleRow],
    pub(crate) scroll: f32,
    /// Nodes that the search does not find; empty without a search.
    pub(crate) unmatched: &'a [bool],
    /// Whether several machines' rows stand here.
    pub(crate) stripes: bool,
}

impl Names<'_> {
    /// Draws the column over `rect`.
    pub(crate) fn ui(&self, ui: &Ui, rect: Rect, id: egui::Id, ruler: &Ruler, out: &mut Vec<Command>) {
        for row in self.rows {
            let place = Rect::from_min_size(
                pos2(rect.left(), rect.top() + row.y - self.scroll),
                vec2(rect.width(), row.height),
            );
            self.row_ui(ui, rect, place, id, row, ruler, out);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row is drawn from all of these, once")]
    fn row_ui(
        &self,
        ui: &Ui,
        clip: Rect,
        place: Rect,
        id: egui::Id,
        row: &VisibleRow,
        ruler: &Ruler,
        out: &mut Vec<Command>,
    ) {
        let node_number = row.node;
        let node = self.tree.node(node_number);
        let painter = ui.painter_at(clip);
        let shown = place.intersect(clip);
        let response = ui.interact(shown, id.with(("row", node.row, node.is_folder())), Sense::click_and_drag());
        let selected = self.view.row == Some(node.row) && matches!(node.kind, NodeKind::Row(_));
        response.widget_info(|| {
            let mut info = WidgetInfo::selected(Role::ListItem, true, selected, node.spoken());
            info.current_text_value = self.value(node);
            info
        });
        if response.clicked() {
            out.push(match node.kind {
                NodeKind::Row(_) => Command::SelectRow(Some(node.row)),
                NodeKind::Machine | NodeKind::KernelThreads | NodeKind::Tasks => Command::ToggleRow(node.row),
            });
        }
        if let NodeKind::Row(_) = node.kind {
            if response.secondary_clicked() {
                out.push(Command::SelectRow(Some(node.row)));
            }
            response.context_menu(|ui| menu::row_menu_ui(ui, node.row, &self.view.own.rows, self.keys, out));
            self.drag_ui(ui, clip, node_number, &response, out);
        }
        if node.kind == NodeKind::Machine {
            header(&painter, place, self.theme, node);
        } else if self.stripes {
            let stripe = Rect::from_min_size(place.min, vec2(Sizes::STRIPE, place.height()));
            painter.rect_filled(stripe, 0.0, self.theme.machine(node.row.machine).gamma_multiply(0.55));
        }
        let mut x = place.left() + Sizes::GRID + indent(row.depth, place.width());
        if !node.children.is_empty() {
            let button = Rect::from_center_size(pos2(x + 6.0, place.center().y), vec2(14.0, place.height()));
            triangle_ui(ui, button.intersect(clip), id, node, row.open, self.theme, &painter, out);
        }
        x += 16.0;
        self.text(&painter, place, x, node, row, ruler, &response);
    }

    /// A row is dragged among those beside it: a line shows where it would go.
    fn drag_ui(&self, ui: &Ui, clip: Rect, node: u32, response: &egui::Response, out: &mut Vec<Command>) {
        if !(response.dragged() || response.drag_stopped()) {
            return;
        }
        let Some(pos) = response.interact_pointer_pos() else { return };
        ui.set_cursor_icon(CursorIcon::Grabbing);
        let Some((place, y)) = arrange::dropped(self.tree, self.visible, node, pos.y - clip.top() + self.scroll) else {
            return;
        };
        let painter = ui.painter_at(clip);
        let y = clip.top() + y - self.scroll;
        painter.hline(
            clip.x_range(),
            y.clamp(clip.top() + 1.0, clip.bottom() - 1.0),
            egui::Stroke::new(2.0, self.theme.accent),
        );
        if response.drag_stopped() {
            out.push(Command::Rows(RowCommand::Put(place)));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row is drawn from all of these, once")]
    fn text(
        &self,
        painter: &Painter,
        place: Rect,
        x: f32,
        node: &Node,
        row: &VisibleRow,
        ruler: &Ruler,
        response: &egui::Response,
    ) {
        let theme = self.theme;
        let faint = self.unmatched.get(row.node as usize).copied().unwrap_or(false);
        let shade = |c: Color32| if faint { Theme::mix(theme.ground, c, 0.4) } else { c };
        let mut font = if node.kind == NodeKind::Machine { Theme::body_font() } else { ruler.font().clone() };
        let small = row.height < Sizes::ROW;
        if small {
            font.size = Sizes::TINY;
        }
        // Fits are measured with the ruler's font; others are in proportion.
        let scale = font.size / ruler.font().size;
        let secondary = node.secondary();
        let right = place.right() - Sizes::GRID;
        let secondary_width = ruler.width(&secondary) * scale;
        let room = right - x - if secondary.is_empty() { 0.0 } else { secondary_width + 8.0 };
        let y = place.center().y;
        if room > LEAST {
            painter.text(pos2(right, y), Align2::RIGHT_CENTER, &secondary, font.clone(), shade(theme.secondary));
        }
        let folder = node.is_folder();
        let color = if folder { theme.secondary } else { shade(theme.text) };
        let room = if room > LEAST { room } else { right - x };
        if let Some(text) = ruler.fit(&node.name, room / scale) {
            let cut = matches!(text, std::borrow::Cow::Owned(_));
            painter.text(pos2(x, y), Align2::LEFT_CENTER, text, font, color);
            if cut && response.hovered() {
                response.clone().on_hover_text(node.short());
            }
        }
    }

    /// The state of a row at the selected instant, in words.
    fn value(&self, node: &Node) -> Option<String> {
        let NodeKind::Row(id) = node.kind else { return None };
        let t = self.view.selection?.begin;
        state_at(self.scene, self.theme, node.row, id, t)
    }
}

/// How far the name of a row stands to the right of that of its machine: in a narrow column deep rows stand no further
/// to the right than leaves room for a name.
fn indent(depth: u16, width: f32) -> f32 {
    let most = (width - NAME_ROOM).max(Sizes::INDENT);
    (f32::from(depth) * Sizes::INDENT).min(most)
}

fn state_at(scene: &Scene, theme: &Theme, row: RowRef, id: RowId, t: RefNs) -> Option<String> {
    let machine = scene.machine(row.machine)?;
    let Some(interval) = machine.row(id).and_then(|row| machine.at(row, t)) else {
        return Some(theme.state(State::None).name.to_string());
    };
    let name = &theme.state(interval.look.state).name;
    let taker = relations::culprit(scene, row, machine.map.to_ref(relations::middle(&interval)));
    if let Some(who) = taker {
        return Some(format!("{name}, {} ran instead", relations::who_text(scene, who)));
    }
    let detail = scene.text(interval.look.detail);
    Some(if detail.is_empty() { name.to_string() } else { format!("{name}, {detail}") })
}

/// The ground of a machine's header, over the whole width.
pub(crate) fn header(painter: &Painter, place: Rect, theme: &Theme, node: &Node) {
    painter.rect_filled(place, 0.0, theme.raised);
    let stripe = Rect::from_min_size(place.min, vec2(Sizes::STRIPE, place.height()));
    painter.rect_filled(stripe, 0.0, theme.machine(node.row.machine));
}

#[expect(clippy::too_many_arguments, reason = "a button is drawn from all of these, once")]
fn triangle_ui(
    ui: &Ui,
    rect: Rect,
    id: egui::Id,
    node: &Node,
    open: bool,
    theme: &Theme,
    painter: &Painter,
    out: &mut Vec<Command>,
) {
    if !rect.is_positive() {
        return;
    }
    let id = id.with(("expand", node.row));
    let response = ui.interact(rect, id, Sense::click()).on_hover_cursor(CursorIcon::PointingHand);
    let word = if open { "Collapse" } else { "Expand" };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{word} {}", node.short())));
    if response.clicked() {
        out.push(Command::ToggleRow(node.row));
    }
    let color = if response.hovered() || response.has_focus() { theme.text } else { theme.secondary };
    let c = rect.center();
    let corner = |x: f32, y: f32| c + vec2(x, y);
    let corners: Vec<Pos2> = if open {
        vec![corner(-4.0, -2.0), corner(4.0, -2.0), corner(0.0, 3.0)]
    } else {
        vec![corner(-2.0, -4.0), corner(3.0, 0.0), corner(-2.0, 4.0)]
    };
    painter.add(egui::Shape::convex_polygon(corners, color, egui::Stroke::NONE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_rows_keep_their_names_in_narrow_columns() {
        for width in [80.0, 100.0, 120.0, 212.0, 400.0] {
            for depth in 0..40 {
                let at = indent(depth, width);
                assert!(at <= Sizes::INDENT || width - at >= NAME_ROOM, "{depth} levels in {width}");
                assert!(indent(depth + 1, width) >= at);
            }
        }
        assert!((indent(5, 212.0) - 5.0 * Sizes::INDENT).abs() < 1e-6, "where there is room, each level is seen");
    }
}
