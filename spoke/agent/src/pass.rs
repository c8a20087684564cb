//! One pass: all member experiences, against one snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use pmp_catalog::Catalog;
use pmp_filter_host::ConfiguredFilter;
use pmp_ledger::{LeaseStore, LeaseTerm, LedgerError, Organization, ReceiptStore, SnapshotStore};
use pmp_plan::{Confirmation, Desired, GuardRails};
use pmp_protocol::{
    Confirmed, ExperienceId, OrganizationSeen, Receipt, ReceiptStatus, Snapshot, SnapshotVersion, confirmed,
};
use pmp_terminal::progress::{Step, step};
use pmp_terminal::{Stop, StopReason};
use tokio::sync::Mutex;

use crate::apply::{Applied, Order, Watch, apply};
use crate::error::one_line;
use crate::lease::{Leases, holder};
use crate::member::{Absent, Live, Member, Selection, find};
use crate::narrow::narrow;
use crate::receipt::{Draft, Progress, SPOKE_VERSION};
use crate::{Identity, SpokeError};

/// Experiences that are worked on at once. The catalog's rate limits set the pace, not this; it bounds the memory.
const SIDE_BY_SIDE: usize = 100;

/// The spoke of one member organization, for one management experience.
#[derive(Debug, Clone)]
pub struct Spoke {
    /// The member organization's catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The hub's snapshots.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The hub's table of receipts.
    pub receipts: Arc<dyn ReceiptStore>,
    /// Who this is.
    pub identity: Identity,
    /// The management experience.
    pub management: ExperienceId,
    pub(crate) selection: Selection,
    pub(crate) filter: Option<Arc<ConfiguredFilter>>,
    pub(crate) guard: GuardRails,
    pub(crate) lease: Leases,
    /// Whether to tell a person on standard error how it goes; agents log instead.
    pub(crate) show_progress: bool,
}

/// What came of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// Every member experience has a receipt in the ledger.
    Done(Vec<Receipt>),
    /// A newer snapshot was acknowledged before; nothing was done.
    Superseded {
        /// The version of this snapshot.
        version: SnapshotVersion,
        /// The version acknowledged before.
        acknowledged: SnapshotVersion,
    },
}

impl Pass {
    /// Whether it came to its end, rather than being told to stop.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Done(receipts) => receipts.iter().all(|receipt| receipt.status != ReceiptStatus::Partial),
            Self::Superseded { .. } => true,
        }
    }
}

impl Spoke {
    /// A spoke over these ports, for all live experiences, without a filter, and with the default guard rails.
    #[must_use]
    pub fn new(
        catalog: Arc<dyn Catalog>,
        snapshots: Arc<dyn SnapshotStore>,
        receipts: Arc<dyn ReceiptStore>,
        leases: Arc<dyn LeaseStore>,
        identity: Identity,
        management: ExperienceId,
    ) -> Self {
        let organization = identity.organization.clone();
        let lease = Leases { store: leases, organization, holder: holder("library"), term: LeaseTerm::DEFAULT };
        let (selection, guard) = (Selection::All, GuardRails::default());
        let show_progress = false;
        Self {
            catalog,
            snapshots,
            receipts,
            identity,
            management,
            selection,
            filter: None,
            guard,
            lease,
            show_progress,
        }
    }

    /// Brings every member experience to what `snapshot` and the filter ask for, and acknowledges each. What goes wrong
    /// with one experience stands in its receipt and stops no other.
    ///
    /// # Errors
    /// What concerns all of them; the sign of life in the ledger says it, too, where the ledger can be reached.
    pub async fn sync(
        &self,
        snapshot: Arc<Snapshot>,
        confirmed: Option<Confirmed>,
        stop: &Stop,
    ) -> Result<Pass, SpokeError> {
        let outcome = self.try_sync(snapshot, confirmed, stop).await;
        let (experiences, error) = match &outcome {
            Ok(Pass::Done(receipts)) => {
                let kept = receipts.iter().filter(|receipt| receipt.status != ReceiptStatus::Skipped);
                (kept.count(), None)
            }
            Ok(Pass::Superseded { .. }) => return outcome,
            Err(error) => (0, Some(one_line(error))),
        };
        let seen = self.report_seen(experiences, error).await;
        match (outcome, seen) {
            (Ok(_), Err(error)) => Err(error.into()),
            (outcome, _) => outcome,
        }
    }

