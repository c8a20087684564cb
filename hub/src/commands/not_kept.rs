//! The failures for a snapshot that a person names, or for a time, where the ledger has none.

use jiff::Timestamp;
use pmp_ledger::{LedgerError, SnapshotStore};
use pmp_protocol::{ExperienceId, SnapshotVersion};
use pmp_terminal::Failure;

use crate::error::HubError;
use crate::render::status as shown;

const HINT: &str = "`pmp-hub history` lists the versions that are kept (PMP_KEEP_VERSIONS)";
/// The most stretches of versions that are told. Pins keep single old ones.
const MAX_STRETCHES: usize = 4;

/// The failure for a version above the newest.
pub(crate) fn not_stored(version: SnapshotVersion, latest: SnapshotVersion) -> Failure {
    let error = format!("the ledger has no snapshot {version}: the newest is {latest}");
    Failure::new("E4071", error).hint(HINT.to_owned())
}

/// The failure for a time from which nothing is kept.
pub(crate) fn nothing_from(time: Timestamp) -> Failure {
    let error = format!("no snapshot is kept from {} or before", shown::moment(time));
    Failure::new("E4071", error).hint(HINT.to_owned())
}

/// The failure for a version that could not be fetched: whether it was never stored, or is not kept
/// any more. All else is told as it is.
pub(crate) async fn told(
    snapshots: &dyn SnapshotStore,
    experience: &ExperienceId,
    version: SnapshotVersion,
    error: LedgerError,
) -> Failure {
    if !matches!(error, LedgerError::NoSnapshot { .. }) {
        return HubError::Ledger(error).into();
    }
    let newest = match snapshots.head(experience).await {
        Ok(Some(head)) => head.latest,
        Ok(None) => return Failure::from(HubError::Ledger(error)),
        Err(error) => return HubError::Ledger(error).into(),
    };
    if version > newest {
        return not_stored(version, newest);
    }
    let kept = match snapshots.digests(experience).await {
        Ok(kept) => kept.into_keys().filter(|kept| *kept <= newest).collect::<Vec<_>>(),
        Err(error) => return HubError::Ledger(error).into(),
    };
    if kept.is_empty() || kept.contains(&version) {
        // It is listed, and its content is lost: `publish` would not bring it back.
        return Failure::from(HubError::Ledger(error)).hint_instead(HINT.to_owned());
    }
    let error = format!("the ledger does not keep snapshot {version} any more: it keeps {}", stretches(&kept));
    Failure::new("E4071", error).hint(HINT.to_owned())
}

/// Versions in ascending order, as stretches without gaps: "2, 5 to 9".
fn stretches(kept: &[SnapshotVersion]) -> String {
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    for version in kept.iter().map(|version| version.get()) {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == version => *last = version,
            _ => stretches.push((version, version)),
        }
    }
    // The newest ones are what a person looks for.
    let left_out = stretches.len().saturating_sub(MAX_STRETCHES);
    let told = stretches.iter().skip(left_out).map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if left_out > 0 { format!("{told}, and older ones") } else { told }
}

#[cfg(test)]
mod tests {
    use pmp_ledger::testing::MemoryLedger;
    use pmp_protocol::testing::{content_of, experience, snapshot, version};

    use super::*;

    #[test]
    fn what_is_kept_is_told_in_stretches() {
        let told = |numbers: &[u64]| stretches(&numbers.iter().copied().map(version).collect::<Vec<_>>());
        assert_eq!(told(&[4]), "4");
        assert_eq!(told(&[2, 5, 6, 7, 8, 9]), "2, 5 to 9");
        assert_eq!(told(&[1, 2, 4, 6, 8, 10, 11]), "4, 6, 8, 10, 11, and older ones");
    }

    #[tokio::test]
    async fn what_was_never_stored_and_what_is_kept_no_more_are_told() {
        let ledger = MemoryLedger::default();
        let of = experience("exp-management");
        for number in 3..=7 {
            ledger.keep(&snapshot(number, &content_of(&of, &["prod-a"], &[])));
        }
        let missing = async |number| {
            let error = LedgerError::NoSnapshot { experience: of.clone(), version: version(number) };
            told(&ledger, &of, version(number), error).await.one_line()
        };
        assert_eq!(missing(9).await, "the ledger has no snapshot 9: the newest is 7");
        assert_eq!(missing(1).await, "the ledger does not keep snapshot 1 any more: it keeps 3 to 7");
        assert!(missing(5).await.contains("is not in the ledger"), "it is listed, and its content is lost");
    }
}
