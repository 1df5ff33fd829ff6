//! The panes themselves: whose flow is shown, over which stretch of time, and what clicks and keys do.

use std::sync::Arc;
use std::time::Duration;

use egui::{RichText, Ui, UiBuilder};
use stratoscope_core::flow::FlowKind;
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::axis::duration;
use crate::window::command::{Command, Direction, RowRef, RowStep};
use crate::window::flow::answer::{Answer, Question, answer, task_of};
use crate::window::flow::breakdown::{Act, Breakdown, InstancesView, instances_ui, scrolled_ui};
use crate::window::flow::compare::{self, Pair};
use crate::window::flow::follow::Theirs;
use crate::window::flow::instances::{Instances, instances};
use crate::window::flow::overlay::FlowOverlay;
use crate::window::flow::picture::Picture;
use crate::window::flow::sums::{self, Part, Table};
use crate::window::flow::words::{blame, is_loud};
use crate::window::frame::FrameContext;
use crate::window::help::Need;
use crate::window::joint::computed::Computed;
use crate::window::joint::empty::{Empty, empty_ui, lacks_threads};
use crate::window::joint::facts::Facts;
use crate::window::joint::periodic::task_words;
use crate::window::layout::PaneKind;
use crate::window::parts::{line_ui, swatch_ui};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::interact::around;
use crate::window::timeline::rows::RowSet;
use crate::window::timeline::scene::Scene;
use crate::window::timeline::{Hovered, Input, Output, Shared, Timeline};
use crate::window::worker::Wake;

/// Panes narrower than this have the breakdown below the picture.
const BESIDE_FROM: f32 = 640.0;

/// What is known of the view since the last frame, for keys between frames.
#[derive(Clone, Copy, Default)]
struct Looked {
    selection: Option<TimeRange<RefNs>>,
    window: Option<TimeRange<RefNs>>,
}

/// The memory of both panes between frames.
pub struct FlowPanes {
    answer: Computed<Question, Option<Answer>>,
    instances: Computed<RowRef, Instances>,
    timeline: Timeline,
    breakdown: Breakdown,
    /// The picture as the timeline draws it, for which answer and which scene.
    scene: Scene,
    scene_of: Option<(u64, u64)>,
    tables: Option<[Table; 3]>,
    sentence: Option<(FlowKind, String)>,
    answered: u64,
    facts: Arc<Facts>,
    row: Theirs<Option<RowRef>>,
    selection: Theirs<Option<TimeRange<RefNs>>>,
    window: Theirs<Option<TimeRange<RefNs>>>,
    looked: Looked,
    seen_in: Option<u64>,
    task: Option<RowRef>,
    /// The task stays, whatever is selected.
    pinned: bool,
    /// Without a selection: the whole life instead of the visible window.
    life: bool,
    lit: Option<Part>,
    picked: Option<usize>,
    chosen: Option<[usize; 2]>,
    comparing: bool,
}

impl FlowPanes {
    /// Nothing followed yet.
    pub fn new(wake: &Wake) -> Self {
        let follow = |question: &Question, facts: &Facts, cancel: &_| answer(facts, question, cancel).unwrap_or(None);
        let recur = |task: &RowRef, facts: &Facts, cancel: &_| instances(facts, *task, cancel).unwrap_or_default();
        Self {
            answer: Computed::new("flow", Wake::clone(wake), follow),
            instances: Computed::new("flow instances", Wake::clone(wake), recur),
            timeline: Timeline::new(RowSet::Flow, None),
            breakdown: Breakdown::default(),
            scene: Scene::default(),
            scene_of: None,
            tables: None,
            sentence: None,
            answered: 0,
            facts: Arc::default(),
            row: Theirs::default(),
            selection: Theirs::default(),
            window: Theirs::default(),
            looked: Looked::default(),
            seen_in: None,
            task: None,
            pinned: false,
            life: false,
            lit: None,
            picked: None,
            chosen: None,
            comparing: false,
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.answer.reset();
        self.instances.reset();
        self.timeline = Timeline::new(RowSet::Flow, None);
        self.scene = Scene::default();
        self.scene_of = None;
        self.tables = None;
        self.facts = Arc::default();
        self.set_task(None);
        self.pinned = false;
    }

    /// Waits until all is followed; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.answer.wait(longest) && self.instances.wait(longest)
    }

