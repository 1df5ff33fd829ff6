//! How much of its CPUs a machine used: over columns of time, and per CPU and thread in a stretch.
//!
//! A CPU is used while it is not idle; interrupts and softirqs count, also those that come over its idle task. A
//! thread uses a CPU while it has one, what interrupts it included, as its kernel charges it. So the threads of a
//! machine and the interrupts over its idle tasks add up to what its CPUs were used. In a guest that is what its
//! own kernel believes; which part of it the host took away, its joined rows tell (`vm`).
//!
//! Times are sums that rows keep: exact, and columns add up to the stretch that they divide. Only where a thread
//! ran is read from its intervals. Not here: which threads anybody wants to see.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::store::{Row, StateSums, StoreSnapshot};
use crate::sync::ClockMap;
use crate::vocab::{Cancel, Cancelled, Cpu, Dur, MachineNs, RefNs, RowId, RowKey, RowKind, State, StateSet, TimeRange};

const fn set<const N: usize>(states: [State; N]) -> StateSet {
    let mut bits = 0;
    let mut n = 0;
    while n < N {
        bits |= 1 << (states[n] as u8);
        n += 1;
    }
    StateSet(bits)
}

/// States of a CPU that is used.
pub const CPU_USED: StateSet = set([State::User, State::Syscall, State::Irq, State::Softirq]);

/// States of a thread that has a CPU.
pub const THREAD_RUNS: StateSet = set([State::RunningUser, State::RunningSyscall, State::Interrupted]);

/// Of a guest's thread: it believes to run, and the host has given its CPU to somebody else.
const STOLEN: StateSet = set([State::PreemptedByHost]);

/// Nobody knows what it does.
const UNKNOWN: StateSet = set([State::Unknown]);

/// Time in any state of a set.
pub fn time_in(sums: &StateSums, states: StateSet) -> Dur {
    states.iter().fold(Dur(0), |sum, state| sum + sums.time(state))
}

/// A machine's rows.
#[derive(Clone, Copy)]
pub struct UsageOf<'a> {
    /// What it tells itself.
    pub store: &'a StoreSnapshot,
    /// Of a guest whose host is known: its threads' joined rows.
    pub truth: Option<&'a StoreSnapshot>,
}

impl<'a> UsageOf<'a> {
    fn rows(self, kind: RowKind) -> impl Iterator<Item = &'a Row> {
        self.store.rows().map(|row| &**row).filter(move |row| row.key().kind == kind && !row.key().is_idle_task())
    }

    /// The joined rows of a guest's threads, where there are any.
    fn joined(self) -> Option<impl Iterator<Item = &'a Row>> {
        let rows = self.truth?.rows().map(|row| &**row).filter(|row| row.key().kind == RowKind::VmThread);
        let mut rows = rows.peekable();
        rows.peek()?;
        Some(rows)
    }

    fn joined_row(self, key: RowKey) -> Option<&'a Row> {
        let truth = self.truth?;
        let id = truth.find(&RowKey { kind: RowKind::VmThread, ..key })?;
        truth.row(id).map(|row| &**row)
    }

    /// How many CPUs it has, as far as anything is known of them.
    pub fn cpu_count(self) -> usize {
        self.rows(RowKind::Cpu).count()
    }

    /// Whether the host tells what of its time was stolen.
    pub fn tells_stolen(self) -> bool {
        self.joined().is_some()
    }
}

/// The edges of `columns` columns that divide a window of the common axis evenly, on a machine's own: one more than
/// there are columns.
pub fn edges(map: &ClockMap, window: TimeRange<RefNs>, columns: usize) -> Vec<MachineNs> {
    let length = i128::from(window.end.0) - i128::from(window.begin.0);
    let edge = |n: usize| {
        let ns = length.max(0) * n as i128 / columns.max(1) as i128;
        map.from_ref(window.begin + Dur(i64::try_from(ns).unwrap_or(i64::MAX)))
    };
    (0..=columns.max(1)).map(edge).collect()
}

