//! From rows to one mesh and a list of labels, remembered as long as nothing changes.
//!
//! Two memories: every row's runs of columns (by the row's version, the range and the width), and the whole
//! pane's mesh. A frame in which only the pointer moved costs neither. A frame never draws more than
//! [`MAX_QUADS`]: where rows are too colourful for that, columns become two, three, … pixels wide.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use egui::{Mesh, Rect, Ui};
use stratoscope_core::vm::VmView;
use stratoscope_core::vocab::{Dur, MachineId, RefNs, RowId, RowKind, StateSet, TimeRange};

use crate::window::axis::{Clock, TimeScale};
use crate::window::find::Find;
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::bars::{Builder, Label};
use crate::window::timeline::labels::Ruler;
use crate::window::timeline::picture::{Grid, Picture, PictureKey};
use crate::window::timeline::rows::{NodeKind, Tree, VisibleRow};
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};

/// Quads in a frame at most: what software renderers draw smoothly.
pub const MAX_QUADS: usize = 20_000;

/// Threads that help to make pictures, at most.
const MOST_HELPERS: usize = 7;

/// How wide columns become at most, in physical pixels.
const MAX_COARSE: u32 = 16;

/// What a pane is painted from.
pub(crate) struct Subject<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) tree: &'a Tree,
    pub(crate) theme: &'a Theme,
    pub(crate) clock: &'a Clock,
    pub(crate) scale: TimeScale,
    /// Where states are.
    pub(crate) rect: Rect,
    /// Rows that are on the screen.
    pub(crate) rows: &'a [VisibleRow],
    /// Height of the row list that is scrolled out at the top.
    pub(crate) scroll: f32,
    pub(crate) compact: bool,
    /// Whether rows of physical CPUs are coloured by machine.
    pub(crate) by_machine: bool,
    /// States that the legend dims.
    pub(crate) dimmed: StateSet,
    /// Nodes that the search does not find; empty without a search.
    pub(crate) unmatched: &'a [bool],
    /// What is looked for.
    pub(crate) find: &'a Find,
    /// Changes with the tree and with `unmatched`.
    pub(crate) rows_version: u64,
}

#[derive(Clone, PartialEq)]
struct FrameKey {
    scene: u64,
    rows_version: u64,
    theme: String,
    scale: TimeScale,
    rect: Rect,
    rows: Vec<VisibleRow>,
    scroll: f32,
    dimmed: StateSet,
    by_machine: bool,
    pixels_per_point: f32,
}

/// How much a frame took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaintStats {
    /// Quads of the mesh.
    pub quads: usize,
    /// Labels.
    pub labels: usize,
    /// Width of a column in physical pixels.
    pub coarse: u32,
    /// Rows whose states were asked for anew.
    pub rows_computed: usize,
    /// Whether the mesh was made anew.
    pub rebuilt: bool,
}

/// From where columns are counted, as long as the zoom stays.
#[derive(Clone, Copy, PartialEq)]
struct Anchor {
    t: RefNs,
    length: Dur,
    width: f32,
    coarse: u32,
}

/// Columns shorter than this are counted from the window's begin: their edges are no whole nanoseconds, and what
/// is rounded would be seen.
const SHORTEST_KEPT_NS: f64 = 100.0;

/// A pane's memory of what it painted.
#[derive(Default)]
pub(crate) struct Canvas {
    pictures: HashMap<(MachineId, RowId), Picture>,
    key: Option<FrameKey>,
    mesh: Arc<Mesh>,
    labels: Vec<Label>,
    coarse: u32,
    anchor: Option<Anchor>,
    /// With which joins the pictures were made; kept alive, so that no other can lie in its place.
    vm: Option<Arc<VmView>>,
    ruler: Option<Ruler>,
    pub(crate) stats: PaintStats,
}

