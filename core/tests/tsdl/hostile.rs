//! Broken, cut and absurd text: what is whole is kept, the rest is told, and nothing takes long.

use std::time::{Duration, Instant};

use expect_test::expect;

use crate::{INTEGERS, TRACE, check, check_all, check_fields, shown};

#[test]
fn a_syntax_error_costs_only_its_declaration() {
    let good = |id: u8| format!("event {{ name = good; id = {id}; fields := struct {{ u8 a; }}; }};\n");
    let around = |bad: &str| format!("{INTEGERS}{}{bad}\n{}", good(1), good(2));
    check(
        &around("event { name = bad; id = 9; fields := struct { u8 = 5; }; };"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected a name: found `=` at line 3, column 51
    "#]],
    );
    check(
        &around("event { name = bad; id = 9; fields := struct { u8 a; ; }; "),
        expect![[r#"
            stream 0
              event 1 "good" fields { u8 a; }
              event 2 "good" fields { u8 a; }
            error: the metadata has a syntax error: expected `=` or `:=`: found `{` at line 4, column 7
        "#]],
    );
    check(
        &around("event { name = bad; id = 9; fields := struct { u8 a; }; }; };"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 9 "bad" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected a declaration: found `}` at line 3, column 60
    "#]],
    );
    check(
        &around("event { name = \"bad; id = 9; };"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected a value: found a string that is not closed on its line at line 3, column 16
    "#]],
    );
    check(
        &around("event { name = bad id = 9 }; #"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected `;`: found `}` at line 3, column 27
        error: the metadata has a syntax error: expected a declaration: found a byte that means nothing at line 3, column 30
    "#]],
    );
    check(
        &around("typealias integer { size = 8; } = bad;"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected `:=`: found `=` at line 3, column 33
    "#]],
    );
    check(
        &around("struct { u8 a; } x;"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected `;`: found `x` at line 3, column 18
    "#]],
    );
    check(
        &around("nonsense"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected a declaration: found `nonsense` at line 3, column 1
    "#]],
    );
    check(
        &around("5;"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected a declaration: found `5` at line 3, column 1
    "#]],
    );
    check(
        &around("event { name = bad; id = 99999999999999999999; };"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected a value: found a number of more than 64 bits at line 3, column 26
    "#]],
    );
    check(
        &around("event { name = bad; id = 9; fields := struct { u8 a[3; }; };"),
        expect![[r#"
        stream 0
          event 1 "good" fields { u8 a; }
          event 2 "good" fields { u8 a; }
        error: the metadata has a syntax error: expected `]`: found `;` at line 3, column 54
    "#]],
    );
}

#[test]
fn a_missing_brace_costs_only_its_declaration() {
    check(
        "env { a = 1;\nenv { b = 2; };\ncallsite { x\nenv { c = 3; };\nevent { fields := struct { \nenv { d = 4; };\n",
        expect![[r#"
            env a = 1
            env b = 2
            env c = 3
            env d = 4
            error: the metadata has a syntax error: expected `=`: found `{` at line 3, column 5
            error: the metadata has a syntax error: expected `}` and `;`: found the end of the metadata at line 8, column 1
            error: the type `env` is not declared before its use: line 7, column 1
        "#]],
    );
}

#[test]
fn a_broken_trace_block_costs_all() {
    check_all(
        "/* CTF 1.8 */\ntrace { major = 1; byte_order = le };\nenv { a = 1; };",
        expect![[r#"
        nothing
        error: the metadata has a syntax error: expected `;`: found `}` at line 2, column 36
        error: the metadata has no usable trace block: line 1, column 1
    "#]],
    );
}

#[test]
fn cut_text_keeps_whole_declarations() {
    check(
        "env { a = 1; }; env { b = 2; }; event { name = e; fi",
        expect![[r#"
        env a = 1
        env b = 2
        warning: the metadata ends in the middle of a declaration, which was ignored: it begins at line 2, column 33
    "#]],
    );
    check(
        "env { a = 1; }; event { name = e; fields := struct { string s; }; }",
        expect![[r#"
        env a = 1
        stream 0
          event 0 "e" fields { string s; }
        warning: the last declaration does not end with `;`: line 2, column 68
    "#]],
    );
    check(
        "env { a = 1; }; typealias integer { size = 8; } := u8",
        expect![[r#"
        env a = 1
        warning: the metadata ends in the middle of a declaration, which was ignored: it begins at line 2, column 17
    "#]],
    );
    check(
        "env { a = 1; }; callsite { name = x;",
        expect![[r#"
            env a = 1
            warning: the metadata ends in the middle of a declaration, which was ignored: it begins at line 2, column 17
        "#]],
    );
    check(
        "env { a = 1; }; unknown { name = x; }",
        expect![[r#"
            env a = 1
            warning: an unknown block was ignored: `unknown` at line 2, column 17
        "#]],
    );
    check(
        "env { a = 1; }; env { b = \"cut",
        expect![[r#"
            env a = 1
            warning: the metadata ends in the middle of a declaration, which was ignored: it begins at line 2, column 17
        "#]],
    );
    check(
        "env { a = 1; }; /* cut",
        expect![[r#"
        env a = 1
        error: the metadata has a syntax error: expected a declaration: found a comment that is never closed at line 2, column 17
    "#]],
    );
    check_all(
        "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; packet.hea",
        expect![[r#"
        nothing
        warning: the metadata ends in the middle of a declaration, which was ignored: it begins at line 1, column 15
        error: the metadata has no usable trace block: line 1, column 1
    "#]],
    );
}

#[test]
fn bytes_that_are_no_text() {
    let with = |bytes: &[u8]| [TRACE.as_bytes(), b"env { a = \"x\"; };\n", bytes].concat();
    expect![[r#"
        1.8 le
        env a = "x"
        env b = 2
        error: the metadata has a syntax error: expected the name of an environment variable or `}`: found a byte that means nothing at line 3, column 7
    "#]].assert_eq(&shown(&with(b"env { \0 = 1; };\nenv { b = 2; };")));
    expect![[r#"
        1.8 le
        env a = "x"
        env c = "��\0"
        error: the metadata has a syntax error: expected a declaration: found a byte that means nothing at line 3, column 20
    "#]].assert_eq(&shown(&with(b"env { c = \"\xff\xfe\0\"; };\xff")));
    expect![[r#"
        1.8 le
        env a = "x"
        warning: the metadata ends with zero bytes: 4 bytes were ignored
    "#]]
    .assert_eq(&shown(&with(b"\0\0\0\0")));
    expect![[r#"
        nothing
        error: the metadata is empty
    "#]]
    .assert_eq(&shown(b""));
    expect![[r#"
        nothing
        error: the metadata is empty
    "#]]
    .assert_eq(&shown(b" \n\0"));
    expect![[r#"
        nothing
        warning: the metadata does not begin with `/* CTF 1.8`: line 1, column 1
        error: the metadata has a syntax error: expected a declaration: found a byte that means nothing at line 1, column 1
        error: the metadata has no usable trace block: line 1, column 1
    "#]].assert_eq(&shown(b"\x7fELF\x02\x01\x01"));
}

#[test]
fn ctf_2_is_recognised() {
    expect![[r#"
        nothing
        error: the trace is in format CTF 2, which is not read yet
    "#]]
    .assert_eq(&shown(b"\x1e{\"type\":\"preamble\",\"version\":2}"));
    expect![[r#"
        nothing
        error: the trace is in format CTF 2, which is not read yet
    "#]]
    .assert_eq(&shown(b"{\"type\":\"preamble\"}"));
}

#[test]
fn nesting_is_limited() {
    let deep = |n: usize| format!("{}u8 a;{}", "struct { ".repeat(n), "} s; ".repeat(n));
    let ok = format!("{TRACE}{INTEGERS}event {{ fields := struct {{ {} }}; }};", deep(100));
    assert!(shown(ok.as_bytes()).contains("u8 a;"));
    check_fields("", &deep(200), expect!["error: the metadata nests more than 128 levels deep: line 3, column 1188"]);
    check_fields(
        "",
        &deep(100_000),
        expect!["error: the metadata nests more than 128 levels deep: line 3, column 1188"],
    );
    check_fields(
        "",
        &format!("u8 a{};", "[1]".repeat(200)),
        expect!["error: the type is nested more than 128 levels deep: line 3, column 259"],
    );
    let chain: String = (0..200).map(|i| format!("struct s{} {{ struct s{i} x; }}; ", i + 1)).collect();
    check(
        &format!("struct s0 {{ string x; }};{chain} env {{ a = 1; }};"),
        expect![[r#"
        env a = 1
        error: the type is nested more than 128 levels deep: line 2, column 3839
        error: the type `struct s127` is not declared before its use: line 2, column 3885
        error: the type `struct s128` is not declared before its use: line 2, column 3917
        error: the type `struct s129` is not declared before its use: line 2, column 3949
        error: the type `struct s130` is not declared before its use: line 2, column 3981
        error: the type `struct s131` is not declared before its use: line 2, column 4013
        error: the type `struct s132` is not declared before its use: line 2, column 4045
        error: the type `struct s133` is not declared before its use: line 2, column 4077
        error: the type `struct s134` is not declared before its use: line 2, column 4109
        error: the type `struct s135` is not declared before its use: line 2, column 4141
        error: the type `struct s136` is not declared before its use: line 2, column 4173
        error: the type `struct s137` is not declared before its use: line 2, column 4205
        error: the type `struct s138` is not declared before its use: line 2, column 4237
        error: the type `struct s139` is not declared before its use: line 2, column 4269
        error: the type `struct s140` is not declared before its use: line 2, column 4301
        error: the type `struct s141` is not declared before its use: line 2, column 4333
        error: the type `struct s142` is not declared before its use: line 2, column 4365
        error: the type `struct s143` is not declared before its use: line 2, column 4397
        error: the type `struct s144` is not declared before its use: line 2, column 4429
        error: the type `struct s145` is not declared before its use: line 2, column 4461
        error: the type `struct s146` is not declared before its use: line 2, column 4493
        error: the type `struct s147` is not declared before its use: line 2, column 4525
        error: the type `struct s148` is not declared before its use: line 2, column 4557
        error: the type `struct s149` is not declared before its use: line 2, column 4589
        error: the type `struct s150` is not declared before its use: line 2, column 4621
        error: the type `struct s151` is not declared before its use: line 2, column 4653
        error: the type `struct s152` is not declared before its use: line 2, column 4685
        error: the type `struct s153` is not declared before its use: line 2, column 4717
        error: the type `struct s154` is not declared before its use: line 2, column 4749
        error: the type `struct s155` is not declared before its use: line 2, column 4781
        error: the type `struct s156` is not declared before its use: line 2, column 4813
        error: the type `struct s157` is not declared before its use: line 2, column 4845
        note: the metadata has more problems than can be listed x42
    "#]],
    );
    check(
        &format!("env {{ a = {}; }};\nenv {{ b = 1; }};", "{ ".repeat(100_000)),
        expect![[r#"
        env b = 1
        error: the metadata has a syntax error: expected a value: found `{` at line 2, column 11
    "#]],
    );
    check(
        &format!("unknown {{ {} }};\nenv {{ b = 1; }};", "{ ".repeat(100_000)),
        expect![[r#"
            env b = 1
            warning: an unknown block was ignored: `unknown` at line 2, column 1
            error: the metadata has a syntax error: expected `}` and `;`: found the end of the metadata at line 3, column 16
        "#]],
    );
}

#[test]
fn static_sizes_are_limited() {
    check_fields(
        "",
        "struct { u32 a; } s[4294967295];",
        expect!["error: an array of 4294967295 elements has more than 2^34 bits: line 3, column 58"],
    );
    check_fields("", "u8 a[2147483648];", expect!["{ u8[2147483648] a; }"]);
    check_fields(
        "",
        "u8 a[2147483649];",
        expect!["error: an array of 2147483649 elements has more than 2^34 bits: line 3, column 43"],
    );
    check_fields(
        "",
        "u8 a[65536][65536];",
        expect!["error: an array of 65536 elements has more than 2^34 bits: line 3, column 43"],
    );
    check_fields(
        "",
        "u8 a[18446744073709551615][18446744073709551615];",
        expect!["error: an array of 18446744073709551615 elements has more than 2^34 bits: line 3, column 65"],
    );
    check_fields(
        "",
        "u8 b; struct { } a[1000001];",
        expect!["error: an array has 1000001 elements that may have no bits: line 3, column 57"],
    );
    check_fields(
        "",
        "u8 n; struct { } a[1000000][1000000]; u8 b[n][1000001];",
        expect!["error: an array has 1000000 elements that may have no bits: line 3, column 66"],
    );
    check_fields(
        "",
        "u8 a[18446744073709551616];",
        expect![
            "error: the metadata has a syntax error: expected a length: a number or a field: found a number of more than 64 bits at line 3, column 43"
        ],
    );
}

#[test]
fn unfolding_is_limited() {
    // Every structure holds the one before twice: the last would have 2^40 members.
    let bomb: String = (0..40).map(|i| format!("struct s{} {{ struct s{i} a, b; }}; ", i + 1)).collect();
    check(
        &format!("struct s0 {{ string x; }};{bomb} env {{ a = 1; }};"),
        expect![[r#"
        env a = 1
        error: the type has more than a million fields: line 2, column 600
        error: the type `struct s19` is not declared before its use: line 2, column 646
        error: the type `struct s20` is not declared before its use: line 2, column 679
        error: the type `struct s21` is not declared before its use: line 2, column 712
        error: the type `struct s22` is not declared before its use: line 2, column 745
        error: the type `struct s23` is not declared before its use: line 2, column 778
        error: the type `struct s24` is not declared before its use: line 2, column 811
        error: the type `struct s25` is not declared before its use: line 2, column 844
        error: the type `struct s26` is not declared before its use: line 2, column 877
        error: the type `struct s27` is not declared before its use: line 2, column 910
        error: the type `struct s28` is not declared before its use: line 2, column 943
        error: the type `struct s29` is not declared before its use: line 2, column 976
        error: the type `struct s30` is not declared before its use: line 2, column 1009
        error: the type `struct s31` is not declared before its use: line 2, column 1042
        error: the type `struct s32` is not declared before its use: line 2, column 1075
        error: the type `struct s33` is not declared before its use: line 2, column 1108
        error: the type `struct s34` is not declared before its use: line 2, column 1141
        error: the type `struct s35` is not declared before its use: line 2, column 1174
        error: the type `struct s36` is not declared before its use: line 2, column 1207
        error: the type `struct s37` is not declared before its use: line 2, column 1240
        error: the type `struct s38` is not declared before its use: line 2, column 1273
        error: the type `struct s39` is not declared before its use: line 2, column 1306
    "#]],
    );
    // Each is small enough, all together are not.
    let half: String = (0..18).map(|i| format!("struct s{} {{ struct s{i} a, b; }}; ", i + 1)).collect();
    let events: String = (0..50).map(|i| format!("event {{ id = {i}; name = e; fields := struct s18; }};")).collect();
    let begin = Instant::now();
    let all = shown(format!("{TRACE}struct s0 {{ string x; }};{half}{events}").as_bytes());
    assert!(all.contains("error: the metadata has more fields than can be kept"));
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn members_and_labels_are_limited() {
    check_fields(
        "",
        &format!("u8 a{};", ",a".repeat(1_000_000)),
        expect!["error: the type has more than a million fields: line 3, column 2000041"],
    );
    check_fields(
        "",
        &format!("enum : u8 {{ a{} }} e;", ",a".repeat(1_000_000)),
        expect!["error: the enumeration has more than a million labels: line 3, column 2000052"],
    );
}

#[test]
fn many_problems_are_bounded() {
    let all = shown(format!("{TRACE}{}", "x y;\n".repeat(100_000)).as_bytes());
    assert!(all.lines().count() < 200, "{}", all.lines().count());
    let all = shown(format!("{TRACE}{}", "event { colour = 1; };\n".repeat(10_000)).as_bytes());
    assert!(all.lines().count() < 200, "{}", all.lines().count());
}

#[test]
fn slow_shapes_are_fast() {
    let n = 30_000;
    let forward = format!("u8 n; {}", (0..n).map(|i| format!("u8 a{i}[n];")).collect::<String>());
    let variants = format!("enum : u8 {{ {} }} t; {}", (0..300).map(|i| format!("o{i},")).collect::<String>(), {
        let options: String = (0..300).map(|i| format!("u8 o{i};")).collect();
        (0..300).map(|i| format!("variant <t> {{ {options} }} v{i};")).collect::<String>()
    });
    let through = format!(
        "enum : u8 {{ a }} t; variant <t> {{ {} }} v; {}",
        (0..5000).map(|i| format!("struct {{ u8 n; }} o{i};")).collect::<String>(),
        (0..5000).map(|i| format!("u8 s{i}[v.n];")).collect::<String>()
    );
    let underscores = format!("u8 {}a;", "_".repeat(1_000_000));
    let words = format!("{} a;", "long ".repeat(200_000));
    for fields in [forward, variants, through, underscores, words] {
        let text = format!("{TRACE}{INTEGERS}event {{ name = e; fields := struct {{ {fields} }}; }};");
        let begin = Instant::now();
        let _ = stratoscope_core::ctf::tsdl::parse(std::path::Path::new("m"), text.as_bytes());
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}: {}", begin.elapsed(), &fields[..60]);
    }
    for junk in [
        "/*",
        "\"",
        "{",
        "}",
        "event{",
        "struct{",
        "callsite {",
        "event { x = {",
        "[",
        "'",
        "\\",
        "trace{",
        "a.",
        "-",
        ";",
        "enum e:",
    ] {
        let text = format!("{TRACE}{}", junk.repeat(200_000));
        let begin = Instant::now();
        let _ = stratoscope_core::ctf::tsdl::parse(std::path::Path::new("m"), text.as_bytes());
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}: {junk}", begin.elapsed());
        let text = format!("{TRACE}{}{};@", format!("{junk}\n").repeat(100_000), "}".repeat(200_000));
        let begin = Instant::now();
        let _ = stratoscope_core::ctf::tsdl::parse(std::path::Path::new("m"), text.as_bytes());
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}: {junk}", begin.elapsed());
    }
}
