//! The panel on the left: what is open, which views there are, what states look like.

use egui::{Painter, Rect, RichText, ScrollArea, Ui};
use stratoscope_core::vocab::{Dur, State, StateSet, TimeRange};

use crate::window::axis::duration;
use crate::window::catalogue::{ENTRIES, Group};
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::help::{self, HelpCommand, Topic};
use crate::window::info::{MachineInfo, TraceInfo};
use crate::window::layout::PaneKind;
use crate::window::parts::{ListLine, dot, heading_ui, swatch, triangle};
use crate::window::theme::{Drawing, Sizes, Theme};
use crate::window::words;

/// Which parts of the tree are open: traces show their streams.
#[derive(Clone, Debug, Default)]
pub struct Sidebar {
    open_traces: std::collections::BTreeSet<std::path::PathBuf>,
}

/// The width of the panel at first.
pub const WIDTH: f32 = 232.0;

impl Sidebar {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            // Numbers at the right keep clear of the scroll bar.
            ui.set_max_width(ui.available_width() - Sizes::GRID / 2.0);
            self.experiment_ui(ui, cx);
            views_ui(ui, cx);
            legend_ui(ui, cx);
            ui.add_space(Sizes::GRID);
        });
    }

    fn experiment_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>) {
        heading_ui(ui, cx.theme, "Experiment");
        ui.add_space(2.0);
        if cx.info.recordings.len() > 1 {
            for (n, recording) in cx.info.recordings.iter().enumerate() {
                let shown = cx.info.recording.is_none_or(|r| r == n);
                let length = recording.length.map_or_else(String::new, duration);
                let line =
                    ListLine { text: &recording.name, right: &length, indent: 0.0, selected: shown, quiet: !shown };
                let hint = format!("{}\n{}", recording.path.display(), recording.machines.join(", "));
                if line.ui(ui, cx.theme, None).on_hover_text(hint).clicked() && !shown {
                    cx.commands.push(Command::OpenRecording(n));
                }
                if shown {
                    for machine in &cx.info.machines {
                        self.machine_ui(ui, cx.theme, &mut cx.commands, machine, 10.0);
                    }
                }
            }
            return;
        }
        for machine in &cx.info.machines {
            self.machine_ui(ui, cx.theme, &mut cx.commands, machine, 0.0);
        }
        if cx.info.machines.is_empty() {
            let text = if cx.info.is_busy() { "reading…" } else { "nothing could be read" };
            ui.label(RichText::new(text).color(cx.theme.secondary));
        }
    }

    fn machine_ui(
        &mut self,
        ui: &mut Ui,
        theme: &crate::window::theme::Theme,
        commands: &mut Vec<Command>,
        machine: &MachineInfo,
        indent: f32,
    ) {
        // Some formats do not say how many CPUs there were.
        let cpus = (machine.cpus > 0).then(|| words::count(machine.cpus as u64, "CPU"));
        let length = machine.extent.map(|e| duration(e.length()));
        let facts = cpus.into_iter().chain(length).collect::<Vec<_>>().join(", ");
        let color = theme.machine(machine.id);
        let stripe = |painter: &Painter, rect: Rect| {
            let bar = Rect::from_center_size(rect.center(), egui::vec2(Sizes::STRIPE + 1.0, 14.0));
            painter.rect_filled(bar, 1.0, color);
        };
        let line = ListLine { text: &machine.name, right: &facts, indent, selected: false, quiet: false };
        let response = line.ui(ui, theme, Some(&stripe)).on_hover_ui(|ui| {
            if let Some(kernel) = &machine.kernel {
                ui.label(format!("Linux {kernel}"));
            }
            if machine.lost_ranges > 0 {
                ui.label(format!("Something was lost in {}", words::count(machine.lost_ranges as u64, "range")));
            }
            ui.label(RichText::new("Click to show all of its time").weak().small());
        });
        if response.clicked() {
            commands.extend(machine.extent.map(show_range));
        }
        for trace in &machine.traces {
            self.trace_ui(ui, theme, commands, trace, indent + 12.0);
        }
    }

    fn trace_ui(
        &mut self,
        ui: &mut Ui,
        theme: &crate::window::theme::Theme,
        commands: &mut Vec<Command>,
        trace: &TraceInfo,
        indent: f32,
    ) {
        let open = self.open_traces.contains(&trace.path);
        let arrow = |painter: &Painter, rect: Rect| triangle(painter, rect, open, theme.secondary);
        let line = ListLine { text: &trace.domain, right: &trace.name, indent, selected: false, quiet: true };
        let response = line.ui(ui, theme, Some(&arrow)).on_hover_ui(|ui| {
            ui.label(trace.path.display().to_string());
            for text in [&trace.tracer, &trace.format] {
                if !text.is_empty() {
                    ui.label(RichText::new(text).weak());
                }
            }
        });
        if response.clicked() {
            if open {
                self.open_traces.remove(&trace.path);
            } else {
                self.open_traces.insert(trace.path.clone());
            }
        }
        if response.double_clicked() {
            commands.extend(trace.extent.map(show_range));
        }
        if !open {
            return;
        }
        for stream in &trace.streams {
            let right = match stream.lost_events {
                0 => words::count(stream.packets as u64, "packet"),
                n => format!("{} lost", words::grouped(n)),
            };
            let line =
                ListLine { text: &stream.label, right: &right, indent: indent + 16.0, selected: false, quiet: true };
            line.ui(ui, theme, None);
        }
    }
}

