//! The instances of a recurring task: when it was slow, what took the time, and who.
//!
//! An instance lasts from the wake-up that ends a sleep to the next sleep of the same kind; the kind is the one
//! in which the task sleeps most (a timer, a message), so that a wait for the disk in the middle of the work
//! ends nothing. Sleeps shorter than a fifth of the period end nothing either. Or the program marks its
//! instances itself, and [`pair_marks`] makes stretches of the marks.
//!
//! ```text
//!  blocked (timer) ┊ waiting, running, blocked (disk), running ┊ blocked (timer) ┊ running … ┊ blocked (timer)
//!                  └────────────── an instance ───────────────┘
//! ```
//!
//! It reads one row, of a thread as its machine sees it or joined with what the host knows: the joined one can
//! blame other machines. Which tasks recur at all is the business of [`super::recurring`].

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::store::{Interval, Look, Row, StateSums, StoreSnapshot};
use crate::vm::exits::percentile;
use crate::vm::tasks::clipped;
use crate::vm::view::{VmView, Who};
use crate::vocab::{Cancel, Cancelled, Cpu, Dur, MachineId, MachineNs, Name, RowKey, RowKind, State, Tid, TimeRange};

/// The part of a period that separates instances: a shorter sleep is part of the work.
const SEPARATES: i64 = 5;

/// Longer than so many times the lower quartile is slow, unless somebody wants another factor.
pub const SLOW_FACTOR: f64 = 1.5;

/// A task, and all that there is to blame somebody with.
#[derive(Clone, Copy)]
pub struct TaskRow<'a> {
    /// The task's machine.
    pub machine: MachineId,
    /// Its row: of a thread, or joined.
    pub row: &'a Row,
    /// The machine's own rows.
    pub own: &'a StoreSnapshot,
    /// What joined rows refer to.
    pub view: Option<&'a VmView>,
}

/// What took time, within an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What the task was in: any state but running.
    pub state: State,
    /// What is known of that: the reason of a wait.
    pub detail: Name,
    /// Who ran meanwhile; `None` if nobody knows or nobody did.
    pub who: Option<Who>,
    /// How long.
    pub time: Dur,
    /// How much longer than in the lower quartile of all instances.
    pub extra: Dur,
}

/// One instance of a recurring task.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// First instant: the wake-up, or the mark.
    pub begin: MachineNs,
    /// First instant after it.
    pub end: MachineNs,
    /// Whether it lasted longer than the factor times the lower quartile of all.
    pub slow: bool,
    /// Time per state of the row. Adds up to the duration where the row has intervals all along.
    pub by_state: StateSums,
    /// What took the most time more than it usually does; `None` if nothing but the task's own work took any.
    pub culprit: Option<Loss>,
}

impl Instance {
    /// How long it lasted.
    pub fn duration(&self) -> Dur {
        self.end - self.begin
    }
}

/// The instances of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instances {
    /// In order of time.
    pub list: Vec<Instance>,
    /// The sleep that separates them; `None` if marks do.
    pub kind: Option<Name>,
    /// The median distance of their begins; `None` of fewer than two.
    pub period: Option<Dur>,
    /// The lower quartile of their durations (nearest rank).
    pub lower_quartile: Dur,
}

/// The instances that begin in `range` and whose end is known, separated by sleeps. `kind` is the sleep that
/// separates them; without, the one in which the task sleeps most.
///
/// # Errors
/// Somebody cancelled.
pub fn by_sleeps(
    task: &TaskRow<'_>,
    range: TimeRange<MachineNs>,
    kind: Option<Name>,
    slow_factor: f64,
    cancel: &Cancel,
) -> Result<Instances, Cancelled> {
    let Some(pattern) = Pattern::of(task.row, range, kind, cancel)? else { return Ok(Instances::default()) };
    let mut instances = judge(task, pattern.stretches, slow_factor, cancel)?;
    instances.kind = Some(pattern.kind);
    Ok(instances)
}

/// The instances that those stretches are (see [`pair_marks`]).
///
/// # Errors
/// Somebody cancelled.
pub fn by_marks(
    task: &TaskRow<'_>,
    stretches: Vec<TimeRange<MachineNs>>,
    slow_factor: f64,
    cancel: &Cancel,
) -> Result<Instances, Cancelled> {
    judge(task, stretches, slow_factor, cancel)
}

