//! Shorthand for tests: two machines and matches between them.

use num_bigint::BigInt;
use num_rational::BigRational;
use stratoscope_core::sync::{MachineSync, Match, PairSync, Solution, SyncEngine, SyncMachine, SyncOptions};
use stratoscope_core::vocab::{Cpu, MachineId, MachineNs, RowId, SyncMethod, SyncPoint, SyncStep, TimeRange};

pub(crate) const A: MachineId = MachineId(0);
pub(crate) const B: MachineId = MachineId(1);
pub(crate) const C: MachineId = MachineId(2);

/// A machine whose axis begins at 1970; named so that smaller ids have smaller identities.
pub(crate) fn machine(id: MachineId) -> SyncMachine {
    SyncMachine { id, identity: format!("machine {}", id.0), origin_ns: 0, extent: None, tsc_hz: None }
}

pub(crate) fn with_extent(id: MachineId, begin: i64, end: i64) -> SyncMachine {
    SyncMachine { extent: Some(TimeRange::new(MachineNs(begin), MachineNs(end))), ..machine(id) }
}

pub(crate) fn matched(from: (MachineId, i64), to: (MachineId, i64), method: SyncMethod) -> Match {
    Match { from: (from.0, MachineNs(from.1)), to: (to.0, MachineNs(to.1)), method }
}

/// One end of a message.
pub(crate) fn end(t: i64, method: SyncMethod, step: SyncStep, key: u128, thread: Option<u32>) -> SyncPoint {
    SyncPoint { t: MachineNs(t), cpu: Cpu(0), thread: thread.map(RowId), method, step, key }
}

/// The solution for two machines, A the reference.
pub(crate) fn solve_two(engine: &SyncEngine) -> Solution {
    engine.solve(&[machine(A), machine(B)], &SyncOptions::new(A))
}

pub(crate) fn of(solution: &Solution, id: MachineId) -> &MachineSync {
    solution.machines.iter().find(|m| m.id == id).unwrap()
}

pub(crate) fn pair(solution: &Solution, a: MachineId, b: MachineId) -> &PairSync {
    solution.pairs.iter().find(|p| (p.a, p.b) == (a, b) || (p.a, p.b) == (b, a)).unwrap()
}

pub(crate) fn int(n: impl Into<BigInt>) -> BigRational {
    BigRational::from(n.into())
}

/// What plain decimal notation says.
pub(crate) fn parse(text: &str) -> BigRational {
    let (digits, places) = match text.split_once('.') {
        Some((whole, rest)) => (format!("{whole}{rest}"), rest.len()),
        None => (String::from(text), 0),
    };
    BigRational::new(digits.parse().unwrap(), BigInt::from(10).pow(places as u32))
}

/// That a printed number is the nearest of its 34 digits to the exact one, or exact.
#[track_caller]
pub(crate) fn assert_printed(text: &str, exact: &BigRational) {
    let printed = parse(text);
    if printed == *exact {
        return;
    }
    let digits = text.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count();
    assert!(digits <= 34, "{text}");
    let places = text.split_once('.').map_or(0, |(_, rest)| rest.len());
    // Zeros at the end may be missing; then the number is nearer than its own last digit says.
    let last = BigRational::new(1.into(), BigInt::from(10).pow((places + 34 - digits) as u32));
    let error = if printed > *exact { &printed - exact } else { exact - &printed };
    assert!(error * int(2) <= last, "{text} is not the nearest to {exact}");
}