    /// Tells the hub that this spoke lives, and what stands in its way as a whole.
    pub(crate) async fn report_seen(&self, experiences: usize, error: Option<String>) -> Result<(), LedgerError> {
        let Identity { organization, account, region, .. } = self.identity.clone();
        let seen = OrganizationSeen {
            organization,
            experience: self.management.clone(),
            last_seen: Timestamp::now(),
            account,
            region,
            experiences,
            spoke_version: SPOKE_VERSION.to_owned(),
            error,
        };
        self.receipts.put_seen(&seen).await
    }

    async fn try_sync(
        &self,
        snapshot: Arc<Snapshot>,
        confirmed: Option<Confirmed>,
        stop: &Stop,
    ) -> Result<Pass, SpokeError> {
        let before = self.receipts.organization(&self.identity.organization, &self.management).await?;
        if let Some(superseded) = check_order(&before, &snapshot)? {
            return Ok(superseded);
        }
        let mut members = find(self.catalog.as_ref(), &self.management, &self.selection).await?;
        members.extend(gone(&before, &members));
        tracing::info!(version = %snapshot.version(), experiences = members.len(), "pass started");
        let pass = OnePass { spoke: self, snapshot, confirmed, stop, before, began: Timestamp::now() };
        let mut syncs = Vec::new();
        for member in members {
            syncs.push(pass.sync_member(member));
        }
        let outcomes: Vec<_> = stream::iter(syncs).buffer_unordered(SIDE_BY_SIDE).collect().await;
        // Each receipt was tried; the first that could not be written keeps the message in the queue (rule 6).
        let mut receipts = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        receipts.sort_by(|a, b| a.member_experience.cmp(&b.member_experience));
        Ok(Pass::Done(receipts))
    }
}

/// The three cases of a snapshot that comes after another one was acknowledged: older, the same, or the same with other
/// content.
fn check_order(before: &Organization, snapshot: &Snapshot) -> Result<Option<Pass>, SpokeError> {
    let Some(newest) = before.receipts.iter().max_by_key(|receipt| receipt.version) else { return Ok(None) };
    let version = snapshot.version();
    if newest.version > version {
        tracing::info!(%version, acknowledged = %newest.version, "superseded: a newer snapshot was acknowledged before");
        return Ok(Some(Pass::Superseded { version, acknowledged: newest.version }));
    }
    if newest.version == version && newest.digest != snapshot.digest() {
        let found = snapshot.digest();
        return Err(SpokeError::Conflict { version, found, acknowledged: newest.digest });
    }
    Ok(None)
}

/// What a confirmation means for a plan of `version`.
pub(crate) fn confirmation(confirmed: Option<&Confirmed>, version: SnapshotVersion) -> Confirmation {
    confirmed.map_or(Confirmation::None, |_| Confirmation::Version(version))
}

/// Experiences that were kept in step before and are not found now: their receipts must not look as if they lagged.
fn gone(before: &Organization, members: &[Member]) -> Vec<Member> {
    let found: BTreeSet<_> = members.iter().map(|member| &member.id).collect();
    let told = |receipt: &&Receipt| receipt.status != ReceiptStatus::Skipped;
    let missing = before.receipts.iter().filter(told).filter(|receipt| !found.contains(&receipt.member_experience));
    let member =
        |receipt: &Receipt| Member { id: receipt.member_experience.clone(), name: None, state: Err(Absent::Gone) };
    missing.map(member).collect()
}

/// What all experiences of one pass have in common.
struct OnePass<'a> {
    spoke: &'a Spoke,
    snapshot: Arc<Snapshot>,
    /// Who let this snapshot through here, where someone did.
    confirmed: Option<Confirmed>,
    stop: &'a Stop,
    before: Organization,
    began: Timestamp,
}

