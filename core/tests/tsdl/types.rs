//! Types: attributes, defaults, arrays, enumerations, names and scopes.

use expect_test::expect;

use crate::{check, check_fields};

#[test]
fn integers() {
    check_fields(
        "",
        "integer { size = 8; } a; integer { size = 12; } b; integer { size = 64; align = 64; } c; integer { size = 1 } d;",
        expect!["{ u8 a; u12 b; u64@64 c; u1 d; }"],
    );
    check_fields(
        "",
        "integer { size = 8; signed = true; } a; integer { size = 8; signed = TRUE; } b; integer { size = 8; signed = 1; } c;
         integer { size = 8; signed = false; } d; integer { size = 8; signed = FALSE; } e; integer { size = 8; signed = 0; } f;",
        expect!["{ i8 a; i8 b; i8 c; u8 d; u8 e; u8 f; }"],
    );
    check_fields(
        "",
        "integer { size = 16; byte_order = le; } a; integer { size = 16; byte_order = be; } b;
         integer { size = 16; byte_order = network; } c; integer { size = 16; byte_order = native; } d;",
        expect!["{ u16 a; u16 be b; u16 be c; u16 d; }"],
    );
    check_fields(
        "",
        "integer { size = 8; encoding = UTF8; } a; integer { size = 8; encoding = ASCII; } b;
         integer { size = 8; encoding = none; } c; integer { size = 8; encoding = \"utf-8\"; } d; integer { size = 8; encoding = KOI8; } e;",
        expect![[r#"
            { u8 utf8 a; u8 ascii b; u8 c; u8 utf8 d; u8 e; }
            warning: an unknown encoding was ignored: `KOI8` at line 4, column 117"#]],
    );
}

#[test]
fn bases() {
    let words = "decimal dec d i u 10 hexadecimal hex x X p 16 octal oct o 8 binary bin b 2";
    let fields: String = words.split(' ').map(|w| format!("integer {{ size = 8; base = {w}; }} b_{w};")).collect();
    check_fields(
        "",
        &fields,
        expect![
            "{ u8 b_decimal; u8 b_dec; u8 b_d; u8 b_i; u8 b_u; u8 b_10; u8 x b_hexadecimal; u8 x b_hex; u8 x b_x; u8 x b_X; u8 x b_p; u8 x b_16; u8 o b_octal; u8 o b_oct; u8 o b_o; u8 o b_8; u8 b b_binary; u8 b b_bin; u8 b b_b; u8 b b_2; }"
        ],
    );
    check_fields(
        "",
        "integer { size = 8; base = 7; } a; integer { size = 8; base = ternary; } b;",
        expect![[r#"
        { u8 a; u8 b; }
        warning: an integer has an unknown base; 10 was assumed: `7` at line 3, column 58 x2"#]],
    );
}

#[test]
fn integers_that_cannot_be() {
    check_fields("", "integer { align = 8; } a;", expect!["error: an integer has no size: line 3, column 46"]);
    check_fields(
        "",
        "integer { size = 0; } a;",
        expect!["error: an integer has 0 bits: 1 to 64 are possible: line 3, column 48"],
    );
    check_fields(
        "",
        "integer { size = 65; } a;",
        expect!["error: an integer has 65 bits: 1 to 64 are possible: line 3, column 48"],
    );
    check_fields(
        "",
        "integer { size = -8; } a;",
        expect!["error: an integer has -8 bits: 1 to 64 are possible: line 3, column 48"],
    );
    check_fields(
        "",
        "integer { size = 8; align = 0; } a;",
        expect!["error: an alignment of 0 bits is no power of two from 1 to 2^20: line 3, column 58"],
    );
    check_fields(
        "",
        "integer { size = 8; align = 3; } a;",
        expect!["error: an alignment of 3 bits is no power of two from 1 to 2^20: line 3, column 58"],
    );
    check_fields(
        "",
        "integer { size = 8; align = 9223372036854775808; } a;",
        expect!["error: an alignment of 9223372036854775808 bits is no power of two from 1 to 2^20: line 3, column 58"],
    );
    check_fields(
        "",
        "integer { size = 8; align = 2097152; } a;",
        expect!["error: an alignment of 2097152 bits is no power of two from 1 to 2^20: line 3, column 58"],
    );
    check_fields("", "integer { size = 8; align = 1048576; } a;", expect!["{ u8@1048576 a; }"]);
    check_fields(
        "",
        "integer { size = eight; } a;",
        expect!["error: the value is no number but `eight`: line 3, column 48"],
    );
    check_fields(
        "",
        "integer { size = 8; signed = maybe; } a;",
        expect!["error: the value is neither true nor false but `maybe`: line 3, column 58"],
    );
    check_fields(
        "",
        "integer { size = 8; byte_order = middle; } a;",
        expect!["error: a byte order is neither `le`, `be`, `network` nor `native` but `middle`: line 3, column 58"],
    );
    check_fields(
        "",
        "integer { size = 8; size = 16; colour = red; colour = blue; } a;",
        expect![[r#"
        { u8 a; }
        warning: an attribute is given twice; the first one counts: `size` at line 3, column 58
        warning: an unknown attribute of a type was ignored: `colour` at line 3, column 69 x2"#]],
    );
}

#[test]
fn floats_and_strings() {
    check_fields(
        "",
        "floating_point { exp_dig = 8; mant_dig = 24; align = 32; } a; floating_point { exp_dig = 11; mant_dig = 53; byte_order = be; align = 1; } b;
         string c; string { encoding = ASCII; } d; string { encoding = UTF8; } e; string {} f;",
        expect!["{ f32@32 a; f64@1 be b; string c; string ascii d; string e; string f; }"],
    );
    check_fields(
        "",
        "floating_point { exp_dig = 8; mant_dig = 24; } a;",
        expect![[r#"
        { f32@1 a; }
        warning: a floating-point number does not state its alignment; 1 bit was assumed: line 3, column 53"#]],
    );
    check_fields(
        "",
        "floating_point { exp_dig = 5; mant_dig = 11; align = 8; } a;",
        expect![
            "error: a floating-point number is neither IEEE-754 single (8 + 24 bits) nor double (11 + 53): line 3, column 53"
        ],
    );
}

#[test]
fn enumerations() {
    check_fields(
        "",
        "enum : u8 { A, B, C = 5, D, \"e f\" = 10 ... 20, G, } a;",
        expect![[r#"{ enum u8 (A=0 B=1 C=5 D=6 "e f"=10..20 G=21) a; }"#]],
    );
    check_fields("", "enum { N = -3, M, \"o\" = +4 } a;", expect!["{ enum i32 (N=-3 M=-2 o=4) a; }"]);
    check_fields(
        "",
        "enum : u8 { A = 1 ... 9, B = 5 ... 6, A = 20, C = 'x' } a;",
        expect!["{ enum u8 (A=1..9 B=5..6 A=20 C=120) a; }"],
    );
    check_fields(
        "",
        "enum : integer { size = 64; signed = 1; } { LOW = -9223372036854775808, HIGH = 9223372036854775807 } a;
         enum : unsigned long { ALL = 0 ... 18446744073709551615, NEXT } b;",
        expect![
            "{ enum i64 (LOW=-9223372036854775808 HIGH=9223372036854775807) a; enum u64 (ALL=0..18446744073709551615 NEXT=18446744073709551616) b; }"
        ],
    );
    check_fields(
        "enum e : u8 { A, B }; typealias enum e := f;",
        "enum e a; enum e b; f c; f d[2];",
        expect!["{ enum u8 (A=0 B=1) a; enum u8 (A=0 B=1) b; enum u8 (A=0 B=1) c; enum u8 (A=0 B=1)[2] d; }"],
    );
    check_fields("", "enum inner : u8 { A } a; enum inner b;", expect!["{ enum u8 (A=0) a; enum u8 (A=0) b; }"]);
}

#[test]
fn enumerations_that_cannot_be() {
    check_fields(
        "",
        "enum : u8 { A = 5 ... 3 } a;",
        expect!["error: the range 5 ... 3 of an enumeration ends before it begins: line 3, column 54"],
    );
    check_fields(
        "",
        "enum : string { A } a;",
        expect!["error: the metadata has a syntax error: expected `=`: found `}` at line 3, column 56"],
    );
    check_fields(
        "",
        "enum : u8 { A = x } a;",
        expect!["error: the metadata has a syntax error: expected a number: found `x` at line 3, column 54"],
    );
    check_fields(
        "",
        "enum nowhere a;",
        expect!["error: the type `enum nowhere` is not declared before its use: line 3, column 38"],
    );
    check_fields(
        "",
        "enum : u8 { } a;",
        expect![[r#"
        { enum u8 () a; }
        warning: an enumeration has no labels: line 3, column 52"#]],
    );
    check(
        "event { name = e; fields := struct { enum { A } a; }; };",
        expect![[r#"
        error: an enumeration has no container type, and no type `int` is declared: line 2, column 38
    "#]],
    );
}

#[test]
fn structures_and_their_alignment() {
    check_fields(
        "",
        "struct { u8 a; u32 b; } s; struct { } t; struct { u8 a; } align(64) u;",
        expect!["{ { u8 a; u32 b; } s; {} t; { u8 a; }@64 u; }"],
    );
    check_fields(
        "struct s { u8 a; } align(16);",
        "struct s a; struct s b[2];",
        expect!["{ { u8 a; }@16 a; { u8 a; }@16[2] b; }"],
    );
    check_fields(
        "",
        "struct { integer { size = 32; align = 32; } a; } align(8) s; u8 align;",
        expect!["{ { u32@32 a; } s; u8 align; }"],
    );
    check_fields(
        "",
        "struct { } align(0) s;",
        expect!["error: an alignment of 0 bits is no power of two from 1 to 2^20: line 3, column 55"],
    );
    check_fields(
        "",
        "struct { } align(-8) s;",
        expect!["error: the metadata has a syntax error: expected a number of bits: found `-` at line 3, column 55"],
    );
    check_fields(
        "",
        "u8 a; u8 a; u8 n; u8 s[n]; u32 n;",
        expect![[r#"
        { u8 a; u8 a; u8 =#0 n; u8[#0] s; u32 n; }
        warning: a structure has two members of one name; lengths and tags refer to the first: `a` at line 3, column 47"#]],
    );
}

#[test]
fn underscores_escape_names() {
    check_fields(
        "",
        "u8 _a; u8 __b; u8 _; u8 c_; enum : u8 { _A } _e;",
        expect!["{ u8 a; u8 _b; u8 _; u8 c_; enum u8 (_A=0) e; }"],
    );
}

#[test]
fn arrays() {
    check_fields(
        "",
        "u8 a[4]; u8 b[2][3]; u8 c[0]; u8 d, e[0x10], f;",
        expect!["{ u8[4] a; u8[3][2] b; u8[0] c; u8 d; u8[16] e; u8 f; }"],
    );
    check_fields("typedef u8 quad[4];", "quad a; quad b[2];", expect!["{ u8[4] a; u8[4][2] b; }"]);
    check_fields("typealias u8[3] := triple;", "triple a;", expect!["{ u8[3] a; }"]);
    check_fields(
        "",
        "u8 a[-1];",
        expect![
            "error: the metadata has a syntax error: expected a length: a number or a field: found `-` at line 3, column 43"
        ],
    );
    check_fields(
        "",
        "u8 a[];",
        expect![
            "error: the metadata has a syntax error: expected a length: a number or a field: found `]` at line 3, column 43"
        ],
    );
}

#[test]
fn array_lengths_from_the_environment() {
    check_fields(
        "env { n = 3; m = -1; t = \"x\"; };",
        "u8 a[env.n]; u8 b[env.n][2]; u8 c[n];",
        expect!["{ u8[3] a; u8[2][3] b; u8[3] c; }"],
    );
    check_fields(
        "env { n = -1; };",
        "u8 a[env.n];",
        expect!["error: a length refers to the environment's `env.n`, which is no length: line 3, column 43"],
    );
    check_fields(
        "env { n = \"x\"; };",
        "u8 a[env.n];",
        expect!["error: a length refers to the environment's `env.n`, which is no length: line 3, column 43"],
    );
    check_fields(
        "env { n = 99999999999999; };",
        "u8 a[env.n];",
        expect!["error: an array of 99999999999999 elements has more than 2^34 bits: line 3, column 43"],
    );
    check_fields(
        "",
        "u8 a[env.n]; } ; }; env { n = 2; }; event { id = 5; fields := struct { u8 a;",
        expect![[r#"
        { u8[2] a; }
        warning: an event has no name: line 3, column 74"#]],
    );
}

#[test]
fn names_of_several_words() {
    check_fields(
        "typealias integer { size = 16; } := unsigned short; typealias integer { size = 4; } := my nibble; typealias u32 := char *;
         typealias u8 := void**;",
        "unsigned   short a; unsigned /* */ long b; my nibble c; const u8 d; char * e; char *f; void * * g; u8 const h;",
        expect!["{ u16 a; u64 b; u4 c; u8 d; u32 e; u32 f; u8 g; u8 h; }"],
    );
    check_fields(
        "",
        "long unsigned a;",
        expect!["error: the type `long unsigned` is not declared before its use: line 3, column 38"],
    );
    check_fields("", "u8 * a;", expect!["error: the type `u8 *` is not declared before its use: line 3, column 38"]);
    check_fields(
        "",
        "struct { u8 x; } * a;",
        expect!["error: a pointer is declared that is no named type: line 3, column 55"],
    );
    check_fields(
        "",
        "unsigned long;",
        expect!["error: the metadata has a syntax error: expected a name: found `;` at line 3, column 51"],
    );
}

#[test]
fn c_declarations_and_bit_fields() {
    check_fields(
        "typealias integer { size = 32; align = 32; } := unsigned int; typedef unsigned int word, words[2]; enum e : u8 { A };",
        "unsigned int a:5; unsigned int b:27, c; word d; words e; int f:3; enum e g:2;",
        expect!["{ u5 a; u27 b; u32@32 c; u32@32 d; u32@32[2] e; i3 f; enum u2 (A=0) g; }"],
    );
    check_fields("", "u8 a:0;", expect!["error: a bit field has 0 bits of an integer of 8: line 3, column 43"]);
    check_fields("", "u8 a:9;", expect!["error: a bit field has 9 bits of an integer of 8: line 3, column 43"]);
    check_fields("", "string a:9;", expect!["error: a bit field is no integer: line 3, column 47"]);
}

#[test]
fn keywords_may_name_members() {
    check_fields(
        "",
        "u8 event; u8 stream; u8 string; u8 integer; string clock; u8 struct;",
        expect!["{ u8 event; u8 stream; u8 string; u8 integer; string clock; u8 struct; }"],
    );
}

#[test]
fn scopes() {
    check_fields(
        "typealias u32 := t;",
        "t a; struct { typealias u8 := t; t b; struct { t c; } d; } e; t f; typedef u8 local; local g;",
        expect!["{ u32 a; { u8 b; { u8 c; } d; } e; u32 f; u8 g; }"],
    );
    check_fields(
        "",
        "struct { typealias u8 := inner; inner a; } b; inner c;",
        expect!["error: the type `inner` is not declared before its use: line 3, column 84"],
    );
    check_fields(
        "typealias u8 := t; typealias u32 := t;",
        "t a;",
        expect![[r#"
        { u8 a; }
        warning: a type is declared twice in one scope; the first declaration counts: type `t` at line 2, column 221"#]],
    );
    check_fields(
        "struct t { u8 s; }; enum t : u8 { e }; variant t { u8 v; }; typealias u8 := t;",
        "t a; struct t b; enum t c;",
        expect!["{ u8 a; { u8 s; } b; enum u8 (e=0) c; }"],
    );
    check(
        "stream { typealias integer { size = 3; } := three; struct local { three x; }; event.header := struct local;
         enum le : three { A }; variant lv { three A; }; };
         event { typealias integer { size = 4; } := four; fields := struct { four x; }; name = e; };",
        expect![[r#"
            stream 0
              event.header { u3 x; }
              event 0 "e" fields { u4 x; }
        "#]],
    );
}

#[test]
fn types_must_be_declared_before_their_use() {
    check_fields(
        "",
        "later a; } ; }; typealias u8 := later; event { id = 2; fields := struct { later a;",
        expect![[r#"
            error: the type `later` is not declared before its use: line 3, column 38
            warning: an event has no name: line 3, column 77"#]],
    );
    check_fields(
        "struct a { struct a x; };",
        "u8 b;",
        expect![[r#"
        { u8 b; }
        error: the type `struct a` is not declared before its use: line 2, column 196"#]],
    );
    check_fields(
        "typealias self := self;",
        "u8 b;",
        expect![[r#"
        { u8 b; }
        error: the type `self` is not declared before its use: line 2, column 195"#]],
    );
    check_fields(
        "variant v { variant v x; };",
        "u8 b;",
        expect![[r#"
        { u8 b; }
        error: the type `variant v` is not declared before its use: line 2, column 197"#]],
    );
    check_fields(
        "typealias struct { struct two t; } := one; struct two { one o; };",
        "u8 b;",
        expect![[r#"
        { u8 b; }
        error: the type `struct two` is not declared before its use: line 2, column 204
        error: the type `one` is not declared before its use: line 2, column 241"#]],
    );
}
