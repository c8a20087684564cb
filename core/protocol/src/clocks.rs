//! What the clocks of two machines may differ by.

use jiff::{SignedDuration, Timestamp};

/// How far a clock may be ahead of another: AWS refuses requests whose time is further from its
/// own.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// Whether a time that another machine wrote is one that cannot be yet at `now`.
#[must_use]
pub fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    time.duration_since(now) > CLOCKS_DIFFER
}
