//! The ports: what hub and spokes ask of the ledger.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::{
    Digest, ExperienceId, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt, Sealed, Snapshot,
    SnapshotVersion,
};

use crate::LedgerError;
use crate::lease::{Lease, Watched};

/// Where the history of a management experience stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The newest version.
    pub latest: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// How many items hold it.
    pub chunks: usize,
    /// The newest version that was published. Less than `latest`, or none, where the hub stopped between storing and
    /// publishing: the next run publishes it (the outbox).
    pub published: Option<SnapshotVersion>,
}

/// A snapshot to store, at a place in history that must still be free.
#[derive(Debug, Clone)]
pub struct NewSnapshot<'a> {
    /// The management experience.
    pub experience: &'a ExperienceId,
    /// The newest version so far; none for the first snapshot.
    pub previous: Option<SnapshotVersion>,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// The content.
    pub sealed: &'a Sealed,
}

impl NewSnapshot<'_> {
    /// The version that it takes: the one after `previous`.
    #[must_use]
    pub fn version(&self) -> SnapshotVersion {
        self.previous.map_or(SnapshotVersion::FIRST, SnapshotVersion::next)
    }
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

/// The `Snapshots` table.
#[async_trait]
pub trait SnapshotStore: Debug + Send + Sync {
    /// Where history stands; none before the first snapshot.
    async fn head(&self, experience: &ExperienceId) -> Result<Option<Head>, LedgerError>;

    /// Stores a snapshot as the next version: all of it and the head in one transaction, or nothing.
    async fn store(&self, snapshot: &NewSnapshot<'_>) -> Result<Stored, LedgerError>;

    /// Notes that `version` was published. An older one never overwrites a newer one.
    async fn mark_published(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        at: Timestamp,
    ) -> Result<(), LedgerError>;

    /// Reads a version, whole and verified.
    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError>;

    /// Deletes all but the newest `keep` versions; returns how many items went.
    async fn prune(&self, experience: &ExperienceId, latest: SnapshotVersion, keep: u64) -> Result<usize, LedgerError>;
}

/// What the ledger knows of one member organization, for one management experience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Which.
    pub id: OrganizationId,
    /// Its sign of life, once its spoke finished a pass.
    pub seen: Option<OrganizationSeen>,
    /// Its receipts, by member experience.
    pub receipts: Vec<Receipt>,
    /// What operators of the hub let through.
    pub confirmations: Vec<OperatorConfirmation>,
}

impl Organization {
    /// One of which the ledger knows nothing.
    #[must_use]
    pub fn unknown(id: OrganizationId) -> Self {
        Self { id, seen: None, receipts: Vec::new(), confirmations: Vec::new() }
    }
}

/// The `SyncTimestamps` table.
#[async_trait]
pub trait ReceiptStore: Debug + Send + Sync {
    /// Writes a receipt. One for a newer version stays: returns whether this one was written.
    async fn put(&self, receipt: &Receipt) -> Result<bool, LedgerError>;

    /// As [`Self::put`], for a pass that lost its lease: what a pass that began later has written stays.
    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError>;

    /// Writes the sign of life of an organization.
    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError>;

    /// Writes a confirmation, over an earlier one for the same experiences. For operators of the hub.
    async fn put_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<(), LedgerError>;

    /// Takes a confirmation back; whether it was there, for this version. For operators of the hub.
    async fn delete_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<bool, LedgerError>;

    /// What the ledger knows of one organization.
    async fn organization(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Organization, LedgerError>;

    /// What the ledger knows of all organizations, by id.
    async fn organizations(&self, experience: &ExperienceId) -> Result<Vec<Organization>, LedgerError>;
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is written: the asker holds it.
    Yes,
    /// Someone else holds it: their lease, where it could still be read.
    HeldBy(Option<Box<Lease>>),
}

/// The leases, one per member organization.
#[async_trait]
pub trait LeaseStore: Debug + Send + Sync {
    /// Writes `wanted` where [`crate::may_take`] permits it at `now`, in one conditional write: of many that ask at once, one gets it.
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError>;

    /// Writes `lease`, renewed or given back, where the same holder still has it.
    async fn renew(&self, lease: &Lease) -> Result<Taken, LedgerError>;
}
