//! A filter's text as a tree.

use super::ast::{Expr, Literal, Path, Pattern};
use super::error::FilterError;
use super::lexer::{Token, TokenKind, lex, unescape};
use super::number::Number;

/// How deep parentheses and `not` may nest: every walk over the tree recurses.
const MAX_DEPTH: usize = 64;

const OPERATORS: &str = "an operator: == != < <= > >= ~ contains in";

pub(super) fn parse(source: &str) -> Result<Expr, FilterError> {
    let tokens = lex(source);
    let mut parser = Parser { source, tokens: &tokens, at: 0, depth: 0 };
    let expr = parser.or()?;
    match parser.kind() {
        Some(TokenKind::End) | None => Ok(expr),
        _ => Err(parser.unexpected("'and', 'or' or the end")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn kind(&self) -> Option<&TokenKind> {
        self.token().map(|t| &t.kind)
    }

    /// Steps over a token of that kind.
    fn accept(&mut self, wanted: fn(&TokenKind) -> bool) -> bool {
        let found = self.kind().is_some_and(wanted);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self, expected: impl Into<String>) -> FilterError {
        match self.token() {
            Some(Token { kind: TokenKind::Bad(error), .. }) => (**error).clone(),
            Some(token) => FilterError::new(self.source, token.span.clone(), expected),
            None => FilterError::new(self.source, self.source.len()..self.source.len(), expected),
        }
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let first = self.and()?;
        let mut parts = vec![first];
        while self.accept(|k| matches!(k, TokenKind::Or)) {
            parts.push(self.and()?);
        }
        Ok(joined(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let first = self.not()?;
        let mut parts = vec![first];
        while self.accept(|k| matches!(k, TokenKind::And)) {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expr::And))
    }

    fn deeper(&mut self) -> Result<(), FilterError> {
        if self.depth == MAX_DEPTH {
            return Err(self.unexpected(format!("at most {MAX_DEPTH} nested parentheses and 'not's")));
        }
        self.depth += 1;
        Ok(())
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        if matches!(self.kind(), Some(TokenKind::Not)) {
            self.deeper()?;
            self.at += 1;
            let part = self.not()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(part)));
        }
        if matches!(self.kind(), Some(TokenKind::Open)) {
            self.deeper()?;
            self.at += 1;
            let inner = self.or()?;
            if !self.accept(|k| matches!(k, TokenKind::Close)) {
                return Err(self.unexpected("'and', 'or' or a closing ')'"));
            }
            self.depth -= 1;
            return Ok(inner);
        }
        self.term()
    }

    fn term(&mut self) -> Result<Expr, FilterError> {
        let Some(TokenKind::Name(segments)) = self.kind() else {
            let error = self.unexpected("a field, 'not' or '('");
            return Err(match self.kind() {
                Some(TokenKind::Number(_) | TokenKind::Text(_)) => {
                    error.with_hint("the field stands before the operator, the value after it")
                }
                _ => error,
            });
        };
        let Some(path) = Path::new(segments.clone()) else {
            return Err(self.unexpected("a field"));
        };
        self.at += 1;
        match self.kind() {
            Some(TokenKind::Compare(op)) => {
                let op = *op;
                self.at += 1;
                Ok(Expr::Compare(path.clone(), op, self.value(&path)?))
            }
            Some(TokenKind::Matches) => {
                self.at += 1;
                Ok(Expr::Matches(path, self.pattern()?))
            }
            Some(TokenKind::Contains) => {
                self.at += 1;
                Ok(Expr::Contains(path.clone(), self.value(&path)?))
            }
            Some(TokenKind::In) => {
                self.at += 1;
                let values = self.list(&path)?;
                Ok(Expr::In(path, values))
            }
            Some(TokenKind::And | TokenKind::Or | TokenKind::Close | TokenKind::End) | None => Ok(Expr::Truthy(path)),
            Some(TokenKind::Not) => {
                Err(self.unexpected(OPERATORS).with_hint(format!("'not' stands before the field: not ({path} …)")))
            }
            _ => Err(self.unexpected(OPERATORS)),
        }
    }

    fn list(&mut self, path: &Path) -> Result<Vec<Literal>, FilterError> {
        if !self.accept(|k| matches!(k, TokenKind::Open)) {
            return Err(self.unexpected("a list in parentheses: (value, value)"));
        }
        let mut values = vec![self.value(path)?];
        while self.accept(|k| matches!(k, TokenKind::Comma)) {
            values.push(self.value(path)?);
        }
        if !self.accept(|k| matches!(k, TokenKind::Close)) {
            return Err(self.unexpected("a comma or a closing ')'"));
        }
        Ok(values)
    }

    fn pattern(&mut self) -> Result<Pattern, FilterError> {
        let Some(Token { kind: TokenKind::Text(inner), span }) = self.token() else {
            return Err(self.unexpected("a pattern in quotes"));
        };
        let text = self.source.get(inner.clone()).unwrap_or_default();
        let pattern = Pattern::new(text)
            .map_err(|wrong| FilterError::new(self.source, span.clone(), "a regular expression").with_hint(wrong))?;
        self.at += 1;
        Ok(pattern)
    }

    fn value(&mut self, path: &Path) -> Result<Literal, FilterError> {
        let value = match self.kind() {
            Some(TokenKind::True) => Literal::Bool(true),
            Some(TokenKind::False) => Literal::Bool(false),
            Some(TokenKind::Text(inner)) => Literal::Text(unescape(self.source, inner)?.into()),
            Some(TokenKind::Number(number)) => self.number(path, *number)?,
            Some(TokenKind::Name(segments)) => {
                let name = segments.join(".");
                return Err(self.unexpected("a value").with_hint(format!("text stands in quotes: \"{name}\"")));
            }
            _ => return Err(self.unexpected("a value: a number, a text in quotes, true or false")),
        };
        self.at += 1;
        Ok(value)
    }

    /// Which numbers with units make sense depends on the field: else `t > 1ms` would be false for ever.
    fn number(&self, path: &Path, number: Number) -> Result<Literal, FilterError> {
        let instants_only = || {
            let hint = format!("{path} is no instant of this time axis: only t, begin and end are");
            self.unexpected("a number, or a length such as 1ms").with_hint(hint)
        };
        match number {
            Number::Int(n) => Ok(Literal::Int(n)),
            Number::Float(x) => Ok(Literal::Float(x)),
            // Before the begin, as somebody meant who wrote a sign in front of a time.
            Number::Length(ns) if path.is_instant() && ns < 0 => Ok(Literal::Offset(ns)),
            Number::Length(ns) if path.is_instant() => {
                let hint = format!("after the begin: +{}", Literal::Length(ns));
                Err(self.unexpected("an instant: +1.5s, 12:34:56 or integer nanoseconds").with_hint(hint))
            }
            Number::Length(ns) => Ok(Literal::Length(ns)),
            Number::Offset(ns) if path.is_instant() => Ok(Literal::Offset(ns)),
            Number::TimeOfDay(ns) if path.is_instant() => Ok(Literal::TimeOfDay(ns)),
            Number::Offset(_) | Number::TimeOfDay(_) => Err(instants_only()),
        }
    }
}

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}
