//! The panes: what each kind shows, its tab, and what it says while it has nothing to show.

use std::collections::BTreeMap;
use std::time::Duration;

use egui::{Color32, Rect, RichText, Stroke, Ui, Visuals, WidgetText};
use egui_tiles::{Behavior, TabState, TileId, Tiles, UiResponse};
use stratoscope_core::vocab::{MachineId, RowKind};

use crate::window::catalogue;
use crate::window::command::{Command, Direction, RowRef, RowStep};
use crate::window::event_pages::EventPages;
use crate::window::events::EventsPane;
use crate::window::export::menu;
use crate::window::flow::FlowPanes;
use crate::window::frame::FrameContext;
use crate::window::help::pane::HelpPane;
use crate::window::help::{self, HelpCommand, Need};
use crate::window::joint::JointPanes;
use crate::window::joint::empty::{Empty, empty_ui};
use crate::window::layout::{PaneKind, simplification};
use crate::window::own::Place;
use crate::window::own::bookmarks_pane::BookmarksPane;
use crate::window::settings::pane::SettingsPane;
use crate::window::stats::compare_pane::ComparePane;
use crate::window::stats::comparison;
use crate::window::stats::pane::Statistics;
use crate::window::stats::usage_pane::UsagePane;
use crate::window::status_bar::Hover;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::rows::RowSet;
use crate::window::timeline::{Input, Shared, Timeline};
use crate::window::worker::Wake;

/// What panes remember between frames.
pub struct PaneMemory {
    timelines: BTreeMap<PaneKind, Timeline>,
    /// The events pane.
    pub events: EventsPane,
    /// The statistics pane.
    pub statistics: Statistics,
    /// CPU usage.
    pub usage: UsagePane,
    /// The comparison pane.
    pub compare: ComparePane,
    /// Panes about what several machines tell together.
    pub joint: JointPanes,
    /// The execution flow.
    pub flow: FlowPanes,
    /// The list of bookmarks.
    pub bookmarks: BookmarksPane,
    /// The settings.
    pub settings: SettingsPane,
    /// Help.
    pub help: HelpPane,
    /// What timelines have in common.
    pub shared: Shared,
    /// Which panes the last frame drew, and where.
    pub drawn: Vec<(PaneKind, Rect)>,
}

impl PaneMemory {
    /// Nothing drawn yet.
    pub fn new(wake: Wake) -> Self {
        Self {
            timelines: BTreeMap::new(),
            events: EventsPane::default(),
            statistics: Statistics::new(&wake),
            usage: UsagePane::new(&wake),
            compare: ComparePane::new(&wake),
            joint: JointPanes::new(&wake),
            flow: FlowPanes::new(&wake),
            bookmarks: BookmarksPane::default(),
            settings: SettingsPane::default(),
            help: HelpPane::default(),
            shared: Shared::default(),
            drawn: Vec::new(),
        }
    }

    /// Other traces are open: rows and scroll positions of the old ones mean nothing.
    pub fn reset(&mut self) {
        self.timelines.clear();
        self.events.reset();
        self.statistics.reset();
        self.usage.reset();
        self.compare.reset();
        self.joint.reset();
        self.flow.reset();
        self.shared.hover = None;
    }

    /// The row that a step leads to in a pane.
    pub fn step_row(&mut self, pane: &PaneKind, from: Option<RowRef>, step: RowStep) -> Option<RowRef> {
        if *pane == PaneKind::ExecutionFlow {
            return self.flow.step_row(from, step);
        }
        self.timelines.get(pane)?.step_row(from, step)
    }

    /// All rows of a pane, from top to bottom.
    pub fn all_rows(&self, pane: &PaneKind) -> Vec<RowRef> {
        self.timelines.get(pane).map_or_else(Vec::new, Timeline::all_rows)
    }

    /// Where a pane's row goes when it is moved up or down.
    pub fn move_row(&self, pane: &PaneKind, row: RowRef, direction: Direction) -> Option<Place> {
        self.timelines.get(pane)?.move_row(row, direction)
    }

