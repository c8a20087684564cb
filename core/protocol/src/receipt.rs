//! What a spoke tells the hub: one receipt per member experience, and a sign of life per
//! organization.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Confirmed, Digest, Drift, ExperienceId, FilterInput, Halted, Hold, Left, OrganizationId, Paused,
    ProductId, Recorded, SnapshotVersion, SpokeScope, Verdict, WindowsSaid, WouldChange,
};

/// The acknowledgement of one snapshot for one member experience: what was tried, and what stands.
///
/// The fields `version`, `digest`, `received_at` and `status` say what was *tried*
/// ([`Self::tried`]). What is *applied* ([`Self::applied`]) may be an older snapshot: a refusal
/// never hides what is in force.
///
/// The ledger keeps one per (organization, management experience, member experience); an older
/// version of the same line never overwrites a newer one, and an older line none of a newer one
/// ([`Self::order`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
// Protocol R1.
pub struct Receipt {
    /// Member organization that the spoke works for.
    pub organization: OrganizationId,
    /// Management experience that the spoke follows.
    pub experience: ExperienceId,
    /// Member experience that this is about.
    pub member_experience: ExperienceId,
    /// The version that this is about.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// How often the organization's pin was changed before this sync; absent where it never was,
    /// and in receipts of older spokes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub line: u64,
    /// What came of it.
    pub status: ReceiptStatus,
    /// Why nothing is changed for now, where a pause holds it; absent in all other receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// What change windows said when this sync started change sets; absent where it started none,
    /// where there are no windows, and in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsSaid>,
    /// When the spoke took the snapshot up.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub received_at: Timestamp,
    /// When the experience reached the desired state of this snapshot; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DateTime>"))]
    pub applied_at: Option<Timestamp>,
    /// The snapshot that the experience was brought to last; absent until the first, and in
    /// receipts of older spokes. [`Self::applied`] reads both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// Products newly approved for this snapshot, by all passes until it was in step; in receipts
    /// of older spokes by the last one.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub allowed: usize,
    /// Products newly denied for it.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub denied: usize,
    /// Products that the plan names and that are not applied yet.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub pending: usize,
    /// What it would change, where the spoke only observes; absent in receipts of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_change: Option<WouldChange>,
    /// How the experience was left; absent where that is not known, and in receipts of older
    /// spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// What others changed in it, as far as that was noticed lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Products that the filter excluded or rejected.
    #[serde(
        rename = "narrowed",
        deserialize_with = "crate::products::read",
        serialize_with = "crate::products::write"
    )]
    pub filtered: usize,
    /// Its most frequent reasons, the most frequent one first. Bounded by the writer.
    #[serde(default, rename = "narrowed_for", skip_serializing_if = "Vec::is_empty")]
    pub filtered_for: Vec<FilteredFor>,
    /// What the filter found odd, such as a vendor in its settings that no product has. Bounded by
    /// the writer; absent in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter_warnings: Vec<String>,
    /// Products that are left as they are, each with the service's own error. Bounded by the
    /// writer.
    #[serde(default, rename = "quarantined", skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
    /// The change sets of these passes, in the order in which they were started. Of earlier ones
    /// the newest; bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change_sets: Vec<String>,
    /// The last of them, where its spoke had not seen it end when it wrote this: its products are
    /// in no number yet. Absent otherwise, and in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// The filter that narrowed it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterIdentity>,
    /// What the filter was given beside the products, so that the hub can run it again for a plan;
    /// absent where its spoke does not share that, and in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_input: Option<FilterInput>,
    /// Who let this snapshot through past the guard rails, where someone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// What this and earlier syncs took away lately, the oldest first: the guard rails judge a plan
    /// together with it. Bounded by the writer; absent in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removals: Vec<Removal>,
    /// The spoke that wrote it, where the organization may have several ([`SpokeScope::id`]);
    /// absent in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How far the record of decisions and outcomes goes; absent in receipts of older spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// The version of the spoke's program.
    pub spoke_version: String,
    /// A sentence for a person: why it is held, skipped or failed. Bounded by the writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Receipt {
    /// What was tried last, and what came of it.
    #[must_use]
    pub fn tried(&self) -> Attempt {
        // Protocol R2.
        Attempt { version: self.version, digest: self.digest, at: self.received_at, outcome: self.status }
    }

    /// Whether its spoke began with a version that was halted. What waits for a person or for a
    /// time has not begun.
    #[must_use]
    pub fn has_begun(&self, halted: &Halted) -> bool {
        // Protocol D15.
        let is_it = (self.version, self.digest) == (halted.version, halted.digest);
        is_it && self.paused.is_none() && !matches!(self.status, ReceiptStatus::Held | ReceiptStatus::Skipped)
    }

    /// The place of this receipt among all for the experience: the line first, and the version
    /// within it. Only the hub's operators begin a line, by a change of the organization's pin.
    #[must_use]
    pub fn order(&self) -> (u64, SnapshotVersion) {
        // Protocol R3.
        (self.line, self.version)
    }

    /// The snapshot that is in force; none before the first. A spoke that wrote no such thing yet,
    /// and is in step, has its own snapshot in force.
    #[must_use]
    pub fn applied(&self) -> Option<Applied> {
        self.applied.or_else(|| {
            let at = self.applied_at.filter(|_| self.status == ReceiptStatus::InSync)?;
            Some(Applied { version: self.version, digest: self.digest, at })
        })
    }

    /// Whether the experience is one that its spoke looks after: kept in step, or observed. One
    /// that is skipped is neither.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.status != ReceiptStatus::Skipped || self.would_change.is_some()
    }

    /// Whether it tells of a sync that was stopped, or is going on: the next run takes it up. A
    /// sync that came to its end, but for products that the catalog refused, is `partial`, too, and
    /// is finished.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        match self.status {
            ReceiptStatus::Applying => true,
            // What others set, and the spoke leaves, is the end of it, too.
            ReceiptStatus::Partial if self.drift.as_ref().is_some_and(|drift| drift.rest_applied) => false,
            ReceiptStatus::Partial => self.pending > 0 || self.deferred.is_empty(),
            ReceiptStatus::InSync | ReceiptStatus::Held | ReceiptStatus::Failed | ReceiptStatus::Skipped => false,
        }
    }
}

