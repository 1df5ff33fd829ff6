//! The TSDL parser, from outside: text in, model and problems out.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it cannot go on, and says what it skips"
)]

mod blocks;
mod files;
mod hostile;
mod packets;
mod paths;
mod print;
mod random;
mod types;

use std::path::Path;

use expect_test::Expect;
use stratoscope_core::ctf::tsdl;
use stratoscope_core::vocab::{Problem, Severity};

/// A trace block that says the least; on one line, so that line numbers in the expectations are those of the
/// text under test plus one.
const TRACE: &str = "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; };\n";

/// One line for each problem.
fn problems(problems: &[Problem]) -> String {
    let mut out = String::new();
    for p in problems {
        let severity = match p.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let times = if p.count > 1 { format!(" x{}", p.count) } else { String::new() };
        let detail = if p.detail.is_empty() { String::new() } else { format!(": {}", p.detail) };
        out.push_str(&format!("{severity}: {}{detail}{times}\n", p.what));
    }
    out
}

/// What the parser makes of bytes, as text.
fn shown(bytes: &[u8]) -> String {
    let (metadata, found) = tsdl::parse(Path::new("metadata"), bytes);
    let model = metadata.map_or_else(|| "nothing\n".to_owned(), |m| print::metadata(&m));
    model + &problems(&found)
}

/// Compares the whole result.
#[track_caller]
fn check_all(text: &str, expected: Expect) {
    expected.assert_eq(&shown(text.as_bytes()));
}

/// Compares the result of `text` after a minimal trace block, the line about the trace left out.
#[track_caller]
fn check(text: &str, expected: Expect) {
    let all = shown(format!("{TRACE}{text}").as_bytes());
    expected.assert_eq(all.strip_prefix("1.8 le\n").unwrap_or(&all));
}

/// Compares what `declarations` and then `fields` as the payload of the only event give: the payload, and the
/// problems.
#[track_caller]
fn check_fields(declarations: &str, fields: &str, expected: Expect) {
    let text = format!("{TRACE}{INTEGERS}{declarations}\nevent {{ name = e; fields := struct {{ {fields} }}; }};");
    let all = shown(text.as_bytes());
    let kept: Vec<&str> =
        all.lines().filter_map(|l| l.strip_prefix("  event 0 \"e\" fields ").or_else(|| is_problem(l))).collect();
    expected.assert_eq(&kept.join("\n"));
}

/// Types that most tests need, on one line.
const INTEGERS: &str = "typealias integer { size = 8; } := u8; typealias integer { size = 32; } := u32; \
    typealias integer { size = 32; signed = 1; } := int; typealias integer { size = 64; } := unsigned long; ";

fn is_problem(line: &str) -> Option<&str> {
    ["note", "warning", "error", "nothing"].iter().any(|p| line.starts_with(p)).then_some(line)
}