    /// The next row that the search finds in a pane.
    pub fn step_match(&self, pane: &PaneKind, from: Option<RowRef>, direction: Direction) -> Option<RowRef> {
        self.timelines.get(pane)?.step_match(from, direction)
    }

    /// Waits until panes have counted what they show; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.statistics.wait(longest)
            && self.usage.wait(longest)
            && self.compare.wait(longest)
            && self.joint.wait(longest)
            && self.flow.wait(longest)
    }

    /// Puts the keyboard into a pane's row search. Returns whether the pane has one.
    pub fn focus_search(&mut self, pane: &PaneKind) -> bool {
        self.timelines.get_mut(pane).map(Timeline::focus_search).is_some()
    }

    fn timeline(&mut self, kind: &PaneKind, set: RowSet, machine: Option<MachineId>) -> &mut Timeline {
        let timeline = self.timelines.entry(kind.clone()).or_insert_with(|| Timeline::new(set, machine));
        timeline.limit_to(machine);
        timeline
    }
}

/// Draws panes within the arrangement.
pub struct PaneBehavior<'a, 'b> {
    /// The frame.
    pub cx: &'a mut FrameContext<'b>,
    /// What panes remember.
    pub memory: &'a mut PaneMemory,
    /// Events.
    pub pages: &'a mut EventPages,
    /// What the pointer is on.
    pub hover: Hover,
    /// The pane that has the keyboard.
    pub focused: Option<PaneKind>,
    /// Whether the arrangement was changed by hand.
    pub edited: bool,
}

impl PaneBehavior<'_, '_> {
    /// What a pane's tab says.
    pub fn title(&self, kind: &PaneKind) -> String {
        let state = self.cx.state;
        let machine = match kind {
            PaneKind::Compared(side) => comparison::machine_of(&state.scene, state.comparison.side(*side)),
            other => other.machine(),
        };
        let machine = machine.and_then(|m| state.scene.machine(m));
        match machine {
            Some(machine) => format!("{} · {}", kind.title(), machine.name),
            None => kind.title().to_owned(),
        }
    }

    /// Draws a pane.
    pub fn contents_ui(&mut self, ui: &mut Ui, kind: &PaneKind) {
        self.memory.drawn.push((kind.clone(), ui.max_rect()));
        let pressed = ui.input(|i| i.pointer.any_pressed());
        if pressed && ui.rect_contains_pointer(ui.max_rect()) && self.focused.as_ref() != Some(kind) {
            self.cx.send(Command::FocusPane(kind.clone()));
        }
        match kind {
            PaneKind::ControlFlow(machine) => self.timeline_ui(ui, kind, RowSet::ControlFlow, *machine),
            PaneKind::Resources(machine) => self.timeline_ui(ui, kind, RowSet::Resources, *machine),
            PaneKind::VirtualMachines => self.timeline_ui(ui, kind, RowSet::VirtualMachines, None),
            PaneKind::PhysicalCpus => self.timeline_ui(ui, kind, RowSet::PhysicalCpus, None),
            PaneKind::Compared(side) => {
                let machine = comparison::machine_of(&self.cx.state.scene, self.cx.state.comparison.side(*side));
                self.timeline_ui(ui, kind, RowSet::ControlFlow, machine);
            }
            PaneKind::Compare => self.memory.compare.ui(ui, self.cx),
            PaneKind::Events => self.memory.events.ui(ui, self.cx, self.pages),
            PaneKind::Bookmarks => self.memory.bookmarks.ui(ui, self.cx),
            PaneKind::Settings => self.memory.settings.ui(ui, self.cx),
            PaneKind::Help => self.memory.help.ui(ui, self.cx),
            PaneKind::Statistics => self.memory.statistics.ui(ui, self.cx, &mut self.memory.shared),
            PaneKind::CpuUsage => self.memory.usage.ui(ui, self.cx, &mut self.memory.shared),
            PaneKind::Synchronisation | PaneKind::Exits | PaneKind::Steal | PaneKind::Periodic | PaneKind::Instant => {
                let PaneMemory { joint, shared, .. } = &mut *self.memory;
                joint.ui(ui, self.cx, kind, shared);
            }
            PaneKind::ExecutionFlow | PaneKind::FlowBreakdown => {
                let focused = self.focused.as_ref() == Some(kind);
                let PaneMemory { flow, shared, .. } = &mut *self.memory;
                if let Some(hovered) = flow.ui(ui, self.cx, kind, shared, focused) {
                    self.hover = Hover { t: Some(hovered.t), row: hovered.row };
                }
            }
        }
    }

