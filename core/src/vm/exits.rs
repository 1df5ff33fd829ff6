//! How often, why and for how long vCPUs left their guest: tables, distributions and rates of exits.
//!
//! All of it is read from the host's table of [`VmExit`]s, each of which is a stay in the hypervisor: from an
//! exit to the next entry of the same thread. An exit belongs to a range of the host's time if the *exit* lies
//! in it, and counts with its whole time then, also with what is after the range. The table is in order of
//! entries, not of exits, so a range's exits end where every vCPU that was out of its guest at the range's end
//! has been seen to go back.
//!
//! ```text
//!                  from                       to
//! vCPU 0   ──E────x──┊──E──────x────E───────x──┊────────E───      the last x is counted, with all of its time
//! vCPU 1   ──────────┊───────────────x─E───────┊────────────      in its guest at `to`: nothing to wait for
//! ```
//!
//! The *time* of an exit is what the hypervisor needed: without the part in which its thread was on no CPU
//! (asleep, or taken off), which is told apart. Names of reasons are in [`crate::vcpu::reasons`].

use rustc_hash::FxHashMap;

use crate::store::{StoreSnapshot, VmExit};
use crate::vcpu::reasons;
use crate::vm::model::VmModel;
use crate::vocab::{Cancel, Cancelled, Dur, MachineId, MachineNs, RowId, State, TimeRange};

/// Exits between two looks at whether somebody cancelled.
const STEP: u32 = 4096;

/// A host of the session: where its exits are, and which of them are asked for.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Its number.
    pub machine: MachineId,
    /// Its own rows and points.
    pub store: &'a StoreSnapshot,
    /// When the exits happened, in its time.
    pub range: TimeRange<MachineNs>,
}

/// What exits are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExitKey {
    /// The VM's position in [`VmModel::vms`].
    pub vm: usize,
    /// The vCPU's position in [`crate::vm::Vm::vcpus`].
    pub vcpu: usize,
    /// 1 VMX, 2 SVM, 0 unknown.
    pub isa: u8,
    /// The reason, without flags.
    pub code: u32,
}

/// The exits of one vCPU for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct ExitStats {
    /// Of which vCPU, and why.
    pub key: ExitKey,
    /// How many there are.
    pub count: u64,
    /// How many of them were not seen to end: counted, but with no part in the times.
    pub incomplete: u64,
    /// What they took; `None` if none was seen to end.
    pub times: Option<ExitTimes>,
}

/// What exits took. Times are those in which the thread had a CPU.
#[derive(Clone, Debug, PartialEq)]
pub struct ExitTimes {
    /// All together.
    pub total: Dur,
    /// The shortest.
    pub min: Dur,
    /// The mean, rounded down.
    pub mean: Dur,
    /// The smallest time that half of them don't exceed (nearest rank).
    pub p50: Dur,
    /// The smallest time that 99 of 100 don't exceed (nearest rank).
    pub p99: Dur,
    /// The longest.
    pub max: Dur,
    /// Time in which the thread was on no CPU, of all together. Not in any of the others.
    pub off_cpu: Dur,
    /// The exit that took longest, the first among equals.
    pub longest: VmExit,
}

impl VmExit {
    /// What the hypervisor needed: the stay without the time in which the thread was on no CPU.
    pub fn handling(&self) -> Dur {
        (self.total - self.off_cpu).max(Dur(0))
    }
}

