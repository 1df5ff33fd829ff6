//! Small pieces that several parts of the window are made of.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Button, Color32, CornerRadius, FontId, Mesh, Painter, Rect, Response, RichText, Sense, Shape, Stroke, Ui,
    WidgetInfo, accesskit::Role, pos2, vec2,
};
use stratoscope_core::vocab::State;

use crate::window::theme::{Drawing, Sizes, Theme};

/// Writes one line of text into a rectangle, with an ellipsis where it does not fit. A number at its end stays: of
/// many tasks or machines of one name it tells which. Returns whether the text was cut.
pub fn line_ui(painter: &Painter, rect: Rect, align: Align2, text: &str, font: FontId, color: Color32) -> bool {
    if rect.width() < 4.0 || text.is_empty() {
        return !text.is_empty();
    }
    let line = |text: &str, width: f32| {
        let mut job = LayoutJob::simple_singleline(text.to_owned(), font.clone(), color);
        job.wrap = TextWrapping { max_width: width, max_rows: 1, break_anywhere: true, ..Default::default() };
        painter.layout_job(job)
    };
    let galley = line(text, rect.width());
    let cut = galley.elided;
    if let Some((name, number)) = numbered(text).filter(|_| cut) {
        let number = line(number, rect.width());
        let room = rect.width() - number.size().x;
        if room >= ROOM_OF_NAME {
            let name = line(name, room);
            let width = name.size().x + number.size().x;
            let place = align.align_size_within_rect(vec2(width, name.size().y), rect);
            painter.galley(pos2(place.right() - number.size().x, place.top()), number, color);
            painter.galley(place.min, name, color);
            return true;
        }
    }
    let place = align.align_size_within_rect(galley.size(), rect);
    painter.galley(place.min, galley, color);
    cut
}

/// What must be left of a name for the number behind it to be of use.
const ROOM_OF_NAME: f32 = 30.0;

/// A name and the number behind it, its space included.
fn numbered(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(' ')?;
    let (name, number) = text.split_at(at);
    let digits = number.trim_start();
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some((name, number))
}

/// A heading above a part of a side panel.
pub fn heading_ui(ui: &mut Ui, theme: &Theme, text: &str) {
    ui.add_space(Sizes::GRID);
    ui.label(RichText::new(text.to_uppercase()).size(Sizes::SMALL - 1.0).color(theme.secondary).strong());
}

/// A small picture of how a state is drawn in rows.
pub fn swatch(painter: &Painter, rect: Rect, theme: &Theme, state: State) {
    let look = theme.state(state);
    let corner = CornerRadius::same(2);
    match look.drawing {
        Drawing::Nothing => {}
        Drawing::Full => {
            painter.rect_filled(rect, corner, look.color);
        }
        Drawing::Thin(height) => {
            let bar = Rect::from_center_size(rect.center(), vec2(rect.width(), height));
            painter.rect_filled(bar, 0.0, look.color);
        }
        Drawing::Hatched(second) => {
            painter.rect_filled(rect, corner, look.color);
            painter.add(stripes(rect, second));
        }
        Drawing::Dotted(second) => {
            painter.rect_filled(rect, corner, look.color);
            for x in [0.25, 0.75] {
                for y in [0.3, 0.7] {
                    let at = rect.min + vec2(rect.width() * x, rect.height() * y);
                    painter.rect_filled(Rect::from_center_size(at, vec2(1.5, 1.5)), 0.0, second);
                }
            }
        }
    }
}

/// Slanted stripes within a rectangle, as one mesh.
fn stripes(rect: Rect, color: Color32) -> Shape {
    const WIDTH: f32 = 2.0;
    const STEP: f32 = 5.0;
    let mut mesh = Mesh::default();
    let h = rect.height();
    let clamp = |x: f32| x.clamp(rect.left(), rect.right());
    let mut x = rect.left() - h;
    while x < rect.right() {
        // A stripe goes from the lower left to the upper right; where it leaves the rectangle it is cut straight.
        let lower = (clamp(x), clamp(x + WIDTH));
        let upper = (clamp(x + h), clamp(x + h + WIDTH));
        let y = |at: f32| rect.bottom() - (at - x).clamp(0.0, h);
        let first = mesh.vertices.len() as u32;
        for corner in [
            pos2(lower.0, y(lower.0)),
            pos2(lower.1, y(lower.1 - WIDTH)),
            pos2(upper.1, y(upper.1 - WIDTH)),
            pos2(upper.0, y(upper.0)),
        ] {
            mesh.colored_vertex(corner, color);
        }
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first, first + 2, first + 3);
        x += STEP;
    }
    Shape::mesh(mesh)
}

/// Room for a swatch in a line of text.
pub fn swatch_ui(ui: &mut Ui, theme: &Theme, state: State) {
    let (rect, _) = ui.allocate_exact_size(vec2(14.0, 12.0), Sense::hover());
    swatch(ui.painter(), rect, theme, state);
}

/// Paints a small square before a line.
pub type Lead<'a> = &'a dyn Fn(&Painter, Rect);

/// A line of a list that can be clicked: the whole width is the target, an accent marks the selected one.
pub struct ListLine<'a> {
    /// What it says, and what a screen reader says.
    pub text: &'a str,
    /// What stands at its right end, more quietly.
    pub right: &'a str,
    /// How far it is moved to the right.
    pub indent: f32,
    /// Whether it is selected.
    pub selected: bool,
    /// Whether it is less important than its neighbours.
    pub quiet: bool,
}

