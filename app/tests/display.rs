//! The real program on a real (virtual) display: it opens a sample, is zoomed and clicked, and closes cleanly.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Generous: a loaded machine draws its first frame late.
const PATIENCE: Duration = Duration::from_secs(60);

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn installed(tool: &str) -> bool {
    Command::new(tool).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Starts a virtual display and gives its name.
fn display() -> (Killed, String) {
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut number = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
    (Killed(server), format!(":{}", number.trim()))
}

fn xdotool(display: &str, args: &[&str]) -> Option<String> {
    let output = Command::new("xdotool").env("DISPLAY", display).args(args).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts the program on a sample, with settings of its own in that folder, and gives it the keyboard.
fn started(display: &str, folder: &Path) -> Killed {
    let settings = folder.join("settings.ron");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-traces/fighting");
    let mut program = Killed(
        Command::new(env!("CARGO_BIN_EXE_stratoscope"))
            .arg("--settings")
            .arg(&settings)
            .arg(&sample)
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("XDG_RUNTIME_DIR", folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let begin = Instant::now();
    let window = loop {
        if let Some(id) = xdotool(display, &["search", "--onlyvisible", "--name", "Stratoscope"])
            && !id.is_empty()
        {
            break id.lines().next().unwrap().to_owned();
        }
        assert!(begin.elapsed() < PATIENCE, "no window appeared");
        assert!(program.0.try_wait().unwrap().is_none(), "the program has ended");
        sleep(Duration::from_millis(50));
    };
    // Without a window manager the focus must be set by hand; too early it is refused.
    while xdotool(display, &["windowfocus", "--sync", &window]).is_none() {
        assert!(begin.elapsed() < PATIENCE, "the window takes no focus");
        sleep(Duration::from_millis(50));
    }
    sleep(Duration::from_millis(500));
    program
}

#[test]
fn the_program_opens_a_sample_is_zoomed_and_clicked_and_closes_cleanly() {
    if !installed("Xvfb") || !installed("xdotool") {
        eprintln!("skipped: Xvfb and xdotool are not installed");
        return;
    }
    let (_server, display) = display();
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.ron");
    let mut program = started(&display, folder.path());
    xdotool(&display, &["mousemove", "--sync", "700", "250", "click", "1"]).unwrap();
    for key in ["w", "w", "Right", "Right", "period", "d", "s", "0", "ctrl+p", "Escape", "question", "Escape"] {
        xdotool(&display, &["key", key]).unwrap();
        sleep(Duration::from_millis(60));
        assert!(program.0.try_wait().unwrap().is_none(), "the program has ended at {key}");
    }
    xdotool(&display, &["keydown", "ctrl", "click", "4", "click", "4", "keyup", "ctrl"]).unwrap();
    sleep(Duration::from_millis(200));
    xdotool(&display, &["key", "ctrl+q"]).unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = program.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < PATIENCE, "Ctrl+Q does not end the program");
        sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}");
    let kept = std::fs::read_to_string(settings.with_extension("memory.ron")).unwrap();
    assert!(kept.contains("fighting"), "the opened folder is not among the recent ones: {kept}");
}

#[test]
fn what_is_kept_is_on_the_disk_when_the_program_is_killed() {
    if !installed("Xvfb") || !installed("xdotool") {
        eprintln!("skipped: Xvfb and xdotool are not installed");
        return;
    }
    let (_server, display) = display();
    let folder = tempfile::tempdir().unwrap();
    let mut program = started(&display, folder.path());
    xdotool(&display, &["key", "ctrl+shift+l"]).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let kept = || {
        let memory = read("settings.memory.ron");
        read("settings.ron").contains("theme: Light") && memory.contains("markers: (") && memory.contains("fighting")
    };
    let begin = Instant::now();
    // A marker at a state that is clicked; before there are states it is not made, so it is tried again elsewhere.
    for x in (600..).step_by(7) {
        xdotool(&display, &["mousemove", "--sync", &x.to_string(), "250", "click", "1"]).unwrap();
        sleep(Duration::from_millis(200));
        xdotool(&display, &["key", "m"]).unwrap();
        sleep(Duration::from_millis(2500));
        if kept() {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "nothing is kept while the program runs: {}", read("settings.memory.ron"));
        assert!(program.0.try_wait().unwrap().is_none(), "the program has ended");
    }
    program.0.kill().unwrap();
    program.0.wait().unwrap();
    assert!(kept(), "whole files, also after a kill");
}
