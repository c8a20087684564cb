//! What a spoke tells the hub: one receipt per member experience, and a sign of life per organization.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Confirmed, Digest, ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};

/// The acknowledgement of one snapshot for one member experience.
///
/// The ledger keeps one per (organization, management experience, member experience); an older version never
/// overwrites a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The member organization.
    pub organization: OrganizationId,
    /// The management experience.
    pub experience: ExperienceId,
    /// The member experience.
    pub member_experience: ExperienceId,
    /// The version that this is about.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// What came of it.
    pub status: ReceiptStatus,
    /// When the spoke took the snapshot up.
    pub received_at: Timestamp,
    /// When the experience reached the desired state; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// Products newly approved by this sync.
    pub allowed: usize,
    /// Products newly denied by this sync.
    pub denied: usize,
    /// Products that the plan names and that are not applied yet.
    pub pending: usize,
    /// Products that the filter excluded or rejected.
    pub narrowed: usize,
    /// Its most frequent reasons, the most frequent one first. Bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed_for: Vec<NarrowedFor>,
    /// Products that are set aside, each with the service's own error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<QuarantinedProduct>,
    /// The change sets of this sync, in the order in which they were started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change_sets: Vec<String>,
    /// The filter that narrowed it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterIdentity>,
    /// Who let this snapshot through past the guard rails, where someone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// The version of the spoke's program.
    pub spoke_version: String,
    /// A sentence for a person: why it is held, skipped or failed. Bounded by the writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Receipt {
    /// Whether it tells of a sync that was stopped, or is going on: the next run takes it up. A sync that came to its end,
    /// but for products that the catalog refused, is `partial`, too, and is finished.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        match self.status {
            ReceiptStatus::Applying => true,
            ReceiptStatus::Partial => self.pending > 0 || self.quarantined.is_empty(),
            ReceiptStatus::InSync | ReceiptStatus::Held | ReceiptStatus::Failed | ReceiptStatus::Skipped => false,
        }
    }
}

/// What came of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptStatus {
    /// The live state is what the snapshot and the filter ask for.
    InSync,
    /// Change sets are running.
    Applying,
    /// Not all of it: stopped before the end, and the next run goes on from the live state; or the catalog refused some
    /// products, and all others are applied. [`Receipt::is_unfinished`] tells which.
    Partial,
    /// A guard rail stopped it; an operator must confirm.
    Held,
    /// It could not be applied; nothing, or only a part, changed.
    Failed,
    /// The experience is not managed now: missing, disabled, archived or without a policy, or its filter says so.
    Skipped,
}

impl ReceiptStatus {
    /// As it is spelled in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in-sync",
            Self::Applying => "applying",
            Self::Partial => "partial",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for ReceiptStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One of a filter's reasons, and how many products it took away for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrowedFor {
    /// What was decided.
    pub verdict: Verdict,
    /// Why, in the filter's words; absent where it gave no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For how many products.
    pub products: usize,
    /// One of them.
    pub example: ProductId,
}

/// A product that is left as it is: the catalog refused it, or it could not be looked up for the filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedProduct {
    /// Which.
    pub product: ProductId,
    /// The service's own error.
    pub error: String,
    /// When that was for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// How often the catalog was asked for it.
    #[serde(default)]
    pub tries: u32,
    /// Until then it is left; absent: it is tried with the next pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<Timestamp>,
}

/// How long change sets take in an organization, as its spoke learned: the next run starts from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSetTimes {
    /// One in ten is quicker, in milliseconds.
    pub quickest_ms: u64,
    /// Half of them are quicker, in milliseconds.
    pub typical_ms: u64,
}

/// Which filter narrowed a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterIdentity {
    /// As the filter names itself.
    pub name: String,
    /// As the filter numbers itself.
    pub version: String,
    /// The digest of the component file.
    pub digest: Digest,
}

/// A sign of life of one member organization for one management experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationSeen {
    /// The member organization.
    pub organization: OrganizationId,
    /// The management experience.
    pub experience: ExperienceId,
    /// When its spoke last finished a pass, whatever came of it.
    pub last_seen: Timestamp,
    /// The account in which the spoke runs.
    pub account: AccountId,
    /// The region in which the spoke runs.
    pub region: String,
    /// How many member experiences it keeps in step.
    pub experiences: usize,
    /// The version of the spoke's program.
    pub spoke_version: String,
    /// Why the pass as a whole failed, if it did: the filter, the ledger, the listing of experiences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long change sets take there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set_times: Option<ChangeSetTimes>,
}
