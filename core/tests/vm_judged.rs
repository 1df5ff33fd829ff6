//! What the tables say of recordings, against the truth that an independent program computed from the same
//! events (`truth.json` beside each recording). Every figure that differs is listed with its file and by how
//! much; what may differ is named by a rule where it is allowed.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::query::Filter;
use stratoscope_core::query::time::TimeBase;
use stratoscope_core::session::{MachineView, Session, SessionOptions, Snapshot, instants};
use stratoscope_core::store::{Interval, Row};
use stratoscope_core::sync::{SyncQuality, SyncRole};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::exits::{self, Host};
use stratoscope_core::vm::instances::{SLOW_FACTOR, TaskRow, by_marks, by_sleeps};
use stratoscope_core::vm::{self, Vcpu, Vm, VmView, Who};
use stratoscope_core::vocab::{Cancel, MachineNs, RowKey, RowKind, State, Tid, TimeRange};

struct Recording {
    name: String,
    snapshot: Arc<Snapshot>,
    view: Arc<VmView>,
    truth: Value,
    differences: Vec<String>,
}

/// Those of the project, and those beside the checkout where they are there.
fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let beside = std::env::var_os("STRATOSCOPE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut paths: Vec<PathBuf> = ["fighting", "periodic", "io"].map(|n| root.join("sample-traces").join(n)).to_vec();
    let more = beside.join("traces/vm/vmsync-modules");
    if more.exists() {
        paths.push(more);
    } else {
        eprintln!("skipped: no {}", more.display());
    }
    paths.iter().map(|path| Recording::open(path)).collect()
}

