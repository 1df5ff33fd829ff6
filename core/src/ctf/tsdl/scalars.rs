//! `integer { … }`, `floating_point { … }`, `string { … }` and the values of their attributes
//! (CTF 1.8.3 §4.1.5 to §4.1.8, §4.2.5).

use std::rc::Rc;

use super::lexer::Tok;
use super::parser::{Parser, Value};
use super::report::{Res, fail, quote};
use super::types::{Sym, Type};
use crate::ctf::model::{ByteOrder, Encoding, IntegerType};

/// Largest alignment, in bits.
const MAX_ALIGN: i128 = 1 << 20;

/// An attribute of a block: index in the list of known ones, value, offset of its name.
pub(super) type Attribute<'t> = (usize, Value<'t>, usize);

impl<'t> Parser<'t> {
    /// Takes `{ name = value; … }`; keeps the attributes that are `known`, each once.
    fn attributes(&mut self, known: &[&str]) -> Res<Vec<Attribute<'t>>> {
        self.expect(b'{')?;
        let mut kept: Vec<Attribute<'t>> = Vec::with_capacity(known.len());
        while !self.eat(b'}') {
            if self.eat(b';') {
                continue;
            }
            if self.cur.tok != Tok::Word {
                return self.unexpected("an attribute or `}`");
            }
            let name = self.bump();
            if !self.is(b'=') {
                return self.unexpected("`=`");
            }
            self.bump();
            let value = self.value()?;
            // The last attribute may do without its semicolon.
            if !self.eat(b';') && !self.is(b'}') {
                return self.unexpected("`;`");
            }
            let text = self.text_of(name);
            match known.iter().position(|&k| k == text) {
                Some(which) if kept.iter().any(|a| a.0 == which) => {
                    self.report.warn(name.start, "an attribute is given twice; the first one counts", || quote(text));
                }
                Some(which) => kept.push((which, value, name.start)),
                None => self.report.warn(name.start, "an unknown attribute of a type was ignored", || quote(text)),
            }
        }
        Ok(kept)
    }

    /// Takes the braces after `integer`.
    pub(super) fn integer(&mut self) -> Res<Rc<Type>> {
        let begin = self.cur.start;
        let (mut size, mut align) = (None, None);
        let (mut signed, mut order, mut base, mut encoding, mut clock) = (false, self.native, 10, None, None);
        for (which, value, at) in
            self.attributes(&["size", "align", "signed", "byte_order", "base", "encoding", "map"])?
        {
            match which {
                0 => size = Some(self.size(&value, at)?),
                1 => align = Some(alignment(&value, at)?),
                2 => signed = boolean(&value, at)?,
                3 => order = self.byte_order(&value, at)?,
                4 => base = self.base(&value, at),
                5 => encoding = self.encoding(&value, at),
                _ => clock = self.clock_of(&value, at),
            }
        }
        let Some(bits) = size else { return fail(begin, "an integer has no size") };
        let align = align.unwrap_or(if bits % 8 == 0 { 8 } else { 1 });
        let clock = clock.map(|name| self.names.text(name).clone());
        Ok(Type::integer(IntegerType { bits, align, signed, order, base, encoding, clock, slot: None }))
    }

    /// Takes the braces after `floating_point`.
    pub(super) fn floating_point(&mut self) -> Res<Rc<Type>> {
        let begin = self.cur.start;
        let (mut exponent, mut mantissa, mut order, mut align) = (None, None, self.native, None);
        for (which, value, at) in self.attributes(&["exp_dig", "mant_dig", "byte_order", "align"])? {
            match which {
                0 => exponent = Some(integer_value(&value, at)?),
                1 => mantissa = Some(integer_value(&value, at)?),
                2 => order = self.byte_order(&value, at)?,
                _ => align = Some(alignment(&value, at)?),
            }
        }
        let bits = match (exponent, mantissa) {
            (Some(8), Some(24)) => 32,
            (Some(11), Some(53)) => 64,
            _ => {
                return fail(
                    begin,
                    "a floating-point number is neither IEEE-754 single (8 + 24 bits) nor double (11 + 53)",
                );
            }
        };
        let align = align.unwrap_or_else(|| {
            let what = "a floating-point number does not state its alignment; 1 bit was assumed";
            self.report.warn(begin, what, String::new);
            1
        });
        Ok(Type::float(bits, align, order))
    }

    /// Takes the braces after `string`, if there are any.
    pub(super) fn string(&mut self) -> Res<Rc<Type>> {
        let mut encoding = Encoding::Utf8;
        if self.is(b'{') {
            for (_, value, at) in self.attributes(&["encoding"])? {
                encoding = self.encoding(&value, at).unwrap_or(Encoding::Utf8);
            }
        }
        Ok(Type::string(encoding))
    }

    fn size(&self, value: &Value<'_>, at: usize) -> Res<u8> {
        match integer_value(value, at)? {
            bits @ 1..=64 => Ok(bits as u8),
            bits => fail(at, format!("an integer has {bits} bits: 1 to 64 are possible")),
        }
    }

    /// `le`, `be`, `network` or `native`. Errors: something else.
    pub(super) fn byte_order(&self, value: &Value<'_>, at: usize) -> Res<ByteOrder> {
        match word_value(value) {
            "le" => Ok(ByteOrder::Little),
            "be" | "network" => Ok(ByteOrder::Big),
            "native" => Ok(self.native),
            _ => fail(at, format!("a byte order is neither `le`, `be`, `network` nor `native` but {}", value.show())),
        }
    }

    fn base(&mut self, value: &Value<'_>, at: usize) -> u8 {
        if let Value::Int(base @ (2 | 8 | 10 | 16)) = value {
            return *base as u8;
        }
        match word_value(value) {
            "decimal" | "dec" | "d" | "i" | "u" => 10,
            "hexadecimal" | "hex" | "x" | "X" | "p" => 16,
            "octal" | "oct" | "o" => 8,
            "binary" | "bin" | "b" => 2,
            _ => {
                self.report.warn(at, "an integer has an unknown base; 10 was assumed", || value.show());
                10
            }
        }
    }

    fn encoding(&mut self, value: &Value<'_>, at: usize) -> Option<Encoding> {
        let word = word_value(value);
        if ["UTF8", "UTF-8"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            Some(Encoding::Utf8)
        } else if word.eq_ignore_ascii_case("ASCII") {
            Some(Encoding::Ascii)
        } else {
            if !word.eq_ignore_ascii_case("none") {
                self.report.warn(at, "an unknown encoding was ignored", || value.show());
            }
            None
        }
    }

    /// NAME of `clock.NAME.value`.
    fn clock_of(&mut self, value: &Value<'_>, at: usize) -> Option<Sym> {
        let path = word_value(value).replace("->", ".");
        let mut parts = path.split('.').map(str::trim);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("clock"), Some(name), Some("value"), None) if !name.is_empty() => {
                let name = self.names.intern(name);
                self.mapped.entry(name).or_insert(at);
                Some(name)
            }
            _ => {
                let what = "an integer is mapped to something else than `clock.NAME.value`; the map was ignored";
                self.report.warn(at, what, || value.show());
                None
            }
        }
    }
}

