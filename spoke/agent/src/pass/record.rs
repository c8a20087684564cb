//! Keeps the record of each experience: the decision about every product, version by version, and
//! the outcomes of its syncs.
//!
//! Both are written before the receipt, which says how far the record goes. So a pass with the same
//! decisions and outcome as the one before reads and writes nothing of the record. If the record
//! cannot be written, the sync goes on all the same, and the next pass tries again.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{LedgerError, NewJournal, RecordStore, SnapshotStore};
use pmp_protocol::{
    DecisionJournal, Decisions, Deferred, Digest, ExperienceId, Ground, GroundKind, JournalEntry, Listing, Outcome,
    Receipt, Recorded, Snapshot, SnapshotVersion, Verdict, Verdicts, is_news, one_line,
};
use tokio::sync::Mutex;

/// Decisions in force are written again after this time, so that a table that deletes old items
/// does not delete them.
const RENEWED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The bounds of each experience's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// The number of newest versions that are kept.
    pub(crate) versions: usize,
    /// The age up to which older entries are kept. Decisions in force are kept at any age.
    pub(crate) age: Duration,
}

impl Retention {
    pub(crate) const DEFAULT: Self = Self { versions: 50, age: Duration::from_secs(400 * 24 * 60 * 60) };

    /// With a shorter age, decisions in force could be deleted: they are written again after a
    /// quarter of it, and passes come hourly.
    pub(crate) const SHORTEST: Duration = Duration::from_secs(24 * 60 * 60);

    fn age(self) -> SignedDuration {
        SignedDuration::try_from(self.age).unwrap_or(SignedDuration::MAX)
    }

    /// The time at which an item that is written `now` may be deleted.
    fn expires_at(self, now: Timestamp) -> Timestamp {
        now.checked_add(self.age()).unwrap_or(Timestamp::MAX)
    }
}

/// The store of the record, and its retention.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) store: Arc<dyn RecordStore>,
    pub(crate) retention: Retention,
}

/// Keeps the records of one pass.
#[derive(Debug)]
pub(crate) struct Recorder {
    records: Records,
    snapshots: Arc<dyn SnapshotStore>,
    snapshot: Arc<Snapshot>,
    listing: OnceLock<Arc<Listing>>,
    /// Earlier snapshots, shared by all experiences of the pass. `None` for one that the ledger
    /// does not keep any more.
    earlier: Mutex<BTreeMap<SnapshotVersion, Option<Arc<Snapshot>>>>,
}

impl Recorder {
    pub(crate) fn new(records: Records, snapshots: Arc<dyn SnapshotStore>, snapshot: Arc<Snapshot>) -> Self {
        Self { records, snapshots, snapshot, listing: OnceLock::new(), earlier: Mutex::default() }
    }

    fn listing(&self) -> &Arc<Listing> {
        self.listing.get_or_init(|| Arc::new(Listing::of(self.snapshot.content())))
    }

    /// The decisions about the snapshot's products that differ from the hub's.
    pub(crate) fn decisions(&self, verdicts: &Verdicts, deferred: &[Deferred]) -> Decisions {
        let approved = self.snapshot.content().approved();
        let filtered = verdicts.iter().filter(|(id, _)| approved.contains(*id)).filter_map(|(id, decision)| {
            let kind = match decision.verdict {
                Verdict::Keep => return None,
                Verdict::Exclude => GroundKind::Excluded,
                Verdict::Reject => GroundKind::Rejected,
            };
            Some((id, Ground::new(kind, decision.reason.as_deref())))
        });
        let deferred = deferred.iter().map(|it| (&it.product, Ground::new(GroundKind::Deferred, Some(&it.error))));
        Decisions::of(self.listing(), filtered.chain(deferred))
    }

    /// Writes the decisions and the outcome that the record lacks, and returns how far the record
    /// goes then. `before` is the receipt that the ledger holds.
    pub(crate) async fn record(
        &self,
        receipt: &Receipt,
        before: Option<&Receipt>,
        decisions: Option<Decisions>,
        now: Timestamp,
    ) -> Recorded {
        let mut recorded = before.and_then(|before| before.recorded).unwrap_or_default();
        let member = &receipt.member_experience;
        // A pass that was stopped has not decided everything. The next pass records its outcome.
        if let Some(decisions) = decisions.filter(|_| !receipt.is_unfinished()) {
            let digest = digest_of(&decisions, receipt);
            if recorded.decisions != Some(digest) || self.is_due(recorded.written_at, now) {
                (recorded.decisions, recorded.written_at) = match self.write(receipt, decisions, now).await {
                    Ok(true) => (Some(digest), Some(now)),
                    Ok(false) => {
                        tracing::warn!(experience = %member, "another spoke keeps the record of the decisions");
                        (None, None)
                    }
                    Err(error) => {
                        let error = one_line(&error);
                        tracing::warn!(experience = %member, error, "the decisions are not recorded; the next pass tries again");
                        (None, None)
                    }
                };
            }
        }
        if is_news(before, receipt) {
            let expires_at = self.records.retention.expires_at(now);
            let outcome = Outcome::of(receipt, now);
            match self.records.store.put_outcome(&outcome, recorded.outcomes, expires_at).await {
                Ok(()) => recorded.outcomes = recorded.outcomes.wrapping_add(1),
                Err(error) => {
                    let error = one_line(&error);
                    tracing::warn!(experience = %member, error, "the outcome is not recorded");
                }
            }
        }
        recorded
    }

