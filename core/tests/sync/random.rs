//! Random messages between random clocks, against the closed form: equal to the last digit.

use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};
use proptest::prelude::*;
use stratoscope_core::sync::{Hull, Point, SyncEngine, SyncOptions, SyncQuality, SyncRole};
use stratoscope_core::vocab::SyncMethod;

use crate::clocks::{A, B, assert_printed, int, machine, matched, of, pair, solve_two, with_extent};
use crate::closed_form::{self, Message, at};

/// A clock, and messages that it and the first one could have exchanged: x, latency (0 or more), direction.
#[derive(Clone, Debug)]
struct Clocks {
    slope: BigRational,
    offset: i64,
    sends: Vec<(i64, i64, bool)>,
}

impl Clocks {
    /// Messages as both clocks show them: whole nanoseconds, rounded so that none arrives before it was sent.
    fn messages(&self) -> Vec<Message> {
        self.sends
            .iter()
            .map(|&(x, latency, above)| {
                let y = &self.slope * int(x) + int(self.offset);
                let latency = int(if above { latency } else { -latency });
                let y = if above { (y + latency).ceil() } else { (y + latency).floor() };
                (x, y.to_integer().to_i64().unwrap(), above)
            })
            .collect()
    }

    fn truth(&self) -> closed_form::Line {
        (self.slope.clone(), int(self.offset))
    }
}

fn clocks(most: usize) -> impl Strategy<Value = Clocks> {
    // Seconds to days long; slopes off by up to 200 ppm, sometimes plainly wrong.
    let slope = prop_oneof![
        4 => (-200_000_000i64..200_000_000).prop_map(|k| int(1) + int(k) / int(1_000_000_000_000i64)),
        1 => (1i64..5_000, 1i64..5_000).prop_map(|(n, d)| int(n) / int(d)),
    ];
    let length = prop_oneof![Just(20i64), Just(10_000), Just(2_000_000_000), Just(900_000_000_000_000)];
    (slope, -(1i64 << 50)..1 << 50, length, 1i64..1_000_000).prop_flat_map(move |(slope, offset, length, jitter)| {
        proptest::collection::vec((0..length, 0..jitter, any::<bool>()), 1..most).prop_map(move |sends| Clocks {
            slope: slope.clone(),
            offset,
            sends,
        })
    })
}

fn hull(messages: &[Message]) -> Hull {
    let mut hull = Hull::default();
    for &(x, y, above) in messages {
        hull.add(Point { x, y }, above);
    }
    hull
}

fn engine(messages: &[Message]) -> SyncEngine {
    let mut engine = SyncEngine::new();
    for &(x, y, above) in messages {
        let (from, to) = if above { ((A, x), (B, y)) } else { ((B, y), (A, x)) };
        engine.add_match(matched(from, to, SyncMethod::Vmsync));
    }
    engine
}