/// Approved products that a sync took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Removal {
    /// When the sync began.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// How many it took away.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub removed: usize,
    /// How many were approved before.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub approved: usize,
}

/// A snapshot that a spoke tried to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// Version of the snapshot.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the spoke took it up.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// What came of it.
    pub outcome: ReceiptStatus,
}

/// A snapshot that is in force in a member experience, whatever was tried since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Applied {
    /// Version of the snapshot.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the experience reached what it asks for.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
}

/// What came of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
// Protocol R1.
pub enum ReceiptStatus {
    /// The live state is what the snapshot and the filter ask for.
    InSync,
    /// Change sets are running.
    Applying,
    /// Not all of it: stopped before the end, and the next run goes on from the live state; or the
    /// catalog refused some products, and all others are applied. [`Receipt::is_unfinished`] tells
    /// which.
    Partial,
    /// A guard rail stopped it; an operator must confirm.
    Held,
    /// It could not be applied; nothing, or only a part, changed.
    Failed,
    /// The experience is not managed now: missing, disabled, archived or without a policy, or its
    /// filter says so. With [`Receipt::would_change`], it is observed, and something would change.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilteredFor {
    /// What the filter decided about them.
    pub verdict: Verdict,
    /// Why, in the filter's words; absent where it gave no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For how many products.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub products: usize,
    /// One of these products, for whoever wants to look.
    pub example: ProductId,
}

/// A product that a pass leaves as it is, for a later pass to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "QuarantinedProduct"))]
pub struct Deferred {
    /// The product that is left as it is.
    pub product: ProductId,
    /// Which of the two services could not do its part. Absent for a refusal, and in receipts of
    /// older spokes, which did not tell the two apart.
    #[serde(default, skip_serializing_if = "DeferralReason::is_refused")]
    pub reason: DeferralReason,
    /// The service's own error.
    pub error: String,
    /// When that was for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DateTime>"))]
    pub first_seen: Option<Timestamp>,
    /// How often the catalog was asked for it.
    #[serde(default)]
    pub tries: u32,
    /// Until then it is left; absent: it is tried with the next pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DateTime>"))]
    pub next_try: Option<Timestamp>,
}

/// Why a product is left as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeferralReason {
    /// The catalog refused to change it.
    #[default]
    Refused,
    /// It could not be looked up for the filter, so that the filter could not judge it.
    NotLookedUp,
}

