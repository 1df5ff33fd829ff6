//! What texts mean, which rows and states they find, and how many.

use stratoscope_core::query::time::TimeBase;
use stratoscope_core::vocab::{Cancel, MachineId, RefNs, RowKey, Tid};

use super::search::count_rows;
use super::seek::next_state;
use super::*;
use crate::window::command::{Direction, RowRef};
use crate::window::timeline::fake;

fn find(text: &str) -> Find {
    Find::new(text, &TimeBase::default())
}

fn thread(tid: i32) -> RowRef {
    RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) }
}

#[test]
fn texts_are_words_or_filters_or_wrong() {
    assert!(matches!(find("  ").what, What::Nothing));
    for text in ["bash", "CPU 0/KVM", "kworker/0:1", "(sd-pam)", "1234", "a.b"] {
        assert!(matches!(find(text).what, What::Words(_)), "{text}");
    }
    for text in ["tid == 100", "state ~ \"^run\"", "not (cpu == 0)", "comm contains \"qemu\""] {
        assert!(find(text).filter().is_some(), "{text}");
    }
    for text in ["tid ==", "state == \"", "comm contains", "cpu in (0,"] {
        assert!(find(text).error().is_some(), "{text}");
    }
    assert_eq!(find("tid == and").error().map(|e| e.column()), Some(8), "it says where");
}

#[test]
fn rows_and_states_are_counted() {
    let scene = fake::small();
    let count = |text: &str| count_rows(&find(text), &scene, &Cancel::default());
    assert_eq!(count("bash"), (1, None));
    assert_eq!(count("tid in (100, 400) and row == \"thread\""), (2, None));
    assert_eq!(count("comm contains \"KVM\" and state == \"preempted\""), (1, Some(1)));
    assert_eq!(count("row == \"thread\" and state == \"running-syscall\" and dur > 500us"), (1, Some(1)));
    assert_eq!(count("next_tid == 4"), (0, None), "a field that rows do not have");
    // Threads are on CPUs only in some of their states.
    let (rows, states) = count("row == \"thread\" and cpu == 1 and state == \"running-user\"");
    assert_eq!((rows, states), (2, Some(4)));
}

#[test]
fn the_next_state_is_the_next_in_time_and_then_in_the_list() {
    let scene = fake::small();
    let rows = [thread(100), thread(400), thread(401)];
    let find = find("state == \"running-user\"");
    let next = |row: i32, t: i64, direction| {
        let place = next_state(&find, &scene, &rows, Some(thread(row)), RefNs(t), direction, &Cancel::default());
        place.map(|p| (p.row.key.id, p.t.0))
    };
    assert_eq!(next(100, 0, Direction::Forward), Some((401, 0)), "at the same instant, further down");
    assert_eq!(next(401, 0, Direction::Forward), Some((400, 1_000_000)));
    assert_eq!(next(400, 1_000_000, Direction::Forward), Some((401, 5_000_000)));
    assert_eq!(next(401, 5_000_000, Direction::Back), Some((400, 1_000_000)));
    assert_eq!(next(400, 1_000_000, Direction::Back), Some((401, 0)));
    assert_eq!(next(401, 0, Direction::Back), Some((100, 0)));
    assert_eq!(next(100, 0, Direction::Back), None);
}
