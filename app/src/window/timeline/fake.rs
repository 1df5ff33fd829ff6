//! Small scenes made by hand, for tests.

use std::sync::Arc;

use stratoscope_core::store::{Interval, Look, Run, StateSums, WakeContext, Wakeup};
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{
    Cpu, Interner, MachineId, MachineNs, Name, RefNs, RowId, RowKey, RowKind, State, StateSet, Tid, TimeRange,
};

use crate::window::timeline::lane::{EventDensity, Lane, Wakeups};
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};

/// A lane over a sorted list. What the store does by pyramids it does by looking at every interval.
pub(crate) struct List(pub(crate) Vec<Interval>);

impl List {
    fn first_ending_after(&self, t: MachineNs) -> usize {
        self.0.partition_point(|i| i.end <= t)
    }
}

impl Lane for List {
    fn version(&self) -> u64 {
        self.0.len() as u64
    }

    fn runs(&self, range: TimeRange<MachineNs>, width_px: u32, out: &mut Vec<Run>) {
        out.clear();
        let length = range.length().0.max(1) as f64;
        let edge = |c: u32| MachineNs(range.begin.0 + (length * f64::from(c) / f64::from(width_px)).round() as i64);
        for c in 0..width_px {
            let column = TimeRange::new(edge(c), edge(c + 1));
            let mut ns = [0_i64; State::COUNT];
            let mut detail: Option<Name> = None;
            let mut same = true;
            let mut count = 0;
            let mut only = None;
            for i in self.0[self.first_ending_after(column.begin)..].iter().take_while(|i| i.begin < column.end) {
                ns[i.look.state as usize] += (i.end.min(column.end) - i.begin.max(column.begin)).0;
                same &= detail.is_none_or(|d| d == i.look.detail);
                detail = Some(i.look.detail);
                count += 1;
                only = Some(i.begin);
            }
            let loud = |s: &&State| !s.is_quiet() && ns[**s as usize] > 0;
            let state = State::ALL
                .iter()
                .filter(loud)
                .max_by_key(|s| ns[**s as usize])
                .or_else(|| State::ALL.iter().filter(|s| ns[**s as usize] > 0).max_by_key(|s| ns[**s as usize]));
            let Some(state) = state.copied().filter(|s| *s != State::None) else { continue };
            let mut ticks = StateSet::default();
            for s in State::ALL.iter().filter(|s| s.is_alert() && **s != state && ns[**s as usize] > 0) {
                ticks = ticks.with(*s);
            }
            let detail = if same { detail.unwrap_or_default() } else { Name::NONE };
            let run = Run {
                begin: c,
                end: c + 1,
                state,
                detail,
                ticks,
                mixed: count > 1,
                single: only.filter(|_| count == 1),
            };
            match out.last_mut() {
                Some(last) if joins(last, &run) => last.end = c + 1,
                _ => out.push(run),
            }
        }
    }

    fn at(&self, t: MachineNs) -> Option<Interval> {
        self.0.get(self.first_ending_after(t)).copied().filter(|i| i.begin <= t)
    }

    fn next_after(&self, t: MachineNs) -> Option<Interval> {
        self.0.get(self.0.partition_point(|i| i.begin <= t)).copied()
    }

    fn prev_before(&self, t: MachineNs) -> Option<Interval> {
        self.first_ending_after(t).checked_sub(1).map(|n| self.0[n])
    }

    fn sums(&self, range: TimeRange<MachineNs>, out: &mut [i64; State::COUNT]) {
        for i in &self.0 {
            out[i.look.state as usize] += (i.end.min(range.end) - i.begin.max(range.begin)).0.max(0);
        }
    }

    fn counted(&self, range: TimeRange<MachineNs>) -> StateSums {
        let mut all = StateSums::default();
        self.sums(range, &mut all.ns);
        for i in self.0.iter().filter(|i| i.begin < range.end && range.begin < i.end) {
            all.count[i.look.state as usize] += 1;
        }
        all
    }
}

fn joins(a: &Run, b: &Run) -> bool {
    a.end == b.begin
        && a.state == b.state
        && a.detail == b.detail
        && a.ticks == b.ticks
        && a.mixed == b.mixed
        && a.single == b.single
}