impl DeferralReason {
    fn is_refused(&self) -> bool {
        *self == Self::Refused
    }
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilterIdentity {
    /// As the filter names itself.
    pub name: String,
    /// As the filter numbers itself.
    pub version: String,
    /// The digest of the component file.
    pub digest: Digest,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The layout of the ledger that a spoke reads, as its sign of life tells it.
// Protocol D13.
pub const LEDGER_LAYOUT: u32 = LAYOUT_OF_PARTS;
/// From this layout on, what the hub's operators say about an organization lies in a partition that
/// nobody there can write.
pub const LAYOUT_OF_CONFIRMATIONS: u32 = 2;
/// From this layout on, a spoke obeys directions: pins and pauses.
pub const LAYOUT_OF_DIRECTIONS: u32 = 3;
/// From this layout on, a spoke takes only the version that waves let it take.
pub const LAYOUT_OF_WAVES: u32 = 4;
/// From this layout on, a spoke obeys the fleet's change windows.
pub const LAYOUT_OF_WINDOWS: u32 = 5;
/// From this layout on, a spoke starts no change set for a version that was halted.
pub const LAYOUT_OF_HALTS: u32 = 6;
/// From this layout on, a spoke reads snapshots that are too large for one transaction.
pub const LAYOUT_OF_PARTS: u32 = 7;

/// A sign of life of one member organization for one management experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationSeen {
    /// Member organization that the spoke works for.
    pub organization: OrganizationId,
    /// Management experience that the spoke follows.
    pub experience: ExperienceId,
    /// When its spoke last finished a pass, whatever came of it.
    pub last_seen: Timestamp,
    /// The account in which the spoke runs.
    pub account: AccountId,
    /// The region in which the spoke runs.
    pub region: String,
    /// How many member experiences it keeps in step; where it speaks for all spokes of the
    /// organization, all of them together.
    pub experiences: usize,
    /// Which of the organization's spokes it is; absent in signs of life of older spokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoke: Option<SpokeScope>,
    /// The version of the spoke's program.
    pub spoke_version: String,
    /// Why the pass as a whole failed, if it did: the filter, the ledger, the listing of
    /// experiences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long change sets take there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set_times: Option<ChangeSetTimes>,
    /// What the spoke lacks to follow the hub, where a message told of something that it does not
    /// know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// Which layout of the ledger the spoke reads ([`LEDGER_LAYOUT`]); absent in signs of life of
    /// earlier spokes, which look for confirmations in the organization's own partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<u32>,
    /// The member's own hold, as long as it lasts, and until a day after the hub's bound ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Receipts that the spoke found in its own partition and that do not match the ledger, the
    /// newest last. They are replaced by then; they are told for a day. Bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputed: Vec<DisputedReceipt>,
    /// The settings of its filters, where it shares them: receipts name them by their digest.
    /// Bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter_settings: Vec<String>,
}

/// What a spoke lacks to follow its hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The schema of a message that it does not read: it takes a newer spoke.
    pub schema: String,
}

/// A receipt for a snapshot that the hub never stored so: forged, or damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputedReceipt {
    /// The member experience that it names.
    pub member_experience: ExperienceId,
    /// The version that it claims.
    pub version: SnapshotVersion,
    /// The digest that it claims.
    pub digest: Digest,
    /// When the spoke found it.
    pub found_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receipt as spokes wrote it before receipts told what is applied.
    const OLD_RECEIPT: &str = r#"{"organization":"o-alpha00000","experience":"exp-management","member_experience":"exp-member",
        "version":41,"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","status":"in-sync",
        "received_at":"2026-11-24T12:00:00Z","applied_at":"2026-11-24T12:00:07Z","allowed":3,"denied":1,"pending":0,
        "narrowed":0,"spoke_version":"0.1.0"}"#;
    const OLD_SEEN: &str = r#"{"organization":"o-alpha00000","experience":"exp-management",
        "last_seen":"2026-11-24T12:00:08Z","account":"222222222222","region":"us-east-1","experiences":1,
        "spoke_version":"0.1.0","error":"the filter trapped","change_set_times":{"quickest_ms":900,"typical_ms":1100}}"#;

    #[test]
    fn an_old_receipt_that_is_in_step_has_its_own_snapshot_in_force() {
        let receipt: Receipt = serde_json::from_str(OLD_RECEIPT).unwrap();
        let (version, digest) = (SnapshotVersion::new(41).unwrap(), receipt.digest);
        let at = "2026-11-24T12:00:07Z".parse().unwrap();
        assert_eq!(receipt.applied(), Some(Applied { version, digest, at }));
        let at = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(receipt.tried(), Attempt { version, digest, at, outcome: ReceiptStatus::InSync });
        // One that is not in step says nothing of what is in force.
        let failed: Receipt = serde_json::from_str(&OLD_RECEIPT.replace("in-sync", "failed")).unwrap();
        assert_eq!(failed.applied(), None);
    }

    #[test]
    fn a_refusal_does_not_hide_what_is_in_force_and_an_older_reader_reads_it_as_ever() {
        // Protocol R2.
        let mut receipt: Receipt = serde_json::from_str(OLD_RECEIPT).unwrap();
        receipt.applied = receipt.applied();
        receipt.version = receipt.version.next();
        receipt.status = ReceiptStatus::Held;
        let json = serde_json::to_value(&receipt).unwrap();
        assert_eq!((&json["version"], &json["status"]), (&42.into(), &"held".into()), "what was tried stays flat");
        assert_eq!(json["applied"]["version"], 41);
        assert_eq!(serde_json::from_value::<Receipt>(json).unwrap(), receipt);
    }

    #[test]
    fn an_old_sign_of_life_is_read_and_a_new_one_without_more_to_tell_is_written_alike() {
        // Protocol L16.
        let seen: OrganizationSeen = serde_json::from_str(OLD_SEEN).unwrap();
        assert_eq!((&seen.needs, seen.disputed.len()), (&None, 0));
        let old: serde_json::Value = serde_json::from_str(OLD_SEEN).unwrap();
        assert_eq!(serde_json::to_value(&seen).unwrap(), old);
    }
}
