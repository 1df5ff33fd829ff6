//! Statistics of the selection and comparisons, as a user and a screen reader find them: by labels.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{RefNs, TimeRange};

use super::tests::{Test, harness_of, opened, options, send, settle, state};
use crate::window::command::{Command, Direction};
use crate::window::joint;
use crate::window::layout::{PaneKind, Preset};
use crate::window::stats::comparison::SideName;
use crate::window::theme::Theme;
use crate::window::{WindowOptions, reading};

fn alone(name: &str, pane: PaneKind) -> Harness<'static, Test> {
    let mut h = opened(name);
    send(&mut h, Command::ShowPane(pane));
    send(&mut h, Command::ToggleFullPane);
    h
}

fn click(h: &mut Harness<'_, Test>, label: &str) {
    h.get_by_label(label).click();
    settle(h);
}

fn labels(h: &Harness<'_, Test>, begin: &str) -> Vec<String> {
    let nodes = h.query_all_by_role(Role::ListItem);
    let mut all: Vec<(f32, String)> =
        nodes.filter_map(|n| Some((n.rect().top(), n.accesskit_node().label()?))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, label)| label).filter(|label| label.starts_with(begin)).collect()
}

fn ms(a: i64, b: i64) -> TimeRange<RefNs> {
    TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
}

#[test]
fn times_are_told_of_each_row_of_all_and_of_rows_of_one_name() {
    let mut h = alone("joint", PaneKind::Statistics);
    let rows = labels(&h, "totals ");
    assert_eq!(rows[0], format!("totals All {} rows", rows.len() - 1));
    let busy = |h: &Harness<'_, Test>, label: &str| h.get_by_label(label).value();
    assert_eq!(busy(&h, "totals CPU 0/KVM 184 of host").as_deref(), Some("busy 40 ms"));
    send(&mut h, Command::SelectTime(Some(ms(10, 14))));
    assert_eq!(busy(&h, "totals CPU 0/KVM 184 of host").as_deref(), Some("busy 4 ms"));
    click(&mut h, "totals CPU 0/KVM 184 of host");
    assert_eq!(state(&mut h).view.row.map(|r| r.key.id), Some(184));
    click(&mut h, "Summed by name");
    assert_eq!(busy(&h, "totals CPU 0/KVM × 2 of host").as_deref(), Some("busy 8 ms"));
    click(&mut h, "Count");
    click(&mut h, "CPUs");
    assert!(labels(&h, "totals CPU × 2 of host").len() == 1);
}

#[test]
fn latencies_are_told_sorted_and_lead_to_the_longest() {
    let mut h = alone("joint", PaneKind::Statistics);
    let before = state(&mut h).view.window;
    click(&mut h, "Latencies");
    let preempted = "latency preemption CPU 0/KVM: 3, p99 8 ms, max 8 ms";
    let woken = "latency wakeup consumerd: 1, p99 1 ms, max 1 ms";
    assert_eq!(labels(&h, "latency "), [preempted, woken]);
    for picture in ["Latency over time", "Histogram of latencies"] {
        let value = h.get_by_label(picture).value();
        assert_eq!(value.as_deref(), Some("Preempted, until running again: CPU 0/KVM: 3 times"));
    }
    click(&mut h, "Sort by Name");
    click(&mut h, "Sort by Name");
    assert_eq!(labels(&h, "latency "), [woken, preempted]);
    click(&mut h, woken);
    let after = state(&mut h);
    assert_eq!(after.view.selection, Some(ms(12, 13)));
    assert_eq!(after.view.row.map(|r| r.key.id), Some(900));
    assert!(after.view.window.length() < before.length());
    assert_eq!(labels(&h, "latency "), [woken, preempted], "the table stays what it was");
    assert!(h.get_by_label("Latency over time").value().unwrap().contains("consumerd: 1 time"));
    send(&mut h, Command::ZoomHistory(Direction::Back));
    send(&mut h, Command::SelectTime(Some(ms(0, 20))));
    assert_eq!(labels(&h, "latency "), [woken, "latency preemption CPU 0/KVM: 1, p99 8 ms, max 8 ms"]);
    click(&mut h, "Only consumerd 900 of host");
    assert_eq!(labels(&h, "latency "), [woken]);
    click(&mut h, "Interrupt handlers");
    assert!(labels(&h, "latency ").is_empty());
}

