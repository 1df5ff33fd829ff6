//! Whether what is open has changed on disk: looked at from time to time by a thread of its own, told once.
//!
//! Sizes and times of change are compared, no content: a trace that is still being written grows, one that was
//! recorded again has other files. What the window shows stays what was read until the user asks for more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::window::words;
use crate::window::worker::Wake;

/// Time between two looks; more where a look takes long.
const EVERY: Duration = Duration::from_secs(2);

/// A look takes at most this part of the time.
const SHARE: u32 = 50;

/// Files that are looked at: a folder of more is hardly one of traces, and would keep the disk busy.
const MOST: usize = 20_000;

/// How deep folders are looked into.
const DEEPEST: usize = 12;

/// What files looked like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Files {
    /// What lies at and below the paths now.
    fn at(paths: &[PathBuf]) -> Self {
        let mut files = Self::default();
        for path in paths {
            files.add(path, 0);
        }
        files
    }

    fn add(&mut self, path: &Path, depth: usize) {
        if self.0.len() >= MOST || depth > DEEPEST {
            return;
        }
        // A file that is gone is one that is not among them.
        let Ok(data) = fs::metadata(path) else { return };
        if !data.is_dir() {
            self.0.insert(path.to_path_buf(), (data.len(), data.modified().ok()));
            return;
        }
        let Ok(entries) = fs::read_dir(path) else { return };
        let mut below: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        below.sort();
        for path in below {
            self.add(&path, depth + 1);
        }
    }

    fn compare(&self, now: &Self) -> DiskChange {
        let mut change = DiskChange::default();
        for (path, file) in &now.0 {
            match self.0.get(path) {
                None => change.new += 1,
                Some(before) if before != file => change.changed += 1,
                Some(_) => {}
            }
        }
        change.gone = self.0.keys().filter(|path| !now.0.contains_key(*path)).count() as u64;
        change
    }
}

/// How many files are not what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskChange {
    /// New ones.
    pub new: u64,
    /// Such with another size or time of change.
    pub changed: u64,
    /// Such that are not there any more.
    pub gone: u64,
}

impl DiskChange {
    /// Whether everything is as it was.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// In words: "2 files changed, 1 file is new".
    pub fn words(&self) -> String {
        let be = |n: u64| if n == 1 { "is" } else { "are" };
        let parts = [
            (self.changed, format!("{} changed", words::count(self.changed, "file"))),
            (self.new, format!("{} {} new", words::count(self.new, "file"), be(self.new))),
            (self.gone, format!("{} {} gone", words::count(self.gone, "file"), be(self.gone))),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(_, text)| text).collect();
        parts.join(", ")
    }
}

/// Looks after some paths as long as it lives.
pub struct Watch {
    found: Receiver<DiskChange>,
    change: Option<DiskChange>,
    /// Asks for a look. Dropped with the rest, which ends the thread.
    ask: Sender<()>,
}

impl Watch {
    /// Remembers what the paths look like now, and looks again from time to time.
    pub fn new(paths: Vec<PathBuf>, wake: Wake) -> Self {
        let (ask, asked) = mpsc::channel::<()>();
        let (tell, found) = mpsc::channel();
        let work = move || {
            let before = Files::at(&paths);
            let mut told = DiskChange::default();
            let mut rest = EVERY;
            loop {
                let asked = match asked.recv_timeout(rest) {
                    Ok(()) => true,
                    Err(RecvTimeoutError::Timeout) => false,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                let began = Instant::now();
                let change = before.compare(&Files::at(&paths));
                rest = EVERY.max(began.elapsed() * SHARE);
                if change != told || asked {
                    told = change;
                    if tell.send(change).is_err() {
                        return;
                    }
                    wake();
                }
            }
        };
        // Without a thread nothing is noticed, which is no worse than before.
        drop(thread::Builder::new().name("folder watch".to_owned()).spawn(work));
        Self { found, change: None, ask }
    }

    /// Looks now instead of in a second or two; for tests.
    pub fn look(&mut self) {
        if self.ask.send(()).is_ok()
            && let Ok(change) = self.found.recv_timeout(Duration::from_secs(20))
        {
            self.change = Some(change).filter(|c| !c.is_none());
        }
    }

    /// What is not as it was when the paths were opened, as far as it was noticed; `None`: nothing.
    pub fn change(&mut self) -> Option<DiskChange> {
        if let Some(change) = self.found.try_iter().last() {
            self.change = Some(change).filter(|c| !c.is_none());
        }
        self.change
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn files_that_grow_come_and_go_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join("kernel").join(name);
        fs::create_dir(folder.path().join("kernel")).unwrap();
        fs::write(file("metadata"), "m").unwrap();
        fs::write(file("channel_0"), "one").unwrap();
        let paths = vec![folder.path().to_path_buf()];
        let before = Files::at(&paths);
        assert_eq!(before.compare(&Files::at(&paths)), DiskChange::default());
        fs::write(file("channel_0"), "one two").unwrap();
        fs::write(file("channel_1"), "").unwrap();
        fs::remove_file(file("metadata")).unwrap();
        let change = before.compare(&Files::at(&paths));
        assert_eq!(change, DiskChange { new: 1, changed: 1, gone: 1 });
        assert_eq!(change.words(), "1 file changed, 1 file is new, 1 file is gone");
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(before.compare(&Files::at(&paths)), DiskChange { gone: 2, ..DiskChange::default() });
    }

    #[test]
    fn a_change_is_told_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channel_0");
        fs::write(&path, "one").unwrap();
        let paths = vec![folder.path().to_path_buf()];
        let mut watch = Watch::new(paths, Arc::new(|| ()));
        watch.look();
        assert_eq!(watch.change(), None);
        let beside = folder.path().join("channel_1");
        fs::write(&beside, "two").unwrap();
        watch.look();
        assert_eq!(watch.change(), Some(DiskChange { new: 1, ..DiskChange::default() }));
        fs::remove_file(&beside).unwrap();
        watch.look();
        assert_eq!(watch.change(), None);
    }
}
