//! All inequalities between two machines, and the line that they allow.
//!
//! Each class of matches (by trust) keeps its own hulls; together they make one, as every inequality is true
//! whatever it came from. If they contradict each other, outliers go first (`reject`), then the least trusted
//! class; what remains contradictory keeps the last feasible line: matches are taken in order of time, and one
//! that no line satisfies together with those before it is set aside.
//!
//! Not here: how matches come about (`matching`), and how lines of pairs become maps of machines (`network`).

use std::borrow::Cow;

use num_traits::Signed as _;
use rustc_hash::FxHashMap;

use super::exact::Line;
use super::hull::{Band, Hull, Tangents};
use super::reject::{Sample, outliers};
use super::solution::SyncQuality;
use crate::vocab::SyncMethod;

/// Sources of inequalities, the most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// Events of the vmsync modules on both sides.
    Vmsync,
    /// Hypercalls on both sides.
    Hypercall,
    /// The modules' events on one side, hypercalls on the other; only where nothing better exists.
    Mixed,
    Tcp,
    Containment,
}

impl Class {
    pub(super) const ALL: [Self; 5] = [Self::Vmsync, Self::Hypercall, Self::Mixed, Self::Tcp, Self::Containment];

    /// What the user knows it as.
    pub(super) fn method(self) -> SyncMethod {
        match self {
            Self::Vmsync => SyncMethod::Vmsync,
            Self::Hypercall | Self::Mixed => SyncMethod::Hypercall,
            Self::Tcp => SyncMethod::Tcp,
            Self::Containment => SyncMethod::Containment,
        }
    }
}

/// The matches of one class.
#[derive(Clone, Debug, Default)]
struct Pool {
    hull: Hull,
    samples: Vec<Sample>,
    /// How many of them are from the first clock to the second.
    above: usize,
    /// Taken back, because a second event with the key of one of their ends appeared. Points cannot leave a
    /// hull, so this rare case builds it again.
    retired: FxHashMap<Sample, u32>,
}

impl Pool {
    /// The matches that count, unsorted.
    fn valid(&self, more: &[Sample]) -> Vec<Sample> {
        let mut retired = self.retired.clone();
        let mut valid: Vec<Sample> = self
            .samples
            .iter()
            .copied()
            .filter(|s| match retired.get_mut(s) {
                Some(n) if *n > 0 => {
                    *n -= 1;
                    false
                }
                _ => true,
            })
            .collect();
        valid.extend_from_slice(more);
        valid
    }
}

/// What is known of two machines. The first clock (`x`) is that of the machine with the smaller id.
#[derive(Clone, Debug, Default)]
pub(super) struct PairMatches {
    pools: [Pool; Class::ALL.len()],
}

impl PairMatches {
    pub(super) fn add(&mut self, class: Class, sample: Sample) {
        let pool = &mut self.pools[class as usize];
        pool.hull.add(sample.at, sample.above);
        pool.samples.push(sample);
        pool.above += usize::from(sample.above);
    }

    pub(super) fn retire(&mut self, class: Class, sample: Sample) {
        *self.pools[class as usize].retired.entry(sample).or_default() += 1;
    }

    /// Forgets a class.
    pub(super) fn clear(&mut self, class: Class) {
        self.pools[class as usize] = Pool::default();
    }

