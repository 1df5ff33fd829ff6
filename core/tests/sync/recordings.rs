//! Recordings whose orders of events were computed by an independent program: `truth.json` lists, per guest, the
//! four instants a (guest sends), b (host receives), c (host sends), d (guest receives) of every round.

use std::fs;
use std::path::{Path, PathBuf};

use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};
use serde_json::Value;
use stratoscope_core::sync::{SyncEngine, SyncMachine, SyncOptions, SyncQuality, SyncRole};
use stratoscope_core::vocab::{MachineNs, RefNs, SyncMethod, SyncPoint, SyncStep, TimeRange};

use crate::clocks::{A, B, end, int, of, pair, parse};
use crate::closed_form;

type Round = [i64; 5];

fn rounds(sync: &Value) -> Vec<Round> {
    let list = sync["abcd"].as_array().unwrap();
    list.iter().map(|r| std::array::from_fn(|i| r[i].as_i64().unwrap())).collect()
}

/// Host is A, guest is B, with axes that begin at different dates, as in the program.
fn solve(rounds: &[Round], host_origin: i64, guest_origin: i64) -> stratoscope_core::sync::Solution {
    let mut engine = SyncEngine::new();
    let mut extents = [(i64::MAX, i64::MIN); 2];
    for &[count, a, b, c, d] in rounds {
        let points = [
            (B, a, SyncStep::GuestSends, count),
            (A, b, SyncStep::HostReceives, count),
            (A, c, SyncStep::HostSends, count + 1),
            (B, d, SyncStep::GuestReceives, count + 1),
        ];
        for (machine, t, step, count) in points {
            let t = t - if machine == A { host_origin } else { guest_origin };
            let extent = &mut extents[usize::from(machine.0)];
            *extent = (extent.0.min(t), extent.1.max(t));
            let key = SyncPoint::vmsync_key(101, count as u32);
            engine.add(machine, &end(t, SyncMethod::Hypercall, step, key, (machine == A).then_some(7)));
        }
    }
    let machine = |id, identity: &str, origin: i64, (begin, end): (i64, i64)| SyncMachine {
        id,
        identity: identity.to_owned(),
        origin_ns: origin.into(),
        extent: Some(TimeRange::new(MachineNs(begin), MachineNs(end + 1))),
        tsc_hz: None,
    };
    let machines = [machine(A, "host", host_origin, extents[0]), machine(B, "guest", guest_origin, extents[1])];
    let links = engine.links();
    assert_eq!((links.len(), links[0].matches), (1, 2 * rounds.len() as u64));
    engine.solve(&machines, &SyncOptions::new(A))
}

/// The largest half-width of all possible lines host = f(guest) over the rounds, by brute force over the corners
/// of the polygon (only messages that a corner can go through are tried, or it would take hours).
fn polygon_half_width(rounds: &[Round]) -> f64 {
    let origin = (rounds[0][1], rounds[0][2]);
    // x guest, y host; guest to host is above.
    let messages: Vec<closed_form::Message> = rounds
        .iter()
        .flat_map(|&[_, a, b, c, d]| [(a - origin.0, b - origin.1, true), (d - origin.0, c - origin.1, false)])
        .collect();
    let (steepest, flattest) = closed_form::tangents(&messages);
    let corners = [steepest.unwrap(), flattest.unwrap()];
    for corner in &corners {
        assert!(closed_form::feasible(corner, &messages));
    }
    // Beyond all points the tangents are the outermost lines.
    let ends = [messages.iter().map(|m| m.0).min().unwrap(), messages.iter().map(|m| m.0).max().unwrap()];
    ends.iter()
        .map(|&x| {
            let y = corners.each_ref().map(|c| closed_form::at(c, &int(x)));
            ((&y[0] - &y[1]).abs() / int(2)).to_f64().unwrap()
        })
        .fold(0.0, f64::max)
}