impl OnePass<'_> {
    /// Syncs one member experience; its receipt, once it is in the ledger.
    async fn sync_member(&self, member: Member) -> Result<Receipt, LedgerError> {
        let receipt = self.receipt_for(member).await;
        let Receipt { member_experience, status, allowed, denied, pending, .. } = &receipt;
        let error = receipt.error.as_deref().unwrap_or_default();
        if self.spoke.show_progress {
            let ended = if matches!(status, ReceiptStatus::InSync | ReceiptStatus::Skipped) {
                Step::Done
            } else {
                Step::Failed
            };
            step(ended, &format!("{member_experience} {status}"));
        }
        tracing::info!(experience = %member_experience, %status, allowed, denied, pending, error, "experience done");
        let written = match self.stop.reason() {
            // Whoever has the lease now writes receipts of its own.
            Some(StopReason::LeaseLost(_)) => self.spoke.receipts.put_late(&receipt).await?,
            _ => self.spoke.receipts.put(&receipt).await?,
        };
        if !written {
            tracing::warn!(experience = %member_experience, "the ledger holds a newer receipt");
        }
        Ok(receipt)
    }

    async fn receipt_for(&self, member: Member) -> Receipt {
        let mut draft = self.draft(&member.id);
        let ended = |status, error: String| draft.receipt(status, &Progress::default(), Some(error));
        let live = match member.state {
            Ok(live) => live,
            Err(absent @ Absent::Unreadable(_)) => return ended(ReceiptStatus::Failed, absent.to_string()),
            Err(absent) => return ended(ReceiptStatus::Skipped, absent.to_string()),
        };
        let verdicts = match self.narrow(&live).await {
            Ok(verdicts) => verdicts,
            Err(error) => return ended(ReceiptStatus::Failed, error),
        };
        let desired = Desired::new(self.snapshot.content(), &verdicts);
        draft.narrowed = desired.narrowed();
        let order = Order {
            catalog: self.spoke.catalog.as_ref(),
            desired: &desired,
            version: self.snapshot.version(),
            guard: self.spoke.guard,
            confirmation: confirmation(draft.confirmed.as_ref(), self.snapshot.version()),
            pass: self.began,
            stop: self.stop.token(),
        };
        let reporter = Reporter {
            receipts: self.spoke.receipts.as_ref(),
            draft: &draft,
            show: self.spoke.show_progress,
            failed: Mutex::new(false),
        };
        let Applied { status, progress, error } = apply(&order, live, &reporter).await;
        match status {
            ReceiptStatus::InSync => {
                let mut before = self.before.receipts.iter();
                let before = before.find(|receipt| receipt.member_experience == draft.member);
                draft.in_sync(&progress, Timestamp::now(), before)
            }
            ReceiptStatus::Partial => {
                let reason = self.stop.reason().map(ToString::to_string);
                draft.receipt(status, &progress, reason.or(error))
            }
            status => draft.receipt(status, &progress, error),
        }
    }

    async fn narrow(&self, live: &Live) -> Result<pmp_protocol::Verdicts, String> {
        let organization = self.spoke.identity.organization.clone();
        let filter = self.spoke.filter.clone();
        narrow(filter, organization, self.snapshot.clone(), live.experience.clone(), self.began).await
    }

    fn draft(&self, member: &ExperienceId) -> Draft {
        let hub = confirmed(&self.before.confirmations, &self.snapshot, member);
        Draft {
            organization: self.spoke.identity.organization.clone(),
            management: self.spoke.management.clone(),
            member: member.clone(),
            version: self.snapshot.version(),
            digest: self.snapshot.digest(),
            received_at: self.began,
            narrowed: 0,
            filter: self.spoke.filter.as_ref().map(|filter| filter.filter().identity()),
            confirmed: self.confirmed.clone().or_else(|| hub.cloned()),
        }
    }
}

/// Writes `applying` receipts while change sets run, so that the hub sees progress. Best effort: the last receipt is the
/// one that counts.
struct Reporter<'a> {
    receipts: &'a dyn ReceiptStore,
    draft: &'a Draft,
    show: bool,
    failed: Mutex<bool>,
}

#[async_trait]
impl Watch for Reporter<'_> {
    async fn progress(&self, progress: &Progress) {
        if self.show {
            let done = progress.allowed + progress.denied;
            let Progress { pending, change_sets, .. } = progress;
            let member = &self.draft.member;
            step(Step::Waiting, &format!("{member} {done} done, {pending} to go, change set {}", change_sets.len()));
        }
        let receipt = self.draft.receipt(ReceiptStatus::Applying, progress, None);
        let outcome = self.receipts.put(&receipt).await;
        let mut failed = self.failed.lock().await;
        if let (Err(error), false) = (&outcome, *failed) {
            tracing::warn!(error = one_line(error), "progress could not be written to the ledger");
        }
        *failed = outcome.is_err();
    }
}