    /// Finds the line. `more` are matches that were decided late; `turned` exchanges the clocks first.
    pub(super) fn solve(
        &self,
        enabled: impl Fn(SyncMethod) -> bool,
        more: &[(Class, Sample)],
        turned: bool,
    ) -> PairFit<'_> {
        let mut classes: Vec<ClassFit<'_>> = Vec::new();
        for class in Class::ALL {
            let better = classes.iter().any(|p| matches!(p.class, Class::Vmsync | Class::Hypercall));
            if !enabled(class.method()) || class == Class::Mixed && better {
                continue;
            }
            let pool = &self.pools[class as usize];
            let more: Vec<Sample> = more.iter().filter(|(c, _)| *c == class).map(|(_, s)| *s).collect();
            let samples = if more.is_empty() && pool.retired.is_empty() {
                Cow::Borrowed(&pool.samples[..])
            } else {
                Cow::Owned(pool.valid(&more))
            };
            if samples.is_empty() {
                continue;
            }
            let hull = match &samples {
                Cow::Borrowed(_) if turned => pool.hull.transposed(),
                Cow::Borrowed(_) => pool.hull.clone(),
                Cow::Owned(samples) => hull_of(samples.iter().map(|s| s.turned(turned))),
            };
            let above = match &samples {
                Cow::Borrowed(_) => pool.above,
                Cow::Owned(samples) => samples.iter().filter(|s| s.above).count(),
            };
            let above = if turned { samples.len() - above } else { above };
            classes.push(ClassFit::new(class, samples, above, turned, hull));
        }
        PairFit::new(classes)
    }
}

fn hull_of(samples: impl Iterator<Item = Sample>) -> Hull {
    let mut hull = Hull::default();
    for s in samples {
        hull.add(s.at, s.above);
    }
    hull
}

/// One class, by itself.
#[derive(Clone, Debug)]
pub(super) struct ClassFit<'a> {
    pub(super) class: Class,
    /// As they arrived, and with the clocks as they arrived.
    samples: Cow<'a, [Sample]>,
    /// How many of its matches are from the first clock to the second.
    pub(super) above: usize,
    turned: bool,
    pub(super) hull: Hull,
    pub(super) quality: SyncQuality,
    pub(super) tangents: Option<Tangents>,
    /// Sorted.
    pub(super) rejected: Vec<Sample>,
    pub(super) used: bool,
}

impl<'a> ClassFit<'a> {
    fn new(class: Class, samples: Cow<'a, [Sample]>, above: usize, turned: bool, hull: Hull) -> Self {
        let mut fit = Self {
            class,
            samples,
            above,
            turned,
            hull,
            quality: SyncQuality::Absent,
            tangents: None,
            rejected: Vec::new(),
            used: true,
        };
        if fit.hull.tangents().is_err() {
            let mut samples: Vec<Sample> = fit.samples().collect();
            samples.sort_unstable();
            let rejected = outliers(&samples);
            if !rejected.is_empty() {
                let hull = hull_of(without(&samples, &rejected));
                if hull.tangents().is_ok() {
                    (fit.hull, fit.rejected) = (hull, rejected);
                }
            }
        }
        fit.tangents = fit.hull.tangents().ok();
        fit.quality = quality(&fit.hull, fit.tangents.as_ref());
        fit
    }

    /// Its matches, in no order.
    pub(super) fn samples(&self) -> impl Iterator<Item = Sample> + '_ {
        self.samples.iter().map(|s| s.turned(self.turned))
    }

    pub(super) fn count(&self) -> usize {
        self.samples.len()
    }
}

fn without<'s>(samples: &'s [Sample], rejected: &'s [Sample]) -> impl Iterator<Item = Sample> + 's {
    samples.iter().copied().filter(|s| rejected.binary_search(s).is_err())
}

fn quality(hull: &Hull, tangents: Option<&Tangents>) -> SyncQuality {
    match tangents {
        None => SyncQuality::Contradictory,
        _ if hull.size() == 0 => SyncQuality::Absent,
        Some(Tangents { steepest: Some(_), flattest: Some(_) }) => SyncQuality::Accurate,
        Some(Tangents { steepest: None, flattest: None }) => SyncQuality::Incomplete,
        Some(_) => SyncQuality::Approximate,
    }
}

