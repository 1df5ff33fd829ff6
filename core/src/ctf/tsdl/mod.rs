//! TSDL, the language of CTF 1.8 metadata: from the bytes of a `metadata` file to [`Metadata`].
//!
//! ```text
//! file ─ packets → text ─ lexer → tokens ─ parser → blocks of types ─ paths → links ─ build → model
//! ```
//!
//! [`parse`] returns what it could read and what it could not. Metadata that is cut, or wrong in one place,
//! gives the classes that are whole. Time and memory are linear in the size of the file, whatever is in it.
//!
//! CTF 2 metadata is recognised, and refused. What is in the streams is no concern of this module.

mod blocks;
mod build;
mod declare;
mod lexer;
mod packets;
mod parser;
mod paths;
mod report;
mod scalars;
mod streams;
mod types;

use std::path::Path;

use crate::ctf::model::{ByteOrder, Metadata};
use crate::vocab::Problem;

/// Largest file that is read. Real metadata has some megabytes; hostile text can take forty times its size.
const MAX_FILE: usize = 64 << 20;

/// Reads the metadata of a CTF 1.8 trace: `bytes` is the whole content of the file `path` (which is only
/// named in problems), packetised or plain text.
///
/// Lengths and tags are resolved to slots. A stream class's slots come first and keep their values; those of
/// its event classes share the numbers after them. `Metadata::packet_header` is numbered by itself. Times
/// (`timestamp_begin`, `timestamp_end`, `timestamp`) that are not mapped to a clock are mapped to the only
/// clock, if there is exactly one.
///
/// Errors: there is no metadata without a usable `trace` block. Other declarations that cannot be used are
/// left out, with a problem of severity `Error` each that says at which line and column; what was guessed or
/// ignored gives warnings.
pub fn parse(path: &Path, bytes: &[u8]) -> (Option<Metadata>, Vec<Problem>) {
    if bytes.len() > MAX_FILE {
        return (None, vec![Problem::error(path, "the metadata is larger than 64 MiB")]);
    }
    let text = match packets::unpack(bytes) {
        Ok(text) => text,
        Err((at, what, detail)) => return (None, vec![Problem::error(path, what).at(at).found(detail)]),
    };
    let mut problems: Vec<Problem> = text
        .odd
        .iter()
        .map(|(at, what, detail)| Problem::warning(path, *what).at(*at).found(detail.as_str()))
        .collect();
    if text.is_ctf2() {
        let advice = "Record with CTF 1.8: `lttng create --trace-format=ctf-1.8`";
        problems.push(Problem::error(path, "the trace is in format CTF 2, which is not read yet").at(0).advise(advice));
        return (None, problems);
    }
    let mut report = report::Report::new(path, &text);
    if text.order.is_none() && !text.bytes.trim_ascii_start().starts_with(b"/* CTF 1.8") {
        report.warn(0, "the metadata does not begin with `/* CTF 1.8`", String::new);
    }
    let native = blocks::find_byte_order(&text.bytes);
    let mut parser = parser::Parser::new(&text.bytes, native.unwrap_or(ByteOrder::Little), report);
    let blocks = blocks::parse_all(&mut parser, text.cut);
    let metadata = streams::assemble(&mut parser, blocks, &text);
    problems.append(&mut parser.report.into_problems());
    (metadata, problems)
}
