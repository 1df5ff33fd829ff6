//! Whatever the bytes are, the parser ends soon and does not panic.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stratoscope_core::ctf::tsdl;

use crate::files::UST;

fn ends_soon(bytes: &[u8]) {
    let begin = Instant::now();
    let (metadata, problems) = tsdl::parse(Path::new("metadata"), bytes);
    assert!(metadata.is_some() || !problems.is_empty());
    assert!(problems.len() < 250);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

/// The text of [`UST`] without its packet headers.
fn ust_text() -> Vec<u8> {
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(packet) = UST.get(at..).filter(|p| p.len() >= 37) {
        let word = |o: usize| u32::from_le_bytes(packet[o..o + 4].try_into().unwrap()) as usize / 8;
        text.extend_from_slice(&packet[37..word(24)]);
        at += word(28);
    }
    text
}

/// Pieces of TSDL; strung together they get further into the parser than bytes do.
const PIECES: [&str; 48] = [
    "trace { major = 1; minor = 8; byte_order = le; };",
    "event {",
    "stream {",
    "env {",
    "clock {",
    "};",
    "}",
    "{",
    ";",
    "fields := ",
    "event.header := ",
    "packet.context := ",
    "struct",
    "struct s",
    "struct {",
    "} align(8)",
    "variant <t> {",
    "variant v",
    "enum : u8 {",
    "enum e",
    "A, B = 3 ... 5",
    "= -1",
    "typealias",
    "typedef",
    ":= u8;",
    "integer { size = 8; }",
    "integer {",
    "floating_point { exp_dig = 8; mant_dig = 24; align = 1; }",
    "string",
    "u8",
    "u8 t;",
    "n",
    "u8 n;",
    "a[n];",
    "a[4];",
    "[n]",
    "<t>",
    "->",
    ".",
    ",",
    "name = e;",
    "id = 1;",
    "stream_id = 0;",
    "\"x\"",
    "18446744073709551615",
    "-",
    ":5;",
    "\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        ends_soon(&bytes);
        ends_soon(&[crate::TRACE.as_bytes(), &bytes].concat());
        ends_soon(&[&UST[..37], &bytes].concat());
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..200)) {
        let text = format!("{}{}{}", crate::TRACE, crate::INTEGERS, pieces.join(" "));
        ends_soon(text.as_bytes());
    }

    #[test]
    fn changed_metadata(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        for mut bytes in [UST.to_vec(), ust_text()] {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            ends_soon(&bytes);
        }
    }

    #[test]
    fn cut_metadata(begin in any::<prop::sample::Index>(), length in any::<prop::sample::Index>()) {
        let text = ust_text();
        let begin = begin.index(text.len());
        let hole = length.index(text.len() - begin);
        ends_soon(&[&text[..begin], &text[begin + hole..]].concat());
        // What is only cut gives everything that is whole, and at most an error for an open comment.
        let (metadata, problems) = tsdl::parse(Path::new("metadata"), &text[..begin]);
        prop_assert!(metadata.is_some() || begin < 1200);
        let errors: Vec<_> = problems.iter().filter(|p| p.severity == stratoscope_core::vocab::Severity::Error).collect();
        prop_assert!(errors.len() <= 1 + usize::from(metadata.is_none()), "{:?}", errors);
        ends_soon(&UST[..begin]);
    }
}
