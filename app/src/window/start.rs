//! The start page: three ways to open something, what was open lately, and samples.

use egui::{Align, Button, Layout, Rect, RichText, Ui, vec2};

use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::help::sketch;
use crate::window::parts::{ListLine, heading_ui};
use crate::window::samples::Sample;
use crate::window::theme::{Sizes, Theme};
use crate::window::tour;
use crate::window::words;

const WIDTH: f32 = 720.0;

/// The narrowest card of a sample.
const CARD: f32 = 200.0;

/// Draws the page.
pub fn start_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, samples: &[Sample]) {
    let room = ui.available_rect_before_wrap();
    let width = WIDTH.min(room.width() - 4.0 * Sizes::GRID);
    let top = room.top() + (room.height() * 0.16 - 40.0).max(2.0 * Sizes::GRID);
    let rect = Rect::from_min_max(
        egui::pos2(room.center().x - width / 2.0, top),
        egui::pos2(room.center().x + width / 2.0, room.bottom()),
    );
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)), |ui| {
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.label(RichText::new("Stratoscope").size(28.0).strong().color(cx.theme.text));
            let about = "Kernel traces of a host and its virtual machines, on one axis of time.";
            ui.label(RichText::new(about).color(cx.theme.secondary));
            ui.add_space(3.0 * Sizes::GRID);
            open_ui(ui, cx);
            if !samples.is_empty() {
                samples_ui(ui, cx, samples);
                tours_ui(ui, cx, samples);
            }
            recent_ui(ui, cx);
            ui.add_space(3.0 * Sizes::GRID);
            let palette = cx.keymap.hint("palette");
            let keys = cx.keymap.hint("keys");
            ui.label(RichText::new(format!("{palette}   ·   {keys}")).size(Sizes::SMALL).color(cx.theme.secondary));
        });
    });
}

fn open_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    ui.horizontal(|ui| {
        let text = RichText::new("Open folder…").color(cx.theme.text_on(cx.theme.accent)).strong();
        let button = Button::new(text).fill(cx.theme.accent).min_size(vec2(130.0, 34.0));
        if ui.add(button).on_hover_text(cx.keymap.hint("open")).clicked() {
            cx.send(Command::OpenDialog);
        }
        ui.add_space(Sizes::GRID);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.label("or drop folders of traces anywhere in this window,");
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.label("or start it with them:");
                ui.label(RichText::new("stratoscope TRACE…").font(egui::FontId::monospace(Sizes::TEXT - 1.0)));
            });
        });
    });
    ui.add_space(Sizes::GRID);
}

fn samples_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, samples: &[Sample]) {
    heading_ui(ui, cx.theme, "Samples");
    ui.add_space(Sizes::GRID / 2.0);
    let known = samples.iter().filter(|s| !s.about.is_empty()).count();
    let columns = if ui.available_width() >= 3.0 * CARD { 3 } else { 1 };
    let gap = Sizes::GRID;
    for line in samples[..known].chunks(columns) {
        let width = (ui.available_width() - gap * (columns - 1) as f32) / columns as f32;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for sample in line {
                sample_ui(ui, cx, sample, vec2(width, if columns == 1 { 64.0 } else { 128.0 }));
            }
        });
    }
    // Those that we did not make have neither a picture nor a sentence.
    ui.spacing_mut().item_spacing.y = 1.0;
    for sample in &samples[known..] {
        let line = ListLine { text: &sample.name, right: "", indent: 0.0, selected: false, quiet: false };
        let response = line.ui(ui, cx.theme, None);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Open sample {}", sample.name))
        });
        if response.clicked() {
            cx.send(Command::Open(vec![sample.path.clone()]));
        }
    }
}

/// A sample as a card: its picture, its name, a sentence. A flat card has the picture on its left.
fn sample_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, sample: &Sample, size: egui::Vec2) {
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Open sample {}", sample.name))
    });
    let lifted = response.hovered() || response.has_focus();
    let fill = if lifted { Theme::mix(cx.theme.raised, cx.theme.text, 0.08) } else { cx.theme.raised };
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, f32::from(Sizes::CORNER) + 2.0, fill);
    let inner = rect.shrink(Sizes::GRID);
    let flat = rect.height() < 100.0;
    let (picture, words) = if flat {
        let (left, right) = inner.split_left_right_at_x(inner.left() + 200.0);
        (left, right.translate(vec2(1.5 * Sizes::GRID, 0.0)))
    } else {
        let (top, bottom) = inner.split_top_bottom_at_y(inner.top() + 52.0);
        (top, bottom.translate(vec2(0.0, Sizes::GRID)))
    };
    sketch::paint(&painter, picture, cx.theme, &sample.name);
    let width = rect.right() - Sizes::GRID - words.left();
    let name = painter.layout_no_wrap(sample.name.clone(), Theme::body_font(), cx.theme.text);
    painter.galley(words.min, name, cx.theme.text);
    let font = egui::FontId::proportional(Sizes::TEXT - 1.0);
    let about = painter.layout(sample.about.to_owned(), font, cx.theme.secondary, width);
    painter.galley(words.min + vec2(0.0, 20.0), about, cx.theme.secondary);
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
        cx.send(Command::Open(vec![sample.path.clone()]));
    }
}

/// Tours whose sample is there.
fn tours_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, samples: &[Sample]) {
    heading_ui(ui, cx.theme, "Tours");
    ui.add_space(Sizes::GRID / 2.0);
    ui.spacing_mut().item_spacing.y = 1.0;
    for tour in tour::all().iter().filter(|tour| samples.iter().any(|s| s.name == tour.sample)) {
        let steps = words::count(tour.steps.len() as u64, "step");
        let line = ListLine { text: &tour.title, right: &steps, indent: 0.0, selected: false, quiet: false };
        if line.ui(ui, cx.theme, None).on_hover_text(&tour.about).clicked() {
            cx.send(Command::StartTour(tour.name.clone()));
        }
    }
}

fn recent_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    if cx.state.memory.recent.is_empty() {
        return;
    }
    heading_ui(ui, cx.theme, "Recent");
    ui.add_space(Sizes::GRID / 2.0);
    ui.spacing_mut().item_spacing.y = 1.0;
    for paths in cx.state.memory.recent.clone() {
        let Some(first) = paths.first() else { continue };
        let folder = first.parent().map_or_else(String::new, |p| p.display().to_string());
        let mut name = words::short_path(first);
        if paths.len() > 1 {
            name.push_str(&format!(" and {} more", paths.len() - 1));
        }
        let line = ListLine { text: &name, right: &folder, indent: 0.0, selected: false, quiet: false };
        if line.ui(ui, cx.theme, None).clicked() {
            cx.send(Command::Open(paths));
        }
    }
}

/// Shown over everything while files are held above the window.
pub fn drop_overlay_ui(ui: &Ui, theme: &Theme, count: usize) {
    let rect = ui.ctx().content_rect();
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop overlay"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_filled(rect, 0.0, theme.ground.gamma_multiply(0.85));
    let frame = rect.shrink(3.0 * Sizes::GRID);
    painter.rect_stroke(frame, 8.0, egui::Stroke::new(2.0, theme.accent), egui::StrokeKind::Inside);
    let text = if count > 1 { format!("Drop to open {count} traces together") } else { "Drop to open".to_owned() };
    painter.text(rect.center(), egui::Align2::CENTER_CENTER, text, egui::FontId::proportional(22.0), theme.text);
}
