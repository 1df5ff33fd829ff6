//! Lines with rational coefficients, and their decimal digits.
//!
//! What the hulls find are fractions of integers; they are averaged, inverted, composed and printed here
//! without rounding. Only a handful of lines exist at a time, so arbitrary precision costs nothing that counts.

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, ToPrimitive as _, Zero as _};

/// `y = slope · x + offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) slope: BigRational,
    pub(super) offset: BigRational,
}

impl Line {
    pub(super) fn identity() -> Self {
        Self { slope: BigRational::one(), offset: BigRational::zero() }
    }

    pub(super) fn at(&self, x: &BigRational) -> BigRational {
        &self.slope * x + &self.offset
    }

    /// `x` as a line over `y`; `None` if the slope is 0.
    pub(super) fn inverse(&self) -> Option<Self> {
        if self.slope.is_zero() {
            return None;
        }
        Some(Self { slope: self.slope.recip(), offset: -(&self.offset / &self.slope) })
    }

    /// First this line, then `next`.
    pub(super) fn then(&self, next: &Self) -> Self {
        Self { slope: &next.slope * &self.slope, offset: next.at(&self.offset) }
    }

    /// The same line over axes that begin elsewhere: `x` and `y` of the result are the old ones plus the origins.
    pub(super) fn with_origins(&self, x_origin: i128, y_origin: i128) -> Self {
        let (x, y) = (whole(x_origin), whole(y_origin));
        Self { slope: self.slope.clone(), offset: &self.offset + y - &self.slope * x }
    }

    /// Halfway between two lines.
    pub(super) fn mean(&self, other: &Self) -> Self {
        let two = whole(2);
        Self { slope: (&self.slope + &other.slope) / &two, offset: (&self.offset + &other.offset) / two }
    }
}

/// An integer as a rational.
pub(super) fn whole(n: i128) -> BigRational {
    BigRational::from(BigInt::from(n))
}

/// To the nearest integer, halves to the even one.
pub(super) fn round(r: &BigRational) -> BigInt {
    round_ratio(r.numer(), r.denom())
}

fn round_ratio(numer: &BigInt, denom: &BigInt) -> BigInt {
    let (floor, rest) = numer.div_mod_floor(denom);
    match (rest * 2u8).cmp(denom) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal if floor.is_even() => floor,
        _ => floor + 1,
    }
}

/// The nearest `f64`.
pub(super) fn to_f64(r: &BigRational) -> f64 {
    r.to_f64().unwrap_or(f64::NAN)
}

/// Plain decimal notation with `digits` significant digits (halves to even, as decimal128); fewer where fewer
/// are exact.
pub(super) fn decimal(r: &BigRational, digits: u32) -> String {
    if r.is_zero() {
        return String::from("0");
    }
    let (numer, denom) = (r.numer().abs(), r.denom());
    // 10^exponent ≤ |r| < 10^(exponent + 1); the lengths of both numbers tell it to one.
    let ten = BigInt::from(10);
    let length = |n: &BigInt| n.to_string().len() as i64;
    let mut exponent = length(&numer) - length(denom);
    let scaled_up = |by: i64| {
        if by >= 0 {
            (&numer * ten.pow(by as u32), denom.clone())
        } else {
            (numer.clone(), denom * ten.pow(-by as u32))
        }
    };
    let (n, d) = scaled_up(-exponent);
    if n < d {
        exponent -= 1;
    }
    let mut places = i64::from(digits) - 1 - exponent;
    let (n, d) = scaled_up(places);
    let mut text = round_ratio(&n, &d).to_string();
    // Places before the point that carry no digit are zeros; after it, zeros at the end say nothing.
    if places < 0 {
        text.extend(std::iter::repeat_n('0', -places as usize));
        places = 0;
    }
    let places = places as usize;
    if text.len() <= places {
        text = "0".repeat(places + 1 - text.len()) + &text;
    }
    if places > 0 {
        text.insert(text.len() - places, '.');
        let end = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(end);
    }
    if r.is_negative() {
        text.insert(0, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n: i128, d: i128, digits: u32, expected: &str) {
        assert_eq!(decimal(&BigRational::new(n.into(), d.into()), digits), expected);
    }

    #[test]
    fn decimals() {
        check(0, 1, 5, "0");
        check(1, 1, 30, "1");
        check(3, 4, 30, "0.75");
        check(-5, 3, 10, "-1.666666667");
        check(4, 3, 34, "1.333333333333333333333333333333333");
        check(1, 3_000, 4, "0.0003333");
        check(123_456, 1, 3, "123000");
        check(25, 10, 1, "2");
        check(35, 10, 1, "4");
        check(9_999, 10_000, 3, "1");
        check(-999_999, 10, 4, "-100000");
    }

    #[test]
    fn lines() {
        let line = Line { slope: BigRational::new(3.into(), 2.into()), offset: whole(5) };
        assert_eq!(line.then(&line.inverse().unwrap()), Line::identity());
        let moved = line.with_origins(100, 1_000);
        assert_eq!(moved.at(&whole(102)), line.at(&whole(2)) + whole(1_000));
        assert_eq!(line.mean(&Line::identity()).at(&whole(4)), whole(15) / whole(2));
        assert!(Line { slope: whole(0), offset: whole(1) }.inverse().is_none());
    }
}
