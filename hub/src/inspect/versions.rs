//! Groups the rows of `status` by the version that is applied. Pure.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::SnapshotVersion;
use serde::Serialize;

use crate::status::{SpokeState, SpokeStatus};

/// The member experiences that are on one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionRow {
    /// Which; none where nothing is applied, or nothing that is believed.
    pub(crate) version: Option<SnapshotVersion>,
    /// How many organizations they belong to.
    pub(crate) organizations: usize,
    /// How many they are.
    pub(crate) experiences: usize,
    /// How many of them are in which state.
    pub(crate) states: BTreeMap<SpokeState, usize>,
}

/// The versions, newest first, and last the experiences without any. Experiences that are skipped
/// are left out.
pub(crate) fn list(rows: &[SpokeStatus]) -> Vec<VersionRow> {
    let mut by_version = BTreeMap::<Option<SnapshotVersion>, Vec<&SpokeStatus>>::new();
    let kept = |row: &&SpokeStatus| row.member_experience.is_some() && row.state != SpokeState::Skipped;
    for row in rows.iter().filter(kept) {
        by_version.entry(row.in_force()).or_default().push(row);
    }
    let row = |(version, rows): (Option<SnapshotVersion>, Vec<&SpokeStatus>)| VersionRow {
        version,
        organizations: rows.iter().map(|row| &row.organization).collect::<BTreeSet<_>>().len(),
        experiences: rows.len(),
        states: rows.iter().fold(BTreeMap::new(), |mut states, row| {
            *states.entry(row.state).or_default() += 1;
            states
        }),
    };
    // `None` sorts lowest, so it comes last.
    by_version.into_iter().rev().map(row).collect()
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{ExperienceId, OrganizationId};

    use super::*;
    use crate::render::versions::{shown, summary};

    fn on(organization: &str, member: &str, version: Option<u64>, state: SpokeState) -> SpokeStatus {
        let version = version.map(|version| SnapshotVersion::new(version).unwrap());
        SpokeStatus {
            member_experience: Some(ExperienceId::new(member).unwrap()),
            version,
            lag: version.map(|_| 0),
            ..SpokeStatus::whole(&OrganizationId::new(organization).unwrap(), state, String::new())
        }
    }

    #[test]
    fn experiences_are_counted_by_version_newest_first() {
        let never = OrganizationId::new("o-delta00000").unwrap();
        let rows = [
            on("o-alpha00000", "exp-a", Some(42), SpokeState::Synced),
            on("o-alpha00000", "exp-b", Some(42), SpokeState::Held),
            on("o-beta000000", "exp-c", Some(41), SpokeState::Stale),
            on("o-gamma00000", "exp-d", None, SpokeState::Error),
            on("o-gamma00000", "exp-e", Some(42), SpokeState::Skipped),
            SpokeStatus::whole(&never, SpokeState::Never, String::new()),
        ];
        let versions = list(&rows);
        let told: Vec<_> = versions
            .iter()
            .map(|row| (row.version.map(SnapshotVersion::get), row.organizations, row.experiences))
            .collect();
        assert_eq!(told, [(Some(42), 1, 2), (Some(41), 1, 1), (None, 1, 1)]);
        let newest = SnapshotVersion::new(42).ok();
        assert_eq!(summary(&versions, newest, false), "2 of 4 member experiences on snapshot 42, the newest");
        assert_eq!(summary(&[], None, false), "0 of 0 member experiences no snapshot yet");
    }

    #[test]
    fn many_versions_fit_a_screen_and_the_rest_is_told() {
        let rows: Vec<_> = (1..=40_u64)
            .map(|version| on("o-alpha00000", &format!("exp-{version}"), Some(version), SpokeState::Stale))
            .collect();
        let versions = list(&rows);
        assert!(summary(&versions, None, false).ends_with("; 22 versions not shown: --all"));
        assert_eq!((shown(&versions, false), shown(&versions, true)), (18, 40));
    }
}