/// Wake-ups in a list.
pub(crate) struct WakeupList(pub(crate) Vec<Wakeup>);

impl Wakeups for WakeupList {
    fn version(&self) -> u64 {
        self.0.len() as u64
    }

    fn count(&self, range: TimeRange<MachineNs>) -> usize {
        self.0.iter().filter(|w| range.contains(w.t)).count()
    }

    fn each(&self, range: TimeRange<MachineNs>, each: &mut dyn FnMut(&Wakeup) -> bool) {
        self.0.iter().filter(|w| range.contains(w.t)).all(each);
    }
}

/// A machine whose events come in bursts.
pub(crate) struct Bursts;

impl EventDensity for Bursts {
    fn columns(&self, range: TimeRange<MachineNs>, n: usize, out: &mut Vec<f32>) {
        out.clear();
        let step = range.length().0 as f32 / n as f32;
        out.extend((0..n).map(|c| {
            let t = (range.begin.0 as f32 + step * c as f32) / 1e6;
            (20.0 + 15.0 * (t / 3.0).sin() + 8.0 * (t * 1.7).cos()).max(0.0)
        }));
    }
}

/// Builds a machine row by row.
pub(crate) struct Maker {
    pub(crate) names: Arc<Interner>,
    pub(crate) machine: SceneMachine,
}

impl Maker {
    pub(crate) fn new(names: &Arc<Interner>, id: u16, name: &str, extent: TimeRange<MachineNs>) -> Self {
        let machine = SceneMachine {
            id: MachineId(id),
            name: name.into(),
            map: ClockMap::IDENTITY,
            extent: Some(extent),
            watermark: None,
            rows: Arc::default(),
            by_key: Arc::default(),
            lost: Vec::new(),
            wakeups: Arc::new(WakeupList(Vec::new())),
            density: Arc::new(Bursts),
        };
        Self { names: Arc::clone(names), machine }
    }

    pub(crate) fn row(
        &mut self,
        key: RowKey,
        name: &str,
        process: i32,
        parent: i32,
        intervals: Vec<Interval>,
    ) -> RowId {
        let busy_ns = intervals.iter().filter(|i| !i.look.state.is_quiet()).map(|i| (i.end - i.begin).0).sum();
        self.machine.add(SceneRow {
            key,
            name: self.names.intern(name),
            process: (process > 0).then_some(Tid(process)),
            parent: (parent > 0).then_some(Tid(parent)),
            busy_ns,
            woken: 0,
            begin: intervals.first().map(|i| i.begin),
            lane: Arc::new(List(intervals)),
            joined: false,
        })
    }

    pub(crate) fn thread(
        &mut self,
        tid: i32,
        name: &str,
        process: i32,
        parent: i32,
        intervals: Vec<Interval>,
    ) -> RowId {
        self.row(RowKey::thread(Tid(tid), 0), name, process, parent, intervals)
    }

    /// Intervals written as `state/detail/aux@begin`, in microseconds; the last one ends the row.
    pub(crate) fn states(&self, text: &str) -> Vec<Interval> {
        let mut out: Vec<Interval> = Vec::new();
        for word in text.split_whitespace() {
            let (look, t) = word.split_once('@').unwrap();
            let t = MachineNs((t.parse::<f64>().unwrap() * 1000.0) as i64);
            let mut parts = look.split('/');
            let state = State::from_name(parts.next().unwrap()).unwrap_or_else(|| panic!("{word}"));
            let detail = self.names.intern(parts.next().unwrap_or(""));
            let aux = parts.next().map_or(Look::NO_AUX, |n| n.parse().unwrap());
            if let Some(last) = out.last_mut() {
                last.end = t;
            }
            out.push(Interval { begin: t, end: t, look: Look { state, detail, aux }, index: out.len() as u64 });
        }
        out.retain(|i| i.look.state != State::None && i.end > i.begin);
        out
    }
}

fn ms(n: i64) -> MachineNs {
    MachineNs(n * 1_000_000)
}

pub(crate) fn scene_of(names: Arc<Interner>, machines: Vec<SceneMachine>, end: MachineNs) -> Scene {
    Scene {
        version: 1,
        complete: true,
        machines,
        facts: Arc::default(),
        names,
        // 22:08:21 on some day.
        origin_ns: 1_700_000_000_000_000_000 - 1_700_000_000_000_000_000 % 86_400_000_000_000 + 79_701_000_000_000,
        dated: true,
        extent: Some(TimeRange::new(RefNs(0), RefNs(end.0))),
        vm: None,
        order: Vec::new(),
        enters_guests: false,
    }
}

