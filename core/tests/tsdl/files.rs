//! Metadata of real recordings: the one in `data/`, and those of the collection of sample traces if it is there.

use std::path::{Path, PathBuf};

use expect_test::expect_file;
use stratoscope_core::ctf::tsdl;

/// What LTTng-UST 2.13 wrote for a demo application with every kind of field, with the state dump and the
/// log-level events of LTTng itself; 20 KiB, in packets.
pub(crate) const UST: &[u8] = include_bytes!("../data/lttng-ust.metadata");

#[test]
fn lttng_ust() {
    expect_file!["../data/lttng-ust.expected"].assert_eq(&super::shown(UST));
}

#[test]
fn every_recorded_metadata_parses_without_a_problem() {
    let shared = std::env::var_os("STRATOSCOPE_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    let mut files = Vec::new();
    find(&shared.join("traces"), 0, &mut files);
    if files.is_empty() {
        println!("skipped: no ../shared");
        return;
    }
    files.sort();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let begin = std::time::Instant::now();
        let (metadata, problems) = tsdl::parse(&file, &bytes);
        let micros = begin.elapsed().as_micros();
        let metadata = metadata.unwrap_or_else(|| panic!("{}: {problems:?}", file.display()));
        let events: usize = metadata.streams.iter().map(|s| s.events.len()).sum();
        let streams = metadata.streams.len();
        println!("{}: {} bytes, {streams} streams, {events} events, {micros} µs", file.display(), bytes.len());
        assert!(problems.is_empty(), "{}: {}", file.display(), super::problems(&problems));
        assert!(events > 0, "{}", file.display());
    }
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && depth < 12 {
            find(&path, depth + 1, files);
        } else if path.file_name().is_some_and(|n| n == "metadata") && path.is_file() {
            files.push(path);
        }
    }
}