impl ListLine<'_> {
    /// Draws it. `lead` paints into the square before the text, if there is one.
    pub fn ui(&self, ui: &mut Ui, theme: &Theme, lead: Option<Lead<'_>>) -> Response {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), Sizes::ROW + 1.0), Sense::click());
        let spoken = if self.right.is_empty() { self.text.to_owned() } else { format!("{} {}", self.text, self.right) };
        response.widget_info(|| WidgetInfo::selected(Role::ListItem, ui.is_enabled(), self.selected, &spoken));
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let painter = ui.painter();
        if self.selected || response.hovered() || response.has_focus() {
            painter.rect_filled(rect, f32::from(Sizes::CORNER), theme.raised);
        }
        let mut inner = rect.shrink2(vec2(6.0, 0.0));
        inner.min.x += self.indent;
        if let Some(lead) = lead {
            let square = Rect::from_center_size(pos2(inner.left() + 7.0, inner.center().y), vec2(14.0, 12.0));
            lead(painter, square);
            inner.min.x += 14.0 + 8.0;
        }
        let mut cut = false;
        if !self.right.is_empty() {
            let font = Theme::small_font();
            let galley = painter.layout_no_wrap(self.right.to_owned(), font, theme.secondary);
            // The name comes first: what stands on the right is left out where both do not fit.
            if galley.size().x < inner.width() * 0.6 {
                let at = pos2(inner.right() - galley.size().x, inner.center().y - galley.size().y / 2.0);
                inner.max.x = at.x - 6.0;
                painter.galley(at, galley, theme.secondary);
            } else {
                cut = true;
            }
        }
        let color = if self.quiet && !self.selected { theme.secondary } else { theme.text };
        cut |= line_ui(painter, inner, Align2::LEFT_CENTER, self.text, Theme::body_font(), color);
        if cut { response.on_hover_text(spoken) } else { response }
    }
}

/// A button without a frame until the pointer is on it, with a name for those who do not see its sign.
pub fn icon_button_ui(ui: &mut Ui, sign: &str, name: &str, hint: &str, enabled: bool) -> Response {
    let response = ui.add_enabled(enabled, Button::new(sign).frame_when_inactive(false));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    response.on_hover_text(hint).on_disabled_hover_text(hint)
}

/// A name and a value beside each other, as in the details.
pub fn pair_ui(ui: &mut Ui, theme: &Theme, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(76.0, 16.0), Sense::hover());
        line_ui(ui.painter(), rect, Align2::LEFT_CENTER, name, Theme::small_font(), theme.secondary);
        ui.add(egui::Label::new(RichText::new(value)).wrap().selectable(true));
    });
}

/// A circle, filled if something is on.
pub fn dot(painter: &Painter, rect: Rect, on: bool, theme: &Theme) {
    let center = rect.center();
    if on {
        painter.circle_filled(center, 3.5, theme.accent);
    } else {
        painter.circle_stroke(center, 3.0, Stroke::new(1.0, theme.secondary));
    }
}

/// Half of a disc in the dark, half in the light: the sign of the theme.
pub fn theme_sign(painter: &Painter, center: egui::Pos2, theme: &Theme) {
    const RADIUS: f32 = 5.5;
    const STEPS: u8 = 24;
    let half = (0..=STEPS).map(|n| {
        let angle = std::f32::consts::PI * (f32::from(n) / f32::from(STEPS) - 0.5);
        center + RADIUS * vec2(angle.cos(), angle.sin())
    });
    painter.add(Shape::convex_polygon(half.collect(), theme.text, Stroke::NONE));
    painter.circle_stroke(center, RADIUS, Stroke::new(1.2, theme.text));
}

/// A bar whose parts are shares of a whole.
pub fn share_bar_ui(ui: &mut Ui, theme: &Theme, parts: &[(State, f64)], height: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    share_bar(ui.painter(), rect, theme, parts);
}

/// The same within a rectangle.
pub fn share_bar(painter: &Painter, rect: Rect, theme: &Theme, parts: &[(State, f64)]) {
    painter.rect_filled(rect, 2.0, Theme::mix(theme.panel, theme.line, 0.6));
    let mut x = rect.left();
    for (state, share) in parts {
        let width = (rect.width() * *share as f32).min(rect.right() - x);
        if width < 0.5 {
            continue;
        }
        let part = Rect::from_min_size(pos2(x, rect.top()), vec2(width, rect.height()));
        let look = theme.state(*state);
        painter.rect_filled(part, 0.0, look.color);
        if let Drawing::Hatched(second) = look.drawing {
            painter.add(stripes(part, second));
        }
        x += width;
    }
}

/// A triangle that points down (open) or right (closed).
pub fn triangle(painter: &Painter, rect: Rect, open: bool, color: Color32) {
    let c = rect.center();
    let points = if open {
        vec![c + vec2(-4.0, -2.0), c + vec2(4.0, -2.0), c + vec2(0.0, 3.0)]
    } else {
        vec![c + vec2(-2.0, -4.0), c + vec2(3.0, 0.0), c + vec2(-2.0, 4.0)]
    };
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

/// Words and buttons one after the other, in as many lines as it takes; all of them begin `indent` to the right.
pub fn wrapped_ui(ui: &mut Ui, indent: f32, contents: impl FnOnce(&mut Ui)) {
    let margin = egui::Margin { left: indent as i8, ..egui::Margin::ZERO };
    egui::Frame::new().inner_margin(margin).show(ui, |ui| ui.horizontal_wrapped(contents));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_behind_names_are_told_from_names() {
        assert_eq!(numbered("qemu-system-x86 1110"), Some(("qemu-system-x86", " 1110")));
        assert_eq!(numbered("CPU 0/KVM"), None);
        assert_eq!(numbered("burner-a 185 of guest-a"), None);
        assert_eq!(numbered("kworker/0:1"), None);
        assert_eq!(numbered("a "), None);
        assert_eq!(numbered("a b 7"), Some(("a b", " 7")));
    }
}
