//! Two convex hulls that hold everything that messages say about two clocks.
//!
//! With `x` one clock and `y` the other, a message from x to y is a point on or above the true line
//! `y = αx + β`, one from y to x a point on or below it. Of the points above only their lower hull restricts
//! the line, of those below only their upper one. A new point costs O(1) amortised when points come in order
//! of time, and O(size of the hull) where one comes late; the result never depends on the order.
//!
//! All decisions are signs of cross products of integers, exact in 128 bits. After Poirier, Roy, Dagenais:
//! *Accurate offline synchronization of distributed traces* (2010) and Jabbarifar's fully incremental variant,
//! but with both tangents computed over the whole hulls.
//!
//! Not here: which matches go into a hull and what to do when they contradict each other (`pair`).

use super::exact::{Line, whole};

/// An instant on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// On the first clock.
    pub x: i64,
    /// On the second clock.
    pub y: i64,
}

impl Point {
    /// A coordinate beyond this (146 years from its clock's origin) is garbage, and would overflow products.
    pub(super) const LIMIT: i64 = 1 << 62;

    pub(super) fn in_range(self) -> bool {
        self.x.unsigned_abs() < Self::LIMIT as u64 && self.y.unsigned_abs() < Self::LIMIT as u64
    }

    fn mirrored(self) -> Self {
        Self { x: self.x, y: -self.y }
    }

    pub(super) fn transposed(self) -> Self {
        Self { x: self.y, y: self.x }
    }
}

/// Twice the area of the triangle `p`, `a`, `b`: positive if `b` lies above the line from `p` through `a`, where
/// `p.x < a.x`.
fn cross(p: Point, a: Point, b: Point) -> i128 {
    let d = |m: i64, n: i64| i128::from(m) - i128::from(n);
    d(a.x, p.x) * d(b.y, p.y) - d(a.y, p.y) * d(b.x, p.x)
}

/// The lower convex hull of points, in order of `x`.
#[derive(Clone, Debug, Default)]
struct Chain(Vec<Point>);

impl Chain {
    /// Returns whether the hull changed.
    fn insert(&mut self, p: Point) -> bool {
        let points = &mut self.0;
        match points.last() {
            Some(last) if last.x >= p.x => self.insert_late(p),
            _ => {
                while let [.., a, b] = points[..]
                    && cross(a, b, p) <= 0
                {
                    points.pop();
                }
                points.push(p);
                true
            }
        }
    }

    fn insert_late(&mut self, p: Point) -> bool {
        let points = &mut self.0;
        let at = points.partition_point(|q| q.x < p.x);
        if points[at].x == p.x {
            if points[at].y <= p.y {
                return false;
            }
            points[at] = p;
        } else {
            if at > 0 && cross(points[at - 1], points[at], p) >= 0 {
                return false;
            }
            points.insert(at, p);
        }
        let mut after = at + 1;
        while after + 1 < points.len() && cross(p, points[after], points[after + 1]) <= 0 {
            after += 1;
        }
        points.drain(at + 1..after);
        let mut before = at;
        while before >= 2 && cross(points[before - 2], points[before - 1], p) <= 0 {
            before -= 1;
        }
        points.drain(before..at);
        true
    }

    /// Whether `p` is one of the hull's points.
    fn has(&self, p: Point) -> bool {
        self.0.binary_search_by_key(&p.x, |q| q.x).is_ok_and(|i| self.0[i] == p)
    }
}

/// Both hulls of a pair of clocks.
#[derive(Clone, Debug, Default)]
pub struct Hull {
    above: Chain,
    /// Mirrored in y, so that the upper hull is a lower one.
    below: Chain,
}

impl Hull {
    /// Adds a message: `above` is one from the first clock to the second. Returns whether the hull changed;
    /// instants 146 years from a clock's origin are ignored.
    pub fn add(&mut self, p: Point, above: bool) -> bool {
        if !p.in_range() {
            return false;
        }
        if above { self.above.insert(p) } else { self.below.insert(p.mirrored()) }
    }