#[test]
fn events_are_counted_by_name_and_found_by_a_click() {
    let real = WindowOptions { opener: reading::opener(), ..options(None) };
    let mut h = harness_of(real, vec2(1600.0, 900.0));
    send(&mut h, Command::Open(vec![PathBuf::from("../sample-traces/fighting")]));
    for command in [Command::ShowPane(PaneKind::Statistics), Command::ToggleFullPane, Command::SelectTime(None)] {
        send(&mut h, command);
    }
    send(&mut h, Command::ZoomAll);
    click(&mut h, "Event counts");
    let first = labels(&h, "events ").first().cloned().unwrap();
    let count = first.rsplit(' ').next().unwrap().replace(['\u{202f}', '\u{a0}'], "");
    click(&mut h, "Sort by Event");
    assert_ne!(labels(&h, "events ").first(), Some(&first));
    click(&mut h, "Sort by Count");
    assert_eq!(labels(&h, "events ").first(), Some(&first));
    click(&mut h, &first);
    let text = state(&mut h).view.search;
    assert!(text.starts_with("name == \"") && text.contains("machine == \""), "{text}");
    // The search counts all events of that name: so many does the whole trace have.
    let found = labels_containing(&h, "events");
    assert!(found.iter().any(|l| l.replace(['\u{202f}', '\u{a0}'], "").contains(&count)), "{count}: {found:?}");
    let half = state(&mut h).view.window;
    let half = TimeRange::new(half.begin, RefNs(half.begin.0 + half.length().0 / 2));
    send(&mut h, Command::SelectTime(Some(half)));
    assert_ne!(labels(&h, "events ").first(), Some(&first));
}

fn labels_containing(h: &Harness<'_, Test>, part: &str) -> Vec<String> {
    let nodes = h.query_all_by(|node| node.label().is_some_and(|label| label.contains(part)));
    nodes.filter_map(|n| n.accesskit_node().label()).collect()
}

#[test]
fn a_dot_of_the_scatter_leads_to_its_latency() {
    let mut h = alone("joint", PaneKind::Statistics);
    click(&mut h, "Latencies");
    // 8 ms that end at 26 of 40 ms, between 1 and 10 ms.
    let window = state(&mut h).view.window;
    let area = h.get_by_label("Latency over time").rect();
    let along = (26e6 - window.begin.0 as f64) / window.length().0 as f64;
    let x = area.left() + area.width() * along as f32;
    let y = area.bottom() - area.height() * 8_f32.log10();
    h.event(egui::Event::PointerMoved(egui::pos2(x, y)));
    h.run_steps(3);
    for pressed in [true, false] {
        let modifiers = egui::Modifiers::NONE;
        h.event(egui::Event::PointerButton {
            pos: egui::pos2(x, y),
            button: egui::PointerButton::Primary,
            pressed,
            modifiers,
        });
        h.run_steps(2);
    }
    settle(&mut h);
    let after = state(&mut h);
    assert_eq!(after.view.selection, Some(ms(18, 26)));
    assert_eq!(after.view.row.map(|r| r.key.id), Some(194));
}

#[test]
fn tables_are_copied() {
    let mut h = alone("joint", PaneKind::Statistics);
    for what in ["Copy table as text", "Copy table as CSV", "Copy table as JSON Lines"] {
        click(&mut h, "Copy ⏷");
        click(&mut h, what);
        assert_eq!(state(&mut h).notice.as_deref(), Some("Copied"), "{what}");
        send(&mut h, Command::SelectTime(None));
    }
}

