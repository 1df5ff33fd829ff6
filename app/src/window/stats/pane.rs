//! The pane *Statistics*: of the selected range, else of the window, where time went and how long things took.

use egui::{RichText, Ui};
use stratoscope_core::vocab::{RefNs, RowKind, TimeRange};

use crate::window::axis::duration;
use crate::window::frame::FrameContext;
use crate::window::joint::empty::no_threads_ui;
use crate::window::joint::hold::Hold;
use crate::window::parts::wrapped_ui;
use crate::window::stats::events_tab::EventsTab;
use crate::window::stats::latencies_tab::{self, LatenciesTab};
use crate::window::stats::sheet::{Sheet, copy_ui};
use crate::window::stats::times::Group;
use crate::window::stats::times_tab::{Measure, TimesTab};
use crate::window::theme::Sizes;
use crate::window::timeline::Shared;
use crate::window::words;
use crate::window::worker::Wake;

/// What the pane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Times(RowKind),
    Latencies,
    Events,
}

/// The pane's memory between frames.
pub struct Statistics {
    tab: Tab,
    times: TimesTab,
    latencies: LatenciesTab,
    events: EventsTab,
    hold: Hold,
}

impl Statistics {
    /// Nothing counted yet.
    pub fn new(wake: &Wake) -> Self {
        Self {
            tab: Tab::Times(RowKind::Thread),
            times: TimesTab::new(Wake::clone(wake)),
            latencies: LatenciesTab::new(wake),
            events: EventsTab::new(wake),
            hold: Hold::default(),
        }
    }

    /// Other traces are open.
    pub fn reset(&mut self) {
        self.times.reset();
        self.latencies.reset();
        self.events.reset();
        self.hold = Hold::default();
    }

    /// Waits until nothing is counted any more; for pictures and tests.
    pub fn wait(&self, longest: std::time::Duration) -> bool {
        self.times.wait(longest) && self.latencies.wait(longest) && self.events.wait(longest)
    }

    /// Draws the pane over the room that is left.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, shared: &mut Shared) {
        if no_threads_ui(ui, cx, "there is nothing to sum up", "statistics") {
            return;
        }
        let range = self.hold.range(&cx.state.view);
        let rect = ui.available_rect_before_wrap();
        ui.painter().rect_filled(rect, 0.0, cx.theme.ground);
        self.choices_ui(ui, cx, range);
        if cx.state.scene.machines.is_empty() {
            ui.label(RichText::new("   Reading…").color(cx.theme.secondary));
            return;
        }
        match self.tab {
            Tab::Times(kind) => self.times.ui(ui, cx, kind, range),
            Tab::Events => self.events.ui(ui, cx, range),
            Tab::Latencies => {
                if let Some(place) = self.latencies.ui(ui, cx, shared, range) {
                    self.hold.jump(&cx.state.view);
                    latencies_tab::go(cx, place);
                }
            }
        }
    }

    /// The table of the tab that is shown.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Sheet {
        match self.tab {
            Tab::Times(_) => self.times.sheet(cx.theme),
            Tab::Latencies => self.latencies.sheet(&cx.state.scene.facts),
            Tab::Events => self.events.sheet(&cx.state.scene),
        }
    }

    fn choices_ui(&mut self, ui: &mut Ui, cx: &mut FrameContext<'_>, range: TimeRange<RefNs>) {
        wrapped_ui(ui, Sizes::GRID / 2.0, |ui| {
            let vms = cx.state.scene.enters_guests;
            for (tab, name) in [
                (Tab::Times(RowKind::Thread), "Threads"),
                (Tab::Times(RowKind::Cpu), "CPUs"),
                (Tab::Times(RowKind::Irq), "Interrupts"),
                (Tab::Times(RowKind::Softirq), "Softirqs"),
                (Tab::Times(RowKind::Vcpu), "vCPUs"),
                (Tab::Times(RowKind::VmThread), "Tasks in VMs"),
                (Tab::Latencies, "Latencies"),
                (Tab::Events, "Event counts"),
            ] {
                if !vms && matches!(tab, Tab::Times(RowKind::Vcpu | RowKind::VmThread)) {
                    continue;
                }
                if ui.selectable_label(self.tab == tab, RichText::new(name).size(Sizes::SMALL)).clicked() {
                    self.tab = tab;
                }
            }
            ui.add_space(Sizes::GRID);
            let words = self.hold.words(&cx.state.view);
            let known = if self.tab == Tab::Events { self.events.all() } else { self.times.events() };
            let events = known.map_or_else(String::new, |n| format!(", {}", words::count(n, "event")));
            let text = match self.tab {
                Tab::Times(_) => format!("per state {words}, {}{events}", duration(range.length())),
                Tab::Events => format!("by name {words}, {}{events}", duration(range.length())),
                Tab::Latencies => format!("that ended {words}, {}", duration(range.length())),
            };
            let text = RichText::new(text).size(Sizes::SMALL).color(cx.theme.secondary);
            ui.add(egui::Label::new(text).extend());
        });
        wrapped_ui(ui, Sizes::GRID / 2.0, |ui| {
            match self.tab {
                Tab::Latencies => self.latencies.choices_ui(ui, cx),
                Tab::Times(_) => self.times_choices_ui(ui),
                Tab::Events => {}
            }
            ui.add_space(Sizes::GRID);
            let Self { tab, times, latencies, events, .. } = self;
            let (theme, scene) = (cx.theme, cx.state.scene.clone());
            copy_ui(ui, cx, || match tab {
                Tab::Times(_) => times.sheet(theme),
                Tab::Latencies => latencies.sheet(&scene.facts),
                Tab::Events => events.sheet(&scene),
            });
        });
    }

    fn times_choices_ui(&mut self, ui: &mut Ui) {
        let choice = |ui: &mut Ui, on: bool, name: &str, about: &str| {
            ui.selectable_label(on, RichText::new(name).size(Sizes::SMALL)).on_hover_text(about).clicked()
        };
        for (measure, name, about) in [
            (Measure::Time, "Time", "How long each state lasted."),
            (Measure::Count, "Count", "How often each state occurred."),
        ] {
            if choice(ui, self.times.measure == measure, name, about) {
                self.times.measure = measure;
                self.times.order();
            }
        }
        ui.add_space(Sizes::GRID);
        for (group, name, about) in [
            (Group::Each, "Each row", "A line for each row."),
            (Group::Name, "Summed by name", "A line for all rows of one name, as for a pool of workers."),
        ] {
            if choice(ui, self.times.group == group, name, about) {
                self.times.group = group;
            }
        }
    }
}
