use std::collections::BTreeSet;
use std::sync::Mutex as Lock;

use async_trait::async_trait;
use pmp_ledger::{Extent, FoundJournal, Head, Journals, NewSnapshot, Outcomes, Stored};
use pmp_protocol::{
    Content, Decision, FilterIdentity, OrganizationId, ProductId, ReceiptStatus, ResourceRequests, Sealed,
};

use super::*;
use crate::draft::{Draft, Progress};

/// A ledger in memory, which counts what is asked of it.
#[derive(Debug, Default)]
struct Fake {
    journal: Lock<FoundJournal>,
    outcomes: Lock<BTreeMap<u64, Outcome>>,
    calls: Lock<Vec<&'static str>>,
    snapshots: BTreeMap<SnapshotVersion, Snapshot>,
    broken: bool,
}

impl Fake {
    fn call(&self, what: &'static str) -> Result<(), LedgerError> {
        self.calls.lock().unwrap().push(what);
        let problem = "broken".to_owned();
        if self.broken { Err(LedgerError::Unreadable { table: "t-t".parse().unwrap(), problem }) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

#[async_trait]
impl RecordStore for Fake {
    async fn journal(
        &self,
        _: &OrganizationId,
        _: &ExperienceId,
        _: &ExperienceId,
    ) -> Result<FoundJournal, LedgerError> {
        self.call("journal")?;
        Ok(self.journal.lock().unwrap().clone())
    }

    async fn put_journal(&self, new: &NewJournal<'_>) -> Result<bool, LedgerError> {
        self.call("put_journal")?;
        let mut journal = self.journal.lock().unwrap();
        if journal.revision != new.found {
            return Ok(false);
        }
        let packed = new.journal.encode().unwrap();
        *journal = FoundJournal {
            journal: Some(DecisionJournal::decode(&packed).unwrap()),
            revision: Some(new.found.unwrap_or_default() + 1),
        };
        Ok(true)
    }

    async fn put_outcome(&self, outcome: &Outcome, number: u64, _: Timestamp) -> Result<(), LedgerError> {
        self.call("put_outcome")?;
        self.outcomes.lock().unwrap().insert(number % pmp_protocol::MAX_OUTCOMES, outcome.clone());
        Ok(())
    }

    async fn journals(&self, _: &OrganizationId, _: &ExperienceId, _: Extent) -> Result<Journals, LedgerError> {
        panic!("a spoke reads the hub's view")
    }

    async fn outcomes(
        &self,
        _: &OrganizationId,
        _: &ExperienceId,
        _: Option<&ExperienceId>,
        _: Extent,
    ) -> Result<Outcomes, LedgerError> {
        panic!("a spoke reads the hub's view")
    }
}

#[async_trait]
impl SnapshotStore for Fake {
    async fn head(&self, _: &ExperienceId) -> Result<Option<Head>, LedgerError> {
        Ok(None)
    }

    async fn store(&self, _: &NewSnapshot<'_>) -> Result<Stored, LedgerError> {
        panic!("a spoke stores nothing")
    }

    async fn put_statement(
        &self,
        _: &ExperienceId,
        _: SnapshotVersion,
        _: Digest,
        _: &str,
    ) -> Result<bool, LedgerError> {
        panic!("a spoke signs nothing")
    }

    async fn mend(&self, _: &ExperienceId, _: &Head, _: &Sealed) -> Result<bool, LedgerError> {
        panic!("a spoke mends nothing")
    }

    async fn mark_published(&self, _: &ExperienceId, _: SnapshotVersion, _: Timestamp) -> Result<(), LedgerError> {
        panic!("a spoke publishes nothing")
    }

    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError> {
        self.call("fetch")?;
        let found = self.snapshots.get(&version).cloned();
        found.ok_or_else(|| LedgerError::NoSnapshot { experience: experience.clone(), version })
    }

    async fn digests(&self, _: &ExperienceId) -> Result<BTreeMap<SnapshotVersion, Digest>, LedgerError> {
        Ok(BTreeMap::new())
    }

    async fn prune(
        &self,
        _: &ExperienceId,
        _: SnapshotVersion,
        _: u64,
        _: &BTreeSet<SnapshotVersion>,
    ) -> Result<usize, LedgerError> {
        panic!("a spoke prunes nothing")
    }
}

fn product(id: &str) -> ProductId {
    ProductId::new(id).unwrap()
}

fn snapshot(number: u64, approved: &[&str]) -> Snapshot {
    let experience = ExperienceId::new("exp-management").unwrap();
    let approved: BTreeSet<_> = approved.iter().map(|id| product(id)).collect();
    let content = Content::new(experience.clone(), approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow);
    let sealed = Sealed::new(&content.unwrap()).unwrap();
    let version = SnapshotVersion::new(number).unwrap();
    Snapshot::open(&experience, version, Timestamp::UNIX_EPOCH, &sealed).unwrap()
}

fn excluded(id: &str) -> Verdicts {
    let reason = Some("not here".to_owned());
    Verdicts::from([(product(id), Decision { verdict: Verdict::Exclude, reason })])
}

/// A receipt about `snapshot`, as a pass writes it over `before`.
fn receipt(snapshot: &Snapshot, status: ReceiptStatus, before: Option<&Receipt>) -> Receipt {
    let draft = Draft {
        version: snapshot.version(),
        digest: snapshot.digest(),
        filter: Some(FilterIdentity { name: "f".into(), version: "1".into(), digest: Digest::of(b"f") }),
        recorded: before.and_then(|before| before.recorded),
        ..Draft::of("exp-member")
    };
    draft.receipt(status, &Progress::default(), None)
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hours * 3_600).unwrap()
}

struct Ledger(Arc<Fake>);

impl Ledger {
    fn with(snapshots: &[&Snapshot]) -> Self {
        let snapshots = snapshots.iter().map(|it| (it.version(), (*it).clone())).collect();
        Self(Arc::new(Fake { snapshots, ..Fake::default() }))
    }

    /// One pass; the receipt that it would write.
    async fn pass(
        &self,
        snapshot: &Snapshot,
        status: ReceiptStatus,
        verdicts: &Verdicts,
        before: Option<&Receipt>,
        now: Timestamp,
    ) -> Receipt {
        let records = Records { store: self.0.clone(), retention: Retention::DEFAULT };
        let recorder = Recorder::new(records, self.0.clone(), Arc::new(snapshot.clone()));
        let receipt = receipt(snapshot, status, before);
        let decisions = recorder.decisions(verdicts, &[]);
        let recorded = recorder.record(&receipt, before, Some(decisions), now).await;
        Receipt { recorded: Some(recorded), ..receipt }
    }

    fn entries(&self) -> Vec<(u64, ReceiptStatus)> {
        let found = self.0.journal.lock().unwrap();
        let journal = found.journal.as_ref().unwrap();
        journal.entries().iter().map(|entry| (entry.version.get(), entry.status)).collect()
    }
}

#[tokio::test]
async fn a_pass_that_decides_the_same_asks_nothing_of_the_ledger() {
    let one = snapshot(1, &["prod-a", "prod-b"]);
    let ledger = Ledger::with(&[&one]);
    let first = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), None, at(0)).await;
    assert_eq!(ledger.0.calls(), ["journal", "put_journal", "put_outcome"]);
    let second = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), Some(&first), at(1)).await;
    assert_eq!((ledger.0.calls(), second.recorded), (Vec::new(), first.recorded));
    // Once a month, so that what is in force is not deleted as old.
    let later = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), Some(&second), at(31 * 24)).await;
    assert_eq!(ledger.0.calls(), ["journal", "put_journal"]);
    assert_eq!(ledger.entries(), [(1, ReceiptStatus::InSync)]);
    // Another decision about the same snapshot is another entry.
    ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-b"), Some(&later), at(31 * 24 + 1)).await;
    assert_eq!(ledger.0.calls(), ["journal", "put_journal"]);
    assert_eq!(ledger.entries().len(), 2);
}

