//! Several machines: ways to the reference, exact composition, clocks hours apart, offsets that need no messages.

use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};
use stratoscope_core::sync::{ClockMap, SyncEngine, SyncMachine, SyncOptions, SyncQuality, SyncRole};
use stratoscope_core::vocab::{MachineId, MachineNs, RefNs, RowId, SyncMethod, SyncStep, TimeRange};

use crate::clocks::{A, B, C, assert_printed, end, int, machine, matched, of, pair, parse, solve_two};
use crate::closed_form;

const D: MachineId = MachineId(3);

/// Messages both ways between two clocks (numerator and denominator of the rate, offset), some `latency` long.
fn talk(
    engine: &mut SyncEngine,
    (a, clock_a): (MachineId, fn(i64) -> i64),
    (b, clock_b): (MachineId, fn(i64) -> i64),
    latency: i64,
) {
    for i in 0..50 {
        let t = i * 20_000_000;
        let late = latency + (t / 1_000 * 7) % latency;
        engine.add_match(matched((a, clock_a(t)), (b, clock_b(t + late)), SyncMethod::Tcp));
        engine.add_match(matched((b, clock_b(t + 5_000)), (a, clock_a(t + 5_000 + late)), SyncMethod::Tcp));
    }
}

fn true_time(t: i64) -> i64 {
    t
}

fn fast(t: i64) -> i64 {
    t + t / 10_000 + 123_456_789
}

fn slow_and_hours_apart(t: i64) -> i64 {
    t - t / 12_345 - 5 * 3_600_000_000_000
}

#[test]
fn over_another_machine_the_line_is_composed_exactly() {
    let mut engine = SyncEngine::new();
    talk(&mut engine, (A, true_time), (B, fast), 40_000);
    talk(&mut engine, (B, fast), (C, slow_and_hours_apart), 60_000);
    let machines = [machine(A), machine(B), machine(C)];
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    let (b, c) = (of(&solution, B), of(&solution, C));
    assert_eq!((c.role, c.quality, &c.path[..]), (SyncRole::Synced, SyncQuality::Accurate, &[C, B, A][..]));
    // The middle one as reference gives both lines alone.
    let alone = engine.solve(&machines, &SyncOptions::new(B));
    let line = |m: &stratoscope_core::sync::MachineSync| (parse(&m.slope), parse(&m.offset_ns));
    let ((ab_slope, ab_offset), (bc_slope, bc_offset)) = (line(b), line(of(&alone, C)));
    let (slope, offset) = line(c);
    // Printed lines have 34 digits; their composition agrees to 30.
    let close = |x: &BigRational, y: &BigRational| {
        ((x - y) / x).abs() < int(1) / BigRational::from(num_bigint::BigInt::from(10).pow(30))
    };
    assert!(close(&slope, &(&bc_slope * ab_slope)));
    assert!(close(&offset, &(bc_slope * ab_offset + bc_offset)));
    for t in [0, 300_000_000, 980_000_000] {
        let found = c.map.to_ref(MachineNs(slow_and_hours_apart(t))).0;
        assert!((found - t).abs() <= c.half_width_ns.unwrap() as i64, "{found} {t}");
    }
    assert!(c.half_width_ns > b.half_width_ns);
    assert!((c.delta_ns.unwrap() + 5 * 3_600_000_000_000).abs() < 1_000_000);
    assert!(pair(&solution, B, C).used && pair(&solution, A, B).used);
}

#[test]
fn the_less_uncertain_way_wins() {
    let mut engine = SyncEngine::new();
    talk(&mut engine, (A, true_time), (B, fast), 20_000);
    talk(&mut engine, (B, fast), (C, slow_and_hours_apart), 20_000);
    talk(&mut engine, (A, true_time), (C, slow_and_hours_apart), 900_000);
    let machines = [machine(A), machine(B), machine(C)];
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    assert_eq!(of(&solution, C).path, [C, B, A]);
    assert!(!pair(&solution, A, C).used);
    // A way over a contradictory pair is the last choice, however narrow.
    engine.add_match(matched((B, fast(600_000_000)), (A, 599_700_000), SyncMethod::Tcp));
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    assert_eq!(pair(&solution, A, B).quality, SyncQuality::Contradictory);
    assert_eq!(of(&solution, C).path, [C, A]);
    assert_eq!(of(&solution, B).path, [B, C, A]);
}

#[test]
fn machines_without_a_way_stay_where_their_dates_put_them() {
    let mut engine = SyncEngine::new();
    talk(&mut engine, (A, true_time), (B, fast), 20_000);
    talk(&mut engine, (C, true_time), (D, fast), 20_000);
    let mut machines = [machine(A), machine(B), machine(C), machine(D)];
    machines[2].origin_ns = 1_700_000_000_000_000_000;
    machines[0].origin_ns = 1_600_000_000_000_000_000;
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    for id in [C, D] {
        let m = of(&solution, id);
        assert_eq!((m.role, m.path.len(), m.half_width_ns), (SyncRole::Unsynced, 0, None));
    }
    assert_eq!(of(&solution, C).map, ClockMap::by_origins(machines[2].origin_ns, machines[0].origin_ns));
    assert_eq!(of(&solution, B).role, SyncRole::Synced);
    // What they say about each other is told nevertheless.
    assert_eq!((pair(&solution, C, D).quality, pair(&solution, C, D).used), (SyncQuality::Accurate, false));
}

