//! Which ends of messages belong together: order of arrival, repeated keys, restarts, wraps, mixed methods.

use proptest::prelude::*;
use stratoscope_core::sync::{MachineSync, SyncEngine, SyncOptions, SyncQuality, VmLink};
use stratoscope_core::vocab::{MachineId, PacketKey, RowId, SyncMethod, SyncPoint, SyncStep};

use crate::clocks::{A, B, C, end, machine, of, pair, solve_two};

/// The guest's clock.
fn clock(x: i64) -> i64 {
    x + x / 20_000 + 7_000_000_000
}

type Ends = Vec<(MachineId, SyncPoint)>;

/// Up to 3 ms, different in every round of every run.
fn jitter(seed: i64) -> i64 {
    let r = (seed as u64).wrapping_add(1).wrapping_mul(6_364_136_223_846_793_005);
    let r = (r ^ r >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((r ^ r >> 32) % 3_000_000) as i64
}

/// The four ends of each round; rounds are about 10 ms apart, with some jitter as real ones have.
fn rounds(start: i64, counts: impl Iterator<Item = u32>, uid: u64, host: SyncMethod, guest: SyncMethod) -> Ends {
    let mut ends = Vec::new();
    for (i, count) in counts.enumerate() {
        let x = start + i as i64 * 10_000_000 + jitter(start + i as i64);
        let first = SyncPoint::vmsync_key(uid, count);
        let second = SyncPoint::vmsync_key(uid, count.wrapping_add(1));
        ends.push((B, end(clock(x), guest, SyncStep::GuestSends, first, None)));
        ends.push((A, end(x + 30_000 + (x / 7) % 9_000, host, SyncStep::HostReceives, first, Some(4))));
        ends.push((A, end(x + 70_000, host, SyncStep::HostSends, second, Some(4))));
        ends.push((B, end(clock(x + 70_000) + 31_000 + (x / 3) % 5_000, guest, SyncStep::GuestReceives, second, None)));
    }
    ends
}

fn odd(from: u32, n: usize) -> impl Iterator<Item = u32> {
    (0..n as u32).map(move |i| from.wrapping_add(2 * i))
}

fn engine(ends: &Ends) -> SyncEngine {
    let mut engine = SyncEngine::new();
    for (machine, point) in ends {
        engine.add(*machine, point);
    }
    engine
}

fn line(m: &MachineSync) -> (SyncQuality, String, String) {
    (m.quality, m.slope.clone(), m.offset_ns.clone())
}

const H: SyncMethod = SyncMethod::Hypercall;
const V: SyncMethod = SyncMethod::Vmsync;

#[test]
fn beacons_show_which_thread_is_the_guests() {
    let engine = engine(&rounds(0, odd(1, 40), 101, H, H));
    let solution = solve_two(&engine);
    assert_eq!(of(&solution, B).quality, SyncQuality::Accurate);
    assert_eq!(pair(&solution, A, B).matches(), 80);
    assert_eq!(engine.links(), [VmLink { host: A, thread: RowId(4), guest: B, vm_uid: 101, matches: 80 }]);
}

#[test]
fn modules_and_hypercalls_pair_across_where_nothing_better_exists() {
    let mixed = engine(&rounds(0, odd(1, 40), 101, H, V));
    let solution = solve_two(&mixed);
    let p = pair(&solution, A, B);
    assert_eq!((p.quality, p.method, p.matches()), (SyncQuality::Accurate, Some(H), 80));
    // The host has both: the modules' own events are the guest's partners, and hypercalls change nothing.
    let mut both = rounds(0, odd(1, 40), 101, V, V);
    let modules_only = line(of(&solve_two(&engine(&both)), B));
    both.extend(rounds(0, odd(1, 40), 101, H, V).into_iter().filter(|(m, _)| *m == A).map(|(m, p)| {
        let later = if p.step == SyncStep::HostSends { 3_000 } else { -3_000 };
        (m, SyncPoint { t: p.t + stratoscope_core::vocab::Dur(later), ..p })
    }));
    let both = engine(&both);
    let solution = solve_two(&both);
    assert_eq!(line(of(&solution, B)), modules_only);
    let p = pair(&solution, A, B);
    assert_eq!((p.method, p.methods.len(), p.matches()), (Some(V), 1, 80));
    // Without the modules' events, hypercalls serve again.
    let mut options = SyncOptions::new(A);
    options.methods.retain(|m| *m != V);
    let solution = both.solve(&[machine(A), machine(B)], &options);
    assert_eq!(pair(&solution, A, B).method, Some(H));
    assert_eq!(of(&solution, B).quality, SyncQuality::Accurate);
}

#[test]
fn a_counter_may_wrap() {
    let solution = solve_two(&engine(&rounds(0, odd(u32::MAX - 40, 40), 101, H, H)));
    assert_eq!((pair(&solution, A, B).matches(), of(&solution, B).quality), (80, SyncQuality::Accurate));
}

/// A beacon program that was started three times.
fn restarted() -> Ends {
    let mut ends = rounds(0, odd(1, 60), 101, H, H);
    ends.extend(rounds(1_000_000_000, odd(1, 30), 101, H, H));
    ends.extend(rounds(2_500_000_000, odd(1, 45), 101, H, H));
    ends
}

#[test]
fn a_restarted_counter_is_told_apart() {
    let apart: Ends = restarted()
        .into_iter()
        .map(|(m, p)| {
            // The same with numbers that never repeat.
            let x = if m == A { p.t.0 } else { p.t.0 - 7_000_000_000 };
            let run = u128::from(x > 990_000_000) + u128::from(x > 2_490_000_000);
            (m, SyncPoint { key: p.key + run * 1_000, ..p })
        })
        .collect();
    let expected = solve_two(&engine(&apart));
    assert_eq!(pair(&expected, A, B).matches(), 270);
    let solution = solve_two(&engine(&restarted()));
    let p = pair(&solution, A, B);
    assert_eq!((p.matches(), p.ambiguous, p.rejected), (270, 0, 0));
    assert_eq!(line(of(&solution, B)), line(of(&expected, B)));
    assert_eq!(engine(&restarted()).links()[0].matches, 270);
}

#[test]
fn a_run_that_one_side_lacks_confuses_nothing() {
    // The host began to record after the first run, the guest stopped before the third.
    let ends: Ends = restarted()
        .into_iter()
        .filter(|(m, p)| if *m == A { p.t.0 > 990_000_000 } else { p.t.0 < 7_000_000_000 + 2_490_000_000 })
        .collect();
    let solution = solve_two(&engine(&ends));
    let p = pair(&solution, A, B);
    // Both sides have two runs; only the second of the guest is the first of the host. Keys that are unique on
    // both sides may still be wrong ones (61..119 of the guest's first run and 61..89 of the host's third), which
    // then contradict the others and are left out or leave everything contradictory, but never shift the clock.
    let machine = of(&solution, B);
    if machine.quality == SyncQuality::Accurate {
        let at = machine.map.to_ref(stratoscope_core::vocab::MachineNs(clock(1_100_000_000))).0;
        assert!((at - 1_100_000_000).abs() < 200_000, "{at}");
    }
    assert!(p.matches() >= 60, "{}", p.explain("host", "guest"));
    assert_eq!(machine.quality, SyncQuality::Accurate, "{}", p.explain("host", "guest"));
}

#[test]
fn two_guests_with_one_number() {
    // Both guests of one host count from 1 with one number. Threads tell them apart.
    let mut ends = rounds(0, odd(1, 40), 101, H, H);
    let second = rounds(3_456_789, odd(1, 40), 101, H, H).into_iter().map(|(m, p)| match m {
        A => (A, SyncPoint { thread: Some(RowId(9)), ..p }),
        _ => (C, SyncPoint { t: stratoscope_core::vocab::MachineNs(p.t.0 + 55_000_000_000), ..p }),
    });
    ends.extend(second);
    let engine = engine(&ends);
    let machines = [machine(A), machine(B), machine(C)];
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    for guest in [B, C] {
        assert_eq!((of(&solution, guest).quality, pair(&solution, A, guest).matches()), (SyncQuality::Accurate, 80));
    }
    let threads: Vec<(MachineId, RowId)> = engine.links().iter().map(|l| (l.guest, l.thread)).collect();
    assert_eq!(threads, [(B, RowId(4)), (C, RowId(9))]);
}

#[test]
fn keys_that_nothing_tells_apart_stay_unmatched() {
    // Each key twice on the host, a fixed time apart: either could be the guest's.
    let mut ends = rounds(0, odd(1, 40), 101, H, H);
    let again: Ends = ends
        .iter()
        .filter(|(m, _)| *m == A)
        .map(|&(m, p)| (m, SyncPoint { t: p.t + stratoscope_core::vocab::Dur(5_000_000_000), ..p }))
        .collect();
    ends.extend(again);
    let engine = engine(&ends);
    let solution = solve_two(&engine);
    let p = pair(&solution, A, B);
    assert_eq!((p.quality, p.matches(), p.ambiguous), (SyncQuality::Absent, 0, 80));
    assert!(p.explain("host", "guest").contains("80 keys could have matched"));
    assert_eq!(engine.links(), []);
}

fn packet(seq: u32) -> u128 {
    SyncPoint::packet_key(PacketKey { seq, ack: 7, check: 0, source: 22, dest: 5_000, flags: 0x5018 })
}

#[test]
fn a_segment_sent_again_keeps_its_first_departure_and_first_arrival() {
    let tcp = SyncMethod::Tcp;
    let mut engine = SyncEngine::new();
    // Lost at 100, sent again at 900; a copy of the copy arrives too.
    let ends = [
        (A, end(900, tcp, SyncStep::PacketSent, packet(1), None)),
        (B, end(5_950, tcp, SyncStep::PacketReceived, packet(1), None)),
        (A, end(100, tcp, SyncStep::PacketSent, packet(1), None)),
        (B, end(5_940, tcp, SyncStep::PacketReceived, packet(1), None)),
        (B, end(5_990, tcp, SyncStep::PacketReceived, packet(1), None)),
        // Seen by the sender's own loopback: not between machines.
        (A, end(120, tcp, SyncStep::PacketReceived, packet(1), None)),
    ];
    for (machine, point) in &ends {
        engine.add(*machine, point);
    }
    let solution = solve_two(&engine);
    let p = pair(&solution, A, B);
    assert_eq!((p.matches(), p.points.len()), (1, 1));
    assert_eq!((p.points[0].x.0, p.points[0].y.0), (100, 5_940));
}

#[test]
fn a_forwarded_packet_relates_all_machines_that_saw_it() {
    let tcp = SyncMethod::Tcp;
    let mut engine = SyncEngine::new();
    for (machine, t, step) in [
        (A, 10, SyncStep::PacketSent),
        (B, 20, SyncStep::PacketReceived),
        (B, 30, SyncStep::PacketSent),
        (C, 40, SyncStep::PacketReceived),
    ] {
        engine.add(machine, &end(t, tcp, step, packet(3), None));
    }
    let solution = engine.solve(&[machine(A), machine(B), machine(C)], &SyncOptions::new(A));
    for (a, b) in [(A, B), (A, C), (B, C)] {
        assert_eq!(pair(&solution, a, b).matches(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any order of arrival, any moment of asking, one answer.
    #[test]
    fn order_of_arrival_changes_nothing(
        seed in any::<u64>(), repeats in 0usize..20, packets in 0u32..40, ask in any::<bool>(),
    ) {
        let mut ends = restarted();
        let again: Ends = ends.iter().copied().step_by(7).take(repeats).collect();
        ends.extend(again.iter().map(|&(m, p)| (m, SyncPoint { t: p.t + stratoscope_core::vocab::Dur(1), ..p })));
        for i in 0..packets {
            let x = i64::from(i) * 11_000_000;
            ends.push((A, end(x, SyncMethod::Tcp, SyncStep::PacketSent, packet(i % 30), None)));
            ends.push((B, end(clock(x) + 90_000, SyncMethod::Tcp, SyncStep::PacketReceived, packet(i % 30), None)));
        }
        let expected = solve_two(&engine(&ends));
        let mut random = seed;
        for i in (1..ends.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ends.swap(i, ((random >> 33) as usize) % (i + 1));
        }
        let mut shuffled = SyncEngine::new();
        for (i, (machine, point)) in ends.iter().enumerate() {
            shuffled.add(*machine, point);
            if ask && i % 200 == 0 {
                solve_two(&shuffled);
            }
        }
        let found = solve_two(&shuffled);
        prop_assert_eq!(line(of(&found, B)), line(of(&expected, B)));
        let (a, b) = (pair(&found, A, B), pair(&expected, A, B));
        prop_assert_eq!((a.matches(), a.ambiguous, a.rejected, a.on_hull), (b.matches(), b.ambiguous, b.rejected, b.on_hull));
        prop_assert_eq!(&a.points, &b.points);
        prop_assert_eq!(shuffled.links(), engine(&ends).links());
    }
}
