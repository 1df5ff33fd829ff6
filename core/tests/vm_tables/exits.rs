//! Exits: every figure against a count over a sorted copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use stratoscope_core::store::{Look, StoreSnapshot, VmExit, Writer as _};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::exits::{self, Distribution, ExitKey, Host};
use stratoscope_core::vm::{VmModel, vm_times};
use stratoscope_core::vocab::{Cancel, Dur, MachineNs, RowKey, State, Tid, TimeRange};

use crate::support::{HOST, model, store, vcpu, view};

/// What a vCPU does next.
#[derive(Clone, Debug)]
struct Round {
    guest: i64,
    /// Between the first sign of root mode and the exit event.
    late: i64,
    stay: i64,
    /// Of the stay, in percent.
    off_cpu: i64,
    reason: usize,
    unknown: bool,
}

const REASONS: [(u8, u32); 4] = [(2, 0x78), (2, 0x60), (1, 12), (1, 1 << 31 | 33)];

fn rounds() -> impl Strategy<Value = Vec<Vec<Round>>> {
    let round = (1..60i64, 0..4i64, 0..90i64, 0..=100i64, 0..REASONS.len(), 0..20u8).prop_map(
        |(guest, late, stay, off_cpu, reason, odd)| Round { guest, late, stay, off_cpu, reason, unknown: odd == 0 },
    );
    prop::collection::vec(prop::collection::vec(round, 0..40), 1..4)
}

/// Runs the vCPUs and returns all exits with their vCPU.
fn record(vcpus: &[Vec<Round>]) -> (Arc<StoreSnapshot>, VmModel, Vec<(usize, VmExit)>) {
    let mut out = store();
    let mut all = Vec::new();
    for (n, rounds) in vcpus.iter().enumerate() {
        let row = out.row(RowKey::vcpu(Tid(100 + n as i32), 0));
        let mut t = 0;
        for round in rounds {
            let entered = if round.unknown { State::Unknown } else { State::Guest };
            out.set(row, MachineNs(t), Look::new(entered));
            t += round.guest;
            out.set(row, MachineNs(t), Look::new(State::Vmm));
            t += round.late + round.stay;
            let (isa, reason) = REASONS[round.reason];
            let (total, off_cpu) = (Dur(round.stay), Dur(round.stay * round.off_cpu / 100));
            let complete = !std::ptr::eq(round, rounds.last().unwrap());
            all.push((n, VmExit { t: MachineNs(t), total, off_cpu, vcpu: row, reason, isa, complete }));
        }
        out.set(row, MachineNs(t), Look::default());
    }
    all.sort_by_key(|(_, exit)| exit.t);
    all.iter().for_each(|(_, exit)| out.exit(*exit));
    let end = all.last().map_or(0, |e| e.1.t.0);
    let threads = (0..vcpus.len()).map(|n| vcpu(n as u32, 100 + n as i32)).collect();
    (out.snapshot(MachineNs(end)), model(threads), all)
}

/// The nearest rank by its definition.
fn rank(sorted: &[i64], percent: usize) -> Dur {
    let enough = |n: &usize| n * 100 >= percent * sorted.len();
    Dur(sorted[(1..=sorted.len()).find(enough).unwrap() - 1])
}

