//! What an operator lets through: for exactly one snapshot, what a guard rail would hold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, ExperienceId, OrganizationId, Snapshot, SnapshotVersion};

/// Who confirmed a snapshot, and when: for receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confirmed {
    /// The caller, as STS names it.
    pub by: String,
    /// When it was confirmed, by the operator's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
}

/// A confirmation that an operator of the hub left in the ledger for one member organization.
///
/// It counts for exactly one version with exactly one content, and so ends by itself when the
/// version moves on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorConfirmation {
    /// Member organization for which it counts.
    pub organization: OrganizationId,
    /// Management experience whose snapshot is let through.
    pub experience: ExperienceId,
    /// The member experience; none for all of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_experience: Option<ExperienceId>,
    /// The version that is let through.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// Who let it through, and when.
    pub confirmed: Confirmed,
}

impl OperatorConfirmation {
    /// Whether it lets `version` with the content of `digest` through for `member`.
    #[must_use]
    pub fn covers(&self, version: SnapshotVersion, digest: Digest, member: &ExperienceId) -> bool {
        // Protocol D14.
        (self.version, self.digest) == (version, digest)
            && self.member_experience.as_ref().is_none_or(|confirmed| confirmed == member)
    }
}

/// Who let `snapshot` through for `member`, where someone did.
#[must_use]
pub fn confirmed<'a>(
    confirmations: &'a [OperatorConfirmation],
    snapshot: &Snapshot,
    member: &ExperienceId,
) -> Option<&'a Confirmed> {
    let mut confirmations = confirmations.iter();
    let covering = confirmations.find(|it| it.covers(snapshot.version(), snapshot.digest(), member));
    covering.map(|confirmation| &confirmation.confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_covers_one_version_with_one_content_and_the_experiences_it_names() {
        // Protocol D14.
        let id = |id: &str| ExperienceId::new(id).unwrap();
        let confirmation = |member: Option<&str>| OperatorConfirmation {
            organization: OrganizationId::new("o-alpha00000").unwrap(),
            experience: id("exp-management"),
            member_experience: member.map(id),
            version: SnapshotVersion::FIRST,
            digest: Digest::of(b"content"),
            confirmed: Confirmed { by: "arn:someone".into(), at: "2026-11-24T12:00:00Z".parse().unwrap() },
        };
        let (all, one) = (confirmation(None), confirmation(Some("exp-a")));
        let covers = |it: &OperatorConfirmation, member: &str| {
            it.covers(SnapshotVersion::FIRST, Digest::of(b"content"), &id(member))
        };
        assert!(covers(&all, "exp-a") && covers(&all, "exp-b"));
        assert!(covers(&one, "exp-a") && !covers(&one, "exp-b"));
        assert!(!all.covers(SnapshotVersion::FIRST.next(), Digest::of(b"content"), &id("exp-a")));
        assert!(!all.covers(SnapshotVersion::FIRST, Digest::of(b"other"), &id("exp-a")));
    }
    #[test]
    fn a_confirmation_is_written_as_ever() {
        let old = r#"{"organization":"o-alpha00000","experience":"exp-management","version":41,
            "digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "confirmed":{"by":"arn:aws:iam::111111111111:root","at":"2026-11-24T12:00:00Z"}}"#;
        let read: OperatorConfirmation = serde_json::from_str(old).unwrap();
        let old: serde_json::Value = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), old);
    }
}