/// What two machines' matches say together.
#[derive(Clone, Debug)]
pub(super) struct PairFit<'a> {
    pub(super) quality: SyncQuality,
    /// The second clock as a line over the first.
    pub(super) line: Option<Line>,
    /// Where true lines can be; only if both tangents exist.
    pub(super) band: Option<Band>,
    pub(super) tangents: Option<Tangents>,
    /// The most trusted first.
    pub(super) classes: Vec<ClassFit<'a>>,
    /// The hulls that the line was found with.
    pub(super) hull: Hull,
    /// Outliers and what a contradiction set aside; sorted.
    pub(super) rejected: Vec<Sample>,
}

impl<'a> PairFit<'a> {
    fn new(mut classes: Vec<ClassFit<'a>>) -> Self {
        let mut used = classes.len();
        let (hull, mut rejected, contradictory) = loop {
            let mut hull = Hull::default();
            let mut rejected: Vec<Sample> = Vec::new();
            for class in &classes[..used] {
                hull.merge(&class.hull);
                rejected.extend_from_slice(&class.rejected);
            }
            if hull.tangents().is_ok() {
                break (hull, rejected, false);
            }
            // Each class may be consistent by itself and yet hold a wrong match.
            let mut all: Vec<Sample> = classes[..used].iter().flat_map(ClassFit::samples).collect();
            all.sort_unstable();
            let mut rejected = outliers(&all);
            let kept: Vec<Sample> = without(&all, &rejected).collect();
            let hull = hull_of(kept.iter().copied());
            if hull.tangents().is_ok() {
                break (hull, rejected, false);
            }
            if used > 1 {
                used -= 1;
                classes[used].used = false;
                continue;
            }
            let (hull, set_aside) = last_feasible(&kept);
            rejected.extend(set_aside);
            break (hull, rejected, true);
        };
        rejected.sort_unstable();
        rejected.dedup();
        let tangents = hull.tangents().ok();
        let mut quality = quality(&hull, tangents.as_ref());
        let line = match (&tangents, quality) {
            (Some(t), SyncQuality::Accurate) => t.mean(),
            (Some(t), SyncQuality::Approximate) => hull.nearest_to_unit(t),
            _ => None,
        };
        // Clocks go forwards.
        let line = line.filter(|l| l.slope.is_positive());
        if contradictory {
            quality = SyncQuality::Contradictory;
        }
        let band = tangents.as_ref().and_then(|t| hull.band(t));
        Self { quality, line, band, tangents, classes, hull, rejected }
    }

    /// The same without borrowing the matches.
    pub(super) fn into_owned(self) -> PairFit<'static> {
        let owned = |c: ClassFit<'_>| ClassFit {
            class: c.class,
            samples: Cow::Owned(c.samples.into_owned()),
            above: c.above,
            turned: c.turned,
            hull: c.hull,
            quality: c.quality,
            tangents: c.tangents,
            rejected: c.rejected,
            used: c.used,
        };
        PairFit {
            quality: self.quality,
            line: self.line,
            band: self.band,
            tangents: self.tangents,
            classes: self.classes.into_iter().map(owned).collect(),
            hull: self.hull,
            rejected: self.rejected,
        }
    }

    /// The first and the last `x` of a match on the hulls.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let first = self.hull.points().map(|(p, _)| p.x).min()?;
        Some((first, self.hull.points().map(|(p, _)| p.x).max()?))
    }

    /// Whether a match was left out.
    pub(super) fn is_rejected(&self, sample: &Sample) -> bool {
        self.rejected.binary_search(sample).is_ok()
    }
}

/// Takes matches in order and sets aside each that no line satisfies together with those kept before.
fn last_feasible(samples: &[Sample]) -> (Hull, Vec<Sample>) {
    let mut hull = Hull::default();
    let mut set_aside = Vec::new();
    for s in samples {
        let mut next = hull.clone();
        if next.add(s.at, s.above) {
            if next.tangents().is_ok() {
                hull = next;
            } else {
                set_aside.push(*s);
            }
        }
    }
    (hull, set_aside)
}
