//! The card of a tour: what the present step says, and how to go on. It lies over the panes and keeps nobody from
//! using them.

use egui::{Align, Align2, Area, Button, Frame, Id, Layout, Order, RichText, Ui, accesskit::Role, vec2};

use crate::window::command::{Command, Direction};
use crate::window::details;
use crate::window::frame::FrameContext;
use crate::window::parts::icon_button_ui;
use crate::window::status_bar;
use crate::window::theme::Sizes;
use crate::window::tour::{Corner, Progress};

const WIDTH: f32 = 380.0;

/// Draws the card of the tour that runs, if one does.
pub fn tour_card_ui(ui: &Ui, cx: &mut FrameContext<'_>) {
    let Some(progress) = cx.state.tour.clone() else { return };
    let Some((tour, step)) = progress.at() else { return };
    let room = ui.ctx().content_rect();
    // Beside the details: steps speak of what stands there.
    let details = cx.state.settings.details && room.width() >= details::FROM;
    let beside = if details { details::WIDTH + 2.0 * Sizes::GRID } else { 0.0 };
    let above = status_bar::HEIGHT + 2.0 * Sizes::GRID;
    let (pivot, corner) = match step.card {
        Corner::Left => (Align2::LEFT_BOTTOM, room.left_bottom() + vec2(2.0 * Sizes::GRID, -above)),
        Corner::Right => (Align2::RIGHT_BOTTOM, room.right_bottom() - vec2(beside + 2.0 * Sizes::GRID, above)),
    };
    // Where somebody dragged it to it stays, in each corner by itself.
    Area::new(Id::unique(("tour", step.card)))
        .order(Order::Foreground)
        .pivot(pivot)
        .default_pos(corner)
        .movable(true)
        .role(Role::Note)
        .accessible_name(format!("Tour: {}", tour.title))
        .show(ui.ctx(), |ui| {
            let stroke = egui::Stroke::new(1.5, cx.theme.accent);
            Frame::popup(ui.style()).inner_margin(12.0).stroke(stroke).show(ui, |ui| {
                ui.set_width(WIDTH);
                ui.spacing_mut().item_spacing.y = 6.0;
                ui.horizontal(|ui| {
                    ui.label(RichText::new(&tour.title).size(Sizes::SMALL).color(cx.theme.secondary));
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        let hint = cx.keymap.hint("tour-end");
                        if icon_button_ui(ui, "×", "End the tour", &hint, true).clicked() {
                            cx.send(Command::EndTour);
                        }
                    });
                });
                ui.label(RichText::new(&step.title).size(Sizes::HEADING).strong());
                ui.label(RichText::new(&step.text).color(cx.theme.text));
                foot_ui(ui, cx, &progress, tour.steps.len());
            });
        });
}

fn foot_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, progress: &Progress, steps: usize) {
    ui.horizontal(|ui| {
        let at = format!("Step {} of {steps}", progress.step + 1);
        ui.label(RichText::new(at).size(Sizes::SMALL).color(cx.theme.secondary));
        if progress.waiting {
            ui.label(RichText::new("reading the sample…").size(Sizes::SMALL).color(cx.theme.secondary));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let last = progress.step + 1 == steps;
            let text = RichText::new(if last { "Done" } else { "Next" }).color(cx.theme.text_on(cx.theme.accent));
            let next = Button::new(text).fill(cx.theme.accent).min_size(vec2(72.0, 26.0));
            let hint = cx.keymap.hint("tour-next");
            if ui.add(next).on_hover_text(hint).clicked() {
                cx.send(Command::StepTour(Direction::Forward));
            }
            let hint = cx.keymap.hint("tour-back");
            let back = Button::new("Back").min_size(vec2(72.0, 26.0));
            if ui.add_enabled(progress.step > 0, back).on_hover_text(hint).clicked() {
                cx.send(Command::StepTour(Direction::Back));
            }
        });
    });
}
