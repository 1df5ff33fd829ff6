//! The settings pane and settings in the window, as a user and a screen reader find them.

use std::path::{Path, PathBuf};

use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stratoscope_core::vocab::{RefNs, TimeRange};

use super::tests::{Test, harness_of, opened, options, send, settle, state};
use crate::window::command::Command;
use crate::window::layout::PaneKind;
use crate::window::settings::{Layer, Sources, ThemeChoice, table};
use crate::window::stats::comparison::SideName;
use crate::window::view::TimeFormat;
use crate::window::{WindowOptions, reading};

type Window = Harness<'static, Test>;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.path("small")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn window(&self, command_line: &str) -> Window {
        let mut says = crate::window::settings::Preferences::default();
        command_line.split_whitespace().for_each(|a| says.overlay(&table::assignment(a).unwrap()));
        let settings = Sources {
            user: Some(self.path("settings.ron")),
            system: Some(self.path("config.ron")),
            command_line: says,
        };
        harness_of(WindowOptions { settings, ..options(None) }, vec2(1600.0, 1000.0))
    }

    /// The window on an experiment in this place, with the settings shown alone.
    fn opened(&self, command_line: &str) -> Window {
        let mut h = self.window(command_line);
        send(&mut h, Command::Open(vec![self.path("small")]));
        show(&mut h);
        h
    }
}

/// Shows the settings: alone at first, so that all of them are in sight.
fn show(h: &mut Window) {
    h.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    settle(h);
}

fn click(h: &mut Window, label: &str) {
    // Not by the pointer: much lies further down than the pane is high.
    h.get_by_label(label).click_accesskit();
    settle(h);
}

fn has(h: &Window, label: &str) -> bool {
    h.query_all_by_label(label).count() > 0
}

fn press(h: &mut Window, modifiers: Modifiers, key: Key) {
    h.key_press_modifiers(modifiers, key);
    settle(h);
}

#[test]
fn values_are_changed_and_reset_and_tell_where_they_come_from() {
    let place = Place::new();
    place.write("config.ron", "(compact: true)");
    let mut h = place.opened("");
    assert!(state(&mut h).view.compact);
    let system = format!("Compact rows: from {}", place.path("config.ron").display());
    assert!(has(&h, &system));
    assert!(has(&h, "Theme: from built in"));
    let layers = state(&mut h).settings;
    for setting in table::TABLE.iter().filter(|s| !matches!(s.kind, table::Kind::Filters | table::Kind::Keys)) {
        let from = if setting.name == "compact" { &system } else { layers.source(setting, None).title() };
        assert!(
            has(&h, &format!("{}: from {}", setting.title, from.trim_start_matches("Compact rows: from "))),
            "{from}"
        );
        assert!(has(&h, setting.about), "{}", setting.name);
    }
    let toggled = |h: &Window| h.get_by_role_and_label(Role::CheckBox, "Compact rows").accesskit_node().toggled();
    assert_eq!(toggled(&h), Some(Toggled::True));
    h.get_by_role_and_label(Role::CheckBox, "Compact rows").click();
    settle(&mut h);
    assert_eq!(toggled(&h), Some(Toggled::False));
    assert!(!state(&mut h).view.compact && has(&h, "Compact rows: from your settings"));
    click(&mut h, "Reset Compact rows");
    assert!(state(&mut h).view.compact && has(&h, &system) && !has(&h, "Reset Compact rows"));

    h.get_by_role_and_label(Role::ComboBox, "Times").click();
    settle(&mut h);
    click(&mut h, "Since the begin");
    assert_eq!(state(&mut h).settings.time_format, TimeFormat::Relative);
    // By keyboard: the slider takes arrows.
    h.get_by_role_and_label(Role::Slider, "Size of everything").focus();
    h.run_steps(2);
    press(&mut h, Modifiers::NONE, Key::ArrowRight);
    assert_eq!(state(&mut h).settings.ui_scale, 1.05);
    press(&mut h, Modifiers::COMMAND, Key::Num0);
    assert_eq!(state(&mut h).settings.ui_scale, 1.0);
    // And the same values by the commands that there were before.
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    assert!(has(&h, "Theme: from your settings"));
    h.state_mut().window().end();
    let text = std::fs::read_to_string(place.path("settings.ron")).unwrap();
    assert_eq!(text, "(\n    theme: Light,\n    time_format: Relative,\n)\n");
}