#[tokio::test]
async fn versions_are_kept_one_after_the_other_and_what_was_held_and_let_through_is_one_entry() {
    let (one, two) = (snapshot(1, &["prod-a", "prod-b"]), snapshot(2, &["prod-b", "prod-c"]));
    let ledger = Ledger::with(&[&one, &two]);
    let first = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), None, at(0)).await;
    let held = ledger.pass(&two, ReceiptStatus::Held, &excluded("prod-c"), Some(&first), at(1)).await;
    assert_eq!(ledger.entries(), [(2, ReceiptStatus::Held), (1, ReceiptStatus::InSync)]);
    assert!(ledger.0.calls().contains(&"fetch"));
    let through = ledger.pass(&two, ReceiptStatus::InSync, &excluded("prod-c"), Some(&held), at(2)).await;
    assert_eq!(ledger.entries(), [(2, ReceiptStatus::InSync), (1, ReceiptStatus::InSync)]);
    assert_eq!(through.recorded.unwrap().outcomes, 3);

    struct Both(BTreeMap<SnapshotVersion, Snapshot>);
    impl pmp_protocol::Listings for Both {
        fn listing(&self, entry: &JournalEntry) -> Option<Arc<Listing>> {
            Some(Arc::new(Listing::of(self.0[&entry.version].content())))
        }
    }
    let found = ledger.0.journal.lock().unwrap().journal.clone().unwrap();
    let both = Both(ledger.0.snapshots.clone());
    let grounds = |id: &str| -> Vec<usize> {
        let said = found.about(&product(id), usize::MAX, &both);
        said.into_iter().map(|grounds| grounds.unwrap().len()).collect()
    };
    assert_eq!([grounds("prod-a"), grounds("prod-b"), grounds("prod-c")], [[0, 1], [0, 0], [1, 0]].map(Vec::from));
}

