//! What a run of the hub does: the digest of what it read decides, and where history stands. Pure.

use jiff::Timestamp;
use pmp_ledger::Head;
use pmp_protocol::{Digest, Reason, SnapshotVersion};

pub use crate::published::Outcome;

/// What made the hub look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The schedule: an unchanged snapshot is announced again, so that spokes find and heal local
    /// drift.
    Schedule,
    /// A change set of the catalog succeeded, perhaps on the management experience.
    ChangeEvent,
    /// An operator asked: an unchanged snapshot is announced again.
    Operator,
}

/// What to do about a content, given where history stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The content is another one: store it as the version after `previous`.
    Store {
        /// The version that has to be the newest still when it is stored; none before the first.
        previous: Option<SnapshotVersion>,
    },
    /// The content is unchanged: announce it.
    Announce {
        /// The newest version, as the ledger's head has it.
        version: SnapshotVersion,
        /// When it was read, as the ledger's head has it.
        taken_at: Timestamp,
        /// How many items it takes in the ledger.
        chunks: usize,
        /// What the message gives as its reason.
        reason: Reason,
        /// What the run is told to have done.
        outcome: Outcome,
    },
    /// The content is unchanged, and nobody asked for it.
    Nothing {
        /// The newest version, as the ledger's head has it.
        version: SnapshotVersion,
    },
}

/// What to do about the content with this digest, where the ledger's head is `head`. It is public
/// for the model that checks it together with what the spokes decide (`tests/model`).
#[must_use]
pub fn decide(head: Option<&Head>, digest: Digest, trigger: Trigger) -> Decision {
    let Some(head) = head else { return Decision::Store { previous: None } };
    // The digest alone decides: a version is taken only where the content is another one.
    // Protocol S9.
    if head.digest != digest {
        return Decision::Store { previous: Some(head.latest) };
    }
    let announce = |reason, outcome| Decision::Announce {
        version: head.latest,
        taken_at: head.taken_at,
        chunks: head.chunks,
        reason,
        outcome,
    };
    // An earlier run stored it and stopped: whatever made this run look, it is published first.
    // Protocol L9.
    if head.published != Some(head.latest) {
        return announce(Reason::Changed, Outcome::Recovered);
    }
    match trigger {
        Trigger::Schedule => announce(Reason::Scheduled, Outcome::Announced),
        Trigger::Operator => announce(Reason::Operator, Outcome::Announced),
        // Change events name no entity: most are about something else.
        Trigger::ChangeEvent => Decision::Nothing { version: head.latest },
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::version;

    use super::*;

    fn head(content: &[u8], latest: u64, published: Option<u64>) -> Head {
        Head { digest: Digest::of(content), published: published.map(version), ..pmp_ledger::testing::head(latest) }
    }

    fn outcome(decision: Decision) -> (Option<Outcome>, Option<Reason>) {
        match decision {
            Decision::Store { .. } => (Some(Outcome::Stored), Some(Reason::Changed)),
            Decision::Announce { reason, outcome, .. } => (Some(outcome), Some(reason)),
            Decision::Nothing { .. } => (None, None),
        }
    }

    #[test]
    fn the_digest_decides_whether_there_is_a_new_version() {
        // Protocol S9.
        let now = Digest::of(b"now");
        assert_eq!(decide(None, now, Trigger::Schedule), Decision::Store { previous: None });
        for trigger in [Trigger::Schedule, Trigger::ChangeEvent, Trigger::Operator] {
            let before = head(b"before", 7, Some(7));
            let previous = Some(before.latest);
            assert_eq!(decide(Some(&before), now, trigger), Decision::Store { previous });
        }
    }

    #[test]
    fn an_unchanged_snapshot_is_announced_by_schedule_and_operator_alone() {
        let same = head(b"now", 7, Some(7));
        let decided = |trigger| outcome(decide(Some(&same), Digest::of(b"now"), trigger));
        assert_eq!(decided(Trigger::Schedule), (Some(Outcome::Announced), Some(Reason::Scheduled)));
        assert_eq!(decided(Trigger::Operator), (Some(Outcome::Announced), Some(Reason::Operator)));
        assert_eq!(decided(Trigger::ChangeEvent), (None, None));
    }

    #[test]
    fn what_was_stored_but_not_published_is_published_whatever_the_trigger() {
        // Protocol L9.
        for published in [None, Some(6)] {
            let unpublished = head(b"now", 7, published);
            for trigger in [Trigger::Schedule, Trigger::ChangeEvent, Trigger::Operator] {
                let decided = outcome(decide(Some(&unpublished), Digest::of(b"now"), trigger));
                assert_eq!(decided, (Some(Outcome::Recovered), Some(Reason::Changed)));
            }
        }
    }
}
