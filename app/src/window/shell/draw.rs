//! How the parts of the window lie: bars, panels beside the panes, the panes themselves, what lies over them.

use egui::{CentralPanel, Frame, Margin, Panel, RichText, Ui};

use crate::window::command::Command;
use crate::window::details::{self, Details};
use crate::window::event_pages::EventPages;
use crate::window::export::menu as export_menu;
use crate::window::find;
use crate::window::find::bar::FindBar;
use crate::window::frame::FrameContext;
use crate::window::info::Stage;
use crate::window::keys_sheet::keys_sheet_ui;
use crate::window::layout::PaneKind;
use crate::window::overview::Overview;
use crate::window::own::naming::Naming;
use crate::window::palette::Palette;
use crate::window::panes::{PaneBehavior, PaneMemory};
use crate::window::problems::{self, problems_ui};
use crate::window::samples::Sample;
use crate::window::sidebar::{self, Sidebar};
use crate::window::start::start_ui;
use crate::window::state::Overlay;
use crate::window::status_bar::{self, Hover, status_bar_ui};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Input;
use crate::window::top_bar::{self, top_bar_ui};
use crate::window::tour_card::tour_card_ui;
use crate::window::words;

/// Windows narrower than this show no experiment tree.
const TREE_FROM: f32 = 720.0;

/// What a frame changes besides the state.
pub(super) struct Parts<'a> {
    pub(super) pages: &'a mut EventPages,
    pub(super) panes: &'a mut PaneMemory,
    pub(super) overview: &'a mut Overview,
    pub(super) sidebar: &'a mut Sidebar,
    pub(super) details: &'a mut Details,
    pub(super) palette: &'a mut Palette,
    pub(super) naming: &'a mut Naming,
    pub(super) find_bar: &'a mut FindBar,
    pub(super) samples: &'a [Sample],
    pub(super) hover: Hover,
}

fn bar_frame(theme: &Theme) -> Frame {
    Frame::new().fill(theme.panel).inner_margin(Margin::symmetric(8, 0))
}

/// Draws everything. Returns what the pointer is on and whether panes were rearranged.
pub(super) fn window_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    parts: Parts<'_>,
    tree: &mut egui_tiles::Tree<PaneKind>,
) -> (Hover, bool) {
    let theme = cx.theme;
    let side = Frame::new().fill(theme.panel).inner_margin(Margin { left: 8, right: 8, top: 0, bottom: 4 });
    Panel::top("top bar")
        .exact_size(top_bar::HEIGHT)
        .frame(bar_frame(theme))
        .show_separator_line(false)
        .show(ui, |ui| top_bar_ui(ui, cx, parts.samples));
    let open = cx.state.is_open() && cx.info.stage != Stage::Failed;
    // Rows come first: in a narrow window the panels beside them make room.
    let width = ui.available_width();
    if open {
        Panel::bottom("status bar")
            .exact_size(status_bar::HEIGHT)
            .frame(bar_frame(theme))
            .show_separator_line(false)
            .show(ui, |ui| status_bar_ui(ui, cx, parts.hover));
    }
    if open && cx.state.finding {
        Panel::bottom("find")
            .exact_size(find::bar::HEIGHT)
            .frame(bar_frame(theme))
            .show_separator_line(false)
            .show(ui, |ui| parts.find_bar.ui(ui, cx, parts.pages));
    }
    if cx.state.problems {
        Panel::bottom("problems")
            .resizable(true)
            .default_size(problems::HEIGHT)
            .size_range(80.0..=600.0)
            .frame(Frame::new().fill(theme.panel).inner_margin(Margin::symmetric(12, 6)))
            .show(ui, |ui| problems_ui(ui, cx));
    }
    if open && cx.state.settings.tree && width >= TREE_FROM {
        Panel::left("experiment")
            .default_size(sidebar::WIDTH)
            .size_range(140.0..=480.0)
            .frame(side)
            .show_separator_line(false)
            .show(ui, |ui| parts.sidebar.ui(ui, cx));
    }
    if open && cx.state.settings.details && width >= details::FROM {
        Panel::right("details")
            .default_size(details::WIDTH)
            .size_range(180.0..=600.0)
            .frame(side)
            .show_separator_line(false)
            .show(ui, |ui| parts.details.ui(ui, cx, parts.pages));
    }
    let (mut hover, mut edited) = (Hover::default(), false);
    let middle = Frame::new().fill(if open { theme.panel } else { theme.ground });
    CentralPanel::default().frame(middle).show(ui, |ui| {
        if !cx.state.is_open() && cx.state.panes.contains(&PaneKind::Settings) {
            settings_alone_ui(ui, cx, parts.panes);
        } else if !cx.state.is_open() && cx.state.help.on_start {
            parts.panes.help.ui(ui, cx);
        } else if !cx.state.is_open() {
            start_ui(ui, cx, parts.samples);
        } else if !open {
            failed_ui(ui, cx);
        } else {
            (hover, edited) = panes_ui(ui, cx, parts.overview, parts.panes, parts.pages, tree);
        }
    });
    parts.palette.ui(ui, cx, cx.state.overlay == Overlay::Palette);
    parts.naming.ui(ui, cx);
    if cx.state.overlay == Overlay::Keys {
        keys_sheet_ui(ui, cx);
    }
    tour_card_ui(ui, cx);
    (hover, edited)
}