fn values(h: &Harness<'_, Test>) -> Vec<String> {
    let nodes = h.query_all_by_label("Control flow timeline");
    let mut all: Vec<_> = nodes.map(|n| (n.rect().top(), n.value().unwrap_or_default())).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn two_stretches_are_chosen_compared_and_sorted_by_what_changed() {
    let mut h = opened("joint");
    send(&mut h, Command::SetPreset(Preset::Compare));
    assert!(h.query_all_by_label_contains("not chosen yet").count() == 2);
    send(&mut h, Command::SelectTime(Some(ms(0, 10))));
    click(&mut h, "Use selection as A");
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("Now choose B")));
    send(&mut h, Command::SelectTime(Some(ms(10, 20))));
    h.key_press_modifiers(Modifiers::ALT | Modifiers::SHIFT, Key::B);
    settle(&mut h);
    assert_eq!(state(&mut h).comparison.ranges(), Some([ms(0, 10), ms(10, 20)]));
    let lines = labels(&h, "difference ");
    assert!(lines[0].starts_with("difference "), "{lines:?}");
    let waits = lines.iter().find(|l| l.contains("consumerd") && l.contains("Waiting")).unwrap();
    assert!(waits.contains("A 0 ns, B 1 ms, +1 ms new"), "{waits}");
    let ran = waits.clone();
    click(&mut h, &ran);
    assert_eq!(state(&mut h).view.row.map(|r| r.key.id), Some(900));
    click(&mut h, "Sort by Name");
    let sorted = labels(&h, "difference ");
    let names = |l: &str| sorted.iter().position(|s| s.starts_with(&format!("difference {l}")));
    assert_eq!((names("CPU 0/KVM"), names("patient")), (Some(0), Some(lines.len() - 1)), "{sorted:?}");
    click(&mut h, "Waits for a CPU");
    click(&mut h, "Max");
    let woken = "difference consumerd of host From wake-up to running: A –, B 1 ms,  new";
    click(&mut h, woken);
    assert_eq!(state(&mut h).view.selection, Some(ms(12, 13)));
    click(&mut h, "Swap A and B");
    assert!(labels(&h, "difference consumerd")[0].ends_with("A 1 ms, B –,  gone"));
    click(&mut h, "Copy ⏷");
    click(&mut h, "Copy table as CSV");
    assert_eq!(state(&mut h).notice.as_deref(), Some("Copied"));
}

#[test]
fn panes_of_both_sides_stay_aligned_and_go_together() {
    let mut h = opened("joint");
    send(&mut h, Command::SetPreset(Preset::Compare));
    assert_eq!(values(&h)[0], values(&h)[1], "both show the whole before sides are chosen");
    send(&mut h, Command::SelectTime(Some(ms(4, 8))));
    send(&mut h, Command::CompareSelection(SideName::A));
    send(&mut h, Command::SelectTime(Some(ms(20, 30))));
    send(&mut h, Command::CompareSelection(SideName::B));
    let windows = |h: &mut Harness<'_, Test>| {
        let state = state(h);
        SideName::ALL.map(|side| state.view_of(&PaneKind::Compared(side)).window)
    };
    let aligned =
        |[a, b]: [TimeRange<RefNs>; 2]| b.begin - a.begin == b.end - a.end && (b.begin - a.begin).0 == 16_000_000;
    let first = windows(&mut h);
    assert!(aligned(first), "{first:?}");
    assert!(first[0].begin <= RefNs(4_000_000) && first[0].end >= RefNs(14_000_000), "as long as the longer one");
    send(&mut h, Command::FocusPane(PaneKind::Compared(SideName::B)));
    send(&mut h, Command::Zoom { factor: 4.0, at: Some(RefNs(22_000_000)) });
    let zoomed = windows(&mut h);
    assert_ne!(zoomed, first);
    assert!(aligned(zoomed), "{zoomed:?}");
    send(&mut h, Command::ZoomHistory(Direction::Back));
    assert_eq!(windows(&mut h), first);
    send(&mut h, Command::SetPreset(Preset::Kernel));
    assert!(state(&mut h).own_time.is_empty() && state(&mut h).panes.unlinked.is_empty());
}