/// The stretches from each begin to the first end after it that is not later than the next begin. Begins
/// without such an end, and ends without a begin, are left out; so equal lists give what lies between
/// neighbouring marks. Both lists must be in order of time.
pub fn pair_marks(begins: &[MachineNs], ends: &[MachineNs]) -> Vec<TimeRange<MachineNs>> {
    let mut stretches = Vec::new();
    for (n, begin) in begins.iter().enumerate() {
        let after = ends.partition_point(|end| end <= begin);
        let next = begins.get(n + 1).copied().unwrap_or(MachineNs::MAX);
        if let Some(end) = ends.get(after).filter(|end| **end <= next) {
            stretches.push(TimeRange::new(*begin, *end));
        }
    }
    stretches
}

/// How a task sleeps: what makes it recur.
pub(super) struct Pattern {
    pub(super) kind: Name,
    pub(super) stretches: Vec<TimeRange<MachineNs>>,
}

/// A sleep: a stretch of blocked intervals, of the kind of the last.
#[derive(Clone, Copy)]
struct Sleep {
    begin: MachineNs,
    end: MachineNs,
    kind: Name,
}

impl Pattern {
    /// The stretches of work that begin in `range`; `None` if the row has no sleep there.
    pub(super) fn of(
        row: &Row,
        range: TimeRange<MachineNs>,
        kind: Option<Name>,
        cancel: &Cancel,
    ) -> Result<Option<Self>, Cancelled> {
        // One that ends at the range's begin begins an instance there.
        let intervals = row.intervals(TimeRange::new(range.begin - Dur(1), MachineNs::MAX));
        let mut sleeps = Sleeps { intervals, held: None };
        let mut within = Vec::new();
        let mut beyond = None;
        while let Some(sleep) = sleeps.next_sleep() {
            if within.len() % 1024 == 0 {
                cancel.check()?;
            }
            if sleep.end >= range.end {
                beyond = Some(sleep);
                break;
            }
            within.push(sleep);
        }
        let Some(kind) = kind.or_else(|| most_slept(within.iter().chain(beyond.as_ref()))) else { return Ok(None) };
        within.retain(|s| s.kind == kind);
        // Distances by the time that they cover, so that many short ones within the work don't make the period.
        // The row's end is no wake-up.
        let row_end = row.extent().map_or(MachineNs::MIN, |e| e.end);
        let wakeups = within.iter().map(|s| s.end).filter(|end| *end < row_end);
        let separates = match time_weighted_median(distances(wakeups)) {
            Some(period) => Dur(period.0 / SEPARATES),
            None => Dur(0),
        };
        let is_separator = |s: &Sleep| s.kind == kind && s.end - s.begin >= separates;
        within.retain(is_separator);
        // What ends the last one may lie after the range.
        let mut last = beyond;
        while last.is_some_and(|s| !is_separator(&s)) {
            cancel.check()?;
            last = sleeps.next_sleep();
        }
        within.extend(last);
        let stretches = within
            .windows(2)
            .map(|two| TimeRange::new(two[0].end, two[1].begin))
            .filter(|s| range.contains(s.begin) && s.begin < s.end && row.at(s.begin).is_some())
            .collect();
        Ok(Some(Self { kind, stretches }))
    }

    /// The median distance of begins; `None` of fewer than two.
    pub(super) fn period(&self) -> Option<Dur> {
        period(&self.stretches)
    }
}

struct Sleeps<I> {
    intervals: I,
    /// Read already: it follows a hole in the row.
    held: Option<Sleep>,
}

impl<I: Iterator<Item = Interval>> Sleeps<I> {
    fn next_sleep(&mut self) -> Option<Sleep> {
        let mut sleep = self.held.take();
        for interval in self.intervals.by_ref() {
            let this = Sleep { begin: interval.begin, end: interval.end, kind: interval.look.detail };
            let asleep = matches!(interval.look.state, State::Blocked | State::Halted);
            match &mut sleep {
                None if asleep => sleep = Some(this),
                None => {}
                Some(sleep) if asleep && sleep.end == this.begin => (sleep.end, sleep.kind) = (this.end, this.kind),
                Some(_) => {
                    self.held = asleep.then_some(this);
                    return sleep;
                }
            }
        }
        sleep
    }
}

