//! The ports of the ledger, which hub and spokes call. Start here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::{
    Answers, Counts, Digest, Direction, ExperienceId, HeadMark, Hold, OperatorConfirmation, OrganizationId,
    OrganizationSeen, Pin, Receipt, Sealed, Snapshot, SnapshotVersion,
};

use crate::LedgerError;
use crate::large::is_stored_in_parts;
use crate::lease::{Lease, Watched};

/// The state of a management experience's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The newest version that was stored, whether it was published or not.
    pub latest: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// The number of items that hold its content.
    pub chunks: usize,
    /// The newest version that was published. If the hub stopped between storing and publishing, it
    /// is less than `latest`, or `None`, and the next run publishes `latest` (the outbox).
    pub published: Option<SnapshotVersion>,
    /// The signed statement about this version, in its envelope. `None` if the hub does not sign.
    /// The ledger does not verify it; the spoke does (rule 9).
    pub statement: Option<String>,
}

impl Head {
    /// Whether the newest version is too large for one transaction, so that spokes of releases
    /// before [`pmp_protocol::LAYOUT_OF_PARTS`] refuse it.
    #[must_use]
    pub fn is_large(&self) -> bool {
        is_stored_in_parts(self.chunks)
    }
}

/// A version that the ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptVersion {
    /// Number of the version.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// The numbers of its products. `None` if an older hub stored it without them.
    pub counts: Option<Counts>,
    /// The pin that it was stored for; none where it is what the management experience said.
    pub pinned: Option<Pin>,
}

/// A snapshot to store, at a place in history that must still be free.
#[derive(Debug, Clone, Copy)]
pub struct NewSnapshot<'a> {
    /// The management experience whose history gets the snapshot.
    pub experience: &'a ExperienceId,
    /// The newest version so far. `None` for the first snapshot.
    pub previous: Option<SnapshotVersion>,
    /// Its version: the one after `previous`, unless an operator recovers the ledger.
    pub version: SnapshotVersion,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// The packed content, with digest and counts.
    pub sealed: &'a Sealed,
    /// The signed statement about it, if the hub signs.
    pub statement: Option<&'a str>,
    /// The pin that it is stored for; none where it is what the management experience says.
    pub pinned: Option<&'a Pin>,
}

/// The result of storing a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The snapshot is the newest version now.
    Won {
        /// The number of items that hold it.
        chunks: usize,
    },
    /// Another hub took the version first. Nothing is written; read the head again.
    Lost,
}

/// The operations on the table `Snapshots`.
#[async_trait]
pub trait SnapshotStore: Debug + Send + Sync {
    /// The state of the history. `None` before the first snapshot.
    async fn head(&self, experience: &ExperienceId) -> Result<Option<Head>, LedgerError>;

    /// Stores a snapshot as the next version. The head names it once all of it is there, and it is
    /// the next version still, or never.
    async fn store(&self, snapshot: &NewSnapshot<'_>) -> Result<Stored, LedgerError>;

    /// Replaces the head's statement if the head still has this version and digest. Returns whether
    /// it has.
    async fn put_statement(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        digest: Digest,
        statement: &str,
    ) -> Result<bool, LedgerError>;

    /// Stores the items of the newest version again, after some were lost or damaged. `sealed`
    /// holds the content that `head` names; no other item changes. Returns `false`, and writes
    /// nothing, if the head has changed.
    async fn mend(&self, experience: &ExperienceId, head: &Head, sealed: &Sealed) -> Result<bool, LedgerError>;

    /// Records that `version` was published. An older one never overwrites a newer one.
    async fn mark_published(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        at: Timestamp,
    ) -> Result<(), LedgerError>;

    /// Reads a version, whole and verified.
    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError>;

    /// The digests of the versions that are kept, as the hub stored them. Receipts are compared
    /// with them (rule 10). Versions that an older hub stored are missing.
    async fn digests(&self, experience: &ExperienceId) -> Result<BTreeMap<SnapshotVersion, Digest>, LedgerError>;

    /// Deletes all but the newest `keep` versions and those that are `pinned`. Returns the number
    /// of deleted items.
    async fn prune(
        &self,
        experience: &ExperienceId,
        latest: SnapshotVersion,
        keep: u64,
        pinned: &BTreeSet<SnapshotVersion>,
    ) -> Result<usize, LedgerError>;
}

/// Names the newest answers about products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswersHead {
    /// Their digest. Answers that are read must have it.
    pub digest: Digest,
    /// The number of items that hold them.
    pub chunks: usize,
    /// The number of products that they answer for.
    pub products: usize,
    /// When they were stored.
    pub at: Timestamp,
}

