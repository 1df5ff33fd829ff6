//! From pairs' fits to what is told of machines and pairs. Runs once per question, over hulls.

use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::{Signed as _, ToPrimitive as _};

use super::engine::{PairId, SyncEngine, sample_of};
use super::exact::{Line, decimal, round, to_f64, whole};
use super::hull::Tangents;
use super::map::{ClockMap, Linear};
use super::network::{Edge, Way, pair_half_width, ways};
use super::pair::{Class, PairFit, PairMatches};
use super::reject::Sample;
use super::solution::{
    BoundPoint, MachineSync, MatchPoint, MethodSync, PairSync, Solution, SyncMachine, SyncOptions, SyncQuality,
    SyncRole, overlap,
};
use crate::vocab::{MachineId, MachineNs, SyncMethod, TimeRange};

/// Significant digits of slopes and offsets, as decimal128 has.
const DIGITS: u32 = 34;
/// Instants at which the median of a bound is taken.
const MEDIAN_OF: i128 = 65;

pub(super) struct Solver<'a> {
    engine: &'a SyncEngine,
    machines: &'a [SyncMachine],
    options: &'a SyncOptions,
    late: BTreeMap<PairId, Vec<(Class, Sample)>>,
    ambiguous: BTreeMap<PairId, u64>,
}

/// A pair with its fit; `x` and `y` are positions in the list of machines, as the fit's axes.
struct Pair<'a> {
    x: usize,
    y: usize,
    fit: PairFit<'a>,
    ambiguous: u64,
    half_width: f64,
    /// A line that needs no matches.
    tsc: Option<(Line, u64)>,
}

impl<'a> Solver<'a> {
    pub(super) fn new(engine: &'a SyncEngine, machines: &'a [SyncMachine], options: &'a SyncOptions) -> Self {
        let resolved = engine.resolve_ambiguous();
        let mut late: BTreeMap<PairId, Vec<(Class, Sample)>> = BTreeMap::new();
        for (found, _) in &resolved.found {
            let (pair, sample) = sample_of(&found.as_match());
            late.entry(pair).or_default().push((found.class, sample));
        }
        let mut ambiguous = BTreeMap::new();
        for (&(a, b), &n) in &resolved.ambiguous {
            *ambiguous.entry((a.min(b), a.max(b))).or_default() += n;
        }
        Self { engine, machines, options, late, ambiguous }
    }

    pub(super) fn solve(&self) -> Solution {
        let pairs = self.pairs();
        let reference = self.position(self.options.reference);
        let edges = self.edges(&pairs, reference);
        let ways = match reference {
            Some(reference) => ways(self.machines.len(), &edges, reference),
            None => vec![None; self.machines.len()],
        };
        let machines =
            (0..self.machines.len()).map(|m| self.machine(m, reference, ways[m].as_ref(), &edges, &pairs)).collect();
        let depth = |m: usize| ways[m].as_ref().map_or(usize::MAX, |w| w.steps.len());
        let pairs = pairs
            .iter()
            .map(|pair| {
                let parent_of = |child: usize, parent: usize| {
                    ways[child].as_ref().and_then(|w| w.steps.first()).is_some_and(|s| s.parent == parent)
                };
                let used = parent_of(pair.x, pair.y) || parent_of(pair.y, pair.x);
                let flipped = if used { parent_of(pair.x, pair.y) } else { depth(pair.y) < depth(pair.x) };
                self.pair(pair, flipped, used)
            })
            .collect();
        Solution { machines, pairs }
    }

    fn position(&self, id: MachineId) -> Option<usize> {
        self.machines.iter().position(|m| m.id == id)
    }

    fn enabled(&self, method: SyncMethod) -> bool {
        self.options.methods.contains(&method)
    }

