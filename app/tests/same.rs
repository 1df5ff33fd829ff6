//! What the window shows, a sub-command prints: the panes' texts, as a screen reader finds them, against the
//! sub-commands' output on real recordings.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Duration;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use serde_json::Value;
use stratoscope_app::window::command::Command;
use stratoscope_app::window::find::Find;
use stratoscope_app::window::find::search::count_rows;
use stratoscope_app::window::joint::table::percent;
use stratoscope_app::window::layout::PaneKind;
use stratoscope_app::window::{Window, WindowOptions};
use stratoscope_core::query::time::duration;
use stratoscope_core::vocab::{Cancel, RefNs, TimeRange};

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("sample-traces").join(name)
}

fn printed(name: &str, args: &[&str]) -> String {
    let mut command = Process::new(env!("CARGO_BIN_EXE_stratoscope"));
    let output = command.args(args).arg("--quiet").arg(recording(name)).output().unwrap();
    assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Shown(Harness<'static, Option<Window>>);

impl Shown {
    /// A window high enough for everything that a pane has to say.
    fn new(name: &str, pane: PaneKind) -> Self {
        let build = |ui: &mut egui::Ui, window: &mut Option<Window>| {
            let ctx = ui.ctx().clone();
            window.get_or_insert_with(|| Window::new(&ctx, WindowOptions::headless())).frame_ui(ui);
        };
        let mut shown = Self(Harness::builder().with_size(egui::vec2(1600.0, 4000.0)).build_ui_state(build, None));
        shown.0.run_steps(1);
        shown.send(Command::Open(vec![recording(name)]));
        shown.send(Command::ShowPane(pane));
        shown.send(Command::ToggleFullPane);
        shown
    }

    fn window(&mut self) -> &mut Window {
        self.0.state_mut().as_mut().unwrap()
    }

    fn send(&mut self, command: Command) {
        let ctx = self.0.ctx.clone();
        self.window().send(&ctx, command);
        for _ in 0..3 {
            self.0.run_steps(2);
            assert!(self.window().wait(Duration::from_secs(120)));
        }
        self.0.run_steps(3);
    }

    fn has(&self, label: &str) -> bool {
        self.0.query_all_by_label(label).next().is_some()
    }

    fn has_that_begins(&self, label: &str) -> bool {
        self.0.query_all_by_label_contains(label).next().is_some()
    }

    /// Nanoseconds since 1970 of an instant of the axis.
    fn ns(&mut self, t: RefNs) -> String {
        (self.window().state().scene.origin_ns + i128::from(t.0)).to_string()
    }
}

#[test]
fn the_state_at_an_instant_is_the_same_in_window_and_sub_command() {
    for name in ["fighting", "periodic"] {
        let mut shown = Shown::new(name, PaneKind::Instant);
        let view = shown.window().state().view.window;
        for part in 1..6 {
            let t = RefNs(view.begin.0 + view.length().0 / 6 * part);
            shown.send(Command::SelectTime(Some(TimeRange::new(t, t))));
            let at = shown.ns(t);
            let text = printed(name, &["states", "--at", &at]);
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
            // Two VMs, three machines, and what each of them does.
            assert!(lines.len() > 10, "{text}");
            for line in &lines {
                assert!(shown.has(line), "{name} at {at}: `{line}` is printed and not shown");
            }
            // Each of the rows that scripts get begins where the words say.
            let rows = printed(name, &["states", "--at", &at, "--rows", "vcpus", "--json"]);
            for row in rows.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()) {
                let begin = row["begin_ns"].as_i64().unwrap();
                assert!(i128::from(begin) <= at.parse().unwrap(), "{row}");
                let vcpu = row["id"].as_str().unwrap().rsplit('/').next().unwrap();
                let since =
                    shown.window().state().clock().instant(RefNs(
                        i64::try_from(i128::from(begin) - shown.window().state().scene.origin_ns).unwrap(),
                    ));
                let told = lines.iter().any(|l| l.starts_with(&format!("vCPU {vcpu}: ")) && l.contains(&since));
                assert!(told, "{row} since {since} in {text}");
            }
        }
    }
}

#[test]
fn stolen_time_is_the_same_in_window_and_sub_command() {
    for name in ["fighting", "periodic", "io"] {
        let mut shown = Shown::new(name, PaneKind::Steal);
        let all = shown.window().state().view.window;
        let part = TimeRange::new(RefNs(all.begin.0 + all.length().0 / 2), RefNs(all.begin.0 + all.length().0 / 8 * 5));
        shown.send(Command::SelectTime(Some(part)));
        let (from, to) = (shown.ns(part.begin), shown.ns(part.end));
        let text = printed(name, &["vms", "--from", &from, "--to", &to, "--json"]);
        let mut compared = 0;
        for object in text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()) {
            let ns = |key: &str| object[key].as_i64().unwrap_or_else(|| panic!("{key} of {object}"));
            let word = |key: &str| object[key].as_str().unwrap().to_owned();
            let (who, stolen) = match object["type"].as_str().unwrap() {
                "vm" => (format!("VM {}", word("vm")), ns("stolen_ns")),
                "vcpu" => {
                    (format!("vCPU {} vCPU {}", word("vm"), ns("vcpu")), ns("preempted_ns") + ns("waiting_cpu_ns"))
                }
                "task" => (format!("task {} {} in {}", word("name"), ns("tid"), word("vm")), ns("stolen_ns")),
                _ => continue,
            };
            let by = object["stolen_by"].as_array().unwrap();
            assert_eq!(by.iter().map(|b| b["ns"].as_i64().unwrap()).sum::<i64>(), stolen, "{object}");
            let mut label = format!("{who}: {} stolen", duration(stolen));
            if let Some(first) = by.first().filter(|b| b["tid"].as_i64().is_some_and(|tid| tid > 0)) {
                label.push_str(&format!(", by {} {}", first["name"].as_str().unwrap(), first["tid"]));
            }
            assert!(shown.has_that_begins(&label), "{name}: `{label}` is printed and not shown");
            compared += 1;
        }
        assert!(compared > 6, "{name}: {compared} accounts");
    }
}

