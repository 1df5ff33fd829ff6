//! The real program on a real (virtual) display: it opens a sample, is zoomed and clicked, and closes cleanly; a whole
//! session, closed and reopened; and one that is killed in the middle.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
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

/// Starts a virtual display and gives its name; `None`: the tools for it are not there.
fn display() -> Option<(Killed, String)> {
    if !installed("Xvfb") || !installed("xdotool") {
        eprintln!("skipped: Xvfb and xdotool are not installed");
        return None;
    }
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut number = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
    Some((Killed(server), format!(":{}", number.trim())))
}

fn xdotool(display: &str, args: &[&str]) -> Option<String> {
    let output = Command::new("xdotool").env("DISPLAY", display).args(args).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn sample(name: &str) -> PathBuf {
    // As the program itself finds it, so that both speak of the same folder.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("sample-traces").join(name)
}

/// The program with its window on a display.
struct Program {
    child: Killed,
    display: String,
    settings: PathBuf,
}

impl Program {
    /// Starts it, waits for its window and gives it the keyboard.
    fn start(display: &str, folder: &Path, args: &[&str]) -> Self {
        let settings = folder.join("settings.ron");
        let child = Command::new(env!("CARGO_BIN_EXE_stratoscope"))
            .arg("--settings")
            .arg(&settings)
            .args(args)
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("XDG_RUNTIME_DIR", folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut program = Self { child: Killed(child), display: display.to_owned(), settings };
        let begin = Instant::now();
        let window = loop {
            if let Some(id) = xdotool(display, &["search", "--onlyvisible", "--name", "Stratoscope"])
                && !id.is_empty()
            {
                break id.lines().next().unwrap().to_owned();
            }
            assert!(begin.elapsed() < PATIENCE, "no window appeared");
            program.lives("at its start");
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

    fn lives(&mut self, when: &str) {
        assert!(self.child.0.try_wait().unwrap().is_none(), "the program has ended {when}");
    }

    fn keys(&mut self, keys: &[&str]) {
        for key in keys {
            xdotool(&self.display, &["key", key]).unwrap();
            sleep(Duration::from_millis(60));
            self.lives(&format!("at {key}"));
        }
    }

    fn click(&self, x: &str, y: &str) {
        xdotool(&self.display, &["mousemove", "--sync", x, y, "click", "1"]).unwrap();
    }

    fn kept(&self) -> String {
        // Settings and what is remembered are two files.
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        read(&self.settings) + &read(&self.settings.with_extension("memory.ron"))
    }

    /// Waits until the settings hold a text. Does `again` every few seconds: what it needs may not be read yet.
    fn until_kept(&mut self, text: &str, mut again: impl FnMut(&mut Self)) {
        let begin = Instant::now();
        loop {
            again(self);
            for _ in 0..40 {
                if self.kept().contains(text) {
                    return;
                }
                self.lives("while it was waited for");
                sleep(Duration::from_millis(100));
            }
            assert!(begin.elapsed() < PATIENCE, "{text} is never kept: {}", self.kept());
        }
    }

    /// A bookmark at the selected instant. Its text is of digits: before anything can be marked, they do nothing.
    fn bookmark(&mut self, text: &'static str) {
        self.until_kept(text, |program| {
            program.keys(&["b"]);
            sleep(Duration::from_millis(200));
            xdotool(&program.display, &["type", "--delay", "40", text]).unwrap();
            program.keys(&["Return"]);
        });
    }

    fn quit(mut self) -> (ExitStatus, String) {
        xdotool(&self.display, &["key", "ctrl+q"]).unwrap();
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                return (status, self.kept());
            }
            assert!(begin.elapsed() < PATIENCE, "Ctrl+Q does not end the program");
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn the_program_opens_a_sample_is_zoomed_and_clicked_and_closes_cleanly() {
    let Some((_server, display)) = display() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&display, folder.path(), &[sample("fighting").to_str().unwrap()]);
    program.click("700", "250");
    program.keys(&["w", "w", "Right", "Right", "period", "d", "s", "0", "ctrl+p", "Escape", "question", "Escape"]);
    xdotool(&display, &["keydown", "ctrl", "click", "4", "click", "4", "keyup", "ctrl"]).unwrap();
    sleep(Duration::from_millis(200));
    let (status, kept) = program.quit();
    assert!(status.success(), "{status}");
    assert!(kept.contains("fighting"), "the opened folder is not among the recent ones: {kept}");
}

/// How often a text occurs.
fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

/// What of the memory tells what was shown and selected.
fn views(kept: &str) -> String {
    kept.split_once("\nviews: ").map(|(_, views)| views.to_owned()).unwrap_or_default()
}

#[test]
fn a_whole_session_comes_back_also_after_being_killed() {
    let Some((_server, display)) = display() else { return };
    let folder = tempfile::tempdir().unwrap();

    // A tour opens its sample and selects an instant in it.
    let mut program = Program::start(&display, folder.path(), &["--tour", "fighting"]);
    program.bookmark("7711");
    program.keys(&["n", "shift+n", "n"]);
    // A filter, its matches, and away with it.
    program.keys(&["slash"]);
    sleep(Duration::from_millis(300));
    xdotool(&display, &["type", "--delay", "30", "state == \"preempted\" and dur > 1ms"]).unwrap();
    program.keys(&["F3", "shift+F3", "Escape", "Escape"]);
    // Follow the CPU; the execution flow of the selected task; a comparison; help.
    program.keys(&["f", "shift+v", "e"]);
    program.until_kept("Pane(ExecutionFlow)", |program| program.keys(&["e"]));
    program.keys(&["j", "alt+8"]);
    program.until_kept("Pane(Compare)", |_| {});
    program.keys(&["F1"]);
    program.until_kept("Pane(Help)", |_| {});
    // Closed, and the program with it.
    program.keys(&["ctrl+w"]);
    let (status, first) = program.quit();
    assert!(status.success(), "{status}");
    assert!(first.contains("7711"), "{first}");

    // What is open again is as it was: a new bookmark joins the old one, in the panes of before.
    let path = sample("fighting");
    let mut program = Program::start(&display, folder.path(), &[path.to_str().unwrap()]);
    sleep(Duration::from_secs(2));
    program.keys(&["alt+comma", "alt+period"]);
    program.bookmark("7722");
    let panes = ["Pane(ExecutionFlow)", "Pane(Compare)", "Pane(Help)"];
    let kept = program.kept();
    assert!(kept.contains("7711") && panes.iter().all(|pane| kept.contains(pane)), "{kept}");
    program.keys(&["alt+8"]);
    let begin = Instant::now();
    while program.kept().contains("Pane(Compare)") {
        assert!(begin.elapsed() < PATIENCE, "a pane that was closed is not forgotten");
        sleep(Duration::from_millis(100));
    }
    // In the middle of everything, without a word.
    let before = views(&program.kept());
    program.keys(&["w", "w"]);
    let begin = Instant::now();
    while views(&program.kept()) == before {
        assert!(begin.elapsed() < PATIENCE, "what is shown is never kept: {before}");
        sleep(Duration::from_millis(100));
    }
    program.child.0.kill().unwrap();
    program.child.0.wait().unwrap();
    let killed = program.kept();

    let mut program = Program::start(&display, folder.path(), &[path.to_str().unwrap()]);
    sleep(Duration::from_secs(2));
    // The instant that was selected is selected: nothing else can be marked.
    program.bookmark("7733");
    assert_eq!(views(&program.kept()), views(&killed), "what is shown and selected is not what was");
    let (status, last) = program.quit();
    assert!(status.success(), "{status}");
    for text in ["7711", "7722", "7733"] {
        assert!(last.contains(text), "{text} is lost: {last}");
    }
    assert!(last.contains("Pane(ExecutionFlow)") && !last.contains("Pane(Compare)"), "{last}");
    let layouts = |text: &str| count(text, "Pane(");
    assert_eq!(layouts(&last), layouts(&killed), "the panes are not those of before");
}
