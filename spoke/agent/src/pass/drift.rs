//! Edits of others in an experience: noticed by how it was left, told with who it was as far as AWS
//! tells, and healed or left.
//!
//! An experience is edited where its lists are not as the last pass left them. Which products were
//! edited follows from the plan where nothing else moved; where the snapshot or the filter moved as
//! well, from what the hub says of each product in both snapshots, and from what the foreign change
//! set names.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use pmp_catalog::{ChangeHistory, Edits, Scope};
use pmp_ledger::SnapshotStore;
use pmp_plan::{Desired, GuardRails, Observed, plan};
use pmp_protocol::{
    Content, Digest, Drift, DriftHandling, EditedProduct, ExperienceId, FilterIdentity, ForeignChangeSet, ListedAs,
    PlainText, ProductId, Receipt, ReceiptStatus, Snapshot, SnapshotVersion,
};

use crate::apply::live::{Live, left};
use crate::error::one_line;
use crate::pass::Spoke;

/// Receipts tell of edits for this long after they were noticed.
const TELL_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most edited products that a receipt names; of what is left, so many are remembered.
const MAX_EDITED: usize = 500;
/// The same of what is healed: nothing rests on it.
const MAX_HEALED: usize = 20;
/// The most change sets that a receipt names, and the longest name of one, in bytes.
const MAX_CHANGE_SETS: usize = 5;
const MAX_NAME: usize = 100;
/// The catalog's clock may be behind this one by as much.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// What a receipt still tells of edits, as another pass begins.
pub(crate) fn still_told(before: Option<&Receipt>, now: Timestamp) -> Option<Drift> {
    let drift = before?.drift.as_ref()?;
    let recent = now.duration_since(drift.noticed_at) < TELL_FOR;
    (recent || drift.is_left()).then(|| Drift { rest_applied: false, ..drift.clone() })
}

/// Whether somebody else changed the lists since the last pass. What a pass left unfinished says
/// nothing: its own change sets may have gone on.
fn is_edited(before: &Receipt, live: &Live) -> bool {
    let was = before.left.as_ref().filter(|_| !before.is_unfinished());
    was.is_some_and(|was| *was != left(&live.policy))
}

/// The edits of others in one experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Foreign {
    by: Vec<ForeignChangeSet>,
    /// The products that the newest of them names.
    named: BTreeSet<ProductId>,
}

/// Who it was, in at most two calls. Where AWS does not tell, nobody is named; that stops nothing.
async fn attribute(history: &dyn ChangeHistory, experience: &ExperienceId, before: &Receipt) -> Foreign {
    // The lists were read after the pass began, which left them so.
    let since = before.received_at.saturating_sub(CLOCKS).unwrap_or(before.received_at);
    let foreign = async |scope| {
        let found = history.past_change_sets(experience, scope, since).await.unwrap_or_else(|error| {
            tracing::warn!(%experience, error = one_line(&error), "who edited it could not be looked up");
            Vec::new()
        });
        let own = |id: &str| before.change_sets.iter().any(|own| own == id);
        found.into_iter().filter(|set| !own(set.id.as_str())).take(MAX_CHANGE_SETS).collect::<Vec<_>>()
    };
    // A delegated administrator sees the change sets of others only as shared: then there is one
    // call less for what they did.
    let (found, scope) = match foreign(Scope::Own).await {
        own if own.is_empty() => (foreign(Scope::SharedWithMe).await, Scope::SharedWithMe),
        own => (own, Scope::Own),
    };
    let edits = match found.first() {
        Some(newest) if scope == Scope::Own => history.edits_of(&newest.id, experience).await.unwrap_or_default(),
        _ => Edits::default(),
    };
    let by = found.into_iter().map(|set| ForeignChangeSet {
        id: set.id.to_string(),
        account: set.account,
        name: set.name.map(|name| PlainText::bounded(&name, MAX_NAME).into()),
        at: set.ended,
    });
    Foreign { by: by.collect(), named: edits.allowed.into_iter().chain(edits.denied).collect() }
}

