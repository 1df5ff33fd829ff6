//! Top-level blocks: attributes, defaults, what is missing, repeated or unknown.

use expect_test::expect;

use crate::{check, check_all};

#[test]
fn trace_block() {
    check_all(
        "/* CTF 1.8 */ trace { uuid = \"0123-4567-89ab-cdef-0123456789ABCDEF\"; byte_order = network; minor = 8; major = 1;
         packet.header := struct { integer { size = 32; } magic; }; };",
        expect![[r#"
            1.8 be uuid 0123456789abcdef0123456789abcdef
            header { u32 magic; }
        "#]],
    );
    check_all(
        "/* CTF 1.8 */ trace { byte_order = be; uuid = \"xyz\"; };",
        expect![[r#"
            1.8 be
            warning: the UUID of the trace is malformed and was ignored: `"xyz"` at line 1, column 40
            warning: the trace does not state its version; 1.8 was assumed: line 1, column 15
        "#]],
    );
    check_all(
        "/* CTF 1.8 */ trace { major = 1; minor = 9; byte_order = \"le\"; };",
        expect![[r#"
        1.9 le
        warning: the trace is of another version than 1.8; it was read as 1.8: 1.9 at line 1, column 15
    "#]],
    );
    check_all(
        "/* CTF 1.8 */ trace { major = 2; minor = 0; byte_order = le; };",
        expect![[r#"
        nothing
        error: the trace is of version 2.0; TSDL describes 1.8: line 1, column 15
        error: the metadata has no usable trace block: line 1, column 1
    "#]],
    );
    check_all(
        "/* CTF 1.8 */ trace { major = 1; minor = 8; };",
        expect![[r#"
        nothing
        error: the trace does not state its byte order: line 1, column 15
        error: the metadata has no usable trace block: line 1, column 1
    "#]],
    );
    check_all(
        "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = native; };",
        expect![[r#"
        nothing
        error: the byte order of the trace is `native`, which says nothing: line 1, column 45
        error: the metadata has no usable trace block: line 1, column 1
    "#]],
    );
    check_all(
        "/* CTF 1.8 */ event { name = e; };",
        expect![[r#"
        nothing
        error: the metadata has no usable trace block: line 1, column 1
    "#]],
    );
}

#[test]
fn a_second_trace_block_is_ignored() {
    check(
        "trace { major = 1; minor = 8; byte_order = be; };",
        expect![[r#"
        warning: the trace is declared twice; the first declaration counts: line 2, column 1
    "#]],
    );
}

#[test]
fn prefix() {
    check_all(
        "trace { major = 1; minor = 8; byte_order = le; };",
        expect![[r#"
        1.8 le
        warning: the metadata does not begin with `/* CTF 1.8`: line 1, column 1
    "#]],
    );
    check_all(
        "\u{feff} \n/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; };",
        expect![[r#"
        1.8 le
    "#]],
    );
}

#[test]
fn native_order_before_the_trace_block_is_the_traces() {
    check_all(
        "/* CTF 1.8 */ typealias integer { size = 8; } := u8; typealias integer { size = 8; byte_order = native; } := n8;
         typealias integer { size = 8; byte_order = le; } := l8; event { fields := struct { u8 a; n8 b; l8 c; }; name = e; };
         trace { major = 1; minor = 8; byte_order = be; };",
        expect![[r#"
            1.8 be
            stream 0
              event 0 "e" fields { u8 a; u8 b; u8 le c; }
        "#]],
    );
}

#[test]
fn env_blocks_are_merged() {
    check(
        r#"env { a = 1; b = -2; c = "x\ty\"z\u00e9"; }; env { d = 0x10; a = 3; string = 5; w = word; e = "x" "y"; };"#,
        expect![[r#"
            env a = 1
            env b = -2
            env c = "x\ty\"zé"
            env d = 16
            env string = 5
            env w = "word"
            env e = "xy"
            warning: an environment variable is given twice; the first one counts: `a` at line 2, column 62
            warning: an environment variable is neither a number nor a string: `w` at line 2, column 81
        "#]],
    );
}

#[test]
fn clocks() {
    check(
        "clock { name = c; };",
        expect![[r#"
        clock "c" 1000000000 Hz
    "#]],
    );
    check(
        r#"clock { name = "a b"; uuid = "u"; description = "d"; freq = 2400000000; precision = 10; offset_s = -5;
           offset = -18446744073709551615; absolute = TRUE; }; clock { name = c; absolute = 1; offset = 7; };"#,
        expect![[r#"
            clock "a b" 2400000000 Hz uuid u offset -5 s + -18446744073709551615 absolute "d"
            clock "c" 1000000000 Hz offset 0 s + 7 absolute
        "#]],
    );
    check(
        "clock { name = c; freq = 0; }; clock { name = d; freq = 18446744073709551615; };",
        expect![[r#"
        error: the frequency of a clock is 0: line 2, column 19
        error: the frequency of a clock is 18446744073709551615: line 2, column 50
    "#]],
    );
    check(
        "clock { freq = 1; }; clock { name = c; offset_s = 9223372036854775808; };",
        expect![[r#"
        error: a clock has no name: line 2, column 1
        error: the offset of a clock is 9223372036854775808 seconds: more than 64 bits: line 2, column 40
    "#]],
    );
    check(
        "clock { name = c; freq = 1; }; clock { name = c; freq = 2; };",
        expect![[r#"
        clock "c" 1 Hz
        warning: a clock is declared twice; the first declaration counts: `c` at line 2, column 32
    "#]],
    );
    check(
        "clock { name = c; colour = red; freq = 5; freq = 6; };",
        expect![[r#"
        clock "c" 5 Hz
        warning: an unknown attribute was ignored: `colour` of `clock` at line 2, column 19
        warning: an attribute is given twice; the first one counts: `freq` of `clock` at line 2, column 43
    "#]],
    );
}

#[test]
fn times_without_a_map_are_on_the_only_clock() {
    let stream = "stream { packet.context := struct { integer { size = 64; } timestamp_begin; integer { size = 64; } timestamp_end;
        struct { integer { size = 8; } timestamp_begin; } inner; };
        event.header := struct { integer { size = 8; } id; struct { integer { size = 32; } timestamp; } v; }; };";
    check(
        &format!("{stream} clock {{ name = c; }};"),
        expect![[r#"
        clock "c" 1000000000 Hz
        stream 0
          packet.context { u64 ~c timestamp_begin; u64 ~c timestamp_end; { u8 timestamp_begin; } inner; }
          event.header { u8 id; { u32 ~c timestamp; } v; }
    "#]],
    );
    check(
        &format!("{stream} clock {{ name = c; }}; clock {{ name = d; }};"),
        expect![[r#"
        clock "c" 1000000000 Hz
        clock "d" 1000000000 Hz
        stream 0
          packet.context { u64 timestamp_begin; u64 timestamp_end; { u8 timestamp_begin; } inner; }
          event.header { u8 id; { u32 timestamp; } v; }
    "#]],
    );
}

#[test]
fn maps_to_clocks() {
    check(
        "clock { name = c; }; event { name = e; fields := struct { integer { size = 8; map = clock.c.value; } a;
         integer { size = 8; map = clock -> c -> value; } b; integer { size = 8; map = \"clock.c.value\"; } c;
         integer { size = 8; map = clock.d.value; } d; integer { size = 8; map = c; } e; }; };",
        expect![[r#"
            clock "c" 1000000000 Hz
            stream 0
              event 0 "e" fields { u8 ~c a; u8 ~c b; u8 ~c c; u8 ~d d; u8 e; }
            warning: an integer is mapped to something else than `clock.NAME.value`; the map was ignored: `c` at line 4, column 76
            warning: an integer is mapped to a clock that is not declared: `d` at line 4, column 30
        "#]],
    );
}

#[test]
fn streams_and_their_ids() {
    check(
        "stream { event.header := struct {}; };",
        expect![[r#"
        stream 0
          event.header {}
    "#]],
    );
    check(
        "stream { id = 7; }; stream { id = 0x10; }; stream { id = 7; };",
        expect![[r#"
        stream 7
        stream 16
        warning: a stream is declared twice; the first declaration counts: id 7 at line 2, column 44
    "#]],
    );
    check(
        "stream { }; stream { };",
        expect![[r#"
        stream 0
        warning: one of several streams has no id; 0 was assumed: line 2, column 1 x2
        warning: a stream is declared twice; the first declaration counts: id 0 at line 2, column 13
    "#]],
    );
    check(
        "stream { id = -1; };",
        expect![[r#"
        error: the id -1 is negative: line 2, column 10
    "#]],
    );
    check(
        "stream { id = 1; event.header := struct { integer { size = 8; } id; } align(32); packet.context := struct { string s; };
         event->context := struct { string t; }; };",
        expect![[r#"
            stream 1
              packet.context { string s; }
              event.header { u8 id; }@32
              event.context { string t; }
        "#]],
    );
    check(
        "stream { id = 1; event.header := string; }; stream { id = 2; };",
        expect![[r#"
        stream 2
        error: the type of a header, context or payload is no structure: line 2, column 18
    "#]],
    );
    check(
        "stream { id = 1; event.header = 5; }; stream { id = 2; };",
        expect![[r#"
        stream 2
        error: an attribute that has a type was given a value (`=` instead of `:=`): line 2, column 18
    "#]],
    );
    check(
        "stream { id := string; }; stream { id = 2; };",
        expect![[r#"
        stream 2
        error: an attribute that has a value was given a type (`:=` instead of `=`): line 2, column 10
    "#]],
    );
}

#[test]
fn events_and_their_ids() {
    check(
        "event { name = only; fields := struct { string s; }; };",
        expect![[r#"
        stream 0
          event 0 "only" fields { string s; }
    "#]],
    );
    check(
        "stream { id = 1; event.header := struct { string s; }; }; event { name = \"a:b c\"; id = 3; stream_id = 1; loglevel = 13; model.emf.uri = \"http://x\"; };
         event { name = a:b; id = 4; loglevel = -1; }; event { name = 12; id = 5; }; event { name = a:b; id = 3; };
         event { id = 6; name = x; loglevel = TRACE; }; event { id = 7; };",
        expect![[r#"
            stream 1
              event.header { string s; }
              event 3 "a:b c" level 13
              event 4 "a:b" level -1
              event 5 "12"
              event 6 "x"
              event 7 ""
            warning: a log level is no number and was ignored: `TRACE` at line 4, column 36
            warning: an event has no name: line 4, column 57
            warning: two events of a stream have the same id; the first declaration counts: id 3: `a:b` at line 3, column 86
        "#]],
    );
    check(
        "stream { id = 1; }; event { name = e; stream_id = 2; };",
        expect![[r#"
        stream 1
        warning: an event belongs to a stream that is not declared, and was ignored: `e` of stream 2 at line 2, column 21
    "#]],
    );
    check(
        "stream { id = 1; }; stream { id = 2; }; event { name = e; };",
        expect![[r#"
        stream 1
        stream 2
        warning: an event does not say to which of several streams it belongs, and was ignored: `e` at line 2, column 41
    "#]],
    );
    check(
        "stream { event.header := struct { string s; }; }; event { name = e; }; event { name = f; };",
        expect![[r#"
        stream 0
          event.header { string s; }
          event 0 "e"
        warning: one of several events has no id and was ignored: id 0: `f` at line 2, column 72
    "#]],
    );
    check(
        "event { name = before; stream_id = 4; fields := struct { string s; }; }; stream { id = 4; };",
        expect![[r#"
            stream 4
              event 0 "before" fields { string s; }
        "#]],
    );
    check(
        "event { name = e; context := struct { string c; }; fields := struct { string f; }; fields := struct { }; };",
        expect![[r#"
            stream 0
              event 0 "e" context { string c; } fields { string f; }
            warning: an attribute is given twice; the first one counts: `fields` of `event` at line 2, column 84
        "#]],
    );
}

#[test]
fn an_event_without_bits_is_refused() {
    check(
        "stream { event.header := struct {}; }; event { name = e; fields := struct { struct {} a[5]; string b[0]; }; };",
        expect![[r#"
            stream 0
              event.header {}
            error: the event `e` has no bits: it could be read without end: line 2, column 40
        "#]],
    );
}

#[test]
fn what_does_not_matter_is_skipped() {
    check(
        "callsite { name = x; func = \"f\"; file = \"a.c\"; line = 3; ip = 0x40; }; env { a = 1; };",
        expect![[r#"
        env a = 1
    "#]],
    );
    check(
        "plugin { a = { b; }; c := struct { }; } x; env { a = 1; };;",
        expect![[r#"
        env a = 1
        warning: an unknown block was ignored: `plugin` at line 2, column 1
    "#]],
    );
    check(
        "stream { id = 3; new.thing := struct { nonsense { x; y } z; }; other = 1 2 3; event.header := struct { string s; }; };",
        expect![[r#"
            stream 3
              event.header { string s; }
            warning: an unknown attribute was ignored: `new.thing` of `stream` at line 2, column 18 x2
        "#]],
    );
}

#[test]
fn comments_may_stand_anywhere() {
    check(
        "/**/ env /* a; { */ { // b }\n a /***/ = /* \" */ 1; }; // last",
        expect![[r#"
        env a = 1
    "#]],
    );
}
