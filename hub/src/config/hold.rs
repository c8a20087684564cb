//! The setting `PMP_MAX_HOLD`: the longest that a member may hold by itself.

use std::str::FromStr;

use jiff::SignedDuration;
use pmp_protocol::LONGEST_PAUSE;
use pmp_terminal::parse_duration;

/// The shortest bound of members' holds: below it, none could be made.
const SHORTEST_HOLD: SignedDuration = SignedDuration::from_hours(1);

/// How long a member may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxHold(pub(crate) SignedDuration);

impl FromStr for MaxHold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given = SignedDuration::try_from(parse_duration(text)?).unwrap_or(SignedDuration::MAX);
        if !(SHORTEST_HOLD..=LONGEST_PAUSE).contains(&given) {
            return Err("not from 1h to 720h (30 days)".to_owned());
        }
        Ok(Self(given))
    }
}
