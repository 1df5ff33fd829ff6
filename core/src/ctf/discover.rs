//! Finding the traces below a folder.
//!
//! A physical trace is a folder with a file `metadata`. Physical traces of one uuid are one logical trace: an
//! LTTng session's rotated chunks, or its snapshots.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bytes::Mapped;
use crate::vocab::{Problem, ProblemLog};

use super::model::Metadata;
use super::{other, tsdl};

const MAX_DEPTH: usize = 16;
const MAX_ENTRIES: usize = 100_000;
/// Files of which it is told what they are, if there is no trace.
const MAX_FILES: usize = 100;

/// The folders of one logical trace, with the metadata that describes them all.
#[derive(Clone, Debug)]
pub struct TraceGroup {
    /// Folders with a `metadata` file and stream files, sorted.
    pub dirs: Vec<PathBuf>,
    /// The metadata with the most classes: later chunks know more.
    pub metadata: Metadata,
}

impl TraceGroup {
    /// What the user knows the trace by: its folder, or what its folders have in common.
    pub fn path(&self) -> PathBuf {
        let Some(first) = self.dirs.first() else { return PathBuf::new() };
        if self.dirs.len() == 1 {
            return first.clone();
        }
        let shared = |p: &Path| self.dirs.iter().all(|d| d.starts_with(p));
        first.ancestors().find(|p| shared(p)).map_or_else(|| first.clone(), Path::to_path_buf)
    }
}

/// Finds the traces at or below `path`, in the order of their paths. What is no trace is told only if it was
/// given directly.
pub fn discover(path: &Path, problems: &ProblemLog) -> Vec<TraceGroup> {
    let start = match fs::metadata(path) {
        Ok(found) if found.is_dir() => path.to_path_buf(),
        Ok(_) if path.file_name().is_some_and(|n| n == "metadata") => {
            path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
        }
        Ok(_) => {
            problems.push(match other::of_file(path) {
                Some(known) => known.problem(path),
                None => Problem::error(path, "the file is no CTF trace: a CTF trace is a folder")
                    .advise("Give the folder that has the file metadata"),
            });
            return Vec::new();
        }
        Err(error) => {
            problems.push(Problem::error(path, "the path cannot be read").found(error.to_string()));
            return Vec::new();
        }
    };
    let mut search = Search { dirs: Vec::new(), visited: BTreeSet::new(), files: Vec::new(), entries: 0, problems };
    search.below(&start, 0);
    let dirs = std::mem::take(&mut search.dirs);
    if dirs.is_empty() {
        problems.push(Problem::warning(path, "no CTF trace was found here: no folder has a file metadata"));
        let known = search.files.iter().filter_map(|path| Some(other::of_file(path)?.problem(path)));
        known.for_each(|problem| problems.push(problem));
    }
    let mut groups: Vec<TraceGroup> = Vec::new();
    for dir in dirs {
        let Some(metadata) = read_metadata(&dir, problems) else { continue };
        let same = groups.iter_mut().find(|g| metadata.uuid.is_some() && g.metadata.uuid == metadata.uuid);
        match same {
            Some(group) => {
                group.dirs.push(dir);
                if size(&metadata) > size(&group.metadata) {
                    group.metadata = metadata;
                }
            }
            None => groups.push(TraceGroup { dirs: vec![dir], metadata }),
        }
    }
    groups
}

fn size(metadata: &Metadata) -> usize {
    metadata.streams.len() + metadata.streams.iter().map(|s| s.events.len()).sum::<usize>()
}

fn read_metadata(dir: &Path, problems: &ProblemLog) -> Option<Metadata> {
    let path = dir.join("metadata");
    let map = match Mapped::open(&path) {
        Ok(map) => map,
        Err(error) => {
            problems.push(Problem::error(&path, "the metadata cannot be read").found(error.to_string()));
            return None;
        }
    };
    if map.bytes().is_empty() {
        problems.push(Problem::error(&path, "the metadata is empty; the trace cannot be read"));
        return None;
    }
    let (metadata, found) = tsdl::parse(&path, map.bytes());
    found.into_iter().for_each(|p| problems.push(p));
    if map.was_cut() {
        problems.push(Problem::error(&path, super::scan::SHRANK).advise(super::scan::SHRANK_ADVICE));
    }
    metadata
}

struct Search<'a> {
    dirs: Vec<PathBuf>,
    /// Folders by their real paths: links may lead back.
    visited: BTreeSet<PathBuf>,
    /// Some of the files that are in no trace: what they are is told where there is no trace.
    files: Vec<PathBuf>,
    entries: usize,
    problems: &'a ProblemLog,
}

impl Search<'_> {
    fn below(&mut self, dir: &Path, depth: usize) {
        let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
        if !self.visited.insert(real) {
            return;
        }
        if fs::metadata(dir.join("metadata")).is_ok_and(|m| m.is_file()) {
            self.dirs.push(dir.to_path_buf());
            return;
        }
        if depth >= MAX_DEPTH {
            self.problems
                .push(Problem::warning(dir, "folders are nested too deeply to be searched").found("16 levels"));
            return;
        }
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.problems.push(Problem::warning(dir, "the folder cannot be read").found(error.to_string()));
                return;
            }
        };
        let mut folders = Vec::new();
        for entry in entries.flatten() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                self.problems.push(Problem::warning(dir, "more than 100 000 files: the rest is not searched"));
                break;
            }
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if !hidden && fs::metadata(entry.path()).is_ok_and(|m| m.is_dir()) {
                folders.push(entry.path());
            } else if !hidden && self.files.len() < MAX_FILES {
                self.files.push(entry.path());
            }
        }
        folders.sort();
        for folder in folders {
            self.below(&folder, depth + 1);
        }
    }
}
