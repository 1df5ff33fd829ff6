//! Flows of machines made by hand: their rows, sums and words.

use stratoscope_core::flow::FlowKind;
use stratoscope_core::sync::ClockMap;
use stratoscope_core::vocab::{Cancel, Cpu, Dur, MachineId, MachineNs, RefNs, RowKey, RowKind, State, Tid, TimeRange};

use super::answer::{Answer, Question, answer, task_of};
use super::sums::{Part, tables, text};
use super::words::blame;
use crate::window::command::RowRef;
use crate::window::joint::fake;
use crate::window::timeline::rows::{NodeKind, RowSet, Sort, Tree};

fn ms(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
}

fn critical() -> RowRef {
    RowRef { machine: fake::A, key: RowKey::thread(Tid(219), 0) }
}

fn flow(window: TimeRange<RefNs>) -> (crate::window::joint::facts::Facts, Answer) {
    let facts = fake::fighting();
    let question = Question { task: critical(), window: Some(window) };
    let found = answer(&facts, &question, &Cancel::default()).unwrap().unwrap();
    (facts, found)
}

#[test]
fn rows_that_are_no_tasks_have_no_flow() {
    let facts = fake::fighting();
    let row = |machine, key| RowRef { machine, key };
    assert_eq!(task_of(&facts, critical()), Some(critical()));
    let joined = RowKey { kind: RowKind::VmThread, ..critical().key };
    assert_eq!(task_of(&facts, row(fake::A, joined)), Some(critical()));
    let vcpu = task_of(&facts, row(fake::HOST, RowKey::vcpu(Tid(184), 0)));
    assert_eq!(vcpu.map(|r| r.key), Some(RowKey::thread(Tid(184), 0)));
    assert_eq!(task_of(&facts, row(fake::A, RowKey::cpu(Cpu(0)))), None);
    assert_eq!(task_of(&facts, row(fake::A, RowKey::idle(Cpu(0)))), None);
    assert_eq!(task_of(&facts, row(MachineId(7), critical().key)), None);
}

#[test]
fn the_culprit_stands_in_its_own_row_and_is_named() {
    let (facts, found) = flow(ms(5, 30));
    let (total, words) = blame(&facts, &found.flow).unwrap();
    assert_eq!((total.kind, total.time), (FlowKind::VcpuPreempted, Dur(12_000_000)));
    assert_eq!(words, "burner-b 300 in guest-b took its vCPU's processor: 12 ms (48.0 %)");
    let rows: Vec<(i32, Dur)> = found.picture.rows.iter().map(|r| (r.row.key.id, r.total)).collect();
    assert_eq!(rows, [(219, Dur(13_000_000)), (300, Dur(12_000_000))]);
    let lengths: i64 = found.flow.pieces.iter().map(|p| p.range.length().0).sum();
    assert_eq!(lengths, 25_000_000, "each nanosecond once");
}

#[test]
fn the_picture_has_only_rows_of_the_flow_and_the_task_never_an_empty_one() {
    let (facts, found) = flow(ms(5, 30));
    let scene = found.picture.scene(&fake::scene(facts), 7);
    let tree = Tree::new(&scene, RowSet::Flow, None, Sort::CpuTime);
    let said: Vec<String> = tree.nodes.iter().map(|n| n.spoken()).collect();
    assert_eq!(
        said,
        [
            "machine guest-a",
            "flow of critical 219 in guest-a: 13 ms",
            "machine guest-b",
            "flow of burner-b 300 in guest-b: 12 ms"
        ]
    );
    assert!(tree.nodes.iter().all(|n| n.kind == NodeKind::Machine || n.children.is_empty()));
    let state = |row: RowRef, t: i64| {
        let (machine, _, scene_row) = scene.row(row).unwrap();
        machine.at(scene_row, RefNs(t * 1_000_000)).map(|i| i.look.state)
    };
    let burner = found.picture.rows[1].row;
    assert_eq!(state(critical(), 6), Some(State::RunningUser));
    assert_eq!(state(critical(), 12), Some(State::WaitingUnknown));
    assert_eq!(state(burner, 12), Some(State::PreemptedByHost));
    assert_eq!(state(burner, 20), None);
    assert_eq!(state(critical(), 31), None);
}

#[test]
fn tables_add_up_and_name_the_culprit_first() {
    let (facts, found) = flow(ms(5, 30));
    let [culprits, kinds, machines] = tables(&facts, &found.flow);
    assert_eq!(culprits.lines[0].spoken(), "burner-b 300, preempted by the host in guest-b: 12 ms, 48.0 %");
    assert_eq!(culprits.own[0].spoken(), "critical 219, its own work in guest-a: 13 ms, 52.0 %");
    for table in [&culprits, &kinds, &machines] {
        let sum: i64 = table.lines.iter().chain(&table.own).map(|line| line.time.0).sum();
        assert_eq!(sum, 25_000_000, "{}", table.title);
    }
    let part = culprits.lines[0].part.unwrap();
    let longest = part.longest(&found.flow).unwrap();
    assert_eq!(found.flow.pieces[longest].range, ms(10, 18), "the first of the longest");
    assert!(found.flow.pieces.iter().all(|p| part.holds(p) == (p.kind == FlowKind::VcpuPreempted)));
    assert!(Part::Machine(fake::B).holds(&found.flow.pieces[longest]));
    let copied = text(&facts, &found.flow);
    assert!(copied.starts_with("Execution flow of critical 219 in guest-a: 25 ms\n"), "{copied}");
    assert!(copied.contains("12 ms    48.0 %  burner-b 300, preempted by the host in guest-b"), "{copied}");
}

#[test]
fn a_window_without_the_task_has_an_empty_flow() {
    let (facts, found) = flow(ms(500, 600));
    assert!(found.flow.pieces.is_empty());
    assert_eq!(blame(&facts, &found.flow), None);
    assert_eq!(found.picture.rows.len(), 1);
}

#[test]
fn without_the_synchronisation_pieces_stand_where_their_machines_do() {
    let mut facts = fake::fighting();
    let map = ClockMap::IDENTITY.shifted(Dur(5_000_000));
    facts.world.machines[usize::from(fake::A.0)].map = map;
    // The same stretch of the task's own clock, seen where the task stands now.
    let shown = TimeRange::new(map.to_ref(MachineNs(5_000_000)), map.to_ref(MachineNs(30_000_000)));
    let question = Question { task: critical(), window: Some(shown) };
    let found = answer(&facts, &question, &Cancel::default()).unwrap().unwrap();
    assert_eq!(found.flow.window, ms(5, 30), "the flow is the same");
    assert_eq!(found.window(&facts), shown);
    for piece in &found.flow.pieces {
        let range = found.range(&facts, piece);
        let moved = (range.begin - piece.range.begin).0;
        let expected = if piece.who.machine == fake::A { (shown.begin - RefNs(5_000_000)).0 } else { 0 };
        assert_eq!(moved, expected, "{piece:?}");
        assert_eq!(range.length(), piece.range.length());
    }
}