/// The machines that run VMs, in order.
pub fn hosts(model: &VmModel) -> Vec<MachineId> {
    let mut hosts: Vec<MachineId> = model.vms.iter().map(|vm| vm.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// Calls `each` for every exit of the host's vCPUs whose exit event lies in the range, in order of entries.
/// Takes time in proportion to the exits from the range's begin on to the last one's entry.
///
/// # Errors
/// Somebody cancelled.
pub fn visit(
    model: &VmModel,
    host: &Host<'_>,
    cancel: &Cancel,
    mut each: impl FnMut(ExitKey, &VmExit),
) -> Result<(), Cancelled> {
    let TimeRange { begin, end } = host.range;
    if begin >= end {
        return Ok(());
    }
    let mut vcpus: FxHashMap<RowId, Tracked> = FxHashMap::default();
    let mut out_at_end = 0;
    for (vm, of) in model.vms.iter().enumerate().filter(|(_, vm)| vm.host == host.machine) {
        for (vcpu, about) in of.vcpus.iter().enumerate() {
            let Some(row) = host.store.find(&about.key) else { continue };
            let pending = may_be_out(host.store, row, end);
            out_at_end += usize::from(pending);
            vcpus.insert(row, Tracked { vm, vcpu, pending });
        }
    }
    let mut until_look = 0;
    for exit in host.store.exits().range(TimeRange::new(begin, MachineNs::MAX)) {
        if until_look == 0 {
            cancel.check()?;
            until_look = STEP;
        }
        until_look -= 1;
        let late = exit.t >= end;
        if late && out_at_end == 0 {
            break;
        }
        let Some(tracked) = vcpus.get_mut(&exit.vcpu) else { continue };
        if host.range.contains(exit.begin()) {
            let (isa, code) = (exit.isa, reasons::code(exit.isa, exit.reason));
            each(ExitKey { vm: tracked.vm, vcpu: tracked.vcpu, isa, code }, &exit);
        }
        // Stays of one vCPU don't overlap, so only the first that ends after the range can begin in it.
        if late && std::mem::take(&mut tracked.pending) {
            out_at_end -= 1;
        }
    }
    Ok(())
}

struct Tracked {
    vm: usize,
    vcpu: usize,
    /// Whether a stay in the hypervisor may go on at the range's end.
    pending: bool,
}

/// Whether the vCPU may have been out of its guest just before `end`.
fn may_be_out(store: &StoreSnapshot, row: RowId, end: MachineNs) -> bool {
    let before = end - Dur(1);
    store.row(row).and_then(|row| row.at(before)).is_some_and(|there| there.look.state != State::Guest)
}

/// Exits while they are counted. Keeps eight bytes an exit, because percentiles are exact.
#[derive(Clone, Debug, Default)]
pub struct ExitSums {
    count: u64,
    /// Of those that were seen to end.
    times: Vec<i64>,
    total: Dur,
    off_cpu: Dur,
    longest: Option<VmExit>,
}

impl ExitSums {
    /// Counts an exit; says whether it is the longest so far.
    pub fn add(&mut self, exit: &VmExit) -> bool {
        self.count += 1;
        if !exit.complete {
            return false;
        }
        let time = exit.handling();
        self.times.push(time.0);
        self.total = self.total + time;
        self.off_cpu = self.off_cpu + exit.off_cpu;
        let longest = self.longest.is_none_or(|longest| longest.handling() < time);
        if longest {
            self.longest = Some(*exit);
        }
        longest
    }

    /// How many there were, and how many of them were not seen to end.
    pub fn counts(&self) -> (u64, u64) {
        (self.count, self.count - self.times.len() as u64)
    }

    /// What they took; `None` if none was seen to end.
    pub fn times(mut self) -> Option<ExitTimes> {
        let longest = self.longest?;
        let n = i64::try_from(self.times.len()).ok().filter(|n| *n > 0)?;
        Some(ExitTimes {
            total: self.total,
            min: Dur(self.times.iter().copied().min()?),
            mean: Dur(self.total.0 / n),
            p50: percentile(&mut self.times, 50)?,
            p99: percentile(&mut self.times, 99)?,
            max: longest.handling(),
            off_cpu: self.off_cpu,
            longest,
        })
    }
}

/// The table of a host's exits by vCPU and reason: by VM and vCPU, and of each the reason that took most time
/// first. Exact; keeps eight bytes an exit while it works.
///
/// # Errors
/// Somebody cancelled.
pub fn statistics(model: &VmModel, host: &Host<'_>, cancel: &Cancel) -> Result<Vec<ExitStats>, Cancelled> {
    let mut groups: Vec<(ExitKey, ExitSums)> = Vec::new();
    let mut numbers: FxHashMap<ExitKey, usize> = FxHashMap::default();
    visit(model, host, cancel, |key, exit| {
        let number = *numbers.entry(key).or_insert_with(|| {
            groups.push((key, ExitSums::default()));
            groups.len() - 1
        });
        groups[number].1.add(exit);
    })?;
    let stats = |(key, sums): (ExitKey, ExitSums)| {
        let (count, incomplete) = sums.counts();
        ExitStats { key, count, incomplete, times: sums.times() }
    };
    let mut table: Vec<ExitStats> = groups.into_iter().map(stats).collect();
    table.sort_by_key(|s| {
        let total = s.times.as_ref().map_or(-1, |t| t.total.0);
        (s.key.vm, s.key.vcpu, std::cmp::Reverse(total), s.key)
    });
    Ok(table)
}

/// The smallest of the times that at least `percent` of 100 of them don't exceed (the nearest rank); `None` of
/// no times. Takes linear time and changes their order.
pub fn percentile(times: &mut [i64], percent: u32) -> Option<Dur> {
    let rank = (times.len() as u128 * u128::from(percent.min(100))).div_ceil(100);
    let at = usize::try_from(rank).ok()?.saturating_sub(1);
    (at < times.len()).then(|| Dur(*times.select_nth_unstable(at).1))
}

/// How many exits took how long: counts by buckets that grow with the time, four to each doubling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// By bucket, up to the last that is not empty.
    pub counts: Vec<u64>,
}

impl Distribution {
    /// The bucket of a time: exact below 8 ns, then to a quarter of a power of two.
    pub fn bucket(time: Dur) -> usize {
        let ns = time.0.max(0) as u64;
        if ns < 4 {
            return ns as usize;
        }
        let octave = 63 - ns.leading_zeros();
        (octave as usize - 1) * 4 + (ns >> (octave - 2) & 3) as usize
    }

    /// The shortest time of a bucket. What is before the next bucket's begin is in it.
    pub fn begin_of(bucket: usize) -> Dur {
        if bucket < 4 {
            return Dur(bucket as i64);
        }
        let (octave, quarter) = (bucket / 4 + 1, bucket % 4);
        let ns = (4 + quarter as u128) << (octave - 2).min(64);
        Dur(i64::try_from(ns).unwrap_or(i64::MAX))
    }

    /// Counts a time.
    pub fn add(&mut self, time: Dur) {
        let bucket = Self::bucket(time);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }
}

/// How long the exits of the range took that `keep` wants and that were seen to end.
///
/// # Errors
/// Somebody cancelled.
pub fn distribution(
    model: &VmModel,
    host: &Host<'_>,
    keep: impl Fn(&ExitKey) -> bool,
    cancel: &Cancel,
) -> Result<Distribution, Cancelled> {
    let mut distribution = Distribution::default();
    visit(model, host, cancel, |key, exit| {
        if exit.complete && keep(&key) {
            distribution.add(exit.handling());
        }
    })?;
    Ok(distribution)
}

/// How many exits that `keep` wants happened in each of `columns` parts of the range, all of equal length (to a
/// nanosecond).
///
/// # Errors
/// Somebody cancelled.
pub fn rate(
    model: &VmModel,
    host: &Host<'_>,
    keep: impl Fn(&ExitKey) -> bool,
    columns: usize,
    cancel: &Cancel,
) -> Result<Vec<u64>, Cancelled> {
    let mut counts = vec![0; columns];
    let length = i128::from(host.range.end.0) - i128::from(host.range.begin.0);
    visit(model, host, cancel, |key, exit| {
        let since = i128::from(exit.begin().0) - i128::from(host.range.begin.0);
        let column = since * columns as i128 / length.max(1);
        if let Some(count) = usize::try_from(column).ok().and_then(|c| counts.get_mut(c))
            && keep(&key)
        {
            *count += 1;
        }
    })?;
    Ok(counts)
}