impl Spoke {
    /// What others changed in an experience since the last pass, and what is to become of it. A
    /// spoke that observes keeps nothing in step, so that edits of others are nothing to it.
    pub(crate) async fn edits(
        &self,
        before: Option<&Receipt>,
        snapshot: &Snapshot,
        filter: Option<FilterIdentity>,
        desired: &Desired<'_>,
        live: &Live,
        began: Timestamp,
    ) -> Judged {
        let told = still_told(before, began);
        if self.mode.observes() {
            return Judged { drift: told, ..Judged::default() };
        }
        let handling = *self.drift.choose(&live.experience.id, Some(&live.experience.name)).assigned;
        let mut case = Case { before, told, began, snapshot, filter, desired, live, handling, foreign: None };
        let edited = before.filter(|before| match before.left {
            Some(_) => is_edited(before, live),
            None => case.must_be_edited(before),
        });
        case.foreign = match (edited, &self.history) {
            (Some(before), Some(history)) => Some(attribute(history.as_ref(), &live.experience.id, before).await),
            (Some(_), None) => Some(Foreign::default()),
            (None, _) => None,
        };
        case.judge(self.snapshots.as_ref()).await
    }
}

/// What one pass makes of the edits in one experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// What the receipt tells of it.
    pub(crate) drift: Option<Drift>,
    /// Products that stay as others set them.
    pub(crate) left_alone: BTreeSet<ProductId>,
}

/// What is known when edits are judged.
struct Case<'a> {
    before: Option<&'a Receipt>,
    /// What earlier receipts told, and still is to be told.
    told: Option<Drift>,
    /// When this pass began.
    began: Timestamp,
    snapshot: &'a Snapshot,
    filter: Option<FilterIdentity>,
    desired: &'a Desired<'a>,
    live: &'a Live,
    handling: DriftHandling,
    /// Who edited it since the last pass; none where nobody did.
    foreign: Option<Foreign>,
}