/// The number. Errors: it is none.
pub(super) fn integer_value(value: &Value<'_>, at: usize) -> Res<i128> {
    match value {
        Value::Int(number) => Ok(*number),
        _ => fail(at, format!("the value is no number but {}", value.show())),
    }
}

/// The words or the text in quotes; empty for a number.
pub(super) fn word_value<'a>(value: &'a Value<'_>) -> &'a str {
    match value {
        Value::Raw(raw) => raw,
        Value::Text(text) => text,
        Value::Int(_) => "",
    }
}

/// `true`, `TRUE`, 1 or their contraries. Errors: something else.
pub(super) fn boolean(value: &Value<'_>, at: usize) -> Res<bool> {
    match value {
        Value::Int(number) => Ok(*number != 0),
        Value::Raw("true" | "TRUE") => Ok(true),
        Value::Raw("false" | "FALSE") => Ok(false),
        _ => fail(at, format!("the value is neither true nor false but {}", value.show())),
    }
}

/// A power of two of bits. Errors: it is none, or too large.
pub(super) fn alignment(value: &Value<'_>, at: usize) -> Res<u32> {
    let bits = integer_value(value, at)?;
    if (1..=MAX_ALIGN).contains(&bits) && (bits as u32).is_power_of_two() {
        Ok(bits as u32)
    } else {
        fail(at, format!("an alignment of {bits} bits is no power of two from 1 to 2^20"))
    }
}
