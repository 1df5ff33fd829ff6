//! What a file is that is no CTF trace, by its first bytes: so that who gives one is told what it is and what helps,
//! not only that it is refused.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::vocab::Problem;

/// As many bytes as are looked at: a tar archive says what it is at 257.
const HEAD: u64 = 512;

/// A format that is known and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Other {
    /// Where its signature stands.
    at: usize,
    signature: &'static [u8],
    /// What it is, as a part of a sentence.
    name: &'static str,
    /// What its owner can do.
    advice: &'static str,
}

const UNPACK: &str = "Unpack it and open the folder";

/// Signatures: trace-cmd's `trace-cmd.dat(5)`, Linux' `tools/perf/Documentation/perf.data-file-format.txt`, and those
/// of archives and compressed files.
const OTHERS: [Other; 7] = [
    Other {
        at: 0,
        signature: b"\x17\x08\x44tracing",
        name: "a recording of trace-cmd (trace.dat), which this version does not read",
        advice: "Record with LTTng to see it here; the help of each view has the commands",
    },
    Other {
        at: 0,
        signature: b"PERFILE2",
        name: "a recording of perf (perf.data), which is not read as it is",
        advice: "perf makes a CTF trace of it: perf data convert --to-ctf=FOLDER",
    },
    Other { at: 0, signature: b"PK\x03\x04", name: "a zip archive", advice: UNPACK },
    Other { at: 0, signature: b"\x1f\x8b", name: "a file compressed by gzip", advice: UNPACK },
    Other { at: 0, signature: b"\x28\xb5\x2f\xfd", name: "a file compressed by zstd", advice: UNPACK },
    Other { at: 0, signature: b"\xfd7zXZ\0", name: "a file compressed by xz", advice: UNPACK },
    Other { at: 257, signature: b"ustar", name: "a tar archive", advice: UNPACK },
];

impl Other {
    /// What is told of a file of it.
    pub(super) fn problem(&self, path: &Path) -> Problem {
        Problem::error(path, format!("the file is {}", self.name)).advise(self.advice)
    }
}

/// What `path` is, if its first bytes tell.
pub(super) fn of_file(path: &Path) -> Option<Other> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    of_head(&head)
}

fn of_head(head: &[u8]) -> Option<Other> {
    OTHERS.into_iter().find(|other| head.get(other.at..).is_some_and(|rest| rest.starts_with(other.signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(of_head(&tar).unwrap().name.contains("tar"));
        assert!(of_head(b"\x17\x08\x44tracing6\0").unwrap().name.contains("trace-cmd"));
        assert!(of_head(b"PERFILE2h\0").unwrap().advice.contains("--to-ctf"));
        for unknown in [&b""[..], b"PERF", b"hello", b"\x17\x08"] {
            assert_eq!(of_head(unknown), None);
        }
    }
}
