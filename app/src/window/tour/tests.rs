//! Tours are true of the samples that they are told on.

use std::path::Path;
use std::sync::Arc;

use stratoscope_core::flow::FlowKind;
use stratoscope_core::session::{Recordings, Session, SessionOptions};
use stratoscope_core::vocab::{Cancel, Dur, State as RowState};

use super::*;
use crate::window::catalogue::ENTRIES;
use crate::window::flow::answer::{Answer, Question, answer, task_of};
use crate::window::flow::words::{blame, long_who};
use crate::window::relations;

fn read(sample: &str) -> Scene {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces").join(sample);
    let options = SessionOptions { recordings: Recordings::First, ..SessionOptions::default() };
    let session = Session::open(vec![path], options, Arc::new(|| {}));
    Scene::of(&session.wait())
}

fn step<'a>(tour: &'a Tour, title: &str) -> &'a Step {
    tour.steps.iter().find(|s| s.title == title).unwrap()
}

/// How long the step's row was in a state within what the step selects, in milliseconds.
fn ms(scene: &Scene, step: &Step, of: impl Fn(RowState) -> bool) -> f64 {
    let row = step.row.as_ref().unwrap().find(scene).unwrap();
    let (machine, _, scene_row) = scene.row(row).unwrap();
    let mut sums = [0; RowState::COUNT];
    scene_row.lane.sums(machine.to_machine(step.select.unwrap().on(scene).unwrap()), &mut sums);
    RowState::ALL.iter().filter(|s| of(**s)).map(|s| sums[*s as usize]).sum::<i64>() as f64 / 1e6
}

fn running(state: RowState) -> bool {
    matches!(state, RowState::RunningUser | RowState::RunningSyscall | RowState::Interrupted)
}

fn taken(state: RowState) -> bool {
    matches!(state, RowState::Preempted | RowState::WaitingCpu | RowState::PreemptedByHost)
}

/// Who took the CPU at the instant that a step selects.
fn culprit(scene: &Scene, step: &Step) -> Option<String> {
    let row = step.row.as_ref()?.find(scene)?;
    let who = relations::culprit(scene, row, step.select?.on(scene)?.begin)?;
    Some(relations::who_text(scene, who))
}

#[test]
fn every_tour_parses_and_has_a_command() {
    for text in SOURCES {
        ron::from_str::<Tour>(text).unwrap();
    }
    assert_eq!(all().len(), SOURCES.len());
    for tour in all() {
        assert!(tour.steps.len() > 2 && !tour.about.is_empty());
        let start = Command::StartTour(tour.name.clone());
        assert!(ENTRIES.iter().any(|e| e.command() == start), "{} has no command", tour.name);
        for step in &tour.steps {
            let sentences = step.text.matches(['.', '?']).count();
            assert!((1..=8).contains(&sentences) && step.text.len() < 420, "{}: {}", tour.name, step.title);
        }
    }
}

#[test]
fn what_tours_show_is_in_their_samples() {
    for tour in all() {
        let scene = read(&tour.sample);
        let extent = scene.extent.unwrap();
        for step in &tour.steps {
            let at = format!("{}: {}", tour.name, step.title);
            let window = step.window.unwrap().on(&scene).unwrap();
            assert!(extent.begin <= window.begin && window.end <= extent.end, "{at}: {window:?} in {extent:?}");
            let select = step.select.unwrap().on(&scene).unwrap();
            // Or a part of what is selected is shown.
            let inside = |a: TimeRange<RefNs>, b: TimeRange<RefNs>| b.begin <= a.begin && a.end <= b.end;
            assert!(inside(select, window) || inside(window, select), "{at}");
            let row = step.row.as_ref().unwrap();
            assert!(row.find(&scene).is_some(), "{at}: there is no {row:?}");
        }
    }
}

