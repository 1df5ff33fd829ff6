//! The parser's state: where it stands in the text, which types have names in which scope, and the small
//! steps from which [`super::declare`], [`super::scalars`] and [`super::blocks`] are made.
//!
//! Types are resolved while they are parsed. A name must be declared before it is used, and becomes visible
//! only after its closing brace, so that no type can contain itself.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::lexer::{Tok, Token, string_text, token};
use super::report::{Fail, Report, Res, fail, quote};
use super::types::{MAX_DEPTH, Names, Sym, Type};
use crate::ctf::model::ByteOrder;

/// The kinds of names that may be alike (CTF 1.8.3 §4.1.2, C's name spaces).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// `typealias` and `typedef`.
    Alias,
    /// `struct NAME`.
    Struct,
    /// `enum NAME`.
    Enum,
    /// `variant NAME`.
    Variant,
}

impl Space {
    /// The keyword before the name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Space::Alias => "type",
            Space::Struct => "struct",
            Space::Enum => "enum",
            Space::Variant => "variant",
        }
    }
}

/// The right side of `name = …;`.
#[derive(Clone, Debug)]
pub(super) enum Value<'t> {
    /// An integer with its sign.
    Int(i128),
    /// A string literal's text.
    Text(String),
    /// Anything else, as written.
    Raw(&'t str),
}

impl Value<'_> {
    /// As written, for messages.
    pub(super) fn show(&self) -> String {
        match self {
            Value::Int(i) => quote(&i.to_string()),
            Value::Text(t) => quote(&format!("\"{t}\"")),
            Value::Raw(r) => quote(r),
        }
    }
}

/// Reads declarations one after the other.
pub(super) struct Parser<'t> {
    /// The text.
    pub(super) text: &'t [u8],
    /// The token under the eye.
    pub(super) cur: Token,
    /// The trace's byte order, found before parsing began.
    pub(super) native: ByteOrder,
    /// Names.
    pub(super) names: Names,
    /// Problems.
    pub(super) report: Report<'t>,
    /// Clocks that integers are mapped to, with the offset of the first such integer.
    pub(super) mapped: FxHashMap<Sym, usize>,
    scopes: Vec<FxHashMap<(Space, Sym), Rc<Type>>>,
    depth: u16,
}

impl<'t> Parser<'t> {
    /// At the beginning of `text`.
    pub(super) fn new(text: &'t [u8], native: ByteOrder, report: Report<'t>) -> Self {
        Self {
            text,
            cur: token(text, 0),
            native,
            names: Names::default(),
            report,
            mapped: FxHashMap::default(),
            scopes: vec![FxHashMap::default()],
            depth: 0,
        }
    }

    /// Forgets all scopes but the outermost: what a failure leaves behind.
    pub(super) fn reset_scopes(&mut self) {
        self.scopes.truncate(1);
        self.depth = 0;
    }

    /// Takes the current token.
    pub(super) fn bump(&mut self) -> Token {
        let taken = self.cur;
        self.cur = token(self.text, taken.end);
        taken
    }

    /// The token after the current one.
    pub(super) fn second(&self) -> Tok {
        token(self.text, self.cur.end).tok
    }

