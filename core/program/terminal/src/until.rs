//! Until when, and why: what commands ask of a person who stops something for a while.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::parse_duration;

/// An end, as a person gives it.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// So long from now: `2h`, `3d`.
    In(SignedDuration),
    /// At this moment: `2026-11-24T12:00:00Z`.
    At(Timestamp),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        let from_now = parse_duration(text).ok().and_then(|from_now| SignedDuration::try_from(from_now).ok());
        from_now
            .map(Self::In)
            .ok_or_else(|| "neither a time from now (2h, 3d), nor a moment (2026-12-01T06:00:00Z)".to_owned())
    }
}

impl Until {
    /// The moment, which may be over. One that cannot be told is the last one that can.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::In(from_now) => now.checked_add(from_now).unwrap_or(Timestamp::MAX),
            Self::At(at) => at,
        }
    }
}

/// A moment without its fraction of a second, as it is written down and shown.
#[must_use]
pub fn to_the_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A reason of at least one character and at most `most`, without the blanks around it.
///
/// # Errors
/// A sentence for a person, where the text is no such reason.
pub fn parse_reason(text: &str, most: usize) -> Result<String, String> {
    let reason = text.trim();
    match reason.chars().count() {
        0 => Err("--reason must not be empty".to_owned()),
        longer if longer > most => Err(format!("{longer} characters, and {most} are kept")),
        // They would be shown as something else, and take six bytes each where they are signed.
        _ if reason.chars().any(char::is_control) => Err("it is a line of text, without control characters".to_owned()),
        _ => Ok(reason.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_from_now_or_a_moment() {
        let now: Timestamp = "2026-11-24T12:00:00.5Z".parse().unwrap();
        let at = |text: &str| text.parse::<Until>().map(|until| to_the_second(until.at(now)).to_string());
        assert_eq!(at("2h").unwrap(), "2026-11-24T14:00:00Z");
        assert_eq!(at("2026-11-25T06:00:00+01:00").unwrap(), "2026-11-25T05:00:00Z");
        assert_eq!("900000000h".parse::<Until>().unwrap().at(now), Timestamp::MAX);
        for text in ["", "soon", "tomorrow", "0s"] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_reason_has_something_in_it_and_an_end() {
        let read = |text: &str| parse_reason(text, 8);
        assert_eq!(read("  an audit "), Ok("an audit".to_owned()));
        assert_eq!(read("  "), Err("--reason must not be empty".to_owned()));
        assert_eq!(read("an audit!"), Err("9 characters, and 8 are kept".to_owned()));
        assert!(read("an\naudit").unwrap_err().contains("a line of text"));
    }
}