    /// Follows that task, whatever was followed before.
    pub fn follow(&mut self, task: RowRef) {
        self.set_task(Some(task));
        self.row.take(Some(task));
    }

    fn set_task(&mut self, task: Option<RowRef>) {
        if self.task != task {
            self.task = task;
            self.lit = None;
            self.picked = None;
            self.chosen = None;
            self.comparing = false;
        }
    }

    /// Draws one of the two panes over the room that is left. Returns what is under the pointer.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut FrameContext<'_>,
        kind: &PaneKind,
        shared: &mut Shared,
        focused: bool,
    ) -> Option<Hovered> {
        self.update(ui, cx);
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        if self.empty_ui(ui, cx) {
            return None;
        }
        if *kind == PaneKind::FlowBreakdown {
            self.breakdown_ui(ui, cx);
            return None;
        }
        let panes = &cx.state.panes;
        let apart = panes.full.is_none() && panes.contains(&PaneKind::FlowBreakdown);
        if apart {
            return self.picture_ui(ui, cx, shared, focused, f32::INFINITY);
        }
        let (picture, tables) = if rect.width() >= BESIDE_FROM {
            let width = (rect.width() * 0.3).clamp(264.0, 400.0);
            rect.split_left_right_at_x(rect.right() - width)
        } else {
            rect.split_top_bottom_at_y(rect.bottom() - rect.height() * 0.42)
        };
        ui.scope_builder(UiBuilder::new().max_rect(tables).id_salt("breakdown"), |ui| self.breakdown_ui(ui, cx));
        let place = UiBuilder::new().max_rect(picture).id_salt("picture");
        // Beside tables there is less room than in other panes, and states come first.
        let names = picture.width() * 0.36;
        ui.scope_builder(place, |ui| self.picture_ui(ui, cx, shared, focused, names)).inner
    }

    /// Sees what is selected, and asks for what is to be shown; once a frame.
    fn update(&mut self, ui: &Ui, cx: &FrameContext<'_>) {
        let pass = ui.ctx().cumulative_pass_nr();
        if self.seen_in.replace(pass) == Some(pass) {
            return;
        }
        let view = &cx.state.view;
        self.facts = Arc::clone(&cx.state.scene.facts);
        let changed = self.row.see(view.row);
        if (changed && !self.pinned) || self.task.is_none() {
            let task = self.row.get().and_then(|row| task_of(&self.facts, row));
            if task.is_some() {
                self.set_task(task);
            }
        }
        self.selection.see(view.selection);
        self.window.see(Some(view.window));
        self.looked = Looked { selection: view.selection, window: Some(view.window) };
        let Some(task) = self.task.filter(|_| !cx.info.is_busy()) else { return };
        let window = self.range().or(if self.life { None } else { self.window.get() });
        if self.answer.ask(Question { task, window }, &self.facts) {
            self.answered += 1;
            self.picked = None;
            let of = self.answer.get().and_then(Option::as_ref);
            self.tables = of.map(|answer| sums::tables(&self.facts, &answer.flow));
            self.sentence = of.and_then(|a| blame(&self.facts, &a.flow)).map(|(total, text)| (total.kind, text));
        }
        // One after the other: the flow is what is looked at.
        if self.answer.is_current() && self.instances.ask(task, &self.facts) {
            self.chosen = None;
        }
        let key = Some((self.answered, cx.state.scene.version));
        if self.scene_of != key
            && let Some(answer) = self.answer.get().and_then(Option::as_ref)
        {
            self.scene_of = key;
            let version = self.scene.version + 1;
            self.scene = answer.picture.scene(&cx.state.scene, version);
        }
    }

    /// The stretch that the user selected.
    fn range(&self) -> Option<TimeRange<RefNs>> {
        self.selection.get().filter(|s| s.begin < s.end)
    }

    /// The tables of where the time went, of the flow that is shown.
    pub(super) fn tables(&self) -> Option<&[Table; 3]> {
        self.tables.as_ref()
    }

    /// The instances of its task.
    pub(super) fn instances(&self) -> Option<&Instances> {
        self.instances.get()
    }

    /// The flow that is shown.
    pub(super) fn shown(&self) -> Option<&Answer> {
        self.answer.get().and_then(Option::as_ref)
    }

    /// Says why there is nothing to show, if there is nothing.
    fn empty_ui(&self, ui: &mut Ui, cx: &mut FrameContext<'_>) -> bool {
        let more = |text: &str| vec![text.to_owned()];
        let mut need = None;
        let (what, more) = if cx.info.is_busy() {
            ("Flows are followed once all is read…".to_owned(), Vec::new())
        } else if lacks_threads(cx) {
            need = Some(Need::Flow);
            ("There is no task to follow: the traces have no sched_switch events.".to_owned(), Vec::new())
        } else if let Some(task) = self.task {
            if self.shown().is_some() {
                return false;
            }
            (format!("Following {}…", task_words(&self.facts, task)), Vec::new())
        } else {
            let hint = cx.keymap.hint("flow");
            (
                "Select a task: here stands what determined its progress, and who held it up.".to_owned(),
                more(&format!("Click a thread, a task inside a VM, or a vCPU in another pane. {hint}.")),
            )
        };
        empty_ui(ui, cx, &Empty { what: &what, more: &more, need, about: "execution-flow" });
        true
    }

    fn picture_ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut FrameContext<'_>,
        shared: &mut Shared,
        focused: bool,
        names: f32,
    ) -> Option<Hovered> {
        ui.spacing_mut().item_spacing.y = 2.0;
        self.head_ui(ui, cx);
        let facts = Arc::clone(&self.facts);
        if self.comparing
            && let Some(pair) = pair(self.instances.get(), self.chosen)
        {
            compare::flows_ui(ui, cx.theme, &facts, &pair);
            return None;
        }
        let answer = self.answer.get().and_then(Option::as_ref)?;
        let clock = cx.state.clock();
        let overlay = FlowOverlay { answer, facts: &facts, theme: cx.theme, clock: &clock, lit: self.lit };
        let input = Input {
            scene: &self.scene,
            view: &cx.state.view,
            theme: cx.theme,
            format: cx.state.settings.time_format,
            focused,
            overlay: Some(&overlay),
        };
        let narrow =
            Shared { names_width: shared.names_width.min(names), hover: shared.hover, keys: shared.keys.clone() };
        let mut own = narrow.clone();
        let output = self.timeline.ui(ui, &input, &mut own);
        shared.hover = own.hover;
        if own.names_width != narrow.names_width {
            shared.names_width = own.names_width;
        }
        self.take(cx, output)
    }

    /// Does what the user did in the picture: a click on a piece selects its row and its time.
    fn take(&mut self, cx: &mut FrameContext<'_>, mut output: Output) -> Option<Hovered> {
        let is_click = |c: &Command| matches!(c, Command::SelectTime(Some(s)) if s.begin == s.end);
        let clicked = output.commands.iter().any(is_click);
        let piece = output.hovered.and_then(|h| h.interval).as_ref().and_then(Picture::piece_of);
        if clicked {
            self.selection.own_comes();
            // A double click goes to the piece.
            if output.commands.iter().any(|c| matches!(c, Command::SetWindow { .. })) {
                self.window.own_comes();
            }
            if let Some(piece) = piece {
                output.commands.retain(|c| !matches!(c, Command::SelectRow(_) | Command::SelectTime(_)));
                cx.commands.extend(self.pick(piece));
            }
        }
        if output.commands.iter().any(|c| matches!(c, Command::SelectRow(Some(_)))) {
            self.row.own_comes();
        }
        cx.commands.append(&mut output.commands);
        output.hovered
    }

    /// Whose flow it is, over what, and who is to blame.
    fn head_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let theme = cx.theme;
        let small = |text: &str| RichText::new(text).size(Sizes::SMALL).color(theme.secondary);
        let Some(answer) = self.answer.get().and_then(Option::as_ref) else { return };
        let (who, length) = (task_words(&self.facts, answer.question.task), answer.flow.window.length());
        let compared = pair(self.instances.get(), self.chosen).filter(|_| self.comparing);
        let sentence = match &compared {
            Some(pair) => compare::blame(&self.facts, pair),
            None => self.sentence.clone(),
        };
        let nothing = answer.flow.pieces.is_empty();
        let range = self.range();
        ui.horizontal_wrapped(|ui| {
            ui.set_min_height(26.0);
            ui.add_space(Sizes::GRID);
            ui.label(RichText::new(who).strong());
            ui.label(RichText::new(duration(length)).strong());
            if range.is_some() {
                ui.label(small("in the selection"));
                let hint = "Clear the selection: follow the task over what is visible";
                if ui.button(RichText::new("Clear").size(Sizes::SMALL)).on_hover_text(hint).clicked() {
                    cx.send(Command::SelectTime(None));
                }
            } else {
                let visible = RichText::new("visible window").size(Sizes::SMALL);
                let life = RichText::new("whole life").size(Sizes::SMALL);
                ui.selectable_value(&mut self.life, false, visible)
                    .on_hover_text("Follow the task over what is visible");
                ui.selectable_value(&mut self.life, true, life)
                    .on_hover_text("Follow the task from its begin to its end");
            }
            ui.checkbox(&mut self.pinned, RichText::new("keep this task").size(Sizes::SMALL))
                .on_hover_text("Stay with this task, whatever is selected elsewhere");
            if !self.answer.is_current() {
                ui.label(small("following…"));
            }
        });
        ui.horizontal(|ui| {
            ui.add_space(Sizes::GRID);
            let (text, color) = match (&sentence, nothing) {
                (_, true) => ("It did not exist in this stretch of time.".to_owned(), theme.secondary),
                (Some((kind, text)), _) => {
                    swatch_ui(ui, theme, kind.state());
                    (text.clone(), if is_loud(*kind) { theme.alarm } else { theme.text })
                }
                (None, _) => ("Nothing held it up: it ran all the time.".to_owned(), theme.text),
            };
            let room = egui::vec2(ui.available_width() - Sizes::GRID, 22.0);
            let (rect, response) = ui.allocate_exact_size(room, egui::Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &text));
            let font = egui::FontId::proportional(Sizes::TEXT + 2.0);
            let cut = line_ui(ui.painter(), rect, egui::Align2::LEFT_CENTER, &text, font, color);
            if cut {
                response.on_hover_text(&text);
            }
        });
    }

    fn breakdown_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        let theme = cx.theme;
        let facts = Arc::clone(&self.facts);
        let act = scrolled_ui(ui, theme, |ui| self.lists_ui(ui, theme, &facts));
        if let Some(act) = act {
            self.act(cx, &facts, act);
        }
    }

    fn lists_ui(&mut self, ui: &mut Ui, theme: &Theme, facts: &Facts) -> Option<Act> {
        let mut act = None;
        let compared = pair(self.instances.get(), self.chosen).filter(|_| self.comparing);
        ui.add_space(Sizes::GRID / 2.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let small = |text: &str| egui::Button::new(RichText::new(text).size(Sizes::SMALL));
            if self.typical().is_some() {
                let text = if self.comparing { "Back to one flow" } else { "Why did this take longer?" };
                let hint = "Two executions above each other, and what differs: a usual one, and this one if it took \
                            longer, else the slowest. Choose others below with Ctrl or Shift";
                if ui.add(small(text)).on_hover_text(hint).clicked() {
                    act = Some(Act::Compare(!self.comparing));
                }
            }
            if ui.add(small("Copy as text")).clicked() {
                act = Some(Act::Copy);
            }
            if compared.is_none()
                && let Some(lit) = self.lit
                && ui.add(small("Zoom to the longest")).on_hover_text("The longest piece of the lit line").clicked()
            {
                act = Some(Act::Longest(lit));
            }
        });
        if let Some(pair) = &compared {
            compare::differences_ui(ui, theme, facts, pair);
        } else if let Some(tables) = &self.tables {
            act = self.breakdown.tables_ui(ui, theme, tables, self.lit).or(act);
        }
        let notes = self.answer.get().and_then(Option::as_ref).map_or(&[][..], |a| a.flow.notes.as_slice());
        for note in notes {
            ui.add_space(Sizes::GRID / 2.0);
            let text = RichText::new(note).size(Sizes::SMALL).color(theme.secondary);
            ui.add(egui::Label::new(text).wrap().selectable(true));
        }
        if let Some(instances) = self.instances.get().filter(|i| !i.list.is_empty()) {
            let current = self.looked_at();
            let chosen = self.chosen.or_else(|| self.typical());
            let view = InstancesView { instances, chosen, comparing: self.comparing, current };
            act = instances_ui(ui, theme, &view).or(act);
        }
        act
    }

    fn act(&mut self, cx: &mut FrameContext<'_>, facts: &Facts, act: Act) {
        match act {
            Act::Light(part) => self.lit = part,
            Act::Longest(part) => {
                let found = self.shown().and_then(|a| {
                    let n = part.longest(&a.flow)?;
                    Some((n, a.range(facts, a.flow.pieces.get(n)?)))
                });
                if let Some((n, range)) = found {
                    cx.commands.extend(self.pick(n));
                    self.window.own_comes();
                    cx.send(Command::SetWindow { window: around(range), remember: true });
                }
            }
            Act::Copy => {
                let compared = pair(self.instances.get(), self.chosen).filter(|_| self.comparing);
                let text = match compared {
                    Some(pair) => Some(compare::text(facts, &pair)),
                    None => self.shown().map(|answer| sums::text(facts, &answer.flow)),
                };
                text.into_iter().for_each(|text| cx.send(Command::Copy(text)));
            }
            Act::Instance(n) => {
                let range = self.instances.get().and_then(|i| i.list.get(n)).map(|i| i.range);
                if let Some(range) = range {
                    cx.send(Command::SelectRow(self.task));
                    cx.send(Command::SelectTime(Some(range)));
                    cx.send(Command::SetWindow { window: around(range), remember: true });
                }
            }
            Act::Choose(n) => {
                if let Some([usual, last]) = self.chosen.or(self.typical()) {
                    let first = if self.comparing { last } else { usual };
                    if first != n {
                        self.chosen = Some([first, n]);
                    }
                    self.comparing = true;
                }
            }
            Act::Compare(on) => self.compare(on),
        }
    }

    /// Compares two instances, a usual one and the one that is looked at if nobody chose; or shows the flow again, and
    /// forgets which were chosen: the next question is about what is looked at then.
    pub fn compare(&mut self, on: bool) {
        self.comparing = on;
        self.chosen = if on { self.chosen.or(self.typical()) } else { None };
    }

    /// The instance that is the flow's stretch of time, or nearly.
    fn looked_at(&self) -> Option<usize> {
        self.instances.get()?.at(self.range()?)
    }

    /// What is compared if nobody chooses.
    fn typical(&self) -> Option<[usize; 2]> {
        self.instances.get()?.typical(self.looked_at())
    }

    /// Selects a piece: its row and its time, in all panes.
    fn pick(&mut self, piece: usize) -> Vec<Command> {
        let facts = Arc::clone(&self.facts);
        let found = self.shown().and_then(|answer| {
            let row = answer.picture.row(piece)?.row;
            Some((row, answer.range(&facts, answer.flow.pieces.get(piece)?)))
        });
        let Some((row, range)) = found else { return Vec::new() };
        self.picked = Some(piece);
        self.row.own_comes();
        self.selection.own_comes();
        let mut commands = vec![Command::SelectRow(Some(row)), Command::SelectTime(Some(range))];
        if let Some(window) = self.looked.window.filter(|w| !w.overlaps(&range)) {
            let half = stratoscope_core::vocab::Dur(window.length().0 / 2);
            let begin = range.begin - half;
            self.window.own_comes();
            let window = TimeRange::new(begin, begin + window.length());
            commands.push(Command::SetWindow { window, remember: true });
        }
        commands
    }

    /// Selects the next or the previous piece.
    ///
    /// # Errors
    /// No flow is shown, or there is no further piece.
    pub fn step(&mut self, direction: Direction) -> Result<Vec<Command>, String> {
        let Some(answer) = self.shown() else {
            return Err("No execution flow is shown: E shows that of the selected task".to_owned());
        };
        let last = answer.flow.pieces.len().checked_sub(1).ok_or("The flow has no pieces")?;
        let lit = |n: &usize| self.lit.is_none_or(|part| answer.flow.pieces.get(*n).is_some_and(|p| part.holds(p)));
        let next = match (self.picked, direction) {
            (Some(n), Direction::Forward) => (n + 1..=last).find(lit),
            (Some(n), Direction::Back) => (0..n).rev().find(lit),
            (None, Direction::Back) => (0..=last).rev().find(lit),
            (None, Direction::Forward) => {
                // From what is selected, if that lies within the flow.
                let at = self.looked.selection.and_then(|s| answer.piece_at(s.begin)).unwrap_or(0);
                (at..=last).find(lit)
            }
        };
        match next {
            Some(n) => Ok(self.pick(n)),
            None => Err("The flow has no further piece there".to_owned()),
        }
    }

    /// Goes along the arrow that leads into the selected piece, else along the one that leads out of it.
    ///
    /// # Errors
    /// No piece is selected, or no arrow touches it.
    pub fn along_arrow(&mut self) -> Result<Vec<Command>, String> {
        let picked = self.shown().zip(self.picked).and_then(|(a, n)| Some((a, n, a.flow.pieces.get(n)?)));
        let Some((answer, n, piece)) = picked else {
            return Err("Select a piece of the flow first: click it, or press J".to_owned());
        };
        let row = answer.picture.row_of_piece.get(n).copied();
        let pieces = &answer.flow.pieces;
        let of = |n: usize| answer.picture.row_of_piece.get(n).copied();
        let arrows = || answer.flow.arrows.iter().zip(&answer.picture.row_of_arrow);
        let came = arrows().find_map(|(arrow, rows)| {
            let (from, to) = (*rows)?;
            let before = pieces.partition_point(|p| p.range.end < arrow.from.1);
            (arrow.to.1 == piece.range.begin && Some(to) == row && of(before) == Some(from)).then_some(before)
        });
        let goes = || {
            arrows().find_map(|(arrow, rows)| {
                let (from, to) = (*rows)?;
                let after = pieces.partition_point(|p| p.range.begin < arrow.to.1);
                (arrow.from.1 == piece.range.end && Some(from) == row && of(after) == Some(to)).then_some(after)
            })
        };
        match came.or_else(goes) {
            Some(n) => Ok(self.pick(n)),
            None => Err("No arrow leads to this piece or away from it".to_owned()),
        }
    }

    /// The row that a step from `from` leads to; the flow stays that of its task.
    pub fn step_row(&mut self, from: Option<RowRef>, step: RowStep) -> Option<RowRef> {
        let row = self.timeline.step_row(from, step)?;
        self.row.own_comes();
        Some(row)
    }
}

/// The two instances that are compared.
fn pair(instances: Option<&Instances>, chosen: Option<[usize; 2]>) -> Option<Pair<'_>> {
    let instances = instances?;
    let numbers = chosen?;
    let of = |n: usize| instances.list.get(n);
    Some(Pair { numbers, instances: [of(numbers[0])?, of(numbers[1])?] })
}