#[test]
fn a_value_that_is_fixed_says_so_and_changes_for_this_window() {
    let place = Place::new();
    place.write("small/stratoscope.ron", "(hide_idle: true)");
    let mut h = place.opened("theme=light");
    assert!(state(&mut h).view.hide_idle && !state(&mut h).dark);
    assert!(has(&h, "Hide idle rows: from this experiment") && has(&h, "Theme: from command line"));
    assert_eq!(h.query_all_by_label_contains("counts for this window only").count(), 2);
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    h.get_by_role_and_label(Role::CheckBox, "Hide idle rows").click();
    settle(&mut h);
    assert!(state(&mut h).dark && !state(&mut h).view.hide_idle);
    assert!(has(&h, "Theme: from this window only"));
    click(&mut h, "Reset Theme");
    assert!(!state(&mut h).dark);
    h.state_mut().window().end();
    assert!(!place.path("settings.ron").exists(), "nothing of that is kept");
    assert_eq!(std::fs::read_to_string(place.path("small/stratoscope.ron")).unwrap(), "(hide_idle: true)");
    send(&mut h, Command::Open(vec![PathBuf::from("/traces/small")]));
    assert!(!state(&mut h).settings.hide_idle, "another experiment");
}

#[test]
fn keys_are_bound_by_pressing_them_and_conflicts_are_told() {
    let place = Place::new();
    let mut h = place.opened("");
    click(&mut h, "Add a key to Details");
    assert!(has(&h, "Press a key…"));
    press(&mut h, Modifiers::ALT, Key::D);
    let keys = |h: &mut Window, id: &str| state(h).settings.keys.get(id).cloned();
    assert_eq!(keys(&mut h, "details"), Some(vec!["Ctrl+D".to_owned(), "Alt+D".to_owned()]));
    assert!(has(&h, "Details: from your settings"));
    let before = state(&mut h).settings.details;
    press(&mut h, Modifiers::ALT, Key::D);
    assert_ne!(state(&mut h).settings.details, before, "it acts at once");

    click(&mut h, "Add a key to Details");
    press(&mut h, Modifiers::NONE, Key::W);
    assert!(h.query_by_label_contains("W belongs to “Zoom in”").is_some());
    click(&mut h, "Leave it there");
    assert_eq!(keys(&mut h, "zoom-in"), None);
    click(&mut h, "Add a key to Details");
    press(&mut h, Modifiers::NONE, Key::W);
    click(&mut h, "Take it from there");
    assert_eq!(keys(&mut h, "zoom-in"), Some(vec!["+".to_owned(), "=".to_owned()]));
    assert_eq!(keys(&mut h, "details").unwrap().len(), 3);
    // Esc asks for nothing any more, and closes nothing.
    click(&mut h, "Add a key to Details");
    press(&mut h, Modifiers::NONE, Key::Escape);
    assert!(!has(&h, "Press a key…") && state(&mut h).panes.full == Some(PaneKind::Settings));

    click(&mut h, "Take Alt+D from Details");
    assert_eq!(keys(&mut h, "details"), Some(vec!["Ctrl+D".to_owned(), "W".to_owned()]));
    // What is as built in needs no word.
    click(&mut h, "Take W from Details");
    assert_eq!(keys(&mut h, "details"), None);
    click(&mut h, "Reset Zoom in");
    assert_eq!(keys(&mut h, "zoom-in"), None);
    // The list is searched by words and by keys.
    let field = h.get_by_role_and_label(Role::TextInput, "Find a command or a key");
    field.focus();
    field.type_text("ctrl+b");
    settle(&mut h);
    assert!(has(&h, "Add a key to Experiment and views") && !has(&h, "Add a key to Details"));
}

