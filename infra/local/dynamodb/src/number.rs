//! Numbers as DynamoDB has them: exact decimals of up to 38 significant digits.

use std::cmp::Ordering;
use std::fmt;

/// The most significant digits of a number.
const DIGITS: u32 = 38;
/// The power of ten of the first digit: what is larger overflows, what is smaller underflows.
const LARGEST: i32 = 125;
const SMALLEST: i32 = -130;

const TOO_PRECISE: &str = "Attempting to store more than 38 significant digits in a Number";
const TOO_LARGE: &str = "Number overflow. Attempting to store a number with magnitude larger than supported range";
const TOO_SMALL: &str = "Number underflow. Attempting to store a number with magnitude smaller than supported range";

/// An exact decimal: `digits` times ten to the power of `exponent`. The last digit is not 0, so
/// that equal numbers have one form. Zero is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    digits: u128,
    exponent: i32,
}

impl Number {
    const ZERO: Self = Self { negative: false, digits: 0, exponent: 0 };

    /// Reads a number as requests write it. The error is DynamoDB's text.
    ///
    /// # Errors
    /// The text is no number, or the number has too many digits or is out of range.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (mantissa, power) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], power_of(&text[at + 1..]).ok_or_else(wrong)?),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !all().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let Some(first) = all().position(|byte| byte != b'0') else { return Ok(Self::ZERO) };
        let count = all().count();
        let trailing = whole.bytes().chain(fraction.bytes()).rev().take_while(|byte| *byte == b'0').count();
        let significant = count - trailing - first;
        if significant > DIGITS as usize {
            return Err(TOO_PRECISE.to_owned());
        }
        let digits = all().skip(first).take(significant).fold(0, |sum: u128, byte| sum * 10 + u128::from(byte - b'0'));
        let places = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let exponent = power.saturating_add(places(trailing)).saturating_sub(places(fraction.len()));
        Self { negative, digits, exponent }.in_range()
    }

    /// The sum, if a number can hold it.
    ///
    /// # Errors
    /// The sum has too many digits, or is out of range.
    pub fn plus(self, other: Self) -> Result<Self, String> {
        if self.digits == 0 || other.digits == 0 {
            return Ok(if self.digits == 0 { other } else { self });
        }
        let exponent = self.exponent.min(other.exponent);
        // The last digit of the smaller power stays, so what does not fit here has too many digits.
        let aligned = |number: Self| {
            10_u128.checked_pow(number.exponent.abs_diff(exponent)).and_then(|power| number.digits.checked_mul(power))
        };
        let (one, two) = aligned(self).zip(aligned(other)).ok_or(TOO_PRECISE)?;
        let (negative, digits) = match (self.negative == other.negative, one.cmp(&two)) {
            (true, _) => (self.negative, one.checked_add(two).ok_or(TOO_PRECISE)?),
            (false, Ordering::Less) => (other.negative, two - one),
            (false, _) => (self.negative, one - two),
        };
        Self { negative, digits, exponent }.normal()
    }

    /// The difference, if a number can hold it.
    ///
    /// # Errors
    /// As for [`Number::plus`].
    pub fn minus(self, other: Self) -> Result<Self, String> {
        self.plus(Self { negative: !other.negative && other.digits != 0, ..other })
    }

    fn normal(mut self) -> Result<Self, String> {
        if self.digits == 0 {
            return Ok(Self::ZERO);
        }
        while self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.exponent += 1;
        }
        if self.length() > DIGITS { Err(TOO_PRECISE.to_owned()) } else { self.in_range() }
    }

    fn in_range(self) -> Result<Self, String> {
        match self.magnitude() {
            magnitude if magnitude > LARGEST => Err(TOO_LARGE.to_owned()),
            magnitude if magnitude < SMALLEST => Err(TOO_SMALL.to_owned()),
            _ => Ok(self),
        }
    }

    fn length(self) -> u32 {
        self.digits.checked_ilog10().map_or(1, |log| log + 1)
    }

    /// The power of ten of the first digit.
    fn magnitude(self) -> i32 {
        self.exponent.saturating_add_unsigned(self.length() - 1)
    }

    /// The bytes that it counts for: one for each pair of digits, one more, and one for a sign.
    pub(crate) fn size(self) -> usize {
        if self.digits == 0 {
            return 1;
        }
        let length = self.length();
        // Pairs begin at the point, so an even number of digits may lie across one pair more.
        let across = length.is_multiple_of(2) && self.magnitude() % 2 == 0;
        1 + length.div_ceil(2) as usize + usize::from(across) + usize::from(self.negative)
    }

    /// All digits, so that those of two numbers of one magnitude can be compared.
    fn scaled(self) -> u128 {
        self.digits * 10_u128.pow(DIGITS - self.length())
    }
}