/// The kind with most time; among equals the one that came first.
fn most_slept<'a>(sleeps: impl Iterator<Item = &'a Sleep>) -> Option<Name> {
    let mut times: Vec<(Name, i64)> = Vec::new();
    for sleep in sleeps {
        let time = (sleep.end - sleep.begin).0;
        match times.iter_mut().find(|t| t.0 == sleep.kind) {
            Some(known) => known.1 = known.1.saturating_add(time),
            None => times.push((sleep.kind, time)),
        }
    }
    times.iter().rev().max_by_key(|t| t.1).map(|t| t.0)
}

fn distances(instants: impl Iterator<Item = MachineNs>) -> Vec<i64> {
    let mut last = None;
    instants.filter_map(|t| last.replace(t).map(|last| (t - last).0)).collect()
}

/// The distance up to which the shorter ones cover half of the time.
fn time_weighted_median(mut distances: Vec<i64>) -> Option<Dur> {
    distances.sort_unstable();
    let half = distances.iter().map(|d| i128::from(*d)).sum::<i128>() / 2;
    let mut covered = 0;
    distances
        .into_iter()
        .find(|d| {
            covered += i128::from(*d);
            covered >= half
        })
        .map(Dur)
}

/// The median distance of begins; `None` of fewer than two.
fn period(stretches: &[TimeRange<MachineNs>]) -> Option<Dur> {
    percentile(&mut distances(stretches.iter().map(|s| s.begin)), 50)
}

/// What time went to, of one instance; the task's own running is not in it.
type Losses = Vec<(LossKey, Dur)>;
type LossKey = (State, Name, Option<Who>);

fn judge(
    task: &TaskRow<'_>,
    stretches: Vec<TimeRange<MachineNs>>,
    slow_factor: f64,
    cancel: &Cancel,
) -> Result<Instances, Cancelled> {
    let mut durations: Vec<i64> = stretches.iter().map(|s| s.length().0).collect();
    let lower_quartile = percentile(&mut durations, 25).unwrap_or_default();
    let period = period(&stretches);
    let mut losses = Vec::with_capacity(stretches.len());
    for stretch in &stretches {
        cancel.check()?;
        losses.push(task.losses(*stretch));
    }
    let usual = usual(&losses);
    let instance = |(stretch, losses): (TimeRange<MachineNs>, Losses)| Instance {
        begin: stretch.begin,
        end: stretch.end,
        slow: stretch.length().0 as f64 > slow_factor * lower_quartile.0 as f64,
        by_state: task.row.sums(stretch),
        culprit: culprit(&losses, &usual),
    };
    let list = stretches.into_iter().zip(losses).map(instance).collect();
    Ok(Instances { list, kind: None, period, lower_quartile })
}

/// The lower quartile of each loss over all instances; none for what most instances are spared.
pub(crate) fn usual<K: Copy + Eq + Hash>(all: &[Vec<(K, Dur)>]) -> FxHashMap<K, Dur> {
    let mut times: FxHashMap<K, Vec<i64>> = FxHashMap::default();
    for (key, time) in all.iter().flatten() {
        times.entry(*key).or_default().push(time.0);
    }
    let mut usual = FxHashMap::default();
    #[expect(clippy::iter_over_hash_type, reason = "into another one: the order has no effect")]
    for (key, mut times) in times {
        times.resize(all.len(), 0);
        usual.insert(key, percentile(&mut times, 25).unwrap_or_default());
    }
    usual
}

fn culprit(losses: &Losses, usual: &FxHashMap<LossKey, Dur>) -> Option<Loss> {
    let loss = |(key, time): &(LossKey, Dur)| {
        let (state, detail, who) = *key;
        Loss { state, detail, who, time: *time, extra: *time - usual.get(key).copied().unwrap_or_default() }
    };
    // Among equals the first: `max_by_key` alone would take the last.
    losses.iter().map(loss).rev().max_by_key(|loss| (loss.extra, loss.time))
}

