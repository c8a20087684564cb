//! Change windows, and what they say at a moment.

use jiff::{SignedDuration, Timestamp};
use pmp_windows::{Answer, MAX_TEXT, MAX_WINDOWS, Windows, together};

use super::utf8;
use crate::memory::within;
use crate::refusal::is_sentence;

/// Moments around which clocks jump, and others.
const MOMENTS: [&str; 8] = [
    "2026-03-29T00:59:59Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-11-24T12:00:00Z",
    "2028-02-29T23:59:59.999Z",
    "1969-12-31T23:59:59Z",
];
const SHORT: SignedDuration = SignedDuration::from_nanos(1);

/// Each line is one text of windows; together they are those of one experience.
pub(super) fn windows(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let mut all = Vec::new();
    for line in text.split('\n').take(3) {
        match within(64 * 1024 + 64 * line.len(), || line.parse::<Windows>()) {
            Ok(windows) => {
                let written = windows.to_string();
                assert_eq!(written.parse().as_ref(), Ok(&windows), "{written}");
                assert!(line.trim().len() <= MAX_TEXT && written.split(';').count() <= MAX_WINDOWS);
                all.push(windows);
            }
            Err(error) => is_sentence(&error.to_string()),
        }
    }
    for now in MOMENTS {
        let now: Timestamp = now.parse().expect("a moment");
        all.iter().for_each(|windows| consistent(windows, now));
        let references: Vec<_> = all.iter().collect();
        let (answer, place) = together(&references, now);
        assert_eq!(answer.is_open(), all.iter().all(|windows| windows.answer(now).is_open()));
        assert!(place < all.len().max(1));
        if let Answer::Closed { until: Some(opens), .. } = answer {
            assert!(opens.at > now && all.iter().all(|windows| windows.answer(opens.at).is_open()));
        }
    }
    // At the ends of time nothing is known, but all is answered.
    for end in [Timestamp::MIN, Timestamp::MAX] {
        all.iter().for_each(|windows| _ = windows.answer(end));
    }
}

/// What windows say of a later moment, they say at that moment.
fn consistent(windows: &Windows, now: Timestamp) {
    match windows.answer(now) {
        Answer::Open { until: Some(closes) } => {
            assert!(closes.at > now);
            assert!(windows.answer(closes.at - SHORT).is_open(), "{windows} at {now}: {closes:?}");
            assert!(!windows.answer(closes.at).is_open(), "{windows} at {now}: {closes:?}");
        }
        Answer::Open { until: None } => {}
        Answer::Closed { since, until } => {
            assert!(since <= now && !windows.answer(since).is_open(), "{windows} at {now}: since {since}");
            if let Some(opens) = until {
                assert!(opens.at > now);
                assert!(!windows.answer(opens.at - SHORT).is_open(), "{windows} at {now}: {opens:?}");
                assert!(windows.answer(opens.at).is_open(), "{windows} at {now}: {opens:?}");
            }
        }
    }
}