/// Time of all `rows` together in each of `sets`, for each column between two neighbours of `edges`, which must not
/// decrease. Exact: the columns of a set add up to the sums of the rows from the first edge to the last.
///
/// Takes time in proportion to the columns, or to the intervals where those are fewer.
///
/// # Errors
/// Somebody cancelled.
pub fn columns(
    rows: &[&Row],
    edges: &[MachineNs],
    sets: &[StateSet],
    cancel: &Cancel,
) -> Result<Vec<Vec<Dur>>, Cancelled> {
    let width = edges.len().saturating_sub(1);
    let none = || vec![vec![Dur(0); width]; sets.len()];
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(none()) };
    let whole = TimeRange::new(*first, *last);
    let any = sets.iter().fold(StateSet::default(), |all, set| StateSet(all.0 | set.0));
    let of_row = |mut sum: Vec<Vec<Dur>>, row: &&Row| {
        cancel.check()?;
        let sums = row.sums(whole);
        if time_in(&sums, any) == Dur(0) {
            return Ok(sum);
        }
        let mut add = |n: usize, state: State, time: Dur| {
            for (of_set, states) in sum.iter_mut().zip(sets) {
                if states.contains(state)
                    && let Some(column) = of_set.get_mut(n)
                {
                    *column = *column + time;
                }
            }
        };
        if sums.count.iter().sum::<u64>() <= width as u64 {
            by_intervals(row, edges, any, &mut add);
        } else {
            for (n, edge) in edges.windows(2).enumerate() {
                if n % 256 == 255 {
                    cancel.check()?;
                }
                let [begin, end] = *edge else { continue };
                let sums = row.sums(TimeRange::new(begin, end));
                any.iter().for_each(|state| add(n, state, sums.time(state)));
            }
        }
        Ok(sum)
    };
    let together = |mut a: Vec<Vec<Dur>>, b: Vec<Vec<Dur>>| {
        for (a, b) in a.iter_mut().flatten().zip(b.into_iter().flatten()) {
            *a = *a + b;
        }
        Ok(a)
    };
    rows.par_iter().with_min_len(16).try_fold(none, of_row).try_reduce(none, together)
}

/// Deals the intervals of a row out to the columns that they touch.
fn by_intervals(row: &Row, edges: &[MachineNs], any: StateSet, add: &mut impl FnMut(usize, State, Dur)) {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return };
    let mut n = 0;
    for interval in row.intervals(TimeRange::new(*first, *last)) {
        if !any.contains(interval.look.state) {
            continue;
        }
        // The first column that ends after the interval begins.
        n += edges[n + 1..].partition_point(|end| *end <= interval.begin);
        let mut column = n;
        while let Some([begin, end]) = edges.get(column..column + 2)
            && *begin < interval.end
        {
            let time = interval.end.min(*end) - interval.begin.max(*begin);
            if time > Dur(0) {
                add(column, interval.look.state, time);
            }
            column += 1;
        }
    }
}

/// How much a machine used of all its CPUs together, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageColumns {
    /// CPU time: more than a column lasts, where several CPUs were used.
    pub used: Vec<Dur>,
    /// CPU time of which nobody knows whether it was used.
    pub unknown: Vec<Dur>,
    /// Of a guest: the part of `used` that threads believed to have and the host had given to others; `None` where
    /// no host tells.
    pub stolen: Option<Vec<Dur>>,
}

/// A machine's usage between each two neighbours of `edges` (see [`columns`]).
///
/// # Errors
/// Somebody cancelled.
pub fn machine_columns(of: UsageOf<'_>, edges: &[MachineNs], cancel: &Cancel) -> Result<UsageColumns, Cancelled> {
    let cpus: Vec<&Row> = of.rows(RowKind::Cpu).collect();
    let mut both = columns(&cpus, edges, &[CPU_USED, UNKNOWN], cancel)?.into_iter();
    let (used, unknown) = (both.next().unwrap_or_default(), both.next().unwrap_or_default());
    let stolen = match of.joined() {
        Some(rows) => columns(&rows.collect::<Vec<_>>(), edges, &[STOLEN], cancel)?.pop(),
        None => None,
    };
    Ok(UsageColumns { used, unknown, stolen })
}

/// A thread's usage between each two neighbours of `edges`; nothing is unknown there: it has a CPU or has not.
///
/// # Errors
/// Somebody cancelled.
pub fn thread_columns(
    of: UsageOf<'_>,
    key: RowKey,
    edges: &[MachineNs],
    cancel: &Cancel,
) -> Result<UsageColumns, Cancelled> {
    let row = of.store.find(&key).and_then(|id| of.store.row(id)).map(|row| &**row);
    let one = |row: Option<&Row>, states: StateSet| {
        let mut sums = columns(row.as_slice(), edges, &[states], cancel)?;
        Ok(sums.pop().unwrap_or_default())
    };
    let used = one(row, THREAD_RUNS)?;
    let stolen = if of.tells_stolen() { Some(one(of.joined_row(key), STOLEN)?) } else { None };
    Ok(UsageColumns { unknown: vec![Dur(0); used.len()], used, stolen })
}

