//! What can stand at the cursor of a filter that is being typed.

use std::ops::Range;

use super::ast::{Path, is_name_char};
use super::lexer::{Token, TokenKind, lex};
use crate::vocab::State;

/// The words that a session knows. Its order is kept among candidates of the same worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Fields as a filter writes them: [`Path`]s printed.
    pub fields: Vec<String>,
    /// Names of events: values of `name`.
    pub events: Vec<String>,
    /// Names of threads and rows: values of `comm` and, after the events, of `name`.
    pub names: Vec<String>,
    /// Names of states: values of `state`.
    pub states: Vec<String>,
    /// Names of machines: values of `machine`.
    pub machines: Vec<String>,
    /// Values of other fields, such as the labels of an enumeration.
    pub values: Vec<(String, Vec<String>)>,
}

impl Vocabulary {
    /// What every session knows: the fields of events, rows and states, and the states.
    pub fn builtin() -> Self {
        const FIELDS: &[&str] = &[
            "name", "t", "cpu", "machine", "tid", "comm", "state", "detail", "dur", "begin", "end", "row", "id",
            "instance",
        ];
        const ROWS: &[&str] = &["thread", "cpu", "irq", "softirq", "vcpu", "vm-thread"];
        let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Self {
            fields: owned(FIELDS),
            states: State::ALL.iter().filter(|s| **s != State::None).map(|s| s.name().to_owned()).collect(),
            values: vec![("row".to_owned(), owned(ROWS))],
            ..Self::default()
        }
    }

    fn values_of(&self, path: &Path) -> Vec<&str> {
        let field = path.to_string();
        let lists: &[&[String]] = match field.as_str() {
            "name" => &[&self.events, &self.names],
            "comm" => &[&self.names],
            "state" => &[&self.states],
            "machine" => &[&self.machines],
            _ => &[],
        };
        let others = self.values.iter().filter(|(name, _)| *name == field).map(|(_, values)| values);
        lists.iter().copied().chain(others.map(Vec::as_slice)).flatten().map(String::as_str).collect()
    }
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// A field.
    Field,
    /// An operator between a field and a value.
    Operator,
    /// A value, in quotes if it is text.
    Value,
    /// `and`, `or`, `not`, a parenthesis or a comma.
    Word,
}

/// Something that can stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What to insert.
    pub text: String,
    /// What it is.
    pub kind: CandidateKind,
}

/// What [`complete`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Bytes of the text to be replaced by a candidate: the word around the cursor, else nothing at the cursor.
    pub replace: Range<usize>,
    /// The best first.
    pub candidates: Vec<Candidate>,
}

