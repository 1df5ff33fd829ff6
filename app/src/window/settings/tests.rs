//! Layers, files and what goes from one to the other, without a window.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::command::OwnFile;
use super::layers::{Layer, Preferences, Settings, ThemeChoice};
use super::memory::Memory;
use super::table::{self, TABLE, Value};
use super::{Keeper, Sources, file};
use crate::window::layout::{Panes, Preset};
use crate::window::own::Own;
use crate::window::view::TimeFormat;

fn says(assignments: &str) -> Preferences {
    let mut all = Preferences::default();
    assignments.split(' ').filter(|a| !a.is_empty()).for_each(|a| all.overlay(&table::assignment(a).unwrap()));
    all
}

/// A preference in short: what a layer says, as the file has it on one line.
fn short(of: &Preferences) -> String {
    file::write_preferences(of, &[]).split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn load(&self, command_line: &str) -> (Keeper, Settings, Memory) {
        let sources = Sources {
            user: Some(self.path("settings.ron")),
            system: Some(self.path("config.ron")),
            command_line: says(command_line),
        };
        Keeper::load(sources, &(Arc::new(|| ()) as crate::window::worker::Wake))
    }
}

#[test]
fn every_setting_has_a_name_a_meaning_and_a_value_that_is_written_and_read_again() {
    let mut names: Vec<&str> = TABLE.iter().map(|s| s.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len());
    let full = says(
        "theme=light ui_scale=1.25 time_format=relative compact=true hide_idle=on by_machine=yes tree=off details=0 \
         filters.shell=tid==100 keys.zoom-in=I,Ctrl+Up,Ctrl+,",
    );
    for setting in TABLE {
        assert!(setting.about.ends_with('.') && !setting.title.is_empty(), "{}", setting.name);
        assert!(setting.get(&full).is_some(), "{} is not in this test", setting.name);
        assert_ne!(setting.get(&full), setting.get(&Preferences::built_in()), "{}", setting.name);
        assert!(table::help().contains(setting.name));
    }
    let read = file::read_preferences(Path::new("a"), &file::write_preferences(&full, &[]), Layer::User);
    assert_eq!((read.says, read.problems, read.broken), (full, Vec::new(), None));
}