/// The hub's facts about products. Every member can read them, and none can write them.
#[async_trait]
pub trait AnswerStore: Debug + Send + Sync {
    /// The newest answers. `None` if the hub never stored any; earlier releases do not.
    async fn latest(&self, experience: &ExperienceId) -> Result<Option<AnswersHead>, LedgerError>;

    /// Reads the answers that `head` names, whole and verified (rule 0).
    async fn fetch(&self, experience: &ExperienceId, head: &AnswersHead) -> Result<Answers, LedgerError>;

    /// The newest answers, with their head. `None` if the hub never stored any.
    async fn newest(&self, experience: &ExperienceId) -> Result<Option<(AnswersHead, Answers)>, LedgerError> {
        match self.latest(experience).await? {
            Some(head) => self.fetch_or_newer(experience, head).await.map(Some),
            None => Ok(None),
        }
    }

    /// The answers that `head` names. If the hub has replaced them twice meanwhile, they are
    /// deleted, and the newest ones are fetched instead.
    async fn fetch_or_newer(
        &self,
        experience: &ExperienceId,
        head: AnswersHead,
    ) -> Result<(AnswersHead, Answers), LedgerError> {
        let error = match self.fetch(experience, &head).await {
            Ok(answers) => return Ok((head, answers)),
            Err(error) => error,
        };
        match self.latest(experience).await? {
            Some(newer) if newer.digest != head.digest => {
                let answers = self.fetch(experience, &newer).await?;
                Ok((newer, answers))
            }
            _ => Err(error),
        }
    }

    /// Stores answers as the newest, all of them or nothing. For the hub.
    async fn store(&self, answers: &Answers, at: Timestamp) -> Result<AnswersHead, LedgerError>;
}

/// Version and digest as an item claims them, unchecked. They identify the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The number as DynamoDB returns it. It need not be a valid version.
    pub version: String,
    /// The text in place of the digest.
    pub digest: Option<String>,
}

impl Found {
    /// Version and digest of a receipt that could be read.
    #[must_use]
    pub fn of(receipt: &Receipt) -> Self {
        Self { version: receipt.version.to_string(), digest: Some(receipt.digest.to_string()) }
    }
}

/// An item that cannot be read. Every other item is read all the same (rule 11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The member organization that owns the partition, or that the item is about.
    pub organization: OrganizationId,
    /// Its sort key. It is text from outside: bounded, but not made harmless (rule 14).
    pub key: String,
    /// The fault. It may contain text from outside: bounded, but not made harmless (rule 14).
    pub problem: String,
    /// The version and digest that it claims. `None` if it has no number.
    pub found: Option<Found>,
}

/// A direction as it lies in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directed {
    /// What it says, unverified.
    pub direction: Direction,
    /// The signed statement of it, in its envelope; none where the hub does not sign. The ledger
    /// does not verify it.
    pub statement: Option<String>,
}

/// What lies where a direction may lie. What could not be read never means that there is none (rule
/// 12 of the design).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Said {
    /// Nothing lies there at all.
    #[default]
    Nothing,
    /// A direction that can be read.
    Directed(Box<Directed>),
    /// An item that is no direction, in words. They may hold text from outside: bounded, and not
    /// clean.
    Unreadable(String),
    /// The role may not read it: an earlier release's template made it.
    NotPermitted,
}

impl Said {
    /// The direction, where there is one that can be read.
    #[must_use]
    pub fn direction(&self) -> Option<&Direction> {
        match self {
            Self::Directed(directed) => Some(&directed.direction),
            Self::Nothing | Self::Unreadable(_) | Self::NotPermitted => None,
        }
    }
}

/// The directions for single organizations, as the hub finds them in their copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directions {
    /// Those that can be read, by organization.
    pub found: BTreeMap<OrganizationId, Directed>,
    /// Those that cannot, in words.
    pub unreadable: Vec<(OrganizationId, String)>,
}