    /// Whether [`Self::record`] would write something.
    pub(crate) fn has_news(
        &self,
        receipt: &Receipt,
        before: Option<&Receipt>,
        decisions: Option<&Decisions>,
        now: Timestamp,
    ) -> bool {
        let recorded = before.and_then(|before| before.recorded).unwrap_or_default();
        let decided = decisions.is_some_and(|decisions| {
            recorded.decisions != Some(digest_of(decisions, receipt)) || self.is_due(recorded.written_at, now)
        });
        decided || is_news(before, receipt)
    }

    /// Whether the journal must be written again so that it is not deleted. A time in the future is
    /// not believed.
    fn is_due(&self, written_at: Option<Timestamp>, now: Timestamp) -> bool {
        let renewed = RENEWED.min(self.records.retention.age() / 4);
        written_at.is_none_or(|at| at > now || now.duration_since(at) >= renewed)
    }

    /// Writes the journal with these decisions. Returns `false` if somebody else wrote meanwhile,
    /// or wrote about a newer snapshot.
    async fn write(&self, receipt: &Receipt, decisions: Decisions, now: Timestamp) -> Result<bool, LedgerError> {
        let Receipt { organization, experience, member_experience: member, .. } = receipt;
        let found = self.records.store.journal(organization, experience, member).await?;
        let entry = JournalEntry::new(receipt.version, receipt.digest, now, receipt.status, receipt.filter.clone());
        let mut journal = match found.journal {
            None => DecisionJournal::new(entry, decisions),
            // A later line may go back to an older version.
            Some(journal) if journal.newest().0.version > entry.version && receipt.line == 0 => return Ok(false),
            Some(journal) => self.with(journal, entry, decisions, experience, receipt.digest).await?,
        };
        let retention = self.records.retention;
        journal.limit(retention.versions, now.checked_sub(retention.age()).unwrap_or(Timestamp::MIN));
        let expires_at = retention.expires_at(now);
        let new = NewJournal { organization, experience, member, journal: &journal, found: found.revision, expires_at };
        self.records.store.put_journal(&new).await
    }

    async fn with(
        &self,
        journal: DecisionJournal,
        entry: JournalEntry,
        decisions: Decisions,
        management: &ExperienceId,
        digest: Digest,
    ) -> Result<DecisionJournal, LedgerError> {
        let (newest, said) = journal.newest();
        let same_snapshot = newest.is_about(entry.version, digest);
        if same_snapshot && newest.filter == entry.filter && *said == decisions {
            let at = if newest.status == entry.status { newest.at } else { entry.at };
            return Ok(journal.with_outcome(at, entry.status));
        }
        if same_snapshot {
            return Ok(journal.with(entry, decisions, self.listing(), self.listing()));
        }
        Ok(match self.before(newest, management).await? {
            Some(before) => journal.with(entry, decisions, self.listing(), &before),
            // The positions in the journal refer to a snapshot that is not kept any more, so a new
            // journal begins.
            None => DecisionJournal::new(entry, decisions),
        })
    }

    /// The products of the snapshot that an entry is about. `None` if the ledger does not keep that
    /// snapshot any more.
    async fn before(&self, entry: &JournalEntry, management: &ExperienceId) -> Result<Option<Listing>, LedgerError> {
        // The lock is held during the fetch, so that the first experience fetches, and the others
        // find the result.
        let mut earlier = self.earlier.lock().await;
        let snapshot = match earlier.get(&entry.version) {
            Some(found) => found.clone(),
            None => {
                let found = match self.snapshots.fetch(management, entry.version).await {
                    Ok(snapshot) => Some(Arc::new(snapshot)),
                    Err(LedgerError::NoSnapshot { .. } | LedgerError::Damaged { .. }) => None,
                    Err(error) => return Err(error),
                };
                earlier.insert(entry.version, found.clone());
                found
            }
        };
        drop(earlier);
        let snapshot = snapshot.filter(|snapshot| entry.is_about(snapshot.version(), snapshot.digest()));
        Ok(snapshot.map(|snapshot| Listing::of(snapshot.content())))
    }
}

/// The digest of an entry's content.
fn digest_of(decisions: &Decisions, receipt: &Receipt) -> Digest {
    let filter = receipt.filter.as_ref().map(|filter| format!("{}@{}", filter.name, filter.digest));
    let Receipt { version, digest, status, .. } = receipt;
    Digest::of(format!("{version} {digest} {status} {filter:?} {}", decisions.digest()).as_bytes())
}

#[cfg(test)]
mod tests;
