//! What the window knows between two frames, as plain data: everything that commands change.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use stratoscope_core::session::SyncChoice;
use stratoscope_core::vocab::{Dur, RefNs, RowKind, TimeRange};

use crate::window::again::KeptView;
use crate::window::asked::Asking;
use crate::window::axis::Clock;
use crate::window::command::{PickedEvent, RowRef};
use crate::window::export::saver::Saving;
use crate::window::find::Find;
use crate::window::find::command::Among;
use crate::window::help::Reading;
use crate::window::layout::{PaneKind, Panes, Preset};
use crate::window::own::Change;
use crate::window::settings::{Memory, Preferences, Settings};
use crate::window::stats::comparison::{self, Comparison, KeptComparison};
use crate::window::timeline::scene::Scene;
use crate::window::tour;
use crate::window::view::View;
use crate::window::watch::DiskChange;

/// What lies over the panes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The command palette.
    Palette,
    /// The list of keys.
    Keys,
}

/// The window's state.
#[derive(Clone)]
pub struct State {
    /// What is open; empty on the start page.
    pub paths: Vec<PathBuf>,
    /// Which of its recordings was asked for.
    pub recording: Option<usize>,
    /// What timelines draw from.
    pub scene: Scene,
    /// What of it is looked at.
    pub view: View,
    /// What unlinked panes look at: of these views only the window of time counts.
    pub own_time: BTreeMap<PaneKind, View>,
    /// Whether the view has a window that comes from the traces.
    pub placed: bool,
    /// The window that the program chose, as long as nobody goes elsewhere.
    pub given: Option<TimeRange<RefNs>>,
    /// Whether panes are as the program chose, so that it may choose again when it knows more.
    pub own_layout: bool,
    /// Panes.
    pub panes: Panes,
    /// How the user wants the program to be.
    pub settings: Settings,
    /// What is remembered from one start to the next.
    pub memory: Memory,
    /// What lies over the panes.
    pub overlay: Overlay,
    /// Whether the problems are shown.
    pub problems: bool,
    /// The event that was picked in the table.
    pub event: Option<PickedEvent>,
    /// What is read in help.
    pub help: Reading,
    /// The tour that runs.
    pub tour: Option<tour::Progress>,
    /// What was chosen about clocks.
    pub choice: SyncChoice,
    /// What was there before changes, to go back to, and what was taken back.
    pub past: (Vec<Change>, Vec<Change>),
    /// The bookmark whose text is asked for.
    pub naming: Option<u32>,
    /// Whether the field that looks for something is shown.
    pub finding: bool,
    /// Among what the next match is looked for, if somebody chose.
    pub among: Option<Among>,
    /// The event that another one is to be aligned with.
    pub align: Option<PickedEvent>,
    /// What is compared with what.
    pub comparison: Comparison,
    /// What was compared when this was open before, until all is read: only then clocks are what they were.
    pub kept_comparison: Option<KeptComparison>,
    /// What was looked for before everything is read again.
    pub again: Option<Again>,
    /// What was looked at when this was open before, until all is read or somebody goes elsewhere.
    pub returning: Option<KeptView>,
    /// What was asked to be shown first, until all is read or somebody goes elsewhere.
    pub asking: Option<Asking>,
    /// What is not as it was on disk when it was opened.
    pub disk: Option<DiskChange>,
    /// What the last command has to say: why it did nothing.
    pub notice: Option<String>,
    /// What is being saved.
    pub saving: Option<Saving>,
    /// Whether the dark theme is shown, whoever chose it.
    pub dark: bool,
}

/// What is looked for, to be looked for again when everything has been read again.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    search: String,
    finding: bool,
}

impl Again {
    /// What is looked for now.
    pub fn of(state: &State) -> Self {
        Self { search: state.view.search.clone(), finding: state.finding }
    }
}

/// A window of no traces.
const NOTHING: TimeRange<RefNs> = TimeRange { begin: RefNs(0), end: RefNs(1_000_000_000) };

impl State {
    /// The start page.
    pub fn new(settings: Settings) -> Self {
        let mut state = Self {
            paths: Vec::new(),
            recording: None,
            scene: Scene::default(),
            view: View::new(NOTHING, NOTHING),
            own_time: BTreeMap::new(),
            placed: false,
            given: None,
            own_layout: false,
            panes: Panes::default(),
            settings,
            memory: Memory::default(),
            overlay: Overlay::None,
            problems: false,
            event: None,
            choice: SyncChoice::default(),
            past: Default::default(),
            naming: None,
            finding: false,
            among: None,
            align: None,
            comparison: Comparison::default(),
            kept_comparison: None,
            again: None,
            returning: None,
            asking: None,
            disk: None,
            help: Reading::default(),
            tour: None,
            notice: None,
            saving: None,
            dark: true,
        };
        state.reset_view(NOTHING, NOTHING);
        state
    }

