//! Writes files in threads of their own: with progress, to be stopped, and never half. A file is written beside its
//! place under another name and put there when it is whole; what was there stays until then.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use stratoscope_core::vocab::{Cancel, Cancelled};

use crate::window::worker::Wake;

/// How often the screen is woken to show the progress.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// How long the end of the window waits for files that were stopped.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(3);

/// What a piece of work is told and tells.
#[derive(Default)]
pub struct Task {
    /// Somebody wants it to stop.
    pub cancel: Cancel,
    done: AtomicU64,
    total: AtomicU64,
}

impl Task {
    /// Says how much is done, of how much.
    pub fn tell(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// The share that is done, once that is known.
    pub(super) fn share(&self) -> Option<f32> {
        let total = self.total.load(Ordering::Relaxed);
        (total > 0).then(|| (self.done.load(Ordering::Relaxed) as f64 / total as f64).min(1.0) as f32)
    }
}

/// Writes what a file is to hold. Returns what was written, in words such as `12 events`; empty where the name of
/// the file says all.
pub type Work = Box<dyn FnOnce(&mut dyn Write, &Task) -> anyhow::Result<String> + Send>;

struct Job {
    what: String,
    path: PathBuf,
    task: Arc<Task>,
    thread: JoinHandle<anyhow::Result<String>>,
}

/// How saving ended.
#[derive(Debug)]
pub enum Ended {
    /// The file is there; what it holds, in words.
    Saved(PathBuf, String),
    /// Somebody stopped it; there is no file.
    Stopped(PathBuf),
    /// It failed; there is no file.
    Failed(PathBuf, String),
}

/// What is being saved, for the status bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Saving {
    /// What.
    pub what: String,
    /// The share that is written, once that is known.
    pub share: Option<f32>,
}

/// Everything that is being saved.
pub struct Saver {
    jobs: Vec<Job>,
    wake: Wake,
}

impl Saver {
    /// Nothing yet. `wake` wakes the screen.
    pub fn new(wake: Wake) -> Self {
        Self { jobs: Vec::new(), wake }
    }

    /// Begins to save.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn save(&mut self, what: String, path: PathBuf, work: Work) -> std::io::Result<()> {
        let task = Arc::new(Task::default());
        let (own, to, wake) = (Arc::clone(&task), path.clone(), Wake::clone(&self.wake));
        let thread = std::thread::Builder::new().name("save".to_owned()).spawn(move || {
            let result = write(&to, work, &own);
            wake();
            result
        })?;
        self.jobs.push(Job { what, path, task, thread });
        Ok(())
    }

    /// Stops everything.
    pub fn stop(&self) {
        self.jobs.iter().for_each(|job| job.task.cancel.cancel());
    }

    /// What has ended since the last call.
    pub fn poll(&mut self) -> Vec<Ended> {
        let (ended, jobs) = std::mem::take(&mut self.jobs).into_iter().partition(|job| job.thread.is_finished());
        self.jobs = jobs;
        let ended: Vec<Job> = ended;
        ended.into_iter().map(end).collect()
    }

    /// What is being saved now.
    pub fn saving(&self) -> Option<Saving> {
        let job = self.jobs.first()?;
        let what = match self.jobs.len() {
            1 => job.what.clone(),
            n => format!("{} and {} more", job.what, n - 1),
        };
        Some(Saving { what, share: job.task.share() })
    }

    /// After how long the progress is worth another look; `None`: nothing is being saved.
    pub fn look_again(&self) -> Option<Duration> {
        (!self.jobs.is_empty()).then_some(SHOW_EVERY)
    }

    /// Waits until all is saved; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        let end = Instant::now() + longest;
        while self.jobs.iter().any(|job| !job.thread.is_finished()) {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        // Half a file is of no use: those that are under way end and take it away, if they do so soon.
        self.stop();
        self.wait(PATIENCE);
    }
}

fn end(job: Job) -> Ended {
    match job.thread.join() {
        Ok(Ok(words)) => Ended::Saved(job.path, words),
        Ok(Err(error)) if error.is::<Cancelled>() => Ended::Stopped(job.path),
        Ok(Err(error)) => Ended::Failed(job.path, format!("{error:#}")),
        Err(_) => Ended::Failed(job.path, "the program made a mistake while it wrote".to_owned()),
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, work: Work, task: &Task) -> anyhow::Result<String> {
    let name = path.file_name().context("there is no name for the file")?.to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let file = File::create(&aside).with_context(|| format!("cannot write into {}", folder_of(path).display()))?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let written = work(&mut out, task).and_then(|words| {
        task.cancel.check()?;
        out.flush().context("cannot write to the end")?;
        std::fs::rename(&aside, path).with_context(|| format!("cannot put it in place as {}", path.display()))?;
        Ok(words)
    });
    if written.is_err() {
        // It may be gone already; then all is well.
        std::fs::remove_file(&aside).ok();
    }
    written
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saver() -> Saver {
        Saver::new(Arc::new(|| ()))
    }

    fn files(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_file_is_whole_or_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();
        let mut saver = saver();
        let fails: Work = Box::new(|out, _| {
            out.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        saver.save("it".to_owned(), path.clone(), fails).unwrap();
        assert!(saver.wait(Duration::from_secs(20)));
        assert!(matches!(&saver.poll()[..], [Ended::Failed(_, why)] if why == "no more"));
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), files(folder.path())), ("old", 1));
        let works: Work = Box::new(|out, _| {
            out.write_all(b"new")?;
            Ok("3 letters".to_owned())
        });
        saver.save("it".to_owned(), path.clone(), works).unwrap();
        assert!(saver.wait(Duration::from_secs(20)));
        assert!(matches!(&saver.poll()[..], [Ended::Saved(_, words)] if words == "3 letters"));
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), files(folder.path())), ("new", 1));
    }

    #[test]
    fn what_is_stopped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut saver = saver();
        let endless: Work = Box::new(|out, task| {
            let mut n = 0;
            loop {
                task.cancel.check()?;
                out.write_all(b"more")?;
                n += 1;
                task.tell(n, 1 << 40);
            }
        });
        saver.save("it".to_owned(), folder.path().join("a"), endless).unwrap();
        while saver.saving().is_some_and(|s| s.share.is_none()) {
            std::thread::yield_now();
        }
        assert_eq!(saver.saving().map(|s| s.what).as_deref(), Some("it"));
        saver.stop();
        assert!(saver.wait(Duration::from_secs(20)));
        assert!(matches!(&saver.poll()[..], [Ended::Stopped(_)]));
        assert_eq!(files(folder.path()), 0);
        saver.save("it".to_owned(), folder.path().join("none/a"), Box::new(|_, _| Ok(String::new()))).unwrap();
        assert!(saver.wait(Duration::from_secs(20)));
        assert!(matches!(&saver.poll()[..], [Ended::Failed(_, why)] if why.starts_with("cannot write into")));
    }
}