#[test]
fn a_broken_file_is_told_left_and_begun_anew_on_request() {
    let place = Place::new();
    place.write("settings.ron", "(\n  theme: Light,\n  compact: perhaps,\n)");
    let mut h = place.opened("");
    assert!(!state(&mut h).dark, "what is understood is used");
    let told = h.state_mut().window().info().problems[0].clone();
    assert!(told.what.starts_with("line 3, column 12: `compact`"), "{told:?}");
    assert_eq!(told.detail, "expected true or false, found `perhaps`");
    h.get_by_role_and_label(Role::CheckBox, "Details").click();
    settle(&mut h);
    h.state_mut().window().save();
    assert!(std::fs::read_to_string(place.path("settings.ron")).unwrap().contains("perhaps"));
    assert!(h.query_by_label_contains("Your settings are not saved").is_some());
    click(&mut h, "Begin a new file of settings");
    assert!(h.query_by_label_contains("Your settings are not saved").is_none());
    assert!(std::fs::read_to_string(place.path("settings.ron.broken")).unwrap().contains("perhaps"));
    let text = std::fs::read_to_string(place.path("settings.ron")).unwrap();
    assert_eq!(text, "(\n    theme: Light,\n    details: false,\n)\n");
    assert!(!h.state_mut().window().info().problems.iter().any(|p| p.what.contains("line 3")));
}

#[test]
fn a_file_that_somebody_edits_is_read_again() {
    let place = Place::new();
    let mut h = place.opened("");
    place.write("settings.ron", "(theme: Light, compact: true, keys: {\"details\": [\"Alt+D\"]})");
    h.state_mut().window().look_at_files();
    settle(&mut h);
    let now = state(&mut h);
    assert!(!now.dark && now.view.compact && has(&h, "Compact rows: from your settings"));
    press(&mut h, Modifiers::ALT, Key::D);
    assert!(!state(&mut h).settings.details);
    place.write("settings.ron", "(theme: Light, compact: tru");
    h.state_mut().window().look_at_files();
    settle(&mut h);
    assert!(state(&mut h).view.compact, "what was in effect stays");
    assert!(h.query_by_label_contains("Your settings are not saved").is_some());
}

#[test]
fn settings_are_reached_without_traces_and_files_can_be_copied() {
    let place = Place::new();
    let mut h = place.window("");
    press(&mut h, Modifiers::COMMAND, Key::Comma);
    assert!(has(&h, "Look and behaviour".to_uppercase().as_str()) && !has(&h, "Open sample small"));
    click(&mut h, &format!("Copy the path of {}", place.path("settings.memory.ron").display()));
    assert_eq!(state(&mut h).notice.as_deref(), Some("Copied"));
    click(&mut h, "Back to the start");
    assert!(has(&h, "Open sample small"));
    // Among panes it joins the one that was used, and is closed by the same key.
    send(&mut h, Command::Open(vec![place.path("small")]));
    press(&mut h, Modifiers::COMMAND, Key::Comma);
    assert_eq!(state(&mut h).panes.focused, Some(PaneKind::Settings));
    press(&mut h, Modifiers::COMMAND, Key::Comma);
    assert!(!state(&mut h).panes.contains(&PaneKind::Settings));
}

#[test]
fn kept_filters_are_edited_and_forgotten() {
    let place = Place::new();
    place.write("config.ron", "(filters: {\"all\": \"tid > 0\"})");
    place.write("settings.ron", "(filters: {\"shell\": \"tid == 100\"})");
    let mut h = place.opened("");
    let field = h.get_by_role_and_label(Role::TextInput, "Filter shell");
    field.focus();
    field.type_text(" and");
    settle(&mut h);
    assert!(
        h.query_all_by_role(Role::Label).any(|n| n.accesskit_node().value().is_some_and(|v| v.contains("expected"))),
        "what is wrong is said while it is typed"
    );
    click(&mut h, "Forget shell");
    click(&mut h, "Forget all");
    assert!(state(&mut h).settings.filters.is_empty());
    assert!(has(&h, "taken away by you") && !has(&h, "Filter shell"));
    click(&mut h, "Reset all");
    assert_eq!(state(&mut h).settings.filters.len(), 1);
}