fn check(folder: &Path, name: &str, sync: &Value) {
    let rounds = rounds(sync);
    let what = format!("{} {name}", folder.display());
    // Origins: the epoch of the trace, some seconds before the first event.
    let solution = solve(&rounds, rounds[0][2] - 5_000_000_000, rounds[0][1] - 77_000_000);
    let (machine, pair) = (of(&solution, B), pair(&solution, A, B));
    let clock = &sync["linear_clock"];
    if clock["feasible_width_ns"].as_f64().is_some_and(|w| w < 0.0) {
        // Lost events: the naive rule paired wrong ones. Not a machine's fault, and told.
        assert!(pair.quality == SyncQuality::Contradictory || pair.rejected > 0, "{what}");
        println!("{what}: {} rejected; {}", pair.rejected, pair.explain("host", name));
        return;
    }
    assert_eq!((machine.role, machine.quality), (SyncRole::Synced, SyncQuality::Accurate), "{what}");
    assert_eq!((pair.rejected, pair.ambiguous, pair.matches()), (0, 0, 2 * rounds.len() as u64));
    let (host_origin, guest_origin) = (rounds[0][2] - 5_000_000_000, rounds[0][1] - 77_000_000);
    for &[_, a, b, c, d] in &rounds {
        let to_host = |t: i64| machine.map.to_ref(MachineNs(t - guest_origin));
        assert!(to_host(a) <= RefNs(b - host_origin), "{what}: received before sent");
        // Rounding down by less than 1 ns must not count as a violation.
        assert!(to_host(d).0 + 1 > c - host_origin, "{what}: received before sent");
    }
    let exact = polygon_half_width(&rounds);
    let ours = machine.half_width_ns.unwrap() as f64;
    // Not smaller either, but for the ends: ours ends where one of the two machines' messages end.
    assert!(ours <= exact * 1.05 && ours >= exact * 0.99, "{what}: {ours} against {exact}");
    assert!(machine.half_width_median_ns.unwrap() as f64 <= ours);
    println!("{what}: ±{ours} ns (median {}), {} ppm", machine.half_width_median_ns.unwrap(), machine.drift_ppm);
    if clock.is_null() {
        return;
    }
    // Their line is the middle of the widest one; ours is the mean of the extreme ones. Both are possible.
    let number = |key: &str| BigRational::from_float(clock[key].as_f64().unwrap()).unwrap();
    let (x0, y0) = (int(clock["x0"].as_i64().unwrap()), int(clock["y0"].as_i64().unwrap()));
    let (slope, offset) = (parse(&machine.slope), parse(&machine.offset_ns));
    for &[_, a, _, _, d] in &rounds {
        for t in [a, d] {
            let theirs = &y0 + (int(t) - &x0) * (int(1) + number("slope_minus_1")) + number("offset");
            let ours_at = (int(t) - &offset) / &slope;
            assert!((theirs - ours_at).abs().to_f64().unwrap() <= ours, "{what}");
        }
    }
    let range = clock["slope_minus_1_range"].as_array().unwrap();
    let ours = (slope.recip() - int(1)).to_f64().unwrap();
    assert!(range[0].as_f64().unwrap() <= ours && ours <= range[1].as_f64().unwrap(), "{what}: {ours}");
}

fn check_all(folder: PathBuf) -> usize {
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: no {}", folder.display());
        return 0;
    };
    let mut checked = 0;
    for entry in entries {
        let folder = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(folder.join("truth.json")) else { continue };
        let truth: Value = serde_json::from_str(&text).unwrap();
        for (guest, sync) in truth["sync"].as_object().unwrap() {
            if sync["abcd"].as_array().is_some_and(|list| !list.is_empty()) {
                check(&folder, guest, sync);
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn shipped_samples() {
    let checked = check_all(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sample-traces"));
    assert!(checked >= 5, "{checked}");
}

#[test]
fn every_recording() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces/vm");
    let there = folder.is_dir();
    let checked = check_all(folder);
    assert!(!there || checked >= 11, "{checked}");
}
