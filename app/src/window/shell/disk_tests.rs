//! What is open changes on disk: it is told, and read again where the user was.

use std::fs;
use std::path::Path;

use egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{Dur, TimeRange};

use super::tests::{harness_of, options, send, settle, state};
use crate::window::command::Command;
use crate::window::{WindowOptions, reading};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

#[test]
fn a_changed_folder_is_told_and_read_again_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new("../sample-traces/fighting");
    copy(&sample.join("guest-a"), &folder.path().join("guest-a"));
    let mut h = harness_of(WindowOptions { opener: reading::opener(), ..options(None) }, vec2(1600.0, 1000.0));
    send(&mut h, Command::Open(vec![folder.path().to_path_buf()]));
    h.state_mut().window().look_at_files();
    settle(&mut h);
    let chip = |h: &egui_kittest::Harness<'_, _>| {
        let nodes = h.query_all_by(|n| n.label().is_some_and(|l| l.starts_with("Changed on disk")));
        nodes.filter_map(|n| n.accesskit_node().label()).collect::<Vec<_>>()
    };
    assert!(chip(&h).is_empty());
    let before = state(&mut h);
    assert_eq!(before.scene.machines.len(), 1);
    send(&mut h, Command::SetRowSearch("kworker".to_owned()));

    copy(&sample.join("guest-b"), &folder.path().join("guest-b"));
    h.state_mut().window().look_at_files();
    settle(&mut h);
    let told = chip(&h);
    assert!(told.len() == 1 && told[0].contains("are new; read again"), "{told:?}");
    assert_eq!(state(&mut h).scene.machines.len(), 1, "nothing is read unasked");
    h.get_by_label(&told[0]).click();
    settle(&mut h);
    let after = state(&mut h);
    assert_eq!(after.scene.machines.len(), 2);
    assert_eq!(after.view.search, "kworker");
    assert!(chip(&h).is_empty());

    // The key does the same, also where nothing has changed.
    let begin = after.scene.extent.unwrap().begin;
    let window = TimeRange::new(begin, begin + Dur(20_000_000));
    let selection = TimeRange::new(begin + Dur(1_000_000), begin + Dur(2_000_000));
    send(&mut h, Command::SetWindow { window, remember: true });
    send(&mut h, Command::SelectTime(Some(selection)));
    h.key_press_modifiers(Modifiers::NONE, Key::F5);
    settle(&mut h);
    let again = state(&mut h).view;
    assert_eq!((again.window, again.selection), (window, Some(selection)));
}