    /// Adds all that another hull says.
    pub fn merge(&mut self, other: &Self) {
        for &p in &other.above.0 {
            self.above.insert(p);
        }
        for &p in &other.below.0 {
            self.below.insert(p);
        }
    }

    /// Whether a message is a point of its hull.
    pub fn has(&self, p: Point, above: bool) -> bool {
        p.in_range() && if above { self.above.has(p) } else { self.below.has(p.mirrored()) }
    }

    /// How many points the hulls have.
    pub fn size(&self) -> usize {
        self.above.0.len() + self.below.0.len()
    }

    /// The points of both hulls, and whether they are above the line.
    pub(super) fn points(&self) -> impl Iterator<Item = (Point, bool)> + '_ {
        self.above.0.iter().map(|&p| (p, true)).chain(self.below.0.iter().map(|p| (p.mirrored(), false)))
    }

    /// The same with the clocks exchanged. Equal in what it says about rising lines, which clocks are.
    pub(super) fn transposed(&self) -> Self {
        let mut hull = Self::default();
        for &p in &self.above.0 {
            hull.add(p.transposed(), false);
        }
        for &p in &self.below.0 {
            hull.add(p.mirrored().transposed(), true);
        }
        hull
    }

    /// The steepest and the flattest line that no message contradicts, or that there is none.
    pub fn tangents(&self) -> Result<Tangents, Contradiction> {
        let below: Vec<Point> = self.below.0.iter().map(|p| p.mirrored()).collect();
        let above = &self.above.0[..];
        let steepest = least_slope(&below, above);
        let mirrored: Vec<Point> = above.iter().map(|p| p.mirrored()).collect();
        let flattest =
            least_slope(&mirrored, &self.below.0).map(|t| Tangent { start: t.start.mirrored(), end: t.end.mirrored() });
        // If any line is feasible, both tangents are: each has the points beside its ends on their right sides
        // by construction, and the others because a feasible line lies between.
        let possible = |t: &Tangent| {
            above.iter().all(|&p| cross(t.start, t.end, p) >= 0) && below.iter().all(|&p| cross(t.start, t.end, p) <= 0)
        };
        let consistent = match (&steepest, &flattest) {
            (Some(t), _) | (None, Some(t)) => possible(t),
            // All points have one x.
            (None, None) => above.iter().all(|a| below.iter().all(|b| a.x != b.x || b.y <= a.y)),
        };
        if consistent { Ok(Tangents { steepest, flattest }) } else { Err(Contradiction) }
    }

    /// The line of slope 1, or as near to it as the messages allow, halfway between those that touch the hulls:
    /// the best that can be said with messages in both directions and no bound on one side of the slope.
    pub(super) fn nearest_to_unit(&self, tangents: &Tangents) -> Option<Line> {
        let one = whole(1);
        let slope = match (&tangents.steepest, &tangents.flattest) {
            (Some(t), _) if t.line().slope < one => t.line().slope,
            (_, Some(t)) if t.line().slope > one => t.line().slope,
            _ => one,
        };
        let rest = |p: Point| whole(p.y.into()) - &slope * whole(p.x.into());
        let most = self.above.0.iter().map(|&p| rest(p)).min()?;
        let least = self.below.0.iter().map(|&p| rest(p.mirrored())).max()?;
        Some(Line { offset: (most + least) / whole(2), slope })
    }

    /// The region between all feasible lines. `None` unless it is bounded on both sides.
    pub(super) fn band(&self, tangents: &Tangents) -> Option<Band> {
        let (steepest, flattest) = (tangents.steepest?, tangents.flattest?);
        let between = |a: Point, b: Point| move |p: &Point| a.x <= p.x && p.x <= b.x;
        let upper = self.above.0.iter().copied().filter(between(flattest.start, steepest.end)).collect();
        let lower = self.below.0.iter().map(|p| p.mirrored()).filter(between(steepest.start, flattest.end)).collect();
        Some(Band { upper, lower, steepest, flattest })
    }
}

/// No line has all messages on their right sides: some were received before they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction;

