//! Wrong messages, few messages, methods that disagree.

use stratoscope_core::sync::{Match, SyncEngine, SyncOptions, SyncQuality, SyncRole};
use stratoscope_core::vocab::{MachineNs, RefNs, SyncMethod};

use crate::clocks::{A, B, machine, matched, of, pair, solve_two};

/// The clock of B: 60 ppm fast, 3 s behind.
fn clock(x: i64) -> i64 {
    x + x / 16_667 - 3_000_000_000
}

/// Round trips every 10 ms with latencies of 20 to 50 µs.
fn round_trips(n: i64, method: SyncMethod) -> Vec<Match> {
    (0..n)
        .flat_map(|i| {
            let x = i * 10_000_000;
            let latency = 20_000 + (i * 7_919) % 30_000;
            [
                matched((B, clock(x)), (A, x + latency), method),
                matched((A, x + 100_000), (B, clock(x + 100_000) + latency), method),
            ]
        })
        .collect()
}

fn engine(matches: &[Match]) -> SyncEngine {
    let mut engine = SyncEngine::new();
    for m in matches {
        engine.add_match(*m);
    }
    engine
}

#[test]
fn one_wrong_match_costs_one_match() {
    let good = round_trips(100, SyncMethod::Tcp);
    let expected = of(&solve_two(&engine(&good)), B).clone();
    for wrong in [
        matched((A, 500_000_000), (B, clock(400_000_000)), SyncMethod::Tcp),
        matched((B, clock(900_000_000)), (A, 100_000_000), SyncMethod::Tcp),
        matched((A, 0), (B, clock(-60_000_000_000)), SyncMethod::Tcp),
    ] {
        // First, in the middle, last.
        for at in [0, 77, 200] {
            let mut matches = good.clone();
            matches.insert(at, wrong);
            let solution = solve_two(&engine(&matches));
            let (machine, pair) = (of(&solution, B), pair(&solution, A, B));
            assert_eq!((machine.quality, pair.rejected), (SyncQuality::Accurate, 1));
            assert_eq!((&machine.slope, &machine.offset_ns), (&expected.slope, &expected.offset_ns));
            assert_eq!(pair.matches(), 201);
            assert_eq!(pair.points.iter().filter(|p| p.rejected).count(), 1);
            assert!(pair.explain("host", "guest").contains("1 match was left out"));
        }
    }
}

#[test]
fn many_wrong_matches_are_found_as_long_as_most_are_right() {
    let mut matches = round_trips(100, SyncMethod::Tcp);
    for i in 0..60 {
        matches.push(matched(
            (A, 10_000_000 * i),
            (B, clock(10_000_000 * i - 2_000_000 - 131_071 * i)),
            SyncMethod::Tcp,
        ));
    }
    let solution = solve_two(&engine(&matches));
    assert_eq!((of(&solution, B).quality, pair(&solution, A, B).rejected), (SyncQuality::Accurate, 60));
}

#[test]
fn a_clock_that_was_set_is_contradictory_and_keeps_the_last_possible_line() {
    // After half a second B's clock loses 400 µs: too little to be an outlier, too much for any line.
    let late = |m: &Match| {
        let mut m = *m;
        for (machine, t) in [&mut m.from, &mut m.to] {
            if *machine == B && t.0 > clock(500_000_000) {
                t.0 -= 400_000;
            }
        }
        m
    };
    let matches: Vec<Match> = round_trips(100, SyncMethod::Hypercall).iter().map(late).collect();
    let before = of(&solve_two(&engine(&matches[..100])), B).clone();
    let mut reversed = matches.clone();
    reversed.reverse();
    let solution = solve_two(&engine(&matches));
    let (machine, pair) = (of(&solution, B), pair(&solution, A, B));
    assert_eq!((machine.role, machine.quality), (SyncRole::Synced, SyncQuality::Contradictory));
    assert!(pair.rejected > 0 && pair.rejected < 100);
    // The first half's line still holds there.
    let t = MachineNs(clock(250_000_000));
    assert!((machine.map.to_ref(t) - before.map.to_ref(t)).0.abs() < 50_000);
    assert!(pair.explain("host", "guest").contains("cannot be true together"));
    assert_eq!(of(&solve_two(&engine(&reversed)), B).slope, machine.slope, "any order");
}