    /// Whether traces are open.
    pub fn is_open(&self) -> bool {
        !self.paths.is_empty()
    }

    fn reset_view(&mut self, window: TimeRange<RefNs>, bounds: TimeRange<RefNs>) {
        let own = Arc::clone(&self.view.own);
        self.view = View::new(window, bounds);
        self.view.own = own;
        self.take_settings();
    }

    /// Settings are others now: what is looked at follows them.
    pub fn take_settings(&mut self) {
        self.view.hide_idle = self.settings.hide_idle;
        self.view.compact = self.settings.compact;
        self.view.by_machine = self.settings.by_machine;
    }

    /// The user wants these settings.
    pub fn prefer(&mut self, wish: &Preferences) {
        self.settings.put(wish);
        self.take_settings();
    }

    /// Other paths are open now; nothing is known of them yet.
    pub fn begin(&mut self, paths: Vec<PathBuf>, recording: Option<usize>) {
        self.keep_view();
        self.memory.add_recent(&paths);
        self.recording = recording;
        self.scene = Scene::default();
        self.placed = false;
        self.given = None;
        self.event = None;
        self.choice = self.memory.clocks(&paths);
        self.past = Default::default();
        self.naming = None;
        self.finding = false;
        self.among = None;
        self.own_time.clear();
        self.align = None;
        self.comparison = Comparison::default();
        self.kept_comparison = self.memory.comparison(&paths);
        // A tour goes on with its sample; over other traces it has nothing to say.
        self.tour = self.tour.take().filter(|tour| tour.path.is_some() && paths.first() == tour.path.as_ref());
        self.again = None;
        self.returning = self.memory.view(&paths).cloned();
        self.asking = None;
        self.disk = None;
        self.notice = None;
        self.help.on_start = false;
        self.overlay = Overlay::None;
        self.reset_view(NOTHING, NOTHING);
        self.view.own = Arc::new(self.memory.own(&paths));
        self.paths = paths;
    }

    /// Nothing is open any more.
    pub fn end(&mut self) {
        self.begin(Vec::new(), None);
        self.panes = Panes::default();
        self.problems = false;
    }

    /// Takes what was read so far. The first time that anything is known of time, the view goes to where it was when
    /// this was open before, else to `first`; later only its bounds change, so that nothing jumps while a trace is read.
    /// When clocks are put on one axis rows move, and a window that nobody chose moves with them.
    pub fn update(&mut self, scene: Scene, first: Option<TimeRange<RefNs>>) {
        if self.went_elsewhere() {
            self.returning = None;
        }
        if self.went_from_asked() {
            self.asking = None;
        }
        if let Some(extent) = scene.extent {
            let bounds = with_margin(extent);
            if self.placed {
                self.follow_reference(&scene);
                self.view.set_bounds(bounds);
                self.choose_again(&scene, first.map_or(bounds, |f| if f == extent { bounds } else { f }));
                for (kind, view) in &mut self.own_time {
                    view.set_bounds(comparison::bounds_of(kind, &self.comparison, bounds));
                }
            } else {
                self.placed = true;
                self.reset_view(first.map_or(bounds, |f| if f == extent { bounds } else { f }), bounds);
                self.given = Some(self.view.window);
                if let Some(Again { search, finding }) = self.again.take() {
                    self.finding = finding;
                    if !search.is_empty() {
                        self.look_for(search);
                    }
                }
                let machines = scene.machines.len();
                let kept = self.memory.layout(&self.paths).cloned();
                self.own_layout = kept.is_none();
                self.panes = kept.unwrap_or_else(|| Panes::preset(best_preset(&scene), machines));
                self.panes.limit_to(machines);
                self.settle_links();
            }
            let became = scene.complete && !self.scene.complete;
            if self.own_layout && became && best_preset(&scene) != best_preset(&self.scene) {
                // What was promised by the events that were recorded is not there, or the other way round.
                self.panes = Panes::preset(best_preset(&scene), scene.machines.len());
                self.settle_links();
            }
        }
        let other_times = self.scene.facts.base != scene.facts.base;
        self.scene = scene;
        if self.placed {
            self.come_back();
            self.show_asked();
        }
        self.compare_as_before();
        if other_times && self.view.find.filter().is_some() {
            // What `+1.5s` means follows the experiment's begin.
            self.look_for(self.view.search.clone());
        }
    }

    /// Shows what is to be seen first at its place by clocks that are known better, as long as nobody looks elsewhere
    /// or has selected anything.
    fn choose_again(&mut self, scene: &Scene, wanted: TimeRange<RefNs>) {
        // What moves rows later is the user's own choice of clocks.
        if self.given != Some(self.view.window) || self.view.selection.is_some() || self.scene.complete {
            self.given = None;
            return;
        }
        let moved = scene.machines.iter().any(|m| self.scene.machine(m.id).is_some_and(|before| before.map != m.map));
        if moved {
            self.view.set_window(wanted, false);
            self.given = Some(self.view.window);
        }
    }

