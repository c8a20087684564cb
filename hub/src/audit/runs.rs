//! What a hub does by itself: written into the audit after it was done.

use std::collections::BTreeMap;
use std::sync::Arc;

use pmp_audit::{Event, Publishing};
use pmp_ledger::{AuditHead, RecordStore, SnapshotStore};
use pmp_protocol::{Digest, SnapshotVersion, render};

use super::noted::{Note, Sight, notes};
use super::outcomes::{News, news};
use super::{ATTEMPTS, AuditError, Auditor, New, PAUSE, between};
use crate::error::HubError;
use crate::publish::{Outcome, Published, Trigger, WentOn};
use crate::rollout::state::OnTheWay;
use crate::status::fleet::{Fleet, View};

/// The most entries about receipts that one run writes. What is left comes with the next run.
const MAX_ENTRIES: usize = 10;
/// The most versions that are told of later than they were stored: the ledger keeps 50.
const MAX_FOUND: usize = 100;

/// What a run did, and what it saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran<'a> {
    /// What was published, and what made the hub look; none where nothing was.
    pub(crate) published: Option<(&'a Published, Trigger)>,
    /// The newest version of the ledger, after a run that failed: it may have been stored by that
    /// run, and not published. None after one that did not fail.
    pub(crate) stored: Option<SnapshotVersion>,
    /// What the ledger says of waves and of settings, after the run.
    pub(crate) sight: Sight<'a>,
    /// What was seen of the members; none where they were not looked at.
    pub(crate) view: Option<&'a View>,
    /// Where the versions are that no entry tells of.
    pub(crate) snapshots: &'a dyn SnapshotStore,
    /// Where the outcomes are that came and went between two looks; none where the members were not
    /// looked at.
    pub(crate) records: Option<&'a dyn RecordStore>,
}

impl Auditor {
    /// Writes down what a run did, which versions were stored before without an entry, and what it
    /// saw. Where nothing is new, nothing is written: an announcement by schedule of what is
    /// unchanged is no news.
    ///
    /// # Errors
    /// If the ledger cannot be read or written. The next run writes what is missing then.
    pub(crate) async fn ran(&self, ran: Ran<'_>) -> Result<(), AuditError> {
        // What was published by this run is told once, also where others append meanwhile.
        let mut publish = ran.published.and_then(|(published, trigger)| event(published, trigger));
        for attempt in 1..=ATTEMPTS {
            if self.write(ran, &mut publish).await? {
                return Ok(());
            }
            // Somebody else appended: perhaps what is news here.
            tokio::time::sleep(PAUSE * attempt).await;
        }
        Err(AuditError::Outrun)
    }

    /// Writes what is new after the head as it is. False where somebody else appended meanwhile.
    async fn write(&self, ran: Ran<'_>, publish: &mut Option<Event>) -> Result<bool, AuditError> {
        let mut head = self.store.head(&self.experience).await?;
        let published = ran.published.filter(|(published, _)| published.outcome != Outcome::Unchanged);
        if let Some(version) = published.map(|(published, _)| published.version).max(ran.stored) {
            for event in self.found(ran.snapshots, head.as_ref(), version, publish.as_ref()).await? {
                if !self.append_after(&mut head, New::of(event)).await? {
                    return Ok(false);
                }
            }
            if let Some(event) = publish {
                if !self.append_after(&mut head, New::of(event.clone())).await? {
                    return Ok(false);
                }
                *publish = None;
            }
        }
        let noted = head.as_ref().and_then(|head| head.noted.clone());
        for Note { event, noted } in notes(noted.as_deref(), ran.sight) {
            if !self.append_after(&mut head, New { noted: Some(noted), ..New::of(event) }).await? {
                return Ok(false);
            }
        }
        match ran.view {
            Some(view) => self.looked(&mut head, view, ran.records).await,
            None => Ok(true),
        }
    }

    /// The versions up to this one that no entry tells of.
    async fn found(
        &self,
        snapshots: &dyn SnapshotStore,
        head: Option<&AuditHead>,
        published: SnapshotVersion,
        publish: Option<&Event>,
    ) -> Result<Vec<Event>, AuditError> {
        let next = head.and_then(|head| head.told).map_or(SnapshotVersion::FIRST, SnapshotVersion::next);
        // The newest version has an entry of its own now, unless it is only announced again.
        let of_its_own =
            matches!(publish, Some(Event::Publish { outcome: Publishing::Stored | Publishing::Recovered, .. }));
        let is_due = if of_its_own { next < published } else { next <= published };
        if !is_due {
            return Ok(Vec::new());
        }
        let kept = snapshots.digests(&self.experience).await?;
        let missing = missing(&kept, next, published, of_its_own).into_iter();
        Ok(missing.map(|(version, content)| Event::Found { version, content }).collect())
    }

