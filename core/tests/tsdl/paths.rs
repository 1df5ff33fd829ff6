//! Lengths and tags: which field they mean, and its slot.

use expect_test::expect;

use crate::{INTEGERS, check, check_fields};

#[test]
fn sequences() {
    check_fields(
        "",
        "u8 n; u8 a[n]; u32 b[n]; u8 m; u8 c[m][n]; u8 d[2][m];",
        expect!["{ u8 =#0 n; u8[#0] a; u32[#0] b; u8 =#1 m; u8[#0][#1] c; u8[#1][2] d; }"],
    );
    check_fields("", "u8 _f_length; u8 _f[ _f_length ];", expect!["{ u8 =#0 f_length; u8[#0] f; }"]);
    check_fields("", "enum : u8 { A } n; u8 a[n];", expect!["{ enum u8 =#0 (A=0) n; u8[#0] a; }"]);
}

#[test]
fn one_leading_underscore_does_not_matter() {
    check_fields("", "u8 _n; u8 a[n];", expect!["{ u8 =#0 n; u8[#0] a; }"]);
    check_fields("", "u8 n; u8 a[_n];", expect!["{ u8 =#0 n; u8[#0] a; }"]);
    check_fields("", "u8 __n; u8 a[_n];", expect!["{ u8 =#0 _n; u8[#0] a; }"]);
    check_fields("", "u8 _n; u32 n; u8 a[n]; u8 b[_n];", expect!["{ u8 =#1 n; u32 =#0 n; u8[#0] a; u8[#1] b; }"]);
    check_fields(
        "",
        "u8 ___n; u8 a[n];",
        expect!["error: a length refers to `n`, which no field decoded before is: line 3, column 52"],
    );
}

#[test]
fn relative_paths_go_from_the_inside_out() {
    check_fields(
        "",
        "u8 n; struct { u32 n; u8 a[n]; } s; u8 b[n]; u8 c[s.n]; u8 d[s->n];",
        expect!["{ u8 =#1 n; { u32 =#0 n; u8[#0] a; } s; u8[#1] b; u8[#0] c; u8[#0] d; }"],
    );
    check_fields(
        "",
        "u8 n; struct { struct { u8 a[n]; } t; u8 n; u8 b[n]; } s;",
        expect!["{ u8 =#0 n; { { u8[#0] a; } t; u8 =#1 n; u8[#1] b; } s; }"],
    );
    check_fields(
        "",
        "u8 n; struct { struct { u8 x; } n; u8 b[n]; } s;",
        expect!["error: a length refers to `n`, which is no integer: line 3, column 78"],
    );
    check_fields(
        "",
        "struct { u8 y; } s; struct { struct { u8 x; } s; u8 b[s.y]; } t;",
        expect!["{ { u8 =#0 y; } s; { { u8 x; } s; u8[#0] b; } t; }"],
    );
}

#[test]
fn arrays_stand_for_their_current_element() {
    check_fields(
        "",
        "struct { u8 n; u8 a[n]; } s[4]; u8 b[s.n];",
        expect!["{ { u8 =#0 n; u8[#0] a; }[4] s; u8[#0] b; }"],
    );
    check_fields(
        "",
        "u8 m; struct { u8 n; } s[m][2]; struct { u8 b[s.n]; } t[m];",
        expect!["{ u8 =#0 m; { u8 =#1 n; }[2][#0] s; { u8[#1] b; }[#0] t; }"],
    );
}