fn slope(t: stratoscope_core::sync::Tangent) -> BigRational {
    (int(t.end.y) - int(t.start.y)) / (int(t.end.x) - int(t.start.x))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever the messages, true or not, in any order.
    #[test]
    fn tangents_are_the_closed_forms(
        mut messages in proptest::collection::vec((0i64..40, 0i64..40, any::<bool>()), 1..14),
        swaps in proptest::collection::vec(any::<proptest::sample::Index>(), 14),
    ) {
        let consistent = closed_form::consistent(&messages);
        let found = hull(&messages).tangents();
        prop_assert_eq!(found.is_ok(), consistent);
        if let Ok(found) = found {
            let (steepest, flattest) = closed_form::tangents(&messages);
            prop_assert_eq!(found.steepest.map(slope), steepest.map(|l| l.0));
            prop_assert_eq!(found.flattest.map(slope), flattest.map(|l| l.0));
        }
        for (i, other) in swaps.iter().enumerate().take(messages.len()) {
            let other = other.index(messages.len());
            messages.swap(i, other);
        }
        prop_assert_eq!(hull(&messages).tangents(), found);
    }

    #[test]
    fn true_messages_are_never_contradictory_and_the_line_is_exact(clocks in clocks(60)) {
        let messages = clocks.messages();
        prop_assert!(closed_form::feasible(&clocks.truth(), &messages));
        let solution = solve_two(&engine(&messages));
        let pair = pair(&solution, A, B);
        prop_assert_ne!(pair.quality, SyncQuality::Contradictory);
        prop_assert_eq!(pair.rejected, 0);
        let (steepest, flattest) = closed_form::tangents(&messages);
        prop_assert_eq!(pair.quality == SyncQuality::Accurate, steepest.is_some() && flattest.is_some());
        if let Some(line) = closed_form::mean(&messages).filter(|l| l.0.is_positive()) {
            let machine = of(&solution, B);
            let usable = line.0 > int(1) / int(1_000_000_000) && line.0 < int(1_000_000_000);
            prop_assert_eq!(machine.role == SyncRole::Synced, usable);
            if usable {
                assert_printed(&machine.slope, &line.0);
                assert_printed(&machine.offset_ns, &line.1);
                // No message is turned around by the map that is applied (which rounds down).
                for &(x, y, above) in &messages {
                    let t = machine.map.to_ref(stratoscope_core::vocab::MachineNs(y)).0;
                    let exact = (int(y) - &line.1) / &line.0;
                    let error = int(t) - exact;
                    prop_assert!(error < int(1) / int(10_000) && error > int(-1), "{}", error);
                    let turned = if above { t < x } else { t > x };
                    prop_assert!(!turned, "received before sent");
                }
            }
        }
    }

    /// The bound against the polygon of all possible lines, corner by corner.
    #[test]
    fn bounds_are_the_polygons(clocks in clocks(12)) {
        let messages = clocks.messages();
        let Some(line) = closed_form::mean(&messages) else { return Ok(()) };
        let corners = closed_form::corners(&messages);
        if corners.iter().any(|c| c.0 <= int(1) / int(1_000)) || line.0 > int(1_000) {
            return Ok(());
        }
        let (first, last) = (messages.iter().map(|m| m.1).min().unwrap(), messages.iter().map(|m| m.1).max().unwrap());
        if first == last {
            return Ok(());
        }
        let machines = [machine(A), with_extent(B, first, last)];
        let solution = engine(&messages).solve(&machines, &SyncOptions::new(A));
        let machine = of(&solution, B);
        let ours = int(machine.half_width_ns.unwrap());
        // Instants of A for one of B, over all corners.
        let farthest = |y: i64| {
            let of = |l: &closed_form::Line| (int(y) - &l.1) / &l.0;
            let estimate = of(&line);
            corners.iter().map(|c| (of(c) - &estimate).abs()).max().unwrap()
        };
        let exact = farthest(first).max(farthest(last));
        prop_assert_eq!(&ours, &exact.ceil());
        prop_assert!(machine.half_width_median_ns.unwrap() <= machine.half_width_ns.unwrap());
        // So it holds for the true line, which is one of them.
        for y in [first, (first + last) / 2, last] {
            let truth = (int(y) - int(clocks.offset)) / &clocks.slope;
            let estimate = (int(y) - &line.1) / &line.0;
            prop_assert!((truth - estimate).abs() <= ours);
        }
    }

    /// What is drawn: bounds enclose 0 (the fit) and are the polygon's at each of their points.
    #[test]
    fn drawn_bounds_are_the_polygons(clocks in clocks(12)) {
        let messages = clocks.messages();
        let Some(line) = closed_form::mean(&messages).filter(|l| l.0 > int(1) / int(1_000)) else { return Ok(()) };
        let corners = closed_form::corners(&messages);
        let solution = solve_two(&engine(&messages));
        let pair = pair(&solution, A, B);
        if pair.a != A {
            return Ok(());
        }
        prop_assert!(!pair.bounds.is_empty());
        for bound in &pair.bounds {
            let x = int(bound.x.0);
            let exact: Vec<BigRational> = corners.iter().map(|c| at(c, &x) - at(&line, &x)).collect();
            let (low, high) = (exact.iter().min().unwrap().to_f64().unwrap(), exact.iter().max().unwrap().to_f64().unwrap());
            prop_assert!((bound.lower_ns - low).abs() <= 1e-9 * low.abs().max(1.0), "{} {}", bound.lower_ns, low);
            prop_assert!((bound.upper_ns - high).abs() <= 1e-9 * high.abs().max(1.0));
        }
        prop_assert_eq!(pair.points.len(), messages.len() - duplicates(&messages));
        for p in &pair.points {
            let exact = int(p.y.0) - at(&line, &int(p.x.0));
            prop_assert!((p.residual_ns - exact.to_f64().unwrap()).abs() < 1e-3 + 1e-12 * p.residual_ns.abs());
            prop_assert!(messages.contains(&(p.x.0, p.y.0, p.from_a)));
        }
    }

    #[test]
    fn the_choice_of_the_reference_changes_no_line(clocks in clocks(30)) {
        let messages = clocks.messages();
        let Some(line) = closed_form::mean(&messages) else { return Ok(()) };
        if line.0 < int(1) / int(1_000) {
            return Ok(());
        }
        let machines = [machine(A), machine(B)];
        let solution = engine(&messages).solve(&machines, &SyncOptions::new(B));
        assert_printed(&of(&solution, A).slope, &line.0.recip());
        assert_printed(&of(&solution, A).offset_ns, &-(&line.1 / &line.0));
    }
}

/// Messages on a hull are drawn once even if several are equal.
fn duplicates(messages: &[Message]) -> usize {
    let mut sorted = messages.to_vec();
    sorted.sort_unstable();
    let hull = hull(messages);
    sorted.windows(2).filter(|w| w[0] == w[1] && hull.has(Point { x: w[0].0, y: w[0].1 }, w[0].2)).count()
}
