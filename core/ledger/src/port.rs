//! The ports: what hub and spokes ask of the ledger.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::{
    Answers, Counts, Digest, ExperienceId, HeadMark, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt,
    Sealed, Snapshot, SnapshotVersion,
};

use crate::LedgerError;
use crate::lease::{Lease, Watched};

/// Where the history of a management experience stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The newest version that was stored, whether it was published or not.
    pub latest: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// How many items hold it.
    pub chunks: usize,
    /// The newest version that was published. Less than `latest`, or none, where the hub stopped
    /// between storing and publishing: the next run publishes it (the outbox).
    pub published: Option<SnapshotVersion>,
    /// The signed statement about this version, in its envelope; none where the hub does not sign.
    /// The ledger does not verify it.
    pub statement: Option<String>,
}

/// A version that the ledger keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptVersion {
    /// Number of the version.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// How many products it holds; none where the hub that stored it did not write that down.
    pub counts: Option<Counts>,
}

/// A snapshot to store, at a place in history that must still be free.
#[derive(Debug, Clone, Copy)]
pub struct NewSnapshot<'a> {
    /// Management experience whose history grows by this.
    pub experience: &'a ExperienceId,
    /// The newest version so far; none for the first snapshot.
    pub previous: Option<SnapshotVersion>,
    /// The version that it takes: the one after `previous`, unless the ledger is put right.
    pub version: SnapshotVersion,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// The packed content, with digest and counts.
    pub sealed: &'a Sealed,
    /// What vouches for it, where the hub signs.
    pub statement: Option<&'a str>,
}

/// What came of storing a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is the newest version now, held in this many items.
    Won {
        /// The number of items.
        chunks: usize,
    },
    /// Another hub took the version first. Nothing is written; read the head again.
    Lost,
}

/// What hub and spokes ask of the table `Snapshots`.
#[async_trait]
pub trait SnapshotStore: Debug + Send + Sync {
    /// Where history stands; none before the first snapshot.
    async fn head(&self, experience: &ExperienceId) -> Result<Option<Head>, LedgerError>;

    /// Stores a snapshot as the next version: all of it and the head in one transaction, or
    /// nothing.
    async fn store(&self, snapshot: &NewSnapshot<'_>) -> Result<Stored, LedgerError>;

    /// Replaces the head's statement, if the head is still this version with this digest: returns
    /// whether it is.
    async fn put_statement(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        digest: Digest,
        statement: &str,
    ) -> Result<bool, LedgerError>;

    /// Stores the items of the newest version again, some of which are lost or damaged. `sealed`
    /// holds the content that `head` names; no other item changes. Returns false where the head is
    /// another by now: then nothing is written.
    async fn mend(&self, experience: &ExperienceId, head: &Head, sealed: &Sealed) -> Result<bool, LedgerError>;

    /// Notes that `version` was published. An older one never overwrites a newer one.
    async fn mark_published(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        at: Timestamp,
    ) -> Result<(), LedgerError>;

    /// Reads a version, whole and verified.
    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError>;

    /// The digests of the versions that are kept, as they were stored: what a receipt is compared
    /// with. Versions that an older hub stored are missing.
    async fn digests(&self, experience: &ExperienceId) -> Result<BTreeMap<SnapshotVersion, Digest>, LedgerError>;

    /// Deletes all but the newest `keep` versions; returns how many items went.
    async fn prune(&self, experience: &ExperienceId, latest: SnapshotVersion, keep: u64) -> Result<usize, LedgerError>;
}

/// Which answers about products are the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswersHead {
    /// Their digest: what is read must have it.
    pub digest: Digest,
    /// How many items hold them.
    pub chunks: usize,
    /// How many products they answer for.
    pub products: usize,
    /// When they were stored.
    pub at: Timestamp,
}

/// What the hub found out about products, where every member can read it and none can write.
#[async_trait]
pub trait AnswerStore: Debug + Send + Sync {
    /// Which are the newest; none where the hub never stored any, as one of an earlier release does
    /// not.
    async fn latest(&self, experience: &ExperienceId) -> Result<Option<AnswersHead>, LedgerError>;

    /// Reads those that `head` names, whole and verified.
    async fn fetch(&self, experience: &ExperienceId, head: &AnswersHead) -> Result<Answers, LedgerError>;

    /// Stores answers as the newest: all of them, or nothing. For the hub.
    async fn store(&self, answers: &Answers, at: Timestamp) -> Result<AnswersHead, LedgerError>;
}

/// Version and digest as an item claims them, unchecked. They say which item is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The number as DynamoDB tells it; it need not be a version.
    pub version: String,
    /// The text that stands where the digest should.
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
    /// The member organization in whose partition it lies, or of which it speaks.
    pub organization: OrganizationId,
    /// Its sort key. Text from outside: bounded, and not clean.
    pub key: String,
    /// What is wrong with it. It may hold text from outside: bounded, and not clean.
    pub problem: String,
    /// The version and digest that it claims, where there is a number.
    pub found: Option<Found>,
}

