//! The sample traces that come with the program, wherever it was put.

use std::path::{Path, PathBuf};

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// What can be seen in it.
    pub about: &'static str,
}

/// The folder that holds them.
const FOLDER: &str = "sample-traces";

/// What is told about those that we made; others are offered by name.
const ABOUT: &[(&str, &str)] = &[
    ("fighting", "Two guests compute on one CPU of the host and take it from each other"),
    ("periodic", "A periodic task takes twice as long whenever the other guest computes"),
    ("io", "A guest writes to its disk; threads wake each other over pipes"),
];

/// How many folders above are searched.
const UP: usize = 5;

/// Samples near the program, near the working folder, or above either.
pub fn find() -> Vec<Sample> {
    let program = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    let starts = [std::env::current_dir().ok(), program];
    starts
        .into_iter()
        .flatten()
        .flat_map(|start| start.ancestors().take(UP).map(|p| p.join(FOLDER)).collect::<Vec<_>>())
        .map(|folder| find_in(&folder))
        .find(|samples| !samples.is_empty())
        .unwrap_or_default()
}

/// The samples in a folder: those that we know first.
pub fn find_in(folder: &Path) -> Vec<Sample> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut samples: Vec<Sample> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let about = ABOUT.iter().find(|(n, _)| *n == name).map_or("", |(_, about)| about);
            Some(Sample { name, path, about })
        })
        .collect();
    let place = |s: &Sample| ABOUT.iter().position(|(n, _)| *n == s.name).unwrap_or(ABOUT.len());
    samples.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name)));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples_come_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["another", "io", "fighting"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("README.md"), "").unwrap();
        let names: Vec<String> = find_in(folder.path()).into_iter().map(|s| s.name).collect();
        assert_eq!(names, ["fighting", "io", "another"]);
        assert!(find_in(&folder.path().join("none")).is_empty());
    }
}
