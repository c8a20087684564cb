//! Versions that were stopped on their way through the waves: a spoke that has not begun with one
//! does not begin with it any more. One that has begun goes on: it has to come out of a failure, or
//! the version could never be promoted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, SnapshotVersion};

/// The most versions that are halted at one time. Each is a newer one than all before it, so older
/// ones are behind by then.
pub(crate) const MAX_HALTED: usize = 4;
/// The longest reason that a direction keeps of each, in characters: an envelope is bounded.
const MAX_HALT_REASON: usize = 160;

/// A version that was stopped on its way: whoever has not begun with it does not begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Halted {
    /// The version that was stopped.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// Who stopped it: a person as STS names them, or the hub.
    pub by: String,
    /// When it was stopped, by the clock of whoever did.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// Why it was stopped, in words.
    pub reason: String,
    /// Whether all older ones count as stopped, too: there were more than a direction keeps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub and_older: bool,
}

impl Halted {
    pub(crate) fn new(version: SnapshotVersion, digest: Digest, by: String, at: Timestamp, reason: &str) -> Self {
        Self { version, digest, by, at, reason: reason.chars().take(MAX_HALT_REASON).collect(), and_older: false }
    }

    /// Adds one that is newer than all of `halted`. Where there are too many, the oldest is left
    /// out, and the next one stands for it.
    pub(crate) fn add_to(self, halted: &mut Vec<Self>) {
        halted.retain(|older| older.version < self.version);
        halted.push(self);
        let too_many = halted.len().saturating_sub(MAX_HALTED);
        halted.drain(..too_many);
        if let (Some(oldest), true) = (halted.first_mut(), too_many > 0) {
            oldest.and_older = true;
        }
    }

