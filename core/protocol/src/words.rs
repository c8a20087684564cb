//! How receipts, rows and messages word a number and a time, so that hub and spokes say it alike.

use jiff::Timestamp;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| count(n, "product")), ["0 products", "1 product", "2 products"]);
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