    fn timeline_ui(&mut self, ui: &mut Ui, kind: &PaneKind, set: RowSet, machine: Option<MachineId>) {
        if let Some((what, need)) = empty_words(self.cx, set, machine) {
            empty_ui(ui, self.cx, &Empty { what: &what, more: &[], need, about: help::id_of(kind) });
            return;
        }
        let linked = self.cx.state.panes.is_linked(kind);
        let view = self.cx.state.view_of(kind);
        let input = Input {
            scene: &self.cx.state.scene,
            view: &view,
            theme: self.cx.theme,
            format: self.cx.state.settings.time_format,
            focused: self.focused.as_ref() == Some(kind),
            overlay: None,
        };
        let mut shared = self.memory.shared.clone();
        let output = self.memory.timeline(kind, set, machine).ui(ui, &input, &mut shared);
        self.memory.shared = shared;
        if let Some(hovered) = output.hovered {
            self.hover = Hover { t: Some(hovered.t), row: hovered.row };
        }
        if output.touched && self.focused.as_ref() != Some(kind) {
            self.cx.send(Command::FocusPane(kind.clone()));
        }
        if output.scrolled != 0.0 {
            let panes = &self.cx.state.panes;
            for (_, other) in self.memory.timelines.iter_mut().filter(|(k, _)| panes.scroll_together(kind, k)) {
                other.scroll_along(output.scrolled);
            }
            // Panes that were drawn before this one still show the old place.
            ui.request_repaint();
        }
        let bounds = self.cx.state.view.bounds;
        let own = |command| match command {
            Command::SetWindow { window, remember } if !linked => {
                Command::SetPaneWindow { pane: kind.clone(), window, remember }
            }
            Command::ZoomAll if !linked => {
                Command::SetPaneWindow { pane: kind.clone(), window: bounds, remember: true }
            }
            other => other,
        };
        self.cx.commands.extend(output.commands.into_iter().map(own));
    }

    /// What can be done with a pane.
    fn tab_menu_ui(&mut self, ui: &mut Ui, kind: &PaneKind) {
        ui.set_min_width(200.0);
        if ui.button("What does this show?").clicked() {
            self.cx.send(Command::Help(HelpCommand::Show(help::topic_of(kind))));
            ui.close();
        }
        ui.separator();
        if ui.button("Alone, or among the others").clicked() {
            self.cx.send(Command::FocusPane(kind.clone()));
            self.cx.send(Command::ToggleFullPane);
            ui.close();
        }
        if ui.button("Close").clicked() {
            self.cx.send(Command::TogglePane(kind.clone()));
            ui.close();
        }
        ui.separator();
        menu::entries_ui(ui, self.cx, kind);
    }

    /// The button that links a pane of rows to the others, or lets it go its own way.
    pub fn link_ui(&mut self, ui: &mut Ui, kind: &PaneKind) {
        // Sides of a comparison go together, and only they.
        if !kind.is_timeline() || matches!(kind, PaneKind::Compared(_)) {
            return;
        }
        let linked = self.cx.state.panes.is_linked(kind);
        let (rect, response) = ui.allocate_exact_size(egui::vec2(24.0, 22.0), egui::Sense::click());
        let label = format!("Linked: {}", self.title(kind));
        response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, true, linked, &label));
        let theme = self.cx.theme;
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, f32::from(Sizes::CORNER), theme.raised);
        }
        chain(ui.painter(), rect.center(), linked, if linked { theme.secondary } else { theme.accent });
        let what = if linked {
            "Linked: time is that of all panes, and panes of this sort scroll together.\nClick to let it go its own way."
        } else {
            "Unlinked: it has its own time and scrolls by itself.\nClick to link it to the others again."
        };
        let hint = self.cx.keymap.hint("link-pane");
        if response.on_hover_text(format!("{what}\n{hint}")).clicked() {
            self.cx.send(Command::FocusPane(kind.clone()));
            self.cx.send(Command::ToggleLink(Some(kind.clone())));
        }
    }
}