/// Everything that the ledger knows of one member organization, for one management experience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The organization's id, which is also the partition of its own items.
    pub id: OrganizationId,
    /// The sign of life of the spoke that finished a pass last. `None` before the first pass.
    pub seen: Option<OrganizationSeen>,
    /// The signs of life of single spokes. Older spokes write none.
    pub spokes: Vec<OrganizationSeen>,
    /// Its receipts, by member experience.
    pub receipts: Vec<Receipt>,
    /// Confirmations of the hub's operators, from the partition that no member can write.
    pub confirmations: Vec<OperatorConfirmation>,
    /// What operators of the hub direct for it. The hub's reports leave it out: it reads all
    /// directions at once.
    pub direction: Said,
    /// The organization's own hold.
    pub hold: Option<Hold>,
    /// Items that could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl Organization {
    /// An organization that the ledger does not know yet.
    #[must_use]
    pub fn unknown(id: OrganizationId) -> Self {
        let (spokes, receipts, confirmations, unreadable) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (direction, hold) = (Said::Nothing, None);
        Self { id, seen: None, spokes, receipts, confirmations, direction, hold, unreadable }
    }

    /// The sign of life of one spoke. If it has written none, the organization's, unless that is
    /// another spoke's.
    #[must_use]
    pub fn sign_of(&self, spoke: &str) -> Option<&OrganizationSeen> {
        let by_itself = self.spokes.iter().find(|seen| id_of(seen) == Some(spoke));
        by_itself.or_else(|| self.seen.as_ref().filter(|seen| id_of(seen).is_none_or(|id| id == spoke)))
    }

    /// The sign of life of the spoke that wrote this receipt.
    #[must_use]
    pub fn sign_for(&self, receipt: &Receipt) -> Option<&OrganizationSeen> {
        match &receipt.owner {
            Some(owner) => self.sign_of(owner),
            None => self.seen.as_ref(),
        }
    }

    /// The signs of life that count: those of spokes that no other spoke has superseded, and that
    /// of an older spoke.
    #[must_use]
    pub fn signs(&self) -> Vec<&OrganizationSeen> {
        let stands = |seen: &&OrganizationSeen| seen.spoke.as_ref().is_none_or(|spoke| spoke.superseded_by.is_none());
        let told = |id: &str| self.spokes.iter().any(|seen| id_of(seen) == Some(id));
        let other = self.seen.as_ref().filter(|seen| id_of(seen).is_none_or(|id| !told(id)));
        let mut signs: Vec<_> = self.spokes.iter().chain(other).filter(stands).collect();
        signs.sort_by(|a, b| id_of(a).cmp(&id_of(b)));
        signs
    }

    /// Why the last pass of a spoke failed, where one did.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.signs().into_iter().find_map(|seen| seen.error.as_deref())
    }

    /// The same, where each spoke's own sign of life says when it was seen last by either of two
    /// items: a pass that finds nothing to do writes only one of them, its own or the
    /// organization's. For whoever reads the items.
    pub(crate) fn seen_by_either_item(mut self) -> Self {
        // Protocol R14.
        if let Some(seen) = &self.seen
            && let Some(id) = id_of(seen)
        {
            for own in self.spokes.iter_mut().filter(|own| id_of(own) == Some(id)) {
                own.last_seen = own.last_seen.max(seen.last_seen);
            }
        }
        self
    }
}

fn id_of(seen: &OrganizationSeen) -> Option<&str> {
    seen.spoke.as_ref().map(|spoke| spoke.id.as_str())
}

/// The public keys that a hub signed directions with: of now, and before each change of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignedWith {
    /// How often it was written; 0 where it never was.
    pub generation: u64,
    /// Each as PEM, the newest last.
    pub keys: Vec<String>,
}

/// The operations on the table `SyncTimestamps`, except for leases and records.
#[async_trait]
pub trait ReceiptStore: Debug + Send + Sync {
    /// Writes a receipt, unless the ledger holds one that is later in its order
    /// ([`Receipt::order`]). It replaces a later one only if that is still the one that was `found`
    /// and does not match the ledger. Returns whether it was written.
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError>;

    /// Writes a receipt as [`Self::put`] does, for a pass that lost its lease: the receipt of a
    /// pass that began later stays.
    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError>;

    /// Writes the sign of life of an organization.
    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError>;