impl Canvas {
    /// Paints the states of all rows on the screen.
    pub(crate) fn paint(&mut self, ui: &Ui, subject: &Subject<'_>) {
        let key = FrameKey {
            scene: subject.scene.version,
            rows_version: subject.rows_version,
            theme: subject.theme.name.clone(),
            scale: subject.scale,
            rect: subject.rect,
            rows: subject.rows.to_vec(),
            scroll: subject.scroll,
            dimmed: subject.dimmed,
            by_machine: subject.by_machine,
            pixels_per_point: ui.pixels_per_point(),
        };
        self.stats.rebuilt = self.key.as_ref() != Some(&key);
        self.stats.rows_computed = 0;
        if self.stats.rebuilt {
            self.rebuild(ui, subject);
            self.key = Some(key);
        }
        let painter = ui.painter_at(subject.rect);
        painter.add(egui::Shape::mesh(Arc::clone(&self.mesh)));
        for label in &self.labels {
            let font = font(label.small);
            let galley = painter.layout_no_wrap(label.text.clone(), font, label.color);
            painter.galley(label.pos - egui::vec2(0.0, (galley.size().y / 2.0).round()), galley, label.color);
        }
    }

    /// Makes the mesh anew: with columns as wide as in the last frame if that is right, else with wider ones until
    /// they take few enough quads, or with finer ones as long as they will.
    fn rebuild(&mut self, ui: &Ui, subject: &Subject<'_>) {
        let font = font(subject.compact);
        let ruler = match self.ruler.take() {
            Some(ruler) if ruler.fits(ui, &font) => ruler,
            _ => Ruler::new(ui, font),
        };
        let ppp = ui.pixels_per_point();
        let width_px = (subject.rect.width() * ppp).round().max(1.0) as u32;
        let mut coarse = self.coarse.clamp(1, MAX_COARSE);
        let mut finer = true;
        loop {
            let column = coarse as f32 / ppp;
            let grid = self.grid(subject, width_px, coarse, column);
            self.compute(subject, grid, column);
            let begun = (subject.scale.window.begin - grid.anchor).0 as f64;
            let before = (begun - grid.first as f64 * grid.column_ns) / subject.scale.ns_per_point();
            let mut builder = Builder::new(subject, ppp, column, subject.rect.left() - before as f32);
            self.build(&mut builder, subject, &ruler);
            let quads = builder.painting.quads();
            if quads > MAX_QUADS && coarse < MAX_COARSE {
                finer = false;
                let wanted = (quads * coarse as usize).div_ceil(MAX_QUADS) as u32;
                // Not all at once: quads shrink less than columns grow, but sometimes more.
                coarse = wanted.clamp(coarse + 1, coarse * 2).min(MAX_COARSE);
                continue;
            }
            if finer && coarse > 1 && quads * coarse as usize <= MAX_QUADS * 9 / 10 * (coarse as usize - 1) {
                coarse -= 1;
                continue;
            }
            self.stats.quads = quads;
            self.stats.labels = builder.labels.len();
            self.stats.coarse = coarse;
            self.mesh = Arc::new(builder.painting.mesh);
            self.labels = builder.labels;
            break;
        }
        self.coarse = coarse;
        self.ruler = Some(ruler);
    }

    /// The columns of the window. They stay where they are in time as long as the zoom does.
    fn grid(&mut self, subject: &Subject<'_>, width_px: u32, coarse: u32, column: f32) -> Grid {
        let window = subject.scale.window;
        let column_ns = subject.scale.ns_per_point() * f64::from(column);
        let columns = width_px.div_ceil(coarse);
        if column_ns < SHORTEST_KEPT_NS {
            return Grid { anchor: window.begin, column_ns, first: 0, columns };
        }
        let fresh = Anchor { t: window.begin, length: window.length(), width: subject.rect.width(), coarse };
        let anchor = self.anchor.filter(|a| Anchor { t: fresh.t, ..*a } == fresh).unwrap_or(fresh);
        self.anchor = Some(anchor);
        // A move by whole pixels is a hair more or less: it must not count as one column more.
        let begun = (window.begin - anchor.t).0 as f64 / column_ns;
        let first = if (begun - begun.round()).abs() < 0.01 { begun.round() } else { begun.floor() };
        Grid { anchor: anchor.t, column_ns, first: first as i64, columns: columns + 1 }
    }

