//! A filter's text as tokens.
//!
//! The tokens end either with [`TokenKind::End`] or, at the first thing that is none, with
//! [`TokenKind::Bad`]: what is before it is still of use, to tell an earlier mistake and to complete words.

use std::ops::Range;

use super::ast::{CompareOp, is_keyword, is_name_char, is_name_start};
use super::error::FilterError;
use super::number::{self, Number};

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum TokenKind {
    /// A field's name, split at its dots.
    Name(Vec<Box<str>>),
    Number(Number),
    /// The bytes between the quotes. Escapes are left alone: they mean something else in a pattern.
    Text(Range<usize>),
    True,
    False,
    Compare(CompareOp),
    Matches,
    Contains,
    In,
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    End,
    Bad(Box<FilterError>),
}

const SYMBOLS: &[(&str, TokenKind)] = &[
    ("==", TokenKind::Compare(CompareOp::Equal)),
    ("!=", TokenKind::Compare(CompareOp::NotEqual)),
    ("<=", TokenKind::Compare(CompareOp::AtMost)),
    (">=", TokenKind::Compare(CompareOp::AtLeast)),
    ("&&", TokenKind::And),
    ("||", TokenKind::Or),
    ("<", TokenKind::Compare(CompareOp::Below)),
    (">", TokenKind::Compare(CompareOp::Above)),
    ("~", TokenKind::Matches),
    ("!", TokenKind::Not),
    ("(", TokenKind::Open),
    (")", TokenKind::Close),
    (",", TokenKind::Comma),
];

/// What other languages write, and how it is written here.
const FOREIGN: &[(&str, &str)] = &[
    ("=~", "a pattern is matched with ~"),
    ("!~", "write: not (field ~ \"pattern\")"),
    ("=", "equality is =="),
    ("&", "write and, or &&"),
    ("|", "write or, or ||"),
    ("[", "a list is written ( , ); an element of an array: field.0"),
];

/// The tokens of a text: never empty, the last one an `End` or a `Bad`.
pub(super) fn lex(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = source.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start().len();
        match token(source, at) {
            Ok(token) => {
                at = token.span.end;
                let ended = matches!(token.kind, TokenKind::End);
                tokens.push(token);
                if ended {
                    return tokens;
                }
            }
            Err(error) => {
                tokens.push(Token { span: error.span.clone(), kind: TokenKind::Bad(Box::new(error)) });
                return tokens;
            }
        }
    }
}

fn token(source: &str, at: usize) -> Result<Token, FilterError> {
    let rest = source.get(at..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return Ok(Token { kind: TokenKind::End, span: at..at });
    };
    if first == '"' || first == '\'' {
        return text(source, at, first);
    }
    if is_name_start(first) || first == '`' {
        return name(source, at);
    }
    if number::begins(rest) {
        return match number::scan(rest) {
            Ok((number, len)) => Ok(Token { kind: TokenKind::Number(number), span: at..at + len }),
            Err(e) => Err(FilterError::new(source, at + e.span.start..at + e.span.end, e.expected)),
        };
    }
    // "=~" and "!~" begin like symbols of this language, so the foreign ones of two characters come first.
    for (foreign, hint) in FOREIGN {
        let is_equality = *foreign == "=" && rest.starts_with("==");
        let is_doubled = matches!(*foreign, "&" | "|") && rest.get(1..).is_some_and(|r| r.starts_with(foreign));
        if rest.starts_with(foreign) && !is_equality && !is_doubled {
            return Err(
                FilterError::new(source, at..at + foreign.len(), "an operator, a field or a value").with_hint(*hint)
            );
        }
    }
    for (symbol, kind) in SYMBOLS {
        if rest.starts_with(symbol) {
            return Ok(Token { kind: kind.clone(), span: at..at + symbol.len() });
        }
    }
    Err(FilterError::new(source, at..at + first.len_utf8(), "an operator, a field or a value"))
}