proptest! {
    #[test]
    fn tables_equal_naive_counts(vcpus in rounds(), from in -5..2000i64, length in 0..2000i64) {
        let (store, model, all) = record(&vcpus);
        let range = TimeRange::new(MachineNs(from), MachineNs(from + length));
        let host = Host { machine: HOST, store: &store, range };
        let mut naive: BTreeMap<ExitKey, Vec<VmExit>> = BTreeMap::new();
        for (vcpu, exit) in all.iter().filter(|e| range.contains(e.1.begin())) {
            let code = reasons::code(exit.isa, exit.reason);
            naive.entry(ExitKey { vm: 0, vcpu: *vcpu, isa: exit.isa, code }).or_default().push(*exit);
        }
        let table = exits::statistics(&model, &host, &Cancel::default()).unwrap();
        prop_assert_eq!(table.len(), naive.len());
        for row in &table {
            let exits = &naive[&row.key];
            prop_assert_eq!(row.count, exits.len() as u64);
            let complete: Vec<&VmExit> = exits.iter().filter(|e| e.complete).collect();
            prop_assert_eq!(row.incomplete, (exits.len() - complete.len()) as u64);
            let mut sorted: Vec<i64> = complete.iter().map(|e| e.total.0 - e.off_cpu.0).collect();
            sorted.sort_unstable();
            prop_assert_eq!(row.times.is_some(), !sorted.is_empty());
            let Some(times) = &row.times else { continue };
            let total: i64 = sorted.iter().sum();
            prop_assert_eq!(times.total, Dur(total));
            prop_assert_eq!(times.mean, Dur(total / sorted.len() as i64));
            prop_assert_eq!((times.min, times.max), (Dur(sorted[0]), Dur(*sorted.last().unwrap())));
            prop_assert_eq!((times.p50, times.p99), (rank(&sorted, 50), rank(&sorted, 99)));
            prop_assert_eq!(times.off_cpu, Dur(complete.iter().map(|e| e.off_cpu.0).sum()));
            prop_assert_eq!(times.longest.handling(), times.max);
        }
        let everything = |_: &ExitKey| true;
        let columns = exits::rate(&model, &host, everything, 7, &Cancel::default()).unwrap();
        prop_assert_eq!(columns.iter().sum::<u64>(), table.iter().map(|r| r.count).sum::<u64>());
        let how_long = exits::distribution(&model, &host, everything, &Cancel::default()).unwrap();
        prop_assert_eq!(how_long.counts.iter().sum::<u64>(), table.iter().map(|r| r.count - r.incomplete).sum::<u64>());
    }

    #[test]
    fn a_bucket_holds_what_lies_between_its_begin_and_the_next(ns in 0..i64::MAX) {
        let bucket = Distribution::bucket(Dur(ns));
        prop_assert!(Distribution::begin_of(bucket) <= Dur(ns));
        prop_assert!(Distribution::begin_of(bucket + 1) > Dur(ns));
    }

    #[test]
    fn the_seven_times_of_a_vm_add_up(vcpus in rounds(), from in -5..2000i64, length in 0..2000i64) {
        let (store, model, _) = record(&vcpus);
        let view = view(model, Some(store), None, &[]);
        let range = TimeRange::new(MachineNs(from), MachineNs(from + length));
        let times = vm_times(&view, &view.model.vms[0], range);
        prop_assert_eq!(times.total(), Dur(length * vcpus.len() as i64));
    }
}

#[test]
fn an_exit_counts_where_it_left_with_all_of_its_time() {
    let round = |guest, stay| Round { guest, late: 0, stay, off_cpu: 0, reason: 0, unknown: false };
    // Leaves at 10, back at 1010; leaves at 1020, back at 1025; the last one never comes back.
    let (store, model, _) = record(&[vec![round(10, 1000), round(10, 5), round(10, 0)]]);
    let max = |from, to| {
        let host = Host { machine: HOST, store: &store, range: TimeRange::new(MachineNs(from), MachineNs(to)) };
        let table = exits::statistics(&model, &host, &Cancel::default()).unwrap();
        table.first().map(|row| (row.count, row.times.as_ref().map(|t| t.max)))
    };
    assert_eq!(max(0, 11), Some((1, Some(Dur(1000)))), "its end lies far behind the range");
    assert_eq!(max(11, 1020), None, "it left before the range");
    assert_eq!(max(11, 1021), Some((1, Some(Dur(5)))));
    assert_eq!(max(1026, 2000), Some((1, None)), "counted, but nobody knows how long");
}

#[test]
fn columns_of_a_rate_divide_the_range_evenly() {
    let round = |guest| Round { guest, late: 0, stay: 0, off_cpu: 0, reason: 0, unknown: false };
    let (store, model, _) = record(&[(0..10).map(|_| round(10)).collect()]);
    let host = Host { machine: HOST, store: &store, range: TimeRange::new(MachineNs(10), MachineNs(50)) };
    let rate = exits::rate(&model, &host, |_| true, 2, &Cancel::default()).unwrap();
    assert_eq!(rate, [2, 2], "at 10 and 20, at 30 and 40");
    assert_eq!(exits::rate(&model, &host, |key| key.vcpu == 1, 2, &Cancel::default()).unwrap(), [0, 0]);
}

#[test]
fn who_cancels_gets_no_table() {
    let round = Round { guest: 1, late: 0, stay: 1, off_cpu: 0, reason: 0, unknown: false };
    let (store, model, _) = record(&[vec![round; 3]]);
    let host = Host { machine: HOST, store: &store, range: TimeRange::new(MachineNs(0), MachineNs::MAX) };
    let cancel = Cancel::default();
    cancel.cancel();
    assert!(exits::statistics(&model, &host, &cancel).is_err());
}