/// How much of a CPU was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuUsage {
    /// Its row.
    pub row: RowId,
    /// Which.
    pub cpu: Cpu,
    /// Time in which it was not idle.
    pub used: Dur,
    /// The part of that in which it handled interrupts and softirqs.
    pub interrupts: Dur,
    /// Time of which nobody knows.
    pub unknown: Dur,
}

/// All CPUs of a machine, by number.
pub fn cpus(of: UsageOf<'_>, range: TimeRange<MachineNs>) -> Vec<CpuUsage> {
    let usage = |row: &Row| {
        let sums = row.sums(range);
        CpuUsage {
            row: row.id(),
            cpu: row.key().cpu,
            used: time_in(&sums, CPU_USED),
            interrupts: sums.time(State::Irq) + sums.time(State::Softirq),
            unknown: sums.time(State::Unknown),
        }
    };
    let mut all: Vec<CpuUsage> = of.rows(RowKind::Cpu).map(usage).collect();
    all.sort_by_key(|cpu| cpu.cpu);
    all
}

/// How much CPU time a thread had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadUsage {
    /// Its row.
    pub row: RowId,
    /// That row's key.
    pub key: RowKey,
    /// Time in which it had a CPU of its machine.
    pub used: Dur,
    /// Of a guest's thread: the part of that which the host had given to others; `None` where no host tells.
    pub stolen: Option<Dur>,
}

/// The threads of a machine that had a CPU in a range, those with most time first; idle tasks are left out. Takes
/// time in proportion to the number of threads, not of intervals.
///
/// # Errors
/// Somebody cancelled.
pub fn threads(of: UsageOf<'_>, range: TimeRange<MachineNs>, cancel: &Cancel) -> Result<Vec<ThreadUsage>, Cancelled> {
    let tells = of.tells_stolen();
    let rows: Vec<&Row> = of.rows(RowKind::Thread).collect();
    let usage = |row: &&Row| {
        if let Err(cancelled) = cancel.check() {
            return Some(Err(cancelled));
        }
        let used = time_in(&row.sums(range), THREAD_RUNS);
        let stolen = |row: &Row| time_in(&row.sums(range), STOLEN);
        (used > Dur(0)).then(|| {
            let stolen = tells.then(|| of.joined_row(row.key()).map_or(Dur(0), stolen));
            Ok(ThreadUsage { row: row.id(), key: row.key(), used, stolen })
        })
    };
    let all: Result<Vec<ThreadUsage>, Cancelled> = rows.par_iter().with_min_len(64).filter_map(usage).collect();
    let mut all = all?;
    all.sort_by_key(|thread| (std::cmp::Reverse(thread.used), thread.key));
    Ok(all)
}

/// Where a thread ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Time on each CPU, the one that it used most first. Adds up to what it used.
    pub cpus: Vec<(Cpu, Dur)>,
    /// How often it ran on another CPU than before.
    pub migrations: u64,
}

/// Where a thread ran in a range: read from its intervals, so it takes time in proportion to those.
///
/// # Errors
/// Somebody cancelled.
pub fn places(row: &Row, range: TimeRange<MachineNs>, cancel: &Cancel) -> Result<Places, Cancelled> {
    let mut times: FxHashMap<u32, Dur> = FxHashMap::default();
    let mut last: Option<(u32, Dur)> = None;
    let mut migrations = 0;
    for (n, interval) in row.intervals(range).enumerate() {
        if n % 4096 == 4095 {
            cancel.check()?;
        }
        if !THREAD_RUNS.contains(interval.look.state) {
            continue;
        }
        let time = interval.end.min(range.end) - interval.begin.max(range.begin);
        last = match last {
            Some((cpu, sum)) if cpu == interval.look.aux => Some((cpu, sum + time)),
            before => {
                // A stay on one CPU is entered when it is over.
                if let Some((cpu, sum)) = before {
                    enter(&mut times, cpu, sum);
                    migrations += 1;
                }
                Some((interval.look.aux, time))
            }
        };
    }
    if let Some((cpu, sum)) = last {
        enter(&mut times, cpu, sum);
    }
    let number = |cpu: u32| u16::try_from(cpu).map_or(Cpu::UNKNOWN, Cpu);
    let mut cpus: Vec<(Cpu, Dur)> = times.into_iter().map(|(cpu, time)| (number(cpu), time)).collect();
    cpus.sort_by_key(|(cpu, time)| (std::cmp::Reverse(*time), *cpu));
    Ok(Places { cpus, migrations })
}