    fn pairs(&self) -> Vec<Pair<'a>> {
        let tsc = if self.enabled(SyncMethod::TscOffset) { self.tsc_lines() } else { BTreeMap::new() };
        let mut ids: Vec<PairId> = self.engine.pairs.keys().copied().collect();
        ids.extend(self.late.keys().chain(self.ambiguous.keys()).chain(tsc.keys()));
        // Machines without any match are told about beside the reference.
        for m in self.machines.iter().filter(|m| m.id != self.options.reference) {
            if !ids.iter().any(|&(a, b)| a == m.id || b == m.id) {
                ids.push((m.id.min(self.options.reference), m.id.max(self.options.reference)));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let mut pairs = Vec::new();
        for id in ids {
            let (Some(a), Some(b)) = (self.position(id.0), self.position(id.1)) else { continue };
            let turned = self.machines[a].identity > self.machines[b].identity;
            let (x, y) = if turned { (b, a) } else { (a, b) };
            let late: &[(Class, Sample)] = self.late.get(&id).map_or(&[], |l| l);
            let fit = match self.engine.pairs.get(&id) {
                Some(matches) => matches.solve(|m| self.enabled(m), late, turned),
                None => self.late_only(late, turned),
            };
            let half_width =
                self.common(&fit, x, y).map_or(f64::INFINITY, |r| pair_half_width(&fit, r.begin.0, r.end.0));
            let tsc = tsc.get(&id).map(|(line, n)| {
                let line = if turned { line.inverse().unwrap_or_else(Line::identity) } else { line.clone() };
                (line, *n)
            });
            // What was measured wins over what should be so.
            let tsc = tsc.filter(|(line, _)| agrees(&fit, line));
            pairs.push(Pair { x, y, fit, ambiguous: self.ambiguous.get(&id).copied().unwrap_or(0), half_width, tsc });
        }
        pairs
    }

    fn late_only(&self, late: &[(Class, Sample)], turned: bool) -> PairFit<'a> {
        let mut matches = PairMatches::default();
        for (class, sample) in late {
            matches.add(*class, *sample);
        }
        matches.solve(|m| self.enabled(m), &[], turned).into_owned()
    }

    /// The part of `x`'s axis that both machines recorded, as far as the fit tells; else that of the matches.
    fn common(&self, fit: &PairFit<'_>, x: usize, y: usize) -> Option<TimeRange<MachineNs>> {
        let matched = fit.span().map(|(first, last)| TimeRange::new(MachineNs(first), MachineNs(last)));
        let both = || {
            let to_x = ClockMap::from_line(&fit.line.as_ref()?.inverse()?, MachineNs(0))?;
            let other = self.machines[y].extent?;
            let image = TimeRange::new(MachineNs(to_x.to_ref(other.begin).0), MachineNs(to_x.to_ref(other.end).0));
            overlap(self.machines[x].extent?, image)
        };
        both().or(matched)
    }

    /// Lines from writes of guests' counter offsets, by pair in order of ids, and how many writes say so.
    fn tsc_lines(&self) -> BTreeMap<PairId, (Line, u64)> {
        let guests = self.engine.guests();
        let mut last: BTreeMap<_, (MachineNs, i64, u64)> = BTreeMap::new();
        for write in &self.engine.tsc {
            let entry = last.entry((write.host, write.thread)).or_insert((write.t, write.offset, 0));
            if (write.t, write.offset) >= (entry.0, entry.1) {
                (entry.0, entry.1) = (write.t, write.offset);
            }
            entry.2 += 1;
        }
        // Threads of one guest must agree, or its counters differ from CPU to CPU.
        let mut by_pair: BTreeMap<PairId, Vec<(MachineId, i64, u64)>> = BTreeMap::new();
        for ((host, thread), (_, offset, n)) in last {
            if let Some(&guest) = guests.get(&(host, thread)).filter(|&&g| g != host) {
                by_pair.entry((host.min(guest), host.max(guest))).or_default().push((host, offset, n));
            }
        }
        let hz = |id: MachineId| self.machines.iter().find(|m| m.id == id)?.tsc_hz.filter(|hz| *hz > 0);
        let mut lines = BTreeMap::new();
        for (pair, writes) in by_pair {
            let Some(&(host, offset, _)) = writes.first() else { continue };
            let guest = if host == pair.0 { pair.1 } else { pair.0 };
            let (Some(host_hz), Some(guest_hz)) = (hz(host), hz(guest)) else { continue };
            if writes.iter().any(|w| (w.0, w.1) != (host, offset)) {
                continue;
            }
            // guest cycles = host cycles + offset, and ns = cycles · 10⁹ / hz on both sides.
            let (host_hz, guest_hz) = (whole(host_hz.into()), whole(guest_hz.into()));
            let line =
                Line { slope: host_hz / &guest_hz, offset: whole(offset.into()) * whole(1_000_000_000) / guest_hz };
            let line = if host == pair.0 { Some(line) } else { line.inverse() };
            if let Some(line) = line {
                lines.insert(pair, (line, writes.iter().map(|w| w.2).sum()));
            }
        }
        lines
    }

