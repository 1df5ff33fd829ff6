//! Streams of packets: any bytes, as the files beside a metadata that is right.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use stratoscope_core::ctf::model::Metadata;
use stratoscope_core::ctf::{TraceGroup, discover, tsdl};
use stratoscope_core::vocab::ProblemLog;

use super::reading::{check_problems, read};

/// Real ones, and some with what real ones do not have.
const TEXTS: [&[u8]; 6] = [
    include_bytes!("../../traces/ust-small/ust/uid/0/64-bit/metadata"),
    include_bytes!("../../../sample-traces/periodic/host/kernel/metadata"),
    include_bytes!("../../../sample-traces/io/guest-a/kernel/metadata"),
    include_bytes!("../../fuzz/texts/bits.tsdl"),
    include_bytes!("../../fuzz/texts/nested.tsdl"),
    include_bytes!("../../fuzz/texts/bare.tsdl"),
];

/// Reads stream files. The first byte of `input` chooses the metadata (lowest four bits) and whether what follows is
/// one file (0), two streams (16) or a stream and its packet index (32); of two files the second begins at so many
/// 256ths of the rest as the second byte says.
///
/// # Panics
/// If the ways to read a trace do not agree.
pub fn packets(input: &[u8]) {
    let Some((&[choice, split], rest)) = input.split_first_chunk() else { return };
    static METADATA: OnceLock<Vec<Metadata>> = OnceLock::new();
    let all =
        METADATA.get_or_init(|| TEXTS.iter().filter_map(|text| tsdl::parse(Path::new("metadata"), text).0).collect());
    assert_eq!(all.len(), TEXTS.len(), "a metadata that is right was refused");
    let metadata = all[usize::from(choice & 15) % TEXTS.len()].clone();
    let at = rest.len() * usize::from(split) / 256;
    let files: &[(&str, &[u8])] = match choice >> 4 & 3 {
        1 => &[("a_0", &rest[..at]), ("a_1", &rest[at..])],
        2 => &[("a_0", &rest[..at]), ("index/a_0.idx", &rest[at..])],
        _ => &[("a_0", rest)],
    };
    in_folder(files, |folder| read(&TraceGroup { dirs: vec![folder.to_owned()], metadata }, true));
}

/// Reads a stream with any metadata: the text before the first NUL of `input` and the bytes behind it (some zeros if
/// there is none).
///
/// # Panics
/// If the ways to read a trace do not agree.
pub fn trace(input: &[u8]) {
    let nul = input.iter().position(|b| *b == 0);
    let (text, stream) = nul.map_or((input, &[0; 64][..]), |at| (&input[..at], &input[at + 1..]));
    in_folder(&[("metadata", text), ("a_0", stream)], |folder| {
        let log = ProblemLog::default();
        for group in discover(folder, &log) {
            read(&group, false);
        }
        check_problems(&log.all());
    });
}

/// Runs `look` on a new folder with these files.
fn in_folder(files: &[(&str, &[u8])], look: impl FnOnce(&Path)) {
    let written = || -> io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        for (name, bytes) in files {
            let path = folder.path().join(name);
            if name.contains('/') {
                fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            }
            fs::write(path, bytes)?;
        }
        Ok(folder)
    };
    match written() {
        Ok(folder) => look(folder.path()),
        Err(error) => panic!("the temporary folder cannot be written: {error}"),
    }
}
