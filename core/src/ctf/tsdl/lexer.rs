//! Tokens of TSDL (CTF 1.8.3 annex C.1), made one at a time: a lexer is nothing but a position.
//!
//! Works on bytes: text in strings need not be UTF-8, and offsets stay those of the file.

/// What a token is. Words are not divided into keywords and identifiers: that depends on where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tok {
    /// Identifier or keyword.
    Word,
    /// Integer constant or character literal.
    Int(u64),
    /// String literal, quotes included.
    Str,
    /// One character of punctuation.
    Punct(u8),
    /// `:=`.
    Assign,
    /// `...`.
    Dots,
    /// `->`.
    Arrow,
    /// Nothing follows.
    End,
    /// No token begins here.
    Bad(Bad),
}

/// Why something is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// `/*` without `*/`.
    OpenComment,
    /// `"` without a second one on its line.
    OpenString,
    /// `'` without one character and a second `'`.
    Character,
    /// Digits that are no number, or letters after them.
    Number,
    /// More than 64 bits.
    Large,
    /// A byte that means nothing.
    Byte,
}

impl Bad {
    /// The reason, as the rest of a sentence.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Bad::OpenComment => "a comment that is never closed",
            Bad::OpenString => "a string that is not closed on its line",
            Bad::Character => "a malformed character literal",
            Bad::Number => "a malformed number",
            Bad::Large => "a number of more than 64 bits",
            Bad::Byte => "a byte that means nothing",
        }
    }
}

/// A token and where it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) tok: Tok,
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset after its last byte.
    pub(super) end: usize,
}

/// The first token at or after `at`. Following the ends, one reaches [`Tok::End`] after at most one token a byte.
pub(super) fn token(text: &[u8], at: usize) -> Token {
    let start = match skip_blank(text, at) {
        Ok(start) => start,
        Err(open) => return Token { tok: Tok::Bad(Bad::OpenComment), start: open, end: text.len() },
    };
    let Some(&first) = text.get(start) else {
        return Token { tok: Tok::End, start: text.len(), end: text.len() };
    };
    let rest = &text[start..];
    let (tok, len) = match first {
        b'L' if rest.get(1) == Some(&b'"') => string(rest, 1),
        b'"' => string(rest, 0),
        b'\'' => character(rest),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Tok::Word, word_len(rest)),
        b'0'..=b'9' => number(rest),
        b':' if rest.get(1) == Some(&b'=') => (Tok::Assign, 2),
        b'-' if rest.get(1) == Some(&b'>') => (Tok::Arrow, 2),
        b'.' if rest.starts_with(b"...") => (Tok::Dots, 3),
        b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'<' | b'>' | b';' | b',' | b':' | b'=' | b'.' | b'+' | b'-'
        | b'*' => (Tok::Punct(first), 1),
        _ => (Tok::Bad(Bad::Byte), 1),
    };
    Token { tok, start, end: start + len }
}

/// Skips white space and comments; the error is the offset of a comment that is never closed.
fn skip_blank(text: &[u8], mut at: usize) -> Result<usize, usize> {
    loop {
        match text.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) => at += 1,
            Some(b'/') if text.get(at + 1) == Some(&b'*') => {
                let body = &text[at + 2..];
                at += 4 + body.windows(2).position(|w| w == b"*/").ok_or(at)?;
            }
            Some(b'/') if text.get(at + 1) == Some(&b'/') => {
                at += text[at..].iter().position(|&b| b == b'\n').unwrap_or(text.len() - at);
            }
            _ => return Ok(at),
        }
    }
}

fn word_len(rest: &[u8]) -> usize {
    rest.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(rest.len())
}