impl Case<'_> {
    /// Judges. The content of an older snapshot is read where the snapshot has moved since.
    async fn judge(self, snapshots: &dyn SnapshotStore) -> Judged {
        let told = self.told.clone();
        let leaves = self.handling == DriftHandling::Report;
        if self.foreign.is_none() && !(leaves && told.as_ref().is_some_and(Drift::is_left)) {
            // What was left is healed from now on, and no longer told as left.
            let drift = told.map(|drift| Drift { handling: DriftHandling::Heal, ..drift });
            return Judged { drift, ..Judged::default() };
        }
        let out_of_step = self.out_of_step();
        let edited = self.edited(&out_of_step, snapshots).await;
        if !leaves && edited.is_empty() {
            // The lists are others than they were left, and no product is known that this moved:
            // there is nothing new to tell.
            let drift = told.map(|drift| Drift { handling: DriftHandling::Heal, ..drift });
            return Judged { drift, ..Judged::default() };
        }
        let left = told.as_ref().filter(|drift| leaves && drift.is_left());
        // Beyond the bound it is not known which they were: then all are left.
        let too_many = left.is_some_and(|drift| drift.products > drift.edited.len());
        let carried: BTreeSet<_> = left.iter().flat_map(|drift| &drift.edited).map(|it| &it.product).collect();
        let carried = out_of_step.iter().filter(|id| too_many || carried.contains(*id));
        let all: BTreeSet<_> = edited.iter().chain(carried).cloned().collect();
        let most = if leaves { MAX_EDITED } else { MAX_HEALED };
        let shown = all.iter().take(most).map(|id| EditedProduct { product: id.clone(), now: self.listed(id) });
        let (times, noticed_at) = told.as_ref().map_or((0, None), |drift| (drift.times, Some(drift.noticed_at)));
        let is_new = self.foreign.is_some();
        let drift = Drift {
            noticed_at: noticed_at.filter(|_| !is_new).unwrap_or(self.began),
            times: times + u32::from(is_new),
            products: all.len(),
            edited: shown.collect(),
            handling: self.handling,
            by: self.foreign.map_or_else(|| told.map(|drift| drift.by).unwrap_or_default(), |foreign| foreign.by),
            rest_applied: false,
        };
        let left_alone = if leaves { all } else { BTreeSet::new() };
        Judged { drift: Some(drift), left_alone }
    }

    /// Whether somebody must have changed the lists: all was as the same snapshot and filter asked
    /// for, and is not now.
    fn must_be_edited(&self, before: &Receipt) -> bool {
        let same_snapshot = (before.version, before.digest) == (self.snapshot.version(), self.snapshot.digest());
        let same = same_snapshot && before.filter == self.filter;
        was_settled(before) && same && !self.out_of_step().is_empty()
    }

    /// The products that are not as hub and filter ask for, whatever a guard rail says of them.
    fn out_of_step(&self) -> BTreeSet<ProductId> {
        let observed = Observed { approved: &self.live.policy.approved, rejected: &self.live.policy.rejected };
        let version = self.snapshot.version();
        let all = plan(self.desired, observed, version, GuardRails::default(), Some(version));
        all.map(|plan| plan.allow().union(plan.deny()).cloned().collect()).unwrap_or_default()
    }

    /// Those of them that others edited since the last pass.
    async fn edited(&self, out_of_step: &BTreeSet<ProductId>, snapshots: &dyn SnapshotStore) -> BTreeSet<ProductId> {
        let (Some(before), Some(foreign)) = (self.before, &self.foreign) else { return BTreeSet::new() };
        let same_filter = before.filter == self.filter;
        let same_snapshot = (before.version, before.digest) == (self.snapshot.version(), self.snapshot.digest());
        if !(was_settled(before) && same_filter) {
            return out_of_step.intersection(&foreign.named).cloned().collect();
        }
        if same_snapshot {
            return out_of_step.clone();
        }
        let older = self.older(before.version, before.digest, snapshots).await;
        let now = self.snapshot.content();
        let unmoved = |id: &ProductId| older.as_ref().is_some_and(|older| says(older, id) == says(now, id));
        out_of_step.iter().filter(|id| foreign.named.contains(*id) || unmoved(id)).cloned().collect()
    }

    /// What the hub said in the snapshot of the last pass, where the ledger keeps it.
    async fn older(&self, version: SnapshotVersion, digest: Digest, snapshots: &dyn SnapshotStore) -> Option<Content> {
        let older = snapshots.fetch(self.snapshot.experience(), version).await.ok()?;
        (older.digest() == digest).then(|| older.content().clone())
    }

    fn listed(&self, id: &ProductId) -> ListedAs {
        let policy = &self.live.policy;
        if policy.approved.contains(id) {
            ListedAs::Approved
        } else if policy.rejected.contains(id) {
            ListedAs::Rejected
        } else {
            ListedAs::Unlisted
        }
    }
}

fn says(content: &Content, id: &ProductId) -> ListedAs {
    match (content.approved().contains(id), content.rejected().contains(id)) {
        (true, _) => ListedAs::Approved,
        (false, true) => ListedAs::Rejected,
        (false, false) => ListedAs::Unlisted,
    }
}

/// Whether a pass brought everything into step, but for what others set and it left.
fn was_settled(before: &Receipt) -> bool {
    match before.status {
        ReceiptStatus::InSync => true,
        ReceiptStatus::Partial => {
            before.deferred.is_empty() && before.drift.as_ref().is_some_and(|drift| drift.rest_applied)
        }
        _ => false,
    }
}

/// The receipt of an experience in which some products stay as others set them, and all others are
/// applied: not in step, and finished.
pub(crate) fn left_as_set(receipt: Receipt) -> Receipt {
    let Some(drift) = receipt.drift.as_ref().filter(|drift| drift.is_left()) else { return receipt };
    if receipt.status != ReceiptStatus::InSync {
        return receipt;
    }
    let error = Some(format!("{drift} (PMP_DRIFT)"));
    let pending = drift.products;
    let drift = Some(Drift { rest_applied: true, ..drift.clone() });
    Receipt { status: ReceiptStatus::Partial, applied_at: None, error, pending, drift, ..receipt }
}