#[test]
fn what_is_compared_comes_back_after_a_restart() {
    let place = Place::new();
    let range = |a: i64, b: i64| TimeRange::new(RefNs(a), RefNs(b));
    let mut h = place.window("");
    send(&mut h, Command::Open(vec![place.path("small")]));
    for (side, of) in [(SideName::A, range(1_000_000, 3_000_000)), (SideName::B, range(5_000_000, 6_000_000))] {
        send(&mut h, Command::SelectTime(Some(of)));
        send(&mut h, Command::CompareSelection(side));
    }
    let compared = state(&mut h).comparison;
    h.state_mut().window().end();
    drop(h);

    let mut h = place.window("");
    assert_eq!(state(&mut h).comparison.ranges(), None);
    send(&mut h, Command::Open(vec![place.path("small")]));
    let now = state(&mut h);
    assert_eq!(now.comparison, compared);
    assert!(now.panes.contains(&PaneKind::Compare));
    send(&mut h, Command::Open(vec![Path::new("/traces/other").to_path_buf()]));
    assert_eq!(state(&mut h).comparison.ranges(), None, "of other traces nothing was compared");
}

#[test]
fn keys_change_settings_that_no_file_keeps_in_a_window_without_files() {
    let mut h = opened("small");
    show(&mut h);
    assert!(has(&h, "This window reads and keeps no settings.") || has(&h, "not there"));
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    assert_eq!(state(&mut h).settings.theme, ThemeChoice::Light);
    assert_eq!(state(&mut h).settings.layer(Layer::User).theme, Some(ThemeChoice::Light));
}

/// Pictures for people to look at: `STRATOSCOPE_PICTURES=folder cargo test settings_pictures`.
#[test]
fn settings_pictures() {
    let Some(folder) = std::env::var_os("STRATOSCOPE_PICTURES").map(PathBuf::from) else { return };
    let place = Place::new();
    place.write("config.ron", "(compact: true, filters: {\"waits\": \"state == blocked and duration > 1ms\"})");
    place.write("small/stratoscope.ron", "(hide_idle: true)");
    place.write(
        "settings.ron",
        "(\n  time_format: Relative, keys: {\"details\": [\"Alt+D\"]}, filters: {\"shell\": \"tid == 100\"}\n)",
    );
    let broken = place.path("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("settings.ron"), "(\n  theme: Purple,\n)").unwrap();
    let samples = || crate::window::samples::find_in(Path::new("../sample-traces"));
    for (theme, word) in [("dark", "theme=dark"), ("light", "theme=light")] {
        for (name, size, full, user) in [
            ("settings", [1280u32, 800u32], true, place.path("settings.ron")),
            ("settings-tall", [1600, 2400], true, place.path("settings.ron")),
            ("settings-tab", [1280, 800], false, broken.join("settings.ron")),
        ] {
            let mut screen = crate::raster::Headless::new(size, 1.0);
            let settings = Sources {
                user: Some(user),
                system: Some(place.path("config.ron")),
                command_line: table::assignment(word).unwrap(),
            };
            let made = WindowOptions { settings, samples: samples(), opener: reading::opener(), ..options(None) };
            let made = if full { WindowOptions { opener: super::tests::opener(), ..made } } else { made };
            let mut window = crate::window::Window::new(screen.ctx(), made);
            let ctx = screen.ctx().clone();
            let opened = if full { place.path("small") } else { PathBuf::from("../sample-traces/fighting") };
            let mut commands = vec![Command::Open(vec![opened]), Command::ShowPane(PaneKind::Settings)];
            commands.extend((!full).then_some(Command::ToggleFullPane));
            for command in commands {
                window.send(&ctx, command);
                for _ in 0..2 {
                    screen.render(|ui| window.frame_ui(ui));
                    window.wait(std::time::Duration::from_secs(20));
                }
            }
            let picture = screen.render(|ui| window.frame_ui(ui));
            crate::raster::save_png(&folder.join(format!("{name}-{theme}.png")), &picture.image).unwrap();
        }
    }
}
