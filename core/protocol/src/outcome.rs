//! What came of a sync, as it is kept for later: a receipt says how things stand, outcomes say how
//! they came to stand so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Confirmed, Digest, ExperienceId, FilterIdentity, OrganizationId, Outside, PlainText, Receipt, ReceiptStatus,
    SnapshotVersion,
};

/// How many outcomes are kept for each member experience.
pub const MAX_OUTCOMES: u64 = 100;
/// The most change sets that an outcome names: the last ones.
const MAX_CHANGE_SETS: usize = 20;
/// The longest error, in bytes: a hundred of them are read at once.
const MAX_ERROR: usize = 400;

/// One line of an experience's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// Member organization of the experience.
    pub organization: OrganizationId,
    /// Management experience that it follows.
    pub experience: ExperienceId,
    /// Member experience that was brought into step.
    pub member_experience: ExperienceId,
    /// When the sync ended, by the spoke's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// When the spoke took the snapshot up.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub received_at: Timestamp,
    /// Version of the snapshot that was applied, or was to be.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// What came of it.
    pub status: ReceiptStatus,
    /// Products that were newly approved, by all passes for this snapshot.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub allowed: usize,
    /// Products that were newly denied, by all passes for this snapshot.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub denied: usize,
    /// Products that were still to be changed.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub pending: usize,
    /// Products that the filter took away.
    #[serde(
        rename = "narrowed",
        deserialize_with = "crate::products::read",
        serialize_with = "crate::products::write"
    )]
    pub filtered: usize,
    /// Products that were set aside.
    #[serde(rename = "set_aside")]
    pub deferred: usize,
    /// How many change sets there were.
    pub change_sets: usize,
    /// The last ones of them, in the order in which they were started; absent where there was none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change_set_ids: Vec<String>,
    /// The filter; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterIdentity>,
    /// Who let it through past the guard rails; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// Who let the member's own change windows be disregarded; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
    /// Which of the organization's spokes it was; absent of older ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The version of its program.
    pub spoke_version: String,
    /// Why it is held, skipped or failed; absent where it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Outcome {
    /// That of `receipt`, which was written `at`.
    #[must_use]
    pub fn of(receipt: &Receipt, at: Timestamp) -> Self {
        let ids = &receipt.change_sets;
        Self {
            organization: receipt.organization.clone(),
            experience: receipt.experience.clone(),
            member_experience: receipt.member_experience.clone(),
            at,
            received_at: receipt.received_at,
            version: receipt.version,
            digest: receipt.digest,
            status: receipt.status,
            allowed: receipt.allowed,
            denied: receipt.denied,
            pending: receipt.pending,
            filtered: receipt.filtered,
            deferred: receipt.deferred.len(),
            change_sets: ids.len(),
            change_set_ids: ids[ids.len().saturating_sub(MAX_CHANGE_SETS)..].to_vec(),
            filter: receipt.filter.clone(),
            confirmed: receipt.confirmed.clone(),
            outside: receipt.windows.as_ref().and_then(|said| said.outside.clone()),
            owner: receipt.owner.clone(),
            spoke_version: receipt.spoke_version.clone(),
            error: receipt.error.as_deref().map(|error| PlainText::bounded(error, MAX_ERROR).into()),
        }
    }
}

/// Whether `now` says something that `before` did not: another snapshot, another outcome, or a
/// change set.
#[must_use]
pub fn is_news(before: Option<&Receipt>, now: &Receipt) -> bool {
    let said = |receipt: &Receipt| {
        let Receipt { version, digest, status, error, change_sets, .. } = receipt;
        (*version, *digest, *status, error.clone(), change_sets.clone())
    };
    // What is not managed stays so with each new snapshot.
    let still_skipped =
        |before: &Receipt| [before.status, now.status] == [ReceiptStatus::Skipped; 2] && before.error == now.error;
    before.is_none_or(|before| said(before) != said(now) && !still_skipped(before))
}