#[test]
fn machines_and_halves_are_compared() {
    let mut h = opened("joint");
    send(&mut h, Command::SelectTime(Some(ms(0, 40))));
    send(&mut h, Command::CompareHalves);
    assert!(state(&mut h).panes.contains(&PaneKind::Compare), "the table is shown");
    assert_eq!(state(&mut h).comparison.ranges(), Some([ms(0, 20), ms(20, 40)]));
    send(&mut h, Command::CompareRecordings);
    let sides = state(&mut h).comparison.sides;
    assert_eq!(sides.map(|s| s.machine), [Some(joint::fake::HOST), Some(joint::fake::A)]);
    click(&mut h, "B: guest-a ⏷");
    click(&mut h, "B of all machines");
    assert_eq!(state(&mut h).comparison.sides[1].machine, None);
    // There is but one machine here.
    let mut h = opened("small");
    send(&mut h, Command::CompareRecordings);
    assert!(state(&mut h).notice.is_some_and(|n| n.contains("one machine")));
}

/// Pictures for people to look at: `STRATOSCOPE_PICTURES=folder cargo test stats_pictures`.
#[test]
fn stats_pictures() {
    let Some(folder) = std::env::var_os("STRATOSCOPE_PICTURES").map(PathBuf::from) else { return };
    let sample = |name: &str| PathBuf::from("../sample-traces").join(name);
    let full = |pane| vec![Command::ShowPane(pane), Command::ToggleFullPane];
    type Pictured<'a> = (&'a str, Vec<PathBuf>, Vec<Command>, &'a [&'a str]);
    let scenes: Vec<Pictured<'_>> = vec![
        ("times", vec![sample("fighting")], full(PaneKind::Statistics), &[]),
        ("tiled", vec![sample("io")], vec![Command::ShowPane(PaneKind::Statistics)], &["Latencies"]),
        ("latencies", vec![sample("io")], full(PaneKind::Statistics), &["Latencies"]),
        ("events", vec![sample("fighting")], full(PaneKind::Statistics), &["Event counts"]),
        ("empty", vec![sample("fighting")], vec![Command::SetPreset(Preset::Compare)], &[]),
        ("compare", vec![sample("fighting")], vec![Command::SetPreset(Preset::Compare), Command::CompareHalves], &[]),
        (
            "two",
            vec![sample("fighting"), sample("periodic")],
            vec![Command::SetPreset(Preset::Compare), Command::CompareRecordings],
            &["Latencies"],
        ),
    ];
    for (size, tag) in [(vec2(1000.0, 600.0), "small"), (vec2(1600.0, 900.0), "large")] {
        for theme in ["dark", "light"] {
            for (name, paths, commands, clicks) in &scenes {
                let real = WindowOptions { opener: reading::opener(), ..options(None) };
                let mut h = harness_of(real, size);
                if theme == "light" {
                    send(&mut h, Command::CycleTheme);
                }
                send(&mut h, Command::Open(paths.clone()));
                for command in commands {
                    send(&mut h, command.clone());
                }
                for label in *clicks {
                    let nodes: Vec<_> = h.query_all_by_label(label).collect();
                    nodes.last().unwrap().click();
                    drop(nodes);
                    settle(&mut h);
                }
                let mut screen = crate::raster::Headless::new([size.x as u32, size.y as u32], 1.0);
                let shown = if theme == "light" { Theme::light() } else { Theme::dark() };
                shown.apply(screen.ctx());
                for _ in 0..4 {
                    screen.render(|ui| h.state_mut().window().frame_ui(ui));
                }
                let picture = screen.render(|ui| h.state_mut().window().frame_ui(ui));
                crate::raster::save_png(&folder.join(format!("{name}-{theme}-{tag}.png")), &picture.image).unwrap();
            }
        }
    }
}