    fn build(&self, builder: &mut Builder<'_>, subject: &Subject<'_>, ruler: &Ruler) {
        builder.grid();
        for row in subject.rows {
            let node = subject.tree.node(row.node);
            if let NodeKind::Row(id) = node.kind
                && let Some(picture) = self.pictures.get(&(node.row.machine, id))
            {
                builder.row(row, node.row.key.kind, picture, ruler);
            }
        }
        builder.machines();
    }

    /// Makes the pictures of all rows on the screen, and forgets those of others.
    fn compute(&mut self, subject: &Subject<'_>, grid: Grid, column: f32) {
        let mut old = std::mem::take(&mut self.pictures);
        let same = match (&self.vm, &subject.scene.vm) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if !same {
            // Versions of joined rows count within one join only.
            old.clear();
            self.vm.clone_from(&subject.scene.vm);
        }
        let mut wanted = Vec::new();
        for row in subject.rows {
            let node = subject.tree.node(row.node);
            let NodeKind::Row(id) = node.kind else { continue };
            let Some(machine) = subject.scene.machine(node.row.machine) else { continue };
            let Some(scene_row) = machine.row(id) else { continue };
            let by_machine = subject.by_machine && matches!(scene_row.key.kind, RowKind::PhysicalCpu | RowKind::Cpu);
            let find = subject.find.filter().map_or(0, |_| subject.find.version);
            let (version, settled) = (scene_row.lane.version(), scene_row.lane.settled());
            let key = PictureKey { version, settled, map: machine.map, grid, by_machine, find };
            let picture = old.remove(&(machine.id, id)).unwrap_or_default();
            if picture.key == Some(key) {
                self.pictures.insert((machine.id, id), picture);
            } else {
                wanted.push(Sitter { key, machine, id, row: scene_row, picture });
            }
        }
        self.stats.rows_computed += wanted.len();
        let rule = subject.find.filter().map(|sought| &sought.rule);
        make_all(&mut wanted, subject.scene.complete, |sitter| {
            let Sitter { key, machine, row, picture, .. } = sitter;
            picture.make(*key, subject.scene, machine, row, subject.theme, column);
            picture.light(rule, subject.scene, machine, row);
        });
        self.pictures.extend(wanted.into_iter().map(|s| ((s.machine.id, s.id), s.picture)));
    }
}

/// A row and its picture, which is to be made.
struct Sitter<'a> {
    key: PictureKey,
    machine: &'a SceneMachine,
    id: RowId,
    row: &'a SceneRow,
    picture: Picture,
}

/// Columns for which it pays to ask for help: starting a thread takes as long as some hundred of them.
const WORTH_HELP: i64 = 4000;

/// Makes pictures, those of many columns on several threads. Not on the pool, where a count may hold every thread for
/// longer than a frame; and not before all is `complete`: who reads traces has all cores.
fn make_all(wanted: &mut [Sitter<'_>], complete: bool, make: impl Fn(&mut Sitter<'_>) + Sync) {
    let columns = || wanted.iter().map(|s| s.key.missing_in(s.picture.key.as_ref())).sum::<i64>();
    let worth = if complete { (columns() / WORTH_HELP) as usize } else { 0 };
    // How many cores there are is asked of the system: only where that matters.
    let others = || std::thread::available_parallelism().map_or(0, |cores| usize::from(cores) - 1);
    let helpers = if worth > 0 { worth.min(others()).min(MOST_HELPERS) } else { 0 };
    if helpers == 0 {
        wanted.iter_mut().for_each(make);
        return;
    }
    let queue = Mutex::new(wanted.iter_mut());
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(sitter) = next else { return };
            make(sitter);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // Where there is no thread to be had this one does it all.
            std::thread::Builder::new().name("rows".to_owned()).spawn_scoped(scope, work).ok();
        }
        work();
    });
}

/// The font of labels in rows.
fn font(small: bool) -> egui::FontId {
    if small { egui::FontId::proportional(Sizes::TINY) } else { Theme::small_font() }
}

/// What of a machine is not read yet.
pub(crate) fn not_read(machine: &SceneMachine) -> Option<TimeRange<RefNs>> {
    let watermark = machine.watermark?;
    let end = machine.extent?.end;
    (watermark < end).then(|| machine.to_ref(TimeRange::new(watermark, end)))
}