impl TaskRow<'_> {
    /// What the time of a stretch went to besides the task's own running, in order of first appearance.
    fn losses(&self, stretch: TimeRange<MachineNs>) -> Losses {
        let mut losses = Losses::new();
        let mut add = |key: LossKey, time: Dur| match losses.iter_mut().find(|l| l.0 == key) {
            _ if time <= Dur(0) => {}
            Some(known) => known.1 = known.1 + time,
            None => losses.push((key, time)),
        };
        for interval in self.row.intervals(stretch) {
            let part = clipped(&interval, stretch);
            let Look { state, detail, aux } = interval.look;
            let key = |who: Option<Who>| (state, detail, who);
            match state {
                State::None | State::RunningUser | State::RunningSyscall | State::Guest => {}
                State::PreemptedByHost | State::Preempted => {
                    add(key(self.view.and_then(|v| v.who(aux))), part.length())
                }
                State::WaitingCpu if self.row.key().kind == RowKind::Vcpu => {
                    add(key(self.view.and_then(|v| v.who(aux))), part.length());
                }
                State::WaitingCpu => self.on_run_queue(part, key(None), &mut add),
                _ => add(key(None), part.length()),
            }
        }
        losses
    }

    /// Who had the CPU on whose run queue the thread was, by the machine's own rows. Of a joined row also who had
    /// it in truth: the thread in front may have waited itself, for a vCPU that the host had taken.
    fn on_run_queue(&self, part: TimeRange<MachineNs>, key: LossKey, mut each: impl FnMut(LossKey, Dur)) {
        let thread = self.own_row(self.row.key());
        let queue = thread.and_then(|row| row.at(part.begin)).map(|there| there.look.aux);
        let cpu = queue.and_then(|cpu| u16::try_from(cpu).ok()).map(|cpu| RowKey::cpu(Cpu(cpu)));
        let cpu = cpu.and_then(|key| self.own.find(&key)).and_then(|id| self.own.row(id));
        let mut told = Dur(0);
        for there in cpu.iter().flat_map(|row| row.intervals(part)) {
            let now = clipped(&there, part);
            told = told + now.length();
            // What the CPU row says of the thread itself is the switch to it, or a hole in the trace.
            let tid = Tid(there.look.aux as i32);
            let known = there.look.aux != Look::NO_AUX && tid.0 > 0 && tid.0 != self.row.key().id;
            let Some((who, instance)) = known.then(|| self.who(tid, now.begin)) else {
                each(key, now.length());
                continue;
            };
            let mut left = now.length();
            for taken in self.joined_row(RowKey::thread(tid, instance)).iter().flat_map(|row| row.intervals(now)) {
                if taken.look.state == State::PreemptedByHost {
                    let time = clipped(&taken, now).length();
                    let culprit = self.view.and_then(|v| v.who(taken.look.aux));
                    each((State::PreemptedByHost, taken.look.detail, culprit), time);
                    left = left - time;
                }
            }
            each((key.0, key.1, Some(who)), left);
        }
        each(key, part.length() - told);
    }

    /// The thread's row without any host.
    fn own_row(&self, key: RowKey) -> Option<&'_ Row> {
        let id = self.own.find(&RowKey { kind: RowKind::Thread, ..key })?;
        self.own.row(id).map(|row| &**row)
    }

    /// The thread's joined row, if the task's is one.
    fn joined_row(&self, key: RowKey) -> Option<&'_ Row> {
        let truth = self.view.filter(|_| self.row.key().kind == RowKind::VmThread)?.truth(self.machine)?;
        truth.row(truth.find(&RowKey { kind: RowKind::VmThread, ..key })?).map(|row| &**row)
    }

    /// The thread of that tid at that time, and which use of the tid it is.
    fn who(&self, tid: Tid, t: MachineNs) -> (Who, u32) {
        bearer(self.machine, self.own, tid, t)
    }
}

/// The thread of a tid at an instant by a machine's own rows, and which use of the tid it is: the one that ends
/// later, else the last.
pub(crate) fn bearer(machine: MachineId, own: &StoreSnapshot, tid: Tid, t: MachineNs) -> (Who, u32) {
    let rows = (0..).map_while(|n| Some((n, own.row(own.find(&RowKey::thread(tid, n))?)?)));
    let (mut name, mut instance) = (Name::NONE, 0);
    for (n, row) in rows {
        (name, instance) = (row.name_at(t), n);
        if row.extent().is_some_and(|e| t < e.end) {
            break;
        }
    }
    (Who { machine, tid, name }, instance)
}