fn panes_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    overview: &mut Overview,
    memory: &mut PaneMemory,
    pages: &mut EventPages,
    tree: &mut egui_tiles::Tree<PaneKind>,
) -> (Hover, bool) {
    ui.spacing_mut().item_spacing.y = 0.0;
    if cx.state.placed {
        let input = Input {
            scene: &cx.state.scene,
            view: &cx.state.view,
            theme: cx.theme,
            format: cx.state.settings.time_format,
            focused: false,
            overlay: None,
        };
        let commands = overview.ui(ui, &input, &mut memory.shared);
        cx.commands.extend(commands);
    }
    let focused = cx.state.panes.focused.clone();
    let full = cx.state.panes.full.clone();
    memory.drawn.clear();
    let mut behavior = PaneBehavior { cx, memory, pages, hover: Hover::default(), focused, edited: false };
    match full {
        Some(kind) => full_ui(ui, &mut behavior, &kind),
        None if tree.is_empty() => nothing_ui(ui, behavior.cx),
        None => tree.ui(&mut behavior, ui),
    }
    (behavior.hover, behavior.edited)
}

/// Settings without traces: there are no panes yet that they could lie among.
fn settings_alone_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, memory: &mut PaneMemory) {
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        ui.label(RichText::new("Settings").size(Sizes::HEADING).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let hint = cx.keymap.hint("settings");
            if ui.button("Back to the start").on_hover_text(hint).clicked() {
                cx.send(Command::TogglePane(PaneKind::Settings));
            }
        });
    });
    memory.settings.ui(ui, cx);
}

fn full_ui(ui: &mut Ui, behavior: &mut PaneBehavior<'_, '_>, kind: &PaneKind) {
    ui.horizontal(|ui| {
        ui.set_min_height(26.0);
        ui.add_space(Sizes::GRID);
        ui.label(RichText::new(behavior.title(kind)).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let hint = behavior.cx.keymap.hint("full-pane");
            let button = egui::Button::new("Show all panes").frame_when_inactive(false);
            if ui.add(button).on_hover_text(hint).clicked() {
                behavior.cx.send(Command::ToggleFullPane);
            }
            let title = behavior.title(kind);
            export_menu::button_ui(ui, behavior.cx, kind, &title);
            behavior.link_ui(ui, kind);
        });
    });
    ui.push_id(("full", kind), |ui| behavior.contents_ui(ui, kind));
}

fn nothing_ui(ui: &mut Ui, cx: &FrameContext<'_>) {
    ui.centered_and_justified(|ui| {
        ui.label(RichText::new("All panes are closed. Choose one under Views.").color(cx.theme.secondary));
    });
}

fn failed_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    let room = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space(room * 0.3);
        ui.label(RichText::new("Nothing could be opened").size(Sizes::HEADING + 4.0).strong());
        let paths: Vec<String> = cx.state.paths.iter().map(|p| p.display().to_string()).collect();
        ui.label(RichText::new(paths.join(", ")).color(cx.theme.secondary));
        if let Some(problem) = cx.info.problems.first() {
            ui.add_space(Sizes::GRID);
            ui.label(words::capital(&problem.message()));
        }
        ui.add_space(2.0 * Sizes::GRID);
        if ui.button("Open another folder…").clicked() {
            cx.send(Command::OpenDialog);
        }
        if ui.add(egui::Button::new("Back to the start").frame_when_inactive(false)).clicked() {
            cx.send(Command::Close);
        }
    });
}