/// A line through two messages of opposite directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tangent {
    /// The earlier point.
    pub start: Point,
    /// The later point.
    pub end: Point,
}

impl Tangent {
    pub(super) fn line(&self) -> Line {
        let d = |m: i64, n: i64| whole(i128::from(m) - i128::from(n));
        let slope = d(self.end.y, self.start.y) / d(self.end.x, self.start.x);
        Line { offset: whole(self.end.y.into()) - &slope * whole(self.end.x.into()), slope }
    }

    fn transposed(self) -> Self {
        Self { start: self.start.transposed(), end: self.end.transposed() }
    }
}

/// The extreme feasible lines; each is missing where messages leave the slope open to that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tangents {
    /// Through an earlier point below and a later point above.
    pub steepest: Option<Tangent>,
    /// Through an earlier point above and a later point below.
    pub flattest: Option<Tangent>,
}

impl Tangents {
    /// The estimate: halfway between both.
    pub(super) fn mean(&self) -> Option<Line> {
        Some(self.steepest?.line().mean(&self.flattest?.line()))
    }
}

/// The least steep line from a point of `starts` (an upper hull) to a later one of `ends` (a lower hull).
///
/// Goes back and forth: the best end for a start, the best start for that end, until neither gets better. Where
/// a feasible line exists, the line at rest is feasible, so it is the least one of all; where none exists, it
/// is not feasible either, and the caller sees that.
fn least_slope(starts: &[Point], ends: &[Point]) -> Option<Tangent> {
    let mut start = *starts.first()?;
    ends.last().filter(|e| e.x > start.x)?;
    loop {
        let from = ends.partition_point(|e| e.x <= start.x);
        let mut end = *ends.get(from)?;
        for &e in &ends[from + 1..] {
            // On a convex hull the slope falls, then rises.
            if cross(start, end, e) > 0 {
                break;
            }
            end = e;
        }
        let mut best = start;
        for &s in starts.iter().take_while(|s| s.x < end.x) {
            if cross(best, end, s) > 0 {
                best = s;
            }
        }
        if best == start {
            return Some(Tangent { start, end });
        }
        start = best;
    }
}

/// The region that feasible lines can reach: between `lower` and `upper`, and beyond their ends between the two
/// tangents. Its corners in the plane of (slope, offset) are the tangents and the edges of both polylines.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) upper: Vec<Point>,
    pub(super) lower: Vec<Point>,
    pub(super) steepest: Tangent,
    pub(super) flattest: Tangent,
}

impl Band {
    /// The same with the clocks exchanged. `None` if a feasible line does not rise.
    pub(super) fn transposed(&self) -> Option<Self> {
        if self.flattest.end.y <= self.flattest.start.y {
            return None;
        }
        let all = |points: &[Point]| points.iter().map(|p| p.transposed()).collect();
        Some(Self {
            upper: all(&self.lower),
            lower: all(&self.upper),
            steepest: self.flattest.transposed(),
            flattest: self.steepest.transposed(),
        })
    }

    /// The least and the greatest value of a feasible line at `x`.
    pub(super) fn at(&self, x: &num_rational::BigRational) -> (num_rational::BigRational, num_rational::BigRational) {
        let along = |points: &[Point], left: &Tangent, right: &Tangent| {
            let next = points.partition_point(|p| whole(p.x.into()) <= *x);
            match (next.checked_sub(1).map(|i| points[i]), points.get(next)) {
                (Some(start), Some(&end)) => Tangent { start, end }.line().at(x),
                (None, _) => left.line().at(x),
                (_, None) => right.line().at(x),
            }
        };
        (along(&self.lower, &self.steepest, &self.flattest), along(&self.upper, &self.flattest, &self.steepest))
    }

    /// Where the bounds bend, in order.
    pub(super) fn bends(&self) -> Vec<i64> {
        let mut bends: Vec<i64> = self.upper.iter().chain(&self.lower).map(|p| p.x).collect();
        bends.sort_unstable();
        bends.dedup();
        bends
    }
}