    /// The text of a token.
    pub(super) fn text_of(&self, token: Token) -> &'t str {
        std::str::from_utf8(&self.text[token.start..token.end]).unwrap_or("")
    }

    /// The current token's text if it is a word, otherwise nothing.
    pub(super) fn word(&self) -> &'t str {
        if self.cur.tok == Tok::Word { self.text_of(self.cur) } else { "" }
    }

    /// Whether the current token is that character.
    pub(super) fn is(&self, punct: u8) -> bool {
        self.cur.tok == Tok::Punct(punct)
    }

    /// Takes that character if it is there.
    pub(super) fn eat(&mut self, punct: u8) -> bool {
        let there = self.is(punct);
        if there {
            self.bump();
        }
        there
    }

    /// Takes that character. Errors: something else is there.
    pub(super) fn expect(&mut self, punct: u8) -> Res<()> {
        if self.eat(punct) { Ok(()) } else { self.unexpected(&format!("`{}`", char::from(punct))) }
    }

    /// Takes a word and gives its number. Errors: something else is there.
    pub(super) fn expect_word(&mut self, what: &str) -> Res<Sym> {
        if self.cur.tok != Tok::Word {
            return self.unexpected(what);
        }
        let word = self.word();
        self.bump();
        Ok(self.names.intern(word))
    }

    /// The failure that something else than `expected` is here.
    pub(super) fn unexpected<T>(&self, expected: &str) -> Res<T> {
        let (found, end) = match self.cur.tok {
            Tok::End => ("the end of the metadata".to_owned(), true),
            Tok::Bad(bad) => (bad.reason().to_owned(), false),
            _ => (quote(&String::from_utf8_lossy(&self.text[self.cur.start..self.cur.end])), false),
        };
        let what = format!("the metadata has a syntax error: expected {expected}");
        Err(Box::new(Fail { at: self.cur.start, what, found: format!("found {found}"), end }))
    }

    /// Runs `inner` one level deeper. Errors: that is too deep.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Res<T>) -> Res<T> {
        if self.depth >= MAX_DEPTH {
            return fail(self.cur.start, "the metadata nests more than 128 levels deep");
        }
        self.depth += 1;
        let result = inner(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    /// Runs `inner` in a scope of its own.
    pub(super) fn scoped<T>(&mut self, inner: impl FnOnce(&mut Self) -> Res<T>) -> Res<T> {
        self.scopes.push(FxHashMap::default());
        let result = inner(self);
        if self.scopes.len() > 1 {
            self.scopes.pop();
        }
        result
    }

    /// The type of that name in the innermost scope that has it.
    pub(super) fn lookup(&self, space: Space, name: Sym) -> Option<Rc<Type>> {
        self.scopes.iter().rev().find_map(|scope| scope.get(&(space, name))).map(Rc::clone)
    }

    /// Gives a type a name in the innermost scope; the first of two types with one name stays.
    pub(super) fn define(&mut self, space: Space, name: Sym, ty: Rc<Type>, at: usize) {
        let Some(scope) = self.scopes.last_mut() else { return };
        if let std::collections::hash_map::Entry::Vacant(free) = scope.entry((space, name)) {
            free.insert(ty);
            return;
        }
        let names = &self.names;
        self.report.warn(at, "a type is declared twice in one scope; the first declaration counts", || {
            format!("{} {}", space.word(), quote(names.text(name)))
        });
    }

    /// Takes the value of an attribute, up to the `;` or `}` that follows it.
    pub(super) fn value(&mut self) -> Res<Value<'t>> {
        let start = self.cur.start;
        let value = match self.cur.tok {
            Tok::Int(_) | Tok::Punct(b'-' | b'+') => {
                let negative = self.is(b'-');
                if self.cur.tok == Tok::Punct(b'-') || self.cur.tok == Tok::Punct(b'+') {
                    self.bump();
                }
                let Tok::Int(magnitude) = self.cur.tok else { return self.unexpected("a number") };
                self.bump();
                Some(Value::Int(if negative { -i128::from(magnitude) } else { i128::from(magnitude) }))
            }
            Tok::Str => {
                let mut text = String::new();
                while self.cur.tok == Tok::Str {
                    let literal = self.bump();
                    text.push_str(&string_text(&self.text[literal.start..literal.end]));
                }
                Some(Value::Text(text))
            }
            _ => None,
        };
        if let Some(value) = value
            && matches!(self.cur.tok, Tok::Punct(b';' | b'}'))
        {
            return Ok(value);
        }
        let mut end = if self.cur.start > start { self.cur.start } else { start };
        loop {
            match self.cur.tok {
                Tok::Punct(b';' | b'}') if end > start => break,
                Tok::Punct(b';' | b'{' | b'}') | Tok::End | Tok::Bad(_) => return self.unexpected("a value"),
                _ => end = self.bump().end,
            }
        }
        Ok(Value::Raw(std::str::from_utf8(&self.text[start..end]).unwrap_or("").trim()))
    }

    /// Skips the rest of a declaration with everything in its braces, and the `;` after it. Stops before the
    /// `}` that closes the block around it. Tells whether it was whole, but for a `;` at the end of the text.
    pub(super) fn skip_declaration(&mut self) -> bool {
        let mut depth = 0usize;
        let mut last = Tok::End;
        loop {
            match self.cur.tok {
                Tok::End => return depth == 0 && last == Tok::Punct(b'}'),
                Tok::Punct(b'{') => depth += 1,
                Tok::Punct(b'}') if depth == 0 => return true,
                Tok::Punct(b'}') => depth -= 1,
                Tok::Punct(b';') if depth == 0 => {
                    self.bump();
                    return true;
                }
                _ => {}
            }
            last = self.bump().tok;
        }
    }
}