#[test]
fn large_structures_are_searched_by_table() {
    let many: String = (0..20).map(|i| format!("u8 f{i}; ")).collect();
    check_fields(
        "",
        &format!("struct {{ {many} u8 _n; u8 a[n]; u8 b[f3]; u8 n; u8 c[n]; }} s;"),
        expect![
            "{ { u8 f0; u8 f1; u8 f2; u8 =#1 f3; u8 f4; u8 f5; u8 f6; u8 f7; u8 f8; u8 f9; u8 f10; u8 f11; u8 f12; u8 f13; u8 f14; u8 f15; u8 f16; u8 f17; u8 f18; u8 f19; u8 =#0 n; u8[#0] a; u8[#1] b; u8 =#2 n; u8[#2] c; } s; }"
        ],
    );
    check_fields(
        "",
        &format!("{many} u8 a[z]; u8 z;"),
        expect!["error: a length refers to `z`, which no field decoded before is: line 3, column 194"],
    );
}

#[test]
fn lengths_that_cannot_be() {
    check_fields(
        "",
        "u8 a[n];",
        expect!["error: a length refers to `n`, which no field decoded before is: line 3, column 43"],
    );
    check_fields(
        "",
        "u8 a[n]; u8 n;",
        expect!["error: a length refers to `n`, which no field decoded before is: line 3, column 43"],
    );
    check_fields(
        "",
        "u8 a[a];",
        expect!["error: a length refers to `a`, which no field decoded before is: line 3, column 43"],
    );
    check_fields("", "int n; u8 a[n];", expect!["error: a length refers to `n`, which is signed: line 3, column 50"]);
    check_fields(
        "",
        "enum { A } n; u8 a[n];",
        expect!["error: a length refers to `n`, which is signed: line 3, column 57"],
    );
    check_fields(
        "",
        "string n; u8 a[n];",
        expect!["error: a length refers to `n`, which is no integer: line 3, column 53"],
    );
    check_fields(
        "",
        "u8 n[2]; u8 a[n];",
        expect!["error: a length refers to `n`, which is no integer: line 3, column 52"],
    );
    check_fields(
        "",
        "u8 a[event.fields.n]; u8 n;",
        expect!["error: a length or tag refers to `event.fields.n`, which is decoded later: line 3, column 43"],
    );
    check_fields(
        "",
        "struct { u8 a[event.fields.s.n]; u8 n; } s;",
        expect!["error: a length or tag refers to `event.fields.s.n`, which is decoded later: line 3, column 52"],
    );
    check_fields(
        "",
        "u8 n; u8 a[n.m];",
        expect!["error: a length refers to `n.m`, which no field decoded before is: line 3, column 49"],
    );
    check_fields(
        "",
        "u8 n; u8 a[n.];",
        expect!["error: the metadata has a syntax error: expected the name of a field: found `]` at line 3, column 51"],
    );
    check_fields(
        "",
        "u8 n; u8 a[n",
        expect!["error: the metadata has a syntax error: expected `]`: found `}` at line 3, column 51"],
    );
}