/// One machine with seven threads and two CPUs, 10 ms long.
pub(crate) fn small() -> Scene {
    let names = Arc::new(Interner::default());
    let mut m = Maker::new(&names, 0, "host", TimeRange::new(MachineNs(0), ms(10)));
    let s = |m: &Maker, text: &str| m.states(text);
    let sleepy = s(&m, "blocked@0 none@10000");
    m.thread(1, "systemd", 1, 0, sleepy.clone());
    m.thread(2, "kthreadd", 2, 0, sleepy.clone());
    m.thread(20, "kworker/0:1", 20, 2, s(&m, "blocked@0 running-syscall//0@8000 blocked@8100 none@10000"));
    let bash = m.thread(
        100,
        "bash",
        100,
        1,
        s(&m, "running-user//0@0 running-syscall/read/0@2000 blocked@3000 waiting-cpu//0@6000 running-user//0@6500 none@10000"),
    );
    m.thread(200, "make", 200, 100, sleepy.clone());
    m.thread(300, "cc1", 300, 200, sleepy);
    m.thread(400, "qemu", 400, 1, s(&m, "blocked@0 running-user//1@1000 blocked@1500 none@10000"));
    let kvm = m.thread(
        401,
        "CPU 0/KVM",
        400,
        1,
        s(
            &m,
            "running-user//1@0 preempted@3000 running-user//1@5000 interrupted//1@5500 running-user//1@5501 none@10000",
        ),
    );
    m.row(
        RowKey::cpu(Cpu(0)),
        "",
        0,
        0,
        s(&m, "user//100@0 syscall/read/100@2000 idle//0@3000 user//100@6500 none@10000"),
    );
    m.row(
        RowKey::cpu(Cpu(1)),
        "",
        0,
        0,
        s(&m, "user//401@0 user//400@3000 user//401@5000 irq//401@5500 user//401@5501 none@10000"),
    );
    m.row(RowKey::irq(14, Cpu(0)), "ata_piix", 0, 0, s(&m, "active@5500 none@5501"));
    m.row(RowKey::softirq(3, Cpu(0)), "", 0, 0, s(&m, "raised@5500 active@5600 none@5700"));
    let wakeup = Wakeup {
        t: MachineNs(5_990_000),
        cpu: Cpu(1),
        target_cpu: Cpu(0),
        woken: bash,
        waker: Some(kvm),
        context: WakeContext::Task,
        number: -1,
    };
    m.machine.wakeups = Arc::new(WakeupList(vec![wakeup]));
    scene_of(names, vec![m.machine], ms(10))
}

/// Two processes of which each claims to be the other's child.
pub(crate) fn ring() -> Scene {
    let names = Arc::new(Interner::default());
    let mut m = Maker::new(&names, 0, "host", TimeRange::new(MachineNs(0), ms(1)));
    m.thread(10, "a", 10, 11, Vec::new());
    m.thread(11, "b", 11, 10, Vec::new());
    assert!(m.machine.rows.iter().all(|r| r.key.kind == RowKind::Thread));
    scene_of(names, vec![m.machine], ms(1))
}