#[test]
fn filters_find_the_same_states_in_window_and_sub_command() {
    // Of this recording many threads are called `bash` until they execute something else.
    for name in ["fighting", "periodic"] {
        let mut shown = Shown::new(name, PaneKind::Instant);
        let scene = shown.window().state().scene.clone();
        let found = |filter: &str| {
            let find = Find::new(filter, &scene.facts.base);
            let (rows, states) = count_rows(&find, &scene, &Cancel::default());
            (rows as usize, states.map(|n| n as usize))
        };
        let all = ["states", "--json", "--rows", "threads,cpus,irqs,vcpus,vm-threads", "--filter"];
        for filter in [
            "name == \"bash\" and dur >= 0ns",
            "not (comm == \"bash\") and comm ~ \"^(cat|grep|cut|bash)$\" and dur >= 0ns",
            "row == \"thread\" and name contains \"KVM\" and state == \"blocked\"",
            "row in (\"vcpu\", \"vm-thread\") and cpu == 0 and dur > 1ms",
            "row == \"cpu\" and tid == 0 and dur > 2ms",
        ] {
            let filter = format!("({filter}) and row != \"physical-cpu\"");
            let lines = printed(name, &[all.as_slice(), &[filter.as_str()]].concat());
            let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let states = objects.iter().filter(|o| o["state"].is_string()).count();
            assert!(states > 0, "{name}: {filter} finds nothing, so nothing is compared");
            assert_eq!(found(&filter).1, Some(states), "{name}: {filter}");
        }
        // A filter of rows finds those of which one state is found.
        let filter = "row == \"thread\" and name == \"bash\"";
        let lines = printed(name, &["states", "--json", "--rows", "threads", "--filter", filter]);
        let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let rows: BTreeSet<String> = objects
            .iter()
            .filter(|o| o["state"].is_string())
            .map(|o| format!("{} {}", o["machine"], o["id"]))
            .collect();
        let last = |row: &&stratoscope_app::window::timeline::scene::SceneRow| &*scene.text(row.name) == "bash";
        assert_eq!(found(filter), (rows.len(), None), "{name}");
        assert!(
            scene.machines.iter().flat_map(|m| m.rows.iter()).filter(last).count() < rows.len(),
            "none has another name"
        );
    }
}

#[test]
fn cpu_usage_is_the_same_in_window_and_sub_command() {
    for name in ["fighting", "io"] {
        let mut shown = Shown::new(name, PaneKind::CpuUsage);
        let all = shown.window().state().view.window;
        let part = TimeRange::new(RefNs(all.begin.0 + all.length().0 / 2), RefNs(all.begin.0 + all.length().0 / 8 * 5));
        shown.send(Command::SelectTime(Some(part)));
        let (from, to) = (shown.ns(part.begin), shown.ns(part.end));
        let text = printed(name, &["stats", "--cpu", "--from", &from, "--to", &to, "--json"]);
        let objects: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let mut compared = 0;
        for object in objects.iter().filter(|o| o["row"] == "thread") {
            let ns = |key: &str| object[key].as_i64().unwrap_or_else(|| panic!("{key} of {object}"));
            let (used, range) = (ns("used_ns"), ns("range_ns"));
            let share = percent(used as f64 / range as f64);
            let stolen = object["stolen_ns"].as_i64().filter(|t| *t > 0);
            let stolen = stolen.map_or_else(String::new, |t| format!(", {} stolen", duration(t)));
            let (task, machine) = (object["name"].as_str().unwrap(), object["machine"].as_str().unwrap());
            let label =
                format!("usage of {task} {} in {machine}: {share} of a CPU, {}{stolen}", ns("tid"), duration(used));
            let found = shown.has(&label) || shown.has(&format!("{label}, in the chart"));
            assert!(found, "{name}: `{label}` is printed and not shown");
            let places: i64 = object["cpus"].as_object().unwrap().values().map(|ns| ns.as_i64().unwrap()).sum();
            assert_eq!(places, used, "{object}");
            compared += 1;
        }
        // Not compared with nothing: host and guests both did something in that eighth.
        assert!(compared > 10, "{name}: {compared} threads");
        let cpus = objects.iter().filter(|o| o["row"] == "cpu");
        assert!(cpus.clone().count() >= 3, "{name}");
        assert!(cpus.clone().all(|o| o["used_ns"].as_i64() <= o["range_ns"].as_i64()), "{name}");
    }
}
