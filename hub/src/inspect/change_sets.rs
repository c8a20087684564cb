//! Which change sets of the management experience each version brought. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_catalog::PastChangeSet;
use pmp_ledger::KeptVersion;
use pmp_protocol::{AccountId, PlainText, SnapshotVersion};
use serde::Serialize;

/// The longest name of a change set that is told, in bytes. Whoever starts one chooses it.
const MAX_NAME: usize = 100;

/// A change set that a version brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Brought {
    /// Its id. AWS CloudTrail says under it who started it.
    pub(crate) id: String,
    /// The name that it was given; none where it has none.
    pub(crate) name: Option<String>,
    /// The account that started it; none where the catalog does not tell.
    pub(crate) account: Option<AccountId>,
    /// When it ended, by the catalog's clock.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) at: Option<Timestamp>,
}

/// From when on change sets belong to `version`: when the version before it was taken.
pub(crate) fn begin_of(kept: &[KeptVersion], version: SnapshotVersion) -> Timestamp {
    let before = kept.iter().filter(|kept| kept.version < version);
    before.max_by_key(|kept| kept.version).map_or(Timestamp::MIN, |kept| kept.taken_at)
}

/// The change sets among `found` by the version that brought them, the newest first: the oldest
/// version that was taken after the change set had ended. What ended after the newest was taken is
/// of none yet. Two clocks are compared, and the catalog's tells whole seconds: of versions that
/// were taken within seconds, the neighbour may be meant.
pub(crate) fn brought(kept: &[KeptVersion], found: &[PastChangeSet]) -> BTreeMap<SnapshotVersion, Vec<Brought>> {
    let mut of = BTreeMap::<_, Vec<_>>::new();
    for set in found {
        // A version that was stored for a pin says nothing new of the management experience.
        let after = kept.iter().filter(|kept| kept.pinned.is_none() && set.ended.is_some_and(|at| at <= kept.taken_at));
        let Some(version) = after.map(|kept| kept.version).min() else { continue };
        of.entry(version).or_default().push(Brought {
            id: set.id.to_string(),
            name: set.name.as_ref().map(|name| PlainText::bounded(name, MAX_NAME).into()),
            account: set.account.clone(),
            at: set.ended,
        });
    }
    of
}

/// From when on all change sets are among `found`: the catalog tells of the newest ones alone.
pub(crate) fn known_since(found: &[PastChangeSet]) -> Timestamp {
    /// As many as are told at most (`ChangeHistory::past_change_sets`).
    const MOST: usize = 20;
    let oldest = || found.iter().filter_map(|set| set.ended).min();
    if found.len() < MOST { Timestamp::MIN } else { oldest().unwrap_or(Timestamp::MAX) }
}

/// The change sets of one version, for a cell.
pub(crate) fn in_words(brought: &[Brought]) -> String {
    if brought.is_empty() {
        return "-".to_owned();
    }
    let one = |it: &Brought| it.name.as_ref().map_or_else(|| it.id.clone(), |name| format!("{} ({name})", it.id));
    brought.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use pmp_catalog::ChangeSetId;
    use pmp_protocol::testing::{now, version};
    use pmp_protocol::{Digest, Pin};

    use super::*;

    fn kept(number: u64, minutes: i64) -> KeptVersion {
        KeptVersion {
            version: version(number),
            digest: Digest::of(b"it"),
            taken_at: now() + SignedDuration::from_mins(minutes),
            counts: None,
            pinned: None,
        }
    }

    fn set(id: &str, minutes: i64) -> PastChangeSet {
        let ended = Some(now() + SignedDuration::from_mins(minutes));
        PastChangeSet { id: ChangeSetId::new(id), name: Some(format!("of {id}")), account: None, ended }
    }

    #[test]
    fn a_change_set_belongs_to_the_first_version_that_was_taken_after_its_end() {
        let pin = Pin {
            version: version(1),
            digest: Digest::of(b"it"),
            by: "ada".to_owned(),
            at: now(),
            reason: "bad".to_owned(),
        };
        let all = [kept(1, 0), kept(2, 10), KeptVersion { pinned: Some(pin), ..kept(3, 20) }, kept(4, 30)];
        let unended = PastChangeSet { ended: None, ..set("f", 0) };
        let found = [set("e", 31), set("d", 15), set("c", 10), set("b", 5), set("a", -5), unended];
        let of = brought(&all, &found);
        let ids = |number| {
            let of = of.get(&version(number)).map(Vec::as_slice).unwrap_or_default();
            of.iter().map(|it| it.id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!([ids(1), ids(2), ids(3), ids(4)], [vec!["a"], vec!["c", "b"], vec![], vec!["d"]]);
        assert_eq!((begin_of(&all, version(1)), begin_of(&all, version(3))), (Timestamp::MIN, all[1].taken_at));
        assert_eq!(in_words(&of[&version(2)]), "c (of c), b (of b)");
        assert_eq!(in_words(&[]), "-");
        assert_eq!(known_since(&found), Timestamp::MIN);
        let many: Vec<_> = (1..=20).rev().map(|at| set("x", at)).collect();
        assert_eq!(known_since(&many), now() + SignedDuration::from_mins(1));
    }
}
