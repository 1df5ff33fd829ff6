//! Where layers and the memory come from and go to: reads the files, hands over what is to be written, and takes in
//! what somebody else wrote meanwhile.

use std::io;
use std::path::{Path, PathBuf};

use stratoscope_core::vocab::Problem;

use crate::window::settings::command::OwnFile;
use crate::window::settings::disk::{self, Disk, News, Writing};
use crate::window::settings::file::{self, Read};
use crate::window::settings::layers::{FileInfo, Layer, Preferences, Settings};
use crate::window::settings::memory::Memory;
use crate::window::worker::Wake;

/// The name of an experiment's file.
pub const EXPERIMENT_FILE: &str = "stratoscope.ron";

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The user's file; `None`: nothing is kept.
    pub user: Option<PathBuf>,
    /// The system-wide file.
    pub system: Option<PathBuf>,
    /// What the command line says.
    pub command_line: Preferences,
}

impl Sources {
    /// The files of this machine and this user, or that of the user which somebody named.
    pub fn of_user(named: Option<PathBuf>, command_line: Preferences) -> Self {
        Self { user: named.or_else(user_path), system: Some(system_path()), command_line }
    }
}

/// The end of the memory's name, beside the user's settings.
const MEMORY_EXTENSION: &str = "memory.ron";