    fn edges(&self, pairs: &[Pair<'_>], reference: Option<usize>) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (pair, &Pair { x, y, half_width, .. }) in pairs.iter().map(|p| (p, p)) {
            if let Some((line, _)) = &pair.tsc {
                edges.push(Edge {
                    x,
                    y,
                    line: line.clone(),
                    band: None,
                    quality: SyncQuality::Accurate,
                    methods: vec![SyncMethod::TscOffset],
                    half_width: 0.0,
                });
            } else if let Some(line) = &pair.fit.line
                && (self.options.use_approximate || pair.fit.quality != SyncQuality::Approximate)
            {
                let mut methods: Vec<SyncMethod> =
                    pair.fit.classes.iter().filter(|c| c.used).map(|c| c.class.method()).collect();
                methods.dedup();
                edges.push(Edge {
                    x,
                    y,
                    line: line.clone(),
                    band: pair.fit.band.clone(),
                    quality: pair.fit.quality,
                    methods,
                    half_width,
                });
            }
        }
        for &(id, shift) in &self.options.manual {
            let manual = reference.zip(self.position(id)).filter(|(reference, m)| reference != m);
            if let Some((reference, m)) = manual.filter(|_| self.enabled(SyncMethod::Manual)) {
                // The reference's instant is the machine's plus the difference of the origins plus the shift.
                let offset = self.machines[m].origin_ns - self.machines[reference].origin_ns + shift;
                edges.push(Edge {
                    x: m,
                    y: reference,
                    line: Line { offset: whole(offset), ..Line::identity() },
                    band: None,
                    quality: SyncQuality::Approximate,
                    methods: vec![SyncMethod::Manual],
                    half_width: 0.0,
                });
            }
        }
        edges
    }

