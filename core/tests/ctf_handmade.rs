//! Small traces written by hand, for what no recording here has: what is read of them, as text. The first is what
//! babeltrace2 prints for the same bytes, dummy members for alignment included.
#![allow(clippy::unwrap_used, missing_docs)] // Tests may stop.

use std::fs;

use expect_test::{Expect, expect};
use stratoscope_core::ctf;
use stratoscope_core::export::json::value_json;
use stratoscope_core::trace::LostKind;
use stratoscope_core::vocab::{Cancel, ProblemLog, Progress, StreamId};

const TYPES: &str = "/* CTF 1.8 */
typealias integer { size = 8; align = 8; } := u8;
typealias integer { size = 16; align = 8; } := u16;
typealias integer { size = 32; align = 8; } := u32;
typealias integer { size = 64; align = 8; } := u64;
";

/// Reads a trace of one stream file: its packets, losses and events, then its problems.
fn check(metadata: &str, stream: &[u8], expected: Expect) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("metadata"), format!("{TYPES}{metadata}")).unwrap();
    fs::write(dir.path().join("s"), stream).unwrap();
    let problems = ProblemLog::default();
    let mut text = String::new();
    for group in ctf::discover(dir.path(), &problems) {
        let trace = ctf::open(&group, &problems).unwrap();
        let mut events = 0;
        for (n, info) in trace.streams().iter().enumerate() {
            for packet in &info.packets {
                text.push_str(&format!("packet {} to {}, {} bytes\n", packet.begin.0, packet.end.0, packet.bytes));
            }
            for lost in &info.lost {
                let kind = if lost.kind == LostKind::Events { "events" } else { "packets" };
                text.push_str(&format!(
                    "lost {:?} {kind} {} to {}\n",
                    lost.count, lost.range.begin.0, lost.range.end.0
                ));
            }
            let mut reader = trace.reader(StreamId(n as u32), None);
            while let Some(head) = reader.next_event() {
                let (_, fields) = reader.fields();
                text.push_str(&format!("{} {} ", head.t.0, trace.classes()[head.class.0 as usize].name));
                value_json(&fields, &mut text);
                text.push('\n');
                events += 1;
            }
        }
        let counts = trace.count(&Progress::default(), &Cancel::default()).unwrap();
        assert_eq!(counts.by_class.iter().sum::<u64>(), events);
    }
    for problem in problems.all() {
        text.push_str(&format!("! {:?} {}\n", problem.offset, problem.message()));
    }
    expected.assert_eq(&text);
}

#[test]
fn alignment_dummies_and_no_ids() {
    check(
        "trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u32 magic; }; };
         clock { name = c; freq = 1000000000; };
         typealias integer { size = 32; align = 32; } := a32;
         stream { event.header := struct {
            integer { size = 64; align = 8; map = clock.c.value; } timestamp; }; };
         event { name = e; fields := struct {
            u8 _a; struct { } align(32) _f_padding; u8 __n; struct { } align(32) __x_padding; a32 _f[__n]; }; };",
        &[
            0xC1, 0x1F, 0xFC, 0xC1, 5, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 99, 0, 0, 0, //
            6, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
        ],
        expect![[r#"
            packet 5 to 6, 40 bytes
            5 e {"a":7,"f_padding":{},"_n":1,"_x_padding":{},"f":[99]}
            6 e {"a":8,"f_padding":{},"_n":0,"_x_padding":{},"f":[]}
        "#]],
    );
}

#[test]
fn time_is_carried_over_packets_that_do_not_tell_it() {
    // Sixteen bits of time at 2 kHz, two packets of 12 bytes: the clock wraps in the second.
    check(
        "trace { major = 1; minor = 8; byte_order = be; };
         clock { name = c; freq = 2000; offset = 1; };
         stream { packet.context := struct { u8 packet_size; u8 content_size; };
            event.header := struct { u8 id; integer { size = 16; align = 8; map = clock.c.value; } timestamp; }; };
         event { id = 1; name = a; }; event { id = 2; name = b; fields := struct { u16 x; }; };",
        &[
            96, 80, 1, 0xFF, 0xF0, 2, 0xFF, 0xFE, 0, 7, 0, 0, //
            96, 64, 1, 0, 4, 1, 0, 5, 0, 0, 0, 0,
        ],
        expect![[r#"
            packet 32760000000 to 32770000000, 10 bytes
            packet 32770000000 to 32770500000, 8 bytes
            32760000000 a {}
            32767000000 b {"x":7}
            32770000000 a {}
            32770500000 a {}
        "#]],
    );
}

#[test]
fn without_a_clock_events_are_numbered() {
    check(
        "trace { major = 1; minor = 8; byte_order = be; };
         stream { packet.context := struct { u8 packet_size; }; };
         event { name = only; fields := struct {
            integer { size = 3; align = 1; signed = true; } x; integer { size = 5; align = 1; } y; }; };",
        &[32, 0b101_00001, 0b011_11111, 0, 24, 0xFF, 1],
        expect![[r#"
            packet 0 to 3, 4 bytes
            packet 3 to 4, 3 bytes
            0 only {"x":-3,"y":1}
            1 only {"x":3,"y":31}
            2 only {"x":0,"y":0}
            3 only {"x":-1,"y":31}
            4 only {"x":0,"y":1}
        "#]],
    );
}

#[test]
fn a_32_bit_counter_of_losses_wraps() {
    let mut bytes = Vec::new();
    for (n, (begin, end, discarded)) in
        [(10u64, 20u64, u32::MAX - 1), (20, 30, 3), (30, 40, 3), (40, 50, 1)].iter().enumerate()
    {
        bytes.extend(begin.to_le_bytes());
        bytes.extend(end.to_le_bytes());
        bytes.extend(256u16.to_le_bytes());
        bytes.extend(discarded.to_le_bytes());
        bytes.extend([n as u8 + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    check(
        "trace { major = 1; minor = 8; byte_order = le; };
         clock { name = c; };
         typealias integer { size = 64; align = 8; map = clock.c.value; } := t64;
         stream { packet.context := struct {
            t64 timestamp_begin; t64 timestamp_end; u16 packet_size; u32 events_discarded; u8 packet_seq_num; };
            event.header := struct { t64 timestamp; }; };
         event { name = e; fields := struct { u8 x; }; };",
        &bytes,
        expect![[r#"
            packet 10 to 20, 32 bytes
            packet 20 to 30, 32 bytes
            packet 30 to 40, 32 bytes
            packet 40 to 50, 32 bytes
            lost None events 10 to 20
            lost Some(5) events 20 to 30
            lost None events 40 to 50
            0 e {"x":0}
            0 e {"x":0}
            0 e {"x":0}
            0 e {"x":0}
        "#]],
    );
}

#[test]
fn nested_loops_over_nothing_end() {
    // Three lengths of 2³¹ elements that take no bits, each in the other.
    let length = [0, 0, 0, 0x80];
    let bytes = [[0xC1, 0x1F, 0xFC, 0xC1], length, [0; 4]].concat();
    check(
        "trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u32 magic; }; };
         stream { };
         event { name = e; fields := struct { u32 n; struct { struct { struct { } z[n]; u8 w[0]; } y[n]; u8 v[0]; } x[n]; u32 m; }; };",
        &bytes,
        expect![[r#"
            packet 0 to 0, 12 bytes
            0 e {"n":2147483648}
        "#]],
    );
}
