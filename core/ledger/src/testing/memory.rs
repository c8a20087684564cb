//! A ledger in memory. Its writes have the conditions of the adapters' writes, and
//! [`super::contract`] holds both to them.
//!
//! It leaves out what belongs to DynamoDB alone: items that cannot be read, pages, and the bounds
//! of what is read of one organization.

mod audit;
mod leases;
mod members;
mod outbox;
mod receipts;
mod records;
mod rollouts;
mod snapshots;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pmp_aws::{ApiError, Outcome as CallOutcome};
use pmp_protocol::{
    ExperienceId, HeadMark, Hold, OperatorConfirmation, OrganizationId, OrganizationSeen, Outcome, Receipt, Snapshot,
};

use crate::{Directed, FoundJournal, Lease, LedgerError, Member, SignedWith, StoredRollout, TableName, ToldState};

/// A ledger in memory, behind all ports. It notes every call, and can be told to fail or to hang.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    tables: Mutex<Tables>,
    calls: Mutex<Vec<&'static str>>,
    health: Mutex<Health>,
}

/// What becomes of the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Health {
    #[default]
    Well,
    Failing,
    FailingAt(&'static str),
    Hanging,
}

/// An experience of an organization, under a management experience, in this order: organization,
/// management experience, member experience.
type OfMember = (OrganizationId, ExperienceId, ExperienceId);

/// Everything that is stored.
#[derive(Debug, Default)]
struct Tables {
    histories: BTreeMap<ExperienceId, snapshots::History>,
    answers: BTreeMap<ExperienceId, snapshots::KeptAnswers>,
    receipts: BTreeMap<OfMember, Receipt>,
    seen: BTreeMap<(OrganizationId, ExperienceId), OrganizationSeen>,
    spokes: BTreeMap<(OrganizationId, ExperienceId, String), OrganizationSeen>,
    confirmations: BTreeMap<(OrganizationId, ExperienceId, Option<ExperienceId>), OperatorConfirmation>,
    marks: BTreeMap<ExperienceId, HeadMark>,
    trusted: BTreeMap<(OrganizationId, ExperienceId), String>,
    directions: BTreeMap<(ExperienceId, Option<OrganizationId>), Directed>,
    trusted_directions: BTreeMap<(OrganizationId, ExperienceId, bool), String>,
    holds: BTreeMap<(OrganizationId, ExperienceId), Hold>,
    journals: BTreeMap<OfMember, records::KeptJournal>,
    outcomes: BTreeMap<(OfMember, u64), Outcome>,
    leases: BTreeMap<OrganizationId, Lease>,
    audits: BTreeMap<ExperienceId, audit::KeptAudit>,
    roster: BTreeMap<(ExperienceId, OrganizationId), Member>,
    told: BTreeMap<ExperienceId, ToldState>,
    outbox: BTreeMap<(ExperienceId, u64, usize), outbox::Kept>,
    rollouts: BTreeMap<ExperienceId, StoredRollout>,
    signed_with: BTreeMap<ExperienceId, SignedWith>,
}

impl MemoryLedger {
    /// From now on, every call fails: nothing answers.
    pub fn fail(&self) {
        self.set(Health::Failing);
    }

    /// From now on, every call of this name fails, as [`Self::calls`] names it.
    pub fn fail_at(&self, call: &'static str) {
        self.set(Health::FailingAt(call));
    }

    /// From now on, no call returns.
    pub fn hang(&self) {
        self.set(Health::Hanging);
    }

    /// From now on, calls are answered again.
    pub fn recover(&self) {
        self.set(Health::Well);
    }

    /// The calls since this was asked last, by the names of the ports' methods. Those of answers
    /// are `latest_answers`, `fetch_answers` and `store_answers`, and those of the audit
    /// `audit_head`, `append_audit`, `page_of_audit` and `seen_by_audit`. The methods below are no
    /// calls.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// Adds a snapshot to its history without a condition. The newest one becomes the head, and
    /// counts as published.
    pub fn keep(&self, snapshot: &Snapshot) {
        let experience = snapshot.experience().clone();
        self.tables().histories.entry(experience).or_default().keep(snapshot);
    }

    /// The lease of an organization, also after it was given back.
    pub fn lease(&self, organization: &OrganizationId) -> Option<Lease> {
        self.tables().leases.get(organization).cloned()
    }

    /// Writes a lease without a condition: as somebody wrote it whose clock is wrong, or who has
    /// died.
    pub fn set_lease(&self, lease: Lease) {
        self.tables().leases.insert(lease.organization.clone(), lease);
    }

    /// The journal of a member experience, as [`crate::RecordStore::journal`] reads it.
    pub fn found_journal(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: &ExperienceId,
    ) -> FoundJournal {
        let key = (organization.clone(), experience.clone(), member.clone());
        self.tables().journals.get(&key).map(records::KeptJournal::found).unwrap_or_default()
    }

    /// The outcomes of all experiences that are kept, in no particular order.
    pub fn kept_outcomes(&self) -> Vec<Outcome> {
        self.tables().outcomes.values().cloned().collect()
    }

    fn set(&self, health: Health) {
        *lock(&self.health) = health;
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }

    /// Notes a call, which fails or hangs if it has to.
    async fn call(&self, name: &'static str) -> Result<(), LedgerError> {
        lock(&self.calls).push(name);
        let health = *lock(&self.health);
        match health {
            Health::FailingAt(call) if call != name => Ok(()),
            Health::Well => Ok(()),
            Health::Failing | Health::FailingAt(_) => {
                let error = ApiError::of("dynamodb:PutItem", CallOutcome::NoAnswer("connection refused".into()));
                Err(LedgerError::Api { table: table(), error })
            }
            Health::Hanging => std::future::pending().await,
        }
    }
}

/// A test that panicked with the lock left everything whole: each write is one insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn table() -> TableName {
    "in-memory".parse().unwrap()
}

fn unreadable(problem: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unreadable { table: table(), problem: problem.to_string() }
}