fn text(source: &str, at: usize, quote: char) -> Result<Token, FilterError> {
    let begin = at + quote.len_utf8();
    let mut escaped = false;
    for (offset, c) in source.get(begin..).unwrap_or_default().char_indices() {
        if c == quote && !escaped {
            let end = begin + offset;
            return Ok(Token { kind: TokenKind::Text(begin..end), span: at..end + quote.len_utf8() });
        }
        escaped = c == '\\' && !escaped;
    }
    Err(FilterError::new(source, at..source.len(), format!("a closing {quote}")))
}

fn name(source: &str, at: usize) -> Result<Token, FilterError> {
    let mut segments: Vec<Box<str>> = Vec::new();
    let mut end = at;
    let mut quoted = false;
    loop {
        let rest = source.get(end..).unwrap_or_default();
        if let Some(inner) = rest.strip_prefix('`') {
            let Some(len) = inner.find('`') else {
                return Err(FilterError::new(source, end..source.len(), "a closing `"));
            };
            if len == 0 {
                return Err(FilterError::new(source, end..end + 2, "a name between the backticks"));
            }
            quoted = true;
            segments.push(inner.get(..len).unwrap_or_default().into());
            end += len + 2;
        } else {
            let len: usize = rest.chars().take_while(|c| is_name_char(*c)).map(char::len_utf8).sum();
            if len == 0 {
                let wrong = rest.chars().next().map_or(0, char::len_utf8);
                return Err(FilterError::new(source, end..end + wrong, "a field's name after the dot"));
            }
            segments.push(rest.get(..len).unwrap_or_default().into());
            end += len;
        }
        if !source.get(end..).is_some_and(|r| r.starts_with('.')) {
            break;
        }
        end += 1;
    }
    let kind = match segments.as_slice() {
        [only] if !quoted && is_keyword(only) => match only.to_ascii_lowercase().as_str() {
            "and" => TokenKind::And,
            "or" => TokenKind::Or,
            "not" => TokenKind::Not,
            "in" => TokenKind::In,
            "contains" => TokenKind::Contains,
            "true" => TokenKind::True,
            _ => TokenKind::False,
        },
        _ => TokenKind::Name(segments),
    };
    Ok(Token { kind, span: at..end })
}

/// The text between quotes with its escapes resolved. `span` is what lies between the quotes.
pub(super) fn unescape(source: &str, span: &Range<usize>) -> Result<String, FilterError> {
    let raw = source.get(span.clone()).unwrap_or_default();
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let at = span.start + raw.len() - rest.len();
        let (value, len) = if c == '\\' {
            escape(rest).map_err(|(len, expected)| FilterError::new(source, at..at + len, expected))?
        } else {
            (c, c.len_utf8())
        };
        out.push(value);
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(out)
}

/// The character that the escape at the begin of `text` stands for, and the escape's length.
fn escape(text: &str) -> Result<(char, usize), (usize, &'static str)> {
    let after = text.chars().nth(1).unwrap_or(' ');
    let simple = match after {
        '\\' | '"' | '\'' => Some(after),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0' => Some('\0'),
        _ => None,
    };
    if let Some(c) = simple {
        return Ok((c, 2));
    }
    let (digits, len) = match after {
        'x' => (text.get(2..4), 4),
        'u' => {
            let inner = text.get(2..).and_then(|t| t.strip_prefix('{')).and_then(|t| t.split_once('}'));
            (inner.map(|(digits, _)| digits), inner.map_or(2, |(digits, _)| digits.len() + 4))
        }
        _ => return Err((1 + after.len_utf8(), "an escape: \\\\ \\\" \\' \\n \\r \\t \\0 \\xHH \\u{…}")),
    };
    digits
        .filter(|d| !d.is_empty() && d.chars().all(|c| c.is_ascii_hexdigit()))
        .and_then(|d| u32::from_str_radix(d, 16).ok())
        .and_then(char::from_u32)
        .map(|c| (c, len))
        .ok_or((2, "a character's number: \\xHH or \\u{…}"))
}