/// The power of ten behind the letter `e`.
fn power_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A power of thousands of digits is out of range either way.
    let power = digits.trim_start_matches('0');
    let power = if power.len() > 6 { 1_000_000 } else { power.parse().unwrap_or(0) };
    Some(if text.starts_with('-') { -power } else { power })
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits == 0, number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let larger = |one: &Self, two: &Self| {
            one.magnitude().cmp(&two.magnitude()).then_with(|| one.scaled().cmp(&two.scaled()))
        };
        match sign(self).cmp(&sign(other)) {
            Ordering::Equal if self.digits == 0 => Ordering::Equal,
            Ordering::Equal if self.negative => larger(other, self),
            Ordering::Equal => larger(self, other),
            different => different,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    /// The number in full, without an exponent and without needless zeros, as DynamoDB answers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits.to_string();
        let sign = if self.negative { "-" } else { "" };
        let Ok(fraction) = usize::try_from(-self.exponent) else {
            let zeros = usize::try_from(self.exponent).unwrap_or_default();
            return write!(f, "{sign}{digits}{:0<zeros$}", "");
        };
        match digits.len().checked_sub(fraction) {
            _ if fraction == 0 => write!(f, "{sign}{digits}"),
            Some(whole) if whole > 0 => write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..]),
            _ => write!(f, "{sign}0.{digits:0>fraction$}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_come_back_in_one_form() {
        for (written, read) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("+007.50", "7.5"),
            ("1e3", "1000"),
            ("1E-3", "0.001"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-12.340e1", "-123.4"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("10e124", "1".to_owned().as_str()),
        ] {
            let read = if written == "10e124" { format!("1{}", "0".repeat(125)) } else { read.to_owned() };
            assert_eq!(number(written).to_string(), read, "{written}");
        }
    }

    #[test]
    fn what_is_no_number_or_none_of_dynamodbs_is_refused() {
        for (text, part) in [
            ("", "cannot be converted"),
            ("abc", "cannot be converted"),
            ("1.2.3", "cannot be converted"),
            ("--1", "cannot be converted"),
            ("1e", "cannot be converted"),
            ("1é", "cannot be converted"),
            ("1e+-2", "cannot be converted"),
            ("123456789012345678901234567890123456789", "38 significant digits"),
            ("1e126", "overflow"),
            ("1e99999999999", "overflow"),
            ("1e-131", "underflow"),
        ] {
            let error = Number::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_number_counts_by_pairs_of_digits() {
        for (text, size) in [("0", 1), ("7", 2), ("12", 2), ("1.2", 3), ("123", 3), ("-123", 4), ("1000", 2)] {
            assert_eq!(number(text).size(), size, "{text}");
        }
    }

    #[test]
    fn sums_are_exact_or_refused() {
        assert_eq!(number("0.1").plus(number("0.2")), Ok(number("0.3")));
        assert_eq!(number("1").minus(number("1")), Ok(number("0")));
        assert_eq!(number("0").minus(number("5")), Ok(number("-5")));
        assert_eq!(number("1e20").plus(number("-1")), Ok(number("99999999999999999999")));
        assert!(number("1e60").plus(number("1")).unwrap_err().contains("38 significant"));
        assert!(number("9e125").plus(number("9e125")).unwrap_err().contains("overflow"));
    }

    proptest! {
        #[test]
        fn order_and_sums_are_those_of_integers(one in any::<i64>(), two in any::<i64>(), places in 0_usize..9) {
            // The same integers, with the point so many places from the right.
            let text = |value: i64| {
                let digits = format!("{:0>10}", value.unsigned_abs());
                let (whole, fraction) = digits.split_at(digits.len() - places);
                format!("{}{whole}.{fraction}0", if value < 0 { "-" } else { "" })
            };
            let (a, b) = (number(&text(one)), number(&text(two)));
            prop_assert_eq!(a.cmp(&b), one.cmp(&two));
            prop_assert_eq!(number(&a.to_string()), a);
            let sum = i128::from(one) + i128::from(two);
            let scaled = a.plus(b).unwrap().plus(Number::ZERO).unwrap();
            prop_assert_eq!(scaled, number(&format!("{sum}e-{places}")));
            prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
        }
    }
}