    /// Writes down what the members' receipts say by now, as far as no entry tells it. False where
    /// somebody else appended meanwhile.
    async fn looked(
        &self,
        head: &mut Option<AuditHead>,
        view: &View,
        records: Option<&dyn RecordStore>,
    ) -> Result<bool, AuditError> {
        let mut remembered = self.store.seen(&self.experience).await?;
        for _ in 0..MAX_ENTRIES {
            let now = self.clock.now();
            let Some(News { mut event, prints, left, gaps }) = news(view, now, &remembered) else {
                return Ok(true);
            };
            if let Some(records) = records {
                between::told(&mut event, &gaps, records, &self.experience, view, now).await;
            }
            if !self.append_after(head, New { seen: Some(&prints), ..New::of(event) }).await? {
                return Ok(false);
            }
            if left == 0 {
                return Ok(true);
            }
            remembered = prints;
        }
        Ok(true)
    }
}

/// The entry about what was published; none where that is no news.
fn event(published: &Published, trigger: Trigger) -> Option<Event> {
    let outcome = match (published.outcome, trigger) {
        (Outcome::Stored, _) => Publishing::Stored,
        (Outcome::Recovered, _) => Publishing::Recovered,
        (Outcome::Announced, Trigger::Operator) => Publishing::Announced,
        (Outcome::Announced, Trigger::Schedule | Trigger::ChangeEvent) | (Outcome::Unchanged, _) => return None,
    };
    let trigger = match trigger {
        Trigger::Schedule => "schedule",
        Trigger::ChangeEvent => "change-event",
        Trigger::Operator => "operator",
    };
    Some(Event::Publish {
        version: published.version,
        content: published.digest,
        approved: published.counts.approved,
        rejected: published.counts.rejected,
        outcome,
        trigger: trigger.to_owned(),
        pinned: published.pinned,
    })
}

/// The versions from `next` to the published one that are kept, the newest of them. Pure.
fn missing(
    kept: &BTreeMap<SnapshotVersion, Digest>,
    next: SnapshotVersion,
    published: SnapshotVersion,
    of_its_own: bool,
) -> Vec<(SnapshotVersion, Digest)> {
    let last = kept.range(next..=published).filter(|(version, _)| !of_its_own || **version != published);
    let found: Vec<_> = last.map(|(version, digest)| (*version, *digest)).collect();
    found[found.len().saturating_sub(MAX_FOUND)..].to_vec()
}

/// The audit of a hub that runs by itself.
#[derive(Debug, Clone)]
pub(crate) struct RunAudit {
    pub(crate) auditor: Auditor,
    pub(crate) snapshots: Arc<dyn SnapshotStore>,
    pub(crate) records: Arc<dyn RecordStore>,
    /// Where the state of waves is read.
    pub(crate) fleet: Fleet,
}

impl RunAudit {
    /// Writes down what a run did and saw. A failure is logged, and the next run writes what is
    /// missing.
    pub(crate) async fn after(&self, outcome: &Result<Published, HubError>, trigger: Trigger, view: Option<&View>) {
        let published = match outcome {
            Ok(published) => published,
            Err(error) => return logged(self.failed(error, trigger, view).await),
        };
        let stepped = published.stepped || published.outcome == Outcome::Stored;
        if view.is_none() && !stepped && published.outcome == Outcome::Unchanged {
            return;
        }
        logged(self.write(Some((published, trigger)), None, stepped, view).await);
    }

    /// Writes down what came of a look at the version that is on its way through the waves.
    pub(crate) async fn went_on(&self, outcome: &Result<WentOn, HubError>) {
        let went = match outcome {
            Ok(went) => went,
            Err(error) => return logged(self.failed(error, Trigger::ChangeEvent, None).await),
        };
        if went.published.is_none() && !went.stepped {
            return;
        }
        let published = went.published.as_ref().map(|published| (published, Trigger::ChangeEvent));
        logged(self.write(published, None, went.stepped, None).await);
    }

    /// Writes down what a run did before it failed.
    async fn failed(&self, error: &HubError, trigger: Trigger, view: Option<&View>) -> Result<(), AuditError> {
        let stored = self.snapshots.head(&self.auditor.experience).await?.map(|head| head.latest);
        let published = error.published().map(|published| (published, trigger));
        self.write(published, stored, true, view).await
    }

    async fn write(
        &self,
        published: Option<(&Published, Trigger)>,
        stored: Option<SnapshotVersion>,
        stepped: bool,
        view: Option<&View>,
    ) -> Result<(), AuditError> {
        let snapshots = self.snapshots.as_ref();
        let waves = if view.is_none() && stepped {
            Some(OnTheWay::look(self.fleet.rollouts.as_ref(), &self.auditor.experience).await?)
        } else {
            None
        };
        let sight = view.map(Sight::of).or_else(|| waves.as_ref().map(Sight::of_waves)).unwrap_or_default();
        let sight = Sight { members: view.map(|_| &self.fleet.named), ..sight };
        let records = Some(self.records.as_ref());
        self.auditor.ran(Ran { published, stored, sight, view, snapshots, records }).await
    }
}

fn logged(result: Result<(), AuditError>) {
    if let Err(error) = result {
        tracing::error!(error = render(&error), "the audit lacks an entry; the next run writes it");
    }
}