impl Recording {
    fn open(path: &Path) -> Self {
        let session = Session::open(vec![path.to_path_buf()], SessionOptions::default(), Arc::new(|| {}));
        let snapshot = session.wait();
        let truth = serde_json::from_str(&std::fs::read_to_string(path.join("truth.json")).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let view = Arc::clone(snapshot.vm.as_ref().unwrap_or_else(|| panic!("{name}: no virtual machines")));
        Self { name, snapshot, view, truth, differences: Vec::new() }
    }

    fn machine(&self, name: &str) -> &MachineView {
        self.snapshot.machines.iter().find(|m| m.name == name).unwrap()
    }

    fn host(&self) -> &MachineView {
        self.machine("host")
    }

    /// Of the host's time: where all that the truth needs was recorded.
    fn window(&self) -> TimeRange<MachineNs> {
        let window = &self.truth["host_full_window"];
        TimeRange::new(at(self.host(), &window[0]), at(self.host(), &window[1]))
    }

    fn vcpu(&self, tid: i64) -> (usize, usize, &Vm, &Vcpu) {
        let vms = self.view.model.vms.iter().enumerate();
        let mut all = vms.flat_map(|(v, vm)| vm.vcpus.iter().enumerate().map(move |(n, vcpu)| (v, n, vm, vcpu)));
        all.find(|(.., vcpu)| i64::from(vcpu.tid.0) == tid).unwrap()
    }

    /// The joined row of a vCPU.
    fn row(&self, tid: i64) -> Arc<Row> {
        let (_, _, vm, vcpu) = self.vcpu(tid);
        Arc::clone(self.view.truth(vm.host).unwrap().row(self.view.vcpu_row(vm, vcpu).unwrap()).unwrap())
    }

    /// Notes a figure that differs by more than a rule allows.
    fn judge(&mut self, figure: &str, ours: i64, truth: i64, allowed: i64) {
        if (ours - truth).abs() > allowed {
            let by = ours - truth;
            self.differences.push(format!("{}: {figure}: ours {ours}, truth {truth}: {by:+}", self.name));
        }
    }
}

/// An instant that truth gives as nanoseconds since 1970 on the machine's own clock.
fn at(machine: &MachineView, epoch_ns: &Value) -> MachineNs {
    MachineNs(i64::try_from(i128::from(epoch_ns.as_i64().unwrap()) - machine.origin_ns).unwrap())
}

fn clip(interval: &Interval, range: TimeRange<MachineNs>) -> i64 {
    (interval.end.min(range.end) - interval.begin.max(range.begin)).0.max(0)
}

/// Stretches in which a row is in one state, however finely it is cut by who and why.
fn stretches(row: &Row, state: State, range: TimeRange<MachineNs>) -> Vec<TimeRange<MachineNs>> {
    let mut all: Vec<TimeRange<MachineNs>> = Vec::new();
    for piece in row.intervals(range).filter(|i| i.look.state == state) {
        match all.last_mut() {
            Some(last) if last.end == piece.begin => last.end = piece.end,
            _ => all.push(TimeRange::new(piece.begin, piece.end)),
        }
    }
    all
}

/// Runs a judge over all recordings and shows every difference at once.
fn over_all(mut judge: impl FnMut(&mut Recording)) {
    let mut differences = Vec::new();
    for mut recording in recordings() {
        judge(&mut recording);
        differences.append(&mut recording.differences);
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn exits_by_reason_and_entries_are_exact() {
    over_all(|r| {
        let host = Host { machine: r.host().id, store: &r.host().store, range: r.window() };
        let table = exits::statistics(&r.view.model, &host, &Cancel::default()).unwrap();
        let reference = r.snapshot.machines[usize::from(r.snapshot.reference.0)].id;
        assert_eq!(reference, r.host().id, "{}", r.name);
        let window = TimeRange::new(r.host().map.to_ref(r.window().begin), r.host().map.to_ref(r.window().end));
        for vcpu in r.truth["vcpus"].as_array().unwrap().clone() {
            let tid = vcpu["tid"].as_i64().unwrap();
            let (vm, number, ..) = r.vcpu(tid);
            let of = |key: &exits::ExitKey| (key.vm, key.vcpu) == (vm, number);
            let ours: BTreeMap<String, i64> = table
                .iter()
                .filter(|row| of(&row.key))
                .map(|row| (format!("{:#x} {}", row.key.code, reasons::name(row.key.isa, row.key.code)), row.count))
                .map(|(reason, count)| (reason, count as i64))
                .collect();
            let truth: BTreeMap<String, i64> = serde_json::from_value(vcpu["exits_by_reason"].clone()).unwrap();
            for reason in ours.keys().chain(truth.keys()).cloned().collect::<std::collections::BTreeSet<_>>() {
                let count = |of: &BTreeMap<String, i64>| of.get(&reason).copied().unwrap_or(0);
                r.judge(&format!("thread {tid} exits {reason}"), count(&ours), count(&truth), 0);
            }
            r.judge(&format!("thread {tid} exits"), ours.values().sum(), vcpu["exits"].as_i64().unwrap(), 0);
            // Entries carry no tid, but a number that is the vCPU's own, be it the low half of a pointer.
            let own = vcpu["kvm_x86_entry_vcpu_id_values"][0].as_u64().unwrap();
            let filter = format!("name == 'kvm_x86_entry' and vcpu_id == {own} and machine == 'host'");
            let filter = Filter::parse(&filter).unwrap().bind(&TimeBase::default());
            let found = instants(&r.snapshot, &filter, window, &Cancel::default()).unwrap();
            let entries = found[usize::from(r.host().id.0)].len() as i64;
            r.judge(&format!("thread {tid} entries"), entries, vcpu["entries"].as_i64().unwrap(), 0);
        }
    });
}

/// Rule *first sight*: a vCPU is known from its first entry or exit on; the truth, which knows it from the end,
/// counts what its thread did in the window before that. Rule *cut short*: guest time that the trace's end cuts
/// counts as such until root mode is proven; the truth asks for the proof.
#[test]
fn vcpu_times_and_preemptions_are_exact_where_the_vcpu_is_known() {
    over_all(|r| {
        let window = r.window();
        for vcpu in r.truth["vcpus"].as_array().unwrap().clone() {
            let tid = vcpu["tid"].as_i64().unwrap();
            let row = r.row(tid);
            let (_, _, vm, about) = r.vcpu(tid);
            let times = r.view.vcpu_times(vm, about, window);
            assert_eq!(times.total(), window.length(), "{} thread {tid}", r.name);
            let extent = row.extent().unwrap();
            let first = extent.begin.max(window.begin);
            let unseen = (first - window.begin).0;
            let last_guest = stretches(&row, State::Guest, window).into_iter().rfind(|s| s.end >= window.end);
            let cut_short = last_guest.map_or(0, |s| (window.end - s.begin).0);
            let truth = |key: &str| vcpu[key].as_i64().unwrap();
            r.judge(&format!("thread {tid} guest"), times.guest.0 - cut_short, truth("guest_cut_ns"), 0);
            let listed = |key: &str| -> i64 {
                let list = vcpu[key].as_array().unwrap();
                let begins = list.iter().map(|p| at(r.host(), &p[0]));
                begins.filter(|begin| *begin < first).count() as i64
            };
            // Before its first sight a thread may have been preempted or woken in the window.
            let before = listed("preemption_list");
            r.judge(
                &format!("thread {tid} preempted"),
                times.preempted.0,
                truth("preempted_ns"),
                if before > 0 { unseen } else { 0 },
            );
            r.judge(&format!("thread {tid} waiting for a CPU"), times.waiting_cpu.0, truth("wakeup_wait_ns"), unseen);
            let ours = stretches(&row, State::Preempted, window);
            let truth: Vec<TimeRange<MachineNs>> = vcpu["preemption_list"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| TimeRange::new(at(r.host(), &p[0]), at(r.host(), &p[1])))
                .collect();
            for missing in truth.iter().filter(|t| t.begin >= first && !ours.contains(t)) {
                r.differences.push(format!("{}: thread {tid}: preemption {missing:?} is missing", r.name));
            }
            // One that the window's or the trace's end cuts is not in the truth's list.
            let whole = ours.iter().filter(|s| s.end < window.end.min(extent.end));
            for added in whole.filter(|s| !truth.contains(s)) {
                r.differences.push(format!("{}: thread {tid}: preemption {added:?} is none", r.name));
            }
        }
    });
}

#[test]
fn no_message_is_received_before_it_was_sent() {
    over_all(|r| {
        let solution = Arc::clone(r.snapshot.sync.as_ref().unwrap());
        for (name, sync) in r.truth["sync"].as_object().unwrap().clone() {
            let guest = &r.machine(&name).clone();
            let of = solution.machines.iter().find(|m| m.id == guest.id).unwrap();
            assert_eq!((of.role, of.quality), (SyncRole::Synced, SyncQuality::Accurate), "{} {name}", r.name);
            let rounds = sync["abcd"].as_array().unwrap();
            let (guest_map, host_map) = (guest.map, r.host().map);
            let on_guest = |v: &Value| guest_map.to_ref(at(guest, v));
            let on_host = |v: &Value| host_map.to_ref(at(r.host(), v));
            let wrong: Vec<String> = rounds
                .iter()
                .filter_map(|round| {
                    let (a, b, c, d) =
                        (on_guest(&round[1]), on_host(&round[2]), on_host(&round[3]), on_guest(&round[4]));
                    // What is mapped is rounded down, by less than a nanosecond.
                    let late = (a.0 - b.0).max(c.0 - d.0 - 1);
                    (late > 0).then(|| format!("{}: {name} round {}: received {late} ns early", r.name, round[0]))
                })
                .collect();
            r.differences.extend(wrong);
            let matches: u64 =
                solution.pairs.iter().filter(|p| p.a == guest.id || p.b == guest.id).map(|p| p.matches()).sum();
            assert!(matches >= 2 * rounds.len() as u64, "{} {name}: {matches} matches", r.name);
        }
    });
}

#[test]
fn what_a_task_perceives_is_what_its_guest_says() {
    over_all(|r| {
        for vm in r.view.model.vms.clone() {
            let Some(guest) = vm.guest.and_then(|id| r.snapshot.machine(id)).cloned() else { continue };
            let names = &r.snapshot.names;
            let running = names.intern("running");
            let tasks =
                vm::tasks(&r.view, guest.id, &guest.store, TimeRange::ALWAYS, names, &Cancel::default()).unwrap();
            assert!(!tasks.is_empty(), "{} {}", r.name, vm.name);
            let mut stolen = 0;
            for task in &tasks {
                let own = RowKey { kind: RowKind::Thread, ..task.key };
                let own = guest.store.row(guest.store.find(&own).unwrap()).unwrap();
                let charged = own.intervals(TimeRange::ALWAYS).filter(|i| {
                    let state = i.look.state;
                    matches!(state, State::RunningUser | State::RunningSyscall | State::Interrupted)
                        || state == State::Unknown && i.look.detail == running
                });
                let charged: i64 = charged.map(|i| (i.end - i.begin).0).sum();
                let figure = format!("{} task {} perceived", vm.name, task.tid().0);
                r.judge(&figure, task.perceived().0, charged, 0);
                let by: i64 = task.stolen_by.iter().map(|(_, time)| time.0).sum();
                r.judge(&format!("{figure}: stolen, by whom"), by, task.stolen.0, 0);
                stolen += task.stolen.0;
            }
            // What was taken from tasks was taken from their vCPUs (which can also wait while they idle), but
            // for the rates of the two clocks and a nanosecond of rounding a piece.
            let host = r.host().store.rows().map(|r| r.len()).sum::<u64>() as i64;
            let taken = vm.vcpus.iter().map(|vcpu| {
                let row = r.row(i64::from(vcpu.tid.0));
                let sums = row.sums(TimeRange::ALWAYS);
                (sums.time(State::Preempted) + sums.time(State::WaitingCpu)).0
            });
            let taken: i64 = taken.sum();
            if stolen > taken + taken / 1000 + host {
                r.differences.push(format!("{}: {} lost {stolen}, its vCPUs only {taken}", r.name, vm.name));
            }
        }
    });
}

/// The promise: which executions of a periodic task were slow, and who had taken the time.
#[test]
fn executions_of_the_critical_task_lost_what_truth_says_to_whom_it_says() {
    over_all(|r| {
        let Some(critical) = r.truth.get("critical").cloned() else { return };
        let (guest, host) = (r.machine("guest-a").clone(), r.host().clone());
        let solution = Arc::clone(r.snapshot.sync.as_ref().unwrap());
        let half = solution.machines.iter().find(|m| m.id == guest.id).unwrap().half_width_ns.unwrap() as i64;
        let tid = critical["tid_in_guest"].as_i64().unwrap() as i32;
        let view = Arc::clone(&r.view);
        let joined = view.truth(guest.id).unwrap();
        let key = RowKey { kind: RowKind::VmThread, ..RowKey::thread(Tid(tid), 0) };
        let row = joined.row(joined.find(&key).unwrap()).unwrap();
        let task = TaskRow { machine: guest.id, row, own: &guest.store, view: Some(&view) };
        let list = critical["list"].as_array().unwrap();
        let marked = list.iter().map(|e| TimeRange::new(at(&guest, &e["begin"]), at(&guest, &e["end"]))).collect();
        let found = by_marks(&task, marked, SLOW_FACTOR, &Cancel::default()).unwrap();
        r.judge("lower quartile", found.lower_quartile.0, critical["reference_ns_lower_quartile"].as_i64().unwrap(), 0);
        let slow = found.list.iter().filter(|i| i.slow).count() as i64;
        r.judge("slow executions", slow, critical["long"].as_i64().unwrap(), 0);
        let vcpu = r.row(critical["host_vcpu_tid"].as_i64().unwrap());
        let vcpu_of_b = i32::try_from(r.truth["vcpus"][1]["tid"].as_i64().unwrap()).unwrap();
        let guest_b = r.machine("guest-b").id;
        // A task inside the other VM runs on that VM's thread.
        let host_tid = |who: Who| if who.machine == guest_b { vcpu_of_b } else { who.tid.0 };
        let (mut burners, mut inside) = (0, 0);
        for (execution, ours) in list.iter().zip(&found.list) {
            let n = execution["n"].as_i64().unwrap();
            let truth = |key: &str| execution[key].as_i64().unwrap();
            if ours.slow != execution["long"].as_bool().unwrap() {
                r.differences.push(format!("{}: execution {n}: slow {}", r.name, ours.slow));
            }
            // On the host's clock, between the instants that truth mapped: exact.
            let range = TimeRange::new(at(&host, &execution["begin_host"]), at(&host, &execution["end_host"]));
            let mut by: BTreeMap<i32, i64> = BTreeMap::new();
            let mut taken = 0;
            for piece in vcpu.intervals(range) {
                if matches!(piece.look.state, State::Preempted) {
                    taken += clip(&piece, range);
                    if let Some(who) = r.view.who(piece.look.aux) {
                        *by.entry(host_tid(who)).or_default() += clip(&piece, range);
                    }
                }
            }
            r.judge(&format!("execution {n} preempted"), taken, truth("preempted_ns"), 0);
            let mut truths: BTreeMap<i32, i64> = BTreeMap::new();
            for ran in
                execution["preemptions"].as_array().unwrap().iter().flat_map(|p| p["ran_instead"].as_array().unwrap())
            {
                *truths.entry(ran["tid"].as_i64().unwrap() as i32).or_default() += ran["ns"].as_i64().unwrap();
            }
            for tid in by.keys().chain(truths.keys()).copied().collect::<std::collections::BTreeSet<_>>() {
                let ns = |of: &BTreeMap<i32, i64>| of.get(&tid).copied().unwrap_or(0);
                r.judge(&format!("execution {n} preempted by host thread {tid}"), ns(&by), ns(&truths), 0);
            }
            // On the guest's clock, over the joined rows of all its threads: each end of the execution is right to
            // the synchronisation's half-width, and so are truth's.
            let range = TimeRange::new(ours.begin, ours.end);
            let threads = joined.rows().filter(|row| row.key().kind == RowKind::VmThread);
            let lost: i64 = threads.map(|row| row.sums(range).time(State::PreemptedByHost).0).sum();
            let waits: i64 = {
                let on_host = TimeRange::new(at(&host, &execution["begin_host"]), at(&host, &execution["end_host"]));
                vcpu.sums(on_host).time(State::WaitingCpu).0
            };
            r.judge(
                &format!("execution {n} stolen from the guest's tasks"),
                lost,
                truth("preempted_ns"),
                waits + 4 * half,
            );
            // What the guest charges for the execution, cut or not.
            let own = guest.store.row(guest.store.find(&RowKey::thread(Tid(tid), 0)).unwrap()).unwrap();
            let charged =
                [State::RunningUser, State::RunningSyscall, State::Interrupted].map(|s| own.sums(range).time(s).0);
            r.judge(&format!("execution {n} guest CPU time"), charged.iter().sum(), truth("guest_cpu_time_ns"), 0);
            if ours.slow {
                // Truth knows the host's thread only; inside it runs the burner, but for short tasks of its VM.
                let Some((culprit, who)) = ours.culprit.and_then(|c| Some((c, c.who?))) else {
                    r.differences.push(format!("{}: execution {n}: nobody is to blame", r.name));
                    continue;
                };
                let by_b = truths.get(&vcpu_of_b).copied().unwrap_or(0);
                burners += i64::from(&*r.snapshot.names.text(who.name) == "burner-b");
                if culprit.state == State::WaitingCpu && culprit.time.0 > by_b {
                    // Rule *inside*: another task of the guest took more than the host did. Truth does not look there.
                    inside += 1;
                } else if host_tid(who) != vcpu_of_b || culprit.time.0 > by_b + waits + 4 * half {
                    r.differences.push(format!("{}: execution {n}: culprit {culprit:?}, at most {by_b}", r.name));
                }
            }
        }
        r.judge("slow executions because of the guest's other tasks", inside, 0, slow / 10);
        r.judge("slow executions because of the other VM's burner", burners, slow, slow / 5);
    });
}

/// Without marks: the sleeps of `critical` bound its executions about where its marks are.
#[test]
fn sleeps_bound_the_critical_task_as_its_marks_do() {
    over_all(|r| {
        let Some(critical) = r.truth.get("critical").cloned() else { return };
        let guest = r.machine("guest-a").clone();
        let tid = critical["tid_in_guest"].as_i64().unwrap() as i32;
        let row = guest.store.row(guest.store.find(&RowKey::thread(Tid(tid), 0)).unwrap()).unwrap();
        let task = TaskRow { machine: guest.id, row, own: &guest.store, view: None };
        let found = by_sleeps(&task, TimeRange::ALWAYS, None, SLOW_FACTOR, &Cancel::default()).unwrap();
        let list = critical["list"].as_array().unwrap();
        r.judge("period", found.period.unwrap().0, 100_000_000, 1_000_000);
        // Rule *overrun*: an execution that lasts into the next period is followed by the next one without a sleep;
        // those are one instance. Rule *ends*: the first wake-up and the last sleep are not in the trace.
        let inside = |i: &vm::instances::Instance, e: &Value| {
            i.begin <= at(&guest, &e["begin"]) && at(&guest, &e["end"]) <= i.end
        };
        let overruns =
            list.windows(2).filter(|two| (at(&guest, &two[1]["begin"]) - at(&guest, &two[0]["end"])).0 < 20_000_000);
        let expected = (list.len() - overruns.count()) as i64;
        r.judge("executions by sleeps", found.list.len() as i64, expected, 2);
        let mut alone = 0;
        let mut differ = 0;
        for instance in &found.list {
            let executions: Vec<&Value> = list.iter().filter(|e| inside(instance, e)).collect();
            if let [execution] = executions.as_slice() {
                alone += 1;
                differ += i64::from(instance.slow != execution["long"].as_bool().unwrap());
            }
        }
        r.judge("instances that are one execution", alone, expected, 3);
        // An instance begins with the wake-up, an execution with its mark; few lie that near to the limit.
        r.judge("slow instances that are no slow executions, or the reverse", differ, 0, 2);
        // And it is offered before anybody asked for it.
        let offered = vm::recurring(&guest.store, TimeRange::ALWAYS, &Cancel::default()).unwrap();
        let place = offered.iter().position(|o| guest.store.row(o.row).unwrap().key().id == tid);
        assert!(place.is_some_and(|p| p < 3), "{}: {place:?} of {offered:?}", r.name);
    });
}

#[test]
fn marks_are_found_by_filters() {
    over_all(|r| {
        let Some(critical) = r.truth.get("critical").cloned() else { return };
        let guest = r.machine("guest-a").clone();
        let marks = |text: &str| -> Vec<MachineNs> {
            let filter = Filter::parse(&format!("name == 'lttng_logger' and msg contains '{text}'")).unwrap();
            let found =
                instants(&r.snapshot, &filter.bind(&TimeBase::default()), TimeRange::ALWAYS, &Cancel::default())
                    .unwrap();
            found[usize::from(guest.id.0)].clone()
        };
        let pairs = vm::instances::pair_marks(&marks("critical_begin"), &marks("critical_end"));
        let list = critical["list"].as_array().unwrap();
        let truth: Vec<_> =
            list.iter().map(|e| TimeRange::new(at(&guest, &e["begin"]), at(&guest, &e["end"]))).collect();
        assert_eq!(pairs, truth, "{}", r.name);
    });
}