fn enter(times: &mut FxHashMap<u32, Dur>, cpu: u32, time: Dur) {
    let sum = times.entry(cpu).or_default();
    *sum = *sum + time;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::store::{Extents, Look, MachineStore, StoreOptions, Writer};
    use crate::vocab::{ProblemLog, Tid};

    type Step = (u8, u16, u8);

    const STATES: [State; 8] = [
        State::None,
        State::Blocked,
        State::RunningUser,
        State::RunningSyscall,
        State::Interrupted,
        State::WaitingCpu,
        State::Unknown,
        State::PreemptedByHost,
    ];

    /// A store of one row for each list: states of lengths, on CPUs.
    fn store(kind: RowKind, rows: &[Vec<Step>], states: &[State]) -> Arc<StoreSnapshot> {
        let mut store = MachineStore::for_some_rows(&Extents::new(&StoreOptions::default(), ProblemLog::default()));
        let mut end = 0;
        for (n, steps) in rows.iter().enumerate() {
            let key = match kind {
                RowKind::Cpu => RowKey::cpu(Cpu(n as u16)),
                kind => RowKey { kind, ..RowKey::thread(Tid(n as i32 + 1), 0) },
            };
            let row = store.row(key);
            let mut t = 0;
            for (state, length, cpu) in steps {
                let state = states[usize::from(*state) % states.len()];
                store.set(row, MachineNs(t), Look { aux: u32::from(*cpu % 4), ..Look::new(state) });
                t += i64::from(*length);
            }
            store.set(row, MachineNs(t), Look::default());
            end = end.max(t);
        }
        store.snapshot(MachineNs(end))
    }

    fn of(store: &StoreSnapshot) -> UsageOf<'_> {
        UsageOf { store, truth: None }
    }

    fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec((0..8u8, 0..1000u16, 0..4u8), 0..most)
    }

    /// Time in states within a stretch, interval by interval.
    fn slowly(row: &Row, begin: MachineNs, end: MachineNs, states: StateSet) -> Dur {
        row.intervals(TimeRange::new(begin, end))
            .filter(|i| states.contains(i.look.state))
            .fold(Dur(0), |sum, i| sum + (i.end.min(end) - i.begin.max(begin)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn columns_are_what_intervals_add_up_to(
            rows in prop::collection::vec(steps(700), 1..4),
            begin in -500..200_000i64,
            length in 0..250_000i64,
            width in 1..300usize,
        ) {
            let store = store(RowKind::Thread, &rows, &STATES);
            let rows: Vec<&Row> = store.rows().map(|row| &**row).collect();
            let window = TimeRange::new(RefNs(begin), RefNs(begin + length));
            let edges = edges(&ClockMap::IDENTITY, window, width);
            prop_assert_eq!(edges.len(), width + 1);
            let sets = [THREAD_RUNS, UNKNOWN];
            let found = columns(&rows, &edges, &sets, &Cancel::default()).unwrap();
            for (found, states) in found.iter().zip(sets) {
                for (n, time) in found.iter().enumerate() {
                    let slow = rows.iter().fold(Dur(0), |s, r| s + slowly(r, edges[n], edges[n + 1], states));
                    prop_assert_eq!(*time, slow, "column {}", n);
                }
                let whole = TimeRange::new(edges[0], edges[width]);
                let all = rows.iter().fold(Dur(0), |s, r| s + time_in(&r.sums(whole), states));
                prop_assert_eq!(found.iter().fold(Dur(0), |s, t| s + *t), all);
            }
        }

        #[test]
        fn places_add_up_to_what_a_thread_used(
            steps in steps(900),
            begin in -500..200_000i64,
            length in 0..250_000i64,
        ) {
            let store = store(RowKind::Thread, &[steps], &STATES);
            let range = TimeRange::new(MachineNs(begin), MachineNs(begin + length));
            let all = threads(of(&store), range, &Cancel::default()).unwrap();
            for thread in &all {
                let row = store.row(thread.row).unwrap();
                let places = places(row, range, &Cancel::default()).unwrap();
                prop_assert_eq!(places.cpus.iter().fold(Dur(0), |s, (_, t)| s + *t), thread.used);
                prop_assert!(places.cpus.is_sorted_by_key(|(_, t)| std::cmp::Reverse(*t)));
                prop_assert!(places.migrations + 1 >= places.cpus.len() as u64);
                prop_assert_eq!(slowly(row, range.begin, range.end, THREAD_RUNS), thread.used);
            }
        }
    }

    #[test]
    fn cpus_count_their_interrupts_and_say_what_nobody_knows() {
        let states = [State::Idle, State::User, State::Syscall, State::Irq, State::Softirq, State::Unknown];
        let each = (0..6u8).map(|n| (n, 10 * u16::from(n + 1), 0)).collect();
        let store = store(RowKind::Cpu, &[each, vec![(0, 210, 0)]], &states);
        let range = TimeRange::new(MachineNs(0), MachineNs(1000));
        let all = cpus(of(&store), range);
        let (used, interrupts) = (Dur(20 + 30 + 40 + 50), Dur(40 + 50));
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].cpu, all[0].used, all[0].interrupts, all[0].unknown), (Cpu(0), used, interrupts, Dur(60)));
        assert_eq!((all[1].used, all[1].unknown), (Dur(0), Dur(0)));
        assert_eq!(of(&store).cpu_count(), 2);
        let edges = edges(&ClockMap::IDENTITY, TimeRange::new(RefNs(0), RefNs(210)), 3);
        let columns = machine_columns(of(&store), &edges, &Cancel::default()).unwrap();
        assert_eq!(columns.used, [Dur(20 + 30 + 10), Dur(30 + 40), Dur(10)]);
        assert_eq!(columns.unknown, [Dur(0), Dur(0), Dur(60)]);
        assert_eq!(columns.stolen, None);
    }

    #[test]
    fn what_the_host_took_is_told_where_a_host_is_known() {
        let own = store(RowKind::Thread, &[vec![(2, 100, 0), (1, 100, 0), (3, 100, 1)], vec![(1, 300, 0)]], &STATES);
        let joined = store(
            RowKind::VmThread,
            &[vec![(2, 40, 0), (7, 60, 0), (1, 100, 0), (7, 10, 0), (3, 90, 1)], vec![(1, 300, 0)]],
            &STATES,
        );
        let guest = UsageOf { store: &own, truth: Some(&joined) };
        let range = TimeRange::new(MachineNs(0), MachineNs(300));
        let all = threads(guest, range, &Cancel::default()).unwrap();
        assert_eq!(all.len(), 1, "who had no CPU is not in the list");
        assert_eq!((all[0].used, all[0].stolen), (Dur(200), Some(Dur(70))));
        let edges = edges(&ClockMap::IDENTITY, TimeRange::new(RefNs(0), RefNs(300)), 3);
        let thread = thread_columns(guest, all[0].key, &edges, &Cancel::default()).unwrap();
        assert_eq!(thread.used, [Dur(100), Dur(0), Dur(100)]);
        assert_eq!(thread.stolen, Some(vec![Dur(60), Dur(0), Dur(10)]));
        let machine = machine_columns(guest, &edges, &Cancel::default()).unwrap();
        assert_eq!(machine.stolen, thread.stolen);
        let row = own.row(all[0].row).unwrap();
        let places = places(row, range, &Cancel::default()).unwrap();
        assert_eq!((places.cpus, places.migrations), (vec![(Cpu(0), Dur(100)), (Cpu(1), Dur(100))], 1));
    }

    #[test]
    fn questions_can_be_cancelled() {
        let store = store(RowKind::Thread, &[vec![(2, 100, 0)]], &STATES);
        let cancel = Cancel::default();
        cancel.cancel();
        let range = TimeRange::new(MachineNs(0), MachineNs(100));
        assert!(threads(of(&store), range, &cancel).is_err());
        let rows: Vec<&Row> = store.rows().map(|row| &**row).collect();
        assert!(columns(&rows, &[range.begin, range.end], &[THREAD_RUNS], &cancel).is_err());
    }
}