/// What can stand at the cursor, a byte position in the text; nothing where the text before it makes no sense.
///
/// Candidates that begin with what is typed come first, then those with a part that does, then those that
/// contain it; capitals don't matter.
pub fn complete(text: &str, cursor: usize, vocabulary: &Vocabulary) -> Completion {
    let cursor = (0..=cursor.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let typed = Typed::at(text, cursor);
    let nothing = Completion { replace: typed.span.clone(), candidates: Vec::new() };
    let tokens = lex(text.get(..typed.span.start).unwrap_or_default());
    let Some(place) = place(&tokens) else { return nothing };
    let found = match (&place.expected, typed.kind) {
        (Expected::Value(path), TypedKind::Text) => quoted(vocabulary.values_of(path)),
        (_, TypedKind::Text | TypedKind::Number) => return nothing,
        (expected, _) => unquoted(expected, place.depth, vocabulary),
    };
    let mut ranked: Vec<(u8, Candidate)> = Vec::new();
    for candidate in found {
        // Quotes and symbols count only where symbols were typed.
        let plain = candidate.text.trim_matches('"');
        let is_seen = ranked.iter().any(|(_, c)| c.text == candidate.text);
        if let Some(rank) = rank(plain, &typed.text).filter(|_| !is_seen) {
            ranked.push((rank, candidate));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    Completion { replace: typed.span, candidates: ranked.into_iter().map(|(_, candidate)| candidate).collect() }
}

/// The word at the cursor.
struct Typed {
    span: Range<usize>,
    /// Its part before the cursor, without an opening quote.
    text: String,
    kind: TypedKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TypedKind {
    /// Text whose quote is still open at the cursor.
    Text,
    Number,
    /// A word, a symbol or nothing.
    Word,
}

impl Typed {
    fn at(text: &str, cursor: usize) -> Self {
        let before = text.get(..cursor).unwrap_or_default();
        let after = text.get(cursor..).unwrap_or_default();
        let rest_of_word: usize = after.chars().take_while(|c| is_name_char(*c) || *c == '.').map(char::len_utf8).sum();
        let open_text = match lex(before).last() {
            Some(Token { kind: TokenKind::Bad(_), span }) => {
                let quote = before.get(span.start..).and_then(|t| t.chars().next());
                quote.filter(|q| *q == '"' || *q == '\'').map(|quote| (span.start, quote))
            }
            _ => None,
        };
        if let Some((begin, quote)) = open_text {
            // A quote right behind the word closes it; a later one may open the next text.
            let word = after.chars().take_while(|c| is_name_char(*c) || matches!(c, '.' | '-')).map(char::len_utf8);
            let end = cursor + word.sum::<usize>();
            let is_closed = text.get(end..).is_some_and(|t| t.starts_with(quote));
            let inner = before.get(begin + quote.len_utf8()..).unwrap_or_default();
            return Self { span: begin..end + usize::from(is_closed), text: inner.to_owned(), kind: TypedKind::Text };
        }
        let tail = |belongs: fn(char) -> bool| -> usize {
            before.chars().rev().take_while(|c| belongs(*c)).map(char::len_utf8).sum()
        };
        let word = tail(|c| is_name_char(c) || c == '.');
        let symbol = tail(|c| "=!<>~&|".contains(c));
        let begin = cursor - word.max(symbol);
        let typed = before.get(begin..).unwrap_or_default();
        let kind = if typed.starts_with(|c: char| c.is_ascii_digit()) { TypedKind::Number } else { TypedKind::Word };
        let end = if word > 0 { cursor + rest_of_word } else { cursor };
        Self { span: begin..end, text: typed.to_owned(), kind }
    }
}

/// What may come next.
enum Expected {
    Operand,
    /// Behind a field: an operator, or what joins terms.
    Operator(Path),
    Value(Path),
    Pattern,
    ListOpen(Path),
    ListValue(Path),
    ListNext(Path),
    Join,
}

struct Place {
    expected: Expected,
    /// Open parentheses, lists aside.
    depth: usize,
}

/// Where the tokens lead; `None` if no filter begins so.
fn place(tokens: &[Token]) -> Option<Place> {
    let mut depth: usize = 0;
    let mut expected = Expected::Operand;
    for Token { kind, .. } in tokens {
        let is_value = matches!(kind, TokenKind::Number(_) | TokenKind::Text(_) | TokenKind::True | TokenKind::False);
        expected = match (expected, kind) {
            (expected, TokenKind::End) => expected,
            (Expected::Operand, TokenKind::Not) => Expected::Operand,
            (Expected::Operand, TokenKind::Open) => {
                depth += 1;
                Expected::Operand
            }
            (Expected::Operand, TokenKind::Name(segments)) => Expected::Operator(Path::new(segments.clone())?),
            (Expected::Operator(path), TokenKind::Compare(_) | TokenKind::Contains) => Expected::Value(path),
            (Expected::Operator(_), TokenKind::Matches) => Expected::Pattern,
            (Expected::Operator(path), TokenKind::In) => Expected::ListOpen(path),
            (Expected::Operator(_) | Expected::Join, TokenKind::And | TokenKind::Or) => Expected::Operand,
            (Expected::Operator(_) | Expected::Join, TokenKind::Close) => {
                depth = depth.checked_sub(1)?;
                Expected::Join
            }
            (Expected::Value(_) | Expected::Pattern, _) if is_value => Expected::Join,
            (Expected::ListOpen(path), TokenKind::Open) => Expected::ListValue(path),
            (Expected::ListValue(path), _) if is_value => Expected::ListNext(path),
            (Expected::ListNext(path), TokenKind::Comma) => Expected::ListValue(path),
            (Expected::ListNext(_), TokenKind::Close) => Expected::Join,
            _ => return None,
        };
    }
    // Within a list, values are as good as behind an operator.
    let expected = match expected {
        Expected::ListValue(path) => Expected::Value(path),
        expected => expected,
    };
    Some(Place { expected, depth })
}

fn unquoted(expected: &Expected, depth: usize, vocabulary: &Vocabulary) -> Vec<Candidate> {
    const OPERATORS: &[&str] = &["==", "!=", "<", "<=", ">", ">=", "~", "contains", "in"];
    let of = |kind, words: &[&str]| -> Vec<Candidate> {
        words.iter().map(|w| Candidate { text: (*w).to_owned(), kind }).collect()
    };
    let mut join = of(CandidateKind::Word, &["and", "or"]);
    if depth > 0 {
        join.extend(of(CandidateKind::Word, &[")"]));
    }
    match expected {
        Expected::Operand => {
            let fields = vocabulary.fields.iter();
            let fields = fields.map(|text| Candidate { text: text.clone(), kind: CandidateKind::Field });
            fields.chain(of(CandidateKind::Word, &["not", "("])).collect()
        }
        Expected::Operator(_) => of(CandidateKind::Operator, OPERATORS).into_iter().chain(join).collect(),
        Expected::Value(path) | Expected::ListValue(path) => {
            let values = quoted(vocabulary.values_of(path));
            if values.is_empty() { of(CandidateKind::Value, &["true", "false"]) } else { values }
        }
        Expected::ListOpen(_) => of(CandidateKind::Word, &["("]),
        Expected::ListNext(_) => of(CandidateKind::Word, &[",", ")"]),
        Expected::Join => join,
        Expected::Pattern => Vec::new(),
    }
}

fn quoted(values: Vec<&str>) -> Vec<Candidate> {
    let text = |value: &str| super::Literal::Text(value.into()).to_string();
    values.into_iter().map(|v| Candidate { text: text(v), kind: CandidateKind::Value }).collect()
}

/// How well a candidate continues what was typed: 0 best, `None` not at all.
fn rank(candidate: &str, typed: &str) -> Option<u8> {
    let (candidate, typed) = (candidate.to_lowercase(), typed.to_lowercase());
    if candidate.starts_with(&typed) {
        return Some(0);
    }
    let at = candidate.find(&typed)?;
    let begins_part = candidate.get(..at).is_some_and(|head| !head.ends_with(is_name_char) || head.ends_with('_'));
    Some(if begins_part { 1 } else { 2 })
}
