//! Numbers, lengths and times as people write them: one scanner for filters and for the command line.

use std::ops::Range;

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
    /// Nanoseconds, from `1.5ms` or `-1.5ms`.
    Length(i128),
    /// Nanoseconds after the begin, from `+1.5s`.
    Offset(i128),
    /// Nanoseconds after midnight, from `12:34:56.789`.
    TimeOfDay(i128),
}

/// Why a number cannot be read: bytes of the text from the number's begin, and what could have stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberError {
    pub(super) span: Range<usize>,
    pub(super) expected: &'static str,
}

/// Units of lengths, in nanoseconds. The first of equal ones is written, the others are only read.
pub(super) const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", NS_PER_S),
    ("min", 60 * NS_PER_S),
    ("h", 3_600 * NS_PER_S),
    ("d", 86_400 * NS_PER_S),
    ("µs", 1_000),
    ("μs", 1_000),
];

const NS_PER_S: i128 = 1_000_000_000;

/// Whether a number begins here.
pub(super) fn begins(text: &str) -> bool {
    text.strip_prefix(['+', '-']).unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
}

/// The number at the begin of `text` and its length in bytes.
pub(super) fn scan(text: &str) -> Result<(Number, usize), NumberError> {
    let mut s = Scan { text, at: 0 };
    let sign = s.take(|c| c == '+' || c == '-', 1);
    if text.get(s.at..).is_some_and(|t| t.starts_with("0x") || t.starts_with("0X")) {
        return s.hex(sign);
    }
    let whole = s.digits();
    if !whole.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(s.error(0..s.at, "a number"));
    }
    if s.peek() == Some(':') {
        return s.time_of_day(sign, whole);
    }
    let mut fraction = None;
    if s.peek() == Some('.') && s.peek_after(1).is_some_and(|c| c.is_ascii_digit()) {
        s.at += 1;
        fraction = Some(s.digits());
    }
    let has_exponent = matches!(s.peek(), Some('e' | 'E'))
        && (s.peek_after(1).is_some_and(|c| c.is_ascii_digit())
            || (matches!(s.peek_after(1), Some('+' | '-')) && s.peek_after(2).is_some_and(|c| c.is_ascii_digit())));
    if has_exponent {
        s.at += 2;
        s.digits();
    }
    let number_end = s.at;
    let unit = s.take(|c| c.is_alphanumeric() || c == '_', usize::MAX);
    let number = if unit.is_empty() {
        if sign == "+" {
            return Err(s.error(number_end..number_end, "a unit after a time from the begin: ns, us, ms, s, min, h, d"));
        }
        if fraction.is_some() || has_exponent {
            Number::Float(s.float(number_end)?)
        } else {
            Number::Int(s.integer(sign, whole, 10)?)
        }
    } else {
        let Some((_, unit_ns)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(s.error(number_end..s.at, "a unit: ns, us, ms, s, min, h, d"));
        };
        if has_exponent {
            return Err(s.error(0..number_end, "a decimal number before the unit"));
        }
        let length = s.nanoseconds(whole, fraction.unwrap_or_default(), *unit_ns)?;
        match sign {
            "+" => Number::Offset(length),
            "-" => Number::Length(-length),
            _ => Number::Length(length),
        }
    };
    Ok((number, s.at))
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<char> {
        self.peek_after(0)
    }

    fn peek_after(&self, bytes: usize) -> Option<char> {
        self.text.get(self.at + bytes..)?.chars().next()
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool, most: usize) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest.chars().take(most).take_while(|c| belongs(*c)).map(char::len_utf8).sum();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn digits(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_digit() || c == '_', usize::MAX)
    }

    fn error(&self, span: Range<usize>, expected: &'static str) -> NumberError {
        NumberError { span, expected }
    }

    fn too_large(&self) -> NumberError {
        self.error(0..self.at, "a smaller number")
    }

    fn integer(&self, sign: &str, digits: &str, base: u32) -> Result<i128, NumberError> {
        let mut n: i128 = 0;
        for digit in digits.chars().filter_map(|c| c.to_digit(base)) {
            let next = n.checked_mul(i128::from(base)).and_then(|n| n.checked_add(i128::from(digit)));
            n = next.ok_or_else(|| self.too_large())?;
        }
        Ok(if sign == "-" { -n } else { n })
    }

    fn float(&self, end: usize) -> Result<f64, NumberError> {
        let text = self.text.get(..end).unwrap_or_default().replace('_', "");
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            _ => Err(self.too_large()),
        }
    }

    fn hex(mut self, sign: &str) -> Result<(Number, usize), NumberError> {
        self.at += 2;
        let begin = self.at;
        let digits = self.take(|c| c.is_alphanumeric() || c == '_', usize::MAX);
        if let Some(bad) = digits.find(|c: char| !c.is_ascii_hexdigit() && c != '_') {
            let len = digits.get(bad..).and_then(|d| d.chars().next()).map_or(1, char::len_utf8);
            return Err(self.error(begin + bad..begin + bad + len, "a hexadecimal digit"));
        }
        if digits.chars().all(|c| c == '_') {
            return Err(self.error(begin..self.at, "a hexadecimal digit"));
        }
        if sign == "+" {
            return Err(self.error(0..self.at, "a number without +"));
        }
        Ok((Number::Int(self.integer(sign, digits, 16)?), self.at))
    }

    /// `whole.fraction` units, exactly.
    fn nanoseconds(&self, whole: &str, fraction: &str, unit_ns: i128) -> Result<i128, NumberError> {
        let whole = self.integer("", whole, 10)?.checked_mul(unit_ns).ok_or_else(|| self.too_large())?;
        let digits: String = fraction.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.trim_end_matches('0');
        let part = self.integer("", digits, 10).map_err(|_| self.finer())?;
        let part = part.checked_mul(unit_ns).ok_or_else(|| self.finer())?;
        let place = u32::try_from(digits.len()).ok().and_then(|places| 10_i128.checked_pow(places));
        match place {
            Some(place) if part % place == 0 => whole.checked_add(part / place).ok_or_else(|| self.too_large()),
            _ => Err(self.finer()),
        }
    }

    fn finer(&self) -> NumberError {
        self.error(0..self.at, "a length of whole nanoseconds")
    }

    fn time_of_day(mut self, sign: &str, hours: &str) -> Result<(Number, usize), NumberError> {
        const FORM: &str = "a time of day: HH:MM:SS or HH:MM:SS.nnnnnnnnn";
        let form = |s: &Self| NumberError { span: 0..s.at, expected: FORM };
        let mut parts = [hours, "", ""];
        for part in parts.iter_mut().skip(1) {
            if self.peek() != Some(':') {
                return Err(form(&self));
            }
            self.at += 1;
            *part = self.digits();
        }
        let mut fraction = "";
        if self.peek() == Some('.') {
            self.at += 1;
            fraction = self.digits();
            if fraction.is_empty() {
                return Err(form(&self));
            }
        }
        let tail = self.take(|c| c.is_alphanumeric() || c == ':' || c == '_', usize::MAX);
        if !sign.is_empty() || !tail.is_empty() || parts.iter().any(|p| p.is_empty() || p.len() > 2 || p.contains('_'))
        {
            return Err(form(&self));
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            *number = self.integer("", part, 10)?;
        }
        let [hours, minutes, seconds] = numbers;
        if minutes > 59 || seconds > 59 {
            return Err(self.error(0..self.at, "minutes and seconds below 60"));
        }
        let whole = ((hours * 60 + minutes) * 60 + seconds) * NS_PER_S;
        let part = self.nanoseconds("0", fraction, NS_PER_S)?;
        Ok((Number::TimeOfDay(whole + part), self.at))
    }
}