    /// Whether it stops this version: it is about just that, or stands for all older ones.
    pub(crate) fn is_of(&self, version: SnapshotVersion, digest: Digest) -> bool {
        (self.version, self.digest) == (version, digest) || (self.and_older && version < self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direction::tests::{at, because};
    use crate::testing::{management, version};
    use crate::{Direction, DirectionChange, Paused, Receipt, ReceiptStatus, halted};

    fn content(number: u64) -> (SnapshotVersion, Digest) {
        (version(number), Digest::of(&number.to_le_bytes()))
    }

    fn halt(number: u64) -> DirectionChange {
        let (version, digest) = content(number);
        DirectionChange::Halt(version, digest)
    }

    fn may_take(number: u64) -> DirectionChange {
        let (version, digest) = content(number);
        DirectionChange::Turn(version, digest)
    }

    fn fleet_at(number: u64) -> Direction {
        Direction::none(management(), None).changed(&may_take(number), &because(0)).unwrap()
    }

    #[test]
    fn a_version_that_was_halted_is_begun_nowhere_until_it_goes_on() {
        // Protocol D15.
        let (fleet, own) = (fleet_at(7), fleet_at(8));
        let halted_there = |fleet: &Direction, own: &Direction| halted(Some(fleet), Some(own)).map(|it| it.version);
        assert_eq!(halted_there(&fleet, &own), None);
        let stopped = fleet.changed(&halt(8), &because(1)).unwrap();
        assert_eq!((stopped.generation, stopped.line), (2, 0));
        assert_eq!(stopped.changed(&halt(8), &because(2)), None, "it is so already");
        assert_eq!(halted_there(&stopped, &own), Some(version(8)));
        assert_eq!(halted_there(&stopped, &fleet_at(7)), None, "its turn has not come");
        assert_eq!(halted_there(&stopped, &fleet_at(9)), None, "a newer one is on its way");
        let other = Direction {
            turn: own.turn.clone().map(|turn| crate::Turn { digest: content(1).1, ..turn }),
            ..own.clone()
        };
        assert_eq!(halted_there(&stopped, &other), None, "another content was not stopped");
        let (number, digest) = content(3);
        let pinned = own.changed(&DirectionChange::Pin(number, digest), &because(2)).unwrap();
        assert_eq!(halted_there(&stopped, &pinned), None, "a pin goes before waves");
        let on = stopped.changed(&DirectionChange::GoOn(version(8)), &because(3)).unwrap();
        assert_eq!((halted_there(&on, &own), on.halted.len()), (None, 0));
        assert_eq!(on.changed(&DirectionChange::GoOn(version(8)), &because(4)), None);
    }

    #[test]
    fn an_older_version_stays_halted_until_everybody_may_take_a_newer_one() {
        // Protocol D15.
        let both = fleet_at(7).changed(&halt(8), &because(1)).unwrap().changed(&halt(9), &because(2)).unwrap();
        let on = both.changed(&DirectionChange::GoOn(version(9)), &because(3)).unwrap();
        assert_eq!(halted(Some(&on), Some(&fleet_at(8))).map(|it| it.version), Some(version(8)));
        let through = on.changed(&may_take(9), &because(4)).unwrap();
        assert!(through.halted.is_empty());
        assert!(both.changed(&DirectionChange::EndWaves, &because(4)).unwrap().halted.is_empty());
        let many = (8..30).fold(fleet_at(7), |fleet, number| fleet.changed(&halt(number), &because(1)).unwrap());
        let kept: Vec<_> = many.halted.iter().map(|it| it.version.get()).collect();
        assert_eq!(kept, [26, 27, 28, 29], "a direction is bounded");
        // What is left out is halted all the same, also where a newer one goes on.
        let on = many.changed(&DirectionChange::GoOn(version(29)), &because(2)).unwrap();
        for fleet in [&many, &on] {
            assert_eq!(halted(Some(fleet), Some(&fleet_at(8))).map(|it| it.version), Some(version(26)));
            assert_eq!(halted(Some(fleet), None), None, "what everybody may take is not");
        }
        assert_eq!(halted(Some(&on), Some(&fleet_at(29))), None);
        assert_eq!(halted(Some(&both), Some(&fleet_at(7))), None);
    }

    #[test]
    fn what_waits_for_a_person_or_for_a_time_has_not_begun() {
        // Protocol D15.
        let stopped = fleet_at(7).changed(&halt(8), &because(0)).unwrap();
        let halted = &stopped.halted[0];
        let receipt = |status| Receipt { digest: content(8).1, ..crate::testing::receipt(8, status, None) };
        for status in [ReceiptStatus::Applying, ReceiptStatus::Partial, ReceiptStatus::Failed, ReceiptStatus::InSync] {
            assert!(receipt(status).has_begun(halted), "{status:?}");
            assert!(!Receipt { version: version(7), ..receipt(status) }.has_begun(halted), "{status:?}");
            assert!(!Receipt { digest: content(7).1, ..receipt(status) }.has_begun(halted), "{status:?}");
        }
        for status in [ReceiptStatus::Held, ReceiptStatus::Skipped] {
            assert!(!receipt(status).has_begun(halted), "{status:?}");
        }
        let waits = Receipt { paused: Some(Paused::by_halt(halted, at(0))), ..receipt(ReceiptStatus::Applying) };
        assert!(!waits.has_begun(halted));
    }

    #[test]
    fn a_halt_is_told_as_a_pause_that_is_always_to_come() {
        let stopped = fleet_at(7).changed(&halt(8), &because(0)).unwrap();
        let month = 30 * 24 * 60 * 60;
        for (now, until) in [(0, month), (month - 1, month), (month, 2 * month), (10 * month + 5, 11 * month)] {
            let paused = Paused::by_halt(&stopped.halted[0], at(now));
            assert_eq!((paused.until, paused.ends()), (at(until), false), "{now}");
        }
        let paused = Paused::by_halt(&stopped.halted[0], at(5));
        assert_eq!(paused.to_string(), "snapshot 8 is halted by arn:kim: bad approval");
        let mut older = serde_json::to_value(&paused).unwrap();
        older.as_object_mut().unwrap().remove("halted").unwrap();
        let older: Paused = serde_json::from_value(older).unwrap();
        let told = "paused for all organizations until 1970-01-31 00:00:00Z by arn:kim: bad approval";
        assert_eq!(older.to_string(), told, "a release that knows no halt reads a pause");
    }
}