/// The story of the sketch: two guests fight for one CPU, `critical` takes twice as long as it should.
pub(crate) fn fighting() -> Scene {
    let names = Arc::new(Interner::default());
    let all = TimeRange::new(MachineNs(0), ms(46));
    let mut host = Maker::new(&names, 0, "host", all);
    let mut a = String::from("unknown@0 ");
    let mut b = String::from("unknown@0 ");
    let mut pcpu = String::from("idle//0@0 ");
    // Turns of the two vCPUs on the one CPU.
    let edges = [3_000, 9_800, 17_800, 25_800, 33_800, 39_900];
    for (n, pair) in edges.windows(2).enumerate() {
        let (runs, waits) = if n % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        waits.push_str(&format!("preempted/{}@{} ", if n % 2 == 0 { "guest-a" } else { "guest-b" }, pair[0]));
        let mut t = pair[0];
        while t + 400 < pair[1] {
            runs.push_str(&format!("guest@{t} vmm/HLT@{} ", t + 900));
            t += 940 + (t % 7) * 90;
        }
        runs.push_str(&format!("guest@{} ", t.min(pair[1] - 10)));
        pcpu.push_str(&format!("user//{}@{} ", if n % 2 == 0 { 184 } else { 194 }, pair[0]));
    }
    a.push_str("halted@39900 guest@42500 halted@43000 none@46000");
    b.push_str("guest@40000 vmm@42000 halted@42300 none@46000");
    pcpu.push_str("user//194@40000 idle//0@43500 none@46000");
    let (a, b, pcpu) = (host.states(&a), host.states(&b), host.states(&pcpu));
    host.thread(
        181,
        "qemu guest-a",
        181,
        1,
        host.states("blocked@0 running-syscall/ppoll/0@8000 blocked@8300 none@46000"),
    );
    let kvm_a = host.thread(184, "CPU 0/KVM", 181, 1, a);
    host.thread(
        191,
        "qemu guest-b",
        191,
        1,
        host.states("blocked@0 running-syscall/read/0@28000 running-user//0@28800 blocked@30000 none@46000"),
    );
    let kvm_b = host.thread(194, "CPU 0/KVM", 191, 1, b);
    let user = host.thread(
        900,
        "lttng-consumerd",
        900,
        1,
        host.states(
            "blocked@0 waiting-cpu//0@12000 running-syscall/splice/0@13000 interrupted//0@14500 running-syscall/splice/0@14700 \
             running-user//0@16000 blocked@17000 waiting-cpu//0@30500 running-syscall/write/0@31000 blocked@35200 none@46000",
        ),
    );
    host.thread(2, "kthreadd", 2, 0, host.states("blocked@0 none@46000"));
    host.thread(12, "ksoftirqd/0", 12, 2, host.states("blocked@0 none@46000"));
    host.row(RowKey::cpu(Cpu(0)), "", 0, 0, host.states(
        "idle//0@0 syscall/splice/900@13000 irq//900@14500 syscall/splice/900@14700 user//900@16000 idle//0@17000 softirq//0@20000 idle//0@20300 syscall/write/900@31000 idle//0@35200 none@46000"));
    host.row(RowKey::cpu(Cpu(1)), "", 0, 0, pcpu);
    host.row(RowKey::irq(14, Cpu(0)), "ata_piix", 0, 0, host.states("active@14500 none@14700"));
    host.row(RowKey::softirq(3, Cpu(0)), "", 0, 0, host.states("raised@19500 active@20000 none@20300"));
    let wake = |t: i64, woken, waker| Wakeup {
        t: MachineNs(t * 1000),
        cpu: Cpu(1),
        target_cpu: Cpu(0),
        woken,
        waker: Some(waker),
        context: WakeContext::Task,
        number: -1,
    };
    host.machine.wakeups = Arc::new(WakeupList(vec![wake(12_000, user, kvm_b), wake(30_500, user, kvm_a)]));
    let mut guest = Maker::new(&names, 1, "guest-a", TimeRange::new(ms(3), ms(43)));
    guest.thread(219, "critical", 219, 1, guest.states(
        "blocked@3000 running-user//0@4000 preempted-by-host/burner-b@9800 running-user//0@17800 in-hypervisor@19000 running-user//0@19100 preempted-by-host/burner-b@25800 running-user//0@33800 blocked@34200 running-user//0@35200 blocked@39600 none@43000"));
    guest.thread(218, "vmsync", 218, 1, guest.states("blocked@3000 running-syscall/nanosleep/0@8000 blocked@8500 running-syscall/nanosleep/0@34300 blocked@34700 none@43000"));
    guest.thread(
        165,
        "lttng-consumerd",
        165,
        1,
        guest.states("blocked@3000 running-syscall/splice/0@34800 blocked@35200 none@43000"),
    );
    guest.machine.lost = vec![crate::window::timeline::scene::LostMark {
        range: TimeRange::new(MachineNs(36_500_000), MachineNs(37_400_000)),
        text: "512 events lost on CPU 0".into(),
    }];
    guest.machine.watermark = Some(ms(41));
    scene_of(names, vec![host.machine, guest.machine], ms(46))
}