    fn machine(
        &self,
        m: usize,
        reference: Option<usize>,
        way: Option<&Way>,
        edges: &[Edge],
        pairs: &[Pair<'_>],
    ) -> MachineSync {
        let machine = &self.machines[m];
        let reference_origin = reference.map_or(machine.origin_ns, |r| self.machines[r].origin_ns);
        let mut sync = MachineSync {
            id: machine.id,
            role: if reference == Some(m) { SyncRole::Reference } else { SyncRole::Unsynced },
            quality: SyncQuality::Absent,
            map: ClockMap::by_origins(machine.origin_ns, reference_origin),
            slope: String::from("1"),
            offset_ns: String::from("0"),
            half_width_ns: None,
            half_width_median_ns: None,
            at_ns: None,
            delta_ns: None,
            drift_ppm: 0.0,
            methods: Vec::new(),
            path: Vec::new(),
        };
        let (Some(reference), Some(way)) = (reference, way) else {
            let of = pairs.iter().filter(|p| p.x == m || p.y == m);
            sync.quality = of.map(|p| p.fit.quality).min().unwrap_or(SyncQuality::Absent);
            return sync;
        };
        sync.path.push(machine.id);
        sync.path.extend(way.steps.iter().map(|s| self.machines[s.parent].id));
        if m == reference {
            sync.quality = SyncQuality::Accurate;
            (sync.half_width_ns, sync.half_width_median_ns) = (Some(0), Some(0));
            return sync;
        }
        let line = way.line();
        let range = self.seen(m, reference, &line).or_else(|| matched_span(m, pairs));
        let middle = range.map_or(0, |r| ((i128::from(r.begin.0) + i128::from(r.end.0)) >> 1) as i64);
        let Some(map) = ClockMap::from_line(&line, MachineNs(middle)) else { return sync };
        sync.map = map;
        sync.role = SyncRole::Synced;
        for step in &way.steps {
            let edge = &edges[step.edge];
            sync.quality =
                if sync.quality == SyncQuality::Absent { edge.quality } else { sync.quality.max(edge.quality) };
            sync.methods.extend(edge.methods.iter().filter(|m| !sync.methods.contains(m)).copied().collect::<Vec<_>>());
        }
        if let Some(over) = line.inverse() {
            let over = over.with_origins(reference_origin, machine.origin_ns);
            sync.slope = decimal(&over.slope, DIGITS);
            sync.offset_ns = decimal(&over.offset, DIGITS);
            sync.drift_ppm = to_f64(&((over.slope - whole(1)) * whole(1_000_000)));
        }
        let at = round(&line.at(&whole(middle.into()))).to_i128().map(|ns| ns + reference_origin);
        sync.at_ns = at;
        sync.delta_ns = at.map(|at| i128::from(middle) + machine.origin_ns - at);
        if let Some(range) = range {
            (sync.half_width_ns, sync.half_width_median_ns) = widths(way, range);
        }
        sync
    }

    /// The part of a machine's trace that the reference's overlaps, else all of it.
    fn seen(&self, m: usize, reference: usize, line: &Line) -> Option<TimeRange<MachineNs>> {
        let own = self.machines[m].extent?;
        let back = || {
            let map = ClockMap::from_line(&line.inverse()?, MachineNs(0))?;
            let other = self.machines[reference].extent?;
            overlap(own, TimeRange::new(MachineNs(map.to_ref(other.begin).0), MachineNs(map.to_ref(other.end).0)))
        };
        back().or(Some(own))
    }

    fn pair(&self, pair: &Pair<'_>, flipped: bool, used: bool) -> PairSync {
        let fit = &pair.fit;
        let (a, b) = if flipped { (pair.y, pair.x) } else { (pair.x, pair.y) };
        let fitted = pair.tsc.as_ref().map(|(line, _)| line).or(fit.line.as_ref());
        let line = fitted.and_then(|l| if flipped { l.inverse() } else { Some(l.clone()) });
        let mut methods: Vec<MethodSync> = fit.classes.iter().map(|c| method_of(fit, c, flipped)).collect();
        if let Some((line, writes)) = &pair.tsc {
            let slope = line.inverse().filter(|_| flipped).map_or(line.slope.clone(), |l| l.slope);
            methods.insert(
                0,
                MethodSync {
                    method: SyncMethod::TscOffset,
                    quality: SyncQuality::Accurate,
                    matches: *writes,
                    on_hull: 0,
                    rejected: 0,
                    used: true,
                    slope_min: Some(decimal(&slope, DIGITS)),
                    slope_max: Some(decimal(&slope, DIGITS)),
                },
            );
        }
        let x_to_y: u64 = fit.classes.iter().map(|c| c.above as u64).sum();
        let all: u64 = fit.classes.iter().map(|c| c.count() as u64).sum();
        let (a_to_b, b_to_a) = if flipped { (all - x_to_y, x_to_y) } else { (x_to_y, all - x_to_y) };
        let (slope_min, slope_max) = slopes(fit.tangents.as_ref(), flipped);
        let (origin_a, origin_b) = (self.machines[a].origin_ns, self.machines[b].origin_ns);
        let same_dates = Line { offset: whole(origin_a - origin_b), ..Line::identity() };
        let drawn = line.clone().unwrap_or(same_dates.clone());
        PairSync {
            a: self.machines[a].id,
            b: self.machines[b].id,
            quality: if pair.tsc.is_some() { SyncQuality::Accurate } else { fit.quality },
            method: methods.iter().find(|m| m.used).map(|m| m.method),
            methods,
            a_to_b,
            b_to_a,
            ambiguous: pair.ambiguous,
            on_hull: fit.hull.size() as u64,
            rejected: fit.rejected.len() as u64,
            line: line.as_ref().map(|l| {
                let l = l.with_origins(origin_a, origin_b);
                (decimal(&l.slope, DIGITS), decimal(&l.offset, DIGITS))
            }),
            slope_min,
            slope_max,
            half_width_ns: if pair.tsc.is_some() { Some(0) } else { ceil(pair.half_width) },
            used,
            dates_agree: fit.band.is_some() && agrees(fit, &same_dates_of(self.machines, pair)),
            points: self.points(fit, flipped, &drawn),
            bounds: self.bounds(pair, flipped, &drawn),
        }
    }

    /// Matches to draw: those on hulls, those left out (a bounded number), and every n-th of the others.
    fn points(&self, fit: &PairFit<'_>, flipped: bool, line: &Line) -> Vec<MatchPoint> {
        let around = fit.span().map_or(0, |(first, last)| ((i128::from(first) + i128::from(last)) >> 1) as i64);
        let around = if flipped { fit.hull.points().next().map_or(0, |(p, _)| p.y) } else { around };
        let Some(fitted) = Linear::new(line, around) else { return Vec::new() };
        let total: usize = fit.classes.iter().map(|c| c.count()).sum();
        let every = total.div_ceil(self.options.max_points.max(1)).max(1);
        let every_rejected = fit.rejected.len().div_ceil(self.options.max_points.max(1)).max(1);
        let mut points = Vec::new();
        let mut put = |class: Class, sample: Sample, on_hull: bool, rejected: bool| {
            let s = sample.turned(flipped);
            points.push(MatchPoint {
                x: MachineNs(s.at.x),
                y: MachineNs(s.at.y),
                residual_ns: fitted.residual(s.at.x, s.at.y),
                from_a: s.above,
                method: class.method(),
                on_hull,
                rejected,
            });
        };
        for class in &fit.classes {
            for (at, above) in class.hull.points().filter(|&(p, above)| fit.hull.has(p, above)) {
                put(class.class, Sample { at, above }, true, false);
            }
            for s in class.samples().step_by(every) {
                if !fit.hull.has(s.at, s.above) && !fit.is_rejected(&s) {
                    put(class.class, s, false, false);
                }
            }
            if !fit.rejected.is_empty() {
                for s in class.samples().filter(|s| fit.is_rejected(s)).step_by(every_rejected) {
                    put(class.class, s, false, true);
                }
            }
        }
        points.sort_by_key(|p| (p.x, p.y, p.from_a));
        points
    }

    fn bounds(&self, pair: &Pair<'_>, flipped: bool, line: &Line) -> Vec<BoundPoint> {
        let fit = &pair.fit;
        let band = fit.band.as_ref().and_then(|b| if flipped { b.transposed() } else { Some(b.clone()) });
        let (Some(band), Some(common)) = (band, self.common(fit, pair.x, pair.y)) else { return Vec::new() };
        let ends = [common.begin, common.end].map(|x| {
            let image = || round(&fit.line.as_ref()?.at(&whole(x.0.into()))).to_i64();
            if flipped { image().unwrap_or(x.0) } else { x.0 }
        });
        let mut at = band.bends();
        at.extend(ends);
        at.sort_unstable();
        at.dedup();
        at.into_iter()
            .map(|x| {
                let exact = whole(x.into());
                let (lower, upper) = band.at(&exact);
                let y = line.at(&exact);
                BoundPoint { x: MachineNs(x), lower_ns: to_f64(&(lower - &y)), upper_ns: to_f64(&(upper - y)) }
            })
            .collect()
    }
}

/// From a machine's first match on a hull to its last.
fn matched_span(m: usize, pairs: &[Pair<'_>]) -> Option<TimeRange<MachineNs>> {
    let of = |p: &Pair<'_>| -> Vec<i64> {
        let own = |at: super::hull::Point| if p.x == m { at.x } else { at.y };
        p.fit.hull.points().filter(|_| p.x == m || p.y == m).map(|(at, _)| own(at)).collect()
    };
    let all: Vec<i64> = pairs.iter().flat_map(of).collect();
    Some(TimeRange::new(MachineNs(*all.iter().min()?), MachineNs(*all.iter().max()?)))
}

/// Equal dates as a line over the fit's axes.
fn same_dates_of(machines: &[SyncMachine], pair: &Pair<'_>) -> Line {
    Line { offset: whole(machines[pair.x].origin_ns - machines[pair.y].origin_ns), ..Line::identity() }
}

/// Whether no match of the fit contradicts a line.
fn agrees(fit: &PairFit<'_>, line: &Line) -> bool {
    fit.hull.points().all(|(p, above)| {
        let rest = whole(p.y.into()) - line.at(&whole(p.x.into()));
        if above { !rest.is_negative() } else { !rest.is_positive() }
    })
}

fn method_of(fit: &PairFit<'_>, class: &super::pair::ClassFit<'_>, flipped: bool) -> MethodSync {
    let (slope_min, slope_max) = slopes(class.tangents.as_ref(), flipped);
    MethodSync {
        method: class.class.method(),
        quality: class.quality,
        matches: class.count() as u64,
        on_hull: if class.used {
            class.hull.points().filter(|&(p, above)| fit.hull.has(p, above)).count() as u64
        } else {
            0
        },
        rejected: match (class.used, fit.rejected.is_empty()) {
            (false, _) => class.rejected.len() as u64,
            (true, true) => 0,
            (true, false) => class.samples().filter(|s| fit.is_rejected(s)).count() as u64,
        },
        used: class.used,
        slope_min,
        slope_max,
    }
}

/// The least and the greatest possible slope, of the line over the exchanged axes if `flipped`.
fn slopes(tangents: Option<&Tangents>, flipped: bool) -> (Option<String>, Option<String>) {
    let Some(tangents) = tangents else { return (None, None) };
    let slope = |t: Option<super::hull::Tangent>| t.map(|t| t.line().slope);
    let (least, most) = (slope(tangents.flattest), slope(tangents.steepest));
    let (least, most) = if flipped {
        let inverse = |s: Option<BigRational>| s.filter(|s| s.is_positive()).map(|s| s.recip());
        (inverse(most), inverse(least))
    } else {
        (least, most)
    };
    let text = |s: Option<BigRational>| s.map(|s| decimal(&s, DIGITS));
    (text(least), text(most))
}

/// The largest half-width in a range of the machine's time, and the median. The bound is convex along a way, so
/// the largest is at an end.
fn widths(way: &Way, range: TimeRange<MachineNs>) -> (Option<u64>, Option<u64>) {
    let (begin, end) = (i128::from(range.begin.0), i128::from(range.end.0));
    let at = |i: i128| way.half_width(&(whole(begin) + whole((end - begin) * i) / whole(MEDIAN_OF - 1)));
    let Some(mut all) = (0..MEDIAN_OF).map(at).collect::<Option<Vec<BigRational>>>() else { return (None, None) };
    let largest = all.iter().max().and_then(|w| w.ceil().to_integer().to_u64());
    let middle = all.len() / 2;
    let (_, median, _) = all.select_nth_unstable(middle);
    (largest, median.ceil().to_integer().to_u64())
}

fn ceil(ns: f64) -> Option<u64> {
    ns.is_finite().then(|| ns.ceil() as u64)
}
