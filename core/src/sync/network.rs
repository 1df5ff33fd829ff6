//! From lines between pairs of machines to one axis for all: the tree of smallest uncertainty from the reference.
//!
//! A line over several machines is the exact composition of lines. Ways with contradictory pairs come after all
//! others, then those with approximate ones, then by the sum of the half-widths.

use num_rational::BigRational;

use super::exact::{Line, to_f64, whole};
use super::hull::Band;
use super::pair::PairFit;
use super::solution::SyncQuality;
use crate::vocab::SyncMethod;

/// A line that connects two machines, by their positions in the caller's list.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) x: usize,
    pub(super) y: usize,
    /// The clock of `y` over that of `x`.
    pub(super) line: Line,
    pub(super) band: Option<Band>,
    pub(super) quality: SyncQuality,
    pub(super) methods: Vec<SyncMethod>,
    pub(super) half_width: f64,
}

/// One step towards the reference.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The machine nearer to the reference.
    pub(super) parent: usize,
    /// The edge's position in the caller's list.
    pub(super) edge: usize,
    /// The parent's clock over the child's.
    line: Line,
    band: Option<Band>,
    exact: bool,
}

impl Step {
    fn new(edges: &[Edge], edge: usize, parent: usize) -> Option<Self> {
        let e = &edges[edge];
        let exact = e.methods.contains(&SyncMethod::TscOffset);
        if parent == e.y {
            Some(Self { parent, edge, line: e.line.clone(), band: e.band.clone(), exact })
        } else {
            let band = e.band.as_ref().and_then(Band::transposed);
            Some(Self { parent, edge, line: e.line.inverse()?, band, exact })
        }
    }
}

/// A machine's way to the reference.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// From the machine on.
    pub(super) steps: Vec<Step>,
}

impl Way {
    /// The reference's clock over the machine's.
    pub(super) fn line(&self) -> Line {
        self.steps.iter().fold(Line::identity(), |line, step| line.then(&step.line))
    }

    /// How far the reference's true instant can be from [`Way::line`] at the machine's instant `t`. `None` if a
    /// step has no bound.
    pub(super) fn half_width(&self, t: &BigRational) -> Option<BigRational> {
        let mut t = t.clone();
        let mut sum = whole(0);
        for step in &self.steps {
            let image = step.line.at(&t);
            sum *= &step.line.slope;
            sum += match &step.band {
                Some(band) => band_half_width(band, &step.line, &t),
                None if step.exact => whole(0),
                None => return None,
            };
            t = image;
        }
        Some(sum)
    }
}

/// The distance from a line to the farther edge of the band around it.
pub(super) fn band_half_width(band: &Band, line: &Line, x: &BigRational) -> BigRational {
    let (lower, upper) = band.at(x);
    let y = line.at(x);
    (upper - &y).max(y - lower)
}

/// The half-width by which pairs are compared: the larger of both ends of `[first, last]`.
pub(super) fn pair_half_width(fit: &PairFit<'_>, first: i64, last: i64) -> f64 {
    match (&fit.line, &fit.band) {
        (Some(line), Some(band)) => [first, last]
            .into_iter()
            .map(|x| to_f64(&band_half_width(band, line, &whole(x.into()))))
            .fold(0.0, f64::max),
        _ => f64::INFINITY,
    }
}

/// How bad a way is: by its worst quality, then by its width.
type Cost = (u8, f64);

fn cost(edge: &Edge) -> Cost {
    let rank = match edge.quality {
        SyncQuality::Contradictory => 2,
        // What the user said is not better than an accurate line, but he said it: it is the only one then.
        _ if edge.methods.contains(&SyncMethod::Manual) => 0,
        SyncQuality::Approximate => 1,
        _ => 0,
    };
    (rank, if edge.half_width.is_finite() { edge.half_width } else { 0.0 })
}

/// Each machine's way to `reference`; `None` where there is none.
pub(super) fn ways(machines: usize, edges: &[Edge], reference: usize) -> Vec<Option<Way>> {
    let mut best: Vec<Option<Cost>> = vec![None; machines];
    let mut step: Vec<Option<Step>> = vec![None; machines];
    let mut done = vec![false; machines];
    let mut order = Vec::new();
    best[reference] = Some((0, 0.0));
    loop {
        let open = (0..machines).filter(|&m| !done[m]).filter_map(|m| best[m].map(|c| (m, c)));
        let Some((at, so_far)) = open.min_by(|a, b| a.1.0.cmp(&b.1.0).then(a.1.1.total_cmp(&b.1.1))) else { break };
        done[at] = true;
        order.push(at);
        for (i, edge) in edges.iter().enumerate() {
            let other = match at {
                _ if edge.x == at => edge.y,
                _ if edge.y == at => edge.x,
                _ => continue,
            };
            let this = cost(edge);
            let sum = (so_far.0.max(this.0), so_far.1 + this.1);
            let better = best[other].is_none_or(|b| (sum.0, sum.1) < (b.0, b.1));
            if !done[other]
                && better
                && let Some(s) = Step::new(edges, i, at)
            {
                best[other] = Some(sum);
                step[other] = Some(s);
            }
        }
    }
    let mut ways: Vec<Option<Way>> = vec![None; machines];
    for at in order {
        let mut way = Way::default();
        if let Some(first) = &step[at] {
            way.steps.push(first.clone());
            if let Some(rest) = &ways[first.parent] {
                way.steps.extend(rest.steps.iter().cloned());
            }
        }
        ways[at] = Some(way);
    }
    ways
}