    /// Compares again what was compared when this was open before.
    fn compare_as_before(&mut self) {
        let kept = self.kept_comparison.as_ref().filter(|_| self.placed);
        if let Some(comparison) = kept.and_then(|kept| kept.comparison(&self.scene))
            && comparison != self.comparison
        {
            self.comparison = comparison;
            comparison::place(self);
        }
        if self.scene.complete {
            self.kept_comparison = None;
        }
    }

    /// Looks for something else.
    pub fn look_for(&mut self, text: String) {
        self.view.find = Arc::new(Find::new(&text, &self.scene.facts.base));
        self.view.search = text;
    }

    /// With another reference the axis is another machine's clock: what is looked at stays what it was.
    fn follow_reference(&mut self, scene: &Scene) {
        let reference = scene.facts.reference;
        if reference == self.scene.facts.reference {
            return;
        }
        if let (Some(old), Some(new)) = (self.scene.machine(reference), scene.machine(reference)) {
            for view in std::iter::once(&mut self.view).chain(self.own_time.values_mut()) {
                view.rebase(|t| new.map.to_ref(old.map.from_ref(t)));
            }
            self.comparison.rebase(|t| new.map.to_ref(old.map.from_ref(t)));
            self.event = None;
        }
    }

    /// Gives every unlinked pane a window of its own, the common one at first, and forgets those of others.
    pub fn settle_links(&mut self) {
        let unlinked = &self.panes.unlinked;
        self.own_time.retain(|kind, _| unlinked.contains(kind));
        for kind in unlinked {
            self.own_time.entry(kind.clone()).or_insert_with(|| self.view.clone());
        }
        comparison::settle(self);
    }

    /// What a pane looks at: all that is common, but its own window if it is unlinked.
    pub fn view_of(&self, kind: &PaneKind) -> Cow<'_, View> {
        match self.own_time.get(kind) {
            Some(own) => {
                let mut view = self.view.clone();
                view.take_time(own);
                Cow::Owned(view)
            }
            None => Cow::Borrowed(&self.view),
        }
    }

    /// Changes the window of time of a pane: of an unlinked one its own, else that of all.
    pub fn change_time<R>(&mut self, kind: Option<&PaneKind>, change: impl FnOnce(&mut View) -> R) -> R {
        let Some(own) = kind.and_then(|kind| self.own_time.get_mut(kind)) else { return change(&mut self.view) };
        // What is selected is common, and zooming goes by it.
        own.selection = self.view.selection;
        let changed = change(own);
        if let Some(PaneKind::Compared(side)) = kind {
            comparison::follow(self, *side);
        }
        changed
    }

    /// How instants are written.
    pub fn clock(&self) -> Clock {
        Clock {
            origin_ns: self.scene.origin_ns,
            dated: self.scene.dated,
            zero: self.scene.extent.map_or(RefNs(0), |e| e.begin),
            format: self.settings.time_format,
        }
    }

    /// The pane that a row is seen in best: the focused one if it can show the row, else any that can.
    pub fn pane_of(&self, row: RowRef) -> Option<PaneKind> {
        let of = row.key.kind;
        let fits = |kind: &PaneKind| {
            let sort = match kind {
                PaneKind::ControlFlow(_) | PaneKind::Compared(_) => of == RowKind::Thread,
                PaneKind::Resources(_) => matches!(of, RowKind::Cpu | RowKind::Irq | RowKind::Softirq),
                PaneKind::VirtualMachines => matches!(of, RowKind::Vcpu | RowKind::VmThread),
                PaneKind::PhysicalCpus => of == RowKind::PhysicalCpu,
                _ => false,
            };
            sort && kind.machine().is_none_or(|m| m == row.machine)
        };
        let focused = self.panes.focused.clone().filter(fits);
        focused.or_else(|| self.panes.kinds().into_iter().find(fits))
    }
}

/// The arrangement for what there is: with virtual machines, those come first.
fn best_preset(scene: &Scene) -> Preset {
    let vcpus = || scene.machines.iter().flat_map(|m| m.rows.iter()).any(|r| r.key.kind == RowKind::Vcpu);
    let promised = !scene.complete && scene.enters_guests;
    if promised || vcpus() { Preset::VirtualMachines } else { Preset::Kernel }
}

/// A little room before and after, so that the first and the last state are seen to begin and end.
fn with_margin(extent: TimeRange<RefNs>) -> TimeRange<RefNs> {
    let margin = Dur((extent.length().0 / 100).max(1_000));
    TimeRange::new(extent.begin - margin, extent.end + margin)
}
