//! Every input that the fuzzers keep, and every one that ever broke something, without libFuzzer: in any build, on
//! any machine, in some seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stratoscope_tests::fuzzing::{TARGETS, Target};

/// No input is larger than some kilobytes; a machine that is busy with other tests is slow.
const MAX_TIME: Duration = Duration::from_secs(60);
/// What is kept is kept in the repository.
const MAX_BYTES: usize = 1 << 20;

fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
    // Git keeps no empty folders: a target without finds has none.
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap_or_default())).collect()
}

/// Runs a target on inputs, each in turn, on a thread of its own: one that hangs is named, too.
fn replay(target: Target, inputs: Vec<(PathBuf, Vec<u8>)>) {
    let (done, wait) = mpsc::channel();
    let paths: Vec<PathBuf> = inputs.iter().map(|(path, _)| path.clone()).collect();
    let thread = thread::spawn(move || {
        for (_, bytes) in inputs {
            target(&bytes);
            if done.send(()).is_err() {
                return;
            }
        }
    });
    for path in paths {
        match wait.recv_timeout(MAX_TIME) {
            Ok(()) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} takes too long", path.display()),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{} breaks it (see above)", path.display()),
        }
    }
    assert!(thread.join().is_ok());
}

#[test]
fn kept_inputs() {
    let mut bytes = 0;
    for (name, target) in TARGETS {
        let inputs = inputs("corpus", name);
        assert!(!inputs.is_empty(), "no inputs are kept for {name}");
        bytes += inputs.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        replay(target, inputs);
    }
    assert!(bytes <= MAX_BYTES, "{bytes} bytes are too many to keep: run tests/fuzz.sh --keep");
}

#[test]
fn finds() {
    for (name, target) in TARGETS {
        replay(target, inputs("finds", name));
    }
}
