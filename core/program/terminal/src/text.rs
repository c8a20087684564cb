//! Texts for people: ages, counts, and lines that fit.

use console::truncate_str;
use jiff::Timestamp;
use pmp_protocol::PlainText;

/// How long ago, in the largest unit that says enough: `12s`, `5m`, `3h`, `2d`. A time to come is
/// `0s`.
#[must_use]
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A number with its noun: `1 change set`, `2 change sets`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A line of at most `width` columns: what is too long ends with `…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    truncate_str(PlainText::new(text).as_str(), width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| count(n, "product")), ["0 products", "1 product", "2 products"]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!((cut("abcdef", 6), cut("abcdef", 5)), ("abcdef".to_owned(), "abcd…".to_owned()));
        assert_eq!(cut("日本語", 5), "日本…");
    }

    #[test]
    fn ages_use_the_largest_unit_that_says_enough() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (then, text) in [
            ("2026-11-24T12:00:09Z", "0s"),
            ("2026-11-24T11:59:01Z", "59s"),
            ("2026-11-24T11:55:00Z", "5m"),
            ("2026-11-24T09:00:00Z", "3h"),
            ("2026-11-20T12:00:00Z", "4d"),
        ] {
            assert_eq!(age(then.parse().unwrap(), now), text);
        }
    }
}
