//! What a guest's tasks believe, and what of it was real.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stratoscope_core::vm::tasks;
use stratoscope_core::vocab::{Cancel, Dur, Interner, MachineNs, Name, RowKey, State, Tid, TimeRange};

use crate::support::{GUEST, HOST, Piece, model, store, view, vm_thread, who, write};

const STATES: [State; 7] = [
    State::RunningUser,
    State::RunningSyscall,
    State::Interrupted,
    State::PreemptedByHost,
    State::InHypervisor,
    State::Unknown,
    State::Blocked,
];

proptest! {
    /// The same, counted nanosecond by nanosecond.
    #[test]
    fn perceived_is_real_hypervisor_stolen_and_unknown(
        pieces in prop::collection::vec((0..STATES.len(), 0..3u32, 1..40i64), 1..60),
        from in -3..600i64,
        length in 0..600i64,
    ) {
        let names = Interner::default();
        let joined: Vec<Piece> = pieces.iter().map(|(s, aux, ns)| (STATES[*s], Name::NONE, *aux, *ns)).collect();
        // What the guest believed: it ran, unless it was blocked. Of the third culprit nothing is known.
        let own: Vec<Piece> = joined
            .iter()
            .map(|p| (if p.0 == State::Blocked { State::Blocked } else { State::RunningUser }, Name::NONE, 0, p.3))
            .collect();
        let (mut truth, mut guest) = (store(), store());
        let end = write(&mut truth, vm_thread(7), &joined);
        write(&mut guest, RowKey::thread(Tid(7), 0), &own);
        let culprits = [who(&names, HOST, 5, "other"), who(&names, HOST, 6, "third")];
        let view = view(model(vec![]), None, Some(truth.snapshot(MachineNs(end))), &culprits);
        let range = TimeRange::new(MachineNs(from), MachineNs(from + length));
        let guest = guest.snapshot(MachineNs(end));
        let found = tasks(&view, GUEST, &guest, range, &names, &Cancel::default()).unwrap();

        let mut by_state: BTreeMap<State, i64> = BTreeMap::new();
        let mut by_culprit: BTreeMap<u32, i64> = BTreeMap::new();
        let mut t = 0;
        for (state, _, aux, ns) in &joined {
            for at in t..t + ns {
                if range.contains(MachineNs(at)) {
                    *by_state.entry(*state).or_default() += 1;
                    if *state == State::PreemptedByHost {
                        *by_culprit.entry(*aux).or_default() += 1;
                    }
                }
            }
            t += ns;
        }
        let ns = |states: &[State]| Dur(states.iter().filter_map(|s| by_state.get(s)).sum());
        let perceived = ns(&STATES[..6]);
        prop_assert_eq!(found.len(), usize::from(perceived > Dur(0)));
        let Some(task) = found.first() else { return Ok(()) };
        prop_assert_eq!(task.real, ns(&STATES[..3]));
        prop_assert_eq!(task.stolen, ns(&STATES[3..4]));
        prop_assert_eq!(task.hypervisor, ns(&STATES[4..5]));
        prop_assert_eq!(task.unknown, ns(&STATES[5..6]));
        prop_assert_eq!(task.perceived(), perceived);
        prop_assert_eq!(task.stolen_by.iter().map(|s| s.1.0).sum::<i64>(), task.stolen.0);
        for (culprit, time) in &task.stolen_by {
            let aux = culprit.map_or(2, |w| culprits.iter().position(|c| *c == w).unwrap() as u32);
            prop_assert_eq!(*time, Dur(by_culprit[&aux]));
        }
        prop_assert!(task.stolen_by.is_sorted_by(|a, b| a.1 >= b.1));
    }
}

#[test]
fn unknown_time_counts_only_where_the_guest_believed_to_run() {
    let names = Interner::default();
    let running = names.intern("running");
    let (mut truth, mut guest) = (store(), store());
    write(&mut truth, vm_thread(7), &[(State::Unknown, Name::NONE, 0, 40), (State::RunningUser, Name::NONE, 0, 10)]);
    // Of the first 10 the guest itself knows nothing; then it ran in a mode that nobody knows; then it slept.
    let own = [
        (State::Unknown, Name::NONE, 0, 10),
        (State::Unknown, running, 0, 5),
        (State::Blocked, Name::NONE, 0, 20),
        (State::RunningUser, Name::NONE, 0, 15),
    ];
    write(&mut guest, RowKey::thread(Tid(7), 0), &own);
    let view = view(model(vec![]), None, Some(truth.snapshot(MachineNs(50))), &[]);
    let all = TimeRange::new(MachineNs(0), MachineNs(50));
    let found = tasks(&view, GUEST, &guest.snapshot(MachineNs(50)), all, &names, &Cancel::default()).unwrap();
    assert_eq!((found[0].unknown, found[0].real), (Dur(10), Dur(10)));
}

#[test]
fn the_task_that_lost_most_comes_first_and_idle_is_no_task() {
    let names = Interner::default();
    let (mut truth, guest) = (store(), &mut store());
    let stolen = |ns| [(State::RunningUser, Name::NONE, 0, 50 - ns), (State::PreemptedByHost, Name::NONE, 9, ns)];
    for (tid, ns) in [(1, 10), (2, 30), (3, 20), (0, 40)] {
        write(&mut truth, vm_thread(tid), &stolen(ns));
    }
    write(&mut truth, vm_thread(4), &[(State::Blocked, Name::NONE, 0, 50)]);
    let view = view(model(vec![]), None, Some(truth.snapshot(MachineNs(50))), &[]);
    let all = TimeRange::new(MachineNs(0), MachineNs(50));
    let found = tasks(&view, GUEST, &guest.snapshot(MachineNs(50)), all, &names, &Cancel::default()).unwrap();
    assert_eq!(found.iter().map(|t| t.tid().0).collect::<Vec<_>>(), [2, 3, 1]);
    assert_eq!(found[0].stolen_by, [(None, Dur(30))], "somebody took it, even if nobody knows who");
}