#[test]
fn two_vms_fight_as_told() {
    let tour = find("fighting").unwrap();
    let scene = read(&tour.sample);
    // By its own trace the burner has the CPU most of the 100 ms, and the guest is never idle.
    let mut believes = step(tour, "What the guest believes").clone();
    believes.select = believes.window;
    let ran = ms(&scene, &believes, running);
    assert!(ran > 75.0, "{ran}");
    believes.row = Some(RowName { machine: "guest-a".to_owned(), kind: RowSort::Cpu, name: "0".to_owned() });
    let idle = ms(&scene, &believes, |s| matches!(s, RowState::Idle | RowState::Unknown));
    assert!(idle < 0.1, "{idle}");
    // The host gave it about half.
    let did = step(tour, "What the host did");
    let (guest, stolen) = (ms(&scene, did, |s| s == RowState::Guest), ms(&scene, did, taken));
    assert!((30.0..65.0).contains(&guest) && (30.0..65.0).contains(&stolen), "{guest} {stolen}");
    let who = step(tour, "Who took it");
    assert_eq!(culprit(&scene, who).as_deref(), Some("burner-b 185 on guest-b"));
    // The wait around it is made of pieces, by who ran.
    let row = who.row.as_ref().unwrap().find(&scene).unwrap();
    let (machine, _, scene_row) = scene.row(row).unwrap();
    let at = machine.map.from_ref(who.select.unwrap().on(&scene).unwrap().begin);
    let (mut begin, mut end) = (at, at);
    while let Some(i) = scene_row.lane.at(end).filter(|i| taken(i.look.state)) {
        end = i.end;
    }
    while let Some(i) = scene_row.lane.at(begin).filter(|i| taken(i.look.state)) {
        begin = i.begin - Dur(1);
    }
    let waited = (end - begin).0 as f64 / 1e6;
    assert!((11.35..11.5).contains(&waited), "{waited} ms");
    let cost = step(tour, "What it cost");
    let (guest, stolen) = (ms(&scene, cost, |s| s == RowState::Guest), ms(&scene, cost, taken));
    assert!((2150.0..2250.0).contains(&guest) && (2450.0..2550.0).contains(&stolen), "{guest} {stolen}");
}

#[test]
fn the_periodic_task_is_held_up_as_told() {
    let tour = find("periodic").unwrap();
    let scene = read(&tour.sample);
    let own = step(tour, "The same work, twice the time");
    let length = own.select.unwrap().on(&scene).unwrap().length().0 as f64 / 1e6;
    assert!((32.7..32.9).contains(&length));
    assert!(ms(&scene, own, running) > 0.93 * length);
    let red = |title: &str| ms(&scene, step(tour, title), |s| s == RowState::PreemptedByHost);
    let (quick, slow) = (red("A quick one"), red("A slow one"));
    assert!((1.35..1.5).contains(&quick), "{quick} ms");
    assert!((15.9..16.1).contains(&slow), "{slow} ms");
    let who = culprit(&scene, step(tour, "Who took the time"));
    assert_eq!(who.as_deref(), Some("burner-b 216 on guest-b"));
}

/// The flow that a step shows.
fn flow(scene: &Scene, step: &Step) -> Answer {
    let row = step.row.as_ref().unwrap().find(scene).unwrap();
    let task = task_of(&scene.facts, row).unwrap();
    let question = Question { task, window: step.select.unwrap().on(scene) };
    answer(&scene.facts, &question, &Cancel::default()).unwrap().unwrap()
}

#[test]
fn the_culprit_is_named_as_told() {
    let tour = find("culprit").unwrap();
    let scene = read(&tour.sample);
    let slow = flow(&scene, step(tour, "Who it was"));
    assert!((32.7..32.9).contains(&(slow.flow.window.length().0 as f64 / 1e6)));
    let (total, text) = blame(&scene.facts, &slow.flow).unwrap();
    assert!((13.9..14.1).contains(&(total.time.0 as f64 / 1e6)), "{total:?}");
    assert!(text.starts_with("burner-b 216 in guest-b took its vCPU's processor: 14.01 ms"), "{text}");
    let quick = flow(&scene, step(tour, "The same work, quick"));
    assert!((17.5..17.7).contains(&(quick.flow.window.length().0 as f64 / 1e6)));
    assert!(quick.flow.totals().iter().all(|t| !long_who(&scene.facts, t.who).starts_with("burner-b")));
    let own = quick.flow.totals()[0];
    assert!(quick.flow.is_own_work(&own) && own.time.0 * 10 > quick.flow.window.length().0 * 8, "{own:?}");
}