/// Two links of a chain, held together or apart.
fn chain(painter: &egui::Painter, at: egui::Pos2, closed: bool, color: Color32) {
    let apart = if closed { 3.2 } else { 5.4 };
    for side in [-1.0, 1.0] {
        let link = egui::Rect::from_center_size(at + egui::vec2(side * apart, 0.0), egui::vec2(8.0, 6.0));
        painter.rect_stroke(link, 3.0, Stroke::new(1.3, color), egui::StrokeKind::Middle);
    }
    if !closed {
        let slash = [at + egui::vec2(2.5, -6.0), at + egui::vec2(-2.5, 6.0)];
        painter.line_segment(slash, Stroke::new(1.3, color));
    }
}

/// Why a timeline has nothing to show, if it has nothing, and what would have to be recorded.
fn empty_words(cx: &FrameContext<'_>, set: RowSet, machine: Option<MachineId>) -> Option<(String, Option<Need>)> {
    let scene = &cx.state.scene;
    let wanted = |kind: RowKind| match set {
        RowSet::ControlFlow | RowSet::Flow => kind == RowKind::Thread,
        RowSet::Resources => kind == RowKind::Cpu || kind == RowKind::Irq || kind == RowKind::Softirq,
        RowSet::VirtualMachines => kind == RowKind::Vcpu,
        RowSet::PhysicalCpus => kind == RowKind::Cpu || kind == RowKind::PhysicalCpu,
    };
    let mut machines = scene.machines.iter().filter(|m| machine.is_none_or(|id| id == m.id));
    if machines.any(|m| m.rows.iter().any(|r| wanted(r.key.kind))) {
        return None;
    }
    if cx.info.is_busy() || !cx.state.placed {
        let what = if cx.info.is_busy() { "Reading…" } else { "Nothing was read." };
        return Some((what.to_owned(), None));
    }
    let whose = match machine.and_then(|id| scene.machine(id)) {
        Some(machine) => format!("the traces of {} have", machine.name),
        None => "the traces have".to_owned(),
    };
    Some(match set {
        RowSet::ControlFlow | RowSet::Flow => {
            (format!("No thread's state can be told: {whose} no sched_switch events."), Some(Need::Threads))
        }
        RowSet::VirtualMachines => {
            let what = format!("No virtual machines are seen: {whose} no kvm_entry or kvm_exit events of a host.");
            (what, Some(Need::Host))
        }
        RowSet::Resources => {
            let what = format!("No CPU's state can be told: {whose} neither sched_switch nor interrupt events.");
            (what, Some(Need::Cpus))
        }
        RowSet::PhysicalCpus => {
            let what = format!("No CPU's state can be told: {whose} neither sched_switch nor kvm_entry events.");
            (what, Some(Need::Host))
        }
    })
}

