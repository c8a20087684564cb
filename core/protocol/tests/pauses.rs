//! When a pause ends by clocks that are not right: each spoke goes by its own.

#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{LONGEST_PAUSE, Pause};

/// AWS refuses requests whose time is further from its own, so a spoke whose clock is does nothing.
const FURTHEST: SignedDuration = SignedDuration::from_mins(5);

fn pause(until: SignedDuration) -> Pause {
    let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    Pause { until: at + until, by: "arn:kim".to_owned(), at, reason: "a change freeze".to_owned() }
}

/// Whether a spoke whose clock is off by so much changes nothing yet, at this time after the pause
/// began.
fn holds(pause: &Pause, after: SignedDuration, off: SignedDuration) -> bool {
    pause.holds(pause.at + after + off)
}

#[test]
fn a_pause_ends_by_itself_at_most_five_minutes_early_or_late() {
    let second = SignedDuration::from_secs(1);
    for until in [SignedDuration::from_mins(20), SignedDuration::from_hours(2), LONGEST_PAUSE] {
        let pause = pause(until);
        for minutes in -5..=5 {
            let off = SignedDuration::from_mins(minutes);
            assert!(holds(&pause, until - FURTHEST - second, off), "{until:?}, {minutes} min: too early");
            assert!(!holds(&pause, until + FURTHEST, off), "{until:?}, {minutes} min: too late");
            // By exactly as much as the clock is off.
            assert!(holds(&pause, until - off - second, off) && !holds(&pause, until - off, off));
        }
    }
}

#[test]
fn no_clock_makes_a_pause_last_for_longer_than_thirty_days() {
    let forgotten = pause(SignedDuration::from_hours(400 * 24));
    for minutes in [-5, 0, 5] {
        let off = SignedDuration::from_mins(minutes);
        assert!(!holds(&forgotten, LONGEST_PAUSE + FURTHEST, off));
        assert!(holds(&forgotten, LONGEST_PAUSE - FURTHEST - SignedDuration::from_secs(1), off));
    }
}
