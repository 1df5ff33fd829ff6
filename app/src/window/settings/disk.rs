//! The thread that writes the program's own files soon after a change, whether or not anything is drawn meanwhile, and
//! notices when files change that settings come from.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use stratoscope_core::vocab::Problem;

use crate::window::settings::file::LONGEST;
use crate::window::worker::Wake;

/// How long a change rests before it is written: a drag changes an arrangement sixty times a second. With this a program
/// that is killed loses at most so much.
pub const SAVE_AFTER: Duration = Duration::from_secs(1);

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A file to be written.
pub struct Writing {
    /// Where.
    pub path: PathBuf,
    /// Makes the text.
    pub text: Box<dyn FnOnce() -> Result<String, String> + Send>,
}

/// What has come of the work.
#[derive(Debug)]
pub enum News {
    /// A file has been written with this text.
    Written(PathBuf, String),
    /// A file is another one now: somebody changed it.
    Changed,
    /// A file was not written: somebody has changed it meanwhile.
    Refused(PathBuf),
    /// A file could not be written.
    Failed(Problem),
}

/// When a file was changed, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

#[derive(Default)]
struct Inner {
    pending: BTreeMap<PathBuf, Writing>,
    due: Option<Instant>,
    watched: BTreeMap<PathBuf, Stamp>,
    /// What files were like when they were last read or written: a file that is not like that is not written over.
    known: BTreeMap<PathBuf, Option<String>>,
    news: Vec<News>,
    busy: bool,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread.
pub struct Disk {
    shared: Arc<Shared>,
}

impl Disk {
    /// Starts it.
    pub fn new(wake: Wake) -> Self {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("settings".to_owned()).spawn(move || work(&own, &wake));
        // Without a thread everything is written by `flush`, when the window closes.
        drop(spawned);
        Self { shared }
    }

    /// Writes a file soon, in place of what was to be written there.
    pub fn write(&self, writing: Writing) {
        let mut inner = self.shared.lock();
        inner.pending.insert(writing.path.clone(), writing);
        if inner.due.is_none() {
            inner.due = Some(Instant::now() + SAVE_AFTER);
            self.shared.changed.notify_all();
        }
    }

    /// A file was read, and was like that (`None`: not there).
    pub fn know(&self, path: &Path, text: Option<String>) {
        self.shared.lock().known.insert(path.to_path_buf(), text);
    }

    /// What a file is like no longer matters: it may be written over.
    pub fn give_up(&self, path: &Path) {
        self.shared.lock().known.remove(path);
    }

    /// Looks at these files from now on, and takes them as they are for known.
    pub fn watch(&self, paths: impl IntoIterator<Item = PathBuf>) {
        let watched = paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        self.shared.lock().watched = watched;
    }

    /// Looks at the files now.
    pub fn look(&self) {
        look(&self.shared);
    }

    /// What has come of the work since the last call.
    pub fn take(&self) -> Vec<News> {
        std::mem::take(&mut self.shared.lock().news)
    }

    /// Writes what is to be written now.
    pub fn flush(&self) {
        let mut inner = self.shared.lock();
        while inner.busy {
            inner = self.shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        drop(inner);
        write_all(&self.shared);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
    }
}

fn work(shared: &Shared, wake: &Wake) {
    let mut next_look = Instant::now() + LOOK_EVERY;
    loop {
        let mut inner = shared.lock();
        if inner.stopped {
            return;
        }
        let now = Instant::now();
        let until = inner.due.map_or(next_look, |due| due.min(next_look));
        if until > now {
            inner = match shared.changed.wait_timeout(inner, until - now) {
                Ok((inner, _)) => inner,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        let now = Instant::now();
        let due = !inner.stopped && inner.due.is_some_and(|due| due <= now);
        drop(inner);
        let mut told = due && write_all(shared);
        if now >= next_look {
            next_look = now + LOOK_EVERY;
            told |= look(shared);
        }
        if told {
            wake();
        }
    }
}

/// Tells whether a watched file is another one now. Returns whether there is news.
fn look(shared: &Shared) -> bool {
    let watched: Vec<(PathBuf, Stamp)> = shared.lock().watched.iter().map(|(p, s)| (p.clone(), *s)).collect();
    let changed: Vec<(PathBuf, Stamp)> = watched
        .into_iter()
        .map(|(path, old)| (stamp(&path), path, old))
        .filter(|(new, _, old)| new != old)
        .map(|(new, path, _)| (path, new))
        .collect();
    if changed.is_empty() {
        return false;
    }
    let mut inner = shared.lock();
    for (path, new) in changed {
        if let Some(known) = inner.watched.get_mut(&path) {
            *known = new;
        }
    }
    inner.news.push(News::Changed);
    true
}

/// Writes everything that is to be written. Returns whether the window needs to know of it at once.
fn write_all(shared: &Shared) -> bool {
    let mut inner = shared.lock();
    let pending = std::mem::take(&mut inner.pending);
    inner.due = None;
    inner.busy = true;
    drop(inner);
    let mut told = false;
    for (path, writing) in pending {
        let known = shared.lock().known.get(&path).cloned();
        let news = write_one(writing, known);
        let new = stamp(&path);
        let mut inner = shared.lock();
        if let News::Written(_, text) = &news {
            inner.known.insert(path.clone(), Some(text.clone()));
            if let Some(known) = inner.watched.get_mut(&path) {
                *known = new;
            }
        } else {
            told = true;
        }
        inner.news.push(news);
    }
    shared.lock().busy = false;
    shared.changed.notify_all();
    told
}

fn write_one(writing: Writing, known: Option<Option<String>>) -> News {
    let Writing { path, text } = writing;
    if let Some(known) = known
        && read(&path).ok() != Some(known)
    {
        return News::Refused(path);
    }
    let written = text().and_then(|text| write(&path, &text).map_err(|e| e.to_string()).map(|()| text));
    match written {
        Ok(text) => News::Written(path, text),
        Err(why) => News::Failed(Problem::warning(&path, "this file cannot be saved").found(why)),
    }
}

/// The text of a file; `None`: it is not there.
///
/// # Errors
/// It is there and cannot be read, or is far longer than settings are.
pub fn read(path: &Path) -> io::Result<Option<String>> {
    // What is no file, such as a pipe that somebody put among traces, might never end.
    let opened = fs::metadata(path).and_then(|about| match about.is_file() {
        true => fs::File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
    });
    let file = match opened {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long to be a file of settings"));
    }
    Ok(Some(text))
}

/// Writes a file: beside its place first, then there, so that a crash leaves one or the other. A link is followed.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

/// Keeps a file under a name beside its own that nothing has yet. Returns that name.
///
/// # Errors
/// It cannot be copied.
pub fn keep_beside(path: &Path) -> io::Result<PathBuf> {
    let named = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 0 { ".broken".to_owned() } else { format!(".broken-{n}") });
        PathBuf::from(name)
    };
    let free = (0..u32::MAX).map(named).find(|p| !p.exists()).unwrap_or_else(|| named(0));
    fs::copy(path, &free)?;
    Ok(free)
}