#[test]
fn origins_move_the_printed_line_and_not_the_instants() {
    let mut engine = SyncEngine::new();
    talk(&mut engine, (A, true_time), (B, fast), 40_000);
    let plain = solve_two(&engine);
    let machines = [
        SyncMachine { origin_ns: 1_795_447_365_015_002_309, ..machine(A) },
        SyncMachine { origin_ns: 9_795_446_778_640_580_867, ..machine(B) },
    ];
    let moved = engine.solve(&machines, &SyncOptions::new(A));
    let (plain, moved) = (of(&plain, B), of(&moved, B));
    assert_eq!((plain.map, &plain.slope), (moved.map, &moved.slope));
    let messages: Vec<closed_form::Message> = (0..50i64)
        .flat_map(|i| {
            let t = i * 20_000_000;
            let late = 40_000 + (t / 1_000 * 7) % 40_000;
            [(t, fast(t + late), true), (t + 5_000 + late, fast(t + 5_000), false)]
        })
        .collect();
    let (slope, offset) = closed_form::mean(&messages).unwrap();
    assert_printed(&moved.slope, &slope);
    let epoch = offset + int(machines[1].origin_ns) - &slope * int(machines[0].origin_ns);
    assert_printed(&moved.offset_ns, &epoch);
    assert_eq!(moved.delta_ns.unwrap() - plain.delta_ns.unwrap(), machines[1].origin_ns - machines[0].origin_ns);
    assert_eq!(moved.at_ns.unwrap() - plain.at_ns.unwrap(), machines[0].origin_ns);
    assert!((moved.drift_ppm - 100.0).abs() < 1.0);
}

#[test]
fn a_manual_offset_overrides() {
    let mut engine = SyncEngine::new();
    talk(&mut engine, (A, true_time), (B, fast), 20_000);
    talk(&mut engine, (B, fast), (C, slow_and_hours_apart), 20_000);
    let mut options = SyncOptions::new(A);
    options.manual = vec![(B, -123_000_000)];
    let mut machines = [machine(A), machine(B), machine(C)];
    machines[1].origin_ns = 5_000;
    let solution = engine.solve(&machines, &options);
    let b = of(&solution, B);
    assert_eq!((b.role, &b.methods[..]), (SyncRole::Synced, &[SyncMethod::Manual][..]));
    assert_eq!(b.map.to_ref(MachineNs(200_000_000)), RefNs(77_005_000));
    // Others follow over it.
    assert_eq!(of(&solution, C).path, [C, B, A]);
    options.methods.retain(|m| *m != SyncMethod::Manual);
    assert_eq!(of(&engine.solve(&machines, &options), B).methods, [SyncMethod::Tcp]);
}

#[test]
fn an_offset_of_counters_is_exact_where_both_clocks_are_counters() {
    let (host_hz, guest_hz) = (2_596_130_000u64, 2_596_300_000u64);
    let offset: i64 = -4_000_000_000_000;
    let mut engine = SyncEngine::new();
    let write = |t: i64, offset: i64, thread: u32| {
        end(t, SyncMethod::TscOffset, SyncStep::TscOffset, u128::from(offset as u64), Some(thread))
    };
    engine.add(A, &write(50, 17, 3));
    engine.add(A, &write(100, offset, 3));
    engine.add(A, &write(110, offset, 4));
    engine.assign_thread(A, RowId(3), B);
    engine.assign_thread(A, RowId(4), B);
    let counted = |id, hz| SyncMachine {
        tsc_hz: Some(hz),
        extent: Some(TimeRange::new(MachineNs(-4_000_000_000_000), MachineNs(4_000_000_000_000))),
        ..machine(id)
    };
    let machines = [counted(A, host_hz), counted(B, guest_hz)];
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    let b = of(&solution, B);
    assert_eq!(
        (b.quality, b.half_width_ns, &b.methods[..]),
        (SyncQuality::Accurate, Some(0), &[SyncMethod::TscOffset][..])
    );
    for host_cycles in [4_000_000_000_001i128, 5_123_456_789_012] {
        let guest_ns = (host_cycles + i128::from(offset)) * 1_000_000_000 / i128::from(guest_hz);
        let host_ns = host_cycles * 1_000_000_000 / i128::from(host_hz);
        let found = i128::from(b.map.to_ref(MachineNs(guest_ns as i64)).0);
        assert!((found - host_ns).abs() <= 1, "{found} {host_ns}");
    }
    let expected = BigRational::new(host_hz.into(), guest_hz.into());
    assert_printed(&b.slope, &expected);
    assert_eq!(pair(&solution, A, B).method, Some(SyncMethod::TscOffset));
    assert!(b.drift_ppm.to_i64() == Some(-65), "{}", b.drift_ppm);
    // Clocks that are no counters: nothing to say.
    let solution = engine.solve(&[machine(A), counted(B, guest_hz)], &SyncOptions::new(A));
    assert_eq!(of(&solution, B).role, SyncRole::Unsynced);
    // Messages that contradict it win.
    talk(&mut engine, (A, true_time), (B, fast), 20_000);
    let solution = engine.solve(&machines, &SyncOptions::new(A));
    assert_eq!(of(&solution, B).methods, [SyncMethod::Tcp]);
    // vCPUs with different offsets have no one clock.
    engine.add(A, &write(200, offset + 1, 4));
    assert_eq!(of(&engine.solve(&machines, &SyncOptions::new(A)), B).methods, [SyncMethod::Tcp]);
}