/// Shows a stretch with a little room around it.
fn show_range(extent: TimeRange<stratoscope_core::vocab::RefNs>) -> Command {
    let margin = Dur(extent.length().0 / 100);
    Command::SetWindow { window: TimeRange::new(extent.begin - margin, extent.end + margin), remember: true }
}

fn views_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    heading_ui(ui, cx.theme, "Views");
    ui.add_space(2.0);
    for entry in ENTRIES.iter().filter(|e| e.group == Group::View) {
        let Command::TogglePane(kind) = entry.command() else { continue };
        let shown = cx.state.panes.contains_sort(&kind);
        let hint = cx.keymap.hint(entry.id);
        let lead = |painter: &Painter, rect: Rect| dot(painter, rect, shown, cx.theme);
        let line = ListLine { text: kind.title(), right: "", indent: 0.0, selected: false, quiet: !shown };
        if line.ui(ui, cx.theme, Some(&lead)).on_hover_text(hint).clicked() {
            cx.send(Command::TogglePane(kind));
        }
    }
}

/// Looks that the legend explains, in this order: one line for all states that look and read the same. Only what some
/// view shows: a colour that never appears would only puzzle.
const LEGEND: [&[State]; 15] = [
    &[State::Preempted, State::PreemptedByHost, State::VcpuWaiting],
    &[State::Guest],
    &[State::Vmm, State::InHypervisor],
    &[State::VmmUser],
    &[State::RunningUser, State::User],
    &[State::RunningSyscall, State::Syscall],
    &[State::Interrupted, State::Irq, State::Active],
    &[State::Softirq, State::Raised],
    &[State::WaitingCpu, State::WaitingFork],
    &[State::Blocked, State::WaitingUnknown],
    &[State::Idle, State::Halted],
    &[State::Unknown],
    &[State::Disk],
    &[State::Network],
    &[State::Timer],
];

fn legend_ui(ui: &mut Ui, cx: &mut FrameContext<'_>) {
    heading_ui(ui, cx.theme, "States");
    ui.add_space(2.0);
    let kinds = cx.state.panes.kinds();
    if !kinds.iter().any(PaneKind::is_timeline) && !kinds.contains(&PaneKind::Statistics) {
        return;
    }
    let dimmed = cx.state.view.dimmed;
    let vms = cx.state.scene.enters_guests;
    let flow = kinds.contains(&PaneKind::ExecutionFlow);
    for states in LEGEND {
        let of_vms = matches!(states.first(), Some(State::Preempted | State::Guest | State::Vmm | State::VmmUser));
        let of_flows = matches!(states.first(), Some(State::Disk | State::Network | State::Timer));
        if (of_vms && !vms) || (of_flows && !flow) {
            continue;
        }
        let Some(first) = states.first().copied() else { continue };
        let look = cx.theme.state(first);
        if look.drawing == Drawing::Nothing {
            continue;
        }
        let lit = dimmed != StateSet::default() && !dimmed.contains(first);
        let hidden = dimmed.contains(first);
        let lead = |painter: &Painter, rect: Rect| {
            let mut painter = painter.clone();
            if hidden {
                painter.set_opacity(0.3);
            }
            swatch(&painter, rect, cx.theme, first);
        };
        let line = ListLine { text: &look.name, right: "", indent: 0.0, selected: lit, quiet: true };
        let response = line
            .ui(ui, cx.theme, Some(&lead))
            .on_hover_text(format!("{}\nClick to dim the others, right-click to read more.", look.about));
        response.context_menu(|ui| state_menu_ui(ui, &mut cx.commands, cx.theme, states));
        if response.clicked() {
            // All states of the line change together.
            let all = states.iter().fold(StateSet::default(), |all, state| all.with(*state));
            cx.commands.push(Command::ToggleLegendStates(all));
        }
    }
}

/// Of each state of a line of the legend what it means.
fn state_menu_ui(ui: &mut Ui, commands: &mut Vec<Command>, theme: &Theme, states: &[State]) {
    ui.set_min_width(220.0);
    for state in states {
        let text = match help::meaning(*state) {
            Some(meaning) if states.len() > 1 => format!("What is this state? ({})", meaning.of),
            Some(_) => "What is this state?".to_owned(),
            None => continue,
        };
        if ui.button(text).on_hover_text(&*theme.state(*state).about).clicked() {
            commands.push(Command::Help(HelpCommand::Show(Topic::State(*state))));
            ui.close();
        }
    }
}