impl Behavior<PaneKind> for PaneBehavior<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, kind: &mut PaneKind) -> UiResponse {
        let kind = kind.clone();
        ui.push_id(&kind, |ui| self.contents_ui(ui, &kind));
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, kind: &PaneKind) -> WidgetText {
        RichText::new(self.title(kind)).size(Sizes::TEXT - 0.5).into()
    }

    fn is_tab_closable(&self, _tiles: &Tiles<PaneKind>, _tile: TileId) -> bool {
        true
    }

    fn on_tab_close(&mut self, tiles: &mut Tiles<PaneKind>, tile: TileId) -> bool {
        // Through a command, like everything: so it is remembered, and a script can do the same.
        if let Some(kind) = tiles.get_pane(&tile) {
            self.cx.send(Command::TogglePane(kind.clone()));
        }
        false
    }

    fn on_tab_button(&mut self, tiles: &mut Tiles<PaneKind>, tile: TileId, response: egui::Response) -> egui::Response {
        let Some(kind) = tiles.get_pane(&tile).cloned() else { return response };
        if response.clicked() {
            self.cx.send(Command::FocusPane(kind.clone()));
        }
        if response.double_clicked() {
            self.cx.send(Command::FocusPane(kind.clone()));
            self.cx.send(Command::ToggleFullPane);
        }
        let id = match kind {
            PaneKind::ControlFlow(_) => "pane-control-flow",
            PaneKind::Resources(_) => "pane-resources",
            PaneKind::Events => "pane-events",
            PaneKind::Statistics => "pane-statistics",
            PaneKind::VirtualMachines => "pane-vms",
            PaneKind::PhysicalCpus => "pane-physical-cpus",
            PaneKind::Synchronisation => "pane-sync",
            PaneKind::Exits => "pane-exits",
            PaneKind::Steal => "pane-steal",
            PaneKind::CpuUsage => "pane-cpu-usage",
            PaneKind::Periodic => "pane-periodic",
            PaneKind::Instant => "pane-instant",
            PaneKind::ExecutionFlow => "pane-flow",
            PaneKind::FlowBreakdown => "pane-flow-breakdown",
            PaneKind::Bookmarks => "pane-bookmarks",
            PaneKind::Compare => "pane-compare",
            PaneKind::Compared(_) => "preset-compare",
            PaneKind::Settings => "settings",
            PaneKind::Help => "pane-help",
        };
        let full = self.cx.keymap.hint("full-pane");
        let own = catalogue::entry(id).map_or_else(String::new, |e| self.cx.keymap.text(e));
        response.context_menu(|ui| self.tab_menu_ui(ui, &kind));
        response.on_hover_text(format!("Drag to move, double click: {full}\nShow or hide: {own}"))
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<PaneKind>,
        ui: &mut Ui,
        _tile: TileId,
        tabs: &egui_tiles::Tabs,
        _scroll: &mut f32,
    ) {
        if let Some(kind) = tabs.active.and_then(|tile| tiles.get_pane(&tile)).cloned() {
            let title = self.title(&kind);
            menu::button_ui(ui, self.cx, &kind, &title);
            self.link_ui(ui, &kind);
        }
    }

    fn on_edit(&mut self, _action: egui_tiles::EditAction) {
        self.edited = true;
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        simplification()
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        26.0
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        4.0
    }

    fn min_size(&self) -> f32 {
        60.0
    }

    fn tab_bar_color(&self, _visuals: &Visuals) -> Color32 {
        self.cx.theme.panel
    }

    fn tab_bg_color(&self, _visuals: &Visuals, _tiles: &Tiles<PaneKind>, _tile: TileId, state: &TabState) -> Color32 {
        if state.active { self.cx.theme.ground } else { self.cx.theme.panel }
    }

    fn tab_outline_stroke(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<PaneKind>,
        _tile: TileId,
        _state: &TabState,
    ) -> Stroke {
        Stroke::NONE
    }

    fn tab_bar_hline_stroke(&self, _visuals: &Visuals) -> Stroke {
        Stroke::NONE
    }

    fn tab_text_color(&self, _visuals: &Visuals, tiles: &Tiles<PaneKind>, tile: TileId, state: &TabState) -> Color32 {
        let theme: &Theme = self.cx.theme;
        let focused = tiles.get_pane(&tile).is_some_and(|k| self.focused.as_ref() == Some(k));
        match (state.active, focused) {
            (true, true) => theme.text,
            (true, false) => Theme::mix(theme.secondary, theme.text, 0.5),
            _ => theme.secondary,
        }
    }
}
