//! Wake-up arrows of the selected thread: from the row of who woke to the row of who was woken.
//!
//! A wake-up is an instant, so arrows are upright. Where a row is not on the screen, the arrow ends at the edge
//! on whose side it lies. A busy thread has thousands: then some are drawn and the rest is counted.

use egui::{Align2, Painter, Rect, pos2};
use stratoscope_core::store::Wakeup;
use stratoscope_core::vocab::{RefNs, RowId, TimeRange};

use crate::window::axis::{TimeScale, snap};
use crate::window::command::RowRef;
use crate::window::theme::Theme;
use crate::window::timeline::mesh::Painting;
use crate::window::timeline::rows::{Tree, Visible};
use crate::window::timeline::scene::{Scene, SceneMachine};

/// How many arrows are drawn.
const MAX_DRAWN: usize = 300;

/// How many wake-ups of all threads are looked at.
const MAX_LOOKED_AT: usize = 400_000;

#[derive(Clone, PartialEq)]
struct Key {
    version: u64,
    row: RowRef,
    window: TimeRange<RefNs>,
}

/// The arrows of a row in a window, remembered.
#[derive(Default)]
pub(crate) struct Arrows {
    key: Option<Key>,
    found: Vec<Wakeup>,
    /// How many there are in all.
    total: usize,
    /// Too many wake-ups to look at.
    too_many: bool,
}

impl Arrows {
    /// Finds the arrows of the selected row.
    pub(crate) fn find(&mut self, scene: &Scene, row: Option<RowRef>, window: TimeRange<RefNs>) {
        let Some((row, (machine, id, _))) = row.and_then(|row| Some((row, scene.row(row)?))) else {
            *self = Self::default();
            return;
        };
        let key = Key { version: machine.wakeups.version(), row, window };
        if self.key.as_ref() == Some(&key) {
            return;
        }
        self.key = Some(key);
        self.search(machine, id, machine.to_machine(window));
    }

    fn search(&mut self, machine: &SceneMachine, id: RowId, range: TimeRange<stratoscope_core::vocab::MachineNs>) {
        self.found.clear();
        self.total = 0;
        self.too_many = machine.wakeups.count(range) > MAX_LOOKED_AT;
        if self.too_many {
            return;
        }
        machine.wakeups.each(range, &mut |wakeup| {
            if wakeup.woken == id || wakeup.waker == Some(id) {
                self.total += 1;
                if self.found.len() < MAX_DRAWN {
                    self.found.push(*wakeup);
                }
            }
            true
        });
    }

    /// Draws them over the rows.
    #[expect(clippy::too_many_arguments, reason = "where rows are takes all of these")]
    pub(crate) fn paint(
        &self,
        painter: &Painter,
        scene: &Scene,
        tree: &Tree,
        visible: &Visible,
        scroll: f32,
        rect: Rect,
        scale: &TimeScale,
        theme: &Theme,
    ) {
        let Some(key) = &self.key else { return };
        let Some(machine) = scene.machine(key.row.machine) else { return };
        let mut painting = Painting::default();
        let middle = |row: RowId| middle_of(tree, visible, scroll, machine, row).map(|y| rect.top() + y);
        let color = Theme::mix(theme.ground, theme.text, 0.85);
        let shade = theme.ground.gamma_multiply(0.75);
        let width = 1.0 / painter.pixels_per_point();
        for wakeup in &self.found {
            let (Some(from), Some(to)) = (wakeup.waker.and_then(middle), middle(wakeup.woken)) else { continue };
            if from == to {
                continue;
            }
            let x = snap(painter, scale.x(machine.map.to_ref(wakeup.t)));
            let down = to > from;
            let (y0, y1) = (from.clamp(rect.top(), rect.bottom()), to.clamp(rect.top(), rect.bottom()));
            if y0 == y1 {
                continue;
            }
            // The head touches the bar of the woken row, it does not cover it.
            let tip = if y1 == to { y1 + if down { -7.0 } else { 7.0 } } else { y1 };
            let back = tip + if down { -6.0 } else { 6.0 };
            let shaft = |w: f32| Rect::from_x_y_ranges(x - w / 2.0..=x + w / 2.0, y0.min(back)..=y0.max(back));
            painting.rect(shaft(width + 2.0), shade);
            painting.rect(shaft(width), color);
            painting.rect(Rect::from_center_size(pos2(x, y0), egui::vec2(4.0, 4.0)), color);
            painting.triangle([pos2(x, tip), pos2(x - 4.0, back), pos2(x + 4.0, back)], color);
        }
        painter.add(painting.mesh);
        if let Some(text) = self.rest() {
            let pos = rect.left_bottom() + egui::vec2(8.0, -6.0);
            let galley = painter.layout_no_wrap(text, Theme::small_font(), theme.text);
            let ground = Align2::LEFT_BOTTOM.anchor_size(pos, galley.size());
            painter.rect_filled(ground.expand(4.0), 4.0, theme.raised);
            painter.galley(ground.min, galley, theme.text);
        }
    }

    /// What is not drawn, in words.
    pub(crate) fn rest(&self) -> Option<String> {
        if self.too_many {
            return Some("too many wake-ups for arrows: zoom in".to_owned());
        }
        let rest = self.total.saturating_sub(self.found.len());
        (rest > 0).then(|| format!("{} of {} wake-up arrows: zoom in for the others", self.found.len(), self.total))
    }
}

/// The middle of a row's place, or of the row that hides it.
fn middle_of(tree: &Tree, visible: &Visible, scroll: f32, machine: &SceneMachine, row: RowId) -> Option<f32> {
    let key = machine.row(row)?.key;
    let mut node = tree.find(RowRef { machine: machine.id, key })?;
    loop {
        if let Some(middle) = visible.middle(node, scroll) {
            return Some(middle);
        }
        node = tree.node(node).parent?;
    }
}