#[test]
fn the_chain_of_waits_leads_to_the_disk_as_told() {
    let tour = find("chain").unwrap();
    let scene = read(&tour.sample);
    let step_of = |title: &str| step(tour, title).window.unwrap().on(&scene).unwrap();
    let chain = flow(&scene, &tour.steps[0]);
    let names = |title: &str| {
        let window = step_of(title);
        let pieces = chain.flow.pieces.iter().filter(|p| window.overlaps(&p.range));
        pieces.map(|p| (long_who(&scene.facts, p.who), p.kind)).collect::<Vec<_>>()
    };
    let has = |title: &str, who: &str, kind: FlowKind| {
        let found = names(title);
        assert!(found.iter().any(|(name, k)| name.starts_with(who) && *k == kind), "{title}: {found:?}");
    };
    has("The journal", "jbd2/sda-8 147 in guest-a", FlowKind::Hypervisor);
    has("Across the border", "worker 1578 in host", FlowKind::Running);
    has("Across the border", "qemu-system-x86 1426 in host", FlowKind::Running);
    has("The true disk", "worker 1578 in host", FlowKind::Disk);
    assert!(names("A program waits").iter().all(|(name, _)| !name.starts_with("iowriter")), "it only waits");
    let by_kind = chain.flow.by_kind();
    let time = |kind: FlowKind| by_kind.iter().find(|(k, _)| *k == kind).map_or(0, |(_, t)| t.0);
    let ms = |kind: FlowKind| time(kind) as f64 / 1e6;
    assert!((1.15..1.25).contains(&ms(FlowKind::Disk)), "{by_kind:?}");
    assert!((6.05..6.15).contains(&ms(FlowKind::Hypervisor)), "{by_kind:?}");
}

#[test]
fn a_control_flow_is_read_as_told() {
    let tour = find("reading").unwrap();
    let scene = read(&tour.sample);
    let whole = step(tour, "A row is a thread");
    assert!((28.65..28.7).contains(&(whole.select.unwrap().on(&scene).unwrap().length().0 as f64 / 1e6)));
    let ran = ms(&scene, whole, running);
    assert!((6.2..6.25).contains(&ran), "{ran} ms");
    let at = |title: &str| {
        let step = step(tour, title);
        let row = step.row.as_ref().unwrap().find(&scene).unwrap();
        let (machine, _, scene_row) = scene.row(row).unwrap();
        let t = step.select.unwrap().on(&scene).unwrap().begin;
        let interval = scene_row.lane.at(machine.map.from_ref(t)).unwrap();
        let length = (interval.end - interval.begin).0 as f64 / 1e6;
        (interval.look.state, scene.text(interval.look.detail).to_string(), length, row, t)
    };
    let (state, call, _, row, _) = at("Its own code, and the kernel's");
    assert_eq!((state, call.as_str()), (RowState::RunningSyscall, "fsync"));
    // Just before it, the other call.
    let (machine, _, scene_row) = scene.row(row).unwrap();
    let before = machine.map.from_ref(RefNs(step(tour, "It sleeps").select.unwrap().on(&scene).unwrap().begin.0));
    let mut back = before;
    let wrote = std::iter::from_fn(|| {
        let interval = scene_row.lane.at(back)?;
        back = interval.begin - Dur(1);
        Some(interval)
    });
    let wrote = wrote.take(12).find(|i| *scene.text(i.look.detail) == *"pwrite64").unwrap();
    assert!((0.29..0.31).contains(&((wrote.end - wrote.begin).0 as f64 / 1e6)));
    let (state, _, length, ..) = at("It sleeps");
    assert!(state == RowState::Blocked && (21.35..21.45).contains(&length), "{state:?} {length}");
    let (state, _, length, row, t) = at("Woken is not running");
    assert!(state == RowState::WaitingCpu && (0.345..0.355).contains(&length), "{state:?} {length}");
    let wakeup = crate::window::navigate::wakeup_of(&scene, row, t).unwrap();
    let waker = crate::window::navigate::waker_row(scene.machine(row.machine).unwrap(), &wakeup).unwrap();
    assert_eq!(crate::window::words::row_name(&scene, waker), "jbd2/sda-8 147");
    let cpu = |number: &str, t: RefNs| {
        let name = RowName { machine: "guest-a".to_owned(), kind: RowSort::Cpu, name: number.to_owned() };
        let (machine, _, scene_row) = scene.row(name.find(&scene).unwrap()).unwrap();
        scene_row.lane.at(machine.map.from_ref(t)).unwrap().look.state
    };
    assert_eq!(cpu("1", t), RowState::Idle);
    assert_eq!(cpu("0", step(tour, "Who woke it").select.unwrap().on(&scene).unwrap().begin), RowState::User);
}
