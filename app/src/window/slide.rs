//! Rows on their way: when the user switches the synchronisation, machines do not jump but slide to their new
//! places, for long enough to see what moved and short enough that nobody waits.

use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Dur, MachineId, RefNs};

use crate::window::timeline::scene::Scene;

/// How long it takes, in seconds.
const SECONDS: f64 = 0.14;

/// Scenes under way have versions of their own, far from those of the session's snapshots.
const STEP: u64 = 1 << 33;

/// Where machines are.
pub struct Places {
    maps: Vec<ClockMap>,
    reference: MachineId,
}

impl Places {
    /// Where the machines of a scene are.
    pub fn of(scene: &Scene) -> Self {
        Self { maps: scene.machines.iter().map(|m| m.map).collect(), reference: scene.facts.reference }
    }
}

/// Machines that slide, if any do.
#[derive(Default)]
pub struct Slide {
    /// The next change of maps is the user's doing.
    armed: bool,
    run: Option<Run>,
}

struct Run {
    /// Where each machine goes, and how far it has come from.
    goals: Vec<(ClockMap, Dur)>,
    begin: f64,
    /// The goal's version, and how many frames were under way.
    version: u64,
    frames: u64,
}

impl Slide {
    /// The user has chosen another synchronisation: its maps are slid to when they come.
    pub fn arm(&mut self) {
        self.armed = true;
    }

    /// The scene changes. `middle` is what is looked at.
    pub fn changed(&mut self, before: &Places, after: &Scene, middle: RefNs, now: f64) {
        self.run = None;
        let same = before.maps.len() == after.machines.len();
        let reference = before.reference == after.facts.reference;
        let goals: Vec<(ClockMap, Dur)> = before
            .maps
            .iter()
            .zip(&after.machines)
            .map(|(old, new)| {
                let own = new.map.from_ref(middle);
                (new.map, new.map.to_ref(own) - old.to_ref(own))
            })
            .collect();
        // Another reference is another axis, on which old places mean nothing.
        if !self.armed || !same || !reference || goals.iter().all(|(_, way)| way.0 == 0) {
            return;
        }
        self.armed = false;
        self.run = Some(Run { goals, begin: now, version: after.version, frames: 0 });
    }

    /// Puts machines where they are by now. Returns whether they are still under way.
    pub fn step(&mut self, scene: &mut Scene, now: f64) -> bool {
        let Some(run) = &mut self.run else { return false };
        let share = ((now - run.begin) / SECONDS).clamp(0.0, 1.0);
        if share >= 1.0 {
            self.finish(scene);
            return false;
        }
        // Quick at first, gentle at the end.
        let rest = (1.0 - share).powi(2);
        for (machine, (map, way)) in scene.machines.iter_mut().zip(&run.goals) {
            machine.map = map.shifted(Dur(-((way.0 as f64 * rest) as i64)));
        }
        run.frames += 1;
        scene.version = run.version + run.frames * STEP;
        true
    }

    /// Puts machines at their goals at once.
    pub fn finish(&mut self, scene: &mut Scene) {
        let Some(run) = self.run.take() else { return };
        for (machine, (map, _)) in scene.machines.iter_mut().zip(&run.goals) {
            machine.map = *map;
        }
        scene.version = run.version;
    }
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::MachineNs;

    use super::*;
    use crate::window::timeline::fake;

    #[test]
    fn machines_slide_only_when_the_user_asked_and_arrive() {
        let before = Places::of(&fake::fighting());
        let mut after = fake::fighting();
        after.version = 7;
        let goal = ClockMap::by_origins(1_000_000, 0);
        after.machines[1].map = goal;
        let middle = RefNs(20_000_000);
        let mut slide = Slide::default();
        slide.changed(&before, &after, middle, 10.0);
        assert!(!slide.step(&mut after, 10.01), "not asked for");
        slide.arm();
        slide.changed(&before, &after, middle, 10.0);
        let mut last = before.maps[1].to_ref(MachineNs(0));
        for frame in 0..8 {
            assert!(slide.step(&mut after, 10.0 + f64::from(frame) * 0.016));
            let at = after.machines[1].map.to_ref(MachineNs(0));
            assert!(at >= last && at < goal.to_ref(MachineNs(0)), "{at:?}");
            assert_ne!(after.version, 7);
            assert_eq!(after.machines[0].map, ClockMap::IDENTITY);
            last = at;
        }
        assert!(!slide.step(&mut after, 10.2));
        assert_eq!((after.machines[1].map, after.version), (goal, 7));
    }
}
