//! Types of settings that several declarations share, each with its check.

use std::str::FromStr;
use std::time::Duration;

use pmp_protocol::not_one_of;

use crate::parse_duration;

/// A length of time: `90s`, `15m`, `1h`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self)
    }
}

/// `true` or `false`, in letters of either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let switch = text.to_ascii_lowercase().parse();
        switch.map(Self).map_err(|_| not_one_of(text, &["true", "false"]))
    }
}

/// A whole number from `LEAST` to `MOST`. With `u64::MAX` as `MOST` it has no upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeNumber<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> WholeNumber<LEAST, MOST> {
    /// The number, which is within the two bounds.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl<const LEAST: u64, const MOST: u64> FromStr for WholeNumber<LEAST, MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
        number.map(Self).ok_or_else(|| {
            let bounds =
                if MOST == u64::MAX { format!("of at least {LEAST}") } else { format!("from {LEAST} to {MOST}") };
            format!("`{text}` is not a whole number {bounds}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_one_of_two_words() {
        let read = |text: &str| text.parse::<Switch>().map(|switch| switch.0);
        assert_eq!([read("true"), read("False"), read("FALSE")], [Ok(true), Ok(false), Ok(false)]);
        assert_eq!(read("yes"), Err("`yes` is neither `true` nor `false`".to_owned()));
    }

    #[test]
    fn a_whole_number_says_its_bounds() {
        let port = |text: &str| text.parse::<WholeNumber<1, 65_535>>().map(|number| number.0);
        assert_eq!((port("1"), port("65535")), (Ok(1), Ok(65_535)));
        for bad in ["0", "70000", "http", "-1", "1.5", ""] {
            assert_eq!(port(bad), Err(format!("`{bad}` is not a whole number from 1 to 65535")));
        }
        let any = "few".parse::<WholeNumber<2, { u64::MAX }>>();
        assert_eq!(any.unwrap_err(), "`few` is not a whole number of at least 2");
    }

    #[test]
    fn a_span_is_a_duration() {
        assert_eq!("1h".parse(), Ok(Span(Duration::from_secs(3_600))));
        assert!("soon".parse::<Span>().unwrap_err().contains("`soon` is not a duration"));
    }
}