#[test]
fn scopes_in_every_form() {
    let text = |fields: &str| {
        format!(
            "{INTEGERS} stream {{ packet.context := struct {{ u8 p; u8 both; }}; event.header := struct {{ u8 h; u8 both; }};
             event.context := struct {{ u8 c; u8 both; }}; }};
             event {{ name = e; context := struct {{ u8 own; u8 both; }}; fields := struct {{ u8 f; {fields} }}; }};"
        )
    };
    for (fields, expected) in [
        (
            "u8 a[stream.packet.context.p]; u8 b[packet.context.p];",
            expect![[r#"
            stream 0 slots 1
              packet.context { u8 =#0 p; u8 both; }
              event.header { u8 h; u8 both; }
              event.context { u8 c; u8 both; }
              event 0 "e" context { u8 own; u8 both; } fields { u8 f; u8[#0] a; u8[#0] b; }
        "#]],
        ),
        (
            "u8 a[stream.event.header.h]; u8 b[event.header.h];",
            expect![[r#"
            stream 0 slots 1
              packet.context { u8 p; u8 both; }
              event.header { u8 =#0 h; u8 both; }
              event.context { u8 c; u8 both; }
              event 0 "e" context { u8 own; u8 both; } fields { u8 f; u8[#0] a; u8[#0] b; }
        "#]],
        ),
        (
            "u8 a[stream.event.context.c]; u8 b[event.context.own];",
            expect![[r#"
            stream 0 slots 2
              packet.context { u8 p; u8 both; }
              event.header { u8 h; u8 both; }
              event.context { u8 =#0 c; u8 both; }
              event 0 "e" context { u8 =#1 own; u8 both; } fields { u8 f; u8[#0] a; u8[#1] b; }
        "#]],
        ),
        (
            "u8 a[event.fields.f]; u8 b[fields.f]; u8 c[context.own];",
            expect![[r#"
            stream 0 slots 2
              packet.context { u8 p; u8 both; }
              event.header { u8 h; u8 both; }
              event.context { u8 c; u8 both; }
              event 0 "e" context { u8 =#1 own; u8 both; } fields { u8 =#0 f; u8[#0] a; u8[#0] b; u8[#1] c; }
        "#]],
        ),
        (
            "u8 a[p]; u8 b[h]; u8 c[c]; u8 d[own];",
            expect![[r#"
            stream 0 slots 4
              packet.context { u8 =#0 p; u8 both; }
              event.header { u8 =#1 h; u8 both; }
              event.context { u8 =#2 c; u8 both; }
              event 0 "e" context { u8 =#3 own; u8 both; } fields { u8 f; u8[#0] a; u8[#1] b; u8[#2] c; u8[#3] d; }
        "#]],
        ),
        (
            "u8 a[both];",
            expect![[r#"
            stream 0 slots 1
              packet.context { u8 p; u8 both; }
              event.header { u8 h; u8 both; }
              event.context { u8 c; u8 both; }
              event 0 "e" context { u8 own; u8 =#0 both; } fields { u8 f; u8[#0] a; }
        "#]],
        ),
        (
            "u8 a[event.context.c];",
            expect![[r#"
            stream 0 slots 1
              packet.context { u8 p; u8 both; }
              event.header { u8 h; u8 both; }
              event.context { u8 =#0 c; u8 both; }
              event 0 "e" context { u8 own; u8 both; } fields { u8 f; u8[#0] a; }
        "#]],
        ),
        (
            "u8 a[event->context->own]; u8 b[stream . event -> header . h];",
            expect![[r#"
            stream 0 slots 2
              packet.context { u8 p; u8 both; }
              event.header { u8 =#0 h; u8 both; }
              event.context { u8 c; u8 both; }
              event 0 "e" context { u8 =#1 own; u8 both; } fields { u8 f; u8[#1] a; u8[#0] b; }
        "#]],
        ),
        (
            "u8 a[stream.event.context.own];",
            expect![[r#"
            stream 0
              packet.context { u8 p; u8 both; }
              event.header { u8 h; u8 both; }
              event.context { u8 c; u8 both; }
            error: a length refers to `stream.event.context.own`, which no field decoded before is: line 4, column 102
        "#]],
        ),
    ] {
        check(&text(fields), expected);
    }
}

#[test]
fn streams_number_slots_for_themselves_and_events_share_the_rest() {
    check(
        &format!(
            "{INTEGERS} stream {{ id = 0; event.header := struct {{ u8 id; u8 n; }}; }}; stream {{ id = 1; event.header := struct {{ u8 n; u8 a[n]; }}; }};
             event {{ id = 0; stream_id = 0; name = a; fields := struct {{ u8 k; u8 l; u8 a[k]; u8 b[l]; u8 c[n]; }}; }};
             event {{ id = 1; stream_id = 0; name = b; context := struct {{ u8 k; }}; fields := struct {{ u8 a[k]; }}; }};
             event {{ id = 0; stream_id = 1; name = c; fields := struct {{ u8 a[stream.event.header.n]; }}; }};"
        ),
        expect![[r#"
            stream 0 slots 3
              event.header { u8 id; u8 =#0 n; }
              event 0 "a" fields { u8 =#1 k; u8 =#2 l; u8[#1] a; u8[#2] b; u8[#0] c; }
              event 1 "b" context { u8 =#1 k; } fields { u8[#1] a; }
            stream 1 slots 1
              event.header { u8 =#0 n; u8[#0] a; }
              event 0 "c" fields { u8[#0] a; }
        "#]],
    );
}

#[test]
fn packet_headers_have_slots_of_their_own() {
    crate::check_all(
        "/* CTF 1.8 */ typealias integer { size = 8; } := u8;
         trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u8 a; u8 n; u8 s[n]; }; };
         stream { id = 0; packet.context := struct { u8 t[a]; }; }; stream { id = 1; packet.context := struct { u8 t[trace.packet.header.n]; }; };
         event { stream_id = 0; name = e; fields := struct { u8 t[packet.header.n]; }; };",
        expect![[r#"
            1.8 le
            header { u8 a; u8 =#0 n; u8[#0] s; }
            stream 0 slots 2
              packet.header { u8 =#1 a; u8 =#0 n; u8[#0] s; }
              packet.context { u8[#1] t; }
              event 0 "e" fields { u8[#0] t; }
            stream 1 slots 1
              packet.context { u8[#0] t; }
        "#]],
    );
}

#[test]
fn scopes_that_come_later_are_refused() {
    check(
        &format!(
            "{INTEGERS} stream {{ id = 0; packet.context := struct {{ u8 a[stream.event.header.n]; }}; event.header := struct {{ u8 n; }}; }};
             stream {{ id = 1; event.header := struct {{ u8 a[event.fields.n]; }}; }}; event {{ stream_id = 1; fields := struct {{ u8 n; }}; }};
             stream {{ id = 2; event.context := struct {{ u8 n; }}; event.header := struct {{ u8 a[event.context.n]; }}; }};"
        ),
        expect![[r#"
            warning: an event has no name: line 3, column 84
            error: a length or tag refers to `stream.event.header.n`, which is decoded later: line 2, column 235
            error: a length refers to `event.fields.n`, which no field decoded before is: line 3, column 61
            error: a length or tag refers to `event.context.n`, which is decoded later: line 4, column 96
        "#]],
    );
}

#[test]
fn variants() {
    check_fields(
        "",
        "enum : u8 { a, b = 5 ... 6, c } t; variant <t> { u8 a; string b; struct { u8 x; } c; } v;",
        expect!["{ enum u8 =#0 (a=0 b=5..6 c=7) t; <#0 0:a 5..6:b 7:c> { u8 a; string b; { u8 x; } c; } v; }"],
    );
    check_fields(
        "",
        "enum : int { a = -1, b = -5 ... -2 } t; variant <t> { u8 a; u32 b; } v;",
        expect!["{ enum i32 =#0 (a=-1 b=-5..-2) t; <±#0 -1:a -5..-2:b> { u8 a; u32 b; } v; }"],
    );
    check_fields(
        "",
        "enum : u8 { _a, \"b\", gone } _t; variant <_t> { u8 a; u32 _b; string never; } v;",
        expect!["{ enum u8 =#0 (_a=0 b=1 gone=2) t; <#0 0:a 1:b> { u8 a; u32 b; string never; } v; }"],
    );
    check_fields(
        "variant v { u8 a; u32 b; };",
        "enum : u8 { a, b } t; variant v <t> w; variant v <t> x[2];",
        expect!["{ enum u8 =#0 (a=0 b=1) t; <#0 0:a 1:b> { u8 a; u32 b; } w; <#0 0:a 1:b> { u8 a; u32 b; }[2] x; }"],
    );
    check_fields(
        "typealias variant { u8 a; u32 b; } := v;",
        "enum : u8 { a, b } t; v <t> w;",
        expect!["{ enum u8 =#0 (a=0 b=1) t; <#0 0:a 1:b> { u8 a; u32 b; } w; }"],
    );
    check_fields(
        "typealias variant <t> { u8 a; } := v;",
        "enum : u8 { a } t; v w; struct { enum : u8 { a = 9 } t; v x; } s;",
        expect!["{ enum u8 =#0 (a=0) t; <#0 0:a> { u8 a; } w; { enum u8 =#1 (a=9) t; <#1 9:a> { u8 a; } x; } s; }"],
    );
    check_fields(
        "",
        "enum : u8 { a = 0 ... 3, b = 2 ... 9, a = 12 } t; variant <t> { u8 b; u32 a; u32 a; } v;",
        expect![[r#"
            { enum u8 =#0 (a=0..3 b=2..9 a=12) t; <#0 0..3:a 2..9:b 12:a> { u8 b; u32 a; u32 a; } v; }
            warning: a variant has two options of one name; the first one counts: `a` at line 3, column 119"#]],
    );
}

#[test]
fn tags_in_every_form() {
    check(
        &format!(
            "{INTEGERS} stream {{ event.header := struct {{ enum : u8 {{ a, b }} id; variant <id> {{ struct {{ u8 x; }} a; struct {{ u32 x; }} b; }} v; }};
             event.context := struct {{ enum : u8 {{ a }} c; }}; }};
             event {{ id = 0; context := struct {{ enum : u8 {{ a }} d; }}; fields := struct {{ variant <stream.event.header.id> {{ u8 a; u8 b; }} v;
             variant <event.header.id> {{ u8 a; }} w; variant <stream.event.context.c> {{ u8 a; }} x; variant <event.context.d> {{ u8 a; }} y;
             struct {{ enum : u8 {{ a }} e; }} s; variant <s.e> {{ u8 a; }} z; variant <event.fields.s->e> {{ u8 a; }} zz; }}; }};"
        ),
        expect![[r#"
            stream 0 slots 4
              event.header { enum u8 =#0 (a=0 b=1) id; <#0 0:a 1:b> { { u8 x; } a; { u32 x; } b; } v; }
              event.context { enum u8 =#1 (a=0) c; }
              event 0 "" context { enum u8 =#2 (a=0) d; } fields { <#0 0:a 1:b> { u8 a; u8 b; } v; <#0 0:a> { u8 a; } w; <#1 0:a> { u8 a; } x; <#2 0:a> { u8 a; } y; { enum u8 =#3 (a=0) e; } s; <#3 0:a> { u8 a; } z; <#3 0:a> { u8 a; } zz; }
            warning: an event has no name: line 4, column 14
        "#]],
    );
}

#[test]
fn tags_that_cannot_be() {
    check_fields(
        "",
        "u8 t; variant <t> { u8 a; } v;",
        expect!["error: a tag refers to `t`, which is no enumeration: line 3, column 53"],
    );
    check_fields(
        "",
        "variant <t> { u8 a; } v; enum : u8 { a } t;",
        expect!["error: a tag refers to `t`, which no field decoded before is: line 3, column 47"],
    );
    check_fields(
        "",
        "variant <v> { u8 a; } v;",
        expect!["error: a tag refers to `v`, which no field decoded before is: line 3, column 47"],
    );
    check_fields(
        "",
        "enum : u8 { a } t; variant { u8 a; } v;",
        expect!["error: a variant is used without a tag: line 3, column 57"],
    );
    check_fields(
        "",
        "enum : u8 { a } t; variant <t> { } v;",
        expect!["error: a variant has no options: line 3, column 57"],
    );
    check_fields(
        "",
        "enum : u8 { a } t; u8 <t> v;",
        expect!["error: a type with a tag is no variant: line 3, column 60"],
    );
    check_fields(
        "",
        "variant nowhere <t> v;",
        expect!["error: the type `variant nowhere` is not declared before its use: line 3, column 38"],
    );
    check_fields(
        "",
        "enum : u8 { a } t; variant <t v;",
        expect!["error: the metadata has a syntax error: expected `>`: found `v` at line 3, column 68"],
    );
}

#[test]
fn through_variants_all_options_share_the_slot() {
    let v = "enum : u8 { a, b, c } t; variant <t> { struct { u8 n; u8 only; } a; struct { u8 x; u32 n; } b; struct { u8 y; } c; } v;";
    check_fields(
        "",
        &format!("{v} u8 s[v.n];"),
        expect![
            "{ enum u8 =#0 (a=0 b=1 c=2) t; <#0 0:a 1:b 2:c> { { u8 =#1 n; u8 only; } a; { u8 x; u32 =#1 n; } b; { u8 y; } c; } v; u8[#1] s; }"
        ],
    );
    check_fields(
        "",
        &format!("{v} u8 s[v.b.n];"),
        expect![
            "{ enum u8 =#0 (a=0 b=1 c=2) t; <#0 0:a 1:b 2:c> { { u8 n; u8 only; } a; { u8 x; u32 =#1 n; } b; { u8 y; } c; } v; u8[#1] s; }"
        ],
    );
    check_fields(
        "",
        &format!("{v} u8 r[v.b.n]; u8 s[v.n]; u8 q[v.only];"),
        expect![
            "{ enum u8 =#0 (a=0 b=1 c=2) t; <#0 0:a 1:b 2:c> { { u8 =#1 n; u8 =#2 only; } a; { u8 x; u32 =#1 n; } b; { u8 y; } c; } v; u8[#1] r; u8[#1] s; u8[#2] q; }"
        ],
    );
    check_fields(
        "",
        &format!("{v} u8 q[v.a.n]; u8 r[v.b.n]; u8 s[v.n];"),
        expect![
            "{ enum u8 =#0 (a=0 b=1 c=2) t; <#0 0:a 1:b 2:c> { { u8 =#1 n; u8 only; } a; { u8 x; u32 =#1 n; } b; { u8 y; } c; } v; u8[#1] q; u8[#1] r; u8[#1] s; }"
        ],
    );
    check_fields(
        "",
        &format!("{v} u8 s[v.z];"),
        expect!["error: a length refers to `v.z`, which no field decoded before is: line 3, column 163"],
    );
    check_fields(
        "",
        "enum : u8 { a, b } t; variant <t> { u8 a; u32 b; } v; u8 s[v];",
        expect!["{ enum u8 =#0 (a=0 b=1) t; <#0 0:a 1:b> { u8 =#1 a; u32 =#1 b; } v; u8[#1] s; }"],
    );
    check_fields(
        "",
        "enum : u8 { a, b } t; variant <t> { u8 a; string b; } v; u8 s[v];",
        expect!["error: a length refers to `v`, which is no integer: line 3, column 100"],
    );
    check_fields(
        "",
        "enum : u8 { a, b } t; variant <t> { enum : u8 { x } a; enum : u8 { x } b; } v; variant <v> { u8 x; } w;",
        expect![
            "{ enum u8 =#0 (a=0 b=1) t; <#0 0:a 1:b> { enum u8 =#1 (x=0) a; enum u8 =#1 (x=0) b; } v; <#1 0:x> { u8 x; } w; }"
        ],
    );
    check_fields(
        "",
        "enum : u8 { a, b } t; variant <t> { enum : u8 { x } a; enum : u8 { y } b; } v; variant <v> { u8 x; } w;",
        expect!["error: a tag refers to `v`, which are enumerations with different labels: line 3, column 126"],
    );
}

#[test]
fn options_see_what_is_around_their_variant() {
    check_fields(
        "",
        "u8 n; enum : u8 { a, b } t; variant <t> { struct { u8 s[n]; u8 m; u8 r[m]; } a; u8 b[n]; } v;",
        expect![
            "{ u8 =#1 n; enum u8 =#0 (a=0 b=1) t; <#0 0:a 1:b> { { u8[#1] s; u8 =#2 m; u8[#2] r; } a; u8[#1] b; } v; }"
        ],
    );
}