#[test]
fn one_direction_only_says_so() {
    let matches: Vec<Match> = round_trips(20, SyncMethod::Hypercall).into_iter().filter(|m| m.from.0 == B).collect();
    let solution = solve_two(&engine(&matches));
    let (machine, pair) = (of(&solution, B), pair(&solution, A, B));
    assert_eq!((machine.role, machine.quality), (SyncRole::Unsynced, SyncQuality::Incomplete));
    assert_eq!(machine.map.to_ref(MachineNs(5)), RefNs(5));
    assert_eq!((pair.a_to_b, pair.b_to_a, pair.line.as_ref()), (0, 20, None));
    assert!(pair.explain("host", "guest").starts_with("All 20 messages between host and guest go from guest to host"));
}

#[test]
fn nothing_matched_says_so() {
    let solution = solve_two(&SyncEngine::new());
    let pair = pair(&solution, A, B);
    assert_eq!((pair.quality, pair.matches()), (SyncQuality::Absent, 0));
    assert!(pair.explain("host", "guest").starts_with("Nothing that guest recorded could be matched"));
    assert_eq!(of(&solution, A).role, SyncRole::Reference);
}

#[test]
fn approximate_lines_are_offered_and_used_on_request() {
    let matches = [
        matched((A, 0), (B, clock(40_000)), SyncMethod::Tcp),
        matched((B, clock(1_000_000)), (A, 1_050_000), SyncMethod::Tcp),
    ];
    let engine = engine(&matches);
    let machines = [machine(A), machine(B)];
    let mut options = SyncOptions::new(A);
    let solution = engine.solve(&machines, &options);
    assert_eq!((of(&solution, B).role, of(&solution, B).quality), (SyncRole::Unsynced, SyncQuality::Approximate));
    assert!(pair(&solution, A, B).line.is_some());
    options.use_approximate = true;
    let solution = engine.solve(&machines, &options);
    let machine = of(&solution, B);
    assert_eq!((machine.role, machine.quality), (SyncRole::Synced, SyncQuality::Approximate));
    assert_eq!(machine.half_width_ns, None);
    assert!((machine.map.to_ref(MachineNs(clock(500_000))).0 - 500_000).abs() < 100_000);
}

#[test]
fn the_least_trusted_method_goes_first() {
    let hypercalls = round_trips(50, SyncMethod::Hypercall);
    let expected = of(&solve_two(&engine(&hypercalls)), B).clone();
    // Packets that say consistently something else, by 300 µs (a filter on the way that delays the time stamps).
    let shifted = round_trips(50, SyncMethod::Tcp).into_iter().map(|mut m| {
        for end in [&mut m.from, &mut m.to] {
            if end.0 == B {
                end.1.0 += 300_000;
            }
        }
        m
    });
    let all: Vec<Match> = hypercalls.iter().copied().chain(shifted).collect();
    let solution = solve_two(&engine(&all));
    let (synced, pair) = (of(&solution, B), pair(&solution, A, B));
    assert_eq!((synced.quality, &synced.slope), (SyncQuality::Accurate, &expected.slope));
    assert_eq!(synced.methods, [SyncMethod::Hypercall]);
    let tcp = pair.methods.iter().find(|m| m.method == SyncMethod::Tcp).unwrap();
    assert_eq!((tcp.used, tcp.quality, tcp.matches, tcp.on_hull), (false, SyncQuality::Accurate, 100, 0));
    assert!(pair.explain("host", "guest").contains("contradict more trusted ones: TCP packets"));
    // Asked for packets only, packets it is.
    let mut options = SyncOptions::new(A);
    options.methods = vec![SyncMethod::Tcp];
    let only = engine(&all).solve(&[machine(A), machine(B)], &options);
    assert_eq!(of(&only, B).methods, [SyncMethod::Tcp]);
    assert_eq!(of(&only, B).quality, SyncQuality::Accurate);
}

#[test]
fn containment_narrows_what_messages_allow() {
    let messages = round_trips(50, SyncMethod::Hypercall);
    let mut engine = engine(&messages);
    let before = of(&solve_two(&engine), B).half_width_ns;
    let wide = pair(&solve_two(&engine), A, B).half_width_ns.unwrap();
    // A guest event just after an entry and another just before an exit.
    for x in [3_000_000, 480_000_000] {
        engine.add_match(matched((A, x), (B, clock(x) + 5_000), SyncMethod::Containment));
        engine.add_match(matched((B, clock(x) + 5_000), (A, x + 9_000), SyncMethod::Containment));
    }
    let solution = solve_two(&engine);
    let narrow = pair(&solution, A, B).half_width_ns.unwrap();
    assert!(narrow < wide / 2, "{narrow} {wide} {before:?}");
    assert_eq!(of(&solution, B).methods, [SyncMethod::Hypercall, SyncMethod::Containment]);
    engine.clear_containment(B, A);
    assert_eq!(pair(&solve_two(&engine), A, B).half_width_ns, Some(wide));
}