#[tokio::test]
async fn what_was_stopped_is_no_decision_and_a_ledger_that_fails_is_tried_again() {
    let one = snapshot(1, &["prod-a"]);
    let ledger = Ledger::with(&[&one]);
    let stopped = ledger.pass(&one, ReceiptStatus::Partial, &excluded("prod-a"), None, at(0)).await;
    assert_eq!(ledger.0.calls(), ["put_outcome"]);
    assert_eq!(stopped.recorded.unwrap().decisions, None);

    let broken = Ledger(Arc::new(Fake { broken: true, ..Fake::default() }));
    let failed = broken.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), Some(&stopped), at(1)).await;
    assert_eq!(failed.recorded.unwrap().decisions, None);
    let again = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), Some(&failed), at(2)).await;
    assert_eq!(ledger.0.calls(), ["journal", "put_journal"]);
    assert!(again.recorded.unwrap().decisions.is_some());
}

#[tokio::test]
async fn a_record_that_cannot_be_continued_begins_anew_and_anothers_newer_one_is_left() {
    let (one, two) = (snapshot(1, &["prod-a"]), snapshot(2, &["prod-a", "prod-b"]));
    // The hub keeps snapshot 1 no more.
    let ledger = Ledger::with(&[&two]);
    let first = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), None, at(0)).await;
    let second = ledger.pass(&two, ReceiptStatus::InSync, &excluded("prod-a"), Some(&first), at(1)).await;
    assert_eq!(ledger.entries(), [(2, ReceiptStatus::InSync)]);
    let old = ledger.pass(&one, ReceiptStatus::InSync, &excluded("prod-a"), Some(&second), at(2)).await;
    assert_eq!((ledger.entries(), old.recorded.unwrap().decisions), (vec![(2, ReceiptStatus::InSync)], None));
}

#[tokio::test]
async fn the_last_hundred_outcomes_are_kept() {
    let one = snapshot(1, &["prod-a"]);
    let ledger = Ledger::with(&[&one]);
    let mut before = None;
    for hour in 0..250 {
        let status = if hour % 2 == 0 { ReceiptStatus::InSync } else { ReceiptStatus::Held };
        before = Some(ledger.pass(&one, status, &Verdicts::new(), before.as_ref(), at(hour)).await);
    }
    let outcomes = ledger.0.outcomes.lock().unwrap();
    let oldest = outcomes.values().map(|outcome| outcome.at).min().unwrap();
    assert_eq!((outcomes.len(), oldest), (100, at(150)));
}
