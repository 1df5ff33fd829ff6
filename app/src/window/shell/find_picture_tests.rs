//! Finding on a real recording: events are counted and found from one to the next, and what is not looked for is seen
//! to step back, by pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratoscope_core::query::Filter;
use stratoscope_core::query::time::TimeBase;
use stratoscope_core::session::{Recordings, Session, SessionOptions, Snapshot};
use stratoscope_core::vocab::{Cancel, RefNs, TimeRange};

use super::camera::{Camera, wanted};
use crate::raster;
use crate::window::command::{Command, Direction};
use crate::window::find::Find;
use crate::window::layout::PaneKind;
use crate::window::own::{MarkCommand, RowCommand};
use crate::window::{WindowOptions, reading};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/fighting")
}

fn session() -> Arc<Session> {
    let options = SessionOptions { recordings: Recordings::First, ..SessionOptions::default() };
    Arc::new(Session::open(vec![sample()], options, Arc::new(|| {})))
}

fn base(snapshot: &Snapshot) -> TimeBase {
    let origin_ns = snapshot.origin().0;
    let begin_ns = snapshot.extent.map_or(0, |e| i128::from(e.begin.0)) + origin_ns;
    TimeBase { origin_ns, begin_ns, utc_offset_s: 0 }
}

#[test]
fn events_are_counted_and_walked_as_a_plain_look_at_all_of_them_tells() {
    let session = session();
    let snapshot = session.wait();
    let source = reading::event_source(&snapshot);
    let finder = source.finder().unwrap();
    for text in ["name == \"sched_switch\" and prev_tid > 100", "sched_wakeup", "cpu == 0 and t > +1s"] {
        let find = Find::new(text, &base(&snapshot));
        let mut all = Vec::new();
        let mut first = 0;
        while first < source.count() {
            let lines = source.page_found(first, 4096, &find);
            first += lines.len() as u64;
            all.extend(lines.into_iter().filter(|l| l.found).map(|l| (l.row, l.t)));
        }
        assert!(all.len() > 10, "{text} finds {}", all.len());
        let mut told = Vec::new();
        let count = finder.count(&find, &Cancel::default(), &mut |n| told.push(n));
        assert_eq!(count, all.len() as u64, "{text}");
        assert!(told.windows(2).all(|w| w[0] <= w[1]));
        let next = |from: (u64, RefNs), direction| {
            finder.next(&find, Some(from.0), from.1, direction, &Cancel::default()).map(|e| (e.row, e.t))
        };
        for n in [0, all.len() / 2, all.len() - 2] {
            assert_eq!(next(all[n], Direction::Forward), Some(all[n + 1]), "{text}");
            assert_eq!(next(all[n + 1], Direction::Back), Some(all[n]), "{text}");
        }
        assert_eq!(next(all[0], Direction::Back), None);
        assert_eq!(next(all[all.len() - 1], Direction::Forward), None);
    }
    assert!(Filter::parse("sched_wakeup").is_ok(), "words that would also be a filter are words");
}

/// A picture of the window after some commands.
fn picture(session: &Arc<Session>, size: [u32; 2], name: &str, commands: &[Command]) -> image::RgbaImage {
    let options = WindowOptions { opener: reading::opener_of(Arc::clone(session)), ..WindowOptions::headless() };
    let mut camera = Camera::new(size, options);
    camera.send(Command::Open(vec![sample()]));
    commands.iter().cloned().for_each(|command| camera.send(command));
    let picture = camera.picture();
    if let Some(file) = wanted(&format!("{name}-{}x{}", size[0], size[1])) {
        raster::save_png(&file, &picture).unwrap();
    }
    picture
}

/// How many pixels are strongly coloured.
fn coloured(image: &image::RgbaImage) -> usize {
    let spread = |p: &image::Rgba<u8>| p.0[..3].iter().max().unwrap() - p.0[..3].iter().min().unwrap();
    image.pixels().filter(|p| spread(p) > 90).count()
}

#[test]
fn what_is_not_looked_for_steps_back_and_marks_are_seen() {
    let session = session();
    let snapshot = session.wait();
    let extent = snapshot.extent.unwrap();
    let at = |share: i64| RefNs(extent.begin.0 + extent.length().0 / 100 * share);
    let select = |a: i64, b: i64| Command::SelectTime(Some(TimeRange::new(at(a), at(b))));
    let row = |tid: i32| {
        let host = snapshot.machines.iter().find(|m| m.store.rows().any(|r| r.key().id == tid)).unwrap();
        let key = host.store.rows().find(|r| r.key().id == tid).unwrap().key();
        crate::window::command::RowRef { machine: host.id, key }
    };
    let some =
        snapshot.machines[0].store.rows().filter(|r| r.key().id > 2).max_by_key(|r| r.busy_ns()).unwrap().key().id;
    let alone = Command::ShowPane(PaneKind::VirtualMachines);
    for size in [[1000, 600], [1600, 900]] {
        let plain = picture(&session, size, "plain", std::slice::from_ref(&alone));
        let find = Command::SetRowSearch("state == \"preempted\" and dur > 1ms".to_owned());
        let found = picture(&session, size, "found", &[alone.clone(), Command::FocusSearch, find]);
        assert!(coloured(&found) * 3 < coloured(&plain) * 2, "{} of {}", coloured(&found), coloured(&plain));
        picture(
            &session,
            size,
            "wrong",
            &[Command::FocusSearch, Command::SetRowSearch("comm contains \"qemu\" and state = ".to_owned())],
        );
        let marked = picture(
            &session,
            size,
            "marked",
            &[
                Command::ShowPane(PaneKind::ControlFlow(None)),
                select(30, 45),
                Command::Mark(MarkCommand::Marker(0)),
                Command::Mark(MarkCommand::Marker(1)),
                select(60, 60),
                Command::SelectRow(Some(row(some))),
                Command::Mark(MarkCommand::Add),
                Command::Mark(MarkCommand::Name(None)),
                select(70, 80),
                Command::Mark(MarkCommand::Add),
                Command::Rows(RowCommand::Pin(None)),
                Command::ShowPane(PaneKind::Bookmarks),
            ],
        );
        assert!(marked != plain);
        picture(&session, size, "keys", &[Command::ToggleKeys]);
    }
}
