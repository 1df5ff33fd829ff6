//! Packetised metadata: headers, padding, and files that end too early.

use expect_test::expect;

use crate::{TRACE, shown};

/// A packet with `text`, and 8 bytes of padding.
fn packet(text: &[u8], big: bool) -> Vec<u8> {
    with_sizes(text, 8 * (37 + text.len() as u32), 8 * (37 + text.len() as u32 + 8), big)
}

fn with_sizes(text: &[u8], content_bits: u32, packet_bits: u32, big: bool) -> Vec<u8> {
    let word = |w: u32| if big { w.to_be_bytes() } else { w.to_le_bytes() };
    let mut out = Vec::new();
    out.extend_from_slice(&word(0x75D1_1D57));
    out.extend_from_slice(&[7; 16]);
    out.extend_from_slice(&word(0));
    out.extend_from_slice(&word(content_bits));
    out.extend_from_slice(&word(packet_bits));
    out.extend_from_slice(&[0, 0, 0, 1, 8]);
    out.extend_from_slice(text);
    out.extend_from_slice(&[0; 8]);
    out
}

const ENV: &[u8] = b"env { a = 1; };\nenv { b = \"two\"; };";

#[test]
fn tokens_may_cross_packets() {
    let (first, second) = TRACE.as_bytes().split_at(50);
    let file = [packet(first, false), packet(second, false), packet(ENV, false)].concat();
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
    "#]]
    .assert_eq(&shown(&file));
    let single: Vec<u8> = TRACE.bytes().flat_map(|b| packet(&[b], false)).collect();
    expect![[r#"
        1.8 le
    "#]]
    .assert_eq(&shown(&single));
}

#[test]
fn offsets_are_those_of_the_file() {
    let file =
        [packet(TRACE.as_bytes(), false), packet(b"env { a = 1; };\n", false), packet(b"env { b : 2; };", false)]
            .concat();
    let (_, problems) = stratoscope_core::ctf::tsdl::parse(std::path::Path::new("m"), &file);
    let offset = problems[0].offset.unwrap() as usize;
    assert_eq!(&file[offset..offset + 4], b": 2;");
    expect![[r#"
        1.8 le
        env a = 1
        error: the metadata has a syntax error: expected `=`: found `:` at line 3, column 9
    "#]]
    .assert_eq(&shown(&file));
}

#[test]
fn the_trace_blocks_byte_order_counts() {
    expect![[r#"
        1.8 le
        warning: the metadata packets have another byte order than the trace block; the latter counts for the data: line 1, column 15
    "#]].assert_eq(&shown(&packet(TRACE.as_bytes(), true)));
    expect![[r#"
        1.8 be
    "#]]
    .assert_eq(&shown(&packet(&TRACE.replace("= le", "= be").into_bytes(), true)));
}

#[test]
fn uuids_are_compared() {
    let text = TRACE.replace("{ major", "{ uuid = \"00000000-0000-0000-0000-000000000001\"; major");
    expect![[r#"
        1.8 le uuid 00000000000000000000000000000001
        warning: the metadata packets have another UUID than the trace block: line 1, column 15
    "#]]
    .assert_eq(&shown(&packet(text.as_bytes(), false)));
    let text = TRACE.replace("{ major", "{ uuid = \"07070707-0707-0707-0707-070707070707\"; major");
    expect![[r#"
        1.8 le uuid 07070707070707070707070707070707
    "#]]
    .assert_eq(&shown(&packet(text.as_bytes(), false)));
    let mut other = packet(ENV, false);
    other[4] = 9;
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
        warning: metadata packets have different UUIDs
    "#]]
    .assert_eq(&shown(&[packet(TRACE.as_bytes(), false), other].concat()));
}

#[test]
fn sizes_that_cannot_be() {
    let trace = TRACE.as_bytes();
    let content = 8 * (37 + trace.len() as u32);
    expect![[r#"
        nothing
        error: a metadata packet is smaller than its header: expected at least 37 bytes, found 0
    "#]]
    .assert_eq(&shown(&with_sizes(trace, 0, 0, false)));
    expect![[r#"
        nothing
        error: a metadata packet is smaller than its header: expected at least 37 bytes, found 36
    "#]]
    .assert_eq(&shown(&with_sizes(trace, 288, 4096, false)));
    expect![[r#"
        nothing
        error: the metadata is empty: its packets hold no text
    "#]]
    .assert_eq(&shown(&with_sizes(b"", 296, 296, false)));
    // A packet that is smaller than its content: it ends where its content does.
    let mut small = with_sizes(trace, content, 8, false);
    small.truncate(small.len() - 8);
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
        warning: a metadata packet is smaller than its content: packet 1 bytes, content 101
    "#]]
    .assert_eq(&shown(&[small, packet(ENV, false)].concat()));
    expect![[r#"
        1.8 le
        warning: a metadata packet is smaller than its header: expected at least 37 bytes, found 0
    "#]]
    .assert_eq(&shown(&[packet(trace, false), with_sizes(ENV, 0, 0, false)].concat()));
}

#[test]
fn files_that_end_inside_a_packet() {
    let whole = [packet(TRACE.as_bytes(), false), packet(ENV, false)].concat();
    expect![[r#"
        1.8 le
        env a = 1
        warning: the metadata ends inside a packet: expected 72 bytes, found 68
        warning: the metadata ends in the middle of a declaration, which was ignored: it begins at line 3, column 1
    "#]]
    .assert_eq(&shown(&whole[..whole.len() - 12]));
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
    "#]]
    .assert_eq(&shown(&whole[..whole.len() - 8]));
    expect![[r#"
        1.8 le
        warning: the metadata ends inside a packet header: 30 of 37 bytes
    "#]]
    .assert_eq(&shown(&whole[..whole.len() - 50]));
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
    "#]]
    .assert_eq(&shown(&[whole.clone(), vec![0; 100]].concat()));
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
        warning: the rest of the metadata is not a packet: expected 0x75d11d57, found 0x01010101
    "#]]
    .assert_eq(&shown(&[whole.clone(), vec![1; 100]].concat()));
    expect![[r#"
        1.8 le
        env a = 1
        error: the metadata has a syntax error: expected a declaration: found a comment that is never closed at line 2, column 17
    "#]]
        .assert_eq(&shown(&[packet(TRACE.as_bytes(), false), packet(b"env { a = 1; }; /* cut", false)].concat()));
}

#[test]
fn a_packet_that_was_never_closed() {
    let open = with_sizes(ENV, u32::MAX, u32::MAX, false);
    expect![[r#"
        1.8 le
        env a = 1
        env b = "two"
        warning: the last metadata packet was never closed: took 35 bytes of it
    "#]]
    .assert_eq(&shown(&[packet(TRACE.as_bytes(), false), open].concat()));
}

#[test]
fn compression_encryption_and_checksums_are_refused() {
    for (byte, expected) in [
        (
            32,
            expect![[r#"
        nothing
        error: metadata packets with compression, encryption or checksums are not read: the packet at byte 0 is compressed (scheme 2)
    "#]],
        ),
        (
            33,
            expect![[r#"
        nothing
        error: metadata packets with compression, encryption or checksums are not read: the packet at byte 0 is encrypted (scheme 2)
    "#]],
        ),
        (
            34,
            expect![[r#"
        nothing
        error: metadata packets with compression, encryption or checksums are not read: the packet at byte 0 is checksummed (scheme 2)
    "#]],
        ),
    ] {
        let mut file = packet(TRACE.as_bytes(), false);
        file[byte] = 2;
        expected.assert_eq(&shown(&file));
    }
}

#[test]
fn packetised_ctf_2() {
    expect![[r#"
        nothing
        error: the trace is in format CTF 2, which is not read yet
    "#]]
    .assert_eq(&shown(&packet(b"\x1e{\"type\":\"preamble\"}", false)));
}