    /// Writes the sign of life of the spoke that `seen` names.
    async fn put_spoke(&self, seen: &OrganizationSeen) -> Result<(), LedgerError>;

    /// Writes a confirmation, and replaces an earlier one for the same experiences. For operators
    /// of the hub.
    async fn put_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<(), LedgerError>;

    /// The confirmations of the hub's operators for one organization, and nothing that the
    /// organization wrote: whatever that is, they can be told and taken back (rule 11). Items that
    /// cannot be read are listed beside them. For operators of the hub.
    async fn confirmations(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Organization, LedgerError> {
        let Organization { id, confirmations, .. } = self.organization(organization, experience).await?;
        Ok(Organization { confirmations, ..Organization::unknown(id) })
    }

    /// Deletes a confirmation. Returns whether there was one for this version. For operators of the
    /// hub.
    async fn delete_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<bool, LedgerError>;

    /// Reads all items of one organization: those that its spokes wrote, and those of the hub's
    /// operators. Items that cannot be read are listed beside the others. A role that may not read
    /// the hub's partition gets no confirmations.
    async fn organization(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Organization, LedgerError>;

    /// What operators of the hub direct for one organization, or for the fleet.
    async fn direction(
        &self,
        experience: &ExperienceId,
        organization: Option<&OrganizationId>,
    ) -> Result<Said, LedgerError>;

    /// The directions for all organizations that have one. For the hub.
    async fn directions(&self, experience: &ExperienceId) -> Result<Directions, LedgerError>;

    /// Writes a direction over the one of the generation `before`, which is 0 where there is none.
    /// Returns false where that is another one by now: then nothing is written. For operators of
    /// the hub.
    async fn put_direction(&self, directed: &Directed, before: u64) -> Result<bool, LedgerError>;

    /// The public keys that the hub signed directions with. For the hub and its operators.
    async fn signed_with(&self, experience: &ExperienceId) -> Result<SignedWith, LedgerError>;

    /// Writes these keys over those of the generation `before`. Returns false where they are others
    /// by now: then nothing is written. For the hub and its operators.
    async fn put_signed_with(
        &self,
        experience: &ExperienceId,
        keys: &[String],
        before: u64,
    ) -> Result<bool, LedgerError>;

    /// Writes an organization's own hold, over an earlier one.
    async fn put_hold(&self, organization: &OrganizationId, hold: &Hold) -> Result<(), LedgerError>;

    /// The signed direction that the spoke of this organization trusted last, in its envelope: the
    /// fleet's, or its own. Whoever reads it verifies it.
    async fn trusted_direction(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        of_the_fleet: bool,
    ) -> Result<Option<String>, LedgerError>;

    /// Writes down a signed direction that is trusted now: the fleet's, or the organization's own.
    async fn put_trusted_direction(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        of_the_fleet: bool,
        envelope: &str,
    ) -> Result<(), LedgerError>;

    /// The highest version that the hub ever stored. `None` if no hub has written it yet.
    async fn mark(&self, experience: &ExperienceId) -> Result<Option<HeadMark>, LedgerError>;

    /// Raises the mark, unless it is higher already. For the hub.
    async fn raise(&self, experience: &ExperienceId, mark: HeadMark) -> Result<(), LedgerError>;

    /// The signed statement that the spoke of this organization trusted last, in its envelope. The
    /// caller must verify it.
    async fn trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Option<String>, LedgerError>;

    /// Stores the statement that the spoke trusts now.
    async fn put_trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        envelope: &str,
    ) -> Result<(), LedgerError>;
}

/// The answer to a request for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The lease is written, and the caller holds it.
    Yes,
    /// Somebody else holds it. Their lease is `None` if it could not be read any more.
    HeldBy(Option<Box<Lease>>),
}

/// The leases, one per member organization.
#[async_trait]
pub trait LeaseStore: Debug + Send + Sync {
    /// Writes `wanted` if [`crate::may_take`] permits it at `now`, in one conditional write. So of
    /// many concurrent callers one gets it.
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError>;

    /// The present lease, also after it was given back. `None` before the first one. One that
    /// cannot be read has an unknown holder.
    async fn held(&self, organization: &OrganizationId) -> Result<Option<Lease>, LedgerError>;

    /// Writes `lease`, renewed or given back, if the same holder still has it.
    async fn renew(&self, lease: &Lease) -> Result<Taken, LedgerError>;
}