fn string(rest: &[u8], quote: usize) -> (Tok, usize) {
    let mut i = quote + 1;
    while let Some(&b) = rest.get(i) {
        match b {
            b'"' => return (Tok::Str, i + 1),
            b'\n' => break,
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    (Tok::Bad(Bad::OpenString), i.min(rest.len()))
}

fn character(rest: &[u8]) -> (Tok, usize) {
    let mut i = 1;
    while let Some(&b) = rest.get(i) {
        match b {
            b'\'' => {
                let body = unescape(&rest[1..i]);
                let mut chars = body.chars();
                return match (chars.next(), chars.next()) {
                    (Some(c), None) => (Tok::Int(u64::from(c)), i + 1),
                    _ => (Tok::Bad(Bad::Character), i + 1),
                };
            }
            b'\n' => break,
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    (Tok::Bad(Bad::Character), i.min(rest.len()))
}

fn number(rest: &[u8]) -> (Tok, usize) {
    let len = word_len(rest);
    let all = &rest[..len];
    let digits = all.iter().rposition(|b| !matches!(b, b'u' | b'U' | b'l' | b'L')).map_or(0, |last| last + 1);
    let (digits, radix) = match &all[..digits] {
        [b'0', b'x' | b'X', hex @ ..] => (hex, 16),
        [b'0', octal @ ..] if !octal.is_empty() => (octal, 8),
        decimal => (decimal, 10),
    };
    if digits.is_empty() {
        return (Tok::Bad(Bad::Number), len);
    }
    let mut value = Some(0u64);
    for &b in digits {
        let Some(digit) = char::from(b).to_digit(radix) else { return (Tok::Bad(Bad::Number), len) };
        value = value.and_then(|v| v.checked_mul(u64::from(radix))?.checked_add(u64::from(digit)));
    }
    (value.map_or(Tok::Bad(Bad::Large), Tok::Int), len)
}

/// The text of a string literal: prefix and quotes removed, C escapes replaced, not UTF-8 becomes U+FFFD.
pub(super) fn string_text(literal: &[u8]) -> String {
    let body = literal.strip_prefix(b"L").unwrap_or(literal);
    let body = body.strip_prefix(b"\"").unwrap_or(body);
    unescape(body.strip_suffix(b"\"").unwrap_or(body))
}

fn unescape(body: &[u8]) -> String {
    if !body.contains(&b'\\') {
        return String::from_utf8_lossy(body).into_owned();
    }
    let mut out = Vec::with_capacity(body.len());
    let mut i = 0;
    while let Some(&b) = body.get(i) {
        i += 1;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let Some(&escape) = body.get(i) else { break };
        i += 1;
        let (radix, most) = match escape {
            b'x' => (16, 2),
            b'u' => (16, 4),
            b'U' => (16, 8),
            b'0'..=b'7' => {
                i -= 1;
                (8, 3)
            }
            other => {
                out.push(match other {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'a' => 0x07,
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'v' => 0x0b,
                    same => same,
                });
                continue;
            }
        };
        let digits = body[i..].iter().take(most).map_while(|&d| char::from(d).to_digit(radix));
        let (count, value) = digits.fold((0, 0u32), |(n, v), d| (n + 1, v.wrapping_mul(radix).wrapping_add(d)));
        i += count;
        match escape {
            b'u' | b'U' => {
                let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // Octal and hexadecimal escapes are bytes: several of them may spell one character.
            _ => out.push(value as u8),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<Tok> {
        let mut at = 0;
        std::iter::from_fn(|| {
            let t = token(text, at);
            at = t.end;
            (t.tok != Tok::End).then_some(t.tok)
        })
        .collect()
    }

    #[test]
    fn numbers_of_all_bases() {
        let text = b"0 12 017 0x1F 0XaLu 10ull 'a' '\\n' 18446744073709551615";
        let expected = [0, 12, 15, 31, 10, 10, 97, 10, u64::MAX].map(Tok::Int);
        assert_eq!(tokens(text), expected);
        for (text, bad) in [
            ("08", Bad::Number),
            ("0x", Bad::Number),
            ("1a", Bad::Number),
            ("18446744073709551616", Bad::Large),
            ("'ab'", Bad::Character),
            ("'", Bad::Character),
            ("\"ab", Bad::OpenString),
            ("\"ab\\", Bad::OpenString),
            ("\"ab\nc\"", Bad::OpenString),
            ("/* x", Bad::OpenComment),
            ("#", Bad::Byte),
            ("\0", Bad::Byte),
        ] {
            assert_eq!(tokens(text.as_bytes()).first(), Some(&Tok::Bad(bad)), "{text}");
        }
    }

    #[test]
    fn ranges_comments_and_arrows_are_told_apart() {
        use Tok::{Arrow, Assign, Dots, Int, Punct, Str, Word};
        assert_eq!(tokens(b"0...30"), [Int(0), Dots, Int(30)]);
        assert_eq!(
            tokens(b"a->b.c:=L\"x\" // rest\n-/**/1"),
            [Word, Arrow, Word, Punct(b'.'), Word, Assign, Str, Punct(b'-'), Int(1)]
        );
    }

    #[test]
    fn strings_are_unescaped() {
        assert_eq!(string_text(br#""a\"b\\\n\t\101\x42\u00e9\?""#), "a\"b\\\n\tAB\u{e9}?");
        assert_eq!(string_text(br#"L"wide""#), "wide");
        assert_eq!(string_text(b"\"\xff\""), "\u{fffd}");
        assert_eq!(string_text(br#""\xc3\xa9""#), "\u{e9}");
    }
}