/// What the user's program remembers; nothing if there is nothing, or nothing that can be understood.
pub fn remembered() -> Memory {
    let path = user_path().map(|path| path.with_extension(MEMORY_EXTENSION));
    let text = path.as_ref().and_then(|path| disk::read(path).ok().flatten());
    path.zip(text).map(|(path, text)| file::read_memory(&path, &text).says).unwrap_or_default()
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Where the system-wide settings lie, unless a test says otherwise.
fn system_path() -> PathBuf {
    variable("STRATOSCOPE_SYSTEM_SETTINGS").unwrap_or_else(|| PathBuf::from("/etc/stratoscope/config.ron"))
}

/// Where the user's settings lie, unless somebody says otherwise.
fn user_path() -> Option<PathBuf> {
    if let Some(path) = variable("STRATOSCOPE_SETTINGS") {
        return Some(path);
    }
    let config = if cfg!(target_os = "windows") {
        variable("APPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    config.map(|c| c.join("stratoscope").join("settings.ron"))
}

/// One of the files that the program writes.
#[derive(Debug, Default)]
struct OwnText {
    path: Option<PathBuf>,
    unknown: Vec<(String, String)>,
    broken: Option<String>,
    problems: Vec<Problem>,
}

impl OwnText {
    /// What was read of it; `Some(None)`: there is no such file. `None`: it could not be read, or there is none to be.
    fn open(&mut self) -> Option<Option<String>> {
        let path = self.path.as_deref()?;
        self.problems.clear();
        self.broken = None;
        match disk::read(path) {
            Ok(text) => Some(text),
            Err(error) => {
                let problem = unreadable(path, &error);
                self.broken = Some(problem.message());
                self.problems.push(problem);
                None
            }
        }
    }

    fn take<T>(&mut self, read: Read<T>) -> T {
        self.unknown = read.unknown;
        self.broken = read.broken;
        self.problems = read.problems;
        read.says
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::warning(path, "this file cannot be read").found(error.to_string()).advise("Nothing in it is used")
}

/// Reads and keeps settings and the memory.
pub struct Keeper {
    command_line: Preferences,
    system: Option<PathBuf>,
    experiment: Vec<PathBuf>,
    user: OwnText,
    memory: OwnText,
    disk: Option<Disk>,
    /// What the user's file says, as it was last read or written.
    synced: Preferences,
    /// What of the user's layer and of the memory was handed over to be written.
    handed: Preferences,
    kept: Memory,
    /// Of files that are only read.
    read_problems: Vec<Problem>,
    failed: Vec<Problem>,
}

impl Keeper {
    /// Reads everything that there is before anything is open.
    pub fn load(sources: Sources, wake: &Wake) -> (Self, Settings, Memory) {
        let memory_path = sources.user.as_ref().map(|path| path.with_extension(MEMORY_EXTENSION));
        let mut keeper = Self {
            disk: sources.user.is_some().then(|| Disk::new(wake.clone())),
            command_line: sources.command_line,
            system: sources.system,
            experiment: Vec::new(),
            user: OwnText { path: sources.user, ..OwnText::default() },
            memory: OwnText { path: memory_path, ..OwnText::default() },
            synced: Preferences::default(),
            handed: Preferences::default(),
            kept: Memory::default(),
            read_problems: Vec::new(),
            failed: Vec::new(),
        };
        let mut settings = Settings::default();
        keeper.read_settings(&mut settings, true);
        let memory = keeper.read_memory().unwrap_or_else(|| keeper.old_memory());
        keeper.tell_files(&mut settings);
        (keeper, settings, memory)
    }

    /// Everything that is to be told of the files.
    pub fn problems(&self) -> Vec<Problem> {
        let all = self.read_problems.iter().chain(&self.user.problems).chain(&self.memory.problems).chain(&self.failed);
        all.cloned().collect()
    }

    /// Other paths are open now, or none: their folders may have settings of their own.
    pub fn open(&mut self, paths: &[PathBuf], settings: &mut Settings) {
        settings.leave_experiment();
        let mut files: Vec<PathBuf> = Vec::new();
        for path in paths {
            let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
            let file = folder.join(EXPERIMENT_FILE);
            if !files.contains(&file) {
                files.push(file);
            }
        }
        self.experiment = files;
        self.read_settings(settings, false);
        self.tell_files(settings);
    }

    /// Reads all layers again. `first`: what a broken file of the user says is better than nothing; later what was in
    /// effect before it broke is better.
    fn read_settings(&mut self, settings: &mut Settings, first: bool) {
        self.read_problems.clear();
        let system = self.system.iter().cloned().collect::<Vec<_>>();
        settings.set_layer(Layer::System, self.read_only(&system, Layer::System));
        settings.set_layer(Layer::Experiment, self.read_only(&self.experiment.clone(), Layer::Experiment));
        settings.set_layer(Layer::CommandLine, self.command_line.clone());
        let Some(text) = self.user.open() else { return };
        let path = self.user.path.clone().unwrap_or_default();
        let read = file::read_preferences(&path, text.as_deref().unwrap_or_default(), Layer::User);
        if let Some(disk) = &self.disk {
            disk.know(&path, text);
        }
        let says = self.user.take(read).without(&settings.up_to(Layer::System));
        if self.user.broken.is_some() && !first {
            return;
        }
        // What was changed in this window since the file was last read or written stays, on top of what it says now.
        let (changed, gone) = settings.layer(Layer::User).changed_since(&self.synced);
        let mut user = says.clone();
        for (setting, entry) in gone {
            setting.remove(&mut user, entry.as_deref());
        }
        user.overlay(&changed);
        settings.set_layer(Layer::User, user);
        self.handed = says.clone();
        self.synced = says;
    }

    fn read_only(&mut self, paths: &[PathBuf], layer: Layer) -> Preferences {
        let mut all = Preferences::default();
        // Where several folders are open together, the first has the last word.
        for path in paths.iter().rev() {
            match disk::read(path) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    let read = file::read_preferences(path, &text, layer);
                    self.read_problems.extend(read.problems);
                    all.overlay(&read.says);
                }
                Err(error) => self.read_problems.push(unreadable(path, &error)),
            }
        }
        all
    }

    /// The memory of its own file; `None`: there is no such file.
    fn read_memory(&mut self) -> Option<Memory> {
        let Some(text) = self.memory.open() else { return Some(Memory::default()) };
        let path = self.memory.path.clone().unwrap_or_default();
        if let Some(disk) = &self.disk {
            disk.know(&path, text.clone());
        }
        let memory = self.memory.take(file::read_memory(&path, &text?));
        self.kept = memory.clone();
        Some(memory)
    }

    /// What the user's file remembered when both were one.
    fn old_memory(&self) -> Memory {
        let Some(path) = &self.user.path else { return Memory::default() };
        let text = disk::read(path).ok().flatten().unwrap_or_default();
        file::read_memory(path, &text).says
    }

    fn tell_files(&mut self, settings: &mut Settings) {
        let info = |layer: Option<Layer>, path: &PathBuf, broken: Option<&String>| FileInfo {
            layer,
            path: path.clone(),
            exists: path.exists(),
            broken: broken.cloned(),
        };
        let mut files: Vec<FileInfo> = Vec::new();
        files.extend(self.system.iter().map(|p| info(Some(Layer::System), p, None)));
        files.extend(self.user.path.iter().map(|p| info(Some(Layer::User), p, self.user.broken.as_ref())));
        files.extend(self.memory.path.iter().map(|p| info(None, p, self.memory.broken.as_ref())));
        files.extend(self.experiment.iter().map(|p| info(Some(Layer::Experiment), p, None)));
        if let Some(disk) = &self.disk {
            disk.watch(files.iter().map(|f| f.path.clone()));
        }
        settings.files = files;
    }

    /// Hands over what has changed since the last call, to be written soon.
    pub fn keep(&mut self, settings: &Settings, memory: &Memory) {
        let Some(disk) = &self.disk else { return };
        // The memory first: until it has a file of its own it may lie in the user's.
        if *memory != self.kept {
            self.kept.clone_from(memory);
            if let Some(path) = self.memory.path.clone().filter(|_| self.memory.broken.is_none()) {
                let (memory, unknown) = (memory.clone(), self.memory.unknown.clone());
                let text = move || file::write_memory(&memory, &unknown).map_err(|e| e.to_string());
                disk.write(Writing { path, text: Box::new(text) });
            }
        }
        let user = settings.layer(Layer::User);
        if *user != self.handed {
            self.handed.clone_from(user);
            if let Some(path) = self.user.path.clone().filter(|_| self.user.broken.is_none()) {
                let (user, unknown) = (user.clone(), self.user.unknown.clone());
                let text = move || Ok(file::write_preferences(&user, &unknown));
                disk.write(Writing { path, text: Box::new(text) });
            }
        }
    }

    /// Takes in what happened to the files, while `paths` are open. Returns whether settings or problems may have
    /// changed.
    pub fn poll(&mut self, settings: &mut Settings, memory: &mut Memory, paths: &[PathBuf]) -> bool {
        let news = self.disk.as_ref().map(Disk::take).unwrap_or_default();
        let mut changed = false;
        for news in news {
            match news {
                News::Written(path, text) if Some(&path) == self.user.path.as_ref() => {
                    self.synced = file::read_preferences(&path, &text, Layer::User).says;
                    changed |= self.written(&path);
                }
                News::Written(path, _) => changed |= self.written(&path),
                News::Changed => {
                    self.read_again(settings, memory, paths);
                    self.kept.clone_from(memory);
                    changed = true;
                }
                // With what was read again `keep` finds the difference and hands it over once more.
                News::Refused(_) => {
                    self.read_again(settings, memory, paths);
                    changed = true;
                }
                News::Failed(problem) => {
                    self.failed.retain(|p| p.path != problem.path);
                    self.failed.push(problem);
                    changed = true;
                }
            }
        }
        if changed {
            self.tell_files(settings);
        }
        changed
    }

    /// A file could be written: what was told of it counts no more. Returns whether anything changed by that.
    fn written(&mut self, path: &Path) -> bool {
        let before = self.failed.len();
        self.failed.retain(|p| p.path != path);
        before != self.failed.len()
    }

    fn read_again(&mut self, settings: &mut Settings, memory: &mut Memory, paths: &[PathBuf]) {
        self.read_settings(settings, false);
        let was_broken = self.memory.broken.is_some();
        let unknown = self.memory.unknown.clone();
        match self.read_memory() {
            Some(theirs) if self.memory.broken.is_none() => {
                *memory = theirs.with_mine(memory, paths, was_broken);
            }
            Some(_) => self.kept.clone_from(memory),
            // Somebody removed it: it is written again with the next change.
            None => self.memory.unknown = unknown,
        }
    }

    /// Looks at the files now instead of in a second or two; for tests and the reading pane.
    pub fn look(&mut self) {
        if let Some(disk) = &self.disk {
            disk.look();
        }
    }

    /// Writes now what is to be written: the window goes.
    pub fn flush(&mut self) {
        if let Some(disk) = &self.disk {
            disk.flush();
        }
    }

    /// Begins a new file in the place of one that is not understood, and keeps that one beside it. Returns where.
    ///
    /// # Errors
    /// The file cannot be kept: then it is not written over either.
    pub fn start_anew(&mut self, which: OwnFile, settings: &mut Settings) -> io::Result<PathBuf> {
        let own = match which {
            OwnFile::Settings => &mut self.user,
            OwnFile::Memory => &mut self.memory,
        };
        let path = own.path.clone().filter(|_| own.broken.is_some());
        let path =
            path.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "nothing is wrong with that file"))?;
        let kept = disk::keep_beside(&path)?;
        own.broken = None;
        own.problems.clear();
        if let Some(disk) = &self.disk {
            let unknown = own.unknown.clone();
            let text: Box<dyn FnOnce() -> Result<String, String> + Send> = match which {
                OwnFile::Settings => {
                    let user = settings.layer(Layer::User).clone();
                    self.handed = user.clone();
                    Box::new(move || Ok(file::write_preferences(&user, &unknown)))
                }
                OwnFile::Memory => {
                    let memory = self.kept.clone();
                    Box::new(move || file::write_memory(&memory, &unknown).map_err(|e| e.to_string()))
                }
            };
            disk.give_up(&path);
            disk.write(Writing { path, text });
            disk.flush();
        }
        self.tell_files(settings);
        Ok(kept)
    }
}