#[test]
fn what_is_wrong_on_the_command_line_is_said() {
    for (text, part) in [
        ("theme", "NAME=VALUE"),
        ("teme=dark", "`teme` is no setting; there are theme, ui_scale"),
        ("theme=purple", "expected System, Dark or Light, found `purple`"),
        ("ui_scale=30", "expected a number from 0.5 to 3, found `30`"),
        ("ui_scale=NaN", "found `NaN`"),
        ("compact=perhaps", "expected true or false"),
        ("keys=I", "write keys.COMMAND=KEY"),
        ("keys.fly=I", "`fly` is no command"),
        ("keys.zoom-in=Hyper+X", "`Hyper+X` is no key"),
        ("theme.x=dark", "`theme` has no part `x`"),
    ] {
        let error = table::assignment(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert_eq!(
        says("keys.zoom-in=,,+").keys["zoom-in"],
        [",,+"].map(|_| ",".to_owned()).into_iter().chain(["+".to_owned()]).collect::<Vec<_>>()
    );
}

#[test]
fn the_strongest_layer_that_says_something_wins() {
    // system | user | experiment | command line → theme, compact, and who says so.
    for (layers, theme, compact, from) in [
        (["", "", "", ""], ThemeChoice::System, false, [Layer::BuiltIn, Layer::BuiltIn]),
        (["theme=dark", "", "", ""], ThemeChoice::Dark, false, [Layer::System, Layer::BuiltIn]),
        (["theme=dark", "theme=light", "compact=true", ""], ThemeChoice::Light, true, [Layer::User, Layer::Experiment]),
        (["", "compact=true", "compact=false", ""], ThemeChoice::System, false, [Layer::BuiltIn, Layer::Experiment]),
        (
            ["theme=dark", "theme=light", "", "theme=system"],
            ThemeChoice::System,
            false,
            [Layer::CommandLine, Layer::BuiltIn],
        ),
    ] {
        let mut settings = Settings::default();
        for (layer, text) in [Layer::System, Layer::User, Layer::Experiment, Layer::CommandLine].into_iter().zip(layers)
        {
            settings.set_layer(layer, says(text));
        }
        assert_eq!((settings.theme, settings.compact), (theme, compact), "{layers:?}");
        let source = |name: &str| settings.source(table::find(name).unwrap(), None);
        assert_eq!([source("theme"), source("compact")], from, "{layers:?}");
    }
}

#[test]
fn the_user_keeps_what_differs_and_changes_what_is_fixed_for_this_window_only() {
    let mut settings = Settings::default();
    settings.set_layer(Layer::System, says("compact=true filters.all=tid>0 keys.zoom-in=I"));
    let user = |s: &Settings| short(s.layer(Layer::User));
    settings.put(&says("theme=dark compact=false"));
    assert_eq!(user(&settings), "( theme: Dark, compact: false, )");
    settings.put(&says("theme=system compact=true"));
    assert_eq!(user(&settings), "( )", "as below: nothing to keep");
    // Entries of filters and keys are said one by one.
    settings.put(&says("filters.all= filters.mine=bash filters.none="));
    assert_eq!(settings.filters, [("mine".to_owned(), "bash".to_owned())]);
    assert_eq!(user(&settings), r#"( filters: { "all": "", "mine": "bash", }, )"#);
    settings.reset(table::find("filters").unwrap(), Some("all"));
    assert_eq!(settings.filters.len(), 2);
    settings.put(&says("filters.mine="));
    assert_eq!(user(&settings), "( )");

    settings.set_layer(Layer::CommandLine, says("theme=light"));
    settings.put(&says("theme=dark tree=false"));
    assert_eq!((settings.theme, user(&settings).as_str()), (ThemeChoice::Dark, "( tree: false, )"));
    assert_eq!(settings.source(table::find("theme").unwrap(), None), Layer::Window);
    settings.reset(table::find("theme").unwrap(), None);
    assert_eq!(settings.theme, ThemeChoice::Light);
    // What only the last experiment fixed is no longer this window's affair.
    settings.set_layer(Layer::Experiment, says("hide_idle=true"));
    settings.put(&says("hide_idle=false theme=dark"));
    assert!(!settings.hide_idle);
    settings.leave_experiment();
    assert_eq!(short(settings.layer(Layer::Window)), "( theme: Dark, )");
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    // text | layer | what is read | broken | what is told
    let cases = [
        ("", Layer::User, "( )", false, ""),
        ("// nothing yet\n()", Layer::User, "( )", false, ""),
        ("(theme: Dark, ui_scale: 1.5)", Layer::User, "( theme: Dark, ui_scale: 1.5, )", false, ""),
        ("(theme: Dark", Layer::User, "( )", true, "line 1, column 13: the settings are damaged"),
        ("(\n  theme Dark\n)", Layer::User, "( )", true, "line 2, column 9: the settings are damaged"),
        (
            "(\n  theme: Dark,\n  theme: Light,\n)",
            Layer::User,
            "( )",
            true,
            "line 3, column 3: the settings are damaged: expected each name once",
        ),
        (
            "(\n  theme: Purple, // no\n  compact: true,\n)",
            Layer::User,
            "( compact: true, )",
            true,
            "line 2, column 10: `theme` has a value that it cannot have: expected System, Dark or Light, found `Purple`",
        ),
        ("(ui_scale: 1e30, compact: true)", Layer::System, "( compact: true, )", true, "line 1, column 12"),
        (
            "(\n  keys: {\n    \"zoom-in\": 5,\n  },\n)",
            Layer::User,
            "( )",
            true,
            "line 3, column 16: `keys` has a value that it cannot have",
        ),
        (
            "(\n  teme: Dark,\n  compact: true)",
            Layer::User,
            "( compact: true, )",
            false,
            "line 2, column 3: `teme` is no setting",
        ),
        (
            "(keys: {\n\"fly\": [\"I\"],\n\"zoom-in\": [\"Hyper+X\", \"I\"]})",
            Layer::User,
            r#"( keys: { "fly": ["I"], "zoom-in": ["Hyper+X", "I"], }, )"#,
            false,
            "line 2, column 1: `fly` is no command",
        ),
        (
            "(theme: Dark, compact: true)",
            Layer::Experiment,
            "( compact: true, )",
            false,
            "line 1, column 2: `theme` is not taken from an experiment's file",
        ),
    ];
    for (text, layer, read, broken, told) in cases {
        let found = file::read_preferences(Path::new("x.ron"), text, layer);
        assert_eq!(short(&found.says), read, "{text}");
        assert_eq!(found.broken.is_some(), broken, "{text}");
        let message = found.problems.first().map_or(String::new(), |p| p.message());
        assert!(message.starts_with(told) && message.is_empty() == told.is_empty(), "{text}\n{message}");
    }
    let keys = file::read_preferences(Path::new("x"), "(keys: {\"zoom-in\":\n[\"Hyper+X\"]})", Layer::User);
    assert!(keys.problems[0].what.starts_with("line 2, column 2: `Hyper+X`"), "{:?}", keys.problems);
}

#[test]
fn unknown_names_are_written_again() {
    let place = Place::new();
    place.write("settings.ron", "(\n    wings: Some([1, (a: \"x, y\")]), // later\n    theme: Dark,\n)");
    let (mut keeper, mut settings, memory) = place.load("");
    assert!(keeper.problems()[0].what.contains("`wings` is no setting"));
    settings.put(&says("compact=true"));
    keeper.keep(&settings, &memory);
    keeper.flush();
    let text = place.read("settings.ron");
    assert!(text.contains("wings: Some([1, (a: \"x, y\")]),") && text.contains("theme: Dark"), "{text}");
}

#[test]
fn a_file_of_before_there_were_layers_is_taken_apart() {
    let place = Place::new();
    let own = ron::to_string(&vec![(vec![PathBuf::from("/t/a")], Own::default())]).unwrap();
    let old = format!(
        "(theme: System, ui_scale: 1.1, compact: false, tree: true, recent: [[\"/t/a\"], [\"/t/b\"]], own: {own}, \
         layouts: [], clocks: [], keys: {{}}, time_format: Relative, filters: [(\"shell\", \"tid == 100\")])"
    );
    place.write("settings.ron", &old);
    let (mut keeper, settings, memory) = place.load("");
    assert!(keeper.problems().is_empty(), "{:?}", keeper.problems());
    assert_eq!(
        short(settings.layer(Layer::User)),
        r#"( ui_scale: 1.1, time_format: Relative, filters: { "shell": "tid == 100", }, )"#
    );
    assert_eq!(memory.recent.len(), 2);
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert_eq!(place.read("settings.ron"), old, "nothing was changed in it");
    let (_, _, again) = place.load("");
    assert_eq!(again, memory);
}

#[test]
fn a_later_change_for_all_users_takes_effect_and_the_command_line_is_never_kept() {
    let place = Place::new();
    place.write("config.ron", "(compact: true)");
    let (mut keeper, mut settings, mut memory) = place.load("theme=light");
    settings.put(&says("details=false"));
    memory.add_recent(&[PathBuf::from("/t/a")]);
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert_eq!(place.read("settings.ron"), "(\n    details: false,\n)\n");
    place.write("config.ron", "(compact: false, hide_idle: true)");
    let (_, settings, _) = place.load("");
    assert!(!settings.compact && settings.hide_idle && !settings.details && settings.theme == ThemeChoice::System);
}

#[test]
fn what_is_broken_is_left_until_it_is_repaired_and_changes_come_on_top() {
    let place = Place::new();
    place.write("settings.ron", "(theme: Dark");
    let (mut keeper, mut settings, mut memory) = place.load("");
    assert!(keeper.problems()[0].advice.contains("not saved until it is correct"));
    settings.put(&says("compact=true"));
    memory.add_recent(&[PathBuf::from("/t/a")]);
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert_eq!(place.read("settings.ron"), "(theme: Dark", "left as it is");
    assert!(place.read("settings.memory.ron").contains("/t/a"), "the memory is another file");
    assert!(settings.files.iter().any(|f| f.broken.is_some()));

    place.write("settings.ron", "(theme: Dark, tree: false)");
    keeper.look();
    assert!(keeper.poll(&mut settings, &mut memory, &[]));
    assert!(settings.theme == ThemeChoice::Dark && settings.compact && !settings.tree);
    assert!(keeper.problems().is_empty());
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert_eq!(short(settings.layer(Layer::User)), "( theme: Dark, compact: true, tree: false, )");
    assert_eq!(
        place.read("settings.ron").split_whitespace().collect::<Vec<_>>().join(" "),
        short(settings.layer(Layer::User))
    );

    // A file that breaks while the program runs does not take away what is in effect.
    place.write("settings.ron", "(theme: Dark,, tree)");
    keeper.look();
    keeper.poll(&mut settings, &mut memory, &[]);
    assert!(settings.theme == ThemeChoice::Dark && settings.compact);
    settings.put(&says("details=false"));
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert_eq!(place.read("settings.ron"), "(theme: Dark,, tree)");
    place.write("settings.ron.broken", "an older one");
    let kept = keeper.start_anew(OwnFile::Settings, &mut settings).unwrap();
    assert_eq!(kept, place.path("settings.ron.broken-1"));
    assert_eq!(fs::read_to_string(kept).unwrap(), "(theme: Dark,, tree)");
    assert_eq!(place.read("settings.ron.broken"), "an older one");
    let (_, again, _) = place.load("");
    assert!(again.theme == ThemeChoice::Dark && again.compact && !again.details && !again.tree);
}

#[test]
fn what_somebody_edits_meanwhile_is_not_written_over() {
    let place = Place::new();
    let (mut keeper, mut settings, mut memory) = place.load("");
    settings.put(&says("theme=dark compact=true"));
    keeper.keep(&settings, &memory);
    keeper.flush();
    keeper.poll(&mut settings, &mut memory, &[]);
    settings.put(&says("theme=system hide_idle=true"));
    keeper.keep(&settings, &memory);
    // Before that is written an editor saves something else.
    place.write("settings.ron", "(theme: Dark, compact: true, time_format: Relative)");
    keeper.flush();
    assert!(place.read("settings.ron").contains("Relative"));
    assert!(keeper.poll(&mut settings, &mut memory, &[]));
    keeper.keep(&settings, &memory);
    keeper.flush();
    let expected = "( time_format: Relative, compact: true, hide_idle: true, )";
    assert_eq!(short(settings.layer(Layer::User)), expected, "both changes, and what was reset is reset");
    assert_eq!(place.read("settings.ron").split_whitespace().collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn a_broken_memory_is_left_and_two_windows_share_one() {
    let place = Place::new();
    let paths = |name: &str| vec![PathBuf::from("/t").join(name)];
    place.write("settings.memory.ron", "(recent: [[\"/t/a\"]],\nlayouts: oh)");
    let (mut keeper, mut settings, mut memory) = place.load("");
    assert!(keeper.problems()[0].what.starts_with("line 2, column 10: what is remembered as `layouts`"));
    assert_eq!(memory.recent, [paths("a")]);
    memory.set_layout(&paths("b"), &Panes::preset(Preset::Machines, 2));
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert!(place.read("settings.memory.ron").contains("oh"));
    keeper.start_anew(OwnFile::Memory, &mut settings).unwrap();
    assert!(place.read("settings.memory.ron.broken").contains("oh"));

    let (mut other, mut other_settings, mut theirs) = place.load("");
    assert!(theirs.layout(&paths("b")).is_some());
    theirs.set_layout(&paths("c"), &Panes::preset(Preset::Kernel, 1));
    other.keep(&other_settings, &theirs);
    other.flush();
    memory.set_layout(&paths("b"), &Panes::preset(Preset::Kernel, 1));
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert!(keeper.poll(&mut settings, &mut memory, &paths("b")));
    keeper.keep(&settings, &memory);
    keeper.flush();
    let (_, _, both) = place.load("");
    assert_eq!(both.layout(&paths("b")), Some(&Panes::preset(Preset::Kernel, 1)));
    assert!(both.layout(&paths("c")).is_some());
    other.look();
    assert!(other.poll(&mut other_settings, &mut theirs, &paths("c")));
    assert_eq!(theirs.layout(&paths("b")), Some(&Panes::preset(Preset::Kernel, 1)));
}

#[test]
fn an_experiments_file_is_read_while_it_is_open_and_never_written() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        fs::create_dir_all(place.path(name)).unwrap();
    }
    place.write("a/stratoscope.ron", "(time_format: Relative, compact: true, ui_scale: 3.0)");
    place.write("b/stratoscope.ron", "(compact: false, filters: {\"late\": \"task == critical\"})");
    place.write("c/metadata", "");
    let (mut keeper, mut settings, memory) = place.load("");
    keeper.open(&[place.path("a"), place.path("b")], &mut settings);
    assert!(settings.compact, "the first has the last word");
    assert_eq!((settings.time_format, settings.ui_scale, settings.filters.len()), (TimeFormat::Relative, 1.0, 1));
    assert!(keeper.problems().iter().any(|p| p.what.contains("`ui_scale` is not taken")));
    settings.put(&says("time_format=clock"));
    keeper.keep(&settings, &memory);
    keeper.flush();
    assert!(!place.path("settings.ron").exists());
    keeper.open(&[place.path("c/metadata")], &mut settings);
    assert!(!settings.compact && settings.filters.is_empty() && keeper.problems().is_empty());
    let files: Vec<&PathBuf> =
        settings.files.iter().filter(|f| f.layer == Some(Layer::Experiment)).map(|f| &f.path).collect();
    assert_eq!(files, [&place.path("c/stratoscope.ron")], "beside a file that is opened");
}

#[test]
fn a_change_reaches_the_disk_with_nobody_looking() {
    let place = Place::new();
    let (mut keeper, mut settings, mut memory) = place.load("");
    settings.put(&says("theme=dark"));
    memory.add_recent(&[PathBuf::from("/t/a")]);
    keeper.keep(&settings, &memory);
    // No frame, no end: only the thread. How long it takes is not judged here, that it happens is.
    for _ in 0..600 {
        if place.read("settings.ron").contains("Dark") && place.read("settings.memory.ron").contains("/t/a") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing was written");
}

#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    let place = Place::new();
    fs::create_dir_all(place.path("config.ron")).unwrap();
    let (keeper, settings, _) = place.load("");
    assert!(keeper.problems()[0].message().contains("it is no file"));
    assert_eq!(*settings.layer(Layer::System), Preferences::default());
}

#[test]
fn scales_go_up_and_down_and_recent_paths_are_few_and_unique() {
    let mut settings = Settings::default();
    for factor in [Some(1.1), Some(1.1), Some(1.0 / 1.1), Some(1.0 / 1.1)] {
        let wish = settings.scaled(factor);
        settings.put(&wish);
    }
    assert_eq!(*settings.layer(Layer::User), Preferences::default());
    assert_eq!(settings.scaled(Some(100.0)).ui_scale, Some(3.0));
    let mut memory = Memory::default();
    for n in 0..40 {
        memory.add_recent(&[PathBuf::from(format!("/t/{}", n % 20))]);
    }
    assert_eq!((memory.recent.len(), &memory.recent[0]), (12, &vec![PathBuf::from("/t/19")]));
    memory.remove_recent(&[PathBuf::from("/t/19")]);
    assert_eq!(memory.recent[0], [PathBuf::from("/t/18")]);
    let map = Value::Filters(BTreeMap::from([("a".to_owned(), String::new())]));
    assert_eq!(map.without(None), None, "to take away what nobody has needs no word");
}
