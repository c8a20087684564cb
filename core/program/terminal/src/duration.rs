//! Durations on the command line.

use std::time::Duration;

use jiff::SignedDuration;

/// `30s`, `15m`, `1h`, `2d`, or ISO 8601; more than nothing.
///
/// # Errors
/// A sentence for a person, where the text is no such duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = match whole_days(text) {
        Some(duration) => duration,
        None => text.parse().map_err(|_| format!("`{text}` is not a duration such as 30s, 15m, 1h"))?,
    };
    Duration::try_from(duration)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("`{text}` is not longer than 0 s"))
}

/// `2d`: days of 24 hours. The library leaves them out, because a day of a calendar may be shorter
/// or longer.
fn whole_days(text: &str) -> Option<SignedDuration> {
    let days: i64 = text.trim().strip_suffix('d')?.trim_end().parse().ok()?;
    SignedDuration::try_from_hours(days.checked_mul(24)?)
}

#[cfg(test)]
mod tests {
    use super::parse_duration;
    use std::time::Duration;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("PT15M"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_duration("2d"), Ok(Duration::from_secs(172_800)));
        for bad in ["", "soon", "0s", "-5s", "10"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