/// What the ledger knows of one member organization, for one management experience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The organization's id, which is the partition of what it wrote.
    pub id: OrganizationId,
    /// Its sign of life, once a spoke of it finished a pass: of whichever did so last.
    pub seen: Option<OrganizationSeen>,
    /// The signs of life of its spokes, each by itself; none of older spokes.
    pub spokes: Vec<OrganizationSeen>,
    /// Its receipts, by member experience.
    pub receipts: Vec<Receipt>,
    /// What operators of the hub let through, from the partition that no member can write.
    pub confirmations: Vec<OperatorConfirmation>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl Organization {
    /// An organization of which the ledger knows nothing yet.
    #[must_use]
    pub fn unknown(id: OrganizationId) -> Self {
        let (spokes, receipts, confirmations, unreadable) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { id, seen: None, spokes, receipts, confirmations, unreadable }
    }

    /// The sign of life of one spoke; where it has left none, the organization's, unless that is
    /// another's.
    #[must_use]
    pub fn sign_of(&self, spoke: &str) -> Option<OrganizationSeen> {
        let by_itself = self.spokes.iter().find(|seen| id_of(seen) == Some(spoke));
        match by_itself {
            Some(by_itself) => Some(self.as_seen_last(by_itself)),
            None => self.seen.clone().filter(|seen| id_of(seen).is_none_or(|id| id == spoke)),
        }
    }

    /// A spoke's own sign of life, with the time at which it was last seen. A pass that finds
    /// nothing to do writes only one of two items: the spoke's own sign of life, or the
    /// organization's.
    fn as_seen_last(&self, by_itself: &OrganizationSeen) -> OrganizationSeen {
        let same = self.seen.as_ref().filter(|seen| id_of(seen).is_some() && id_of(seen) == id_of(by_itself));
        let last_seen = same.map_or(by_itself.last_seen, |seen| seen.last_seen.max(by_itself.last_seen));
        OrganizationSeen { last_seen, ..by_itself.clone() }
    }

    /// The sign of life of the spoke that wrote a receipt.
    #[must_use]
    pub fn sign_for(&self, receipt: &Receipt) -> Option<OrganizationSeen> {
        match &receipt.owner {
            Some(owner) => self.sign_of(owner),
            None => self.seen.clone(),
        }
    }

    /// The signs of life that stand, by the spoke: of each that no other has superseded, and of an
    /// older spoke.
    #[must_use]
    pub fn signs(&self) -> Vec<OrganizationSeen> {
        let stands = |seen: &&OrganizationSeen| seen.spoke.as_ref().is_none_or(|spoke| spoke.superseded_by.is_none());
        let told = |id: &str| self.spokes.iter().any(|seen| id_of(seen) == Some(id));
        let other = self.seen.as_ref().filter(|seen| id_of(seen).is_none_or(|id| !told(id)));
        let standing = self.spokes.iter().filter(stands).map(|seen| self.as_seen_last(seen));
        let mut signs: Vec<_> = standing.chain(other.filter(stands).cloned()).collect();
        signs.sort_by(|a, b| id_of(a).cmp(&id_of(b)));
        signs
    }
}

fn id_of(seen: &OrganizationSeen) -> Option<&str> {
    seen.spoke.as_ref().map(|spoke| spoke.id.as_str())
}

/// What hub and spokes ask of the table `SyncTimestamps`, but for leases and records.
#[async_trait]
pub trait ReceiptStore: Debug + Send + Sync {
    /// Writes a receipt. One for a newer version stays, unless it is still the one that was `found`
    /// and that does not match the ledger: returns whether this one was written.
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError>;

    /// As [`Self::put`], for a pass that lost its lease: what a pass that began later has written
    /// stays.
    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError>;

    /// Writes the sign of life of an organization.
    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError>;

    /// Writes the sign of life of one spoke: the one that it names.
    async fn put_spoke(&self, seen: &OrganizationSeen) -> Result<(), LedgerError>;

    /// Writes a confirmation, over an earlier one for the same experiences. For operators of the
    /// hub.
    async fn put_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<(), LedgerError>;

    /// Takes a confirmation back; whether it was there, for this version. For operators of the hub.
    async fn delete_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<bool, LedgerError>;

    /// What the ledger knows of one organization: what its spoke wrote, and what the hub's
    /// operators said. All of it; an item that cannot be read is told beside the others. A role
    /// that may not read the hub's partition is told of no confirmation.
    async fn organization(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Organization, LedgerError>;

    /// The highest version that the hub ever stored; none where no hub has written it yet.
    async fn mark(&self, experience: &ExperienceId) -> Result<Option<HeadMark>, LedgerError>;

    /// Writes the mark where it is not higher already. For the hub.
    async fn raise(&self, experience: &ExperienceId, mark: HeadMark) -> Result<(), LedgerError>;

    /// The signed statement that the spoke of this organization trusted last, in its envelope.
    /// Whoever reads it verifies it.
    async fn trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Option<String>, LedgerError>;

    /// Writes down the statement that is trusted now.
    async fn put_trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        envelope: &str,
    ) -> Result<(), LedgerError>;
}

/// The answer to asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The lease is written, and the asker holds it.
    Yes,
    /// Someone else holds it: their lease, where it could still be read.
    HeldBy(Option<Box<Lease>>),
}

/// The leases, one per member organization.
#[async_trait]
pub trait LeaseStore: Debug + Send + Sync {
    /// Writes `wanted` where [`crate::may_take`] permits it at `now`, in one conditional write: of
    /// many that ask at once, one gets it.
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError>;

    /// The lease as it is now, or was before it was given back; none before the first. One that
    /// cannot be read stands for someone unknown.
    async fn held(&self, organization: &OrganizationId) -> Result<Option<Lease>, LedgerError>;

    /// Writes `lease`, renewed or given back, where the same holder still has it.
    async fn renew(&self, lease: &Lease) -> Result<Taken, LedgerError>;
}
