//! The hold of a member: "not now".

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Direction, ExperienceId, is_ahead};

/// The longest that a member may hold, where the hub's operators say nothing else.
pub const USUAL_HOLD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A member's "not now": nothing is changed in its organization for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hold {
    /// Management experience whose snapshots are held off.
    pub experience: ExperienceId,
    /// Until when the member wants it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub until: Timestamp,
    /// Who holds, as STS names them.
    pub by: String,
    /// Since when. A hold that is renewed while it lasts keeps its beginning.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// Why, in the member's words.
    pub reason: String,
    /// When the member took it back; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DateTime>"))]
    pub released_at: Option<Timestamp>,
}

impl Hold {
    /// When it ends at the latest, by the hub's bound.
    #[must_use]
    pub fn ends(&self, bound: SignedDuration) -> Timestamp {
        // Protocol D10.
        let most = self.at.checked_add(bound).unwrap_or(Timestamp::MAX);
        let ends = self.until.min(most);
        self.released_at.map_or(ends, |released| ends.min(released))
    }

    /// Whether it holds at `now`. One that begins later than clocks may differ was not written by a
    /// spoke, and would hold past the hub's bound.
    #[must_use]
    pub fn holds(&self, bound: SignedDuration, now: Timestamp) -> bool {
        // Protocol D10.
        !is_ahead(self.at, now) && now < self.ends(bound)
    }

    /// Whether the hub's bound ended it before the member wanted.
    #[must_use]
    pub fn is_cut(&self, bound: SignedDuration, now: Timestamp) -> bool {
        !self.holds(bound, now) && self.released_at.is_none() && now < self.until
    }
}

/// The longest that a member may hold, as the fleet's direction says.
#[must_use]
pub fn longest_hold(fleet: Option<&Direction>) -> SignedDuration {
    // Protocol D10.
    let seconds = fleet.and_then(|fleet| fleet.max_hold_seconds);
    seconds.map_or(USUAL_HOLD, |seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DirectionChange;
    use crate::direction::tests::{at, because};
    use crate::testing::management;

    #[test]
    fn a_hold_from_a_time_to_come_counts_for_nothing() {
        // Protocol D10.
        let hold = Hold {
            experience: management(),
            until: at(1_000_000),
            by: "arn:mim".to_owned(),
            at: at(900_000),
            reason: "audit".to_owned(),
            released_at: None,
        };
        let bound = SignedDuration::from_hours(1);
        assert!(!hold.holds(bound, at(1_000)), "it would hold past the bound");
        assert!(hold.holds(bound, at(899_900)), "clocks may be apart");
    }

    #[test]
    fn a_hold_past_the_hubs_bound_is_cut() {
        // Protocol D10.
        let hold = Hold {
            experience: management(),
            until: at(1_000),
            by: "arn:mim".to_owned(),
            at: at(0),
            reason: "audit".to_owned(),
            released_at: None,
        };
        let bounded = Direction::none(management(), None).changed(&DirectionChange::MaxHold(600), &because(0)).unwrap();
        let bound = longest_hold(Some(&bounded));
        assert_eq!((hold.ends(bound), hold.holds(bound, at(599))), (at(600), true));
        assert!(hold.is_cut(bound, at(600)) && !hold.is_cut(bound, at(599)) && !hold.is_cut(bound, at(1_000)));
        assert_eq!(longest_hold(None), USUAL_HOLD);
    }
}
